"""Checking hand-written gradients: verdicts, causes, and the line that is wrong first."""
