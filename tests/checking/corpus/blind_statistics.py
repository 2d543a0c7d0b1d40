"""Blind files of a statistician: likelihoods, time series, rankings, smoothing."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.blind_parts import made
from tests.checking.corpus.case import Case


def statistics() -> Iterator[Case]:
    yield from made(
        "gaussian-mixture",
        """
import numpy as np


def log_joint(x, means, log_weights):
    # (n, K): log of weight times density, standard deviation one
    lw = log_weights - np.log(np.sum(np.exp(log_weights)))
    return lw - 0.5 * (x[:, None] - means) ** 2 - 0.5 * np.log(2 * np.pi)


def loss(x, means, log_weights):
    lj = log_joint(x, means, log_weights)
    return -np.mean(np.log(np.sum(np.exp(lj), axis=1)))


def gradient(x, means, log_weights):
    lj = log_joint(x, means, log_weights)
    resp = np.exp(lj)
    resp = resp / resp.sum(axis=1, keepdims=True)
    g_means = -np.mean(resp * (x[:, None] - means), axis=0)
    pi = np.exp(log_weights) / np.sum(np.exp(log_weights))
    g_weights = pi - resp.mean(axis=0)
    return {"means": g_means, "log_weights": g_weights}


def example():
    rng = np.random.default_rng(80)
    return {
        "x": 2 * rng.normal(size=9), "means": np.array([-1.0, 0.5, 2.0]),
        "log_weights": np.array([0.2, -0.3, 0.1]),
    }
""",
        [
            ("G205", "g_means = -np.mean(", "g_means = np.mean("),
            ("G801|G000", "g_weights = pi - resp.mean(axis=0)", "g_weights = -resp.mean(axis=0)"),
            ("G201", "g_means = -np.mean(", "g_means = -np.sum("),
            (
                "G405",
                "-np.mean(resp * (x[:, None] - means), axis=0)",
                "-np.mean(x[:, None] - means, axis=0)",
            ),
        ],
        [
            [
                (
                    "-np.mean(resp * (x[:, None] - means), axis=0)",
                    "(resp.sum(axis=0) * means - x @ resp) / len(x)",
                )
            ],
            [("g_weights = pi - resp.mean(axis=0)", "g_weights = np.mean(pi - resp, axis=0)")],
        ],
    )
    yield from made(
        "autoregression",
        """
import numpy as np


def loss(series, phi, c):
    \"\"\"One-step errors of an AR(2) process.\"\"\"
    pred = c + phi[0] * series[1:-1] + phi[1] * series[:-2]
    return np.mean((series[2:] - pred) ** 2)


def gradient(series, phi, c):
    y, lag1, lag2 = series[2:], series[1:-1], series[:-2]
    e = y - c - phi[0] * lag1 - phi[1] * lag2
    T = len(e)
    g_phi = -2 / T * np.array([e @ lag1, e @ lag2])
    g_c = -2 * e.mean()
    return {"phi": g_phi, "c": g_c}


def example():
    rng = np.random.default_rng(81)
    return {"series": rng.normal(size=10), "phi": np.array([0.5, -0.3]), "c": 0.1}
""",
        [
            ("G705|G704|G000", "np.array([e @ lag1, e @ lag2])", "np.array([e @ lag2, e @ lag1])"),
            ("G203", "T = len(e)", "T = len(series)"),
            ("G205", "g_c = -2 * e.mean()", "g_c = 2 * e.mean()"),
            ("G703|G000", "np.array([e @ lag1, e @ lag2])", "np.array([e @ y, e @ lag2])"),
        ],
        [
            [("np.array([e @ lag1, e @ lag2])", "np.stack([lag1, lag2]) @ e")],
            [("g_c = -2 * e.mean()", "g_c = np.sum(-2 * e) / T")],
        ],
    )
    yield from made(
        "smoothing-forward",
        """
import numpy as np


def loss(y, a):
    # exponential smoothing with a = logit of the smoothing constant
    alpha = 1 / (1 + np.exp(-a))
    level = y[0]
    total = 0.0
    for t in range(1, len(y)):
        total = total + (y[t] - level) ** 2
        level = alpha * y[t] + (1 - alpha) * level
    return 0.5 * total


def gradient(y, a):
    \"\"\"The derivative of the level is carried forward, beside the level.\"\"\"
    alpha = 1 / (1 + np.exp(-a))
    level, dlevel = y[0], 0.0
    g = 0.0
    for t in range(1, len(y)):
        g -= (y[t] - level) * dlevel
        dlevel = y[t] - level + (1 - alpha) * dlevel
        level = alpha * y[t] + (1 - alpha) * level
    return {"a": g * alpha * (1 - alpha)}


def example():
    return {"y": np.array([0.3, 1.2, -0.4, 0.8, 2.0, 1.1]), "a": -0.4}
