"""Keypoints of the persons in images and videos."""
