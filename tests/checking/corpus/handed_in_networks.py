"""Dense networks: by layers in loops, written out, sample by sample, on columns."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.case import Case
from tests.checking.corpus.handed_in_parts import made


def networks() -> Iterator[Case]:
    """Dense networks: by layers in loops, written out, sample by sample, on columns."""
    for program in PROGRAMS:
        yield from made(*program)


PROGRAMS = [
    (
        "cs231n-softmax-naive",
        r"""
import numpy as np


def loss(W, X, y, reg):
    scores = X @ W
    scores = scores - scores.max(axis=1, keepdims=True)
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    N = X.shape[0]
    return -np.mean(np.log(p[np.arange(N), y])) + reg * np.sum(W * W)


def gradient(W, X, y, reg):
    dW = np.zeros_like(W)
    num_train = X.shape[0]
    num_classes = W.shape[1]
    for i in range(num_train):
        f = X[i].dot(W)
        f -= np.max(f)
        prob = np.exp(f) / np.sum(np.exp(f))
        for j in range(num_classes):
            dW[:, j] += prob[j] * X[i]
            if j == y[i]:
                dW[:, j] -= X[i]
    dW /= num_train
    dW += 2 * reg * W
    return dW


def example():
    rng = np.random.default_rng(3)
    W = rng.normal(0, 1, (4, 3))
    X = rng.normal(0, 1, (7, 4))
    y = np.array([0, 2, 1, 1, 0, 2, 2])
    return W, X, y, 0.31
""",
        [
            ("G201", "    dW /= num_train\n", "", "dW += 2 * reg * W"),
            ("G203", "dW /= num_train", "dW /= num_classes"),
            ("G302", "dW += 2 * reg * W", "dW += reg * W"),
            ("G301", "    dW += 2 * reg * W\n", "", "return dW"),
            ("G802", "dW[:, j] += prob[j] * X[i]", "dW[:, j] = prob[j] * X[i]"),
            (
                "G802",
                "    dW /= num_train\n    dW += 2 * reg * W\n    return dW",
                "        dW /= num_train\n        dW += 2 * reg * W\n        return dW",
                "        return dW",
            ),
            ("G303", "dW += 2 * reg * W", "dW -= 2 * reg * W"),
            ("G104", "dW = np.zeros_like(W)", "dW = np.zeros_like(W)\n    X -= X.mean(axis=0)"),
            (
                "G302",
                "    dW /= num_train\n    dW += 2 * reg * W",
                "    dW += 2 * reg * W\n    dW /= num_train",
                "dW += 2 * reg * W",
            ),
        ],
        [
            (
                "            dW[:, j] += prob[j] * X[i]\n            if j == y[i]:\n                dW[:, j] -= X[i]\n",
                "            dW[:, j] += (prob[j] - (j == y[i])) * X[i]\n",
            ),
            (
                "        for j in range(num_classes):\n            dW[:, j] += prob[j] * X[i]\n            if j == y[i]:\n                dW[:, j] -= X[i]\n",
                "        prob[y[i]] -= 1\n        dW += np.outer(X[i], prob)\n",
            ),
        ],
    ),
    (
        "cs231n-svm",
        r"""
import numpy as np


def loss(W, X, y, reg):
    num_train = X.shape[0]
    scores = X.dot(W)
    correct = scores[np.arange(num_train), y].reshape(-1, 1)
    margins = np.maximum(0, scores - correct + 1.0)
    margins[np.arange(num_train), y] = 0
    return np.sum(margins) / num_train + 0.5 * reg * np.sum(W ** 2)


def gradient(W, X, y, reg):
    num_train = X.shape[0]
    scores = X.dot(W)
    correct = scores[np.arange(num_train), y].reshape(-1, 1)
    margins = np.maximum(0, scores - correct + 1.0)
    margins[np.arange(num_train), y] = 0
    binary = (margins > 0).astype(float)
    row_sum = np.sum(binary, axis=1)
    binary[np.arange(num_train), y] = -row_sum
    dW = X.T.dot(binary) / num_train
    dW += reg * W
    return dW


def example():
    rng = np.random.default_rng(4)
    return (rng.normal(size=(5, 3)), rng.normal(size=(8, 5)), rng.integers(0, 3, 8), 0.7)
""",
        [
            (
                "G801|G000",
                "    binary[np.arange(num_train), y] = -row_sum\n",
                "",
                "dW = X.T.dot(binary) / num_train",
            ),
            (
                "G404",
                "binary = (margins > 0).astype(float)",
                "binary = (margins < 0).astype(float)",
            ),
            ("G403", "binary = (margins > 0).astype(float)", "binary = margins"),
            ("G302", "dW += reg * W", "dW += 2 * reg * W"),
            ("G205", "dW = X.T.dot(binary) / num_train", "dW = -X.T.dot(binary) / num_train"),
            ("G201", "dW = X.T.dot(binary) / num_train", "dW = X.T.dot(binary)"),
            (
                "G102",
                "    dW += reg * W\n    return dW",
                "    dW += reg * W\n    return dW.astype(int)",
                "return dW.astype",
            ),
            (
                "G104",
                "    dW += reg * W\n    return dW",
                "    W *= reg\n    dW += W\n    return dW",
            ),
        ],
        [
            ("binary = (margins > 0).astype(float)", "binary = np.where(margins > 0, 1.0, 0.0)"),
            ("    dW += reg * W\n    return dW", "    return dW + W * reg"),
        ],
    ),
    (
        "cs231n-twolayer",
        r"""
import numpy as np


def loss(params, X, y, reg):
    W1, b1 = params['W1'], params['b1']
    W2, b2 = params['W2'], params['b2']
    N, D = X.shape
    hidden = np.maximum(0, X.dot(W1) + b1)
    scores = hidden.dot(W2) + b2
    shifted = scores - np.max(scores, axis=1, keepdims=True)
    logp = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    data_loss = -np.sum(logp[np.arange(N), y]) / N
    return data_loss + reg * (np.sum(W1 * W1) + np.sum(W2 * W2))


def gradient(params, X, y, reg):
    W1, b1 = params['W1'], params['b1']
    W2, b2 = params['W2'], params['b2']
    N, D = X.shape
    hidden = np.maximum(0, X.dot(W1) + b1)
    scores = hidden.dot(W2) + b2
    exp_scores = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    probs = exp_scores / exp_scores.sum(axis=1, keepdims=True)

    grads = {}
    dscores = probs
    dscores[range(N), y] -= 1
    dscores /= N
    grads['W2'] = np.dot(hidden.T, dscores)
    grads['b2'] = np.sum(dscores, axis=0)
    dhidden = np.dot(dscores, W2.T)
    dhidden[hidden <= 0] = 0
    grads['W1'] = np.dot(X.T, dhidden)
    grads['b1'] = np.sum(dhidden, axis=0)
    grads['W2'] += 2 * reg * W2
    grads['W1'] += 2 * reg * W1
    return grads


def example():
    rng = np.random.default_rng(5)
    params = {'W1': rng.normal(size=(4, 5)), 'b1': rng.normal(size=5),
              'W2': rng.normal(size=(5, 3)), 'b2': rng.normal(size=3)}
    return params, rng.normal(size=(7, 4)), rng.integers(0, 3, size=7), 0.25
