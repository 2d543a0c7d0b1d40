"""Covering numbers of boxes, in exact numbers."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import numpy as np

from chainrule.grading.exercise import Exercise, Inputs, Part, Values

F = Fraction


def radii(rng: np.random.Generator) -> list[Inputs]:
    """Radii that divide the sides, that do not, and that cover everything at once."""
    some = [F(int(n), 100) for n in rng.integers(3, 90, size=3)]
    return [{"epsilon": e} for e in (F(1, 20), F(1, 3), F(7, 10), F(1), F(2), *some)]


def boxes(rng: np.random.Generator) -> list[Inputs]:
    """Boxes of several dimensions, a point among the sides, and a number beyond 64 bits."""
    cases: list[Inputs] = [
        {"intervals": [[F(1), F(2)]], "epsilon": F(1, 20)},
        {"intervals": [[F(0), F(14, 100)]], "epsilon": F(1, 100)},
        {
            "intervals": [[F(0), F(1)], [F(-1), F(3, 2)], [F(2), F(2)], [F(0), F(1, 10)]],
            "epsilon": F(1, 5),
        },
        {"intervals": [[F(0), F(1)]] * 50, "epsilon": F(1, 20)},
    ]
    for d in (2, 3):
        corners, lengths = rng.integers(-9, 10, size=d), rng.integers(1, 20, size=d)
        sides = [[F(int(a), 10), F(int(a + n), 10)] for a, n in zip(corners, lengths, strict=True)]
        cases.append({"intervals": sides, "epsilon": F(int(rng.integers(10, 40)), 100)})
    return cases


def small_boxes(rng: np.random.Generator) -> list[Inputs]:
    """Those whose covers can be written down."""
    return [case for case in boxes(rng) if len(case["intervals"]) < 10]


def _sides(inputs: Inputs) -> list[list[Fraction]]:
    return inputs.get("intervals") or [[F(0), F(1)], [F(0), F(2)]]


def _least(intervals: Any, diameter: Fraction) -> int:
    return math.prod(max(1, math.ceil((b - a) / diameter)) for a, b in intervals)


def _named(inputs: Inputs, value: Any) -> Values:
    """A covering number under the name of what is hard about it: one slip is not all of it."""
    lengths = [b - a for a, b in _sides(inputs)]
    if 0 in lengths:
        return {"the number for a box with a side that is a point": value}
    exact = any((length / (2 * inputs["epsilon"])).denominator == 1 for length in lengths)
    where = "where 2ε divides a side" if exact else "where 2ε divides no side"
    return {f"the number {where}": value}


def numbers(inputs: Inputs, values: Values) -> Values:
    """The covering number that was returned, by kind of box."""
    (value,) = values.values()
    return _named(inputs, value)


SLIPS = {
    # Balls of diameter ε.
    "G204": lambda inputs, values: _named(inputs, _least(_sides(inputs), inputs["epsilon"])),
}


def is_cover(inputs: Inputs, values: Values) -> Values:
    """Whether the points lie in the box, cover it, and are as few as can be."""
    intervals, epsilon = inputs["intervals"], inputs["epsilon"]
    points = values["minimal_cover"]
    if not isinstance(points, list | tuple) or not all(
        isinstance(p, list | tuple) and len(p) == len(intervals) for p in points
    ):
        raise ValueError("minimal_cover must return a list of points, each a list of d numbers.")
    if not all(isinstance(x, int | Fraction | float) for p in points for x in p):
        raise ValueError("The coordinates of the points must be numbers.")
    exact = [[_exact(x) for x in point] for point in points]
    if not all(a <= x <= b for p in exact for x, (a, b) in zip(p, intervals, strict=True)):
        raise ValueError("A point of the cover lies outside the box.")
    least = _least(intervals, 2 * epsilon)
    if len(exact) > 4 ** len(intervals) * least:
        raise ValueError(f"The cover has {len(exact)} points; {least} are enough.")
    if not _covers(exact, intervals, epsilon):
        raise ValueError("There is a point of the box that no point of the cover is close to.")
    return {"it is a cover": True, "the number of points": len(exact)}


def as_counted(inputs: Inputs, values: Values) -> Values:
    """The number of points that the submission's own covering number asks for."""
    return {"the number of points": values["covering_number"]}


def _exact(x: Any) -> Fraction:
    # A float means the decimal number that it prints as.
    return Fraction(repr(x)) if isinstance(x, float) else Fraction(x)


def _covers(points: list[list[Fraction]], intervals: Any, epsilon: Fraction) -> bool:
    """Whether balls cover a box: it is enough to look between their faces, cell by cell."""
    axes = []
    for axis, (a, b) in enumerate(intervals):
        faces = {x for p in points for x in (p[axis] - epsilon, p[axis] + epsilon) if a < x < b}
        ends = sorted({a, b} | faces)
        axes.append([(low + high) / 2 for low, high in itertools.pairwise(ends)] or [a])
    return all(
        any(all(abs(x - y) <= epsilon for x, y in zip(p, spot, strict=True)) for p in points)
        for spot in itertools.product(*axes)
    )


EXERCISE = Exercise(
    name="covering-numbers",
    title="Covering numbers of boxes",
    document="000",
    question="§1.2",
    summary="Count the points of a smallest ε-cover of a rectangle and of any box, write the cover "
    "down, and compare the count with the volume.",
    parts=(
        Part("a", "covering number of a rectangle", 3, ("covering_number_of_rectangle",), radii,
             measure=numbers, slips=SLIPS),
        Part(
            "b", "covering number of a box", 4, ("covering_number",), boxes,
            measure=numbers, slips=SLIPS,
            hint="A side that is a single point needs one point, not none; floats round, so keep "
            "Fractions; the result is an int.",
        ),
        Part(
            "b-2", "a smallest cover", 4, ("minimal_cover",), small_boxes, measure=is_cover,
            builds_on=("covering_number",), earlier=("covering_number",), follow=as_counted,
        ),
        Part(
            "c", "the volume in balls", 1, ("volume_in_balls",),
            lambda rng: [case for case in boxes(rng) if len(case["intervals"]) != 4],
        ),
    ),
)  # fmt: skip
