"""Arrays made after the likeness of traced ones, ranges between traced ends, and static facts."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from chainrule.engine.errors import InvalidInput, UnsupportedArgument
from chainrule.engine.graph import dtype_of
from chainrule.engine.location import here
from chainrule.engine.primitive import composite
from chainrule.engine.rules.own import concrete
from chainrule.engine.tracing import Traced

# --- buffers --------------------------------------------------------------------------------------


def _like(function: Any) -> None:
    @composite(function)
    def create(a: Any, dtype: Any = None, order: str = "K", shape: Any = None) -> Any:
        return a.recorder.constant(function(_stand_in(a), dtype=dtype, order=order, shape=shape))


def _stand_in(a: Traced) -> Any:
    value: Any = a
    while isinstance(value, Traced):
        value = value.node.value
    return value


for _function in (np.zeros_like, np.ones_like, np.empty_like):
    _like(_function)


@composite(np.full_like)
def full_like(
    a: Any, fill_value: Any, dtype: Any = None, order: Any = "K", shape: Any = None
) -> Any:
    blank = np.zeros_like(_stand_in(a), dtype=dtype, order=order, shape=shape)
    if not isinstance(fill_value, Traced):
        return a.recorder.constant(np.full_like(blank, fill_value))
    if blank.dtype.kind != "f":
        raise InvalidInput(
            f"np.full_like would cut the traced {fill_value.dtype} value to {blank.dtype} and "
            f"lose its gradient at {here()}; pass dtype=float."
        )
    filled: Any = np.copy(np.broadcast_to(fill_value, blank.shape))
    return filled if filled.dtype == blank.dtype else filled.astype(blank.dtype)


# --- ranges ---------------------------------------------------------------------------------------


def _ramp(num: Any, endpoint: bool, ndim: int) -> tuple[Any, int, int]:
    """Numbers of the samples along a new first axis, how many, and how many steps they span."""
    count = operator.index(num)
    if count < 0:
        raise ValueError(f"the number of samples must not be negative, got {count} at {here()}.")
    numbers = np.arange(count, dtype=float).reshape((-1,) + (1,) * ndim)
    return numbers, count, count - 1 if endpoint else count


def _floating(dtype: Any, *ends: Any) -> Any:
    found = np.result_type(*ends, 0.0) if dtype is None else np.dtype(dtype)
    if found.kind != "f":
        raise UnsupportedArgument(
            f"a range between traced ends with dtype {found} would lose their gradient at "
            f"{here()}; leave dtype out."
        )
    return found


@composite(np.linspace)
def linspace(
    start: Any, stop: Any, num: Any = 50, endpoint: bool = True, retstep: bool = False,
    dtype: Any = None, axis: Any = 0,
) -> Any:  # fmt: skip
    kind = _floating(dtype, start, stop)
    ndim = max(np.ndim(start), np.ndim(stop))
    numbers, count, steps = _ramp(num, endpoint, ndim)
    step = (stop - start) / steps if steps > 0 else (stop - start) * np.nan
    samples = start + numbers * step if steps > 0 else start + numbers * (stop - start)
    if endpoint and count > 1:
        samples = np.where(numbers == steps, stop, samples)
    samples = _finished(samples, kind, axis)
    return (samples, step) if retstep else samples


@composite(np.logspace)
def logspace(
    start: Any, stop: Any, num: Any = 50, endpoint: bool = True, base: Any = 10.0,
    dtype: Any = None, axis: Any = 0,
) -> Any:  # fmt: skip
    if np.ndim(base) > 0:
        raise UnsupportedArgument(
            f"np.logspace with an array of bases has no differentiation rule at {here()}; use "
            f"base ** np.linspace(start, stop)."
        )
    kind = _floating(dtype, start, stop, base)
    return _finished(base ** np.linspace(start, stop, num, endpoint), kind, axis)


@composite(np.geomspace)
def geomspace(
    start: Any, stop: Any, num: Any = 50, endpoint: bool = True, dtype: Any = None, axis: Any = 0
) -> Any:
    kind = _floating(dtype, start, stop)
    if bool(np.any(start * stop <= 0)):
        raise ValueError(f"np.geomspace needs ends of one sign, neither zero, at {here()}.")
    numbers, count, steps = _ramp(num, endpoint, max(np.ndim(start), np.ndim(stop)))
    samples = start * (stop / start) ** (numbers / max(steps, 1))
    if endpoint and count > 1:
        samples = np.where(numbers == steps, stop, samples)
    return _finished(samples, kind, axis)


def _finished(samples: Any, dtype: Any, axis: Any) -> Any:
    samples = samples if dtype_of(samples) == dtype else samples.astype(dtype)
    axis = operator.index(axis)
    return samples if axis == 0 else np.moveaxis(samples, 0, axis)


# --- static facts of traced values ----------------------------------------------------------------


@composite(np.shape)
def shape(a: Any) -> tuple[int, ...]:
    return a.shape


@composite(np.ndim)
def ndim(a: Any) -> int:
    return a.ndim


@composite(np.size)
def size(a: Any, axis: Any = None) -> int:
    return np.size(_stand_in(a), axis)


@composite(np.result_type)
def result_type(*arrays_and_dtypes: Any) -> Any:
    return np.result_type(*map(_weak, arrays_and_dtypes))


def _weak(x: Any) -> Any:
    """What promotion looks at: a Python number promotes weakly, anything else by its dtype."""
    if not isinstance(x, Traced):
        return x
    value = _stand_in(x)
    return value if type(value) in (bool, int, float) else value.dtype


@composite(np.can_cast)
def can_cast(from_: Any, to: Any, casting: str = "safe") -> bool:
    return np.can_cast(from_.dtype if isinstance(from_, Traced) else from_, to, casting)  # type: ignore[arg-type]


@composite(np.common_type)
def common_type(*arrays: Any) -> Any:
    return np.common_type(*map(_stand_in, arrays))


@composite(np.iscomplexobj)
def iscomplexobj(x: Any) -> bool:
    return False


@composite(np.isrealobj)
def isrealobj(x: Any) -> bool:
    return True


@composite(np.may_share_memory)
def may_share_memory(a: Any, b: Any, /, max_work: Any = 0) -> bool:
    return np.may_share_memory(concrete(a), concrete(b), max_work)


@composite(np.shares_memory)
def shares_memory(a: Any, b: Any, /, max_work: Any = -1) -> bool:
    return np.shares_memory(concrete(a), concrete(b), max_work)


def _printing(function: Any) -> None:
    composite(function)(lambda a, *args, **kwargs: function(concrete(a), *args, **kwargs))


def _indices(function: Any) -> None:
    composite(function)(lambda arr, *args, **kwargs: function(_stand_in(arr), *args, **kwargs))


for _printer in (np.array_repr, np.array_str, np.array2string):
    _printing(_printer)
for _indexer in (np.diag_indices_from, np.tril_indices_from, np.triu_indices_from):
    _indices(_indexer)
