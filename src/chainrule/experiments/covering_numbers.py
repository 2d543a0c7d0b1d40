"""Experiment `covering-numbers`: the smallest ε-covers of boxes, counted, drawn and proved.

The functions are in `chainrule.theory.covering_numbers`, the figures in `covering_numbers_figures`.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

from chainrule.experiments import covering_numbers_figures as figures
from chainrule.experiments.experiment import Experiment, Parameter, Run
from chainrule.theory.covering_numbers import (
    covered_fraction_bound,
    covering_certificate,
    covering_number,
    covering_volume_bounds,
    minimal_cover,
    packing_certificate,
)
from chainrule.theory.covers import is_epsilon_cover, is_epsilon_packing, uncovered_point

#: The hand-out's example: an interval of learning rates, and its cover for ε = 0.05.
EXAMPLE = [(1, 2)]
EXAMPLE_COVER = ["1.05", "1.15", "1.25", "1.35", "1.45", "1.55", "1.65", "1.75", "1.85", "1.95"]
#: The rectangle of part (a).
RECTANGLE = [(0, 1), (0, 2)]
RADII = ("0.05", "0.1", "0.15", "0.25", "0.3", "1/3", "0.5", "0.7", "1", "2")


def students_number(intervals: Any, eps: Any) -> int:
    """The covering number as a student's solution has it, without the maximum with 1."""
    return math.prod(math.ceil(Fraction(b - a) / (2 * Fraction(eps))) for a, b in intervals)


def definition(run: Run) -> None:
    """The definition and the hand-out's example."""
    run.section("What an ε-cover is")
    run.text(
        "An ε-cover of S is a finite set E ⊂ S such that every y in S has a point x of E with "
        "‖y − x‖<sub>∞</sub> ≤ ε; the covering number N(ε, S) is the size of the smallest. The "
        "hand-out writes E = {x | ∀y ∈ S ∃x …}, which binds x twice and describes no set; this is "
        "what it means. Around each point lies a cube of side 2ε, so covering S is tiling it with "
        "cubes that may overlap. Asking for E ⊂ S costs nothing for boxes: moving a centre into "
        "the box moves it closer to every point of the box, coordinate by coordinate."
    )
    points = [(x,) for x in EXAMPLE_COVER]
    number = covering_number(EXAMPLE, "0.05")
    run.claim(
        "example",
        "The hand-out's ten points are a 0.05-cover of [1, 2], and no smaller one exists",
        measured=f"covers: {_yes(is_epsilon_cover(points, EXAMPLE, '0.05'))}; N = {number}",
        expected="covers: yes; N = 10",
        holds=is_epsilon_cover(points, EXAMPLE, "0.05") and number == len(points) == 10,
        source="000 §1.2",
    )
    holes = [
        uncovered_point(points[:i] + points[i + 1 :], EXAMPLE, "0.05") for i in range(len(points))
    ]
    needed = sum(hole is not None for hole in holes)
    run.claim(
        "example-needed",
        "Each of the ten points is needed: without it, a point of [1, 2] is farther than ε from "
        "all others",
        measured=f"{needed} of 10",
        expected="10 of 10",
        holds=needed == 10,
        source="000 §1.2",
    )


