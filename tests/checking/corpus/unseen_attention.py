"""Unseen files: attention, and the blocks around it."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.case import Case
from tests.checking.corpus.unseen_parts import written


def attention() -> Iterator[Case]:
    yield from written(
        "additive-attention",
        """
import numpy as np


def softmax(e):
    e = np.exp(e - e.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def loss(Wq, Wk, v, Wo, query, keys, pad, y):
    s = np.tanh((query @ Wq)[:, None, :] + keys @ Wk)
    a = softmax(np.where(pad, -1e9, s @ v))
    context = np.sum(a[:, :, None] * keys, axis=1)
    p = softmax(context @ Wo)
    return -np.mean(np.log(p[np.arange(len(y)), y]))


def gradient(Wq, Wk, v, Wo, query, keys, pad, y):
    B = len(y)
    s = np.tanh((query @ Wq)[:, None, :] + keys @ Wk)
    a = softmax(np.where(pad, -1e9, s @ v))
    context = np.sum(a[:, :, None] * keys, axis=1)
    p = softmax(context @ Wo)

    dlogit = p.copy()
    dlogit[np.arange(B), y] -= 1
    dlogit /= B
    dWo = context.T @ dlogit
    dcontext = dlogit @ Wo.T
    dkeys = a[:, :, None] * dcontext[:, None, :]
    da = np.einsum("bd,btd->bt", dcontext, keys)
    de = a * (da - np.sum(a * da, axis=1, keepdims=True))
    dv = np.einsum("bt,bth->h", de, s)
    ds = de[:, :, None] * v
    dpre = ds * (1 - s ** 2)
    dWk = np.einsum("btd,bth->dh", keys, dpre)
    dkeys = dkeys + dpre @ Wk.T
    dq = dpre.sum(axis=1)
    dWq = query.T @ dq
    return {
        "Wq": dWq, "Wk": dWk, "v": dv, "Wo": dWo, "query": dq @ Wq.T, "keys": dkeys,
    }


def example():
    rng = np.random.default_rng(1409)
    B, T, D, Q, H, C = 4, 5, 3, 2, 6, 7
    lengths = np.array([5, 3, 4, 2])
    return {
        "Wq": rng.normal(size=(Q, H)),
        "Wk": rng.normal(size=(D, H)),
        "v": rng.normal(size=H),
        "Wo": rng.normal(size=(D, C)),
        "query": rng.normal(size=(B, Q)),
        "keys": rng.normal(size=(B, T, D)),
        "pad": np.arange(T)[None, :] >= lengths[:, None],
        "y": rng.integers(0, C, B),
    }
""",
        [
            (
                "G503",
                "de = a * (da - np.sum(a * da, axis=1, keepdims=True))",
                "de = a * (1 - a) * da",
            ),
            ("G801", "dkeys = dkeys + dpre @ Wk.T", "dkeys = dpre @ Wk.T"),
            (
                "G603",
                "np.sum(a * da, axis=1, keepdims=True)",
                "np.sum(a * da, axis=0, keepdims=True)",
            ),
            ("G402|G403", "dpre = ds * (1 - s ** 2)", "dpre = ds * (1 - np.tanh(s) ** 2)"),
            ("G601|G203", "dq = dpre.sum(axis=1)", "dq = dpre.mean(axis=1)"),
        ],
        [
            [
                (
                    "de = a * (da - np.sum(a * da, axis=1, keepdims=True))",
                    "de = a * da - a * np.einsum('bt,bt->b', a, da)[:, None]",
                )
            ],
        ],
    )
    yield from written(
        "causal-heads",
        """
import numpy as np


def split(x, heads):
    T, D = x.shape
    return x.reshape(T, heads, D // heads).transpose(1, 0, 2)


def merge(x):
    heads, T, d = x.shape
    return x.transpose(1, 0, 2).reshape(T, heads * d)


def weights(q, k):
    T, d = q.shape[1:]
    scores = q @ k.transpose(0, 2, 1) / np.sqrt(d)
    scores = np.where(np.tril(np.ones((T, T))), scores, -np.inf)
    w = np.exp(scores - scores.max(-1, keepdims=True))
    return w / w.sum(-1, keepdims=True)


def loss(x, Wqkv, Wo, target, heads):
    q, k, v = [split(part, heads) for part in np.split(x @ Wqkv, 3, axis=1)]
    out = x + merge(weights(q, k) @ v) @ Wo
    return 0.5 * np.sum((out - target) ** 2)


def gradient(x, Wqkv, Wo, target, heads):
    q, k, v = [split(part, heads) for part in np.split(x @ Wqkv, 3, axis=1)]
    A = weights(q, k)
    y = merge(A @ v)
    out = x + y @ Wo

    g_out = out - target
    g_Wo = y.T @ g_out
    g_y = split(g_out @ Wo.T, heads)
    g_v = A.transpose(0, 2, 1) @ g_y
    g_A = g_y @ v.transpose(0, 2, 1)
    g_S = A * (g_A - (g_A * A).sum(-1, keepdims=True))
    g_S /= np.sqrt(q.shape[-1])
    g_q = g_S @ k
    g_k = g_S.transpose(0, 2, 1) @ q
    g_qkv = np.hstack([merge(g_q), merge(g_k), merge(g_v)])
    g_x = g_out + g_qkv @ Wqkv.T
    return {"x": g_x, "Wqkv": x.T @ g_qkv, "Wo": g_Wo}


def example():
    rng = np.random.default_rng(1706)
    T, D = 5, 6
    return {
        "x": rng.normal(size=(T, D)),
        "Wqkv": rng.normal(size=(D, 3 * D)) * 0.5,
        "Wo": rng.normal(size=(D, D)) * 0.4,
        "target": rng.normal(size=(T, D)),
        "heads": 2,
    }
""",
        [
            ("G702|G701", "g_k = g_S.transpose(0, 2, 1) @ q", "g_k = g_S @ q"),
            ("G702", "g_y = split(g_out @ Wo.T, heads)", "g_y = split(g_out @ Wo, heads)"),
            ("G801", "g_x = g_out + g_qkv @ Wqkv.T", "g_x = g_qkv @ Wqkv.T"),
            (
                "G704|G705",
                "np.hstack([merge(g_q), merge(g_k), merge(g_v)])",
                "np.hstack([merge(g_k), merge(g_q), merge(g_v)])",
            ),
            ("G206|G203", "g_S /= np.sqrt(q.shape[-1])", "g_S /= np.sqrt(x.shape[-1])"),
            ("G702|G701", "g_v = A.transpose(0, 2, 1) @ g_y", "g_v = A @ g_y"),
            (
                "G503",
                "g_S = A * (g_A - (g_A * A).sum(-1, keepdims=True))",
                "g_S = g_A * A * (1 - A)",
            ),
        ],
        [
            [
                (
                    "    g_S /= np.sqrt(q.shape[-1])\n    g_q = g_S @ k\n",
                    "    g_S = g_S * q.shape[-1] ** -0.5\n"
                    "    g_q = np.einsum('hij,hjd->hid', g_S, k)\n",
                )
            ],
        ],
        [
            (
                "G206",
                "    g_S /= np.sqrt(q.shape[-1])\n",
                "",
                "g_S = A * (g_A",
            ),
        ],
    )
    yield from written(
        "gated-feed-forward",
        """
import numpy as np


def rms(x, eps):
    return np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + eps)


def loss(x, gain, Wg, Wu, Wd, y, eps):
    h = gain * x / rms(x, eps)
    gate = h @ Wg
    act = gate / (1 + np.exp(-gate)) * (h @ Wu)
    out = x + act @ Wd
    return np.mean((out - y) ** 2)


def gradient(x, gain, Wg, Wu, Wd, y, eps):
    r = rms(x, eps)
    xn = x / r
    h = gain * xn
    gate, up = h @ Wg, h @ Wu
    s = 1 / (1 + np.exp(-gate))
    silu = gate * s
    act = silu * up
    out = x + act @ Wd

    dout = 2 * (out - y) / y.size
    dWd = act.T @ dout
    dact = dout @ Wd.T
    dup = dact * silu
    dgate = dact * up * (s + silu * (1 - s))
    dWu = h.T @ dup
    dWg = h.T @ dgate
    dh = dup @ Wu.T + dgate @ Wg.T
    dgain = np.sum(dh * xn, axis=0)
    dxn = dh * gain
    dx = dout + (dxn - xn * np.mean(dxn * xn, axis=-1, keepdims=True)) / r
    return {"x": dx, "gain": dgain, "Wg": dWg, "Wu": dWu, "Wd": dWd}


def example():
    rng = np.random.default_rng(2002)
    N, D, F = 5, 4, 7
    return {
        "x": rng.normal(size=(N, D)),
        "gain": rng.uniform(0.5, 1.5, D),
        "Wg": rng.normal(size=(D, F)),
        "Wu": rng.normal(size=(D, F)),
        "Wd": rng.normal(size=(F, D)) * 0.5,
        "y": rng.normal(size=(N, D)),
        "eps": 1e-5,
    }
""",
        [
            ("G403", "(s + silu * (1 - s))", "s * (1 - s)"),
            ("G403", "(s + silu * (1 - s))", "(s + s * (1 - s))"),
            ("G801", "dh = dup @ Wu.T + dgate @ Wg.T", "dh = dgate @ Wg.T"),
            ("G904", "(dxn - xn * np.mean(dxn * xn, axis=-1, keepdims=True)) / r", "dxn / r"),
            ("G801", "dx = dout + (dxn", "dx = (dxn"),
            ("G603", "xn * np.mean(dxn * xn, axis=-1", "xn * np.mean(dxn * xn, axis=0"),
            ("G703|G704", "dup = dact * silu", "dup = dact * up"),
        ],
        [
            [("(s + silu * (1 - s))", "s * (1 + gate * (1 - s))")],
        ],
    )
    yield from written(
        "residual-with-gelu",
        """
import numpy as np

C = np.sqrt(2 / np.pi)


def gelu(x):
    return 0.5 * x * (1 + np.tanh(C * (x + 0.044715 * x**3)))


def gelu_grad(x):
    t = np.tanh(C * (x + 0.044715 * x**3))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t**2) * C * (1 + 3 * 0.044715 * x**2)


