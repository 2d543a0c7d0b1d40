"""Idioms of hand-written networks: masks that are written by, scalar loops, dropout by a seed."""

from __future__ import annotations

import pytest
from tests.checking.student_files import load

import chainrule as cr

MASKED = """
import numpy as np

class Relu:
    def forward(self, x):
        self.off = x <= 0
        out = x.copy()
        out[self.off] = 0
        return out

    def backward(self, dout):
        dx = dout.copy()
        dx[self.off] = 0
        return dx

def loss(X, y, W, b, v):
    return np.sum((Relu().forward(X @ W + b) @ v - y) ** 2)

def gradient(X, y, W, b, v):
    relu = Relu()
    score = X @ W + b
    h = relu.forward(score)
    out = h @ v
    dout = 2 * (out - y)
    dz = relu.backward(dout @ v.T)
    return {"W": X.T @ dz, "b": dz.sum(axis=0), "v": h.T @ dout}

def example():
    r = np.random.default_rng(2)
    return {"X": r.normal(size=(7, 4)), "y": r.normal(size=(7, 1)), "W": r.normal(size=(4, 5)),
            "b": r.normal(size=5), "v": r.normal(size=(5, 1))}
"""

COMPARED = """
import numpy as np

def loss(X, y, W, v):
    return np.mean((np.maximum(X @ W, 0) @ v - y) ** 2)

def gradient(X, y, W, v):
    score = X @ W
    h = np.maximum(score, 0)
    out = h @ v
    dout = 2 * (out - y) / y.size
    dz = dout @ v.T * (score > 0)
    return {"W": X.T @ dz, "v": h.T @ dout}

def example():
    r = np.random.default_rng(2)
    return {"X": r.normal(size=(7, 4)), "y": r.normal(size=(7, 1)), "W": r.normal(size=(4, 5)),
            "v": r.normal(size=(5, 1))}
"""

SCALARS = """
import math
import numpy as np

def loss(X, y, W, v):
    total = 0.0
    for x, target in zip(X, y):
        out = 0.0
        for j in range(len(v)):
            total_j = 0.0
            for i in range(len(x)):
                total_j += W[j, i] * x[i]
            out += v[j] * math.tanh(total_j)
        total += (out - target) ** 2
    return total

def gradient(X, y, W, v):
    dW, dv = np.zeros(W.shape), np.zeros(v.shape)
    for x, target in zip(X, y):
        hidden = [math.tanh(sum(W[j, i] * x[i] for i in range(len(x)))) for j in range(len(v))]
        error = 2 * (sum(v[j] * hidden[j] for j in range(len(v))) - target)
        for j in range(len(v)):
            dv[j] += error * hidden[j]
            slope = error * v[j] * (1 - hidden[j] ** 2)
            for i in range(len(x)):
                dW[j, i] += slope * x[i]
    return {"W": dW, "v": dv}

def example():
    r = np.random.default_rng(2)
    return {"X": r.normal(size=(5, 3)), "y": r.normal(size=5), "W": r.normal(size=(4, 3)),
            "v": r.normal(size=4)}
"""

HELPER = """
import numpy as np

def squash(z):
    return 1 / (1 + np.exp(-z))

def squash_slope(z):
    return squash(z) * (1 - squash(z))

def loss(X, y, W, v):
    return 0.5 * np.sum((squash(squash(X @ W) @ v) - y) ** 2)

def gradient(X, y, W, v):
    z = X @ W
    a = squash(z)
    out = a @ v
    delta = (squash(out) - y) * squash_slope(out)
    below = np.outer(delta, v) * squash_slope(z)
    return {"W": X.T @ below, "v": a.T @ delta}

def example():
    r = np.random.default_rng(2)
    return {"X": r.normal(size=(7, 4)), "y": r.random(size=7), "W": r.normal(size=(4, 5)),
            "v": r.normal(size=5)}
"""

