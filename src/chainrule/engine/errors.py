"""The engine's errors: each names the thing, the place in the user's code and the cure."""

from __future__ import annotations


class ChainruleError(Exception):
    """Base class of every error that chainrule raises on purpose."""


class TracingError(ChainruleError, TypeError):
    """A traced value was used in a way that would lose its gradient."""


class UnsupportedFunction(TracingError):
    """A function without a differentiation rule was applied to a traced value."""


class UnsupportedAttribute(TracingError, AttributeError):
    """A traced value was asked for an attribute that it does not have."""


class UnsupportedArgument(TracingError):
    """A supported function was called with an argument its rule does not cover."""


class NotDifferentiable(ChainruleError, ValueError):
    """A derivative was asked for where none exists or none is implemented."""


class LeakedTrace(TracingError):
    """A traced value was used after the transform that created it had ended."""


class StaleView(TracingError):
    """A traced view was used after the array it looks into had been assigned to."""


class GuardMiss(ChainruleError, RuntimeError):
    """A graph was evaluated on inputs that would have taken another branch."""


class InvalidInput(ChainruleError, TypeError, ValueError):
    """An argument of a transform has the wrong type, dtype, shape or structure."""


class UnusedInputWarning(UserWarning):
    """A differentiated input does not influence the result; its gradient is zero."""
