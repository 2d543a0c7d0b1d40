"""The first wrong line of hand-written gradients: how often it is right, and what it costs."""

from __future__ import annotations

import time

import numpy as np
from tests.checking import localisation_corpus, localisation_corpus_more
from tests.checking.localisation_corpus import cases
from tests.checking.student_files import load, localised

from benchmarks.harness import Goal


def run() -> list[Goal]:
    """All measurements of this file."""
    return [
        *lines("files that the search was written with", cases(localisation_corpus.PROGRAMS)),
        *lines("files written afterwards", cases(localisation_corpus_more.PROGRAMS)),
    ]


def lines(which: str, sample: list[tuple[str, str, int]]) -> list[Goal]:
    """Share of first wrong lines that are right, and seconds each in calls of the gradient."""
    right, other, ratios = 0, 0, []
    for _, source, line in sample:
        space = load(source)
        example = space["example"]()
        start = time.perf_counter()
        for _ in range(10):
            space["gradient"](**{name: np.copy(x)[()] for name, x in example.items()})
        middle = time.perf_counter()
        found = localised(source, seconds=30)
        end = time.perf_counter()
        ratios.append((end - middle) / ((middle - start) / 10))
        right += found.line == line
        other += found.line is not None and found.line != line
    low, high = np.quantile(ratios, [0.25, 0.75])
    share, wrong = right / len(sample), other / len(sample)
    return [
        Goal(
            f"first wrong line right in {len(sample)} {which}", share, share, share, ">= 0.9",
            share >= 0.9,
        ),
        Goal(f"another line named in {len(sample)} {which}", wrong, wrong, wrong),
        Goal(
            f"search / one call of the gradient, {which}", float(np.median(ratios)), low, high, "",
            None,
        ),
    ]  # fmt: skip
