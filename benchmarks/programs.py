"""Plans and kernels against PyTorch, JAX, HIPS autograd and hand-written code."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable
from typing import Any

import autograd
import autograd.numpy as anp
import numpy as np
from threadpoolctl import threadpool_limits

import chainrule as cr
from benchmarks import rivals
from benchmarks.harness import Comparison, Goal, compare, ratio_goal, time_goal
from benchmarks.rivals import Task, make_task
from chainrule.programs.epochs import SgdProgram
from chainrule.programs.plan import Plan
from chainrule.programs.simplify import simplify
from chainrule.programs.source import graph_source


def run() -> list[Goal]:
    """All measurements of this file."""
    trained = [*small_network(), *classifier(), *value_and_gradient()]
    return [*trained, *compiling(), *drawing(), *scaling()]


def network_loss(task: Task) -> Callable[..., Any]:
    """The loss of a task, as a user of this library writes it."""

    def squared_error(params: Any, x: Any, y: Any) -> Any:
        h = x
        for layer in params[:-1]:
            h = np.maximum(h @ layer["W"] + layer["b"], 0)
        e = h @ params[-1]["W"] + params[-1]["b"] - y
        return np.mean(e * e) / 2

    def cross_entropy(params: Any, x: Any, y: Any) -> Any:
        h = x
        for layer in params[:-1]:
            h = np.maximum(h @ layer["W"] + layer["b"], 0)
        z = h @ params[-1]["W"] + params[-1]["b"]
        return -np.mean(cr.log_softmax(z)[np.arange(len(y)), y])

    return cross_entropy if task.classifies else squared_error


def ours(task: Task, fast: bool, threads: int = 1) -> Callable[[], float]:
    """An epoch of this library."""
    program = SgdProgram(network_loss(task), task.parameters(), fast=fast)

    def epoch() -> float:
        return program.epoch((task.x, task.y), task.order, task.batch_size, task.rate)

    if threads == 1:
        return epoch

    def threaded() -> float:
        with threadpool_limits(threads, "blas"):
            return epoch()

    return threaded


def agree(contestants: dict[str, Callable[[], Any]], tolerance: float) -> None:
    """Check that all contestants compute the same: the loss of a second epoch."""
    losses = {name: [contestant(), contestant()][1] for name, contestant in contestants.items()}
    expected = statistics.median(losses.values())
    for name, loss in losses.items():
        assert abs(loss - expected) <= tolerance * abs(expected), (name, losses)


def faster_of(found: Comparison, names: list[str]) -> str:
    """The contestant with the smallest median."""
    return min(names, key=found.median)


def small_network() -> list[Goal]:
    """Epochs of 100 steps of 784-4-1, ReLU and half the mean squared error, batch 10, float32."""
    task = make_task((784, 4, 1), examples=2000, batch_size=10, steps=100)
    contestants = {
        "plan": ours(task, fast=False),
        "fast": ours(task, fast=True),
        "torch": rivals.torch_script(task),
        "torch functional": rivals.torch_functional(task),
        "torch compiled": rivals.torch_script(task, compiled=True),
        "jax step": rivals.jax_step(task),
        "jax scan": rivals.jax_scan(task, gather_first=True),
        "jax scan, gathering": rivals.jax_scan(task, gather_first=False),
        "numpy": rivals.planned_numpy(task),
        "loop": rivals.fused_loop(task),
    }
    agree(contestants, 1e-4)
    found = compare(contestants)
    scan = faster_of(found, ["jax scan", "jax scan, gathering"])
    name = "784-4-1, batch 10"
    return [
        ratio_goal(found, f"{name}: PyTorch eager / plan", "torch", "plan", at_least=12),
        ratio_goal(found, f"{name}: JAX scanned epoch / plan", scan, "plan", at_least=0.9),
        ratio_goal(found, f"{name}: plan / planned NumPy by hand", "plan", "numpy", at_most=1.2),
        ratio_goal(found, f"{name}: PyTorch eager / fast", "torch", "fast", at_least=35),
        ratio_goal(found, f"{name}: JAX scanned epoch / fast", scan, "fast", at_least=2),
        ratio_goal(found, f"{name}: fast / hand-fused loop", "fast", "loop", at_most=1.3),
        ratio_goal(
            found, f"{name}: PyTorch without modules and optimizer / plan",
            "torch functional", "plan",
        ),
        ratio_goal(
            found, f"{name}: PyTorch without modules and optimizer / fast",
            "torch functional", "fast",
        ),
        ratio_goal(found, f"{name}: torch.compile / plan", "torch compiled", "plan"),
        ratio_goal(found, f"{name}: torch.compile / fast", "torch compiled", "fast"),
        ratio_goal(found, f"{name}: JAX jitted step / plan", "jax step", "plan"),
        time_goal(found, f"{name}: plan, microseconds per step", "plan", 1e6 / task.steps),
        time_goal(found, f"{name}: fast, microseconds per step", "fast", 1e6 / task.steps),
    ]  # fmt: skip


def classifier() -> list[Goal]:
    """Epochs of 10 steps of 784-256-128-64-10, softmax cross-entropy, batch 64, float32."""
    task = make_task((784, 256, 128, 64, 10), examples=2000, batch_size=64, steps=10)
    trained = {
        "plan": ours(task, fast=False),
        "plan, 2 threads": ours(task, fast=False, threads=2),
        "fast": ours(task, fast=True),
        "torch": rivals.torch_script(task, threads=1),
        "torch, 2 threads": rivals.torch_script(task, threads=2),
        "torch functional": rivals.torch_functional(task, threads=1),
        "torch functional, 2 threads": rivals.torch_functional(task, threads=2),
        "jax scan": rivals.jax_scan(task, gather_first=False),
    }
    agree(trained, 1e-3)
    found = compare({**trained, "products": rivals.products_alone(task)})
    rival = faster_of(found, ["torch", "torch, 2 threads"])
    least = faster_of(found, ["torch functional", "torch functional, 2 threads"])
    own = faster_of(found, ["plan", "plan, 2 threads"])
    pairs = itertools.pairwise(task.sizes)
    products = sum(6 * task.batch_size * m * n for m, n in pairs)
    products -= 2 * task.batch_size * task.sizes[0] * task.sizes[1]  # none for the data
    rate = task.steps * products / found.median("products") / 1e9
    name = "784-256-128-64-10, batch 64"
    return [
        ratio_goal(found, f"{name}: {rival} / {own}", rival, own, at_least=1.3),
        ratio_goal(
            found, f"{name}: rate of products, plan / alone ({rate:.0f} GFLOP/s)",
            "products", "plan", at_least=0.75,
        ),
        ratio_goal(found, f"{name}: {least} / {own}", least, own),
        ratio_goal(found, f"{name}: JAX scanned epoch / {own}", "jax scan", own),
        ratio_goal(found, f"{name}: plan / fast", "plan", "fast"),
        time_goal(found, f"{name}: plan, microseconds per step", "plan", 1e6 / task.steps),
    ]  # fmt: skip


def value_and_gradient() -> list[Goal]:
    """Value and gradient of a 16-32-1 tanh network with mean squared error, batch 32, float64."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(32, 16)), rng.normal(size=(32, 1))
    params = {
        "W1": rng.normal(size=(16, 32)) / 4, "b1": np.zeros(32),
        "W2": rng.normal(size=(32, 1)) / 6, "b2": np.zeros(1),
    }  # fmt: skip

    def loss(p: Any, x: Any, y: Any, tanh: Any = np.tanh, mean: Any = np.mean) -> Any:
        h = tanh(x @ p["W1"] + p["b1"])
        e = h @ p["W2"] + p["b2"] - y
        return mean(e * e)

    def by_hand(p: dict[str, np.ndarray], x: np.ndarray, y: np.ndarray) -> Any:
        h = np.tanh(x @ p["W1"] + p["b1"])
        e = h @ p["W2"] + p["b2"] - y
        value = np.mean(e * e)
        e_bar = e * (2 / e.size)
        z_bar = (e_bar @ p["W2"].T) * (1 - h * h)
        return value, {
            "W1": x.T @ z_bar, "b1": z_bar.sum(0), "W2": h.T @ e_bar, "b2": e_bar.sum(0),
        }  # fmt: skip

    compiled = cr.value_and_grad(lambda p, x, y: loss(p, x, y), compile=True)
    rival = autograd.value_and_grad(lambda p, x, y: loss(p, x, y, anp.tanh, anp.mean))
    expected_value, expected = by_hand(params, x, y)
    for value, gradient in (compiled(params, x, y), rival(params, x, y)):
        assert abs(value - expected_value) < 1e-12
        assert all(np.allclose(gradient[k], expected[k], rtol=1e-12) for k in params)
    found = compare(
        {
            "compiled": lambda: compiled(params, x, y),
            "by hand": lambda: by_hand(params, x, y),
            "autograd": lambda: rival(params, x, y),
        }
    )
    name = "16-32-1 tanh, batch 32, value and gradient"
    return [
        ratio_goal(found, f"{name}: compiled / by hand", "compiled", "by hand", at_most=1.2),
        ratio_goal(found, f"{name}: HIPS autograd / compiled", "autograd", "compiled", at_least=12),
    ]


