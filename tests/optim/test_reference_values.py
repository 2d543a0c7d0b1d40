"""Optimizers against frozen iterates and closed forms, which need no other library."""

import numpy as np
import pytest

from chainrule import optim

KERAS_ADAGRAD = {"epsilon": 1e-7, "initial_accumulator": 0.1, "epsilon_in_root": True}


def iterates(optimizer, gradient, w, steps):
    """w_1, w_2, … of an optimizer; the gradient is taken where the optimizer asks."""
    state, found = optimizer.init(w), []
    for _ in range(steps):
        g = gradient(optimizer.gradient_point(state, w))
        w, state = optimizer.update(g, state, w)
        found.append(w)
    return np.array(found)


# ½ (w₁² + 10 w₂²) from (1, 1): iterates 1, 2, 3
ELONGATED = [
    (optim.gradient_descent(0.05), [(0.95, 0.5), (0.9025, 0.25), (0.857375, 0.125)]),
    (
        optim.adagrad(0.5),
        [
            (0.50000000005, 0.500000000005),
            (0.2763932023021325, 0.27639320225523223),
            (0.15639873606768326, 0.15639873602855917),
        ],
    ),
    (
        optim.adagrad(0.5, **KERAS_ADAGRAD),
        [
            (0.5232687270468066, 0.5002498129057389),
            (0.30004959939923814, 0.276643059810211),
            (0.17605115206886393, 0.15660291336389753),
        ],
    ),
    (
        optim.adam(0.1),
        [
            (0.900000001, 0.9000000001),
            (0.8004122297123382, 0.8004122278753567),
            (0.701586274504415, 0.7015862716993226),
        ],
    ),
    (
        optim.adam(0.1, epsilon=1e-7, epsilon_hat=True),
        [
            (0.900000316226766, 0.9000000316227666),
            (0.8004127762155153, 0.8004122825258162),
            (0.7015870148647835, 0.7015863457355402),
        ],
    ),
]

# ½ w² from 1, η = 0.1, ρ = 0.9: iterates 1 to 5
PARABOLA = [
    (optim.sgd(0.1), [0.9, 0.81, 0.729, 0.6561, 0.59049]),
    (optim.momentum(0.1), [0.9, 0.72, 0.486, 0.2268, -0.02916]),
    (optim.momentum(0.1, rate_in_velocity=True), [0.9, 0.72, 0.486, 0.2268, -0.02916]),
    (optim.nesterov(0.1), [0.81, 0.5751, 0.327321, 0.0938879100, -0.1045816839]),
    (
        optim.nesterov(0.1, rate_in_velocity=True),
        [0.81, 0.5751, 0.327321, 0.0938879100, -0.1045816839],
    ),
    (
        optim.nesterov(0.1, iterate="lookahead"),
        [0.9, 0.729, 0.51759, 0.2945889, 0.0844991190],
    ),
    (
        optim.nesterov(0.1, iterate="lookahead", rate_in_velocity=True),
        [0.9, 0.729, 0.51759, 0.2945889, 0.0844991190],
    ),
]


@pytest.mark.parametrize(("optimizer", "expected"), ELONGATED)
def test_iterates_on_an_elongated_bowl(optimizer, expected):
    found = iterates(optimizer, lambda w: np.array([1.0, 10.0]) * w, np.ones(2), 3)
    np.testing.assert_allclose(found, expected, rtol=1e-14)


@pytest.mark.parametrize(("optimizer", "expected"), PARABOLA)
def test_iterates_on_a_parabola(optimizer, expected):
    found = iterates(optimizer, lambda w: w, np.array(1.0), 5)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_changing_rate_tells_the_two_momenta_apart():
    schedule = (0.1, 0.1, 0.01, 0.01).__getitem__
    for inside, expected in ((True, 0.3930119999999999), (False, 0.668574)):
        optimizer = optim.momentum(schedule, rate_in_velocity=inside)
        found = iterates(optimizer, lambda w: w, np.array(1.0), 4)[-1]
        np.testing.assert_allclose(found, expected, rtol=1e-14)


LEAST_X = np.array([[1.0, 1], [1, 2], [1, 3], [1, 4]])
LEAST_Y = np.array([1.0, 3, 2, 5])


def mean_square_gradient(w):
    return 2 / 4 * LEAST_X.T @ (LEAST_X @ w - LEAST_Y)


def test_gradient_descent_on_least_squares_is_its_closed_form():
    found = iterates(optim.gradient_descent(0.05), mean_square_gradient, np.zeros(2), 50)
    np.testing.assert_allclose(found[-1], [0.15775029, 1.04634567], atol=5e-9)
    hessian = 2 / 4 * LEAST_X.T @ LEAST_X
    best = np.array([0.0, 1.1])
    for t, w in enumerate(found, start=1):
        expected = best + np.linalg.matrix_power(np.eye(2) - 0.05 * hessian, t) @ (0 - best)
        np.testing.assert_allclose(w, expected, rtol=1e-12, atol=1e-13)


def test_gradient_descent_diverges_above_two_over_the_largest_eigenvalue():
    limit = 0.11975610662865498
    for rate, smaller in ((0.99 * limit, True), (1.01 * limit, False)):
        found = iterates(optim.gradient_descent(rate), mean_square_gradient, np.zeros(2), 400)
        distance = np.linalg.norm(found[-1] - [0, 1.1])
        assert (distance < 1) == smaller


def test_one_epoch_of_sgd_in_order():
    optimizer, w = optim.sgd(0.05), np.zeros(2)
    state = optimizer.init(w)
    for x, y in zip(LEAST_X, LEAST_Y, strict=True):
        w, state = optimizer.update(2 * (x @ w - y) * x, state, w)
    np.testing.assert_allclose(w, [0.5857, 1.5318], rtol=1e-13)
    assert state.steps == 4


