"""The changes of a statement's text, and the line that a change shows where true values do not."""

from __future__ import annotations

import ast

import pytest
from tests.checking.student_files import load

import chainrule as cr
from chainrule.checking import diagnosis
from chainrule.checking.localisation import first_wrong
from chainrule.checking.repairs.atoms import is_quiet
from chainrule.checking.repairs.changes import UNNAMED, changes_of, slips
from chainrule.checking.repairs.expressions import Around
from chainrule.checking.repairs.sites import Unit, sites_of
from chainrule.engine.errors import ChainruleError

# --- one list of changes -------------------------------------------------------------------------

KINDS = [
    ("d = a - y", "sides", "y - a"),
    ("d = a - y", "term sign", "a + y"),
    ("d = a * b", "divide", "a / b"),
    ("d = a * 2", "number left out", "a"),
    ("d = a * b * y", "factor left out", "b * y"),
    ("d = a * b * (1 - b)", "formula", "a * (1 - b ** 2)"),
    ("d = a * np.tanh(b)", "formula", "a * (b > 0)"),
    ("d = a ** 2", "power", "a ** 3"),
    ("d = np.sum(a, axis=0)", "function", "np.mean(a, axis=0)"),
    ("d = np.exp(a)", "sister", "np.log(a)"),
    ("d = np.exp(a)", "function left out", "a"),
    ("d = a.sum(axis=(0, 2))", "axis", "a.sum(axis=(0, 1))"),
    ("d = a.T @ b", "order", "b @ a.T"),
    ("d = a.T @ b", "transposed", "a"),
    ("d = a[y]", "index", "y + 1"),
    ("d = a > 0", "comparison", "a >= 0"),
    ("d = a if y else b", "branch", "b"),
    ("d = -a", "sign", "a"),
    ("d = {'a': b, 'b': a}", "swapped", "a, b"),
    ("d = b", "accumulate", "d += b"),
    ("d[y] = b", "every index", "__import__('numpy').add.at(d, y, b)"),
    ("d += b", "assign", "d = b"),
    ("d /= b", "divide", "d *= b"),
]


def _sites(statement):
    top = ast.parse(f"def f(a, b, d, y):\n    {statement}\n    return d").body[0]
    return top, list(sites_of(Unit(top, "", 0)))


@pytest.mark.parametrize(("statement", "kind", "changed"), KINDS)
def test_a_change_has_its_kind_and_leaves_nothing_behind(statement, kind, changed):
    top, (site, *_) = _sites(statement)
    before = ast.unparse(top)
    every = list(changes_of(site, Around(), lambda place: ()))
    assert changed in [each.after for each in every if each.kind == kind]
    for each in every:
        with each.made(site):
            compile(ast.fix_missing_locations(ast.Module([top], [])), "<changed>", "exec")
    assert ast.unparse(top) == before


@pytest.mark.parametrize(
    ("text", "quiet"),
    [
        ("a.sum(axis=0)", True),
        ("rng.rand(3)", False),
        ("np.random.rand(3)", False),
        ("np.random.RandomState(1).rand(3) < a", True),
        ("states.pop()", False),
        ("next(rows)", False),
        ("np.random.default_rng(seed)", True),
        ("a[..., (b := 1)]", False),
    ],
)
def test_what_would_change_the_run_is_not_looked_at(text, quiet):
    assert is_quiet(ast.parse(text, mode="eval").body) is quiet


@pytest.mark.parametrize("statement", dict.fromkeys(row[0] for row in KINDS))
def test_what_names_a_mistake_is_part_of_what_shows_a_line(statement):
    _, (site, *_) = _sites(statement)
    every = {(each.kind, each.after) for each in changes_of(site, Around(), lambda place: ())}
    named = {(each.kind, each.after) for each in slips(site, {}, ())}
    assert named == {each for each in every if each[0] not in UNNAMED} - {
        (each.kind, each.after)
        for each in changes_of(site, Around(), lambda place: ())
        if each.place is not None
        and each.place in [*site.settings()]
        and not each.place.in_index  # which entries are written to
    }


# --- lines ---------------------------------------------------------------------------------------

