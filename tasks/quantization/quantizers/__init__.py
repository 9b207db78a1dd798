"""Fake-quant modules, registered in MMEngine's ``MODELS``."""

from tasks.quantization.quantizers.base import Codes, FakeQuantizer
from tasks.quantization.quantizers.dorefa import DoReFaActivation, DoReFaWeight
from tasks.quantization.quantizers.lsq import LSQ
from tasks.quantization.quantizers.lsq_plus import LSQPlus
from tasks.quantization.quantizers.observer import EMAObserver, MinMaxObserver
from tasks.quantization.quantizers.pact import PACT

__all__ = [
    "LSQ",
    "PACT",
    "Codes",
    "DoReFaActivation",
    "DoReFaWeight",
    "EMAObserver",
    "FakeQuantizer",
    "LSQPlus",
    "MinMaxObserver",
]
