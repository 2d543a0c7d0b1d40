"""Blind files in forms that a book does not show: other routes to the gradient, odd examples."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.blind_parts import made
from tests.checking.corpus.case import Case


def unusual() -> Iterator[Case]:
    yield from made(
        "normal-equations",
        """
import numpy as np


def loss(X, y, w):
    return np.sum((X @ w - y) ** 2) / len(y)


def gradient(X, y, w):
    # expanded once: w' A w - 2 c' w + constant
    n = len(y)
    A = X.T @ X / n
    c = X.T @ y / n
    return {"w": 2 * (A @ w - c)}


def example():
    rng = np.random.default_rng(90)
    return {"X": rng.normal(size=(6, 6)), "y": rng.normal(size=6), "w": rng.normal(size=6)}
""",
        [
            ("G204", "2 * (A @ w - c)", "A @ w - c"),
            ("G205|G000", "2 * (A @ w - c)", "2 * (A @ w + c)"),
            ("G201|G000", "c = X.T @ y / n", "c = X.T @ y"),
        ],
        [
            [("2 * (A @ w - c)", "A @ w + A.T @ w - 2 * c")],
            [("A = X.T @ X / n", "A = sum(np.outer(x, x) for x in X) / n")],
        ],
    )
    yield from made(
        "zero-start",
        """
import numpy as np


def loss(X, y, W1, b1, W2, b2):
    h = np.tanh(X @ W1 + b1)
    z = (h @ W2 + b2)[:, 0]
    return np.mean(np.log(1 + np.exp(z)) - y * z)


def gradient(X, y, W1, b1, W2, b2):
    n = len(y)
    h = np.tanh(X @ W1 + b1)
    z = h @ W2 + b2
    dz = (1 / (1 + np.exp(-z)) - y[:, None]) / n
    dh = dz @ W2.T * (1 - h * h)
    return {
        "W1": X.T @ dh, "b1": dh.sum(0),
        "W2": h.T @ dz, "b2": dz.sum(0),
    }


def example():
    # as before the first step: the last layer and the biases are zero
    rng = np.random.default_rng(91)
    return {
        "X": rng.normal(size=(6, 3)), "y": np.array([0, 1, 1, 0, 1, 1]),
        "W1": rng.normal(size=(3, 4)), "b1": np.zeros(4), "W2": np.zeros((4, 1)), "b2": np.zeros(1),
    }
""",
        [
            ("G201", "- y[:, None]) / n", "- y[:, None])"),
            ("G703", '"W2": h.T @ dz', '"W2": (X @ W1).T @ dz'),
            ("G601", '"b2": dz.sum(0)', '"b2": dz.mean(0)'),
        ],
        [
            [("dz @ W2.T * (1 - h * h)", "(1 - h ** 2) * np.outer(dz, W2)")],
            [('"b1": dh.sum(0)', '"b1": np.ones(n) @ dh')],
        ],
    )
    yield from made(
        "single-sample",
        """
import numpy as np


def loss(x, y, V, W):
    # one sample, column vectors
    s = V @ x
    h = s / (1 + np.abs(s))             # softsign
    o = W @ h
    return (0.5 * (o - y).T @ (o - y)).item()


def gradient(x, y, V, W):
    s = V @ x
    h = s / (1 + np.abs(s))
    o = W @ h
    delta_o = o - y
    delta_s = (W.T @ delta_o) / (1 + np.abs(s)) ** 2
    return {"V": delta_s @ x.T, "W": delta_o @ h.T}


def example():
    rng = np.random.default_rng(92)
    return {
        "x": rng.normal(size=(3, 1)), "y": rng.normal(size=(2, 1)),
        "V": rng.normal(size=(4, 3)), "W": rng.normal(size=(2, 4)),
    }
""",
        [
            ("G403", "(W.T @ delta_o) / (1 + np.abs(s)) ** 2", "(W.T @ delta_o) / (1 + np.abs(s))"),
            ("G402", "(1 + np.abs(s)) ** 2", "(1 + np.abs(h)) ** 2"),
            ("G703", "delta_o @ h.T", "delta_o @ s.T"),
            ("G204", "delta_o = o - y", "delta_o = 2 * (o - y)"),
        ],
        [
            [("/ (1 + np.abs(s)) ** 2", "* (1 - np.abs(h)) ** 2")],
            [("delta_s @ x.T", "np.outer(delta_s, x)")],
        ],
    )
    yield from made(
        "euler-adjoint",
        """
import numpy as np

dt = 0.2


