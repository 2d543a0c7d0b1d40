"""More gradients as students write them: gates, attention, factorisations, pooling, other layouts.

Written after the search for the wrong line, to measure it; see `localisation_corpus`.
"""

# ruff: noqa: E501
from __future__ import annotations

from tests.checking.localisation_corpus import Program

PROGRAMS = [
    Program(
        "mlp dict params",
        """
import numpy as np

def relu(v):
    return np.where(v > 0, v, 0)

def forward(params, X):
    cache = {"A0": X}
    A = X
    L = 3
    for l in range(1, L + 1):
        Z = A @ params["W%d" % l] + params["b%d" % l]
        A = relu(Z) if l < L else Z
        cache["Z%d" % l] = Z
        cache["A%d" % l] = A
    return A, cache

def softmax(s):
    e = np.exp(s - np.max(s, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)

def loss(X, Y, W1, b1, W2, b2, W3, b3, lam):
    params = dict(W1=W1, b1=b1, W2=W2, b2=b2, W3=W3, b3=b3)
    S, _ = forward(params, X)
    P = softmax(S)
    ce = -np.sum(Y * np.log(P)) / X.shape[0]
    l2 = 0.5 * lam * sum(np.sum(params["W%d" % l] ** 2) for l in (1, 2, 3))
    return ce + l2

def example():
    r = np.random.default_rng(0)
    Y = np.eye(4)[r.integers(0, 4, 9)]
    return dict(X=r.normal(size=(9, 5)), Y=Y, W1=r.normal(size=(5, 7))*.5, b1=r.normal(size=7)*.3, W2=r.normal(size=(7, 6))*.5,
        b2=r.normal(size=6)*.3, W3=r.normal(size=(6, 4)), b3=r.normal(size=4), lam=0.13)

def gradient(X, Y, W1, b1, W2, b2, W3, b3, lam):
    params = dict(W1=W1, b1=b1, W2=W2, b2=b2, W3=W3, b3=b3)
    S, cache = forward(params, X)
    N = X.shape[0]
    grads = {}
    dZ = softmax(S) - Y
    grads["W3"] = cache["A2"].T @ dZ / N + lam * W3
    grads["b3"] = dZ.sum(0) / N
    dA = dZ @ W3.T
    dZ = dA * (cache["Z2"] > 0)
    grads["W2"] = cache["A1"].T @ dZ / N + lam * W2
    grads["b2"] = dZ.sum(0) / N
    dA = dZ @ W2.T
    dZ = dA * (cache["Z1"] > 0)
    grads["W1"] = cache["A0"].T @ dZ / N + lam * W1
    grads["b1"] = dZ.sum(0) / N
    return grads
""",
        [
            (
                'grads["W3"] = cache["A2"].T @ dZ / N + lam * W3',
                'grads["W3"] = cache["A2"].T @ dZ / N',
            ),
            (
                'grads["W2"] = cache["A1"].T @ dZ / N + lam * W2',
                'grads["W2"] = (cache["A1"].T @ dZ + lam * W2) / N',
            ),
            (
                'grads["W2"] = cache["A1"].T @ dZ / N + lam * W2',
                'grads["W2"] = cache["A1"].T @ dZ / N + 2 * lam * W2',
            ),
            (
                'grads["W1"] = cache["A0"].T @ dZ / N + lam * W1',
                'grads["W1"] = cache["A0"].T @ dZ + lam * W1',
            ),
            ('dA * (cache["Z1"] > 0)', 'dA * (cache["A1"] >= 0)'),
            ('dA * (cache["Z1"] > 0)', "dA * (dA > 0)"),
            ('dA * (cache["Z2"] > 0)', 'dA * cache["Z2"]'),
            ('dA * (cache["Z2"] > 0)', "dA"),
            ("dA = dZ @ W2.T", "dA = (dZ @ W2.T) / N"),
            ("dZ = softmax(S) - Y", "dZ = (softmax(S) - Y) / N"),
            ("dZ = softmax(S) - Y", "dZ = Y - softmax(S)"),
            ("dZ = softmax(S) - Y", "dZ = S - Y"),
            ('cache["A1"].T @ dZ', 'cache["Z1"].T @ dZ'),
            ('grads["b2"] = dZ.sum(0) / N', 'grads["b2"] = dZ.sum(0)'),
            ('grads["b1"] = dZ.sum(0) / N', 'grads["b1"] = dA.sum(0) / N'),
        ],
    ),
    Program(
        "lstm-ish gate",
        """
import numpy as np

def sig(v):
    return 1 / (1 + np.exp(-v))

def loss(x, h, U, V, c, t):
    g = sig(x @ U + h @ V + c)
    out = g * np.tanh(x @ U) + (1 - g) * h
    return 0.5 * np.mean((out - t) ** 2)

def example():
    r = np.random.default_rng(1)
    return dict(x=r.normal(size=(6, 4)), h=r.normal(size=(6, 5)), U=r.normal(size=(4, 5)), V=r.normal(size=(5, 5)), c=r.normal(size=5), t=r.normal(size=(6, 5)))

def gradient(x, h, U, V, c, t):
    a = x @ U
    g = sig(a + h @ V + c)
    m = np.tanh(a)
    out = g * m + (1 - g) * h
    dout = (out - t) / out.size
    dg = dout * (m - h)
    dm = dout * g
    dpre = dg * g * (1 - g)
    da = dm * (1 - m ** 2) + dpre
    dU = x.T @ da
    dV = h.T @ dpre
    dc = dpre.sum(axis=0)
    return {"U": dU, "V": dV, "c": dc}
""",
        [
            ("dg = dout * (m - h)", "dg = dout * m"),
            ("dm = dout * g", "dm = dout * (1 - g)"),
            ("dpre = dg * g * (1 - g)", "dpre = dg * g"),
            ("da = dm * (1 - m ** 2) + dpre", "da = dm * (1 - m ** 2)"),
            ("da = dm * (1 - m ** 2) + dpre", "da = dm + dpre"),
            ("dout = (out - t) / out.size", "dout = (out - t) / len(out)"),
            ("dV = h.T @ dpre", "dV = h.T @ dg"),
            ("dc = dpre.sum(axis=0)", "dc = da.sum(axis=0)"),
            ("dU = x.T @ da", "dU = x.T @ dpre"),
        ],
    ),
    Program(
        "layer functions with caches in list",
        """
import numpy as np

def dense(x, w, b):
    out = x.dot(w) + b
    return out, (x, w)

def dense_back(d, cache):
    x, w = cache
    return d.dot(w.T), x.T.dot(d), d.sum(axis=0)

def elu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * (np.exp(x) - 1))

def elu_grad(x, alpha=1.0):
    return np.where(x > 0, 1.0, alpha * np.exp(x))

def loss(X, y, W1, b1, W2, b2, W3, b3):
    h = X
    for w, b in ((W1, b1), (W2, b2)):
        z, _ = dense(h, w, b)
        h = elu(z)
    o, _ = dense(h, W3, b3)
    p = 1 / (1 + np.exp(-o[:, 0]))
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))

def example():
    r = np.random.default_rng(2)
    return dict(X=r.normal(size=(8, 3)), y=(r.random(8) > .5).astype(float), W1=r.normal(size=(3, 6)), b1=r.normal(size=6), W2=r.normal(size=(6, 5)), b2=r.normal(size=5), W3=r.normal(size=(5, 1)), b3=r.normal(size=1))

def gradient(X, y, W1, b1, W2, b2, W3, b3):
    caches, pre = [], []
    h = X
    for w, b in ((W1, b1), (W2, b2)):
        z, c = dense(h, w, b)
        pre.append(z)
        caches.append(c)
        h = elu(z)
    o, c = dense(h, W3, b3)
    caches.append(c)
    p = 1 / (1 + np.exp(-o))
    delta = (p - y.reshape(-1, 1)) / y.size
    delta, gW3, gb3 = dense_back(delta, caches[2])
    delta = delta * elu_grad(pre[1])
    delta, gW2, gb2 = dense_back(delta, caches[1])
    delta = delta * elu_grad(pre[0])
    _, gW1, gb1 = dense_back(delta, caches[0])
    return {"W1": gW1, "b1": gb1, "W2": gW2, "b2": gb2, "W3": gW3, "b3": gb3}
""",
        [
            (
                "return np.where(x > 0, 1.0, alpha * np.exp(x))",
                "return np.where(x > 0, 1.0, np.exp(x) - 1)",
            ),
            (
                "return np.where(x > 0, 1.0, alpha * np.exp(x))",
                "return np.where(x > 0, x, alpha * np.exp(x))",
            ),
            (
                "return d.dot(w.T), x.T.dot(d), d.sum(axis=0)",
                "return d.dot(w.T), x.T.dot(d), d.mean(axis=0)",
            ),
            (
                "return d.dot(w.T), x.T.dot(d), d.sum(axis=0)",
                "return d.dot(w.T), 2 * x.T.dot(d), d.sum(axis=0)",
            ),
            (
                "delta = (p - y.reshape(-1, 1)) / y.size",
                "delta = (p - y.reshape(-1, 1)) * p * (1 - p) / y.size",
            ),
            ("delta = (p - y.reshape(-1, 1)) / y.size", "delta = p - y.reshape(-1, 1)"),
            ("delta = delta * elu_grad(pre[0])", "delta = delta * elu_grad(elu(pre[0]))"),
            ("delta = delta * elu_grad(pre[1])", "delta = delta * elu(pre[1])"),
            ("delta = delta * elu_grad(pre[1])", "delta = elu_grad(pre[1])"),
            ("dense_back(delta, caches[1])", "dense_back(delta * 2, caches[1])"),
        ],
    ),
    Program(
        "logistic regression per sample lists",
        """
import numpy as np

def loss(X, y, w, b, lam):
    s = X @ w + b
    return np.mean(np.log(1 + np.exp(-y * s))) + 0.5 * lam * w @ w

def example():
    r = np.random.default_rng(3)
    return dict(X=r.normal(size=(7, 4)), y=np.where(r.random(7) > .5, 1., -1.), w=r.normal(size=4), b=0.2, lam=0.31)

def gradient(X, y, w, b, lam):
    gw = np.zeros(len(w))
    gb = 0.0
    for xi, yi in zip(X, y):
        margin = yi * (xi @ w + b)
        coefficient = -yi / (1 + np.exp(margin))
        gw += coefficient * xi
        gb += coefficient
    gw /= len(y)
    gb /= len(y)
    gw += lam * w
    return {"w": gw, "b": gb}
""",
        [
            (
                "coefficient = -yi / (1 + np.exp(margin))",
                "coefficient = -yi / (1 + np.exp(-margin))",
            ),
            ("coefficient = -yi / (1 + np.exp(margin))", "coefficient = yi / (1 + np.exp(margin))"),
            ("gw += coefficient * xi", "gw = coefficient * xi"),
            ("gw += lam * w", "gw += 2 * lam * w"),
            ("gw += lam * w", "gw += lam"),
            ("gb /= len(y)", "gb /= len(w)"),
            ("margin = yi * (xi @ w + b)", "margin = yi * (xi @ w)"),
            ("gb += coefficient", "gb += coefficient * xi[0]"),
        ],
    ),
    Program(
        "conv 1d",
        """
import numpy as np

def loss(x, k, b, t):
    n = x.shape[0]
    K = k.shape[0]
    T = x.shape[1] - K + 1
    out = b
    for j in range(K):
        out = out + k[j] * x[:, j:j + T]
    a = np.tanh(out)
    return np.sum((a - t) ** 2) / n

def example():
    r = np.random.default_rng(4)
    return dict(x=r.normal(size=(4, 9)), k=r.normal(size=3), b=0.4, t=r.normal(size=(4, 7)))

def gradient(x, k, b, t):
    n, length = x.shape
    size = len(k)
    steps = length - size + 1
    windows = np.stack([x[:, j:j + steps] for j in range(size)], axis=-1)
    out = windows @ k + b
    a = np.tanh(out)
    da = 2 * (a - t) / n
    dout = da * (1 - a ** 2)
    dk = np.zeros(size)
    for j in range(size):
        dk[j] = np.sum(dout * x[:, j:j + steps])
    db = dout.sum()
    dx = np.zeros_like(x)
    for j in range(size):
        dx[:, j:j + steps] += dout * k[j]
    return {"k": dk, "b": db, "x": dx}
""",
        [
            ("dx[:, j:j + steps] += dout * k[j]", "dx[:, j:j + steps] = dout * k[j]"),
            ("dx[:, j:j + steps] += dout * k[j]", "dx[:, j:j + steps] += dout * k[size - 1 - j]"),
            (
                "dk[j] = np.sum(dout * x[:, j:j + steps])",
                "dk[j] = np.mean(dout * x[:, j:j + steps])",
            ),
            ("dk[j] = np.sum(dout * x[:, j:j + steps])", "dk[j] = np.sum(da * x[:, j:j + steps])"),
            ("dout = da * (1 - a ** 2)", "dout = da * (1 - out ** 2)"),
            ("da = 2 * (a - t) / n", "da = 2 * (a - t)"),
            ("db = dout.sum()", "db = dout.mean()"),
            ("out = windows @ k + b", "out = windows @ k[::-1] + b"),
        ],
    ),
    Program(
        "attention",
        """
import numpy as np

def softmax(s):
    e = np.exp(s - s.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)

def loss(X, Wq, Wk, Wv, T):
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    S = Q @ K.T / np.sqrt(Q.shape[1])
    A = softmax(S)
    O = A @ V
    return np.sum((O - T) ** 2)

def example():
    r = np.random.default_rng(5)
    return dict(X=r.normal(size=(6, 4)), Wq=r.normal(size=(4, 3)), Wk=r.normal(size=(4, 3)), Wv=r.normal(size=(4, 5)), T=r.normal(size=(6, 5)))

def gradient(X, Wq, Wk, Wv, T):
    scale = 1 / np.sqrt(Wq.shape[1])
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    A = softmax(scale * Q @ K.T)
    O = A @ V
    dO = 2 * (O - T)
    dA = dO @ V.T
    dV = A.T @ dO
    dS = A * (dA - np.sum(A * dA, axis=1, keepdims=True))
    dQ = scale * dS @ K
    dK = scale * dS.T @ Q
    return {"Wq": X.T @ dQ, "Wk": X.T @ dK, "Wv": X.T @ dV}
""",
        [
            ("dS = A * (dA - np.sum(A * dA, axis=1, keepdims=True))", "dS = A * (1 - A) * dA"),
            (
                "dS = A * (dA - np.sum(A * dA, axis=1, keepdims=True))",
                "dS = A * (dA - np.sum(A * dA, axis=0, keepdims=True))",
            ),
            ("dK = scale * dS.T @ Q", "dK = scale * dS @ Q"),
            ("dQ = scale * dS @ K", "dQ = dS @ K"),
            ("dV = A.T @ dO", "dV = A @ dO"),
            ("dO = 2 * (O - T)", "dO = O - T"),
            ('"Wk": X.T @ dK', '"Wk": X.T @ dQ'),
            ("A = softmax(scale * Q @ K.T)", "A = softmax(Q @ K.T)"),
            ("dA = dO @ V.T", "dA = dO @ T.T"),
        ],
    ),
    Program(
        "object style, tape of deltas, weight list",
        """
import numpy as np

class Net:
    def __init__(self, weights):
        self.weights = weights
        self.activations = []

    def run(self, x):
        self.activations = [x]
        for w in self.weights:
            x = np.tanh(x.dot(w))
            self.activations.append(x)
        return x

    def gradients(self, target):
        grads = [None] * len(self.weights)
        error = self.activations[-1] - target
        for i in range(len(self.weights) - 1, -1, -1):
            out = self.activations[i + 1]
            inp = self.activations[i]
            error = error * (1.0 - np.square(out))
            grads[i] = inp.T.dot(error) / target.shape[0]
            error = error.dot(self.weights[i].T)
        return grads

def loss(x, target, A, B, C):
    out = Net([A, B, C]).run(x)
    return 0.5 * np.sum((out - target) ** 2) / target.shape[0]

def example():
    r = np.random.default_rng(6)
    return dict(x=r.normal(size=(7, 3)), target=r.normal(size=(7, 2)), A=r.normal(size=(3, 5)), B=r.normal(size=(5, 4)), C=r.normal(size=(4, 2)))

def gradient(x, target, A, B, C):
    net = Net([A, B, C])
    net.run(x)
    gA, gB, gC = net.gradients(target)
    return {"A": gA, "B": gB, "C": gC}
""",
        [
            ("error = error * (1.0 - np.square(out))", "error = error * (1.0 - out)"),
            (
                "error = error * (1.0 - np.square(out))",
                "error = error * (1.0 - np.square(inp.mean()))",
            ),
            ("grads[i] = inp.T.dot(error) / target.shape[0]", "grads[i] = inp.T.dot(error)"),
            (
                "grads[i] = inp.T.dot(error) / target.shape[0]",
                "grads[i] = inp.T.dot(error) / target.size",
            ),
            (
                "error = error.dot(self.weights[i].T)",
                "error = error.dot(np.abs(self.weights[i]).T)",
            ),
            ("error = self.activations[-1] - target", "error = target - self.activations[-1]"),
            ("error = self.activations[-1] - target", "error = self.activations[-1]"),
            ('{"A": gA, "B": gB, "C": gC}', '{"A": gA, "B": gB * 2, "C": gC}'),
        ],
    ),
    Program(
        "matrix factorisation, huber, reused vars",
        """
import numpy as np

def loss(R, M, U, V, lam):
    E = M * (R - U @ V.T)
    return 0.5 * np.sum(E ** 2) + 0.5 * lam * (np.sum(U ** 2) + np.sum(V ** 2))

def example():
    r = np.random.default_rng(7)
    return dict(R=r.normal(size=(6, 5)), M=(r.random((6, 5)) > .3).astype(float), U=r.normal(size=(6, 3)), V=r.normal(size=(5, 3)), lam=0.7)

def gradient(R, M, U, V, lam):
    E = R - U @ V.T
    E = E * M
    gU = -E @ V
    gU = gU + lam * U
    gV = -E.T @ U
    gV = gV + lam * V
    return {"U": gU, "V": gV}
""",
        [
            ("E = E * M", "E = E * 1"),
            ("gU = -E @ V", "gU = E @ V"),
            ("gU = gU + lam * U", "gU = gU + lam * U * 2"),
            ("gV = gV + lam * V", "gV = gV - lam * V"),
            ("gV = -E.T @ U", "gV = -E.T @ gU"),
            ("E = R - U @ V.T", "E = R + U @ V.T"),
        ],
    ),
    Program(
        "max pooling and dropout mask",
        """
import numpy as np

def loss(X, mask, W, v, y):
    h = np.maximum(X @ W, 0) * mask / 0.8
    pooled = h.reshape(len(X), -1, 2).max(axis=2)
    s = pooled @ v
    return np.mean((s - y) ** 2)

def example():
    r = np.random.default_rng(8)
    return dict(X=r.normal(size=(6, 4)), mask=(r.random((6, 8)) < .8).astype(float), W=r.normal(size=(4, 8)), v=r.normal(size=4), y=r.normal(size=6))

def gradient(X, mask, W, v, y):
    n = X.shape[0]
    z = X @ W
    h = np.maximum(z, 0) * mask / 0.8
    groups = h.reshape(n, -1, 2)
    pooled = groups.max(axis=2)
    ds = 2 * (pooled @ v - y) / n
    dv = pooled.T @ ds
    dpooled = np.outer(ds, v)
    winner = groups.argmax(axis=2)
    dgroups = np.zeros_like(groups)
    for i in range(n):
        for j in range(groups.shape[1]):
            dgroups[i, j, winner[i, j]] = dpooled[i, j]
    dh = dgroups.reshape(n, -1)
    dz = dh * mask / 0.8
    dz[z <= 0] = 0
    dW = X.T @ dz
    return {"W": dW, "v": dv}
""",
        [
            ("dz = dh * mask / 0.8", "dz = dh * mask"),
            ("dz = dh * mask / 0.8", "dz = dh / 0.8"),
            ("dgroups[i, j, winner[i, j]] = dpooled[i, j]", "dgroups[i, j] = dpooled[i, j]"),
            ("dz[z <= 0] = 0", "dz[dz <= 0] = 0"),
            ("dpooled = np.outer(ds, v)", "dpooled = np.outer(ds, np.abs(v))"),
            ("dv = pooled.T @ ds", "dv = pooled.T @ ds / n"),
            ("ds = 2 * (pooled @ v - y) / n", "ds = (pooled @ v - y) / n"),
        ],
    ),
    Program(
        "dispatch dict of activations, nested function, while loop",
        """
import numpy as np

ACT = {"tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2), "relu": (lambda z: z * (z > 0), lambda z: (z > 0) * 1.0)}

def net(X, W1, W2, W3):
    f, _ = ACT["tanh"]
    g, _ = ACT["relu"]
    z1 = X @ W1
    a1 = f(z1)
    z2 = a1 @ W2
    a2 = g(z2)
    return z1, a1, z2, a2, a2 @ W3

def loss(X, Y, W1, W2, W3):
    *_, out = net(X, W1, W2, W3)
    diff = out - Y
    return (diff * diff).sum() / (2 * X.shape[0])

def example():
    r = np.random.default_rng(100)
    return dict(X=r.normal(size=(8, 3)), Y=r.normal(size=(8, 2)), W1=r.normal(size=(3, 5)), W2=r.normal(size=(5, 4)), W3=r.normal(size=(4, 2)))

def gradient(X, Y, W1, W2, W3):
    z1, a1, z2, a2, out = net(X, W1, W2, W3)
    df = ACT["tanh"][1]
    dg = ACT["relu"][1]

    def push(upstream, W, z, d):
        return (upstream @ W.T) * d(z)

    e3 = (out - Y) / X.shape[0]
    e2 = push(e3, W3, z2, dg)
    e1 = push(e2, W2, z1, df)
    inputs = [X, a1, a2]
    errors = [e1, e2, e3]
    k = 0
    result = {}
    while k < 3:
        result["W%d" % (k + 1)] = inputs[k].T @ errors[k]
        k += 1
    return result
""",
        [
            ("e3 = (out - Y) / X.shape[0]", "e3 = 2 * (out - Y) / X.shape[0]"),
            ("e3 = (out - Y) / X.shape[0]", "e3 = (Y - out) / X.shape[0]"),
            ("return (upstream @ W.T) * d(z)", "return (upstream @ W.T)"),
            ("e2 = push(e3, W3, z2, dg)", "e2 = push(e3, W3, z2, df)"),
            ("e1 = push(e2, W2, z1, df)", "e1 = push(e2, W2, a1, df)"),
            ("lambda z: 1 - np.tanh(z) ** 2", "lambda z: 1 - np.tanh(z)"),
            ("inputs = [X, a1, a2]", "inputs = [X, z1, a2]"),
            ("inputs[k].T @ errors[k]", "inputs[k].T @ errors[k] / 2"),
        ],
    ),
    Program(
        "assignment style compute_grad with theta vector",
        """
import numpy as np

class Model:
    def __init__(self, d, h):
        self.d, self.h = d, h

    def unpack(self, theta):
        k = self.d * self.h
        return theta[:k].reshape(self.d, self.h), theta[k:k + self.h], theta[k + self.h:]

    def forward(self, theta, X):
        W, b, v = self.unpack(theta)
        self.X = X
        self.pre = X @ W + b
        self.act = np.log1p(np.exp(self.pre))
        return self.act @ v

    def compute_grad(self, theta, X, y):
        W, b, v = self.unpack(theta)
        out = self.forward(theta, X)
        m = y.shape[0]
        g_out = (out - y) * 2.0 / m
        g_v = self.act.T @ g_out
        g_act = g_out[:, None] * v[None, :]
        g_pre = g_act / (1 + np.exp(-self.pre))
        g_W = self.X.T @ g_pre
        g_b = g_pre.sum(axis=0)
        return np.concatenate([g_W.ravel(), g_b, g_v])

def loss(theta, X, y):
    return np.mean((Model(4, 3).forward(theta, X) - y) ** 2)

def example():
    r = np.random.default_rng(101)
    return dict(theta=r.normal(size=18), X=r.normal(size=(7, 4)), y=r.normal(size=7))

def gradient(theta, X, y):
    return {"theta": Model(4, 3).compute_grad(theta, X, y)}
""",
        [
            ("g_pre = g_act / (1 + np.exp(-self.pre))", "g_pre = g_act / (1 + np.exp(-self.act))"),
            ("g_pre = g_act / (1 + np.exp(-self.pre))", "g_pre = g_act"),
            ("g_out = (out - y) * 2.0 / m", "g_out = (out - y) / m"),
            ("g_v = self.act.T @ g_out", "g_v = self.pre.T @ g_out"),
            ("g_act = g_out[:, None] * v[None, :]", "g_act = g_out[:, None] * b[None, :]"),
            ("g_W = self.X.T @ g_pre", "g_W = self.X.T @ g_act"),
            ("g_b = g_pre.sum(axis=0)", "g_b = g_pre.mean(axis=0)"),
            (
                "np.concatenate([g_W.ravel(), g_b, g_v])",
                'np.concatenate([g_W.ravel(order="F"), g_b, g_v])',
            ),
        ],
    ),
    Program(
        "lists of layers, zip, deltas dict, in place everywhere",
        """
import numpy as np

def loss(X, T, A, a, B, b, C, c):
    h = X
    for W, s in [(A, a), (B, b)]:
        h = 1 / (1 + np.exp(-(h @ W + s)))
    logits = h @ C + c
    logp = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return -(T * logp).sum() / len(X)

def example():
    r = np.random.default_rng(102)
    return dict(X=r.normal(size=(9, 4)), T=np.eye(3)[r.integers(0, 3, 9)], A=r.normal(size=(4, 6)), a=r.normal(size=6), B=r.normal(size=(6, 5)), b=r.normal(size=5), C=r.normal(size=(5, 3)), c=r.normal(size=3))

def gradient(X, T, A, a, B, b, C, c):
    acts = [X]
    for W, s in [(A, a), (B, b)]:
        z = acts[-1] @ W
        z += s
        np.negative(z, out=z)
        np.exp(z, out=z)
        z += 1
        np.reciprocal(z, out=z)
        acts.append(z)
    d = acts[-1] @ C + c
    d -= d.max(axis=1, keepdims=True)
    np.exp(d, out=d)
    d /= d.sum(axis=1, keepdims=True)
    d -= T
    d /= len(X)
    out = {}
    for (W, nW), (s, ns), x in zip([(C, "C"), (B, "B"), (A, "A")], [(c, "c"), (b, "b"), (a, "a")], acts[::-1]):
        out[nW] = x.T @ d
        out[ns] = d.sum(axis=0)
        d = d @ W.T
        d *= x
        d *= 1 - x
    return out
""",
        [
            ("d *= 1 - x", "d *= 1 + x"),
            ("        d *= x\n", "        d *= 1\n"),
            ("d -= T", "d += T"),
            ("d /= len(X)", "d /= T.size"),
            ("d /= d.sum(axis=1, keepdims=True)", "d /= d.sum(axis=0, keepdims=True)"),
            ("out[ns] = d.sum(axis=0)", "out[ns] = d.mean(axis=0)"),
            ("out[nW] = x.T @ d", "out[nW] = -x.T @ d"),
            ("d = d @ W.T", "d = d @ W.T * 3"),
            ("z += s", "z -= s"),
        ],
    ),
    Program(
        "dataclass layers, tuples returned, generator of grads",
        """
import numpy as np
from dataclasses import dataclass

@dataclass
class Dense:
    W: object
    b: object

    def __call__(self, x):
        self.x = x
        self.z = self.W @ x + self.b[:, None]
        self.y = np.maximum(0.1 * self.z, self.z)
        return self.y

    def back(self, gy):
        gz = gy * np.where(self.z > 0, 1, 0.1)
        gW = gz @ self.x.T
        gb = gz.sum(axis=1)
        gx = self.W.T @ gz
        return gx, (gW, gb)

def loss(X, Y, W1, b1, W2, b2):
    h = Dense(W1, b1)(X)
    o = Dense(W2, b2)(h)
    return np.abs(o - Y).sum() / X.shape[1]

def example():
    r = np.random.default_rng(103)
    return dict(X=r.normal(size=(3, 8)), Y=r.normal(size=(2, 8)), W1=r.normal(size=(5, 3)), b1=r.normal(size=5), W2=r.normal(size=(2, 5)), b2=r.normal(size=2))

def gradient(X, Y, W1, b1, W2, b2):
    first, second = Dense(W1, b1), Dense(W2, b2)
    o = second(first(X))
    g = np.sign(o - Y) / X.shape[1]
    g, (gW2, gb2) = second.back(g)
    g, (gW1, gb1) = first.back(g)
    return {"W1": gW1, "b1": gb1, "W2": gW2, "b2": gb2}
""",
        [
            ("g = np.sign(o - Y) / X.shape[1]", "g = np.sign(o - Y)"),
            ("g = np.sign(o - Y) / X.shape[1]", "g = (o - Y) / X.shape[1]"),
            ("gz = gy * np.where(self.z > 0, 1, 0.1)", "gz = gy * (self.z > 0)"),
            ("gz = gy * np.where(self.z > 0, 1, 0.1)", "gz = gy"),
            ("gW = gz @ self.x.T", "gW = gy @ self.x.T"),
            ("gb = gz.sum(axis=1)", "gb = gz.mean(axis=1)"),
            ("gx = self.W.T @ gz", "gx = self.W.T @ gy"),
            ("gx = self.W.T @ gz", "gx = np.abs(self.W.T) @ gz"),
        ],
    ),
]
