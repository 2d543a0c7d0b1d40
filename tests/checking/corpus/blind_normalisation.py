"""Blind files about normalisation: batch norm in steps, layer norm in one formula, RMS norm."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.blind_parts import made
from tests.checking.corpus.case import Case


def normalisation() -> Iterator[Case]:
    yield from made(
        "batchnorm-steps",
        """
import numpy as np

EPS = 1e-5


def batchnorm_forward(x, gamma, beta):
    N, D = x.shape
    mu = 1.0 / N * np.sum(x, axis=0)
    xmu = x - mu
    sq = xmu ** 2
    var = 1.0 / N * np.sum(sq, axis=0)
    sqrtvar = np.sqrt(var + EPS)
    ivar = 1.0 / sqrtvar
    xhat = xmu * ivar
    out = gamma * xhat + beta
    return out, (xhat, gamma, xmu, ivar, sqrtvar, var)


def batchnorm_backward(dout, cache):
    xhat, gamma, xmu, ivar, sqrtvar, var = cache
    N, D = dout.shape
    dbeta = np.sum(dout, axis=0)
    dgamma = np.sum(dout * xhat, axis=0)
    dxhat = dout * gamma
    divar = np.sum(dxhat * xmu, axis=0)
    dxmu1 = dxhat * ivar
    dsqrtvar = -1.0 / (sqrtvar ** 2) * divar
    dvar = 0.5 * 1.0 / np.sqrt(var + EPS) * dsqrtvar
    dsq = 1.0 / N * np.ones((N, D)) * dvar
    dxmu2 = 2 * xmu * dsq
    dx1 = dxmu1 + dxmu2
    dmu = -1 * np.sum(dxmu1 + dxmu2, axis=0)
    dx2 = 1.0 / N * np.ones((N, D)) * dmu
    dx = dx1 + dx2
    return dx, dgamma, dbeta


def loss(X, T, W, gamma, beta):
    out, _ = batchnorm_forward(X @ W, gamma, beta)
    return np.sum((np.tanh(out) - T) ** 2)


def gradient(X, T, W, gamma, beta):
    out, cache = batchnorm_forward(X @ W, gamma, beta)
    a = np.tanh(out)
    dout = 2 * (a - T) * (1 - a ** 2)
    dz, dgamma, dbeta = batchnorm_backward(dout, cache)
    return {"W": X.T @ dz, "gamma": dgamma, "beta": dbeta}


def example():
    rng = np.random.default_rng(14)
    return {
        "X": rng.normal(size=(6, 4)), "T": rng.normal(size=(6, 3)),
        "W": rng.normal(size=(4, 3)),
        "gamma": rng.uniform(0.5, 1.5, size=3), "beta": rng.normal(size=3),
    }
""",
        [
            ("G904", "dx1 = dxmu1 + dxmu2", "dx1 = dxmu1"),
            ("G903", "dx = dx1 + dx2", "dx = dx1"),
            ("G905|G203", "dsq = 1.0 / N * np", "dsq = 1.0 / (N - 1) * np"),
            ("G204", "dxmu2 = 2 * xmu * dsq", "dxmu2 = xmu * dsq"),
            ("G703", "dgamma = np.sum(dout * xhat, axis=0)", "dgamma = np.sum(dout * xmu, axis=0)"),
            ("G000|G401", "dxhat = dout * gamma", "dxhat = dout"),
            ("G704", "return dx, dgamma, dbeta", "return dx, dbeta, dgamma"),
            ("G205|G000", "dsqrtvar = -1.0 /", "dsqrtvar = 1.0 /"),
        ],
        [
            [("dmu = -1 * np.sum(dxmu1 + dxmu2, axis=0)", "dmu = -1 * np.sum(dxmu1, axis=0)")],
            [
                (
                    "dx = dx1 + dx2",
                    "dx = ivar / N * (N * dxhat - dxhat.sum(0) - xhat * (dxhat * xhat).sum(0))",
                ),
            ],
        ],
    )
    yield from made(
        "layernorm-formula",
        """
import numpy as np


def layer_norm(x, g, b, eps=1e-5):
    mean = x.mean(axis=-1, keepdims=True)
    var = x.var(axis=-1, keepdims=True)
    rstd = 1.0 / np.sqrt(var + eps)
    norm = (x - mean) * rstd
    return g * norm + b, norm, rstd


def loss(X, y, W, g, b, V):
    a, _, _ = layer_norm(X @ W, g, b)
    logits = a @ V
    z = logits - logits.max(axis=1, keepdims=True)
    logp = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    return -logp[np.arange(len(y)), y].mean()


