"""Rules of reductions: sums, means, moments and extremes.

Each rule is written for the whole array at once: a reduced value, and its cotangent, are brought
back to a shape that broadcasts against the operand (`kept`), and broadcasting does the rest.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.engine.graph import dtype_of, shape_of
from chainrule.engine.primitive import ZERO, call, primitive
from chainrule.engine.rules.arguments import (
    Bound,
    count_along,
    floating_only,
    kept,
    no_out,
    not_covered,
    numbers_only,
)
from chainrule.engine.rules.own import static_axis

_NOTHING: Any = np._NoValue
_add_up: Any = np.add.reduce
_MASK = np.array([[True, False, True], [True, True, False]])


def bind_reduction(
    function: str, a: Any, axis: Any, dtype: Any, out: Any, keepdims: Any, initial: Any, where: Any
) -> Bound:
    """Operands ``(a,)`` or ``(a, where)``, and the parameters that were given."""
    no_out(function, out)
    params = {"axis": static_axis(axis), "keepdims": keepdims is not _NOTHING and bool(keepdims)}
    if dtype is not None:
        params["dtype"] = floating_only(function, a, dtype)
    if initial is not _NOTHING and initial is not None:
        params |= numbers_only(function, initial=initial)
    return (a,) if where is True or where is _NOTHING else (a, where), params


_DEFAULTS = {"axis": None, "keepdims": False, "ddof": 0, "dtype": None}


def where_source(name: str) -> Callable[..., str]:
    """How a reduction is written, with what differs from its defaults and with its mask."""

    def source(a: str, where: str | None = None, **params: Any) -> str:
        shown = [a]
        for key, value in params.items():
            if key == "dtype" and value is not None:
                shown.append(f"dtype=np.{value.name}")
            elif key not in _DEFAULTS or value != _DEFAULTS[key]:
                shown.append(f"{key}={_literal(value)}")
        if where is not None:
            shown.append(f"where={where}")
        return f"np.{name}({', '.join(shown)})"

    return source


def _literal(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return "np.nan" if math.isnan(value) else f"{'-' if value < 0 else ''}np.inf"
    return repr(value)


# --- sum and mean ---------------------------------------------------------------------------------


def _sum(
    a: Any, where: Any = True, *, axis: Any, keepdims: bool, dtype: Any = None, initial: Any = 0
) -> Any:
    if where is True and initial == 0:
        return _add_up(a, axis=axis, dtype=dtype, keepdims=keepdims)
    return np.sum(a, axis=axis, dtype=dtype, keepdims=keepdims, initial=initial, where=where)


def _sum_rule(
    g: Any, y: Any, a: Any, where: Any = True, *, axis: Any, keepdims: bool, **params: Any
) -> Any:
    g = kept(g, shape_of(a), axis, keepdims)
    return g if where is True else np.where(where, g, 0)


AXES = (
    lambda draw: call(draw()),
    lambda draw: call(draw(3)),
    lambda draw: call(draw(2, 3)),
    lambda draw: call(draw(2, 3), axis=0),
    lambda draw: call(draw(2, 3), axis=-1),
    lambda draw: call(draw(2, 3), 1, keepdims=True),
    lambda draw: call(draw(2, 3), axis=0, keepdims=True),
    lambda draw: call(draw(2, 3), keepdims=True),
    lambda draw: call(draw(2, 3, 2), axis=(0, -1)),
    lambda draw: call(draw(2, 3, 2), axis=(2, 0), keepdims=True),
    lambda draw: call(draw(2, 3), axis=()),
    lambda draw: call(draw(2, 1, 3), axis=1),
    lambda draw: call(draw(1, 3), axis=0),
)
EMPTY = (lambda draw: call(draw(0)), lambda draw: call(draw(0, 3), axis=0))
MASKED = (
    lambda draw: call(draw(2, 3), where=_MASK),
    lambda draw: call(draw(2, 3), axis=1, where=_MASK),
    lambda draw: call(draw(2, 3), axis=0, keepdims=True, where=_MASK[:, :1]),
    lambda draw: call(draw(2, 3), where=[True, False, True], axis=1),
)
DTYPES = (
    lambda draw: call(draw(2, 3), axis=0, dtype=np.float64),
    lambda draw: call(draw(2, 3) > 0, axis=0),
    lambda draw: call(draw.integers(5, 2, 3), axis=1, dtype=float),
)


@primitive(
    np.sum,
    rules=(_sum_rule, ZERO),
    evaluate=_sum,
    source=where_source("sum"),
    cases=(
        *AXES, *EMPTY, *MASKED, *DTYPES,
        lambda draw: call(draw(2, 3), axis=1, initial=2.5),
    ),
)  # fmt: skip
def sum_(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False,
    initial: Any = None, where: Any = True,
) -> Bound:  # fmt: skip
    if where is True and dtype is None and out is None and initial is None and (
        axis is None or type(axis) is int
    ) and type(keepdims) is bool:  # fmt: skip
        return (a,), {"axis": axis, "keepdims": keepdims}
    return bind_reduction("sum", a, axis, dtype, out, keepdims, initial, where)


def _mean(a: Any, where: Any = True, *, axis: Any, keepdims: bool, dtype: Any = None) -> Any:
    if where is not True:
        return np.mean(a, axis=axis, dtype=dtype, keepdims=keepdims, where=where)
    if type(a) is np.ndarray and a.dtype.char in "df" and dtype is None and a.size:
        # np.mean of float32 and float64 without its checks; the value is the same
        total = _add_up(a, axis=axis, keepdims=keepdims)
        return total / (a.size // total.size)
    return np.mean(a, axis=axis, dtype=dtype, keepdims=keepdims)


def _mean_rule(
    g: Any, y: Any, a: Any, where: Any = True, *, axis: Any, keepdims: bool, **params: Any
) -> Any:
    shape = shape_of(a)
    if where is True:
        count = count_along(shape, axis)
        # float16 ends at 65504
        part = g / max(count, 1) if count < 65504 else g * (1.0 / count)
        return kept(part, shape, axis, keepdims)
    return np.where(where, kept(g, shape, axis, keepdims) / _count(a, where, axis), 0)


def _count(a: Any, where: Any, axis: Any) -> Any:
    """How many elements a mask leaves, in the operand's dtype or wider."""
    mask = np.broadcast_to(where, shape_of(a))
    dtype = np.promote_types(dtype_of(a), np.float32)
    return np.maximum(np.sum(mask, axis=axis, keepdims=True, dtype=dtype), 1)


