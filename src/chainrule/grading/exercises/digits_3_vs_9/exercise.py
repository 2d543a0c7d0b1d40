"""The network that tells 3 from 9: cost, activations, backpropagation, steps, mini-batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.grading.exercise import Exercise, Inputs, Part, Values
from chainrule.grading.slips import of_derivatives

#: Each activation with its derivative.
FUNCTIONS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "TanhActivation": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "ReLUActivation": (lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(float)),
    "LinearActivation": (lambda z: z, np.ones_like),
}
ACTIVATIONS = ("TanhActivation", "ReLUActivation", "LinearActivation")


def predictions(rng: np.random.Generator) -> list[Inputs]:
    """Targets ±1 and predictions, of one and of several outputs."""
    return [
        {"y": np.sign(rng.normal(size=shape)), "yp": rng.normal(size=shape)}
        for shape in ((1, 7), (3, 5))
    ]


def pre_activations(rng: np.random.Generator) -> list[Inputs]:
    """Of both signs, and exactly zero, where a derivative is a convention."""
    first = rng.normal(size=(4, 6))
    first[0, :2] = 0.0
    return [{"z": first}, {"z": 3 * rng.normal(size=(2, 5))}]


def _layers(
    rng: np.random.Generator, sizes: tuple[int, ...], activations: tuple[str, ...]
) -> list[Inputs]:
    return [
        {
            "W": rng.normal(size=(rows, columns)) / np.sqrt(columns),
            "b": rng.normal(size=(rows, 1)),
            "activation": activation,
        }
        for rows, columns, activation in zip(sizes[1:], sizes[:-1], activations, strict=True)
    ]


def networks(rng: np.random.Generator) -> list[Inputs]:
    """Two layers; three of other widths; a square one, in which a transpose goes unnoticed."""
    tanh, relu, linear = ACTIVATIONS
    plans: list[tuple[tuple[int, ...], tuple[str, ...], int]] = [
        ((5, 4, 1), (tanh, linear), 7),
        ((6, 3, 5, 2), (relu, tanh, linear), 11),
        ((4, 4, 4, 1), (tanh, relu, tanh), 3),
    ]
    return [
        {
            "layers": _layers(rng, sizes, activations),
            "x": rng.normal(size=(n, sizes[0])),
            "y": rng.normal(size=(n, sizes[-1])),
        }
        for sizes, activations, n in plans
    ]


def _backwards(
    inputs: Inputs,
    values: Values | None,
    local: Callable[[Any, Any, Callable[[Any], Any]], Any],
) -> Values:
    """Each derivative from the given one of the layer after it, else from its own."""
    layers = inputs["layers"]
    a, pairs = inputs["x"].T, []
    for layer in layers:
        z = layer["W"] @ a + layer["b"]
        value, derivative = FUNCTIONS[layer["activation"]]
        a = value(z)
        pairs.append(local(z, a, derivative))
    found = {"grad[-1]": (a - inputs["y"].T) * pairs[-1]}
    for i in range(-2, -len(layers) - 1, -1):
        given = (found if values is None else values)[f"grad[{i + 1}]"]
        after = layers[i + 1]["W"].T @ np.asarray(given)
        found[f"grad[{i}]"] = after * pairs[i]
    return found


def from_the_layer_after(inputs: Inputs, values: Values) -> Values:
    """What each derivative should be, given the submission's own of the layer after it."""
    return _backwards(inputs, values, lambda z, a, derivative: derivative(z))


def first_layer_last(inputs: Inputs, values: Values) -> Values:
    """The right derivatives in the order in which they are found."""
    right = _backwards(inputs, None, lambda z, a, derivative: derivative(z))
    return dict(zip(reversed(right), right.values(), strict=True))


def without_bias(inputs: Inputs, values: Values) -> Values:
    """No step of any bias."""
    return {f"step of b{i}": np.zeros_like(each["b"]) for i, each in enumerate(inputs["layers"], 1)}


SLIPS: dict[str, Callable[[Inputs, Values], Values]] = {
    "G401": lambda inputs, values: _backwards(inputs, values, lambda z, a, f: 1.0),
    "G402": lambda inputs, values: _backwards(inputs, values, lambda z, a, f: f(a)),
    "G704": first_layer_last,
}


def steps(rng: np.random.Generator) -> list[Inputs]:
    """Derivatives by pre-activations, inputs of layers, and a learning rate."""
    cases = []
    for sizes, m, eta in (((5, 4, 1), 7, 0.3), ((3, 6, 2), 11, 0.05)):
        cases.append(
            {
                "layers": _layers(rng, sizes, ("", "")),
                "g": [rng.normal(size=(k, m)) for k in sizes[1:]],
                "a": [rng.normal(size=(k, m)) for k in sizes[:-1]],
                "eta": eta,
            }
        )
    return cases


def batches(rng: np.random.Generator) -> list[Inputs]:
    """Batch sizes that divide the number of examples, and that do not."""
    tanh, _, linear = ACTIVATIONS
    return [
        {
            "layers": _layers(rng, (4, 3, 1), (tanh, linear)),
            "x": rng.normal(size=(n, 4)),
            "y": np.sign(rng.normal(size=(n, 1))),
            "batchSize": size,
            "numEpochs": epochs,
        }
        for n, size, epochs in ((12, 4, 3), (17, 5, 2))
    ]


_FUNCTIONS = tuple(f"{name}.{f}" for name in ACTIVATIONS for f in ("fx", "dx"))

EXERCISE = Exercise(
    name="digits-3-vs-9",
    title="A network that tells 3 from 9",
    document="001",
    question="§1 b-e",
    summary="Write the cost, the activation functions and their derivatives, backpropagation "
    "through any number of dense layers, the step of gradient descent, and mini-batches.",
    parts=(
        Part(
            "b", "quadratic cost and its derivative", 2,
            ("QuadraticCost.fx", "QuadraticCost.dx"), predictions,
        ),
        Part(
            "c", "tanh, ReLU and linear, and their derivatives", 3, _FUNCTIONS, pre_activations,
            hint="Derivatives are taken at the pre-activation z; that of ReLU at 0 is 0.",
            slips=of_derivatives({f"{name}.dx": pair for name, pair in FUNCTIONS.items()}),
        ),
        Part(
            "d", "backpropagation through the layers", 5, ("Model.compute_grad",), networks,
            call="compute_grad", builds_on=("QuadraticCost.dx", *_FUNCTIONS),
            weights={f"a[{i}]": 0.1 for i in range(3)}, follow=from_the_layer_after, slips=SLIPS,
            hint="Compare grad of the last layer first: the others are made from it.",
        ),
        Part(
            "e", "the step of gradient descent", 3, ("GDOptimizer.update",), steps, call="update",
            slips={"U105": without_bias},
            hint="The step is -eta times the mean over the batch of g aᵀ, and of g.",
        ),
        Part(
            "f", "training on mini-batches", 2, ("Model.trainBatch",), batches, call="train_batch",
            builds_on=("QuadraticCost.fx", "TanhActivation.fx", "LinearActivation.fx"),
        ),
    ),
)  # fmt: skip
