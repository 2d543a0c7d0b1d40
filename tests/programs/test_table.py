"""The table of steps, the list of expressions, and the first value that is not finite."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from html import escape
from typing import Any

import numpy as np
import pytest
from tests.programs import drawn_functions as drawn

import chainrule as cr
from chainrule.programs.expressions import list_expressions
from chainrule.programs.names import trace_named
from chainrule.programs.nonfinite import first_nonfinite
from chainrule.programs.table import step_table


def neuron() -> cr.Graph:
    return trace_named(drawn.neuron, *drawn.NEURON)


def test_rows_hold_expression_value_cotangent_and_line() -> None:
    table = {step.name: step for step in step_table(neuron())}
    assert table["o"].expression == "tanh(n)"
    value, gradient = cr.value_and_grad(drawn.neuron)(*drawn.NEURON)
    assert float(table["loss"].value) == pytest.approx(value, rel=1e-3)
    assert float(table["x1"].cotangent) == pytest.approx(gradient, rel=1e-3)
    assert table["n"].line == drawn.neuron.__code__.co_firstlineno + 1
    assert table["x1"].line is None


def test_the_rows_of_a_backward_pass_are_marked() -> None:
    graph = neuron().backward()
    directions = [step.direction for step in step_table(graph)]
    assert directions == ["forward"] * 12 + ["backward"] * (len(graph) - 12)


def test_text_markdown_and_html_hold_the_same_cells() -> None:
    table = step_table(trace_named(lambda x: np.sum(np.where(x < 0, x, 2 * x)), np.arange(3.0)))
    headings, rows = table.cells()
    text = table.text.splitlines()
    assert len(text) == len(rows) + 2
    starts = [text[1].index(heading) for heading in headings[1:]]
    for line, row in zip(text[2:], rows, strict=True):
        for start, cell in zip(starts, row[1:], strict=True):
            assert line[start:].startswith(cell)
    markdown = table.markdown.splitlines()
    assert len(markdown) == len(rows) + 2
    assert {line.replace("\\|", "").count("|") for line in markdown} == {len(headings) + 1}
    root = ElementTree.fromstring(table.html)
    found = [["".join(cell.itertext()) for cell in row] for row in root.iter("tr")]
    assert found == [headings, *rows]
    assert str(table) == repr(table) == table.text


def test_how_large_arrays_are_shortened_is_said_where_some_are() -> None:
    legend = "a … b … c: the least, the mean and the largest number of an array"
    small, large = (step_table(trace_named(np.sum, np.arange(size))) for size in (3.0, 6.0))
    for form in ("text", "markdown", "html"):
        assert legend not in getattr(small, form)
        assert legend in getattr(large, form)


def test_empty_columns_are_left_out() -> None:
    assert "shape" not in step_table(neuron()).cells()[0]
    assert "shape" in step_table(trace_named(np.sum, np.arange(3.0))).cells()[0]


def test_bars_and_backticks_do_not_break_markdown() -> None:
    graph = trace_named(lambda x, y: np.sum(np.abs(x) * (x > y)), np.arange(3.0), np.arange(3.0))
    lines = step_table(graph).markdown.splitlines()
    assert {line.replace("\\|", "").count("|") for line in lines} == {lines[0].count("|")}


def test_a_table_without_cotangents_says_why() -> None:
    table = step_table(cr.trace(lambda x: x > 0, 1.0))
    assert table.note.startswith("No cotangents: ")
    assert "cotangent" not in table.cells()[0]
    assert table.text.endswith(table.note)
    assert escape(table.note) in table.markdown
    assert escape(table.note) in table.html


def test_expressions_one_per_line() -> None:
    assert list_expressions(trace_named(drawn.shared, 1.5, 0.5)).splitlines() == [
        "a: float64",
        "b: float64",
        "c = a * b",
        "d = a + c",
        "e_negative = -d",
        "e_exp = exp(e_negative)",
        "e = e_exp * c",
    ]


# --- values that are not finite -------------------------------------------------------------------


def traced(f: Any, *args: Any) -> cr.Graph:
    with np.errstate(all="ignore"):
        return trace_named(f, *args)


def test_finite_computations_have_none() -> None:
    assert first_nonfinite(neuron()) is None


def test_the_first_forward_value_is_named_with_its_line() -> None:
    def f(x: Any) -> Any:
        y = x - 1.0
        z = np.log(y)
        return np.sum(z * z)

    found = first_nonfinite(traced(f, np.array([1.0, 2.0])))
    assert found is not None
    assert (found.name, found.direction) == ("z", "forward")
    assert "z = log(y) and is partly infinite" in str(found)
    assert "z = np.log(y))" in str(found)


def test_an_input_that_is_not_finite_is_the_first() -> None:
    found = first_nonfinite(traced(lambda x: x + 1.0, float("nan")))
    assert found is not None
    assert str(found) == "x is an input and is nan."


def test_a_cotangent_that_is_not_finite_is_traced_to_its_operation() -> None:
    def f(x: Any) -> Any:
        y = x * 2.0
        z = y**0.5
        return z + 1.0

    graph = traced(f, 0.0)
    found = first_nonfinite(graph)
    assert found is not None
    assert (found.name, found.direction) == ("y", "backward")
    assert found.through is not None
    assert "comes through z = y**0.5 (line" in found.message


def test_a_sum_of_finite_contributions_that_overflows_is_told() -> None:
    overflow = first_nonfinite(traced(lambda x: x * 1.7e308 + x * 1.6e308, 1e-300))
    assert overflow is not None
    assert "overflow in their sum" in overflow.message


def test_integers_and_several_results_are_no_trouble() -> None:
    assert first_nonfinite(traced(lambda x: np.argsort(x) + 1, np.arange(3.0))) is None
    bad = first_nonfinite(traced(lambda x: np.linalg.slogdet(x)[1], np.zeros((2, 2))))
    assert bad is not None
    assert "infinite" in bad.message
