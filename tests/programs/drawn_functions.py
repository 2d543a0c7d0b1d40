"""Functions whose graphs are drawn: numbers, a small network, deep and recurrent ones."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

NEURON = (2.0, 0.5, -3.0, 1.0, 6.88)


def neuron(x1: Any, x2: Any, w1: Any, w2: Any, b: Any) -> Any:
    n = x1 * w1 + x2 * w2 + b
    o = np.tanh(n)
    loss = (o - 1.0) ** 2
    return loss


def shared(a: Any, b: Any) -> Any:
    c = a * b
    d = a + c
    e = np.exp(-d) * c
    return e


def two_layers(x: Any, W1: Any, b1: Any, W2: Any, b2: Any, y: Any) -> Any:
    z1 = x @ W1 + b1
    h = np.tanh(z1)
    out = h @ W2 + b2
    d = out - y
    loss = np.mean(d**2)
    return loss


def deep(params: Any, x: Any, y: Any) -> Any:
    h = x
    for W, b in params[:-1]:
        z = h @ W + b
        h = np.tanh(z)
    W, b = params[-1]
    out = h @ W + b
    loss = np.mean((out - y) ** 2)
    return loss


def recurrent(W: Any, U: Any, xs: Any) -> Any:
    h = np.zeros(4)
    for t in range(len(xs)):
        h = np.tanh(W @ h + U @ xs[t])
    return np.sum(h)


def two_layer_arguments() -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    shapes = [(16, 7), (7, 5), (5,), (5, 3), (3,), (16, 3)]
    return tuple(rng.normal(size=shape) for shape in shapes)


def deep_arguments(layers: int, width: int = 5) -> tuple[Any, ...]:
    """A first layer, ``layers`` equal ones and a last one."""
    rng = np.random.default_rng(1)
    sizes = [7, *[width] * (layers + 1), 2]
    params = [
        (rng.normal(size=(m, n)) / np.sqrt(m), rng.normal(size=n)) for m, n in pairwise(sizes)
    ]
    return params, rng.normal(size=(6, 7)), rng.normal(size=(6, 2))


def recurrent_arguments(turns: int = 8) -> tuple[Any, ...]:
    rng = np.random.default_rng(2)
    return rng.normal(size=(4, 4)), rng.normal(size=(4, 3)), rng.normal(size=(turns, 3))
