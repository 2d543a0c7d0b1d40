"""The pictures of a transfer: read, sized, without colours where they are kept, as tensors."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from chainrule.vision.errors import VisionError
from chainrule.vision.images import fitted, read_picture, resize
from chainrule.vision.style.colours import grey
from chainrule.vision.style.settings import STARTS, Settings

Array = np.ndarray[Any, Any]
Picture = str | os.PathLike[str] | Array

#: Shortest side of a scale, or of a style picture, that is worth looking at.
LEAST_SIDE = 32
#: Longer side of the copies of a filmstrip.
FRAME = 256


@dataclass
class Pictures:
    """The pictures at full size, as they are optimised, and the content with its colours."""

    content: Array
    styles: list[tuple[Array, float]]
    coloured: Array
    start: Array | None


def prepare(
    content: Picture, styles: Sequence[tuple[Picture, float]] | Picture, settings: Settings
) -> Pictures:
    """Read, size and, where colours are kept, grey the pictures."""
    if isinstance(styles, (str, os.PathLike, np.ndarray)):
        styles = [(styles, 1.0)]
    if not styles:
        raise VisionError("There is no style picture; give at least one.")
    for _, weight in styles:
        if not weight > 0:
            raise VisionError(f"The weight of a style picture is {weight!r}; it must be positive.")
    coloured = as_array(content, settings.size)
    style_size = max(LEAST_SIDE, round(settings.size * settings.style_scale))
    found = [(as_array(style, style_size), float(weight)) for style, weight in styles]
    start = None
    if settings.start not in STARTS:
        start = resize(as_array(settings.start, settings.size), *coloured.shape[:2])
    if not settings.original_colours:
        return Pictures(coloured, found, coloured, start)
    greys = [(grey(style, coloured), weight) for style, weight in found]
    return Pictures(grey(coloured), greys, coloured, None if start is None else grey(start))


def as_array(picture: Picture, size: int) -> Array:
    """A picture given as a file or an array, its longer side of that many pixels."""
    if not isinstance(picture, np.ndarray):
        return read_picture(picture, size)
    if picture.ndim != 3 or picture.shape[2] != 3 or not np.issubdtype(picture.dtype, np.floating):
        raise VisionError(
            f"A picture has shape {picture.shape} and type {picture.dtype}; expected floats of "
            "shape (height, width, 3), RGB in [0, 1]."
        )
    width, height = fitted((picture.shape[1], picture.shape[0]), size)
    return resize(picture.astype(np.float32), height, width)


def to_tensor(picture: Array, device: torch.device) -> Tensor:
    """(height, width, 3) as (1, 3, height, width)."""
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None].to(device)


def to_array(image: Tensor) -> Array:
    """(1, 3, height, width) as (height, width, 3)."""
    found: Array = image[0].permute(1, 2, 0).cpu().numpy().copy()
    return found


def small_copy(picture: Array) -> Array:
    """A small copy."""
    width, height = fitted((picture.shape[1], picture.shape[0]), min(FRAME, max(picture.shape[:2])))
    return resize(picture, height, width)