""",
        [
            ("G401", "    dhidden[hidden <= 0] = 0\n", "", "dhidden = np.dot(dscores, W2.T)"),
            ("G404", "dhidden[hidden <= 0] = 0", "dhidden[dhidden <= 0] = 0"),
            ("G404", "dhidden[hidden <= 0] = 0", "dhidden[hidden > 0] = 0"),
            ("G403", "dhidden[hidden <= 0] = 0", "dhidden = dhidden * hidden"),
            ("G301", "    grads['W1'] += 2 * reg * W1\n", "", "grads['W1'] = np.dot(X.T, dhidden)"),
            ("G302", "grads['W2'] += 2 * reg * W2", "grads['W2'] += reg * W2"),
            (
                "G304",
                "    grads['W1'] += 2 * reg * W1\n",
                "    grads['W1'] += 2 * reg * W1\n    grads['b1'] += 2 * reg * b1\n",
            ),
            (
                "G601",
                "grads['b1'] = np.sum(dhidden, axis=0)",
                "grads['b1'] = np.mean(dhidden, axis=0)",
            ),
            ("G201", "    dscores /= N\n", "", "grads['W2'] = np.dot(hidden.T, dscores)"),
            (
                "G107",
                "    grads['b1'] = np.sum(dhidden, axis=0)\n",
                "",
                "grads['W1'] = np.dot(X.T, dhidden)",
            ),
            ("G405", "dhidden[hidden <= 0] = 0", "dhidden = (hidden > 0) * 1.0"),
            ("G101", "grads['b2'] = np.sum(dscores, axis=0)", "grads['b2'] = dscores"),
        ],
        [
            ("dhidden[hidden <= 0] = 0", "dhidden *= hidden > 0"),
            ("dhidden[hidden <= 0] = 0", "dhidden = np.where(hidden > 0, dhidden, 0)"),
            (
                "    dscores = probs\n    dscores[range(N), y] -= 1\n    dscores /= N\n",
                "    onehot = np.eye(probs.shape[1])[y]\n    dscores = (probs - onehot) / N\n",
            ),
        ],
    ),
    (
        "dlai-llayer",
        r"""
import numpy as np


def relu(Z):
    A = np.maximum(0, Z)
    cache = Z
    return A, cache


def sigmoid(Z):
    A = 1 / (1 + np.exp(-Z))
    cache = Z
    return A, cache


def relu_backward(dA, cache):
    Z = cache
    dZ = np.array(dA, copy=True)
    dZ[Z <= 0] = 0
    return dZ


def sigmoid_backward(dA, cache):
    Z = cache
    s = 1 / (1 + np.exp(-Z))
    dZ = dA * s * (1 - s)
    return dZ


def linear_backward(dZ, cache):
    A_prev, W, b = cache
    m = A_prev.shape[1]
    dW = np.dot(dZ, A_prev.T) / m
    db = np.sum(dZ, axis=1, keepdims=True) / m
    dA_prev = np.dot(W.T, dZ)
    return dA_prev, dW, db


def L_model_forward(X, parameters):
    caches = []
    A = X
    L = len(parameters) // 2
    for l in range(1, L):
        W, b = parameters["W" + str(l)], parameters["b" + str(l)]
        A_next, act_cache = relu(np.dot(W, A) + b)
        caches.append(((A, W, b), act_cache))
        A = A_next
    W, b = parameters["W" + str(L)], parameters["b" + str(L)]
    AL, act_cache = sigmoid(np.dot(W, A) + b)
    caches.append(((A, W, b), act_cache))
    return AL, caches


def loss(parameters, X, Y):
    AL, caches = L_model_forward(X, parameters)
    m = Y.shape[1]
    return float(-np.sum(Y * np.log(AL) + (1 - Y) * np.log(1 - AL)) / m)


def gradient(parameters, X, Y):
    grads = {}
    AL, caches = L_model_forward(X, parameters)
    L = len(caches)
    dAL = -(np.divide(Y, AL) - np.divide(1 - Y, 1 - AL))
    linear_cache, activation_cache = caches[L - 1]
    dZ = sigmoid_backward(dAL, activation_cache)
    dA, grads["W" + str(L)], grads["b" + str(L)] = linear_backward(dZ, linear_cache)
    for l in reversed(range(L - 1)):
        linear_cache, activation_cache = caches[l]
        dZ = relu_backward(dA, activation_cache)
        dA, grads["W" + str(l + 1)], grads["b" + str(l + 1)] = linear_backward(dZ, linear_cache)
    return grads


def example():
    rng = np.random.default_rng(6)
    dims = [4, 6, 5, 1]
    parameters = {}
    for l in range(1, len(dims)):
        parameters["W" + str(l)] = rng.standard_normal((dims[l], dims[l - 1])) / np.sqrt(dims[l - 1])
        parameters["b" + str(l)] = rng.standard_normal((dims[l], 1)) * 0.3
    X = rng.standard_normal((4, 8))
    Y = np.array([[1., 0, 0, 1, 1, 0, 1, 0]])
    return parameters, X, Y
""",
        [
            ("G201", "dW = np.dot(dZ, A_prev.T) / m", "dW = np.dot(dZ, A_prev.T)"),
            (
                "G601|G201",
                "db = np.sum(dZ, axis=1, keepdims=True) / m",
                "db = np.sum(dZ, axis=1, keepdims=True)",
            ),
            (
                "G401",
                "    dZ[Z <= 0] = 0\n    return dZ",
                "    return dZ",
                "dZ = np.array(dA, copy=True)",
            ),
            ("G404", "dZ[Z <= 0] = 0", "dZ[dA <= 0] = 0"),
            (
                "G402",
                "    s = 1 / (1 + np.exp(-Z))\n    dZ = dA * s * (1 - s)",
                "    s = 1 / (1 + np.exp(-Z))\n    s = 1 / (1 + np.exp(-s))\n    dZ = dA * s * (1 - s)",
            ),
            ("G403", "dZ = dA * s * (1 - s)", "dZ = dA * (1 - s)"),
            ("G101", "db = np.sum(dZ, axis=1, keepdims=True) / m", "db = np.sum(dZ, axis=1) / m"),
            ("G203", "m = A_prev.shape[1]", "m = A_prev.shape[0]"),
            (
                "G205",
                "dAL = -(np.divide(Y, AL) - np.divide(1 - Y, 1 - AL))",
                "dAL = np.divide(Y, AL) - np.divide(1 - Y, 1 - AL)",
            ),
            (
                "G603",
                "db = np.sum(dZ, axis=1, keepdims=True) / m",
                "db = np.sum(dZ) / m * np.ones_like(b)",
            ),
            (
                "G202",
                "dAL = -(np.divide(Y, AL) - np.divide(1 - Y, 1 - AL))",
                "dAL = -(np.divide(Y, AL) - np.divide(1 - Y, 1 - AL)) / Y.shape[1]",
            ),
        ],
        [
            ("    dZ = sigmoid_backward(dAL, activation_cache)\n", "    dZ = AL - Y\n"),
            (
                "    dZ = np.array(dA, copy=True)\n    dZ[Z <= 0] = 0\n",
                "    dZ = np.multiply(dA, np.int64(Z > 0))\n",
            ),
        ],
    ),
    (
        "nielsen",
        r"""
import numpy as np


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def sigmoid_prime(z):
    return sigmoid(z) * (1 - sigmoid(z))


def loss(weights, biases, xs, ys):
    total = 0.0
    for x, y in zip(xs, ys):
        a = x
        for w, b in zip(weights, biases):
            a = sigmoid(w @ a + b)
        total += 0.5 * np.sum((a - y) ** 2)
    return total / len(xs)


def backprop(weights, biases, x, y):
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
    delta = (activations[-1] - y) * sigmoid_prime(zs[-1])
    nabla_b[-1] = delta
    nabla_w[-1] = np.outer(delta, activations[-2])
    for l in range(2, len(weights) + 1):
        z = zs[-l]
        sp = sigmoid_prime(z)
        delta = np.dot(weights[-l + 1].T, delta) * sp
        nabla_b[-l] = delta
        nabla_w[-l] = np.outer(delta, activations[-l - 1])
    return nabla_w, nabla_b


def gradient(weights, biases, xs, ys):
    nabla_b = [np.zeros(b.shape) for b in biases]
    nabla_w = [np.zeros(w.shape) for w in weights]
    for x, y in zip(xs, ys):
        dw, db = backprop(weights, biases, x, y)
        nabla_b = [nb + dnb for nb, dnb in zip(nabla_b, db)]
        nabla_w = [nw + dnw for nw, dnw in zip(nabla_w, dw)]
    n = len(xs)
    return [nw / n for nw in nabla_w], [nb / n for nb in nabla_b]


def example():
    rng = np.random.default_rng(10)
    sizes = [3, 5, 5, 2]
    weights = [rng.normal(size=(o, i)) for i, o in zip(sizes[:-1], sizes[1:])]
    biases = [rng.normal(size=o) for o in sizes[1:]]
    return weights, biases, rng.normal(size=(7, 3)), rng.random((7, 2))
