"""One probe under examination: its traced loss, its backward pass, and what the user claims."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.checking.numerical import CANCELLED
from chainrule.checking.replay import Pass, Replay
from chainrule.checking.sizes import Sizes
from chainrule.engine.graph import Graph, Node
from chainrule.programs.names import node_names

#: How close a replayed gradient must come to the claimed one to explain it.
EXACT = 1e-7
_EXACT_SINGLE = 3e-5
#: Of what a loss divides by: loops divide in every pass.
_MOST_DIVISORS = 12


class Trial:
    """A probe, with everything that hypotheses are made from.

    Parameters
    ----------
    graph : Graph
        The loss traced at the probe.
    point : mapping of str to object
    sizes : mapping of str to int
        By symbol.
    symbols : Sizes
    claims : mapping of str to array
        What the user's gradient returned at the probe, by parameter.
    single : bool
        The claims were computed in single precision.

    Attributes
    ----------
    has_steps : bool
        The graph is that of the loss, not of a stand-in with the same gradient.
    """

    def __init__(
        self,
        graph: Graph,
        point: Mapping[str, Any],
        sizes: Mapping[str, int],
        symbols: Sizes,
        claims: Mapping[str, np.ndarray[Any, Any]],
        single: bool = False,
    ) -> None:
        self.graph = graph
        self.point = point
        self.sizes = sizes
        self.symbols = symbols
        self.claims = {name: np.asarray(value, dtype=float) for name, value in claims.items()}
        self.replay = Replay(graph, list(claims))
        self.has_steps = True
        self._lines: dict[tuple[int, int], int | None] = {}
        self.exact = _EXACT_SINGLE if single else EXACT
        self.scalars = {
            name: value for name, value in point.items() if type(value) is float and value
        }
        self.largest = max(
            (float(np.max(np.abs(value), initial=0.0)) for value in self.claims.values()),
            default=0.0,
        )

    @property
    def batch(self) -> int | None:
        """The batch size."""
        return self.sizes.get(self.symbols.batch or "")

    @cached_property
    def names(self) -> dict[int, str]:
        """A name for every node, the user's where there is one."""
        return node_names(self.graph)

    @cached_property
    def keys(self) -> list[tuple[Any, ...]]:
        """By node: what it is called on every probe, whatever the number of nodes before it."""
        found: list[tuple[Any, ...]] = []
        count: dict[tuple[Any, ...], int] = {}
        for node in self.graph.nodes:
            place = self.place(node)
            found.append((*place, count.get(place, 0)))
            count[place] = count.get(place, 0) + 1
        return found

    def place(self, node: Node) -> tuple[Any, ...]:
        """The instruction that made a node; shared by the passes of a loop."""
        if not node.inputs:
            return (node.name, node.primitive.name)
        return (id(node.code), node.instruction, node.primitive.name)

    @cached_property
    def means(self) -> list[int]:
        """How many elements each mean of the loss runs over."""
        found = []
        for node in self.graph.nodes:
            mean = node.primitive.name in ("mean", "average") and node.inputs
            if mean and np.ndim(node.value) == 0:
                found.append(int(np.size(node.operands[0])))
        return found

    @cached_property
    def divisors(self) -> dict[str, float]:
        """What the loss divides by, by name: sums of weights, counts of what is known or valid; and
        what data sum to, where they are whole numbers.
        """
        found: dict[str, float] = {}
        for node in self.graph.nodes:
            value = self._divisor_at(node)
            if value is not None and np.ndim(value) == 0 and value > 0 and value != 1:
                found[str(self.keys[node.index])] = float(value)
        return dict(itertools.islice(found.items(), _MOST_DIVISORS))

    def _divisor_at(self, node: Node) -> Any:
        """What a node divides by; of data, a number that counts something or is divided by."""
        active = self.replay.active
        if active[node.index]:
            if node.primitive.name != "divide":
                return None
            value, by = node.operands[1], node.inputs[1]
            if isinstance(by, Node):
                return None if active[by.index] or not by.inputs else value
            return value if np.all(value == np.round(value)) else None  # a rate, as dropout's
        if node.shape or not node.inputs:
            return None
        counts = node.primitive.name in ("sum", "count_nonzero") and float(node.value).is_integer()
        divides = (user.primitive.name == "divide" for user in self._users[node.index])
        return node.value if counts or any(divides) else None

    @cached_property
    def _users(self) -> list[list[Node]]:
        return self.graph.users()

    @cached_property
    def totals(self) -> dict[str, float]:
        """What the entries of each array of data sum to, by name."""
        return {
            name: float(np.sum(value))
            for name, value in self.point.items()
            if name not in self.claims
            and isinstance(value, np.ndarray)
            and value.dtype.kind in "fiub"
            and np.sum(value) > 0
        }

    @cached_property
    def sums(self) -> list[int]:
        """Over how many entries the gradient of each broadcast parameter is a sum, and means
        inside of the network run.
        """
        found = []
        inputs = {node.index for node in self.graph.inputs}
        total: dict[int, int] = {}
        entries: dict[int, int] = {}
        for node in self.graph.nodes:
            if node.primitive.name in ("mean", "average") and node.inputs and np.ndim(node.value):
                found.append(int(np.size(node.operands[0]) // max(np.size(node.value), 1)))
            if node.primitive.name in ("add", "subtract"):
                for parent in node.parents:
                    operand = _reshaped(parent)
                    size = max(int(np.size(operand.value)), 1)
                    if operand.index in inputs and np.size(node.value) > size:
                        found.append(int(np.size(node.value)) // size)
                        total[operand.index] = total.get(operand.index, 0) + found[-1]
                    elif operand.primitive.name == "getitem":
                        source = operand.parents[0]
                        if source.index in inputs and np.size(node.value) == size == 1:
                            entries[source.index] = entries.get(source.index, 0) + 1
        each = [n // np.size(self.graph.nodes[k].value) for k, n in entries.items()]
        return [*found, *total.values(), *each]  # a loop may add a bias in every pass

    def matches(self, name: str, found: Any) -> bool:
        """Whether a gradient equals the claim."""
        claim = self.claims[name]
        found = np.asarray(found, dtype=float)
        if claim.shape != found.shape:
            return False
        with np.errstate(all="ignore"):
            gap = float(np.max(np.abs(claim - found), initial=0.0))
            scale = max(
                float(np.max(np.abs(claim), initial=0.0)),
                float(np.max(np.abs(found), initial=0.0)),
            )
        return gap <= self.exact * scale + CANCELLED * self.largest

    def matched(self, state: Pass) -> set[str]:
        """The parameters whose claims a pass reproduces."""
        return {
            name for name in self.claims if self.matches(name, self.replay.gradient(state, name))
        }

    def describe(self, index: int) -> str:
        """A node in the user's words: its name and line."""
        line = self.line(index)
        name = self.names.get(index, self.graph.nodes[index].primitive.name)
        return f"{name} (line {line})" if line is not None else name

    def line(self, index: int) -> int | None:
        """The user's line that made a node; a loop makes many in one place."""
        node = self.graph.nodes[index]
        place = (id(node.code), node.instruction)
        if place not in self._lines:
            where = node.where
            self._lines[place] = where.line if where is not None else None
        return self._lines[place]


def _reshaped(node: Node) -> Node:
    """What a value was before it was given another shape."""
    while node.primitive.name in ("reshape", "expand_dims", "getitem", "transpose"):
        before = node.parents[0]
        if np.size(before.value) != np.size(node.value):
            return node
        node = before
    return node