@pytest.mark.parametrize(
    ("method", "limit"),
    [
        (optim.sgd, 2.0),
        (optim.momentum, 3.8),
        (optim.nesterov, 1.3571428571428572),
    ],
)
def test_stability_limits(method, limit):
    # ηλ = 2, 2 (1 + ρ) and (2 + 2ρ) / (1 + 2ρ), with λ = 1 and ρ = 0.9
    for factor, bounded in ((0.99, True), (1.01, False)):
        optimizer = method(factor * limit)
        last = iterates(optimizer, lambda w: w, np.array(1.0), 3000)[-1]
        assert (abs(last) < 1) == bounded


def test_convergence_rates_of_the_momenta_are_the_spectral_radii():
    # companion matrices at ηλ = 0.1, ρ = 0.9: √ρ and √(ρ (1 - ηλ))
    for optimizer, radius in (
        (optim.momentum(0.1), 0.9486832980505138),
        (optim.nesterov(0.1), 0.9),
    ):
        w = np.abs(iterates(optimizer, lambda w: w, np.array(1.0), 600))
        growth = (np.max(w[500:]) / np.max(w[100:200])) ** (1 / 400)
        np.testing.assert_allclose(growth, radius, rtol=2e-3)


@pytest.mark.parametrize("inside", [False, True])
def test_framework_iterates_are_the_lookahead_points_of_the_textbook(inside):
    options = {"rate_in_velocity": inside}
    textbook = optim.nesterov(0.1, iterate="lookahead", **options)
    w = np.array([1.0, -2.0])
    state, points = textbook.init(w), []
    for _ in range(200):
        w, state = textbook.update(textbook.gradient_point(state, w), state, w)
        points.append(textbook.gradient_point(state, w))
    found = iterates(optim.nesterov(0.1, **options), lambda w: w, np.array([1.0, -2.0]), 200)
    np.testing.assert_allclose(found, points, atol=1e-15)


@pytest.mark.parametrize(
    "optimizer",
    [
        optim.momentum(0.1, 0.0),
        optim.momentum(0.1, 0.0, rate_in_velocity=True),
        optim.nesterov(0.1, 0.0),
        optim.nesterov(0.1, 0.0, rate_in_velocity=True),
        optim.nesterov(0.1, 0.0, iterate="lookahead"),
    ],
)
def test_without_momentum_everything_is_gradient_descent(optimizer):
    w = np.array([1.0, -2.0])
    found = iterates(optimizer, np.sin, w, 20)
    np.testing.assert_allclose(found, iterates(optim.sgd(0.1), np.sin, w, 20), rtol=1e-14)


def test_first_step_of_adam_is_the_learning_rate_times_the_sign():
    g = np.array([1e-3, -5.0, 2e4])
    w, _ = optim.adam(0.1).update(g, optim.adam().init(g), np.zeros(3))
    np.testing.assert_allclose(w, -0.1 * np.sign(g), rtol=2e-5)


def test_the_two_epsilons_of_adam_are_one_up_to_the_correction():
    g, w, beta2 = np.array([1e-6, 3e-6]), np.ones(2), 0.999
    hat = optim.adam(0.1, epsilon=1e-7, epsilon_hat=True)
    state = hat.init(w)
    for t in range(1, 200):
        plain = optim.adam(0.1, epsilon=1e-7 / np.sqrt(1 - beta2**t))
        expected = plain.update(g, state, w)[0]
        w, state = hat.update(g, state, w)
        np.testing.assert_allclose(w, expected, rtol=1e-14)


def test_the_same_epsilon_in_the_two_places_gives_another_path():
    g = np.full(1, 1e-6)
    ends = [
        iterates(optim.adam(0.01, epsilon=1e-7, epsilon_hat=hat), lambda w: g, np.zeros(1), 199)[-1]
        for hat in (False, True)
    ]
    assert abs(ends[0] - ends[1]) > 0.3


@pytest.mark.parametrize("in_root", [False, True])
def test_rmsprop_is_its_definition(in_root):
    rng = np.random.default_rng(0)
    gradients = rng.normal(size=(20, 3))
    optimizer = optim.rmsprop(
        0.1, decay=0.9, epsilon=1e-3, centered=True, rho=0.5, initial_square=0.2,
        epsilon_in_root=in_root,
    )  # fmt: skip
    w, s, m, v = np.ones(3), np.full(3, 0.2), np.zeros(3), np.zeros(3)
    ours, state = w, optimizer.init(w)
    for g in gradients:
        s = 0.9 * s + 0.1 * g**2
        m = 0.9 * m + 0.1 * g
        v = 0.5 * v + g / (np.sqrt(s - m**2 + 1e-3) if in_root else np.sqrt(s - m**2) + 1e-3)
        w = w - 0.1 * v
        ours, state = optimizer.update(g, state, ours)
        np.testing.assert_allclose(ours, w, rtol=1e-13)
    np.testing.assert_allclose([state.square, state.mean, state.velocity], [s, m, v], rtol=1e-12)


def test_a_centred_variance_that_rounds_below_0_stays_finite():
    optimizer, w = optim.rmsprop(0.1, centered=True), np.zeros(1, np.float32)
    state = optimizer.init(w)
    for _ in range(3000):
        w, state = optimizer.update(np.full(1, 1.1, np.float32), state, w)
    assert np.isfinite(w[0])


def test_epsilon_root_of_adam():
    g = np.array([0.3])
    w, _ = optim.adam(0.1, epsilon=1e-3, epsilon_root=0.2).update(
        g, optim.adam().init(g), np.zeros(1)
    )
    np.testing.assert_allclose(w, -0.1 * g / (np.sqrt(g**2 + 0.2) + 1e-3), rtol=1e-14)
