"""Held-back blind files about normalisation and layers of pictures."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.blind_parts import made
from tests.checking.corpus.case import Case


def held_layers() -> Iterator[Case]:
    yield from made(
        "instance-norm",
        """
import numpy as np


def norm(x):
    \"\"\"Each channel of each picture to mean 0 and variance 1; x is (N, C, H, W).\"\"\"
    mu = x.mean(axis=(2, 3), keepdims=True)
    var = ((x - mu) ** 2).mean(axis=(2, 3), keepdims=True)
    inv = 1 / np.sqrt(var + 1e-5)
    return (x - mu) * inv, inv


def loss(x, t, gamma, beta):
    xhat, _ = norm(x)
    y = gamma.reshape(1, -1, 1, 1) * xhat + beta.reshape(1, -1, 1, 1)
    return np.sum((np.maximum(y, 0) - t) ** 2) / len(x)


def gradient(x, t, gamma, beta):
    N, C, H, W = x.shape
    xhat, inv = norm(x)
    y = gamma.reshape(1, -1, 1, 1) * xhat + beta.reshape(1, -1, 1, 1)
    dout = 2 * (np.maximum(y, 0) - t) / N
    dy = dout * (y > 0)

    dgamma = np.sum(dy * xhat, axis=(0, 2, 3))
    dbeta = np.sum(dy, axis=(0, 2, 3))
    dxhat = dy * gamma.reshape(1, -1, 1, 1)
    m = H * W
    s1 = dxhat.sum(axis=(2, 3), keepdims=True)
    s2 = (dxhat * xhat).sum(axis=(2, 3), keepdims=True)
    dx = inv / m * (m * dxhat - s1 - xhat * s2)
    return {"x": dx, "gamma": dgamma, "beta": dbeta}


def example():
    rng = np.random.default_rng(60)
    return {
        "x": rng.normal(size=(3, 2, 3, 4)), "t": rng.normal(size=(3, 2, 3, 4)),
        "gamma": np.array([0.8, 1.3]), "beta": np.array([0.2, -0.1]),
    }
""",
        [
            ("G904", "(m * dxhat - s1 - xhat * s2)", "(m * dxhat - s1)"),
            ("G903", "(m * dxhat - s1 - xhat * s2)", "(m * dxhat - xhat * s2)"),
            (
                "G603",
                "s1 = dxhat.sum(axis=(2, 3), keepdims=True)",
                "s1 = dxhat.sum(axis=(0, 2, 3), keepdims=True)",
            ),
            ("G905|G203|G000", "    m = H * W\n", "    m = H * W - 1\n"),
            ("G601", "dbeta = np.sum(dy, axis=(0, 2, 3))", "dbeta = np.mean(dy, axis=(0, 2, 3))"),
            ("G404", "dy = dout * (y > 0)", "dy = dout * (xhat > 0)"),
            (
                "G704",
                '{"x": dx, "gamma": dgamma, "beta": dbeta}',
                '{"x": dx, "gamma": dbeta, "beta": dgamma}',
            ),
        ],
        [
            [
                (
                    "dx = inv / m * (m * dxhat - s1 - xhat * s2)",
                    "dx = inv * (dxhat - s1 / m - xhat * s2 / m)",
                )
            ],
            [
                (
                    "dgamma = np.sum(dy * xhat, axis=(0, 2, 3))",
                    "dgamma = np.einsum('nchw,nchw->c', dy, xhat)",
                )
            ],
        ],
    )
    yield from made(
        "conv1d-stride",
        """
import numpy as np

stride = 2


def conv1d(signal, kernel):
    K = kernel.size
    T = (signal.shape[1] - K) // stride + 1
    out = np.zeros((signal.shape[0], T))
    for t in range(T):
        out[:, t] = signal[:, t * stride:t * stride + K] @ kernel
    return out


def loss(signal, target, kernel, bias, v):
    feature = np.tanh(conv1d(signal, kernel) + bias)
    pred = feature @ v
    return np.mean((pred - target) ** 2)


