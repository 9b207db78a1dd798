"""Sharpness-aware training for OpenMMLab and PyTorch."""

__version__ = "0.1.0"
