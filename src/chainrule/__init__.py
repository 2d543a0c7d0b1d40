"""chainrule: backpropagation you can read, check and run."""

__version__ = "0.1.0"
