"""Dropout of one layer as a regulariser: its exact expectation, and what second order makes of it.

"Deep Learning", Exercise 2 (November 2023), Problem 4. A layer h of d units becomes (1 + η) ⊙ h
with independent η_k = −1 (dropped, probability q) or q/(1−q). φ = ℓ ∘ F is the loss as a function
of the layer. Dropout is due to Srivastava et al., JMLR 15 (2014); that it is a ridge penalty for
linear models, to Wager, Wang and Liang, NeurIPS 2013.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.theory.inputs import probability, real_array, same_precision

__all__ = [
    "apply_dropout",
    "dropout_linear_penalty",
    "dropout_linear_regression",
    "dropout_noise",
    "dropout_noise_moment",
    "dropout_ratio_limit",
    "dropout_second_order",
    "exact_dropout_expectation",
]

#: Units whose masks `exact_dropout_expectation` enumerates at most.
UNITS = 20


def dropout_noise(q: float, shape: int | tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Draw η: −1 with probability q, else q/(1−q), so that E η = 0.

    Parameters
    ----------
    q : float
        Probability of dropping a unit, 0 ≤ q < 1.
    shape : int or tuple of int
    rng : Generator

    Returns
    -------
    array of that shape

    Raises
    ------
    ValueError
        q is not in [0, 1): at q = 1 nothing is left to scale up.
    """
    q = probability(q, "q")
    return np.where(rng.random(shape) < q, -1.0, q / (1 - q))


def apply_dropout(h: Any, q: float, rng: np.random.Generator) -> np.ndarray:
    """(1 + η) ⊙ h: each unit 0 with probability q, else h_k/(1 − q) (inverted dropout).

    Parameters
    ----------
    h : array_like of any shape
        Values of the units.
    q : float
        Probability of dropping a unit, 0 ≤ q < 1.
    rng : Generator

    Returns
    -------
    array of the shape and type of h

    Raises
    ------
    ValueError, TypeError
        q is not in [0, 1), or h is not finite and real.
    """
    h = real_array(h, "h")
    return ((1 + dropout_noise(q, h.shape, rng)) * h).astype(h.dtype)


def dropout_noise_moment(q: float, order: int) -> float:
    """E η^order = q (−1)^order + (1 − q)(q/(1−q))^order: 0, q/(1−q), q(2q−1)/(1−q)² for 1, 2, 3.

    Parameters
    ----------
    q : float
        Probability of dropping a unit, 0 ≤ q < 1.
    order : int
        At least 1.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        q is not in [0, 1).
    """
    q = probability(q, "q")
    return q * (-1.0) ** order + (1 - q) * (q / (1 - q)) ** order


def exact_dropout_expectation(loss: Callable[[np.ndarray], Any], h: Any, q: float) -> float:
    """E φ((1 + η) ⊙ h), by evaluating φ at all 2^d masks.

    Parameters
    ----------
    loss : callable
        φ, of an array of shape (d,), returning a number.
    h : array_like of shape (d,)
    q : float

    Returns
    -------
    float

    Raises
    ------
    ValueError
        q is not in [0, 1), or d is too large to enumerate; the message tells the number of masks.
    """
    h, q = real_array(h, "h", 1), probability(q, "q")
    if len(h) > UNITS:
        raise ValueError(
            f"h has {len(h)} units and 2^{len(h)} masks; expected at most {UNITS} units. Average "
            "over draws of apply_dropout instead."
        )
    total = 0.0
    for mask in range(2 ** len(h)):
        kept = np.array([mask >> k & 1 for k in range(len(h))], dtype=h.dtype)
        weight = q ** (len(h) - kept.sum()) * (1 - q) ** kept.sum()
        if weight:
            total += float(weight) * float(loss(kept / (1 - q) * h))
    return total


def dropout_second_order(loss: Callable[[Any], Any], h: Any, q: float) -> float:
    """½ q/(1−q) Σ_k H_kk h_k², H = ∇²φ(h): the second-order term of E φ((1 + η) ⊙ h) − φ(h).

    It is exact for quadratic φ and every q, and accurate where φ is nearly quadratic between the
    dropped and the scaled value of each unit, that is, for small h. It is not exact in the limit
    q → 0; see `dropout_ratio_limit`. For networks of ReLUs it is 0 almost everywhere.

    Parameters
    ----------
    loss : callable
        φ, of an array of shape (d,), written in NumPy; the engine differentiates it.
    h : array_like of shape (d,)
    q : float

    Returns
    -------
    float

    Raises
    ------
    ValueError
        q is not in [0, 1), or h is not a finite vector.
    """
    h, q = real_array(h, "h", 1), probability(q, "q")
    return 0.5 * q / (1 - q) * float(curvatures(loss, h) @ h**2)


