"""Heads whose last layer is not the last to be made: quantization gives it the last one's bits."""

from mmseg.models.decode_heads.decode_head import BaseDecodeHead

from bsam_suite.quantization import LAST_LAYERS

LAST_LAYERS[BaseDecodeHead] = ["conv_seg"]
