"""Agnostic-SAM."""

from __future__ import annotations

from bsam_suite.sharpness.rule import Along, Auxiliary, Here, Rule, RuleContext, Walk


class AgnosticSAM(Rule):
    """Agnostic-SAM: ``g_max = grad L(w + rho (lmbda g/|g| - g_a/|g_a|))``.

    g_a is the gradient at w of an auxiliary batch: other samples, a quarter as many. To first order
    the step lowers the sharpness and turns g towards g_a. V.-A. Nguyen et al., "Agnostic
    Sharpness-Aware Minimization", arXiv 2406.07107; later "Align-SAM", ICLR 2026. No code was
    published, and the formula here is known from notes of others on these papers. They give lmbda
    2, rho 0.05 on CIFAR-10 and 0.1 on CIFAR-100, and accuracies on CIFAR-100 of 83.72 against 83.00
    with SAM (WRN-28-10) and 69.10 against 68.72 (DenseNet-121).

    There the auxiliary batch is drawn from the training set beside the batch. Here, in the MMEngine
    face, it is the last fifth of what the loader gives: of 160 samples 128 are the batch and 32 the
    auxiliary one. So there is no second loader, a resumed run goes on bit for bit, every process
    makes the same passes, and a step costs 1.8 of them over the loaded data; but an epoch trains on
    four fifths of its samples, other ones each time. A quarter of the batch itself would not do:
    with lmbda 2 the bracket loses its noise, and so the direction that sets it apart from SAM. Nor
    would the batch before this one, which no checkpoint holds. In the plain face the auxiliary
    batch is yours: ``step(closure, auxiliary=...)``.

    Args:
        rho: radius: the weights move by ``lmbda - 1`` to ``lmbda + 1`` times as much. Default 0.05.
        lmbda: how far upwards along g for each step downwards along g_a. Default 2.

    Raises:
        InputError: rho or lmbda is negative or no number.
    """

    auxiliary = True

    def __init__(self, rho: float = 0.05, lmbda: float = 2.0) -> None:
        super().__init__(rho=rho, lmbda=lmbda)

    def gradient(self, h: RuleContext) -> Walk:
        g = yield Here()
        if h.rho.all_zero:
            return g
        g_a = yield Auxiliary()
        norm, norm_a = g.norm(where=h.rho), g_a.norm(where=h.rho)
        # The bracket times |g|. Norm 0/0 or inf/inf, of a g_a without a direction, leads nowhere.
        d = g.mul_(h.lmbda).add_(g_a.take(), alpha=-norm / norm_a)
        g_max = yield Along(d.take(), h.rho, "loss_max", norm=norm * (norm_a / norm_a))
        return g_max
