"""Sharpness-aware training in MMEngine."""

from bsam_suite.engine import (  # noqa: F401
    amp,
    curves,
    divergence,
    flatness_hook,
    fully_sharded,
    pretrained,
    reproduce,
    resolve,
)
from bsam_suite.engine.optim_wrapper import BSAMOptimWrapper, SharpnessOptimWrapper
from bsam_suite.engine.registry import RULES

__all__ = ["BSAMOptimWrapper", "RULES", "SharpnessOptimWrapper"]
