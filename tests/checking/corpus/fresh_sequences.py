"""Fresh files about recurrences and attention."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.case import Case
from tests.checking.corpus.fresh_parts import written


def sequences() -> Iterator[Case]:
    yield from written(
        "self-attention",
        """
import numpy as np


def softmax_rows(S):
    S = S - S.max(axis=1, keepdims=True)
    E = np.exp(S)
    return E / E.sum(axis=1, keepdims=True)


def loss(X, T, Wq, Wk, Wv):
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    P = softmax_rows(Q @ K.T / np.sqrt(K.shape[1]))
    return 0.5 * np.mean(np.sum((P @ V - T) ** 2, axis=1))


def gradient(X, T, Wq, Wk, Wv):
    L = X.shape[0]
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    scale = 1 / np.sqrt(K.shape[1])
    P = softmax_rows(Q @ K.T * scale)
    O = P @ V

    dO = (O - T) / L
    dV = P.T @ dO
    dP = dO @ V.T
    dS = P * (dP - np.sum(dP * P, axis=1, keepdims=True))
    dS = dS * scale
    dQ = dS @ K
    dK = dS.T @ Q
    dX = dQ @ Wq.T + dK @ Wk.T + dV @ Wv.T
    return {"X": dX, "Wq": X.T @ dQ, "Wk": X.T @ dK, "Wv": X.T @ dV}


def example():
    rng = np.random.default_rng(30)
    L, d_model, d_head, d_value = 5, 6, 7, 3
    return {
        "X": rng.normal(size=(L, d_model)),
        "T": rng.normal(size=(L, d_value)),
        "Wq": rng.normal(size=(d_model, d_head)),
        "Wk": rng.normal(size=(d_model, d_head)),
        "Wv": rng.normal(size=(d_model, d_value)),
    }
""",
        [
            ("G503", "P * (dP - np.sum(dP * P, axis=1, keepdims=True))", "P * (1 - P) * dP"),
            (
                "G603|G503",
                "np.sum(dP * P, axis=1, keepdims=True)",
                "np.sum(dP * P, axis=0, keepdims=True)",
            ),
            ("G704", '"Wq": X.T @ dQ, "Wk": X.T @ dK', '"Wq": X.T @ dK, "Wk": X.T @ dQ'),
            ("G801", "dX = dQ @ Wq.T + dK @ Wk.T + dV @ Wv.T", "dX = dQ @ Wq.T + dV @ Wv.T"),
            ("G702|G701", "dV = P.T @ dO", "dV = P @ dO"),
        ],
        [
            [("dP = dO @ V.T", 'dP = np.einsum("lv,mv->lm", dO, V)')],
        ],
        [
            ("G206", "    dS = dS * scale\n", "", "dS = P * (dP"),
        ],
    )
    yield from written(
        "tanh-rnn-steps",
        """
import numpy as np


def rnn_step_forward(x, prev_h, Wx, Wh, b):
    next_h = np.tanh(x.dot(Wx) + prev_h.dot(Wh) + b)
    return next_h, (x, prev_h, Wx, Wh, next_h)


def rnn_step_backward(dnext_h, cache):
    x, prev_h, Wx, Wh, next_h = cache
    dz = dnext_h * (1 - next_h**2)
    dx = dz.dot(Wx.T)
    dprev_h = dz.dot(Wh.T)
    dWx = x.T.dot(dz)
    dWh = prev_h.T.dot(dz)
    db = dz.sum(axis=0)
    return dx, dprev_h, dWx, dWh, db


def loss(x, h0, Wx, Wh, b, target):
    h = h0
    total = 0.0
    for t in range(x.shape[1]):
        h, _ = rnn_step_forward(x[:, t], h, Wx, Wh, b)
        total += 0.5 * np.sum((h - target[:, t]) ** 2)
    return total


def gradient(x, h0, Wx, Wh, b, target):
    N, T, D = x.shape
    h, caches, hs = h0, [], []
    for t in range(T):
        h, cache = rnn_step_forward(x[:, t], h, Wx, Wh, b)
        hs.append(h)
        caches.append(cache)

    dx = np.zeros((N, T, D))
    dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)
    dprev = np.zeros_like(h0)
    for t in reversed(range(T)):
        dh = (hs[t] - target[:, t]) + dprev
        dx[:, t], dprev, dWx_t, dWh_t, db_t = rnn_step_backward(dh, caches[t])
        dWx += dWx_t
        dWh += dWh_t
        db += db_t
    return {"x": dx, "h0": dprev, "Wx": dWx, "Wh": dWh, "b": db}


def example():
    rng = np.random.RandomState(231)
    N, T, D, H = 2, 4, 3, 5
    return {
        "x": rng.randn(N, T, D),
        "h0": rng.randn(N, H),
        "Wx": rng.randn(D, H) * 0.5,
        "Wh": rng.randn(H, H) * 0.5,
        "b": rng.randn(H) * 0.1,
        "target": rng.randn(N, T, H),
    }
""",
        [
            ("G702", "dprev_h = dz.dot(Wh.T)", "dprev_h = dz.dot(Wh)"),
            ("G908", "dh = (hs[t] - target[:, t]) + dprev", "dh = hs[t] - target[:, t]"),
            ("G703", "dWh = prev_h.T.dot(dz)", "dWh = next_h.T.dot(dz)"),
            ("G801|G802", "dWx += dWx_t", "dWx = dWx_t"),
            ("G403", "dz = dnext_h * (1 - next_h**2)", "dz = dnext_h * (1 - next_h)"),
        ],
        [
            [("        db += db_t\n", "        db = db + db_t\n")],
        ],
    )
    yield from written(
        "lstm-sequence",
        """
