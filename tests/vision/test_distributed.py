"""Two processes on the loopback train as one does; a killed one is resumed, also by one alone."""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the vision extra is not installed")
import torch

from chainrule.vision.distributed import World, join
from chainrule.vision.errors import VisionError
from chainrule.vision.training import train

WORKER = Path(__file__).with_name("distributed_worker.py")
_spec = importlib.util.spec_from_file_location("distributed_worker", WORKER)
assert _spec is not None
assert _spec.loader is not None
worker = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(worker)


def start(folder: Path, processes: int = 2, **options: Any) -> list[int]:
    """Run the worker in so many processes; their exit codes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder.mkdir(exist_ok=True)
    running = []
    for rank in range(processes):
        variables = {
            "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "RANK": str(rank),
            "WORLD_SIZE": str(processes), "LOCAL_RANK": str(rank), "OMP_NUM_THREADS": "1",
            "CUDA_VISIBLE_DEVICES": "",
        }  # fmt: skip
        words = [sys.executable, str(WORKER), str(folder), json.dumps(options)]
        running.append(
            subprocess.Popen(words, env=os.environ | variables, stderr=subprocess.PIPE, text=True)
        )
    try:
        return [(process.communicate(timeout=120), process.returncode)[1] for process in running]
    finally:
        for process in running:
            process.kill()
            process.wait()


def found(folder: Path, rank: int = 0) -> dict[str, np.ndarray]:
    with np.load(folder / f"rank{rank}.npz") as file:
        return dict(file)


def close(first: dict[str, np.ndarray], second: dict[str, np.ndarray], tolerance: float) -> None:
    assert first.keys() == second.keys()
    for name, value in first.items():
        np.testing.assert_allclose(value, second[name], rtol=0, atol=tolerance, err_msg=name)


def alone(folder: Path, **changes: Any) -> dict[str, np.ndarray]:
    model = worker.network(False)
    history = train(model, *worker.sets(), worker.settings(**changes), checkpoint=folder / "alone")
    values = {name: value.numpy() for name, value in model.state_dict().items()}
    gradients = {f"gradient {n}": p.grad.numpy() for n, p in model.named_parameters()}
    accuracy = np.array([row.train_accuracy for row in history])
    return values | gradients | {"accuracy": accuracy}


def test_two_processes_have_the_gradient_of_one(tmp_path: Path) -> None:
    """93 images in batches of 31: shares of 15 and 16. After one step all of it agrees."""
    one = {"epochs": 1, "batch_size": 47, "rate": 0.0, "weight_decay": 0.0}
    assert start(tmp_path, settings=one) == [0, 0]
    first, second = found(tmp_path, 0), found(tmp_path, 1)
    close(first, second, 0)
    close(first, alone(tmp_path, **one | {"batch_size": 94}), 1e-6)


def test_the_rate_grows_with_the_processes_after_a_warm_up() -> None:
    """In the second epoch two processes use twice the rate; gradients are those of the batch."""
    import types

    from chainrule.vision.training import _Loop

    training, _ = worker.sets()
    optimizer = types.SimpleNamespace(param_groups=[{}])
    for size, expected in ((1, [0.02, 0.02, 0.02]), (4, [0.02, 0.05, 0.08])):
        world = World(0, size, torch.device("cpu"))
        loop = _Loop(None, training, worker.settings(), None, world, optimizer)  # type: ignore[arg-type]
        rates = [loop._set_rate(*at) for at in ((0, 0), (0, 46.5), (3, 0))]
        np.testing.assert_allclose(rates, expected)


def test_a_killed_process_ends_the_run_which_two_or_one_resume(tmp_path: Path) -> None:
    assert start(tmp_path / "whole", normalise=True) == [0, 0]
    killed = start(tmp_path / "killed", normalise=True, die_at=[1, 62])
    assert killed[1] == 9
    assert killed[0] != 0
    checkpoint = (tmp_path / "killed" / "checkpoint").read_bytes()
    assert start(tmp_path / "killed", normalise=True) == [0, 0]
    close(found(tmp_path / "killed"), found(tmp_path / "whole"), 0)
    (tmp_path / "fewer").mkdir()
    (tmp_path / "fewer" / "checkpoint").write_bytes(checkpoint)
    history = train(
        worker.network(True), *worker.sets(), worker.settings(),
        checkpoint=tmp_path / "fewer" / "checkpoint",
    )  # fmt: skip
    assert history[0].train_accuracy == found(tmp_path / "whole")["accuracy"][0]
    assert np.isfinite(history[1].train_loss)


def test_images_are_shared_without_gaps() -> None:
    for size in (1, 2, 3, 7):
        worlds = [World(rank, size, torch.device("cpu")) for rank in range(size)]
        for start_, end in ((0, 7), (5, 33), (10, 110)):
            parts = [world.share(start_, end) for world in worlds]
            assert parts[0][0] == start_
            assert parts[-1][1] == end
            assert all(a[1] == b[0] for a, b in itertools.pairwise(parts))


def test_one_process_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert join().size == 1


def test_too_few_images_are_refused() -> None:
    world = World(0, 100, torch.device("cpu"))
    from chainrule.vision.training import _Loop

    with pytest.raises(VisionError, match="93 images cannot be shared by 100 processes"):
        _Loop(None, worker.sets()[0], worker.settings(), None, world, None)  # type: ignore[arg-type]


def test_an_address_that_nobody_answers_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"WORLD_SIZE": "2", "RANK": "1", "CUDA_VISIBLE_DEVICES": ""}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    with pytest.raises(VisionError, match=r"Process 1 of 2 cannot reach the others .* interface"):
        join()
