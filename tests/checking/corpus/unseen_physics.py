"""Unseen files: energies, positions, graphs and curves of science and engineering."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.case import Case
from tests.checking.corpus.unseen_parts import written


def physics() -> Iterator[Case]:
    yield from written(
        "springs-with-weights",
        """
import numpy as np


def loss(pos, edges, rest, stiffness, mass, anchor, gravity):
    energy = 0.0
    for (i, j), l0, k in zip(edges, rest, stiffness):
        l = np.linalg.norm(pos[i] - pos[j])
        energy += 0.5 * k * (l - l0) ** 2
    energy += gravity * np.sum(mass * pos[:, 1])
    return energy + 5.0 * np.sum((pos[0] - anchor) ** 2)


def gradient(pos, edges, rest, stiffness, mass, anchor, gravity):
    force = np.zeros_like(pos)
    dk = np.zeros_like(stiffness)
    for e, (i, j) in enumerate(edges):
        d = pos[i] - pos[j]
        l = np.linalg.norm(d)
        pull = stiffness[e] * (l - rest[e]) * d / l
        force[i] += pull
        force[j] -= pull
        dk[e] = 0.5 * (l - rest[e]) ** 2
    force[:, 1] += gravity * mass
    force[0] += 10.0 * (pos[0] - anchor)
    return {"pos": force, "stiffness": dk}


def example():
    rng = np.random.default_rng(12)
    return {
        "pos": rng.normal(size=(5, 2)) * 2,
        "edges": np.array([[0, 1], [1, 2], [2, 0], [2, 3], [3, 4], [4, 1]]),
        "rest": np.array([1.0, 1.2, 0.8, 1.5, 1.1, 0.9]),
        "stiffness": np.array([3.0, 2.0, 4.0, 1.5, 2.5, 1.0]),
        "mass": np.array([0.5, 1.0, 0.7, 1.3, 0.9]),
        "anchor": np.array([0.2, 1.0]),
        "gravity": 1.8,
    }
""",
        [
            ("G401|G000", "(l - rest[e]) * d / l", "(l - rest[e]) * d"),
            ("G205", "force[j] -= pull", "force[j] += pull"),
            ("G803|G801", "force[i] += pull", "force[i] = pull"),
            ("G204", "force[0] += 10.0 *", "force[0] += 5.0 *"),
            ("G801", "force[:, 1] += gravity * mass", "force[:, 1] = gravity * mass"),
            ("G603|G703|G000", "force[:, 1] += gravity * mass", "force[:, 0] += gravity * mass"),
        ],
        [
            [("(l - rest[e]) * d / l", "(1 - rest[e] / l) * d")],
        ],
        [
            ("G801", "        force[j] -= pull\n", "", "force[i] += pull"),
            (
                "G107",
                "        dk[e] = 0.5 * (l - rest[e]) ** 2\n",
                "",
                "dk = np.zeros_like(stiffness)",
            ),
        ],
    )
    yield from written(
        "robot-in-a-map",
        """
import numpy as np


def measure(pose, landmarks):
    dx = landmarks[:, 0] - pose[0]
    dy = landmarks[:, 1] - pose[1]
    return np.hypot(dx, dy), np.arctan2(dy, dx) - pose[2]


def loss(pose, landmarks, ranges, bearings, sr, sb):
    r, b = measure(pose, landmarks)
    return np.sum((r - ranges) ** 2) / (2 * sr**2) + np.sum(1 - np.cos(b - bearings)) / sb**2


def gradient(pose, landmarks, ranges, bearings, sr, sb):
    r, b = measure(pose, landmarks)
    dx = landmarks[:, 0] - pose[0]
    dy = landmarks[:, 1] - pose[1]
    er = (r - ranges) / sr**2
    eb = np.sin(b - bearings) / sb**2
    # Jacobian rows: d range / d landmark, d bearing / d landmark
    gx = er * dx / r - eb * dy / r**2
    gy = er * dy / r + eb * dx / r**2
    dpose = np.array([-gx.sum(), -gy.sum(), -eb.sum()])
    return {"pose": dpose, "landmarks": np.column_stack([gx, gy])}


def example():
    return {
        "pose": np.array([0.3, -0.2, 0.4]),
        "landmarks": np.array([[2.0, 1.0], [-1.5, 2.2], [0.8, -2.5], [3.1, -0.7]]),
        "ranges": np.array([2.2, 2.7, 2.5, 2.6]),
        "bearings": np.array([0.1, 1.7, -1.9, -0.4]),
        "sr": 0.5,
        "sb": 0.3,
    }
