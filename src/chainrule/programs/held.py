"""Values held in ordinary containers: taken apart into leaves, and put together with others."""

from __future__ import annotations

import array
import copy
from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Any

_BYTES = (bytearray, array.array)
_EXACT = (tuple, list, dict, OrderedDict)


def take_apart(value: Any) -> tuple[list[Any], Any]:
    """The leaves, depth first, and a description that is equal for values held alike.

    Tuples, lists, dicts and their kin are taken apart; a set or a
    sequence of bytes is one leaf.
    """
    leaves: list[Any] = []
    return leaves, _describe(value, leaves)


def _describe(value: Any, leaves: list[Any]) -> Any:
    if isinstance(value, dict):
        keys = tuple(value)
        return type(value), keys, tuple([_describe(part, leaves) for part in value.values()])
    if isinstance(value, (tuple, list, deque)):
        return type(value), tuple([_describe(part, leaves) for part in value])
    if isinstance(value, set):
        leaves.append(frozenset(value))
        return (type(value),)
    if isinstance(value, _BYTES):
        leaves.append(bytes(value))
        return (type(value),)
    leaves.append(value)
    return None


def paths(value: Any, name: str) -> list[str]:
    """Where each leaf stands, such as ``layers[0]['W']``."""
    if isinstance(value, dict):
        return [p for key, part in value.items() for p in paths(part, f"{name}[{key!r}]")]
    if isinstance(value, (tuple, list, deque)):
        return [p for i, part in enumerate(value) for p in paths(part, f"{name}[{i}]")]
    return [name]


def can_be_put_together(value: Any) -> bool:
    """Whether `put_together` knows every container in it."""
    if isinstance(value, dict):
        known = type(value) in _EXACT or hasattr(value, "copy")
        return known and all(map(can_be_put_together, value.values()))
    if isinstance(value, (tuple, list)):
        known = type(value) in _EXACT or hasattr(value, "_make")
        return known and all(map(can_be_put_together, value))
    return not isinstance(value, (deque, set, *_BYTES))


def put_together(value: Any, leaves: Iterator[Any]) -> Any:
    """The like of ``value`` with other leaves."""
    if isinstance(value, dict):
        made = copy.copy(value)
        made.update([(key, put_together(part, leaves)) for key, part in value.items()])
        return made
    if isinstance(value, (tuple, list)):
        parts = [put_together(part, leaves) for part in value]
        return value._make(parts) if hasattr(value, "_make") else type(value)(parts)
    return next(leaves)


def classes_of(value: Any) -> set[type]:
    """The classes of the containers."""
    if isinstance(value, dict):
        return {type(value)}.union(*map(classes_of, value.values()))
    if isinstance(value, (tuple, list, deque)):
        return {type(value)}.union(*map(classes_of, value))
    return set()
