"""A graph as text, picture and executable: drawings, source, tables."""
