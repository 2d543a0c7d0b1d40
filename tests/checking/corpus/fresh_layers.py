"""Fresh files about layers: heads, normalisation, dropout, gates, tied and shared weights."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.case import Case
from tests.checking.corpus.fresh_parts import written


def layers() -> Iterator[Case]:
    yield from written(
        "two-heads",
        """
import numpy as np


def _softmax(s):
    s = np.exp(s - s.max(axis=-1, keepdims=True))
    return s / s.sum(axis=-1, keepdims=True)


def loss(X, labels, ages, trunk, cls_head, age_head, alpha):
    # one shared representation, one classifier, one regressor
    h = np.tanh(X @ trunk)
    p = _softmax(h @ cls_head)
    ce = -np.mean(np.log(p[np.arange(len(X)), labels]))
    mse = np.mean((h @ age_head - ages) ** 2)
    return ce + alpha * mse


def gradient(X, labels, ages, trunk, cls_head, age_head, alpha):
    B = X.shape[0]
    h = np.tanh(X @ trunk)

    d_logits = _softmax(h @ cls_head)
    d_logits[np.arange(B), labels] -= 1.0
    d_logits /= B
    g_cls = h.T @ d_logits
    d_h = d_logits @ cls_head.T

    d_age = 2 * alpha * (h @ age_head - ages) / B
    g_age = h.T @ d_age
    d_h += np.outer(d_age, age_head)

    g_trunk = X.T @ (d_h * (1 - h**2))
    return {"trunk": g_trunk, "cls_head": g_cls, "age_head": g_age}


def example():
    r = np.random.RandomState(42)
    return {
        "X": r.randn(9, 5),
        "labels": r.randint(0, 3, 9),
        "ages": r.randn(9),
        "trunk": r.randn(5, 6) * 0.5,
        "cls_head": r.randn(6, 3),
        "age_head": r.randn(6),
        "alpha": 0.25,
    }
""",
        [
            ("G801", "d_h += np.outer", "d_h = np.outer"),
            ("G204", "d_age = 2 * alpha", "d_age = alpha"),
            ("G402", "(1 - h**2)", "(1 - np.tanh(h) ** 2)"),
            ("G206", "d_age = 2 * alpha * (h", "d_age = 2 * (h"),
        ],
        [
            [("(d_h * (1 - h**2))", "(d_h - d_h * h * h)")],
        ],
    )
    yield from written(
        "batchnorm-net",
        """
import numpy as np


def batchnorm(x, gamma, beta, eps=1e-5):
    mu = x.mean(axis=0)
    var = x.var(axis=0)
    std = np.sqrt(var + eps)
    xhat = (x - mu) / std
    return gamma * xhat + beta, (xhat, std, gamma)


def batchnorm_backward(dout, cache):
    xhat, std, gamma = cache
    N = dout.shape[0]
    dgamma = (dout * xhat).sum(axis=0)
    dbeta = dout.sum(axis=0)
    dxhat = dout * gamma
    dx = (N * dxhat - dxhat.sum(axis=0) - xhat * (dxhat * xhat).sum(axis=0)) / (N * std)
    return dx, dgamma, dbeta


def loss(X, Y, W1, gamma, beta, W2):
    out, _ = batchnorm(X @ W1, gamma, beta)
    act = np.maximum(out, 0)
    return 0.5 * np.sum((act @ W2 - Y) ** 2) / X.shape[0]


def gradient(X, Y, W1, gamma, beta, W2):
    out, cache = batchnorm(X @ W1, gamma, beta)
    act = np.maximum(out, 0)
    dpred = (act @ W2 - Y) / X.shape[0]
    dW2 = act.T @ dpred
    dact = dpred @ W2.T
    dout = dact * (out > 0)
    dlin, dgamma, dbeta = batchnorm_backward(dout, cache)
    dW1 = X.T @ dlin
    return {"W1": dW1, "gamma": dgamma, "beta": dbeta, "W2": dW2}


def example():
    rng = np.random.default_rng(7)
    return {
        "X": rng.normal(2.0, 3.0, size=(8, 3)),
        "Y": rng.normal(size=(8, 2)),
        "W1": rng.normal(size=(3, 5)),
        "gamma": rng.uniform(0.5, 1.5, size=5),
        "beta": rng.normal(size=5),
        "W2": rng.normal(size=(5, 2)),
    }
