"""Unseen files: classifiers, their losses, and policies."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.case import Case
from tests.checking.corpus.unseen_parts import written


def classifiers() -> Iterator[Case]:
    yield from written(
        "softmax-naive-loops",
        """
import numpy as np


def loss(W, X, y, reg):
    num_train = X.shape[0]
    total = 0.0
    for i in range(num_train):
        f = X[i].dot(W)
        f -= np.max(f)
        total += -f[y[i]] + np.log(np.sum(np.exp(f)))
    return total / num_train + 0.5 * reg * np.sum(W * W)


def gradient(W, X, y, reg):
    num_train, num_classes = X.shape[0], W.shape[1]
    dW = np.zeros_like(W)
    for i in range(num_train):
        f = X[i].dot(W)
        f -= np.max(f)
        sum_i = np.sum(np.exp(f))
        for k in range(num_classes):
            p_k = np.exp(f[k]) / sum_i
            dW[:, k] += (p_k - (k == y[i])) * X[i]
    dW /= num_train
    dW += reg * W
    return {"W": dW}


def example():
    np.random.seed(231)
    return {
        "W": np.random.randn(4, 3),
        "X": np.random.randn(7, 4),
        "y": np.array([0, 2, 1, 1, 2, 0, 1]),
        "reg": 0.3,
    }
""",
        [
            ("G302", "dW += reg * W", "dW += 2 * reg * W"),
            ("G802|G801", "dW[:, k] += (p_k", "dW[:, k] = (p_k"),
            ("G703|G000", "(k == y[i])) * X[i]", "(k == y[i] - 1)) * X[i]"),
            ("G203", "dW /= num_train", "dW /= num_classes"),
            ("G205", "(p_k - (k == y[i]))", "((k == y[i]) - p_k)"),
            ("G503|G801|G000", "(p_k - (k == y[i]))", "(p_k - 1) * (k == y[i])"),
        ],
        [
            [("    dW /= num_train\n    dW += reg * W\n", "    dW = dW / num_train + reg * W\n")],
        ],
        [
            ("G301", "    dW += reg * W\n", "", "dW /= num_train"),
        ],
    )
    yield from written(
        "squared-hinge-one-against-all",
        """
import numpy as np


def loss(w, b, x, labels, C):
    signs = np.where(labels[:, None] == np.arange(b.size), 1, -1)
    slack = np.maximum(0, 1 - signs * (x @ w.T + b))
    return 0.5 * np.sum(w**2) + C * np.sum(slack**2)


def gradient(w, b, x, labels, C):
    signs = np.where(labels[:, None] == np.arange(b.size), 1, -1)
    slack = np.maximum(0, 1 - signs * (x @ w.T + b))
    dscore = -2 * C * slack * signs
    return {"w": w + dscore.T @ x, "b": dscore.sum(axis=0)}


def example():
    rng = np.random.default_rng(1995)
    return {
        "w": rng.normal(size=(3, 5)),
        "b": rng.normal(size=3),
        "x": rng.normal(size=(8, 5)),
        "labels": rng.integers(0, 3, 8),
        "C": 0.8,
    }
""",
        [
            ("G204", "dscore = -2 * C * slack", "dscore = -C * slack"),
            ("G403|G404", "slack * signs\n", "(slack > 0) * signs\n"),
            ("G301", '"w": w + dscore.T @ x', '"w": dscore.T @ x'),
            ("G601", "dscore.sum(axis=0)}", "dscore.mean(axis=0)}"),
            ("G304", "dscore.sum(axis=0)}", "b + dscore.sum(axis=0)}"),
            ("G205|G303", "dscore = -2 * C", "dscore = 2 * C"),
        ],
        [
            [("dscore.T @ x", "np.einsum('nk,nd->kd', dscore, x)")],
        ],
    )
    yield from written(
        "multilabel-in-columns",
        """
import numpy as np


def loss(theta, intercept, X, Y, pos_weight, lam):
    # X: d x m, Y: k x m
    Z = theta @ X + intercept
    softplus = np.logaddexp(0, -Z)
    J = np.mean(np.sum(pos_weight * Y * softplus + (1 - Y) * (Z + softplus), axis=0))
    return J + lam / 2 * np.sum(theta**2)


def gradient(theta, intercept, X, Y, pos_weight, lam):
    m = X.shape[1]
    H = 1 / (1 + np.exp(-(theta @ X + intercept)))
    dZ = (pos_weight * Y * (H - 1) + (1 - Y) * H) / m
    return {
        "theta": dZ @ X.T + lam * theta,
        "intercept": np.sum(dZ, axis=1, keepdims=True),
    }


def example():
    rng = np.random.default_rng(19)
    return {
        "theta": rng.normal(size=(3, 4)),
        "intercept": rng.normal(size=(3, 1)),
        "X": rng.normal(size=(4, 9)),
        "Y": (rng.random((3, 9)) < 0.4).astype(float),
        "pos_weight": np.array([[2.0], [1.5], [4.0]]),
        "lam": 0.1,
    }
