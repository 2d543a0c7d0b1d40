"""A share of a gradient that is left out: an addend of the loss, a factor of a product, a use."""

from __future__ import annotations

import pytest
from tests.checking.student_files import load

import chainrule as cr

CODES = """
import numpy as np

def loss(X, noise, A, B, V):
    # a latent variable with a mean and a spread, and their distance from a standard normal
    mean, spread = X @ A, X @ B
    code = mean + np.exp(spread) * noise
    near = 0.5 * np.sum((code @ V - X) ** 2)
    apart = np.sum(0.5 * (mean ** 2 + np.exp(2 * spread) - 1) - spread)
    return (near + apart) / len(X)

def gradient(X, noise, A, B, V):
    mean, spread = X @ A, X @ B
    code = mean + np.exp(spread) * noise
    out = (code @ V - X) / len(X)
    dcode = out @ V.T
    dmean = dcode + mean / len(X)
    dspread = dcode * np.exp(spread) * noise
    dspread += (np.exp(2 * spread) - 1) / len(X)
    return {"A": X.T @ dmean, "B": X.T @ dspread, "V": code.T @ out}

def example():
    rng = np.random.default_rng(3)
    return {"X": rng.normal(size=(6, 5)), "noise": rng.normal(size=(6, 2)),
            "A": rng.normal(size=(5, 2)), "B": 0.3 * rng.normal(size=(5, 2)),
            "V": rng.normal(size=(2, 5))}
"""

RATIO = """
import numpy as np

def loss(w, S, m):
    # a mean over a deviation, to be made large
    return -(m @ w) / (w @ w + w @ S @ w)

def gradient(w, S, m):
    size = w @ w + w @ S @ w
    gain = m @ w
    dsize = gain / size ** 2
    return {"w": -m / size + dsize * (2 * w + 2 * S @ w)}

def example():
    rng = np.random.default_rng(5)
    root = rng.normal(size=(4, 4))
    return {"w": rng.normal(size=4), "S": root @ root.T, "m": rng.normal(size=4)}
"""

WEIGHING = """
import numpy as np

def loss(w, X):
    p = 1 / (1 + np.exp(-X @ w))
    return np.sum(p * np.log(p))

def gradient(w, X):
    p = 1 / (1 + np.exp(-X @ w))
    dp = np.log(p) + 1
    return {"w": X.T @ (dp * p * (1 - p))}

def example():
    rng = np.random.default_rng(6)
    return {"w": rng.normal(size=3), "X": rng.normal(size=(7, 3))}
"""

FRAMES = """
import numpy as np

def loss(W, X, strength):
    return np.sum((X @ W) ** 3) + strength * np.sum((W.T @ W - np.eye(W.shape[1])) ** 2)

def gradient(W, X, strength):
    gap = W.T @ W - np.eye(W.shape[1])
    return {"W": X.T @ (3 * (X @ W) ** 2) + strength * 4 * W @ gap}

def example():
    rng = np.random.default_rng(2)
    return {"W": rng.normal(size=(5, 3)), "X": rng.normal(size=(6, 5)), "strength": 0.7}
"""

PAIRS = """
import numpy as np

def loss(W, X, Z, far):
    gap = np.tanh(X @ W) - np.tanh(Z @ W)
    d = np.sqrt(np.sum(gap ** 2, axis=1) + 0.1)
    return np.mean((d - far) ** 2)

def gradient(W, X, Z, far):
    a, b = np.tanh(X @ W), np.tanh(Z @ W)
    d = np.sqrt(np.sum((a - b) ** 2, axis=1) + 0.1)
    dd = 2 * (d - far) / len(X)
    dgap = (dd / d)[:, None] * (a - b)
    return {"W": X.T @ (dgap * (1 - a ** 2)) - Z.T @ (dgap * (1 - b ** 2))}

def example():
    rng = np.random.default_rng(12)
    return {"W": rng.normal(size=(4, 3)), "X": rng.normal(size=(6, 4)),
            "Z": rng.normal(size=(6, 4)), "far": rng.uniform(0.2, 1.5, size=6)}
"""

SLIPS = [
    (CODES, "    dspread += (np.exp(2 * spread) - 1) / len(X)\n", "", ("G801",)),
    (CODES, "dmean = dcode + mean / len(X)", "dmean = dcode", ("G801",)),
    (RATIO, "-m / size + dsize * (2 * w + 2 * S @ w)", "-m / size + dsize * 2 * S @ w", ("G801",)),
    (WEIGHING, "dp = np.log(p) + 1", "dp = np.log(p)", ("G801",)),
    (FRAMES, "strength * 4 * W @ gap", "strength * 2 * W @ gap", ("G801", "G204")),
    (PAIRS, "(dd / d)[:, None]", "dd[:, None]", ("G401",)),
]


@pytest.mark.parametrize("source", [CODES, RATIO, WEIGHING, FRAMES, PAIRS])
def test_the_right_file_is_right(source):
    space = load(source)
    assert cr.check(space["loss"], space["gradient"], space["example"]).verdict == "ok"


@pytest.mark.parametrize(("source", "right", "wrong", "codes"), SLIPS)
def test_what_is_left_out_is_named(source, right, wrong, codes):
    assert source.count(right) == 1
    space = load(source.replace(right, wrong))
    report = cr.check(space["loss"], space["gradient"], space["example"])
    assert report.codes == codes
