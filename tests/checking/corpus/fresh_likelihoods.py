"""Fresh files about classification and likelihood losses."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.case import Case
from tests.checking.corpus.fresh_parts import written


def likelihoods() -> Iterator[Case]:
    yield from written(
        "distillation",
        """
import numpy as np


def log_softmax(z):
    z = z - z.max(1, keepdims=True)
    return z - np.log(np.exp(z).sum(1, keepdims=True))


def loss(W, X, teacher_logits, labels, T, alpha):
    student = X @ W
    log_q = log_softmax(student / T)
    log_p = log_softmax(teacher_logits / T)
    kl = (np.exp(log_p) * (log_p - log_q)).sum(1).mean()
    nll = -log_softmax(student)[np.arange(len(labels)), labels].mean()
    return alpha * T**2 * kl + (1 - alpha) * nll


def gradient(W, X, teacher_logits, labels, T, alpha):
    n = len(X)
    student = X @ W
    q = np.exp(log_softmax(student / T))
    p = np.exp(log_softmax(teacher_logits / T))
    soft = alpha * T**2 * (q - p) / T
    hard = np.exp(log_softmax(student))
    hard[np.arange(n), labels] -= 1
    d_student = (soft + (1 - alpha) * hard) / n
    return {"W": X.T @ d_student}


def example():
    rng = np.random.default_rng(15)
    n, d, k = 8, 5, 3
    return {
        "W": rng.normal(size=(d, k)),
        "X": rng.normal(size=(n, d)),
        "teacher_logits": 3 * rng.normal(size=(n, k)),
        "labels": rng.integers(k, size=n),
        "T": 4.0,
        "alpha": 0.6,
    }
""",
        [
            ("G206", "(q - p) / T", "(q - p)"),
            ("G205", "(q - p) / T", "(p - q) / T"),
            ("G204", "T**2 * (q - p)", "2 * T**2 * (q - p)"),
            ("G201", "(1 - alpha) * hard) / n", "(1 - alpha) * hard)"),
            ("G206|G000", "(soft + (1 - alpha) * hard)", "(soft + alpha * hard)"),
        ],
        [
            [("soft = alpha * T**2 * (q - p) / T", "soft = alpha * T * (q - p)")],
        ],
    )
    yield from written(
        "focal-binary",
        """
import numpy as np


def loss(w, b, X, y, gamma):
    # y in {0, 1}; focal loss of Lin et al. without alpha balancing
    p = 1 / (1 + np.exp(-(X @ w + b)))
    pt = np.where(y == 1, p, 1 - p)
    return np.mean(-((1 - pt) ** gamma) * np.log(pt))


def gradient(w, b, X, y, gamma):
    p = 1 / (1 + np.exp(-(X @ w + b)))
    pt = np.where(y == 1, p, 1 - p)
    sign = np.where(y == 1, 1.0, -1.0)
    dpt = gamma * (1 - pt) ** (gamma - 1) * np.log(pt) - (1 - pt) ** gamma / pt
    dp = sign * dpt / len(y)
    dz = dp * p * (1 - p)
    return {"w": X.T @ dz, "b": dz.sum()}


def example():
    rng = np.random.default_rng(3)
    return {
        "w": rng.normal(size=4),
        "b": 0.3,
        "X": rng.normal(size=(10, 4)),
        "y": rng.integers(0, 2, size=10),
        "gamma": 2.0,
    }
""",
        [
            ("G502|G401", "dz = dp * p * (1 - p)", "dz = dp"),
            ("G205|G000", "dp = sign * dpt / len(y)", "dp = dpt / len(y)"),
            ("G801", "np.log(pt) - (1 - pt) ** gamma / pt", "np.log(pt)"),
            ("G206|G403|G000", "dpt = gamma * (1 - pt)", "dpt = (1 - pt)"),
            ("G601|G202", '"b": dz.sum()', '"b": dz.mean()'),
        ],
        [
            [("dz = dp * p * (1 - p)", "dz = dp * pt * (1 - pt)")],
        ],
    )
    yield from written(
        "weighted-cross-entropy",
        """
import numpy as np


def softmax(z):
    z = np.exp(z - z.max(axis=0))
    return z / z.sum(axis=0)


