"""Blind files about linear classifiers: logistic, softmax in loops, hinge."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.blind_parts import made
from tests.checking.corpus.case import Case


def classifiers() -> Iterator[Case]:
    yield from made(
        "logistic-signs",
        """
import numpy as np


def loss(X, y, w, lam):
    # y is -1 or +1
    margins = y * (X @ w)
    data = np.mean(np.log(1 + np.exp(-margins)))
    return data + lam / 2 * np.dot(w, w)


def gradient(X, y, w, lam):
    n = X.shape[0]
    margins = y * (X @ w)
    s = 1 / (1 + np.exp(margins))       # probability of being wrong
    coef = -y * s / n
    grad = X.T @ coef
    grad = grad + lam * w
    return {"w": grad}


def example():
    rng = np.random.default_rng(8)
    X = rng.normal(size=(7, 7))
    y = np.where(rng.random(7) > 0.5, 1.0, -1.0)
    return {"X": X, "y": y, "w": rng.normal(size=7), "lam": 0.1}
""",
        [
            ("G205", "coef = -y * s / n", "coef = y * s / n"),
            ("G403|G000", "np.exp(margins))  ", "np.exp(-margins))  "),
            ("G501|G403", "coef = -y * s / n", "coef = -y * s * (1 - s) / n"),
            ("G302", "grad = grad + lam * w", "grad = grad + 2 * lam * w"),
            ("G301", "grad = grad + lam * w", "grad = grad"),
            ("G702|G701|G000", "grad = X.T @ coef", "grad = X @ coef"),
        ],
        [
            [
                (
                    "s = 1 / (1 + np.exp(margins))  ",
                    "s = np.exp(-margins) / (1 + np.exp(-margins))  ",
                )
            ],
            [
                (
                    "grad = X.T @ coef\n    grad = grad + lam * w",
                    "grad = coef @ X\n    grad += lam * w",
                )
            ],
        ],
    )
    yield from made(
        "weighted-bce",
        """
import numpy as np


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def loss(X, y, w, b, pos_weight):
    \"\"\"Binary cross entropy on logits, positives weighted.\"\"\"
    z = X.dot(w) + b
    loss_pos = pos_weight * y * np.logaddexp(0, -z)
    loss_neg = (1 - y) * np.logaddexp(0, z)
    return np.sum(loss_pos + loss_neg) / y.shape[0]


def gradient(X, y, w, b, pos_weight):
    m = y.shape[0]
    z = X.dot(w) + b
    p = sigmoid(z)
    dz = (1 - y) * p - pos_weight * y * (1 - p)
    dz = dz / m
    dw = X.T.dot(dz)
    db = dz.sum()
    grads = {"w": dw, "b": db}
    return grads


def example():
    np.random.seed(0)
    X = np.random.randn(8, 3)
    y = (np.random.rand(8) > 0.6).astype(float)
    return {"X": X, "y": y, "w": np.random.randn(3), "b": 0.3, "pos_weight": 2.5}
""",
        [
            ("G000", "pos_weight * y * (1 - p)", "y * (1 - p)"),
            ("G501", "dz = dz / m", "dz = dz * p * (1 - p) / m"),
            ("G203", "dz = dz / m", "dz = dz / (m - 1)"),
            (
                "G205",
                "(1 - y) * p - pos_weight * y * (1 - p)",
                "pos_weight * y * (1 - p) - (1 - y) * p",
            ),
            ("G801|G000", "(1 - y) * p - pos_weight * y * (1 - p)", "-pos_weight * y * (1 - p)"),
            ("G107", 'grads = {"w": dw, "b": db}', 'grads = {"w": dw, "b": None}'),
            ("G102", "dz = dz / m", "dz = (dz / m).astype(int)"),
        ],
        [
            [
                (
                    "(1 - y) * p - pos_weight * y * (1 - p)",
                    "np.where(y == 1, pos_weight * (p - 1), p)",
                )
            ],
            [("dz = dz / m", "dz /= len(X)"), ("db = dz.sum()", "db = np.sum(dz, axis=0)")],
        ],
    )
    yield from made(
        "softmax-naive",
        """
import numpy as np


