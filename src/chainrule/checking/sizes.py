"""Which axes of the example's arrays have one size in common: the symbols n, features, classes.

Axes are tied together by the operations of the traced loss, so that two sizes that happen to be
equal (a batch of five and five classes) stay two symbols.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from chainrule.checking.axis_ties import AxisClasses, Passes, tie
from chainrule.engine.graph import Graph, Node

Axis = tuple[str, int]


@dataclass(frozen=True)
class Sizes:
    """The symbols of an example.

    Attributes
    ----------
    symbols : dict of str to int
        Every symbol and its size in the example.
    axes : dict of (str, int) to str
        The symbol of every axis of every array; axes of size 1 have none.
    ranges : dict of str to tuple of str
        The symbols that bound the values of an integer array; several where it is not known which.
    integers : dict of str to str
        The symbol that an integer argument repeats.
    symmetric : frozenset of str
        Data that are symmetric matrices, such as an adjacency.
    batch, classes : str or None
        The symbols of the batch size and of the number of classes.
    """

    symbols: Mapping[str, int]
    axes: Mapping[Axis, str]
    ranges: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    integers: Mapping[str, str] = field(default_factory=dict)
    batch: str | None = None
    classes: str | None = None
    symmetric: frozenset[str] = frozenset()

    def shape(self, name: str, example: Any, sizes: Mapping[str, int]) -> tuple[int, ...]:
        """The shape of an array with other sizes."""
        return tuple(
            sizes[self.axes[name, axis]] if (name, axis) in self.axes else size
            for axis, size in enumerate(np.shape(example))
        )


def sizes_by_graph(graph: Graph, example: Mapping[str, Any], claimed: Sequence[str]) -> Sizes:
    """The symbols of an example, from the operations of its traced loss."""
    classes = AxisClasses()
    labels: dict[int, list[int | None]] = {}
    ranges: dict[int, int] = {}
    passes = Passes()

    def fresh(shape: Sequence[int]) -> list[int | None]:
        return [classes.new(size) if size != 1 else None for size in shape]

    def label(value: Any) -> list[int | None]:
        if isinstance(value, Node):
            return labels[value.index]
        found = fresh(np.shape(value))
        array = np.asarray(value)
        square = array.ndim == 2 and array.shape[0] == array.shape[1]
        if square and np.array_equal(array, np.eye(len(array))):
            classes.unite(found[0], found[1])  # as for one-hot rows
        return found

    for node in graph.nodes:
        if node.of is not None or isinstance(node.value, tuple):
            labels[node.index] = [] if isinstance(node.value, tuple) else fresh(node.shape)
            continue
        out = labels[node.index] = fresh(node.shape)
        if node.inputs:
            operands = [label(x) for x in node.inputs]
            tie(classes, node, operands, out, ranges)
            passes.follow(node, operands[0])
    _unite_unread(graph, example, claimed, labels, classes)
    unrolled = passes.axes
    for first, second in itertools.combinations(sorted(unrolled), 2):
        if classes.size[first] == classes.size[second] and not passes.cross(first, second):
            classes.unite(first, second)  # loops over several arrays run in step
    by_name = {node.name: node for node in graph.inputs if node.of is None}
    axes: dict[Axis, int] = {}
    for name, value in example.items():
        if isinstance(value, np.ndarray):
            source = by_name.get(name)
            found = fresh(value.shape) if source is None else labels[source.index]
            axes.update({(name, k): item for k, item in enumerate(found) if item is not None})
            if name not in claimed and is_symmetric(value):
                classes.unite(found[0], found[1])
    roots = {axis: classes.root(item) for axis, item in axes.items()}
    bounds = {
        node.name: classes.root(ranges[node.index])
        for node in graph.inputs
        if node.name and node.index in ranges
    }
    loops = {classes.root(item) for item in unrolled}
    return _named(example, claimed, roots, dict(enumerate(classes.size)), bounds, loops)


def _unite_unread(
    graph: Graph,
    example: Mapping[str, Any],
    claimed: Sequence[str],
    labels: Mapping[int, list[int | None]],
    classes: AxisClasses,
) -> None:
    """One entry per sample: what the trace does not see being read, as in ``np.eye(C)[y]``, has as
    many entries as other data have rows.
    """
    used = {x.index for node in graph.nodes for x in node.parents}
    data = [
        node
        for node in graph.inputs
        if node.of is None and node.name in example and node.name not in claimed and node.shape
    ]
    for node in data:
        if node.index in used or len(node.shape) != 1:
            continue
        for other in data:
            if other.index in used and other.shape[0] == node.shape[0]:
                classes.unite(labels[node.index][0], labels[other.index][0])
                break


def sizes_by_rows(example: Mapping[str, Any], claimed: Sequence[str]) -> list[Sizes]:
    """The batch size for itself: the rows of the data, and of such arrays of parameters as have as
    many. Of the rest, equal sizes mean the same.
    """
    arrays = {name: x for name, x in example.items() if isinstance(x, np.ndarray) and x.ndim}
    data = {name: len(x) for name, x in arrays.items() if name not in claimed}
    found: list[Sizes] = []
    for n in dict.fromkeys(data.values()):
        alike = [name for name, x in arrays.items() if name in claimed and len(x) == n]
        most = max((arrays[name].ndim for name in alike), default=0)
        rows = {(name, 0): "n" for name, count in data.items() if count == n}
        groups: tuple[list[str], ...]
        groups = ([], alike, [name for name in alike if arrays[name].ndim == most])
        for group in groups[:1] if not alike else groups:
            axes = {**rows, **{(name, 0): "n" for name in group}}
            others = {
                (name, axis): f"s{size}"
                for name, x in arrays.items()
                for axis, size in enumerate(x.shape)
                if size > 1 and (name, axis) not in axes
            }
            widths = {symbol: int(symbol[1:]) for symbol in others.values()}
            plan = Sizes({"n": n, **widths}, {**axes, **others}, batch="n")
            if n > 1 and plan not in found:
                found.append(plan)
    return found


def sizes_by_equality(
    example: Mapping[str, Any], claimed: Sequence[str], apart: Collection[Axis] = ()
) -> Sizes:
    """The symbols of an example if equal sizes always mean the same, but for axes set apart."""
    roots = {
        (name, axis): size
        for name, value in example.items()
        if isinstance(value, np.ndarray)
        for axis, size in enumerate(value.shape)
        if size != 1
    }
    size_of = {size: size for size in roots.values()}
    for axis in apart:
        if axis in roots:
            size_of[-1] = roots[axis]
            roots[axis] = -1
    return _named(example, claimed, roots, size_of, {})


def with_batch_of_one(
    example: Mapping[str, Any], claimed: Sequence[str]
) -> Callable[[Sizes], Sizes | None]:
    """Adds the symbol n where the example's data are a single row; None where they are not."""

    def extended(sizes: Sizes) -> Sizes | None:
        if sizes.batch is not None:
            return None
        rows = {
            (name, 0): "n"
            for name, value in example.items()
            if name not in claimed and np.ndim(value) > 0 and np.shape(value)[0] == 1
        }
        if not rows or "n" in sizes.symbols:
            return None
        return replace(
            sizes, symbols={**sizes.symbols, "n": 1}, axes={**sizes.axes, **rows}, batch="n"
        )

    return extended


