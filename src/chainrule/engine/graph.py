"""A traced function as data: nodes in creation order, which is a topological order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import CodeType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainrule.engine.errors import GuardMiss, InvalidInput
from chainrule.engine.location import Location, locate
from chainrule.engine.trees import Structure, flatten_like
from chainrule.engine.wording import counted

if TYPE_CHECKING:
    from chainrule.engine.primitive import Primitive
    from chainrule.programs.nonfinite import NonFinite
    from chainrule.programs.picture import Picture
    from chainrule.programs.source import Source
    from chainrule.programs.table import Table


def shape_of(value: Any) -> tuple[int, ...]:
    """The shape of an array, traced value or number, without asking NumPy."""
    found = getattr(value, "shape", None)
    return np.shape(value) if found is None else found


def dtype_of(value: Any) -> np.dtype[Any]:
    """The data type of an array, traced value or number, without asking NumPy."""
    found = getattr(value, "dtype", None)
    return np.result_type(value) if found is None else found


def own_copy(value: Any) -> Any:
    """A value that may be changed without changing the graph: a copy of an array."""
    return value.copy() if type(value) is np.ndarray else value


class Node:
    """One value of a traced function and how it was made.

    Attributes
    ----------
    index : int
        Position in the graph; every input has a smaller index.
    primitive : Primitive
        What computed the value (``PLACEHOLDER`` for an input of the function).
    inputs : tuple of Node or constant
        Array operands. Constants are arrays, NumPy scalars or Python numbers.
    operands : list
        The values of the inputs, as evaluation and rules see them.
    params : dict
        Static parameters of the primitive, defaults filled in.
    value : array, scalar, tuple of arrays, or None
        The concrete value; None once it has been released.
    name : str or None
        Name given by the user or derived from an argument.
    of : Node or None
        For a backward node the forward node it belongs to.
    code, instruction : code object or None, int
        The user's code that computed the value, and where in it; see ``where``.
    """

    __slots__ = (
        "code", "index", "inputs", "instruction", "name", "of", "operands", "params",
        "primitive", "value",
    )  # fmt: skip

    def __init__(
        self,
        index: int,
        primitive: Primitive,
        inputs: Any,
        operands: Any,
        params: dict[str, Any],
        value: Any,
        code: CodeType | None,
        instruction: int,
        of: Node | None,
    ) -> None:
        self.index = index
        self.primitive = primitive
        self.inputs = inputs
        self.operands = operands
        self.params = params
        self.value = value
        self.code = code
        self.instruction = instruction
        self.of = of
        self.name: str | None = None

    @property
    def where(self) -> Location | None:
        """The user's source line that made this node (its forward line for a backward node)."""
        return None if self.code is None else locate(self.code, self.instruction)

    @property
    def pass_(self) -> str:
        """``"forward"`` or ``"backward"``."""
        return "forward" if self.of is None else "backward"

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value; () for scalars, and for the several values of a split or an SVD."""
        return () if isinstance(self.value, tuple) else shape_of(self.value)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of the value."""
        return dtype_of(self.value)

    @property
    def parents(self) -> list[Node]:
        """The inputs that are nodes, in order, repeats included."""
        return [x for x in self.inputs if type(x) is Node]

    def __repr__(self) -> str:
        operands = ", ".join(f"%{x.index}" if type(x) is Node else _brief(x) for x in self.inputs)
        params = "".join(
            f", {k}={v!r}" for k, v in self.primitive.shown_params(self.params).items()
        )
        name = f" {self.name}" if self.name else ""
        spec = f"{self.dtype}{list(self.shape)}" if not isinstance(self.value, tuple) else "tuple"
        return f"%{self.index}{name} = {self.primitive.name}({operands}{params}) : {spec}"


class Guard(NamedTuple):
    """An escape of a traced value to Python (``bool``, ``int``, an index) and what it returned."""

    node: Node
    kind: str
    outcome: Any
    code: CodeType
    instruction: int

    @property
    def where(self) -> Location:
        """The user's source line that asked."""
        return locate(self.code, self.instruction)


