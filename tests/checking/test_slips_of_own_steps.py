"""Slips in steps that the loss computes otherwise, or not at all: what is said of each.

None of these is one altered rule of the backward pass; most are known by the change of the text
that undoes them.
"""

from __future__ import annotations

import pytest
from tests.checking.student_files import load

import chainrule as cr
from chainrule.checking.report import Report

OWN_TANH = """
def loss(X, y, W, b):
    h = np.tanh(X @ W + b)
    return np.mean((h.sum(axis=1) - y) ** 2)

def gradient(X, y, W, b):
    n = len(y)
    z = X @ W + b
    p, m = np.exp(z), np.exp(-z)
    top, bottom = p - m, p + m
    h = top / bottom
    slope = 4 / bottom ** 2
    r = h.sum(axis=1) - y
    dh = 2 * r[:, None] / n * np.ones_like(h)
    dtop = dh / bottom
    dbottom = -dh * top / bottom ** 2
    dp = dtop + dbottom
    dm = dbottom - dtop
    dz = dp * p - dm * m
    return {"W": X.T @ dz, "b": dz.sum(axis=0)}

def example():
    rng = np.random.default_rng(1)
    return {"X": rng.normal(size=(6, 4)), "y": rng.normal(size=6),
            "W": rng.normal(size=(4, 3)), "b": rng.normal(size=3)}
"""

SAMPLES_THAT_COUNT = """
def loss(X, y, W, b, keep):
    z = X @ W + b
    return np.sum(keep[:, None] * (np.logaddexp(0, z) - y * z)) / len(y)

def gradient(X, y, W, b, keep):
    dW, db = np.zeros_like(W), np.zeros_like(b)
    for i in range(len(y)):
        if keep[i] > 0:
            z = X[i] @ W + b
            e = np.exp(-z)
            p = 1 / (1 + e)
            d = keep[i] * (p - y[i]) / len(y)
            dW += np.outer(X[i], d)
            db += d
    return {"W": dW, "b": db}

def example():
    rng = np.random.default_rng(1)
    return {"X": rng.normal(size=(6, 4)), "y": (rng.normal(size=(6, 3)) > 0) * 1.0,
            "W": rng.normal(size=(4, 3)), "b": rng.normal(size=3),
            "keep": np.array([1, 0, 1, 1, 0, 1.0])}
"""

LEAKY_RELU = """
def forward(X, W1, b1, W2):
    z = X @ W1 + b1
    h = np.where(z > 0, z, 0.1 * z)
    return z, h, h @ W2

def loss(X, y, W1, b1, W2):
    return np.mean((forward(X, W1, b1, W2)[2] - y) ** 2)

def gradient(X, y, W1, b1, W2):
    z, h, out = forward(X, W1, b1, W2)
    dout = 2 * (out - y) / out.size
    dW2 = h.T @ dout
    dz = dout @ W2.T
    dz[z <= 0] *= 0.1
    return {"W1": X.T @ dz, "b1": dz.sum(axis=0), "W2": dW2}

def example():
    rng = np.random.default_rng(2)
    return {"X": rng.normal(size=(7, 4)), "y": rng.normal(size=(7, 2)),
            "W1": rng.normal(size=(4, 5)),
            "b1": rng.normal(size=5), "W2": rng.normal(size=(5, 2))}
"""

ONE_HOT = """
def loss(ids, y, E, w):
    words = np.eye(len(E))[ids] @ E
    return np.mean((words.sum(axis=1) @ w - y) ** 2)

def gradient(ids, y, E, w):
    words = E[ids]
    s = words.sum(axis=1)
    r = 2 * (s @ w - y) / len(y)
    dw = s.T @ r
    ds = r[:, None] * w
    dE = np.zeros_like(E)
    for j in range(ids.shape[1]):
        np.add.at(dE, ids[:, j], ds)
    return {"E": dE, "w": dw}

def example():
    rng = np.random.default_rng(8)
    return {"ids": rng.integers(0, 4, (6, 3)), "y": rng.normal(size=6),
            "E": rng.normal(size=(5, 3)), "w": rng.normal(size=3)}
"""

