"""Layers, networks and numbers as objects."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.case import Case
from tests.checking.corpus.handed_in_parts import made


def objects() -> Iterator[Case]:
    """Layers, networks and numbers as objects."""
    for program in PROGRAMS:
        yield from made(*program)


PROGRAMS = [
    (
        "layer-classes",
        r"""
import numpy as np


class Affine:
    def __init__(self, W, b):
        self.W = W
        self.b = b
        self.dW = np.zeros_like(W)
        self.db = np.zeros_like(b)

    def forward(self, x):
        self.x = x
        return np.dot(x, self.W) + self.b

    def backward(self, dout):
        dx = np.dot(dout, self.W.T)
        self.dW = np.dot(self.x.T, dout)
        self.db = np.sum(dout, axis=0)
        return dx


class Relu:
    def forward(self, x):
        self.mask = (x <= 0)
        out = x.copy()
        out[self.mask] = 0
        return out

    def backward(self, dout):
        dout = dout.copy()
        dout[self.mask] = 0
        return dout


class SoftmaxWithLoss:
    def forward(self, x, t):
        self.t = t
        x = x - np.max(x, axis=1, keepdims=True)
        self.y = np.exp(x) / np.sum(np.exp(x), axis=1, keepdims=True)
        return -np.sum(t * np.log(self.y + 1e-300)) / x.shape[0]

    def backward(self, dout=1):
        batch_size = self.t.shape[0]
        dx = (self.y - self.t) / batch_size
        return dout * dx


class TwoLayerNet:
    def __init__(self, W1, b1, W2, b2):
        self.affine1, self.relu, self.affine2 = Affine(W1, b1), Relu(), Affine(W2, b2)
        self.last = SoftmaxWithLoss()

    def loss(self, x, t):
        h = self.relu.forward(self.affine1.forward(x))
        return self.last.forward(self.affine2.forward(h), t)

    def backward(self, x, t):
        self.loss(x, t)
        dout = self.last.backward()
        dout = self.affine2.backward(dout)
        dout = self.relu.backward(dout)
        self.affine1.backward(dout)
        return {"W1": self.affine1.dW, "b1": self.affine1.db, "W2": self.affine2.dW, "b2": self.affine2.db}


def loss(W1, b1, W2, b2, x, t):
    return TwoLayerNet(W1, b1, W2, b2).loss(x, t)


def gradient(W1, b1, W2, b2, x, t):
    return TwoLayerNet(W1, b1, W2, b2).backward(x, t)


def example():
    rng = np.random.default_rng(29)
    return {"W1": rng.normal(size=(4, 6)), "b1": rng.normal(size=6), "W2": rng.normal(size=(6, 3)),
            "b2": rng.normal(size=3), "x": rng.normal(size=(7, 4)), "t": np.eye(3)[[0, 2, 1, 1, 0, 2, 2]]}
