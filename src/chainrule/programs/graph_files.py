"""A graph file as a NumPy program: one line per node, traced and read like any other function.

The format is described in `chainrule.programs.graph_format`.
"""

from __future__ import annotations

import itertools
import keyword
import linecache
import re
import traceback
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.engine.errors import InvalidInput, NotDifferentiable
from chainrule.engine.graph import Graph
from chainrule.engine.transforms import trace
from chainrule.programs.graph_format import (
    GraphFileError,
    NodeSpec,
    Specification,
    parse_graph,
    read_graph,
    to_value,
)
from chainrule.programs.graph_operations import nearest
from chainrule.programs.names import node_names

if TYPE_CHECKING:
    from chainrule.programs.explain import Explanation

__all__ = ["GraphFile", "load_graph"]


def load_graph(path: str | Path) -> GraphFile:
    """Read a computational graph from a JSON or TOML file.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    GraphFile

    Raises
    ------
    GraphFileError
        One sentence that names the file, the node and the cure.

    Examples
    --------
    >>> graph = load_graph("r1.json")                                       # doctest: +SKIP
    >>> print(graph.explain().text())                                       # doctest: +SKIP
    """
    return GraphFile(read_graph(path))


@dataclass(frozen=True)
class GraphFile:
    """A computational graph that was given as data.

    Attributes
    ----------
    specification : Specification
        The nodes as the file has them, in topological order.
    """

    specification: Specification

    @classmethod
    def from_dict(cls, data: Any, origin: str = "graph", name: str = "f") -> GraphFile:
        """A graph from a dictionary of the format of `chainrule.programs.graph_format`.

        Parameters
        ----------
        data : dict
            As JSON or TOML gives it.
        origin : str
            Where it comes from, for messages.
        name : str
            The graph's name, unless the data say another.

        Returns
        -------
        GraphFile

        Raises
        ------
        GraphFileError
            The data are no graph; the message names the place.
        """
        return cls(parse_graph(data, origin, name))

    @property
    def name(self) -> str:
        """The graph's name."""
        return self.specification.name

    @property
    def description(self) -> str:
        """What the file says about itself."""
        return self.specification.description

    @property
    def inputs(self) -> dict[str, Any]:
        """The inputs in the order of the file, each with its value, or None where it has none."""
        return {node.name: node.value for node in self.specification.nodes if node.is_input}

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the outputs."""
        return self.specification.outputs

    @cached_property
    def source(self) -> str:
        """The program: a Python function with one statement per node."""
        nodes = self.specification.nodes
        lines = [f"def {self._function_name}({', '.join(self.inputs)}):"]
        lines += [f"    {node.name} = {self._statement(node)}" for node in nodes if node.operation]
        result = ", ".join(self._written(name) for name in self.outputs)
        return "\n".join([*lines, f"    return {result}", ""])

    @cached_property
    def function(self) -> Callable[..., Any]:
        """The program as a function of the inputs, by name or in order."""
        namespace: dict[str, Any] = {"np": np}
        if "expit(" in self.source:
            from scipy.special import expit

            namespace["expit"] = expit
        namespace |= {node.name: node.value for node in self._constant_arrays}
        exec(compile(self.source, self._filename, "exec"), namespace)
        function: Callable[..., Any] = namespace[self._function_name]
        return function

    def values(self, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The values of all inputs, those in ``given`` instead of the file's.

        Parameters
        ----------
        given : mapping of str to number or array, optional
            Values of inputs, instead of those in the file.

        Returns
        -------
        dict of str to number or array

        Raises
        ------
        GraphFileError
            A name that is no input, a bad number, or an input without a value.
        """
        values = self.inputs
        for name, value in (given or {}).items():
            if name not in values:
                known = ", ".join(values) or "none"
                raise self._error(
                    f"there is no input {name!r}; the inputs are {known}."
                    f"{nearest(name, list(values))}".rstrip(".")
                )

            def refuse(reason: str, name: str = name) -> None:
                raise self._error(f"the value given for input {name!r} cannot be used: {reason}")

            values[name] = to_value(value, refuse)
        missing = [name for name, value in values.items() if value is None]
        if missing:
            name = missing[0]
            raise self._error(
                f"input {name!r} has no value; write one into the file, or give one as in "
                f'--arg {name}=1 or {{"{name}": 1}}'
            )
        return values

    def evaluate(self, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The value of every output, by name.

        Parameters
        ----------
        given : mapping of str to number or array, optional
            Values of inputs, instead of those in the file.

        Returns
        -------
        dict of str to number or array

        Raises
        ------
        GraphFileError
            As `values`; or an operation fails on them.
        """
        result = self._call(lambda: self.function(**self.values(given)))
        values = (result,) if len(self.outputs) == 1 else result
        return dict(zip(self.outputs, values, strict=True))

    def trace(self, given: Mapping[str, Any] | None = None) -> Graph:
        """The graph with all its values.

        Parameters
        ----------
        given : mapping of str to number or array, optional
            Values of inputs, instead of those in the file.

        Raises
        ------
        GraphFileError
            An input has no value, operands do not fit together, or a value is not finite.
        """
        values = self.values(given)
        graph: Graph = self._call(lambda: trace(self.function, **values))
        for node in graph:
            if not np.all(np.isfinite(node.value)):
                line = node.where.line if node.where else 0
                raise self._error(f"{self._place(line)} is not finite: {node.value}")
        return graph

    def explain(
        self, given: Mapping[str, Any] | None = None, output: str | None = None
    ) -> Explanation:
        """Every node's expression, value and derivative; see `chainrule.explain`.

        Parameters
        ----------
        given : mapping of str to number or array, optional
            Values of inputs, instead of those in the file.
        output : str, optional
            The output to differentiate, where there are several.
        """
        from chainrule.programs.explain import explain_graph

        if output is not None and output not in self.outputs:
            raise self._error(
                f"there is no output {output!r}; the outputs are {', '.join(self.outputs)}."
                f"{nearest(output, self.outputs)}".rstrip(".")
            )
        of = None if output is None else self.outputs.index(output)
        graph = self.trace(given)
        try:
            return explain_graph(graph, of, self.node_names(graph))
        except (InvalidInput, NotDifferentiable) as error:
            raise self._error(str(error).rstrip(".")) from None

    def node_names(self, graph: Graph) -> dict[int, str]:
        """The names of a trace's nodes by index, those in the file as they are there.

        Parameters
        ----------
        graph : Graph
            What `trace` returned.

        Returns
        -------
        dict of int to str
        """
        names = {**node_names(graph), **{node.index: str(node.name) for node in graph.inputs}}
        computed = [node.name for node in self.specification.nodes if node.operation]
        last = {node.where.line: node.index for node in graph if node.where is not None}
        for line, index in last.items():
            if 0 <= line - 2 < len(computed):
                names[index] = computed[line - 2]
        return names

    def with_input(self, name: str, value: Any) -> GraphFile:
        """The same graph in which a node is an input of its own, whatever computed it before.

        Cutting a node out this way is how its derivative is checked against differences.

        Parameters
        ----------
        name : str
            The node.
        value : number or array
            Its value from now on.

        Returns
        -------
        GraphFile
        """
        specification = self.specification
        nodes = tuple(
            NodeSpec(name, value=value) if node.name == name else node
            for node in specification.nodes
        )
        return GraphFile(replace(specification, nodes=nodes))

    def with_outputs(self, names: tuple[str, ...]) -> GraphFile:
        """The same graph with other outputs, which may be any nodes.

        Parameters
        ----------
        names : tuple of str

        Returns
        -------
        GraphFile
        """
        return GraphFile(replace(self.specification, outputs=names))

    @cached_property
    def _filename(self) -> str:
        """Where tracebacks, names and quoted lines find the program; one name for one text."""
        lines = self.source.splitlines(True)
        for number in itertools.count(1):
            suffix = f" {number}" if number > 1 else ""
            filename = f"<{self.specification.origin}{suffix}>"
            known = linecache.cache.get(filename)
            if known is None or known[2:3] == (lines,):
                break
        linecache.cache[filename] = (len(self.source), None, lines, filename)
        return filename

    @cached_property
    def _function_name(self) -> str:
        name = re.sub(r"\W+", "_", self.name).strip("_")
        name = name if name.isidentifier() and not keyword.iskeyword(name) else "f"
        taken = {node.name for node in self.specification.nodes} | {"np", "expit"}
        while name in taken:
            name += "_"
        return name

    @property
    def _constant_arrays(self) -> list[NodeSpec]:
        nodes = self.specification.nodes
        return [node for node in nodes if node.constant and np.ndim(node.value)]

    @cached_property
    def _constants(self) -> dict[str, Any]:
        nodes = self.specification.nodes
        return {
            node.name: node.value for node in nodes if node.constant and not np.ndim(node.value)
        }

    def _written(self, operand: str | int | float) -> str:
        if isinstance(operand, str) and operand not in self._constants:
            return operand
        number = self._constants[operand].item() if isinstance(operand, str) else operand
        return f"({number!r})" if number < 0 else repr(number)

    def _statement(self, node: NodeSpec) -> str:
        assert node.operation is not None
        operands = node.operands
        if not any(isinstance(operand, str) for operand in operands):
            # whole numbers alone would be computed without bound: 9 ** 9 ** 9
            operands = tuple(float(operand) for operand in operands)
        written = [self._written(operand) for operand in operands]
        return node.operation.write(written, dict(node.settings))

    def _call(self, run: Callable[[], Any]) -> Any:
        """Run the program; what goes wrong in it is a sentence about a node."""
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)
                return run()
        except (ArithmeticError, ValueError, TypeError, IndexError, AttributeError) as error:
            frames = traceback.extract_tb(error.__traceback__)
            inside = [frame.lineno or 0 for frame in frames if frame.filename == self._filename]
            if not inside:
                raise
            reason = " ".join(str(error).split()).rstrip(".")
            raise self._error(f"{self._place(inside[-1])} cannot be computed: {reason}") from None

    def _place(self, line: int) -> str:
        """What stands on a line of the program, in the words of the file."""
        computed = [node for node in self.specification.nodes if node.operation]
        if not 2 <= line < len(computed) + 2:
            return "a value"
        node = computed[line - 2]
        return f"node {node.name!r} ({self._statement(node)})"

    def _error(self, message: str) -> GraphFileError:
        return GraphFileError(f"{self.specification.origin}: {message}.")
