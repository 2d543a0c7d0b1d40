"""Three ways to descend, judged by their iterates under learning rates that change."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from chainrule.checking.updates.rules import UpdateRule, Walk
from chainrule.grading.exercise import Exercise, Inputs, Part


def problems(rng: np.random.Generator) -> list[Inputs]:
    """Losses, starts and schedules."""
    cases = []
    for size, rates in ((1, [0.1, 0.1, 0.01, 0.01]), (3, [0.2, 0.1, 0.05, 0.2, 0.1])):
        root = rng.normal(size=(size, size))
        cases.append(
            {
                "A": root @ root.T / size + np.eye(size),
                "b": rng.normal(size=size),
                "w0": rng.normal(size=size),
                "rates": np.array(rates),
            }
        )
    return cases


def with_momentum(rng: np.random.Generator) -> list[Inputs]:
    """The same, with a coefficient each."""
    return [{**case, "rho": rho} for case, rho in zip(problems(rng), (0.9, 0.5), strict=True)]


def weights(rng: np.random.Generator) -> list[Inputs]:
    """Parameters of networks, with biases that are not zero."""
    cases = []
    for sizes in ((5, 4, 3), (2, 6, 3, 2)):
        found = {}
        for layer, (rows, columns) in enumerate(zip(sizes[1:], sizes[:-1], strict=True), 1):
            found[f"W{layer}"] = rng.normal(size=(rows, columns))
            found[f"b{layer}"] = rng.normal(size=(rows, 1))
        cases.append({"parameters": found})
    return cases


def rule(method: str) -> Callable[[Inputs], Walk]:
    """A method as it stands in the question, with the learning rate inside the velocity."""

    def walk(inputs: Inputs) -> Walk:
        A, b = inputs["A"], inputs["b"]
        return Walk(
            UpdateRule(method, rho=inputs.get("rho", 0.9), rate_in_velocity=True),
            lambda w, t: A @ w - b - np.sin(w),
            inputs["w0"],
            inputs["rates"].tolist(),
            defaults={"rho": 0.9} if "rho" in inputs else {},
        )

    return walk


EXERCISE = Exercise(
    name="momentum",
    title="Gradient descent, momentum and Nesterov momentum",
    document="003",
    question="P2 iii",
    summary="Write the three methods as they stand in the question, for any loss and any schedule "
    "of learning rates, and the norm of the weights.",
    parts=(
        Part(
            "iii-1", "gradient descent", 2, ("sgd",), problems, call="sgd",
            updates={"iterates": rule("gradient descent")},
        ),
        Part(
            "iii-2", "momentum", 3, ("momentum",), with_momentum, call="momentum",
            hint="The learning rate stands inside v: this matters when it changes.",
            updates={"iterates": rule("momentum")},
        ),
        Part(
            "iii-3", "Nesterov momentum", 3, ("nesterov",), with_momentum, call="nesterov",
            hint="The gradient is taken at w + ρ v, and the iterates are w.",
            updates={"iterates": rule("nesterov")},
        ),
        Part(
            "iii-4", "the norm of the weights", 1, ("weight_norm",), weights,
            hint="All matrices count as one long vector; biases do not count.",
        ),
    ),
)  # fmt: skip
