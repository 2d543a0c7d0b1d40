"""Fresh files about feed-forward networks: caches, columns of samples, lists, heads, shortcuts."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.case import Case
from tests.checking.corpus.fresh_parts import written


def networks() -> Iterator[Case]:
    yield from written(
        "affine-caches",
        """
import numpy as np


def affine_forward(x, w, b):
    return x.dot(w) + b, (x, w)


def affine_backward(dout, cache):
    x, w = cache
    dx = dout.dot(w.T)
    dw = x.T.dot(dout)
    db = np.sum(dout, axis=0)
    return dx, dw, db


def relu_forward(x):
    return np.maximum(0, x), x


def relu_backward(dout, cache):
    x = cache
    dx = dout * (x > 0)
    return dx


def softmax_loss(x, y):
    N = x.shape[0]
    shifted = x - np.max(x, axis=1, keepdims=True)
    log_probs = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    loss = -np.sum(log_probs[np.arange(N), y]) / N
    dx = np.exp(log_probs)
    dx[np.arange(N), y] -= 1
    dx /= N
    return loss, dx


def forward(X, params):
    a1, fc1_cache = affine_forward(X, params["W1"], params["b1"])
    h1, relu_cache = relu_forward(a1)
    scores, fc2_cache = affine_forward(h1, params["W2"], params["b2"])
    return scores, (fc1_cache, relu_cache, fc2_cache)


def loss(X, y, params, reg):
    scores, _ = forward(X, params)
    data_loss, _ = softmax_loss(scores, y)
    return data_loss + 0.5 * reg * (np.sum(params["W1"] ** 2) + np.sum(params["W2"] ** 2))


def gradient(X, y, params, reg):
    scores, (fc1_cache, relu_cache, fc2_cache) = forward(X, params)
    _, dscores = softmax_loss(scores, y)
    grads = {}
    dh1, grads["W2"], grads["b2"] = affine_backward(dscores, fc2_cache)
    da1 = relu_backward(dh1, relu_cache)
    _, grads["W1"], grads["b1"] = affine_backward(da1, fc1_cache)
    grads["W2"] += reg * params["W2"]
    grads["W1"] += reg * params["W1"]
    return {"params": grads}


def example():
    np.random.seed(231)
    D, H, C, N = 5, 7, 4, 9
    params = {
        "W1": 0.5 * np.random.randn(D, H),
        "b1": 0.1 * np.random.randn(H),
        "W2": 0.5 * np.random.randn(H, C),
        "b2": 0.1 * np.random.randn(C),
    }
    X = np.random.randn(N, D)
    y = np.random.randint(C, size=N)
    return {"X": X, "y": y, "params": params, "reg": 0.3}
""",
        [
            ("G404", "dx = dout * (x > 0)", "dx = dout * (dout > 0)"),
            ("G601", "db = np.sum(dout, axis=0)", "db = np.mean(dout, axis=0)"),
            ("G203", "    dx /= N", "    dx /= x.shape[1]"),
            ("G302", '+= reg * params["W2"]', '+= 2 * reg * params["W2"]'),
        ],
        [
            [("    dx = dout * (x > 0)\n", "    dx = np.array(dout)\n    dx[x <= 0] = 0\n")],
        ],
        [
            (
                "G301",
                '    grads["W1"] += reg * params["W1"]\n',
                "",
                '_, grads["W1"], grads["b1"]',
            ),
        ],
    )
    yield from written(
        "columns-of-samples",
        """
import numpy as np


def sigmoid(Z):
    return 1 / (1 + np.exp(-Z))


def forward_propagation(X, W1, b1, W2, b2):
    Z1 = np.dot(W1, X) + b1
    A1 = np.tanh(Z1)
    Z2 = np.dot(W2, A1) + b2
    A2 = sigmoid(Z2)
    return Z1, A1, Z2, A2


def loss(X, Y, W1, b1, W2, b2):
    m = Y.shape[1]
    _, _, _, A2 = forward_propagation(X, W1, b1, W2, b2)
    logprobs = np.multiply(np.log(A2), Y) + np.multiply(np.log(1 - A2), 1 - Y)
    return -np.sum(logprobs) / m


def gradient(X, Y, W1, b1, W2, b2):
    m = X.shape[1]
    Z1, A1, Z2, A2 = forward_propagation(X, W1, b1, W2, b2)

    dA2 = -(np.divide(Y, A2) - np.divide(1 - Y, 1 - A2))
    dZ2 = dA2 * A2 * (1 - A2)
    dW2 = (1 / m) * np.dot(dZ2, A1.T)
    db2 = (1 / m) * np.sum(dZ2, axis=1, keepdims=True)

    dA1 = np.dot(W2.T, dZ2)
    dZ1 = np.multiply(dA1, 1 - np.power(A1, 2))
    dW1 = (1 / m) * np.dot(dZ1, X.T)
    db1 = (1 / m) * np.sum(dZ1, axis=1, keepdims=True)
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


