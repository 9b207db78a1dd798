"""Sharpness-aware optimizers for a plain PyTorch loop, Lightning or Accelerate."""

from bsam_suite.optim.hyperparameter import hyperparameter
from bsam_suite.optim.optimizer import BSAM, SharpnessOptimizer

__all__ = ["BSAM", "SharpnessOptimizer", "hyperparameter"]
