"""Held-back blind files about fully connected networks."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.blind_parts import made
from tests.checking.corpus.case import Case


def held_networks() -> Iterator[Case]:
    yield from made(
        "nabla-lists",
        """
import numpy as np


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def sigmoid_prime(z):
    return sigmoid(z) * (1 - sigmoid(z))


def feedforward(a, weights, biases):
    for w, b in zip(weights, biases):
        a = sigmoid(np.dot(w, a) + b)
    return a


def backprop(x, y, weights, biases):
    \"\"\"Gradient of the quadratic cost of one example; x and y are columns.\"\"\"
    nabla_b = [np.zeros(b.shape) for b in biases]
    nabla_w = [np.zeros(w.shape) for w in weights]
    activation = x
    activations = [x]
    zs = []
    for w, b in zip(weights, biases):
        z = np.dot(w, activation) + b
        zs.append(z)
        activation = sigmoid(z)
        activations.append(activation)
    delta = (activations[-1] - y) * sigmoid_prime(zs[-1])
    nabla_b[-1] = delta
    nabla_w[-1] = np.dot(delta, activations[-2].T)
    for l in range(2, len(weights) + 1):
        sp = sigmoid_prime(zs[-l])
        delta = np.dot(weights[-l + 1].T, delta) * sp
        nabla_b[-l] = delta
        nabla_w[-l] = np.dot(delta, activations[-l - 1].T)
    return nabla_b, nabla_w


def loss(xs, ys, weights, biases):
    cost = 0.0
    for x, y in zip(xs, ys):
        cost += 0.5 * np.sum((feedforward(x, weights, biases) - y) ** 2)
    return cost / len(xs)


def gradient(xs, ys, weights, biases):
    n = len(xs)
    sum_b = [np.zeros(b.shape) for b in biases]
    sum_w = [np.zeros(w.shape) for w in weights]
    for x, y in zip(xs, ys):
        delta_b, delta_w = backprop(x, y, weights, biases)
        sum_b = [nb + db for nb, db in zip(sum_b, delta_b)]
        sum_w = [nw + dw for nw, dw in zip(sum_w, delta_w)]
    return {"weights": [w / n for w in sum_w], "biases": [b / n for b in sum_b]}


def example():
    rng = np.random.default_rng(50)
    sizes = [3, 4, 4, 2]
    return {
        "xs": rng.normal(size=(5, 3, 1)), "ys": rng.random(size=(5, 2, 1)),
        "weights": [rng.normal(size=(o, i)) for i, o in zip(sizes[:-1], sizes[1:])],
        "biases": [rng.normal(size=(o, 1)) for o in sizes[1:]],
    }
""",
        [
            (
                "G502",
                "delta = (activations[-1] - y) * sigmoid_prime(zs[-1])",
                "delta = activations[-1] - y",
            ),
            ("G402", "sp = sigmoid_prime(zs[-l])", "sp = sigmoid_prime(activations[-l])"),
            (
                "G703|G404",
                "sp = sigmoid_prime(zs[-l])",
                "sp = sigmoid_prime(zs[-l + 1]) if l > 2 else sigmoid_prime(zs[-l])",
            ),
            (
                "G405",
                "delta = np.dot(weights[-l + 1].T, delta) * sp",
                "delta = np.dot(weights[-l + 1].T, np.ones_like(delta)) * sp",
            ),
            (
                "G703",
                "nabla_w[-1] = np.dot(delta, activations[-2].T)",
                "nabla_w[-1] = np.dot(delta, zs[-2].T)",
            ),
            (
                "G802",
                "sum_w = [nw + dw for nw, dw in zip(sum_w, delta_w)]",
                "sum_w = [dw for nw, dw in zip(sum_w, delta_w)]",
            ),
            ("G201", "[b / n for b in sum_b]", "[b for b in sum_b]"),
            (
                "G205",
                "(activations[-1] - y) * sigmoid_prime",
                "(y - activations[-1]) * sigmoid_prime",
            ),
        ],
        [
            [("sp = sigmoid_prime(zs[-l])", "sp = activations[-l] * (1 - activations[-l])")],
            [
                (
                    'return {"weights": [w / n for w in sum_w], ',
                    'return {"weights": [np.divide(w, n) for w in sum_w], ',
                ),
                ("return sigmoid(z) * (1 - sigmoid(z))", "s = sigmoid(z)\n    return s - s ** 2"),
            ],
        ],
    )
    yield from made(
        "swish-capitals",
        """
import numpy as np


