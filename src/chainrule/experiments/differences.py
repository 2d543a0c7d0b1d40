"""Numerical derivatives of small functions, to hold against the engine and against formulas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["central_differences", "complex_step", "one_sided_differences"]


def central_differences(f: Callable[[Any], Any], x: Any, step: float = 1e-6) -> np.ndarray:
    """The Jacobian of ``f`` at ``x`` by (f(x + h) − f(x − h)) / 2h for each entry of ``x``.

    Parameters
    ----------
    f : callable
        Of one array, with an array or a number as result.
    x : array_like
    step : float
        h. Truncation takes about h² |f‴|/6, rounding about 1e-16 |f| / h.

    Returns
    -------
    array of shape (*shape of f(x), *shape of x)
    """
    return _columns(x, lambda e: (np.asarray(f(x + step * e)) - f(x - step * e)) / (2 * step))


def one_sided_differences(
    f: Callable[[Any], Any], x: Any, step: float = 1e-6
) -> tuple[np.ndarray, np.ndarray]:
    """Left and right difference quotients, which differ where ``f`` has a kink."""
    here = np.asarray(f(x))
    left = _columns(x, lambda e: (here - f(x - step * e)) / step)
    return left, _columns(x, lambda e: (np.asarray(f(x + step * e)) - here) / step)


def complex_step(f: Callable[[Any], Any], x: Any, step: float = 1e-30) -> np.ndarray:
    """The Jacobian of ``f`` at ``x`` by Im f(x + ih) / h, exact to rounding.

    Nothing is subtracted, so that h may be tiny; ``f`` must be analytic and take complex numbers
    (Squire & Trapp 1998). Parameters and result are those of `central_differences`.
    """
    with np.errstate(under="ignore"):
        return _columns(x, lambda e: np.imag(f(x + 1j * step * e)) / step)


def _columns(x: Any, quotient: Callable[[np.ndarray], Any]) -> np.ndarray:
    """One quotient per entry of ``x``, the entries' axes last."""
    x = np.asarray(x, dtype=float)
    columns = []
    for index in np.ndindex(x.shape):
        direction = np.zeros(x.shape)
        direction[index] = 1.0
        columns.append(np.asarray(quotient(direction)))
    result = columns[0].shape
    return np.moveaxis(np.reshape(columns, (*x.shape, *result)), range(x.ndim), range(-x.ndim, 0))
