"""Plans: the interpreter's bits, from reused memory that never shows."""

from __future__ import annotations

import gc
import re
import threading
import tracemalloc
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from tests.engine.test_primitives import CALLS, draw_call
from tests.programs.random_programs import programs

import chainrule as cr
from chainrule.engine.trees import flatten
from chainrule.programs import plan as plan_module
from chainrule.programs.plan import Plan
from chainrule.programs.plan_report import plan_report
from chainrule.programs.simplify import simplify

rng = np.random.default_rng(3)


def normal(*shape, dtype=np.float64):
    return rng.normal(size=shape).astype(dtype)


def two_layers(params, x, y):
    h = np.maximum(x @ params["W1"] + params["b1"], 0)
    e = h @ params["W2"] + params["b2"] - y
    return np.mean(e * e) / 2


def parameters(dtype=np.float64, sizes=(5, 4, 1)):
    a, b, c = sizes
    return {
        "W1": normal(a, b, dtype=dtype), "b1": normal(b, dtype=dtype),
        "W2": normal(b, c, dtype=dtype), "b2": normal(c, dtype=dtype),
    }  # fmt: skip


def cross_entropy(params, x, labels):
    z = np.tanh(x @ params["W1"] + params["b1"]) @ params["W2"] + params["b2"]
    return -np.mean(cr.log_softmax(z)[np.arange(len(labels)), labels])


def recurrent(w, xs):
    h = np.zeros_like(xs[0])
    for x in xs:
        h = np.tanh(w @ h + x)
    return np.sum(h**2)


def attention(q, k, v):
    weights = cr.softmax(q @ k.T / np.sqrt(q.shape[-1]), axis=-1)
    return np.sum((weights @ v) ** 3)


def assigned(x):
    y = np.zeros_like(x)
    y[1:] = x[:-1] * 2.0
    y[0] += np.sum(x)
    return np.sum(y * y)


def normalised(x, scale):
    z = (x - np.mean(x, axis=0)) / np.sqrt(np.var(x, axis=0) + 1e-5)
    return np.sum(scale * z**3)


def decomposed(a):
    values, vectors = np.linalg.eigh(a + a.T)
    return np.sum(values**2) + np.sum(vectors[:, 0] ** 4)


TABLE = [
    ("two layers", two_layers, (parameters(), normal(6, 5), normal(6, 1))),
    ("two layers, single precision", two_layers,
     (parameters(np.float32), normal(6, 5, dtype=np.float32), normal(6, 1, dtype=np.float32))),
    ("two layers, one example", two_layers, (parameters(), normal(1, 5), normal(1, 1))),
    ("two layers, one unit", two_layers, (parameters(sizes=(5, 1, 1)), normal(6, 5), normal(6, 1))),
    ("two layers, column-major", two_layers,
     (parameters(), np.asfortranarray(normal(6, 5)), normal(6, 1))),
    ("two layers, every other row", two_layers, (parameters(), normal(12, 5)[::2], normal(6, 1))),
    ("two layers, every other column", two_layers,
     (parameters(sizes=(5, 4, 2)), normal(6, 10)[:, ::2], normal(6, 4)[:, ::2])),
    ("cross-entropy", cross_entropy,
     (parameters(sizes=(5, 4, 3)), normal(6, 5), np.array([0, 2, 1, 1, 0, 2]))),
    ("recurrent", recurrent, (normal(4, 4), [normal(4) for _ in range(5)])),
    ("attention", attention, (normal(3, 4), normal(5, 4), normal(5, 2))),
    ("assignment", assigned, (normal(6),)),
    ("normalised", normalised, (normal(8, 3), normal(3))),
    ("eigenvalues", decomposed, (normal(4, 4),)),
    ("number", lambda x: x * np.sin(x) / (1 + x * x), (0.7,)),
    ("numbers and arrays", lambda a, x: a * np.sum(x) + 2.0 / a, (np.float64(1.5), normal(3))),
    ("transposed in place", lambda x: np.sum(np.tanh(np.tanh(x) + np.tanh(x).T)), (normal(4, 4),)),
    ("row of itself", lambda x: np.sum(np.tanh(np.exp(x) * np.exp(x)[0])), (normal(4, 4),)),
    ("matrix and vector", lambda a, x: np.sum(np.tanh(a @ x) * (x @ a)), (normal(4, 4), normal(4))),
    ("vectors with gaps", lambda a, x: np.sum(np.tanh(a @ x) * (x @ a)) + x @ x,
     (normal(4, 8)[:, ::2], normal(8)[::2])),
    ("masked", lambda x, y: np.sum(np.where(np.tanh(x) > y, np.exp(x), 0)), (normal(4), normal(4))),
    ("masked with other numbers", lambda x, y: np.sum(np.where(np.tanh(x) > y, np.exp(x), -0.0))
     + np.sum(np.where(np.tanh(x) > y, np.exp(x), 1.5)), (normal(4), normal(4))),
    ("reshaped transpose", lambda x: np.sum(np.tanh(x).T.reshape(-1) * np.arange(6.0)),
     (normal(2, 3),)),
    ("powers of numbers",
     lambda x: sum(np.sum(x * x) ** k for k in np.linspace(0.1, 5.0, 60).tolist()),
     (normal(5),)),
    ("powers", lambda x: np.sum(x**2 + x**3 + 2.0**x), (normal(5),)),
    ("single element", lambda x, b: np.sum(np.tanh(x * b) + b), (normal(4, 3), normal(1))),
    ("integers", lambda x, n: np.sum(np.ldexp(x, n) * n), (normal(3), np.array([1, 2, 3]))),
    ("empty", lambda x: np.sum(np.tanh(x)) + 1.0, (normal(0, 3),)),
    ("convolution", lambda x, w: np.sum(np.tanh(cr.conv2d(x, w, padding=1))),
     (normal(2, 3, 5, 5), normal(4, 3, 3, 3))),
]  # fmt: skip
table = pytest.mark.parametrize(
    ("f", "args"), [row[1:] for row in TABLE], ids=[r[0] for r in TABLE]
)


