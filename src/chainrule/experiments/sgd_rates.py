"""Experiment `sgd-rates`: convergence bounds of SGD against exact and simulated runs.

The functions are in `chainrule.theory.stochastic_gradient`, the figures in `sgd_rates_figures`.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from chainrule.experiments import sgd_rates_figures as figures
from chainrule.experiments.experiment import Experiment, Parameter, Run
from chainrule.theory.stochastic_gradient import (
    StochasticProblem,
    cosine_problem,
    exact_sgd_moments,
    quadratic_problem,
    schedule,
    sgd_bound,
    sgd_bound_schedule,
    simulate_sgd,
)

#: The step-size rules of part (iv): name, kind and α.
RULES = (
    ("α = 0.1", "constant", 0.1),
    ("α = 0.01", "constant", 0.01),
    ("(k+1)^(−3/4)", "3/4", 1.0),
    ("(k+1)^(−1/2)", "1/2", 1.0),
)
SOURCE = "003 P3"


def one_step(problem: StochasticProblem, w: float, alpha: float) -> tuple[float, float, float]:
    """E f(w⁺) after one step, the hand-out's right-hand side of (i), and the corrected one."""
    at = np.array([[w]])
    value, slope = float(problem.value(at)[0]), float(np.sum(problem.gradient(at) ** 2))
    after, sampled = 0.0, 0.0
    for x, p in zip(problem.noise, problem.probabilities, strict=True):
        g = problem.sampled_gradient(np.array([x]), at)
        after += p * float(problem.value(at - alpha * g)[0])
        sampled += p * float(np.sum(g**2))
    curvature = alpha**2 * problem.lipschitz / 2
    return (
        after, value - alpha * slope + curvature * slope,
        value - alpha * slope + curvature * sampled,
    )  # fmt: skip


def assumptions(run: Run) -> None:
    """What the assumptions say, and what they do not."""
    run.section("The assumptions")
    run.text(
        "The update must use the gradient where it is, w<sub>k+1</sub> = w<sub>k</sub> − "
        "α<sub>k</sub>∇<sub>w</sub>g(X<sub>k</sub>, w<sub>k</sub>). Assumption 1: ∇f is "
        "L-Lipschitz. It implies f(w̃) ≤ f(w) + ∇f(w)ᵀ(w̃ − w) + (L/2)‖w̃ − w‖², and no more is "
        "used; “equivalently” is too much, as the concave f = −x⁴ shows, which satisfies it with L "
        "= 0. Assumption 2 is printed as E‖∇<sub>w</sub>f‖² ≤ σ², but f is not random; what is "
        "needed is **E‖∇<sub>w</sub>g(X, w)‖² ≤ σ² for all w**. No f that is quadratic on the "
        "whole line satisfies it. The problem used here does: g = 1 − cos w + Xw with X = ±1, so "
        "f = 1 − cos w, L = 1, σ² = 2, f∗ = 0, started at w<sub>0</sub> = 2."
    )
    rng = run.rng("quartic")
    x, y = rng.normal(scale=10, size=(2, 10_000))
    violated = int(np.sum(-(y**4) > -(x**4) - 4 * x**3 * (y - x) + 1e-9 * (x**4 + y**4)))
    quotients = np.abs(4 * y**3 - 4 * x**3) / np.abs(y - x)
    run.claim(
        "not-equivalent",
        "f = −x⁴ satisfies the inequality of assumption 1 with L = 0 at 10,000 random pairs, while "
        "the difference quotients of its gradient are not bounded by 0: violations, largest "
        "quotient",
        measured=f"{violated}, {np.max(quotients):.3g}",
        expected="0, large",
        holds=violated == 0 and bool(np.max(quotients) > 1000),
        source=f"{SOURCE}, assumption 1",
    )


