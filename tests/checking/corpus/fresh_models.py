"""Fresh files about models with a structure: factors, kernels, mixtures, energies."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.case import Case
from tests.checking.corpus.fresh_parts import written


def models() -> Iterator[Case]:
    yield from written(
        "recommender-sgd",
        """
import numpy as np


def loss(P, Q, bu, bi, mu, ratings, lam):
    total = 0.0
    for u, i, r in ratings:
        u, i = int(u), int(i)
        total += (r - mu - bu[u] - bi[i] - P[u] @ Q[i]) ** 2
    return total + lam * (np.sum(P ** 2) + np.sum(Q ** 2))


def gradient(P, Q, bu, bi, mu, ratings, lam):
    gP, gQ = 2 * lam * P, 2 * lam * Q
    gbu, gbi = np.zeros_like(bu), np.zeros_like(bi)
    for u, i, r in ratings:
        u, i = int(u), int(i)
        err = r - mu - bu[u] - bi[i] - P[u] @ Q[i]
        gbu[u] -= 2 * err
        gbi[i] -= 2 * err
        gP[u] -= 2 * err * Q[i]
        gQ[i] -= 2 * err * P[u]
    return {"P": gP, "Q": gQ, "bu": gbu, "bi": gbi}


def example():
    rng = np.random.default_rng(2009)
    pairs = [(0, 1), (0, 3), (1, 0), (1, 3), (2, 2), (3, 1), (4, 4), (4, 3), (2, 5)]
    return {
        "P": rng.normal(size=(5, 3)),
        "Q": rng.normal(size=(6, 3)),
        "bu": rng.normal(size=5),
        "bi": rng.normal(size=6),
        "mu": 3.4,
        "ratings": np.array([(u, i, rng.integers(1, 6)) for u, i in pairs], dtype=float),
        "lam": 0.2,
    }
""",
        [
            ("G204", "gbu[u] -= 2 * err", "gbu[u] -= err"),
            ("G703|G704", "gQ[i] -= 2 * err * P[u]", "gQ[i] -= 2 * err * Q[i]"),
            ("G302", "gP, gQ = 2 * lam * P, 2 * lam * Q", "gP, gQ = lam * P, lam * Q"),
            ("G803|G801", "gbi[i] -= 2 * err", "gbi[i] = -2 * err"),
            ("G205", "gP[u] -= 2 * err * Q[i]", "gP[u] += 2 * err * Q[i]"),
        ],
        [
            [("gP[u] -= 2 * err * Q[i]", "gP[u] += -2 * err * Q[i]")],
        ],
        [
            (
                "G804",
                "        gP[u] -= 2 * err * Q[i]\n        gQ[i] -= 2 * err * P[u]\n",
                "        gP[u] -= 2 * err * Q[i]\n"
                "        gQ[i] -= 2 * err * (P[u] - 0.1 * gP[u])\n",
                "gQ[i] -= 2 * err * (P",
            ),
        ],
    )
    yield from written(
        "gaussian-process",
        """
import numpy as np


def kernel(x, log_ell, log_sf):
    D2 = (x[:, None] - x[None, :]) ** 2
    return np.exp(2 * log_sf) * np.exp(-0.5 * D2 / np.exp(2 * log_ell)), D2


def loss(log_ell, log_sf, log_sn, x, y):
    # negative log marginal likelihood (Rasmussen and Williams, eq. 5.8)
    K, _ = kernel(x, log_ell, log_sf)
    Ky = K + np.exp(2 * log_sn) * np.eye(len(x))
    sign, logdet = np.linalg.slogdet(Ky)
    return 0.5 * y @ np.linalg.solve(Ky, y) + 0.5 * logdet + 0.5 * len(x) * np.log(2 * np.pi)


def gradient(log_ell, log_sf, log_sn, x, y):
    n = len(x)
    K, D2 = kernel(x, log_ell, log_sf)
    Kinv = np.linalg.inv(K + np.exp(2 * log_sn) * np.eye(n))
    a = Kinv @ y
    inner = np.outer(a, a) - Kinv
    dK_ell = K * D2 / np.exp(2 * log_ell)
    dK_sf = 2 * K
    dK_sn = 2 * np.exp(2 * log_sn) * np.eye(n)
    return {
        "log_ell": -0.5 * np.trace(inner @ dK_ell),
        "log_sf": -0.5 * np.trace(inner @ dK_sf),
        "log_sn": -0.5 * np.trace(inner @ dK_sn),
    }


