"""Constants written out: exactly, as Python that gives the same bits, or briefly, for reading."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.engine.tracing import Slot

_DEFAULT_DTYPES = (np.dtype(float), np.dtype(int), np.dtype(bool))
SHORT = 8  # elements of an array that text shows in full


def literal(value: Any) -> str:
    """Python source that evaluates to ``value``, with its type, dtype and every bit.

    Arrays are written in full; whether that is wise is for the caller to decide.
    """
    if isinstance(value, (bool, np.bool_)) and not isinstance(value, np.generic):
        return repr(value)
    if type(value) is float:
        return _float(value)
    if type(value) is tuple:
        inside = ", ".join(map(literal, value))
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    if type(value) is list:
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, np.dtype):
        return f"np.{'bool' if value.kind == 'b' else value.name}"
    if isinstance(value, np.generic):
        return f"np.{'bool' if value.dtype.kind == 'b' else value.dtype.name}({_element(value)})"
    if isinstance(value, np.ndarray):
        return _array(value)
    if isinstance(value, str):
        return '"' + repr(value)[1:-1].replace('"', '\\"') + '"'
    if isinstance(value, type) and issubclass(value, np.generic):
        return f"np.{value.__name__}"
    if value is Ellipsis:
        return "..."
    return repr(value)


def _float(value: float) -> str:
    if math.isnan(value):
        return "np.nan"
    if math.isinf(value):
        return "np.inf" if value > 0 else "-np.inf"
    return repr(value)


def _element(value: Any) -> str:
    """One number in the fewest digits that give it back in its own dtype."""
    kind = value.dtype.kind
    if kind == "f":
        if not np.isfinite(value):
            return _float(float(value))
        shortest = str(value)
        exact = value.dtype.type(float(shortest)) == value
        return shortest if exact else repr(float(value))
    return repr(value.item())


def _array(array: np.ndarray) -> str:
    dtype = "" if array.dtype in _DEFAULT_DTYPES else f", dtype={literal(array.dtype)}"
    if array.size and array.ndim:
        first = array.flat[0]
        if _all_bits_equal(array, first):
            of_float = dtype if array.dtype != np.dtype(int) else ", dtype=int"
            of_float = ", dtype=bool" if array.dtype == np.dtype(bool) else of_float
            if first == 1 or (first == 0 and not np.signbit(first)):
                name = "ones" if first == 1 else "zeros"
                return f"np.{name}({_shape(array.shape)}{of_float})"
            if array.size > 2:
                return f"np.full({_shape(array.shape)}, {_element(first)}{dtype})"
        if array.ndim == 2 and array.dtype == np.dtype(float) and min(array.shape) > 1:
            rows, columns = array.shape
            if np.array_equal(array, np.eye(rows, columns)) and not np.signbit(array).any():
                return f"np.eye({rows})" if rows == columns else f"np.eye({rows}, {columns})"
        counts = array.ndim == 1 and array.dtype == np.dtype(int) and array.size > 2
        if counts and np.array_equal(array, np.arange(array.size)):
            return f"np.arange({array.size})"
    order = ', order="F"' if array.ndim > 1 and not array.flags.c_contiguous else ""
    if array.size == 0:
        return f"np.zeros({_shape(array.shape)}{dtype or _default_dtype(array)})"
    return f"np.array({_nested(array)}{dtype}{order})"


def _default_dtype(array: np.ndarray) -> str:
    return (
        "" if array.dtype == np.dtype(float) else f", dtype={array.dtype.name.rstrip('0123456789')}"
    )


def _all_bits_equal(array: np.ndarray, first: Any) -> bool:
    if array.dtype.kind == "f":
        same = (array == first) & (np.signbit(array) == np.signbit(first))
        return bool(np.all(same))
    return array.dtype.kind in "iub" and bool(np.all(array == first))


def _shape(shape: tuple[int, ...]) -> str:
    return str(shape[0]) if len(shape) == 1 else repr(shape)


def _nested(array: np.ndarray) -> str:
    if array.ndim == 0:
        return _element(array[()])
    return f"[{', '.join(_nested(part) for part in array)}]"


def text_literal(value: Any) -> str:
    """A constant for reading: numbers bare, short arrays in full, long ones as shape."""
    if isinstance(value, (np.generic, np.ndarray)) and np.ndim(value) == 0:
        return _plain(value[()] if isinstance(value, np.ndarray) else value)
    if isinstance(value, (float, np.floating)):
        return _plain(np.float64(value))
    if isinstance(value, np.ndarray):
        if value.size <= SHORT:
            return _plain_nested(value)
        return f"array{value.shape}" if value.ndim > 1 else f"array({value.size})"
    if isinstance(value, np.dtype):
        return value.name
    if isinstance(value, Slot):
        return repr(value)
    if type(value) is tuple:
        inside = ", ".join(map(text_literal, value))
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    return literal(value)


def _plain(number: Any) -> str:
    if number.dtype.kind == "f" and not np.isfinite(number):
        return "nan" if np.isnan(number) else "∞" if number > 0 else "-∞"
    text = str(number)
    return text.removesuffix(".0") if number.dtype.kind == "f" else text


def _plain_nested(array: np.ndarray) -> str:
    if array.ndim == 0:
        return _plain(array[()])
    return f"[{', '.join(_plain_nested(part) for part in array)}]"


def latex_literal(value: Any) -> str:
    """A constant in LaTeX."""
    text = text_literal(value).replace("∞", r"\infty").replace("nan", r"\mathrm{nan}")
    mantissa, sign, exponent = text.partition("e")
    if sign and _is_number(mantissa):
        return rf"{mantissa} \cdot 10^{{{int(exponent)}}}"
    return text.replace("array", r"\mathrm{array}")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
