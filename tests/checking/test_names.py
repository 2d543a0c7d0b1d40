"""Names that need the meaning of a step: which size, which axis, which value was due."""

from __future__ import annotations

import numpy as np
import pytest
from tests.checking.student_files import load

import chainrule as cr
from chainrule.checking.sizes import sizes_by_graph, sizes_by_rows
from chainrule.engine.transforms import trace

SMOOTHED = """
import numpy as np

def loss(X, labels, W, b):
    Z = X @ W + b
    Z = Z - Z.max(axis=1, keepdims=True)
    logp = Z - np.log(np.exp(Z).sum(axis=1, keepdims=True))
    return -(np.eye(4)[labels] * logp).sum() / len(X)

def gradient(X, labels, W, b):
    Z = X @ W + b
    P = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    dZ = (P - np.eye(4)[labels]) / len(X)
    return {"W": X.T @ dZ, "b": dZ.sum(axis=0)}

def example():
    rng = np.random.default_rng(0)
    return {"X": rng.normal(size=(4, 4)), "labels": np.array([3, 0, 1, 3]),
            "W": rng.normal(size=(4, 4)), "b": rng.normal(size=4)}
"""

SAMPLES = """
import numpy as np

def loss(X, y, W, v):
    return np.mean((np.tanh(X @ W) @ v - y) ** 2)

def gradient(X, y, W, v):
    h = np.tanh(X @ W)
    err = 2 * (h @ v - y) / len(y)
    dz = np.outer(err, v) * (1 - h ** 2)
    return {"X": dz @ W.T, "W": X.T @ dz, "v": h.T @ err}

def example():
    rng = np.random.default_rng(1)
    return {"X": rng.normal(size=(6, 4)), "y": rng.normal(size=6),
            "W": rng.normal(size=(4, 4)), "v": rng.normal(size=4)}
"""

WEIGHTED = """
import numpy as np

def loss(X, Y, known, w, b, weight):
    Z = X @ w + b
    return np.sum(known * (weight * Y * np.logaddexp(0, -Z) + (1 - Y) * np.logaddexp(0, Z))) \\
        / np.sum(known)

def gradient(X, Y, known, w, b, weight):
    P = 1 / (1 + np.exp(-(X @ w + b)))
    dZ = known * ((1 - Y) * P - weight * Y * (1 - P)) / np.sum(known)
    return {"w": X.T @ dZ, "b": dZ.sum(axis=0)}

def example():
    rng = np.random.default_rng(2)
    return {"X": rng.normal(size=(7, 3)), "Y": (rng.random((7, 2)) > 0.5) * 1.0,
            "known": (rng.random((7, 2)) > 0.3) * 1.0, "w": rng.normal(size=(3, 2)),
            "b": rng.normal(size=2), "weight": 2.5}
"""

NORMALISED = """
import numpy as np

def norm(x):
    mu = x.mean(axis=(2, 3), keepdims=True)
    inv = 1 / np.sqrt(((x - mu) ** 2).mean(axis=(2, 3), keepdims=True) + 1e-5)
    return (x - mu) * inv, inv

def loss(x, t, gamma, beta):
    xhat, _ = norm(x)
    y = gamma.reshape(1, -1, 1, 1) * xhat + beta.reshape(1, -1, 1, 1)
    return np.sum((y - t) ** 2) / len(x)

def gradient(x, t, gamma, beta):
    xhat, inv = norm(x)
    dy = 2 * (gamma.reshape(1, -1, 1, 1) * xhat + beta.reshape(1, -1, 1, 1) - t) / len(x)
    dgamma = (dy * xhat).sum(axis=(0, 2, 3))
    dbeta = dy.sum(axis=(0, 2, 3))
    g = dy * gamma.reshape(1, -1, 1, 1)
    of_mean = g.mean(axis=(2, 3), keepdims=True)
    of_variance = xhat * (g * xhat).mean(axis=(2, 3), keepdims=True)
    return {"x": inv * (g - of_mean - of_variance), "gamma": dgamma, "beta": dbeta}

def example():
    rng = np.random.default_rng(3)
    return {"x": rng.normal(size=(3, 2, 3, 4)), "t": rng.normal(size=(3, 2, 3, 4)),
            "gamma": np.array([0.8, 1.3]), "beta": np.array([0.2, -0.1])}
"""