def example():
    rng = np.random.default_rng(2006)
    x = np.sort(rng.uniform(-3, 3, 7))
    y = np.sin(x) + 0.2 * rng.normal(size=7)
    return {"log_ell": 0.1, "log_sf": -0.2, "log_sn": -1.0, "x": x, "y": y}
""",
        [
            ("G204", "dK_sf = 2 * K", "dK_sf = K"),
            ("G205", '"log_ell": -0.5 * np', '"log_ell": 0.5 * np'),
            ("G801|G000", "inner = np.outer(a, a) - Kinv", "inner = np.outer(a, a)"),
            (
                "G206|G401",
                "2 * np.exp(2 * log_sn) * np.eye(n)\n    return",
                "2 * np.eye(n)\n    return",
            ),
            ("G403|G206", "K * D2 / np.exp(2 * log_ell)", "K * D2 / np.exp(3 * log_ell)"),
        ],
        [
            [("np.trace(inner @ dK_ell)", "np.sum(inner * dK_ell)")],
        ],
    )
    yield from written(
        "mixture-of-gaussians",
        """
import numpy as np


def log_joint(x, logits, means, log_sigma):
    log_pi = logits - np.log(np.sum(np.exp(logits)))
    z = (x[:, None] - means) / np.exp(log_sigma)
    return log_pi - 0.5 * z**2 - log_sigma - 0.5 * np.log(2 * np.pi), z


def loss(x, logits, means, log_sigma):
    lj, _ = log_joint(x, logits, means, log_sigma)
    return -np.mean(np.log(np.sum(np.exp(lj), axis=1)))


def gradient(x, logits, means, log_sigma):
    n = x.size
    lj, z = log_joint(x, logits, means, log_sigma)
    resp = np.exp(lj)
    resp = resp / resp.sum(axis=1, keepdims=True)
    pi = np.exp(logits) / np.sum(np.exp(logits))
    g_logits = pi - resp.mean(axis=0)
    g_means = -(resp * z / np.exp(log_sigma)).sum(axis=0) / n
    g_log_sigma = (resp * (1 - z**2)).sum(axis=0) / n
    return {"logits": g_logits, "means": g_means, "log_sigma": g_log_sigma}


def example():
    rng = np.random.default_rng(1894)
    return {
        "x": np.concatenate([rng.normal(-2, 1, 4), rng.normal(1, 0.5, 6)]),
        "logits": np.array([0.3, -0.4, 0.2]),
        "means": np.array([-1.5, 0.4, 2.0]),
        "log_sigma": np.array([0.2, -0.3, 0.4]),
    }
""",
        [
            ("G603", "resp.sum(axis=1, keepdims=True)", "resp.sum(axis=0, keepdims=True)"),
            ("G401|G206|G000", "z / np.exp(log_sigma)).sum", "z).sum"),
            ("G205", "g_logits = pi - resp.mean(axis=0)", "g_logits = resp.mean(axis=0) - pi"),
            ("G201", "(resp * (1 - z**2)).sum(axis=0) / n", "(resp * (1 - z**2)).sum(axis=0)"),
            ("G405|G000", "(resp * (1 - z**2)).sum(axis=0)", "(1 - z**2).sum(axis=0)"),
        ],
        [
            [("(resp * (1 - z**2)).sum(axis=0) / n", "np.mean(resp - resp * z * z, axis=0)")],
        ],
    )
    yield from written(
        "lennard-jones",
        """
import numpy as np


def loss(positions, epsilon, sigma):
    # total energy of a small cluster
    diff = positions[:, None, :] - positions[None, :, :]
    r2 = np.einsum("ijk,ijk->ij", diff, diff)
    i, j = np.triu_indices(len(positions), k=1)
    s6 = (sigma**2 / r2[i, j]) ** 3
    return 4 * epsilon * np.sum(s6**2 - s6)


def gradient(positions, epsilon, sigma):
    n = len(positions)
    g = np.zeros((n, 3))
    d_eps = 0.0
    d_sig = 0.0
    for i in range(n):
        for j in range(i + 1, n):
            rij = positions[i] - positions[j]
            r2 = rij @ rij
            s6 = (sigma**2 / r2) ** 3
            dE_ds6 = 4 * epsilon * (2 * s6 - 1)
            dE_dr = dE_ds6 * (-6 * s6 / r2) * rij
            g[i] += dE_dr
            g[j] -= dE_dr
            d_eps += 4 * (s6**2 - s6)
            d_sig += dE_ds6 * 6 * s6 / sigma
    return {"positions": g, "epsilon": d_eps, "sigma": d_sig}


