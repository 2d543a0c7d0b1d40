"""A two-layer classifier with a hand-written gradient, for the tests of checking."""

# ruff: noqa: RUF059  (students unpack everything)
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def forward(X: Any, W1: Any, b1: Any, W2: Any, b2: Any) -> tuple[Any, Any, Any, Any]:
    z1 = X @ W1 + b1
    a1 = np.tanh(z1)
    z2 = a1 @ W2 + b2
    e = np.exp(z2 - z2.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return z1, a1, z2, p


def loss(X: Any, y: Any, W1: Any, b1: Any, W2: Any, b2: Any, lam: Any) -> Any:
    z1, a1, z2, p = forward(X, W1, b1, W2, b2)
    n = X.shape[0]
    data = -np.log(p[np.arange(n), y]).mean()
    return data + 0.5 * lam * (np.sum(W1**2) + np.sum(W2**2))


def gradient(X: Any, y: Any, W1: Any, b1: Any, W2: Any, b2: Any, lam: Any) -> dict[str, Any]:
    z1, a1, z2, p = forward(X, W1, b1, W2, b2)
    n = X.shape[0]
    dz2 = p.copy()
    dz2[np.arange(n), y] -= 1
    dz2 /= n
    dW2 = a1.T @ dz2 + lam * W2
    db2 = dz2.sum(axis=0)
    da1 = dz2 @ W2.T
    dz1 = da1 * (1 - a1**2)
    dW1 = X.T @ dz1 + lam * W1
    db1 = dz1.sum(axis=0)
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


def example(n: int = 6, features: int = 4, width: int = 5, classes: int = 3) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {
        "X": rng.normal(size=(n, features)),
        "y": rng.integers(0, classes, n),
        "W1": rng.normal(size=(features, width)) / 2,
        "b1": np.zeros(width),
        "W2": rng.normal(size=(width, classes)) / 2,
        "b2": np.zeros(classes),
        "lam": 0.01,
    }


def edited(*edits: tuple[str, str]) -> Callable[..., dict[str, Any]]:
    """The gradient with lines of its source changed."""
    import inspect

    text = inspect.getsource(gradient)
    for old, new in edits:
        assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
        text = text.replace(old, new)
    space: dict[str, Any] = {"np": np, "forward": forward, "Any": Any}
    exec(compile(text, "edited_gradient", "exec"), space)
    found: Callable[..., dict[str, Any]] = space["gradient"]
    return found
