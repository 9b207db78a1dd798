"""SAM."""

from __future__ import annotations

from bsam_suite.sharpness.rule import Along, Here, Rule, RuleContext, Walk


class SAM(Rule):
    """Sharpness-Aware Minimization: ``g_max = grad L(w + rho g/|g|)``.

    P. Foret et al., "Sharpness-Aware Minimization for Efficiently Improving Generalization",
    arXiv 2010.01412.

    Args:
        rho: radius of the neighbourhood. Default 0.05.

    Raises:
        InputError: rho is negative or no number.
    """

    def __init__(self, rho: float = 0.05) -> None:
        super().__init__(rho=rho)

    def gradient(self, h: RuleContext) -> Walk:
        g = yield Here()
        g_max = yield Along(g.take(), h.rho, "loss_max")
        return g_max
