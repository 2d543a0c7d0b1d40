"""Helpers that are meant to return a derivative, such as ``def tanh_prime(z)``, and return another.

A helper of one argument, which the loss does not run, is wrong itself if no call of it returns a
true derivative at its argument, and all is well as soon as every call does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import numpy as np

from chainrule.checking.localisation.quantities import Quantity, round_key
from chainrule.checking.localisation.substitution import OutOfTime, Substitution, equal
from chainrule.checking.watch import Event, Place
from chainrule.checking.watch_rewriting import Site
from chainrule.engine.graph import Node

_MOST_ARGUMENTS = 400
_MOST_ROWS = 64
_STEP = 1e-6
_LONGEST = 400  # characters of a formula


@dataclass(frozen=True, eq=False)
class WrongHelper:
    """A helper that returns a wrong derivative.

    Attributes
    ----------
    site : Site
        Where it returns.
    places : list of (str, int)
        Files and lines of its statements, the last of which returns.
    quantity : Quantity
        The derivative that is due at one of its calls.
    """

    site: Site
    places: list[tuple[str, int]]
    quantity: Quantity


def wrong_helper(substitution: Substitution) -> WrongHelper | None:
    """The helper whose true derivatives make every gradient right, if there is one."""
    derivatives = _derivatives(substitution)
    if not derivatives:
        return None
    ran = list(_ran(substitution))
    with substitution.outside.kept(), substitution.watcher.edited({}), np.errstate(all="ignore"):
        helpers = [
            each for each in _helpers(ran, substitution) if not _is_some_derivative(each, ran)
        ]
        tables = {each: _tables(each, derivatives) for each in helpers}
    try:
        for helper in helpers:
            found = _wrong(helper, tables[helper], substitution)
            if found is not None:
                return found
    except OutOfTime:
        return None
    return None


def _derivatives(substitution: Substitution) -> dict[str, list[Quantity]]:
    """Derivatives of what the loss computes element by element, by the formula of that."""
    found: dict[str, list[Quantity]] = {}
    for first in substitution.matcher.quantities:
        for quantity in (first, *first.aliases):
            node, end = quantity.node, quantity.end
            if quantity.kind == "derivative" and node is not None and end is not None:
                found.setdefault(_formula(end, node, {}), []).append(quantity)
    return found


def _formula(end: Node, argument: Node, known: dict[int, str]) -> str:
    """How one value is computed from another, as text."""
    if end is argument:
        return "x"
    if end.index not in known:
        operands = [
            _formula(x, argument, known)
            if isinstance(x, Node) and x.index >= argument.index
            else repr(x) if np.ndim(x) == 0 and not isinstance(x, Node) else "…"
            for x in end.inputs
        ]  # fmt: skip
        known[end.index] = f"{end.primitive.name}({', '.join(operands)})"
    return known[end.index] if len(known[end.index]) < _LONGEST else "…"


def _ran(substitution: Substitution) -> Iterator[FunctionType]:
    """The user's functions of one argument that the gradient runs."""
    names = {
        (site.filename, site.function)
        for site in (substitution.watcher.sites[x.place[0]] for x in substitution.run.events)
    }
    for function in substitution.watcher.functions:
        code = function.__code__
        asked = code.co_argcount - len(function.__defaults__ or ())
        if asked == 1 and (code.co_filename, code.co_name) in names:
            yield function


def _helpers(ran: list[FunctionType], substitution: Substitution) -> Iterator[FunctionType]:
    """Those that the loss does not run."""
    for function in ran:
        name = function.__code__.co_filename, function.__code__.co_name
        own = function is substitution.watcher.function
        if not own and name not in substitution.matcher.shared:
            yield function


