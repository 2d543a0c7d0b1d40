"""Exercise momentum."""