""",
        [
            ("G903", "(N * dxhat - dxhat.sum(axis=0) - xhat", "(N * dxhat - xhat"),
            (
                "G904",
                "dxhat.sum(axis=0) - xhat * (dxhat * xhat).sum(axis=0))",
                "dxhat.sum(axis=0))",
            ),
            ("G203|G905", "/ (N * std)", "/ ((N - 1) * std)"),
            ("G000|G401", "dxhat = dout * gamma", "dxhat = dout"),
            ("G404", "dout = dact * (out > 0)", "dout = dact * (dact > 0)"),
        ],
        [
            [
                ("X.shape[0]\n    dW2", "len(Y)\n    dW2"),
                ("dbeta = dout.sum(axis=0)", "dbeta = dout.sum(0)"),
            ],
        ],
    )
    yield from written(
        "layernorm-token",
        """
import numpy as np

EPS = 1e-6


def loss(x, scale, shift, W, y):
    mean = x.mean(-1, keepdims=True)
    rstd = 1.0 / np.sqrt(((x - mean) ** 2).mean(-1, keepdims=True) + EPS)
    normed = (x - mean) * rstd
    logits = (normed * scale + shift) @ W
    logits = logits - logits.max(-1, keepdims=True)
    logp = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    return -logp[np.arange(len(y)), y].mean()


def gradient(x, scale, shift, W, y):
    B, D = x.shape
    mean = x.mean(-1, keepdims=True)
    rstd = 1.0 / np.sqrt(((x - mean) ** 2).mean(-1, keepdims=True) + EPS)
    normed = (x - mean) * rstd
    hidden = normed * scale + shift
    logits = hidden @ W
    probs = np.exp(logits - logits.max(-1, keepdims=True))
    probs = probs / probs.sum(-1, keepdims=True)

    dlogits = (probs - np.eye(W.shape[1])[y]) / B
    dW = hidden.T @ dlogits
    dhidden = dlogits @ W.T
    dscale = (dhidden * normed).sum(0)
    dshift = dhidden.sum(0)
    dnormed = dhidden * scale
    m1 = dnormed.mean(-1, keepdims=True)
    m2 = (dnormed * normed).mean(-1, keepdims=True)
    dx = (dnormed - m1 - normed * m2) * rstd
    return {"x": dx, "scale": dscale, "shift": dshift, "W": dW}


def example():
    rng = np.random.default_rng(2024)
    B, D, V = 5, 6, 4
    return {
        "x": rng.standard_normal((B, D)),
        "scale": 1 + 0.3 * rng.standard_normal(D),
        "shift": 0.3 * rng.standard_normal(D),
        "W": rng.standard_normal((D, V)),
        "y": rng.integers(0, V, B),
    }
""",
        [
            ("G904", "dx = (dnormed - m1 - normed * m2) * rstd", "dx = (dnormed - m1) * rstd"),
            (
                "G603|G903",
                "m1 = dnormed.mean(-1, keepdims=True)",
                "m1 = dnormed.mean(0, keepdims=True)",
            ),
            ("G703", "dW = hidden.T @ dlogits", "dW = normed.T @ dlogits"),
            ("G203", "np.eye(W.shape[1])[y]) / B", "np.eye(W.shape[1])[y]) / D"),
        ],
        [
            [("(dhidden * normed).sum(0)", 'np.einsum("bd,bd->d", dhidden, normed)')],
        ],
    )
    yield from written(
        "inverted-dropout",
        """
import numpy as np


def loss(X, y, W1, b1, W2, b2, mask, keep_prob):
    A1 = np.maximum(0, X @ W1 + b1)
    A1 = A1 * mask / keep_prob
    z = A1 @ W2 + b2
    # binary cross-entropy with logits, the stable form
    return np.mean(np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z))))


def gradient(X, y, W1, b1, W2, b2, mask, keep_prob):
    Z1 = X @ W1 + b1
    A1 = np.maximum(0, Z1)
    D1 = A1 * mask / keep_prob
    z = D1 @ W2 + b2
    p = 1 / (1 + np.exp(-z))

    dz = (p - y) / len(y)
    dW2 = D1.T @ dz
    db2 = np.sum(dz)
    dD1 = np.outer(dz, W2)
    dA1 = dD1 * mask / keep_prob
    dZ1 = np.where(Z1 > 0, dA1, 0)
    return {"W1": X.T @ dZ1, "b1": dZ1.sum(axis=0), "W2": dW2, "b2": db2}


def example():
    rng = np.random.default_rng(1)
    keep_prob = 0.6
    return {
        "X": rng.normal(size=(9, 4)),
        "y": rng.integers(0, 2, size=9).astype(float),
        "W1": rng.normal(size=(4, 6)),
        "b1": rng.normal(size=6) * 0.2,
        "W2": rng.normal(size=6),
        "b2": 0.1,
        "mask": (rng.random((9, 6)) < keep_prob).astype(float),
        "keep_prob": keep_prob,
    }
