"""A pose network with 4-bit weights and activations, trained with the float model's optimizer."""

_base_ = "./_base_/pose.py"

model = dict(quantization=dict(weight=dict(bits=4), activation=dict(bits=4)))
