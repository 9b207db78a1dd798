"""Sharpness-aware rules and the step that carries them out. Pure PyTorch."""

from bsam_suite.sharpness.context import Memory, RuleContext
from bsam_suite.sharpness.forward_state import RandomState
from bsam_suite.sharpness.late import Late
from bsam_suite.sharpness.rule import Along, Here, Rule
from bsam_suite.sharpness.rules import ASAM, BSAM, GCSAM, GSAM, SAM, AdaptiveBSAM, FriendlySAM
from bsam_suite.sharpness.step import SharpnessStep
from bsam_suite.sharpness.vector import PerGroup, Vector, ratio
from bsam_suite.sharpness.weights import perturbed

__all__ = [
    "ASAM",
    "AdaptiveBSAM",
    "Along",
    "BSAM",
    "FriendlySAM",
    "GCSAM",
    "GSAM",
    "Here",
    "Late",
    "Memory",
    "PerGroup",
    "RandomState",
    "Rule",
    "RuleContext",
    "SAM",
    "SharpnessStep",
    "Vector",
    "perturbed",
    "ratio",
]
