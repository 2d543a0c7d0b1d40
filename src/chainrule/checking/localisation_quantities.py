"""The true quantities of a loss: what a value in a hand-written gradient may be meant to be.

From the traced loss and its backward pass: forward values, cotangents, derivatives of elementwise
functions, the addends of which gradients are sums over samples, and a few that the loss itself may
never have formed (probabilities, one-hot labels).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.engine.backward import pull_back
from chainrule.engine.graph import Graph, Node
from chainrule.programs.names import node_names
from chainrule.programs.rewrites import is_elementwise

# What an equal value is called first.
KINDS = (
    "cotangent", "forward", "input", "derivative", "share", "derived", "addends", "backward",
    "constant",
)  # fmt: skip
_OF_COTANGENTS = ("cotangent", "share", "addends")
_LARGEST = 2**18  # elements of a quantity that is formed for comparison only
_MOST_CHAINS = 200
_PRODUCTS = frozenset({"matmul", "dot", "tensordot", "einsum"})


@dataclass(eq=False)
class Quantity:
    """A true value and what it is.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    name : str
        The forward value it belongs to, in the user's names.
    value : ndarray
    meaning : str
        Such as "the cotangent of z1".
    node : Node or None
    named : bool
        The user has a variable for the forward value.
    aliases : list of Quantity
        Others of the same value.
    """

    kind: str
    name: str
    value: np.ndarray
    meaning: str
    node: Node | None = None
    named: bool = True
    aliases: list[Quantity] = field(default_factory=list)

    def is_role(self, kind: str, name: str) -> bool:
        """Whether this is the cotangent (or value) of a name, spelled one way or another."""
        return self.under(kind, name) is not None

    def under(self, kind: str, name: str) -> Quantity | None:
        """The same value as the cotangent, or as the value, of a name."""
        kinds = _OF_COTANGENTS if kind == "cotangent" else (kind,)
        for quantity in (self, *self.aliases):
            if quantity.kind in kinds and same_name(quantity.name, name):
                return quantity
        return None


def same_name(a: str, b: str) -> bool:
    """Whether two names differ in case and underscores only."""
    return a.replace("_", "").lower() == b.replace("_", "").lower()


def quantities(graph: Graph, truth: Mapping[str, Any]) -> list[Quantity]:
    """Everything that a value may be compared with.

    Parameters
    ----------
    graph : Graph
        The traced loss with its backward pass.
    truth : mapping of str to array
        True gradients of the parameters.

    Returns
    -------
    list of Quantity
        Equal values once, under their best name, in the order of `KINDS`.
    """
    names = node_names(graph, "d")
    found = list(_all(graph, names, truth))
    found.sort(key=lambda q: (KINDS.index(q.kind), not q.named))
    kept: list[Quantity] = []
    known: dict[tuple[Any, ...], list[Quantity]] = {}
    for quantity in found:
        value = quantity.value
        same = known.setdefault((value.shape, round_key(value)), [])
        for other in same:
            if np.allclose(other.value, value, 1e-12, 0.0):
                other.aliases.append(quantity)
                break
        else:
            same.append(quantity)
            kept.append(quantity)
    return kept


def round_key(value: np.ndarray) -> str:
    """Equal for arrays that are equal up to rounding, nearly always."""
    return f"{float(np.sum(np.abs(value))):.6e}"


def _all(graph: Graph, names: Mapping[int, str], truth: Mapping[str, Any]) -> Iterator[Quantity]:
    cotangents: dict[int, Node] = graph.cotangents
    for name, value in truth.items():
        array = as_numbers(value)
        if array is not None:
            yield Quantity("cotangent", name, array, f"the gradient of {name}")
    inputs = {node.index for node in graph.inputs}
    for node in graph.nodes:
        array = as_numbers(node.value)
        if array is None:
            continue
        name = names[node.index]
        if node.index in inputs:
            yield Quantity("input", node.name or name, array, name, node)
        elif node.of is None:
            yield Quantity("forward", name, array, name, node)
        else:
            meaning = f"an intermediate value of the backward pass of {names[node.of.index]}"
            yield Quantity("backward", name, array, meaning, node)
        for operand in node.inputs:
            if isinstance(operand, np.ndarray) and operand.ndim and operand.dtype.kind in "fb":
                constant = operand.astype(float)
                yield Quantity("constant", "", constant, "a constant of the loss")
    for index, node in cotangents.items():
        array = as_numbers(node.value)
        if array is not None:
            name = graph.nodes[index].name or names[index]
            if index in inputs:
                # of what is not a parameter: it may well be equal to a cotangent, but for its sign
                kind = "cotangent" if name in truth else "backward"
                yield Quantity(kind, name, array, f"the gradient of {name}", node)
                continue
            quantity = Quantity("cotangent", name, array, f"the cotangent of {name}", node)
            quantity.named = graph.nodes[index].name is not None
            yield quantity
    yield from _shares(graph, names)
    yield from _merged(graph, names)
    yield from _derivatives(graph, names)
    yield from _derived(graph, names)
    yield from _addends(graph, names)
    yield from _stacked(graph, names)


def as_numbers(value: Any) -> np.ndarray | None:
    """A value as an array of float64, if it consists of numbers."""
    if isinstance(value, (np.ndarray, np.generic, float, int)):
        array = np.asarray(value)
        if array.dtype.kind in "fiub" and array.size:
            return array.astype(float)
    return None


def _shares(graph: Graph, names: Mapping[int, str]) -> Iterator[Quantity]:
    """What several uses of one value contribute to its cotangent."""
    for index, node in graph.cotangents.items():
        waiting = [node]
        while waiting:
            addition = waiting.pop()
            if addition.of is None or addition.primitive.name != "add":
                continue
            for operand in addition.parents:
                array = as_numbers(operand.value)
                if array is not None and operand.of is not None and array.shape == node.shape:
                    what = f"a share of the cotangent of {names[index]}"
                    yield Quantity("share", names[index], array, what, operand)
                    waiting.append(operand)


def _merged(graph: Graph, names: Mapping[int, str]) -> Iterator[Quantity]:
    """Cotangents of what the loss computes several times and a person once."""
    same: dict[tuple[Any, ...], list[Node]] = {}
    for node in graph.nodes:
        if node.of is None and node.parents and node.index in graph.cotangents:
            operands = tuple(x.index if isinstance(x, Node) else repr(x) for x in node.inputs)
            key = (node.primitive.name, operands, repr(sorted(node.params.items(), key=str)))
            same.setdefault(key, []).append(node)
    for nodes in same.values():
        values = [as_numbers(graph.cotangents[node.index].value) for node in nodes]
        if len(nodes) > 1 and all(x is not None and x.shape == nodes[0].shape for x in values):
            name = names[nodes[0].index]
            total = np.sum([x for x in values if x is not None], axis=0)
            yield Quantity("cotangent", name, total, f"the cotangent of {name}")


def _derivatives(graph: Graph, names: Mapping[int, str]) -> Iterator[Quantity]:
    """∂a/∂z for every a that is computed from z element by element."""
    forward = [node for node in graph.nodes if node.of is None]
    ends = [
        node
        for node in forward
        if is_elementwise(node.primitive)
        and node.parents
        and isinstance(node.value, (np.ndarray, np.floating))
        and node.value.dtype.kind == "f"
        and node.value.size <= _LARGEST
    ]
    for end in ends[:_MOST_CHAINS]:
        active = [False] * len(forward)
        active[end.index] = True
        for node in reversed(forward[: end.index + 1]):
            if active[node.index] and is_elementwise(node.primitive):
                for operand in node.parents:
                    if operand.shape == end.shape and operand.dtype.kind == "f":
                        active[operand.index] = True
        seen: list[tuple[Node, Any]] = []
        try:
            pull_back(
                forward,
                [(end, np.ones_like(end.value))],
                [],
                active,
                watch=lambda node, g, seen=seen: seen.append((node, g)),  # type: ignore[misc]
            )
        except Exception:  # a function in the chain has no derivative here
            continue
        for node, g in seen:
            array = as_numbers(g)
            if node is not end and array is not None and array.shape == end.shape:
                a, z = names[end.index], names[node.index]
                yield Quantity("derivative", a, array, f"the derivative of {a} by {z}", node)


def _derived(graph: Graph, names: Mapping[int, str]) -> Iterator[Quantity]:
    """Values that a person forms and a loss may skip: probabilities, one-hot labels, masks."""
    widths = set()
    for node in graph.nodes:
        value = node.value
        if node.of is not None or not isinstance(value, np.ndarray) or value.dtype.kind != "f":
            continue
        if value.size > _LARGEST or not 1 <= value.ndim <= 2 or node.index not in graph.cotangents:
            continue
        name = names[node.index]
        if value.ndim == 2:
            widths.update(value.shape)
        with np.errstate(all="ignore"):
            for axis in range(value.ndim):
                shifted = value - value.max(axis=axis, keepdims=True)
                exponential = np.exp(shifted)
                total = exponential.sum(axis=axis, keepdims=True)
                yield Quantity(
                    "derived", f"softmax({name})", exponential / total, f"softmax({name})"
                )
                yield Quantity("derived", f"exp({name})", exponential, f"exp({name} - max)")
                yield Quantity("derived", f"{name} - max", shifted, f"{name} - max")
            sigmoid = 1 / (1 + np.exp(-value))
            yield Quantity("derived", f"sigmoid({name})", sigmoid, f"the logistic of {name}")
            if not np.all(value > 0) and np.any(value > 0):
                mask = (value > 0).astype(float)
                yield Quantity("derivative", name, mask, f"{name} > 0")
    for node in graph.nodes:
        divisor = node.inputs[-1] if node.inputs else None
        if node.of is None and node.primitive.name == "divide" and isinstance(divisor, Node):
            value = as_numbers(divisor.value)
            if value is not None and np.all(value):
                name = f"1 / {names[divisor.index]}"
                yield Quantity("derived", name, 1 / value, name)
    for node in graph.inputs:
        value = node.value
        if isinstance(value, np.ndarray) and value.dtype.kind in "iu" and value.ndim == 1:
            for width in sorted(widths):
                if value.size and value.min() >= 0 and value.max() < width <= 1000:
                    yield Quantity(
                        "derived",
                        f"one-hot {node.name}",
                        np.eye(width)[value],
                        f"one-hot {node.name}",
                    )


def _addends(graph: Graph, names: Mapping[int, str]) -> Iterator[Quantity]:
    """Per-sample shares of a gradient that is a matrix product over samples."""
    belongs = {node.index: index for index, node in graph.cotangents.items()}
    for node in graph.nodes:
        if node.of is None or node.primitive.name not in _PRODUCTS or len(node.operands) < 2:
            continue
        left, right = (as_numbers(x) for x in node.operands[-2:])
        if left is None or right is None or left.ndim != 2 or right.ndim not in (1, 2):
            continue
        if left.shape[1] != right.shape[0] or left.shape[1] < 2:
            continue
        columns = right.reshape(len(right), -1)
        if left.size * columns.shape[1] > _LARGEST:
            continue
        shares = left.T[:, :, None] * columns[:, None, :]
        if right.ndim == 1:
            shares = shares[:, :, 0]
        name = names[belongs.get(node.index, node.of.index)]
        yield Quantity("addends", name, shares, f"a sample's share of the gradient of {name}", node)


def _stacked(graph: Graph, names: Mapping[int, str]) -> Iterator[Quantity]:
    """Values and cotangents of a loop in the loss, one row an iteration."""
    places: dict[tuple[Any, ...], list[Node]] = {}
    nth: dict[tuple[int, str], int] = {}
    for node in graph.nodes:
        if node.code is None or as_numbers(node.value) is None:
            continue
        primitive: tuple[Any, ...] = (node.primitive.name,)
        if node.of is not None:  # the same contribution to the same kind of cotangent
            number = nth[node.of.index, node.primitive.name] = (
                nth.get((node.of.index, node.primitive.name), -1) + 1
            )
            primitive = (node.primitive.name, node.of.primitive.name, number)
        key = (id(node.code), node.instruction, primitive, node.shape)
        places.setdefault(key, []).append(node)
    for nodes in places.values():
        if len(nodes) < 2 or sum(np.size(x.value) for x in nodes) > _LARGEST:
            continue
        nodes.sort(key=lambda x: x.index if x.of is None else x.of.index)
        name = names[nodes[0].index].rstrip("0123456789_")
        rows = np.stack([np.asarray(x.value, float) for x in nodes])
        if nodes[0].of is not None:
            meaning = f"intermediate values of the backward pass of {names[nodes[0].of.index]}"
            yield Quantity("backward", name, rows, meaning)
            continue
        yield Quantity("addends", name, rows, f"{name}, step by step")
        backward = [graph.cotangents[x.index] for x in nodes if x.index in graph.cotangents]
        if len(backward) == len(nodes) and all(x.shape == nodes[0].shape for x in backward):
            rows = np.stack([np.asarray(x.value, float) for x in backward])
            yield Quantity("addends", name, rows, f"the cotangents of {name}, step by step")
