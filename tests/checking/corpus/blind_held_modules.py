"""Held-back blind files about modules and gates."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.blind_parts import made
from tests.checking.corpus.case import Case


def held_modules() -> Iterator[Case]:
    yield from made(
        "modules-with-decay",
        """
import numpy as np


class Linear:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def __call__(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, grad_out):
        self.grad_W = self.x.T @ grad_out
        self.grad_b = grad_out.sum(axis=0)
        return grad_out @ self.W.T


class Tanh:
    def __call__(self, x):
        self.y = np.tanh(x)
        return self.y

    def backward(self, grad_out):
        return grad_out * (1 - self.y ** 2)


class Dropout:
    def __init__(self, mask, p):
        self.mask, self.p = mask, p

    def __call__(self, x):
        return x * self.mask / (1 - self.p)

    def backward(self, grad_out):
        return grad_out * self.mask / (1 - self.p)


class Sequential:
    def __init__(self, modules):
        self.modules = modules

    def __call__(self, x):
        for module in self.modules:
            x = module(x)
        return x

    def backward(self, grad):
        for module in reversed(self.modules):
            grad = module.backward(grad)
        return grad


def build(params, mask):
    first = Linear(params[0], params[1])
    second = Linear(params[2], params[3])
    return first, second, Sequential([first, Tanh(), Dropout(mask, 0.5), second])


def loss(x, y, params, mask, decay):
    _, _, net = build(params, mask)
    mse = np.mean((net(x) - y) ** 2)
    return mse + decay * (np.sum(params[0] ** 2) + np.sum(params[2] ** 2))


def gradient(x, y, params, mask, decay):
    first, second, net = build(params, mask)
    out = net(x)
    net.backward(2 * (out - y) / out.size)
    g0 = first.grad_W + 2 * decay * first.W
    g2 = second.grad_W + 2 * decay * second.W
    return {"params": [g0, first.grad_b, g2, second.grad_b]}


def example():
    rng = np.random.default_rng(54)
    shapes = [(4, 6), (6,), (6, 2), (2,)]
    params = [rng.normal(size=shape) for shape in shapes]
    return {
        "x": rng.normal(size=(5, 4)), "y": rng.normal(size=(5, 2)), "params": params,
        "mask": (rng.random((5, 6)) > 0.5).astype(float), "decay": 0.02,
    }
""",
        [
            ("G902", "return grad_out * self.mask / (1 - self.p)", "return grad_out * self.mask"),
            ("G901|G902", "return grad_out * self.mask / (1 - self.p)", "return grad_out"),
            ("G402", "grad_out * (1 - self.y ** 2)", "grad_out * (1 - np.tanh(self.y) ** 2)"),
            (
                "G302",
                "g2 = second.grad_W + 2 * decay * second.W",
                "g2 = second.grad_W + decay * second.W",
            ),
            (
                "G304",
                '{"params": [g0, first.grad_b, g2',
                '{"params": [g0, first.grad_b + 2 * decay * first.b, g2',
            ),
            (
                "G203",
                "net.backward(2 * (out - y) / out.size)",
                "net.backward(2 * (out - y) / len(out))",
            ),
            ("G405", "return grad_out * (1 - self.y ** 2)", "return 1 - self.y ** 2"),
            ("G602", "self.grad_b = grad_out.sum(axis=0)", "self.grad_b = grad_out[0]"),
        ],
        [
            [
                (
                    "return grad_out * self.mask / (1 - self.p)",
                    "return np.where(self.mask > 0, 2.0 * grad_out, 0.0)",
                )
            ],
            [
                (
                    "self.grad_W = self.x.T @ grad_out",
                    "self.grad_W = np.einsum('bi,bo->io', self.x, grad_out)",
                )
            ],
        ],
    )
    yield from made(
        "highway",
        """
import numpy as np


def sigma(z):
    return 1 / (1 + np.exp(-z))


def loss(X, y, Wh, Wt, bt, v):
    h = np.tanh(X @ Wh)
    t = sigma(X @ Wt + bt)
    out = t * h + (1 - t) * X
    return np.mean((out @ v - y) ** 2) / 2


def gradient(X, y, Wh, Wt, bt, v):
    n = y.shape[0]
    h = np.tanh(X @ Wh)
    t = sigma(X @ Wt + bt)
    out = t * h + (1 - t) * X

    err = (out @ v - y) / n
    dv = out.T @ err
    dout = err[:, None] * v
    dh = dout * t
    dt = dout * (h - X)
    dzh = dh * (1 - h ** 2)
    dzt = dt * t * (1 - t)
    dX = dout * (1 - t) + dzh @ Wh.T + dzt @ Wt.T
    return {"X": dX, "Wh": X.T @ dzh, "Wt": X.T @ dzt, "bt": dzt.sum(axis=0), "v": dv}


def example():
    rng = np.random.default_rng(55)
    return {
        "X": rng.normal(size=(6, 4)), "y": rng.normal(size=6), "Wh": rng.normal(size=(4, 4)),
        "Wt": rng.normal(size=(4, 4)), "bt": -np.ones(4), "v": rng.normal(size=4),
    }
""",
        [
            ("G801", "dX = dout * (1 - t) + dzh", "dX = dzh"),
            ("G801", "dt = dout * (h - X)", "dt = dout * h"),
            ("G401", "dzt = dt * t * (1 - t)", "dzt = dt"),
            ("G403", "dzt = dt * t * (1 - t)", "dzt = dt * (1 - t ** 2)"),
            ("G702", "dzh @ Wh.T", "dzh @ Wh"),
            ("G701", '"Wt": X.T @ dzt', '"Wt": dzt.T @ X'),
            ("G205", "dt = dout * (h - X)", "dt = dout * (X - h)"),
            ("G604", "err = (out @ v - y) / n", "err = ((out @ v)[:, None] - y).mean(axis=1) / n"),
        ],
        [
            [("dt = dout * (h - X)", "dt = dout * h - dout * X")],
            [
                ("dout = err[:, None] * v", "dout = np.outer(err, v)"),
                ("dzh = dh * (1 - h ** 2)", "dzh = dh - dh * h ** 2"),
            ],
        ],
    )
