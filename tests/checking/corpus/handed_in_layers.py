"""Batch norm, layer norm, dropout and residual blocks, step by step."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.case import Case
from tests.checking.corpus.handed_in_parts import made


def layers() -> Iterator[Case]:
    """Batch norm, layer norm, dropout and residual blocks, step by step."""
    for program in PROGRAMS:
        yield from made(*program)


PROGRAMS = [
    (
        "makemore-manual",
        r"""
import numpy as np


def loss(C, W1, b1, W2, b2, bngain, bnbias, Xb, Yb):
    n = Xb.shape[0]
    emb = C[Xb]
    embcat = emb.reshape(n, -1)
    hprebn = embcat @ W1 + b1
    bnmeani = 1 / n * hprebn.sum(0, keepdims=True)
    bndiff = hprebn - bnmeani
    bnvar = 1 / (n - 1) * (bndiff ** 2).sum(0, keepdims=True)
    bnvar_inv = (bnvar + 1e-5) ** -0.5
    hpreact = bngain * (bndiff * bnvar_inv) + bnbias
    h = np.tanh(hpreact)
    logits = h @ W2 + b2
    logit_maxes = logits.max(1, keepdims=True)
    counts = np.exp(logits - logit_maxes)
    probs = counts * counts.sum(1, keepdims=True) ** -1
    return -np.log(probs)[range(n), Yb].mean()


def gradient(C, W1, b1, W2, b2, bngain, bnbias, Xb, Yb):
    n = Xb.shape[0]
    emb = C[Xb]
    embcat = emb.reshape(emb.shape[0], -1)
    hprebn = embcat @ W1 + b1
    bnmeani = 1 / n * hprebn.sum(0, keepdims=True)
    bndiff = hprebn - bnmeani
    bndiff2 = bndiff ** 2
    bnvar = 1 / (n - 1) * bndiff2.sum(0, keepdims=True)
    bnvar_inv = (bnvar + 1e-5) ** -0.5
    bnraw = bndiff * bnvar_inv
    hpreact = bngain * bnraw + bnbias
    h = np.tanh(hpreact)
    logits = h @ W2 + b2
    logit_maxes = logits.max(1, keepdims=True)
    norm_logits = logits - logit_maxes
    counts = np.exp(norm_logits)
    counts_sum = counts.sum(1, keepdims=True)
    counts_sum_inv = counts_sum ** -1
    probs = counts * counts_sum_inv
    logprobs = np.log(probs)
    dlogprobs = np.zeros_like(logprobs)
    dlogprobs[range(n), Yb] = -1.0 / n
    dprobs = (1.0 / probs) * dlogprobs
    dcounts_sum_inv = (counts * dprobs).sum(1, keepdims=True)
    dcounts = counts_sum_inv * dprobs
    dcounts_sum = (-counts_sum ** -2) * dcounts_sum_inv
    dcounts += np.ones_like(counts) * dcounts_sum
    dnorm_logits = counts * dcounts
    dlogits = dnorm_logits.copy()
    dh = dlogits @ W2.T
    dW2 = h.T @ dlogits
    db2 = dlogits.sum(0)
    dhpreact = (1.0 - h ** 2) * dh
    dbngain = (bnraw * dhpreact).sum(0, keepdims=True)
    dbnraw = bngain * dhpreact
    dbnbias = dhpreact.sum(0, keepdims=True)
    dbndiff = bnvar_inv * dbnraw
    dbnvar_inv = (bndiff * dbnraw).sum(0, keepdims=True)
    dbnvar = (-0.5 * (bnvar + 1e-5) ** -1.5) * dbnvar_inv
    dbndiff2 = (1.0 / (n - 1)) * np.ones_like(bndiff2) * dbnvar
    dbndiff += (2 * bndiff) * dbndiff2
    dhprebn = dbndiff.copy()
    dbnmeani = (-dbndiff).sum(0, keepdims=True)
    dhprebn += 1.0 / n * (np.ones_like(hprebn) * dbnmeani)
    dembcat = dhprebn @ W1.T
    dW1 = embcat.T @ dhprebn
    db1 = dhprebn.sum(0)
    demb = dembcat.reshape(emb.shape)
    dC = np.zeros_like(C)
    for k in range(Xb.shape[0]):
        for j in range(Xb.shape[1]):
            ix = Xb[k, j]
            dC[ix] += demb[k, j]
    return dC, dW1, db1, dW2, db2, dbngain, dbnbias


