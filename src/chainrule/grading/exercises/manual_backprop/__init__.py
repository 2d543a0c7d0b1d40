"""Exercise manual-backprop."""
