"""Batch and layer normalisation whose steps stand one by one, scaled before they are divided."""

from __future__ import annotations

import pytest
from tests.checking.student_files import load

import chainrule as cr

BATCH = """
import numpy as np

def loss(X, T, W, scale, shift):
    Z = X @ W
    centred = Z - Z.mean(axis=0)
    var = (centred ** 2).mean(axis=0)
    H = scale * centred * (var + 1e-5) ** -0.5 + shift
    return np.mean(np.sum((H - T) ** 2, axis=1))

def gradient(X, T, W, scale, shift):
    n = len(X)
    Z = X @ W
    centred = Z - Z.mean(axis=0)
    var = (centred ** 2).mean(axis=0)
    root = (var + 1e-5) ** -0.5
    H = scale * centred * root + shift
    dH = 2 * (H - T) / n
    dcentred = dH * scale * root
    dvar = np.sum(dH * scale * centred, axis=0) * -0.5 * (var + 1e-5) ** -1.5
    dcentred = dcentred + 2 * centred * dvar / n
    dZ = dcentred - dcentred.sum(axis=0) / n
    return {"W": X.T @ dZ, "scale": np.sum(dH * centred * root, axis=0), "shift": dH.sum(axis=0)}

def example():
    rng = np.random.default_rng(7)
    return {"X": rng.normal(size=(6, 4)), "T": rng.normal(size=(6, 3)),
            "W": rng.normal(size=(4, 3)), "scale": rng.normal(size=3), "shift": rng.normal(size=3)}
"""

ROWS = """
import numpy as np

def loss(X, T, W, scale):
    total = 0.0
    for x, t in zip(X, T):
        z = W @ x
        less = z - np.mean(z)
        total += 0.5 * np.sum((scale * less / np.sqrt(np.sum(less ** 2) / (len(z) - 1)) - t) ** 2)
    return total / len(X)

def gradient(X, T, W, scale):
    dW, dscale = np.zeros_like(W), np.zeros_like(scale)
    for x, t in zip(X, T):
        z = W @ x
        d = len(z)
        less = z - np.mean(z)
        std = np.sqrt(np.sum(less ** 2) / (d - 1))
        g = (scale * less / std - t) / len(X)
        dscale += g * less / std
        dless = g * scale / std
        dless += -np.sum(g * scale * less) / std ** 3 * less / (d - 1)
        dz = dless - np.mean(dless)
        dW += np.outer(dz, x)
    return {"W": dW, "scale": dscale}

def example():
    rng = np.random.default_rng(9)
    return {"X": rng.normal(size=(5, 3)), "T": rng.normal(size=(5, 6)),
            "W": rng.normal(size=(6, 3)), "scale": rng.normal(size=6)}
"""

SLIPS = [
    (BATCH, "dZ = dcentred - dcentred.sum(axis=0) / n", "dZ = dcentred", "G903"),
    (BATCH, "dcentred = dcentred + 2 * centred * dvar / n", "dcentred = dcentred", "G904"),
    (BATCH, "2 * centred * dvar / n", "2 * centred * dvar / (n - 1)", "G905"),
    (ROWS, "dz = dless - np.mean(dless)", "dz = dless", "G903"),
    (ROWS, "        dless += -np.sum(g * scale * less) / std ** 3 * less / (d - 1)\n", "", "G904"),
    (ROWS, "* less / (d - 1)\n", "* less / d\n", "G905"),
]


@pytest.mark.parametrize("source", [BATCH, ROWS])
def test_the_right_file_is_right(source):
    space = load(source)
    assert cr.check(space["loss"], space["gradient"], space["example"]).verdict == "ok"


@pytest.mark.parametrize(("source", "right", "wrong", "code"), SLIPS)
def test_a_path_of_a_standardisation_is_known_by_its_steps(source, right, wrong, code):
    assert source.count(right) == 1
    space = load(source.replace(right, wrong))
    report = cr.check(space["loss"], space["gradient"], space["example"])
    assert report.codes == (code,)
