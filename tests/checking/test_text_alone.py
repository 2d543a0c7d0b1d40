"""The change of a gradient's text finds the mistakes of the dictionary without altered passes."""

from __future__ import annotations

import pytest
from tests.checking.student_files import load

import chainrule as cr
from chainrule.checking.search import Search
from chainrule.checking.worked_examples import EDITS

#: Mistakes whose example a change of one expression undoes; G304's is right at its own numbers,
#: where no text is changed.
ONE_EXPRESSION = [
    "G201",
    "G203",
    "G204",
    "G205",
    "G206",
    "G301",
    "G401",
    "G402",
    "G403",
    "G404",
    "G405",
    "G501",
    "G502",
    "G601",
    "G602",
    "G603",
    "G701",
    "G702",
    "G703",
    "G704",
    "G705",
    "G801",
    "G804",
    "G902",
]


@pytest.fixture(autouse=True)
def _without_altered_passes(monkeypatch):
    def explain(search):
        return [], frozenset(search.trials[0].claims) - search.matched(search.states)

    monkeypatch.setattr(Search, "explain", explain)


def checked(source):
    space = load(source)
    return cr.check(space["loss"], space["gradient"], space["example"])


#: A mean of the samples for their sum divides by n once more.
_JOINT = {"G601": "G601 G202"}


@pytest.mark.parametrize("code", ONE_EXPRESSION)
def test_a_change_of_the_text_names_the_mistake_that_it_undoes(code):
    source, right, wrong = EDITS[code]
    edited = source.replace(right, wrong)
    report = checked(edited)
    assert " ".join(report.codes) == _JOINT.get(code, code), str(report)
    assert all(cause.repair_confirmed for cause in report.causes)
    line = edited[: edited.index(wrong)].count("\n") + 1
    if code != "G804":  # an update, found where its effect is
        assert f"line {line}: " in report.causes[0].evidence


FILE = """import numpy as np

def example():
    rng = np.random.default_rng(0)
    return {
        "X": rng.normal(size=(7, 4)), "Y": 1.0 * (rng.random((7, 3)) < 0.5),
        "mask": 2.0 * (rng.random((7, 5)) < 0.5), "W1": rng.normal(size=(4, 5)),
        "b1": rng.normal(size=5), "W2": rng.normal(size=(5, 3)), "b2": rng.normal(size=3),
        "lam": 0.1,
    }

def loss(X, Y, mask, W1, b1, W2, b2, lam):
    z1 = X @ W1 + b1
    h = np.maximum(z1, 0) + 0.5 * np.tanh(z1)
    d = h * mask
    z2 = d @ W2 + b2
    p = 1 / (1 + np.exp(-z2))
    data = -np.mean(np.sum(Y * np.log(p) + (1 - Y) * np.log(1 - p), axis=1))
    return data + lam * np.sum(W1**2)

def gradient(X, Y, mask, W1, b1, W2, b2, lam):
    n = len(X)
    z1 = X @ W1 + b1
    t = np.tanh(z1)
    h = np.maximum(z1, 0) + 0.5 * t
    d = h * mask
    z2 = d @ W2 + b2
    p = 1 / (1 + np.exp(-z2))
    dz2 = (p - Y) / n
    dW2 = d.T @ dz2
    db2 = dz2.sum(axis=0)
    dd = dz2 @ W2.T
    dh = dd * mask
    dz1 = dh * (z1 > 0) + 0.5 * dh * (1 - t**2)
    dW1 = X.T @ dz1 + 2 * lam * W1
    db1 = dz1.sum(axis=0)
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}
"""

