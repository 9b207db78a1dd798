"""Sharpness-aware rules and the step that carries them out. Pure PyTorch."""

from bsam_suite.sharpness.context import Memory, RuleContext
from bsam_suite.sharpness.forward_state import RandomState
from bsam_suite.sharpness.late import Late
from bsam_suite.sharpness.rule import Along, Auxiliary, Here, Rule
from bsam_suite.sharpness.rules import *  # noqa: F403
from bsam_suite.sharpness.rules import __all__ as _rules
from bsam_suite.sharpness.step import SharpnessStep
from bsam_suite.sharpness.vector import PerGroup, Vector, ratio
from bsam_suite.sharpness.weights import perturbed

__all__ = [
    *_rules,
    "Along",
    "Auxiliary",
    "Here",
    "Late",
    "Memory",
    "PerGroup",
    "RandomState",
    "Rule",
    "RuleContext",
    "SharpnessStep",
    "Vector",
    "perturbed",
    "ratio",
]
