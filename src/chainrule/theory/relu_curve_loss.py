"""The squared loss of a curve of ReLUs on data, and its gradient by all parameters.

NYU Deep Learning, fall 2023, Problem 3 (b): L(θ) = Σ_i (y_i − f(x_i, θ))².
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.theory.inputs import real_array
from chainrule.theory.relu_curves import ReluCurve

__all__ = ["squared_loss", "squared_loss_gradient"]


def squared_loss(curve: ReluCurve, x: Any, y: Any) -> float:
    """Σ_i (y_i − f(x_i, θ))².

    Parameters
    ----------
    curve : ReluCurve
        θ.
    x, y : array_like of shape (n,)

    Returns
    -------
    float

    Raises
    ------
    ValueError, TypeError
        Different lengths, no data, or numbers that are not finite and real.
    """
    x, y = _checked(x, y)
    return float(sum((b - curve(float(a))) ** 2 for a, b in zip(x, y, strict=True)))


def squared_loss_gradient(curve: ReluCurve, x: Any, y: Any) -> ReluCurve:
    """∇L = −2 Σ_i (y_i − f(x_i, θ)) ∇f(x_i, θ), as a curve that holds the derivatives.

    Parameters
    ----------
    curve : ReluCurve
        θ.
    x, y : array_like of shape (n,)

    Returns
    -------
    ReluCurve
        Each derivative in the place of its parameter.

    Raises
    ------
    ValueError, TypeError
        As `squared_loss`.
    """
    x, y = _checked(x, y)
    total = np.zeros_like(curve.flat())
    for a, b in zip(x, y, strict=True):
        total -= 2 * (b - curve(float(a))) * curve.gradient(float(a)).flat()
    n = len(curve.W_H)
    return ReluCurve.of(total[:n], total[n : 2 * n], total[2 * n : 3 * n], float(total[-1]))


def _checked(x: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    x, y = real_array(x, "x", 1), real_array(y, "y", 1)
    if len(x) != len(y):
        raise ValueError(f"x has {len(x)} numbers and y has {len(y)}; expected equally many.")
    return x, y
