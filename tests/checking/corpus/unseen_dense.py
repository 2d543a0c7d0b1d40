"""Unseen files: networks of dense layers, as courses give them for homework."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.case import Case
from tests.checking.corpus.unseen_parts import written


def dense() -> Iterator[Case]:
    yield from written(
        "deep-model",
        """
import numpy as np


def relu(Z):
    return np.maximum(0, Z)


def sigmoid(Z):
    return 1 / (1 + np.exp(-Z))


def L_model_forward(X, parameters):
    caches = []
    A = X
    L = len(parameters) // 2
    for l in range(1, L + 1):
        A_prev = A
        W, b = parameters["W" + str(l)], parameters["b" + str(l)]
        Z = np.dot(W, A_prev) + b
        A = relu(Z) if l < L else sigmoid(Z)
        caches.append((A_prev, W, Z))
    return A, caches


def loss(X, Y, parameters, lambd):
    m = Y.shape[1]
    AL, _ = L_model_forward(X, parameters)
    cost = -np.sum(Y * np.log(AL) + (1 - Y) * np.log(1 - AL)) / m
    L2 = sum(np.sum(np.square(parameters["W" + str(l)])) for l in range(1, 4))
    return cost + lambd / (2 * m) * L2


def linear_backward(dZ, cache, lambd):
    A_prev, W, Z = cache
    m = A_prev.shape[1]
    dW = 1 / m * np.dot(dZ, A_prev.T) + lambd / m * W
    db = 1 / m * np.sum(dZ, axis=1, keepdims=True)
    dA_prev = np.dot(W.T, dZ)
    return dA_prev, dW, db


def gradient(X, Y, parameters, lambd):
    grads = {}
    AL, caches = L_model_forward(X, parameters)
    L = len(caches)
    dZ = AL - Y
    for l in reversed(range(L)):
        dA_prev, dW, db = linear_backward(dZ, caches[l], lambd)
        grads["W" + str(l + 1)] = dW
        grads["b" + str(l + 1)] = db
        if l > 0:
            dZ = dA_prev * (caches[l - 1][2] > 0)
    return {"parameters": grads}


def example():
    np.random.seed(3)
    dims = [5, 4, 3, 1]
    parameters = {}
    for l in range(1, 4):
        parameters["W" + str(l)] = np.random.randn(dims[l], dims[l - 1]) / np.sqrt(dims[l - 1])
        parameters["b" + str(l)] = np.random.randn(dims[l], 1) * 0.3 + 0.2
    X = np.random.randn(5, 9)
    Y = (np.random.rand(1, 9) > 0.5).astype(float)
    return {"X": X, "Y": Y, "parameters": parameters, "lambd": 0.7}
""",
        [
            ("G302", "A_prev.T) + lambd / m * W", "A_prev.T) + lambd * W"),
            ("G202", "dA_prev = np.dot(W.T, dZ)", "dA_prev = 1 / m * np.dot(W.T, dZ)"),
            ("G404", "(caches[l - 1][2] > 0)", "(dA_prev > 0)"),
            ("G501", "dZ = AL - Y", "dZ = (AL - Y) * AL * (1 - AL)"),
            ("G601|G201", "db = 1 / m * np.sum(dZ,", "db = np.sum(dZ,"),
            ("G101", "np.sum(dZ, axis=1, keepdims=True)", "np.sum(dZ, axis=1)"),
        ],
        [
            [("dZ = AL - Y", "dA = (1 - Y) / (1 - AL) - Y / AL\n    dZ = dA * AL * (1 - AL)")],
            [
                (
                    "dZ = dA_prev * (caches[l - 1][2] > 0)",
                    "dZ = np.where(caches[l][0] > 0, dA_prev, 0)",
                )
            ],
        ],
    )
    yield from written(
        "two-layer-softmax",
        """
import numpy as np


def loss(W1, b1, W2, b2, X, y, reg):
    N = X.shape[0]
    hidden = np.maximum(0, X.dot(W1) + b1)
    scores = hidden.dot(W2) + b2
    shift = scores - scores.max(axis=1).reshape(-1, 1)
    softmax = np.exp(shift) / np.exp(shift).sum(axis=1).reshape(-1, 1)
    data = -np.sum(np.log(softmax[range(N), y])) / N
    return data + reg * (np.sum(W1 * W1) + np.sum(W2 * W2))


