"""Equal computations of a traced loss taken for one: ``np.maximum(0.01 * (a @ W), a @ W)`` makes
one pre-activation, and people differentiate it as one.
"""

from __future__ import annotations

from typing import Any

from chainrule.engine.graph import Graph, Node
from chainrule.programs.simplify import freeze


def shared(graph: Graph) -> Graph:
    """The graph with every computation once, in a copy; the first of equal ones stays."""
    instead: dict[int, Node] = {}
    known: dict[Any, Node] = {}
    nodes: list[Node] = []
    for node in graph.nodes:
        inputs = tuple(instead[x.index] if isinstance(x, Node) else x for x in node.inputs)
        key = _key(node, inputs)
        found = known.get(key) if key is not None else None
        if found is None:
            found = Node(
                len(nodes), node.primitive, inputs, node.operands, node.params, node.value,
                node.code, node.instruction, None,
            )  # fmt: skip
            found.name = node.name
            nodes.append(found)
            if key is not None:
                known[key] = found
        instead[node.index] = found
    return Graph(
        nodes,
        [instead[node.index] for node in graph.inputs],
        [instead[x.index] if isinstance(x, Node) else x for x in graph.outputs],
        graph.structure,
        graph.arguments,
        [],
        graph.name,
        graph.function,
    )


def _key(node: Node, inputs: tuple[Any, ...]) -> Any:
    """Equal for equal computations; None for what stays alone."""
    if not inputs:
        return None
    try:
        operands = tuple(("node", x.index) if isinstance(x, Node) else freeze(x) for x in inputs)
        return node.primitive.name, operands, freeze(node.params)
    except TypeError:
        return None
