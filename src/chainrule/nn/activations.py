"""Activations: functions of pre-activations, finite and without warnings at the extremes.

They are written with ``maximum`` and ``minimum`` instead of ``where``, which takes several times as
long. What the derivative at 0 is, is said with each.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.engine.rules.softmax import softmax

__all__ = [
    "elu",
    "gelu",
    "gelu_tanh",
    "identity",
    "leaky_relu",
    "relu",
    "sigmoid",
    "softmax",
    "softplus",
    "tanh",
]


def identity(x: Any) -> Any:
    """The linear activation, x itself.

    Parameters
    ----------
    x : array

    Returns
    -------
    array
        ``x``.
    """
    return x


def relu(x: Any) -> Any:
    """Rectified linear unit, max(x, 0).

    Parameters
    ----------
    x : array

    Returns
    -------
    array
        Of the shape and dtype of ``x``. The derivative at 0 is 0.

    Notes
    -----
    Nair & Hinton, "Rectified linear units improve restricted Boltzmann machines", ICML 2010.
    """
    return np.maximum(x, 0)


def leaky_relu(x: Any, slope: float = 0.01) -> Any:
    """x where x > 0, ``slope`` · x elsewhere.

    Parameters
    ----------
    x : array
    slope : float
        For negative ``x``.

    Returns
    -------
    array
        Of the shape and dtype of ``x``. The derivative at 0 is ``slope``.

    Notes
    -----
    Maas, Hannun & Ng, "Rectifier nonlinearities improve neural network acoustic models", 2013.
    """
    positive = np.maximum(x, 0)
    return positive + slope * (x - positive)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """Exponential linear unit: x where x > 0, α (eˣ - 1) elsewhere.

    Parameters
    ----------
    x : array
    alpha : float
        The limit at -∞ is -α.

    Returns
    -------
    array
        Of the shape and dtype of ``x``. The derivative at 0 is α, which for α = 1 is no kink.

    Notes
    -----
    Clevert, Unterthiner & Hochreiter, "Fast and accurate deep network learning by exponential
    linear units", arXiv:1511.07289, equation 15.
    """
    negative = x * (x <= 0)
    return np.maximum(x, 0) + alpha * np.expm1(negative)


def tanh(x: Any) -> Any:
    """Hyperbolic tangent.

    Parameters
    ----------
    x : array

    Returns
    -------
    array
        Of the shape and dtype of ``x``.
    """
    return np.tanh(x)


def sigmoid(x: Any) -> Any:
    """Logistic function, 1 / (1 + e⁻ˣ), with full relative accuracy on both sides.

    Parameters
    ----------
    x : array

    Returns
    -------
    array
        Of the shape and dtype of ``x``, within 0 and 1. Neither it nor its derivative
        σ(x) σ(-x) cancels where it saturates, as 1 - σ(x) would.
    """
    negative = np.minimum(x, 0)
    # -|x| = 2 min(x, 0) - x; both branches are the same smooth function, so 0 is no kink
    return np.exp(negative) / (1 + np.exp(2 * negative - x))


def softplus(x: Any) -> Any:
    """log(1 + eˣ), whose derivative is the sigmoid.

    Parameters
    ----------
    x : array

    Returns
    -------
    array
        Of the shape and dtype of ``x``.
    """
    positive = np.maximum(x, 0)
    return positive + np.log1p(np.exp(x - 2 * positive))


def gelu(x: Any) -> Any:
    """Gaussian error linear unit, x Φ(x), with the exact normal distribution Φ.

    Parameters
    ----------
    x : array

    Returns
    -------
    array
        Of the shape and dtype of ``x``.

    Notes
    -----
    Hendrycks & Gimpel, "Gaussian error linear units", arXiv:1606.08415.
    """
    from scipy.special import ndtr

    return x * ndtr(x)


def gelu_tanh(x: Any) -> Any:
    """The approximation ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))) of `gelu`, several times as fast.

    Parameters
    ----------
    x : array

    Returns
    -------
    array
        Of the shape and dtype of ``x``, within 5e-4 of the exact form.

    Notes
    -----
    Hendrycks & Gimpel, arXiv:1606.08415, section 2.
    """
    inner = math.sqrt(2.0 / math.pi) * (x + 0.044715 * (x * x * x))
    return 0.5 * x * (1 + np.tanh(inner))
