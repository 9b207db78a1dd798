"""Fake-quant modules, registered in MMEngine's ``MODELS``."""

from bsam_suite.quantization.fake_quantizers.base import Codes, FakeQuantizer
from bsam_suite.quantization.fake_quantizers.dorefa import DoReFaActivation, DoReFaWeight
from bsam_suite.quantization.fake_quantizers.lsq import LSQ
from bsam_suite.quantization.fake_quantizers.lsq_plus import LSQPlus
from bsam_suite.quantization.fake_quantizers.min_max import EMAFakeQuantizer, MinMaxFakeQuantizer
from bsam_suite.quantization.fake_quantizers.pact import PACT

__all__ = [
    "LSQ",
    "PACT",
    "Codes",
    "DoReFaActivation",
    "DoReFaWeight",
    "EMAFakeQuantizer",
    "FakeQuantizer",
    "LSQPlus",
    "MinMaxFakeQuantizer",
]