SEEDED = """
import numpy as np

def forward(X, W, v, keep):
    rng = np.random.RandomState(1)
    Z = W @ X
    A = np.maximum(Z, 0)
    D = (rng.rand(*A.shape) < keep).astype(int)
    A = A * D / keep
    return Z, D, A, v @ A

def loss(X, Y, W, v, keep):
    return np.sum((forward(X, W, v, keep)[-1] - Y) ** 2) / Y.shape[1]

def gradient(X, Y, W, v, keep):
    m = Y.shape[1]
    Z, D, A, out = forward(X, W, v, keep)
    dout = 2 * (out - Y) / m
    dv = dout @ A.T
    dA = v.T @ dout
    dA = dA * D
    dA = dA / keep
    dZ = np.multiply(dA, np.int64(Z > 0))
    return {"W": dZ @ X.T, "v": dv}

def example():
    r = np.random.default_rng(2)
    return {"X": r.normal(size=(3, 8)), "Y": r.normal(size=(1, 8)), "W": r.normal(size=(5, 3)),
            "v": r.normal(size=(1, 5)), "keep": 0.8}
"""

BAG = """
import numpy as np

def loss(E, U, words, y):
    return np.sum((E[words].mean(axis=1) @ U - y) ** 2)

def gradient(E, U, words, y):
    k = words.shape[1]
    bag = E[words].mean(axis=1)
    d = 2 * (bag @ U - y)
    dE = np.zeros_like(E)
    for row, dbag in zip(words, d @ U.T):
        for word in row:
            dE[word] += dbag / k
    return {"E": dE, "U": bag.T @ d}

def example():
    r = np.random.default_rng(2)
    return {"E": r.normal(size=(9, 4)), "U": r.normal(size=(4, 3)),
            "words": r.integers(9, size=(6, 5)), "y": r.normal(size=(6, 3))}
"""

STATES = """
import numpy as np

def loss(X, W, U, V, c):
    h, total = np.zeros(len(U)), 0.0
    for x in X:
        h = np.tanh(W @ x + U @ h)
        total = total + np.sum((V @ h + c - x) ** 2)
    return total

def gradient(X, W, U, V, c):
    hs, outs = [np.zeros(len(U))], []
    for x in X:
        hs.append(np.tanh(W @ x + U @ hs[-1]))
        outs.append(V @ hs[-1] + c)
    dW, dU, dV, dc = (np.zeros_like(p) for p in (W, U, V, c))
    dnext = np.zeros(len(U))
    for t in reversed(range(len(X))):
        dy = 2 * (outs[t] - X[t])
        dV += np.outer(dy, hs[t + 1])
        dc += dy
        dz = (V.T @ dy + dnext) * (1 - hs[t + 1] ** 2)
        dW += np.outer(dz, X[t])
        dU += np.outer(dz, hs[t])
        dnext = U.T @ dz
    return {"W": dW, "U": dU, "V": dV, "c": dc}

def example():
    r = np.random.default_rng(2)
    return {"X": r.normal(size=(6, 3)), "W": r.normal(size=(4, 3)), "U": r.normal(size=(4, 4)),
            "V": r.normal(size=(3, 4)), "c": r.normal(size=3)}
"""

NORMED = """
import numpy as np

def normed(z):
    d = np.sqrt(z.var(axis=0) + 1e-5)
    return (z - z.mean(axis=0)) / d, d

def mask_of(h):
    return np.random.default_rng(7).random(h.shape) > 0.3

def loss(X, y, W, gain, v):
    u, _ = normed(X @ W)
    h = np.tanh(gain * u)
    return np.sum((h * mask_of(h) / 0.7) @ v - y) ** 2

def gradient(X, y, W, gain, v):
    u, d = normed(X @ W)
    h = np.tanh(gain * u)
    rng = np.random.default_rng(7)
    keep = rng.random(h.shape) > 0.3
    dropped = h * keep / 0.7
    g = 2 * np.sum(dropped @ v - y)
    rows = np.full(len(X), g)
    dv = dropped.T @ rows
    da = np.outer(rows, v) * keep / 0.7
    dt = da * (1 - h ** 2)
    dgain = np.sum(dt * u, axis=0)
    du = dt * gain
    dz = (du - du.mean(axis=0) - u * (du * u).mean(axis=0)) / d
    return {"W": X.T @ dz, "gain": dgain, "v": dv}

def example():
    r = np.random.default_rng(2)
    return {"X": r.normal(size=(7, 4)), "y": r.normal(size=7), "W": r.normal(size=(4, 5)),
            "gain": r.normal(size=5) + 2, "v": r.normal(size=5)}
"""

