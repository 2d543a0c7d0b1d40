"""Exercise optimizers."""