SLIDING = """
import numpy as np

def loss(signal, target, kernel, bias):
    K, T = len(kernel), signal.shape[1] - len(kernel) + 1
    out = np.stack([signal[:, t:t + K] @ kernel for t in range(T)], axis=1)
    return np.sum((np.tanh(out + bias) - target) ** 2) / len(signal)

def gradient(signal, target, kernel, bias):
    K, T = len(kernel), signal.shape[1] - len(kernel) + 1
    out = np.stack([signal[:, t:t + K] @ kernel for t in range(T)], axis=1)
    a = np.tanh(out + bias)
    dz = 2 * (a - target) * (1 - a ** 2) / len(signal)
    dbias = dz.sum()
    dsignal, dkernel = np.zeros_like(signal), np.zeros_like(kernel)
    for t in range(T):
        for k in range(K):
            dkernel[k] += np.sum(dz[:, t] * signal[:, t + k])
            dsignal[:, t + k] += dz[:, t] * kernel[k]
    return {"signal": dsignal, "kernel": dkernel, "bias": dbias}

def example():
    rng = np.random.default_rng(4)
    return {"signal": rng.normal(size=(5, 9)), "target": rng.normal(size=(5, 7)),
            "kernel": rng.normal(size=3), "bias": 0.1}
"""

ROBUST = """
import numpy as np

def loss(X, y, W, b):
    e = X @ W + b - y
    return np.sum(np.log(1 + (e / 1.5) ** 2)) / len(X)

def gradient(X, y, W, b):
    e = X @ W + b - y
    de = 2 * e / (1.5 ** 2 * (1 + (e / 1.5) ** 2)) / len(X)
    return {"W": X.T @ de, "b": de.sum(axis=0)}

def example():
    rng = np.random.default_rng(5)
    return {"X": rng.normal(size=(6, 3)), "y": 2 * rng.normal(size=(6, 1)),
            "W": rng.normal(size=(3, 1)), "b": np.array([0.3])}
"""

PAIRS = """
import numpy as np

def loss(u, v, b, c, N):
    total = 0.0
    for i in range(len(u)):
        for j in range(len(v)):
            total = total + (u[i] @ v[j] + b[i] + c[j] - N[i, j]) ** 2
    return total

def gradient(u, v, b, c, N):
    D = 2 * (u @ v.T + b[:, None] + c[None, :] - N)
    du = D @ v
    return {"u": du, "v": D.T @ u, "b": D.sum(axis=1), "c": D.sum(axis=0)}

def example():
    rng = np.random.default_rng(6)
    return {"u": rng.normal(size=(4, 3)), "v": rng.normal(size=(4, 3)), "b": rng.normal(size=4),
            "c": rng.normal(size=4), "N": rng.normal(size=(4, 4))}
"""

CENTRES = """
import numpy as np

def parts(x, centres, width):
    square = np.sum((x[:, None, :] - centres[None, :, :]) ** 2, axis=2)
    return np.exp(-0.5 * square * np.exp(-2 * width)), square

def loss(x, y, centres, width, a):
    return np.sum((parts(x, centres, width)[0] @ a - y) ** 2) / (2 * len(y))

def gradient(x, y, centres, width, a):
    phi, square = parts(x, centres, width)
    delta = (phi @ a - y) / len(y)
    dphi = np.outer(delta, a)
    precision = np.exp(-2 * width)
    dcentres = np.zeros_like(centres)
    for j in range(len(centres)):
        for i in range(len(x)):
            dcentres[j] += dphi[i, j] * phi[i, j] * (x[i] - centres[j]) * precision[j]
    dwidth = np.sum(dphi * phi * square * precision, axis=0)
    return {"centres": dcentres, "width": dwidth, "a": phi.T @ delta}

def example():
    rng = np.random.default_rng(7)
    return {"x": rng.normal(size=(7, 2)), "y": rng.normal(size=7), "a": rng.normal(size=4),
            "centres": rng.normal(size=(4, 2)), "width": 0.2 * rng.normal(size=4)}
"""

