"""ResNet-18 with 8-bit weights and activations, trained with plain SGD from a float model."""

_base_ = "./_base_/resnet18.py"
