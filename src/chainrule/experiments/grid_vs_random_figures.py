"""Figures of `grid-vs-random`: projections of trials, distance of the best, coverage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.theory.grid_and_random import expected_best_gap_grid, expected_best_gap_random


def draw_projections(grid: np.ndarray, random: np.ndarray) -> Any:
    """Trials of both searches in the square, and their values of h₁ on a line below."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.4, 4.5), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True, height_ratios=(5, 1))
    for column, points, colour, title in (
        (0, grid, "C0", "Grid: {} values of h₁"),
        (1, random, "C1", "Random: {} values of h₁"),
    ):
        square, line = panels[:, column]
        values = np.unique(points[:, 0])
        square.vlines(values, 0, 1, color="0.8", lw=0.8)
        square.plot(*points.T, "o", color=colour, markersize=7)
        square.set(xlim=(0, 1), ylim=(0, 1), title=title.format(len(values)), ylabel="h₂")
        square.set_yticks([0, 0.5, 1])
        square.grid(False)
        line.vlines(values, 0, 1, color=colour, linewidth=2)
        line.set(ylim=(0, 1), yticks=[], xlabel="h₁, the one that matters")
        line.spines["left"].set_visible(False)
        line.grid(False)
    panels[0, 1].set_ylabel("")
    return figure


def draw_gaps(
    largest: int, simulated: Sequence[float], budgets: Sequence[int], dimensions: Sequence[int]
) -> Any:
    """Expected distance of the best trial against the budget, with the simulated one at some."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.6, 4.1), layout="constrained")
    axes = figure.subplots()
    every = range(1, largest + 1)
    axes.plot(every, [float(expected_best_gap_random(B)) for B in every], label="random, any d")
    for d in dimensions:
        gaps = [float(expected_best_gap_grid(B, d)) for B in every]
        axes.plot(every, gaps, label=f"grid, d = {d}", drawstyle="steps-post", linewidth=1.5)
    axes.plot(budgets, simulated, "o", color="C0", linestyle="none", label="random, simulated")
    axes.set(xscale="log", yscale="log", xlabel="budget B", ylabel="expected distance from h∗")
    axes.set_xticks(list(budgets), [str(B) for B in budgets])
    axes.set_xticks([], minor=True)
    axes.set_yticks([0.001, 0.01, 0.1], ["0.001", "0.01", "0.1"])
    axes.legend()
    return figure


def draw_coverage(
    counts: Sequence[int], exact: Sequence[float], simulated: Sequence[float], needed: int
) -> Any:
    """Probability of a cover against the number of values."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.6, 3.7), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, needed, needed, counts[-1]], [0, 0, 1, 1], label="grid")
    axes.plot(counts, exact, label="random, exact")
    axes.plot(counts, simulated, "o", color="C2", linestyle="none", label="random, simulated")
    axes.set(xlabel="values q of h₁", ylabel="probability of a 0.05-cover", xlim=(0, counts[-1]))
    axes.legend(loc="lower right")
    return figure
