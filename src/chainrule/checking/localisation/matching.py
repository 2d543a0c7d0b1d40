"""Which true quantity a value equals, up to a factor and a transposition."""

from __future__ import annotations

import bisect
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.checking.localisation.quantities import KINDS, Quantity, as_numbers
from chainrule.engine.graph import Graph, Node

_LARGEST = 2**20  # numbers that are compared at once
EXACT = 1e-7  # relative, as for causes: far below what any mistake changes


class Match(NamedTuple):
    """``value = scale * quantity``, transposed or not."""

    quantity: Quantity
    scale: float
    transposed: bool

    @property
    def exact(self) -> bool:
        """Whether the value is the quantity itself."""
        return abs(self.scale - 1.0) <= EXACT


class Matcher:
    """Compares values with all quantities of their shape at once.

    Parameters
    ----------
    quantities : sequence of Quantity
    scales : iterable of float
        Factors that a person may leave for later; single numbers and masks are compared up to
        these alone, larger arrays up to any factor.
    usual : iterable of float
        Those that the loss itself has.
    shared : collection of (filename, function)
        Functions that the loss runs too.
    of_loss : collection of (filename, line)
        The lines that the loss is computed on.
    """

    def __init__(
        self,
        quantities: Sequence[Quantity],
        scales: Iterable[float],
        usual: Iterable[float] = (1.0,),
        shared: Collection[tuple[str, str]] = (),
        of_loss: Collection[tuple[str, int]] = (),
    ) -> None:
        self.quantities = quantities
        self.of_loss = of_loss
        self.usual = tuple(usual)
        self.shared = shared
        self.scales = sorted(set(scales))
        grouped: dict[tuple[int, ...], list[Quantity]] = {}
        for quantity in quantities:
            grouped.setdefault(squeezed(quantity.value.shape), []).append(quantity)
        self.groups = grouped
        self._rows: dict[tuple[int, ...], tuple[np.ndarray, np.ndarray]] = {}

    def of_shape(self, shape: tuple[int, ...]) -> list[Quantity]:
        """Quantities of a shape, axes of length one aside."""
        return self.groups.get(squeezed(shape), [])

    def is_natural(self, scale: float) -> bool:
        """Whether a factor is one of those that may be left for later."""
        return self._is_scale(scale) or self.is_usual(abs(scale))

    def _is_scale(self, scale: float) -> bool:
        place = bisect.bisect(self.scales, scale)
        beside = self.scales[max(place - 1, 0) : place + 1]
        return any(abs(scale - s) <= 1e-6 * abs(s) for s in beside)

    def is_piece(self, value: np.ndarray) -> bool:
        """Whether an array is a row of a value of the loss, or has all rows of one as its own."""
        for quantity in self.quantities:
            rows = quantity.value
            if quantity.kind not in ("forward", "input") or not rows.size > 1 or not value.size > 1:
                continue
            if rows.ndim > value.ndim and rows.shape[rows.ndim - value.ndim :] == value.shape:
                few, many = value.reshape(1, -1), rows.reshape(-1, value.size)
            elif value.ndim > rows.ndim >= 2 and rows.shape[-1] == value.shape[-1]:
                few, many = (x.reshape(-1, rows.shape[-1]) for x in (rows, value))
            else:
                continue
            if _are_among(few, many):
                return True
        return False

    def is_usual(self, scale: float) -> bool:
        """Whether a factor is one, or one that the loss has."""
        return any(abs(scale - s) <= 1e-6 * s for s in self.usual)

    def matches(self, value: Any) -> list[Match]:
        """Every quantity that a value is a multiple of, the plainest first."""
        array = as_numbers(value)
        if array is None or not np.all(np.isfinite(array)) or not np.any(array):
            return []
        shape = squeezed(array.shape)
        found = self._in_group(array.reshape(shape), shape, False)
        if len(shape) == 2:
            found += self._in_group(array.reshape(shape).T, shape[::-1], True)
        found.sort(key=self._plainness)
        return found

    def _in_group(self, array: np.ndarray, shape: tuple[int, ...], transposed: bool) -> list[Match]:
        group = self.groups.get(shape)
        if not group:
            return []
        if shape not in self._rows:
            rows = np.stack([q.value.reshape(-1) for q in group])
            self._rows[shape] = rows, np.sqrt(np.sum(rows * rows, axis=1))
        rows, norms = self._rows[shape]
        flat = array.reshape(-1)
        norm = float(np.sqrt(flat @ flat))
        with np.errstate(all="ignore"):
            likeness = np.abs(rows @ flat) / (norms * norm)
        found = []
        for number in np.flatnonzero(likeness > 1 - 1e-9):
            row = rows[number]
            scale = float(row @ flat) / float(norms[number] ** 2)
            if np.max(np.abs(flat - scale * row)) > EXACT * np.max(np.abs(flat)):
                continue
            if abs(scale - 1) < EXACT:
                scale = 1.0
            elif _is_flat(row) and not self._is_scale(scale):
                continue
            found.append(Match(group[number], scale, transposed))
        return found

    def _plainness(self, match: Match) -> tuple[Any, ...]:
        return (
            not match.exact,
            match.transposed and match.quantity.value.shape[0] == match.quantity.value.shape[-1],
            not self.is_natural(match.scale),
            KINDS.index(match.quantity.kind),
        )


