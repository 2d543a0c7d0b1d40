"""The steps of a graph as one table: text, Markdown and HTML from the same rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any, NamedTuple

from chainrule.engine.errors import InvalidInput, NotDifferentiable
from chainrule.engine.graph import Graph, shape_of
from chainrule.engine.wording import counted
from chainrule.programs.contributions import chain_rule, forward_nodes
from chainrule.programs.expressions import Expressions
from chainrule.programs.names import CotangentStyle
from chainrule.programs.summaries import shape_text, summarise

_SHORTENED = " … "
_LEGEND = "a … b … c: the least, the mean and the largest number of an array"
_COLUMNS = ("", "name", "expression", "shape", "value", "cotangent", "line")


class Step(NamedTuple):
    """One row: a node with its value and the derivative of the result with respect to it.

    Attributes
    ----------
    number : int
        The node's index.
    name : str
    expression : str
        In the names of its inputs; empty for an input.
    shape : str
    value, cotangent : str
        In full up to 3 × 3, else least … mean … largest; the cotangent is empty where there is
        none.
    line : int or None
        Of the user's source.
    direction : str
        "forward" or "backward".
    """

    number: int
    name: str
    expression: str
    shape: str
    value: str
    cotangent: str
    line: int | None
    direction: str


class Table:
    """The steps of a graph; printed as text, shown as HTML in notebooks.

    Attributes
    ----------
    title : str
    steps : list of Step
    note : str
        Why there are no cotangents, where there are none, and how large arrays are shortened.
    """

    def __init__(self, title: str, steps: Sequence[Step], note: str = "") -> None:
        self.title = title
        self.steps = list(steps)
        self.note = note

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)

    def cells(self) -> tuple[list[str], list[list[str]]]:
        """Headings and rows of the columns that are not empty."""
        rows = [
            [str(s.number), s.name, s.expression, s.shape, s.value, s.cotangent, str(s.line or "")]
            for s in self.steps
        ]
        used = [k for k in range(len(_COLUMNS)) if any(row[k] for row in rows)]
        return [_COLUMNS[k] for k in used], [[row[k] for k in used] for row in rows]

    @property
    def text(self) -> str:
        """Aligned columns of plain text."""
        headings, rows = self.cells()
        widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
        lines = [self.title]
        for row in [headings, *rows]:
            cells = [
                cell.rjust(width) if k == 0 else cell.ljust(width)
                for k, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            lines.append("  ".join(cells).rstrip())
        return "\n".join([*lines, *([self.note] if self.note else [])])

    @property
    def markdown(self) -> str:
        """A table in GitHub's Markdown."""
        headings, rows = self.cells()
        code = {headings.index(name) for name in ("name", "expression") if name in headings}
        lines = [
            "| " + " | ".join(headings) + " |",
            "|" + "|".join("---:" if k == 0 else "---" for k in range(len(headings))) + "|",
        ]
        for row in rows:
            cells = [
                _code(cell) if k in code and cell else cell.replace("|", "\\|")
                for k, cell in enumerate(row)
            ]
            lines.append("| " + " | ".join(cells) + " |")
        return "\n".join([*lines, *(["", escape(self.note)] if self.note else [])])

    @property
    def html(self) -> str:
        """A table that needs neither a style sheet nor a script."""
        headings, rows = self.cells()
        cell = "text-align:left"  # also where the page's own style has it otherwise
        head = "".join(f'<th scope="col" style="{cell}">{escape(h)}</th>' for h in headings)
        code = {headings.index(name) for name in ("name", "expression") if name in headings}
        body = []
        for row in rows:
            cells = [
                f'<td style="{cell}">'
                + (f"<code>{escape(text)}</code>" if k in code and text else escape(text))
                + "</td>"
                for k, text in enumerate(row)
            ]
            body.append(f"<tr>{''.join(cells)}</tr>")
        note = f"<p>{escape(self.note)}</p>" if self.note else ""
        return (
            '<table cellpadding="4" style="border-collapse:collapse">'
            f'<caption style="text-align:left">{escape(self.title)}</caption>'
            f"<thead><tr>{head}</tr></thead>"
            f"<tbody>{''.join(body)}</tbody></table>{note}"
        )

    def _repr_html_(self) -> str:
        return self.html

    def _repr_markdown_(self) -> str:
        return self.markdown

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__


def step_table(graph: Graph, cotangents: CotangentStyle = "bar") -> Table:
    """The steps of a graph with values and cotangents.

    Parameters
    ----------
    graph : Graph
        With or without a backward pass; the nodes of a backward pass are rows of their own.
    cotangents : {"bar", "d", "grad"}
        How cotangents are named.
    """
    written = Expressions(graph, cotangents)
    note = ""
    found: dict[int, Any] = {}
    try:
        found = chain_rule(graph).cotangents
    except (InvalidInput, NotDifferentiable) as error:
        note = f"No cotangents: {error}"
    forward = len(forward_nodes(graph))
    steps = []
    for node in graph.nodes:
        several = isinstance(node.value, tuple)
        where = node.where
        g = found.get(node.index)
        steps.append(
            Step(
                node.index,
                written.names[node.index],
                written.of(node) if node.inputs else "",
                "" if several else shape_text(shape_of(node.value)),
                summarise(node.value).text,
                "" if g is None else summarise(g).text,
                None if where is None else where.line,
                "forward" if node.index < forward else "backward",
            )
        )
    if any(_SHORTENED in text for step in steps for text in (step.value, step.cotangent)):
        note = f"{note}\n{_LEGEND}".lstrip()
    return Table(f"{graph.name}: {counted(len(steps), 'step')}", steps, note)


def _code(text: str) -> str:
    mark = "``" if "`" in text else "`"
    return f"{mark}{text}{mark}".replace("|", "\\|")
