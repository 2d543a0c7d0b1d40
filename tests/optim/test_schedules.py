"""Schedules: numbers by hand, the assignment's own code, ends, and what is refused."""

import math

import numpy as np
import pytest

from chainrule import optim
from chainrule.engine.errors import InvalidInput


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (optim.constant(0.3), {0: 0.3, 10**6: 0.3}),
        (optim.constant(0), {0: 0.0}),
        (optim.exponential(0.5, 0.9), {0: 0.5, 1: 0.45, 2: 0.405}),
        (optim.exponential(0.5, 0.25, every=2), {0: 0.5, 1: 0.25, 2: 0.125, 3: 0.0625}),
        (optim.step_decay(0.5, 0.1, 3), {0: 0.5, 2: 0.5, 3: 0.05, 5: 0.05, 6: 0.005}),
        (optim.cosine(0.4, 6), {0: 0.4, 2: 0.3, 3: 0.2, 4: 0.1, 6: 0.0, 60: 0.0}),
        (optim.cosine(0.4, 4, 0.2), {0: 0.4, 2: 0.3, 4: 0.2, 5: 0.2}),
        (optim.power(0.6, 1), {0: 0.6, 1: 0.3, 2: 0.2}),
        (optim.power(1.0, 0.75), {0: 1.0, 15: 0.125}),
        (optim.power(2.0, 0), {0: 2.0, 7: 2.0}),
        # top at step 0.3 · 20 - 1 = 5
        (
            optim.one_cycle(0.1, 20, anneal="linear"),
            {0: 0.004, 5: 0.1, 19: 0.1 / 25e4, 99: 0.1 / 25e4, 12: (0.1 + 0.1 / 25e4) / 2},
        ),
        (
            optim.one_cycle(0.1, 20, initial_divisor=10, final_divisor=2),
            {0: 0.01, 5: 0.1, 12: 0.0525, 19: 0.005},
        ),
    ],
)
def test_numbers_by_hand(schedule, expected):
    for step, rate in expected.items():
        np.testing.assert_allclose(schedule(step), rate, rtol=1e-13, atol=1e-17)


def test_special_scheme():
    # N = 4 steps per epoch, epochs 4 (up to p = 2, down to p = 4), tail of 5
    schedule = optim.special(4, epochs=4)
    expected = {
        0: 0.0, 4: 0.05, 8: 0.1, 12: 0.0525, 16: 0.005, 26: 0.0025, 36: 0.0, 37: 0.0005,
        1000: 0.0005,
    }  # fmt: skip
    for step, rate in expected.items():
        np.testing.assert_allclose(schedule(step), rate, rtol=1e-13, atol=1e-17)


def test_special_scheme_has_no_jump_before_its_end():
    schedule = optim.special(1000)
    rates = np.array([schedule(step) for step in range(8001)])
    assert np.max(np.abs(np.diff(rates))) < 1e-4
    assert np.argmax(rates) == 1500
    assert np.all(rates >= 0)


def test_annealing_before_the_first_step_as_in_the_assignment():
    rate, found = 0.01, optim.exponential(0.01 * 0.99, 0.99)
    for step in range(200):
        rate *= 0.99
        np.testing.assert_allclose(found(step), rate, rtol=1e-12)


def test_power_laws_sum_as_their_zeta_functions():
    # Σ (k+1)^-3/4 over t = 10^4 terms is ζ(3/4) + 4 t^(1/4) + t^(-3/4)/2 up to O(t^(-7/4))
    total = math.fsum(map(optim.power(1.0, 0.75), range(10**4)))
    expected = -3.44128538694522 + 4 * 10 + 0.5 * 10**-3
    np.testing.assert_allclose(total, expected, rtol=1e-8)


def test_an_optimizer_follows_its_schedule_from_step_0():
    optimizer = optim.sgd(optim.power(1.0, 1.0))
    w, state = np.zeros(1), optimizer.init(np.zeros(1))
    for _ in range(3):
        w, state = optimizer.update(np.ones(1), state, w)
    np.testing.assert_allclose(w, -(1 + 1 / 2 + 1 / 3), rtol=1e-15)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: optim.constant(-1.0), "rate must be at least 0 and finite, got -1.0"),
        (lambda: optim.exponential(-1.0, 0.9), "initial must be at least 0"),
        (lambda: optim.exponential(1.0, 0.0), "factor must be positive and finite, got 0.0"),
        (lambda: optim.exponential(1.0, 0.9, 0), "every must be a positive whole number"),
        (lambda: optim.step_decay(1.0, 0.9, 2.5), "every must be a positive .* got 2.5"),
        (lambda: optim.step_decay(math.nan, 0.9, 2), "initial must be at least 0"),
        (lambda: optim.step_decay(1.0, -0.9, 2), "factor must be positive"),
        (lambda: optim.cosine(1.0, 0), "steps must be a positive whole number of steps, got 0"),
        (lambda: optim.cosine(1.0, 5, -1.0), "final must be at least 0"),
        (lambda: optim.cosine(-1.0, 5), "initial must be at least 0"),
        (lambda: optim.one_cycle(1.0, 3), "more than 3 steps"),
        (lambda: optim.one_cycle(1.0, 10, rise=1.0), "rise must be between 0 and 1"),
        (lambda: optim.one_cycle(1.0, 10, anneal="cubic"), "got 'cubic'"),
        (lambda: optim.one_cycle(1.0, 10, initial_divisor=0), "initial_divisor must be positive"),
        (lambda: optim.one_cycle(1.0, 10, final_divisor=-1), "final_divisor must be positive"),
        (lambda: optim.one_cycle(-1.0, 10), "maximum must be at least 0"),
        (lambda: optim.special(0), "steps_per_epoch must be a positive"),
        (lambda: optim.special(1, epochs=0), "epochs must be positive"),
        (lambda: optim.special(1, extra=0), "extra must be positive"),
        (lambda: optim.special(1, maximum=-1), "maximum must be at least 0"),
        (lambda: optim.special(1, final=-1), "final must be at least 0"),
        (lambda: optim.power(-1.0, 1.0), "initial must be at least 0"),
        (lambda: optim.power(1.0, -1.0), "exponent must be at least 0"),
    ],
)
def test_refused(call, message):
    with pytest.raises(InvalidInput, match=message):
        call()
