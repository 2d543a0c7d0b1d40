"""Experiment `dropout`: what dropping units adds to the loss, exactly and to second order.

The functions are in `chainrule.theory.dropout`, the figures in `dropout_figures`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.experiments import dropout_figures as figures
from chainrule.experiments.experiment import Experiment, Parameter, Run
from chainrule.theory.dropout import (
    apply_dropout,
    dropout_linear_penalty,
    dropout_linear_regression,
    dropout_noise_moment,
    dropout_ratio_limit,
    dropout_second_order,
    exact_dropout_expectation,
)

Loss = Callable[[Any], Any]
SOURCE = "003 P4"
RATES = (1e-4, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
SCALES = (0.01, 0.03, 0.1, 0.3, 1.0)


def head(seed: int = 0) -> tuple[Loss, np.ndarray]:
    """Cross-entropy of a softmax over a tanh layer, as a function of six units h; and h."""
    import chainrule as cr

    rng = np.random.default_rng(seed)
    V, c, U, h = (rng.normal(size=shape) for shape in ((5, 6), 5, (3, 5), 6))

    def loss(h: Any) -> Any:
        return -cr.log_softmax(U @ np.tanh(V @ h + c))[1]

    return loss, h


def ratio(loss: Loss, h: np.ndarray, q: float) -> float:
    """What dropout adds to the loss on average, relative to its second-order term."""
    gain = exact_dropout_expectation(loss, h, q) - float(loss(h))
    return gain / dropout_second_order(loss, h, q)


def noise(run: Run) -> None:
    """Part (i)."""
    run.section("(i) Dropout is multiplication with noise of mean zero")
    run.text(
        "**Eη = q · (−1) + (1 − q) · q/(1−q) = 0.** And 1 + η<sub>k</sub> is 0 with probability q "
        "and 1/(1−q) otherwise: **(1 + η) ⊙ h drops units and scales the rest up**, so that "
        "nothing needs to be rescaled when the network is used (inverted dropout). 0 ≤ q < 1; at "
        "q = 1 the scale would be infinite. Var η = q/(1−q), and Eη³ = q(2q − 1)/(1−q)² vanishes "
        "at q = ½."
    )
    draws = run.parameters["draws"]

    def measure() -> list[list[float]]:
        rows = []
        for q in (0.1, 0.3, 0.5, 0.8):
            kept = apply_dropout(np.ones(draws), q, run.rng(f"noise {q}"))
            eta = kept - 1
            rows.append(
                [q, float(np.mean(kept == 0)), float(np.max(kept)), float(np.mean(eta)),
                 float(np.mean(eta**2)), float(np.mean(eta**3))]
            )  # fmt: skip
        return rows

    rows = run.step("noise", measure)
    run.table(
        "noise",
        f"{draws:,} draws of 1 + η, and the moments of η",
        ["q", "share dropped", "largest", "mean", "second moment", "q/(1−q)", "third moment",
         "q(2q−1)/(1−q)²"],
        [[*row[:5], row[0] / (1 - row[0]), row[5], row[0] * (2 * row[0] - 1) / (1 - row[0]) ** 2]
         for row in rows],
    )  # fmt: skip
    off = []
    for q, dropped, _, *moments in rows:
        off.append(abs(dropped - q) / np.sqrt(q * (1 - q) / draws))
        for order, found in enumerate(moments, start=1):
            exact = dropout_noise_moment(q, order)
            spread = dropout_noise_moment(q, 2 * order) - exact**2
            off.append(abs(found - exact) / np.sqrt(spread / draws) if spread > 1e-12 else 0.0)
    run.claim(
        "i-noise",
        "Share of zeros and the first three moments of η against q, 0, q/(1−q) and q(2q−1)/(1−q)²: "
        "largest deviation in standard errors",
        measured=float(max(off)),
        expected="at most 4.5",
        holds=max(off) <= 4.5,
        source=f"{SOURCE} (i)",
    )
    scaled = max(abs(row[2] * (1 - row[0]) - 1) for row in rows)
    run.claim(
        "i-inverted",
        "Units that are kept are multiplied by 1/(1−q): largest relative deviation",
        measured=scaled,
        expected="at most 1e-15",
        holds=scaled <= 1e-15,
        source=f"{SOURCE} (i)",
    )


def second_order(run: Run) -> None:
    """Part (ii)."""
    run.section("(ii) The second-order term")
    run.text(
        "Let φ = ℓ ∘ F<sub>i</sub> be the loss as a function of the layer (the hand-out writes ⊙ "
        "for this composition). Taylor's formula at h in the direction η ⊙ h gives φ + Σ "
        "h<sub>k</sub>η<sub>k</sub>∂<sub>k</sub>φ + ½ Σ H<sub>jk</sub>h<sub>j</sub>h<sub>k</sub>"
        "η<sub>j</sub>η<sub>k</sub> + …; the first-order term has mean 0, and of the second only j "
        "= k remains, with Eη<sub>k</sub>² = q/(1−q): **E φ((1+η) ⊙ h) − φ(h) ≈ ½ q/(1−q) Σ "
        "H<sub>kk</sub>h<sub>k</sub>²**, the right-hand side of (1). The engine supplies "
        "H<sub>kk</sub> as Hessian-vector products; the left-hand side is computed exactly, as the "
        "sum over all 2<sup>d</sup> masks."
    )
    run.text(
        "**“For small enough q” is not the condition.** η<sub>k</sub> = −1 is not small however "
        "rarely it happens, and all moments of η are of first order in q: the third-order term is "
        "as large a part at q = 0.0001 as at q = 0.1. The ratio of the two sides tends to Σ "
        "[φ(h − h<sub>k</sub>e<sub>k</sub>) − φ(h) + h<sub>k</sub>∂<sub>k</sub>φ] / (½ Σ "
        "H<sub>kk</sub>h<sub>k</sub>²) as q → 0, which need not be 1. The approximation is good "
        "where φ is nearly quadratic between the dropped and the scaled value of each unit; **it "
        "becomes exact as h → 0 with q fixed, large or small**, and fastest at q = ½, where the "
        "third moment vanishes. That is what there is to the note on non-small q."
    )
    loss, h = head()
    table = run.step("ratios", lambda: [[ratio(loss, s * h, q) for q in RATES] for s in SCALES])
    limits = run.step("limits", lambda: [dropout_ratio_limit(loss, s * h) for s in SCALES])
    curves = dict(zip(SCALES, table, strict=True))
    run.figure(
        "ratios",
        "Exact gain of the loss relative to the second-order term",
        figures.draw_ratios(RATES, curves, dict(zip(SCALES, limits, strict=True))),
        alternative="Left: the ratio against q for layers scaled by 0.1, 0.3 and 1; for small q it "
        "does not approach 1 but the predicted limits. Right: distance from 1 against the scale; "
        "it falls to 0 with slope one, and with slope two for q = 0.5.",
        table=(
            ["scale of h", *(f"q = {q:g}" for q in RATES), "limit q → 0"],
            [[s, *row, limit] for s, row, limit in zip(SCALES, table, limits, strict=True)],
        ),
    )
    smallest = table[-1][0]
    run.claim(
        "ii-small-q",
        "A softmax over a tanh layer, q = 0.0001: exact gain over second-order term, which “for "
        "small enough q” would be 1, and its predicted limit",
        measured=f"{smallest:.5f}; {limits[-1]:.7f}",
        expected="0.60876; 0.6088177; not 1",
        holds=abs(smallest - 0.60876) < 1e-5
        and abs(limits[-1] - 0.6088176764935416) < 1e-9
        and abs(smallest - limits[-1]) < 1e-3,
        source=f"{SOURCE} (ii)",
    )
    worst = max(abs(row[0] - limit) / abs(limit) for row, limit in zip(table, limits, strict=True))
    run.claim(
        "ii-limit",
        "Exact gain over second-order term tends to its predicted limit for layers of every scale: "
        "largest relative deviation at q = 0.0001",
        measured=worst,
        expected="at most 0.001",
        holds=worst <= 1e-3,
        source=f"{SOURCE} (ii)",
    )
    near = max(abs(r - 1) for r in table[0])
    far = max(abs(r - 1) for r in table[-1])
    run.claim(
        "ii-scale",
        f"Exact gain over second-order term tends to 1 for every q, {RATES[0]:g} to {RATES[-1]:g}, "
        "as the layer shrinks: largest distance from 1 at scale 0.01, and at scale 1",
        measured=f"{near:.4f}, {far:.4f}",
        expected="at most 0.05, above 0.1",
        holds=near <= 0.05 and far > 0.1,
        source=f"{SOURCE} (ii)",
    )
    half, tenth = RATES.index(0.5), RATES.index(0.1)
    orders = [
        float(np.log(abs(table[1][i] - 1) / abs(table[0][i] - 1)) / np.log(3))
        for i in (tenth, half)
    ]
    run.claim(
        "ii-half",
        "Order in h of the distance of that ratio from 1, from scales 0.01 and 0.03, for q = 0.1 "
        "and q = ½",
        measured=f"{orders[0]:.2f}, {orders[1]:.2f}",
        expected="1, 2",
        holds=abs(orders[0] - 1) < 0.1 and abs(orders[1] - 2) < 0.2,
        source=f"{SOURCE} (ii)",
    )
    cases = _worked()
    run.table(
        "worked",
        "Three losses worked out by hand",
        ["loss", "q", "exact gain", "by hand", "second-order term", "by hand"],
        [[name, q, *values] for name, q, *values in cases],
    )
    off = max(max(abs(c[2] - c[3]), abs(c[4] - c[5])) for c in cases)
    run.claim(
        "ii-worked",
        "The second-order term is exact for the quadratic; 2.11 against 3 for Σh³; 0.1 against 0 "
        "for a ReLU, whose second derivative is 0: largest deviation from the values by hand",
        measured=off,
        expected="at most 1e-12",
        holds=off <= 1e-12,
        source=f"{SOURCE} (ii)",
    )
    draws = run.parameters["draws"] // 10

    def simulate() -> list[float]:
        rng = run.rng("drawn masks")
        values = [float(loss(apply_dropout(h, 0.3, rng))) for _ in range(draws)]
        return [float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(draws))]

    mean, error = run.step("drawn masks", simulate)
    exact = exact_dropout_expectation(loss, h, 0.3)
    run.claim(
        "ii-drawn",
        f"The exact expectation at q = 0.3 against {draws:,} drawn masks: distance in standard "
        "errors",
        measured=abs(mean - exact) / error,
        expected="at most 4",
        holds=abs(mean - exact) <= 4 * error,
        source=f"{SOURCE} (ii)",
    )


def _worked() -> list[list[Any]]:
    """Name, q, exact gain, the same by hand, second-order term, the same by hand."""
    losses: list[tuple[str, Loss, list[float], float, float, float]] = [
        ("(½h₁ − h₂ − 1)², h = (1, 2)", lambda h: (0.5 * h[0] - h[1] - 1) ** 2,
         [1, 2], 0.5, 4.25, 4.25),
        ("h₁³ + h₂³, h = (1, 2)", lambda h: np.sum(h**3), [1, 2], 0.1, 19 / 9, 3.0),
        ("max(h₁ − h₂, 0), h = (1, 1.5)", lambda h: np.maximum(h[0] - h[1], 0),
         [1, 1.5], 0.1, 0.1, 0.0),
    ]  # fmt: skip
    return [
        [name, q, exact_dropout_expectation(loss, h, q) - float(loss(np.asarray(h))), gain,
         dropout_second_order(loss, h, q), term]
        for name, loss, h, q, gain, term in losses
    ]  # fmt: skip


def linear(run: Run) -> None:
    """Part (iii)."""
    run.section("(iii) The linear case")
    run.text(
        "For F(x) = Wx with squared error, H = 2WᵀW, so the right-hand side of (1) is **q/(1−q) "
        "Σ<sub>k</sub> x<sub>k</sub>² ‖W<sub>:,k</sub>‖²**; and because φ is quadratic, it is not "
        "an approximation but exact for every q. Summed over the data it is q/(1−q) tr(W diag(XᵀX) "
        "Wᵀ): **dropout of the inputs is ridge regression**, with a penalty on each weight in "
        "proportion to the energy of its input, and therefore independent of the units in which "
        "inputs are measured. The minimiser is W = YᵀX(XᵀX + q/(1−q) diag(XᵀX))⁻¹."
    )
    count = run.parameters["cases"]

    def measure() -> dict[str, float]:
        import chainrule as cr

        rng = run.rng("linear cases")
        worst = {"exact": 0.0, "second": 0.0, "units": 0.0, "slope": 0.0}
        for _ in range(count):
            p, d, n = (int(k) for k in rng.integers(1, 5, 3))
            q = float(rng.uniform(0.05, 0.9))
            W, x, y = rng.normal(size=(p, d)), rng.normal(size=d), rng.normal(size=p)

            def loss(h: Any, W: Any = W, y: Any = y) -> Any:
                return np.sum((W @ h - y) ** 2)

            penalty = dropout_linear_penalty(W, x, q)
            gain = exact_dropout_expectation(loss, x, q) - float(loss(x))
            units = rng.uniform(0.01, 100, d)
            rescaled = dropout_linear_penalty(W / units, x * units, q)
            X, Y = rng.normal(size=(n, d)), rng.normal(size=(n, p))
            best = dropout_linear_regression(X, Y, q)
            masks = [np.array([m >> k & 1 for k in range(d)]) / (1 - q) for m in range(2**d)]
            weights = [float(q ** np.sum(m == 0) * (1 - q) ** np.sum(m > 0)) for m in masks]

            def enumerated(W: Any, X: Any = X, Y: Any = Y, m: Any = masks, w: Any = weights) -> Any:
                return sum(
                    a * np.sum(((X * kept) @ W.T - Y) ** 2) for a, kept in zip(w, m, strict=True)
                )

            slope = cr.grad(enumerated)(best)
            found = {
                "exact": abs(gain - penalty) / penalty,
                "second": abs(dropout_second_order(loss, x, q) - penalty) / penalty,
                "units": abs(rescaled - penalty) / penalty,
                "slope": float(np.max(np.abs(slope)) / (1 + np.sum(X**2) * np.max(np.abs(best)))),
            }
            worst = {key: max(value, found[key]) for key, value in worst.items()}
        return worst

    worst = run.step("linear cases", measure)
    for id, key, statement, bound in (
        ("iii-exact", "exact", "The mean over all masks is the loss plus the penalty", 1e-10),
        ("iii-second-order", "second", "The second-order term is the penalty", 1e-10),
        ("iii-units", "units", "The penalty does not change with the units of the inputs", 1e-12),
        ("iii-ridge", "slope", "The engine's gradient of the loss, enumerated over all masks, is 0 "
         "at the ridge solution: scaled", 1e-12),
    ):  # fmt: skip
        run.claim(
            id,
            f"{statement}; largest deviation in {count} random cases with q up to 0.9",
            measured=worst[key],
            expected=f"at most {bound:g}",
            holds=worst[key] <= bound,
            source=f"{SOURCE} (iii)",
        )
    path(run)


def path(run: Run) -> None:
    """The weights of a regression as the dropout rate grows."""
    rates = [0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95]

    def measure() -> list[list[float]]:
        rng = run.rng("regression")
        X = rng.normal(size=(40, 5)) @ np.diag([1, 1, 1, 1, 1e-2])
        X[:, 1] = X[:, 0] + 0.2 * X[:, 1]
        Y = X @ np.array([[2.0], [-1.0], [1.0], [0.0], [50.0]]) + 0.5 * rng.normal(size=(40, 1))
        size = np.sqrt(np.mean(X**2, axis=0))
        return [(dropout_linear_regression(X, Y, q)[0] * size).tolist() for q in rates]

    weights = run.step("path", measure)
    run.figure(
        "path",
        "Weights of a linear regression against the dropout rate, times the size of their inputs",
        figures.draw_path(rates, weights),
        alternative="Five weights shrink to 0 as q grows to 1; those of the two correlated inputs "
        "first move together. The input measured in units a hundred times larger shrinks like the "
        "others.",
        table=(
            ["q", *(f"input {k}" for k in range(1, 6))],
            [[q, *row] for q, row in zip(rates, weights, strict=True)],
        ),
        note="Inputs 1 and 2 are correlated; input 5 is measured in units a hundred times larger.",
    )


def run_experiment(run: Run) -> None:
    """The three parts."""
    noise(run)
    second_order(run)
    linear(run)


EXPERIMENT = Experiment(
    name="dropout",
    title="What dropout adds to the loss",
    document="003",
    question="P4",
    summary=(
        "Dropout as noise of mean zero: its exact effect on the loss by enumeration of all masks, "
        "the second-order term and when it is accurate, which is not for small q, and the linear "
        "case, where dropout is ridge regression."
    ),
    parameters=(
        Parameter("draws", 200_000, "draws of the noise", minimum=1000),
        Parameter("cases", 300, "random cases of part (iii)", minimum=3),
    ),
    presets={"quick": {"draws": 40_000, "cases": 30}, "full": {}},
    data={"embedded": "a softmax head with seeded weights, and random linear regressions"},
    run=run_experiment,
)
