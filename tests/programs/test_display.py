"""Graphs in notebooks, and the graph's own methods for reading it."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from tests.programs import drawn_functions as drawn

import chainrule as cr
from chainrule.engine.location import Location
from chainrule.programs.exports import to_dot, to_json, to_mermaid


class _Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)
        if tag not in ("img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_only_what_cleaned_pages_keep_is_used() -> None:
    html = cr.trace(drawn.two_layers, *drawn.two_layer_arguments())._repr_html_()
    tags = _Tags(html)
    assert not tags.open
    assert tags.seen <= {
        "img", "details", "summary", "table", "caption", "thead", "tbody", "tr", "th", "td", "code",
        "p", "ol", "li", "div",
    }  # fmt: skip
    assert html.count('src="data:image/svg+xml;base64,') == 1


def test_backward_steps_hold_the_sum_in_symbols_and_numbers() -> None:
    html = cr.trace(drawn.shared, 1.5, 0.5)._repr_html_()
    assert "de/da" in html
    assert re.search(r"<code>de/da</code> = -0\.0658745</summary>", html)
    assert "= de/dd · ∂d/∂a + de/dc · ∂c/∂a" in html


@pytest.mark.parametrize("layers", [3, 7, 40, 120])
def test_the_html_stays_small(layers: int) -> None:
    html = cr.trace(drawn.deep, *drawn.deep_arguments(layers))._repr_html_()
    assert len(html) < 200_000
    assert "<img" in html


def test_a_graph_too_large_for_a_picture_says_so() -> None:
    def f(x: np.ndarray) -> np.ndarray:
        for k in range(400):
            x = x * (1 + k) if k % 3 else np.sin(x)
        return np.sum(x)

    html = cr.trace(f, np.ones(3))._repr_html_()
    assert "nodes are too many for a picture here" in html
    assert len(html) < 200_000


def test_a_function_without_derivative_is_shown_forward() -> None:
    html = cr.trace(lambda x: x > 0, np.arange(3.0))._repr_html_()
    assert "<img" in html
    assert "step by step" not in html


def test_names_with_markup_are_text() -> None:
    html = cr.trace(lambda x: np.sum(np.where(x < 0, x, x * x)), np.arange(6.0))._repr_html_()
    _Tags(html)
    assert "x &lt; 0" in html


def test_methods_of_a_graph() -> None:
    graph = cr.trace(drawn.shared, 1.5, 0.5)
    assert graph.svg(backward="graph").svg.startswith("<svg")
    assert [step.name for step in graph.table()][:3] == ["a", "b", "c"]
    assert graph.expressions().startswith("a: float64\n")
    assert graph.to_dot() == to_dot(graph)
    assert graph.to_mermaid() == to_mermaid(graph)
    assert graph.to_json() == to_json(graph)
    assert graph.step_page().startswith("<!doctype html>")
    assert graph.first_nonfinite() is None


def test_the_engine_does_not_import_what_draws_it() -> None:
    code = "import sys, chainrule; print([m for m in sys.modules if 'picture' in m or 'step' in m])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_program_is_shown_as_code_and_not_as_an_escaped_string() -> None:
    text = cr.source(drawn.shared, 1.5, 0.5)
    assert repr(text) == text.rstrip("\n")
    assert text._repr_markdown_() == f"```python\n{text.rstrip()}\n```"


@pytest.mark.parametrize(
    ("filename", "named"),
    [
        ("/anywhere/ipykernel_4127/1940698389.py", "the cell"),
        (r"C:\Temp\ipykernel_9\7.py", "the cell"),
        ("<ipython-input-3-8d1f>", "the cell"),
        ("/home/me/hw.py", "hw.py"),
    ],
)
def test_a_place_in_a_notebook_is_named_by_its_cell(filename: str, named: str) -> None:
    where = Location(filename, 2, 2, None, None, "loss")
    assert str(where) == f"line 2 of {named}"
