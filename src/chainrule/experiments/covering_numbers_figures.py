"""Figures of `covering-numbers`: a cover, a packing, and numbers by dimension and radius."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np


def draw_cover(cover: np.ndarray, packing: np.ndarray, eps: float) -> Any:
    """The cubes of a cover of [0, 1] × [0, 2], and a packing with its 2ε apart."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    figure = Figure(figsize=(6.4, 5.6), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for axes, points, colour, title in (
        (left, cover, "C0", f"{len(cover)} balls cover"),
        (right, packing, "C1", f"{len(packing)} points, no ball holds two"),
    ):
        axes.add_patch(Rectangle((0, 0), 1, 2, fill=False, linewidth=2, edgecolor="0.2"))
        axes.plot(*points.T, "o", color=colour, markersize=5)
        axes.set(xlim=(-0.12, 1.12), ylim=(-0.1, 2.1), aspect="equal", title=title, xlabel="x₁")
        axes.set_xticks([0, 0.5, 1])
        axes.grid(False)
    for x, y in cover:
        left.add_patch(Rectangle((x - eps, y - eps), 2 * eps, 2 * eps, facecolor="C0", alpha=0.16))
        left.add_patch(
            Rectangle((x - eps, y - eps), 2 * eps, 2 * eps, fill=False, edgecolor="C0", lw=0.7)
        )
    x, y = packing[0]
    right.add_patch(
        Rectangle((x, y), 2 * eps, 2 * eps, facecolor="C1", alpha=0.2, edgecolor="C1", lw=0.7)
    )
    right.annotate("2ε", (x + eps, y + 2 * eps), ha="center", va="bottom")
    left.set_ylabel("x₂")
    return figure


def draw_dimension(dimensions: Sequence[int], numbers: Mapping[Fraction, Sequence[int]]) -> Any:
    """Covering number and volume of cubes against the dimension."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.6, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    for (side, counts), marker in zip(numbers.items(), "osD", strict=True):
        label = f"side {float(side):g}"
        left.plot(dimensions, [float(n) for n in counts], marker=marker, label=label)
        right.plot(dimensions, [float(side**d) for d in dimensions], marker=marker, label=label)
    for axes, title in ((left, "Covering number N"), (right, "Volume")):
        axes.set_yscale("log")
        axes.set(xlabel="dimension d", title=title)
        axes.set_xticks(list(dimensions))
    left.legend()
    return figure


def draw_ratio(curves: Mapping[str, Sequence[float]]) -> Any:
    """N(2ε)^d/Vol of the unit cube against ε."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.6, 3.9), layout="constrained")
    axes = figure.subplots()
    for d in ("4", "2", "1"):
        axes.plot(curves["eps"], curves[d], label=f"d = {d}", linewidth=1.4)
    axes.axhline(1, color="0.4", linewidth=1)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="radius ε",
        ylabel=r"$N(\varepsilon)\,(2\varepsilon)^d$ / Vol",
    )
    axes.set_ylim(0.8, 30)
    axes.set_yticks([1, 2, 3, 5, 10, 20], ["1", "2", "3", "5", "10", "20"])
    axes.set_yticks([], minor=True)
    axes.set_xticks([0.002, 0.01, 0.05, 0.2, 1], ["0.002", "0.01", "0.05", "0.2", "1"])
    axes.set_xticks([], minor=True)
    axes.legend()
    return figure
