"""Linear, logistic and softmax regression, as homework."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.case import Case
from tests.checking.corpus.handed_in_parts import made


def regressions() -> Iterator[Case]:
    """Linear, logistic and softmax regression, as homework."""
    for program in PROGRAMS:
        yield from made(*program)


PROGRAMS = [
    (
        "ng-logistic",
        r'''
import numpy as np


def sigmoid(z):
    """Compute the sigmoid of z"""
    s = 1 / (1 + np.exp(-z))
    return s


def loss(w, b, X, Y):
    m = X.shape[1]
    A = sigmoid(np.dot(w.T, X) + b)
    cost = -1 / m * np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A))
    return np.squeeze(cost)


def gradient(w, b, X, Y):
    m = X.shape[1]
    A = sigmoid(np.dot(w.T, X) + b)
    dZ = A - Y
    dw = 1 / m * np.dot(X, dZ.T)
    db = 1 / m * np.sum(dZ, axis=1, keepdims=True)
    return {"w": dw, "b": db}


def example():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(4, 7))
    Y = (rng.random((1, 7)) > 0.5) * 1.0
    return {"w": rng.normal(size=(4, 1)), "b": rng.normal(size=(1, 1)), "X": X, "Y": Y}
''',
        [
            ("G201", "dw = 1 / m * np.dot(X, dZ.T)", "dw = np.dot(X, dZ.T)"),
            (
                "G203",
                "A = sigmoid(np.dot(w.T, X) + b)\n    dZ",
                "m = X.shape[0]\n    A = sigmoid(np.dot(w.T, X) + b)\n    dZ",
            ),
            ("G205", "dZ = A - Y", "dZ = Y - A"),
            ("G501", "dZ = A - Y", "dZ = (A - Y) * A * (1 - A)"),
            ("G602", "db = 1 / m * np.sum(dZ, axis=1, keepdims=True)", "db = dZ[:, :1]"),
            ("G104", "dZ = A - Y", "Y -= A\n    dZ = -Y"),
            ("G105", "dZ = A - Y", "dZ = A - Y + 0.01 * np.random.randn(*A.shape)"),
            ("G202", "dZ = A - Y", "dZ = (A - Y) / m"),
        ],
        [
            ("dw = 1 / m * np.dot(X, dZ.T)", "dw = np.dot(X, (A - Y).T) / m"),
            ("dZ = A - Y", "dA = -Y / A + (1 - Y) / (1 - A)\n    dZ = dA * A * (1 - A)"),
        ],
    ),
    (
        "theta-linear",
        r"""
import numpy as np


def loss(theta, X, y, lam):
    m = len(y)
    Xb = np.c_[np.ones(m), X]
    h = Xb.dot(theta)
    reg = lam / (2 * m) * np.sum(theta[1:] ** 2)
    return np.sum((h - y) ** 2) / (2 * m) + reg


def gradient(theta, X, y, lam):
    m = len(y)
    Xb = np.c_[np.ones(m), X]
    h = Xb.dot(theta)
    err = h - y
    grad = Xb.T.dot(err) / m
    grad[1:] = grad[1:] + lam / m * theta[1:]
    return grad


def example():
    rng = np.random.default_rng(2)
    X = rng.standard_normal((9, 4))
    y = rng.standard_normal(9)
    return rng.standard_normal(5), X, y, 1.7
