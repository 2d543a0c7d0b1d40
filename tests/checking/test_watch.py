"""Watched functions report what every line binds and take substitutes; then they are as before."""

from __future__ import annotations

import functools
import importlib
import linecache
import sys

import numpy as np
import pytest
from tests.checking.student_files import load

from chainrule.checking.localisation.steps import final_writes
from chainrule.checking.watch import CannotWatch, Watcher
from chainrule.checking.watch_functions import users_functions

STATEMENTS = """
import numpy as np

def f(x):
    {statement}
    return x
"""


def events(source, example, name="f", finals=None):
    watcher = Watcher(load(source)[name])
    with watcher:
        first = watcher.run(example, record=True)
        run = watcher.run(example, record=True, finals=final_writes(first))
    assert run.error is None
    return [(watcher.sites[e.place[0]], e) for e in run.events], run


@pytest.mark.parametrize(
    ("statement", "target", "value"),
    [
        ("y = x * 2", "y", [2.0, 4.0]),
        ("y: object = x * 2", "y", [2.0, 4.0]),
        ("a, y = x, x * 2", "y", [2.0, 4.0]),
        ("a = y = x * 2", "a", [2.0, 4.0]),
        ("y = {}; y['k'] = x * 2", "y['k']", [2.0, 4.0]),
        ("y = {'k': x * 2}", "k", [2.0, 4.0]),
        ("y = dict(k=x * 2)", "k", [2.0, 4.0]),
        ("print(y := x * 2)", "y", [2.0, 4.0]),
        ("x *= 2", "x", [2.0, 4.0]),
        ("x[x > 1] = 0", "x", [1.0, 0.0]),
        ("x[0] += 5", "x[0]", [6.0, 2.0]),
        ("np.multiply(x, 3, out=x)", "x", [3.0, 6.0]),
        ("np.add.at(x, [0, 0], 1)", "x", [3.0, 2.0]),
        ("x.fill(7)", "x", [7.0, 7.0]),
        ("y = []; y.append(x * 2)", None, [2.0, 4.0]),
        ("y = [v * x for v in (2,)]", None, [2.0, 4.0]),
        ("y = (lambda t: t * 2)(x)", None, [2.0, 4.0]),
        ("y = [0.5 * x]; y[0] *= 4", "y[0]", [2.0, 4.0]),
    ],
)
def test_a_statement_reports_what_it_binds(statement, target, value):
    seen, _ = events(STATEMENTS.format(statement=statement), {"x": np.array([1.0, 2.0])})
    found = [e.value for site, e in seen if site.line == 5 and site.target == target]
    assert any(np.array_equal(x, value) for x in found)


def test_lines_and_loops_and_calls_are_told_apart():
    source = """
def half(v):
    return v / 2

class Box:
    def keep(self, v):
        self.kept = half(v)
        return self.kept

def f(x):
    box = Box()
    for i in range(3):
        y = box.keep(
            x * i
        )
    return {"a": y,
            "b": y * 2}
"""
    seen, run = events(source, {"x": np.array([1.0])})
    lines = [(site.line, float(e.value[0])) for site, e in seen]
    assert lines[:4] == [(14, 0.0), (3, 0.0), (7, 0.0), (8, 0.0)]
    assert (17, 2.0) in lines
    assert [target for _, _, target in run.loops][:3] == [0, 1, 2]
    callers = {e.caller[1] for site, e in seen if site.line == 3}
    assert callers == {7}
    handed_on = [e.origin for site, e in seen if site.line == 7]
    assert handed_on == [False] * 3


def test_substitutes_are_bound_and_only_where_they_belong():
    source = """
def f(x):
    total = 0 * x
    for i in range(3):
        y = x + i
        total += y
    return {"total": total}
"""
    watcher = Watcher(load(source)["f"])
    example = {"x": np.zeros(2)}
    site = next(s.index for s in watcher.sites if s.target == "y")
    with watcher:
        run = watcher.run(example, {(site, (), 1): np.array([10.0, 20.0])})
        plain = watcher.run(example)
    np.testing.assert_array_equal(run.result["total"], [12.0, 22.0])
    np.testing.assert_array_equal(plain.result["total"], [3.0, 3.0])
    np.testing.assert_array_equal(example["x"], [0.0, 0.0])


