"""A graph for other programs: Graphviz DOT, Mermaid, and JSON that can be read back."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from chainrule.engine.errors import InvalidInput
from chainrule.engine.graph import Graph, Node, shape_of
from chainrule.programs.expressions import Expressions
from chainrule.programs.literals import text_literal
from chainrule.programs.names import CotangentStyle
from chainrule.programs.summaries import shape_text

_FULL = 64  # elements up to which JSON holds an array


# --- pictures drawn by others ---------------------------------------------------------------------


def to_dot(graph: Graph, *, cotangents: CotangentStyle = "bar") -> str:
    """The graph in the DOT language of Graphviz, left to right, backward nodes dashed.

    Parameters
    ----------
    graph : Graph
    cotangents : {"bar", "d", "grad"}
        How cotangents are named.
    """
    lines = [
        f"digraph {_quoted(graph.name)} {{",
        "  rankdir=LR;",
        '  node [shape=box, fontname="monospace", fontsize=11];',
        '  edge [color="#7a8696", arrowsize=0.7];',
    ]
    for node, kind, label in _labelled(graph, cotangents):
        shape = {"input": "oval", "constant": "plaintext", "result": "box"}.get(kind, "box")
        style = ", style=dashed" if node.of is not None else ""
        double = ", peripheries=2" if kind == "result" else ""
        lines.append(
            f"  n{node.index} [label={_quoted(chr(10).join(label))}, shape={shape}{style}{double}];"
        )
    lines += [f"  n{u.index} -> n{v.index};" for u, v in _edges(graph)]
    lines += [
        f"  n{node.of.index} -> n{node.index} [style=dotted, arrowhead=none, constraint=false];"
        for node in graph.nodes
        if node.of is not None
    ]
    return "\n".join([*lines, "}"]) + "\n"


def to_mermaid(graph: Graph, *, cotangents: CotangentStyle = "bar") -> str:
    """The graph as a Mermaid flow chart, which GitHub and JupyterLab (from 4.1) draw.

    Parameters
    ----------
    graph : Graph
    cotangents : {"bar", "d", "grad"}
        How cotangents are named.
    """
    brackets = {"input": ("([", "])"), "result": ("[[", "]]"), "constant": ("(", ")")}
    lines = ["flowchart LR"]
    backward = []
    for node, kind, label in _labelled(graph, cotangents):
        opening, closing = brackets.get(kind, ("[", "]"))
        text = "<br/>".join(_entities(line) for line in label)
        lines.append(f'  n{node.index}{opening}"{text}"{closing}')
        if node.of is not None:
            backward.append(f"n{node.index}")
    lines += [f"  n{u.index} --> n{v.index}" for u, v in _edges(graph)]
    lines += [
        f"  n{node.of.index} -.- n{node.index}" for node in graph.nodes if node.of is not None
    ]
    if backward:
        lines.append("  classDef backward stroke-dasharray: 4 3")
        lines.append(f"  class {','.join(backward)} backward")
    return "\n".join(lines) + "\n"


def _labelled(graph: Graph, cotangents: CotangentStyle) -> Iterator[tuple[Node, str, list[str]]]:
    written = Expressions(graph, cotangents)
    outputs = {x.index for x in graph.outputs if type(x) is Node}
    for node in graph.nodes:
        kind = "operation"
        if node.primitive.name == "placeholder":
            kind = "input"
        elif node.index in outputs:
            kind = "result"
        elif not node.parents:
            kind = "constant"
        shape = "" if isinstance(node.value, tuple) else shape_text(shape_of(node.value))
        label = [written.names[node.index] + (f"  [{shape}]" if shape else "")]
        if node.inputs:
            label.append(f"= {written.of(node)}")
        yield node, kind, label


def _edges(graph: Graph) -> Iterator[tuple[Node, Node]]:
    for node in graph.nodes:
        for operand in node.parents:
            yield operand, node


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _entities(text: str) -> str:
    """Text in Mermaid's own escapes: ``#code;`` for whatever it would read as markup."""
    return re.sub(r"[^\w =.,+*/()\[\]×ᵀ²-]", lambda found: f"#{ord(found[0])};", text)


# --- JSON -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class NodeDescription:
    """One node as data.

    Attributes
    ----------
    index : int
    name : str
    primitive : str
    expression : str
        In the names of the inputs, as text.
    inputs : tuple
        ``{"node": 3}`` or ``{"constant": 0.5}``; a larger array constant is given by its shape.
    params : dict of str to str
        Parameters that differ from their defaults, as Python writes them.
    shape : tuple of int, or None for an operation with several results
    dtype : str or None
    direction : str
        "forward" or "backward".
    of : int or None
        The forward node that a backward node belongs to.
    cotangent : int or None
        The node that holds this node's cotangent.
    file, line, text :
        The user's source; None where it is not known.
    value : number, nested list, or None
        The value, of arrays up to 64 elements; not a number and infinity are strings.
    """

    index: int
    name: str
    primitive: str
    expression: str
    inputs: tuple[dict[str, Any], ...]
    params: dict[str, str]
    shape: tuple[int, ...] | None
    dtype: str | None
    direction: str
    of: int | None
    cotangent: int | None
    file: str | None
    line: int | None
    text: str | None
    value: Any


