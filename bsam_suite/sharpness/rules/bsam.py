"""BSAM."""

from __future__ import annotations

from bsam_suite.errors import InputError
from bsam_suite.sharpness.rule import (
    Along,
    Here,
    Rule,
    RuleContext,
    Walk,
    check_flag,
    check_period,
    check_positive,
)
from bsam_suite.sharpness.vector import PerGroup, Vector, ratio


class BSAM(Rule):
    """Bilateral Sharpness-Aware Minimization: ``g_max + g - (|g_max| / |g_min|) g_min``.

    With ``g_max = grad L(w + rho g/|g|)`` and ``g_min = grad L(w - rho_min g/|g|)``: SAM's
    max-sharpness and, with it, the min-sharpness L(w) - L(w_min). arXiv 2409.13173.

    With ``k`` it costs 1 + 1/k passes (docs/cheap_bsam.md). Each k-th step makes two: g_min is
    taken from the line through w and w_max, ``g - (rho_min / rho) (g_max - g)``, and what the
    formula adds to g is kept as ``a g + v``, v at right angles to g. The steps between make one:
    ``(1 + a) g + v min(|g| / |g at that step|, cap)``.

    Args:
        rho: radius upwards, to w_max. Default 0.05.
        rho_min: radius downwards, to w_min. Default 0.05. With ``k`` its ratio to rho is taken over
            all parameter groups.
        rho_min_follows_lr: scale rho_min by the learning rate over the largest one of its
            schedule; the paper divides by the initial one. Needs a scheduler (MMEngine's and
            PyTorch's record these rates); without one rho_min is constant.
        start: ``"center"`` steps the base optimizer from w, as the formula says. ``"released"``
            does what the authors' released code does: that code restores a tensor which it has
            itself moved, so that the base optimizer starts from ``w - rho_min g/|g|`` and the
            weights drift even at a learning rate of 0. For reproducing published runs only.
        k: steps from one visit of w_max to the next, from 1; None for the exact rule.
        cap: the largest factor of v between them; None for no bound. Default 1.

    Raises:
        InputError: a radius is negative or no number, k is no whole number from 1, cap is not
            positive, start is unknown or does not go with k.
    """

    reuses = "bsam_orthogonal"

    def __init__(
        self,
        rho: float = 0.05,
        rho_min: float = 0.05,
        rho_min_follows_lr: bool = True,
        start: str = "center",
        k: int | None = None,
        cap: float | None = 1.0,
    ) -> None:
        super().__init__(rho=rho, rho_min=rho_min)
        name = type(self).__name__
        check_flag("rho_min_follows_lr", rho_min_follows_lr, name)
        if start not in ("center", "released"):
            raise InputError(f"start={start!r} in {name}: give 'center' or 'released'")
        if k is not None:
            check_period("k", k, name)
            if start == "released":
                raise InputError(f"start={start!r} in {name}: with k={k} no step goes to w_min")
        if cap is not None:
            check_positive("cap", cap, name)
        self.rho_min_follows_lr, self.k, self.cap = rho_min_follows_lr, k, cap
        self.stays_at_last_point = start == "released"

    def radii(self, h: RuleContext) -> list[PerGroup]:
        if self.k is not None and not h.rho.all_zero:
            return [h.rho] if self.refreshes(h) else []
        return [h.rho, self.downwards(h)]

    def gradient(self, h: RuleContext) -> Walk:
        if self.k is not None and not h.rho.all_zero:
            return (yield from self.each_kth(h))
        rho_min = self.downwards(h)
        g = yield Here()
        if h.rho.all_zero and rho_min.all_zero:
            return g
        g_max = yield self.point(h, g, h.rho, "loss_max")
        max_norm = g_max.norm()
        step = g_max.add_(g)
        g_min = yield self.point(h, g.take(), -rho_min, "loss_min")
        return step.add_(g_min, alpha=-ratio(max_norm, g_min.norm()))

    def each_kth(self, h: RuleContext) -> Walk:
        """The rule at 1 + 1/k passes."""
        g = yield Here()
        if not self.refreshes(h):
            v, norm = h.memory[self.reuses], h.memory.number("bsam_norm")
            a = ratio(h.memory.number("bsam_parallel"), norm)
            factor = ratio(g.norm(), norm)
            factor = factor if self.cap is None else factor.clamp(max=self.cap)
            return g.mul_(1 + a).add_(v.within(g), alpha=factor)
        h.memory.free(self.reuses)
        g_max = yield self.point(h, g, h.rho, "loss_max")
        q = sum(self.downwards(h)) / sum(h.rho)
        # Of g_min, (1 + q) g - q g_max, the norm alone is needed.
        gg, gm, mm = g.norm() ** 2, g.dot(g_max), g_max.norm() ** 2
        min_squared = (1 + q) ** 2 * gg - 2 * q * (1 + q) * gm + q**2 * mm
        r = ratio(g_max.norm(), min_squared.clamp(min=0).sqrt())
        # g_max + g - r g_min, and of g_max what is along g and what is not
        along = ratio(gm, gg)
        v = g_max.add_(g, alpha=-along)
        v, norm = v.mul_(1 + q * r), g.norm()
        a = (1 + q * r) * along - r * (1 + q)
        if self.k != 1:
            h.memory[self.reuses], h.memory["bsam_norm"] = v, norm
            h.memory["bsam_parallel"] = a * norm
        return g.mul_(1 + a).add_(v)

    def downwards(self, h: RuleContext) -> PerGroup:
        """rho_min, as the learning rate has it."""
        return h.rho_min * h.lr_fraction if self.rho_min_follows_lr else h.rho_min

    def point(self, h: RuleContext, g: Vector, rho: PerGroup, name: str) -> Along:
        """Where the step ``h`` looks: rho from w along g; ``name`` is that of the loss there."""
        return Along(g, rho, name)
