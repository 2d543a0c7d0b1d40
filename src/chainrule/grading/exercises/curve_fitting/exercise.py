"""Neural networks for curve fitting: weights by hand, forward, backward, the loss."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.grading.exercise import Exercise, Inputs, Part, Values


def curves(rng: np.random.Generator) -> list[Inputs]:
    """One, two and three bends; flat, rising and falling beyond the first and the last."""
    cases = [
        {"knots": np.array([1.0]), "slopes": np.array([-2.0, 3.0]), "value": 0.5},
        {"knots": np.array([-1.0, 1.0]), "slopes": np.array([0.0, 1.0, -2.0]), "value": 0.0},
    ]
    for m in (2, 3):
        cases.append(
            {
                "knots": np.cumsum(rng.uniform(0.5, 2, size=m)) - 2,
                "slopes": rng.normal(size=m + 1) + np.arange(m + 1),
                "value": float(rng.normal()),
            }
        )
    return cases


def on_the_line(inputs: Inputs, values: Values) -> Values:
    """The returned network's values at the bends, between them and far outside."""
    found = values["fit_curve"]
    if not isinstance(found, tuple | list) or len(found) != 4:
        raise ValueError("fit_curve must return four things: (W_H, b_H, W_O, b_O).")
    W_H, b_H, W_O, b_O = (np.asarray(each, dtype=float) for each in found)
    if not W_H.shape == b_H.shape == W_O.shape == (4,) or b_O.size != 1:
        raise ValueError("W_H, b_H and W_O must have the shape (4,), and b_O must be a number.")
    knots = inputs["knots"]
    inner = (knots[1:] + knots[:-1]) / 2
    names = {
        "left of the first bend": [knots[0] - 10, knots[0] - 1],
        "at the bends": knots,
        "right of the last bend": [knots[-1] + 1, knots[-1] + 10],
    }
    if len(inner):
        names["between the bends"] = inner
    return {
        name: np.maximum(np.outer(x, W_H) + b_H, 0) @ W_O + b_O.reshape(())
        for name, x in names.items()
    }


def _question() -> Inputs:
    return {
        "W_H": np.array([-1.0, 1, 1, -1]), "b_H": np.array([1.0, 1, -1, 1]),
        "W_O": np.array([-1.0, -1, -1, 1]), "b_O": 1.0,
    }  # fmt: skip


def _random(rng: np.random.Generator) -> Inputs:
    return {
        "W_H": rng.normal(size=4), "b_H": rng.normal(size=4), "W_O": rng.normal(size=4),
        "b_O": float(rng.normal()),
    }  # fmt: skip


def at_points(rng: np.random.Generator) -> list[Inputs]:
    """The question's parameters at 2, at 1 where three units are exactly 0, and others."""
    others = [{**_random(rng), "x": float(rng.normal())} for _ in range(2)]
    return [{**_question(), "x": 2.0}, {**_question(), "x": 1.0}, *others]


def output(W_H: Any, b_H: Any, W_O: Any, b_O: Any, x: Any) -> Any:
    """f at one x."""
    h = np.maximum(W_H * x + b_H, 0)
    return np.sum(W_O * h) + b_O


def active_at_zero(inputs: Inputs, values: Values) -> Values:
    """The derivatives with a ReLU that counts as active at exactly 0."""
    x = inputs["x"]
    active = inputs["W_H"] * x + inputs["b_H"] >= 0
    return {"W_H": inputs["W_O"] * active * x, "b_H": inputs["W_O"] * active}


def data(rng: np.random.Generator) -> list[Inputs]:
    """Parameters and data of different sizes."""
    return [{**_random(rng), "x": rng.normal(size=n), "y": rng.normal(size=n)} for n in (5, 7)] + [
        {**_question(), "x": np.array([-1.0, 0.5, 2.0]), "y": np.array([0.0, 1.0, -1.0])}
    ]


def loss(W_H: Any, b_H: Any, W_O: Any, b_O: Any, x: Any, y: Any) -> Any:
    """The sum of squared errors."""
    h = np.maximum(np.outer(x, W_H) + b_H, 0)
    f = h @ W_O + b_O
    return np.sum((y - f) ** 2)


_PARAMETERS = ("W_H", "b_H", "W_O", "b_O")

EXERCISE = Exercise(
    name="curve-fitting",
    title="Four ReLUs that fit a curve",
    document="004",
    question="P3",
    summary="Choose weights by hand so that the network equals a piecewise linear curve, then "
    "propagate forwards and backwards.",
    parts=(
        Part(
            "a", "weights for a curve", 4, ("fit_curve",), curves, measure=on_the_line,
            hint="A unit max(0, x - t) bends the curve at t by its output weight.",
        ),
        Part("c", "forward", 2, ("forward",), at_points),
        Part(
            "d", "the gradient of f", 4, ("gradient",), at_points, loss=output,
            parameters=_PARAMETERS,
            hint="Where a unit is exactly 0 its derivative is 0.", slips={"G404": active_at_zero},
        ),
        Part(
            "b", "the gradient of the loss", 4, ("loss_gradient",), data, loss=loss,
            builds_on=("forward", "gradient"), parameters=_PARAMETERS,
        ),
    ),
)  # fmt: skip