def _named(
    example: Mapping[str, Any],
    claimed: Sequence[str],
    roots: Mapping[Axis, int],
    size_of: Mapping[int, int],
    bounds: Mapping[str, int],
    loops: Collection[int] = (),
) -> Sizes:
    """Give the classes names, and find those of the batch and of the classes."""
    names: dict[int, str] = {}
    for (name, axis), root in roots.items():
        names.setdefault(root, f"{name}.shape[{axis}]")
    ranges: dict[str, tuple[int, ...]] = {
        name: (root,) for name, root in bounds.items() if root in names
    }
    for name, value in example.items():
        if name not in ranges and _is_labels(value):
            bound = _bounds_of(value, roots, size_of, name)
            if bound:
                ranges[name] = bound
    batch = _batch(example, claimed, roots, loops)
    classes = _classes(example, claimed, roots, ranges, batch)
    shown = dict(names)
    if batch is not None:
        shown[batch] = "n"
    if classes is not None and classes != batch:
        shown[classes] = "C"
    symbols = {shown[root]: size_of[root] for root in names}
    integers = {}
    for name, value in example.items():
        if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
            fits = [symbol for symbol, size in symbols.items() if size == value]
            if len(fits) == 1:
                integers[name] = fits[0]
    return Sizes(
        symbols,
        {axis: shown[root] for axis, root in roots.items()},
        {name: tuple(shown[root] for root in each) for name, each in ranges.items()},
        integers,
        shown[batch] if batch is not None else None,
        shown[classes] if classes is not None else None,
        frozenset(
            name
            for name, value in example.items()
            if name not in claimed and isinstance(value, np.ndarray) and is_symmetric(value)
        ),
    )


