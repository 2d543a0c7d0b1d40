"""The errors of grading: each names the file or the value, and the cure."""

from __future__ import annotations

from chainrule.engine.errors import ChainruleError


class GradingError(ChainruleError):
    """An exercise, a submission's file or an option cannot be used as it is."""
