"""Fresh files about the form of what comes back: shapes, stores, buffers, quotients."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.case import Case
from tests.checking.corpus.fresh_parts import written


def forms() -> Iterator[Case]:
    yield from written(
        "logistic-as-columns",
        """
import numpy as np


def predict(w, b, X):
    return 1 / (1 + np.exp(-(X @ w + b)))


def loss(w, b, X, y):
    p = predict(w, b, X).ravel()
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


def gradient(w, b, X, y):
    n = X.shape[0]
    p = predict(w, b, X)  # (n, 1)
    y = y.reshape(-1, 1)
    error = p - y
    dw = X.T @ error / n
    db = np.sum(error) / n
    return {"w": dw, "b": db}


def example():
    rng = np.random.default_rng(1958)
    return {
        "w": rng.normal(size=(4, 1)),
        "b": 0.2,
        "X": rng.normal(size=(7, 4)),
        "y": np.array([0, 1, 1, 0, 1, 0, 1.0]),
    }
""",
        [
            ("G202", "X.T @ error / n", "X.T @ error / n / n"),
            ("G601|G202", "db = np.sum(error) / n", "db = np.mean(error) / n"),
            ("G107", '{"w": dw, "b": db}', '{"w": dw}'),
            ("G602|G802", "db = np.sum(error) / n", "db = error[-1, 0] / n"),
            ("G101", "dw = X.T @ error / n", "dw = error.T @ X / n"),
        ],
        [
            [("db = np.sum(error) / n", "db = float(np.mean(error))")],
            [("X.T @ error / n", "np.mean(error * X, axis=0)[:, np.newaxis]")],
        ],
        [
            (
                "G604",
                "    y = y.reshape(-1, 1)\n    error = p - y\n    dw = X.T @ error / n\n",
                "    error = p - y\n    dw = np.sum(X.T @ error, axis=1, keepdims=True) / n\n",
                "error = p - y",
            ),
        ],
    )
    yield from written(
        "gradient-store",
        """
import numpy as np

store = {}


def accumulate(name, g):
    store[name] = store.get(name, 0.0) + g


def loss(X, y, W1, b1, w2):
    h = np.log1p(np.exp(X @ W1 + b1))  # softplus
    return np.mean((h @ w2 - y) ** 2)


def gradient(X, y, W1, b1, w2):
    store.clear()  # zero_grad
    n = len(y)
    z = X @ W1 + b1
    h = np.log1p(np.exp(z))
    dout = 2.0 / n * (h @ w2 - y)
    accumulate("w2", h.T @ dout)
    dh = np.outer(dout, w2)
    dz = dh / (1 + np.exp(-z))
    accumulate("W1", X.T @ dz)
    accumulate("b1", dz.sum(axis=0))
    return dict(store)


def example():
    rng = np.random.default_rng(44)
    return {
        "X": rng.normal(size=(8, 3)),
        "y": rng.normal(size=8),
        "W1": rng.normal(size=(3, 5)),
        "b1": rng.normal(size=5),
        "w2": rng.normal(size=5),
    }
""",
        [
            ("G405", "dz = dh / (1 + np.exp(-z))", "dz = 1 / (1 + np.exp(-z))"),
            ("G402", "dz = dh / (1 + np.exp(-z))", "dz = dh / (1 + np.exp(-h))"),
            ("G602", "dz.sum(axis=0))", "dz[0])"),
            ("G101", "dz.sum(axis=0))", "dz)"),
            ("G403", "dz = dh / (1 + np.exp(-z))", "dz = dh / (1 + np.exp(z))"),
            ("G703", 'accumulate("w2", h.T @ dout)', 'accumulate("w2", z.T @ dout)'),
        ],
        [
            [("dz = dh / (1 + np.exp(-z))", "dz = dh * (1 - np.exp(-h))")],
        ],
        [
            ("G106", "    store.clear()  # zero_grad\n", "", "store[name] = "),
        ],
    )
    yield from written(
        "integer-buffers",
        """
import numpy as np


def loss(W, votes, features):
    # votes: how many raters chose each class
    Z = features @ W
    logZ = np.log(np.exp(Z).sum(axis=1, keepdims=True))
    return np.sum(votes * (logZ - Z)) / votes.sum()


