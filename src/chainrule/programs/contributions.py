"""The chain rule at one point, summand by summand: every contribution to every cotangent.

The backward pass (`chainrule.engine.backward.pull_back`) keeps only sums; a picture and a step page
show where each came from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.engine.backward import depends_on, project
from chainrule.engine.errors import InvalidInput, NotDifferentiable
from chainrule.engine.graph import Graph, Node, dtype_of, shape_of
from chainrule.engine.primitive import SELECT, ZERO


class Contribution(NamedTuple):
    """What one operation adds to the cotangent of one of its operands.

    Attributes
    ----------
    user : Node
        The operation.
    position : int
        Which of its operands.
    local : number or None
        The local derivative ∂user/∂operand, where both are numbers.
    value : array or number
        The summand: the cotangent of ``user`` times the local derivative.
    """

    user: Node
    position: int
    local: Any
    value: Any


class ChainRule(NamedTuple):
    """Cotangents and what they are made of, by the forward node's index.

    Attributes
    ----------
    outputs : list of Node
        What is differentiated: the outputs that are floating-point numbers or arrays.
    seeds : dict of int to array
        Where the pass starts.
    cotangents : dict of int to array
        Complete cotangents; nodes that do not reach an output have none.
    contributions : dict of int to list of Contribution
        Their summands besides the seed, in the order of the pass.
    order : list of Node
        The nodes that have a cotangent, in the order in which it was complete.
    """

    outputs: list[Node]
    seeds: dict[int, Any]
    cotangents: dict[int, Any]
    contributions: dict[int, list[Contribution]]
    order: list[Node]


def forward_nodes(graph: Graph) -> list[Node]:
    """The nodes before the backward pass, if the graph holds one.

    A traced function that calls grad has nodes that belong to others too; they are ordinary values
    of it, and the graph has no cotangents.
    """
    if not graph.cotangents:
        return graph.nodes
    for node in graph.nodes:
        if node.of is not None:
            return graph.nodes[: node.index]
    return graph.nodes


def chain_rule(graph: Graph) -> ChainRule:
    """Run the reverse pass on the values of a traced graph and keep every summand.

    Parameters
    ----------
    graph : Graph
        With or without a backward pass of its own, whose choice of outputs is kept.

    Raises
    ------
    InvalidInput
        No floating-point output depends on an input, or values have been released.
    NotDifferentiable
        A cotangent reached an operand that has no derivative.
    """
    nodes = forward_nodes(graph)
    sources = [node for node in graph.inputs if node.index < len(nodes) and node.dtype.kind == "f"]
    active = depends_on(nodes, sources)
    seeds = _seeds(graph, nodes, active)
    cotangents: dict[int, Any] = dict(seeds)
    contributions: dict[int, list[Contribution]] = {}
    parts: dict[int, list[Any]] = {}  # of operations with several results
    order: list[Node] = []
    with np.errstate(all="ignore"):
        for node in reversed(nodes):
            g: Any = cotangents.get(node.index)
            if node.index in parts:
                g = tuple(
                    np.zeros(shape_of(y), dtype_of(y)) if part is None else part
                    for part, y in zip(parts[node.index], node.value, strict=True)
                )
            if g is None:
                continue
            order.append(node)
            if node.primitive is SELECT:
                outputs = parts.setdefault(node.inputs[0].index, [None] * len(node.operands[0]))
                present = outputs[node.params["k"]]
                outputs[node.params["k"]] = g if present is None else present + g
                continue
            for position, operand in enumerate(node.inputs):
                if type(operand) is not Node or not active[operand.index]:
                    continue
                value = _pulled(node, position, g)
                if value is None:
                    continue
                local = None
                if not isinstance(g, tuple) and node.shape == () == operand.shape:
                    local = _pulled(node, position, np.ones((), node.dtype)[()])
                contributions.setdefault(operand.index, []).append(
                    Contribution(node, position, local, value)
                )
                present = cotangents.get(operand.index)
                cotangents[operand.index] = value if present is None else present + value
    return ChainRule([nodes[index] for index in seeds], seeds, cotangents, contributions, order)


def _pulled(node: Node, position: int, g: Any) -> Any:
    """The contribution of a node with cotangent ``g`` to one operand; None where nothing flows."""
    rule = node.primitive.rule(position, node.inputs)
    operand = node.operands[position]
    if rule is ZERO or getattr(operand, "dtype", np.dtype(float)).kind != "f":
        return None
    if rule is None:
        raise NotDifferentiable(
            f"np.{node.primitive.name} has no derivative with respect to its operand "
            f"{position + 1} ({node.where})."
        )
    return project(rule(g, node.value, *node.operands, **node.params), operand)


def _seeds(graph: Graph, nodes: Sequence[Node], active: Sequence[bool]) -> dict[int, Any]:
    """Cotangents of the outputs: those of the graph's own backward pass, or ones."""
    found: dict[int, Any] = {}
    later = [node for node in graph.nodes[len(nodes) :] if node.of is not None]
    if later:
        seeding = [node for node in later if node.primitive.name == "placeholder"] or later[:1]
        for node in seeding:
            if node.of is not None and node.of.index < len(nodes):
                found[node.of.index] = node.value
        return found
    for output in graph.outputs:
        if type(output) is Node and output.dtype.kind == "f" and active[output.index]:
            if output.value is None:
                raise InvalidInput(
                    f"the values of {graph.name} have been released; trace it again."
                )
            found[output.index] = np.ones(output.shape, output.dtype)[()]
    if not found:
        floating = any(x.dtype.kind == "f" for x in graph.inputs if x.of is None)
        cure = "." if floating else ", for no input is one; write 4.0 for 4."
        raise InvalidInput(
            f"{graph.name} has no floating-point output that depends on a floating-point "
            f"input{cure}"
        )
    return found
