"""Fresh files about regressions: counts, survival, weights, comparisons."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.case import Case
from tests.checking.corpus.fresh_parts import written


def regressions() -> Iterator[Case]:
    yield from written(
        "poisson-exposure",
        """
import numpy as np


def loss(beta, intercept, X, counts, exposure, alpha):
    eta = X @ beta + intercept + np.log(exposure)
    deviance = np.exp(eta) - counts * eta
    return deviance.mean() + 0.5 * alpha * beta @ beta


def gradient(beta, intercept, X, counts, exposure, alpha):
    n_samples = X.shape[0]
    mu = exposure * np.exp(X @ beta + intercept)
    residual = (mu - counts) / n_samples
    grad_beta = X.T @ residual + alpha * beta
    grad_intercept = residual.sum()
    return {"beta": grad_beta, "intercept": grad_intercept}


def example():
    rng = np.random.default_rng(1850)
    return {
        "beta": 0.4 * rng.normal(size=3),
        "intercept": -0.2,
        "X": rng.normal(size=(9, 3)),
        "counts": rng.poisson(2.0, size=9),
        "exposure": rng.uniform(0.5, 3.0, size=9),
        "alpha": 0.05,
    }
""",
        [
            ("G205", "residual = (mu - counts)", "residual = (counts - mu)"),
            ("G303", "+ alpha * beta\n    grad_i", "- alpha * beta\n    grad_i"),
            ("G501", "residual = (mu - counts)", "residual = mu * (mu - counts)"),
            (
                "G304",
                "grad_intercept = residual.sum()",
                "grad_intercept = residual.sum() + alpha * intercept",
            ),
            ("G301", "X.T @ residual + alpha * beta", "X.T @ residual"),
        ],
        [
            [
                (
                    "X.T @ residual + alpha * beta",
                    "(X * residual[:, None]).sum(axis=0) + alpha * beta",
                )
            ],
        ],
    )
    yield from written(
        "cox-partial",
        """
import numpy as np


def loss(beta, X, time, event):
    # Cox partial likelihood without ties
    order = np.argsort(-time)
    eta = X[order] @ beta
    log_risk = np.log(np.cumsum(np.exp(eta)))
    return -np.sum(event[order] * (eta - log_risk)) / event.sum()


def gradient(beta, X, time, event):
    order = np.argsort(-time)
    Xs, es = X[order], event[order]
    w = np.exp(Xs @ beta)
    S0 = np.cumsum(w)
    S1 = np.cumsum(w[:, None] * Xs, axis=0)
    score = np.sum(es[:, None] * (Xs - S1 / S0[:, None]), axis=0)
    return {"beta": -score / event.sum()}


def example():
    rng = np.random.default_rng(1972)
    n = 10
    return {
        "beta": rng.normal(size=4),
        "X": rng.normal(size=(n, 4)),
        "time": rng.exponential(size=n),
        "event": np.array([1, 0, 1, 1, 0, 1, 1, 0, 1, 1]),
    }
""",
        [
            ("G205", '"beta": -score / event.sum()', '"beta": score / event.sum()'),
            ("G203", "-score / event.sum()", "-score / len(event)"),
            ("G603", "np.cumsum(w[:, None] * Xs, axis=0)", "np.cumsum(w[:, None] * Xs, axis=1)"),
            ("G000|G401|G405", "np.cumsum(w[:, None] * Xs, axis=0)", "np.cumsum(Xs, axis=0)"),
        ],
        [
            [("np.cumsum(w[:, None] * Xs, axis=0)", "np.cumsum(Xs * w.reshape(-1, 1), axis=0)")],
        ],
        [
            (
                "G705",
                "    Xs, es = X[order], event[order]\n",
                "    Xs, es = X[order], event\n",
                "Xs, es =",
            ),
        ],
    )
    yield from written(
        "negative-binomial",
        """
import numpy as np
from scipy.special import digamma, gammaln


def loss(coef, log_r, X, k):
    r = np.exp(log_r)
    mu = np.exp(X @ coef)
    ll = gammaln(k + r) - gammaln(r) - gammaln(k + 1)
    ll = ll + r * np.log(r / (r + mu)) + k * np.log(mu / (r + mu))
    return -np.sum(ll)


