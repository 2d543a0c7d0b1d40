"""Figures of parts (e) and (f) of `digits-3-vs-9`: error against epochs, updates and width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Row = dict[str, Any]


def draw_batches(
    cells: dict[tuple[Any, ...], Row],
    rows: Sequence[Row],
    sizes: Sequence[int],
    lengths: Sequence[int],
) -> Figure:
    """MSE against epochs, and against updates with the course of the longest trainings."""
    from matplotlib import pyplot

    from chainrule.reporting.figures import house_style

    with house_style():
        figure, (left, right) = pyplot.subplots(1, 2, figsize=(9.6, 4.0), sharey=True)
        for size, marker in zip(sizes, _markers(sizes), strict=True):
            mse = [cells[size, epochs]["train_mse"] for epochs in lengths]
            (line,) = left.plot(lengths, mse, marker=marker, label=f"B = {size}")
            longest = cells[size, lengths[-1]]
            per_epoch = longest["updates"] / lengths[-1]
            course = np.asarray(longest["history"])
            steps = per_epoch * np.arange(1, len(course) + 1)
            style = {"color": line.get_color(), "linestyle": line.get_linestyle()}
            right.plot(steps, course, linewidth=1.0, **style)
            updates = [cells[size, epochs]["updates"] for epochs in lengths]
            right.plot(updates, mse, marker=marker, linestyle="none", color=style["color"])
        for axes, label in ((left, "epochs"), (right, "updates of the parameters")):
            axes.set_xlabel(label)
            axes.set_xscale("log", base=10 if axes is right else 2)
            _logarithmic(axes)
        _plain_ticks(left, lengths)
        left.set_ylabel("MSE on the training images")
        left.set_title("Smaller batches, more epochs")
        right.set_title("The same against updates")
        left.legend()
    return figure


def draw_widths(
    cells: dict[tuple[Any, ...], Row],
    rows: Sequence[Row],
    names: Sequence[str],
    sizes: Sequence[int],
) -> Figure:
    """MSE and MCE against the width, with the quartiles over the seeds."""
    from matplotlib import pyplot

    from chainrule.reporting.figures import house_style

    with house_style():
        figure, panels = pyplot.subplots(1, 2, figsize=(9.6, 4.0))
        measures = (
            ("train_mse", 1, "MSE on the training images"),
            ("train_mce", 100, "MCE: training images wrong, %"),
        )
        for axes, (measure, unit, label) in zip(panels, measures, strict=True):
            for i, (name, marker) in enumerate(zip(names, _markers(names), strict=True)):
                # Side by side where there are bars, so that one does not hide the other.
                apart = 1.0 if len(rows) == len(cells) else 1.04
                places = np.asarray(sizes) * apart ** (2 * i - len(names) + 1)
                middle = [unit * cells[name, size][measure] for size in sizes]
                (line,) = axes.plot(places, middle, marker=marker, label=name)
                found = [
                    [r[measure] for r in rows if (r["activation"], r["width"]) == (name, size)]
                    for size in sizes
                ]
                low, high = unit * np.array([np.quantile(f, (0.25, 0.75)) for f in found]).T
                axes.vlines(places, low, high, color=line.get_color(), linewidth=1.2)
            axes.set_xlabel("hidden units")
            axes.set_ylabel(label)
            if np.min(low) > 0:
                _logarithmic(axes)
            else:
                axes.set_ylim(bottom=0)
            axes.set_xscale("log", base=2)
            _plain_ticks(axes, sizes)
        panels[0].legend()
    return figure


def _logarithmic(axes: Axes) -> None:
    """Make the vertical axis logarithmic, marked with plain numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())


def _plain_ticks(axes: Axes, values: Sequence[int]) -> None:
    """Mark the values themselves on a logarithmic axis, not powers."""
    axes.set_xticks(values, [str(value) for value in values])
    axes.set_xticks([], minor=True)


def _markers(items: Sequence[Any]) -> list[str]:
    """A marker for each item, so that lines can be told apart in grey."""
    return ["osD^vP"[i % 6] for i in range(len(items))]
