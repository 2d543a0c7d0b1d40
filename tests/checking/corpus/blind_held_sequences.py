"""Held-back blind files about sequences."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.blind_parts import made
from tests.checking.corpus.case import Case


def held_sequences() -> Iterator[Case]:
    yield from made(
        "lstm",
        """
import numpy as np


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def lstm_step(x, h_prev, c_prev, Wx, Wh, b):
    H = h_prev.shape[1]
    A = x @ Wx + h_prev @ Wh + b
    i, f, o = sigmoid(A[:, :H]), sigmoid(A[:, H:2 * H]), sigmoid(A[:, 2 * H:3 * H])
    g = np.tanh(A[:, 3 * H:])
    c = f * c_prev + i * g
    h = o * np.tanh(c)
    return h, c, (x, h_prev, c_prev, i, f, o, g, c)


def lstm_step_backward(dh, dc, cache, Wx, Wh):
    x, h_prev, c_prev, i, f, o, g, c = cache
    tc = np.tanh(c)
    do = dh * tc
    dc = dc + dh * o * (1 - tc ** 2)
    di = dc * g
    df = dc * c_prev
    dg = dc * i
    dA = np.hstack([di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g ** 2)])
    dWx = x.T @ dA
    dWh = h_prev.T @ dA
    db = dA.sum(axis=0)
    return dA @ Wh.T, dc * f, dWx, dWh, db


def loss(x, target, h0, Wx, Wh, b):
    h, c = h0, np.zeros_like(h0)
    for t in range(x.shape[1]):
        h, c, _ = lstm_step(x[:, t], h, c, Wx, Wh, b)
    return 0.5 * np.sum((h - target) ** 2)


def gradient(x, target, h0, Wx, Wh, b):
    h, c = h0, np.zeros_like(h0)
    caches = []
    for t in range(x.shape[1]):
        h, c, cache = lstm_step(x[:, t], h, c, Wx, Wh, b)
        caches.append(cache)
    grads = {"Wx": np.zeros_like(Wx), "Wh": np.zeros_like(Wh), "b": np.zeros_like(b)}
    dh, dc = h - target, np.zeros_like(h)
    for cache in reversed(caches):
        dh, dc, dWx, dWh, db = lstm_step_backward(dh, dc, cache, Wx, Wh)
        grads["Wx"] += dWx
        grads["Wh"] += dWh
        grads["b"] += db
    grads["h0"] = dh
    return grads


def example():
    rng = np.random.default_rng(63)
    return {
        "x": rng.normal(size=(2, 3, 4)), "target": rng.normal(size=(2, 3)),
        "h0": rng.normal(size=(2, 3)), "Wx": 0.7 * rng.normal(size=(4, 12)),
        "Wh": 0.7 * rng.normal(size=(3, 12)), "b": 0.1 * rng.normal(size=12),
    }
""",
        [
            ("G908", "dc = dc + dh * o * (1 - tc ** 2)", "dc = dh * o * (1 - tc ** 2)"),
            ("G401", "dc = dc + dh * o * (1 - tc ** 2)", "dc = dc + dh * o"),
            ("G403", "df * f * (1 - f)", "df * (1 - f ** 2)"),
            ("G403", "df * f * (1 - f)", "df * f"),
            ("G703|G908", "return dA @ Wh.T, dc * f,", "return dA @ Wh.T, dc * i,"),
            ("G802|G801", 'grads["Wh"] += dWh', 'grads["Wh"] = dWh'),
            ("G704|G703", "di = dc * g", "di = dc * i"),
            ("G402|G403", "dg * (1 - g ** 2)])", "dg * (1 - np.tanh(g) ** 2)])"),
        ],
        [
            [("dc = dc + dh * o * (1 - tc ** 2)", "dc = dc + dh * o - dh * o * tc * tc")],
            [
                ("    di = dc * g\n", ""),
                ("    df = dc * c_prev\n", ""),
                ("    dg = dc * i\n", ""),
                (
                    "[di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g ** 2)]",
                    "[dc * g * i * (1 - i), dc * c_prev * f * (1 - f), "
                    "do * o * (1 - o), dc * i * (1 - g**2)]",
                ),
            ],
        ],
    )
    yield from made(
        "causal-heads",
        """
import numpy as np


