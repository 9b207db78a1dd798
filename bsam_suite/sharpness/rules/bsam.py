"""BSAM."""

from __future__ import annotations

from bsam_suite.errors import InputError
from bsam_suite.sharpness.rule import Along, Here, Rule, RuleContext, Walk, check_flag
from bsam_suite.sharpness.vector import PerGroup, Vector, ratio


class BSAM(Rule):
    """Bilateral Sharpness-Aware Minimization: ``g_max + g - (|g_max| / |g_min|) g_min``.

    With ``g_max = grad L(w + rho g/|g|)`` and ``g_min = grad L(w - rho_min g/|g|)``: SAM's
    max-sharpness and, with it, the min-sharpness L(w) - L(w_min). arXiv 2409.13173.

    Args:
        rho: radius upwards, to w_max. Default 0.05.
        rho_min: radius downwards, to w_min. Default 0.05.
        rho_min_follows_lr: scale rho_min by the learning rate over the largest one of its
            schedule; the paper divides by the initial one. Needs a scheduler (MMEngine's and
            PyTorch's record these rates); without one rho_min is constant.
        start: ``"center"`` steps the base optimizer from w, as the formula says. ``"released"``
            does what the authors' released code does: that code restores a tensor which it has
            itself moved, so that the base optimizer starts from ``w - rho_min g/|g|`` and the
            weights drift even at a learning rate of 0. For reproducing published runs only.

    Raises:
        InputError: a radius is negative or no number, or start is unknown.
    """

    def __init__(
        self,
        rho: float = 0.05,
        rho_min: float = 0.05,
        rho_min_follows_lr: bool = True,
        start: str = "center",
    ) -> None:
        super().__init__(rho=rho, rho_min=rho_min)
        check_flag("rho_min_follows_lr", rho_min_follows_lr, type(self).__name__)
        if start not in ("center", "released"):
            raise InputError(f"start={start!r} in BSAM: give 'center' or 'released'")
        self.rho_min_follows_lr = rho_min_follows_lr
        self.stays_at_last_point = start == "released"

    def gradient(self, h: RuleContext) -> Walk:
        rho_min = h.rho_min * h.lr_fraction if self.rho_min_follows_lr else h.rho_min
        g = yield Here()
        g_max = yield self.point(h, g, h.rho, "loss_max")
        max_norm = g_max.norm()
        step = g_max.add_(g)
        g_min = yield self.point(h, g.take(), -rho_min, "loss_min")
        return step.add_(g_min, alpha=-ratio(max_norm, g_min.norm()))

    def point(self, h: RuleContext, g: Vector, rho: PerGroup, name: str) -> Along:
        """The point at distance rho from w, along g."""
        return Along(g, rho, name)
