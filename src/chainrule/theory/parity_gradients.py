"""How little the gradient of the hinge risk says about a parity: its exact spread over all v.

Berkeley CS 189, Homework 6, §3 (c), after Shalev-Shwartz, Shamir and Shammah, "Failures of
gradient-based deep learning", ICML 2017. x is uniform on {0, 1}^d, y = χ_v(x) = (−1)^(vᵀx), and
R(p) = E max(0, 1 − f_p(x) y) for a network f_p of k ReLUs with the parameters p = (W, b, α, β).

With 1₁(u) = 1 for u < 1, else 0 (which agrees with the hinge loss's derivative 0 at u = 1):

    ∇R = a + E_x[χ_v(x) g(x)],
    a = −E_x[(1₁(f) − 1₁(−f))/2 ∇f],     g = −(1₁(f) + 1₁(−f))/2 ∇f.

The parities are an orthonormal basis of the functions on {0, 1}^d, so by Parseval

    E_v ‖∇R − a‖² = 2^(−d) E_x ‖g(x)‖²    exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.theory.inputs import real_array
from chainrule.theory.parity import ParityNetwork, binary_vectors, bits

__all__ = [
    "GradientSpread",
    "parity_gradient_decomposition",
    "parity_gradient_spread",
    "parity_parameters",
    "parity_risk",
    "parity_risk_gradient",
]


def parity_parameters(W: Any, b: Any, alpha: Any, beta: Any) -> ParityNetwork:
    """A network from array_likes.

    Parameters
    ----------
    W : array_like of shape (k, d)
    b, alpha : array_like of shape (k,)
    beta : float

    Returns
    -------
    ParityNetwork

    Raises
    ------
    ValueError, TypeError
        Shapes that do not fit, or numbers that are not finite and real.
    """
    W, b, alpha = real_array(W, "W", 2), real_array(b, "b", 1), real_array(alpha, "alpha", 1)
    if not len(W) == len(b) == len(alpha):
        raise ValueError(
            f"W, b and alpha have the shapes {W.shape}, {b.shape} and {alpha.shape}; expected "
            "equally many rows and entries."
        )
    return ParityNetwork(W, b, alpha, float(real_array(beta, "beta", 0)))


def parity_risk(network: ParityNetwork, v: Any) -> float:
    """E_x max(0, 1 − f(x) (−1)^(vᵀx)), over all 2^d x.

    Parameters
    ----------
    network : ParityNetwork
        With at most 20 inputs.
    v : array_like of shape (d,)
        Zeros and ones.

    Returns
    -------
    float

    Raises
    ------
    ValueError, TypeError
        v is not a vector of d zeros and ones, or d is above 20.
    """
    v = bits(v, "v", 1)
    x = binary_vectors(network.W.shape[1])
    return float(np.mean(np.maximum(1 - network(x) * (1 - 2 * (x @ v % 2)), 0)))


def parity_risk_gradient(network: ParityNetwork, v: Any) -> np.ndarray:
    """∇_p R for one v, exact over all x, in the order W row by row, b, α, β.

    Parameters
    ----------
    network : ParityNetwork
        With at most 20 inputs.
    v : array_like of shape (d,)
        Zeros and ones.

    Returns
    -------
    array of shape (dk + 2k + 1,)

    Raises
    ------
    ValueError, TypeError
        v is not a vector of d zeros and ones, or d is above 20.
    """
    v = bits(v, "v", 1)
    x, f, slopes = _forward(network)
    if len(v) != x.shape[1]:
        raise ValueError(f"v has shape {v.shape}; expected {(x.shape[1],)}, the inputs of W.")
    y = 1 - 2 * (x @ v % 2)
    return -np.mean(((f * y < 1) * y)[:, None] * slopes, axis=0)


def parity_gradient_decomposition(network: ParityNetwork) -> tuple[np.ndarray, np.ndarray]:
    """a and g of ∇R = a + E_x[χ_v(x) g(x)].

    Parameters
    ----------
    network : ParityNetwork
        With at most 20 inputs.

    Returns
    -------
    a : array of shape (N,)
        N = dk + 2k + 1. Not the mean of ∇R over v, which is a + 2^(−d) g(0).
    g : array of shape (2^d, N)
        One row for each x, in binary order.

    Raises
    ------
    ValueError
        d is above 20.
    """
    _, f, slopes = _forward(network)
    above, below = (f < 1).astype(float), (-f < 1).astype(float)
    return (
        -np.mean(((above - below) / 2)[:, None] * slopes, axis=0),
        -((above + below) / 2)[:, None] * slopes,
    )


@dataclass(frozen=True)
class GradientSpread:
    """The spread of ∇R over v, in several ways.

    Attributes
    ----------
    spread : float
        E_v ‖∇R − a‖², from the gradients of all 2^d v.
    from_g : float
        2^(−d) E_x ‖g‖², equal to it.
    bound : float
        (dk + 2k + 1) c²/2^d, where c is the largest |∂f/∂p_j| at any x.
    variance : float
        E_v ‖∇R − E_v ∇R‖² = spread − ‖2^(−d) g(0)‖².
    """

    spread: float
    from_g: float
    bound: float
    variance: float


def parity_gradient_spread(network: ParityNetwork) -> GradientSpread:
    """The spread of ∇R over all v, enumerated, with its closed form and its bound.

    Parameters
    ----------
    network : ParityNetwork
        With at most 20 inputs.

    Returns
    -------
    GradientSpread

    Raises
    ------
    ValueError
        d is above 20. Time and memory grow as 4^d and 2^d N.
    """
    x, f, slopes = _forward(network)
    a, g = parity_gradient_decomposition(network)
    size = len(x)
    total, mean = 0.0, np.zeros_like(a)
    for start in range(0, size, 256):
        y = 1 - 2 * (x[start : start + 256] @ x.T % 2)
        gradients = -((f * y < 1) * y) @ slopes / size
        total += float(np.sum((gradients - a) ** 2))
        mean += np.sum(gradients, axis=0) / size
    spread = total / size
    bound = len(a) * float(np.max(np.abs(slopes))) ** 2 / size
    variance = spread - float(np.sum((mean - a) ** 2))
    return GradientSpread(spread, float(np.sum(np.mean(g**2, axis=0))) / size, bound, variance)


def _forward(network: ParityNetwork) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All x, f there, and ∂f/∂p as rows; the derivative of the ReLU is 0 at 0."""
    x = binary_vectors(network.W.shape[1])
    z = x @ network.W.T + network.b
    on = (z > 0) * network.alpha
    by_weights = (on[:, :, None] * x[:, None, :]).reshape(len(x), -1)
    slopes = np.hstack([by_weights, on, np.maximum(z, 0), np.ones((len(x), 1))])
    return x, np.maximum(z, 0) @ network.alpha + network.beta, slopes
