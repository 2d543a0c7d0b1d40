"""An explanation as HTML that survives untrusted notebooks.

Nothing but tables, ``details`` and ``style`` attributes: no script, no style sheet, no picture.
Colours are those of the page, so that it reads on light and dark ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from chainrule.programs.explanation import ExplainedValue, Explanation
from chainrule.programs.explanation_values import (
    first_of_statement,
    local_derivatives,
    numbers,
    symbols,
    title,
    value_text,
)
from chainrule.programs.statements import Statement

__all__ = ["as_html"]

_EDGE = "padding:3px 12px 3px 6px;text-align:left"
_CELL = f"{_EDGE};vertical-align:top;border-top:1px solid #8886;font-family:monospace"
_TABLE = "border-collapse:collapse;margin:4px 0 12px 0"
_LINE = "margin:4px 0"


def as_html(explanation: Explanation, limit: int | None = None) -> str:
    """The whole explanation as HTML.

    Parameters
    ----------
    explanation : Explanation
    limit : int, optional
        Rows of each table; what is left out is said.
    """
    parts = [f'<p style="{_LINE};font-family:monospace">{escape(title(explanation))}</p>']
    if explanation.cotangent:
        parts.append(f'<p style="{_LINE}">{escape(explanation.cotangent)}</p>')
    lines = first_of_statement(explanation)
    forward = [_value(value, lines) for value in explanation.values]
    parts.append(_section("Forward", ["value", "expression", "number"], forward, limit))
    backward = [_derivative(value) for value in explanation.backward]
    header = ["derivative", "chain rule", "value", "local derivatives"]
    if not any(row[3] for row in backward):
        header, backward = header[:3], [row[:3] for row in backward]
    parts.append(_section("Backward", header, backward, limit))
    silent = [value for value in explanation.values if value.note]
    if silent:
        shown = silent if limit is None else silent[:limit]
        named = "; ".join(escape(f"{v.name.text} ({v.note})") for v in shown)
        parts.append(f'<p style="{_LINE}">Without derivative: {named}.</p>')
    return f"<div>{''.join(parts)}</div>"


def _value(value: ExplainedValue, lines: Mapping[str, Statement]) -> list[str]:
    """The cells of a value; a fourth is the line that stands above them."""
    if value.name == value.expression:
        expression = f"<i>{value.kind}</i>"
    else:
        expression = escape(value.expression.text)
    row = [f"<b>{escape(value.name.text)}</b>", expression, escape(value_text(value.value))]
    statement = lines.get(value.name.text)
    if statement is not None:
        row.append(escape(f"line {statement.line}: {statement.text}"))
    return row


def _derivative(value: ExplainedValue) -> list[str]:
    found = value_text(value.derivative)
    steps = [" + ".join(symbols(value)), " + ".join(numbers(value))]
    shown = [step for step in steps if step and step != found]
    return [
        f"<b>{escape(value.symbol.text)}</b>",
        "<br>= ".join(escape(step) for step in shown),
        escape(found),
        "<br>".join(escape(text) for text in local_derivatives(value)),
    ]


def _section(
    name: str, header: Sequence[str], rows: Sequence[Sequence[str]], limit: int | None
) -> str:
    """A table that can be folded away."""
    shown = rows if limit is None else rows[:limit]
    left = len(rows) - len(shown)
    more = f"<p>{left} more; print the explanation to see them all.</p>" if left else ""
    head = "".join(f'<th style="{_EDGE}">{escape(text)}</th>' for text in header)
    body = "".join(_row(row, len(header)) for row in shown)
    return (
        f'<details open><summary style="cursor:pointer"><b>{name}</b></summary>'
        f'<table style="{_TABLE}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        f"{more}</details>"
    )


def _row(cells: Sequence[str], width: int) -> str:
    """A row, below another one for what the cells have more than the table is wide."""
    above = "".join(
        f'<tr><td colspan="{width}" style="{_CELL};padding-top:12px">{cell}</td></tr>'
        for cell in cells[width:]
    )
    row = "".join(f'<td style="{_CELL}">{cell}</td>' for cell in cells[:width])
    return f"{above}<tr>{row}</tr>"
