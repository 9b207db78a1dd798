"""Compare rules: train one config with several rules and seeds."""
