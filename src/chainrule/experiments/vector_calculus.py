"""Experiment `vector-calculus`: the gradient of ‖x‖², and the point nearest to all others.

The formulas are in `chainrule.theory.vector_calculus`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.experiments.differences import central_differences, complex_step
from chainrule.experiments.experiment import Experiment, Parameter, Run
from chainrule.theory.vector_calculus import (
    grad_squared_norm,
    hessian_of_squared_distances,
    minimiser_of_squared_distances,
    sum_of_squared_distances,
)

#: A data set whose mean and minimum are whole numbers: (3, 5) and 34.
REFERENCE = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 9.0]])


def squared_norm(x: Any) -> Any:
    """‖x‖₂² as a user writes it."""
    return np.sum(x**2)


def squared_distances(mu: Any, points: Any) -> Any:
    """Σ_i ‖x_i − μ‖² as a user writes it."""
    return np.sum((points - mu) ** 2)


def gradient(run: Run) -> None:
    """Part (a)."""
    import chainrule as cr

    run.section("(a) The gradient of ‖x‖²")
    run.text(
        "f(x) = x<sub>1</sub>² + … + x<sub>d</sub>², so ∂f/∂x<sub>i</sub> = 2x<sub>i</sub> and "
        "**∇f(x) = 2x**, everywhere. The gradient of ‖x‖ itself is another one, x/‖x‖, and does "
        "not exist at 0; the engine gives 0 there."
    )
    dimensions = run.parameters["dimensions"]

    def measure() -> list[list[float]]:
        rows = []
        for d in dimensions:
            x = run.rng(f"x of {d}").normal(size=d)
            by_hand = grad_squared_norm(x)
            scale = float(np.max(np.abs(by_hand)))
            others = (
                cr.grad(squared_norm)(x),
                complex_step(squared_norm, x),
                central_differences(squared_norm, x),
                2 * np.linalg.norm(x) * cr.grad(np.linalg.norm)(x),
            )
            rows.append([d, *(float(np.max(np.abs(by_hand - g))) / scale for g in others)])
        return rows

    rows = run.step("gradients of the squared norm", measure)
    run.table(
        "gradients",
        "Largest deviation of 2x, relative to the largest entry",
        ["d", "engine", "complex step", "central differences", "2‖x‖ · engine's ∇‖x‖"],
        rows,
    )
    for id, column, bound, what in (
        ("a-engine", 1, 1e-15, "the engine's gradient"),
        ("a-complex", 2, 1e-15, "the complex step"),
        ("a-differences", 3, 1e-6, "central differences"),
        ("a-norm", 4, 1e-14, "2‖x‖ times the engine's gradient of ‖x‖, by the chain rule"),
    ):
        worst = max(row[column] for row in rows)
        run.claim(
            id,
            f"∇‖x‖² = 2x agrees with {what}, for d up to {max(dimensions)}: largest deviation",
            measured=worst,
            expected=f"at most {bound:g}",
            holds=worst <= bound,
            source="004 P1 (a)",
        )


def nearest_point(run: Run) -> None:
    """Part (b)."""
    import chainrule as cr

    run.section("(b) The point nearest to all others")
    run.text(
        "F(μ) = Σ‖x<sub>i</sub> − μ‖² has the gradient −2 Σ(x<sub>i</sub> − μ), which vanishes "
        "only at the mean **μ = x̄ = (1/n) Σ x<sub>i</sub>**. It is the minimum, and the only one, "
        "because for every μ\n\nF(μ) = F(x̄) + n‖x̄ − μ‖²,\n\nthe mixed term 2 Σ(x<sub>i</sub> − "
        "x̄)·(x̄ − μ) being zero; equally, because the Hessian is 2n times the identity."
    )
    mean = minimiser_of_squared_distances(REFERENCE)
    least = sum_of_squared_distances(REFERENCE, mean)
    slope = cr.grad(squared_distances)(mean, REFERENCE)
    run.claim(
        "b-reference",
        "Of the points (1, 2), (3, 4), (5, 9): minimiser, least value, the engine's gradient there",
        measured=f"({mean[0]:g}, {mean[1]:g}), {least:g}, ({slope[0]:g}, {slope[1]:g})",
        expected="(3, 5), 34, (0, 0)",
        holds=mean.tolist() == [3, 5] and least == 34 and not np.any(slope),
        source="004 P1 (b)",
    )

    def measure() -> dict[str, float]:
        rng = run.rng("data sets")
        worst = {"identity": 0.0, "slope": 0.0, "hessian": 0.0, "descent": 0.0, "better": 0.0}
        for _ in range(run.parameters["data_sets"]):
            n, d = int(rng.integers(1, 30)), int(rng.integers(1, 8))
            points = rng.normal(size=(n, d)) * rng.uniform(0.1, 10.0)
            mean, mu = minimiser_of_squared_distances(points), rng.normal(size=d)
            least, there = (sum_of_squared_distances(points, at) for at in (mean, mu))
            gap = n * float(np.sum((mean - mu) ** 2))
            hessian = cr.hessian(squared_distances)(mu, points)
            errors = {
                "identity": abs(there - least - gap) / there,
                "slope": float(np.max(np.abs(cr.grad(squared_distances)(mean, points))))
                / (n * float(np.max(np.abs(points)))),
                "hessian": float(np.max(np.abs(hessian - hessian_of_squared_distances(n, d)))),
                # one step of length 1/(2n) against the engine's gradient is Newton's step
                "descent": float(
                    np.max(np.abs(mu - cr.grad(squared_distances)(mu, points) / (2 * n) - mean))
                )
                / float(np.max(np.abs(points))),
                "better": float(there < least),
            }
            worst = {key: max(value, errors[key]) for key, value in worst.items()}
        return worst

    worst = run.step("random data sets", measure)
    count = run.parameters["data_sets"]
    for id, key, bound, statement in (
        ("b-identity", "identity", 1e-13, "F(μ) = F(x̄) + n‖x̄ − μ‖²: largest relative deviation"),
        (
            "b-slope",
            "slope",
            1e-14,
            "The engine's gradient at the mean is 0: largest entry, scaled",
        ),
        ("b-hessian", "hessian", 1e-10, "The engine's Hessian is 2n times the identity: deviation"),
        ("b-newton", "descent", 1e-13, "One step of 1/(2n) from any μ ends in the mean: deviation"),
        ("b-better", "better", 0, "No random μ is better than the mean: data sets where one was"),
    ):
        run.claim(
            id,
            f"{statement}, over {count} random data sets",
            measured=worst[key],
            expected=f"at most {bound:g}" if bound else "0",
            holds=worst[key] <= bound,
            source="004 P1 (b)",
        )
    run.figure(
        "distances",
        "Sum of squared distances to the three points",
        _figure(mean),
        alternative=(
            "Circles of equal height around the mean (3, 5) of the three points (1, 2), (3, 4) and "
            "(5, 9)."
        ),
        table=(
            ["μ", "F(μ)", "F(x̄) + n‖x̄ − μ‖²"],
            [
                [f"({a:g}, {b:g})", sum_of_squared_distances(REFERENCE, [a, b]),
                 34 + 3 * ((a - 3) ** 2 + (b - 5) ** 2)]
                for a, b in ((3, 5), (3, 4), (1, 2), (5, 9), (0, 0))
            ],
        ),
    )  # fmt: skip


def _figure(mean: np.ndarray) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.8, 4.4), layout="constrained")
    axes = figure.subplots()
    a, b = np.meshgrid(np.linspace(-1, 7, 81), np.linspace(0, 10, 101))
    heights = np.sum(
        (REFERENCE[:, 0, None, None] - a) ** 2 + (REFERENCE[:, 1, None, None] - b) ** 2, axis=0
    )
    lines = axes.contour(a, b, heights, levels=[36, 40, 50, 70, 100, 150], colors="0.6")
    axes.clabel(lines, fontsize=8)
    axes.plot(*REFERENCE.T, "o", color="0.2", label="points")
    axes.plot(*mean, "X", color="C3", markersize=9, label="mean")
    axes.set(xlabel="μ₁", ylabel="μ₂", aspect="equal")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return figure


def run_experiment(run: Run) -> None:
    """Both parts."""
    gradient(run)
    nearest_point(run)


EXPERIMENT = Experiment(
    name="vector-calculus",
    title="The gradient of ‖x‖², and the point nearest to all others",
    document="004",
    question="P1",
    summary=(
        "∇‖x‖² = 2x against the engine, the complex step and differences; the mean as the only "
        "minimiser of Σ‖xᵢ − μ‖², with the identity that proves it and the engine's Hessian."
    ),
    parameters=(
        Parameter("dimensions", (1, 2, 5, 20, 100), "lengths d of the vectors", minimum=1),
        Parameter("data_sets", 200, "random data sets of part (b)", minimum=1),
    ),
    presets={"quick": {"data_sets": 50}, "full": {}},
    data={"embedded": "three points with a mean of whole numbers, and random ones"},
    run=run_experiment,
)
