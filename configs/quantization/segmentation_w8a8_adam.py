"""A segmentation network with 8-bit weights and activations, trained with plain Adam."""

_base_ = "./_base_/segmentation.py"
