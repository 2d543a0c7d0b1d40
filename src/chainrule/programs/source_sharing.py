"""Variables that hold several values in turn: arrays that are assigned into, sums that add up.

A graph never overwrites anything. A program that a person writes does, where nobody needs the old
value any more; this finds out where that is so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from chainrule.engine.graph import Graph, Node
from chainrule.engine.primitive import PLACEHOLDER
from chainrule.programs.rewrites import is_elementwise

WRITES = ("assign", "index_add")


class Sharing(NamedTuple):
    """Values that live in the variable of another one, because nobody needs that one any more.

    Attributes
    ----------
    holder : dict of int to int
        For such a value the one whose variable it is.
    first : dict of int to list of Node
        For an assignment in place, what must be read from the array before.
    """

    holder: dict[int, int]
    first: dict[int, list[Node]]


def share(graph: Graph, uses: Sequence[int]) -> Sharing:
    """Which assignments may overwrite their array, and which sums may add up in one variable."""
    holder: dict[int, int] = {}
    first: dict[int, list[Node]] = {}
    fixed = {x.index for x in graph.outputs if type(x) is Node}
    fixed |= {guard.node.index for guard in graph.guards}
    users = graph.users()
    constant = without_inputs(graph)
    for node in graph.nodes:
        if node.primitive.name not in WRITES or type(node.inputs[0]) is not Node:
            continue
        base = node.inputs[0]
        readers = [reader for reader in users[base.index] if reader is not node]
        if base.index in fixed or not _is_new(base) or base in node.parents[1:]:
            continue
        if base.index in constant and base.primitive.name not in _ALIKE:
            continue
        if all(_reads_before(reader, node, base) for reader in readers):
            holder[node.index] = holder.get(base.index, base.index)
            first[node.index] = [reader for reader in readers if reader.index > node.index]
    for node in reversed(graph.nodes):
        if node.of is not None and node.primitive.name == "add":
            part = node.inputs[0]
            single = type(part) is Node and part.of is not None and uses[part.index] == 1
            if single and part.index not in holder and part.primitive.name in _SUMMED:
                holder[part.index] = holder.get(node.index, node.index)
    return Sharing(holder, first)


def without_inputs(graph: Graph) -> set[int]:
    """Nodes that depend on no input, by index."""
    found: set[int] = set()
    for node in graph.nodes:
        if node.primitive is not PLACEHOLDER and all(x.index in found for x in node.parents):
            found.add(node.index)
    return found


# Arrays that programs make after the likeness of another one, so that they can be traced again.
_ALIKE = ("constant", "scatter", *WRITES)
_SUMMED = ("add", "subtract", "multiply", "divide", "matmul", "outer", "sum", "tensordot")


def _reads_before(reader: Node, write: Node, base: Node) -> bool:
    """Whether a reader of an array has what it needs before the array is written to."""
    if isinstance(reader.value, tuple) or (
        reader.primitive.view and isinstance(reader.value, np.ndarray)
    ):
        return False
    if reader.index < write.index:
        return True
    return reader.primitive.name == "getitem" and reader.parents == [base]


def _is_new(node: Node) -> bool:
    if not isinstance(node.value, np.ndarray):
        return False
    return node.primitive.name in ("copy", *_ALIKE) or is_elementwise(node.primitive)
