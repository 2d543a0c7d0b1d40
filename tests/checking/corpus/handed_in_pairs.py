"""Pairs, autoencoders and other losses between two things."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.case import Case
from tests.checking.corpus.handed_in_parts import made


def pairs() -> Iterator[Case]:
    """Pairs, autoencoders and other losses between two things."""
    for program in PROGRAMS:
        yield from made(*program)


PROGRAMS = [
    (
        "siamese",
        r'''
import numpy as np


def embed(W, b, x):
    return np.tanh(x @ W + b)


def loss(W, b, x1, x2, same):
    """contrastive loss, margin 2"""
    f1, f2 = embed(W, b, x1), embed(W, b, x2)
    dist = np.sqrt(np.sum((f1 - f2) ** 2, axis=1))
    return 0.5 * np.mean(same * dist ** 2 + (1 - same) * np.maximum(0, 2 - dist) ** 2)


def gradient(W, b, x1, x2, same):
    f1, f2 = embed(W, b, x1), embed(W, b, x2)
    diff = f1 - f2
    dist = np.sqrt(np.sum(diff ** 2, axis=1))
    n = len(same)
    ddist = same * dist - (1 - same) * np.maximum(0, 2 - dist)
    ddiff = (ddist / dist)[:, None] * diff / n
    dz1 = ddiff * (1 - f1 ** 2)
    dz2 = -ddiff * (1 - f2 ** 2)
    dW = x1.T @ dz1 + x2.T @ dz2
    db = dz1.sum(axis=0) + dz2.sum(axis=0)
    return {"W": dW, "b": db}


def example():
    rng = np.random.default_rng(23)
    return dict(W=rng.normal(size=(4, 3)), b=rng.normal(size=3), x1=rng.normal(size=(7, 4)), x2=rng.normal(size=(7, 4)),
                same=np.array([1., 0, 0, 1, 1, 0, 0]))
''',
        [
            ("G801", "dW = x1.T @ dz1 + x2.T @ dz2", "dW = x1.T @ dz1"),
            ("G801", "db = dz1.sum(axis=0) + dz2.sum(axis=0)", "db = dz2.sum(axis=0)"),
            (
                "G201",
                "ddiff = (ddist / dist)[:, None] * diff / n",
                "ddiff = (ddist / dist)[:, None] * diff",
            ),
            ("G703", "dW = x1.T @ dz1 + x2.T @ dz2", "dW = x1.T @ dz1 + x1.T @ dz2"),
            ("G205", "dz2 = -ddiff * (1 - f2 ** 2)", "dz2 = ddiff * (1 - f2 ** 2)"),
            ("G402", "dz1 = ddiff * (1 - f1 ** 2)", "dz1 = ddiff * (1 - np.tanh(f1) ** 2)"),
            ("G403", "dz1 = ddiff * (1 - f1 ** 2)", "dz1 = ddiff * (1 - f1)"),
            (
                "G601",
                "db = dz1.sum(axis=0) + dz2.sum(axis=0)",
                "db = dz1.mean(axis=0) + dz2.mean(axis=0)",
            ),
            (
                "G204",
                "ddiff = (ddist / dist)[:, None] * diff / n",
                "ddiff = 2 * (ddist / dist)[:, None] * diff / n",
            ),
        ],
        [
            (
                "    dW = x1.T @ dz1 + x2.T @ dz2\n",
                "    dW = np.vstack([x1, x2]).T @ np.vstack([dz1, dz2])\n",
            ),
            (
                "ddiff = (ddist / dist)[:, None] * diff / n",
                "ddiff = np.einsum('n,nk->nk', ddist / dist / n, diff)",
            ),
        ],
    ),
    (
        "cosine-embedding",
        r'''
import numpy as np


def normalise(z):
    return z / np.linalg.norm(z, axis=1, keepdims=True)


def loss(W, xa, xp, xn, margin):
    """triplet loss on unit vectors"""
    a, p, n = normalise(xa @ W), normalise(xp @ W), normalise(xn @ W)
    viol = np.maximum(0, margin + (a * n).sum(1) - (a * p).sum(1))
    return viol.mean()


def back_norm(g, z):
    r = np.linalg.norm(z, axis=1, keepdims=True)
    u = z / r
    return (g - u * (g * u).sum(1, keepdims=True)) / r


def gradient(W, xa, xp, xn, margin):
    za, zp, zn = xa @ W, xp @ W, xn @ W
    a, p, n = normalise(za), normalise(zp), normalise(zn)
    viol = margin + (a * n).sum(1) - (a * p).sum(1)
    g = ((viol > 0) / len(xa))[:, None]
    da = g * (n - p)
    dp = -g * a
    dn = g * a
    dW = xa.T @ back_norm(da, za)
    dW += xp.T @ back_norm(dp, zp)
    dW += xn.T @ back_norm(dn, zn)
    return dW


def example():
    rng = np.random.default_rng(60)
    return rng.normal(size=(4, 3)), rng.normal(size=(7, 4)), rng.normal(size=(7, 4)), rng.normal(size=(7, 4)), 0.4
''',
        [
            ("G801", "    dW += xp.T @ back_norm(dp, zp)\n", "    dW = xp.T @ back_norm(dp, zp)\n"),
            ("G801", "    dW += xn.T @ back_norm(dn, zn)\n", "", "dW += xp.T"),
            (
                "G401|G000",
                "    return (g - u * (g * u).sum(1, keepdims=True)) / r\n",
                "    return g\n",
            ),
            ("G205", "dp = -g * a", "dp = g * a"),
            ("G201", "g = ((viol > 0) / len(xa))[:, None]", "g = ((viol > 0) * 1.0)[:, None]"),
            ("G404", "g = ((viol > 0) / len(xa))[:, None]", "g = ((viol < 0) / len(xa))[:, None]"),
            (
                "G401",
                "g = ((viol > 0) / len(xa))[:, None]",
                "g = (np.ones(len(xa)) / len(xa))[:, None]",
            ),
            ("G603", "(g * u).sum(1, keepdims=True)", "(g * u).sum(0, keepdims=True)"),
            ("G703", "dW += xp.T @ back_norm(dp, zp)", "dW += xp.T @ back_norm(dp, za)"),
            ("G703", "dn = g * a", "dn = g * p"),
            (
                "G203",
                "g = ((viol > 0) / len(xa))[:, None]",
                "g = ((viol > 0) / max(1, (viol > 0).sum()))[:, None]",
            ),
        ],
        [
            (
                "    return (g - u * (g * u).sum(1, keepdims=True)) / r\n",
                "    return np.stack([(np.eye(len(ui)) - np.outer(ui, ui)) @ gi / ri for gi, ui, ri in zip(g, u, r)])\n",
            ),
            ("da = g * (n - p)", "da = g * n - g * p"),
        ],
    ),
    (
        "tied-autoencoder",
        r"""