""",
        [
            (
                "G301",
                "    grad[1:] = grad[1:] + lam / m * theta[1:]\n",
                "",
                "grad = Xb.T.dot(err) / m",
            ),
            (
                "G302",
                "grad[1:] = grad[1:] + lam / m * theta[1:]",
                "grad[1:] = grad[1:] + lam * theta[1:]",
            ),
            (
                "G302",
                "grad[1:] = grad[1:] + lam / m * theta[1:]",
                "grad[1:] = grad[1:] + lam / (2 * m) * theta[1:]",
            ),
            (
                "G303",
                "grad[1:] = grad[1:] + lam / m * theta[1:]",
                "grad[1:] = grad[1:] - lam / m * theta[1:]",
            ),
            ("G304", "grad[1:] = grad[1:] + lam / m * theta[1:]", "grad = grad + lam / m * theta"),
            ("G201", "grad = Xb.T.dot(err) / m", "grad = Xb.T.dot(err)"),
            ("G204", "err = h - y", "err = 2 * (h - y)"),
            ("G202", "err = h - y", "err = (h - y) / m"),
        ],
        [
            (
                "grad[1:] = grad[1:] + lam / m * theta[1:]",
                "t = theta.copy()\n    t[0] = 0\n    grad += lam * t / m",
            ),
            (
                "grad = Xb.T.dot(err) / m",
                "grad = np.zeros_like(theta)\n    for j in range(len(theta)):\n        grad[j] = np.sum(err * Xb[:, j]) / m",
            ),
        ],
    ),
    (
        "hw5-single",
        r"""
import numpy as np


def loss(W1, b1, W2, b2, x, y):
    q = W1 @ x + b1
    h = np.maximum(q, 0)
    p = W2 @ h + b2
    return ((p - y).T @ (p - y)).item()


def gradient(W1, b1, W2, b2, x, y):
    q = W1 @ x + b1
    h = np.maximum(q, 0)
    p = W2 @ h + b2
    dL_dp = 2 * (p - y)
    dL_dW2 = dL_dp @ h.T
    dL_db2 = dL_dp
    dL_dh = W2.T @ dL_dp
    dh_dq = (q > 0).astype(float)
    dL_dq = dL_dh * dh_dq
    dL_dW1 = dL_dq @ x.T
    dL_db1 = dL_dq
    return dL_dW1, dL_db1, dL_dW2, dL_db2


def example():
    rng = np.random.default_rng(606)
    D, H, K = 4, 6, 3
    return (rng.normal(size=(H, D)), rng.normal(size=(H, 1)),
            rng.normal(size=(K, H)), rng.normal(size=(K, 1)),
            rng.normal(size=(D, 1)), rng.normal(size=(K, 1)))
""",
        [
            ("G204", "dL_dp = 2 * (p - y)", "dL_dp = p - y"),
            ("G205", "dL_dp = 2 * (p - y)", "dL_dp = 2 * (y - p)"),
            ("G403", "dh_dq = (q > 0).astype(float)", "dh_dq = np.maximum(q, 0)"),
            ("G404", "dh_dq = (q > 0).astype(float)", "dh_dq = (dL_dh > 0).astype(float)"),
            ("G404", "dh_dq = (q > 0).astype(float)", "dh_dq = (q < 0).astype(float)"),
            ("G703", "dL_dW2 = dL_dp @ h.T", "dL_dW2 = dL_dp @ q.T"),
            ("G405", "dL_dq = dL_dh * dh_dq", "dL_dq = dh_dq"),
            ("G101", "dL_dW1 = dL_dq @ x.T", "dL_dW1 = x @ dL_dq.T"),
            ("G401", "dL_dq = dL_dh * dh_dq", "dL_dq = dL_dh"),
            ("G102", "dL_dp = 2 * (p - y)", "dL_dp = np.round(2 * (p - y)).astype(int)"),
            (
                "G107",
                "    return dL_dW1, dL_db1, dL_dW2, dL_db2",
                "    return dL_dW1, None, dL_dW2, dL_db2",
            ),
        ],
        [
            ("dL_dW2 = dL_dp @ h.T", "dL_dW2 = np.outer(dL_dp, h)"),
            ("dh_dq = (q > 0).astype(float)", "dh_dq = np.maximum(q, 0) / q"),
        ],
    ),
    (
        "logistic-outlier",
        r"""
import numpy as np


