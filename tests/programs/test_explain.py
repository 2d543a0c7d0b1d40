"""Explanations: every number against the engine, every formula against its number."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import types
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import special

import chainrule as cr
from chainrule.engine.errors import InvalidInput
from chainrule.programs.explain import Explanation, explain
from chainrule.programs.explanation_values import value_text

ROWS = np.array([[0.5, -1.0], [2.0, 0.25]])


def fan_out(x: Any, w: Any) -> Any:
    y = x * w
    z = y * y
    return z + np.sin(x) * y


def repeated_unit(h: Any, w: Any) -> Any:
    for _ in range(3):
        h = np.tanh(w * h)
    return h


def network(P: Any, x: Any, y: Any) -> Any:
    q = P["W1"] @ x + P["b1"]
    h = np.maximum(q, 0)
    p = P["W2"] @ h + P["b2"]
    L = np.sum((p - y) ** 2)
    return L


def closure() -> Callable[..., Any]:
    table = np.array([[1.0, 2.0], [3.0, 4.0]])
    return lambda x: np.sum(np.tanh(table @ x))


def decomposed(A: Any) -> Any:
    Q, R = np.linalg.qr(A)
    return np.sum(R) + Q[0, 0]


def normalised(x: Any) -> Any:
    e = np.exp(x - np.max(x))
    s = e / np.sum(e, axis=1, keepdims=True)
    return np.mean(np.log(s[:, 0]))


def masked(x: Any) -> Any:
    y = x.copy()
    y[y < 0] = 0.0
    return np.sum(y * np.where(x > 1, x, 2.0))


RNG = np.random.default_rng(3)
P = {
    "W1": RNG.normal(size=(3, 2)),
    "b1": RNG.normal(size=3),
    "W2": RNG.normal(size=(2, 3)),
    "b2": RNG.normal(size=2),
}
CASES: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "fan-out and a repeated operand": (fan_out, (2.0, -3.0)),
    "a loop": (repeated_unit, (0.5, 2.0)),
    "a network": (network, (P, RNG.normal(size=2), RNG.normal(size=2))),
    "a closure": (closure(), (np.array([0.1, -0.2]),)),
    "several results of one operation": (decomposed, (np.array([[1.0, 2.0], [3.0, 4.0]]),)),
    "reductions and indexing": (normalised, (RNG.normal(size=(5, 3)),)),
    "assignment and masks": (masked, (np.array([-1.0, 0.5, 2.0]),)),
    "float32": (lambda x: np.sum(x**3), (np.array([1.0, 2.0], np.float32),)),
    "larger arrays": (lambda A, B: np.mean((A @ B) ** 2), (RNG.normal(size=(20, 9)), np.eye(9))),
}


@pytest.fixture(params=CASES, scope="module")
def case(request: pytest.FixtureRequest) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    return CASES[request.param]


def explained(case: tuple[Callable[..., Any], tuple[Any, ...]]) -> Explanation:
    return explain(case[0], *case[1])


def test_values_and_derivatives_are_the_engines(case: Any) -> None:
    f, args = case
    explanation = explain(f, *args)
    value, gradient = cr.value_and_grad(f, argnums=None)(*args)
    assert explanation[explanation.results[0]].value == value
    leaves = [leaf for tree in gradient.values() for leaf in cr.engine.trees.flatten(tree)[0]]
    assert len(leaves) == len(explanation.inputs)
    for leaf, found in zip(leaves, explanation.inputs, strict=True):
        np.testing.assert_allclose(found.derivative, leaf, rtol=1e-12, atol=1e-14)
        assert np.asarray(found.derivative).dtype == np.asarray(leaf).dtype


def test_the_derivative_of_every_value_is_seed_plus_summands(case: Any) -> None:
    for value in explained(case).values:
        if value.derivative is None:
            assert not value.summands
            continue
        total = sum((summand.value for summand in value.summands), np.zeros(np.shape(value.value)))
        total = total + (0 if value.seed is None else value.seed)
        np.testing.assert_allclose(value.derivative, total, rtol=1e-6 if _single(value) else 1e-12)


def _single(value: Any) -> bool:
    return np.asarray(value.value).dtype == np.float32


def test_summands_of_numbers_are_factor_times_slope(case: Any) -> None:
    explanation = explained(case)
    for value in explanation.values:
        for summand in value.summands:
            if summand.symbol is not None:
                assert summand.value == pytest.approx(summand.factor * summand.slope, rel=1e-12)
                assert summand.factor == explanation[summand.through].derivative


def test_every_value_has_its_users_as_summands() -> None:
    explanation = explain(fan_out, 2.0, -3.0)
    assert [s.through for s in explanation["y"].summands] == ["product", "z", "z"]
    assert [s.rule.text for s in explanation["y"].summands] == [
        "df/dproduct · ∂product/∂y",
        "df/dz · ∂₁z",
        "df/dz · ∂₂z",
    ]


# --- formulas evaluate to their numbers -----------------------------------------------------------

_PLAIN = {
    "σ": special.expit, "π": np.pi, "erf": special.erf,
    **{name: getattr(np, name) for name in dir(np) if not name.startswith("_")},
    "abs": np.abs, "sum": np.sum, "outer": np.outer, "linalg": np.linalg,
}  # fmt: skip


def as_python(text: str) -> str:
    """The plain text of a rule as Python; ᵀ and √ and powers have other spellings there."""
    for root, function in (("√", "sqrt"), ("∛", "cbrt")):
        text = re.sub(rf"{root}(\w+)", rf"{function}(\1)", text).replace(f"{root}(", f"{function}(")
    text = re.sub(r"\|([^|]*)\|", r"abs(\1)", text)
    text = text.replace("ln 2", "0.6931471805599453").replace("ln 10", "2.302585092994046")
    text = text.replace("²", "**2").replace("ᵀ", ".T")
    text = re.sub(r"\[([^\[\]]*==[^\[\]]*)\]", r"(\1)", text)
    return text


UNARY = {
    name: (getattr(np, name), 0.4)
    for name in [
        "negative",
        "exp",
        "log",
        "log1p",
        "log2",
        "log10",
        "sin",
        "cos",
        "tan",
        "tanh",
        "sqrt",
        "square",
        "arctan",
        "arcsin",
        "arccos",
        "sinh",
        "cosh",
        "abs",
        "reciprocal",
        "cbrt",
        "exp2",
        "sinc",
        "sign",
        "expm1",
        "arcsinh",
        "arctanh",
        "positive",
        "floor",
        "deg2rad",
    ]
} | {
    "arccosh": (np.arccosh, 1.4),
    "expit": (special.expit, 0.4),
    "saturated expit": (special.expit, 45.0),
    "erf": (special.erf, 0.4),
    "x**3": (lambda x: x**3, 0.4),
    "x**2": (lambda x: x**2, 0.4),
    "x**-1.5": (lambda x: x**-1.5, 0.4),
    "x**0": (lambda x: x**0, 0.4),
    "2**x": (lambda x: 2.0**x, 0.4),
    "1 - x": (lambda x: 1 - x, 0.4),
    "3 / x": (lambda x: 3 / x, 0.4),
    "x / 3": (lambda x: x / 3, 0.4),
    "relu": (lambda x: np.maximum(x, 0), 0.4),
    "relu, off": (lambda x: np.maximum(x, 0), -0.4),
    "relu at the kink": (lambda x: np.maximum(x, 0), 0.0),
    "minimum": (lambda x: np.minimum(1, x), 0.4),
    "clip": (lambda x: np.clip(x, 0, 1), 0.4),
    "logaddexp": (lambda x: np.logaddexp(x, 0), 0.4),
}


@pytest.mark.parametrize("name", UNARY)
def test_local_derivatives_of_functions_of_one_number_evaluate_to_their_slope(name: str) -> None:
    function, x = UNARY[name]

    def f(x: Any) -> Any:
        y = function(x)
        return y * 1.0

    explanation = explain(f, x)
    value = explanation["x"]
    if not value.summands:  # piecewise constant
        assert value.derivative == 0
        return
    (summand,) = value.summands
    names = {v.name.text: v.value for v in explanation.values}
    found = eval(as_python(summand.local.text), {**_PLAIN, **names})
    assert found == pytest.approx(summand.slope, rel=1e-5, abs=1e-300)


BINARY = {
    "a * b": (lambda a, b: a * b), "a / b": (lambda a, b: a / b), "a ** b": (lambda a, b: a**b),
    "a - b": (lambda a, b: a - b), "max": np.maximum, "min": np.minimum, "hypot": np.hypot,
    "arctan2": np.arctan2, "logaddexp": np.logaddexp,
}  # fmt: skip


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("point", [(0.4, 0.7), (1.7, 0.4), (0.6, 2.5)])
def test_local_derivatives_of_two_numbers_evaluate_to_their_slopes(name: str, point: Any) -> None:

    def f(a: Any, b: Any) -> Any:
        y = BINARY[name](a, b)
        return y * 1.0

    explanation = explain(f, *point)
    names = {v.name.text: v.value for v in explanation.values}
    for operand in ("a", "b"):
        (summand,) = explanation[operand].summands
        found = eval(as_python(summand.local.text), {**_PLAIN, **names})
        assert found == pytest.approx(summand.slope, rel=1e-5)


@pytest.mark.parametrize(
    ("f", "args", "rules"),
    [
        (lambda W, x: np.sum(W @ x), (ROWS, ROWS[0]), ["outer(dS, x)", "Wᵀ @ dS"]),
        (lambda A, B: np.sum(A @ B), (ROWS, ROWS), ["dS @ Bᵀ", "Aᵀ @ dS"]),
        (lambda x, W: np.sum(x @ W), (ROWS[0], ROWS), ["W @ dS", "outer(x, dS)"]),
        (lambda x: np.sum(np.tanh(x)), (ROWS,), ["dS * (1 - y²)"]),
        (lambda x: np.sum(np.maximum(x, 0)), (ROWS,), ["where(x > 0, dS, 0)"]),
        (lambda x, b: np.sum(x + b), (ROWS, ROWS[0]), ["dS", "sum(dS, axis=0)"]),
        (lambda a, b: np.sum(np.outer(a, b)), (ROWS[0], ROWS[1]), ["dS @ b", "dSᵀ @ a"]),
        (lambda x: np.sum(x.T), (ROWS,), ["dSᵀ"]),
        (lambda x: np.sum(x.reshape(4)), (ROWS,), ["reshape(dS, (2, 2))"]),
        (lambda x: np.sum(np.sum(x, axis=0)), (ROWS,), ["broadcast_to(dS, (2, 2))"]),
        (lambda x: np.sum(np.stack([x[0], x[1]])), (ROWS,), None),
    ],
)
def test_rules_of_arrays_read_as_a_person_writes_them(f: Any, args: Any, rules: Any) -> None:
    explanation = explain(f, *args)
    if rules is None:
        rules = [None] * len(args)
    for value, rule in zip(explanation.inputs, rules, strict=True):
        for summand in value.summands:
            text = summand.rule.text
            names = {v.name.text: v.value for v in explanation.values}
            result = explanation[summand.through]
            if rule is not None:
                shown = text.replace(result.symbol.text, "dS").replace(result.name.text, "y")
                assert shown == rule
                cotangents = {"dS": result.derivative, "y": result.value}
                found = eval(as_python(rule), {**_PLAIN, **names, **cotangents})
                np.testing.assert_allclose(found, summand.value)


@pytest.mark.parametrize(
    ("f", "value", "rule"),
    [
        (np.sum, [1.0, 2.0, 3.0], "ones(3)"),
        (np.mean, [1.0, 2.0, 3.0], "0.333333 * ones(3)"),
        (np.max, [1.0, 2.0, 3.0], "[x == f]"),
        (np.prod, [1.0, 2.0, 3.0], "f / x"),
        (np.linalg.norm, [3.0, 4.0], "x / f"),
        (lambda x: x @ x, [3.0, 4.0], "x"),
    ],
)
def test_rules_of_reductions_to_the_result(f: Any, value: Any, rule: str) -> None:
    explanation = explain(lambda x: f(x), np.array(value))
    summand = explanation["x"].summands[0]
    assert summand.rule.text.replace(" * 1", "").replace(" * (1 / f)", " / f") == rule
    names = {"x": np.array(value), "f": explanation["f"].value}
    np.testing.assert_allclose(eval(as_python(rule), {**_PLAIN, **names}), summand.value, rtol=1e-5)


def test_ties_of_an_extreme_share_in_the_formula_too() -> None:
    explanation = explain(lambda x: np.max(x), np.array([2.0, 2.0, 1.0]))
    np.testing.assert_array_equal(explanation["x"].derivative, [0.5, 0.5, 0])
    assert "==" not in explanation["x"].summands[0].rule.text


def test_an_unreadable_rule_is_named_instead() -> None:
    (summand,) = explain(lambda A: np.sum(np.linalg.svd(A)[2]), ROWS)["A"].summands
    assert re.fullmatch(r"pullback of svd \(.*\)", summand.rule.text)


# --- what is explained ----------------------------------------------------------------------------


def test_a_number_is_differentiated_itself() -> None:
    explanation = explain(fan_out, 2.0, -3.0)
    assert explanation.total.text == "f"
    assert explanation.cotangent == ""


def test_an_array_is_differentiated_with_the_cotangent_one() -> None:
    explanation = explain(lambda x: np.exp(x), np.array([0.0, 1.0]))
    assert "shape (2,)" in explanation.cotangent
    assert "S = sum(f), with the cotangent 1 for every entry" in explanation.cotangent
    np.testing.assert_allclose(explanation["x"].derivative, np.exp([0.0, 1.0]))


def several(x: Any) -> Any:
    y = np.exp(x)
    return {"first": y, "second": 3 * y}


def test_of_chooses_one_of_several_results() -> None:
    x = np.array([0.0, 1.0])
    np.testing.assert_allclose(explain(several, x)["x"].derivative, 4 * np.exp(x))
    np.testing.assert_allclose(explain(several, x, of=0)["x"].derivative, np.exp(x))
    second = explain(several, x, of=1)
    np.testing.assert_allclose(second["x"].derivative, 3 * np.exp(x))
    assert second["y"].summands[0].through == second.results[0]
    with pytest.raises(InvalidInput, match="no output 2"):
        explain(several, x, of=2)


def test_a_result_that_is_used_again_keeps_its_seed() -> None:
    def f(x: Any) -> Any:
        y = x * x
        return y, y * 3.0

    explanation = explain(f, 2.0)
    assert explanation["y"].seed == 1
    assert explanation["y"].derivative == 4
    assert "dS/dy = 1 + dS/dvalue · ∂value/∂y = 1 + 1 · 3 = 4" in explanation.text()


def test_a_graph_is_explained_with_its_values() -> None:
    graph = cr.trace(fan_out, 2.0, -3.0)
    assert explain(graph)["x"].derivative == explain(fan_out, 2.0, -3.0)["x"].derivative
    with pytest.raises(InvalidInput, match="values it was traced with"):
        explain(graph, 2.0)


def test_a_function_that_calls_grad_is_explained_with_its_second_derivative() -> None:
    def slope(x: Any) -> Any:
        return cr.grad(lambda t: np.tanh(t) ** 2)(x) * x

    explanation = explain(slope, 0.5)
    assert explanation["x"].derivative == pytest.approx(cr.grad(slope)(0.5), rel=1e-14)
    assert all(value.kind != "operation" or value.statement for value in explanation.values)
    pair = explain(lambda x: (x, slope(x)), 0.5, of=1)
    assert pair["x"].derivative == explanation["x"].derivative


def test_rules_that_users_write_are_shown() -> None:
    @cr.custom_vjp
    def clipped(x: Any) -> Any:
        return x * 2

    clipped.defvjp(lambda x: (x * 2, None), lambda _, g: (np.clip(g, -1.0, 1.0),))
    (summand,) = explain(lambda x: np.sum(clipped(x) * 3.0), np.ones(2))["x"].summands
    assert re.fullmatch(r"clip\(df/d\w+, -1, 1\)", summand.rule.text)
    np.testing.assert_array_equal(summand.value, [1, 1])


def test_ten_thousand_values_are_explained_without_recursion() -> None:
    def long(x: Any) -> Any:
        for _ in range(5000):
            x = np.sin(x) + 0.1
        return x

    explanation = explain(long, 0.3)
    assert len(explanation.values) == 10_001
    assert explanation["x"].derivative == cr.grad(long)(0.3)


def test_values_without_a_derivative_say_why() -> None:
    def f(x: Any, y: Any) -> Any:
        k = np.argmax(x)
        unused = np.exp(x)
        _, scale = unused, np.zeros_like(x)
        scale[0] = 2.0
        return np.sum(x * scale) + 0 * k

    explanation = explain(f, np.array([1.0, 2.0]), 5.0)
    notes = {value.name.text: value.note for value in explanation.values}
    assert notes["k"] == "no derivative: int64"
    assert notes["unused"] == "does not influence f"
    assert notes["y"] == "does not influence f"
    assert explanation["y"].derivative == 0


def test_a_function_that_does_not_depend_on_its_input_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no floating-point output"):
        explain(lambda x: 3.0, 1.0)


def test_closed_over_arrays_keep_their_names() -> None:
    explanation = explain(closure(), np.array([0.1, -0.2]))
    assert explanation["table"].kind == "constant"
    assert "table @ x" in explanation.text()
    assert "tableᵀ @" in explanation.text()


def test_names_that_do_not_exist_are_refused_with_those_that_do() -> None:
    with pytest.raises(KeyError, match="no value 'nothing'; its values are x, w, y, z"):
        explain(fan_out, 2.0, -3.0)["nothing"]


def test_a_value_in_the_inputs_evaluates_to_itself() -> None:
    explanation = explain(fan_out, 2.0, -3.0)
    assert explanation.in_inputs("z") == "x * w * (x * w)"
    assert explanation.in_inputs("x") == "x"
    source = explanation.in_inputs("f", "source")
    assert eval(source, {"np": np, "x": 2.0, "w": -3.0}) == explanation["f"].value


def test_expressions_in_the_inputs_stay_readable_where_they_would_explode() -> None:
    def doubling(x: Any) -> Any:
        for _ in range(60):
            x = x * 0.5 + x * 0.5
        return x

    explanation = explain(doubling, 1.0)
    assert len(explanation.in_inputs(explanation.results[0])) < 1000


# --- the forms ------------------------------------------------------------------------------------


def test_text_of_a_network() -> None:
    text = explain(network, P, np.array([1.0, 2.0]), np.array([0.5, 0.0])).text()
    assert text.startswith("network(W1, b1, W2, b2, x, y): L = ")
    assert re.search(r"line \d+: q = P\[\"W1\"\] @ x \+ P\[\"b1\"\]\n    q_product = W1 @ x", text)
    assert "dL/dh = W2ᵀ @ dL/dp_product" in text
    assert "dL/dq = where(q > 0, dL/dh, 0)" in text


def test_text_of_numbers_shows_symbols_numbers_and_local_derivatives() -> None:
    text = explain(fan_out, 2.0, -3.0).text()
    assert "df/dw = df/dy · ∂y/∂w = (-11.0907) · 2 = -22.1814\n" in text
    assert "∂y/∂w = x = 2" in text
    assert repr(explain(fan_out, 2.0, -3.0)) == text


def test_the_example_of_the_documentation_is_what_is_printed(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "explain.md").read_text(encoding="utf-8")
    program, printed = (
        page.split(f"```{kind}\n", 1)[1].split("```", 1)[0] for kind in ("python", "text")
    )
    path = tmp_path / "example.py"
    path.write_text(program, encoding="utf-8")
    found = subprocess.run(
        [sys.executable, path], capture_output=True, encoding="utf-8", check=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    assert found.stdout == printed


def test_long_sums_are_broken_at_their_terms() -> None:
    def f(x: Any) -> Any:
        return sum(np.sin(float(k) * x) for k in range(1, 9))

    text = explain(f, 0.3).text()
    assert max(map(len, text.splitlines())) <= 96
    assert text.count("\n        + df/d") == 7


def test_large_arrays_are_not_added_up_in_numbers() -> None:
    def f(x: Any) -> Any:
        return np.sum(np.sin(x) * np.cos(x))

    small, large = (explain(f, np.ones(n)).text() for n in (2, 20))
    rule = "df/dx = df/dcos * -sin(x) + df/dsin * cos(x)"
    assert f"{rule}\n        = [-0.708073, -0.708073] + [0.291927, 0.291927]\n" in small
    assert f"{rule} = 20 entries, all -0.4161, norm 1.861" in large


class Tags(HTMLParser):
    """The tags and attributes of a piece of HTML, and whether every tag is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_html_uses_only_what_untrusted_notebooks_keep(case: Any) -> None:
    for html in (explained(case).html(), explained(case)._repr_html_()):
        tags = Tags(html)
        assert not tags.open
        allowed = [
            "div",
            "p",
            "b",
            "i",
            "br",
            "table",
            "thead",
            "tbody",
            "tr",
            "th",
            "td",
            "details",
            "summary",
        ]
        assert tags.tags <= set(allowed)
        assert tags.attributes <= {"style", "open", "colspan"}


