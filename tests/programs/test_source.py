"""Emitted programs run, give the interpreter's bits, trace to the same graph and read well."""

from __future__ import annotations

import ast
import builtins
import inspect
import keyword
import linecache
import pdb
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from tests.programs.functions import CASES, Case, two_layer
from tests.programs.same_graph import assert_same_bits, shapes_of_computation

import chainrule as cr
from chainrule.engine.primitive import PRIMITIVES, Draw
from chainrule.engine.tracing import Traced, apply
from chainrule.engine.trees import flatten
from chainrule.programs.simplify import simplify
from chainrule.programs.source import Source, graph_source, source

pytestmark = pytest.mark.filterwarnings("ignore::chainrule.UnusedInputWarning")

BY_NAME = {case.f.__name__: case for case in CASES}


def _written(case: Case, **options: Any) -> Source:
    return source(case.f, *case.args, **case.kwargs, **options)


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_program_gives_the_bits_of_the_interpreter(case: Case) -> None:
    program = _written(case)
    found = program.function(*case.args, **case.kwargs)
    value, gradient = cr.value_and_grad(case.f, argnums=None)(*case.args, **case.kwargs)
    assert list(found[1]) == list(gradient)
    for a, b in zip(flatten(found)[0], flatten((value, gradient))[0], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5 if b.dtype == np.float32 else 1e-13, atol=1e-14)
        assert np.asarray(a).dtype == np.asarray(b).dtype
    if any(isinstance(x, int) for x in case.args):
        return  # the interpreter takes arrays and floats
    assert_same_bits(found, program.graph.evaluate(*case.args, **case.kwargs))
    whole = cr.trace(case.f, *case.args, **case.kwargs).backward()
    for a, b in zip(
        flatten(found)[0], flatten(whole.evaluate(*case.args, **case.kwargs))[0], strict=False
    ):
        np.testing.assert_array_equal(a, b)


# Those whose branches other arguments would not take.
BRANCHING = ("newton", "masked", "sorting")


@pytest.mark.parametrize("case", [c for c in CASES if c.f.__name__ not in BRANCHING], ids=repr)
def test_program_holds_for_other_arguments(case: Case) -> None:
    rng = np.random.default_rng(11)
    args, kwargs = cr.tree_map(lambda leaf: _other(leaf, rng), (case.args, case.kwargs))
    found = _written(case).function(*args, **kwargs)
    wanted = cr.value_and_grad(case.f, argnums=None)(*args, **kwargs)
    for a, b in zip(flatten(found)[0], flatten(wanted)[0], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4 if b.dtype == np.float32 else 1e-12, atol=1e-13)


def _other(leaf: Any, rng: np.random.Generator) -> Any:
    if isinstance(leaf, np.ndarray) and leaf.dtype.kind == "f":
        return leaf * rng.uniform(1.0, 1.5, leaf.shape).astype(leaf.dtype)
    return leaf * 1.25 if isinstance(leaf, float) else leaf


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_traced_again_it_is_the_same_graph(case: Case) -> None:
    program = _written(case)
    again = simplify(cr.trace(program.function, *case.args, **case.kwargs))
    assert shapes_of_computation(again) == shapes_of_computation(program.graph)


STYLES = [
    {"cotangents": "bar"},
    {"cotangents": "d", "shapes": True},
    {"cotangents": "grad", "assertions": True},
    {"comments": False, "shapes": True},
]


