"""Gradients in steps that their loss computes otherwise, or not at all, by what they are."""

from __future__ import annotations

FILES: dict[str, str] = {}

FILES["tanh taken apart"] = """
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

FILES["tanh taken apart for each sample"] = """
def loss(X, y, W, b):
    h = np.tanh(X @ W + b)
    return np.mean((h.sum(axis=1) - y) ** 2)

def gradient(X, y, W, b):
    dW, db = np.zeros_like(W), np.zeros_like(b)
    for i in range(len(y)):
        z = X[i] @ W + b
        a = np.tanh(z)
        p, m = np.exp(z), np.exp(-z)
        top, bottom = p - m, p + m
        dh = 2 * (a.sum() - y[i]) / len(y) * np.ones_like(a)
        dtop = dh / bottom
        dbottom = -dh * top / bottom ** 2
        dz = (dtop + dbottom) * p - (dbottom - dtop) * m
        dW += np.outer(X[i], dz)
        db += dz
    return {"W": dW, "b": db}

def example():
    rng = np.random.default_rng(1)
    return {"X": rng.normal(size=(6, 4)), "y": rng.normal(size=6), "W": rng.normal(size=(4, 3)),
            "b": rng.normal(size=3)}
"""

FILES["σ by tanh in the loss, by exp in the gradient"] = """
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

FILES["swish, its loss by tanh"] = """
def loss(X, y, W, v):
    z = X @ W
    return np.mean((z * (0.5 + 0.5 * np.tanh(z / 2)) @ v - y) ** 2)

def gradient(X, y, W, v):
    z = X @ W
    p = 1 / (1 + np.exp(-z))
    h = z * p
    r = 2 * (h @ v - y) / len(y)
    d = np.outer(r, v)
    dz = d * p + d * z * p * (1 - p)
    return {"W": X.T @ dz, "v": h.T @ r}

def example():
    rng = np.random.default_rng(1)
    return {"X": rng.normal(size=(6, 4)), "y": rng.normal(size=6), "W": rng.normal(size=(4, 3)),
            "v": rng.normal(size=3)}
"""

FILES["samples in the order of their labels"] = """
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

FILES["samples that count"] = """
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

FILES["residuals that count above zero only"] = """
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

FILES["censored residuals, all at once"] = """
def loss(X, y, w, keep):
    r = X @ w - y
    return np.sum(keep * r ** 2 + (1 - keep) * np.maximum(r, 0) ** 2) / len(y)

def gradient(X, y, w, keep):
    r = X @ w - y
    d = keep * r + (1 - keep) * np.maximum(r, 0)
    return {"w": 2 * X.T @ d / len(y)}

def example():
    rng = np.random.default_rng(3)
    return {"X": rng.normal(size=(9, 4)), "y": rng.normal(size=9), "w": rng.normal(size=4),
            "keep": np.array([1, 0, 0, 1, 0, 1, 0, 0, 1.0])}
"""

FILES["Huber loss by cases"] = """
def loss(X, y, w):
    r = X @ w - y
    return np.where(np.abs(r) < 1, 0.5 * r ** 2, np.abs(r) - 0.5).sum()

def gradient(X, y, w):
    g = np.zeros_like(w)
    for i in range(len(y)):
        r = X[i] @ w - y[i]
        if np.abs(r) < 1:
            g += r * X[i]
        elif r > 0:
            g += X[i]
        else:
            g -= X[i]
    return {"w": g}

def example():
    rng = np.random.default_rng(3)
    return {"X": rng.normal(size=(9, 4)), "y": rng.normal(size=9), "w": rng.normal(size=4)}
"""

FILES["margins of classes"] = """
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

FILES["leaky ReLU, assigned where it is negative"] = """
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

FILES["leaky ReLU by where"] = """
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
    dz = dout @ W2.T * np.where(z > 0, 1, 0.1)
    return {"W1": X.T @ dz, "b1": dz.sum(axis=0), "W2": dW2}

