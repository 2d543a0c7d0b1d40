"""Blind files about regression: squares, robust losses, counts, two parameters of a Gaussian."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.blind_parts import made
from tests.checking.corpus.case import Case


def regression() -> Iterator[Case]:
    yield from made(
        "ridge-loop",
        """
import numpy as np


def loss(X, y, w, b, lambda_):
    \"\"\"Regularised cost: (1/2m) sum of squares + (lambda/2m) sum of w^2.\"\"\"
    m = X.shape[0]
    total_cost = 0.0
    for i in range(m):
        f_wb_i = np.dot(X[i], w) + b
        total_cost = total_cost + (f_wb_i - y[i]) ** 2
    total_cost = total_cost / (2 * m)
    reg_cost = (lambda_ / (2 * m)) * np.sum(w ** 2)
    return total_cost + reg_cost


def gradient(X, y, w, b, lambda_):
    m, n = X.shape
    dj_dw = np.zeros(n)
    dj_db = 0.0

    for i in range(m):
        err = (np.dot(X[i], w) + b) - y[i]
        for j in range(n):
            dj_dw[j] = dj_dw[j] + err * X[i, j]
        dj_db = dj_db + err
    dj_dw = dj_dw / m
    dj_db = dj_db / m

    for j in range(n):
        dj_dw[j] = dj_dw[j] + (lambda_ / m) * w[j]

    return {"w": dj_dw, "b": dj_db}


def example():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(6, 4))
    return {"X": X, "y": rng.normal(size=6), "w": rng.normal(size=4), "b": 0.5, "lambda_": 0.7}
""",
        [
            ("G205", "- y[i]\n        for", "* -1 + y[i]\n        for"),
            ("G802", "dj_dw[j] = dj_dw[j] + err * X[i, j]", "dj_dw[j] = err * X[i, j]"),
            ("G802", "dj_db = dj_db + err", "dj_db = err"),
            ("G201", "dj_dw = dj_dw / m", "dj_dw = dj_dw"),
            ("G302", "(lambda_ / m) * w[j]", "lambda_ * w[j]"),
            ("G302", "(lambda_ / m) * w[j]", "(lambda_ / (2 * m)) * w[j]"),
            ("G303", "dj_dw[j] + (lambda_ / m)", "dj_dw[j] - (lambda_ / m)"),
        ],
        [
            [
                (
                    "    dj_dw = dj_dw / m\n    dj_db = dj_db / m\n",
                    "    dj_dw /= m\n    dj_db /= m\n",
                )
            ],
            [("* X[i, j]", "/ m * X[i, j]"), ("    dj_dw = dj_dw / m\n", "")],
            [
                (
                    "    for j in range(n):\n        dj_dw[j] = dj_dw[j] + (lambda_ / m) * w[j]\n",
                    "    dj_dw += lambda_ * w / m\n",
                )
            ],
        ],
    )
    yield from made(
        "mse-matrix",
        """
import numpy as np

# multivariate linear regression, several targets at once


def predict(X, W, b):
    return X.dot(W) + b


def loss(X, Y, W, b):
    Y_hat = predict(X, W, b)
    return np.mean((Y_hat - Y) ** 2)


def gradient(X, Y, W, b):
    N, K = Y.shape
    Y_hat = predict(X, W, b)
    diff = Y_hat - Y
    dY_hat = 2.0 * diff / (N * K)
    grad_W = X.T.dot(dY_hat)
    grad_b = np.sum(dY_hat, axis=0)
    return {"W": grad_W, "b": grad_b}


def example():
    np.random.seed(3)
    X = np.random.randn(7, 3)
    Y = np.random.randn(7, 3)
    W = np.random.randn(3, 3)
    b = np.random.randn(3)
    return {"X": X, "Y": Y, "W": W, "b": b}
