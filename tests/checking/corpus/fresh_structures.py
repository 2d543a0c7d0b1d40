"""Fresh files about tensors, products of matrices, graphs and experts."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.case import Case
from tests.checking.corpus.fresh_parts import written


def structures() -> Iterator[Case]:
    yield from written(
        "bilinear-einsum",
        """
import numpy as np


def loss(T, x, y, target):
    s = np.einsum("bi,ijk,bj->bk", x, T, y)
    return np.sum(np.log(np.cosh(s - target))) / x.shape[0]


def gradient(T, x, y, target):
    s = np.einsum("bi,ijk,bj->bk", x, T, y)
    ds = np.tanh(s - target) / x.shape[0]
    dT = np.einsum("bi,bj,bk->ijk", x, y, ds)
    dx = np.einsum("ijk,bj,bk->bi", T, y, ds)
    dy = np.einsum("ijk,bi,bk->bj", T, x, ds)
    return {"T": dT, "x": dx, "y": dy}


def example():
    rng = np.random.default_rng(16)
    return {
        "T": rng.normal(size=(4, 4, 2)),
        "x": rng.normal(size=(7, 4)),
        "y": rng.normal(size=(7, 4)),
        "target": rng.normal(size=(7, 2)),
    }
""",
        [
            (
                "G701|G705",
                'dT = np.einsum("bi,bj,bk->ijk", x, y, ds)',
                'dT = np.einsum("bi,bj,bk->jik", x, y, ds)',
            ),
            (
                "G702|G701",
                'np.einsum("ijk,bj,bk->bi", T, y, ds)',
                'np.einsum("jik,bj,bk->bi", T, y, ds)',
            ),
            ("G704", '{"T": dT, "x": dx, "y": dy}', '{"T": dT, "x": dy, "y": dx}'),
            ("G403", "ds = np.tanh(s - target)", "ds = np.sinh(s - target)"),
            (
                "G703|G704",
                'np.einsum("ijk,bi,bk->bj", T, x, ds)',
                'np.einsum("ijk,bi,bk->bj", T, y, ds)',
            ),
        ],
        [
            [
                (
                    'np.einsum("ijk,bj,bk->bi", T, y, ds)',
                    'np.einsum("bjk,ijk->bi", y[:, :, None] * ds[:, None], T)',
                )
            ],
        ],
    )
    yield from written(
        "deep-linear",
        """
import numpy as np


def loss(Ws, X, Y):
    out = X
    for W in Ws:
        out = W @ out
    return 0.5 * np.linalg.norm(out - Y) ** 2 / X.shape[1]


def gradient(Ws, X, Y):
    acts = [X]
    for W in Ws:
        acts.append(W @ acts[-1])
    back = (acts[-1] - Y) / X.shape[1]
    grads = []
    for k in range(len(Ws) - 1, -1, -1):
        grads.append(back @ acts[k].T)
        back = Ws[k].T @ back
    grads.reverse()
    return {"Ws": grads}


def example():
    rng = np.random.default_rng(2013)
    d = 4
    return {
        "Ws": [np.eye(d) + 0.4 * rng.normal(size=(d, d)) for _ in range(3)],
        "X": rng.normal(size=(d, 9)),
        "Y": rng.normal(size=(d, 9)),
    }
""",
        [
            ("G702", "back = Ws[k].T @ back", "back = Ws[k] @ back"),
            ("G703", "grads.append(back @ acts[k].T)", "grads.append(back @ acts[k + 1].T)"),
            ("G701", "grads.append(back @ acts[k].T)", "grads.append(acts[k] @ back.T)"),
            ("G703", "back = Ws[k].T @ back", "back = Ws[k - 1].T @ back"),
            ("G203", "back = (acts[-1] - Y) / X.shape[1]", "back = (acts[-1] - Y) / X.shape[0]"),
        ],
        [
            [
                ("        grads.append(back @", "        grads.insert(0, back @"),
                ("    grads.reverse()\n", ""),
            ],
        ],
        [
            ("G704|G705", "    grads.reverse()\n", "", 'return {"Ws": grads}'),
            (
                "G804",
                "        grads.append(back @ acts[k].T)\n        back = Ws[k].T @ back\n",
                "        grads.append(back @ acts[k].T)\n"
                "        back = (Ws[k] - 0.01 * grads[-1]).T @ back\n",
                "back = (Ws[k]",
            ),
        ],
    )
    yield from written(
        "graph-convolution",
        """
