"""A page on which a person steps through one graph, forward and backward, without a network.

Everything a step shows is in the page already: without a script all steps are there one below the
other, and the script only shows one at a time and fills the picture as far as the steps have come.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from html import escape
from importlib.resources import files
from string import Template
from typing import Any, NamedTuple

import numpy as np

from chainrule.engine.graph import Graph
from chainrule.programs.card_drawing import number_cells
from chainrule.programs.cards import brief
from chainrule.programs.explain import explain
from chainrule.programs.explanation import ExplainedValue, Explanation
from chainrule.programs.explanation_values import is_small, title, value_text
from chainrule.programs.picture import draw
from chainrule.programs.sketch import sketch
from chainrule.programs.steps import Handed, Step, steps_of, values_of_nodes
from chainrule.programs.summaries import summarise

_WORDS = {
    "inputs": "Inputs",
    "forward": "Forward",
    "seed": "Turn around",
    "backward": "Backward",
    "gradients": "Gradients",
}


def step_page(f: Callable[..., Any] | Graph | Explanation, /, *args: Any, **kwargs: Any) -> str:
    """A self-contained HTML page on which one steps through a function and its derivative.

    Parameters
    ----------
    f : callable, Graph or Explanation
        A function written in NumPy, or a graph of one with its values, or what `explain` says of
        one (then without arguments).
    *args, **kwargs
        Its arguments.

    Returns
    -------
    str
        An HTML document: a picture of the graph, the user's source lines, and for every step the
        value, the local derivatives and the derivative accumulated so far. It loads nothing; the
        arrow keys, Home, End and space move through it.

    Raises
    ------
    InvalidInput
        No floating-point result depends on a floating-point input, or arguments with a graph.
    NotDifferentiable
        The derivative of an operation is needed that has none.

    Examples
    --------
    >>> import numpy as np
    >>> page = step_page(lambda x, w: np.tanh(x * w), 0.5, 2.0)
    >>> page[:15]
    '<!doctype html>'
    """
    explanation = f if isinstance(f, Explanation) else explain(f, *args, **kwargs)
    return _Page(explanation).html()


class _Page:
    def __init__(self, explanation: Explanation) -> None:
        self.explanation = explanation
        self.values = values_of_nodes(explanation)
        self.steps = steps_of(explanation)
        self.lines = _lines(explanation)

    def html(self) -> str:
        """The whole document."""
        return Template(_template("step_page.html")).substitute(
            name=escape(title(self.explanation)),
            style=_template("step_page.css"),
            lead=self.lead(),
            picture=self.picture(),
            with_source=" with-source" if self.lines else "",
            source=self.source() if self.lines else "",
            steps="\n".join(self.section(k, step) for k, step in enumerate(self.steps)),
            table=self.table(),
            data=_json(self.data()),
            script=_template("step_page.js"),
        )

    def lead(self) -> str:
        total = escape(self.explanation.total.text)
        text = (
            f"Forward every value is computed; backward the derivative of <code>{total}</code> is "
            "handed from the result to the inputs."
        )
        if self.explanation.cotangent:
            cotangent = self.explanation.cotangent
            text += f" {escape(cotangent[0].upper() + cotangent[1:])}"
        return text

    # --- picture ----------------------------------------------------------------------------------

    def picture(self) -> str:
        """The graph, with room on its cards for every partial sum."""
        drawn = sketch(self.explanation.graph, written=self.explanation)
        reserve: dict[int, list[Any]] = {}
        for step in self.steps:
            for handed in step.handed:
                reserve.setdefault(handed.to, []).append(brief(handed.total))
        for card in drawn.cards:
            card.reserve = [found for node in card.nodes for found in reserve.get(node, ())]
        return draw(self.explanation.graph, drawn, width=1180).svg

    # --- the user's source ------------------------------------------------------------------------

    def source(self) -> str:
        items = "".join(
            f'<li data-line="{line.key}"><span class="number">{line.number}</span>'
            f"<span>{escape(line.text)}</span></li>"
            for line in self.lines.values()
        )
        return (
            '<section class="source" aria-label="Source"><h2>Source</h2>'
            f'<ol tabindex="0" aria-label="Lines of the source">{items}</ol></section>\n'
        )

    # --- steps ------------------------------------------------------------------------------------

    def section(self, number: int, step: Step) -> str:
        back = " back" if step.kind in ("seed", "backward", "gradients") else ""
        where = self.where(step)
        return (
            f'<section class="step{back}" id="panel-{number + 1}">'
            f"<h2>{self.heading(step)}</h2>"
            f'<div class="body"><p class="where">Step {number + 1} of {len(self.steps)}{where}</p>'
            f"{self.body(step)}</div></section>"
        )

    def heading(self, step: Step) -> str:
        word = _WORDS[step.kind]
        if step.kind in ("inputs", "gradients"):
            return "The inputs" if step.kind == "inputs" else "The gradients"
        value = self.values[step.nodes[0]]
        if step.kind == "seed":
            return f"{word}: start with {_code(_seed(value))}"
        expression = f"{value.name.text} = {value.expression.text}"
        return (
            f"{word} through {_code(expression)}"
            if back_kind(step)
            else f"{word}: {_code(expression)}"
        )

    def where(self, step: Step) -> str:
        if step.kind not in ("forward", "backward"):
            return ""
        statement = self.values[step.nodes[0]].statement
        return "" if statement is None else f" · line {statement.line}: {_code(statement.text)}"

    def body(self, step: Step) -> str:
        if step.kind == "inputs":
            rows = [(v.name.text, _value(v.value)) for v in self.chosen(step)]
            named = self.explanation.constants.named.items()
            rows += [(f"{name}, constant", _value(array)) for name, array in named]
            return _pairs(rows)
        if step.kind == "gradients":
            return _pairs(
                (v.symbol.text, f'<span class="result">{_value(v.derivative)}</span>')
                for v in self.chosen(step)
            )
        if step.kind == "seed":
            return _pairs((v.symbol.text, _value(v.seed)) for v in self.chosen(step))
        value = self.values[step.nodes[0]]
        if step.kind == "forward":
            rows = [(value.name.text, f'<span class="result">{_value(value.value)}</span>')]
            return _pairs(rows + self.local_derivatives(step.nodes[0]))
        shown = "" if value.derivative is None else self.complete(value)
        return shown + "".join(self.handed(value, found) for found in step.handed)

    def chosen(self, step: Step) -> list[ExplainedValue]:
        return [self.values[i] for i in step.nodes]

    def local_derivatives(self, index: int) -> list[tuple[str, str]]:
        """∂h/∂z of an operation on numbers, also where nothing will be handed back."""
        through = self.values[index].name.text
        rows = []
        for operand in dict.fromkeys(x.index for x in self.explanation.graph.nodes[index].parents):
            for summand in self.values[operand].summands:
                if summand.through == through and summand.symbol is not None and summand.local:
                    equation = _equation(summand.local.text, summand.slope)
                    rows.append((summand.symbol.text, equation))
        return rows

    def complete(self, value: ExplainedValue) -> str:
        """The derivative that an operation starts from, and the sum that made it."""
        shown = f'<span class="result">{_value(value.derivative)}</span>'
        parts = [s.value for s in value.summands] + ([] if value.seed is None else [value.seed])
        if len(parts) > 1 and np.shape(parts[0]) == ():
            total = " + ".join(
                _in_brackets(part) if k else _number(part) for k, part in enumerate(parts)
            )
            shown = f"{escape(total)} = {shown}"
        return _pairs([(value.symbol.text, shown)])

    def handed(self, user: ExplainedValue, found: Handed) -> str:
        """What one operand receives, and what it has received so far."""
        operand, summand = self.values[found.to], found.summand
        rows = []
        if summand.symbol is not None and summand.local is not None:
            rows.append((summand.symbol.text, _equation(summand.local.text, summand.slope)))
            product = f"{_number(summand.factor)} · {_in_brackets(summand.slope)}"
            rows.append(
                (
                    "contributes",
                    f"{escape(summand.rule.text)} = {escape(product)} = {_value(summand.value)}",
                )
            )
        else:
            rows.append(("contributes", f"{escape(summand.rule.text)}<br>{_value(summand.value)}"))
        name = _code(operand.name.text)
        return (
            f'<div class="handed"><h3>to {name}</h3>{_pairs(rows)}'
            f'<div class="ledger">{self.ledger(operand, found)}</div></div>'
        )

    def ledger(self, operand: ExplainedValue, found: Handed) -> str:
        """The contributions so far, one per line, and their sum."""
        symbol = escape(operand.symbol.text)
        badge = (
            '<span class="badge">complete</span>'
            if found.complete
            else f'<span class="badge open">{len(found.received)} of {found.expected} so far</span>'
        )
        if len(found.received) == 1:
            sum_ = _value(found.total) if np.shape(found.total) == () else "this contribution"
            return f"{_code(operand.symbol.text)} = {sum_} {badge}"
        rows = [
            f'<tr class="{"new" if k == len(found.received) - 1 else "old"}">'
            f"<th scope=row>from {_code(origin)}</th><td>{_value(value)}</td></tr>"
            for k, (origin, value) in enumerate(found.received)
        ]
        rows.append(
            f'<tr class="sum"><th scope=row><code>{symbol}</code></th>'
            f"<td>{_value(found.total)}</td></tr>"
        )
        return f"<table>{''.join(rows)}</table> {badge}"

    # --- the table of everything ------------------------------------------------------------------

    def table(self) -> str:
        """Every value and derivative; also for readers without a script."""
        rows = []
        for value in self.values:
            expression = "" if value.kind == "input" else value.expression.text
            derivative = value.note if value.derivative is None else _number(value.derivative)
            line = "" if value.statement is None else value.statement.line
            cells = [expression, _number(value.value), derivative, str(line)]
            rows.append(
                f"<tr><th scope=row>{escape(value.name.text)}</th>"
                + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
                + "</tr>"
            )
        total = escape(self.explanation.total.text)
        heads = ["name", "expression", "value", f"derivative of {total}", "line"]
        head = "".join(f'<th scope="col">{text}</th>' for text in heads)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"

    # --- what the script reads --------------------------------------------------------------------

    def data(self) -> dict[str, Any]:
        fixed = [i for i, value in enumerate(self.values) if value.derivative is None]
        return {"steps": [self.step_data(step) for step in self.steps], "fixed": fixed}

    def step_data(self, step: Step) -> dict[str, Any]:
        sums = {h.to: {"cells": _cells(h.total), "complete": h.complete} for h in step.handed}
        if step.kind == "seed":
            sums = {
                i: {"cells": _cells(self.values[i].seed), "complete": not self.values[i].summands}
                for i in step.nodes
            }
        shown = step.nodes if step.kind in ("inputs", "forward") else []
        statements = [self.values[i].statement for i in step.nodes]
        if step.kind not in ("forward", "backward"):
            statements = []
        return {
            "title": _WORDS[step.kind],
            "spoken": self.spoken(step),
            "back": back_kind(step),
            "nodes": step.nodes,
            "edges": step.edges,
            "values": shown,
            "sums": sums,
            "lines": [self.lines[s.filename, s.line].key for s in statements if s is not None],
        }

    def spoken(self, step: Step) -> str:
        """The step in one sentence, for the live region."""
        first = self.values[step.nodes[0]] if step.nodes else None
        if step.kind == "inputs":
            return "The inputs: " + ", ".join(v.name.text for v in self.chosen(step))
        if step.kind == "gradients":
            return "The gradients: " + ", ".join(
                f"{v.symbol.text} = {value_text(v.derivative)}" for v in self.chosen(step)
            )
        if first is None:
            return _WORDS[step.kind]
        if step.kind == "seed":
            return f"Turn around: start with {_seed(first)}"
        if step.kind == "forward":
            return (
                f"Forward: {first.name.text} = {first.expression.text} = {value_text(first.value)}"
            )
        given = "; ".join(
            f"{self.values[h.to].symbol.text} is {value_text(h.total)}"
            + ("" if h.complete else f", {len(h.received)} of {h.expected} contributions")
            for h in step.handed
        )
        return f"Backward through {first.name.text} = {first.expression.text}: {given}"


def back_kind(step: Step) -> bool:
    """Whether a step belongs to the backward pass."""
    return step.kind in ("seed", "backward", "gradients")


def _seed(value: ExplainedValue) -> str:
    return f"{value.symbol.text} = {_number(value.seed)}"


class _Line(NamedTuple):
    """A statement of the user's source, and the key by which the script knows it."""

    key: str
    number: int
    text: str


