"""Unseen files: state that is kept, data that are changed, shapes and types that slip."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.case import Case
from tests.checking.corpus.unseen_parts import written


def objects() -> Iterator[Case]:
    yield from written(
        "model-kept-between-calls",
        """
import numpy as np


class Parameter:
    def __init__(self, shape):
        self.value = np.zeros(shape)
        self.grad = np.zeros(shape)


class Dense:
    def __init__(self, n_in, n_out):
        self.W = Parameter((n_in, n_out))
        self.b = Parameter(n_out)

    def __call__(self, x):
        self.x = x
        return x @ self.W.value + self.b.value

    def backward(self, g):
        self.W.grad += self.x.T @ g
        self.b.grad += g.sum(axis=0)
        return g @ self.W.value.T


class Network:
    def __init__(self):
        self.first, self.second = Dense(4, 6), Dense(6, 2)

    def load(self, W1, b1, W2, b2):
        self.first.W.value, self.first.b.value = W1, b1
        self.second.W.value, self.second.b.value = W2, b2

    def zero_grad(self):
        for layer in (self.first, self.second):
            layer.W.grad = np.zeros_like(layer.W.grad)
            layer.b.grad = np.zeros_like(layer.b.grad)

    def __call__(self, x):
        # the first layer is followed by a softplus
        self.z = self.first(x)
        return self.second(np.log1p(np.exp(self.z)))

    def backward(self, g):
        g = self.second.backward(g)
        g = g / (1 + np.exp(-self.z))
        self.first.backward(g)


net = Network()


def loss(W1, b1, W2, b2, x, y):
    net.load(W1, b1, W2, b2)
    return np.mean((net(x) - y) ** 2)


def gradient(W1, b1, W2, b2, x, y):
    net.load(W1, b1, W2, b2)
    net.zero_grad()
    out = net(x)
    net.backward(2 * (out - y) / out.size)
    return {
        "W1": net.first.W.grad,
        "b1": net.first.b.grad,
        "W2": net.second.W.grad,
        "b2": net.second.b.grad,
    }


def example():
    rng = np.random.default_rng(61)
    return {
        "W1": rng.normal(size=(4, 6)),
        "b1": rng.normal(size=6),
        "W2": rng.normal(size=(6, 2)),
        "b2": rng.normal(size=2),
        "x": rng.normal(size=(5, 4)),
        "y": rng.normal(size=(5, 2)),
    }
""",
        [
            ("G203", "(out - y) / out.size", "(out - y) / len(out)"),
            ("G204", "net.backward(2 * (out", "net.backward((out"),
            ("G403", "g = g / (1 + np.exp(-self.z))", "g = g / (1 + np.exp(self.z))"),
        ],
        [
            [("self.b.grad += g.sum(axis=0)", "self.b.grad += np.ones(len(g)) @ g")],
        ],
        [
            ("G106", "    net.zero_grad()\n", "", "out = net(x)"),
            (
                "G401",
                "        g = g / (1 + np.exp(-self.z))\n",
                "",
                "self.first.backward(g)",
            ),
            (
                "G106",
                "            layer.b.grad = np.zeros_like(layer.b.grad)\n",
                "",
                "layer.W.grad = np.zeros_like(layer.W.grad)",
            ),
        ],
    )
    yield from written(
        "polynomial-of-whole-numbers",
        """
import numpy as np


def loss(coef, x, y):
    powers = x[:, None] ** np.arange(len(coef))
    pred = powers @ coef[:, None]
    return np.mean((pred - y[:, None]) ** 2) / 2


def gradient(coef, x, y):
    powers = x[:, None] ** np.arange(len(coef))
    pred = powers @ coef[:, None]
    err = pred - y[:, None]
    grad = np.zeros(len(coef))
    for j in range(len(coef)):
        grad[j] = np.sum(err[:, 0] * powers[:, j])
    return {"coef": grad / len(y)}


def example():
    return {
        "coef": np.array([1.3, -0.6, 0.2, 0.05]),
        "x": np.array([-2, -1, 0, 1, 2, 3]),
        "y": np.array([3.1, 1.9, 1.2, 0.4, 1.6, 2.8]),
    }
""",
        [
            ("G604", "err = pred - y[:, None]", "err = pred - y"),
            ("G102", "grad = np.zeros(len(coef))", "grad = np.zeros_like(powers[0])"),
            ("G203", "grad / len(y)}", "grad / len(coef)}"),
            (
                "G703|G000",
                "np.sum(err[:, 0] * powers[:, j])",
                "np.sum(err[:, 0] * powers[:, j - 1])",
            ),
            ("G101", '{"coef": grad / len(y)}', '{"coef": grad[:, None] / len(y)}'),
        ],
        [
            [("np.sum(err[:, 0] * powers[:, j])", "err[:, 0] @ x**j")],
        ],
    )
    yield from written(
        "pinball-after-standardising",
        """
import numpy as np


def loss(w, c, X, y, tau, alpha):
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    r = y - (Z @ w + c)
    pinball = np.where(r > 0, tau * r, (tau - 1) * r)
    return np.mean(pinball) + alpha * np.sum(np.sqrt(w**2 + 0.01))


def gradient(w, c, X, y, tau, alpha):
    mu, sd = X.mean(axis=0), X.std(axis=0)
    Z = X - mu
    Z = Z / sd
    r = y - (Z @ w + c)
    slope = np.where(r > 0, tau, tau - 1)
    dr = slope / len(y)
    dw = -Z.T @ dr + alpha * w / np.sqrt(w**2 + 0.01)
    return {"w": dw, "c": -dr.sum()}


def example():
    rng = np.random.default_rng(1978)
    X = rng.normal(size=(11, 3)) * np.array([1.0, 4.0, 0.3]) + np.array([2.0, -1.0, 0.5])
    return {
        "w": np.array([0.4, -0.7, 0.2]),
        "c": 0.3,
        "X": X,
        "y": rng.normal(size=11),
        "tau": 0.8,
        "alpha": 0.05,
    }
""",
        [
            ("G703|G000", "dw = -Z.T @ dr", "dw = -X.T @ dr"),
            (
                "G203|G905",
                "sd = X.mean(axis=0), X.std(axis=0)",
                "sd = X.mean(axis=0), X.std(axis=0, ddof=1)",
            ),
            ("G404|G403", "np.where(r > 0, tau, tau - 1)", "np.where(r > 0, tau, 1 - tau)"),
            ("G404|G205", "np.where(r > 0, tau, tau - 1)", "np.where(r < 0, tau, tau - 1)"),
            ("G403|G302", "alpha * w / np.sqrt(w**2 + 0.01)", "alpha * w / (w**2 + 0.01)"),
            ("G205", '"c": -dr.sum()}', '"c": dr.sum()}'),
        ],
        [
            [("slope = np.where(r > 0, tau, tau - 1)", "slope = tau - (r <= 0)")],
        ],
        [
            ("G104", "    Z = X - mu\n", "    Z = X\n    Z -= mu\n", "Z -= mu"),
        ],
    )
