"""Statements that need care when they are watched keep their meaning, and report what they do."""

from __future__ import annotations

import functools
import inspect

import numpy as np
import pytest
from tests.checking.student_files import load, localised

import chainrule as cr
from chainrule.checking import watch
from chainrule.checking.localisation.steps import final_writes
from chainrule.checking.watch import Watcher

FILE = """
import numpy as np

SIZES = [i * i for i in range(3)]
TOTAL: int = 0
TOTAL += sum(SIZES)
for number in SIZES:
    TOTAL += number
if (LIMIT := TOTAL) > 3:
    SQUARES = {{k: k * k for k in SIZES}}

class Box:
    def __init__(self, values):
        self.values = values

CALLS = []

def held(x):
    CALLS.append(x)
    return x

def f(x):
    CALLS.clear()
    box, items, table, extra = Box(x + 0.0), [2.5, x], {{"k": 1.5}}, {{"more": 4.0}}
    {statement}
    return {{"x": x, "box": box.values, "item": items[0], "k": table["k"], "total": TOTAL,
            "calls": len(CALLS)}}
"""

X = np.array([1.0, 2.0])


def watched(statement, replaced=None):
    """The events of the statement's line, and what the function returns beside what it should."""
    space = load(FILE.format(statement=statement))
    plain = space["f"](X.copy())
    watcher = Watcher(space["f"])
    with watcher:
        first = watcher.run({"x": X}, record=True)
        run = watcher.run({"x": X}, replaced, record=True, finals=final_writes(first))
    assert run.error is None
    line = next(i for i, each in enumerate(FILE.splitlines(), 1) if "{statement}" in each)
    seen = [(watcher.sites[e.place[0]], e) for e in run.events]
    return [(site, e) for site, e in seen if site.line == line], run.result, plain


@pytest.mark.parametrize(
    ("statement", "target", "value"),
    [
        ("y: object; y = x * 2", "y", [2.0, 4.0]),
        ("y = dict(k=x * 2, **extra)", "k", [2.0, 4.0]),
        ("box.values *= 3", "box.values", [3.0, 6.0]),
        ("box.values = x * 3", "box.values", [3.0, 6.0]),
        ("items[0] *= 2", "items[0]", 5.0),
        ("table['k'] += 1", "table['k']", 2.5),
        ("x[(i := 0)] += 5", "x[(i := 0)]", [6.0, 2.0]),
        ("x[slice(0, 1)] += 5", "x[slice(0, 1)]", [6.0, 2.0]),
    ],
)
def test_a_statement_reports_what_it_binds_and_does_what_it_did(statement, target, value):
    seen, result, plain = watched(statement)
    assert any(site.target == target and np.array_equal(e.value, value) for site, e in seen)
    assert result.keys() == plain.keys()
    assert all(np.array_equal(result[name], plain[name]) for name in plain)
    assert result["total"] == 10


@pytest.mark.parametrize(
    "statement", ["held(x)[0] += 5", "held(box).values *= 3", "held(items)[(lambda: 0)()] *= 2"]
)
def test_a_statement_with_an_effect_in_its_target_is_run_once_and_left_alone(statement):
    _, result, plain = watched(statement)
    assert all(np.array_equal(result[name], plain[name]) for name in plain)


@pytest.mark.parametrize(
    ("statement", "target", "name", "value"),
    [
        ("box.values = 2.0; box.values *= 3", "box.values", "box", 7.0),
        ("items[0] *= 2", "items[0]", "item", 7.0),
        ("table['k'] += 1", "table['k']", "k", 7.0),
    ],
)
def test_a_substitute_is_put_where_the_value_is_kept(statement, target, name, value):
    seen, _, _ = watched(statement)
    place = next(e.place for site, e in seen if site.kind == "augmented" and site.target == target)
    _, result, _ = watched(statement, {place: value})
    assert result[name] == value