@primitive(
    np.mean,
    rules=(_mean_rule, ZERO),
    evaluate=_mean,
    source=where_source("mean"),
    cases=(*AXES, *MASKED, *DTYPES),
)
def mean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, *,
    where: Any = True,
) -> Bound:  # fmt: skip
    if where is True and dtype is None and out is None and (
        axis is None or type(axis) is int
    ) and type(keepdims) is bool:  # fmt: skip
        return (a,), {"axis": axis, "keepdims": keepdims}
    return bind_reduction("mean", a, axis, dtype, out, keepdims, None, where)


# --- variance and standard deviation --------------------------------------------------------------


def _centred(a: Any, where: Any, axis: Any) -> tuple[Any, Any]:
    """The mean, and the deviations from it; 0 for what a mask hides, which may be NaN."""
    if where is True:
        centre = np.mean(a, axis=axis, keepdims=True)
        return centre, a - centre
    visible = np.where(where, a, 0)
    centre = np.mean(visible, axis=axis, keepdims=True, where=where)
    return centre, np.where(where, visible - centre, 0)


def _var_rule(
    g: Any, y: Any, a: Any, where: Any = True, *, axis: Any, keepdims: bool, ddof: float,
    dtype: Any = None,
) -> Any:  # fmt: skip
    _, deviation = _centred(a, where, axis)
    return kept(g, shape_of(a), axis, keepdims) * (deviation * _weight(a, where, axis, ddof))


def _weight(a: Any, where: Any, axis: Any, ddof: float) -> Any:
    if where is not True:
        return 2.0 / (_count(a, where, axis) - ddof)
    freedom = count_along(shape_of(a), axis) - ddof
    return 2.0 / freedom if freedom > 0 else math.nan


def _std_rule(
    g: Any, y: Any, a: Any, where: Any = True, *, axis: Any, keepdims: bool, ddof: float,
    dtype: Any = None,
) -> Any:  # fmt: skip
    shape = shape_of(a)
    centre, deviation = _centred(a, where, axis)
    y = kept(y, shape, axis, keepdims)
    # the deviations of a constant are 0, or rounding errors of the mean: their sign says nothing
    constant = y <= np.abs(centre) * (8 * float(np.finfo(dtype_of(a)).eps))
    slope = kept(g, shape, axis, keepdims) / np.where(constant, 1, 2 * y)
    return np.where(constant, 0, slope) * (deviation * _weight(a, where, axis, ddof))


def _bind_moment(
    function: str, a: Any, axis: Any, dtype: Any, out: Any, ddof: Any, keepdims: Any,
    where: Any, mean: Any, correction: Any,
) -> Bound:  # fmt: skip
    if mean is not _NOTHING:
        raise not_covered(function, "mean=", "leave it out")
    if correction is not _NOTHING:
        if ddof != 0:
            raise ValueError("ddof and correction can't be provided simultaneously.")
        ddof = correction
    operands, params = bind_reduction(function, a, axis, dtype, out, keepdims, None, where)
    return operands, {**params, **numbers_only(function, ddof=ddof)}


