"""Parts (a) and (b) of `curve-fitting`: data met exactly by four ReLUs, and the loss's gradient.

The functions are in `chainrule.theory.piecewise_linear`, `piecewise_linear_data` and
`relu_curve_loss`.
"""

from __future__ import annotations

import random
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np

from chainrule.experiments.experiment import Run
from chainrule.theory.piecewise_linear import (
    ExactReluNetwork,
    NotRepresentable,
    relu_network_from_knots,
)
from chainrule.theory.piecewise_linear_data import fit_piecewise_linear, minimal_kinks
from chainrule.theory.relu_curve_loss import squared_loss, squared_loss_gradient
from chainrule.theory.relu_curves import HANDOUT, ReluCurve

#: Data sets that stand in for the lost pictures: name, y at x = 0, 1, 2, …, and the kinks by hand.
DATA = (
    ("tent", (0, 0, 1, 2, 1, 0), "1, 3"),
    ("W", (2, 0, 1, 0, 2), "1, 2, 3"),
    ("ramp", (0, 0, 1, 2, 2, 1, 1), "1, 7/2, 5"),
)
#: Data and gradient of part (b), worked out on paper, at the parameters of part (c).
LOSS_X, LOSS_Y = (-1.0, 0.5, 2.0), (0.0, 1.0, -1.0)
LOSS_GRADIENT = [3.5, 9.5, 8, -3.5, 1, 7, 4, -1, 2.5, -16.5, -4, 2.5, -5]
SOURCE = "004 P3"


def exact_fits(run: Run) -> None:
    """Part (a)."""
    run.section("(a) Data met exactly")
    run.text(
        "Each unit adds one kink at x = −b<sub>H</sub>/W<sub>H</sub> and, once it is on, a slope "
        "W<sub>O</sub>W<sub>H</sub>. To meet data with kinks t<sub>1</sub> < … < t<sub>m</sub>, "
        "slopes S<sub>0</sub>, …, S<sub>m</sub> and changes c<sub>j</sub> = S<sub>j</sub> − "
        "S<sub>j−1</sub>: unit j is W<sub>H</sub> = 1, b<sub>H</sub> = −t<sub>j</sub>, "
        "W<sub>O</sub> = c<sub>j</sub>. This makes S<sub>0</sub> = 0. If S<sub>0</sub> ≠ 0, one "
        "more unit at t<sub>1</sub> faces left (W<sub>H</sub> = −1, b<sub>H</sub> = t<sub>1</sub>, "
        "W<sub>O</sub> = −S<sub>0</sub>), and the one that faces right takes c<sub>1</sub> + "
        "S<sub>0</sub>. b<sub>O</sub> follows from any one point. **m + 1 units are always enough, "
        "and m exactly if S<sub>0</sub> + Σ<sub>J</sub> c<sub>j</sub> = 0 for some set J of kinks, "
        "whose units then face left.**"
    )
    run.text(
        "A kink need not lie at a datum: where data bend the same way at two neighbouring points, "
        "one kink between them does. So data need Σ ⌈r/2⌉ kinks, over the runs of r points that "
        "bend the same way. The pictures of the two data sets of the exercise are lost; the three "
        "below stand in for them, and any others can be fitted with "
        "`chainrule.theory.piecewise_linear_data.fit_piecewise_linear`. All of this is computed in "
        "fractions: “exactly” means equal."
    )
    fits = {name: fit_piecewise_linear(range(len(y)), y) for name, y, _ in DATA}
    run.table(
        "fits",
        "Weights and biases for the three data sets",
        ["data", "unit", "W_H", "b_H", "W_O", "b_O"],
        [
            [name if j == 0 else "", j + 1, str(network.W_H[j]), str(network.b_H[j]),
             str(network.W_O[j]), str(network.b_O) if j == 0 else ""]
            for name, network in fits.items() for j in range(4)
        ],
    )  # fmt: skip
    run.figure(
        "fits",
        "Three data sets and the networks of four ReLUs that meet them",
        _draw(fits),
        alternative="Three panels: a tent, a W and a ramp. Each curve passes through all points; "
        "the ramp's second kink lies halfway between two of them. Thin lines show the units.",
        table=(
            ["data", "x", "y", "network"],
            [[name, x, v, str(fits[name](x))] for name, y, _ in DATA for x, v in enumerate(y)],
        ),
        note="Points: the data; thick: the network; thin: its units, W<sub>O</sub> z each.",
    )
    met = sum(fits[name](x) == v for name, y, _ in DATA for x, v in enumerate(y))
    kinks = "; ".join(
        ", ".join(str(knot) for knot in minimal_kinks(range(len(y)), y).knots) for _, y, _ in DATA
    )
    run.claim(
        "a-fits",
        "Points of the three data sets met exactly; kinks of the networks",
        measured=f"{met} of {sum(len(y) for _, y, _ in DATA)}; {kinks}",
        expected="all; " + "; ".join(by_hand for _, _, by_hand in DATA),
        holds=met == sum(len(y) for _, y, _ in DATA)
        and kinks == "; ".join(by_hand for _, _, by_hand in DATA),
        source=f"{SOURCE} (a)",
    )
    count = run.parameters["data_sets"]
    found = run.step("random data", lambda: _random_fits(run, count))
    run.claim(
        "a-random",
        f"{count} random data sets of up to six points, and {count} of any number with at most "
        "three kinks: met exactly by four units",
        measured=f"{found['few']} and {found['many']}",
        expected=f"{count} and {count}",
        holds=found["few"] == found["many"] == count,
        source=f"{SOURCE} (a)",
    )
    run.claim(
        "a-representable",
        f"{count} random functions with four kinks: built exactly, checked inside and outside of "
        "the kinks, or refused because no sum S₀ + Σ_J c_j is 0; functions with five kinks refused",
        measured=f"{found['built']} + {found['refused']}; {found['five']} of {count}",
        expected=f"together {count}, both above 0; all",
        holds=found["built"] + found["refused"] == found["five"] == count
        and min(found["built"], found["refused"]) > 0,
        source=f"{SOURCE} (a)",
    )
    zigzag = [1, -1] * 4
    refusal = _refusal(zigzag)
    three = fit_piecewise_linear(range(5), zigzag[:5], n_hidden=3)
    run.claim(
        "a-zigzag",
        "Points (x, ±1), alternately: units that meet five of them; kinks that eight of them need, "
        "for which four units are refused",
        measured=f"{three.units}; {refusal.kinks if refusal else 'not refused'}",
        expected="3, fewer than kinks plus one, as the first kink may move; 6",
        holds=[three(x) for x in range(5)] == zigzag[:5]
        and three.units == 3
        and refusal is not None
        and (refusal.kinks, refusal.proved) == (6, True),
        source=f"{SOURCE} (a)",
    )


