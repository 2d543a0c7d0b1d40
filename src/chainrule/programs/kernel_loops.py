"""Loops of machine-code kernels: elementwise statements and reductions that run together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from chainrule.engine.graph import Node
from chainrule.programs.kernel_views import element


def nest(
    lines: Sequence[str],
    shape: tuple[int, ...],
    around: Mapping[int, tuple[Sequence[str], Sequence[str]]] | None = None,
) -> list[str]:
    """Statements within loops over the indices ``i0``, ``i1``, … of a shape.

    Parameters
    ----------
    lines : sequence of str
    shape : tuple of int
    around : mapping of int to (before, after), optional
        Statements before and after the loop over an axis, by the number of that axis.
    """
    made = list(lines)
    for axis in reversed(range(len(shape))):
        before, after = (around or {}).get(axis, ((), ()))
        loop = [f"for i{axis} in range({shape[axis]}):", *(f"    {line}" for line in made)]
        made = [*before, *loop, *after]
    return made


class Loop:
    """Values of one shape that are computed together, and reductions over them.

    Attributes
    ----------
    values : dict of int to (Node, expression)
    reductions : list of Reduction
    later : dict of int to str
        Statements about numbers that follow the loops, by node; empty for a reduction.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.values: dict[int, tuple[Node, str]] = {}
        self.reductions: list[Reduction] = []
        self.later: dict[int, str] = {}

    def covers(self, node: Node) -> bool:
        """Whether a node reads values of the loop while it runs."""
        return node.index in self.values or any(r.node is node for r in self.reductions)


class Reduction:
    """A sum, mean, largest or smallest over axes of what a loop computes.

    Parameters
    ----------
    node : Node
        With the parameters ``axis`` and ``keepdims``.
    shape : tuple of int
        What the loop runs over.
    operand : str
        What is reduced.
    home : str or None
        The array of the result; None for a number, which goes to ``t<index>``.
    start : str
        What the result of nothing is, such as 0.
    kind : str
        Name of the result's type.
    """

    def __init__(
        self,
        node: Node,
        shape: tuple[int, ...],
        operand: str,
        home: str | None,
        start: str,
        kind: str,
    ) -> None:
        self.node = node
        self._shape = shape
        self._operand = operand
        self._home = home
        self._start = start
        self._kind = kind
        rank, axis = len(shape), node.params.get("axis")
        axes = range(rank) if axis is None else [axis] if isinstance(axis, int) else axis
        self._reduced = {k % rank for k in axes}
        kept = [k for k in range(rank) if k not in self._reduced]
        self._trailing = kept == list(range(len(kept)))
        #: Before the loop over which axis it begins.
        self.level = len(kept) if self._trailing and len(kept) < rank else 0
        self._count = math.prod(shape[k] for k in self._reduced)

    def _target(self) -> list[str]:
        """The index of the result within the loop."""
        keep = self.node.params.get("keepdims")
        index = []
        for k in range(len(self._shape)):
            if k not in self._reduced:
                index.append(f"i{k}")
            elif keep:
                index.append("0")
        return index

    def code(self) -> tuple[list[str], list[str], list[str]]:
        """Statements before the loop, within it, and after it."""
        name = f"r{self.node.index}"
        if self._trailing and self._reduced:
            wide = "float(" if self.node.primitive.name in ("sum", "mean") else f"{self._kind}("
            before = [f"{name} = {wide}{self._start})"]
            result = f"{self._kind}({self._finished(name)})"
            if self._home is None:
                after = [f"t{self.node.index} = {result}"]
            else:
                after = [f"{element(self._home, self._target())} = {result}"]
            return before, [f"{name} = {self._step(name)}"], after
        home = str(self._home)
        place = element(home, self._target())
        after = []
        if self.node.primitive.name == "mean":
            index = [f"i{k}" for k in range(len(self.node.shape))]
            where = element(home, index)
            after = nest([f"{where} = {self._kind}({where} / {self._count})"], self.node.shape)
        return [f"{home}[...] = {self._start}"], [f"{place} = {self._step(place)}"], after

    def _step(self, total: str) -> str:
        new = self._operand
        name = self.node.primitive.name
        if name == "max":
            return f"{new} if {new} > {total} or {new} != {new} else {total}"
        if name == "min":
            return f"{new} if {new} < {total} or {new} != {new} else {total}"
        return f"{total} + {new}"

    def _finished(self, total: str) -> str:
        return f"{total} / {self._count}" if self.node.primitive.name == "mean" else total
