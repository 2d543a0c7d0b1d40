"""Experiment `grid-vs-random`: what a budget of trials finds out when one hyperparameter matters.

The functions are in `chainrule.theory.grid_and_random`, the figures in `grid_vs_random_figures`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.experiments import grid_vs_random_figures as figures
from chainrule.experiments.experiment import Experiment, Parameter, Run
from chainrule.theory.grid_and_random import (
    compare_search,
    expected_best_gap_random,
    expected_distinct,
    grid_distinct,
    grid_search_configs,
    prob_all_distinct,
    prob_random_cover,
    random_search_configs,
)

#: Radius and dimension of the grids of part (a).
GRIDS = (("0.05", 2), ("0.05", 3), ("0.1", 5), ("0.3", 3), ("0.5", 4))
#: Numbers of values and of draws of part (b).
DRAWS = ((10, 10), (10, 100), (100, 100), (1000, 100))
#: float32 generators draw one of 2²⁴ values.
SINGLE = 2**24


def students_distinct(M: int, q: int) -> float:
    """(1 − 1/M) q, which a student's solution takes for the number of distinct models."""
    return (1 - 1 / M) * q


def grid(run: Run) -> None:
    """Part (a)."""
    run.section("(a) A grid tries few different models")
    run.text(
        "A grid that is an ε-cover of [0, 1]<sup>d</sup> has n = ⌈1/2ε⌉ values on each axis and "
        "q = n<sup>d</sup> configurations. Only h<sub>1</sub> matters, so it trains **n = "
        "q<sup>1/d</sup> different models, the share n<sup>1−d</sup> = q<sup>(1−d)/d</sup>**. Each "
        "grid below is written out and the different values of h<sub>1</sub> in it are counted."
    )
    rows: list[list[Any]] = []
    for eps, d in GRIDS:
        formula = grid_distinct(eps, d)
        points = list(grid_search_configs(eps, d))
        counted = len({point[0] for point in points})
        rows.append([eps, d, len(points), counted, formula.distinct, str(formula.fraction)])
    run.table(
        "grids",
        "Configurations and distinct models",
        ["ε", "d", "configurations q", "distinct, counted", "n", "share"],
        rows,
    )
    right = sum(counted == n and q == n**d for _, d, q, counted, n, _ in rows)
    run.claim(
        "a-distinct",
        "Distinct models counted in the grid are ⌈1/2ε⌉, and configurations its d-th power",
        measured=f"{right} of {len(rows)} grids",
        expected=f"{len(rows)} of {len(rows)}",
        holds=right == len(rows),
        source="000 §1.3 (a)",
    )


def distinct(run: Run) -> None:
    """Part (b)."""
    run.section("(b) Random search tries a new model every time")
    run.text(
        "If h<sub>1</sub> is drawn from a continuum, two draws agree with probability 0: **100 % "
        "of the q configurations are new models**, almost surely. A computer draws one of M "
        "values; then E[distinct] = M(1 − (1 − 1/M)<sup>q</sup>) and P(all distinct) = "
        "(1 − 1/M)(1 − 2/M) … (1 − (q − 1)/M)."
    )
    run.text(
        "The student answers (1 − 1/n)q with n values. That is the expected number of draws that "
        "differ from *one fixed* value; it counts repetitions, so with 10 values and 100 draws it "
        "finds 90 distinct models. The limit n → ∞ is right all the same."
    )
    runs = run.parameters["simulations"]

    def simulate() -> list[list[float]]:
        rows = []
        for M, q in DRAWS:
            draws = run.rng(f"draws {M} {q}").integers(0, M, (runs, q))
            counts = 1 + np.sum(np.diff(np.sort(draws, axis=1), axis=1) > 0, axis=1)
            # Where all simulations agree, the resolution of their mean stands in for its error.
            error = max(float(np.std(counts, ddof=1)) / runs**0.5, 1 / runs)
            rows.append([M, q, float(np.mean(counts)), error])
        return rows

    rows = [
        [M, q, mean, error, expected_distinct(M, q), students_distinct(M, q)]
        for M, q, mean, error in run.step("distinct values", simulate)
    ]
    run.table(
        "distinct",
        f"Distinct values among q draws from M, over {runs} simulations",
        ["values M", "draws q", "simulated", "standard error", "M(1 − (1 − 1/M)^q)", "(1 − 1/M)q"],
        rows,
    )
    for id, column, name, inside in (
        ("b-distinct", 4, "M(1 − (1 − 1/M)^q)", True),
        ("b-student", 5, "The student's (1 − 1/M)q", False),
    ):
        off = [abs(row[2] - row[column]) / row[3] for row in rows]
        run.claim(
            id,
            f"{name} {'agrees' if inside else 'does not agree'} with the simulated numbers of "
            "distinct values: " + ("largest" if inside else "smallest") + " distance in standard "
            "errors",
            measured=max(off) if inside else min(off),
            expected="at most 4" if inside else "above 4",
            holds=max(off) <= 4 if inside else min(off) > 4,
            source="000 §1.3 (b)",
        )
    q, singles = 10_000, run.parameters["float32_runs"]

    def collisions() -> int:
        rng = run.rng("float32")
        return sum(
            bool(np.all(np.diff(np.sort(rng.random(q, dtype=np.float32))) > 0))
            for _ in range(singles)
        )

    found, p = run.step("float32 draws", collisions), prob_all_distinct(SINGLE, q)
    error = float(np.sqrt(p * (1 - p) / singles))
    run.claim(
        "b-float32",
        f"10,000 float32 draws from a generator of 2²⁴ values are all distinct in a share of "
        f"{singles} runs: rarely, so “probability 0” ends at finite precision",
        measured=found / singles,
        expected=f"{p:.4f} ± {4 * error:.4f} (four standard errors)",
        holds=abs(found / singles - p) <= 4 * error,
        source="000 §1.3 (b)",
    )


