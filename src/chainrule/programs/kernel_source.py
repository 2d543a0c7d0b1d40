"""A graph as the statements of a numba function: fused loops, products by BLAS, no allocation.

Neighbouring elementwise functions of one shape, and sums over their results, share one loop; a
value gets an array only if something outside of its loop reads it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.engine.graph import Graph, Node, shape_of
from chainrule.engine.primitive import PLACEHOLDER
from chainrule.programs.kernel_functions import LOGICAL, expression, helpers_of
from chainrule.programs.kernel_loops import Loop, nest
from chainrule.programs.kernel_primitives import WRITERS
from chainrule.programs.kernel_types import (
    TYPES,
    UnsupportedKernel,
    loop_index,
    type_of,
    unsupported,
    value_of,
)
from chainrule.programs.kernel_views import VIEWS, element, index_of_base
from chainrule.programs.storage import constants_of


class KernelSource:
    """Writes the statements that compute a graph.

    Parameters
    ----------
    graph : Graph
        Simplified.
    inputs : sequence of str
        What the inputs are called: arrays, or numbers for inputs without axes.
    outputs : sequence of str or None
        What results are assigned to: arrays, or places for numbers; None for a number that is
        left in a variable.

    Attributes
    ----------
    body : list of str
        The statements.
    scratch : dict of str to (shape, dtype)
        Arrays they need.
    constants : dict of str to ndarray
    numbers : dict of str to NumPy scalar
        Constants they need.
    results : list of str
        The variables of the outputs called None.
    helpers : list of str
        Names of the functions of `chainrule.programs.kernel_functions` that they call.

    Raises
    ------
    UnsupportedKernel
        A branch, or a function without a kernel.
    """

    def __init__(self, graph: Graph, inputs: Sequence[str], outputs: Sequence[str | None]) -> None:
        for guard in graph.guards:
            raise UnsupportedKernel(
                f"{graph.name} takes a branch that depends on numbers ({guard.where}), which a "
                f"machine-code kernel cannot follow; use np.where, or fast=False."
            )
        self.graph = graph
        self.body: list[str] = []
        self.scratch: dict[str, tuple[tuple[int, ...], str]] = {}
        self.constants: dict[str, np.ndarray] = {}
        self.numbers: dict[str, Any] = {}
        self.results: list[str] = []
        self.known = constants_of(graph)
        self._users = graph.users()
        self.loop: Loop | None = None
        # node -> the array or variable that holds its value
        self.names = {n.index: name for n, name in zip(graph.inputs, inputs, strict=True)}
        self._targets: dict[int, str] = {}
        for output, target in zip(graph.outputs, outputs, strict=True):
            if target is not None and self.is_computed(output) and output.shape:
                self._targets.setdefault(output.index, target)
        for node in graph.nodes:
            if self.is_computed(node):
                self._write(node)
        self.flush()
        for output, target in zip(graph.outputs, outputs, strict=True):
            self._deliver(output, target)
        self.helpers = helpers_of("\n".join(self.body))

    def is_computed(self, x: Any) -> bool:
        return type(x) is Node and x.primitive is not PLACEHOLDER and x.index not in self.known

    def _deliver(self, output: Any, target: str | None) -> None:
        if target is None:
            self.results.append(self.at(output, []))
        elif type(output) is not Node or self.names.get(output.index) != target:
            shape = shape_of(value_of(output))
            index = loop_index(len(shape))
            place = element(target, index) if shape else target
            self.body += nest([f"{place} = {self.at(output, index)}"], shape)

    # --- reading ---------------------------------------------------------------------------------

    def at(self, x: Any, index: Sequence[str]) -> str:
        """One element of a value that is computed already."""
        if self.is_computed(x) and x.index not in self.names:
            return self.at(x.inputs[0], index_of_base(x, list(index)) or [])
        if type(x) is Node and x.index not in self.known:
            name = self.names[x.index]
            return element(name, index) if x.shape else name
        value = self.known[x.index] if type(x) is Node else x
        if not shape_of(value):
            return self.number(value)
        if not any(value.strides):
            return self.number(value.reshape(-1)[0])
        return element(self._constant(value), index)

    def _constant(self, array: np.ndarray) -> str:
        for name, known in self.constants.items():
            if known is array:
                return name
        name = f"k{len(self.constants)}"
        self.constants[name] = array
        return name

    def number(self, value: Any, dtype: Any = None) -> str:
        scalar = np.asarray(value, dtype)[()]
        for name, known in self.numbers.items():
            if known.dtype == scalar.dtype and known.tobytes() == scalar.tobytes():
                return name
        name = f"c{len(self.numbers)}"
        self.numbers[name] = scalar
        return name

    def _known_number(self, x: Any) -> Any:
        """The number that a constant operand is, or None."""
        if type(x) is Node and x.index not in self.known:
            return None
        value = self.known[x.index] if type(x) is Node else x
        if shape_of(value) or isinstance(value, (bool, np.bool_)):
            return None
        return value

    def operand(self, x: Any, shape: tuple[int, ...], dtype: Any) -> str:
        """One element of an operand in a loop over ``shape``, to which it is broadcast."""
        number = self._known_number(x)
        if number is not None and not isinstance(number, np.generic):
            return self.number(number, dtype)  # Python's numbers take the type of the others
        if self.loop is not None and type(x) is Node and x.index in self.loop.values:
            return f"t{x.index}"
        own = shape_of(self.known.get(x.index, x.value) if type(x) is Node else x)
        index = loop_index(len(shape))[len(shape) - len(own) :]
        return self.at(x, [i if n != 1 else "0" for i, n in zip(index, own, strict=True)])

    def _pending(self, x: Any) -> bool:
        """Whether a value is still to be computed by the open loop."""
        loop = self.loop
        if loop is None or not self.is_computed(x):
            return False
        if x.index in loop.values or x.index in loop.later:
            return True
        return x.index not in self.names and self._pending(x.inputs[0])

    def settle(self, *operands: Any) -> None:
        """Close the open loop if any of these wait for it."""
        if any(map(self._pending, operands)):
            self.flush()

    def array(self, x: Any) -> str:
        """An array that holds a value in C order, or its transpose."""
        if not self.is_computed(x):
            if type(x) is Node and x.index not in self.known:
                return self.names[x.index]
            return self._constant(self.known[x.index] if type(x) is Node else x)
        if x.index in self.names:
            return self.names[x.index]
        base = x.inputs[0]
        turned = x.primitive.name == "transpose" and len(x.shape) == 2
        if turned and type(base) is Node and base.index in self.names:
            return f"{self.names[base.index]}.T"
        return self.copied(x)

    def copied(self, node: Node) -> str:
        index = loop_index(len(node.shape))
        text = self.at(node, index)
        self.body += nest([f"{element(self.home(node), index)} = {text}"], node.shape)
        return self.names[node.index]

    def home(self, node: Node) -> str:
        """The array that a node is written into."""
        name = self._targets.get(node.index)
        if name is None:
            name = f"a{node.index}"
            self.scratch[name] = (node.shape, node.dtype.name)
        self.names[node.index] = name
        return name

    # --- nodes -----------------------------------------------------------------------------------

    def _write(self, node: Node) -> None:
        name = node.primitive.name
        if isinstance(node.value, tuple) or node.dtype.name not in TYPES:
            raise unsupported(node)
        if name in VIEWS and index_of_base(node, loop_index(len(node.shape))) is not None:
            if not node.shape:  # a single element
                self.settle(node.inputs[0])
                self.body.append(f"t{node.index} = {self.at(node, [])}")
                self.names[node.index] = f"t{node.index}"
            return
        write = WRITERS.get(name)
        if write is None:
            self._elementwise(node)
        else:
            write(self, node)

    def _elementwise(self, node: Node) -> None:
        if set(node.params) - {"dtype", "order"}:
            raise unsupported(node, f" with {', '.join(node.params)}")
        name = node.primitive.name
        if name in LOGICAL and node.dtype != np.dtype(bool):
            raise unsupported(node, f" of {node.dtype}")
        mixed = node.inputs[1:] if name == "where" else node.inputs
        strong = [x for x in mixed if isinstance(value_of(x), (np.ndarray, np.generic))]
        dtype = np.result_type(*map(type_of, strong)) if strong else node.dtype
        self.open(node)
        operands = [self.operand(x, node.shape, dtype) for x in node.inputs]
        numbers = [self._known_number(x) for x in node.inputs]
        text = expression(name, operands, numbers)
        if text is None:
            raise unsupported(node)
        text = re.sub(r"\bone\b", self.number(1, node.dtype), text) if "one" in text else text
        self.assign(node, f"{TYPES[node.dtype.name]}({text})")

    def open(self, node: Node) -> None:
        """Make sure that there is an open loop which can take a node."""
        loop = self.loop
        if loop is not None:
            ready = loop.values if node.shape else loop.later
            waits = any(self._pending(x) and x.index not in ready for x in node.inputs)
            if waits or (node.shape and loop.shape != node.shape):
                self.flush()
        if self.loop is None and node.shape:
            self.loop = Loop(node.shape)

    def assign(self, node: Node, text: str) -> None:
        loop = self.loop
        if node.shape:
            loop.values[node.index] = (node, text)  # type: ignore[union-attr]
            return
        line = f"t{node.index} = {text}"
        if loop is not None and any(map(self._pending, node.inputs)):
            loop.later[node.index] = line
        else:
            self.body.append(line)
        self.names[node.index] = f"t{node.index}"

    def flush(self) -> None:
        """Write the open loop."""
        loop, self.loop = self.loop, None
        if loop is None:
            return
        index = loop_index(len(loop.shape))
        lines: list[str] = []
        for node, text in loop.values.values():
            lines.append(f"t{node.index} = {text}")
            if not all(map(loop.covers, self._users[node.index])) or self._is_result(node):
                lines.append(f"{element(self.home(node), index)} = t{node.index}")
        around: dict[int, tuple[list[str], list[str]]] = {}
        for reduction in loop.reductions:
            before, inside, after = reduction.code()
            lines += inside
            beside = around.setdefault(reduction.level, ([], []))
            beside[0].extend(before)
            beside[1].extend(after)
        self.body += nest(lines, loop.shape, around)
        self.body += filter(None, loop.later.values())

    def _is_result(self, node: Node) -> bool:
        return any(x is node for x in self.graph.outputs)
