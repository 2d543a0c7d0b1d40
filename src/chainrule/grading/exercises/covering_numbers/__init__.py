"""Exercise covering-numbers."""
