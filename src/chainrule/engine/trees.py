"""Trees of parameters: tuples, lists, dicts and dataclasses with arrays at the leaves."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.engine.errors import InvalidInput


class Container(NamedTuple):
    """How one kind of container is taken apart and put together again."""

    flatten: Callable[[Any], tuple[Sequence[Any], Any]]  # children, description of the container
    unflatten: Callable[[Any, Sequence[Any]], Any]  # description, children -> container
    keys: Callable[[Any, int], Sequence[Any]]  # description, number of children -> key of each
    dotted: bool = False  # the keys are names of fields

    def labels(self, description: Any, count: int) -> list[str]:
        """What is written behind a container for each of its children."""
        keys = self.keys(description, count)
        return [f".{key}" if self.dotted else f"[{key!r}]" for key in keys]


def _indices(_: Any, count: int) -> Sequence[Any]:
    return range(count)


def _flatten_dict(tree: dict[Any, Any]) -> tuple[Sequence[Any], Any]:
    return tuple(tree.values()), tuple(tree)


_CONTAINERS: dict[type, Container] = {
    tuple: Container(lambda t: (t, None), lambda _, c: tuple(c), _indices),
    list: Container(lambda t: (t, None), lambda _, c: list(c), _indices),
    dict: Container(
        _flatten_dict,
        lambda keys, c: dict(zip(keys, c, strict=True)),
        lambda keys, _: keys,
    ),
    type(None): Container(lambda t: ((), None), lambda _d, _c: None, lambda _d, _n: ()),
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
    _CONTAINERS[kind] = Container(flatten, unflatten, _indices)


def _container(tree: Any) -> Container | None:
    kind = type(tree)
    found = _CONTAINERS.get(kind)
    if found is not None:
        return found
    if isinstance(tree, tuple) and hasattr(kind, "_fields"):
        found = Container(
            lambda t: (tuple(t), kind),
            lambda _, c: kind(*c),
            lambda _d, _n: kind._fields,
            dotted=True,
        )
    elif dataclasses.is_dataclass(kind):
        found = _dataclass_container(kind)
    elif isinstance(tree, dict):
        found = Container(
            lambda t: (tuple(t.values()), (tuple(t), getattr(t, "default_factory", None))),
            lambda d, c: _rebuilt_dict(kind, d[0], d[1], c),
            lambda d, _: d[0],
        )
    else:
        return None
    _CONTAINERS[kind] = found
    return found


def _dataclass_container(kind: type) -> Container:
    fields = dataclasses.fields(kind)
    names = [field.name for field in fields if field.init]
    hidden = [field.name for field in fields if not field.init]
    if hidden:
        raise InvalidInput(
            f"the dataclass {kind.__name__} has fields that its __init__ does not take "
            f"({', '.join(hidden)}), so it cannot be rebuilt around other arrays; say how with "
            "chainrule.register_container."
        )

    def rebuilt(_: Any, children: Sequence[Any]) -> Any:
        made = kind(**dict(zip(names, children, strict=True)))
        for name, child in zip(names, children, strict=True):
            if getattr(made, name) is not child:
                raise InvalidInput(
                    f"__post_init__ of the dataclass {kind.__name__} changes its field {name}, "
                    "which a gradient would go through twice; say how to rebuild it with "
                    "chainrule.register_container."
                )
        return made

    return Container(
        lambda t: ([getattr(t, n) for n in names], kind),
        rebuilt,
        lambda _d, _n: names,
        dotted=True,
    )


def _rebuilt_dict(kind: type, keys: Any, factory: Any, children: Sequence[Any]) -> Any:
    made = kind()
    if factory is not None:
        made.default_factory = factory
    for key, child in zip(keys, children, strict=True):
        made[key] = child
    return made


class Structure:
    """The shape of a tree without its leaves. A leaf has ``kind`` None.

    Structures compare equal when trees have the same containers, keys and number of leaves.
    """

    __slots__ = ("children", "description", "flat", "kind")

    def __init__(
        self,
        kind: type | None = None,
        description: Any = None,
        children: tuple[Structure, ...] = (),
    ) -> None:
        self.kind = kind
        self.description = description
        self.children = children
        self.flat = bool(children) and children.count(LEAF) == len(children)  # leaves alone

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
        if self.flat and len(leaves) == len(self.children):
            return _CONTAINERS[self.kind].unflatten(self.description, leaves)  # type: ignore[index]
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

    def keys(self, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """The keys, indices and names of fields that lead to each leaf."""
        if self.kind is None:
            return [before]
        own = _CONTAINERS[self.kind].keys(self.description, len(self.children))
        found: list[tuple[Any, ...]] = []
        for key, child in zip(own, self.children, strict=True):
            found += child.keys((*before, key))
        return found

    def __str__(self) -> str:
        if self.kind is None:
            return "*"
        parts = [str(child) for child in self.children]
        if self.kind is list:
            return f"[{', '.join(parts)}]"
        if self.kind is tuple:
            return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
        if self.kind is type(None):
            return "None"
        labels = _CONTAINERS[self.kind].labels(self.description, len(parts))
        if issubclass(self.kind, dict):
            keys = [label[1:-1] for label in labels]
            return f"{{{', '.join(f'{k}: {p}' for k, p in zip(keys, parts, strict=True))}}}"
        keys = [label.lstrip(".") for label in labels]
        shown = ", ".join(f"{k}={p}" for k, p in zip(keys, parts, strict=True))
        return f"{self.kind.__name__}({shown})"


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


def flatten_like(structure: Structure, tree: Any) -> tuple[list[Any], Structure]:
    """Take a tree apart with the keys of its dicts in the order that they have in ``structure``."""
    leaves, own = flatten(tree)
    if own == structure:
        return leaves, own
    return flatten(_reordered(structure, tree))


def _reordered(structure: Structure, tree: Any) -> Any:
    kind = type(tree)
    if kind is not structure.kind or kind not in (dict, list, tuple):
        return tree
    if kind is not dict:
        pairs = itertools.zip_longest(structure.children, tree, fillvalue=LEAF)
        return kind([_reordered(child, part) for child, part in pairs][: len(tree)])
    if tree.keys() != set(structure.description):
        return tree
    by_key = zip(structure.description, structure.children, strict=True)
    return {key: _reordered(child, tree[key]) for key, child in by_key}


def tree_map(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """Apply ``function`` leaf by leaf to trees of the same structure.

    Parameters
    ----------
    function : callable
        Takes one leaf of each tree.
    tree, *others
        Nested tuples, lists, dicts, dataclasses and registered containers.

    Returns
    -------
    tree
        Of the same structure, with what ``function`` returned as leaves.

    Raises
    ------
    InvalidInput
        The trees do not have the same structure.
    """
    leaves, structure = flatten(tree)
    columns = [leaves]
    for other in others:
        found, shape = flatten_like(structure, other)
        if shape != structure:
            raise InvalidInput(
                f"trees differ in structure: {structure} against {shape}, * standing for a leaf."
            )
        columns.append(found)
    return structure.unflatten([function(*row) for row in zip(*columns, strict=True)])
