"""Critical points of linear networks: their classes, ways down from saddles, a global condition.

Berkeley CS 189, Homework 6, §2 (e), (f).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from chainrule.theory.linear_networks import (
    checked_network,
    is_global_minimizer,
    linear_network_global_minimum,
    linear_network_gradients,
    linear_network_hessian,
    linear_network_loss,
    partial_products,
    product_gradient,
    widths_of,
)

__all__ = [
    "CriticalPoint",
    "Descent",
    "SufficientCondition",
    "classify_critical_point",
    "sufficient_condition",
]


@dataclass(frozen=True, eq=False)
class Descent:
    """A straight way down from a critical point: R(W + tD) = R(W) + c t^order + …, c < 0, t > 0.

    Attributes
    ----------
    direction : list of array
        D, one matrix for each layer, of norm 1 together.
    order : int
        The first power of t that does not vanish.
    coefficient : float
        c.
    step, loss : float
        A t > 0, and the loss there, which is lower than at the point.
    """

    direction: list[np.ndarray]
    order: int
    coefficient: float
    step: float
    loss: float


@dataclass(frozen=True, eq=False)
class CriticalPoint:
    """What kind of point it is, with the numbers that decide it.

    Attributes
    ----------
    kind : str
        "not critical", "global minimum", "strict saddle" (the Hessian has a negative eigenvalue),
        "degenerate saddle" (it has none), or "non-global critical point" where neither is shown.
    loss, optimum : float
    gradient_norm : float
        Norm of all layers' gradients together.
    eigenvalues : array of shape (N,)
        Of the Hessian, ascending.
    descent : Descent or None
        A way down, where one was found.
    """

    kind: str
    loss: float
    optimum: float
    gradient_norm: float
    eigenvalues: np.ndarray
    descent: Descent | None


def classify_critical_point(
    weights: Sequence[Any], X: Any, Y: Any, tol: float = 1e-9
) -> CriticalPoint:
    """Say whether weights are a global minimum, a saddle, or not critical at all.

    The loss decides what is global. A negative eigenvalue of the Hessian makes a strict saddle.
    Without one the point may still be a saddle: an explicit way down is sought among directions
    that change all layers at once. Where the network has no bottleneck, every critical point that
    is not global is a saddle (Laurent and von Brecht, "Deep linear networks with arbitrary loss:
    all local minima are global", ICML 2018), so it is called one even if no way down was found.

    Parameters
    ----------
    weights : sequence of array_like
        W_1, …, W_L.
    X : array_like of shape (n, d)
    Y : array_like of shape (n, p)
    tol : float
        Relative tolerance, of the gradient, the loss and the eigenvalues.

    Returns
    -------
    CriticalPoint

    Raises
    ------
    ValueError, TypeError
        Shapes that do not fit, or data that is not finite and real.

    Examples
    --------
    >>> import numpy as np
    >>> zero = classify_critical_point([np.zeros((2, 2))] * 3, np.eye(2), np.diag([2.0, 1.0]))
    >>> zero.kind, zero.descent.order
    ('degenerate saddle', 3)
    """
    Ws, X, Y = checked_network(weights, X, Y)
    loss = linear_network_loss(Ws, X, Y)
    dims = widths_of(Ws)
    optimum = linear_network_global_minimum(X, Y, dims).loss
    gradients = linear_network_gradients(Ws, X, Y)
    norm = float(np.sqrt(sum(np.sum(g**2) for g in gradients)))
    values, vectors = np.linalg.eigh(linear_network_hessian(Ws, X, Y))

    def found(kind: str, descent: Descent | None = None) -> CriticalPoint:
        return CriticalPoint(kind, loss, optimum, norm, values, descent)

    scale = float(np.linalg.norm(X, 2) * np.linalg.norm(Y)) or 1.0
    if norm > tol * scale * max(1.0, *(float(np.linalg.norm(W, 2)) for W in Ws)):
        return found("not critical")
    if is_global_minimizer(Ws, X, Y, tol):
        return found("global minimum")
    if values[0] < -tol * max(scale, float(np.abs(values).max())):
        return found("strict saddle", _descend(Ws, X, Y, _split(vectors[:, 0], Ws), loss))
    descent = _way_down(Ws, X, Y, loss)
    if descent is None and min(dims) < min(dims[0], dims[-1]):
        return found("non-global critical point")
    return found("degenerate saddle", descent)


class SufficientCondition(NamedTuple):
    """Which layers see an invertible network on both sides, and the bounds that follow.

    Attributes
    ----------
    all_invertible : bool
        Whether every W_i is invertible.
    layer : int or None
        A layer i (from 1) for which W̄_(L:i+1) and W̄_(i−1:1) are invertible, if there is one.
    bounds : tuple of float
        For each layer, ‖∂R/∂W_i‖_F / (σ_min(W̄_(L:i+1)) σ_min(W̄_(i−1:1))): no less than
        ‖W̄XᵀX − YᵀX‖_F; infinite where a side is singular.
    gradient : float
        ‖W̄XᵀX − YᵀX‖_F.
    """

    all_invertible: bool
    layer: int | None
    bounds: tuple[float, ...]
    gradient: float


def sufficient_condition(
    weights: Sequence[Any], X: Any, Y: Any, rtol: float = 1e-12
) -> SufficientCondition:
    """Conditions under which a critical point with square layers is a global minimum.

    Enough: every W_i is invertible. Sharper: for one i the layers above it have an invertible
    product and so have those below, that is, all layers but one are invertible. Then
    W̄_(L:i+1)ᵀ G W̄_(i−1:1)ᵀ = 0 gives G = W̄XᵀX − YᵀX = 0. Neither is necessary.

    Parameters
    ----------
    weights : sequence of array_like of shape (d, d)
    X, Y : array_like of shape (n, d)
    rtol : float
        A product is invertible if σ_min > rtol · σ_max.

    Returns
    -------
    SufficientCondition

    Raises
    ------
    ValueError, TypeError
        A layer that is not square, shapes that do not fit, data that is not finite and real.
    """
    Ws, X, Y = checked_network(weights, X, Y)
    if len(set(widths_of(Ws))) != 1:
        raise ValueError(
            f"The layers have the widths {widths_of(Ws)}; expected square layers of one width."
        )
    G = product_gradient(_chain(Ws), X, Y)
    below, above = partial_products(Ws)
    bounds = []
    for A, B, g in zip(above, below, linear_network_gradients(Ws, X, Y), strict=True):
        smallest = _smallest(A, rtol) * _smallest(B, rtol)
        bounds.append(float(np.linalg.norm(g)) / smallest if smallest else np.inf)
    layer = next((i for i, bound in enumerate(bounds, start=1) if np.isfinite(bound)), None)
    return SufficientCondition(
        all(_smallest(W, rtol) > 0 for W in Ws), layer, tuple(bounds), float(np.linalg.norm(G))
    )


def _smallest(A: np.ndarray, rtol: float) -> float:
    """The smallest singular value, 0 if it is negligible."""
    values = np.linalg.svd(A, compute_uv=False)
    return float(values[-1]) if values[-1] > rtol * values[0] else 0.0


def _chain(Ws: Sequence[np.ndarray]) -> np.ndarray:
    below, _ = partial_products(Ws)
    return Ws[-1] @ below[-1]


def _split(vector: np.ndarray, Ws: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Cut a vector of all weights into the layers' matrices."""
    parts = np.split(vector, np.cumsum([W.size for W in Ws])[:-1])
    return [part.reshape(W.shape) for part, W in zip(parts, Ws, strict=True)]


def _way_down(Ws: list[np.ndarray], X: Any, Y: Any, loss: float) -> Descent | None:
    """A way down from a point whose Hessian has no negative eigenvalue.

    Rank-one changes u zᵀ, z z'ᵀ, …, z vᵀ of all layers, with u and v from the gradient by W̄ and
    the z in the kernels of the layers, change W̄ by t^L u vᵀ and nothing of lower order.
    """
    U, _, Vt = np.linalg.svd(-product_gradient(_chain(Ws), X, Y))
    count = min(len(U), len(Vt))
    inner = [_kernel(A, B) for A, B in itertools.pairwise(Ws)]
    if all(len(kernel) for kernel in inner):
        for i in range(count):
            ends = [Vt[i], *(kernel[0] for kernel in inner), U[:, i]]
            direction = [np.outer(b, a) for a, b in itertools.pairwise(ends)]
            descent = _descend(Ws, X, Y, direction, loss)
            if descent is not None:
                return descent
    rng = np.random.default_rng(0)
    for _ in range(200):
        direction = [rng.normal(size=W.shape) for W in Ws]
        descent = _descend(Ws, X, Y, direction, loss)
        if descent is not None:
            return descent
    return None


def _kernel(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """An orthonormal basis, as rows, of the vectors z with Aᵀz = 0 and Bz = 0."""
    _, values, Vt = np.linalg.svd(np.vstack([A.T, B]))
    rank = int(np.sum(values > 1e-9 * max(values[0], 1.0)))
    return Vt[rank:]


def _descend(
    Ws: list[np.ndarray], X: Any, Y: Any, direction: list[np.ndarray], loss: float
) -> Descent | None:
    """The way along ± a direction if it goes down, judged by the powers of t in the loss."""
    size = np.sqrt(sum(np.sum(D**2) for D in direction))
    D = [part / size for part in direction]
    powers = _powers(Ws, D, X, Y)
    scale = np.abs(powers).max()
    order = next((k for k in range(1, len(powers)) if abs(powers[k]) > 1e-9 * scale), None)
    if order is None or (powers[order] > 0 and order % 2 == 0):
        return None
    if powers[order] > 0:
        D, powers = [-part for part in D], powers * (-1.0) ** np.arange(len(powers))
    for step in 0.5 ** np.arange(0, 40):
        there = linear_network_loss([W + step * d for W, d in zip(Ws, D, strict=True)], X, Y)
        if there < loss - 1e-13 * max(loss, 1.0):
            return Descent(D, order, float(powers[order]), float(step), there)
    return None


def _powers(Ws: list[np.ndarray], D: list[np.ndarray], X: Any, Y: Any) -> np.ndarray:
    """The coefficients of t^0, t^1, … in R(W + tD)."""
    product = [np.eye(Ws[0].shape[1])]
    for W, d in zip(Ws, D, strict=True):
        longer = [W @ product[0]]
        longer += [W @ b + d @ a for a, b in itertools.pairwise(product)]
        product = [*longer, d @ product[-1]]
    errors = np.stack([(X @ P.T).ravel() for P in product])
    errors[0] -= np.asarray(Y).ravel()
    powers = np.zeros(2 * len(errors) - 1)
    for i, row in enumerate(0.5 * errors @ errors.T):
        powers[i : i + len(row)] += row
    return powers
