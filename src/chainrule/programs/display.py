"""A graph in a notebook: a picture as an image, the steps to open, no script and no style sheet.

What notebooks and pages that clean their HTML take away (scripts, style elements, inline SVG) is
not used; images with a ``data:`` address, tables and ``<details>`` remain everywhere.
"""

from __future__ import annotations

from html import escape

from chainrule.engine.errors import InvalidInput, NotDifferentiable
from chainrule.engine.graph import Graph
from chainrule.programs.explain import explain
from chainrule.programs.explanation import ExplainedValue
from chainrule.programs.explanation_values import numbers, symbols, value_text
from chainrule.programs.picture import draw
from chainrule.programs.sketch import sketch
from chainrule.programs.table import Table, step_table

_CARDS, _ROWS = 50, 100  # what keeps a cell's output below 200 kB


def graph_html(graph: Graph) -> str:
    """The graph as HTML for a notebook.

    Parameters
    ----------
    graph : Graph

    Returns
    -------
    str
        A picture, repeated parts drawn once if the graph is large, the table of all steps, and the
        backward pass to open step by step. Beyond a size the picture is left out.
    """
    return "".join([_picture(graph), _forward(graph), _backward(graph)])


def _picture(graph: Graph) -> str:
    """The graph, whole or with its repeated parts drawn once, whichever is small enough."""
    for collapse in (False, True):
        found = sketch(graph, collapse=collapse)
        if len(found.cards) <= _CARDS:
            return draw(graph, found)._repr_html_()
    return (
        f"<p>{len(graph)} nodes are too many for a picture here; "
        "<code>graph.svg().save('graph.svg')</code> writes it.</p>"
    )


def _forward(graph: Graph) -> str:
    table = step_table(graph)
    rest = len(table) - _ROWS
    shown = Table(table.title, table.steps[:_ROWS], table.note)
    more = f"<p>… and {rest} more; <code>graph.table()</code> has all.</p>" if rest > 0 else ""
    return f"<details><summary>All steps as a table</summary>{shown.html}{more}</details>"


def _backward(graph: Graph) -> str:
    """The backward pass, one value after the other, each to open."""
    try:
        explanation = explain(graph)
    except (InvalidInput, NotDifferentiable):
        return ""
    values = explanation.backward
    items = "".join(f"<li>{_value(value)}</li>" for value in values[:_ROWS])
    more = f"<p>… and {len(values) - _ROWS} more.</p>" if len(values) > _ROWS else ""
    total = escape(explanation.total.text)
    return (
        f"<details><summary>The derivative of <code>{total}</code>, step by step</summary>"
        f"<ol>{items}</ol>{more}</details>"
    )


def _value(value: ExplainedValue) -> str:
    """One derivative; its chain-rule sum in symbols and in numbers when opened."""
    derivative = value_text(value.derivative)
    lines = [" + ".join(symbols(value))]
    if found := numbers(value):
        lines.append(" + ".join(found))
    lines.append(derivative)
    body = "".join(f"<div><code>= {escape(line)}</code></div>" for line in dict.fromkeys(lines))
    where = value.statement
    if where is not None:
        body += f"<div>line {where.line}: <code>{escape(where.text)}</code></div>"
    return (
        f"<details><summary><code>{escape(value.symbol.text)}</code> = {escape(derivative)}"
        f"</summary>{body}</details>"
    )
