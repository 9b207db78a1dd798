"""Sharpness-aware training in MMEngine."""

from bsam_suite.engine import amp, curves, divergence, reproduce, resolve  # noqa: F401
from bsam_suite.engine.optim_wrapper import BSAMOptimWrapper, SharpnessOptimWrapper
from bsam_suite.engine.registry import RULES

__all__ = ["BSAMOptimWrapper", "RULES", "SharpnessOptimWrapper"]