def gradient(W, votes, features):
    Z = features @ W
    P = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    totals = votes.sum(axis=1)
    delta = np.zeros(votes.shape)
    for i in range(len(votes)):
        delta[i] = totals[i] * P[i] - votes[i]
    return {"W": features.T @ delta / votes.sum()}


def example():
    rng = np.random.default_rng(21)
    return {
        "W": rng.normal(size=(4, 3)),
        "votes": rng.integers(0, 5, size=(6, 3)),
        "features": rng.normal(size=(6, 4)),
    }
""",
        [
            ("G102", "delta = np.zeros(votes.shape)", "delta = np.zeros_like(votes)"),
            ("G405|G401|G206|G000", "totals[i] * P[i] - votes[i]", "P[i] - votes[i]"),
            ("G203", "features.T @ delta / votes.sum()", "features.T @ delta / len(votes)"),
            ("G603", "totals = votes.sum(axis=1)", "totals = np.full(len(votes), votes.sum())"),
        ],
        [
            [("totals[i] * P[i] - votes[i]", "votes[i].sum() * P[i] - votes[i]")],
        ],
        [
            (
                "G802",
                '        delta[i] = totals[i] * P[i] - votes[i]\n    return {"W"',
                '        delta[i] = totals[i] * P[i] - votes[i]\n        return {"W"',
                'return {"W"',
            ),
        ],
    )
    yield from written(
        "mds-stress",
        """
import numpy as np


def loss(Y, D):
    # raw stress of a map Y for given dissimilarities D
    i, j = np.triu_indices(len(Y), 1)
    d = np.linalg.norm(Y[i] - Y[j], axis=1)
    return np.sum((d - D[i, j]) ** 2) / np.sum(D[i, j] ** 2)


def gradient(Y, D):
    diff = Y[:, None] - Y[None, :]
    d = np.sqrt((diff ** 2).sum(-1)) + np.eye(len(Y))
    total = np.sum(np.triu(D, 1) ** 2)
    ratio = (d - D) / d
    np.fill_diagonal(ratio, 0.0)
    grad = 2 * np.einsum("ij,ijk->ik", ratio, diff) / total
    return {"Y": grad}


def example():
    rng = np.random.default_rng(1964)
    points = rng.normal(size=(7, 4))
    D = np.sqrt(((points[:, None] - points[None]) ** 2).sum(-1))
    return {"Y": rng.normal(size=(7, 2)), "D": D}
""",
        [
            ("G204", 'grad = 2 * np.einsum("ij', 'grad = np.einsum("ij'),
            ("G205", "ratio = (d - D) / d", "ratio = (D - d) / d"),
            ("G401|G000", "ratio = (d - D) / d", "ratio = d - D"),
            ("G204|G203", "np.sum(np.triu(D, 1) ** 2)", "np.sum(D ** 2)"),
        ],
        [
            [("ratio = (d - D) / d", "ratio = 1 - D / d")],
        ],
        [
            (
                "G103",
                "    d = np.sqrt((diff ** 2).sum(-1)) + np.eye(len(Y))\n"
                "    total = np.sum(np.triu(D, 1) ** 2)\n"
                "    ratio = (d - D) / d\n"
                "    np.fill_diagonal(ratio, 0.0)\n",
                "    d = np.sqrt((diff ** 2).sum(-1))\n"
                "    total = np.sum(np.triu(D, 1) ** 2)\n"
                "    ratio = (d - D) / d\n",
                "ratio = (d - D) / d",
            ),
        ],
    )
    yield from written(
        "variational-energy",
        """
import numpy as np


def loss(psi, H):
    # Rayleigh quotient of a real trial state
    return (psi @ H @ psi) / (psi @ psi)


def gradient(psi, H):
    norm = psi @ psi
    energy = psi @ H @ psi / norm
    residual = H @ psi - energy * psi
    return {"psi": 2 * residual / norm}


def example():
    rng = np.random.default_rng(1926)
    A = rng.normal(size=(6, 6))
    return {"psi": rng.normal(size=6), "H": 0.5 * (A + A.T)}
""",
        [
            ("G204", '"psi": 2 * residual / norm', '"psi": residual / norm'),
            ("G801", "residual = H @ psi - energy * psi", "residual = H @ psi"),
            ("G206|G203|G000", "2 * residual / norm", "2 * residual / np.sqrt(norm)"),
            ("G205", "H @ psi - energy * psi", "energy * psi - H @ psi"),
        ],
    )
