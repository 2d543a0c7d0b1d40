"""What a compiled function reads besides its arguments, found on every call anew.

A compiled program must not freeze it. Arrays are lifted: the function is rebuilt with traced
values in their place, so that they become inputs. Numbers, strings and the like are guarded: the
program is made anew when one of them changes; a number that does change is lifted the next time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.engine.tracing import Traced
from chainrule.programs.held import paths, take_apart
from chainrule.programs.randomness import is_generator
from chainrule.programs.reach import UNREADABLE, Circular, Key, Variable, Walk

_PLAIN = (bool, int, complex, str, bytes, np.generic, np.dtype, range, slice, frozenset)
LIFTED, GUARDED, OPAQUE = "lifted", "guarded", "opaque"
Place = tuple[Key, int]  # a leaf of a variable


@dataclass(frozen=True)
class Reading:
    """A variable, how it was held, and what becomes of each of its leaves.

    Attributes
    ----------
    variable : Variable
    structure : object
        From `take_apart`.
    kinds : list of str
        `LIFTED`: an input of the program. `GUARDED`: must stay equal. `OPAQUE`: an array that the
        rebuilt function cannot be given; must keep its content.
    values : list
        What guarded and opaque leaves were, copied.
    """

    variable: Variable
    structure: Any
    kinds: list[str]
    values: list[Any]

    def now(self) -> list[Any] | None:
        """The present leaves, or None if anything that must not change has changed."""
        try:
            leaves, structure = take_apart(self.variable.read())
        except UNREADABLE:
            return None
        if structure != self.structure:
            return None
        for kind, value, leaf in zip(self.kinds, self.values, leaves, strict=True):
            if kind != LIFTED and leaf is not value and not same_leaf(leaf, value):
                return None
        return leaves


@dataclass
class Environment:
    """The variables that a function reads, with those of the functions and objects it reaches.

    Attributes
    ----------
    readings : list of Reading
    generators : list
        Generators of random numbers; drawing from one while tracing is refused.
    traced : bool
        Whether a variable holds a value of a trace that is going on.
    lifts : bool
        Whether arrays are lifted where possible; otherwise all are opaque.
    """

    readings: list[Reading] = field(default_factory=list)
    generators: list[Any] = field(default_factory=list)
    traced: bool = False
    lifts: bool = True

    @property
    def lifted(self) -> list[tuple[Place, str, Any]]:
        """Place, name and present value of every lifted leaf."""
        found = []
        for reading in self.readings:
            if LIFTED not in reading.kinds:
                continue
            value = reading.variable.read()
            leaves, names = take_apart(value)[0], paths(value, reading.variable.name)
            for i, kind in enumerate(reading.kinds):
                if kind == LIFTED:
                    found.append(((reading.variable.key, i), names[i], leaves[i]))
        return found

    def now(self) -> list[Any] | None:
        """Present values of the lifted leaves, or None if anything that must not change has."""
        values = []
        for reading in self.readings:
            leaves = reading.now()
            if leaves is None:
                return None
            values += [x for x, kind in zip(leaves, reading.kinds, strict=True) if kind == LIFTED]
        return values

    def changed_numbers(self, other: Environment) -> set[Place]:
        """Numbers that are guarded here and had another value in ``other``."""
        before = {reading.variable.key: reading for reading in other.readings}
        found = set()
        for reading in self.readings:
            old = before.get(reading.variable.key)
            if old is None or old.structure != reading.structure:
                continue
            for i, (kind, value) in enumerate(zip(reading.kinds, reading.values, strict=True)):
                if kind == GUARDED and _is_number(value) and not same_leaf(value, old.values[i]):
                    found.add((reading.variable.key, i))
        return found


def inspect_environment(
    f: Callable[..., Any],
    arguments: Iterable[Any] = (),
    changing: frozenset[Place] | set[Place] = frozenset(),
    lift: bool = True,
) -> Environment:
    """Find the variables that a function reads.

    Parameters
    ----------
    f : callable
    arguments : iterable
        Static arguments: functions and objects among them have variables as well.
    changing : set
        Numbers to lift.
    lift : bool
        Whether to lift anything.
    """
    arguments = list(arguments)
    found = Environment(lifts=lift)

    def visit(variable: Variable, value: Any, reach: bool) -> list[Any]:
        leaves, structure = take_apart(value)
        kinds, values = [], []
        for i, leaf in enumerate(leaves):
            kind = GUARDED
            if isinstance(leaf, Traced):
                found.traced = True
            elif is_generator(leaf):
                found.generators.append(leaf)
            elif isinstance(leaf, np.ndarray):
                plain = type(leaf) is np.ndarray and leaf.dtype.kind in "fiub"
                kind = LIFTED if lift and reach and plain else OPAQUE
            elif lift and reach and (variable.key, i) in changing and _is_number(leaf):
                kind = LIFTED
            kinds.append(kind)
            values.append(leaf.copy() if kind == OPAQUE else leaf if kind == GUARDED else None)
        found.readings.append(Reading(variable, structure, kinds, values))
        return leaves

    try:
        _walk(visit, f, arguments, lift)
    except Circular:
        return inspect_environment(f, arguments, lift=False)
    return found


def rebuild(
    f: Callable[..., Any], arguments: Iterable[Any], replacements: dict[Place, Any]
) -> tuple[Any, list[Any]]:
    """The function and its static arguments, reading other values for some of their variables.

    Parameters
    ----------
    f : callable
    arguments : iterable
    replacements : dict
        New leaves by their place.
    """

    def visit(variable: Variable, value: Any, reach: bool) -> list[Any]:
        leaves = take_apart(value)[0]
        if not reach:
            return leaves
        return [replacements.get((variable.key, i), leaf) for i, leaf in enumerate(leaves)]

    return _walk(visit, f, list(arguments), True)


def _walk(visit: Any, f: Any, arguments: list[Any], lift: bool) -> tuple[Any, list[Any]]:
    walk = Walk(visit, lift)
    return walk.start(f), [walk.start(x) for x in arguments]


def _is_number(value: Any) -> bool:
    return type(value) is float or isinstance(value, np.floating)


def same_leaf(a: Any, b: Any) -> bool:
    """Whether a trace that saw one value holds for another: equal numbers, the same object."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return (
            a.shape == b.shape
            and a.dtype == b.dtype
            and bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))
        )
    if isinstance(a, (float, np.floating)):
        return bool(a == b and np.signbit(a) == np.signbit(b)) or bool(a != a and b != b)
    return a is b or (isinstance(a, _PLAIN) and bool(a == b))