""",
        [
            ("G205", "gx = er * dx / r - eb * dy", "gx = er * dx / r + eb * dy"),
            ("G403", "+ eb * dx / r**2", "+ eb * dx / r"),
            ("G205", "-gy.sum(), -eb.sum()])", "-gy.sum(), eb.sum()])"),
            ("G703|G000", "gy = er * dy / r + eb * dx", "gy = er * dy / r + eb * dy"),
            ("G401", "gx = er * dx / r - eb", "gx = er * dx - eb"),
            ("G403", "eb = np.sin(b - bearings) / sb**2", "eb = (b - bearings) / sb**2"),
        ],
        [
            [("er * dx / r - eb * dy / r**2", "(er * dx - eb * dy / r) / r")],
        ],
    )
    yield from written(
        "equation-residual-network",
        """
import numpy as np


def loss(a, w, b, t, rate, start, weight):
    # u(t) = sum a tanh(w t + b);  u' + rate * u = sin t;  u(0) = start
    s = np.tanh(np.outer(t, w) + b)
    u = s @ a
    du = ((1 - s**2) * w) @ a
    residual = du + rate * u - np.sin(t)
    u0 = np.tanh(b) @ a
    return np.mean(residual**2) + weight * (u0 - start) ** 2


def gradient(a, w, b, t, rate, start, weight):
    n = len(t)
    s = np.tanh(np.outer(t, w) + b)
    ds = 1 - s**2
    dds = -2 * s * ds
    residual = (ds * w) @ a + rate * (s @ a) - np.sin(t)
    g = 2 * residual / n
    s0 = np.tanh(b)
    g0 = 2 * weight * (s0 @ a - start)

    ga = (ds * w + rate * s).T @ g + g0 * s0
    inner = dds * w + rate * ds  # by the pre-activation
    gb = a * (inner.T @ g) + g0 * a * (1 - s0**2)
    gw = a * (inner.T @ (g * t)) + a * (ds.T @ g)
    grate = g @ (s @ a)
    return {"a": ga, "w": gw, "b": gb, "rate": grate}


def example():
    rng = np.random.default_rng(1998)
    return {
        "a": rng.normal(size=5),
        "w": rng.normal(size=5),
        "b": rng.normal(size=5),
        "t": np.linspace(0.1, 2, 7),
        "rate": 0.7,
        "start": 1.0,
        "weight": 0.3,
    }
""",
        [
            ("G403|G206|G204", "dds = -2 * s * ds", "dds = -2 * s"),
            ("G205|G403", "dds = -2 * s * ds", "dds = 2 * s * ds"),
            ("G801", "(g * t)) + a * (ds.T @ g)", "(g * t))"),
            ("G401", "g0 * a * (1 - s0**2)", "g0 * a"),
            ("G703|G000", "a * (inner.T @ (g * t))", "a * (inner.T @ g)"),
            ("G801|G301", "(ds * w + rate * s).T @ g + g0 * s0", "(ds * w + rate * s).T @ g"),
            ("G000|G801", "inner = dds * w + rate * ds", "inner = dds + rate * ds"),
        ],
        [
            [("grate = g @ (s @ a)", "grate = np.sum(g[:, None] * s * a)")],
        ],
    )
    yield from written(
        "risk-parity",
        """
import numpy as np


def loss(w, cov, mu, previous, aversion, cost):
    m = cov @ w
    share = w * m
    n = len(w)
    parity = np.sum((share - share.sum() / n) ** 2)
    turnover = np.sum(np.sqrt((w - previous) ** 2 + 1e-4))
    return parity + aversion * w @ cov @ w - mu @ w + cost * turnover


def gradient(w, cov, mu, previous, aversion, cost):
    m = cov @ w
    share = w * m
    gap = share - share.mean()
    gshare = 2 * gap
    gparity = gshare * m + cov @ (gshare * w)
    move = w - previous
    gcost = move / np.sqrt(move**2 + 1e-4)
    return {"w": gparity + 2 * aversion * m - mu + cost * gcost}


def example():
    rng = np.random.default_rng(52)
    A = rng.normal(size=(5, 8))
    return {
        "w": np.array([0.4, 0.1, 0.25, 0.15, 0.3]),
        "cov": A @ A.T / 8,
        "mu": np.array([0.3, 0.2, 0.1, 0.25, 0.15]),
        "previous": np.array([0.2, 0.3, 0.15, 0.2, 0.1]),
        "aversion": 0.7,
        "cost": 0.2,
    }
