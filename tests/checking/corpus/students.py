# ruff: noqa: E501  (the lines are the students')
"""More files in the styles of courses: caches and helper functions, loops, gates, attention, …"""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.case import Case, Slot, cases

CACHES = """import numpy as np

def linear_forward(A, W, b):
    return W @ A + b, (A, W)

def sigmoid(Z):
    return 1 / (1 + np.exp(-Z))

def loss(X, Y, W1, b1, W2, b2, W3, b3):
    A1 = np.maximum(0, linear_forward(X, W1, b1)[0])
    A2 = np.maximum(0, linear_forward(A1, W2, b2)[0])
    AL = sigmoid(linear_forward(A2, W3, b3)[0])
    m = Y.shape[1]
    return -1 / m * np.sum(Y * np.log(AL) + (1 - Y) * np.log(1 - AL))

def linear_backward(dZ, cache):
    A_prev, W = cache
    m = A_prev.shape[1]
    dW = <dW>
    db = <db>
    dA_prev = <dA>
    return dA_prev, dW, db

def gradient(X, Y, W1, b1, W2, b2, W3, b3):
    Z1, c1 = linear_forward(X, W1, b1)
    A1 = np.maximum(0, Z1)
    Z2, c2 = linear_forward(A1, W2, b2)
    A2 = np.maximum(0, Z2)
    Z3, c3 = linear_forward(A2, W3, b3)
    AL = sigmoid(Z3)
    dAL = <dAL>
    dZ3 = dAL * <ds>
    dA2, dW3, db3 = linear_backward(dZ3, c3)
    dZ2 = np.array(dA2, copy=True)
    dZ2[<mask>] = 0
    dA1, dW2, db2 = linear_backward(dZ2, c2)
    dZ1 = np.array(dA1, copy=True)
    dZ1[Z1 <= 0] = 0
    _, dW1, db1 = linear_backward(dZ1, c1)
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2, "W3": dW3, "b3": db3}

def example():
    np.random.seed(1)
    return {"X": np.random.randn(5, 10), "Y": (np.random.rand(1, 10) > 0.5).astype(int),
            "W1": np.random.randn(4, 5) * 0.5, "b1": np.zeros((4, 1)),
            "W2": np.random.randn(3, 4) * 0.5, "b2": np.zeros((3, 1)),
            "W3": np.random.randn(1, 3) * 0.5, "b3": np.zeros((1, 1))}
"""
CACHES_SLOTS = {
    "dW": Slot("1 / m * dZ @ A_prev.T", [("G201", "dZ @ A_prev.T")]),
    "db": Slot("1 / m * np.sum(dZ, axis=1, keepdims=True)",
               [("G601", "np.sum(dZ, axis=1, keepdims=True)"), ("G205", "-1 / m * np.sum(dZ, axis=1, keepdims=True)")]),
    "dA": Slot("W.T @ dZ", [("G205", "-W.T @ dZ")]),
    "dAL": Slot("-(Y / AL - (1 - Y) / (1 - AL))",
                [("G205", "(Y / AL - (1 - Y) / (1 - AL))")]),
    "ds": Slot("AL * (1 - AL)", [("G502", "1")], ["sigmoid(Z3) * (1 - sigmoid(Z3))"]),
    "mask": Slot("Z2 <= 0", [("G404", "Z2 > 0")], ["Z2 < 0", "A2 == 0"]),
}  # fmt: skip

ATTENTION = """import numpy as np

def softmax(s):
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)

def loss(X, Y, Wq, Wk, Wv):
    d = Wq.shape[1]
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    A = softmax(Q @ K.T / np.sqrt(d))
    return 0.5 * np.sum((A @ V - Y) ** 2)

def gradient(X, Y, Wq, Wk, Wv):
    d = Wq.shape[1]
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    A = softmax(Q @ K.T / np.sqrt(d))
    dO = A @ V - Y
    dV = <dV>
    dA = dO @ V.T
    dS = <dS>
    dS = dS<scale>
    dQ = dS @ K
    dK = <dK>
    return {"Wq": X.T @ dQ, "Wk": X.T @ dK, "Wv": X.T @ dV}

def example():
    rng = np.random.default_rng(0)
    return {"X": rng.normal(size=(5, 4)), "Y": rng.normal(size=(5, 3)), "Wq": rng.normal(size=(4, 2)),
            "Wk": rng.normal(size=(4, 2)), "Wv": rng.normal(size=(4, 3))}
"""
ATTENTION_SLOTS = {
    "dV": Slot("A.T @ dO", [("G702", "A @ dO")]),
    "dS": Slot("A * (dA - (dA * A).sum(axis=-1, keepdims=True))", [("G503", "dA * A * (1 - A)")]),
    "scale": Slot(" / np.sqrt(d)", []),
    "dK": Slot("dS.T @ Q", [("G703", "dS.T @ K")]),
}

