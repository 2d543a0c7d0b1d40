"""Expressions as text with their precedence, the pieces every notation is made of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from chainrule.engine.graph import Node
from chainrule.engine.rules.indexing import index_text
from chainrule.programs.literals import literal, text_literal

Form = Literal["text", "latex", "source"]

# Python's precedence of operators, strongest first.
ATOM, POWER, UNARY, PRODUCT, SUM, SHIFT = 20, 16, 15, 14, 13, 12
AND, XOR, OR, COMPARISON, NOTHING = 11, 10, 9, 8, 0

INFIX = {
    "**": POWER, "*": PRODUCT, "/": PRODUCT, "//": PRODUCT, "%": PRODUCT, "@": PRODUCT, "+": SUM,
    "-": SUM, "<<": SHIFT, ">>": SHIFT, "&": AND, "^": XOR, "|": OR, "<": COMPARISON,
    "<=": COMPARISON, ">": COMPARISON, ">=": COMPARISON, "==": COMPARISON, "!=": COMPARISON,
}  # fmt: skip


class Term(NamedTuple):
    """An expression and how strongly its outermost operator binds."""

    text: str
    precedence: int = ATOM

    def within(self, precedence: int) -> str:
        """The text, in parentheses if it binds less strongly than what is around it."""
        return self.text if self.precedence >= precedence else f"({self.text})"


def number_term(text: str) -> Term:
    """A constant that is written out; a minus sign in front binds like one."""
    return Term(text, UNARY if text.startswith("-") else ATOM)


def infix(operator: str, left: Term, right: Term) -> Term:
    """Two terms joined by a Python operator, formatted as ruff formats it."""
    strength = INFIX[operator]
    if operator == "**":
        base, exponent = left.within(POWER + 1), right.within(UNARY)
        hugs = _is_simple(base) and _is_simple(exponent.removeprefix("-"))
        return Term(f"{base}**{exponent}" if hugs else f"{base} ** {exponent}", POWER)
    lowest = strength + 1 if strength == COMPARISON else strength
    return Term(f"{left.within(lowest)} {operator} {right.within(strength + 1)}", strength)


def _is_simple(text: str) -> bool:
    return re.fullmatch(r"[\w.]+", text) is not None


def call(function: str, operands: list[Term], params: Mapping[str, Any], form: Form) -> Term:
    """A function call, with the parameters a person would write."""
    positional = _POSITIONAL.get(function.rpartition(".")[2], ())
    write = literal if form == "source" else text_literal
    arguments = [operand.text for operand in operands]
    arguments += [write(params[key]) for key in positional if key in params]
    arguments += [f"{k}={write(v)}" for k, v in params.items() if k not in positional]
    return Term(f"{function}({', '.join(arguments)})")


# Parameters written without their name.
_POSITIONAL: dict[str, tuple[str, ...]] = {
    "reshape": ("shape",), "broadcast_to": ("shape",), "transpose": ("axes",),
    "swapaxes": ("axis1", "axis2"), "moveaxis": ("source", "destination"), "tile": ("reps",),
    "repeat": ("repeats",), "roll": ("shift",), "rot90": ("k",), "tril": ("k",), "triu": ("k",),
    "diag": ("k",), "pad": ("pad_width",), "round": ("decimals",), "partition": ("kth",),
    "argpartition": ("kth",), "unravel_index": ("shape",),
}  # fmt: skip


def shown(node: Node) -> dict[str, Any]:
    """The parameters that differ from their defaults."""
    return node.primitive.shown_params(node.params)


def subscript(index: Any, operands: list[Term]) -> str:
    """An index as it stands between brackets, its array operands filled in."""
    return index_text(index, tuple([operand.text for operand in operands]))
