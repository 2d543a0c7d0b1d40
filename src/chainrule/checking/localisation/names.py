"""What a function reads, binds, fills and counts, as far as its text tells."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterable, Sequence
from typing import Any

from chainrule.checking.watch_syntax import STORING

_MODULES = frozenset({"np", "numpy", "math", "scipy", "self"})
_MOST_COUNTS = 8


def agreement(keys: Sequence[str], values: Sequence[ast.expr]) -> int:
    """How many values end on the name of their key: ``"gamma": dgamma``."""
    bare = [re.sub(r"\W|_", "", key).lower() for key in keys]
    return sum(
        bool(key) and re.sub(r"\W|_", "", ast.unparse(value)).lower().endswith(key)
        for key, value in zip(bare, values, strict=False)
    )


def filled(statement: Any) -> set[str]:
    """Containers that a statement puts something into; NumPy never ends on one within itself."""
    found = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            found.add(ast.unparse(node.value))
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in STORING
        ):
            found.add(ast.unparse(node.func.value))
    return found


def is_dict_call(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id == "dict"


def line_of(parent: Any, child: Any, line: int) -> int:
    """Elements of displays that span several lines are on their own lines."""
    display = isinstance(parent, (ast.Dict, ast.Tuple, ast.List))
    if display or (isinstance(parent, ast.Call) and is_dict_call(parent)):
        return int(child.lineno)
    return line


def near_numbers(value: Any) -> Iterable[Any]:
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        found: tuple[Any, ...] = (1 - value, value + 1, value - 1, -value, 2, 0)
    elif isinstance(value, float):
        found = (2 * value, value / 2, -value, 1 - value, 1.0)
    else:
        return []
    return [x for x in dict.fromkeys(found) if x != value]


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


def likeness(a: str, b: str) -> float:
    """How much two names are alike: they begin alike, or belong to one series."""
    pairs = zip(a, b, strict=False)
    common = len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)))
    series = a.rstrip("0123456789") == b.rstrip("0123456789")
    return common + 5 * series + 2 * (("[" in a) == ("[" in b))
