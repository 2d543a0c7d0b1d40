"""Mistakes in steps that the loss does not have: named by the change that mends them."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np
import pytest
from tests.checking.student_files import load

import chainrule as cr
from chainrule.checking.probes import draw_probe
from chainrule.checking.repairs.exchange import exchanged, observed
from chainrule.checking.repairs.sites import sites_of, units_of
from chainrule.checking.report import Report
from chainrule.checking.sharing import shared
from chainrule.checking.sizes import sizes_by_graph
from chainrule.checking.subject import Subject
from chainrule.engine.transforms import trace

HINGE = """
import numpy as np

def loss(X, y, W):
    total = 0.0
    for i in range(len(X)):
        scores = X[i] @ W
        for j in range(W.shape[1]):
            if j != y[i]:
                total += np.maximum(0.0, scores[j] - scores[y[i]] + 1.0)
    return total / len(X)

def gradient(X, y, W):
    dW = np.zeros_like(W)
    for i in range(len(X)):
        scores = X[i] @ W
        for j in range(W.shape[1]):
            if j == y[i]:
                continue
            if scores[j] - scores[y[i]] + 1.0 > 0:
                dW[:, j] += X[i]
                dW[:, y[i]] -= X[i]
    return {"W": dW / len(X)}

def example():
    rng = np.random.default_rng(3)
    return {"X": rng.normal(size=(6, 4)), "y": np.array([0, 2, 1, 1, 0, 2]),
            "W": rng.normal(size=(4, 3))}
"""

STEPS = """
import numpy as np

def forward(E, ids, W):
    h = E[ids].sum(axis=1)
    counts = np.exp(h @ W)
    total = counts.sum(axis=1, keepdims=True)
    return h, counts, total, counts * total ** -1

def loss(ids, y, E, W):
    p = forward(E, ids, W)[-1]
    return -np.log(p[np.arange(len(y)), y]).mean()

def gradient(ids, y, E, W):
    h, counts, total, p = forward(E, ids, W)
    n = len(y)
    dp = np.zeros_like(p)
    dp[np.arange(n), y] = -1 / p[np.arange(n), y] / n
    dinverse = (counts * dp).sum(axis=1, keepdims=True)
    dcounts = total ** -1 * dp
    dtotal = -total ** -2 * dinverse
    dcounts += np.ones_like(counts) * dtotal
    dlogits = counts * dcounts
    dW = h.T @ dlogits
    dh = dlogits @ W.T
    dE = np.zeros_like(E)
    for i in range(n):
        for j in range(ids.shape[1]):
            dE[ids[i, j]] += dh[i]
    return {"E": dE, "W": dW}

def example():
    rng = np.random.default_rng(8)
    return {"ids": rng.integers(0, 7, (5, 2)), "y": np.array([0, 3, 1, 2, 3]),
            "E": rng.normal(size=(7, 3)), "W": rng.normal(size=(3, 4))}
