"""Rules of assignment: ``x[i] = v`` and NumPy's functions that write into their first argument.

Nothing is written in place. A traced target is rebound to a new array; an ordinary array cannot
take a traced value and the error says what to do instead.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.engine.errors import InvalidInput, TracingError
from chainrule.engine.graph import dtype_of, shape_of
from chainrule.engine.location import here
from chainrule.engine.primitive import ZERO, call, composite, primitive
from chainrule.engine.rules.arguments import Bound, as_array
from chainrule.engine.rules.indexing import (
    GETITEM,
    along_axis_index,
    index_text,
    repeats_elements,
    split_index,
)
from chainrule.engine.rules.own import own, positive_axis
from chainrule.engine.tracing import Slot, Traced, bind_index, fill_index, record


def _check_dtypes(x: Any, value: Any) -> None:
    if dtype_of(x).kind != "f" and dtype_of(value).kind == "f":
        raise InvalidInput(
            f"a {dtype_of(value)} value assigned into an array of dtype {dtype_of(x)} would be "
            f"cut to it and lose its gradient at {here()}; make the array floating point (float)."
        )


@own("assign")
def _assign(x: Any, value: Any, *operands: Any, index: Any) -> Any:
    _check_dtypes(x, value)
    assigned = x.copy(order="K") if type(x) is np.ndarray else x
    assigned[fill_index(index, operands) if operands else index] = value
    return assigned


def _assign_rules(
    position: int, g: Any, y: Any, x: Any, value: Any, *operands: Any, index: Any
) -> Any:
    if position > 1:
        return ZERO
    if shape_of(x) == ():
        g = g[...]  # an array, which can be indexed and assigned to as x was
    if position == 0:
        return record(ASSIGN, (g, 0.0, *operands), {"index": index})
    found = record(GETITEM, (g, *operands), {"index": index})
    if repeats_elements(operands):
        lasting = record(LAST_ASSIGNED, (x, value, *operands), {"index": index})
        found = np.where(lasting, found, 0.0)
    return _fit(found, shape_of(value))


def _fit(found: Any, shape: tuple[int, ...]) -> Any:
    """Drop the leading axes of size one that assignment ignores in the value it is given."""
    extra = len(shape) - np.ndim(found)
    if extra <= 0:
        return found
    axes = tuple(i for i, n in enumerate(shape[extra:]) if n == 1 and np.shape(found)[i] != 1)
    return np.reshape(np.sum(found, axis=axes, keepdims=True) if axes else found, shape)


@primitive(
    rules=_assign_rules,
    evaluate=_assign,
    name="assign",
    text=lambda x, value, *operands, index: f"{x} with [{index_text(index, operands)}] = {value}",
    cases=(
        lambda draw: call(draw(5), draw(), index=2),
        lambda draw: call(draw(5), 1.5, index=slice(None, None, 2)),
        lambda draw: call(draw(5), draw(2), index=slice(1, 3)),
        lambda draw: call(draw(3, 4), draw(4), index=slice(1, 3)),
        lambda draw: call(draw(3, 4), draw(1, 1, 2, 1), index=(slice(1, 3), slice(0, 2))),
        lambda draw: call(draw(3, 4), draw(), index=Ellipsis),
        lambda draw: call(draw(3, 4), draw(3, 4), index=()),
        lambda draw: call(draw(3, 4), draw(2, 4), np.array([2, 0]), index=Slot(0)),
        lambda draw: call(draw(3, 4), draw(3, 4), np.array([2, 0, 2]), index=Slot(0)),
        lambda draw: call(draw(4), draw(), np.array([1, 1, 3]), index=Slot(0)),
        lambda draw: call(draw(3, 4), draw(3), np.array([1, 1, 0]), np.array([2, 2, 2]),
                          index=(Slot(0), Slot(1))),
        lambda draw: call(draw(2, 3), draw(3), np.array([[1, 0, 1], [0, 0, 1]]) > 0, index=Slot(0)),
        lambda draw: call(draw(2, 3), draw(), np.array([True, False]), index=Slot(0)),
    ),
)  # fmt: skip
def ASSIGN(x: Any, value: Any, /, *operands: Any, index: Any) -> Bound:
    return (x, value, *operands), {"index": index}


# NumPy does not say in which order it assigns elements that an index names more than once (it
# follows the memory layout of index and value): an assignment of numbers laid out alike finds out.


@own("last_assigned")
def _last_assigned(x: Any, value: Any, *operands: Any, index: Any) -> Any:
    key = fill_index(index, operands)
    written = np.empty_like(x, dtype=np.intp)
    shape = written[key].shape
    numbers = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    if np.shape(value) == shape:
        laid_out = np.empty_like(value, dtype=np.intp)
        laid_out[...] = numbers
        numbers = laid_out
    written[key] = numbers
    return written[key] == numbers


def last_assigned(x: Any, value: Any, index: Any) -> Any:
    """Which elements of ``value`` last after ``x[index] = value``: the same, as emitted source."""
    operands, params = bind_index(index)
    return _last_assigned(x, value, *operands, **params)


def _last_assigned_source(x: str, value: str, *operands: str, index: Any) -> str:
    inside = index_text(index, operands)
    return f"chainrule.engine.rules.assignment.last_assigned({x}, {value}, np.s_[{inside}])"


@primitive(
    rules=(ZERO,) * 66,  # the array, the value and one index for each of NumPy's 64 axes
    evaluate=_last_assigned,
    name="last_assigned",
    source=_last_assigned_source,
    text=lambda x, value, *operands, index: f"lasting {x}[{index_text(index, operands)}] = {value}",
    cases=(
        lambda draw: call(draw(4), draw(3), np.array([1, 3, 1]), index=Slot(0)),
        lambda draw: call(draw(3, 4), draw(2, 2, 4), np.array([[2, 0], [2, 2]]), index=Slot(0)),
        lambda draw: call(draw(4), draw(2, 2).T, np.array([[2, 0], [2, 2]]).T, index=Slot(0)),
    ),
)
def LAST_ASSIGNED(x: Any, value: Any, /, *operands: Any, index: Any) -> Bound:
    return (x, value, *operands), {"index": index}


@own("index_add")
def _index_add(x: Any, value: Any, *operands: Any, index: Any) -> Any:
    added = x.copy(order="K")
    np.add.at(added, fill_index(index, operands), value)
    return added


def _index_add_rules(
    position: int, g: Any, y: Any, x: Any, value: Any, *operands: Any, index: Any
) -> Any:
    if position == 0:
        return g
    return ZERO if position > 1 else record(GETITEM, (g, *operands), {"index": index})


@primitive(
    rules=_index_add_rules,
    evaluate=_index_add,
    name="index_add",
    text=lambda x, value, *operands, index: f"{x} with [{index_text(index, operands)}] += {value}",
    cases=(
        lambda draw: call(draw(5), draw(3), np.array([1, 1, 4]), index=Slot(0)),
        lambda draw: call(draw(5), draw(), np.array([1, 1, 4]), index=Slot(0)),
        lambda draw: call(draw(3, 4), draw(4), np.array([2, 2]), index=Slot(0)),
        lambda draw: call(draw(3, 4), draw(2), index=(slice(0, 2), 1)),
    ),
)
def INDEX_ADD(x: Any, value: Any, /, *operands: Any, index: Any) -> Bound:
    return (x, value, *operands), {"index": index}


# --- functions that write into their first argument -----------------------------------------------


def _writable(target: Any, name: str) -> Traced:
    if isinstance(target, Traced):
        return target
    raise TracingError(
        f"np.{name} cannot write a traced value into an ordinary array at {here()}; make the "
        f"array with np.zeros_like(x) or np.zeros(shape, like=x), x being a traced value."
    )


@composite(np.put_along_axis)
def put_along_axis(arr: Any, indices: Any, values: Any, axis: Any) -> None:
    target = _writable(arr, "put_along_axis")
    if axis is None:
        indices = np.where(indices < 0, indices + target.size, indices)
        target[np.unravel_index(indices, target.shape)] = values
        return
    shape = shape_of(target)
    operands, template = split_index(
        along_axis_index(shape, positive_axis(axis, len(shape))), indices
    )
    target[fill_index(template, operands)] = values


@composite(np.put)
def put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    target = _writable(a, "put")
    v = as_array(v)
    indices: Any = ind if isinstance(ind, Traced) else np.asarray(ind)
    if mode == "wrap":
        indices = indices % target.size
    elif mode == "clip":
        indices = np.clip(indices, 0, target.size - 1)
    else:
        indices = np.where(indices < 0, indices + target.size, indices)
    _write_flat(target, np.reshape(indices, -1), v)


@composite(np.putmask)
def putmask(a: Any, mask: Any, values: Any, /) -> None:
    target = _writable(a, "putmask")
    values = as_array(values)
    if np.size(values):
        positions = np.arange(target.size).reshape(target.shape)
        repeated = np.ravel(values)[positions % np.size(values)]
        target[...] = np.where(np.reshape(mask, target.shape), repeated, target)


@composite(np.place)
def place(arr: Any, mask: Any, vals: Any) -> None:
    target = _writable(arr, "place")
    vals = as_array(vals)
    positions = np.flatnonzero(mask)
    if len(positions) and not np.size(vals):
        raise ValueError(f"np.place was given no values to put in at {here()}.")
    _write_flat(target, positions, vals)


@composite(np.copyto)
def copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    target = _writable(dst, "copyto")
    if not np.can_cast(dtype_of(src), target.dtype, casting):  # type: ignore[arg-type]
        raise TypeError(
            f"np.copyto cannot cast {dtype_of(src)} to {target.dtype} with casting={casting!r} at "
            f"{here()}."
        )
    if where is True:
        target[...] = src
    else:
        target[...] = np.where(where, np.broadcast_to(src, target.shape), target)


@composite(np.fill_diagonal)
def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    target = _writable(a, "fill_diagonal")
    blank = np.zeros(target.shape)
    np.fill_diagonal(blank, 1.0, wrap=wrap)
    _write_flat(target, np.flatnonzero(blank), val)


def _write_flat(target: Traced, positions: Any, values: Any) -> None:
    """Assign at flat positions; the values start again when they run out."""
    count = np.size(positions)
    if count and np.size(values):
        repeated = np.ravel(values)[np.arange(count) % np.size(values)]
        target[np.unravel_index(positions, target.shape)] = repeated
