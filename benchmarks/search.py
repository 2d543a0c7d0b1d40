"""The search: cost per trial beyond the objective, many trials in one store, batched training."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from concurrent.futures import Executor, wait
from functools import cache
from pathlib import Path

import numpy as np
import torch

from benchmarks.harness import Comparison, Goal, compare, ratio_goal, time_goal
from chainrule.experiments.pools import ProcessPool
from chainrule.search import (
    Execution,
    Objective,
    Search,
    Space,
    TrialStore,
    covering_radius,
    plan_search,
)
from chainrule.search.networks import Networks, train_networks
from chainrule.search.process_identity import this_process
from chainrule.search.trial import Result

NETWORKS, SIZES, BATCH, STEPS = 64, (784, 4, 1), 10, 60


def run() -> list[Goal]:
    """All measurements of this file."""
    return [*overhead(), *large_store(), *batched_training(), *covers()]


def nothing(x: float) -> float:
    """Cost nothing."""
    return x


def overhead() -> list[Goal]:
    """A search of an objective that costs nothing, in this process and in two warm ones."""
    space, count = Space.of(x=(0.0, 1.0)), 300
    plan = plan_search(space, "random", budget=count)
    objective = Objective("callable", nothing, names=("x",))

    def search(executor: str | Executor) -> Callable[[], object]:
        def once() -> object:
            with tempfile.TemporaryDirectory() as folder:
                made = Search(objective, space, plan, Path(folder) / "trials.sqlite")
                return made.run(Execution(executor, workers=2))

        return once

    with ProcessPool(2) as pool:
        found = compare(
            {"inline": search("inline"), "processes": search(pool)}, rounds=9, seconds_per_turn=0.1
        )
    scale = 1e3 / count
    return [
        time_goal(found, "a trial in this process beyond its objective, milliseconds", "inline",
                  scale, at_most=1.0),
        time_goal(found, "a trial in two processes beyond its objective, milliseconds",
                  "processes", scale, at_most=5.0),
    ]  # fmt: skip


def large_store() -> list[Goal]:
    """Claim and record with few and with 10,000 trials in the store."""
    with tempfile.TemporaryDirectory() as folder:
        stores = {
            count: _filled(Path(folder) / f"{count}.sqlite", count) for count in (100, 10_000)
        }
        owner = this_process()

        def claim_and_record(store: TrialStore) -> Callable[[], object]:
            store.join(owner)

            def once() -> object:
                (trial,) = store.claim(owner)
                store.record(owner, {trial.id: Result(None, {}, "again", 0.0)})
                return store._connection.execute(
                    "UPDATE trials SET state = 'waiting' WHERE id = ?", (trial.id,)
                )

            return once

        found = compare(
            {f"{count}": claim_and_record(store) for count, store in stores.items()}, rounds=15
        )
        for store in stores.values():
            store.close()
    return [
        time_goal(found, "claim and record among 10,000 trials, milliseconds", "10000", 1e3),
        ratio_goal(found, "claim and record: among 10,000 trials / among 100", "10000", "100"),
    ]


def _filled(path: Path, count: int) -> TrialStore:
    """Return a store, half of whose trials are done."""
    rows = [{"configuration": i, "rung": 0, "budget": None, "parameters": {"x": i / count},
             "seed": i, "shape": ""} for i in range(count)]  # fmt: skip
    store = TrialStore.create(path, {}, rows)
    store._connection.execute("UPDATE trials SET state = 'done' WHERE id <= ?", (count // 2,))
    return store


@cache
def _data() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    inputs = generator.random((BATCH * STEPS, SIZES[0]), dtype=np.float32)
    return inputs, np.sign(inputs[:, :1] - 0.5)


def _train(numbers: list[int]) -> np.ndarray:
    """Train networks by number together; each number is a seed and a learning rate."""
    inputs, targets = _data()
    networks = Networks.drawn(SIZES, numbers, [1.0] * len(numbers))
    rates = [_rate(number) for number in numbers]
    train_networks(networks, inputs, targets, rates, epochs=1, batch_size=BATCH)
    return np.mean((networks.activations(inputs)[-1] - targets) ** 2, axis=(1, 2))


def _train_each(numbers: list[int]) -> list[float]:
    return [float(_train([number])[0]) for number in numbers]


def _rate(number: int) -> float:
    return float(10 ** (-4 + 3 * number / NETWORKS))


def _train_each_in_torch(numbers: list[int]) -> list[float]:
    """The same trainings as a PyTorch user writes them."""
    inputs, targets = (torch.from_numpy(each) for each in _data())
    losses = []
    for number in numbers:
        drawn = Networks.drawn(SIZES, [number], [1.0])
        model = torch.nn.Sequential(
            torch.nn.Linear(SIZES[0], SIZES[1]), torch.nn.Tanh(), torch.nn.Linear(SIZES[1], 1)
        )
        with torch.no_grad():
            model[0].weight.copy_(torch.from_numpy(drawn.first))
            model[2].weight.copy_(torch.from_numpy(drawn.weights[0][0].T))
            model[0].bias.zero_()
            model[2].bias.zero_()
        optimizer = torch.optim.SGD(model.parameters(), lr=_rate(number))
        order = torch.from_numpy(np.random.default_rng(0).permutation(len(inputs)))
        for chosen in order.split(BATCH):
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(inputs[chosen]), targets[chosen])
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            losses.append(float(torch.nn.functional.mse_loss(model(inputs), targets)))
    return losses


def batched_training() -> list[Goal]:
    """64 learning rates of 784-4-1 at batch 10: together, in two warm processes, in PyTorch."""
    torch.set_num_threads(1)
    numbers = list(range(NETWORKS))
    with ProcessPool(2) as pool:

        def in_the_pool() -> list[float]:
            parts = [pool.submit(_train_each, numbers[start::2]) for start in range(2)]
            wait(parts)
            return [loss for part in parts for loss in part.result()]

        together = _train(numbers)
        assert np.allclose(together[::2], in_the_pool()[:32], rtol=1e-3)
        assert np.allclose(together, _train_each_in_torch(numbers), rtol=1e-3)
        found: Comparison = compare(
            {
                "together": lambda: _train(numbers),
                "pool": in_the_pool,
                "torch": lambda: _train_each_in_torch(numbers),
            },
            rounds=9,
            seconds_per_turn=0.05,
        )
    name = "64 learning rates of 784-4-1, batch 10"
    return [
        ratio_goal(found, f"{name}: two warm processes / one program", "pool", "together",
                   at_least=2.0),
        ratio_goal(found, f"{name}: PyTorch trial by trial / one program", "torch", "together",
                   at_least=25.0),
    ]  # fmt: skip


def covers() -> list[Goal]:
    """The hole that equally many trials of other strategies leave, relative to a cover's."""
    space = Space.of(a=(0.0, 1.0), b=(0.0, 1.0), c=(0.0, 1.0), d=(0.0, 1.0))

    def radius(strategy: str) -> float:
        plan = plan_search(space, strategy, budget=256)
        return covering_radius(space, plan.configurations).upper

    cover = radius("cover")
    return [
        Goal(f"256 trials on 4 axes: hole of {strategy} / of a minimal cover", ratio, ratio, ratio)
        for strategy in ("sobol", "latin-hypercube", "random")
        for ratio in [radius(strategy) / cover]
    ]  # fmt: skip