""",
        [
            ("G801", "gparity = gshare * m + cov @ (gshare * w)", "gparity = gshare * m"),
            ("G204", "+ 2 * aversion * m", "+ aversion * m"),
            ("G205", "- mu + cost * gcost", "+ mu + cost * gcost"),
            ("G403|G000", "move / np.sqrt(move**2 + 1e-4)", "move / (move**2 + 1e-4)"),
            ("G703|G000|G204", "cov @ (gshare * w)", "cov @ (gap * w)"),
        ],
        [
            [("cov @ (gshare * w)", "(w * gshare) @ cov")],
        ],
    )
    yield from written(
        "penalised-spline-counts",
        """
import numpy as np


def hats(x, knots):
    h = knots[1] - knots[0]
    u = np.abs(x[:, None] - knots) / h
    near = 2 / 3 - u**2 + u**3 / 2
    far = (2 - u) ** 3 / 6
    return np.where(u < 1, near, np.where(u < 2, far, 0.0))


def loss(c, x, counts, knots, lam):
    eta = hats(x, knots) @ c
    d2 = c[2:] - 2 * c[1:-1] + c[:-2]
    return np.sum(np.exp(eta) - counts * eta) + 0.5 * lam * np.sum(d2**2)


def gradient(c, x, counts, knots, lam):
    B = hats(x, knots)
    mu = np.exp(B @ c)
    g = B.T @ (mu - counts)
    d2 = c[2:] - 2 * c[1:-1] + c[:-2]
    g[2:] += lam * d2
    g[1:-1] -= 2 * lam * d2
    g[:-2] += lam * d2
    return {"c": g}


def example():
    return {
        "c": np.array([0.2, 0.9, -0.3, 1.1, 0.5, -0.2, 0.7]),
        "x": np.linspace(0.05, 0.95, 10),
        "counts": np.array([1, 0, 3, 2, 4, 1, 0, 2, 5, 1]),
        "knots": np.linspace(-0.25, 1.25, 7),
        "lam": 0.8,
    }
""",
        [
            ("G205|G303", "g[1:-1] -= 2 * lam * d2", "g[1:-1] += 2 * lam * d2"),
            ("G302|G204", "g[1:-1] -= 2 * lam * d2", "g[1:-1] -= lam * d2"),
            ("G401", "mu = np.exp(B @ c)", "mu = B @ c"),
            ("G801", "g[2:] += lam * d2", "g[2:] = lam * d2"),
            ("G205", "B.T @ (mu - counts)", "B.T @ (counts - mu)"),
        ],
        [
            [
                (
                    "    d2 = c[2:] - 2 * c[1:-1] + c[:-2]\n    g[2:] += lam * d2\n"
                    "    g[1:-1] -= 2 * lam * d2\n    g[:-2] += lam * d2\n",
                    "    D = np.diff(np.eye(len(c)), 2, axis=0)\n    g += lam * D.T @ D @ c\n",
                )
            ],
        ],
        [
            ("G801|G301", "    g[:-2] += lam * d2\n", "", "g[1:-1] -= 2 * lam * d2"),
        ],
    )
    yield from written(
        "radial-basis-network",
        """
import numpy as np


def phi(X, centers, log_gamma):
    d2 = ((X[:, np.newaxis] - centers) ** 2).sum(-1)
    return np.exp(-np.exp(log_gamma) * d2), d2


def loss(X, t, centers, log_gamma, w, bias):
    G, _ = phi(X, centers, log_gamma)
    e = G @ w + bias - t
    return (e @ e) / (2 * t.size)


def gradient(X, t, centers, log_gamma, w, bias):
    G, d2 = phi(X, centers, log_gamma)
    e = (G @ w + bias - t) / t.size
    E = e[:, np.newaxis] * w * G            # dJ/d(exponent)
    gamma = np.exp(log_gamma)
    dlog_gamma = -(E * d2).sum(0) * gamma
    dcenters = np.empty_like(centers)
    for k in range(len(centers)):
        dcenters[k] = 2 * gamma[k] * (E[:, k] @ (X - centers[k]))
    return {
        "centers": dcenters,
        "log_gamma": dlog_gamma,
        "w": G.T @ e,
        "bias": e.sum(),
    }


