"""Draw augmented training samples with their targets."""
