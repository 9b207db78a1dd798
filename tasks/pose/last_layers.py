"""Heads that end in a layer for x and one for y: quantization gives both the last one's bits."""

from mmpose.models.heads import RTMCCHead, SimCCHead

from bsam_suite.quantization import LAST_LAYERS

LAST_LAYERS[RTMCCHead] = ["cls_*"]
LAST_LAYERS[SimCCHead] = ["mlp_head_*"]
