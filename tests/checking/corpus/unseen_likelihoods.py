"""Unseen files: likelihoods of statistics."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.case import Case
from tests.checking.corpus.unseen_parts import written


def likelihoods() -> Iterator[Case]:
    yield from written(
        "process-with-lengthscales",
        """
import numpy as np


def kernel(X, log_ell, log_sf):
    Z = X / np.exp(log_ell)
    D2 = np.sum((Z[:, None, :] - Z[None, :, :]) ** 2, axis=2)
    return np.exp(2 * log_sf) * np.exp(-0.5 * D2)


def loss(X, y, log_ell, log_sf, log_sn):
    n = len(y)
    K = kernel(X, log_ell, log_sf) + np.exp(2 * log_sn) * np.eye(n)
    L = np.linalg.cholesky(K)
    alpha = np.linalg.solve(L.T, np.linalg.solve(L, y))
    return 0.5 * y @ alpha + np.sum(np.log(np.diag(L))) + 0.5 * n * np.log(2 * np.pi)


def gradient(X, y, log_ell, log_sf, log_sn):
    n, d = X.shape
    Kf = kernel(X, log_ell, log_sf)
    Kinv = np.linalg.inv(Kf + np.exp(2 * log_sn) * np.eye(n))
    alpha = Kinv @ y
    Q = Kinv - np.outer(alpha, alpha)
    g_ell = np.zeros(d)
    for j in range(d):
        sq = (X[:, j][:, None] - X[:, j][None, :]) ** 2
        dK = Kf * sq / np.exp(2 * log_ell[j])
        g_ell[j] = 0.5 * np.sum(Q * dK)
    g_sf = np.sum(Q * Kf)
    g_sn = np.exp(2 * log_sn) * np.trace(Q)
    return {"log_ell": g_ell, "log_sf": g_sf, "log_sn": g_sn}


def example():
    rng = np.random.default_rng(44)
    X = rng.uniform(-2, 2, (8, 3))
    return {
        "X": X,
        "y": np.sin(X[:, 0]) + 0.3 * X[:, 1],
        "log_ell": np.array([0.2, 0.5, 0.9]),
        "log_sf": 0.1,
        "log_sn": -1.0,
    }
""",
        [
            ("G205", "Q = Kinv - np.outer(alpha, alpha)", "Q = np.outer(alpha, alpha) - Kinv"),
            ("G401|G403", "sq / np.exp(2 * log_ell[j])", "sq / np.exp(3 * log_ell[j])"),
            ("G204", "g_sf = np.sum(Q * Kf)", "g_sf = 0.5 * np.sum(Q * Kf)"),
            ("G401|G206", "g_sn = np.exp(2 * log_sn) * np.trace(Q)", "g_sn = np.trace(Q)"),
            ("G801", "Q = Kinv - np.outer(alpha, alpha)", "Q = -np.outer(alpha, alpha)"),
        ],
        [
            [("0.5 * np.sum(Q * dK)", "0.5 * np.trace(Q @ dK)")],
        ],
    )
    yield from written(
        "heavy-tailed-regression",
        """
import numpy as np
from math import lgamma, log, pi


def loss(beta, log_scale, X, y, nu, ridge):
    s = np.exp(log_scale)
    r = (y - X @ beta) / s
    const = lgamma((nu + 1) / 2) - lgamma(nu / 2) - 0.5 * log(nu * pi)
    ll = const - log_scale - (nu + 1) / 2 * np.log1p(r**2 / nu)
    return -ll.mean() + ridge / 2 * beta @ beta


def gradient(beta, log_scale, X, y, nu, ridge):
    n = len(y)
    s = np.exp(log_scale)
    r = (y - X @ beta) / s
    w = (nu + 1) / (nu + r**2)          # weights of the EM view
    g_beta = -X.T @ (w * r) / (n * s) + ridge * beta
    g_scale = 1 - np.mean(w * r**2)
    return {"beta": g_beta, "log_scale": g_scale}


def example():
    rng = np.random.default_rng(123)
    X = np.column_stack([np.ones(11), rng.normal(size=(11, 3))])
    y = X @ [1.0, -2.0, 0.5, 0.0] + rng.standard_t(3, 11)
    return {"beta": rng.normal(size=4), "log_scale": 0.3, "X": X, "y": y, "nu": 4.0, "ridge": 0.2}
