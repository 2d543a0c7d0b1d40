"""Fresh files where numbers, memory or chance go wrong."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.case import Case
from tests.checking.corpus.fresh_parts import written


def hygiene() -> Iterator[Case]:
    yield from written(
        "unscaled-features",
        """
import numpy as np


def loss(w, b, X, y, l2):
    z = X @ w + b
    return np.mean(np.logaddexp(0, z) - y * z) + l2 * np.sum(w ** 2)


def gradient(w, b, X, y, l2):
    z = X @ w + b
    e = np.exp(-np.abs(z))
    p = np.where(z >= 0, 1 / (1 + e), e / (1 + e))
    d = (p - y) / len(y)
    return {"w": d @ X + 2 * l2 * w, "b": np.sum(d)}


def example():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(8, 3))
    X[2, 0] = 950.0  # income in thousands
    X[5, 0] = -1200.0
    return {
        "w": np.array([1.2, -0.4, 0.9]),
        "b": -0.3,
        "X": X,
        "y": np.array([1.0, 0, 1, 1, 1, 0, 0, 0]),
        "l2": 0.15,
    }
""",
        [
            (
                "G103",
                "p = np.where(z >= 0, 1 / (1 + e), e / (1 + e))",
                "p = np.exp(z) / (1 + np.exp(z))",
            ),
            ("G302", "d @ X + 2 * l2 * w", "d @ X + l2 * w"),
            ("G107", '"b": np.sum(d)}', '"b": None}'),
            ("G304", '"b": np.sum(d)}', '"b": np.sum(d) + 2 * l2 * b}'),
            ("G102", '"w": d @ X + 2 * l2 * w,', '"w": (d @ X + 2 * l2 * w).astype(int),'),
        ],
        [
            [("d @ X + 2 * l2 * w", "X.T @ d + l2 * (w + w)")],
            [("np.where(z >= 0, 1 / (1 + e), e / (1 + e))", "0.5 * (1 + np.tanh(z / 2))")],
        ],
    )
    yield from written(
        "batchnorm-by-steps",
        """
import numpy as np


def loss(x, gamma, beta, G):
    # the running estimate's convention: unbiased variance
    N = x.shape[0]
    mu = np.sum(x, axis=0) / N
    xmu = x - mu
    var = np.sum(xmu**2, axis=0) / (N - 1)
    out = gamma * xmu / np.sqrt(var + 1e-8) + beta
    return np.sum(G * out**2)


def gradient(x, gamma, beta, G):
    N, D = x.shape
    # forward, step by step
    mu = np.sum(x, axis=0) / N
    xmu = x - mu
    var = np.sum(xmu**2, axis=0) / (N - 1)
    sqrtvar = np.sqrt(var + 1e-8)
    ivar = 1.0 / sqrtvar
    xhat = xmu * ivar
    out = gamma * xhat + beta
    # backward
    dout = 2 * G * out
    dbeta = dout.sum(axis=0)
    dgamma = np.sum(dout * xhat, axis=0)
    dxhat = dout * gamma
    divar = np.sum(dxhat * xmu, axis=0)
    dxmu1 = dxhat * ivar
    dsqrtvar = -divar / sqrtvar**2
    dvar = 0.5 * dsqrtvar / sqrtvar
    dsq = np.ones((N, D)) * dvar / (N - 1)
    dxmu2 = 2 * xmu * dsq
    dx1 = dxmu1 + dxmu2
    dmu = -np.sum(dx1, axis=0)
    dx2 = np.ones((N, D)) * dmu / N
    dx = dx1 + dx2
    return {"x": dx, "gamma": dgamma, "beta": dbeta}


def example():
    rng = np.random.default_rng(2015)
    return {
        "x": 5 * rng.normal(size=(4, 3)) + 10,
        "gamma": rng.normal(size=3),
        "beta": rng.normal(size=3),
        "G": rng.normal(size=(4, 3)),
    }
""",
        [
            ("G905", "dsq = np.ones((N, D)) * dvar / (N - 1)", "dsq = np.ones((N, D)) * dvar / N"),
            ("G903", "dx = dx1 + dx2", "dx = dx1"),
            ("G904", "dx1 = dxmu1 + dxmu2", "dx1 = dxmu1"),
            ("G205", "dsqrtvar = -divar / sqrtvar**2", "dsqrtvar = divar / sqrtvar**2"),
            ("G204", "dvar = 0.5 * dsqrtvar / sqrtvar", "dvar = dsqrtvar / sqrtvar"),
            ("G703", "dgamma = np.sum(dout * xhat, axis=0)", "dgamma = np.sum(dout * xmu, axis=0)"),
        ],
        [
            [("dx = dx1 + dx2", "dx = dx1 - dx1.mean(axis=0)")],
            [("dsqrtvar = -divar / sqrtvar**2", "dsqrtvar = -divar * ivar * ivar")],
        ],
    )
    yield from written(
        "two-dropout-masks",
        """
import numpy as np


def loss(X, Y, weights, masks, p_drop):
    scale = 1 - p_drop
    h1 = np.tanh(X @ weights["in"]) * masks["h1"] / scale
    h2 = np.tanh(h1 @ weights["mid"]) * masks["h2"] / scale
    out = h2 @ weights["out"]
    return np.sum((out - Y) ** 2) / (2 * Y.shape[0])


