"""Linear networks: factorisations, derivatives, global minima and critical points."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import chainrule as cr
from chainrule.theory.linear_critical_points import classify_critical_point, sufficient_condition
from chainrule.theory.linear_networks import (
    balancedness,
    best_error_of_rank,
    factorize_linear_network,
    is_global_minimizer,
    linear_network_global_minimum,
    linear_network_gradients,
    linear_network_hessian,
    linear_network_loss,
    linear_network_product,
    product_gradient,
)

X = [[1, 0], [0, 1], [1, 1], [2, -1]]
Y = [[1, 2], [0, 1], [3, 1], [1, -1]]
EYE, TWO_ONE = np.eye(2), np.diag([2.0, 1.0])


def loss(weights, x, y):
    product = weights[0]
    for W in weights[1:]:
        product = W @ product
    return np.sum((x @ product.T - y) ** 2) / 2


def random_network(rng):
    dims = [int(n) for n in rng.integers(1, 5, int(rng.integers(2, 6)))]
    n = int(rng.integers(1, 7))
    weights = [rng.normal(size=(b, a)) for a, b in itertools.pairwise(dims)]
    return weights, rng.normal(size=(n, dims[0])), rng.normal(size=(n, dims[-1]))


@pytest.mark.parametrize("balanced", [True, False])
def test_every_matrix_of_small_enough_rank_is_a_product(balanced):
    rng = np.random.default_rng(0)
    for _ in range(300):
        dims = [int(n) for n in rng.integers(1, 7, int(rng.integers(2, 7)))]
        rank = int(rng.integers(0, min(dims) + 1))
        W0 = rng.normal(size=(dims[-1], rank)) @ rng.normal(size=(rank, dims[0]))
        weights = factorize_linear_network(W0, dims, balanced=balanced)
        assert [W.shape for W in weights] == [(b, a) for a, b in itertools.pairwise(dims)]
        error = np.linalg.norm(linear_network_product(weights) - W0)
        assert error <= 1e-13 * max(np.linalg.norm(W0), 1)
        if balanced:
            assert balancedness(weights) <= 1e-12


def test_no_product_exceeds_the_rank_of_the_narrowest_layer():
    rng = np.random.default_rng(1)
    for _ in range(300):
        weights, _, _ = random_network(rng)
        narrowest = min(weights[0].shape[1], *(len(W) for W in weights))
        assert np.linalg.matrix_rank(linear_network_product(weights)) <= narrowest


def test_too_large_a_rank_is_refused_with_the_best_error_there_is():
    W0 = np.array([[2.0, 0, 0], [0, 1.0, 0]])
    assert best_error_of_rank(W0, 1) == pytest.approx(1.0)
    with pytest.raises(ValueError, match=r"rank 2 .* allow rank 1; .* is 1 away"):
        factorize_linear_network(W0, (3, 1, 2))
    # The tolerance decides what counts as rank.
    W0[1, 1] = 1e-3
    assert len(factorize_linear_network(W0, (3, 1, 2), rtol=1e-2)) == 2
    assert np.array_equal(factorize_linear_network(W0, (3, 2))[0], W0)


def test_loss_gradients_and_hessian_agree_with_the_engine():
    rng = np.random.default_rng(2)
    for _ in range(60):
        weights, x, y = random_network(rng)
        assert linear_network_loss(weights, x, y) == pytest.approx(loss(weights, x, y), rel=1e-13)
        expected = cr.grad(loss)(weights, x, y)
        scale = max(1.0, *(float(np.abs(g).max()) for g in expected))
        for mine, other in zip(linear_network_gradients(weights, x, y), expected, strict=True):
            np.testing.assert_allclose(mine, other, atol=1e-12 * scale)
        W = linear_network_product(weights)
        np.testing.assert_allclose(
            product_gradient(W, x, y), cr.grad(lambda W, x, y: loss([W], x, y))(W, x, y), atol=1e-11
        )

        def of_vector(vector, shapes, x, y):
            parts, start = [], 0
            for shape in shapes:
                stop = start + shape[0] * shape[1]
                parts.append(np.reshape(vector[start:stop], shape))
                start = stop
            return loss(parts, x, y)

        vector = np.concatenate([W.ravel() for W in weights])
        shapes = tuple(W.shape for W in weights)
        expected = cr.hessian(lambda v, x=x, y=y, s=shapes: of_vector(v, s, x, y))(vector)
        mine = linear_network_hessian(weights, x, y)
        np.testing.assert_allclose(mine, expected, atol=1e-11 * max(1, np.abs(expected).max()))


@pytest.mark.parametrize(
    ("k", "least"), [(0, 9.0), (1, 3.2089093432010953), (2, 87 / 34), (3, 87 / 34)]
)
def test_global_minimum_with_and_without_bottleneck(k, least):
    found = linear_network_global_minimum(X, Y, (2, k, 2))
    assert found.loss == pytest.approx(least, rel=1e-14)
    assert linear_network_loss([found.W], X, Y) == pytest.approx(least, rel=1e-14)
    if k == 1:
        np.testing.assert_allclose(
            found.W,
            [[1.0506279006895158, 1.2842491857689828], [0.5806434561339937, 0.7097573605963496]],
            rtol=1e-12,
        )
        # At the bottleneck the condition W̄XᵀX = YᵀX is not necessary.
        assert np.linalg.norm(product_gradient(found.W, X, Y)) == pytest.approx(2.6189, abs=5e-5)
    if k >= 2:
        np.testing.assert_allclose(found.W, np.array([[20, 18], [6, 19]]) / 17, rtol=1e-13)


def alternating_least_squares(x, y, k, rng):
    A = rng.normal(size=(x.shape[1], k))
    for _ in range(3000):
        B = np.linalg.lstsq(x @ A, y, rcond=None)[0]
        A = np.linalg.lstsq(x, y @ np.linalg.pinv(B), rcond=None)[0]
    return np.sum((x @ A @ B - y) ** 2) / 2


@pytest.mark.parametrize("k", [1, 2, 3])
def test_reduced_rank_minimum_agrees_with_alternating_least_squares(k):
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(20, 4)), rng.normal(size=(20, 3))
    least = linear_network_global_minimum(x, y, (4, k, 3)).loss
    found = min(alternating_least_squares(x, y, k, rng) for _ in range(3))
    assert found == pytest.approx(least, rel=1e-10)


def test_the_minimum_is_unique_in_loss_but_not_in_weights_where_data_are_few():
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(2, 4)), rng.normal(size=(2, 3))
    least = linear_network_global_minimum(x, y, (4, 3))
    assert least.loss == pytest.approx(0, abs=1e-28)
    other = least.W + np.outer(np.ones(3), np.linalg.svd(x)[2][-1])
    assert is_global_minimizer([other], x, y)
    assert np.linalg.norm(product_gradient(other, x, y)) < 1e-13
    assert not is_global_minimizer([other + 0.1], x, y)
    assert is_global_minimizer([np.zeros((3, 4))], x, np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("weights", "kind", "value", "eigenvalues", "order"),
    [
        ([np.zeros((2, 2))] * 2, "strict saddle", 2.5, [-2, -2, -1, -1, 1, 1, 2, 2], 2),
        ([np.zeros((2, 2))] * 3, "degenerate saddle", 2.5, [0] * 12, 3),
        ([np.diag([2**0.5, 0])] * 2, "strict saddle", 0.5, [-1, 0, 0, 0, 1, 1, 3, 4], 2),
        ([np.diag([0, 1.0])] * 2, "strict saddle", 2.0, [-2, -1, 0, 0, 0, 2, 2, 3], 2),
        (
            [np.diag([2 ** (1 / 3), 0])] * 3,
            "degenerate saddle",
            0.5,
            [*[0] * 9, 1.259921, 3.7797631, 7.559526],
            3,
        ),
        ([np.diag([2**0.5, 1])] * 2, "global minimum", 0.0, [0, 0, 0, 0, 2, 3, 3, 4], None),
        ([TWO_ONE], "global minimum", 0.0, [1, 1, 1, 1], None),
        ([np.eye(2)] * 2, "not critical", 0.5, None, None),
        ([np.zeros((2, 2))] * 4, "degenerate saddle", 2.5, [0] * 16, 4),
    ],
)
def test_critical_points_of_the_two_by_two_network(weights, kind, value, eigenvalues, order):
    found = classify_critical_point(weights, EYE, TWO_ONE)
    assert found.kind == kind
    assert found.loss == pytest.approx(value, abs=1e-14)
    assert found.optimum == pytest.approx(0, abs=1e-28)
    if eigenvalues is not None:
        np.testing.assert_allclose(found.eigenvalues, eigenvalues, atol=1e-6)
    if order is None:
        assert found.descent is None
        return
    # The way down is one: evaluated by hand, at its step and ever closer to the point.
    way = found.descent
    assert way.order == order
    assert way.coefficient < 0
    for t in (way.step, way.step / 4, way.step / 16):
        moved = [W + t * D for W, D in zip(weights, way.direction, strict=True)]
        drop = loss(moved, EYE, TWO_ONE) - value
        assert drop < 0
    assert drop == pytest.approx(way.coefficient * t**order, rel=0.2)


def test_a_bottleneck_makes_saddles_at_every_wrong_choice_of_singular_pairs():
    x, y = np.eye(3), np.diag([3.0, 2.0, 1.0])
    kinds = []
    for i in range(3):
        e = np.zeros((1, 3))
        e[0, i] = 1
        kinds.append(classify_critical_point([e, y @ e.T], x, y).kind)
    assert kinds == ["global minimum", "strict saddle", "strict saddle"]


def test_a_singular_bottlenecked_point_without_a_way_down_is_left_open(monkeypatch):
    from chainrule.theory import linear_critical_points as module

    monkeypatch.setattr(module, "_way_down", lambda *_: None)
    weights = [np.zeros((1, 3)), np.zeros((1, 1)), np.zeros((3, 1))]
    x, y = np.eye(3), np.diag([3.0, 2.0, 1.0])
    assert classify_critical_point(weights, x, y).kind == "non-global critical point"
    square = [np.zeros((3, 3))] * 3
    assert classify_critical_point(square, x, y).kind == "degenerate saddle"


@pytest.mark.parametrize("layers", [3, 4])
def test_ways_down_are_found_among_random_directions_too(layers, monkeypatch):
    from chainrule.theory import linear_critical_points as module

    monkeypatch.setattr(module, "_kernel", lambda A, B: np.empty((0, len(A))))
    weights = [np.zeros((2, 2))] * layers
    way = classify_critical_point(weights, EYE, TWO_ONE).descent
    assert way.order == layers
    assert way.coefficient < 0
    moved = [way.step / 8 * D for D in way.direction]
    assert loss(moved, EYE, TWO_ONE) < 2.5


def test_the_bound_behind_the_sufficient_condition_holds_everywhere():
    rng = np.random.default_rng(5)
    for _ in range(100):
        layers, d = int(rng.integers(1, 5)), int(rng.integers(1, 5))
        weights = [rng.normal(size=(d, d)) for _ in range(layers)]
        found = sufficient_condition(weights, rng.normal(size=(6, d)), rng.normal(size=(6, d)))
        assert found.all_invertible
        assert found.layer == 1
        assert all(found.gradient <= bound * (1 + 1e-9) for bound in found.bounds)


def test_one_singular_layer_still_suffices_and_two_do_not():
    singular = np.diag([1.0, 0.0])
    one = sufficient_condition([TWO_ONE, singular, EYE], EYE, TWO_ONE)
    assert (one.all_invertible, one.layer) == (False, 2)
    assert np.isinf(one.bounds[0])
    assert np.isinf(one.bounds[2])
    two = sufficient_condition([singular, singular, EYE], EYE, TWO_ONE)
    assert (two.all_invertible, two.layer) == (False, None)
    # A critical point with an invertible network on both sides of layer 2 is a global minimum.
    point = [EYE, singular, EYE]
    data = np.diag([1.0, 0.0])
    assert classify_critical_point(point, EYE, data).kind == "global minimum"


def test_single_precision_is_kept():
    weights = [W.astype(np.float32) for W in (EYE, TWO_ONE)]
    x, y = EYE.astype(np.float32), TWO_ONE.astype(np.float32)
    assert linear_network_gradients(weights, x, y)[0].dtype == np.float32
    assert linear_network_hessian(weights, x, y).dtype == np.float32
    assert factorize_linear_network(x, (2, 2, 2))[0].dtype == np.float32


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: factorize_linear_network(EYE, (2,)), ValueError, "dims is"),
        (lambda: factorize_linear_network(EYE, (2, 3)), ValueError, "expected dims from 2 to 2"),
        (lambda: factorize_linear_network(EYE, (2, 0, 2)), ValueError, r"dims\[1\] is 0"),
        (lambda: factorize_linear_network(EYE, (2, 1.5, 2)), TypeError, r"dims\[1\] is 1.5"),
        (lambda: factorize_linear_network([1.0], (1, 1)), ValueError, "W0 has shape"),
        (lambda: linear_network_product([]), ValueError, "weights is empty"),
        (lambda: linear_network_product([EYE, np.eye(3)]), ValueError, "W1 has shape .* W2 has"),
        (lambda: linear_network_loss([EYE], EYE, np.eye(3)), ValueError, "equally many rows"),
        (lambda: linear_network_loss([np.eye(3)], EYE, EYE), ValueError, "as many columns in W1"),
        (lambda: linear_network_loss([EYE], [[np.nan, 1]], [[1, 1]]), ValueError, "X holds NaN"),
        (lambda: linear_network_loss([EYE], np.empty((0, 2)), EYE), ValueError, "X is empty"),
        (lambda: linear_network_loss([EYE * 1j], EYE, EYE), TypeError, "W1 has dtype complex"),
        (lambda: linear_network_global_minimum(X, Y, (3, 2)), ValueError, "begin with 2"),
        (
            lambda: sufficient_condition([np.ones((1, 2)), np.ones((2, 1))], EYE, EYE),
            ValueError,
            "expected square layers",
        ),
    ],
)
def test_shapes_that_do_not_fit_are_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()
