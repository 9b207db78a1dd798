"""Synthetic pictures of people with COCO keypoints and masks of their parts."""

from .dataset import VERSION, people_root, write_people

__all__ = ["VERSION", "people_root", "write_people"]
