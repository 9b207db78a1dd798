"""Sharpness-aware training in MMEngine."""

from bsam_suite.engine.optim_wrapper import BSAMOptimWrapper, SharpnessOptimWrapper
from bsam_suite.engine.registry import RULES

__all__ = ["BSAMOptimWrapper", "RULES", "SharpnessOptimWrapper"]
