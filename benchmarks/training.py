"""Training: epochs against PyTorch's loops, optimizers side by side, many networks at once."""

from __future__ import annotations

import functools
import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from threadpoolctl import threadpool_limits

from benchmarks import rivals
from benchmarks.harness import Comparison, Goal, compare, ratio_goal
from benchmarks.rivals import Task, make_task
from chainrule import nn, optim, training
from chainrule.training.batches import Batches
from chainrule.training.loop import _Run
from chainrule.training.objective import NetworkObjective
from chainrule.training.trainer import Trainer

FASHION = (784, 256, 128, 64, 10)
SQUARED = functools.partial(nn.squared_error, reduction="mean")


def run() -> list[Goal]:
    """All measurements of this file."""
    return [*fashion_epochs(), *seeds_at_once(), *border(), *parity(), *digits(), *fashion_mnist()]


def sequential(sizes: Sequence[int], activation: Any = nn.relu) -> nn.Sequential:
    """A network with an activation between its layers."""
    layers: list[Any] = []
    for fan_in, fan_out in itertools.pairwise(sizes):
        layers += [nn.Linear(fan_in, fan_out), activation]
    return nn.Sequential(*layers[:-1])


def ours(
    task: Task, optimizer: optim.Optimizer, loss: Any = None, threads: int = 1, fast: bool = False
) -> Callable[[], float]:
    """An epoch of `training.fit`, of which only the first compiles; it measures norms as usual."""
    loss = loss or (nn.cross_entropy if task.classifies else SQUARED)
    model = sequential(task.sizes)
    data = (task.x[task.order], task.y[task.order])
    sought = NetworkObjective(model, loss, None, data, task.x.dtype)
    trainer = Trainer(sought, model.init(0, task.x.dtype), optimizer)
    made = _Run(trainer, Batches(data, task.batch_size), None, None, fast)
    made.evaluate_train = False

    def epoch() -> float:
        with threadpool_limits(threads, "blas"):
            row = made.one_epoch()
        assert row is not None
        return row["train_loss"]

    return epoch


class PictureSet(torch.utils.data.Dataset):
    """What ``torchvision.datasets.FashionMNIST`` with ``ToTensor()`` does for each picture.

    An array becomes a PIL image, and that a tensor of floats within 0 and 1, one picture at a time;
    source: torchvision 0.28, ``datasets/mnist.py`` (``__getitem__``) and
    ``transforms/functional.py`` (``to_tensor``).
    """

    def __init__(self, pictures: np.ndarray, labels: np.ndarray) -> None:
        self.pictures, self.labels = torch.tensor(pictures), torch.tensor(labels)

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        picture = Image.fromarray(self.pictures[index].numpy())
        values = torch.from_numpy(np.array(picture, np.uint8, copy=True))
        values = values.view(picture.size[1], picture.size[0], 1).permute((2, 0, 1)).contiguous()
        return values.to(torch.get_default_dtype()).div(255), int(self.labels[index])


