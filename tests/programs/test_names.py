"""Values are called what the user called them, cotangents after them, and nothing twice."""

from __future__ import annotations

import builtins
import keyword
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.programs.functions import CASES, Case, dense, relu

import chainrule as cr
from chainrule.engine.graph import Graph
from chainrule.programs.names import Namespace, legal, node_names, trace_named, trace_watched
from chainrule.programs.statements import Statements


def _named(graph: Graph, **options: Any) -> list[str]:
    """Names of the forward values that are no inputs."""
    names = node_names(graph, **options)
    inputs = {node.index for node in graph.inputs}
    return [names[n.index] for n in graph if n.of is None and n.index not in inputs]


def assigned(x, w):  # type: ignore[no-untyped-def]
    z = x @ w
    h: Any = np.tanh(z)
    a, b = np.exp(h), h * 2
    c = d = a + b
    c += 1.0
    return c * d


def conditional(x):  # type: ignore[no-untyped-def]
    y = x * 2 if x[0] > 0 else x
    if (n := np.sum(y)) > 0:
        y = y / n
    return y


class Layer:
    def __call__(self, x):  # type: ignore[no-untyped-def]
        self.z = x * 2
        cache = {"h": np.tanh(self.z)}
        return np.sum(cache["h"])


def unpacked(a):  # type: ignore[no-untyped-def]
    values, vectors = np.linalg.eigh(a)
    first, second, third = values
    return first * second * third + vectors[0, 0]


def looped(x, layers):  # type: ignore[no-untyped-def]
    h = x
    for W, b in layers:
        h = relu(dense(h, W, b))
    return np.sum(h)


@pytest.mark.parametrize("trace", [cr.trace, trace_named])
@pytest.mark.parametrize(
    ("f", "args", "names"),
    [
        (
            assigned,
            (np.ones((2, 2)), np.ones(2)),
            ["z", "h", "a", "b", "c1", "c2", "value"],
        ),
        (conditional, (np.ones(3),), ["y1_part", "mask", "y1", "n", "mask2", "y2"]),
        (Layer(), (np.ones(3),), ["z", "h", "value"]),
        (
            lambda x: np.sum((x - 1) ** 2),
            (np.ones(3),),
            ["difference", "power", "value"],
        ),
    ],
)
def test_variables_of_the_source(trace: Any, f: Any, args: Any, names: list[str]) -> None:
    found = _named(trace(f, *args))
    assert [name for name in found if "part" not in name and "mask" not in name] == [
        name for name in names if "part" not in name and "mask" not in name
    ]


def test_several_results_and_what_is_unpacked() -> None:
    names = _named(trace_named(unpacked, np.diag([1.0, 2.0, 3.0])))
    assert names[1:3] == ["values", "vectors"]
    assert {"first", "second", "third"} <= set(names)


def test_values_of_helpers_are_named_by_who_calls() -> None:
    graph, seen = trace_watched(
        looped, np.ones((2, 3)), [(np.ones((3, 3)), np.ones(3)), (np.ones((3, 2)), np.ones(2))]
    )
    names = node_names(graph, leaves=seen.leaves(graph))
    assert [names[node.index] for node in graph.inputs] == ["x", "W1", "b1", "W2", "b2"]
    found = [names[node.index] for node in graph]
    assert [n for n in found if n[0] in "zh" and "_" not in n] == ["z1", "h1", "z2", "h2"]
    texts = [Statements().of(node).text for node in graph if node.primitive.name == "maximum"]  # type: ignore[union-attr]
    assert texts == ["h = relu(dense(h, W, b))"] * 2


def test_without_watching_a_helpers_result_has_its_name() -> None:
    graph = cr.trace(looped, np.ones((2, 3)), [(np.ones((3, 3)), np.ones(3))])
    names = node_names(graph)
    assert {"z", "h"} & set(names.values()) == {"z"}
    assert "layers_0_0" in names.values()


@pytest.mark.parametrize(
    ("args", "names"),
    [
        (({"W1": 1.0, "b1": 2.0},), ["W1", "b1"]),
        (([{"W": 1.0}, {"W": 2.0}],), ["W1", "W2"]),
        (([{"W1": 1.0}, {"W1": 2.0}],), ["W1_1", "W1_2"]),
        (((1.0, [2.0, 3.0]),), ["p_0", "p_1_0", "p_1_1"]),
        (({"lambda": 1.0, "np": 2.0, "a b": 3.0},), ["lambda_", "np_", "a_b"]),
        (({"p": 1.0},), ["p1"]),
    ],
)
def test_leaves_of_trees_are_called_by_their_last_key(args: Any, names: list[str]) -> None:
    def f(p):  # type: ignore[no-untyped-def]
        return 0.0

    assert list(node_names(cr.trace(f, *args)).values()) == names


@pytest.mark.parametrize(("style", "wanted"), [("bar", "h_bar"), ("d", "dh"), ("grad", "grad_h")])
def test_styles_of_cotangents(style: Any, wanted: str) -> None:
    def f(x):  # type: ignore[no-untyped-def]
        h = np.tanh(x)
        return np.sum(h * h)

    assert wanted in node_names(cr.trace(f, np.ones(2)).backward(), style).values()


def test_unknown_style() -> None:
    with pytest.raises(cr.InvalidInput, match="'bar', 'd' or 'grad', got 'hat'"):
        node_names(cr.trace(np.sin, 1.0), "hat")  # type: ignore[arg-type]


