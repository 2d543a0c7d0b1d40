"""Experiment `linear-networks`: capacity, convexity, gradients and global minimum; parts (a)–(d).

Parts (e) and (f), on critical points, are in `linear_networks_landscape`; the functions are in
`chainrule.theory.linear_networks`.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from chainrule.experiments import linear_networks_figures as figures
from chainrule.experiments import linear_networks_landscape as landscape
from chainrule.experiments.experiment import Experiment, Parameter, Run
from chainrule.theory.linear_networks import (
    balancedness,
    best_error_of_rank,
    factorize_linear_network,
    linear_network_global_minimum,
    linear_network_loss,
    linear_network_product,
    product_gradient,
)

#: A regression whose least-squares solution is [[20, 18], [6, 19]] / 17.
X = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.0, -1.0]])
Y = np.array([[1.0, 2.0], [0.0, 1.0], [3.0, 1.0], [1.0, -1.0]])
LEAST_SQUARES = np.array([[20.0, 18.0], [6.0, 19.0]]) / 17


def capacity(run: Run) -> None:
    """Part (a)."""
    run.section("(a) Which matrices a linear network can be")
    run.text(
        "**W̄ = W<sub>L</sub> … W<sub>1</sub> can be W<sub>0</sub> exactly if rank(W<sub>0</sub>) "
        "≤ min<sub>i</sub> d<sub>i</sub>.** *Only if:* the rank of a product is at most that of "
        "each factor, and a factor of shape d<sub>i</sub> × d<sub>i−1</sub> has rank at most its "
        "smaller side. *If:* write W<sub>0</sub> = UΣVᵀ with rank r and let S = "
        "Σ<sub>r</sub><sup>1/L</sup>; then W<sub>1</sub> = [S V<sub>r</sub>ᵀ; 0], W<sub>i</sub> = "
        "[S 0; 0 0] and W<sub>L</sub> = [U<sub>r</sub> S, 0] fit, because r ≤ d<sub>i</sub>. These "
        "factors are balanced: W<sub>i+1</sub>ᵀW<sub>i+1</sub> = W<sub>i</sub>W<sub>i</sub>ᵀ. (The "
        "last block of the hint must be 0 of shape (p − d∗) × (d − d∗); as printed, its number of "
        "columns d∗ − d is negative.)"
    )
    count = run.parameters["networks"]

    def measure() -> dict[str, float]:
        rng = run.rng("factorisations")
        worst = {"error": 0.0, "balance": 0.0, "excess": -9.0, "refused": 0.0, "too large": 0.0}
        for _ in range(count):
            dims = [int(n) for n in rng.integers(1, 7, int(rng.integers(2, 7)))]
            rank = int(rng.integers(0, min(dims[0], dims[-1]) + 1))
            W0 = rng.normal(size=(dims[-1], rank)) @ rng.normal(size=(rank, dims[0]))
            if rank > min(dims):
                worst["too large"] += 1
                try:
                    factorize_linear_network(W0, dims)
                except ValueError:
                    worst["refused"] += 1
                continue
            weights = factorize_linear_network(W0, dims)
            error = float(np.linalg.norm(linear_network_product(weights) - W0))
            size = float(np.linalg.norm(W0)) or 1.0
            worst["error"] = max(worst["error"], error / size)
            worst["balance"] = max(worst["balance"], balancedness(weights))
            random = [rng.normal(size=(b, a)) for a, b in pairwise(dims)]
            excess = int(np.linalg.matrix_rank(linear_network_product(random))) - min(dims)
            worst["excess"] = max(worst["excess"], excess)
        return worst

    worst = run.step("factorisations", measure)
    run.claim(
        "a-if",
        f"{count} random matrices and widths, every rank from 0: where the rank allows it, the "
        "product of the constructed weights is W₀; largest relative error, largest imbalance",
        measured=f"{worst['error']:.2g}, {worst['balance']:.2g}",
        expected="at most 1e-13, 1e-12",
        holds=worst["error"] <= 1e-13 and worst["balance"] <= 1e-12,
        source="001 §2 (a)",
    )
    run.claim(
        "a-only-if",
        "No product of random weights has a rank above the narrowest width; matrices of larger "
        "rank are refused",
        measured=f"largest excess {worst['excess']:g}; {worst['refused']:g} of "
        f"{worst['too large']:g} refused",
        expected="0; all",
        holds=worst["excess"] == 0 and worst["refused"] == worst["too large"] > 0,
        source="001 §2 (a)",
    )

    def closest() -> list[float]:
        rng = run.rng("closest products")
        W0 = rng.normal(size=(4, 5))
        return [
            *(best_error_of_rank(W0, k) for k in (1, 2, 3)),
            *(min(_alternate(np.eye(5), W0.T, k, rng) for _ in range(5)) for k in (1, 2, 3)),
        ]

    found = run.step("closest products", closest)
    gap = max(abs(a - b) / b for a, b in zip(found[:3], found[3:], strict=True))
    run.claim(
        "a-distance",
        "How far a 4 × 5 matrix is from all products with a bottleneck of 1, 2, 3: "
        "√(Σ_{i>k} σ_i²), against the best of five alternating minimisations",
        measured=", ".join(f"{a:.10f}" for a in found[:3]) + f"; relative difference {gap:.1g}",
        expected="equal to 1e-9",
        holds=gap <= 1e-9,
        source="001 §2 (a)",
    )


def _alternate(x: np.ndarray, y: np.ndarray, k: int, rng: np.random.Generator) -> float:
    """The Frobenius error of xAB against y that alternating least squares ends with."""
    A = rng.normal(size=(x.shape[1], k))
    B, errors = np.zeros((k, y.shape[1])), [np.inf]
    for _ in range(20_000):
        B = np.linalg.lstsq(x @ A, y, rcond=None)[0]
        A = np.linalg.lstsq(x, y @ np.linalg.pinv(B), rcond=None)[0]
        errors.append(float(np.linalg.norm(x @ A @ B - y)))
        if errors[-2] - errors[-1] < 1e-15 * errors[-1]:
            break
    return errors[-1]


def convexity(run: Run) -> None:
    """Part (b)."""
    import chainrule as cr

    run.section("(b) Convex in the product, not in the layers")
    run.text(
        "The rows of XW̄ᵀ are the predictions, so R̂ = ½ Σ ‖W̄x<sub>i</sub> − y<sub>i</sub>‖² = ½ "
        "‖W̄Xᵀ − Yᵀ‖<sub>F</sub>² = Q(W̄). Row j of W̄ appears only in ½ ‖XW̄[j] − "
        "Y<sub>:,j</sub>‖², whose Hessian is XᵀX ⪰ 0; so **the Hessian of Q is I<sub>p</sub> ⊗ XᵀX "
        "and Q is convex**. The loss as a function of the layers is not, for L ≥ 2: in "
        "½(w<sub>2</sub>w<sub>1</sub> − 1)² the points (1, 1) and (−1, −1) have loss 0, and "
        "halfway between them it is ½."
    )
    count = run.parameters["networks"]

    def measure() -> dict[str, float]:
        rng = run.rng("convexity")
        worst = {"sum": 0.0, "hessian": 0.0, "lowest": np.inf, "violations": 0.0}
        for i in range(count):
            n, d, p = (int(size) for size in rng.integers(1, 6, 3))
            x, y = rng.normal(size=(n, d)), rng.normal(size=(n, p))
            A, B = rng.normal(size=(2, p, d))
            middle = linear_network_loss([(A + B) / 2], x, y)
            ends = [linear_network_loss([W], x, y) for W in (A, B)]
            worst["violations"] += middle > sum(ends) / 2 * (1 + 1e-14)
            total = 0.5 * sum(float(np.sum((A @ a - b) ** 2)) for a, b in zip(x, y, strict=True))
            worst["sum"] = max(worst["sum"], abs(total - ends[0]) / total)
            if i < run.parameters["hessians"]:
                hessian = cr.hessian(landscape.loss_of_product)(A, x, y).reshape(p * d, p * d)
                exact = np.kron(np.eye(p), x.T @ x)
                worst["hessian"] = max(worst["hessian"], float(np.max(np.abs(hessian - exact))))
                worst["lowest"] = min(worst["lowest"], float(np.linalg.eigvalsh(hessian)[0]))
        return worst

    worst = run.step("convexity", measure)
    run.claim(
        "b-equal",
        f"R̂ summed sample by sample equals Q(W̄), for {count} random networks: largest relative "
        "difference",
        measured=worst["sum"],
        expected="at most 1e-13",
        holds=worst["sum"] <= 1e-13,
        source="001 §2 (b)",
    )
    run.claim(
        "b-hessian",
        "The engine's Hessian of Q is I ⊗ XᵀX: largest difference, smallest eigenvalue",
        measured=f"{worst['hessian']:.2g}, {worst['lowest']:.2g}",
        expected="at most 1e-12, at least −1e-12",
        holds=worst["hessian"] <= 1e-12 and worst["lowest"] >= -1e-12,
        source="001 §2 (b)",
    )
    run.claim(
        "b-midpoints",
        "Q((A + B)/2) ≤ (Q(A) + Q(B))/2 for random A, B and data: violations",
        measured=int(worst["violations"]),
        expected="0",
        holds=worst["violations"] == 0,
        source="001 §2 (b)",
    )
    one = np.ones((1, 1))
    losses = [linear_network_loss([w * one, w * one], one, one) for w in (1.0, 0.0, -1.0)]
    bent = np.linalg.eigvalsh(
        np.reshape(cr.hessian(lambda w: 0.5 * (w[1] * w[0] - 1) ** 2)(np.zeros(2)), (2, 2))
    )
    run.figure(
        "chord",
        "The loss ½(w₂w₁ − 1)² of a linear network with two layers of one unit",
        figures.draw_chord(),
        alternative="Contours of a saddle at the origin between two valleys along w₁w₂ = 1. The "
        "straight line from the minimum (1, 1) to the minimum (−1, −1) climbs over the saddle.",
        table=(["(w₁, w₂)", "loss"], [["(1, 1)", losses[0]], ["(0, 0)", losses[1]],
                                      ["(−1, −1)", losses[2]]]),
    )  # fmt: skip
    run.claim(
        "b-not-convex",
        "½(w₂w₁ − 1)² at (1, 1), at (0, 0) halfway, and at (−1, −1), and the eigenvalues of the "
        "engine's Hessian halfway",
        measured=", ".join(f"{value:g}" for value in (*losses, *bent)).replace("-", "−"),
        expected="0, 0.5, 0, −1, 1",
        holds=losses == [0, 0.5, 0] and bool(np.allclose(bent, [-1, 1], atol=1e-14)),
        source="001 §2 (b)",
    )


def derivative(run: Run) -> None:
    """Part (c)."""
    import chainrule as cr

    run.section("(c) The derivative by the product")
    run.text(
        "With E = W̄Xᵀ − Yᵀ the message at E is ∂Q/∂E = E; E depends on W̄ through W̄Xᵀ, and the "
        "message to the left factor of a product is multiplied by the transposed right one: "
        "**∂Q/∂W̄ = E X = (W̄Xᵀ − Yᵀ)X = W̄XᵀX − YᵀX**."
    )

    def measure() -> float:
        rng, worst = run.rng("derivatives"), 0.0
        for _ in range(run.parameters["hessians"]):
            n, d, p = (int(size) for size in rng.integers(1, 6, 3))
            x, y, W = (rng.normal(size=s) for s in ((n, d), (n, p), (p, d)))
            expected = cr.grad(landscape.loss_of_product)(W, x, y)
            error = np.max(np.abs(product_gradient(W, x, y) - expected))
            worst = max(worst, float(error / np.max(np.abs(expected))))
        return worst

    worst = run.step("derivative by the product", measure)
    run.claim(
        "c-engine",
        f"W̄XᵀX − YᵀX against the engine's gradient of Q, {run.parameters['hessians']} times: "
        "largest relative difference",
        measured=worst,
        expected="at most 1e-12",
        holds=worst <= 1e-12,
        source="001 §2 (c)",
    )


def minimum(run: Run) -> None:
    """Part (d)."""
    run.section("(d) Global minima")
    run.text(
        "min<sub>i</sub> d<sub>i</sub> is at most min{p, d} always; the condition of the question "
        "says that no layer is a bottleneck. Then by (a) every W̄ can be reached, so the weights "
        "are a global minimum of R̂ exactly if W̄ is one of Q, and, Q being convex, exactly if its "
        "gradient is zero: **W̄XᵀX − YᵀX = 0**. Where XᵀX is singular there are many such W̄, all "
        "with the same loss."
    )
    run.text(
        "With a bottleneck k < min{p, d} the condition is still enough, but not needed: the best "
        "W̄ of rank k has a gradient that points out of the set of matrices of rank k. Then R* = ½ "
        "(‖Y‖² − Σ<sub>i≤k</sub> σ<sub>i</sub>(P<sub>X</sub>Y)²) at W̄ = "
        "V<sub>k</sub>V<sub>k</sub>ᵀW<sub>OLS</sub>, with P<sub>X</sub> the projection onto the "
        "columns of X and V<sub>k</sub> the first right singular vectors of P<sub>X</sub>Y "
        "(reduced-rank regression). Both are tried on four points in the plane."
    )
    rows = []
    for k in (0, 1, 2):
        least = linear_network_global_minimum(X, Y, (2, k, 2))
        slope = float(np.linalg.norm(product_gradient(least.W, X, Y)))
        rows.append([k, least.loss, linear_network_loss([least.W], X, Y), slope])
    run.table(
        "minima",
        "The global minimum for a hidden layer of k units",
        ["k", "R*, closed form", "loss at W̄", "‖W̄XᵀX − YᵀX‖"],
        rows,
    )

    def search() -> list[float]:
        rng = run.rng("rank one")
        return [0.5 * min(_alternate(X, Y, 1, rng) for _ in range(5)) ** 2]

    (found,) = run.step("minimum of rank one", search)
    difference = np.max(np.abs(linear_network_global_minimum(X, Y, (2, 2, 2)).W - LEAST_SQUARES))
    run.claim(
        "d-no-bottleneck",
        "Without bottleneck the minimum is that of least squares, [[20, 18], [6, 19]]/17 with loss "
        "87/34, and its gradient is 0",
        measured=f"W̄ off by {difference:.1g}, loss off by {abs(rows[2][1] - 87 / 34):.1g}, "
        f"gradient {rows[2][3]:.1g}",
        expected="at most 1e-13 each",
        holds=max(difference, abs(rows[2][1] - 87 / 34), rows[2][3]) <= 1e-13,
        source="001 §2 (d)",
    )
    run.claim(
        "d-bottleneck",
        "With one hidden unit the loss of the closed form is what alternating least squares finds",
        measured=f"{rows[1][1]:.12f} against {found:.12f}",
        expected="3.208909343201, equal to 1e-10",
        holds=abs(rows[1][1] - found) <= 1e-10 and abs(rows[1][1] - 3.2089093432010953) <= 1e-12,
        source="001 §2 (d)",
    )
    run.claim(
        "d-not-necessary",
        "At this global minimum the condition W̄XᵀX = YᵀX is violated: norm of the difference",
        measured=rows[1][3],
        expected="2.6189, not 0",
        holds=abs(rows[1][3] - 2.6189) < 5e-5,
        source="001 §2 (d)",
    )

    def singular() -> list[float]:
        rng = run.rng("singular")
        x, y = rng.normal(size=(3, 5)), rng.normal(size=(3, 4))
        least = linear_network_global_minimum(x, y, (5, 4, 4))
        kernel = np.linalg.svd(x)[2][3:]
        others = [least.W + rng.normal(size=(4, 2)) @ kernel for _ in range(20)]
        slopes = [float(np.linalg.norm(product_gradient(W, x, y))) for W in others]
        losses = [abs(linear_network_loss([W], x, y) - least.loss) for W in others]
        return [max(slopes), max(losses), min(float(np.linalg.norm(W - least.W)) for W in others)]

    slope, loss, apart = run.step("singular data", singular)
    run.claim(
        "d-singular",
        "3 samples of 5 inputs, XᵀX singular: 20 minimisers far apart satisfy W̄XᵀX = YᵀX with the "
        "same loss; largest gradient, largest difference of losses, smallest distance",
        measured=f"{slope:.1g}, {loss:.1g}, {apart:.2g}",
        expected="at most 1e-12, 1e-12, above 0.1",
        holds=slope <= 1e-12 and loss <= 1e-12 and apart > 0.1,
        source="001 §2 (d)",
    )


def run_experiment(run: Run) -> None:
    """All parts."""
    capacity(run)
    convexity(run)
    derivative(run)
    minimum(run)
    landscape.gradients(run)
    landscape.critical_points(run)
    landscape.sufficient(run)


EXPERIMENT = Experiment(
    name="linear-networks",
    title="Linear networks: what depth does to a convex problem",
    document="001",
    question="§2",
    summary=(
        "Products of matrices fitted to data: what they can represent, where the loss is convex "
        "and where it is not, the global minimum in closed form with and without a bottleneck, "
        "saddles with an explicit way down from each, and when a critical point must be global."
    ),
    parameters=(
        Parameter("networks", 2000, "random networks of parts (a) and (b)", minimum=50),
        Parameter("hessians", 200, "random networks compared with the engine", minimum=5),
        Parameter("steps", 20_000, "steps of gradient descent of part (f)", minimum=1000),
    ),
    presets={"quick": {"networks": 300, "hessians": 25, "steps": 6000}, "full": {}},
    data={"embedded": "four points in the plane, and random data"},
    run=run_experiment,
)