""",
        [
            ("G203", "2.0 * diff / (N * K)", "2.0 * diff / N"),
            ("G204", "2.0 * diff / (N * K)", "diff / (N * K)"),
            ("G701", "X.T.dot(dY_hat)", "dY_hat.T.dot(X)"),
            ("G601", "np.sum(dY_hat, axis=0)", "np.mean(dY_hat, axis=0)"),
            ("G603", "np.sum(dY_hat, axis=0)", "np.sum(dY_hat, axis=1)[:K]"),
            ("G603", "np.sum(dY_hat, axis=0)", "np.sum(dY_hat) * np.ones(K)"),
        ],
        [
            [("2.0 * diff / (N * K)", "diff * (2 / Y.size)")],
            [("X.T.dot(dY_hat)", "np.einsum('ni,nk->ik', X, dY_hat)")],
            [("grad_b = np.sum(dY_hat, axis=0)", "grad_b = np.ones(N).dot(dY_hat)")],
        ],
    )
    yield from made(
        "huber-where",
        """
import numpy as np

delta = 1.0


def loss(X, t, w):
    r = X @ w - t
    small = np.abs(r) <= delta
    per_sample = np.where(small, 0.5 * r ** 2, delta * (np.abs(r) - 0.5 * delta))
    return per_sample.mean()


def gradient(X, t, w):
    n = len(t)
    r = X @ w - t
    small = np.abs(r) <= delta
    psi = np.where(small, r, delta * np.sign(r))
    dw = X.T @ psi / n
    return {"w": dw}


def example():
    rng = np.random.default_rng(12)
    X = rng.normal(size=(8, 5))
    t = 2.5 * rng.normal(size=8)
    return {"X": X, "t": t, "w": rng.normal(size=5)}
""",
        [
            ("G403", "psi = np.where(small, r, delta * np.sign(r))", "psi = r"),
            ("G403", "np.where(small, r, delta * np.sign(r))", "np.where(small, r, delta)"),
            ("G403|G404", "np.where(small, r, delta", "np.where(~small, r, delta"),
            ("G204", "np.where(small, r, delta", "np.where(small, 2 * r, 2 * delta"),
            ("G202", "X.T @ psi / n", "X.T @ psi / n ** 2"),
            ("G107", 'return {"w": dw}', 'return {"w": np.zeros_like(w)}'),
        ],
        [
            [("np.where(small, r, delta * np.sign(r))", "np.clip(r, -delta, delta)")],
            [("dw = X.T @ psi / n", "dw = (X * psi[:, None]).mean(axis=0)")],
        ],
    )
    yield from made(
        "polynomial",
        """
import numpy as np

# Fit y = c0 + c1 x + ... + cd x^d by gradient descent.


def poly(c, x):
    out = np.zeros_like(x)
    for k in range(len(c)):
        out = out + c[k] * x ** k
    return out


def loss(x, y, c):
    n = x.size
    residual = poly(c, x) - y
    return np.sum(residual ** 2) / (2 * n)


def gradient(x, y, c):
    n = x.size
    residual = poly(c, x) - y
    g = np.zeros_like(c)
    for k in range(len(c)):
        g[k] = np.sum(residual * x ** k) / n
    return {"c": g}


def example():
    x = np.array([-1.0, -0.6, -0.2, 0.1, 0.5, 0.9, 1.3])
    y = np.array([0.2, 0.1, -0.4, 0.3, 0.8, 0.4, -0.5])
    return {"x": x, "y": y, "c": np.array([0.5, -1.0, 0.3, 0.8])}
""",
        [
            ("G000", "residual * x ** k) / n", "residual * k * x ** (k - 1)) / n"),
            ("G204", "x ** k) / n", "x ** k) / (2 * n)"),
            ("G602|G802|G000", "np.sum(residual * x ** k) / n", "residual[k] * x[k] ** k / n"),
            ("G205", "g[k] = np.sum", "g[k] = -np.sum"),
            ("G405", "np.sum(residual * x ** k)", "np.sum(x ** k)"),
            ("G102", "g = np.zeros_like(c)", "g = np.zeros_like(c, dtype=int)"),
        ],
        [
            [("np.sum(residual * x ** k) / n", "np.mean(residual * x ** k)")],
            [
                (
                    "    g = np.zeros_like(c)\n    for k in range(len(c)):\n"
                    "        g[k] = np.sum(residual * x ** k) / n\n",
                    "    V = np.vander(x, len(c), increasing=True)\n    g = V.T @ residual / n\n",
                )
            ],
        ],
    )
    yield from made(
        "poisson",
        """
