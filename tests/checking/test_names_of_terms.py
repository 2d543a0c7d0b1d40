"""Mistakes in a term of a sum: of a formula, of a penalty, of what is added up step by step."""

from __future__ import annotations

import pytest
from tests.checking.student_files import load

import chainrule as cr

COLUMN = """
import numpy as np

def loss(T, X, y, weight):
    # the first column of T belongs to the ones, which are not penalised
    out = np.c_[np.ones(len(X)), X] @ T.T
    return np.sum((out - y) ** 2) / len(X) + weight / len(X) * np.sum(T[:, 1:] ** 2)

def gradient(T, X, y, weight):
    n = len(X)
    wide = np.c_[np.ones(n), X]
    slope = np.zeros_like(T)
    for row, due in zip(wide, y):
        slope += 2 * np.outer(T @ row - due, row)
    slope /= n
    slope[:, 1:] += 2 * weight / n * T[:, 1:]
    return {"T": slope}

def example():
    rng = np.random.default_rng(1)
    return {"T": rng.normal(size=(3, 5)), "X": rng.normal(size=(7, 4)),
            "y": rng.normal(size=(7, 3)), "weight": 0.7}
"""

SCALED = """
import numpy as np

def loss(x, W, V, y):
    root = np.sqrt(np.mean(x ** 2, axis=1, keepdims=True) + 1e-6)
    gate = x / root @ W
    return np.mean((gate / (1 + np.exp(-gate)) @ V - y) ** 2)

def affine_back(x, W, up):
    return up @ W.T, x.T @ up

def gradient(x, W, V, y):
    root = np.sqrt(np.mean(x ** 2, axis=1, keepdims=True) + 1e-6)
    unit = x / root
    gate = unit @ W
    s = 1 / (1 + np.exp(-gate))
    swish = gate * s
    up = 2 * (swish @ V - y) / y.size
    down, dV = affine_back(swish, V, up)
    down = down * (s + swish * (1 - s))
    down, dW = affine_back(unit, W, down)
    dx = (down - unit * np.mean(down * unit, axis=1, keepdims=True)) / root
    return {"x": dx, "W": dW, "V": dV}

def example():
    rng = np.random.default_rng(2)
    return {"x": rng.normal(size=(6, 5)), "W": rng.normal(size=(5, 4)),
            "V": rng.normal(size=(4, 3)), "y": rng.normal(size=(6, 3))}
"""

SPREAD = """
import numpy as np

def spread(k, heat, rounds):
    seen = [heat]
    for _ in range(rounds):
        flow = k * (heat[1:] - heat[:-1])
        after = heat.copy()
        after[1:-1] += flow[1:] - flow[:-1]
        heat = after
        seen.append(heat)
    return seen

def loss(k, heat, seen_last, rounds):
    return np.sum((spread(k, heat, rounds)[-1] - seen_last) ** 2)

def gradient(k, heat, seen_last, rounds):
    seen = spread(k, heat, rounds)
    up = 2 * (seen[-1] - seen_last)
    dk = np.zeros_like(k)
    for before in seen[-2::-1]:
        flow = np.zeros_like(k)
        flow[1:] += up[1:-1]
        flow[:-1] -= up[1:-1]
        dk += flow * (before[1:] - before[:-1])
        down = up.copy()
        down[1:] += k * flow
        down[:-1] -= k * flow
        up = down
    return {"k": dk, "heat": up}

def example():
    rng = np.random.default_rng(3)
    return {"k": rng.uniform(0.1, 0.3, 6), "heat": rng.normal(size=7),
            "seen_last": rng.normal(size=7), "rounds": 3}
"""

