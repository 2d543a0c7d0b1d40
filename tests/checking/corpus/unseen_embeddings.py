"""Unseen files: embeddings, factorisations, rankings and codes."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.case import Case
from tests.checking.corpus.unseen_parts import written


def embeddings() -> Iterator[Case]:
    yield from written(
        "continuous-bag-of-words",
        """
import numpy as np


def softmax(x):
    x = np.exp(x - np.max(x))
    return x / np.sum(x)


def windows(sentence, size):
    for pos in range(len(sentence)):
        low, high = max(0, pos - size), min(len(sentence), pos + size + 1)
        context = [sentence[k] for k in range(low, high) if k != pos]
        yield sentence[pos], context


def loss(center_vectors, outside_vectors, sentence, size):
    J, count = 0.0, 0
    for word, context in windows(sentence, size):
        v_hat = np.mean(center_vectors[context], axis=0)
        J -= np.log(softmax(outside_vectors @ v_hat)[word])
        count += 1
    return J / count


def gradient(center_vectors, outside_vectors, sentence, size):
    grad_center = np.zeros(center_vectors.shape)
    grad_outside = np.zeros(outside_vectors.shape)
    count = 0
    for word, context in windows(sentence, size):
        v_hat = np.mean(center_vectors[context], axis=0)
        delta = softmax(outside_vectors @ v_hat)
        delta[word] -= 1
        grad_outside += np.outer(delta, v_hat)
        grad_v = outside_vectors.T @ delta
        for c in context:
            grad_center[c] += grad_v / len(context)
        count += 1
    return {
        "center_vectors": grad_center / count,
        "outside_vectors": grad_outside / count,
    }


def example():
    np.random.seed(9)
    return {
        "center_vectors": np.random.randn(6, 3),
        "outside_vectors": np.random.randn(6, 3),
        "sentence": np.array([0, 2, 2, 5, 1, 3, 0, 4]),
        "size": 2,
    }
""",
        [
            (
                "G203|G206|G201",
                "grad_center[c] += grad_v / len(context)",
                "grad_center[c] += grad_v",
            ),
            ("G803|G801", "grad_center[c] += grad_v", "grad_center[c] = grad_v"),
            (
                "G704|G703",
                "grad_outside += np.outer(delta, v_hat)",
                "grad_outside += np.outer(delta, center_vectors[word])",
            ),
            ("G203", "grad_v / len(context)", "grad_v / (2 * size)"),
            ("G201", '"outside_vectors": grad_outside / count', '"outside_vectors": grad_outside'),
        ],
        [
            [
                (
                    "grad_outside += np.outer(delta, v_hat)",
                    "grad_outside += delta[:, None] * v_hat[None, :]",
                )
            ],
        ],
        [
            (
                "G803",
                "        for c in context:\n            grad_center[c] += grad_v / len(context)\n",
                "        grad_center[context] += grad_v / len(context)\n",
                "grad_center[context] +=",
            ),
        ],
    )
    yield from written(
        "global-word-vectors",
        """
import numpy as np


def loss(W, U, bw, bu, X, xmax, power):
    total = 0
    for i in range(X.shape[0]):
        for j in range(X.shape[1]):
            if X[i, j] > 0:
                f = min(1.0, (X[i, j] / xmax) ** power)
                total += f * (W[i] @ U[j] + bw[i] + bu[j] - np.log(X[i, j])) ** 2
    return total


def gradient(W, U, bw, bu, X, xmax, power):
    seen = X > 0
    logX = np.log(np.where(seen, X, 1))
    f = np.minimum(1.0, (X / xmax) ** power) * seen
    diff = W @ U.T + bw[:, None] + bu[None, :] - logX
    g = 2 * f * diff
    return {"W": g @ U, "U": g.T @ W, "bw": g.sum(axis=1), "bu": g.sum(axis=0)}


def example():
    rng = np.random.default_rng(2014)
    X = rng.poisson(2.0, size=(5, 4)).astype(float)
    return {
        "W": rng.normal(size=(5, 3)),
        "U": rng.normal(size=(4, 3)),
        "bw": rng.normal(size=5),
        "bu": rng.normal(size=4),
        "X": X,
        "xmax": 3.0,
        "power": 0.75,
    }
