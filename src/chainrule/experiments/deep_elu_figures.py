"""Figures of `deep-elu`: gradient norm by layer, of one network and of many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def draw_one(norms: Mapping[str, Sequence[float]], predicted: Sequence[float]) -> Any:
    """δ_l of the hand-out's network, beside what mean-field theory predicts."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.2), layout="constrained")
    axes = figure.subplots()
    layers = np.arange(1, len(predicted) + 1)
    for (name, values), marker in zip(norms.items(), "os^", strict=False):
        axes.plot(layers, values, marker=marker, markersize=4, label=name)
    axes.plot(layers, predicted, color="0.35", linestyle=":", label="mean field, from δ₃₁")
    axes.set(
        yscale="log",
        xlabel="layer $l$",
        ylabel=r"$\delta_l = \Vert\partial\ell/\partial W_l\Vert$",
        ylim=(0.01, 40),
    )
    axes.legend(ncols=2)
    return figure


def draw_many(panels: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]]) -> Any:
    """Median and quartiles over seeds for each activation and width, and the prediction."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.2, 4.3), layout="constrained")
    for axes, (activation, widths) in zip(
        figure.subplots(1, len(panels)), panels.items(), strict=True
    ):
        for i, (width, curve) in enumerate(widths.items()):
            layers = np.arange(1, len(curve["median"]) + 1)
            axes.fill_between(
                layers, curve["lower"], curve["upper"], color=f"C{i}", alpha=0.2, linewidth=0
            )
            axes.plot(layers, curve["median"], color=f"C{i}", linestyle="-", label=f"width {width}")
            axes.plot(
                layers, curve["predicted"], color="0.3", linewidth=1.2, linestyle=(0, (2, 1.5)),
                label="mean field" if i == 0 else None,
            )  # fmt: skip
        axes.set(yscale="log", xlabel="layer $l$", ylabel=r"$\delta_l$", title=activation)
        axes.legend(loc="lower right")
    return figure