def test_what_is_kept_of_a_run_has_a_limit(monkeypatch):
    monkeypatch.setattr(watch, "_MOST_BYTES", 40)
    space = load(FILE.format(statement="y = x * 2; z = y * 2; u = z * 2"))
    watcher = Watcher(space["f"])
    with watcher:
        run = watcher.run({"x": X}, record=True)
    assert run.truncated
    assert sum(np.size(e.value) for e in run.events) * 8 <= 40
    np.testing.assert_array_equal(run.result["x"], X)


# --- lines that are named ------------------------------------------------------------------------

LOOP = """
import numpy as np

def loss(X, w):
    return np.sum(np.tanh(X @ w) ** 2)

def gradient(X, w):
    dw = np.zeros(3)
    for i in range(len(X)):
        a = np.tanh(X[i] @ w)
        da = 2 * a
        dz = da * (1 - a)
        dw += dz * X[i]
        if i == len(X) - 1:
            return {"w": dw}

def example():
    rng = np.random.default_rng(3)
    return {"X": rng.normal(size=(4, 3)), "w": rng.normal(size=3)}
"""


def test_the_wrong_line_of_a_loop_that_is_left_by_return_is_named():
    found = localised(LOOP)
    assert found.first.text == "dz = da * (1 - a)"
    right = localised(LOOP.replace("1 - a)", "1 - a * a)"))
    assert str(right) == "no line named: no gradient is wrong"


def without_source(text):
    space = {"np": np}
    exec(text, space)
    return space["gradient"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("def gradient(w):\n    w += 1\n    return {'w': 2 * (w - 1)}", "G104"),
        ("def gradient(w):\n    return {'w': 2 * w / 0}", "G103"),
        ("def gradient(w):\n    return {'w': w * np.random.random()}", "G105"),
        ("def gradient(w):\n    return {'v': 2 * w}", "G107"),
    ],
)
def test_without_a_source_the_mistake_is_named_and_no_line(text, code):
    report = cr.check(lambda w: np.sum(w**2), without_source(text), {"w": np.ones(3)})
    assert report.codes == (code,)
    assert report.first_wrong is None


def test_a_gradient_whose_return_is_in_a_decorator_has_no_line_for_what_is_missing():
    def collected(function):
        @functools.wraps(function)
        def gradient(**arguments):
            found = {}
            function(found, **arguments)
            return found

        return gradient

    @collected
    def gradient(found, w, b):
        found["w"] = 2 * w

    gradient.__signature__ = inspect.signature(lambda w, b: None)
    report = cr.check(
        lambda w, b: np.sum(w**2) + np.sum(b), gradient, {"w": np.ones(3), "b": np.ones(3)}
    )
    assert report.codes == ("G107",)
    assert report.first_wrong is None


OTHERS = """
import numpy as np

CALLED = []

def remove(path):
    CALLED.append(path)

def main(*arguments):
    CALLED.append("main")

def stored(values):
    np.save("values.npy", values)
    CALLED.append("stored")

def curved(a):
    return a * (1 - a)

def flat(a):
    '''The derivative of the activation.'''
    return 1 - a**2

def loss(X, w):
    return np.sum(np.tanh(X @ w) ** 2) / len(X)

def gradient(X, w):
    a = np.tanh(X @ w)
    dz = 2 * a * curved(a) / len(X)
    return {"w": X.T @ dz}

def example():
    rng = np.random.default_rng(3)
    return {"X": rng.normal(size=(4, 3)), "w": rng.normal(size=3)}
"""


def test_functions_of_the_file_that_do_more_than_compute_are_never_tried(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    space = load(OTHERS)
    report = cr.check(space["loss"], space["gradient"], space["example"])
    assert report.verdict == "wrong"
    assert report.first_wrong.text == "dz = 2 * a * curved(a) / len(X)"
    assert space["CALLED"] == []
    assert list(tmp_path.iterdir()) == []
