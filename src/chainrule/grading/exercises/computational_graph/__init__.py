"""Exercise computational-graph."""
