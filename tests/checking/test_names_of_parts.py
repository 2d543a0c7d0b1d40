"""Mistakes in a part: of a penalty, of a parameter's entries, of a mask, of what is returned."""

from __future__ import annotations

import pytest
from tests.checking.student_files import load

import chainrule as cr

ROUGH = """
import numpy as np

def loss(f, data, weight):
    # a signal that is near the data and smooth
    step = f[1:] - f[:-1]
    return np.sum((f - data) ** 2) + weight * np.sum(np.log(np.cosh(step)))

def gradient(f, data, weight):
    g = 2 * (f - data)
    t = weight * np.tanh(f[1:] - f[:-1])
    g[1:] += t
    g[:-1] -= t
    return {"f": g}

def example():
    rng = np.random.default_rng(1)
    return {"f": rng.normal(size=8), "data": rng.normal(size=8), "weight": 0.6}
"""

ROLLED = """
import numpy as np

def loss(theta, X, y, lam):
    # the first row of each half are biases, which are not penalised
    A = theta[: len(theta) // 2].reshape(-1, 3)
    B = theta[len(theta) // 2:].reshape(-1, 3)
    out = np.tanh(X @ A[1:] + A[0]) * (X @ B[1:] + B[0])
    penalty = np.sum(A[1:] ** 2) + np.sum(B[1:] ** 2)
    return np.mean((out.sum(axis=1) - y) ** 2) + 0.5 * lam * penalty

def gradient(theta, X, y, lam):
    A = theta[: len(theta) // 2].reshape(-1, 3)
    B = theta[len(theta) // 2:].reshape(-1, 3)
    h, v = np.tanh(X @ A[1:] + A[0]), X @ B[1:] + B[0]
    r = (2 * ((h * v).sum(axis=1) - y) / len(y))[:, None]
    da, db = r * v * (1 - h ** 2), r * h
    gA, gB = np.zeros_like(A), np.zeros_like(B)
    gA[0], gA[1:] = da.sum(axis=0), X.T @ da
    gB[0], gB[1:] = db.sum(axis=0), X.T @ db
    gA[1:] += lam * A[1:]
    gB[1:] += lam * B[1:]
    return {"theta": np.concatenate([gA.ravel(), gB.ravel()])}

def example():
    rng = np.random.default_rng(2)
    return {"theta": rng.normal(size=30), "X": rng.normal(size=(6, 4)), "y": rng.normal(size=6),
            "lam": 0.4}
"""

FRAMED = """
import numpy as np

def loss(images, kernel):
    total = 0.0
    for image in images:
        wide = np.pad(image, 1)
        for r in range(image.shape[0]):
            for c in range(image.shape[1]):
                total += np.sum(wide[r:r + 3, c:c + 3] * kernel) ** 2
    return total

def gradient(images, kernel):
    d_images, d_kernel = np.zeros_like(images), np.zeros_like(kernel)
    for k, image in enumerate(images):
        wide = np.pad(image, 1)
        d_wide = np.zeros_like(wide)
        for r in range(image.shape[0]):
            for c in range(image.shape[1]):
                g = 2 * np.sum(wide[r:r + 3, c:c + 3] * kernel)
                d_kernel += g * wide[r:r + 3, c:c + 3]
                d_wide[r:r + 3, c:c + 3] += g * kernel
        d_images[k] = d_wide[1:-1, 1:-1]
    return {"images": d_images, "kernel": d_kernel}

def example():
    rng = np.random.default_rng(3)
    return {"images": rng.normal(size=(2, 4, 5)), "kernel": rng.normal(size=(3, 3))}
"""

SCALE = """
import numpy as np

def loss(w, log_width, X, y):
    r = (X @ w - y) / np.exp(2 * log_width)
    return 0.5 * np.mean(r ** 2) + 2 * log_width

def gradient(w, log_width, X, y):
    width = np.exp(2 * log_width)
    r = (X @ w - y) / width
    dwidth = -np.mean(r ** 2) / width
    dlog_width = dwidth * 2 * width + 2
    return {"w": X.T @ r / width / len(y), "log_width": dlog_width}

def example():
    rng = np.random.default_rng(4)
    return {"w": rng.normal(size=3), "log_width": 0.3, "X": rng.normal(size=(7, 3)),
            "y": rng.normal(size=7)}
"""

TRIPLES = """
import numpy as np

def loss(W, A, P, N, margin):
    a, p, n = A @ W, P @ W, N @ W
    near, away = np.sum((a - p) ** 2, axis=1), np.sum((a - n) ** 2, axis=1)
    return np.sum(np.maximum(near - away + margin, 0))

def gradient(W, A, P, N, margin):
    a, p, n = A @ W, P @ W, N @ W
    near, away = np.sum((a - p) ** 2, axis=1), np.sum((a - n) ** 2, axis=1)
    on = 2.0 * (near - away + margin > 0)[:, None]
    return {"W": A.T @ (on * (n - p)) - P.T @ (on * (a - p)) + N.T @ (on * (a - n))}

def example():
    rng = np.random.default_rng(5)
    return {"W": rng.normal(size=(4, 3)), "A": rng.normal(size=(9, 4)),
            "P": rng.normal(size=(9, 4)), "N": rng.normal(size=(9, 4)), "margin": 1.0}
"""

COSTS = """
import numpy as np

def loss(w, before, cost):
    return np.sum(w ** 2) + cost * np.sum(np.sqrt((w - before) ** 2 + 1e-4))

def gradient(w, before, cost):
    move = w - before
    gcost = move / np.sqrt(move ** 2 + 1e-4)
    return {"w": 2 * w + cost * gcost}

def example():
    return {"w": np.array([0.4, 0.1, 0.3]), "before": np.array([0.2, 0.3, 0.1]), "cost": 0.2}
"""
#: A variable is called as the gradient of a number is called, and is another number.
STEPS = COSTS.replace("gcost = move", "dcost = 0.5\n    gcost = move")
#: A variable called so is no number at all.
NO_NUMBERS = COSTS.replace(
    "gcost = move",
    "grad_cost, dcost, delta_cost = (lambda w: w), 'euro', [[1], [2, 3]]\n    gcost = move",
)

SLIPS = [
    (TRIPLES, "(near - away + margin > 0)", "(near - away > 0)", "G404"),
    (ROUGH, "g[:-1] -= t", "g[:-1] += t", "G205"),
    (ROLLED, "    gA[1:] += lam * A[1:]\n", "    gA += lam * A\n", "G304"),
    (ROLLED, "    gB[1:] += lam * B[1:]\n", "", "G301"),
    (FRAMED, "d_wide[1:-1, 1:-1]", "d_wide[:-2, :-2]", "G906"),
    (SCALE, "dwidth * 2 * width", "dwidth * 2", "G401"),
    (SCALE, '"w": X.T @ r / width / len(y), "log_width": dlog_width',
     '"w": X.T @ r / width / len(y)', "G107"),
]  # fmt: skip


@pytest.mark.parametrize(
    "source", [ROUGH, ROLLED, FRAMED, SCALE, TRIPLES, COSTS, STEPS, NO_NUMBERS]
)
def test_the_right_file_is_right(source):
    space = load(source)
    assert cr.check(space["loss"], space["gradient"], space["example"]).verdict == "ok"


@pytest.mark.parametrize(("source", "right", "wrong", "code"), SLIPS)
def test_a_mistake_in_a_part_has_its_own_name(source, right, wrong, code):
    assert source.count(right) == 1
    space = load(source.replace(right, wrong))
    report = cr.check(space["loss"], space["gradient"], space["example"])
    assert report.codes == (code,)
