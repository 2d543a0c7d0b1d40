"""Unseen files: losses of pairs."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.case import Case
from tests.checking.corpus.unseen_parts import written


def pairs() -> Iterator[Case]:
    yield from written(
        "two-views-contrast",
        """
import numpy as np


def loss(z1, z2, temperature):
    z = np.concatenate([z1, z2])
    z = z / np.sqrt(np.sum(z * z, axis=1, keepdims=True))
    sim = z @ z.T / temperature
    np.fill_diagonal(sim, -np.inf)
    n = len(z1)
    positive = np.concatenate([np.arange(n) + n, np.arange(n)])
    logz = np.log(np.exp(sim).sum(axis=1))
    return np.mean(logz - sim[np.arange(2 * n), positive])


def gradient(z1, z2, temperature):
    n = len(z1)
    raw = np.concatenate([z1, z2])
    length = np.sqrt(np.sum(raw * raw, axis=1, keepdims=True))
    z = raw / length
    sim = z @ z.T / temperature
    np.fill_diagonal(sim, -np.inf)
    p = np.exp(sim) / np.exp(sim).sum(axis=1, keepdims=True)
    positive = np.concatenate([np.arange(n) + n, np.arange(n)])
    p[np.arange(2 * n), positive] -= 1
    dsim = p / (2 * n)
    dz = (dsim + dsim.T) @ z / temperature
    draw = (dz - z * np.sum(z * dz, axis=1, keepdims=True)) / length
    return {"z1": draw[:n], "z2": draw[n:]}


def example():
    rng = np.random.default_rng(2002)
    a = rng.normal(size=(5, 3))
    return {"z1": a, "z2": a + 0.5 * rng.normal(size=(5, 3)), "temperature": 0.5}
""",
        [
            ("G801", "dz = (dsim + dsim.T) @ z", "dz = dsim @ z"),
            ("G204|G801", "dz = (dsim + dsim.T) @ z", "dz = 2 * dsim @ z"),
            ("G203|G204", "dsim = p / (2 * n)", "dsim = p / n"),
            ("G206", "(dsim + dsim.T) @ z / temperature", "(dsim + dsim.T) @ z"),
            (
                "G904|G801|G000",
                "(dz - z * np.sum(z * dz, axis=1, keepdims=True)) / length",
                "dz / length",
            ),
            (
                "G603",
                "np.sum(z * dz, axis=1, keepdims=True)",
                "np.sum(z * dz, axis=0, keepdims=True)",
            ),
        ],
        [
            [
                (
                    "dz = (dsim + dsim.T) @ z / temperature",
                    "dz = (dsim @ z + dsim.T @ z) / temperature",
                )
            ],
        ],
    )
    yield from written(
        "learning-to-rank",
        """
import numpy as np


def scorer(x, w1, b1, w2):
    a = np.maximum(0.1 * (x @ w1 + b1), x @ w1 + b1)
    return a, a @ w2


def loss(x, better, worse, w1, b1, w2, sigma):
    _, s = scorer(x, w1, b1, w2)
    diff = s[better] - s[worse]
    return np.mean(np.log(1 + np.exp(-sigma * diff)))


def gradient(x, better, worse, w1, b1, w2, sigma):
    a, s = scorer(x, w1, b1, w2)
    diff = s[better] - s[worse]
    lam = -sigma / (1 + np.exp(sigma * diff)) / len(diff)
    ds = np.zeros(len(s))
    for i, j, l in zip(better, worse, lam):
        ds[i] += l
        ds[j] -= l
    da = ds[:, None] * w2
    dz = np.where(a > 0, da, 0.1 * da)
    return {"w1": x.T @ dz, "b1": dz.sum(0), "w2": a.T @ ds}


def example():
    rng = np.random.default_rng(2005)
    return {
        "x": rng.normal(size=(6, 4)),
        "better": np.array([0, 0, 3, 5, 3, 2, 1]),
        "worse": np.array([1, 2, 1, 4, 0, 4, 4]),
        "w1": rng.normal(size=(4, 5)),
        "b1": rng.normal(size=5) * 0.1,
        "w2": rng.normal(size=5),
        "sigma": 1.5,
    }
""",
        [
            ("G803|G801", "        ds[i] += l", "        ds[i] = l"),
            ("G205", "        ds[j] -= l", "        ds[j] += l"),
            ("G206|G401", "lam = -sigma / (1", "lam = -1 / (1"),
            ("G203", "/ len(diff)", "/ len(s)"),
            ("G102", "ds = np.zeros(len(s))", "ds = np.zeros(len(s), dtype=int)"),
            ("G403|G404", "np.where(a > 0, da, 0.1 * da)", "np.where(a > 0, da, 0)"),
            ("G404", "np.where(a > 0, da, 0.1 * da)", "np.where(da > 0, da, 0.1 * da)"),
        ],
        [
            [
                (
                    "    for i, j, l in zip(better, worse, lam):\n"
                    "        ds[i] += l\n        ds[j] -= l\n",
                    "    np.add.at(ds, better, lam)\n    np.subtract.at(ds, worse, lam)\n",
                )
            ],
        ],
        [
            (
                "G803",
                "    for i, j, l in zip(better, worse, lam):\n"
                "        ds[i] += l\n        ds[j] -= l\n",
                "    ds[better] += lam\n    np.subtract.at(ds, worse, lam)\n",
                "ds[better] += lam",
            ),
        ],
    )