def SIGMA(V):
    return 1 / (1 + np.exp(-V))


def SWISH(V):
    return V * SIGMA(V)


def loss(X, Y, W1, B1, W2, B2):
    # samples in columns
    H = SWISH(W1 @ X + B1)
    O = W2 @ H + B2
    M = X.shape[1]
    return np.sum((O - Y) ** 2) / (2 * M)


def gradient(X, Y, W1, B1, W2, B2):
    M = X.shape[1]
    V = W1 @ X + B1
    S = SIGMA(V)
    H = V * S
    O = W2 @ H + B2

    DO = (O - Y) / M
    DW2 = DO @ H.T
    DB2 = np.sum(DO, axis=1, keepdims=True)
    DH = W2.T @ DO
    DV = DH * (S + V * S * (1 - S))
    DW1 = DV @ X.T
    DB1 = np.sum(DV, axis=1, keepdims=True)
    return dict(W1=DW1, B1=DB1, W2=DW2, B2=DB2)


def example():
    rng = np.random.default_rng(51)
    return {
        "X": rng.normal(size=(3, 6)), "Y": rng.normal(size=(2, 6)),
        "W1": rng.normal(size=(5, 3)), "B1": 0.1 * rng.normal(size=(5, 1)),
        "W2": rng.normal(size=(2, 5)), "B2": 0.1 * rng.normal(size=(2, 1)),
    }
""",
        [
            ("G403|G801", "DV = DH * (S + V * S * (1 - S))", "DV = DH * S"),
            ("G403|G801", "DV = DH * (S + V * S * (1 - S))", "DV = DH * (V * S * (1 - S))"),
            ("G403", "DV = DH * (S + V * S * (1 - S))", "DV = DH * (S * (1 - S))"),
            ("G401", "DV = DH * (S + V * S * (1 - S))", "DV = DH"),
            ("G703", "DW2 = DO @ H.T", "DW2 = DO @ V.T"),
            (
                "G601",
                "DB1 = np.sum(DV, axis=1, keepdims=True)",
                "DB1 = np.mean(DV, axis=1, keepdims=True)",
            ),
            ("G101", "DB2 = np.sum(DO, axis=1, keepdims=True)", "DB2 = np.sum(DO, axis=1)"),
        ],
        [
            [("(S + V * S * (1 - S))", "(H + S * (1 - H))")],
            [
                ("DO = (O - Y) / M", "DO = O - Y"),
                (
                    "dict(W1=DW1, B1=DB1, W2=DW2, B2=DB2)",
                    '{k: g / M for k, g in zip(["W1", "B1", "W2", "B2"], [DW1, DB1, DW2, DB2])}',
                ),
            ],
        ],
    )
    yield from made(
        "two-heads",
        """
import numpy as np


def trunk(X, W, b):
    return np.maximum(0, X @ W + b)


def loss(X, labels, price, W, b, Wc, wr, mix):
    h = trunk(X, W, b)
    # head 1: classes
    z = h @ Wc
    z = z - z.max(axis=1, keepdims=True)
    ce = np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(X)), labels]
    # head 2: price
    se = 0.5 * (h @ wr - price) ** 2
    return np.mean(ce + mix * se)


def gradient(X, labels, price, W, b, Wc, wr, mix):
    n = len(X)
    h = trunk(X, W, b)
    z = h @ Wc
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p = p / p.sum(axis=1, keepdims=True)

    dz = p.copy()
    dz[np.arange(n), labels] -= 1
    dz = dz / n
    dr = mix * (h @ wr - price) / n

    grad = {}
    grad["Wc"] = h.T @ dz
    grad["wr"] = h.T @ dr
    dh = dz @ Wc.T
    dh += np.outer(dr, wr)
    dh[h == 0] = 0
    grad["W"] = X.T @ dh
    grad["b"] = dh.sum(axis=0)
    return grad


def example():
    rng = np.random.default_rng(52)
    return {
        "X": rng.normal(size=(7, 4)), "labels": rng.integers(0, 3, size=7),
        "price": rng.normal(size=7), "W": rng.normal(size=(4, 5)), "b": 0.3 * rng.normal(size=5),
        "Wc": rng.normal(size=(5, 3)), "wr": rng.normal(size=5), "mix": 0.6,
    }