def split(x, n_head):
    T, D = x.shape
    return x.reshape(T, n_head, D // n_head).transpose(1, 0, 2)


def merge(x):
    n_head, T, d = x.shape
    return x.transpose(1, 0, 2).reshape(T, n_head * d)


def attention(x, w_qkv, n_head):
    q, k, v = [split(m, n_head) for m in np.split(x @ w_qkv, 3, axis=1)]
    T, d = q.shape[1:]
    scores = q @ k.transpose(0, 2, 1) / np.sqrt(d)
    scores = np.where(np.tril(np.ones((T, T))) == 1, scores, -1e9)
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    att = e / e.sum(axis=-1, keepdims=True)
    return q, k, v, att, merge(att @ v)


def loss(x, y, w_qkv, w_out):
    out = attention(x, w_qkv, 2)[-1] @ w_out
    return np.mean((out - y) ** 2)


def gradient(x, y, w_qkv, w_out):
    q, k, v, att, merged = attention(x, w_qkv, 2)
    d = q.shape[-1]
    dout = 2 * (merged @ w_out - y) / y.size
    dw_out = merged.T @ dout
    dheads = split(dout @ w_out.T, 2)
    datt = dheads @ v.transpose(0, 2, 1)
    dv = att.transpose(0, 2, 1) @ dheads
    dscores = att * (datt - (datt * att).sum(-1, keepdims=True)) / np.sqrt(d)
    dq = dscores @ k
    dk = dscores.transpose(0, 2, 1) @ q
    dqkv = np.concatenate([merge(dq), merge(dk), merge(dv)], axis=1)
    return {"w_qkv": x.T @ dqkv, "w_out": dw_out, "x": dqkv @ w_qkv.T}


def example():
    rng = np.random.default_rng(64)
    return {
        "x": rng.normal(size=(5, 4)), "y": rng.normal(size=(5, 4)),
        "w_qkv": rng.normal(size=(4, 12)), "w_out": rng.normal(size=(4, 4)),
    }
""",
        [
            (
                "G503",
                "att * (datt - (datt * att).sum(-1, keepdims=True)) / np.sqrt(d)",
                "att * (1 - att) * datt / np.sqrt(d)",
            ),
            ("G206|G000", "keepdims=True)) / np.sqrt(d)", "keepdims=True))"),
            (
                "G705",
                "dheads = split(dout @ w_out.T, 2)",
                "dheads = split(dout @ w_out.T, 2)[::-1]",
            ),
            ("G705|G704", "[merge(dq), merge(dk), merge(dv)]", "[merge(dk), merge(dq), merge(dv)]"),
            ("G702", "dheads = split(dout @ w_out.T, 2)", "dheads = split(dout @ w_out, 2)"),
            ("G703|G702", "dk = dscores.transpose(0, 2, 1) @ q", "dk = dscores @ q"),
            ("G203", "2 * (merged @ w_out - y) / y.size", "2 * (merged @ w_out - y) / len(y)"),
        ],
        [
            [
                (
                    "dv = att.transpose(0, 2, 1) @ dheads",
                    "dv = np.einsum('htu,htd->hud', att, dheads)",
                )
            ],
            [
                ("dq = dscores @ k\n", "dq = np.matmul(dscores, k)\n"),
                (
                    "(datt * att).sum(-1, keepdims=True)",
                    "(dheads * (att @ v)).sum(-1, keepdims=True)",
                ),
            ],
        ],
    )
    yield from made(
        "padded-embedding-bag",
        """
import numpy as np


def loss(table, w, ids, valid, y):
    \"\"\"Mean of the valid tokens' vectors, dot w, squared error; an empty row has mean 0.\"\"\"
    count = np.maximum(valid.sum(axis=1), 1)
    bag = (table[ids] * valid[:, :, None]).sum(axis=1) / count[:, None]
    return 0.5 * np.mean((bag @ w - y) ** 2)


def gradient(table, w, ids, valid, y):
    n, T = ids.shape
    count = np.maximum(valid.sum(axis=1), 1)
    bag = (table[ids] * valid[:, :, None]).sum(axis=1) / count[:, None]
    err = (bag @ w - y) / n
    dw = bag.T @ err
    dbag = err[:, None] * w[None, :]
    dtable = np.zeros_like(table)
    for i in range(n):
        for t in range(T):
            if valid[i, t]:
                dtable[ids[i, t]] += dbag[i] / count[i]
    return {"table": dtable, "w": dw}


def example():
    rng = np.random.default_rng(65)
    return {
        "table": rng.normal(size=(7, 3)), "w": rng.normal(size=3),
        "ids": np.array([[1, 1, 4, 0], [2, 0, 0, 0], [0, 0, 0, 0], [5, 6, 1, 2], [3, 3, 6, 0]]),
        "valid": np.array([[1.0, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1], [1, 1, 1, 0]]),
        "y": rng.normal(size=5),
    }
""",
        [
            ("G803", "dtable[ids[i, t]] += dbag[i]", "dtable[ids[i, t]] = dbag[i]"),
            ("G203|G000", "dbag[i] / count[i]", "dbag[i] / T"),
            ("G203", "dbag[i] / count[i]", "dbag[i]"),
            ("G901|G000", "            if valid[i, t]:\n", "            if True:\n"),
            (
                "G103",
                "count = np.maximum(valid.sum(axis=1), 1)\n"
                "    bag = (table[ids] * valid[:, :, None]).sum(axis=1) / count[:, None]\n"
                "    err",
                "count = valid.sum(axis=1)\n"
                "    bag = (table[ids] * valid[:, :, None]).sum(axis=1) / count[:, None]\n"
                "    err",
            ),
            ("G405", "dbag = err[:, None] * w[None, :]", "dbag = np.ones((n, 1)) * w[None, :]"),
        ],
        [
            [
                (
                    "    for i in range(n):\n"
                    "        for t in range(T):\n"
                    "            if valid[i, t]:\n"
                    "                dtable[ids[i, t]] += dbag[i] / count[i]\n",
                    "    shares = (dbag / count[:, None])[:, None, :] * valid[:, :, None]\n"
                    "    np.add.at(dtable, ids, shares)\n",
                ),
            ],
            [("dbag = err[:, None] * w[None, :]", "dbag = np.outer(err, w)")],
        ],
    )