def test_a_substitute_in_place_reaches_every_name_of_the_array():
    source = """
def f(x):
    y = x
    y *= 2
    return {"x": x}
"""
    watcher = Watcher(load(source)["f"])
    site = next(s.index for s in watcher.sites if s.kind == "augmented")
    with watcher:
        run = watcher.run({"x": np.ones(2)}, {(site, (), 0): np.array([5.0, 6.0])})
    np.testing.assert_array_equal(run.result["x"], [5.0, 6.0])


def test_functions_and_trace_functions_are_as_before_afterwards():
    space = load("def g(x):\n    return x\n\ndef f(x):\n    y = g(x)\n    raise ValueError(y)\n")
    codes = space["f"].__code__, space["g"].__code__
    seen = []

    def tracer(frame, event, argument):
        seen.append(frame.f_code.co_name)

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        with Watcher(space["f"]) as watcher:
            run = watcher.run({"x": 1.0}, record=True)
            assert sys.gettrace() is tracer
    finally:
        sys.settrace(before)
    assert isinstance(run.error, ValueError)
    assert "f" in seen
    assert (space["f"].__code__, space["g"].__code__) == codes
    assert "__chainrule_watch__" not in space


def test_state_randomness_and_output_do_not_leak_from_run_to_run(capsys):
    source = """
import numpy as np
class Net:
    def __init__(self):
        self.calls = 0
    def f(self, x):
        self.calls += 1
        print("training", input if False else "")
        return {"x": x * self.calls + np.random.rand()}
"""
    net = load(source)["Net"]()
    with Watcher(net.f) as watcher:
        results = [watcher.run({"x": np.ones(1)}).result["x"][0] for _ in range(3)]
    assert len(set(results)) == 1
    assert net.calls == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "wrap",
    [
        lambda f: functools.partial(f),
        lambda f: lambda **arguments: f(**arguments),
        lambda f: type("Caller", (), {"__call__": staticmethod(f)})(),
    ],
    ids=["partial", "closure", "callable object"],
)
def test_the_users_function_is_found_behind_what_wraps_it(wrap):
    space = load("def f(x):\n    y = 2 * x\n    return {'x': y}\n")
    with Watcher(wrap(space["f"])) as watcher:
        run = watcher.run({"x": np.ones(2)}, record=True)
    assert any(site.line == 2 for site in (watcher.sites[e.place[0]] for e in run.events))


@pytest.mark.parametrize(
    "library",
    [importlib._bootstrap._find_spec, linecache.getlines, np.linalg.norm, Watcher.run],
    ids=["compiled into Python", "of Python", "of NumPy", "of chainrule"],
)
def test_functions_of_libraries_are_not_the_users(library):
    space = {"library": library, "np": np}
    exec("def gradient(x):\n    return {'x': np.cos(x)}", space)
    assert [each.__name__ for each in users_functions(space["gradient"])] == ["gradient"]


def test_long_loops_are_bounded():
    source = """
import numpy as np
def f(x):
    y = np.zeros(4000)
    for i in range(4000):
        t = x * i
        y[i] = t[0]
    return {"x": y}
"""
    seen, run = events(source, {"x": np.ones(1)})
    assert run.truncated
    assert len(seen) < 6000
    final = [e.value for site, e in seen if site.kind == "in place"]
    assert len(final) == 1
    assert final[0][-1] == 3999


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: np.sin, "it is not written in Python"),
        (lambda: eval("lambda x: x", {"__name__": "nowhere"}), "the source in <string>"),
        (lambda: changed(), "has changed since it was loaded"),
    ],
    ids=["built in", "no source", "changed"],
)
def test_what_cannot_be_watched_is_said(make, message):
    with pytest.raises(CannotWatch, match=message):
        Watcher(make())


def changed():
    import linecache

    space = load("def f(x):\n    return x\n")
    filename = space["f"].__code__.co_filename
    linecache.cache[filename] = (1, None, ["def f(x):\n", "    return x + 1\n"], filename)
    return space["f"]


@pytest.mark.parametrize("error", [BaseException("mine"), SystemExit(3), ValueError("no")])
def test_whatever_a_changed_text_raises_is_kept(error):
    def gradient(w):  # as `pytest.mark.T` does, which is no Exception
        raise error

    with Watcher(gradient) as watcher:
        assert watcher.run({"w": np.ones(2)}).error is error
