"""Exercise style-losses."""
