"""Gradients as students write them, each with mistakes whose line is known.

A program is a file; a mistake replaces one text of it (the last occurrence) by another, and the
line that holds the text is the wrong one.
"""

from __future__ import annotations

from typing import NamedTuple


class Program(NamedTuple):
    """A right file and the mistakes that are made in it."""

    name: str
    source: str
    mistakes: list[tuple[str, str]]


SOFTMAX_LOSS = """
import numpy as np

def loss(X, y, W1, b1, W2, b2):
    z1 = X @ W1 + b1
    h = ACTIVATION
    z2 = h @ W2 + b2
    e = np.exp(z2 - z2.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return -np.log(p[np.arange(len(y)), y]).mean()

def example():
    r = np.random.default_rng(3)
    return {"X": r.normal(size=(6, 4)), "y": np.array([0, 2, 1, 1, 0, 2]),
            "W1": r.normal(size=(4, 5)), "b1": r.normal(size=5),
            "W2": r.normal(size=(5, 3)), "b2": r.normal(size=3)}
"""

PROGRAMS = [
    Program(
        "early scaling, tanh",
        SOFTMAX_LOSS.replace("ACTIVATION", "np.tanh(z1)")
        + """
def gradient(X, y, W1, b1, W2, b2):
    n = X.shape[0]
    z1 = X @ W1 + b1
    h = np.tanh(z1)
    z2 = h @ W2 + b2
    e = np.exp(z2 - z2.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    dz2 = p.copy()
    dz2[np.arange(n), y] -= 1
    dz2 /= n
    dW2 = h.T @ dz2
    db2 = dz2.sum(axis=0)
    dh = dz2 @ W2.T
    dz1 = dh * (1 - h ** 2)
    dW1 = X.T @ dz1
    db1 = dz1.sum(axis=0)
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}
""",
        [
            ("dh * (1 - h ** 2)", "dh * (1 - h)"),
            ("dh * (1 - h ** 2)", "dh"),
            ("dh * (1 - h ** 2)", "dh * (1 - z1 ** 2)"),
            ("dz2[np.arange(n), y] -= 1", "dz2[np.arange(n), y] += 1"),
            ("dz2 /= n", "dz2 /= n ** 2"),
            ("dW2 = h.T @ dz2", "dW2 = z1.T @ dz2"),
            ("db1 = dz1.sum(axis=0)", "db1 = dz1.mean(axis=0)"),
            ("X.T @ dz1", "X.T @ dh"),
            ('"b2": db2', '"b2": db2 / n'),
        ],
    ),
    Program(
        "late scaling, ReLU in place",
        SOFTMAX_LOSS.replace("ACTIVATION", "np.maximum(z1, 0)")
        + """
def gradient(X, y, W1, b1, W2, b2):
    hidden = np.maximum(0, X.dot(W1) + b1)
    scores = hidden.dot(W2) + b2
    probs = np.exp(scores)
    probs /= np.sum(probs, axis=1, keepdims=True)
    dscores = probs
    dscores[range(len(y)), y] -= 1
    grads = {}
    grads["W2"] = hidden.T.dot(dscores) / len(y)
    grads["b2"] = np.sum(dscores, axis=0) / len(y)
    dhidden = dscores.dot(W2.T)
    dhidden[hidden <= 0] = 0
    grads["W1"] = X.T.dot(dhidden) / len(y)
    grads["b1"] = np.sum(dhidden, axis=0) / len(y)
    return grads
""",
        [
            ("hidden.T.dot(dscores) / len(y)", "hidden.T.dot(dscores)"),
            ("X.T.dot(dhidden) / len(y)", "X.T.dot(dhidden)"),
            ("np.sum(dhidden, axis=0) / len(y)", "np.sum(dhidden, axis=0)"),
            ("dhidden[hidden <= 0] = 0", "dhidden[hidden > 0] = 0"),
            ("dhidden[hidden <= 0] = 0", "dhidden[dhidden <= 0] = 0"),
            ("np.sum(probs, axis=1, keepdims=True)", "np.sum(probs, axis=0, keepdims=True)"),
            ("dscores[range(len(y)), y] -= 1", "dscores[range(len(y)), y] -= 0.5"),
            ("dhidden = dscores.dot(W2.T)", "dhidden = scores.dot(W2.T)"),
        ],
    ),
    Program(
        "one sample at a time",
        SOFTMAX_LOSS.replace("ACTIVATION", "1 / (1 + np.exp(-z1))")
        + """
def sigmoid(t):
    return 1 / (1 + np.exp(-t))

def gradient(X, y, W1, b1, W2, b2):
    n = len(y)
    dW1 = np.zeros_like(W1)
    db1 = np.zeros_like(b1)
    dW2 = np.zeros_like(W2)
    db2 = np.zeros_like(b2)
    for i in range(n):
        x = X[i]
        a = sigmoid(x @ W1 + b1)
        s = a @ W2 + b2
        q = np.exp(s - s.max())
        q = q / q.sum()
        d2 = q.copy()
        d2[y[i]] -= 1
        d1 = (W2 @ d2) * a * (1 - a)
        dW2 += np.outer(a, d2)
        db2 += d2
        dW1 += np.outer(x, d1)
        db1 += d1
    return {"W1": dW1 / n, "b1": db1 / n, "W2": dW2 / n, "b2": db2 / n}
""",
        [
            ("d1 = (W2 @ d2) * a * (1 - a)", "d1 = (W2 @ d2) * a"),
            ("d1 = (W2 @ d2) * a * (1 - a)", "d1 = W2 @ d2"),
            ("d2[y[i]] -= 1", "d2[y[i]] -= 2"),
            ("dW2 += np.outer(a, d2)", "dW2 = np.outer(a, d2)"),
            ("dW2 += np.outer(a, d2)", "dW2 += np.outer(a, q)"),
            ("db2 += d2", "db2 += d2 / n"),
            ("db1 += d1", "db1 = d1"),
            ('"b1": db1 / n', '"b1": db1'),
            ("a = sigmoid(x @ W1 + b1)", "a = sigmoid(x @ W1)"),
        ],
    ),
    Program(
        "class with a cache",
        SOFTMAX_LOSS.replace("ACTIVATION", "np.tanh(z1)")
        + """
class Network:
    def __init__(self, W1, b1, W2, b2):
        self.W1, self.b1, self.W2, self.b2 = W1, b1, W2, b2
        self.cache = {}
        self.grads = {}

    def forward(self, X):
        Z1 = X @ self.W1 + self.b1
        A1 = np.tanh(Z1)
        Z2 = A1 @ self.W2 + self.b2
        E = np.exp(Z2)
        self.cache["X"] = X
        self.cache["A1"] = A1
        self.cache["P"] = E / E.sum(axis=1, keepdims=True)
        return self.cache["P"]

    def backward(self, y):
        m = len(y)
        Y = np.eye(3)[y]
        dZ2 = (self.cache["P"] - Y) / m
        self.grads["W2"] = self.cache["A1"].T @ dZ2
        self.grads["b2"] = dZ2.sum(0)
        dA1 = dZ2 @ self.W2.T
        dZ1 = dA1 * (1 - self.cache["A1"] ** 2)
        self.grads["W1"] = self.cache["X"].T @ dZ1
        self.grads["b1"] = dZ1.sum(0)
        return self.grads

def gradient(X, y, W1, b1, W2, b2):
    net = Network(W1, b1, W2, b2)
    net.forward(X)
    return net.backward(y)
""",
        [
            ('(self.cache["P"] - Y) / m', '(Y - self.cache["P"]) / m'),
            ('(self.cache["P"] - Y) / m', '(self.cache["P"] - Y)'),
            ('(1 - self.cache["A1"] ** 2)', '(1 - self.cache["A1"]) ** 2'),
            ('self.cache["X"].T @ dZ1', 'self.cache["X"].T @ dA1'),
            ("= dZ1.sum(0)", "= dA1.sum(0)"),
            ("= dZ2.sum(0)", "= dZ2.sum()* np.ones(3)"),
            ("A1 = np.tanh(Z1)", "A1 = Z1"),
            ('self.cache["A1"] = A1', 'self.cache["A1"] = Z1'),
        ],
    ),
    Program(
        "layers in a loop",
        """
import numpy as np

def forward(X, W1, b1, W2, b2, W3, b3):
    weights = [W1, W2, W3]
    biases = [b1, b2, b3]
    activations = [X]
    sums = []
    for l in range(3):
        z = activations[-1] @ weights[l] + biases[l]
        sums.append(z)
        activations.append(np.maximum(z, 0) if l < 2 else z)
    return sums, activations

def loss(X, y, W1, b1, W2, b2, W3, b3):
    sums, activations = forward(X, W1, b1, W2, b2, W3, b3)
    return 0.5 * np.sum((activations[-1] - y) ** 2) / len(X)

def example():
    r = np.random.default_rng(5)
    shapes = {"X": (7, 4), "y": (7, 2), "W1": (4, 6), "b1": (6,), "W2": (6, 5), "b2": (5,),
              "W3": (5, 2), "b3": (2,)}
    return {k: r.normal(size=s) for k, s in shapes.items()}

def gradient(X, y, W1, b1, W2, b2, W3, b3):
    weights = [W1, W2, W3]
    sums, activations = forward(X, W1, b1, W2, b2, W3, b3)
    grads = {}
    delta = (activations[-1] - y) / X.shape[0]
    for l in reversed(range(3)):
        if l < 2:
            delta = delta * (sums[l] > 0)
        grads["W" + str(l + 1)] = activations[l].T @ delta
        grads["b" + str(l + 1)] = delta.sum(axis=0)
        delta = delta @ weights[l].T
    return grads
""",
        [
            ("delta = delta * (sums[l] > 0)", "delta = delta * sums[l]"),
            ("delta = delta * (sums[l] > 0)", "delta = delta * 1.0"),
            ("delta = delta * (sums[l] > 0)", "delta = delta * (delta > 0)"),
            ("activations[l].T @ delta", "sums[l - 1].T @ delta if l else X.T @ delta"),
            ("delta.sum(axis=0)", "delta.mean(axis=0)"),
            ("delta.sum(axis=0)", "delta[0]"),
            ("(activations[-1] - y) / X.shape[0]", "2 * (activations[-1] - y) / X.shape[0]"),
            ("(activations[-1] - y) / X.shape[0]", "(y - activations[-1]) / X.shape[0]"),
            ("delta = delta @ weights[l].T", "delta = 0.5 * delta @ weights[l].T"),
        ],
    ),
    Program(
        "helper functions",
        """
import numpy as np

def affine_forward(x, w, b):
    return x @ w + b, (x, w)

def affine_backward(dout, cache):
    x, w = cache
    dx = dout @ w.T
    dw = x.T @ dout
    db = dout.sum(axis=0)
    return dx, dw, db

def relu_forward(x):
    return np.maximum(x, 0), x

def relu_backward(dout, cache):
    return dout * (cache > 0)

def loss(X, t, W1, b1, W2, b2, reg):
    a, _ = affine_forward(X, W1, b1)
    h, _ = relu_forward(a)
    out, _ = affine_forward(h, W2, b2)
    data = np.mean((out - t) ** 2)
    return data + 0.5 * reg * (np.sum(W1 ** 2) + np.sum(W2 ** 2))

def example():
    r = np.random.default_rng(7)
    return {"X": r.normal(size=(6, 3)), "t": r.normal(size=(6, 2)), "W1": r.normal(size=(3, 5)),
            "b1": r.normal(size=5), "W2": r.normal(size=(5, 2)), "b2": r.normal(size=2),
            "reg": 0.3}

def gradient(X, t, W1, b1, W2, b2, reg):
    a, cache_a = affine_forward(X, W1, b1)
    h, cache_h = relu_forward(a)
    out, cache_out = affine_forward(h, W2, b2)
    dout = 2 * (out - t) / out.size
    dh, dW2, db2 = affine_backward(dout, cache_out)
    da = relu_backward(dh, cache_h)
    dx, dW1, db1 = affine_backward(da, cache_a)
    dW1 += reg * W1
    dW2 += reg * W2
    return dict(W1=dW1, b1=db1, W2=dW2, b2=db2)
""",
        [
            ("return dout * (cache > 0)", "return dout"),
            ("return dout * (cache > 0)", "return cache > 0"),
            ("return dout * (cache > 0)", "return dout * cache"),
            ("dout = 2 * (out - t) / out.size", "dout = (out - t) / out.size"),
            ("dout = 2 * (out - t) / out.size", "dout = 2 * (out - t) / len(out)"),
            ("dW1 += reg * W1", "dW1 += 2 * reg * W1"),
            ("dW1 += reg * W1", "dW1 -= reg * W1"),
            ("dW2 += reg * W2", "dW2 += reg * W2 / len(X)"),
            ("db = dout.sum(axis=0)", "db = dout.mean(axis=0)"),
            ("dx = dout @ w.T", "dx = dout @ w.T / 2"),
            ("b1=db1", "b1=db1 + reg * b1"),
        ],
    ),
    Program(
        "features by samples",
        """
import numpy as np

def loss(X, Y, W1, b1, W2, b2):
    Z1 = np.dot(W1, X) + b1
    A1 = np.tanh(Z1)
    Z2 = np.dot(W2, A1) + b2
    A2 = 1 / (1 + np.exp(-Z2))
    m = Y.shape[1]
    return -np.sum(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)) / m

def example():
    r = np.random.default_rng(11)
    return {"X": r.normal(size=(3, 8)), "Y": (r.random((1, 8)) > 0.5).astype(float),
            "W1": r.normal(size=(4, 3)), "b1": r.normal(size=(4, 1)),
            "W2": r.normal(size=(1, 4)), "b2": r.normal(size=(1, 1))}

def gradient(X, Y, W1, b1, W2, b2):
    m = X.shape[1]
    A1 = np.tanh(np.dot(W1, X) + b1)
    A2 = 1 / (1 + np.exp(-(np.dot(W2, A1) + b2)))
    dZ2 = A2 - Y
    dW2 = np.dot(dZ2, A1.T) / m
    db2 = np.sum(dZ2, axis=1, keepdims=True) / m
    dZ1 = np.dot(W2.T, dZ2) * (1 - np.power(A1, 2))
    dW1 = np.dot(dZ1, X.T) / m
    db1 = np.sum(dZ1, axis=1, keepdims=True) / m
    grads = {"W1": dW1, "b1": db1,
             "W2": dW2, "b2": db2}
    return grads
""",
        [
            ("dZ2 = A2 - Y", "dZ2 = (A2 - Y) * A2 * (1 - A2)"),
            ("dZ2 = A2 - Y", "dZ2 = Y - A2"),
            ("(1 - np.power(A1, 2))", "(1 - np.power(A1, 3))"),
            ("np.dot(dZ1, X.T) / m", "np.dot(dZ1, X.T)"),
            ("dW2 = np.dot(dZ2, A1.T) / m", "dW2 = np.dot(dZ2, A1.T) / m / m"),
            ("db1 = np.sum(dZ1, axis=1, keepdims=True) / m", "db1 = np.sum(dZ1) / m"),
            ('"b1": db1', '"b1": -db1'),
        ],
    ),
    Program(
        "samples in rows, transposed inside",
        """
import numpy as np

def loss(X, Y, W1, W2):
    H = np.tanh(X @ W1)
    R = H @ W2 - Y
    return np.sum(R * R) / (2 * len(X))

def example():
    r = np.random.default_rng(13)
    return {"X": r.normal(size=(7, 3)), "Y": r.normal(size=(7, 2)),
            "W1": r.normal(size=(3, 4)), "W2": r.normal(size=(4, 2))}

def gradient(X, Y, W1, W2):
    Ht = np.tanh(W1.T @ X.T)
    Rt = W2.T @ Ht - Y.T
    G2 = Ht @ Rt.T / X.shape[0]
    back = W2 @ Rt
    back = back * (1 - Ht * Ht)
    G1 = back @ X / X.shape[0]
    return {"W1": G1.T, "W2": G2}
""",
        [
            ("back = back * (1 - Ht * Ht)", "back = back * (1 + Ht * Ht)"),
            ("back = back * (1 - Ht * Ht)", "back = back * 1"),
            ("G2 = Ht @ Rt.T / X.shape[0]", "G2 = Ht @ Rt.T"),
            ("back = W2 @ Rt", "back = W2 @ Y.T"),
            ("Rt = W2.T @ Ht - Y.T", "Rt = W2.T @ Ht + Y.T"),
        ],
    ),
    Program(
        "linear regression with einsum",
        """
import numpy as np

def loss(X, y, w, b, lam):
    r = X @ w + b - y
    return np.mean(r ** 2) + lam * np.sum(w ** 2)

def example():
    r = np.random.default_rng(17)
    return {"X": r.normal(size=(9, 4)), "y": r.normal(size=9), "w": r.normal(size=4), "b": 0.3,
            "lam": 0.2}

def gradient(X, y, w, b, lam):
    n = len(y)
    residual = np.einsum("ij,j->i", X, w) + b - y
    data_term = 2 / n * np.einsum("ij,i->j", X, residual)
    penalty = 2 * lam * w
    grad_w = data_term + penalty
    grad_b = 2 * residual.mean()
    return {"w": grad_w, "b": grad_b}
""",
        [
            ("2 / n * np.einsum", "1 / n * np.einsum"),
            ("penalty = 2 * lam * w", "penalty = lam * w"),
            ("grad_w = data_term + penalty", "grad_w = data_term - penalty"),
            ("grad_w = data_term + penalty", "grad_w = data_term"),
            ("grad_b = 2 * residual.mean()", "grad_b = residual.mean()"),
            ("+ b - y", "- y"),
        ],
    ),
    Program(
        "three layers, attributes and reuse of one name",
        """
import numpy as np

def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))

def dsigmoid(s):
    return s * (1.0 - s)

def loss(X, y, W1, W2, W3):
    a1 = sigmoid(X @ W1)
    a2 = sigmoid(a1 @ W2)
    out = sigmoid(a2 @ W3)
    return 0.5 * np.sum((out - y) ** 2)

def example():
    r = np.random.default_rng(19)
    return {"X": r.normal(size=(6, 3)), "y": r.random((6, 2)), "W1": r.normal(size=(3, 4)),
            "W2": r.normal(size=(4, 4)), "W3": r.normal(size=(4, 2))}

def gradient(X, y, W1, W2, W3):
    a1 = sigmoid(X @ W1)
    a2 = sigmoid(a1 @ W2)
    out = sigmoid(a2 @ W3)
    d = out - y
    d = d * dsigmoid(out)
    gW3 = a2.T @ d
    d = d @ W3.T
    d *= dsigmoid(a2)
    gW2 = a1.T @ d
    d = d @ W2.T
    d *= dsigmoid(a1)
    gW1 = X.T @ d
    return {"W1": gW1, "W2": gW2, "W3": gW3}
""",
        [
            ("d = d * dsigmoid(out)", "d = d * 1.0"),
            ("d = d @ W2.T", "d = d @ W2"),
            ("d *= dsigmoid(a2)", "d *= dsigmoid(sigmoid(a2))"),
            ("d *= dsigmoid(a1)", "d *= dsigmoid(a2)"),
            ("d *= dsigmoid(a1)", "d *= a1"),
            ("return s * (1.0 - s)", "return s * (1.0 + s)"),
            ("gW2 = a1.T @ d", "gW2 = a2.T @ d"),
            ('"W2": gW2', '"W2": gW2.T'),
            ("d = out - y", "d = y - out"),
        ],
    ),
    Program(
        "batch normalisation",
        """
import numpy as np

def loss(x, gamma, beta, target):
    mu = x.mean(axis=0)
    var = ((x - mu) ** 2).mean(axis=0)
    xhat = (x - mu) / np.sqrt(var + 1e-5)
    out = gamma * xhat + beta
    return np.sum(out * target)

def example():
    r = np.random.default_rng(23)
    return {"x": r.normal(size=(8, 3)), "gamma": r.normal(size=3), "beta": r.normal(size=3),
            "target": r.normal(size=(8, 3))}

def gradient(x, gamma, beta, target):
    N = x.shape[0]
    mu = x.mean(axis=0)
    var = x.var(axis=0)
    ivar = 1 / np.sqrt(var + 1e-5)
    xhat = (x - mu) * ivar
    dout = target
    dgamma = np.sum(dout * xhat, axis=0)
    dbeta = np.sum(dout, axis=0)
    dxhat = dout * gamma
    dx = ivar / N * (N * dxhat - dxhat.sum(axis=0) - xhat * np.sum(dxhat * xhat, axis=0))
    return {"x": dx, "gamma": dgamma, "beta": dbeta}
""",
        [
            ("- dxhat.sum(axis=0) - xhat", "- xhat"),
            ("dgamma = np.sum(dout * xhat, axis=0)", "dgamma = np.sum(dout * x, axis=0)"),
            ("dbeta = np.sum(dout, axis=0)", "dbeta = np.mean(dout, axis=0)"),
            ("dxhat = dout * gamma", "dxhat = dout"),
            ("var = x.var(axis=0)", "var = x.var(axis=0, ddof=1)"),
            ("ivar = 1 / np.sqrt(var + 1e-5)", "ivar = 1 / np.sqrt(var + 1e-2)"),
        ],
    ),
    Program(
        "recurrent network",
        """
import numpy as np

def loss(x, h0, Wx, Wh, b, target):
    h = h0
    total = 0.0
    for t in range(4):
        h = np.tanh(x[:, t] @ Wx + h @ Wh + b)
        total = total + np.sum((h - target) ** 2)
    return total

def example():
    r = np.random.default_rng(29)
    return {"x": r.normal(size=(2, 4, 3)), "h0": r.normal(size=(2, 5)),
            "Wx": 0.5 * r.normal(size=(3, 5)), "Wh": 0.5 * r.normal(size=(5, 5)),
            "b": r.normal(size=5), "target": r.normal(size=(2, 5))}

def gradient(x, h0, Wx, Wh, b, target):
    hs = [h0]
    for t in range(4):
        hs.append(np.tanh(x[:, t] @ Wx + hs[-1] @ Wh + b))
    dWx = np.zeros_like(Wx)
    dWh = np.zeros_like(Wh)
    db = np.zeros_like(b)
    dh_next = np.zeros_like(h0)
    for t in reversed(range(4)):
        dh = 2 * (hs[t + 1] - target) + dh_next
        dz = dh * (1 - hs[t + 1] ** 2)
        dWx += x[:, t].T @ dz
        dWh += hs[t].T @ dz
        db += dz.sum(axis=0)
        dh_next = dz @ Wh.T
    return {"Wx": dWx, "Wh": dWh, "b": db, "h0": dh_next}
""",
        [
            ("dz = dh * (1 - hs[t + 1] ** 2)", "dz = dh * (1 - hs[t + 1])"),
            ("dz = dh * (1 - hs[t + 1] ** 2)", "dz = dh"),
            ("dh = 2 * (hs[t + 1] - target) + dh_next", "dh = 2 * (hs[t + 1] - target)"),
            ("dWh += hs[t].T @ dz", "dWh += hs[t + 1].T @ dz"),
            ("dWx += x[:, t].T @ dz", "dWx = x[:, t].T @ dz"),
            ("db += dz.sum(axis=0)", "db += dz.mean(axis=0)"),
            ("dh_next = dz @ Wh.T", "dh_next = dz @ Wh"),
        ],
    ),
    Program(
        "numbers by hand",
        """
import numpy as np

def loss(x, t, w1, b1, w2, b2):
    z = w1 * x + b1
    a = np.maximum(z, 0.0)
    p = w2 * a + b2
    return 0.5 * (p - t) ** 2

def example():
    return {"x": 2.0, "t": 1.3, "w1": 0.7, "b1": 0.45, "w2": -1.9, "b2": 0.17}

def gradient(x, t, w1, b1, w2, b2):
    z = w1 * x + b1
    a = z if z > 0 else 0.0
    p = w2 * a + b2
    dp = p - t
    dw2 = dp * a
    db2 = dp
    da = dp * w2
    dz = da if z > 0 else 0.0
    dw1 = dz * x
    db1 = dz
    return {"w1": dw1, "b1": db1, "w2": dw2, "b2": db2}
""",
        [
            ("da = dp * w2", "da = dp * w1"),
            ("dw2 = dp * a", "dw2 = dp * z * 3"),
            ("dp = p - t", "dp = t - p"),
            ("dw1 = dz * x", "dw1 = dz"),
        ],
    ),
    Program(
        "every number in loops",
        """
import numpy as np

def loss(X, y, W):
    s = X @ W
    return np.sum((s - y) ** 2)

def example():
    r = np.random.default_rng(31)
    return {"X": r.normal(size=(5, 3)), "y": r.normal(size=(5, 2)), "W": r.normal(size=(3, 2))}

def gradient(X, y, W):
    n, d = X.shape
    k = W.shape[1]
    dW = np.zeros((d, k))
    for i in range(n):
        for c in range(k):
            score = 0.0
            for j in range(d):
                score += X[i, j] * W[j, c]
            error = score - y[i, c]
            for j in range(d):
                dW[j, c] += 2 * error * X[i, j]
    return {"W": dW}
""",
        [
            ("dW[j, c] += 2 * error * X[i, j]", "dW[j, c] += error * X[i, j]"),
            ("dW[j, c] += 2 * error * X[i, j]", "dW[j, c] = 2 * error * X[i, j]"),
        ],
    ),
    Program(
        "embedding with np.add.at",
        """
import numpy as np

def loss(tokens, E, W, target):
    x = E[tokens].mean(axis=1)
    out = x @ W
    return np.sum((out - target) ** 2) / len(tokens)

def example():
    r = np.random.default_rng(37)
    return {"tokens": np.array([[0, 2, 2], [1, 0, 3], [4, 4, 4], [2, 1, 0]]),
            "E": r.normal(size=(6, 5)), "W": r.normal(size=(5, 2)), "target": r.normal(size=(4, 2))}

def gradient(tokens, E, W, target):
    batch, length = tokens.shape
    x = E[tokens].mean(axis=1)
    dout = 2 * (x @ W - target) / batch
    dW = x.T @ dout
    dx = dout @ W.T
    dE = np.zeros_like(E)
    spread = np.repeat(dx[:, None, :] / length, length, axis=1)
    np.add.at(dE, tokens, spread)
    return {"E": dE, "W": dW}
""",
        [
            ("np.add.at(dE, tokens, spread)", "dE[tokens] += spread"),
            ("dx = dout @ W.T", "dx = dout @ W.T * 2"),
            ("dW = x.T @ dout", "dW = x.T @ (x @ W - target)"),
            ("dx[:, None, :] / length", "dx[:, None, :]"),
        ],
    ),
    Program(
        "comprehensions and tuples",
        """
import numpy as np

def loss(X, Y, params):
    A = X
    for W, b in params:
        A = np.tanh(A @ W + b)
    return np.mean((A - Y) ** 2)

def example():
    r = np.random.default_rng(41)
    return {"X": r.normal(size=(6, 3)), "Y": r.normal(size=(6, 2)), "W1": r.normal(size=(3, 4)),
            "b1": r.normal(size=4), "W2": r.normal(size=(4, 2)), "b2": r.normal(size=2)}

_loss = loss

def loss(X, Y, W1, b1, W2, b2):
    return _loss(X, Y, [(W1, b1), (W2, b2)])

def gradient(X, Y, W1, b1, W2, b2):
    params = [(W1, b1), (W2, b2)]
    outputs = [X]
    for W, b in params:
        outputs.append(np.tanh(outputs[-1] @ W + b))
    deltas = []
    d = 2 * (outputs[-1] - Y) / Y.size
    for (W, b), out in zip(params[::-1], outputs[:0:-1]):
        d = d * (1 - out * out)
        deltas.insert(0, d)
        d = d @ W.T
    weight_gradients = [a.T @ e for a, e in zip(outputs, deltas)]
    bias_gradients = [e.sum(0) for e in deltas]
    return {
        "W1": weight_gradients[0],
        "b1": bias_gradients[0],
        "W2": weight_gradients[1],
        "b2": bias_gradients[1],
    }
""",
        [
            ("d = d * (1 - out * out)", "d = d * (1 - out)"),
            (
                "[a.T @ e for a, e in zip(outputs, deltas)]",
                "[2 * a.T @ e for a, e in zip(outputs, deltas)]",
            ),
            ("[e.sum(0) for e in deltas]", "[e.mean(0) for e in deltas]"),
            ('"b1": bias_gradients[0],', '"b1": bias_gradients[0] * 3,'),
            ("2 * (outputs[-1] - Y) / Y.size", "2 * (outputs[-1] - Y) / len(Y)"),
        ],
    ),
    Program(
        "layer objects",
        """
import numpy as np

class Linear:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, grad):
        self.dW = self.x.T @ grad
        self.db = grad.sum(axis=0)
        return grad @ self.W.T

class Sigmoid:
    def forward(self, x):
        self.out = 1 / (1 + np.exp(-x))
        return self.out

    def backward(self, grad):
        return grad * self.out * (1 - self.out)

def build(W1, b1, W2, b2):
    return [Linear(W1, b1), Sigmoid(), Linear(W2, b2), Sigmoid()]

def loss(X, Y, W1, b1, W2, b2):
    for layer in build(W1, b1, W2, b2):
        X = layer.forward(X)
    return np.sum((X - Y) ** 2) / 2

def example():
    r = np.random.default_rng(43)
    return {"X": r.normal(size=(5, 3)), "Y": r.random((5, 2)), "W1": r.normal(size=(3, 4)),
            "b1": r.normal(size=4), "W2": r.normal(size=(4, 2)), "b2": r.normal(size=2)}

def gradient(X, Y, W1, b1, W2, b2):
    layers = build(W1, b1, W2, b2)
    out = X
    for layer in layers:
        out = layer.forward(out)
    grad = out - Y
    for layer in reversed(layers):
        grad = layer.backward(grad)
    return {"W1": layers[0].dW, "b1": layers[0].db, "W2": layers[2].dW, "b2": layers[2].db}
""",
        [
            ("self.dW = self.x.T @ grad", "self.dW = self.x.T @ grad / len(grad)"),
            ("self.db = grad.sum(axis=0)", "self.db = grad.mean(axis=0)"),
            ("return grad * self.out * (1 - self.out)", "return grad * (1 - self.out)"),
            ("return grad * self.out * (1 - self.out)", "return self.out * (1 - self.out)"),
            ("return grad @ self.W.T", "return grad @ np.abs(self.W.T)"),
            ("grad = out - Y", "grad = 2 * (out - Y)"),
        ],
    ),
    Program(
        "derivatives kept in variables, multi-line",
        SOFTMAX_LOSS.replace("ACTIVATION", "1 / (1 + np.exp(-z1))")
        + """
def gradient(X, y, W1, b1, W2, b2):
    n = len(X)
    a = 1 / (1 + np.exp(-(X @ W1 + b1)))
    logits = a @ W2 + b2
    P = np.exp(logits - logits.max(1, keepdims=True))
    P = P / P.sum(1, keepdims=True)
    onehot = np.zeros_like(P)
    onehot[np.arange(n), y] = 1
    dL_dz2 = (P - onehot) / n
    dz2_da = W2.T
    da_dz1 = a * (1 - a)
    dL_da = dL_dz2 @ dz2_da
    dL_dz1 = (
        dL_da
        * da_dz1
    )
    return dict(
        W1=X.T @ dL_dz1,
        b1=dL_dz1.sum(axis=0),
        W2=a.T @ dL_dz2,
        b2=dL_dz2.sum(axis=0),
    )
""",
        [
            ("da_dz1 = a * (1 - a)", "da_dz1 = 1 - a"),
            ("da_dz1 = a * (1 - a)", "da_dz1 = a * (1 + a)"),
            ("onehot[np.arange(n), y] = 1", "onehot[np.arange(n), 2 - y] = 1"),
            ("dL_dz2 = (P - onehot) / n", "dL_dz2 = (P - onehot) / n / 2"),
            ("W1=X.T @ dL_dz1,", "W1=X.T @ dL_dz1 / n,"),
            ("b2=dL_dz2.sum(axis=0),", "b2=dL_dz2.mean(axis=0),"),
        ],
    ),
]


def cases(programs: list[Program] = PROGRAMS) -> list[tuple[str, str, int]]:
    """Every mistake: its name, the file, and the wrong line."""
    found = []
    for program in programs:
        for number, (right, wrong) in enumerate(program.mistakes):
            place = program.source.rindex(right)
            source = program.source[:place] + wrong + program.source[place + len(right) :]
            line = program.source.count("\n", 0, place) + 1
            found.append((f"{program.name} {number}: {wrong}", source, line))
    return found
