"""Experiment `l1-regression`: least absolute deviations, certified, against least squares.

The functions are in `chainrule.theory.robust_regression`, the figures in `l1_regression_figures`.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np

from chainrule.experiments import l1_regression_figures as figures
from chainrule.experiments.experiment import Experiment, Parameter, Run
from chainrule.theory.robust_regression import (
    l1_loss,
    l1_regression,
    l1_subgradient,
    weighted_median,
)

#: Four points on the line y = 1 + 2x and one far off; a column of ones for the intercept.
LINE = np.column_stack([np.ones(5), np.arange(5.0)])
OUTLIER = np.array([1.0, 3.0, 5.0, 7.0, 100.0])
SOURCE = "004 P2"


def linear(w: Any, X: Any) -> Any:
    """The model class: predictions Xw."""
    return X @ w


def squared(predictions: Any, y: Any) -> Any:
    """Σ (ŷ − y)²."""
    return np.sum((predictions - y) ** 2)


def absolute(predictions: Any, y: Any) -> Any:
    """Σ |ŷ − y|."""
    return np.sum(np.abs(predictions - y))


def descent(objective: Callable[[Any], Any], start: np.ndarray, steps: int) -> np.ndarray:
    """Normalised subgradient steps of length 1/√k with the engine's gradient; the best point."""
    import chainrule as cr

    w, best = start, start
    least = float(objective(start))
    slope = cr.value_and_grad(objective)
    for k in range(1, steps + 1):
        value, g = slope(w)
        if float(value) < least:
            least, best = float(value), w
        size = float(np.linalg.norm(g))
        if size == 0:
            break
        w = w - g / (size * np.sqrt(k))
    return best


def fit(
    model: Callable[[Any, Any], Any],
    loss: Callable[[Any, Any], Any],
    optimiser: Callable[..., np.ndarray],
    X: np.ndarray,
    y: np.ndarray,
    steps: int,
) -> np.ndarray:
    """The three-step recipe: a model class, a loss, an optimiser."""
    return optimiser(lambda w: loss(model(w, X), y), np.zeros(X.shape[1]), steps)


