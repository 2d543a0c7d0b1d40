"""Exercise digits-3-vs-9."""
