"""Figures of `linear-networks`: the chord across a saddle, ways down, landscapes by depth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def draw_chord() -> Any:
    """Contours of ½(w₂w₁ − 1)² with the chord between its minima, and the loss along it."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.4, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.1, 1))
    w1, w2 = np.meshgrid(*[np.linspace(-1.8, 1.8, 121)] * 2)
    loss = 0.5 * (w2 * w1 - 1) ** 2
    levels = [0.02, 0.1, 0.25, 0.5, 1, 2, 4, 8]
    filled = left.contourf(w1, w2, loss, levels=[0, *levels], cmap="Blues", extend="max")
    left.contour(w1, w2, loss, levels=[0.5], colors="0.2", linewidths=1)
    left.plot([-1, 1], [-1, 1], color="C1", linewidth=2)
    left.plot([-1, 1], [-1, 1], "o", color="C1", markersize=8, linestyle="none")
    left.plot([0], [0], "X", color="0.1", markersize=9)
    left.set(xlabel="w₁", ylabel="w₂", aspect="equal", title="Loss ½(w₂w₁ − 1)²")
    left.grid(False)
    figure.colorbar(filled, ax=left, shrink=0.85)
    s = np.linspace(-1, 1, 201)
    right.plot(s, 0.5 * (s**2 - 1) ** 2, color="C1", label="loss on the line w₁ = w₂ = s")
    right.plot([-1, 1], [0, 0], color="0.4", linestyle="--", label="chord between the minima")
    right.set(xlabel="s", ylabel="loss", title="Along the line", ylim=(-0.04, 0.68))
    right.legend(loc="upper center")
    return figure


def draw_ways(curves: Mapping[str, Any]) -> Any:
    """Loss along each way down, and the fall on logarithmic axes, whose slope is its order."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 3.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    t = np.asarray(curves["t"])
    for name, losses in curves["loss"].items():
        losses = np.asarray(losses)
        left.plot(t, losses, label=name)
        fall = losses[0] - losses
        shown = (t > 0) & (fall > 0) & (t < 0.6)
        right.plot(t[shown], fall[shown], label=name)
    left.set(xlabel="distance t", ylabel="loss", title="Loss")
    right.set(xlabel="distance t", ylabel="loss at the point − loss", title="Fall", xscale="log")
    right.set_yscale("log")
    right.set_xticks([0.025, 0.05, 0.1, 0.25, 0.5], ["0.025", "0.05", "0.1", "0.25", "0.5"])
    right.set_xticks([], minor=True)
    left.legend(fontsize=9)
    return figure


def draw_saddles(surfaces: Mapping[int, tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Any:
    """Contours of the loss with all layers diag(a, b), by the number of layers."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 3.9), layout="constrained")
    panels = figure.subplots(1, len(surfaces), sharey=True)
    levels = [0, 0.05, 0.25, 0.5, 1, 1.5, 2, 2.25, 2.45, 2.55, 3, 4, 6]
    for axes, (layers, (a, b, loss)) in zip(panels, surfaces.items(), strict=True):
        filled = axes.contourf(a, b, loss, levels=levels, cmap="Blues", extend="max")
        axes.contour(a, b, loss, levels=levels, colors="0.35", linewidths=0.4)
        axes.plot([0], [0], "X", color="C1", markersize=9, label="all zero")
        first, second = 2 ** (1 / layers), 1.0
        signs = [(s, t) for s in (1, -1) for t in (1, -1)] if layers % 2 == 0 else [(1, 1)]
        axes.plot(
            [s * first for s, _ in signs], [t * second for _, t in signs],
            "o", color="C2", linestyle="none", label="global minimum",
        )  # fmt: skip
        axes.set(xlabel="a", title=f"{layers} layers diag(a, b)", aspect="equal")
        axes.grid(False)
    panels[0].set_ylabel("b")
    panels[-1].legend(loc="lower left", frameon=True, framealpha=0.9)
    figure.colorbar(filled, ax=list(panels), shrink=0.85, label="loss")
    return figure
