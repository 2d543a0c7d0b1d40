"""Graph files: what they mean, and one clear sentence for everything that is wrong with one."""

from __future__ import annotations

import contextlib
import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule.engine.errors import ChainruleError
from chainrule.programs.graph_files import GraphFile, load_graph
from chainrule.programs.graph_format import GraphFileError
from chainrule.programs.graph_operations import OPERATIONS

R1: dict[str, Any] = {
    "name": "R1",
    "description": "f = σ(h1) h2",
    "nodes": [
        {"name": "f", "operation": "*", "operands": ["s", "h2"]},
        {"name": "x1", "value": 1},
        {"name": "x2", "value": 3.0},
        {"name": "x3", "value": 2},
        {"name": "w1", "value": 2},
        {"name": "w2", "value": 1},
        {"name": "w3", "value": 5},
        {"name": "w4", "value": 2},
        {"name": "s", "operation": "sigmoid", "operands": ["h1"]},
        {"name": "h1", "operation": "+", "operands": ["z1", "z2"]},
        {"name": "h2", "operation": "+", "operands": ["w3", "z3"]},
        {"name": "z1", "operation": "*", "operands": ["w1", "x1"]},
        {"name": "z2", "operation": "*", "operands": ["w2", "x2"]},
        {"name": "z3", "operation": "*", "operands": ["w4", "x3"]},
    ],
    "output": "f",
}
TOML = """
# the same by other means
name = "R1"
nodes = [
  { name = "x1", value = 1 }, { name = "x2", value = 3 }, { name = "x3", value = 2 },
  { name = "w1", value = 2 }, { name = "w2", value = 1 }, { name = "w3", value = 5 },
  { name = "w4", value = 2 },
  { name = "z1", operation = "×", operands = ["w1", "x1"] },
  { name = "z2", operation = "times", operands = ["w2", "x2"] },
  { name = "z3", operation = "Multiply", operands = ["w4", "x3"] },
  { name = "h1", operation = "add", operands = ["z1", "z2"] },
  { name = "h2", operation = "plus", operands = ["w3", "z3"] },
  { name = "s", operation = "σ", operands = ["h1"] },
  { name = "f", operation = "·", operands = ["s", "h2"] },
]
"""


def graph(*nodes: dict[str, Any], **rest: Any) -> GraphFile:
    return GraphFile.from_dict({"nodes": list(nodes), **rest}, "g.json")


def node(name: str, operation: str, *operands: Any, **settings: Any) -> dict[str, Any]:
    return {"name": name, "operation": operation, "operands": list(operands), **settings}


def given_(name: str, value: Any = None) -> dict[str, Any]:
    return {"name": name} if value is None else {"name": name, "value": value}


X, Y = given_("x", 0.4), given_("y", 0.7)
V, W, M = given_("v", [0.4, 0.7]), given_("w", [1.5, 0.3]), given_("M", [[0.4, 0.7], [1.1, 0.2]])


# --- what a file means ----------------------------------------------------------------------------


@pytest.mark.parametrize(("suffix", "text"), [(".json", json.dumps(R1)), (".toml", TOML)])
def test_json_and_toml_mean_the_same_program(tmp_path: Path, suffix: str, text: str) -> None:
    path = tmp_path / f"r1{suffix}"
    path.write_text(text, encoding="utf-8")
    found = load_graph(path)
    assert found.inputs == {"x1": 1, "x2": 3, "x3": 2, "w1": 2, "w2": 1, "w3": 5, "w4": 2}
    assert found.outputs == ("f",)
    assert found.evaluate()["f"] == pytest.approx(8.939764341681437, rel=1e-15)
    lines = found.source.splitlines()
    assert lines[0] == "def R1(x1, x2, x3, w1, w2, w3, w4):"
    assert set(lines[1:-1]) == {
        "    z1 = w1 * x1", "    z2 = w2 * x2", "    z3 = w4 * x3", "    h1 = z1 + z2",
        "    h2 = w3 + z3", "    s = expit(h1)", "    f = s * h2",
    }  # fmt: skip
    assert lines[-1] == "    return f"


