"""Values in the place of one another: another name, two names, two entries of a display."""

from __future__ import annotations

import ast
import copy
import functools
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chainrule.checking.repairs.exchange import placed

_MOST_SWAPPED = 8


def another(text: str) -> tuple[str, ast.expr, str]:
    """Another value, by its text, in the place of one."""
    return "other", parsed(text), text


@functools.lru_cache(1000)
def parsed(text: str) -> ast.expr:
    """An expression by its text; the same one each time, which trees only read."""
    return ast.parse(text, mode="eval").body


def exchanged_texts(node: Any, other: Mapping[str, str]) -> Any:
    """A copy of a node that reads other expressions than it does, by their texts."""
    return _Exchanging(other).visit(copy.deepcopy(node))


class _Exchanging(ast.NodeTransformer):
    def __init__(self, other: Mapping[str, str]) -> None:
        self.other = other
        self.kinds = {type(parsed(text)) for text in other}

    def visit(self, node: ast.AST) -> Any:
        if type(node) in self.kinds and isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
            made = self.other.get(ast.unparse(node))
            if made is not None:
                return placed(parsed(made), node)
        return self.generic_visit(node)


def swapped(node: ast.AST) -> Iterator[tuple[str, int, list[Any], int]]:
    """Two values of a display, or of a call's keywords, in each other's place.

    Yields
    ------
    field : str
    number : int
        Of the first of the two.
    new : list of node
    gain : int
        How many more values end on the name of their key.
    """
    if isinstance(node, ast.Dict):
        attribute, elements = "values", node.values
        keys = [ast.unparse(key) if key else "" for key in node.keys]
    elif isinstance(node, (ast.Tuple, ast.List)):
        attribute, elements, keys = "elts", node.elts, []
    elif isinstance(node, ast.Call):
        attribute, elements = "keywords", [word.value for word in node.keywords]
        keys = [word.arg or "" for word in node.keywords]
    else:
        return
    if len(elements) > _MOST_SWAPPED:
        return
    for i, j in itertools.combinations(range(len(elements)), 2):
        new: list[Any] = [*elements]
        new[i], new[j] = elements[j], elements[i]
        gain = _agreement(keys, new) - _agreement(keys, elements)
        if isinstance(node, ast.Call):
            new = [
                ast.copy_location(ast.keyword(word.arg, value), word)
                for word, value in zip(node.keywords, new, strict=True)
            ]
        yield attribute, i, new, gain


def _agreement(keys: Sequence[str], values: Sequence[ast.expr]) -> int:
    """How many values end on the name of their key: ``"gamma": dgamma``."""
    bare = [re.sub(r"\W|_", "", key).lower() for key in keys]
    return sum(
        bool(key) and re.sub(r"\W|_", "", ast.unparse(value)).lower().endswith(key)
        for key, value in zip(bare, values, strict=False)
    )