LAYER_NORM = """import numpy as np

def norm(x):
    mu = x.mean(axis=1, keepdims=True)
    s = np.sqrt(((x - mu) ** 2).mean(axis=1, keepdims=True) + 1e-6)
    return (x - mu) / s, s

def loss(X, T, W, g, b):
    u, _ = norm(X @ W)
    return np.sum((u * g + b - T) ** 2) / len(X)

def gradient(X, T, W, g, b):
    n = len(X)
    u, s = norm(X @ W)
    dy = 2 * (u * g + b - T) / n
    du = dy * g
    dx = <dx>
    return {"W": X.T @ dx, "g": np.sum(dy * u, axis=0), "b": np.sum(dy, axis=0)}

def example():
    r = np.random.RandomState(0)
    return {"X": r.randn(7, 3), "T": r.randn(7, 5), "W": r.randn(3, 5), "g": np.ones(5), "b": np.zeros(5)}
"""
LAYER_NORM_SLOTS = {
    "dx": Slot("(du - du.mean(1, keepdims=True) - u * (du * u).mean(1, keepdims=True)) / s",
               [("G903", "(du - u * (du * u).mean(1, keepdims=True)) / s"),
                ("G904", "(du - du.mean(1, keepdims=True)) / s")]),
}  # fmt: skip

LSTM = """import numpy as np

def sigmoid(x):
    return 1 / (1 + np.exp(-x))

def step(x, h, c, W, U, b):
    H = h.shape[1]
    z = x @ W + h @ U + b
    i, f, o = sigmoid(z[:, :H]), sigmoid(z[:, H:2 * H]), sigmoid(z[:, 2 * H:3 * H])
    g = np.tanh(z[:, 3 * H:])
    c2 = f * c + i * g
    h2 = o * np.tanh(c2)
    return h2, c2, (x, h, c, i, f, o, g, c2)

def loss(X, Y, W, U, b):
    h = np.zeros((X.shape[0], U.shape[0]))
    c = np.zeros((X.shape[0], U.shape[0]))
    for t in range(X.shape[1]):
        h, c, _ = step(X[:, t], h, c, W, U, b)
    return 0.5 * np.sum((h - Y) ** 2) / len(X)

def gradient(X, Y, W, U, b):
    N, T = X.shape[:2]
    H = U.shape[0]
    h, c = np.zeros((N, H)), np.zeros((N, H))
    caches = []
    for t in range(T):
        h, c, cache = step(X[:, t], h, c, W, U, b)
        caches.append(cache)
    dW, dU, db = np.zeros_like(W), np.zeros_like(U), np.zeros_like(b)
    dh = (h - Y) / N
    dc = np.zeros((N, H))
    for t in reversed(range(T)):
        x, h0, c0, i, f, o, g, c2 = caches[t]
        tc = np.tanh(c2)
        do = dh * tc
        dc = <dc>
        di, df, dg = dc * g, <df>, dc * i
        dz = np.hstack([di * i * (1 - i), <fz>, do * o * (1 - o), dg * (1 - g ** 2)])
        dW += x.T @ dz
        dU += h0.T @ dz
        db += dz.sum(0)
        dh = <dh>
        dc = <dcn>
    return {"W": dW, "U": dU, "b": db}

def example():
    rng = np.random.default_rng(0)
    return {"X": rng.normal(size=(5, 3, 2)), "Y": rng.normal(size=(5, 4)), "W": rng.normal(size=(2, 16)) * 0.5,
            "U": rng.normal(size=(4, 16)) * 0.5, "b": np.zeros(16)}
"""
LSTM_SLOTS = {
    "dc": Slot(
        "dc + dh * o * (1 - tc ** 2)", [("G401", "dc + dh * o"), ("G908", "dh * o * (1 - tc ** 2)")]
    ),
    "df": Slot("dc * c0", [("G703", "dc * c2")]),
    "fz": Slot("df * f * (1 - f)", [("G401", "df")]),
    "dh": Slot("dz @ U.T", [("G908", "np.zeros_like(dh)")]),
    "dcn": Slot("dc * f", [("G908", "np.zeros_like(dc)")]),
}

