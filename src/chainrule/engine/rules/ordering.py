"""Rules of sorting, and of the functions whose results are positions."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from chainrule.engine.graph import shape_of
from chainrule.engine.location import here
from chainrule.engine.primitive import ZERO, call, composite, primitive, refuse
from chainrule.engine.rules.arguments import Bound, numbers_only, pick
from chainrule.engine.rules.assignment import INDEX_ADD
from chainrule.engine.rules.own import guard_count, static_axis
from chainrule.engine.tracing import Slot, apply, record

# --- sorting --------------------------------------------------------------------------------------


def _put_back(g: Any, x: Any, order: Any, axis: int | None) -> Any:
    """Move the cotangents of sorted elements to where the elements came from."""
    if axis is None:
        return np.reshape(pick(g, np.argsort(order)), shape_of(x))
    return np.take_along_axis(g, np.argsort(order, axis=axis), axis=axis)


def _sort_rule(g: Any, y: Any, x: Any, *, axis: int | None, kind: Any, stable: Any) -> Any:
    order = np.argsort(x, axis=axis, kind=kind, stable=stable)
    return _put_back(g, x, order, axis)


@primitive(
    np.sort,
    rules=(_sort_rule,),
    cases=(
        lambda draw: call(draw.distinct(5)),
        lambda draw: call(draw.distinct(3, 4)),
        lambda draw: call(draw.distinct(3, 4), axis=0),
        lambda draw: call(draw.distinct(3, 4), axis=None),
        lambda draw: call(draw.distinct(2, 3, 2), axis=1, kind="stable"),
        lambda draw: call(draw.distinct(4), stable=True),
    ),
)
def sort(a: Any, axis: Any = -1, kind: Any = None, *, stable: Any = None) -> Bound:
    return (a,), {"axis": static_axis(axis), **numbers_only("sort", kind=kind, stable=stable)}


def _partition_rule(g: Any, y: Any, x: Any, *, kth: Any, axis: int | None, kind: str) -> Any:
    # np.partition and np.argpartition may arrange the unsorted parts differently: match by rank
    ranked = (
        pick(g, np.argsort(y)) if axis is None else np.take_along_axis(g, np.argsort(y, axis), axis)
    )
    return _put_back(ranked, x, np.argsort(x, axis), axis)


@primitive(
    np.partition,
    rules=(_partition_rule,),
    cases=(
        lambda draw: call(draw.distinct(7), 3),
        lambda draw: call(draw.distinct(3, 5), (1, 2), axis=0),
        lambda draw: call(draw.distinct(3, 5), 2, axis=None),
    ),
)
def partition(a: Any, kth: Any, axis: Any = -1, kind: str = "introselect") -> Bound:
    return (a,), {"kth": static_axis(kth), "axis": static_axis(axis), "kind": kind}


refuse(
    np.unique, np.unique_all, np.unique_counts, np.unique_inverse, np.unique_values,
    np.union1d, np.intersect1d, np.setdiff1d, np.setxor1d,
    cure="use np.sort, or np.unique of chainrule.stop_gradient(x).tolist() for the values alone",
)  # fmt: skip


# --- positions: integers, through which no gradient flows -----------------------------------------


@primitive(
    np.argsort,
    rules=(ZERO,),
    cases=(
        lambda draw: call(draw.distinct(5)),
        lambda draw: call(draw.distinct(3, 4), axis=0, kind="stable"),
        lambda draw: call(draw.distinct(3, 4), axis=None),
        lambda draw: call(draw.distinct(4), stable=True),
    ),
)
def argsort(a: Any, axis: Any = -1, kind: Any = None, *, stable: Any = None) -> Bound:
    return (a,), {"axis": static_axis(axis), **numbers_only("sort", kind=kind, stable=stable)}


@primitive(
    np.argpartition,
    rules=(ZERO,),
    cases=(
        lambda draw: call(draw.distinct(7), 3),
        lambda draw: call(draw.distinct(3, 5), (1, 2), axis=0),
    ),
)
def argpartition(a: Any, kth: Any, axis: Any = -1, kind: str = "introselect") -> Bound:
    return (a,), {"kth": static_axis(kth), "axis": static_axis(axis), "kind": kind}


@primitive(
    np.lexsort,
    rules=(ZERO,) * 64,
    evaluate=lambda *keys, axis: np.lexsort(keys, axis=axis),
    cases=(
        lambda draw: call((draw.distinct(5), draw.distinct(5))),
        lambda draw: call(draw.distinct(2, 3, 4), axis=0),
    ),
)
def lexsort(keys: Any, axis: Any = -1) -> Bound:
    return tuple(keys), {"axis": static_axis(axis)}


@primitive(
    np.searchsorted,
    rules=(ZERO, ZERO),
    cases=(
        lambda draw: call(np.array([-1.0, 0.0, 1.0]), draw(2, 3)),
        lambda draw: call(np.array([0.0, 0.0, 1.0]), 0.0, side="right"),
    ),
)
def searchsorted(a: Any, v: Any, side: str = "left") -> Bound:
    return (a, v), {"side": side}


@primitive(
    np.digitize,
    rules=(ZERO, ZERO),
    cases=(
        lambda draw: call(draw(2, 3), np.array([-1.0, 0.0, 1.0])),
        lambda draw: call(draw(3), np.array([1.0, 0.0]), right=True),
    ),
)
def digitize(x: Any, bins: Any, right: bool = False) -> Bound:
    return (x, bins), {"right": bool(right)}


@primitive(
    np.argwhere,
    rules=(ZERO,),
    cases=(
        lambda draw: call(np.array([0.0, 1.5, -2.0])),
        lambda draw: call(np.array([[True, False], [True, True]])),
        lambda draw: call(draw()),
    ),
)
def argwhere(a: Any) -> Bound:
    guard_count(a)
    return (a,), {}


@composite(np.nonzero)
def nonzero(a: Any) -> tuple[Any, ...]:
    if np.ndim(a) == 0:
        raise ValueError(f"np.nonzero needs an array of at least one axis at {here()}.")
    found = np.argwhere(a)
    return tuple([found[:, axis] for axis in range(np.ndim(a))])


@composite(np.flatnonzero)
def flatnonzero(a: Any) -> Any:
    return np.argwhere(np.ravel(a))[:, 0]


@primitive(
    rules=(ZERO,),
    evaluate=lambda x, *, minlength: np.bincount(x, minlength=minlength),
    name="bincount",
    cases=(
        lambda draw: call(np.array([0, 2, 2, 1])),
        lambda draw: call(np.array([0, 2, 2, 1]), minlength=5),
    ),
)
def BINCOUNT(x: Any, minlength: Any = 0) -> Bound:
    return (x,), {"minlength": operator.index(minlength)}


@composite(np.bincount)
def bincount(x: Any, /, weights: Any = None, minlength: Any = 0) -> Any:
    if np.ndim(x) != 1 or (weights is not None and np.shape(weights) != np.shape(x)):
        raise ValueError(f"np.bincount needs one-dimensional arrays of one length at {here()}.")
    largest = int(np.max(x)) if np.size(x) else -1  # guarded: the result is as long as this
    if weights is None:
        return apply(BINCOUNT, x, minlength)
    if np.size(x) and np.min(x) < 0:
        raise ValueError(f"np.bincount needs numbers that are not negative at {here()}.")
    zeros = np.zeros(max(largest + 1, operator.index(minlength)))
    return record(INDEX_ADD, (zeros, weights, x), {"index": Slot(0)})


@primitive(
    np.isin,
    rules=(ZERO, ZERO),
    cases=(
        lambda draw: call(np.array([1.0, 2.0, 3.0]), np.array([3.0, 1.0])),
        lambda draw: call(np.array([[1, 2], [3, 4]]), [2, 4], invert=True),
    ),
)
def isin(
    element: Any, test_elements: Any, assume_unique: bool = False, invert: bool = False
) -> Bound:
    flags = numbers_only("isin", assume_unique=assume_unique, invert=invert)
    return (element, test_elements), flags


@primitive(
    rules=(ZERO,),
    evaluate=lambda indices, *, shape, order: np.stack(np.unravel_index(indices, shape, order)),
    name="unravel_indices",
    source="np.stack(np.unravel_index({0}, {shape}, {order}))",
    cases=(
        lambda draw: call(np.array([0, 5, 11]), (3, 4)),
        lambda draw: call(7, (2, 2, 3), order="F"),
    ),
)
def UNRAVEL(indices: Any, shape: Any, order: str = "C") -> Bound:
    return (indices,), {"shape": static_axis(shape), "order": order}


@composite(np.unravel_index)
def unravel_index(indices: Any, shape: Any, order: str = "C") -> tuple[Any, ...]:
    return tuple(apply(UNRAVEL, indices, shape, order))


@primitive(
    np.ravel_multi_index,
    rules=(ZERO,) * 64,
    evaluate=lambda *index, dims, mode, order: np.ravel_multi_index(index, dims, mode, order),
    cases=(
        lambda draw: call((np.array([0, 2]), np.array([3, 1])), (3, 4)),
        lambda draw: call((np.array([0, 5]), 1), (3, 4), mode="clip", order="F"),
    ),
)
def ravel_multi_index(multi_index: Any, dims: Any, mode: str = "raise", order: str = "C") -> Bound:
    return tuple(multi_index), {"dims": static_axis(dims), "mode": mode, "order": order}
