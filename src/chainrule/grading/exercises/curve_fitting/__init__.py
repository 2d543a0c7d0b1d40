"""Exercise curve-fitting."""