def example():
    g = np.random.default_rng(2147483647)
    C = g.normal(size=(6, 2))
    W1, b1 = g.normal(size=(6, 5)), g.normal(size=5) * 0.1
    W2, b2 = g.normal(size=(5, 6)), g.normal(size=6) * 0.1
    bngain, bnbias = g.normal(size=(1, 5)) * 0.2 + 1, g.normal(size=(1, 5)) * 0.1
    Xb = g.integers(0, 6, (8, 3))
    Yb = g.integers(0, 6, 8)
    return C, W1, b1, W2, b2, bngain, bnbias, Xb, Yb
""",
        [
            ("G803", "dC[ix] += demb[k, j]", "dC[ix] = demb[k, j]"),
            (
                "G801",
                "    dbndiff += (2 * bndiff) * dbndiff2\n",
                "    dbndiff = (2 * bndiff) * dbndiff2\n",
            ),
            (
                "G904",
                "    dbndiff += (2 * bndiff) * dbndiff2\n",
                "",
                "dbndiff = bnvar_inv * dbnraw",
            ),
            (
                "G903",
                "    dhprebn += 1.0 / n * (np.ones_like(hprebn) * dbnmeani)\n",
                "",
                "dhprebn = dbndiff.copy()",
            ),
            (
                "G905",
                "dbndiff2 = (1.0 / (n - 1)) * np.ones_like(bndiff2) * dbnvar",
                "dbndiff2 = (1.0 / n) * np.ones_like(bndiff2) * dbnvar",
            ),
            ("G201", "dlogprobs[range(n), Yb] = -1.0 / n", "dlogprobs[range(n), Yb] = -1.0"),
            (
                "G801",
                "dcounts += np.ones_like(counts) * dcounts_sum",
                "dcounts = np.ones_like(counts) * dcounts_sum",
            ),
            ("G403", "dhpreact = (1.0 - h ** 2) * dh", "dhpreact = (1.0 - h) * dh"),
            ("G403", "dhpreact = (1.0 - h ** 2) * dh", "dhpreact = (1.0 - hpreact ** 2) * dh"),
            ("G405", "dhpreact = (1.0 - h ** 2) * dh", "dhpreact = 1.0 - h ** 2"),
            (
                "G704",
                "return dC, dW1, db1, dW2, db2, dbngain, dbnbias",
                "return dC, dW1, db1, dW2, db2, dbnbias, dbngain",
            ),
            (
                "G705",
                "demb = dembcat.reshape(emb.shape)",
                "demb = dembcat.reshape(emb.shape, order='F')",
            ),
            ("G205", "dlogprobs[range(n), Yb] = -1.0 / n", "dlogprobs[range(n), Yb] = 1.0 / n"),
        ],
        [
            (
                "    dlogits = dnorm_logits.copy()\n",
                "    dlogits = probs.copy()\n    dlogits[range(n), Yb] -= 1\n    dlogits /= n\n",
            ),
            (
                "    dhprebn += 1.0 / n * (np.ones_like(hprebn) * dbnmeani)\n",
                "    dhprebn = bngain * bnvar_inv / n * (n * dhpreact - dhpreact.sum(0) - n / (n - 1) * bnraw * (dhpreact * bnraw).sum(0))\n",
            ),
            (
                "    for k in range(Xb.shape[0]):\n        for j in range(Xb.shape[1]):\n            ix = Xb[k, j]\n            dC[ix] += demb[k, j]\n",
                "    np.add.at(dC, Xb, demb)\n",
            ),
        ],
    ),
    (
        "batchnorm-net",
        r"""
import numpy as np

EPS = 1e-5


def batchnorm_forward(x, gamma, beta):
    mu = x.mean(axis=0)
    var = x.var(axis=0)
    std = np.sqrt(var + EPS)
    xhat = (x - mu) / std
    return gamma * xhat + beta, (x, mu, std, xhat, gamma)


def loss(W, gamma, beta, V, X, T):
    out, _ = batchnorm_forward(X @ W, gamma, beta)
    a = np.maximum(out, 0)
    Y = a @ V
    return np.mean((Y - T) ** 2)


def batchnorm_backward(dout, cache):
    x, mu, std, xhat, gamma = cache
    m = x.shape[0]
    dgamma = np.sum(dout * xhat, axis=0)
    dbeta = np.sum(dout, axis=0)
    dxhat = dout * gamma
    dvar = np.sum(dxhat * (x - mu) * -0.5 * std ** -3, axis=0)
    dmu = np.sum(-dxhat / std, axis=0) + dvar * np.mean(-2.0 * (x - mu), axis=0)
    dx = dxhat / std + dvar * 2.0 * (x - mu) / m + dmu / m
    return dx, dgamma, dbeta


