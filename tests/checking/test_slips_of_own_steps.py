"""Slips in steps that the loss computes otherwise, or not at all: what is said of each.

Hardly any of these is one altered rule of the backward pass; most are known by the change of the
text that undoes them.
"""

from __future__ import annotations

import pytest
from tests.checking.corpus.own_steps import FILES
from tests.checking.student_files import load

import chainrule as cr
from chainrule.checking.report import Report

# What is written, what is written instead, and the codes that may be said of it.
TABLE = {
    "tanh taken apart": [
        ("dz = dp * p - dm * m", "dz = dp * p + dm * m", "G205"),
        ("dtop = dh / bottom", "dtop = h / bottom", "G405"),
        ("dtop = dh / bottom", "dtop = dh * bottom", "G403"),
        ("dtop = dh / bottom", "dtop = np.abs(dh) / bottom", "G403"),
        ("dtop = dh / bottom", "dtop = np.tanh(dh) / bottom", "G402"),
        ("dtop = dh / bottom", "dtop = (1 - dh) / bottom", "G403"),
        ("-dh * top", "-np.ones_like(dh) * top", "G405"),
        ("-dh * top", "-1.0 * top", "G405"),
        ("/ bottom ** 2\n    dp", "/ bottom ** 2 * (h > 0)\n    dp", "G404"),
        ("dm = dbottom - dtop", "dm = dbottom", "G801|G000"),
        ("/ bottom ** 2\n    dp", "/ bottom ** 3\n    dp", "G000"),
        ("p, m = np.exp(z), np.exp(-z)", "p, m = np.exp(z), np.exp(z)", "G000"),
    ],
    "tanh taken apart for each sample": [
        ("bottom ** 2", "bottom ** 2 * a * (1 - a)", "G501"),
        ("bottom ** 2", "bottom ** 2 * (1 - a ** 2)", "G403"),
        ("bottom ** 2", "bottom ** 2 * (z > 0)", "G404"),
        ("bottom ** 2", "top ** 2", "G000"),
        ("-dh * top", "-np.ones_like(dh) * top", "G000|G405"),
    ],
    "σ by tanh in the loss, by exp in the gradient": [
        ("p * (1 - p)", "p * (1 - z)", "G403"),
        ("p * (1 - p)", "0.25 * (1 - t)", "G403"),
        ("p * (1 - p)", "np.cos(z)", "G403"),
        ("p * (1 - p)", "np.full_like(p, 0.3)", "G401|G502"),
    ],
    "swish, its loss by tanh": [
        ("d * z * p * (1 - p)", "d * z * p", "G403"),
        ("d * z * p * (1 - p)", "z * p * (1 - p)", "G405"),
        ("dz = d * p +", "dz = d +", "G401|G000"),
        ("dz = d * p +", "dz = d * p * p * (1 - p) +", "G501"),
        ("d * p + d * z", "d * p - d * z", "G205"),
    ],
    "samples in the order of their labels": [
        ("d * X[i]", "d * np.sum(X[i])", "G000"),
        ("d * X[i]", "d * w", "G703"),
        ("db += d", "db += 1", "G000"),
    ],
    "samples that count": [
        ("keep[i] * (p - y[i])", "keep[i] * (p - y[i]) * p * (1 - p)", "G501"),
        ("np.outer(X[i], d)", "np.outer(X[i], d) + 0.1 * W", "G304"),
        ("np.outer(X[i], d)", "np.outer(X[i], p)", "G703"),
        ("1 / (1 + e)", "1 / (1 - e)", "G403"),
        ("dW += np", "dW = np", "G801|G802"),
        ("if keep[i] > 0", "if X[i, 0] > 0", "G404|G902"),
    ],
    "residuals that count above zero only": [
        ("r = np.maximum(r, 0)", "r = np.minimum(r, 0)", "G404"),
        ("not keep[i]", "not y[i] > 0", "G902"),
    ],
    "censored residuals, all at once": [
        ("(1 - keep) * np.maximum(r, 0)\n", "keep * np.maximum(r, 0)\n", "G404|G902"),
        ("d = keep * r", "d = (1 - keep) * r", "G902"),
        ("d = keep * r", "d = y * r", "G902"),
    ],
    "Huber loss by cases": [
        ("g += r * X[i]", "g += X[i]", "G000|G401"),
        ("g -= X[i]", "g += X[i]", "G000|G205"),
        ("elif r > 0", "elif y[i] > 0", "G404"),
        ("np.abs(r) < 1:", "np.abs(r) > 1:", "G404"),
    ],
    "margins of classes": [
        ("if j != y[i]", "if j == y[i]", "G107|G404"),
        ("s[j] - right + 1", "np.minimum(0, s[j] - right + 1)", "G107|G404"),
        ("j] += X[i]", "j] += X[j]", "G703"),
    ],
    "leaky ReLU, assigned where it is negative": [
        ("*= 0.1", "= 0.1", "G405"),
        ("dz[z <= 0]", "dz[z > 0]", "G404"),
    ],
    "leaky ReLU by where": [
        ("(z > 0, 1, 0.1)\n", "(z > 0, 1, -1)\n", "G403"),
        ("(z > 0, 1, 0.1)\n", "(z > 0, z, 0.1)\n", "G403"),
    ],
    "ReLU by its mask, weighted samples": [
        ("2 * weight * (", "2 * (", "G405|G901"),
        ("dh * (z > 0)", "dh", "G401"),
    ],
    "dropout, scaled after the mask": [
        ("h.T @ r", "h.T @ r / 0.8", "G902"),
        ("da = dh * mask / 0.8", "da = dh * mask * 0.8", "G902"),
    ],
    "product of two branches": [
        ("0.2 * W1", "0.2 * d2", "G304"),
        ("np.outer(x, r * a)", "np.outer(x, r * np.tanh(a))", "G402"),
    ],
    "product of two branches, penalised at the end": [
        ("d1 + 0.2 * W1", "d1 + 0.2 * d2", "G304"),
    ],
    "softmax of each sample": [
        ("p * (g - (p * g).sum())", "p * g", "G503"),
        ("p * (g - (p * g).sum())", "g", "G502"),
        ("(p * g).sum())", "g.sum())", "G503"),
    ],
    "layer norm by deviation plus ε": [
        ("dc = dc + dsd * (z - mu) / (m * sd)", "pass", "G904"),
        ("-(dn * (z - mu)).sum(axis=1", "-(dn * (z - mu)).sum(axis=0", "G603"),
        ("dn = d * g", "dn = d", "G000"),
        ("d * n).sum", "d).sum", "G401|G000"),
    ],
    "standardised inputs": [
        ("y * on", "on", "G000"),  # the sign of a sample left out; a flipped mask by chance alone
        ("-Z.T @", "-X.T @", "G703"),
    ],
    "rows by one-hot products": [
        ("np.add.at(dE, ids[:, j], ds)", "dE[ids[:, j]] += ds", "G803"),
        ("np.add.at(dE, ids[:, j], ds)", "dE[ids[:, j]] = ds", "G803"),
        ("s = words.sum(axis=1)", "s = words.mean(axis=1)", "G203"),
        ("s = words.sum(axis=1)", "s = words[:, 0]", "G802|G801"),  # one word of a sample
    ],
    "every point with every other": [
        ("A.sum(axis=0)", "A.T.sum(axis=0)", "G603|G702"),
        ("(A + A.T) @ x", "A @ x", "G000"),
        ("A.sum(axis=1) +", "A.mean(axis=1) +", "G203|G202"),
    ],
    "neighbours in a graph": [
        ("- 2 * A @ x", "- A @ x", "G801|G204"),
        ("2 * (x - aims)", "(x - aims)", "G204"),
    ],
    "quadratic form": [
        ("A @ x - aims}", "A @ x + aims}", "G205"),
    ],
    "counts": [
        ("@ w) - counts", "@ w)", "G801"),
        ("X.T @ (np", "X.T @ np.exp(np", "G402"),
    ],
    "largest of two columns": [
        ("winners * dpooled", "np.ones_like(windows) * dpooled", "G907"),
        ("(winners * dp", "((1 - winners) * dp", "G404|G907"),
    ],
    "mean of two columns": [
        ("axis=1) / 2", "axis=1)", "G907"),
        ("np.repeat(dpooled, 2, axis=1)", "np.tile(dpooled, 2)", "G907"),
    ],
    "largest of two entries, in a loop": [
        ("2 * j + np.argmax(h[2 * j : 2 * j + 2])", "2 * j", "G907"),
        ("dw[best] +=", "dw[best] =", "G801|G803"),
        ("X[i, best]", "X[i, j]", "G703"),
    ],
    "filter over padded columns": [
        ("dh = dp[:, 1:-1]", "dh = dp[:, 2:]", "G906"),
        ("dp[:, 1:-1] += k", "dp[:, 1:-1] = k", "G801"),
    ],
    "filter over images": [
        ("r = np.sum(window * K)", "r = np.sum(window * K.T)", "G702|G906"),
        ("r = np.sum(window * K)", "r = np.sum(window * K[::-1])", "G906"),
    ],
    "images times channels": [
        ("2 * (r *", "2 / 3 * (r *", "G203|G206"),
        ("* images).sum", "* images).mean", "G203"),
    ],
    "recurrence": [
        ("(dh + aims[t])", "dh", "G107|G801"),
        ("(dh + aims[t])", "aims[t]", "G908"),
        ("(1 - hs[t + 1] ** 2)", "(1 - hs[t] ** 2)", "G402|G703"),
    ],
    "recurrence that decays": [
        ("dh = dz * decay", "dh = dz", "G206|G405|G000"),
        ("4 * dh * p * (1 - p)", "4 * dh * p", "G403"),
        ("X[t]\n", "X[t - 1]\n", "G703"),
        ("dh = dz * decay", "dh = dh * decay", "G405|G703"),
    ],
    "Python's own numbers": [
        ("(1 - a ** 2)", "(1 - a)", "G403"),
        ("g = g + 2", "g = 2", "G801|G802"),
    ],
    "result in two steps": [
        ("r.sum()", "None", "G107"),
        ("X.T @ r", "(X.T @ r).reshape(1, -1)", "G101"),
        ("X, y = X * 1.0, y * 1.0\n    X -= 0.0", "X -= X.mean(axis=0)", "G104"),
    ],
}  # fmt: skip


def checked(source: str) -> Report:
    space = load(f"import numpy as np\n{source}")
    return cr.check(space["loss"], space["gradient"], space["example"])


@pytest.mark.parametrize("name", FILES)
def test_the_right_files_are_right(name: str) -> None:
    assert checked(FILES[name]).verdict == "ok"


@pytest.mark.parametrize(
    ("name", "right", "wrong", "codes"),
    [
        pytest.param(name, *row, id=f"{name}: {row[1]}")
        for name, rows in TABLE.items()
        for row in rows
    ],
)
def test_what_is_said_of_a_slip(name: str, right: str, wrong: str, codes: str) -> None:
    source = FILES[name]
    assert source.count(right) == 1
    report = checked(source.replace(right, wrong))
    assert report.verdict == "wrong"
    assert set(report.codes) <= set(codes.split("|")), str(report)
