"""Checking: what share of a corpus of mistakes is named, and what a check costs."""

from __future__ import annotations

import importlib
import itertools
import multiprocessing
import sys
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from benchmarks.harness import Goal

# the corpus stands beside the tests, in folders that are no packages
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

RANDOM, DRAWN = 1000, 400
ACCURACY, LINES = 0.95, 0.90
SLOWEST, RATIO, MEMORY = 2.0, 40.0, 4.0


#: Modules and functions of the corpora, and what the functions are called with.
CORPORA: dict[str, list[tuple[str, str, tuple[int, ...]]]] = {
    "of our own": [(name, name, ()) for name in ("networks", "specials", "students")],
    "in the styles of courses": [("courses", "courses", ())],
    "drawn": [("generated", "generated", (DRAWN,))],
    "written by the book of mistakes alone": [("blind", "blind", ())],
    "of the same kind, held back until all was mended": [("blind_held", "held", ())],
    "written later, by the book of mistakes alone": [("fresh", "fresh", ())],
    "written last, by the book of mistakes alone": [("unseen", "seen_since", ())],
    "of the same writing, kept apart and judged only": [("unseen", "unseen", ())],
    "as students hand them in": [("handed_in", "handed_in", ())],
    "as students hand them in, kept apart and judged only": [("handed_in", "handed_in_kept", ())],
}


def run() -> list[Goal]:
    """All measurements of this file."""
    return [
        *(goal for which in CORPORA for goal in corpus(which, cases(which))),
        *random_gradients(),
        *cost(64, (20, 30, 30, 5)),
        *cost(64, (784, 700, 700, 10)),
    ]


def cases(which: str) -> list[Any]:
    """The files of a corpus."""
    found: list[Any] = []
    for module, function, arguments in CORPORA[which]:
        written = getattr(importlib.import_module(f"tests.checking.corpus.{module}"), function)
        found += written(*arguments)
    return found


def _share(statement: str, count: int, total: int, least: float) -> Goal:
    share = count / total
    return Goal(f"{statement} ({total})", share, share, share, f">= {least:g}", share >= least)


def _none(statement: str, count: int) -> Goal:
    return Goal(statement, count, count, count, "0", count == 0)