_MOMENT_CASES = (
    *AXES[1:10],
    *MASKED[:3],
    *DTYPES[:1],
    lambda draw: call(draw(2, 3), ddof=1),
    lambda draw: call(draw(2, 3), axis=1, correction=1, keepdims=True),
    lambda draw: call(draw(2, 3), ddof=1, where=_MASK),
    lambda draw: call(draw.integers(5, 2, 3), axis=1),
)


def masked(function: Callable[..., Any]) -> Callable[..., Any]:
    def evaluate(a: Any, where: Any = True, **params: Any) -> Any:
        return function(a, where=where, **params)

    return evaluate


@primitive(
    np.var,
    rules=(_var_rule, ZERO),
    evaluate=masked(np.var),
    source=where_source("var"),
    cases=(*_MOMENT_CASES, lambda draw: call(draw(2, 1), axis=1), lambda draw: call(draw())),
)
def var(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0,
    keepdims: Any = False, *, where: Any = True, mean: Any = _NOTHING, correction: Any = _NOTHING,
) -> Bound:  # fmt: skip
    return _bind_moment("var", a, axis, dtype, out, ddof, keepdims, where, mean, correction)


@primitive(
    np.std,
    rules=(_std_rule, ZERO),
    evaluate=masked(np.std),
    source=where_source("std"),
    cases=_MOMENT_CASES,
)
def std(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0,
    keepdims: Any = False, *, where: Any = True, mean: Any = _NOTHING, correction: Any = _NOTHING,
) -> Bound:  # fmt: skip
    return _bind_moment("std", a, axis, dtype, out, ddof, keepdims, where, mean, correction)


# --- maximum and minimum --------------------------------------------------------------------------


def _extreme_rule(beaten: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """The elements that no other beats share the cotangent; ``initial`` counts as one of them."""

    def rule(
        g: Any, y: Any, a: Any, where: Any = True, *, axis: Any, keepdims: bool,
        initial: Any = None,
    ) -> Any:  # fmt: skip
        shape = shape_of(a)
        y = kept(y, shape, axis, keepdims)
        chosen = np.logical_not(beaten(a, y))
        if where is not True:
            chosen = np.logical_and(chosen, where)
        weights = chosen.astype(np.promote_types(dtype_of(a), np.float32))
        count = np.sum(weights, axis=axis, keepdims=True)
        if initial is not None:
            count = np.maximum(count + (y == initial), 1)
        return kept(g, shape, axis, keepdims) * (weights / count)

    return rule


_EXTREME_CASES = (
    *[
        lambda draw, s=shape, k=keywords: call(draw.distinct(*s) if s else draw(), **k)
        for shape, keywords in (
            ((), {}),
            ((3,), {}),
            ((2, 3), {}),
            ((2, 3), {"axis": 0}),
            ((2, 3), {"axis": -1, "keepdims": True}),
            ((2, 3, 2), {"axis": (0, -1)}),
            ((2, 3), {"axis": ()}),
            ((2, 1), {"axis": 1}),
            ((2, 3), {"axis": 1, "initial": 0.1}),
            ((0,), {"initial": 0.5}),
            ((2, 3), {"axis": 1, "initial": 0.1, "where": _MASK}),
        )
    ],
    lambda draw: call(draw.integers(9, 2, 3), axis=1),
)


def _extreme(ufunc: Any, function: Any) -> Callable[..., Any]:
    def evaluate(
        a: Any, where: Any = True, *, axis: Any, keepdims: bool, initial: Any = None
    ) -> Any:
        if where is True and initial is None:
            return ufunc.reduce(a, axis=axis, keepdims=keepdims)
        given = {} if initial is None else {"initial": initial}
        return function(a, axis=axis, keepdims=keepdims, where=where, **given)

    return evaluate


@primitive(
    np.max,
    np.amax,
    rules=(_extreme_rule(lambda a, y: a < y), ZERO),
    evaluate=_extreme(np.maximum, np.max),
    source=where_source("max"),
    cases=_EXTREME_CASES,
)
def max_(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None,
    where: Any = True,
) -> Bound:  # fmt: skip
    return bind_reduction("max", a, axis, None, out, keepdims, initial, where)


@primitive(
    np.min,
    np.amin,
    rules=(_extreme_rule(lambda a, y: a > y), ZERO),
    evaluate=_extreme(np.minimum, np.min),
    source=where_source("min"),
    cases=_EXTREME_CASES,
)
def min_(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None,
    where: Any = True,
) -> Bound:  # fmt: skip
    return bind_reduction("min", a, axis, None, out, keepdims, initial, where)