POOLED = """
import numpy as np

def pool(a):
    out = np.zeros((len(a), a.shape[1] // 2, a.shape[2] // 2))
    for i in range(out.shape[1]):
        for j in range(out.shape[2]):
            out[:, i, j] = a[:, 2 * i:2 * i + 2, 2 * j:2 * j + 2].max(axis=(1, 2))
    return out

def loss(A, M, w):
    return np.sum(pool(np.tanh(A @ M)).reshape(len(A), -1) @ w) ** 2

def gradient(A, M, w):
    maps = np.tanh(A @ M)
    pooled = pool(maps)
    d = 2 * np.sum(pooled.reshape(len(A), -1) @ w)
    dw = d * pooled.reshape(len(A), -1).sum(axis=0)
    dpooled = np.broadcast_to((d * w).reshape(pooled.shape[1:]), pooled.shape)
    dmaps = np.zeros(maps.shape)
    for n in range(len(A)):
        for i in range(pooled.shape[1]):
            for j in range(pooled.shape[2]):
                patch = maps[n, 2 * i:2 * i + 2, 2 * j:2 * j + 2]
                share = dpooled[n, i, j] * (patch == patch.max())
                dmaps[n, 2 * i:2 * i + 2, 2 * j:2 * j + 2] += share
    dz = dmaps * (1 - maps ** 2)
    return {"M": np.einsum("nhi,nhj->ij", A, dz), "w": dw}

def example():
    rng = np.random.default_rng(8)
    return {"A": rng.normal(size=(3, 4, 5)), "M": rng.normal(size=(5, 4)), "w": rng.normal(size=4)}
"""

INTEGERS = """
import numpy as np

def loss(X, y, w):
    z = X @ w
    return np.sum(np.logaddexp(0, z) - y * z) / len(y)

def gradient(X, y, w):
    p = 1 / (1 + np.exp(-X @ w))
    d = p - y
    return {"w": X.T @ d / len(y)}

def example():
    rng = np.random.default_rng(9)
    return {"X": rng.normal(size=(8, 3)), "y": rng.integers(0, 2, 8), "w": rng.normal(size=3)}
"""

VARIATION = """
import numpy as np

def loss(x, noisy, lam):
    return 0.5 * np.sum((x - noisy) ** 2) + lam * np.sum(np.sqrt((x[1:] - x[:-1]) ** 2 + 0.01))

def gradient(x, noisy, lam):
    d = x[1:] - x[:-1]
    s = lam * d / np.sqrt(d ** 2 + 0.01)
    g = x - noisy
    g[1:] += s
    g[:-1] -= s
    return {"x": g}

def example():
    rng = np.random.default_rng(10)
    return {"x": rng.normal(size=8), "noisy": rng.normal(size=8), "lam": 0.3}
"""

FORMS = """
import numpy as np

def loss(A, B, y, M):
    total = 0.0
    for i in range(len(y)):
        total = total + (A[i] @ M @ B[i] - y[i]) ** 2
    return total / len(y)

def gradient(A, B, y, M):
    gA, gB, gM = np.zeros(A.shape), np.zeros(B.shape), np.zeros(M.shape)
    for i in range(len(y)):
        ds = 2 * (A[i] @ M @ B[i] - y[i]) / len(y)
        gM += ds * np.outer(A[i], B[i])
        gA[i] = ds * M @ B[i]
        gB[i] = ds * M.T @ A[i]
    return {"A": gA, "B": gB, "M": gM}

def example():
    rng = np.random.default_rng(11)
    return {"A": rng.normal(size=(5, 3)), "B": rng.normal(size=(5, 3)), "y": rng.normal(size=5),
            "M": rng.normal(size=(3, 3))}
"""

