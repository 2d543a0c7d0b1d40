"""Exercise parity."""