def gradient_graph(f, args):
    graph = cr.trace(f, *args)
    return simplify(graph.backward())


def bits(value):
    return (type(value), np.asarray(value).dtype, np.shape(value), np.asarray(value).tobytes())


def arrays_of(args):
    return [x for x in flatten(args)[0] if isinstance(x, (float, np.ndarray, np.generic))]


def nearby(args):
    """Other numbers of the same kind and memory layout, that take the same branches."""
    leaves = []
    for leaf in flatten(args)[0]:
        if isinstance(leaf, np.ndarray) and leaf.dtype.kind == "f":
            moved = np.lib.stride_tricks.as_strided(
                np.empty(2 * leaf.size + 16, leaf.dtype), leaf.shape, leaf.strides
            )
            moved[...] = leaf * leaf.dtype.type(1.01)
            leaf = moved
        leaves.append(leaf)
    return flatten(args)[1].unflatten(leaves)


@table
def test_a_plan_gives_the_interpreters_bits(f, args):
    graph = gradient_graph(f, args)
    again = gradient_graph(f, args)
    plan = Plan(graph)
    for arguments in (args, nearby(args), args):
        leaves = arrays_of(arguments)
        expected = flatten(again.evaluate(*arguments))[0]
        found = plan.execute(leaves)
        assert list(map(bits, found)) == list(map(bits, expected))
        assert list(map(bits, plan._without_buffers(leaves))) == list(map(bits, expected))


@table
def test_results_are_the_callers_alone(f, args):
    plan = Plan(gradient_graph(f, args))
    leaves = arrays_of(args)
    kept = [np.copy(x) for x in leaves]
    first = plan.execute(leaves)
    saved = [np.copy(x) for x in first]
    second = plan.execute([x * 0.5 if np.asarray(x).dtype.kind == "f" else x for x in leaves])
    for array, copy in zip(first, saved, strict=True):
        np.testing.assert_array_equal(array, copy)
    for leaf, copy in zip(leaves, kept, strict=True):
        np.testing.assert_array_equal(leaf, copy)
    arrays = [x for x in [*first, *second] if isinstance(x, np.ndarray)]
    constants = [x for x in plan._constants.values() if isinstance(x, np.ndarray)]
    for i, array in enumerate(arrays):
        assert array.flags.writeable
        others = [*arrays[:i], *plan.buffers, *constants]
        others += [x for x in leaves if isinstance(x, np.ndarray)]
        assert not any(np.shares_memory(array, x) for x in others)


@settings(max_examples=150)
@given(programs())
def test_random_programs_give_the_interpreters_bits(drawn):
    program, inputs = drawn
    graph = cr.trace(program, *inputs).backward()
    expected = flatten(graph.evaluate(*inputs))[0]
    plan = Plan(simplify(graph))
    found = plan.execute(inputs)
    for a, b in zip(found, expected, strict=True):
        assert type(a) is type(b)
        assert np.asarray(a).dtype == np.asarray(b).dtype
        np.testing.assert_array_equal(a, b)
    for a, b in zip(plan.execute(inputs), found, strict=True):
        assert bits(a) == bits(b)


@settings(max_examples=60)
@given(programs())
def test_random_programs_in_pieces(drawn):
    program, inputs = drawn
    whole = Plan(simplify(cr.trace(program, *inputs).backward())).execute(inputs)
    size, plan_module._STATEMENTS_PER_FUNCTION = plan_module._STATEMENTS_PER_FUNCTION, 3
    try:
        pieces = Plan(simplify(cr.trace(program, *inputs).backward())).execute(inputs)
    finally:
        plan_module._STATEMENTS_PER_FUNCTION = size
    assert list(map(bits, pieces)) == list(map(bits, whole))


