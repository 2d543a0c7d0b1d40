"""The axes of a search space: continuous, integer or categorical, mapped to shares of [0, 1].

The *share* of a value is how far along its axis it lies: linear in the value, or in its logarithm
on an axis with ``scale="log"``. Distances between trials are distances between shares.
"""

from __future__ import annotations

import bisect
import itertools
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

from chainrule.search.errors import SearchError
from chainrule.theory.covering_numbers import covering_number
from chainrule.theory.inputs import exact_number

__all__ = ["Axis", "Categorical", "Configuration", "Continuous", "Integer", "positive"]

SCALES = ("linear", "log")
#: Shares of values on a log axis are irrational; they are compared up to this.
ROUNDING = 1e-12
#: Values of a log axis are counted one by one, up to here.
MANY = 1_000_000

Configuration = dict[str, Any]


@dataclass(frozen=True)
class Continuous:
    """An interval of real numbers.

    Attributes
    ----------
    name : str
    low, high : float
        Ends, low ≤ high; positive on a log axis.
    scale : {"linear", "log"}
    """

    name: str
    low: float
    high: float
    scale: str = "linear"
    kind: ClassVar[str] = "continuous"

    def __post_init__(self) -> None:
        _check_ends(self)

    @property
    def size(self) -> int | None:
        """Number of values; None where there is no end to them."""
        return 1 if self.low == self.high else None

    def share(self, value: float) -> float:
        """Return how far along the axis a value lies."""
        return _share(self, value)

    def value(self, share: float) -> float:
        """Return the value at a share."""
        if share <= 0 or self.low == self.high:
            return float(self.low)
        if share >= 1:
            return float(self.high)
        if self.scale == "log":
            return float(self.low) * (self.high / self.low) ** share
        return self.low + share * (self.high - self.low)

    def spaced(self, count: int) -> list[Any]:
        """Return `count` values at equal distances, both ends among them."""
        if self.low == self.high:
            return [float(self.low)]
        if count == 1:
            return [self.value(0.5)]
        return [self.value(i / (count - 1)) for i in range(count)]

    def cover_count(self, eps: Fraction) -> int:
        """Return how many values it takes to have one within a share ε of every value.

        Parameters
        ----------
        eps : Fraction
            Share of the axis.

        Returns
        -------
        int
        """
        return 1 if self.low == self.high else covering_number([(0, 1)], eps)

    def cover(self, count: int) -> list[Any]:
        """Return the centres of `count` equal cells, a smallest cover of radius 1/(2 count)."""
        if self.low == self.high:
            return [float(self.low)]
        return [self.value((2 * j + 1) / (2 * count)) for j in range(count)]

    def cover_radius(self, count: int) -> Fraction:
        """Return the least ε for which `count` values are an ε-cover."""
        return Fraction(0) if self.low == self.high else Fraction(1, 2 * count)

    def own_units(self, eps: Any) -> Fraction:
        """Return as a share an ε in the axis's own unit: decades on a log axis.

        Parameters
        ----------
        eps : number
            Positive.

        Returns
        -------
        Fraction
        """
        return _own_units(self, eps)

    def contains(self, value: Any) -> bool:
        """Return whether `value` lies on the axis."""
        return _is_number(value) and self.low <= value <= self.high


