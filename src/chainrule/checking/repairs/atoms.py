"""Expressions of a function that stand for a value, or for a number of things, by their text."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from chainrule.checking.repairs.sites import Site

#: Methods that leave something else behind than they found, such as a generator one draw further.
_DRAWING = frozenset({
    "rand", "randn", "random", "random_sample", "normal", "uniform", "standard_normal", "binomial",
    "integers", "randint", "choice", "permutation", "shuffle", "permuted", "poisson", "exponential",
})  # fmt: skip
_LOUD = _DRAWING | {
    "pop", "append", "update", "setdefault", "popitem", "extend", "fill", "sort", "insert",
    "remove", "clear", "put", "seed", "send", "write", "read",
}  # fmt: skip
_MODULES = frozenset({"np", "numpy", "math", "scipy", "self"})
_MOST_COUNTS = 8


def is_atom(node: Any) -> bool:
    """Whether an expression is a name, an attribute or a single element."""
    if isinstance(node, ast.Name):
        return isinstance(node.ctx, ast.Load)
    if isinstance(node, ast.Attribute):
        return node.attr not in ("T", "shape", "size", "ndim") and is_atom(node.value)
    if isinstance(node, ast.Subscript):
        return is_atom(node.value) and not any(
            isinstance(x, ast.Slice) or (isinstance(x, ast.Call) and not _is_text(x))
            for x in ast.walk(node.slice)
        )
    return False


def _is_text(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id == "str"


def atoms(function: Any) -> list[str]:
    """Names, attributes and elements that a function reads or binds."""
    arguments = function.args
    named = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    seen = dict.fromkeys(argument.arg for argument in named)
    called = {id(node.func) for node in ast.walk(function) if isinstance(node, ast.Call)}
    for node in ast.walk(function):
        if id(node) in called:
            continue
        if isinstance(node, ast.Name):
            seen[node.id] = None
        elif isinstance(node, (ast.Attribute, ast.Subscript)) and is_atom(node):
            text = ast.unparse(node)
            if text.split(".")[0] not in _MODULES - {"self"}:
                seen[text] = None
    return [text for text in seen if text not in _MODULES]


def kept_attributes(top: Any) -> list[str]:
    """What the methods of a class keep of an object, such as ``self.x``."""
    return list(
        dict.fromkeys(
            f"self.{node.attr}"
            for node in ast.walk(top)
            if isinstance(node, ast.Attribute)
            and isinstance(node.ctx, ast.Store)
            and isinstance(node.value, ast.Name)
            and node.value.id == "self"
        )
    )


def readable(function: Any, closures: Sequence[tuple[Any, Any]]) -> list[str]:
    """What a closure may read of the functions around it, besides what it does read.

    Their names, and those attributes of them that other closures of the class read.

    Parameters
    ----------
    function : FunctionDef or Lambda
    closures : sequence of (function, function)
        Functions within functions, each with one around it.
    """
    around = [outer for inner, outer in closures if inner is function]
    if not around:
        return []
    found = dict.fromkeys(text for outer in around for text in atoms(outer))
    names = {text for text in found if text.isidentifier()}
    for inner, _ in closures:
        for text in atoms(inner):
            if "." in text and text.split(".")[0] in {*names, "self"}:
                found[text] = None
    return list(found)


def in_loops(site: Site, atoms: Sequence[str]) -> Iterator[str]:
    """Entries of arrays at the counters of the loops around a statement."""
    counters = [loop.target.id for loop in site.loops if isinstance(loop.target, ast.Name)]
    names = [atom for atom in atoms if atom.isidentifier() and atom not in counters]
    for count in range(1, len(counters) + 1):
        orders = list(itertools.permutations(counters, count)) if count < 4 else [counters[:count]]
        for name in names:
            for chosen in orders:
                yield f"{name}[{', '.join(chosen)}]"


def counts(function: Any) -> list[str]:
    """What holds a number of things, as far as the text tells: sizes, and what is divided by."""
    found: dict[str, None] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target = node.targets[0]
            if isinstance(target, ast.Name) and is_size(node.value):
                found[target.id] = None
            elif isinstance(target, ast.Tuple) and ast.unparse(node.value).endswith(".shape"):
                found.update((x.id, None) for x in target.elts if isinstance(x, ast.Name))
        if isinstance(node, (ast.BinOp, ast.AugAssign)) and isinstance(node.op, ast.Div):
            divisor = node.right if isinstance(node, ast.BinOp) else node.value
            if is_atom(divisor):
                found[ast.unparse(divisor)] = None
        if is_size(node):
            found.setdefault(ast.unparse(node), None)
    return list(found)[:_MOST_COUNTS]


def is_size(node: Any) -> bool:
    """Whether an expression is a number of elements."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "len"
    if isinstance(node, ast.Attribute):
        return node.attr == "size"
    return (
        isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "shape"
    )


def draws(node: ast.AST) -> bool:
    """Whether an expression draws random numbers."""
    return any(
        isinstance(x, ast.Call) and isinstance(x.func, ast.Attribute) and x.func.attr in _DRAWING
        for x in ast.walk(node)
    )


def _is_loud(called: ast.expr) -> bool:
    """Whether a function changes what it belongs to, unless that is made there and then."""
    if isinstance(called, ast.Attribute):
        return called.attr in _LOUD and not isinstance(called.value, ast.Call)
    return isinstance(called, ast.Name) and called.id == "next"


def is_quiet(node: ast.AST) -> bool:
    """Whether an expression can be evaluated on its own, and once more without harm."""
    if isinstance(node, ast.Tuple) and any(isinstance(x, ast.Slice) for x in node.elts):
        return False
    for each in ast.walk(node):
        if isinstance(each, (ast.Yield, ast.Await, ast.NamedExpr, ast.YieldFrom)):
            return False
        if isinstance(each, ast.Call) and _is_loud(each.func):
            return False
    return True
