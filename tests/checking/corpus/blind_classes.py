"""Blind files with layers as classes and gradients kept on objects."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.blind_parts import made
from tests.checking.corpus.case import Case


def classes() -> Iterator[Case]:
    yield from made(
        "layer-objects",
        """
import numpy as np


class Affine:
    def __init__(self, W, b):
        self.W = W
        self.b = b
        self.x = None
        self.dW = None
        self.db = None

    def forward(self, x):
        self.x = x
        return np.dot(x, self.W) + self.b

    def backward(self, dout):
        dx = np.dot(dout, self.W.T)
        self.dW = np.dot(self.x.T, dout)
        self.db = np.sum(dout, axis=0)
        return dx


class Sigmoid:
    def __init__(self):
        self.out = None

    def forward(self, x):
        self.out = 1 / (1 + np.exp(-x))
        return self.out

    def backward(self, dout):
        return dout * (1.0 - self.out) * self.out


class SoftmaxWithLoss:
    def __init__(self):
        self.y = None
        self.t = None

    def forward(self, x, t):
        self.t = t
        x = x - np.max(x, axis=-1, keepdims=True)
        self.y = np.exp(x) / np.sum(np.exp(x), axis=-1, keepdims=True)
        return -np.sum(t * np.log(self.y + 1e-12)) / x.shape[0]

    def backward(self, dout=1):
        batch_size = self.t.shape[0]
        return dout * (self.y - self.t) / batch_size


class Network:
    def __init__(self, W1, b1, W2, b2, W3, b3):
        self.layers = [Affine(W1, b1), Sigmoid(), Affine(W2, b2), Sigmoid(), Affine(W3, b3)]
        self.last = SoftmaxWithLoss()

    def forward(self, x, t):
        for layer in self.layers:
            x = layer.forward(x)
        return self.last.forward(x, t)

    def backward(self):
        dout = self.last.backward()
        for layer in self.layers[::-1]:
            dout = layer.backward(dout)
        grads = {}
        for number, layer in enumerate(self.layers[::2], start=1):
            grads["W%d" % number] = layer.dW
            grads["b%d" % number] = layer.db
        return grads


def loss(x, t, W1, b1, W2, b2, W3, b3):
    return Network(W1, b1, W2, b2, W3, b3).forward(x, t)


def gradient(x, t, W1, b1, W2, b2, W3, b3):
    net = Network(W1, b1, W2, b2, W3, b3)
    net.forward(x, t)
    return net.backward()


def example():
    rng = np.random.RandomState(0)
    return {
        "x": rng.randn(6, 5), "t": np.eye(5)[rng.randint(0, 5, 6)],
        "W1": rng.randn(5, 5), "b1": rng.randn(5), "W2": rng.randn(5, 5), "b2": rng.randn(5),
        "W3": rng.randn(5, 5), "b3": rng.randn(5),
    }
""",
        [
            (
                "G702",
                "dx = np.dot(dout, self.W.T)",
                "dx = np.dot(dout, self.W)",
            ),
            ("G405", "dout * (1.0 - self.out) * self.out", "(1.0 - self.out) * self.out"),
            ("G403", "dout * (1.0 - self.out) * self.out", "dout * (1.0 - self.out)"),
            ("G401", "return dout * (1.0 - self.out) * self.out", "return dout"),
            (
                "G501",
                "dout * (self.y - self.t) / batch_size",
                "dout * (self.y - self.t) * self.y * (1 - self.y) / batch_size",
            ),
            ("G201", "dout * (self.y - self.t) / batch_size", "dout * (self.y - self.t)"),
            ("G101", "self.db = np.sum(dout, axis=0)", "self.db = dout"),
            (
                "G701",
                "self.dW = np.dot(self.x.T, dout)",
                "self.dW = np.dot(dout.T, self.x)",
            ),
        ],
        [
            [("dout * (1.0 - self.out) * self.out", "dout * self.out - dout * self.out ** 2")],
            [
                (
                    "        dx = np.dot(dout, self.W.T)\n",
                    "",
                ),
                ("return dx", "return dout @ self.W.T"),
            ],
        ],
    )
    yield from made(
        "grads-on-tensors",
        """
import numpy as np


class Param:
    \"\"\"An array with its gradient in .g\"\"\"

    def __init__(self, data):
        self.data = data
        self.g = None


def lin_grad(inp, out, w, b):
    inp.g = out.g @ w.data.T
    w.g = inp.data.T @ out.g
    b.g = out.g.sum(0)


def relu_grad(inp, out):
    inp.g = (inp.data > 0) * out.g


def mse_grad(inp, targ):
    inp.g = 2.0 * (inp.data[:, 0] - targ)[:, None] / inp.data.shape[0]


def loss(x, y, w1, b1, w2, b2):
    l1 = x @ w1 + b1
    l2 = np.clip(l1, 0, None)
    out = l2 @ w2 + b2
    return ((out[:, 0] - y) ** 2).mean()