def example():
    rng = np.random.default_rng(1924)
    grid = np.array([[0, 0, 0], [1.2, 0, 0], [0, 1.3, 0], [0, 0, 1.1], [1.2, 1.1, 0.1]])
    return {"positions": grid + 0.05 * rng.normal(size=grid.shape), "epsilon": 0.9, "sigma": 1.05}
""",
        [
            ("G205", "(-6 * s6 / r2) * rij", "(6 * s6 / r2) * rij"),
            ("G205|G801", "g[j] -= dE_dr", "g[j] += dE_dr"),
            ("G204|G206", "(-6 * s6 / r2) * rij", "(-3 * s6 / r2) * rij"),
            ("G801|G802", "g[i] += dE_dr", "g[i] = dE_dr"),
            ("G206|G403", "d_sig += dE_ds6 * 6 * s6 / sigma", "d_sig += dE_ds6 * 6 * s6"),
        ],
        [
            [("dE_dr = dE_ds6 * (-6 * s6 / r2) * rij", "dE_dr = -6 * dE_ds6 * s6 * rij / r2")],
        ],
    )
    yield from written(
        "pca-reconstruction",
        """
import numpy as np


def loss(W, X, lam):
    # reconstruction error of centred data plus a soft orthonormality penalty
    Xc = X - X.mean(axis=0)
    R = Xc @ W @ W.T - Xc
    S = W.T @ W - np.eye(W.shape[1])
    return np.sum(R ** 2) / (2 * len(X)) + lam / 4 * np.sum(S ** 2)


def gradient(W, X, lam):
    Xc = X - X.mean(axis=0)
    R = Xc @ W @ W.T - Xc
    S = W.T @ W - np.eye(W.shape[1])
    G = (Xc.T @ R @ W + R.T @ Xc @ W) / len(X)
    G += lam * W @ S
    return {"W": G}


def example():
    rng = np.random.default_rng(1901)
    X = rng.normal(size=(10, 5)) @ np.diag([3, 2, 1, 0.5, 0.2]) + 4.0
    return {"W": rng.normal(scale=0.5, size=(5, 2)), "X": X, "lam": 2.0}
""",
        [
            ("G801", "(Xc.T @ R @ W + R.T @ Xc @ W)", "(Xc.T @ R @ W)"),
            ("G204|G302", "G += lam * W @ S", "G += lam / 2 * W @ S"),
            ("G205", "R.T @ Xc @ W) / len(X)", "R.T @ Xc @ W) / -len(X)"),
            ("G303|G205", "G += lam * W @ S", "G -= lam * W @ S"),
            ("G203", "R.T @ Xc @ W) / len(X)", "R.T @ Xc @ W) / R.size"),
        ],
        [
            [("(Xc.T @ R @ W + R.T @ Xc @ W)", "(Xc.T @ R + R.T @ Xc) @ W")],
        ],
    )
    yield from written(
        "portfolio-softmax",
        """
import numpy as np


def weights(theta):
    e = np.exp(theta - theta.max())
    return e / e.sum()


def loss(theta, mean, cov, previous, risk_aversion, cost):
    w = weights(theta)
    variance = w @ cov @ w
    turnover = np.sum((w - previous) ** 2)
    return -mean @ w + risk_aversion * variance + cost * turnover


def gradient(theta, mean, cov, previous, risk_aversion, cost):
    w = weights(theta)
    dw = -mean
    dw = dw + 2 * risk_aversion * cov @ w
    dw = dw + 2 * cost * (w - previous)
    dtheta = w * (dw - w @ dw)
    return {"theta": dtheta}


def example():
    rng = np.random.default_rng(1952)
    returns = rng.normal(0.05, 0.3, size=(12, 5))
    return {
        "theta": rng.normal(size=5),
        "mean": returns.mean(axis=0),
        "cov": np.cov(returns.T),
        "previous": np.full(5, 0.2),
        "risk_aversion": 3.0,
        "cost": 0.5,
    }
""",
        [
            ("G503", "w * (dw - w @ dw)", "w * (1 - w) * dw"),
            ("G205", "    dw = -mean", "    dw = mean"),
            ("G204|G801", "2 * risk_aversion * cov @ w", "risk_aversion * cov @ w"),
            ("G801", "dw = dw + 2 * cost", "dw = 2 * cost"),
            ("G401|G503", "dtheta = w * (dw - w @ dw)", "dtheta = dw"),
        ],
        [
            [("w * (dw - w @ dw)", "(np.diag(w) - np.outer(w, w)) @ dw")],
        ],
    )