def example():
    np.random.seed(3)
    n_x, n_h, m = 3, 5, 8
    return {
        "X": np.random.randn(n_x, m),
        "Y": (np.random.rand(1, m) > 0.4).astype(float),
        "W1": np.random.randn(n_h, n_x),
        "b1": np.random.randn(n_h, 1),
        "W2": np.random.randn(1, n_h),
        "b2": np.zeros((1, 1)),
    }
""",
        [
            ("G401|G502", "dZ2 = dA2 * A2 * (1 - A2)", "dZ2 = dA2"),
            ("G703", "np.dot(dZ2, A1.T)", "np.dot(dZ2, Z1.T)"),
            ("G403", "1 - np.power(A1, 2)", "A1 * (1 - A1)"),
            ("G201", "dW1 = (1 / m) * np.dot(dZ1, X.T)", "dW1 = np.dot(dZ1, X.T)"),
            ("G101|G603", "np.sum(dZ1, axis=1, keepdims=True)", "np.sum(dZ1)"),
        ],
        [
            [
                ("    dA2 = -(np.divide(Y, A2) - np.divide(1 - Y, 1 - A2))\n", ""),
                ("dZ2 = dA2 * A2 * (1 - A2)", "dZ2 = A2 - Y"),
            ],
        ],
    )
    yield from written(
        "unrolled-theta",
        """
import numpy as np

INPUTS, HIDDEN, LABELS = 4, 5, 3


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def sigmoid_gradient(z):
    g = sigmoid(z)
    return g * (1.0 - g)


def roll(theta):
    split = HIDDEN * (INPUTS + 1)
    Theta1 = theta[:split].reshape(HIDDEN, INPUTS + 1)
    Theta2 = theta[split:].reshape(LABELS, HIDDEN + 1)
    return Theta1, Theta2


def loss(theta, X, Y, lam):
    Theta1, Theta2 = roll(theta)
    m = X.shape[0]
    ones = np.ones((m, 1))
    a1 = np.hstack([ones, X])
    a2 = np.hstack([ones, sigmoid(a1 @ Theta1.T)])
    h = sigmoid(a2 @ Theta2.T)
    J = -np.sum(Y * np.log(h) + (1 - Y) * np.log(1 - h)) / m
    J += lam / (2 * m) * (np.sum(Theta1[:, 1:] ** 2) + np.sum(Theta2[:, 1:] ** 2))
    return J


def gradient(theta, X, Y, lam):
    Theta1, Theta2 = roll(theta)
    m = X.shape[0]
    Delta1 = np.zeros_like(Theta1)
    Delta2 = np.zeros_like(Theta2)
    for t in range(m):
        # step 1: forward
        a1 = np.concatenate(([1.0], X[t]))
        z2 = Theta1 @ a1
        a2 = np.concatenate(([1.0], sigmoid(z2)))
        a3 = sigmoid(Theta2 @ a2)
        # step 2 and 3: errors
        delta3 = a3 - Y[t]
        delta2 = (Theta2[:, 1:].T @ delta3) * sigmoid_gradient(z2)
        # step 4: accumulate
        Delta2 += np.outer(delta3, a2)
        Delta1 += np.outer(delta2, a1)
    Theta1_grad = Delta1 / m
    Theta2_grad = Delta2 / m
    Theta1_grad[:, 1:] += lam / m * Theta1[:, 1:]
    Theta2_grad[:, 1:] += lam / m * Theta2[:, 1:]
    return {"theta": np.concatenate([Theta1_grad.ravel(), Theta2_grad.ravel()])}


def example():
    rng = np.random.default_rng(5)
    size = HIDDEN * (INPUTS + 1) + LABELS * (HIDDEN + 1)
    X = rng.standard_normal((7, INPUTS))
    Y = np.eye(LABELS)[rng.integers(LABELS, size=7)]
    return {"theta": rng.uniform(-1, 1, size), "X": X, "Y": Y, "lam": 1.0}
""",
        [
            (
                "G304",
                "Theta1_grad[:, 1:] += lam / m * Theta1[:, 1:]",
                "Theta1_grad += lam / m * Theta1",
            ),
            ("G705", "Theta2_grad.ravel()])", 'Theta2_grad.ravel(order="F")])'),
            ("G802", "Delta2 += np.outer", "Delta2 = np.outer"),
            ("G402", "sigmoid_gradient(z2)", "sigmoid_gradient(a2[1:])"),
            ("G501", "delta3 = a3 - Y[t]", "delta3 = (a3 - Y[t]) * a3 * (1 - a3)"),
        ],
        [
            [("sigmoid_gradient(z2)", "a2[1:] * (1 - a2[1:])")],
        ],
    )
    yield from written(
        "layers-in-a-list",
        """