NEIGHBOURS = """
def loss(A, x):
    total = 0.0
    for i in range(len(x)):
        for j in range(len(x)):
            total += A[i, j] * np.sum((x[i] - x[j]) ** 2)
    return total

def gradient(A, x):
    degrees = A.sum(axis=1) + A.sum(axis=0)
    return {"x": 2 * (degrees[:, None] * x - (A + A.T) @ x)}

def example():
    rng = np.random.default_rng(3)
    return {"A": rng.uniform(size=(5, 5)), "x": rng.normal(size=(5, 2))}
"""

WINDOWS = """
def forward(X, W, v):
    h = np.tanh(X @ W)
    n, m = h.shape
    pooled = h.reshape(n, m // 2, 2).max(axis=2)
    return h, pooled, pooled @ v

def loss(X, y, W, v):
    return np.mean((forward(X, W, v)[2] - y) ** 2)

def gradient(X, y, W, v):
    h, pooled, out = forward(X, W, v)
    n, m = h.shape
    r = 2 * (out - y) / n
    dv = pooled.T @ r
    dpooled = np.outer(r, v)
    windows = h.reshape(n, m // 2, 2)
    winners = windows == pooled[:, :, None]
    dh = (winners * dpooled[:, :, None]).reshape(n, m)
    return {"W": X.T @ (dh * (1 - h ** 2)), "v": dv}

def example():
    rng = np.random.default_rng(4)
    return {"X": rng.normal(size=(5, 3)), "y": rng.normal(size=5), "W": rng.normal(size=(3, 6)),
            "v": rng.normal(size=3)}
"""

MEANS_OF_WINDOWS = """
def forward(X, W, v):
    h = np.tanh(X @ W)
    n, m = h.shape
    pooled = h.reshape(n, m // 2, 2).mean(axis=2)
    return h, pooled, pooled @ v

def loss(X, y, W, v):
    return np.mean((forward(X, W, v)[2] - y) ** 2)

def gradient(X, y, W, v):
    h, pooled, out = forward(X, W, v)
    n, m = h.shape
    r = 2 * (out - y) / n
    dv = pooled.T @ r
    dpooled = np.outer(r, v)
    dh = np.repeat(dpooled, 2, axis=1) / 2
    return {"W": X.T @ (dh * (1 - h ** 2)), "v": dv}

def example():
    rng = np.random.default_rng(4)
    return {"X": rng.normal(size=(5, 3)), "y": rng.normal(size=5), "W": rng.normal(size=(3, 6)),
            "v": rng.normal(size=3)}
"""

WINDOWS_IN_A_LOOP = """
def loss(X, y, w, v):
    total = 0.0
    for i in range(len(y)):
        h = X[i] * w
        out = 0.0
        for j in range(len(v)):
            out += v[j] * np.max(h[2 * j : 2 * j + 2])
        total += (out - y[i]) ** 2
    return total / len(y)

def gradient(X, y, w, v):
    dw, dv = np.zeros_like(w), np.zeros_like(v)
    for i in range(len(y)):
        h = X[i] * w
        pooled = np.array([np.max(h[2 * j : 2 * j + 2]) for j in range(len(v))])
        r = 2 * (pooled @ v - y[i]) / len(y)
        dv += r * pooled
        for j in range(len(v)):
            best = 2 * j + np.argmax(h[2 * j : 2 * j + 2])
            dw[best] += r * v[j] * X[i, best]
    return {"w": dw, "v": dv}

def example():
    rng = np.random.default_rng(5)
    return {"X": rng.normal(size=(5, 6)), "y": rng.normal(size=5), "w": rng.normal(size=6),
            "v": rng.normal(size=3)}
"""