def test_html_has_each_line_above_its_values() -> None:
    def loss(w: Any) -> Any:
        z = 2 * w + 1
        return np.tanh(z) * z

    html = explain(loss, 0.5).html()
    first = loss.__code__.co_firstlineno
    parts = [f"line {first + 1}: z = 2 * w + 1", "<b>z</b>", f"line {first + 2}: return", "tanh(z)"]
    order = [html.index(part) for part in parts]
    assert order == sorted(order)
    assert html.count("colspan") == 2


def test_html_escapes_what_the_user_wrote() -> None:
    html = explain(lambda x: np.where(x < 1.0, x, 2.0) * (3 > 2), 0.5).html()
    assert "x &lt; 1" in html


def test_html_in_a_notebook_is_bounded() -> None:
    def long(x: Any) -> Any:
        for _ in range(500):
            x = np.sin(x)
        return x

    explanation = explain(long, 0.5)
    assert "401 more" in explanation._repr_html_()
    assert len(explanation._repr_html_()) < 150_000
    assert "more; print" not in explanation.html()


def test_markdown_tables_have_as_many_cells_as_columns(case: Any) -> None:
    markdown = explained(case).markdown()
    tables = [block.splitlines() for block in markdown.split("\n\n") if block.startswith("|")]
    assert len(tables) == 2
    for lines in tables:
        cells = {len(re.split(r"(?<!\\)\|", line)) for line in lines}
        assert len(cells) == 1


