"""Repeated parts of a graph: layers of the same shape, turns of a loop.

Two stretches of operations are the same when each operation has the same primitive, parameters and
shapes, and reads the same places: the same earlier neighbour, the same outside value, or its own
parameter.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np

from chainrule.engine.graph import Node, shape_of


class Repeat(NamedTuple):
    """A stretch of operations that occurs several times in a row.

    Attributes
    ----------
    blocks : list of list of Node
        The operations of every occurrence, equally many in each.
    leaves : list of list of Node
        The inputs of the function that only this occurrence reads, equally many in each.
    """

    blocks: list[list[Node]]
    leaves: list[list[Node]]


def find_repeats(nodes: list[Node], least: int = 3) -> list[Repeat]:
    """Repeated stretches of a graph's forward nodes, those that save most cards first taken.

    Parameters
    ----------
    nodes : list of Node
        In creation order.
    least : int
        How often a stretch must occur to be reported.
    """
    operations = [node for node in nodes if node.inputs]
    place = {node.index: i for i, node in enumerate(operations)}
    signs = [_sign(node) for node in operations]
    runs: list[tuple[int, int, int, int]] = []
    for period in _periods(signs):
        start = 0
        while start + period < len(operations):
            length = 0
            while start + period + length < len(operations) and _same(
                operations, signs, place, start + length, period, start
            ):
                length += 1
            if length:
                begin, count = _begin(operations, start, length, period)
                if count >= least:
                    runs.append((-(count - 1) * period, period, begin, count))
            start += length + 1
    chosen: list[Repeat] = []
    taken = [False] * len(operations)
    users = _users(nodes)
    for _, period, begin, count in sorted(runs):
        stop = begin + period * count
        if any(taken[begin:stop]):
            continue
        taken[begin:stop] = [True] * (stop - begin)
        blocks = [operations[at : at + period] for at in range(begin, stop, period)]
        chosen.append(Repeat(blocks, _own_leaves(blocks, users)))
    return sorted(chosen, key=lambda repeat: repeat.blocks[0][0].index)


class _Constant(NamedTuple):
    """A constant operand, with a value as a node has one."""

    value: Any


def _sign(node: Node) -> tuple[Any, ...]:
    """What an operation must share with its counterpart in another block."""
    operands = tuple(
        len(x.value) if isinstance(x.value, tuple) else shape_of(x.value)
        for x in (y if type(y) is Node else _Constant(y) for y in node.inputs)
    )
    shape = () if isinstance(node.value, tuple) else node.shape
    # the turns of a loop read x[0], x[1], …: positions may differ, the kind of index may not
    params = [
        (key, re.sub(r"\d+", "#", repr(value)) if key == "index" else repr(value))
        for key, value in node.params.items()
    ]
    return (node.primitive.name, shape, tuple(params), operands)


def _periods(signs: list[tuple[Any, ...]]) -> list[int]:
    """Distances at which the same sign recurs: only these can be periods."""
    last: dict[tuple[Any, ...], list[int]] = {}
    found: dict[int, int] = {}
    for i, sign in enumerate(signs):
        earlier = last.setdefault(sign, [])
        for j in earlier[-6:]:
            found[i - j] = found.get(i - j, 0) + 1
        earlier.append(i)
    return sorted(period for period, times in found.items() if times >= period)


def _same(
    operations: list[Node],
    signs: list[Any],
    place: dict[int, int],
    i: int,
    period: int,
    start: int,
) -> bool:
    """Whether operation ``i`` is to its block what its counterpart is to the next block.

    What the blocks hand on to each other, the first block, from ``start``, gets from outside.
    """
    if signs[i] != signs[i + period]:
        return False
    for a, b in zip(operations[i].inputs, operations[i + period].inputs, strict=True):
        before = place.get(a.index, -1) if type(a) is Node else -1
        if type(b) is Node and b.index in place and a is not b:
            counterpart = place[b.index] - period
            if before != counterpart and (counterpart >= start or before >= start):
                return False
            if counterpart <= start - period or counterpart < i - 2 * period:
                return False
        elif type(b) is Node and a is not b:
            if type(a) is not Node or before >= 0:
                return False
        elif type(b) is not Node and not (type(a) is not Node and (np.shape(a) or a == b)):
            return False
    return True


def _begin(operations: list[Node], start: int, length: int, period: int) -> tuple[int, int]:
    """Where a run's blocks begin, at the first line of a loop's body, and how many there are."""
    best = (start, length // period + 1)
    for shift in range(1, period):
        node, first = operations[start + shift], operations[best[0]]
        count = (length - shift) // period + 1 if length > shift else 1
        if node.code is first.code and node.instruction < first.instruction and count >= 3:
            best = (start + shift, count)
    return best


def _users(nodes: list[Node]) -> dict[int, set[int]]:
    users: dict[int, set[int]] = {}
    for node in nodes:
        for operand in node.parents:
            users.setdefault(operand.index, set()).add(node.index)
    return users


def _own_leaves(blocks: list[list[Node]], users: dict[int, set[int]]) -> list[list[Node]]:
    """For every block the inputs that it alone reads, where the others read their own as well.

    The network's own input, which the first layer reads in place of an earlier layer, is none.
    """
    inside = [{node.index for node in block} for block in blocks]
    found: list[dict[int, Node]] = [{} for _ in blocks]
    for operations in zip(*blocks, strict=True):
        for operands in zip(*(node.inputs for node in operations), strict=True):
            if all(
                type(x) is Node and not x.inputs and users[x.index] <= own
                for x, own in zip(operands, inside, strict=True)
            ):
                for leaves, operand in zip(found, operands, strict=True):
                    leaves[operand.index] = operand
    return [list(leaves.values()) for leaves in found]
