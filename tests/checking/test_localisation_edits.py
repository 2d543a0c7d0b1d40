"""Lines at fault that a small change of their text shows, where true values point elsewhere."""

from __future__ import annotations

import ast
import textwrap

import numpy as np
import pytest
from tests.checking.student_files import load, localised

import chainrule as cr
from chainrule.checking.localisation.edits import Edits
from chainrule.checking.localisation.first_wrong import localise
from chainrule.checking.repairs.sites import Unit, sites_of
from chainrule.programs.names import trace_named

HEAD = """import numpy as np

"""

HINGE = (
    HEAD
    + """def loss(W, X, y):
    S = X @ W
    M = np.maximum(0, S - S[np.arange(len(y)), y][:, None] + 1)
    return (M.sum() - len(y)) / len(y) + 0.05 * np.sum(W * W)

def gradient(W, X, y):
    dW = np.zeros(W.shape)
    classes = W.shape[1]
    count = X.shape[0]
    for i in range(count):
        s = X[i].dot(W)
        for j in range(classes):
            if j == y[i]:
                continue
            if s[j] - s[y[i]] + 1 > 0:
                dW[:, j] += X[i]
                dW[:, y[i]] -= X[i]
    dW /= count
    dW += 2 * 0.05 * W
    return {"W": dW}

def example():
    r = np.random.default_rng(3)
    return {"W": r.normal(size=(5, 4)), "X": r.normal(size=(7, 5)), "y": r.integers(0, 4, 7)}
"""
)

HELPERS = (
    HEAD
    + """def affine(x, w, b):
    return x @ w + b, (x, w)

def affine_backward(g, cache):
    x, w = cache
    gw = x.T @ g
    gb = g.sum(axis=0)
    return g @ w.T, gw, gb

def relu(z):
    return np.maximum(z, 0), z

def relu_backward(g, cache):
    return g * (cache > 0)

def cost_slope(y, p):
    return p - y

def loss(X, y, W1, b1, W2, b2):
    h = np.maximum(X @ W1 + b1, 0)
    h = np.maximum(h @ W2 + b2, 0)
    return 0.5 * np.sum((h - y) ** 2) / len(X)

def gradient(X, y, W1, b1, W2, b2):
    grads = {}
    z1, fc1 = affine(X, W1, b1)
    h1, r1 = relu(z1)
    z2, fc2 = affine(h1, W2, b2)
    h2, r2 = relu(z2)
    g = cost_slope(y, h2) / len(X)
    g = relu_backward(g, r2)
    g, grads["W2"], grads["b2"] = affine_backward(g, fc2)
    g = relu_backward(g, r1)
    g, grads["W1"], grads["b1"] = affine_backward(g, fc1)
    return grads

def example():
    r = np.random.default_rng(1)
    return {"X": r.normal(size=(8, 5)), "y": r.normal(size=(8, 5)), "W1": r.normal(size=(5, 5)),
            "b1": 0.1 * r.normal(size=5), "W2": r.normal(size=(5, 5)), "b2": 0.1 * r.normal(size=5)}
"""
)

SAMPLES = (
    HEAD
    + """def loss(X, y, w, b):
    return np.sum((np.tanh(X @ w + b) - y) ** 2)

def gradient(X, y, w, b):
    gw, gb = np.zeros_like(w), np.zeros_like(b)
    rows = list(range(len(X)))
    while rows:
        i = rows.pop()
        a = np.tanh(X[i] @ w + b)
        d = 2 * (a - y[i]) * (1 - a ** 2)
        gw += np.outer(X[i], d)
        gb += d
    return {"w": gw, "b": gb}

def example():
    r = np.random.default_rng(0)
    return {"X": r.normal(size=(6, 4)), "y": r.normal(size=(6, 3)), "w": r.normal(size=(4, 3)),
            "b": r.normal(size=3)}
"""
)

