"""Runs trained at once give what `fit` gives for each, to rounding, or are trained by it."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from chainrule import nn, optim, training
from chainrule.engine.errors import InvalidInput

RNG = np.random.default_rng(0)
X = RNG.standard_normal((33, 3))
CLASSES = (X[:, 0] > X[:, 1]).astype(int) + (X[:, 2] > 1)
SIGNS = np.where(X[:, :1] > X[:, 1:2], 1.0, -1.0)


def network(outputs: int, *activations: object) -> nn.Sequential:
    layers: list[object] = []
    for number, activation in enumerate(activations):
        layers += [nn.Linear(4 if number else 3, 4), activation]
    return nn.Sequential(*layers, nn.Linear(4, outputs))


CASES = {
    "cross-entropy": (network(3, nn.tanh), nn.cross_entropy, CLASSES, optim.sgd(0.1)),
    "probabilities": (network(3, nn.relu), nn.cross_entropy, np.eye(3)[CLASSES], optim.sgd(0.1)),
    "hinge, adam": (network(1, nn.relu, nn.elu), nn.hinge, SIGNS, optim.adam(0.01)),
    "momentum": (network(1, nn.sigmoid), nn.huber, SIGNS, optim.momentum(0.05)),
    "nesterov": (network(1, nn.gelu), nn.absolute_error, SIGNS, optim.nesterov(0.05)),
    "adamw": (network(1, nn.softplus), nn.binary_cross_entropy, SIGNS > 0, optim.adamw(0.01)),
    "rmsprop": (
        network(1, functools.partial(nn.leaky_relu, slope=0.1)),
        functools.partial(nn.squared_error, reduction="half_sample_mean"), SIGNS,
        optim.rmsprop(0.01),
    ),
    "sum": (
        network(1, np.tanh), functools.partial(nn.squared_error, reduction="sum"), SIGNS,
        optim.adagrad(0.05),
    ),
    "schedule": (
        network(1, nn.tanh), functools.partial(nn.squared_error, reduction="mean"), SIGNS,
        optim.sgd(optim.exponential(0.2, 0.9, every=2)),
    ),
    "flatten": (
        nn.Sequential(nn.Flatten(), nn.Linear(3, 4), nn.tanh, nn.Linear(4, 3)), nn.cross_entropy,
        CLASSES, optim.sgd(0.1),
    ),
}  # fmt: skip


@pytest.mark.parametrize("order_seeds", [3, [3, 4, 3]], ids=["one order", "an order each"])
@pytest.mark.parametrize("name", CASES)
def test_each_run_is_that_of_fit(name: str, order_seeds: object) -> None:
    model, loss, targets, optimizer = CASES[name]
    options = {"loss": loss, "optimizer": optimizer, "epochs": 3, "batch_size": 8}
    many = training.train_many(
        model, (X, targets), seeds=[5, 6, 7], order_seeds=order_seeds, evaluate_train=True,
        validation=(X[:9], targets[:9]), at_once=True, **options,
    )  # fmt: skip
    assert many.runs_at_once == 3
    for k, seed in enumerate([5, 6, 7]):
        order = order_seeds if isinstance(order_seeds, int) else order_seeds[k]
        alone = training.fit(
            model, model.init(seed), (X, targets), seed=order, evaluate_train=True,
            validation=(X[:9], targets[:9]), norms=False, **options,
        )  # fmt: skip
        assert set(many.histories[k]) == set(alone.history)
        for column in alone.history:
            np.testing.assert_allclose(
                many.histories[k][column], alone.history[column], rtol=1e-10, err_msg=column
            )
        found = many.params[k]
        for layer, parameters in alone.params.items():
            for key, expected in parameters.items():
                np.testing.assert_allclose(found[layer][key], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("optimizer", [optim.sgd(9.0), optim.adam(9.0), optim.adamw(9.0)])
def test_learning_rates_differ_from_run_to_run(optimizer: optim.Optimizer) -> None:
    model, rates = network(3, nn.tanh), [0.01, 0.1, optim.exponential(0.2, 0.9, every=2)]
    options = {"loss": nn.cross_entropy, "epochs": 2, "batch_size": 8}
    many = training.train_many(
        model, (X, CLASSES), seeds=[1], learning_rates=rates, optimizer=optimizer, at_once=True,
        **options,
    )  # fmt: skip
    for k, rate in enumerate(rates):
        alone = training.fit(
            model, model.init(1), (X, CLASSES), schedule=rate, optimizer=optimizer, **options
        )
        for column in ("train_loss", "learning_rate"):
            np.testing.assert_allclose(many.column(column)[k], alone.history[column], rtol=1e-10)


@pytest.mark.parametrize("at_once", [True, False])
def test_a_run_that_diverges_is_marked_and_does_not_disturb_the_others(at_once: bool) -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.relu, nn.Linear(4, 1))
    options = {
        "loss": functools.partial(nn.squared_error, reduction="sum"), "optimizer": optim.sgd(1),
        "epochs": 4, "batch_size": 8, "at_once": at_once,
    }  # fmt: skip
    many = training.train_many(
        model, (X, SIGNS), seeds=[1], learning_rates=[1e-3, 1e200, 2e-3], **options
    )
    calm = training.train_many(model, (X, SIGNS), seeds=[1], learning_rates=[1e-3, 2e-3], **options)
    assert many.finite.tolist() == [True, False, True]
    np.testing.assert_allclose(
        many.column("train_loss")[[0, 2]], calm.column("train_loss"), rtol=1e-12
    )
    assert np.isnan(many.column("train_loss")[1]).all()
    assert np.isnan(many.params[1]["linear1"]["W"]).all()
    assert many.band("train_loss")["runs"].tolist() == [2, 2, 2, 2]


REASONS = [
    (network(3, nn.tanh), nn.cross_entropy, optim.chain(optim.clip_by_norm(1.0), optim.sgd(0.1)),
     "transforms gradients"),
    (network(3, nn.tanh), nn.cross_entropy, optim.nesterov(0.1, iterate="lookahead"),
     "another point"),
    (network(3, lambda z: z), nn.cross_entropy, optim.sgd(0.1), "<lambda>1|lambda1"),
    (network(3, nn.tanh), lambda p, y: nn.cross_entropy(p, y), optim.sgd(0.1), "loss is none"),
    (nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5)), nn.cross_entropy, optim.sgd(0.1), "dropout1"),
    (nn.Sequential(nn.Linear(3, 3), nn.Flatten()), nn.cross_entropy, optim.sgd(0.1), "flatten1"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "loss", "optimizer", "reason"), REASONS)
def test_what_has_no_stacked_form_is_trained_one_after_another(
    model: nn.Sequential, loss: object, optimizer: optim.Optimizer, reason: str
) -> None:
    options = {"loss": loss, "optimizer": optimizer, "epochs": 2, "batch_size": 8, "seeds": [1, 2]}
    many = training.train_many(model, (X, CLASSES), **options)
    assert many.runs_at_once == 1
    with pytest.raises(InvalidInput, match=reason):
        training.train_many(model, (X, CLASSES), at_once=True, **options)
    alone = training.fit(
        model, model.init(2), (X, CLASSES), loss=loss, optimizer=optimizer, epochs=2, batch_size=8
    )
    assert many.histories[1]["train_loss"].tolist() == alone.history["train_loss"].tolist()


def test_a_loss_function_is_trained_from_the_parameters_given() -> None:
    many = training.train_many(
        lambda w, x: np.mean((x - w) ** 2), np.ones(4), params=[np.array(0.0), np.array(3.0)],
        optimizer=optim.sgd(0.1), epochs=3, batch_size=4,
    )  # fmt: skip
    np.testing.assert_allclose(many.column("train_loss")[:, 1], [0.64, 4 * 0.64])
    assert "no Sequential" in many.notes[0]


def test_large_networks_are_trained_one_after_another_and_it_is_said() -> None:
    model = nn.Sequential(nn.Linear(3, 9000), nn.tanh, nn.Linear(9000, 3))
    options = {"loss": nn.cross_entropy, "optimizer": optim.sgd(0.1), "epochs": 1, "batch_size": 40}
    many = training.train_many(model, (X, CLASSES), seeds=[1, 2], **options)
    assert many.runs_at_once == 1
    assert many.notes == (
        "trained one after another: with 504,024 bytes of parameters that is faster",
    )
    small = training.train_many(model, (X, CLASSES), seeds=range(3), dtype=np.float32, **options)
    assert small.runs_at_once == 3


def test_many_runs_are_cut_into_stacks(monkeypatch: pytest.MonkeyPatch) -> None:
    model, options = network(3, nn.tanh), {"loss": nn.cross_entropy, "optimizer": optim.sgd(0.1)}
    whole = training.train_many(
        model, (X, CLASSES), seeds=range(5), epochs=1, batch_size=8, **options
    )
    monkeypatch.setattr("chainrule.training.many._STACK_BYTES", 600)
    parts = training.train_many(
        model, (X, CLASSES), seeds=range(5), epochs=1, batch_size=8, **options
    )
    assert (whole.runs_at_once, parts.runs_at_once) == (5, 2)
    np.testing.assert_allclose(parts.column("train_loss"), whole.column("train_loss"), rtol=1e-12)


def test_bands_are_mean_deviation_and_quantiles_over_runs() -> None:
    many = training.train_many(
        network(3, nn.tanh), (X, CLASSES), loss=nn.cross_entropy, optimizer=optim.sgd(0.1),
        epochs=2, batch_size=8, seeds=range(6),
    )  # fmt: skip
    band, table = many.band("train_loss", [0.25, 0.5]), many.column("train_loss")
    np.testing.assert_allclose(band["mean"], table.mean(axis=0))
    np.testing.assert_allclose(band["deviation"], table.std(axis=0, ddof=1))
    np.testing.assert_allclose(band["q0.25"], np.quantile(table, 0.25, axis=0))
    (axes,) = many.figure("train_loss").axes
    np.testing.assert_allclose(axes.get_lines()[0].get_ydata(), np.median(table, axis=0))
    with pytest.raises(InvalidInput, match="quantiles must be within 0 and 1"):
        many.band("train_loss", [2])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"seeds": None}, "give either seeds or params"),
        ({"params": [np.zeros(1)]}, "give either seeds or params"),
        ({"learning_rates": [0.1, 0.2]}, "2 learning_rates for 3 runs"),
        ({"learning_rates": [-0.1]}, "at least 0 and finite, got -0.1"),
        ({"order_seeds": [1, 2]}, "2 order_seeds for 3 runs"),
        ({"seeds": []}, "there are 0 seeds or params"),
        ({"optimizer": None}, "one of chainrule.optim"),
        ({"model": lambda p, x, y: 0.0}, "seeds need a network"),
        ({"data": (X, CLASSES + 1)}, "class numbers from 0 to 2, got 3"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"epochs": 0}, "epochs must be a whole number of at least 1, got 0"),
        ({"data": (X, CLASSES[:3])}, "holds 3 examples"),
        ({"validation": (X[:, :2], CLASSES)}, "validation has examples"),
    ],
)
def test_wrong_input_is_refused_in_one_sentence(changed: dict, message: str) -> None:
    arguments = {
        "model": network(3, nn.tanh), "data": (X, CLASSES), "loss": nn.cross_entropy,
        "optimizer": optim.sgd(0.1), "epochs": 1, "batch_size": 4, "seeds": [1, 2, 3],
    } | changed  # fmt: skip
    with pytest.raises(InvalidInput, match=message):
        training.train_many(**arguments)


def test_a_run_that_diverges_alone_leaves_no_band() -> None:
    many = training.train_many(
        network(1, nn.relu), (X, SIGNS), optimizer=optim.sgd(1e200), epochs=2, batch_size=8,
        seeds=[1, 2], loss=functools.partial(nn.squared_error, reduction="sum"),
    )  # fmt: skip
    with pytest.raises(InvalidInput, match="no run stayed finite"):
        many.band("train_loss")
