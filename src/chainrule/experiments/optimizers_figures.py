"""Figures of `optimizers`: trajectories on the loss surface, loss by step and by learning rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def draw_trajectories(
    paths: Mapping[str, np.ndarray], hessian: np.ndarray, best: np.ndarray
) -> Any:
    """Each method's path in two planes, on the contours of the loss minimised over the third.

    Parameters
    ----------
    paths : mapping of name to array, shape (steps + 1, 3)
        (w1, w2, b).
    hessian : array, shape (3, 3)
    best : array, shape (3,)
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.4, 4.6), layout="constrained")
    panels = figure.subplots(1, 2)
    names = ("$w_1$", "$w_2$", "$b$")
    for axes, plane in zip(panels, ((0, 1), (0, 2)), strict=True):
        shown = np.concatenate([path[:, plane] for path in paths.values()])
        low, high = shown.min(axis=0), shown.max(axis=0)
        margin = 0.08 * (high - low)
        grids = [np.linspace(a, b, 160) for a, b in zip(low - margin, high + margin, strict=True)]
        # Minimised over the other coordinate, the curvature is the inverse of a block of H⁻¹.
        curvature = np.linalg.inv(np.linalg.inv(hessian)[np.ix_(plane, plane)])
        offsets = np.stack(np.meshgrid(*grids), axis=-1) - best[list(plane)]
        excess = np.einsum("...i,ij,...j->...", offsets, curvature, offsets) / 2
        axes.contour(
            *grids, excess, levels=excess.max() * np.linspace(0.02, 0.95, 9) ** 2,
            colors="0.78", linewidths=0.8,
        )  # fmt: skip
        for i, (name, path) in enumerate(paths.items()):
            axes.plot(*path[:, plane].T, color=f"C{i}", linewidth=1.4, label=name)
        axes.plot(*best[list(plane)], "k*", markersize=11, linestyle="", label="minimum")
        axes.plot(*next(iter(paths.values()))[0, plane], "ko", markersize=5, linestyle="")
        axes.set(xlabel=names[plane[0]], ylabel=names[plane[1]])
    panels[0].legend(fontsize=9)
    return figure


def draw_losses(curves: Mapping[str, Sequence[float]], floor: float) -> Any:
    """Loss above the minimum at each step."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4), layout="constrained")
    axes = figure.subplots()
    for name, values in curves.items():
        axes.plot(values, label=name, linewidth=1.5)
    axes.axhline(floor, color="0.4", linewidth=1, linestyle=(0, (1, 2)), label="noise of y")
    axes.set(yscale="log", xlabel="step", ylabel="loss above the minimum")
    axes.legend()
    return figure


def draw_rates(rates: Sequence[float], ends: Mapping[str, Sequence[float]], limit: float) -> Any:
    """Loss above the minimum at the end against the learning rate; rounding ends at 1e-15."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4), layout="constrained")
    axes = figure.subplots()
    for (name, values), marker in zip(ends.items(), "os^D", strict=True):
        axes.plot(rates, np.clip(values, 1e-15, 1e4), marker=marker, markersize=4, label=name)
    axes.axvline(
        limit, color="0.4", linewidth=1, linestyle=(0, (1, 2)), label=r"$2/\lambda_{\max}$"
    )
    axes.set(
        xscale="log", yscale="log", xlabel="learning rate", ylabel="loss above the minimum",
        ylim=(3e-16, 2e3),
    )  # fmt: skip
    axes.legend(fontsize=9)
    return figure