def gradient(W, gamma, beta, V, X, T):
    u = X @ W
    out, cache = batchnorm_forward(u, gamma, beta)
    a = np.maximum(out, 0)
    Y = a @ V
    dY = 2 * (Y - T) / Y.size
    dV = a.T @ dY
    da = dY @ V.T
    dout = da * (out > 0)
    du, dgamma, dbeta = batchnorm_backward(dout, cache)
    dW = X.T @ du
    return dW, dgamma, dbeta, dV


def example():
    rng = np.random.default_rng(16)
    X = rng.normal(size=(9, 4)) * 2 + 0.5
    return (rng.normal(size=(4, 5)), rng.normal(size=5) + 1, rng.normal(size=5), rng.normal(size=(5, 3)),
            X, rng.normal(size=(9, 3)))
""",
        [
            (
                "G903",
                "dx = dxhat / std + dvar * 2.0 * (x - mu) / m + dmu / m",
                "dx = dxhat / std + dvar * 2.0 * (x - mu) / m",
            ),
            (
                "G904",
                "dx = dxhat / std + dvar * 2.0 * (x - mu) / m + dmu / m",
                "dx = dxhat / std + dmu / m",
            ),
            (
                "G905",
                "dx = dxhat / std + dvar * 2.0 * (x - mu) / m + dmu / m",
                "dx = dxhat / std + dvar * 2.0 * (x - mu) / (m - 1) + dmu / m",
            ),
            ("G704", "return dx, dgamma, dbeta", "return dx, dbeta, dgamma"),
            ("G404", "dout = da * (out > 0)", "dout = da * (u > 0)"),
            ("G203", "dY = 2 * (Y - T) / Y.size", "dY = 2 * (Y - T) / Y.shape[0]"),
            ("G601", "dbeta = np.sum(dout, axis=0)", "dbeta = np.mean(dout, axis=0)"),
            ("G703", "dgamma = np.sum(dout * xhat, axis=0)", "dgamma = np.sum(dout * x, axis=0)"),
            ("G403", "dout = da * (out > 0)", "dout = da * out * (out > 0)"),
            ("G204", "dY = 2 * (Y - T) / Y.size", "dY = (Y - T) / Y.size"),
        ],
        [
            (
                "    dx = dxhat / std + dvar * 2.0 * (x - mu) / m + dmu / m\n",
                "    dx = (dxhat - dxhat.mean(0) - xhat * (dxhat * xhat).mean(0)) / std\n",
            ),
            (
                "    dmu = np.sum(-dxhat / std, axis=0) + dvar * np.mean(-2.0 * (x - mu), axis=0)\n",
                "    dmu = -np.sum(dxhat, axis=0) / std\n",
            ),
            (
                "    dx = dxhat / std + dvar * 2.0 * (x - mu) / m + dmu / m\n",
                "    dx = (1. / m) / std * (m * dxhat - np.sum(dxhat, axis=0) - xhat * np.sum(dxhat * xhat, axis=0))\n",
            ),
        ],
    ),
    (
        "layernorm-gelu",
        r"""
import numpy as np

c0 = np.sqrt(2 / np.pi)

def gelu(z):
    return 0.5 * z * (1 + np.tanh(c0 * (z + 0.044715 * z ** 3)))

def gelu_grad(z):
    t = np.tanh(c0 * (z + 0.044715 * z ** 3))
    return 0.5 * (1 + t) + 0.5 * z * (1 - t ** 2) * c0 * (1 + 3 * 0.044715 * z ** 2)

def ln(x, g, b, eps=1e-6):
    mean = x.mean(-1, keepdims=True)
    inv = 1.0 / np.sqrt(x.var(-1, keepdims=True) + eps)
    return g * (x - mean) * inv + b, (x - mean) * inv, inv

def loss(W1, g, b, W2, x, y):
    z, _, _ = ln(x @ W1, g, b)
    out = gelu(z) @ W2
    return ((out - y) ** 2).sum() / (2 * len(x))

def gradient(W1, g, b, W2, x, y):
    B = len(x)
    h = x @ W1
    z, norm, inv = ln(h, g, b)
    act = gelu(z)
    out = act @ W2
    d_out = (out - y) / B
    d_W2 = act.T @ d_out
    d_act = d_out @ W2.T
    d_z = d_act * gelu_grad(z)
    d_b = d_z.sum(0)
    d_g = (d_z * norm).sum(0)
    d_norm = d_z * g
    d_h = inv * (d_norm - d_norm.mean(-1, keepdims=True) - norm * (d_norm * norm).mean(-1, keepdims=True))
    d_W1 = x.T @ d_h
    return d_W1, d_g, d_b, d_W2

