"""Fresh files about tables of vectors and chains: embeddings, a CRF, word2vec, an integrator."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.case import Case
from tests.checking.corpus.fresh_parts import written


def chains() -> Iterator[Case]:
    yield from written(
        "embedding-bag",
        """
import numpy as np


def loss(E, U, bias, sentences, labels):
    total = 0.0
    for tokens, label in zip(sentences, labels):
        bag = E[tokens].mean(axis=0)
        s = bag @ U + bias
        total += np.log(np.exp(s).sum()) - s[label]
    return total / len(labels)


def gradient(E, U, bias, sentences, labels):
    dE = np.zeros_like(E)
    dU = np.zeros_like(U)
    dbias = np.zeros_like(bias)
    for tokens, label in zip(sentences, labels):
        bag = E[tokens].mean(axis=0)
        s = bag @ U + bias
        ds = np.exp(s) / np.exp(s).sum()
        ds[label] -= 1
        ds /= len(labels)
        dU += np.outer(bag, ds)
        dbias += ds
        dbag = U @ ds
        np.add.at(dE, tokens, dbag / len(tokens))
    return {"E": dE, "U": dU, "bias": dbias}


def example():
    rng = np.random.default_rng(17)
    vocab, dim, classes = 10, 4, 3
    sentences = np.array([[1, 4, 4, 7, 2], [0, 1, 1, 9, 3], [5, 5, 5, 2, 8], [6, 0, 9, 9, 1]])
    return {
        "E": rng.normal(size=(vocab, dim)),
        "U": rng.normal(size=(dim, classes)),
        "bias": rng.normal(size=classes),
        "sentences": sentences,
        "labels": np.array([0, 2, 1, 2]),
    }
""",
        [
            (
                "G803",
                "np.add.at(dE, tokens, dbag / len(tokens))",
                "dE[tokens] += dbag / len(tokens)",
            ),
            ("G203", "dbag / len(tokens))", "dbag / len(labels))"),
            ("G802", "dbias += ds", "dbias = ds"),
            (
                "G206|G203|G907",
                "np.add.at(dE, tokens, dbag / len(tokens))",
                "np.add.at(dE, tokens, dbag)",
            ),
        ],
        [
            [
                (
                    "        np.add.at(dE, tokens, dbag / len(tokens))\n",
                    "        for k in tokens:\n            dE[k] += dbag / len(tokens)\n",
                )
            ],
        ],
    )
    yield from written(
        "chain-crf",
        """
import numpy as np


def lse(a, axis):
    m = a.max(axis=axis, keepdims=True)
    return np.log(np.exp(a - m).sum(axis=axis)) + np.squeeze(m, axis)


def loss(emit, trans, tags):
    # negative log-likelihood of one tag sequence, linear chain
    T, K = emit.shape
    score = emit[np.arange(T), tags].sum() + trans[tags[:-1], tags[1:]].sum()
    alpha = emit[0]
    for t in range(1, T):
        alpha = emit[t] + lse(alpha[:, None] + trans, axis=0)
    return lse(alpha, 0) - score


def gradient(emit, trans, tags):
    T, K = emit.shape
    alpha = np.zeros((T, K))
    beta = np.zeros((T, K))
    alpha[0] = emit[0]
    for t in range(1, T):
        alpha[t] = emit[t] + lse(alpha[t - 1][:, None] + trans, axis=0)
    for t in range(T - 2, -1, -1):
        beta[t] = lse(trans + emit[t + 1] + beta[t + 1], axis=1)
    logZ = lse(alpha[-1], 0)

    d_emit = np.exp(alpha + beta - logZ)
    d_emit[np.arange(T), tags] -= 1

    d_trans = np.zeros((K, K))
    for t in range(T - 1):
        pair = alpha[t][:, None] + trans + emit[t + 1] + beta[t + 1]
        d_trans += np.exp(pair - logZ)
        d_trans[tags[t], tags[t + 1]] -= 1
    return {"emit": d_emit, "trans": d_trans}


def example():
    rng = np.random.default_rng(6)
    T, K = 6, 4
    return {
        "emit": rng.normal(size=(T, K)),
        "trans": rng.normal(size=(K, K)),
        "tags": np.array([0, 2, 1, 0, 2, 3]),
    }
""",
        [
            ("G802", "d_trans += np.exp(pair - logZ)", "d_trans = np.exp(pair - logZ)"),
            (
                "G701|G705|G000",
                "d_trans[tags[t], tags[t + 1]] -= 1",
                "d_trans[tags[t + 1], tags[t]] -= 1",
            ),
            ("G205|G000", "d_emit[np.arange(T), tags] -= 1", "d_emit[np.arange(T), tags] += 1"),
            ("G701", '"trans": d_trans}', '"trans": d_trans.T}'),
        ],
        [
            [("d_trans[tags[t], tags[t + 1]] -= 1", "d_trans[tags[t]][tags[t + 1]] -= 1")],
        ],
        [
            (
                "G803",
                "        d_trans[tags[t], tags[t + 1]] -= 1\n",
                "    d_trans[tags[:-1], tags[1:]] = d_trans[tags[:-1], tags[1:]] - 1\n",
                "d_trans[tags[:-1], tags[1:]] = ",
            ),
        ],
    )
    yield from written(
        "word2vec-negatives",
        """
