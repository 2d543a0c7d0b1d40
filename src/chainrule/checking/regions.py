"""Parts of a loss that act as one step: activations, softmax, standardisations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Activation:
    """An elementwise function of one value.

    Attributes
    ----------
    z, a : int
        The nodes of its argument and its result.
    inside : tuple of int
        The nodes between them, ``a`` included.
    derivative : array
        f'(z) on the probe.
    is_last : bool
        No parameter is used between it and the loss.
    is_output : bool
        It is the last, and data such as targets are used between it and the loss.
    """

    z: int
    a: int
    inside: tuple[int, ...]
    derivative: np.ndarray[Any, Any]
    is_last: bool
    is_output: bool


@dataclass(frozen=True)
class Softmax:
    """A softmax along one axis."""

    z: int
    p: int
    axis: int


@dataclass(frozen=True)
class Normalisation:
    """A standardisation of x along axes, such as batch norm before its scale and shift.

    Attributes
    ----------
    x, normal : int
    axis : tuple of int
    inverse : array
        1/√(variance + ε), of the shape of the means.
    """

    x: int
    normal: int
    axis: tuple[int, ...]
    inverse: np.ndarray[Any, Any]


@dataclass(frozen=True)
class Standardisation:
    """A standardisation whose steps stand one by one: x less its mean is divided by a deviation,
    multiplied by whatever else before.

    Attributes
    ----------
    x, divided : int
        What is standardised, and the division.
    to_mean, to_variance : tuple of (int, int)
        The uses, step and operand position, that lead to the mean and to the variance only.
    count : int
        How many entries each mean runs over.
    biased : bool
        The variance divides by that count.
    """

    x: int
    divided: int
    to_mean: tuple[tuple[int, int], ...]
    to_variance: tuple[tuple[int, int], ...]
    count: int
    biased: bool