""",
        [
            ("G801", "dh += np.outer(dr, wr)", "dh = np.outer(dr, wr)"),
            ("G801", "dh += np.outer(dr, wr)", "dh += 0"),
            ("G000|G206", "dr = mix * (h @ wr - price) / n", "dr = (h @ wr - price) / n"),
            ("G204", "dr = mix * (h", "dr = 2 * mix * (h"),
            ("G404", "dh[h == 0] = 0", "dh[dh < 0] = 0"),
            ("G401", "dh[h == 0] = 0", "dh[h < 0] = 0"),
            ("G202", "dz = dz / n", "dz = dz / n ** 2"),
            ("G703", 'grad["wr"] = h.T @ dr', 'grad["wr"] = (X @ W + b).T @ dr'),
        ],
        [
            [
                ("    dh += np.outer(dr, wr)\n", ""),
                ("dh = dz @ Wc.T", "dh = dz @ Wc.T + dr[:, None] * wr"),
            ],
            [
                ("dz = p.copy()", "onehot = np.eye(Wc.shape[1])[labels]"),
                ("    dz[np.arange(n), labels] -= 1\n", ""),
                ("dz = dz / n", "dz = (p - onehot) / n"),
            ],
        ],
    )
    yield from made(
        "sparse-autoencoder",
        """
import numpy as np

RHO = 0.2


def sigmoid(t):
    return 1 / (1 + np.exp(-t))


def loss(X, W1, W2, b1, b2, lam, beta):
    m = X.shape[1]
    a2 = sigmoid(W1 @ X + b1)
    a3 = W2 @ a2 + b2
    rho_hat = np.mean(a2, axis=1)
    kl = np.sum(RHO * np.log(RHO / rho_hat) + (1 - RHO) * np.log((1 - RHO) / (1 - rho_hat)))
    squares = np.sum((a3 - X) ** 2) / (2 * m)
    decay = lam / 2 * (np.sum(W1 ** 2) + np.sum(W2 ** 2))
    return squares + decay + beta * kl


def gradient(X, W1, W2, b1, b2, lam, beta):
    m = X.shape[1]
    a2 = sigmoid(W1 @ X + b1)
    a3 = W2 @ a2 + b2
    rho_hat = np.mean(a2, axis=1).reshape(-1, 1)

    delta3 = a3 - X
    sparsity = beta * (-RHO / rho_hat + (1 - RHO) / (1 - rho_hat))
    delta2 = (W2.T @ delta3 + sparsity) * a2 * (1 - a2)

    W1grad = delta2 @ X.T / m + lam * W1
    W2grad = delta3 @ a2.T / m + lam * W2
    b1grad = np.sum(delta2, axis=1, keepdims=True) / m
    b2grad = np.sum(delta3, axis=1, keepdims=True) / m
    return {"W1": W1grad, "W2": W2grad, "b1": b1grad, "b2": b2grad}


def example():
    rng = np.random.default_rng(53)
    return {
        "X": rng.normal(size=(5, 6)), "W1": rng.normal(size=(3, 5)), "W2": rng.normal(size=(5, 3)),
        "b1": 0.1 * rng.normal(size=(3, 1)), "b2": 0.1 * rng.normal(size=(5, 1)),
        "lam": 0.05, "beta": 0.5,
    }
""",
        [
            (
                "G801|G301",
                "delta2 = (W2.T @ delta3 + sparsity) * a2",
                "delta2 = (W2.T @ delta3) * a2",
            ),
            ("G205|G000", "beta * (-RHO / rho_hat + (1", "beta * (RHO / rho_hat + (1"),
            ("G302", "delta2 @ X.T / m + lam * W1", "(delta2 @ X.T + lam * W1) / m"),
            ("G301", "delta3 @ a2.T / m + lam * W2", "delta3 @ a2.T / m"),
            ("G401", "(W2.T @ delta3 + sparsity) * a2 * (1 - a2)", "W2.T @ delta3 + sparsity"),
            (
                "G203",
                "np.sum(delta2, axis=1, keepdims=True) / m",
                "np.sum(delta2, axis=1, keepdims=True) / X.shape[0]",
            ),
            ("G502|G501|G000", "delta3 = a3 - X", "delta3 = (a3 - X) * a3 * (1 - a3)"),
        ],
        [
            [
                (
                    "b1grad = np.sum(delta2, axis=1, keepdims=True) / m",
                    "b1grad = delta2.mean(axis=1, keepdims=True)",
                )
            ],
            [
                (
                    "(-RHO / rho_hat + (1 - RHO) / (1 - rho_hat))",
                    "(rho_hat - RHO) / (rho_hat * (1 - rho_hat))",
                )
            ],
        ],
    )