def in_processes(function: Callable[[Any], Any], things: Iterable[Any]) -> list[Any]:
    """What a function gives of each thing: shares are counted here, and no times taken."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(mp_context=context) as pool:
        return list(pool.map(function, things, chunksize=4))


def judged(case: Any) -> Counter[str]:
    """What a check makes of one file of a corpus."""
    found: Counter[str] = Counter()
    functions = case.functions()
    report = cr.check(functions["loss"], functions["gradient"], functions["example"])
    if not case.code:
        found["right"] = 1
        found["alarm"] = int(report.verdict == "wrong")
        found["undecided"] = int(report.verdict in ("inconclusive", "error"))
        return found
    names, codes = set(case.code.split("|")), set(report.codes)
    found["mistakes"] = 1
    found["called wrong"] = int(report.verdict == "wrong")
    found["named"] = int(bool(names & codes))
    found["misnamed"] = int(not names & codes and bool(codes - {"G000"}))
    found["line"] = int(report.first_wrong_line == case.line)
    return found


def corpus(which: str, cases: list[Any]) -> list[Goal]:
    """Every file of a corpus: codes, first wrong lines, false alarms.

    A case may have several codes that name its mistake equally well.
    """
    found: Counter[str] = Counter()
    for each in in_processes(judged, cases):
        found.update(each)
    mistakes, right = found["mistakes"], found["right"]
    return [
        _share(f"files {which}: mistakes called wrong", found["called wrong"], mistakes, 1.0),
        _share(f"files {which}: with their code (joint) first", found["named"], mistakes, ACCURACY),
        _none(f"files {which}: with another code, of {mistakes}", found["misnamed"]),
        _share(f"files {which}: first wrong line right", found["line"], mistakes, LINES),
        _none(f"files {which}: right ones called wrong, of {right}", found["alarm"]),
        _none(f"files {which}: right ones left undecided, of {right}", found["undecided"]),
    ]


def random_gradients(count: int = RANDOM) -> list[Goal]:
    """Wrong gradients without a cause: noise, noise on the right one, one parameter disturbed."""
    right = [case for case in cases("of our own") if not case.code and _is_flat(case)]
    numbered = [(number, right[number % len(right)]) for number in range(count)]
    found: Counter[str] = Counter()
    for each in in_processes(judged_disturbed, numbered):
        found.update(each)
    return [
        _none(f"random wrong gradients that get a name, of {count}", found["named"]),
        _none(f"random wrong gradients not called wrong, of {count}", found["unjudged"]),
    ]


def judged_disturbed(numbered: tuple[int, Any]) -> Counter[str]:
    """What a check makes of a right file whose gradients are disturbed at random."""
    number, case = numbered
    functions = case.functions()

    def disturbed(**arrays: Any) -> Any:
        rng = np.random.default_rng([number, *np.shape(arrays["X"])])
        gradients = functions["gradient"](**arrays)
        if number % 3 == 0:
            return {k: rng.normal(size=np.shape(g)) for k, g in gradients.items()}
        if number % 3 == 1:
            return {k: g + 0.1 * rng.normal(size=np.shape(g)) for k, g in gradients.items()}
        name = sorted(gradients)[number % len(gradients)]
        noise = rng.uniform(0.5, 1.5, np.shape(gradients[name]))
        return {**gradients, name: gradients[name] * noise}

    report = cr.check(functions["loss"], disturbed, functions["example"])
    return Counter(
        named=int(bool(set(report.codes) - {"G000"})), unjudged=int(report.verdict != "wrong")
    )


def _is_flat(case: Any) -> bool:
    """Whether a file is a network whose parameters are arrays of their own."""
    return "layers" in case.name and "X" in case.source and '"W1": ' in case.source


def cost(n: int, sizes: tuple[int, ...]) -> list[Goal]:
    """The time and memory of a check against one loss and one gradient of the same network."""
    rng = np.random.default_rng(0)
    example: dict[str, Any] = {"X": rng.normal(size=(n, sizes[0]))}
    example["Y"] = np.eye(sizes[-1])[rng.integers(0, sizes[-1], n)]
    for k, (a, b) in enumerate(itertools.pairwise(sizes), 1):
        example[f"W{k}"] = rng.normal(size=(a, b)) / np.sqrt(a)
        example[f"b{k}"] = np.zeros(b)
    parameters = sum(value.size for name, value in example.items() if name not in "XY")
    passes = []
    for _ in range(7):
        start = time.perf_counter()
        loss(**example)
        gradient(**example)
        passes.append(time.perf_counter() - start)
    once = sorted(passes)[3]
    checks = []
    for _ in range(3):
        start = time.perf_counter()
        cr.check(loss, gradient, example)
        checks.append(time.perf_counter() - start)
    tracemalloc.start()
    cr.check(loss, gradient, example)
    memory = tracemalloc.get_traced_memory()[1] / 8 / parameters
    tracemalloc.stop()
    low, middle, high = sorted(checks)
    what = f"check of {parameters:,} parameters"
    if parameters < 100_000:
        return [Goal(f"{what}, seconds", middle, low, high, f"< {SLOWEST:g}", middle < SLOWEST)]
    extra = [(seconds - SLOWEST) / once for seconds in (middle, low, high)]
    return [
        Goal(f"{what}, (seconds - 2) / one forward and backward pass", *extra, f"<= {RATIO:g}",
             extra[0] <= RATIO),
        Goal(f"{what}, memory / parameters", memory, memory, memory, f"<= {MEMORY:g}",
             memory <= MEMORY),
    ]  # fmt: skip


def _forward(X: Any, W1: Any, b1: Any, W2: Any, b2: Any, W3: Any, b3: Any) -> tuple[Any, Any, Any]:
    a1 = np.tanh(X @ W1 + b1)
    a2 = np.tanh(a1 @ W2 + b2)
    z = a2 @ W3 + b3
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return a1, a2, e / e.sum(axis=1, keepdims=True)


def loss(X: Any, Y: Any, W1: Any, b1: Any, W2: Any, b2: Any, W3: Any, b3: Any) -> Any:
    """Cross-entropy of a network of three layers."""
    return -np.sum(Y * np.log(_forward(X, W1, b1, W2, b2, W3, b3)[2])) / len(X)


def gradient(X: Any, Y: Any, W1: Any, b1: Any, W2: Any, b2: Any, W3: Any, b3: Any) -> Any:
    """Its gradient without the 1/n of the mean."""
    a1, a2, p = _forward(X, W1, b1, W2, b2, W3, b3)
    d3 = p - Y
    d2 = (d3 @ W3.T) * (1 - a2**2)
    d1 = (d2 @ W2.T) * (1 - a1**2)
    return {
        "W1": X.T @ d1, "b1": d1.sum(axis=0), "W2": a1.T @ d2, "b2": d2.sum(axis=0),
        "W3": a2.T @ d3, "b3": d3.sum(axis=0),
    }  # fmt: skip
