"""Figures of `sgd-rates`: bounds by step-size rule, and simulations below them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def _with_powers(name: str) -> str:
    """The name of a rule with its power set as one."""
    return re.sub(r"\^\((.*)\)", r"$^{\1}$", name)


def draw_simulation(curves: Mapping[str, Mapping[str, Any]]) -> Any:
    """The simulated weighted mean and its bound, a panel for each rule."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.2, 5.6), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True, sharey=True).ravel()
    for axes, (name, curve) in zip(panels, curves.items(), strict=True):
        axes.plot(curve["t"], curve["bound"], color="C1", linestyle="--", label="bound")
        axes.plot(curve["t"], curve["mean"], color="C0", linestyle="-", label="weighted mean")
        axes.plot(curve["t"], curve["smallest"], color="C4", linestyle=":", label="smallest")
        axes.set(xscale="log", yscale="log", title=_with_powers(name))
    for axes in panels[2:]:
        axes.set_xlabel("steps t")
    for axes in panels[::2]:
        axes.set_ylabel("E‖∇f‖²")
    panels[0].legend()
    return figure


def draw_rates(times: np.ndarray, bounds: Mapping[str, Sequence[float]]) -> Any:
    """The bound against the number of steps, with the asymptotes of the decreasing rules."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.8, 4.2), layout="constrained")
    axes = figure.subplots()
    for name, values in bounds.items():
        axes.plot(times, values, label=_with_powers(name))
    late = times[times >= 100]
    for limit, text in (
        (3.612 / (4 * late**0.25), "asymptotes"),
        ((1 + np.log(late)) / (2 * np.sqrt(late)), None),
    ):
        axes.plot(late, limit, color="0.35", linewidth=0.8, linestyle=":", label=text)
    axes.set(xscale="log", yscale="log", xlabel="steps t", ylabel="bound on min E‖∇f‖²")
    axes.legend()
    return figure