FACTORS = """import numpy as np

def loss(R, M, U, V, reg):
    E = M * (R - U @ V.T)
    return np.sum(E ** 2) + reg * (np.sum(U ** 2) + np.sum(V ** 2))

def gradient(R, M, U, V, reg):
    E = <E>
    gU = <gU>
    gV = <gV>
    return {"U": gU, "V": gV}

def example():
    rng = np.random.default_rng(0)
    return {"R": rng.normal(size=(6, 5)), "M": (rng.random((6, 5)) < 0.6).astype(float),
            "U": rng.normal(size=(6, 3)), "V": rng.normal(size=(5, 3)), "reg": 0.1}
"""
FACTORS_SLOTS = {
    "E": Slot("M * (R - U @ V.T)", []),
    "gU": Slot("-2 * E @ V + 2 * reg * U", [
        ("G204", "-E @ V + 2 * reg * U"), ("G205", "2 * E @ V + 2 * reg * U"), ("G302", "-2 * E @ V + reg * U"),
        ("G301", "-2 * E @ V"), ("G303", "-2 * E @ V - 2 * reg * U")]),
    "gV": Slot("-2 * E.T @ U + 2 * reg * V", [("G205", "2 * E.T @ U + 2 * reg * V")]),
}  # fmt: skip

GRAPH = """import numpy as np

def loss(A, X, labels, W0, W1):
    H = np.maximum(A @ X @ W0, 0)
    Z = A @ H @ W1
    Z = Z - np.max(Z, axis=1, keepdims=True)
    logp = Z - np.log(np.sum(np.exp(Z), axis=1, keepdims=True))
    return -np.mean(logp[np.arange(len(labels)), labels])

def gradient(A, X, labels, W0, W1):
    n = len(labels)
    pre = A @ X @ W0
    H = np.maximum(pre, 0)
    Z = A @ H @ W1
    P = np.exp(Z - Z.max(1, keepdims=True))
    P /= P.sum(1, keepdims=True)
    dZ = P
    dZ[np.arange(n), labels] -= 1
    dZ = dZ <n>
    dW1 = <dW1>
    dH = <dH>
    dpre = dH * <mask>
    dW0 = (A @ X).T @ dpre
    return {"W0": dW0, "W1": dW1}

def example():
    rng = np.random.default_rng(0)
    return {"A": rng.random((6, 6)), "X": rng.normal(size=(6, 4)), "labels": rng.integers(0, 3, 6),
            "W0": rng.normal(size=(4, 5)), "W1": rng.normal(size=(5, 3))}
"""
GRAPH_SLOTS = {
    "n": Slot("/ n", [("G201", "* 1")]),
    "dW1": Slot("(A @ H).T @ dZ", [], ["H.T @ (A.T @ dZ)"]),
    "dH": Slot("A.T @ dZ @ W1.T", [("G702", "A @ dZ @ W1.T")]),
    "mask": Slot("(pre > 0)", [("G401", "1.0"), ("G404", "(pre < 0)")]),
}

LOGISTIC = """import numpy as np

def loss(X, y, theta, lam):
    h = 1 / (1 + np.exp(-(X @ theta)))
    m = len(y)
    J = -(y @ np.log(h + 1e-12) + (1 - y) @ np.log(1 - h + 1e-12)) / m
    return J + lam / (2 * m) * np.sum(theta[1:] ** 2)

def gradient(X, y, theta, lam):
    m = len(y)
    h = 1 / (1 + np.exp(-(X @ theta)))
    grad = <grad>
    grad[1:] += <reg>
    return {"theta": grad}

def example():
    rng = np.random.default_rng(0)
    return {"X": np.c_[np.ones(9), rng.normal(size=(9, 3))], "y": rng.integers(0, 2, 9).astype(float),
            "theta": rng.normal(size=4), "lam": 1.0}
"""
LOGISTIC_SLOTS = {
    "grad": Slot("X.T @ (h - y) / m", [("G201", "X.T @ (h - y)"), ("G205", "X.T @ (y - h) / m"),
                                       ("G501", "X.T @ ((h - y) * h * (1 - h)) / m")]),
    "reg": Slot("lam / m * theta[1:]", [("G302", "lam * theta[1:]"), ("G302", "lam / (2 * m) * theta[1:]"),
                                        ("G301", "0"), ("G303", "-lam / m * theta[1:]")]),
}  # fmt: skip

