"""Held-back blind files about models of one layer and their losses."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.blind_parts import made
from tests.checking.corpus.case import Case


def held_models() -> Iterator[Case]:
    yield from made(
        "elastic-net",
        """
import numpy as np


def loss(X, y, beta, intercept, l1, l2):
    \"\"\"1/(2n) |y - X beta - b|^2 + l1 |beta|_1 + l2/2 |beta|_2^2\"\"\"
    n = len(y)
    resid = y - X @ beta - intercept
    fit = resid @ resid / (2 * n)
    return fit + l1 * np.abs(beta).sum() + 0.5 * l2 * np.sum(beta ** 2)


def gradient(X, y, beta, intercept, l1, l2):
    n = len(y)
    resid = y - X @ beta - intercept
    g_fit = -X.T @ resid / n
    g_beta = g_fit + l1 * np.sign(beta) + l2 * beta
    g_intercept = -resid.mean()
    return {"beta": g_beta, "intercept": g_intercept}


def example():
    rng = np.random.default_rng(40)
    X = rng.normal(size=(8, 5))
    return {
        "X": X, "y": rng.normal(size=8), "beta": np.array([0.9, -1.2, 0.4, -0.3, 2.0]),
        "intercept": 0.2, "l1": 0.15, "l2": 0.4,
    }
""",
        [
            ("G301", "g_fit + l1 * np.sign(beta) + l2 * beta", "g_fit + l1 * np.sign(beta)"),
            ("G301|G000", "g_fit + l1 * np.sign(beta) + l2 * beta", "g_fit + l2 * beta"),
            ("G302", "+ l2 * beta", "+ 2 * l2 * beta"),
            ("G403|G000", "l1 * np.sign(beta)", "l1 * beta"),
            ("G205", "g_fit = -X.T @ resid / n", "g_fit = X.T @ resid / n"),
            ("G303", "+ l2 * beta", "- l2 * beta"),
            ("G304", "g_intercept = -resid.mean()", "g_intercept = -resid.mean() + l2 * intercept"),
        ],
        [
            [
                (
                    "resid = y - X @ beta - intercept\n    g_fit = -X",
                    "resid = X @ beta + intercept - y\n    g_fit = X",
                ),
                ("-resid.mean()", "np.sum(resid) / n"),
            ],
            [("l1 * np.sign(beta)", "np.where(beta > 0, l1, -l1)")],
        ],
    )
    yield from made(
        "log-cosh",
        """
import numpy as np


def logcosh(e):
    return np.abs(e) + np.log1p(np.exp(-2 * np.abs(e))) - np.log(2)


def loss(X, y, W, b, alpha):
    e = np.dot(X, W) + b - y
    reg = alpha * np.sum(W ** 2)
    return logcosh(e).sum() / len(X) + reg


def gradient(X, y, W, b, alpha):
    n = X.shape[0]
    e = np.dot(X, W) + b - y          # (n, 1)
    de = np.tanh(e)
    dW = np.dot(X.T, de) / n
    dW += 2 * alpha * W
    db = np.sum(de, axis=0) / n
    return {"W": dW, "b": db}


def example():
    rng = np.random.default_rng(41)
    return {
        "X": rng.normal(size=(6, 3)), "y": 2 * rng.normal(size=(6, 1)),
        "W": rng.normal(size=(3, 1)), "b": np.array([0.3]), "alpha": 0.05,
    }
""",
        [
            ("G403|G402", "de = np.tanh(e)", "de = 1 - np.tanh(e) ** 2"),
            ("G403", "de = np.tanh(e)", "de = e"),
            ("G302", "dW += 2 * alpha * W", "dW += alpha * W"),
            ("G302", "dW += 2 * alpha * W", "dW += 2 * alpha * W / n"),
            ("G603|G101", "db = np.sum(de, axis=0) / n", "db = np.sum(de, axis=1) / n"),
            ("G201|G601", "db = np.sum(de, axis=0) / n", "db = np.sum(de, axis=0)"),
            (
                "G604",
                "e = np.dot(X, W) + b - y          # (n, 1)",
                "e = (np.dot(X, W) + b - y.ravel()).mean(axis=1, keepdims=True)",
            ),
        ],
        [
            [("db = np.sum(de, axis=0) / n", "db = de.mean(axis=0)")],
            [("de = np.tanh(e)", "de = (np.exp(e) - np.exp(-e)) / (np.exp(e) + np.exp(-e))")],
        ],
    )
    yield from made(
        "squared-hinge-columns",
        """
