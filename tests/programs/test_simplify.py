"""Simplified graphs give the same bits with fewer nodes, and keep everything graphs promise."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.programs.functions import CASES, Case
from tests.programs.same_graph import shapes_of_computation

import chainrule as cr
from chainrule.engine.graph import Graph
from chainrule.programs.simplify import freeze, simplify

ROWS, COLUMNS = 3, 4


def _names(graph: Graph) -> list[str]:
    return [node.primitive.name for node in graph.nodes if node.primitive.name != "placeholder"]


X = np.arange(1.0, 1 + ROWS * COLUMNS).reshape(ROWS, COLUMNS)


@pytest.mark.parametrize(
    ("f", "left"),
    [
        (lambda x: 1 * x, []),
        (lambda x: x * 1.0, []),
        (lambda x: x * np.float64(1), []),
        (lambda x: x / 1, []),
        (lambda x: x**1, []),
        (lambda x: 0 + x, []),
        (lambda x: x + 0.0, []),
        (lambda x: x - 0, []),
        (lambda x: -(-x), []),  # noqa: B002
        (lambda x: +x, []),
        (lambda x: x.astype(float), []),
        (lambda x: x.T.T, []),
        (lambda x: np.transpose(x, (0, 1)), []),
        (lambda x: np.swapaxes(x, 0, 1).T, []),
        (lambda x: np.reshape(np.reshape(x, (2, 6)), (ROWS, COLUMNS)), []),
        (lambda x: np.reshape(np.ravel(x), (4, 3)), ["reshape"]),
        (lambda x: np.broadcast_to(x, x.shape), []),
        (lambda x: np.sum(x, axis=()), []),
        (lambda x: x + x, ["multiply"]),
        (lambda x: np.exp(x) + np.exp(x) * 3, ["exp", "multiply", "add"]),
        (lambda x: x * np.broadcast_to(x[0, 0], x.shape), ["getitem", "multiply"]),
        (lambda x: x * np.broadcast_to(x[0], x.shape), ["getitem", "multiply"]),
        (lambda x: x * (np.zeros_like(x[0, 0]) + 3.0), ["multiply"]),
        (lambda x: np.where(x > 0, 2.0, 2.0) * x, ["multiply"]),
        (lambda x: x.T[0].T, ["transpose", "getitem"]),
        (lambda x: np.sum(x, axis=(0,)), ["sum"]),
        (lambda x: np.reshape(np.sum(x, axis=0, keepdims=True), (COLUMNS,)), ["sum"]),
        # what has to stay
        (lambda x: 1 * x[0, 0] + 0 * x, ["multiply", "add", "getitem"]),
        (lambda x: x * 1 + np.float32(2), ["add"]),
        (lambda x: x.astype(np.float32), ["astype"]),
        (lambda x: x[:, 0] * 1.0 @ np.ones(ROWS), ["getitem", "multiply", "matmul"]),
        (lambda x: np.reshape(np.ravel(x.T), (ROWS, COLUMNS)), ["transpose", "ravel", "reshape"]),
        (lambda x: np.copy(x), ["copy"]),
    ],
)
def test_what_is_left(f: Callable[[Any], Any], left: list[str]) -> None:
    graph = cr.trace(f, X)
    found = simplify(graph)
    assert sorted(_names(found)) == sorted(left)
    a, b = found.evaluate(X), graph.evaluate(X)
    np.testing.assert_array_equal(a, b)
    assert np.asarray(a).dtype == np.asarray(b).dtype


@pytest.mark.parametrize(
    ("f", "expressions"),
    [
        (lambda a, b: np.sum(np.tanh(a @ b)), {"outer": 1, "transpose": 1}),
        (lambda a, b: np.sum(np.tanh(b[:ROWS] @ a) * b), {"outer": 1, "transpose": 0}),
        (lambda a, b: np.sum(1.0 / (1.0 + np.exp(-(a @ b)))), {"negative": 1}),
    ],
)
def test_backward_passes_are_written_with_columns(f: Any, expressions: dict[str, int]) -> None:
    graph = simplify(cr.trace(f, X, np.ones(COLUMNS)).backward())
    for name, count in expressions.items():
        assert _names(graph).count(name) == count, graph


def half_mean_square(x: Any, w: Any) -> Any:
    e = x @ w
    return np.mean(e**2) / 2


def mean_square(x: Any, w: Any) -> Any:
    e = x @ w
    return np.mean(e**2)


def thrice(x: Any, w: Any) -> Any:
    e = x @ w
    return np.sum(3 * e**2)


def half_of_all(x: Any, w: Any) -> Any:
    e = x @ w
    return 0.5 * np.sum(e * e)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("f", "rows", "written"),
    [
        (half_mean_square, 32, "0.03125 * e"),
        (half_mean_square, 10, "0.1 * e"),
        (half_mean_square, 7, "{1} / 7 * e"),
        (mean_square, 10, "0.2 * e"),
        (mean_square, 7, "{2} / 7 * e"),
        (thrice, 7, "6 * e"),
        (half_of_all, 7, "e"),
    ],
)
def test_factors_become_one_where_that_rounds_alike(
    f: Any, rows: int, written: str, dtype: Any
) -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(rows, 3)).astype(dtype), rng.normal(size=3).astype(dtype)
    expected = "x_bar = np.outer(e, w)" if written == "e" else f"e_bar = {written}\n"
    number = r"\1" if dtype is np.float64 else r"np.float32(\1.0)"
    assert re.sub(r"{(.)}", number, expected) in cr.source(f, x, w)
    _assert_same_bits(cr.trace(f, x, w).backward(), x, w)


def _assert_same_bits(graph: Graph, *args: Any) -> None:
    def compare(a: Any, b: Any) -> None:
        assert (a.dtype, a.tobytes()) == (b.dtype, b.tobytes())

    cr.tree_map(compare, simplify(graph).evaluate(*args), graph.evaluate(*args))


@pytest.mark.parametrize(
    "f",
    [
        lambda x, w: np.sum(0.3 * (0.1 * np.tanh(x))),  # no power of two: each product is rounded
        lambda x, w: np.sum(2.0**-110 * (2.0**110 * np.tanh(x))),  # far from usual numbers
        lambda x, w: np.sum(0 * (2 * np.tanh(x))),
        lambda x, w: np.sum(2 * (np.float64(0.1) * x)) + np.sum(np.float32(0.1) * np.tanh(x)),
        lambda x, w: np.sum((np.float32(1) / 3 * np.tanh(x)) ** 2) / 2,
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_factors_keep_their_bits(f: Any, dtype: Any) -> None:
    x = np.random.default_rng(0).normal(size=50).astype(dtype)
    _assert_same_bits(cr.trace(f, x, x).backward(wrt=["x"]), x, x)


def test_factors_of_half_precision_stay_apart() -> None:
    w = (1e-3 * np.random.default_rng(0).normal(size=50)).astype(np.float16)
    graph = cr.trace(lambda x, w: np.sum(w * (1e-3 * (2 * x))), w, w)
    _assert_same_bits(graph.backward(wrt=["x"]), w, w)


def test_signs_are_kept_by_everything_but_adding_zero() -> None:
    x = np.array([-0.0, 0.0, np.inf, np.nan, -1.0])
    graph = cr.trace(lambda x: [x * 1, x / 1, x - 0, -(-x), x + x, x**1], x)  # noqa: B002
    for a, b in zip(simplify(graph).evaluate(x), graph.evaluate(x), strict=True):
        number = ~np.isnan(a)
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(np.signbit(a[number]), np.signbit(b[number]))


def test_numbers_that_decide_a_dtype_stay_what_they_are() -> None:
    x = np.ones(3, np.float32)
    kept = simplify(cr.trace(lambda x: x * np.float64(2.0), x))
    assert kept.evaluate(x).dtype == np.float64
    plain = simplify(cr.trace(lambda x: x * np.float32(2.5), x))
    assert type(plain.nodes[-1].inputs[1]) is float
    assert plain.evaluate(x).dtype == np.float32


def test_dead_code_goes_and_inputs_and_guards_stay() -> None:
    def f(x: Any, y: Any) -> Any:
        np.exp(x)
        return x * 2 if np.sum(x) > 0 else x

    graph = simplify(cr.trace(f, X, X))
    assert _names(graph) == ["sum", "greater", "multiply"]
    assert [node.name for node in graph.inputs] == ["x", "y"]
    assert graph.guards[0].node is graph.nodes[3]
    with pytest.raises(cr.GuardMiss):
        graph.evaluate(-X, X)


def test_all_results_of_a_function_stay_together() -> None:
    graph = simplify(cr.trace(lambda a: np.linalg.eigh(a)[0], X[:, :3] @ X[:, :3].T).backward())
    position = _names(graph).index("linalg.eigh")
    assert _names(graph)[position + 1 : position + 3] == ["select_output", "select_output"]
    graph.lint()


def test_names_lines_and_cotangents_move_along() -> None:
    def f(x: Any, w: Any) -> Any:
        h = np.tanh(x @ w)
        return np.sum(h * 1.0)

    before = cr.trace(f, X, np.ones(COLUMNS)).backward()
    after = simplify(before)
    assert len(after) < len(before)
    tanh = next(node for node in after if node.primitive.name == "tanh")
    assert tanh.where is not None
    assert tanh.where.text == "h = np.tanh(x @ w)"
    for index, cotangent in after.cotangents.items():
        assert after.nodes[cotangent.index] is cotangent
        assert after.nodes[index].shape == cotangent.shape
    assert all(n.of is None or after.nodes[n.of.index] is n.of for n in after)
    assert any(n.of is not None for n in after)


def test_the_graph_itself_is_not_changed() -> None:
    graph = cr.trace(lambda x: np.sum(1 * x + 0), X).backward()
    shown = repr(graph)
    simplify(graph)
    assert repr(graph) == shown


def test_simplifying_twice_changes_nothing() -> None:
    for case in CASES:
        once = simplify(cr.trace(case.f, *case.args, **case.kwargs).backward())
        assert repr(simplify(once)) == repr(once)


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_simplified_graphs_give_the_same_bits(case: Case) -> None:
    leaves_only = not any(isinstance(x, int) for x in case.args)
    graph = cr.trace(case.f, *case.args, **case.kwargs).backward()
    found = simplify(graph)
    found.lint()
    if leaves_only:
        _assert_trees_equal(
            found.evaluate(*case.args, **case.kwargs), graph.evaluate(*case.args, **case.kwargs)
        )


def _assert_trees_equal(found: Any, wanted: Any) -> None:
    def compare(a: Any, b: Any) -> None:
        np.testing.assert_array_equal(a, b)
        assert np.asarray(a).dtype == np.asarray(b).dtype

    cr.tree_map(compare, found, wanted)


def test_a_long_recurrence_is_simplified_without_recursion() -> None:
    def f(x: Any) -> Any:
        h = x
        for _ in range(12_500):
            h = h * x * 1.0 + 0.0
        return h

    graph = simplify(cr.trace(f, 0.999).backward())
    assert 25_000 < len(graph) < 63_000
    graph.lint()


# --- random programs ------------------------------------------------------------------------------

_UNARY: list[Callable[[Any], Any]] = [
    lambda a: -a, lambda a: 1 * a, lambda a: a + 0, lambda a: a / 1, lambda a: a**1, lambda a: +a,
    lambda a: a.T, lambda a: np.transpose(a), lambda a: a[::-1], lambda a: a[..., ::-1],
    lambda a: np.tanh(a), lambda a: a * a, lambda a: a + a, lambda a: 0.5 * a, lambda a: np.copy(a),
    lambda a: np.reshape(a, a.shape), lambda a: np.reshape(np.ravel(a), a.shape),
    lambda a: np.reshape(a, a.shape[::-1]), lambda a: np.broadcast_to(np.sum(a), a.shape),
    lambda a: np.sum(a, axis=0, keepdims=True) * np.ones_like(a), lambda a: np.sum(a, axis=()),
    lambda a: np.where(a > 0, a, 0.1 * a), lambda a: np.maximum(a, 0), lambda a: a - np.mean(a),
    lambda a: np.roll(a, 1, axis=0), lambda a: -(-a), lambda a: a.astype(float), lambda a: a - 0,  # noqa: B002
    lambda a: np.cumsum(a, axis=0), lambda a: a[0] * a, lambda a: np.swapaxes(a, 0, 1),
]  # fmt: skip


def _row(a: Any, b: Any) -> Any:
    y = np.copy(a)
    y[0] = b[1]
    return y


def _rows(a: Any, b: Any) -> Any:
    y = a * 1.5
    y[1] += b[0]
    y[0] = y[1] * 0.5
    y[2] *= y[0, 0]
    return y


def _running(a: Any, b: Any) -> Any:
    z = np.zeros_like(a)
    for i in range(3):
        z[i] = a[i] * b[0, i] + z[i - 1]
    return z


def _elements(a: Any, b: Any) -> Any:
    y = np.tanh(a)
    before = y * b
    y[0, 0] = b[1, 1]
    y[1, 1] = y[0, 0] * a[2, 2] + before[0, 0]
    y[1:, :2] = y[:2, 1:] + before[:2, :2]
    return y * y[0, 0] + before


def _repeated(a: Any, b: Any) -> Any:
    y = a[np.array([0, 0, 2])] * b
    np.add.at(y, np.array([1, 1, 0]), b)
    y[np.array([2, 0])] = a[:2]
    return y


_BINARY: list[Callable[[Any, Any], Any]] = [
    lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a + -b,
    lambda a, b: -a * -b, lambda a, b: a * 2 - b, lambda a, b: np.maximum(a, b),
    _row, _rows, _running, _elements, _repeated,
]  # fmt: skip


@st.composite
def programs(draw: st.DrawFn) -> Callable[..., Any]:
    """A function of a square matrix and a vector, written in up to twelve random steps."""
    steps = draw(
        st.lists(
            st.tuples(st.integers(0, 99), st.integers(0, 99), st.integers(0, 2)),
            min_size=1,
            max_size=12,
        )
    )

    def program(x: Any, v: Any) -> Any:
        values = [x]
        vector = v
        for number, other, kind in steps:
            a, b = values[other % len(values)], values[number % len(values)]
            if kind == 0:
                values.append(_UNARY[number % len(_UNARY)](a))
            elif kind == 1:
                values.append(_BINARY[number % len(_BINARY)](a, b))
            else:
                vector = np.tanh(a @ vector) if number % 2 else np.tanh(vector @ b) + vector
        return np.sum(values[-1] * values[len(values) // 2]) + vector @ v

    return program


@given(programs(), st.integers(0, 2**32 - 1))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_random_programs_simplified_give_the_same_bits(program: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, v = rng.normal(size=(3, 3)), rng.normal(size=3)
    graph = cr.trace(program, x, v).backward()
    found = simplify(graph)
    found.lint()
    assert len(found) <= len(graph) + 3 * sum(n.primitive.name == "matmul" for n in graph)
    for arguments in ((x, v), (rng.normal(size=(3, 3)), rng.normal(size=3))):
        _assert_trees_equal(found.evaluate(*arguments), graph.evaluate(*arguments))


@given(programs(), st.integers(0, 2**32 - 1))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_random_programs_written_as_source_give_the_same_bits(program: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, v = rng.normal(size=(3, 3)), rng.normal(size=3)
    written = cr.source(program, x, v)
    wanted = cr.trace(program, x, v).backward().evaluate(x, v)
    _assert_trees_equal(written.function(x, v), wanted)
    again = simplify(cr.trace(written.function, x, v))
    assert shapes_of_computation(again) == shapes_of_computation(written.graph)


# --- keys -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (1, 1.0),
        (0.0, -0.0),
        (True, 1),
        (np.float32(1), np.float64(1)),
        (np.zeros(2), np.zeros((2, 1))),
        (np.zeros((2, 2)), np.asfortranarray(np.zeros((2, 2)))),
        (slice(1), slice(None, 1, 1)),
        ((1,), [1]),
        ({"a": 1}, {"a": 2}),
    ],
)
def test_values_that_differ_in_a_bit_differ_as_keys(a: Any, b: Any) -> None:
    assert freeze(a) != freeze(b)
    assert freeze(a) == freeze(a)


def test_what_cannot_be_compared_is_never_shared() -> None:
    with pytest.raises(TypeError):
        freeze(np.array([object()]))
    with pytest.raises(TypeError):
        freeze({1})