""",
        [
            ("G204", "g = 2 * f * diff", "g = f * diff"),
            ("G000|G206", "g = 2 * f * diff", "g = 2 * seen * diff"),
            ("G703|G801|G000", "+ bw[:, None] + bu[None, :] - logX", "+ bw[:, None] - logX"),
            ("G601", '"bu": g.sum(axis=0)', '"bu": g.mean(axis=0)'),
            (
                "G000|G403",
                "f = np.minimum(1.0, (X / xmax) ** power)",
                "f = np.maximum(1.0, (X / xmax) ** power)",
            ),
        ],
        [
            [('"bw": g.sum(axis=1)', '"bw": g @ np.ones(len(bu))')],
        ],
    )
    yield from written(
        "factorisation-machine",
        """
import numpy as np


def predict(w0, w, V, X):
    XV = X @ V
    pair = 0.5 * np.sum(XV**2 - (X**2) @ (V**2), axis=1)
    return w0 + X @ w + pair


def loss(w0, w, V, X, y, lw, lv):
    z = predict(w0, w, V, X)
    fit = np.mean(np.log(1 + np.exp(-y * z)))
    return fit + lw * np.sum(w**2) + lv * np.sum(V**2)


def gradient(w0, w, V, X, y, lw, lv):
    z = predict(w0, w, V, X)
    dz = -y / (1 + np.exp(y * z)) / y.size
    XV = X @ V
    dV = X.T @ (dz[:, None] * XV) - V * (X**2).T.dot(dz)[:, None]
    return {
        "w0": dz.sum(),
        "w": X.T @ dz + 2 * lw * w,
        "V": dV + 2 * lv * V,
    }


def example():
    rng = np.random.default_rng(2010)
    return {
        "w0": 0.1,
        "w": rng.normal(size=6),
        "V": rng.normal(size=(6, 2)) * 0.5,
        "X": rng.normal(size=(9, 6)) * (rng.random((9, 6)) < 0.6),
        "y": np.where(rng.random(9) < 0.5, -1.0, 1.0),
        "lw": 0.02,
        "lv": 0.05,
    }
""",
        [
            (
                "G801|G000",
                "(dz[:, None] * XV) - V * (X**2).T.dot(dz)[:, None]",
                "(dz[:, None] * XV)",
            ),
            ("G703|G000", "- V * (X**2).T.dot(dz)", "- V * X.T.dot(dz)"),
            ("G302|G703|G304", "dV + 2 * lv * V", "dV + 2 * lw * V"),
            ("G601", '"w0": dz.sum(),', '"w0": dz.mean(),'),
            (
                "G403|G205",
                "-y / (1 + np.exp(y * z)) / y.size",
                "-y / (1 + np.exp(-y * z)) / y.size",
            ),
            (
                "G204|G000",
                "- V * (X**2).T.dot(dz)[:, None]",
                "- 0.5 * V * (X**2).T.dot(dz)[:, None]",
            ),
        ],
        [
            [("X.T @ (dz[:, None] * XV)", "np.einsum('n,ni,nf->if', dz, X, XV)")],
        ],
    )
    yield from written(
        "ratings-with-gaps",
        """
import numpy as np


class Model:
    \"\"\"Ratings as mean + biases + scalar products.\"\"\"

    def __init__(self, P, Q, bu, bi, mean):
        self.P, self.Q, self.bu, self.bi, self.mean = P, Q, bu, bi, mean

    def residual(self, R, seen):
        guess = self.mean + self.bu[:, None] + self.bi + self.P @ self.Q.T
        return np.where(seen, R - guess, 0)


def loss(P, Q, bu, bi, R, seen, mean, reg):
    e = Model(P, Q, bu, bi, mean).residual(R, seen)
    penalty = np.sum(P**2) + np.sum(Q**2) + np.sum(bu**2) + np.sum(bi**2)
    return np.sum(e**2) / seen.sum() + reg * penalty


def gradient(P, Q, bu, bi, R, seen, mean, reg):
    e = Model(P, Q, bu, bi, mean).residual(R, seen)
    c = -2.0 / seen.sum()
    return {
        "P": c * e @ Q + 2 * reg * P,
        "Q": c * e.T @ P + 2 * reg * Q,
        "bu": c * e.sum(axis=1) + 2 * reg * bu,
        "bi": c * e.sum(axis=0) + 2 * reg * bi,
    }