def is_symmetric(value: np.ndarray[Any, Any]) -> bool:
    """Whether an array is a symmetric matrix that is not just one number, or a diagonal."""
    if value.ndim != 2 or value.shape[0] != value.shape[1] or len(value) < 2:
        return False
    beside = value[~np.eye(len(value), dtype=bool)]
    same = value.dtype.kind in "fiub" and np.array_equal(value, value.T)
    return bool(same and np.any(beside != beside[0]))


def _is_labels(value: Any) -> bool:
    return (
        isinstance(value, np.ndarray)
        and value.dtype.kind in "iu"
        and value.size > 0
        and value.min() >= 0
    )


def _bounds_of(
    value: Any, roots: Mapping[Axis, int], size_of: Mapping[int, int], name: str
) -> tuple[int, ...]:
    """The smallest sizes that all labels are below."""
    above = int(value.max()) + 1
    own = {root for (owner, _), root in roots.items() if owner == name}
    others = list(dict.fromkeys(root for root in roots.values() if root not in own))
    if set(np.unique(value)) <= {0, 1} and above <= 2:
        return tuple(root for root in others if size_of[root] == 2)[:1]
    fits = [root for root in others if size_of[root] >= above]
    least = min((size_of[root] for root in fits), default=0)
    return tuple(root for root in fits if size_of[root] == least)


def _batch(
    example: Mapping[str, Any],
    claimed: Sequence[str],
    roots: Mapping[Axis, int],
    loops: Collection[int],
) -> int | None:
    """The class that data have and parameters do not, most often as the first axis.

    Of two, the one that a loop runs over are the steps of a sequence.
    """
    data = {name for name in example if name not in claimed}
    of_parameters = {root for (name, _), root in roots.items() if name not in data}
    votes: dict[int, int] = {}
    for (name, axis), root in roots.items():
        if name in data and root not in of_parameters:
            weight = (2, 1)[axis] if axis < 2 else 0
            votes[root] = votes.get(root, 0) + (weight if root not in loops else 0)
    rows = {root for (name, axis), root in roots.items() if name in data and not axis}
    if not rows & {root for root, count in votes.items() if count}:
        for root in votes:  # a loop over samples: each has a label, and several entries
            owned = {np.ndim(example[name]) for (name, k), each in roots.items()
                     if each == root and name in data and not k}  # fmt: skip
            if root in loops and len(owned) > 1 and 1 in owned:
                votes[root] = 2 + max(votes.values())
    if not votes:  # the samples may be parameters as well: they have as many rows as data have
        common: list[int] = []
        for label in sorted(data, key=lambda name: (np.ndim(example[name]), name)):
            shared = roots.get((label, 0))
            owners = {
                name
                for (name, axis), each in roots.items()
                if each == shared and not axis and np.ndim(example[name]) > 1
            }
            if shared is not None and owners - data:
                common.append(shared)
        if common:  # a loop over labels and samples shows it best
            return next((each for each in common if each in loops), common[0])
    return max(votes, key=lambda root: votes[root]) if votes else None


def _classes(
    example: Mapping[str, Any],
    claimed: Sequence[str],
    roots: Mapping[Axis, int],
    ranges: Mapping[str, tuple[int, ...]],
    batch: int | None,
) -> int | None:
    """The class that bounds labels, or the second axis of targets such as one-hot rows."""
    for name, (root, *_) in ranges.items():
        if name not in claimed and root != batch:
            return root
    others = [name for name in example if name not in claimed]
    for name in reversed(others):
        value = example[name]
        own = [roots.get((name, axis)) for axis in range(np.ndim(value))]
        if len(own) == 2 and batch in own:
            rest = [root for root in own if root != batch]
            if rest and rest[0] is not None and name != others[0]:
                return rest[0]
    return None