def gradient(W1, b1, W2, b2, X, y, reg):
    N = X.shape[0]
    # forward
    hidden = np.maximum(0, X.dot(W1) + b1)
    scores = hidden.dot(W2) + b2
    shift = scores - scores.max(axis=1).reshape(-1, 1)
    dscores = np.exp(shift) / np.exp(shift).sum(axis=1).reshape(-1, 1)
    # backward
    dscores[range(N), y] -= 1
    dscores /= N
    dW2 = hidden.T.dot(dscores) + 2 * reg * W2
    db2 = np.sum(dscores, axis=0)
    dh = dscores.dot(W2.T)
    dh_relu = (hidden > 0) * dh
    dW1 = X.T.dot(dh_relu) + 2 * reg * W1
    db1 = np.sum(dh_relu, axis=0)
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


def example():
    np.random.seed(0)
    D, H, C, N = 4, 7, 3, 5
    return {
        "W1": 0.8 * np.random.randn(D, H),
        "b1": 0.2 * np.random.randn(H),
        "W2": 0.8 * np.random.randn(H, C),
        "b2": 0.2 * np.random.randn(C),
        "X": 2 * np.random.randn(N, D),
        "y": np.array([0, 1, 2, 2, 1]),
        "reg": 0.05,
    }
""",
        [
            ("G302", "dot(dh_relu) + 2 * reg * W1", "dot(dh_relu) + reg * W1"),
            (
                "G304",
                "db2 = np.sum(dscores, axis=0)",
                "db2 = np.sum(dscores, axis=0) + 2 * reg * b2",
            ),
            ("G601", "db1 = np.sum(dh_relu, axis=0)", "db1 = np.mean(dh_relu, axis=0)"),
            ("G401", "np.sum(dh_relu, axis=0)", "np.sum(dh, axis=0)"),
        ],
        [
            [
                (
                    "    dh_relu = (hidden > 0) * dh\n",
                    "    dh_relu = dh.copy()\n    dh_relu[hidden <= 0] = 0\n",
                )
            ],
        ],
        [
            ("G201", "    dscores /= N\n", "", "dscores[range(N), y] -= 1"),
            (
                "G804",
                "    dh = dscores",
                "    W2 = W2 - 0.1 * dW2\n    dh = dscores",
                "W2 = W2 - 0.1 * dW2",
            ),
        ],
    )
    yield from written(
        "theta-with-bias-column",
        """
import numpy as np


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def sigmoidGradient(z):
    g = sigmoid(z)
    return g * (1 - g)


def loss(Theta1, Theta2, X, Y, lam):
    m = X.shape[0]
    A1 = np.c_[np.ones(m), X]
    A2 = np.c_[np.ones(m), sigmoid(A1 @ Theta1.T)]
    H = sigmoid(A2 @ Theta2.T)
    J = np.sum(-Y * np.log(H) - (1 - Y) * np.log(1 - H)) / m
    J += lam / (2 * m) * (np.sum(Theta1[:, 1:] ** 2) + np.sum(Theta2[:, 1:] ** 2))
    return J


def gradient(Theta1, Theta2, X, Y, lam):
    m = X.shape[0]
    Delta1 = np.zeros(Theta1.shape)
    Delta2 = np.zeros(Theta2.shape)
    for t in range(m):
        # step 1: forward
        a1 = np.hstack([1, X[t]])
        z2 = Theta1 @ a1
        a2 = np.hstack([1, sigmoid(z2)])
        a3 = sigmoid(Theta2 @ a2)
        # step 2 and 3: the errors
        delta3 = a3 - Y[t]
        delta2 = (Theta2[:, 1:].T @ delta3) * sigmoidGradient(z2)
        # step 4: accumulate
        Delta2 += np.outer(delta3, a2)
        Delta1 += np.outer(delta2, a1)
    # step 5
    Theta1_grad = Delta1 / m
    Theta2_grad = Delta2 / m
    Theta1_grad[:, 1:] += lam / m * Theta1[:, 1:]
    Theta2_grad[:, 1:] += lam / m * Theta2[:, 1:]
    return {"Theta1": Theta1_grad, "Theta2": Theta2_grad}


def example():
    rng = np.random.RandomState(42)
    m = 6
    return {
        "Theta1": rng.uniform(-1, 1, (4, 6)),
        "Theta2": rng.uniform(-1, 1, (3, 5)),
        "X": rng.randn(m, 5),
        "Y": np.eye(3)[rng.randint(0, 3, m)],
        "lam": 1.5,
    }
