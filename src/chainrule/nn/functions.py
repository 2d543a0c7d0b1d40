"""Layers as functions of an array and its parameters, for one network or several at once."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from chainrule.engine.custom import stop_gradient
from chainrule.engine.errors import InvalidInput
from chainrule.engine.graph import dtype_of, shape_of
from chainrule.engine.rules import network
from chainrule.engine.rules.pooling import avg_pool2d, embedding, max_pool2d
from chainrule.engine.tracing import Traced
from chainrule.nn.initializers import checked_generator

__all__ = [
    "RunningStatistics",
    "avg_pool2d",
    "batch_norm",
    "conv2d",
    "dropout",
    "dropout_mask",
    "embedding",
    "flatten",
    "layer_norm",
    "linear",
    "max_pool2d",
]


def linear(x: Any, W: Any, b: Any = None) -> Any:
    """Affine map, x Wᵀ + b.

    Parameters
    ----------
    x : array, shape (..., inputs)
    W : array, shape (outputs, inputs)
    b : array, shape (outputs,), optional

    Returns
    -------
    array, shape (..., outputs)
        Of the dtype of ``W``.

    Raises
    ------
    InvalidInput
        The shapes do not fit.

    Notes
    -----
    Several networks at once: ``W`` of shape (networks, outputs, inputs) and ``b`` of shape
    (networks, outputs) with ``x`` of shape (samples, inputs), the same for all, or (networks,
    samples, inputs) give (networks, samples, outputs).
    """
    x = _like(x, W)
    given, weights = shape_of(x), shape_of(W)
    if len(weights) < 2 or not given or given[-1] != weights[-1]:
        raise InvalidInput(
            f"linear maps x of shape (..., inputs) by W of shape (outputs, inputs), got x {given} "
            f"and W {weights}."
        )
    if b is not None and shape_of(b) != weights[:-1]:
        raise InvalidInput(
            f"b must have shape {weights[:-1]} for W of shape {weights}, got {shape_of(b)}."
        )
    if len(weights) == 2:
        z = x @ W.T
        return z if b is None else z + b
    z = x @ np.swapaxes(W, -1, -2)
    return z if b is None else z + b[..., None, :]


def conv2d(
    x: Any,
    W: Any,
    b: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """Convolution of images (cross-correlation) plus one bias per filter.

    Parameters
    ----------
    x : array, shape (batch, channels, height, width)
    W : array, shape (filters, channels / groups, kernel height, kernel width)
    b : array, shape (filters,), optional
    stride, padding, dilation, groups
        As for `chainrule.conv2d`.

    Returns
    -------
    array, shape (batch, filters, output height, output width)
        Of the dtype of ``W``.

    Raises
    ------
    InvalidInput
        The shapes do not fit.
    """
    y = network.conv2d(_like(x, W), W, stride, padding, dilation, groups)
    if b is None:
        return y
    if shape_of(b) != shape_of(W)[:1]:
        raise InvalidInput(f"b must have shape {shape_of(W)[:1]}, got {shape_of(b)}.")
    return y + b[:, None, None]


def flatten(x: Any) -> Any:
    """Samples as rows: (batch, ...) becomes (batch, features).

    Parameters
    ----------
    x : array, shape (batch, ...)

    Returns
    -------
    array, shape (batch, features)
    """
    shape = shape_of(x)
    if not shape:
        raise InvalidInput("flatten needs an array of shape (batch, ...), got a number.")
    return np.reshape(x, (shape[0], int(np.prod(shape[1:]))))


# --- normalisation --------------------------------------------------------------------------------


class RunningStatistics(NamedTuple):
    """Mean and variance of each feature, averaged over past batches.

    Attributes
    ----------
    mean, variance : array of shape (features,)
    """

    mean: Any
    variance: Any


def batch_norm(
    x: Any,
    gamma: Any,
    beta: Any,
    running: RunningStatistics,
    training: bool,
    momentum: float = 0.1,
    epsilon: float = 1e-5,
) -> tuple[Any, RunningStatistics]:
    """Batch normalisation, γ (x - μ) / √(σ² + ε) + β for each feature or channel.

    In training μ and σ² are mean and biased variance of the batch; otherwise the running ones.

    Parameters
    ----------
    x : array, shape (batch, features) or (batch, channels, height, width)
    gamma, beta : arrays, shape (features,)
    running : RunningStatistics
        Of shape (features,).
    training : bool
    momentum : float
        Weight of this batch in the running statistics (PyTorch's convention; Keras' is one minus
        this). The running variance uses the unbiased one of the batch, n / (n - 1) σ².
    epsilon : float
        Added to the variance.

    Returns
    -------
    y : array of the shape of ``x``
    running : RunningStatistics
        The new ones, which no gradient enters; ``running`` itself unless training.

    Raises
    ------
    InvalidInput
        Features that do not fit, or a batch with a single value per feature in training.

    Notes
    -----
    Ioffe & Szegedy, "Batch normalization", ICML 2015, algorithms 1 and 2.
    """
    shape = shape_of(x)
    if len(shape) < 2 or shape_of(gamma) != shape[1:2]:
        raise InvalidInput(
            f"batch_norm needs x of shape (batch, features, ...) for gamma of shape "
            f"{shape_of(gamma)}, got {shape}."
        )
    one_per_feature = (shape[1],) + (1,) * (len(shape) - 2)
    if training:
        axes = (0, *range(2, len(shape)))
        count = int(np.prod([shape[axis] for axis in axes]))
        if count < 2:
            raise InvalidInput(
                f"batch_norm in training needs at least two values per feature, got x of shape "
                f"{shape}; use a larger batch."
            )
        mean = np.mean(x, axis=axes)
        centred = x - np.reshape(mean, one_per_feature)
        variance = np.mean(centred * centred, axis=axes)
        running = RunningStatistics(
            (1 - momentum) * running.mean + momentum * stop_gradient(mean),
            (1 - momentum) * running.variance
            + (momentum * count / (count - 1)) * stop_gradient(variance),
        )
    else:
        centred, variance = x - np.reshape(running.mean, one_per_feature), running.variance
    scale = gamma / np.sqrt(variance + epsilon)
    return centred * np.reshape(scale, one_per_feature) + np.reshape(beta, one_per_feature), running


def layer_norm(x: Any, gamma: Any, beta: Any, epsilon: float = 1e-5) -> Any:
    """Layer normalisation, γ (x - μ) / √(σ² + ε) + β over the last axes of each sample.

    Parameters
    ----------
    x : array, shape (..., *features)
    gamma, beta : arrays, shape features
        Their axes are those normalised over.
    epsilon : float
        Added to the biased variance.

    Returns
    -------
    array of the shape of x

    Raises
    ------
    InvalidInput
        ``x`` does not end in the shape of ``gamma``.

    Notes
    -----
    Ba, Kiros & Hinton, "Layer normalization", arXiv:1607.06450, equation 4.
    """
    shape, features = shape_of(x), shape_of(gamma)
    if not features or shape[-len(features) :] != features or shape_of(beta) != features:
        raise InvalidInput(
            f"layer_norm needs x of shape (..., *features) with gamma and beta of shape features, "
            f"got x {shape}, gamma {features} and beta {shape_of(beta)}."
        )
    axes = tuple(range(-len(features), 0))
    centred = x - np.mean(x, axis=axes, keepdims=True)
    variance = np.mean(centred * centred, axis=axes, keepdims=True)
    return centred / np.sqrt(variance + epsilon) * gamma + beta


# --- dropout --------------------------------------------------------------------------------------


def dropout_mask(rng: Any, shape: tuple[int, ...], rate: float) -> Any:
    """Which units a dropout keeps.

    Parameters
    ----------
    rng : numpy.random.Generator or int
    shape : tuple of int
    rate : float
        Probability of dropping a unit, 0 <= rate < 1.

    Returns
    -------
    bool array

    Raises
    ------
    InvalidInput
        The rate is outside [0, 1), or there is no generator.
    """
    checked_rate(rate)
    return checked_generator(rng, "dropout").random(shape) >= rate


def dropout(x: Any, rate: float, mask: Any) -> Any:
    """Inverted dropout, x · mask / (1 - rate), whose mean over masks is x.

    Parameters
    ----------
    x : array
    rate : float
        Probability with which the mask drops a unit, 0 <= rate < 1.
    mask : bool array of the shape of ``x``, or numpy.random.Generator
        The units to keep, as from `dropout_mask`. A generator draws a mask here; a function to be
        compiled takes the mask as an argument instead.

    Returns
    -------
    array of the shape and dtype of x

    Raises
    ------
    InvalidInput
        The rate is outside [0, 1), or the mask has another shape.

    Notes
    -----
    Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15
    (2014), section 10 for the scaling.
    """
    checked_rate(rate)
    if isinstance(mask, np.random.Generator):
        mask = dropout_mask(mask, shape_of(x), rate)
    elif shape_of(mask) != shape_of(x) or dtype_of(mask).kind != "b":
        raise InvalidInput(
            f"mask must be a boolean array of shape {shape_of(x)}, or a numpy.random.Generator; "
            f"got {dtype_of(mask)}{list(shape_of(mask))}."
        )
    return x * mask * (1 / (1 - rate))


def checked_rate(rate: float) -> None:
    """Refuse a dropout rate outside [0, 1): at 1 nothing is left to scale up."""
    if not 0 <= rate < 1:
        raise InvalidInput(f"the dropout rate must be at least 0 and below 1, got {rate!r}.")


def _like(x: Any, W: Any) -> Any:
    """x in the dtype of the parameters."""
    x = x if isinstance(x, (np.ndarray, Traced)) else np.asarray(x)
    dtype = dtype_of(W)
    return x.astype(dtype) if dtype_of(x) != dtype and dtype.kind == "f" else x
