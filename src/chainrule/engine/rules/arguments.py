"""What the signatures of rules have in common: refused arguments, axes, positions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.engine.errors import UnsupportedArgument
from chainrule.engine.graph import dtype_of
from chainrule.engine.location import here
from chainrule.engine.primitive import PRIMITIVES
from chainrule.engine.tracing import Traced, bind_index, record, stack_traced

Bound = tuple[tuple[Any, ...], dict[str, Any]]


def not_covered(function: str, argument: str, cure: str) -> UnsupportedArgument:
    """The error for an argument that a rule does not cover."""
    return UnsupportedArgument(
        f"np.{function} with {argument} has no differentiation rule at {here()}; {cure}."
    )


def no_out(function: str, out: Any) -> None:
    """Refuse to write a traced result into an array."""
    if out is not None:
        raise not_covered(function, "out=", "assign the result instead")


def numbers_only(function: str, **values: Any) -> dict[str, Any]:
    """Parameters that are no operands: refused if traced, or their gradient would be lost."""
    for name, value in values.items():
        if isinstance(value, Traced):
            raise not_covered(
                function, f"a traced {name}=", "pass a plain number, or write the formula out"
            )
    return values


def floating_only(function: str, a: Any, dtype: Any) -> Any:
    """A ``dtype=`` argument, refused where it would round floating-point numbers to integers."""
    if dtype is None:
        return None
    dtype = np.dtype(dtype)
    if dtype.kind != "f" and dtype_of(a).kind == "f":
        raise not_covered(
            function, f"dtype={dtype}", "convert the result with .astype, which has derivative zero"
        )
    return dtype


def axes_of(axis: Any, ndim: int) -> tuple[int, ...]:
    """An axis argument of a reduction as a tuple of axes counted from the front."""
    if axis is None:
        return tuple(range(ndim))
    return np.lib.array_utils.normalize_axis_tuple(axis, ndim)


def count_along(shape: tuple[int, ...], axis: Any) -> int:
    """How many elements a reduction over ``axis`` combines into one."""
    if type(axis) is int:
        return shape[axis] if shape else 1
    return math.prod(shape if axis is None else [shape[k] for k in axes_of(axis, len(shape))])


def kept(reduced: Any, shape: tuple[int, ...], axis: Any, keepdims: bool) -> Any:
    """A reduced value with its axes back at length 1, so that it broadcasts against ``shape``."""
    if keepdims or axis is None or not shape:
        return reduced
    if type(axis) is int:
        if axis == 0:
            return reduced
        axis %= len(shape)
        full = (*shape[:axis], 1, *shape[axis + 1 :])
    else:
        axes = axes_of(axis, len(shape))
        full = tuple([1 if k in axes else n for k, n in enumerate(shape)])
    return reduced.reshape(full) if type(reduced) is np.ndarray else np.reshape(reduced, full)


def as_array(values: Any) -> Any:
    """A sequence as an array, a traced one if it holds traced values."""
    stacked = stack_traced(values)
    return stacked if hasattr(stacked, "dtype") else np.asarray(stacked)


def pick(table: Any, index: Any) -> Any:
    """``table[index]``, also where only the index is traced, which ordinary arrays refuse."""
    operands, params = bind_index(index)
    return record(PRIMITIVES["getitem"], (table, *operands), params)