""",
        [
            ("G401", "g * alpha * (1 - alpha)", "g"),
            ("G908|G801", "dlevel = y[t] - level + (1 - alpha) * dlevel", "dlevel = y[t] - level"),
            ("G205", "g -= (y[t] - level) * dlevel", "g += (y[t] - level) * dlevel"),
            ("G802|G801", "g -= (y[t] - level) * dlevel", "g = -(y[t] - level) * dlevel"),
        ],
        [
            [
                (
                    "dlevel = y[t] - level + (1 - alpha) * dlevel",
                    "dlevel = dlevel + (y[t] - level) - alpha * dlevel",
                )
            ],
            [("g * alpha * (1 - alpha)", "g * (alpha - alpha ** 2)")],
        ],
    )
    yield from made(
        "bradley-terry",
        """
import numpy as np


def loss(strength, winner, loser, lam):
    d = strength[winner] - strength[loser]
    return np.sum(np.log(1 + np.exp(-d))) + 0.5 * lam * np.sum(strength ** 2)


def gradient(strength, winner, loser, lam):
    g = np.zeros(len(strength))
    for w, l in zip(winner, loser):
        p = 1 / (1 + np.exp(strength[w] - strength[l]))   # upset
        g[w] -= p
        g[l] += p
    g += lam * strength
    return {"strength": g}


def example():
    return {
        "strength": np.array([0.4, -0.2, 1.1, -0.9, 0.1]),
        "winner": np.array([0, 2, 2, 1, 0, 3, 2]), "loser": np.array([1, 0, 3, 3, 4, 4, 1]),
        "lam": 0.2,
    }
""",
        [
            ("G803|G801|G802", "g[w] -= p", "g[w] = -p"),
            ("G801|G000", "g[l] += p", "g[l] += 0"),
            ("G205|G000", "g[w] -= p", "g[w] += p"),
            ("G302", "g += lam * strength", "g += 0.5 * lam * strength"),
            ("G303", "g += lam * strength", "g -= lam * strength"),
        ],
        [
            [
                (
                    "    for w, l in zip(winner, loser):\n"
                    "        p = 1 / (1 + np.exp(strength[w] - strength[l]))   # upset\n"
                    "        g[w] -= p\n        g[l] += p\n",
                    "    p = 1 / (1 + np.exp(strength[winner] - strength[loser]))\n"
                    "    np.subtract.at(g, winner, p)\n    np.add.at(g, loser, p)\n",
                ),
            ],
            [
                ("g = np.zeros(len(strength))", "g = lam * strength"),
                ("    g += lam * strength\n", ""),
            ],
        ],
    )
    yield from made(
        "denoising",
        """
import numpy as np

EPS = 0.01


def loss(x, noisy, lam):
    # smoothed total variation of a signal
    d = np.diff(x)
    return 0.5 * np.sum((x - noisy) ** 2) + lam * np.sum(np.sqrt(d ** 2 + EPS))


def gradient(x, noisy, lam):
    d = x[1:] - x[:-1]
    s = d / np.sqrt(d ** 2 + EPS)
    g = x - noisy
    g[1:] += lam * s
    g[:-1] -= lam * s
    return {"x": g}


def example():
    rng = np.random.default_rng(84)
    return {"x": rng.normal(size=8), "noisy": rng.normal(size=8), "lam": 0.3}
""",
        [
            ("G801|G000", "g[:-1] -= lam * s", "g[:-1] -= 0"),
            ("G205|G303|G000", "g[:-1] -= lam * s", "g[:-1] += lam * s"),
            ("G403|G402|G000", "s = d / np.sqrt(d ** 2 + EPS)", "s = d"),
            (
                "G204|G302|G000",
                "s = d / np.sqrt(d ** 2 + EPS)",
                "s = 2 * d / np.sqrt(d ** 2 + EPS)",
            ),
            ("G104", "g = x - noisy", "g = x; g -= noisy"),
        ],
        [
            [
                (
                    "    g[1:] += lam * s\n    g[:-1] -= lam * s\n",
                    "    g += lam * (np.append(0, s) - np.append(s, 0))\n",
                )
            ],
            [
                (
                    "    g[1:] += lam * s\n    g[:-1] -= lam * s\n",
                    "    g = g - lam * np.diff(s, prepend=0, append=0)\n",
                )
            ],
        ],
    )
    yield from made(
        "covariance-likelihood",
        """
import numpy as np


def loss(S, A):
    \"\"\"Gaussian likelihood of a covariance A A' + I given the sample covariance S.\"\"\"
    sigma = A @ A.T + np.eye(len(A))
    return 0.5 * np.linalg.slogdet(sigma)[1] + 0.5 * np.trace(np.linalg.solve(sigma, S))


