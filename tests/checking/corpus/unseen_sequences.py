"""Unseen files: recurrent networks and attention."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.case import Case
from tests.checking.corpus.unseen_parts import written


def sequences() -> Iterator[Case]:
    yield from written(
        "characters-rnn",
        """
import numpy as np


def forward(Wxh, Whh, Why, bh, by, hprev, inputs):
    xs, hs, ps = {}, {-1: np.copy(hprev)}, {}
    for t in range(len(inputs)):
        xs[t] = np.zeros((Wxh.shape[1], 1))
        xs[t][inputs[t]] = 1
        hs[t] = np.tanh(np.dot(Wxh, xs[t]) + np.dot(Whh, hs[t - 1]) + bh)
        y = np.dot(Why, hs[t]) + by
        ps[t] = np.exp(y) / np.sum(np.exp(y))
    return xs, hs, ps


def loss(Wxh, Whh, Why, bh, by, hprev, inputs, targets):
    _, _, ps = forward(Wxh, Whh, Why, bh, by, hprev, inputs)
    return sum(-np.log(ps[t][targets[t], 0]) for t in range(len(inputs)))


def gradient(Wxh, Whh, Why, bh, by, hprev, inputs, targets):
    xs, hs, ps = forward(Wxh, Whh, Why, bh, by, hprev, inputs)
    dWxh, dWhh, dWhy = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros_like(Why)
    dbh, dby = np.zeros_like(bh), np.zeros_like(by)
    dhnext = np.zeros_like(hs[0])
    for t in reversed(range(len(inputs))):
        dy = np.copy(ps[t])
        dy[targets[t]] -= 1  # backprop into y
        dWhy += np.dot(dy, hs[t].T)
        dby += dy
        dh = np.dot(Why.T, dy) + dhnext
        dhraw = (1 - hs[t] * hs[t]) * dh
        dbh += dhraw
        dWxh += np.dot(dhraw, xs[t].T)
        dWhh += np.dot(dhraw, hs[t - 1].T)
        dhnext = np.dot(Whh.T, dhraw)
    return {"Wxh": dWxh, "Whh": dWhh, "Why": dWhy, "bh": dbh, "by": dby, "hprev": dhnext}


def example():
    np.random.seed(2016)
    vocab, hidden = 5, 4
    return {
        "Wxh": np.random.randn(hidden, vocab) * 0.6,
        "Whh": np.random.randn(hidden, hidden) * 0.6,
        "Why": np.random.randn(vocab, hidden) * 0.6,
        "bh": np.random.randn(hidden, 1) * 0.1,
        "by": np.random.randn(vocab, 1) * 0.1,
        "hprev": np.random.randn(hidden, 1) * 0.5,
        "inputs": np.array([0, 3, 1, 1, 4, 2]),
        "targets": np.array([3, 1, 1, 4, 2, 0]),
    }
""",
        [
            ("G908", "dh = np.dot(Why.T, dy) + dhnext", "dh = np.dot(Why.T, dy)"),
            ("G702", "dhnext = np.dot(Whh.T, dhraw)", "dhnext = np.dot(Whh, dhraw)"),
            ("G703", "np.dot(dhraw, hs[t - 1].T)", "np.dot(dhraw, hs[t].T)"),
            ("G401", "dhnext = np.dot(Whh.T, dhraw)", "dhnext = np.dot(Whh.T, dh)"),
            ("G802|G801|G908", "dWhh += np.dot", "dWhh = np.dot"),
            ("G701", "dWhh += np.dot(dhraw, hs[t - 1].T)", "dWhh += np.dot(hs[t - 1], dhraw.T)"),
            ("G403", "(1 - hs[t] * hs[t])", "(1 - hs[t])"),
        ],
        [
            [("dWhh += np.dot(dhraw, hs[t - 1].T)", "dWhh += dhraw * hs[t - 1].ravel()")],
        ],
    )
    yield from written(
        "lstm-of-a-course",
        """
