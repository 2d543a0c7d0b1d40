"""Blind files about factors: of matrices, of pairs, of experts behind a gate."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.blind_parts import made
from tests.checking.corpus.case import Case


def factors() -> Iterator[Case]:
    yield from made(
        "matrix-factors",
        """
import numpy as np


def loss(R, M, U, V, mu, lam):
    # M is 1 where a rating is known
    E = M * (U @ V.T + mu - R)
    return 0.5 * np.sum(E ** 2) + 0.5 * lam * (np.sum(U ** 2) + np.sum(V ** 2))


def gradient(R, M, U, V, mu, lam):
    E = M * (U @ V.T + mu - R)
    gU = np.zeros_like(U)
    gV = np.zeros_like(V)
    users, items = R.shape
    for u in range(users):
        for i in range(items):
            gU[u] += E[u, i] * V[i]
            gV[i] += E[u, i] * U[u]
    gU += lam * U
    gV += lam * V
    gmu = E.sum()
    return {"U": gU, "V": gV, "mu": gmu}


def example():
    rng = np.random.default_rng(99)
    R = rng.integers(1, 6, size=(5, 4)).astype(float)
    M = (rng.random((5, 4)) < 0.7).astype(float)
    return {
        "R": R, "M": M, "U": rng.normal(size=(5, 2)), "V": rng.normal(size=(4, 2)),
        "mu": 3.0, "lam": 0.3,
    }
""",
        [
            ("G802|G801", "gU[u] += E[u, i] * V[i]", "gU[u] = E[u, i] * V[i]"),
            ("G302", "gU += lam * U", "gU += 2 * lam * U"),
            ("G304", "gV += lam * V", "gV += lam * U[:items]"),
            ("G303", "gV += lam * V", "gV -= lam * V"),
            ("G601", "gmu = E.sum()", "gmu = E.mean()"),
            ("G304", "gmu = E.sum()", "gmu = E.sum() + lam * mu"),
            ("G302", "gU += lam * U", "gU += M.sum(axis=1, keepdims=True) * lam * U"),
        ],
        [
            [
                (
                    "    for u in range(users):\n        for i in range(items):\n"
                    "            gU[u] += E[u, i] * V[i]\n            gV[i] += E[u, i] * U[u]\n",
                    "    gU += E @ V\n    gV += E.T @ U\n",
                ),
            ],
            [("gU += lam * U", "gU = gU + U * lam"), ("gmu = E.sum()", "gmu = np.sum(E[M == 1])")],
        ],
    )
    yield from made(
        "mixture-of-experts",
        """
import numpy as np


def parts(x, Wg, We):
    s = x @ Wg                                   # gate scores (n, k)
    s = s - s.max(axis=1, keepdims=True)
    gate = np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)
    experts = np.einsum("nd,kdo->nko", x, We)
    y = np.einsum("nk,nko->no", gate, experts)
    return gate, experts, y


def loss(x, t, Wg, We):
    return 0.5 * np.mean((parts(x, Wg, We)[2] - t) ** 2)


def gradient(x, t, Wg, We):
    gate, experts, y = parts(x, Wg, We)
    dy = (y - t) / y.size
    dexperts = np.einsum("nk,no->nko", gate, dy)
    dWe = np.einsum("nd,nko->kdo", x, dexperts)
    dgate = np.einsum("nko,no->nk", experts, dy)
    ds = gate * (dgate - (gate * dgate).sum(axis=1, keepdims=True))
    dWg = x.T @ ds
    return {"Wg": dWg, "We": dWe}


def example():
    rng = np.random.default_rng(64)
    return {
        "x": rng.normal(size=(6, 4)), "t": rng.normal(size=(6, 2)),
        "Wg": rng.normal(size=(4, 3)), "We": rng.normal(size=(3, 4, 2)),
    }
""",
        [
            (
                "G503",
                "ds = gate * (dgate - (gate * dgate).sum(axis=1, keepdims=True))",
                "ds = gate * (1 - gate) * dgate",
            ),
            (
                "G401",
                "ds = gate * (dgate - (gate * dgate).sum(axis=1, keepdims=True))",
                "ds = dgate",
            ),
            (
                "G503|G603",
                "(gate * dgate).sum(axis=1, keepdims=True)",
                "dgate.sum(axis=1, keepdims=True)",
            ),
            (
                "G000",
                'np.einsum("nk,no->nko", gate, dy)',
                'np.einsum("nk,no->nko", np.ones_like(gate), dy)',
            ),
            ("G203", "dy = (y - t) / y.size", "dy = (y - t) / len(y)"),
            (
                "G703",
                'np.einsum("nko,no->nk", experts, dy)',
                'np.einsum("nko,no->nk", gate[:, :, None] * experts, dy)',
            ),
        ],
        [
            [
                (
                    "gate * (dgate - (gate * dgate).sum(axis=1, keepdims=True))",
                    "gate * (dgate - (y * dy).sum(axis=1, keepdims=True))",
                )
            ],
            [
                (
                    'dWe = np.einsum("nd,nko->kdo", x, dexperts)',
                    "dWe = np.stack([x.T @ dexperts[:, k] for k in range(gate.shape[1])])",
                )
            ],
        ],
    )
    yield from made(
        "bilinear",
        """