import numpy as np

# One-vs-rest: W is (K, D), samples are the columns of X, T holds +1 / -1


def loss(X, T, W, b, C):
    S = W @ X + b
    slack = np.maximum(0, 1 - T * S)
    return 0.5 * np.sum(W * W) + C / X.shape[1] * np.sum(slack ** 2)


def gradient(X, T, W, b, C):
    N = X.shape[1]
    S = W @ X + b
    slack = np.maximum(0, 1 - T * S)
    dS = -2 * C / N * slack * T
    dW = W + dS @ X.T
    db = dS.sum(axis=1, keepdims=True)
    return {"W": dW, "b": db}


def example():
    rng = np.random.default_rng(42)
    T = -np.ones((3, 7))
    T[[0, 1, 2, 1, 1, 0, 2], np.arange(7)] = 1
    return {
        "X": rng.normal(size=(4, 7)), "T": T,
        "W": rng.normal(size=(3, 4)), "b": 0.1 * rng.normal(size=(3, 1)), "C": 1.5,
    }
""",
        [
            ("G204", "dS = -2 * C / N * slack * T", "dS = -C / N * slack * T"),
            ("G403|G401|G405", "slack * T\n    dW", "(slack > 0) * T\n    dW"),
            ("G000|G403", "slack * T\n    dW", "slack\n    dW"),
            ("G301", "dW = W + dS @ X.T", "dW = dS @ X.T"),
            ("G302", "dW = W + dS @ X.T", "dW = 2 * W + dS @ X.T"),
            ("G602", "db = dS.sum(axis=1, keepdims=True)", "db = dS[:, :1]"),
            ("G201", "dS = -2 * C / N * slack * T", "dS = -2 * C * slack * T"),
        ],
        [
            [("dS = -2 * C / N * slack * T", "dS = np.where(T * S < 1, 2 * C / N * (S - T), 0)")],
            [("dW = W + dS @ X.T", "dW = dS.dot(X.T)\n    dW += W")],
        ],
    )
    yield from made(
        "label-smoothing",
        """
import numpy as np