def example():
    rng = np.random.default_rng(2)
    return {"X": rng.normal(size=(7, 4)), "y": rng.normal(size=(7, 2)),
            "W1": rng.normal(size=(4, 5)),
            "b1": rng.normal(size=5), "W2": rng.normal(size=(5, 2))}
"""

FILES["ReLU by its mask, weighted samples"] = """
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

FILES["dropout, scaled after the mask"] = """
def loss(X, y, W, v, mask):
    h = np.tanh(X @ W) * mask / 0.8
    return np.mean((h @ v - y) ** 2)

def gradient(X, y, W, v, mask):
    a = np.tanh(X @ W)
    h = a * mask / 0.8
    r = 2 * (h @ v - y) / len(y)
    dh = np.outer(r, v)
    da = dh * mask / 0.8
    return {"W": X.T @ (da * (1 - a ** 2)), "v": h.T @ r}

def example():
    rng = np.random.default_rng(1)
    return {"X": rng.normal(size=(6, 4)), "y": rng.normal(size=6), "W": rng.normal(size=(4, 3)),
            "v": rng.normal(size=3),
            "mask": (rng.uniform(size=(6, 3)) < 0.8) * 1.0}
"""

FILES["product of two branches"] = """
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

FILES["product of two branches, penalised at the end"] = """
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
    return {"W1": d1 + 0.2 * W1, "W2": d2}

def example():
    rng = np.random.default_rng(7)
    return {"X": rng.normal(size=(5, 3)), "y": rng.normal(size=5),
            "W1": rng.normal(size=(3, 4)), "W2": rng.normal(size=(3, 4))}
"""

FILES["softmax of each sample"] = """
def loss(X, Y, W):
    total = 0.0
    for x, y in zip(X, Y):
        e = np.exp(x @ W)
        total += np.sum((e / e.sum() - y) ** 2)
    return total / len(X)

def gradient(X, Y, W):
    dW = np.zeros_like(W)
    for x, y in zip(X, Y):
        e = np.exp(x @ W)
        p = e / e.sum()
        g = 2 * (p - y) / len(X)
        d = p * (g - (p * g).sum())
        dW += np.outer(x, d)
    return {"W": dW}

def example():
    rng = np.random.default_rng(1)
    return {"X": rng.normal(size=(6, 4)), "Y": rng.uniform(size=(6, 3)),
            "W": rng.normal(size=(4, 3))}
"""

FILES["layer norm by deviation plus ε"] = """
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

FILES["standardised inputs"] = """
def loss(X, y, w):
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    return np.mean(np.maximum(0, 1 - y * (Z @ w)))

def gradient(X, y, w):
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    on = y * (Z @ w) < 1
    return {"w": -Z.T @ (y * on) / len(y)}

def example():
    rng = np.random.default_rng(3)
    return {"X": rng.normal(size=(8, 3)), "y": np.sign(rng.normal(size=8)),
            "w": rng.normal(size=3)}
"""

FILES["rows by one-hot products"] = """
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

FILES["every point with every other"] = """
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

FILES["neighbours in a graph"] = """
def loss(A, x, aims):
    degrees = A.sum(axis=1)
    return np.sum(degrees[:, None] * x * x) - np.sum(x * (A @ x)) + np.sum((x - aims) ** 2)

def gradient(A, x, aims):
    degrees = A.sum(axis=1)
    return {"x": 2 * degrees[:, None] * x - 2 * A @ x + 2 * (x - aims)}

def example():
    rng = np.random.default_rng(3)
    A = np.triu((rng.uniform(size=(5, 5)) > 0.4) * 1, 1)
    return {"A": A + A.T, "x": rng.normal(size=(5, 2)), "aims": rng.normal(size=(5, 2))}
"""