def test_every_derivative_of_r1_is_the_reference_value() -> None:
    explanation = GraphFile.from_dict(R1).explain()
    reference = {
        "x1": 0.11966502007422278845, "x2": 0.059832510037111394226,
        "x3": 1.9866142981514302889, "w1": 0.059832510037111394226,
        "w2": 0.17949753011133418268, "w3": 0.99330714907571514444,
        "w4": 1.9866142981514302889, "z1": 0.059832510037111394226,
        "z2": 0.059832510037111394226, "z3": 0.99330714907571514444,
        "h1": 0.059832510037111394226, "h2": 0.99330714907571514444, "s": 9.0, "f": 1.0,
    }  # fmt: skip
    assert {v.name.text for v in explanation.values} == set(reference)
    for name, value in reference.items():
        assert explanation[name].derivative == pytest.approx(value, rel=1e-14)


def test_values_can_be_given_instead_of_those_in_the_file() -> None:
    found = graph(X, Y, node("z", "*", "x", "y"))
    assert found.evaluate({"x": 2})["z"] == pytest.approx(1.4)
    assert found.explain({"x": [1.0, 2.0], "y": 3}).inputs[0].derivative.tolist() == [3.0, 3.0]
    assert found.evaluate()["z"] == pytest.approx(0.28)


def test_several_outputs_and_which_one_is_differentiated() -> None:
    found = graph(X, node("a", "exp", "x"), node("b", "square", "x"), outputs=["b", "a"])
    assert found.evaluate() == pytest.approx({"b": 0.16, "a": np.exp(0.4)})
    assert found.explain()["x"].derivative == pytest.approx(np.exp(0.4) + 0.8)
    assert found.explain(output="a")["x"].derivative == pytest.approx(np.exp(0.4))
    assert found.explain(output="a").total.text == "a"


def test_without_outputs_the_nodes_that_nothing_reads_are_the_outputs() -> None:
    found = graph(X, Y, node("a", "exp", "x"), node("b", "square", "a"), node("c", "neg", "a"))
    assert found.outputs == ("b", "c")


def test_constants_are_not_differentiated() -> None:
    two = {"name": "two", "constant": 2}
    matrix = {"name": "K", "constant": [[1, 2], [3, 4]]}
    found = graph(V, two, matrix, node("q", "@", "K", "v"), node("p", "**", "q", "two"))
    assert "    p = q ** 2.0" in found.source
    assert set(found.inputs) == {"v"}
    explanation = found.explain()
    assert explanation["q"].expression.text == "K @ v"
    assert explanation["K"].derivative is None
    q = np.array([[1, 2], [3, 4]]) @ [0.4, 0.7]
    np.testing.assert_allclose(explanation["v"].derivative, np.array([[1, 2], [3, 4]]).T @ (2 * q))


def test_the_program_has_a_name_that_no_node_has() -> None:
    matrix = {"name": "K", "constant": [[1, 2], [3, 4]]}
    found = graph(V, matrix, node("q", "@", "K", "v"), name="K")
    assert found.source.startswith("def K_(v):")
    np.testing.assert_allclose(found.evaluate()["q"], [1.8, 4.0])
    words = {"two words": "two_words", "exercise 1: a": "exercise_1_a", "1.": "f", "def": "f"}
    for name, legal in words.items():
        assert graph(X, node("y", "exp", "x"), name=name).source.startswith(f"def {legal}(x):")


def test_operations_of_numbers_alone_are_computed_once() -> None:
    found = graph(X, node("a", "+", 1, 2), node("b", "*", "a", "x"))
    assert found.evaluate()["b"] == pytest.approx(1.2)
    assert [v.name.text for v in found.explain().values] == ["x", "b"]


def test_a_repeated_operand_and_fan_out_accumulate() -> None:
    found = graph(X, node("y", "*", "x", "x"), node("z", "+", "y", "x"))
    assert found.explain()["x"].derivative == pytest.approx(1.8)


def test_inputs_that_nothing_reads_have_derivative_zero() -> None:
    explanation = graph(X, Y, node("z", "exp", "x")).explain()
    assert explanation["y"].derivative == 0
    assert explanation["y"].note == "does not influence z"


def test_the_output_may_be_an_input() -> None:
    assert graph(X, output="x").explain()["x"].derivative == 1


def test_names_of_builtins_keep_their_names() -> None:
    explanation = graph(V, node("sum", "sum", "v"), node("max", "*", "sum", 2)).explain()
    assert [v.name.text for v in explanation.values] == ["v", "sum", "max"]


def test_names_are_compared_as_python_compares_them() -> None:
    found = graph(given_("h₁", 2.0), node("ﬁ", "square", "h1"), output="fi")
    assert found.evaluate() == {"fi": 4.0}