def log_softmax(z):
    z = z - z.max(axis=1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


def smooth(labels, K, eps):
    return (1 - eps) * np.eye(K)[labels] + eps / K


def loss(X, labels, W, b, eps):
    targets = smooth(labels, W.shape[1], eps)
    logp = log_softmax(X @ W + b)
    return -(targets * logp).sum() / len(X)


def gradient(X, labels, W, b, eps):
    N, K = len(X), W.shape[1]
    targets = smooth(labels, K, eps)
    p = np.exp(log_softmax(X @ W + b))
    dz = (p - targets) / N
    gW = X.T @ dz
    gb = dz.sum(axis=0)
    return {"W": gW, "b": gb}


def example():
    rng = np.random.default_rng(43)
    return {
        "X": rng.normal(size=(4, 4)), "labels": np.array([3, 0, 1, 3]),
        "W": rng.normal(size=(4, 4)), "b": rng.normal(size=4), "eps": 0.1,
    }
""",
        [
            ("G000", "dz = (p - targets) / N", "dz = (p - np.eye(K)[labels]) / N"),
            ("G501", "dz = (p - targets) / N", "dz = p * (1 - p) * (p - targets) / N"),
            ("G201", "dz = (p - targets) / N", "dz = p - targets"),
            ("G701", "gW = X.T @ dz", "gW = dz.T @ X"),
            ("G603", "gb = dz.sum(axis=0)", "gb = dz.sum(axis=1)"),
            ("G205", "dz = (p - targets) / N", "dz = (targets - p) / N"),
        ],
        [
            [("dz = (p - targets) / N", "dz = p / N - targets / N")],
            [
                (
                    "p = np.exp(log_softmax(X @ W + b))",
                    "logp = log_softmax(X @ W + b)\n    g = -targets / N",
                ),
                ("dz = (p - targets) / N", "dz = g - np.exp(logp) * g.sum(axis=1, keepdims=True)"),
            ],
        ],
    )
    yield from made(
        "cauchy",
        """
import numpy as np


class RobustRegression:
    scale = 1.5

    def residuals(self, A, y, x):
        return A.dot(x) - y

    def cost(self, A, y, x):
        r = self.residuals(A, y, x) / self.scale
        return 0.5 * self.scale ** 2 * np.mean(np.log(1 + r ** 2))

    def jac(self, A, y, x):
        r = self.residuals(A, y, x)
        weights = 1 / (1 + (r / self.scale) ** 2)
        return A.T.dot(weights * r) / A.shape[0]


model = RobustRegression()


def loss(A, y, x):
    return model.cost(A, y, x)


def gradient(A, y, x):
    return {"x": model.jac(A, y, x)}


def example():
    rng = np.random.default_rng(44)
    A = rng.normal(size=(8, 4))
    return {"A": A, "y": 3 * rng.normal(size=8), "x": rng.normal(size=4)}
""",
        [
            (
                "G403",
                "weights = 1 / (1 + (r / self.scale) ** 2)",
                "weights = 1 / (1 + (r / self.scale))",
            ),
            ("G401|G405", "A.T.dot(weights * r) / A", "A.T.dot(r) / A"),
            ("G403|G000", "1 / (1 + (r / self.scale) ** 2)", "1 / (1 + r ** 2)"),
            ("G203", "(weights * r) / A.shape[0]", "(weights * r) / A.shape[1]"),
            ("G204", "weights = 1 / (1", "weights = 2 / (1"),
            ("G405|G401", "A.T.dot(weights * r)", "A.T.dot(weights)"),
        ],
        [
            [("weights * r)", "r / (1 + (r / self.scale) ** 2))")],
            [("A.T.dot(weights * r) / A.shape[0]", "(A * (weights * r)[:, None]).mean(axis=0)")],
        ],
    )
    yield from made(
        "masked-multilabel",
        """
import numpy as np


def loss(X, Y, known, W, b):
    # some labels are unknown: they are left out, the rest is averaged
    Z = X @ W + b
    bce = np.logaddexp(0, Z) - Y * Z
    return np.sum(bce * known) / np.sum(known)


def gradient(X, Y, known, W, b):
    Z = X @ W + b
    P = 1 / (1 + np.exp(-Z))
    count = np.sum(known)
    G = (P - Y) * known / count
    dW = np.zeros_like(W)
    db = np.zeros_like(b)
    for i in range(X.shape[0]):
        dW += np.outer(X[i], G[i])
        db += G[i]
    return {"W": dW, "b": db}


def example():
    rng = np.random.default_rng(45)
    return {
        "X": rng.normal(size=(5, 4)), "Y": (rng.random((5, 3)) > 0.5).astype(float),
        "known": (rng.random((5, 3)) > 0.3).astype(float),
        "W": rng.normal(size=(4, 3)), "b": 0.2 * rng.normal(size=3),
    }
""",
        [
            ("G901|G000", "G = (P - Y) * known / count", "G = (P - Y) / count"),
            ("G203", "G = (P - Y) * known / count", "G = (P - Y) * known / len(X)"),
            ("G203", "G = (P - Y) * known / count", "G = (P - Y) * known / Y.size"),
            ("G802", "dW += np.outer(X[i], G[i])", "dW = np.outer(X[i], G[i])"),
            ("G602|G802", "db += G[i]", "db = G[i]"),
            ("G102", '    return {"W": dW, "b": db}', '    return {"W": dW, "b": db.astype(int)}'),
            ("G802", '    return {"W": dW, "b": db}', '        return {"W": dW, "b": db}'),
        ],
        [
            [("G = (P - Y) * known / count", "G = np.where(known == 1, P - Y, 0) / count")],
            [
                ("G = (P - Y) * known / count", "G = (P - Y) * known"),
                ('{"W": dW, "b": db}', '{"W": dW / count, "b": db / count}'),
            ],
        ],
    )
