"""GSAM."""

from __future__ import annotations

from bsam_suite.sharpness.rule import Along, Here, Rule, RuleContext, Walk

#: Keeps denominators off 0, as in the authors' code.
EPS = 1e-12


class GSAM(Rule):
    """Surrogate Gap SAM: ``g_max - alpha (g - cos(g, g_max) |g| g_max / |g_max|)``.

    With ``g_max = grad L(w + rho g/|g|)``; the bracket is the component of g orthogonal to g_max,
    along which the surrogate gap L(w_max) - L(w) falls while L(w_max) stays. J. Zhuang et al.,
    "Surrogate Gap Minimization Improves Sharpness-Aware Training", arXiv 2203.08065. There rho
    follows the learning rate; here a scheduler of rho does that.

    Args:
        rho: radius of the neighbourhood. Default 0.05.
        alpha: weight of the surrogate gap. Default 0.4.

    Raises:
        InputError: a hyperparameter is negative or no number.
    """

    def __init__(self, rho: float = 0.05, alpha: float = 0.4) -> None:
        super().__init__(rho=rho, alpha=alpha)

    def gradient(self, h: RuleContext) -> Walk:
        g = yield Here()
        g_max = yield Along(g, h.rho, "loss_max")
        cosine = g.dot(g_max) / (g.norm() * g_max.norm() + EPS)
        along = cosine * g.norm() / (g_max.norm() + EPS)
        return g_max.mul_(1 + h.alpha * along).add_(g, alpha=-h.alpha)