def example():
    rng = np.random.default_rng(17)
    return {
        "P": rng.normal(size=(6, 2)),
        "Q": rng.normal(size=(5, 2)),
        "bu": rng.normal(size=6) * 0.3,
        "bi": rng.normal(size=5) * 0.3,
        "R": rng.integers(1, 6, (6, 5)).astype(float),
        "seen": rng.random((6, 5)) < 0.6,
        "mean": 3.1,
        "reg": 0.02,
    }
""",
        [
            ("G203", "c = -2.0 / seen.sum()", "c = -2.0 / seen.size"),
            ("G301", "c * e.sum(axis=0) + 2 * reg * bi", "c * e.sum(axis=0)"),
            ("G302", "c * e @ Q + 2 * reg * P", "c * e @ Q + reg * P"),
            ("G303", "c * e.sum(axis=1) + 2 * reg * bu", "c * e.sum(axis=1) - 2 * reg * bu"),
            ("G205|G303", "c = -2.0 / seen.sum()", "c = 2.0 / seen.sum()"),
        ],
        [
            [('"Q": c * e.T @ P +', '"Q": c * (P.T @ e).T +')],
        ],
    )
    yield from written(
        "sparse-autoencoder",
        """
import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def loss(W1, W2, b1, b2, data, lambda_, rho, beta):
    m = data.shape[1]
    a2 = sigmoid(W1.dot(data) + b1)
    h = sigmoid(W2.dot(a2) + b2)
    rho_hat = np.sum(a2, axis=1) / m
    kl = np.sum(rho * np.log(rho / rho_hat) + (1 - rho) * np.log((1 - rho) / (1 - rho_hat)))
    cost = np.sum((h - data) ** 2) / (2 * m)
    return cost + lambda_ / 2 * (np.sum(W1**2) + np.sum(W2**2)) + beta * kl


def gradient(W1, W2, b1, b2, data, lambda_, rho, beta):
    m = data.shape[1]
    a2 = sigmoid(W1.dot(data) + b1)
    h = sigmoid(W2.dot(a2) + b2)
    rho_hat = np.sum(a2, axis=1) / m
    sparsity = beta * (-rho / rho_hat + (1 - rho) / (1 - rho_hat))
    delta3 = -(data - h) * h * (1 - h)
    delta2 = (W2.T.dot(delta3) + sparsity[:, None]) * a2 * (1 - a2)
    W1grad = delta2.dot(data.T) / m + lambda_ * W1
    W2grad = delta3.dot(a2.T) / m + lambda_ * W2
    b1grad = np.sum(delta2, axis=1, keepdims=True) / m
    b2grad = np.sum(delta3, axis=1, keepdims=True) / m
    return {"W1": W1grad, "W2": W2grad, "b1": b1grad, "b2": b2grad}


def example():
    rng = np.random.RandomState(294)
    return {
        "W1": rng.uniform(-1, 1, (3, 5)),
        "W2": rng.uniform(-1, 1, (5, 3)),
        "b1": rng.uniform(-1, 1, (3, 1)),
        "b2": rng.uniform(-1, 1, (5, 1)),
        "data": rng.uniform(0.1, 0.9, (5, 8)),
        "lambda_": 0.02,
        "rho": 0.1,
        "beta": 0.6,
    }
""",
        [
            (
                "G801|G301|G000",
                "delta2 = (W2.T.dot(delta3) + sparsity[:, None])",
                "delta2 = W2.T.dot(delta3)",
            ),
            ("G205|G403", "beta * (-rho / rho_hat + (1", "beta * (rho / rho_hat + (1"),
            ("G502", "delta3 = -(data - h) * h * (1 - h)", "delta3 = -(data - h)"),
            ("G202|G203|G302", "sparsity = beta * (-rho", "sparsity = beta / m * (-rho"),
            (
                "G302",
                "delta2.dot(data.T) / m + lambda_ * W1",
                "(delta2.dot(data.T) + lambda_ * W1) / m",
            ),
            (
                "G402|G403",
                "sparsity[:, None]) * a2 * (1 - a2)",
                "sparsity[:, None]) * sigmoid(a2) * (1 - sigmoid(a2))",
            ),
            ("G403", "+ (1 - rho) / (1 - rho_hat))", "- (1 - rho) / (1 - rho_hat))"),
        ],
        [
            [("delta3 = -(data - h) * h * (1 - h)", "delta3 = (h - data) * (h - h**2)")],
        ],
    )
