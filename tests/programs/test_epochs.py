"""Epochs of gradient descent: the numbers of a plain loop, whatever runs them."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from tests.programs.losses import LOSSES, examples, parameters, relu_network

import chainrule as cr
from chainrule.programs.epochs import SgdProgram

pytestmark = pytest.mark.filterwarnings("ignore::chainrule.UnusedInputWarning")
ORDER = np.array([3, 0, 12, 5, 1, 7, 11, 2, 4, 6, 8, 10, 9])


def plain_epoch(loss, params, data, order, batch_size, rate):
    """What an epoch means, written as a loop over the ordinary gradient."""
    gradient = cr.value_and_grad(loss)
    total = 0.0
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        value, slopes = gradient(params, *(array[chosen] for array in data))
        total += float(value) * len(chosen)
        params = {k: params[k] - params[k].dtype.type(rate) * slopes[k] for k in params}
    return total / len(order), params


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_an_epoch_is_the_plain_loop(name):
    loss, params, data = LOSSES[name], parameters(), examples()
    program = SgdProgram(loss, params)
    for batch_size in (5, 13, 20):
        mean = program.epoch(data, ORDER, batch_size, 0.01)
        expected, params = plain_epoch(loss, params, data, ORDER, batch_size, 0.01)
        np.testing.assert_allclose(mean, expected, rtol=1e-12)
        for key, value in params.items():
            np.testing.assert_allclose(program.params[key], value, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("batch_size", [1, 2, 6, 12, 13, 100])
def test_the_last_batch_is_as_large_as_it_is(batch_size):
    params, data = parameters(), examples()
    program = SgdProgram(relu_network, params)
    mean = program.epoch(data, ORDER, batch_size, 0.1)
    expected, params = plain_epoch(relu_network, params, data, ORDER, batch_size, 0.1)
    np.testing.assert_allclose(mean, expected, rtol=1e-13)
    np.testing.assert_allclose(program.params["w"], params["w"], rtol=1e-13)


def test_single_precision_stays_single():
    data = examples(dtype=np.float32)
    program = SgdProgram(relu_network, parameters(np.float32))
    mean = program.epoch(data, ORDER, 4, 0.1)
    expected, params = plain_epoch(relu_network, parameters(np.float32), data, ORDER, 4, 0.1)
    assert program.flat.dtype == np.float32
    assert type(mean) is float
    np.testing.assert_allclose(mean, expected, rtol=1e-6)
    np.testing.assert_allclose(program.params["w"], params["w"], rtol=1e-5)


def test_parameters_are_copied_and_can_be_set():
    params, data = parameters(), examples()
    kept = {name: np.copy(value) for name, value in params.items()}
    program = SgdProgram(relu_network, params)
    first = program.epoch(data, ORDER, 4, 0.1)
    for name, value in kept.items():
        np.testing.assert_array_equal(params[name], value)
    program.params["w"][...] = params["w"]
    program.flat[12:] = np.concatenate([np.ravel(params[k]) for k in ("b", "v", "s")])
    assert program.epoch(data, ORDER, 4, 0.1) == first


def test_data_are_left_alone_and_may_be_of_any_layout():
    x, y = examples()
    wide = np.empty((13, 6))
    wide[:, ::2] = x
    kept = wide.copy()
    results = []
    for data in ((x, y), (np.asfortranarray(x), y), (wide[:, ::2], y)):
        program = SgdProgram(relu_network, parameters())
        results.append(program.epoch(data, ORDER, 4, 0.1))
    assert len(set(results)) == 1
    np.testing.assert_array_equal(wide, kept)


def test_examples_may_come_more_than_once_or_not_at_all():
    data, order = examples(), np.array([1, 1, 1, 5], np.int32)
    program = SgdProgram(relu_network, parameters())
    mean = program.epoch(data, order, 3, 0.1)
    expected, params = plain_epoch(relu_network, parameters(), data, order, 3, 0.1)
    np.testing.assert_allclose(mean, expected, rtol=1e-13)
    np.testing.assert_allclose(program.params["v"], params["v"], rtol=1e-13)


def test_branches_within_an_epoch():
    def loss(p, x):
        z = x @ p["w"]
        return np.mean(z**2) if np.sum(x) > 0 else np.mean(np.abs(z))

    x, _ = examples()
    params = {"w": parameters()["w"]}
    program = SgdProgram(loss, params)
    for _ in range(2):
        mean = program.epoch((x,), ORDER, 3, 0.1)
        expected, params = plain_epoch(loss, params, (x,), ORDER, 3, 0.1)
        np.testing.assert_allclose(mean, expected, rtol=1e-12)
        np.testing.assert_allclose(program.params["w"], params["w"], rtol=1e-12)


def test_what_the_loss_closes_over_is_read_at_every_epoch():
    weight, strength = np.ones(4), 0.1
    params, data = parameters(), examples()

    def loss(p, x, y):
        return np.mean((x @ p["w"]) ** 2 * weight) + strength * np.sum(p["b"] ** 2)

    program = SgdProgram(loss, params)
    steps = []
    for number in range(5):
        weight *= 1.5
        strength = 0.1 + 0.1 * number
        mean = program.epoch(data, ORDER, 4, 0.1)
        expected, params = plain_epoch(loss, params, data, ORDER, 4, 0.1)
        np.testing.assert_allclose(mean, expected, rtol=1e-12)
        np.testing.assert_allclose(program.params["b"], params["b"], rtol=1e-12)
        steps.append(set(program._steps.values()))
    assert steps[1] == steps[4]  # a number that has changed once is an input from then on


def test_random_losses_are_refused():
    rng = np.random.default_rng(0)
    program = SgdProgram(lambda p, x: np.mean(x @ p) * rng.random(), np.ones(3))
    with pytest.raises(cr.InvalidInput, match="draws random numbers"):
        program.epoch((examples()[0],), ORDER, 4, 0.1)


def test_one_epoch_at_a_time():
    program = SgdProgram(relu_network, parameters())
    program._lock.acquire()
    failures = []

    def work():
        try:
            program.epoch(examples(), ORDER, 4, 0.1)
        except RuntimeError as error:
            failures.append(str(error))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    program._lock.release()
    assert failures == ["the program of relu_network is running already; make one for each thread."]


def test_explain():
    program = SgdProgram(relu_network, parameters())
    program.epoch(examples(), ORDER, 4, 0.1)
    text = program.explain()
    assert "relu_network: 21 parameters, float64" in text
    assert "batches of 4" in text
    assert "batches of 1" in text
    assert "us  " in text


GOOD = {"data": examples(), "order": ORDER, "batch_size": 4, "rate": 0.1}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"data": list(examples())}, "data must be a tuple of arrays.* got list"),
        ({"data": ()}, r"data must be a tuple of arrays.* got \(\)"),
        ({"data": (examples()[0], [1, 2])}, r"data\[1\] must be an array of examples, got list"),
        ({"data": (np.array(1.0),)}, r"data\[0\] must be an array of examples, got float64\[\]"),
        ({"data": (examples()[0], examples(12)[1])}, r"data\[1\] holds 12 examples, data\[0\] 13"),
        ({"order": [0.5]}, r"order must be a vector of numbers of examples, got float64\[1\]"),
        ({"order": np.zeros((2, 2), int)}, r"order must be a vector .* got int64\[2, 2\]"),
        ({"order": []}, "order must be a vector"),
        ({"order": [0, 13]}, "order names example 13, but there are 13, from 0"),
        ({"order": [0, -1]}, "order names example -1"),
        ({"batch_size": 0}, "batch_size must be a whole number >= 1, got 0"),
        ({"batch_size": 2.5}, "batch_size must be .* got 2.5"),
        ({"rate": "fast"}, "rate must be a finite number, got 'fast'"),
        ({"rate": np.nan}, "rate must be a finite number, got nan"),
    ],
)
def test_wrong_arguments(wrong, message):
    program = SgdProgram(relu_network, parameters())
    with pytest.raises(cr.InvalidInput, match=message):
        program.epoch(**{**GOOD, **wrong})


def test_wrong_losses():
    with pytest.raises(cr.InvalidInput, match="returned an array of shape"):
        SgdProgram(lambda p, x, y: x @ p["w"], parameters()).epoch(**GOOD)
    with pytest.raises(cr.InvalidInput, match="only floating-point arrays can be put together"):
        SgdProgram(relu_network, {"w": np.arange(3)})