def example():
    rng = np.random.default_rng(17)
    f = lambda *s: rng.normal(0, 0.8, s)
    return f(4, 6), 1 + f(6), f(6), f(6, 2), f(7, 4), f(7, 2)
""",
        [
            ("G402", "d_z = d_act * gelu_grad(z)", "d_z = d_act * gelu_grad(act)"),
            ("G401", "d_z = d_act * gelu_grad(z)", "d_z = d_act"),
            (
                "G403",
                "return 0.5 * (1 + t) + 0.5 * z * (1 - t ** 2) * c0 * (1 + 3 * 0.044715 * z ** 2)",
                "return 0.5 * (1 + t)",
            ),
            (
                "G603",
                "d_norm - d_norm.mean(-1, keepdims=True)",
                "d_norm - d_norm.mean(0, keepdims=True)",
            ),
            ("G704", "return d_W1, d_g, d_b, d_W2", "return d_W1, d_b, d_g, d_W2"),
            ("G201", "d_out = (out - y) / B", "d_out = out - y"),
            ("G703", "d_W2 = act.T @ d_out", "d_W2 = z.T @ d_out"),
            ("G204", "d_out = (out - y) / B", "d_out = 2 * (out - y) / B"),
            ("G601", "d_b = d_z.sum(0)", "d_b = d_z.mean(0)"),
            ("G602", "d_b = d_z.sum(0)", "d_b = d_z[-1]"),
            ("G603", "d_g = (d_z * norm).sum(0)", "d_g = (d_z * norm).sum() * np.ones_like(g)"),
        ],
        [
            (
                "    d_h = inv * (d_norm - d_norm.mean(-1, keepdims=True) - norm * (d_norm * norm).mean(-1, keepdims=True))\n",
                "    H = h.shape[-1]\n    d_h = inv / H * (H * d_norm - d_norm.sum(-1, keepdims=True) - norm * np.einsum('bh,bh->b', d_norm, norm)[:, None])\n",
            ),
            ("d_W2 = act.T @ d_out", "d_W2 = sum(np.outer(ai, di) for ai, di in zip(act, d_out))"),
        ],
    ),
    (
        "dropout-mask",
        r"""
import numpy as np


def loss(params, X, y, mask, keep_prob):
    W1, b1, W2, b2 = params
    h = np.maximum(0.0, X @ W1 + b1)
    h = h * mask / keep_prob
    s = h @ W2 + b2
    s = s - s.max(1, keepdims=True)
    return -(s[np.arange(len(y)), y] - np.log(np.exp(s).sum(1))).mean()


def gradient(params, X, y, mask, keep_prob):
    W1, b1, W2, b2 = params
    n = len(y)
    z = X @ W1 + b1
    h = np.maximum(0.0, z)
    hd = h * mask / keep_prob
    s = hd @ W2 + b2
    s = s - s.max(1, keepdims=True)
    prob = np.exp(s) / np.exp(s).sum(1, keepdims=True)
    Y = np.zeros_like(prob)
    Y[np.arange(n), y] = 1
    ds = (prob - Y) / n
    dW2 = hd.T @ ds
    db2 = ds.sum(0)
    dhd = ds @ W2.T
    dh = dhd * mask / keep_prob
    dz = np.where(z > 0, dh, 0)
    dW1 = X.T @ dz
    db1 = dz.sum(0)
    return (dW1, db1, dW2, db2)


def example():
    rng = np.random.default_rng(18)
    params = (rng.normal(size=(4, 6)), rng.normal(size=6), rng.normal(size=(6, 3)), rng.normal(size=3))
    mask = (rng.random((9, 6)) < 0.7).astype(float)
    return params, rng.normal(size=(9, 4)), rng.integers(0, 3, 9), mask, 0.7
