"""A segmentation network with 4-bit weights and activations, trained with plain Adam."""

_base_ = "./_base_/segmentation.py"

model = dict(quantization=dict(weight=dict(bit_width=4), activation=dict(bit_width=4)))