""",
        [
            (
                "G502",
                "delta = (activations[-1] - y) * sigmoid_prime(zs[-1])",
                "delta = activations[-1] - y",
            ),
            ("G402", "sp = sigmoid_prime(z)", "sp = sigmoid_prime(activations[-l])"),
            (
                "G802",
                "        nabla_b = [nb + dnb for nb, dnb in zip(nabla_b, db)]\n        nabla_w = [nw + dnw for nw, dnw in zip(nabla_w, dw)]\n",
                "        nabla_b = db\n        nabla_w = dw\n",
            ),
            (
                "G201",
                "return [nw / n for nw in nabla_w], [nb / n for nb in nabla_b]",
                "return nabla_w, nabla_b",
            ),
            (
                "G703",
                "nabla_w[-1] = np.outer(delta, activations[-2])",
                "nabla_w[-1] = np.outer(delta, activations[-3])",
            ),
            (
                "G703",
                "nabla_w[-1] = np.outer(delta, activations[-2])",
                "nabla_w[-1] = np.outer(delta, zs[-2])",
            ),
            (
                "G401",
                "delta = np.dot(weights[-l + 1].T, delta) * sp",
                "delta = np.dot(weights[-l + 1].T, delta)",
            ),
            ("G403", "    return sigmoid(z) * (1 - sigmoid(z))", "    return 1 - sigmoid(z)"),
            ("G403", "    return sigmoid(z) * (1 - sigmoid(z))", "    return z * (1 - z)"),
            (
                "G204",
                "delta = (activations[-1] - y) * sigmoid_prime(zs[-1])",
                "delta = 2 * (activations[-1] - y) * sigmoid_prime(zs[-1])",
            ),
            ("G203", "    n = len(xs)\n", "    n = len(xs[0])\n"),
        ],
        [
            ("sp = sigmoid_prime(z)", "sp = activations[-l] * (1 - activations[-l])"),
            (
                "nabla_w[-1] = np.outer(delta, activations[-2])",
                "nabla_w[-1] = delta[:, None] * activations[-2][None, :]",
            ),
        ],
    ),
    (
        "nn-from-scratch",
        r"""
import numpy as np


def forward(model, X):
    W1, b1, W2, b2 = model['W1'], model['b1'], model['W2'], model['b2']
    z1 = X.dot(W1) + b1
    a1 = np.tanh(z1)
    z2 = a1.dot(W2) + b2
    e = np.exp(z2)
    probs = e / np.sum(e, axis=1, keepdims=True)
    return z1, a1, probs


def loss(model, X, y, reg_lambda):
    z1, a1, probs = forward(model, X)
    correct_logprobs = -np.log(probs[range(len(X)), y])
    data_loss = np.sum(correct_logprobs)
    data_loss += reg_lambda / 2 * (np.sum(np.square(model['W1'])) + np.sum(np.square(model['W2'])))
    return data_loss


def gradient(model, X, y, reg_lambda):
    z1, a1, probs = forward(model, X)
    W1, W2 = model['W1'], model['W2']
    delta3 = probs
    delta3[range(len(X)), y] -= 1
    dW2 = (a1.T).dot(delta3)
    db2 = np.sum(delta3, axis=0, keepdims=True)
    delta2 = delta3.dot(W2.T) * (1 - np.power(a1, 2))
    dW1 = np.dot(X.T, delta2)
    db1 = np.sum(delta2, axis=0, keepdims=True)
    dW2 += reg_lambda * W2
    dW1 += reg_lambda * W1
    return {'W1': dW1, 'b1': db1, 'W2': dW2, 'b2': db2}


def example():
    rng = np.random.default_rng(0)
    model = {'W1': rng.normal(size=(2, 5)), 'b1': rng.normal(size=(1, 5)),
             'W2': rng.normal(size=(5, 3)), 'b2': rng.normal(size=(1, 3))}
    return {'model': model, 'X': rng.normal(size=(8, 2)), 'y': rng.integers(0, 3, 8), 'reg_lambda': 0.6}
""",
        [
            ("G403", "(1 - np.power(a1, 2))", "(1 - a1)"),
            ("G403", "(1 - np.power(a1, 2))", "(1 - np.power(z1, 2))"),
            ("G402", "(1 - np.power(a1, 2))", "(1 - np.power(np.tanh(a1), 2))"),
            (
                "G202|G203",
                "delta3[range(len(X)), y] -= 1\n",
                "delta3[range(len(X)), y] -= 1\n    delta3 /= len(X)\n",
            ),
            ("G301", "    dW2 += reg_lambda * W2\n", "", "dW2 = (a1.T).dot(delta3)"),
            ("G302", "dW1 += reg_lambda * W1", "dW1 += reg_lambda / 2 * W1"),
            ("G302", "dW1 += reg_lambda * W1", "dW1 += reg_lambda * W1 / len(X)"),
            ("G303", "dW2 += reg_lambda * W2", "dW2 -= reg_lambda * W2"),
            (
                "G401",
                "delta2 = delta3.dot(W2.T) * (1 - np.power(a1, 2))",
                "delta2 = delta3.dot(W2.T)",
            ),
            ("G101", "db1 = np.sum(delta2, axis=0, keepdims=True)", "db1 = np.sum(delta2, axis=0)"),
            (
                "G601",
                "db2 = np.sum(delta3, axis=0, keepdims=True)",
                "db2 = np.mean(delta3, axis=0, keepdims=True)",
            ),
            (
                "G804",
                "    delta2 = delta3.dot(W2.T)",
                "    W2 = W2 - 0.01 * dW2\n    delta2 = delta3.dot(W2.T)",
            ),
            (
                "G501",
                "delta3[range(len(X)), y] -= 1\n",
                "delta3[range(len(X)), y] -= 1\n    delta3 = delta3 * forward(model, X)[2] * (1 - forward(model, X)[2])\n",
            ),
        ],
        [
            ("(1 - np.power(a1, 2))", "(1 - a1 * a1)"),
            ("(1 - np.power(a1, 2))", "(1 / np.cosh(z1) ** 2)"),
        ],
    ),
    (
        "trask",
        r"""
import numpy as np

def nonlin(x, deriv=False):
    if deriv:
        return x * (1 - x)
    return 1 / (1 + np.exp(-x))

def loss(syn0, syn1, X, y):
    l1 = nonlin(X @ syn0)
    l2 = nonlin(l1 @ syn1)
    return 0.5 * ((y - l2) ** 2).sum()

def gradient(syn0, syn1, X, y):
    l0 = X
    l1 = nonlin(l0 @ syn0)
    l2 = nonlin(l1 @ syn1)
    l2_error = l2 - y
    l2_delta = l2_error * nonlin(l2, deriv=True)
    l1_error = l2_delta.dot(syn1.T)
    l1_delta = l1_error * nonlin(l1, deriv=True)
    return l0.T.dot(l1_delta), l1.T.dot(l2_delta)

def example():
    rng = np.random.default_rng(12)
    X = rng.integers(0, 2, (6, 3)).astype(float)
    X[:, 2] = 1
    return 2 * rng.random((3, 4)) - 1, 2 * rng.random((4, 1)) - 1, X, rng.random((6, 1))
