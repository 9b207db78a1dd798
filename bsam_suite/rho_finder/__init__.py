"""Which radius to train a sharpness-aware rule with, from a few short runs: docs/find_rho.md."""

from bsam_suite.rho_finder.find import RADII, Found
from bsam_suite.rho_finder.line import Look, look
from bsam_suite.rho_finder.loop import find_rho

__all__ = ["RADII", "Found", "Look", "find_rho", "look"]