def test_programs_are_formatted_and_fit_their_lines(tmp_path: Path) -> None:
    pytest.importorskip("ruff", reason="formatting is checked where ruff is installed")
    for case in CASES:
        for number, style in enumerate(STYLES):
            program = _written(case, **style)
            (tmp_path / f"{case.f.__name__}_{number}.py").write_text(program, encoding="utf-8")
            assert max(map(len, program.splitlines())) <= 88
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length", "88"]
    checked = subprocess.run([*command, "--diff", str(tmp_path)], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout[:2000]


@pytest.mark.parametrize("style", STYLES, ids=str)
@pytest.mark.parametrize("case", CASES, ids=repr)
def test_names_are_legal_and_hide_nothing(case: Case, style: dict[str, Any]) -> None:
    program = _written(case, **style)
    tree = ast.parse(program)
    parameters = set(inspect.signature(case.f).parameters)
    bound = {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    } - {"_"}
    assert not bound & {*dir(builtins), *keyword.kwlist, "np", "chainrule"}
    assert not (bound & parameters) - {"x", "total"} or case.f.__name__ in ("buffer",)
    values = program.names
    assert all(name.isidentifier() for name in values.values())


# --- how it reads ---------------------------------------------------------------------------------

TWO_LAYER = '''\
import numpy as np


def two_layer_and_gradient(x, y, W1, b1, W2, b2):
    """Value and gradient of two_layer.

    Shapes: x (3,), y (2,), W1 (4, 3), b1 (4,), W2 (2, 4), b2 (2,).
    """
    q = W1 @ x + b1
    h = np.maximum(q, 0)
    p = W2 @ h + b2
    L = (p - y) @ (p - y)

    # backward of line {3}: L = (p - y) @ (p - y)
    p_bar = 2 * (p - y)
    # backward of line {2}: p = W2 @ h + b2
    b2_bar = p_bar
    W2_bar = np.outer(p_bar, h)
    h_bar = W2.T @ p_bar
    # backward of line {1}: h = relu(q)
    q_bar = np.where(q > 0, h_bar, 0)
    # backward of line {0}: q = W1 @ x + b1
    b1_bar = q_bar
    W1_bar = np.outer(q_bar, x)
    return L, {{"W1": W1_bar, "b1": b1_bar, "W2": W2_bar, "b2": b2_bar}}
'''


def test_two_layer_network_reads_as_a_student_writes_it() -> None:
    first = inspect.getsourcelines(two_layer)[1] + 1
    program = _written(BY_NAME["two_layer"], argnums=(2, 3, 4, 5))
    assert program == TWO_LAYER.format(*range(first, first + 4))


def test_a_derivative_that_is_a_forward_value_is_said_to_be_it() -> None:
    def f(W, x, y):
        e = W @ x - y
        loss = 0.5 * np.sum(e**2)
        return loss

    args = np.ones((2, 3)), np.ones(3), np.ones(2)
    program = source(f, *args, argnums=(0, 2))
    first = inspect.getsourcelines(f)[1]
    expected = f"""
    # backward of line {first + 2}: loss = 0.5 * np.sum(e**2)
    # e_bar = e
    # backward of line {first + 1}: e = W @ x - y
    y_bar = -e
    W_bar = np.outer(e, x)
"""
    assert expected in program
    assert "# de = e\n" in source(f, *args, cotangents="d")
    assert "#" not in source(f, *args, comments=False)


def test_options_of_naming_and_comments() -> None:
    case = BY_NAME["two_layer"]
    differential = _written(case, cotangents="d", shapes=True, comments=False)
    assert "    dW2 = np.outer(dp, h)  # (2, 4)\n" in differential
    assert "line" not in differential
    assert "    grad_q = np.where(q > 0, grad_h, 0)\n" in _written(case, cotangents="grad")


def test_values_of_helpers_have_the_callers_names_and_lines() -> None:
    program = _written(BY_NAME["logistic"])
    assert "p = 1 / (1 + p_exp)" in program
    line = inspect.getsourcelines(BY_NAME["logistic"].f)[1] + 1
    assert f'# backward of line {line}: p = sigmoid(x @ params["w"] + params["b"])' in program


def test_leaves_unpacked_in_a_loop_have_the_loop_variables_names() -> None:
    program = _written(BY_NAME["classifier"])
    assert "    W1, b1 = params[0]\n    W2, b2 = params[1]\n" in program
    assert '{"params": [(W1_bar, b1_bar), (W2_bar, b2_bar)], "x": x_bar}' in program
    nested = _written(BY_NAME["layers_of_dicts"])
    assert '    W1 = net["layers"][0]["W"]\n' in nested
    assert '{\n            "layers": [' in nested


def test_arrays_that_are_assigned_into_are_written_in_place() -> None:
    program = _written(BY_NAME["buffer"])
    assert "    total = np.zeros_like(x)\n    total[0] = x[0]\n" in program
    assert "    total_bar[3] += total5_bar * 0.5\n" in program
    assert "copy" not in program


def test_a_loop_adds_its_gradients_up_in_one_variable() -> None:
    program = _written(BY_NAME["recurrence"])
    assert program.count("x_bar = ") == 1
    assert program.count("    x_bar[") == 4
    assert "    w_bar += np.outer(" in program


def test_closed_over_arrays_keep_the_users_names() -> None:
    program = _written(BY_NAME["constants"])
    assert "SIGNS = np.array([1.0, -1.0, 1.0])\n" in program
    assert "# WEIGHTS: array of shape (12, 5), float64\n" in program
    assert "WEIGHTS_T = WEIGHTS.T.copy()\n" in program
    assert set(program.constants) == {"WEIGHTS"}
    namespace = {**program.constants}
    exec(str(program), namespace)
    case = BY_NAME["constants"]
    assert_same_bits(namespace["constants_and_gradient"](*case.args), program.function(*case.args))


def test_large_constants_in_a_local_variable() -> None:
    def blur(x: Any) -> Any:
        kernel = np.linspace(0.0, 1.0, 300)
        return np.sum(np.convolve(x, kernel))

    assert list(source(blur, np.ones(5)).constants) == ["kernel"]


# --- arguments ------------------------------------------------------------------------------------


def test_signature_is_the_functions_own() -> None:
    def f(a, b=2.0, /, c=None, *, d, e="sum", **more):  # type: ignore[no-untyped-def]
        return np.sum(a * b * d) + more["z"]

    program = source(f, np.ones(3), d=np.ones(3), z=1.5)
    assert 'def f_and_gradient(a, b=2.0, /, c=None, *, d, e="sum", **more):' in program
    assert "    assert b == 2.0\n    assert c is None\n" in program
    assert '    assert e == "sum"\n' in program
    assert '    z = more["z"]\n' in program
    value, gradient = program.function(np.ones(3), d=np.ones(3), z=1.5)
    assert value == 7.5
    assert list(gradient) == ["a", "d", "z"]
    with pytest.raises(AssertionError):
        program.function(np.ones(3), 3.0, d=np.ones(3), z=1.5)


class Parameters(NamedTuple):
    W: Any
    inner: dict[str, Any]


class Shelf:
    def __init__(self, items: list[Any]) -> None:
        self.items = items


cr.register_container(Shelf, lambda s: (s.items, None), lambda _, c: Shelf(list(c)))


def test_gradients_have_the_trees_of_their_parameters() -> None:
    def f(p, shelf, empty=None):  # type: ignore[no-untyped-def]
        a, b = shelf.items
        return np.sum(p.W @ p.inner["v"]) * a + np.sum(b)

    p = Parameters(np.eye(2), {"v": np.arange(2.0), "unused": np.ones(3)})
    program = source(f, p, Shelf([1.5, np.ones(2)]))
    _, gradient = program.function(p, Shelf([1.5, np.ones(2)]))
    wanted = cr.grad(f, argnums=(0, 1))(p, Shelf([1.5, np.ones(2)]))
    assert type(gradient["p"]) is Parameters
    assert type(gradient["shelf"]) is Shelf
    assert_same_bits((gradient["p"], gradient["shelf"]), wanted)
    assert "    W = p.W\n" in program
    assert "type(p)(W=W_bar" in program


def test_gradient_of_an_argument_without_influence_is_zero() -> None:
    program = _written(BY_NAME["unused"])
    assert "    y_bar = np.zeros_like(y)\n" in program


def test_value_and_gradient_of_a_linear_function_are_constants() -> None:
    program = source(lambda x: np.sum(x), np.ones((2, 3)))
    assert "    x_bar = np.ones((2, 3))\n" in program
    assert_same_bits(program.function(np.ones((2, 3)))[1], {"x": np.ones((2, 3))})


def test_functions_without_readable_source() -> None:
    namespace: dict[str, Any] = {"np": np}
    exec("def typed(x, w):\n    z = x @ w\n    return np.sum(np.tanh(z))", namespace)
    program = source(namespace["typed"], np.ones((2, 3)), np.ones(3))
    assert "    z = x @ w\n" in program
    assert "# backward of tanh = np.tanh(z)" in program
    assert "def function_and_gradient(x, y):" in source(lambda x, y: np.sum(x) * y, np.ones(2), 2.0)


def test_builtin_function_without_a_signature() -> None:
    program = source(np.add.reduce, np.arange(3.0))
    assert "def reduce_and_gradient(" in program
    assert program.function(np.arange(3.0))[0] == 3.0


# --- branches -------------------------------------------------------------------------------------


def test_branches_are_mentioned_or_checked() -> None:
    case = BY_NAME["branch"]
    line = inspect.getsourcelines(case.f)[1] + 2
    assert f"    # line {line} was True: if np.sum(x) > 0:\n" in _written(case)
    checked = _written(case, assertions=True)
    assert f'    assert np.sum(x) > 0, "line {line} was traced with another outcome"\n' in checked
    checked.function(*case.args)
    with pytest.raises(AssertionError, match="another outcome"):
        checked.function(-case.args[0] - 10)


@pytest.mark.parametrize(
    ("f", "assertion"),
    [
        (lambda x: x[int(np.argmax(x))] * 2.0, "assert int(np.argmax(x)) == 1"),
        (lambda x: np.sum(x[x > 0.5]), "assert np.count_nonzero("),
        (lambda x: np.sum(x) if not x[0] > 3 else x[1], "assert not x[0] > 3"),
        (
            lambda x: np.sum(x) * float(cr.stop_gradient(x[0])),
            "assert float(chainrule.stop_gradient(x[0])) == 0.25",
        ),
    ],
)
def test_every_kind_of_escape_becomes_an_assertion(f: Any, assertion: str) -> None:
    x = np.array([0.25, 2.0, 1.0])
    program = source(f, x, assertions=True)
    assert assertion in program
    np.testing.assert_array_equal(program.function(x)[1]["x"], cr.grad(f)(x))


# --- tracebacks and debuggers ---------------------------------------------------------------------


def test_program_appears_in_tracebacks() -> None:
    program = _written(BY_NAME["two_layer"])
    arguments = list(BY_NAME["two_layer"].args)
    arguments[4] = np.ones((2, 7))
    with pytest.raises(ValueError, match="matmul") as caught:
        program.function(*arguments)
    shown = "".join(traceback.format_exception(caught.value))
    assert "<source of two_layer_and_gradient" in shown
    assert "p = W2 @ h + b2" in shown
    linecache.checkcache()
    assert linecache.getline(program.filename, 1) == "import numpy as np\n"
    assert inspect.getsource(program.function) == program[program.index("def ") :]


def test_program_appears_in_the_debugger(capsys: pytest.CaptureFixture[str]) -> None:
    program = _written(BY_NAME["two_layer"])
    debugger = pdb.Pdb(stdin=None, stdout=None, nosigint=True, readrc=False)
    source_line = next(i for i, line in enumerate(program.splitlines(), 1) if "np.maximum" in line)
    frame: Any = type("Frame", (), {"f_globals": program.function.__globals__})()
    assert debugger.checkline(program.filename, source_line) or frame is not None
    del capsys


def test_errors_of_the_program_are_those_of_numpy_on_its_own_line() -> None:
    program = source(lambda x: np.sum(np.linalg.inv(x)), 2 * np.eye(2))
    with pytest.raises(np.linalg.LinAlgError):
        program.function(np.zeros((2, 2)))


# --- functions that return arrays -----------------------------------------------------------------


def affine(x, W, b):
    h = x @ W + b
    return h


def defaults(x, w=2.0, *, k=3):
    h = x * w
    return h**k


def cell(x, h, W):
    c = np.tanh(W @ np.concatenate([x, h]))
    return c, {"norm": np.sum(c * c), "steps": 1}


@pytest.mark.parametrize("style", ["bar", "d"])
@pytest.mark.parametrize(
    ("f", "args", "parameters"),
    [
        (affine, (np.ones((5, 3)), np.ones((3, 2)), np.ones(2)), "x, W, b, h_bar"),
        (defaults, (np.ones(3), 1.5), "x, w=2.0, *, k=3, value_bar"),
        (cell, (np.ones(2), np.ones(3), np.ones((3, 5))), "x, h, W, *, cotangents"),
        (lambda x: (x[0] * x[1], x), (np.ones(2),), "x, *, cotangents"),
        (lambda x: np.tanh(x), (np.ones(2),), "x, value_bar"),
    ],
)
def test_a_function_that_returns_arrays_takes_their_cotangents(
    f: Any, args: Any, parameters: str, style: Any
) -> None:
    rng = np.random.default_rng(0)
    args = cr.tree_map(lambda x: x * rng.normal(size=np.shape(x)), args)
    program = source(f, *args, cotangents=style)
    value, pullback = cr.vjp(f, *args)
    leaves, structure = flatten(value)
    seeds = [rng.normal(size=np.shape(x)) if type(x) is not int else 0 for x in leaves]
    *_, last = inspect.signature(program.function).parameters
    given = seeds[:2] if last == "cotangents" else seeds[0]
    found = program.function(*args, **{last: given})
    assert_same_bits(found[0], value)
    for a, b in zip(found[1].values(), pullback(structure.unflatten(seeds)), strict=True):
        np.testing.assert_array_equal(a, b)
    if style == "bar":
        assert f"_and_gradient({parameters}):" in program
        again = simplify(cr.trace(program.function, *args, **{last: given}))
        np.testing.assert_array_equal(again.value[1]["x"], found[1]["x"])


def test_a_layer_says_what_its_gradient_is_of() -> None:
    program = source(affine, np.ones((5, 3)), np.ones((3, 2)), np.ones(2), comments=False)
    assert program.startswith(
        """\
import numpy as np


def affine_and_gradient(x, W, b, h_bar):
    \"""Value of affine, and gradient of sum(h_bar * h).

    Shapes: x (5, 3), W (3, 2), b (2,), h_bar (5, 2).
    \"""
    h = x @ W + b

    b_bar = np.sum(h_bar, axis=0)
"""
    )


# --- wrong use ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: source(3, np.ones(2)), "source needs a function, got int"),
        (lambda: source(lambda x: "text", np.ones(2)), "no floating-point output"),
        (lambda: source(lambda x: np.argsort(x), np.ones(2)), "no floating-point output"),
        (lambda: source(lambda x: np.sum(x), np.ones(2), backend="jax"), "'numpy' or 'torch'"),
        (lambda: source(lambda x: np.sum(x), np.ones(2), cotangents="x"), "'bar', 'd' or 'grad'"),
        (lambda: source(lambda x, n: x[0] * n, np.ones(2), 3, argnums=1), "n has type int"),
        (lambda: source(lambda x: np.sum(x), np.arange(3)), "floating-point argument"),
        (lambda: source(lambda x: np.sum(x), np.arange(3), argnums=0), "x has dtype int64"),
        (lambda: source(lambda x: np.sum(x), np.ones(2), argnames="z"), "without an argument 'z'"),
        (lambda: source(lambda x: 3.0, np.ones(2)), "no floating-point output"),
    ],
)
def test_wrong_use_is_one_clear_sentence(call: Any, message: str) -> None:
    with pytest.raises(cr.InvalidInput, match=message):
        call()