"""

TABLE = [
    (HINGE, "dW[:, j] += X[i]", "dW[:, j] = X[i]", {"G801"}),
    (HINGE, "dW[:, y[i]] -= X[i]", "dW[:, y[i]] += X[i]", {"G205"}),
    (HINGE, "+ 1.0 > 0:\n                dW", "+ 1.0 < 0:\n                dW", {"G404"}),
    (STEPS, "dtotal = -total ** -2 * dinverse", "dtotal = total ** -2 * dinverse", {"G205"}),
    (STEPS, "dcounts += np.ones", "dcounts = np.ones", {"G801"}),
    (STEPS, "dlogits = counts * dcounts", "dlogits = dcounts", {"G401"}),
    (STEPS, "(counts * dp).sum(axis=1, keep", "(counts * dp).sum(axis=0, keep", {"G603"}),
    (STEPS, "dE[ids[i, j]] += dh[i]", "dE[ids[i, j]] = dh[i]", {"G803"}),
    (STEPS, "np.ones_like(counts) * dtotal", "np.ones_like(counts)", {"G405"}),
]  # fmt: skip


def checked(source: str) -> Report:
    functions = load(source)
    return cr.check(functions["loss"], functions["gradient"], functions["example"])


@pytest.mark.parametrize("source", [HINGE, STEPS], ids=["hinge", "steps"])
def test_the_right_files_are_right(source: str) -> None:
    assert checked(source).verdict == "ok"


@pytest.mark.parametrize(("source", "right", "wrong", "codes"), TABLE, ids=lambda x: str(x)[:24])
def test_a_slip_in_a_step_of_its_own_is_named(
    source: str, right: str, wrong: str, codes: set[str]
) -> None:
    assert source.count(right) == 1
    report = checked(source.replace(right, wrong))
    assert report.verdict == "wrong"
    assert codes & set(report.codes), str(report)


def test_what_no_change_mends_stays_without_a_name() -> None:
    wrong = "dtotal = np.cos(total) * dinverse + np.sin(total)"
    report = checked(STEPS.replace("dtotal = -total ** -2 * dinverse", wrong))
    assert report.codes == ("G000",)


def test_functions_are_themselves_again_after_a_change() -> None:
    space = load(HINGE)
    gradient, point = space["gradient"], space["example"]()
    before, code = gradient(**point), gradient.__code__
    unit = next(unit for unit in units_of(gradient) if unit.functions[0][1] is gradient)
    site = next(site for site in sites_of(unit) if isinstance(site.statement, ast.AugAssign))
    place = next(iter(site.places()))
    old = place.expression
    place.put(ast.copy_location(ast.Constant(0.0), old))
    with exchanged(unit):
        assert not np.array_equal(gradient(**point)["W"], before["W"])
    place.put(old)
    assert gradient.__code__ is code
    assert np.array_equal(gradient(**point)["W"], before["W"])


def test_runs_are_counted_once_though_expressions_are_looked_at() -> None:
    space = load(STEPS)
    subject = Subject(space["loss"], space["gradient"], space["example"]())
    units = units_of(space["gradient"])
    wanted = {
        site: [("forward(E, ids, W)", compile("forward(E, ids, W)[0]", "<t>", "eval"))]
        for unit in units
        for site in sites_of(unit)
    }
    counts, _ = observed(subject, units, subject.example, wanted)
    forward = [n for site, n in counts.items() if getattr(site.function, "name", "") == "forward"]
    assert set(forward) == {1}


def test_symmetric_data_and_selections_stay_what_they_are() -> None:
    rng = np.random.default_rng(0)
    A = rng.normal(size=(4, 4))
    example = {"A": A + A.T, "chosen": np.array([0, 2, 3]), "w": rng.normal(size=4)}
    graph = trace(lambda A, chosen, w: (w @ A @ w) + w[chosen].sum(), **example)
    sizes = sizes_by_graph(graph, example, ["w"])
    assert sizes.symmetric == {"A"}
    point = draw_probe(example, sizes, dict.fromkeys(sizes.symbols, 6), 0).point
    assert np.array_equal(point["A"], point["A"].T)
    assert np.all(np.diff(point["chosen"]) > 0)


def test_axes_that_meet_crosswise_are_two_sizes() -> None:
    def each_with_each(x: Any, w: Any) -> Any:
        return sum(x[i] * w[j] for i in range(3) for j in range(3))

    def in_step(x: Any, w: Any) -> Any:
        return sum(x[i] * w[i] for i in range(3))

    example = {"x": np.ones(3), "w": np.arange(3.0)}
    crossed = sizes_by_graph(trace(each_with_each, **example), example, ["w"])
    stepping = sizes_by_graph(trace(in_step, **example), example, ["w"])
    assert len(crossed.symbols) == 2
    assert len(stepping.symbols) == 1


def test_equal_computations_are_one() -> None:
    def leaky(x: Any, W: Any) -> Any:
        return np.maximum(0.1 * (x @ W), x @ W).sum()

    graph = trace(leaky, x=np.ones((2, 3)), W=np.ones((3, 4)))
    products = [node for node in shared(graph).nodes if node.primitive.name == "matmul"]
    assert len(products) == 1
    assert shared(graph).value == graph.value


def test_entries_of_their_own_are_overwritten_not_repeated():
    rng = np.random.default_rng(0)
    example = {"X": rng.normal(size=(6, 4)), "y": np.array([0, 2, 1, 1, 0, 2]),
               "W": rng.normal(size=(4, 3))}  # fmt: skip

    def loss(X, y, W):
        scores = X @ W
        p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        return -np.mean(np.log(p[np.arange(len(y)), y]))

    def gradient(X, y, W):
        scores = X @ W
        d = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        for i in range(len(y)):
            d[i, y[i]] = -1
        return {"W": X.T @ d / len(y)}

    report = cr.check(loss, gradient, example)
    assert report.codes == ("G801",)
    assert "with `d[i, y[i]] += -1` every gradient is right" in str(report)


def test_noise_on_a_gradient_has_no_name():
    rng = np.random.default_rng(0)
    example = {"X": rng.normal(size=(6, 4)), "y": rng.normal(size=6), "w": rng.normal(size=4)}

    def loss(X, y, w):
        return np.mean((X @ w - y) ** 2)

    def gradient(X, y, w):
        right = {"w": 2 * X.T @ (X @ w - y) / len(y)}
        noise = np.random.default_rng(len(y)).uniform(0.5, 1.5, np.shape(w))
        return {"w": right["w"] * noise}

    assert cr.check(loss, gradient, example).codes == ("G000",)


LOOPS_BY_CONDITION = """import itertools
import numpy as np

