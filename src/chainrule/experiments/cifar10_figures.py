"""Figures of `cifar10`: embeddings, augmented views, schedules, curves, confusion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = np.ndarray[Any, Any]

MARKERS = "osD^v<>PX*"


def class_colours(count: int) -> list[Any]:
    """Colours of so many classes, apart in hue; markers tell them apart in grey."""
    from matplotlib import colormaps

    return [colormaps["tab10"](number % 10) for number in range(count)]


def draw_embeddings(
    embeddings: Mapping[str, tuple[Array, Sequence[str]]], labels: Array, classes: Sequence[str]
) -> Figure:
    """Two-dimensional embeddings side by side, a colour and marker for each class.

    Parameters
    ----------
    embeddings : mapping
        Title to coordinates, shape (n, 2), and the labels of both axes.
    labels : int array, shape (n,)
    classes : sequence of str
    """
    from matplotlib import pyplot

    from chainrule.reporting.figures import house_style

    with house_style():
        figure, axes = pyplot.subplots(1, len(embeddings), figsize=(5 * len(embeddings) + 1.2, 4.6))
        for axis, (title, (points, names)) in zip(axes, embeddings.items(), strict=True):
            for number, colour in enumerate(class_colours(len(classes))):
                chosen = points[labels == number]
                axis.scatter(
                    *chosen.T, s=9, alpha=0.55, color=colour, marker=MARKERS[number % 10],
                    linewidths=0, label=classes[number],
                )  # fmt: skip
                axis.scatter(
                    *chosen.mean(0), s=80, color=colour, marker=MARKERS[number % 10],
                    edgecolors="black", linewidths=1.2, zorder=3,
                )  # fmt: skip
            axis.set_title(title)
            axis.set_xlabel(names[0])
            axis.set_ylabel(names[1])
        handles, names = axes[-1].get_legend_handles_labels()
        figure.legend(
            handles, names, loc="outside right center", title="class\n(large: mean)", markerscale=2
        )
    return figure


def draw_pictures(
    pictures: Array, columns: int, titles: Sequence[str] = (), side: float = 0.75
) -> Figure:
    """Pictures, shape (n, 3, height, width), uint8, in rows, with optional titles."""
    from matplotlib import pyplot

    from chainrule.reporting.figures import house_style

    rows = -(-len(pictures) // columns)
    height = side + (0.42 if titles else 0.04)
    with house_style():
        figure, axes = pyplot.subplots(
            rows, columns, figsize=(side * columns + 0.4, height * rows + 0.1), squeeze=False
        )
        for number, axis in enumerate(axes.flat):
            axis.axis("off")
            if number < len(pictures):
                axis.imshow(pictures[number].transpose(1, 2, 0), interpolation="nearest")
                if titles:
                    axis.set_title(titles[number], fontsize=7.5, loc="center", weight="normal")
    return figure


def draw_schedules(rates: Mapping[str, Array], steps_per_epoch: int) -> Figure:
    """Learning rate against epochs, one line for each scheme."""
    from matplotlib import pyplot

    from chainrule.reporting.figures import house_style

    with house_style():
        figure, axis = pyplot.subplots()
        for name, values in rates.items():
            axis.plot(np.arange(len(values)) / steps_per_epoch, values, label=name)
        axis.set_xlabel("epochs")
        axis.set_ylabel("learning rate")
        axis.set_title("Learning rate of each step")
        axis.legend()
    return figure


def draw_curves(histories: Mapping[str, Sequence[Mapping[str, Any]]]) -> Figure:
    """Loss and accuracy against epochs, training and validation, of several trainings."""
    from matplotlib import pyplot

    from chainrule.reporting.figures import COLOURS, house_style

    with house_style():
        figure, (left, right) = pyplot.subplots(1, 2, figsize=(9.8, 4.0))
        for number, (name, rows) in enumerate(histories.items()):
            epochs = [row["epoch"] for row in rows]
            colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % 10]
            for axis, what in ((left, "loss"), (right, "accuracy")):
                for part, line in (("train", "--"), ("validation", "-")):
                    axis.plot(
                        epochs, [row[f"{part}_{what}"] for row in rows], linestyle=line,
                        color=colour, marker=marker, label=f"{name}, {part}",
                    )  # fmt: skip
        left.set_ylabel("cross-entropy")
        right.set_ylabel("share of right answers")
        for axis, title in ((left, "Loss"), (right, "Accuracy")):
            axis.xaxis.get_major_locator().set_params(integer=True)
            axis.set_xlabel("epochs")
            axis.set_title(title)
        handles, names = left.get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=2)
    return figure


def draw_confusion(counts: Array, classes: Sequence[str]) -> Figure:
    """Counts of true class (rows) and predicted class (columns)."""
    from matplotlib import pyplot

    from chainrule.reporting.figures import house_style

    counts = np.asarray(counts)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    side = 1.9 + 0.5 * len(classes)
    with house_style():
        figure, axis = pyplot.subplots(figsize=(side + 0.6, side))
        axis.grid(False)
        axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for row, column in np.ndindex(*counts.shape):
            dark = shares[row, column] > 0.5
            axis.text(column, row, str(counts[row, column]), ha="center", va="center", fontsize=9,
                      color="white" if dark else "black")  # fmt: skip
        axis.set_xticks(range(len(classes)), classes, rotation=45, ha="right")
        axis.set_yticks(range(len(classes)), classes)
        axis.set_xlabel("predicted")
        axis.set_ylabel("true")
        axis.set_title("Confusion")
    return figure