def _refusal(y: list[int]) -> NotRepresentable | None:
    try:
        fit_piecewise_linear(range(len(y)), y)
    except NotRepresentable as refusal:
        return refusal
    return None


def _random_fits(run: Run, count: int) -> dict[str, int]:
    rng = random.Random(int(run.rng("data").integers(2**32)))
    found = dict.fromkeys(("few", "many", "built", "refused", "five"), 0)
    for _ in range(count):
        x = rng.sample(range(-20, 21), rng.randint(1, 6))
        y = [Fraction(rng.randint(-9, 9), rng.choice([1, 2])) for _ in x]
        network = fit_piecewise_linear(x, y)
        found["few"] += [network(a) for a in x] == y
        source = relu_network_from_knots(*_function(rng, rng.randint(0, 3)))
        x = rng.sample(range(-30, 31), rng.randint(8, 25))
        y = [source(Fraction(a, 4)) for a in x]
        network = fit_piecewise_linear([Fraction(a, 4) for a in x], y)
        found["many"] += [network(Fraction(a, 4)) for a in x] == y
        knots, slopes, point = _function(rng, 4)
        try:
            network = relu_network_from_knots(knots, slopes, point)
        except NotRepresentable as refusal:
            found["refused"] += 0 not in refusal.certificate["sums"]
        else:
            found["built"] += _is_the_function(network, knots, slopes, point)
        try:
            relu_network_from_knots(*_function(rng, 5))
        except NotRepresentable as refusal:
            found["five"] += refusal.proved
    return found


def _function(rng: random.Random, kinks: int) -> tuple[list[Any], list[Any], tuple[Any, Any]]:
    """Knots, slopes and a point of a random function with so many kinks."""
    knots = sorted(rng.sample([Fraction(k, 6) for k in range(-30, 31)], kinks))
    slopes = [Fraction(rng.randint(-3, 3))]
    while len(slopes) <= kinks:
        slope = Fraction(rng.randint(-3, 3))
        slopes += [slope] if slope != slopes[-1] else []
    return knots, slopes, (knots[0] if knots else Fraction(0), Fraction(rng.randint(-9, 9), 2))


