"""Part (c) of `parity`: the gradient of the risk hardly depends on the parity."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from chainrule.experiments import parity_figures as figures
from chainrule.experiments.experiment import Run
from chainrule.theory.parity import ParityNetwork, binary_vectors
from chainrule.theory.parity_gradients import (
    parity_gradient_decomposition,
    parity_gradient_spread,
    parity_parameters,
    parity_risk_gradient,
)

SOURCE = "001 §3 (c)"
#: E_v ‖∇R − a‖² of networks drawn from seeds 2, 3, …, worked out with another program.
REFERENCE = (
    1.06091519349, 0.693220967213, 0.250526324896, 0.0728978778662, 0.0793239886075,
    0.0316137366308, 0.0254561289773,
)  # fmt: skip


def network(rng: np.random.Generator, d: int, k: int) -> ParityNetwork:
    """A network with parameters of standard deviation ½."""
    W, b, alpha, beta = (0.5 * rng.normal(size=shape) for shape in ((k, d), k, k, ()))
    return parity_parameters(W, b, alpha, beta)


def risk(W: Any, b: Any, alpha: Any, beta: Any, x: Any, y: Any) -> Any:
    """The hinge risk as a user writes it."""
    f = np.maximum(x @ W.T + b, 0) @ alpha + beta
    return np.mean(np.maximum(1 - f * y, 0))


def gradients(run: Run) -> None:
    """Decomposition, spread and bound."""
    run.section("(c) The gradient and the parity")
    run.text(
        "The hinge loss has the derivative −y 1<sub>1</sub>(f y) with 1<sub>1</sub>(u) = 1 for u < "
        "1 and 0 otherwise. (The hand-out leaves 1<sub>1</sub> undefined between −1 and 1, where "
        "networks spend most of their time; only this completion is the derivative.) Since y is "
        "±1, y 1<sub>1</sub>(f y) is 1<sub>1</sub>(f) for y = 1 and −1<sub>1</sub>(−f) for y = −1, "
        "which is (1<sub>1</sub>(f) − 1<sub>1</sub>(−f))/2 + y (1<sub>1</sub>(f) + "
        "1<sub>1</sub>(−f))/2. Hence **∇R = a + E<sub>x</sub>[(−1)<sup>vᵀx</sup> g(x)]** with a as "
        "given and **g = −½(1<sub>1</sub>(f) + 1<sub>1</sub>(−f)) ∇f**, both independent of v."
    )
    run.text(
        "The 2<sup>d</sup> functions (−1)<sup>vᵀx</sup> are an orthonormal basis, so fact (2) is "
        "an equality (Parseval), and summing it over the entries of g: **E<sub>v</sub>‖∇R − a‖² = "
        "2<sup>−d</sup> E<sub>x</sub>‖g(x)‖², exactly**, at most (dk + 2k + 1) c²/2<sup>d</sup> "
        "with c the largest |∂f/∂p<sub>j</sub>|. c depends on the weights, not only on the "
        "architecture, as fact (1) has it: ∂f/∂W = αx, ∂f/∂α = relu(·). And with k = 10d the "
        "numerator grows with d, polynomially. Everything below is enumerated over all v and x."
    )
    decomposition(run)
    spread(run)


def decomposition(run: Run) -> None:
    """Claims on ∇R = a + E[χ g]."""
    import chainrule as cr

    units = run.parameters["units"]

    def measure() -> dict[str, float]:
        worst = {"engine": 0.0, "decomposition": 0.0, "other": 0.0, "mean": 0.0}
        for d in (2, 4, 6):
            drawn = network(run.rng(f"decomposition {d}"), d, units)
            x = binary_vectors(d)
            a, g = parity_gradient_decomposition(drawn)
            f = drawn(x)
            total = np.zeros_like(a)
            for v in x:
                y = 1 - 2 * (x @ v % 2)
                exact = parity_risk_gradient(drawn, v)
                total += exact / len(x)
                parts = cr.grad(risk, argnums=(0, 1, 2, 3))(
                    drawn.W, drawn.b, drawn.alpha, drawn.beta, x, y
                )
                engine = np.concatenate([np.ravel(part) for part in parts])
                composed = a + np.mean(y[:, None] * g, axis=0)
                # The other completion: 0 between −1 and 1.
                literal = _weighted(drawn, (f * y <= -1) * y)
                worst["engine"] = max(worst["engine"], _largest(exact - engine))
                worst["decomposition"] = max(worst["decomposition"], _largest(exact - composed))
                worst["other"] = max(worst["other"], _largest(exact - literal))
            worst["mean"] = max(worst["mean"], _largest(total - a - g[0] / len(x)))
        return worst

    worst = run.step("decomposition", measure)
    for id, key, statement, bound in (
        ("c-engine", "engine", "∇R by hand against the engine", 1e-14),
        ("c-decomposition", "decomposition", "∇R against a + E[(−1)^(vᵀx) g(x)]", 1e-14),
        (
            "c-mean",
            "mean",
            "The mean of ∇R over v against a + 2⁻ᵈ g(0): a itself is not the mean",
            1e-14,
        ),
    ):
        run.claim(
            id,
            f"{statement}; all v of 2, 4 and 6 bits, largest deviation of an entry",
            measured=worst[key],
            expected=f"at most {bound:g}",
            holds=worst[key] <= bound,
            source=f"{SOURCE} (i)",
        )
    run.claim(
        "c-indicator",
        "With 1₁(u) = 0 instead of 1 for −1 < u < 1, which the hand-out's definition also allows, "
        "the gradient of the hinge risk is missed: largest deviation",
        measured=worst["other"],
        expected="above 0.01",
        holds=worst["other"] > 0.01,
        source=f"{SOURCE} (i)",
    )


def _weighted(drawn: ParityNetwork, weights: np.ndarray) -> np.ndarray:
    """−E_x[weight(x) ∇f(x)], by the engine's gradient of a weighted mean of f."""
    import chainrule as cr

    x = binary_vectors(drawn.W.shape[1])

    def mean(W: Any, b: Any, alpha: Any, beta: Any) -> Any:
        return -np.mean(weights * (np.maximum(x @ W.T + b, 0) @ alpha + beta))

    parts = cr.grad(mean, argnums=(0, 1, 2, 3))(drawn.W, drawn.b, drawn.alpha, drawn.beta)
    return np.concatenate([np.ravel(part) for part in parts])


