"""Names for the values of a graph: the user's own variables, cotangents named after them.

A forward value is called what the user called it: the name bound while the function ran
(`trace_named`), or the variable assigned on its source line. Values without a variable are named
for the one they go into and the operation that makes them (``h_sum``). The cotangent of ``h`` is
``h_bar`` (Griewank & Walther, Evaluating Derivatives, 2008), ``dh`` or ``grad_h``.
"""

from __future__ import annotations

import builtins
import inspect
import keyword
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Literal

from chainrule.engine.errors import InvalidInput
from chainrule.engine.graph import Graph, Node
from chainrule.engine.primitive import PLACEHOLDER
from chainrule.engine.transforms import trace
from chainrule.programs.bindings import Bindings, watch_bindings
from chainrule.programs.statements import Statements

CotangentStyle = Literal["bar", "d", "grad"]

COTANGENT_STYLES: dict[str, Callable[[str], str]] = {
    "bar": lambda name: f"{name}_bar",
    "d": lambda name: f"d{name}",
    "grad": lambda name: f"grad_{name}",
}
RESERVED = frozenset(
    [*keyword.kwlist, *keyword.softkwlist, *dir(builtins), "np", "numpy", "torch", "chainrule"]
)
# What a value is called for lack of a variable; otherwise the primitive's own name.
_WORDS = {
    "add": "total", "subtract": "difference", "multiply": "product", "divide": "ratio",
    "quotient": "ratio", "matmul": "product", "dot": "product", "inner": "product",
    "outer": "product", "vdot": "product", "tensordot": "product", "einsum": "product",
    "negative": "negative", "absolute": "magnitude", "maximum": "larger", "minimum": "smaller",
    "max": "largest", "min": "smallest", "sum": "total", "getitem": "part", "take": "part",
    "transpose": "transposed", "reshape": "reshaped", "broadcast_to": "spread", "where": "choice",
    "greater": "mask", "greater_equal": "mask", "less": "mask", "less_equal": "mask",
    "equal": "mask", "not_equal": "mask", "concatenate": "joined", "stack": "stacked",
    "astype": "converted", "scatter": "scattered", "assign": "assigned", "constant": "constant",
    "select_output": "part", "index_add": "added", "max_pool2d_positions": "positions",
}  # fmt: skip


RESULT = "value"
_LONG = 12  # characters of a name up to which other names start with it
_HEAD = re.compile(r"[^\W\d]\w*")
_KEYS = re.compile(r"""\[(?:'([^']*)'|"([^"]*)")\]|\.(\w+)|^(\w+)""")