def torch_loader(task: Task, threads: int) -> Callable[[], float]:
    """PyTorch's tutorial: a DataLoader over the picture set, and its loop."""
    pictures = (task.x[task.order].reshape(-1, 28, 28) * 255).astype(np.uint8)
    pictures_and_labels = PictureSet(pictures, task.y[task.order])
    loader = torch.utils.data.DataLoader(
        pictures_and_labels, batch_size=task.batch_size, shuffle=True
    )
    layers: list[torch.nn.Module] = [torch.nn.Flatten()]
    for fan_in, fan_out in itertools.pairwise(task.sizes):
        layers += [torch.nn.Linear(fan_in, fan_out), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    optimizer = torch.optim.SGD(model.parameters(), lr=task.rate)
    criterion = torch.nn.CrossEntropyLoss()

    def epoch() -> float:
        torch.set_num_threads(threads)
        total = 0.0
        for images, labels in loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item()
        return total / len(loader)

    return epoch


def best_of(found: Comparison, names: list[str]) -> str:
    """The contestant with the smallest median."""
    return min(names, key=found.median)


def fashion_epochs() -> list[Goal]:
    """Epochs of 30 steps of the FashionMNIST network, batch 64."""
    task = make_task(FASHION, examples=1920, batch_size=64, steps=30)
    found = compare(
        {
            "sgd": ours(task, optim.sgd(task.rate)),
            "sgd, 2 threads": ours(task, optim.sgd(task.rate), threads=2),
            "adam": ours(task, optim.adam(1e-3)),
            "adam in one loop": ours(task, optim.adam(1e-3), fast=True),
            "torch": rivals.torch_script(task, 1),
            "torch, 2 threads": rivals.torch_script(task, 2),
            "loader": torch_loader(task, 1),
            "loader, 2 threads": torch_loader(task, 2),
        },
        rounds=7,
    )
    own = best_of(found, ["sgd", "sgd, 2 threads"])
    rival = best_of(found, ["torch", "torch, 2 threads"])
    loader = best_of(found, ["loader", "loader, 2 threads"])
    name = "784-256-128-64-10, batch 64"
    return [
        ratio_goal(found, f"{name}: DataLoader loop / SGD epoch", loader, own, at_least=4.5),
        ratio_goal(found, f"{name}: PyTorch in memory / SGD epoch", rival, own, at_least=1.25),
        ratio_goal(found, f"{name}: Adam / SGD", "adam", "sgd"),
        ratio_goal(
            found, f"{name}: Adam, fast=True / SGD", "adam in one loop", "sgd", at_most=1.15
        ),
        ratio_goal(found, f"{name}: one thread / two", "sgd", "sgd, 2 threads"),
    ]


def _runs(
    sizes: Sequence[int], batch_size: int, count: int, epochs: int, examples: int
) -> Callable[[bool | None], Callable[[], object]]:
    rng = np.random.default_rng(0)
    x = rng.random((examples, sizes[0]), dtype=np.float32)
    y = rng.choice([-1.0, 1.0], (examples, 1)).astype(np.float32)
    model = sequential(sizes, nn.tanh)

    def contestant(at_once: bool | None) -> Callable[[], object]:
        def once() -> object:
            return training.train_many(
                model, (x, y), loss=SQUARED, optimizer=optim.sgd(0.01), epochs=epochs,
                batch_size=batch_size, seeds=range(count), dtype=np.float32, at_once=at_once,
            )  # fmt: skip

        return once

    return contestant


def seeds_at_once() -> list[Goal]:
    """Sixteen seeds of 784-4-1, 2,000 steps of batch 10, with all that a call costs."""
    made = _runs((784, 4, 1), 10, 16, epochs=10, examples=2000)
    found = compare({"at once": made(True), "one by one": made(False)}, rounds=5)
    statement = "16 seeds of 784-4-1, batch 10: one after another / at once"
    return [ratio_goal(found, statement, "one by one", "at once", at_least=4)]


def border() -> list[Goal]:
    """Sizes on both sides of the border beyond which runs go one after another."""
    goals = []
    for sizes, batch_size, count in (
        ((20, 16, 1), 10, 16), ((784, 16, 1), 10, 16), ((784, 64, 1), 10, 8),
        ((784, 64, 1), 100, 8), ((256, 256, 1), 100, 4), ((784, 256, 1), 10, 4),
        ((784, 256, 1), 100, 4),
    ):  # fmt: skip
        made = _runs(sizes, batch_size, count, epochs=1, examples=100 * batch_size)
        found = compare({"chosen": made(None), "one by one": made(False)}, rounds=5)
        shown = "-".join(map(str, sizes))
        statement = f"{count} seeds of {shown}, batch {batch_size}: one after another / as chosen"
        goals.append(ratio_goal(found, statement, "one by one", "chosen", at_least=0.95))
    return goals


def parity() -> list[Goal]:
    """Steps of the parity trainings: d-10d-1, hinge loss, batch 100, d = 5, 10 and 30."""
    goals, totals = [], {"torch": 0.0, "ours": 0.0, "fast": 0.0}
    for d in (5, 10, 30):
        rng = np.random.default_rng(d)
        x = rng.integers(0, 2, (10_000, d)).astype(np.float32)
        y = np.where(x.sum(1, keepdims=True) % 2 == 0, 1, -1).astype(np.float32)
        task = Task((d, 10 * d, 1), x, y, np.arange(len(x)), 100, 0.01)
        found = compare(
            {
                "ours": ours(task, optim.sgd(0.01), nn.hinge),
                "fast": ours(task, optim.sgd(0.01), nn.hinge, fast=True),
                "torch": _torch_hinge(task),
            },
            rounds=7,
        )
        for name in totals:
            totals[name] += found.median(name)
        statement = f"parity, d = {d}: PyTorch / ours"
        goals.append(ratio_goal(found, statement, "torch", "ours"))
        goals.append(ratio_goal(found, f"{statement}, fast=True", "torch", "fast"))
    for name in ("ours", "fast"):
        ratio = totals["torch"] / totals[name]
        shown = "" if name == "ours" else ", fast=True"
        goals.append(
            Goal(f"parity, the three together: PyTorch / ours{shown}", ratio, ratio, ratio,
                 ">= 3", ratio >= 3)
        )  # fmt: skip
    return goals


def _torch_hinge(task: Task) -> Callable[[], float]:
    """As `rivals.torch_script`, with the hinge loss."""
    layers: list[torch.nn.Module] = []
    for fan_in, fan_out in itertools.pairwise(task.sizes):
        layers += [torch.nn.Linear(fan_in, fan_out), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    optimizer = torch.optim.SGD(model.parameters(), lr=task.rate)
    x, y = torch.tensor(task.x), torch.tensor(task.y)

    def epoch() -> float:
        torch.set_num_threads(1)
        total = torch.zeros(())
        for chosen in torch.randperm(len(x)).split(task.batch_size):
            optimizer.zero_grad()
            loss = torch.clamp(1 - y[chosen] * model(x[chosen]), min=0).mean()
            loss.backward()
            optimizer.step()
            total += loss.detach()
        return total.item()

    return epoch


def digits() -> list[Goal]:
    """Steps of the trainings of digits-3-vs-9: 784-width-1, squared error, batches 1 to 200."""
    goals = []
    weights = {"torch": 0.0, "ours": 0.0, "fast": 0.0}
    # part (e): width 16, batches 10 to 200; part (f): widths 2 to 32, batch 1
    for width, batch_size, share in ((16, 10, 70), (16, 50, 70), (16, 200, 140), (2, 1, 20),
                                     (8, 1, 60), (32, 1, 20)):  # fmt: skip
        task = make_task((784, width, 1), 2000, batch_size, 2000 // batch_size)
        found = compare(
            {
                "ours": ours(task, optim.sgd(0.02)),
                "fast": ours(task, optim.sgd(0.02), fast=True),
                "torch": rivals.torch_script(task),
            },
            rounds=5,
        )
        for name in weights:
            weights[name] += share * found.median(name)
        statement = f"784-{width}-1, batch {batch_size}: PyTorch in memory / ours"
        goals.append(ratio_goal(found, statement, "torch", "ours"))
        goals.append(ratio_goal(found, f"{statement}, fast=True", "torch", "fast"))
    for name in ("ours", "fast"):
        ratio = weights["torch"] / weights[name]
        shown = "" if name == "ours" else ", fast=True"
        goals.append(
            Goal(f"digits-3-vs-9, 22 trainings, estimated: PyTorch / ours{shown}", ratio, ratio,
                 ratio, ">= 10", ratio >= 10)
        )  # fmt: skip
    return goals


def fashion_mnist() -> list[Goal]:
    """The whole training of the experiment fashion-mnist, if FashionMNIST is there."""
    if not os.environ.get("CHAINRULE_DATA"):
        print("set CHAINRULE_DATA to measure the accuracy on FashionMNIST")
        return []
    from chainrule.experiments.fashion_mnist import EXPERIMENT
    from chainrule.experiments.runner import run_experiment

    accuracies, seconds = [], []
    for seed in range(3):
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            values = run_experiment(
                EXPERIMENT, preset="full", data="real", seed=seed, output=Path(folder) / "run"
            ).result["values"]
        seconds.append(time.perf_counter() - start)
        accuracies.append(values["test_accuracy"])
    accuracy, taken = statistics.median(accuracies), statistics.median(seconds)
    return [
        Goal("FashionMNIST: test accuracy", accuracy, min(accuracies), max(accuracies),
             ">= 0.895", accuracy >= 0.895),
        Goal("FashionMNIST: seconds in all, with reading, measuring and the page", taken,
             min(seconds), max(seconds), "<= 20", taken <= 20),
    ]  # fmt: skip
