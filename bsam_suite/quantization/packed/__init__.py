"""Checkpoints with weights at their bits. Needs the extra ``export``."""
