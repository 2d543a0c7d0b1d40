"""Objectives of the tests, importable by every process of a search."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.search import batched


def bowl(x: float, y: float) -> float:
    return (x - 0.3) ** 2 + y


def seeded(x: float, seed: int) -> dict[str, float]:
    return {"loss": x, "seed": float(seed)}


def with_budget(x: float, budget: int) -> dict[str, float]:
    return {"loss": x + 1 / budget, "budget": float(budget)}


def logged(x: float, log: str) -> float:
    """Leave a line at the start and at the end of each call, as whole writes.

    The call takes LOGGED_SECONDS, and no less than until there is the file LOGGED_GO.
    """
    with open(log, "a") as file:
        file.write(f"start {x} {os.getpid()}\n")
    while not Path(os.environ.get("LOGGED_GO", "/")).exists():
        time.sleep(0.01)
    time.sleep(float(os.environ.get("LOGGED_SECONDS", "0")))
    with open(log, "a") as file:
        file.write(f"end {x} {os.getpid()}\n")
    return x


def fails_above_half(x: float) -> float:
    if x > 0.5:
        raise ValueError(f"x is {x}")
    return x


def fails_until_told(x: float, flag: str) -> float:
    if x > 0.5 and not Path(flag).exists():
        raise RuntimeError("not yet")
    return x


def nan_above_half(x: float) -> float:
    return float("nan") if x > 0.5 else x


def dies_above_half(x: float) -> float:
    if x > 0.5:
        os._exit(3)
    return x


def hangs_above_half(x: float) -> float:
    while x > 0.5:
        time.sleep(0.01)
    return x


def hangs_deaf_above_half(x: float) -> float:
    """No signal gets through while this hangs, as in a library's own loop."""
    if x > 0.5:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
        time.sleep(600)
    return x


def prints(x: float) -> float:
    print("a line of the objective")
    return x


def blas_threads(x: float) -> float:
    from threadpoolctl import threadpool_info  # type: ignore[import-untyped]

    np.ones((2, 2)) @ np.ones((2, 2))
    return max(each["num_threads"] for each in threadpool_info())


@batched(same=["width"], size=8)
def squares(configurations: Sequence[dict[str, Any]], seeds: Sequence[int]) -> list[Any]:
    assert len(configurations) == len(seeds) <= 8
    assert len({each["width"] for each in configurations}) == 1
    return [
        ValueError("too large")
        if each["x"] > 0.9
        else {"loss": each["x"] ** 2, "batch": len(configurations)}
        for each in configurations
    ]


@batched()
def one_short(configurations: Sequence[dict[str, Any]]) -> list[float]:
    return [0.0] * (len(configurations) - 1)


not_callable = 3