def _largest(difference: np.ndarray) -> float:
    return float(np.max(np.abs(difference)))


def spread(run: Run) -> None:
    """Claims on the spread over v."""
    units, draws = run.parameters["units"], run.parameters["draws"]
    dimensions = range(2, run.parameters["gradient_dimension"] + 1)

    def measure() -> list[list[list[float]]]:
        found = []
        for d in dimensions:
            rng = run.rng(f"spread {d}")
            each = [parity_gradient_spread(network(rng, d, units)) for _ in range(draws)]
            found.append([[s.spread, s.from_g, s.bound, s.variance] for s in each])
        return found

    found = run.step("spread", measure, "spread over every v")
    rows = [
        [d, *(float(np.median([s[i] for s in each])) for i in (0, 3, 2)),
         float(2**d * np.median([s[0] for s in each]))]
        for d, each in zip(dimensions, found, strict=True)
    ]  # fmt: skip
    run.figure(
        "spread",
        "How much the gradient differs between parities",
        figures.draw_spread(list(dimensions), found),
        alternative="On a logarithmic axis the spread of each drawn network falls with d, not "
        "always from one d to the next, along a line of slope 2 to the −d; the bound lies about "
        "two powers of ten above.",
        table=(["d", "E‖∇R − a‖²", "variance", "bound", "2ᵈ E‖∇R − a‖²"], rows),
        note=f"Medians of {draws} networks with {units} units; dots: each network.",
    )
    flat = [s for each in found for s in each]
    identity = max(abs(s[0] - s[1]) / s[1] for s in flat)
    run.claim(
        "c-identity",
        f"E‖∇R − a‖², from the gradients of all v, equals 2⁻ᵈ E‖g‖² for {len(flat)} networks with "
        f"d up to {dimensions[-1]}: largest relative deviation",
        measured=identity,
        expected="at most 1e-12",
        holds=identity <= 1e-12,
        source=f"{SOURCE} (ii)",
    )
    share = max(s[0] / s[2] for s in flat)
    run.claim(
        "c-bound",
        "E‖∇R − a‖² is below (dk + 2k + 1) c²/2ᵈ for each of them: largest share of the bound",
        measured=share,
        expected="at most 1",
        holds=share <= 1,
        source=f"{SOURCE} (ii)",
    )
    scaled = [row[4] for row in rows]
    run.claim(
        "c-decay",
        "2ᵈ E‖∇R − a‖² stays of one size while 2ᵈ grows "
        f"{2 ** (dimensions[-1] - 2)}-fold: range of the medians",
        measured=f"{min(scaled):.2f} to {max(scaled):.2f}",
        expected="within a factor of 6",
        holds=max(scaled) <= 6 * min(scaled),
        source=f"{SOURCE} (ii)",
    )
    reference = run.step(
        "reference",
        lambda: [
            parity_gradient_spread(network(np.random.default_rng(d), d, 8)).spread
            for d in range(2, 9)
        ],
    )
    off = max(abs(a / b - 1) for a, b in zip(reference, REFERENCE, strict=True))
    steps = [b > a for a, b in itertools.pairwise(reference)]
    run.claim(
        "c-reference",
        "Networks of 8 units drawn from seeds 2 to 8: largest relative deviation from the values "
        "of another program; times that a single draw grows from one d to the next",
        measured=f"{off:.1g}; {sum(steps)}",
        expected="at most 1e-11; at least once, so single draws do not show the decay",
        holds=off <= 1e-11 and any(steps),
        source=f"{SOURCE} (ii)",
    )