def rectangle(run: Run) -> None:
    """Part (a)."""
    run.section("(a) The rectangle [0, 1] × [0, 2]")
    run.text(
        "**N = ⌈1/2ε⌉ · ⌈1/ε⌉.** *Enough:* cut the sides into ⌈1/2ε⌉ and ⌈2/2ε⌉ equal parts; each "
        "cell is at most 2ε wide, so its centre covers it. *Needed:* if a side of length ℓ takes "
        "n = ⌈ℓ/2ε⌉ ≥ 2 balls, then ℓ/(n − 1) > 2ε, so n equally spaced points from end to end are "
        "more than 2ε apart. The product of these points has N members, no two of which fit into "
        "one ball. Both sets are made here and checked exactly, in rational arithmetic, by code "
        "that does not know how they were made."
    )
    rows, agreed, proved = [], 0, 0
    for eps in RADII:
        exact = Fraction(eps)
        formula = math.ceil(1 / (2 * exact)) * math.ceil(1 / exact)
        cover, packing = (list(f(RECTANGLE, eps)) for f in (minimal_cover, packing_certificate))
        covers = is_epsilon_cover(cover, RECTANGLE, eps)
        separated = is_epsilon_packing(packing, RECTANGLE, eps)
        agreed += len(cover) == len(packing) == formula
        proved += covers and separated
        rows.append(
            [eps, formula, len(cover), _yes(covers), len(packing), _yes(separated)],
        )
    columns = ["ε", "⌈1/2ε⌉⌈1/ε⌉", "points of the cover", "covers", "points of the packing",
               "more than 2ε apart"]  # fmt: skip
    run.table("rectangle", "The rectangle at ten radii", columns, rows)
    run.claim(
        "a-formula",
        "N(ε, [0, 1] × [0, 2]) = ⌈1/2ε⌉⌈1/ε⌉: radii at which a cover and a packing have this size "
        "and pass their exact checks",
        measured=f"{min(agreed, proved)} of {len(RADII)}",
        expected=f"{len(RADII)} of {len(RADII)}",
        holds=agreed == proved == len(RADII),
        source="000 §1.2 (a)",
    )
    grids = minimal_cover(RECTANGLE, "0.15"), packing_certificate(RECTANGLE, "0.15")
    run.figure(
        "covers",
        "A smallest 0.15-cover of [0, 1] × [0, 2], and the packing that shows it is one",
        figures.draw_cover(grids[0].array(), grids[1].array(), 0.15),
        alternative="Left: 28 squares of side 0.3 around the points of the cover fill the "
        "rectangle with overlaps. Right: 28 points of which any two are more than 0.3 apart "
        "horizontally or vertically.",
        table=(
            ["", "horizontal coordinates", "vertical coordinates"],
            [
                [name, *(", ".join(f"{float(x):.4g}" for x in grid.axis(k)) for k in range(2))]
                for name, grid in zip(("cover", "packing"), grids, strict=True)
            ],
        ),
        note="Each set is the product of its coordinates: 4 × 7 = 28 points.",
    )