def descent(run: Run) -> None:
    """Part (i)."""
    run.section("(i) One step")
    run.text(
        "Put w̃ = w<sub>k+1</sub> into the inequality: f(w<sub>k+1</sub>) ≤ f(w<sub>k</sub>) − "
        "α<sub>k</sub>∇f(w<sub>k</sub>)ᵀ∇g + (α<sub>k</sub>²L/2)‖∇g‖². Given w<sub>k</sub>, E∇g = "
        "∇f(w<sub>k</sub>), so **E[f(w<sub>k+1</sub>) | w<sub>k</sub>] ≤ f(w<sub>k</sub>) − "
        "α<sub>k</sub>‖∇f(w<sub>k</sub>)‖² + (α<sub>k</sub>²L/2) E‖∇<sub>w</sub>g‖²**. With "
        "‖∇<sub>w</sub>f‖² in the last term, as printed, the statement is false: on f = w², g = w² "
        "+ Xw with X = ±0.7, one step of 0.3 from 1.3 ends higher than that."
    )
    after, literal, corrected = one_step(quadratic_problem(1.3, 0.7), 1.3, 0.3)
    run.claim(
        "i-literal",
        "One step on the quadratic: E f(w⁺), the printed right-hand side, the corrected one, which "
        "is reached because f is quadratic",
        measured=f"{after:.4f}, {literal:.4f}, {corrected:.4f}",
        expected="0.3145 > 0.2704; 0.3145",
        holds=after > literal + 0.04 and abs(after - corrected) < 1e-12,
        source=f"{SOURCE} (i)",
    )
    problem = cosine_problem()
    points = [(w, a) for w in np.linspace(-4, 4, 161) for a in (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)]
    outcomes = [one_step(problem, float(w), a) for w, a in points]
    wrong = [sum(after > right[i] + 1e-12 for after, *right in outcomes) for i in (0, 1)]
    run.claim(
        "i-corrected",
        "One step of six sizes from 161 points on 1 − cos w, expectation over X exact: violations "
        "of the printed and of the corrected inequality",
        measured=f"{wrong[0]} and {wrong[1]} of {len(points)}",
        expected="some, and 0",
        holds=wrong[0] > 0 and wrong[1] == 0,
        source=f"{SOURCE} (i)",
    )


def telescope(run: Run) -> None:
    """Part (ii)."""
    run.section("(ii) Many steps")
    steps = run.parameters["exact_steps"]
    run.text(
        "Take expectations in (i), bound E‖∇g‖² by σ², and add up over k; the values of f "
        "telescope: **Σ<sub>k=0…t−1</sub> α<sub>k</sub> E‖∇f(w<sub>k</sub>)‖² ≤ f(w<sub>0</sub>) − "
        "E f(w<sub>t</sub>) + (σ²L/2) Σ α<sub>k</sub>²** (the hand-out leaves out "
        f"the expectation of f(w<sub>t</sub>)). With X = ±1 there are 2<sup>t</sup> sequences of "
        f"noise; for t = {steps} all of them are walked, so both sides below are exact."
    )  # fmt: skip
    problem = cosine_problem()

    def measure() -> list[list[Any]]:
        rows = []
        for name, kind, alpha in (("α = 0.3", "constant", 0.3), *RULES):
            moments = exact_sgd_moments(problem, schedule(kind, steps, alpha))
            right = float(
                moments.value[0] - moments.value[-1] + np.sum(moments.alphas**2)
            )  # C = σ²L/2 = 1
            bound = problem.bound(moments.alphas)
            rows.append([name, moments.weighted_sum, right, moments.smallest, bound.smallest])
        return rows

    rows = run.step("exact moments", measure)
    run.table(
        "exact",
        f"Both sides after {steps} steps, exact",
        ["steps", "Σ α E‖∇f‖²", "right-hand side (ii)", "min E‖∇f‖²", "right-hand side (iii)"],
        rows,
    )
    held = sum(row[1] <= row[2] for row in rows)
    run.claim(
        "ii-exact",
        "Inequality (ii) holds exactly for each step-size rule",
        measured=f"{held} of {len(rows)}; closest {max(row[1] / row[2] for row in rows):.3f} of "
        "the bound",
        expected=f"{len(rows)} of {len(rows)}",
        holds=held == len(rows),
        source=f"{SOURCE} (ii)",
    )
    reference = run.step("twelve steps", lambda: _twelve(problem))
    run.claim(
        "ii-reference",
        "Twelve steps of 0.3: left- and right-hand side of (ii)",
        measured=f"{reference[0]:.12f} ≤ {reference[1]:.12f}",
        expected="1.721349266045 ≤ 2.393111176855",
        holds=abs(reference[0] - 1.721349266044905) < 1e-12
        and abs(reference[1] - 2.3931111768550988) < 1e-12,
        source=f"{SOURCE} (ii)",
    )


def _twelve(problem: StochasticProblem) -> list[float]:
    moments = exact_sgd_moments(problem, [0.3] * 12)
    return [
        moments.weighted_sum,
        float(moments.value[0] - moments.value[-1]) + 12 * 0.3**2,
    ]


