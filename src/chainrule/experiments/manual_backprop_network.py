"""The digit classifier of 004 P5 with every derivative written out, and two classic mistakes.

    z1 = W1 x + b1,  a1 = σ(z1),  z2 = W2 a1 + b2,  a2 = σ(z2),  z3 = W3 a2 + b3,
    loss = log Σ exp(z3) − y·z3,  the cross-entropy of p = softmax(z3).

One image x at a time, y its one-hot label. The derivative of the loss by a variable v is dv.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from chainrule import nn

Arrays = dict[str, np.ndarray]
NAMES = ("W1", "b1", "W2", "b2", "W3", "b3")
#: Intermediate values in the order in which their derivatives are found.
INTERMEDIATE = ("z3", "a2", "z2", "a1", "z1")


def initialize(sizes: tuple[int, ...], rng: np.random.Generator) -> Arrays:
    """Weights from N(0, 1/max(inputs, outputs)), that being the variance; biases zero."""
    params: Arrays = {}
    for layer, (inputs, outputs) in enumerate(pairwise(sizes), 1):
        params[f"W{layer}"] = rng.normal(size=(outputs, inputs)) / np.sqrt(max(inputs, outputs))
        params[f"b{layer}"] = np.zeros(outputs)
    return params


def dsigmoid(z: np.ndarray) -> np.ndarray:
    """σ'(z) = σ(z)(1 − σ(z)) of the pre-activation z, written so that it does not cancel."""
    return np.asarray(nn.sigmoid(z) * nn.sigmoid(-z))


def forward(params: Mapping[str, np.ndarray], x: np.ndarray) -> Arrays:
    """Every value of the forward pass by name, for x of shape (inputs,)."""
    z1 = params["W1"] @ x + params["b1"]
    a1 = nn.sigmoid(z1)
    z2 = params["W2"] @ a1 + params["b2"]
    a2 = nn.sigmoid(z2)
    z3 = params["W3"] @ a2 + params["b3"]
    return {"x": x, "z1": z1, "a1": a1, "z2": z2, "a2": a2, "z3": z3}


def cross_entropy(z3: np.ndarray, y: np.ndarray) -> float:
    """log Σ exp(z3) − y·z3, by subtracting the largest logit first."""
    top = np.max(z3)
    return float(top + np.log(np.sum(np.exp(z3 - top))) - y @ z3)


def backward(params: Mapping[str, np.ndarray], values: Arrays, y: np.ndarray) -> Arrays:
    """The derivative of the loss by every parameter and intermediate value, from the top down."""
    dz3 = np.asarray(nn.softmax(values["z3"])) - y
    da2 = params["W3"].T @ dz3
    dz2 = da2 * dsigmoid(values["z2"])
    da1 = params["W2"].T @ dz2
    dz1 = da1 * dsigmoid(values["z1"])
    return {
        "z3": dz3,
        "W3": np.outer(dz3, values["a2"]),
        "b3": dz3,
        "a2": da2,
        "z2": dz2,
        "W2": np.outer(dz2, values["a1"]),
        "b2": dz2,
        "a1": da1,
        "z1": dz1,
        "W1": np.outer(dz1, values["x"]),
        "b1": dz1,
    }


def derivative_of_the_activation(
    params: Mapping[str, np.ndarray], values: Arrays, y: np.ndarray
) -> Arrays:
    """The classic mistake of σ'(a) for σ'(z): a = σ(z) is passed where z belongs."""
    return backward(params, {**values, "z1": values["a1"], "z2": values["a2"]}, y)


def update_before_propagation(
    params: Mapping[str, np.ndarray], values: Arrays, y: np.ndarray, learning_rate: float = 0.5
) -> Arrays:
    """The classic mistake of changing W3 and W2 before the gradient has passed through them."""
    changed = dict(params)
    for layer in (3, 2):
        dW = backward(changed, values, y)[f"W{layer}"]
        changed[f"W{layer}"] = changed[f"W{layer}"] - learning_rate * dW
    return backward(changed, values, y)


