"""Arguments and gradients given in order instead of by name: which one belongs to which parameter.

Nothing is guessed: what has more than one reading is refused by the caller.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.checking.argument_names import sounds_like_data, sounds_like_penalty

_NUMBERS = (int, float, np.generic)
_MOST_VALUES = 40


def by_position(function: Callable[..., Any], values: Sequence[Any]) -> dict[str, Any] | None:
    """Arguments by the names of a function's parameters; None if their numbers do not fit."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.POSITIONAL_ONLY)]
    needed = sum(p.default is p.empty for p in named)
    if any(p.kind is p.POSITIONAL_ONLY for p in named) or not needed <= len(values) <= len(named):
        return None
    return {p.name: value for p, value in zip(named, values, strict=False)}


def values_of(result: Any) -> list[Any] | None:
    """The arrays and numbers of a result in their order, with None for one that is missing; None
    if there is something else in it.
    """
    if isinstance(result, np.ndarray):
        return [result]
    if not isinstance(result, (list, tuple)):
        return None
    found: list[Any] = []
    for item in result:
        if item is None or isinstance(item, _NUMBERS):
            found.append(item)
        elif (inner := values_of(item)) is None:
            return None
        else:
            found += inner
    arrays = any(isinstance(item, np.ndarray) for item in found)
    return found if arrays and len(found) <= _MOST_VALUES else None


def returned_names(function: Callable[..., Any]) -> list[str] | None:
    """The names in the last return statement of a function, if it returns nothing but names."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return None
    [*_, last] = [None, *_returns(tree.body[0])]
    value = last.value if last is not None else None
    values = value.elts if isinstance(value, (ast.Tuple, ast.List)) else [value]
    names = [x.id if isinstance(x, ast.Name) else getattr(x, "attr", None) for x in values]
    return None if None in names else [str(name) for name in names]


def _returns(node: ast.AST) -> Iterator[ast.Return]:
    """The return statements of a function, without those of functions within it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Return):
            yield child
        elif not isinstance(child, (ast.FunctionDef, ast.Lambda, ast.ClassDef)):
            yield from _returns(child)


def by_shape(values: Sequence[Any], example: Mapping[str, Any]) -> list[str] | None:
    """The floating-point arguments that gradients in order belong to, by their shapes.

    Parameters
    ----------
    values : sequence of array
    example : mapping of str to object

    Returns
    -------
    list of str or None
        None where several arguments, or none, could be meant.
    """
    floats = {
        name: np.shape(value)
        for name, value in example.items()
        if isinstance(value, float) or (isinstance(value, np.ndarray) and value.dtype.kind == "f")
    }
    likely = {
        name: shape
        for name, shape in floats.items()
        if not sounds_like_data(name) and not (sounds_like_penalty(name) and not shape)
    }
    shapes = [None if value is None else np.shape(value) for value in values]
    if len(shapes) == len(likely) == 1 and (
        shapes[0] in likely.values() or shapes[0] not in floats.values()
    ):
        return [*likely]
    for among in (likely, floats):
        names = [*among]
        if len(shapes) == len(among) and all(map(_fits, shapes, among.values())):
            return names
        fits = list(itertools.islice(_fitting(shapes, list(among.items())), 2))
        if len(fits) == 1:
            return fits[0]
        if fits:
            return None
    if len(shapes) == len(likely):
        left = [(x, own) for x, own in zip(shapes, likely.values(), strict=True) if x != own]
        if not {x for x, _ in left} & {own for _, own in left}:  # wrong shapes, and no other order
            return [*likely]
    return None


def _fits(shape: tuple[int, ...] | None, own: tuple[int, ...]) -> bool:
    """Whether a gradient may be that of an argument of this shape; one that is missing may be."""
    return shape is None or shape == own


def _fitting(
    shapes: Sequence[tuple[int, ...] | None], among: Sequence[tuple[str, tuple[int, ...]]]
) -> Iterator[list[str]]:
    """Names in their order whose arguments have these shapes."""
    if not shapes:
        yield []
        return
    for place in range(len(among) - len(shapes) + 1):
        name, shape = among[place]
        if _fits(shapes[0], shape):
            for rest in _fitting(shapes[1:], among[place + 1 :]):
                yield [name, *rest]