""",
        [
            ("G205|G303", "g_beta = -X.T", "g_beta = X.T"),
            ("G206|G401", "/ (n * s) + ridge * beta", "/ n + ridge * beta"),
            ("G403|G206", "w = (nu + 1) / (nu + r**2)", "w = (nu + 1) / (1 + r**2)"),
            ("G801|G000", "g_scale = 1 - np.mean(w * r**2)", "g_scale = -np.mean(w * r**2)"),
            ("G302", "+ ridge * beta\n", "+ 2 * ridge * beta\n"),
        ],
        [
            [("np.mean(w * r**2)", "(w * r) @ r / n")],
        ],
    )
    yield from written(
        "censored-weibull",
        """
import numpy as np


def loss(log_k, coef, X, time, died):
    k = np.exp(log_k)
    eta = X @ coef
    u = k * (np.log(time) - eta)
    loglik = died * (log_k - np.log(time) + u) - np.exp(u)
    return -loglik.sum() / len(time)


def gradient(log_k, coef, X, time, died):
    n = len(time)
    k = np.exp(log_k)
    eta = X @ coef
    u = k * (np.log(time) - eta)
    du = (np.exp(u) - died) / n
    dcoef = X.T @ (-k * du)
    dlog_k = -died.sum() / n + np.sum(du * u)
    return {"log_k": dlog_k, "coef": dcoef}


def example():
    gen = np.random.default_rng(64)
    return {
        "log_k": 0.4,
        "coef": np.array([0.9, -0.3, 0.2]),
        "X": np.c_[np.ones(10), gen.normal(size=(10, 2))],
        "time": gen.uniform(0.3, 4.0, 10),
        "died": np.array([1, 0, 1, 1, 0, 1, 0, 1, 1, 0]),
    }
""",
        [
            ("G000|G801", "du = (np.exp(u) - died) / n", "du = died * (np.exp(u) - 1) / n"),
            ("G206|G401", "X.T @ (-k * du)", "X.T @ (-du)"),
            ("G205", "X.T @ (-k * du)", "X.T @ (k * du)"),
            ("G401|G206", "np.sum(du * u)", "np.sum(du * u / k)"),
            (
                "G801|G000",
                "dlog_k = -died.sum() / n + np.sum(du * u)",
                "dlog_k = np.sum(du * u)",
            ),
        ],
        [
            [("np.sum(du * u)", "k * np.sum(du * (np.log(time) - eta))")],
        ],
    )
    yield from written(
        "ordered-categories",
        """
import numpy as np

sigmoid = lambda t: 1.0 / (1.0 + np.exp(-t))


def thresholds(first, gaps):
    return np.concatenate([[first], first + np.cumsum(np.exp(gaps))])


def loss(w, first, gaps, X, level):
    theta = np.concatenate([[-np.inf], thresholds(first, gaps), [np.inf]])
    score = X @ w
    p = sigmoid(theta[level + 1] - score) - sigmoid(theta[level] - score)
    return -np.mean(np.log(p))


def gradient(w, first, gaps, X, level):
    n = len(level)
    theta = np.concatenate([[-np.inf], thresholds(first, gaps), [np.inf]])
    score = X @ w
    hi = sigmoid(theta[level + 1] - score)
    lo = sigmoid(theta[level] - score)
    p = hi - lo
    dhi = -hi * (1 - hi) / p / n
    dlo = lo * (1 - lo) / p / n
    dscore = -(dhi + dlo)
    dtheta = np.zeros(len(theta))
    np.add.at(dtheta, level + 1, dhi)
    np.add.at(dtheta, level, dlo)
    inner = dtheta[1:-1]
    dfirst = inner.sum()
    # a gap moves all thresholds above it
    tail = np.cumsum(inner[::-1])[::-1]
    dgaps = tail[1:] * np.exp(gaps)
    return {"w": X.T @ dscore, "first": dfirst, "gaps": dgaps}


