"""Figures of a search: parallel coordinates, slices, the best value so far, and the holes left."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.reporting.figures import COLOURS, INK, QUIET
from chainrule.search.coverage import Coverage
from chainrule.search.space import Axis, Categorical, Space
from chainrule.search.trial import Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["holes", "parallel_coordinates", "progress_figure", "slices"]

#: More lines than this hide one another; the best and an even choice of the others are drawn.
LINES = 400


def place(axis: Axis, value: Any) -> float:
    """Return where on a drawn axis from 0 to 1 a value stands."""
    if isinstance(axis, Categorical):
        return (axis.choices.index(value) + 0.5) / axis.size
    return axis.share(value)


def parallel_coordinates(
    space: Space, trials: Sequence[Trial], maximise: bool, label: str
) -> Figure:
    """Draw each trial as a line through its values, the best tenth in colour.

    Parameters
    ----------
    space : Space
    trials : sequence of Trial
        With a value, best first.
    maximise : bool
    label : str
        Name of the value, the last axis.
    """
    figure, drawing = _figure(max(5.6, 1.5 * len(space.axes) + 2.0), 3.9)
    values = np.array([trial.value for trial in trials])
    low, high = float(values.min()), float(values.max())
    span = (high - low) or 1.0
    best = max(1, math.ceil(len(trials) / 10))
    rest: Any = (
        np.unique(np.linspace(best, len(trials) - 1, LINES).astype(int))
        if best < len(trials)
        else []
    )
    columns = range(len(space.axes) + 1)
    for index in [*reversed(list(rest)), *reversed(range(min(best, LINES)))]:
        trial = trials[int(index)]
        heights = [place(axis, trial.parameters[axis.name]) for axis in space.axes]
        heights.append((float(values[index]) - low) / span)
        good = index < best
        drawing.plot(
            columns, heights, color=COLOURS[1] if index == 0 else COLOURS[0] if good else QUIET,
            linestyle="-", linewidth=2.4 if index == 0 else 1.2 if good else 0.6,
            alpha=1.0 if good else 0.3, zorder=4 if index == 0 else 3 if good else 2,
        )  # fmt: skip
    for column in columns:
        drawing.axvline(column, color=INK, linewidth=1.0)
    for column, axis in enumerate(space.axes):
        for height, text in _marks(axis):
            drawing.annotate(
                text, (column, height), xytext=(4, 0), textcoords="offset points", fontsize=9,
                va="center", bbox={"boxstyle": "round,pad=0.1", "fc": "white", "ec": "none",
                                   "alpha": 0.75},
            )  # fmt: skip
    for height, value in ((0.0, low), (1.0, high)):
        drawing.annotate(
            f"{value:.4g}", (len(space.axes), height), xytext=(4, 0), textcoords="offset points",
            fontsize=9, va="center",
        )  # fmt: skip
    drawing.set_xticks(list(columns), [*space.names, label])
    drawing.set_yticks([])
    drawing.set_xlim(-0.15, len(space.axes) + 0.55)
    drawing.set_ylim(-0.06, 1.06)
    drawing.grid(visible=False)
    drawing.spines["left"].set_visible(False)
    return figure


def slices(space: Space, trials: Sequence[Trial], label: str) -> Figure:
    """Draw the value against each axis by itself, the best trial marked."""
    from matplotlib.figure import Figure

    columns = min(3, len(space.axes))
    rows = math.ceil(len(space.axes) / columns)
    figure = Figure(figsize=(max(4.2, 2.9 * columns), 2.7 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    values = [trial.value for trial in trials]
    for number, drawing in enumerate(grid.flat):
        if number >= len(space.axes):
            drawing.set_visible(False)
            continue
        axis = space.axes[number]
        if isinstance(axis, Categorical):
            across = [place(axis, trial.parameters[axis.name]) for trial in trials]
            drawing.set_xticks(*zip(*_marks(axis), strict=True))
            drawing.set_xlim(0, 1)
        else:
            across = [trial.parameters[axis.name] for trial in trials]
            drawing.set_xscale(axis.scale)
        drawing.scatter(across, values, s=11, color=COLOURS[0], alpha=0.6, linewidths=0)
        drawing.scatter(across[:1], values[:1], s=60, marker="*", color=COLOURS[1], zorder=3)
        drawing.set_xlabel(axis.name)
        if number % columns == 0:
            drawing.set_ylabel(label)
    return figure


def progress_figure(trials: Sequence[Trial], maximise: bool, label: str) -> Figure:
    """Draw the value of each trial, and the best until then, in the order they were started."""
    figure, drawing = _figure(6.2, 3.2)
    ordered = sorted(trials, key=lambda trial: (trial.started or 0.0, trial.id))
    values = np.array([trial.value for trial in ordered])
    best = (np.maximum if maximise else np.minimum).accumulate(values)
    numbers = np.arange(1, len(values) + 1)
    drawing.scatter(numbers, values, s=9, color=QUIET, alpha=0.6, linewidths=0, label="each trial")
    drawing.step(numbers, best, where="post", color=COLOURS[0], label="best until then")
    drawing.set_xlabel("finished trials")
    drawing.set_ylabel(label)
    drawing.legend()
    return figure


def holes(space: Space, trials: Sequence[Trial], coverage: Coverage) -> Figure | None:
    """Draw the trials on the first two ordered axes and, with just two, the largest empty ball."""
    from matplotlib.patches import Rectangle

    ordered = [axis for axis in space.axes if not isinstance(axis, Categorical)]
    if len(ordered) < 2:
        return None
    across, up = ordered[:2]
    figure, drawing = _figure(4.8, 4.4)
    drawing.scatter(
        [across.share(trial.parameters[across.name]) for trial in trials],
        [up.share(trial.parameters[up.name]) for trial in trials],
        s=14, color=COLOURS[0], linewidths=0, label="trials",
    )  # fmt: skip
    if coverage.hole is not None and math.isfinite(coverage.lower):
        x, y = (axis.share(coverage.hole[axis.name]) for axis in (across, up))
        drawing.plot([x], [y], marker="x", linestyle="", color=COLOURS[1], label="farthest place")
        if len(space.axes) == 2 and coverage.unit == "shares":
            radius = coverage.lower
            drawing.add_patch(
                Rectangle(
                    (x - radius, y - radius), 2 * radius, 2 * radius,
                    fill=False, edgecolor=COLOURS[1], linestyle="--", label="largest hole",
                )
            )  # fmt: skip
    drawing.set_xlim(-0.02, 1.02)
    drawing.set_ylim(-0.02, 1.02)
    drawing.set_aspect("equal")
    for axis, ticks, name in (
        (across, drawing.set_xticks, drawing.set_xlabel),
        (up, drawing.set_yticks, drawing.set_ylabel),
    ):
        ticks(*zip(*_marks(axis), strict=True))
        name(axis.name)
    drawing.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3)
    return figure


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def _marks(axis: Axis) -> list[tuple[float, str]]:
    """Return places along an axis and what to write there."""
    if isinstance(axis, Categorical):
        return [(place(axis, choice), str(choice)) for choice in axis.choices]
    if axis.low == axis.high:
        return [(0.0, f"{axis.low:.4g}")]
    values = dict.fromkeys(axis.value(share) for share in (0.0, 0.25, 0.5, 0.75, 1.0))
    return [(axis.share(value), f"{value:.3g}") for value in values]
