"""The right files that the worked examples of the mistakes start from."""

from __future__ import annotations

CLASSIFIER = """import numpy as np

def forward(X, W1, b1, W2, b2):
    z1 = X @ W1 + b1
    a1 = np.tanh(z1)
    z2 = a1 @ W2 + b2
    p = np.exp(z2) / np.exp(z2).sum(axis=1, keepdims=True)
    return z1, a1, p

def loss(X, Y, W1, b1, W2, b2, lam):
    z1, a1, p = forward(X, W1, b1, W2, b2)
    return -np.sum(Y * np.log(p)) / len(X) + lam / 2 * (np.sum(W1**2) + np.sum(W2**2))

def gradient(X, Y, W1, b1, W2, b2, lam):
    z1, a1, p = forward(X, W1, b1, W2, b2)
    dz2 = (p - Y) / len(X)
    dW2 = a1.T @ dz2 + lam * W2
    db2 = dz2.sum(axis=0)
    da1 = dz2 @ W2.T
    dz1 = da1 * (1 - a1**2)
    dW1 = X.T @ dz1 + lam * W1
    db1 = dz1.sum(axis=0)
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}

def example():
    rng = np.random.default_rng(0)
    return {"X": rng.normal(size=(6, 4)), "Y": np.eye(3)[rng.integers(0, 3, 6)],
            "W1": rng.normal(size=(4, 5)), "b1": np.zeros(5),
            "W2": rng.normal(size=(5, 3)), "b2": np.zeros(3), "lam": 0.1}
"""

REGRESSION = """import numpy as np

def loss(X, Y, W1, W2):
    a1 = np.maximum(X @ W1, 0)
    p = 1 / (1 + np.exp(-(a1 @ W2)))
    return np.sum((p - Y)**2) / (2 * len(X))

def gradient(X, Y, W1, W2):
    z1 = X @ W1
    a1 = np.maximum(z1, 0)
    p = 1 / (1 + np.exp(-(a1 @ W2)))
    dz2 = (p - Y) * p * (1 - p) / len(X)
    dW2 = a1.T @ dz2
    da1 = dz2 @ W2.T
    dz1 = da1 * (z1 > 0)
    return {"W1": X.T @ dz1, "W2": dW2}

def example():
    rng = np.random.default_rng(0)
    return {"X": rng.normal(size=(6, 4)), "Y": rng.random((6, 2)),
            "W1": rng.normal(size=(4, 5)), "W2": rng.normal(size=(5, 2))}
"""

SQUARE = """import numpy as np

def loss(X, Y, W1, W2):
    r = np.tanh(X @ W1) @ W2 + X - Y
    return np.mean(r**2)

def gradient(X, Y, W1, W2):
    h = np.tanh(X @ W1)
    dr = 2 * (h @ W2 + X - Y) / Y.size
    dh = dr @ W2.T
    dW2 = h.T @ dr
    dW1 = X.T @ (dh * (1 - h**2))
    return {"W1": dW1, "W2": dW2}

def example():
    rng = np.random.default_rng(0)
    return {"X": rng.normal(size=(6, 4)), "Y": rng.normal(size=(6, 4)),
            "W1": rng.normal(size=(4, 4)), "W2": rng.normal(size=(4, 4))}
"""

RESIDUAL = """import numpy as np

def loss(X, Y, W1, W2):
    h = np.tanh(X @ W1)
    r = h + np.tanh(h @ W2)
    return np.sum((r - Y)**2) / (2 * len(X))

def gradient(X, Y, W1, W2):
    h = np.tanh(X @ W1)
    u = np.tanh(h @ W2)
    dr = (h + u - Y) / len(X)
    du = dr * (1 - u**2)
    dW2 = h.T @ du
    dh = dr + du @ W2.T
    return {"W1": X.T @ (dh * (1 - h**2)), "W2": dW2}

def example():
    rng = np.random.default_rng(0)
    return {"X": rng.normal(size=(6, 3)), "Y": rng.normal(size=(6, 4)),
            "W1": rng.normal(size=(3, 4)), "W2": rng.normal(size=(4, 4))}
"""

EMBEDDING = """import numpy as np

def loss(words, Y, E, W):
    return np.sum((E[words] @ W - Y)**2) / (2 * len(words))

def gradient(words, Y, E, W):
    x = E[words]
    dp = (x @ W - Y) / len(words)
    dx = dp @ W.T
    dE = np.zeros_like(E)
    np.add.at(dE, words, dx)
    return {"E": dE, "W": x.T @ dp}

def example():
    rng = np.random.default_rng(0)
    return {"words": np.array([0, 2, 2, 4, 1, 2]), "Y": rng.normal(size=(6, 2)),
            "E": rng.normal(size=(5, 3)), "W": rng.normal(size=(3, 2))}
"""

