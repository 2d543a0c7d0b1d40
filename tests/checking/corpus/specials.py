"""Files written by hand as students write them, with the mistakes that belong to each."""

# ruff: noqa: E501  (the lines are the students')
from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.case import Case, Slot, cases

RECURRENT = """import numpy as np

def loss(X, Y, Wx, Wh, b, V, c):
    h = np.zeros((X.shape[1], Wh.shape[0]))
    total = 0.0
    for t in range(X.shape[0]):
        h = np.tanh(X[t] @ Wx + h @ Wh + b)
        p = h @ V + c
        total = total + 0.5 * np.sum((p - Y[t]) ** 2)
    return total / X.shape[1]

def gradient(X, Y, Wx, Wh, b, V, c):
    T, n = X.shape[0], X.shape[1]
    hs = [np.zeros((n, Wh.shape[0]))]
    for t in range(T):
        hs.append(np.tanh(X[t] @ Wx + hs[-1] @ Wh + b))
    dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)
    dV, dc = np.zeros_like(V), np.zeros_like(c)
    dh_next = np.zeros((n, Wh.shape[0]))
    for t in reversed(range(T)):
        dp = <dp>
        <dV>
        dc += dp.sum(axis=0)
        dh = <dh>
        dz = <dz>
        <dWx>
        dWh += <dWh>
        db += dz.sum(axis=0)
        dh_next = <next>
    return {"Wx": dWx, "Wh": dWh, "b": db, "V": dV, "c": dc}

def example():
    rng = np.random.default_rng(0)
    return {"X": rng.normal(size=(4, 6, 3)), "Y": rng.normal(size=(4, 6, 2)),
            "Wx": rng.normal(size=(3, 5)) * 0.5, "Wh": rng.normal(size=(5, 5)) * 0.5,
            "b": np.zeros(5), "V": rng.normal(size=(5, 2)), "c": np.zeros(2)}
"""

RECURRENT_SLOTS = {
    "dp": Slot(
        "(hs[t + 1] @ V + c - Y[t]) / n",
        [("G201", "(hs[t + 1] @ V + c - Y[t])"), ("G205", "(Y[t] - hs[t + 1] @ V - c) / n")],
    ),
    "dV": Slot("dV += hs[t + 1].T @ dp", [("G801", "dV = hs[t + 1].T @ dp")]),
    "dh": Slot("dp @ V.T + dh_next", [("G908", "dp @ V.T")]),
    "dz": Slot("dh * (1 - hs[t + 1] ** 2)", [("G401", "dh")]),
    "dWx": Slot("dWx += X[t].T @ dz", [("G801", "dWx = X[t].T @ dz")]),
    "dWh": Slot("hs[t].T @ dz", [("G703", "hs[t + 1].T @ dz")]),
    "next": Slot("dz @ Wh.T", [("G702", "dz @ Wh"), ("G908", "0 * dz @ Wh.T")]),
}

EMBEDDING = """import numpy as np

def forward(words, E, W, b):
    x = E[words]
    z = x @ W + b
    z = z - z.max(axis=1, keepdims=True)
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    return x, p

def loss(words, y, E, W, b):
    x, p = forward(words, E, W, b)
    return -np.mean(np.log(p[np.arange(len(y)), y]))

def gradient(words, y, E, W, b):
    x, p = forward(words, E, W, b)
    n = len(y)
    dz = p.copy()
    dz[np.arange(n), y] -= 1
    dz /= <n>
    dW = x.T @ dz
    db = <db>
    dx = dz @ W.T
    dE = np.zeros_like(E)
    <scatter>
    return {"E": dE, "W": dW, "b": db}

def example():
    rng = np.random.default_rng(0)
    return {"words": np.array([0, 3, 3, 1, 4, 0, 2, 6]), "y": rng.integers(0, 3, 8),
            "E": rng.normal(size=(7, 5)), "W": rng.normal(size=(5, 3)), "b": np.zeros(3)}
"""
EMBEDDING_SLOTS = {
    "n": Slot("n", [("G203", "p.shape[1]"), ("G201", "1")]),
    "db": Slot("dz.sum(axis=0)", [("G601", "dz.mean(axis=0)"), ("G602", "dz[0]")]),
    "scatter": Slot(
        "np.add.at(dE, words, dx)", [("G803", "dE[words] += dx"), ("G803", "dE[words] = dx")]
    ),
}

