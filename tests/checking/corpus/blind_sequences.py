"""Blind files about sequences: recurrent cells and attention."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.blind_parts import made
from tests.checking.corpus.case import Case


def sequences() -> Iterator[Case]:
    yield from made(
        "char-rnn",
        """
import numpy as np


def loss(inputs, targets, hprev, Wxh, Whh, Why, bh, by):
    \"\"\"inputs, targets: lists of integers; column vectors throughout.\"\"\"
    h = hprev
    total = 0
    for t in range(len(inputs)):
        x = np.zeros((Wxh.shape[1], 1))
        x[inputs[t]] = 1
        h = np.tanh(Wxh @ x + Whh @ h + bh)
        y = Why @ h + by
        p = np.exp(y) / np.sum(np.exp(y))
        total += -np.log(p[targets[t], 0])
    return total


def gradient(inputs, targets, hprev, Wxh, Whh, Why, bh, by):
    xs, hs, ps = {}, {}, {}
    hs[-1] = np.copy(hprev)
    # forward pass
    for t in range(len(inputs)):
        xs[t] = np.zeros((Wxh.shape[1], 1))
        xs[t][inputs[t]] = 1
        hs[t] = np.tanh(np.dot(Wxh, xs[t]) + np.dot(Whh, hs[t - 1]) + bh)
        y = np.dot(Why, hs[t]) + by
        ps[t] = np.exp(y) / np.sum(np.exp(y))
    # backward pass
    dWxh, dWhh, dWhy = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros_like(Why)
    dbh, dby = np.zeros_like(bh), np.zeros_like(by)
    dhnext = np.zeros_like(hs[0])
    for t in reversed(range(len(inputs))):
        dy = np.copy(ps[t])
        dy[targets[t]] -= 1
        dWhy += np.dot(dy, hs[t].T)
        dby += dy
        dh = np.dot(Why.T, dy) + dhnext
        dhraw = (1 - hs[t] * hs[t]) * dh
        dbh += dhraw
        dWxh += np.dot(dhraw, xs[t].T)
        dWhh += np.dot(dhraw, hs[t - 1].T)
        dhnext = np.dot(Whh.T, dhraw)
    return {"Wxh": dWxh, "Whh": dWhh, "Why": dWhy, "bh": dbh, "by": dby}


def example():
    rng = np.random.default_rng(0)
    H, V = 5, 4
    return {
        "inputs": np.array([0, 2, 1, 2]), "targets": np.array([2, 1, 2, 3]),
        "hprev": 0.1 * rng.normal(size=(H, 1)),
        "Wxh": rng.normal(size=(H, V)), "Whh": 0.5 * rng.normal(size=(H, H)),
        "Why": rng.normal(size=(V, H)),
        "bh": 0.1 * rng.normal(size=(H, 1)), "by": 0.1 * rng.normal(size=(V, 1)),
    }
""",
        [
            ("G908", "dh = np.dot(Why.T, dy) + dhnext", "dh = np.dot(Why.T, dy)"),
            ("G702", "dhnext = np.dot(Whh.T, dhraw)", "dhnext = np.dot(Whh, dhraw)"),
            ("G703", "dWhh += np.dot(dhraw, hs[t - 1].T)", "dWhh += np.dot(dhraw, hs[t].T)"),
            ("G801|G802", "dWxh += np.dot(dhraw, xs[t].T)", "dWxh = np.dot(dhraw, xs[t].T)"),
            ("G401", "dhraw = (1 - hs[t] * hs[t]) * dh", "dhraw = dh"),
            ("G401|G908", "dhnext = np.dot(Whh.T, dhraw)", "dhnext = np.dot(Whh.T, dh)"),
            ("G801|G802", "dby += dy", "dby = dy"),
            ("G702|G703|G908", "dhnext = np.dot(Whh.T, dhraw)", "dhnext = dhraw"),
        ],
        [
            [("(1 - hs[t] * hs[t]) * dh", "dh - dh * hs[t] ** 2")],
            [
                ("        dy[targets[t]] -= 1\n", ""),
                (
                    "dy = np.copy(ps[t])",
                    "dy = ps[t] - (np.arange(len(by)) == targets[t]).reshape(-1, 1)",
                ),
            ],
        ],
    )
    yield from made(
        "gru-step",
        """
import numpy as np


def sig(v):
    return 1 / (1 + np.exp(-v))


def step(x, h, Wz, Wr, Wc):
    hx = np.hstack([h, x])
    z = sig(hx @ Wz)
    r = sig(hx @ Wr)
    rhx = np.hstack([r * h, x])
    c = np.tanh(rhx @ Wc)
    return (1 - z) * h + z * c, (hx, z, r, rhx, c)


def step_back(dnew, h, cache, Wz, Wr, Wc):
    hx, z, r, rhx, c = cache
    H = h.shape[1]
    dh = dnew * (1 - z)
    dz = dnew * (c - h) * z * (1 - z)
    dc = dnew * z * (1 - c ** 2)
    drhx = dc @ Wc.T
    dh = dh + drhx[:, :H] * r
    dr = drhx[:, :H] * h * r * (1 - r)
    dhx = dz @ Wz.T + dr @ Wr.T
    dh = dh + dhx[:, :H]
    return dh, hx.T @ dz, hx.T @ dr, rhx.T @ dc


def loss(X, target, Wz, Wr, Wc):
    # X: (time, batch, features)
    h = np.zeros((X.shape[1], Wz.shape[1]))
    for x in X:
        h, _ = step(x, h, Wz, Wr, Wc)
    return np.mean((h - target) ** 2)


