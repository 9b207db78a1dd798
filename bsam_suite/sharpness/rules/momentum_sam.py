"""Momentum-SAM."""

from __future__ import annotations

from bsam_suite.errors import InputError
from bsam_suite.sharpness.rule import Along, Rule, RuleContext, Walk
from bsam_suite.sharpness.vector import PerGroup, Vector


class MomentumSAM(Rule):
    """Momentum-SAM: ``grad L(w - rho v/|v|)``, v the base optimizer's momentum.

    One pass, which is made there and not at w: the loss of a step is the loss there. v is SGD's
    ``momentum_buffer``, or the ``exp_avg`` of Adam and its kin. M. Becker et al., "Momentum-SAM:
    Sharpness Aware Minimization without Computational Overhead", arXiv 2401.12033. The authors'
    code leaves the weights there between steps; here they are w between them.

    Args:
        rho: distance from w. Default 0.3.

    Raises:
        InputError: rho is negative or no number; in a step, the base optimizer keeps no momentum.
    """

    def __init__(self, rho: float = 0.3) -> None:
        super().__init__(rho=rho)

    def radii(self, h: RuleContext) -> list[PerGroup]:
        return []

    def gradient(self, h: RuleContext) -> Walk:
        g = yield Along(momentum(h), -h.rho, "loss")
        return g


def momentum(h: RuleContext) -> Vector:
    """The base optimizer's momentum, with ``None`` where there is none yet.

    Raises:
        InputError: it keeps none.
    """
    optimizer = h.memory.optimizer
    found = h.memory["momentum_buffer"].filled(h.memory["exp_avg"])
    keeps_none = any(group.get("momentum") == 0 for group in optimizer.param_groups)
    if keeps_none or (optimizer.state and not found.tensors()):
        raise InputError(
            f"MomentumSAM looks along the base optimizer's momentum, and {type(optimizer).__name__}"
            " keeps none: give it momentum=0.9, or take Adam"
        )
    return found
