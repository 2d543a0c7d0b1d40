"""Blind files about small fully connected networks, as functions with caches and dicts."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.blind_parts import made
from tests.checking.corpus.case import Case


def networks() -> Iterator[Case]:
    yield from made(
        "planar",
        """
import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def forward_propagation(X, parameters):
    Z1 = np.dot(parameters["W1"], X) + parameters["b1"]
    A1 = np.tanh(Z1)
    Z2 = np.dot(parameters["W2"], A1) + parameters["b2"]
    A2 = sigmoid(Z2)
    cache = {"Z1": Z1, "A1": A1, "Z2": Z2, "A2": A2}
    return A2, cache


def compute_cost(A2, Y):
    m = Y.shape[1]
    logprobs = np.multiply(np.log(A2), Y) + np.multiply(np.log(1 - A2), 1 - Y)
    return -np.sum(logprobs) / m


def loss(X, Y, parameters):
    A2, cache = forward_propagation(X, parameters)
    return compute_cost(A2, Y)


def gradient(X, Y, parameters):
    m = X.shape[1]
    A2, cache = forward_propagation(X, parameters)
    W2 = parameters["W2"]
    A1 = cache["A1"]

    dZ2 = A2 - Y
    dW2 = 1 / m * np.dot(dZ2, A1.T)
    db2 = 1 / m * np.sum(dZ2, axis=1, keepdims=True)
    dZ1 = np.dot(W2.T, dZ2) * (1 - np.power(A1, 2))
    dW1 = 1 / m * np.dot(dZ1, X.T)
    db1 = 1 / m * np.sum(dZ1, axis=1, keepdims=True)

    grads = {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}
    return {"parameters": grads}


def example():
    np.random.seed(1)
    X = np.random.randn(2, 6)
    Y = (np.random.randn(1, 6) > 0).astype(float)
    parameters = {
        "W1": np.random.randn(4, 2) * 0.5,
        "b1": np.random.randn(4, 1) * 0.1,
        "W2": np.random.randn(1, 4) * 0.5,
        "b2": np.zeros((1, 1)),
    }
    return {"X": X, "Y": Y, "parameters": parameters}
""",
        [
            ("G403", "1 - np.power(A1, 2)", "1 - np.power(cache['Z1'], 2)"),
            ("G402", "1 - np.power(A1, 2)", "1 - np.tanh(A1) ** 2"),
            ("G403", "1 - np.power(A1, 2)", "A1 * (1 - A1)"),
            ("G401", "np.dot(W2.T, dZ2) * (1 - np.power(A1, 2))", "np.dot(W2.T, dZ2)"),
            ("G201", "dW1 = 1 / m * np.dot(dZ1, X.T)", "dW1 = np.dot(dZ1, X.T)"),
            ("G501", "dZ2 = A2 - Y", "dZ2 = (A2 - Y) * A2 * (1 - A2)"),
            ("G703", "np.dot(dZ2, A1.T)", "np.dot(dZ2, cache['Z1'].T)"),
            ("G603", "np.sum(dZ1, axis=1, keepdims=True)", "np.sum(dZ1) * np.ones((4, 1))"),
        ],
        [
            [
                ("dZ2 = A2 - Y", "dA2 = -(Y / A2 - (1 - Y) / (1 - A2))"),
                ("    dW2 = 1", "    dZ2 = dA2 * A2 * (1 - A2)\n    dW2 = 1"),
            ],
            [
                ("dZ2 = A2 - Y", "dZ2 = (A2 - Y) / m"),
                ("dW2 = 1 / m * np", "dW2 = np"),
                ("db2 = 1 / m * np", "db2 = np"),
                ("dW1 = 1 / m * np", "dW1 = np"),
                ("db1 = 1 / m * np", "db1 = np"),
            ],
            [("np.sum(dZ1, axis=1, keepdims=True)", "dZ1.sum(axis=1).reshape(-1, 1)")],
        ],
    )
    yield from made(
        "two-layer-net",
        """
import numpy as np