""",
        [
            ("G901", "dA1 = dD1 * mask / keep_prob", "dA1 = dD1 / keep_prob"),
            ("G902", "dA1 = dD1 * mask / keep_prob", "dA1 = dD1 * mask"),
            ("G703", "dW2 = D1.T @ dz", "dW2 = A1.T @ dz"),
            ("G501", "dz = (p - y) / len(y)", "dz = (p - y) * p * (1 - p) / len(y)"),
            (
                "G105|G902",
                "dA1 = dD1 * mask / keep_prob",
                "dA1 = dD1 * (np.random.rand(*A1.shape) < keep_prob) / keep_prob",
            ),
        ],
        [
            [("np.where(Z1 > 0, dA1, 0)", "dA1 * (D1 > 0)")],
        ],
    )
    yield from written(
        "highway-gate",
        """
import numpy as np


def sig(u):
    return 1.0 / (1.0 + np.exp(-u))


def loss(x, target, W_h, b_h, W_t, b_t):
    h = np.tanh(x @ W_h + b_h)
    t = sig(x @ W_t + b_t)
    y = t * h + (1 - t) * x
    return np.sum((y - target) ** 2) / 2


def gradient(x, target, W_h, b_h, W_t, b_t):
    h = np.tanh(x @ W_h + b_h)
    t = sig(x @ W_t + b_t)
    y = t * h + (1 - t) * x
    dy = y - target
    dh = dy * t
    dt = dy * (h - x)
    da_h = dh * (1 - h ** 2)
    da_t = dt * t * (1 - t)
    dx = dy * (1 - t)
    dx += da_h @ W_h.T
    dx += da_t @ W_t.T
    return {
        "x": dx,
        "W_h": x.T @ da_h,
        "b_h": da_h.sum(axis=0),
        "W_t": x.T @ da_t,
        "b_t": da_t.sum(axis=0),
    }


def example():
    rs = np.random.RandomState(8)
    d = 4
    return {
        "x": rs.randn(6, d),
        "target": rs.randn(6, d),
        "W_h": rs.randn(d, d) * 0.7,
        "b_h": rs.randn(d) * 0.1,
        "W_t": rs.randn(d, d) * 0.7,
        "b_t": rs.randn(d) - 1.0,
    }
""",
        [
            ("G702", "dx += da_h @ W_h.T", "dx += da_h @ W_h"),
            ("G801", "dx += da_t @ W_t.T", "dx = da_t @ W_t.T"),
            ("G401", "da_t = dt * t * (1 - t)", "da_t = dt"),
            ("G801", "dt = dy * (h - x)", "dt = dy * h"),
            ("G701", '"W_h": x.T @ da_h', '"W_h": da_h.T @ x'),
        ],
        [
            [("dt = dy * (h - x)", "dt = dy * h - dy * x")],
            [
                (
                    "    dx += da_h @ W_h.T\n    dx += da_t @ W_t.T\n",
                    "    dx = dx + da_t @ W_t.T + da_h @ W_h.T\n",
                )
            ],
        ],
    )
    yield from written(
        "tied-autoencoder",
        """
import numpy as np


def loss(X, W, b, c, beta):
    code = 1 / (1 + np.exp(-(X @ W + b)))
    recon = code @ W.T + c
    sparsity = np.sum(np.abs(code))
    return (0.5 * np.sum((recon - X) ** 2) + beta * sparsity) / len(X)


def gradient(X, W, b, c, beta):
    n = len(X)
    code = 1 / (1 + np.exp(-(X @ W + b)))
    recon = code @ W.T + c

    d_recon = (recon - X) / n
    grad_c = d_recon.sum(axis=0)
    d_code = d_recon @ W + beta / n
    d_pre = d_code * code * (1 - code)
    grad_b = d_pre.sum(axis=0)
    grad_W = X.T @ d_pre + d_recon.T @ code
    return {"W": grad_W, "b": grad_b, "c": grad_c}


def example():
    rng = np.random.default_rng(99)
    X = rng.normal(size=(10, 6))
    W = rng.normal(scale=0.5, size=(6, 3))
    b = rng.normal(scale=0.1, size=3)
    c = X.mean(axis=0)
    return {"X": X, "W": W, "b": b, "c": c, "beta": 0.2}
""",
        [
            ("G801", "grad_W = X.T @ d_pre + d_recon.T @ code", "grad_W = X.T @ d_pre"),
            ("G201|G302", "d_recon @ W + beta / n", "d_recon @ W + beta"),
            ("G502|G401", "d_pre = d_code * code * (1 - code)", "d_pre = d_code"),
            ("G205", "d_recon = (recon - X) / n", "d_recon = (X - recon) / n"),
        ],
        [
            [("d_recon.T @ code", "(code.T @ d_recon).T")],
            [("grad_c = d_recon.sum(axis=0)", "grad_c = np.ones(n) @ d_recon")],
        ],
    )