@dataclass(frozen=True)
class Integer:
    """The whole numbers of an interval; otherwise as `Continuous`.

    Attributes
    ----------
    name : str
    low, high : int
        Ends, both included, low ≤ high; positive on a log axis.
    scale : {"linear", "log"}
    """

    name: str
    low: int
    high: int
    scale: str = "linear"
    kind: ClassVar[str] = "integer"

    def __post_init__(self) -> None:
        for end in (self.low, self.high):
            if isinstance(end, bool) or not isinstance(end, int):
                raise SearchError(
                    f"Axis {self.name!r} has the end {end!r}; an integer axis takes whole numbers."
                )
        _check_ends(self)

    @property
    def size(self) -> int:
        """Number of values."""
        return self.high - self.low + 1

    def share(self, value: float) -> float:
        """Return how far along the axis a value lies."""
        return _share(self, value)

    def value(self, share: float) -> int:
        """Return a value so that uniform shares give each an equal part of the (log) axis.

        Parameters
        ----------
        share : float
            Between 0 and 1.

        Returns
        -------
        int
        """
        if self.scale == "log":
            start, end = self.low - 0.5, self.high + 0.5
            found = round(start * (end / start) ** share)
        else:
            found = self.low + math.floor(share * self.size)
        return min(max(found, self.low), self.high)

    def spaced(self, count: int) -> list[Any]:
        """Return up to `count` values at about equal distances, both ends among them."""
        if count == 1:
            return [self.value(0.5)]
        ends = Continuous(self.name, self.low, self.high, self.scale)
        return sorted({round(ends.value(i / (count - 1))) for i in range(count)})

    def cover_count(self, eps: Fraction) -> int:
        """Return how many values it takes to have one within a share ε of every value.

        Parameters
        ----------
        eps : Fraction
            Share of the axis.

        Returns
        -------
        int
        """
        if self.scale == "linear":
            return -(-self.size // (2 * self._reach(eps) + 1))
        count = sum(1 for _ in itertools.islice(self._greedy(float(eps)), MANY + 1))
        if count > MANY:
            raise SearchError(
                f"Axis {self.name!r} alone needs more than {MANY:,} values; choose a larger "
                "epsilon."
            )
        return count

    def cover(self, count: int) -> list[Any]:
        """Return a smallest cover with `count` values."""
        if self.scale == "log":
            return list(self._greedy(self._log_radius(count)))
        ends = [i * self.size // count for i in range(count + 1)]
        return [self.low + (a + b - 1) // 2 for a, b in itertools.pairwise(ends)]

    def cover_radius(self, count: int) -> Fraction:
        """Return the least ε for which `count` values are an ε-cover."""
        if self.low == self.high:
            return Fraction(0)
        if self.scale == "log":
            return Fraction(self._log_radius(count))
        longest_run = -(-self.size // count)
        return Fraction(longest_run // 2, self.high - self.low)

    def own_units(self, eps: Any) -> Fraction:
        """Return as a share an ε in the axis's own unit: decades on a log axis.

        Parameters
        ----------
        eps : number
            Positive.

        Returns
        -------
        Fraction
        """
        return _own_units(self, eps)

    def contains(self, value: Any) -> bool:
        """Return whether `value` lies on the axis."""
        return _is_number(value) and value == int(value) and self.low <= value <= self.high

    def _reach(self, eps: Fraction) -> int:
        """Return how many values a share ε reaches to either side, on a linear axis."""
        return min(math.floor(eps * (self.high - self.low)), self.size)

    def _farthest(self, value: int, eps: float) -> int:
        """Return the largest value within a share ε above `value`, on a log axis."""
        ratio = self.high / self.low
        found = math.floor(min(value * ratio ** min(eps, 1.0), self.high))
        while found < self.high and self.share(found + 1) - self.share(value) <= eps + ROUNDING:
            found += 1
        while found > value and self.share(found) - self.share(value) > eps + ROUNDING:
            found -= 1
        return found

    def _greedy(self, eps: float) -> Iterator[int]:
        """Give the centres of a smallest cover of a log axis, leftmost first.

        The first value that is missed must be reached from a centre; the largest that does so
        covers the most beyond it. The missed values are a packing that proves it smallest.
        """
        missed = self.low
        while missed <= self.high:
            centre = self._farthest(missed, eps)
            yield centre
            missed = self._farthest(centre, eps) + 1

    def _log_radius(self, count: int) -> float:
        """Return the least ε for which `count` values cover a log axis, by bisection."""
        low, high = 0.0, 1.0
        if count >= self.size:
            return 0.0
        while high - low > ROUNDING:
            middle = (low + high) / 2
            fits = all(j < count for j, _ in enumerate(self._greedy(middle)))
            low, high = (low, middle) if fits else (middle, high)
        return high


@dataclass(frozen=True)
class Categorical:
    """A choice among values without an order; a cover holds every one of them.

    Attributes
    ----------
    name : str
    choices : tuple
        At least one, all different; numbers, texts, truth values or lists of them.
    """

    name: str
    choices: tuple[Any, ...]
    kind: ClassVar[str] = "categorical"

    def __post_init__(self) -> None:
        if isinstance(self.choices, str) or not isinstance(self.choices, Sequence):
            raise SearchError(f"Axis {self.name!r} has choices={self.choices!r}; give a list.")
        object.__setattr__(self, "choices", tuple(self.choices))
        if not self.choices:
            raise SearchError(f"Axis {self.name!r} has no choices; give at least one.")
        try:
            written = [json.dumps(choice, allow_nan=False) for choice in self.choices]
        except (TypeError, ValueError):
            raise SearchError(
                f"Axis {self.name!r} has choices that cannot be stored; use numbers, texts, truth "
                "values or lists of them."
            ) from None
        for i, text in enumerate(written):
            if text in written[:i]:
                raise SearchError(f"Axis {self.name!r} has the choice {text} twice.")

    @property
    def size(self) -> int:
        """Number of choices."""
        return len(self.choices)

    def value(self, share: float) -> Any:
        """Return the choice at a share; each has an equal part of [0, 1]."""
        return self.choices[min(max(math.floor(share * self.size), 0), self.size - 1)]

    def spaced(self, count: int) -> list[Any]:
        """Return every choice, whatever the count."""
        return list(self.choices)

    def cover_count(self, eps: Fraction) -> int:
        """Return the number of choices, whatever ε.

        Parameters
        ----------
        eps : Fraction
            Share of the axis.

        Returns
        -------
        int
        """
        return self.size

    def cover(self, count: int) -> list[Any]:
        """Return every choice.

        Parameters
        ----------
        count : int
            Of no consequence here.

        Returns
        -------
        list
        """
        return list(self.choices)

    def cover_radius(self, count: int) -> Fraction:
        """Return 0: a cover holds every choice.

        Parameters
        ----------
        count : int
            Of no consequence here.

        Returns
        -------
        Fraction
        """
        return Fraction(0)

    def contains(self, value: Any) -> bool:
        """Return whether `value` is one of the choices."""
        return value in self.choices


Axis = Continuous | Integer | Categorical


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _check_ends(axis: Continuous | Integer) -> None:
    for end in (axis.low, axis.high):
        if not _is_number(end):
            raise SearchError(f"Axis {axis.name!r} has the end {end!r}; expected a finite number.")
    if axis.low > axis.high:
        raise SearchError(
            f"Axis {axis.name!r} runs from {axis.low} to {axis.high}; give the smaller end first."
        )
    if axis.scale not in SCALES:
        raise SearchError(f"Axis {axis.name!r} has scale={axis.scale!r}; choose linear or log.")
    if axis.scale == "log" and axis.low <= 0:
        raise SearchError(f"Axis {axis.name!r} starts at {axis.low}; a log axis starts above 0.")


def _share(axis: Continuous | Integer, value: float) -> float:
    if axis.low == axis.high:
        return 0.0
    if axis.scale == "log":
        return math.log(value / axis.low) / math.log(axis.high / axis.low)
    return (value - axis.low) / (axis.high - axis.low)


def positive(value: Any, name: str) -> Fraction:
    """Return an ε as the number its writer meant."""
    try:
        number = exact_number(value, name)
    except (TypeError, ValueError) as error:
        raise SearchError(str(error)) from None
    if number <= 0:
        raise SearchError(f"{name} is {value}; expected a positive number.")
    return number


def _own_units(axis: Continuous | Integer, eps: Any) -> Fraction:
    number = positive(eps, f"epsilon of {axis.name!r}")
    if axis.low == axis.high:
        return Fraction(1)
    low, high = exact_number(axis.low, axis.name), exact_number(axis.high, axis.name)
    if axis.scale == "linear":
        return number / (high - low)
    # Whole decades are exact; others are known to the twelfth digit.
    powers = [Fraction(10) ** n for n in range(1, 40)]
    place = bisect.bisect_left(powers, high / low)
    if place < len(powers) and powers[place] == high / low:
        return number / (place + 1)
    return number / Fraction(str(round(math.log10(high / low), 12)))