import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def run(xs, W, b):
    hidden = W.shape[0] // 4
    h, c = np.zeros(hidden), np.zeros(hidden)
    tape = []
    for x in xs:
        xh = np.concatenate([x, h])
        zi, zf, zg, zo = np.split(W @ xh + b, 4)
        i, f, g, o = sigmoid(zi), sigmoid(zf), np.tanh(zg), sigmoid(zo)
        c_prev = c
        c = f * c_prev + i * g
        tc = np.tanh(c)
        h = o * tc
        tape.append((xh, i, f, g, o, c_prev, tc))
    return h, tape


def loss(xs, target, W, b, v):
    h, _ = run(xs, W, b)
    return (v @ h - target) ** 2


def gradient(xs, target, W, b, v):
    h, tape = run(xs, W, b)
    nx = xs.shape[1]
    dpred = 2 * (v @ h - target)
    dv = dpred * h
    dh = dpred * v
    dc = np.zeros_like(h)
    dW = np.zeros_like(W)
    db = np.zeros_like(b)
    for xh, i, f, g, o, c_prev, tc in tape[::-1]:
        do = dh * tc
        dc = dc + dh * o * (1 - tc ** 2)
        di = dc * g
        df = dc * c_prev
        dg = dc * i
        dz = np.concatenate([
            di * i * (1 - i),
            df * f * (1 - f),
            dg * (1 - g ** 2),
            do * o * (1 - o),
        ])
        dW += np.outer(dz, xh)
        db += dz
        dh = (W.T @ dz)[nx:]
        dc = dc * f
    return {"W": dW, "b": db, "v": dv}


def example():
    rng = np.random.default_rng(4)
    nx, nh, steps = 3, 4, 5
    return {
        "xs": rng.normal(size=(steps, nx)),
        "target": 0.7,
        "W": rng.normal(size=(4 * nh, nx + nh)) * 0.6,
        "b": rng.normal(size=4 * nh) * 0.3,
        "v": rng.normal(size=nh),
    }
""",
        [
            ("G908", "dc = dc + dh * o * (1 - tc ** 2)", "dc = dh * o * (1 - tc ** 2)"),
            ("G401", "dc = dc + dh * o * (1 - tc ** 2)", "dc = dc + dh * o"),
            ("G403", "dg * (1 - g ** 2),", "dg * g * (1 - g),"),
            ("G703", "df = dc * c_prev", "df = dc * tc"),
            ("G703", "dc = dc * f", "dc = dc * i"),
        ],
        [
            [("dv = dpred * h", "dv = 2 * h * (v @ h - target)")],
        ],
    )
    yield from written(
        "gru-cell",
        """
import numpy as np


def loss(x, h, Wz, Wr, Wn, G):
    s = lambda a: 1 / (1 + np.exp(-a))
    xh = np.hstack([x, h])
    z = s(xh @ Wz)
    r = s(xh @ Wr)
    n = np.tanh(np.hstack([x, r * h]) @ Wn)
    new = (1 - z) * n + z * h
    return np.sum(new * G)


def gradient(x, h, Wz, Wr, Wn, G):
    s = lambda a: 1 / (1 + np.exp(-a))
    d = x.shape[1]
    xh = np.hstack([x, h])
    z = s(xh @ Wz)
    r = s(xh @ Wr)
    xrh = np.hstack([x, r * h])
    n = np.tanh(xrh @ Wn)

    dn = G * (1 - z)
    dz = G * (h - n)
    dh = G * z
    dn_raw = dn * (1 - n * n)
    dxrh = dn_raw @ Wn.T
    dr = dxrh[:, d:] * h
    dh = dh + dxrh[:, d:] * r
    dz_raw = dz * z * (1 - z)
    dr_raw = dr * r * (1 - r)
    dxh = dz_raw @ Wz.T + dr_raw @ Wr.T
    dh = dh + dxh[:, d:]
    dx = dxrh[:, :d] + dxh[:, :d]
    return {
        "x": dx,
        "h": dh,
        "Wz": xh.T @ dz_raw,
        "Wr": xh.T @ dr_raw,
        "Wn": xrh.T @ dn_raw,
    }


def example():
    rng = np.random.default_rng(55)
    B, d, k = 6, 3, 4
    return {
        "x": rng.normal(size=(B, d)),
        "h": rng.normal(size=(B, k)),
        "Wz": rng.normal(size=(d + k, k)),
        "Wr": rng.normal(size=(d + k, k)),
        "Wn": rng.normal(size=(d + k, k)),
        "G": rng.normal(size=(B, k)),
    }
""",
        [
            ("G205", "dz = G * (h - n)", "dz = G * (n - h)"),
            ("G801", "dh = dh + dxrh[:, d:] * r", "dh = dxrh[:, d:] * r"),
            ("G703", '"Wn": xrh.T @ dn_raw', '"Wn": xh.T @ dn_raw'),
            ("G704", '"Wr": xh.T @ dr_raw', '"Wr": xh.T @ dz_raw'),
        ],
        [
            [("dz = G * (h - n)", "dz = -G * n + G * h")],
        ],
    )
