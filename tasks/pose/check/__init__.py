"""Checks of a keypoint set in the COCO format before anybody trains on it."""
