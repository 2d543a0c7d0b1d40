"""Trees of parameters: tuples, lists, dicts and dataclasses with arrays at the leaves."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.engine.errors import InvalidInput


class Container(NamedTuple):
    """How one kind of container is taken apart and put together again."""

    flatten: Callable[[Any], tuple[Sequence[Any], Any]]  # children, description of the container
    unflatten: Callable[[Any, Sequence[Any]], Any]  # description, children -> container
    labels: Callable[[Any, int], list[str]]  # description, number of children -> path of each child


def _index_labels(_: Any, count: int) -> list[str]:
    return [f"[{i}]" for i in range(count)]


def _flatten_dict(tree: dict[Any, Any]) -> tuple[Sequence[Any], Any]:
    return tuple(tree.values()), tuple(tree)


_CONTAINERS: dict[type, Container] = {
    tuple: Container(lambda t: (t, None), lambda _, c: tuple(c), _index_labels),
    list: Container(lambda t: (t, None), lambda _, c: list(c), _index_labels),
    dict: Container(
        _flatten_dict,
        lambda keys, c: dict(zip(keys, c, strict=True)),
        lambda keys, _: [f"[{key!r}]" for key in keys],
    ),
    type(None): Container(lambda t: ((), None), lambda _d, _c: None, lambda _d, _n: []),
}


def register_container(
    kind: type,
    flatten: Callable[[Any], tuple[Sequence[Any], Any]],
    unflatten: Callable[[Any, Sequence[Any]], Any],
) -> None:
    """Make a class usable as a tree of parameters.

    Parameters
    ----------
    kind : type
        The container class.
    flatten : callable
        ``flatten(tree) -> (children, description)``; the description must compare with ``==``.
    unflatten : callable
        ``unflatten(description, children) -> tree``.
    """
    _CONTAINERS[kind] = Container(flatten, unflatten, _index_labels)


def _container(tree: Any) -> Container | None:
    kind = type(tree)
    found = _CONTAINERS.get(kind)
    if found is not None:
        return found
    if isinstance(tree, tuple) and hasattr(kind, "_fields"):
        found = Container(
            lambda t: (tuple(t), kind),
            lambda _, c: kind(*c),
            lambda _d, _n: [f".{f}" for f in kind._fields],
        )
    elif dataclasses.is_dataclass(kind):
        names = [field.name for field in dataclasses.fields(kind) if field.init]
        found = Container(
            lambda t: ([getattr(t, n) for n in names], kind),
            lambda _, c: kind(**dict(zip(names, c, strict=True))),
            lambda _d, _n: [f".{n}" for n in names],
        )
    elif isinstance(tree, dict):
        found = Container(
            _flatten_dict,
            lambda keys, c: kind(zip(keys, c, strict=True)),
            lambda keys, _: [f"[{key!r}]" for key in keys],
        )
    else:
        return None
    _CONTAINERS[kind] = found
    return found


class Structure:
    """The shape of a tree without its leaves. A leaf has ``kind`` None.

    Structures compare equal when trees have the same containers, keys and number of leaves.
    """

    __slots__ = ("children", "description", "kind")

    def __init__(
        self,
        kind: type | None = None,
        description: Any = None,
        children: tuple[Structure, ...] = (),
    ) -> None:
        self.kind = kind
        self.description = description
        self.children = children

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Structure)
            and self.kind is other.kind
            and self.description == other.description
            and self.children == other.children
        )

    def __hash__(self) -> int:
        return hash((self.kind, self.children))

    def unflatten(self, leaves: Sequence[Any]) -> Any:
        """The tree with these leaves, in the order of `flatten`."""
        return self._build(iter(leaves))

    def _build(self, leaves: Iterator[Any]) -> Any:
        if self.kind is None:
            return next(leaves)
        children = [
            next(leaves) if child is LEAF else child._build(leaves) for child in self.children
        ]
        return _CONTAINERS[self.kind].unflatten(self.description, children)

    @property
    def count(self) -> int:
        """Number of leaves."""
        return 1 if self.kind is None else sum(child.count for child in self.children)

    def paths(self, prefix: str = "") -> list[str]:
        """Where each leaf stands, as a person would index it, such as ``params['W1']``."""
        if self.kind is None:
            return [prefix]
        labels = _CONTAINERS[self.kind].labels(self.description, len(self.children))
        found: list[str] = []
        for label, child in zip(labels, self.children, strict=True):
            found += child.paths(prefix + label)
        return found

    def __str__(self) -> str:
        if self.kind is None:
            return "*"
        return str(self.unflatten(["*"] * self.count)).replace("'*'", "*")


LEAF = Structure()


def flatten(tree: Any) -> tuple[list[Any], Structure]:
    """Take a tree apart into its leaves, left to right, and its structure.

    A leaf is whatever is not a tuple, list, dict, named tuple, dataclass, None or a registered
    container.
    """
    if type(tree) is np.ndarray:
        return [tree], LEAF
    leaves: list[Any] = []
    return leaves, _flatten(tree, leaves)


def _flatten(tree: Any, leaves: list[Any]) -> Structure:
    container = _CONTAINERS.get(type(tree)) or _container(tree)
    if container is None:
        leaves.append(tree)
        return LEAF
    children, description = container.flatten(tree)
    structures = []
    for child in children:
        if type(child) is np.ndarray:
            leaves.append(child)
            structures.append(LEAF)
        else:
            structures.append(_flatten(child, leaves))
    return Structure(type(tree), description, tuple(structures))


def tree_map(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """Apply ``function`` leaf by leaf to trees of the same structure.

    Raises
    ------
    InvalidInput
        The trees do not have the same structure.
    """
    leaves, structure = flatten(tree)
    columns = [leaves]
    for other in others:
        found, shape = flatten(other)
        if shape != structure:
            raise InvalidInput(f"trees differ in structure: {structure} against {shape}.")
        columns.append(found)
    return structure.unflatten([function(*row) for row in zip(*columns, strict=True)])