def gradient(X, target, Wz, Wr, Wc):
    h = np.zeros((X.shape[1], Wz.shape[1]))
    states, caches = [], []
    for x in X:
        states.append(h)
        h, cache = step(x, h, Wz, Wr, Wc)
        caches.append(cache)
    gz, gr, gc = np.zeros_like(Wz), np.zeros_like(Wr), np.zeros_like(Wc)
    dh = 2 * (h - target) / h.size
    for t in range(len(X) - 1, -1, -1):
        dh, a, b, c = step_back(dh, states[t], caches[t], Wz, Wr, Wc)
        gz += a
        gr += b
        gc += c
    return {"Wz": gz, "Wr": gr, "Wc": gc}


def example():
    rng = np.random.default_rng(100)
    return {
        "X": rng.normal(size=(3, 4, 2)), "target": rng.normal(size=(4, 3)),
        "Wz": rng.normal(size=(5, 3)), "Wr": rng.normal(size=(5, 3)), "Wc": rng.normal(size=(5, 3)),
    }
""",
        [
            ("G801|G908", "dh = dh + drhx[:, :H] * r", "dh = drhx[:, :H] * r"),
            ("G908|G801", "dh = dh + dhx[:, :H]", "dh = dh"),
            ("G401", "dz = dnew * (c - h) * z * (1 - z)", "dz = dnew * (c - h)"),
            ("G403", "dc = dnew * z * (1 - c ** 2)", "dc = dnew * z * c * (1 - c)"),
            ("G205", "dz = dnew * (c - h) * z", "dz = dnew * (h - c) * z"),
            ("G801|G802", "gr += b", "gr = b"),
            (
                "G703",
                "return dh, hx.T @ dz, hx.T @ dr, rhx.T @ dc",
                "return dh, hx.T @ dz, hx.T @ dr, hx.T @ dc",
            ),
            ("G403", "* h * r * (1 - r)", "* h * (1 - r ** 2)"),
        ],
        [
            [("dz = dnew * (c - h) * z * (1 - z)", "dz = (dnew * c - dnew * h) * (z - z ** 2)")],
            [
                ("    dh = dnew * (1 - z)\n", ""),
                ("    dh = dh + drhx[:, :H] * r\n", ""),
                ("dh = dh + dhx[:, :H]", "dh = dnew * (1 - z) + drhx[:, :H] * r + dhx[:, :H]"),
            ],
        ],
    )
    yield from made(
        "self-attention",
        """
import numpy as np


def softmax(s):
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def attend(X, Wq, Wk, Wv):
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    d_k = Q.shape[-1]
    A = softmax(Q @ K.T / np.sqrt(d_k))
    return Q, K, V, A, A @ V


def loss(X, Y, Wq, Wk, Wv, Wo):
    O = attend(X, Wq, Wk, Wv)[-1]
    return np.sum((O @ Wo - Y) ** 2) / 2


def gradient(X, Y, Wq, Wk, Wv, Wo):
    Q, K, V, A, O = attend(X, Wq, Wk, Wv)
    d_k = Q.shape[-1]

    dOut = O @ Wo - Y
    dWo = O.T @ dOut
    dO = dOut @ Wo.T

    dV = A.T @ dO
    dA = dO @ V.T
    dS = A * (dA - np.sum(dA * A, axis=-1, keepdims=True))
    dS = dS / np.sqrt(d_k)
    dQ = dS @ K
    dK = dS.T @ Q

    dX = dQ @ Wq.T + dK @ Wk.T + dV @ Wv.T
    return {"X": dX, "Wq": X.T @ dQ, "Wk": X.T @ dK, "Wv": X.T @ dV, "Wo": dWo}


def example():
    rng = np.random.default_rng(2017)
    return {
        "X": rng.normal(size=(5, 6)), "Y": rng.normal(size=(5, 3)),
        "Wq": 0.6 * rng.normal(size=(6, 4)), "Wk": 0.6 * rng.normal(size=(6, 4)),
        "Wv": rng.normal(size=(6, 4)), "Wo": rng.normal(size=(4, 3)),
    }
""",
        [
            (
                "G503",
                "dS = A * (dA - np.sum(dA * A, axis=-1, keepdims=True))",
                "dS = dA * A * (1 - A)",
            ),
            ("G206|G000", "dS = dS / np.sqrt(d_k)", "dS = dS * 1.0"),
            ("G206|G000", "dS = dS / np.sqrt(d_k)", "dS = dS / d_k"),
            ("G703|G702", "dK = dS.T @ Q", "dK = dS @ Q"),
            ("G801", "dX = dQ @ Wq.T + dK @ Wk.T + dV @ Wv.T", "dX = dQ @ Wq.T + dK @ Wk.T"),
            (
                "G603|G503",
                "np.sum(dA * A, axis=-1, keepdims=True)",
                "np.sum(dA * A, axis=0, keepdims=True)",
            ),
            ("G702|G701|G703", "dV = A.T @ dO", "dV = A @ dO"),
            ("G704", '"Wq": X.T @ dQ, "Wk": X.T @ dK', '"Wq": X.T @ dK, "Wk": X.T @ dQ'),
        ],
        [
            [
                (
                    "dS = A * (dA - np.sum(dA * A, axis=-1, keepdims=True))",
                    "dS = A * dA - A * np.sum(dO * O, axis=1, keepdims=True)",
                )
            ],
            [
                ("    dS = dS / np.sqrt(d_k)\n", ""),
                ("dQ = dS @ K", "dQ = dS @ (K / np.sqrt(d_k))"),
                ("dK = dS.T @ Q", "dK = (dS.T @ Q) * d_k ** -0.5"),
            ],
        ],
    )