STAIRS = """
import numpy as np

def loss(lowest, steps, W, X, y):
    # stairs that all stand on the lowest one
    stairs = np.concatenate([[lowest], lowest + np.cumsum(np.exp(steps))])
    return np.mean((np.tanh(X @ W - stairs) - y) ** 2)

def gradient(lowest, steps, W, X, y):
    stairs = np.concatenate([[lowest], lowest + np.cumsum(np.exp(steps))])
    a = np.tanh(X @ W - stairs)
    da = 2 * (a - y) / y.size * (1 - a ** 2)
    each = -da.sum(axis=0)
    above = np.cumsum(each[::-1])[::-1]
    return {"lowest": each.sum(), "steps": above[1:] * np.exp(steps), "W": X.T @ da}

def example():
    rng = np.random.default_rng(4)
    return {"lowest": 0.3, "steps": rng.normal(size=3), "W": rng.normal(size=(5, 4)),
            "X": rng.normal(size=(8, 5)), "y": rng.normal(size=(8, 4))}
"""

LEVELS = """
import numpy as np

def loss(rate, start, slope, values):
    a = 1 / (1 + np.exp(-rate))
    level, total = start, 0.0
    for value in values:
        miss = value - level - slope
        total += miss ** 2
        level = level + slope + a * miss
    return total / len(values)

def gradient(rate, start, slope, values):
    a = 1 / (1 + np.exp(-rate))
    level, misses = start, []
    for value in values:
        misses.append(value - level - slope)
        level = level + slope + a * misses[-1]
    up, da, d_slope = 0.0, 0.0, 0.0
    for miss in misses[::-1]:
        da += up * miss
        d_miss = 2 * miss / len(misses) + a * up
        d_slope += up - d_miss
        up = up - d_miss
    return {"rate": da * a * (1 - a), "start": up, "slope": d_slope}

def example():
    return {"rate": 0.2, "start": 0.7, "slope": -0.3,
            "values": np.array([0.4, 1.1, -0.6, 0.9, 1.7])}
"""

EVENTS = """
import numpy as np

def loss(log_rate, effect, x, time, event):
    u = log_rate + x @ effect
    return -np.sum(event * log_rate + event * np.tanh(x @ effect) - np.exp(u) * time) / len(x)

def gradient(log_rate, effect, x, time, event):
    n, t = len(x), np.tanh(x @ effect)
    du = np.exp(log_rate + x @ effect) * time / n
    d_rate = du.sum() - event.sum() / n
    return {"log_rate": d_rate, "effect": x.T @ (du - event * (1 - t ** 2) / n)}

def example():
    rng = np.random.default_rng(5)
    return {"log_rate": -0.4, "effect": rng.normal(size=3), "x": rng.normal(size=(8, 3)),
            "time": rng.uniform(0.5, 2, 8), "event": np.array([0, 0, 1, 0, 0, 0, 0, 0.0])}
"""

MARGINS = """
import numpy as np

def loss(w, b, X, sign, cost):
    short = np.maximum(1 - sign * (X @ w + b), 0)
    return cost * np.sum(short ** 2) + 0.5 * w @ w

def gradient(w, b, X, sign, cost):
    short = np.maximum(1 - sign * (X @ w + b), 0)
    up = -2 * cost * sign * short
    return {"w": w + X.T @ up, "b": up.sum()}

def example():
    rng = np.random.default_rng(6)
    return {"w": rng.normal(size=4), "b": 0.2, "X": rng.normal(size=(9, 4)),
            "sign": np.where(rng.random(9) < 0.5, -1.0, 1.0), "cost": 0.8}
"""

TAPS = """
import numpy as np

def slid(x, taps):
    wide = np.pad(x, 1)
    return sum(taps[i] * wide[i:i + len(x)] for i in range(3))

def loss(x, taps, y):
    return np.mean((np.tanh(slid(x, taps)) - y) ** 2)

def gradient(x, taps, y):
    a = np.tanh(slid(x, taps))
    up = 2 * (a - y) / len(y) * (1 - a ** 2)
    wide, wide_up = np.pad(x, 1), np.pad(up, 1)
    d_taps, dx = np.zeros(3), np.zeros_like(x)
    for i in range(3):
        d_taps[i] = up @ wide[i:i + len(x)]
        dx += taps[::-1][i] * wide_up[i:i + len(x)]
    return {"x": dx, "taps": d_taps}

def example():
    rng = np.random.default_rng(7)
    return {"x": rng.normal(size=9), "taps": rng.normal(size=3), "y": rng.normal(size=9)}
"""