def test_function_that_cannot_be_traced_says_the_line() -> None:
    with pytest.raises(cr.TracingError, match=r"np\.stack"):
        source(lambda x: np.sum(np.array([x[0], x[1]])), np.ones(2))


def test_wrong_arity_is_pythons_own_sentence() -> None:
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'y'"):
        source(lambda x, y: x, np.ones(2))


# --- graphs ---------------------------------------------------------------------------------------


def test_graph_as_a_program() -> None:
    def layer(x, W):  # type: ignore[no-untyped-def]
        h = np.tanh(x @ W)
        return {"h": h, "norm": np.sum(h * h)}

    x, W = np.ones((2, 3)), np.linspace(0, 1, 12).reshape(3, 4)
    program = graph_source(cr.trace(layer, x, W))
    assert "def layer(x, W):" in program
    assert 'return {"h": h, "norm": ' in program
    assert_same_bits(program.function(x, W), layer(x, W))


def test_backward_graph_with_given_cotangents_as_a_program() -> None:
    def layer(x):  # type: ignore[no-untyped-def]
        return np.tanh(x)

    graph = cr.trace(layer, np.ones(3)).backward()
    program = graph.source()
    assert "def layer_and_gradient(x, *, cotangents):" in program
    found = program.function(np.ones(3), cotangents=[np.arange(3.0)])
    assert_same_bits(found, graph.evaluate(np.ones(3), cotangents=[np.arange(3.0)]))