def _is_some_derivative(helper: FunctionType, ran: list[FunctionType]) -> bool:
    """Whether it gives the derivative of some function: one of the user's, or a usual one.

    Then it is right, and the wrong one may be called.
    """
    z = np.random.default_rng(6).normal(size=7)
    given = _value(helper, z)
    if given is None:
        return False
    others: list[Callable[..., Any]] = [*_USUAL, *(each for each in ran if each is not helper)]
    for other in others:
        here, above, below = (_value(other, x) for x in (z, z + _STEP, z - _STEP))
        if here is None or above is None or below is None:
            continue
        slope = (above - below) / (2 * _STEP)
        scale = float(np.max(np.abs(slope), initial=0.0))
        for value in (given, _value(helper, here)):
            if value is not None and scale and np.max(np.abs(value - slope)) < 1e-6 * scale:
                return True
    return False


def _logistic(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def _positive(z: np.ndarray) -> np.ndarray:
    return np.maximum(z, 0)


_USUAL: tuple[Callable[..., Any], ...] = (_logistic, np.tanh, _positive)


def _value(function: Callable[..., Any], z: np.ndarray) -> np.ndarray | None:
    """What a function makes of an array, if that is an array of the same shape."""
    try:
        found = np.asarray(function(z.copy()), float)
    except (Exception, SystemExit):  # the user's code, called with something else
        return None
    return found if found.shape == z.shape and np.all(np.isfinite(found)) else None


@dataclass(frozen=True)
class _Table:
    """What a helper returns for the arguments of one kind of derivative, with what is due."""

    quantity: Quantity
    due: dict[tuple[int, str], list[tuple[np.ndarray, np.ndarray]]]

    def due_for(self, value: np.ndarray) -> np.ndarray | None:
        """The true derivative where the helper returned this value."""
        flat = value.reshape(-1)
        for returned, due in self.due.get((flat.size, round_key(flat)), ()):
            if equal(returned, flat, 1e-9):
                return due.reshape(value.shape)
        return None


def _tables(helper: FunctionType, derivatives: dict[str, list[Quantity]]) -> list[_Table]:
    """For every function that the loss computes, and for its argument and its value."""
    found = []
    for quantities in derivatives.values():
        for given in ("node", "end"):
            due: dict[tuple[int, str], list[tuple[np.ndarray, np.ndarray]]] = {}
            right = False
            for quantity in quantities[:_MOST_ARGUMENTS]:
                argument = np.asarray(getattr(quantity, given).value, float)
                returned = _value(helper, argument)
                if returned is None or returned.shape != quantity.value.shape:
                    continue
                right = right or equal(returned, quantity.value, 1e-9)
                for one, other in _cuts(returned, quantity.value):
                    due.setdefault((one.size, round_key(one)), []).append((one, other))
            if right:
                return []  # it is a true derivative of something
            if due:
                found.append(_Table(quantities[0], due))
    return found


def _cuts(returned: np.ndarray, due: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """An array as a whole, turned, and row by row: a helper may be called for each sample."""
    yield returned.reshape(-1), due.reshape(-1)
    if returned.ndim == 2:
        yield returned.T.reshape(-1), due.T.reshape(-1)
        if len(returned) <= _MOST_ROWS:
            yield from zip(returned, due, strict=True)


def _wrong(
    helper: FunctionType, tables: list[_Table], substitution: Substitution
) -> WrongHelper | None:
    code, sites = helper.__code__, substitution.watcher.sites
    numbers = [line for _, _, line in code.co_lines() if line is not None]
    lines = range(min(numbers), max(numbers) + 1)
    own = [
        site
        for site in sites
        if (site.filename, site.function) == (code.co_filename, code.co_name) and site.line in lines
    ]
    ends = {site.index for site in own if site.kind == "return"}
    calls = [event for event in substitution.run.events if event.place[0] in ends]
    if not calls or len({event.place[0] for event in calls}) > 1:
        return None
    for table in tables:
        replaced = _replaced(calls, table)
        if replaced is not None and substitution.mends(replaced):
            site = sites[calls[0].place[0]]
            places = dict.fromkeys((each.filename, each.line) for each in own)
            return WrongHelper(site, list(places), table.quantity)
    return None


def _replaced(calls: list[Event], table: _Table) -> dict[Place, Any] | None:
    replaced: dict[Place, Any] = {}
    for event in calls:
        due = table.due_for(np.asarray(event.value, float))
        if due is None:
            return None
        replaced[event.place] = due if due.ndim else due[()]
    return replaced
