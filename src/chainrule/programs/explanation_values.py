"""Numbers and arrays of an explanation in few words, and the pieces that its forms share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule.engine.wording import counted
from chainrule.programs.explanation import ExplainedValue, Explanation
from chainrule.programs.statements import Statement
from chainrule.programs.summaries import number_text, shape_text, summarise

__all__ = [
    "DIGITS",
    "first_of_statement",
    "groups",
    "is_small",
    "local_derivatives",
    "numbers",
    "symbols",
    "title",
    "value_text",
]

DIGITS = 6
_MATRIX, _VECTOR = 4, 8  # arrays of up to 4 × 4, and vectors of up to 8, are shown in full


def is_small(value: Any) -> bool:
    """Whether a value is shown in full."""
    shape = np.shape(value)
    if len(shape) <= 1:
        return not shape or 0 < shape[0] <= _VECTOR
    return len(shape) == 2 and min(shape) > 0 and max(shape) <= _MATRIX


def value_text(value: Any) -> str:
    """A number, a small array in full, or a larger one by shape, range, mean and norm."""
    if isinstance(value, tuple):
        return counted(len(value), "result")
    if is_small(value):
        return summarise(value, digits=DIGITS, full=_VECTOR).text
    found = summarise(value, digits=4, full=0)
    shape = np.shape(value)
    parts = [f"{shape[0]} entries" if len(shape) == 1 else shape_text(shape)]
    if found.low == found.high != "":
        parts.append(f"all {found.low}")
    elif found.low:
        parts += [f"from {found.low} to {found.high}", f"mean {found.mean}"]
    if found.finite and np.asarray(value).dtype.kind == "f" and np.size(value):
        parts.append(f"norm {number_text(float(np.linalg.norm(np.ravel(value))), 4)}")
    return ", ".join([*parts, *([found.note] if found.note else [])])


def symbols(value: ExplainedValue) -> list[str]:
    """The terms of the chain-rule sum in symbols."""
    return [*_seed(value), *(summand.rule.text for summand in value.summands)]


def numbers(value: ExplainedValue) -> list[str]:
    """The terms of the chain-rule sum in numbers; none where they say no more than the sum.

    Large arrays are not added up in front of the reader: their shapes and means do not add up.
    """
    if not is_small(value.value):
        return []
    scalar = all(summand.symbol is not None for summand in value.summands)
    terms = [] if value.seed is None else [_in_brackets(value.seed)]
    if not value.summands or (not scalar and len(value.summands) + len(terms) == 1):
        return []
    for summand in value.summands:
        if summand.symbol is None:
            terms.append(_in_brackets(summand.value))
        else:
            terms.append(f"{_in_brackets(summand.factor)} · {_in_brackets(summand.slope)}")
    return terms


def local_derivatives(value: ExplainedValue, numbers: bool = True) -> list[str]:
    """The local derivatives of the sum, each with its expression and number.

    Those that are a number whatever the operands are left out on request: the sum has them.
    """
    lines = []
    for summand in value.summands:
        if summand.symbol is not None and summand.local is not None:
            slope = value_text(summand.slope)
            if summand.local.text != slope:
                lines.append(f"{summand.symbol.text} = {summand.local.text} = {slope}")
            elif numbers:
                lines.append(f"{summand.symbol.text} = {slope}")
    return lines


def _in_brackets(number: Any) -> str:
    text = value_text(number)
    return f"({text})" if text.startswith("-") else text


def _seed(value: ExplainedValue) -> list[str]:
    if value.seed is None:
        return []
    shape = np.shape(value.seed)
    return [f"ones({', '.join(map(str, shape))})" if shape else "1"]


def title(explanation: Explanation) -> str:
    """The call and its results, ``loss(W, b): L = 20``."""
    inputs = ", ".join(value.name.text for value in explanation.inputs)
    function = explanation.function if explanation.function.isidentifier() else "f"
    results = ", ".join(
        f"{name} = {value_text(explanation[name].value)}" for name in explanation.results
    )
    return f"{function}({inputs}): {results}"


def groups(explanation: Explanation) -> Iterator[tuple[Statement | None, list[ExplainedValue]]]:
    """The computed values by the user's statements, in order; one group where nothing is gained.

    A statement says more than its values' expressions where it computes several of them.
    """
    given = {value.name.text for value in explanation.given}
    computed = [value for value in explanation.values if value.name.text not in given]
    found: list[tuple[Statement | None, list[ExplainedValue]]] = []
    for value in computed:
        if found and found[-1][0] == value.statement:
            found[-1][1].append(value)
        else:
            found.append((value.statement, [value]))
    if all(len(values) == 1 for _, values in found):
        yield None, computed
    else:
        yield from found


def first_of_statement(explanation: Explanation) -> dict[str, Statement]:
    """By the name of a value: the statement that it is the first value of, where that is told."""
    return {
        values[0].name.text: statement
        for statement, values in groups(explanation)
        if statement is not None
    }
