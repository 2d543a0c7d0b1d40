"""Where the values of a plan live: constants, arrays bound for good, and reused buffers.

A buffer passes from one value to another only when nothing, no view included, reads the old value
any more. Views of memory that stays where it is (buffers, bound arrays, constants) are made once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.engine.graph import Graph, Node
from chainrule.engine.primitive import CONSTANT, PLACEHOLDER, SELECT


def root_of(node: Node) -> Node:
    """The node whose memory a value may look into."""
    while node.primitive.view or node.primitive is SELECT:
        if type(node.inputs[0]) is not Node:
            return node
        node = node.inputs[0]
    return node


def constants_of(graph: Graph) -> dict[int, Any]:
    """Values, by node index, of the nodes that depend on no input."""
    found: dict[int, Any] = {}
    for node in graph.nodes:
        if node.primitive is CONSTANT:
            found[node.index] = node.inputs[0]
        elif node.primitive is not PLACEHOLDER and all(
            type(x) is not Node or x.index in found for x in node.inputs
        ):
            found[node.index] = node.value
    return found


class Storage:
    """Memory that stays where it is from call to call.

    Parameters
    ----------
    graph : Graph
    constants : dict of int to value
        From `constants_of`.
    bound : mapping of int to ndarray
        Arrays in which the values of certain nodes live: inputs that are read there, results that
        are written there.
    reuse : bool
        Whether other values may live in buffers.

    Attributes
    ----------
    fixed : dict of int to ndarray
        By node index, the array that holds the node's value, or will hold it once it is computed.
    buffers : list of ndarray
        Made here.
    """

    def __init__(
        self,
        graph: Graph,
        constants: Mapping[int, Any],
        bound: Mapping[int, np.ndarray],
        reuse: bool,
    ) -> None:
        self.fixed: dict[int, np.ndarray] = dict(bound)
        self.fixed.update((i, x) for i, x in constants.items() if type(x) is np.ndarray)
        self.buffers: list[np.ndarray] = []
        self.number: dict[int, int] = {}  # node -> buffer that it is written to
        self._reuse = reuse
        self._free: dict[Any, list[int]] = {}
        self._holds: dict[int, int] = {}  # root -> buffer
        self._kept = {root_of(x).index for x in graph.outputs if type(x) is Node}
        last: dict[int, int] = {}
        for node in graph.nodes:
            for operand in node.parents:
                last[root_of(operand).index] = node.index
        self._dies: dict[int, list[int]] = {}
        for root, reader in last.items():
            self._dies.setdefault(reader, []).append(root)
        self._read = last

    def place(self, node: Node, writable: bool, in_place: bool) -> None:
        """Decide where a value lives; to be called in the order of the nodes.

        Parameters
        ----------
        node : Node
        writable : bool
            Its statement can write into a given array.
        in_place : bool
            That array may be one of its own operands.
        """
        index = node.index
        free = index not in self.fixed and not self._look_into(node)
        if free and self._reuse and writable and index not in self._kept:
            number = self._take(node, in_place)
            self.number[index] = self._holds[index] = number
            self.fixed[index] = self.buffers[number]
        for root in self._dies.get(index, ()):
            if root != index and root in self._holds:
                self._release(root)
        if index in self._holds and index not in self._read:
            self._release(index)

    def _look_into(self, node: Node) -> bool:
        """Make a view of memory that stays where it is, once and for all."""
        inputs = node.inputs
        if not node.primitive.view or len(inputs) != 1 or type(inputs[0]) is not Node:
            return False
        base = self.fixed.get(inputs[0].index)
        if base is None:
            return False
        view = node.primitive.evaluate(base, **node.params)  # type: ignore[misc]
        if type(view) is not np.ndarray or not np.may_share_memory(view, base):
            return False
        self.fixed[node.index] = view
        return True

    def _take(self, node: Node, in_place: bool) -> int:
        """A buffer: that of an operand that dies here, a free one, or a new one."""
        key = _key(node.value)
        if in_place:
            dying = self._dies.get(node.index, ())
            for operand in node.parents:
                number = self._holds.get(operand.index)
                if (
                    number is not None
                    and operand.index in dying
                    and _key(self.buffers[number]) == key
                ):
                    del self._holds[operand.index]
                    return number
        free = self._free.get(key)
        if free:
            return free.pop()
        self.buffers.append(np.empty_like(node.value))
        return len(self.buffers) - 1

    def _release(self, root: int) -> None:
        number = self._holds.pop(root)
        self._free.setdefault(_key(self.buffers[number]), []).append(number)


def _key(value: np.ndarray) -> Any:
    return value.shape, value.dtype, value.strides
