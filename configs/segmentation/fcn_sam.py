"""A small FCN on the built-in people."""

_base_ = "./fcn-tiny_sam_people-160x160.py"
