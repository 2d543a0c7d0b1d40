"""Experiment `two-layer-gradients`: the twelve partial derivatives of a two-layer ReLU network.

The mathematics by hand is in `chainrule.theory.two_layers`; here it is held against the engine and
against differences, and counted on the engine's graphs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.experiments import two_layer_architectures as architectures
from chainrule.experiments import two_layer_cost
from chainrule.experiments.differences import central_differences, one_sided_differences
from chainrule.experiments.experiment import Experiment, Parameter, Run
from chainrule.experiments.two_layer_cost import loss
from chainrule.programs.explain import explain
from chainrule.programs.explanation_values import symbols, value_text
from chainrule.programs.step_page import step_page
from chainrule.theory.two_layers import (
    FORMULAS,
    relu_derivative,
    student_relu_derivative,
    two_layer_partials,
)

Arrays = dict[str, Any]

#: One network with every kind of unit: q = (−½, 3, 0) has one off, one on, one at the kink.
REFERENCE: Arrays = {
    "W1": np.array([[1.0, -1.0], [2.0, 1.0], [1.0, -0.5]]),
    "b1": np.array([0.5, -1.0, 0.0]),
    "W2": np.array([[1.0, 2.0, -1.0], [0.0, -1.0, 3.0]]),
    "b2": np.array([1.0, 0.0]),
    "x": np.array([1.0, 2.0]),
    "y": np.array([5.0, 1.0]),
}

#: Its forward values and gradients worked out on paper.
ON_PAPER = {
    "q": [-0.5, 3, 0],
    "h": [0, 3, 0],
    "p": [7, -3],
    "L": 20,
    "dL_dp": [4, -8],
    "dL_dW2": [[0, 12, 0], [0, -24, 0]],
    "dL_db2": [4, -8],
    "dL_dh": [4, 16, -28],
    "dL_dq": [0, 16, 0],
    "dL_dW1": [[0, 0], [16, 32], [0, 0]],
    "dL_db1": [0, 16, 0],
}


def dependences(at: Arrays) -> dict[str, tuple[Callable[[Any], Any], np.ndarray]]:
    """For each of the twelve partials the function it is the derivative of, and the point.

    Each function starts where the partial starts: ∂L/∂q sends q through the rest of the network.
    """
    W1, b1, W2, b2, x, y = (at[name] for name in ("W1", "b1", "W2", "b2", "x", "y"))
    q = W1 @ x + b1
    h = np.maximum(q, 0)
    p = W2 @ h + b2

    def L_of_p(p: Any) -> Any:
        return np.sum((p - y) ** 2)

    def L_of_q(q: Any) -> Any:
        return L_of_p(W2 @ np.maximum(q, 0) + b2)

    return {
        "dL_dp": (L_of_p, p),
        "dp_dW2": (lambda W2: W2 @ h + b2, W2),
        "dL_dW2": (lambda W2: L_of_p(W2 @ h + b2), W2),
        "dL_db2": (lambda b2: L_of_p(W2 @ h + b2), b2),
        "dp_dh": (lambda h: W2 @ h + b2, h),
        "dh_dq": (lambda q: np.maximum(q, 0), q),
        "dL_dh": (lambda h: L_of_p(W2 @ h + b2), h),
        "dL_dq": (L_of_q, q),
        "dq_dW1": (lambda W1: W1 @ x + b1, W1),
        "dq_db1": (lambda b1: W1 @ x + b1, b1),
        "dL_dW1": (lambda W1: L_of_q(W1 @ x + b1), W1),
        "dL_db1": (lambda b1: L_of_q(W1 @ x + b1), b1),
    }


def engine_partials(at: Arrays) -> Arrays:
    """The twelve partials by the engine, from the forward formulas alone."""
    import chainrule as cr

    return {name: np.asarray(cr.jacobian(f)(x)) for name, (f, x) in dependences(at).items()}


def numerical_partials(at: Arrays) -> Arrays:
    """The twelve partials by central differences."""
    return {name: central_differences(f, x) for name, (f, x) in dependences(at).items()}


def deviations(at: Arrays) -> dict[str, dict[str, float]]:
    """Largest deviation of the hand-written partials from the engine's and from differences."""
    by_hand = two_layer_partials(**at).partials()
    others = {"engine": engine_partials(at), "differences": numerical_partials(at)}
    found = {}
    for kind, partials in others.items():
        found[kind] = {
            name: float(np.max(np.abs(value - partials[name])))
            / max(1.0, float(np.max(np.abs(value))))
            for name, value in by_hand.items()
        }
    return found