BATCH_NORM = """import numpy as np

def loss(X, Y, W1, gamma, beta, W2):
    z = X @ W1
    mu = z.mean(axis=0)
    var = z.var(axis=0)
    xhat = (z - mu) / np.sqrt(var + 1e-5)
    h = np.maximum(gamma * xhat + beta, 0)
    return np.sum((h @ W2 - Y) ** 2) / (2 * len(X))

def gradient(X, Y, W1, gamma, beta, W2):
    n = X.shape[0]
    z = X @ W1
    mu, var = z.mean(0), z.var(0)
    std = np.sqrt(var + 1e-5)
    xhat = (z - mu) / std
    y = gamma * xhat + beta
    h = np.maximum(y, 0)
    dp = (h @ W2 - Y) / n
    dW2 = h.T @ dp
    dy = (dp @ W2.T) * (y > 0)
    dgamma = <gamma>
    dbeta = <beta>
    dxhat = dy * gamma
    dz = <dz>
    return {"W1": X.T @ dz, "gamma": dgamma, "beta": dbeta, "W2": dW2}

def example():
    rng = np.random.default_rng(3)
    return {"X": rng.normal(size=(9, 4)), "Y": rng.normal(size=(9, 2)),
            "W1": rng.normal(size=(4, 5)), "gamma": np.ones(5), "beta": np.zeros(5),
            "W2": rng.normal(size=(5, 2))}
"""
BATCH_NORM_SLOTS = {
    "gamma": Slot("(dy * xhat).sum(0)", [("G703", "(dy * z).sum(0)")]),
    "beta": Slot("dy.sum(0)", [("G601", "dy.mean(0)"), ("G704", "(dy * xhat).sum(0)")]),
    "dz": Slot(
        "(dxhat - dxhat.mean(0) - xhat * (dxhat * xhat).mean(0)) / std",
        [
            ("G903", "(dxhat - xhat * (dxhat * xhat).mean(0)) / std"),
            ("G904", "(dxhat - dxhat.mean(0)) / std"),
            ("G905", "(dxhat - dxhat.mean(0) - xhat * (dxhat * xhat).sum(0) / (n - 1)) / std"),
            ("G905", "(dxhat - dxhat.mean(0) - xhat * (dxhat * xhat).mean(0)) "
                     "/ np.sqrt(z.var(0, ddof=1) + 1e-5)"),
        ],
        [
            "1.0 / (n * std) * (n * dxhat - dxhat.sum(0) - xhat * (dxhat * xhat).sum(0))",
            "dxhat / std - (dxhat / std).mean(0) "
            "- (z - mu) * (dxhat * (z - mu)).sum(0) / std ** 3 / n",
        ],
    ),
}  # fmt: skip

DROPOUT = """import numpy as np

def loss(X, y, mask, keep, W1, b1, w2):
    h = np.tanh(X @ W1 + b1) * mask / keep
    z = h @ w2
    return np.mean(np.log(1 + np.exp(-y * z)))

def gradient(X, y, mask, keep, W1, b1, w2):
    n = len(y)
    a = np.tanh(X @ W1 + b1)
    h = a * mask / keep
    z = h @ w2
    dz = <dz>
    dw2 = <w2>
    dh = np.outer(dz, w2)
    da = <da>
    dz1 = da * (1 - a ** 2)
    return {"W1": X.T @ dz1, "b1": dz1.sum(axis=0), "w2": dw2}

def example():
    rng = np.random.default_rng(1)
    return {"X": rng.normal(size=(8, 4)), "y": np.where(rng.random(8) < 0.5, -1.0, 1.0),
            "mask": (rng.random((8, 5)) < 0.7) * 1.0, "keep": 0.7,
            "W1": rng.normal(size=(4, 5)), "b1": rng.normal(size=5) * 0.1, "w2": rng.normal(size=5)}
"""
DROPOUT_SLOTS = {
    "dz": Slot(
        "-y / (1 + np.exp(y * z)) / n",
        [("G205", "y / (1 + np.exp(y * z)) / n"), ("G201", "-y / (1 + np.exp(y * z))")],
    ),
    "w2": Slot("h.T @ dz", [("G703", "a.T @ dz")], ["dz @ h", "np.einsum('ij,i->j', h, dz)"]),
    "da": Slot(
        "dh * mask / keep",
        [
            ("G901", "dh / keep"),
            ("G901", "dh"),
            ("G902", "dh * mask"),
            ("G902", "dh * mask * keep"),
        ],
    ),
}