class TwoLayerNet:
    \"\"\"Input - fully connected - ReLU - fully connected - softmax.\"\"\"

    def __init__(self, W1, b1, W2, b2, reg):
        self.params = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
        self.reg = reg

    def scores(self, X):
        W1, b1 = self.params["W1"], self.params["b1"]
        W2, b2 = self.params["W2"], self.params["b2"]
        hidden = np.maximum(0, X.dot(W1) + b1)
        return hidden, hidden.dot(W2) + b2

    def probabilities(self, scores):
        shifted = scores - np.max(scores, axis=1, keepdims=True)
        exp_scores = np.exp(shifted)
        return exp_scores / np.sum(exp_scores, axis=1, keepdims=True)

    def loss(self, X, y):
        hidden, scores = self.scores(X)
        probs = self.probabilities(scores)
        data_loss = -np.sum(np.log(probs[np.arange(X.shape[0]), y])) / X.shape[0]
        W1, W2 = self.params["W1"], self.params["W2"]
        return data_loss + 0.5 * self.reg * (np.sum(W1 * W1) + np.sum(W2 * W2))

    def grads(self, X, y):
        N = X.shape[0]
        W1, W2 = self.params["W1"], self.params["W2"]
        hidden, scores = self.scores(X)
        dscores = self.probabilities(scores)
        dscores[np.arange(N), y] -= 1
        dscores /= N

        grads = {}
        grads["W2"] = hidden.T.dot(dscores)
        grads["b2"] = np.sum(dscores, axis=0)
        dhidden = dscores.dot(W2.T)
        dhidden[hidden <= 0] = 0
        grads["W1"] = X.T.dot(dhidden)
        grads["b1"] = np.sum(dhidden, axis=0)
        grads["W2"] += self.reg * W2
        grads["W1"] += self.reg * W1
        return grads


def loss(X, y, W1, b1, W2, b2, reg):
    return TwoLayerNet(W1, b1, W2, b2, reg).loss(X, y)


def gradient(X, y, W1, b1, W2, b2, reg):
    return TwoLayerNet(W1, b1, W2, b2, reg).grads(X, y)


def example():
    rng = np.random.default_rng(0)
    return {
        "X": rng.normal(size=(5, 4)), "y": np.array([0, 1, 2, 2, 1]),
        "W1": rng.normal(size=(4, 10)), "b1": 0.1 * rng.normal(size=10),
        "W2": rng.normal(size=(10, 3)), "b2": 0.1 * rng.normal(size=3), "reg": 0.25,
    }
""",
        [
            ("G404", "dhidden[hidden <= 0] = 0", "dhidden[dhidden <= 0] = 0"),
            ("G404", "dhidden[hidden <= 0] = 0", "dhidden[hidden > 0] = 0"),
            ("G401", "dhidden[hidden <= 0] = 0", "dhidden[hidden < -1e9] = 0"),
            ("G302", 'grads["W1"] += self.reg * W1', 'grads["W1"] += 2 * self.reg * W1'),
            (
                "G304",
                'grads["b1"] = np.sum(dhidden, axis=0)',
                'grads["b1"] = np.sum(dhidden, axis=0) + self.reg * self.params["b1"]',
            ),
            ("G201", "        dscores /= N\n", "        dscores = dscores\n"),
            ("G601", "= np.sum(dscores, axis=0)", "= np.mean(dscores, axis=0)"),
            ("G302", 'grads["W2"] += self.reg * W2', 'grads["W2"] += self.reg * W2 / N'),
        ],
        [
            [("dhidden[hidden <= 0] = 0", "dhidden = dhidden * (hidden > 0)")],
            [
                ("dscores[np.arange(N), y] -= 1", "onehot = np.eye(W2.shape[1])[y]"),
                ("dscores /= N", "dscores = (dscores - onehot) / N"),
            ],
            [
                ('grads["W2"] += self.reg * W2\n        ', ""),
                ("hidden.T.dot(dscores)", "hidden.T.dot(dscores) + self.reg * W2"),
            ],
        ],
    )
    yield from made(
        "l-layer-lists",
        """
import numpy as np


def relu(z):
    return np.maximum(z, 0)


def forward(X, weights, biases):
    activations = [X]
    zs = []
    a = X
    for W, b in zip(weights[:-1], biases[:-1]):
        z = a @ W + b
        zs.append(z)
        a = relu(z)
        activations.append(a)
    out = a @ weights[-1] + biases[-1]
    return out, activations, zs


def loss(X, T, weights, biases):
    out, _, _ = forward(X, weights, biases)
    return 0.5 * np.sum((out - T) ** 2) / X.shape[0]


def gradient(X, T, weights, biases):
    out, activations, zs = forward(X, weights, biases)
    L = len(weights)
    dW = [None] * L
    db = [None] * L

    delta = (out - T) / X.shape[0]
    for l in reversed(range(L)):
        dW[l] = activations[l].T @ delta
        db[l] = delta.sum(axis=0)
        if l > 0:
            delta = delta @ weights[l].T
            delta = delta * (zs[l - 1] > 0)

    return {"weights": dW, "biases": db}