""",
        [
            (
                "G401",
                "        dout = dout.copy()\n        dout[self.mask] = 0\n        return dout",
                "        dout = dout.copy()\n        return dout",
                "return dout",
            ),
            ("G404", "        dout[self.mask] = 0\n", "        dout[~self.mask] = 0\n"),
            (
                "G201",
                "        dx = (self.y - self.t) / batch_size\n",
                "        dx = self.y - self.t\n",
            ),
            ("G203", "batch_size = self.t.shape[0]", "batch_size = self.t.shape[1]"),
            ("G602", "self.db = np.sum(dout, axis=0)", "self.db = dout[0]"),
            (
                "G101",
                "self.db = np.sum(dout, axis=0)",
                "self.db = np.sum(dout, axis=0, keepdims=True)",
            ),
            (
                "G405",
                "        dout = dout.copy()\n        dout[self.mask] = 0\n        return dout",
                "        dx = np.ones_like(dout)\n        dx[self.mask] = 0\n        return dx",
                "dx = np.ones_like(dout)",
            ),
            (
                "G107",
                "        self.dW = np.dot(self.x.T, dout)\n",
                "        dW = np.dot(self.x.T, dout)\n",
            ),
            (
                "G202",
                "self.dW = np.dot(self.x.T, dout)",
                "self.dW = np.dot(self.x.T, dout) / self.x.shape[0]",
            ),
            (
                "G501",
                "dx = (self.y - self.t) / batch_size",
                "dx = (self.y - self.t) * self.y * (1 - self.y) / batch_size",
            ),
        ],
        [
            (
                "        dout = dout.copy()\n        dout[self.mask] = 0\n        return dout",
                "        return dout * (1 - self.mask)",
            ),
            (
                "dx = (self.y - self.t) / batch_size",
                "dx = self.y.copy()\n        dx[np.arange(batch_size), self.t.argmax(axis=1)] -= 1\n        dx = dx / batch_size",
            ),
        ],
    ),
    (
        "module-buffers",
        r'''
import numpy as np


class Linear:
    """Linear layer that accumulates its gradients like torch does."""

    def __init__(self, nin, nout):
        self.nin, self.nout = nin, nout
        self.zero_grad()

    def zero_grad(self):
        self.gw = np.zeros((self.nin, self.nout))
        self.gb = np.zeros(self.nout)

    def __call__(self, x, w, b):
        self.inp, self.w = x, w
        return x @ w + b

    def backward(self, g):
        self.gw += self.inp.T @ g
        self.gb += g.sum(0)
        return g @ self.w.T


lin1, lin2 = Linear(3, 6), Linear(6, 2)


def softplus(z):
    return np.log1p(np.exp(-np.abs(z))) + np.maximum(z, 0)


def loss(w1, b1, w2, b2, x, y):
    hid = softplus(lin1(x, w1, b1))
    out = lin2(hid, w2, b2)
    return 0.5 * ((out - y) ** 2).mean()


def gradient(w1, b1, w2, b2, x, y):
    lin1.zero_grad()
    lin2.zero_grad()
    pre = lin1(x, w1, b1)
    out = lin2(softplus(pre), w2, b2)
    g = (out - y) / out.size
    g = lin2.backward(g)
    g = g / (1 + np.exp(-pre))
    lin1.backward(g)
    return lin1.gw, lin1.gb, lin2.gw, lin2.gb


def example():
    rng = np.random.default_rng(30)
    return (rng.normal(size=(3, 6)), rng.normal(size=6), rng.normal(size=(6, 2)), rng.normal(size=2),
            rng.normal(size=(8, 3)), rng.normal(size=(8, 2)))
''',
        [
            ("G106", "    lin1.zero_grad()\n    lin2.zero_grad()\n", "", "pre = lin1(x, w1, b1)"),
            (
                "G106",
                "    lin2.zero_grad()\n    pre",
                "    pre",
                "out = lin2(softplus(pre), w2, b2)",
            ),
            ("G401", "    g = g / (1 + np.exp(-pre))\n", "", "lin1.backward(g)"),
            ("G402", "g = g / (1 + np.exp(-pre))", "g = g / (1 + np.exp(-softplus(pre)))"),
            (
                "G403",
                "g = g / (1 + np.exp(-pre))",
                "s = 1 / (1 + np.exp(-pre))\n    g = g * s * (1 - s)",
            ),
            ("G405", "g = g / (1 + np.exp(-pre))", "g = 1 / (1 + np.exp(-pre))"),
            ("G203", "g = (out - y) / out.size", "g = (out - y) / len(out)"),
            ("G204", "g = (out - y) / out.size", "g = 2 * (out - y) / out.size"),
            ("G201|G203", "g = (out - y) / out.size", "g = out - y"),
            ("G601", "self.gb += g.sum(0)", "self.gb += g.mean(0)"),
            ("G603", "self.gb += g.sum(0)", "self.gb += g.sum()"),
        ],
        [
            ("g = g / (1 + np.exp(-pre))", "g = g * (1 - np.exp(-softplus(pre)))"),
            ("g = (out - y) / out.size", "g = np.divide(out - y, y.shape[0] * y.shape[1])"),
        ],
    ),
    (
        "micrograd",
        r'''
import math
import numpy as np


class Value:
    """ stores a single scalar value and its gradient """

    def __init__(self, data, _children=()):
        self.data = data
        self.grad = 0.0
        self._backward = lambda: None
        self._prev = tuple(_children)

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data + other.data, (self, other))

        def _backward():
            self.grad += out.grad
            other.grad += out.grad
        out._backward = _backward
        return out

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data * other.data, (self, other))

        def _backward():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad
        out._backward = _backward
        return out

    def __pow__(self, k):
        out = Value(self.data ** k, (self,))

        def _backward():
            self.grad += (k * self.data ** (k - 1)) * out.grad
        out._backward = _backward
        return out

    def tanh(self):
        t = math.tanh(self.data)
        out = Value(t, (self,))

        def _backward():
            self.grad += (1 - t ** 2) * out.grad
        out._backward = _backward
        return out

    def backward(self):
        topo, visited = [], set()

        def build_topo(v):
            if v not in visited:
                visited.add(v)
                for child in v._prev:
                    build_topo(child)
                topo.append(v)
        build_topo(self)
        self.grad = 1.0
        for v in reversed(topo):
            v._backward()


def loss(W, v, X, y):
    H = np.tanh(X @ W)
    return float(np.sum((H @ v - y) ** 2) / len(y))


def gradient(W, v, X, y):
    Wv = [[Value(float(e)) for e in row] for row in W]
    vv = [Value(float(e)) for e in v]
    total = Value(0.0)
    for xi, yi in zip(X, y):
        out = Value(0.0)
        for j in range(len(vv)):
            z = Value(0.0)
            for i in range(len(xi)):
                z = z + Wv[i][j] * float(xi[i])
            out = out + vv[j] * z.tanh()
        total = total + (out + float(-yi)) ** 2
    mean = total * (1.0 / len(y))
    mean.backward()
    dW = np.array([[e.grad for e in row] for row in Wv])
    dv = np.array([e.grad for e in vv])
    return dW, dv


def example():
    rng = np.random.default_rng(41)
    return rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=(5, 3)), rng.normal(size=5)
''',
        [
            (
                "G801|G802",
                "self.grad += other.data * out.grad",
                "self.grad = other.data * out.grad",
            ),
            (
                "G403",
                "self.grad += (1 - t ** 2) * out.grad",
                "self.grad += (1 - self.data ** 2) * out.grad",
            ),
            ("G405", "self.grad += (1 - t ** 2) * out.grad", "self.grad += 1 - t ** 2"),
            ("G401", "self.grad += (1 - t ** 2) * out.grad", "self.grad += out.grad"),
            (
                "G402",
                "self.grad += (1 - t ** 2) * out.grad",
                "self.grad += (1 - math.tanh(t) ** 2) * out.grad",
            ),
            (
                "G204",
                "self.grad += (k * self.data ** (k - 1)) * out.grad",
                "self.grad += (self.data ** (k - 1)) * out.grad",
            ),
            ("G201", "mean = total * (1.0 / len(y))", "mean = total"),
            ("G206", "        self.grad = 1.0\n", "        self.grad = 0.1\n"),
        ],
        [
            (
                "self.grad += (1 - t ** 2) * out.grad",
                "self.grad += out.grad / math.cosh(self.data) ** 2",
            ),
            (
                "            self.grad += other.data * out.grad\n            other.grad += self.data * out.grad\n",
                "            g = out.grad\n            self.grad = self.grad + g * other.data\n            other.grad = other.grad + g * self.data\n",
            ),
            ("self._prev = tuple(_children)", "self._prev = set(_children)"),
        ],
    ),
    (
        "modular-layers",
        r"""
