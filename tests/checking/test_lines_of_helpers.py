"""A helper that returns a wrong derivative is wrong itself, and not the lines that call it."""

from __future__ import annotations

import pytest
from tests.checking.student_files import load

import chainrule as cr

MARK = "  # <-"

FILE = """
import numpy as np

def swish(z):
    return z / (1 + np.exp(-z))

{helper}

def loss(W1, W2, w3, X, y):
    return np.mean((swish(swish(X @ W1) @ W2) @ w3 - y) ** 2)

{gradient}

def example():
    r = np.random.default_rng(3)
    return {{"W1": r.normal(size=(3, 5)), "W2": r.normal(size=(5, 4)), "w3": r.normal(size=4),
             "X": r.normal(size=(7, 3)), "y": r.normal(size=7)}}
"""

HELPERS = {
    "its formula is another one": """
def swish_prime(z):
    s = 1 / (1 + np.exp(-z))
    return s * (1 - s)  # <-
""",
    "it returns the function itself": """
def swish_prime(z):
    return swish(z)  # <-
""",
    "the line before its return is wrong": """
def swish_prime(z):
    s = 1 / (1 + np.exp(z))  # <-
    return s + z * s * (1 - s)
""",
}

GRADIENTS = {
    "of whole arrays": """
def gradient(W1, W2, w3, X, y):
    z1 = X @ W1
    z2 = swish(z1) @ W2
    e = 2 * (swish(z2) @ w3 - y) / len(y)
    dz2 = np.outer(e, w3) * swish_prime(z2)
    dz1 = dz2 @ W2.T * swish_prime(z1)
    return {"W1": X.T @ dz1, "W2": swish(z1).T @ dz2, "w3": swish(z2).T @ e}
""",
    "sample by sample": """
def gradient(W1, W2, w3, X, y):
    dW1, dW2, dw3 = np.zeros_like(W1), np.zeros_like(W2), np.zeros_like(w3)
    for x, target in zip(X, y):
        z1 = x @ W1
        z2 = swish(z1) @ W2
        e = 2 * (swish(z2) @ w3 - target) / len(y)
        dz2 = e * w3 * swish_prime(z2)
        dz1 = W2 @ dz2 * swish_prime(z1)
        dW1 += np.outer(x, dz1)
        dW2 += np.outer(swish(z1), dz2)
        dw3 += swish(z2) * e
    return {"W1": dW1, "W2": dW2, "w3": dw3}
""",
}


@pytest.mark.parametrize("gradient", GRADIENTS)
@pytest.mark.parametrize("helper", HELPERS)
def test_the_wrong_line_is_in_the_helper(helper, gradient):
    source = FILE.format(helper=HELPERS[helper], gradient=GRADIENTS[gradient])
    space = load(source)
    report = cr.check(space["loss"], space["gradient"], space["example"])
    expected = next(n for n, line in enumerate(source.splitlines(), 1) if line.endswith(MARK))
    assert (report.verdict, report.first_wrong_line) == ("wrong", expected)
