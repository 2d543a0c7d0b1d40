"""The gradient of ‖x‖², and the point with the least sum of squared distances to given points.

NYU Deep Learning, fall 2023, Problem 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.theory.inputs import real_array

__all__ = [
    "grad_squared_norm",
    "hessian_of_squared_distances",
    "minimiser_of_squared_distances",
    "sum_of_squared_distances",
]


def grad_squared_norm(x: Any) -> np.ndarray:
    """The gradient of f(x) = ‖x‖₂² = Σ x_i², which is 2x.

    Not that of ‖x‖₂, which is x/‖x‖ and does not exist at 0.

    Parameters
    ----------
    x : array_like of shape (d,)

    Returns
    -------
    array of shape (d,)

    Raises
    ------
    ValueError
        ``x`` is no vector, empty, or not finite.
    """
    return 2 * real_array(x, "x", 1)


def sum_of_squared_distances(points: Any, mu: Any) -> float:
    """Σ_i ‖x_i − μ‖².

    Parameters
    ----------
    points : array_like of shape (n, d)
        The rows are x_1, …, x_n.
    mu : array_like of shape (d,)

    Returns
    -------
    float

    Raises
    ------
    ValueError, TypeError
        Shapes that do not fit, or numbers that are not finite and real.
    """
    points, mu = real_array(points, "points", 2), real_array(mu, "mu", 1)
    if mu.shape != points.shape[1:]:
        raise ValueError(
            f"mu has shape {mu.shape} and points {points.shape}; expected mu of shape "
            f"{points.shape[1:]}."
        )
    return float(np.sum((points - mu) ** 2))


def minimiser_of_squared_distances(points: Any) -> np.ndarray:
    """The μ that minimises Σ_i ‖x_i − μ‖²: the mean of the points.

    The gradient −2 Σ (x_i − μ) vanishes only there, and Σ‖x_i − μ‖² = Σ‖x_i − x̄‖² + n‖x̄ − μ‖² for
    every μ shows that it is the only minimum.

    Parameters
    ----------
    points : array_like of shape (n, d)

    Returns
    -------
    array of shape (d,)

    Raises
    ------
    ValueError
        There is no point, ``points`` is no matrix, or it is not finite.

    Examples
    --------
    >>> minimiser_of_squared_distances([[1, 2], [3, 4], [5, 9]])
    array([3., 5.])
    """
    return np.mean(real_array(points, "points", 2), axis=0)


def hessian_of_squared_distances(n: int, d: int) -> np.ndarray:
    """The second derivatives of Σ_i ‖x_i − μ‖² by μ: 2n on the diagonal, positive definite.

    Parameters
    ----------
    n : int
        Number of points.
    d : int
        Number of their coordinates.

    Returns
    -------
    array of shape (d, d)
    """
    return 2.0 * n * np.eye(d)
