"""The programming questions of the four documents, a folder each."""