def loss(w, b, X, y):
    z = X @ w + b[0]
    t = 2 * y - 1
    return np.logaddexp(0, -t * z).mean()


def gradient(w, b, X, y):
    z = X @ w + b[0]
    p = 0.5 * (1 + np.tanh(0.5 * z))
    d = (p - y) / y.shape[0]
    return [X.T @ d, np.array([d.sum()])]


def example():
    rng = np.random.default_rng(27)
    X = rng.normal(size=(8, 3))
    X[2] = [900.0, 1100.0, -700.0]
    X[5] = [-800.0, -1000.0, 900.0]
    return rng.normal(size=3) + np.array([2, 2, -2]), rng.normal(size=1), X, np.array([1., 0, 0, 1, 0, 0, 1, 1])
""",
        [
            ("G103", "p = 0.5 * (1 + np.tanh(0.5 * z))", "p = np.exp(z) / (1 + np.exp(z))"),
            (
                "G103",
                "d = (p - y) / y.shape[0]",
                "d = (-y / p + (1 - y) / (1 - p)) * p * (1 - p) / y.shape[0]",
            ),
            ("G201", "d = (p - y) / y.shape[0]", "d = p - y"),
            ("G205", "d = (p - y) / y.shape[0]", "d = (y - p) / y.shape[0]"),
            ("G601", "np.array([d.sum()])]", "np.array([d.mean()])]"),
            ("G501", "d = (p - y) / y.shape[0]", "d = (p - y) * p * (1 - p) / y.shape[0]"),
            (
                "G204",
                "p = 0.5 * (1 + np.tanh(0.5 * z))\n    d = (p - y)",
                "p = 0.5 * (1 + np.tanh(0.5 * z))\n    d = 2 * (p - y)",
            ),
        ],
        [
            (
                "p = 0.5 * (1 + np.tanh(0.5 * z))",
                "e = np.exp(-np.abs(z))\n    p = np.where(z >= 0, 1 / (1 + e), e / (1 + e))",
            ),
            (
                "    d = (p - y) / y.shape[0]\n",
                "    t = 2 * y - 1\n    s = 0.5 * (1 - np.tanh(0.5 * t * z))\n    d = -t * s / y.shape[0]\n",
            ),
        ],
    ),
    (
        "weighted-logistic",
        r"""
import numpy as np


def loss(w, X, y, sw, C):
    z = (X @ w)[:, 0]
    p = 1 / (1 + np.exp(-z))
    nll = -(y * np.log(p) + (1 - y) * np.log(1 - p))
    return np.sum(sw * nll) / np.sum(sw) + C * np.sum(w ** 2)


def gradient(w, X, y, sw, C):
    z = (X @ w)[:, 0]
    p = 1 / (1 + np.exp(-z))
    g = sw * (p - y)
    grad = X.T @ g[:, None] / np.sum(sw)
    grad = grad + 2 * C * w
    return grad


def example():
    rng = np.random.default_rng(34)
    X = np.hstack([np.ones((8, 1)), rng.normal(size=(8, 4))])
    return rng.normal(size=(5, 1)), X, (rng.random(8) > 0.4) * 1.0, rng.random(8) + 0.9, 0.15