def compiling() -> list[Goal]:
    """From a new function to its first result: check, trace, differentiate, simplify, compile."""
    task = make_task((784, 256, 128, 64, 10), examples=64, batch_size=64, steps=1)
    params = task.parameters()

    def first_call() -> Any:
        return cr.value_and_grad(network_loss(task), compile=True)(params, task.x, task.y)

    found = compare({"first call": first_call}, rounds=15, seconds_per_turn=0.05)
    statement = "compiling 784-256-128-64-10, first call included, milliseconds"
    return [time_goal(found, statement, "first call", 1e3, at_most=20)]


def drawing() -> list[Goal]:
    """Pictures of a network of 60 layers: 300 forward nodes."""
    task = make_task((8,) * 60 + (3,), examples=16, batch_size=16, steps=1)
    graph = cr.trace(network_loss(task), task.parameters(), task.x, task.y)
    found = compare(
        {
            "forward": lambda: graph.svg(),
            "both passes": lambda: graph.svg(backward="graph"),
            "collapsed": lambda: graph.svg(collapse=True),
        },
        rounds=7,
        seconds_per_turn=0.05,
    )
    name = f"SVG of {len(graph)} nodes"
    return [
        time_goal(found, f"{name}, values and derivatives, seconds", "forward", 1, at_most=1),
        time_goal(found, f"{name} and their backward pass, seconds", "both passes", 1, at_most=1),
        time_goal(found, f"{name}, equal layers as one card, seconds", "collapsed", 1),
    ]