DROPOUT = """import numpy as np

def loss(X, Y, mask, keep, W1, W2):
    h = np.tanh(X @ W1) * mask / keep
    return np.sum((h @ W2 - Y)**2) / (2 * len(X))

def gradient(X, Y, mask, keep, W1, W2):
    a = np.tanh(X @ W1)
    h = a * mask / keep
    dp = (h @ W2 - Y) / len(X)
    dW2 = h.T @ dp
    dh = dp @ W2.T
    da = dh * mask / keep
    return {"W1": X.T @ (da * (1 - a**2)), "W2": dW2}

def example():
    rng = np.random.default_rng(0)
    return {"X": rng.normal(size=(6, 3)), "Y": rng.normal(size=(6, 2)),
            "mask": (rng.random((6, 4)) < 0.7) * 1.0, "keep": 0.7,
            "W1": rng.normal(size=(3, 4)), "W2": rng.normal(size=(4, 2))}
"""

BATCH_NORM = """import numpy as np

def loss(X, Y, W1, W2):
    z = X @ W1
    xhat = (z - z.mean(axis=0)) / np.sqrt(z.var(axis=0) + 1e-5)
    return np.sum((xhat @ W2 - Y)**2) / (2 * len(X))

def gradient(X, Y, W1, W2):
    n = len(X)
    z = X @ W1
    std = np.sqrt(z.var(axis=0) + 1e-5)
    xhat = (z - z.mean(axis=0)) / std
    dp = (xhat @ W2 - Y) / n
    dW2 = xhat.T @ dp
    dx = dp @ W2.T
    dz = (dx - dx.mean(axis=0) - xhat * (dx * xhat).sum(axis=0) / n) / std
    return {"W1": X.T @ dz, "W2": dW2}

def example():
    rng = np.random.default_rng(0)
    return {"X": rng.normal(size=(6, 3)), "Y": rng.normal(size=(6, 2)),
            "W1": rng.normal(size=(3, 4)), "W2": rng.normal(size=(4, 2))}
"""

CONVOLUTION = """import numpy as np

def loss(x, y, k):
    z = np.stack([np.sum(x[i:i + len(k)] * k) for i in range(len(x) - len(k) + 1)])
    return np.sum((z - y)**2) / 2

def gradient(x, y, k):
    z = np.stack([np.sum(x[i:i + len(k)] * k) for i in range(len(x) - len(k) + 1)])
    d = z - y
    dk = np.array([np.sum(x[j:j + len(d)] * d) for j in range(len(k))])
    return {"k": dk}

def example():
    rng = np.random.default_rng(0)
    return {"x": rng.normal(size=8), "y": rng.normal(size=6), "k": rng.normal(size=3)}
"""

POOLING = """import numpy as np

def loss(X, Y, W):
    pooled = np.tanh(X @ W).mean(axis=1)
    return np.sum((pooled - Y)**2) / (2 * len(X))

def gradient(X, Y, W):
    a = np.tanh(X @ W)
    d = (a.mean(axis=1) - Y) / len(X)
    da = np.repeat(d[:, None], X.shape[1], axis=1) / X.shape[1]
    return {"W": np.einsum("ntd,nth->dh", X, da * (1 - a**2))}

def example():
    rng = np.random.default_rng(0)
    return {"X": rng.normal(size=(6, 4, 3)), "Y": rng.normal(size=(6, 2)),
            "W": rng.normal(size=(3, 2))}
"""

RECURRENT = """import numpy as np

def loss(X, Y, W, U):
    h = np.zeros((X.shape[1], U.shape[0]))
    for t in range(len(X)):
        h = np.tanh(X[t] @ W + h @ U)
    return np.sum((h - Y)**2) / (2 * X.shape[1])

def gradient(X, Y, W, U):
    hs = [np.zeros((X.shape[1], U.shape[0]))]
    for t in range(len(X)):
        hs.append(np.tanh(X[t] @ W + hs[-1] @ U))
    dW, dU = np.zeros_like(W), np.zeros_like(U)
    dh = (hs[-1] - Y) / X.shape[1]
    for t in reversed(range(len(X))):
        dz = dh * (1 - hs[t + 1]**2)
        dW += X[t].T @ dz
        dU += hs[t].T @ dz
        dh = dz @ U.T
    return {"W": dW, "U": dU}

def example():
    rng = np.random.default_rng(0)
    return {"X": rng.normal(size=(4, 6, 3)), "Y": rng.normal(size=(6, 5)),
            "W": rng.normal(size=(3, 5)), "U": rng.normal(size=(5, 5)) / 2}
"""

LINEAR = """import numpy as np

def loss(X, y, w):
    return np.mean((X @ w - y)**2)

def gradient(X, y, w):
    p = X @ w
    r = p - y
    return {"w": 2 * X.T @ r / len(y)}

def example():
    rng = np.random.default_rng(0)
    return {"X": rng.normal(size=(6, 3)), "y": rng.normal(size=(6, 1)),
            "w": rng.normal(size=(3, 1))}
"""
