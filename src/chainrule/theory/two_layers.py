"""The two-layer ReLU network by hand: its twelve partial derivatives and what they cost.

q = W1 x + b1,  h = max(q, 0),  p = W2 h + b2,  L = (p − y)ᵀ(p − y), for one sample x of D numbers,
with H1 hidden and H2 output units (CMU 10-605, Homework 5, §1.1). Everything here is written from
the formulas; nothing calls the engine.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from chainrule.theory.inputs import real_array, same_precision, whole_number

__all__ = [
    "FORMULAS",
    "BackpropCost",
    "TwoLayerPartials",
    "backprop_cost",
    "relu_derivative",
    "student_relu_derivative",
    "two_layer_partials",
]

#: Each partial derivative by its field's name: what it is, and the formula, with e = p − y and
#: m = 1 where q > 0, else 0.
FORMULAS = {
    "dL_dp": ("∂L/∂pⱼ", "2 eⱼ"),
    "dp_dW2": ("∂pᵢ/∂W2ⱼₖ", "δᵢⱼ hₖ"),
    "dL_dW2": ("∂L/∂W2ⱼₖ", "2 eⱼ hₖ"),
    "dL_db2": ("∂L/∂b2ⱼ", "2 eⱼ"),
    "dp_dh": ("∂pᵢ/∂hⱼ", "W2ᵢⱼ"),
    "dh_dq": ("∂hⱼ/∂qᵢ", "δᵢⱼ mⱼ"),
    "dL_dh": ("∂L/∂hᵢ", "2 Σₖ eₖ W2ₖᵢ"),
    "dL_dq": ("∂L/∂qᵢ", "mᵢ ∂L/∂hᵢ"),
    "dq_dW1": ("∂qᵢ/∂W1ⱼₖ", "δᵢⱼ xₖ"),
    "dq_db1": ("∂qᵢ/∂b1ⱼ", "δᵢⱼ"),
    "dL_dW1": ("∂L/∂W1ⱼₖ", "∂L/∂qⱼ xₖ"),
    "dL_db1": ("∂L/∂b1ᵢ", "∂L/∂qᵢ"),
}


@dataclass(frozen=True)
class TwoLayerPartials:
    """Forward values and the twelve partial derivatives, with the indices of the hand-out in order.

    Attributes
    ----------
    q, h : array of shape (H1,)
    p : array of shape (H2,)
    L : float
    dL_dp, dL_db2 : array of shape (H2,)
    dp_dW2 : array of shape (H2, H2, H1)
    dL_dW2, dp_dh : array of shape (H2, H1)
    dh_dq : array of shape (H1, H1)
    dL_dh, dL_dq, dL_db1 : array of shape (H1,)
    dq_dW1 : array of shape (H1, H1, D)
    dq_db1 : array of shape (H1, H1)
    dL_dW1 : array of shape (H1, D)
    """

    q: np.ndarray
    h: np.ndarray
    p: np.ndarray
    L: float
    dL_dp: np.ndarray
    dp_dW2: np.ndarray
    dL_dW2: np.ndarray
    dL_db2: np.ndarray
    dp_dh: np.ndarray
    dh_dq: np.ndarray
    dL_dh: np.ndarray
    dL_dq: np.ndarray
    dq_dW1: np.ndarray
    dq_db1: np.ndarray
    dL_dW1: np.ndarray
    dL_db1: np.ndarray

    def partials(self) -> dict[str, np.ndarray]:
        """The twelve partial derivatives by name, in the order of the hand-out."""
        return {field.name: getattr(self, field.name) for field in fields(self)[4:]}


def two_layer_partials(
    W1: Any, b1: Any, W2: Any, b2: Any, x: Any, y: Any, *, at_zero: float = 0.0
) -> TwoLayerPartials:
    """The twelve partial derivatives of the two-layer network at one sample.

    Parameters
    ----------
    W1 : array_like of shape (H1, D)
    b1 : array_like of shape (H1,)
    W2 : array_like of shape (H2, H1)
    b2 : array_like of shape (H2,)
    x : array_like of shape (D,)
    y : array_like of shape (H2,)
    at_zero : float
        The derivative of the ReLU at 0; see `relu_derivative`.

    Returns
    -------
    TwoLayerPartials
        float64 arrays; float32 where every argument is float32.

    Raises
    ------
    ValueError
        Shapes that do not fit together, or a value that is not finite.
    TypeError
        An argument that is no array of real numbers.

    Notes
    -----
    CMU 10-605, Homework 5, §1.1 (a)–(c).

    Examples
    --------
    >>> found = two_layer_partials(
    ...     [[1, -1], [2, 1], [1, -0.5]], [0.5, -1, 0], [[1, 2, -1], [0, -1, 3]], [1, 0],
    ...     [1, 2], [5, 1],
    ... )
    >>> found.dL_dW1
    array([[ 0.,  0.],
           [16., 32.],
           [ 0.,  0.]])
    """
    W1, b1, W2, b2, x, y = _checked(W1=W1, b1=b1, W2=W2, b2=b2, x=x, y=y)
    q = W1 @ x + b1
    h = np.maximum(q, 0)
    p = W2 @ h + b2
    e = p - y
    hidden, outputs = np.eye(len(q), dtype=q.dtype), np.eye(len(p), dtype=p.dtype)
    dL_dp = 2 * e
    slope = relu_derivative(q, at_zero)
    dL_dh = W2.T @ dL_dp
    dL_dq = slope * dL_dh
    return TwoLayerPartials(
        q=q,
        h=h,
        p=p,
        L=float(e @ e),
        dL_dp=dL_dp,
        dp_dW2=np.einsum("ij,k->ijk", outputs, h),
        dL_dW2=np.outer(dL_dp, h),
        dL_db2=dL_dp.copy(),
        dp_dh=W2.copy(),
        dh_dq=hidden * slope,
        dL_dh=dL_dh,
        dL_dq=dL_dq,
        dq_dW1=np.einsum("ij,k->ijk", hidden, x),
        dq_db1=hidden,
        dL_dW1=np.outer(dL_dq, x),
        dL_db1=dL_dq.copy(),
    )


def relu_derivative(q: Any, at_zero: float = 0.0) -> Any:
    """The derivative of max(q, 0): 1 where q > 0, 0 where q < 0, and ``at_zero`` at 0.

    Parameters
    ----------
    q : array_like
    at_zero : float in [0, 1]
        At the kink every number from 0 (the left derivative) to 1 (the right one) is a
        subgradient. 0 is what the engine, PyTorch and TensorFlow use.

    Returns
    -------
    array of the shape of q
        NaN where ``q`` is.

    Raises
    ------
    ValueError
        ``at_zero`` is not in [0, 1].

    Examples
    --------
    >>> relu_derivative([-1.0, 0.0, 2.0])
    array([0., 0., 1.])
    """
    if not 0 <= at_zero <= 1:
        raise ValueError(
            f"at_zero is {at_zero}; the subgradients of max(q, 0) at 0 are the numbers from 0 to 1."
        )
    q = np.asarray(q)
    q = q if q.dtype.kind == "f" else q.astype(float)
    slope = np.where(q > 0, 1.0, np.where(q == 0, at_zero, 0.0)).astype(q.dtype)
    return np.where(np.isnan(q), q, slope)[()]


def student_relu_derivative(q: Any) -> Any:
    """The derivative of max(q, 0) as it stands in a student's solution: max(q, 0) / q.

    Wrong: it is 0/0 at q = 0 and ∞/∞ at q = ∞, where it gives NaN. Kept to show what it does.

    Parameters
    ----------
    q : array_like

    Returns
    -------
    array of the shape of q
    """
    q = np.asarray(q, dtype=float)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.maximum(q, 0) / q


@dataclass(frozen=True)
class BackpropCost:
    """Multiplications needed for the gradient of all weights and biases at one sample.

    Attributes
    ----------
    reverse : int
        Backpropagation: every intermediate derivative computed once, as a vector.
    per_entry : int
        The formula of each entry evaluated by itself, only 2e being shared.
    finite_difference : int
        One more forward pass per parameter, counting its two matrix products.
    """

    reverse: int
    per_entry: int
    finite_difference: int


def backprop_cost(D: int, H1: int, H2: int) -> BackpropCost:
    """Count the multiplications of three ways to the gradient of the two-layer network.

    Parameters
    ----------
    D, H1, H2 : int
        Numbers of inputs, hidden units and outputs, at least 1.

    Returns
    -------
    BackpropCost
        Exact integers. Additions, comparisons and the selection by the ReLU's mask, which is
        counted as one multiplication per unit, are of the same order.

    Raises
    ------
    TypeError
        A size that is no whole number.
    ValueError
        A size below 1.

    Notes
    -----
    Reverse: dL/dp = 2e takes H2, dL/dW2 = dL/dp hᵀ and dL/dh = W2ᵀ dL/dp take H2·H1 each, the mask
    H1, dL/dW1 = dL/dq xᵀ takes H1·D. Per entry: Σ_k 2e_k W2_kj m_j is formed anew for each of the
    H1 entries of b1, and times x_i for each of the H1·D of W1. CMU 10-605, Homework 5, §1.1 (d).

    Examples
    --------
    >>> backprop_cost(784, 256, 10)
    BackpropCost(reverse=206090, per_entry=2413834, finite_difference=41370321920)
    """
    D, H1, H2 = (whole_number(size, name, 1) for name, size in (("D", D), ("H1", H1), ("H2", H2)))
    parameters = H1 * D + H1 + H2 * H1 + H2
    return BackpropCost(
        reverse=H2 + H2 * H1 + H2 * H1 + H1 + H1 * D,
        per_entry=H2 + H2 * H1 + H1 * (H2 + 1) + H1 * D * (H2 + 2),
        finite_difference=parameters * (H1 * D + H2 * H1),
    )


def _checked(**given: Any) -> tuple[np.ndarray, ...]:
    """The six arrays, with shapes that fit together."""
    ndim = {"W1": 2, "W2": 2}
    arrays = {name: real_array(value, name, ndim.get(name, 1)) for name, value in given.items()}
    (H1, D), H2 = arrays["W1"].shape, len(arrays["W2"])
    expected = {"W2": (H2, H1), "b1": (H1,), "b2": (H2,), "x": (D,), "y": (H2,)}
    for name, shape in expected.items():
        if arrays[name].shape != shape:
            other = "W2" if name in ("b2", "y") else "W1"
            raise ValueError(
                f"{name} has shape {arrays[name].shape} and {other} has shape "
                f"{arrays[other].shape}; expected {name} of shape {shape}."
            )
    return same_precision(*arrays.values())
