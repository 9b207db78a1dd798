"""Samples as training sees them: augmented, with their targets."""