""",
        [
            ("G402", "* sigmoidGradient(z2)", "* sigmoidGradient(a2[1:])"),
            (
                "G304",
                "Theta1_grad[:, 1:] += lam / m * Theta1[:, 1:]",
                "Theta1_grad += lam / m * Theta1",
            ),
            ("G802|G801", "Delta1 += np.outer", "Delta1 = np.outer"),
            ("G201", "Theta2_grad = Delta2 / m", "Theta2_grad = Delta2"),
            (
                "G303",
                "Theta2_grad[:, 1:] += lam / m * Theta2",
                "Theta2_grad[:, 1:] -= lam / m * Theta2",
            ),
        ],
        [
            [
                (
                    "    Theta1_grad[:, 1:] += lam / m * Theta1[:, 1:]\n",
                    "    Theta1_grad += lam / m * np.c_[np.zeros(4), Theta1[:, 1:]]\n",
                )
            ],
        ],
        [
            (
                "G302",
                "    Theta1_grad = Delta1 / m\n    Theta2_grad = Delta2 / m\n"
                "    Theta1_grad[:, 1:] += lam / m * Theta1[:, 1:]\n",
                "    Theta1_grad = Delta1\n    Theta2_grad = Delta2 / m\n"
                "    Theta1_grad[:, 1:] += lam / m * Theta1[:, 1:]\n    Theta1_grad /= m\n",
                "Theta1_grad[:, 1:] += lam / m * Theta1[:, 1:]",
            ),
        ],
    )
    yield from written(
        "book-network",
        """
import numpy as np


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def sigmoid_prime(z):
    return sigmoid(z) * (1 - sigmoid(z))


def feedforward(a, weights, biases):
    for b, w in zip(biases, weights):
        a = sigmoid(np.dot(w, a) + b)
    return a


def loss(weights, biases, inputs, targets):
    total = 0.0
    for x, y in zip(inputs, targets):
        out = feedforward(x[:, None], weights, biases)
        total += 0.5 * np.linalg.norm(out - y[:, None]) ** 2
    return total / len(inputs)


def cost_derivative(output_activations, y):
    return output_activations - y


def backprop(x, y, weights, biases):
    nabla_b = [np.zeros(b.shape) for b in biases]
    nabla_w = [np.zeros(w.shape) for w in weights]
    activation = x
    activations = [x]
    zs = []
    for b, w in zip(biases, weights):
        z = np.dot(w, activation) + b
        zs.append(z)
        activation = sigmoid(z)
        activations.append(activation)
    delta = cost_derivative(activations[-1], y) * sigmoid_prime(zs[-1])
    nabla_b[-1] = delta
    nabla_w[-1] = np.dot(delta, activations[-2].transpose())
    for l in range(2, len(weights) + 1):
        sp = sigmoid_prime(zs[-l])
        delta = np.dot(weights[-l + 1].transpose(), delta) * sp
        nabla_b[-l] = delta
        nabla_w[-l] = np.dot(delta, activations[-l - 1].transpose())
    return nabla_b, nabla_w


def gradient(weights, biases, inputs, targets):
    nabla_b = [np.zeros(b.shape) for b in biases]
    nabla_w = [np.zeros(w.shape) for w in weights]
    for x, y in zip(inputs, targets):
        delta_b, delta_w = backprop(x[:, None], y[:, None], weights, biases)
        nabla_b = [nb + dnb for nb, dnb in zip(nabla_b, delta_b)]
        nabla_w = [nw + dnw for nw, dnw in zip(nabla_w, delta_w)]
    n = len(inputs)
    return {"weights": [nw / n for nw in nabla_w], "biases": [nb / n for nb in nabla_b]}


def example():
    np.random.seed(12)
    sizes = [4, 5, 3, 2]
    return {
        "biases": [np.random.randn(y, 1) for y in sizes[1:]],
        "weights": [np.random.randn(y, x) for x, y in zip(sizes[:-1], sizes[1:])],
        "inputs": np.random.randn(7, 4),
        "targets": np.random.rand(7, 2),
    }
""",
        [
            (
                "G502",
                "cost_derivative(activations[-1], y) * sigmoid_prime(zs[-1])",
                "cost_derivative(activations[-1], y)",
            ),
            ("G402", "sp = sigmoid_prime(zs[-l])", "sp = sigmoid_prime(activations[-l])"),
            (
                "G403",
                "return sigmoid(z) * (1 - sigmoid(z))",
                "return sigmoid(z) * (1 - sigmoid(z) ** 2)",
            ),
            ("G802", "nabla_w = [nw + dnw for", "nabla_w = [dnw for"),
            ("G201", "[nb / n for nb in nabla_b]", "[nb for nb in nabla_b]"),
            ("G204|G205", "return output_activations - y", "return 2 * (output_activations - y)"),
            ("G205", "return output_activations - y", "return y - output_activations"),
        ],
        [
            [("sp = sigmoid_prime(zs[-l])", "sp = activations[-l] * (1 - activations[-l])")],
        ],
    )
