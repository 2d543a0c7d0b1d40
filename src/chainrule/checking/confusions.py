"""Operators and functions that people write in the place of one another."""

from __future__ import annotations

import ast

COMPARISONS: dict[type, tuple[type, ...]] = {
    ast.Gt: (ast.Lt, ast.GtE), ast.Lt: (ast.Gt, ast.LtE), ast.GtE: (ast.LtE, ast.Gt),
    ast.LtE: (ast.GtE, ast.Lt), ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,),
}  # fmt: skip
SCALINGS: dict[type, tuple[type, ...]] = {ast.Mult: (ast.Div,), ast.Div: (ast.Mult,)}
#: Pairs of reductions and selections.
REDUCTIONS = (("sum", "mean"), ("max", "min"), ("argmax", "argmin"), ("maximum", "minimum"))


def sisters(name: str, pairs: tuple[tuple[str, str], ...]) -> list[str]:
    """The other name of each pair that a name belongs to."""
    return [pair[1 - pair.index(name)] for pair in pairs if name in pair]