""",
        [
            ("G901", "dh = dhd * mask / keep_prob", "dh = dhd / keep_prob"),
            ("G902", "dh = dhd * mask / keep_prob", "dh = dhd * mask"),
            ("G902", "dh = dhd * mask / keep_prob", "dh = dhd * mask * keep_prob"),
            (
                "G902",
                "dh = dhd * mask / keep_prob",
                "mask = (np.random.default_rng(0).random(dhd.shape) < keep_prob).astype(float)\n    dh = dhd * mask / keep_prob",
            ),
            (
                "G105",
                "dh = dhd * mask / keep_prob",
                "mask = (np.random.rand(*dhd.shape) < keep_prob).astype(float)\n    dh = dhd * mask / keep_prob",
                "mask = (np.random.rand",
            ),
            ("G703|G901", "dW2 = hd.T @ ds", "dW2 = h.T @ ds"),
            (
                "G104",
                "    hd = h * mask / keep_prob\n",
                "    mask /= keep_prob\n    hd = h * mask\n",
            ),
            ("G404", "dz = np.where(z > 0, dh, 0)", "dz = np.where(dh > 0, dh, 0)"),
            ("G401", "dz = np.where(z > 0, dh, 0)", "dz = dh"),
            ("G203", "ds = (prob - Y) / n", "ds = (prob - Y) / (n - 1)"),
        ],
        [
            ("dz = np.where(z > 0, dh, 0)", "dz = np.where(hd > 0, dh, 0)"),
            (
                "dh = dhd * mask / keep_prob",
                "dh = dhd.copy()\n    dh[mask == 0] = 0\n    dh /= keep_prob",
            ),
        ],
    ),
    (
        "residual-block",
        r"""
import numpy as np


def leaky(z, slope=0.1):
    return np.where(z > 0, z, slope * z)


def dleaky(z, slope=0.1):
    return np.where(z > 0, 1.0, slope)


def loss(W_in, W_a, W_b, w_out, X, y):
    h0 = np.tanh(X @ W_in)
    u = h0 @ W_a
    h1 = h0 + leaky(u) @ W_b
    pred = h1 @ w_out
    return np.mean((pred - y) ** 2)


def gradient(W_in, W_a, W_b, w_out, X, y):
    n = X.shape[0]
    h0 = np.tanh(X @ W_in)
    u = h0 @ W_a
    r = leaky(u)
    h1 = h0 + r @ W_b
    pred = h1 @ w_out
    g = 2.0 / n * (pred - y)
    g_wout = h1.T @ g
    g_h1 = np.outer(g, w_out)
    g_Wb = r.T @ g_h1
    g_r = g_h1 @ W_b.T
    g_u = g_r * dleaky(u)
    g_Wa = h0.T @ g_u
    g_h0 = g_h1 + g_u @ W_a.T
    g_Win = X.T @ (g_h0 * (1 - h0 ** 2))
    return g_Win, g_Wa, g_Wb, g_wout


def example():
    rng = np.random.default_rng(20)
    return (rng.normal(size=(3, 5)), rng.normal(size=(5, 5)), rng.normal(size=(5, 5)), rng.normal(size=5),
            rng.normal(size=(8, 3)), rng.normal(size=8))
""",
        [
            ("G801", "g_h0 = g_h1 + g_u @ W_a.T", "g_h0 = g_u @ W_a.T"),
            ("G801", "g_h0 = g_h1 + g_u @ W_a.T", "g_h0 = g_h1"),
            ("G702", "g_r = g_h1 @ W_b.T", "g_r = g_h1 @ W_b"),
            ("G702", "g_h0 = g_h1 + g_u @ W_a.T", "g_h0 = g_h1 + g_u @ W_a"),
            ("G701", "g_Wb = r.T @ g_h1", "g_Wb = g_h1.T @ r"),
            ("G703", "g_Wb = r.T @ g_h1", "g_Wb = u.T @ g_h1"),
            ("G403", "return np.where(z > 0, 1.0, slope)", "return np.where(z > 0, 1.0, 0.0)"),
            ("G403", "(g_h0 * (1 - h0 ** 2))", "(g_h0 * (1 - np.abs(h0)))"),
            ("G703", "g_wout = h1.T @ g", "g_wout = h0.T @ g"),
            ("G704", "return g_Win, g_Wa, g_Wb, g_wout", "return g_Win, g_Wb, g_Wa, g_wout"),
            ("G404", "g_u = g_r * dleaky(u)", "g_u = g_r * dleaky(g_r)"),
            ("G203", "g = 2.0 / n * (pred - y)", "g = 2.0 / X.shape[1] * (pred - y)"),
        ],
        [
            ("g_h0 = g_h1 + g_u @ W_a.T", "g_h0 = g_u @ W_a.T\n    g_h0 += g_h1"),
            ("return np.where(z > 0, 1.0, slope)", "return (z > 0) + slope * (z <= 0)"),
        ],
    ),
    (
        "dlai-dropout",
        r"""
import numpy as np


def relu(Z):
    return np.maximum(0, Z)