""",
        [
            ("G000|G206", "dZ = (pos_weight * Y * (H - 1)", "dZ = (Y * (H - 1)"),
            (
                "G000|G403|G206",
                "(pos_weight * Y * (H - 1) + (1 - Y) * H) / m",
                "pos_weight * (H - Y) / m",
            ),
            ("G203", "m = X.shape[1]", "m = X.shape[0]"),
            ("G302", "dZ @ X.T + lam * theta", "dZ @ X.T + lam / m * theta"),
            (
                "G501",
                "(pos_weight * Y * (H - 1) + (1 - Y) * H) / m",
                "(pos_weight * Y * (H - 1) + (1 - Y) * H) * H * (1 - H) / m",
            ),
            ("G601", "np.sum(dZ, axis=1, keepdims=True)", "np.mean(dZ, axis=1, keepdims=True)"),
        ],
        [
            [
                (
                    "    dZ = (pos_weight * Y * (H - 1) + (1 - Y) * H) / m\n",
                    "    dZ = np.where(Y == 1, pos_weight * (H - 1), H) / m\n",
                )
            ],
        ],
    )
    yield from written(
        "focal-many-classes",
        """
import numpy as np


def probabilities(x, w):
    e = np.exp(x @ w)
    return e / e.sum(axis=1, keepdims=True)


def loss(w, x, t, gamma, alpha):
    pt = probabilities(x, w)[np.arange(len(t)), t]
    return np.mean(-alpha[t] * (1 - pt) ** gamma * np.log(pt))


def gradient(w, x, t, gamma, alpha):
    n = len(t)
    p = probabilities(x, w)
    pt = p[np.arange(n), t]
    a = alpha[t]
    # d loss / d pt
    dpt = a * gamma * (1 - pt) ** (gamma - 1) * np.log(pt) - a * (1 - pt) ** gamma / pt
    onehot = np.eye(w.shape[1])[t]
    dz = (dpt * pt)[:, None] * (onehot - p) / n
    return {"w": x.T @ dz}


def example():
    rng = np.random.default_rng(1708)
    return {
        "w": rng.normal(size=(3, 4)),
        "x": rng.normal(size=(7, 3)),
        "t": np.array([0, 1, 2, 3, 2, 0, 1]),
        "gamma": 2.5,
        "alpha": np.array([0.5, 1.0, 0.8, 1.4]),
    }
""",
        [
            (
                "G503",
                "(dpt * pt)[:, None] * (onehot - p) / n",
                "(dpt * pt * (1 - pt))[:, None] * onehot / n",
            ),
            ("G403|G206", "(1 - pt) ** (gamma - 1) * np.log(pt)", "(1 - pt) ** gamma * np.log(pt)"),
            ("G205", "* np.log(pt) - a * (1 - pt)", "* np.log(pt) + a * (1 - pt)"),
            ("G401|G000", "(dpt * pt)[:, None]", "dpt[:, None]"),
            (
                "G801|G000",
                "dpt = a * gamma * (1 - pt) ** (gamma - 1) * np.log(pt) - a *",
                "dpt = -a *",
            ),
        ],
        [
            [
                (
                    "dz = (dpt * pt)[:, None] * (onehot - p) / n",
                    "dz = (onehot - p) * np.expand_dims(dpt * pt / n, 1)",
                )
            ],
        ],
    )
    yield from written(
        "calibration-with-smoothing",
        """
import numpy as np


def loss(log_temp, shift, logits, target, smooth):
    k = logits.shape[1]
    z = logits / np.exp(log_temp) + shift
    logp = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    q = (1 - smooth) * np.eye(k)[target] + smooth / k
    return -(q * logp).sum(axis=1).mean()


def gradient(log_temp, shift, logits, target, smooth):
    n, k = logits.shape
    temp = np.exp(log_temp)
    z = logits / temp + shift
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    q = (1 - smooth) * np.eye(k)[target] + smooth / k
    dz = (p - q) / n
    return {"log_temp": -np.sum(dz * logits) / temp, "shift": dz.sum(axis=0)}


def example():
    rng = np.random.default_rng(321)
    return {
        "log_temp": 0.35,
        "shift": np.array([0.1, -0.4, 0.2, 0.3]),
        "logits": 2 * rng.normal(size=(6, 4)),
        "target": np.array([1, 0, 3, 2, 2, 1]),
        "smooth": 0.1,
    }
""",
        [
            ("G703|G000", "dz = (p - q) / n", "dz = (p - np.eye(k)[target]) / n"),
            ("G401|G206", "-np.sum(dz * logits) / temp,", "-np.sum(dz * logits) / temp**2,"),
            ("G205", "-np.sum(dz * logits) / temp,", "np.sum(dz * logits) / temp,"),
            ("G703|G000", "-np.sum(dz * logits) / temp,", "-np.sum(dz * z),"),
            ("G203|G206", "dz = (p - q) / n", "dz = (p - q) / (n * k)"),
            ("G601|G203", "dz.sum(axis=0)}", "dz.mean(axis=0)}"),
        ],
        [
            [("-np.sum(dz * logits) / temp,", "-np.sum(dz * (z - shift)),")],
        ],
    )
    yield from written(
        "policy-with-entropy",
        """
