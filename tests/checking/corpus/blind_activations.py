"""Blind files about activations beside the plain ReLU and tanh."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.blind_parts import made
from tests.checking.corpus.case import Case


def activations() -> Iterator[Case]:
    yield from made(
        "elu-net",
        """
import numpy as np

alpha = 1.0


def elu(z):
    return np.where(z > 0, z, alpha * (np.exp(z) - 1))


def elu_prime(z):
    return np.where(z > 0, 1, alpha * np.exp(z))


def loss(X, Y, W1, W2, W3):
    # no biases; samples in the columns
    A1 = elu(W1 @ X)
    A2 = elu(W2 @ A1)
    S = W3 @ A2
    return 0.5 * np.sum((S - Y) ** 2)


def gradient(X, Y, W1, W2, W3):
    Z1 = W1 @ X
    A1 = elu(Z1)
    Z2 = W2 @ A1
    A2 = elu(Z2)
    S = W3 @ A2

    D3 = S - Y
    D2 = (W3.T @ D3) * elu_prime(Z2)
    D1 = (W2.T @ D2) * elu_prime(Z1)
    return {"W1": D1 @ X.T, "W2": D2 @ A1.T, "W3": D3 @ A2.T}


def example():
    rng = np.random.default_rng(2)
    return {
        "X": rng.normal(size=(3, 6)), "Y": rng.normal(size=(2, 6)),
        "W1": rng.normal(size=(4, 3)), "W2": 0.6 * rng.normal(size=(4, 4)),
        "W3": rng.normal(size=(2, 4)),
    }
""",
        [
            ("G402", "D2 = (W3.T @ D3) * elu_prime(Z2)", "D2 = (W3.T @ D3) * elu_prime(A2)"),
            (
                "G403",
                "np.where(z > 0, 1, alpha * np.exp(z))",
                "np.where(z > 0, 1, alpha * (np.exp(z) - 1))",
            ),
            (
                "G403",
                "np.where(z > 0, 1, alpha * np.exp(z))",
                "np.where(z > 0, z, alpha * np.exp(z))",
            ),
            ("G403|G404", "np.where(z > 0, 1, alpha * np.exp(z))", "np.where(z > 0, 1, 0)"),
            ("G702", "D1 = (W2.T @ D2)", "D1 = (W2 @ D2)"),
            ("G703|G404", "(W2.T @ D2) * elu_prime(Z1)", "(W2.T @ D2) * elu_prime(Z2)"),
            ("G703", '"W2": D2 @ A1.T', '"W2": D2 @ A2.T'),
            ("G204", "D3 = S - Y", "D3 = 2 * (S - Y)"),
        ],
        [
            [
                (
                    "D2 = (W3.T @ D3) * elu_prime(Z2)",
                    "D2 = (W3.T @ D3) * np.where(A2 > 0, 1, A2 + alpha)",
                )
            ],
            [("np.where(z > 0, 1, alpha * np.exp(z))", "np.minimum(1, alpha * np.exp(z))")],
        ],
    )
    yield from made(
        "gelu-mlp",
        """
import numpy as np

c = np.sqrt(2 / np.pi)


def gelu(x):
    \"\"\"GELU, tanh approximation.\"\"\"
    return 0.5 * x * (1 + np.tanh(c * (x + 0.044715 * x**3)))


def gelu_backward(dout, x):
    inner = c * (x + 0.044715 * x**3)
    t = np.tanh(inner)
    dinner = c * (1 + 3 * 0.044715 * x**2)
    return dout * (0.5 * (1 + t) + 0.5 * x * (1 - t**2) * dinner)


def loss(x, target, w_fc, b_fc, w_proj, b_proj):
    h = x @ w_fc + b_fc
    out = gelu(h) @ w_proj + b_proj
    return np.mean((out - target) ** 2)


def gradient(x, target, w_fc, b_fc, w_proj, b_proj):
    h = x @ w_fc + b_fc
    a = gelu(h)
    out = a @ w_proj + b_proj

    dout = 2 * (out - target) / out.size
    dw_proj = a.T @ dout
    db_proj = dout.sum(axis=0)
    da = dout @ w_proj.T
    dh = gelu_backward(da, h)
    dw_fc = x.T @ dh
    db_fc = dh.sum(axis=0)
    return {"w_fc": dw_fc, "b_fc": db_fc, "w_proj": dw_proj, "b_proj": db_proj}


def example():
    rng = np.random.default_rng(1337)
    return {
        "x": rng.normal(size=(5, 4)), "target": rng.normal(size=(5, 4)),
        "w_fc": rng.normal(size=(4, 8)), "b_fc": 0.1 * rng.normal(size=8),
        "w_proj": rng.normal(size=(8, 4)), "b_proj": 0.1 * rng.normal(size=4),
    }