def gradient(X, Y, weights, masks, p_drop):
    scale = 1 - p_drop
    t1 = np.tanh(X @ weights["in"])
    h1 = t1 * masks["h1"] / scale
    t2 = np.tanh(h1 @ weights["mid"])
    h2 = t2 * masks["h2"] / scale
    out = h2 @ weights["out"]

    d_out = (out - Y) / Y.shape[0]
    g = {"out": h2.T @ d_out}
    d_t2 = d_out @ weights["out"].T * masks["h2"] / scale
    d_z2 = d_t2 * (1 - t2 * t2)
    g["mid"] = h1.T @ d_z2
    d_t1 = d_z2 @ weights["mid"].T * masks["h1"] / scale
    d_z1 = d_t1 * (1 - t1 * t1)
    g["in"] = X.T @ d_z1
    return {"weights": g}


def example():
    rng = np.random.default_rng(1929)
    width = 6
    return {
        "X": rng.normal(size=(9, 4)),
        "Y": rng.normal(size=(9, 2)),
        "weights": {
            "in": rng.normal(size=(4, width)),
            "mid": rng.normal(size=(width, width)) / 2,
            "out": rng.normal(size=(width, 2)),
        },
        "masks": {
            "h1": rng.integers(0, 2, size=(9, width)).astype(float),
            "h2": rng.integers(0, 2, size=(9, width)).astype(float),
        },
        "p_drop": 0.4,
    }
""",
        [
            ("G902", 'weights["mid"].T * masks["h1"]', 'weights["mid"].T * masks["h2"]'),
            ("G902", 'T * masks["h2"] / scale', 'T * masks["h2"] * scale'),
            ("G901", 'T * masks["h1"] / scale', "T / scale"),
            ("G702", 'weights["mid"].T', 'weights["mid"]'),
            ("G403|G703", "d_z2 = d_t2 * (1 - t2 * t2)", "d_z2 = d_t2 * (1 - h2 * h2)"),
            (
                "G105|G902",
                'T * masks["h1"] / scale',
                "T * np.random.binomial(1, scale, t1.shape) / scale",
            ),
        ],
        [
            [('g["mid"] = h1.T @ d_z2', 'g["mid"] = (d_z2.T @ h1).T')],
        ],
    )
    yield from written(
        "exponential-loss",
        """
import numpy as np


def standardise(X):
    mean, spread = X.mean(axis=0), X.std(axis=0)
    return (X - mean) / spread


def loss(X, y, theta, hidden):
    Z = standardise(X)
    a = np.arctan(Z @ hidden)
    margin = y * (a @ theta)
    return np.mean(np.exp(-margin))  # exponential loss


def gradient(X, y, theta, hidden):
    n = len(y)
    Z = standardise(X)
    z1 = Z @ hidden
    a = np.arctan(z1)
    margin = y * (a @ theta)
    dscore = -y * np.exp(-margin) / n
    dtheta = a.T @ dscore
    da = np.outer(dscore, theta)
    dz1 = da / (1 + z1 ** 2)
    dhidden = Z.T @ dz1
    return {"theta": dtheta, "hidden": dhidden}


def example():
    rng = np.random.default_rng(1995)
    return {
        "X": rng.normal(3.0, 2.0, size=(10, 4)),
        "y": np.where(rng.random(10) > 0.5, 1.0, -1.0),
        "theta": rng.normal(size=3),
        "hidden": rng.normal(size=(4, 3)),
    }
""",
        [
            ("G402", "dz1 = da / (1 + z1 ** 2)", "dz1 = da / (1 + a ** 2)"),
            ("G201", "np.exp(-margin) / n", "np.exp(-margin)"),
            ("G703", "dhidden = Z.T @ dz1", "dhidden = X.T @ dz1"),
            ("G206", "dtheta = a.T @ dscore", "dtheta = 0.01 * a.T @ dscore"),
            ("G401", "dz1 = da / (1 + z1 ** 2)", "dz1 = da"),
            ("G107", "dhidden = Z.T @ dz1", "dhidden = np.zeros_like(hidden)"),
        ],
        [
            [("(X - mean) / spread", "(X - mean) * (1 / spread)")],
        ],
        [
            (
                "G106",
                '    return {"theta": dtheta, "hidden"',
                '    gradient.total = getattr(gradient, "total", 0) + dtheta\n'
                '    return {"theta": gradient.total, "hidden"',
                "gradient.total = ",
            ),
            (
                "G104",
                "    dz1 = da / (1 + z1 ** 2)\n    dhidden = Z.T @ dz1\n",
                "    dz1 = da / (1 + z1 ** 2)\n"
                "    theta -= 0.1 * dtheta\n"
                "    dhidden = Z.T @ dz1\n",
                "theta -= 0.1",
            ),
            (
                "G804|G104",
                "    da = np.outer(dscore, theta)\n",
                "    theta -= 0.1 * dtheta\n    da = np.outer(dscore, theta)\n",
                "theta -= 0.1",
            ),
        ],
    )
