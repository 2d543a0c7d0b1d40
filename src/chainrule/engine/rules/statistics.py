"""Rules of order statistics, averages, NaN-ignoring reductions, and counts.

Most are composites: NumPy's definition written out in functions that have rules.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.engine.graph import dtype_of, shape_of
from chainrule.engine.primitive import ZERO, call, composite, primitive, refuse
from chainrule.engine.rules.arguments import (
    Bound,
    as_array,
    axes_of,
    no_out,
    not_covered,
    pick,
)
from chainrule.engine.rules.own import concrete, static_axis
from chainrule.engine.rules.reductions import bind_reduction, masked, where_source

_NOTHING: Any = np._NoValue

# --- counts and positions: integers and booleans --------------------------------------------------


def _bind_count(function: str, a: Any, axis: Any, out: Any, keepdims: Any) -> Bound:
    no_out(function, out)
    params: dict[str, Any] = {"axis": static_axis(axis)}
    if keepdims is not _NOTHING:
        params["keepdims"] = bool(keepdims)
    return (a,), params


_COUNT_CASES = (
    lambda draw: call(draw(2, 3) > 0),
    lambda draw: call(draw(2, 3), axis=0),
    lambda draw: call(draw(2, 3), axis=-1, keepdims=True),
)
_MASKED_CASES = (
    *_COUNT_CASES,
    lambda draw: call(draw(2, 3) > 0, axis=1, where=np.array([True, False, True])),
)


@primitive(
    np.any,
    rules=(ZERO, ZERO),
    evaluate=masked(np.any),
    source=where_source("any"),
    cases=_MASKED_CASES,
)
def any_(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = True
) -> Bound:
    return bind_reduction("any", a, axis, None, out, keepdims, None, where)


@primitive(
    np.all,
    rules=(ZERO, ZERO),
    evaluate=masked(np.all),
    source=where_source("all"),
    cases=_MASKED_CASES,
)
def all_(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = True
) -> Bound:
    return bind_reduction("all", a, axis, None, out, keepdims, None, where)


@primitive(np.count_nonzero, rules=(ZERO,), cases=_COUNT_CASES)
def count_nonzero(a: Any, axis: Any = None, *, keepdims: Any = False) -> Bound:
    return _bind_count("count_nonzero", a, axis, None, keepdims)


def _position(function: Any) -> None:
    name = function.__name__

    def bind(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = _NOTHING) -> Bound:
        return _bind_count(name, a, axis, out, keepdims)

    primitive(function, rules=(ZERO,), name=name, cases=_COUNT_CASES)(bind)


for _function in (np.argmax, np.argmin, np.nanargmax, np.nanargmin):
    _position(_function)


# --- averages and ranges --------------------------------------------------------------------------


@composite(np.average)
def _average(
    a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *,
    keepdims: Any = False,
) -> Any:  # fmt: skip
    keepdims = keepdims is not _NOTHING and bool(keepdims)
    if weights is None:
        average = np.mean(a, axis=axis, keepdims=keepdims)
        total: Any = np.size(a) / np.size(average)
    else:
        weights = as_array(weights)
        if shape_of(weights) != shape_of(a):
            weights = _aligned(weights, shape_of(a), axis)
        total = np.sum(weights + np.zeros(shape_of(a), dtype_of(weights)), axis, keepdims=keepdims)
        average = np.sum(a * weights, axis=axis, keepdims=keepdims) / total
    if not returned:
        return average
    return average, np.broadcast_to(total, np.shape(average))


def _aligned(weights: Any, shape: tuple[int, ...], axis: Any) -> Any:
    """Weights of the averaged axes alone, shaped so that they broadcast against the array."""
    if axis is None:
        raise TypeError("Axis must be specified when shapes of a and weights differ.")
    axes = axes_of(axis, len(shape))
    if shape_of(weights) != tuple([shape[k] for k in axes]):
        raise ValueError(
            f"weights of shape {shape_of(weights)} do not fit axis {axis} of shape {shape}"
        )
    ordered = np.transpose(weights, np.argsort(axes).tolist())
    return np.reshape(ordered, [n if k in axes else 1 for k, n in enumerate(shape)])


@composite(np.ptp)
def _ptp(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    no_out("ptp", out)
    keepdims = keepdims is not _NOTHING and bool(keepdims)
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)


# --- covariances ----------------------------------------------------------------------------------


@composite(np.cov)
def _cov(
    m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: Any = None,
    fweights: Any = None, aweights: Any = None, *, dtype: Any = None,
) -> Any:  # fmt: skip
    if fweights is not None or aweights is not None:
        raise not_covered("cov", "weights", "use np.average(x * y, weights=w) of centred variables")
    if dtype is not None:
        raise not_covered("cov", "dtype=", "convert the variables with .astype")
    variables = _variables(m, rowvar)
    if y is not None:
        variables = np.concatenate((variables, _variables(y, rowvar)))
    centred = variables - np.mean(variables, axis=1, keepdims=True)
    count = max(shape_of(centred)[1] - (int(not bias) if ddof is None else ddof), 0)
    product = centred @ np.transpose(centred) / count
    return np.squeeze(product)[()] if np.size(product) == 1 else product


def _variables(m: Any, rowvar: bool) -> Any:
    """One variable per row, in double precision as np.cov computes."""
    rows = np.reshape(m, (1, -1)) if np.ndim(m) < 2 else m
    if not rowvar and shape_of(rows)[0] != 1:
        rows = np.transpose(rows)
    return rows if dtype_of(rows).char == "d" else np.astype(rows, float)


@composite(np.corrcoef)
def _corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    covariance = _cov(x, y, rowvar, dtype=dtype)
    if np.ndim(covariance) == 0:
        return covariance / covariance
    deviations = np.sqrt(np.diagonal(covariance))
    return np.clip(covariance / deviations[:, None] / deviations[None, :], -1, 1)


# --- order statistics -----------------------------------------------------------------------------


@composite(np.median)
def _median(
    a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: bool = False
) -> Any:
    no_out("median", out)
    ordered = _sorted_last(a, axis)
    count = shape_of(ordered)[-1]
    if count == 0:
        return np.mean(a, axis=axis, keepdims=keepdims)  # NaN with NumPy's own warning
    middle = ordered[..., (count - 1) // 2 : count // 2 + 1]
    return _with_axes(_unless_nan(np.mean(middle, axis=-1), ordered), a, axis, keepdims)


@composite(np.quantile)
def _quantile(
    a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False,
    method: str = "linear", keepdims: bool = False, *, weights: Any = None,
) -> Any:  # fmt: skip
    no_out("quantile", out)
    if method != "linear" or weights is not None:
        raise not_covered(
            "quantile", f"method={method!r}" if weights is None else "weights=",
            'use the default method "linear", or np.sort and an index',
        )  # fmt: skip
    if np.any(np.less(q, 0)) or np.any(np.greater(q, 1)):
        raise ValueError("Quantiles must be in the range [0, 1]")
    ordered = _sorted_last(a, axis)
    last = shape_of(ordered)[-1] - 1
    position = np.multiply(q, last)
    below = np.astype(np.clip(np.floor(position), 0, max(last - 1, 0)), int)
    fraction = position - below
    if type(concrete(q)) in (int, float) and dtype_of(a).kind == "f":  # promotes weakly
        fraction = fraction.astype(dtype_of(a))
    start, end = (
        np.moveaxis(pick(ordered, (..., k)), tuple(range(-np.ndim(q), 0)), tuple(range(np.ndim(q))))
        for k in (below, np.minimum(below + 1, last))
    )
    fraction = np.reshape(fraction, (*np.shape(q), *(1,) * (np.ndim(ordered) - 1)))
    return _with_axes(
        _unless_nan(start + (end - start) * fraction, ordered), a, axis, keepdims, np.ndim(q)
    )


@composite(np.percentile)
def _percentile(
    a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False,
    method: str = "linear", keepdims: bool = False, *, weights: Any = None,
) -> Any:  # fmt: skip
    level = q / 100 if np.ndim(q) == 0 else np.true_divide(q, 100)
    return _quantile(a, level, axis, out, overwrite_input, method, keepdims, weights=weights)


def _sorted_last(a: Any, axis: Any) -> Any:
    """Sorted along one last axis that takes the place of the reduced ones."""
    shape = shape_of(a)
    axes = axes_of(axis, len(shape))
    rest = [k for k in range(len(shape)) if k not in axes]
    moved = a if len(axes) == len(shape) else np.transpose(a, (*rest, *axes))
    return np.sort(np.reshape(moved, (*[shape[k] for k in rest], -1)), axis=-1)


def _unless_nan(statistic: Any, ordered: Any) -> Any:
    """NaN where there is one, and sorting puts it last."""
    return np.where(np.isnan(ordered[..., -1]), np.nan, statistic)[()]


def _with_axes(statistic: Any, a: Any, axis: Any, keepdims: bool, leading: int = 0) -> Any:
    if not keepdims:
        return statistic
    axes = axes_of(axis, np.ndim(a))
    lengths = [1 if k in axes else n for k, n in enumerate(shape_of(a))]
    return np.reshape(statistic, (*np.shape(statistic)[:leading], *lengths))


# --- reductions that ignore NaN -------------------------------------------------------------------


def _visible(a: Any, where: Any) -> Any:
    mask = np.logical_not(np.isnan(a))
    return mask if where is _NOTHING or where is True else np.logical_and(mask, where)


def _options(**given: Any) -> dict[str, Any]:
    return {
        name: value for name, value in given.items() if value is not _NOTHING and value is not None
    }


@composite(np.nansum)
def _nansum(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = _NOTHING,
    initial: Any = _NOTHING, where: Any = _NOTHING,
) -> Any:  # fmt: skip
    given = _options(dtype=dtype, out=out, keepdims=keepdims, initial=initial)
    return np.sum(a, axis=axis, where=_visible(a, where), **given)


@composite(np.nanprod)
def _nanprod(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = _NOTHING,
    initial: Any = _NOTHING, where: Any = _NOTHING,
) -> Any:  # fmt: skip
    given = _options(dtype=dtype, out=out, keepdims=keepdims, initial=initial)
    return np.prod(a, axis=axis, where=_visible(a, where), **given)


@composite(np.nanmean)
def _nanmean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = _NOTHING, *,
    where: Any = _NOTHING,
) -> Any:  # fmt: skip
    given = _options(dtype=dtype, out=out, keepdims=keepdims)
    return np.mean(a, axis=axis, where=_visible(a, where), **given)


@composite(np.nanvar)
def _nanvar(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0,
    keepdims: Any = _NOTHING, *, where: Any = _NOTHING, mean: Any = _NOTHING,
    correction: Any = _NOTHING,
) -> Any:  # fmt: skip
    given = _options(
        dtype=dtype, out=out, ddof=ddof, keepdims=keepdims, mean=mean, correction=correction
    )
    return np.var(a, axis=axis, where=_visible(a, where), **given)


@composite(np.nanstd)
def _nanstd(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0,
    keepdims: Any = _NOTHING, *, where: Any = _NOTHING, mean: Any = _NOTHING,
    correction: Any = _NOTHING,
) -> Any:  # fmt: skip
    given = _options(
        dtype=dtype, out=out, ddof=ddof, keepdims=keepdims, mean=mean, correction=correction
    )
    return np.std(a, axis=axis, where=_visible(a, where), **given)


def _nan_extreme(function: Any, lowest: float) -> Any:
    def implementation(
        a: Any, axis: Any = None, out: Any = None, keepdims: Any = _NOTHING,
        initial: Any = _NOTHING, where: Any = _NOTHING,
    ) -> Any:  # fmt: skip
        given = _options(out=out, keepdims=keepdims)
        start = lowest if initial is _NOTHING else initial
        visible = _visible(a, where)
        extreme = function(a, axis=axis, initial=start, where=visible, **given)
        if initial is not _NOTHING:
            return extreme
        return np.where(np.any(visible, axis=axis, **given), extreme, np.nan)[()]

    return implementation


composite(np.nanmax)(_nan_extreme(np.max, -np.inf))
composite(np.nanmin)(_nan_extreme(np.min, np.inf))


@composite(np.nancumsum)
def _nancumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return np.cumsum(np.where(np.isnan(a), 0, a), axis, dtype, out)


@composite(np.nancumprod)
def _nancumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return np.cumprod(np.where(np.isnan(a), 1, a), axis, dtype, out)


refuse(
    np.nanmedian, np.nanquantile, np.nanpercentile,
    cure="remove the NaNs with x[~np.isnan(x)] and use the function without nan in its name",
)  # fmt: skip
refuse(
    np.histogram, np.histogram2d, np.histogramdd, np.histogram_bin_edges,
    cure="counts are piecewise constant: pass chainrule.stop_gradient(x), or sum a smooth kernel",
)  # fmt: skip
