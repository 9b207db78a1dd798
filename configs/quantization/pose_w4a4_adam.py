"""A pose network with 4-bit weights and activations, trained with the float model's optimizer."""

_base_ = "./_base_/pose.py"

model = dict(quantization=dict(weight=dict(bit_width=4), activation=dict(bit_width=4)))