def gradient(x, y, w1, b1, w2, b2):
    inp, w1, b1, w2, b2 = [Param(a) for a in (x, w1, b1, w2, b2)]
    # forward
    l1 = Param(inp.data @ w1.data + b1.data)
    l2 = Param(np.clip(l1.data, 0, None))
    out = Param(l2.data @ w2.data + b2.data)
    # backward
    mse_grad(out, y)
    lin_grad(l2, out, w2, b2)
    relu_grad(l1, l2)
    lin_grad(inp, l1, w1, b1)
    return {"w1": w1.g, "b1": b1.g, "w2": w2.g, "b2": b2.g}


def example():
    np.random.seed(7)
    return {
        "x": np.random.randn(8, 5), "y": np.random.randn(8),
        "w1": np.random.randn(5, 5), "b1": np.random.randn(5) * 0.2,
        "w2": np.random.randn(5, 1), "b2": np.random.randn(1),
    }
""",
        [
            ("G204", "inp.g = 2.0 * (inp.data", "inp.g = 1.0 * (inp.data"),
            (
                "G604",
                "(inp.data[:, 0] - targ)[:, None]",
                "(inp.data - targ).sum(axis=1, keepdims=True)",
            ),
            ("G201", "[:, None] / inp.data.shape[0]", "[:, None]"),
            ("G404", "inp.g = (inp.data > 0) * out.g", "inp.g = (out.g > 0) * out.g"),
            ("G405", "inp.g = (inp.data > 0) * out.g", "inp.g = (inp.data > 0) * 1.0"),
            ("G603", "b.g = out.g.sum(0)", "b.g = out.g.sum() * np.ones(b.data.shape)"),
            (
                "G703",
                "lin_grad(l2, out, w2, b2)",
                "w2.g = l1.data.T @ out.g; l2.g = out.g @ w2.data.T; b2.g = out.g.sum(0)",
            ),
        ],
        [
            [("(inp.data > 0) * out.g", "np.where(inp.data > 0, out.g, 0.0)")],
            [
                (
                    "w.g = inp.data.T @ out.g",
                    "w.g = (inp.data[:, :, None] * out.g[:, None, :]).sum(0)",
                )
            ],
        ],
    )
    yield from made(
        "training-step",
        """
import numpy as np

cache = {}


class Model:
    def __init__(self, Theta1, Theta2):
        self.Theta1 = Theta1
        self.Theta2 = Theta2

    def predict(self, X):
        cache["X"] = X
        cache["H"] = np.tanh(X @ self.Theta1)
        return cache["H"] @ self.Theta2


def loss(X, Y, Theta1, Theta2):
    pred = Model(Theta1, Theta2).predict(X)
    return ((pred - Y) ** 2).sum() / len(X)


def gradient(X, Y, Theta1, Theta2):
    model = Model(Theta1, Theta2)
    pred = model.predict(X)
    eta = 0.05

    upstream = 2 * (pred - Y) / len(X)
    dTheta2 = cache["H"].T @ upstream
    dH = upstream @ model.Theta2.T
    dTheta1 = cache["X"].T @ (dH * (1 - cache["H"] ** 2))
    Theta2_new = model.Theta2 - eta * dTheta2
    Theta1_new = model.Theta1 - eta * dTheta1

    # the gradients belong to the step just taken
    return {"Theta1": (Theta1 - Theta1_new) / eta, "Theta2": (Theta2 - Theta2_new) / eta}


def example():
    rng = np.random.default_rng(31)
    return {
        "X": rng.normal(size=(6, 4)), "Y": rng.normal(size=(6, 2)),
        "Theta1": rng.normal(size=(4, 3)), "Theta2": rng.normal(size=(3, 2)),
    }
""",
        [
            (
                "G804",
                "dH = upstream @ model.Theta2.T",
                "dH = upstream @ (model.Theta2 - eta * dTheta2).T",
            ),
            (
                "G206",
                "upstream = 2 * (pred - Y) / len(X)",
                "upstream = 2 * eta * (pred - Y) / len(X)",
            ),
            (
                "G106",
                'dTheta2 = cache["H"].T @ upstream',
                'dTheta2 = cache["d2"] = cache.get("d2", 0) + cache["H"].T @ upstream',
            ),
            (
                "G104|G804",
                "dH = upstream @ model.Theta2.T",
                "model.Theta2 -= eta * dTheta2; dH = upstream @ model.Theta2.T",
            ),
            ("G402", '(dH * (1 - cache["H"] ** 2))', '(dH * (1 - np.tanh(cache["H"]) ** 2))'),
            ("G403", '(dH * (1 - cache["H"] ** 2))', '(dH * (1 - cache["H"]) ** 2)'),
        ],
        [
            [("upstream = 2 * (pred - Y) / len(X)", "upstream = (pred - Y) * 2.0 / X.shape[0]")],
            [("eta = 0.05", "eta = 1.0")],
        ],
    )