def least_squares(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(XᵀX)⁻¹Xᵀy."""
    return np.linalg.lstsq(X, y, rcond=None)[0]


def loss_function(run: Run) -> None:
    """Part (a)."""
    run.section("(a) The loss")
    run.text(
        "**L(w) = ‖Xw − y‖₁ = Σ<sub>i</sub> |x<sub>i</sub>ᵀw − y<sub>i</sub>|**, with X of size n "
        "× d (a column of ones in it for an intercept), w of size d × 1, y and the residual Xw − y "
        "of size n × 1, and L a number."
    )

    def measure() -> list[float]:
        import chainrule as cr

        rng, worst = run.rng("losses"), [0.0, 0.0]
        for _ in range(run.parameters["fits"]):
            n, d = int(rng.integers(1, 20)), int(rng.integers(1, 6))
            X, y, w = rng.normal(size=(n, d)), rng.normal(size=n), rng.normal(size=d)
            total = sum(abs(float(x @ w) - float(t)) for x, t in zip(X, y, strict=True))
            worst[0] = max(worst[0], abs(l1_loss(w, X, y) - total) / total)
            slope = cr.grad(lambda w, X=X, y=y: absolute(linear(w, X), y))(w)
            difference = np.max(np.abs(l1_subgradient(w, X, y) - slope))
            worst[1] = max(worst[1], float(difference / (1 + np.max(np.abs(slope)))))
        return worst

    worst = run.step("losses", measure)
    run.claim(
        "a-loss",
        "‖Xw − y‖₁ against the sum over samples, and Xᵀ sign(Xw − y) against the engine's "
        f"gradient, for {run.parameters['fits']} random w: largest relative deviations",
        measured=f"{worst[0]:.1g}, {worst[1]:.1g}",
        expected="at most 1e-13 each",
        holds=max(worst) <= 1e-13,
        source=f"{SOURCE} (a)",
    )


def no_closed_form(run: Run) -> None:
    """Part (b)."""
    run.section("(b) No closed form, but a certificate")
    run.text(
        "**No, not in general.** Setting a gradient to zero gave least squares its linear "
        "equations. Here the gradient is Xᵀ sign(Xw − y), piecewise constant and undefined where a "
        "residual is 0, and there are always such residuals at the best corner: some minimum "
        "passes exactly through rank(X) points. The condition for a minimum is 0 ∈ Xᵀ sign(Xw − y) "
        "with sign(0) = [−1, 1], a matter of *which* points lie above and below, not an equation "
        "to solve for w. It is a linear program: min Σ t<sub>i</sub> subject to −t ≤ Xw − y ≤ t. "
        "Its dual, **max uᵀy subject to Xᵀu = 0 and |u<sub>i</sub>| ≤ 1**, certifies the minimum: "
        "for every w, ‖Xw − y‖₁ ≥ uᵀ(y − Xw) = uᵀy. The minimiser need not be unique, so losses "
        "are compared, never weights. Closed forms exist in special cases: the median for X = 1, a "
        "weighted median of y<sub>i</sub>/x<sub>i</sub> with weights |x<sub>i</sub>| for d = 1."
    )
    best, squares = l1_regression(LINE, OUTLIER), least_squares(LINE, OUTLIER)
    run.figure(
        "outlier",
        "Five points, one of them far off",
        figures.draw_fits(LINE[:, 1], OUTLIER, {"ℓ1": best.w, "least squares": squares}),
        alternative="The ℓ1 line passes through the four points on y = 1 + 2x and ignores the "
        "fifth at 100; the least-squares line is pulled up steeply and passes through none.",
        table=(
            ["x", "y", "ℓ1 fit", "least squares", "dual u"],
            [[x, t, a, b, u] for x, t, a, b, u in
             zip(LINE[:, 1], OUTLIER, LINE @ best.w, LINE @ squares, best.dual, strict=True)],
        ),
    )  # fmt: skip
    run.claim(
        "b-reference",
        "x = 0 … 4, y = (1, 3, 5, 7, 100): ℓ1 line, loss, dual bound; least-squares line",
        measured=f"({best.w[0]:.6g}, {best.w[1]:.6g}), {best.loss:.6g}, {best.bound:.6g}; "
        f"({squares[0]:.6g}, {squares[1]:.6g})".replace("-", "−"),
        expected="(1, 2), 91, 91; (−17.2, 20.2)",
        holds=bool(np.allclose(best.w, [1, 2]) and np.allclose(squares, [-17.2, 20.2]))
        and abs(best.loss - 91) < 1e-9
        and abs(best.gap) < 1e-9,
        source=f"{SOURCE} (b)",
    )
    found = run.step("random fits", lambda: _random_fits(run))
    fits = run.parameters["fits"]
    for id, value, bound, statement in (
        ("b-vertices", found["vertices"], 1e-10,
         "The linear program against the best of all w through rank(X) points: largest relative "
         "difference of the losses"),
        ("b-gap", found["gap"], 1e-10, "Largest relative duality gap"),
        ("b-dual", found["infeasible"], 1e-12, "Largest violation of Xᵀu = 0 and |u| ≤ 1"),
    ):  # fmt: skip
        run.claim(
            id,
            f"{fits} random fits, some with equal columns or tied data. {statement}",
            measured=value,
            expected=f"at most {bound:g}",
            holds=value <= bound,
            source=f"{SOURCE} (b)",
        )
    run.claim(
        "b-least-squares",
        "The least-squares formula does not minimise the ℓ1 loss: fits where its loss is higher",
        measured=f"{found['worse']} of {fits}; in the median by {100 * found['excess']:.0f} %",
        expected="nearly all",
        holds=found["worse"] > 0.9 * fits,
        source=f"{SOURCE} (b)",
    )
    special_cases(run)


def _random_fits(run: Run) -> dict[str, Any]:
    rng = run.rng("random fits")
    worst: dict[str, Any] = {"vertices": 0.0, "gap": 0.0, "infeasible": 0.0, "worse": 0}
    excess = []
    for i in range(run.parameters["fits"]):
        n, d = int(rng.integers(4, 10)), int(rng.integers(1, 4))
        X, y = rng.normal(size=(n, d)), rng.normal(size=n)
        if i % 5 == 0:
            X, y = np.round(2 * X), np.round(2 * y)
        if i % 7 == 0:
            X = np.column_stack([X, X[:, 0]])
        best = l1_regression(X, y)
        size = float(np.sum(np.abs(y)))
        worst["vertices"] = max(worst["vertices"], abs(_vertices(X, y) - best.loss) / size)
        worst["gap"] = max(worst["gap"], abs(best.gap) / size)
        infeasible = max(
            float(np.max(np.abs(X.T @ best.dual))), float(np.max(np.abs(best.dual))) - 1
        )
        worst["infeasible"] = max(worst["infeasible"], infeasible)
        other = l1_loss(least_squares(X, y), X, y)
        worst["worse"] += other > best.loss * (1 + 1e-9)
        excess.append(other / max(best.loss, 1e-9) - 1)
    return {**worst, "excess": float(np.median(excess))}


def _vertices(X: np.ndarray, y: np.ndarray) -> float:
    """The least loss over all w that pass exactly through rank(X) independent points."""
    rank, least = int(np.linalg.matrix_rank(X)), np.inf
    for rows in combinations(range(len(y)), rank):
        chosen = list(rows)
        if np.linalg.matrix_rank(X[chosen]) == rank:
            least = min(least, l1_loss(least_squares(X[chosen], y[chosen]), X, y))
    return float(least)


def special_cases(run: Run) -> None:
    """Medians, ties, and how far an outlier reaches."""
    low, high = weighted_median([1, 2, 10, 11])
    losses = [l1_loss([m], np.ones((4, 1)), [1, 2, 10, 11]) for m in (1.5, low, 6, high, 10.5)]
    run.claim(
        "b-not-unique",
        "X = 1, y = (1, 2, 10, 11): the minimisers, and the losses at 1.5, 2, 6, 10, 10.5",
        measured=f"[{low:g}, {high:g}]; " + ", ".join(f"{loss:g}" for loss in losses),
        expected="[2, 10]; 19, 18, 18, 18, 19",
        holds=(low, high) == (2, 10) and losses == [19, 18, 18, 18, 19],
        source=f"{SOURCE} (b)",
    )

    def medians() -> float:
        rng, worst = run.rng("medians"), 0.0
        for _ in range(run.parameters["fits"]):
            x, y = np.round(rng.normal(size=9), 1), rng.normal(size=9)
            used = x != 0
            ends = weighted_median(y[used] / x[used], np.abs(x[used]))
            least = l1_regression(x[:, None], y).loss
            worst = max(worst, *(abs(l1_loss([m], x[:, None], y) / least - 1) for m in ends))
        return worst

    worst = run.step("medians", medians)
    run.claim(
        "b-median",
        "One input: the weighted median of y/x with weights |x| has the loss of the linear "
        f"program, {run.parameters['fits']} times: largest relative difference",
        measured=worst,
        expected="at most 1e-10",
        holds=worst <= 1e-10,
        source=f"{SOURCE} (b)",
    )
    grid = np.linspace(-0.5, 4.5, 501)
    x, y = np.array([1.0, 2.0, -1.0, 0.5]), np.array([1.0, 5.0, -2.0, 2.0])
    curve = [l1_loss([m], x[:, None], y) for m in grid]
    run.figure(
        "kinks",
        "The ℓ1 and the squared loss of one weight, for four samples",
        figures.draw_kinks(grid, curve, (x, y)),
        alternative="The ℓ1 loss is made of straight pieces with a kink at each ratio y/x and its "
        "minimum at one of them; the squared loss is a parabola.",
        table=(
            ["w", "ℓ1 loss", "squared loss"],
            [[float(m), curve[i], float(np.sum((x * m - y) ** 2))]
             for i, m in enumerate(grid) if i % 50 == 0],
        ),
    )  # fmt: skip
    heights = [9.0, 20.0, 100.0, 1000.0, 1e6]
    rows = []
    for height in heights:
        y = np.append(OUTLIER[:4], height)
        rows.append([height, *l1_regression(LINE, y).w, *least_squares(LINE, y)])
    run.table(
        "leverage",
        "Both lines as the fifth point moves up",
        ["y at x = 4", "ℓ1 intercept", "ℓ1 slope", "squares intercept", "squares slope"],
        rows,
    )
    moved = max(abs(row[1] - 1) + abs(row[2] - 2) for row in rows)
    run.claim(
        "b-robust",
        "The ℓ1 line does not move while the fifth point goes from 9 to a million; the slope of "
        "least squares grows to",
        measured=f"moved by {moved:.1g}; {rows[-1][4]:.6g}",
        expected="at most 1e-6; about 200,000",
        holds=moved <= 1e-6 and rows[-1][4] > 199_000,
        source=f"{SOURCE} (b)",
    )


def recipe(run: Run) -> None:
    """Part (c)."""
    run.section("(c) The three-step recipe")
    run.text(
        "The recipe is: choose a **model class**, choose a **loss**, choose an **optimiser**. "
        "Parts (a) and (b) keep the model class, w ↦ Xw, and change the loss from squares to "
        "absolute values. That alone decides about the optimiser: for squares there is a formula, "
        "for absolute values a linear program or (sub)gradient descent. Below, the same call "
        "`fit(model, loss, optimiser)` is made twice, with only the loss exchanged. Descent comes "
        "close to both minima; how close, it cannot tell by itself, the dual bound can."
    )
    steps = run.parameters["steps"]

    def measure() -> list[list[float]]:
        rng = run.rng("recipe")
        X = np.column_stack([np.ones(60), rng.normal(size=(60, 2))])
        y = X @ np.array([1.0, 2.0, -1.0]) + rng.standard_t(1.5, size=60)
        best, squares = l1_regression(X, y), least_squares(X, y)
        found = [fit(linear, loss, descent, X, y, steps) for loss in (absolute, squared)]
        return [
            [l1_loss(found[0], X, y), best.loss, best.bound, *found[0].tolist()],
            [float(squared(X @ found[1], y)), float(squared(X @ squares, y)), 0.0,
             *found[1].tolist()],
        ]  # fmt: skip

    by_loss = run.step("recipe", measure)
    run.table(
        "recipe",
        f"One recipe, two losses: 60 samples with heavy-tailed noise, {steps:,} steps",
        ["loss", "by descent", "least", "dual bound", "w₀ (1)", "w₁ (2)", "w₂ (−1)"],
        [
            ["absolute", *by_loss[0]],
            ["squared", by_loss[1][0], by_loss[1][1], "–", *by_loss[1][3:]],
        ],
        note="The true weights are in the column heads.",
    )
    excess = [found / least - 1 for found, least, *_ in by_loss]
    run.claim(
        "c-recipe",
        "Subgradient descent with either loss comes near its minimum, from the linear program or "
        "the formula: relative excess for absolute values and for squares",
        measured=f"{excess[0]:.2g}, {excess[1]:.2g}",
        expected="from −1e-9 to 0.01 each",
        holds=all(-1e-9 <= each <= 0.01 for each in excess),
        source=f"{SOURCE} (c)",
    )


def run_experiment(run: Run) -> None:
    """The three parts."""
    loss_function(run)
    no_closed_form(run)
    recipe(run)


EXPERIMENT = Experiment(
    name="l1-regression",
    title="Linear regression with absolute values",
    document="004",
    question="P2",
    summary=(
        "The ℓ1 loss of a linear model: why its minimum has no formula, a linear program with a "
        "dual certificate against enumeration and least squares, the weighted median as a special "
        "case, and the three-step recipe with one step exchanged."
    ),
    parameters=(
        Parameter("fits", 500, "random fits of parts (a) and (b)", minimum=10),
        Parameter("steps", 20_000, "steps of descent of part (c)", minimum=100),
    ),
    presets={"quick": {"fits": 40, "steps": 2000}, "full": {}},
    data={"embedded": "five points with an outlier, and random data"},
    run=run_experiment,
)
