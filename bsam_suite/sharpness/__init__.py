"""Sharpness-aware rules and the walk that carries them out. Pure PyTorch."""

from bsam_suite.sharpness.forward_state import RandomState, frozen_buffers
from bsam_suite.sharpness.memory import Memory
from bsam_suite.sharpness.optimizer import SharpnessOptimizer
from bsam_suite.sharpness.rule import Along, Here, Rule
from bsam_suite.sharpness.rules import ASAM, BSAM, GCSAM, GSAM, SAM, AdaptiveBSAM, FriendlySAM
from bsam_suite.sharpness.vector import PerGroup, Vector, ratio
from bsam_suite.sharpness.walk import walk

__all__ = [
    "ASAM",
    "AdaptiveBSAM",
    "Along",
    "BSAM",
    "FriendlySAM",
    "GCSAM",
    "GSAM",
    "Here",
    "Memory",
    "PerGroup",
    "RandomState",
    "Rule",
    "SAM",
    "SharpnessOptimizer",
    "Vector",
    "frozen_buffers",
    "ratio",
    "walk",
]