SCALED_DROPOUT = """import numpy as np

def loss(x, t, M, W, V):
    H = np.maximum(x @ W, 0.0)
    D = H * M
    return 0.5 * np.mean(np.sum((D @ V - t) ** 2, axis=1))

def gradient(x, t, M, W, V):
    H = np.maximum(x @ W, 0.0)
    D = H * M
    err = D @ V - t
    err = err / len(x)
    gV = D.T @ err
    gH = <gH>
    gH[H <= 0] = 0
    return dict(dW=x.T @ gH, dV=gV)

def example():
    r = np.random.default_rng(2)
    return dict(x=r.normal(size=(10, 3)), t=r.normal(size=(10, 2)),
                M=(r.random((10, 6)) < 0.5) / 0.5, W=r.normal(size=(3, 6)), V=r.normal(size=(6, 2)))
"""
SCALED_DROPOUT_SLOTS = {
    "gH": Slot("(err @ V.T) * M", [("G901", "(err @ V.T)"), ("G902", "(err @ V.T) * (M > 0)")]),
}

RESIDUAL = """import numpy as np

def loss(X, Y, W1, b1, W2, b2):
    h = np.tanh(X @ W1 + b1)
    r = h + np.maximum(h @ W2 + b2, 0)
    return 0.5 * np.sum((r - Y) ** 2) / X.shape[0]

def gradient(X, Y, W1, b1, W2, b2):
    n = X.shape[0]
    h = np.tanh(X @ W1 + b1)
    u = h @ W2 + b2
    r = h + np.maximum(u, 0)
    dr = (r - Y) / n
    du = dr * (u > 0)
    dW2 = h.T @ du
    db2 = du.sum(0)
    dh = <dh>
    dz = dh * (1 - h * h)
    return {"W1": X.T @ dz, "b1": dz.sum(0), "W2": dW2, "b2": db2}

def example():
    rng = np.random.default_rng(5)
    return {"X": rng.normal(size=(7, 3)), "Y": rng.normal(size=(7, 4)),
            "W1": rng.normal(size=(3, 4)), "b1": np.zeros(4), "W2": rng.normal(size=(4, 4)),
            "b2": np.zeros(4)}
"""
RESIDUAL_SLOTS = {
    "dh": Slot("dr + du @ W2.T", [("G801", "du @ W2.T"), ("G801", "dr"), ("G702", "dr + du @ W2")]),
}

TIED = """import numpy as np

def loss(X, W, b, c):
    H = 1 / (1 + np.exp(-(X @ W + b)))
    R = H @ W.T + c
    return np.mean((R - X) ** 2)

def gradient(X, W, b, c):
    H = 1 / (1 + np.exp(-(X @ W + b)))
    R = H @ W.T + c
    dR = 2 * (R - X) / <count>
    dc = dR.sum(axis=0)
    dH = dR @ W
    dZ = dH * H * (1 - H)
    db = dZ.sum(axis=0)
    dW = <dW>
    return {"W": dW, "b": db, "c": dc}

def example():
    rng = np.random.default_rng(0)
    return {"X": rng.normal(size=(9, 6)), "W": rng.normal(size=(6, 4)) * 0.3,
            "b": np.zeros(4), "c": np.zeros(6)}
"""
TIED_SLOTS = {
    "count": Slot("X.size", [("G203", "len(X)"), ("G201", "1")]),
    "dW": Slot("X.T @ dZ + dR.T @ H", [("G801", "X.T @ dZ"), ("G801", "dR.T @ H")]),
}

