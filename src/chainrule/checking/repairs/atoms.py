"""Expressions of a function that stand for a value, by their text."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Any

from chainrule.checking.repairs.sites import Site

_LOUD = frozenset({"pop", "append", "update", "setdefault", "popitem", "extend", "fill", "sort"})


def atoms(function: Any) -> Iterator[str]:
    """Expressions in a function that stand for one value: names, attributes, entries."""
    found: dict[str, None] = {}
    called = {id(node.func) for node in ast.walk(function) if isinstance(node, ast.Call)}
    if isinstance(function, ast.FunctionDef):
        found.update(dict.fromkeys(x.arg for x in function.args.args if x.arg != "self"))
    for node in ast.walk(function):
        simple = isinstance(node, (ast.Name, ast.Attribute, ast.Subscript))
        if not simple or id(node) in called or not _is_chain(node):
            continue
        if isinstance(node, ast.Attribute) and node.attr in ("T", "shape", "size"):
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.setdefault(node.id)
        elif isinstance(getattr(node, "ctx", None), ast.Load):
            found.setdefault(ast.unparse(node))
    yield from found


def in_loops(site: Site, atoms: Sequence[str]) -> Iterator[str]:
    """Entries of arrays at the counters of the loops around a statement."""
    counters = [loop.target.id for loop in site.loops if isinstance(loop.target, ast.Name)]
    names = [atom for atom in atoms if atom.isidentifier() and atom not in counters]
    for count in range(1, len(counters) + 1):
        for name in names:
            yield f"{name}[{', '.join(counters[:count])}]"


def _is_chain(node: ast.AST) -> bool:
    """Whether an expression is a name with attributes and simple indices."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        if isinstance(node, ast.Subscript):
            index = node.slice
            entries = index.elts if isinstance(index, ast.Tuple) else [index]
            if not all(isinstance(x, (ast.Constant, ast.Name, ast.UnaryOp)) or (
                isinstance(x, ast.BinOp) and isinstance(x.left, (ast.Name, ast.Constant))
                and isinstance(x.right, (ast.Name, ast.Constant))
            ) for x in entries):  # fmt: skip
                return False
        node = node.value
    return isinstance(node, ast.Name)


def is_quiet(node: ast.AST) -> bool:
    """Whether an expression can be evaluated on its own, and once more without harm."""
    if isinstance(node, ast.Tuple) and any(isinstance(x, ast.Slice) for x in node.elts):
        return False
    for each in ast.walk(node):
        if isinstance(each, (ast.Yield, ast.Await, ast.NamedExpr, ast.YieldFrom)):
            return False
        if isinstance(each, ast.Attribute) and each.attr in _LOUD:
            return False
    return True
