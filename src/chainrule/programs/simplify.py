"""A graph without what it does not need: dead code, repetitions, identities, folded constants.

A pass goes over the nodes once, in order, and once back for what is dead; there are few passes and
nothing is recursive, so a graph of any size takes time in proportion to it. What is promised: a
simplified graph gives the same bits, for arguments laid out in memory like the traced ones, except
that ``0 + x`` becomes ``x``, element by element too, which keeps a minus sign that a zero may
have, for the sign of NaN, and for ``2 * (0.1 * x)`` where one of the steps would over- or
underflow and ``0.2 * x`` does not.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.engine.collector import collector_paused
from chainrule.engine.graph import Graph, Node, dtype_of, shape_of
from chainrule.engine.primitive import CONSTANT, PLACEHOLDER, SELECT, Primitive
from chainrule.engine.tracing import Traced
from chainrule.programs.rewrites import (
    Candidate,
    Made,
    Same,
    is_elementwise,
    is_uniform,
    scalar,
    without_broadcasts,
)
from chainrule.programs.write_rewrites import RULES

_PASSES = 4  # what a rule adds, or what loses a reader, is simplified in the next pass
_FOLDED = 16  # elements up to which a constant result replaces its computation
_READABLE = 7  # characters up to which a folded number still says where it comes from


@collector_paused()
def simplify(graph: Graph) -> Graph:
    """The same function in fewer and plainer nodes.

    Parameters
    ----------
    graph : Graph
        With or without a backward pass; it is not changed.

    Returns
    -------
    Graph
        With the same inputs, result structure and guards. Backward nodes still name the forward
        node they belong to. Simplify after `Graph.backward`, not before: a rule may have treated
        a number differently from an array that holds it.

    Notes
    -----
    Left out or rewritten: nodes that nothing reads (inputs and guarded nodes stay); equal
    computations; ``1*x``, ``x*1``, ``x/1``, ``x**1``, ``0+x``, ``x-0``, ``--x``;
    ``x + x`` as ``2*x``; transposes of transposes, reshapes of reshapes, sums over no axes,
    conversions that convert nothing; broadcasts before elementwise functions; small computations
    with constants only. Scalars of NumPy become plain numbers where that changes no dtype. In
    backward passes ``2 * (0.1 * x)`` becomes ``0.2 * x`` where one of the factors is a power of
    two, which rounds alike, ``a + -b`` becomes ``a - b``, a column times a row ``np.outer``, and
    ``g @ A`` for a vector ``g`` becomes ``A.T @ g``.
    """
    for _ in range(_PASSES):
        simplifier = _Simplifier(graph)
        size = len(graph)
        graph = simplifier.run()
        if not simplifier.added and not (simplifier.held and len(graph) < size):
            break
    return graph


class _Simplifier:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes: list[Node] = []
        self.image: list[Any] = [None] * len(graph.nodes)  # what each old node has become
        self.known: dict[Any, Node] = {}  # computations by their key
        self.added = False
        self.held = False
        self.replaced: set[int] = set()  # old nodes that are one of their inputs
        self.constant_keys: dict[int, tuple[Any, Any]] = {}
        self.guarded = {guard.node.index for guard in graph.guards}
        self.readers = _readers(graph)
        self.far_readers = _far_readers(graph)

    def run(self) -> Graph:
        for old in self.graph.nodes:
            self.image[old.index] = self._simplified(old)
        return self._assembled()

    # --- one node ---------------------------------------------------------------------------------

    def _simplified(self, old: Node) -> Any:
        """The new node, or the constant, that takes the place of an old node."""
        if old.primitive is PLACEHOLDER:
            return self._append(old, PLACEHOLDER, [], old.params, old.value)
        inputs = [self.image[x.index] if type(x) is Node else x for x in old.inputs]
        if old.primitive is CONSTANT:
            number = scalar(inputs[0])
            if number is not None and old.index not in self.guarded:
                return number
            return self._append(old, CONSTANT, inputs, old.params, old.value)
        found = self._rewritten(old, inputs)
        if isinstance(found, Same):
            operand = found.operand
            if type(operand) is Node or old.index not in self.guarded:
                self.replaced.add(old.index)
                return operand
            found = Made(old.primitive, inputs, old.params)
        primitive, inputs, params = found
        if old.index not in self.guarded and self._is_folded(old, primitive, inputs):
            if self._is_uniform(primitive, inputs) and np.size(old.value):
                return np.broadcast_to(old.value.flat[0], old.value.shape)
            return old.value
        inputs = self._with_plain_numbers(primitive, inputs, old.value)
        return self._shared(old, primitive, inputs, params, old.value)

    def _rewritten(self, old: Node, inputs: list[Any]) -> Same | Made:
        made = Made(old.primitive, inputs, old.params)
        if old.value is None or isinstance(old.value, (tuple, Traced)):
            return made
        for _ in range(8):  # rules only ever shorten; the bound is a promise of linear time
            candidate = Candidate(
                made.primitive, made.inputs, made.params, old.value, old.of is not None,
                self.readers[old.index],
                lambda p, i, k, v: self._added(old, p, i, k, v),
            )  # fmt: skip
            found: Same | Made | None = None
            if is_elementwise(made.primitive):
                found = without_broadcasts(candidate)
            rule = RULES.get(made.primitive.name)
            if found is None and rule is not None:
                found = rule(candidate)
            self.held |= candidate.held
            if found is None:
                return made
            if isinstance(found, Same):
                return found
            made = found
        return made

    def _is_folded(self, old: Node, primitive: Primitive, inputs: list[Any]) -> bool:
        if any(type(x) is Node for x in inputs) or primitive.outputs > 1 or old.value is None:
            return False
        if primitive is SELECT or isinstance(old.value, (tuple, Traced)):
            return False
        if self._is_uniform(primitive, inputs):
            # readers that sum might tell a stretched number from a full array
            self.held |= self.far_readers[old.index] == "any"
            return self.far_readers[old.index] != "any"
        if shape_of(old.value) == ():
            return len(str(old.value)) <= _READABLE
        return np.size(old.value) <= _FOLDED

    def _is_uniform(self, primitive: Primitive, inputs: list[Any]) -> bool:
        """Whether constant inputs give one number, stretched to a shape with axes."""
        if primitive.name == "broadcast_to" and scalar(inputs[0]) is not None:
            return True
        if primitive.name not in _MOVING and not is_elementwise(primitive):
            return False
        stretched = [is_uniform(x) for x in inputs]
        return any(stretched) and all(
            uniform or scalar(x) is not None for uniform, x in zip(stretched, inputs, strict=True)
        )

    def _with_plain_numbers(self, primitive: Primitive, inputs: list[Any], value: Any) -> list[Any]:
        """Scalars of NumPy as Python numbers, where the other operands alone decide the dtype."""
        if len(inputs) < 2 or primitive.literals or not is_elementwise(primitive):
            return inputs
        first = 1 if primitive.name == "where" else 0
        kinds = [
            dtype_of(x.value)
            for x in inputs[first:]
            if type(x) is Node and not _is_weak(x.value) and self._plain(x) is None
        ]
        kinds += [x.dtype for x in inputs[first:] if type(x) is np.ndarray and x.ndim]
        if not kinds or any(kind.kind != "f" for kind in kinds):
            return inputs
        dtype = np.result_type(*kinds)
        plain = list(inputs)
        for i in range(first, len(inputs)):
            x = inputs[i]
            if not _is_weak(x):
                found = _plain_number(x) if type(x) is not Node else self._plain(x)
                kind = dtype_of(x.value if type(x) is Node else x)
                if found is not None and np.promote_types(kind, dtype) == dtype:
                    plain[i] = found
        return plain

    def _plain(self, node: Node) -> Any:
        """A scalar computed from constants alone, computed from Python numbers instead."""
        if node.shape != () or not node.inputs or not is_elementwise(node.primitive):
            return None
        if node.dtype != np.dtype(float) or any(type(x) is Node for x in node.inputs):
            return None
        numbers = [_plain_number(x) for x in node.inputs]
        if None in numbers:
            return None
        value = node.primitive.evaluate(*numbers, **node.params)  # type: ignore[misc]
        if float(value) != float(node.value):
            return None
        return self._shared(node, node.primitive, numbers, node.params, float(value))

    def _added(
        self, old: Node, primitive: Primitive, inputs: list[Any], params: dict[str, Any], value: Any
    ) -> Node:
        """A node that a rule needs beside the one it rewrites."""
        self.added = True
        return self._shared(old, primitive, inputs, params, value)

    # --- sharing ----------------------------------------------------------------------------------

    def _shared(
        self, old: Node, primitive: Primitive, inputs: list[Any], params: dict[str, Any], value: Any
    ) -> Node:
        """The node that computes this, one that exists already if possible."""
        key = self._key(primitive, inputs, params)
        known = None if key is None else self.known.get(key)
        if known is not None:
            if known.name is None and (known.of is None) == (old.of is None):
                known.name = old.name
            return known
        node = self._append(old, primitive, inputs, params, value)
        if key is not None:
            self.known[key] = node
        return node

    def _append(
        self, old: Node, primitive: Primitive, inputs: list[Any], params: dict[str, Any], value: Any
    ) -> Node:
        operands = [x.value if type(x) is Node else x for x in inputs]
        node = Node(
            len(self.nodes), primitive, inputs, operands, params, value, old.code, old.instruction,
            old.of,  # still the old one: it may be an input that comes later
        )  # fmt: skip
        if primitive is old.primitive:
            node.name = old.name
        self.nodes.append(node)
        return node

    def _key(self, primitive: Primitive, inputs: list[Any], params: dict[str, Any]) -> Any:
        try:
            frozen = freeze(params) if params else None
            operands = tuple(
                [x.index if type(x) is Node else self._constant_key(x) for x in inputs]
            )
        except TypeError:
            return None
        return (id(primitive), operands, frozen)

    def _constant_key(self, constant: Any) -> Any:
        if isinstance(constant, np.ndarray):
            held = self.constant_keys.get(id(constant))
            if held is None:
                held = self.constant_keys[id(constant)] = (freeze(constant), constant)
            return held[0]
        return freeze(constant)

    # --- the result -------------------------------------------------------------------------------

    def _assembled(self) -> Graph:
        graph = self.graph
        outputs = [self.image[x.index] if type(x) is Node else x for x in graph.outputs]
        guards = [g._replace(node=self.image[g.node.index]) for g in graph.guards]
        kept = self._kept([*outputs, *(g.node for g in guards)])
        self._point_back(kept)
        for position, node in enumerate(kept):
            node.index = position
        result = Graph(
            kept, [self.image[x.index] for x in graph.inputs], outputs, graph.structure,
            graph.arguments, guards, graph.name, graph.function,
        )  # fmt: skip
        result.cotangents = self._moved_cotangents(set(map(id, kept)))
        return result

    def _kept(self, roots: list[Any]) -> list[Node]:
        """The nodes that are read, in order; all results of a function that has several."""
        alive = [node.primitive is PLACEHOLDER for node in self.nodes]
        for root in roots:
            if type(root) is Node:
                alive[root.index] = True
        parts: dict[int, list[int]] = {}
        for node in self.nodes:
            if node.primitive is SELECT:
                parts.setdefault(node.inputs[0].index, []).append(node.index)
        for node in reversed(self.nodes):
            if not alive[node.index] and node.index in parts:
                alive[node.index] = any(alive[part] for part in parts[node.index])
            if alive[node.index]:
                for operand in node.parents:
                    alive[operand.index] = True
                for part in parts.get(node.index, ()):
                    alive[part] = True
        return [node for node in self.nodes if alive[node.index]]

    def _point_back(self, kept: list[Node]) -> None:
        """Let backward nodes name the new forward node, or what has taken its place."""
        present = set(map(id, kept))
        fallback = kept[0] if kept else None
        home: dict[int, Node | None] = {}
        for old in self.graph.nodes:
            image = self.image[old.index]
            if type(image) is Node and id(image) in present:
                home[old.index] = image
            else:  # what it was computed from
                earlier = [home[x.index] for x in old.parents if home.get(x.index) is not None]
                home[old.index] = earlier[0] if earlier else fallback
        for node in kept:
            if node.of is not None:
                node.of = home[node.of.index]

    def _moved_cotangents(self, present: set[int]) -> dict[int, Node]:
        """Cotangents of forward nodes that are still there, and still one node each."""
        found: dict[int, Node | None] = {}
        # what is replaced by its input contributes to the input's cotangent, so it comes last
        pairs = sorted(self.graph.cotangents.items(), key=lambda pair: pair[0] in self.replaced)
        for forward, node in pairs:
            target, cotangent = self.image[forward], self.image[node.index]
            if type(target) is not Node or type(cotangent) is not Node:
                continue
            if id(target) not in present or id(cotangent) not in present:
                continue
            if target.index in found:
                if forward in self.replaced:
                    continue
                if found[target.index] is not cotangent:  # two values that turned out equal
                    cotangent = None
            found[target.index] = cotangent
        return {index: node for index, node in found.items() if node is not None}


def _readers(graph: Graph) -> list[str]:
    """Who reads each node: nobody inside the graph, elementwise functions only, or anybody."""
    found = ["none"] * len(graph.nodes)
    for node in graph.nodes:
        elementwise = is_elementwise(node.primitive)
        written = _WRITTEN.get(node.primitive.name)
        for position, operand in enumerate(node.inputs):
            if type(operand) is Node and found[operand.index] != "any":
                plain = elementwise or position == written
                found[operand.index] = "elementwise" if plain else "any"
    return found


def _far_readers(graph: Graph) -> list[str]:
    """As `_readers`, seen through functions that only move elements."""
    found = ["none"] * len(graph.nodes)
    for node in reversed(graph.nodes):
        kind = "elementwise"
        if not is_elementwise(node.primitive):
            moving = node.primitive.name in _MOVING
            kind = "elementwise" if moving and found[node.index] != "any" else "any"
        written = _WRITTEN.get(node.primitive.name)
        for position, operand in enumerate(node.inputs):
            if type(operand) is Node and found[operand.index] != "any":
                found[operand.index] = "elementwise" if position == written else kind
    return found


_MOVING = ("broadcast_to", "reshape", "ravel", "expand_dims", "squeeze", "transpose", "swapaxes",
           "moveaxis", "getitem")  # fmt: skip

# Operands that are copied, element by element, into another array.
_WRITTEN = {"scatter": 0, "assign": 1, "index_add": 1}


def _is_weak(value: Any) -> bool:
    """Whether a number leaves the dtype to the other operands."""
    return isinstance(value, (bool, int, float)) and not isinstance(value, np.generic)


def _plain_number(constant: Any) -> Any:
    """A constant scalar as a Python number with the same value; small whole numbers as int."""
    if _is_weak(constant):
        return constant
    number = scalar(constant)
    if number is None or number.dtype.kind != "f" or not np.isfinite(number):
        return None
    value = float(number)
    whole = value == int(value) and abs(value) < 1000 and not (value == 0 and np.signbit(value))
    return int(value) if whole else value


def freeze(value: Any) -> Any:
    """A hashable stand-in that is equal only for values of the same type, dtype and bits.

    Raises
    ------
    TypeError
        The value cannot be compared.
    """
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            raise TypeError("arrays of objects cannot be compared")
        return ("array", value.dtype.str, value.shape, value.strides, value.tobytes())
    if isinstance(value, np.generic):
        return ("scalar", value.dtype.str, value.tobytes())
    if isinstance(value, slice):
        return ("slice", freeze(value.start), freeze(value.stop), freeze(value.step))
    if isinstance(value, (tuple, list)):
        return (type(value), *map(freeze, value))
    if isinstance(value, dict):
        return ("dict", *((key, freeze(part)) for key, part in value.items()))
    if type(value) is float:
        return ("float", value.hex())
    hash(value)
    return (type(value), value)