STEPWISE = """
import numpy as np

def loss(x, y, w, b, v):
    return np.sum((np.maximum(np.outer(x, w) + b, 0) @ v - y) ** 2)

def gradient(x, y, w, b, v):
    dw, db, dv = np.zeros_like(w), np.zeros_like(b), np.zeros_like(v)
    for one, target in zip(x, y):
        z = w * one + b
        h = np.maximum(z, 0)
        error = 2 * (h @ v - target)
        on = (z > 0) * 1.0
        dv += error * h
        dw += error * v * on * one
        db += error * v * on
    return dw, db, dv

def example():
    r = np.random.default_rng(2)
    return r.normal(size=9), r.normal(size=9), r.normal(size=4), r.normal(size=4), r.normal(size=4)
"""

FILES = {
    "normed": NORMED, "stepwise": STEPWISE, "masked": MASKED, "compared": COMPARED,
    "scalars": SCALARS, "helper": HELPER, "seeded": SEEDED, "bag": BAG, "states": STATES,
}  # fmt: skip

#: File, text, the text in its place, and the codes; the line is that of the text.
SLIPS = [
    ("masked", "dx[self.off] = 0", "dx[~self.off] = 0", "G404"),
    ("masked", "dz = relu.backward(dout @ v.T)", "dz = dout @ v.T", "G401"),
    ("compared", "(score > 0)", "(out > 0)", "G404"),
    ("scalars", "* (1 - hidden[j] ** 2)", "* hidden[j] * (1 - hidden[j])", "G403"),
    ("scalars", "* (1 - hidden[j] ** 2)", "* hidden[j]", "G403"),
    ("helper", "return squash(z) * (1 - squash(z))", "return squash(z)", "G403"),
    ("seeded", "dA = dA * D", "dA = dA * (np.random.RandomState(1).rand(*dA.shape) < 0.5)", "G902"),
    ("seeded", "dA = dA / keep", "dA = dA / (1 - keep)", "G902"),
    ("seeded", "np.multiply(dA, np.int64(Z > 0))", "np.int64(Z > 0)", "G405"),
    ("bag", "dE[word] += dbag / k", "dE[word] += dbag", "G907 G203"),
    ("normed", "dgain = np.sum(dt * u, axis=0)", "dgain = np.mean(dt * u, axis=0)", "G601 G202"),
    (
        "normed",
        "    da = np.outer(rows, v) * keep / 0.7",
        "    keep = rng.random(h.shape) > 0.3\n    da = np.outer(rows, v) * keep / 0.7",
        "G902",
    ),
    ("stepwise", "dw += error * v * on * one", "dw += on * one", "G405"),
    ("stepwise", "error = 2 * (h @ v - target)", "error = int(2 * (h @ v - target))", "G102"),
    ("states", "dc += dy", "dc = dy", "G801 G802 G602"),
]


@pytest.mark.parametrize("name", FILES)
def test_the_right_file_is_right(name):
    space = load(FILES[name])
    assert cr.check(space["loss"], space["gradient"], space["example"]).verdict == "ok"


@pytest.mark.parametrize(("name", "right", "wrong", "codes"), SLIPS)
def test_a_slip_has_its_name_and_its_line(name, right, wrong, codes):
    source = FILES[name]
    assert source.count(right) == 1
    space = load(source.replace(right, wrong))
    report = cr.check(space["loss"], space["gradient"], space["example"])
    assert " ".join(report.codes) == codes
    assert report.first_wrong_line == source[: source.index(right)].count("\n") + 1
