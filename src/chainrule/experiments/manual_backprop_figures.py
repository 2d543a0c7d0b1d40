"""Figures of `manual-backprop`: loss and accuracy while training, and images with their classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def draw_training(curve: Sequence[Sequence[float]]) -> Any:
    """Loss and accuracy against images seen; rows are (seen, train loss and accuracy, test …)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.2, 3.9), layout="constrained")
    seen, *columns = np.array(curve).T
    for axes, (train, test), label in zip(
        figure.subplots(1, 2), ((0, 2), (1, 3)), ("cross-entropy", "accuracy"), strict=True
    ):
        axes.plot(seen, columns[train], label="training images")
        axes.plot(seen, columns[test], label="test images")
        axes.set(xlabel="images seen, one step each", ylabel=label)
        axes.set_ylim(0, None if label == "cross-entropy" else 1)
        axes.legend()
    return figure


def draw_images(
    images: np.ndarray, labels: Sequence[int], probabilities: Sequence[Sequence[float]]
) -> Any:
    """Images above the probabilities that the network gives their classes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.2, 3.2), layout="constrained")
    panels = figure.subplots(2, len(images), height_ratios=(1.3, 1), sharey="row")
    for column, (image, label, p) in enumerate(zip(images, labels, probabilities, strict=True)):
        top, bottom = panels[:, column]
        top.imshow(image, cmap="gray_r", interpolation="nearest")
        top.set_axis_off()
        colours = ["C0" if k == label else "C1" for k in range(len(p))]
        bottom.bar(range(len(p)), p, color=colours)
        bottom.set(ylim=(0, 1), xticks=(0, 3, 6, 9))
        bottom.grid(visible=False)
        if column:
            bottom.tick_params(labelleft=False)
    panels[1, 0].set_ylabel("probability")
    return figure
