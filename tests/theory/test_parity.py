"""Parity: exact networks by exhaustion, and the spread of the risk's gradient over all v."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import chainrule as cr
from chainrule.theory.parity import (
    ParityNetwork,
    binary_vectors,
    check_parity,
    minimal_units,
    parity_label,
    parity_network,
    printed_parity_network,
    tent_units,
)
from chainrule.theory.parity_gradients import (
    parity_gradient_decomposition,
    parity_gradient_spread,
    parity_parameters,
    parity_risk,
    parity_risk_gradient,
)


def drawn(d, k=8):
    """The network of the reference values."""
    rng = np.random.default_rng(d)
    W, b, alpha, beta = (rng.normal(size=shape) * 0.5 for shape in ((k, d), k, k, ()))
    return parity_parameters(W, b, alpha, beta)


def test_labels_count_the_selected_ones():
    assert binary_vectors(2).tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert parity_label([1, 0, 1], [1, 1, 1]) == 1
    assert parity_label([True, False], [[1, 1], [0, 1]]).tolist() == [-1, 1]


@pytest.mark.parametrize("d", range(1, 11))
def test_both_constructions_are_exact_for_every_v_and_x(d):
    for construction, units in (("tent", tent_units), ("minimal", minimal_units)):
        found = check_parity(lambda v, c=construction: parity_network(v, c), d)
        assert (found.wrong, found.wrong_sign, found.largest_error) == (0, 0, 0.0)
        assert (found.pairs, found.first) == (4**d, None)
        ones = parity_network(np.ones(d), construction)
        assert len(ones.alpha) == units(d) == ones.units
    assert minimal_units(d) == (d if d <= 3 else d - 1)
    assert tent_units(d) == 3 * (d // 2 + 1)


@pytest.mark.parametrize("d", range(1, 9))
def test_the_printed_parameters_fail_for_one_pair_and_truncations_suffice(d):
    printed = check_parity(lambda v: printed_parity_network(v, 10 * d), d)
    assert (printed.wrong, printed.wrong_sign) == (1, 1)
    assert printed.first == ((1,) * d, (1,) * d)
    assert printed.largest_error == (2 if d % 2 == 0 else 6)
    used = next(
        used
        for used in itertools.count()
        if not check_parity(lambda v, n=used: printed_parity_network(v, 10 * d, n), d).wrong
    )
    assert used == (3, 4, 6, 7, 9, 10, 12, 13)[d - 1]


def test_networks_are_exact_in_single_precision():
    x = binary_vectors(9).astype(np.float32)
    for construction in ("tent", "minimal"):
        network = parity_network(np.ones(9), construction)
        single = ParityNetwork(
            *(np.float32(part) for part in (network.W, network.b, network.alpha)),
            np.float32(network.beta),
        )
        f = single(x)
        assert f.dtype == np.float32
        assert np.array_equal(f, parity_label(np.ones(9), x))


def test_spare_units_are_silent():
    network = parity_network([1, 1, 0], k=30)
    assert network.W.shape == (30, 3)
    assert network.units == 6
    assert not np.any(network.b[6:])
    assert not check_parity(lambda v: parity_network(v, "minimal", k=7), 3).wrong


def test_the_sum_of_signed_errors_passes_a_constant_network():
    # The hand-out's own test; check_parity is not fooled.
    nothing = ParityNetwork(np.zeros((1, 3)), np.zeros(1), np.zeros(1), 0.0)
    x = binary_vectors(3)
    assert np.sum(nothing(x) - parity_label([1, 0, 1], x)) == 0
    assert check_parity(lambda v: nothing, 3).wrong == 64


@pytest.mark.parametrize(
    ("d", "spread"),
    [
        (2, 1.06091519349),
        (3, 0.693220967213),
        (4, 0.250526324896),
        (5, 0.0728978778662),
        (6, 0.0793239886075),
        (7, 0.0316137366308),
        (8, 0.0254561289773),
    ],
)
def test_the_spread_is_what_parseval_says_and_below_the_bound(d, spread):
    found = parity_gradient_spread(drawn(d))
    assert found.spread == pytest.approx(spread, rel=1e-11)
    assert found.spread == pytest.approx(found.from_g, rel=1e-12)
    assert found.spread <= found.bound
    network = drawn(d)
    gradients = np.array([parity_risk_gradient(network, v) for v in binary_vectors(d)])
    a, g = parity_gradient_decomposition(network)
    assert np.mean(np.sum((gradients - a) ** 2, axis=1)) == pytest.approx(spread, rel=1e-11)
    mean = gradients.mean(axis=0)
    np.testing.assert_allclose(mean, a + g[0] / 2**d, atol=1e-14)
    assert np.linalg.norm(mean - a) > 1e-3 * np.linalg.norm(a)
    variance = np.mean(np.sum((gradients - mean) ** 2, axis=1))
    assert variance == pytest.approx(found.variance, rel=1e-10)


@pytest.mark.parametrize("d", [2, 5])
def test_the_gradient_is_the_engines_and_decomposes(d):
    network, x = drawn(d), binary_vectors(d)
    a, g = parity_gradient_decomposition(network)

    def risk(W, b, alpha, beta, y):
        f = np.maximum(x @ W.T + b, 0) @ alpha + beta
        return np.mean(np.maximum(1 - f * y, 0))

    for v in x:
        y = parity_label(v, x)
        mine = parity_risk_gradient(network, v)
        assert parity_risk(network, v) == pytest.approx(
            float(risk(network.W, network.b, network.alpha, network.beta, y)), rel=1e-14
        )
        parts = cr.grad(risk, argnums=(0, 1, 2, 3))(
            network.W, network.b, network.alpha, network.beta, y
        )
        np.testing.assert_allclose(
            mine, np.concatenate([np.ravel(part) for part in parts]), atol=1e-15
        )
        np.testing.assert_allclose(mine, a + np.mean(y[:, None] * g, axis=0), atol=1e-14)


def test_at_an_exact_network_the_gradient_vanishes():
    # Every f·y is exactly 1, where the derivative of the hinge loss is taken as 0.
    v = [1, 0, 1, 1]
    network = parity_network(v)
    assert parity_risk(network, v) == 0
    assert not np.any(parity_risk_gradient(network, v))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: parity_network([1, 2]), ValueError, "v holds entries other than 0 and 1"),
        (lambda: parity_network([[1, 0]]), ValueError, "v has shape"),
        (lambda: parity_network([]), ValueError, "v is empty"),
        (lambda: parity_network([1, 1], k=5), ValueError, "k is 5; .* takes 6 units"),
        (lambda: parity_network([1] * 5, "minimal", 3), ValueError, "k is 3; .* takes 4 units"),
        (lambda: parity_network([1], "bump"), ValueError, "construction is 'bump'"),
        (lambda: parity_network([1], k=1.5), TypeError, "k is 1.5"),
        (lambda: printed_parity_network([1] * 4, 5), ValueError, "at least 3d/2 = 6"),
        (lambda: parity_label([1, 0], [1, 0, 1]), ValueError, "expected x of 2 columns"),
        (lambda: parity_label([1], [0.5]), ValueError, "x holds entries"),
        (lambda: binary_vectors(21), ValueError, "d is 21, with 2\\^21"),
        (lambda: binary_vectors(0), ValueError, "d is 0"),
        (lambda: parity_parameters([[1.0]], [1.0, 2.0], [1.0], 0), ValueError, "W, b and alpha"),
        (lambda: parity_parameters([[1.0]], [1.0], [np.nan], 0), ValueError, "alpha holds NaN"),
        (lambda: parity_risk_gradient(drawn(2), [1, 0, 1]), ValueError, "v has shape"),
    ],
)
def test_what_is_no_parity_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()
