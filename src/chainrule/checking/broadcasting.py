"""(n,) against (n, 1): the silent (n, n) broadcast, in a loss or in its gradient (G604)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.engine.backward import depends_on, pull_back
from chainrule.engine.graph import Graph, Node

_ELEMENTWISE = ("add", "subtract", "multiply", "divide")


def crossed_lines(graph: Graph) -> list[Node]:
    """The nodes that combine every entry of one column with every entry of another."""
    return [node for node in graph.nodes if node.of is None and crosses(node)]


def crosses(node: Node) -> bool:
    """Whether a node combines every entry of one column with every entry of another."""
    if node.primitive.name not in _ELEMENTWISE or len(node.shape) != 2:
        return False
    n = node.shape[0]
    shapes = [np.shape(x) for x in node.operands]
    return n > 1 and node.shape == (n, n) and sorted(shapes, key=len) == [(n,), (n, 1)]


def straightened_gradients(
    graph: Graph, parameters: Mapping[str, Any]
) -> dict[str, np.ndarray[Any, Any]] | None:
    """The gradients of the loss if the two columns were combined entry by entry.

    None if the loss cannot be evaluated so.
    """
    crossed = {node.index for node in crossed_lines(graph)}
    by_name = {node.name: node for node in graph.inputs}
    active = depends_on(graph.nodes, [by_name[name] for name in parameters])
    nodes: list[Node] = []
    try:
        for node in graph.nodes:
            nodes.append(_evaluated(node, nodes, active, node.index in crossed))
        output = nodes[graph.outputs[0].index]
        if output.shape != ():
            return None
        targets = [nodes[by_name[name].index] for name in parameters]
        one = np.ones((), output.dtype)[()]
        found = pull_back(nodes, [(output, one)], targets, active)
    except (ValueError, IndexError, TypeError):
        return None
    return {
        name: np.zeros(node.shape) if g is None else np.asarray(g, dtype=float)
        for name, node, g in zip(parameters, targets, found, strict=True)
    }


def _evaluated(node: Node, nodes: list[Node], active: list[bool], crossed: bool) -> Node:
    """A node on the values of the nodes before it, its columns made of one shape if crossed."""
    inputs = [nodes[x.index] if isinstance(x, Node) else x for x in node.inputs]
    operands = [x.value if isinstance(x, Node) else x for x in inputs]
    value = node.value
    if crossed:
        fixed = [isinstance(x, Node) and active[x.index] for x in node.inputs]
        moved = 0 if fixed[1] else 1  # what has no derivative takes the other's shape
        operands[moved] = np.reshape(operands[moved], np.shape(operands[1 - moved]))
        inputs[moved] = operands[moved]
    if node.inputs:
        value = node.primitive.evaluate(*operands, **node.params)  # type: ignore[misc]
    copy = Node(
        node.index, node.primitive, inputs, operands, node.params, value, node.code,
        node.instruction, node.of,
    )  # fmt: skip
    copy.name = node.name
    return copy


def is_crossed(claim: np.ndarray[Any, Any], shape: tuple[int, ...]) -> bool:
    """Whether a claim has one column per sample that differ by multiples of one vector.

    That is what Xᵀ r gives where r_ij = p_i - y_j has grown to (n, n).
    """
    if claim.ndim != 2 or shape not in ((claim.shape[0],), (claim.shape[0], 1)):
        return False
    if min(claim.shape) < 2 or claim.shape[1] < 3 or not np.all(np.isfinite(claim)):
        return False
    gaps = claim[:, 1:] - claim[:, :1]
    strengths = np.linalg.svd(gaps, compute_uv=False)
    return bool(strengths[0] > 0 and strengths[1] < 1e-9 * strengths[0])
