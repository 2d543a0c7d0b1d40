"""Keeping a picture's colours: luminance taken apart and put back; NumPy only.

L. Gatys, M. Bethge, A. Hertzmann, E. Shechtman, "Preserving color in neural artistic style
transfer", arXiv:1606.05897 (2016), section 3.2.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

#: Weights of red, green and blue in the luminance (ITU-R BT.601).
LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)


def luminance(picture: Array) -> Array:
    """Luminance, shape (height, width), of RGB, shape (height, width, 3)."""
    found: Array = picture @ LUMINANCE
    return found


def grey(picture: Array, like: Array | None = None) -> Array:
    """The picture without its colours, shape (height, width, 3).

    Parameters
    ----------
    picture : array, shape (height, width, 3)
    like : array, optional
        A picture whose luminance's mean and standard deviation the result takes, so that a style's
        tones fit the content's.
    """
    values = luminance(picture)
    if like is not None:
        wanted = luminance(like)
        spread = float(values.std()) or 1.0
        values = (values - values.mean()) * (float(wanted.std()) / spread) + wanted.mean()
    return np.repeat(np.clip(values, 0, 1)[:, :, None], 3, axis=2).astype(np.float32)


def with_colours_of(picture: Array, content: Array) -> Array:
    """The luminance of `picture` with the colours of `content`, both (height, width, 3)."""
    shifted = content + (luminance(picture) - luminance(content))[:, :, None]
    return np.clip(shifted, 0, 1).astype(np.float32)
