"""Parts (e) and (f) of `linear-networks`: gradients by layer, saddles, a sufficient condition."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np

from chainrule.experiments import linear_networks_figures as figures
from chainrule.experiments.experiment import Run
from chainrule.theory.linear_critical_points import (
    CriticalPoint,
    classify_critical_point,
    sufficient_condition,
)
from chainrule.theory.linear_networks import (
    linear_network_global_minimum,
    linear_network_gradients,
    linear_network_hessian,
    linear_network_loss,
)

#: The problem whose critical points are listed: X = I, Y = diag(2, 1), all layers 2 × 2.
INPUTS, TARGETS = np.eye(2), np.diag([2.0, 1.0])
#: Critical points by name: the diagonal that all L layers share, L, the loss, the class.
POINTS = (
    ("all zero, L = 2", (0.0, 0.0), 2, 2.5, "strict saddle"),
    ("all zero, L = 3", (0.0, 0.0), 3, 2.5, "degenerate saddle"),
    ("diag(√2, 0), L = 2", (2**0.5, 0.0), 2, 0.5, "strict saddle"),
    ("diag(0, 1), L = 2", (0.0, 1.0), 2, 2.0, "strict saddle"),
    ("diag(∛2, 0), L = 3", (2 ** (1 / 3), 0.0), 3, 0.5, "degenerate saddle"),
    ("diag(√2, 1), L = 2", (2**0.5, 1.0), 2, 0.0, "global minimum"),
)


def loss_of_product(W: Any, x: Any, y: Any) -> Any:
    """Q(W̄) as a user writes it."""
    return np.sum((W @ x.T - y.T) ** 2) / 2


def loss_of_layers(weights: Any, x: Any, y: Any) -> Any:
    """The training loss as a user writes it."""
    predictions = x.T
    for W in weights:
        predictions = W @ predictions
    return np.sum((predictions - y.T) ** 2) / 2


def gradients(run: Run) -> None:
    """Part (e), the formula."""
    import chainrule as cr

    run.section("(e) The gradient of one layer, and critical points")
    run.text(
        "With W̄ = W̄<sub>(L:i+1)</sub> P and P = W<sub>i</sub> W̄<sub>(i−1:1)</sub>, the message "
        "∂Q/∂W̄ = W̄XᵀX − YᵀX passes the left factor and then the right one: **∂R̂/∂W<sub>i</sub> "
        "= W̄<sub>(L:i+1)</sub>ᵀ (W̄XᵀX − YᵀX) W̄<sub>(i−1:1)</sub>ᵀ**."
    )

    def measure() -> list[float]:
        rng, worst = run.rng("gradients"), [0.0, 0.0]
        for _ in range(run.parameters["hessians"]):
            dims = [int(n) for n in rng.integers(1, 5, int(rng.integers(2, 6)))]
            weights = [rng.normal(size=(b, a)) for a, b in itertools.pairwise(dims)]
            n = int(rng.integers(1, 7))
            x, y = rng.normal(size=(n, dims[0])), rng.normal(size=(n, dims[-1]))
            expected = cr.grad(loss_of_layers)(weights, x, y)
            scale = max(float(np.max(np.abs(g))) for g in expected)
            pairs = zip(linear_network_gradients(weights, x, y), expected, strict=True)
            error = max(float(np.max(np.abs(a - b))) for a, b in pairs)
            worst[0] = max(worst[0], error / scale)
            direction = [rng.normal(size=W.shape) for W in weights]
            product = cr.hvp(functools.partial(loss_of_layers, x=x, y=y), weights, direction)
            flat = np.concatenate([part.ravel() for part in product])
            vector = np.concatenate([part.ravel() for part in direction])
            mine = linear_network_hessian(weights, x, y) @ vector
            worst[1] = max(worst[1], float(np.max(np.abs(mine - flat)) / np.max(np.abs(flat))))
        return worst

    worst = run.step("gradients by layer", measure)
    for id, value, what in (
        ("e-gradient", worst[0], "The formula against the engine's gradients of all layers"),
        ("e-hessian", worst[1], "The closed form of the Hessian against the engine's products"),
    ):
        run.claim(
            id,
            f"{what}, {run.parameters['hessians']} random networks: largest relative difference",
            measured=value,
            expected="at most 1e-11",
            holds=value <= 1e-11,
            source="001 §2 (e)",
        )


def critical_points(run: Run) -> None:
    """Part (e), critical points that are not minima."""
    run.text(
        "The factors on either side can annihilate a gradient by W̄ that is not zero, so **a "
        "critical point need not be a global minimum**. All-zero weights are the plainest case "
        "with L ≥ 2. Below are critical points for X = I and Y = diag(2, 1), where the least loss "
        "is 0: all layers are the same diagonal matrix. The kind is decided by the loss, then by "
        "the smallest eigenvalue of the Hessian; a way down is a direction D of all layers with "
        "R̂(W + tD) = R̂(W) + c t<sup>m</sup> + … and c < 0, computed from the polynomial in t."
    )
    found = {
        name: classify_critical_point([np.diag(diagonal)] * layers, INPUTS, TARGETS)
        for name, diagonal, layers, _, _ in POINTS
    }
    run.table(
        "critical-points",
        "Critical points of the 2 × 2 network",
        ["layers", "L", "kind", "loss", "gradient", "eigenvalues of the Hessian", "way down"],
        [
            [*name.split(", L = "), p.kind, p.loss, p.gradient_norm, _eigenvalues(p), _way(p)]
            for name, p in found.items()
        ],
    )
    right = sum(
        found[name].kind == kind and abs(found[name].loss - loss) < 1e-12
        for name, _, _, loss, kind in POINTS
    )
    run.claim(
        "e-not-global",
        "Critical points of each class, with the loss worked out by hand, among them five that are "
        "no minima",
        measured=f"{right} of {len(POINTS)}",
        expected=f"{len(POINTS)} of {len(POINTS)}",
        holds=right == len(POINTS),
        source="001 §2 (e)",
    )
    zero = found["all zero, L = 3"]
    run.claim(
        "e-zero",
        "Three layers of zeros: norm of the gradient, largest eigenvalue of the Hessian in size, "
        "and still lower losses close by",
        measured=f"{zero.gradient_norm:g}, {np.max(np.abs(zero.eigenvalues)):g}, "
        + (_way(zero) or "no way down"),
        expected="0, 0, a way down of order 3",
        holds=zero.gradient_norm == 0
        and not np.any(zero.eigenvalues)
        and zero.descent is not None
        and zero.descent.order == 3,
        source="001 §2 (e)",
    )
    flat = found["diag(∛2, 0), L = 3"]
    ts = (0.1, 0.01)
    base = np.diag([2 ** (1 / 3), 0.0])
    drops = [
        linear_network_loss([base + np.diag([0, t])] * 3, INPUTS, TARGETS) - 0.5 * (1 - t**3) ** 2
        for t in ts
    ]
    run.claim(
        "e-degenerate",
        "At diag(∛2, 0), L = 3, the Hessian has no negative eigenvalue, yet adding t to the entry "
        "(2, 2) of every layer gives the loss ½(1 − t³)² < ½: smallest eigenvalue, largest "
        "deviation from that formula at t = 0.1 and 0.01",
        measured=f"{flat.eigenvalues[0]:.1g}, {max(map(abs, drops)):.1g}",
        expected="at least −1e-12, at most 1e-12",
        holds=flat.eigenvalues[0] >= -1e-12
        and max(map(abs, drops)) <= 1e-12
        and flat.kind == "degenerate saddle",
        source="001 §2 (e)",
    )
    curves = _curves(found)
    run.figure(
        "ways-down",
        "The loss on the way down from five critical points",
        figures.draw_ways(curves),
        alternative="Loss against the distance along each way down. From strict saddles it falls "
        "like a parabola, from degenerate ones it stays flat longer, like a cubic; all end below "
        "the start.",
        table=(
            ["t", *curves["loss"]],
            [[t, *(curve[i] for curve in curves["loss"].values())]
             for i, t in enumerate(curves["t"]) if i % 10 == 0],
        ),
    )  # fmt: skip
    surfaces = {layers: _surface(layers) for layers in (2, 3)}
    run.figure(
        "saddles",
        "The loss around zero weights for two and three layers of diag(a, b)",
        figures.draw_saddles(surfaces),
        alternative="Contours over (a, b) for two and for three layers that are all diag(a, b). "
        "With two, the origin is a hill that falls to four minima; with three it is a plain, with "
        "one minimum.",
        table=(
            ["a = b", "L = 2", "L = 3"],
            [[float(t), *(_diagonal_loss(t, t, layers) for layers in (2, 3))]
             for t in np.linspace(-1.5, 1.5, 13)],
        ),
        note="The table holds the loss along a = b.",
    )  # fmt: skip


def _eigenvalues(point: CriticalPoint) -> str:
    """Each eigenvalue with how often it occurs."""
    rounded = [float(value) + 0.0 for value in np.round(point.eigenvalues, 2)]
    values = dict.fromkeys(rounded)
    return ", ".join(
        f"{value:g}" + (f" (×{rounded.count(value)})" if rounded.count(value) > 1 else "")
        for value in values
    ).replace("-", "−")


def _way(point: CriticalPoint) -> str:
    way = point.descent
    return (
        "" if way is None else f"{way.coefficient:.3g} t{'⁰¹²³⁴⁵⁶⁷⁸⁹'[way.order]}".replace("-", "−")
    )


def _curves(found: dict[str, CriticalPoint]) -> dict[str, Any]:
    """The losses along each point's way down."""
    ts = np.linspace(0, 1.5, 61)
    losses = {}
    for name, diagonal, _layers, _, _ in POINTS:
        way = found[name].descent
        if way is not None:
            losses[name] = [
                linear_network_loss(
                    [np.diag(diagonal) + t * D for D in way.direction], INPUTS, TARGETS
                )
                for t in ts
            ]
    return {"t": ts.tolist(), "loss": losses}