""",
        [
            (
                "G604",
                "nll = -(y * np.log(p) + (1 - y) * np.log(1 - p))",
                "p = p.reshape(-1, 1)\n    nll = -(y * np.log(p) + (1 - y) * np.log(1 - p))",
            ),
            (
                "G604",
                "g = sw * (p - y)\n    grad = X.T @ g[:, None] / np.sum(sw)",
                "p = p.reshape(-1, 1)\n    g = sw * (p - y)\n    grad = X.T @ g.mean(axis=1, keepdims=True) / np.sum(sw)",
                "g = sw * (p - y)",
            ),
            ("G203", "grad = X.T @ g[:, None] / np.sum(sw)", "grad = X.T @ g[:, None] / len(y)"),
            ("G302", "grad = grad + 2 * C * w", "grad = grad + C * w"),
            ("G302", "grad = grad + 2 * C * w", "grad = grad + 2 * C * w / len(y)"),
            ("G303", "grad = grad + 2 * C * w", "grad = grad - 2 * C * w"),
            ("G301", "    grad = grad + 2 * C * w\n", "", "grad = X.T @ g[:, None] / np.sum(sw)"),
            (
                "G104",
                "    grad = grad + 2 * C * w\n    return grad",
                "    w *= 2 * C\n    return grad + w",
            ),
            ("G501", "g = sw * (p - y)", "g = sw * (p - y) * p * (1 - p)"),
            (
                "G101",
                "grad = X.T @ g[:, None] / np.sum(sw)\n    grad = grad + 2 * C * w",
                "grad = X.T @ g / np.sum(sw)\n    grad = grad + 2 * C * w[:, 0]",
            ),
        ],
        [
            (
                "grad = X.T @ g[:, None] / np.sum(sw)",
                "grad = np.sum(g[:, None] * X, axis=0).reshape(-1, 1) / sw.sum()",
            ),
            ("g = sw * (p - y)", "g = -sw * (y * (1 - p) - (1 - y) * p)"),
        ],
    ),
    (
        "logistic-pm1",
        r"""
import numpy as np


def loss(theta, X, y, lam):
    n = X.shape[0]
    margins = y * (X @ theta)
    return np.sum(np.log(1 + np.exp(-margins))) / n + lam * np.dot(theta, theta)


def gradient(theta, X, y, lam):
    n = X.shape[0]
    margins = y * (X @ theta)
    grad = np.zeros_like(theta)
    for i in range(n):
        coef = 1 / (1 + np.exp(margins[i]))
        grad += -y[i] * X[i] * coef
    return grad / n + 2 * lam * theta


def example():
    rng = np.random.default_rng(50)
    return rng.normal(size=5), rng.normal(size=(8, 5)), np.array([1., -1, -1, 1, -1, 1, 1, -1]), 0.4
""",
        [
            ("G205", "grad += -y[i] * X[i] * coef", "grad += y[i] * X[i] * coef"),
            ("G802", "grad += -y[i] * X[i] * coef", "grad = -y[i] * X[i] * coef"),
            ("G302", "return grad / n + 2 * lam * theta", "return grad / n + lam * theta"),
            ("G302", "return grad / n + 2 * lam * theta", "return (grad + 2 * lam * theta) / n"),
            ("G303", "return grad / n + 2 * lam * theta", "return grad / n - 2 * lam * theta"),
            ("G301", "return grad / n + 2 * lam * theta", "return grad / n"),
            ("G201", "return grad / n + 2 * lam * theta", "return grad + 2 * lam * theta"),
            ("G401", "grad += -y[i] * X[i] * coef", "grad += -y[i] * X[i]"),
            (
                "G203",
                "return grad / n + 2 * lam * theta",
                "return grad / len(theta) + 2 * lam * theta",
            ),
            (
                "G104",
                "    margins = y * (X @ theta)\n    grad = np",
                "    X *= y[:, None]\n    margins = X @ theta\n    grad = np",
                "X *=",
            ),
        ],
        [
            (
                "coef = 1 / (1 + np.exp(margins[i]))",
                "coef = np.exp(-margins[i]) / (1 + np.exp(-margins[i]))",
            ),
            (
                "        coef = 1 / (1 + np.exp(margins[i]))\n        grad += -y[i] * X[i] * coef\n",
                "        grad -= y[i] * X[i] * (1 - 1 / (1 + np.exp(-margins[i])))\n",
            ),
        ],
    ),
    (
        "l1-regression",
        r'''
import numpy as np


def loss(w, b, X, y):
    """mean absolute error plus nothing else"""
    r = X @ w + b - y
    return np.abs(r).mean()


def gradient(w, b, X, y):
    r = X @ w + b - y
    s = np.sign(r)
    gw = X.T @ s / len(y)
    gb = np.array([s.mean()])
    return gw, gb


def example():
    rng = np.random.default_rng(22)
    return rng.normal(size=4), rng.normal(size=1), rng.normal(size=(9, 4)), rng.normal(size=9)
''',
        [
            ("G201", "gw = X.T @ s / len(y)", "gw = X.T @ s"),
            ("G205", "r = X @ w + b - y\n    s", "r = y - X @ w - b\n    s"),
            ("G403|G000", "s = np.sign(r)", "s = r"),
            ("G601", "gb = np.array([s.mean()])", "gb = np.array([s.sum()])"),
            ("G203", "gw = X.T @ s / len(y)", "gw = X.T @ s / X.size"),
            ("G101", "gb = np.array([s.mean()])", "gb = s / len(y)"),
            ("G602", "gb = np.array([s.mean()])", "gb = s[:1] / len(y)"),
            ("G403|G404", "s = np.sign(r)", "s = (r > 0).astype(float)"),
            (
                "G102",
                "s = np.sign(r)\n    gw = X.T @ s / len(y)",
                "s = np.sign(r)\n    gw = (X.T @ s).astype(int) / len(y)",
            ),
        ],
        [
            ("s = np.sign(r)", "s = np.where(r > 0, 1.0, -1.0)"),
            ("s = np.sign(r)", "s = r / np.abs(r)"),
        ],
    ),
    (
        "cs189-model",
        r"""