class Graph:
    """A traced function: its nodes, inputs, outputs and guards.

    Parameters
    ----------
    nodes : list of Node
        In creation order, which is a topological order.
    inputs : list of Node
        The placeholders, in the order of the flattened arguments.
    outputs : list of Node or constant
        The flattened result; an output that does not depend on any input is a constant.
    structure : Structure
        How ``outputs`` unflatten into the function's result.
    arguments : Structure
        How ``inputs`` unflatten into ``(args, kwargs)``.
    guards : list of Guard
    name : str
        The function's name.
    function : callable, optional
        The function itself; printed programs take their names from its source.

    Attributes
    ----------
    cotangents : dict
        In a graph with a backward pass, the node that holds the cotangent of a forward node, by
        the forward node's index.
    """

    def __init__(
        self,
        nodes: list[Node],
        inputs: list[Node],
        outputs: list[Any],
        structure: Structure,
        arguments: Structure,
        guards: list[Guard],
        name: str,
        function: Callable[..., Any] | None = None,
    ) -> None:
        self.nodes = nodes
        self.inputs = inputs
        self.outputs = outputs
        self.structure = structure
        self.arguments = arguments
        self.guards = guards
        self.name = name
        self.function = function
        self.cotangents: dict[int, Node] = {}

    def backward(
        self,
        wrt: str | int | Sequence[str | int] | None = None,
        of: int | Sequence[int] | None = None,
    ) -> Graph:
        """This graph with its backward pass appended; see `chainrule.engine.symbolic`.

        Parameters
        ----------
        wrt : name, index, or sequence of them, optional
            Inputs to differentiate with respect to; by default every floating-point input.
        of : int or sequence of int, optional
            Outputs to differentiate; by default all.

        Returns
        -------
        Graph
            Its result is ``(result, {input name: gradient})``.
        """
        from chainrule.engine.symbolic import backward_graph

        return backward_graph(self, wrt, of)

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    @property
    def value(self) -> Any:
        """The function's result for the traced arguments."""
        return self.structure.unflatten(
            [own_copy(x.value if type(x) is Node else x) for x in self.outputs]
        )

    def users(self) -> list[list[Node]]:
        """For every node, by index, the nodes that read it."""
        found: list[list[Node]] = [[] for _ in self.nodes]
        for node in self.nodes:
            for operand in {x.index: x for x in node.parents}.values():
                found[operand.index].append(node)
        return found

    def ancestors_of(self, targets: list[Node]) -> list[Node]:
        """Every node that ``targets`` depend on, themselves included, in creation order."""
        needed = [False] * len(self.nodes)
        for target in targets:
            needed[target.index] = True
        for node in reversed(self.nodes):
            if needed[node.index]:
                for operand in node.parents:
                    needed[operand.index] = True
        return [node for node in self.nodes if needed[node.index]]

    def lint(self) -> None:
        """Check the graph's invariants.

        Raises
        ------
        AssertionError
            A node is out of order, foreign to the graph, or has the wrong arity.
        """
        for position, node in enumerate(self.nodes):
            assert node.index == position, f"node {node!r} stands at position {position}"
            for operand in node.parents:
                assert operand.index < position, f"{node!r} reads the later node %{operand.index}"
                assert self.nodes[operand.index] is operand, f"{node!r} reads a foreign node"
            if node.of is not None:
                assert self.nodes[node.of.index] is node.of, f"{node!r} belongs to a foreign node"
        for node in [*self.inputs, *(x for x in self.outputs if type(x) is Node)]:
            assert self.nodes[node.index] is node, f"input or output {node!r} is foreign"

    def evaluate(self, /, *args: Any, **kwargs: Any) -> Any:
        """Run the graph on new arguments of the same structure, shapes and dtypes.

        Parameters
        ----------
        *args, **kwargs
            As for the traced function.

        Returns
        -------
        tree
            What the function would return.

        Raises
        ------
        InvalidInput
            The arguments have another structure, shape or dtype.
        GuardMiss
            The arguments would have taken another branch of the traced function.
        """
        leaves, structure = flatten_like(self.arguments, (args, kwargs))
        if structure != self.arguments:
            raise InvalidInput(
                f"{self.name} was traced with arguments {self.arguments}, got {structure}; "
                f"trace it again for arguments of another structure."
            )
        values: list[Any] = [None] * len(self.nodes)
        for node, leaf in zip(self.inputs, leaves, strict=True):
            if shape_of(leaf) != node.shape or dtype_of(leaf) != node.dtype:
                raise InvalidInput(
                    f"argument {node.name} of {self.name} was traced as "
                    f"{node.dtype}{list(node.shape)}, "
                    f"got {dtype_of(leaf)}{list(shape_of(leaf))}; trace again for another shape "
                    "or dtype."
                )
            values[node.index] = leaf
        guards: dict[int, list[Guard]] = {}
        for guard in self.guards:
            guards.setdefault(guard.node.index, []).append(guard)
        for node in self.nodes:
            if node.inputs or node.primitive.name != "placeholder":
                operands = [values[x.index] if type(x) is Node else x for x in node.inputs]
                values[node.index] = node.primitive.evaluate(*operands, **node.params)  # type: ignore[misc]
            for guard in guards.get(node.index, ()):
                _check_guard(guard, values[node.index], self.name)
        return self.structure.unflatten(
            [own_copy(values[x.index] if type(x) is Node else x) for x in self.outputs]
        )

    def __repr__(self) -> str:
        lines = [f"graph of {self.name}: {counted(len(self.nodes), 'node')}"]
        lines += [f"  {node!r}" for node in self.nodes]
        outputs = ", ".join(f"%{x.index}" if type(x) is Node else _brief(x) for x in self.outputs)
        return "\n".join([*lines, f"  return {outputs}"])

    # --- how it is read: by `chainrule.programs`, imported when first asked ----------------------

    def source(self, **options: Any) -> Source:
        """A program that returns what the graph returns, simplified.

        Parameters
        ----------
        **options
            As for `chainrule.source`.

        Returns
        -------
        Source
        """
        from chainrule.programs.simplify import simplify
        from chainrule.programs.source import graph_source

        return graph_source(simplify(self), **options)

    def svg(self, **options: Any) -> Picture:
        """A picture of the graph; options as for `chainrule.programs.picture.picture`."""
        from chainrule.programs.picture import picture

        return picture(self, **options)

    def table(self) -> Table:
        """Every step with expression, shape, value, cotangent and source line."""
        from chainrule.programs.table import step_table

        return step_table(self)

    def expressions(self) -> str:
        """One line per node, ``name = expression``."""
        from chainrule.programs.expressions import list_expressions

        return list_expressions(self)

    def step_page(self) -> str:
        """A self-contained HTML page on which one steps through the graph and its derivative."""
        from chainrule.programs.step_page import step_page

        return step_page(self)

    def to_dot(self) -> str:
        """The graph in the language of Graphviz."""
        from chainrule.programs.exports import to_dot

        return to_dot(self)

    def to_mermaid(self) -> str:
        """The graph as a Mermaid flow chart."""
        from chainrule.programs.exports import to_mermaid

        return to_mermaid(self)

    def to_json(self) -> str:
        """The graph as JSON; `chainrule.programs.exports.GraphDescription` reads it back."""
        from chainrule.programs.exports import to_json

        return to_json(self)

    def first_nonfinite(self) -> NonFinite | None:
        """The first value, or else the first cotangent, that is infinite or not a number."""
        from chainrule.programs.nonfinite import first_nonfinite

        return first_nonfinite(self)

    def _repr_html_(self) -> str:
        from chainrule.programs.display import graph_html

        return graph_html(self)


def _count_nonzero(value: Any) -> int:
    nested = getattr(value, "_escape", None)  # a traced value of an outer trace guards itself
    return int(np.count_nonzero(value)) if nested is None else nested("count")


ESCAPES: dict[str, Callable[[Any], Any]] = {
    "bool": bool,
    "int": int,
    "float": float,
    "value": lambda value: value.tolist() if hasattr(value, "tolist") else value,
    "count": _count_nonzero,
}


def _check_guard(guard: Guard, value: Any, name: str) -> None:
    outcome = ESCAPES[guard.kind](value)
    if outcome != guard.outcome:
        raise GuardMiss(
            f"{name} took {guard.kind}(...) = {guard.outcome} when it was traced and would take "
            f"{outcome} "
            f"now ({guard.where}); trace it again for these arguments."
        )


def _brief(constant: Any) -> str:
    shape = getattr(constant, "shape", ())
    if shape:
        return f"<{getattr(constant, 'dtype', '')}{list(shape)}>"
    return repr(constant) if not isinstance(constant, np.generic) else repr(constant.item())