def loss(params, x, y, class_weight):
    # weighted mean as in torch.nn.CrossEntropyLoss(weight=...)
    W, b = params
    num = den = 0.0
    for xi, yi in zip(x, y):
        p = softmax(W @ xi + b)
        num += -class_weight[yi] * np.log(p[yi])
        den += class_weight[yi]
    return num / den


def gradient(params, x, y, class_weight):
    W, b = params
    gW, gb = np.zeros_like(W), np.zeros_like(b)
    total_weight = class_weight[y].sum()
    for xi, yi in zip(x, y):
        delta = softmax(W @ xi + b)
        delta[yi] -= 1.0
        delta *= class_weight[yi] / total_weight
        gW += np.outer(delta, xi)
        gb += delta
    return {"params": (gW, gb)}


def example():
    rng = np.random.default_rng(88)
    return {
        "params": (rng.normal(size=(4, 6)), rng.normal(size=4)),
        "x": rng.normal(size=(9, 6)),
        "y": np.array([0, 1, 1, 2, 3, 3, 3, 0, 2]),
        "class_weight": np.array([0.5, 2.0, 1.0, 3.5]),
    }
""",
        [
            ("G203", "class_weight[yi] / total_weight", "class_weight[yi] / len(y)"),
            ("G203", "total_weight = class_weight[y].sum()", "total_weight = class_weight.sum()"),
            ("G802", "gW += np.outer(delta, xi)", "gW = np.outer(delta, xi)"),
            ("G602|G802", "gb += delta", "gb = delta"),
        ],
        [
            [("gW += np.outer(delta, xi)", "gW += delta[:, None] * xi")],
        ],
    )
    yield from written(
        "vae-fixed-noise",
        """
import numpy as np


def loss(x, eps, We_mu, We_lv, Wd, beta):
    mu = x @ We_mu
    logvar = x @ We_lv
    z = mu + np.exp(0.5 * logvar) * eps
    x_hat = z @ Wd
    rec = 0.5 * np.sum((x_hat - x) ** 2)
    kl = -0.5 * np.sum(1 + logvar - mu ** 2 - np.exp(logvar))
    return (rec + beta * kl) / x.shape[0]


def gradient(x, eps, We_mu, We_lv, Wd, beta):
    B = x.shape[0]
    mu = x @ We_mu
    logvar = x @ We_lv
    std = np.exp(0.5 * logvar)
    z = mu + std * eps
    dxhat = (z @ Wd - x) / B
    dWd = z.T @ dxhat
    dz = dxhat @ Wd.T
    dmu = dz + beta * mu / B
    dlogvar = dz * eps * 0.5 * std
    dlogvar += 0.5 * beta * (np.exp(logvar) - 1) / B
    return {"We_mu": x.T @ dmu, "We_lv": x.T @ dlogvar, "Wd": dWd}


def example():
    rng = np.random.default_rng(1312)
    B, D, Z = 7, 5, 2
    return {
        "x": rng.normal(size=(B, D)),
        "eps": rng.normal(size=(B, Z)),
        "We_mu": 0.4 * rng.normal(size=(D, Z)),
        "We_lv": 0.3 * rng.normal(size=(D, Z)),
        "Wd": rng.normal(size=(Z, D)),
        "beta": 0.8,
    }
""",
        [
            ("G204", "dlogvar = dz * eps * 0.5 * std", "dlogvar = dz * eps * std"),
            ("G205", "(np.exp(logvar) - 1) / B", "(1 - np.exp(logvar)) / B"),
            ("G801", "dmu = dz + beta * mu / B", "dmu = beta * mu / B"),
            ("G401", "dlogvar = dz * eps * 0.5 * std", "dlogvar = dz * eps * 0.5"),
            ("G703", "dWd = z.T @ dxhat", "dWd = mu.T @ dxhat"),
        ],
        [
            [("dlogvar = dz * eps * 0.5 * std", "dlogvar = 0.5 * dz * (z - mu)")],
        ],
        [
            (
                "G801",
                "    dlogvar += 0.5 * beta * (np.exp(logvar) - 1) / B\n",
                "",
                "dlogvar = dz * eps",
            ),
        ],
    )