import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def cell(xt, a_prev, c_prev, p):
    concat = np.vstack([a_prev, xt])
    ft = sigmoid(p["Wf"] @ concat + p["bf"])
    it = sigmoid(p["Wi"] @ concat + p["bi"])
    cct = np.tanh(p["Wc"] @ concat + p["bc"])
    ot = sigmoid(p["Wo"] @ concat + p["bo"])
    c_next = ft * c_prev + it * cct
    a_next = ot * np.tanh(c_next)
    return a_next, c_next, (concat, ft, it, cct, ot, c_prev, c_next)


def loss(parameters, x, a0, y):
    a, c = a0, np.zeros_like(a0)
    J = 0.0
    for t in range(x.shape[2]):
        a, c, _ = cell(x[:, :, t], a, c, parameters)
        J += np.sum((a - y[:, :, t]) ** 2) / 2
    return J / x.shape[1]


def cell_backward(da_next, dc_next, cache, p, grads):
    concat, ft, it, cct, ot, c_prev, c_next = cache
    n_a = da_next.shape[0]
    tc = np.tanh(c_next)
    dot = da_next * tc * ot * (1 - ot)
    dc = dc_next + da_next * ot * (1 - tc ** 2)
    dcct = dc * it * (1 - cct ** 2)
    dit = dc * cct * it * (1 - it)
    dft = dc * c_prev * ft * (1 - ft)
    dconcat = 0
    for gate, dgate in (("f", dft), ("i", dit), ("c", dcct), ("o", dot)):
        grads["W" + gate] += dgate @ concat.T
        grads["b" + gate] += np.sum(dgate, axis=1, keepdims=True)
        dconcat += p["W" + gate].T @ dgate
    da_prev = dconcat[:n_a]
    dc_prev = dc * ft
    return da_prev, dc_prev


def gradient(parameters, x, a0, y):
    m, T = x.shape[1], x.shape[2]
    grads = {key: np.zeros_like(value) for key, value in parameters.items()}
    a, c = a0, np.zeros_like(a0)
    states, caches = [], []
    for t in range(T):
        a, c, cache = cell(x[:, :, t], a, c, parameters)
        states.append(a)
        caches.append(cache)
    da_prev = np.zeros_like(a0)
    dc_prev = np.zeros_like(a0)
    for t in reversed(range(T)):
        da = (states[t] - y[:, :, t]) / m
        da_prev, dc_prev = cell_backward(da + da_prev, dc_prev, caches[t], parameters, grads)
    return {"parameters": grads, "a0": da_prev}


def example():
    np.random.seed(1)
    n_x, n_a, m, T = 2, 4, 3, 5
    parameters = {"W" + g: np.random.randn(n_a, n_a + n_x) * 0.7 for g in "fico"}
    parameters.update({"b" + g: np.random.randn(n_a, 1) * 0.5 for g in "fico"})
    return {
        "parameters": parameters,
        "x": np.random.randn(n_x, m, T),
        "a0": np.random.randn(n_a, m),
        "y": np.random.randn(n_a, m, T),
    }
""",
        [
            ("G403", "dft = dc * c_prev * ft * (1 - ft)", "dft = dc * c_prev * (1 - ft ** 2)"),
            ("G908", "dc = dc_next + da_next * ot", "dc = da_next * ot"),
            ("G703", "dft = dc * c_prev * ft", "dft = dc * c_next * ft"),
            ("G000|G401", "dc_prev = dc * ft", "dc_prev = dc"),
            ("G801", "dconcat += p[", "dconcat = p["),
            ("G401", "da_next * ot * (1 - tc ** 2)", "da_next * ot"),
            ("G402|G403", "ot * (1 - tc ** 2)", "ot * (1 - c_next ** 2)"),
            ("G703|G000", "dit = dc * cct * it", "dit = dc * tc * it"),
        ],
        [
            [("dcct = dc * it * (1 - cct ** 2)", "dcct = (1 - np.square(cct)) * (dc * it)")],
        ],
        [
            (
                "G908",
                "cell_backward(da + da_prev, dc_prev, caches",
                "cell_backward(da, dc_prev, caches",
                "cell_backward(da, dc_prev, caches",
            ),
        ],
    )
    yield from written(
        "gru-forecast",
        """
