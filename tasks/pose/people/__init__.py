"""Synthetic pictures of people with COCO keypoints and masks of their parts."""

from .dataset import VERSION, people_root, write_people
from .parts import PARTS

__all__ = ["PARTS", "VERSION", "people_root", "write_people"]
