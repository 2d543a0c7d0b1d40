"""Least absolute deviations: the ℓ1 loss, its minimum by linear programming with a certificate.

NYU Deep Learning, fall 2023, Problem 2. X has one row for each of n samples (with a column of ones
for an intercept), w has d entries, y has n, and the loss is ‖Xw − y‖₁. Koenker and Bassett,
"Regression quantiles", Econometrica 46 (1978), is the standard account.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.theory.inputs import real_array, same_precision

__all__ = ["L1Fit", "l1_loss", "l1_regression", "l1_subgradient", "weighted_median"]


def l1_loss(w: Any, X: Any, y: Any) -> float:
    """‖Xw − y‖₁ = Σ_i |x_i·w − y_i|.

    Parameters
    ----------
    w : array_like of shape (d,)
    X : array_like of shape (n, d)
    y : array_like of shape (n,)

    Returns
    -------
    float

    Raises
    ------
    ValueError, TypeError
        Shapes that do not fit, or data that is not finite and real.
    """
    w, X, y = _checked(w, X, y)
    return float(np.sum(np.abs(X @ w - y)))


def l1_subgradient(w: Any, X: Any, y: Any) -> np.ndarray:
    """Xᵀ sign(Xw − y), with sign(0) = 0: one subgradient of the ℓ1 loss.

    Where no residual is 0 it is the gradient. Elsewhere every Xᵀs with s_i = sign(residual) or, at
    a residual of 0, s_i in [−1, 1], is a subgradient; w is a minimum if one of them is 0.

    Parameters
    ----------
    w : array_like of shape (d,)
    X : array_like of shape (n, d)
    y : array_like of shape (n,)

    Returns
    -------
    array of shape (d,)

    Raises
    ------
    ValueError, TypeError
        As `l1_loss`.
    """
    w, X, y = _checked(w, X, y)
    return X.T @ np.sign(X @ w - y)


@dataclass(frozen=True, eq=False)
class L1Fit:
    """A minimiser of ‖Xw − y‖₁ and the dual solution that proves it is one.

    Attributes
    ----------
    w : array of shape (d,)
        One minimiser; there may be others with the same loss.
    loss : float
    dual : array of shape (n,)
        u with Xᵀu = 0 and |u_i| ≤ 1, whatever the solver returned. For every w,
        ‖Xw − y‖₁ ≥ u·(y − Xw) = u·y.
    bound : float
        u·y, a lower bound on every loss.
    gap : float
        loss − bound, at least 0 up to rounding; 0 proves optimality.
    """

    w: np.ndarray
    loss: float
    dual: np.ndarray
    bound: float
    gap: float


def l1_regression(X: Any, y: Any) -> L1Fit:
    """Minimise ‖Xw − y‖₁, with a certificate.

    The linear program is min Σ t_i subject to −t ≤ Xw − y ≤ t; its dual is max u·y subject to
    Xᵀu = 0, ‖u‖_∞ ≤ 1. The solver's dual is projected onto Xᵀu = 0 and scaled into the box, so the
    bound holds even where the solver was inexact.

    Parameters
    ----------
    X : array_like of shape (n, d)
        Any rank.
    y : array_like of shape (n,)

    Returns
    -------
    L1Fit

    Raises
    ------
    ValueError, TypeError
        Shapes that do not fit, or data that is not finite and real.

    Examples
    --------
    >>> fit = l1_regression([[1, 0], [1, 1], [1, 2], [1, 3], [1, 4]], [1, 3, 5, 7, 100])
    >>> fit.w.round(9).tolist(), round(fit.loss, 9), round(fit.bound, 9)
    ([1.0, 2.0], 91.0, 91.0)
    """
    from scipy.optimize import linprog

    X, y = real_array(X, "X", 2), real_array(y, "y", 1)
    _, X, y = _checked(np.zeros(X.shape[1]), X, y)
    n, d = X.shape
    # Columns of one size, for the solver's absolute tolerances.
    columns = np.where((size := np.max(np.abs(X), axis=0)) > 0, size, 1.0)
    scale = float(np.max(np.abs(y))) or 1.0
    rows = np.hstack([X / columns, np.eye(n), -np.eye(n)])
    found = linprog(
        np.concatenate([np.zeros(d), np.ones(2 * n)]),
        A_eq=rows,
        b_eq=y / scale,
        bounds=[(None, None)] * d + [(0, None)] * (2 * n),
        method="highs-ds",
    )
    if found.status != 0:
        raise ValueError(f"The linear program of X, of shape {X.shape}, failed: {found.message}")
    w = found.x[:d] * scale / columns
    u = found.eqlin.marginals
    u = u - X @ np.linalg.lstsq(X, u, rcond=None)[0]
    u = u / max(1.0, float(np.max(np.abs(u))))
    loss, bound = l1_loss(w, X, y), float(u @ y)
    return L1Fit(w, loss, u, bound, loss - bound)


def weighted_median(values: Any, weights: Any = None) -> tuple[float, float]:
    """All minimisers of Σ_i a_i |m − v_i|: the ends of the interval that they form.

    For one input without intercept, the ℓ1 fit to y_i ≈ m x_i is the weighted median of the ratios
    y_i/x_i with the weights |x_i|, samples with x_i = 0 left out; for X = 1 it is the median.

    Parameters
    ----------
    values : array_like of shape (n,)
    weights : array_like of shape (n,), optional
        Not negative and not all 0; all 1 if not given.

    Returns
    -------
    (low, high) : float
        Equal where the median is unique.

    Raises
    ------
    ValueError, TypeError
        Different lengths, a negative weight, no positive weight, or a number that is not finite.

    Examples
    --------
    >>> weighted_median([1, 2, 10, 11])
    (2.0, 10.0)
    """
    v = real_array(values, "values", 1)
    a = np.ones(len(v)) if weights is None else real_array(weights, "weights", 1)
    if v.shape != a.shape:
        raise ValueError(
            f"values has shape {v.shape} and weights has shape {a.shape}; expected equally many."
        )
    if np.any(a < 0) or not np.any(a > 0):
        raise ValueError("weights must not be negative, and at least one must be positive.")
    order = np.argsort(v[a > 0], kind="stable")
    v, a = v[a > 0][order], a[a > 0][order]
    below, total = np.cumsum(a), float(np.sum(a))
    low = int(np.searchsorted(below, total / 2 * (1 - 1e-15)))
    # Where exactly half of the weight lies below, every point up to the next value is a minimum.
    tie = bool(np.isclose(below[low], total / 2, rtol=1e-15, atol=0)) and low + 1 < len(v)
    return float(v[low]), float(v[low + tie])


def _checked(w: Any, X: Any, y: Any) -> tuple[np.ndarray, ...]:
    w, X, y = same_precision(real_array(w, "w", 1), real_array(X, "X", 2), real_array(y, "y", 1))
    if X.shape != (len(y), len(w)):
        raise ValueError(
            f"X has shape {X.shape}, w has shape {w.shape} and y has shape {y.shape}; expected X "
            f"of shape {(len(y), len(w))}."
        )
    return w, X, y
