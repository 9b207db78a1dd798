"""Semantic segmentation with MMSegmentation.

Configs in ``configs/segmentation``; the built-in people are those of pose estimation.
"""
