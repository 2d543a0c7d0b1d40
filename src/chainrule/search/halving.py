"""Successive halving: many configurations with a small budget, the best of them with a larger one.

Source: K. Jamieson and A. Talwalkar, "Non-stochastic best arm identification and hyperparameter
optimization", AISTATS 2016, §3 (with η instead of 2 as in L. Li et al., "Hyperband", JMLR 2018).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chainrule.search.errors import SearchError
from chainrule.search.store import TrialStore
from chainrule.search.trial import Trial

__all__ = ["Halving"]


@dataclass(frozen=True)
class Halving:
    """The budgets of successive halving.

    Attributes
    ----------
    minimum, maximum : float
        The first budget, and the largest that may be reached; 0 < minimum ≤ maximum.
    factor : float
        Each rung's budget is `factor` times the one before; one in `factor` goes on. Above 1.

    Examples
    --------
    >>> Halving(1, 30, 3).budgets
    [1, 3, 9, 27]
    """

    minimum: float
    maximum: float
    factor: float = 3

    def __post_init__(self) -> None:
        for name in ("minimum", "maximum", "factor"):
            value = getattr(self, name)
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not number or not math.isfinite(value) or value <= 0:
                raise SearchError(f"The {name} of halving is {value!r}; expected a number above 0.")
        if self.minimum > self.maximum:
            raise SearchError(
                f"Halving starts at {self.minimum} and ends at {self.maximum}; give the smaller "
                "budget as the minimum."
            )
        if self.factor <= 1:
            raise SearchError(f"The factor of halving is {self.factor}; expected one above 1.")

    @property
    def budgets(self) -> list[float]:
        """The budget of each rung."""
        budgets: list[float] = [self.minimum]
        # A maximum that is a power of the factor is reached, whatever the rounding.
        while budgets[-1] * self.factor <= self.maximum * (1 + 1e-9):
            budgets.append(budgets[-1] * self.factor)
        return budgets

    def sizes(self, configurations: int) -> list[int]:
        """Return how many configurations each rung has, if none fails."""
        sizes = [configurations]
        for _ in self.budgets[1:]:
            sizes.append(max(1, int(sizes[-1] / self.factor)))
        return sizes

    def promote(self, store: TrialStore, maximise: bool) -> int:
        """Add the next rung's trials if a rung is finished, and return how many were added.

        Every process that looks at a finished rung adds the same ones, and each is added once.

        Parameters
        ----------
        store : TrialStore
        maximise : bool
            Whether the larger value is the better one.

        Returns
        -------
        int
        """
        for rung, budget in enumerate(self.budgets[1:], start=1):
            before = store.trials(rung=rung - 1)
            if not before or any(trial.state in ("waiting", "running") for trial in before):
                return 0
            if store.trials(rung=rung):
                continue
            best = ranked(before, maximise)[: max(1, int(len(before) / self.factor))]
            return store.add([_next(trial, rung, budget) for trial in best])
        return 0


def ranked(trials: Sequence[Trial], maximise: bool) -> list[Trial]:
    """Return the trials that have a value, best first; of equal ones the first first."""
    done = [trial for trial in trials if trial.state == "done" and trial.value is not None]
    sign = -1.0 if maximise else 1.0
    return sorted(done, key=lambda trial: (sign * (trial.value or 0.0), trial.configuration))


def _next(trial: Trial, rung: int, budget: float) -> dict[str, Any]:
    return {
        "configuration": trial.configuration,
        "rung": rung,
        "budget": budget,
        "parameters": trial.parameters,
        "seed": trial.seed,
        "shape": trial.shape,
    }
