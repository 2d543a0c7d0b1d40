"""The experiment digits-3-vs-9: its runs, its data, and claims that fail when the numbers do."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from chainrule.experiments import digits_3_vs_9 as digits
from chainrule.experiments import digits_3_vs_9_derivatives as derivatives
from chainrule.experiments import digits_3_vs_9_page as page
from chainrule.experiments import digits_3_vs_9_training as training
from chainrule.experiments.experiment import ExperimentError
from chainrule.experiments.runner import run_experiment

SMALL = {
    "batch_sizes": (10, 200),
    "epochs": (2, 4),
    "widths": (2, 16),
    "seeds": 2,
    "random_networks": 3,
}


def run(directory, **arguments):
    return run_experiment(digits.EXPERIMENT, output=directory, **arguments)


def rows_of(directory):
    with open(directory / "metrics.csv", newline="") as file:
        return [
            {k: v for k, v in row.items() if k not in ("seconds", "step")}
            for row in csv.DictReader(file)
        ]


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """The quick preset on embedded data, run once."""
    directory = tmp_path_factory.mktemp("digits") / "run"
    return run(directory, preset="quick").result, directory


def test_every_claim_of_the_quick_preset_holds(quick):
    result, _ = quick
    assert {claim["id"] for claim in result["claims"]} == {
        "a-parameters", "b-mse", "b-derivative", "b-mce", "c-finite", "c-tanh", "c-differences",
        "d-reference", "d-engine", "d-numerical", "d-one-step", "d-compiled", "e-updates",
        "e-epochs", "e-batch-size", "e-equal-updates", "f-relu", "training-error",
    }  # fmt: skip
    assert [claim["id"] for claim in result["claims"] if claim["holds"] is not True] == []


def test_quick_preset_trains_all_22_settings_on_the_363_images(quick):
    result, directory = quick
    assert result["values"]["training_images"] == 363
    rows = rows_of(directory)
    settings = {
        (r["part"], r["activation"], r["width"], r["batch_size"], r["epochs"]) for r in rows
    }
    assert len(settings) == 22
    assert len(rows) == 22 * 20
    assert sum(setting[0] == "e" for setting in settings) == 12
    for row in rows:
        per_epoch = -(-363 // int(row["batch_size"]))
        assert int(row["updates"]) == per_epoch * int(row["epochs"])


def test_quick_preset_has_its_figures_and_tables(quick):
    result, directory = quick
    assert [Path(name).name for name in result["figures"]] == [
        "network.svg", "batches.svg", "widths.svg",
    ]  # fmt: skip
    drawing = (directory / "network.svg").read_text()
    assert "12\u202f577" in drawing
    report = (directory / "report.html").read_text()
    assert "183 of the digit 3, the positive class (y = +1), and 180 of the digit 9" in report
    for words in ("Expectation and result", "Conclusion", "def _backward", "16 × 784"):
        assert words in report


def test_same_seed_same_numbers_other_seed_others(tmp_path):
    found = [
        rows_of(run(tmp_path / name, settings=SMALL, seed=seed).directory)
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    ]
    assert found[0] == found[1]
    assert found[0] != found[2]


def test_an_interrupted_run_continues_with_the_trainings_it_lacks(tmp_path, monkeypatch):
    whole = run(tmp_path / "whole", settings=SMALL)
    original, calls = digits.train, []

    def counted(*arguments, **settings):
        calls.append(settings)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return original(*arguments, **settings)

    monkeypatch.setattr(digits, "train", counted)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "parts", settings=SMALL)
    assert not (tmp_path / "parts" / "result.json").exists()
    resumed = run(tmp_path / "parts", settings=SMALL)
    settings = 2 * 2 + 2 * 2
    assert len(calls) == 6 + settings - 5
    assert rows_of(resumed.directory) == rows_of(whole.directory)
    assert resumed.result["claims"] == whole.result["claims"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_sizes": (10, 400)}, "batch size of 400 is more than the 363 training images"),
        ({"images": 100}, "batch size of 200 is more than the 100 training images"),
        ({"width_batch_size": 1000}, "batch size of 1000"),
        ({"epochs": (10, 10)}, "'epochs' lists a value twice"),
        ({"batch_sizes": (0,)}, "batch_sizes"),
        ({"precision": "float16"}, "float32, float64"),
        ({"learning_rate": -0.1}, "learning_rate"),
    ],
)
def test_settings_that_cannot_be_run_are_refused(tmp_path, settings, message):
    with pytest.raises(ExperimentError, match=message):
        run(tmp_path / "run", settings=settings)


@pytest.mark.parametrize("seeds", [1, 2])
def test_a_learning_rate_that_diverges_is_named(tmp_path, seeds):
    message = r"diverged in epoch \d at the learning rate 1e\+06; lower the learning rate"
    with pytest.raises(ValueError, match=message):
        run(tmp_path / "run", settings={**SMALL, "learning_rate": 1e6, "seeds": seeds})


def test_settings_of_zero_stand_for_the_hand_outs_on_mnist():
    assert digits.SETTINGS["real"] == digits.Settings(0.02, 1, 1, 10)


def test_double_precision_is_a_setting(tmp_path):
    result = run(tmp_path / "run", settings=SMALL).result
    double = run(tmp_path / "double", settings={**SMALL, "precision": "float64"}).result
    a, b = result["values"]["best_training_mce"], double["values"]["best_training_mce"]
    assert abs(a - b) < 0.02


def test_real_images_with_3_as_the_positive_class(tmp_path, real_data):
    settings = {**SMALL, "images": 300, "width_epochs": 2, "seeds": 1, "random_networks": 1}
    outcome = run(tmp_path / "run", data="real", data_directory=real_data, settings=settings)
    rows = rows_of(outcome.directory)
    assert outcome.result["values"]["training_images"] == 300
    assert len(rows) == 8
    for row in rows:
        assert 0 <= float(row["test_mce"]) < 0.6
    claims = {claim["id"]: claim for claim in outcome.result["claims"]}
    assert claims["d-one-step"]["holds"]
    assert claims["e-updates"]["measured"] == "30, 2"
    assert "test-error" in claims


def test_real_images_are_12080_for_training_and_2019_for_testing(real_data):
    images = digits.load(
        SimpleNamespace(parameters={"images": 0}, data="real", data_directory=real_data)
    )
    assert images.x.shape == (12_080, 784)
    assert images.test_x.shape == (2_019, 784)
    assert (int((images.y == 1).sum()), int((images.y == -1).sum())) == (6_131, 5_949)
    assert images.x.min() == 0.0
    assert images.x.max() == 1.0
    counts = [-(-len(images.x) // size) for size in (10, 50, 100, 200)]
    assert counts == [1208, 242, 121, 61]


# The page, from numbers made up so that the expectations fail ----------------------------------


class Recorder:
    """What a page would show."""

    def __init__(self):
        self.claims, self.texts, self.tables = {}, [], {}

    def section(self, title):
        pass

    def value(self, name, value):
        pass

    def text(self, markdown):
        self.texts.append(markdown)

    def table(self, id, title, columns, rows, note=""):
        self.tables[id] = rows

    def figure(self, id, title, figure, *, alternative, table=None, note=""):
        self.tables[id] = table[1]

    def claim(self, id, statement, *, measured, expected, holds, source=""):
        self.claims[id] = holds


def made_up(part, mse, updates, **setting):
    """A row as a training would give it."""
    return {
        "part": part,
        "seed": 0,
        "learning_rate": 0.1,
        "updates": updates,
        "history": [mse] * setting["epochs"],
        "train_mse": mse,
        "train_mce": mse,
        "dead_units": 0,
        **setting,
    }


def batch_rows(errors, images=100):
    """Part (e) with the given errors by batch size and epochs."""
    return [
        made_up(
            "e", mse, -(-images // size) * epochs,
            batch_size=size, epochs=epochs, width=4, activation="relu",
        )
        for (size, epochs), mse in errors.items()
    ]  # fmt: skip


FALLING = {(10, 1): 0.2, (10, 2): 0.1, (20, 1): 0.3, (20, 2): 0.21}


@pytest.mark.parametrize(
    ("change", "failing", "words"),
    [
        ({}, set(), "That is what happens"),
        ({(10, 2): 0.25}, {"e-epochs", "e-batch-size"}, "only in part"),
        ({(20, 2): 0.09}, {"e-batch-size"}, "in 1 of 2 steps to a smaller batch"),
        ({(20, 2): 0.295}, {"e-equal-updates"}, "the noise of the batches matters"),
        ({(20, 2): 0.3}, {"e-epochs", "e-equal-updates"}, "in 1 of 2 steps to more epochs"),
    ],
)
def test_claims_of_part_e_fail_with_the_numbers(change, failing, words):
    recorder = Recorder()
    page.batches(recorder, batch_rows(FALLING | change), 100)
    assert {id for id, holds in recorder.claims.items() if not holds} == failing
    assert words in recorder.texts[-1]


def test_miscounted_updates_fail_their_claim():
    recorder = Recorder()
    rows = batch_rows(FALLING)
    rows[0]["updates"] -= 1  # the short last batch left out
    page.batches(recorder, rows, 100)
    assert recorder.claims["e-updates"] is False


def test_one_batch_size_and_one_epoch_number_decide_nothing():
    recorder = Recorder()
    page.batches(recorder, batch_rows({(10, 2): 0.1}), 100)
    assert recorder.claims == {"e-updates": True, "e-epochs": None, "e-batch-size": None}


def width_rows(errors):
    """Part (f) with the given errors by activation and width."""
    return [
        made_up("f", mse, 50, batch_size=10, epochs=5, width=width, activation=name)
        for (name, width), mse in errors.items()
    ]


@pytest.mark.parametrize(("two", "holds"), [(0.3, True), (0.01, False)])
def test_claim_of_part_f_follows_the_numbers(two, holds):
    recorder = Recorder()
    rows = width_rows({("tanh", 2): 0.2, ("tanh", 16): 0.1, ("relu", 2): two, ("relu", 16): 0.02})
    rows[2]["dead_units"] = 2
    page.widths(recorder, rows)
    assert recorder.claims == {"f-relu": holds}
    assert (
        "1 of the 2 ReLU networks ended with at least one dead unit, 1 with nothing else"
        in (recorder.texts[-1])
    )
    assert recorder.tables["width-activation"][0][0] == 2


@pytest.mark.parametrize(
    ("train", "test", "expected"),
    [(0.005, 0.01, [True, True]), (0.02, 0.01, [False, True]), (0.005, 0.03, [True, False])],
)
def test_error_claims_follow_the_numbers(train, test, expected):
    recorder = Recorder()
    rows = width_rows({("tanh", 2): 0.4, ("relu", 2): train})
    for row in rows:
        row |= {"test_mse": test, "test_mce": test}
    page.errors(recorder, rows)
    assert [recorder.claims["training-error"], recorder.claims["test-error"]] == expected


def test_typical_takes_the_median_over_seeds():
    rows = [
        made_up("f", mse, 50, epochs=5, width=2) | {"seed": i} for i, mse in enumerate((1, 2, 9))
    ]
    (cell,) = page.typical(rows, "width").values()
    assert cell["train_mse"] == 2
    np.testing.assert_array_equal(cell["history"], [2] * 5)


def test_networks_of_one_width_and_seed_start_alike(monkeypatch):
    starts = []

    def remembered(network, x, y, batch, epochs, rate, rng):
        starts.append([network.program.flat.copy(), rng.permutation(9)])
        return [0.0]

    monkeypatch.setattr(training.Network, "train", remembered)
    fake = SimpleNamespace(rng=lambda key: np.random.default_rng(list(key.encode())))
    images = digits.Images(np.ones((9, 5)), np.ones((9, 1)), None, None)
    networks = digits.Networks(5, "float64")
    for activation, batch in (("tanh", 2), ("relu", 2), ("relu", 3)):
        digits.train(
            fake, images, networks, width=4, activation=activation, batch_size=batch, epochs=1,
            learning_rate=0.1, seeds=1,
        )  # fmt: skip
    for other in starts[1:]:
        np.testing.assert_array_equal(starts[0][0], other[0])
        assert starts[0][1].tolist() != other[1].tolist()


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("batch_size", [1, 7, 10, 30])
def test_compiled_trainings_are_the_handwritten_ones(activation, batch_size):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 5)), rng.choice([-1.0, 1.0], size=(30, 1))
    model = derivatives.build(5, [(4, activation), (1, "linear")], rng)
    network = training.Network(5, 4, activation, "float64")
    network.start(model)
    mine = network.train(x, y, batch_size, 3, 0.05, np.random.default_rng(1))
    optimizer = training.CountingOptimizer(0.05)
    theirs = model.trainBatch(x, y, batch_size, 3, optimizer, rng=np.random.default_rng(1))
    np.testing.assert_allclose(mine, theirs, rtol=1e-11)
    np.testing.assert_allclose(network.predict(x), model.predict(x), rtol=1e-10)
    assert optimizer.steps == 3 * -(-30 // batch_size)
    hidden = model.evaluate(x)[1][1]
    assert network.dead_units(x) == int(np.sum(~np.any(hidden > 0, axis=1)))


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_networks_trained_at_once_are_those_trained_alone(activation):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 5)), rng.choice([-1.0, 1.0], size=(30, 1))
    starts = [build_small(activation, seed) for seed in range(3)]
    params, histories = training.sweep(
        starts, activation, x, y, batch_size=30, epochs=4, learning_rate=0.05,
        order_seeds=[7, 8, 9],
    )  # fmt: skip
    for start, tree, history in zip(starts, params, histories, strict=True):
        alone = training.Network(5, 4, activation, "float64")
        alone.start(start)
        # all samples in one batch, so that the order does not matter
        expected = alone.train(x, y, 30, 4, 0.05, np.random.default_rng(0))
        np.testing.assert_allclose(history, expected, rtol=1e-10)
        predicted = alone.predict(x)
        alone.load(tree)
        np.testing.assert_allclose(alone.predict(x), predicted, rtol=1e-9)


def build_small(activation, seed):
    return derivatives.build(5, [(4, activation), (1, "linear")], np.random.default_rng(seed))


def test_a_program_that_takes_other_steps_fails_the_claim(tmp_path, monkeypatch):
    def forgetful(hidden, params, x, y):
        error = hidden(params, x) @ params["W2"] + params["b2"] - y
        return np.mean(error * error)

    monkeypatch.setattr(training, "half_squared_error", forgetful)
    settings = {**SMALL, "seeds": 1, "epochs": (1, 2), "widths": (2,)}
    claims = run(tmp_path / "run", settings=settings).result["claims"]
    assert "d-compiled" in [claim["id"] for claim in claims if claim["holds"] is False]