CASES = [
    # accumulations of several lines into one array
    (HINGE, "dW[:, j] += X[i]", "dW[:, j] = X[i]"),
    (HINGE, "dW[:, j] += X[i]", "dW[:, j] -= X[i]"),
    (HINGE, "dW[:, y[i]] -= X[i]", "dW[:, y[i]] += X[i]"),
    (HINGE, "dW /= count", "dW /= classes"),
    (HINGE, "s[j] - s[y[i]] + 1 > 0", "s[j] - s[y[i]] + 1 < 0"),
    (HINGE, "dW += 2 * 0.05 * W", "dW -= 2 * 0.05 * W"),
    # the body of a helper, or its call
    (HELPERS, "return p - y", "return y - p"),
    (HELPERS, "gb = g.sum(axis=0)", "gb = g.mean(axis=0)"),
    (HELPERS, "gw = x.T @ g", "gw = (x.T @ g).T"),
    (HELPERS, "relu_backward(g, r2)", "relu_backward(g, r1)"),
    (HELPERS, "relu_backward(g, r1)", "relu_backward(g, g)"),
    (HELPERS, "return g * (cache > 0)", "return g * np.maximum(cache, 0)"),
    # results in each other's place
    (SAMPLES, 'return {"w": gw, "b": gb}', 'return {"w": gb, "b": gw}'),
    # loops that end by a condition
    (SAMPLES, "gb += d", "gb = d"),
    (SAMPLES, "(a - y[i]) * (1", "(y[i] - a) * (1"),
]


@pytest.mark.parametrize(("source", "right", "wrong"), CASES, ids=[case[2] for case in CASES])
def test_the_line_is_named_on_which_a_small_change_makes_everything_right(source, right, wrong):
    assert source.count(right) == 1
    line = source[: source.index(right)].count("\n") + 1
    assert localised(source.replace(right, wrong), seconds=30).line == line


def test_no_value_is_tried_again_and_again():
    source = SAMPLES.replace("gb += d", "gb = d").replace(
        "    rows = ", "    runs.append(1)\n    rows = "
    )
    space = load(source.replace(HEAD, f"{HEAD}runs = []\n"))
    graph = trace_named(space["loss"], **space["example"]())
    assert localise(space["gradient"], space["example"](), graph, seconds=30).line is not None
    assert len(space["runs"]) < 1000  # of the steps, their values and the changes of the text


def test_a_line_that_a_change_shows_says_what_it_is_right_with():
    space = load(HELPERS.replace("gb = g.sum(axis=0)", "gb = 2 * g.sum(axis=0)"))
    report = cr.check(space["loss"], space["gradient"], space["example"])
    where = report.first_wrong
    assert where.text == "gb = 2 * g.sum(axis=0)"
    assert where.change == "`gb = g.sum(axis=0)`"
    assert "it is right with `gb = g.sum(axis=0)`" in str(report)
    assert "- it is right with `gb = g.sum(axis=0)`\n" in report.markdown()
    assert "it is right with <code>gb = g.sum(axis=0)</code>" in report.html()
    assert report.to_json()["first_wrong"]["change"] == where.change
    assert where.repairs == ("b1", "b2")


def test_a_right_file_stays_right_and_no_change_is_left_behind():
    space = load(HELPERS.replace("gb = g.sum(axis=0)", "gb = 2 * g.sum(axis=0)"))
    codes = {name: each.__code__ for name, each in space.items() if hasattr(each, "__code__")}
    first = space["gradient"](**space["example"]())
    assert cr.check(space["loss"], space["gradient"], space["example"]).verdict == "wrong"
    assert all(space[name].__code__ is code for name, code in codes.items())
    second = space["gradient"](**space["example"]())
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_a_change_of_what_the_loss_computes_is_never_proposed():
    source = HEAD + textwrap.dedent("""\
        def forward(x, w):
            return np.tanh(2 * x @ w)

        def loss(x, w):
            return np.sum(forward(x, w))

        def gradient(x, w):
            a = forward(x, w)
            return {"w": x.T @ (1 - a ** 2)}

        def example():
            r = np.random.default_rng(0)
            return {"x": r.normal(size=(4, 3)), "w": r.normal(size=(3, 2))}
        """)
    assert localised(source, seconds=30).line != 4