def loss_as_written(W1: Any, b1: Any, W2: Any, b2: Any, W3: Any, b3: Any, x: Any, y: Any) -> Any:
    """The loss for the engine, which knows nothing of the derivatives above."""
    a1 = nn.sigmoid(W1 @ x + b1)
    a2 = nn.sigmoid(W2 @ a1 + b2)
    z3 = W3 @ a2 + b3
    top = np.max(z3)
    return top + np.log(np.sum(np.exp(z3 - top))) - y @ z3


def loss_with_offsets(params: Any, offsets: Any, x: Any, y: Any) -> Any:
    """The loss with something added to every intermediate value.

    The gradient by an offset of zero is the derivative by the intermediate value itself.
    """
    z1 = params["W1"] @ x + params["b1"] + offsets["z1"]
    a1 = nn.sigmoid(z1) + offsets["a1"]
    z2 = params["W2"] @ a1 + params["b2"] + offsets["z2"]
    a2 = nn.sigmoid(z2) + offsets["a2"]
    z3 = params["W3"] @ a2 + params["b3"] + offsets["z3"]
    top = np.max(z3)
    return top + np.log(np.sum(np.exp(z3 - top))) - y @ z3


def engine_gradients(params: Arrays, values: Arrays, y: np.ndarray) -> Arrays:
    """What `backward` returns, by the engine."""
    import chainrule as cr

    offsets = {name: np.zeros_like(values[name]) for name in INTERMEDIATE}
    by_parameter, by_offset = cr.grad(loss_with_offsets, argnums=(0, 1))(
        params, offsets, values["x"], y
    )
    return {**by_parameter, **by_offset}


def relative_error(mine: np.ndarray, theirs: np.ndarray) -> float:
    """‖mine − theirs‖ / ‖theirs‖."""
    return float(np.linalg.norm(mine - theirs) / np.linalg.norm(theirs))


def evaluate(params: Mapping[str, np.ndarray], X: np.ndarray, labels: np.ndarray) -> list[float]:
    """Mean cross-entropy and accuracy over images as rows of X."""
    a1 = nn.sigmoid(X @ params["W1"].T + params["b1"])
    a2 = nn.sigmoid(a1 @ params["W2"].T + params["b2"])
    z3 = a2 @ params["W3"].T + params["b3"]
    right = np.argmax(z3, axis=1) == labels
    return [float(nn.cross_entropy(z3, labels)), float(np.mean(right))]


def step_by_step(
    params: Arrays,
    X: np.ndarray,
    labels: np.ndarray,
    order: np.ndarray,
    learning_rate: float,
    by_hand: Callable[..., Arrays] = backward,
    engine: Callable[..., Any] | None = None,
) -> float:
    """SGD on one image after another by hand-written gradients, each checked by the engine's.

    Parameters
    ----------
    params : dict of arrays
        Are changed.
    X : array, shape (n, inputs)
    labels : int array, shape (n,)
    order : int array
        The images to take, in this order.
    learning_rate : float
    by_hand : callable
        `backward`, or one of the mistakes.
    engine : callable, optional
        The engine's gradient of `loss_as_written` by its first six arguments.

    Returns
    -------
    float
        Largest relative error of any parameter's gradient at any step, times ‖p − y‖: when the
        network is sure of the right class, p − y is a difference of nearly equal numbers, and
        there are no more digits than that to agree in.
    """
    one_hot = np.eye(len(params["b3"]))
    worst = 0.0
    for i in order:
        x, y = X[i], one_hot[labels[i]]
        grads = by_hand(params, forward(params, x), y)
        if engine is not None:
            sure = grads["z3"] @ grads["z3"]
            theirs = engine(*(params[name] for name in NAMES), x, y)
            for name, g in zip(NAMES, theirs, strict=True):
                off, size = (grads[name] - g).ravel(), g.ravel()
                error = (off @ off) / (size @ size) * sure
                # not "error > worst": a NaN must not pass
                if not error <= worst:
                    worst = float(error)
        for name in NAMES:
            params[name] -= learning_rate * grads[name]
    return float(np.sqrt(worst))