import numpy as np


def loss(A, H0, W0, W1, mask, labels):
    # A is row-normalised and not symmetric
    H1 = np.maximum(A @ H0 @ W0, 0)
    S = A @ H1 @ W1
    S = S - S.max(axis=1, keepdims=True)
    logp = S - np.log(np.exp(S).sum(axis=1, keepdims=True))
    picked = logp[np.arange(len(labels)), labels]
    return -np.sum(picked * mask) / np.sum(mask)


def gradient(A, H0, W0, W1, mask, labels):
    Z = A @ H0 @ W0
    H1 = np.maximum(Z, 0)
    S = A @ H1 @ W1
    P = np.exp(S - S.max(axis=1, keepdims=True))
    P /= P.sum(axis=1, keepdims=True)
    dS = P.copy()
    dS[np.arange(len(labels)), labels] -= 1
    dS = dS * mask[:, None] / mask.sum()
    dW1 = (A @ H1).T @ dS
    dH1 = A.T @ dS @ W1.T
    dZ = dH1 * (Z > 0)
    dW0 = (A @ H0).T @ dZ
    return {"W0": dW0, "W1": dW1}


def example():
    rng = np.random.default_rng(2017)
    A = (rng.random((8, 8)) < 0.35) + np.eye(8)
    A = A / A.sum(axis=1, keepdims=True)
    return {
        "A": A,
        "H0": rng.normal(size=(8, 5)),
        "W0": rng.normal(size=(5, 4)),
        "W1": rng.normal(size=(4, 3)),
        "mask": np.array([1.0, 0, 1, 1, 0, 0, 1, 1]),
        "labels": rng.integers(0, 3, size=8),
    }
""",
        [
            ("G702", "dH1 = A.T @ dS @ W1.T", "dH1 = A @ dS @ W1.T"),
            ("G203", "mask[:, None] / mask.sum()", "mask[:, None] / len(mask)"),
            ("G703|G000", "dW0 = (A @ H0).T @ dZ", "dW0 = H0.T @ dZ"),
            ("G000|G901", "dS * mask[:, None] / mask.sum()", "dS / mask.sum()"),
            ("G404", "dZ = dH1 * (Z > 0)", "dZ = dH1 * (Z < 0)"),
            ("G501", "mask[:, None] / mask.sum()", "mask[:, None] * P * (1 - P) / mask.sum()"),
        ],
        [
            [("(A @ H1).T @ dS", "H1.T @ (A.T @ dS)")],
        ],
    )
    yield from written(
        "mixture-of-experts",
        """
import numpy as np


def loss(x, y, experts, gate):
    logits = x @ gate
    g = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    outs = np.stack([x @ e for e in experts], axis=1)
    pred = (g * outs).sum(axis=1)
    return ((pred - y) ** 2).mean() / 2


def gradient(x, y, experts, gate):
    logits = x @ gate
    g = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    outs = np.stack([x @ e for e in experts], axis=1)
    pred = (g * outs).sum(axis=1)
    dpred = (pred - y) / y.size
    dg = dpred[:, None] * outs
    dlogits = g * (dg - (g * dg).sum(axis=1, keepdims=True))
    dgate = x.T @ dlogits
    dexperts = [x.T @ (dpred * g[:, k]) for k in range(len(experts))]
    return {"experts": dexperts, "gate": dgate}


def example():
    rng = np.random.default_rng(1991)
    return {
        "x": rng.normal(size=(9, 4)),
        "y": rng.normal(size=9),
        "experts": [rng.normal(size=4) for _ in range(3)],
        "gate": rng.normal(size=(4, 3)),
    }
""",
        [
            ("G503", "g * (dg - (g * dg).sum(axis=1, keepdims=True))", "g * (1 - g) * dg"),
            ("G405", "dg = dpred[:, None] * outs", "dg = outs"),
            ("G603", "(g * dg).sum(axis=1, keepdims=True)", "(g * dg).sum()"),
            ("G401|G000", "(dpred * g[:, k])", "dpred"),
            ("G401", "dlogits = g * (dg - (g * dg).sum(axis=1, keepdims=True))", "dlogits = dg"),
        ],
        [
            [
                (
                    "g * (dg - (g * dg).sum(axis=1, keepdims=True))",
                    "g * dpred[:, None] * (outs - pred[:, None])",
                )
            ],
        ],
    )