LAGS = """
import numpy as np

def loss(series, phi):
    return np.mean((series[2:] - phi[0] * series[1:-1] - phi[1] * series[:-2]) ** 2)

def gradient(series, phi):
    one, two = series[1:-1], series[:-2]
    e = series[2:] - phi[0] * one - phi[1] * two
    return {"phi": -2 / len(e) * np.array([e @ one, e @ two])}

def example():
    rng = np.random.default_rng(12)
    return {"series": rng.normal(size=10), "phi": np.array([0.5, -0.3])}
"""

BAG = """
import numpy as np

def loss(table, ids, valid, w, y):
    count = np.maximum(valid.sum(axis=1), 1)
    bag = (table[ids] * valid[:, :, None]).sum(axis=1) / count[:, None]
    return np.mean((bag @ w - y) ** 2) / 2

def gradient(table, ids, valid, w, y):
    n, T = ids.shape
    count = np.maximum(valid.sum(axis=1), 1)
    bag = (table[ids] * valid[:, :, None]).sum(axis=1) / count[:, None]
    err = (bag @ w - y) / n
    dbag = err[:, None] * w[None, :]
    dtable = np.zeros_like(table)
    for i in range(n):
        for t in range(T):
            if valid[i, t]:
                dtable[ids[i, t]] += dbag[i] / count[i]
    return {"table": dtable, "w": bag.T @ err}

def example():
    rng = np.random.default_rng(13)
    return {"table": rng.normal(size=(7, 3)), "ids": rng.integers(0, 7, (5, 4)),
            "valid": np.tril(np.ones((5, 4))), "w": rng.normal(size=3), "y": rng.normal(size=5)}
"""

PRODUCT = """
import numpy as np

def loss(X, y, W):
    a, q = np.exp(-X @ W), np.cos(X) @ W
    return np.sum((a * q - y) ** 2) / len(X)

def gradient(X, y, W):
    a, q = np.exp(-X @ W), np.cos(X) @ W
    r = 2 * (a * q - y) / len(X)
    da = r * q
    dq = r * a
    return {"W": X.T @ (-da * a) + np.cos(X).T @ dq}

def example():
    rng = np.random.default_rng(14)
    X, y, W = (rng.normal(size=shape) for shape in ((6, 3), (6, 2), (3, 2)))
    return {"X": X, "y": y, "W": W}
"""

FILES = {name: text for name, text in globals().items() if name.isupper() and type(text) is str}

