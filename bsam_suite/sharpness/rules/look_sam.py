"""LookSAM."""

from __future__ import annotations

from bsam_suite.sharpness.rule import Along, Here, Rule, RuleContext, Walk, check_period
from bsam_suite.sharpness.vector import Number, PerGroup, ratio


class LookSAM(Rule):
    """LookSAM: SAM's ``g_max = grad L(w + rho g/|g|)`` in each k-th step, and between them
    ``g + alpha |g| g_v / |g_v|``.

    g_v is the part of the last g_max at right angles to its g. 1 + 1/k passes. Y. Liu et al.,
    "Towards Efficient and Scalable Sharpness-Aware Minimization", arXiv 2203.02714; the formula is
    that of public descriptions and implementations of it. Norms and right angles are those of the
    whole gradient here, where some implementations take each tensor's.

    Args:
        rho: radius of the neighbourhood. Default 0.05.
        k: steps from one visit of w_max to the next, from 1. Default 5.
        alpha: how long the reused part is against g. None leaves it as long against g as it was
            when it was found, ``g + (|g| / |g at that step|) g_v``: BSAM's ``k`` without its other
            parts, where rho is BSAM's rho + rho_min. Default 0.7.

    Raises:
        InputError: rho or alpha is negative or no number, or k is no whole number from 1.
    """

    reuses = "looksam_orthogonal"

    def __init__(self, rho: float = 0.05, k: int = 5, alpha: float | None = 0.7) -> None:
        super().__init__(rho=rho, **({} if alpha is None else {"alpha": alpha}))
        check_period("k", k, type(self).__name__)
        self.k = k

    def gradient(self, h: RuleContext) -> Walk:
        g = yield Here()
        if h.rho.all_zero:
            return g
        if not self.refreshes(h):
            factor: PerGroup | Number = ratio(g.norm(), h.memory.number("looksam_norm"))
            if "alpha" in self.hyper:
                factor = h.alpha * factor
            return g.add_(h.memory[self.reuses].within(g), alpha=factor)
        h.memory.free(self.reuses)
        g_max = yield Along(g, h.rho, "loss_max")
        along = ratio(g_max.dot(g), g.norm() ** 2)
        v = g_max.add_(g, alpha=-along)
        h.memory[self.reuses] = v
        h.memory["looksam_norm"] = v.norm() if "alpha" in self.hyper else g.norm()
        return g.mul_(along).add_(v)