def test_a_result_that_holds_itself_is_refused():
    def gradient(w):
        found = {"w": 2 * w}
        found["all"] = found
        return found

    report = cr.check(lambda w: np.sum(w**2), gradient, {"w": np.ones(3)})
    assert report.verdict == "error"
    assert "hold itself" in str(report)


STATEMENTS = [
    ("d = a - y", "y - a"),
    ("d = a * b", "a / b"),
    ("d = np.sum(a, axis=0)", "np.mean(a, axis=0)"),
    ("d = np.sum(a, axis=0)", "1"),
    ("d = np.sum(a, axis=0)", "np.sum(a)"),
    ("d = a.T @ b", "b @ a.T"),
    ("d = a > 0", "a >= 0"),
    ("d = -a", "a"),
    ("d = a * b * (1 - b)", "a"),
    ("d = a * (1 - a)", "b * (1 - b)"),
    ("d = a", "-a"),
    ("d = a", "a * b"),
]


def edits_of_line(tree, line):
    function = Edits(tree.body[0])
    every = [x for site in sites_of(Unit(tree.body[0], "", 0)) for x in function.of(site)]
    return [edit for edit in every if edit.line == line]


@pytest.mark.parametrize(("statement", "changed"), STATEMENTS)
def test_changes_of_a_statement(statement, changed):
    tree = ast.parse(f"def f(a, b, y):\n    {statement}\n    return d")
    edits = edits_of_line(tree, 2)
    assert changed in [edit.change.after for edit in edits]
    before = ast.unparse(tree)
    for edit in edits:
        with edit.made():
            compile(ast.fix_missing_locations(tree), "<edited>", "exec")
    assert ast.unparse(tree) == before


@pytest.mark.parametrize(
    "statement", ["found.append(a)", "found[0] = a", "found.insert(0, a)", "for x in found: pass"]
)
def test_no_change_puts_a_container_into_itself_or_makes_a_loop_endless(statement):
    tree = ast.parse(f"def f(a, found):\n    {statement}\n    return found")
    assert "found" not in [edit.change.after for edit in edits_of_line(tree, 2)]


COLUMNS = """
import numpy as np


def loss(W, b, V, X, Y):
    return np.mean((V @ np.tanh(W @ X + b) - Y) ** 2)


def gradient(W, b, V, X, Y):
    a = np.tanh(W @ X + b)
    d = 2 * (V @ a - Y) / Y.size
    dz = V.T @ d * (1 - a**2)
    db = np.sum(dz, axis=1, keepdims=True)
    return {"W": dz @ X.T, "b": db, "V": d @ a.T}


def example():
    rng = np.random.default_rng(0)
    sizes = {"W": (4, 3), "b": (4, 1), "V": (2, 4), "X": (3, 7), "Y": (2, 7)}
    return {name: rng.normal(size=size) for name, size in sizes.items()}
"""


@pytest.mark.parametrize(
    "written",
    [
        "np.sum(dz, axis=0, keepdims=True)",
        "np.sum(dz, axis=0)",
        "np.sum(dz, axis=1)",
        "np.sum(dz)",
        "dz",
    ],
)
def test_a_gradient_of_a_wrong_shape_is_told_its_sum(written):
    right = "np.sum(dz, axis=1, keepdims=True)"
    space = load(COLUMNS.replace(right, written))
    report = cr.check(space["loss"], space["gradient"], space["example"])
    assert report.codes == ("G101",)
    assert report.first_wrong.text == f"db = {written}"
    assert report.first_wrong.change == f"`db = {right}`"


