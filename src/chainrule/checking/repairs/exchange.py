"""The user's functions run with a change in their text: on the probes, and on the example."""

from __future__ import annotations

import ast
import contextlib
import copy
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from chainrule.checking.repairs.sites import TICK, Site, Unit, sites_of
from chainrule.checking.stopping import Overdue, now
from chainrule.checking.subject import Subject

#: The name under which changed code finds what it calls.
HOOK = "__chainrule_change__"
Seen = dict[str, Any]


def hooked(expression: ast.expr) -> ast.expr:
    """``hook(expression, locals())``."""
    here = ast.Call(ast.Name("locals", ast.Load()), [], [])
    return placed(ast.Call(ast.Name(HOOK, ast.Load()), [expression, here], []), expression)


def placed(new: Any, old: ast.AST) -> Any:
    """A new piece of a tree at the place in the text of an old one."""
    waiting = [new]
    while waiting:
        node = waiting.pop()
        if hasattr(node, "lineno"):
            continue  # a piece of the old tree, or of another
        if "lineno" in node._attributes:
            ast.copy_location(node, old)
        waiting += ast.iter_child_nodes(node)
    return new


@contextlib.contextmanager
def exchanged(unit: Unit, statement: ast.stmt | None = None) -> Iterator[None]:
    """The functions of a unit have the code of the unit's tree as it is now.

    Raises
    ------
    SyntaxError, ValueError
        The tree as it is now makes no code that could take the place of the old.
    """
    codes = unit.codes(statement)
    if any(codes[number].co_freevars != f.__code__.co_freevars for number, f in unit.functions):
        raise ValueError("the cells of a closure stand in the order of the old code's variables")
    before = [(function, function.__code__) for _, function in unit.functions]
    try:
        for number, function in unit.functions:
            function.__code__ = codes[number]
        yield
    finally:
        for function, code in before:
            function.__code__ = code


class Clock:
    """Ends a run that a change has made endless.

    Attributes
    ----------
    seconds : float
        Of one run, at most.
    """

    def __init__(self) -> None:
        self.seconds = math.inf
        self._end = math.inf

    def start(self) -> None:
        """A run begins."""
        self._end = now() + self.seconds

    def tick(self) -> None:
        """Each pass of a loop that ends by a condition calls this."""
        if now() > self._end:
            raise Overdue


def hook_set(unit: Unit, hook: Callable[..., Any]) -> AbstractContextManager[None]:
    """Changed code of a unit calls this hook."""
    return _named([unit], HOOK, hook)


def timed(units: Sequence[Unit], clock: Clock) -> AbstractContextManager[None]:
    """Changed code of units is ended by this clock."""
    return _named(units, TICK, clock.tick)


@contextlib.contextmanager
def _named(units: Sequence[Unit], name: str, value: Any) -> Iterator[None]:
    """The users' functions find a value under a name."""
    spaces = {id(f.__globals__): f.__globals__ for unit in units for _, f in unit.functions}
    try:
        for space in spaces.values():
            space[name] = value
        yield
    finally:
        for space in spaces.values():
            space.pop(name, None)


def observed(
    subject: Subject, units: Sequence[Unit], point: Mapping[str, Any], wanted: Mapping[Site, Any]
) -> tuple[Counter[Site], dict[Site, Seen]]:
    """How often each statement runs, and what expressions are worth when it first does.

    Parameters
    ----------
    subject : Subject
    units : sequence of Unit
    point : mapping of str to object
    wanted : mapping of Site to list of (str, code)
        Expressions by site.

    Returns
    -------
    counts : Counter of Site
    values : dict of Site to dict of str to object
    """
    counts: Counter[Site] = Counter()
    values: dict[Site, Seen] = {}
    sites = list(wanted)
    evaluating: list[int] = []

    def hook(number: int, here: Mapping[str, Any]) -> bool:
        if evaluating:
            return True  # a call in an expression that is looked at
        site = sites[number]
        counts[site] += 1
        if counts[site] == 1:
            space = sys._getframe(1).f_globals
            evaluating.append(number)
            values[site] = {
                text: found
                for text, code in wanted[site]
                if (found := _evaluated(code, space, here)) is not None
            }
            evaluating.clear()
        return True

    with contextlib.ExitStack() as stack:
        for unit in units:
            stack.enter_context(hook_set(unit, hook))
            stack.enter_context(exchanged(unit, _marked(unit, sites)))
        with contextlib.suppress(Exception):
            subject.gradient(point)
    return counts, values


def _evaluated(code: Any, space: dict[str, Any], here: Mapping[str, Any]) -> Any:
    """An expression as an array of its own; None if it is none."""
    try:
        value = eval(code, space, dict(here))
    except Exception:  # the user's names and functions, anywhere
        return None
    if isinstance(value, (bool, int, float, np.generic, np.ndarray)):
        array = np.array(value)
        return array if array.dtype.kind in "fiub" else None
    return None


def _marked(unit: Unit, sites: Sequence[Site]) -> ast.stmt:
    """The unit's statement with a report before each of its statements."""
    changed = copy.deepcopy(unit.statement)
    own = [number for number, site in enumerate(sites) if site.unit is unit]
    twins = list(sites_of(Unit(changed, unit.filename, unit.flags)))
    for number, twin in reversed(list(zip(own, twins, strict=True))):
        here = ast.Call(ast.Name("locals", ast.Load()), [], [])
        report = ast.Call(ast.Name(HOOK, ast.Load()), [ast.Constant(number), here], [])
        node = twin.statement
        if twin.body:
            twin.body.insert(twin.position, placed(ast.Expr(report), node))
        else:
            both = ast.BoolOp(ast.And(), [report, node.body])
            node.body = placed(both, node.body)
    return changed