import numpy as np

sig = lambda u: 1 / (1 + np.exp(-u))


def run(Wz, Wr, Wn, Uz, Ur, Un, x):
    h = np.zeros((x.shape[0], Uz.shape[0]))
    steps = []
    for t in range(x.shape[1]):
        z = sig(x[:, t] @ Wz + h @ Uz)
        r = sig(x[:, t] @ Wr + h @ Ur)
        n = np.tanh(x[:, t] @ Wn + (r * h) @ Un)
        steps.append((h, z, r, n))
        h = (1 - z) * n + z * h
    return h, steps


def loss(Wz, Wr, Wn, Uz, Ur, Un, w, x, y):
    h, _ = run(Wz, Wr, Wn, Uz, Ur, Un, x)
    return np.mean((h @ w - y) ** 2)


def gradient(Wz, Wr, Wn, Uz, Ur, Un, w, x, y):
    h, steps = run(Wz, Wr, Wn, Uz, Ur, Un, x)
    B, T, _ = x.shape
    e = 2 * (h @ w - y) / B
    gw = h.T @ e
    gh = np.outer(e, w)
    gWz, gWr, gWn = np.zeros_like(Wz), np.zeros_like(Wr), np.zeros_like(Wn)
    gUz, gUr, gUn = np.zeros_like(Uz), np.zeros_like(Ur), np.zeros_like(Un)
    for t in range(T - 1, -1, -1):
        h, z, r, n = steps[t]
        gn = gh * (1 - z) * (1 - n**2)
        gz = gh * (h - n) * z * (1 - z)
        grh = gn @ Un.T
        gr = grh * h * r * (1 - r)
        gWn += x[:, t].T @ gn
        gUn += (r * h).T @ gn
        gWz += x[:, t].T @ gz
        gUz += h.T @ gz
        gWr += x[:, t].T @ gr
        gUr += h.T @ gr
        gh = gh * z + grh * r + gz @ Uz.T + gr @ Ur.T
    return {
        "Wz": gWz, "Wr": gWr, "Wn": gWn, "Uz": gUz, "Ur": gUr, "Un": gUn, "w": gw,
    }


def example():
    rng = np.random.default_rng(606)
    F, H, B, T = 2, 3, 5, 4
    out = {k: rng.normal(size=(F, H)) for k in ("Wz", "Wr", "Wn")}
    out |= {k: rng.normal(size=(H, H)) for k in ("Uz", "Ur", "Un")}
    out |= {"w": rng.normal(size=H), "x": rng.normal(size=(B, T, F)), "y": rng.normal(size=B)}
    return out
""",
        [
            ("G205", "gz = gh * (h - n) * z", "gz = gh * (n - h) * z"),
            ("G703", "gUn += (r * h).T @ gn", "gUn += h.T @ gn"),
            ("G801|G908", "gh = gh * z + grh * r + gz @ Uz.T", "gh = grh * r + gz @ Uz.T"),
            ("G801", "grh * r + gz @ Uz.T + gr @ Ur.T", "grh * r + gz @ Uz.T"),
            ("G702", "gr @ Ur.T", "gr @ Ur"),
            ("G000|G401", "gh * z + grh * r +", "gh * z + grh +"),
            ("G401", "gn = gh * (1 - z) * (1 - n**2)", "gn = gh * (1 - z)"),
        ],
        [
            [("gn = gh * (1 - z) * (1 - n**2)", "gn = (gh - gh * z) * (1 - n * n)")],
        ],
    )
