"""Exercise two-layer-gradients."""