def smallest(run: Run) -> None:
    """Part (iii)."""
    run.section("(iii) The smallest gradient")
    steps, runs = run.parameters["steps"], run.parameters["runs"]
    run.text(
        "E f(w<sub>t</sub>) ≥ f∗, and the smallest of the E‖∇f(w<sub>k</sub>)‖², k < t, is at most "
        "their α-weighted mean: **min E‖∇f(w<sub>k</sub>)‖² ≤ (f(w<sub>0</sub>) − f∗ + (σ²L/2) Σ "
        "α<sub>k</sub>²)/Σ α<sub>k</sub>**. f∗ is the infimum; a minimiser w∗ need not exist. The "
        f"step sizes must be positive. {runs:,} runs of {steps:,} steps are simulated per rule."
    )
    problem = cosine_problem()
    curves = {}
    with run.progress("step-size rules", len(RULES)) as bar:
        for name, kind, alpha in RULES:
            curves[name] = run.step(
                f"simulation {kind} {alpha:g}",
                functools.partial(_simulate, run, problem, kind, alpha),
                f"simulation, {name}",
            )
            bar.advance(rule=name)
    columns = ["rule", "min E‖∇f‖²", "weighted mean", "standard error", "bound", "mean / bound"]
    rows = [
        [name, curve["smallest"][-1], curve["mean"][-1], curve["error"], curve["bound"][-1],
         curve["mean"][-1] / curve["bound"][-1]]
        for name, curve in curves.items()
    ]  # fmt: skip
    run.table("simulated", f"After {steps:,} steps", columns, rows)
    run.figure(
        "simulation",
        "The weighted mean of E‖∇f‖² along simulated runs, and its bound",
        figures.draw_simulation(curves),
        alternative="Four panels, one for each step-size rule: the bound falls, and the simulated "
        "mean lies below it at every step; for the constant step 0.1 both level off.",
        table=(
            ["t", *(f"{name}: {what}" for name in curves for what in ("mean", "bound"))],
            [[t, *(curve[key][i] for curve in curves.values() for key in ("mean", "bound"))]
             for i, t in enumerate(next(iter(curves.values()))["t"])],
        ),
    )  # fmt: skip
    worst = max(
        mean / bound
        for curve in curves.values()
        for mean, bound in zip(curve["mean"], curve["bound"], strict=True)
    )
    run.claim(
        "iii-bound",
        "The simulated weighted mean stays below the bound at every recorded step of every rule: "
        "largest share of it",
        measured=worst,
        expected="at most 1",
        holds=worst <= 1,
        source=f"{SOURCE} (iii)",
    )


def _simulate(run: Run, problem: StochasticProblem, kind: str, alpha: float) -> dict[str, Any]:
    """Averages over runs at about thirty steps, and the bound there."""
    t, runs = run.parameters["steps"], run.parameters["runs"]
    alphas = schedule(kind, t, alpha)
    moments = simulate_sgd(problem, alphas, runs, run.rng(f"simulation {kind} {alpha:g}"))
    sums, weights = np.cumsum(alphas * moments.squared_gradient), np.cumsum(alphas)
    at = np.unique(np.geomspace(1, t, 30).astype(int))
    lowest = np.minimum.accumulate(moments.squared_gradient)
    spread = math.sqrt(math.fsum((alphas * moments.squared_gradient_error) ** 2))
    return {
        "t": at.tolist(),
        "mean": (sums / weights)[at - 1].tolist(),
        "smallest": lowest[at - 1].tolist(),
        "bound": [problem.bound(alphas[:steps]).smallest for steps in at],
        "error": spread / float(weights[-1]),
    }