# (a part of the gradient, what stands there instead, the code)
SLIPS = [
    ("dz2 = (p - Y) / n", "dz2 = -(p - Y) / n", "G205"),
    ("dz2 = (p - Y) / n", "dz2 = (Y - p) / n", "G205"),
    ("dz2 = (p - Y) / n", "dz2 = 2 * (p - Y) / n", "G204"),
    ("dz2 = (p - Y) / n", "dz2 = (p - Y) / Y.size", "G203"),
    ("dz2 = (p - Y) / n", "dz2 = (p - Y) / (n - 1)", "G203"),
    ("dz2 = (p - Y) / n", "dz2 = (p - Y) * p * (1 - p) / n", "G501"),
    ("(z1 > 0)", "(z1 < 0)", "G404"),
    ("(z1 > 0)", "~(z1 > 0)", "G404"),
    ("dh * (z1 > 0)", "np.where(z1 > 0, 0, dh)", "G404"),
    ("dh * (z1 > 0)", "np.where(dh > 0, dh, 0)", "G404"),
    ("dh * (1 - t**2)", "dh / (1 - t**2)", "G403"),
    ("dh * (1 - t**2)", "dh * (1 - t**2) * (1 - t**2)", "G403"),
    ("(1 - t**2)", "(1 - np.tanh(t) ** 2)", "G402"),
    ("(1 - t**2)", "(1 - z1**2)", "G403"),
    ("(1 - t**2)", "(1 + t**2)", "G403"),
    ("0.5 * dh * (1 - t**2)", "0.5 * (1 - t**2)", "G405"),
    ("dh = dd * mask", "dh = dd", "G901"),
    ("dh = dd * mask", "dh = dd * (mask == 0)", "G902"),
    ("d.T @ dz2", "h.T @ dz2", "G703"),
    ("X.T @ dz1", "X.T @ dh", "G703"),
    ("X.T @ dz1", "X.T @ np.abs(dz1)", "G403"),
    (" + 2 * lam * W1", "", "G301"),
    ("d.T @ dz2", "d.T @ dz2 + lam * W2", "G304"),
    ('"W2": dW2', '"W2": dW2 * lam', "G206"),
    ("dz1.sum(axis=0)", "dz1.mean(axis=0)", "G601 G202"),
    ("dz1.sum(axis=0)", "dz1[0]", "G602"),
    ("dz2.sum(axis=0)", "dz2[-1]", "G602"),
    ("dz1.sum(axis=0)", "dz1.sum(axis=0)[::-1]", "G705"),
    ("X.T @ dz1", "(X.T @ dz1)[:, ::-1]", "G705"),
    ("dz2 @ W2.T", "dz2 @ (W2 - 0.1 * dW2).T", "G804"),
]


LOOPS = """import numpy as np

def example():
    rng = np.random.default_rng(0)
    return {"X": rng.normal(size=(6, 9)), "t": rng.normal(size=6), "k": rng.normal(size=3),
            "V": rng.normal(size=(3, 3)), "U": rng.normal(size=(3, 3))}

def convolved(X, k):
    return np.stack([X[:, i:i + len(k)] @ k for i in range(X.shape[1] - len(k) + 1)], axis=1)

def loss(X, t, k, V, U):
    c = convolved(X, k)
    m = np.max(c, axis=1)
    H = np.tanh(c[:, :3] @ V)
    A = H @ U
    return np.mean((m - t) ** 2) + np.mean(A ** 2)

def gradient(X, t, k, V, U):
    c = convolved(X, k)
    m = np.max(c, axis=1)
    Z = c[:, :3] @ V
    H = np.tanh(Z)
    A = H @ U
    dA = 2 * A / A.size
    dU = H.T @ dA
    dH = dA @ U.T
    dZ = dH * (1 - H ** 2)
    dV = c[:, :3].T @ dZ
    dc = np.zeros_like(c)
    for s in range(len(X)):
        best = np.argmax(c[s])
        dc[s, best] += 2 * (m[s] - t[s]) / len(X)
    dc[:, :3] += dZ @ V.T
    dk = np.zeros_like(k)
    for i in range(c.shape[1]):
        for j in range(len(k)):
            dk[j] += np.sum(dc[:, i] * X[:, i + j])
    return {"k": dk, "V": dV, "U": dU}
"""

SLIPS_IN_LOOPS = [
    ("np.argmax(c[s])", "np.argmin(c[s])", "G907"),
    ("(m[s] - t[s])", "(t[s] - m[s])", "G205"),
    ("dA @ U.T", "dA @ U", "G702"),
    ("dZ @ V.T", "dZ @ V", "G702"),
    ("dU = H.T @ dA", "dU = dA.T @ H", "G701"),
    ("dU = H.T @ dA", "dU = (H.T @ dA).T", "G701"),
    ("dc[:, :3] += dZ", "dc[:, :3] = dZ", "G801"),
    ("(1 - H ** 2)", "(1 - Z ** 2)", "G403"),
    ("(1 - H ** 2)", "(1 - np.tanh(H) ** 2)", "G402"),
    ("dH * (1", "dA * (1", "G703"),
    ("H.T @ dA", "Z.T @ dA", "G703"),
    ("/ len(X)\n    dc", "/ len(t) ** 2\n    dc", "G202"),
    ('"V": dV, "U": dU', '"V": dU, "U": dV', "G704"),
]
CASES = [(FILE, *slip) for slip in SLIPS] + [(LOOPS, *slip) for slip in SLIPS_IN_LOOPS]


@pytest.mark.parametrize(("file", "right", "wrong", "code"), CASES, ids=[x[2] for x in CASES])
def test_a_slip_of_the_pen_has_the_code_of_its_mistake(file, right, wrong, code):
    loss, _, gradient = file.partition("def gradient")
    assert gradient.count(right) == 1
    report = checked(f"{loss}def gradient{gradient.replace(right, wrong)}")
    assert " ".join(report.codes) == code, str(report)
    assert "every gradient is right on probes of different sizes" in report.causes[0].evidence


def test_the_right_text_needs_no_change():
    assert checked(FILE).verdict == "ok"
    assert checked(LOOPS).verdict == "ok"
