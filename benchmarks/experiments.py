"""Trainings of the experiments against the PyTorch scripts that do the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from benchmarks.harness import Comparison, Goal, compare, ratio_goal, time_goal
from chainrule.experiments import parity_training as parity


def run() -> list[Goal]:
    """All measurements of this file."""
    return [*parities()]


# --- parity ---------------------------------------------------------------------------------------

STEPS = 400
DIMENSIONS = (5, 10, 30)


def parities() -> list[Goal]:
    """Steps of the three trainings of 001 §3 (b): k = 10d, batch 100, momentum, float32."""
    found = {d: compare(_parity(d), rounds=9, seconds_per_turn=0.05) for d in DIMENSIONS}
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