PADDED = """
def forward(X, W, k):
    h = np.tanh(X @ W)
    p = np.pad(h, ((0, 0), (1, 1)))
    return h, p, k[0] * p[:, :-2] + k[1] * p[:, 1:-1] + k[2] * p[:, 2:]

def loss(X, Y, W, k):
    return np.mean((forward(X, W, k)[2] - Y) ** 2)

def gradient(X, Y, W, k):
    h, p, out = forward(X, W, k)
    d = 2 * (out - Y) / Y.size
    dk = np.array([np.sum(d * p[:, :-2]), np.sum(d * p[:, 1:-1]), np.sum(d * p[:, 2:])])
    dp = np.zeros_like(p)
    dp[:, :-2] += k[0] * d
    dp[:, 1:-1] += k[1] * d
    dp[:, 2:] += k[2] * d
    dh = dp[:, 1:-1]
    return {"W": X.T @ (dh * (1 - h ** 2)), "k": dk}

def example():
    rng = np.random.default_rng(6)
    return {"X": rng.normal(size=(5, 3)), "Y": rng.normal(size=(5, 6)),
            "W": rng.normal(size=(3, 6)), "k": rng.normal(size=3)}
"""

WEIGHTED = """
def forward(X, W, v):
    z = X @ W
    h = z * (z > 0)
    return z, h, h @ v

def loss(X, y, W, v, weight):
    return np.mean(weight * (forward(X, W, v)[2] - y) ** 2)

def gradient(X, y, W, v, weight):
    z, h, out = forward(X, W, v)
    r = 2 * weight * (out - y) / len(y)
    dh = np.outer(r, v)
    return {"W": X.T @ (dh * (z > 0)), "v": h.T @ r}

def example():
    rng = np.random.default_rng(6)
    return {"X": rng.normal(size=(6, 3)), "y": rng.normal(size=6), "W": rng.normal(size=(3, 4)),
            "v": rng.normal(size=4),
            "weight": np.array([2.0, 0, 2, 2, 0, 2])}
"""

LAYER_NORM = """
def forward(X, W, g):
    z = X @ W
    mu, sd = z.mean(axis=1, keepdims=True), z.std(axis=1, keepdims=True)
    n = (z - mu) / (sd + 0.01)
    return z, mu, sd, n, g * n

def loss(X, Y, W, g):
    return np.mean((forward(X, W, g)[4] - Y) ** 2)

def gradient(X, Y, W, g):
    z, mu, sd, n, out = forward(X, W, g)
    m = z.shape[1]
    d = 2 * (out - Y) / Y.size
    dn = d * g
    dc = dn / (sd + 0.01)
    dsd = -(dn * (z - mu)).sum(axis=1, keepdims=True) / (sd + 0.01) ** 2
    dc = dc + dsd * (z - mu) / (m * sd)
    dz = dc - dc.mean(axis=1, keepdims=True)
    return {"W": X.T @ dz, "g": (d * n).sum(axis=0)}

def example():
    rng = np.random.default_rng(6)
    return {"X": rng.normal(size=(5, 3)), "Y": rng.normal(size=(5, 4)),
            "W": rng.normal(size=(3, 4)), "g": rng.normal(size=4)}
"""

PRODUCT_OF_BRANCHES = """
def loss(X, y, W1, W2):
    a, b = np.tanh(X @ W1), X @ W2
    return np.mean(((a * b).sum(axis=1) - y) ** 2) + 0.1 * np.sum(W1 ** 2)

def gradient(X, y, W1, W2):
    d1, d2 = np.zeros_like(W1), np.zeros_like(W2)
    for i, x in enumerate(X):
        z = x @ W1
        a, b = np.tanh(z), x @ W2
        r = 2 * ((a * b).sum() - y[i]) / len(y)
        d1 += np.outer(x, r * b * (1 - a ** 2))
        d2 += np.outer(x, r * a)
    d1 += 0.2 * W1
    return {"W1": d1, "W2": d2}

def example():
    rng = np.random.default_rng(7)
    return {"X": rng.normal(size=(5, 3)), "y": rng.normal(size=5),
            "W1": rng.normal(size=(3, 4)), "W2": rng.normal(size=(3, 4))}
"""