def rates(run: Run) -> None:
    """Part (iv)."""
    run.section("(iv) Three step-size rules")
    run.text(
        "With Δ = f(w<sub>0</sub>) − f∗ and C = σ²L/2 the right-hand side of (iii) becomes:\n\n"
        "- **constant α:** Δ/(αt) + Cα. It falls like 1/t to the floor Cα and no further. If t is "
        "known beforehand, α = √(Δ/(Ct)) is best and gives 2√(ΔC/t).\n"
        "- **α<sub>k</sub> = (k+1)<sup>−3/4</sup>:** [Δ + C(ζ(3/2) − ζ(3/2, t+1))] / [ζ(3/4) − "
        "ζ(3/4, t+1)] ~ (Δ + 2.612 C)/(4 t<sup>1/4</sup>) → 0.\n"
        "- **α<sub>k</sub> = (k+1)<sup>−1/2</sup>:** [Δ + C H<sub>t</sub>] / [ζ(1/2) − ζ(1/2, "
        "t+1)] ~ (Δ + C ln t)/(2√t) → 0, faster, although Σα<sub>k</sub>² diverges: only Σα = ∞ "
        "and Σα²/Σα → 0 are needed.\n\nThe hand-out's k<sup>−3/4</sup> has no value at k = 0; "
        "k + 1 is meant."
    )
    times = (10, 100, 1000, 10_000, 1_000_000)
    rules = [rule for rule in RULES if rule[0] != "α = 0.01"]
    rows: list[list[Any]] = [
        [t, *(sgd_bound_schedule(kind, t, alpha=a) for _, kind, a in rules)] for t in times
    ]
    grid = np.unique(np.geomspace(1, 1e8, 60).astype(int))
    run.figure(
        "rates",
        "The bound for Δ = C = 1 against the number of steps",
        figures.draw_rates(
            grid,
            {n: [sgd_bound_schedule(k, int(t), alpha=a) for t in grid] for n, k, a in RULES},
        ),
        alternative="On logarithmic axes the two constant steps level off at 0.1 and 0.01, "
        "(k+1)^(−3/4) falls with slope −1/4 and (k+1)^(−1/2) with a slope close to −1/2.",
        table=(["t", *(name for name, _, _ in rules)], rows),
    )
    expected = (
        (1.1, 0.2, 0.11, 0.101, 0.10001),
        (0.796709241, 0.370014729, 0.186256220, 0.098261844, 0.029340757),
        (0.782507448, 0.332840741, 0.137303113, 0.054333402, 0.007701985),
    )
    off = max(
        abs(row[1 + j] - expected[j][i]) for i, row in enumerate(rows) for j in range(len(expected))
    )
    summed = max(
        abs(row[1 + j] / sgd_bound(1, 1, 2, schedule(kind, row[0], a)).smallest - 1)
        for row in rows
        for j, (_, kind, a) in enumerate(rules)
    )
    run.claim(
        "iv-closed-forms",
        "The closed forms for Δ = C = 1 at five numbers of steps to a million: largest deviation "
        "from reference values with nine decimals, and from sums over all steps",
        measured=f"{off:.1g}, {summed:.1g}",
        expected="at most 6e-10, 1e-11",
        holds=off <= 6e-10 and summed <= 1e-11,
        source=f"{SOURCE} (iv)",
    )
    late = 10**12
    ratios = (
        sgd_bound_schedule("3/4", late) * 4 * late**0.25 / (1 + 2.612375),
        sgd_bound_schedule("1/2", late) * 2 * late**0.5 / (1 + math.log(late)),
    )
    floor = sgd_bound_schedule("constant", late, alpha=0.1)
    run.claim(
        "iv-rates",
        "After 10¹² steps: the floor of the constant step 0.1, and the bounds of the two "
        "decreasing rules relative to (Δ + 2.612 C)/(4 t^¼) and (Δ + C ln t)/(2√t)",
        measured=f"{floor:.6f}; {ratios[0]:.4f}, {ratios[1]:.4f}",
        expected="C α = 0.1; 1 to 3 %",
        holds=abs(floor - 0.1) < 1e-6 and all(abs(ratio - 1) < 0.03 for ratio in ratios),
        source=f"{SOURCE} (iv)",
    )
    t, delta, C = 1000, 1 - math.cos(2.0), 1.0
    best = math.sqrt(delta / (C * t))
    tried = np.geomspace(best / 30, best * 30, 2001)
    values = [sgd_bound_schedule("constant", t, delta, C, float(a)) for a in tried]
    found = float(tried[int(np.argmin(values))])
    run.claim(
        "iv-best",
        "The best constant step for 1000 steps, searched on a grid and by formula; the bound there",
        measured=f"{found:.5f}, {best:.5f}; {min(values):.6f}",
        expected=f"equal to 1 %; 2√(ΔC/t) = {2 * math.sqrt(delta * C / t):.6f}",
        holds=abs(found / best - 1) < 0.01
        and abs(min(values) / (2 * math.sqrt(delta * C / t)) - 1) < 1e-5,
        source=f"{SOURCE} (iv)",
    )


def run_experiment(run: Run) -> None:
    """The four parts."""
    assumptions(run)
    descent(run)
    telescope(run)
    smallest(run)
    rates(run)


EXPERIMENT = Experiment(
    name="sgd-rates",
    title="How fast stochastic gradient descent must converge",
    document="003",
    question="P3",
    summary=(
        "The convergence bound of SGD for smooth losses, with the misprints of its source shown to "
        "matter; exact expectations over every sequence of noise, simulations, and the bound for "
        "constant and decreasing step sizes."
    ),
    parameters=(
        Parameter("exact_steps", 18, "steps of the enumeration of part (ii)", minimum=1),
        Parameter("steps", 10_000, "steps of the simulated runs", minimum=10),
        Parameter("runs", 4000, "simulated runs for each rule", minimum=100),
    ),
    presets={"quick": {"exact_steps": 12, "steps": 1000, "runs": 1000}, "full": {}},
    data={"embedded": "g = 1 − cos w + Xw with X = ±1, and w² + Xw"},
    run=run_experiment,
)
