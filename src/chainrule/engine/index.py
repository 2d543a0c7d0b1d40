"""Indexing: what is read from a traced array, and assignment into it."""

from __future__ import annotations

import operator
import weakref
from typing import Any, NoReturn

import numpy as np

from chainrule.engine.aliasing import home_of, rebind, region_of, writes_back
from chainrule.engine.location import here
from chainrule.engine.primitive import PRIMITIVES
from chainrule.engine.recording import Traced, holds_traced, record, stack_traced


class Slot:
    """Stands in an index for an array operand, by position."""

    __slots__ = ("position",)

    def __init__(self, position: int) -> None:
        self.position = position

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Slot) and other.position == self.position

    def __hash__(self) -> int:
        return hash(self.position)

    def __repr__(self) -> str:
        return f"{{{self.position}}}"


def bind_index(index: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Split an index into its array operands and a static template with a `Slot` for each."""
    if type(index) is int:
        return (), {"index": index}
    if type(index) is slice:
        return (), {"index": _static_slice(index)}
    parts = index if type(index) is tuple else (index,)
    for part in parts:
        if type(part) not in _PLAIN and not (type(part) is slice and _static_slice(part) is part):
            break
    else:
        return (), {"index": index}
    operands: list[Any] = []
    template: list[Any] = []
    for part in parts:
        if isinstance(part, (list, tuple, range, np.ndarray, Traced)):
            if isinstance(part, (list, tuple, range)):
                part = stack_traced(part) if holds_traced(part) else as_index(part)
            template.append(Slot(len(operands)))
            operands.append(part)
        elif isinstance(part, slice):
            template.append(_static_slice(part))
        else:
            template.append(part)
    return tuple(operands), {"index": tuple(template) if type(index) is tuple else template[0]}


def as_index(part: Any) -> Any:
    """A sequence as NumPy takes it in an index."""
    array = np.asarray(part)
    return array if array.size else array.astype(np.intp)  # [] names no positions


_PLAIN = frozenset((int, type(None), type(Ellipsis)))


def _static_slice(part: slice) -> slice:
    bounds = (part.start, part.stop, part.step)
    for bound in bounds:
        if isinstance(bound, Traced):
            break
    else:
        return part
    return slice(*[operator.index(b) if isinstance(b, Traced) else b for b in bounds])


def fill_index(template: Any, operands: tuple[Any, ...]) -> Any:
    """The index with its array operands put back."""
    if type(template) is tuple:
        return tuple([operands[p.position] if type(p) is Slot else p for p in template])
    return operands[template.position] if type(template) is Slot else template


def _getitem(self: Traced, index: Any) -> Any:
    if type(index) is int:
        return record(PRIMITIVES["getitem"], (self,), {"index": index})
    operands, params = bind_index(index)
    for operand in operands:
        if isinstance(operand, Traced) and operand.dtype.kind == "b":
            operand._escape("count")  # the shape of the result depends on it
    return record(PRIMITIVES["getitem"], (self, *operands), params)


def _setitem(self: Traced, index: Any, value: Any) -> None:
    operands, params = bind_index(index)
    template = params["index"]
    if writes_back(self, value, template, operands):  # the second half of x[i] += v
        current = Traced(self.node, self.recorder.original)
        new = record(PRIMITIVES["assign"], (current, value, *operands), params)
        self.home = home_of(self)
        self.node, self.recorder = new.node, new.recorder
    else:
        new = record(PRIMITIVES["assign"], (self, value, *operands), params)
        region = region_of(self, template, operands) if self.recorder.views else None
        rebind(self, new, region)


def _delitem(self: Traced, index: Any) -> NoReturn:
    raise TypeError(f"cannot delete array elements at {here()}; use np.delete.")


class _Flat(Traced):
    """The elements of an array in C order, which may be assigned to whatever the memory layout."""

    __slots__ = ("array",)
    reads_copy = True

    def __init__(self, array: Traced) -> None:
        found: Any = np.ravel(array)
        super().__init__(found.node, found.recorder)
        self.array = array
        self.home = home_of(array)
        self.recorder.views += (weakref.ref(array), weakref.ref(self))

    def __setitem__(self, index: Any, value: Any) -> None:
        operands, params = bind_index(index)
        elements = record(PRIMITIVES["assign"], (self, value, *operands), params)
        self.array[...] = np.reshape(elements, self.array.shape)
        self.node, self.recorder = elements.node, elements.recorder


for _name, _method in (
    ("__getitem__", _getitem),
    ("__setitem__", _setitem),
    ("__delitem__", _delitem),
    ("flat", property(_Flat, doc=_Flat.__doc__)),
):
    setattr(Traced, _name, _method)
