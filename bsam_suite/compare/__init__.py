"""Compare rules: the same config under several of them, over several seeds."""
