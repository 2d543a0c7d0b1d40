"""Experiment `parity`: a network that computes a parity, and what its gradient knows of it.

Part (a) is here, parts (b) and (d) in `parity_learning`, part (c) in `parity_information`; the
functions are in `chainrule.theory.parity` and `chainrule.theory.parity_gradients`.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from chainrule.experiments import parity_figures as figures
from chainrule.experiments import parity_information as information
from chainrule.experiments import parity_learning
from chainrule.experiments.experiment import Experiment, Parameter, Run
from chainrule.theory.parity import (
    ParityNetwork,
    binary_vectors,
    check_parity,
    minimal_units,
    parity_label,
    parity_network,
    printed_parity_network,
    tent_units,
)

SOURCE = "001 §3 (a)"
#: Units with W = v that the printed construction needs, for d = 1, 2, …
TRUNCATED = (3, 4, 6, 7, 9, 10, 12, 13, 15, 16, 18, 19)


def capacity(run: Run) -> None:
    """Part (a): exact networks."""
    largest = run.parameters["dimension"]
    run.section("(a) Networks that compute a parity exactly")
    run.text(
        "f depends on x through s = vᵀx alone, and must be 1 at even s and −1 at odd s. The "
        "hand-out's construction adds bumps of height 2 at s = 0, 2, 4, … to a floor of −1, three "
        "ReLUs each: 4 relu(s − 2i + ½) − 8 relu(s − 2i) + 4 relu(s − 2i − ½). Bumps i = 0, …, "
        "⌊d/2⌋ take **3(⌊d/2⌋ + 1) units, but only the first 3d/2 are given W = v**. So its claim, "
        "that k ≥ 3d/2 units are enough for some parameters, is true, as shown below with fewer, "
        "but the parameters that it prints fail: at v = x = (1, …, 1), where the last bump is "
        "missing or cut off. Every v is tried with every x."
    )

    def measure() -> list[list[Any]]:
        rows = []
        for d in range(1, largest + 1):
            printed = check_parity(functools.partial(printed_parity_network, k=10 * d), d)
            tents = check_parity(functools.partial(parity_network, k=tent_units(d)), d)
            smaller = check_parity(
                functools.partial(
                    parity_network, construction="minimal", k=max(minimal_units(d), 2)
                ),
                d,
            )
            ones = (1,) * d
            rows.append(
                [d, printed.pairs, printed.wrong, printed.first == (ones, ones),
                 printed.largest_error, tents.wrong, smaller.wrong]
            )  # fmt: skip
        return rows

    rows = run.step("all pairs", measure, "every v with every x")
    run.table(
        "exhaustive",
        "Pairs (v, x) at which the network is wrong",
        ["d", "pairs", "printed", "largest error", "all bumps", "units", "zigzag", "units"],
        [
            [d, pairs, wrong, error, tents, tent_units(d), smaller, minimal_units(d)]
            for d, pairs, wrong, _, error, tents, smaller in rows
        ],
        note="The printed parameters have k = 10d. The zigzag is the smaller construction below.",
    )
    run.claim(
        "a-printed",
        f"The printed parameters with k = 10d are wrong for exactly one pair, v = x = (1, …, 1), "
        f"for each d up to {largest}",
        measured=f"{sum(row[2] == 1 and row[3] for row in rows)} of {largest}",
        expected=f"{largest} of {largest}",
        holds=all(row[2] == 1 and row[3] for row in rows),
        source=SOURCE,
    )
    run.claim(
        "a-corrected",
        "With W = v for all 3(⌊d/2⌋ + 1) units the network is exact: wrong pairs of "
        f"{sum(row[1] for row in rows):,}",
        measured=sum(row[5] for row in rows),
        expected="0",
        holds=not any(row[5] for row in rows),
        source=SOURCE,
    )
    truncated = min(largest, 8)
    found = run.step("truncations", lambda: [_fewest(d) for d in range(1, truncated + 1)])
    run.claim(
        "a-truncated",
        f"The least number of units with W = v for which the printed biases work, for d = 1 … "
        f"{truncated}: 3d/2 + 1 for even d, 3(d + 1)/2 for odd d",
        measured=", ".join(map(str, found)),
        expected=", ".join(map(str, TRUNCATED[:truncated])),
        holds=tuple(found) == TRUNCATED[:truncated],
        source=SOURCE,
    )
    zigzag(run, rows)


def _fewest(d: int) -> int:
    """The least number of units with W = v that is exact for d bits."""
    used = 0
    while check_parity(functools.partial(printed_parity_network, k=10 * d, used=used), d).wrong:
        used += 1
    return used


def zigzag(run: Run, rows: list[list[Any]]) -> None:
    """The smaller construction, its lower bound, and how not to test."""
    run.text(
        "**Fewer units.** A line that turns at every interior integer needs one unit per kink: 1 − "
        "2 relu(s) + Σ<sub>j=1…|v|−1</sub> 4(−1)<sup>j+1</sup> relu(s − j), |v| units for a v with "
        "|v| ones. From |v| = 4 on one more can be saved: 2 relu(3s − 2) − 4 relu(s − 2) + 4 "
        "relu(3 − s) + Σ<sub>j≥4</sub> 4(−1)<sup>j+1</sup> relu(s − j) − 11. So d units suffice, d "
        "− 1 for d ≥ 4, and **the claimed 3d/2 is enough**. If all W<sub>i</sub> are multiples of "
        "v, no fewer than |v| − 1 do: as a function of s the network has at most one kink per "
        "unit, and the slopes between integers alternate between −2 and 2. Nothing is claimed for "
        "other directions of W<sub>i</sub>."
    )
    largest = len(rows)
    run.claim(
        "a-minimal",
        f"The zigzag with d units (d − 1 for d ≥ 4) is exact for d up to {largest}: wrong pairs; "
        "and 3d/2 units are enough for it",
        measured=f"{sum(row[6] for row in rows)}; "
        f"{sum(minimal_units(d) <= 1.5 * d for d in range(1, largest + 1))} of {largest}",
        expected=f"0; {largest} of {largest}",
        holds=not any(row[6] for row in rows)
        and all(minimal_units(d) <= 1.5 * d for d in range(1, largest + 1)),
        source=SOURCE,
    )
    d = 6
    s = np.linspace(-0.75, d + 0.75, 601)
    networks = {
        "printed, 10d units": printed_parity_network(np.ones(d), 10 * d),
        f"all bumps, {tent_units(d)} units": parity_network(np.ones(d)),
        f"zigzag, {minimal_units(d)} units": parity_network(np.ones(d), "minimal"),
    }
    labels = [1.0 - 2.0 * (j % 2) for j in range(d + 1)]
    # f depends on vᵀx only, so a point with this sum stands for all of them.
    curves = {name: network(np.outer(s / d, np.ones(d))) for name, network in networks.items()}
    at = {
        name: network(np.outer(np.arange(d + 1) / d, np.ones(d)))
        for name, network in networks.items()
    }
    run.figure(
        "networks",
        "Three networks as functions of s = vᵀx, for d = 6 and v = (1, …, 1)",
        figures.draw_networks(s, curves, labels),
        alternative="Dots at 1 and −1 for even and odd s. The printed network passes through all "
        "but the last, at s = 6, where it stays at −1; with all bumps it passes through every dot, "
        "and so does the zigzag, a single broken line.",
        table=(
            ["s", "label", *networks],
            [[j, label, *(float(values[j]) for values in at.values())]
             for j, label in enumerate(labels)],
        ),
    )  # fmt: skip
    x = binary_vectors(5)
    constant = ParityNetwork(np.zeros((1, 5)), np.zeros(1), np.zeros(1), 0.0)
    sums = [float(np.sum(constant(x) - parity_label(v, x))) for v in x[1:]]
    wrong = check_parity(lambda v: constant, 5).wrong
    run.claim(
        "a-signed",
        "The hand-out's own check adds up f − y: for how many of the 31 v ≠ 0 of five bits it "
        "accepts the network that is 0 everywhere, and how many of the 1024 pairs that gets wrong",
        measured=f"{sums.count(0.0)}; {wrong}",
        expected="31; 1024, so |f − y| must be looked at",
        holds=sums.count(0.0) == 31 and wrong == 1024,
        source=SOURCE,
    )


def run_experiment(run: Run) -> None:
    """The parts in the order of the hand-out."""
    from threadpoolctl import threadpool_limits

    parity_learning.check(run)
    # Matrices this thin gain nothing from a second BLAS thread.
    with threadpool_limits(1, "blas"):
        capacity(run)
        parity_learning.learning(run)
        information.gradients(run)
        parity_learning.deeper(run)


EXPERIMENT = Experiment(
    name="parity",
    title="Parity: easy to represent, hard to see in a gradient",
    document="001",
    question="§3",
    summary=(
        "Networks of ReLUs that compute (−1)^(vᵀx) exactly, checked for every v and x, where the "
        "printed parameters fail; training on the hinge loss, which finds them for few ones in v "
        "and not for many; and the gradient of the risk, whose dependence on v is computed exactly "
        "and fades like 2⁻ᵈ."
    ),
    parameters=(
        Parameter("dimension", 10, "largest d of part (a)", minimum=1),
        Parameter("gradient_dimension", 10, "largest d of part (c)", minimum=3),
        Parameter("units", 8, "hidden units k of part (c)", minimum=1),
        Parameter("draws", 20, "networks drawn for each d of part (c)", minimum=1),
        Parameter("dimensions", (5, 10, 30), "d of the trainings of part (b)", minimum=1),
        Parameter("ones", (3, 5, 15), "ones in v, for each of these", minimum=1),
        Parameter("sparse_ones", (1, 2, 3, 4), "ones in v of further trainings, largest d", 1),
        Parameter("iterations", 50_000, "iterations of part (b)", minimum=10),
        Parameter("deep_iterations", 4000, "iterations of part (d)", minimum=10),
        Parameter("batch_size", 100, "points of a batch", minimum=1),
        Parameter("learning_rate", 0.001, "learning rate η", minimum=0.0),
    ),
    presets={
        "quick": {
            "dimension": 8,
            "gradient_dimension": 8,
            "iterations": 8000,
            "ones": (3, 3, 15),
            "sparse_ones": (2,),
            "deep_iterations": 2000,
        },
        "full": {},
    },
    data={"embedded": "all binary vectors of d bits"},
    run=run_experiment,
)