def test_a_text_without_any_count_is_told_the_one_that_is_missing():
    space = load(COLUMNS.replace("/ Y.size", ""))
    report = cr.check(space["loss"], space["gradient"], space["example"])
    assert report.first_wrong.text == "d = 2 * (V @ a - Y)"
    assert report.first_wrong.change == ""  # the mean runs over columns, too
    rows = COLUMNS.replace("np.mean((", "np.sum((").replace("- Y) ** 2)", "- Y) ** 2) / len(Y)")
    space = load(rows.replace("/ Y.size", ""))
    report = cr.check(space["loss"], space["gradient"], space["example"])
    assert report.first_wrong.change == "`d = 2 * (V @ a - Y) / len(Y)`"


@pytest.mark.parametrize(
    ("line", "written", "should_be"),
    [
        ("dz", "V.T @ d * 7", "the cotangent of W @ X: `V.T @ d * (1 - a * a)`"),
        # What was called a is something else by then: no formula in which it is.
        ("a = a + 1; dz", "V.T @ d * 7", "the cotangent of W @ X"),
    ],
)
def test_a_line_is_told_its_formula_in_the_user_s_names(line, written, should_be):
    source = COLUMNS.replace("dz = V.T @ d * (1 - a**2)", f"{line} = {written}")
    source = source.replace("d @ a.T", "d @ np.tanh(W @ X + b).T")
    space = load(source)
    report = cr.check(space["loss"], space["gradient"], space["example"])
    assert report.first_wrong.should_be == should_be


def test_among_many_names_those_of_the_same_layer_are_tried():
    many = [f"    {name} = X" for name in map("n{}n".format, range(30))]
    text = ["def gradient(X, Z2, cache):", *many, "    (A1, (A2, A3)) = cache", "    dW = X @ Z2.T"]
    unit = Unit(ast.parse("\n".join(text)).body[0], "a file", 0)
    *_, last = sites_of(unit)
    tried = {edit.change.after for edit in Edits(unit.statement).of(last)}
    assert "A2" in tried
    assert "n29n" not in tried


STORED = (
    HEAD
    + """def loss(W1, b1, W2, b2, X, t):
    return np.sum((np.tanh(X @ W1 + b1) @ W2 + b2 - t) ** 2)

def gradient(W1, b1, W2, b2, X, t):
    h = np.tanh(X @ W1 + b1)
    e = h @ W2 + b2 - t
    grads = {}
    grads['W2'] = 2 * h.T @ e
    grads['b2'] = 2 * e.sum(axis=0)
    dz = 2 * e @ W2.T * (1 - h ** 2)
    grads['W1'] = X.T @ dz
    grads['b1'] = dz.sum(axis=0)
    return grads

def example():
    r = np.random.default_rng(2)
    return {"W1": r.normal(size=(3, 4)), "b1": r.normal(size=4), "W2": r.normal(size=(4, 2)),
            "b2": r.normal(size=2), "X": r.normal(size=(5, 3)), "t": r.normal(size=(5, 2))}
"""
)


@pytest.mark.parametrize(
    ("missing", "line"),
    [
        ("    grads['b2'] = 2 * e.sum(axis=0)\n", "    grads['W2'] = 2 * h.T @ e"),
        ("    grads['b1'] = dz.sum(axis=0)\n", "    grads['W1'] = X.T @ dz"),
    ],
)
def test_a_gradient_that_is_not_stored_is_missing_beside_that_of_its_layer(missing, line):
    space = load(STORED.replace(missing, ""))
    report = cr.check(space["loss"], space["gradient"], space["example"])
    assert (report.codes, report.first_wrong.text) == (("G107",), line.strip())


def test_a_gradient_that_is_stored_under_another_spelling_is_missing_there():
    space = load(STORED.replace("grads['b1'] =", "grads['B_1'] ="))
    report = cr.check(space["loss"], space["gradient"], space["example"])
    assert report.first_wrong.text == "grads['B_1'] = dz.sum(axis=0)"