def test_the_program_is_seen_by_tracebacks_and_traces() -> None:
    found = GraphFile.from_dict(R1, "r1.json")
    traced = cr.trace(found.function, **found.values())
    assert traced.nodes[-1].where.text == "f = s * h2"
    other = GraphFile.from_dict({**R1, "output": "s"}, "r1.json")
    assert other.function.__code__.co_filename != found.function.__code__.co_filename
    assert traced.nodes[-1].where.text == "f = s * h2"


def test_a_node_can_be_cut_out_and_made_an_input() -> None:
    found = GraphFile.from_dict(R1)
    cut = found.with_input("h1", 0.0)
    assert cut.evaluate()["f"] == pytest.approx(4.5)
    assert found.evaluate()["f"] == pytest.approx(8.939764341681437)


def test_a_graph_of_many_nodes_is_no_deeper_than_one_of_few() -> None:
    chain = [X, *(node(f"n{k}", "sin", f"n{k - 1}" if k else "x") for k in range(3000))]
    found = graph(*reversed(chain))
    assert found.outputs == ("n2999",)
    value = 0.4
    for _ in range(3000):
        value = np.sin(value)
    assert found.evaluate()["n2999"] == value


# --- operations -----------------------------------------------------------------------------------

USES: dict[str, tuple[list[dict[str, Any]], dict[str, Any], Any]] = {
    "+": ([X, Y], node("z", "+", "x", "y", 2), 3.1),
    "-": ([X, Y], node("z", "-", "x", "y"), -0.3),
    "*": ([X, Y], node("z", "*", "x", "y", -2), -0.56),
    "/": ([X, Y], node("z", "/", "x", "y"), 0.4 / 0.7),
    "**": ([X, Y], node("z", "^", "x", "y"), 0.4**0.7),
    "neg": ([X], node("z", "neg", "x"), -0.4),
    "identity": ([X], node("z", "id", "x"), 0.4),
    "reciprocal": ([X], node("z", "inverse", "x"), 2.5),
    "square": ([X], node("z", "square", "x"), 0.16),
    "sqrt": ([X], node("z", "√", "x"), np.sqrt(0.4)),
    "abs": ([given_("x", -0.4)], node("z", "abs", "x"), 0.4),
    "sigmoid": ([X], node("z", "σ", "x"), 1 / (1 + np.exp(-0.4))),
    "relu": ([X], node("z", "ReLU", "x"), 0.4),
    "softplus": ([X], node("z", "softplus", "x"), np.log1p(np.exp(0.4))),
    "max": ([X, Y], node("z", "max", "x", "y", 0.5), 0.7),
    "min": ([X, Y], node("z", "min", "x", "y"), 0.4),
    "log": ([X], node("z", "ln", "x"), np.log(0.4)),
    **{
        name: ([X], node("z", name, "x"), getattr(np, name)(0.4))
        for name in ("exp", "sin", "cos", "tan", "arctan", "sinh", "cosh", "tanh")
    },
    "matmul": ([M, V], node("z", "dot", "M", "v"), [0.65, 0.58]),
    "outer": ([V, W], node("z", "outer", "v", "w"), np.outer([0.4, 0.7], [1.5, 0.3])),
    "transpose": ([M], node("z", "T", "M"), [[0.4, 1.1], [0.7, 0.2]]),
    "sum": ([M], node("z", "sum", "M", axis=0), [1.5, 0.9]),
    "mean": ([M], node("z", "average", "M", axis=[0, 1], keepdims=True), [[0.6]]),
    "prod": ([V], node("z", "prod", "v"), 0.28),
    "norm": ([V], node("z", "norm", "v"), np.hypot(0.4, 0.7)),
    "reshape": ([M], node("z", "reshape", "M", shape=[4]), [0.4, 0.7, 1.1, 0.2]),
    "stack": ([V, W], node("z", "stack", "v", "w"), [[0.4, 0.7], [1.5, 0.3]]),
    "concatenate": ([V, W], node("z", "concat", "v", "w"), [0.4, 0.7, 1.5, 0.3]),
}


def test_every_operation_is_tested() -> None:
    assert {operation.name for operation in OPERATIONS.values()} == set(USES)