def example():
    rng = np.random.default_rng(1988)
    return {
        "X": rng.uniform(-1, 1, (9, 2)),
        "t": rng.normal(size=9),
        "centers": rng.uniform(-1, 1, (4, 2)),
        "log_gamma": np.array([0.1, -0.3, 0.4, 0.2]),
        "w": rng.normal(size=4),
        "bias": 0.3,
    }
""",
        [
            ("G205", "(E[:, k] @ (X - centers[k]))", "(E[:, k] @ (centers[k] - X))"),
            ("G401|G206", "dlog_gamma = -(E * d2).sum(0) * gamma", "dlog_gamma = -(E * d2).sum(0)"),
            ("G401|G000", "E = e[:, np.newaxis] * w * G", "E = e[:, np.newaxis] * w"),
            ("G204", "dcenters[k] = 2 * gamma[k]", "dcenters[k] = gamma[k]"),
            ("G703|G000", "E = e[:, np.newaxis] * w * G", "E = e[:, np.newaxis] * G"),
            ("G601", '"bias": e.sum()', '"bias": e.mean()'),
        ],
        [
            [("(E[:, k] @ (X - centers[k]))", "(X.T @ E[:, k] - E[:, k].sum() * centers[k])")],
        ],
    )
    yield from written(
        "labels-on-a-graph",
        """
import numpy as np


def layer(H, src, dst, norm):
    out = np.zeros_like(H)
    np.add.at(out, dst, norm[:, None] * H[src])
    return out


def loss(W1, W2, X, src, dst, norm, known, label, smooth):
    Z = np.maximum(layer(X @ W1, src, dst, norm), 0)
    S = layer(Z @ W2, src, dst, norm)
    logp = S - np.log(np.exp(S).sum(1, keepdims=True))
    rough = np.sum((S[src] - S[dst]) ** 2)
    return -logp[known, label].mean() + smooth * rough


def gradient(W1, W2, X, src, dst, norm, known, label, smooth):
    A1 = layer(X @ W1, src, dst, norm)
    Z = np.maximum(A1, 0)
    S = layer(Z @ W2, src, dst, norm)
    P = np.exp(S) / np.exp(S).sum(1, keepdims=True)
    G = np.zeros_like(S)
    G[known] = P[known]
    G[known, label] -= 1
    G /= len(known)
    diff = S[src] - S[dst]
    np.add.at(G, src, 2 * smooth * diff)
    np.add.at(G, dst, -2 * smooth * diff)
    # messages go back from target to source
    back = layer(G, dst, src, norm)
    GW2 = Z.T @ back
    GZ = back @ W2.T
    GZ[A1 <= 0] = 0
    GW1 = X.T @ layer(GZ, dst, src, norm)
    return {"W1": GW1, "W2": GW2}


def example():
    rng = np.random.default_rng(2017)
    src = np.array([0, 1, 2, 3, 4, 5, 0, 2, 3, 3, 5, 1])
    dst = np.array([0, 1, 2, 3, 4, 5, 1, 3, 1, 4, 0, 5])
    return {
        "W1": rng.normal(size=(4, 5)),
        "W2": rng.normal(size=(5, 3)),
        "X": rng.normal(size=(6, 4)),
        "src": src,
        "dst": dst,
        "norm": 1 / np.sqrt(np.bincount(src)[src] * np.bincount(dst)[dst]),
        "known": np.array([0, 2, 4, 5]),
        "label": np.array([1, 0, 2, 1]),
        "smooth": 0.03,
    }
""",
        [
            ("G702|G701", "back = layer(G, dst, src, norm)", "back = layer(G, src, dst, norm)"),
            ("G901|G703|G000", "G[known] = P[known]", "G[:] = P"),
            ("G803", "np.add.at(G, src, 2 * smooth * diff)", "G[src] += 2 * smooth * diff"),
            ("G203", "G /= len(known)", "G /= len(X)"),
            ("G404|G703", "GZ[A1 <= 0] = 0", "GZ[GZ <= 0] = 0"),
            ("G703|G000", "GW1 = X.T @ layer(GZ, dst, src, norm)", "GW1 = X.T @ GZ"),
            ("G303|G205", "np.add.at(G, dst, -2 * smooth", "np.add.at(G, dst, 2 * smooth"),
        ],
        [
            [("GZ[A1 <= 0] = 0", "GZ = GZ * (Z > 0)")],
        ],
        [
            (
                "G801|G301",
                "    np.add.at(G, dst, -2 * smooth * diff)\n",
                "",
                "np.add.at(G, src",
            ),
        ],
    )
