"""The functions of the hand-written network: cost, error rate, activations, with derivatives.

Names and signatures are those of the assignment (Berkeley CS189, homework 6, problem 1, parts b
and c), so that a solution written for the assignment and this one can be exchanged line by line.
"""

from __future__ import annotations

import math
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class Activation(Protocol):
    """What a layer expects of its activation: the function and its derivative, element-wise."""

    @staticmethod
    def fx(z: npt.ArrayLike) -> Array:
        """Value of the activation at the pre-activation `z`."""
        ...

    @staticmethod
    def dx(z: npt.ArrayLike) -> Array:
        """Derivative of the activation at the pre-activation `z`."""
        ...


class QuadraticCost:
    """Squared error, element by element or as the mean squared error of the assignment.

    Element by element the cost of one prediction is ½(y − ŷ)², its derivative ŷ − y. The mean
    squared error is MSE = 1/(2n) Σᵢ (yᵢ − ŷᵢ)², with ∂MSE/∂ŷᵢ = (ŷᵢ − yᵢ)/n.

    The factor 1/n must act exactly once. Backpropagation here starts from the element-wise
    derivative (``reduction="none"``) and `GDOptimizer` divides by the batch size; who starts from
    ``reduction="mean"`` must not divide again.
    """

    @staticmethod
    def fx(
        y: npt.ArrayLike, yp: npt.ArrayLike, reduction: Literal["none", "mean"] = "none"
    ) -> Array:
        """Cost of the predictions.

        Parameters
        ----------
        y : array_like
            Targets.
        yp : array_like
            Predictions, of the same shape as `y`: ``(n,)`` against ``(n, 1)`` is refused.
        reduction : {"none", "mean"}
            "none" gives ½(y − ŷ)² in the shape of `y`; "mean" gives 1/(2n) Σ (y − ŷ)², shape
            ``()``, for n samples of one output each: shape ``(n,)``, ``(n, 1)`` or ``(1, n)``.

        Returns
        -------
        ndarray
            Shape of `y`, or ``()``.

        Raises
        ------
        TypeError
            If an argument does not hold real numbers.
        ValueError
            If the shapes differ, a value is NaN or infinite, there is no sample, or a mean is
            asked of samples with several outputs.
        """
        difference = _difference(y, yp)
        cost = 0.5 * difference * difference
        if _samples_of_mean(difference, reduction) == 0:
            return cost
        return np.asarray(cost.mean())

    @staticmethod
    def dx(
        y: npt.ArrayLike, yp: npt.ArrayLike, reduction: Literal["none", "mean"] = "none"
    ) -> Array:
        """Derivative of `fx` with respect to the predictions, in the shape of `y`.

        ŷ − y for ``reduction="none"``, (ŷ − y)/n for ``reduction="mean"``. Parameters and errors
        as for `fx`.
        """
        difference = _difference(y, yp)
        samples = _samples_of_mean(difference, reduction)
        return difference if samples == 0 else difference / samples


def misclassification_error(
    y: npt.ArrayLike,
    yp: npt.ArrayLike,
    zero_is: Literal["error", "positive", "negative"] = "error",
) -> float:
    """Share of the predictions whose sign is not the label: MCE = 1/n Σ 1{sign(yᵢ) ≠ sign(ŷᵢ)}.

    Parameters
    ----------
    y : array_like
        Labels, each +1 or −1.
    yp : array_like
        Predictions, of the same shape as `y`.
    zero_is : {"error", "positive", "negative"}
        What a prediction of exactly 0 counts as. Read literally, sign(0) = 0 differs from every
        label, so it is an error; the other two choices give it to one of the classes.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    TypeError
        If an argument does not hold real numbers.
    ValueError
        If the shapes differ, a label is neither +1 nor −1, a prediction is NaN or infinite, there
        is no sample, or `zero_is` is none of the three words.
    """
    of_zero = {"error": 0.0, "positive": 1.0, "negative": -1.0}
    if zero_is not in of_zero:
        raise ValueError(
            f"zero_is is {zero_is!r}; expected 'error', 'positive' or 'negative', the class that "
            "a prediction of 0 is given to."
        )
    _difference(y, yp)
    labels = np.asarray(y)
    wrong = labels[np.abs(labels) != 1]
    if wrong.size:
        raise ValueError(
            f"y holds the label {wrong.flat[0]!s}; expected +1 (positive class) or −1 (negative "
            "class). Recode the labels, e.g. np.where(digit == 3, 1, -1)."
        )
    sign = np.sign(np.asarray(yp))
    return float(np.mean(np.where(sign == 0, of_zero[zero_is], sign) != labels))


