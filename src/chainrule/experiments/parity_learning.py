"""Parts (b) and (d) of `parity` on the page: what training finds, and a deeper sigmoid network.

The networks and the loop are in `parity_training`.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.experiments import parity_figures as figures
from chainrule.experiments import parity_training as training
from chainrule.experiments.experiment import ExperimentError, Run

SOURCE = "001 §3"
DEPTHS = (1, 2, 4, 8)


def check(run: Run) -> None:
    """Refuse numbers of ones that do not fit the dimensions.

    Raises
    ------
    ExperimentError
    """
    dimensions, ones = run.parameters["dimensions"], run.parameters["ones"]
    if len(dimensions) != len(ones):
        raise ExperimentError(
            f"Parameter 'ones' has {len(ones)} numbers for {len(dimensions)} dimensions; give one "
            "for each, for example dimensions=5,10 ones=3,3."
        )
    pairs = [*zip(dimensions, ones, strict=True)]
    pairs += [(dimensions[-1], count) for count in run.parameters["sparse_ones"]]
    for d, count in pairs:
        if count > d:
            raise ExperimentError(f"A v of {d} bits cannot have {count} ones; choose 1 to {d}.")


def learning(run: Run) -> None:
    """Part (b): three trainings, and what decides whether they succeed."""
    parameters = run.parameters
    dimensions, ones = parameters["dimensions"], parameters["ones"]
    iterations, rate = parameters["iterations"], parameters["learning_rate"]
    largest = dimensions[-1]
    run.section("(b) Training on the hinge loss")
    run.text(
        "R = mean of max(0, 1 − y f(x)), flat where y f(x) ≥ 1, also at 1 itself, where the exact "
        "networks of (a) lie. k = 10d hidden units that begin as PyTorch's linear layers do, "
        f"batches of {parameters['batch_size']} fresh points, SGD with η = {rate:g} and momentum "
        f"0.9, {iterations:,} iterations. The trivial answer f = 0 has the loss 1.\n\nThe hand-out "
        "draws v at random, so |v|, the number of ones, is about d/2 and differs from run to run. "
        "Here it is set, and named with each curve, since it decides the outcome; which bits they "
        "are does not matter to a network that is drawn at random."
    )
    curves: dict[str, dict[str, Any]] = {}
    with run.progress("trainings", len(dimensions)) as bar:
        for d, count in zip(dimensions, ones, strict=True):
            curves[f"d = {d}, |v| = {count}"] = run.step(
                f"training d {d} ones {count}", functools.partial(_train, run, d, count),
                f"d = {d}, |v| = {count}",
            )  # fmt: skip
            bar.advance(d=d)
    run.figure(
        "learning",
        f"The hinge loss for d = {', '.join(map(str, dimensions))}",
        figures.draw_learning(
            {name: (curve["iterations"], curve["losses"]) for name, curve in curves.items()}
        ),
        alternative="The curves of the smaller d fall from 1 to 0; that of the largest stays at 1.",
        table=_table(curves),
    )
    *small, large = curves.values()
    run.claim(
        "b-learned",
        f"For d = {', '.join(map(str, dimensions[:-1]))} the parity is learned: loss at the end, "
        "accuracy on 10,000 fresh points",
        measured="; ".join(f"{c['losses'][-1]:.4f}, {c['accuracy']:.4f}" for c in small),
        expected="below 0.05; above 0.99",
        holds=all(c["losses"][-1] < 0.05 and c["accuracy"] > 0.99 for c in small)
        if iterations >= 8000
        else None,
        source=f"{SOURCE} (b)",
    )
    run.claim(
        "b-chance",
        f"For d = {largest} and |v| = {ones[-1]} the parity is not learned: loss at the end, "
        "accuracy",
        measured=f"{large['losses'][-1]:.4f}, {large['accuracy']:.4f}",
        expected="0.98 to 1.02, 0.47 to 0.53",
        holds=abs(large["losses"][-1] - 1) < 0.02 and abs(large["accuracy"] - 0.5) < 0.03
        if largest >= 30 and ones[-1] >= 10
        else None,
        source=f"{SOURCE} (b)",
    )
    sparse = {
        f"|v| = {count}": run.step(
            f"training d {largest} sparse {count}",
            functools.partial(_train, run, largest, count),
            f"d = {largest}, |v| = {count}",
        )
        for count in parameters["sparse_ones"]
    }
    sparse[f"|v| = {ones[-1]}"] = large
    run.figure(
        "ones",
        f"The same d = {largest} with few ones in v",
        figures.draw_learning(
            {name: (curve["iterations"], curve["losses"]) for name, curve in sparse.items()}
        ),
        alternative="With one, two or three ones in v the loss falls to 0, the later the more "
        "ones there are; with many it stays at 1.",
        table=_table(sparse),
        note="Not d but |v| makes it hard: a parity of few bits shows in gradients of low order.",
    )
    learned = [
        count for count in parameters["sparse_ones"] if sparse[f"|v| = {count}"]["accuracy"] > 0.99
    ]
    needed = [count for count in parameters["sparse_ones"] if count <= 2]
    run.claim(
        "b-ones",
        f"At d = {largest}, where |v| = {ones[-1]} is not learned, |v| = "
        f"{', '.join(map(str, needed))} is: those learned",
        measured=", ".join(map(str, learned)) or "none",
        expected=f"{', '.join(map(str, needed))} among them",
        holds=set(needed) <= set(learned) if needed and iterations >= 8000 else None,
        source=f"{SOURCE} (b)",
    )


def _table(curves: dict[str, dict[str, Any]]) -> tuple[list[str], list[list[Any]]]:
    """Losses at about ten iterations, and the accuracy."""
    shown = np.unique(
        np.linspace(0, len(next(iter(curves.values()))["losses"]) - 1, 10).astype(int)
    )
    rows: list[list[Any]] = [
        [next(iter(curves.values()))["iterations"][i], *(c["losses"][i] for c in curves.values())]
        for i in shown
    ]
    rows.append(["accuracy", *(curve["accuracy"] for curve in curves.values())])
    return ["iterations", *curves], rows


def _train(run: Run, d: int, ones: int) -> dict[str, Any]:
    """One training of part (b)."""
    parameters = run.parameters
    with run.progress(f"d = {d}, |v| = {ones}", parameters["iterations"]) as bar:
        curve = training.train(
            training.two_layer_scores,
            training.two_layers(d, 10 * d, run.rng(f"network {d} {ones}")),
            training.secret(d, ones),
            run.rng(f"data {d} {ones}"),
            steps=parameters["iterations"],
            batch_size=parameters["batch_size"],
            learning_rate=parameters["learning_rate"],
            progress=lambda steps, loss: bar.advance(steps, loss=loss),
        )
    for iteration, loss in zip(curve.iterations, curve.losses, strict=True):
        run.metric(part="b", d=d, ones=ones, iteration=iteration, loss=loss)
    return vars(curve)


def deeper(run: Run) -> None:
    """Part (d): more layers, and sigmoid."""
    run.section("(d) Deeper, with sigmoid")
    run.text(
        "σ′ = σ(1 − σ) ≤ ¼. So one layer back, ∂R/∂a<sub>l</sub> = Wᵀ(σ′(z) ⊙ ∂R/∂a<sub>l+1</sub>"
        "), and **‖∂R/∂a<sub>l</sub>‖ ≤ ¼‖W‖₂ ‖∂R/∂a<sub>l+1</sub>‖**: the gradient of the first "
        "layers vanishes with the depth, for any d. It is the sigmoid, not the depth, that is the "
        "bad idea: with ReLU and He's weights the gradient keeps its size, and the deeper network "
        "learns a parity of few bits in fewer iterations."
    )
    ratios = run.step("gradient ratios", functools.partial(_ratios, run))
    run.figure(
        "ratios",
        "Gradient of the first layer relative to that of the last, at the start",
        figures.draw_ratios(DEPTHS, ratios),
        alternative="With ReLU the ratio stays between 0.1 and 1 up to eight hidden layers; with "
        "sigmoid it falls by about five orders of magnitude.",
        table=(["hidden layers", *ratios],
               [list(row) for row in zip(DEPTHS, *ratios.values(), strict=True)]),
        note="d = 10, 100 units a layer, medians of 10 networks.",
    )  # fmt: skip
    sigmoid, relu = ratios["sigmoid"], ratios["ReLU"]
    run.claim(
        "d-vanishing",
        "From 1 to 8 hidden layers the ratio changes by a factor of: sigmoid, ReLU",
        measured=f"{sigmoid[-1] / sigmoid[0]:.1e}, {relu[-1] / relu[0]:.2f}",
        expected="below 1e-3, above 0.1",
        holds=sigmoid[-1] < 1e-3 * sigmoid[0] and relu[-1] > 0.1 * relu[0],
        source=f"{SOURCE} (d)",
    )
    worst = run.step("bound", functools.partial(_bound, run))
    run.claim(
        "d-bound",
        "‖∂R/∂a_l‖ is at most ¼‖W‖₂ ‖∂R/∂a_{l+1}‖ in 200 random sigmoid layers: largest share "
        "of the bound",
        measured=worst,
        expected="at most 1",
        holds=worst <= 1 + 1e-12,
        source=f"{SOURCE} (d)",
    )
    steps = run.parameters["deep_iterations"]
    curves = {
        f"{name}, {layers} hidden": run.step(
            f"deep {name} {layers}", functools.partial(_train_deep, run, activation, layers)
        )
        for name, activation, layers in (
            ("ReLU", "relu", 1), ("ReLU", "relu", 4), ("sigmoid", "sigmoid", 1),
            ("sigmoid", "sigmoid", 4),
        )
    }  # fmt: skip
    run.figure(
        "deep",
        f"d = 5, |v| = 3, 50 units a layer, {steps:,} iterations",
        figures.draw_learning(
            {name: (curve["iterations"], curve["losses"]) for name, curve in curves.items()}
        ),
        alternative="ReLU with four hidden layers falls to 0 first, with one later; both sigmoid "
        "networks stay at 1.",
        table=_table(curves),
    )
    deep_relu, deep_sigmoid = curves["ReLU, 4 hidden"], curves["sigmoid, 4 hidden"]
    run.claim(
        "d-training",
        f"After {steps:,} iterations at d = 5, four hidden layers: accuracy with sigmoid, with "
        "ReLU",
        measured=f"{deep_sigmoid['accuracy']:.3f}, {deep_relu['accuracy']:.3f}",
        expected="0.4 to 0.6, above 0.99",
        holds=abs(deep_sigmoid["accuracy"] - 0.5) < 0.1 and deep_relu["accuracy"] > 0.99
        if 2000 <= steps <= 5000
        else None,
        source=f"{SOURCE} (d)",
    )


def _ratios(run: Run) -> dict[str, list[float]]:
    """Median over networks of ‖∂R/∂W₁‖/‖∂R/∂W_last‖ for each depth."""
    import chainrule as cr

    d, v = 10, training.secret(10, 5)
    x, y = next(training.batches(v, 1000, 1, run.rng("ratios, data")))
    found: dict[str, list[float]] = {}
    for name, activation in (("ReLU", "relu"), ("sigmoid", "sigmoid")):
        gradient = cr.grad(training.hinge_risk(training.deep_scores(activation)))
        found[name] = []
        for layers in DEPTHS:
            each = []
            for case in range(10):
                rng = run.rng(f"ratios {activation} {layers} {case}")
                grads = gradient(training.deep(d, 10 * d, layers, activation, rng), x, y)
                last = np.linalg.norm(grads[f"W{layers + 1}"])
                each.append(float(np.linalg.norm(grads["W1"]) / last))
            found[name].append(float(np.median(each)))
    return found


def _bound(run: Run) -> float:
    """Largest share of ¼‖W‖₂ that a random layer's backward step reaches."""
    rng = run.rng("bound")
    worst = 0.0
    for _ in range(200):
        m, n = rng.integers(1, 12, size=2)
        W, z, above = rng.normal(size=(n, m)), rng.normal(size=n), rng.normal(size=n)
        below = W.T @ (nn.sigmoid(z) * nn.sigmoid(-z) * above)
        bound = np.linalg.norm(W, 2) / 4 * np.linalg.norm(above)
        worst = max(worst, float(np.linalg.norm(below) / bound))
    return worst


def _train_deep(run: Run, activation: str, layers: int) -> dict[str, Any]:
    """One training of part (d)."""
    curve = training.train(
        training.deep_scores(activation),
        training.deep(5, 50, layers, activation, run.rng(f"deep {activation} {layers}")),
        training.secret(5, 3),
        run.rng("deep, data"),
        steps=run.parameters["deep_iterations"],
        learning_rate=run.parameters["learning_rate"],
    )
    return vars(curve)
