"""Rules of products, and of running sums and products.

No rule divides by an element, so zeros are right, in second and higher derivatives too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.engine.graph import dtype_of, shape_of
from chainrule.engine.primitive import ZERO, call, primitive
from chainrule.engine.rules.arguments import Bound, axes_of, floating_only, kept, no_out
from chainrule.engine.rules.own import along, positive_axis, static_axis
from chainrule.engine.rules.reductions import (
    AXES,
    DTYPES,
    EMPTY,
    MASKED,
    bind_reduction,
    where_source,
)

# --- running sums and products --------------------------------------------------------------------


def _reversed(a: Any, axis: int) -> Any:
    return a[along(axis, slice(None, None, -1))]


def _running(function: Callable[..., Any]) -> Callable[..., Any]:
    """Rules see one axis: without one, NumPy runs through the flattened array."""

    def rule(g: Any, y: Any, a: Any, *, axis: int | None, dtype: Any = None) -> Any:
        if axis is None:
            flat = function(g, y, np.reshape(a, (-1,)), 0)
            return np.reshape(flat, shape_of(a))
        return function(g, y, a, positive_axis(axis, len(shape_of(a))))

    return rule


def _cumsum_rule(g: Any, y: Any, a: Any, axis: int) -> Any:
    return _reversed(np.cumsum(_reversed(g, axis), axis=axis), axis)


def _shifted(a: Any, axis: int, steps: int, filler: float) -> Any:
    """Along one axis the elements ``steps`` later, and ``filler`` past the end."""
    shape = list(shape_of(a))
    shape[axis] = min(steps, shape[axis])
    return np.concatenate(
        (a[along(axis, slice(steps, None))], np.full(shape, filler, dtype_of(a))), axis=axis
    )


def _cumprod_rule(g: Any, y: Any, a: Any, axis: int) -> Any:
    """ā_k = (Π_{j<k} a_j) s_k with s_k = g_k + a_{k+1} s_{k+1}: no division, so zeros are right.

    The recurrence is solved for all k at once by doubling (Hillis & Steele, "Data parallel
    algorithms", 1986): after each step s_k covers twice as many terms.
    """
    factors = _shifted(a, axis, 1, 0.0)
    sums = g
    steps = 1
    while steps < shape_of(a)[axis]:
        sums = sums + factors * _shifted(sums, axis, steps, 0.0)
        factors = factors * _shifted(factors, axis, steps, 0.0)
        steps *= 2
    return _products_before(y, axis) * sums


def _products_before(y: Any, axis: int) -> Any:
    """The running products of the elements before each, from those that include it."""
    ones = list(shape_of(y))
    ones[axis] = min(1, ones[axis])
    return np.concatenate((np.ones(ones, dtype_of(y)), y[along(axis, slice(None, -1))]), axis=axis)


_RUNNING_CASES = (
    lambda draw: call(draw(4)),
    lambda draw: call(draw(2, 3)),
    lambda draw: call(draw(2, 5), axis=1),
    lambda draw: call(draw(3, 2), axis=0),
    lambda draw: call(draw(2, 3, 2), axis=-2),
    lambda draw: call(draw(2, 1), axis=1),
    lambda draw: call(draw()),
    lambda draw: call(draw(3), dtype=np.float64),
    lambda draw: call(draw(0)),
)


def _bind_running(function: str, a: Any, axis: Any, dtype: Any, out: Any) -> Bound:
    no_out(function, out)
    params = {"axis": static_axis(axis)}
    if dtype is not None:
        params["dtype"] = floating_only(function, a, dtype)
    return (a,), params


@primitive(np.cumsum, rules=(_running(_cumsum_rule),), cases=_RUNNING_CASES)
def cumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Bound:
    return _bind_running("cumsum", a, axis, dtype, out)


@primitive(
    np.cumprod,
    rules=(_running(_cumprod_rule),),
    cases=(
        *_RUNNING_CASES,
        lambda draw: call(np.array([2.0, 0.0, 3.0, 0.0, 4.0])),
        lambda draw: call(np.array([[0.0, 2.0], [3.0, 0.0]]), axis=0),
    ),
)
def cumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Bound:
    return _bind_running("cumprod", a, axis, dtype, out)


# --- product --------------------------------------------------------------------------------------


def _prod(
    a: Any, where: Any = True, *, axis: Any, keepdims: bool, dtype: Any = None, initial: Any = 1
) -> Any:
    return np.prod(a, axis=axis, dtype=dtype, keepdims=keepdims, initial=initial, where=where)


def _prod_rule(
    g: Any, y: Any, a: Any, where: Any = True, *, axis: Any, keepdims: bool, dtype: Any = None,
    initial: Any = 1,
) -> Any:  # fmt: skip
    """Every element's cotangent is the product of the others, without dividing by the element."""
    shape = shape_of(a)
    axes = axes_of(axis, len(shape))
    if not axes:
        others: Any = 1
    else:
        visible = a if where is True else np.where(where, a, 1)
        rest = tuple([k for k in range(len(shape)) if k not in axes])
        flat_shape = (*[shape[k] for k in rest], math.prod([shape[k] for k in axes]))
        flat = np.reshape(np.transpose(visible, (*rest, *axes)), flat_shape)
        last = len(rest)
        before = _products_before(np.cumprod(flat, axis=last), last)
        after = _products_before(np.cumprod(_reversed(flat, last), axis=last), last)
        moved = np.reshape(before * _reversed(after, last), [shape[k] for k in (*rest, *axes)])
        others = np.transpose(moved, tuple(np.argsort((*rest, *axes)).tolist()))
    slope = kept(g, shape, axis, keepdims) * (others * initial)
    return slope if where is True else np.where(where, slope, 0)


@primitive(
    np.prod,
    rules=(_prod_rule, ZERO),
    evaluate=_prod,
    source=where_source("prod"),
    cases=(
        *AXES, *EMPTY, *MASKED, *DTYPES,
        lambda draw: call(draw(2, 3), axis=1, initial=2.5),
        lambda draw: call(np.array([0.0, 2.0, 3.0])),
        lambda draw: call(np.array([0.0, 2.0, 0.0])),
        lambda draw: call(np.array([[0.0, 2.0, 0.0], [1.0, 0.0, 3.0]]), axis=1),
    ),
)  # fmt: skip
def prod(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False,
    initial: Any = None, where: Any = True,
) -> Bound:  # fmt: skip
    return bind_reduction("prod", a, axis, dtype, out, keepdims, initial, where)