def example():
    rng = np.random.default_rng(5)
    return {
        "w": rng.normal(size=3),
        "first": -1.0,
        "gaps": np.array([0.1, -0.4, 0.3]),
        "X": rng.normal(size=(11, 3)),
        "level": np.array([0, 4, 2, 1, 3, 2, 2, 0, 4, 1, 3]),
    }
""",
        [
            ("G803", "np.add.at(dtheta, level + 1, dhi)", "dtheta[level + 1] += dhi"),
            ("G401", "dgaps = tail[1:] * np.exp(gaps)", "dgaps = tail[1:]"),
            ("G602|G801", "dfirst = inner.sum()", "dfirst = inner[0]"),
            ("G000|G801", "tail = np.cumsum(inner[::-1])[::-1]", "tail = inner"),
            ("G205", "dlo = lo * (1 - lo) / p / n", "dlo = -lo * (1 - lo) / p / n"),
            ("G603|G000|G705", "tail = np.cumsum(inner[::-1])[::-1]", "tail = np.cumsum(inner)"),
        ],
        [
            [("dscore = -(dhi + dlo)", "dscore = (hi * (1 - hi) - lo * (1 - lo)) / p / n")],
            [("inner[::-1])[::-1]", "np.flip(inner))[::-1]")],
        ],
    )
    yield from written(
        "zero-inflated-counts",
        """
import numpy as np


def loss(beta, gamma, X, Z, counts, logfact):
    lam = np.exp(X @ beta)
    pi = 1 / (1 + np.exp(-Z @ gamma))
    zero = counts == 0
    ll = np.where(
        zero,
        np.log(pi + (1 - pi) * np.exp(-lam)),
        np.log(1 - pi) - lam + counts * np.log(lam) - logfact,
    )
    return -np.sum(ll)


def gradient(beta, gamma, X, Z, counts, logfact):
    lam = np.exp(X @ beta)
    pi = 1 / (1 + np.exp(-Z @ gamma))
    zero = counts == 0
    p0 = np.exp(-lam)
    mix = pi + (1 - pi) * p0
    dlam = np.where(zero, -(1 - pi) * p0 / mix, counts / lam - 1)
    dpi = np.where(zero, (1 - p0) / mix, -1 / (1 - pi))
    dbeta = -X.T @ (dlam * lam)
    dgamma = -Z.T @ (dpi * pi * (1 - pi))
    return {"beta": dbeta, "gamma": dgamma}


def example():
    rng = np.random.default_rng(2718)
    counts = np.array([0, 3, 0, 1, 2, 0, 5, 0, 1])
    return {
        "beta": np.array([0.3, 0.5, -0.4]),
        "gamma": np.array([-0.2, 0.6]),
        "X": np.c_[np.ones(9), rng.normal(size=(9, 2))],
        "Z": np.c_[np.ones(9), rng.normal(size=9)],
        "counts": counts,
        "logfact": np.array([sum(np.log(np.arange(1, c + 1))) for c in counts]),
    }
""",
        [
            ("G401", "dbeta = -X.T @ (dlam * lam)", "dbeta = -X.T @ dlam"),
            ("G000|G403", "-(1 - pi) * p0 / mix, counts", "-(1 - pi) * p0, counts"),
            ("G403", "(1 - p0) / mix, -1 / (1 - pi))", "(1 - p0) / mix, -1 / pi)"),
            (
                "G000|G403|G901",
                "np.where(zero, -(1 - pi) * p0 / mix, counts / lam - 1)",
                "counts / lam - 1",
            ),
            ("G205", "dgamma = -Z.T @ (dpi", "dgamma = Z.T @ (dpi"),
        ],
        [
            [("dbeta = -X.T @ (dlam * lam)", "dbeta = -((dlam * lam)[:, None] * X).sum(axis=0)")],
        ],
    )
    yield from written(
        "proportions-by-beta",
        """
import numpy as np
from scipy.special import digamma, gammaln


def loss(b, log_phi, X, y):
    mu = 1 / (1 + np.exp(-X.dot(b)))
    phi = np.exp(log_phi)
    p, q = mu * phi, (1 - mu) * phi
    ll = gammaln(phi) - gammaln(p) - gammaln(q) + (p - 1) * np.log(y) + (q - 1) * np.log(1 - y)
    return -np.mean(ll)