PER_SAMPLE = """import numpy as np

def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))

def loss(X, y, W1, b1, W2, b2):
    total = 0.0
    for i in range(len(X)):
        a = sigmoid(W1 @ X[i] + b1)
        out = sigmoid(W2 @ a + b2)
        total = total + 0.5 * np.sum((out - y[i]) ** 2)
    return total / len(X)

def gradient(X, y, W1, b1, W2, b2):
    gW1, gb1 = np.zeros(W1.shape), np.zeros(b1.shape)
    gW2, gb2 = np.zeros(W2.shape), np.zeros(b2.shape)
    for i in range(len(X)):
        z1 = W1 @ X[i] + b1
        a1 = sigmoid(z1)
        a2 = sigmoid(W2 @ a1 + b2)
        delta2 = <delta2>
        delta1 = <delta1>
        <gW2>
        gb2 += delta2
        <gW1>
        <gb1>
    n = len(X)
    return {"W1": gW1 / n, "b1": gb1 / n, "W2": gW2 / n, "b2": <late>}

def example():
    rng = np.random.default_rng(0)
    return {"X": rng.normal(size=(6, 4)), "y": rng.random((6, 2)), "W1": rng.normal(size=(5, 4)),
            "b1": rng.normal(size=5), "W2": rng.normal(size=(2, 5)), "b2": rng.normal(size=2)}
"""
PER_SAMPLE_SLOTS = {
    "delta2": Slot("(a2 - y[i]) * a2 * (1 - a2)",
                   [("G502", "(a2 - y[i])"), ("G205", "(y[i] - a2) * a2 * (1 - a2)")]),
    "delta1": Slot("(W2.T @ delta2) * a1 * (1 - a1)",
                   [("G401", "W2.T @ delta2"), ("G403", "(W2.T @ delta2) * z1 * (1 - z1)"),
                    ("G402", "(W2.T @ delta2) * sigmoid(a1) * (1 - sigmoid(a1))"),
                    ("G405", "a1 * (1 - a1)")]),
    "gW2": Slot("gW2 += np.outer(delta2, a1)",
                [("G802", "gW2 = np.outer(delta2, a1)"), ("G703", "gW2 += np.outer(delta2, z1)")]),
    "gW1": Slot("gW1 += np.outer(delta1, X[i])", [("G802", "gW1 = np.outer(delta1, X[i])")]),
    "gb1": Slot("gb1 += delta1", [("G602", "gb1 = delta1")]),
    "late": Slot("gb2 / n", [("G201", "gb2"), ("G202", "gb2 / n / n")]),
}  # fmt: skip

LAYERS = """import numpy as np

def relu(z):
    return np.maximum(0, z)

def loss(params, X, y):
    a = X
    for W, b in zip(params["W"][:-1], params["b"][:-1]):
        a = relu(a.dot(W) + b)
    scores = a.dot(params["W"][-1]) + params["b"][-1]
    scores = scores - scores.max(axis=1, keepdims=True)
    logp = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return -logp[range(len(X)), y].mean()

def gradient(params, X, y):
    Ws, bs = params["W"], params["b"]
    As, Zs = [X], []
    for W, b in zip(Ws[:-1], bs[:-1]):
        Zs.append(As[-1].dot(W) + b)
        As.append(relu(Zs[-1]))
    scores = As[-1].dot(Ws[-1]) + bs[-1]
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    delta = e / e.sum(axis=1, keepdims=True)
    delta[range(len(X)), y] -= 1
    delta /= len(X)
    dW, db = [None] * len(Ws), [None] * len(bs)
    for l in reversed(range(len(Ws))):
        dW[l] = <dW>
        db[l] = <db>
        if l > 0:
            delta = <delta>
    return {"W": dW, "b": db}

def example():
    rng = np.random.default_rng(7)
    sizes = [4, 6, 5, 3]
    return {"params": {"W": [rng.normal(size=s) for s in zip(sizes[:-1], sizes[1:])],
                       "b": [np.zeros(s) for s in sizes[1:]]},
            "X": rng.normal(size=(7, 4)), "y": rng.integers(0, 3, 7)}
"""
LAYERS_SLOTS = {
    "dW": Slot("As[l].T.dot(delta)", [("G205", "-As[l].T.dot(delta)")]),
    "db": Slot("delta.sum(axis=0)", [("G601", "delta.mean(axis=0)")]),
    "delta": Slot("delta.dot(Ws[l].T) * (Zs[l - 1] > 0)",
                  [("G401", "delta.dot(Ws[l].T)"), ("G404", "delta.dot(Ws[l].T) * (Zs[l - 1] < 0)"),
                   ("G403", "delta.dot(Ws[l].T) * Zs[l - 1]")],
                  ["delta.dot(Ws[l].T) * (As[l] > 0)"]),
}  # fmt: skip

