"""The loop computes what the same steps written by hand give, for every optimizer and layer."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim, training
from chainrule.engine.errors import InvalidInput
from chainrule.training.batches import DRAWS, Batches, generator

SQUARED = functools.partial(nn.squared_error, reduction="mean")


def data(count: int = 23, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((count, 3))
    return x, (x[:, 0] > x[:, 1]).astype(int) + (x[:, 2] > 1)


def network(*between: object) -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 5), nn.tanh, *between, nn.Linear(5, 3))


OPTIMIZERS = {
    "sgd": optim.sgd(0.1),
    "schedule": optim.sgd(optim.exponential(0.2, 0.9, every=1)),
    "momentum": optim.momentum(0.05),
    "nesterov": optim.nesterov(0.05),
    "lookahead": optim.nesterov(0.05, iterate="lookahead"),
    "lookahead and clip": optim.chain(
        optim.clip_by_norm(0.1), optim.nesterov(0.05, iterate="lookahead")
    ),
    "adagrad": optim.adagrad(0.1),
    "rmsprop": optim.rmsprop(0.01),
    "adam": optim.adam(0.01),
    "adamw": optim.adamw(0.01, weight_decay=0.1),
    "clip by norm": optim.chain(optim.clip_by_norm(0.1), optim.sgd(0.5)),
    "weight decay": optim.chain(optim.weight_decay(0.1), optim.momentum(0.05)),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_epochs_are_the_steps_written_by_hand(name: str) -> None:
    optimizer, model, (x, y) = OPTIMIZERS[name], network(), data()
    params = model.init(1)

    def loss(params: object, x: np.ndarray, y: np.ndarray) -> object:
        return nn.cross_entropy(model.apply(params, x), y)

    result = training.fit(
        model, params, (x, y), loss=nn.cross_entropy, optimizer=optimizer, epochs=3, batch_size=5,
        seed=7,
    )  # fmt: skip
    own, state, batches, means = params, optimizer.init(params), Batches((x, y), 5, 7), []
    for epoch in range(3):
        total = 0.0
        for batch in batches.epoch(epoch):
            value, grads = cr.value_and_grad(loss)(optimizer.gradient_point(state, own), *batch)
            total += value * len(batch[0])
            own, state = optimizer.update(grads, state, own)
        means.append(total / 23)
    for layer in params:
        for key in params[layer]:
            np.testing.assert_allclose(result.params[layer][key], own[layer][key], rtol=1e-13)
    np.testing.assert_allclose(result.history["train_loss"], means, rtol=1e-13)
    assert result.compiled
    assert result.steps == 15
    assert result.history["step"].tolist() == [5, 10, 15]


def test_the_short_last_batch_is_divided_by_its_own_size() -> None:
    x = np.array([1.0, 1.0, 4.0])
    result = training.fit(
        lambda w, x: np.mean(w * x), np.array(0.0), x, optimizer=optim.sgd(1.0), epochs=1,
        batch_size=2, shuffle=False,
    )  # fmt: skip
    assert result.params == -(1.0 + 4.0)


def test_dropout_draws_anew_each_step_and_the_same_again_for_a_seed() -> None:
    model, (x, y) = network(nn.Dropout(0.4)), data()
    params = model.init(0)
    options = {"loss": nn.cross_entropy, "optimizer": optim.sgd(0.1), "batch_size": 4}
    first = training.fit(model, params, (x, y), epochs=2, seed=3, **options)
    again = training.fit(model, params, (x, y), epochs=2, seed=3, **options)
    other = training.fit(model, params, (x, y), epochs=2, seed=4, **options)
    assert first.history.rows() == again.history.rows()
    assert first.history["train_loss"][0] != other.history["train_loss"][0]

    own, batches = params, Batches((x, y), 4, 3)
    for epoch in range(2):
        rng = generator(3, DRAWS, epoch)
        for xb, yb in batches.epoch(epoch):
            masks = model.draw_masks(rng, xb.shape)

            def loss(p: object, xb: object = xb, yb: object = yb, masks: object = masks) -> object:
                return nn.cross_entropy(model.apply_training(p, xb, None, masks)[0], yb)

            own = cr.tree_map(lambda w, g: w - 0.1 * g, own, cr.grad(loss)(own))
    np.testing.assert_allclose(first.params["linear2"]["W"], own["linear2"]["W"], rtol=1e-13)


def test_running_statistics_are_carried_from_batch_to_batch() -> None:
    model, (x, y) = network(nn.BatchNorm(5)), data(20)
    params = model.init(0)
    result = training.fit(
        model, params, (x, y), loss=nn.cross_entropy, optimizer=optim.sgd(0.0), epochs=1,
        batch_size=5, validation=(x, y),
    )  # fmt: skip
    state = model.init_state()
    for xb, _ in Batches((x, y), 5, 0).epoch(0):
        state = model.apply_training(params, xb, state)[1]
    found = result.state["batch_norm1"]
    np.testing.assert_allclose(found.mean, state["batch_norm1"].mean, rtol=1e-13)
    expected = nn.cross_entropy(model.apply(params, x, state), y)
    np.testing.assert_allclose(result.history["validation_loss"], [expected], rtol=1e-12)


def test_a_loss_function_may_draw() -> None:
    def loss(w: np.ndarray, x: np.ndarray, noise: np.ndarray) -> object:
        return np.mean((x + noise - w) ** 2)

    options = {"optimizer": optim.sgd(0.1), "epochs": 2, "batch_size": 2}
    draw = lambda rng, x: rng.standard_normal(x.shape)  # noqa: E731
    x = np.arange(5.0)
    a = training.fit(loss, np.array(0.0), x, draw=draw, seed=1, **options)
    b = training.fit(loss, np.array(0.0), x, draw=draw, seed=1, **options)
    assert a.compiled
    assert a.params == b.params


def test_a_loss_that_cannot_be_compiled_runs_as_written_and_says_why() -> None:
    rng = np.random.default_rng(0)

    def loss(w: np.ndarray, x: np.ndarray) -> object:
        return np.mean((x + rng.standard_normal(x.shape) - w) ** 2)

    result = training.fit(
        loss, np.array(0.0), np.arange(4.0), optimizer=optim.sgd(0.1), epochs=1, batch_size=2
    )
    assert not result.compiled
    assert "random" in result.notes[0]


def test_compiled_and_uncompiled_give_the_same() -> None:
    model, (x, y) = network(), data()
    options = {"loss": nn.cross_entropy, "optimizer": optim.adam(0.01), "epochs": 3}
    a = training.fit(model, None, (x, y), batch_size=4, **options)
    b = training.fit(model, None, (x, y), batch_size=4, compile=False, **options)
    np.testing.assert_allclose(a.history["train_loss"], b.history["train_loss"], rtol=1e-12)
    assert a.compiled
    assert not b.compiled
    assert b.notes == ()


def test_parameters_given_are_not_changed() -> None:
    params = np.zeros(3)
    x = np.ones((4, 3))
    options = {"optimizer": optim.sgd(0.1), "epochs": 1, "batch_size": 2}
    result = training.fit(lambda w, x: np.mean((x - w) ** 2), params, x, **options)
    assert not params.any()
    assert result.params.all()


def test_a_long_update_piece_by_piece_equals_the_whole_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("chainrule.training.trainer._PIECE", 1 << 14)
    rng = np.random.default_rng(0)
    params, x = rng.standard_normal(70_000), rng.standard_normal((6, 70_000))

    def loss(w: np.ndarray, x: np.ndarray) -> object:
        return np.mean((x - w) ** 2)

    optimizer = optim.adam(0.01)
    result = training.fit(
        loss, params, x, optimizer=optimizer, epochs=1, batch_size=6, shuffle=False
    )
    grads = cr.grad(loss)(params, x)
    expected = optimizer.update(grads, optimizer.init(params), params)[0]
    assert np.array_equal(result.params, expected)


def test_validation_accuracy_and_evaluated_training_set() -> None:
    model, (x, y) = network(), data(60)
    result = training.fit(
        model, None, (x, y), loss=nn.cross_entropy, optimizer=optim.adam(0.05), epochs=30,
        batch_size=10, validation=data(40, 1), evaluate_train=True,
    )  # fmt: skip
    logits = model.apply(result.params, x)
    assert result.history["train_accuracy"][-1] == np.mean(np.argmax(logits, 1) == y)
    loss = nn.cross_entropy(logits, y)
    assert result.history["evaluated_train_loss"][-1] == pytest.approx(loss, rel=1e-12)
    assert result.history["validation_accuracy"][-1] > 0.8


@pytest.mark.parametrize(
    ("loss", "targets", "expected"),
    [
        (nn.hinge, [[1.0], [-1.0], [1.0], [-1.0]], 0.75),
        (nn.binary_cross_entropy, [[1.0], [0.0], [1.0], [0.0]], 0.75),
        (functools.partial(nn.hinge, reduction="mean"), [[1.0], [-1.0], [1.0], [-1.0]], 0.75),
    ],
)
def test_losses_bring_their_accuracy(loss: object, targets: list, expected: float) -> None:
    model = nn.Sequential(nn.Linear(1, 1))
    params = {"linear1": {"W": np.array([[1.0]]), "b": np.zeros(1)}}
    x = np.array([[2.0], [-1.0], [-3.0], [-2.0]])
    result = training.fit(
        model, params, (x, np.array(targets)), loss=loss, optimizer=optim.sgd(0.0), epochs=1,
        batch_size=4, evaluate_train=True,
    )  # fmt: skip
    assert result.history["train_accuracy"].tolist() == [expected]


def test_norms_are_those_of_the_last_step() -> None:
    result = training.fit(
        lambda w, x: np.mean(np.sum(x * w["a"], axis=1)), {"a": np.array([3.0, 4.0])},
        np.array([[0.6, 0.8]]), optimizer=optim.sgd(5.0), epochs=1, batch_size=1,
    )  # fmt: skip
    row = result.history.rows()[0]
    assert row["gradient_norm"] == pytest.approx(1.0)
    assert row["weight_norm"] == pytest.approx(0.0, abs=1e-14)
    assert row["gradient_norm['a']"] == row["gradient_norm"]
    result = training.fit(
        lambda w, x: np.mean(np.sum(x * w["a"], axis=1)), {"a": np.array([3.0, 4.0])},
        np.array([[0.6, 0.8]]), optimizer=optim.sgd(2.5), epochs=1, batch_size=1,
    )  # fmt: skip
    assert result.history["update_ratio"] == pytest.approx([1.0])


def test_callbacks_see_every_epoch_and_may_stop() -> None:
    seen = []

    def callback(progress: training.Progress) -> bool:
        seen.append((progress.epoch, float(progress.params)))
        return progress.epoch == 3

    result = training.fit(
        lambda w, x: np.mean(w * x), np.array(0.0), np.ones(2), optimizer=optim.sgd(1.0),
        epochs=10, batch_size=2, callbacks=[callback],
    )  # fmt: skip
    assert seen == [(1, -1.0), (2, -2.0), (3, -3.0)]
    assert result.epochs == 3
    assert result.stopped == "a callback stopped it after epoch 3"


def test_early_stopping_returns_the_best_parameters() -> None:
    # the loss falls until w passes 0 and rises then
    result = training.fit(
        lambda w, x: np.mean(np.abs(w) + 0 * x), np.array(2.5), np.ones(1),
        optimizer=optim.sgd(1.0), epochs=20, batch_size=1, validation=np.ones(1),
        early_stopping=2,
    )  # fmt: skip
    assert result.params == pytest.approx(0.5)
    assert result.epochs == 4
    assert "did not improve for 2 epochs after epoch 2" in result.stopped
    with pytest.raises(InvalidInput, match="watches 'validation_loss', which is not measured"):
        training.fit(
            lambda w, x: np.mean(w * x), np.array(1.0), np.ones(1), optimizer=optim.sgd(1.0),
            epochs=2, batch_size=1, early_stopping=1,
        )  # fmt: skip


def test_a_loss_that_overflows_names_the_operation_and_its_line() -> None:
    def loss(w: np.ndarray, x: np.ndarray) -> object:
        scale = np.exp(w)
        return np.mean(scale * x)

    x = -np.ones(2)
    options = {"optimizer": optim.sgd(300.0), "epochs": 50, "batch_size": 2}
    with np.errstate(over="ignore"), pytest.raises(training.NonFiniteLoss) as caught:
        training.fit(loss, np.array(0.0), x, **options)
    message = str(caught.value)
    assert "the loss is -inf at step 3 (epoch 3): scale = exp(w) and is infinite (line" in message
    assert "scale = np.exp(w)" in message
    assert caught.value.step == 3
    assert caught.value.history.epochs == 2
    with np.errstate(over="ignore"):
        result = training.fit(loss, np.array(0.0), x, on_nonfinite="stop", **options)
    assert result.epochs == 2
    assert "scale = np.exp(w)" in result.stopped


def test_a_gradient_that_is_not_finite_is_never_used() -> None:
    def loss(w: np.ndarray, x: np.ndarray) -> object:
        return np.mean(w / 1e-310 * x)

    with np.errstate(all="ignore"):
        result = training.fit(
            loss, np.zeros(2), np.ones(1), optimizer=optim.sgd(0.1), epochs=1, batch_size=1,
            on_nonfinite="stop",
        )  # fmt: skip
    assert "2 of 2 numbers of the gradient are not finite at step 1" in result.stopped
    assert "return np.mean(w / 1e-310 * x)" in result.stopped
    assert not result.params.any()
    assert result.steps == 0


X, Y = data()
MODEL = network()
REFUSALS = [
    ({"data": (X, np.where(Y == 2, 3, Y))}, "class numbers from 0 to 2, got 3"),
    ({"data": (X, Y[:-1])}, r"data\[1\] holds 22 examples but data\[0\] 23"),
    ({"data": (X[:0], Y[:0])}, "at least one example"),
    ({"data": (np.where(X[4, 1] == X, np.nan, X), Y)}, r"data\[0\]\[4, 1\] is nan, and 1 of 69"),
    ({"data": X}, r"\(inputs, targets\), got 1"),
    ({"data": (X.astype(str), Y)}, "must be numbers"),
    ({"batch_size": 0}, "batch_size must be a whole number of at least 1, got 0"),
    ({"batch_size": 2.5}, "batch_size must be a whole number of at least 1, got 2.5"),
    ({"epochs": 0}, "epochs must be a whole number of at least 1, got 0"),
    ({"seed": -1}, "seed must be a whole number of at least 0, got -1"),
    ({"loss": None}, "a network needs a loss"),
    ({"optimizer": 0.1}, "one of chainrule.optim"),
    ({"schedule": -0.1}, "learning rate must be at least 0 and finite, got -0.1"),
    ({"schedule": lambda steps: -1.0}, "learning rate -1.0 after 0 steps"),
    ({"validation": (X[:, :2], Y)}, "validation has examples of shapes"),
    ({"validation": (X, Y[:3])}, r"validation\[1\] holds 3 examples"),
    ({"on_nonfinite": "ignore"}, "must be 'raise' or 'stop'"),
    ({"draw": lambda rng, x, y: x}, "draw belongs to a loss function"),
    ({"model": 3.0, "params": 1.0}, "must be a network"),
    ({"model": lambda p, x, y: 0.0, "params": np.zeros(1)}, "a loss function is its own loss"),
    ({"model": lambda p, x, y: 0.0, "loss": None}, "only a network can make"),
    ({"evaluate_train": -1}, "evaluate_train must be True, False or a number of examples"),
    ({"early_stopping": 0}, "patience must be"),
]


@pytest.mark.parametrize(("changed", "message"), REFUSALS, ids=[m for _, m in REFUSALS])
def test_wrong_input_is_refused_in_one_sentence(changed: dict, message: str) -> None:
    arguments = {
        "model": MODEL, "params": None, "data": (X, Y), "loss": nn.cross_entropy,
        "optimizer": optim.sgd(0.1), "epochs": 1, "batch_size": 4,
    } | changed  # fmt: skip
    with pytest.raises(InvalidInput, match=message):
        training.fit(**arguments)


def test_a_negative_learning_rate_is_refused_where_it_is_given() -> None:
    with pytest.raises(InvalidInput, match=r"at least 0 and finite, got -0\.1"):
        optim.sgd(-0.1)


def test_a_batch_larger_than_the_set_is_the_set_and_said_so() -> None:
    options = {"loss": nn.cross_entropy, "optimizer": optim.sgd(0.1), "epochs": 2}
    large = training.fit(MODEL, None, (X, Y), batch_size=1000, **options)
    whole = training.fit(MODEL, None, (X, Y), batch_size=23, **options)
    assert large.notes == (
        "batch_size 1000 is larger than the set of 23, so every batch was the whole set.",
    )
    assert large.history.rows() == whole.history.rows()


@pytest.mark.parametrize("rate", [0.1, optim.step_decay(0.1, 0.5, every=3)], ids=["one", "steps"])
def test_many_steps_at_a_time_are_the_steps_one_by_one(
    rate: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"loss": nn.cross_entropy, "optimizer": optim.sgd(rate), "epochs": 3}
    at_a_time = training.fit(MODEL, None, (X, Y), batch_size=2, **options)
    monkeypatch.setattr("chainrule.training.descent.Descent.run", lambda *_: None)
    one_by_one = training.fit(MODEL, None, (X, Y), batch_size=2, **options)
    assert at_a_time.history.rows() == one_by_one.history.rows()
    assert np.array_equal(at_a_time.params["linear1"]["W"], one_by_one.params["linear1"]["W"])


@pytest.mark.parametrize("loss", [SQUARED, nn.hinge], ids=["squared error", "hinge"])
def test_fast_agrees_to_rounding_and_resumes(loss: object, tmp_path: Path) -> None:
    pytest.importorskip("numba", reason="the extra fast is not installed")
    options = {"loss": loss, "optimizer": optim.sgd(0.1), "batch_size": 5}
    model, y = nn.Sequential(nn.Linear(3, 4), nn.tanh, nn.Linear(4, 1)), np.sign(X[:, :1])
    ordinary = training.fit(model, None, (X, y), epochs=4, **options)
    fast = training.fit(model, None, (X, y), epochs=4, fast=True, **options)
    np.testing.assert_allclose(
        fast.history["train_loss"], ordinary.history["train_loss"], rtol=1e-10
    )
    training.fit(model, None, (X, y), epochs=2, fast=True, checkpoint=tmp_path, **options)
    resumed = training.fit(model, None, (X, y), epochs=4, fast=True, checkpoint=tmp_path, **options)
    assert resumed.history.rows() == fast.history.rows()


@pytest.mark.parametrize(
    "optimizer",
    [optim.adam(0.01), optim.adam(0.01, epsilon_hat=True), optim.adamw(0.01, weight_decay=0.1)],
    ids=["adam", "epsilon hat", "adamw"],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_adam_in_one_loop_has_the_same_bits(optimizer: optim.Optimizer, dtype: str) -> None:
    pytest.importorskip("numba", reason="the extra fast is not installed")
    params = cr.tree_map(lambda leaf: leaf.astype(dtype), MODEL.init(0))
    options = {"loss": nn.cross_entropy, "optimizer": optimizer, "epochs": 3, "batch_size": 4}
    ordinary = training.fit(MODEL, params, (X, Y), **options)
    fast = training.fit(MODEL, params, (X, Y), fast=True, **options)
    assert fast.history.rows() == ordinary.history.rows()
    for name in ("W", "b"):
        np.testing.assert_array_equal(
            fast.params["linear1"][name], ordinary.params["linear1"][name]
        )
    assert fast.optimizer_state.mean.dtype == dtype


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"optimizer": optim.rmsprop(0.1)}, "the optimizer is another one"),
        ({"clip": optim.clip_by_norm(1.0)}, "gradients are transformed"),
        ({"model": network(nn.Dropout(0.5))}, "layers are random or carry statistics"),
        ({"model": network(nn.BatchNorm(5))}, "layers are random or carry statistics"),
    ],
)
def test_fast_is_for_plain_gradient_descent_and_adam(changed: dict, reason: str) -> None:
    arguments = {
        "model": MODEL, "params": None, "data": (X, Y), "loss": nn.cross_entropy,
        "optimizer": optim.sgd(0.1), "epochs": 1, "batch_size": 4, "fast": True,
    } | changed  # fmt: skip
    with pytest.raises(InvalidInput, match=f"updates of Adam, and here {reason}"):
        training.fit(**arguments)


def test_a_part_of_the_training_set_can_be_evaluated() -> None:
    options = {"loss": nn.cross_entropy, "optimizer": optim.sgd(0.1), "epochs": 1}
    part = training.fit(MODEL, None, (X, Y), batch_size=4, evaluate_train=7, **options)
    expected = nn.cross_entropy(MODEL.apply(part.params, X[:7]), Y[:7])
    np.testing.assert_allclose(part.history["evaluated_train_loss"], [expected], rtol=1e-12)


def test_a_network_within_a_network_trains_as_it_does_uncompiled() -> None:
    model = nn.Sequential(
        nn.Linear(3, 5), nn.Sequential(nn.Linear(5, 5), nn.LayerNorm(5), nn.relu), nn.Linear(5, 3)
    )
    options = {"loss": nn.cross_entropy, "optimizer": optim.adam(0.01), "epochs": 2}
    a = training.fit(model, None, (X, Y), batch_size=4, **options)
    b = training.fit(model, None, (X, Y), batch_size=4, compile=False, **options)
    np.testing.assert_allclose(a.history["train_loss"], b.history["train_loss"], rtol=1e-12)
    name = "gradient_norm['sequential1']['linear1']['W']"
    np.testing.assert_allclose(a.history[name], b.history[name], rtol=1e-10)


def test_a_pipe_gets_no_progress_bar(capfd: pytest.CaptureFixture[str]) -> None:
    options = {"loss": nn.cross_entropy, "optimizer": optim.sgd(0.1), "epochs": 2}
    shown = training.fit(MODEL, None, (X, Y), batch_size=4, progress=True, **options)
    silent = training.fit(MODEL, None, (X, Y), batch_size=4, **options)
    captured = capfd.readouterr()
    assert captured.out + captured.err.strip() == ""
    assert shown.history.rows() == silent.history.rows()


def test_parameters_of_the_result_are_arrays_of_their_own_in_rows() -> None:
    result = training.fit(
        MODEL, None, (X, Y), loss=nn.cross_entropy, optimizer=optim.sgd(0.1), epochs=1, batch_size=4
    )
    W = result.params["linear1"]["W"]
    assert W.shape == (5, 3)
    assert W.flags.c_contiguous
    assert W.flags.owndata
