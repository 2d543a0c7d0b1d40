r"""LaTeX notation filled with expressions: enough parentheses, no more, no two superscripts."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.programs.latex_templates import fill_latex
from chainrule.programs.notation import term
from chainrule.programs.terms import ATOM, POWER, PRODUCT, SUM, UNARY

TERMS = {"x": ATOM, "a + b": SUM, "a b": PRODUCT, "-a": UNARY, "e^{a}": POWER}


@pytest.mark.parametrize(
    ("template", "operands", "expected", "strength"),
    [
        (r"\sigma({0})", ["a + b"], r"\sigma(a + b)", ATOM),
        (r"\left|{0}\right|", ["a + b"], r"\left|a + b\right|", ATOM),
        (r"\sqrt{{{0}}}", ["a + b"], r"\sqrt{a + b}", ATOM),
        (r"\frac{{{0}}}{{{1}}}", ["a + b", "-a"], r"\frac{a + b}{-a}", ATOM),
        (r"\ln {0}", ["x"], r"\ln x", PRODUCT),
        (r"\ln {0}", ["a b"], r"\ln \left(a b\right)", PRODUCT),
        (r"\ln(1 + {0})", ["a b"], r"\ln(1 + a b)", ATOM),
        (r"\ln(1 + {0})", ["a + b"], r"\ln(1 + \left(a + b\right))", ATOM),
        (r"\log_2 {0}", ["a + b"], r"\log_2 \left(a + b\right)", PRODUCT),
        (r"\operatorname{{tr}} {0}", ["a b"], r"\operatorname{tr} \left(a b\right)", PRODUCT),
        ("e^{{{0}}}", ["a + b"], "e^{a + b}", POWER),
        ("{0}^{{{1}}}", ["x", "a + b"], "x^{a + b}", POWER),
        ("{0}^{{{1}}}", ["e^{a}", "x"], r"\left(e^{a}\right)^{x}", POWER),
        ("{0}^2", ["-a"], r"\left(-a\right)^2", POWER),
        (r"{{{0}}}^\top", ["x"], r"{x}^\top", POWER),
        (r"{{{0}}}^\top", ["a b"], r"{\left(a b\right)}^\top", POWER),
        ("{0}^{{-1}} {1}", ["a b", "a b"], r"\left(a b\right)^{-1} \left(a b\right)", PRODUCT),
        (r"{0} \cdot {1}", ["a b", "a + b"], r"a b \cdot \left(a + b\right)", PRODUCT),
        (r"\langle {0}, {1} \rangle", ["a + b", "-a"], r"\langle a + b, -a \rangle", ATOM),
        (
            r"\operatorname{{atan2}}({0}, {1})",
            ["a b", "-a"],
            r"\operatorname{atan2}(a b, -a)",
            ATOM,
        ),
        (r"e^{{{0}}} - 1", ["a b"], "e^{a b} - 1", SUM),
    ],
)
def test_operands_are_bracketed_where_their_place_binds_more(
    template: str, operands: list[str], expected: str, strength: int
) -> None:
    precedences = [TERMS[operand] for operand in operands]
    assert fill_latex(template, operands, precedences, {}) == (expected, strength)


def test_notation_may_be_a_function_of_operands_and_parameters() -> None:
    def index(x: str, *, k: int) -> str:
        return f"{{{x}}}_{{{k}}}"

    assert fill_latex(index, ["a + b"], [SUM], {"k": 3}) == (r"{\left(a + b\right)}_{3}", ATOM)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.exp(x) ** 2,
        lambda x: (x**2) ** 3,
        lambda x: np.square(np.square(x)),
        lambda x: (-x) ** 2,
        lambda x: np.sqrt(x) ** 2,
    ],
)
def test_nested_powers_have_no_two_superscripts(f: Any) -> None:
    terms: dict[int, Any] = {0: "x"}
    for node in cr.trace(f, 0.5).nodes[1:]:
        terms[node.index] = term(node, terms, "latex")
    text = terms[max(terms)].text
    assert not re.search(r"\^(\{[^{}]*\}|\w|\\top)\s*\^", text)
