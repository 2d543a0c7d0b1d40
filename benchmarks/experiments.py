"""Trainings of the experiments against the PyTorch scripts that do the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from benchmarks.harness import Comparison, Goal, compare, ratio_goal, time_goal
from chainrule.experiments import parity_training as parity
from chainrule.experiments.digits_3_vs_9_derivatives import build
from chainrule.experiments.digits_3_vs_9_training import Network


def run() -> list[Goal]:
    """All measurements of this file."""
    return [*digits(), *parities()]


# --- digits-3-vs-9 --------------------------------------------------------------------------------

IMAGES = 12_080


def digits() -> list[Goal]:
    """The 22 trainings of 001 §1 (e) and (f) on as many images as MNIST has of a 3 or a 9, float32.

    Timed is one epoch of each setting, of part (f) a part of one; what is left out is more of the
    same, and enters by its number.
    """
    rng = np.random.default_rng(0)
    x = (rng.random((IMAGES, 784)) * (rng.random((IMAGES, 784)) < 0.2)).astype(np.float32)
    y = rng.choice([-1.0, 1.0], (IMAGES, 1)).astype(np.float32)
    steps = 500
    # activation, width, batch size, images timed, and how many epochs of how many images it is for
    settings = [("relu", 16, size, IMAGES, 10 + 20 + 40) for size in (10, 50, 100, 200)]
    settings += [
        (name, width, 1, steps, 10 * IMAGES / steps)
        for name in ("tanh", "relu")
        for width in (2, 4, 8, 16, 32)
    ]
    times: dict[str, list[np.ndarray]] = {"e": [], "f": []}
    names = ("ours", "torch")
    for activation, width, size, count, weight in settings:
        contestants = _digits(x, y, activation, width, size, rng.permutation(IMAGES)[:count])
        found = compare(contestants, rounds=5, seconds_per_turn=0.02)
        part = "e" if size > 1 else "f"
        times[part].append(weight * np.array([found.seconds[name] for name in names]))
    parts = {part: sum(each) for part, each in times.items()}
    goals = []
    for title, seconds in (
        ("part (e)", parts["e"]), ("part (f)", parts["f"]), ("all 22", parts["e"] + parts["f"]),
    ):  # fmt: skip
        found = Comparison({name: row.tolist() for name, row in zip(names, seconds, strict=True)})
        least = 10 if title == "all 22" else None
        statement = f"digits-3-vs-9 on MNIST, {title}: PyTorch / ours"
        goals += [
            ratio_goal(found, statement, "torch", "ours", at_least=least),
            time_goal(found, f"digits-3-vs-9 on MNIST, {title}: ours, seconds", "ours", 1),
        ]
    return goals


def _digits(
    x: np.ndarray, y: np.ndarray, activation: str, width: int, size: int, order: np.ndarray
) -> dict[str, Callable[[], Any]]:
    """An epoch over `order` for each contestant, which agree on the loss of the first."""
    rate = 0.001
    network = Network(x.shape[1], width, activation, "float32")
    start = build(
        x.shape[1], [(width, activation), (1, "linear")], np.random.default_rng(1), "float32"
    )
    network.start(start)
    kind = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh}[activation]
    model = torch.nn.Sequential(
        torch.nn.Linear(x.shape[1], width), kind(), torch.nn.Linear(width, 1)
    )
    for own, layer in zip((model[0], model[2]), start.layers, strict=True):
        own.weight.data, own.bias.data = torch.tensor(layer.W), torch.tensor(layer.b[:, 0])
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    inputs, targets, shuffled = torch.tensor(x), torch.tensor(y), torch.tensor(order)
    squared = torch.nn.MSELoss()

    def ours() -> float:
        with threadpool_limits(1, "blas"):
            return network.program.epoch((x, y), order, size, rate)

    def rival() -> float:
        torch.set_num_threads(1)  # a second only costs at this size
        total = torch.zeros(())
        for chosen in shuffled.split(size):
            optimizer.zero_grad()
            loss = squared(model(inputs[chosen]), targets[chosen]) / 2
            loss.backward()
            optimizer.step()
            total += len(chosen) * loss.detach()
        return total.item() / len(order)

    losses = ours(), rival()
    assert abs(losses[0] - losses[1]) < 1e-3 * abs(losses[1]), losses
    return {"ours": ours, "torch": rival}


# --- parity ---------------------------------------------------------------------------------------

STEPS = 400
DIMENSIONS = (5, 10, 30)


def parities() -> list[Goal]:
    """Steps of the three trainings of 001 §3 (b): k = 10d, batch 100, momentum, float32."""
    found = {d: compare(_parity(d), rounds=7, seconds_per_turn=0.05) for d in DIMENSIONS}
    goals = []
    for d, each in found.items():
        name = f"parity, d = {d}"
        goals += [
            ratio_goal(each, f"{name}: PyTorch / ours", "torch", "ours"),
            time_goal(each, f"{name}: ours, microseconds per step", "ours", 1e6 / STEPS),
        ]
    names = ("ours", "torch", "hand-out")
    turns = {
        name: zip(*(each.seconds[name] for each in found.values()), strict=True) for name in names
    }
    together = Comparison({name: [sum(turn) for turn in each] for name, each in turns.items()})
    goals += [
        ratio_goal(together, "parity, all three: PyTorch / ours", "torch", "ours", at_least=3),
        ratio_goal(together, "parity, all three: PyTorch drawing data as the hand-out / ours",
                   "hand-out", "ours"),
    ]  # fmt: skip
    return goals


def _parity(d: int) -> dict[str, Callable[[], Any]]:
    """STEPS steps for each contestant; all but the hand-out's draw the same data in advance."""
    v = parity.secret(d, d // 2)
    start = parity.two_layers(d, 10 * d, np.random.default_rng(0))
    data = list(parity.batches(v, 100, STEPS, np.random.default_rng(1)))
    tensors = [(torch.from_numpy(x.copy()), torch.from_numpy(y.copy())) for x, y in data]

    def ours() -> float:
        curve = parity.train(
            parity.two_layer_scores, start, v, np.random.default_rng(1), steps=STEPS, points=1
        )
        return curve.losses[-1]

    def rival(draws: bool) -> Callable[[], float]:
        mask, generator = v.astype(int), np.random.default_rng(1)

        def steps() -> float:
            torch.set_num_threads(1)  # a second only costs at this size
            model = torch.nn.Sequential(
                torch.nn.Linear(d, 10 * d), torch.nn.ReLU(), torch.nn.Linear(10 * d, 1)
            )
            values = (start["W"], start["b"], start["alpha"][None], start["beta"][None])
            for parameter, value in zip(model.parameters(), values, strict=True):
                parameter.data = torch.tensor(value)
            optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
            total = torch.zeros(())
            for x, y in tensors:
                if draws:  # as DataGen of the hand-out
                    X = generator.integers(2, size=(100, d))
                    x, y = torch.tensor(X).float(), torch.tensor(1 - 2 * (X @ mask % 2))
                optimizer.zero_grad()
                loss = torch.mean(torch.relu(1 - y * model(x)[:, 0]))
                loss.backward()
                optimizer.step()
                total += loss.detach()
            return total.item() / STEPS

        return steps

    contestants = {"ours": ours, "torch": rival(False), "hand-out": rival(True)}
    losses = {name: contestant() for name, contestant in contestants.items()}
    assert abs(losses["torch"] - losses["ours"]) < 1e-4, losses

    def limited() -> float:
        with threadpool_limits(1, "blas"):
            return ours()

    return {**contestants, "ours": limited}
