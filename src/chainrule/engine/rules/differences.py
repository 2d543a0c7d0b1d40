"""Composites for sampled functions: differences, running totals, integrals, centring."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.engine.graph import dtype_of, shape_of
from chainrule.engine.primitive import composite
from chainrule.engine.rules.arguments import axes_of, not_covered
from chainrule.engine.rules.own import along, positive_axis

_NOTHING: Any = np._NoValue


@composite(np.diff)
def _diff(
    a: Any, n: int = 1, axis: int = -1, prepend: Any = _NOTHING, append: Any = _NOTHING
) -> Any:
    if n < 0:
        raise ValueError(f"order must be non-negative but got {n!r}")
    axis = positive_axis(axis, np.ndim(a))
    if n == 0:
        return a
    ends = []
    for end in (prepend, append):
        if end is not _NOTHING and np.ndim(end) == 0:
            shape = list(shape_of(a))
            shape[axis] = 1
            end = np.broadcast_to(end, tuple(shape))
        ends.append(end)
    parts = [part for part in (ends[0], a, ends[1]) if part is not _NOTHING]
    if len(parts) > 1:
        a = np.concatenate(parts, axis=axis)
    minus = np.not_equal if dtype_of(a).kind == "b" else np.subtract
    for _ in range(n):
        a = minus(a[along(axis, slice(1, None))], a[along(axis, slice(None, -1))])
    return a


@composite(np.ediff1d)
def _ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    flat = np.ravel(ary)
    parts = [flat[1:] - flat[:-1]]
    for position, end in ((0, to_begin), (2, to_end)):
        if end is None:
            continue
        end = np.ravel(end)
        if not np.can_cast(dtype_of(end), flat.dtype, "same_kind"):
            raise TypeError(f"the values put at the ends must be convertible to {flat.dtype}")
        parts.insert(position, end.astype(flat.dtype))
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


@composite(np.trapezoid)
def _trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    axis = positive_axis(axis, np.ndim(y))
    if x is None:
        width = dx
    elif np.ndim(x) == 1:
        after = (1,) * (np.ndim(y) - axis - 1)
        width = np.reshape(np.diff(x), (-1, *after))
    else:
        width = np.diff(x, axis=axis)
    ends = y[along(axis, slice(1, None))] + y[along(axis, slice(None, -1))]
    return np.sum(width * ends / 2.0, axis=axis)


@composite(np.gradient)
def _gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    axes = axes_of(axis, np.ndim(f))
    if not varargs:
        spacings: list[Any] = [1.0] * len(axes)
    elif len(varargs) == 1 and np.ndim(varargs[0]) == 0:
        spacings = list(varargs) * len(axes)
    elif len(varargs) == len(axes):
        spacings = list(varargs)
    else:
        raise TypeError("invalid number of arguments")
    if edge_order not in (1, 2):
        raise not_covered("gradient", f"edge_order={edge_order!r}", "use 1 or 2")
    slopes = []
    for along_axis, spacing in zip(axes, spacings, strict=True):
        count = shape_of(f)[along_axis]
        if count < edge_order + 1:
            raise ValueError(
                "Shape of array too small to calculate a numerical gradient, "
                "at least (edge_order + 1) elements are required."
            )
        slopes.append(_slope(f, along_axis, _steps(spacing, f, along_axis), edge_order))
    return slopes[0] if len(axes) == 1 else tuple(slopes)


def _steps(spacing: Any, f: Any, axis: int) -> Any:
    """The distances between neighbours, one number or an array along ``axis``."""
    if np.ndim(spacing) == 0:
        return spacing
    if shape_of(spacing) != (shape_of(f)[axis],):
        raise ValueError("when 1d, distances must match the length of the corresponding dimension")
    return np.reshape(np.diff(spacing), (-1, *(1,) * (np.ndim(f) - axis - 1)))


def _slope(f: Any, axis: int, steps: Any, edge_order: int) -> Any:
    """Second-order differences inside, one-sided ones of ``edge_order`` at both ends.

    For unequal steps h before and k after a point the weights are those of the parabola through
    three neighbours (Fornberg, "Generation of finite difference formulas", 1988).
    """

    def f_at(start: int | None, stop: int | None) -> Any:
        return f[along(axis, slice(start, stop))]

    def step(index: int) -> Any:
        return steps if np.ndim(steps) == 0 else steps[index : index + 1 or None]

    if np.ndim(steps) == 0:
        inside = (f_at(2, None) - f_at(None, -2)) / (2.0 * steps)
    else:
        h, k = steps[:-1], steps[1:]
        inside = (
            -k / (h * (h + k)) * f_at(None, -2)
            + (k - h) / (h * k) * f_at(1, -1)
            + h / (k * (h + k)) * f_at(2, None)
        )
    if edge_order == 1:
        first = (f_at(1, 2) - f_at(0, 1)) / step(0)
        last = (f_at(-1, None) - f_at(-2, -1)) / step(-1)
    else:
        first = _edge(f_at(0, 1), f_at(1, 2), f_at(2, 3), step(0), step(1))
        last = -_edge(f_at(-1, None), f_at(-2, -1), f_at(-3, -2), step(-1), step(-2))
    slope = np.concatenate((first, inside, last), axis=axis)
    dtype = dtype_of(f) if dtype_of(f).kind == "f" else np.dtype(float)
    return slope if dtype_of(slope) == dtype else slope.astype(dtype)


def _edge(end: Any, middle: Any, far: Any, near_step: Any, far_step: Any) -> Any:
    """The derivative at the end of the parabola through three points."""
    both = near_step + far_step
    return (
        -(near_step + both) / (near_step * both) * end
        + both / (near_step * far_step) * middle
        - near_step / (far_step * both) * far
    )


if hasattr(np, "cumulative_sum"):  # NumPy >= 2.1

    @composite(np.cumulative_sum)
    def _cumulative_sum(
        x: Any, /, *, axis: Any = None, dtype: Any = None, out: Any = None,
        include_initial: bool = False,
    ) -> Any:  # fmt: skip
        return _cumulative(np.cumsum, x, axis, dtype, out, include_initial, 0)

    @composite(np.cumulative_prod)
    def _cumulative_prod(
        x: Any, /, *, axis: Any = None, dtype: Any = None, out: Any = None,
        include_initial: bool = False,
    ) -> Any:  # fmt: skip
        return _cumulative(np.cumprod, x, axis, dtype, out, include_initial, 1)


def _cumulative(
    function: Any, x: Any, axis: Any, dtype: Any, out: Any, include_initial: bool, start: int
) -> Any:
    if axis is None:
        if np.ndim(x) != 1:
            raise ValueError("For arrays which have more than one dimension axis is required.")
        axis = 0
    total = function(x, axis=axis, dtype=dtype, out=out)
    if not include_initial:
        return total
    shape = list(shape_of(total))
    shape[axis] = 1
    return np.concatenate((np.full(shape, start, dtype_of(total)), total), axis=axis)


@composite(np.fft.fftshift)
def _fftshift(x: Any, axes: Any = None) -> Any:
    chosen = axes_of(axes, np.ndim(x))
    return np.roll(x, [shape_of(x)[k] // 2 for k in chosen], chosen)


@composite(np.fft.ifftshift)
def _ifftshift(x: Any, axes: Any = None) -> Any:
    chosen = axes_of(axes, np.ndim(x))
    return np.roll(x, [-(shape_of(x)[k] // 2) for k in chosen], chosen)
