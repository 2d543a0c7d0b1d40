"""Exercise deep-elu."""
