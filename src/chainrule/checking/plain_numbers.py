"""What a loss may do with plain numbers and buffers that would end its trace, passed over in it.

``float(loss)``, ``math.exp(z)``, ``np.array([a, b])``, ``np.c_[ones, X]`` and
``out = np.zeros(n); out[i] = a`` turn traced values into plain ones, and the method that
``X.dot(W)`` calls does not look at its ``W``. While such a loss is traced, its module sees a NumPy
whose new arrays take traced values, and data whose ``dot`` does. It is tried only where the plain
trace has failed, and central differences judge the result.
"""

from __future__ import annotations

import contextlib
import inspect
import math
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from chainrule.engine.errors import TracingError
from chainrule.engine.tracing import Traced

_MOST_CALLS = 50_000  # of NumPy in one trace; a loop that makes more is differentiated numerically
_MAKERS = ("zeros", "ones", "empty", "full", "zeros_like", "ones_like", "empty_like", "full_like")
_LISTS = ("array", "asarray")
_MATH = {"pow": "power", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "fabs": "abs"}


def is_traced(value: Any) -> bool:
    """Whether a value is traced, whatever it passes for."""
    return type(value) not in (float, int, bool, np.ndarray) and isinstance(value, Traced)


class _Passing(type):
    """Behaves as ``float`` in calls and ``isinstance``, but lets traced values through."""

    def __call__(cls, value: Any = 0.0) -> Any:
        return value if is_traced(value) else float(value)

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, float)


class _Float(float, metaclass=_Passing):
    """Stands for ``float`` in the globals of a loss while it is traced."""


class _Data(np.ndarray):
    """Data of the user's, and what is cut out of it, with a ``dot`` that takes traced values."""

    def dot(self, other: Any, out: Any = None) -> Any:
        """As ``np.dot``."""
        if is_traced(other):
            return np.dot(self.view(np.ndarray), other)
        return super().dot(other, out) if out is not None else super().dot(other)


def as_data(value: Any) -> Any:
    """The same array, by reference, with a ``dot`` that takes traced values; other values as is."""
    return value.view(_Data) if type(value) is np.ndarray and value.dtype.kind in "fiub" else value


class _Module(types.ModuleType):
    """A module of which some functions are others."""

    def __init__(self, module: types.ModuleType, others: dict[str, Any]) -> None:
        super().__init__(module.__name__)
        self._module, self._others, self._calls = module, others, 0

    def __getattr__(self, name: str) -> Any:
        self._calls += 1
        if self._calls > _MOST_CALLS:
            raise TracingError("the loss has too many steps to be traced")
        return self._others[name] if name in self._others else getattr(self._module, name)


def _maker(function: Callable[..., Any], anchor: Any) -> Callable[..., Any]:
    """A function that makes an array, which may be assigned traced values."""

    def made(*args: Any, **kwargs: Any) -> Any:
        if args and is_traced(args[0]):
            return function(*args, **kwargs)
        found = function(*args, **kwargs)
        if found.dtype.kind != "f" or found.dtype != np.float64:
            return found
        buffer = np.zeros(found.shape, like=anchor)
        if np.any(found):
            buffer[...] = found
        return buffer

    return made


def _stacking(function: Callable[..., Any]) -> Callable[..., Any]:
    """``np.array`` of nested lists that hold traced numbers."""

    def made(value: Any, *args: Any, **kwargs: Any) -> Any:
        return _stacked(value) if _holds_traced(value) else function(value, *args, **kwargs)

    return made


class _Joining:
    """``np.r_``, or ``np.c_``, of traced values.

    Parameters
    ----------
    own : object
        NumPy's, which takes what holds no traced value, ranges and settings.
    columns : bool
        Vectors are columns, and what is joined is the last axis.
    """

    def __init__(self, own: Any, columns: bool) -> None:
        self._own, self._columns = own, columns

    def __getitem__(self, key: Any) -> Any:
        parts = key if isinstance(key, tuple) else (key,)
        if not _holds_traced(parts) or any(isinstance(each, (str, slice)) for each in parts):
            return self._own[key]
        arrays = [_stacked(each) for each in parts]
        if self._columns:
            arrays = [x if np.ndim(x) > 1 else np.reshape(x, (-1, 1)) for x in arrays]
            return np.concatenate(arrays, axis=-1)
        return np.concatenate([x if np.ndim(x) else np.reshape(x, (1,)) for x in arrays])


def _holds_traced(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(_holds_traced(each) for each in value)
    return is_traced(value)


def _stacked(value: Any) -> Any:
    if is_traced(value):
        return value
    if isinstance(value, (list, tuple)) and _holds_traced(value):
        return np.stack([_stacked(each) for each in value])
    return np.asarray(value)


@contextlib.contextmanager
def plain_numbers_pass(function: Callable[..., Any], anchor: Any) -> Iterator[None]:
    """Let traced values through where the module of a function makes plain ones of them.

    Parameters
    ----------
    function : callable
    anchor : Traced
        A value of the trace under way.
    """
    space = getattr(inspect.unwrap(function), "__globals__", None)
    if space is None:
        yield
        return
    numpy_ones: dict[str, Any] = {name: _maker(getattr(np, name), anchor) for name in _MAKERS}
    numpy_ones.update({name: _stacking(getattr(np, name)) for name in _LISTS})
    numpy_ones.update(c_=_Joining(np.c_, True), r_=_Joining(np.r_, False))
    of_math = {
        name: getattr(np, _MATH.get(name, name))
        for name in vars(math)
        if hasattr(np, _MATH.get(name, name)) and callable(getattr(math, name))
    }
    others: dict[str, Any] = {}
    for key, value in space.items():
        if value is np:
            others[key] = _Module(np, numpy_ones)
        elif value is math:
            others[key] = _Module(math, of_math)
        elif type(value) is np.ndarray:
            others[key] = as_data(value)
        else:
            others.update(_imported(key, value, numpy_ones, of_math))
    before = {key: space[key] for key in others}
    if "float" not in space:
        others["float"] = _Float
    space.update(others)
    try:
        yield
    finally:
        for key in others:
            if key in before:
                space[key] = before[key]
            else:
                del space[key]


def _imported(
    key: str, value: Any, numpy_ones: dict[str, Any], of_math: dict[str, Any]
) -> dict[str, Any]:
    """What stands for a function that was imported by its name."""
    for module, others in ((np, numpy_ones), (math, of_math)):
        for name, other in others.items():
            if value is getattr(module, name):
                return {key: other}
    return {}
