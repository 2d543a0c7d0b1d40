"""Initialisers: random first weights whose scale keeps signals neither growing nor vanishing.

An initialiser is a function ``(rng, shape, dtype) -> array``. Weights have shape (outputs, inputs),
those of a convolution (filters, channels / groups, kernel height, kernel width); hence

    fan-in  = product of shape[1:]             inputs that one output sums over
    fan-out = shape[0] · product of shape[2:]  outputs that one input reaches

Numbers are drawn in float64 whatever the dtype, so one seed gives the same network in each.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.engine.errors import InvalidInput

__all__ = [
    "Initializer",
    "constant",
    "fans",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "orthogonal",
    "uniform",
    "variance_scaling",
    "zeros",
]

Initializer = Callable[..., Any]  # (rng, shape, dtype) -> array


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Fan-in and fan-out of weights; see the head of this file.

    Parameters
    ----------
    shape : tuple of int
        (outputs, inputs) or (filters, channels / groups, kernel height, kernel width).

    Returns
    -------
    fan_in, fan_out : int

    Raises
    ------
    InvalidInput
        Fewer than two axes, or an empty one.
    """
    if len(shape) < 2 or min(shape) < 1:
        raise InvalidInput(
            f"weights need a shape (outputs, inputs, ...) of positive sizes, got {shape}; use "
            f"zeros or normal for a vector."
        )
    return math.prod(shape[1:]), shape[0] * math.prod(shape[2:])


def variance_scaling(scale: float, fan: str, distribution: str) -> Initializer:
    """Weights of mean 0 and variance ``scale`` / fan: the family of He, Glorot and LeCun.

    Parameters
    ----------
    scale : float
        Positive.
    fan : {"in", "out", "average"}
        Which fan; the average is (fan-in + fan-out) / 2.
    distribution : {"normal", "uniform"}
        Not truncated. The uniform distribution is on ±√(3 · scale / fan).

    Returns
    -------
    Initializer

    Raises
    ------
    InvalidInput
        An argument is none of these.

    Notes
    -----
    PyTorch's default for its linear and convolution layers, uniform on ±1/√fan-in, is
    ``variance_scaling(1 / 3, "in", "uniform")``.
    """
    if not scale > 0 or fan not in ("in", "out", "average"):
        raise InvalidInput(
            f"variance_scaling needs a positive scale and fan 'in', 'out' or 'average', got "
            f"{scale!r} and {fan!r}."
        )
    if distribution not in ("normal", "uniform"):
        raise InvalidInput(f"distribution must be 'normal' or 'uniform', got {distribution!r}.")

    def initializer(rng: Any, shape: tuple[int, ...], dtype: Any = np.float64) -> Any:
        fan_in, fan_out = fans(shape)
        count = {"in": fan_in, "out": fan_out, "average": (fan_in + fan_out) / 2}[fan]
        deviation = math.sqrt(scale / count)
        if distribution == "normal":
            return _cast(_generator(rng).normal(0.0, deviation, shape), dtype)
        limit = math.sqrt(3.0) * deviation
        return _cast(_generator(rng).uniform(-limit, limit, shape), dtype)

    initializer.__doc__ = (
        f"{distribution.capitalize()} weights of variance {scale:g} / fan ({fan})."
    )
    return initializer


he_normal = variance_scaling(2.0, "in", "normal")
"""Normal weights of variance 2 / fan-in, for ReLU.

He, Zhang, Ren & Sun, "Delving deep into rectifiers", ICCV 2015.
"""
he_uniform = variance_scaling(2.0, "in", "uniform")
"""Uniform weights of variance 2 / fan-in, on ±√(6 / fan-in), for ReLU; see `he_normal`."""
glorot_normal = variance_scaling(1.0, "average", "normal")
"""Normal weights of variance 2 / (fan-in + fan-out), for tanh and softmax.

Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural networks",
AISTATS 2010, equation 12.
"""
glorot_uniform = variance_scaling(1.0, "average", "uniform")
"""Uniform weights of that variance, on ±√(6 / (fan-in + fan-out)): equation 16 there."""
lecun_normal = variance_scaling(1.0, "in", "normal")
"""Normal weights of variance 1 / fan-in, for scaled sigmoids.

LeCun, Bottou, Orr & Müller, "Efficient BackProp", 1998, section 4.6.
"""
lecun_uniform = variance_scaling(1.0, "in", "uniform")
"""Uniform weights of variance 1 / fan-in, on ±√(3 / fan-in); see `lecun_normal`."""


def normal(deviation: float) -> Initializer:
    """Normal numbers of mean 0 and one standard deviation, for arrays of any shape.

    Parameters
    ----------
    deviation : float
        Standard deviation, at least 0.

    Returns
    -------
    Initializer

    Raises
    ------
    InvalidInput
        The deviation is negative or not a number.
    """
    if not deviation >= 0:
        raise InvalidInput(f"the standard deviation must be at least 0, got {deviation!r}.")
    return lambda rng, shape, dtype=np.float64: _cast(
        _generator(rng).normal(0.0, deviation, shape), dtype
    )


def uniform(limit: float) -> Initializer:
    """Numbers uniform between -limit and limit, for arrays of any shape.

    Parameters
    ----------
    limit : float
        At least 0.

    Returns
    -------
    Initializer

    Raises
    ------
    InvalidInput
        The limit is negative or not a number.
    """
    if not limit >= 0:
        raise InvalidInput(f"the limit must be at least 0, got {limit!r}.")
    return lambda rng, shape, dtype=np.float64: _cast(
        _generator(rng).uniform(-limit, limit, shape), dtype
    )


def constant(value: float) -> Initializer:
    """Every weight the same number.

    Parameters
    ----------
    value : float

    Returns
    -------
    Initializer
    """
    return lambda rng, shape, dtype=np.float64: np.full(shape, value, dtype)


zeros = constant(0.0)


def orthogonal(gain: float = 1.0) -> Initializer:
    """Weights with orthonormal rows or columns, whichever are fewer, times ``gain``.

    A convolution counts as the matrix (filters, fan-in).

    Parameters
    ----------
    gain : float
        Every singular value; √2 for ReLU.

    Returns
    -------
    Initializer

    Notes
    -----
    Saxe, McClelland & Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep
    linear neural networks", ICLR 2014. Uniform over such matrices: Mezzadri, "How to generate
    random matrices from the classical compact groups", Notices of the AMS 54 (2007), section 5.
    """

    def initializer(rng: Any, shape: tuple[int, ...], dtype: Any = np.float64) -> Any:
        outputs, inputs = shape[0], fans(shape)[0]
        tall = _generator(rng).normal(size=(max(outputs, inputs), min(outputs, inputs)))
        Q, R = np.linalg.qr(tall)
        Q *= np.sign(np.diagonal(R))
        return (gain * (Q if outputs >= inputs else Q.T)).reshape(shape).astype(dtype)

    return initializer


def _cast(numbers: Any, dtype: Any) -> Any:
    return np.asarray(numbers, dtype)


def _generator(rng: Any) -> np.random.Generator:
    return checked_generator(rng, "an initialiser")


def checked_generator(rng: Any, what: str) -> np.random.Generator:
    """A generator of random numbers, from one or from a seed; None would hide randomness."""
    if isinstance(rng, np.random.Generator):
        return rng
    try:
        return np.random.default_rng(operator.index(rng))
    except (TypeError, ValueError):
        raise InvalidInput(
            f"{what} needs rng, a numpy.random.Generator or a seed, got {rng!r}; use "
            f"numpy.random.default_rng(0)."
        ) from None