def gradient(signal, target, kernel, bias, v):
    n = signal.shape[0]
    K = kernel.size
    feature = np.tanh(conv1d(signal, kernel) + bias)
    pred = feature @ v
    dpred = 2 / n * (pred - target)
    dv = feature.T @ dpred
    dz = np.outer(dpred, v) * (1 - feature ** 2)
    dbias = dz.sum()
    dkernel = np.zeros(K)
    dsignal = np.zeros(signal.shape)
    for t in range(dz.shape[1]):
        start = t * stride
        for k in range(K):
            dkernel[k] += np.sum(dz[:, t] * signal[:, start + k])
            dsignal[:, start + k] += dz[:, t] * kernel[k]
    return {"signal": dsignal, "kernel": dkernel, "bias": dbias, "v": dv}


def example():
    rng = np.random.default_rng(61)
    return {
        "signal": rng.normal(size=(5, 9)), "target": rng.normal(size=5),
        "kernel": rng.normal(size=3), "bias": 0.1, "v": rng.normal(size=4),
    }
""",
        [
            ("G906", "start = t * stride", "start = t"),
            (
                "G906",
                "dsignal[:, start + k] += dz[:, t] * kernel[k]",
                "dsignal[:, start + k] += dz[:, t] * kernel[K - 1 - k]",
            ),
            ("G801", "dsignal[:, start + k] += dz[:, t]", "dsignal[:, start + k] = dz[:, t]"),
            ("G801|G802", "dkernel[k] += np.sum", "dkernel[k] = np.sum"),
            ("G602|G603", "dbias = dz.sum()", "dbias = dz[0].sum()"),
            ("G601", "dbias = dz.sum()", "dbias = dz.mean()"),
            ("G204", "dpred = 2 / n *", "dpred = 1 / n *"),
            ("G403", "* (1 - feature ** 2)", "* feature * (1 - feature)"),
        ],
        [
            [
                (
                    "        for k in range(K):\n"
                    "            dkernel[k] += np.sum(dz[:, t] * signal[:, start + k])\n"
                    "            dsignal[:, start + k] += dz[:, t] * kernel[k]\n",
                    "        dkernel += dz[:, t] @ signal[:, start:start + K]\n"
                    "        dsignal[:, start:start + K] += np.outer(dz[:, t], kernel)\n",
                ),
            ],
            [("dpred = 2 / n * (pred - target)", "dpred = (pred - target) / (n / 2)")],
        ],
    )
    yield from made(
        "average-pool",
        """
import numpy as np