""",
        [
            ("G205", "l2_error = l2 - y", "l2_error = y - l2"),
            ("G502", "l2_delta = l2_error * nonlin(l2, deriv=True)", "l2_delta = l2_error"),
            (
                "G402",
                "l1_delta = l1_error * nonlin(l1, deriv=True)",
                "l1_delta = l1_error * nonlin(nonlin(l1), deriv=True)",
            ),
            ("G401", "l1_delta = l1_error * nonlin(l1, deriv=True)", "l1_delta = l1_error"),
            (
                "G403",
                "l1_delta = l1_error * nonlin(l1, deriv=True)",
                "l1_delta = l1_error * nonlin(l0 @ syn0, deriv=True)",
            ),
            (
                "G206",
                "return l0.T.dot(l1_delta), l1.T.dot(l2_delta)",
                "alpha = 0.1\n    return alpha * l0.T.dot(l1_delta), alpha * l1.T.dot(l2_delta)",
                "return alpha",
            ),
            (
                "G804",
                "    l1_error = l2_delta.dot(syn1.T)",
                "    syn1 = syn1 - 0.5 * l1.T.dot(l2_delta)\n    l1_error = l2_delta.dot(syn1.T)",
            ),
            ("G204", "l2_error = l2 - y", "l2_error = 2 * (l2 - y)"),
            ("G202|G203", "l2_error = l2 - y", "l2_error = (l2 - y) / len(X)"),
        ],
        [
            ("l2_error = l2 - y", "l2_error = -(y - l2)"),
            (
                "l2_delta = l2_error * nonlin(l2, deriv=True)",
                "l2_delta = l2_error * l2 - l2_error * l2 ** 2",
            ),
        ],
    ),
    (
        "nn-flat-theta",
        r"""
import numpy as np

input_layer_size, hidden_layer_size, num_labels = 3, 5, 4


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def unroll(nn_params):
    k = hidden_layer_size * (input_layer_size + 1)
    Theta1 = nn_params[:k].reshape(hidden_layer_size, input_layer_size + 1)
    Theta2 = nn_params[k:].reshape(num_labels, hidden_layer_size + 1)
    return Theta1, Theta2


def loss(nn_params, X, y, lambda_):
    Theta1, Theta2 = unroll(nn_params)
    m = X.shape[0]
    a1 = np.column_stack([np.ones(m), X])
    a2 = np.column_stack([np.ones(m), sigmoid(a1 @ Theta1.T)])
    h = sigmoid(a2 @ Theta2.T)
    Y = np.eye(num_labels)[y]
    J = -np.sum(Y * np.log(h) + (1 - Y) * np.log(1 - h)) / m
    return J + lambda_ / (2 * m) * (np.sum(Theta1[:, 1:] ** 2) + np.sum(Theta2[:, 1:] ** 2))


def gradient(nn_params, X, y, lambda_):
    Theta1, Theta2 = unroll(nn_params)
    m = X.shape[0]
    Y = np.eye(num_labels)[y]
    Delta1 = np.zeros(Theta1.shape)
    Delta2 = np.zeros(Theta2.shape)
    for t in range(m):
        a1 = np.r_[1, X[t]]
        z2 = Theta1 @ a1
        a2 = np.r_[1, sigmoid(z2)]
        a3 = sigmoid(Theta2 @ a2)
        d3 = a3 - Y[t]
        d2 = (Theta2.T @ d3)[1:] * sigmoid(z2) * (1 - sigmoid(z2))
        Delta1 += np.outer(d2, a1)
        Delta2 += np.outer(d3, a2)
    grad1 = Delta1 / m
    grad2 = Delta2 / m
    grad1[:, 1:] += lambda_ / m * Theta1[:, 1:]
    grad2[:, 1:] += lambda_ / m * Theta2[:, 1:]
    return np.concatenate([grad1.ravel(), grad2.ravel()])


def example():
    rng = np.random.default_rng(26)
    return rng.normal(size=5 * 4 + 4 * 6), rng.normal(size=(7, 3)), np.array([0, 3, 1, 2, 2, 1, 0]), 0.9
""",
        [
            ("G802", "Delta1 += np.outer(d2, a1)", "Delta1 = np.outer(d2, a1)"),
            (
                "G705",
                "return np.concatenate([grad1.ravel(), grad2.ravel()])",
                "return np.concatenate([grad2.ravel(), grad1.ravel()])",
            ),
            (
                "G705",
                "return np.concatenate([grad1.ravel(), grad2.ravel()])",
                "return np.concatenate([grad1.ravel(order='F'), grad2.ravel(order='F')])",
            ),
            (
                "G304",
                "grad1[:, 1:] += lambda_ / m * Theta1[:, 1:]",
                "grad1 += lambda_ / m * Theta1",
            ),
            ("G301", "    grad2[:, 1:] += lambda_ / m * Theta2[:, 1:]\n", "", "grad2 = Delta2 / m"),
            (
                "G302",
                "grad1[:, 1:] += lambda_ / m * Theta1[:, 1:]",
                "grad1[:, 1:] += lambda_ * Theta1[:, 1:]",
            ),
            (
                "G401",
                "d2 = (Theta2.T @ d3)[1:] * sigmoid(z2) * (1 - sigmoid(z2))",
                "d2 = (Theta2.T @ d3)[1:]",
            ),
            ("G501", "d3 = a3 - Y[t]", "d3 = (a3 - Y[t]) * a3 * (1 - a3)"),
            ("G201", "grad1 = Delta1 / m", "grad1 = Delta1"),
            ("G205", "d3 = a3 - Y[t]", "d3 = Y[t] - a3"),
            ("G403", "* sigmoid(z2) * (1 - sigmoid(z2))", "* (1 - sigmoid(z2))"),
        ],
        [
            ("* sigmoid(z2) * (1 - sigmoid(z2))", "* a2[1:] * (1 - a2[1:])"),
            (
                "    grad1[:, 1:] += lambda_ / m * Theta1[:, 1:]\n",
                "    T1 = Theta1.copy()\n    T1[:, 0] = 0\n    grad1 = grad1 + lambda_ * T1 / m\n",
            ),
        ],
    ),
    (
        "relu-zero-row",
        r"""
import numpy as np

def loss(W1, W2, X, T):
    A = np.maximum(X @ W1, 0)
    return ((A @ W2 - T) ** 2).sum()

def gradient(W1, W2, X, T):
    Z = X @ W1
    A = np.maximum(Z, 0)
    dO = 2 * (A @ W2 - T)
    dA = dO @ W2.T
    dZ = dA * np.heaviside(Z, 0)
    return X.T @ dZ, A.T @ dO

def example():
    rng = np.random.default_rng(28)
    X = rng.normal(size=(7, 4))
    X[3] = 0
    return rng.normal(size=(4, 5)), rng.normal(size=(5, 2)), X, rng.normal(size=(7, 2))
""",
        [
            ("G103", "dZ = dA * np.heaviside(Z, 0)", "dZ = dA * A / Z"),
            ("G204", "dO = 2 * (A @ W2 - T)", "dO = A @ W2 - T"),
            ("G403", "dZ = dA * np.heaviside(Z, 0)", "dZ = dA * A"),
            ("G404", "dZ = dA * np.heaviside(Z, 0)", "dZ = dA * np.heaviside(-Z, 0)"),
            ("G405", "dZ = dA * np.heaviside(Z, 0)", "dZ = np.heaviside(Z, 0)"),
            ("G703", "return X.T @ dZ, A.T @ dO", "return X.T @ dZ, Z.T @ dO"),
            ("G206", "return X.T @ dZ, A.T @ dO", "return 0.01 * (X.T @ dZ), 0.01 * (A.T @ dO)"),
            ("G104", "dO = 2 * (A @ W2 - T)", "T -= A @ W2\n    dO = -2 * T"),
            ("G205", "dO = 2 * (A @ W2 - T)", "dO = -2 * (A @ W2 - T)"),
        ],
        [
            ("dZ = dA * np.heaviside(Z, 0)", "dZ = dA * (Z >= 0)"),
            ("dZ = dA * np.heaviside(Z, 0)", "dZ = np.zeros_like(dA)\n    dZ[Z > 0] = dA[Z > 0]"),
        ],
    ),
    (
        "loop-layers-square",
        r"""
import numpy as np


def forward(params, X):
    caches = [(None, X)]
    A = X
    for i, (W, b) in enumerate(params):
        Z = A @ W + b
        A = Z if i == len(params) - 1 else np.tanh(Z)
        caches.append((Z, A))
    return caches


def loss(params, X, Y):
    out = forward(params, X)[-1][1]
    e = np.exp(out - out.max(axis=1)[:, None])
    S = e / e.sum(axis=1)[:, None]
    return -np.sum(Y * np.log(S)) / len(X)