every_call = pytest.mark.parametrize(("primitive", "case"), CALLS)


@every_call
def test_values_share_memory_only_as_declared(primitive, case):
    """Buffers are safe only if a primitive that returns a view says so."""
    drawn, _, _ = draw_call(primitive, case)
    operands, params = primitive.bind(*drawn.args, **drawn.kwargs)
    value = primitive.evaluate(*operands, **params)
    for part in value if isinstance(value, tuple) else (value,):
        for position, operand in enumerate(operands):
            if isinstance(part, np.ndarray) and isinstance(operand, np.ndarray):
                declared = primitive.view and position == 0
                assert declared or not np.shares_memory(part, operand)


@every_call
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_every_primitive_in_a_plan(primitive, case, dtype):
    """Read from arrays and from buffers, written to a buffer or not: always the same bits."""
    _, function, arrays = draw_call(primitive, case, dtype)

    def busy(*given):
        values = flatten(function(*[x * 1 for x in given]))[0]
        return values, [np.negative(x) for x in values if np.result_type(x).kind == "f"]

    with np.errstate(all="ignore"):
        graph = cr.trace(busy, *arrays)
        expected = flatten(graph.value)[0]
        plan = Plan(simplify(graph))
        for _ in range(2):
            for a, b in zip(plan.execute(arrays), expected, strict=True):
                assert bits(a) == bits(b)


def test_buffers_are_reused():
    def chain(x):
        for _ in range(30):
            x = np.tanh(x * 1.1)
        return np.sum(x)

    plan = Plan(simplify(cr.trace(chain, normal(100))))
    assert len(plan.buffers) == 1
    assert plan.buffer_bytes == 800


def test_given_arrays_are_read_and_written_in_place():
    params, x, y = parameters(), normal(6, 5), normal(6, 1)
    graph = cr.trace(two_layers, params, x, y).backward(wrt=[0, 1, 2, 3])
    value, expected = graph.evaluate(params, x, y)
    flat = np.full(29, np.nan)
    views = [flat[0:20].reshape(5, 4), flat[20:24], flat[24:28].reshape(4, 1), flat[28:29]]
    plan = Plan(simplify(graph), inputs=[*params.values(), x, y], outputs=[None, *views])
    assert plan.execute() == [value]
    for view, gradient in zip(views, expected.values(), strict=True):
        np.testing.assert_array_equal(view, gradient)
    params["W1"] *= 0.5
    plan.execute()
    np.testing.assert_array_equal(views[0], graph.evaluate(params, x, y)[1]["params['W1']"])