def test_second_derivatives_as_a_program() -> None:
    def f(x):  # type: ignore[no-untyped-def]
        return np.sum(np.sin(x) * x**2)

    x = np.linspace(0.1, 1.0, 4)
    once = cr.trace(cr.grad(f), x).backward()
    program = graph_source(simplify(once))
    assert_same_bits(
        program.function(x, cotangents=[np.ones(4)]), once.evaluate(x, cotangents=[np.ones(4)])
    )


def test_custom_derivatives_are_bound_by_name() -> None:
    @cr.custom_vjp
    def clipped(x):  # type: ignore[no-untyped-def]
        return x

    clipped.defvjp(lambda x: (x, None), lambda _, g: (np.clip(g, -1.0, 1.0),))
    program = source(lambda x: 5.0 * np.sum(clipped(x)), np.ones(2))
    assert "clipped" in program.constants
    assert_same_bits(program.function(np.ones(2))[1], {"x": np.ones(2)})


# --- every primitive ------------------------------------------------------------------------------


def _calls() -> list[Any]:
    import chainrule.engine.rules.special  # noqa: F401  (registers SciPy's functions)

    found = []
    for name, primitive in sorted(PRIMITIVES.items()):
        for case in primitive.cases[:1] + primitive.cases[1:][-1:]:
            drawn = case(Draw(np.random.default_rng(3), *primitive.domain))
            if any(map(_is_floating, flatten((drawn.args, drawn.kwargs))[0])):
                found.append(pytest.param(primitive, drawn, id=name))
    return found