import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def loss(center_vecs, outside_vecs, centers, outsides, negatives):
    total = 0.0
    for c, o, neg in zip(centers, outsides, negatives):
        v = center_vecs[c]
        total -= np.log(sigmoid(outside_vecs[o] @ v))
        total -= np.sum(np.log(sigmoid(-outside_vecs[neg] @ v)))
    return total


def gradient(center_vecs, outside_vecs, centers, outsides, negatives):
    grad_center = np.zeros(center_vecs.shape)
    grad_outside = np.zeros(outside_vecs.shape)
    for c, o, neg in zip(centers, outsides, negatives):
        v = center_vecs[c]
        u_o = outside_vecs[o]
        u_neg = outside_vecs[neg]
        pos = sigmoid(u_o @ v) - 1
        negs = sigmoid(u_neg @ v)
        grad_center[c] += pos * u_o + u_neg.T @ negs
        grad_outside[o] += pos * v
        for k, row in enumerate(neg):
            grad_outside[row] += negs[k] * v
    return {"center_vecs": grad_center, "outside_vecs": grad_outside}


def example():
    rng = np.random.default_rng(31415)
    return {
        "center_vecs": rng.normal(size=(7, 3)),
        "outside_vecs": rng.normal(size=(7, 3)),
        "centers": np.array([0, 2, 2, 5]),
        "outsides": np.array([1, 3, 6, 3]),
        "negatives": np.array([[4, 4, 6, 5, 2], [0, 6, 6, 6, 1], [3, 1, 4, 0, 1], [2, 2, 0, 1, 4]]),
    }
""",
        [
            ("G205|G801", "pos * u_o + u_neg.T @ negs", "pos * u_o - u_neg.T @ negs"),
            ("G803|G802|G801", "grad_center[c] += pos", "grad_center[c] = pos"),
            (
                "G501|G403",
                "pos = sigmoid(u_o @ v) - 1",
                "pos = -(1 - sigmoid(u_o @ v)) * sigmoid(u_o @ v)",
            ),
            ("G703|G704", "grad_outside[o] += pos * v", "grad_outside[o] += pos * u_o"),
        ],
        [],
        [
            (
                "G803",
                "        for k, row in enumerate(neg):\n"
                "            grad_outside[row] += negs[k] * v\n",
                "        grad_outside[neg] += np.outer(negs, v)\n",
                "grad_outside[neg] += np.outer(negs, v)",
            ),
        ],
    )
    yield from written(
        "leapfrog-pendulum",
        """
import numpy as np

DT = 0.1


def loss(q0, p0, k, observed):
    # symplectic Euler for pendulums of different stiffness; squared misfit of the angles
    q, p, J = q0, p0, 0.0
    for obs in observed:
        p = p - DT * k * np.sin(q)
        q = q + DT * p
        J = J + 0.5 * np.sum((q - obs) ** 2)
    return J


def gradient(q0, p0, k, observed):
    qs = [q0]
    q, p = q0, p0
    for obs in observed:
        p = p - DT * k * np.sin(q)
        q = q + DT * p
        qs.append(q)

    # adjoint sweep
    lam_q = np.zeros_like(q0)
    lam_p = np.zeros_like(p0)
    grad_k = np.zeros_like(k)
    for n in range(len(observed), 0, -1):
        lam_q = lam_q + (qs[n] - observed[n - 1])
        lam_p = lam_p + DT * lam_q
        grad_k += -DT * np.sin(qs[n - 1]) * lam_p
        lam_q = lam_q - DT * k * np.cos(qs[n - 1]) * lam_p
    return {"q0": lam_q, "p0": lam_p, "k": grad_k}


def example():
    rng = np.random.default_rng(10)
    return {
        "q0": rng.uniform(-1, 1, 3),
        "p0": rng.uniform(-1, 1, 3),
        "k": rng.uniform(2, 9, 3),
        "observed": rng.normal(size=(8, 3)),
    }
""",
        [
            ("G908|G801", "lam_p = lam_p + DT * lam_q", "lam_p = DT * lam_q"),
            ("G205", "grad_k += -DT * np.sin", "grad_k += DT * np.sin"),
            ("G703", "np.cos(qs[n - 1]) * lam_p", "np.cos(qs[n]) * lam_p"),
            ("G403", "k * np.cos(qs[n - 1]) * lam_p", "k * np.sin(qs[n - 1]) * lam_p"),
            ("G801|G908", "lam_q = lam_q - DT * k", "lam_q = -DT * k"),
        ],
        [
            [
                (
                    "grad_k += -DT * np.sin(qs[n - 1]) * lam_p",
                    "grad_k -= DT * lam_p * np.sin(qs[n - 1])",
                )
            ],
        ],
    )