def test_markdown_escapes_bars() -> None:
    assert r"\|x\|" in explain(lambda x: np.abs(x) * 2.0, -1.5).markdown()


def test_latex_braces_and_environments_are_balanced(case: Any) -> None:
    latex = explained(case).latex()
    bare = re.sub(r"\\[{}\\]", "", latex)
    depth = 0
    for character in bare:
        depth += (character == "{") - (character == "}")
        assert depth >= 0
    assert depth == 0
    for kind in ("align*", "pmatrix", "cases"):
        assert latex.count(rf"\begin{{{kind}}}") == latex.count(rf"\end{{{kind}}}")
    assert latex.count(r"\left") == latex.count(r"\right")


def test_latex_of_numbers() -> None:
    latex = explain(fan_out, 2.0, -3.0).latex()
    assert (
        r"\frac{d f}{d w} &= \frac{d f}{d y} \, \frac{\partial y}{\partial w} = "
        r"(-11.0907) \cdot 2 = -22.1814" in latex
    )


def test_latex_takes_a_vector_for_neither_a_row_nor_a_column() -> None:
    latex = explain(lambda W, x: x @ (W @ x), np.eye(2), np.array([1.0, -2.0])).latex()
    assert r"x &= \left(1, -2\right)" in latex
    assert r"W &= \begin{pmatrix} 1 & 0 \\ 0 & 1 \end{pmatrix}" in latex


