"""ASAM, and its neighbourhood for other rules."""

from __future__ import annotations

from bsam_suite.sharpness.rule import Along, Here, Rule, RuleContext, Walk, check_positive
from bsam_suite.sharpness.vector import PerGroup, Vector


class ASAM(Rule):
    """Adaptive SAM: ``g_max = grad L(w + rho T^2 g / |T g|)`` with ``T = |w| + eta``.

    T is taken element by element, so that the neighbourhood scales with the weights. J. Kwon et
    al., "ASAM: Adaptive Sharpness-Aware Minimization for Scale-Invariant Learning of Deep Neural
    Networks", arXiv 2102.11600. Here T holds for every parameter; the authors' code sets T = 1
    for parameters whose name has no "weight" in it, such as biases.

    Args:
        rho: radius of the neighbourhood, in units of the weights. Default 0.5.
        eta: keeps T off 0 where a weight is 0. Default 0.01.

    Raises:
        InputError: rho is negative, eta is not positive, or one is no number.
    """

    checks = {"eta": check_positive}

    def __init__(self, rho: float = 0.5, eta: float = 0.01) -> None:
        super().__init__(rho=rho, eta=eta)

    def gradient(self, h: RuleContext) -> Walk:
        g = yield Here()
        g_max = yield adaptive(h, g.take(), h.rho, "loss_max")
        return g_max


def adaptive(h: RuleContext, g: Vector, rho: PerGroup, name: str) -> Along:
    """The point ``w + rho T^2 g / |T g|`` with ``T = |w| + eta``."""
    T = abs(h.w) + h.eta
    return Along(T * T * g, rho, name, norm=(T * g).norm(where=rho))
