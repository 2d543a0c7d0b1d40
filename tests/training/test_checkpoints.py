"""A run killed at any moment ends with the same bits; foreign or damaged files are refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from tests.training import killed_training

from chainrule import nn, optim, training
from chainrule.training.checkpoints import NAME, Checkpoint, load_checkpoint, save_checkpoint


def epoch_of(directory: Path) -> int:
    path = directory / NAME
    return json.loads(path.read_text())["progress"]["epoch"] if path.exists() else 0


def start(directory: Path, output: Path) -> subprocess.Popen[bytes]:
    command = [
        sys.executable, "-m", "tests.training.killed_training", str(directory), str(output),
    ]  # fmt: skip
    return subprocess.Popen(command, env={**os.environ, "PYTHONWARNINGS": "error"})


def same(found: dict, expected: dict) -> None:
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert np.array_equal(found[name], array, equal_nan=True), name


def test_a_run_killed_again_and_again_ends_with_the_same_bits(tmp_path: Path) -> None:
    directory, output = tmp_path / "checkpoint", tmp_path / "result.safetensors"
    rng = np.random.default_rng(0)
    kills = 0
    while kills < 5:
        before = epoch_of(directory)
        process = start(directory, output)
        while process.poll() is None:
            if epoch_of(directory) > before:
                time.sleep(rng.uniform(0, 0.02))
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.001)
        process.wait()
        if process.returncode == 0:
            break
        kills += 1
        assert epoch_of(directory) > before
    assert kills >= 2
    if not output.exists():
        assert start(directory, output).wait() == 0
    same(load_file(output), killed_training.arrays_of(killed_training.train(None)))


def test_stopping_after_every_epoch_changes_nothing(tmp_path: Path) -> None:
    for epochs in range(1, 7):
        result = killed_training.train(str(tmp_path), epochs)
        assert result.epochs == epochs
    whole = killed_training.train(None, 6)
    same(killed_training.arrays_of(result), killed_training.arrays_of(whole))
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".safetensors"]


@pytest.mark.parametrize(
    "optimizer",
    [
        optim.nesterov(0.05, iterate="lookahead"),
        optim.chain(optim.clip_by_norm(0.1), optim.momentum(0.1)),
        optim.rmsprop(0.01),
    ],
)
def test_every_kind_of_optimizer_state_is_kept(optimizer: optim.Optimizer, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((30, 3)), rng.integers(0, 2, 30)
    model = nn.Sequential(nn.Linear(3, 2))
    options = {"loss": nn.cross_entropy, "optimizer": optimizer, "batch_size": 7}
    training.fit(model, None, (x, y), epochs=2, checkpoint=tmp_path, **options)
    resumed = training.fit(model, None, (x, y), epochs=4, checkpoint=tmp_path, **options)
    whole = training.fit(model, None, (x, y), epochs=4, **options)
    assert np.array_equal(resumed.params["linear1"]["W"], whole.params["linear1"]["W"])
    assert resumed.history.rows() == whole.history.rows()


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    first = killed_training.train(str(tmp_path), 2)
    again = killed_training.train(str(tmp_path), 2)
    same(killed_training.arrays_of(again), killed_training.arrays_of(first))


def test_a_checkpoint_is_written_every_so_many_epochs_and_at_the_end(tmp_path: Path) -> None:
    seen = []
    training.fit(
        lambda w, x: np.mean((x - w) ** 2), np.array(0.0), np.ones(4), optimizer=optim.sgd(0.1),
        epochs=5, batch_size=2, checkpoint=tmp_path, checkpoint_every=2,
        callbacks=[lambda progress: seen.append(epoch_of(tmp_path))],
    )  # fmt: skip
    assert seen == [0, 0, 2, 2, 4]
    assert epoch_of(tmp_path) == 5


OPTIONS = {"loss": nn.cross_entropy, "optimizer": optim.sgd(0.1), "epochs": 2, "batch_size": 5}
X, Y = np.random.default_rng(0).standard_normal((20, 3)), np.arange(20) % 2


@pytest.mark.parametrize(
    ("model", "changed", "message"),
    [
        (nn.Sequential(nn.Linear(3, 4)), {}, r"parameter params\['linear1'\]\['W'\] is "
         r"float64\[2, 3\] there and float64\[4, 3\] here"),
        (nn.Sequential(nn.Linear(3, 2, bias=False)), {}, r"\['b'\] is float64\[2\] there and abs"),
        (nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2)), {}, r"\['linear2'\]\['W'\] is absent"),
        (nn.Sequential(nn.Linear(3, 2)), {"batch_size": 4}, "batch size is 5 there and 4 here"),
        (nn.Sequential(nn.Linear(3, 2)), {"seed": 1}, "seed is 0 there and 1 here"),
        (nn.Sequential(nn.Linear(3, 2)), {"optimizer": optim.adam(0.1)}, "optimizer state is "),
        (nn.Sequential(nn.Linear(3, 2)), {"data": (X + 1, Y)}, "data is "),
    ],
)  # fmt: skip
def test_a_checkpoint_of_another_run_is_refused_and_kept(
    model: nn.Sequential, changed: dict, message: str, tmp_path: Path
) -> None:
    training.fit(nn.Sequential(nn.Linear(3, 2)), None, (X, Y), checkpoint=tmp_path, **OPTIONS)
    before = (tmp_path / NAME).read_bytes()
    arguments = {"data": (X, Y), **OPTIONS, **changed}
    with pytest.raises(training.CheckpointError, match=message):
        training.fit(model, None, checkpoint=tmp_path, **arguments)
    assert (tmp_path / NAME).read_bytes() == before


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


def drop_key(path: Path) -> None:
    description = json.loads(path.read_text())
    del description["progress"]
    path.write_text(json.dumps(description))


def future(path: Path) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))


@pytest.mark.parametrize(
    ("pattern", "damage", "message"),
    [
        ("arrays-*", truncate, "is damaged .the content of arrays-"),
        ("arrays-*", flip, "is damaged .the content of arrays-"),
        ("arrays-*", Path.unlink, "is damaged .FileNotFoundError"),
        (NAME, truncate, "is damaged .JSONDecodeError"),
        (NAME, drop_key, "is damaged .*fields"),
        (NAME, lambda path: path.write_text("[]"), "is damaged .TypeError"),
        (NAME, future, "has the format 99, this version of chainrule reads 1"),
    ],
)
def test_a_damaged_checkpoint_is_refused(
    pattern: str, damage: object, message: str, tmp_path: Path
) -> None:
    model = nn.Sequential(nn.Linear(3, 2))
    training.fit(model, None, (X, Y), checkpoint=tmp_path, **OPTIONS)
    damage(next(tmp_path.glob(pattern)))
    with pytest.raises(training.CheckpointError, match=message):
        training.fit(model, None, (X, Y), checkpoint=tmp_path, **OPTIONS)


def test_a_checkpoint_that_cannot_be_written_says_where(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(training.CheckpointError, match="file cannot be written"):
        save_checkpoint(tmp_path / "file", Checkpoint({}, {}, {}, {}))


def test_numbers_that_are_not_finite_survive_strict_json(tmp_path: Path) -> None:
    progress = {"history": [{"a": float("nan"), "b": float("-inf"), "c": 0.1}]}
    path = save_checkpoint(tmp_path, Checkpoint({}, {}, {}, progress))
    json.loads(path.read_text(), parse_constant=pytest.fail)
    row = load_checkpoint(tmp_path).progress["history"][0]
    assert np.isnan(row["a"])
    assert row["b"] == -np.inf
    assert row["c"] == 0.1
