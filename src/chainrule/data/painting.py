"""Soft-edged regions of many small pictures at once, for the synthetic image sets."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def grid(size: int) -> tuple[Array, Array]:
    """x and y of each pixel's centre, shape (1, size, size), from −1 to 1, y downwards."""
    places = ((np.arange(size, dtype=np.float32) + 0.5) / size) * 2 - 1
    y, x = np.meshgrid(places, places, indexing="ij")
    return x[None], y[None]


def cover(distance: Array, size: int) -> Array:
    """Share of each pixel inside a region, from its signed distance, negative inside."""
    return np.clip(0.5 - distance * (size / 2), 0, 1)


def paint(pictures: Array, share: Array, colours: Array) -> None:
    """Lay colours, shape (n, 3), over pictures, shape (n, 3, h, w), by `share`, in place."""
    pictures += share[:, None] * (colours[:, :, None, None] - pictures)


def hues(hue: Array, value: Array) -> Array:
    """Strong colours, shape (n, 3), of a hue (periodic in 1) and a brightness, both shape (n,)."""
    thirds = np.array([0.0, 1 / 3, 2 / 3])
    waves = 0.5 + 0.5 * np.cos(2 * np.pi * (hue[:, None] - thirds))
    return (value[:, None] * (0.15 + 0.85 * waves)).astype(np.float32)


def backgrounds(generator: np.random.Generator, count: int, size: int) -> Array:
    """Pictures, shape (n, 3, size, size), of a grey-tinted colour that changes smoothly."""
    x, y = grid(size)
    base = 0.25 + 0.5 * generator.random((count, 1, 1, 1), np.float32)
    base = base + 0.12 * generator.standard_normal((count, 3, 1, 1)).astype(np.float32)
    slope = 0.15 * generator.standard_normal((2, count, 3, 1, 1)).astype(np.float32)
    return base + slope[0] * x[:, None] + slope[1] * y[:, None]


def finished(generator: np.random.Generator, pictures: Array, noise: float) -> Array:
    """The pictures with normal noise, as bytes."""
    pictures = pictures + noise * generator.standard_normal(pictures.shape, np.float32)
    return np.rint(np.clip(pictures, 0, 1) * 255).astype(np.uint8)