import numpy as np
from typing import Tuple


def affine_forward(x: np.ndarray, w: np.ndarray, b: np.ndarray) -> Tuple:
    out = x.reshape(x.shape[0], -1).dot(w) + b
    return out, (x, w, b)


def affine_backward(dout: np.ndarray, cache: Tuple) -> Tuple:
    x, w, b = cache
    dx = dout.dot(w.T).reshape(x.shape)
    dw = x.reshape(x.shape[0], -1).T.dot(dout)
    db = dout.sum(axis=0)
    return dx, dw, db


def swish_forward(z):
    s = 1 / (1 + np.exp(-z))
    return z * s, (z, s)


def swish_backward(dout, cache):
    z, s = cache
    return dout * (s + z * s * (1 - s))


def forward(w1, b1, w2, b2, w3, b3, x):
    a, c1 = affine_forward(x, w1, b1)
    a, s1 = swish_forward(a)
    a, c2 = affine_forward(a, w2, b2)
    a, s2 = swish_forward(a)
    a, c3 = affine_forward(a, w3, b3)
    return a, (c1, s1, c2, s2, c3)


def loss(w1, b1, w2, b2, w3, b3, x, y, reg):
    scores, _ = forward(w1, b1, w2, b2, w3, b3, x)
    scores = scores - scores.max(axis=1, keepdims=True)
    data = np.mean(np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(len(y)), y])
    return data + 0.5 * reg * sum((w ** 2).sum() for w in (w1, w2, w3))


