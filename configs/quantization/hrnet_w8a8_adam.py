"""HRNet with 8-bit weights and activations, trained with plain Adam from a float model."""

_base_ = "./_base_/hrnet.py"

from tasks.quantization.recipe import lsq

model = dict(quantization=lsq(bits=8))
