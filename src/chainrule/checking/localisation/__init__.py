"""The first wrong line: runs of a gradient, watched, substituted and with changes in their text."""