LINEAR = """import numpy as np

def loss(X, y, w, b):
    r = X @ w + b - y
    return (r ** 2).mean()

def gradient(X, y, w, b):
    r = X @ w + b - y
    gw = <w>
    gb = <b>
    return {"w": gw, "b": gb}

def example():
    rng = np.random.default_rng(0)
    return {"X": rng.normal(size=(12, 4)), "y": rng.normal(size=12), "w": rng.normal(size=4),
            "b": 0.3}
"""
LINEAR_SLOTS = {
    "w": Slot("2 * X.T @ r / len(y)", [
        ("G201", "2 * X.T @ r"), ("G204", "X.T @ r / len(y)"), ("G205", "-2 * X.T @ r / len(y)"),
        ("G203", "2 * X.T @ r / X.size"), ("G202", "2 * X.T @ r / len(y) ** 2"),
        ("G802", "2 * X[0] * r[0]"), ("G205", "2 * X.T @ -r / len(y)"),
    ], ["2 * (X * r[:, None]).mean(axis=0)", "np.dot(r, X) * 2 / len(r)"]),
    "b": Slot("2 * r.mean()", [("G204", "r.mean()"), ("G205", "-2 * r.mean()")]),
}  # fmt: skip

UPDATED = """import numpy as np

def loss(X, Y, W1, W2, W3):
    return 0.5 * np.sum((np.tanh(np.tanh(X @ W1) @ W2) @ W3 - Y) ** 2) / len(X)

def gradient(X, Y, W1, W2, W3):
    W2, W3 = W2.copy(), W3.copy()
    a1 = np.tanh(X @ W1)
    a2 = np.tanh(a1 @ W2)
    d3 = (a2 @ W3 - Y) / len(X)
    dW3 = a2.T @ d3
    <update3>
    d2 = d3 @ W3.T * (1 - a2 ** 2)
    dW2 = a1.T @ d2
    <update2>
    d1 = d2 @ W2.T * (1 - a1 ** 2)
    return {"W1": X.T @ d1, "W2": dW2, "W3": dW3}

def example():
    rng = np.random.default_rng(0)
    return {"X": rng.normal(size=(9, 3)), "Y": rng.normal(size=(9, 2)),
            "W1": rng.normal(size=(3, 4)), "W2": rng.normal(size=(4, 5)),
            "W3": rng.normal(size=(5, 2))}
"""
UPDATED_SLOTS = {
    "update3": Slot("pass", [("G804", "W3 -= 0.1 * dW3")]),
    "update2": Slot("pass", [("G804", "W2 -= 0.05 * dW2")]),
}

SQUARE = """import numpy as np

def loss(X, y, W1, b1, W2, b2):
    a1 = np.tanh(X @ W1 + b1)
    p = 1 / (1 + np.exp(-(a1 @ W2 + b2)))
    return -np.mean(np.sum(y * np.log(p) + (1 - y) * np.log(1 - p), axis=1))

def gradient(X, y, W1, b1, W2, b2):
    a1 = np.tanh(X @ W1 + b1)
    p = 1 / (1 + np.exp(-(a1 @ W2 + b2)))
    d2 = (p - y) / len(y)
    d1 = <back> * (1 - a1 ** 2)
    return {"W1": <W1>, "b1": <b1>, "W2": <W2>, "b2": <b2>}

def example():
    rng = np.random.default_rng(0)
    return {"X": rng.normal(size=(4, 4)), "y": rng.integers(0, 2, (4, 4)) * 1.0,
            "W1": rng.normal(size=(4, 4)), "b1": np.zeros(4), "W2": rng.normal(size=(4, 4)),
            "b2": np.zeros(4)}
"""
SQUARE_SLOTS = {
    "back": Slot("(d2 @ W2.T)", [("G702", "(d2 @ W2)"), ("G703", "(d2 @ W1.T)")]),
    "W1": Slot("X.T @ d1", [("G701", "d1.T @ X"), ("G703", "a1.T @ d1")]),
    "b1": Slot("d1.sum(0)", [("G704", "d2.sum(0)"), ("G603", "d1.sum(1)")]),
    "W2": Slot("a1.T @ d2", [("G701", "(a1.T @ d2).T"), ("G703", "X.T @ d2"),
                             ("G705", "(a1.T @ d2)[::-1]")]),
    "b2": Slot("d2.sum(0)", [("G704", "d1.sum(0)")]),
}  # fmt: skip