def gradient(params, X, Y):
    caches = forward(params, X)
    out = caches[-1][1]
    e = np.exp(out - out.max(axis=1)[:, None])
    S = e / e.sum(axis=1)[:, None]
    delta = (S - Y) / len(X)
    grads = [None] * len(params)
    for l in range(len(params) - 1, -1, -1):
        W, b = params[l]
        A_prev = caches[l][1]
        grads[l] = (A_prev.T @ delta, delta.sum(axis=0))
        if l > 0:
            delta = (delta @ W.T) * (1 - A_prev ** 2)
    return grads


def example():
    rng = np.random.default_rng(31)
    sizes = (3, 5, 5, 5, 4)
    params = [(rng.normal(size=(i, o)) * 0.7, rng.normal(size=o) * 0.3) for i, o in zip(sizes, sizes[1:])]
    return params, rng.normal(size=(8, 3)), np.eye(4)[rng.integers(0, 4, 8)]
""",
        [
            ("G401", "delta = (delta @ W.T) * (1 - A_prev ** 2)", "delta = delta @ W.T"),
            (
                "G402",
                "delta = (delta @ W.T) * (1 - A_prev ** 2)",
                "delta = (delta @ W.T) * (1 - np.tanh(A_prev) ** 2)",
            ),
            (
                "G403",
                "delta = (delta @ W.T) * (1 - A_prev ** 2)",
                "delta = (delta @ W.T) * (1 - caches[l][0] ** 2)",
            ),
            ("G405", "delta = (delta @ W.T) * (1 - A_prev ** 2)", "delta = 1 - A_prev ** 2"),
            (
                "G403",
                "delta = (delta @ W.T) * (1 - A_prev ** 2)",
                "delta = (delta @ W.T) * (1 + A_prev ** 2)",
            ),
            ("G201", "delta = (S - Y) / len(X)", "delta = S - Y"),
            (
                "G601",
                "grads[l] = (A_prev.T @ delta, delta.sum(axis=0))",
                "grads[l] = (A_prev.T @ delta, delta.mean(axis=0))",
            ),
            (
                "G107",
                "for l in range(len(params) - 1, -1, -1):",
                "for l in range(len(params) - 1, 0, -1):",
            ),
            ("G501", "delta = (S - Y) / len(X)", "delta = S * (1 - S) * (S - Y) / len(X)"),
            ("G104", "delta = (S - Y) / len(X)", "Y -= S\n    delta = -Y / len(X)"),
            (
                "G703",
                "        grads[l] = (A_prev.T @ delta, delta.sum(axis=0))\n",
                "        A_in = caches[l][0] if l > 0 else X\n        grads[l] = (A_in.T @ delta, delta.sum(axis=0))\n",
            ),
        ],
        [
            ("delta = (S - Y) / len(X)", "delta = (S * Y.sum(axis=1, keepdims=True) - Y) / len(X)"),
            (
                "            delta = (delta @ W.T) * (1 - A_prev ** 2)\n",
                "            dA = np.einsum('no,io->ni', delta, W)\n            delta = dA - dA * A_prev * A_prev\n",
            ),
        ],
    ),
    (
        "written-out-columns",
        r"""
import numpy as np

def sig(z): return 1 / (1 + np.exp(-z))

def loss(W1, W2, W3, W4, X, Y):
    A1 = sig(W1 @ X)
    A2 = sig(W2 @ A1)
    A3 = sig(W3 @ A2)
    Yhat = W4 @ A3
    return np.mean(np.square(Yhat - Y))

def gradient(W1, W2, W3, W4, X, Y):
    Z1 = W1 @ X;  A1 = sig(Z1)
    Z2 = W2 @ A1; A2 = sig(Z2)
    Z3 = W3 @ A2; A3 = sig(Z3)
    Yhat = W4 @ A3

    dYhat = 2 * (Yhat - Y) / Y.size
    dW4 = dYhat @ A3.T
    dA3 = W4.T @ dYhat
    dZ3 = dA3 * A3 * (1 - A3)
    dW3 = dZ3 @ A2.T
    dA2 = W3.T @ dZ3
    dZ2 = dA2 * A2 * (1 - A2)
    dW2 = dZ2 @ A1.T
    dA1 = W2.T @ dZ2
    dZ1 = dA1 * A1 * (1 - A1)
    dW1 = dZ1 @ X.T
    return dW1, dW2, dW3, dW4

def example():
    rng = np.random.default_rng(32)
    return (rng.normal(size=(5, 3)), rng.normal(size=(5, 5)), rng.normal(size=(5, 5)), rng.normal(size=(2, 5)),
            rng.normal(size=(3, 8)), rng.normal(size=(2, 8)))
""",
        [
            ("G702", "dA2 = W3.T @ dZ3", "dA2 = W3 @ dZ3"),
            ("G702", "dA1 = W2.T @ dZ2", "dA1 = W2 @ dZ2"),
            ("G701", "dW2 = dZ2 @ A1.T", "dW2 = A1 @ dZ2.T"),
            ("G701", "dW3 = dZ3 @ A2.T", "dW3 = A2 @ dZ3.T"),
            ("G703", "dW3 = dZ3 @ A2.T", "dW3 = dZ3 @ A1.T"),
            ("G703", "dA1 = W2.T @ dZ2", "dA1 = W3.T @ dZ2"),
            ("G703", "dW2 = dZ2 @ A1.T", "dW2 = dZ2 @ Z1.T"),
            ("G703", "dZ2 = dA2 * A2 * (1 - A2)", "dZ2 = dA2 * A1 * (1 - A1)"),
            ("G704", "return dW1, dW2, dW3, dW4", "return dW1, dW3, dW2, dW4"),
            ("G402", "dZ1 = dA1 * A1 * (1 - A1)", "dZ1 = dA1 * sig(A1) * (1 - sig(A1))"),
            ("G403", "dZ1 = dA1 * A1 * (1 - A1)", "dZ1 = dA1 * Z1 * (1 - Z1)"),
            ("G403", "dZ3 = dA3 * A3 * (1 - A3)", "dZ3 = dA3 * (1 - A3 ** 2)"),
            ("G804", "    dA2 = W3.T @ dZ3\n", "    W3 = W3 - 0.1 * dW3\n    dA2 = W3.T @ dZ3\n"),
            ("G203", "dYhat = 2 * (Yhat - Y) / Y.size", "dYhat = 2 * (Yhat - Y) / Y.shape[1]"),
            ("G405", "dZ3 = dA3 * A3 * (1 - A3)", "dZ3 = A3 * (1 - A3)"),
        ],
        [
            ("dW2 = dZ2 @ A1.T", "dW2 = (A1 @ dZ2.T).T"),
            ("dZ1 = dA1 * A1 * (1 - A1)", "dZ1 = dA1 * (A1 - A1 ** 2)"),
            ("dA2 = W3.T @ dZ3", "dA2 = (dZ3.T @ W3).T"),
        ],
    ),
    (
        "broadcast-mlp",
        r"""
import numpy as np


def loss(W1, b1, W2, b2, X, y):
    a = np.maximum(X @ W1 + b1, 0)
    pred = a @ W2 + b2
    return np.mean((pred[:, 0] - y) ** 2)


def gradient(W1, b1, W2, b2, X, y):
    n = X.shape[0]
    z = X @ W1 + b1
    a = np.maximum(z, 0)
    pred = a @ W2 + b2
    dpred = 2 / n * (pred - y.reshape(-1, 1))
    dW2 = a.T @ dpred
    db2 = dpred.sum(axis=0)
    da = dpred * W2.T
    dz = da * (z > 0)
    dW1 = X.T @ dz
    db1 = dz.sum(axis=0)
    return dW1, db1, dW2, db2


def example():
    rng = np.random.default_rng(33)
    return (rng.normal(size=(4, 5)), rng.normal(size=5), rng.normal(size=(5, 1)), rng.normal(size=1),
            rng.normal(size=(9, 4)), rng.normal(size=9))
