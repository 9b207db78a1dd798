"""The rules: each is its paper's formula. w are the weights, g = grad L(w), |.| the 2-norm."""

from bsam_suite.sharpness.rules.adaptive_bsam import AdaptiveBSAM
from bsam_suite.sharpness.rules.agnostic_sam import AgnosticSAM
from bsam_suite.sharpness.rules.asam import ASAM
from bsam_suite.sharpness.rules.bsam import BSAM
from bsam_suite.sharpness.rules.friendly_sam import FriendlySAM
from bsam_suite.sharpness.rules.gcsam import GCSAM
from bsam_suite.sharpness.rules.gsam import GSAM
from bsam_suite.sharpness.rules.look_sam import LookSAM
from bsam_suite.sharpness.rules.momentum_sam import MomentumSAM
from bsam_suite.sharpness.rules.sam import SAM
from bsam_suite.sharpness.rules.vsam import VSAM

__all__ = [
    "ASAM",
    "AdaptiveBSAM",
    "AgnosticSAM",
    "BSAM",
    "FriendlySAM",
    "GCSAM",
    "GSAM",
    "LookSAM",
    "MomentumSAM",
    "SAM",
    "VSAM",
]
