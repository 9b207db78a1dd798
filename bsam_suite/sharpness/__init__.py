"""Sharpness-aware rules and the walk that carries them out. Pure PyTorch."""

from bsam_suite.sharpness.forward_state import ForwardState, ModuleState, RandomState
from bsam_suite.sharpness.memory import Memory
from bsam_suite.sharpness.parallel import without_sync
from bsam_suite.sharpness.perturbed import perturbed
from bsam_suite.sharpness.rule import Along, Here, Rule
from bsam_suite.sharpness.rules import ASAM, BSAM, GCSAM, GSAM, SAM, AdaptiveBSAM, FriendlySAM
from bsam_suite.sharpness.step import SharpnessStep
from bsam_suite.sharpness.vector import PerGroup, Vector, ratio
from bsam_suite.sharpness.walk import walk

__all__ = [
    "ASAM",
    "AdaptiveBSAM",
    "Along",
    "BSAM",
    "ForwardState",
    "FriendlySAM",
    "GCSAM",
    "GSAM",
    "Here",
    "Memory",
    "ModuleState",
    "PerGroup",
    "RandomState",
    "Rule",
    "SAM",
    "SharpnessStep",
    "Vector",
    "without_sync",
    "perturbed",
    "ratio",
    "walk",
]
