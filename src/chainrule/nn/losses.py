"""Losses: what is minimised, of predictions or logits and targets, with the reduction named.

The constant in front decides what a learning rate means, so every loss takes ``reduction``:
``"none"`` gives one loss per element or sample, ``"sum"`` and ``"mean"`` reduce these to a number.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.engine.errors import InvalidInput
from chainrule.engine.graph import dtype_of, shape_of
from chainrule.engine.rules.softmax import log_softmax
from chainrule.engine.tracing import Traced

__all__ = [
    "absolute_error",
    "binary_cross_entropy",
    "cross_entropy",
    "hinge",
    "huber",
    "squared_error",
]

REDUCTIONS = ("none", "sum", "mean")


def squared_error(predictions: Any, targets: Any, *, reduction: str) -> Any:
    """Squared error, in the normalisation that ``reduction`` names.

    Parameters
    ----------
    predictions, targets : arrays of the same shape
        The first axis counts samples.
    reduction : {"none", "sum", "mean", "half_sample_mean"}
        With e = predictions - targets: e² of every element, Σ e², Σ e² / number of elements, or
        Σ e² / (2 · number of samples). There is no default, because each is somebody's.

    Returns
    -------
    scalar, or array of the shape of predictions for "none"

    Raises
    ------
    InvalidInput
        The shapes differ, the arrays are empty, or the reduction is unknown.
    """
    targets = _like(predictions, targets, "squared_error")
    error = predictions - targets
    if reduction == "half_sample_mean":
        samples = shape_of(error)[0] if shape_of(error) else 1
        return np.sum(error * error) * (0.5 / samples)
    return _reduced(error * error, reduction, (*REDUCTIONS, "half_sample_mean"))


def absolute_error(predictions: Any, targets: Any, *, reduction: str = "mean") -> Any:
    """ℓ1 loss, |predictions - targets|; its derivative is 0 where they are equal.

    Parameters
    ----------
    predictions, targets : arrays of the same shape
    reduction : {"none", "sum", "mean"}

    Returns
    -------
    scalar, or array of the shape of predictions for "none"

    Raises
    ------
    InvalidInput
        The shapes differ, the arrays are empty, or the reduction is unknown.
    """
    targets = _like(predictions, targets, "absolute_error")
    return _reduced(np.abs(predictions - targets), reduction)


def huber(predictions: Any, targets: Any, delta: float = 1.0, *, reduction: str = "mean") -> Any:
    """Huber loss: ½ e² where |e| ≤ δ, and δ (|e| - ½ δ) beyond.

    Parameters
    ----------
    predictions, targets : arrays of the same shape
    delta : float
        δ > 0, in the unit of the targets.
    reduction : {"none", "sum", "mean"}

    Returns
    -------
    scalar, or array of the shape of predictions for "none"

    Raises
    ------
    InvalidInput
        ``delta`` is not positive, the shapes differ, the arrays are empty, or the reduction is
        unknown.

    Notes
    -----
    Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics 35 (1964).
    """
    if not delta > 0:
        raise InvalidInput(f"delta of the Huber loss must be positive, got {delta!r}.")
    targets = _like(predictions, targets, "huber")
    error = predictions - targets
    clipped = np.clip(error, -delta, delta)
    return _reduced(clipped * (error - 0.5 * clipped), reduction)


def hinge(scores: Any, labels: Any, *, reduction: str = "mean") -> Any:
    """Hinge loss, max(0, 1 - score · label); its derivative is 0 where the margin is exactly 1.

    Parameters
    ----------
    scores : array
        Of any sign; positive for label 1.
    labels : array of the same shape
        -1 or 1.
    reduction : {"none", "sum", "mean"}

    Returns
    -------
    scalar, or array of the shape of scores for "none"

    Raises
    ------
    InvalidInput
        A label is neither -1 nor 1, the shapes differ, the arrays are empty, or the reduction is
        unknown.

    Notes
    -----
    Cortes & Vapnik, "Support-vector networks", Machine Learning 20 (1995).
    """
    labels = _like(scores, labels, "hinge")
    if np.count_nonzero(labels * labels != 1):
        raise InvalidInput(f"labels of the hinge loss are -1 or 1, got {_others(labels, (-1, 1))}.")
    return _hinge(scores, labels, reduction=reduction)


def _hinge(scores: Any, labels: Any, *, reduction: str = "mean") -> Any:
    labels = _like(scores, labels, "hinge")
    return _reduced(np.maximum(0, 1 - scores * labels), reduction)


def cross_entropy(logits: Any, labels: Any, *, reduction: str = "mean") -> Any:
    """Cross-entropy of the softmax of logits, from the logits: no probability underflows.

    Parameters
    ----------
    logits : array, shape (..., classes)
    labels : integer array of shape (...), or array of shape (..., classes)
        Class numbers from 0, or one row of probabilities per sample such as a one-hot row.
    reduction : {"none", "sum", "mean"}
        Over samples.

    Returns
    -------
    scalar, or array of shape (...) for "none"

    Raises
    ------
    InvalidInput
        A label outside of the classes, rows that are no probabilities, shapes that do not fit,
        empty arrays, or an unknown reduction.
    """
    shape = shape_of(logits)
    labels = labels if isinstance(labels, (np.ndarray, Traced)) else np.asarray(labels)
    if len(shape) < 1 or 0 in shape:
        raise InvalidInput(
            f"cross_entropy needs logits of shape (..., classes) with at least one sample and one "
            f"class, got {shape}."
        )
    if shape_of(labels) == shape[:-1]:
        if dtype_of(labels).kind not in "iu":
            raise InvalidInput(
                f"class numbers must be integers, got {dtype_of(labels)}; convert them with "
                f".astype(int)."
            )
        weights = labels[..., None] == np.arange(shape[-1])
        if np.count_nonzero(weights) * shape[-1] != np.size(logits):
            raise InvalidInput(
                f"labels must be class numbers from 0 to {shape[-1] - 1}, got "
                f"{_others(labels, range(shape[-1]))}."
            )
    elif shape_of(labels) == shape:
        weights = _like(logits, labels, "cross_entropy")
        if not (np.all(weights >= 0) and np.all(np.abs(np.sum(weights, axis=-1) - 1) <= 1e-4)):
            raise InvalidInput(
                "rows of labels must be probabilities: not negative, with sum 1, as in a one-hot "
                "row."
            )
    else:
        raise InvalidInput(
            f"labels of shape {shape_of(labels)} do not fit logits of shape {shape}: expected "
            f"class numbers of shape {shape[:-1]} or rows of shape {shape}."
        )
    return _cross_entropy_of(logits, weights, reduction)


def _cross_entropy(logits: Any, labels: Any, *, reduction: str = "mean") -> Any:
    shape = shape_of(logits)
    if shape_of(labels) == shape[:-1]:
        return _cross_entropy_of(logits, labels[..., None] == np.arange(shape[-1]), reduction)
    return _cross_entropy_of(logits, _like(logits, labels, "cross_entropy"), reduction)


def _cross_entropy_of(logits: Any, weights: Any, reduction: str) -> Any:
    return _reduced(-np.sum(weights * log_softmax(logits), axis=-1), reduction)


def binary_cross_entropy(logits: Any, labels: Any, *, reduction: str = "mean") -> Any:
    """Cross-entropy of the sigmoid of logits z, log(1 + e^z) - y z: finite for every finite z.

    Parameters
    ----------
    logits : array
    labels : array of the same shape
        y, 0 or 1 or a probability between.
    reduction : {"none", "sum", "mean"}

    Returns
    -------
    scalar, or array of the shape of logits for "none"

    Raises
    ------
    InvalidInput
        A label below 0 or above 1, shapes that differ, empty arrays, or an unknown reduction.
    """
    labels = _like(logits, labels, "binary_cross_entropy")
    if not (np.min(labels) >= 0 and np.max(labels) <= 1):
        raise InvalidInput(
            f"labels must be probabilities within 0 and 1, got values from "
            f"{_plain(np.min(labels))} to {_plain(np.max(labels))}; use hinge for labels -1 and 1."
        )
    return _binary_cross_entropy(logits, labels, reduction=reduction)


def _binary_cross_entropy(logits: Any, labels: Any, *, reduction: str = "mean") -> Any:
    labels = _like(logits, labels, "binary_cross_entropy")
    positive = np.maximum(logits, 0)
    # the large terms first: they cancel exactly for a label 1 and a large logit
    losses = (positive - labels * logits) + np.log1p(np.exp(logits - 2 * positive))
    return _reduced(losses, reduction)


#: The same losses for labels that were checked before, such as those of a whole training set: what
#: looks at numbers to decide cannot be machine code, and takes its time in every step.
FOR_CHECKED_LABELS = {
    hinge: _hinge,
    cross_entropy: _cross_entropy,
    binary_cross_entropy: _binary_cross_entropy,
}


def _like(predictions: Any, targets: Any, loss: str) -> Any:
    """Targets in the dtype of the predictions, which must have the same shape."""
    targets = targets if isinstance(targets, (np.ndarray, Traced)) else np.asarray(targets)
    shape, given = shape_of(predictions), shape_of(targets)
    if given != shape:
        raise InvalidInput(
            f"{loss} needs targets of the shape of the predictions, {shape}, got {given}; they are "
            f"not broadcast, because (n, 1) against (n,) would compare every pair."
        )
    if 0 in shape:
        raise InvalidInput(f"{loss} of no samples is undefined, got arrays of shape {shape}.")
    dtype = dtype_of(predictions)
    return targets.astype(dtype) if dtype_of(targets) != dtype and dtype.kind == "f" else targets


def _reduced(losses: Any, reduction: str, known: tuple[str, ...] = REDUCTIONS) -> Any:
    if reduction == "mean":
        return np.mean(losses)
    if reduction == "sum":
        return np.sum(losses)
    if reduction == "none":
        return losses
    raise InvalidInput(
        f"reduction must be one of {', '.join(map(repr, known))}, got {reduction!r}."
    )


def _others(labels: Any, allowed: Any) -> str:
    """The first label that is not allowed, as a person would write it."""
    values = np.asarray(_plain(labels)).ravel()
    return repr(values[~np.isin(values, list(allowed))][0].item())


def _plain(value: Any) -> Any:
    """The value a traced array stands for."""
    while isinstance(value, Traced):
        value = value.node.value
    return value
