"""Nodes as expressions: precedence, constants, parameters and indices as a person writes them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.programs.literals import latex_literal, literal, text_literal
from chainrule.programs.notation import Term, expression, latex_name, numpy_name, term
from chainrule.programs.terms import ATOM, PRODUCT, SUM, infix

X = np.ones((3, 4))


def _last(f: Any, *args: Any, form: Any = "source") -> str:
    """The last node of a traced function in the names of its inputs."""
    graph = cr.trace(f, *args)
    names = {node.index: node.name or f"v{node.index}" for node in graph}
    return expression(graph.nodes[-1], names, form)


@pytest.mark.parametrize(
    ("f", "source", "text", "latex"),
    [
        (lambda x: x * 2.0, "x * 2.0", "x * 2", r"x \cdot 2"),
        (lambda x: 1 / x, "1 / x", "1 / x", r"\frac{1}{x}"),
        (lambda x: -x, "-x", "-x", "-x"),
        (lambda x: x**2, "x**2", "x**2", "x^{2}"),
        (lambda x: x**-0.5, "x**-0.5", "x**-0.5", "x^{-0.5}"),
        (lambda x: x > 0, "x > 0", "x > 0", "x > 0"),
        (lambda x: np.tanh(x), "np.tanh(x)", "tanh(x)", r"\tanh x"),
        (lambda x: np.abs(x), "np.abs(x)", "|x|", r"\left|x\right|"),
        (lambda x: np.maximum(x, 0), "np.maximum(x, 0)", "max(x, 0)", r"\operatorname{max}(x, 0)"),
        (lambda x: x.T, "x.T", "xᵀ", r"{x}^\top"),
        (lambda x: x[1:, 0], "x[1:, 0]", "x[1:, 0]", "{x}_{[1:, 0]}"),
        (lambda x: np.sqrt(x), "np.sqrt(x)", "√x", r"\sqrt{x}"),
        (lambda x: x / 8**0.5, "x / 2.8284271247461903", "x / 2.82843", r"\frac{x}{2.82843}"),
        (lambda x: x * 0.044715, "x * 0.044715", "x * 0.044715", r"x \cdot 0.044715"),
    ],
)
def test_three_forms(f: Any, source: str, text: str, latex: str) -> None:
    assert _last(f, X) == source
    assert _last(f, X, form="text") == text
    assert _last(f, X, form="latex") == latex


@pytest.mark.parametrize(
    ("f", "source"),
    [
        (lambda x: np.sum(x), "np.sum(x)"),
        (lambda x: np.sum(x, axis=0), "np.sum(x, axis=0)"),
        (lambda x: np.sum(x, (0, 1), keepdims=True), "np.sum(x, axis=(0, 1), keepdims=True)"),
        (lambda x: np.mean(x, axis=-1), "np.mean(x, axis=-1)"),
        (lambda x: x.sum(), "np.sum(x)"),
        (lambda x: np.sum(x, where=[True, False, True, True]),
         "np.sum(x, where=np.array([True, False, True, True]))"),
        (lambda x: x.astype(np.float32), "x.astype(np.float32)"),
        (lambda x: np.reshape(x, (2, -1)), "np.reshape(x, (2, -1))"),
        (lambda x: np.transpose(x, (1, 0)), "x.T"),
        (lambda x: np.swapaxes(x, 0, 1), "np.swapaxes(x, 0, 1)"),
        (lambda x: np.expand_dims(x, 1), "np.expand_dims(x, axis=1)"),
        (lambda x: np.broadcast_to(x, (2, 3, 4)), "np.broadcast_to(x, (2, 3, 4))"),
        (lambda x: np.concatenate([x, x], axis=1), "np.concatenate([x, x], axis=1)"),
        (lambda x: np.stack((x, x)), "np.stack([x, x])"),
        (lambda x: np.clip(x, None, 0.5), "np.clip(x, None, 0.5)"),
        (lambda x: np.where(x, 1.0, x), "np.where(x, 1.0, x)"),
        (lambda x: np.linalg.norm(x), "np.linalg.norm(x)"),
        (lambda x: np.einsum("ij->j", x), 'np.einsum("ij->j", x)'),
        (lambda x: x[..., None, ::-2], "x[..., None, ::-2]"),
        (lambda x: x[np.array([0, 2])], "x[np.array([0, 2])]"),
        (lambda x: x[[0, 1, 2], :2], "x[np.arange(3), :2]"),
        (lambda x: x % 3, "x % 3"),
        (lambda x: x // 2, "x // 2"),
        (lambda x: x * np.float32(0.1), "x * np.float32(0.1)"),
        (lambda x: x + np.zeros(4), "x + np.zeros(4)"),
        (lambda x: x * np.inf, "x * np.inf"),
        (lambda x: x * -1.5, "x * -1.5"),
        (lambda x: np.pad(x, 1), "np.pad(x, ((1, 1), (1, 1)))"),
        (lambda x: np.linalg.svd(x, full_matrices=False)[1], "v1[1]"),
        (lambda x: cr.softmax(x, axis=0), "chainrule.softmax(x, axis=0)"),
    ],
)  # fmt: skip
def test_parameters_and_indices_as_a_person_writes_them(f: Any, source: str) -> None:
    graph = cr.trace(f, X)
    names = {node.index: node.name or f"v{node.index}" for node in graph}
    node = graph.outputs[0]
    assert expression(node, names, "source") == source


@pytest.mark.parametrize(
    ("f", "source"),
    [
        (lambda a, b, c: (a + b) * c, "(a + b) * c"),
        (lambda a, b, c: a + b * c, "a + b * c"),
        (lambda a, b, c: a - (b - c), "a - (b - c)"),
        (lambda a, b, c: a - b - c, "a - b - c"),
        (lambda a, b, c: a / (b * c), "a / (b * c)"),
        (lambda a, b, c: (a * b) @ c, "a * b @ c"),
        (lambda a, b, c: a @ (b @ c), "a @ (b @ c)"),
        (lambda a, b, c: (-a) ** 2, "(-a) ** 2"),
        (lambda a, b, c: -(a**2), "-(a**2)"),
        (lambda a, b, c: (a + b) ** 2, "(a + b) ** 2"),
        (lambda a, b, c: a ** (b + c), "a ** (b + c)"),
        (lambda a, b, c: a ** (b**c), "a ** b**c"),
        (lambda a, b, c: 2.0**-a, "2.0**-a"),
        (lambda a, b, c: (a > b) & (b > c), "(a > b) & (b > c)"),
        (lambda a, b, c: (a + b).T, "(a + b).T"),
        (lambda a, b, c: (a + b)[0], "(a + b)[0]"),
        (lambda a, b, c: np.exp(a + b) * c, "np.exp(a + b) * c"),
        (lambda a, b, c: -(a + b) * c, "-(a + b) * c"),
        (lambda a, b, c: ~(a > b), "~(a > b)"),
    ],
)
def test_expressions_inside_expressions(f: Any, source: str) -> None:
    matrix = np.eye(2) + 0.5
    graph = cr.trace(f, matrix, matrix * 2, matrix * 3)
    terms: dict[int, Any] = {}
    for node in graph:
        terms[node.index] = term(node, terms or {node.index: node.name}, "source") if (
            node.inputs
        ) else node.name  # fmt: skip
    found = terms[graph.outputs[0].index].text
    assert found.replace("-a**2", "-(a**2)") == source
    scope = {"np": np, "a": matrix, "b": matrix * 2, "c": matrix * 3}
    np.testing.assert_array_equal(eval(found, scope), graph.value)


def test_a_term_knows_when_it_needs_parentheses() -> None:
    assert Term("a + b", SUM).within(PRODUCT) == "(a + b)"
    assert Term("a * b", PRODUCT).within(SUM) == "a * b"
    assert infix("-", Term("a", ATOM), Term("b - c", SUM)).text == "a - (b - c)"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (1, "1"),
        (0.1, "0.1"),
        (-0.0, "-0.0"),
        (1e-8, "1e-08"),
        (np.inf, "np.inf"),
        (-np.inf, "-np.inf"),
        (np.nan, "np.nan"),
        (True, "True"),
        (np.bool_(True), "np.bool(True)"),
        (np.float64(2.5), "np.float64(2.5)"),
        (np.float32(0.1), "np.float32(0.1)"),
        (np.float16(0.1), "np.float16(0.1)"),
        (np.int8(3), "np.int8(3)"),
        (np.dtype(np.float32), "np.float32"),
        ((1,), "(1,)"),
        ([1, "a'b"], '[1, "a\'b"]'),
        (None, "None"),
        (np.zeros((2, 3)), "np.zeros((2, 3))"),
        (np.ones(3, np.float32), "np.ones(3, dtype=np.float32)"),
        (np.full(4, 0.5), "np.full(4, 0.5)"),
        (np.full(3, -0.0), "np.full(3, -0.0)"),
        (np.eye(3), "np.eye(3)"),
        (np.eye(2, 3), "np.eye(2, 3)"),
        (np.arange(4), "np.arange(4)"),
        (np.array([0, 2]), "np.array([0, 2])"),
        (np.array([[1.5, np.nan], [-np.inf, 0.0]]), "np.array([[1.5, np.nan], [-np.inf, 0.0]])"),
        (np.array([True, False]), "np.array([True, False])"),
        (np.array(3.0), "np.array(3.0)"),
        (np.zeros((0, 2)), "np.zeros((0, 2))"),
        (np.zeros(0, int), "np.zeros(0, dtype=int)"),
        (np.asfortranarray([[1.0, 2.0], [3.0, 4.5]]),
         'np.array([[1.0, 2.0], [3.0, 4.5]], order="F")'),
        (np.array([0.1, 1 / 3], np.float32), "np.array([0.1, 0.33333334], dtype=np.float32)"),
    ],
)  # fmt: skip
def test_literals_give_back_every_bit(value: Any, written: str) -> None:
    assert literal(value) == written
    back = eval(written, {"np": np})
    if isinstance(value, np.ndarray):
        assert back.dtype == value.dtype
        assert back.shape == value.shape
        assert back.tobytes() == value.tobytes()
        assert back.strides == value.strides or value.size <= 1 or value.ndim < 2
    elif not (isinstance(value, float) and np.isnan(value)):
        assert back == value
        assert type(back) is type(value) or isinstance(value, np.dtype)


def test_every_float32_is_written_in_digits_that_give_it_back() -> None:
    values = np.random.default_rng(0).integers(0, 2**31, 3000).astype(np.uint32).view(np.float32)
    for value in values[np.isfinite(values)]:
        assert eval(literal(value), {"np": np}) == value


@pytest.mark.parametrize(
    ("value", "text", "latex"),
    [
        (2.0, "2", "2"),
        (np.float64(0.25), "0.25", "0.25"),
        (1e-8, "1e-08", r"1 \cdot 10^{-8}"),
        (np.inf, "∞", r"\infty"),
        (np.array([1.0, 2.5]), "[1, 2.5]", "[1, 2.5]"),
        (np.zeros((20, 30)), "array(20, 30)", r"\mathrm{array}(20, 30)"),
        (np.zeros(20), "array(20)", r"\mathrm{array}(20)"),
        (np.dtype(float), "float64", "float64"),
    ],
)
def test_constants_for_reading(value: Any, text: str, latex: str) -> None:
    assert text_literal(value) == text
    assert latex_literal(value) == latex


@pytest.mark.parametrize(
    ("name", "latex"),
    [
        ("x", "x"),
        ("W1", "W_{1}"),
        ("h_bar", r"\bar{h}"),
        ("W1_bar", r"\bar{W_{1}}"),
        ("W1_bar_part", r"\bar{W_{1}}_{\mathrm{part}}"),
        ("sigma", r"\sigma"),
        ("sigma2", r"\sigma_{2}"),
        ("x_hat", r"x_{\mathrm{hat}}"),
        ("loss", r"\mathrm{loss}"),
        ("_", r"\_"),
    ],
)
def test_names_in_latex(name: str, latex: str) -> None:
    assert latex_name(name) == latex


def test_where_numpy_keeps_a_function() -> None:
    from chainrule.engine.primitive import PRIMITIVES

    assert numpy_name(PRIMITIVES["linalg.inv"]) == "np.linalg.inv"
    assert numpy_name(PRIMITIVES["tanh"]) == "np.tanh"
    assert numpy_name(PRIMITIVES["scatter"]) is None


def test_constants_can_be_given_names() -> None:
    graph = cr.trace(lambda x: x * np.arange(12.0).reshape(3, 4), X)
    found = expression(graph.nodes[1], {0: "x"}, "text", constants=lambda c: "C")
    assert found == "x * C"
