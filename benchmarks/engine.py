"""The eager engine: cost per traced operation, and a small network against its rivals."""

from __future__ import annotations

import subprocess
import sys

import autograd
import autograd.numpy as anp
import numpy as np
import torch

import chainrule as cr
from benchmarks.harness import Comparison, Goal, compare, ratio_goal, time_goal
from chainrule.engine.tracing import Trace

OPERATIONS = 50


def run() -> list[Goal]:
    """All measurements of this file."""
    return [*operations(), *network(), *importing()]


def operations() -> list[Goal]:
    """A chain of 50 sines of a scalar and of ten numbers: recording it, and its gradient."""
    small = np.linspace(0.1, 1.0, 10)

    def chain(x: object, sine: object = np.sin) -> object:
        for _ in range(OPERATIONS):
            x = sine(x)  # type: ignore[operator]
        return x

    def record_only(value: object) -> None:
        recording = Trace()
        chain(recording.placeholder(value))
        recording.close()

    gradient = cr.grad(chain)
    rival = autograd.grad(lambda x: chain(x, anp.sin))

    def torch_gradient() -> None:
        x = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
        chain(x, torch.sin).backward()  # type: ignore[attr-defined]

    found = compare(
        {
            "record scalar": lambda: record_only(np.float64(0.5)),
            "record array": lambda: record_only(small),
            "gradient": lambda: gradient(0.5),
            "autograd": lambda: rival(0.5),
            "torch": torch_gradient,
        }
    )
    per_operation = 1e6 / OPERATIONS
    return [
        time_goal(
            found,
            "tracing one operation on a scalar, microseconds",
            "record scalar",
            per_operation,
            at_most=2.5,
        ),
        time_goal(
            found,
            "tracing one operation on 10 numbers, microseconds",
            "record array",
            per_operation,
            at_most=2.5,
        ),
        time_goal(
            found,
            "value and gradient per operation, microseconds",
            "gradient",
            per_operation,
        ),
        ratio_goal(found, "chain of sines: HIPS autograd takes longer by", "autograd", "gradient"),
        ratio_goal(found, "chain of sines: PyTorch takes longer by", "torch", "gradient"),
    ]


def network() -> list[Goal]:
    """Value and gradient of a 16-32-1 tanh network with mean squared error, batch 32, float64."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(32, 16)), rng.normal(size=(32, 1))
    params = {
        "W1": rng.normal(size=(16, 32)) / 4,
        "b1": np.zeros(32),
        "W2": rng.normal(size=(32, 1)) / 6,
        "b2": np.zeros(1),
    }

    def loss(p: dict[str, np.ndarray]) -> np.ndarray:
        h = np.tanh(x @ p["W1"] + p["b1"])
        e = h @ p["W2"] + p["b2"] - y
        return np.mean(e * e)

    def by_hand(p: dict[str, np.ndarray]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        h = np.tanh(x @ p["W1"] + p["b1"])
        e = h @ p["W2"] + p["b2"] - y
        value = np.mean(e * e)
        e_bar = e * (2 / e.size)
        z_bar = (e_bar @ p["W2"].T) * (1 - h * h)
        return value, {
            "W1": x.T @ z_bar,
            "b1": z_bar.sum(0),
            "W2": h.T @ e_bar,
            "b2": e_bar.sum(0),
        }

    ours = cr.value_and_grad(loss)

    def rival_loss(p: dict[str, np.ndarray]) -> np.ndarray:
        h = anp.tanh(anp.dot(x, p["W1"]) + p["b1"])
        e = anp.dot(h, p["W2"]) + p["b2"] - y
        return anp.mean(e * e)

    rival = autograd.value_and_grad(rival_loss)
    tensors = {k: torch.tensor(v, requires_grad=True) for k, v in params.items()}
    tx, ty = torch.tensor(x), torch.tensor(y)

    def torch_gradient() -> float:
        for tensor in tensors.values():
            tensor.grad = None
        h = torch.tanh(tx @ tensors["W1"] + tensors["b1"])
        e = h @ tensors["W2"] + tensors["b2"] - ty
        value = (e * e).mean()
        value.backward()
        return value.item()

    value, gradient = ours(params)
    expected_value, expected = by_hand(params)
    assert abs(value - expected_value) < 1e-12
    assert all(np.allclose(gradient[k], expected[k], rtol=1e-12) for k in params)

    found: Comparison = compare(
        {
            "chainrule": lambda: ours(params),
            "by hand": lambda: by_hand(params),
            "autograd": lambda: rival(params),
            "torch": torch_gradient,
        }
    )
    name = "16-32-1 tanh network, batch 32, value and gradient"
    return [
        ratio_goal(found, f"{name}: eager / hand-written", "chainrule", "by hand", at_most=3.0),
        ratio_goal(found, f"{name}: HIPS autograd / hand-written", "autograd", "by hand"),
        ratio_goal(found, f"{name}: PyTorch eager / hand-written", "torch", "by hand"),
        ratio_goal(found, f"{name}: HIPS autograd / eager", "autograd", "chainrule"),
    ]


def importing() -> list[Goal]:
    """``import chainrule`` in a fresh interpreter, beyond importing NumPy."""

    def start(statement: str) -> object:
        return subprocess.run([sys.executable, "-c", statement], check=True)

    found = compare(
        {
            "numpy": lambda: start("import numpy"),
            "chainrule": lambda: start("import numpy, chainrule"),
        },
        rounds=15,
        seconds_per_turn=0.01,
    )
    pairs = zip(found.seconds["chainrule"], found.seconds["numpy"], strict=True)
    difference = Comparison({"difference": [a - b for a, b in pairs]})
    statement = "import chainrule beyond importing NumPy, seconds"
    return [time_goal(difference, statement, "difference", 1.0, at_most=0.15)]