""",
        [
            ("G403|G000", "3 * 0.044715 * x**2", "0.044715 * x**2"),
            ("G403|G801", "(0.5 * (1 + t) + 0.5 * x * (1 - t**2) * dinner)", "(0.5 * (1 + t))"),
            ("G403|G000", "(1 - t**2) * dinner", "(1 - t**2)"),
            ("G403|G402", "(1 - t**2) * dinner", "(1 - inner**2) * dinner"),
            ("G401", "dh = gelu_backward(da, h)", "dh = da"),
            ("G402", "dh = gelu_backward(da, h)", "dh = gelu_backward(da, a)"),
            ("G203", "2 * (out - target) / out.size", "2 * (out - target) / len(x)"),
        ],
        [
            [
                (
                    "dout * (0.5 * (1 + t) + 0.5 * x * (1 - t**2) * dinner)",
                    "0.5 * dout * (1 + t + x * dinner / np.cosh(inner) ** 2)",
                )
            ],
            [("dinner = c * (1 + 3 * 0.044715 * x**2)", "dinner = c + 0.134145 * c * x * x")],
        ],
    )
    yield from made(
        "leaky-relu-bce",
        """
import numpy as np

LEAK = 0.1


def leaky(z):
    return np.where(z > 0, z, LEAK * z)


def loss(X, y, w_h, b_h, w_o, b_o):
    h = leaky(X @ w_h + b_h)
    logit = h @ w_o + b_o
    # log(1 + e^x) - y x, written so that it cannot overflow
    return np.sum(np.maximum(logit, 0) - y * logit + np.log1p(np.exp(-np.abs(logit)))) / len(y)


def gradient(X, y, w_h, b_h, w_o, b_o):
    pre = X @ w_h + b_h
    h = leaky(pre)
    logit = h @ w_o + b_o
    prob = 1 / (1 + np.exp(-logit))

    g = (prob - y) / len(y)             # shape (n,)
    g_w_o = h.T @ g
    g_b_o = g.sum()
    g_h = np.outer(g, w_o)
    g_pre = g_h.copy()
    g_pre[pre <= 0] *= LEAK
    g_w_h = X.T @ g_pre
    g_b_h = g_pre.sum(axis=0)
    return {"w_h": g_w_h, "b_h": g_b_h, "w_o": g_w_o, "b_o": g_b_o}


def example():
    rng = np.random.default_rng(77)
    return {
        "X": rng.normal(size=(6, 3)), "y": np.array([0.0, 1.0, 1.0, 0.0, 1.0, 0.0]),
        "w_h": rng.normal(size=(3, 5)), "b_h": 0.2 * rng.normal(size=5),
        "w_o": rng.normal(size=5), "b_o": -0.1,
    }
""",
        [
            ("G404|G403", "g_pre[pre <= 0] *= LEAK", "g_pre[pre <= 0] = 0"),
            ("G403|G405", "g_pre[pre <= 0] *= LEAK", "g_pre[pre <= 0] = LEAK"),
            ("G404", "g_pre[pre <= 0] *= LEAK", "g_pre[g_h <= 0] *= LEAK"),
            ("G404|G403", "g_pre[pre <= 0] *= LEAK", "g_pre[pre > 0] *= LEAK"),
            ("G501", "g = (prob - y) / len(y)  ", "g = (prob - y) * prob * (1 - prob) / len(y)  "),
            ("G602", "g_b_h = g_pre.sum(axis=0)", "g_b_h = g_pre[0]"),
            ("G104", "g = (prob - y) / len(y)  ", "y -= prob; g = -y / len(y)  "),
        ],
        [
            [("g_pre[pre <= 0] *= LEAK", "g_pre *= np.where(h > 0, 1.0, LEAK)")],
            [("g_h = np.outer(g, w_o)", "g_h = g[:, None] * w_o[None, :]")],
        ],
    )
    yield from made(
        "softplus-overflow",
        """
import numpy as np


def softplus(z):
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


def d_softplus(z):
    return 0.5 * (1 + np.tanh(0.5 * z))


def loss(X, y, U, v):
    # one unit of U has grown during training, its pre-activations are huge
    H = softplus(X @ U)
    return np.sum((H @ v - y) ** 2) / (2 * y.size)


def gradient(X, y, U, v):
    Z = X @ U
    H = softplus(Z)
    r = (H @ v - y) / y.size
    dv = H.T @ r
    dH = np.outer(r, v)
    dZ = dH * d_softplus(Z)
    dU = X.T @ dZ
    return {"U": dU, "v": dv}


def example():
    rng = np.random.default_rng(6)
    X = rng.normal(size=(5, 3))
    U = rng.normal(size=(3, 4))
    U[:, 1] *= 900
    v = np.array([0.8, 0.001, -1.1, 0.6])
    return {"X": X, "y": rng.normal(size=5), "U": U, "v": v}
""",
        [
            ("G103", "0.5 * (1 + np.tanh(0.5 * z))", "np.exp(z) / (1 + np.exp(z))"),
            ("G401", "dZ = dH * d_softplus(Z)", "dZ = dH"),
            ("G402", "dZ = dH * d_softplus(Z)", "dZ = dH * d_softplus(H)"),
            ("G403", "0.5 * (1 + np.tanh(0.5 * z))", "(z > 0) * 1.0"),
            ("G204", "/ y.size\n    dv", "/ (2 * y.size)\n    dv"),
        ],
        [
            [("0.5 * (1 + np.tanh(0.5 * z))", "np.exp(-np.logaddexp(0, -z))")],
            [("dZ = dH * d_softplus(Z)", "dZ = dH * -np.expm1(-H)")],
        ],
    )
