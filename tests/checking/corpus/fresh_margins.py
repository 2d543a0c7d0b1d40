"""Fresh files about margins, robust losses and pairs."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.case import Case
from tests.checking.corpus.fresh_parts import written


def margins() -> Iterator[Case]:
    yield from written(
        "svm-loops",
        """
import numpy as np


def loss(W, X, y, reg):
    num_train = X.shape[0]
    total = 0.0
    for i in range(num_train):
        scores = X[i].dot(W)
        for j in range(W.shape[1]):
            if j == y[i]:
                continue
            margin = scores[j] - scores[y[i]] + 1  # note delta = 1
            if margin > 0:
                total += margin
    return total / num_train + reg * np.sum(W * W)


def gradient(W, X, y, reg):
    dW = np.zeros(W.shape)
    num_classes = W.shape[1]
    num_train = X.shape[0]
    for i in range(num_train):
        scores = X[i].dot(W)
        for j in range(num_classes):
            if j == y[i]:
                continue
            margin = scores[j] - scores[y[i]] + 1
            if margin > 0:
                dW[:, j] += X[i]
                dW[:, y[i]] -= X[i]
    dW /= num_train
    dW += 2 * reg * W
    return {"W": dW}


def example():
    np.random.seed(1)
    return {
        "W": np.random.randn(6, 4) * 0.3,
        "X": np.random.randn(9, 6),
        "y": np.random.randint(4, size=9),
        "reg": 0.5,
    }
""",
        [
            ("G302", "dW += 2 * reg * W", "dW += reg * W"),
            ("G203", "dW /= num_train", "dW /= num_classes"),
            ("G802|G801", "dW[:, j] += X[i]", "dW[:, j] = X[i]"),
            ("G303", "dW += 2 * reg * W", "dW -= 2 * reg * W"),
        ],
        [
            [
                (
                    "    dW /= num_train\n    dW += 2 * reg * W\n",
                    "    dW = dW / num_train + 2 * reg * W\n",
                ),
            ],
        ],
        [
            (
                "G302",
                "    dW /= num_train\n    dW += 2 * reg * W\n",
                "    dW += 2 * reg * W\n    dW /= num_train\n",
                "dW += 2 * reg * W",
            ),
            ("G801", "                dW[:, y[i]] -= X[i]\n", "", "dW[:, j] += X[i]"),
        ],
    )
    yield from written(
        "huber-robust",
        """
import numpy as np


def loss(A, b, x, delta, mu):
    r = A @ x - b
    quad = np.abs(r) <= delta
    rho = np.where(quad, 0.5 * r**2, delta * (np.abs(r) - 0.5 * delta))
    return rho.mean() + 0.5 * mu * x @ x


def gradient(A, b, x, delta, mu):
    r = A @ x - b
    psi = np.where(np.abs(r) <= delta, r, delta * np.sign(r))
    return {"x": A.T @ psi / r.size + mu * x}


def example():
    rng = np.random.default_rng(20)
    A = rng.normal(size=(10, 4))
    x = rng.normal(size=4)
    b = A @ x + 0.4 * rng.normal(size=10)
    b[::3] += 5.0
    b[1] -= 6.0
    return {"A": A, "b": b, "x": x, "delta": 0.7, "mu": 0.1}
""",
        [
            ("G403", "delta * np.sign(r))", "np.sign(r))"),
            ("G205|G403", "delta * np.sign(r))", "delta)"),
            ("G203", "/ r.size", "/ x.size"),
            ("G302", "+ mu * x}", "+ 2 * mu * x}"),
        ],
        [
            [("np.where(np.abs(r) <= delta, r, delta * np.sign(r))", "np.clip(r, -delta, delta)")],
        ],
    )
    yield from written(
        "siamese-contrastive",
        """
import numpy as np


def embed(x, W, b):
    return np.tanh(x @ W + b)


def loss(x1, x2, same, W, b, margin):
    d = np.sqrt(np.sum((embed(x1, W, b) - embed(x2, W, b)) ** 2, axis=1))
    pos = same * d ** 2
    neg = (1 - same) * np.maximum(0, margin - d) ** 2
    return 0.5 * np.mean(pos + neg)


def gradient(x1, x2, same, W, b, margin):
    n = x1.shape[0]
    e1, e2 = embed(x1, W, b), embed(x2, W, b)
    diff = e1 - e2
    d = np.sqrt(np.sum(diff ** 2, axis=1))
    dd = (same * d - (1 - same) * np.maximum(0, margin - d)) / n
    ddiff = (dd / d)[:, None] * diff
    dz1 = ddiff * (1 - e1 ** 2)
    dz2 = -ddiff * (1 - e2 ** 2)
    dW = x1.T @ dz1 + x2.T @ dz2
    db = dz1.sum(0) + dz2.sum(0)
    return {"W": dW, "b": db}


