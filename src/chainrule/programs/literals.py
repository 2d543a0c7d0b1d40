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
    return _pattern(array) or (
        f"np.array({_nested(array)}{_dtype(array, _DEFAULT_DTYPES)}{_order(array)})"
    )


def _pattern(array: np.ndarray) -> str | None:
    """An array that a function makes: zeros, ones, one number, a diagonal, a count."""
    shape = str(array.shape[0]) if array.ndim == 1 else repr(array.shape)
    is_float = array.dtype == np.dtype(float)
    if array.size == 0:
        return f"np.zeros({shape}{_dtype(array, _DEFAULT_DTYPES[:1])})"
    if array.ndim == 0:
        return None
    first = array.flat[0]
    if _is_repeated(array, first):
        order = _order(array) if any(array.strides) else ""
        if first == 1 or (first == 0 and not np.signbit(first)):
            name = "ones" if first == 1 else "zeros"
            return f"np.{name}({shape}{_dtype(array, _DEFAULT_DTYPES[:1])}{order})"
        if array.size > 2:
            return f"np.full({shape}, {_element(first)}{_dtype(array, _DEFAULT_DTYPES)}{order})"
    if array.ndim == 2 and is_float and min(array.shape) > 1 and array.flags.c_contiguous:
        rows, columns = array.shape
        if np.array_equal(array, np.eye(rows, columns)) and not np.signbit(array).any():
            return f"np.eye({rows})" if rows == columns else f"np.eye({rows}, {columns})"
    counts = array.ndim == 1 and array.dtype == np.dtype(int) and array.size > 2
    if counts and np.array_equal(array, np.arange(array.size)):
        return f"np.arange({array.size})"
    return None


def _dtype(array: np.ndarray, understood: tuple[np.dtype[Any], ...]) -> str:
    """The dtype, unless the function that makes the array chooses it by itself."""
    if array.dtype in understood:
        return ""
    plain = {np.dtype(int): "int", np.dtype(bool): "bool"}.get(array.dtype)
    return f", dtype={plain or literal(array.dtype)}"


def _order(array: np.ndarray) -> str:
    """The memory layout, on which the last digits of sums depend."""
    return ', order="F"' if array.ndim > 1 and not array.flags.c_contiguous else ""


def _is_repeated(array: np.ndarray, first: Any) -> bool:
    """Whether every element has the same bits."""
    if array.dtype.kind == "f":
        return bool(np.all((array == first) & (np.signbit(array) == np.signbit(first))))
    return array.dtype.kind in "iub" and bool(np.all(array == first))


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
