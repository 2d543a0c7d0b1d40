"""Figures of `l1-regression`: lines with an outlier, and the loss of one weight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def draw_fits(x: np.ndarray, y: np.ndarray, fits: Mapping[str, np.ndarray]) -> Any:
    """Points and lines with their residuals."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.subplots()
    ends = np.array([-0.3, 4.3])
    for offset, (name, w) in zip((-0.03, 0.03), fits.items(), strict=True):
        (line,) = axes.plot(ends, w[0] + w[1] * ends, label=name)
        predicted = w[0] + w[1] * x
        axes.vlines(x + offset, predicted, y, color=line.get_color(), linewidth=0.9, alpha=0.7)
    axes.plot(x, y, "o", color="0.15", markersize=7, linestyle="none", label="data")
    axes.set(xlabel="x", ylabel="y")
    axes.set_xticks(list(x))
    axes.legend()
    return figure


def draw_kinks(
    grid: np.ndarray, loss: Sequence[float], samples: tuple[np.ndarray, np.ndarray]
) -> Any:
    """The ℓ1 loss of one weight with its kinks, and the squared loss."""
    from matplotlib.figure import Figure

    x, y = samples
    ratios = np.sort(y / x)
    figure = Figure(figsize=(6.4, 3.9), layout="constrained")
    axes = figure.subplots()
    axes.plot(grid, loss, label="Σ |xw − y|")
    axes.plot(grid, np.sum((np.outer(grid, x) - y) ** 2, axis=1), label="Σ (xw − y)²")
    kinks = [float(np.sum(np.abs(x * m - y))) for m in ratios]
    axes.plot(ratios, kinks, "o", color="C0", linestyle="none", label="kinks at y/x")
    axes.set(xlabel="w", ylabel="loss", ylim=(0, 20))
    axes.legend(loc="upper center")
    return figure
