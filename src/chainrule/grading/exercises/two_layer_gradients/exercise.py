"""The partial derivatives of a two-layer ReLU network, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.grading.exercise import Exercise, Inputs, Part, Values


def networks(rng: np.random.Generator) -> list[Inputs]:
    """Sizes that all differ; a unit exactly at the kink; square layers."""
    cases = []
    for D, H1, H2 in ((2, 4, 3), (5, 3, 2), (3, 3, 3)):
        cases.append(
            {
                "W1": rng.normal(size=(H1, D)),
                "b1": rng.normal(size=H1),
                "W2": rng.normal(size=(H2, H1)),
                "b2": rng.normal(size=H2),
                "x": rng.normal(size=D),
                "y": rng.normal(size=H2),
            }
        )
    last = cases[-1]
    # Small integers, so that the pre-activation of the first unit is 0 without rounding.
    last["x"] = np.array([1.0, 2.0, 3.0])
    last["W1"][0], last["b1"][0] = (2.0, -1.0, 0.0), 0.0
    return cases


def loss(W1: Any, b1: Any, W2: Any, b2: Any, x: Any, y: Any) -> Any:
    """L of equation (4)."""
    h = np.maximum(W1 @ x + b1, 0)
    return np.sum((W2 @ h + b2 - y) ** 2)


def around_the_output(inputs: Inputs, values: Values) -> Values:
    """What is made from the submission's own dL/dp."""
    dL_dp = np.asarray(values["dL_dp"])
    h = np.maximum(inputs["W1"] @ inputs["x"] + inputs["b1"], 0)
    return {"dL_dW2": np.outer(dL_dp, h), "dL_db2": dL_dp}


def around_the_hidden_layer(inputs: Inputs, values: Values) -> Values:
    """dL/dh from the submission's own dL/dp of part a, dL/dq from its own dL/dh and dh/dq."""
    found = {"dL_dq": np.asarray(values["dL_dh"]) @ np.asarray(values["dh_dq"])}
    if "dL_dp" in values:
        found["dL_dh"] = inputs["W2"].T @ np.asarray(values["dL_dp"])
    return found


def around_the_first_layer(inputs: Inputs, values: Values) -> Values:
    """What is made from the submission's own dL/dq of part b."""
    dL_dq = np.asarray(values["dL_dq"])
    return {"dL_dW1": np.outer(dL_dq, inputs["x"]), "dL_db1": dL_dq}


def as_before(inputs: Inputs, values: Values) -> Values:
    """The submission's own derivatives of parts a and c."""
    names = ("W1", "b1", "W2", "b2")
    return {name: values[f"dL_d{name}"] for name in names if f"dL_d{name}" in values}


_KINK = "The derivative of max(q, 0) is 1 where q > 0, else 0."

EXERCISE = Exercise(
    name="two-layer-gradients",
    title="Twelve partial derivatives of a two-layer network",
    document="000",
    question="§1.1",
    summary="Derive the partial derivatives of a two-layer ReLU network one after another, then "
    "write the gradient so that nothing is computed twice.",
    parts=(
        Part("a", "derivatives around the output", 5, ("output_partials",), networks,
             follow=around_the_output),
        Part(
            "b", "derivatives around the hidden layer", 3, ("hidden_partials",), networks,
            hint=_KINK, follow=around_the_hidden_layer, earlier=("output_partials",),
            builds_on=("output_partials",),
        ),
        Part(
            "c", "derivatives around the first layer", 4, ("input_partials",), networks,
            hint=_KINK, follow=around_the_first_layer, earlier=("hidden_partials",),
            builds_on=("output_partials", "hidden_partials"),
        ),
        Part(
            "d", "the gradient by backpropagation", 4, ("gradient",), networks, loss=loss,
            parameters=("W1", "b1", "W2", "b2"), hint=_KINK,
            follow=as_before, earlier=("output_partials", "input_partials"),
            builds_on=("output_partials", "hidden_partials", "input_partials"),
        ),
    ),
)  # fmt: skip