def softmax_loss_naive(W, X, y, reg):
    \"\"\"Softmax loss, with loops; W is (D, C), X is (N, D), y holds labels 0..C-1.\"\"\"
    loss = 0.0
    dW = np.zeros_like(W)
    num_train = X.shape[0]
    num_classes = W.shape[1]
    for i in range(num_train):
        scores = X[i].dot(W)
        scores = scores - np.max(scores)
        p = np.exp(scores) / np.sum(np.exp(scores))
        loss = loss - np.log(p[y[i]])
        for j in range(num_classes):
            if j == y[i]:
                dW[:, j] += (p[j] - 1) * X[i]
            else:
                dW[:, j] += p[j] * X[i]
    loss = loss / num_train + reg * np.sum(W * W)
    dW = dW / num_train + 2 * reg * W
    return loss, dW


def loss(X, y, W, reg):
    scores = X @ W
    scores = scores - np.max(scores, axis=1, keepdims=True)
    logp = scores - np.log(np.sum(np.exp(scores), axis=1, keepdims=True))
    return -np.mean(logp[np.arange(len(y)), y]) + reg * np.sum(W * W)


def gradient(X, y, W, reg):
    _, dW = softmax_loss_naive(W, X, y, reg)
    return {"W": dW}


def example():
    np.random.seed(231)
    return {
        "X": np.random.randn(6, 4), "y": np.array([0, 2, 1, 1, 0, 2]),
        "W": np.random.randn(4, 3), "reg": 0.05,
    }
""",
        [
            ("G000", "dW[:, j] += (p[j] - 1) * X[i]", "dW[:, j] += p[j] * X[i]"),
            ("G802", "dW[:, j] += p[j] * X[i]", "dW[:, j] = p[j] * X[i]"),
            ("G302", "dW / num_train + 2 * reg * W", "dW / num_train + reg * W"),
            ("G301", "dW / num_train + 2 * reg * W", "dW / num_train"),
            ("G203", "dW / num_train + 2 * reg * W", "dW / num_classes + 2 * reg * W"),
            ("G302", "dW / num_train + 2 * reg * W", "(dW + 2 * reg * W) / num_train"),
            ("G000", "(p[j] - 1) * X[i]", "(1 - p[j]) * X[i]"),
        ],
        [
            [("dW = dW / num_train + 2 * reg * W", "dW /= num_train\n    dW += 2 * reg * W")],
            [
                (
                    "            if j == y[i]:\n                dW[:, j] += (p[j] - 1) * X[i]\n"
                    "            else:\n                dW[:, j] += p[j] * X[i]\n",
                    "            dW[:, j] += (p[j] - (j == y[i])) * X[i]\n",
                )
            ],
        ],
    )
    yield from made(
        "svm-vectorised",
        """
import numpy as np


def loss(X, y, W, reg):
    N = X.shape[0]
    scores = X.dot(W)
    correct = scores[np.arange(N), y].reshape(-1, 1)
    margins = np.maximum(0, scores - correct + 1)
    margins = np.where(np.arange(W.shape[1]) == y[:, None], 0.0, margins)
    return np.sum(margins) / N + 0.5 * reg * np.sum(W ** 2)


def gradient(X, y, W, reg):
    N = X.shape[0]
    rows = np.arange(N)
    scores = X.dot(W)
    correct = scores[rows, y].reshape(-1, 1)
    margins = np.maximum(0, scores - correct + 1)
    margins[rows, y] = 0

    # one count for each class that violates the margin
    binary = (margins > 0).astype(float)
    binary[rows, y] = -binary.sum(axis=1)
    dW = X.T.dot(binary)
    dW /= N
    dW += reg * W
    return {"W": dW}


def example():
    rng = np.random.default_rng(17)
    return {
        "X": rng.normal(size=(7, 5)), "y": rng.integers(0, 4, size=7),
        "W": rng.normal(size=(5, 4)), "reg": 0.2,
    }
""",
        [
            ("G000", "binary[rows, y] = -binary.sum(axis=1)", "binary[rows, y] = -1"),
            ("G205|G000", "binary[rows, y] = -binary", "binary[rows, y] = binary"),
            ("G403", "binary = (margins > 0).astype(float)", "binary = margins.copy()"),
            ("G203", "dW /= N", "dW /= W.shape[1]"),
            ("G302", "dW += reg * W", "dW += 2 * reg * W"),
            ("G801|G000", "binary[rows, y] = -binary.sum(axis=1)", "binary[rows, y] = 0"),
            ("G303", "dW += reg * W", "dW -= reg * W"),
        ],
        [
            [("dW = X.T.dot(binary)\n    dW /= N", "dW = X.T.dot(binary / N)")],
            [
                ("binary[rows, y] = -binary.sum(axis=1)", "binary[rows, y] -= binary.sum(axis=1)"),
                ("dW += reg * W", "dW = dW + reg * W"),
            ],
        ],
    )
