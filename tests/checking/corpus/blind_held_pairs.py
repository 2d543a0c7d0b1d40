"""Held-back blind files about co-occurrence, contrast, distillation and kernels."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.blind_parts import made
from tests.checking.corpus.case import Case


def held_pairs() -> Iterator[Case]:
    yield from made(
        "glove",
        """
import numpy as np


def weight(N, x_max=10.0, alpha=0.75):
    return np.minimum((N / x_max) ** alpha, 1.0)


def loss(N, w, w_tilde, b, b_tilde):
    total = 0.0
    for i in range(N.shape[0]):
        for j in range(N.shape[1]):
            diff = w[i] @ w_tilde[j] + b[i] + b_tilde[j] - np.log(N[i, j])
            total = total + weight(N[i, j]) * diff ** 2
    return total


def gradient(N, w, w_tilde, b, b_tilde):
    D = w @ w_tilde.T + b[:, None] + b_tilde[None, :] - np.log(N)
    G = 2 * weight(N) * D
    dw = G @ w_tilde
    dw_tilde = G.T @ w
    db = G.sum(axis=1)
    db_tilde = G.sum(axis=0)
    return {"w": dw, "w_tilde": dw_tilde, "b": db, "b_tilde": db_tilde}


def example():
    rng = np.random.default_rng(70)
    return {
        "N": 1.0 + rng.integers(0, 20, size=(4, 4)), "w": rng.normal(size=(4, 3)),
        "w_tilde": rng.normal(size=(4, 3)), "b": rng.normal(size=4), "b_tilde": rng.normal(size=4),
    }
""",
        [
            ("G204", "G = 2 * weight(N) * D", "G = weight(N) * D"),
            ("G000|G206", "G = 2 * weight(N) * D", "G = 2 * D"),
            ("G603|G704", "db = G.sum(axis=1)", "db = G.sum(axis=0)"),
            ("G702|G701|G703|G000", "dw_tilde = G.T @ w", "dw_tilde = G @ w"),
            ("G703", "dw = G @ w_tilde", "dw = G @ w"),
            ("G704", '"b": db, "b_tilde": db_tilde', '"b": db_tilde, "b_tilde": db'),
            (
                "G604",
                "b[:, None] + b_tilde[None, :] - np.log(N)\n    G",
                "b[None, :] + b_tilde[None, :] - np.log(N)\n    G",
            ),
        ],
        [
            [("dw = G @ w_tilde", "dw = np.einsum('ij,jd->id', G, w_tilde)")],
            [("db_tilde = G.sum(axis=0)", "db_tilde = np.ones(len(b)) @ G")],
        ],
    )
    yield from made(
        "distillation",
        """
import numpy as np


def softmax(z, T=1.0):
    z = z / T
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def loss(X, y, teacher, W, b, T, alpha):
    z = X @ W + b
    hard = -np.log(softmax(z)[np.arange(len(y)), y])
    soft = -np.sum(softmax(teacher, T) * np.log(softmax(z, T)), axis=1)
    return np.mean((1 - alpha) * hard + alpha * T ** 2 * soft)


def gradient(X, y, teacher, W, b, T, alpha):
    n, K = len(y), len(b)
    z = X @ W + b
    hard = softmax(z) - np.eye(K)[y]
    soft = (softmax(z, T) - softmax(teacher, T)) / T
    dz = ((1 - alpha) * hard + alpha * T ** 2 * soft) / n
    return {"W": X.T @ dz, "b": dz.sum(axis=0)}


def example():
    rng = np.random.default_rng(71)
    return {
        "X": rng.normal(size=(6, 5)), "y": rng.integers(0, 4, size=6),
        "teacher": 3 * rng.normal(size=(6, 4)), "W": rng.normal(size=(5, 4)),
        "b": 0.3 * rng.normal(size=4), "T": 2.5, "alpha": 0.7,
    }
""",
        [
            ("G206|G000", "softmax(teacher, T)) / T", "softmax(teacher, T))"),
            ("G000|G206", "alpha * T ** 2 * soft) / n", "alpha * soft) / n"),
            (
                "G801|G000",
                "dz = ((1 - alpha) * hard + alpha * T ** 2 * soft) / n",
                "dz = alpha * T ** 2 * soft / n",
            ),
            ("G000", "(softmax(z, T) - softmax(teacher, T))", "(softmax(z) - softmax(teacher))"),
            ("G203", "alpha * T ** 2 * soft) / n", "alpha * T ** 2 * soft) / K"),
            ("G601", '"b": dz.sum(axis=0)', '"b": dz.mean(axis=0)'),
            ("G205", "hard = softmax(z) - np.eye(K)[y]", "hard = np.eye(K)[y] - softmax(z)"),
        ],
        [
            [
                (
                    "soft = (softmax(z, T) - softmax(teacher, T)) / T",
                    "soft = softmax(z, T) - softmax(teacher, T)",
                ),
                ("alpha * T ** 2 * soft) / n", "alpha * T * soft) / n"),
            ],
            [
                (
                    "hard = softmax(z) - np.eye(K)[y]",
                    "hard = softmax(z)\n    hard[np.arange(n), y] -= 1.0",
                )
            ],
        ],
    )
    yield from made(
        "contrastive",
        """
import numpy as np


def normalise(v):
    length = np.sqrt(np.sum(v ** 2, axis=1, keepdims=True))
    return v / length, length