CONVOLUTION = """import numpy as np

def conv(x, k):
    m = len(k)
    return np.stack([np.sum(x[i:i + m] * k) for i in range(len(x) - m + 1)])

def loss(x, y, k, b):
    z = conv(x, k) + b
    a = np.tanh(z)
    return 0.5 * np.sum((a - y) ** 2)

def gradient(x, y, k, b):
    z = conv(x, k) + b
    a = np.tanh(z)
    d = (a - y) * <act>
    dk = <dk>
    db = d.sum()
    return {"k": dk, "b": db}

def example():
    rng = np.random.default_rng(0)
    return {"x": rng.normal(size=10), "y": rng.normal(size=8), "k": rng.normal(size=3), "b": 0.1}
""".replace("np.array([0.0]) if False else ", "").replace(
    "    out = np.zeros(len(x) - len(k) + 1)\n", ""
)
CONVOLUTION_SLOTS = {
    "act": Slot("(1 - a ** 2)", [("G502", "1"), ("G205", "(a ** 2 - 1)")]),
    "dk": Slot("np.array([np.sum(x[j:j + len(d)] * d) for j in range(len(k))])",
               [("G906", "np.array([np.sum(x[j:j + len(d)] * d) for j in range(len(k))])[::-1]")]),
}  # fmt: skip

HINGE = """import numpy as np

def loss(X, y, W, reg):
    scores = X.dot(W)
    correct = scores[np.arange(X.shape[0]), y][:, None]
    margins = np.maximum(0, scores - correct + 1.0)
    margins[np.arange(X.shape[0]), y] = 0
    return margins.sum() / X.shape[0] + reg * np.sum(W * W)

def gradient(X, y, W, reg):
    N = X.shape[0]
    scores = X.dot(W)
    correct = scores[np.arange(N), y][:, None]
    margins = np.maximum(0, scores - correct + 1.0)
    margins[np.arange(N), y] = 0
    B = (margins > 0).astype(float)
    B[np.arange(N), y] = -B.sum(axis=1)
    dW = X.T.dot(B)
    dW <scale>
    dW += <penalty>
    return {"W": dW}

def example():
    rng = np.random.default_rng(0)
    return {"X": rng.normal(size=(10, 6)), "y": rng.integers(0, 4, 10),
            "W": rng.normal(size=(6, 4)), "reg": 1e-3}
"""
HINGE_SLOTS = {
    "scale": Slot("/= N", [("G201", "*= 1"), ("G203", "/= W.shape[1]"), ("G202", "/= N * N")]),
    "penalty": Slot("2 * reg * W", [("G302", "reg * W"), ("G301", "0 * W"), ("G303", "-2 * reg * W")]),
}  # fmt: skip

PENALTIES = """import numpy as np

def loss(X, y, w1, b1, w2, b2, reg):
    h = np.maximum(0.0, X @ w1 + b1)
    p = h @ w2 + b2
    return np.mean((p[:, 0] - y) ** 2) + reg * (np.sum(w1 ** 2) + np.sum(w2 ** 2)) / len(y)

def gradient(X, y, w1, b1, w2, b2, reg):
    m = len(y)
    h = np.maximum(0.0, X @ w1 + b1)
    p = h @ w2 + b2
    dp = 2 * (p[:, 0] - y)[:, None] / m
    dw2 = h.T @ dp + <w2>
    db2 = dp.sum(0)<b2>
    dh = dp @ w2.T
    dh[h == 0] = 0
    dw1 = X.T @ dh + <w1>
    db1 = dh.sum(0)<b1>
    return {"w1": dw1, "b1": db1, "w2": dw2, "b2": db2}

def example():
    rng = np.random.default_rng(0)
    return {"X": rng.normal(size=(10, 4)), "y": rng.normal(size=10), "w1": rng.normal(size=(4, 6)),
            "b1": np.zeros(6), "w2": rng.normal(size=(6, 1)), "b2": np.zeros(1), "reg": 0.05}
"""
PENALTIES_SLOTS = {
    "w2": Slot(
        "2 * reg * w2 / m",
        [("G302", "2 * reg * w2"), ("G302", "reg * w2 / m"), ("G303", "-2 * reg * w2 / m")],
    ),
    "b2": Slot("", []),
    "w1": Slot("2 * reg * w1 / m", [("G301", "0 * w1"), ("G302", "2 * reg * w1 / m / m")]),
    "b1": Slot("", [("G304", " + 2 * reg * b1 / m"), ("G304", " + reg * b1")]),
}