""",
        [
            ("G604", "return np.mean((pred[:, 0] - y) ** 2)", "return np.mean((pred - y) ** 2)"),
            (
                "G604",
                "dpred = 2 / n * (pred - y.reshape(-1, 1))",
                "dpred = 2 / n * (pred - y).mean(axis=1, keepdims=True)",
            ),
            (
                "G604",
                "dpred = 2 / n * (pred - y.reshape(-1, 1))",
                "dpred = 2 / n * np.sum(pred - y, axis=1, keepdims=True)",
            ),
            (
                "G204",
                "dpred = 2 / n * (pred - y.reshape(-1, 1))",
                "dpred = 1 / n * (pred - y.reshape(-1, 1))",
            ),
            ("G602", "db2 = dpred.sum(axis=0)", "db2 = dpred[0]"),
            ("G601", "db1 = dz.sum(axis=0)", "db1 = dz.mean(axis=0)"),
            ("G703", "dW2 = a.T @ dpred", "dW2 = z.T @ dpred"),
            ("G404", "dz = da * (z > 0)", "dz = da * (da > 0)"),
            ("G404", "dz = da * (z > 0)", "dz = da * (pred > 0)"),
            ("G101", "db1 = dz.sum(axis=0)", "db1 = dz.sum(axis=1)"),
            ("G101", "db2 = dpred.sum(axis=0)", "db2 = dpred.sum()"),
            ("G603", "db1 = dz.sum(axis=0)", "db1 = np.zeros_like(b1) + dz.sum()"),
        ],
        [
            ("da = dpred * W2.T", "da = np.outer(dpred, W2)"),
            ("dpred = 2 / n * (pred - y.reshape(-1, 1))", "dpred = 2 / n * (pred - y[:, None])"),
            (
                "    dW1 = X.T @ dz\n    db1 = dz.sum(axis=0)\n",
                "    Xa = np.hstack([X, np.ones((n, 1))])\n    G = Xa.T @ dz\n    dW1, db1 = G[:-1], G[-1]\n",
            ),
        ],
    ),
    (
        "beginner-loops",
        r"""
import math
import numpy as np


def loss(W, V, X, y):
    total = 0.0
    for s in range(len(X)):
        out = 0.0
        for j in range(W.shape[0]):
            zj = 0.0
            for i in range(W.shape[1]):
                zj += W[j, i] * X[s, i]
            out += V[j] * math.tanh(zj)
        total += (out - y[s]) ** 2
    return total / len(X)


def gradient(W, V, X, y):
    dW = np.zeros(W.shape)
    dV = np.zeros(V.shape)
    N = len(X)
    for s in range(N):
        hidden = []
        for j in range(W.shape[0]):
            zj = 0.0
            for i in range(W.shape[1]):
                zj += W[j, i] * X[s, i]
            hidden.append(math.tanh(zj))
        out = sum(V[j] * hidden[j] for j in range(len(V)))
        error = 2 * (out - y[s]) / N
        for j in range(W.shape[0]):
            dV[j] += error * hidden[j]
            dh = error * V[j]
            dz = dh * (1 - hidden[j] ** 2)
            for i in range(W.shape[1]):
                dW[j, i] += dz * X[s, i]
    return dW, dV


def example():
    rng = np.random.default_rng(35)
    return rng.normal(size=(4, 3)), rng.normal(size=4), rng.normal(size=(6, 3)), 9 * rng.normal(size=6)
""",
        [
            ("G802", "dW[j, i] += dz * X[s, i]", "dW[j, i] = dz * X[s, i]"),
            ("G802", "dV[j] += error * hidden[j]", "dV[j] = error * hidden[j]"),
            ("G802", "    return dW, dV", "        return dW, dV"),
            ("G204", "error = 2 * (out - y[s]) / N", "error = (out - y[s]) / N"),
            ("G201", "error = 2 * (out - y[s]) / N", "error = 2 * (out - y[s])"),
            ("G401", "dz = dh * (1 - hidden[j] ** 2)", "dz = dh"),
            ("G405", "dz = dh * (1 - hidden[j] ** 2)", "dz = 1 - hidden[j] ** 2"),
            ("G402", "dz = dh * (1 - hidden[j] ** 2)", "dz = dh * (1 - math.tanh(hidden[j]) ** 2)"),
            ("G102", "dW = np.zeros(W.shape)", "dW = np.zeros(W.shape, dtype=int)"),
            ("G205", "error = 2 * (out - y[s]) / N", "error = 2 * (y[s] - out) / N"),
            ("G403", "dz = dh * (1 - hidden[j] ** 2)", "dz = dh * hidden[j] * (1 - hidden[j])"),
        ],
        [
            (
                "            for i in range(W.shape[1]):\n                dW[j, i] += dz * X[s, i]\n",
                "            dW[j] += dz * X[s]\n",
            ),
            ("dz = dh * (1 - hidden[j] ** 2)", "dz = dh * (1 - hidden[j]) * (1 + hidden[j])"),
        ],
    ),
    (
        "elu-huber",
        r"""
import numpy as np


def elu(z, alpha=1.0):
    return np.where(z > 0, z, alpha * (np.exp(np.minimum(z, 0)) - 1))


def delu(z, alpha=1.0):
    return np.where(z > 0, 1.0, alpha * np.exp(np.minimum(z, 0)))


def loss(p, X, y, delta):
    a = elu(X @ p["W1"] + p["b1"])
    r = a @ p["w2"] + p["c"] - y
    small = np.abs(r) <= delta
    return np.mean(np.where(small, 0.5 * r ** 2, delta * (np.abs(r) - 0.5 * delta)))


def gradient(p, X, y, delta):
    z = X @ p["W1"] + p["b1"]
    a = elu(z)
    r = a @ p["w2"] + p["c"] - y
    dr = np.clip(r, -delta, delta) / len(y)
    da = dr[:, None] * p["w2"]
    dz = da * delu(z)
    return dict(W1=X.T @ dz, b1=dz.sum(0), w2=a.T @ dr, c=dr.sum(keepdims=True))


def example():
    rng = np.random.default_rng(40)
    p = dict(W1=rng.normal(size=(3, 5)), b1=rng.normal(size=5), w2=rng.normal(size=5), c=rng.normal(size=1))
    return p, rng.normal(size=(8, 3)), 3 * rng.normal(size=8), 1.3
""",
        [
            ("G402", "dz = da * delu(z)", "dz = da * delu(a)"),
            ("G401", "dz = da * delu(z)", "dz = da"),
            ("G405", "dz = da * delu(z)", "dz = delu(z)"),
            (
                "G403",
                "return np.where(z > 0, 1.0, alpha * np.exp(np.minimum(z, 0)))",
                "return np.where(z > 0, 1.0, alpha * (np.exp(np.minimum(z, 0)) - 1))",
            ),
            ("G403|G000", "dr = np.clip(r, -delta, delta) / len(y)", "dr = r / len(y)"),
            ("G201", "dr = np.clip(r, -delta, delta) / len(y)", "dr = np.clip(r, -delta, delta)"),
            ("G703", "w2=a.T @ dr", "w2=z.T @ dr"),
            ("G602", "b1=dz.sum(0)", "b1=dz[0]"),
            ("G601", "b1=dz.sum(0)", "b1=dz.mean(0)"),
            (
                "G205",
                "dr = np.clip(r, -delta, delta) / len(y)",
                "dr = np.clip(-r, -delta, delta) / len(y)",
            ),
            (
                "G107",
                "return dict(W1=X.T @ dz, b1=dz.sum(0), w2=a.T @ dr, c=dr.sum(keepdims=True))",
                "return dict(W1=X.T @ dz, b1=dz.sum(0), w2=a.T @ dr)",
            ),
            (
                "G206",
                "    return dict(W1=X.T @ dz, b1=dz.sum(0), w2=a.T @ dr, c=dr.sum(keepdims=True))",
                "    g = dict(W1=X.T @ dz, b1=dz.sum(0), w2=a.T @ dr, c=dr.sum(keepdims=True))\n    return {k: 0.05 * v for k, v in g.items()}",
                "return {k: 0.05",
            ),
        ],
        [
            ("dz = da * delu(z)", "dz = da * np.where(z > 0, 1, a + 1)"),
            (
                "dr = np.clip(r, -delta, delta) / len(y)",
                "dr = np.where(np.abs(r) <= delta, r, delta * np.sign(r)) / len(y)",
            ),
        ],
    ),
    (
        "ex2-elu-deep",
        r"""