def scaling() -> list[Goal]:
    """Unrolled recurrences of 10,000 and 100,000 nodes: processor time per node must not grow."""
    stages = ("trace", "backward graph", "simplify", "source", "plan", "execute")

    def recurrence(w: Any, x: Any, h: Any, steps: int) -> Any:
        for _ in range(steps):
            h = np.tanh(w * h + x)
        return h

    def seconds(nodes: int) -> list[float]:
        """Of each stage, by nodes of the simplified graph with its backward pass."""
        times = [time.process_time()]
        graph = cr.trace(recurrence, 0.5, 0.1, 0.0, nodes // 10)
        times.append(time.process_time())
        graph = graph.backward()
        times.append(time.process_time())
        graph = simplify(graph)
        times.append(time.process_time())
        assert 0.9 * nodes < len(graph) < 1.1 * nodes
        graph_source(graph)
        times.append(time.process_time())
        plan = Plan(graph)
        times.append(time.process_time())
        plan.execute([0.5, 0.1, 0.0])
        times.append(time.process_time())
        return [(b - a) / nodes for a, b in itertools.pairwise(times)]

    rounds = [(seconds(10_000), seconds(100_000)) for _ in range(3)]
    goals = []
    for number, stage in enumerate((*stages, "all together")):
        part = slice(number, number + 1) if stage in stages else slice(None)
        pair = Comparison(
            {
                "small": [sum(small[part]) for small, _ in rounds],
                "large": [sum(large[part]) for _, large in rounds],
            }
        )
        goals += [
            ratio_goal(
                pair, f"recurrence, {stage}: time per node at 100,000 / at 10,000 nodes",
                "large", "small", at_most=1.5 if stage == "all together" else None,
            ),
            time_goal(pair, f"recurrence, {stage}: microseconds per node", "large", 1e6),
        ]  # fmt: skip
    return goals
