"""What rules need beyond NumPy: primitives of the engine's own, static facts of traced values."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.engine.primitive import PRIMITIVES
from chainrule.engine.tracing import Traced, record


def own(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let the evaluation of a primitive that is no NumPy function meet traced values.

    NumPy dispatches its own functions when an operand belongs to an outer trace; this does the
    same for ``name``.
    """

    def wrap(evaluate: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(evaluate)
        def dispatching(*operands: Any, **params: Any) -> Any:
            for operand in operands:
                if isinstance(operand, Traced):
                    return record(PRIMITIVES[name], operands, params)
            return evaluate(*operands, **params)

        return dispatching

    return wrap


def concrete(x: Any) -> Any:
    """The number or array that a value stands for, whatever traces it belongs to."""
    while isinstance(x, Traced):
        x.recorder.nodes  # noqa: B018  (raises for a stale view)
        x = x.node.value
    return x


def static_axis(axis: Any) -> Any:
    """An axis argument as an int, a tuple of ints or None."""
    if axis is None or type(axis) is int:
        return axis
    if type(axis) is tuple and all(type(number) is int for number in axis):
        return axis
    if isinstance(axis, (tuple, list, np.ndarray)):
        return tuple([operator.index(number) for number in axis])
    return operator.index(axis)


def positive_axis(axis: int, ndim: int) -> int:
    """The axis counted from the front."""
    if not -ndim <= axis < ndim:
        raise np.exceptions.AxisError(axis, ndim)
    return axis % ndim


def along(axis: int, index: Any) -> tuple[Any, ...]:
    """The index that applies ``index`` to one axis, counted from the front."""
    return (slice(None),) * axis + (index,)


def guard_count(x: Any) -> None:
    """Guard the number of nonzero elements, on which the shape of a result depends."""
    if isinstance(x, Traced):
        x._escape("count")
