"""Synthetic pictures of people with COCO keypoints."""

from .dataset import VERSION, people_root, write_people

__all__ = ["VERSION", "people_root", "write_people"]