class SigmoidActivation:
    """σ(z) = 1/(1 + e⁻ᶻ), σ'(z) = σ(z)(1 − σ(z)) = e^−|z| / (1 + e^−|z|)².

    Written with e^−|z|, which cannot overflow; σ(1 − σ) would be exactly 0 from z = 37 on.
    """

    @staticmethod
    def fx(z: npt.ArrayLike) -> Array:
        """σ(z), element-wise, in the shape of `z`."""
        z = _floating(z)
        e = np.exp(-np.abs(z))
        return np.where(z >= 0, 1.0, e) / (1.0 + e)

    @staticmethod
    def dx(z: npt.ArrayLike) -> Array:
        """σ'(z), element-wise, in the shape of `z`."""
        e = np.exp(-np.abs(_floating(z)))
        return e / np.square(1.0 + e)


class TanhActivation:
    """tanh z, tanh' z = 1 − tanh² z = sech² z = 4e^−2|z| / (1 + e^−2|z|)².

    The last form has no cancellation: 1 − tanh(20)² is 0 in floating point, sech²(20) is 1.7e-17.
    """

    @staticmethod
    def fx(z: npt.ArrayLike) -> Array:
        """Hyperbolic tangent of `z`, element-wise, in the shape of `z`."""
        return np.tanh(_floating(z))

    @staticmethod
    def dx(z: npt.ArrayLike) -> Array:
        """sech² z, element-wise, in the shape of `z`."""
        e = np.exp(-2.0 * np.abs(_floating(z)))
        return 4.0 * e / np.square(1.0 + e)


class ReLUActivation:
    """max(z, 0), with derivative 1 for z > 0 and 0 for z ≤ 0.

    At z = 0 every number in [0, 1] is a subgradient; this project takes 0 everywhere.
    """

    @staticmethod
    def fx(z: npt.ArrayLike) -> Array:
        """max(z, 0), element-wise, in the shape of `z`."""
        return np.maximum(_floating(z), 0.0)

    @staticmethod
    def dx(z: npt.ArrayLike) -> Array:
        """1 where z > 0, else 0, in the shape of `z` (NaN where `z` is NaN)."""
        return np.heaviside(_floating(z), 0.0)


class LinearActivation:
    """The identity, with derivative 1: the activation of an output that may be any number."""

    @staticmethod
    def fx(z: npt.ArrayLike) -> Array:
        """`z` itself."""
        return _floating(z)

    @staticmethod
    def dx(z: npt.ArrayLike) -> Array:
        """1 in the shape of `z`."""
        return np.ones_like(_floating(z))


def real_array(values: npt.ArrayLike, name: str) -> Array:
    """`values` as an array of real numbers: float32 and float64 as they are, integers as float64.

    Raises
    ------
    TypeError
        If `values` are complex, text, objects or ragged; the message calls them `name`.
    """
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise TypeError(
            f"{name} is not a rectangular array of numbers ({error}). Give rows of equal length."
        ) from None
    if array.dtype.kind == "f" and array.dtype.itemsize >= 4:
        return array
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"{name} has dtype {array.dtype}; expected real numbers. Convert it, e.g. with "
            "astype(float)."
        )
    return array.astype(np.float32 if array.dtype == np.float16 else np.float64)


def _floating(z: npt.ArrayLike) -> Array:
    """The pre-activation as a floating-point array; the usual case costs one comparison."""
    if type(z) is np.ndarray and z.dtype.kind == "f":
        return z
    return real_array(z, "z")


def _difference(y: npt.ArrayLike, yp: npt.ArrayLike) -> Array:
    """ŷ − y, once both are known to be finite real numbers of one shape."""
    targets, predictions = real_array(y, "y"), real_array(yp, "yp")
    if targets.shape != predictions.shape:
        raise ValueError(
            f"y has shape {targets.shape} and yp has shape {predictions.shape}; they must be "
            "equal, for NumPy would broadcast them against each other. Reshape one, e.g. "
            "y.reshape(yp.shape)."
        )
    if targets.size == 0:
        raise ValueError(
            f"y and yp are empty (shape {targets.shape}); expected at least one sample."
        )
    difference = predictions - targets
    # Finite only if every term is: one short call inside the training loop.
    if not math.isfinite(np.vdot(difference, difference)):
        for name, values in (("y", targets), ("yp", predictions)):
            if not np.all(np.isfinite(values)):
                raise ValueError(
                    f"{name} holds NaN or infinity at index {_first_non_finite(values)}; expected "
                    "finite numbers. If yp comes from a training, it diverged: lower the learning "
                    "rate."
                )
    return difference


def _first_non_finite(values: Array) -> tuple[int, ...]:
    """Index of the first NaN or infinity."""
    return tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])


def _samples_of_mean(difference: Array, reduction: str) -> int:
    """Number of samples a mean is taken over, 0 for no reduction."""
    if reduction == "none":
        return 0
    if reduction != "mean":
        raise ValueError(f"reduction is {reduction!r}; expected 'none' or 'mean'.")
    if difference.size != max(difference.shape, default=1):
        raise ValueError(
            f"the mean squared error 1/(2n) Σ (y − ŷ)² is defined for one output per sample, got "
            f"shape {difference.shape}. Use reduction='none' and average over the axis of samples."
        )
    return difference.size
