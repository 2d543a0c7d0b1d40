"""Which traced arrays share memory in NumPy's eyes, and what an assignment does to the others.

Traced values are never written to: an assignment makes a new value and rebinds the array to it. In
NumPy it would also change every array that shares the memory. So each array that has such
relatives remembers its *home*, the memory it would still occupy in NumPy, and an assignment makes
the relatives whose home it overlaps stale: using one raises instead of giving its old value.
"""

from __future__ import annotations

import weakref
from typing import Any, NoReturn

import numpy as np

from chainrule.engine.errors import StaleView
from chainrule.engine.location import here, locate, user_frame

_EXACT_WORK = 10_000  # steps spent on whether two strided arrays overlap; then taken to do so


class StaleTrace:
    """Stands in for the trace of an array that an assignment to another has made out of date.

    Attributes
    ----------
    original : Trace
    culprit : weak reference to Traced, or None
        The view that was assigned to, if the stale array is what it was taken from: assigning it
        back where it came from, the second half of ``x[i] += v``, brings the array up to date.
    index : tuple
        Where the culprit came from: an index template and its array operands.
    """

    __slots__ = ("code", "culprit", "index", "instruction", "level", "original")

    def __init__(self, original: Any, culprit: Any, index: Any, frame: Any) -> None:
        self.original = original
        self.level = original.level + 0.5  # above its own trace, so that it is the one consulted
        self.culprit = None if index is None else weakref.ref(culprit)
        self.index = index
        self.code = frame.f_code
        self.instruction = frame.f_lasti

    @property
    def constant(self) -> Any:
        """A buffer made after the likeness of a stale array is none the worse for it."""
        return self.original.constant

    def __getattr__(self, _: str) -> NoReturn:
        raise StaleView(
            f"an array was used at {here()} after an array that shares its memory was assigned to "
            f"({locate(self.code, self.instruction)}); take views after the assignment, assign to "
            f"the whole array (x[i, j] = v for x[i][j] = v), or copy before (x[i].copy())."
        )


def home_of(x: Any) -> Any:
    """The memory that an array occupies in NumPy's eyes; a number for a number."""
    while type(x) is not np.ndarray and hasattr(x, "node"):
        if x.home is not None:
            return x.home
        x = x.node.value
    return x


def register_view(trace: Any, primitive: Any, operands: Any, params: Any, view: Any) -> None:
    """Note that a value may share memory with the first operand."""
    base = operands[0]
    if not hasattr(base, "node") or base.reads_copy:
        return  # reading through x.flat copies
    trace.views.append(weakref.ref(base))
    trace.views.append(weakref.ref(view))
    if base.home is None and type(base.node.value) is np.ndarray:
        return
    home = home_of(base)
    if home is not _concrete(base):  # the base has moved: find the view's home as NumPy would
        view.home = primitive.evaluate(home, *map(_concrete, operands[1:]), **params)


def _concrete(x: Any) -> Any:
    while hasattr(x, "node"):
        x = x.node.value
    return x


def rebind(target: Any, new: Any, region: Any = None) -> None:
    """Make ``target`` stand for ``new``, as an assignment to ``region`` of its home would.

    Parameters
    ----------
    target, new : Traced
    region : ndarray, optional
        The part of the target's home that is assigned to; all of it by default.
    """
    trace = target.recorder
    home = home_of(target)
    related = False
    if trace.views and type(home) is np.ndarray:
        crossing = new.recorder is not trace
        whole = region is None or crossing  # relatives in an outer trace are out of sight from here
        related = _make_stale(trace, target, home, home if whole else region) and not crossing
    target.node = new.node
    target.recorder = new.recorder
    value = _concrete(new)
    if related or getattr(value, "strides", None) != getattr(home, "strides", None):
        target.home = home
    else:
        target.home = None


def _make_stale(trace: Any, target: Any, home: np.ndarray, region: np.ndarray) -> bool:
    """Mark what overlaps ``region`` as stale; whether anything alive shares the target's home."""
    related = False
    alive = {}
    for reference in trace.views:
        member = reference()
        if member is None or id(member) in alive:
            continue
        alive[id(member)] = reference
        if member is target:
            continue
        other = home_of(member)
        if not _overlap(other, home):
            continue
        related = True
        if not _overlap(other, region):
            continue
        stale = member.recorder
        if type(stale) is not StaleTrace:
            member.recorder = StaleTrace(stale, target, _taken_from(target, member), user_frame(2))
        elif stale.culprit is not None and stale.culprit() is not target:
            stale.culprit = None
    trace.views[:] = alive.values()
    return related


def _overlap(a: Any, b: np.ndarray) -> bool:
    if not np.may_share_memory(a, b):
        return False
    try:
        return np.shares_memory(a, b, max_work=_EXACT_WORK)  # type: ignore[arg-type]
    except np.exceptions.TooHardError:
        return True


def _taken_from(view: Any, base: Any) -> Any:
    """Template and operands of the index by which ``view`` was taken from ``base``, if it was."""
    node = view.node
    if node.primitive.name != "getitem" or node.inputs[0] is not base.node:
        return None
    return node.params["index"], node.inputs[1:]


def writes_back(target: Any, value: Any, template: Any, operands: tuple[Any, ...]) -> bool:
    """Whether ``target[index] = value`` returns an assigned view to where it was taken from."""
    stale = target.recorder
    if type(stale) is not StaleTrace or stale.culprit is None or stale.culprit() is not value:
        return False
    known, known_operands = stale.index
    return repr(known) == repr(template) and all(map(_same_operand, known_operands, operands))


def _same_operand(known: Any, operand: Any) -> bool:
    known = getattr(known, "node", known)
    operand = getattr(operand, "node", operand)
    return known is operand or (
        type(known) is np.ndarray and type(operand) is np.ndarray and np.array_equal(known, operand)
    )


def region_of(target: Any, template: Any, operands: tuple[Any, ...]) -> Any:
    """The part of the target's home that an index names, all of it if that is no view."""
    home = home_of(target)
    parts = template if type(template) is tuple else (template,)
    if operands or not all(
        part is None or part is Ellipsis or type(part) is slice or _is_integer(part)
        for part in parts
    ):
        return home
    if not any(part is Ellipsis for part in parts):
        parts = (*parts, Ellipsis)  # so that a single element is a view as well
    return home[parts]


def _is_integer(part: Any) -> bool:
    return isinstance(part, (int, np.integer)) and not isinstance(part, bool)