@pytest.mark.parametrize("name", USES)
def test_operations_compute_and_differentiate(name: str) -> None:
    inputs, use, expected = USES[name]
    found = graph(*inputs, use, node("L", "sin", "z"))
    value = found.with_outputs(("z",)).evaluate()["z"]
    np.testing.assert_allclose(value, expected, rtol=1e-14)
    explanation = found.explain()
    for each in explanation.inputs:
        point = found.inputs[each.name.text]
        for index in np.ndindex(np.shape(point)):
            step = np.zeros(np.shape(point))
            step[index] = 1e-6
            up, down = (
                np.sum(found.evaluate({each.name.text: point + sign * step})["L"])
                for sign in (1, -1)
            )
            derivative = np.asarray(each.derivative)[index]
            assert derivative == pytest.approx((up - down) / 2e-6, abs=1e-8, rel=1e-6)


def test_every_operation_is_in_the_documentation() -> None:
    page = (Path(__file__).parents[2] / "docs" / "explain.md").read_text(encoding="utf-8")
    table = page[page.index("| operations | operands |") :]
    assert {name for name in USES if f"`{name}`" not in table} == set()


# --- what can be wrong ----------------------------------------------------------------------------

WRONG: dict[str, tuple[Any, str]] = {
    "no table": ([], "holds a list; expected a table with nodes"),
    "no nodes": ({"name": "g"}, "has no list of nodes"),
    "empty nodes": ({"nodes": []}, "has no list of nodes"),
    "unknown key": ({"nodes": [X], "outptu": "x"}, "unknown key 'outptu'.*Did you mean 'output'"),
    "name is no text": ({"nodes": [X], "name": 3}, "name is 3; expected text"),
    "node is no table": ({"nodes": ["x"]}, "node 1 is 'x'; expected a table with a name"),
    "node without name": ({"nodes": [{"value": 1}]}, "node 1 has no name"),
    "name is a number": ({"nodes": [given_("x"), {"name": 2}]}, "node 2 has the name 2"),
    "name is no word": ({"nodes": [given_("h 1")]}, "node 1 has the name 'h 1'; a name is letters"),
    "name is a keyword": ({"nodes": [given_("lambda")]}, "no word of Python such as lambda"),
    "name is internal": ({"nodes": [given_("__builtins__")]}, "does not start with a digit or __"),
    "name of NumPy": ({"nodes": [given_("np")]}, "stands for NumPy in the program"),
    "duplicate": ({"nodes": [X, X]}, "two nodes are called 'x'"),
    "duplicate after normalising": (
        {"nodes": [given_("h1"), given_("h₁")]}, "two nodes are called 'h1'",
    ),
    "unknown operation": (
        {"nodes": [X, node("y", "sigmiod", "x")]},
        "node 'y' has the unknown operation 'sigmiod'. Did you mean 'sigmoid'\\? Known are",
    ),
    "operation is no text": (
        {"nodes": [X, {"name": "y", "operation": 1}]}, "unknown operation 1. Known are",
    ),
    "no operands": (
        {"nodes": [{"name": "y", "operation": "exp"}]},
        "node 'y' has the operation exp and no operands",
    ),
    "operands are no list": (
        {"nodes": [X, {"name": "y", "operation": "exp", "operands": "x"}]},
        "node 'y' has the operands 'x'; expected a list",
    ),
    "operands without operation": (
        {"nodes": [X, {"name": "y", "operands": ["x"]}]}, "node 'y' has operands but no operation",
    ),
    "arity": (
        {"nodes": [X, node("y", "exp", "x", "x")]},
        "node 'y' gives 2 operands to exp, which takes 1 operand",
    ),
    "too few": (
        {"nodes": [X, node("y", "max", "x")]},
        "node 'y' gives 1 operand to max, which takes at least 2 operands",
    ),
    "missing operand": (
        {"nodes": [given_("weight", 1), node("y", "exp", "wieght")]},
        "node 'y' reads 'wieght', which is no node. Did you mean 'weight'",
    ),
    "operand is a list": (
        {"nodes": [X, node("y", "exp", [1])]}, "has the operand \\[1\\]; expected a node's name",
    ),
    "operand is true": ({"nodes": [X, node("y", "+", "x", True)]}, "has the operand True"),
    "operand is not finite": (
        {"nodes": [X, node("y", "+", "x", float("inf"))]}, "operand inf, which is not finite",
    ),
    "operand is enormous": ({"nodes": [X, node("y", "+", "x", 10**400)]}, "is not finite"),
    "cycle": (
        {"nodes": [X, node("a", "+", "x", "c"), node("b", "exp", "a"), node("c", "sin", "b")]},
        "the nodes a → c → b → a need each other's values: a cycle",
    ),
    "self-reference": ({"nodes": [node("a", "exp", "a")]}, "the nodes a → a need"),
    "value is text": ({"nodes": [given_("x", "1.0")]}, "'1.0' is not a number; expected"),
    "value is true": ({"nodes": [given_("x", True)]}, "True is not a number"),
    "value is nan": ({"nodes": [given_("x", float("nan"))]}, "it is not finite"),
    "value is enormous": ({"nodes": [given_("x", 10**400)]}, "or a number is too large"),
    "value is ragged": ({"nodes": [given_("x", [[1, 2], [3]])]}, "rows have different lengths"),
    "value is empty": ({"nodes": [given_("x", [])]}, "it is empty"),
    "value holds text": ({"nodes": [given_("x", [1, "a"])]}, "'a' is not a number"),
    "constant is missing": ({"nodes": [{"name": "c", "constant": None}]}, "None is not a number"),
    "value and constant": (
        {"nodes": [{"name": "c", "constant": 1, "value": 1}]}, "has a value and a constant",
    ),
    "operation and value": (
        {"nodes": [X, {**node("y", "exp", "x"), "value": 1}]}, "has an operation and a value",
    ),
    "key of another operation": (
        {"nodes": [X, node("y", "exp", "x", axis=0)]}, "node 'y' has the unknown key 'axis'",
    ),
    "key of an input": ({"nodes": [{"name": "x", "valeu": 1}]}, "Did you mean 'value'"),
    "axis is text": ({"nodes": [V, node("y", "sum", "v", axis="0")]}, "has the axis '0'; expected"),
    "axis is true": ({"nodes": [V, node("y", "sum", "v", axis=True)]}, "has the axis True"),
    "keepdims is 1": (
        {"nodes": [V, node("y", "sum", "v", keepdims=1)]}, "has keepdims 1; expected true or false",
    ),
    "shape is missing": ({"nodes": [V, node("y", "reshape", "v")]}, "needs the key shape"),
    "no output": ({"nodes": [X]}, "has no output; name one"),
    "only cycles of readers": ({"nodes": [X], "outputs": []}, "outputs is \\[\\]; expected"),
    "two kinds of output": (
        {"nodes": [X], "output": "x", "outputs": ["x"]}, "has an output and outputs",
    ),
    "unknown output": (
        {"nodes": [given_("loss", 1)], "output": "los"}, "'los' is no node. Did you mean 'loss'",
    ),
    "output is a number": ({"nodes": [X], "output": 1}, "the output 1 is no node"),
    "output twice": ({"nodes": [X], "outputs": ["x", "x"]}, "'x' is named twice"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_wrong_graphs_are_refused_with_file_and_node(case: str) -> None:
    data, message = WRONG[case]
    with pytest.raises(GraphFileError, match=message) as caught:
        GraphFile.from_dict(data, "net.json")
    assert str(caught.value).startswith("net.json: ")
    assert str(caught.value).endswith((".", "?"))
    assert "\n" not in str(caught.value)


COMPUTED: dict[str, tuple[list[dict[str, Any]], str]] = {
    "division by zero": (
        [given_("x", 0), node("y", "/", 1, "x")], "node 'y' \\(1 / x\\) is not finite: inf",
    ),
    "logarithm of a negative number": (
        [given_("x", -1), node("y", "log", "x")], "node 'y' \\(np.log\\(x\\)\\) is not finite: nan",
    ),
    "numbers alone": ([X, node("a", "/", 1, 0), node("y", "*", "a", "x")], "node 'a' .*division"),
    "a tower of numbers": (
        [X, node("a", "**", 9, 99), node("b", "**", "a", "a"), node("y", "*", "b", "x")],
        "node 'b' .* cannot be computed",
    ),
    "shapes": (
        [M, given_("v", [1, 2, 3]), node("y", "@", "M", "v")],
        "node 'y' \\(M @ v\\) cannot be computed: .*mismatch",
    ),
    "axis": ([V, node("y", "sum", "v", axis=3)], "node 'y' .*axis 3 is out of bounds"),
    "reshape": ([V, node("y", "reshape", "v", shape=[3])], "node 'y' .*cannot reshape"),
    "overflow": ([given_("x", 1000), node("y", "exp", "x")], "is not finite: inf"),
    "no value": ([given_("x"), node("y", "exp", "x")], "input 'x' has no value"),
    "no input": ([{"name": "c", "constant": 2}, node("y", "exp", "c")], "no floating-point output"),
}  # fmt: skip


@pytest.mark.parametrize("case", COMPUTED)
def test_graphs_that_cannot_be_computed_name_the_node(case: str) -> None:
    nodes, message = COMPUTED[case]
    found = graph(*nodes)
    with pytest.raises(GraphFileError, match=message) as caught:
        found.explain()
    assert str(caught.value).startswith("g.json: ")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"xx": 1}, "there is no input 'xx'; the inputs are x. Did you mean 'x'"),
        ({"x": "2"}, "the value given for input 'x' cannot be used: '2' is not a number"),
        ({"x": float("inf")}, "it is not finite"),
    ],
)
def test_wrong_values_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(GraphFileError, match=message):
        graph(X, node("y", "exp", "x")).evaluate(values)


