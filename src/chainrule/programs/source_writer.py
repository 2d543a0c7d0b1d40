"""One program put together: imports, constants, signature, statements, result."""

from __future__ import annotations

import functools
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.engine.graph import Graph, Node
from chainrule.programs.bindings import Bindings
from chainrule.programs.literals import literal
from chainrule.programs.names import (
    COTANGENT_STYLES,
    CotangentStyle,
    Namespace,
    Naming,
    legal,
    parameter_names,
)
from chainrule.programs.numpy_dialect import is_foreign, numpy_dialect
from chainrule.programs.source_body import Body, count_uses
from chainrule.programs.source_constants import Constants, visible_arrays
from chainrule.programs.source_lines import Alias, Lines, shape_comment
from chainrule.programs.source_sharing import share
from chainrule.programs.source_signature import Signature, built, input_labels
from chainrule.programs.source_wrapping import WIDTH, wrapped
from chainrule.programs.terms import Term


class Options(NamedTuple):
    """How a program is to look; see `chainrule.source`."""

    cotangents: CotangentStyle
    shapes: bool
    comments: bool
    assertions: bool
    backend: str
    gradients: bool  # the result is (value, {parameter: gradient})
    layer: bool = False  # a single cotangent is an argument by its own name


class Writer:
    """Puts the parts of one program together."""

    def __init__(
        self, graph: Graph, seen: Bindings, fixed: Mapping[str, Any], options: Options
    ) -> None:
        self.graph = graph
        self.style = COTANGENT_STYLES[options.cotangents]
        self.options = options
        self.torch = options.backend == "torch"
        self.bound: dict[str, Any] = {}
        self.signature = Signature(graph, fixed)
        uses = count_uses(graph, options.assertions)
        sharing = share(graph, uses)
        self.name = self._function_name()
        self.foreign = self._bind_foreign()
        taken = [self.name, *self.bound]
        self.naming = Naming(graph, self.style, seen.leaves(graph), taken, sharing.holder)
        self.space = self.naming.space
        seeds = [x for x in graph.inputs if x.of is not None]
        if len(seeds) == 1 and options.layer:
            self.signature.name_cotangent(self.naming.names[seeds[0].index])
        self.dialect = numpy_dialect(self._foreign)
        self.write: Callable[[Any], str] = literal
        if self.torch:
            from chainrule.programs.torch_notation import TORCH, torch_literal

            self.dialect, self.write = TORCH, torch_literal
        arrays = visible_arrays(graph.function, seen.arrays)
        copy = "clone" if self.torch else "copy"
        self.constants = Constants(graph, arrays, self.space, self.write, copy)
        self.gradients, aliases = self._gradients()
        aliases += self._remarks() if options.comments else []
        room = (lambda node: len(shape_comment(node))) if options.shapes else (lambda node: 0)
        body = Body(
            graph,
            self.naming,
            self.constants,
            self.dialect,
            uses,
            sharing,
            options.assertions,
            room,
        )
        zeros_like = f"{'torch' if self.torch else 'np'}.zeros_like"
        self.lines = Lines(
            body, aliases, options.comments, options.shapes, self._constant, zeros_like
        )

    def _constant(self, value: Any) -> str:
        return self.constants(value) or self.write(value)

    def _gradients(self) -> tuple[dict[int, str], list[Alias]]:
        """Names of the gradients, by position among the outputs, and those yet to be assigned."""
        names: dict[int, str] = {}
        aliases: list[Alias] = []
        inputs = {node.name: node for node in self.graph.inputs}
        value, *rest = self.graph.structure.children or (self.graph.structure,)
        if not self.options.gradients or len(rest) != 1 or rest[0].kind is not dict:
            return {}, []
        labels = [
            path
            for label, tree in zip(rest[0].description, rest[0].children, strict=True)
            for path in tree.paths(label)
        ]
        for position, label in enumerate(labels, value.count):
            output, argument = self.graph.outputs[position], inputs[label]
            wanted = self.style(self.naming.names[argument.index])
            own = self.naming.names.get(output.index) if type(output) is Node else None
            cotangent = self.graph.cotangents.get(argument.index)
            if own == wanted or (own and cotangent is output and own.startswith(wanted)):
                names[position] = own
            else:
                names[position] = self.space.create(wanted)
                aliases.append(Alias(names[position], output, argument))
        return names, aliases

    def _remarks(self) -> list[Alias]:
        """Derivatives by the user's variables that are values of the forward pass: e_bar = e."""
        found: list[Alias] = []
        written = set(self.gradients.values()) | set(self.naming.names.values())
        for index, cotangent in self.graph.cotangents.items():
            node = self.graph.nodes[index]
            name = self.style(self.naming.names[index])
            named = index in self.naming.variables and cotangent.index in self.naming.variables
            if named and cotangent.of is None and name not in written:
                found.append(Alias(name, cotangent, node, remark=True))
        return found

    def _function_name(self) -> str:
        own = self.graph.name
        base = own if own.isidentifier() else "function"
        return f"{base}_and_gradient" if self.options.gradients else base

    def _bind_foreign(self) -> dict[int, str]:
        """Bind functions that are no part of NumPy; their names, by the nodes that call them."""
        space = Namespace([*parameter_names(self.graph), self.name])
        found: dict[int, str] = {}
        known: dict[int, str] = {}
        for node in self.graph.nodes:
            if is_foreign(node):
                primitive = node.primitive
                if node.params or id(primitive) not in known:
                    name = known[id(primitive)] = space.create(primitive.name)
                    evaluate: Any = primitive.evaluate
                    bound = functools.partial(evaluate, **node.params) if node.params else evaluate
                    self.bound[name] = bound
                found[node.index] = known[id(primitive)]
        return found

    def _foreign(self, node: Node, terms: dict[int, Term], constants: Constants) -> Term:
        """A call of a function that is bound by name."""
        operands = [
            terms[x.index].text if type(x) is Node else constants(x) or literal(x)
            for x in node.inputs
        ]
        return Term(f"{self.foreign[node.index]}({', '.join(operands)})")

    def bind(self, name: str, value: Any) -> str:
        """Make an object known to the program, or a new variable."""
        for known, held in self.bound.items():
            if held is value and value is not None:
                return known
        created = self.space.create(legal(name))
        if value is not None:
            self.bound[created] = value
        return created

    def text(self) -> tuple[str, dict[str, Any]]:
        """The program, and what it reads by name."""
        lines = self._function()
        bound = {**self.constants.bound, **self.bound}
        if self.torch:
            from chainrule.programs.torch_notation import as_tensor

            bound = {name: as_tensor(value) for name, value in bound.items()}
        header = self._header(lines, bound)
        return "\n".join([*header, *["", ""][: 2 * bool(header)], *lines]) + "\n", bound

    # --- above the function -----------------------------------------------------------------------

    def _header(self, lines: list[str], bound: Mapping[str, Any]) -> list[str]:
        code = [line for line in lines if not line.lstrip().startswith("#")]
        body = "\n".join([*code, *self.constants.definitions.values()])
        header = [x for word, x in _IMPORTS.items() if re.search(rf"(?<![\w.]){word}\.", body)]
        notes = [f"# {name}: {_described(value)}" for name, value in bound.items()]
        definitions = [
            line
            for name, text in self.constants.definitions.items()
            for line in wrapped(f"{name} = {text}")
        ]
        if notes:
            notes.insert(0, "# These are bound by name, see Source.constants:")
        parts = [part for part in (header, notes, definitions) if part]
        return [line for part in parts for line in ["", *part]][1:]

    # --- the function -----------------------------------------------------------------------------

    def _function(self) -> list[str]:
        results = self._results()
        items = self.lines.text()
        used = self._labels_read([*items, *results])
        labels = input_labels(self.graph)
        names = {label: self.naming.names[index] for index, label in labels.items()}
        unpacking = self.signature.unpacking(names, used, self.bind)
        lines = wrapped(self.signature.header(self.name))
        lines += self._docstring()
        for statement in [*self.signature.checks(), *unpacking]:
            lines += wrapped(statement, 4)
        lines += items
        return [*lines, *results]

    def _labels_read(self, items: Sequence[str]) -> set[str]:
        code = "\n".join(item for item in items if not item.lstrip().startswith("#"))
        words = set(re.findall(r"\w+", code))
        labels = input_labels(self.graph)
        return {label for index, label in labels.items() if self.naming.names[index] in words}

    def _docstring(self) -> list[str]:
        what = "Value and gradient" if self.options.gradients else "Value"
        own = self.graph.name if self.graph.name.isidentifier() else "a function"
        specs = []
        for node in self.graph.inputs:
            kind = "" if node.dtype == np.dtype(float) else f" {node.dtype.name}"
            specs.append(f"{self.naming.names[node.index]} {node.shape}{kind}")
        shapes = textwrap.wrap(
            f"Shapes: {', '.join(specs)}.",
            WIDTH - 4,
            break_long_words=False,
            break_on_hyphens=False,
        )
        title = [f"{what} of {own}."]
        products = [
            f"sum({self.naming.names[x.index]} * {self.naming.names[x.of.index]})"
            for x in self.graph.inputs
            if x.of is not None
        ]
        if products:
            text = f"Value of {own}, and gradient of {' + '.join(products)}."
            title = textwrap.wrap(text, WIDTH - 7)
        title[0] = f'"""{title[0]}'
        return [f"    {line}".rstrip() for line in [*title, "", *shapes, '"""']]

    def _results(self) -> list[str]:
        """The return statement; long gradients are collected first."""
        texts = [self.gradients.get(i) or self._result(x) for i, x in enumerate(self.graph.outputs)]
        structure = self.graph.structure
        if not self.gradients:
            text = built(structure, texts, None, self.bind)
            return wrapped(f"return {text}", 4)
        value_structure, gradients = structure.children
        count = value_structure.count
        value = built(value_structure, texts[:count], None, self.bind)
        parts = []
        rest = texts[count:]
        for label, tree in zip(gradients.description, gradients.children, strict=True):
            given, rest = rest[: tree.count], rest[tree.count :]
            access = self.signature.access(label) if label in self.signature.trees else None
            parts.append(f"{literal(label)}: {built(tree, given, access, self.bind)}")
        text = f"{{{', '.join(parts)}}}"
        line = f"return {value}, {text}"
        if 4 + len(line) <= WIDTH:
            return ["    " + line]
        name = self.space.create("gradient")
        return [*wrapped(f"{name} = {text}", 4), f"    return {value}, {name}"]

    def _result(self, output: Any) -> str:
        if type(output) is Node:
            return self.naming.names[output.index]
        return self._constant(output)


def _described(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"array of shape {value.shape}, {value.dtype.name}"
    return f"{type(value).__name__} {getattr(value, '__name__', '')}".strip()


_IMPORTS = {
    "chainrule": "import chainrule",
    "np": "import numpy as np",
    "scipy.special": "import scipy.special",
    "torch": "import torch",
}