def example():
    rng = np.random.default_rng(1)
    return {"X": rng.normal(size=(5, 4)), "y": rng.normal(size=5), "w": rng.normal(size=4)}

def loss(X, y, w):
    return np.mean((X @ w - y) ** 2)

def gradient(X, y, w):
    g = np.zeros_like(w)
    i = 0
    while i < len(y):
        g = g + 2 * (X[i] @ w - y[i]) * X[i] / len(y)
        i = i + 1
    return {"w": g}
"""
COUNTING = ("i = 0\n    while i < len(y):", "for i in itertools.count():\n"
            "        if i + 1 > len(y):\n            break")  # fmt: skip


@pytest.mark.parametrize("counting", [False, True])
@pytest.mark.parametrize(
    ("right", "wrong", "code"),
    [
        ("2 * (X[i] @ w - y[i]) * X[i]", "2 * np.sinh(X[i] @ w - y[i]) * np.cos(X[i])", "G000"),
        ("g = g + 2", "g = g - 2", "G205"),
    ],
)
def test_a_change_that_makes_a_loop_endless_is_given_up(right, wrong, code, counting):
    source = LOOPS_BY_CONDITION.replace(right, wrong)
    if counting:
        source = source.replace(*COUNTING).replace("        i = i + 1\n", "")
    space = load(source)
    report = cr.check(space["loss"], space["gradient"], space["example"])
    assert report.codes == (code,)
    assert not [name for name in space if name.startswith("__chainrule")]


PRODUCT_OF_MATRICES = """import numpy as np

def example():
    rng = np.random.default_rng(1)
    Ws = [np.eye(4) + 0.4 * rng.normal(size=(4, 4)) for _ in range(3)]
    return {"Ws": Ws, "X": rng.normal(size=(4, 9)), "Y": rng.normal(size=(4, 9))}

def loss(Ws, X, Y):
    for W in Ws:
        X = W @ X
    return 0.5 * np.sum((X - Y) ** 2)

def gradient(Ws, X, Y):
    acts = [X]
    for W in Ws:
        acts.append(W @ acts[-1])
    back = acts[-1] - Y
    grads = []
    for k in range(len(Ws) - 1, -1, -1):
        grads.append(back @ acts[k].T)
        back = Ws[k].T @ back
    return {"Ws": grads}
"""


def test_a_change_that_sends_a_loop_through_the_list_it_lengthens_is_given_up():
    """With ``acts`` for ``Ws`` the first loop never ends, and took all memory."""
    space = load(PRODUCT_OF_MATRICES)
    report = cr.check(space["loss"], space["gradient"], space["example"])
    assert report.verdict == "wrong"
    assert report.codes == ("G704",)


BILINEAR = """import numpy as np

def example():
    rng = np.random.default_rng(1)
    T, x, y = rng.normal(size=(3, 3, 2)), rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    return {"T": T, "x": x, "y": y, "s": rng.normal(size=(5, 2))}

def loss(T, x, y, s):
    return np.sum((np.einsum("ijk,bi,bj->bk", T, x, y) - s) ** 2)

def gradient(T, x, y, s):
    ds = 2 * (np.einsum("ijk,bi,bj->bk", T, x, y) - s)
    dT = np.einsum("bi,bj,bk->ijk", x, y, ds)
    dx = np.einsum("ijk,bj,bk->bi", T, y, ds) / np.vdot(1.0, 1.0)
    return {"T": dT, "x": dx}
"""


@pytest.mark.parametrize(
    ("right", "wrong", "code"),
    [
        ("->ijk", "->jik", "G701"),  # no kernel: nothing is convolved
        ('dx = np.einsum("ijk', 'dx = np.einsum("jik', "G702"),
        ("np.vdot(1.0, 1.0)", "np.sqrt(np.sum(x * x))", "G000"),
    ],
)
def test_letters_of_an_einsum_in_each_other_s_place(right, wrong, code):
    assert BILINEAR.count(right) == 1
    space = load(BILINEAR.replace(right, wrong))
    assert cr.check(space["loss"], space["gradient"], space["example"]).codes == (code,)