def test_an_unknown_output_is_refused() -> None:
    with pytest.raises(
        GraphFileError, match="no output 'yy'; the outputs are y\\. Did you mean 'y'"
    ):
        graph(X, node("y", "exp", "x")).explain(output="yy")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("g.txt", b"{}", "is called something.json or something.toml"),
        ("g.json", b"", "not valid JSON: Expecting value"),
        ("g.json", b"{", "not valid JSON"),
        ("g.json", b"\xff\xfe{}", "is not UTF-8 text"),
        ("g.json", b"[" * 100_000, "nested too deeply"),
        ("g.json", b'{"nodes": [{"name": "x", "value": ' + b"9" * 5000 + b"}]}", "not valid JSON"),
        ("g.json", b'{"nodes": 1, "nodes": 2}', "the key 'nodes' stands twice in one object"),
        ("g.toml", b"nodes = [", "not valid TOML"),
        ("g.toml", b"a = 1\na = 2", "not valid TOML"),
    ],
)
def test_unreadable_files_are_named(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(GraphFileError, match=message) as caught:
        load_graph(path)
    assert name in str(caught.value)


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(GraphFileError, match="there is no such file"):
        load_graph(tmp_path / "none.json")
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(GraphFileError, match="cannot be read"):
        load_graph(tmp_path / "folder.json")


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "g.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(R1).encode())
    assert load_graph(path).name == "R1"


def test_the_error_is_one_of_chainrule() -> None:
    assert issubclass(GraphFileError, ChainruleError)


# --- anything else --------------------------------------------------------------------------------

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["x1", "w1", "f", "s", "exp", "max", "@", "+", "**", "sum", "σ", "", "np"])
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "operation", "operands", "value", "constant", "axis"])
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=6,
)


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """R1 with some of its parts replaced, removed, repeated or swapped."""
    data: Any = copy.deepcopy(R1)
    for _ in range(draw(st.integers(1, 4))):
        target = data if draw(st.booleans()) else draw(st.sampled_from(data["nodes"] or [data]))
        if isinstance(target, dict) and target:
            key = draw(st.sampled_from(sorted(target, key=str)))
            action = draw(st.sampled_from(["replace", "remove", "operand", "add"]))
            if action == "replace":
                target[key] = draw(JSON)
            elif action == "remove":
                del target[key]
            elif action == "operand" and isinstance(target.get("operands"), list):
                names = [n["name"] for n in R1["nodes"]]
                target["operands"] = draw(st.lists(st.sampled_from(names) | JSON, max_size=3))
            else:
                target[draw(st.sampled_from(["value", "operation", "axis", "outputs"]))] = draw(
                    JSON
                )
        if not isinstance(data.get("nodes"), list):
            break
    return data


@settings(max_examples=400)
@given(data=mutated())
def test_mutated_graphs_work_or_are_refused(data: Any) -> None:
    try:
        explanation = GraphFile.from_dict(data).explain()
    except GraphFileError:
        return
    assert explanation.text()
    json.dumps(explanation.to_dict(), allow_nan=False)


@settings(max_examples=300)
@given(data=st.data())
def test_mutated_files_load_or_are_refused(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    suffix = data.draw(st.sampled_from([".json", ".toml"]))
    text = bytearray((json.dumps(R1) if suffix == ".json" else TOML).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text) - 1))
        length = data.draw(st.integers(0, 5))
        text[at : at + length] = data.draw(
            st.binary(max_size=3) | st.sampled_from([b'"', b"{", b"1e999"])
        )
    path = tmp_path_factory.getbasetemp() / f"mutated{suffix}"
    path.write_bytes(bytes(text))
    with contextlib.suppress(GraphFileError):
        load_graph(path).explain()
