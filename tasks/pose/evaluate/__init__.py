"""Evaluation of keypoint results in a json file, without the model that made them."""