def example():
    rng = np.random.default_rng(42)
    sizes = [4, 6, 5, 2]
    weights = [rng.normal(size=(i, o)) for i, o in zip(sizes[:-1], sizes[1:])]
    biases = [0.3 * rng.normal(size=o) for o in sizes[1:]]
    X = rng.normal(size=(8, 4))
    return {"X": X, "T": rng.normal(size=(8, 2)), "weights": weights, "biases": biases}
""",
        [
            (
                "G703",
                "dW[l] = activations[l].T @ delta",
                "dW[l] = (zs[l - 1] if l > 0 else X).T @ delta",
            ),
            ("G204", "delta = (out - T) / X", "delta = 2 * (out - T) / X"),
            ("G403", "delta = delta * (zs[l - 1] > 0)", "delta = delta * relu(zs[l - 1])"),
            ("G401", "delta = delta * (zs[l - 1] > 0)", "delta = delta * 1"),
            ("G404", "(zs[l - 1] > 0)", "(delta > 0)"),
            ("G601", "db[l] = delta.sum(axis=0)", "db[l] = delta.mean(axis=0)"),
            ("G602", "db[l] = delta.sum(axis=0)", "db[l] = delta[-1]"),
        ],
        [
            [("(zs[l - 1] > 0)", "np.where(activations[l] > 0, 1.0, 0.0)")],
            [("db[l] = delta.sum(axis=0)", "db[l] = np.ones(len(X)) @ delta")],
            [
                ("delta = (out - T) / X.shape[0]", "delta = out - T"),
                (
                    'return {"weights": dW, "biases": db}',
                    "n = len(X)\n"
                    '    return {"weights": [g / n for g in dW], "biases": [g / n for g in db]}',
                ),
            ],
        ],
    )
    yield from made(
        "bias-folded",
        """
import numpy as np

# One hidden layer; the first column of alpha and of beta holds the biases.


def add_one(v):
    return np.concatenate(([1.0], v))


def nn_forward(x, alpha, beta):
    a = alpha @ add_one(x)
    z = 1 / (1 + np.exp(-a))
    b = beta @ add_one(z)
    y_hat = np.exp(b) / np.sum(np.exp(b))
    return a, z, b, y_hat


def loss(X, Y, alpha, beta):
    total = 0.0
    for x, y in zip(X, Y):
        _, _, _, y_hat = nn_forward(x, alpha, beta)
        total += -np.sum(y * np.log(y_hat))
    return total / len(X)


def gradient(X, Y, alpha, beta):
    g_alpha = np.zeros_like(alpha)
    g_beta = np.zeros_like(beta)
    for x, y in zip(X, Y):
        a, z, b, y_hat = nn_forward(x, alpha, beta)
        gb = y_hat - y
        g_beta += np.outer(gb, add_one(z))
        gz = beta[:, 1:].T @ gb
        ga = gz * z * (1 - z)
        g_alpha += np.outer(ga, add_one(x))
    return {"alpha": g_alpha / len(X), "beta": g_beta / len(X)}


def example():
    rng = np.random.default_rng(601)
    X = rng.normal(size=(5, 6))
    Y = np.eye(3)[[1, 0, 2, 2, 1]]
    return {"X": X, "Y": Y, "alpha": rng.normal(size=(4, 7)), "beta": rng.normal(size=(3, 5))}
""",
        [
            ("G802|G801", "g_beta += np.outer", "g_beta = np.outer"),
            ("G702|G703|G000", "beta[:, 1:].T @ gb", "beta[:, :-1].T @ gb"),
            ("G403", "ga = gz * z * (1 - z)", "ga = gz * a * (1 - a)"),
            ("G403", "ga = gz * z * (1 - z)", "ga = gz * (1 - z ** 2)"),
            ("G405", "ga = gz * z * (1 - z)", "ga = z * (1 - z)"),
            ("G205", "gb = y_hat - y", "gb = y - y_hat"),
            ("G703", "np.outer(gb, add_one(z))", "np.outer(gb, add_one(a))"),
        ],
        [
            [("gz * z * (1 - z)", "gz * (z - z ** 2)")],
            [
                (
                    "gb = y_hat - y\n",
                    "J = np.diag(y_hat) - np.outer(y_hat, y_hat)\n        gb = J @ (-y / y_hat)\n",
                )
            ],
            [("np.outer(ga, add_one(x))", "ga[:, None] * add_one(x)[None, :]")],
        ],
    )
