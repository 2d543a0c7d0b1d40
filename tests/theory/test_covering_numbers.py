"""Covering numbers are exact, and every one comes with a cover and a packing of its size."""

from __future__ import annotations

import itertools
import math
import random
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.theory.boxes import ProductGrid
from chainrule.theory.covering_numbers import (
    covered_fraction_bound,
    covering_certificate,
    covering_number,
    covering_volume_bounds,
    minimal_cover,
    minimal_cover_axes,
    packing_certificate,
)
from chainrule.theory.covers import is_epsilon_cover, is_epsilon_packing, uncovered_point

UNIT, TWO = [(0, 1)], [(0, 1), (0, 2)]
F = Fraction


@pytest.mark.parametrize(
    ("intervals", "eps", "number"),
    [
        ([(1, 2)], 0.05, 10),
        *((TWO, eps, n) for eps, n in ((0.05, 200), (0.1, 50), (0.15, 28), (0.25, 8), (0.3, 8))),
        *((TWO, eps, n) for eps, n in ((F(1, 3), 6), (0.5, 2), (0.7, 2), (1, 1), (2, 1))),
        ([(0, 1), (-1, 1.5), (2, 2), (0, 0.1)], 0.2, 21),
        ([(0, 0.14)], 0.01, 7),
        ([(0, 0.54)], 0.09, 3),
        ([(0, 0.1)], 0.01, 5),
        ([(0, "1/3")], "1/6", 1),
        ([(Decimal("0"), Decimal("0.3"))], Decimal("0.05"), 3),
        ([(np.float32(0), np.float32(0.3))], np.float32(0.05), 3),
        (np.array(TWO), 0.05, 200),
        (UNIT * 50, 0.05, 10**50),
        ([(0, 0.5)] * 10, 0.05, 9_765_625),
        ([(0, 0.1)] * 10, 0.05, 1),
        (TWO, (0.5, 0.1), 10),
        ([(3, 3)], 0.5, 1),
    ],
)
def test_covering_number_and_its_certificate(intervals, eps, number):
    assert covering_number(intervals, eps) == number
    proof = covering_certificate(intervals, eps)
    assert proof.number == proof.cover.size == proof.packing.size == number
    assert proof.holds()


def test_the_cover_of_the_hand_outs_example_is_its_own():
    (axis,) = minimal_cover_axes([(1, 2)], 0.05)
    assert [float(x) for x in axis] == [1.05, 1.15, 1.25, 1.35, 1.45, 1.55, 1.65, 1.75, 1.85, 1.95]


def random_boxes(count):
    """Boxes with degenerate intervals, and lengths that are exact multiples of 2ε."""
    rng = random.Random(0)
    for _ in range(count):
        eps = F(rng.randint(1, 12), rng.choice([5, 7, 10, 12]))
        intervals = []
        for _ in range(rng.randint(1, 3)):
            a = F(rng.randint(-9, 9), rng.choice([1, 3, 8]))
            length = rng.choice([F(0), 2 * eps * rng.randint(1, 3), F(rng.randint(0, 40), 10)])
            intervals.append((a, a + length))
        yield intervals, eps


def test_300_random_boxes_are_certified_by_checks_that_know_nothing_of_the_construction():
    checked = 0
    for intervals, eps in random_boxes(300):
        proof = covering_certificate(intervals, eps)
        assert proof.holds()
        if proof.number <= 60:
            cover, packing = list(proof.cover), list(proof.packing)
            assert is_epsilon_cover(cover, intervals, eps)
            assert is_epsilon_packing(packing, intervals, eps)
            # The check can fail: one ball fewer does not cover.
            assert not is_epsilon_cover(cover[1:], intervals, eps)
            checked += 1
    assert checked > 200


