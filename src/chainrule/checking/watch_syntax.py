"""Pieces of Python's syntax, as rewriting for the watch asks about them."""

from __future__ import annotations

import ast
import builtins
import copy

import numpy as np

WATCH = "__chainrule_watch__"

# Calls whose arguments are no steps of a calculation.
_PLAIN_CALLS = frozenset(dir(builtins))
_LIBRARIES = frozenset({"np", "numpy", "math", "scipy", "sp", "cr", "chainrule", "torch", "plt"})
STORING = frozenset({"append", "insert", "extend", "update", "setdefault", "appendleft"})
_WRITES_FIRST = frozenset({"at", "copyto", "put", "fill_diagonal", "place", "putmask"})
_WRITES_RECEIVER = frozenset({"fill", "put", "sort", "partition"})
_OTHER_METHODS = frozenset({*dir(np.ndarray), *dir(dict), *dir(str)})


def report(method: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(
        ast.Attribute(ast.Name(WATCH, ast.Load()), method, ast.Load()), list(arguments), []
    )


def is_report(call: ast.Call) -> bool:
    function = call.func
    return (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
        and function.value.id == WATCH
    )


def may_be_endless(node: ast.AST) -> bool:
    """Whether a node is a loop that a change of its text may make endless.

    Such a one ends by what is computed in it; or it makes a list longer, and with another name it
    may go through that list.
    """
    if not isinstance(node, ast.For):
        return isinstance(node, ast.While)
    if isinstance(node.iter, ast.Call) and _method(node.iter) in ("count", "cycle", "iter"):
        return True
    return any(_lengthens(x) for statement in node.body for x in ast.walk(statement))


def _lengthens(node: ast.AST) -> bool:
    """Whether a node may add to a list."""
    if isinstance(node, ast.AugAssign):
        return any(isinstance(x, (ast.List, ast.ListComp)) for x in ast.walk(node.value))
    return isinstance(node, ast.Call) and _method(node) in ("append", "extend", "insert")


def _method(call: ast.Call) -> str:
    """The last name of what is called."""
    return ast.unparse(call.func).split(".")[-1]


def loaded(expression: ast.expr) -> ast.expr:
    """A copy of an expression that reads what the expression stands for."""
    found = copy.deepcopy(expression)
    for node in ast.walk(found):
        if hasattr(node, "ctx"):
            node.ctx = ast.Load()
    return found


def as_index(key: ast.expr) -> ast.expr:
    """An index as an expression: slices stand only inside brackets."""
    if any(isinstance(x, ast.Slice) for x in ast.walk(key)):
        return ast.Constant(None)
    return key


def is_pure(expression: ast.expr) -> bool:
    """Whether reading an expression once more does nothing."""
    for node in ast.walk(expression):
        if isinstance(node, ast.Call):
            if not (isinstance(node.func, ast.Name) and node.func.id in ("str", "int", "len")):
                return False
        elif isinstance(
            node,
            (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr, ast.Lambda, ast.comprehension),
        ):
            return False
    return True


def text(key: ast.expr) -> str | None:
    return key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else None


def root(expression: ast.expr) -> str | None:
    while isinstance(expression, (ast.Attribute, ast.Subscript, ast.Call)):
        expression = expression.func if isinstance(expression, ast.Call) else expression.value
    return expression.id if isinstance(expression, ast.Name) else None


def takes_steps(function: ast.expr) -> bool:
    """Whether the arguments of a call are steps: it stores them, or is a function of the user's."""
    if isinstance(function, ast.Name):
        return function.id not in _PLAIN_CALLS
    if not isinstance(function, ast.Attribute):
        return True
    if function.attr in STORING:
        return True
    return function.attr not in _OTHER_METHODS and root(function) not in _LIBRARIES


def written_by(call: ast.Call) -> list[ast.expr]:
    """The arrays that a call made for its effect writes into."""
    found = [word.value for word in call.keywords if word.arg == "out"]
    if isinstance(call.func, ast.Attribute):
        if call.func.attr in _WRITES_FIRST and root(call.func) in _LIBRARIES and call.args:
            found.append(call.args[0])
        elif call.func.attr in _WRITES_RECEIVER:
            found.append(call.func.value)
    return [copy.deepcopy(x) for x in found if is_pure(x)]


def parameters(arguments: ast.arguments) -> set[str]:
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return {x.arg for x in named}


def assigned(body: list[ast.stmt]) -> set[str]:
    """Names that a function assigns to, or writes into."""
    found = set()
    for statement in body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
            elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
                found.add(root(node) or "")
    return found