TRACKED = """
import numpy as np

def loss(log_q, log_r, phi, y):
    spread, at, total = 1.0, 0.0, 0.0
    for value in y:
        spread = phi ** 2 * spread + np.exp(log_q) + np.exp(log_r)
        at = phi * at
        total = total + 0.5 * (np.log(spread) + (value - at) ** 2 / spread)
    return total

def gradient(log_q, log_r, phi, y):
    spread, at, spreads, places = 1.0, 0.0, [1.0], [0.0]
    for value in y:
        spread = phi ** 2 * spread + np.exp(log_q) + np.exp(log_r)
        at = phi * at
        spreads.append(spread)
        places.append(at)
    up, up_at, dq, d_phi = 0.0, 0.0, 0.0, 0.0
    for t in range(len(y), 0, -1):
        gap = y[t - 1] - places[t]
        up = up + 0.5 * (1 / spreads[t] - gap ** 2 / spreads[t] ** 2)
        up_at = up_at - gap / spreads[t]
        dq += up
        d_phi += 2 * up * phi * spreads[t - 1] + up_at * places[t - 1]
        up, up_at = up * phi ** 2, up_at * phi
    return {"log_q": dq * np.exp(log_q), "log_r": dq * np.exp(log_r), "phi": d_phi}

def example():
    return {"log_q": -0.5, "log_r": 0.1, "phi": 0.7, "y": np.array([0.4, 1.3, -0.5, 0.8, 2.0])}
"""

FILES = [COLUMN, SCALED, SPREAD, STAIRS, LEVELS, EVENTS, MARGINS, TAPS, TRACKED]

SLIPS = [
    (COLUMN, "slope[:, 1:] += 2", "slope[:, 1:] -= 2", {"G303"}),
    (COLUMN, "2 * weight / n * T[:, 1:]", "weight / n * T[:, 1:]", {"G302"}),
    (COLUMN, "2 * weight / n * T[:, 1:]", "2 * weight * T[:, 1:]", {"G302"}),
    (COLUMN, "    slope /= n\n", "", {"G201"}),
    (SCALED, "(s + swish * (1 - s))", "(s + s * (1 - s))", {"G403"}),
    (SCALED, "(down - unit * np.mean(down * unit, axis=1, keepdims=True)) / root", "down / root",
     {"G904"}),
    (SCALED, "affine_back(swish, V, up)", "affine_back(gate, V, up)", {"G703"}),
    (SPREAD, "down = up.copy()", "down = np.zeros_like(up)", {"G801"}),
    (STAIRS, '"lowest": each.sum()', '"lowest": each[0]', {"G801"}),
    (LEVELS, "d_slope += up - d_miss\n        up = up - d_miss",
     "up = up - d_miss\n        d_slope += up - d_miss", {"G000"}),
    (EVENTS, "du.sum() - event.sum() / n", "du.sum()", {"G801"}),
    (TAPS, "taps[::-1][i]", "taps[i]", {"G906"}),
    (TRACKED, "2 * up * phi", "up * phi", {"G204"}),
    (MARGINS, "* short\n    return {", "* (short > 0)\n    return {", {"G403", "G405"}),
]  # fmt: skip


@pytest.mark.parametrize("source", FILES)
def test_the_right_file_is_right(source):
    space = load(source)
    assert cr.check(space["loss"], space["gradient"], space["example"]).verdict == "ok"


@pytest.mark.parametrize(("source", "right", "wrong", "codes"), SLIPS)
def test_a_mistake_in_a_term_has_its_name(source, right, wrong, codes):
    assert source.count(right) == 1
    space = load(source.replace(right, wrong))
    report = cr.check(space["loss"], space["gradient"], space["example"])
    assert set(report.codes) == codes
