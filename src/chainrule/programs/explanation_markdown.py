"""An explanation as Markdown: tables that GitHub, notebooks and documentation builders show."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.programs.explanation import ExplainedValue, Explanation
from chainrule.programs.explanation_values import (
    first_of_statement,
    local_derivatives,
    numbers,
    symbols,
    title,
    value_text,
)

__all__ = ["as_markdown"]


def as_markdown(explanation: Explanation) -> str:
    """The whole explanation as Markdown tables."""
    parts = [f"**{_code(title(explanation))}**"]
    if explanation.cotangent:
        parts.append(explanation.cotangent.replace("*", "\\*").replace("_", "\\_"))
    lines = first_of_statement(explanation)
    header = ["value", "expression", "number", *(["line"] if lines else [])]
    rows = []
    for value in explanation.values:
        given = value.name == value.expression
        expression = value.kind if given else _code(value.expression.text)
        row = [_code(value.name.text), expression, _code(value_text(value.value))]
        statement = lines.get(value.name.text)
        if statement is not None:
            row.append(f"{statement.line}: {_code(statement.text)}")
        rows.append(row)
    parts += ["Forward", _table(header, rows)]
    header = ["derivative", "chain rule", "local derivatives", "numbers", "value"]
    rows = [_derivative(value) for value in explanation.backward]
    used = [k for k in range(len(header)) if k in (0, 4) or any(row[k] for row in rows)]
    parts += [
        "Backward",
        _table([header[k] for k in used], [[row[k] for k in used] for row in rows]),
    ]
    silent = [value for value in explanation.values if value.note]
    if silent:
        named = "; ".join(f"{_code(value.name.text)} ({value.note})" for value in silent)
        parts.append(f"Without derivative: {named}.")
    return "\n\n".join(parts) + "\n"


def _derivative(value: ExplainedValue) -> list[str]:
    found = value_text(value.derivative)
    rule, filled = " + ".join(symbols(value)), " + ".join(numbers(value))
    local = ", ".join(_code(text) for text in local_derivatives(value))
    return [
        _code(value.symbol.text),
        _code(rule) if rule != found else "",
        local,
        _code(filled) if filled and filled != found else "",
        _code(found),
    ]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    for row in rows:
        cells = [*row, *([""] * (len(header) - len(row)))]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _code(text: str) -> str:
    """Text as it stands, safe inside a table."""
    if not text:
        return ""
    fence = "``" if "`" in text else "`"
    space = " " if fence == "``" else ""
    return fence + space + text.replace("|", "\\|") + space + fence
