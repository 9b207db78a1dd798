"""A pose network with 8-bit weights and activations, trained with the float model's optimizer."""

_base_ = "./_base_/pose.py"
