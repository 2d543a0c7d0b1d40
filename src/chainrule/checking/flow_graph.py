"""Layers and activations of a traced loss: which parameters are used where, and by which units."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from chainrule.checking.argument_names import number_of
from chainrule.checking.flow_layers import Layer, UnitCounts
from chainrule.engine.backward import pull_back
from chainrule.engine.graph import Graph, Node
from chainrule.programs.rewrites import is_elementwise

_SUMS = frozenset({"add", "subtract"})
_LINEAR = _SUMS | {"negative", "multiply", "divide", "quotient", "astype"}


class Group(NamedTuple):
    """The parameters of one layer."""

    name: str
    nodes: tuple[Node, ...]
    labels: tuple[str, ...]


def groups_of(graph: Graph, parameters: Sequence[Node]) -> list[Group]:
    """Parameters by layer, in the order in which the loss uses them first.

    Parameters of one dict, tuple or object inside the tree are a layer; of those beside each other,
    those that end in the same number (``W1``, ``b1``) or stand at the same place of lists of equals
    (``W[1]``, ``b[1]``).
    """
    users = graph.users()
    labels = [node.name or f"input{node.index}" for node in parameters]
    every = _below_the_trunk([_keys(label) for label in labels])
    beside: dict[tuple[str, ...], list[tuple[str, int]]] = {}
    for node, keys in zip(parameters, every, strict=True):
        beside.setdefault(keys[:-1], []).append((keys[-1], len(node.shape)))
    found: dict[str, list[tuple[Node, str]]] = {}
    for node, keys, label in zip(parameters, every, labels, strict=True):
        layer, own = _split(keys, beside[keys[:-1]], label)
        found.setdefault(layer, []).append((node, own))
    groups = [
        Group(name, tuple(node for node, _ in members), tuple(own for _, own in members))
        for name, members in found.items()
    ]

    def first_use(group: Group) -> int:
        uses = [users[node.index][0].index for node in group.nodes if users[node.index]]
        return min(uses, default=len(graph.nodes))

    return sorted(groups, key=first_use)


def _keys(label: str) -> tuple[str, ...]:
    """``params['linear1'][0]`` -> linear1, 0; ``w`` -> w."""
    found = re.findall(r"\['([^']*)'\]|\[(\d+)\]|\.(\w+)", label)
    return tuple(next(filter(None, x)) for x in found) or (label,)


def _below_the_trunk(every: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Without the keys that all begin with: one dict that holds all others is no layer."""
    while len({keys[0] for keys in every}) == 1 and all(len(keys) > 1 for keys in every):
        inner = [keys[1:] for keys in every]
        ends = not any(len(keys) > 1 or number_of(keys[0]) for keys in inner)
        if ends or inner[0][0].isdigit():  # the items of a list keep its name
            break
        every = inner
    return every


def _split(keys: tuple[str, ...], beside: Sequence[tuple[str, int]], label: str) -> tuple[str, str]:
    """A parameter's layer, and its name there: linear1, W for ``linear1.W``; layer 1, W1 for W1.

    ``beside`` are the last keys and the numbers of axes of what stands in the same container.
    """
    *outer, own = keys
    if own.isdigit():
        if not outer:
            return label, label
        ranks = {rank for _, rank in beside}  # (W, b) are a layer, [W, W] are one each
        if len(beside) > 1 and len(ranks) == 1 and not number_of(outer[-1]):
            return ".".join([*outer[:-1], f"layer {own}"]), f"{outer[-1]}[{own}]"
        return ".".join(outer), own
    number = number_of(own)
    numbers = {number_of(name) for name, _ in beside} - {""}
    if outer and len(numbers) < 2:
        return ".".join(outer), own
    return ".".join([*outer, f"layer {number}" if number else own]), own


class Activation(NamedTuple):
    """An elementwise function inside a network: where it starts and ends, and whose layer it is."""

    start: Node
    end: Node
    inside: tuple[bool, ...]
    group: int


def activations_of(graph: Graph, groups: Sequence[Group]) -> list[Activation]:
    """Activations behind a layer and before a later one.

    What lies behind the last layer belongs to the loss.
    """
    forward = [node for node in graph.nodes if node.of is None]
    latest = _latest_groups(forward, groups)
    users = graph.users()
    needed = _needed_later(forward, groups, latest)
    found: dict[int, Activation] = {}
    for end in forward:
        if not _is_end(end, users[end.index]) or not needed[end.index] or latest[end.index] < 0:
            continue
        chain = _chain(end, forward)
        for start in _starts(chain, forward, end):
            if latest[start.index] >= 0 and start.index not in found:
                found[start.index] = Activation(start, end, tuple(chain), latest[start.index])
    return list(found.values())


def _is_end(node: Node, users: Sequence[Node]) -> bool:
    """Whether an elementwise computation ends at a node: something else reads it."""
    return (
        is_elementwise(node.primitive)
        and isinstance(node.value, np.ndarray)
        and node.value.ndim >= 2
        and node.value.dtype.kind == "f"
        and any(
            user.of is None and not (is_elementwise(user.primitive) and user.shape == node.shape)
            for user in users
        )
    )


