"""GCSAM."""

from __future__ import annotations

from torch import Tensor

from bsam_suite.sharpness.rule import Along, Here, Rule, RuleContext, Walk


class GCSAM(Rule):
    """Gradient Centralized SAM: ``g_max = grad L(w + rho c/|g|)``, c the centralized g.

    Centralizing takes off the mean over the inputs of each output (of each row of a matrix, each
    filter of a convolution); vectors such as biases stay. M. Hassan et al., "GCSAM: Gradient
    Centralized Sharpness Aware Minimization", arXiv 2501.11584, as in the authors' code: it
    divides by the norm of g, not of c, so that w moves by rho at most, and hands g_max to the base
    optimizer as it is.

    Args:
        rho: radius of the neighbourhood. Default 0.05.

    Raises:
        InputError: rho is negative or no number.
    """

    def __init__(self, rho: float = 0.05) -> None:
        super().__init__(rho=rho)

    def gradient(self, h: RuleContext) -> Walk:
        g = yield Here()
        g_max = yield Along(g.map(centralized), h.rho, "loss_max", norm=g.norm(where=h.rho))
        return g_max


def centralized(g: Tensor) -> Tensor:
    """``g`` less its mean over all dimensions but the first, if it has more than one."""
    return g - g.mean(dim=tuple(range(1, g.ndim)), keepdim=True) if g.ndim > 1 else g