import numpy as np


class SigmoidActivation:
    def activate(self, z):
        return 1 / (1 + np.exp(-z))

    def grad(self, z):
        s = self.activate(z)
        return s * (1 - s)


class ReLUActivation:
    def activate(self, z):
        return np.where(z > 0, z, 0)

    def grad(self, z):
        return np.where(z > 0, 1.0, 0.0)


class MSE:
    def compute(self, Yhat, Y):
        return np.mean(np.sum((Yhat - Y) ** 2, axis=1))

    def derivative(self, Yhat, Y):
        return 2 * (Yhat - Y) / Y.shape[0]


class Layer:
    def __init__(self, W, b, act):
        self.W, self.b, self.act = W, b, act

    def forward(self, a):
        self.a = a
        self.z = a @ self.W + self.b
        return self.act.activate(self.z)


class Model:
    def __init__(self, weights, biases):
        acts = [ReLUActivation(), SigmoidActivation()]
        self.layers = [Layer(W, b, act) for W, b, act in zip(weights, biases, acts)]
        self.cost = MSE()

    def evaluate(self, X):
        for layer in self.layers:
            X = layer.forward(X)
        return X

    def compute_grad(self, X, Y):
        Yhat = self.evaluate(X)
        d = self.cost.derivative(Yhat, Y)
        dWs, dbs = [], []
        for layer in self.layers[::-1]:
            dz = d * layer.act.grad(layer.z)
            dWs.insert(0, layer.a.T @ dz)
            dbs.insert(0, np.sum(dz, axis=0))
            d = dz @ layer.W.T
        return dWs, dbs


def loss(W1, W2, b1, b2, X, Y):
    model = Model([W1, W2], [b1, b2])
    return model.cost.compute(model.evaluate(X), Y)


def gradient(W1, W2, b1, b2, X, Y):
    model = Model([W1, W2], [b1, b2])
    dWs, dbs = model.compute_grad(X, Y)
    return dWs[0], dWs[1], dbs[0], dbs[1]


def example():
    rng = np.random.default_rng(189)
    return (rng.normal(size=(3, 4)), rng.normal(size=(4, 2)), rng.normal(size=4), rng.normal(size=2),
            rng.normal(size=(7, 3)), rng.random((7, 2)))