import numpy as np


def sigm(v):
    return 1. / (1. + np.exp(-v))


def loss(W, c, b, X):
    H = sigm(X @ W + c)
    R = sigm(H @ W.T + b)
    return np.sum((R - X) ** 2) / (2 * X.shape[0])


def gradient(W, c, b, X):
    N = X.shape[0]
    H = sigm(X @ W + c)
    R = sigm(H @ W.T + b)
    delta_out = (R - X) * R * (1 - R) / N
    delta_hid = (delta_out @ W) * H * (1 - H)
    gW = X.T @ delta_hid
    gW += delta_out.T @ H
    gc = np.sum(delta_hid, 0)
    gb = np.sum(delta_out, 0)
    return gW, gc, gb


def example():
    r = np.random.default_rng(25)
    return r.normal(size=(5, 3)), r.normal(size=3), r.normal(size=5), r.random((8, 5))
""",
        [
            ("G801", "gW += delta_out.T @ H", "gW = delta_out.T @ H"),
            ("G801", "    gW += delta_out.T @ H\n", "", "gW = X.T @ delta_hid"),
            ("G502", "delta_out = (R - X) * R * (1 - R) / N", "delta_out = (R - X) / N"),
            ("G401", "delta_hid = (delta_out @ W) * H * (1 - H)", "delta_hid = delta_out @ W"),
            (
                "G403",
                "delta_hid = (delta_out @ W) * H * (1 - H)",
                "delta_hid = (delta_out @ W) * (1 - H ** 2)",
            ),
            ("G405", "delta_hid = (delta_out @ W) * H * (1 - H)", "delta_hid = H * (1 - H)"),
            ("G703", "gW += delta_out.T @ H", "gW += delta_out.T @ (X @ W + c)"),
            (
                "G203",
                "delta_out = (R - X) * R * (1 - R) / N",
                "delta_out = (R - X) * R * (1 - R) / X.size",
            ),
            (
                "G204",
                "delta_out = (R - X) * R * (1 - R) / N",
                "delta_out = 2 * (R - X) * R * (1 - R) / N",
            ),
            ("G602", "gc = np.sum(delta_hid, 0)", "gc = delta_hid[0]"),
        ],
        [
            (
                "    gW = X.T @ delta_hid\n    gW += delta_out.T @ H\n",
                "    gW = X.T @ delta_hid + (H.T @ delta_out).T\n",
            ),
            ("delta_out = (R - X) * R * (1 - R) / N", "delta_out = (R - X) * (R - R ** 2) / N"),
        ],
    ),
    (
        "ae-bce-walrus",
        r"""
