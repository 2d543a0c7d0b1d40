"""Factors that only the text of a loss computes: sums of weights, counts, roots of sizes."""

from __future__ import annotations

import pytest
from tests.checking.student_files import load

import chainrule as cr

WEIGHTED = """
import numpy as np

def loss(X, y, cost, w, b):
    r = X @ w + b - y
    return np.sum(cost * r ** 2) / cost.sum()

def gradient(X, y, cost, w, b):
    r = 2 * cost * (X @ w + b - y) / cost.sum()
    return {"w": X.T @ r, "b": r.sum()}

def example():
    rng = np.random.default_rng(1)
    return {"X": rng.normal(size=(8, 3)), "y": rng.normal(size=8),
            "cost": rng.uniform(0.3, 2.0, size=8), "w": rng.normal(size=3), "b": 0.3}
"""

COUNTED = """
import numpy as np

def loss(X, y, known, w, b):
    total, count = 0.0, 0
    for i in range(len(y)):
        if known[i]:
            total += 0.5 * (X[i] @ w + b - y[i]) ** 2
            count += 1
    return total / count

def gradient(X, y, known, w, b):
    count = np.sum(known)
    r = known * (X @ w + b - y) / count
    return {"w": X.T @ r, "b": r.sum()}

def example():
    rng = np.random.default_rng(2)
    return {"X": rng.normal(size=(9, 3)), "y": rng.normal(size=9),
            "known": np.array([1, 0, 1, 1, 1, 0, 1, 1, 0]), "w": rng.normal(size=3), "b": 0.3}
"""

GROUPS = """
import numpy as np

def loss(X, y, cost, W):
    # a mean over the cost of the classes that are there
    total = weight = 0.0
    for x, k in zip(X, y):
        s = W @ x
        total += cost[k] * (np.log(np.sum(np.exp(s))) - s[k])
        weight += cost[k]
    return total / weight

def gradient(X, y, cost, W):
    dW = np.zeros_like(W)
    weight = cost[y].sum()
    for x, k in zip(X, y):
        p = np.exp(W @ x) / np.sum(np.exp(W @ x))
        p[k] -= 1
        dW += cost[k] / weight * np.outer(p, x)
    return {"W": dW}

def example():
    rng = np.random.default_rng(3)
    return {"X": rng.normal(size=(7, 4)), "y": np.array([0, 2, 1, 1, 0, 2, 2]),
            "cost": np.array([0.4, 1.5, 2.2]), "W": rng.normal(size=(3, 4))}
"""

SCALED = """
import numpy as np

def loss(X, Y, A, B):
    S = (X @ A) @ (X @ B).T / np.sqrt(A.shape[1])
    return 0.5 * np.sum((np.tanh(S) - Y) ** 2)

def gradient(X, Y, A, B):
    Q, K = X @ A, X @ B
    root = np.sqrt(Q.shape[1])
    T = np.tanh(Q @ K.T / root)
    dS = (T - Y) * (1 - T ** 2) / root
    return {"A": X.T @ (dS @ K), "B": X.T @ (dS.T @ Q)}

def example():
    rng = np.random.default_rng(4)
    Y = rng.normal(size=(6, 6))
    return {"X": rng.normal(size=(6, 5)), "Y": Y, "A": rng.normal(size=(5, 4)),
            "B": rng.normal(size=(5, 4))}
"""

BAGS = """
import numpy as np

def loss(E, v, words, marks):
    total = 0.0
    for row, mark in zip(words, marks):
        total += (E[row].mean(axis=0) @ v - mark) ** 2
    return total / len(marks)

def gradient(E, v, words, marks):
    dE, dv = np.zeros_like(E), np.zeros_like(v)
    for row, mark in zip(words, marks):
        mean = E[row].mean(axis=0)
        r = 2 * (mean @ v - mark) / len(marks)
        dv += r * mean
        np.add.at(dE, row, r * v / len(row))
    return {"E": dE, "v": dv}

def example():
    rng = np.random.default_rng(5)
    return {"E": rng.normal(size=(9, 3)), "v": rng.normal(size=3),
            "words": rng.integers(0, 9, size=(4, 6)), "marks": rng.normal(size=4)}
"""

SLIPS = [
    (WEIGHTED, "- y) / cost.sum()\n    return {", "- y) / len(y)\n    return {", "G203"),
    (WEIGHTED, "- y) / cost.sum()\n    return {", "- y)\n    return {", "G201"),
    (COUNTED, "count = np.sum(known)", "count = len(y)", "G203"),
    (COUNTED, "- y) / count", "- y)", "G201"),
    (COUNTED, "- y) / count", "- y) / count ** 2", "G202"),
    (GROUPS, "cost[y].sum()", "cost.sum()", "G203"),
    (GROUPS, "cost[y].sum()", "len(y)", "G203"),
    (SCALED, "T ** 2) / root", "T ** 2)", "G206"),
    (SCALED, "T ** 2) / root", "T ** 2) / root ** 2", "G206"),
    (BAGS, " / len(row)", "", "G203"),
    (BAGS, " / len(row)", " / len(marks)", "G203"),
]


@pytest.mark.parametrize("source", [WEIGHTED, COUNTED, GROUPS, SCALED, BAGS])
def test_the_right_file_is_right(source):
    space = load(source)
    assert cr.check(space["loss"], space["gradient"], space["example"]).verdict == "ok"


@pytest.mark.parametrize(("source", "right", "wrong", "code"), SLIPS)
def test_a_factor_that_the_loss_divides_by_is_known(source, right, wrong, code):
    assert source.count(right) == 1
    space = load(source.replace(right, wrong))
    report = cr.check(space["loss"], space["gradient"], space["example"])
    assert report.codes == (code,)
