"""How flat the loss is around the weights of a network: its Hessian and its sharpness."""

from bsam_suite.flatness.objective import Objective

__all__ = ["Objective"]
