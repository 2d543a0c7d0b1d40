"""Blind files about weights used twice, masks, codes and noise."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.blind_parts import made
from tests.checking.corpus.case import Case


def structures() -> Iterator[Case]:
    yield from made(
        "residual-block",
        """
import numpy as np


def block(x, Wa, ba, Wb, bb):
    h = np.tanh(x @ Wa + ba)
    return h, x + h @ Wb + bb


def loss(X, Y, Win, Wa, ba, Wb, bb):
    x0 = X @ Win
    h1, x1 = block(x0, Wa, ba, Wb, bb)
    h2, x2 = block(x1, Wa, ba, Wb, bb)          # same weights again
    return np.mean(np.sum((x2 - Y) ** 2, axis=1))


def gradient(X, Y, Win, Wa, ba, Wb, bb):
    n = len(X)
    x0 = X @ Win
    h1, x1 = block(x0, Wa, ba, Wb, bb)
    h2, x2 = block(x1, Wa, ba, Wb, bb)

    dx2 = 2 * (x2 - Y) / n

    # second use of the block
    dbb = dx2.sum(axis=0)
    dWb = h2.T @ dx2
    dh2 = (dx2 @ Wb.T) * (1 - h2**2)
    dWa = x1.T @ dh2
    dba = dh2.sum(axis=0)
    dx1 = dx2 + dh2 @ Wa.T

    # first use of the block
    dbb += dx1.sum(axis=0)
    dWb += h1.T @ dx1
    dh1 = (dx1 @ Wb.T) * (1 - h1**2)
    dWa += x0.T @ dh1
    dba += dh1.sum(axis=0)
    dx0 = dx1 + dh1 @ Wa.T

    return {"Win": X.T @ dx0, "Wa": dWa, "ba": dba, "Wb": dWb, "bb": dbb}


def example():
    rng = np.random.default_rng(9)
    return {
        "X": rng.normal(size=(6, 3)), "Y": rng.normal(size=(6, 4)),
        "Win": rng.normal(size=(3, 4)),
        "Wa": 0.5 * rng.normal(size=(4, 5)), "ba": 0.1 * rng.normal(size=5),
        "Wb": 0.5 * rng.normal(size=(5, 4)), "bb": 0.1 * rng.normal(size=4),
    }
""",
        [
            ("G801", "dx1 = dx2 + dh2 @ Wa.T", "dx1 = dh2 @ Wa.T"),
            ("G801", "dx0 = dx1 + dh1 @ Wa.T", "dx0 = dx1"),
            ("G801", "dWa += x0.T @ dh1", "dWa = x0.T @ dh1"),
            ("G801", "dbb += dx1.sum(axis=0)", "dbb = dx1.sum(axis=0)"),
            ("G703", "dWb += h1.T @ dx1", "dWb += h2.T @ dx1"),
            ("G402", "(1 - h1**2)", "(1 - np.tanh(h1)**2)"),
            ("G401", "dh2 = (dx2 @ Wb.T) * (1 - h2**2)", "dh2 = dx2 @ Wb.T"),
        ],
        [
            [("dx2 = 2 * (x2 - Y) / n", "dx2 = (x2 - Y) / (0.5 * n)")],
            [
                ("dbb = dx2.sum(axis=0)\n    ", ""),
                ("dbb += dx1.sum(axis=0)", "dbb = (dx1 + dx2).sum(axis=0)"),
            ],
            [("dWa += x0.T @ dh1", "dWa = dWa + np.dot(x0.T, dh1)")],
        ],
    )
    yield from made(
        "dropout-given-mask",
        """
import numpy as np

KEEP = 0.8


def forward(X, W1, b1, W2, b2, mask):
    z1 = X @ W1 + b1
    a1 = np.maximum(z1, 0)
    d1 = a1 * mask / KEEP                 # inverted dropout
    z2 = d1 @ W2 + b2
    p = 1 / (1 + np.exp(-z2))
    return z1, d1, p


def loss(X, y, W1, b1, W2, b2, mask):
    z1, d1, p = forward(X, W1, b1, W2, b2, mask)
    return np.mean(-y * np.log(p) - (1 - y) * np.log(1 - p))


def gradient(X, y, W1, b1, W2, b2, mask):
    m = X.shape[0]
    z1, d1, p = forward(X, W1, b1, W2, b2, mask)

    dz2 = (p - y) / m
    dW2 = d1.T @ dz2
    db2 = dz2.sum(axis=0)

    dd1 = dz2 @ W2.T
    da1 = dd1 * mask / KEEP
    dz1 = da1 * (z1 > 0)
    dW1 = X.T @ dz1
    db1 = dz1.sum(axis=0)
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


def example():
    rng = np.random.default_rng(3)
    return {
        "X": rng.normal(size=(7, 4)), "y": rng.integers(0, 2, size=(7, 1)).astype(float),
        "W1": rng.normal(size=(4, 6)), "b1": 0.1 * rng.normal(size=6),
        "W2": rng.normal(size=(6, 1)), "b2": np.array([0.2]),
        "mask": (rng.random((7, 6)) < KEEP).astype(float),
    }
