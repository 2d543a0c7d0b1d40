"""Repairs of the text of a gradient: a change of one expression after which it is right."""
