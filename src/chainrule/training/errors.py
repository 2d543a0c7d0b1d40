"""The errors of training: what stops a run, and what is wrong with a checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainrule.engine.errors import ChainruleError

if TYPE_CHECKING:
    from chainrule.training.history import History


class CheckpointError(ChainruleError, ValueError):
    """A checkpoint is damaged, or belongs to another run."""


class NonFiniteLoss(ChainruleError, FloatingPointError):
    """The loss or its gradient is no longer finite.

    Attributes
    ----------
    history : History
        The epochs that were completed.
    step : int
        Number of the step that failed, from 1.
    """

    def __init__(self, message: str, history: History, step: int) -> None:
        super().__init__(message)
        self.history = history
        self.step = step
