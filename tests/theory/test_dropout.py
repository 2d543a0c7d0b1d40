"""Dropout: noise moments, exact expectations, the second-order term, and ridge regression."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.theory.dropout import (
    apply_dropout,
    dropout_linear_penalty,
    dropout_linear_regression,
    dropout_noise,
    dropout_noise_moment,
    dropout_ratio_limit,
    dropout_second_order,
    exact_dropout_expectation,
)


def head(scale):
    """The tanh–softmax–cross-entropy head of the reference values, and its layer."""
    rng = np.random.default_rng(0)
    V, c, U, h = (rng.normal(size=shape) for shape in ((5, 6), 5, (3, 5), 6))

    def loss(h):
        return -cr.log_softmax(U @ np.tanh(V @ h + c))[1]

    return loss, scale * h


def cubes(h):
    return np.sum(h**3)


@pytest.mark.parametrize("q", [0.0, 0.1, 0.5, 0.9])
def test_moments_of_the_noise(q):
    assert dropout_noise_moment(q, 1) == pytest.approx(0, abs=1e-15)
    assert dropout_noise_moment(q, 2) == pytest.approx(q / (1 - q))
    assert dropout_noise_moment(q, 3) == pytest.approx(q * (2 * q - 1) / (1 - q) ** 2)
    noise = dropout_noise(q, (200, 100), np.random.default_rng(0))
    assert noise.shape == (200, 100)
    assert set(np.unique(noise)) <= {-1.0, q / (1 - q)}
    assert abs(noise.mean()) <= 4 * np.sqrt(q / (1 - q) / noise.size)


def test_units_are_dropped_or_scaled_up():
    h = np.arange(1, 7, dtype=np.float32)
    found = apply_dropout(h, 0.25, np.random.default_rng(3))
    assert found.dtype == np.float32
    assert set((found / h).tolist()) == {0.0, np.float32(1 / 0.75)}
    assert np.array_equal(apply_dropout(h, 0, np.random.default_rng(0)), h)


@pytest.mark.parametrize(
    ("loss", "h", "q", "exact", "term"),
    [
        (cubes, [1, 2], 0.1, 9 + 2.111111111111111, 3.0),
        (lambda h: (0.5 * h[0] - h[1] - 1) ** 2, [1, 2], 0.5, 10.5, 4.25),
        (lambda h: np.maximum(h[0] - h[1], 0), [1.0, 1.5], 0.1, 0.1, 0.0),
        (cubes, [1, 2], 0.0, 9.0, 0.0),
    ],
)
def test_exact_expectation_and_second_order_term_by_hand(loss, h, q, exact, term):
    assert exact_dropout_expectation(loss, h, q) == pytest.approx(exact, rel=1e-14)
    assert dropout_second_order(loss, h, q) == pytest.approx(term, rel=1e-13, abs=1e-15)


def test_second_order_is_not_exact_as_q_vanishes():
    loss, h = head(1)
    exact = exact_dropout_expectation(loss, h, 1e-4) - float(loss(h))
    term = dropout_second_order(loss, h, 1e-4)
    assert exact == pytest.approx(-1.613251e-4, rel=1e-6)
    assert term == pytest.approx(-2.650067e-4, rel=1e-6)
    assert exact / term == pytest.approx(0.60876, abs=5e-6)
    limit = dropout_ratio_limit(loss, h)
    assert limit == pytest.approx(0.6088176764935416, rel=1e-10)
    assert exact / term == pytest.approx(limit, abs=2e-4)


@pytest.mark.parametrize("q", [0.01, 0.3, 0.5])
def test_second_order_becomes_exact_as_the_layer_shrinks(q):
    off = []
    for scale in (0.1, 0.01):
        loss, h = head(scale)
        exact = exact_dropout_expectation(loss, h, q) - float(loss(h))
        off.append(abs(exact / dropout_second_order(loss, h, q) - 1))
    assert off[1] < 0.005
    assert off[1] < off[0] / 5


def test_the_limit_is_one_for_quadratics_and_undefined_for_relus():
    assert dropout_ratio_limit(lambda h: np.sum(h**2) * 3 + h[0], [1.0, -2.0]) == pytest.approx(1)
    relu = dropout_ratio_limit(lambda h: np.maximum(h[0] - h[1], 0), [1.0, 1.5])
    assert np.isinf(relu)


def test_expectation_agrees_with_draws():
    loss, h = head(1)
    rng = np.random.default_rng(1)
    draws = np.array([float(loss(apply_dropout(h, 0.3, rng))) for _ in range(4000)])
    error = draws.std(ddof=1) / np.sqrt(len(draws))
    assert abs(draws.mean() - exact_dropout_expectation(loss, h, 0.3)) < 4 * error


def test_the_linear_penalty_is_exact_for_every_q_and_invariant_to_units():
    rng = np.random.default_rng(2)
    for q in (0.1, 0.5, 0.8):
        W, x, y = rng.normal(size=(3, 5)), rng.normal(size=5), rng.normal(size=3)

        def loss(h, W=W, y=y):
            return np.sum((W @ h - y) ** 2)

        penalty = dropout_linear_penalty(W, x, q)
        gain = exact_dropout_expectation(loss, x, q) - float(loss(x))
        assert gain == pytest.approx(penalty, rel=1e-12)
        assert dropout_second_order(loss, x, q) == pytest.approx(penalty, rel=1e-12)
        scale = rng.uniform(0.1, 10, 5)
        assert dropout_linear_penalty(W / scale, x * scale, q) == pytest.approx(penalty, rel=1e-12)
    assert dropout_linear_penalty([[0.5, -1.0]], [1.0, 2.0], 0.5) == 4.25


def test_the_closed_form_minimises_the_enumerated_loss():
    rng = np.random.default_rng(3)
    X, Y, q = rng.normal(size=(7, 4)), rng.normal(size=(7, 2)), 0.3
    W = dropout_linear_regression(X, Y, q)

    def enumerated(W):
        total = 0.0
        for mask in range(16):
            kept = np.array([mask >> k & 1 for k in range(4)])
            weight = q ** (4 - kept.sum()) * (1 - q) ** kept.sum()
            total = total + weight * np.sum(((X * kept / (1 - q)) @ W.T - Y) ** 2)
        return total

    assert np.max(np.abs(cr.grad(enumerated)(W))) < 1e-12
    plain = dropout_linear_regression(X, Y, 0.0)
    np.testing.assert_allclose(plain, np.linalg.lstsq(X, Y, rcond=None)[0].T, rtol=1e-10)
    wide = dropout_linear_regression(X[:3], Y[:3], 0.3)
    np.testing.assert_allclose(
        wide,
        Y[:3].T @ X[:3] @ np.linalg.inv(
            X[:3].T @ X[:3] + 0.3 / 0.7 * np.diag(np.sum(X[:3] ** 2, axis=0))
        ),
        rtol=1e-10,
    )  # fmt: skip
    units = np.array([1e-8, 1, 1e6, 1])
    np.testing.assert_allclose(dropout_linear_regression(X * units, Y, q) * units, W, rtol=1e-9)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: dropout_noise(1.0, 3, np.random.default_rng()), ValueError, "q is 1.0; expected"),
        (lambda: apply_dropout([1.0], -0.1, np.random.default_rng()), ValueError, "q is -0.1"),
        (lambda: apply_dropout([np.nan], 0.1, np.random.default_rng()), ValueError, "h holds NaN"),
        (lambda: exact_dropout_expectation(cubes, np.ones(21), 0.5), ValueError, "2\\^21 masks"),
        (lambda: exact_dropout_expectation(cubes, [[1.0]], 0.5), ValueError, "h has shape"),
        (lambda: dropout_second_order(cubes, [1.0], 1), ValueError, "q is 1"),
        (lambda: dropout_linear_penalty([[1.0, 2.0]], [1.0], 0.5), ValueError, "W has shape"),
        (lambda: dropout_linear_regression([[1.0]], [[1.0], [2.0]], 0.1), ValueError, "equally"),
        (
            lambda: dropout_linear_regression([[1.0, 2.0]], [[1.0]], 0),
            ValueError,
            "XᵀX is singular: 2 inputs, of which only 1 are independent in 1 rows. Choose q > 0",
        ),
        (
            lambda: dropout_linear_regression([[1.0, 0.0]], [[1.0]], 0.5),
            ValueError,
            "Column 1 of X is 0 in all 1 rows",
        ),
    ],
)
def test_what_makes_no_dropout_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()