@dataclass(frozen=True)
class GraphDescription:
    """A graph as data, complete enough to draw and to read, independent of the library.

    Attributes
    ----------
    name : str
    nodes : tuple of NodeDescription
    inputs, outputs : tuple
        Indices of nodes; an output that is a constant is ``{"constant": value}``.
    """

    name: str
    nodes: tuple[NodeDescription, ...]
    inputs: tuple[int, ...]
    outputs: tuple[Any, ...]

    schema: ClassVar[str] = "chainrule.graph"
    version: ClassVar[int] = 1

    def to_json(self) -> str:
        """The description as JSON, one node per line."""
        head = {"schema": self.schema, "version": self.version, "name": self.name}
        nodes = ",\n".join(f"    {_json(asdict(node))}" for node in self.nodes)
        fields = [f'  "{key}": {_json(value)}' for key, value in head.items()]
        fields += [f'  "{key}": {_json(getattr(self, key))}' for key in ("inputs", "outputs")]
        fields.append(f'  "nodes": [\n{nodes}\n  ]')
        return "{\n" + ",\n".join(fields) + "\n}\n"

    @classmethod
    def from_json(cls, text: str) -> GraphDescription:
        """Read what `to_json` wrote.

        Raises
        ------
        InvalidInput
            The text is not JSON, not a graph, or of a newer version.
        """
        try:
            data = json.loads(text)
        except json.JSONDecodeError as error:
            raise InvalidInput(f"the graph is not JSON: {error}.") from None
        if not isinstance(data, dict) or data.get("schema") != cls.schema:
            raise InvalidInput(f'the JSON is not a graph: it has no "schema": "{cls.schema}".')
        if data.get("version") != cls.version:
            raise InvalidInput(
                f"the graph is of version {data.get('version')!r}; this chainrule reads version "
                f"{cls.version}."
            )
        try:
            nodes = tuple(_read_node(node) for node in data["nodes"])
            return cls(data["name"], nodes, tuple(data["inputs"]), tuple(data["outputs"]))
        except (KeyError, TypeError) as error:
            raise InvalidInput(f"the graph is incomplete: {error}.") from None


def to_json(graph: Graph, *, cotangents: CotangentStyle = "bar") -> str:
    """The graph as JSON; `GraphDescription.from_json` reads it back.

    Parameters
    ----------
    graph : Graph
    cotangents : {"bar", "d", "grad"}
        How cotangents are named.
    """
    return describe_graph(graph, cotangents).to_json()


def describe_graph(graph: Graph, cotangents: CotangentStyle = "bar") -> GraphDescription:
    """The graph as data."""
    written = Expressions(graph, cotangents)
    nodes = []
    for node in graph.nodes:
        several = isinstance(node.value, tuple)
        where = node.where
        cotangent = graph.cotangents.get(node.index)
        nodes.append(
            NodeDescription(
                node.index,
                written.names[node.index],
                node.primitive.name,
                written.of(node),
                tuple({"node": x.index} if type(x) is Node else _constant(x) for x in node.inputs),
                {k: text_literal(v) for k, v in node.primitive.shown_params(node.params).items()},
                None if several else tuple(shape_of(node.value)),
                None if several else node.dtype.name,
                node.pass_,
                None if node.of is None else node.of.index,
                None if cotangent is None else cotangent.index,
                None if where is None else os.path.basename(where.filename),
                None if where is None else where.line,
                None if where is None else where.text,
                None if several else _value(node.value),
            )
        )
    outputs = tuple(x.index if type(x) is Node else _constant(x) for x in graph.outputs)
    return GraphDescription(graph.name, tuple(nodes), tuple(x.index for x in graph.inputs), outputs)


def _read_node(data: dict[str, Any]) -> NodeDescription:
    shape = data["shape"]
    return NodeDescription(
        **{
            **data,
            "inputs": tuple(data["inputs"]),
            "shape": None if shape is None else tuple(shape),
        }
    )


def _constant(value: Any) -> dict[str, Any]:
    if np.size(value) > _FULL or np.asarray(value).dtype.kind not in "fiub":
        return {"constant": None, "shape": list(np.shape(value))}
    return {"constant": _value(value)}


def _value(value: Any) -> Any:
    """A value as JSON holds it: numbers as they are, what is not finite as a string."""
    if np.size(value) > _FULL or np.asarray(value).dtype.kind not in "fiub":
        return None
    return _plain(np.asarray(value).tolist())


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return value


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
