"""Search spaces: configurations with one value on each of several named axes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from chainrule.search.axes import (
    Axis,
    Categorical,
    Configuration,
    Continuous,
    Integer,
    positive,
)
from chainrule.search.errors import SearchError

__all__ = ["Axis", "Categorical", "Configuration", "Continuous", "Integer", "Space"]


@dataclass(frozen=True)
class Space:
    """The configurations of a search: one value on each of several axes.

    Attributes
    ----------
    axes : tuple of Axis

    Raises
    ------
    SearchError
        If there is no axis, or two have one name.

    Examples
    --------
    >>> space = Space.of(rate=(1e-4, 1e-1, "log"), width=(2, 32), activation=["tanh", "relu"])
    >>> [axis.kind for axis in space.axes]
    ['continuous', 'integer', 'categorical']
    """

    axes: tuple[Axis, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "axes", tuple(self.axes))
        if not self.axes:
            raise SearchError("The space is empty; give at least one axis.")
        names = self.names
        for i, name in enumerate(names):
            if not isinstance(name, str) or not name.isidentifier():
                raise SearchError(f"The axis name {name!r} is not a Python identifier.")
            if name in names[:i]:
                raise SearchError(f"Two axes are called {name!r}; give each its own name.")

    @classmethod
    def of(cls, **axes: Any) -> Space:
        """Return a space written shortly.

        A pair of whole numbers is an `Integer` axis, another pair a `Continuous` one, a third
        item the scale; a list is `Categorical`.

        Parameters
        ----------
        **axes
            By name: (low, high), (low, high, "log"), or a list of choices.

        Returns
        -------
        Space
        """
        made: list[Axis] = []
        for name, given in axes.items():
            if isinstance(given, list):
                made.append(Categorical(name, tuple(given)))
            elif isinstance(given, tuple) and len(given) in (2, 3):
                whole = all(isinstance(end, int) for end in given[:2])
                made.append((Integer if whole else Continuous)(name, *given))
            else:
                raise SearchError(
                    f"Axis {name!r} is {given!r}; expected (low, high), (low, high, 'log') or a "
                    "list of choices."
                )
        return cls(tuple(made))

    @property
    def names(self) -> list[str]:
        """Names of the axes, in order."""
        return [axis.name for axis in self.axes]

    @property
    def size(self) -> int | None:
        """Number of configurations; None where there is no end to them."""
        sizes = [axis.size for axis in self.axes]
        return None if None in sizes else math.prod(size for size in sizes if size)

    def axis(self, name: str) -> Axis:
        """Return the axis called `name`.

        Raises
        ------
        SearchError
            If there is none.
        """
        for axis in self.axes:
            if axis.name == name:
                return axis
        raise SearchError(f"There is no axis {name!r}; the axes are {', '.join(self.names)}.")

    def configuration(self, shares: Sequence[float]) -> Configuration:
        """Return the values at one share for each axis.

        Parameters
        ----------
        shares : sequence of float
            Between 0 and 1, in the order of the axes.

        Returns
        -------
        dict of str to value
        """
        return {
            axis.name: axis.value(float(share))
            for axis, share in zip(self.axes, shares, strict=True)
        }

    def check(self, configuration: Mapping[str, Any]) -> None:
        """Raise `SearchError` unless the configuration has a value on every axis and no other."""
        if sorted(configuration) != sorted(self.names):
            raise SearchError(
                f"A configuration has the values {sorted(configuration)}; expected "
                f"{sorted(self.names)}."
            )
        for axis in self.axes:
            if not axis.contains(configuration[axis.name]):
                raise SearchError(
                    f"{axis.name} = {configuration[axis.name]!r} is not on its axis, {axis}."
                )

    def radii(self, eps: Any) -> list[Fraction]:
        """Return ε as a share of each axis.

        Parameters
        ----------
        eps : number, or mapping of axis name to number
            One number is a share of every axis; a mapping gives one for every ordered axis in the
            axis's own unit, decades on a log axis.

        Raises
        ------
        SearchError
            If ε is not positive and finite, or an ordered axis has none.
        """
        ordered = [axis for axis in self.axes if not isinstance(axis, Categorical)]
        if not isinstance(eps, Mapping):
            number = positive(eps, "epsilon")
            return [number for _ in self.axes]
        expected = [axis.name for axis in ordered]
        if sorted(eps) != sorted(expected):
            raise SearchError(
                f"epsilon is given for {', '.join(eps) or 'no axis'}; give it for each of "
                f"{', '.join(expected) or 'no axis'}, or as one number."
            )
        return [
            Fraction(1) if isinstance(axis, Categorical) else axis.own_units(eps[axis.name])
            for axis in self.axes
        ]

    def describe(self) -> list[dict[str, Any]]:
        """Return the axes as plain values, the same for the same space."""
        return [
            {"name": axis.name, "type": axis.kind, "choices": list(axis.choices)}
            if isinstance(axis, Categorical)
            else {"name": axis.name, "type": axis.kind, "low": axis.low, "high": axis.high,
                  "scale": axis.scale}
            for axis in self.axes
        ]  # fmt: skip