""",
        [
            ("G204", "return 2 * (Yhat - Y) / Y.shape[0]", "return (Yhat - Y) / Y.shape[0]"),
            ("G203", "return 2 * (Yhat - Y) / Y.shape[0]", "return 2 * (Yhat - Y) / Y.size"),
            ("G201", "return 2 * (Yhat - Y) / Y.shape[0]", "return 2 * (Yhat - Y)"),
            (
                "G403",
                "        return np.where(z > 0, 1.0, 0.0)",
                "        return np.where(z > 0, z, 0.0)",
            ),
            (
                "G402",
                "        s = self.activate(z)\n        return s * (1 - s)",
                "        s = self.activate(self.activate(z))\n        return s * (1 - s)",
            ),
            ("G403", "        return s * (1 - s)", "        return z * (1 - z)"),
            ("G601", "dbs.insert(0, np.sum(dz, axis=0))", "dbs.insert(0, np.mean(dz, axis=0))"),
            ("G602", "dbs.insert(0, np.sum(dz, axis=0))", "dbs.insert(0, dz[0])"),
            ("G405", "dz = d * layer.act.grad(layer.z)", "dz = layer.act.grad(layer.z)"),
        ],
        [
            ("dWs.insert(0, layer.a.T @ dz)", "dWs.insert(0, np.einsum('ni,nj->ij', layer.a, dz))"),
            ("return 2 * (Yhat - Y) / Y.shape[0]", "return -(Y - Yhat) * 2.0 / len(Y)"),
        ],
    ),
    (
        "softmax-mse",
        r"""
import numpy as np


def softmax(z):
    ez = np.exp(z - np.max(z, axis=1, keepdims=True))
    return ez / np.sum(ez, axis=1, keepdims=True)


def loss(W, b, X, Y):
    S = softmax(X @ W + b)
    return np.sum((S - Y) ** 2) / X.shape[0]


def gradient(W, b, X, Y):
    S = softmax(X @ W + b)
    n, C = S.shape
    dS = 2 * (S - Y) / n
    dZ = np.zeros_like(S)
    for i in range(n):
        s = S[i].reshape(-1, 1)
        J = np.diagflat(s) - s @ s.T
        dZ[i] = J @ dS[i]
    return X.T @ dZ, dZ.sum(axis=0)


def example():
    rng = np.random.default_rng(38)
    return rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=(7, 3)), np.eye(4)[rng.integers(0, 4, 7)]
""",
        [
            ("G503", "J = np.diagflat(s) - s @ s.T", "J = np.diagflat(s * (1 - s))"),
            ("G503", "        dZ[i] = J @ dS[i]\n", "        dZ[i] = dS[i] * S[i] * (1 - S[i])\n"),
            ("G502|G401", "dZ[i] = J @ dS[i]", "dZ[i] = dS[i]"),
            ("G204", "dS = 2 * (S - Y) / n", "dS = (S - Y) / n"),
            ("G201", "dS = 2 * (S - Y) / n", "dS = 2 * (S - Y)"),
            ("G203", "dS = 2 * (S - Y) / n", "dS = 2 * (S - Y) / (n * C)"),
            ("G601", "return X.T @ dZ, dZ.sum(axis=0)", "return X.T @ dZ, dZ.mean(axis=0)"),
            (
                "G802",
                "    return X.T @ dZ, dZ.sum(axis=0)",
                "        return X.T @ dZ, dZ.sum(axis=0)",
            ),
            ("G205", "dS = 2 * (S - Y) / n", "dS = -2 * (S - Y) / n"),
        ],
        [
            ("J = np.diagflat(s) - s @ s.T", "J = np.diag(S[i]) - np.outer(S[i], S[i])"),
            ("        dZ[i] = J @ dS[i]\n", "        dZ[i] = S[i] * (dS[i] - S[i] @ dS[i])\n"),
        ],
    ),
    (
        "softmax-flat",
        r"""