def gradient(X, y, W, g, b, V):
    n = len(y)
    a, norm, rstd = layer_norm(X @ W, g, b)
    logits = a @ V
    z = logits - logits.max(axis=1, keepdims=True)
    dlogits = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    dlogits[np.arange(n), y] -= 1
    dlogits /= n

    dV = a.T @ dlogits
    da = dlogits @ V.T
    dg = (da * norm).sum(axis=0)
    db = da.sum(axis=0)
    dnorm = da * g
    mean_d = dnorm.mean(axis=-1, keepdims=True)
    mean_dn = (dnorm * norm).mean(axis=-1, keepdims=True)
    dpre = (dnorm - mean_d - norm * mean_dn) * rstd
    dW = X.T @ dpre
    return {"W": dW, "g": dg, "b": db, "V": dV}


def example():
    rng = np.random.default_rng(8)
    return {
        "X": rng.normal(size=(5, 3)), "y": np.array([2, 0, 1, 1, 2]),
        "W": rng.normal(size=(3, 6)), "g": rng.uniform(0.5, 1.5, size=6),
        "b": 0.2 * rng.normal(size=6), "V": rng.normal(size=(6, 3)),
    }
""",
        [
            ("G904", "(dnorm - mean_d - norm * mean_dn) * rstd", "(dnorm - mean_d) * rstd"),
            ("G903", "(dnorm - mean_d - norm * mean_dn) * rstd", "(dnorm - norm * mean_dn) * rstd"),
            (
                "G603",
                "mean_d = dnorm.mean(axis=-1, keepdims=True)",
                "mean_d = dnorm.mean(axis=0, keepdims=True)",
            ),
            ("G000|G904", "- norm * mean_dn) * rstd", "- norm * mean_dn)"),
            ("G401|G000", "dnorm = da * g", "dnorm = da"),
            ("G601|G202", "dg = (da * norm).sum(axis=0)", "dg = (da * norm).mean(axis=0)"),
            ("G703", "dV = a.T @ dlogits", "dV = norm.T @ dlogits"),
        ],
        [
            [
                (
                    "dpre = (dnorm - mean_d - norm * mean_dn) * rstd",
                    "dpre = rstd * dnorm - rstd * mean_d - rstd * norm * mean_dn",
                )
            ],
            [("dg = (da * norm).sum(axis=0)", "dg = np.einsum('nd,nd->d', da, norm)")],
        ],
    )
    yield from made(
        "rmsnorm",
        """
import numpy as np


def loss(x, y, w1, scale, w2):
    h = x @ w1
    rms = np.sqrt(np.mean(h * h, axis=1, keepdims=True) + 1e-6)
    u = h / rms * scale
    pred = (u @ w2).ravel()
    return np.mean((pred - y) ** 2)


def gradient(x, y, w1, scale, w2):
    n, d = len(x), w1.shape[1]
    h = x @ w1
    rms = np.sqrt(np.mean(h * h, axis=1, keepdims=True) + 1e-6)
    u = h / rms * scale
    pred = (u @ w2).ravel()

    dpred = (2 / n * (pred - y)).reshape(-1, 1)
    dw2 = u.T @ dpred
    du = dpred @ w2.T
    dscale = np.sum(du * h / rms, axis=0)
    dn = du * scale
    dh = dn / rms - h * np.sum(dn * h, axis=1, keepdims=True) / (d * rms**3)
    dw1 = x.T @ dh
    return {"w1": dw1, "scale": dscale, "w2": dw2}


def example():
    rng = np.random.default_rng(5)
    return {
        "x": rng.normal(size=(6, 4)), "y": rng.normal(size=6),
        "w1": rng.normal(size=(4, 5)), "scale": rng.uniform(0.5, 1.5, size=5),
        "w2": rng.normal(size=(5, 1)),
    }
""",
        [
            (
                "G801|G904",
                "dh = dn / rms - h * np.sum(dn * h, axis=1, keepdims=True) / (d * rms**3)",
                "dh = dn / rms",
            ),
            ("G203|G000", "/ (d * rms**3)", "/ (n * rms**3)"),
            ("G205|G000", "dh = dn / rms - h", "dh = dn / rms + h"),
            (
                "G603",
                "np.sum(dn * h, axis=1, keepdims=True)",
                "np.sum(dn * h, axis=0, keepdims=True)",
            ),
            (
                "G703|G000",
                "dscale = np.sum(du * h / rms, axis=0)",
                "dscale = np.sum(du * h, axis=0)",
            ),
            (
                "G604",
                "(2 / n * (pred - y)).reshape(-1, 1)",
                "(2 / n * (pred[:, None] - y)).mean(axis=1).reshape(-1, 1)",
            ),
            ("G000", "/ (d * rms**3)", "/ (d * rms**2)"),
        ],
        [
            [
                (
                    "dscale = np.sum(du * h / rms, axis=0)",
                    "dscale = np.sum(du * (u / scale), axis=0)",
                )
            ],
            [
                (
                    "dh = dn / rms - h * np.sum(dn * h, axis=1, keepdims=True) / (d * rms**3)",
                    "dh = (dn - h / rms * np.mean(dn * h / rms, axis=1, keepdims=True)) / rms",
                ),
            ],
        ],
    )