def loss(x0, target, W, steps):
    x = x0
    for _ in range(steps):
        x = x + dt * np.tanh(W @ x)
    return 0.5 * np.sum((x - target) ** 2)


def gradient(x0, target, W, steps):
    path = [x0]
    for _ in range(steps):
        path.append(path[-1] + dt * np.tanh(W @ path[-1]))
    lam = path[-1] - target
    dW = np.zeros_like(W)
    for x in path[-2::-1]:
        f = np.tanh(W @ x)
        v = dt * lam * (1 - f ** 2)
        dW += np.outer(v, x)
        lam = lam + W.T @ v
    return {"W": dW, "x0": lam}


def example():
    rng = np.random.default_rng(93)
    return {
        "x0": rng.normal(size=4), "target": rng.normal(size=4), "W": rng.normal(size=(4, 4)),
        "steps": 3,
    }
""",
        [
            ("G702", "lam = lam + W.T @ v", "lam = lam + W @ v"),
            ("G801|G908", "lam = lam + W.T @ v", "lam = W.T @ v"),
            ("G801|G908", "lam = lam + W.T @ v", "lam = lam + 0 * v"),
            ("G701", "np.outer(v, x)", "np.outer(x, v)"),
            ("G206|G000", "v = dt * lam * (1 - f ** 2)", "v = lam * (1 - f ** 2)"),
        ],
        [
            [("v = dt * lam * (1 - f ** 2)", "v = dt * (lam - lam * f * f)")],
            [("np.outer(v, x)", "v.reshape(-1, 1) @ x.reshape(1, -1)")],
        ],
    )
    yield from made(
        "weight-norm",
        """
import numpy as np


def loss(X, Y, v, g):
    # every column of W has length g
    W = g * v / np.sqrt(np.sum(v ** 2, axis=0))
    return np.mean((np.tanh(X @ W) - Y) ** 2)


def gradient(X, Y, v, g):
    length = np.sqrt(np.sum(v ** 2, axis=0))
    u = v / length
    A = np.tanh(X @ (g * u))
    dZ = 2 * (A - Y) * (1 - A ** 2) / Y.size
    dW = X.T @ dZ
    dg = np.sum(dW * u, axis=0)
    dv = g / length * (dW - dg * u)
    return {"v": dv, "g": dg}


def example():
    rng = np.random.default_rng(94)
    return {
        "X": rng.normal(size=(7, 4)), "Y": rng.normal(size=(7, 3)), "v": rng.normal(size=(4, 3)),
        "g": np.array([0.7, 1.2, 0.9]),
    }
""",
        [
            ("G801|G904", "dv = g / length * (dW - dg * u)", "dv = g / length * dW"),
            ("G703|G000", "dg = np.sum(dW * u, axis=0)", "dg = np.sum(dW * v, axis=0)"),
            ("G502|G401", "(A - Y) * (1 - A ** 2) / Y.size", "(A - Y) / Y.size"),
            ("G203", "(1 - A ** 2) / Y.size", "(1 - A ** 2) / len(Y)"),
        ],
        [
            [
                (
                    "dv = g / length * (dW - dg * u)",
                    "dv = (dW - u * (u * dW).sum(axis=0)) * (g / length)",
                )
            ],
            [("dg = np.sum(dW * u, axis=0)", "dg = np.einsum('ij,ij->j', dW, v) / length")],
        ],
    )
    yield from made(
        "graph-smoothness",
        """
import numpy as np


def loss(A, X, labelled, y, W, mu):
    # A: adjacency (symmetric); the prediction should vary little along edges
    L = np.diag(A.sum(axis=1)) - A
    f = X @ W
    fit = np.sum((f[labelled] - y) ** 2)
    return fit + mu * f @ L @ f


def gradient(A, X, labelled, y, W, mu):
    degree = A.sum(axis=1)
    f = X @ W
    df = np.zeros(len(f))
    df[labelled] = 2 * (f[labelled] - y)
    df += 2 * mu * (degree * f - A @ f)
    return {"W": X.T @ df}


def example():
    rng = np.random.default_rng(95)
    A = np.zeros((6, 6))
    for i, j in [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 0), (1, 4)]:
        A[i, j] = A[j, i] = 1.0
    return {
        "A": A, "X": rng.normal(size=(6, 3)), "labelled": np.array([0, 2, 5]),
        "y": rng.normal(size=3), "W": rng.normal(size=3), "mu": 0.4,
    }