def random_network(rng: np.random.Generator, largest: int) -> Arrays:
    """A random network of 1 to ``largest`` units per layer, no unit within 1e-3 of its kink."""
    while True:
        D, H1, H2 = (int(n) for n in rng.integers(1, largest + 1, 3))
        at = {
            name: rng.normal(size=shape)
            for name, shape in {**architectures.shapes(D, H1, H2), "x": (D,), "y": (H2,)}.items()
            if name in REFERENCE
        }
        if np.min(np.abs(at["W1"] @ at["x"] + at["b1"])) > 1e-3:
            return at


def twelve_partials(run: Run) -> None:
    """The arrays of the reference problem side by side, and random networks."""
    run.section("The twelve partial derivatives")
    run.text(
        "For one sample, q = W1 x + b1, h = max(q, 0), p = W2 h + b2 and L = (p − y)ᵀ(p − y). With "
        "e = p − y and m<sub>i</sub> = 1 where q<sub>i</sub> > 0, else 0, the derivatives are as "
        "in the table. The hand-written column evaluates the formula, the engine sees only the "
        "forward pass, the last column only function values. The sample network has one hidden "
        "unit that is off, one that is on, and one exactly at the kink, q<sub>3</sub> = 0."
    )
    by_hand = two_layer_partials(**REFERENCE)
    engine, numerical = engine_partials(REFERENCE), numerical_partials(REFERENCE)
    run.table(
        "partials",
        "The sample network, every derivative three times",
        ["derivative", "formula", "shape", "by hand", "engine", "central differences"],
        [
            [
                *FORMULAS[name],
                " × ".join(map(str, value.shape)),
                array_text(value),
                array_text(engine[name]),
                array_text(np.round(numerical[name], 5)),
            ]
            for name, value in by_hand.partials().items()
        ],
        note=(
            "At the kink central differences give the mean of the derivatives on both sides: ½ "
            "in ∂h/∂q, −14 in ∂L/∂q and ∂L/∂b1."
        ),
    )
    derivation = explain(loss, **REFERENCE)
    run.steps("loss", "Step through the loss of the sample network", step_page(derivation))
    run.table(
        "derivation",
        "The engine's own derivation for the sample network, in the order of the backward pass",
        ["derivative", "by the chain rule", "value"],
        [
            [value.symbol.text, " + ".join(symbols(value)), value_text(value.derivative)]
            for value in derivation.backward
        ],
        note=(
            "`chainrule explain` prints this for any function. q_product is W1 x, L_difference is "
            "p − y, L_power its square; outer(a, b) is abᵀ."
        ),
    )
    worst = max(
        float(np.max(np.abs(getattr(by_hand, name) - np.array(value, float))))
        for name, value in ON_PAPER.items()
    )
    run.claim(
        "a-reference",
        "q, h, p, L and the seven gradients of the sample network are those worked out on paper "
        "(dL/dW1 = [[0, 0], [16, 32], [0, 0]], …): largest deviation",
        measured=worst,
        expected="0",
        holds=worst == 0,
        source="000 §1.1",
    )
    networks, largest = run.parameters["networks"], run.parameters["largest"]

    def compare() -> dict[str, dict[str, float]]:
        rng = run.rng("networks")
        worst: dict[str, dict[str, float]] = {"engine": {}, "differences": {}}
        for _ in range(networks):
            for kind, found in deviations(random_network(rng, largest)).items():
                for name, value in found.items():
                    worst[kind][name] = max(worst[kind].get(name, 0.0), value)
        return worst

    found = run.step("random networks", compare, f"{networks} random networks")
    run.table(
        "deviations",
        f"Largest deviation of the formulas over {networks} random networks",
        ["derivative", "from the engine", "from central differences"],
        [
            [FORMULAS[name][0], found["engine"][name], found["differences"][name]]
            for name in FORMULAS
        ],
        note="Relative to the largest entry where that is above 1.",
    )
    for id, kind, bound in (("a-engine", "engine", 1e-10), ("a-differences", "differences", 1e-6)):
        largest_found = max(found[kind].values())
        what = "the engine's Jacobians" if kind == "engine" else "central differences"
        run.claim(
            id,
            f"The twelve formulas agree with {what} on {networks} random networks with 1 to "
            f"{largest} units per layer: largest deviation",
            measured=largest_found,
            expected=f"at most {bound:g}",
            holds=largest_found <= bound,
            source="000 §1.1 (a)–(c)",
        )


