"""SGD: bounds for any steps, closed forms by schedule, exact moments and simulation below them."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from chainrule.theory.stochastic_gradient import (
    cosine_problem,
    exact_sgd_moments,
    partial_zeta,
    quadratic_problem,
    schedule,
    sgd_bound,
    sgd_bound_schedule,
    simulate_sgd,
)

COSINE = cosine_problem()


@pytest.mark.parametrize(
    ("kind", "alpha", "bounds"),
    [
        ("constant", 0.1, [1.1, 0.2, 0.11, 0.101, 0.10001]),
        ("3/4", 1.0, [0.796709241, 0.370014729, 0.186256220, 0.098261844, 0.029340757]),
        ("1/2", 1.0, [0.782507448, 0.332840741, 0.137303113, 0.054333402, 0.007701985]),
    ],
)
def test_closed_forms_at_the_reference_times_and_against_the_sum(kind, alpha, bounds):
    times = (10, 100, 1000, 10**4, 10**6)
    for t, bound in zip(times, bounds, strict=True):
        assert sgd_bound_schedule(kind, t, alpha=alpha) == pytest.approx(bound, abs=6e-10)
        summed = sgd_bound(1, 1, 2, schedule(kind, t, alpha)).smallest
        assert sgd_bound_schedule(kind, t, alpha=alpha) == pytest.approx(summed, rel=1e-12)


@pytest.mark.parametrize(
    ("s", "limit"), [(0.75, -3.44128538694522), (1.5, 2.61237534868549), (0.5, -1.46035450880959)]
)
def test_partial_sums_approach_the_zeta_function(s, limit):
    t = 10**12
    rest = t ** (1 - s) / (1 - s) + t**-s / 2
    assert partial_zeta(s, t) - rest == pytest.approx(limit, rel=1e-9)


def test_harmonic_numbers():
    assert partial_zeta(1, 10**9) == pytest.approx(math.log(10**9) + np.euler_gamma, rel=1e-9)


def test_scaled_schedules_and_problems():
    for kind, alpha in (("3/4", 0.3), ("1/2", 2.0), ("constant", 0.05)):
        summed = sgd_bound(0.7, 3.0, 1.4, schedule(kind, 321, alpha)).smallest
        closed = sgd_bound_schedule(kind, 321, delta=0.7, C=2.1, alpha=alpha)
        assert closed == pytest.approx(summed, rel=1e-13)


def test_exact_moments_of_the_cosine_problem():
    moments = exact_sgd_moments(COSINE, [0.3] * 12)
    bound = COSINE.bound([0.3] * 12)
    assert moments.value[0] == pytest.approx(1.4161468365471424, rel=1e-15)
    assert moments.weighted_sum == pytest.approx(1.721349266044905, rel=1e-13)
    refined = moments.value[0] - moments.value[-1] + 12 * 0.3**2
    assert refined == pytest.approx(2.3931111768550988, rel=1e-13)
    assert moments.smallest == pytest.approx(0.18486767697639972, rel=1e-13)
    assert bound.smallest == pytest.approx(0.6933741212630953, rel=1e-13)
    assert moments.weighted_sum <= refined <= bound.weighted_sum
    assert moments.weighted_mean == pytest.approx(moments.weighted_sum / 3.6)


def test_enumeration_is_the_mean_over_every_path_walked_one_by_one():
    alphas = [0.5, 0.2, 0.9]
    values = []
    for path in itertools.product((-1, 1), repeat=3):
        w = 2.0
        for alpha, x in zip(alphas, path, strict=True):
            w -= alpha * (math.sin(w) + x)
        values.append(1 - math.cos(w))
    assert exact_sgd_moments(COSINE, alphas).value[-1] == pytest.approx(np.mean(values), rel=1e-14)


def test_simulation_agrees_with_enumeration():
    alphas = schedule("1/2", 8, 0.7)
    exact = exact_sgd_moments(COSINE, alphas)
    found = simulate_sgd(COSINE, alphas, 4000, np.random.default_rng(0))
    off = np.abs(found.squared_gradient - exact.squared_gradient)[1:]
    assert np.all(off <= 4 * found.squared_gradient_error[1:])
    assert np.all(np.abs(found.value - exact.value) < 0.05)


def test_the_literal_inequality_of_the_hand_out_fails_and_the_corrected_one_is_an_equality():
    problem, alpha = quadratic_problem(), 0.3
    w = np.array([problem.start])
    f, slope = problem.value(w)[0], np.sum(problem.gradient(w) ** 2)
    sampled = np.mean(
        [np.sum(problem.sampled_gradient(np.array([x]), w) ** 2) for x in problem.noise]
    )
    after = exact_sgd_moments(problem, [alpha]).value[1]
    literal = f - alpha * slope + alpha**2 * problem.lipschitz / 2 * slope
    corrected = f - alpha * slope + alpha**2 * problem.lipschitz / 2 * sampled
    assert after == pytest.approx(0.3145, rel=1e-12)
    assert literal == pytest.approx(0.2704, rel=1e-12)
    assert corrected == pytest.approx(after, rel=1e-12)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: sgd_bound(1, 1, 1, []), ValueError, "alphas is empty"),
        (lambda: sgd_bound(1, 1, 1, [0.1, 0]), ValueError, "alphas holds 0"),
        (lambda: sgd_bound(-1, 1, 1, [0.1]), ValueError, "delta is -1"),
        (lambda: sgd_bound(1, float("nan"), 1, [0.1]), ValueError, "L holds NaN"),
        (lambda: sgd_bound(1, 1, -2, [0.1]), ValueError, "sigma2 is -2"),
        (lambda: schedule("1/3", 3), ValueError, "kind is '1/3'; expected one of 'constant'"),
        (lambda: schedule("1/2", 0), ValueError, "t is 0"),
        (lambda: schedule("1/2", 3, 0), ValueError, "alpha is 0"),
        (lambda: sgd_bound_schedule("1/2", 2.0), TypeError, "t is 2.0"),
        (lambda: exact_sgd_moments(COSINE, [0.1] * 21), ValueError, "make 2,097,152 paths"),
        (lambda: simulate_sgd(COSINE, [0.1], 1, None), ValueError, "n_runs is 1"),
        (lambda: quadratic_problem().bound([0.1]), ValueError, "sigma2 holds NaN or infinity"),
    ],
)
def test_what_makes_no_bound_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()