FILES["quadratic form"] = """
def loss(A, aims, x):
    return 0.5 * x @ A @ x - aims @ x

def gradient(A, aims, x):
    return {"x": A @ x - aims}

def example():
    rng = np.random.default_rng(3)
    M = rng.normal(size=(4, 4))
    return {"A": M @ M.T + np.eye(4), "aims": rng.normal(size=4), "x": rng.normal(size=4)}
"""

FILES["counts"] = """
def loss(X, counts, w):
    z = X @ w
    return np.mean(np.exp(z) - counts * z)

def gradient(X, counts, w):
    return {"w": X.T @ (np.exp(X @ w) - counts) / len(X)}

def example():
    rng = np.random.default_rng(3)
    return {"X": rng.normal(size=(8, 3)), "counts": rng.integers(0, 6, 8),
            "w": 0.3 * rng.normal(size=3)}
"""

FILES["largest of two columns"] = """
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

FILES["mean of two columns"] = """
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

FILES["largest of two entries, in a loop"] = """
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

FILES["filter over padded columns"] = """
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

FILES["filter over images"] = """
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

FILES["images times channels"] = """
def loss(X, Y, k):
    images = X.reshape(len(X), 3, 3, 1)
    return np.sum((images * k - Y) ** 2)

def gradient(X, Y, k):
    images = X.reshape(len(X), 3, 3, 1)
    r = images * k - Y
    return {"k": 2 * (r * images).sum(axis=(0, 1, 2))}

def example():
    rng = np.random.default_rng(1)
    return {"X": rng.normal(size=(6, 9)), "Y": rng.normal(size=(6, 3, 3, 4)),
            "k": rng.normal(size=4)}
"""

FILES["recurrence"] = """
def loss(X, aims, U):
    h, total = np.zeros(len(U)), 0.0
    for x, aim in zip(X, aims):
        h = np.tanh(h @ U + x)
        total += np.sum(h * aim)
    return total

def gradient(X, aims, U):
    hs = [np.zeros(len(U))]
    for x in X:
        hs.append(np.tanh(hs[-1] @ U + x))
    dU, dh = np.zeros_like(U), np.zeros(len(U))
    for t in reversed(range(len(X))):
        dz = (dh + aims[t]) * (1 - hs[t + 1] ** 2)
        dU += np.outer(hs[t], dz)
        dh = dz @ U.T
    return {"U": dU}

def example():
    rng = np.random.default_rng(3)
    return {"X": rng.normal(size=(4, 3)), "aims": rng.normal(size=(4, 3)),
            "U": 0.6 * rng.normal(size=(3, 3))}
"""

FILES["recurrence that decays"] = """
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

FILES["Python's own numbers"] = """
import math
RATE = np.linspace(0.5, 1.5, 3000).reshape(1000, 3)

def loss(X, y, w):
    total = 0.0
    for x, t in zip(X, y):
        total += (math.tanh(sum(a * b for a, b in zip(x, w))) - t) ** 2
    return total / len(y) + 1e-3 * float((RATE @ w).sum())

def gradient(X, y, w):
    g = 1e-3 * RATE.sum(axis=0)
    for x, t in zip(X, y):
        a = math.tanh(x @ w)
        g = g + 2 * (a - t) * (1 - a ** 2) * x / len(y)
    return {"w": g}

def example():
    rng = np.random.default_rng(3)
    return {"X": rng.normal(size=(5, 3)), "y": rng.normal(size=5), "w": rng.normal(size=3)}
"""

FILES["result in two steps"] = """
def loss(X, y, w, b):
    return np.mean((X @ w + b - y) ** 2)

def gradient(X, y, w, b):
    X, y = X * 1.0, y * 1.0
    X -= 0.0
    r = 2 * (X @ w + b - y) / len(y)
    grads = {"w": X.T @ r}
    grads["b"] = r.sum()
    return grads

def example():
    rng = np.random.default_rng(3)
    return {"X": rng.normal(size=(8, 3)), "y": rng.normal(size=8), "w": rng.normal(size=3),
            "b": 0.3}
"""