def _diagonal_loss(a: Any, b: Any, layers: int) -> Any:
    """The loss with all layers diag(a, b), for X = I and Y = diag(2, 1)."""
    return 0.5 * ((a**layers - 2) ** 2 + (b**layers - 1) ** 2)


def _surface(layers: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    a, b = np.meshgrid(np.linspace(-1.8, 1.8, 181), np.linspace(-1.5, 1.5, 151))
    return a, b, _diagonal_loss(a, b, layers)


def sufficient(run: Run) -> None:
    """Part (f)."""
    run.section("(f) When a critical point must be a global minimum")
    run.text(
        "**It is enough that all W<sub>i</sub> are invertible.** More sharply: that for one i the "
        "layers above it and the layers below it have invertible products, that is, at least L − 1 "
        "layers are invertible. From W̄<sub>(L:i+1)</sub>ᵀ (W̄XᵀX − YᵀX) W̄<sub>(i−1:1)</sub>ᵀ = 0 "
        "the outer factors can then be cancelled, and (d) applies. In numbers, for every point: "
        "‖W̄XᵀX − YᵀX‖<sub>F</sub> ≤ ‖∂R̂/∂W<sub>i</sub>‖<sub>F</sub>/(σ<sub>min</sub>"
        "(W̄<sub>(L:i+1)</sub>) σ<sub>min</sub>(W̄<sub>(i−1:1)</sub>)). The condition is not "
        "necessary: where the best W̄ is singular, a global minimum may have many singular layers."
    )

    def bounds() -> float:
        rng, worst = run.rng("bounds"), 0.0
        for _ in range(10 * run.parameters["hessians"]):
            layers, d = int(rng.integers(1, 6)), int(rng.integers(1, 5))
            weights = [rng.normal(size=(d, d)) for _ in range(layers)]
            found = sufficient_condition(weights, rng.normal(size=(8, d)), rng.normal(size=(8, d)))
            worst = max(worst, *(found.gradient / bound for bound in found.bounds))
        return worst

    worst = run.step("bounds on the gradient", bounds)
    run.claim(
        "f-bound",
        "The bound on ‖W̄XᵀX − YᵀX‖ by a layer's gradient holds for every layer of random "
        "networks: largest share of it",
        measured=worst,
        expected="at most 1",
        holds=worst <= 1 + 1e-9,
        source="001 §2 (f)",
    )
    rows = [
        run.step(f"descent {layers}", functools.partial(_descend, run, layers))
        for layers in (2, 3, 4)
    ]
    run.table(
        "descent",
        "Gradient descent from near-identity layers, 30 samples, d = 3",
        ["layers", "steps", "gradient", "smallest σ of a layer", "loss − least loss", "least loss"],
        rows,
    )
    excess = max(abs(row[4]) for row in rows)
    smallest = min(row[3] for row in rows)
    run.claim(
        "f-descent",
        "Gradient descent ends in critical points whose layers are all invertible, and they are "
        "global minima: smallest singular value of a layer, largest excess of the loss",
        measured=f"{smallest:.3g}, {excess:.2g}",
        expected="above 0.01, at most 1e-8",
        holds=smallest > 0.01 and excess <= 1e-8,
        source="001 §2 (f)",
    )
    singular = [np.diag([2**0.5, 0.0])] * 2
    reached = [np.diag([2.0, 0.0]), np.diag([1.0, 0.0])]
    condition = sufficient_condition(singular, INPUTS, TARGETS)
    kinds = (
        classify_critical_point(singular, INPUTS, TARGETS).kind,
        classify_critical_point(reached, INPUTS, np.diag([2.0, 0.0])).kind,
    )
    run.claim(
        "f-two-singular",
        "Two singular layers: no layer satisfies the condition; such a critical point can be a "
        "saddle (Y = diag(2, 1)) or, the condition not being necessary, global (Y = diag(2, 0))",
        measured=f"layer {condition.layer or 'none'}; {kinds[0]}, {kinds[1]}",
        expected="layer none; strict saddle, global minimum",
        holds=condition.layer is None and kinds == ("strict saddle", "global minimum"),
        source="001 §2 (f)",
    )


def _descend(run: Run, layers: int) -> list[float]:
    """Gradient descent with a step that grows while the loss falls and halves where it rises."""
    rng = run.rng("regression")
    x = rng.normal(size=(30, 3))
    truth = np.eye(3) + 0.3 * rng.normal(size=(3, 3))
    y = x @ truth.T + 0.2 * rng.normal(size=(30, 3))
    rng = run.rng(f"start {layers}")
    weights = [np.eye(3) + 0.1 * rng.normal(size=(3, 3)) for _ in range(layers)]
    least = linear_network_global_minimum(x, y, (3,) * (layers + 1)).loss
    rate, loss = 1e-3, linear_network_loss(weights, x, y)
    norm, steps = np.inf, 0
    for _ in range(run.parameters["steps"]):
        gradient = linear_network_gradients(weights, x, y)
        norm = float(np.sqrt(sum(np.sum(g**2) for g in gradient)))
        if norm < 1e-7:
            break
        tried = [W - rate * g for W, g in zip(weights, gradient, strict=True)]
        value = linear_network_loss(tried, x, y)
        if value <= loss:
            weights, loss, rate, steps = tried, value, 1.05 * rate, steps + 1
        else:
            rate /= 2
    smallest = min(float(np.linalg.svd(W, compute_uv=False)[-1]) for W in weights)
    return [layers, steps, norm, smallest, loss - least, least]
