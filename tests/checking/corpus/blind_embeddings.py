"""Blind files about rows of a table that are looked up more than once."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.blind_parts import made
from tests.checking.corpus.case import Case


def embeddings() -> Iterator[Case]:
    yield from made(
        "embedding-average",
        """
import numpy as np

# Sentiment of a sentence: average of its word vectors, then one logistic unit.


def loss(E, w, b, tokens, y):
    docs = E[tokens].mean(axis=1)            # (n, d)
    z = docs @ w + b
    return np.mean(np.log(1 + np.exp(z)) - y * z)


def gradient(E, w, b, tokens, y):
    n, T = tokens.shape
    docs = E[tokens].mean(axis=1)
    z = docs @ w + b
    dz = (1 / (1 + np.exp(-z)) - y) / n
    dw = docs.T @ dz
    db = dz.sum()
    ddocs = np.outer(dz, w)
    dE = np.zeros_like(E)
    for t in range(T):
        np.add.at(dE, tokens[:, t], ddocs / T)
    return {"E": dE, "w": dw, "b": db}


def example():
    rng = np.random.default_rng(4)
    tokens = np.array([[0, 3, 3], [1, 2, 0], [4, 3, 1], [0, 0, 2], [5, 1, 3]])
    return {
        "E": rng.normal(size=(6, 4)), "w": rng.normal(size=4), "b": 0.1,
        "tokens": tokens, "y": np.array([1.0, 0.0, 0.0, 1.0, 1.0]),
    }
""",
        [
            ("G803", "np.add.at(dE, tokens[:, t], ddocs / T)", "dE[tokens[:, t]] += ddocs / T"),
            ("G803", "np.add.at(dE, tokens[:, t], ddocs / T)", "dE[tokens[:, t]] = ddocs / T"),
            (
                "G203|G907",
                "np.add.at(dE, tokens[:, t], ddocs / T)",
                "np.add.at(dE, tokens[:, t], ddocs)",
            ),
            (
                "G203|G202|G000",
                "np.add.at(dE, tokens[:, t], ddocs / T)",
                "np.add.at(dE, tokens[:, t], ddocs / n)",
            ),
            (
                "G501",
                "(1 / (1 + np.exp(-z)) - y) / n",
                "(1 / (1 + np.exp(-z)) - y) * np.exp(-z) / (1 + np.exp(-z)) ** 2 / n",
            ),
            (
                "G802|G803",
                '    return {"E": dE, "w": dw, "b": db}',
                '        return {"E": dE, "w": dw, "b": db}',
            ),
            (
                "G106|G104",
                "dE = np.zeros_like(E)",
                "dE = gradient.__dict__.setdefault('dE', np.zeros_like(E))",
            ),
        ],
        [
            [
                (
                    "    for t in range(T):\n        np.add.at(dE, tokens[:, t], ddocs / T)\n",
                    "    np.add.at(dE, tokens, ddocs[:, None, :] / T)\n",
                ),
            ],
            [
                (
                    "        np.add.at(dE, tokens[:, t], ddocs / T)\n",
                    "        for i in range(n):\n            dE[tokens[i, t]] += ddocs[i] / T\n",
                ),
            ],
        ],
    )
    yield from made(
        "bigram-loops",
        """
import numpy as np


def forward(xs, table, b1, W2, b2):
    emb = table[xs].reshape(len(xs), -1)       # block of two characters, joined
    h = np.tanh(emb + b1)
    logits = h @ W2 + b2
    e = np.exp(logits)
    return emb, h, e / e.sum(1, keepdims=True)


def loss(xs, ys, table, b1, W2, b2):
    _, _, probs = forward(xs, table, b1, W2, b2)
    return -np.log(probs[np.arange(len(ys)), ys]).mean() + 0.01 * (W2 ** 2).mean()


def gradient(xs, ys, table, b1, W2, b2):
    n = len(xs)
    emb, h, probs = forward(xs, table, b1, W2, b2)

    dlogprobs = np.zeros_like(probs)
    dlogprobs[range(n), ys] = -1.0 / n
    dprobs = dlogprobs / probs
    dlogits = probs * (dprobs - (dprobs * probs).sum(1, keepdims=True))
    dh = dlogits @ W2.T
    dW2 = h.T @ dlogits + 0.02 * W2 / W2.size
    db2 = dlogits.sum(0)
    dpre = (1.0 - h ** 2) * dh
    db1 = dpre.sum(0)
    demb = dpre.reshape(n, 2, -1)
    dtable = np.zeros_like(table)
    for k in range(n):
        for j in range(2):
            dtable[xs[k, j]] += demb[k, j]
    return {"table": dtable, "b1": db1, "W2": dW2, "b2": db2}


def example():
    rng = np.random.default_rng(2147)
    return {
        "xs": np.array([[0, 1], [1, 1], [1, 3], [3, 0], [2, 3]]), "ys": np.array([1, 3, 0, 2, 0]),
        "table": rng.normal(size=(4, 3)), "b1": 0.1 * rng.normal(size=6),
        "W2": rng.normal(size=(6, 4)), "b2": 0.1 * rng.normal(size=4),
    }
""",
        [
            ("G803", "dtable[xs[k, j]] += demb[k, j]", "dtable[xs[k, j]] = demb[k, j]"),
            (
                "G503",
                "dlogits = probs * (dprobs - (dprobs * probs).sum(1, keepdims=True))",
                "dlogits = probs * (1 - probs) * dprobs",
            ),
            ("G302", "0.02 * W2 / W2.size", "0.01 * W2 / W2.size"),
            ("G302", "0.02 * W2 / W2.size", "0.02 * W2"),
            ("G301", "dW2 = h.T @ dlogits + 0.02 * W2 / W2.size", "dW2 = h.T @ dlogits"),
            (
                "G705",
                "demb = dpre.reshape(n, 2, -1)",
                "demb = dpre.reshape(n, -1, 2).transpose(0, 2, 1)",
            ),
            ("G403", "dpre = (1.0 - h ** 2) * dh", "dpre = (1.0 - h) * dh"),
        ],
        [
            [
                ("dlogprobs = np.zeros_like(probs)", "dlogits = probs.copy()"),
                (
                    "    dlogprobs[range(n), ys] = -1.0 / n\n    dprobs = dlogprobs / probs\n",
                    "    dlogits[range(n), ys] -= 1\n",
                ),
                (
                    "dlogits = probs * (dprobs - (dprobs * probs).sum(1, keepdims=True))",
                    "dlogits /= n",
                ),
            ],
            [("dpre = (1.0 - h ** 2) * dh", "dpre = dh - h * h * dh")],
        ],
    )
