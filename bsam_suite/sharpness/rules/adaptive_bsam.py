"""BSAM in ASAM's neighbourhood."""

from __future__ import annotations

from bsam_suite.sharpness.rule import Along, RuleContext, check_positive
from bsam_suite.sharpness.rules.asam import adaptive
from bsam_suite.sharpness.rules.bsam import BSAM
from bsam_suite.sharpness.vector import PerGroup, Vector


class AdaptiveBSAM(BSAM):
    """BSAM in ASAM's neighbourhood: ``g_max + g - (|g_max| / |g_min|) g_min``.

    With g_max at ``w + rho T^2 g / |T g|`` and g_min at ``w - rho_min T^2 g / |T g|``, where
    ``T = |w| + eta`` element by element: BSAM (arXiv 2409.13173) where ASAM (arXiv 2102.11600)
    looks. The two have no paper in common; the default radii are ASAM's.

    Args:
        rho: radius upwards, in units of the weights. Default 0.5.
        rho_min: radius downwards, in units of the weights. Default 0.5.
        eta: keeps T off 0 where a weight is 0. Default 0.01.
        **kwargs: ``rho_min_follows_lr``, ``start``, ``k`` and ``cap``, as in :class:`BSAM`.

    Raises:
        InputError: a radius is negative, eta is not positive, one is no number, or start is
            unknown.
    """

    checks = {"eta": check_positive}

    def __init__(
        self,
        rho: float = 0.5,
        rho_min: float = 0.5,
        eta: float = 0.01,
        **kwargs,
    ) -> None:
        super().__init__(rho, rho_min, **kwargs)
        self.add(eta=eta)

    def point(self, h: RuleContext, g: Vector, rho: PerGroup, name: str) -> Along:
        return adaptive(h, g, rho, name)