def least_cover(intervals, eps):
    """The covering number from an integer program, over cubes and witnesses at every crossing.

    A cube can be pushed up until its lower faces touch the box or a corner of another, so only
    lower faces at a + 2ε i matter; it is enough to cover one inner point of each cell they cut.
    """
    from scipy.optimize import LinearConstraint, milp

    faces, witnesses = [], []
    for a, b in intervals:
        lows = [a + 2 * eps * i for i in range(1 + max(0, math.ceil((b - a) / (2 * eps))))]
        lows += [b - 2 * eps * (i + 1) for i in range(len(lows))]
        cuts = sorted({a, b, *(x for low in lows for x in (low, low + 2 * eps) if a < x < b)})
        faces.append(sorted(set(lows)))
        witnesses.append([(x + y) / 2 for x, y in itertools.pairwise(cuts)] or [a])
    cubes, points = list(itertools.product(*faces)), list(itertools.product(*witnesses))
    inside = [
        [all(low <= x <= low + 2 * eps for low, x in zip(cube, point, strict=True))
         for cube in cubes] for point in points
    ]  # fmt: skip
    found = milp(
        np.ones(len(cubes)),
        constraints=LinearConstraint(np.array(inside, float), lb=1),
        integrality=np.ones(len(cubes)),
        bounds=(0, 1),
    )
    return round(found.fun)


@pytest.mark.parametrize(
    ("intervals", "eps", "number"),
    [
        ([(0, 1), (0, 1)], F(1, 4), 4),
        (TWO, F(1, 4), 8),
        (TWO, F(3, 10), 8),
        ([(0, 1), (0, "6/5")], F(3, 10), 4),
        ([(0, 1), (5, 5)], F(1, 5), 3),
    ],
)
def test_an_integer_program_finds_no_smaller_cover(intervals, eps, number):
    exact = [tuple(map(F, interval)) for interval in intervals]
    assert least_cover(exact, eps) == covering_number(intervals, eps) == number


def covered_by_cells(points, intervals, eps):
    """The check of the definition by one inner point of every cell, as a second implementation."""
    middles = []
    for k, (a, b) in enumerate(intervals):
        cuts = {a, b, *(c for p in points for c in (p[k] - eps, p[k] + eps) if a < c < b)}
        ordered = sorted(cuts)
        middles.append([(x + y) / 2 for x, y in itertools.pairwise(ordered)] or [a])
    return all(
        any(all(abs(x - c) <= eps for x, c in zip(y, p, strict=True)) for p in points)
        for y in itertools.product(*middles)
    )


coordinates = st.integers(-2, 10).map(lambda n: F(n, 4))


@given(
    points=st.lists(st.tuples(coordinates, coordinates), max_size=9),
    ends=st.tuples(st.integers(0, 8), st.integers(0, 8)),
    eps=st.integers(1, 6).map(lambda n: F(n, 4)),
)
def test_any_set_of_points_is_judged_exactly_and_a_hole_is_one(points, ends, eps):
    intervals = [(F(0), F(end, 4)) for end in ends]
    hole = uncovered_point(points, intervals, eps)
    assert (hole is None) == covered_by_cells(points, intervals, eps)
    if hole is not None:
        assert all(a <= x <= b for x, (a, b) in zip(hole, intervals, strict=True))
        assert all(max(abs(x - c) for x, c in zip(hole, p, strict=True)) > eps for p in points)


@pytest.mark.parametrize(
    ("points", "intervals", "hole"),
    [
        ([], UNIT, (F(1, 2),)),
        ([(0.25,), (0.75,)], UNIT, None),
        ([(0.24,), (0.75,)], UNIT, (F(99, 200),)),
        ([(0.25,), (0.76,)], UNIT, (F(101, 200),)),
        ([(1.25,)], [(1, 1)], None),
        ([(1.26,)], [(1, 1)], (F(1),)),
    ],
)
def test_touching_balls_cover_and_a_hundredth_less_does_not(points, intervals, hole):
    assert uncovered_point(points, intervals, 0.25) == hole


@pytest.mark.parametrize(
    ("start", "step", "count"),
    [(F(1, 4), F(1, 2), 2), (F(1, 2), F(1, 2), 2), (F(0), F(1, 4), 3), (F(-5), F(3, 5), 12),
     (F(1, 8), F(5, 8), 2), (F(3), F(1), 1), (F(9, 10), F(-2, 5), 3), (F(1, 2), F(0), 1)],
)  # fmt: skip
def test_a_grid_is_judged_as_its_points_are(start, step, count):
    grid = ProductGrid((start, F(1, 2)), (step, F(0)), (count, 1))
    for eps in (F(1, 4), F(2, 5), F(1)):
        intervals = [(0, 1), (0, 1)]
        found = uncovered_point(grid, intervals, eps)
        assert (found is None) == is_epsilon_cover(list(grid), intervals, eps)
        if found is not None:
            assert uncovered_point(list(grid), [(x, x) for x in found], eps) is not None
        assert is_epsilon_packing(grid, intervals, eps) == is_epsilon_packing(
            list(grid), intervals, eps
        )