def _are_among(few: np.ndarray, many: np.ndarray) -> bool:
    """Whether each row of an array is a row of another."""
    if len(few) * many.size > _LARGEST:
        return False
    gaps = np.abs(few[:, None] - many[None]).max(axis=2).min(axis=1)
    return bool(np.all(gaps <= EXACT * np.abs(few).max()))


def squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without its axes of length one."""
    return tuple(size for size in shape if size != 1)


def _is_flat(row: np.ndarray) -> bool:
    """Whether an array says too little for an arbitrary factor: one number, or zeros and ones."""
    if row.size < 2:
        return True
    nonzero = row[row != 0]
    return nonzero.size < 2 or bool(np.all(nonzero == nonzero[0]))


def batch_sizes(graph: Graph, parameters: Mapping[str, Any]) -> set[int]:
    """Sizes of the inputs that are not differentiated: one of them counts the samples."""
    return {
        size
        for node in graph.inputs
        if node.name not in parameters and isinstance(node.value, np.ndarray)
        for size in node.value.shape
    }


def usual_scales(graph: Graph) -> list[float]:
    """One, and the numbers that a loss divides by: those of its means, and constants."""
    counts = [1.0]
    for node in needed_nodes(graph):
        if node.of is not None:
            continue
        if node.primitive.name in ("mean", "average") and node.parents:
            count = np.size(node.parents[0].value) / max(1, np.size(node.value))
            counts += [count, count / 2]
        elif node.primitive.name in ("divide", "multiply"):
            for operand in node.inputs:
                if not isinstance(operand, Node):
                    counts += _as_scales(operand)
    return counts


def given_scales(graph: Graph, parameters: Collection[str]) -> list[float]:
    """What a loss is multiplied with or divided by, given with the data: weights, sums of masks."""
    varying = {node.index for node in graph.inputs if node.name in parameters}
    found: list[float] = []
    for node in needed_nodes(graph):
        if node.of is not None:
            continue
        if any(parent.index in varying for parent in node.parents):
            varying.add(node.index)
        if node.primitive.name in ("divide", "multiply"):
            for operand in node.parents:
                if operand.index not in varying:
                    found += _as_scales(operand.value)
    return found


def _as_scales(operand: Any) -> list[float]:
    number = abs(float(operand)) if np.ndim(operand) == 0 else 0.0
    return [number, number / 2, 1 / number] if number > 0 else []


def needed_nodes(graph: Graph) -> list[Node]:
    """Without what a function that the loss shares computes beside it, such as a gradient."""
    return graph.ancestors_of([node for node in graph.outputs if isinstance(node, Node)])


def shared_functions(graph: Graph) -> set[tuple[str, str]]:
    """The user's functions that the loss runs, by file and name."""
    return {
        (node.code.co_filename, node.code.co_name)
        for node in graph.nodes
        if node.code is not None and node.of is None
    }


def lines_of_loss(graph: Graph) -> set[tuple[str, int]]:
    """The lines that a loss is computed on, by file."""
    return {
        (node.where.filename, node.where.line)
        for node in needed_nodes(graph)
        if node.of is None and node.where is not None
    }


def natural_scales(graph: Graph, parameters: Mapping[str, Any]) -> list[float]:
    """Factors by which intermediate values of a right gradient may differ from the true ones.

    Parameters
    ----------
    graph : Graph
        The traced loss; its means and the numbers it divides by tell what may be left for later.
    parameters : mapping
        By name; the sizes of the other inputs are counts of samples, outputs, classes.

    Returns
    -------
    list of float
        With both signs, 1 first.
    """
    counts = usual_scales(graph)
    for node in graph.inputs:
        if node.name not in parameters and isinstance(node.value, np.ndarray):
            counts += [float(size) for size in node.value.shape[:2] if size > 1]
            counts.append(float(node.value.size))
    whole = sorted({c for c in counts if c > 1})
    found = {2.0, 0.5, *counts}
    for count in whole:
        found.update((count, count / 2, count * 2))
    ordered = sorted(found, key=lambda s: (s != 1, s))
    return [*ordered, *(-s for s in ordered)]
