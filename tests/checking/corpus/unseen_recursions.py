"""Unseen files: smoothing and filtering of time series."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.case import Case
from tests.checking.corpus.unseen_parts import written


def recursions() -> Iterator[Case]:
    yield from written(
        "holt-smoothing",
        """
import numpy as np


def loss(a, b, level0, trend0, series):
    # a, b: logits of the two smoothing constants
    alpha, beta = 1 / (1 + np.exp(-a)), 1 / (1 + np.exp(-b))
    level, trend = level0, trend0
    sse = 0.0
    for obs in series:
        err = obs - (level + trend)
        sse += err**2
        level = level + trend + alpha * err
        trend = trend + alpha * beta * err
    return sse / len(series)


def gradient(a, b, level0, trend0, series):
    alpha, beta = 1 / (1 + np.exp(-a)), 1 / (1 + np.exp(-b))
    level, trend = level0, trend0
    errors = []
    for obs in series:
        err = obs - (level + trend)
        errors.append(err)
        level = level + trend + alpha * err
        trend = trend + alpha * beta * err
    # adjoints of level and trend, from the end
    lam, mu = 0.0, 0.0
    d_alpha = d_beta = 0.0
    for err in reversed(errors):
        d_alpha += lam * err + mu * beta * err
        d_beta += mu * alpha * err
        d_err = 2 * err / len(errors) + alpha * lam + alpha * beta * mu
        lam, mu = lam - d_err, lam + mu - d_err
    return {
        "a": d_alpha * alpha * (1 - alpha),
        "b": d_beta * beta * (1 - beta),
        "level0": lam,
        "trend0": mu,
    }


def example():
    return {
        "a": -0.4,
        "b": 0.3,
        "level0": 1.0,
        "trend0": 0.5,
        "series": np.array([1.2, 2.4, 2.1, 3.7, 4.6, 4.2, 6.1]),
    }
""",
        [
            ("G801", "d_alpha += lam * err + mu * beta * err", "d_alpha += lam * err"),
            ("G401", '"b": d_beta * beta * (1 - beta)', '"b": d_beta'),
            ("G802|G801|G908", "d_beta += mu * alpha * err", "d_beta = mu * alpha * err"),
            (
                "G801|G908",
                "lam, mu = lam - d_err, lam + mu - d_err",
                "lam, mu = lam - d_err, mu - d_err",
            ),
            (
                "G205",
                "lam, mu = lam - d_err, lam + mu - d_err",
                "lam, mu = lam + d_err, lam + mu + d_err",
            ),
            ("G201", "d_err = 2 * err / len(errors)", "d_err = 2 * err"),
        ],
        [
            [("d_alpha += lam * err + mu * beta * err", "d_alpha += (lam + beta * mu) * err")],
        ],
        [
            (
                "G703|G000",
                "        lam, mu = lam - d_err, lam + mu - d_err\n",
                "        lam = lam - d_err\n        mu = lam + mu - d_err\n",
                "mu = lam + mu - d_err",
            ),
        ],
    )
    yield from written(
        "garch-volatility",
        """
import numpy as np


def loss(omega, alpha, beta, returns):
    T = len(returns)
    h = np.var(returns)
    nll = 0.0
    for t in range(T):
        if t > 0:
            h = omega + alpha * returns[t - 1] ** 2 + beta * h
        nll += 0.5 * (np.log(h) + returns[t] ** 2 / h)
    return nll / T


def gradient(omega, alpha, beta, returns):
    T = len(returns)
    h = np.var(returns)
    dh = np.zeros(3)  # derivative of h by omega, alpha, beta
    g = np.zeros(3)
    for t in range(1, T):
        dh = np.array([1.0, returns[t - 1] ** 2, h]) + beta * dh
        h = omega + alpha * returns[t - 1] ** 2 + beta * h
        g += 0.5 * (1 / h - returns[t] ** 2 / h**2) * dh
    g /= T
    return {"omega": g[0], "alpha": g[1], "beta": g[2]}


def example():
    r = np.array([0.9, -1.3, 0.4, 2.2, -1.8, 0.3, 0.7, -0.2, 1.1])
    return {"omega": 0.2, "alpha": 0.25, "beta": 0.6, "returns": r}