def budget(run: Run) -> None:
    """Part (c)."""
    run.section("(c) A budget too small for a cover")
    run.text(
        "**Random search, if d ≥ 2 and B ≥ 2.** It tries B values of h<sub>1</sub>; a grid of at "
        "most B points tries m = ⌊B<sup>1/d</sup>⌋, a single one if B < 2<sup>d</sup>. To say what "
        "that is worth, let the best value h∗ be uniform in [0, 1] and measure how close the "
        "nearest trial comes: E = (B + 3)/(2(B + 1)(B + 2)) for random search, 1/(4m) for a grid. "
        "The student argues with models “different from the initial one”, and leaves out that "
        "**for d = 1, or B = 1, the grid is the better one**: equal spacing beats chance when "
        "every point counts."
    )
    regular = np.array([[float(x) for x in point] for point in grid_search_configs("1/6", 2)])
    random = random_search_configs(9, 2, run.rng("projections"))
    run.figure(
        "projections",
        "Nine trials of two hyperparameters, of which the first matters",
        figures.draw_projections(regular, random),
        alternative="Left: a grid of 3 × 3 points covers only three values of h₁ on the axis below "
        "it. Right: nine random points cover nine.",
        table=(
            ["grid h₁", "grid h₂", "random h₁", "random h₂"],
            [[*g, *r] for g, r in zip(regular.tolist(), random.tolist(), strict=True)],
        ),
    )
    budgets, dimensions = run.parameters["budgets"], (1, 2, 3, 5)
    compared = {(B, d): compare_search(B, d) for B in budgets for d in dimensions}
    runs = run.parameters["simulations"] * 10

    def simulate() -> list[list[float]]:
        rows = []
        for B in budgets:
            rng = run.rng(f"gaps {B}")
            best = rng.random(runs)
            gaps = np.full(runs, np.inf)
            for _ in range(B):
                np.minimum(gaps, np.abs(rng.random(runs) - best), out=gaps)
            rows.append([float(np.mean(gaps)), float(np.std(gaps, ddof=1) / np.sqrt(runs))])
        return rows

    simulated = run.step("best gaps", simulate)
    columns = ["B", "random", "simulated", *(f"grid, d = {d}" for d in dimensions)]
    rows = [
        [B, float(compared[B, 1].gap_random), simulated[i][0]]
        + [float(compared[B, d].gap_grid) for d in dimensions]
        for i, B in enumerate(budgets)
    ]
    run.figure(
        "gaps",
        "Expected distance of the best trial from the best value of h₁",
        figures.draw_gaps(max(budgets), [mean for mean, _ in simulated], budgets, dimensions),
        alternative="Against the budget, random search falls as 1/2B, and the simulated values lie "
        "on its line. The grid in one dimension lies below it by a factor of two; in two, three "
        "and five dimensions it lies far above and falls in steps.",
        table=(columns, rows),
        note=f"Simulated: {runs:,} searches for each budget.",
    )
    off = [
        abs(mean - float(compared[B, 1].gap_random)) / error
        for B, (mean, error) in zip(budgets, simulated, strict=True)
    ]
    run.claim(
        "c-gap",
        "The simulated distance of random search agrees with (B + 3)/(2(B + 1)(B + 2)): largest "
        "deviation in standard errors",
        measured=max(off),
        expected="at most 4",
        holds=max(off) <= 4,
        source="000 §1.3 (c)",
    )

    def winners() -> list[int]:
        wrong = [0, 0]
        for d in range(1, 7):
            for B in range(1, run.parameters["largest_budget"] + 1):
                better = compare_search(B, d).better
                wrong[0] += better != ("random" if d >= 2 and B >= 2 else "grid")
                wrong[1] += better != "random"
        return wrong

    wrong, unconditional = run.step("winners", winners)
    tried = 6 * run.parameters["largest_budget"]
    run.claim(
        "c-winner",
        f"Random search is better exactly if d ≥ 2 and B ≥ 2, for d up to 6 and B up to "
        f"{run.parameters['largest_budget']}: exceptions",
        measured=f"{wrong} of {tried}",
        expected="0",
        holds=wrong == 0,
        source="000 §1.3 (c)",
    )
    run.claim(
        "c-unconditional",
        "The student's “random search is better” without conditions: exceptions",
        measured=f"{unconditional} of {tried}; B = 9, d = 1: "
        f"{float(compare_search(9, 1).gap_random):.6f} against "
        f"{float(compare_search(9, 1).gap_grid):.6f}",
        expected="some",
        holds=unconditional > 0,
        source="000 §1.3 (c)",
    )
    run.text(
        "For one fixed best value a ≤ ½ away from the nearer end, random search comes as close as "
        "(1 + (1 − 2a)<sup>B+1</sup>)/(2(B + 1)) on average: a best value at the edge of the range "
        "is missed by twice as much as one in the middle."
    )
    run.table(
        "edge",
        "Expected distance for a best value at the edge and in the middle",
        ["B", "h∗ = 0", "h∗ = ½", "average"],
        [[B, *(float(expected_best_gap_random(B, h)) for h in (0, "1/2", None))] for B in budgets],
    )
    coverage(run)


