"""Four optimizers by hand, with ε where the hand-out puts it: libraries differ in this."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.checking.updates.rules import UpdateRule, Walk
from chainrule.grading.exercise import Exercise, Inputs, Part, Values


def regression(rng: np.random.Generator) -> list[Inputs]:
    """Data and models; numbers of examples and of features all differ."""
    return [
        {
            "X": rng.normal(size=(n, d)),
            "y": rng.normal(size=(n, 1)),
            "w": rng.normal(size=(1, d)),
            "b": rng.normal(size=1),
        }
        for n, d in ((7, 2), (11, 3))
    ]


def data(rng: np.random.Generator) -> list[Inputs]:
    """Inputs and models, without targets."""
    return [{key: case[key] for key in ("X", "w", "b")} for case in regression(rng)]


def targets(rng: np.random.Generator) -> list[Inputs]:
    """Targets and predictions, and the hand-out's example with its loss of 484."""
    pairs = [{"y_true": rng.normal(size=(n, 1)), "y_pred": rng.normal(size=(n, 1))} for n in (5, 8)]
    return [*pairs, {"y_true": np.array([[3.0]]), "y_pred": np.array([[25.0]])}]


def gradients(name: str) -> Any:
    """Cases for the gradient of one optimizer."""
    return lambda rng: [{"name": name, **case} for case in regression(rng)]


def paths(name: str, *options: dict[str, float], data: bool = False) -> Any:
    """Cases for the steps of one optimizer, under gradients of very different sizes."""

    def cases(rng: np.random.Generator) -> list[Inputs]:
        found = []
        for case, each in zip(regression(rng), options, strict=True):
            d = case["X"].shape[1]
            grads = [
                [rng.normal(size=(1, d)) * scale, rng.normal(size=1) * scale]
                for scale in (1.0, 0.2, 3.0, 1.0)
            ]
            given = case if data else {key: case[key] for key in ("w", "b")}
            found.append({"name": name, "options": each, **given, "grads": grads})
        return found

    return cases


def steps(method: str, **constants: Any) -> dict[str, Callable[[Inputs], Walk]]:
    """The rule of the steps of one optimizer, with the hand-out's constants and conventions."""
    defaults = {"learning_rate": {"gradient descent": 0.01}.get(method, 0.001)}
    defaults |= {name: v for name, v in constants.items() if name in ("beta1", "beta2", "epsilon")}

    def walk(inputs: Inputs) -> Walk:
        given = {name: v for name, v in inputs["options"].items() if name != "lr"}
        grads = [np.concatenate([np.ravel(each) for each in pair]) for pair in inputs["grads"]]
        return Walk(
            UpdateRule(method, **{**constants, **given}),
            lambda w, t: grads[t - 1],
            np.concatenate([np.ravel(inputs["w"]), np.ravel(inputs["b"])]),
            [inputs["options"]["lr"]] * len(grads),
            groups={name: inputs[name].size for name in ("w", "b")},
            with_start=False,
            defaults=defaults,
        )

    return {"the parameters after each step": walk}


def draws(rng: np.random.Generator) -> list[Inputs]:
    """Data from which one example is drawn many times."""
    return [{**case, "count": 60} for case in regression(rng)]


_ONE = "the gradient, as a multiple of that of one example,"
_ALL = "every example is drawn at some time"