HEAD = "import numpy as np\n\n"
WEIGHTED = (
    HEAD
    + """def residuals(A, y, x):
    return A @ x - y

def loss(A, y, x):
    return 1.125 * np.mean(np.log(1 + (residuals(A, y, x) / 1.5) ** 2))

def gradient(A, y, x):
    r = residuals(A, y, x)
    weights = 1 / (1 + (r / 1.5) ** 2)
    return {"x": A.T @ (weights * r) / len(A)}

def example():
    rng = np.random.default_rng(4)
    return {"A": rng.normal(size=(8, 4)), "y": 3 * rng.normal(size=8), "x": rng.normal(size=4)}
"""
)
SCORES = (
    HEAD
    + """def loss(x, y, Wq, Wk):
    q, k = x @ Wq, x @ Wk
    scores = q @ k.T / np.sqrt(q.shape[1])
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    return 0.5 * np.sum((e / e.sum(axis=1, keepdims=True) @ x - y) ** 2)

def gradient(x, y, Wq, Wk):
    q, k = x @ Wq, x @ Wk
    d = q.shape[1]
    scores = q @ k.T / np.sqrt(d)
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    dp = (p @ x - y) @ x.T
    dscores = p * (dp - (dp * p).sum(axis=1, keepdims=True)) / np.sqrt(d)
    both = np.concatenate([dscores @ k, dscores.T @ q], axis=1)
    dW = x.T @ both
    return {"Wq": dW[:, :d], "Wk": dW[:, d:]}

def example():
    rng = np.random.default_rng(6)
    return {"x": rng.normal(size=(5, 3)), "y": rng.normal(size=(5, 3)),
            "Wq": rng.normal(size=(3, 2)), "Wk": rng.normal(size=(3, 2))}
"""
)
STRIDED = (
    HEAD
    + """STEP = 2

def loss(s, t, k):
    out = np.stack([s[:, i:i + 3] @ k for i in range(0, s.shape[1] - 2, STEP)], axis=1)
    return 0.5 * np.sum((np.tanh(out) - t) ** 2)

def gradient(s, t, k):
    out = np.stack([s[:, i:i + 3] @ k for i in range(0, s.shape[1] - 2, STEP)], axis=1)
    d = (np.tanh(out) - t) * (1 - np.tanh(out) ** 2)
    dk = np.zeros_like(k)
    for i in range(d.shape[1]):
        start = i * STEP
        for j in range(3):
            dk[j] += np.sum(d[:, i] * s[:, start + j])
    return {"k": dk}

def example():
    rng = np.random.default_rng(2)
    return {"s": rng.normal(size=(4, 7)), "t": rng.normal(size=(4, 3)), "k": rng.normal(size=3)}
"""
)
TWO_HEADS = (
    HEAD
    + """def loss(X, y, t, W, u, v):
    h = np.tanh(X @ W)
    return 0.5 * np.mean((h @ u - y) ** 2 + (h @ v - t) ** 2)

def gradient(X, y, t, W, u, v):
    n = len(X)
    h = np.tanh(X @ W)
    du, dv = (h @ u - y) / n, (h @ v - t) / n
    dh = np.outer(du, u)
    dh += np.outer(dv, v)
    dh *= 1 - h ** 2
    dW, gu, gv = np.zeros_like(W), np.zeros_like(u), np.zeros_like(v)
    for i in range(n):
        dW += np.outer(X[i], dh[i])
        gu += h[i] * du[i]
        gv += h[i] * dv[i]
    return {"W": dW, "u": gu, "v": gv}

def example():
    rng = np.random.default_rng(5)
    return {"X": rng.normal(size=(6, 4)), "y": rng.normal(size=6), "t": rng.normal(size=6),
            "W": rng.normal(size=(4, 3)), "u": rng.normal(size=3), "v": rng.normal(size=3)}
"""
)
SLOPES = (
    HEAD
    + """def bend(z):
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))

def slope(z):
    return 1 / (1 + np.exp(-z))

def loss(X, y, U, v):
    return np.sum((bend(X @ U) @ v - y) ** 2) / 2

def gradient(X, y, U, v):
    Z = X @ U
    r = bend(Z) @ v - y
    dZ = np.outer(r, v) * slope(Z)
    return {"U": X.T @ dZ, "v": bend(Z).T @ r}

def example():
    rng = np.random.default_rng(7)
    return {"X": rng.normal(size=(6, 4)), "y": rng.normal(size=6), "U": rng.normal(size=(4, 3)),
            "v": rng.normal(size=3)}
"""
)
SHIFTED = (
    HEAD
    + """def loss(X, y, W, b):
    return 0.5 * np.sum((np.tanh(X @ W + b) - y) ** 2)

def gradient(X, y, W, b):
    a = np.tanh(X @ W + b)
    d = (a - y) * (1 - a ** 2)
    db = d.sum(axis=0)
    dW = X.T @ d
    return {"W": dW, "b": db}

def example():
    rng = np.random.default_rng(1)
    return {"X": rng.normal(size=(6, 4)), "y": rng.normal(size=(6, 3)),
            "W": rng.normal(size=(4, 3)), "b": rng.normal(size=3)}
"""
)
LINES = [
    # a gradient of another shape, which probes of other sizes cannot claim
    (SHIFTED, "db = d.sum(axis=0)", "db = d.sum()"),
    # a true value is missing on a later line than the one that could be mended first
    (WEIGHTED, "A.T @ (weights * r) / len(A)", "A.T @ r / len(A)"),
    # only a factor on the line itself mends everything
    (SCORES, "keepdims=True)) / np.sqrt(d)\n    both", "keepdims=True))\n    both"),
    # what the name asks for, up to a factor
    (SCORES, "p * (dp - (dp * p).sum(axis=1, keepdims=True)) / np", "p * (1 - p) * dp / np"),
    # a number of the file
    (STRIDED, "start = i * STEP", "start = i"),
    # a sum that starts anew, outside of loops
    (TWO_HEADS, "dh += np.outer(dv, v)", "dh = np.outer(dv, v)"),
    # the end of a loop
    (TWO_HEADS, '    return {"W": dW, "u"', '        return {"W": dW, "u"'),
    # the derivative of another function by the same argument, in a helper
    (SLOPES, "return 1 / (1 + np.exp(-z))", "return (z > 0) * 1.0"),
]  # fmt: skip


