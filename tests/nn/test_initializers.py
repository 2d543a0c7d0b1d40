"""Initialisers: fans, moments, bounds, orthogonality, repeatability, and their errors."""

import math

import numpy as np
import pytest

from chainrule import nn
from chainrule.engine.errors import InvalidInput

SHAPE = (300, 200)  # fan-in 200, fan-out 300

SCALES = [
    (nn.he_normal, 2 / 200),
    (nn.he_uniform, 2 / 200),
    (nn.glorot_normal, 2 / 500),
    (nn.glorot_uniform, 2 / 500),
    (nn.lecun_normal, 1 / 200),
    (nn.lecun_uniform, 1 / 200),
    (nn.variance_scaling(3.0, "out", "normal"), 3 / 300),
    (nn.normal(0.3), 0.09),
    (nn.uniform(0.6), 0.12),
]
UNIFORM = [
    (nn.he_uniform, math.sqrt(6 / 200)),
    (nn.glorot_uniform, math.sqrt(6 / 500)),
    (nn.lecun_uniform, math.sqrt(3 / 200)),
    (nn.variance_scaling(1 / 3, "in", "uniform"), 1 / math.sqrt(200)),
    (nn.uniform(0.6), 0.6),
]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((300, 200), (200, 300)), ((8, 3, 5, 4), (60, 160)), ((1, 1), (1, 1)), ((6, 2, 3), (6, 18))],
)
def test_fans(shape, expected):
    assert nn.fans(shape) == expected


@pytest.mark.parametrize(("initializer", "variance"), SCALES)
def test_mean_and_variance(initializer, variance):
    W = initializer(np.random.default_rng(0), SHAPE)
    count = W.size
    assert abs(np.mean(W)) < 4 * math.sqrt(variance / count)
    # the variance of a sample variance is at most 2 σ⁴ / n, that of normal numbers
    assert abs(np.var(W) - variance) < 4 * variance * math.sqrt(2 / count)


@pytest.mark.parametrize(("initializer", "limit"), UNIFORM)
def test_bounds_of_uniform_weights(initializer, limit):
    W = initializer(np.random.default_rng(1), SHAPE)
    assert 0.999 * limit < np.max(np.abs(W)) <= limit


def test_a_convolution_counts_its_receptive_field():
    W = nn.he_normal(np.random.default_rng(2), (400, 10, 3, 3))
    assert abs(np.var(W) * 90 / 2 - 1) < 4 * math.sqrt(2 / W.size)


@pytest.mark.parametrize("shape", [(5, 5), (7, 3), (3, 7), (4, 2, 3, 3)])
def test_orthogonal_weights(shape):
    W = nn.orthogonal(1.5)(np.random.default_rng(3), shape)
    assert W.shape == shape
    singular = np.linalg.svd(W.reshape(shape[0], -1), compute_uv=False)
    np.testing.assert_allclose(singular, 1.5, rtol=1e-13)


def test_orthogonal_weights_are_uniform_in_sign():
    rng = np.random.default_rng(4)
    corners = [nn.orthogonal()(rng, (3, 3))[0, 0] for _ in range(2000)]
    # entries of a uniform orthogonal 3 x 3 matrix have mean 0 and variance 1/3
    assert abs(np.mean(corners)) < 4 / math.sqrt(3 * 2000)


@pytest.mark.parametrize("initializer", [s[0] for s in SCALES] + [nn.orthogonal(), nn.zeros])
def test_one_seed_is_one_network_in_every_dtype(initializer):
    double = initializer(np.random.default_rng(5), (4, 3))
    single = initializer(5, (4, 3), np.float32)
    assert double.dtype == np.float64
    assert single.dtype == np.float32
    np.testing.assert_array_equal(single, double.astype(np.float32))


def test_constants():
    np.testing.assert_array_equal(nn.constant(0.1)(0, (2,)), [0.1, 0.1])
    np.testing.assert_array_equal(nn.zeros(0, (2,), np.float32), np.zeros(2, np.float32))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.he_normal(0, (3,)), "weights need a shape"),
        (lambda: nn.he_normal(0, (3, 0)), "positive sizes"),
        (lambda: nn.orthogonal()(0, (3,)), "weights need a shape"),
        (lambda: nn.he_normal(None, (3, 2)), "a numpy.random.Generator or a seed, got None"),
        (lambda: nn.normal(0.1)("x", (3, 2)), "or a seed, got 'x'"),
        (lambda: nn.normal(0.1)(-1, (3, 2)), "or a seed, got -1"),
        (lambda: nn.normal(-1.0), "standard deviation must be at least 0, got -1.0"),
        (lambda: nn.uniform(float("nan")), "limit must be at least 0, got nan"),
        (lambda: nn.variance_scaling(0.0, "in", "normal"), "positive scale"),
        (lambda: nn.variance_scaling(1.0, "inner", "normal"), "'inner'"),
        (lambda: nn.variance_scaling(1.0, "in", "cauchy"), "got 'cauchy'"),
    ],
)
def test_errors(call, message):
    with pytest.raises(InvalidInput, match=message):
        call()