# (file, right, wrong, codes of which one must be named; none may be beside them)
TABLE = [
    # which size a factor follows
    ("SMOOTHED", " / len(X)\n    return {", "\n    return {", {"G201"}),
    ("SMOOTHED", "dZ = (P", "dZ = P * (P", {"G501"}),
    ("SAMPLES", " / len(y)\n", "\n", {"G201"}),
    ("WEIGHTED", " / np.sum(known)\n    return {", " / len(X)\n    return {", {"G203"}),
    ("WEIGHTED", " / np.sum(known)\n    return {", "\n    return {", {"G201"}),
    ("WEIGHTED", "P - weight * Y", "P - Y", {"G000"}),
    ("BAG", "dbag[i] / count[i]", "dbag[i]", {"G203"}),
    # over which axes a mean or a bias runs
    ("NORMALISED", "- of_mean - of_variance", "- of_mean", {"G904"}),
    ("NORMALISED", "- of_mean - of_variance", "- of_variance", {"G903"}),
    ("NORMALISED", "dbeta = dy.sum(", "dbeta = dy.mean(", {"G601"}),
    ("SLIDING", "dz.sum()", "dz.mean()", {"G601"}),
    # (n,) against (n, 1)
    ("ROBUST", "e = X @ W + b - y\n    de",
     "e = (X @ W + b - y.ravel()).mean(axis=1, keepdims=True)\n    de", {"G604"}),
    ("SAMPLES", "(h @ v - y)", "((h @ v)[:, None] - y).mean(axis=1)", {"G604"}),
    ("PAIRS", "b[:, None]", "b[None, :]", {"G604"}),
    # which value it should have been
    ("ROBUST", "* (1 + (e / 1.5) ** 2)) /", "* (1 + e / 1.5)) /", {"G403"}),
    ("SLIDING", "dz[:, t] * kernel[k]", "dz[:, t] * kernel[K - 1 - k]", {"G906"}),
    ("CENTRES", "dphi[i, j] * phi[i, j] *", "dphi[i, j] *", {"G401"}),
    ("CENTRES", "dphi[i, j] * phi[i, j] *", "phi[i, j] *", {"G405"}),
    ("CENTRES", " * precision[j]", "", {"G000"}),
    ("BAG", "err[:, None] * w", "np.ones((n, 1)) * w", {"G405"}),
    ("FORMS", "ds * M @ B[i]", "ds * M @ A[i]", {"G703"}),
    ("LAGS", "[e @ one, e @ two]", "[e @ two, e @ one]", {"G705", "G704"}),
    ("POOLED", " * (patch == patch.max())", "", {"G907"}),
    ("PRODUCT", "dq = r * a", "dq = r", {"G000"}),
    ("PRODUCT", "da = r * q", "da = r", {"G000"}),
    ("PRODUCT", "dq = r * a", "dq = r * q", {"G703"}),
    ("PRODUCT", "dq = r * a", "dq = r * a * np.cosh(y)", {"G000"}),
    ("VARIATION", "g[:-1] -= s", "g[:-1] -= 0", {"G801", "G301"}),
    ("INTEGERS", "d = p - y", "d = (p - y).astype(y.dtype)", {"G102", "G107"}),
    ("INTEGERS", "d = p - y", "d = np.zeros_like(y)\n    d[:] = p - y", {"G102", "G107"}),
]  # fmt: skip


def checked(source):
    functions = load(source)
    return cr.check(functions["loss"], functions["gradient"], functions["example"])


@pytest.mark.parametrize("name", FILES)
def test_the_right_files_are_right(name):
    assert checked(FILES[name]).verdict == "ok"


@pytest.mark.parametrize(("name", "right", "wrong", "codes"), TABLE)
def test_a_mistake_is_named_for_what_it_means(name, right, wrong, codes):
    assert FILES[name].count(right) == 1
    report = checked(FILES[name].replace(right, wrong))
    assert report.verdict == "wrong"
    assert report.codes
    assert set(report.codes) <= codes, str(report)


def test_labels_that_the_trace_does_not_see_read_have_as_many_entries_as_there_are_samples():
    space = load(SMOOTHED)
    example = space["example"]()
    sizes = sizes_by_graph(trace(space["loss"], **example), example, ["W", "b"])
    assert sizes.axes["labels", 0] == sizes.axes["X", 0] == sizes.batch
    assert sizes.axes["W", 1] not in (sizes.batch, sizes.axes["W", 0])


def test_samples_that_are_parameters_give_the_batch_size():
    space = load(SAMPLES)
    example = space["example"]()
    sizes = sizes_by_graph(trace(space["loss"], **example), example, ["X", "W", "v"])
    assert sizes.batch == sizes.axes["X", 0]


def test_words_of_sentences_are_two_sizes():
    example = {"table": np.ones((6, 4)), "ids": np.ones((4, 6), dtype=int)}
    graph = trace(lambda table, ids: np.sum(table[ids].mean(axis=1) ** 2), **example)
    sizes = sizes_by_graph(graph, example, ["table"])
    assert len({sizes.axes[at] for at in sizes.axes}) == 4


def test_where_nothing_else_can_differ_the_rows_do():
    example = {"x": np.ones((5, 2, 3)), "y": np.ones(5), "k": np.ones((5, 2))}
    plans = sizes_by_rows(example, ["x", "k"])
    rows = [{name for (name, axis), symbol in p.axes.items() if symbol == "n"} for p in plans]
    assert rows == [{"y"}, {"y", "x", "k"}, {"y", "x"}]
    assert all(plan.batch == "n" and plan.symbols["n"] == 5 for plan in plans)
