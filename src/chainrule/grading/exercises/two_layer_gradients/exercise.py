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


def from_own_values(inputs: Inputs, values: Values) -> Values:
    """dL/dq, given the submission's own dL/dh."""
    q = inputs["W1"] @ inputs["x"] + inputs["b1"]
    return {"dL_dq": (q > 0) * np.asarray(values["dL_dh"])}


_KINK = "The derivative of max(q, 0) is 1 where q > 0, else 0."

EXERCISE = Exercise(
    name="two-layer-gradients",
    title="Twelve partial derivatives of a two-layer network",
    document="000",
    question="§1.1",
    summary="Derive the partial derivatives of a two-layer ReLU network one after another, then "
    "write the gradient so that nothing is computed twice.",
    parts=(
        Part("a", "derivatives around the output", 5, ("output_partials",), networks),
        Part(
            "b", "derivatives around the hidden layer", 3, ("hidden_partials",), networks,
            hint=_KINK, follow=from_own_values,
        ),
        Part(
            "c", "derivatives around the first layer", 4, ("input_partials",), networks, hint=_KINK
        ),
        Part(
            "d", "the gradient by backpropagation", 4, ("gradient",), networks, loss=loss,
            parameters=("W1", "b1", "W2", "b2"), hint=_KINK,
        ),
    ),
)  # fmt: skip