def kink(run: Run) -> None:
    """The ReLU's derivative at 0, and the student's formula for it."""
    run.section("The derivative of the ReLU")
    points = [-2.0, -0.5, 0.0, 0.5, 3.0, np.inf]
    right, wrong = relu_derivative(points), student_relu_derivative(points)
    run.text(
        "The solution in the document writes the ReLU's derivative as max(q, 0)/q. That is 0/0 at "
        "q = 0, where a network starts whenever weights are zero or inputs sparse, and ∞/∞ at ∞. "
        "The right answer is the indicator of q > 0 with a choice at 0; the choice here is 0, that "
        "of every framework."
    )
    run.table(
        "relu",
        "Two formulas for the derivative of max(q, 0)",
        ["q", "indicator", "max(q, 0)/q"],
        [[q, float(a), float(b)] for q, a, b in zip(points, right, wrong, strict=True)],
    )
    found = two_layer_partials(**REFERENCE)
    student = student_relu_derivative(found.q) * found.dL_dh
    student_W1 = np.outer(student, REFERENCE["x"])
    run.claim(
        "b-student",
        "With max(q, 0)/q the one unit at q = 0 turns its entries of the gradient into NaN; with "
        "the indicator none is: entries of dL/dq and dL/dW1 that are not finite",
        measured=f"{_strange(student)} and {_strange(student_W1)}, against "
        f"{_strange(found.dL_dq)} and {_strange(found.dL_dW1)}",
        expected="1 and 2, against 0 and 0",
        holds=(_strange(student), _strange(student_W1)) == (1, 2)
        and _strange(found.dL_dq) == _strange(found.dL_dW1) == 0,
        source="000 §1.1",
    )

    def loss_of_b1(b1: Any) -> Any:
        return loss(**{**REFERENCE, "b1": b1})

    left, after = one_sided_differences(loss_of_b1, REFERENCE["b1"])
    ours = float(found.dL_db1[2])
    low, high = sorted((float(left[2]), float(after[2])))
    run.claim(
        "b-bracket",
        "At the kink the derivative by b1₃ lies between the one-sided difference quotients: left, "
        "right, and ours",
        measured=", ".join(
            f"{round(float(slope), 4) + 0.0:g}" for slope in (left[2], after[2], ours)
        ),
        expected="0, −28 (to 1e-4), ours between them",
        holds=abs(left[2]) < 1e-4
        and abs(after[2] + 28) < 1e-4
        and low - 1e-9 <= ours <= high + 1e-9,
        source="000 §1.1",
    )
    run.figure(
        "kink",
        "L over b1₃, through the kink at 0",
        _kink_figure(),
        alternative="L is constant at 20 left of b1₃ = 0 and falls with slope −28 right of it.",
        table=(
            ["b1₃", "L"],
            [[b, float(loss_of_b1(np.array([0.5, -1.0, b])))] for b in (-0.4, -0.2, 0.0, 0.2, 0.4)],
        ),
    )