import numpy as np


def silu(x):
    return x / (1 + np.exp(-x))


def silu_prime(x):
    s = 1 / (1 + np.exp(-x))
    return s * (1 + x * (1 - s))


def forward(x, layers):
    inputs, pres = [], []
    for i, (weight, bias) in enumerate(layers):
        inputs.append(x)
        pre = x @ weight.T + bias  # like nn.Linear: weight is (out, in)
        pres.append(pre)
        x = silu(pre) if i < len(layers) - 1 else pre
    return x, inputs, pres


def loss(x, target, layers):
    out, _, _ = forward(x, layers)
    return ((out - target) ** 2).mean()


def gradient(x, target, layers):
    out, inputs, pres = forward(x, layers)
    grads = [None] * len(layers)
    delta = 2 * (out - target) / out.size
    for i in reversed(range(len(layers))):
        weight, bias = layers[i]
        if i < len(layers) - 1:
            delta = delta * silu_prime(pres[i])
        grads[i] = (delta.T @ inputs[i], delta.sum(0))
        delta = delta @ weight
    return {"layers": grads}


def example():
    g = np.random.default_rng(0)
    sizes = [3, 6, 5, 2]
    layers = [
        (g.normal(size=(o, i)) / np.sqrt(i), g.normal(size=o) * 0.1)
        for i, o in zip(sizes[:-1], sizes[1:])
    ]
    return {"x": g.normal(size=(8, 3)), "target": g.normal(size=(8, 2)), "layers": layers}
""",
        [
            ("G203", "/ out.size", "/ len(x)"),
            ("G204", "delta = 2 * (out - target)", "delta = (out - target)"),
            ("G403", "return s * (1 + x * (1 - s))", "return s * (1 - s)"),
            ("G402", "silu_prime(pres[i])", "silu_prime(inputs[i + 1])"),
            ("G601", "delta.sum(0))", "delta.mean(0))"),
        ],
        [
            [("return s * (1 + x * (1 - s))", "return s + silu(x) * (1 - s)")],
        ],
    )
    yield from written(
        "two-residual-blocks",
        """
import numpy as np


def relu(v):
    return np.where(v > 0, v, 0.0)


def loss(x, t, U1, V1, U2, V2, w):
    h0 = x
    h1 = h0 + relu(h0 @ U1) @ V1
    h2 = h1 + relu(h1 @ U2) @ V2
    pred = h2 @ w
    return 0.5 * np.mean((pred - t) ** 2)


def gradient(x, t, U1, V1, U2, V2, w):
    n = len(t)
    h0 = x
    z1 = h0 @ U1
    r1 = relu(z1)
    h1 = h0 + r1 @ V1
    z2 = h1 @ U2
    r2 = relu(z2)
    h2 = h1 + r2 @ V2
    pred = h2 @ w

    e = (pred - t) / n
    dw = h2.T @ e
    dh2 = np.outer(e, w)
    dV2 = r2.T @ dh2
    dz2 = (dh2 @ V2.T) * (z2 > 0)
    dU2 = h1.T @ dz2
    dh1 = dh2 + dz2 @ U2.T
    dV1 = r1.T @ dh1
    dz1 = (dh1 @ V1.T) * (z1 > 0)
    dU1 = h0.T @ dz1
    return dict(U1=dU1, V1=dV1, U2=dU2, V2=dV2, w=dw)


def example():
    rng = np.random.default_rng(12)
    n, d, k = 10, 4, 6
    mats = {
        "U1": rng.normal(0, 0.6, (d, k)), "V1": rng.normal(0, 0.6, (k, d)),
        "U2": rng.normal(0, 0.6, (d, k)), "V2": rng.normal(0, 0.6, (k, d)),
    }
    return {"x": rng.normal(size=(n, d)), "t": rng.normal(size=n), **mats, "w": rng.normal(size=d)}
""",
        [
            ("G801", "dh1 = dh2 + dz2 @ U2.T", "dh1 = dz2 @ U2.T"),
            ("G404", "(dh1 @ V1.T) * (z1 > 0)", "(dh1 @ V1.T) * (z2 > 0)"),
            ("G401", "dz2 = (dh2 @ V2.T) * (z2 > 0)", "dz2 = dh2 @ V2.T"),
            ("G703", "dU2 = h1.T @ dz2", "dU2 = h2.T @ dz2"),
        ],
        [
            [
                ("(z1 > 0)", "np.sign(r1)"),
                ("dh2 = np.outer(e, w)", "dh2 = e[:, None] * w[None, :]"),
            ],
        ],
    )