def curvatures(loss: Callable[[Any], Any], h: np.ndarray) -> np.ndarray:
    """The diagonal of ∇²φ(h), from d Hessian-vector products."""
    import chainrule as cr

    def entry(k: int) -> float:
        unit = np.zeros_like(h)
        unit[k] = 1
        return float(cr.hvp(loss, h, unit)[k])

    return np.array([entry(k) for k in range(len(h))])


def dropout_ratio_limit(loss: Callable[[Any], Any], h: Any) -> float:
    """The limit, as q → 0, of E φ((1 + η) ⊙ h) − φ(h) relative to its second-order term.

    To first order in q, one unit is dropped or all are scaled up a little, so the limit is
    Σ_k [φ(h − h_k e_k) − φ(h) + h_k ∂_k φ(h)] / (½ Σ_k H_kk h_k²). It is 1 for quadratic φ, and not
    in general.

    Parameters
    ----------
    loss : callable
        φ, of an array of shape (d,), written in NumPy; the engine differentiates it.
    h : array_like of shape (d,)

    Returns
    -------
    float
        Infinite or NaN where the second-order term is 0.

    Raises
    ------
    ValueError
        h is not a finite vector.
    """
    import chainrule as cr

    h = real_array(h, "h", 1)
    base, slope = float(loss(h)), np.asarray(cr.grad(loss)(h))
    dropped = [float(loss(np.where(np.arange(len(h)) == k, 0, h))) for k in range(len(h))]
    exact = sum(value - base for value in dropped) + float(slope @ h)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.float64(exact) / (0.5 * float(curvatures(loss, h) @ h**2)))


def dropout_linear_penalty(W: Any, X: Any, q: float) -> float:
    """q/(1−q) Σ_i Σ_k x_ik² ‖W_:k‖²: what dropout of the inputs adds to Σ_i ‖Wx_i − y_i‖².

    Exact for every q: a ridge penalty weighted by the data, q/(1−q) tr(W diag(XᵀX) Wᵀ), that does
    not change when an input is rescaled and its weights inversely.

    Parameters
    ----------
    W : array_like of shape (p, d)
    X : array_like of shape (n, d) or (d,)
    q : float

    Returns
    -------
    float

    Raises
    ------
    ValueError, TypeError
        q is not in [0, 1), shapes that do not fit, or data that is not finite and real.

    Examples
    --------
    >>> dropout_linear_penalty([[0.5, -1.0]], [1.0, 2.0], 0.5)
    4.25
    """
    q = probability(q, "q")
    W, X = same_precision(real_array(W, "W", 2), real_array(np.atleast_2d(X), "X", 2))
    if W.shape[1] != X.shape[1]:
        raise ValueError(
            f"W has shape {W.shape} and X has shape {X.shape}; expected equally many columns."
        )
    return q / (1 - q) * float(np.sum(X**2, axis=0) @ np.sum(W**2, axis=0))


def dropout_linear_regression(X: Any, Y: Any, q: float) -> np.ndarray:
    """The W that minimises E Σ_i ‖W((1 + η_i) ⊙ x_i) − y_i‖²: a ridge regression.

    W = YᵀX (XᵀX + q/(1−q) diag(XᵀX))⁻¹.

    Parameters
    ----------
    X : array_like of shape (n, d)
    Y : array_like of shape (n, p)
    q : float

    Returns
    -------
    array of shape (p, d)

    Raises
    ------
    ValueError, TypeError
        q is not in [0, 1), shapes that do not fit, data that is not finite and real; also where
        the matrix is singular: XᵀX with q = 0, or a column of zeros in X with any q.
    """
    q = probability(q, "q")
    X, Y = same_precision(real_array(X, "X", 2), real_array(Y, "Y", 2))
    if len(X) != len(Y):
        raise ValueError(
            f"X has shape {X.shape} and Y has shape {Y.shape}; expected equally many rows."
        )
    gram = X.T @ X
    if not np.all(np.diag(gram) > 0):
        column = int(np.argmin(np.diag(gram)))
        raise ValueError(
            f"Column {column} of X is 0 in all {len(X)} rows, so its weights are not determined; "
            "leave the column out."
        )
    # Scaled to a unit diagonal, so that the rank does not depend on the units of the inputs.
    scale = np.sqrt(np.diag(gram))
    system = gram / np.outer(scale, scale) + q / (1 - q) * np.eye(len(gram), dtype=gram.dtype)
    if np.linalg.matrix_rank(system, hermitian=True) < len(system):
        raise ValueError(
            f"XᵀX is singular: {X.shape[1]} inputs, of which only "
            f"{np.linalg.matrix_rank(X)} are independent in {len(X)} rows. Choose q > 0, or leave "
            "inputs out."
        )
    return (np.linalg.solve(system, (X / scale).T @ Y) / scale[:, None]).T