def frameworks(run: Run) -> None:
    """Networks that differ in one line, none of which anybody derives."""
    run.section("Networks changed by one line")
    run.text(
        "Why frameworks: nobody derives anything again. Each network below replaces one line of "
        "the first; the engine's gradient of all its parameters is compared with the complex step "
        "and with central differences."
    )
    sizes = two_layer_cost.sizes_of(run.parameters["checked"])

    def check() -> dict[str, dict[str, float]]:
        return {
            name: architectures.check(change, run.rng(f"network: {name}"), sizes)
            for name, change in architectures.CHANGES.items()
        }

    found = run.step("architectures", check, "networks changed by one line")
    run.table(
        "architectures",
        f"Networks with {sizes[0]} inputs, {sizes[1]} hidden units, {sizes[2]} outputs",
        ["network", "line", "becomes", "parameters", "from the complex step", "from differences"],
        [
            [
                name, architectures.changed_line(change), change,
                int(found[name]["parameters"]), found[name]["complex"], found[name]["central"],
            ]
            for name, change in architectures.CHANGES.items()
        ],
        note="Largest deviation over all parameters, relative where derivatives exceed 1.",
    )  # fmt: skip
    worst = max(deviation["central"] for deviation in found.values())
    exact = max(deviation["complex"] for deviation in found.values())
    run.claim(
        "e-gradcheck",
        f"The engine's gradients of {len(found)} networks agree with central differences, and "
        "with the complex step: largest deviation",
        measured=f"{worst:.2g} and {exact:.2g}",
        expected="at most 1e-6 and 1e-12",
        holds=worst <= 1e-6 and exact <= 1e-12,
        source="000 §1.1 (e)",
    )


def array_text(value: Any) -> str:
    """A small array in one line, ``[[0, 12, 0], [0, −24, 0]]``."""
    if np.ndim(value):
        return "[" + ", ".join(array_text(part) for part in value) + "]"
    number = float(value) + 0.0  # no negative zero
    return f"{number:g}".replace("-", "−")


def _strange(array: np.ndarray) -> int:
    return int(np.sum(~np.isfinite(array)))


def _kink_figure() -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.2), layout="constrained")
    axes = figure.subplots()
    b = np.linspace(-0.5, 0.5, 201)
    values = [loss(**{**REFERENCE, "b1": np.array([0.5, -1.0, t])}) for t in b]
    axes.plot(b, values, linewidth=2, label="L")
    axes.plot(b[100:], 20 - 28 * b[100:], ":", label="slope −28, right derivative")
    axes.plot(
        b, np.full_like(b, 20.0), "--", linewidth=1, label="slope 0, left derivative, and ours"
    )
    axes.plot([0], [20], "o", color="black", markersize=5)
    axes.set_xlabel("b1₃")
    axes.set_ylabel("L")
    axes.grid(True, alpha=0.3)
    axes.legend()
    return figure


def run_experiment(run: Run) -> None:
    """All parts."""
    twelve_partials(run)
    kink(run)
    two_layer_cost.cost(run)
    frameworks(run)


EXPERIMENT = Experiment(
    name="two-layer-gradients",
    title="The gradient of a two-layer network, by hand and by the engine",
    document="000",
    question="§1.1",
    summary=(
        "The twelve partial derivatives of a two-layer ReLU network as formulas and as arrays, "
        "hand-written, by the engine and by differences; what the ReLU's derivative must be at 0; "
        "what backpropagation costs, counted on the graph; and ten networks that differ in a line."
    ),
    parameters=(
        Parameter("networks", 100, "random networks on which the formulas are checked", minimum=1),
        Parameter("largest", 5, "most units in a layer of a random network", minimum=1),
        Parameter("sizes", ("784-256-10", "1000-1000-1000"), "networks D-H1-H2 that are counted"),
        Parameter("checked", "4-5-3", "network D-H1-H2 whose lines are changed"),
    ),
    presets={"quick": {"networks": 25, "sizes": ("784-256-10", "200-100-50")}, "full": {}},
    data={"embedded": "one network worked out on paper, and random ones"},
    run=run_experiment,
)
