"""Rewrites of assignments: what a program writes into arrays, as the node that it amounts to.

With them a program that is traced again gives the graph it was written from: ``buffer[i] += g``
into new zeros is the transpose of indexing, and a copy is made by assignment anyway.
"""

from __future__ import annotations

from typing import Any, TypeGuard

import numpy as np

from chainrule.engine.graph import Node, dtype_of, shape_of
from chainrule.engine.primitive import CONSTANT, PRIMITIVES
from chainrule.engine.tracing import Slot
from chainrule.programs.rewrites import Candidate, Made, Rule, made_by, scalar
from chainrule.programs.shape_rewrites import SHAPE_RULES


def names_each_once(operands: list[Any]) -> bool:
    """Whether an index with these array operands surely names no element twice."""
    values = [x.value if type(x) is Node else x for x in operands]
    several = [v for v in values if np.size(v) > 1 and dtype_of(v).kind != "b"]
    if not several:
        return True
    constants = [x for x in operands if type(x) is np.ndarray and x.size > 1]
    return all(len(shape_of(v)) <= 1 for v in values) and any(
        np.unique(x).size == x.size and bool(np.all(x >= 0)) for x in constants
    )


def _zeros(operand: Any) -> np.ndarray | None:
    """The new array of zeros that an operand is."""
    if type(operand) is Node:
        operand = operand.inputs[0] if operand.primitive is CONSTANT else None
    if type(operand) is not np.ndarray or operand.dtype.kind != "f":
        return None
    return None if operand.any() or np.signbit(operand).any() else operand


def _assigned(c: Candidate) -> Made | None:
    base, value, *operands = c.inputs
    total = made_by(value, "add")
    if total is not None and names_each_once(operands):
        read, added = total.inputs
        part = made_by(read, "getitem")
        same = part is not None and part.inputs[0] is base and part.params == c.params
        if same and part is not None and _same_operands(part.inputs[1:], operands):
            zeros = _zeros(base)
            if zeros is not None:
                return _scattered(c, zeros, added, operands)
            if _dtype(added) == dtype_of(c.value):
                return Made(PRIMITIVES["index_add"], [base, added, *operands], c.params)
    return _into_copy(c)


def _dtype(operand: Any) -> Any:
    return dtype_of(operand.value if type(operand) is Node else operand)


def _summed_scatters(c: Candidate) -> Made | None:
    """Adding zeros with a few elements in them is adding to these elements."""
    a, b = c.inputs
    if not c.backward or type(a) is not Node or shape_of(a.value) != shape_of(c.value):
        return None
    part = made_by(b, "scatter")
    if part is None or _dtype(a) != _dtype(b) or type(a.value) is not np.ndarray:
        return None
    if not a.value.flags.c_contiguous or not names_each_once(part.inputs[1:]):
        return None
    return Made(PRIMITIVES["index_add"], [a, *part.inputs], {"index": part.params["index"]})


def _same_operands(first: list[Any], second: list[Any]) -> bool:
    return len(first) == len(second) and all(
        a is b or (type(a) is np.ndarray and type(b) is np.ndarray and np.array_equal(a, b))
        for a, b in zip(first, second, strict=True)
    )


def _added(c: Candidate) -> Made | None:
    base, value, *operands = c.inputs
    zeros = _zeros(base)
    if zeros is not None and type(value) is Node:
        return _scattered(c, zeros, value, operands)
    return _into_copy(c)


def _scattered(c: Candidate, zeros: np.ndarray, value: Any, operands: list[Any]) -> Made | None:
    if type(value) is not Node or dtype_of(value.value) != zeros.dtype:
        return None
    params = {"shape": zeros.shape, "index": c.params["index"]}
    return Made(PRIMITIVES["scatter"], [value, *operands], params)


def _into_copy(c: Candidate) -> Made | None:
    copied = made_by(c.inputs[0], "copy")
    if copied is None or copied.params["order"] != "K":
        return None
    return Made(c.primitive, [copied.inputs[0], *c.inputs[1:]], c.params)


def _in_order(c: Candidate) -> Made | None:
    """Number the arrays of an index as they are written; numbers are part of the index."""
    first = 2 if c.primitive.name in ("assign", "index_add") else 1
    operands = c.inputs[first:]
    if not operands:
        return None
    index = c.params["index"]
    parts = index if type(index) is tuple else (index,)
    written: list[Any] = []
    template: list[Any] = []
    for part in parts:
        operand = operands[part.position] if type(part) is Slot else None
        if type(part) is not Slot:
            template.append(part)
        elif c.primitive.name == "scatter" and _is_integer(operand):
            template.append(int(operand))
        else:
            template.append(Slot(len(written)))
            written.append(operand)
    ordered = tuple(template) if type(index) is tuple else template[0]
    if ordered == index and len(written) == len(operands):
        return None
    return Made(c.primitive, [*c.inputs[:first], *written], {**c.params, "index": ordered})


def _is_integer(operand: Any) -> TypeGuard[int]:
    return type(operand) is not Node and np.ndim(operand) == 0 and dtype_of(operand).kind in "iu"


def _size(operand: Any) -> int:
    return int(np.size(operand.value if type(operand) is Node else operand))


def _without_broadcast(c: Candidate) -> Made | None:
    """Adding to a part of an array broadcasts by itself."""
    at = 0 if c.primitive.name == "scatter" else 1
    stretched = made_by(c.inputs[at], "broadcast_to")
    if stretched is None or len(c.inputs) > at + 1:
        return None
    return Made(c.primitive, [*c.inputs[:at], stretched.inputs[0]], c.params)


def _spread_axes(c: Candidate) -> Made | None:
    """Adding into zeros what an index with new axes only has read is giving it its shape back."""
    index = c.params["index"]
    parts = index if type(index) is tuple else (index,)
    whole = all(part is None or part is Ellipsis or part == slice(None) for part in parts)
    if not whole or len(c.inputs) > 1 or np.size(c.value) != _size(c.inputs[0]):
        return None
    return Made(PRIMITIVES["reshape"], c.inputs, {"shape": c.params["shape"], "order": "C"})


def _guarded_quotient(c: Candidate) -> Made | None:
    """``a / np.where(a == 0, 1, b)``."""
    a, divisor = c.inputs
    chosen = made_by(divisor, "where")
    if chosen is None or scalar(chosen.inputs[1]) != 1:
        return None
    zero = made_by(chosen.inputs[0], "equal")
    if zero is None or zero.inputs[0] is not a or scalar(zero.inputs[1]) != 0:
        return None
    return Made(PRIMITIVES["quotient"], [a, chosen.inputs[2]], {})


RULES: dict[str, Rule] = {
    **SHAPE_RULES,
    "getitem": lambda c: _in_order(c) or SHAPE_RULES["getitem"](c),
    "scatter": lambda c: _in_order(c) or _spread_axes(c) or _without_broadcast(c),
    "assign": lambda c: _in_order(c) or _assigned(c),
    "index_add": lambda c: _in_order(c) or _added(c) or _without_broadcast(c),
    "add": lambda c: SHAPE_RULES["add"](c) or _summed_scatters(c),
    "divide": lambda c: SHAPE_RULES["divide"](c) or _guarded_quotient(c),
}
