"""Regression with the ℓ1 loss; minimisers are judged by their loss, for they need not be unique."""

from __future__ import annotations

import numpy as np

from chainrule.grading.exercise import Exercise, Inputs, Part, Values


def data(rng: np.random.Generator) -> list[Inputs]:
    """A line with an outlier, columns of ones, several features, fewer than a column of noise."""
    x = np.arange(5.0)
    line = {"X": np.column_stack([np.ones(5), x]), "y": np.array([1.0, 3, 5, 7, 100])}
    flat = {"X": np.ones((4, 1)), "y": np.array([1.0, 2, 10, 11])}
    others = [{"X": rng.normal(size=(n, d)), "y": rng.normal(size=n)} for n, d in ((7, 2), (9, 3))]
    return [line, flat, *others]


def with_weights(rng: np.random.Generator) -> list[Inputs]:
    """Data with any w, and with residuals that are exactly 0."""
    cases = [{**case, "w": rng.normal(size=case["X"].shape[1])} for case in data(rng)]
    return [*cases, {**data(rng)[0], "w": np.array([1.0, 2.0])}]


def samples(rng: np.random.Generator) -> list[Inputs]:
    """Values with weights; equal weights, and one that outweighs all."""
    heavy = np.array([1.0, 1.0, 9.0])
    return [
        {"values": rng.normal(size=7), "weights": rng.uniform(0.1, 2, size=7)},
        {"values": rng.normal(size=5), "weights": np.ones(5)},
        {"values": np.array([3.0, -1.0, 8.0]), "weights": heavy},
    ]


def its_cost(inputs: Inputs, values: Values) -> Values:
    """Σ weights |values - m| of the returned m."""
    m = np.asarray(values["weighted_median"], dtype=float)
    if m.size != 1:
        raise ValueError("weighted_median must return one number.")
    cost = np.sum(inputs["weights"] * np.abs(inputs["values"] - m.reshape(())))
    return {"the loss of the returned m": float(cost)}


def its_loss(inputs: Inputs, values: Values) -> Values:
    """‖X w - y‖₁ of the returned w."""
    w = np.asarray(values["l1_regression"], dtype=float)
    d = inputs["X"].shape[1]
    if w.size != d:
        raise ValueError(f"w has shape {w.shape}; ({d},) is right.")
    loss = float(np.sum(np.abs(inputs["X"] @ w.reshape(d) - inputs["y"])))
    return {"the loss of the returned w": loss, "the shape of w is (d,)": w.shape == (d,)}


EXERCISE = Exercise(
    name="l1-regression",
    title="Linear regression with absolute errors",
    document="004",
    question="P2",
    summary="Write the ℓ1 loss and a subgradient, find a minimiser with one feature and with "
    "several, and compare with least squares.",
    parts=(
        Part("a", "the loss and a subgradient", 3, ("l1_loss", "l1_subgradient"), with_weights),
        Part(
            "b-1", "a median with weights", 3, ("weighted_median",), samples, measure=its_cost,
            rtol=1e-9,
            hint="It is larger than the smallest; half of the weights lie on each side of m.",
        ),
        Part(
            "b-2", "a best w", 5, ("l1_regression",), data, measure=its_loss, rtol=1e-9,
            builds_on=("l1_loss",), weights={"the shape of w is (d,)": 3 / 7},
            hint="It is larger than the smallest, which some w that fits d points exactly has.",
        ),
        Part("c", "least squares", 1, ("least_squares",), data),
    ),
)  # fmt: skip
