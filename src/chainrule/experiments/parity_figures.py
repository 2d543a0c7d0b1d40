"""Figures of `parity`: networks as functions of the sum, and the spread of the gradient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def draw_networks(s: np.ndarray, curves: Mapping[str, np.ndarray], labels: Sequence[float]) -> Any:
    """Each network against s = vᵀx, with the labels to be met at whole numbers."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.6, 5.6), layout="constrained")
    panels = figure.subplots(len(curves), 1, sharex=True, sharey=True)
    whole = np.arange(len(labels))
    for axes, (name, values), colour in zip(
        panels, curves.items(), ["C1", "C0", "C2"], strict=True
    ):
        axes.plot(s, values, color=colour, linestyle="-")
        found = np.interp(whole, s, values)
        wrong = np.abs(found - labels) > 1e-9
        axes.plot(whole[~wrong], np.array(labels)[~wrong], "o", color="0.15", linestyle="none")
        axes.plot(
            whole[wrong], np.array(labels)[wrong], "X", color="#b00020", markersize=9,
            linestyle="none",
        )  # fmt: skip
        axes.set(title=name, ylabel="f", ylim=(-2, 3.2), yticks=[-1, 1])
    panels[-1].set_xlabel("s = vᵀx, the number of selected ones")
    panels[-1].set_xticks(list(whole))
    return figure


def draw_spread(dimensions: Sequence[int], found: Sequence[Sequence[Sequence[float]]]) -> Any:
    """Spread of each network, medians of the spread and the bound, and 2⁻ᵈ."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.8, 4.2), layout="constrained")
    axes = figure.subplots()
    d = np.asarray(dimensions)
    for x, each in zip(dimensions, found, strict=True):
        values = [s[0] for s in each]
        axes.plot([x] * len(values), values, "o", color="C0", alpha=0.35, markersize=4)
    medians = [float(np.median([s[0] for s in each])) for each in found]
    bounds = [float(np.median([s[2] for s in each])) for each in found]
    axes.plot(d, bounds, marker="s", color="C1", linestyle="--", label="bound")
    axes.plot(d, medians, marker="D", color="C0", linestyle="-", label="E‖∇R − a‖², median")
    axes.plot(d, medians[0] * 2.0 ** (d[0] - d), color="0.3", linestyle=":", label="slope 2⁻ᵈ")
    axes.set(yscale="log", xlabel="bits d", ylabel="spread of the gradient over v")
    axes.set_xticks(list(d))
    axes.legend()
    return figure


def draw_learning(
    curves: Mapping[str, tuple[Sequence[int], Sequence[float]]], title: str = ""
) -> Any:
    """Hinge loss against iterations, one line for each training."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4), layout="constrained")
    axes = figure.subplots()
    for name, (iterations, losses) in curves.items():
        axes.plot(iterations, losses, label=name)
    axes.set(xlabel="iterations", ylabel="hinge loss", ylim=(-0.03, 1.1), title=title)
    # Above the curves: some of them pass through every corner.
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=len(curves) if len(curves) < 4 else 2
    )
    return figure


def draw_ratios(layers: Sequence[int], ratios: Mapping[str, Sequence[float]]) -> Any:
    """Gradient of the first layer relative to that of the last against the depth."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.8), layout="constrained")
    axes = figure.subplots()
    for (name, values), marker in zip(ratios.items(), "os", strict=True):
        axes.plot(layers, values, marker=marker, label=name)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="hidden layers",
        ylabel="gradient of the first / of the last layer",
    )
    axes.set_xticks(list(layers), [str(n) for n in layers])
    axes.minorticks_off()
    axes.legend()
    return figure
