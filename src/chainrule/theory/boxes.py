"""Boxes of intervals, and regular grids of points in them that are never written out whole."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from chainrule.theory.inputs import exact_number

__all__ = ["Box", "ProductGrid", "box_of"]

#: Grids of more points than this are not written out unless a caller raises the limit.
LIMIT = 1_000_000

Point = tuple[Fraction, ...]


@dataclass(frozen=True)
class Box:
    """A product of closed intervals and the radius ε of a ball on each axis, all exact.

    Attributes
    ----------
    lower, upper : tuple of Fraction
        The ends of each interval.
    eps : tuple of Fraction
        The radius on each axis.
    """

    lower: Point
    upper: Point
    eps: Point

    @property
    def dimension(self) -> int:
        """Number of axes."""
        return len(self.lower)

    @property
    def lengths(self) -> Point:
        """Length of each interval."""
        return tuple(b - a for a, b in zip(self.lower, self.upper, strict=True))

    @property
    def volume(self) -> Fraction:
        """Product of the lengths."""
        return math.prod(self.lengths, start=Fraction(1))


def box_of(intervals: Any, eps: Any) -> Box:
    """Return intervals and ε as exact numbers.

    Parameters
    ----------
    intervals : sequence of (a, b)
        Closed intervals with a ≤ b, at least one.
    eps : number or sequence of numbers
        Radius of a ball, positive; one for all axes or one for each.

    Returns
    -------
    Box

    Raises
    ------
    TypeError
        If a bound or ε is not a real number.
    ValueError
        If there is no interval, one is not a pair or has a > b, or ε is not positive.
    """
    given = list(intervals)
    if not given:
        raise ValueError("intervals is empty; expected at least one interval (a, b).")
    lower, upper = [], []
    for i, interval in enumerate(given):
        ends: Any = interval
        if isinstance(interval, str) or not hasattr(interval, "__len__"):
            ends = ()
        if len(ends) != 2:
            raise ValueError(f"intervals[{i}] is {interval!r}; expected a pair (a, b).")
        a, b = (exact_number(end, f"intervals[{i}]") for end in ends)
        if a > b:
            raise ValueError(
                f"intervals[{i}] is ({ends[0]}, {ends[1]}); expected the smaller end first."
            )
        lower.append(a)
        upper.append(b)
    several = isinstance(eps, (Sequence, np.ndarray)) and not isinstance(eps, str)
    radii = list(eps) if several else [eps]
    if len(radii) == 1:
        radii *= len(given)
    if len(radii) != len(given):
        raise ValueError(
            f"eps has {len(radii)} numbers for {len(given)} intervals; expected one, or one each."
        )
    exact = tuple(exact_number(radius, "eps") for radius in radii)
    for radius, number in zip(radii, exact, strict=True):
        if number <= 0:
            raise ValueError(f"eps is {radius}; expected a positive number.")
    return Box(tuple(lower), tuple(upper), exact)


@dataclass(frozen=True)
class ProductGrid:
    """All points whose k-th coordinate is start_k + j step_k for some 0 ≤ j < counts_k.

    Iterating gives the points one by one, the last coordinate changing fastest; nothing is stored.
    `grid[i]` is the i-th of them, so that parts of a grid of 10^50 points can be used.

    Attributes
    ----------
    starts, steps : tuple of Fraction
    counts : tuple of int
    """

    starts: Point
    steps: Point
    counts: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of points; it may exceed what `len` can return."""
        return math.prod(self.counts)

    @property
    def dimension(self) -> int:
        """Number of coordinates."""
        return len(self.counts)

    def last(self) -> Point:
        """The point with the largest coordinates."""
        return self[self.size - 1]

    def axis(self, k: int, limit: int = LIMIT) -> Point:
        """The values of the k-th coordinate.

        Raises
        ------
        ValueError
            If there are more than `limit`.
        """
        if self.counts[k] > limit:
            raise ValueError(
                f"Axis {k} has {self.counts[k]} values, more than the limit of {limit}."
            )
        return tuple(self.starts[k] + j * self.steps[k] for j in range(self.counts[k]))

    def __getitem__(self, index: int) -> Point:
        if not 0 <= index < self.size:
            raise IndexError(f"There is no point {index}; the grid has {self.size}.")
        coordinates = []
        for start, step, count in zip(
            self.starts[::-1], self.steps[::-1], self.counts[::-1], strict=True
        ):
            index, j = divmod(index, count)
            coordinates.append(start + j * step)
        return tuple(reversed(coordinates))

    def __iter__(self) -> Iterator[Point]:
        # itertools.product would first write out every axis, however long.
        if self.dimension == 1:
            return ((self.starts[0] + j * self.steps[0],) for j in range(self.counts[0]))
        if max(self.counts) <= LIMIT:
            return itertools.product(*(self.axis(k) for k in range(self.dimension)))
        return (self[i] for i in range(self.size))

    def array(self, limit: int = LIMIT) -> np.ndarray:
        """The points as the rows of a float64 array of shape (size, dimension).

        Raises
        ------
        ValueError
            If there are more than `limit`; the message tells how many.
        """
        if self.size > limit:
            raise ValueError(
                f"The grid has {_size(self.size)} points, more than the limit of {limit:,}; "
                "iterate over it, or raise the limit."
            )
        axes = [np.array([float(value) for value in self.axis(k, limit)])
                for k in range(self.dimension)]  # fmt: skip
        return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, self.dimension)


def _size(size: int) -> str:
    """A number of points, in full while that can be read."""
    return f"{size:,}" if size < 10**15 else f"about {Decimal(size):.3g}"
