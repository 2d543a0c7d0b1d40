"""A deep ELU network: its output, its gradient, and the norm of every layer's derivative."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.grading.exercise import Exercise, Inputs, Part
from chainrule.grading.slips import of_derivatives

#: The network of part (i), and small ones whose widths all differ.
FIVE = (5, 10, 10, 10, 10, 10, 3)
SIZES = ((5, 4, 6, 3), (2, 5, 7, 3, 4))


def parameters(rng: np.random.Generator, sizes: tuple[int, ...]) -> dict[str, Any]:
    """He weights and biases that are not zero."""
    found: dict[str, Any] = {}
    for layer, (rows, columns) in enumerate(zip(sizes[1:], sizes[:-1], strict=True), 1):
        found[f"W{layer}"] = rng.normal(size=(rows, columns)) * np.sqrt(2 / columns)
        found[f"b{layer}"] = rng.normal(size=(rows, 1)) / 2
    return found


def pre_activations(rng: np.random.Generator) -> list[Inputs]:
    """Of both signs, zero, and far beyond what exp can take."""
    column = rng.normal(size=(7, 1))
    column[0] = 0.0
    return [{"z": column}, {"z": np.array([[800.0], [-800.0], [1.5]])}]


def networks(rng: np.random.Generator) -> list[Inputs]:
    """The input of the question, and small networks."""
    cases = [{"parameters": parameters(rng, FIVE), "x": np.arange(1.0, 6.0).reshape(5, 1)}]
    for sizes in SIZES:
        cases.append({"parameters": parameters(rng, sizes), "x": rng.normal(size=(sizes[0], 1))})
    return cases


def labelled(rng: np.random.Generator) -> list[Inputs]:
    """Small networks with a class each, and a square one."""
    cases = []
    for number, sizes in enumerate((*SIZES, (4, 4, 4, 4))):
        y = np.zeros((sizes[-1], 1))
        y[number % sizes[-1]] = 1.0
        cases.append(
            {"parameters": parameters(rng, sizes), "x": rng.normal(size=(sizes[0], 1)), "y": y}
        )
    return cases


def gradients(rng: np.random.Generator) -> list[Inputs]:
    """Any arrays of a network's shapes."""
    return [{"gradients": parameters(rng, sizes)} for sizes in SIZES]


def loss(parameters: Any, x: Any, y: Any) -> Any:
    """The cross-entropy of the network's output."""
    a = x
    layers = len(parameters) // 2
    for layer in range(1, layers + 1):
        z = parameters[f"W{layer}"] @ a + parameters[f"b{layer}"]
        a = elu(z) if layer < layers else z
    top = np.max(a)
    # log Σ e^a - y·a: for one-hot y the same, and its gradient is p - y for any y.
    return top + np.log(np.sum(np.exp(a - top))) - np.sum(y * a)


def elu(z: Any) -> Any:
    """With α = 1."""
    return np.where(z > 0, z, np.expm1(np.minimum(z, 0)))


_FUNCTIONS = ("elu", "elu_derivative", "softmax")

EXERCISE = Exercise(
    name="deep-elu",
    title="Feed-forward and backpropagation of a deep ELU network",
    document="003",
    question="P2 i-ii",
    summary="Write ELU, softmax and the forward pass of a network of any depth, then "
    "backpropagation and the norms of its gradients.",
    parts=(
        Part(
            "i-1", "ELU, its derivative and softmax", 2, _FUNCTIONS, pre_activations,
            hint="Does it hold at 0, and for z = ±800?",
            slips=of_derivatives({"elu_derivative": (elu, lambda z: np.exp(np.minimum(z, 0)))}),
        ),
        Part(
            "i-2", "the output of the network", 2, ("feed_forward",), networks,
            builds_on=("elu", "softmax"),
        ),
        Part(
            "ii-1", "backpropagation", 5, ("backpropagation",), labelled, loss=loss,
            builds_on=_FUNCTIONS, hint="For softmax with cross-entropy dz of the last layer is "
            "f(x) - y.",
        ),
        Part("ii-2", "norms of the derivatives", 1, ("gradient_norms",), gradients),
    ),
)  # fmt: skip