""",
        [
            ("G902", "da1 = dd1 * mask / KEEP", "da1 = dd1 * mask"),
            ("G901", "da1 = dd1 * mask / KEEP", "da1 = dd1 / KEEP"),
            ("G901|G902", "da1 = dd1 * mask / KEEP", "da1 = dd1"),
            (
                "G902|G105",
                "da1 = dd1 * mask / KEEP",
                "da1 = dd1 * (np.random.rand(*dd1.shape) < KEEP) / KEEP",
            ),
            ("G902|G204|G000", "da1 = dd1 * mask / KEEP", "da1 = dd1 * mask / KEEP ** 2"),
            ("G703", "dW2 = d1.T @ dz2", "dW2 = np.maximum(z1, 0).T @ dz2"),
            ("G404", "dz1 = da1 * (z1 > 0)", "dz1 = da1 * (da1 > 0)"),
        ],
        [
            [("dz1 = da1 * (z1 > 0)", "dz1 = da1 * (d1 > 0)")],
            [
                ("da1 = dd1 * mask / KEEP\n    ", ""),
                ("dz1 = da1 * (z1 > 0)", "dz1 = np.where(z1 > 0, dd1, 0) * (mask / KEEP)"),
            ],
        ],
    )
    yield from made(
        "tied-autoencoder",
        """
import numpy as np


def loss(X, W, b, c):
    \"\"\"Autoencoder with tied weights: encode with W, decode with W transposed.\"\"\"
    H = 1 / (1 + np.exp(-(X @ W + b)))
    R = H @ W.T + c
    return 0.5 * np.mean(np.sum((R - X) ** 2, axis=1))


def gradient(X, W, b, c):
    m = X.shape[0]
    H = 1 / (1 + np.exp(-(X @ W + b)))
    R = H @ W.T + c

    dR = (R - X) / m
    dc = dR.sum(axis=0)
    dH = dR @ W
    dZ = dH * H * (1 - H)
    db = dZ.sum(axis=0)
    dW = X.T @ dZ + dR.T @ H          # encoder + decoder
    return {"W": dW, "b": db, "c": dc}


def example():
    rng = np.random.default_rng(10)
    X = rng.normal(size=(7, 5))
    return {
        "X": X, "W": rng.normal(size=(5, 3)),
        "b": 0.1 * rng.normal(size=3), "c": 0.1 * rng.normal(size=5),
    }
""",
        [
            ("G801", "dW = X.T @ dZ + dR.T @ H", "dW = X.T @ dZ"),
            ("G801", "dW = X.T @ dZ + dR.T @ H", "dW = dR.T @ H"),
            ("G401", "dZ = dH * H * (1 - H)", "dZ = dH"),
            ("G403", "dZ = dH * H * (1 - H)", "dZ = dH * (1 - H ** 2)"),
            ("G205", "dR = (R - X) / m", "dR = (X - R) / m"),
            ("G703", "+ dR.T @ H  ", "+ dR.T @ (X @ W + b)  "),
            ("G601", "dc = dR.sum(axis=0)", "dc = dR.mean(axis=0)"),
        ],
        [
            [
                ("dW = X.T @ dZ + dR.T @ H  ", "dW = dR.T @ H"),
                ('    return {"W": dW', '    dW += X.T @ dZ\n    return {"W": dW'),
            ],
            [("dR.T @ H  ", "(H.T @ dR).T  ")],
        ],
    )
    yield from made(
        "vae-fixed-noise",
        """
import numpy as np


def loss(x, eps, w_mu, w_lv, w_dec, b_dec):
    mu = x @ w_mu
    logvar = x @ w_lv
    z = mu + np.exp(0.5 * logvar) * eps
    x_hat = z @ w_dec + b_dec
    recon = 0.5 * np.sum((x_hat - x) ** 2)
    kl = -0.5 * np.sum(1 + logvar - mu**2 - np.exp(logvar))
    return (recon + kl) / x.shape[0]


def gradient(x, eps, w_mu, w_lv, w_dec, b_dec):
    B = x.shape[0]
    # encoder and reparameterisation
    mu = x @ w_mu
    logvar = x @ w_lv
    std = np.exp(0.5 * logvar)
    z = mu + std * eps
    x_hat = z @ w_dec + b_dec

    # decoder
    dx_hat = (x_hat - x) / B
    dw_dec = z.T @ dx_hat
    db_dec = dx_hat.sum(axis=0)
    dz = dx_hat @ w_dec.T

    # encoder: reconstruction part + KL part
    dmu = dz + mu / B
    dlogvar = dz * eps * 0.5 * std + 0.5 * (np.exp(logvar) - 1) / B
    return {"w_mu": x.T @ dmu, "w_lv": x.T @ dlogvar, "w_dec": dw_dec, "b_dec": db_dec}


def example():
    rng = np.random.default_rng(21)
    return {
        "x": rng.normal(size=(6, 5)), "eps": rng.normal(size=(6, 2)),
        "w_mu": 0.4 * rng.normal(size=(5, 2)), "w_lv": 0.4 * rng.normal(size=(5, 2)),
        "w_dec": rng.normal(size=(2, 5)), "b_dec": 0.1 * rng.normal(size=5),
    }
""",
        [
            ("G801|G301", "dmu = dz + mu / B", "dmu = dz"),
            ("G205|G303|G000", "dmu = dz + mu / B", "dmu = dz - mu / B"),
            ("G201|G000", "dmu = dz + mu / B", "dmu = dz + mu"),
            ("G204", "dz * eps * 0.5 * std", "dz * eps * std"),
            ("G000|G403", "dz * eps * 0.5 * std", "dz * 0.5 * std"),
            ("G204", "0.5 * (np.exp(logvar) - 1) / B", "(np.exp(logvar) - 1) / B"),
            (
                "G105",
                "z = mu + std * eps\n    x_hat = z @ w_dec + b_dec\n\n",
                "z = mu + std * np.random.randn(*mu.shape)\n    x_hat = z @ w_dec + b_dec\n\n",
            ),
        ],
        [
            [("dz * eps * 0.5 * std", "0.5 * dz * (z - mu)")],
            [("0.5 * (np.exp(logvar) - 1) / B", "(std**2 - 1) / (2 * B)")],
        ],
    )