def loss(blocks, alpha, head, x, y):
    for i, block in enumerate(blocks):
        x = x + alpha[i] * gelu(x @ block["w"] + block["b"])
    z = x @ head
    return np.mean(np.logaddexp(0, z) - y * z)


def gradient(blocks, alpha, head, x, y):
    inputs, pre = [], []
    for i, block in enumerate(blocks):
        inputs.append(x)
        pre.append(x @ block["w"] + block["b"])
        x = x + alpha[i] * gelu(pre[-1])
    z = x @ head
    dz = (1 / (1 + np.exp(-z)) - y) / len(y)
    dhead = x.T @ dz
    dx = np.outer(dz, head)
    dblocks = [None] * len(blocks)
    dalpha = np.zeros(len(blocks))
    for i in reversed(range(len(blocks))):
        dalpha[i] = np.sum(dx * gelu(pre[i]))
        dpre = alpha[i] * dx * gelu_grad(pre[i])
        dblocks[i] = {"w": inputs[i].T @ dpre, "b": dpre.sum(0)}
        dx = dx + dpre @ blocks[i]["w"].T
    return {"blocks": dblocks, "alpha": dalpha, "head": dhead}


def example():
    rng = np.random.default_rng(2020)
    d = 4
    return {
        "blocks": [{"w": rng.normal(size=(d, d)), "b": rng.normal(size=d)} for _ in range(3)],
        "alpha": np.array([0.5, -0.8, 1.1]),
        "head": rng.normal(size=d),
        "x": rng.normal(size=(6, d)),
        "y": np.array([0, 1, 1, 0, 1, 0]),
    }
""",
        [
            ("G801", "dx = dx + dpre @ blocks", "dx = dpre @ blocks"),
            ("G104", "x = x + alpha[i] * gelu(pre[-1])", "x += alpha[i] * gelu(pre[-1])"),
            ("G000|G206|G401", "dpre = alpha[i] * dx * gelu_grad", "dpre = dx * gelu_grad"),
            ("G403", "* C * (1 + 3 * 0.044715 * x**2)", "* C * (1 + 0.044715 * x**2)"),
            ("G403|G801", "return 0.5 * (1 + t) + 0.5 * x *", "return 0.5 * x *"),
            ("G703", '{"w": inputs[i].T @ dpre', '{"w": pre[i].T @ dpre'),
            ("G702", 'dpre @ blocks[i]["w"].T', 'dpre @ blocks[i]["w"]'),
            ("G703", "np.sum(dx * gelu(pre[i]))", "np.sum(dx * pre[i])"),
        ],
        [
            [("dx = dx + dpre @ blocks[i]", "dx += dpre @ blocks[i]")],
        ],
    )
