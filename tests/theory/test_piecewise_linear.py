"""Piecewise-linear functions and data as ReLU networks: exact in rationals, or refused."""

from __future__ import annotations

import itertools
import random
from fractions import Fraction

import numpy as np
import pytest

from chainrule.theory.piecewise_linear import (
    NotRepresentable,
    relu_network_from_knots,
    units_needed,
)
from chainrule.theory.piecewise_linear_data import fit_piecewise_linear, minimal_kinks

F = Fraction


def evaluate(knots, slopes, value, x):
    """The function at x, walked from the given point piece by piece."""
    at, y = value
    ends = [None, *knots, None]
    direction = 1 if x >= at else -1
    total, here = y, at
    while here != x:
        piece = sum(t <= here for t in knots) if direction > 0 else sum(t < here for t in knots)
        end = ends[piece + 1] if direction > 0 else ends[piece]
        there = x if end is None or (x - end) * direction <= 0 else end
        total += slopes[piece] * (there - here)
        here = there
    return total


def random_function(rng, kinks):
    knots = sorted(rng.sample([F(k, 6) for k in range(-30, 31)], kinks))
    slopes = [F(rng.randint(-8, 8), rng.choice([1, 2, 3]))]
    while len(slopes) <= kinks:
        slope = F(rng.randint(-8, 8), rng.choice([1, 2, 3]))
        if slope != slopes[-1]:
            slopes.append(slope)
    return knots, slopes, (F(rng.randint(-6, 6)), F(rng.randint(-9, 9), 2))


def realise(knots, slopes, value):
    """The network, or the refusal."""
    try:
        return relu_network_from_knots(knots, slopes, value)
    except NotRepresentable as refusal:
        return refusal


def test_4000_random_functions_are_realised_exactly_or_refused_with_a_certificate():
    rng = random.Random(0)
    points = [F(k, 12) for k in range(-90, 91)]
    realised, refused = [0] * 6, [0] * 6
    for i in range(4000):
        m = i % 6
        knots, slopes, value = random_function(rng, m)
        changes = [b - a for a, b in itertools.pairwise(slopes)]
        sums = {
            slopes[0] + sum(chosen)
            for size in range(m + 1)
            for chosen in itertools.combinations(changes, size)
        }
        network = realise(knots, slopes, value)
        if isinstance(network, NotRepresentable):
            refused[m] += 1
            assert network.proved
            assert (network.kinks, network.n_hidden) == (m, 4)
            if m == 4:
                assert set(network.certificate["sums"]) == sums
                assert 0 not in sums
            continue
        realised[m] += 1
        assert len(network.W_H) == 4
        assert network.units <= units_needed(slopes) or m < 4
        if i % 60 < 6:
            for x in (*points, *knots, F(-1000), F(1000)):
                assert network(x) == evaluate(knots, slopes, value, x)
        if m == 4:
            assert 0 in sums
    assert refused[:4] == [0, 0, 0, 0]
    assert refused[5] > 600
    assert realised[5] == 0
    assert min(realised[4], refused[4]) > 50


@pytest.mark.parametrize(
    ("slopes", "units"),
    [
        ([0], 0),
        ([3], 2),
        ([0, 2], 1),
        ([-1, 1], 2),
        ([1, 0], 1),
        ([1, 1, 0], 1),
        ([-1, 2, 1], 3),
        ([0, 1, -1], 2),
        ([2, -2, 2, -2], 4),
        ([1, 2, 0, 1], 3),
        (["-1/2", "1/2"], 2),
    ],
)
def test_units_needed_are_enough_and_one_fewer_is_not(slopes, units):
    assert units_needed(slopes) == units
    knots, value = list(range(len(slopes) - 1)), (F(1, 2), 1)
    network = relu_network_from_knots(knots, slopes, value, units)
    for x in (F(-7), F(-1, 3), F(1, 2), F(8)):
        assert network(x) == evaluate(knots, [F(s) for s in slopes], (F(1, 2), F(1)), x)
    if units:
        with pytest.raises(NotRepresentable):
            relu_network_from_knots(knots, slopes, value, units - 1)


@pytest.mark.parametrize(
    ("y", "kinks", "units"),
    [
        ([0, 0, 1, 2, 1, 0], (1, 3), {(1, -1, 1), (1, -3, -2)}),
        ([2, 0, 1, 0, 2], (1, 2, 3), {(1, -2, -2), (1, -3, 3), (1, -1, 1), (-1, 1, 2)}),
        ([0, 0, 1, 2, 2, 1, 1], (1, F(7, 2), 5), {(1, -1, 1), (1, F(-7, 2), -2), (1, -5, 1)}),
    ],
)
def test_reference_data_sets(y, kinks, units):
    found = minimal_kinks(range(len(y)), y)
    assert found.knots == kinks
    network = fit_piecewise_linear(range(len(y)), y)
    parts = zip(network.W_H, network.b_H, network.W_O, strict=True)
    assert {unit for unit in parts if unit[2]} == units
    assert network.b_O == 0
    assert [network(t) for t in range(len(y))] == y


def test_five_alternating_points_need_only_three_units():
    y = [1, -1, 1, -1, 1]
    network = fit_piecewise_linear(range(5), y, n_hidden=3)
    parts = set(zip(network.W_H, network.b_H, network.W_O, strict=True))
    assert parts == {(1, F(-2, 3), 6), (1, -2, -4), (-1, 3, 4)}
    assert network.b_O == -11