import numpy as np


def pi(theta, states):
    h = states @ theta
    h = h - h.max(axis=1, keepdims=True)
    return np.exp(h) / np.exp(h).sum(axis=1, keepdims=True)


def loss(theta, states, actions, returns, baseline, beta):
    p = pi(theta, states)
    T = len(actions)
    logp = np.log(p[np.arange(T), actions])
    entropy = -np.sum(p * np.log(p), axis=1)
    return -np.mean((returns - baseline) * logp + beta * entropy)


def gradient(theta, states, actions, returns, baseline, beta):
    p = pi(theta, states)
    T = len(actions)
    advantage = returns - baseline
    grad = np.zeros_like(theta)
    for t in range(T):
        # log pi
        dh = -p[t].copy()
        dh[actions[t]] += 1
        step = advantage[t] * dh
        # entropy
        H = -np.sum(p[t] * np.log(p[t]))
        step -= beta * p[t] * (np.log(p[t]) + H)
        grad += np.outer(states[t], step)
    return {"theta": -grad / T}


def example():
    rng = np.random.default_rng(2013)
    return {
        "theta": rng.normal(size=(4, 3)),
        "states": rng.normal(size=(6, 4)),
        "actions": np.array([0, 2, 1, 1, 0, 2]),
        "returns": np.array([3.0, 1.5, -0.5, 2.2, 0.1, 1.0]),
        "baseline": 1.1,
        "beta": 0.5,
    }
""",
        [
            ("G205", "step -= beta * p[t]", "step += beta * p[t]"),
            ("G503", "p[t] * (np.log(p[t]) + H)", "p[t] * (1 - p[t]) * (np.log(p[t]) + 1)"),
            ("G000|G703", "step = advantage[t] * dh", "step = returns[t] * dh"),
            ("G205", "-grad / T", "grad / T"),
            ("G802", "grad += np.outer", "grad = np.outer"),
        ],
        [
            [("(np.log(p[t]) + H)", "(np.log(p[t]) - p[t] @ np.log(p[t]))")],
        ],
    )
    yield from written(
        "mixture-density-network",
        """
import numpy as np


def forward(W1, b1, W2, b2, x):
    h = np.tanh(x @ W1 + b1)
    a, mu, s = np.split(h @ W2 + b2, 3, axis=1)
    return h, a - a.max(1, keepdims=True), mu, s


def components(a, mu, s, y):
    log_mix = a - np.log(np.exp(a).sum(axis=1, keepdims=True))
    return log_mix - s - 0.5 * ((y[:, None] - mu) / np.exp(s)) ** 2


def loss(W1, b1, W2, b2, x, y):
    _, a, mu, s = forward(W1, b1, W2, b2, x)
    return -np.mean(np.log(np.exp(components(a, mu, s, y)).sum(axis=1)))


def gradient(W1, b1, W2, b2, x, y):
    N = len(y)
    h, a, mu, s = forward(W1, b1, W2, b2, x)
    comp = np.exp(components(a, mu, s, y))
    gamma = comp / comp.sum(axis=1, keepdims=True)
    mix = np.exp(a) / np.exp(a).sum(axis=1, keepdims=True)
    d = (mu - y[:, None]) / np.exp(s)
    ga = mix - gamma
    gmu = gamma * d / np.exp(s)
    gs = gamma * (1 - d**2)
    gout = np.concatenate([ga, gmu, gs], axis=1) / N
    gh = gout @ W2.T * (1 - h**2)
    return {"W1": x.T @ gh, "b1": gh.sum(0), "W2": h.T @ gout, "b2": gout.sum(0)}


def example():
    rng = np.random.default_rng(94)
    K, H, D = 3, 5, 2
    return {
        "W1": rng.normal(size=(D, H)),
        "b1": 0.1 * rng.normal(size=H),
        "W2": 0.5 * rng.normal(size=(H, 3 * K)),
        "b2": 0.1 * rng.normal(size=3 * K),
        "x": rng.normal(size=(7, D)),
        "y": rng.normal(size=7),
    }
""",
        [
            ("G205", "ga = mix - gamma", "ga = gamma - mix"),
            (
                "G704|G705",
                "np.concatenate([ga, gmu, gs], axis=1)",
                "np.concatenate([ga, gs, gmu], axis=1)",
            ),
            ("G401|G403", "gmu = gamma * d / np.exp(s)", "gmu = gamma * d"),
            ("G000|G703", "gs = gamma * (1 - d**2)", "gs = mix * (1 - d**2)"),
            ("G403|G205", "gs = gamma * (1 - d**2)", "gs = gamma * (1 + d**2)"),
        ],
        [
            [("np.concatenate([ga, gmu, gs], axis=1) / N", "np.hstack([ga / N, gmu / N, gs / N])")],
        ],
    )
