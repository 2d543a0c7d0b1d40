"""An explanation as LaTeX: two blocks of aligned equations, which need the package amsmath."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.engine.wording import counted
from chainrule.programs.explanation import ExplainedValue, Explanation, Summand
from chainrule.programs.explanation_values import DIGITS, is_small, value_text
from chainrule.programs.summaries import number_text

__all__ = ["as_latex", "latex_number"]

_TERMS = 3  # summands on one line


def as_latex(explanation: Explanation) -> str:
    """The whole explanation as aligned equations."""
    forward = [_value(value) for value in explanation.values]
    backward = [line for value in explanation.backward for line in _derivative(value)]
    parts = ["% needs \\usepackage{amsmath}"]
    if explanation.cotangent:
        parts.append(f"% {explanation.cotangent}")
    for lines in (forward, backward):
        parts.append("\\begin{align*}\n" + " \\\\\n".join(lines) + "\n\\end{align*}")
    return "\n".join(parts) + "\n"


def latex_number(value: Any) -> str:
    """A number, a vector as a list, a matrix, or a larger array in words.

    An array of one axis is neither a row nor a column: NumPy multiplies it from either side.
    """
    if isinstance(value, tuple):
        return rf"\text{{{counted(len(value), 'result')}}}"
    if not is_small(value):
        words = value_text(value).replace(" × ", r"$\,\times\,$").replace("∞", r"$\infty$")
        return rf"\text{{{words}}}"
    array = np.asarray(value)
    if array.ndim == 0:
        return _number(array.item())
    if array.ndim == 1:
        return rf"\left({', '.join(_number(x) for x in array.tolist())}\right)"
    inside = r" \\ ".join(" & ".join(_number(x) for x in row) for row in array.tolist())
    return rf"\begin{{pmatrix}} {inside} \end{{pmatrix}}"


def _number(x: Any) -> str:
    if isinstance(x, bool):
        return rf"\mathrm{{{str(x).lower()}}}"
    text = number_text(x, DIGITS)
    if text.endswith("inf"):
        return text.replace("inf", r"\infty")
    if text == "nan":
        return r"\mathrm{nan}"
    mantissa, sign, exponent = text.partition("e")
    return rf"{mantissa} \cdot 10^{{{exponent}}}" if sign else text


def _value(value: ExplainedValue) -> str:
    number = latex_number(value.value)
    if value.name == value.expression:
        return f"{value.name.latex} &= {number}"
    return f"{value.name.latex} &= {value.expression.latex} = {number}"


def _derivative(value: ExplainedValue) -> list[str]:
    """The sum in symbols, in numbers, and its local derivatives, each a line or more."""
    found = latex_number(value.derivative)
    seed = []
    if value.seed is not None:
        shape = np.shape(value.seed)
        size = r" \times ".join(map(str, shape))
        seed = [rf"\mathbf{{1}}_{{{size}}}" if shape else "1"]
    if not value.summands:
        above = f"{seed[0]} = " if seed and seed[0] != found else ""
        return [f"{value.symbol.latex} &= {above}{found}"]
    scalar = all(summand.symbol is not None for summand in value.summands)
    terms = [*seed, *(summand.rule.latex for summand in value.summands)]
    lines = _sum(value.symbol.latex, terms)
    if scalar or len(terms) > 1:
        numbers = [*seed, *(_filled(summand) for summand in value.summands)]
        if len(terms) == 1:
            lines[-1] += f" = {numbers[0]}"
        else:
            lines += _sum("", numbers)
    lines[-1] += f" = {found}"
    for summand in value.summands:
        if summand.symbol is not None and summand.local is not None:
            slope = latex_number(summand.slope)
            if summand.local.latex != slope:
                known = f"{summand.symbol.latex} = {summand.local.latex} = {slope}"
                lines.append(rf"&\qquad \text{{with }} {known}")
    return lines


def _filled(summand: Summand) -> str:
    if summand.symbol is None:
        return latex_number(summand.value)
    return rf"{_bracketed(summand.factor)} \cdot {_bracketed(summand.slope)}"


def _bracketed(number: Any) -> str:
    text = latex_number(number)
    return f"({text})" if text.startswith("-") else text


def _sum(left: str, terms: list[str]) -> list[str]:
    lines = []
    for start in range(0, len(terms), _TERMS):
        text = " + ".join(terms[start : start + _TERMS])
        lines.append(rf"&\quad + {text}" if start else f"{left} &= {text}")
    return lines
