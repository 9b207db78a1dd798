"""Friendly-SAM."""

from __future__ import annotations

from bsam_suite.sharpness.rule import Along, Here, Rule, RuleContext, Walk, check_decay


class FriendlySAM(Rule):
    """Friendly-SAM: ``g_max = grad L(w + rho d/|d|)`` with ``d = g - sigma m``.

    m is the moving average of the gradients of earlier steps, after each step
    ``m <- lmbda m + (1 - lmbda) g``: what it leaves of g is the noise of the batch. In the first
    step there is no m yet, d = g, and m becomes g. T. Li et al., "Friendly Sharpness-Aware
    Minimization", arXiv 2403.12350, as in the authors' code. (With sigma = 1 an m that already
    held g would give the same direction.)

    Args:
        rho: radius of the neighbourhood. Default 0.05.
        sigma: how much of the average is taken off. Default 1.
        lmbda: decay of the average. Default 0.9.

    Raises:
        InputError: a hyperparameter is negative or no number, or lmbda is 1 or more.
    """

    checks = {"lmbda": check_decay}

    def __init__(self, rho: float = 0.05, sigma: float = 1.0, lmbda: float = 0.9) -> None:
        super().__init__(rho=rho, sigma=sigma, lmbda=lmbda)

    def gradient(self, h: RuleContext) -> Walk:
        g = yield Here()
        m = h.memory["gradient_average"]
        h.memory["gradient_average"] = h.lmbda * m.filled(g) + (1 - h.lmbda) * g
        g_max = yield Along(g - h.sigma * m, h.rho, "loss_max")
        return g_max