def _is_the_function(
    network: ExactReluNetwork, knots: list[Any], slopes: list[Any], point: tuple[Any, Any]
) -> bool:
    """Whether the network has the right value at one knot and the right slope on every piece."""
    ends = [knots[0] - 100, *knots, knots[-1] + 100]
    right = all(
        network(b) - network(a) == slope * (b - a)
        and network((2 * a + b) / 3) - network(a) == slope * (b - a) / 3
        for (a, b), slope in zip(pairwise(ends), slopes, strict=True)
    )
    return right and network(point[0]) == point[1]


def _draw(fits: dict[str, ExactReluNetwork]) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.4, 3.4), layout="constrained")
    panels = figure.subplots(1, len(DATA))
    for axes, (name, y, _) in zip(panels, DATA, strict=True):
        curve = fits[name].curve()
        grid = np.linspace(-0.6, len(y) - 0.4, 300)
        for w, b, a in zip(curve.W_H, curve.b_H, curve.W_O, strict=True):
            if a:
                axes.plot(grid, a * np.maximum(w * grid + b, 0), color="0.7", lw=0.9, ls="-")
        axes.plot(grid, [curve(float(t)) for t in grid], color="C0", linestyle="-", linewidth=2)
        axes.plot(range(len(y)), y, "o", color="C1", linestyle="none", markersize=7)
        axes.set(title=name, xlabel="x", ylim=(-2.4, 3.4))
        axes.set_xticks(range(len(y)))
    panels[0].set_ylabel("y")
    return figure


def loss_gradient(run: Run) -> None:
    """Part (b)."""
    import chainrule as cr

    run.section("(b) The gradient of the loss")
    run.text(
        "By the chain rule, with L = Σ (y<sub>i</sub> − f(x<sub>i</sub>, θ))²: **∇L(θ) = −2 "
        "Σ<sub>i</sub> (y<sub>i</sub> − f(x<sub>i</sub>, θ)) ∇f(x<sub>i</sub>, θ)**."
    )
    found = squared_loss_gradient(HANDOUT, LOSS_X, LOSS_Y).flat()
    run.claim(
        "b-reference",
        "∇L for the parameters of (c) and the data (−1, 0), (½, 1), (2, −1), in the order W_H, "
        "b_H, W_O, b_O",
        measured=", ".join(f"{value + 0.0:g}" for value in found),
        expected=", ".join(f"{value:g}" for value in LOSS_GRADIENT),
        holds=found.tolist() == LOSS_GRADIENT,
        source=f"{SOURCE} (b)",
    )

    def loss(W_H: Any, b_H: Any, W_O: Any, b_O: Any, x: Any, y: Any) -> Any:
        return np.sum((y - b_O - np.maximum(np.outer(x, W_H) + b_H, 0) @ W_O) ** 2)

    def measure() -> list[float]:
        rng, worst, lower = run.rng("losses"), 0.0, 0
        for _ in range(run.parameters["curves"]):
            W_H, b_H, W_O = rng.normal(size=(3, 4))
            b_O, x, y = float(rng.normal()), rng.normal(size=7), rng.normal(size=7)
            curve = ReluCurve.of(W_H, b_H, W_O, b_O)
            mine = squared_loss_gradient(curve, x, y).flat()
            parts = cr.grad(loss, argnums=(0, 1, 2, 3))(W_H, b_H, W_O, b_O, x, y)
            engine = np.concatenate([np.ravel(part) for part in parts])
            worst = max(worst, float(np.max(np.abs(mine - engine)) / np.max(np.abs(engine))))
            step = curve.flat() - 1e-6 * mine / np.linalg.norm(mine)
            after = ReluCurve.of(step[:4], step[4:8], step[8:12], float(step[12]))
            lower += squared_loss(after, x, y) < squared_loss(curve, x, y)
        return [worst, float(lower)]

    worst, lower = run.step("losses", measure)
    count = run.parameters["curves"]
    run.claim(
        "b-engine",
        f"The formula against the engine for {count} random curves with seven points: largest "
        "relative deviation; times that a small step against it lowers the loss",
        measured=f"{worst:.1g}; {lower:g} of {count}",
        expected="at most 1e-12; all",
        holds=worst <= 1e-12 and lower == count,
        source=f"{SOURCE} (b)",
    )