def example():
    rng = np.random.default_rng(111)
    n, d, k = 10, 5, 3
    return {
        "x1": rng.normal(size=(n, d)),
        "x2": rng.normal(size=(n, d)),
        "same": np.array([1, 0, 0, 1, 0, 1, 0, 0, 1, 0]),
        "W": 0.6 * rng.normal(size=(d, k)),
        "b": 0.1 * rng.normal(size=k),
        "margin": 1.5,
    }
""",
        [
            ("G205", "dz2 = -ddiff * (1 - e2 ** 2)", "dz2 = ddiff * (1 - e2 ** 2)"),
            ("G801", "dW = x1.T @ dz1 + x2.T @ dz2", "dW = x1.T @ dz1"),
            ("G703|G402", "dz2 = -ddiff * (1 - e2 ** 2)", "dz2 = -ddiff * (1 - e1 ** 2)"),
            ("G205", "(same * d - (1 - same) * np", "(same * d + (1 - same) * np"),
            ("G000|G401", "ddiff = (dd / d)[:, None] * diff", "ddiff = dd[:, None] * diff"),
        ],
        [
            [("db = dz1.sum(0) + dz2.sum(0)", "db = (dz1 + dz2).sum(0)")],
        ],
    )
    yield from written(
        "triplet-margin",
        """
import numpy as np


def loss(W, anchor, positive, negative, margin):
    a, p, n = anchor @ W, positive @ W, negative @ W
    dp = ((a - p) ** 2).sum(axis=1)
    dn = ((a - n) ** 2).sum(axis=1)
    return np.maximum(dp - dn + margin, 0).mean()


def gradient(W, anchor, positive, negative, margin):
    a, p, n = anchor @ W, positive @ W, negative @ W
    dp = ((a - p) ** 2).sum(axis=1)
    dn = ((a - n) ** 2).sum(axis=1)
    active = (dp - dn + margin > 0).astype(float)[:, None] / len(a)
    ga = 2 * active * (n - p)
    gp = -2 * active * (a - p)
    gn = 2 * active * (a - n)
    return {"W": anchor.T @ ga + positive.T @ gp + negative.T @ gn}


def example():
    rng = np.random.default_rng(5)
    shape = (9, 4)
    return {
        "W": rng.normal(size=(4, 3)),
        "anchor": rng.normal(size=shape),
        "positive": rng.normal(size=shape),
        "negative": rng.normal(size=shape),
        "margin": 1.0,
    }
""",
        [
            ("G205", "gn = 2 * active * (a - n)", "gn = -2 * active * (a - n)"),
            ("G404", "(dp - dn + margin > 0)", "(dp - dn > 0)"),
            ("G801", "anchor.T @ ga + positive.T @ gp", "positive.T @ gp"),
            ("G204", "gp = -2 * active", "gp = -active"),
        ],
        [
            [("ga = 2 * active * (n - p)", "ga = 2 * active * ((a - p) - (a - n))")],
        ],
    )
    yield from written(
        "normalised-infonce",
        """
import numpy as np


def loss(U, V, tau):
    u = U / np.linalg.norm(U, axis=1, keepdims=True)
    v = V / np.linalg.norm(V, axis=1, keepdims=True)
    sim = u @ v.T / tau
    return np.mean(np.log(np.exp(sim).sum(axis=1)) - np.diag(sim))


def gradient(U, V, tau):
    n = U.shape[0]
    nu = np.linalg.norm(U, axis=1, keepdims=True)
    nv = np.linalg.norm(V, axis=1, keepdims=True)
    u, v = U / nu, V / nv
    sim = u @ v.T / tau
    P = np.exp(sim)
    P /= P.sum(axis=1, keepdims=True)
    G = (P - np.eye(n)) / n
    gu = G @ v / tau
    gv = G.T @ u / tau
    gU = (gu - u * np.sum(gu * u, axis=1, keepdims=True)) / nu
    gV = (gv - v * np.sum(gv * v, axis=1, keepdims=True)) / nv
    gtau = -np.sum(G * sim) / tau
    return {"U": gU, "V": gV, "tau": gtau}


def example():
    rng = np.random.default_rng(0)
    return {"U": rng.normal(size=(6, 4)), "V": rng.normal(size=(6, 4)), "tau": 0.3}
""",
        [
            ("G206", "gu = G @ v / tau", "gu = G @ v"),
            ("G701|G702", "gv = G.T @ u / tau", "gv = G @ u / tau"),
            ("G401|G206|G000", "axis=1, keepdims=True)) / nu", "axis=1, keepdims=True))"),
            ("G801|G904|G000", "(gv - v * np.sum(gv * v, axis=1, keepdims=True)) / nv", "gv / nv"),
            ("G205", "gtau = -np.sum(G * sim) / tau", "gtau = np.sum(G * sim) / tau"),
        ],
        [
            [("gtau = -np.sum(G * sim) / tau", "gtau = -np.sum(G * (u @ v.T)) / tau**2")],
        ],
    )
