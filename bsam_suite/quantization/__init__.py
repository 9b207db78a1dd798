"""Quantization-aware training of PyTorch models, and their packed checkpoints and ONNX files."""

from typing import TYPE_CHECKING

from bsam_suite.quantization.calibration import calibrate, needs_calibration
from bsam_suite.quantization.convert import layer_bits, quantize
from bsam_suite.quantization.fake_quantizers import *  # noqa: F403
from bsam_suite.quantization.fake_quantizers import __all__ as _fake_quantizers
from bsam_suite.quantization.last_layers import LAST_LAYERS
from bsam_suite.quantization.learned_rounding import learn_rounding
from bsam_suite.quantization.packed.checkpoint import load_packed, save_packed
from bsam_suite.quantization.straight_through import StraightThrough, round_clamp

if TYPE_CHECKING:
    from bsam_suite.quantization.onnx.export import export_onnx

__all__ = [
    *_fake_quantizers,
    "LAST_LAYERS",
    "StraightThrough",
    "calibrate",
    "export_onnx",
    "layer_bits",
    "learn_rounding",
    "load_packed",
    "needs_calibration",
    "quantize",
    "round_clamp",
    "save_packed",
]


def __getattr__(name: str):
    if name != "export_onnx":  # which needs the extra `export`
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from bsam_suite.quantization.onnx.export import export_onnx

    return export_onnx