class AvgPool:
    def __init__(self, size):
        self.size = size

    def forward(self, x):
        self.shape = x.shape
        n, c, h, w = x.shape
        s = self.size
        return x.reshape(n, c, h // s, s, w // s, s).mean(axis=(3, 5))

    def backward(self, dout):
        s = self.size
        dx = np.repeat(np.repeat(dout, s, axis=2), s, axis=3)
        return dx / s ** 2


class Flatten:
    def forward(self, x):
        self.shape = x.shape
        return x.reshape(x.shape[0], -1)

    def backward(self, dout):
        return dout.reshape(self.shape)


def loss(x, t, w):
    a = Flatten().forward(AvgPool(2).forward(1 / (1 + np.exp(-x))))
    return 0.5 * np.sum((a @ w - t) ** 2)


def gradient(x, t, w):
    pool, flat = AvgPool(2), Flatten()
    s = 1 / (1 + np.exp(-x))
    a = flat.forward(pool.forward(s))
    d = a @ w - t
    dw = a.T @ d
    d = d @ w.T
    ds = pool.backward(flat.backward(d))
    return {"x": ds * s * (1 - s), "w": dw}


def example():
    rng = np.random.default_rng(62)
    return {
        "x": rng.normal(size=(3, 2, 4, 6)), "t": rng.normal(size=(3, 2)),
        "w": rng.normal(size=(12, 2)),
    }
""",
        [
            ("G907", "return dx / s ** 2", "return dx"),
            ("G907|G204", "return dx / s ** 2", "return dx / s"),
            (
                "G907|G705",
                "np.repeat(np.repeat(dout, s, axis=2), s, axis=3)",
                "np.tile(dout, (1, 1, s, s))",
            ),
            (
                "G705",
                "return dout.reshape(self.shape)",
                'return dout.reshape(self.shape, order="F")',
            ),
            ("G401", '{"x": ds * s * (1 - s), "w"', '{"x": ds, "w"'),
            (
                "G402",
                '{"x": ds * s * (1 - s), "w"',
                '{"x": ds * np.exp(-s) / (1 + np.exp(-s)) ** 2, "w"',
            ),
        ],
        [
            [
                (
                    "np.repeat(np.repeat(dout, s, axis=2), s, axis=3)",
                    "np.kron(dout, np.ones((1, 1, s, s)))",
                )
            ],
            [("ds * s * (1 - s)", "ds * (s - s * s)")],
        ],
    )
    yield from made(
        "batchnorm-fused",
        """
import numpy as np


def loss(hpre, y, gain, shift, W):
    mean = hpre.mean(0, keepdims=True)
    var = ((hpre - mean) ** 2).sum(0, keepdims=True) / (hpre.shape[0] - 1)   # Bessel
    raw = (hpre - mean) * (var + 1e-5) ** -0.5
    logits = np.tanh(gain * raw + shift) @ W
    lse = np.log(np.exp(logits).sum(1))
    return np.mean(lse - logits[np.arange(len(y)), y])


def gradient(hpre, y, gain, shift, W):
    n = hpre.shape[0]
    mean = hpre.mean(0, keepdims=True)
    var = ((hpre - mean) ** 2).sum(0, keepdims=True) / (n - 1)
    var_inv = (var + 1e-5) ** -0.5
    raw = (hpre - mean) * var_inv
    h = np.tanh(gain * raw + shift)
    logits = h @ W

    dlogits = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    dlogits[np.arange(n), y] -= 1
    dlogits /= n
    dW = h.T @ dlogits
    dbn = (dlogits @ W.T) * (1 - h ** 2)
    dgain = (raw * dbn).sum(0)
    dshift = dbn.sum(0)
    dhpre = gain * var_inv / n * (n * dbn - dbn.sum(0) - n / (n - 1) * raw * (dbn * raw).sum(0))
    return {"hpre": dhpre, "gain": dgain, "shift": dshift, "W": dW}


def example():
    rng = np.random.default_rng(66)
    return {
        "hpre": rng.normal(size=(6, 4)), "y": rng.integers(0, 3, size=6),
        "gain": rng.uniform(0.6, 1.4, size=4), "shift": 0.2 * rng.normal(size=4),
        "W": rng.normal(size=(4, 3)),
    }
""",
        [
            ("G905", "- n / (n - 1) * raw * (dbn * raw)", "- raw * (dbn * raw)"),
            ("G903", "(n * dbn - dbn.sum(0) - n / (n - 1)", "(n * dbn - n / (n - 1)"),
            ("G904", "dbn.sum(0) - n / (n - 1) * raw * (dbn * raw).sum(0))", "dbn.sum(0))"),
            ("G703", "dgain = (raw * dbn).sum(0)", "dgain = (hpre * dbn).sum(0)"),
            (
                "G402",
                "dbn = (dlogits @ W.T) * (1 - h ** 2)",
                "dbn = (dlogits @ W.T) * (1 - np.tanh(h) ** 2)",
            ),
            ("G602", "dshift = dbn.sum(0)", "dshift = dbn[-1]"),
            (
                "G501",
                "    dlogits /= n\n",
                "    dlogits *= np.exp(logits) / np.exp(logits).sum(1, keepdims=True) / n\n",
            ),
        ],
        [
            [
                (
                    "dhpre = gain * var_inv / n * (n * dbn - dbn.sum(0) "
                    "- n / (n - 1) * raw * (dbn * raw).sum(0))",
                    "draw = gain * dbn\n"
                    "    dhpre = draw - draw.mean(0) - raw * (draw * raw).sum(0) / (n - 1)\n"
                    "    dhpre *= var_inv",
                )
            ],
            [("dgain = (raw * dbn).sum(0)", "dgain = np.diag(raw.T @ dbn)")],
        ],
    )