def test_a_grid_of_10_to_the_50_points_is_used_without_writing_it_out():
    cover = minimal_cover(UNIT * 50, 0.05)
    assert cover.size == 10**50
    assert next(iter(cover)) == cover[0] == (F(1, 20),) * 50
    assert cover[10**50 - 1] == cover.last() == (F(19, 20),) * 50
    assert cover[1] == (*[F(1, 20)] * 49, F(3, 20))
    with pytest.raises(
        ValueError, match=r"about 1\.00e\+50 points, more than the limit of 1,000,000"
    ):
        cover.array()
    with pytest.raises(IndexError, match="no point -1"):
        cover[-1]
    line = minimal_cover([(0, 1), (0, 1e-9)], 1e-9)
    assert line.counts == (500_000_000, 1)
    assert next(iter(line)) == (F(1, 10**9), F(1, 2 * 10**9))
    with pytest.raises(ValueError, match="Axis 0 has 500000000 values"):
        minimal_cover_axes([(0, 1), (0, 1e-9)], 1e-9)


def test_a_cover_as_an_array_is_the_same_points():
    cover = minimal_cover(TWO, 0.25)
    assert cover.array().tolist() == [[float(x) for x in point] for point in cover]
    assert cover.array().shape == (8, 2)
    with pytest.raises(ValueError, match="8 points, more than the limit of 7"):
        cover.array(limit=7)


def test_volume_bounds_hold_and_tighten():
    for intervals, eps in random_boxes(100):
        lower, upper = covering_volume_bounds(intervals, eps)
        assert lower <= covering_number(intervals, eps) <= upper
    scaled = [covering_number(TWO, e) * (2 * F(e)) ** 2 / 2 for e in ("0.3", "0.03", "0.003")]
    assert scaled == [F("1.44"), F("1.0404"), F("1.004004")]


def test_a_budget_covers_less_and_less_of_the_unit_cube():
    shares = [covered_fraction_bound(60, UNIT * d, 0.05) for d in (1, 2, 3, 4)]
    assert shares == [1, F(6, 10), F(6, 100), F(6, 1000)]
    assert covered_fraction_bound(3, [(0, 1), (2, 2), (0, 0.1)], 0.1) == F(3, 5)
    assert covered_fraction_bound(0, UNIT, 0.1) == 0


@pytest.mark.parametrize(
    ("intervals", "eps", "error", "words"),
    [
        ([], 0.1, ValueError, "intervals is empty"),
        (UNIT, 0, ValueError, "eps is 0; expected a positive number"),
        (UNIT, -0.1, ValueError, "eps is -0.1"),
        (UNIT, float("nan"), ValueError, "eps is nan"),
        (UNIT, (0.1, 0.2), ValueError, "eps has 2 numbers for 1 intervals"),
        ([(1, 0)], 0.1, ValueError, r"intervals\[0\] is \(1, 0\); expected the smaller end first"),
        ([(0, 1), (0, float("inf"))], 0.1, ValueError, r"intervals\[1\] is inf"),
        ([(0, 1, 2)], 0.1, ValueError, "expected a pair"),
        ([3], 0.1, ValueError, r"intervals\[0\] is 3; expected a pair"),
        (["01"], 0.1, ValueError, "expected a pair"),
        ([(0, None)], 0.1, TypeError, "NoneType"),
        (UNIT, "small", ValueError, "eps is 'small'"),
    ],
)
def test_what_is_no_box_or_radius_is_refused(intervals, eps, error, words):
    for function in (covering_number, minimal_cover, packing_certificate, covering_volume_bounds):
        with pytest.raises(error, match=words):
            function(intervals, eps)


@pytest.mark.parametrize(
    ("points", "words"),
    [
        ([(0.5,)], "points has 1 coordinates each and the box 2"),
        ([0.5], "points holds 0.5; expected a sequence"),
        ([(0.5, float("nan"))], "a coordinate of points is nan"),
        (minimal_cover(UNIT, 0.1), "points has 1 coordinates"),
    ],
)
def test_points_that_do_not_fit_the_box_are_refused(points, words):
    for function in (uncovered_point, is_epsilon_packing):
        with pytest.raises(ValueError, match=words):
            function(points, TWO, 0.1)
    with pytest.raises(ValueError, match="budget is -1"):
        covered_fraction_bound(-1, UNIT, 0.1)