def gradient(b, log_phi, X, y):
    n = y.size
    mu = 1 / (1 + np.exp(-X.dot(b)))
    phi = np.exp(log_phi)
    p, q = mu * phi, (1 - mu) * phi
    dp = -digamma(p) + np.log(y)
    dq = -digamma(q) + np.log(1 - y)
    dmu = phi * (dp - dq)
    deta = dmu * mu * (1 - mu)
    dphi = digamma(phi) + mu * dp + (1 - mu) * dq
    return {"b": -X.T.dot(deta) / n, "log_phi": -phi * np.mean(dphi)}


def example():
    rng = np.random.default_rng(11)
    X = np.c_[np.ones(9), rng.normal(size=(9, 2))]
    return {
        "b": np.array([0.1, 0.7, -0.5]),
        "log_phi": 1.2,
        "X": X,
        "y": rng.uniform(0.1, 0.9, 9),
    }
""",
        [
            ("G205", "dmu = phi * (dp - dq)", "dmu = phi * (dp + dq)"),
            ("G401", "deta = dmu * mu * (1 - mu)", "deta = dmu"),
            ("G801|G000", "dphi = digamma(phi) + mu * dp", "dphi = mu * dp"),
            ("G401|G206", '"log_phi": -phi * np.mean(dphi)', '"log_phi": -np.mean(dphi)'),
        ],
        [
            [("mu * dp + (1 - mu) * dq", "dq + mu * (dp - dq)")],
        ],
    )
    yield from written(
        "mixture-of-lines",
        """
import numpy as np


def joint(logits, B, log_sigma, X, y):
    logpi = logits - np.log(np.sum(np.exp(logits)))
    resid = y[:, None] - X @ B
    sigma = np.exp(log_sigma)
    return logpi - log_sigma - 0.5 * (resid / sigma) ** 2, resid, sigma


def loss(logits, B, log_sigma, X, y):
    lp, _, _ = joint(logits, B, log_sigma, X, y)
    top = lp.max(axis=1)
    return -np.sum(top + np.log(np.exp(lp - top[:, None]).sum(axis=1)))


def gradient(logits, B, log_sigma, X, y):
    lp, resid, sigma = joint(logits, B, log_sigma, X, y)
    lp = lp - lp.max(axis=1, keepdims=True)
    resp = np.exp(lp) / np.exp(lp).sum(axis=1, keepdims=True)
    pi = np.exp(logits) / np.exp(logits).sum()
    grad_logits = len(y) * pi - resp.sum(axis=0)
    grad_B = -X.T @ (resp * resid / sigma**2)
    grad_sigma = np.sum(resp * (1 - (resid / sigma) ** 2), axis=0)
    return {"logits": grad_logits, "B": grad_B, "log_sigma": grad_sigma}


def example():
    rng = np.random.default_rng(808)
    return {
        "logits": np.array([0.2, -0.3, 0.5]),
        "B": rng.normal(size=(2, 3)),
        "log_sigma": np.array([0.1, -0.2, 0.3]),
        "X": np.c_[np.ones(8), rng.normal(size=8)],
        "y": rng.normal(size=8),
    }
""",
        [
            ("G801|G000", "grad_logits = len(y) * pi - resp", "grad_logits = -resp"),
            (
                "G203|G202|G000",
                "grad_logits = len(y) * pi - resp.sum(axis=0)",
                "grad_logits = pi - resp.sum(axis=0)",
            ),
            (
                "G603",
                "resp = np.exp(lp) / np.exp(lp).sum(axis=1, keepdims=True)",
                "resp = np.exp(lp) / np.exp(lp).sum(axis=0, keepdims=True)",
            ),
            (
                "G000|G403|G901|G405",
                "-X.T @ (resp * resid / sigma**2)",
                "-X.T @ (resid / sigma**2)",
            ),
            ("G403|G000", "(resp * resid / sigma**2)", "(resp * resid / sigma)"),
            ("G403|G401", "(1 - (resid / sigma) ** 2)", "(1 / sigma - (resid / sigma) ** 2)"),
        ],
        [
            [
                (
                    "grad_logits = len(y) * pi - resp.sum(axis=0)",
                    "grad_logits = np.sum(pi - resp, axis=0)",
                )
            ],
        ],
    )
