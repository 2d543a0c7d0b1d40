"""The backward pass as more graph: the reverse pass run on traced nodes instead of values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.engine.backward import depends_on, pull_back
from chainrule.engine.collector import collector_paused
from chainrule.engine.errors import InvalidInput
from chainrule.engine.graph import Graph, Node
from chainrule.engine.primitive import CONSTANT
from chainrule.engine.tracing import Trace, Traced
from chainrule.engine.trees import Structure, flatten
from chainrule.engine.wording import counted


@collector_paused()
def backward_graph(
    graph: Graph,
    wrt: str | int | Sequence[str | int] | None = None,
    of: int | Sequence[int] | None = None,
) -> Graph:
    """A graph that computes a function's result and its gradients.

    The forward nodes keep their indices; the nodes after them belong to the backward pass and
    name the forward node they come from (``node.of``). Applied to its own result it gives second
    derivatives.

    Parameters
    ----------
    graph : Graph
        From `chainrule.trace`, or from this function.
    wrt : name, index, or sequence of them, optional
        Inputs to differentiate with respect to; by default every floating-point input.
    of : int or sequence of int, optional
        Which of the flattened outputs to differentiate; by default all.

    Returns
    -------
    Graph
        Its result is ``(result, {input name: gradient})``. A single scalar output is seeded with 1;
        otherwise there is one more input ``cotangents`` per output, named ``<output>_bar``, and
        the gradients are vector-Jacobian products.

    Raises
    ------
    InvalidInput
        An input or output that does not exist or has no gradient.
    """
    targets = _chosen_inputs(graph, wrt)
    chosen = _chosen_outputs(graph, of)
    trace = Trace(lasting=True)
    copies = trace.nodes = _copy(graph.nodes)
    inputs = [copies[node.index] for node in graph.inputs]
    outputs = [copies[x.index] if type(x) is Node else x for x in graph.outputs]
    arguments = graph.arguments
    seeds: list[tuple[Node, Any]] = []
    differentiated = [outputs[number] for number in chosen]
    cotangents: dict[int, Node] = {}
    try:
        if len(differentiated) == 1 and differentiated[0].shape == ():
            one = np.ones((), differentiated[0].dtype)[()]
            seed = Node(len(copies), CONSTANT, (one,), (one,), {}, one, None, -1, differentiated[0])
            copies.append(seed)
            seeds.append((differentiated[0], trace.face(seed, trace)))
        else:
            extra = []
            for output in differentiated:
                ones = np.ones(output.shape, output.dtype)[()]
                placeholder = trace.placeholder(
                    ones, f"{output.name or f'output{output.index}'}_bar"
                )
                placeholder.node.of = output
                inputs.append(placeholder.node)
                extra.append(placeholder)
                seeds.append((output, placeholder))
            arguments = _with_keyword(arguments, "cotangents", flatten(extra)[1])
        wanted = [copies[node.index] for node in targets]
        active = depends_on(copies, wanted)

        def lift(node: Node) -> Any:
            if isinstance(node.value, tuple):
                following = copies[node.index + 1 : node.index + 1 + len(node.value)]
                return tuple([trace.face(part, trace) for part in following])
            return trace.face(node, trace)

        def watch(node: Node, g: Any) -> None:
            if isinstance(g, Traced):
                cotangents[node.index] = g.node

        found = pull_back(copies, seeds, wanted, active, lift, watch)
    finally:
        nodes = trace.close()
    gradients = [
        g.node if isinstance(g, Traced) else np.zeros(node.shape, node.dtype)[()]
        for g, node in zip(found, wanted, strict=True)
    ]
    names = [node.name or f"input{node.index}" for node in wanted]
    structure = Structure(tuple, None, (graph.structure, flatten(dict.fromkeys(names, 0.0))[1]))
    result = Graph(
        nodes, inputs, [*outputs, *gradients], structure, arguments, _moved(graph, nodes),
        graph.name, graph.function,
    )  # fmt: skip
    result.cotangents = {**graph.cotangents, **cotangents}
    return result


def _copy(nodes: list[Node]) -> list[Node]:
    copies: list[Node] = []
    for node in nodes:
        inputs = [copies[x.index] if type(x) is Node else x for x in node.inputs]
        copy = Node(
            node.index, node.primitive, inputs, node.operands, node.params, node.value, node.code,
            node.instruction, None if node.of is None else copies[node.of.index],
        )  # fmt: skip
        copy.name = node.name
        copies.append(copy)
    return copies


def _moved(graph: Graph, nodes: list[Node]) -> list[Any]:
    return [guard._replace(node=nodes[guard.node.index]) for guard in graph.guards]


def _with_keyword(arguments: Structure, name: str, structure: Structure) -> Structure:
    positional, keywords = arguments.children
    extended = Structure(dict, (*keywords.description, name), (*keywords.children, structure))
    return Structure(tuple, None, (positional, extended))


def _chosen_inputs(graph: Graph, wrt: Any) -> list[Node]:
    if wrt is None:
        return [node for node in graph.inputs if node.dtype.kind == "f" and node.of is None]
    chosen = []
    for key in [wrt] if isinstance(wrt, (str, int)) else list(wrt):
        if isinstance(key, str):
            matches = [node for node in graph.inputs if node.name == key]
            if not matches:
                names = ", ".join(str(node.name) for node in graph.inputs)
                raise InvalidInput(f"{graph.name} has no input {key!r}; its inputs are {names}.")
            chosen.append(matches[0])
        elif 0 <= key < len(graph.inputs):
            chosen.append(graph.inputs[key])
        else:
            raise InvalidInput(
                f"{graph.name} has {counted(len(graph.inputs), 'input')}, no input {key}."
            )
    for node in chosen:
        if node.dtype.kind != "f":
            raise InvalidInput(
                f"input {node.name} of {graph.name} is {node.dtype}; it has no gradient."
            )
    return chosen


def _chosen_outputs(graph: Graph, of: Any) -> list[int]:
    numbers = (
        [i for i, x in enumerate(graph.outputs) if type(x) is Node and x.dtype.kind == "f"]
        if of is None
        else [of]
        if isinstance(of, int)
        else list(of)
    )
    for number in numbers:
        if not 0 <= number < len(graph.outputs):
            raise InvalidInput(
                f"{graph.name} has {counted(len(graph.outputs), 'output')}, no output {number}."
            )
        output = graph.outputs[number]
        if type(output) is not Node or output.dtype.kind != "f":
            raise InvalidInput(
                f"output {number} of {graph.name} depends on no input; it has no gradient."
            )
    if not numbers:
        raise InvalidInput(f"{graph.name} has no floating-point output that depends on an input.")
    return numbers