""",
        [
            ("G908|G801", "returns[t - 1] ** 2, h]) + beta * dh", "returns[t - 1] ** 2, h])"),
            ("G203", "    g /= T", "    g /= T - 1"),
            (
                "G205",
                "0.5 * (1 / h - returns[t] ** 2 / h**2)",
                "0.5 * (1 / h + returns[t] ** 2 / h**2)",
            ),
            ("G703|G000", "[1.0, returns[t - 1] ** 2, h]", "[1.0, returns[t] ** 2, h]"),
            ("G403", "returns[t] ** 2 / h**2)", "returns[t] ** 2 / h)"),
            ("G204", "g += 0.5 * (1 / h", "g += (1 / h"),
        ],
        [
            [
                (
                    "0.5 * (1 / h - returns[t] ** 2 / h**2) * dh",
                    "0.5 * (h - returns[t] ** 2) / h**2 * dh",
                )
            ],
        ],
        [
            (
                "G703|G000",
                "        dh = np.array([1.0, returns[t - 1] ** 2, h]) + beta * dh\n"
                "        h = omega + alpha * returns[t - 1] ** 2 + beta * h\n        g +=",
                "        h = omega + alpha * returns[t - 1] ** 2 + beta * h\n"
                "        dh = np.array([1.0, returns[t - 1] ** 2, h]) + beta * dh\n        g +=",
                "dh = np.array([1.0, returns",
            ),
        ],
    )
    yield from written(
        "local-level-filter",
        """
import numpy as np


def kalman(log_q, log_r, phi, y):
    q, r = np.exp(log_q), np.exp(log_r)
    m, P = 0.0, 1.0
    steps = []
    for obs in y:
        mp = phi * m
        Pp = phi**2 * P + q
        S = Pp + r
        v = obs - mp
        K = Pp / S
        steps.append((m, P, Pp, S, v, K))
        m = mp + K * v
        P = (1 - K) * Pp
    return steps


def loss(log_q, log_r, phi, y):
    return 0.5 * sum(np.log(S) + v**2 / S for _, _, _, S, v, _ in kalman(log_q, log_r, phi, y))


def gradient(log_q, log_r, phi, y):
    gq = gr = gphi = 0.0
    gm = gP = 0.0
    for m, P, Pp, S, v, K in reversed(kalman(log_q, log_r, phi, y)):
        # update step
        gmp = gm
        gv = gm * K + v / S
        gK = gm * v - gP * Pp
        gPp = gP * (1 - K)
        # gain and innovation
        gPp += gK / S
        gS = 0.5 * (1 / S - v**2 / S**2) - gK * Pp / S**2
        gmp -= gv
        gPp += gS
        gr += gS
        # prediction step
        gq += gPp
        gphi += gmp * m + gPp * 2 * phi * P
        gm = phi * gmp
        gP = phi**2 * gPp
    return {"log_q": gq * np.exp(log_q), "log_r": gr * np.exp(log_r), "phi": gphi}


def example():
    return {
        "log_q": -0.7,
        "log_r": 0.2,
        "phi": 0.8,
        "y": np.array([0.5, 1.7, -0.3, 0.9, 2.4, 1.1]),
    }
""",
        [
            ("G801", "gK = gm * v - gP * Pp", "gK = gm * v"),
            ("G205", "gmp -= gv", "gmp += gv"),
            ("G801", "        gPp += gS", "        gPp = gS"),
            ("G401", '"log_q": gq * np.exp(log_q)', '"log_q": gq'),
            ("G204", "gphi += gmp * m + gPp * 2 * phi * P", "gphi += gmp * m + gPp * phi * P"),
            ("G908", "gm = phi * gmp", "gm = 0.0"),
            ("G000|G206", "gP = phi**2 * gPp", "gP = phi * gPp"),
            ("G403|G204", "gS = 0.5 * (1 / S - v**2 / S**2)", "gS = 0.5 / S - v**2 / S**2"),
        ],
        [
            [
                (
                    "gS = 0.5 * (1 / S - v**2 / S**2) - gK * Pp / S**2",
                    "gS = 0.5 * (S - v**2) / S**2 - gK * K / S",
                )
            ],
        ],
    )
