"""Axes and spaces: shares and values, smallest covers of each axis, and what they refuse."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.search import Categorical, Continuous, Integer, SearchError, Space


@pytest.mark.parametrize(
    ("axis", "share", "value"),
    [
        (Continuous("x", -1.0, 3.0), 0.25, 0.0),
        (Continuous("x", 1e-4, 1e-1, "log"), 1 / 3, 1e-3),
        (Continuous("x", 2.0, 2.0), 0.7, 2.0),
        (Integer("n", 1, 4), 0.5, 3),
        (Integer("n", 1, 4), 1.0, 4),
        (Integer("n", 1, 1000, "log"), 0.0, 1),
        (Integer("n", 1, 1000, "log"), 1.0, 1000),
        (Categorical("c", ("a", "b", "d")), 0.99, "d"),
        (Categorical("c", ("a", "b", "d")), 1.0, "d"),
    ],
)
def test_value_at_a_share(axis: Any, share: float, value: Any) -> None:
    assert axis.value(share) == pytest.approx(value)
    assert axis.contains(axis.value(share))


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_share_inverts_value(scale: str) -> None:
    axis = Continuous("x", 0.5, 700.0, scale)
    for share in (0.0, 0.2, 0.9, 1.0):
        assert axis.share(axis.value(share)) == pytest.approx(share, abs=1e-14)


def test_uniform_shares_give_every_integer_an_equal_part() -> None:
    axis = Integer("n", 3, 7)
    assert [axis.value((i + 0.5) / 50) for i in range(50)] == [3 + i // 10 for i in range(50)]


def brute_force_cover(axis: Integer, eps: float) -> int:
    """The least number of values within ε of all, by dynamic programming over the values."""
    values = range(axis.low, axis.high + 1)
    best = {axis.low: 0}  # the first missed value → centres used
    for missed in values:
        if missed not in best:
            continue
        for centre in values:
            if abs(axis.share(centre) - axis.share(missed)) <= eps + 1e-12:
                held = [v for v in values if abs(axis.share(v) - axis.share(centre)) <= eps + 1e-12]
                after = max(held) + 1
                best[after] = min(best.get(after, axis.high), best[missed] + 1)
    return best[axis.high + 1]


@given(
    low=st.integers(1, 20),
    length=st.integers(0, 25),
    eps=st.fractions(Fraction(1, 60), Fraction(1), max_denominator=60),
    scale=st.sampled_from(["linear", "log"]),
)
def test_integer_cover_is_a_smallest_one(low: int, length: int, eps: Fraction, scale: str) -> None:
    axis = Integer("n", low, low + length, scale)
    count = axis.cover_count(eps)
    cover = axis.cover(count)
    assert len(cover) == count == brute_force_cover(axis, float(eps))
    for value in range(axis.low, axis.high + 1):
        distance = min(abs(axis.share(value) - axis.share(centre)) for centre in cover)
        assert distance <= float(eps) + 1e-9


@given(
    length=st.integers(0, 30), count=st.integers(1, 31), scale=st.sampled_from(["linear", "log"])
)
def test_radius_of_an_integer_cover(length: int, count: int, scale: str) -> None:
    axis = Integer("n", 2, 2 + length, scale)
    radius = axis.cover_radius(count)
    assert axis.cover_count(radius + Fraction(1, 10**10)) <= count
    if radius > 0:
        assert axis.cover_count(radius * Fraction(999, 1000)) > count


@pytest.mark.parametrize(
    ("length", "eps", "count"),
    [(1.0, "0.05", 10), (1.0, 0.15, 4), (1.0, "1/3", 2), (1.0, 2, 1), (0.0, 0.1, 1)],
)
def test_continuous_cover(length: float, eps: Any, count: int) -> None:
    axis = Continuous("x", 2.0, 2.0 + length)
    (radius,) = Space((axis,)).radii(eps)
    assert axis.cover_count(radius) == count
    cover = axis.cover(count)
    assert len(cover) == count
    gaps = [cover[0] - 2.0, 2.0 + length - cover[-1]]
    gaps += [(b - a) / 2 for a, b in itertools.pairwise(cover)]
    assert max(gaps) == pytest.approx(float(axis.cover_radius(count)))


def test_epsilon_in_the_axes_own_units() -> None:
    space = Space.of(
        rate=(1e-4, 1e-1, "log"), x=(0.0, 0.14), n=(1, 11), c=["a"], r=(1.0, 5.0, "log")
    )
    radii = space.radii({"rate": 0.25, "x": 0.01, "n": 2, "r": "0.1"})
    assert radii[:3] == [Fraction(1, 12), Fraction(1, 14), Fraction(1, 5)]
    assert float(radii[4]) == pytest.approx(0.1 / math.log10(5), rel=1e-11)
    # math.ceil(0.14 / (2 * 0.01)) is 8.
    assert space.axes[1].cover_count(radii[1]) == 7


def test_short_notation() -> None:
    space = Space.of(rate=(1e-4, 1e-1, "log"), width=(2, 32), activation=["tanh", "relu"])
    assert space.axes == (
        Continuous("rate", 1e-4, 1e-1, "log"),
        Integer("width", 2, 32),
        Categorical("activation", ("tanh", "relu")),
    )
    assert space.size is None
    assert Space.of(width=(2, 32), activation=["tanh", "relu"]).size == 62


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Space(()), "The space is empty"),
        (lambda: Continuous("x", 2.0, 1.0), "runs from 2.0 to 1.0; give the smaller end first"),
        (lambda: Continuous("x", float("nan"), 1.0), "the end nan; expected a finite number"),
        (lambda: Continuous("x", 0.0, float("inf")), "the end inf; expected a finite number"),
        (lambda: Continuous("x", "a", 1.0), "the end 'a'; expected a finite number"),
        (lambda: Continuous("x", 0.0, 1.0, "log"), "starts at 0.0; a log axis starts above 0"),
        (lambda: Continuous("x", 0.0, 1.0, "root"), "scale='root'; choose linear or log"),
        (lambda: Integer("n", 1.5, 3), "takes whole numbers"),
        (lambda: Integer("n", 4, 3), "runs from 4 to 3"),
        (lambda: Categorical("c", ()), "has no choices"),
        (lambda: Categorical("c", "abc"), "give a list"),
        (lambda: Categorical("c", ("a", "b", "a")), 'has the choice "a" twice'),
        (lambda: Categorical("c", (object(),)), "cannot be stored"),
        (lambda: Space.of(x=3), r"Axis 'x' is 3; expected \(low, high\)"),
        (lambda: Space((Integer("a b", 1, 2),)), "'a b' is not a Python identifier"),
        (lambda: Space((Integer("a", 1, 2), Integer("a", 1, 2))), "Two axes are called 'a'"),
        (lambda: Space.of(x=(0.0, 1.0)).radii(0), "epsilon is 0; expected a positive number"),
        (lambda: Space.of(x=(0.0, 1.0)).radii(-0.1), "epsilon is -0.1; expected a positive"),
        (lambda: Space.of(x=(0.0, 1.0)).radii(float("nan")), "epsilon is nan; expected a finite"),
        (lambda: Space.of(x=(0.0, 1.0)).radii([1]), "epsilon is a list; expected a real number"),
        (lambda: Space.of(x=(0.0, 1.0)).radii({"y": 1}), "given for y; give it for each of x"),
        (lambda: Space.of(x=(0.0, 1.0)).radii({"x": 0}), "epsilon of 'x' is 0"),
        (lambda: Space.of(x=(0.0, 1.0)).axis("z"), "There is no axis 'z'; the axes are x"),
        (lambda: Space.of(x=(0.0, 1.0)).check({"x": 2.0}), "x = 2.0 is not on its axis"),
        (lambda: Space.of(x=(0.0, 1.0)).check({}), r"expected \['x'\]"),
        (
            lambda: Integer("n", 1, 10**9, "log").cover_count(Fraction(1, 10**9)),
            "alone needs more than 1,000,000 values",
        ),
    ],
)
def test_refusals(make: Any, message: str) -> None:
    with pytest.raises(SearchError, match=message):
        make()