@pytest.mark.parametrize("style", ["bar", "d", "grad"])
@pytest.mark.parametrize("case", CASES, ids=repr)
@pytest.mark.filterwarnings("ignore::chainrule.UnusedInputWarning")
def test_names_are_unique_legal_and_hide_nothing(case: Case, style: Any) -> None:
    names = node_names(trace_named(case.f, *case.args, **case.kwargs).backward(), style)
    found = list(names.values())
    assert len(set(found)) == len(found) == len(names)
    hidden = {*dir(builtins), *keyword.kwlist, "np", "torch", "chainrule"}
    assert all(name.isidentifier() and name not in hidden for name in found)


def test_a_variable_that_would_hide_a_builtin_is_renamed() -> None:
    def f(x):  # type: ignore[no-untyped-def]
        sum = np.sum(x)
        max = sum * 2
        return max

    assert _named(trace_named(f, np.ones(2))) == ["sum_", "max_"]


def test_parameters_keep_their_names_whatever_they_hide() -> None:
    def f(input, x1):  # type: ignore[no-untyped-def]
        x = input * x1
        x = x * 2
        return x

    assert list(node_names(trace_named(f, 1.0, 2.0)).values()) == ["input", "x1", "x_1", "x_2"]


def test_code_without_source_is_named_by_watching() -> None:
    namespace: dict[str, Any] = {"np": np}
    exec("def f(x):\n    z = x * 2\n    return np.sum(z)", namespace)
    assert _named(trace_named(namespace["f"], np.ones(2))) == ["z", "value"]
    assert _named(cr.trace(namespace["f"], np.ones(2))) == ["product", "value"]


def test_changed_source_gives_no_error(tmp_path: Any) -> None:
    import importlib.util
    import linecache

    path = tmp_path / "changing.py"
    path.write_text("def f(x):\n    y = x * 2\n    return y\n")
    specification = importlib.util.spec_from_file_location("changing", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    path.write_text("def f(x:\n")
    linecache.checkcache(str(path))
    assert _named(cr.trace(module.f, 1.0)) == ["value"]


def test_watching_leaves_debuggers_and_coverage_their_events() -> None:
    seen = []

    def tool(frame: Any, event: str, argument: Any) -> Any:
        if frame.f_code is assigned.__code__:
            seen.append(event)
        return tool

    before = sys.gettrace()
    sys.settrace(tool)
    try:
        trace_named(assigned, np.ones((2, 2)), np.ones(2))
        assert sys.gettrace() is tool
    finally:
        sys.settrace(before)
    assert seen.count("line") == 6
    assert seen[0] == "call"
    assert seen[-1] == "return"


def test_a_tool_that_takes_the_place_of_the_watch_does_not_end_it() -> None:
    class Tool:
        """As coverage's tracer in C: called for a call, it makes itself the trace function."""

        lines = 0

        def __call__(self, frame: Any, event: str, argument: Any) -> Any:
            if event == "call":
                sys.settrace(self)
            elif event == "line" and frame.f_code is f.__code__:
                self.lines += 1
            return self

    def twice(x):  # type: ignore[no-untyped-def]
        return x * 2.0

    def f(x):  # type: ignore[no-untyped-def]
        doubled = twice(x)
        again = twice(doubled)
        return np.sum(again)

    tool, before = Tool(), sys.gettrace()
    sys.settrace(tool)
    try:
        found = _named(trace_named(f, np.ones(2)))
        assert sys.gettrace() is tool
    finally:
        sys.settrace(before)
    assert found[:2] == ["doubled", "again"]
    assert tool.lines == 3


def test_watching_ends_with_an_error() -> None:
    before = sys.gettrace()
    with pytest.raises(ZeroDivisionError):
        trace_named(lambda x: x / (1 // 0), 1.0)
    assert sys.gettrace() is before


def test_inner_derivatives_do_not_disturb_the_names() -> None:
    def f(x):  # type: ignore[no-untyped-def]
        slope = cr.grad(lambda y: np.sum(y**3))(x)
        energy = slope @ slope
        return energy

    names = _named(trace_named(f, np.ones(2)))
    assert "slope" in names
    assert names[-1] == "energy"


@given(st.lists(st.text(min_size=0, max_size=8), max_size=20))
def test_names_handed_out_are_legal_and_unique(texts: list[str]) -> None:
    space = Namespace(["x", "h"])
    found = [space.create(text) for text in texts]
    assert len({*found, "x", "h"}) == len(found) + 2
    assert all(name.isidentifier() and not keyword.iskeyword(name) for name in found)


def test_series_avoids_names_that_are_wanted_elsewhere() -> None:
    space = Namespace(["z"])
    assert space.series("h", 2, avoid=["h1"]) == ["h_1", "h_2"]
    assert space.series("W1", 2) == ["W1_1", "W1_2"]
    assert space.series("z", 1) == ["z1"]
    assert space.series("sum", 1) == ["sum_"]
    assert legal("2 layers!") == "v2_layers"


def test_statements_are_quoted_without_comments_and_on_one_line() -> None:
    def f(x):  # type: ignore[no-untyped-def]
        y = (  # a comment
            x * 2.0
        )
        z = y + 1  # another
        while np.sum(z) > 100:  # and one more
            z = z - 1
        return z

    graph = cr.trace(f, np.ones(2))
    statements = Statements()
    texts = [statements.of(node).text for node in graph if node.code is not None]  # type: ignore[union-attr]
    assert texts == ["y = x * 2.0", "z = y + 1", *["while np.sum(z) > 100:"] * 2]
    assert all(statements.of(node) is None for node in graph.inputs)