import numpy as np


def loss(X, counts, theta, bias):
    \"\"\"Negative log likelihood of Poisson counts (constant log k! left out).\"\"\"
    eta = X @ theta + bias
    rate = np.exp(eta)
    return np.mean(rate - counts * eta)


def gradient(X, counts, theta, bias):
    eta = X @ theta + bias
    rate = np.exp(eta)
    d_eta = (rate - counts) / len(counts)
    d_theta = X.T @ d_eta
    d_bias = d_eta.sum()
    return {"theta": d_theta, "bias": d_bias}


def example():
    rng = np.random.default_rng(4)
    X = 0.5 * rng.normal(size=(8, 3))
    return {"X": X, "counts": rng.poisson(2.0, size=8), "theta": rng.normal(size=3), "bias": 0.2}
""",
        [
            ("G501", "(rate - counts) / len(counts)", "(rate - counts) * rate / len(counts)"),
            ("G201", "(rate - counts) / len(counts)", "rate - counts"),
            ("G205", "(rate - counts) / len", "(counts - rate) / len"),
            ("G403|G703", "(rate - counts) / len", "(eta - counts) / len"),
            ("G601", "d_eta.sum()", "d_eta.mean()"),
            ("G602", "d_eta.sum()", "d_eta[0]"),
        ],
        [
            [("(rate - counts) / len(counts)", "(1 - counts / rate) * rate / counts.size")],
            [("d_theta = X.T @ d_eta", "d_theta = (d_eta[:, np.newaxis] * X).sum(0)")],
        ],
    )
    yield from made(
        "gaussian-nll",
        """
import numpy as np


# The network predicts a mean and a log variance for every sample.


def heads(x, w_mu, b_mu, w_s, b_s):
    mu = x @ w_mu + b_mu
    log_var = x @ w_s + b_s
    return mu, log_var


def loss(x, y, w_mu, b_mu, w_s, b_s):
    mu, log_var = heads(x, w_mu, b_mu, w_s, b_s)
    return np.mean(0.5 * log_var + 0.5 * (y - mu) ** 2 * np.exp(-log_var))


def gradient(x, y, w_mu, b_mu, w_s, b_s):
    N = x.shape[0]
    mu, log_var = heads(x, w_mu, b_mu, w_s, b_s)
    precision = np.exp(-log_var)
    e = mu - y

    dmu = e * precision / N
    dlog_var = 0.5 * (1 - e ** 2 * precision) / N

    return {
        "w_mu": x.T @ dmu,
        "b_mu": np.sum(dmu),
        "w_s": x.T @ dlog_var,
        "b_s": np.sum(dlog_var),
    }


def example():
    rng = np.random.RandomState(5)
    return {
        "x": rng.randn(7, 4), "y": rng.randn(7),
        "w_mu": rng.randn(4), "b_mu": 0.1, "w_s": 0.3 * rng.randn(4), "b_s": -0.2,
    }
""",
        [
            ("G204", "dlog_var = 0.5 * (1", "dlog_var = (1"),
            ("G205|G000", "0.5 * (1 - e ** 2", "0.5 * (1 + e ** 2"),
            ("G801|G000", "0.5 * (1 - e ** 2 * precision) / N", "-0.5 * e ** 2 * precision / N"),
            ("G401|G000", "dmu = e * precision / N", "dmu = e / N"),
            ("G704", '"w_s": x.T @ dlog_var', '"w_s": x.T @ dmu'),
            ("G205", "e = mu - y", "e = y - mu"),
            ("G201", "* precision) / N", "* precision)"),
        ],
        [
            [("precision = np.exp(-log_var)", "precision = 1 / np.exp(log_var)")],
            [
                ("dmu = e * precision / N", "dmu = e * precision"),
                ("* precision) / N", "* precision)"),
                ("x.T @ dmu,", "x.T @ dmu / N,"),
                ("np.sum(dmu)", "np.mean(dmu)"),
                ("x.T @ dlog_var,", "x.T @ dlog_var / N,"),
                ("np.sum(dlog_var)", "dlog_var.mean()"),
            ],
        ],
    )