@pytest.mark.parametrize("order", ["C", "F"])
def test_results_that_are_not_computed_in_place_are_copied_there(order):
    def f(x, y):
        return np.sum(x) * 1.0, x, x, np.transpose(x @ y), np.where(x > 0, x, 0), np.ones((2, 2))

    x, y = normal(2, 2), normal(2, 2)
    outputs = [np.empty((2, 2), order=order) for _ in range(5)]
    plan = Plan(simplify(cr.trace(f, x, y)), outputs=[None, *outputs])
    assert plan.execute([x, y]) == [np.sum(x)]
    for found, expected in zip(outputs, f(x, y)[1:], strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_result_returned_twice_is_two_arrays():
    def f(x):
        h = np.tanh(x)
        return h, h, h.T, h[0], np.exp(x)

    x = normal(2, 2)
    results = Plan(simplify(cr.trace(f, x))).execute([x])
    for i, result in enumerate(results):
        np.testing.assert_array_equal(result, f(x)[i])
        assert not any(np.shares_memory(result, other) for other in results[:i])


def test_a_plan_keeps_no_batch_alive():
    class Array(np.ndarray):
        """An array that can be watched."""

    x = normal(200, 200)
    watched = weakref.ref(base := x.view(Array))
    inputs = [np.asarray(base), normal(200, 3)]
    graph = simplify(cr.trace(lambda x, w: np.sum(np.tanh(x @ w)), *inputs).backward())
    plan = Plan(graph)
    del graph, inputs, base, x
    gc.collect()
    assert watched() is None
    held = sum(getattr(node.value, "base", node.value).nbytes for node in plan.graph.nodes
               if isinstance(node.value, np.ndarray))  # fmt: skip
    assert held < 1000


def test_a_plan_releases_values_after_their_last_use():
    def f(x):
        for _ in range(20):
            x = np.cumsum(x)  # not written into a buffer
        return np.sum(x)

    x = normal(100_000)
    plan = Plan(simplify(cr.trace(f, x)))
    tracemalloc.start()
    plan.execute([x])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * x.nbytes


def test_a_plan_may_run_within_itself_and_in_threads():
    x = normal(50, 50)
    plan = Plan(simplify(cr.trace(lambda x: np.sum(np.tanh(x @ x) @ x, axis=0), x)))
    expected = plan.execute([x])[0]
    with plan._lock:  # running already
        np.testing.assert_array_equal(plan.execute([x])[0], expected)
    results = []

    def work():
        for _ in range(50):
            results.append(np.array_equal(plan.execute([x])[0], expected))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 200
    assert all(results)


def test_a_plan_with_given_arrays_refuses_to_run_within_itself():
    x, out = normal(3), np.empty(3)
    plan = Plan(simplify(cr.trace(np.tanh, x)), outputs=[out])
    with plan._lock, pytest.raises(RuntimeError, match="make one for each thread"):
        plan.execute([x])


@pytest.mark.parametrize(
    ("f", "taken", "missed"),
    [
        (lambda x: x * 2.0 if np.sum(x) > 0 else -x, np.array([1.0]), np.array([-1.0])),
        (lambda x: x * int(x[0]), np.array([2.5]), np.array([3.5])),
        (lambda x: x * float(cr.stop_gradient(x[0])), np.array([2.5]), np.array([3.5])),
        (lambda x: x[x > 0] * 2.0, np.array([1.0, -1.0]), np.array([1.0, 1.0])),
        (lambda x: x * float(cr.stop_gradient(np.log(x[0]))), np.array([-1.0]), np.array([1.0])),
    ],
    ids=["bool", "int", "float", "count", "nan"],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_guards(f, taken, missed):
    plan = Plan(simplify(cr.trace(f, taken)))
    np.testing.assert_array_equal(plan.execute([taken])[0], f(taken))
    with pytest.raises(cr.GuardMiss, match=r"another branch.*line \d+"):
        plan.execute([missed])
    np.testing.assert_array_equal(plan.execute([taken])[0], f(taken))


def test_errors_of_numpy_come_through():
    plan = Plan(simplify(cr.trace(np.linalg.inv, np.eye(2))))
    with pytest.raises(np.linalg.LinAlgError, match="Singular"):
        plan.execute([np.zeros((2, 2))])
    np.testing.assert_array_equal(plan.execute([np.eye(2)])[0], np.eye(2))


def test_generated_code_appears_in_tracebacks():
    plan = Plan(simplify(cr.trace(np.linalg.cholesky, np.eye(2))))
    with pytest.raises(np.linalg.LinAlgError) as caught:
        plan.execute([-np.eye(2)])
    assert any("cholesky(" in str(entry.statement) for entry in caught.traceback)


def test_times_of_statements():
    plan = Plan(simplify(cr.trace(lambda x: np.linalg.cholesky(x @ x.T) * 2.0, np.eye(2))))
    out = np.empty((2, 2))
    times = plan.time_statements(repeats=3)
    assert len(times) == len(plan.statements)
    assert all(t > 0 or t != t for t in times)
    into = Plan(simplify(cr.trace(lambda x: x @ x, np.eye(2))), outputs=[out])
    out[...] = 7.0
    into.time_statements(repeats=3)
    np.testing.assert_array_equal(out, 7.0)


def test_the_report_of_a_plan_names_lines_bytes_and_constants():
    def f(x, w):
        h = np.tanh(x @ w)
        return np.sum(0.25 * h.T)

    graph = simplify(cr.trace(f, np.ones((2, 3)), np.ones((3, 4))).backward())
    given = np.empty((2, 3))
    report = plan_report(Plan(graph, outputs=[None, given, None]))
    text = re.sub(r" *\d+\.\d\d us +", "_ ", "\n".join(report))
    lines = re.sub(r"line \d+", "line", text).splitlines()
    assert lines[0] == "  line: h = np.tanh(x @ w)"
    assert lines[1].startswith("_ 64 B buffer v0.dot(v1, b0)")
    assert "_ 0 B view   v" in text
    assert "  backward of line: h = np.tanh(x @ w)" in lines
    assert any(line.startswith("_ 48 B given  ") for line in lines)
    assert any(line.startswith("_ 96 B new    v") for line in lines)
    assert re.fullmatch(r"  where c\d = [0-9.]+(, c\d = [0-9.]+)*", lines[-1])
    assert "= 0.25" in lines[-1]


def test_a_hundred_thousand_nodes_without_recursion():
    def chain(x):
        for _ in range(20_000):
            x = np.sin(x) * 1.01
        return x

    graph = cr.trace(chain, 0.3).backward()
    plan = Plan(simplify(graph))
    assert len(plan.statements) > 50_000
    value, slope = plan.execute([0.3])
    expected, gradient = cr.value_and_grad(chain)(0.3)
    assert (value, slope) == (expected, gradient)