import numpy as np


def elu(z, alpha=1):
    return np.where(z >= 0, z, alpha * (np.exp(z) - 1))


def elu_derivative(z, alpha=1):
    return np.where(z >= 0, 1, alpha * np.exp(z))


def softmax(z):
    e = np.exp(z - np.max(z, axis=0, keepdims=True))
    return e / np.sum(e, axis=0, keepdims=True)


def feedforward(parameters, x):
    L = len(parameters) // 2
    a, zs, activations = x, {}, {0: x}
    for l in range(1, L + 1):
        zs[l] = parameters[f"W{l}"] @ a + parameters[f"b{l}"]
        a = softmax(zs[l]) if l == L else elu(zs[l])
        activations[l] = a
    return zs, activations


def loss(parameters, x, y):
    L = len(parameters) // 2
    _, activations = feedforward(parameters, x)
    return -np.sum(y * np.log(activations[L]))


def gradient(parameters, x, y):
    L = len(parameters) // 2
    zs, activations = feedforward(parameters, x)
    grads = {}
    dz = activations[L] - y
    for l in range(L, 0, -1):
        grads[f"W{l}"] = dz @ activations[l - 1].T
        grads[f"b{l}"] = dz
        if l > 1:
            da = parameters[f"W{l}"].T @ dz
            dz = da * elu_derivative(zs[l - 1])
    return grads


def example():
    rng = np.random.default_rng(46)
    dims = [5, 4, 4, 4, 3]
    parameters = {}
    for l in range(1, len(dims)):
        parameters[f"W{l}"] = rng.standard_normal((dims[l], dims[l - 1])) * np.sqrt(2 / dims[l - 1])
        parameters[f"b{l}"] = 0.1 * rng.standard_normal((dims[l], 1))
    return parameters, np.array([[0.3], [-1.2], [0.8], [1.9], [-0.5]]), np.array([[1.0], [0.0], [0.0]])
""",
        [
            (
                "G402",
                "dz = da * elu_derivative(zs[l - 1])",
                "dz = da * elu_derivative(activations[l - 1])",
            ),
            ("G401", "dz = da * elu_derivative(zs[l - 1])", "dz = da"),
            ("G405", "dz = da * elu_derivative(zs[l - 1])", "dz = elu_derivative(zs[l - 1])"),
            (
                "G403",
                "return np.where(z >= 0, 1, alpha * np.exp(z))",
                "return np.where(z >= 0, 1, elu(z, alpha))",
            ),
            (
                "G403",
                "return np.where(z >= 0, 1, alpha * np.exp(z))",
                "return np.where(z >= 0, 1, 0)",
            ),
            ("G205", "dz = activations[L] - y", "dz = y - activations[L]"),
            (
                "G703",
                'grads[f"W{l}"] = dz @ activations[l - 1].T',
                'grads[f"W{l}"] = dz @ (zs[l - 1] if l > 1 else x).T',
            ),
            ("G101", 'grads[f"b{l}"] = dz', 'grads[f"b{l}"] = dz.ravel()'),
            (
                "G206",
                "    return grads\n",
                "    lr = 0.01\n    for k in grads:\n        grads[k] = lr * grads[k]\n    return grads\n",
                "grads[k] = lr",
            ),
            (
                "G503",
                "dz = activations[L] - y",
                "p = activations[L]\n    dz = -y / p * p * (1 - p)",
            ),
            ("G107", "for l in range(L, 0, -1):", "for l in range(L, 1, -1):"),
        ],
        [
            (
                "return np.where(z >= 0, 1, alpha * np.exp(z))",
                "return np.where(z >= 0, 1, elu(z, alpha) + alpha)",
            ),
            (
                "    dz = activations[L] - y\n",
                "    p = activations[L]\n    dz = (np.diagflat(p) - p @ p.T) @ (-y / p)\n",
            ),
        ],
    ),
    (
        "four-relus",
        r"""
import numpy as np

def f(x, W_H, b_H, W_O, b_O):
    z_bar = np.outer(x, W_H) + b_H
    return b_O[0] + np.maximum(0, z_bar) @ W_O

def loss(W_H, b_H, W_O, b_O, x, y):
    return np.sum((y - f(x, W_H, b_H, W_O, b_O)) ** 2)

def gradient(W_H, b_H, W_O, b_O, x, y):
    gWH, gbH = np.zeros(4), np.zeros(4)
    gWO, gbO = np.zeros(4), np.zeros(1)
    for xi, yi in zip(x, y):
        zbar = W_H * xi + b_H
        z = np.maximum(0, zbar)
        yhat = b_O[0] + W_O @ z
        e = -2 * (yi - yhat)
        on = np.where(zbar > 0, 1, 0)
        gWO += e * z
        gbO += e
        gWH += e * W_O * on * xi
        gbH += e * W_O * on
    return gWH, gbH, gWO, gbO

def example():
    rng = np.random.default_rng(47)
    x = np.array([-2.1, -1.3, -0.45, 0.2, 0.77, 1.6, 2.3])
    return np.array([-1., 1.2, 0.9, -1.1]), np.array([1., 0.9, -1.05, 1.3]), np.array([-1., -1.3, -0.8, 1.]), np.array([1.]), x, rng.normal(size=7)
""",
        [
            ("G205", "e = -2 * (yi - yhat)", "e = 2 * (yi - yhat)"),
            ("G204", "e = -2 * (yi - yhat)", "e = -(yi - yhat)"),
            ("G802", "gWH += e * W_O * on * xi", "gWH = e * W_O * on * xi"),
            ("G401", "gbH += e * W_O * on", "gbH += e * W_O"),
            ("G403", "on = np.where(zbar > 0, 1, 0)", "on = z"),
            ("G404", "on = np.where(zbar > 0, 1, 0)", "on = np.where(zbar < 0, 1, 0)"),
            ("G405", "gWH += e * W_O * on * xi", "gWH += on * xi"),
            ("G703", "gWO += e * z", "gWO += e * zbar"),
            ("G102", "e = -2 * (yi - yhat)", "e = int(-2 * (yi - yhat))"),
            ("G602", "gbO += e", "gbO[0] = e"),
            ("G704", "return gWH, gbH, gWO, gbO", "return gWO, gbH, gWH, gbO"),
            ("G205", "gWH += e * W_O * on * xi", "gWH -= e * W_O * on * xi"),
            ("G101", "gbO += e", "gbO = gbO + e * np.ones(4)"),
        ],
        [
            ("on = np.where(zbar > 0, 1, 0)", "on = z / zbar"),
            ("e = -2 * (yi - yhat)", "e = 2 * yhat - 2 * yi"),
        ],
    ),
    (
        "manual-three-hidden",
        r"""
import numpy as np


def loss(w1, b1, w2, b2, w3, b3, w4, b4, inputs, labels):
    x = np.maximum(inputs @ w1 + b1, 0)
    x = np.maximum(x @ w2 + b2, 0)
    x = np.maximum(x @ w3 + b3, 0)
    out = x @ w4 + b4
    out = out - out.max(axis=1, keepdims=True)
    logsoft = out - np.log(np.exp(out).sum(axis=1, keepdims=True))
    return -(labels * logsoft).sum(axis=1).mean()