import numpy as np


def unpack(theta, d, k):
    W = theta[:d * k].reshape(d, k)
    b = theta[d * k:]
    return W, b


def loss(theta, X, y, k, alpha):
    W, b = unpack(theta, X.shape[1], k)
    Z = X @ W + b
    Zmax = Z.max(axis=1)
    logsumexp = Zmax + np.log(np.exp(Z - Zmax[:, np.newaxis]).sum(axis=1))
    nll = (logsumexp - np.take_along_axis(Z, y[:, np.newaxis], axis=1)[:, 0]).sum()
    return nll + 0.5 * alpha * (W ** 2).sum()


def gradient(theta, X, y, k, alpha):
    n, d = X.shape
    W, b = unpack(theta, d, k)
    Z = X @ W + b
    P = np.exp(Z - Z.max(axis=1, keepdims=True))
    P = P / P.sum(axis=1, keepdims=True)
    T = (y[:, np.newaxis] == np.arange(k)).astype(float)
    D = P - T
    gW = X.T @ D + alpha * W
    gb = D.sum(axis=0)
    return np.hstack([gW.ravel(), gb])


def example():
    rng = np.random.default_rng(58)
    d, k = 4, 3
    return {"theta": rng.normal(size=d * k + k), "X": rng.normal(size=(8, d)), "y": rng.integers(0, k, 8), "k": k, "alpha": 0.8}
""",
        [
            ("G705", "return np.hstack([gW.ravel(), gb])", "return np.hstack([gW.T.ravel(), gb])"),
            ("G705", "return np.hstack([gW.ravel(), gb])", "return np.hstack([gb, gW.ravel()])"),
            ("G303", "gW = X.T @ D + alpha * W", "gW = X.T @ D - alpha * W"),
            ("G301", "gW = X.T @ D + alpha * W", "gW = X.T @ D"),
            ("G302", "gW = X.T @ D + alpha * W", "gW = X.T @ D + 2 * alpha * W"),
            ("G304", "gb = D.sum(axis=0)", "gb = D.sum(axis=0) + alpha * b"),
            ("G202|G203", "D = P - T", "D = (P - T) / n"),
            ("G205", "D = P - T", "D = T - P"),
            ("G602", "gb = D.sum(axis=0)", "gb = D[0]"),
            ("G102", "D = P - T", "D = (P - T).round().astype(int)"),
            ("G501", "D = P - T", "D = P * (1 - P) * (P - T)"),
        ],
        [
            (
                "return np.hstack([gW.ravel(), gb])",
                "g = np.empty_like(theta)\n    g[:d * k] = gW.reshape(-1)\n    g[d * k:] = gb\n    return g",
            ),
            ("    D = P - T\n", "    D = P.copy()\n    np.add.at(D, (np.arange(n), y), -1.0)\n"),
        ],
    ),
    (
        "softmax-bigscores",
        r"""
import numpy as np


def loss(W, b, X, y):
    f = X.dot(W) + b
    f = f - np.max(f, axis=1, keepdims=True)
    return np.mean(np.log(np.sum(np.exp(f), axis=1)) - f[np.arange(len(y)), y])


def gradient(W, b, X, y):
    f = X.dot(W) + b
    f -= np.max(f, axis=1, keepdims=True)
    e = np.exp(f)
    q = e / np.sum(e, axis=1, keepdims=True)
    q[np.arange(len(y)), y] -= 1
    dW = X.T.dot(q) / len(y)
    db = np.mean(q, axis=0)
    return dW, db


def example():
    rng = np.random.default_rng(61)
    X = rng.normal(size=(7, 4))
    X[3] *= 1200
    return rng.normal(size=(4, 3)), rng.normal(size=3), X, np.array([0, 1, 2, 2, 1, 0, 1])