def one_of_them(inputs: Inputs, values: Values) -> Values:
    """Whether each gradient is that of one example, and whether the examples vary."""
    X, y, w, b = (inputs[key] for key in ("X", "y", "w", "b"))
    error = X @ w.T + b - y
    each = np.hstack([2 * error * X, 2 * error])
    given = np.hstack([np.asarray(values["grad_w"], float), np.asarray(values["grad_b"], float)])
    if given.shape != (inputs["count"], each.shape[1]):
        raise ValueError(
            "calculate_gradient must return (grad_w, grad_b) of the shapes of w and b."
        )
    distance = np.max(np.abs(given[:, None, :] - each), axis=2)
    nearest = np.argmin(distance, axis=1)
    single = np.min(distance, axis=1) <= 1e-6 * np.max(np.abs(each))
    if np.max(np.abs(given - each.mean(axis=0))) < 1e-9:
        raise ValueError("The gradient is that of all examples, not of one.")
    for factor in (0.5, 2.0, -1.0, 1 / len(X)):
        distance = np.max(np.abs(given[:, None, :] - factor * each), axis=2)
        if np.max(np.min(distance, axis=1)) < 1e-9:
            nearest = np.argmin(distance, axis=1)
            return {_ONE: factor, _ALL: bool(len(set(nearest)) > 0.8 * len(X))}
    return {
        _ONE: 1.0 if np.all(single) else "of no example",
        _ALL: bool(len(set(nearest)) > 0.8 * len(X)),
    }


def only(*factors: float) -> Any:
    """The mistake of a gradient that is one of these multiples of the right one."""
    return lambda inputs, values: {_ONE: values[_ONE] if values[_ONE] in factors else None}


def as_in_gd(inputs: Inputs, values: Values) -> Values:
    """The gradient of the submission's own GD."""
    return {"grad_w": values["grad_w of GD"], "grad_b": values["grad_b of GD"]}


#: The gradient was asked for before; here the steps count.
GRADIENT = {"grad_w": 0.1, "grad_b": 0.1}

EXERCISE = Exercise(
    name="optimizers",
    title="GD, SGD, AdaGrad and Adam by hand",
    document="000",
    question="§2.7",
    summary="Write a linear model with its loss, and four optimizers: how each computes its "
    "gradient, and how it applies it.",
    parts=(
        Part("model", "the linear model", 1, ("LinearModel",), data, call="predict"),
        Part("loss", "the mean squared error", 1, ("loss",), targets),
        Part(
            "gd-1", "the gradient of all examples", 2, ("GD.calculate_gradient",),
            gradients("GD"), call="gradient_of", hint="It has the factor 2/n.",
        ),
        Part(
            "gd-2", "the step of gradient descent", 1, ("GD.apply_gradient",),
            paths("GD", {"lr": 0.1}, {"lr": 0.03}), call="apply_all",
            updates=steps("gradient descent"),
        ),
        Part(
            "sgd-1", "the gradient of one random example", 2, ("SGD.calculate_gradient",), draws,
            call="draw", measure=one_of_them, slips={"G204": only(0.5, 2.0), "G205": only(-1.0)},
        ),
        Part(
            "sgd-2", "the step of SGD", 1, ("SGD.apply_gradient",),
            paths("SGD", {"lr": 0.1}, {"lr": 0.03}), call="apply_all",
            updates=steps("gradient descent"),
        ),
        Part(
            "adagrad", "the steps of AdaGrad", 3, ("AdaGrad",),
            paths("AdaGrad", {"lr": 0.1}, {"lr": 0.02, "epsilon": 0.05}, data=True),
            call="apply_all", weights=GRADIENT,
            hint="Each coordinate has its own accumulator, which starts at 0.1.",
            updates=steps("adagrad", epsilon=1e-7, initial=0.1, epsilon_place="inside"),
            follow=as_in_gd, earlier=("gradient_of_gd",),
        ),
        Part(
            "adam", "the steps of Adam", 4, ("Adam",),
            paths(
                "Adam", {"lr": 0.1},
                {"lr": 0.02, "beta1": 0.8, "beta2": 0.99, "epsilon": 0.05}, data=True,
            ),
            call="apply_all", weights=GRADIENT,
            hint="t is 1 in the first step; m and v of w and of b are kept apart.",
            updates=steps("adam", epsilon=1e-7, beta1=0.9, beta2=0.999),
            follow=as_in_gd, earlier=("gradient_of_gd",),
        ),
    ),
)  # fmt: skip