def boxes(run: Run) -> None:
    """Part (b)."""
    run.section("(b) Any box")
    run.text(
        "**N(ε, [a<sub>1</sub>, b<sub>1</sub>] × … × [a<sub>d</sub>, b<sub>d</sub>]) = "
        "Π<sub>i</sub> max(1, ⌈(b<sub>i</sub> − a<sub>i</sub>)/2ε⌉)**, by the same two sets. The "
        "student's formula lacks the maximum with 1: with one interval that is a single point it "
        "gives 0, but a set that is not empty needs a ball."
    )
    count = run.parameters["boxes"]

    def measure() -> dict[str, Any]:
        rng = run.rng("boxes")
        found: dict[str, Any] = {"degenerate": 0, "student": 0, "certified": 0, "holes": 0}
        for _ in range(count):
            eps = Fraction(int(rng.integers(1, 13)), int(rng.choice([5, 7, 10, 12])))
            intervals = []
            for _ in range(int(rng.integers(1, 5))):
                a = Fraction(int(rng.integers(-9, 10)), int(rng.choice([1, 3, 8])))
                lengths = (
                    0,
                    2 * eps * int(rng.integers(1, 4)),
                    Fraction(int(rng.integers(41)), 10),
                )
                intervals.append((a, a + lengths[int(rng.integers(3))]))
            proof = covering_certificate(intervals, eps)
            found["certified"] += proof.holds()
            found["degenerate"] += any(a == b for a, b in intervals)
            found["student"] += students_number(intervals, eps) != proof.number
            if 1 < proof.number <= 200:
                found["holes"] += not is_epsilon_cover(list(proof.cover)[1:], intervals, eps)
                found["small"] = found.get("small", 0) + 1
        return found

    found = run.step("random boxes", measure)
    run.claim(
        "b-certified",
        "Random boxes of 1 to 4 axes, many with a single point as an interval or with a length "
        "that is a multiple of 2ε: covering numbers proved by a cover and a packing of that size",
        measured=f"{found['certified']} of {count}",
        expected=f"{count} of {count}",
        holds=found["certified"] == count,
        source="000 §1.2 (b)",
    )
    run.claim(
        "b-one-fewer",
        "The check of a cover can fail: leaving one point out of it leaves a hole",
        measured=f"{found['holes']} of {found['small']} covers of at most 200 points",
        expected="all",
        holds=found["holes"] == found["small"] > 0,
        source="000 §1.2 (b)",
    )
    run.claim(
        "b-student",
        "The student's formula is wrong for the boxes with a single point as an interval, and for "
        "no other",
        measured=f"wrong for {found['student']}, of which {found['degenerate']} are such boxes",
        expected="as many, and at least one",
        holds=found["student"] == found["degenerate"] > 0,
        source="000 §1.2 (b)",
    )
    box = [(0, 1), (-1, Fraction(3, 2)), (2, 2), (0, Fraction(1, 10))]
    run.claim(
        "b-point",
        "[0, 1] × [−1, 1.5] × {2} × [0, 0.1] at ε = 0.2",
        measured=f"{covering_number(box, '0.2')}; the student's formula gives "
        f"{students_number(box, Fraction(1, 5))}",
        expected="3 · 7 · 1 · 1 = 21",
        holds=covering_number(box, "0.2") == 21,
        source="000 §1.2 (b)",
    )
    run.text(
        "**Rounding.** In floating point the ceiling jumps too early: 0.14/(2 · 0.01) is "
        "7.000000000000001, so `ceil` gives 8 balls where 7 are enough. Here a float counts as the "
        "decimal that it is written as, and everything after is rational. All lengths 0.01, …, "
        "9.99 with all radii 0.01, …, 0.99 are compared with ⌈l/2e⌉ on the whole numbers of "
        "hundredths."
    )

    def rounding() -> dict[str, int]:
        lengths, radii = np.arange(1, 1000)[:, None], np.arange(1, 100)[None, :]
        right = -(-lengths // (2 * radii))
        naive = np.ceil((lengths / 100) / (2 * (radii / 100))).astype(int)
        stride = 1 if run.preset == "full" else 7
        ours = [
            covering_number([(0, length / 100)], e / 100) == right[length - 1, e - 1]
            for length in range(1, 1000, stride) for e in range(1, 100)
        ]  # fmt: skip
        return {"naive": int(np.sum(naive != right)), "ours": ours.count(False), "n": len(ours)}

    counted = run.step("rounding", rounding)
    run.claim(
        "b-float",
        "ceil((b − a)/(2ε)) in float64 is wrong for some of the 98,901 boxes",
        measured=f"wrong for {counted['naive']}",
        expected="209",
        holds=counted["naive"] == 209,
        source="000 §1.2 (b)",
    )
    run.claim(
        "b-exact",
        f"The covering number from the same floats is right for all of {counted['n']:,} of them",
        measured=f"wrong for {counted['ours']}",
        expected="0",
        holds=counted["ours"] == 0,
        source="000 §1.2 (b)",
    )


def volume(run: Run) -> None:
    """Part (c)."""
    run.section("(c) Volume and dimension")
    run.text(
        "Vol/(2ε)<sup>d</sup> ≤ N ≤ Π((b<sub>i</sub> − a<sub>i</sub>)/2ε + 1). So N · "
        "(2ε)<sup>d</sup> → Vol as ε → 0: **the covering number is proportional to the volume only "
        "in the limit**; for a coarse ε the ceilings decide. With sides of length ℓ the number is "
        "⌈ℓ/2ε⌉<sup>d</sup>, **exponential in d exactly if ℓ > 2ε**, and 1 for every d otherwise."
    )
    run.text(
        "The student concludes that the volume grows exponentially with d. It does not: the unit "
        "cube has volume 1 in every dimension, and [0, ½]<sup>d</sup> shrinks to nothing. What "
        "grows is the volume in units of one ball, Vol/(2ε)<sup>d</sup>. Put the other way round: "
        "a fixed budget of B balls covers at most the share B(2ε)<sup>d</sup>/Vol of the box, "
        "which vanishes exponentially."
    )
    eps, dimensions = Fraction("0.05"), tuple(range(1, run.parameters["dimensions"] + 1))
    sides = (Fraction(1), Fraction(1, 2), Fraction(1, 10))
    numbers = {side: [covering_number([(0, side)] * d, eps) for d in dimensions] for side in sides}
    columns = ["d", *(f"{what} of [0, {float(s):g}]ᵈ" for s in sides for what in ("N", "volume"))]
    rows = [
        [d, *(cell for s in sides for cell in (_count(numbers[s][d - 1]), float(s**d)))]
        for d in dimensions
    ]
    run.figure(
        "dimension",
        "Covering number and volume against the dimension, ε = 0.05",
        figures.draw_dimension(dimensions, numbers),
        alternative="Covering numbers of cubes with sides 1 and 0.5 rise as straight lines on the "
        "logarithmic axis, with side 0.1 they stay at 1; the volumes stay at 1 or fall.",
        table=(columns, rows),
    )
    d = dimensions[-1]
    run.claim(
        "c-dimension",
        f"N of the cubes with sides 1, ½ and 0.1 at ε = 0.05 for d = {d}, and their "
        "volumes, of which none grows, against the student's conclusion",
        measured=", ".join(_count(numbers[s][-1]) for s in sides)
        + "; "
        + ", ".join(f"{float(s**d):.3g}" for s in sides),
        expected=f"10{_power(d)}, 5{_power(d)}, 1; 1, 2{_power(-d)}, 10{_power(-d)}",
        holds=[numbers[s][-1] for s in sides] == [10**d, 5**d, 1],
        source="000 §1.2 (c)",
    )
    radii = [Fraction(3, 10) / 10**k for k in range(4)]
    ratios = [covering_number(RECTANGLE, e) * (2 * e) ** 2 / 2 for e in radii]
    run.claim(
        "c-limit",
        "N(ε)(2ε)²/Vol of [0, 1] × [0, 2] at ε = 0.3, 0.03, 0.003, 0.0003 tends to 1",
        measured=", ".join(f"{float(ratio):.9g}" for ratio in ratios),
        expected="1.44, 1.0404, 1.004004, 1.00040004",
        holds=ratios == [Fraction(x) for x in ("1.44", "1.0404", "1.004004", "1.00040004")],
        source="000 §1.2 (c)",
    )

    grid = np.geomspace(0.002, 2, 400)
    curves = run.step("ratios", lambda: _curves([f"{e:.4f}" for e in grid]))
    run.figure(
        "ratio",
        "Volume of all balls of a smallest cover against the volume of the box",
        figures.draw_ratio(curves),
        alternative="N(ε)(2ε)ᵈ/Vol for the unit cube in 1, 2 and 4 dimensions: saw-teeth that "
        "touch 1 wherever 1/2ε is a whole number, and settle at 1 as ε → 0; beyond ε = 0.5, where "
        "one ball is enough, they rise without bound.",
        table=(
            ["ε", "d = 1", "d = 2", "d = 4"],
            [[curves["eps"][i], *(curves[key][i] for key in ("1", "2", "4"))]
             for i in range(0, 400, 25)],
        ),
        note="The table holds every 25th point of the curves.",
    )  # fmt: skip
    inside = run.step("bounds", lambda: _bounds(run.rng("bounds"), run.parameters["boxes"]))
    run.claim(
        "c-bounds",
        "Vol/(2ε)ᵈ ≤ N ≤ Π((bᵢ − aᵢ)/2ε + 1) for random boxes",
        measured=f"{inside} of {run.parameters['boxes']}",
        expected="all",
        holds=inside == run.parameters["boxes"],
        source="000 §1.2 (c)",
    )
    budget = 60
    shares = [covered_fraction_bound(budget, [(0, 1)] * d, "0.1") for d in dimensions]
    run.table(
        "budget",
        f"The largest share of the unit cube that {budget} trials can bring within 0.1",
        ["hyperparameters d", "trials for all of it", "share covered, at most"],
        [
            [d, _count(covering_number([(0, 1)] * d, "0.1")), float(share)]
            for d, share in zip(dimensions, shares, strict=True)
        ],
    )


def _curves(radii: list[str]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {"eps": [float(e) for e in radii]}
    for d in (1, 2, 4):
        found[str(d)] = [
            float(covering_number([(0, 1)] * d, e) * (2 * Fraction(e)) ** d) for e in radii
        ]
    return found


def _bounds(rng: np.random.Generator, count: int) -> int:
    """How many random boxes satisfy both bounds by the volume."""
    held = 0
    for _ in range(count):
        intervals = [(0, Fraction(int(rng.integers(0, 60)), 20)) for _ in range(rng.integers(1, 6))]
        eps = Fraction(int(rng.integers(1, 40)), 40)
        lower, upper = covering_volume_bounds(intervals, eps)
        held += lower <= covering_number(intervals, eps) <= upper
    return held


def _yes(condition: bool) -> str:
    return "yes" if condition else "no"


def _count(number: int) -> str:
    """A number of balls, in full while that can be read."""
    return f"{number:,}".replace(",", "\u202f") if number < 10**15 else f"{number:.3g}"


def _power(exponent: int) -> str:
    return str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def run_experiment(run: Run) -> None:
    """The definition and the three parts."""
    definition(run)
    rectangle(run)
    boxes(run)
    volume(run)


EXPERIMENT = Experiment(
    name="covering-numbers",
    title="How many balls cover a box",
    document="000",
    question="§1.2",
    summary=(
        "Smallest ε-covers of boxes in the maximum norm: the exact covering number with a cover "
        "and a packing that prove it, where floating point and a student's formula go wrong, and "
        "what it has to do with volume and dimension."
    ),
    parameters=(
        Parameter("boxes", 2000, "random boxes of parts (b) and (c)", minimum=20),
        Parameter("dimensions", 12, "largest dimension of part (c)", minimum=2),
    ),
    presets={"quick": {"boxes": 300}, "full": {}},
    data={"embedded": "boxes named in the text, and random ones"},
    run=run_experiment,
)
