"""The reuse of vSAM."""

from __future__ import annotations

from bsam_suite.sharpness.rule import (
    Along,
    Here,
    Rule,
    RuleContext,
    Walk,
    check_decay,
    check_period,
)

#: Steps after which nothing is reused any more, as in the authors' code.
LAST = 6


class VSAM(Rule):
    """vSAM's reuse: SAM's ``g_max = grad L(w + rho g/|g|)`` in each k-th step, and j steps after it
    ``g + beta^j (g_max - g)`` with the bracket as it was found there, up to j = 6.

    1 + 1/k passes. J. Deng et al., "Effective Gradient Sample Size via Variation Estimation for
    Accelerating Sharpness Aware Minimization", arXiv 2403.08821, as in the authors' code but for
    its sampling: there the steps that visit w_max are drawn, at a rate that follows how
    ``|g_max - g|`` varies; here they are every k-th.

    Args:
        rho: radius of the neighbourhood. Default 0.05.
        k: steps from one visit of w_max to the next, from 1. Default 5.
        beta: decay of what is reused. Default 0.7.

    Raises:
        InputError: a hyperparameter is negative or no number, beta is 1 or more, or k is no whole
            number from 1.
    """

    checks = {"beta": check_decay}
    reuses = "vsam_difference"

    def __init__(self, rho: float = 0.05, k: int = 5, beta: float = 0.7) -> None:
        super().__init__(rho=rho, beta=beta)
        check_period("k", k, type(self).__name__)
        self.k: int = k

    def gradient(self, h: RuleContext) -> Walk:
        g = yield Here()
        if h.rho.all_zero:
            return g
        if not self.refreshes(h):
            j = h.step % self.k
            if j > LAST:
                return g
            decayed = type(h.beta)(beta**j for beta in h.beta)
            return g.add_(h.memory[self.reuses].within(g), alpha=decayed)
        h.memory.free(self.reuses)
        g_max = yield Along(g, h.rho, "loss_max")
        h.memory[self.reuses] = g.mul_(-1).add_(g_max)
        return g_max
