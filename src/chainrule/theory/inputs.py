"""What the functions of this room accept: exact numbers, whole numbers, finite arrays."""

from __future__ import annotations

import math
import numbers
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

__all__ = ["exact_number", "probability", "real_array", "same_precision", "whole_number"]


def exact_number(value: Any, name: str) -> Fraction:
    """Return a number as the fraction that its writer meant.

    Whole numbers, fractions, decimals and texts such as "0.1" or "1/3" are taken exactly. A float
    is taken as the shortest decimal that reads back as it, so that 0.1 is 1/10 and not
    0.1000000000000000055.

    Parameters
    ----------
    value : int, Fraction, Decimal, str or float
    name : str
        What to call it in an error.

    Returns
    -------
    Fraction

    Raises
    ------
    TypeError
        If it is none of these types.
    ValueError
        If it is NaN, infinite, or a text that is not a number.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(
        value, (numbers.Rational, Decimal, str, float, np.floating, np.integer)
    ):
        raise TypeError(f"{name} is a {type(value).__name__}; expected a real number.")
    if isinstance(value, (float, np.floating, Decimal)) and not math.isfinite(value):
        raise ValueError(f"{name} is {value}; expected a finite number.")
    if isinstance(value, (float, np.floating)):
        # float32(0.1) is written "0.1" too, where repr() of the NumPy scalar names its type.
        return Fraction(str(value))
    if isinstance(value, np.integer):
        return Fraction(int(value))
    try:
        return Fraction(value)
    except (ValueError, ZeroDivisionError):
        raise ValueError(
            f"{name} is {value!r}; expected a number such as 0.1, '0.1' or '1/3'."
        ) from None


def whole_number(value: Any, name: str, minimum: int) -> int:
    """Return a whole number of at least `minimum` as an int.

    Raises
    ------
    TypeError
        If it is not an integer.
    ValueError
        If it is too small.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} is {value!r}; expected a whole number.")
    if value < minimum:
        raise ValueError(f"{name} is {value}; expected at least {minimum}.")
    return int(value)


def probability(value: Any, name: str) -> float:
    """Return a probability below 1 as a float.

    Raises
    ------
    TypeError
        If it is not a real number.
    ValueError
        If it is not in [0, 1).
    """
    number = float(exact_number(value, name))
    if not 0 <= number < 1:
        raise ValueError(f"{name} is {value}; expected a probability from 0 to below 1.")
    return number


def real_array(value: Any, name: str, ndim: int | None = None) -> np.ndarray:
    """Return finite real numbers as an array of float64, or of float32 where they are float32.

    Parameters
    ----------
    value : array_like
    name : str
        What to call it in an error.
    ndim : int, optional
        The number of axes it must have; an array that has axes may not be empty.

    Raises
    ------
    TypeError
        If it does not hold real numbers.
    ValueError
        If it is ragged, empty, has another number of axes, or holds NaN or infinity.
    """
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(f"{name} is ragged; expected rows of equal length.") from None
    if array.dtype.kind not in "fiu" and array.size:
        if array.dtype.kind != "O" or not all(
            isinstance(each, (numbers.Real, Decimal)) for each in array.flat
        ):
            raise TypeError(f"{name} has dtype {array.dtype}; expected real numbers.")
        array = array.astype(np.float64)
    if ndim is not None and array.ndim != ndim:
        kinds = {0: "a number", 1: "a vector", 2: "a matrix"}
        raise ValueError(f"{name} has shape {array.shape}; expected {kinds[ndim]}.")
    if array.size == 0:
        raise ValueError(f"{name} is empty, of shape {array.shape}; expected at least one number.")
    if array.dtype != np.float32:
        array = array.astype(np.float64)
    if not np.all(np.isfinite(array)):
        raise ValueError(f"{name} holds NaN or infinity; expected finite numbers.")
    return array


def same_precision(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the arrays in float32 if all are, else all in float64."""
    dtype = np.result_type(*(array.dtype for array in arrays))
    return tuple(array.astype(dtype, copy=False) for array in arrays)
