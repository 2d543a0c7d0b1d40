"""Parts of a loss are recognised however they are written, and mistakes at them are named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 4))
W = RNG.normal(size=(4, 3))
Y = RNG.normal(size=(6, 3))
MASK = 2.0 * (RNG.random((6, 3)) < 0.5)
MASK[0] = (0.0, 2.0, 0.0)
DENSE = {"X": X, "y": Y, "W": W}


def dense(activation, derivative, more=0.0):
    """A layer, and its gradient with a derivative of its own; more reaches each unit of it."""

    def loss(X, y, W):
        a = activation(X @ W)
        return np.mean((a - y) ** 2) + more * np.sum(a)

    def gradient(X, y, W):
        z = X @ W
        return {"W": X.T @ ((2 * (activation(z) - y) / y.size + more) * derivative(z))}

    return loss, gradient, DENSE


def masked_relu(z):
    return z * (z > 0)


def root(z):
    return np.sqrt(np.maximum(z, 0))


def convolution(flip):
    def loss(u, k, t):
        return np.sum((np.convolve(np.tanh(u), k, "valid") - t) ** 2)

    def gradient(u, k, t):
        a = np.tanh(u)
        r = 2 * (np.convolve(a, k, "valid") - t)
        back = np.convolve(r, k if flip == "cotangent" else k[::-1], "full")
        dk = np.array([np.sum(r * a[len(k) - 1 - j : len(a) - j]) for j in range(len(k))])
        return {"u": back * (1 - a**2), "k": dk[::-1] if flip == "kernel" else dk}

    example = {"u": RNG.normal(size=9), "k": np.array([1.0, -2, 0.5]), "t": RNG.normal(size=7)}
    return loss, gradient, example


def standardised(fault, biased=True):
    """A layer norm in steps: centred, then divided."""

    def parts(z):
        m = z - z.mean(axis=1, keepdims=True)
        s = np.sqrt((m**2).sum(axis=1, keepdims=True) / (z.shape[1] - (not biased)) + 1e-5)
        return m / s, s

    def loss(X, y, W):
        return np.mean((parts(X @ W)[0] - y) ** 2)

    def gradient(X, y, W):
        n, s = parts(X @ W)
        d = 2 * (n - y) / y.size
        mean = 0 if fault in ("mean", "both") else d.mean(axis=1, keepdims=True)
        count = d.shape[1] if biased or fault == "count" else d.shape[1] - 1
        variance = 0 if fault == "both" else n * (d * n).sum(axis=1, keepdims=True) / count
        return {"W": X.T @ ((d - mean - variance) / s)}

    example = {"X": X, "y": RNG.normal(size=(6, 5)), "W": RNG.normal(size=(4, 5))}
    return loss, gradient, example


def shares(weight):
    """The cross-entropy of shares of a total, which is no softmax of anything."""

    def loss(q, c):
        return -np.sum(c * np.log(q / np.sum(q)))

    def gradient(q, c):
        return {"q": -c / q + weight * np.sum(c) / np.sum(q)}

    return loss, gradient, {"q": RNG.uniform(0.2, 1, 5), "c": np.array([0.1, 0.2, 0.3, 0.1, 0.3])}


def dropped(factor, twice=0.0, given=False):
    """Dropout before an output layer, by a mask in the file or by one that is given."""

    def loss(X, y, W, V, mask=MASK):
        h = np.tanh(X @ W) * mask
        return np.mean((h @ V - y) ** 2) + twice * np.sum(h)

    def gradient(X, y, W, V, mask=MASK):
        a = np.tanh(X @ W)
        d = 2 * ((a * mask) @ V - y) / y.size
        dh = (d @ V.T + twice) * factor(mask)
        return {"W": X.T @ (dh * (1 - a**2)), "V": (a * mask).T @ d}

    example = {"X": X, "y": Y[:, :2], "W": W, "V": RNG.normal(size=(3, 2))}
    return loss, gradient, {**example, "mask": MASK} if given else example


def gathered(axis, lose):
    def loss(E, rows):
        return np.sum(np.take(E, rows, axis=axis) ** 2)

    def gradient(E, rows):
        d = np.zeros_like(E)
        at = (slice(None), rows) if axis else rows
        if lose:
            d[at] = 2 * E[at]
        else:
            np.add.at(d, at, 2 * E[at])
        return {"E": d}

    return loss, gradient, {"E": X, "rows": np.array([0, 1, 1, 2, 3])}


# (functions and example, codes, a part of the evidence)
PARTS: dict[str, tuple[Any, tuple[str, ...], str]] = {
    "relu by a mask": (dense(masked_relu, lambda z: z > 0), (), ""),
    "relu by a mask, omitted": (dense(masked_relu, np.ones_like), ("G502",), "without f'(z)"),
    "relu by a mask, flipped": (dense(masked_relu, lambda z: z < 0), ("G404",), "mask is flipped"),
    "root of a relu": (
        dense(root, lambda z: np.where(z > 0, 0.5 / np.sqrt(np.maximum(z, 1e-9)), 0)), (), "",
    ),
    "convolution": (convolution(""), (), ""),
    "convolution, kernel not flipped": (convolution("cotangent"), ("G906",), "is not flipped"),
    "convolution, gradient flipped": (convolution("kernel"), ("G906",), "kernel k is flipped"),
    "standardised": (standardised(""), (), ""),
    "standardised, no mean": (standardised("mean"), ("G903",), "through the mean is missing"),
    "standardised, constants": (standardised("both"), ("G903", "G904"), "treated as constants"),
    "standardised by n - 1": (standardised("", biased=False), (), ""),
    "standardised by n - 1, mixed": (
        standardised("count", biased=False), ("G905",), "n and n - 1 are mixed",
    ),
    "shares of a total": (shares(1), (), ""),
    "shares of a total, cut": (shares(0), ("G801",), "does not arrive"),
    "dropout of the file": (dropped(lambda m: m), (), ""),
    "dropout of the file, missing": (dropped(lambda m: 1), ("G901",), "as if there were none"),
    "dropout of the file, unscaled": (dropped(lambda m: m > 0), ("G902",), "is missing"),
    "dropout used twice": (dropped(lambda m: 1, 0.1, True), ("G901",), "as if there were none"),
    "rows taken": (gathered(0, False), (), ""),
    "rows taken, overwritten": (gathered(0, True), ("G803",), "only the last contribution"),
    "columns taken": (gathered(1, False), (), ""),
}  # fmt: skip


@pytest.mark.parametrize("name", PARTS)
def test_a_part_of_a_loss_is_recognised(name):
    (loss, gradient, example), codes, said = PARTS[name]
    report = cr.check(loss, gradient, example)
    assert report.verdict == ("wrong" if codes else "ok"), str(report)
    assert report.codes == codes
    for cause in report.causes:
        assert said in cause.evidence
        assert cause.repair_confirmed


@pytest.mark.parametrize("seed", range(4))
def test_a_unit_that_is_off_on_a_probe_is_no_size_that_stands_in_the_file(seed):
    rng = np.random.default_rng(seed)
    loss, gradient, _ = dense(masked_relu, lambda z: z > 0)
    example = {"X": rng.normal(size=(6, 4)), "y": rng.normal(size=(6, 3)),
               "W": rng.normal(size=(4, 3))}  # fmt: skip
    assert cr.check(loss, gradient, example, seed=seed).blind_spots == ()


def test_layers_beyond_a_number_that_stands_in_the_file_are_kept_out():
    def loss(X, W):
        for layer in range(2):
            X = np.tanh(X @ W[layer])
        return np.sum(X)

    def gradient(X, W):
        a, inputs = X, []
        for layer in range(2):
            inputs.append(a)
            a = np.tanh(a @ W[layer])
        g, dW = np.ones_like(a), np.zeros_like(W)
        for layer in (1, 0):
            g = g * (1 - np.tanh(inputs[layer] @ W[layer]) ** 2)
            dW[layer] = inputs[layer].T @ g
            g = g @ W[layer].T
        return {"W": 2 * dW}

    report = cr.check(loss, gradient, {"X": X[:, :3], "W": RNG.normal(size=(2, 3, 3))})
    assert report.codes == ("G204",)
    assert "other sizes than the example's for" in report.blind_spots[0]
