"""ℓ1 regression: optimal by its dual and by enumeration of vertices, medians in special cases."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import chainrule as cr
from chainrule.theory.robust_regression import (
    l1_loss,
    l1_regression,
    l1_subgradient,
    weighted_median,
)

LINE = np.column_stack([np.ones(5), np.arange(5)])


def least_at_vertices(X, y):
    """The least loss of all w that interpolate as many rows as X has rank."""
    rank = np.linalg.matrix_rank(X)
    losses = []
    for rows in itertools.combinations(range(len(y)), rank):
        chosen = list(rows)
        if np.linalg.matrix_rank(X[chosen]) == rank:
            w = np.linalg.lstsq(X[chosen], y[chosen], rcond=None)[0]
            losses.append(np.sum(np.abs(X @ w - y)))
    return min(losses)


def test_the_reference_line_ignores_the_outlier():
    fit = l1_regression(LINE, [1, 3, 5, 7, 100])
    np.testing.assert_allclose(fit.w, [1, 2], atol=1e-9)
    assert fit.loss == pytest.approx(91, rel=1e-12)
    assert fit.bound == pytest.approx(91, rel=1e-12)
    least_squares = np.linalg.lstsq(LINE, np.array([1.0, 3, 5, 7, 100]), rcond=None)[0]
    np.testing.assert_allclose(least_squares, [-17.2, 20.2])


def test_every_minimiser_counts_where_there_are_many():
    fit = l1_regression(np.ones((4, 1)), [1, 2, 10, 11])
    assert 2 <= fit.w[0] <= 10
    assert fit.loss == pytest.approx(18)
    assert abs(fit.gap) < 1e-12


def test_100_random_fits_against_all_vertices_and_the_dual():
    rng = np.random.default_rng(0)
    for i in range(100):
        d, n = int(rng.integers(1, 4)), int(rng.integers(3, 10))
        X, y = rng.normal(size=(n, d)), rng.normal(size=n) * 10.0 ** rng.integers(-3, 4)
        if i % 3 == 0:
            X, y = np.round(X), np.round(y)
        if i % 5 == 0:
            X = np.column_stack([X, X[:, 0]])
        fit = l1_regression(X, y)
        scale = max(1e-300, np.sum(np.abs(y)))
        assert fit.loss <= least_at_vertices(X, y) + 1e-12 * scale
        assert -1e-12 * scale <= fit.gap <= 1e-11 * scale
        assert np.max(np.abs(fit.dual)) <= 1
        assert np.max(np.abs(X.T @ fit.dual)) <= 1e-12 * max(1, np.abs(X).max())


def test_the_subgradient_is_the_engines_gradient_away_from_zero_residuals():
    rng = np.random.default_rng(1)
    for _ in range(20):
        X, y, w = rng.normal(size=(8, 3)), rng.normal(size=8), rng.normal(size=3)
        expected = cr.grad(lambda w, X=X, y=y: np.sum(np.abs(X @ w - y)))(w)
        np.testing.assert_allclose(l1_subgradient(w, X, y), expected, rtol=1e-13)
        # A subgradient bounds the loss from below everywhere.
        other = rng.normal(size=3)
        line = l1_loss(w, X, y) + l1_subgradient(w, X, y) @ (other - w)
        assert l1_loss(other, X, y) >= line - 1e-12


@pytest.mark.parametrize(
    ("values", "weights", "interval"),
    [
        ([3], None, (3, 3)),
        ([1, 2, 10], None, (2, 2)),
        ([10, 1, 11, 2], None, (2, 10)),
        ([1, 2, 3], [1, 1, 5], (3, 3)),
        ([1, 2, 3], [2, 1, 1], (1, 2)),
        ([1, 2, 3], [1, 0, 1], (1, 3)),
        ([5, 5, 7, 7], None, (5, 7)),
        ([0.1, 0.2, 0.3], [0.1, 0.2, 0.3], (0.2, 0.3)),
    ],
)
def test_weighted_median_gives_the_whole_interval(values, weights, interval):
    assert weighted_median(values, weights) == pytest.approx(interval)


def test_one_input_without_intercept_is_a_weighted_median_of_ratios():
    rng = np.random.default_rng(2)
    for _ in range(50):
        x, y = rng.normal(size=9).round(1), rng.normal(size=9)
        used = x != 0
        low, high = weighted_median(y[used] / x[used], np.abs(x[used]))
        least = l1_regression(x[:, None], y).loss
        assert l1_loss([low], x[:, None], y) == pytest.approx(least, rel=1e-10)
        assert l1_loss([high], x[:, None], y) == pytest.approx(least, rel=1e-10)
        assert l1_loss([low - 0.01], x[:, None], y) > least


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: l1_loss([1.0], LINE, [1] * 5), ValueError, r"expected X of shape \(5, 1\)"),
        (lambda: l1_regression(LINE, [1, 2]), ValueError, "X has shape"),
        (lambda: l1_regression(LINE, [[1]] * 5), ValueError, "y has shape .*; expected a vector"),
        (lambda: l1_regression([], []), ValueError, "X has shape"),
        (lambda: l1_regression([[np.inf]], [1]), ValueError, "X holds NaN or infinity"),
        (lambda: l1_subgradient(["a", "b"], LINE, [1] * 5), TypeError, "w has dtype"),
        (lambda: weighted_median([]), ValueError, "values is empty"),
        (lambda: weighted_median([1], [1, 2]), ValueError, "equally many"),
        (lambda: weighted_median([1, 2], [1, -1]), ValueError, "must not be negative"),
        (lambda: weighted_median([1, 2], [0, 0]), ValueError, "at least one must be positive"),
    ],
)
def test_data_that_makes_no_regression_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()
