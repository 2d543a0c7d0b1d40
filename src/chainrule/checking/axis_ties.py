"""Which axes an operation ties together: equal sizes that mean the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.checking.broadcasting import crosses
from chainrule.engine.graph import Node

_RESHAPING = ("reshape", "expand_dims", "squeeze", "ravel", "flatten", "broadcast_to")


class AxisClasses:
    """Axes in classes that can be united; each knows its size."""

    def __init__(self) -> None:
        self.parent: list[int] = []
        self.size: list[int] = []

    def new(self, size: int) -> int:
        self.parent.append(len(self.parent))
        self.size.append(size)
        return len(self.parent) - 1

    def root(self, item: int) -> int:
        while self.parent[item] != item:
            self.parent[item] = self.parent[self.parent[item]]
            item = self.parent[item]
        return item

    def unite(self, a: int | None, b: int | None) -> None:
        if a is None or b is None:
            return
        a, b = self.root(a), self.root(b)
        if a != b and self.size[a] == self.size[b]:
            self.parent[max(a, b)] = min(a, b)


def tie(
    classes: AxisClasses,
    node: Node,
    operands: list[list[int | None]],
    out: list[int | None],
    ranges: dict[int, int],
) -> None:
    """Unite the axes that one operation ties together."""
    name = node.primitive.name
    params = node.params
    if name in ("matmul", "dot") and all(1 <= len(labels) <= 2 for labels in operands):
        first, second = operands
        inner = second[-2] if len(second) == 2 else second[0]
        classes.unite(first[-1], inner)
        rest = [*first[:-1], *(second[-1:] if len(second) == 2 else ())]
        _unite_all(classes, rest, out)
    elif name == "matmul" and all(len(labels) >= 2 for labels in operands):
        first, second = operands
        classes.unite(first[-1], second[-2])
        classes.unite(second[-1], out[-1])
        for labels in (first[:-1], [*second[:-2], None]):  # batches of matrices
            _unite_all(classes, labels[::-1], out[:-1][::-1])
    elif name == "pad":
        _unite_all(classes, operands[0], out)
    elif name == "transpose":
        axes = params.get("axes") or tuple(reversed(range(len(out))))
        _unite_all(classes, [operands[0][k] for k in axes], out)
    elif name == "einsum" and "." not in str(params.get("subscripts", ".")):
        _tie_letters(classes, str(params["subscripts"]), operands, out)
    elif name in _RESHAPING:
        _tie_reshaped(classes, node, operands[0], out)
    elif name in ("stack", "concatenate"):
        _tie_joined(classes, node, operands, out)
    elif (
        "axis" in params and len(operands) == 1 and _tie_reduction(classes, node, operands[0], out)
    ) or (
        name == "getitem"
        and (
            _tie_gather(classes, node, operands, out, ranges)
            or _tie_slices(classes, node, operands, out)
        )
    ):
        pass
    elif _is_elementwise(node):
        for labels in operands:
            _unite_all(classes, labels, out[len(out) - len(labels) :] if labels else [])
        if crosses(node):
            classes.unite(*out)  # two columns of the samples have met
    else:
        tie_equal(classes, [*operands, out])


def _tie_slices(
    classes: AxisClasses, node: Node, operands: list[list[int | None]], out: list[int | None]
) -> bool:
    """An index of slices, numbers and None: whole axes keep their size."""
    index = node.params.get("index")
    entries = list(index) if isinstance(index, tuple) else [index]
    if len(operands) != 1 or any(
        not (entry is None or entry is Ellipsis or isinstance(entry, (slice, int, np.integer)))
        for entry in entries
    ):
        return False
    given = sum(entry is not None and entry is not Ellipsis for entry in entries)
    whole: list[Any] = [slice(None)] * (len(operands[0]) - given)
    if Ellipsis in entries:
        at = entries.index(Ellipsis)
        entries[at : at + 1] = whole
    else:
        entries += whole
    axis = position = 0
    for entry in entries:
        if entry is None:
            position += 1
        elif isinstance(entry, slice):
            if entry == slice(None):
                classes.unite(operands[0][axis], out[position])
            axis, position = axis + 1, position + 1
        else:
            axis += 1
    return True


def _tie_reshaped(
    classes: AxisClasses, node: Node, labels: list[int | None], out: list[int | None]
) -> None:
    """Axes that keep their place keep their size; those that are merged or split do not."""
    before, after = list(np.shape(node.operands[0])), list(node.shape)
    if node.primitive.name == "broadcast_to":
        _unite_all(classes, labels, out[len(out) - len(labels) :] if labels else [])
        return
    i = j = 0
    while i < len(before) and j < len(after):
        if before[i] == after[j]:
            classes.unite(labels[i], out[j])
            i, j = i + 1, j + 1
            continue
        a, b = before[i], after[j]
        i, j = i + 1, j + 1
        while a != b and (i < len(before) or j < len(after)):
            if (a < b and i < len(before)) or j >= len(after):
                a, i = a * before[i], i + 1
            else:
                b, j = b * after[j], j + 1


def _tie_joined(
    classes: AxisClasses, node: Node, operands: list[list[int | None]], out: list[int | None]
) -> None:
    """Joined arrays agree in every axis but the one they are joined along."""
    axis = int(node.params.get("axis") or 0) % max(len(out), 1)
    rest = [item for k, item in enumerate(out) if k != axis]
    for labels in operands:
        own = labels
        if node.primitive.name == "concatenate":
            own = [item for k, item in enumerate(labels) if k != axis]
        _unite_all(classes, own, rest)


class Passes:
    """The axes of which one entry is read by its number, as loops do, and which of them meet.

    Two loops run in step if entry i of one axis only ever meets entry i of the other.

    Attributes
    ----------
    axes : set of int
    """

    def __init__(self) -> None:
        self.axes: set[int] = set()
        self._crossed: set[tuple[int, int]] = set()
        self._entries: dict[int, dict[int, frozenset[int]]] = {}

    def follow(self, node: Node, labels: Sequence[int | None]) -> None:
        """Note which entries a node is made from."""
        found: dict[int, frozenset[int]] = {}
        for parent in node.parents:
            for axis, entries in self._entries.get(parent.index, {}).items():
                found[axis] = found.get(axis, frozenset()) | entries
        if node.primitive.name == "getitem":
            for axis, entry in _read_by_number(node, labels):
                found[axis] = found.get(axis, frozenset()) | {entry}
                self.axes.add(axis)
        alone = [(axis, min(entries)) for axis, entries in found.items() if len(entries) == 1]
        self._crossed.update((a, b) for a, i in alone for b, j in alone if i != j)
        self._entries[node.index] = {axis: frozenset((entry,)) for axis, entry in alone}

    def cross(self, first: int, second: int) -> bool:
        """Whether entries of different numbers meet."""
        return (first, second) in self._crossed


def _read_by_number(node: Node, labels: Sequence[int | None]) -> list[tuple[int, int]]:
    """The axes of which an index reads one entry, with its number."""
    index = node.params.get("index")
    entries = index if isinstance(index, tuple) else (index,)
    shape = np.shape(node.operands[0])
    return [
        (item, int(entry) % shape[axis])
        for axis, (entry, item) in enumerate(zip(entries, labels, strict=False))
        if isinstance(entry, (int, np.integer)) and item is not None
    ]


def _is_elementwise(node: Node) -> bool:
    if any(isinstance(x.value, tuple) for x in node.parents):
        return False  # a part of what split or svd gives
    shapes = [x.shape if isinstance(x, Node) else np.shape(x) for x in node.inputs]
    try:
        return np.broadcast_shapes(*shapes) == node.shape
    except ValueError:
        return False


def _unite_all(
    classes: AxisClasses, first: Sequence[int | None], second: Sequence[int | None]
) -> None:
    for a, b in zip(first, second, strict=False):
        classes.unite(a, b)


def _tie_letters(
    classes: AxisClasses, subscripts: str, operands: list[list[int | None]], out: list[int | None]
) -> None:
    left, _, right = subscripts.replace(" ", "").partition("->")
    held: dict[str, int | None] = {}
    for letters, labels in zip(
        [*left.split(","), right], [*operands, out if right else []], strict=False
    ):
        for letter, item in zip(letters, labels, strict=False):
            if item is not None:
                classes.unite(held.setdefault(letter, item), item)


def _tie_reduction(
    classes: AxisClasses, node: Node, labels: list[int | None], out: list[int | None]
) -> bool:
    axis = node.params["axis"]
    if len(out) == len(labels):
        _unite_all(classes, labels, out)
        return True
    gone = range(len(labels)) if axis is None else np.atleast_1d(axis) % max(len(labels), 1)
    kept = [item for k, item in enumerate(labels) if k not in set(map(int, gone))]
    if len(kept) != len(out):
        return False
    _unite_all(classes, kept, out)
    return True


def _tie_gather(
    classes: AxisClasses,
    node: Node,
    operands: list[list[int | None]],
    out: list[int | None],
    ranges: dict[int, int],
) -> bool:
    """An index of integer arrays: its values are bounded by an axis of the operand."""
    index = node.params.get("index")
    entries = index if isinstance(index, tuple) else (index,)
    arrays = list(zip(node.inputs[1:], operands[1:], strict=True))
    if len(entries) != len(arrays) or any(isinstance(e, (slice, int)) for e in entries):
        return False
    if len(arrays) == 1:
        return _tie_rows(classes, arrays[0], operands[0], out, ranges)
    for axis, (array, labels) in enumerate(arrays):
        value = np.asarray(array.value if isinstance(array, Node) else array)
        if value.dtype.kind not in "iu" or value.ndim != 1:
            return False
        bound = operands[0][axis]
        if bound is not None:
            if isinstance(array, Node):
                classes.unite(ranges.setdefault(array.index, bound), bound)
            elif np.array_equal(value, np.arange(classes.size[bound])):
                classes.unite(bound, labels[0])
        _unite_all(classes, labels, out)
    _unite_all(classes, operands[0][len(arrays) :], out[1:])
    return True


def _tie_rows(
    classes: AxisClasses,
    index: tuple[Any, list[int | None]],
    operand: list[int | None],
    out: list[int | None],
    ranges: dict[int, int],
) -> bool:
    """Rows picked by integers of any shape, such as one word for each place of a sentence."""
    array, labels = index
    value = np.asarray(array.value if isinstance(array, Node) else array)
    if value.dtype.kind not in "iu":
        return False
    bound = operand[0]
    if bound is not None and isinstance(array, Node):
        classes.unite(ranges.setdefault(array.index, bound), bound)
    elif bound is not None and np.array_equal(value, np.arange(classes.size[bound])):
        classes.unite(bound, labels[0])
    _unite_all(classes, [*labels, *operand[1:]], out)
    return True


def tie_equal(classes: AxisClasses, groups: Sequence[Sequence[int | None]]) -> None:
    """For an unknown operation, equal sizes are taken to mean the same."""
    held: dict[int, int] = {}
    for labels in groups:
        for item in labels:
            if item is not None:
                classes.unite(held.setdefault(classes.size[item], item), item)