def gradient(w1, b1, w2, b2, w3, b3, x, y, reg):
    scores, (c1, s1, c2, s2, c3) = forward(w1, b1, w2, b2, w3, b3, x)
    probs = np.exp(scores - scores.max(axis=1, keepdims=True))
    probs /= probs.sum(axis=1, keepdims=True)
    N = x.shape[0]
    dx = probs.copy()
    dx[np.arange(N), y] -= 1
    dx /= N
    dx, dw3, db3 = affine_backward(dx, c3)
    dx = swish_backward(dx, s2)
    dx, dw2, db2 = affine_backward(dx, c2)
    dx = swish_backward(dx, s1)
    dx, dw1, db1 = affine_backward(dx, c1)
    dw1 += reg * w1
    dw2 += reg * w2
    dw3 += reg * w3
    return dw1, db1, dw2, db2, dw3, db3


def example():
    rng = np.random.default_rng(48)
    r = lambda *s: rng.normal(0, 0.7, s)
    return r(6, 5), r(5), r(5, 5), r(5), r(5, 4), r(4), r(7, 2, 3), np.array([3, 0, 1, 2, 2, 0, 1]), 0.2
""",
        [
            ("G403", "return dout * (s + z * s * (1 - s))", "return dout * s * (1 - s)"),
            ("G403", "return dout * (s + z * s * (1 - s))", "return dout * s"),
            (
                "G401",
                "    dx = swish_backward(dx, s1)\n",
                "",
                "dx, dw2, db2 = affine_backward(dx, c2)",
            ),
            ("G703", "dx = swish_backward(dx, s1)", "dx = swish_backward(dx, s2)"),
            ("G304", "    dw3 += reg * w3\n", "    dw3 += reg * w3\n    db3 += reg * b3\n"),
            ("G301", "    dw2 += reg * w2\n", "", "dx, dw2, db2 = affine_backward(dx, c2)"),
            ("G302", "dw1 += reg * w1", "dw1 += 2 * reg * w1"),
            ("G303", "dw3 += reg * w3", "dw3 -= reg * w3"),
            (
                "G705",
                "dw = x.reshape(x.shape[0], -1).T.dot(dout)",
                "dw = x.reshape(x.shape[0], -1, order='F').T.dot(dout)",
            ),
            ("G704", "return dw1, db1, dw2, db2, dw3, db3", "return dw1, db2, dw2, db1, dw3, db3"),
            ("G602", "db = dout.sum(axis=0)", "db = dout[0]"),
            ("G405", "return dout * (s + z * s * (1 - s))", "return s + z * s * (1 - s)"),
            ("G201", "    dx /= N\n", "", "dx, dw3, db3 = affine_backward(dx, c3)"),
        ],
        [
            (
                "return dout * (s + z * s * (1 - s))",
                "a = z * s\n    return dout * (a + s * (1 - a))",
            ),
            (
                "    dx[np.arange(N), y] -= 1\n",
                "    for row in range(N):\n        dx[row, y[row]] -= 1\n",
            ),
        ],
    ),
    (
        "stale-default",
        r"""
import numpy as np

grads = {}


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def loss(W1, W2, X, Y, lmbda):
    H = sigmoid(X @ W1)
    D = H @ W2 - Y
    return np.sum(D * D) / X.shape[0] + lmbda * np.sum(W1 ** 2) + lmbda * np.sum(W2 ** 2)


def gradient(W1, W2, X, Y, lmbda):
    global grads
    grads = {"W1": np.zeros_like(W1), "W2": np.zeros_like(W2)}
    n = X.shape[0]
    for x, y in zip(X, Y):
        h = sigmoid(x @ W1)
        d = 2 * (h @ W2 - y)
        grads["W2"] += np.outer(h, d)
        dh = W2 @ d
        grads["W1"] += np.outer(x, dh * h * (1 - h))
    grads["W1"] = grads["W1"] / n + 2 * lmbda * W1
    grads["W2"] = grads["W2"] / n + 2 * lmbda * W2
    return grads


def example():
    rng = np.random.default_rng(53)
    return {"W1": rng.normal(size=(3, 5)), "W2": rng.normal(size=(5, 2)), "X": rng.normal(size=(7, 3)),
            "Y": rng.normal(size=(7, 2)), "lmbda": 0.17}
