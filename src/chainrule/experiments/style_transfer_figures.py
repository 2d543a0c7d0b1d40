"""Figures of style transfer: the picture on its way, and the losses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def draw_pictures(pictures: Sequence[tuple[str, Array]], columns: int = 3) -> Any:
    """Pictures in RGB in [0, 1] side by side, each under its title."""
    from matplotlib.figure import Figure

    rows = -(-len(pictures) // columns)
    ratio = max(picture.shape[0] / picture.shape[1] for _, picture in pictures)
    width = 9.0 if len(pictures) >= columns else 3.0 * len(pictures)
    panel = width / min(columns, len(pictures))
    figure = Figure(figsize=(width, rows * (panel * ratio + 0.35)), layout="constrained")
    panels = np.atleast_1d(figure.subplots(rows, min(columns, len(pictures)))).ravel()
    for axes in panels:
        axes.axis("off")
    for axes, (title, picture) in zip(panels, pictures, strict=False):
        axes.imshow(np.clip(picture, 0, 1), interpolation="lanczos")
        axes.set_title(title, fontsize=10)
    return figure


def draw_losses(curves: Sequence[tuple[str, Sequence[int], Sequence[float]]]) -> Any:
    """Curves of losses over evaluations: name, evaluations, values; zeros are left out."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.8, 4.0), layout="constrained")
    axes = figure.subplots()
    for name, steps, values in curves:
        positive = np.array(values, dtype=float)
        positive[positive <= 0] = np.nan
        axes.plot(steps, positive, label=name)
    axes.set(yscale="log", xlabel="evaluations of loss and gradient", ylabel="loss")
    axes.legend()
    return figure
