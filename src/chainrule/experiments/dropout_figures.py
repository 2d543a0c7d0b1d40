"""Figures of `dropout`: exact gain against second order, and weights against the rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def draw_ratios(
    rates: Sequence[float], curves: Mapping[float, Sequence[float]], limits: Mapping[float, float]
) -> Any:
    """The ratio against q for some scales, and its distance from 1 against the scale."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.2, 3.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    for scale, marker in zip((0.1, 0.3, 1.0), "osD", strict=True):
        (line,) = left.plot(rates, curves[scale], marker=marker, label=f"{scale:g} h")
        left.plot([-0.03], [limits[scale]], marker="_", markersize=14, color=line.get_color())
    left.axhline(1, color="0.4", linewidth=1, linestyle="-")
    left.set(xlabel="dropout rate q", ylabel="exact gain / second-order term", xlim=(-0.06, 0.83))
    left.set_title("Small q is not enough")
    left.legend(title="layer")
    scales = list(curves)
    for q, marker in ((1e-4, "o"), (0.1, "s"), (0.5, "D"), (0.8, "^")):
        off = [abs(curves[scale][list(rates).index(q)] - 1) for scale in scales]
        right.plot(scales, off, marker=marker, label=f"q = {q:g}")
    right.set(xscale="log", yscale="log", xlabel="scale of h", ylabel="|ratio − 1|")
    right.set_xticks(scales, [f"{scale:g}" for scale in scales])
    right.set_xticks([], minor=True)
    right.set_title("A small layer is")
    right.legend()
    return figure


def draw_path(rates: Sequence[float], weights: Sequence[Sequence[float]]) -> Any:
    """Each weight against the dropout rate."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.6, 3.8), layout="constrained")
    axes = figure.subplots()
    for k, column in enumerate(np.array(weights).T, start=1):
        axes.plot(rates, column, label=f"input {k}")
    axes.axhline(0, color="0.4", linewidth=1)
    axes.set(xlabel="dropout rate q", ylabel="weight × root mean square of the input")
    axes.legend()
    return figure
