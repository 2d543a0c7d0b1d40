"""The digit classifier of homework 1: functions, forward pass, gradient, one step."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.grading.exercise import Exercise, Inputs, Part, Values
from chainrule.grading.slips import of_derivatives

SIZES = ((7, 5, 4, 3), (4, 6, 3, 5), (4, 4, 4, 4))


def vectors(rng: np.random.Generator) -> list[Inputs]:
    """Of both signs, and far beyond what exp can take."""
    return [{"z": 2 * rng.normal(size=6)}, {"z": np.array([-800.0, 800.0, 0.0, 1.0])}]


def predictions(rng: np.random.Generator) -> list[Inputs]:
    """Probabilities and a class; labels that are not one-hot show a wrong sum."""
    cases = []
    for classes in (4, 7):
        p = np.exp(rng.normal(size=classes))
        cases.append({"y_pred": p / p.sum(), "y": np.eye(classes)[classes // 2]})
    soft = np.array([0.5, 0.25, 0.25])
    return [*cases, {"y_pred": np.array([0.2, 0.3, 0.5]), "y": soft}]


def samples(rng: np.random.Generator) -> list[Inputs]:
    """Networks whose widths all differ, and a square one; an example for each."""
    cases = []
    for number, sizes in enumerate(SIZES):
        parameters: dict[str, Any] = {}
        for layer in (1, 2, 3):
            rows, columns = sizes[layer], sizes[layer - 1]
            parameters[f"W{layer}"] = rng.normal(size=(rows, columns))
            parameters[f"b{layer}"] = rng.normal(size=rows)
        y = np.eye(sizes[-1])[number]
        cases.append({"parameters": parameters, "x": rng.normal(size=sizes[0]), "y": y})
    return cases


def inputs_only(rng: np.random.Generator) -> list[Inputs]:
    """Networks and inputs, without labels."""
    return [{"parameters": case["parameters"], "x": case["x"]} for case in samples(rng)]


def steps(rng: np.random.Generator) -> list[Inputs]:
    """Networks, examples, and a learning rate large enough to show an update taken too early."""
    return [
        {**case, "learning_rate": rate}
        for case, rate in zip(samples(rng), (0.5, 0.3, 0.05), strict=True)
    ]


def loss(parameters: Any, x: Any, y: Any) -> Any:
    """The cross-entropy of one example."""
    a = x
    for layer in (1, 2):
        a = 1 / (1 + np.exp(-(parameters[f"W{layer}"] @ a + parameters[f"b{layer}"])))
    z = parameters["W3"] @ a + parameters["b3"]
    top = np.max(z)
    # log Σ e^z - y·z: for one-hot y the same, and its gradient is p - y for any y.
    return top + np.log(np.sum(np.exp(z - top))) - np.sum(y * z)


def stepped(parameters: Values, inputs: Inputs, scale: float) -> Values:
    """Parameters after a step of ``scale`` times the gradient."""
    from chainrule import grad

    found = grad(loss)(parameters, inputs["x"], inputs["y"])
    return {name: w + scale * found[name] for name, w in parameters.items()}


def uphill(inputs: Inputs, values: Values) -> Values:
    """The step with the wrong sign."""
    return stepped(inputs["parameters"], inputs, inputs["learning_rate"])


def without_rate(inputs: Inputs, values: Values) -> Values:
    """The gradient itself is subtracted."""
    return stepped(inputs["parameters"], inputs, -1.0)


def one_after_another(inputs: Inputs, values: Values) -> Values:
    """Each gradient is taken when the parameters before it have changed already."""
    found = dict(inputs["parameters"])
    for name in found:
        found[name] = stepped(found, inputs, -inputs["learning_rate"])[name]
    return found


def unchanged(inputs: Inputs, values: Values) -> Values:
    """What the parameters were."""
    return dict(inputs["parameters"])


def sigmoid(z: Any) -> Any:
    """Without overflow."""
    return 0.5 * (1 + np.tanh(z / 2))


SLIPS = {"G205": uphill, "U102": without_rate, "U105": unchanged, "G804": one_after_another}
_FUNCTIONS = ("sigmoid", "dsigmoid", "softmax")

EXERCISE = Exercise(
    name="manual-backprop",
    title="Backpropagation of a digit classifier by hand",
    document="004",
    question="P5",
    summary="Write sigmoid, softmax, cross-entropy and their derivatives, the forward pass, the "
    "gradient of every parameter, and a training step.",
    parts=(
        Part(
            "a-1", "sigmoid and softmax with their derivatives", 4, (*_FUNCTIONS, "dsoftmax"),
            vectors, hint="Derivatives are taken at z, not at the activation; try z = ±800.",
            slips=of_derivatives({"dsigmoid": (sigmoid, lambda z: sigmoid(z) * (1 - sigmoid(z)))}),
        ),
        Part("a-2", "cross-entropy", 1, ("cross_entropy_loss",), predictions),
        Part(
            "b", "the forward pass", 2, ("feed_forward_sample",), inputs_only,
            builds_on=("sigmoid", "softmax"),
        ),
        Part(
            "c", "the gradient of every parameter", 6, ("gradients",), samples, loss=loss,
            builds_on=(*_FUNCTIONS, "dsoftmax", "feed_forward_sample"),
        ),
        Part(
            "d", "one step of training", 2, ("train_one_sample",), steps,
            builds_on=("gradients", *_FUNCTIONS),
            slips=SLIPS,
            hint="All gradients are taken before any parameter changes.",
        ),
    ),
)  # fmt: skip
