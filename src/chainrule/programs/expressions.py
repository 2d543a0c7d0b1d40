"""Every node of a graph as an expression in the user's names."""

from __future__ import annotations

from chainrule.engine.graph import Graph, Node
from chainrule.programs.explanation import ConstantArrays
from chainrule.programs.names import CotangentStyle, node_names
from chainrule.programs.notation import expression
from chainrule.programs.source_constants import visible_arrays
from chainrule.programs.summaries import shape_text


class Expressions:
    """Names of all nodes of a graph and of the constant arrays it uses, and what they make.

    Parameters
    ----------
    graph : Graph
    cotangents : {"bar", "d", "grad"}
        How cotangents are named.
    """

    def __init__(self, graph: Graph, cotangents: CotangentStyle = "bar") -> None:
        self.names = node_names(graph, cotangents)
        arrays = visible_arrays(graph.function, {})
        self.constants = ConstantArrays(graph, arrays, self.names.values())

    def of(self, node: Node) -> str:
        """A node in its inputs; an input of the graph is its name."""
        return expression(node, self.names, constants=self.constants)


def list_expressions(graph: Graph, cotangents: CotangentStyle = "bar") -> str:
    """One line per node, ``name = expression``, inputs with their type and shape."""
    found = Expressions(graph, cotangents)
    lines = []
    for node in graph.nodes:
        name = found.names[node.index]
        if node.primitive.name == "placeholder":
            lines.append(f"{name}: {node.dtype} {shape_text(node.shape)}".rstrip())
        else:
            lines.append(f"{name} = {found.of(node)}")
    return "\n".join(lines)