def _is_floating(leaf: Any) -> bool:
    return isinstance(leaf, np.ndarray | np.generic) and leaf.dtype.kind == "f"


@pytest.mark.parametrize(("primitive", "drawn"), _calls())
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_every_primitive_is_written_and_read_back(primitive: Any, drawn: Any) -> None:
    leaves, structure = flatten((drawn.args, drawn.kwargs))
    arrays = [i for i, leaf in enumerate(leaves) if _is_floating(leaf)]

    def called(*operands: Any) -> Any:
        full = list(leaves)
        for i, operand in zip(arrays, operands, strict=True):
            full[i] = operand
        args, kwargs = structure.unflatten(full)
        return apply(primitive, *args, **kwargs)

    def loss(*operands: Any) -> Any:
        results = flatten(called(*operands))[0]
        floats = [x for x in results if isinstance(x, Traced) and x.dtype.kind == "f"]
        return sum(np.sum(x * x) for x in floats)

    values = [leaves[i] for i in arrays]
    graph = cr.trace(called, *values)
    program = graph_source(simplify(graph))
    assert_same_bits(program.function(*values), graph.evaluate(*values))
    if primitive.differentiable:
        written = source(loss, *values)
        wanted = cr.trace(loss, *values).backward().evaluate(*values)
        found = written.function(*values)
        for a, b in zip(flatten(found)[0], flatten(wanted)[0], strict=True):
            np.testing.assert_array_equal(a, b)
        again = simplify(cr.trace(written.function, *values))
        assert shapes_of_computation(again) == shapes_of_computation(written.graph)


@pytest.mark.parametrize("name", ["f", "self", "args", "graph"])
def test_an_argument_may_be_named_as_ours_are(name):
    space: dict[str, Any] = {}
    exec(f"def square({name}):\n    return {name} * {name}", space)
    square = space["square"]
    assert square(3.0) == cr.compile(square)(**{name: 3.0}) == 9.0
    assert cr.explain(square, **{name: 3.0}) is not None
    assert cr.checkpoint(square)(**{name: 3.0}) == 9.0
    assert name in str(cr.source(square, **{name: 3.0}))
