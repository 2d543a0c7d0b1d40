"""Coloured shapes in ten classes: a synthetic stand-in for CIFAR-10 that works offline."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.data.errors import DataError
from chainrule.data.painting import Array, backgrounds, cover, finished, grid, hues, paint

#: Each is the same after a flip from left to right, so that flipped pictures keep their class.
SHAPES = (
    "disc",
    "ring",
    "square",
    "frame",
    "triangle",
    "inverted triangle",
    "plus",
    "cross",
    "horizontal bars",
    "vertical bars",
)


def synthetic_shapes(count: int, seed: int = 0, size: int = 32) -> tuple[Array, Array]:
    """Synthetic pictures of ten shapes: random place, size, colour, background and noise.

    The hue depends a little on the class, as colours do in photographs of things: a linear
    classifier finds that much, the shape itself it cannot see.

    Parameters
    ----------
    count : int
    seed : int
    size : int
        Pixels of each side.

    Returns
    -------
    images : uint8 array, shape (count, 3, size, size)
    labels : uint8 array, shape (count,)
        The classes, named by `SHAPES`, occur equally often, in random order.

    Raises
    ------
    DataError
        A negative count, or sides below 8 pixels.
    """
    if count < 0 or size < 8:
        raise DataError(f"{count} pictures of {size} pixels a side cannot be drawn; 8 is least.")
    generator = np.random.default_rng([seed, 0x5A])
    labels = generator.permutation(np.arange(count) % len(SHAPES)).astype(np.uint8)
    images = backgrounds(generator, count, size)
    hue = labels / len(SHAPES) + 0.16 * generator.standard_normal(count)
    colours = hues(hue, generator.uniform(0.55, 1.0, count))
    radius = generator.uniform(0.42, 0.68, (count, 1, 1)).astype(np.float32)
    offset = generator.uniform(-0.25, 0.25, (2, count, 1, 1)).astype(np.float32)
    x, y = grid(size)
    x, y = (x - offset[0]) / radius, (y - offset[1]) / radius
    distance = np.empty((count, size, size), np.float32)
    for number, shape in enumerate(SHAPES):
        rows = labels == number
        distance[rows] = _distance(shape, x[rows], y[rows]) * radius[rows]
    paint(images, cover(distance, size), colours)
    return finished(generator, images, 0.06), labels


def _distance(shape: str, x: Array, y: Array) -> Any:
    """Signed distance from the border of a shape of half-width 1."""
    r = np.hypot(x, y)
    box = np.maximum(np.abs(x), np.abs(y))
    if shape == "disc":
        return r - 1
    if shape == "ring":
        return np.abs(r - 0.75) - 0.25
    if shape == "square":
        return box - 0.9
    if shape == "frame":
        return np.abs(box - 0.7) - 0.22
    if shape in ("triangle", "inverted triangle"):
        upright = y if shape == "triangle" else -y
        return np.maximum(upright - 0.75, 0.866 * np.abs(x) - 0.5 * upright - 0.5)
    if shape == "plus":
        return np.maximum(np.minimum(np.abs(x), np.abs(y)) - 0.28, box - 1)
    if shape == "cross":
        u, v = (x + y) / np.sqrt(2), (x - y) / np.sqrt(2)
        return np.maximum(np.minimum(np.abs(u), np.abs(v)) - 0.28, box - 0.9)
    along = y if shape == "horizontal bars" else x
    return np.maximum(np.abs(np.abs(along) - 0.55) - 0.25, box - 0.9)