def checked(source):
    space = load(source)
    return cr.check(space["loss"], space["gradient"], space["example"])


@pytest.mark.parametrize("source", [WEIGHTED, SCORES, STRIDED, TWO_HEADS, SLOPES, SHIFTED])
def test_the_right_files_are_right(source):
    assert checked(source).verdict == "ok"


@pytest.mark.parametrize(("source", "right", "wrong"), LINES, ids=[row[2] for row in LINES])
def test_the_line_is_the_one_whose_change_alone_makes_everything_right(source, right, wrong):
    assert source.count(right) == 1
    at = source[: source.index(right)].count("\n") + 1
    report = checked(source.replace(right, wrong))
    assert report.first_wrong_line == at, str(report)


def test_a_return_inside_a_loop_is_named_and_said():
    report = checked(TWO_HEADS.replace('    return {"W": dW, "u"', '        return {"W": dW, "u"'))
    assert report.codes == ("G802",)
    assert "after the loop" in str(report)


def test_the_variables_of_a_closure_keep_their_cells():
    example = load(SHIFTED)["example"]()
    data = {"X": example["X"], "y": example["y"]}
    closed = load(
        HEAD
        + """def made(X, y):
    def loss(W, b):
        return 0.5 * np.sum((np.tanh(X @ W + b) - y) ** 2)

    def gradient(W, b):
        a = np.tanh(X @ W + b)
        d = (y - a) * (1 - a ** 2)
        return {"W": X.T @ d, "b": d.sum(axis=0)}

    return loss, gradient
"""
    )
    loss, gradient = closed["made"](**data)
    report = cr.check(loss, gradient, {"W": example["W"], "b": example["b"]})
    assert report.codes == ("G205",)
    assert report.first_wrong.text == "d = (y - a) * (1 - a ** 2)"


# --- faults and time -----------------------------------------------------------------------------

WRONG = WEIGHTED.replace("(weights * r)", "r")


def _raising(error):
    def steps_of(*_):
        raise error

    return steps_of


def test_a_fault_of_the_search_for_a_line_is_no_missing_line(monkeypatch):
    monkeypatch.setattr(first_wrong, "steps_of", _raising(KeyError("of ours")))
    with pytest.raises(KeyError, match="of ours"):
        checked(WRONG)


def test_what_chainrule_refuses_on_purpose_leaves_the_line_to_changes_of_the_text(monkeypatch):
    monkeypatch.setattr(first_wrong, "steps_of", _raising(ChainruleError("not here")))
    assert checked(WRONG).first_wrong.text == 'return {"x": A.T @ r / len(A)}'


def test_a_check_whose_time_is_over_says_what_was_not_looked_at(monkeypatch):
    for name in ("_SECONDS", "_SECONDS_FOR_LINES", "_SECONDS_FOR_REPAIRS"):
        monkeypatch.setattr(diagnosis, name, 0.0)
    report = checked(WRONG)
    assert report.verdict == "wrong"
    assert "before all of its lines were tried" in str(report)
