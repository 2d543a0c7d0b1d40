"""Figures of `momentum`: norm of the weights, loss and accuracy by iteration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Curves = Mapping[str, Mapping[str, Sequence[Any]]]


def draw_norms(curves: Curves) -> Any:
    """‖W_t‖₂ of each method."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 3.9), layout="constrained")
    axes = figure.subplots()
    for name, curve in curves.items():
        axes.plot(curve["t"], [norms[0] for norms in curve["norms"]], label=name)
    axes.set(xlabel="iteration $t$", ylabel=r"$\Vert W_t\Vert_2$")
    axes.legend()
    return figure


def draw_training(curves: Curves) -> Any:
    """Loss and accuracy on the training and the test set."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.4, 6.2), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True, sharey="row")
    for row, what in enumerate(("loss", "accuracy")):
        for axes, part in zip(panels[row], ("train", "test"), strict=True):
            for name, curve in curves.items():
                axes.plot(curve["t"], curve[f"{part}_{what}"], linewidth=1.4, label=name)
            if row == 0:
                axes.set_title("training set" if part == "train" else "test set")
            else:
                axes.set_xlabel("iteration $t$")
        panels[row, 0].set_ylabel("cross-entropy" if what == "loss" else what)
    panels[0, 0].set_ylim(0, 1.5 * max(curve["train_loss"][1] for curve in curves.values()))
    panels[0, 1].legend(fontsize=9)
    return figure


def draw_radii(curvatures: np.ndarray, radii: Mapping[str, Sequence[float]]) -> Any:
    """The factor by which one step shrinks the error on a quadratic, against ηλ."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 3.7), layout="constrained")
    axes = figure.subplots()
    for name, values in radii.items():
        axes.plot(curvatures, values, label=name)
    axes.axhline(1, color="0.4", linewidth=1)
    axes.set(xlabel="ηλ", ylabel="factor per step", ylim=(0, 1.3))
    axes.legend(loc="lower right")
    return figure
