"""Early stopping: when a measurement no longer improves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.engine.errors import InvalidInput


@dataclass(frozen=True)
class EarlyStopping:
    """Stop when a column of the history has not improved for some epochs.

    Parameters
    ----------
    patience : int
        Epochs without improvement before stopping, at least 1.
    column : str
        Of the history. Columns ending in ``accuracy`` are to rise, all others to fall.
    minimum_change : float
        What counts as an improvement, at least 0.
    restore : bool
        Whether to return the parameters of the best epoch rather than those of the last.

    Raises
    ------
    InvalidInput
        A patience below 1 or a negative change.

    Notes
    -----
    Prechelt, "Early stopping - but when?", Neural Networks: Tricks of the Trade (1998), criterion
    UP_s with strips of one epoch.
    """

    patience: int = 5
    column: str = "validation_loss"
    minimum_change: float = 0.0
    restore: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.patience, (int, np.integer)) or self.patience < 1:
            raise InvalidInput(
                f"patience must be a whole number of at least 1, got {self.patience!r}."
            )
        if not 0 <= self.minimum_change < math.inf:
            raise InvalidInput(
                f"minimum_change must be at least 0 and finite, got {self.minimum_change!r}."
            )


class Watch:
    """Early stopping at work: the best epoch so far and what it left.

    Attributes
    ----------
    best : float or None
    waited : int
        Epochs since.
    flat, state
        Parameters and running statistics after the best epoch.
    """

    def __init__(self, rule: EarlyStopping) -> None:
        self.rule = rule
        self.best: float | None = None
        self.best_epoch = 0
        self.waited = 0
        self.flat: np.ndarray | None = None
        self.state: Any = None

    def see(self, row: dict[str, float], flat: np.ndarray, state: Any) -> bool:
        """Take note of an epoch; whether to stop after it.

        Raises
        ------
        InvalidInput
            The history has no such column.
        """
        column = self.rule.column
        if column not in row:
            raise InvalidInput(
                f"early stopping watches {column!r}, which is not measured; there are "
                f"{', '.join(name for name in row if '[' not in name)} (a validation set gives "
                f"validation_loss)."
            )
        value = row[column]
        gain = math.inf if self.best is None else self.best - value
        if column.endswith("accuracy"):
            gain = math.inf if self.best is None else -gain
        if gain > self.rule.minimum_change:
            self.best, self.best_epoch, self.waited = value, int(row["epoch"]), 0
            self.flat, self.state = flat.copy(), state
            return False
        self.waited += 1
        return self.waited >= self.rule.patience