def loss(images, texts, Wi, Wt, tau):
    \"\"\"Each image should find its own text among all texts of the batch.\"\"\"
    u, _ = normalise(images @ Wi)
    v, _ = normalise(texts @ Wt)
    s = u @ v.T / tau
    m = s.max(axis=1, keepdims=True)
    lse = np.log(np.sum(np.exp(s - m), axis=1)) + m[:, 0]
    return np.mean(lse - np.diag(s))


def gradient(images, texts, Wi, Wt, tau):
    n = len(images)
    u, lu = normalise(images @ Wi)
    v, lv = normalise(texts @ Wt)
    s = u @ v.T / tau
    p = np.exp(s - s.max(axis=1, keepdims=True))
    p = p / p.sum(axis=1, keepdims=True)
    ds = (p - np.eye(n)) / n
    du = ds @ v / tau
    dv = ds.T @ u / tau
    di = (du - u * np.sum(u * du, axis=1, keepdims=True)) / lu
    dt = (dv - v * np.sum(v * dv, axis=1, keepdims=True)) / lv
    return {"Wi": images.T @ di, "Wt": texts.T @ dt}


def example():
    rng = np.random.default_rng(72)
    return {
        "images": rng.normal(size=(5, 6)), "texts": rng.normal(size=(5, 4)),
        "Wi": rng.normal(size=(6, 3)), "Wt": rng.normal(size=(4, 3)), "tau": 0.5,
    }
""",
        [
            ("G801", "di = (du - u * np.sum(u * du, axis=1, keepdims=True)) / lu", "di = du / lu"),
            (
                "G401|G801|G000",
                "dt = (dv - v * np.sum(v * dv, axis=1, keepdims=True)) / lv",
                "dt = dv",
            ),
            ("G702|G701|G703|G000", "dv = ds.T @ u / tau", "dv = ds @ u / tau"),
            ("G206|G000", "du = ds @ v / tau", "du = ds @ v"),
            ("G201", "ds = (p - np.eye(n)) / n", "ds = p - np.eye(n)"),
            (
                "G603",
                "np.sum(u * du, axis=1, keepdims=True)",
                "np.sum(u * du, axis=0, keepdims=True)",
            ),
            ("G501", "ds = (p - np.eye(n)) / n", "ds = p * (1 - p) * (p - np.eye(n)) / n"),
        ],
        [
            [
                (
                    "di = (du - u * np.sum(u * du, axis=1, keepdims=True)) / lu",
                    "di = du / lu - u * (du * u).sum(axis=1)[:, None] / lu",
                )
            ],
            [("ds = (p - np.eye(n)) / n", "ds = p / n\n    ds[np.diag_indices(n)] -= 1 / n")],
        ],
    )
    yield from made(
        "rbf-centres",
        """
import numpy as np


def rbf(x, centres, log_width):
    sq = np.sum((x[:, None, :] - centres[None, :, :]) ** 2, axis=2)
    return np.exp(-0.5 * sq * np.exp(-2 * log_width)), sq


def loss(x, y, centres, log_width, a):
    phi, _ = rbf(x, centres, log_width)
    return np.sum((phi @ a - y) ** 2) / (2 * len(y))


def gradient(x, y, centres, log_width, a):
    phi, sq = rbf(x, centres, log_width)
    delta = (phi @ a - y) / len(y)
    grad_a = phi.T @ delta
    dphi = np.outer(delta, a)
    precision = np.exp(-2 * log_width)
    grad_log_width = np.sum(dphi * phi * sq * precision, axis=0)
    grad_centres = np.zeros_like(centres)
    for j in range(len(centres)):
        for i in range(len(x)):
            grad_centres[j] += dphi[i, j] * phi[i, j] * (x[i] - centres[j]) * precision[j]
    return {"centres": grad_centres, "log_width": grad_log_width, "a": grad_a}


def example():
    rng = np.random.default_rng(73)
    return {
        "x": rng.normal(size=(7, 2)), "y": rng.normal(size=7), "centres": rng.normal(size=(4, 2)),
        "log_width": 0.2 * rng.normal(size=4), "a": rng.normal(size=4),
    }
""",
        [
            ("G205", "(x[i] - centres[j]) * precision[j]", "(centres[j] - x[i]) * precision[j]"),
            (
                "G401",
                "grad_centres[j] += dphi[i, j] * phi[i, j] *",
                "grad_centres[j] += dphi[i, j] *",
            ),
            ("G802", "grad_centres[j] += dphi", "grad_centres[j] = dphi"),
            (
                "G204",
                "dphi * phi * sq * precision, axis=0)",
                "2 * dphi * phi * sq * precision, axis=0)",
            ),
            ("G405", "dphi[i, j] * phi[i, j] * (x[i]", "phi[i, j] * (x[i]"),
            ("G601|G202", "grad_log_width = np.sum(", "grad_log_width = np.mean("),
            ("G000", "(x[i] - centres[j]) * precision[j]", "(x[i] - centres[j])"),
        ],
        [
            [
                (
                    "    for j in range(len(centres)):\n        for i in range(len(x)):\n"
                    "            grad_centres[j] += "
                    "dphi[i, j] * phi[i, j] * (x[i] - centres[j]) * precision[j]\n",
                    "    q = dphi * phi * precision\n"
                    "    grad_centres += q.T @ x - q.sum(axis=0)[:, None] * centres\n",
                ),
            ],
            [
                (
                    "grad_log_width = np.sum(dphi * phi * sq * precision, axis=0)",
                    "grad_log_width = -2 * np.sum(dphi * phi * np.log(phi), axis=0)",
                )
            ],
        ],
    )