def coverage(run: Run) -> None:
    """What random search does not promise."""
    run.text(
        "**What random search gives up is the guarantee.** Ten values at the right places cover "
        "[0, 1] within 0.05; ten random ones never do. That q random values do has the "
        "probability Σ<sub>e,j</sub> (−1)<sup>e+j</sup> C(2, e) C(q − 1, j) max(0, 1 − (e + "
        "2j)ε)<sup>q</sup>, by inclusion and exclusion over the gaps that are too wide."
    )
    counts = sorted({*range(10, 201, 10)})
    probabilities = [float(prob_random_cover(q, "0.05")) for q in counts]
    runs = run.parameters["simulations"]

    def simulate() -> list[float]:
        shares = []
        for q in counts:
            draws = np.sort(run.rng(f"cover {q}").random((runs, q)), axis=1)
            ends = (draws[:, 0] <= 0.05) & (draws[:, -1] >= 0.95)
            shares.append(float(np.mean(ends & np.all(np.diff(draws, axis=1) <= 0.1, axis=1))))
        return shares

    shares = run.step("random covers", simulate)
    run.figure(
        "coverage",
        "Probability that q values of h₁ cover [0, 1] within 0.05",
        figures.draw_coverage(counts, probabilities, shares, grid_distinct("0.05", 1).q),
        alternative="For a grid the probability jumps from 0 to 1 at q = 10; for random values it "
        "is 0 at 10, 0.64 at 50 and 0.99 at 100, and the simulated shares lie on the curve.",
        table=(
            ["q", "probability", "simulated"],
            [list(row) for row in zip(counts, probabilities, shares, strict=True)],
        ),
        note=f"Simulated: {runs:,} sets for each q.",
    )
    off = [
        abs(share - p) / np.sqrt(max(p * (1 - p), 1 / runs) / runs)
        for p, share in zip(probabilities, shares, strict=True)
    ]
    by_q = dict(zip(counts, probabilities, strict=True))
    run.claim(
        "c-coverage",
        "Probability that 10, 50 and 100 random values are a 0.05-cover of [0, 1]; largest "
        "deviation of the simulated shares from the formula in standard errors",
        measured=", ".join(f"{by_q[q]:.4f}" for q in (10, 50, 100)) + f"; {max(off):.2f}",
        expected="0, 0.6422, 0.9856; at most 4",
        holds=[round(by_q[q], 4) for q in (10, 50, 100)] == [0, 0.6422, 0.9856] and max(off) <= 4,
        source="000 §1.3 (c)",
    )


def run_experiment(run: Run) -> None:
    """The three parts."""
    grid(run)
    distinct(run)
    budget(run)


EXPERIMENT = Experiment(
    name="grid-vs-random",
    title="Grid against random search",
    document="000",
    question="§1.3",
    summary=(
        "d hyperparameters of which one matters: how many different models a grid and random "
        "search try, how close the best trial comes at equal budget, when the grid wins after "
        "all, and what coverage random search gives up."
    ),
    parameters=(
        Parameter("simulations", 20_000, "simulations behind each probability", minimum=100),
        Parameter("float32_runs", 2000, "runs of 10,000 float32 draws", minimum=100),
        Parameter("budgets", (1, 2, 4, 9, 16, 64, 243), "budgets B of part (c)", 1),
        Parameter("largest_budget", 2000, "budgets compared exactly", minimum=10),
    ),
    presets={
        "quick": {"simulations": 4000, "float32_runs": 500, "largest_budget": 300},
        "full": {},
    },
    data={"embedded": "configurations in [0, 1]ᵈ, by formula or seeded"},
    run=run_experiment,
)
