"""Covering radii: against exact covers of theory and brute force, and never claimed too small."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from chainrule.search import SearchError, Space, coverage, covering_radius, plan_search
from chainrule.search.coverage import Coverage
from chainrule.search.uncovered import TooManyCells, missed_points
from chainrule.theory.covers import is_epsilon_cover


def cube(dimension: int) -> Space:
    return Space.of(**{f"x{i}": (0.0, 1.0) for i in range(dimension)})


def configurations(space: Space, points: Any) -> list[dict[str, Any]]:
    return [dict(zip(space.names, map(float, point), strict=True)) for point in points]


def distance(space: Space, one: Any, other: Any) -> float:
    return max(
        abs(axis.share(one[axis.name]) - axis.share(other[axis.name])) for axis in space.axes
    )


@pytest.mark.parametrize(("dimension", "count"), [(1, 1), (1, 6), (2, 1), (2, 4), (2, 9), (3, 4)])
def test_radius_is_the_least_cover_radius_of_theory(dimension: int, count: int) -> None:
    """The exact cell decomposition in rationals: a cover at the radius, not a hair below it."""
    generator = np.random.default_rng(dimension * 100 + count)
    space = cube(dimension)
    for _ in range(3):
        points = generator.integers(0, 33, (count, dimension)) / 32
        found = covering_radius(space, configurations(space, points))
        assert found.exact
        radius = Fraction(found.upper).limit_denominator(64)
        assert float(radius) == pytest.approx(found.upper, abs=1e-9)
        intervals = [(0, 1)] * dimension
        assert is_epsilon_cover(points.tolist(), intervals, radius)
        assert not is_epsilon_cover(points.tolist(), intervals, radius - Fraction(1, 10**6))


@pytest.mark.parametrize(("dimension", "count"), [(2, 40), (3, 60), (4, 60), (5, 30), (6, 60)])
def test_no_sampled_point_is_farther_than_the_radius(dimension: int, count: int) -> None:
    space = cube(dimension)
    plan = plan_search(space, "random", budget=count, seed=dimension)
    found = covering_radius(space, plan.configurations)
    assert found.exact
    assert found.hole is not None
    reached = min(distance(space, found.hole, each) for each in plan.configurations)
    assert reached == pytest.approx(found.lower, rel=1e-9)
    points = np.array([list(each.values()) for each in plan.configurations])
    samples = np.random.default_rng(1).random((40_000, dimension))
    samples[:20_000] = samples[:20_000].round()
    farthest = max(
        np.abs(part[:, None] - points).max(axis=2).min(axis=1).max()
        for part in np.array_split(samples, 40)
    )
    assert farthest <= found.upper * (1 + 1e-9)


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_integer_axes_are_measured_at_whole_numbers(scale: str) -> None:
    generator = np.random.default_rng(3)
    space = Space.of(n=(1, 30, scale), m=(4, 9))
    everything = [{"n": n, "m": m} for n in range(1, 31) for m in range(4, 10)]
    for count in (1, 2, 5, 12):
        chosen = [everything[i] for i in generator.choice(len(everything), count, replace=False)]
        brute = max(min(distance(space, one, each) for each in chosen) for one in everything)
        found = covering_radius(space, chosen)
        assert found.exact
        assert found.lower == pytest.approx(brute, rel=1e-9)
        assert found.hole in everything
    assert covering_radius(space, everything).upper == pytest.approx(0, abs=1e-12)


def test_mixed_axes_against_brute_force() -> None:
    """One continuous axis is scanned finely, the integer axis at all its values."""
    space = Space.of(x=(0.5, 50.0, "log"), n=(1, 6), c=["a", "b"])
    plan = plan_search(space, "random", budget=14, seed=5)
    found = covering_radius(space, plan.configurations)
    shares = np.linspace(0, 1, 4001)
    brute = 0.0
    for n, c in itertools.product(range(1, 7), "ab"):
        mates = [each for each in plan.configurations if each["c"] == c]
        near = np.min(
            [
                np.maximum(np.abs(shares - space.axes[0].share(each["x"])), abs(n - each["n"]) / 5)
                for each in mates
            ],
            axis=0,
        )
        brute = max(brute, near.max())
    assert found.exact
    assert found.lower == pytest.approx(brute, abs=1 / 4000)


def test_radius_in_multiples_of_each_axis_epsilon() -> None:
    space = Space.of(x=(0.0, 1.0), y=(0.0, 10.0))
    found = covering_radius(space, [{"x": 0.5, "y": 5.0}], {"x": 0.1, "y": 4})
    assert (found.unit, found.exact) == ("epsilons", True)
    assert found.lower == pytest.approx(5.0)
    assert covering_radius(space, [{"x": 0.5, "y": 0.0}], {"x": 1, "y": 2}).lower == pytest.approx(
        5
    )


def test_a_choice_without_a_trial_leaves_an_infinite_hole() -> None:
    space = Space.of(x=(0.0, 1.0), c=["a", "b", "d"], e=[1, 2])
    found = covering_radius(space, [{"x": 0.5, "c": "a", "e": 1}, {"x": 0.5, "c": "b", "e": 2}])
    assert (found.lower, found.upper, found.missing) == (math.inf, math.inf, 4)
    assert found.hole == {"x": 0.5, "c": "a", "e": 2}
    assert covering_radius(space, []) == Coverage(math.inf, math.inf, True, None, 0, "shares", 6)


def test_axes_of_one_value_and_choices_alone() -> None:
    space = Space.of(x=(2.0, 2.0), n=(3, 3), y=(0.0, 1.0))
    found = covering_radius(space, [{"x": 2.0, "n": 3, "y": 0.2}])
    assert found.exact
    assert found.lower == pytest.approx(0.8)
    only = Space.of(c=["a", "b"])
    assert covering_radius(only, [{"c": "a"}, {"c": "b"}]).upper == 0


def test_bounds_stay_certified_when_work_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    space = cube(4)
    plan = plan_search(space, "sobol", budget=60)
    exact = covering_radius(space, plan.configurations)

    def gives_up(*_: Any, **__: Any) -> None:
        raise TooManyCells

    monkeypatch.setattr(coverage, "missed_points", gives_up)
    monkeypatch.setattr(coverage, "FEW_CENTRES", 100)
    monkeypatch.setattr(coverage, "CENTRES", 100)
    bounds = covering_radius(space, plan.configurations)
    assert (bounds.exact, bounds.kind) == (False, "certified bounds")
    assert bounds.lower <= exact.lower * (1 + 1e-9)
    assert bounds.upper >= exact.upper
    assert bounds.upper < 1.5 * exact.upper


def test_many_trials_take_moderate_work() -> None:
    space = cube(3)
    plan = plan_search(space, "sobol", budget=3000)
    found = covering_radius(space, plan.configurations)
    assert found.exact
    assert found.upper < 0.1


def test_too_many_combinations_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage, "COMBINATIONS", 1)
    space = Space.of(c=["a", "b"], x=(0.0, 1.0))
    with pytest.raises(SearchError, match="2 combinations of choices, more than the 1 whose"):
        covering_radius(space, [{"c": "a", "x": 0.0}, {"c": "b", "x": 0.0}])


def test_a_trial_of_another_space_is_refused() -> None:
    with pytest.raises(SearchError, match=r"x0 = 1.5 is not on its axis"):
        covering_radius(cube(1), [{"x0": 1.5}])


# The exact decision by itself -------------------------------------------------------------------


def boxes(radius: float, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return points - radius, points + radius


@pytest.mark.parametrize("dimension", [1, 2, 3, 4])
def test_a_minimal_cover_is_held_and_without_a_ball_it_is_not(dimension: int) -> None:
    ticks = [0.125, 0.375, 0.625, 0.875]
    points = np.array(list(itertools.product(ticks, repeat=dimension)))
    zero, one = np.zeros(dimension), np.ones(dimension)
    assert missed_points(*boxes(0.125, points), zero, one, 10_000)[0] is None
    for left_out in (0, len(points) // 2):
        rest = np.delete(points, left_out, axis=0)
        missed, _ = missed_points(*boxes(0.125, rest), zero, one, 10_000)
        assert missed is not None
        assert (np.abs(missed - points[left_out]).max(axis=1) <= 0.125).all()


@pytest.mark.parametrize(("dimension", "count"), [(1, 6), (2, 4), (2, 12), (3, 5), (3, 12), (4, 6)])
def test_the_decision_is_that_of_all_cells(dimension: int, count: int) -> None:
    """Boxes of random sides; the faces cut the cube into cells, each held or missed as a whole."""
    generator = np.random.default_rng(dimension * 100 + count)
    zero, one = np.zeros(dimension), np.ones(dimension)
    verdicts = set()
    for reach in (0.5, 0.7, 0.8, 0.9, 1.0, 1.3):
        for _ in range(8):
            centres = generator.random((count, dimension))
            sides = reach * generator.uniform(0.3, 1.0, (count, dimension))
            lower, upper = centres - sides, centres + sides
            faces = [np.unique(np.clip([0, 1, *lower[:, k], *upper[:, k]], 0, 1))
                     for k in range(dimension)]  # fmt: skip
            middles = [(each[1:] + each[:-1]) / 2 for each in faces]
            cells = np.stack(np.meshgrid(*middles, indexing="ij"), axis=-1).reshape(-1, dimension)
            held = ((cells[:, None] >= lower) & (cells[:, None] <= upper)).all(axis=2).any(axis=1)
            missed, _ = missed_points(lower, upper, zero, one, 100_000)
            assert (missed is None) == held.all()
            verdicts.add(bool(held.all()))
            if missed is not None:
                inside = ((missed[:, None] >= lower) & (missed[:, None] <= upper)).all(axis=2)
                assert not inside.any(axis=1).all()
                assert ((missed >= 0) & (missed <= 1)).all()
    assert verdicts == {True, False}


def test_the_limit_on_work_is_kept() -> None:
    points = np.random.default_rng(0).random((200, 3))
    with pytest.raises(TooManyCells):
        missed_points(*boxes(0.25, points), np.zeros(3), np.ones(3), limit=3)