""",
        [
            (
                "G106",
                '    global grads\n    grads = {"W1": np.zeros_like(W1), "W2": np.zeros_like(W2)}\n',
                "    if not grads:\n        grads.update(W1=np.zeros_like(W1), W2=np.zeros_like(W2))\n",
            ),
            ("G802", 'grads["W2"] += np.outer(h, d)', 'grads["W2"] = np.outer(h, d)'),
            (
                "G302",
                'grads["W1"] = grads["W1"] / n + 2 * lmbda * W1',
                'grads["W1"] = (grads["W1"] + 2 * lmbda * W1) / n',
            ),
            (
                "G303",
                'grads["W1"] = grads["W1"] / n + 2 * lmbda * W1',
                'grads["W1"] = grads["W1"] / n - 2 * lmbda * W1',
            ),
            ("G403", "dh * h * (1 - h)", "dh * (1 - h)"),
            ("G204", "d = 2 * (h @ W2 - y)", "d = h @ W2 - y"),
            (
                "G301",
                'grads["W1"] = grads["W1"] / n + 2 * lmbda * W1',
                'grads["W1"] = grads["W1"] / n',
            ),
            ("G401", "dh * h * (1 - h)", "dh"),
            (
                "G107",
                '    grads["W1"] = grads["W1"] / n + 2 * lmbda * W1\n',
                '    grads["w1"] = grads.pop("W1") / n + 2 * lmbda * W1\n',
            ),
            (
                "G204",
                'grads["W1"] = grads["W1"] / n + 2 * lmbda * W1',
                'grads["W1"] = grads["W1"] / (2 * n) + 2 * lmbda * W1',
            ),
        ],
        [
            ("dh * h * (1 - h)", "dh * sigmoid(x @ W1) * sigmoid(-(x @ W1))"),
            ("        d = 2 * (h @ W2 - y)\n", "        d = -2 * y + 2 * h @ W2\n"),
        ],
    ),
    (
        "net-object",
        r"""
import numpy as np


class Net:
    def __init__(self, seed=0):
        self.rng = np.random.default_rng(seed)
        self.dU = None
        self.dv = None

    def forward(self, U, v, X):
        self.X = X
        self.s = X @ U
        self.a = np.where(self.s > 0, self.s, 0.2 * self.s)
        return self.a @ v

    def loss(self, U, v, X, y):
        return np.mean(np.abs(self.forward(U, v, X) - y) ** 3) / 3

    def backward(self, U, v, X, y):
        e = self.forward(U, v, X) - y
        de = np.abs(e) * e / len(y)
        self.dv = self.a.T @ de
        da = de[:, None] @ v[None, :]
        ds = da * np.where(self.s > 0, 1, 0.2)
        self.dU = self.X.T @ ds
        return self.dU, self.dv


net = Net()


def loss(U, v, X, y):
    return net.loss(U, v, X, y)


def gradient(U, v, X, y):
    return net.backward(U, v, X, y)


def example():
    rng = np.random.default_rng(54)
    return rng.normal(size=(4, 3)), rng.normal(size=3), rng.normal(size=(7, 4)), rng.normal(size=7)
""",
        [
            (
                "G106",
                "self.dU = self.X.T @ ds",
                "self.dU = self.X.T @ ds if self.dU is None else self.dU + self.X.T @ ds",
            ),
            (
                "G106",
                "self.dv = self.a.T @ de",
                "self.dv = 0.9 * (0 if self.dv is None else self.dv) + self.a.T @ de",
            ),
            (
                "G105",
                "e = self.forward(U, v, X) - y",
                "e = self.forward(U, v, X + 1e-3 * np.random.randn(*X.shape)) - y",
            ),
            (
                "G105",
                "        e = self.forward(U, v, X) - y\n",
                "        idx = np.random.choice(len(y), 4, replace=False)\n        X, y = X[idx], y[idx]\n        e = self.forward(U, v, X) - y\n",
            ),
            ("G403", "np.where(self.s > 0, 1, 0.2)", "np.where(self.s > 0, 1, 0)"),
            ("G404", "np.where(self.s > 0, 1, 0.2)", "np.where(self.s < 0, 1, 0.2)"),
            ("G404", "np.where(self.s > 0, 1, 0.2)", "np.where(da > 0, 1, 0.2)"),
            ("G401", "ds = da * np.where(self.s > 0, 1, 0.2)", "ds = da"),
            ("G201", "de = np.abs(e) * e / len(y)", "de = np.abs(e) * e"),
            ("G703", "self.dv = self.a.T @ de", "self.dv = self.s.T @ de"),
            ("G206", "return self.dU, self.dv", "return 0.003 * self.dU, 0.003 * self.dv"),
            (
                "G104",
                "        e = self.forward(U, v, X) - y\n",
                "        y -= self.forward(U, v, X)\n        e = -y\n",
            ),
        ],
        [
            ("np.where(self.s > 0, 1, 0.2)", "(0.6 + 0.4 * np.sign(self.s))"),
            ("de = np.abs(e) * e / len(y)", "de = np.sign(e) * e ** 2 / len(y)"),
        ],
    ),
]
