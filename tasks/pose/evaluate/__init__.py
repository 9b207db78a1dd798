"""Evaluation of keypoint results in a JSON file, without a model."""