def test_data_is_strict_json_with_every_value(case: Any) -> None:
    explanation = explained(case)
    data = json.loads(json.dumps(explanation.to_dict(), allow_nan=False))
    assert [value["name"] for value in data["values"]] == [v.name.text for v in explanation.values]
    assert data["backward"] == [value.name.text for value in explanation.backward]


def test_data_of_a_number() -> None:
    data = explain(lambda x: x**2, 3.0).to_dict()
    (x,) = (value for value in data["values"] if value["name"] == "x")
    assert x["derivative"] == 6.0
    assert x["summands"] == [
        {
            "through": "f",
            "operand": 0,
            "rule": "df/df · ∂f/∂x",
            "latex": r"\frac{d f}{d f} \, \frac{\partial f}{\partial x}",
            "local": "2 * x",
            "factor": 1.0,
            "slope": 6.0,
            "value": 6.0,
        }
    ]


def test_numbers_that_json_lacks_are_words() -> None:
    data = explain(lambda x: np.sqrt(x), 0.0).to_dict()
    x = next(value for value in data["values"] if value["name"] == "x")
    assert x["derivative"] == "inf"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1 / 3, "0.333333"),
        (np.array([[1.0, 2.0], [3.0, 4.5]]), "[[1, 2], [3, 4.5]]"),
        (np.arange(5.0), "[0, 1, 2, 3, 4]"),
        (np.ones((30, 2)), "30 × 2, all 1, norm 7.746"),
        (np.arange(10.0), "10 entries, from 0 to 9, mean 4.5, norm 16.88"),
        (np.full(20, np.nan), "20 entries, 20 of 20 nan"),
        (np.zeros((0, 3)), "0 × 3, empty"),
        ((1.0, 2.0), "2 results"),
    ],
)
def test_values_in_few_words(value: Any, text: str) -> None:
    assert value_text(value) == text


def test_the_public_function_is_this_one() -> None:
    assert cr.explain is explain
    assert isinstance(cr.explain, types.FunctionType)
