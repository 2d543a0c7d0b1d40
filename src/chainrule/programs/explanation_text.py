"""An explanation as plain text, complete and no wider than a terminal where that is possible."""

from __future__ import annotations

from chainrule.programs.explanation import ExplainedValue, Explanation
from chainrule.programs.explanation_values import (
    groups,
    local_derivatives,
    numbers,
    symbols,
    title,
    value_text,
)

__all__ = ["as_text"]

_WIDTH = 96


def as_text(explanation: Explanation) -> str:
    """The whole explanation as plain text."""
    lines = [title(explanation)]
    if explanation.cotangent:
        lines.append(explanation.cotangent)
    width = max((len(value.name.text) for value in explanation.given), default=0)
    for heading, given in (
        ("inputs", explanation.inputs),
        ("constants", explanation.given[len(explanation.inputs) :]),
    ):
        if given:
            lines += ["", heading]
            lines += [f"  {v.name.text:<{width}} = {value_text(v.value)}" for v in given]
    lines += ["", "forward"]
    for statement, values in groups(explanation):
        indent = "  "
        if statement is not None:
            lines.append(f"  line {statement.line}: {statement.text}")
            indent = "    "
        lines += _forward(values, indent)
    lines += ["", "backward"]
    for value in explanation.backward:
        lines += _derivative(value)
    silent = [value for value in explanation.values if value.note]
    if silent:
        lines += ["", "without derivative"]
        width = max(len(value.name.text) for value in silent)
        lines += [f"  {value.name.text:<{width}}   {value.note}" for value in silent]
    return "\n".join(lines)


def _forward(values: list[ExplainedValue], indent: str) -> list[str]:
    """Name, expression and value in columns, the value on a line of its own if it is long."""
    names = max(len(value.name.text) for value in values)
    fitting = [len(value.expression.text) for value in values if len(value.expression.text) < 40]
    expressions = max(fitting, default=0)
    lines = []
    for value in values:
        start = f"{indent}{value.name.text:<{names}} = "
        number = value_text(value.value)
        line = f"{start}{value.expression.text:<{expressions}} = {number}"
        if len(line) <= _WIDTH:
            lines.append(line)
        else:
            lines.append(start + value.expression.text)
            lines.append(f"{' ' * (len(start) - 2)}= {number}")
    return lines


def _derivative(value: ExplainedValue) -> list[str]:
    """The chain-rule sum in symbols, then in numbers, then the local derivatives."""
    start = f"  {value.symbol.text} "
    found = value_text(value.derivative)
    steps = [step for step in (symbols(value), numbers(value)) if step and step != [found]]
    steps.append([found])
    one_line = start + "= " + " = ".join(" + ".join(step) for step in steps)
    if len(one_line) <= _WIDTH:
        lines = [one_line]
    else:
        lines = []
        for step in steps:
            lines += _sum(start if not lines else " " * len(start), step)
    margin = " " * (len(start) + 2)
    return lines + [margin + local for local in local_derivatives(value, numbers=False)]


def _sum(start: str, terms: list[str]) -> list[str]:
    """A sum behind an equals sign, each term on a line of its own if they do not fit on one."""
    line = f"{start}= {' + '.join(terms)}"
    if len(line) <= _WIDTH:
        return [line]
    return [
        f"{start if k == 0 else ' ' * len(start)}{'=' if k == 0 else '+'} {term}"
        for k, term in enumerate(terms)
    ]