def forward_propagation_with_dropout(X, parameters, keep_prob):
    rng = np.random.RandomState(1)
    W1, b1, W2, b2, W3, b3 = [parameters[k] for k in ("W1", "b1", "W2", "b2", "W3", "b3")]
    Z1 = np.dot(W1, X) + b1
    A1 = relu(Z1)
    D1 = (rng.rand(*A1.shape) < keep_prob).astype(int)
    A1 = A1 * D1 / keep_prob
    Z2 = np.dot(W2, A1) + b2
    A2 = relu(Z2)
    D2 = (rng.rand(*A2.shape) < keep_prob).astype(int)
    A2 = A2 * D2 / keep_prob
    Z3 = np.dot(W3, A2) + b3
    A3 = 1 / (1 + np.exp(-Z3))
    return A3, (Z1, D1, A1, Z2, D2, A2, Z3, A3)


def loss(parameters, X, Y, keep_prob):
    A3, _ = forward_propagation_with_dropout(X, parameters, keep_prob)
    m = Y.shape[1]
    logprobs = -np.log(A3) * Y - np.log(1 - A3) * (1 - Y)
    return 1. / m * np.sum(logprobs)


def gradient(parameters, X, Y, keep_prob):
    m = X.shape[1]
    A3, cache = forward_propagation_with_dropout(X, parameters, keep_prob)
    Z1, D1, A1, Z2, D2, A2, Z3, A3 = cache
    W2, W3 = parameters["W2"], parameters["W3"]

    dZ3 = A3 - Y
    dW3 = 1. / m * np.dot(dZ3, A2.T)
    db3 = 1. / m * np.sum(dZ3, axis=1, keepdims=True)
    dA2 = np.dot(W3.T, dZ3)
    dA2 = dA2 * D2
    dA2 = dA2 / keep_prob
    dZ2 = np.multiply(dA2, np.int64(A2 > 0))
    dW2 = 1. / m * np.dot(dZ2, A1.T)
    db2 = 1. / m * np.sum(dZ2, axis=1, keepdims=True)
    dA1 = np.dot(W2.T, dZ2)
    dA1 = dA1 * D1
    dA1 = dA1 / keep_prob
    dZ1 = np.multiply(dA1, np.int64(Z1 > 0))
    dW1 = 1. / m * np.dot(dZ1, X.T)
    db1 = 1. / m * np.sum(dZ1, axis=1, keepdims=True)
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2, "W3": dW3, "b3": db3}


def example():
    rng = np.random.default_rng(39)
    parameters = {"W1": rng.normal(size=(6, 2)), "b1": rng.normal(size=(6, 1)) * 0.2,
                  "W2": rng.normal(size=(4, 6)), "b2": rng.normal(size=(4, 1)) * 0.2,
                  "W3": rng.normal(size=(1, 4)), "b3": rng.normal(size=(1, 1)) * 0.2}
    return parameters, rng.normal(size=(2, 9)), (rng.random((1, 9)) > 0.5).astype(float), 0.8
""",
        [
            ("G901", "    dA1 = dA1 * D1\n", "", "dA1 = dA1 / keep_prob"),
            ("G902", "    dA1 = dA1 / keep_prob\n", "", "dA1 = dA1 * D1"),
            ("G902", "    dA2 = dA2 / keep_prob\n", "", "dA2 = dA2 * D2"),
            (
                "G902",
                "    dA1 = dA1 * D1\n",
                "    dA1 = dA1 * (np.random.RandomState(1).rand(*dA1.shape) < 0.5)\n",
            ),
            ("G902", "    dA1 = dA1 / keep_prob\n", "    dA1 = dA1 / (1 - keep_prob)\n"),
            (
                "G105",
                "    dA1 = dA1 * D1\n",
                "    D1 = np.random.rand(*dA1.shape) < keep_prob\n    dA1 = dA1 * D1\n",
            ),
            ("G401", "dZ1 = np.multiply(dA1, np.int64(Z1 > 0))", "dZ1 = dA1"),
            (
                "G404",
                "dZ1 = np.multiply(dA1, np.int64(Z1 > 0))",
                "dZ1 = np.multiply(dA1, np.int64(dA1 > 0))",
            ),
            ("G501", "dZ3 = A3 - Y", "dZ3 = (A3 - Y) * A3 * (1 - A3)"),
            ("G201", "dW2 = 1. / m * np.dot(dZ2, A1.T)", "dW2 = np.dot(dZ2, A1.T)"),
            ("G405", "dZ1 = np.multiply(dA1, np.int64(Z1 > 0))", "dZ1 = np.int64(Z1 > 0)"),
            ("G703", "dW3 = 1. / m * np.dot(dZ3, A2.T)", "dW3 = 1. / m * np.dot(dZ3, Z2.T)"),
        ],
        [
            ("dZ2 = np.multiply(dA2, np.int64(A2 > 0))", "dZ2 = dA2 * (Z2 > 0)"),
            ("    dA1 = dA1 * D1\n    dA1 = dA1 / keep_prob\n", "    dA1 *= D1 / keep_prob\n"),
        ],
    ),
    (
        "bn-columns",
        r"""
