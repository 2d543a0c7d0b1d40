"""Losses of every kind that `SgdProgram` trains, over ``w`` (3, 4), ``b`` (4,) and ``s``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule as cr

MASK = np.array([[1.0, 0.0, 1.0, 1.0]])
TABLE = np.linspace(-1.0, 1.0, 12).reshape(3, 4)


def hidden(p: Any, x: Any) -> Any:
    return x @ p["w"] + p["b"]


def relu_network(p: Any, x: Any, y: Any) -> Any:
    h = np.maximum(hidden(p, x), 0)
    e = h @ p["v"] - x[:, :1]
    return np.mean(e * e) / 2


def classifier(p: Any, x: Any, y: Any) -> Any:
    z = np.tanh(hidden(p, x))
    return -np.mean(cr.log_softmax(z)[np.arange(len(y)), y])


def softmax_regression(p: Any, x: Any, y: Any) -> Any:
    q = cr.softmax(hidden(p, x), axis=1)
    return -np.mean(np.log(q[np.arange(len(y)), y]))


def logsumexp_loss(p: Any, x: Any, y: Any) -> Any:
    z = hidden(p, x)
    kept = cr.logsumexp(z, axis=-1, keepdims=True)
    return np.mean(cr.logsumexp(z, axis=1) - z[np.arange(len(y)), y] + kept) + cr.logsumexp(p["b"])


def shifted_softmax(p: Any, x: Any, y: Any) -> Any:
    z = hidden(p, x)
    e = np.exp(z - np.max(z, axis=1, keepdims=True))
    q = e / np.sum(e, axis=1, keepdims=True)
    return np.mean((q - 0.25) ** 2)


def regularised(p: Any, x: Any, y: Any) -> Any:
    penalty = np.sum(p["w"] ** 2) + np.sum(np.abs(p["b"])) + p["s"] ** 2
    return np.mean((hidden(p, x) - p["s"]) ** 2) + 0.01 * penalty


def normalised(p: Any, x: Any, y: Any) -> Any:
    z = hidden(p, x)
    z = (z - np.mean(z, axis=0)) / np.sqrt(np.mean((z - np.mean(z, axis=0)) ** 2, axis=0) + 0.1)
    return np.mean(np.tanh(z * p["b"]))


def embedded(p: Any, x: Any, y: Any) -> Any:
    rows = p["w"].T[y]
    return np.mean(np.sum(np.tanh(rows * x), axis=-1))


def assigned(z: Any) -> Any:
    u = np.zeros_like(z)
    u[:, 1:] = z[:, :-1] * 2.0
    u[0] += np.sum(z, axis=0)
    return u * u


def per_example(f: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda p, x, y: np.mean(f(hidden(p, x)))


UNARY = {
    "sine and cosine": lambda z: np.sin(z) * np.cos(z) + np.tan(0.1 * z),
    "exponentials": lambda z: np.exp(-z) + np.expm1(0.5 * z) + np.sinh(z) - np.cosh(0.3 * z),
    "logarithms": lambda z: np.log(z**2 + 1) + np.log1p(z * z) + np.log2(np.exp(z)) * 0.1,
    "softplus": lambda z: np.logaddexp(0, z) + np.logaddexp(z, -z),
    "roots": lambda z: np.sqrt(1 + z * z) + np.hypot(z, 1.0) + np.square(z) ** 0.5,
    "powers": lambda z: (
        z**3 - 0.5 * z**2 + np.power(2.0, z) + (z * z + 1) ** -1.5 + np.tanh(z) ** 9
    ),
    "ratios": lambda z: z / (1 + np.abs(z)) + np.reciprocal(2 + z * z) + 1 / (1 + np.exp(-z)),
    "inverse functions": lambda z: np.arctan(z) + np.arcsinh(z) + np.arctan2(z, 2.0),
    "kinks": lambda z: np.maximum(z, 0.1) + np.minimum(z, -0.1) + np.clip(z, -0.5, 0.5),
    "larger of two": lambda z: np.maximum(z, 0.5 * z) - np.minimum(np.sin(z), z),
    "choices": lambda z: np.where(z > 0, z, 0.1 * z) + np.where((z > 1) | ~(z >= -1), 1.0, z),
    "comparisons": lambda z: z * (z > 0) + z * np.logical_and(z < 1, z != 0),
    "steps": lambda z: np.floor(z) * z + np.sign(z) * np.ceil(z) + np.fabs(z),
    "leaky": lambda z: np.where(z < 0, np.expm1(z), z),
    "swish": lambda z: z * 0.5 * (1 + np.tanh(0.5 * z)),
    "smooth": lambda z: 0.5 * z * (1 + np.tanh(0.8 * (z + 0.04 * z**3))),
    "masked": lambda z: z * MASK + np.where(MASK == 1, 0, z),
    "broadcast constant": lambda z: z * np.broadcast_to(0.5, (4,)) + np.ones(4),
    "transposed": lambda z: np.tanh(z).T * np.arange(4.0)[:, None],
    "gram matrix": lambda z: np.tanh(z.T @ z) @ np.ones(4),
    "rows and columns": lambda z: np.sum(np.tanh(z), axis=0) * np.max(z) + np.min(z),
    "row by row": lambda z: np.sum(z, axis=1) * np.mean(z, axis=1) - np.max(z, axis=1),
    "sliced": lambda z: z[:, 1:] * z[:, :-1] + z[:, ::-1][:, 1:] + z[:, 0][:, None],
    "reshaped": lambda z: np.sum(np.tanh(z).reshape(-1, 2) ** 2, axis=1) + z.ravel()[0],
    "swapped": lambda z: np.swapaxes(z, 0, 1)[None] * np.expand_dims(z.T, 0) + np.squeeze(z[0, 0]),
    "outer": lambda z: np.outer(z[0], np.tanh(z[1])) + np.outer(z[:, 0], z[:, 1])[0, 0],
    "vectors": lambda z: (z[0] @ z[1]) * (z @ z[0])[0] + (z[:, 0] @ z)[1],
    "three axes": lambda z: np.sum(np.tanh(z[:, None, :] - z[None, :, :]) ** 2, axis=(0, 2)),
    "kept axes": lambda z: z - np.mean(z, axis=(0, 1), keepdims=True) * np.sum(z, keepdims=True),
    "stopped": lambda z: z * cr.stop_gradient(np.exp(z)),
    "converted": lambda z: z.astype(np.float64) * (z > 0).astype(z.dtype),
    "assigned": lambda z: assigned(z),
    "infinite": lambda z: np.where(np.isfinite(1 / np.maximum(z, 0)), 1.0, z),
}
LOSSES: dict[str, Callable[..., Any]] = {
    "ReLU network": relu_network,
    "classifier": classifier,
    "softmax regression": softmax_regression,
    "softmax by hand": shifted_softmax,
    "logsumexp": logsumexp_loss,
    "regularised": regularised,
    "normalised": normalised,
    "embedding": embedded,
    "parameters alone": lambda p, x, y: np.sum(p["w"]) * np.mean(x) + p["s"],
    "table": lambda p, x, y: np.mean((x @ (p["w"] * TABLE)) ** 2),
    "large product": lambda p, x, y: np.mean((x @ (p["w"] @ np.ones((4, 50)))) ** 2),
    "no parameters": lambda p, x, y: np.mean(x),
    "linear": lambda p, x, y: np.mean(hidden(p, x)),
    "labels as numbers": lambda p, x, y: np.mean((hidden(p, x) - y[:, None]) ** 2),
    **{name: per_example(f) for name, f in UNARY.items()},
}


def parameters(dtype: Any = np.float64) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    shapes = {"w": (3, 4), "b": (4,), "v": (4, 1), "s": ()}
    return {name: np.asarray(rng.normal(size=s), dtype)[()] for name, s in shapes.items()}


def examples(count: int = 13, dtype: Any = np.float64) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    return rng.normal(size=(count, 3)).astype(dtype), rng.integers(0, 4, count)