import numpy as np

s = lambda u: 1 / (1 + np.exp(-u))

def loss(P, X):
    R = s(s(X @ P[0] + P[1]) @ P[2] + P[3])
    return -np.sum(X * np.log(R) + (1 - X) * np.log1p(-R)) / len(X)

def gradient(P, X):
    We, be, Wd, bd = P
    R = s((H := s(X @ We + be)) @ Wd + bd)
    d2 = (R - X) / len(X)
    d1 = d2 @ Wd.T * H * (1 - H)
    return [X.T @ d1, d1.sum(0), H.T @ d2, d2.sum(0)]

def example():
    g = np.random.default_rng(56)
    return [g.normal(size=(5, 3)), g.normal(size=3), g.normal(size=(3, 5)), g.normal(size=5)], g.random((8, 5)) * .8 + .1
""",
        [
            ("G501", "d2 = (R - X) / len(X)", "d2 = (R - X) * R * (1 - R) / len(X)"),
            ("G401", "d1 = d2 @ Wd.T * H * (1 - H)", "d1 = d2 @ Wd.T"),
            ("G203", "d2 = (R - X) / len(X)", "d2 = (R - X) / X.size"),
            ("G405", "d1 = d2 @ Wd.T * H * (1 - H)", "d1 = H * (1 - H)"),
            ("G402", "d1 = d2 @ Wd.T * H * (1 - H)", "d1 = d2 @ Wd.T * s(H) * (1 - s(H))"),
            ("G403", "d1 = d2 @ Wd.T * H * (1 - H)", "d1 = d2 @ Wd.T * (1 - H)"),
            ("G703", "d1 = d2 @ Wd.T * H * (1 - H)", "d1 = d2 @ We * H * (1 - H)"),
            (
                "G101",
                "return [X.T @ d1, d1.sum(0), H.T @ d2, d2.sum(0)]",
                "return [X.T @ d1, d1, H.T @ d2, d2]",
            ),
            (
                "G602",
                "return [X.T @ d1, d1.sum(0), H.T @ d2, d2.sum(0)]",
                "return [X.T @ d1, d1[0], H.T @ d2, d2.sum(0)]",
            ),
            (
                "G601",
                "return [X.T @ d1, d1.sum(0), H.T @ d2, d2.sum(0)]",
                "return [X.T @ d1, d1.mean(0), H.T @ d2, d2.mean(0)]",
            ),
            (
                "G206",
                "return [X.T @ d1, d1.sum(0), H.T @ d2, d2.sum(0)]",
                "return [0.5e-2 * g for g in (X.T @ d1, d1.sum(0), H.T @ d2, d2.sum(0))]",
            ),
        ],
        [
            ("d1 = d2 @ Wd.T * H * (1 - H)", "d1 = np.einsum('nd,hd,nh->nh', d2, Wd, H - H * H)"),
            ("d2 = (R - X) / len(X)", "d2 = ((1 - X) * R - X * (1 - R)) / len(X)"),
        ],
    ),
]
