"""Trainings on a parity: the data, the steps, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from tests.experiments.pages import claims_of

import chainrule as cr
from chainrule.experiments import parity as experiment
from chainrule.experiments import parity_training as training
from chainrule.experiments.experiment import ExperimentError
from chainrule.theory.parity import parity_label


def test_batches_are_uniform_bits_with_the_parity_of_those_selected():
    v = training.secret(5, 3)
    found = list(training.batches(v, 7, 450, np.random.default_rng(0)))
    assert len(found) == 450
    x, y = (np.concatenate(part) for part in zip(*found, strict=True))
    assert (x.shape, x.dtype, y.dtype) == ((3150, 5), np.float32, np.float32)
    np.testing.assert_array_equal(y, parity_label(v, x))
    assert np.all(np.abs(x.mean(axis=0) - 0.5) < 4 * 0.5 / np.sqrt(len(x)))
    points = np.unique(x @ (2.0 ** np.arange(5)))
    assert len(points) == 32


@pytest.mark.parametrize(
    ("scores", "params"),
    [
        (training.two_layer_scores, training.two_layers(4, 6, np.random.default_rng(1))),
        (training.deep_scores("relu"), training.deep(4, 6, 2, "relu", np.random.default_rng(1))),
        (
            training.deep_scores("sigmoid"),
            training.deep(4, 6, 3, "sigmoid", np.random.default_rng(1)),
        ),
    ],
)
def test_training_takes_the_steps_of_sgd_with_momentum(scores, params):
    v = training.secret(4, 2)
    curve = training.train(
        scores, params, v, np.random.default_rng(2), steps=12, batch_size=9, learning_rate=0.05,
        points=12,
    )  # fmt: skip
    gradient = cr.value_and_grad(training.hinge_risk(scores))
    w = {name: value.astype(float) for name, value in params.items()}
    b = {name: np.zeros_like(value) for name, value in w.items()}
    losses = []
    for x, y in training.batches(v, 9, 12, np.random.default_rng(2)):
        loss, grads = gradient(w, x.astype(float), y.astype(float))
        losses.append(loss)
        for name, g in grads.items():
            b[name] = 0.9 * b[name] + g
            w[name] = w[name] - 0.05 * b[name]
    assert curve.iterations == list(range(1, 13))
    np.testing.assert_allclose(curve.losses, losses, rtol=1e-4)


def test_training_does_not_change_where_it_began_and_reports_every_iteration():
    params = training.two_layers(4, 6, np.random.default_rng(1))
    before = {name: value.copy() for name, value in params.items()}
    seen = []
    training.train(
        training.two_layer_scores, params, training.secret(4, 2), np.random.default_rng(2),
        steps=25, points=4, progress=lambda steps, loss: seen.append(steps),
    )  # fmt: skip
    assert sum(seen) == 25
    assert all(np.array_equal(params[name], before[name]) for name in params)


def test_one_bit_is_learned_and_the_accuracy_says_so():
    params = training.two_layers(5, 50, np.random.default_rng(0))
    curve = training.train(
        training.two_layer_scores, params, training.secret(5, 1), np.random.default_rng(1),
        steps=1500,
    )  # fmt: skip
    assert curve.losses[-1] < 0.05
    assert curve.accuracy == 1.0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dimensions": (5, 10)}, "'ones' has 3 numbers for 2 dimensions"),
        ({"ones": (3, 11, 5)}, "A v of 10 bits cannot have 11 ones; choose 1 to 10"),
        ({"sparse_ones": (2, 31)}, "A v of 30 bits cannot have 31 ones"),
    ],
)
def test_numbers_of_ones_that_do_not_fit_are_refused(tmp_path, settings, message):
    with pytest.raises(ExperimentError, match=message):
        claims_of(experiment.EXPERIMENT, tmp_path / "run", settings=settings)
