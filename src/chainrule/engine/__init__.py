"""The differentiator: plain NumPy traced into a graph, differentiated by one table of rules."""
