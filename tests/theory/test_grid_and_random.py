"""Grid against random search: counts, probabilities and gaps, exact and against simulation."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from chainrule.theory.grid_and_random import (
    compare_search,
    expected_best_gap_grid,
    expected_best_gap_random,
    expected_distinct,
    grid_distinct,
    grid_search_configs,
    integer_root,
    prob_all_distinct,
    prob_random_cover,
    random_search_configs,
)


@pytest.mark.parametrize(
    ("eps", "d", "q", "distinct", "fraction"),
    [
        (0.05, 2, 100, 10, "1/10"),
        (0.05, 3, 1000, 10, "1/100"),
        (0.1, 5, 3125, 5, "1/625"),
        (0.3, 3, 8, 2, "1/4"),
        (0.5, 4, 1, 1, "1"),
    ],
)
def test_a_grid_tries_few_values_of_the_coordinate_that_matters(eps, d, q, distinct, fraction):
    assert grid_distinct(eps, d) == (q, distinct, Fraction(fraction))
    points = list(grid_search_configs(eps, d))
    assert len(points) == q
    assert len({point[0] for point in points}) == distinct


@pytest.mark.parametrize(
    ("M", "q", "expected", "probability"),
    [
        (10, 10, 6.5132155990, 3.6288e-4),
        (10, 100, 9.9997343860, 0.0),
        (100, 100, 63.396765873, None),
        (2**24, 10**4, 9997.0206576, 0.050766102),
        (2**53, 10**4, 9999.99999999445, None),
        (1, 0, 0.0, 1.0),
        (1, 5, 1.0, 0.0),
        (5, 1, 1.0, 1.0),
        (7, 0, 0.0, 1.0),
    ],
)
def test_distinct_values_among_draws(M, q, expected, probability):
    assert expected_distinct(M, q) == pytest.approx(expected, rel=2e-11)
    if probability is not None:
        assert prob_all_distinct(M, q) == pytest.approx(probability, rel=1e-8, abs=0)


def test_distinct_values_agree_with_2000_simulations():
    rng = np.random.default_rng(0)
    counts = np.array([len(set(rng.integers(0, 30, 20).tolist())) for _ in range(2000)])
    error = counts.std(ddof=1) / np.sqrt(2000)
    assert abs(counts.mean() - expected_distinct(30, 20)) < 4 * error
    p = prob_all_distinct(30, 5)
    hits = np.mean([len(set(rng.integers(0, 30, 5).tolist())) == 5 for _ in range(2000)])
    assert abs(hits - p) < 4 * np.sqrt(p * (1 - p) / 2000)


@pytest.mark.parametrize(
    ("B", "d", "random", "grid", "better"),
    [
        (2, 2, 0.208333, 0.25, "random"),
        (4, 2, 0.116667, 0.125, "random"),
        (9, 2, 0.054545, 0.083333, "random"),
        (16, 2, 0.031046, 0.0625, "random"),
        (100, 2, 0.004999, 0.025, "random"),
        (9, 1, 0.054545, 0.027778, "grid"),
        (1, 3, 1 / 3, 0.25, "grid"),
    ],
)
def test_expected_best_gaps(B, d, random, grid, better):
    found = compare_search(B, d)
    assert float(found.gap_random) == pytest.approx(random, abs=5e-7)
    assert float(found.gap_grid) == pytest.approx(grid, abs=5e-7)
    assert found.better == better
    assert (found.distinct_grid, found.distinct_random) == (integer_root(B, d), B)


def test_random_is_better_exactly_for_two_dimensions_and_two_trials_or_more():
    for d in range(1, 6):
        for B in range(1, 200):
            assert compare_search(B, d).better == ("random" if d > 1 and B > 1 else "grid")


def test_gaps_agree_with_simulation_and_the_mean_over_the_best_value():
    rng = np.random.default_rng(1)
    for B, best in ((4, None), (16, None), (3, 0.1), (3, 0.9), (5, 0.5)):
        target = rng.random(20_000) if best is None else np.full(20_000, best)
        gaps = np.min(np.abs(rng.random((20_000, B)) - target[:, None]), axis=1)
        error = gaps.std(ddof=1) / np.sqrt(20_000)
        assert abs(gaps.mean() - expected_best_gap_random(B, best)) < 4 * error
    target = rng.random(20_000)
    centres = (np.arange(3) + 0.5) / 3
    gaps = np.min(np.abs(centres - target[:, None]), axis=1)
    assert abs(gaps.mean() - expected_best_gap_grid(27, 3)) < 4 * gaps.std() / np.sqrt(20_000)
    mean = np.mean([float(expected_best_gap_random(7, i / 2000)) for i in range(2001)])
    assert mean == pytest.approx(float(expected_best_gap_random(7)), rel=1e-3)


@pytest.mark.parametrize(("q", "probability"), [(10, 0.0), (50, 0.64217), (100, 0.98557)])
def test_probability_that_random_draws_cover(q, probability):
    assert float(prob_random_cover(q, 0.05)) == pytest.approx(probability, abs=5e-6)


@pytest.mark.parametrize(
    ("q", "eps", "exact"),
    [(0, 0.5, 0), (1, 0.5, 0), (1, "3/4", "1/2"), (1, 1, 1), (2, "1/4", 0), (2, "1/2", "1/2")],
)
def test_probability_of_a_cover_in_cases_done_by_hand(q, eps, exact):
    assert prob_random_cover(q, eps) == Fraction(exact)


def test_probability_of_a_cover_agrees_with_simulation():
    rng = np.random.default_rng(2)
    draws = np.sort(rng.random((20_000, 12)), axis=1)
    gaps = np.diff(draws, axis=1).max(axis=1)
    covers = (draws[:, 0] <= 0.15) & (draws[:, -1] >= 0.85) & (gaps <= 0.3)
    p = float(prob_random_cover(12, 0.15))
    assert abs(covers.mean() - p) < 4 * np.sqrt(p * (1 - p) / 20_000)


@pytest.mark.parametrize(
    ("n", "d", "root"), [(1000, 3, 10), (999, 3, 9), (10**60, 3, 10**20), (0, 2, 0), (7, 1, 7)]
)
def test_integer_roots_are_exact(n, d, root):
    assert integer_root(n, d) == root


def test_random_configurations_are_uniform_and_repeatable():
    points = random_search_configs(1000, 3, np.random.default_rng(3))
    assert points.shape == (1000, 3)
    assert np.array_equal(points, random_search_configs(1000, 3, np.random.default_rng(3)))
    assert abs(points.mean() - 0.5) < 4 * np.sqrt(1 / 12 / 3000)
    assert random_search_configs(0, 2, np.random.default_rng(0)).shape == (0, 2)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: expected_distinct(0, 1), ValueError, "M is 0"),
        (lambda: expected_distinct(2, -1), ValueError, "q is -1"),
        (lambda: prob_all_distinct(2.5, 1), TypeError, "M is 2.5; expected a whole number"),
        (lambda: grid_distinct(0, 2), ValueError, "eps is 0"),
        (lambda: grid_distinct(0.1, 0), ValueError, "d is 0"),
        (lambda: expected_best_gap_random(0), ValueError, "B is 0; expected at least 1"),
        (lambda: expected_best_gap_random(1, 1.5), ValueError, "best is 1.5"),
        (lambda: expected_best_gap_grid(0, 1), ValueError, "B is 0"),
        (lambda: compare_search(3, 0), ValueError, "d is 0"),
        (lambda: prob_random_cover(-1, 0.1), ValueError, "q is -1"),
        (lambda: prob_random_cover(1, 0), ValueError, "eps is 0"),
        (lambda: integer_root(-1, 2), ValueError, "n is -1"),
        (lambda: random_search_configs(-1, 2, np.random.default_rng()), ValueError, "q is -1"),
    ],
)
def test_budgets_and_counts_that_make_no_sense_are_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()
