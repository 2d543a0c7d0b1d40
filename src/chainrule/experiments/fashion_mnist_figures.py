"""Figures of `fashion-mnist`: curves, class probabilities beside images, and the confusion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_curves(rows: Sequence[Mapping[str, float]]) -> Figure:
    """Train and test loss, and accuracy beside them, by epoch."""
    from matplotlib import pyplot
    from matplotlib.ticker import MaxNLocator

    from chainrule.reporting.figures import house_style

    panels = (
        ("loss per image", {"evaluated_train_loss": "train", "validation_loss": "test",
                            "train_loss": "train, while training"}),
        ("accuracy", {"train_accuracy": "train", "validation_accuracy": "test"}),
    )  # fmt: skip
    epochs = [row["epoch"] for row in rows]
    with house_style():
        figure, panes = pyplot.subplots(1, 2, figsize=(9.6, 3.8))
        for axes, (label, names) in zip(panes, panels, strict=True):
            for name, shown in names.items():
                axes.plot(epochs, [row[name] for row in rows], marker=".", label=shown)
            axes.set_xlabel("epoch")
            axes.set_ylabel(label)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.legend()
    return figure


def draw_probabilities(
    images: Sequence[np.ndarray],
    labels: Sequence[int],
    probabilities: np.ndarray,
    names: Sequence[str],
) -> Figure:
    """Each image beside the probabilities of its classes, the true class hatched."""
    from matplotlib import pyplot

    from chainrule.reporting.figures import COLOURS, house_style

    with house_style():
        figure, panes = pyplot.subplots(
            len(images), 2, figsize=(7.6, 2.7 * len(images)), width_ratios=(1, 1.6)
        )
        places = np.arange(len(names))
        for (left, right), image, label, p in zip(
            panes, images, labels, probabilities, strict=True
        ):
            left.imshow(image, cmap="gray_r", interpolation="nearest")
            left.set_axis_off()
            left.set_title(f"true class: {names[label]}")
            bars: Any = right.barh(places, p, color=COLOURS[0])
            bars[label].set_hatch("////")
            bars[label].set_edgecolor("white")
            for place, value in zip(places, p, strict=True):
                if value >= 0.005:
                    right.text(value + 0.02, place, f"{value:.2f}", va="center")
            right.set_xlim(0, 1.15)
            right.set_xticks([0, 0.25, 0.5, 0.75, 1])
            right.set_yticks(places, names)
            right.invert_yaxis()
            right.grid(visible=False)
        panes[-1][1].set_xlabel("probability")
    return figure


def draw_confusion(table: np.ndarray, names: Sequence[str]) -> Figure:
    """Counts by true class and name given, shaded by their share of the true class."""
    from matplotlib import pyplot

    from chainrule.reporting.figures import house_style

    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    with house_style():
        figure, axes = pyplot.subplots(figsize=(7.4, 6.2))
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for i, j in np.ndindex(*table.shape):
            if table[i, j]:
                colour = "white" if shares[i, j] > 0.5 else "black"
                axes.text(j, i, str(table[i, j]), ha="center", va="center", color=colour, size=9)
        axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
        axes.set_yticks(range(len(names)), names)
        axes.set_xlabel("name given")
        axes.set_ylabel("true class")
        axes.grid(visible=False)
    return figure