import numpy as np


class BatchNorm:
    def __init__(self, gamma, beta, eps=1e-8):
        self.gamma, self.beta, self.eps = gamma, beta, eps

    def forward(self, Z):
        self.m = Z.shape[1]
        self.Zc = Z - Z.mean(axis=1, keepdims=True)
        self.var = (self.Zc ** 2).mean(axis=1, keepdims=True)
        self.ivar = 1.0 / np.sqrt(self.var + self.eps)
        self.Znorm = self.Zc * self.ivar
        return self.gamma * self.Znorm + self.beta

    def backward(self, dout):
        self.dgamma = np.sum(dout * self.Znorm, axis=1, keepdims=True)
        self.dbeta = np.sum(dout, axis=1, keepdims=True)
        dZn = dout * self.gamma
        mean_path = np.sum(dZn, axis=1, keepdims=True)
        var_path = self.Znorm * np.sum(dZn * self.Znorm, axis=1, keepdims=True)
        return self.ivar / self.m * (self.m * dZn - mean_path - var_path)


def sigmoid(v):
    return 1 / (1 + np.exp(-v))


def loss(params, X, Y):
    bn = BatchNorm(params["gamma"], params["beta"])
    A = sigmoid(bn.forward(params["W1"] @ X))
    P = sigmoid(params["W2"] @ A + params["b2"])
    return -(Y * np.log(P) + (1 - Y) * np.log(1 - P)).mean()


def gradient(params, X, Y):
    bn = BatchNorm(params["gamma"], params["beta"])
    A = sigmoid(bn.forward(params["W1"] @ X))
    P = sigmoid(params["W2"] @ A + params["b2"])
    m = X.shape[1]
    dP = (P - Y) / m
    dW2 = dP @ A.T
    db2 = dP.sum(axis=1, keepdims=True)
    dA = params["W2"].T @ dP
    dBN = dA * A * (1 - A)
    dZ = bn.backward(dBN)
    return {"W1": dZ @ X.T, "gamma": bn.dgamma, "beta": bn.dbeta, "W2": dW2, "b2": db2}


def example():
    rng = np.random.default_rng(51)
    params = {"W1": rng.normal(size=(5, 3)), "gamma": rng.normal(size=(5, 1)) + 1.5, "beta": rng.normal(size=(5, 1)),
              "W2": rng.normal(size=(1, 5)), "b2": rng.normal(size=(1, 1))}
    return params, rng.normal(size=(3, 8)) + 0.4, (rng.random((1, 8)) > 0.5) * 1.0
""",
        [
            ("G903", "(self.m * dZn - mean_path - var_path)", "(self.m * dZn - var_path)"),
            ("G904", "(self.m * dZn - mean_path - var_path)", "(self.m * dZn - mean_path)"),
            (
                "G905",
                "var_path = self.Znorm * np.sum(dZn * self.Znorm, axis=1, keepdims=True)",
                "var_path = self.Znorm * np.sum(dZn * self.Znorm, axis=1, keepdims=True) * self.m / (self.m - 1)",
            ),
            (
                "G704",
                '"gamma": bn.dgamma, "beta": bn.dbeta',
                '"gamma": bn.dbeta, "beta": bn.dgamma',
            ),
            ("G501", "dP = (P - Y) / m", "dP = (P - Y) * P * (1 - P) / m"),
            ("G201", "dP = (P - Y) / m", "dP = P - Y"),
            ("G401", "dBN = dA * A * (1 - A)", "dBN = dA"),
            (
                "G603",
                "self.dbeta = np.sum(dout, axis=1, keepdims=True)",
                "self.dbeta = np.full(self.beta.shape, np.sum(dout))",
            ),
            (
                "G101",
                "self.dbeta = np.sum(dout, axis=1, keepdims=True)",
                "self.dbeta = np.sum(dout, axis=1)",
            ),
            (
                "G601",
                "self.dgamma = np.sum(dout * self.Znorm, axis=1, keepdims=True)",
                "self.dgamma = np.mean(dout * self.Znorm, axis=1, keepdims=True)",
            ),
            ("G403", "dBN = dA * A * (1 - A)", "dBN = dA * (1 - A ** 2)"),
        ],
        [
            (
                "return self.ivar / self.m * (self.m * dZn - mean_path - var_path)",
                "return self.ivar * (dZn - mean_path / self.m - var_path / self.m)",
            ),
            ("dP = (P - Y) / m", "dP = (-Y / P + (1 - Y) / (1 - P)) * P * (1 - P) / m"),
        ],
    ),
    (
        "bn-dropout-mlp",
        r"""
