"""Checks of a data set with COCO keypoints."""