def trace_named(f: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Graph:
    """`chainrule.trace`, watching which variables the function binds its values to.

    Parameters
    ----------
    f, *args, **kwargs
        As for `chainrule.trace`.

    Returns
    -------
    Graph
        Its nodes carry the user's variables as ``node.name``, also for values that helper
        functions return and for code whose source cannot be read. Inputs keep their labels, such
        as ``params['W1']``.
    """
    return trace_watched(f, *args, **kwargs)[0]


def trace_watched(f: Callable[..., Any], /, *args: Any, **kwargs: Any) -> tuple[Graph, Bindings]:
    """As `trace_named`; also what was seen, for naming leaves of trees and constants."""
    with watch_bindings(f) as bindings:
        graph = trace(f, *args, **kwargs)
    for index, name in bindings.names(graph).items():
        node = graph.nodes[index]
        if node.primitive is not PLACEHOLDER:
            node.name = name
    return graph, bindings


def node_names(
    graph: Graph,
    cotangents: CotangentStyle = "bar",
    leaves: Mapping[str, str] | None = None,
    taken: Iterable[str] = (),
) -> dict[int, str]:
    """A legal, unique Python name for every node, by its index.

    Parameters
    ----------
    graph : Graph
        With or without a backward pass.
    cotangents : {"bar", "d", "grad"}
        The cotangent of ``h`` is called ``h_bar``, ``dh`` or ``grad_h``.
    leaves : mapping of str to str, optional
        Names for inputs that are leaves of trees, by their label: ``{"params[0][0]": "W"}``.
        By default the last key: ``params['W1']`` is ``W1``.
    taken : iterable of str
        Further names not to be used.

    Returns
    -------
    dict of int to str
        Arguments keep their names. Nothing hides a builtin, a keyword or ``np``.

    Raises
    ------
    InvalidInput
        Another style of cotangents.
    """
    if cotangents not in COTANGENT_STYLES:
        raise InvalidInput(f"cotangents must be 'bar', 'd' or 'grad', got {cotangents!r}.")
    return Naming(graph, COTANGENT_STYLES[cotangents], leaves or {}, taken).names


def parameter_names(graph: Graph) -> list[str]:
    """The parameters of the traced function, in order; those of its inputs if it has none."""
    try:
        found = list(inspect.signature(graph.function).parameters)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        found = []
    heads = [_HEAD.match(node.name or "") for node in graph.inputs if node.of is None]
    return list(dict.fromkeys([*found, *(match[0] for match in heads if match)]))


class Namespace:
    """Hands out legal names, each once.

    Parameters
    ----------
    taken : iterable of str
        Names in use already. Keywords, builtins and ``np`` always are.
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self.taken = set(taken)
        self._next: dict[str, int] = {}

    def free(self, name: str) -> bool:
        """Whether a name may still be handed out."""
        return name not in self.taken and name not in RESERVED

    def create(self, base: str) -> str:
        """``base`` made legal, with a number behind it if it is taken."""
        base = legal(base)
        if base in RESERVED:
            base += "_"
        name = base
        number = self._next.get(base, 2)
        joint = "_" if base[-1].isdigit() else ""
        while not self.free(name):
            name = f"{base}{joint}{number}"
            number += 1
        self._next[base] = number
        self.taken.add(name)
        return name

    def series(self, base: str, count: int, avoid: Collection[str] = ()) -> list[str]:
        """``count`` names for values that one variable holds in turn: ``h1``, ``h2``, …"""
        base = legal(base)
        if count == 1:
            alone = base + "_" if base in RESERVED else base
            if self.free(alone):
                self.taken.add(alone)
                return [alone]
        for joint in ("_" if base[-1].isdigit() else "", "_", "__", "___"):
            names = [f"{base}{joint}{number}" for number in range(1, count + 1)]
            if all(self.free(name) and name not in avoid for name in names):
                self.taken.update(names)
                return names
        return [self.create(base) for _ in range(count)]


def is_identifier(text: str) -> bool:
    """Whether a text is a plain variable."""
    return text.isidentifier() and not keyword.iskeyword(text)


def legal(text: str) -> str:
    """A legal identifier that reads like ``text``."""
    normal = unicodedata.normalize("NFKC", text)  # as Python itself reads names
    parts = "".join(x if ("v" + x).isidentifier() else " " for x in normal).split()
    name = "_".join(parts).strip("_") or "value"
    return name if name.isidentifier() else f"v{name}"


class Naming:
    """One run of `node_names`, in the order in which names are most deserved.

    Attributes
    ----------
    names : dict of int to str
    variables : set of int
        Nodes that a variable of the user's names, results among them.
    cotangents : set of int
        Nodes named after the value whose cotangent they are.
    space : Namespace
    """

    def __init__(
        self,
        graph: Graph,
        style: Callable[[str], str],
        leaves: Mapping[str, str],
        taken: Iterable[str],
        merged: Mapping[int, int] | None = None,
    ) -> None:
        self.graph = graph
        self.style = style
        self.merged = merged or {}  # nodes that live in the variable of an earlier one
        self.names: dict[int, str] = {}
        self.variables: set[int] = set()
        self.cotangents: set[int] = set()
        self.space = Namespace([*parameter_names(graph), *taken])
        self._inputs(leaves)
        self._variables()
        self._results()
        self._helpers([node for node in graph.nodes if node.of is None])
        self._share()
        self._cotangents()
        self._helpers(graph.nodes)
        self._share()

    def _give(self, indices: Sequence[int], names: Sequence[str]) -> None:
        self.names.update(zip(indices, names, strict=True))

    def _inputs(self, leaves: Mapping[str, str]) -> None:
        waiting: dict[str, list[Node]] = {}
        for node in self.graph.inputs:
            label = node.name or f"input{node.index}"
            if node.of is not None:
                continue
            if label.isidentifier() and not keyword.iskeyword(label):
                self.names[node.index] = label
                self.space.taken.add(label)
            else:
                waiting.setdefault(leaves.get(label) or _last_key(label), []).append(node)
        for base, nodes in waiting.items():
            self._give([node.index for node in nodes], self.space.series(base, len(nodes)))

    def _variables(self) -> None:
        statements = Statements()
        nodes = [n for n in self.graph.nodes if n.of is None and n.index not in self.names]
        own = getattr(self.graph.function, "__code__", None)
        assigned = {id(n.code) for n in nodes if n.primitive.name == "assign"}
        found: dict[str, list[int]] = {}
        placed: set[int] = set()
        before: Any = None
        run: list[int] = []  # nodes in a row that are at one place of the source
        for node in nodes:
            base = node.name
            if base is None:
                base = statements.assigned_name(node)
                if base is None and node.code is not own:
                    base = statements.returned_name(node)
                elif base is not None and id(node.code) in assigned and statements.is_element(node):
                    base = None
            if base is None:
                continue
            if node.index in self.merged:  # the variable's first value has the name
                root = self.merged[node.index]
                if root not in placed:
                    placed.add(root)
                    found.setdefault(base, []).append(root)
                continue
            placed.add(node.index)
            # of the nodes that one call makes, the last one is its value
            place = (id(node.code), node.instruction, base)
            if place != before:
                run, before = [], place
            while run and self.graph.nodes[run[-1]].name is None:
                if node.name is None and self.graph.nodes[run[-1]].primitive is node.primitive:
                    break
                found[base].pop()
                run.pop()
            found.setdefault(base, []).append(node.index)
            run.append(node.index)
        for base, indices in found.items():
            if indices:
                self.variables.update(indices)
                self._give(indices, self.space.series(base, len(indices), found))

    def _results(self) -> None:
        structure = self.graph.structure
        if self.graph.cotangents:  # the second part of the result are gradients
            structure = structure.children[0]
        unnamed: dict[str, list[int]] = {}
        for output, label in zip(self.graph.outputs, structure.paths(), strict=False):
            if type(output) is Node and output.of is None and output.index not in self.names:
                indices = unnamed.setdefault(_result_word(label), [])
                if output.index not in indices:
                    indices.append(output.index)
        for base, indices in unnamed.items():
            self.variables.update(indices)
            self._give(indices, self.space.series(base, len(indices)))

    def _cotangents(self) -> None:
        belongs: dict[int, list[int]] = {}
        for forward, node in self.graph.cotangents.items():
            if node.of is not None:
                belongs.setdefault(node.index, []).append(forward)
        for index in sorted(belongs, key=lambda i: (i in self.merged, i)):
            named = [forward for forward in belongs[index] if forward in self.names]
            if named:
                best = min(named, key=self._rank)
                if best in self.variables or self._is_input(best):
                    self.cotangents.add(index)
                holder = self.merged.get(index, index)
                if holder not in self.names:
                    self.names[holder] = self.space.create(self.style(self.names[best]))
                self.names[index] = self.names[holder]
        for node in self.graph.inputs:
            if node.index not in self.names:
                self.names[node.index] = self.space.create(node.name or f"input{node.index}")

    def _share(self) -> None:
        for index, root in self.merged.items():
            if root in self.names:
                self.names[index] = self.names[root]

    def _rank(self, forward: int) -> tuple[int, int]:
        """A cotangent that several values share is named after a variable, then an argument."""
        kind = 0 if forward in self.variables else 1 if self._is_input(forward) else 2
        return (kind, -forward)

    def _is_input(self, index: int) -> bool:
        return self.graph.nodes[index].primitive is PLACEHOLDER

    def _helpers(self, nodes: Sequence[Node]) -> None:
        """Name values without a variable after what they are and the value they go into."""
        owner: dict[int, str | None] = {}
        clear = self.variables | self.cotangents
        for node in reversed(nodes):  # the first reader writes last
            name = owner.get(node.index)
            if node.index in self.names:
                name = self.names[node.index] if node.index in clear else None
            for operand in node.parents:
                owner[operand.index] = name
        for node in nodes:
            if node.index not in self.names and node.index not in self.merged:
                into = owner.get(node.index)
                if into is None or len(into) > _LONG or into.rstrip("0123456789") == RESULT:
                    base = word(node)
                else:
                    base = f"{into}_{word(node)}"
                self.names[node.index] = self.space.create(base)


def word(node: Node) -> str:
    """A noun for what a node computes."""
    name = node.primitive.name.rpartition(".")[2]
    return _WORDS.get(name, name)


def _last_key(label: str) -> str:
    """``params['W1']`` -> ``W1``, ``net.b`` -> ``b``, ``layers[0][1]`` -> ``layers_0_1``."""
    keys = _words(label)
    return keys[-1] if len(keys) > 1 else label


def _result_word(label: str) -> str:
    keys = _words(label)
    return keys[-1] if keys else RESULT


def _words(label: str) -> list[str]:
    """The parts of a label that are no numbers: ``net['layers'][0].W`` -> net, layers, W."""
    return ["".join(found) for found in _KEYS.findall(label)]