def random_data(rng, n):
    """Points at uneven places: wild, alternating, or on a function of few kinks."""
    x = sorted(rng.sample(range(-20, 21), n))
    kind = rng.randint(0, 2)
    if kind == 0:
        y = [F(rng.randint(-9, 9), rng.choice([1, 2])) for _ in x]
    elif kind == 1:
        y = [(-1) ** k * F(rng.randint(1, 9)) for k in range(n)]
    else:
        function = random_function(rng, rng.randint(0, 3))
        y = [evaluate(*function, F(a)) for a in x]
    return x, y


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6])
def test_up_to_six_points_are_always_met_exactly(n):
    rng = random.Random(n)
    for _ in range(100):
        x, y = random_data(rng, n)
        network = fit_piecewise_linear(x, y)
        assert [network(a) for a in x] == y
        assert len(network.W_H) == 4


def test_data_of_few_kinks_are_fitted_whatever_their_number():
    rng = random.Random(7)
    for i in range(300):
        m = i % 4
        function = random_function(rng, m)
        x = sorted(rng.sample([F(k, 4) for k in range(-30, 31)], rng.randint(8, 30)))
        y = [evaluate(*function, a) for a in x]
        # The function itself shows that m kinks are enough, so no more can be claimed.
        assert minimal_kinks(x, y).count <= m
        network = fit_piecewise_linear(x, y)
        assert [network(a) for a in x] == y


def test_the_function_of_fewest_kinks_passes_through_the_points():
    rng = random.Random(8)
    for _ in range(300):
        x, y = random_data(rng, rng.randint(2, 12))
        found = minimal_kinks(x, y)
        assert found.count == len(found.knots) == len(found.slopes) - 1
        assert found.count == sum(-(-r // 2) for r in found.runs)
        assert list(found.knots) == sorted(set(found.knots))
        point = tuple(map(F, found.point))
        assert [evaluate(found.knots, found.slopes, point, F(a)) for a in x] == y


def test_too_many_kinks_are_refused_with_the_runs():
    with pytest.raises(NotRepresentable, match="at least 6 kinks, and n_hidden is 4") as caught:
        fit_piecewise_linear(range(8), [1, -1] * 4)
    assert caught.value.proved
    assert caught.value.certificate == {"runs": (1,) * 6}
    # A parabola bends the same way at every inner point: half as many kinks.
    assert minimal_kinks(range(9), [k * k for k in range(9)]).count == 4


def test_a_network_that_was_not_found_is_not_called_impossible():
    y = [0, 1, 2, 5, 8, 9, 10, 14, 18, 17, 16]
    with pytest.raises(NotRepresentable, match="no way was found") as caught:
        fit_piecewise_linear(range(11), y, n_hidden=4)
    assert not caught.value.proved
    network = fit_piecewise_linear(range(11), y, n_hidden=5)
    assert [network(a) for a in range(11)] == y


def test_floats_mean_decimals_and_the_curve_is_the_network():
    network = fit_piecewise_linear([0.1, 0.2, 0.3], [0.3, 0.1, 0.2])
    assert network(0.2) == F(1, 10)
    curve = network.curve()
    for x in (0.1, 0.15, 0.2, 0.3, 5.0, -3.0):
        assert curve(x) == pytest.approx(float(network(x)), rel=1e-12, abs=1e-12)
    assert np.all(np.isfinite(curve.flat()))
    mirrored = network.mirrored()
    assert mirrored(F(-3, 2)) == network(F(3, 2))


@pytest.mark.parametrize("x", [[3, 1, 2], [2, 3, 1, 1]])
def test_order_and_repetitions_do_not_matter(x):
    network = fit_piecewise_linear(x, [a * a for a in x])
    assert [network(a) for a in (1, 2, 3)] == [1, 4, 9]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: minimal_kinks([], []), ValueError, "x is empty"),
        (lambda: minimal_kinks([1, 2], [1]), ValueError, "x has 2 numbers and y has 1"),
        (lambda: minimal_kinks([1, 1.0], [1, 2]), ValueError, "x = 1.0 occurs with y = 1 and y ="),
        (lambda: minimal_kinks([1, float("nan")], [1, 2]), ValueError, "x is nan"),
        (lambda: fit_piecewise_linear([1], [None]), TypeError, "y is a NoneType"),
        (lambda: fit_piecewise_linear([1], [1], -1), ValueError, "n_hidden is -1"),
        (lambda: relu_network_from_knots([1], [1], (0, 0)), ValueError, "1 knots and 1 slopes"),
        (
            lambda: relu_network_from_knots([1, 1], [1, 2, 3], (0, 0)),
            ValueError,
            "increase strictly",
        ),
        (lambda: relu_network_from_knots([], [1], (0, 0), 1), ValueError, "sloped line takes 2"),
        (
            lambda: relu_network_from_knots([0], [-1, 1], (0, 0), 1),
            ValueError,
            "of the 2 sums .* none is 0 .* One more unit is enough",
        ),
        (lambda: relu_network_from_knots([0, 1], [1, 2, 3], (0, 0), 1), ValueError, "at most one"),
    ],
)
def test_what_makes_no_function_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()
