"""Where several lines could carry a mistake, the one that a person would point at is named."""

from __future__ import annotations

import pytest
from tests.checking.student_files import load

import chainrule as cr

MARK = "  # <-"

EXAMPLE = """
import numpy as np

def example():
    r = np.random.default_rng(11)
"""

FILES = {
    "beside the loss a shared function computes the gradient, by a wrong count": """
        return {"X": r.normal(size=(7, 3)), "y": r.integers(4, size=7), "W": r.normal(size=(3, 4))}

    def cross_entropy(Z, y):
        P = np.exp(Z - Z.max(axis=1, keepdims=True))
        P /= P.sum(axis=1, keepdims=True)
        value = -np.mean(np.log(P[np.arange(len(y)), y]))
        P[np.arange(len(y)), y] -= 1
        P /= Z.shape[1]  # <-
        return value, P

    def loss(X, y, W):
        return cross_entropy(X @ W, y)[0]

    def gradient(X, y, W):
        _, dZ = cross_entropy(X @ W, y)
        return {"W": X.T @ dZ}
    """,
    "a bias before a batch norm, whose gradient cancels, hides no line": """
        return {"X": r.normal(size=(8, 4)), "y": r.normal(size=(8, 2)), "W": r.normal(size=(4, 3)),
                "b": r.normal(size=3), "gain": r.normal(size=3), "V": r.normal(size=(3, 2))}

    def forward(X, W, b, gain, V):
        hpre = X @ W + b
        centred = hpre - hpre.mean(0)
        inverse = (centred.var(0) + 1e-5) ** -0.5
        hnorm = centred * inverse
        h = np.tanh(gain * hnorm)
        return inverse, hnorm, h, h @ V

    def loss(X, y, W, b, gain, V):
        return np.sum((forward(X, W, b, gain, V)[-1] - y) ** 2)

    def gradient(X, y, W, b, gain, V):
        inverse, hnorm, h, out = forward(X, W, b, gain, V)
        dout = 2 * (out - y)
        dV = h.T @ dout
        dscaled = 1 - h * h  # <-
        dgain = (hnorm * dscaled).sum(0)
        dhnorm = gain * dscaled
        dhpre = inverse * (dhnorm - dhnorm.mean(0) - hnorm * (dhnorm * hnorm).mean(0))
        return {"W": X.T @ dhpre, "b": dhpre.sum(0), "gain": dgain, "V": dV}
    """,
    "a sum is divided by the wrong count where the loss divides by a sum of data": """
        return {"w": r.normal(size=3), "X": r.normal(size=(8, 3)), "y": r.normal(size=8),
                "seen": np.array([1, 0, 1, 1, 0, 1, 1, 1])}

    def loss(w, X, y, seen):
        return np.sum(seen * (X @ w - y) ** 2) / seen.sum()

    def gradient(w, X, y, seen):
        error = 2 * seen * (X @ w - y)
        return {"w": error @ X / len(seen)}  # <-
    """,
    "what is true as it stands is not blamed for a division that comes later": """
        return {"A": r.normal(size=(6, 3)), "B": r.normal(size=(6, 3))}

    def loss(A, B):
        a = A / np.linalg.norm(A, axis=1, keepdims=True)
        return np.sum((a - B) ** 2)

    def gradient(A, B):
        size = np.linalg.norm(A, axis=1, keepdims=True)
        a = A / size
        da = 2 * (a - B)
        dA = da - a * np.sum(da * a, axis=1, keepdims=True)  # <-
        return {"A": dA, "B": -da}
    """,
    "a term of the loss has its sign turned before the terms are weighted": """
        return {"w": r.normal(size=4), "X": r.normal(size=(6, 4)), "y": r.normal(size=6),
                "z": r.normal(size=6), "alpha": 0.3}

    def loss(w, X, y, z, alpha):
        p = X @ w
        near = (p - y) ** 2
        far = np.log(1 + np.exp(p - z))
        return np.mean(alpha * near + (1 - alpha) * far)

    def gradient(w, X, y, z, alpha):
        p = X @ w
        near = 2 * (y - p)  # <-
        far = 1 / (1 + np.exp(z - p))
        return {"w": X.T @ (alpha * near + (1 - alpha) * far) / len(y)}
    """,
    "what is added is right, and what it is added to lacks a path": """
        return {"W": r.normal(size=(4, 2)), "X": r.normal(size=(7, 4)), "lam": 0.7}

    def loss(W, X, lam):
        R = X @ W @ W.T - X
        return 0.5 * np.sum(R ** 2) + 0.5 * lam * np.sum(W ** 2)

    def gradient(W, X, lam):
        R = X @ W @ W.T - X
        G = X.T @ R @ W  # <-
        G += lam * W
        return {"W": G}
    """,
    "a helper is right, and is called with the activation": """
        sizes = [3, 5, 4, 2]
        layers = [(r.normal(size=(m, n)) * 0.6, r.normal(size=n) * 0.1)
                  for m, n in zip(sizes[:-1], sizes[1:])]
        return {"x": r.normal(size=(6, 3)), "t": r.normal(size=(6, 2)), "layers": layers}

    def softplus(v):
        return np.log1p(np.exp(v))

    def slope(v):
        e = np.exp(-v)
        return 1 / (1 + e)

    def run(x, layers):
        before, after = [], [x]
        for number, (W, b) in enumerate(layers):
            before.append(after[-1] @ W + b)
            last = number == len(layers) - 1
            after.append(before[-1] if last else softplus(before[-1]))
        return before, after

    def loss(x, t, layers):
        return 0.5 * np.sum((run(x, layers)[1][-1] - t) ** 2)

    def gradient(x, t, layers):
        before, after = run(x, layers)
        back = after[-1] - t
        found = []
        for number in reversed(range(len(layers))):
            if number < len(layers) - 1:
                back = back * slope(after[number + 1])  # <-
            found.insert(0, (after[number].T @ back, back.sum(axis=0)))
            back = back @ layers[number][0].T
        return {"layers": found}
    """,
    "a loop leaves one of two entries out": """
        return {"W": r.normal(size=(4, 3)), "X": r.normal(size=(6, 4)), "y": r.integers(3, size=6),
                "lam": 0.2}

    def loss(W, X, y, lam):
        total = 0.0
        for x, label in zip(X, y):
            s = x @ W
            for k in range(W.shape[1]):
                if k != label and s[k] - s[label] + 1 > 0:
                    total += s[k] - s[label] + 1
        return total / len(X) + lam * np.sum(W * W)

    def gradient(W, X, y, lam):
        dW = np.zeros_like(W)
        for x, label in zip(X, y):
            s = x @ W
            for k in range(W.shape[1]):
                if k != label and s[k] - s[label] + 1 > 0:
                    dW[:, k] += x  # <-
        dW /= len(X)
        dW += 2 * lam * W
        return {"W": dW}
    """,
    "pairs in two loops are a matrix in the gradient": """
        return {"N": r.uniform(1, 20, (4, 3)), "u": r.normal(size=(4, 2)),
                "v": r.normal(size=(3, 2))}

    def loss(N, u, v):
        total = 0.0
        for i in range(N.shape[0]):
            for j in range(N.shape[1]):
                miss = u[i] @ v[j] - np.log(N[i, j])
                total = total + np.sqrt(N[i, j]) * miss ** 2
        return total

    def gradient(N, u, v):
        miss = u @ v.T - np.log(N)
        G = np.sqrt(N) * miss  # <-
        return {"u": G @ v, "v": G.T @ u}
    """,
    "gradients are collected from the last layer, and handed out so": """
        return {"Ws": [r.normal(size=(3, 3)) for _ in range(3)], "x": r.normal(size=(3, 5))}

    def loss(Ws, x):
        for W in Ws:
            x = W @ x
        return 0.5 * np.sum(x ** 2)

    def gradient(Ws, x):
        values = [x]
        for W in Ws:
            values.append(W @ values[-1])
        back, found = values[-1], []
        for k in reversed(range(len(Ws))):
            found.append(back @ values[k].T)
            back = Ws[k].T @ back
        return {"Ws": found}  # <-
    """,
    "a number of a product, not the sum that it goes into": """
        return {"p": r.normal(size=(5, 2)) * 2, "k": 0.7}

    def loss(p, k):
        i, j = np.triu_indices(len(p), 1)
        between = p[:, None] - p[None]
        return k * np.sum(1 / (1 + np.sum(between ** 2, axis=2)[i, j]))

    def gradient(p, k):
        g, dk = np.zeros_like(p), 0.0
        for i in range(len(p)):
            for j in range(i):
                d = p[i] - p[j]
                q = 1 / (1 + d @ d)
                pull = -1 * k * q ** 2 * d  # <-
                g[i] += pull
                g[j] -= pull
                dk += q
        return {"p": g, "k": dk}
    """,
    "an element of a display that spans several lines": """
        return {"x": r.normal(size=5), "W": r.normal(size=(6, 5)) * 0.5, "v": r.normal(size=2)}

    def loss(x, W, v):
        a, b, c = np.split(W @ x, 3)
        s, t, u = np.tanh(a), 1 / (1 + np.exp(-b)), np.tanh(c)
        return np.sum(v * s * t * u)

    def gradient(x, W, v):
        a, b, c = np.split(W @ x, 3)
        s, t, u = np.tanh(a), 1 / (1 + np.exp(-b)), np.tanh(c)
        dz = np.concatenate([
            v * t * u * (1 - s ** 2),
            v * s * u * (1 - t),  # <-
            v * s * t * (1 - u ** 2),
        ])
        return {"W": np.outer(dz, x), "v": s * t * u}
    """,
    "an argument is changed before the numbers go wrong": """
        return {"u": r.normal(size=6), "f": r.normal(size=6)}

    def loss(u, f):
        return 0.5 * np.sum((u - f) ** 2) + np.sum(np.diff(u) ** 2)

    def gradient(u, f):
        g = u
        g -= f  # <-
        d = np.diff(u)
        g[1:] += 2 * d
        g[:-1] -= 2 * d
        return {"u": g}
    """,
    "the gradient of twice a logarithm, under a name that says nothing": """
        return {"x": r.normal(size=6), "y": r.normal(size=6), "log_a": 0.3, "w": 0.8}

    def loss(x, y, log_a, w):
        return np.sum((np.exp(2 * log_a) * np.tanh(w * x) - y) ** 2)

    def gradient(x, y, log_a, w):
        t = np.tanh(w * x)
        rest = 2 * (np.exp(2 * log_a) * t - y)
        of_amplitude = np.sum(rest * np.exp(2 * log_a) * t)  # <-
        of_width = np.sum(rest * np.exp(2 * log_a) * (1 - t ** 2) * x)
        return {"log_a": of_amplitude, "w": of_width}
    """,
    "a mask of the largest, taken where numbers are positive": """
        return {"A": r.normal(size=(4, 6)), "X": r.normal(size=(5, 4)), "v": r.normal(size=5)}

    def loss(A, X, v):
        return v @ np.max(X @ A, axis=1)

    def gradient(A, X, v):
        S = X @ A
        chosen = (S > 0).astype(float)  # <-
        return {"A": X.T @ (chosen * v[:, None])}
    """,
    "sums are cleared by one method and added to by another": """
        return {"W": r.normal(size=(3, 2)), "b": r.normal(size=2), "X": r.normal(size=(5, 3)),
                "Y": r.normal(size=(5, 2))}

    class Layer:
        def clear(self):
            self.gW = np.zeros((3, 2))
            self.gb = np.zeros(2)

        def run(self, X, W, b):
            self.X = X
            return X @ W + b

        def back(self, G):
            self.gW += self.X.T @ G
            self.gb += G.sum(axis=0)

    layer = Layer()

    def loss(W, b, X, Y):
        return np.mean((layer.run(X, W, b) - Y) ** 2)

    def gradient(W, b, X, Y):
        layer.clear()
        out = layer.run(X, W, b)
        layer.back((out - Y) / out.size)  # <-
        return {"W": layer.gW, "b": layer.gb}
    """,
    "probabilities are right, and are to be multiplied by a count": """
        return {"a": r.normal(size=4), "m": r.normal(size=4), "x": r.normal(size=9)}

    def loss(a, m, x):
        weighted = a - np.log(np.sum(np.exp(a))) - 0.5 * (x[:, None] - m) ** 2
        return -np.sum(np.log(np.sum(np.exp(weighted), axis=1)))

    def gradient(a, m, x):
        q = np.exp(a) / np.sum(np.exp(a))
        E = q * np.exp(-0.5 * (x[:, None] - m) ** 2)
        R = E / E.sum(axis=1, keepdims=True)
        da = q - R.sum(axis=0)  # <-
        return {"a": da, "m": -np.sum(R * (x[:, None] - m), axis=0)}
    """,
    "one of two sums is not divided at the end": """
        return {"U": r.normal(size=(5, 3)), "V": r.normal(size=(4, 3)),
                "pairs": np.array([[0, 1], [2, 3], [4, 0], [1, 1], [3, 2], [2, 0]])}

    def loss(U, V, pairs):
        total = 0.0
        for i, j in pairs:
            s = V @ U[i]
            total += np.log(np.sum(np.exp(s))) - s[j]
        return total / len(pairs)

    def gradient(U, V, pairs):
        sum_u, sum_v = np.zeros(U.shape), np.zeros(V.shape)
        for i, j in pairs:
            s = V @ U[i]
            p = np.exp(s) / np.sum(np.exp(s))
            p[j] -= 1
            sum_v += np.outer(p, U[i])
            sum_u[i] += V.T @ p
        return {
            "U": sum_u / len(pairs),
            "V": sum_v,  # <-
        }
    """,
    "going back in time a share has the wrong sign, and the next pass inherits it": """
        return {"a": 0.4, "start": 0.8, "series": r.normal(size=6) + 2.0}

    def loss(a, start, series):
        state, total = start, 0.0
        for x in series:
            miss = x - state
            total += miss ** 2
            state = state + a * miss
        return total

    def gradient(a, start, series):
        state, misses = start, []
        for x in series:
            miss = x - state
            misses.append(miss)
            state = state + a * miss
        back = da = 0.0
        for miss in reversed(misses):
            da += back * miss
            d_miss = 2 * miss + a * back
            back = back + d_miss  # <-
        return {"a": da, "start": back}
    """,
    "a plain copy stands where the softmax is to be differentiated, and is scaled after": """
        return {"Q": r.normal(size=(5, 3)), "K": r.normal(size=(6, 3)), "V": r.normal(size=(6, 2)),
                "T": r.normal(size=(5, 2))}

    def softmax(z):
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def loss(Q, K, V, T):
        return 0.5 * np.sum((softmax(Q @ K.T / np.sqrt(Q.shape[1])) @ V - T) ** 2)

    def gradient(Q, K, V, T):
        width = np.sqrt(Q.shape[1])
        scores = Q @ K.T / width
        weights = softmax(scores)
        grad_weights = (weights @ V - T) @ V.T
        grad_scores = grad_weights  # <-
        grad_scores = grad_scores / width
        return {"Q": grad_scores @ K, "K": grad_scores.T @ Q, "V": weights.T @ (weights @ V - T)}
    """,
    "the sum of two paths is named after one of them": """
        return {"A": r.normal(size=(4, 3)), "B": r.normal(size=(4, 3)), "C": r.normal(size=(3, 5)),
                "alpha": 0.3}

    def loss(A, B, C, alpha):
        h = np.tanh(A)
        return np.sum((h @ C) ** 2) + alpha * np.sum((h - B) ** 2)

    def gradient(A, B, C, alpha):
        h = np.tanh(A)
        d_near = 2 * alpha * (h - B)
        d_out = 2 * h @ C @ C.T
        dh = d_out  # <-
        return {"A": dh * (1 - h ** 2), "B": -d_near, "C": 2 * h.T @ h @ C}
    """,
    "what is to be added is computed and thrown away": """
        return {"E": r.normal(size=(5, 3)), "t": r.normal(size=3), "ids": np.array([0, 2, 2, 4])}

    def loss(E, t, ids):
        return 0.5 * np.sum((E[ids].sum(axis=0) - t) ** 2)

    def gradient(E, t, ids):
        g = E[ids].sum(axis=0) - t
        dE = np.zeros_like(E)
        for word in ids:
            dE[word] + g  # <-
        return {"E": dE, "t": -g}
    """,
    "an object keeps the zeros that it began with": """
        return {"W": r.normal(size=(4, 3)), "c": r.normal(size=3), "X": r.normal(size=(6, 4)),
                "t": r.normal(size=(6, 3))}

    class Line:
        def __init__(self, W, c):
            self.W, self.c = W, c
            self.dW = np.zeros_like(W)
            self.dc = np.zeros_like(c)

        def forward(self, X):
            self.X = X
            return X @ self.W + self.c

        def backward(self, d):
            dW = self.X.T @ d  # <-
            self.dc = d.sum(axis=0)
            return d @ self.W.T

    def loss(W, c, X, t):
        return np.sum((Line(W, c).forward(X) - t) ** 2)

    def gradient(W, c, X, t):
        line = Line(W, c)
        line.backward(2 * (line.forward(X) - t))
        return {"W": line.dW, "c": line.dc}
    """,
    "a number stands on a line, and one that undoes it would do before": """
        return {"u": r.normal(size=(6, 3)), "v": r.normal(size=(6, 3)), "t": r.normal(size=6)}

    def loss(u, v, t):
        return 0.5 * np.mean((np.sqrt(np.sum((u - v) ** 2, axis=1)) - t) ** 2)

    def gradient(u, v, t):
        gap = u - v
        size = np.sqrt(np.sum(gap ** 2, axis=1))
        dsize = size - t
        dgap = 2 * (dsize / size)[:, None] * gap / len(t)  # <-
        return {"u": dgap, "v": -dgap, "t": -dsize / len(t)}
    """,
    "what a loop adds up is right, and the penalty is missing after it": """
        return {"w": r.normal(size=3), "V": r.normal(size=(3, 2)), "X": r.normal(size=(7, 3)),
                "lam": 0.17}

    def loss(w, V, X, lam):
        return np.sum((X @ w) ** 2) / len(X) + lam * np.sum(w ** 2) + np.sum(V ** 2)

    def gradient(w, V, X, lam):
        grads = {"w": np.zeros_like(w)}
        for x in X:
            grads["w"] += 2 * (x @ w) * x
        grads["w"] = grads["w"] / len(X)  # <-
        grads["V"] = 2 * V
        return grads
    """,
    "the two numbers of a place in a window are exchanged": """
        return {"A": r.normal(size=(6, 8)), "B": r.normal(size=(3, 4))}

    def loss(A, B):
        return np.sum(B * A.reshape(3, 2, 4, 2).max(axis=(1, 3)))

    def gradient(A, B):
        dA = np.zeros_like(A)
        for i in range(3):
            for j in range(4):
                window = A[2 * i:2 * i + 2, 2 * j:2 * j + 2]
                r, c = np.unravel_index(np.argmax(window), window.shape)
                dA[2 * i + c, 2 * j + r] = B[i, j]  # <-
        return {"A": dA, "B": A.reshape(3, 2, 4, 2).max(axis=(1, 3))}
    """,
    "a term is made ready and forgotten in the sum that it belongs to": """
        return {"W": r.normal(size=(4, 3)), "X": r.normal(size=(8, 4)), "T": r.normal(size=(8, 3))}

    class Norm:
        def forward(self, Z):
            self.n = len(Z)
            self.centred = Z - Z.mean(axis=0)
            self.inverse = 1 / np.sqrt(np.mean(self.centred ** 2, axis=0) + 1e-6)
            self.h = self.centred * self.inverse
            return self.h

        def backward(self, d):
            of_mean = np.sum(d, axis=0)
            of_spread = self.h * np.sum(d * self.h, axis=0)
            return self.inverse / self.n * (self.n * d - of_spread)  # <-

    def loss(W, X, T):
        return np.sum(np.tanh(Norm().forward(X @ W)) * T)

    def gradient(W, X, T):
        norm = Norm()
        a = np.tanh(norm.forward(X @ W))
        return {"W": X.T @ norm.backward(T * (1 - a ** 2)), "T": a}
    """,
}


def written(body: str) -> str:
    """A whole file."""
    return EXAMPLE + "\n".join(line[4:] for line in body.splitlines())


@pytest.mark.parametrize("name", FILES)
def test_the_line_that_a_person_would_point_at(name):
    source = written(FILES[name])
    expected = next(n for n, line in enumerate(source.splitlines(), 1) if line.endswith(MARK))
    space = load(source)
    report = cr.check(space["loss"], space["gradient"], space["example"])
    assert report.verdict == "wrong"
    assert report.first_wrong_line == expected


RIGHT = {
    "what is added is right, and what it is added to lacks a path": (
        "G = X.T @ R @ W", "G = X.T @ R @ W + R.T @ X @ W",
    ),
    "a helper is right, and is called with the activation": (
        "after[number + 1])", "before[number])",
    ),
    "gradients are collected from the last layer, and handed out so": ("found}", "found[::-1]}"),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_the_mended_file_has_no_wrong_line(name):
    space = load(written(FILES[name]).replace(*RIGHT[name]))
    report = cr.check(space["loss"], space["gradient"], space["example"])
    assert (report.verdict, report.first_wrong_line) == ("ok", None)