import numpy as np

RATE = 0.3


def bn(x):
    mu, sd = x.mean(0), np.sqrt(x.var(0, ddof=1) + 1e-5)
    return (x - mu) / sd, sd


def loss(params, x, y):
    rng = np.random.default_rng(99)
    u, _ = bn(x @ params['w1'])
    h = np.tanh(params['g'] * u + params['b'])
    keep = rng.random(h.shape) > RATE
    hd = h * keep / (1 - RATE)
    z = hd @ params['w2']
    return np.mean(np.log(np.exp(z).sum(1)) - z[np.arange(len(y)), y])


def gradient(params, x, y):
    rng = np.random.default_rng(99)
    n = len(x)
    u, sd = bn(x @ params['w1'])
    h = np.tanh(params['g'] * u + params['b'])
    keep = rng.random(h.shape) > RATE
    hd = h * keep / (1 - RATE)
    z = hd @ params['w2']
    gz = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    gz[np.arange(n), y] -= 1
    gz = gz / n
    grads = {'w2': hd.T @ gz}
    ghd = gz @ params['w2'].T
    gh = ghd * keep / (1 - RATE)
    gt = gh * (1 - h ** 2)
    grads['g'] = (gt * u).sum(0)
    grads['b'] = gt.sum(0)
    gu = gt * params['g']
    gx = (gu - gu.mean(0) - u * (gu * u).sum(0) / (n - 1)) / sd
    grads['w1'] = x.T @ gx
    return grads


def example():
    r = np.random.default_rng(57)
    params = {'w1': r.normal(size=(4, 5)), 'g': r.normal(size=5) + 1, 'b': r.normal(size=5), 'w2': r.normal(size=(5, 3))}
    return params, r.normal(size=(9, 4)) + 0.3, r.integers(0, 3, 9)
""",
        [
            ("G905", "u * (gu * u).sum(0) / (n - 1)", "u * (gu * u).sum(0) / n"),
            ("G903", "gx = (gu - gu.mean(0) - u", "gx = (gu - u"),
            (
                "G904",
                "gx = (gu - gu.mean(0) - u * (gu * u).sum(0) / (n - 1)) / sd",
                "gx = (gu - gu.mean(0)) / sd",
            ),
            ("G901", "gh = ghd * keep / (1 - RATE)", "gh = ghd"),
            ("G901", "gh = ghd * keep / (1 - RATE)", "gh = ghd / (1 - RATE)"),
            ("G902", "gh = ghd * keep / (1 - RATE)", "gh = ghd * keep"),
            (
                "G902",
                "gh = ghd * keep / (1 - RATE)",
                "keep = rng.random(h.shape) > RATE\n    gh = ghd * keep / (1 - RATE)",
            ),
            (
                "G105",
                "gh = ghd * keep / (1 - RATE)",
                "gh = ghd * (np.random.default_rng().random(h.shape) > RATE) / (1 - RATE)",
            ),
            ("G403", "gt = gh * (1 - h ** 2)", "gt = gh * (1 - h)"),
            (
                "G704",
                "grads['g'] = (gt * u).sum(0)\n    grads['b'] = gt.sum(0)",
                "grads['b'] = (gt * u).sum(0)\n    grads['g'] = gt.sum(0)",
            ),
            ("G201", "gz = gz / n", "gz = gz"),
            ("G107", "    grads['b'] = gt.sum(0)\n", "    grads['b'] = 0 * gt.sum(0)\n"),
        ],
        [
            (
                "    gx = (gu - gu.mean(0) - u * (gu * u).sum(0) / (n - 1)) / sd\n",
                "    gvar = (gu * u).sum(0) * -0.5 / sd ** 2\n    gx = gu / sd + gvar * 2 / (n - 1) * u * sd\n    gx = gx - gx.mean(0)\n",
            ),
            ("gt = gh * (1 - h ** 2)", "gt = gh / np.cosh(params['g'] * u + params['b']) ** 2"),
        ],
    ),
]
