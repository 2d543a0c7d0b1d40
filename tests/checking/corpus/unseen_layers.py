"""Unseen files: layers with an own backward, and normalisations of several kinds."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.case import Case
from tests.checking.corpus.unseen_parts import written


def layers() -> Iterator[Case]:
    yield from written(
        "modules-with-backward",
        """
import numpy as np


class Linear:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.x = x
        return x @ self.W.T + self.b

    def backward(self, grad):
        self.dW = grad.T @ self.x
        self.db = grad.sum(axis=0)
        return grad @ self.W


class Tanh:
    def forward(self, z):
        self.z = z
        self.a = np.tanh(z)
        return self.a

    def backward(self, grad):
        return grad * (1 - self.a ** 2)


class QuadraticCost:
    def fx(self, yhat, y):
        return np.sum((y - yhat) ** 2) / (2 * len(y))

    def dx(self, yhat, y):
        return (yhat - y) / len(y)


class Model:
    def __init__(self, W, b):
        self.layers = []
        for i in range(len(W)):
            self.layers.append(Linear(W[i], b[i]))
            if i + 1 < len(W):
                self.layers.append(Tanh())

    def evaluate(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def compute_grad(self, grad):
        for layer in reversed(self.layers):
            grad = layer.backward(grad)


def loss(W, b, x, y):
    return QuadraticCost().fx(Model(W, b).evaluate(x), y)


def gradient(W, b, x, y):
    model = Model(W, b)
    yhat = model.evaluate(x)
    model.compute_grad(QuadraticCost().dx(yhat, y))
    linear = [layer for layer in model.layers if isinstance(layer, Linear)]
    return {"W": [layer.dW for layer in linear], "b": [layer.db for layer in linear]}


def example():
    rng = np.random.default_rng(446)
    sizes = [3, 5, 4, 2]
    return {
        "W": [rng.normal(size=(o, i)) * 0.6 for i, o in zip(sizes, sizes[1:])],
        "b": [rng.normal(size=o) * 0.3 for o in sizes[1:]],
        "x": rng.normal(size=(8, 3)),
        "y": rng.normal(size=(8, 2)),
    }
""",
        [
            ("G403", "return grad * (1 - self.a ** 2)", "return grad * (1 - self.z ** 2)"),
            ("G405", "return grad * (1 - self.a ** 2)", "return 1 - self.a ** 2"),
            ("G203", "return (yhat - y) / len(y)", "return (yhat - y) / y.size"),
            ("G205", "return (yhat - y) / len(y)", "return (y - yhat) / len(y)"),
            ("G601", "self.db = grad.sum(axis=0)", "self.db = grad.mean(axis=0)"),
        ],
        [
            [("return grad * (1 - self.a ** 2)", "return grad / np.cosh(self.z) ** 2")],
            [("self.dW = grad.T @ self.x", "self.dW = (self.x.T @ grad).T")],
        ],
    )
    yield from written(
        "names-step-by-step",
        """
import numpy as np


def loss(C, W1, bngain, bnbias, W2, b2, Xb, Yb):
    n = Xb.shape[0]
    emb = C[Xb]
    embcat = emb.reshape(n, -1)
    hprebn = embcat @ W1
    bnmeani = 1 / n * hprebn.sum(0, keepdims=True)
    bndiff = hprebn - bnmeani
    bnvar = 1 / (n - 1) * (bndiff ** 2).sum(0, keepdims=True)
    bnraw = bndiff * (bnvar + 1e-5) ** -0.5
    h = np.tanh(bngain * bnraw + bnbias)
    logits = h @ W2 + b2
    norm_logits = logits - logits.max(1, keepdims=True)
    logprobs = norm_logits - np.log(np.exp(norm_logits).sum(1, keepdims=True))
    return -logprobs[range(n), Yb].mean()


def gradient(C, W1, bngain, bnbias, W2, b2, Xb, Yb):
    n = Xb.shape[0]
    # forward in small pieces
    emb = C[Xb]
    embcat = emb.reshape(n, -1)
    hprebn = embcat @ W1
    bnmeani = 1 / n * hprebn.sum(0, keepdims=True)
    bndiff = hprebn - bnmeani
    bndiff2 = bndiff ** 2
    bnvar = 1 / (n - 1) * bndiff2.sum(0, keepdims=True)
    bnvar_inv = (bnvar + 1e-5) ** -0.5
    bnraw = bndiff * bnvar_inv
    hpreact = bngain * bnraw + bnbias
    h = np.tanh(hpreact)
    logits = h @ W2 + b2
    counts = np.exp(logits - logits.max(1, keepdims=True))
    probs = counts / counts.sum(1, keepdims=True)
    # backward
    dlogits = probs.copy()
    dlogits[range(n), Yb] -= 1
    dlogits /= n
    dh = dlogits @ W2.T
    dW2 = h.T @ dlogits
    db2 = dlogits.sum(0)
    dhpreact = (1.0 - h ** 2) * dh
    dbngain = (bnraw * dhpreact).sum(0, keepdims=True)
    dbnbias = dhpreact.sum(0, keepdims=True)
    dbnraw = bngain * dhpreact
    dbndiff = bnvar_inv * dbnraw
    dbnvar_inv = (bndiff * dbnraw).sum(0, keepdims=True)
    dbnvar = (-0.5 * (bnvar + 1e-5) ** -1.5) * dbnvar_inv
    dbndiff2 = (1.0 / (n - 1)) * np.ones_like(bndiff2) * dbnvar
    dbndiff += (2 * bndiff) * dbndiff2
    dhprebn = dbndiff.copy()
    dbnmeani = (-dbndiff).sum(0, keepdims=True)
    dhprebn += 1.0 / n * (np.ones_like(hprebn) * dbnmeani)
    dembcat = dhprebn @ W1.T
    dW1 = embcat.T @ dhprebn
    demb = dembcat.reshape(emb.shape)
    dC = np.zeros_like(C)
    for k in range(Xb.shape[0]):
        for j in range(Xb.shape[1]):
            dC[Xb[k, j]] += demb[k, j]
    return {"C": dC, "W1": dW1, "bngain": dbngain, "bnbias": dbnbias, "W2": dW2, "b2": db2}


def example():
    g = np.random.default_rng(2147483647)
    return {
        "C": g.normal(size=(6, 2)),
        "W1": g.normal(size=(8, 5)) * 0.6,
        "bngain": 1 + 0.3 * g.normal(size=(1, 5)),
        "bnbias": 0.2 * g.normal(size=(1, 5)),
        "W2": g.normal(size=(5, 6)) * 0.5,
        "b2": g.normal(size=6) * 0.1,
        "Xb": g.integers(0, 6, (7, 4)),
        "Yb": g.integers(0, 6, 7),
    }
""",
        [
            ("G905|G203", "dbndiff2 = (1.0 / (n - 1))", "dbndiff2 = (1.0 / n)"),
            ("G403", "dhpreact = (1.0 - h ** 2)", "dhpreact = (1.0 - hpreact ** 2)"),
            ("G801", "dbndiff += (2 * bndiff)", "dbndiff = (2 * bndiff)"),
            ("G803", "dC[Xb[k, j]] += demb[k, j]", "dC[Xb[k, j]] = demb[k, j]"),
            ("G205|G903", "dbnmeani = (-dbndiff)", "dbnmeani = (dbndiff)"),
            ("G705", "dembcat.reshape(emb.shape)", 'dembcat.reshape(emb.shape, order="F")'),
        ],
        [
            [
                (
                    "dbndiff2 = (1.0 / (n - 1)) * np.ones_like(bndiff2) * dbnvar",
                    "dbndiff2 = dbnvar / (n - 1)",
                )
            ],
            [
                (
                    "    for k in range(Xb.shape[0]):\n        for j in range(Xb.shape[1]):\n"
                    "            dC[Xb[k, j]] += demb[k, j]\n",
                    "    np.add.at(dC, Xb, demb)\n",
                )
            ],
        ],
        [
            (
                "G903",
                "    dhprebn += 1.0 / n * (np.ones_like(hprebn) * dbnmeani)\n",
                "",
                "dhprebn = dbndiff.copy()",
            ),
        ],
    )
    yield from written(
        "batchnorm-on-columns",
        """
import numpy as np

EPS = 1e-4


def forward(w1, gamma, beta, w2, X):
    z1 = w1 @ X
    mu = z1.mean(axis=1, keepdims=True)
    var = ((z1 - mu) ** 2).mean(axis=1, keepdims=True)
    xhat = (z1 - mu) / np.sqrt(var + EPS)
    a1 = 1 / (1 + np.exp(-(gamma * xhat + beta)))
    return xhat, var, a1, w2 @ a1


def loss(w1, gamma, beta, w2, X, Y):
    _, _, _, out = forward(w1, gamma, beta, w2, X)
    return np.sum((out - Y) ** 2) / X.shape[1]


def batchnorm_back(dxhat, xhat, var):
    m = xhat.shape[1]
    t1 = m * dxhat
    t2 = np.sum(dxhat, axis=1, keepdims=True)
    t3 = xhat * np.sum(dxhat * xhat, axis=1, keepdims=True)
    return (t1 - t2 - t3) / (m * np.sqrt(var + EPS))


def gradient(w1, gamma, beta, w2, X, Y):
    xhat, var, a1, out = forward(w1, gamma, beta, w2, X)
    dout = 2 * (out - Y) / X.shape[1]
    dw2 = dout @ a1.T
    dy = (w2.T @ dout) * a1 * (1 - a1)
    dgamma = np.sum(dy * xhat, axis=1, keepdims=True)
    dbeta = np.sum(dy, axis=1, keepdims=True)
    dz1 = batchnorm_back(dy * gamma, xhat, var)
    return {"w1": dz1 @ X.T, "gamma": dgamma, "beta": dbeta, "w2": dw2}


def example():
    rng = np.random.default_rng(31)
    return {
        "w1": rng.standard_normal((4, 3)),
        "gamma": rng.uniform(0.5, 2, (4, 1)),
        "beta": rng.standard_normal((4, 1)),
        "w2": rng.standard_normal((2, 4)),
        "X": rng.standard_normal((3, 9)),
        "Y": rng.standard_normal((2, 9)),
    }
""",
        [
            ("G903", "return (t1 - t2 - t3)", "return (t1 - t3)"),
            ("G904", "return (t1 - t2 - t3)", "return (t1 - t2)"),
            ("G000|G401", "batchnorm_back(dy * gamma, xhat", "batchnorm_back(dy, xhat"),
            ("G203|G905", "/ (m * np.sqrt(var + EPS))", "/ ((m - 1) * np.sqrt(var + EPS))"),
            ("G000|G403", "/ (m * np.sqrt(var + EPS))", "/ (m * (var + EPS))"),
        ],
        [
            [
                (
                    "    return (t1 - t2 - t3) / (m * np.sqrt(var + EPS))",
                    "    return (t1 - t2 - t3) / m / np.sqrt(var + EPS)",
                )
            ],
        ],
    )
    yield from written(
        "instance-norm-images",
        """
import numpy as np


def loss(x, scale, shift, target, eps):
    mu = x.mean(axis=(2, 3), keepdims=True)
    sd = np.sqrt(x.var(axis=(2, 3), keepdims=True) + eps)
    y = scale[None, :, None, None] * (x - mu) / sd + shift[None, :, None, None]
    return 0.5 * np.sum((np.tanh(y) - target) ** 2)


def gradient(x, scale, shift, target, eps):
    mu = x.mean(axis=(2, 3), keepdims=True)
    sd = np.sqrt(x.var(axis=(2, 3), keepdims=True) + eps)
    xn = (x - mu) / sd
    y = scale[None, :, None, None] * xn + shift[None, :, None, None]
    t = np.tanh(y)

    dy = (t - target) * (1 - t * t)
    dshift = dy.sum(axis=(0, 2, 3))
    dscale = (dy * xn).sum(axis=(0, 2, 3))
    dxn = dy * scale[None, :, None, None]
    m1 = dxn.mean(axis=(2, 3), keepdims=True)
    m2 = (dxn * xn).mean(axis=(2, 3), keepdims=True)
    dx = (dxn - m1 - xn * m2) / sd
    return {"x": dx, "scale": dscale, "shift": dshift}


def example():
    rng = np.random.default_rng(77)
    return {
        "x": rng.normal(size=(2, 3, 4, 5)) * 2 + 1,
        "scale": np.array([0.7, 1.3, -0.4]),
        "shift": np.array([0.1, -0.2, 0.3]),
        "target": rng.uniform(-1, 1, size=(2, 3, 4, 5)),
        "eps": 1e-3,
    }
""",
        [
            ("G904", "dx = (dxn - m1 - xn * m2) / sd", "dx = (dxn - m1) / sd"),
            (
                "G603",
                "m1 = dxn.mean(axis=(2, 3), keepdims=True)",
                "m1 = dxn.mean(axis=(0, 2, 3), keepdims=True)",
            ),
            ("G403", "* (1 - t * t)", "* (1 - y * y)"),
            ("G601|G203", "dshift = dy.sum(axis=(0, 2, 3))", "dshift = dy.mean(axis=(0, 2, 3))"),
            ("G000|G703", "m2 = (dxn * xn).mean(axis", "m2 = (dxn * x).mean(axis"),
        ],
        [
            [("dx = (dxn - m1 - xn * m2) / sd", "dx = dxn / sd - m1 / sd - (x - mu) / sd**2 * m2")],
        ],
    )
