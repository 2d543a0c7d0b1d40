"""Drawn faces with and without a mask: a synthetic stand-in for photographs that works offline."""

from __future__ import annotations

import numpy as np

from chainrule.data.errors import DataError
from chainrule.data.painting import Array, backgrounds, cover, finished, grid, paint

FACES = ("with_mask", "without_mask")

_SKIN = np.array([[0.95, 0.80, 0.70], [0.80, 0.60, 0.45], [0.55, 0.38, 0.27], [0.36, 0.24, 0.18]])
_HAIR = np.array([[0.08, 0.06, 0.05], [0.30, 0.18, 0.10], [0.75, 0.60, 0.35], [0.55, 0.54, 0.53]])
_MASK = np.array([[0.55, 0.75, 0.88], [0.93, 0.93, 0.93], [0.12, 0.12, 0.14], [0.70, 0.45, 0.55]])
_CLOTH = np.array([[0.25, 0.35, 0.55], [0.60, 0.25, 0.25], [0.85, 0.85, 0.82], [0.2, 0.3, 0.25]])


def synthetic_faces(count: int, seed: int = 0, size: int = 64) -> tuple[Array, Array]:
    """Synthetic drawings of faces, half of them with a mask over mouth and nose.

    Skin, hair, mask, clothes, place, size, tilt, light and noise are drawn at random and do not
    depend on the class; some faces without a mask have a beard or a scarf below the chin.

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
        0 with a mask, 1 without (`FACES`), in random order.

    Raises
    ------
    DataError
        A negative count, or sides below 16 pixels.
    """
    if count < 0 or size < 16:
        raise DataError(f"{count} pictures of {size} pixels a side cannot be drawn; 16 is least.")
    generator = np.random.default_rng([seed, 0xFACE])
    labels = generator.permutation(np.arange(count) % 2).astype(np.uint8)
    images = backgrounds(generator, count, size)
    x, y = _pose(generator, count, size)

    def colours(palette: Array) -> Array:
        chosen = palette[generator.integers(len(palette), size=count)]
        return (chosen + 0.04 * generator.standard_normal((count, 3))).astype(np.float32)

    def lay(distance: Array, colour: Array, rows: Array | None = None) -> None:
        share = cover(distance, size)
        if rows is not None:
            share = share * rows[:, None, None]
        paint(images, share, colour)

    skin, hair = colours(_SKIN), colours(_HAIR)
    paint(images, cover(np.maximum(np.hypot(x / 1.5, (y - 1.75) / 0.9) - 1, 0.9 - y), size),
          colours(_CLOTH))  # fmt: skip
    lay(np.maximum(np.abs(x) - 0.3, np.abs(y - 0.95) - 0.35), skin * np.float32(0.9))
    lay(np.hypot(x / 0.85, (y + 0.2) / 1.0) - 1, hair)
    lay(np.hypot(x / 0.72, y / 0.95) - 1, skin)
    dark = np.full((count, 3), 0.08, np.float32)
    for side in (-1, 1):
        eye = np.hypot((x - side * 0.3) / 0.15, (y + 0.2) / 0.085) - 1
        lay(eye * 0.1, np.full((count, 3), 0.95, np.float32))
        lay(np.hypot(x - side * 0.3, y + 0.2) - 0.07, dark)
        lay(np.maximum(np.abs(x - side * 0.3) - 0.17, np.abs(y + 0.38) - 0.03), hair)
    lay(np.maximum(np.abs(x) - 0.07, np.abs(y - 0.05) - 0.18), skin * np.float32(0.88))
    width = generator.uniform(0.2, 0.34, (count, 1, 1)).astype(np.float32)
    lips = np.hypot(x / width, (y - 0.48) / 0.08) - 1
    lay(lips * 0.1, np.tile(np.array([[0.70, 0.28, 0.28]], np.float32), (count, 1)))
    beard = (generator.random(count) < 0.25).astype(np.float32)
    face = np.hypot(x / 0.72, y / 0.95) - 1
    lay(np.maximum(np.maximum(face, 0.3 - y), 0.1 - np.abs(lips)), hair, beard)
    scarf = (generator.random(count) < 0.2).astype(np.float32)
    lay(np.maximum(np.abs(y - 1.08) - 0.16, np.abs(x) - 0.7), colours(_MASK), scarf)
    masked = (labels == 0).astype(np.float32)
    lower = np.maximum(np.hypot(x / 0.72, (y - 0.1) / 0.9) - 1, 0.08 * np.cos(2 * x) - y)
    colour = colours(_MASK)
    straps = np.maximum(np.abs(np.abs(y - 0.25 - 0.3 * (0.7 - np.abs(x))) - 0.1) - 0.02, face)
    lay(straps, colour * np.float32(0.9), masked)
    lay(lower, colour, masked)
    for fold in (0.32, 0.48):
        line = np.maximum(np.abs(y - fold) - 0.012, np.abs(x) - 0.42)
        lay(line, colour * np.float32(0.8), masked)
    light = 1 + 0.25 * generator.standard_normal((count, 1, 1, 1)).clip(-2, 2) * x[:, None]
    return finished(generator, images * light.astype(np.float32), 0.04), labels


def _pose(generator: np.random.Generator, count: int, size: int) -> tuple[Array, Array]:
    """Coordinates in each face's own frame, where its half-height is about 1."""
    x, y = grid(size)
    scale = generator.uniform(0.52, 0.72, (count, 1, 1)).astype(np.float32)
    offset = generator.uniform(-0.12, 0.12, (2, count, 1, 1)).astype(np.float32)
    tilt = generator.normal(0, 0.12, (count, 1, 1)).astype(np.float32)
    x, y = (x - offset[0]) / scale, (y - offset[1]) / scale
    return x * np.cos(tilt) + y * np.sin(tilt), y * np.cos(tilt) - x * np.sin(tilt)