def gradient(w1, b1, w2, b2, w3, b3, w4, b4, inputs, labels):
    batch = inputs.shape[0]
    pre1 = inputs @ w1 + b1
    act1 = np.maximum(pre1, 0)
    pre2 = act1 @ w2 + b2
    act2 = np.maximum(pre2, 0)
    pre3 = act2 @ w3 + b3
    act3 = np.maximum(pre3, 0)
    out = act3 @ w4 + b4
    out = out - out.max(axis=1, keepdims=True)
    soft = np.exp(out) / np.exp(out).sum(axis=1, keepdims=True)

    grad_out = soft - labels
    grad_w4 = act3.T @ grad_out / batch
    grad_b4 = grad_out.sum(axis=0) / batch
    grad_act3 = grad_out @ w4.T
    grad_pre3 = grad_act3 * (pre3 > 0)
    grad_w3 = act2.T @ grad_pre3 / batch
    grad_b3 = grad_pre3.sum(axis=0) / batch
    grad_act2 = grad_pre3 @ w3.T
    grad_pre2 = grad_act2 * (pre2 > 0)
    grad_w2 = act1.T @ grad_pre2 / batch
    grad_b2 = grad_pre2.sum(axis=0) / batch
    grad_act1 = grad_pre2 @ w2.T
    grad_pre1 = grad_act1 * (pre1 > 0)
    grad_w1 = inputs.T @ grad_pre1 / batch
    grad_b1 = grad_pre1.sum(axis=0) / batch
    return grad_w1, grad_b1, grad_w2, grad_b2, grad_w3, grad_b3, grad_w4, grad_b4


def example():
    rng = np.random.default_rng(55)
    sizes = [4, 6, 6, 6, 3]
    out = []
    for i, o in zip(sizes, sizes[1:]):
        out += [rng.normal(size=(i, o)), 0.3 * rng.normal(size=o)]
    return (*out, rng.normal(size=(8, 4)), np.eye(3)[rng.integers(0, 3, 8)])
""",
        [
            (
                "G804",
                "    grad_act3 = grad_out @ w4.T\n",
                "    w4 = w4 - 0.1 * grad_w4\n    grad_act3 = grad_out @ w4.T\n",
            ),
            (
                "G804",
                "    grad_act1 = grad_pre2 @ w2.T\n",
                "    w2 = w2 - 0.01 * grad_w2\n    grad_act1 = grad_pre2 @ w2.T\n",
            ),
            (
                "G104",
                "    grad_act2 = grad_pre3 @ w3.T\n",
                "    w3 -= 0.1 * grad_w3\n    grad_act2 = grad_pre3 @ w3.T\n",
            ),
            ("G404", "grad_pre2 = grad_act2 * (pre2 > 0)", "grad_pre2 = grad_act2 * (pre3 > 0)"),
            (
                "G404",
                "grad_pre2 = grad_act2 * (pre2 > 0)",
                "grad_pre2 = grad_act2 * (grad_act2 > 0)",
            ),
            ("G401", "grad_pre2 = grad_act2 * (pre2 > 0)", "grad_pre2 = grad_act2"),
            ("G702", "grad_act2 = grad_pre3 @ w3.T", "grad_act2 = grad_pre3 @ w3"),
            ("G702", "grad_act1 = grad_pre2 @ w2.T", "grad_act1 = grad_pre2 @ w2"),
            (
                "G701",
                "grad_w3 = act2.T @ grad_pre3 / batch",
                "grad_w3 = grad_pre3.T @ act2 / batch",
            ),
            (
                "G703",
                "grad_w3 = act2.T @ grad_pre3 / batch",
                "grad_w3 = act1.T @ grad_pre3 / batch",
            ),
            ("G703", "grad_act1 = grad_pre2 @ w2.T", "grad_act1 = grad_pre2 @ w3.T"),
            (
                "G704",
                "grad_w2, grad_b2, grad_w3, grad_b3, grad_w4",
                "grad_w2, grad_b3, grad_w3, grad_b2, grad_w4",
            ),
            ("G201", "grad_w2 = act1.T @ grad_pre2 / batch", "grad_w2 = act1.T @ grad_pre2"),
            (
                "G601|G202",
                "grad_b2 = grad_pre2.sum(axis=0) / batch",
                "grad_b2 = grad_pre2.mean(axis=0) / batch",
            ),
            (
                "G203",
                "grad_b4 = grad_out.sum(axis=0) / batch",
                "grad_b4 = grad_out.sum(axis=0) / len(b4)",
            ),
            ("G405", "grad_pre1 = grad_act1 * (pre1 > 0)", "grad_pre1 = 1.0 * (pre1 > 0)"),
            ("G501", "grad_out = soft - labels", "grad_out = soft * (1 - soft) * (soft - labels)"),
            ("G703", "grad_w4 = act3.T @ grad_out / batch", "grad_w4 = pre3.T @ grad_out / batch"),
        ],
        [
            (
                "    grad_out = soft - labels\n",
                "    grad_soft = -labels / soft\n    grad_out = soft * (grad_soft - (grad_soft * soft).sum(axis=1, keepdims=True))\n",
            ),
            ("grad_pre1 = grad_act1 * (pre1 > 0)", "grad_pre1 = grad_act1 * np.sign(act1)"),
            ("grad_b2 = grad_pre2.sum(axis=0) / batch", "grad_b2 = grad_pre2.mean(axis=0)"),
        ],
    ),
    (
        "columns-mse-m1",
        r'''
import numpy as np


def loss(W1, b1, W2, b2, X, y):
    """X: (features, m), y: (m,)"""
    m = X.shape[1]
    A1 = np.tanh(W1 @ X + b1)
    yhat = W2 @ A1 + b2
    return np.sum((yhat.ravel() - y) ** 2) / (2 * m)


def gradient(W1, b1, W2, b2, X, y):
    m = X.shape[1]
    A1 = np.tanh(W1 @ X + b1)
    yhat = W2 @ A1 + b2
    dZ2 = (yhat - y.reshape(1, m)) / m
    dW2 = dZ2 @ A1.T
    db2 = np.sum(dZ2, axis=1, keepdims=True)
    dZ1 = (W2.T @ dZ2) * (1 - A1 ** 2)
    dW1 = dZ1 @ X.T
    db1 = np.sum(dZ1, axis=1, keepdims=True)
    return dW1, db1, dW2, db2


def example():
    rng = np.random.default_rng(59)
    return (rng.normal(size=(5, 3)), rng.normal(size=(5, 1)), rng.normal(size=(1, 5)), rng.normal(size=(1, 1)),
            rng.normal(size=(3, 8)), rng.normal(size=8))
''',
        [
            (
                "G604",
                "return np.sum((yhat.ravel() - y) ** 2) / (2 * m)",
                "return np.sum((yhat.ravel() - y.reshape(-1, 1)) ** 2) / (2 * m)",
            ),
            (
                "G604",
                "dZ2 = (yhat - y.reshape(1, m)) / m",
                "dZ2 = np.sum(yhat - y.reshape(m, 1), axis=0, keepdims=True) / m",
            ),
            (
                "G603",
                "db1 = np.sum(dZ1, axis=1, keepdims=True)",
                "db1 = np.sum(dZ1) * np.ones((5, 1))",
            ),
            (
                "G101",
                "db1 = np.sum(dZ1, axis=1, keepdims=True)",
                "db1 = np.sum(dZ1, axis=0, keepdims=True)",
            ),
            (
                "G601",
                "db1 = np.sum(dZ1, axis=1, keepdims=True)",
                "db1 = np.mean(dZ1, axis=1, keepdims=True)",
            ),
            ("G602", "db1 = np.sum(dZ1, axis=1, keepdims=True)", "db1 = dZ1[:, [0]]"),
            ("G202", "dW1 = dZ1 @ X.T", "dW1 = dZ1 @ X.T / m"),
            (
                "G204",
                "dZ2 = (yhat - y.reshape(1, m)) / m",
                "dZ2 = (yhat - y.reshape(1, m)) / (2 * m)",
            ),
            (
                "G402",
                "dZ1 = (W2.T @ dZ2) * (1 - A1 ** 2)",
                "dZ1 = (W2.T @ dZ2) * (1 - np.tanh(A1) ** 2)",
            ),
            (
                "G804",
                "    dZ1 = (W2.T @ dZ2) * (1 - A1 ** 2)\n",
                "    W2 = W2 - 0.05 * dW2\n    dZ1 = (W2.T @ dZ2) * (1 - A1 ** 2)\n",
            ),
        ],
        [
            ("dZ1 = (W2.T @ dZ2) * (1 - A1 ** 2)", "dZ1 = np.outer(W2, dZ2) * (1 - np.square(A1))"),
            ("dZ2 = (yhat - y.reshape(1, m)) / m", "dZ2 = (1 / m) * (yhat - y)"),
        ],
    ),
]
