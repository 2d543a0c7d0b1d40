"""Functions of every kind a user writes, with example arguments: what source code is tested on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import chainrule as cr

WEIGHTS = np.linspace(-1.0, 1.0, 60).reshape(12, 5)
SIGNS = np.array([1.0, -1.0, 1.0])


def relu(x):
    return np.maximum(x, 0)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def dense(x, W, b):
    z = x @ W + b
    return z


def two_layer(x, y, W1, b1, W2, b2):
    q = W1 @ x + b1
    h = relu(q)
    p = W2 @ h + b2
    L = (p - y) @ (p - y)
    return L


def classifier(params, x, y):
    h = x
    for W, b in params:
        h = np.tanh(dense(h, W, b))
    p = np.exp(h) / np.sum(np.exp(h), axis=1, keepdims=True)
    return -np.mean(np.log(p[np.arange(3), y]))


def logistic(params, x, y):
    p = sigmoid(x @ params["w"] + params["b"])
    loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    return loss + 0.1 * np.sum(params["w"] ** 2)


def layers_of_dicts(net, x):
    a = x
    for layer in net["layers"]:
        a = sigmoid(a @ layer["W"] + layer["b"])
    return np.sum(a * net["scale"])


def recurrence(x, w, u):
    h = np.zeros_like(u)
    for t in range(x.shape[0]):
        h = np.tanh(w @ h + u * x[t])
    return np.sum(h)


def buffer(x):
    total = np.zeros_like(x)
    total[0] = x[0]
    for i in range(1, x.size):
        total[i] = 0.5 * total[i - 1] + x[i]
    return np.sum(total**2)


def increment(x, i):
    y = np.exp(x)
    y[i] += 2.0
    y[1:] *= x[1:]
    return np.mean(y)


def indexing(x):
    edge = x[1:, 0] * x[:-1, -1]
    return np.sum(edge[::-1]) + np.sum(x[..., None, 1]) + x[0, 0]


def gather(table, words):
    rows = table[words]
    return np.sum(rows * np.roll(rows, 1, axis=0))


def masked(x):
    kept = x[x > 0]
    return np.sum(np.log(kept))


def einsums(a, b, c):
    return np.einsum("ij,jk,k->", a, b, c) + np.sum(np.einsum("ij->ji", a) ** 2)


def broadcasting(column, row, s):
    grid = column * row + s
    return np.mean(np.sqrt(grid**2 + 1.0))


def keyword(x, *, scale=2.0, power):
    return np.sum(np.abs(x) ** power) * scale


def keyword_only_arrays(x, *, weights, shift=0.5):
    return np.sum(weights * np.sin(x - shift))


def starred(x, *others):
    total = x
    for other in others:
        total = total * other
    return np.sum(total)


def double_starred(x, **options):
    return np.sum(x * options["gain"]) + options["offset"]


def eigenvalues(a):
    values, vectors = np.linalg.eigh(a @ a.T + np.eye(3))
    return np.sum(np.log(values)) + vectors[0, 0] ** 2


def linear_system(a, b):
    x = np.linalg.solve(a, b)
    sign, logdet = np.linalg.slogdet(a)
    return x @ x + logdet * sign


def singular_values(a):
    u, s, vt = np.linalg.svd(a, full_matrices=False)
    return np.sum(s**2) + np.sum(u[:, 0] * vt[0, 0])


def float32_network(W, x):
    h = np.tanh(x @ W)
    return np.mean((h - np.float32(0.5)) ** 2)


def batch_norm(x, gamma, beta):
    mu = np.mean(x, axis=0)
    var = np.var(x, axis=0)
    x_hat = (x - mu) / np.sqrt(var + 1e-5)
    return np.sum((gamma * x_hat + beta) ** 3)


def pooling(x):
    windows = np.reshape(x, (2, 2, 2, 2))
    return np.sum(np.max(windows, axis=(1, 3)) * np.array([[1.0, 2.0], [3.0, 4.0]]))


def joined(x, y):
    both = np.concatenate([x, y[:2], x], axis=0)
    stacked = np.stack([both, 2 * both])
    return np.sum(np.cumsum(stacked, axis=1) ** 2)


def branch(x):
    y = x
    if np.sum(x) > 0:
        y = np.log1p(x**2)
    return np.mean(y)


def newton(x):
    r = x
    while abs(r * r - x) > 1e-9:
        r = 0.5 * (r + x / r)
    return r


def scalar_python(a, b, n):
    for _ in range(n):
        a = a * b + np.sin(a)
    return a**2 / b


def constants(x):
    h = x @ WEIGHTS
    return np.sum(h[:, :3] * SIGNS)


def unused(x, y):
    return np.sum(x * x)


def softplus(x):
    return np.sum(np.logaddexp(0.0, x)) + np.sum(np.where(x > 0, x, 0.1 * x))


def distances(x):
    difference = x[:, None, :] - x[None, :, :]
    square = np.sum(difference * difference, axis=-1)
    return np.sum(np.exp(-square)) + np.linalg.norm(x)


def attention(q, k, v):
    scores = q @ k.T / np.sqrt(k.shape[-1])
    weights = cr.softmax(scores, axis=-1)
    return np.sum((weights @ v) ** 2)


def convolution(x, w):
    return np.sum(np.convolve(x, w, mode="valid") ** 2)


def power_laws(x, a):
    return np.sum(x**a) + np.sum(x**-2) + np.sum(2.0**x) + np.sum(np.cbrt(x))


def sorting(x):
    ranked = np.sort(x)
    return np.median(x) + ranked[0] * np.max(x) + np.ptp(x)


def linked(a, b):
    c = a if a.size > 1 else b
    d = c * 3 - 1
    e = d.reshape(2, 2).T.ravel()
    return e @ e - 2 * d.sum() / 4


class Case(NamedTuple):
    """A function and the arguments it is called with."""

    f: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any] = {}  # noqa: RUF012

    def __repr__(self) -> str:
        return self.f.__name__


_rng = np.random.default_rng(7)


def _normal(*shape: int) -> Any:
    return _rng.normal(size=shape)


_layers = [{"W": _normal(3, 4), "b": _normal(4)}, {"W": _normal(4, 2), "b": _normal(2)}]

CASES = [
    Case(two_layer, (_normal(3), _normal(2), _normal(4, 3), _normal(4), _normal(2, 4), _normal(2))),
    Case(classifier, ([(_normal(4, 5), _normal(5)), (_normal(5, 3), _normal(3))], _normal(3, 4),
                      np.array([2, 0, 1]))),
    Case(logistic, ({"w": _normal(3), "b": 0.3}, _normal(6, 3), np.array([0.0, 1, 1, 0, 1, 0]))),
    Case(layers_of_dicts, ({"layers": _layers, "scale": _normal(2)}, _normal(5, 3))),
    Case(recurrence, (_normal(4), _normal(3, 3), _normal(3))),
    Case(buffer, (_normal(5),)),
    Case(increment, (_normal(4), np.array([0, 2]))),
    Case(indexing, (_normal(4, 3),)),
    Case(gather, (_normal(5, 2), np.array([0, 3, 3, 1]))),
    Case(masked, (_normal(8),)),
    Case(einsums, (_normal(2, 3), _normal(3, 4), _normal(4))),
    Case(broadcasting, (_normal(3, 1), _normal(4), 0.7)),
    Case(keyword, (_normal(5),), {"power": 3.0}),
    Case(keyword_only_arrays, (_normal(3),), {"weights": _normal(3)}),
    Case(starred, (_normal(3), _normal(3), _normal(3))),
    Case(double_starred, (_normal(3),), {"gain": _normal(3), "offset": 1.5}),
    Case(eigenvalues, (_normal(3, 3),)),
    Case(linear_system, (_normal(3, 3) + 3 * np.eye(3), _normal(3))),
    Case(singular_values, (_normal(4, 3),)),
    Case(float32_network, (_normal(4, 3).astype(np.float32), _normal(6, 4).astype(np.float32))),
    Case(batch_norm, (_normal(6, 3), _normal(3), _normal(3))),
    Case(pooling, (_normal(4, 4),)),
    Case(joined, (_normal(3), _normal(4))),
    Case(branch, (_normal(4) + 2,)),
    Case(newton, (np.float64(2.0),)),
    Case(scalar_python, (0.4, 1.7, 3)),
    Case(constants, (_normal(4, 12),)),
    Case(unused, (_normal(3), _normal(2, 2))),
    Case(softplus, (_normal(5),)),
    Case(distances, (_normal(4, 2),)),
    Case(attention, (_normal(3, 4), _normal(5, 4), _normal(5, 2))),
    Case(convolution, (_normal(8), _normal(3))),
    Case(power_laws, (np.abs(_normal(4)) + 0.5, 1.5)),
    Case(sorting, (_normal(7),)),
    Case(linked, (_normal(4), _normal(2))),
]  # fmt: skip