LOGISTIC_BY_TANH = """
def loss(X, y, w, b):
    return np.mean((0.5 + 0.5 * np.tanh((X @ w + b) / 2) - y) ** 2)

def gradient(X, y, w, b):
    n = len(y)
    z = X @ w + b
    p = 1 / (1 + np.exp(-z))
    t = 2 * p - 1
    slope = p * (1 - p)
    dp = 2 * (p - y) / n
    dz = dp * slope
    return {"w": X.T @ dz, "b": dz.sum()}

def example():
    rng = np.random.default_rng(1)
    return {"X": rng.normal(size=(6, 4)), "y": rng.normal(size=6), "w": rng.normal(size=4),
            "b": 0.3}
"""

SORTED_SAMPLES = """
def loss(X, y, w, b):
    return np.mean((0.5 + 0.5 * np.tanh((X @ w + b) / 2) - y) ** 2)

def gradient(X, y, w, b):
    dw, db = np.zeros_like(w), 0.0
    for i in np.argsort(y):
        z = X[i] @ w + b
        p = 1 / (1 + np.exp(-z))
        d = 2 * (p - y[i]) * p * (1 - p) / len(y)
        dw += d * X[i]
        db += d
    return {"w": dw, "b": db}

def example():
    rng = np.random.default_rng(1)
    return {"X": rng.normal(size=(6, 4)), "y": rng.normal(size=6), "w": rng.normal(size=4),
            "b": 0.3}
"""

MARGINS = """
def loss(X, y, W):
    S = X @ W
    M = np.maximum(0, S - S[np.arange(len(y)), y][:, None] + 1)
    return (M.sum() - len(y)) / len(y)

def gradient(X, y, W):
    dW = np.zeros_like(W)
    for i in range(len(y)):
        s = X[i] @ W
        right = s[y[i]]
        for j in range(W.shape[1]):
            margin = s[j] - right + 1
            if j != y[i]:
                if margin > 0:
                    dW[:, j] += X[i] / len(y)
                    dW[:, y[i]] -= X[i] / len(y)
    return {"W": dW}

def example():
    rng = np.random.default_rng(3)
    return {"X": rng.normal(size=(6, 5)), "y": np.array([0, 2, 1, 1, 3, 2]),
            "W": rng.normal(size=(5, 4))}
"""

CENSORED = """
def loss(X, y, w, keep):
    r = X @ w - y
    return np.sum(np.where(keep, r ** 2, np.maximum(r, 0) ** 2)) / len(y)

def gradient(X, y, w, keep):
    g = np.zeros_like(w)
    for i in range(len(y)):
        r = X[i] @ w - y[i]
        if not keep[i]:
            r = np.maximum(r, 0)
        g += 2 * r * X[i] / len(y)
    return {"w": g}

def example():
    rng = np.random.default_rng(3)
    return {"X": rng.normal(size=(7, 4)), "y": rng.normal(size=7), "w": rng.normal(size=4),
            "keep": np.array([1, 0, 1, 1, 0, 1, 0], bool)}
"""

DECAY = """
def loss(X, aims, w, decay):
    h, total = 0.0 * w, 0.0
    for x, v in zip(X, aims):
        h = np.tanh(decay * h + x * w)
        total += np.sum(h * v)
    return total

def gradient(X, aims, w, decay):
    hs = [0.0 * w]
    for x in X:
        hs.append(np.tanh(decay * hs[-1] + x * w))
    dw, dh = np.zeros_like(w), np.zeros_like(w)
    for t in range(len(X) - 1, -1, -1):
        dh = dh + aims[t]
        h = hs[t + 1]
        p = (1 + h) / 2
        dz = 4 * dh * p * (1 - p)
        dw += dz * X[t]
        dh = dz * decay
    return {"w": dw}

def example():
    rng = np.random.default_rng(3)
    return {"X": rng.normal(size=(4, 3)), "aims": rng.normal(size=(4, 3)),
            "w": rng.normal(size=3), "decay": 0.6}
"""