def gradient(coef, log_r, X, k):
    r = np.exp(log_r)
    mu = np.exp(X @ coef)
    d_mu = (k + r) / (r + mu) - k / mu
    d_eta = d_mu * mu
    d_coef = X.T @ d_eta
    d_r = -np.sum(digamma(k + r) - digamma(r) + np.log(r / (r + mu)) + (mu - k) / (r + mu))
    d_log_r = d_r * r
    return {"coef": d_coef, "log_r": d_log_r}


def example():
    rng = np.random.default_rng(12)
    return {
        "coef": 0.5 * rng.normal(size=3),
        "log_r": 0.6,
        "X": rng.normal(size=(8, 3)),
        "k": rng.negative_binomial(2, 0.4, size=8).astype(float),
    }
""",
        [
            ("G401|G206", "d_log_r = d_r * r", "d_log_r = d_r"),
            ("G401", "d_eta = d_mu * mu", "d_eta = d_mu"),
            ("G205", "d_mu = (k + r) / (r + mu) - k / mu", "d_mu = k / mu - (k + r) / (r + mu)"),
            ("G403|G000", "+ (mu - k) / (r + mu))", "+ mu / (r + mu))"),
        ],
        [
            [("    d_eta = d_mu * mu\n", "    d_eta = r * (mu - k) / (r + mu)\n")],
        ],
    )
    yield from written(
        "sample-weights",
        """
import numpy as np


def loss(X, y, sample_weight, coef, bias, l1):
    resid = y - X.dot(coef) - bias
    return np.average(resid ** 2, weights=sample_weight) + l1 * np.abs(coef).sum()


def gradient(X, y, sample_weight, coef, bias, l1):
    resid = y - X.dot(coef) - bias
    wr = sample_weight * resid / sample_weight.sum()
    g_coef = -2 * X.T.dot(wr) + l1 * np.sign(coef)
    g_bias = -2 * wr.sum()
    return {"coef": g_coef, "bias": g_bias}


def example():
    rng = np.random.default_rng(30)
    return {
        "X": rng.normal(size=(8, 3)),
        "y": rng.normal(size=8),
        "sample_weight": rng.uniform(0.2, 3.0, size=8),
        "coef": np.array([0.8, -1.1, 0.4]),
        "bias": 0.25,
        "l1": 0.3,
    }
""",
        [
            ("G203", "/ sample_weight.sum()", "/ len(y)"),
            ("G403|G302|G000", "l1 * np.sign(coef)", "l1 * coef"),
            ("G204", "g_bias = -2 * wr.sum()", "g_bias = -wr.sum()"),
            ("G205", "g_coef = -2 * X.T", "g_coef = 2 * X.T"),
        ],
        [
            [
                (
                    "wr = sample_weight * resid / sample_weight.sum()",
                    "wr = (sample_weight / np.sum(sample_weight)) * resid",
                )
            ],
        ],
    )
    yield from written(
        "bradley-terry",
        """
import numpy as np


def loss(skill, home, winner, loser, at_home, prior):
    d = skill[winner] - skill[loser] + home * at_home
    return np.sum(np.logaddexp(0, -d)) + 0.5 * prior * np.sum(skill**2)


def gradient(skill, home, winner, loser, at_home, prior):
    d = skill[winner] - skill[loser] + home * at_home
    surprise = 1 / (1 + np.exp(d))
    g = prior * skill
    np.add.at(g, winner, -surprise)
    np.add.at(g, loser, surprise)
    return {"skill": g, "home": -np.sum(surprise * at_home)}


def example():
    rng = np.random.default_rng(64)
    return {
        "skill": rng.normal(size=5),
        "home": 0.4,
        "winner": np.array([0, 0, 1, 2, 4, 0, 3]),
        "loser": np.array([1, 2, 2, 3, 0, 2, 1]),
        "at_home": np.array([1, -1, -1, 1, 1, 1, -1]),
        "prior": 0.3,
    }
""",
        [
            ("G803", "np.add.at(g, loser, surprise)", "g[loser] += surprise"),
            (
                "G501",
                "surprise = 1 / (1 + np.exp(d))",
                "surprise = np.exp(d) / (1 + np.exp(d)) ** 2",
            ),
            ("G205|G000", "np.add.at(g, loser, surprise)", "np.add.at(g, loser, -surprise)"),
            ("G000|G206|G401", "-np.sum(surprise * at_home)", "-np.sum(surprise)"),
            ("G301", "g = prior * skill", "g = np.zeros(len(skill))"),
        ],
        [
            [("np.add.at(g, winner, -surprise)", "np.subtract.at(g, winner, surprise)")],
        ],
    )
