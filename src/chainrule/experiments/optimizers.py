"""Experiment `optimizers`: GD, SGD, AdaGrad and Adam by hand on linear regression.

The methods are in `optimizers_by_hand`, what they are compared with in `optimizers_libraries`, the
figures in `optimizers_figures`.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from chainrule.experiments import optimizers_figures as figures
from chainrule.experiments.experiment import Experiment, Parameter, Run
from chainrule.experiments.optimizers_by_hand import (
    GD,
    SGD,
    AdaGrad,
    Adam,
    Linear,
    Problem,
    loss,
    train,
)
from chainrule.experiments.optimizers_libraries import (
    REFERENCE,
    chainrule_path,
    quadratic_iterates,
    torch_path,
)

SOURCE = "000 §2.7"
#: Name, class and the hand-out's learning rate of each method.
METHODS: tuple[tuple[str, Any, float], ...] = (
    ("GD", GD, 0.01), ("SGD", SGD, 0.01), ("AdaGrad", AdaGrad, 0.1), ("Adam", Adam, 0.1),
)  # fmt: skip


def method_of(run: Run, name: str, rate: float) -> Any:
    """A fresh optimizer; SGD draws the same samples in every comparison."""
    kind = {name: kind for name, kind, _ in METHODS}[name]
    return kind(rate, run.rng("samples")) if kind is SGD else kind(rate)


def model(run: Run, problem: Problem) -> None:
    """The model, its loss and its gradient."""
    run.section("The model and its gradient")
    run.text(
        "ŷ = X wᵀ + b and **loss = (1/n) Σ (ŷ<sub>i</sub> − y<sub>i</sub>)²**, so ∂loss/∂w = (2/n) "
        "Σ (ŷ<sub>i</sub> − y<sub>i</sub>) x<sub>i</sub> and ∂loss/∂b = (2/n) Σ (ŷ<sub>i</sub> − "
        "y<sub>i</sub>): the factor 2 belongs to it, as there is no ½ in the loss. Its Hessian is "
        "the constant H = (2/n) Σ (x<sub>i</sub>, 1)(x<sub>i</sub>, 1)ᵀ; the minimum is the least-"
        "squares solution. Training starts at w = (5, 5), b = 10."
    )
    at = Linear()
    prediction = at(np.array([[1.0, 2.0]]))
    run.claim(
        "model",
        "The model at its start for x = (1, 2), and its loss against y = 3",
        measured=f"{prediction[0, 0]:g}, {loss(np.array([[3.0]]), prediction):g}",
        expected="25, 484",
        holds=float(prediction[0, 0]) == 25 and loss(np.array([[3.0]]), prediction) == 484,
        source=SOURCE,
    )

    def measure() -> float:
        import chainrule as cr

        def as_written(w: Any, b: Any, X: Any, y: Any) -> Any:
            return np.mean((X @ w.T + b - y) ** 2)

        worst = 0.0
        for w1, w2, b in run.rng("points").normal(scale=5, size=(20, 3)):
            there = Linear((w1, w2), b)
            hand = GD().calculate_gradient(problem.X, problem.y, there)
            engine = cr.grad(as_written, argnums=(0, 1))(there.w, there.b, problem.X, problem.y)
            for mine, theirs in zip(hand, engine, strict=True):
                worst = max(worst, float(np.max(np.abs(mine - theirs) / np.abs(theirs).max())))
        return worst

    worst = run.step("gradients", measure)
    run.claim(
        "gradient",
        "calculate_gradient agrees with the engine's gradient at 20 random points: largest "
        "relative error",
        measured=worst,
        expected="at most 1e-13",
        holds=worst <= 1e-13,
        source=SOURCE,
    )


def trajectories(run: Run, problem: Problem) -> None:
    """300 steps of each."""
    run.section("Four methods")
    steps = run.parameters["steps"]
    run.text(
        "With gradient g, learning rate η, and every operation for each coordinate by itself:\n\n"
        "- **GD:** w ← w − ηg, g from all samples.\n"
        "- **SGD:** the same with g from one sample, drawn anew for each step.\n"
        "- **AdaGrad:** G ← G + g², w ← w − ηg/√(G + ε); G starts at 0.1. (PyTorch: G starts at "
        "0, and ε is outside the root.)\n"
        "- **Adam:** m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², w ← w − η (m/(1 − β₁ᵗ)) / "
        "(√(v/(1 − β₂ᵗ)) + ε), with t = 1 at the first step. (Keras adds its ε to √v instead.)"
    )
    paths = {}
    for name, _, rate in METHODS:
        method = method_of(run, name, rate)
        kept = run.step(
            f"path of {name}",
            functools.partial(train, method, problem.X, problem.y, Linear(), steps),
        )
        paths[f"{name}, η = {rate:g}"] = np.array(kept)
    excess = {name: problem.excess(path) for name, path in paths.items()}
    run.figure(
        "trajectories",
        f"{steps} steps from (5, 5, 10) to the minimum",
        figures.draw_trajectories(paths, problem.hessian, problem.best),
        alternative="GD goes straight to the minimum, SGD staggers around the same line, Adam "
        "overshoots and comes back, AdaGrad stops far from it.",
        table=(
            ["method", "w₁", "w₂", "b", "loss above the minimum"],
            [["minimum", *problem.best, 0.0],
             *([name, *path[-1], excess[name][-1]] for name, path in paths.items())],
        ),
        note="Contours: the loss minimised over the coordinate that is not shown.",
    )  # fmt: skip
    run.figure(
        "losses",
        "The loss above its minimum at each step",
        figures.draw_losses({name: e.tolist() for name, e in excess.items()}, problem.floor),
        alternative="GD is a straight line on the logarithmic axis, SGD levels off, Adam falls "
        "fastest at first and then oscillates, AdaGrad stays high.",
    )
    gd, _, adagrad, adam = paths.values()
    powers = [np.linalg.matrix_power(np.eye(3) - 0.01 * problem.hessian, t) for t in range(len(gd))]
    closed = problem.best + np.array([M @ (problem.start - problem.best) for M in powers])
    off = float(np.max(np.abs(gd - closed)))
    run.claim(
        "gd-closed-form",
        "GD follows the closed form w_t = w∗ + (I − ηH)ᵗ(w₀ − w∗): largest deviation",
        measured=off,
        expected="at most 1e-11",
        holds=off <= 1e-11,
        source=SOURCE,
    )
    first = np.abs(adam[1] - adam[0])
    run.claim(
        "adam-first-step",
        "Adam's first step is the learning rate in every coordinate, whatever the gradient's size",
        measured=", ".join(f"{step:.8f}" for step in first),
        expected="0.1 less at most 1e-6",
        holds=bool(np.all((first <= 0.1 + 1e-15) & (first > 0.1 - 1e-6))),
        source=SOURCE,
    )
    travelled = float(np.max(np.abs(adagrad[-1] - adagrad[0])))
    reach = 0.1 * 2 * np.sqrt(steps)
    run.claim(
        "adagrad-reach",
        f"AdaGrad with η = 0.1 cannot get from b = 10 to b = 2 in {steps} steps, nor should it: "
        "while the gradient keeps its sign and does not grow, a coordinate moves at most "
        "η Σ 1/√t < 2η√t. Largest move",
        measured=travelled,
        expected=f"at most {reach:.2f}",
        holds=travelled <= reach,
        source=SOURCE,
    )
    sign = float(excess["GD, η = 0.01"][-1]), float(excess["SGD, η = 0.01"][-50:].mean())
    run.claim(
        "sgd-floor",
        f"After {steps} steps: GD's loss above the minimum, and SGD's, mean of the last 50 steps, "
        "which the noise of single samples keeps up",
        measured=f"{sign[0]:.3g}, {sign[1]:.3g}",
        expected="GD below SGD, SGD below 1",
        holds=sign[0] < sign[1] < 1 if steps >= 300 else None,
        source=SOURCE,
    )


def sgd_mean(run: Run, problem: Problem) -> None:
    """SGD is GD on average."""
    run.section("SGD on average")
    runs, steps = run.parameters["runs"], run.parameters["steps"]
    run.text(
        "The gradient is affine in (w, b), and each step's sample is independent of where the "
        "steps before have led. So E w<sub>t</sub> follows the same recursion as GD, and the mean "
        "of many SGD runs is the path of GD, not only near it."
    )

    def measure() -> dict[str, Any]:
        rng = run.rng("average")
        w = np.tile(problem.start, (runs, 1))
        picks = rng.integers(len(problem.X), size=(steps, runs))
        t, score = [], []
        gd = problem.start.copy()
        for step, pick in enumerate(picks, 1):
            x = problem.design[pick]
            error = np.sum(x * w, axis=1) - problem.y[pick, 0]
            w -= 0.01 * 2 * error[:, None] * x
            gd = gd - 0.01 * problem.hessian @ (gd - problem.best)
            if step % 50 == 0 or step == steps:
                spread = w.std(axis=0, ddof=1) / np.sqrt(runs)
                t.append(step)
                score.append(float(np.max(np.abs(w.mean(axis=0) - gd) / spread)))
        return {"t": t, "score": score, "spread": w.std(axis=0, ddof=1), "gd": gd,
                "mean": w.mean(axis=0)}  # fmt: skip

    found = run.step("mean of SGD", measure)
    run.table(
        "mean",
        f"{runs} runs of SGD after {steps} steps",
        ["", "w₁", "w₂", "b"],
        [["GD", *found["gd"]], ["SGD, mean", *found["mean"]],
         ["SGD, standard deviation", *found["spread"]]],
    )  # fmt: skip
    worst = max(found["score"])
    run.claim(
        "sgd-unbiased",
        "The mean of SGD agrees with GD every 50 steps: largest deviation in standard errors",
        measured=worst,
        expected="at most 4",
        holds=worst <= 4,
        source=SOURCE,
    )


def learning_rates(run: Run, problem: Problem) -> None:
    """Which learning rates work."""
    run.section("The learning rate")
    steps = run.parameters["steps"]
    run.text(
        "GD multiplies the error along each eigenvector of H by 1 − ηλ in each step, so it "
        "converges for **η < 2/λ<sub>max</sub>** and for no other. AdaGrad and Adam divide the "
        "gradient by its own size and need another scale, about the distance to go divided by what "
        "a step can cover. “A cheap approximation of the Hessian”, as the hand-out says, is not "
        "what AdaGrad's G is: it is the sum of squared gradients, and depends on where one comes "
        "from."
    )
    rates = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.9, 1.1, 3.0, 10.0)

    def measure() -> dict[str, list[float]]:
        ends: dict[str, list[float]] = {}
        for name, _, _ in METHODS:
            ends[name] = []
            for rate in rates:
                with np.errstate(over="ignore", invalid="ignore"):
                    path = train(method_of(run, name, rate), problem.X, problem.y, Linear(), steps)
                    end = float(np.mean(problem.excess(path[-20:])))
                ends[name].append(min(end, 1e300) if np.isfinite(end) else 1e300)
        return ends

    ends = run.step("learning rates", measure)
    run.figure(
        "rates",
        f"Loss above the minimum after {steps} steps, mean of the last 20",
        figures.draw_rates(rates, ends, problem.limit),
        alternative="GD falls below 1e-15 at rates from 0.03 to 0.9, and blows up past the limit; "
        "SGD is best at 0.01 and blows up earlier; AdaGrad needs rates of 1 and more, Adam 0.3.",
        table=(
            ["η", *ends],
            [[rate, *row] for rate, *row in zip(rates, *ends.values(), strict=True)],
        ),
    )

    def either_side() -> list[float]:
        grown = []
        for factor in (0.99, 1.01):
            path = train(GD(factor * problem.limit), problem.X, problem.y, Linear(), 3000)
            start, end = problem.excess(path[[0, -1]])
            grown.append(float(end / start))
        return grown

    below, above = run.step("limit", either_side)
    run.claim(
        "gd-limit",
        f"3000 steps of GD with 0.99 and 1.01 times 2/λ_max = {problem.limit:.4f} multiply the "
        "loss above the minimum by",
        measured=f"{below:.1e}, {above:.1e}",
        expected="below 1e-6, above 1e6",
        holds=below < 1e-6 and above > 1e6,
        source=SOURCE,
    )
    adagrad = AdaGrad(0.1)
    train(adagrad, problem.X, problem.y, Linear(), steps)
    G = np.append(*adagrad.accumulator)
    curvature = np.diag(problem.hessian)
    run.table(
        "accumulator",
        "AdaGrad's accumulated squares beside the Hessian's diagonal",
        ["coordinate", "∂²loss", "√G at the end"],
        [[name, c, np.sqrt(g)] for name, c, g in zip(("w₁", "w₂", "b"), curvature, G, strict=True)],
    )
    spread = float(curvature.max() / curvature.min()), float(np.sqrt(G.max() / G.min()))
    run.claim(
        "adagrad-hessian",
        "AdaGrad's √G is no approximation of the Hessian: largest over smallest entry of its "
        "diagonal, and of √G",
        measured=f"{spread[0]:.2f}, {spread[1]:.2f}",
        expected="below 1.2, above 2",
        holds=spread[0] < 1.2 and spread[1] > 2,
        source=SOURCE,
    )


def libraries(run: Run, problem: Problem) -> None:
    """The same steps by libraries."""
    run.section("Against libraries")
    steps = run.parameters["steps"]
    run.text(
        "`chainrule.optim` with the engine's gradients, and `torch.optim` with PyTorch's, take the "
        "same steps from the same start; SGD is given the same samples. AdaGrad and Adam are run "
        "with each library's own conventions, which differ: from the same gradients the two "
        "AdaGrads are visibly apart in the first steps."
    )
    iterates = quadratic_iterates()
    run.table(
        "conventions",
        "f = ½(w₁² + 10w₂²) from (1, 1): the first three iterates",
        ["method", "step 1", "step 2", "step 3"],
        [[name, *(f"({a:.10f}, {b:.10f})" for a, b in steps)] for name, steps in iterates.items()],
    )  # fmt: skip
    off = max(float(np.max(np.abs(iterates[name] - value))) for name, value in REFERENCE.items())
    run.claim(
        "iterates",
        "The first three iterates of each method agree with reference values: largest deviation",
        measured=off,
        expected="at most 1e-12",
        holds=off <= 1e-12,
        source=SOURCE,
    )

    def compare(library: Any) -> dict[str, float] | None:
        picks = run.rng("samples").integers(len(problem.X), size=steps)
        found = {}
        for name, _, rate in METHODS:
            paths = library(name, rate, problem.X, problem.y, steps, picks)
            if paths is None:
                return None
            found[name] = float(np.max(np.abs(paths[0] - paths[1])))
        return found

    ours = run.step("chainrule.optim", functools.partial(compare, chainrule_path))
    torch = run.step("torch.optim", functools.partial(compare, torch_path))
    run.table(
        "libraries",
        f"Largest deviation of (w, b) over {steps} steps",
        ["method", "chainrule.optim", "torch.optim"],
        [[name, ours[name], "not installed" if torch is None else torch[name]] for name in ours],
    )
    run.claim(
        "chainrule-optim",
        "The hand-written methods agree with chainrule.optim: largest deviation of any",
        measured=max(ours.values()),
        expected="at most 1e-11",
        holds=max(ours.values()) <= 1e-11,
        source=SOURCE,
    )
    run.claim(
        "torch-optim",
        "The hand-written methods, with PyTorch's conventions, agree with torch.optim: largest "
        "deviation of any",
        measured="PyTorch is not installed" if torch is None else max(torch.values()),
        expected="at most 1e-11",
        holds=None if torch is None else max(torch.values()) <= 1e-11,
        source=SOURCE,
    )


def run_experiment(run: Run) -> None:
    """The sections in order."""
    problem = Problem(run.rng("data"), run.parameters["samples"])
    model(run, problem)
    trajectories(run, problem)
    sgd_mean(run, problem)
    learning_rates(run, problem)
    libraries(run, problem)


EXPERIMENT = Experiment(
    name="optimizers",
    title="Optimizers by hand",
    document="000",
    question="§2.7",
    summary=(
        "Gradient descent, stochastic gradient descent, AdaGrad and Adam, written out as "
        "`calculate_gradient` and `apply_gradient`, on linear regression: their paths on the loss "
        "surface, which learning rates suit them, and the same steps taken by libraries."
    ),
    parameters=(
        Parameter("samples", 2000, "points of the data set", minimum=10),
        Parameter("steps", 300, "steps of each method", minimum=60),
        Parameter("runs", 2000, "runs of SGD for its mean", minimum=100),
    ),
    presets={"quick": {"runs": 400}, "full": {}},
    data={"embedded": "Seeded draws: x ~ N(0, I), y = 4x₁ + 3x₂ + 2 + N(0, 1)."},
    run=run_experiment,
)