LISTS = """import numpy as np

class Layer:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.x = x
        self.z = x @ self.W + self.b
        return np.tanh(self.z)

    def backward(self, grad):
        grad = <act>
        self.dW = self.x.T @ grad
        self.db = <db>
        return grad @ self.W.T

def build(W1, b1, W2, b2, W3, b3):
    return [Layer(W1, b1), Layer(W2, b2), Layer(W3, b3)]

def loss(X, Y, W1, b1, W2, b2, W3, b3):
    out = X
    for layer in build(W1, b1, W2, b2, W3, b3):
        out = layer.forward(out)
    return ((out - Y) ** 2).mean()

def gradient(X, Y, W1, b1, W2, b2, W3, b3):
    layers = build(W1, b1, W2, b2, W3, b3)
    out = X
    for layer in layers:
        out = layer.forward(out)
    grad = <out>
    for layer in reversed(layers):
        grad = layer.backward(grad)
    result = {}
    for k, layer in enumerate(layers, 1):
        result[f"W{k}"] = layer.dW
        result[f"b{k}"] = layer.db
    return result

def example():
    rng = np.random.default_rng(0)
    return {"X": rng.normal(size=(8, 3)), "Y": rng.normal(size=(8, 2)), "W1": rng.normal(size=(3, 4)), "b1": np.zeros(4),
            "W2": rng.normal(size=(4, 5)), "b2": np.zeros(5), "W3": rng.normal(size=(5, 2)), "b3": np.zeros(2)}
"""
LISTS_SLOTS = {
    "act": Slot("grad * (1 - np.tanh(self.z) ** 2)", [
        ("G403", "grad * (1 - self.z ** 2)"), ("G403", "grad * (1 - np.tanh(self.z))"), ("G401", "grad * 1.0")]),
    "db": Slot("grad.sum(axis=0)", [("G601", "grad.mean(axis=0)"), ("G602", "grad[-1]")]),
    "out": Slot("2 * (out - Y) / out.size", [("G203", "2 * (out - Y) / len(out)"), ("G204", "(out - Y) / out.size"),
                                             ("G201", "2 * (out - Y)"), ("G205", "2 * (Y - out) / out.size")]),
}  # fmt: skip

CONV2D = """import numpy as np

def conv(x, w, b):
    N, C, H, W = x.shape
    F, _, k, _ = w.shape
    rows = []
    for i in range(H - k + 1):
        cols = []
        for j in range(W - k + 1):
            patch = x[:, :, i:i + k, j:j + k].reshape(N, -1)
            cols.append(patch @ w.reshape(F, -1).T + b)
        rows.append(np.stack(cols, axis=-1))
    return np.stack(rows, axis=-2)

def loss(x, t, w, b, v):
    a = np.maximum(conv(x, w, b), 0)
    s = a.reshape(len(x), -1) @ v
    return 0.5 * np.mean((s - t) ** 2)

def gradient(x, t, w, b, v):
    N = len(x)
    F, C, k, _ = w.shape
    z = conv(x, w, b)
    a = np.maximum(z, 0)
    flat = a.reshape(N, -1)
    ds = (flat @ v - t) / <count>
    dv = flat.T @ ds
    dz = (np.outer(ds, v).reshape(a.shape)) * <mask>
    dw = np.zeros_like(w)
    for i in range(z.shape[2]):
        for j in range(z.shape[3]):
            patch = x[:, :, i:i + k, j:j + k]
            dw <acc> np.einsum("nf,ncij->fcij", dz[:, :, i, j], patch)
    db = dz.sum(axis=(0, 2, 3))
    return {"w": <dw>, "b": db, "v": dv}

def example():
    rng = np.random.default_rng(0)
    return {"x": rng.normal(size=(4, 2, 4, 4)), "t": rng.normal(size=4), "w": rng.normal(size=(3, 2, 2, 2)),
            "b": np.zeros(3), "v": rng.normal(size=27)}
"""
CONV2D_SLOTS = {
    "count": Slot("N", [("G201", "1")]),
    "mask": Slot("(z > 0)", [("G401", "1.0")]),
    "acc": Slot("+=", [("G801", "=")]),
    "dw": Slot("dw", [("G906", "dw[:, :, ::-1, ::-1]"), ("G906", "dw.swapaxes(2, 3)")]),
}


def students() -> Iterator[Case]:
    """The cases of all files."""
    yield from cases("caches", CACHES, CACHES_SLOTS)
    yield from cases("attention", ATTENTION, ATTENTION_SLOTS)
    yield from cases("layer norm", LAYER_NORM, LAYER_NORM_SLOTS)
    yield from cases("lstm", LSTM, LSTM_SLOTS)
    yield from cases("matrix factors", FACTORS, FACTORS_SLOTS)
    yield from cases("graph network", GRAPH, GRAPH_SLOTS)
    yield from cases("logistic", LOGISTIC, LOGISTIC_SLOTS)
    yield from cases("layer objects", LISTS, LISTS_SLOTS)
    yield from cases("conv2d", CONV2D, CONV2D_SLOTS)