""",
        [
            ("G103", "    f -= np.max(f, axis=1, keepdims=True)\n", "", "e = np.exp(f)"),
            ("G103", "    f -= np.max(f, axis=1, keepdims=True)\n", "    f -= np.min(f)\n"),
            ("G201", "dW = X.T.dot(q) / len(y)", "dW = X.T.dot(q)"),
            ("G601|G201", "db = np.mean(q, axis=0)", "db = np.sum(q, axis=0)"),
            ("G202", "db = np.mean(q, axis=0)", "db = np.mean(q, axis=0) / len(y)"),
            ("G203", "dW = X.T.dot(q) / len(y)", "dW = X.T.dot(q) / W.shape[1]"),
            ("G205", "dW = X.T.dot(q) / len(y)", "dW = -X.T.dot(q) / len(y)"),
        ],
        [
            ("dW = X.T.dot(q) / len(y)", "dW = np.mean(X[:, :, None] * q[:, None, :], axis=0)"),
        ],
    ),
    (
        "cofi",
        r"""
import numpy as np


def cofi_cost(Theta, Xm, Y, R, lambda_):
    J = 0.5 * np.sum(((Xm @ Theta.T - Y) * R) ** 2)
    J += lambda_ / 2 * np.sum(Theta ** 2) + lambda_ / 2 * np.sum(Xm ** 2)
    return J


def loss(Theta, Xm, Y, R, lambda_):
    return cofi_cost(Theta, Xm, Y, R, lambda_)


def gradient(Theta, Xm, Y, R, lambda_):
    X_grad = np.zeros(Xm.shape)
    Theta_grad = np.zeros(Theta.shape)
    for i in range(R.shape[0]):
        idx = np.where(R[i, :] == 1)[0]
        Theta_temp = Theta[idx, :]
        Y_temp = Y[i, idx]
        X_grad[i, :] = (Xm[i, :] @ Theta_temp.T - Y_temp) @ Theta_temp + lambda_ * Xm[i, :]
    for j in range(R.shape[1]):
        jdx = np.where(R[:, j] == 1)[0]
        X_temp = Xm[jdx, :]
        err_j = X_temp @ Theta[j, :] - Y[jdx, j]
        Theta_grad[j, :] = err_j @ X_temp + lambda_ * Theta[j, :]
    return Theta_grad, X_grad


def example():
    rng = np.random.default_rng(24)
    R = (rng.random((6, 5)) < 0.7).astype(float)
    Y = rng.integers(1, 6, (6, 5)) * R
    return rng.normal(size=(5, 3)), rng.normal(size=(6, 3)), Y, R, 1.5
""",
        [
            ("G301", "@ Theta_temp + lambda_ * Xm[i, :]", "@ Theta_temp"),
            (
                "G303",
                "err_j @ X_temp + lambda_ * Theta[j, :]",
                "err_j @ X_temp - lambda_ * Theta[j, :]",
            ),
            (
                "G302",
                "err_j @ X_temp + lambda_ * Theta[j, :]",
                "err_j @ X_temp + 2 * lambda_ * Theta[j, :]",
            ),
            (
                "G205",
                "err_j = X_temp @ Theta[j, :] - Y[jdx, j]",
                "err_j = Y[jdx, j] - X_temp @ Theta[j, :]",
            ),
            ("G101", "return Theta_grad, X_grad", "return X_grad, Theta_grad"),
            ("G204", "@ Theta_temp + lambda_ * Xm[i, :]", "@ Theta_temp * 2 + lambda_ * Xm[i, :]"),
            (
                "G304",
                "err_j @ X_temp + lambda_ * Theta[j, :]",
                "err_j @ X_temp + lambda_ * Xm[j, :]",
            ),
        ],
        [
            (
                "    return Theta_grad, X_grad\n",
                "    E = (Xm @ Theta.T - Y) * R\n    return E.T @ Xm + lambda_ * Theta, E @ Theta + lambda_ * Xm\n",
            ),
        ],
    ),
]
