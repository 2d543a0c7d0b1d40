"""Linear networks f(x) = W_L … W_1 x: capacity, loss, derivatives and the global minimum.

Berkeley CS 189, Homework 6, §2. The loss is R = ½ Σ_i ‖f(x_i) − y_i‖² = ½ ‖W̄Xᵀ − Yᵀ‖_F², with
factor ½ and no mean; X has the inputs x_i as rows, Y the outputs, and W̄ = W_L … W_1. Everything
here is written from the formulas; nothing calls the engine.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from chainrule.theory.inputs import real_array, same_precision, whole_number

__all__ = [
    "GlobalMinimum",
    "balancedness",
    "best_error_of_rank",
    "factorize_linear_network",
    "is_global_minimizer",
    "linear_network_global_minimum",
    "linear_network_gradients",
    "linear_network_hessian",
    "linear_network_loss",
    "linear_network_product",
    "product_gradient",
]


def factorize_linear_network(
    W0: Any, dims: Sequence[int], balanced: bool = True, rtol: float | None = None
) -> list[np.ndarray]:
    """Weights W_1, …, W_L of the given layer widths whose product W_L … W_1 is W0.

    They exist exactly if rank(W0) ≤ min d_i. With W0 = UΣVᵀ of rank r, and S = Σ_r^(1/L):
    W_1 = [S V_rᵀ; 0], the middle layers [S 0; 0 0], W_L = [U_r S, 0].

    Parameters
    ----------
    W0 : array_like of shape (p, d)
    dims : sequence of int
        d_0 = d, d_1, …, d_L = p.
    balanced : bool
        Whether every layer takes the same part of Σ, so that W_(i+1)ᵀ W_(i+1) = W_i W_iᵀ; else the
        first layer takes all of it.
    rtol : float, optional
        Singular values of at most rtol · σ_1 count as 0; max(p, d) · eps if not given.

    Returns
    -------
    list of array, W_i of shape (d_i, d_(i−1))

    Raises
    ------
    ValueError
        rank(W0) > min d_i: the message tells the error of the best product there is,
        √(Σ_{i > min d} σ_i²) (Eckart and Young, 1936). Also widths that do not fit W0.

    Examples
    --------
    >>> W1, W2 = factorize_linear_network([[4.0, 0.0], [0.0, 0.0]], (2, 1, 2))
    >>> (W2 @ W1).tolist()
    [[4.0, 0.0], [0.0, 0.0]]
    """
    W0 = real_array(W0, "W0", 2)
    dims = _widths(dims)
    if (dims[-1], dims[0]) != W0.shape:
        raise ValueError(
            f"W0 has shape {W0.shape} and dims begins with {dims[0]} and ends with {dims[-1]}; "
            f"expected dims from {W0.shape[1]} to {W0.shape[0]}."
        )
    if len(dims) == 2:
        return [W0.copy()]
    U, values, Vt = np.linalg.svd(W0, full_matrices=False)
    tolerance = max(W0.shape) * np.finfo(W0.dtype).eps if rtol is None else rtol
    rank = int(np.sum(values > tolerance * values[0]))
    if rank > min(dims):
        raise ValueError(
            f"W0 has rank {rank} and dims {dims} allow rank {min(dims)}; the product closest to W0 "
            f"is {best_error_of_rank(W0, min(dims)):.6g} away from it."
        )
    layers = len(dims) - 1
    shares = [1 / layers] * layers if balanced else [1.0] + [0.0] * (layers - 1)
    weights = []
    for i, share in enumerate(shares):
        W = np.zeros((dims[i + 1], dims[i]), dtype=W0.dtype)
        W[:rank, :rank] = np.diag(values[:rank] ** share)
        if i == 0:
            W[:rank] = W[:rank, :rank] @ Vt[:rank]
        if i == layers - 1:
            W[:, :rank] = U[:, :rank] @ W[:rank, :rank]
        weights.append(W)
    return weights


def best_error_of_rank(W0: Any, rank: int) -> float:
    """√(Σ_{i > rank} σ_i²): the Frobenius distance of W0 from the nearest matrix of that rank.

    The theorem is Eckart and Young's (Psychometrika 1, 1936).

    Parameters
    ----------
    W0 : array_like of shape (p, d)
    rank : int
        At least 0.

    Returns
    -------
    float

    Raises
    ------
    ValueError, TypeError
        W0 is no finite real matrix, or the rank no whole number from 0.
    """
    values = np.linalg.svd(real_array(W0, "W0", 2), compute_uv=False)
    return float(np.linalg.norm(values[whole_number(rank, "rank", 0) :]))


def balancedness(weights: Sequence[Any]) -> float:
    """max_i ‖W_(i+1)ᵀ W_(i+1) − W_i W_iᵀ‖_F, which gradient flow keeps constant layer by layer.

    Parameters
    ----------
    weights : sequence of array_like
        W_1, …, W_L, W_i of shape (d_i, d_(i−1)).

    Returns
    -------
    float
        0 for balanced weights, and for a single layer.

    Raises
    ------
    ValueError, TypeError
        No weights, shapes that do not follow one another, or entries that are not finite and real.
    """
    Ws = _weights(weights)
    return max(
        (float(np.linalg.norm(B.T @ B - A @ A.T)) for A, B in itertools.pairwise(Ws)),
        default=0.0,
    )


def linear_network_product(weights: Sequence[Any]) -> np.ndarray:
    """W̄ = W_L … W_1.

    Parameters
    ----------
    weights : sequence of array_like
        W_1, …, W_L, W_i of shape (d_i, d_(i−1)).

    Returns
    -------
    array of shape (p, d)

    Raises
    ------
    ValueError
        No weights, or shapes that do not follow one another.
    """
    return _product(_weights(weights))


def linear_network_loss(weights: Sequence[Any], X: Any, Y: Any) -> float:
    """R = ½ ‖W̄Xᵀ − Yᵀ‖_F².

    Parameters
    ----------
    weights : sequence of array_like
        W_1, …, W_L.
    X : array_like of shape (n, d)
    Y : array_like of shape (n, p)

    Returns
    -------
    float

    Raises
    ------
    ValueError, TypeError
        Shapes that do not fit, or data that is not finite and real.
    """
    Ws, X, Y = checked_network(weights, X, Y)
    return 0.5 * float(np.sum((X @ _product(Ws).T - Y) ** 2))


def product_gradient(W: Any, X: Any, Y: Any) -> np.ndarray:
    """∂Q/∂W̄ = (W̄Xᵀ − Yᵀ)X = W̄XᵀX − YᵀX for Q(W̄) = ½ ‖W̄Xᵀ − Yᵀ‖_F².

    Parameters
    ----------
    W : array_like of shape (p, d)
        The product W̄.
    X : array_like of shape (n, d)
    Y : array_like of shape (n, p)

    Returns
    -------
    array of shape (p, d)

    Raises
    ------
    ValueError, TypeError
        As `linear_network_loss`.
    """
    (W,), X, Y = checked_network([W], X, Y)
    return (X @ W.T - Y).T @ X


def linear_network_gradients(weights: Sequence[Any], X: Any, Y: Any) -> list[np.ndarray]:
    """∂R/∂W_i = W̄_(L:i+1)ᵀ (W̄Xᵀ − Yᵀ)X W̄_(i−1:1)ᵀ for every layer, of the shape of W_i.

    Parameters
    ----------
    weights : sequence of array_like
        W_1, …, W_L, W_i of shape (d_i, d_(i−1)).
    X : array_like of shape (n, d)
    Y : array_like of shape (n, p)

    Returns
    -------
    list of array
        One for each layer, of the shape of its weights.

    Raises
    ------
    ValueError, TypeError
        As `linear_network_loss`.
    """
    Ws, X, Y = checked_network(weights, X, Y)
    G = product_gradient(_product(Ws), X, Y)
    below, above = partial_products(Ws)
    return [A.T @ G @ B.T for A, B in zip(above, below, strict=True)]


def linear_network_hessian(weights: Sequence[Any], X: Any, Y: Any) -> np.ndarray:
    """All second derivatives of R by the entries of W_1, …, W_L, each row by row, in this order.

    With A_i = W̄_(L:i+1), B_i = W̄_(i−1:1), G = ∂Q/∂W̄ and M the product of the layers between i < j:
    H = Jᵀ(I ⊗ XᵀX)J + terms (A_jᵀ G B_iᵀ)_ad M_bc at the entries (a, b) of W_j and (c, d) of W_i,
    where J has the blocks A_i ⊗ B_iᵀ.

    Parameters
    ----------
    weights : sequence of array_like
        W_1, …, W_L, W_i of shape (d_i, d_(i−1)).
    X : array_like of shape (n, d)
    Y : array_like of shape (n, p)

    Returns
    -------
    array of shape (N, N), symmetric
        N is the number of weights.

    Raises
    ------
    ValueError, TypeError
        As `linear_network_loss`.
    """
    Ws, X, Y = checked_network(weights, X, Y)
    G = product_gradient(_product(Ws), X, Y)
    below, above = partial_products(Ws)
    J = np.hstack([np.kron(A, B.T) for A, B in zip(above, below, strict=True)])
    H = J.T @ np.kron(np.eye(len(G), dtype=G.dtype), X.T @ X) @ J
    ends = np.cumsum([0, *(W.size for W in Ws)])
    for j in range(len(Ws)):
        for i in range(j):
            between = reduce(
                lambda product, W: W @ product, Ws[i + 1 : j], np.eye(len(Ws[i]), dtype=G.dtype)
            )
            outer = above[j].T @ G @ below[i].T
            block = np.einsum("ad,bc->abcd", outer, between).reshape(Ws[j].size, Ws[i].size)
            H[ends[j] : ends[j + 1], ends[i] : ends[i + 1]] += block
            H[ends[i] : ends[i + 1], ends[j] : ends[j + 1]] += block.T
    return H


class GlobalMinimum(NamedTuple):
    """The least loss that any weights of the given widths reach, and a product W̄ that has it.

    Attributes
    ----------
    loss : float
    W : array of shape (p, d)
    """

    loss: float
    W: np.ndarray


def linear_network_global_minimum(X: Any, Y: Any, dims: Sequence[int]) -> GlobalMinimum:
    """The global minimum of the training loss: least squares, of reduced rank at a bottleneck.

    With k = min d_i: R* = ½ (‖Y‖² − Σ_{i ≤ k} σ_i(P_X Y)²), reached by W̄ = V_k V_kᵀ W_OLS, where
    P_X projects onto the columns of X and V_k holds the first k right singular vectors of P_X Y.
    X may have any rank; W_OLS is the solution of least norm.

    Parameters
    ----------
    X : array_like of shape (n, d)
    Y : array_like of shape (n, p)
    dims : sequence of int
        d_0 = d, …, d_L = p. A width of 0 between them leaves W̄ = 0.

    Returns
    -------
    GlobalMinimum

    Raises
    ------
    ValueError, TypeError
        Shapes that do not fit, or data that is not finite and real.

    Examples
    --------
    >>> X, Y = [[1, 0], [0, 1], [1, 1], [2, -1]], [[1, 2], [0, 1], [3, 1], [1, -1]]
    >>> round(linear_network_global_minimum(X, Y, (2, 1, 2)).loss, 12)
    3.208909343201
    """
    X, Y = _data(X, Y)
    dims = _widths(dims, inner=0)
    if (dims[0], dims[-1]) != (X.shape[1], Y.shape[1]):
        raise ValueError(
            f"dims is {dims}; expected it to begin with {X.shape[1]}, the columns of X, and to end "
            f"with {Y.shape[1]}, those of Y."
        )
    W = np.linalg.lstsq(X, Y, rcond=None)[0].T
    _, values, Vt = np.linalg.svd(X @ W.T, full_matrices=False)
    k = min(dims)
    # The residual and what the bottleneck costs, rather than ‖Y‖² less what is explained: the
    # difference of large numbers would leave a loss of 1e-16 where there is none.
    loss = 0.5 * (float(np.sum((X @ W.T - Y) ** 2)) + float(np.sum(values[k:] ** 2)))
    return GlobalMinimum(loss, Vt[:k].T @ Vt[:k] @ W)


def is_global_minimizer(weights: Sequence[Any], X: Any, Y: Any, tol: float = 1e-9) -> bool:
    """Whether the loss is the global minimum, up to tol · (½‖Y‖²).

    The loss is compared, not the gradient: with a bottleneck W̄XᵀX = YᵀX does not hold at the
    minimum.

    Parameters
    ----------
    weights : sequence of array_like
        W_1, …, W_L, W_i of shape (d_i, d_(i−1)).
    X : array_like of shape (n, d)
    Y : array_like of shape (n, p)
    tol : float
        Share of ½‖Y‖² by which the loss may exceed the minimum.

    Returns
    -------
    bool

    Raises
    ------
    ValueError, TypeError
        As `linear_network_loss`.
    """
    Ws, X, Y = checked_network(weights, X, Y)
    least = linear_network_global_minimum(X, Y, widths_of(Ws)).loss
    return linear_network_loss(Ws, X, Y) - least <= tol * max(0.5 * float(np.sum(Y**2)), 1e-300)


def partial_products(weights: Sequence[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """W̄_(i−1:1) and W̄_(L:i+1) for every layer i, identities at the ends."""
    dtype = weights[0].dtype
    below = [np.eye(weights[0].shape[1], dtype=dtype)]
    for W in weights[:-1]:
        below.append(W @ below[-1])
    above = [np.eye(len(weights[-1]), dtype=dtype)]
    for W in weights[:0:-1]:
        above.append(above[-1] @ W)
    return below, above[::-1]


def widths_of(weights: Sequence[np.ndarray]) -> tuple[int, ...]:
    """d_0, …, d_L."""
    return (weights[0].shape[1], *(len(W) for W in weights))


def _product(weights: Sequence[np.ndarray]) -> np.ndarray:
    return reduce(lambda product, W: W @ product, weights)


def _widths(dims: Sequence[int], inner: int = 1) -> tuple[int, ...]:
    if len(dims) < 2:
        raise ValueError(f"dims is {tuple(dims)}; expected at least an input and an output width.")
    ends = (0, len(dims) - 1)
    return tuple(
        whole_number(width, f"dims[{i}]", 1 if i in ends else inner) for i, width in enumerate(dims)
    )


def _weights(weights: Sequence[Any]) -> list[np.ndarray]:
    if not len(weights):
        raise ValueError("weights is empty; expected at least one matrix.")
    Ws = [real_array(W, f"W{i}", 2) for i, W in enumerate(weights, start=1)]
    for i, (A, B) in enumerate(itertools.pairwise(Ws), start=1):
        if B.shape[1] != A.shape[0]:
            raise ValueError(
                f"W{i} has shape {A.shape} and W{i + 1} has shape {B.shape}; expected W{i + 1} to "
                f"have {A.shape[0]} columns."
            )
    return list(same_precision(*Ws))


def _data(X: Any, Y: Any) -> tuple[np.ndarray, np.ndarray]:
    X, Y = same_precision(real_array(X, "X", 2), real_array(Y, "Y", 2))
    if len(X) != len(Y):
        raise ValueError(
            f"X has shape {X.shape} and Y has shape {Y.shape}; expected equally many rows."
        )
    return X, Y


def checked_network(weights: Sequence[Any], X: Any, Y: Any) -> tuple[list[np.ndarray], Any, Any]:
    """The weights and the data as finite arrays of one precision whose shapes fit together."""
    Ws, (X, Y) = _weights(weights), _data(X, Y)
    if (Ws[0].shape[1], len(Ws[-1])) != (X.shape[1], Y.shape[1]):
        raise ValueError(
            f"W1 has shape {Ws[0].shape}, W{len(Ws)} has shape {Ws[-1].shape}, X has shape "
            f"{X.shape} and Y has shape {Y.shape}; expected as many columns in W1 as in X, and as "
            f"many rows in W{len(Ws)} as columns in Y."
        )
    *Ws, X, Y = same_precision(*Ws, X, Y)
    return Ws, X, Y