""",
        [
            (
                "G204|G801|G302",
                "df += 2 * mu * (degree * f - A @ f)",
                "df += mu * (degree * f - A @ f)",
            ),
            ("G801|G301", "df += 2 * mu * (degree * f - A @ f)", "df += 0"),
            ("G801", "df += 2 * mu * (degree * f - A @ f)", "df = 2 * mu * (degree * f - A @ f)"),
            ("G204", "df[labelled] = 2 * (f", "df[labelled] = (f"),
        ],
        [
            [("(degree * f - A @ f)", "((np.diag(degree) - A) @ f)")],
            [
                (
                    "df[labelled] = 2 * (f[labelled] - y)",
                    "np.add.at(df, labelled, 2 * (f[labelled] - y))",
                )
            ],
        ],
    )
    yield from made(
        "per-sample-jacobians",
        """
import numpy as np


def softmax(z):
    e = np.exp(z - np.max(z))
    return e / e.sum()


def loss(X, T, W, V):
    n = len(X)
    return sum(np.sum((softmax(V @ np.tanh(W @ x)) - t) ** 2) for x, t in zip(X, T)) / n


def gradient(X, T, W, V):
    n = len(X)
    gW = np.zeros(W.shape)
    gV = np.zeros(V.shape)
    for x, t in zip(X, T):
        h = np.tanh(W @ x)
        p = softmax(V @ h)
        dp = 2 * (p - t) / n
        J = np.diag(p) - np.outer(p, p)
        dz = J.T @ dp
        gV += np.outer(dz, h)
        dh = V.T @ dz
        D = np.diag(1 - h ** 2)
        gW += np.outer(D @ dh, x)
    return {"W": gW, "V": gV}


def example():
    rng = np.random.default_rng(96)
    return {
        "X": rng.normal(size=(4, 3)), "T": np.eye(3)[[0, 2, 2, 1]],
        "W": rng.normal(size=(5, 3)), "V": rng.normal(size=(3, 5)),
    }
""",
        [
            ("G503", "J = np.diag(p) - np.outer(p, p)", "J = np.diag(p * (1 - p))"),
            ("G502", "dz = J.T @ dp", "dz = dp"),
            ("G802|G801", "gW += np.outer(D @ dh, x)", "gW = np.outer(D @ dh, x)"),
            ("G401", "D = np.diag(1 - h ** 2)", "D = np.eye(len(h))"),
            ("G402", "D = np.diag(1 - h ** 2)", "D = np.diag(1 - np.tanh(h) ** 2)"),
            ("G802", '    return {"W": gW, "V": gV}', '        return {"W": gW, "V": gV}'),
        ],
        [
            [
                ("        J = np.diag(p) - np.outer(p, p)\n", ""),
                ("dz = J.T @ dp", "dz = p * dp - p * (p @ dp)"),
            ],
            [("gW += np.outer(D @ dh, x)", "gW += D @ dh[:, None] * x")],
        ],
    )
    yield from made(
        "windows-view",
        """
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def loss(img, k, target):
    # img (n, h, w), k (a, b): one valid correlation, squared error
    win = sliding_window_view(img, k.shape, axis=(1, 2))
    out = np.einsum("nijab,ab->nij", win, k)
    return np.sum((out - target) ** 2) / 2 / len(img)


def gradient(img, k, target):
    a, b = k.shape
    win = sliding_window_view(img, k.shape, axis=(1, 2))
    out = np.einsum("nijab,ab->nij", win, k)
    d = (out - target) / len(img)
    dk = np.einsum("nijab,nij->ab", win, d)
    padded = np.pad(d, ((0, 0), (a - 1, a - 1), (b - 1, b - 1)))
    back = sliding_window_view(padded, k.shape, axis=(1, 2))
    dimg = np.einsum("nijab,ab->nij", back, k[::-1, ::-1])
    return {"k": dk, "img": dimg}


def example():
    rng = np.random.default_rng(97)
    return {
        "img": rng.normal(size=(2, 4, 5)), "k": rng.normal(size=(2, 2)),
        "target": rng.normal(size=(2, 3, 4)),
    }
""",
        [
            ("G906", "back, k[::-1, ::-1])", "back, k)"),
            ("G906|G701", "back, k[::-1, ::-1])", "back, k.T[::-1, ::-1])"),
            ("G201", "d = (out - target) / len(img)", "d = out - target"),
            ("G701", '"nijab,nij->ab"', '"nijab,nij->ba"'),
        ],
        [
            [
                (
                    'dk = np.einsum("nijab,nij->ab", win, d)',
                    "dk = np.tensordot(d, win, axes=([0, 1, 2], [0, 1, 2]))",
                )
            ],
            [("back, k[::-1, ::-1])", "back[..., ::-1, ::-1], k)")],
        ],
    )
