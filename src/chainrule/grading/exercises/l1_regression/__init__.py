"""Exercise l1-regression."""
