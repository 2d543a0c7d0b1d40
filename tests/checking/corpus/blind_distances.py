"""Blind files about pairs and triples: distances, cosines, scores of word vectors."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.blind_parts import made
from tests.checking.corpus.case import Case


def distances() -> Iterator[Case]:
    yield from made(
        "triplet",
        """
import numpy as np

MARGIN = 1.0


def loss(Xa, Xp, Xn, W):
    a, p, n = Xa @ W, Xp @ W, Xn @ W
    d_pos = np.sum((a - p) ** 2, axis=1)
    d_neg = np.sum((a - n) ** 2, axis=1)
    return np.mean(np.maximum(0, d_pos - d_neg + MARGIN))


def gradient(Xa, Xp, Xn, W):
    batch = Xa.shape[0]
    a, p, n = Xa @ W, Xp @ W, Xn @ W
    d_pos = np.sum((a - p) ** 2, axis=1)
    d_neg = np.sum((a - n) ** 2, axis=1)
    active = (d_pos - d_neg + MARGIN > 0).astype(float)[:, None] / batch

    da = 2 * (n - p) * active
    dp = 2 * (p - a) * active
    dn = 2 * (a - n) * active
    dW = Xa.T @ da + Xp.T @ dp + Xn.T @ dn
    return {"W": dW}


def example():
    rng = np.random.default_rng(13)
    Xa = rng.normal(size=(6, 4))
    return {
        "Xa": Xa, "Xp": Xa + 0.9 * rng.normal(size=(6, 4)), "Xn": Xa + rng.normal(size=(6, 4)),
        "W": rng.normal(size=(4, 3)),
    }
""",
        [
            ("G801", "dW = Xa.T @ da + Xp.T @ dp + Xn.T @ dn", "dW = Xa.T @ da"),
            (
                "G401",
                "(d_pos - d_neg + MARGIN > 0).astype(float)[:, None] / batch",
                "np.ones((batch, 1)) / batch",
            ),
            ("G404", "(d_pos - d_neg + MARGIN > 0)", "(d_pos - d_neg > 0)"),
            ("G205", "dn = 2 * (a - n) * active", "dn = 2 * (n - a) * active"),
            ("G204", "dp = 2 * (p - a) * active", "dp = (p - a) * active"),
            ("G801|G000", "da = 2 * (n - p) * active", "da = 2 * (a - p) * active"),
            ("G703", "Xp.T @ dp + Xn.T @ dn", "Xp.T @ dp + Xp.T @ dn"),
        ],
        [
            [("da = 2 * (n - p) * active", "da = 2 * ((a - p) - (a - n)) * active")],
            [
                ("    da = 2 * (n - p) * active\n", ""),
                ("dn = 2 * (a - n) * active", "dn = 2 * (a - n) * active\n    da = -(dp + dn)"),
            ],
        ],
    )
    yield from made(
        "cosine",
        """
import numpy as np


def loss(X, Y, W):
    \"\"\"One minus the cosine between projected and target vectors, averaged.\"\"\"
    P = X @ W
    norm_p = np.linalg.norm(P, axis=1)
    norm_y = np.linalg.norm(Y, axis=1)
    cos = np.sum(P * Y, axis=1) / (norm_p * norm_y)
    return np.mean(1 - cos)


def gradient(X, Y, W):
    P = X @ W
    norm_p = np.linalg.norm(P, axis=1, keepdims=True)
    norm_y = np.linalg.norm(Y, axis=1, keepdims=True)
    cos = np.sum(P * Y, axis=1, keepdims=True) / (norm_p * norm_y)
    dcos = -1.0 / len(X)
    dP = dcos * (Y / (norm_p * norm_y) - cos * P / norm_p ** 2)
    return {"W": X.T @ dP}


def example():
    rng = np.random.default_rng(70)
    return {
        "X": rng.normal(size=(4, 5)), "Y": rng.normal(size=(4, 4)), "W": rng.normal(size=(5, 4)),
    }
""",
        [
            ("G801", "(Y / (norm_p * norm_y) - cos * P / norm_p ** 2)", "(Y / (norm_p * norm_y))"),
            ("G000|G801", "cos * P / norm_p ** 2", "cos * P / norm_p"),
            ("G205", "dcos = -1.0 / len(X)", "dcos = 1.0 / len(X)"),
            ("G203", "dcos = -1.0 / len(X)", "dcos = -1.0 / Y.size"),
            ("G205|G000", "norm_y) - cos * P", "norm_y) + cos * P"),
            ("G604", "cos = np.sum(P * Y, axis=1, keepdims=True)", "cos = np.sum(P * Y, axis=1)"),
        ],
        [
            [
                (
                    "dP = dcos * (Y / (norm_p * norm_y) - cos * P / norm_p ** 2)",
                    "u = P / norm_p\n    v = Y / norm_y\n    dP = dcos * (v - cos * u) / norm_p",
                ),
            ],
            [('return {"W": X.T @ dP}', "return {\"W\": np.einsum('ni,nj->ij', X, dP)}")],
        ],
    )
    yield from made(
        "negative-sampling",
        """
import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def neg_sampling_loss_and_gradient(center, outside_idx, neg_idx, outside_vectors):
    u_o = outside_vectors[outside_idx]
    y_hat = sigmoid(u_o @ center)
    loss = -np.log(y_hat)
    grad_center = (y_hat - 1) * u_o
    grad_outside = np.zeros_like(outside_vectors)
    grad_outside[outside_idx] = (y_hat - 1) * center

    for k in neg_idx:
        u_k = outside_vectors[k]
        s = sigmoid(-u_k @ center)
        loss = loss - np.log(s)
        grad_center += (1 - s) * u_k
        grad_outside[k] += (1 - s) * center
    return loss, grad_center, grad_outside


def loss(v_c, U, o, negatives):
    total = -np.log(sigmoid(U[o] @ v_c))
    for k in negatives:
        total = total - np.log(sigmoid(-U[k] @ v_c))
    return total


def gradient(v_c, U, o, negatives):
    _, gc, gU = neg_sampling_loss_and_gradient(v_c, o, negatives, U)
    return {"v_c": gc, "U": gU}


def example():
    np.random.seed(224)
    return {
        "v_c": np.random.randn(3), "U": np.random.randn(6, 3), "o": 2,
        "negatives": np.array([0, 4, 4, 1]),
    }
""",
        [
            (
                "G803|G801",
                "grad_outside[k] += (1 - s) * center",
                "grad_outside[k] = (1 - s) * center",
            ),
            ("G403|G000", "grad_center += (1 - s) * u_k", "grad_center += s * u_k"),
            ("G205", "grad_center = (y_hat - 1) * u_o", "grad_center = (1 - y_hat) * u_o"),
            ("G501", "= (y_hat - 1) * center", "= (y_hat - 1) * y_hat * (1 - y_hat) * center"),
            ("G802|G801", "grad_center += (1 - s) * u_k", "grad_center = (1 - s) * u_k"),
            (
                "G704|G703|G000",
                "grad_outside[k] += (1 - s) * center",
                "grad_outside[k] += (1 - s) * u_k",
            ),
        ],
        [
            [("s = sigmoid(-u_k @ center)", "s = 1 - sigmoid(u_k @ center)")],
            [
                ("        grad_outside[k] += (1 - s) * center\n", ""),
                (
                    "    return loss, grad_center",
                    "    weights = sigmoid(outside_vectors[neg_idx] @ center)\n"
                    "    np.add.at(grad_outside, neg_idx, np.outer(weights, center))\n"
                    "    return loss, grad_center",
                ),
            ],
        ],
    )
