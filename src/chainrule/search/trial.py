"""One trial of a search as the store holds it, and the result that it may have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Result", "Trial"]


@dataclass(frozen=True)
class Trial:
    """One row of the store.

    Attributes
    ----------
    id, configuration, rung : int
        The same configuration has one trial for each rung that it reached.
    budget : float or None
        What the objective is given as its budget, under successive halving.
    parameters : dict
    seed : int
    shape : str
        Trials of one shape may be trained in one batch.
    state : {"waiting", "running", "done", "failed"}
    attempts : int
        How often it was claimed.
    started : float or None
        Seconds since 1970.
    seconds, value : float or None
    metrics : dict
        All numbers that the objective returned.
    error : str or None
        Why it failed.
    """

    id: int
    configuration: int
    rung: int
    budget: float | None
    parameters: dict[str, Any]
    seed: int
    shape: str
    state: str
    attempts: int
    started: float | None
    seconds: float | None
    value: float | None
    metrics: dict[str, float]
    error: str | None


@dataclass(frozen=True)
class Result:
    """What came of one trial: a value with its metrics, or an error."""

    value: float | None
    metrics: Mapping[str, float]
    error: str | None
    seconds: float