def _lines(explanation: Explanation) -> dict[tuple[str, int], _Line]:
    """The statements of the user's source in order, by file and line."""
    found = {
        (value.statement.filename, value.statement.line): value.statement.text
        for value in explanation.values
        if value.kind != "input" and value.statement is not None
    }
    return {
        place: _Line(str(number), place[1], text)
        for number, (place, text) in enumerate(sorted(found.items()))
    }


# --- pieces of HTML -------------------------------------------------------------------------------


def _template(name: str) -> str:
    return (files("chainrule.programs") / "templates" / name).read_text(encoding="utf-8")


def _json(value: Any) -> str:
    """JSON that can stand inside a script element."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _code(text: str) -> str:
    return f"<code>{escape(text)}</code>"


def _pairs(rows: Any) -> str:
    return (
        "<dl>"
        + "".join(f"<dt>{escape(name)}</dt><dd>{value}</dd>" for name, value in rows)
        + "</dl>"
    )


def _equation(formula: str, value: Any) -> str:
    number = _number(value)
    return escape(number if formula == value_text(value) else f"{formula} = {number}")


def _number(value: Any) -> str:
    """A value in one line, with a minus sign as it is printed."""
    return value_text(value).replace("-", "−")


def _value(value: Any) -> str:
    """A value: numbers and larger arrays as text, small matrices as they are written."""
    if isinstance(value, tuple) or np.shape(value) == () or not is_small(value):
        return escape(_number(value))
    rows = [[x.replace("-", "−") for x in row] for row in summarise(value, 4, full=8).grid]
    body = "".join(f"<tr>{''.join(f'<td>{escape(x)}</td>' for x in row)}</tr>" for row in rows)
    return f'<table class="matrix"><tbody>{body}</tbody></table>'


def _in_brackets(number: Any) -> str:
    """A number as a factor or summand: negative ones in brackets."""
    text = _number(number)
    return f"({text})" if text.startswith("−") else text


def _cells(value: Any) -> Sequence[str]:
    """The numbers of a value as they stand on its card."""
    return [cell for row in number_cells(brief(value)) for cell in row]
