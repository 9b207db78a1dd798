"""ResNet-18 with 3-bit weights and activations, trained with plain SGD from a float model."""

_base_ = "./_base_/resnet18.py"

model = dict(quantization=dict(weight=dict(bit_width=3), activation=dict(bit_width=3)))