def _chain(end: Node, forward: Sequence[Node]) -> list[bool]:
    """Nodes of one shape from which ``end`` is computed element by element."""
    inside = [False] * len(forward)
    inside[end.index] = True
    for node in reversed(forward[: end.index + 1]):
        if inside[node.index] and is_elementwise(node.primitive):
            for operand in node.parents:
                if operand.shape == end.shape and operand.dtype.kind == "f":
                    inside[operand.index] = True
    return inside


def _starts(chain: Sequence[bool], forward: Sequence[Node], end: Node) -> list[Node]:
    """Pre-activations: values up to which all is linear, read by a function that is not."""
    linear: set[int] = set()
    found: dict[int, Node] = {}
    for node in forward[: end.index + 1]:
        if not chain[node.index]:
            continue
        inside = {x.index: x for x in node.parents if chain[x.index]}
        if not inside or not is_elementwise(node.primitive):
            linear.add(node.index)
        elif node.primitive.name not in _LINEAR or _divides_by(node, inside):
            found.update({i: x for i, x in inside.items() if i in linear})
        elif inside.keys() <= linear and (len(inside) == 1 or node.primitive.name in _SUMS):
            linear.add(node.index)
    return list(found.values())


def _divides_by(node: Node, inside: Mapping[int, Node]) -> bool:
    divisor = node.inputs[-1] if node.primitive.name in ("divide", "quotient") else None
    return isinstance(divisor, Node) and divisor.index in inside


def _latest_groups(forward: Sequence[Node], groups: Sequence[Group]) -> list[int]:
    """For every node the last layer that it depends on, -1 for none."""
    number = {node.index: i for i, group in enumerate(groups) for node in group.nodes}
    latest = [-1] * len(forward)
    for node in forward:
        inherited = max((latest[x.index] for x in node.parents), default=-1)
        latest[node.index] = max(inherited, number.get(node.index, -1))
    return latest


def _needed_later(
    forward: Sequence[Node], groups: Sequence[Group], latest: Sequence[int]
) -> list[bool]:
    """Whether a node is an operand of what depends on a later layer than it does."""
    needed = [False] * len(forward)
    for node in reversed(forward):
        for operand in node.parents:
            if needed[node.index] or latest[node.index] > latest[operand.index]:
                needed[operand.index] = True
    return needed


def count_units(graph: Graph, found: Sequence[Activation], layers: Sequence[Layer]) -> None:
    """Add what the activations do on the graph's batch to their layers."""
    forward = [node for node in graph.nodes if node.of is None]
    for activation in found:
        slopes: list[np.ndarray] = []

        def keep(node: Node, g: np.ndarray, at: Activation = activation) -> None:
            if node is at.start:
                slopes.append(np.asarray(g, float))  # noqa: B023  (called in this iteration)

        pull_back(
            forward,
            [(activation.end, np.ones_like(activation.end.value))],
            [],
            activation.inside,
            watch=keep,
        )
        if not slopes:
            continue
        slope = slopes[0]
        layer = layers[activation.group]
        if layer.units is None:
            layer.units = UnitCounts(np.zeros(slope.shape[1], bool))
        if layer.units.alive.shape == (slope.shape[1],):
            layer.units.add(slope, _slope_at_zero(activation, forward))


def _slope_at_zero(activation: Activation, forward: Sequence[Node]) -> float:
    """The largest derivative of an activation whose argument is 0; 0 where that means nothing.

    The chain from start to end is replayed with zeros for what is computed from the start alone.
    """
    values: dict[int, np.ndarray] = {activation.start.index: np.zeros_like(activation.start.value)}
    copies: dict[int, Node] = {}
    with np.errstate(all="ignore"):
        for node in forward[activation.start.index : activation.end.index + 1]:
            if node is activation.start:
                value = values[node.index]
            elif any(x.index in values for x in node.parents):
                if not is_elementwise(node.primitive):
                    return 0.0  # a mean over the batch: the argument is not free to be 0
                operands = [
                    values.get(x.index, x.value) if isinstance(x, Node) else x for x in node.inputs
                ]
                value = node.primitive.evaluate(*operands, **node.params)  # type: ignore[misc]
                values[node.index] = value
            else:
                continue
            copies[node.index] = _with_value(node, value)
        end = copies[activation.end.index]
        nodes = [copies.get(node.index, node) for node in forward]
        for node in copies.values():
            node.inputs = [
                copies.get(x.index, x) if isinstance(x, Node) else x for x in node.inputs
            ]
            node.operands = [x.value if isinstance(x, Node) else x for x in node.inputs]
        seen: list[np.ndarray] = []

        def keep(node: Node, g: np.ndarray) -> None:
            if node.index == activation.start.index:
                seen.append(np.abs(np.asarray(g, float)))

        pull_back(nodes, [(end, np.ones_like(end.value))], [], activation.inside, watch=keep)
    return float(seen[0].max()) if seen and np.all(np.isfinite(seen[0])) else 0.0


def _with_value(node: Node, value: np.ndarray) -> Node:
    return Node(
        node.index, node.primitive, node.inputs, node.operands, node.params, value, node.code,
        node.instruction, node.of,
    )  # fmt: skip