import numpy as np


def loss(A, B, y, M, c):
    \"\"\"Score of a pair: a' M b + c, logistic loss with labels -1/+1.\"\"\"
    total = 0.0
    for i in range(len(y)):
        s = A[i] @ M @ B[i] + c
        total += np.log(1 + np.exp(-y[i] * s))
    return total / len(y)


def gradient(A, B, y, M, c):
    N = len(y)
    gA, gB, gM, gc = np.zeros(A.shape), np.zeros(B.shape), np.zeros(M.shape), 0.0
    for i in range(N):
        s = A[i] @ M @ B[i] + c
        ds = -y[i] / (1 + np.exp(y[i] * s)) / N
        gM += ds * np.outer(A[i], B[i])
        gA[i] = ds * M @ B[i]
        gB[i] = ds * M.T @ A[i]
        gc += ds
    return {"A": gA, "B": gB, "M": gM, "c": gc}


def example():
    rng = np.random.default_rng(15)
    return {
        "A": rng.normal(size=(5, 3)), "B": rng.normal(size=(5, 3)),
        "y": np.array([1.0, -1.0, 1.0, 1.0, -1.0]), "M": rng.normal(size=(3, 3)), "c": 0.1,
    }
""",
        [
            ("G701", "gM += ds * np.outer(A[i], B[i])", "gM += ds * np.outer(B[i], A[i])"),
            ("G802|G801", "gM += ds * np.outer(A[i], B[i])", "gM = ds * np.outer(A[i], B[i])"),
            ("G702", "gB[i] = ds * M.T @ A[i]", "gB[i] = ds * M @ A[i]"),
            ("G703", "gA[i] = ds * M @ B[i]", "gA[i] = ds * M @ A[i]"),
            ("G205", "ds = -y[i] / (1", "ds = y[i] / (1"),
            ("G201", "(1 + np.exp(y[i] * s)) / N", "(1 + np.exp(y[i] * s))"),
            ("G802|G602|G801", "gc += ds", "gc = ds"),
        ],
        [
            [("gM += ds * np.outer(A[i], B[i])", "gM += ds * A[i][:, None] * B[i][None, :]")],
            [
                ("        gM += ds * np.outer(A[i], B[i])\n", ""),
                ("gA[i] = ds * M @ B[i]", "gA[i] = ds * (M @ B[i])"),
                (
                    '    return {"A": gA',
                    "    s = ((A @ M) * B).sum(axis=1) + c\n"
                    "    weights = -y / (1 + np.exp(y * s)) / N\n"
                    '    gM = (A * weights[:, None]).T @ B\n    return {"A": gA',
                ),
            ],
        ],
    )
    yield from made(
        "pca-reconstruction",
        """
import numpy as np


def loss(X, W):
    # squared reconstruction error of a (not yet orthogonal) basis W
    Z = X @ W
    return np.sum((X - Z @ W.T) ** 2) / X.shape[0]


def gradient(X, W):
    N = X.shape[0]
    Z = X @ W
    R = X - Z @ W.T
    # W appears twice: in the code Z and in the reconstruction
    grad = -2 / N * (R.T @ Z + X.T @ (R @ W))
    return {"W": grad}


def example():
    rng = np.random.default_rng(28)
    X = rng.normal(size=(8, 5))
    return {"X": X - X.mean(axis=0), "W": rng.normal(size=(5, 2))}
""",
        [
            ("G801", "-2 / N * (R.T @ Z + X.T @ (R @ W))", "-2 / N * (R.T @ Z)"),
            ("G204|G801", "-2 / N * (R.T @ Z + X.T @ (R @ W))", "-4 / N * (R.T @ Z)"),
            ("G205", "grad = -2 / N", "grad = 2 / N"),
            ("G204", "grad = -2 / N", "grad = -1 / N"),
            ("G201", "grad = -2 / N *", "grad = -2 *"),
            ("G205|G000", "(R.T @ Z + X.T", "(R.T @ Z - X.T"),
        ],
        [
            [("-2 / N * (R.T @ Z + X.T @ (R @ W))", "-2 * (R.T @ X + X.T @ R) @ W / N")],
            [
                (
                    "grad = -2 / N * (R.T @ Z + X.T @ (R @ W))",
                    "CW = X.T @ Z\n    grad = 2 * (W @ (W.T @ CW) + CW @ W.T @ W - 2 * CW) / N",
                )
            ],
        ],
    )