LSTM_GATE = """import numpy as np

def sig(z):
    return 1 / (1 + np.exp(-z))

def loss(x, t, U, V, W):
    g = sig(x @ U)
    c = np.tanh(x @ V)
    h = g * c
    return 0.5 * np.mean((h @ W - t) ** 2)

def gradient(x, t, U, V, W):
    g = sig(x @ U)
    c = np.tanh(x @ V)
    h = g * c
    dp = (h @ W - t) / t.size
    dW = h.T @ dp
    dh = dp @ W.T
    dg = <dg>
    dc = <dc>
    return {"U": x.T @ <du>, "V": x.T @ <dv>, "W": dW}

def example():
    rng = np.random.default_rng(0)
    return {"x": rng.normal(size=(8, 3)), "t": rng.normal(size=(8, 2)),
            "U": rng.normal(size=(3, 5)), "V": rng.normal(size=(3, 5)), "W": rng.normal(size=(5, 2))}
"""
LSTM_SLOTS = {
    "dg": Slot("dh * c", [("G703", "dh * g")]),
    "dc": Slot("dh * g", [("G703", "dh * c")]),
    "du": Slot("(dg * g * (1 - g))", [("G401", "dg"), ("G403", "(dg * (1 - g ** 2))")]),
    "dv": Slot("(dc * (1 - c ** 2))", [("G401", "dc"), ("G403", "(dc * c * (1 - c))")]),
}

MEAN_POOL = """import numpy as np

def loss(X, y, W, v):
    a = np.maximum(X @ W, 0)              # (n, T, h)
    pooled = a.<pool>(axis=1)
    z = pooled @ v
    return np.mean(np.logaddexp(0, z) - y * z)

def gradient(X, y, W, v):
    n, T = X.shape[:2]
    a = np.maximum(X @ W, 0)
    pooled = a.<pool>(axis=1)
    z = pooled @ v
    dz = (1 / (1 + np.exp(-z)) - y) / n
    dv = pooled.T @ dz
    dpooled = dz[:, None] * v
    da = <da>
    dpre = da * (a > 0)
    dW = np.einsum("ntd,nth->dh", X, dpre)
    return {"W": dW, "v": dv}

def example():
    rng = np.random.default_rng(0)
    return {"X": rng.normal(size=(6, 4, 3)), "y": rng.integers(0, 2, 6) * 1.0,
            "W": rng.normal(size=(3, 5)), "v": rng.normal(size=5)}
"""
MEAN_POOL_SLOTS = {
    "da": Slot(
        "np.repeat(dpooled[:, None, :], T, axis=1) / T",
        [("G907", "np.repeat(dpooled[:, None, :], T, axis=1)")],
        ["np.ones((1, T, 1)) * dpooled[:, None] / T"],
    ),
}
MAX_POOL_SLOTS = {
    "da": Slot("dpooled[:, None, :] * (a == pooled[:, None, :]) / (a == pooled[:, None, :]).sum(1, keepdims=True)",
               [("G907", "np.repeat(dpooled[:, None, :], T, axis=1)")]),
}  # fmt: skip


def specials() -> Iterator[Case]:
    """The cases of all files."""
    yield from cases("recurrent", RECURRENT, RECURRENT_SLOTS)
    yield from cases("embedding", EMBEDDING, EMBEDDING_SLOTS)
    yield from cases("batch norm", BATCH_NORM, BATCH_NORM_SLOTS)
    yield from cases("dropout", DROPOUT, DROPOUT_SLOTS)
    yield from cases("scaled dropout", SCALED_DROPOUT, SCALED_DROPOUT_SLOTS)
    yield from cases("residual", RESIDUAL, RESIDUAL_SLOTS)
    yield from cases("tied", TIED, TIED_SLOTS)
    yield from cases("per sample", PER_SAMPLE, PER_SAMPLE_SLOTS)
    yield from cases("layers", LAYERS, LAYERS_SLOTS)
    yield from cases("linear", LINEAR, LINEAR_SLOTS)
    yield from cases("updated", UPDATED, UPDATED_SLOTS)
    yield from cases("square", SQUARE, SQUARE_SLOTS)
    yield from cases("convolution", CONVOLUTION, CONVOLUTION_SLOTS)
    yield from cases("hinge", HINGE, HINGE_SLOTS)
    yield from cases("penalties", PENALTIES, PENALTIES_SLOTS)
    yield from cases("gates", LSTM_GATE, LSTM_SLOTS)
    yield from cases("mean pooling", MEAN_POOL.replace("<pool>", "mean"), MEAN_POOL_SLOTS)
    yield from cases("max pooling", MEAN_POOL.replace("<pool>", "max"), MAX_POOL_SLOTS)
