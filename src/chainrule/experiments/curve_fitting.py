"""Experiment `curve-fitting`: curves of four ReLUs, fitted exactly and propagated by hand.

Parts (c) and (d) are here, with formulas from `chainrule.theory.relu_curves`; parts (a) and (b) are
in `curve_fitting_data`.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from chainrule.experiments import curve_fitting_data as fitting
from chainrule.experiments.differences import central_differences
from chainrule.experiments.experiment import Experiment, Parameter, Run
from chainrule.programs.explain import Explanation, explain
from chainrule.programs.explanation_values import local_derivatives, numbers, symbols, value_text
from chainrule.programs.step_page import step_page
from chainrule.theory.relu_curves import HANDOUT, ReluCurve

#: ∇f(2, θ₀) in the order W_H, b_H, W_O, b_O, worked out on paper.
GRADIENT_AT_2 = [0, -2, -2, 0, 0, -1, -1, 0, 0, 3, 1, 0, 1]
#: f(x, θ₀) on paper.
VALUES = {-2.0: 1.0, -1.0: 1.0, 0.0: 0.0, 1.0: -1.0, 2.0: -3.0, 3.0: -5.0}


def curve(W_H: Any, b_H: Any, W_O: Any, b_O: Any, x: Any) -> Any:
    """The network as a user writes it."""
    z_bar = W_H * x + b_H
    z = np.maximum(z_bar, 0)
    return b_O + W_O @ z


def unit_by_unit(w1: Any, w2: Any, b1: Any, b2: Any, o1: Any, o2: Any, b_O: Any, x: Any) -> Any:
    """Two of the four units number by number: units 1 and 4 are off at x = 2, 2 and 3 are on."""
    z1 = np.maximum(w1 * x + b1, 0)
    z2 = np.maximum(w2 * x + b2, 0)
    y = b_O + o1 * z1 + o2 * z2
    return y


def forward(run: Run, x: float) -> None:
    """Part (c)."""
    run.section(f"(c) Forward propagation, f({x:g}, θ₀)")
    run.text(
        "z̄<sub>i</sub> = W<sub>H,i</sub> x + b<sub>H,i</sub>, z<sub>i</sub> = max(0, "
        "z̄<sub>i</sub>), y = b<sub>O</sub> + Σ W<sub>O,i</sub> z<sub>i</sub>, with the hand-out's "
        "random ±1. Units 1 and 4 are the same unit with opposite outputs and cancel, so that "
        "f(x, θ₀) = 1 − max(0, x + 1) − max(0, x − 1)."
    )
    at = HANDOUT.forward(x)
    run.table(
        "units",
        f"The four hidden units at x = {x:g}",
        ["unit", "W_H", "b_H", "z̄", "z", "W_O", "W_O z"],
        [
            [i + 1, HANDOUT.W_H[i], HANDOUT.b_H[i], at.z_bar[i], at.z[i], HANDOUT.W_O[i],
             HANDOUT.W_O[i] * at.z[i] + 0.0]
            for i in range(4)
        ],
        note=f"y = {HANDOUT.b_O:g} + the sum of the last column = {at.y:g}",
    )  # fmt: skip
    reference = HANDOUT.forward(2.0)
    run.claim(
        "c-forward",
        "At x = 2: z̄, z and f(2, θ₀)",
        measured=f"{_list(reference.z_bar)}, {_list(reference.z)}, {reference.y:g}",
        expected="(-1, 3, 1, -1), (0, 3, 1, 0), -3",
        holds=reference.z_bar.tolist() == [-1, 3, 1, -1]
        and reference.z.tolist() == [0, 3, 1, 0]
        and reference.y == -3,
        source="004 P3 (c)",
    )
    run.claim(
        "c-values",
        f"f(x, θ₀) for x = {', '.join(f'{t:g}' for t in VALUES)}",
        measured=", ".join(f"{HANDOUT(t):g}" for t in VALUES),
        expected=", ".join(f"{y:g}" for y in VALUES.values()),
        holds=all(HANDOUT(t) == y for t, y in VALUES.items()),
        source="004 P3 (c)",
    )
    grid = np.linspace(-4, 4, 801)
    reduced = 1 - np.maximum(0, grid + 1) - np.maximum(0, grid - 1)
    error = float(np.max(np.abs([HANDOUT(t) - r for t, r in zip(grid, reduced, strict=True)])))
    run.claim(
        "c-reduced",
        "f(x, θ₀) = 1 − max(0, x + 1) − max(0, x − 1) at 801 points of [−4, 4]: largest difference",
        measured=error,
        expected="at most 1e-14",
        holds=error <= 1e-14,
        source="004 P3 (c)",
    )
    run.figure(
        "curve",
        "The curve f(x, θ₀)",
        _figure(x),
        alternative="1 left of x = −1, slope −1 between −1 and 1, slope −2 right of 1.",
        table=(["x", "f(x, θ₀)"], [[t, HANDOUT(t)] for t in VALUES]),
    )


def backward(run: Run, x: float) -> None:
    """Part (d)."""
    run.section(f"(d) Back-propagation, ∇f({x:g}, θ₀)")
    run.text(
        "∂f/∂b<sub>O</sub> = 1, ∂f/∂W<sub>O,i</sub> = z<sub>i</sub>, ∂f/∂b<sub>H,i</sub> = "
        "W<sub>O,i</sub> if z̄<sub>i</sub> > 0, else 0, and ∂f/∂W<sub>H,i</sub> = x "
        "∂f/∂b<sub>H,i</sub>. The derivative of the ReLU at 0 is taken as 0, as the exercise says."
    )
    gradient = HANDOUT.gradient(x)
    engine = engine_gradient(HANDOUT, x)
    numerical = central_differences(functools.partial(_value, x), HANDOUT.flat())
    names = [f"{name}{_INDEX[i]}" for name in ("W_H", "b_H", "W_O") for i in range(4)] + ["b_O"]
    run.table(
        "gradient",
        f"The 13 entries of ∇f({x:g}, θ₀)",
        ["parameter", "value", "by hand", "engine", "central differences"],
        [
            [name, value, by_hand + 0.0, by_engine + 0.0, round(difference, 6) + 0.0]
            for name, value, by_hand, by_engine, difference in zip(
                names, HANDOUT.flat(), gradient.flat(), engine.flat(), numerical, strict=True
            )
        ],
    )
    found = HANDOUT.gradient(2.0).flat()
    run.claim(
        "d-gradient",
        "∇f(2, θ₀) in the order W_H, b_H, W_O, b_O",
        measured=_list(found),
        expected=_list(np.array(GRADIENT_AT_2)),
        holds=found.tolist() == GRADIENT_AT_2,
        source="004 P3 (d)",
    )

    def compare() -> dict[str, float]:
        rng = run.rng("curves")
        worst = {"engine": 0.0, "differences": 0.0}
        for _ in range(run.parameters["curves"]):
            theta, point = rng.normal(size=13), float(rng.normal())
            other = _from_flat(theta)
            by_hand = other.gradient(point).flat()
            error = np.max(np.abs(by_hand - engine_gradient(other, point).flat()))
            worst["engine"] = max(worst["engine"], float(error))
            if np.min(np.abs(other.forward(point).z_bar)) > 1e-3:
                numerical = central_differences(functools.partial(_value, point), theta)
                error = np.max(np.abs(by_hand - numerical))
                worst["differences"] = max(worst["differences"], float(error))
        return worst

    worst = run.step("random curves", compare)
    for id, key, bound, what in (
        ("d-engine", "engine", 1e-12, "the engine"),
        ("d-differences", "differences", 1e-6, "central differences"),
    ):
        run.claim(
            id,
            f"The formulas agree with {what} for {run.parameters['curves']} random curves and "
            "points: largest deviation",
            measured=worst[key],
            expected=f"at most {bound:g}",
            holds=worst[key] <= bound,
            source="004 P3 (d)",
        )
    at_kink = HANDOUT.gradient(1.0)
    by_engine = engine_gradient(HANDOUT, 1.0)
    silent = [0, 2, 3]
    run.claim(
        "d-kink",
        "At x = 1 units 1, 3 and 4 sit exactly at the kink: their derivatives by W_H and b_H, by "
        "hand and by the engine",
        measured=f"{_list(at_kink.W_H[silent])} and {_list(at_kink.b_H[silent])}, "
        f"{_list(by_engine.W_H[silent])} and {_list(by_engine.b_H[silent])}",
        expected="all 0, the convention of the exercise",
        holds=not any(
            np.any(part[silent]) for each in (at_kink, by_engine) for part in (each.W_H, each.b_H)
        )
        and not np.any(HANDOUT.forward(1.0).z_bar[silent]),
        source="004 P3 (d)",
    )
    explanation = explained(x)
    run.table(
        "steps",
        f"Back-propagation at x = {x:g} number by number, for units 1 (off at x = 2) and 2 (on)",
        ["derivative", "chain rule", "local derivatives", "numbers", "value"],
        [
            [value.symbol.text, " + ".join(symbols(value)), "; ".join(local_derivatives(value)),
             " + ".join(numbers(value)), value_text(value.derivative)]
            for value in explanation.backward
        ],
        note="Made by `chainrule.explain`; w, b and o are W_H, b_H and W_O.",
    )  # fmt: skip
    run.steps("units", "Step through the two units", step_page(explanation))


def explained(x: float) -> Explanation:
    """The scalar form of units 1 and 2 at θ₀, explained."""
    W_H, b_H, W_O = HANDOUT.W_H, HANDOUT.b_H, HANDOUT.W_O
    return explain(
        unit_by_unit, W_H[0], W_H[1], b_H[0], b_H[1], W_O[0], W_O[1], HANDOUT.b_O, float(x)
    )


def engine_gradient(at: ReluCurve, x: float) -> ReluCurve:
    """∇f(x, θ) by the engine."""
    import chainrule as cr

    parts = cr.grad(curve, argnums=(0, 1, 2, 3))(at.W_H, at.b_H, at.W_O, at.b_O, x)
    return ReluCurve.of(*parts)


def _from_flat(theta: np.ndarray) -> ReluCurve:
    n = (len(theta) - 1) // 3
    return ReluCurve.of(theta[:n], theta[n : 2 * n], theta[2 * n : 3 * n], theta[-1])


def _value(x: float, theta: np.ndarray) -> float:
    return _from_flat(theta)(x)


_INDEX = "₁₂₃₄"


def _list(values: np.ndarray) -> str:
    return "(" + ", ".join(f"{value + 0.0:g}" for value in values) + ")"


def _figure(x: float) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    grid = np.linspace(-3, max(4.0, x + 1), 200)
    axes.plot(grid, [HANDOUT(t) for t in grid], linewidth=2, label="f(x, θ₀)")
    axes.plot([-1, 1], [HANDOUT(-1), HANDOUT(1)], "o", color="0.4", label="kinks")
    axes.plot([x], [HANDOUT(x)], "X", color="C3", markersize=9, label=f"f({x:g}, θ₀)")
    axes.set_xlabel("x")
    axes.set_ylabel("y")
    axes.grid(True, alpha=0.3)
    axes.legend()
    return figure


def run_experiment(run: Run) -> None:
    """All parts."""
    fitting.exact_fits(run)
    fitting.loss_gradient(run)
    forward(run, run.parameters["x"])
    backward(run, run.parameters["x"])


EXPERIMENT = Experiment(
    name="curve-fitting",
    title="Four ReLUs: exact fits, forward and backward propagation",
    document="004",
    question="P3",
    summary=(
        "Networks of four ReLU units that meet data exactly, or a proof that none does; the "
        "gradient of the loss; f(x, θ₀) and all 13 derivatives of the hand-out's curve at x = 2, "
        "by hand, by the engine and by differences, and what is done at the kinks."
    ),
    parameters=(
        Parameter("x", 2.0, "where f and its gradient are shown"),
        Parameter("curves", 200, "random curves on which the formulas are checked", minimum=1),
        Parameter("data_sets", 500, "random data sets and functions of part (a)", minimum=20),
    ),
    presets={"quick": {"curves": 50, "data_sets": 60}, "full": {}},
    data={"embedded": "the parameters of the hand-out, three small data sets, and random ones"},
    run=run_experiment,
)
