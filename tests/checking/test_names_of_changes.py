"""Changes of the text that say which mistake they undo: an order, a threshold, a running sum."""

from __future__ import annotations

import pytest
from tests.checking.student_files import load

import chainrule as cr

RANKED = """
import numpy as np

def loss(w, X, gain):
    # listwise likelihood of a ranking (Plackett and Luce)
    best = np.argsort(-gain)
    s = X[best] @ w
    rest = np.log(np.cumsum(np.exp(s[::-1]))[::-1])
    return np.mean(gain[best] * (rest - s))

def gradient(w, X, gain):
    best = np.argsort(-gain)
    rows = X[best]
    e = np.exp(rows @ w)
    below = np.cumsum(e[::-1])[::-1]
    weighted = np.cumsum((e[:, None] * rows)[::-1], axis=0)[::-1]
    share = gain[best]
    return {"w": share @ (weighted / below[:, None] - rows) / len(share)}

def example():
    rng = np.random.default_rng(4)
    return {"w": rng.normal(size=3), "X": rng.normal(size=(8, 3)), "gain": rng.normal(size=8)}
"""

COUNTED = """
import numpy as np

def loss(T, a, b):
    # negative log-likelihood of steps of a chain, from state to state
    Z = T - np.log(np.exp(T).sum(axis=1, keepdims=True))
    return -Z[a, b].sum()

def gradient(T, a, b):
    P = np.exp(T) / np.exp(T).sum(axis=1, keepdims=True)
    g = np.bincount(a, minlength=len(T))[:, None] * P
    np.subtract.at(g, (a, b), 1.0)
    return {"T": g}

def example():
    rng = np.random.default_rng(8)
    return {"T": rng.normal(size=(4, 4)), "a": np.array([0, 1, 0, 3, 0, 2]),
            "b": np.array([1, 2, 1, 0, 1, 3])}
"""

FACTORS = """
import numpy as np

def sigma(x):
    return 1 / (1 + np.exp(-x))

def loss(U, V, width, rows, columns, labels):
    total = 0.0
    for i, j, label in zip(rows, columns, labels):
        total -= np.log(sigma(label * (U[i] @ V[j])))
    return total + np.sum(np.exp(2 * width)) * np.sum(U * U)

def gradient(U, V, width, rows, columns, labels):
    scale = np.sum(np.exp(2 * width))
    dU, dV = 2 * scale * U, np.zeros_like(V)
    for i, j, label in zip(rows, columns, labels):
        g = -label * (1 - sigma(label * (U[i] @ V[j])))
        dU[i] += g * V[j]
        dV[j] += g * U[i]
    return {"U": dU, "V": dV, "width": 2 * np.exp(2 * width) * np.sum(U * U)}

def example():
    rng = np.random.default_rng(6)
    return {"U": rng.normal(size=(4, 3)), "V": rng.normal(size=(5, 3)),
            "width": rng.normal(size=2),
            "rows": np.array([0, 3, 2, 1, 0, 2]), "columns": np.array([1, 2, 4, 0, 3, 1]),
            "labels": np.array([1.0, -1.0, -1.0, 1.0, -1.0, 1.0])}
"""

WINS = """
import numpy as np

def loss(w, X, Z):
    return np.sum(np.logaddexp(0, -(X - Z) @ w))

def gradient(w, X, Z):
    lost = 1 / (1 + np.exp((X - Z) @ w))
    return {"w": -(X - Z).T @ lost}

def example():
    rng = np.random.default_rng(1)
    return {"w": rng.normal(size=4), "X": rng.normal(size=(7, 4)), "Z": rng.normal(size=(7, 4))}
"""

SLIPS = [
    (RANKED, "share = gain[best]", "share = gain", "G705"),
    (RANKED, "rows = X[best]", "rows = X", "G705"),
    (RANKED, "[::-1], axis=0)[::-1]", "[::-1], axis=1)[::-1]", "G603"),
    (COUNTED, "np.subtract.at(g, (a, b), 1.0)", "g[a, b] -= 1.0", "G803"),
    (COUNTED, "np.subtract.at(g, (a, b), 1.0)", "g[a, b] = g[a, b] - 1.0", "G803"),
    (FACTORS, "2 * np.exp(2 * width) *", "2 * np.exp(3 * width) *", "G403"),
    (FACTORS, "dV[j] += g * U[i]", "dV[j] += g * V[j]", "G703"),
    (
        FACTORS,
        "g = -label * (1 - sigma(label * (U[i] @ V[j])))",
        "g = -label * (1 - sigma(label * (U[i] @ V[j]))) * sigma(label * (U[i] @ V[j]))",
        "G501",
    ),
    (WINS, "np.exp((X - Z) @ w))\n", "np.exp((X - Z) @ w)) * 1 / (1 + np.exp(-(X - Z) @ w))\n",
     "G501"),
]  # fmt: skip


@pytest.mark.parametrize("source", [RANKED, COUNTED, FACTORS, WINS])
def test_the_right_file_is_right(source):
    space = load(source)
    assert cr.check(space["loss"], space["gradient"], space["example"]).verdict == "ok"


@pytest.mark.parametrize(("source", "right", "wrong", "code"), SLIPS)
def test_a_slip_has_the_name_of_what_its_change_undoes(source, right, wrong, code):
    assert source.count(right) == 1
    space = load(source.replace(right, wrong))
    report = cr.check(space["loss"], space["gradient"], space["example"])
    assert report.codes == (code,)