CONVOLUTION = """
def loss(X, Y, K):
    total = 0.0
    for x, y in zip(X, Y):
        for i in range(y.shape[0]):
            for j in range(y.shape[1]):
                total += (np.sum(x[i : i + 3, j : j + 3] * K) - y[i, j]) ** 2
    return total / len(X)

def gradient(X, Y, K):
    dK = np.zeros_like(K)
    for x, y in zip(X, Y):
        for i in range(y.shape[0]):
            for j in range(y.shape[1]):
                window = x[i : i + 3, j : j + 3]
                r = np.sum(window * K) - y[i, j]
                dK += 2 * r * window / len(X)
    return {"K": dK}

def example():
    rng = np.random.default_rng(3)
    return {"X": rng.normal(size=(2, 5, 5)), "Y": rng.normal(size=(2, 3, 3)),
            "K": rng.normal(size=(3, 3))}
"""

TABLE = [
    (OWN_TANH, "dz = dp * p - dm * m", "dz = dp * p + dm * m", "G205"),
    (OWN_TANH, "dtop = dh / bottom", "dtop = h / bottom", "G405"),
    (OWN_TANH, "dtop = dh / bottom", "dtop = dh * bottom", "G403"),
    (OWN_TANH, "dtop = dh / bottom", "dtop = np.abs(dh) / bottom", "G403"),
    (OWN_TANH, "dtop = dh / bottom", "dtop = np.tanh(dh) / bottom", "G402"),
    (OWN_TANH, "dtop = dh / bottom", "dtop = (1 - dh) / bottom", "G403"),
    (OWN_TANH, "-dh * top", "-np.ones_like(dh) * top", "G405"),
    (OWN_TANH, "-dh * top", "-1.0 * top", "G405"),
    (OWN_TANH, "/ bottom ** 2\n    dp", "/ bottom ** 2 * (h > 0)\n    dp", "G404"),
    (OWN_TANH, "dm = dbottom - dtop", "dm = dbottom", "G801"),
    (OWN_TANH, "/ bottom ** 2\n    dp", "/ bottom ** 3\n    dp", "G000"),
    (OWN_TANH, "p, m = np.exp(z), np.exp(-z)", "p, m = np.exp(z), np.exp(z)", "G000"),
    (SAMPLES_THAT_COUNT, "keep[i] * (p - y[i])", "keep[i] * (p - y[i]) * p * (1 - p)", "G501"),
    (SAMPLES_THAT_COUNT, "np.outer(X[i], d)", "np.outer(X[i], d) + 0.1 * W", "G304"),
    (SAMPLES_THAT_COUNT, "np.outer(X[i], d)", "np.outer(X[i], p)", "G703"),
    (SAMPLES_THAT_COUNT, "1 / (1 + e)", "1 / (1 - e)", "G403"),
    (SAMPLES_THAT_COUNT, "dW += np", "dW = np", "G801"),
    (SAMPLES_THAT_COUNT, "if keep[i] > 0", "if X[i, 0] > 0", "G404|G902"),
    (LEAKY_RELU, "*= 0.1", "= 0.1", "G405"),
    (LEAKY_RELU, "dz[z <= 0]", "dz[z > 0]", "G404"),
    (ONE_HOT, "np.add.at(dE, ids[:, j], ds)", "dE[ids[:, j]] += ds", "G803"),
    (ONE_HOT, "np.add.at(dE, ids[:, j], ds)", "dE[ids[:, j]] = ds", "G803"),
    (ONE_HOT, "s = words.sum(axis=1)", "s = words.mean(axis=1)", "G203"),
    (ONE_HOT, "s = words.sum(axis=1)", "s = words[:, 0]", "G802"),
    (NEIGHBOURS, "A.sum(axis=0)", "A.T.sum(axis=0)", "G603|G702"),
    (NEIGHBOURS, "(A + A.T) @ x", "A @ x", "G000"),
    (NEIGHBOURS, "A.sum(axis=1) +", "A.mean(axis=1) +", "G203"),
    (WINDOWS, "winners * dpooled", "np.ones_like(windows) * dpooled", "G907"),
    (WINDOWS, "(winners * dp", "((1 - winners) * dp", "G404|G907"),
    (MEANS_OF_WINDOWS, "axis=1) / 2", "axis=1)", "G907"),
    (MEANS_OF_WINDOWS, "np.repeat(dpooled, 2, axis=1)", "np.tile(dpooled, 2)", "G907"),
    (WINDOWS_IN_A_LOOP, "2 * j + np.argmax(h[2 * j : 2 * j + 2])", "2 * j", "G907"),
    (WINDOWS_IN_A_LOOP, "dw[best] +=", "dw[best] =", "G801|G803"),
    (WINDOWS_IN_A_LOOP, "X[i, best]", "X[i, j]", "G703"),
    (PADDED, "dh = dp[:, 1:-1]", "dh = dp[:, 2:]", "G906"),
    (PADDED, "dp[:, 1:-1] += k", "dp[:, 1:-1] = k", "G801"),
    (WEIGHTED, "2 * weight * (", "2 * (", "G405|G901"),
    (WEIGHTED, "dh * (z > 0)", "dh", "G401"),
    (LAYER_NORM, "dc = dc + dsd * (z - mu) / (m * sd)", "pass", "G904"),
    (LAYER_NORM, "-(dn * (z - mu)).sum(axis=1", "-(dn * (z - mu)).sum(axis=0", "G603"),
    (PRODUCT_OF_BRANCHES, "0.2 * W1", "0.2 * d2", "G304"),
    (PRODUCT_OF_BRANCHES, "np.outer(x, r * a)", "np.outer(x, r * np.tanh(a))", "G402"),
    (LOGISTIC_BY_TANH, "p * (1 - p)", "p * (1 - z)", "G403"),
    (LOGISTIC_BY_TANH, "p * (1 - p)", "0.25 * (1 - t)", "G403"),
    (LOGISTIC_BY_TANH, "p * (1 - p)", "np.cos(z)", "G403"),
    (LOGISTIC_BY_TANH, "p * (1 - p)", "np.full_like(p, 0.3)", "G401|G502"),
    (SORTED_SAMPLES, "d * X[i]", "d * np.sum(X[i])", "G000"),
    (SORTED_SAMPLES, "d * X[i]", "d * w", "G703"),
    (SORTED_SAMPLES, "db += d", "db += 1", "G000"),
    (MARGINS, "if j != y[i]", "if j == y[i]", "G107|G404"),
    (MARGINS, "s[j] - right + 1", "np.minimum(0, s[j] - right + 1)", "G107|G404"),
    (MARGINS, "j] += X[i]", "j] += X[j]", "G703"),
    (CENSORED, "r = np.maximum(r, 0)", "r = np.minimum(r, 0)", "G404"),
    (CENSORED, "not keep[i]", "not y[i] > 0", "G902"),
    (DECAY, "dh = dz * decay", "dh = dz", "G206|G405"),
    (DECAY, "4 * dh * p * (1 - p)", "4 * dh * p", "G403"),
    (DECAY, "X[t]\n", "X[t - 1]\n", "G703"),
    (DECAY, "dh = dz * decay", "dh = dh * decay", "G405|G703"),
    (CONVOLUTION, "r = np.sum(window * K)", "r = np.sum(window * K.T)", "G702|G906"),
    (CONVOLUTION, "r = np.sum(window * K)", "r = np.sum(window * K[::-1])", "G906"),
]  # fmt: skip


def checked(source: str) -> Report:
    space = load(f"import numpy as np\n{source}")
    return cr.check(space["loss"], space["gradient"], space["example"])


@pytest.mark.parametrize("source", dict.fromkeys(row[0] for row in TABLE), ids=lambda x: x[5:60])
def test_the_right_files_are_right(source: str) -> None:
    assert checked(source).verdict == "ok"


@pytest.mark.parametrize(
    ("source", "right", "wrong", "codes"), TABLE, ids=[row[2] for row in TABLE]
)
def test_what_is_said_of_a_slip(source: str, right: str, wrong: str, codes: str) -> None:
    assert source.count(right) == 1
    report = checked(source.replace(right, wrong))
    assert report.verdict == "wrong"
    assert set(report.codes) <= set(codes.split("|")), str(report)