def gradient(S, A):
    sigma = A @ A.T + np.eye(len(A))
    inv = np.linalg.inv(sigma)
    G = 0.5 * (inv - inv @ S @ inv)
    return {"A": (G + G.T) @ A}


def example():
    rng = np.random.default_rng(85)
    data = rng.normal(size=(9, 4))
    return {"S": data.T @ data / 9, "A": rng.normal(size=(4, 2))}
""",
        [
            ("G801|G204", "(G + G.T) @ A", "G @ A"),
            ("G205|G000", "(inv - inv @ S @ inv)", "(inv + inv @ S @ inv)"),
            ("G000", "(inv - inv @ S @ inv)", "(inv - inv @ S)"),
            ("G204", "G = 0.5 * (inv", "G = (inv"),
        ],
        [
            [("(G + G.T) @ A", "G @ A + G.T @ A")],
            [("G = 0.5 * (inv - inv @ S @ inv)", "G = 0.5 * inv @ (sigma - S) @ inv")],
        ],
    )
    yield from made(
        "gamma-regression",
        """
import numpy as np
from scipy.special import expit


def loss(X, y, is_large, w, v):
    # positive outcomes: gamma deviance; and whether they are large: logistic
    mu = np.exp(X @ w)
    deviance = np.log(mu) + y / mu
    z = X @ v
    return np.mean(deviance) + np.mean(np.logaddexp(0, z) - is_large * z)


def gradient(X, y, is_large, w, v):
    n = X.shape[0]
    mu = np.exp(X @ w)
    z = X @ v
    dw = X.T @ (1 - y / mu) / n
    dv = X.T @ (expit(z) - is_large) / n
    return {"w": dw, "v": dv}


def example():
    rng = np.random.default_rng(86)
    y = rng.gamma(2.0, size=7)
    return {
        "X": rng.integers(0, 4, size=(7, 3)), "y": y, "is_large": y > 2,
        "w": 0.3 * rng.normal(size=3), "v": 0.3 * rng.normal(size=3),
    }
""",
        [
            ("G205", "(1 - y / mu)", "(y / mu - 1)"),
            ("G501|G403|G000", "(1 - y / mu)", "(mu - y)"),
            ("G704", '{"w": dw, "v": dv}', '{"w": dv, "v": dw}'),
            ("G201", "dv = X.T @ (expit(z) - is_large) / n", "dv = X.T @ (expit(z) - is_large)"),
        ],
        [
            [("(1 - y / mu)", "((mu - y) / mu)")],
            [("expit(z)", "(1 / (1 + np.exp(-z)))"), ("from scipy.special import expit\n", "")],
        ],
    )
    yield from made(
        "ordinal-thresholds",
        """
import numpy as np


def cdf(z):
    return 1 / (1 + np.exp(-z))


def loss(x, grade, w, cuts):
    \"\"\"Proportional odds; grade 0..K, cuts increasing (K,).\"\"\"
    s = x @ w
    upper = np.append(cuts, 50.0)[grade]
    lower = np.append(-50.0, cuts)[grade]
    return -np.mean(np.log(cdf(upper - s) - cdf(lower - s)))


def gradient(x, grade, w, cuts):
    n = len(grade)
    s = x @ w
    cu = cdf(np.append(cuts, 50.0)[grade] - s)
    cl = cdf(np.append(-50.0, cuts)[grade] - s)
    prob = cu - cl
    du = -cu * (1 - cu) / prob / n
    dl = cl * (1 - cl) / prob / n
    g_cuts = np.zeros(len(cuts) + 2)
    np.add.at(g_cuts, grade + 1, du)
    np.add.at(g_cuts, grade, dl)
    ds = -(du + dl)
    return {"w": x.T @ ds, "cuts": g_cuts[1:-1]}


def example():
    rng = np.random.default_rng(87)
    return {
        "x": rng.normal(size=(8, 3)), "grade": np.array([0, 2, 1, 3, 1, 2, 0, 2]),
        "w": rng.normal(size=3), "cuts": np.array([-1.0, 0.3, 1.4]),
    }
""",
        [
            ("G803", "np.add.at(g_cuts, grade + 1, du)", "g_cuts[grade + 1] += du"),
            ("G801", "np.add.at(g_cuts, grade, dl)", "np.add.at(g_cuts, grade, 0 * dl)"),
            ("G401", "du = -cu * (1 - cu) / prob / n", "du = -1 / prob / n"),
            ("G205", "ds = -(du + dl)", "ds = du + dl"),
            ("G705|G000", "g_cuts[1:-1]", "g_cuts[:-2]"),
        ],
        [
            [
                (
                    "np.add.at(g_cuts, grade + 1, du)",
                    "g_cuts += np.bincount(grade + 1, du, minlength=len(g_cuts))",
                )
            ],
            [("ds = -(du + dl)", "ds = (1 - cu - cl) / n")],
        ],
    )
