"""The body of an emitted function: which values get a line of their own, and in which words.

A value gets a statement if it has a name of the user's, is the cotangent of one that has, is read
more than once, or would make its reader's line too long or too deep to read. Everything else stands
inside the expression that reads it, as a person would write it.
"""

from __future__ import annotations

import collections
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.engine.graph import Graph, Guard, Node, dtype_of
from chainrule.engine.primitive import CONSTANT, PLACEHOLDER, SELECT
from chainrule.engine.rules.indexing import index_text
from chainrule.programs.literals import literal
from chainrule.programs.names import Naming, is_identifier
from chainrule.programs.source_constants import Constants
from chainrule.programs.source_sharing import WRITES, Sharing, without_inputs
from chainrule.programs.source_wrapping import WIDTH
from chainrule.programs.statements import Statement, Statements
from chainrule.programs.terms import ATOM, COMPARISON, Term
from chainrule.programs.write_rewrites import names_each_once

FORWARD_DEPTH, FORWARD_LENGTH = 8, 64  # the user's own nesting is readable to the user
BACKWARD_DEPTH, BACKWARD_LENGTH = 4, 48
REPEATED_LENGTH, REPEATED_TIMES = 12, 3  # what is written again rather than named: p - y, W.T
INDENT = 4


class Line(NamedTuple):
    """One statement of the body."""

    text: str
    node: Node | None  # whose place in the user's source it belongs to
    value: Node | None  # what it binds


Kind = tuple[tuple[int, ...], np.dtype[Any], str]  # shape, dtype and memory layout of an array


class Dialect(NamedTuple):
    """How one library writes nodes, new arrays like another one, copies, and ``x[i] += v``.

    ``element`` is put behind an element that is read before its array is overwritten.
    """

    term: Callable[[Node, dict[int, Term], Constants], Term]
    new: Callable[[str, str, Kind | None], str]
    copy: str
    add_at: Callable[[str, str, str], str]
    counted: str
    element: str


def count_uses(graph: Graph, asserted: bool) -> list[int]:
    """How often each node is read, by nodes, as a result, and by assertions."""
    uses = [0] * len(graph.nodes)
    for node in graph.nodes:
        for operand in node.parents:
            uses[operand.index] += 1
    for output in graph.outputs:
        if type(output) is Node:
            uses[output.index] += 1
    for guard in graph.guards if asserted else ():
        uses[guard.node.index] += 1
    return uses


class Body:
    """The statements of a graph.

    Parameters
    ----------
    graph : Graph
    naming : Naming
    constants : Constants
    dialect : Dialect
    uses : sequence of int
        From `count_uses`.
    sharing : Sharing
    assertions : bool
        Check guards instead of mentioning them.
    reserve : callable
        Columns that a comment behind the statement of a node will take.
    """

    def __init__(
        self,
        graph: Graph,
        naming: Naming,
        constants: Constants,
        dialect: Dialect,
        uses: Sequence[int],
        sharing: Sharing,
        assertions: bool,
        reserve: Callable[[Node], int],
    ) -> None:
        self.graph = graph
        self.names = naming.names
        self.kept = naming.variables | naming.cotangents
        self.constants = constants
        self.dialect = dialect
        self.uses = uses
        self.sharing = sharing
        self.remaining = list(uses)  # readers that are not written yet
        self.pending: set[int] = set()  # values that stand inside expressions to come
        self.last_guard: Any = None
        self.assertions = assertions
        self.reserve = reserve
        self.statements = Statements()
        self.lines: list[Line] = []
        self.terms: dict[int, Term] = {}
        self.depth: dict[int, int] = {}
        self.likes: dict[Any, Node] = {}  # arrays by shape, dtype and layout
        self.overwritten = {graph.nodes[index].parents[0].index for index in sharing.first}
        self.constant_nodes = without_inputs(graph)
        self.written = {
            node.inputs[0].index
            for node in graph.nodes
            if node.primitive.name in WRITES and type(node.inputs[0]) is Node
        }
        self._write()

    def _write(self) -> None:
        results = [x for x in self.graph.outputs if type(x) is Node]
        self.kept |= {node.index for node in results}
        guarded: dict[int, list[Guard]] = {}
        for guard in self.graph.guards:
            guarded.setdefault(guard.node.index, []).append(guard)
        roots = results + [guard.node for guard in self.graph.guards if self.assertions]
        needed = {node.index for node in self.graph.ancestors_of(roots)}
        for node in self.graph.nodes:
            if node.primitive is PLACEHOLDER:
                self.terms[node.index] = Term(self.names[node.index])
                self._offer(node)
            elif node.index in needed and node.index not in self.terms:
                self._visit(node)
            for guard in guarded.get(node.index, ()):
                self._guard(guard)
        self._drop_unread({node.index for node in results})

    def _drop_unread(self, results: set[int]) -> None:
        """Leave out constants that were written into new arrays instead of being read."""
        words = collections.Counter(re.findall(r"\w+", "\n".join(line.text for line in self.lines)))
        self.lines = [
            line
            for line in self.lines
            if line.value is None
            or line.value.index in results
            or line.value.index not in self.constant_nodes
            or words[self.names[line.value.index]] > 1
        ]

    # --- one node ---------------------------------------------------------------------------------

    def _visit(self, node: Node) -> None:
        if node.primitive is SELECT:
            self.terms[node.index] = Term(self.names[node.index])
        elif node.primitive.outputs > 1:
            self._several(node)
        elif node.primitive.name in WRITES:
            self._assigned(node)
        elif node.primitive.name == "scatter":
            self._scattered(node)
        elif node.primitive is CONSTANT and node.index in self.written:
            self._new_array(node, node.inputs[0])
            self.terms[node.index] = Term(self.names[node.index])
        elif node.primitive is CONSTANT and node.index in self.kept and self.uses[node.index] > 1:
            self._bind(node, self._text(node.inputs[0]))
        elif node.primitive is CONSTANT:
            self.terms[node.index] = Term(self._text(node.inputs[0]))
        else:
            self._expression(node)

    def _expression(self, node: Node) -> None:
        room = WIDTH - INDENT - len(self.names[node.index]) - 3 - self.reserve(node)
        found = self._composed(node, room)
        depth = 1 + max([self.depth.get(x.index, 0) for x in node.parents], default=0)
        forward = node.of is None
        if (
            node.index in self.kept
            or node.index in self.written
            or len(found.text) > (FORWARD_LENGTH if forward else BACKWARD_LENGTH)
            or depth > (FORWARD_DEPTH if forward else BACKWARD_DEPTH)
            or (self.uses[node.index] > 1 and not self._is_repeated(node, found))
        ):
            self._consume(node)
            self._bind(node, found.text)
        else:
            self._consume(node)
            self.terms[node.index] = found
            self.depth[node.index] = depth
            self.pending.add(node.index)

    def _consume(self, node: Node) -> None:
        """A reader has been written; what nobody else reads is no longer pending."""
        for operand in node.parents:
            self.remaining[operand.index] -= 1
            if self.remaining[operand.index] <= 0:
                self.pending.discard(operand.index)

    def _composed(self, node: Node, room: int) -> Term:
        """The node's expression; inlined operands become statements until it fits its line."""
        first = node.inputs[0] if node.inputs else None
        if node.primitive.name == "quotient":  # its notation writes the dividend twice
            self._name(first)
        elif type(first) is Node and first.index in self.sharing.holder:
            added = f"{self.names[first.index]} + "
            if self.terms[first.index].text.startswith(added):
                self._name(first)  # what is added up in a variable is added one by one
        found = self.dialect.term(node, self.terms, self.constants)
        while len(found.text) > room:
            inlined = [x for x in node.parents if not is_identifier(self.terms[x.index].text)]
            if not inlined:
                break
            self._name(max(inlined, key=lambda x: len(self.terms[x.index].text)))
            found = self.dialect.term(node, self.terms, self.constants)
        return found

    def _name(self, operand: Any) -> None:
        """Give an inlined operand a statement after all."""
        if type(operand) is Node and not is_identifier(self.terms[operand.index].text):
            self._bind(operand, self.terms[operand.index].text)

    def _is_repeated(self, node: Node, found: Term) -> bool:
        """Whether an expression is so short that it is written again instead of named."""
        if len(found.text) > REPEATED_LENGTH:
            return False
        if not node.parents and node.shape == ():
            return True
        if self.uses[node.index] > REPEATED_TIMES:
            return False
        plain = all(
            type(x) is not Node or is_identifier(self.terms[x.index].text) for x in node.inputs
        )
        name = node.primitive.name
        short = node.primitive.infix is not None or name in ("negative", "transpose", "getitem")
        return plain and short and "(" not in found.text

    def _bind(self, node: Node, text: str) -> None:
        name = self.names[node.index]
        array = node.parents[0].index if node.parents else -1
        if node.primitive.name == "getitem" and array in self.overwritten:
            text += self.dialect.element
        statement = f"{name} = {text}"
        if self._adds_up(node):
            statement = f"{name} += {text[len(name) + 3 :]}"
        self.lines.append(Line(statement, node, node))
        self.terms[node.index] = Term(name)
        self.depth[node.index] = 0
        self.pending.discard(node.index)
        self._offer(node)

    def _adds_up(self, node: Node) -> bool:
        """Whether a sum may be added to the variable of its first part, which nobody else reads."""
        part = node.inputs[0] if node.primitive.name == "add" else None
        if type(part) is not Node or part.index not in self.sharing.holder:
            return False
        name = self.names[node.index]
        alike = part.shape == node.shape and part.dtype == node.dtype
        return alike and self.terms[part.index].text == name == self.names[part.index]

    def _offer(self, node: Node) -> None:
        """Let later arrays of this shape be made after the likeness of this one."""
        if type(node.value) is np.ndarray:
            self.likes.setdefault((node.shape, node.dtype, _layout(node.value)), node)

    def _several(self, node: Node) -> None:
        found = self.dialect.term(node, self.terms, self.constants)
        self._consume(node)
        parts = self.graph.nodes[node.index + 1 : node.index + 1 + node.primitive.outputs]
        targets = [self.names[part.index] if self.uses[part.index] else "_" for part in parts]
        self.lines.append(Line(f"{', '.join(targets)} = {found.text}", node, None))

    def _text(self, operand: Any) -> str:
        """The expression of an operand that stands in no precedence."""
        if type(operand) is Node:
            return self.terms[operand.index].text
        named = self.constants(operand)
        if named is not None:
            return named
        alone = Node(-1, CONSTANT, [operand], [operand], {}, operand, None, -1, None)
        return self.dialect.term(alone, {}, self.constants).text

    # --- writing into arrays ----------------------------------------------------------------------

    def _assigned(self, node: Node) -> None:
        base, value, *operands = node.inputs
        name = self.names[node.index]
        if node.index in self.sharing.first:
            self._name(base)
            for reader in self.sharing.first[node.index]:
                self._visit(reader)
                self._name(reader)
            if type(value) is Node and value.index in self.pending and self.uses[value.index] > 1:
                self._name(value)
            self._consume(node)
            self._settle(name)
        elif type(base) is Node and base.index in self.constant_nodes:
            self._new_array(node, base.value)
        elif type(base) is Node:
            copied = f"{self.dialect.copy}({self.terms[base.index].text})"
            self.lines.append(Line(f"{name} = {copied}", node, None))
        else:
            self._new_array(node, base)
        if node.index not in self.sharing.first:
            self._consume(node)
        sign = "=" if node.primitive.name == "assign" else "+="
        if node.primitive.name == "assign" or names_each_once(list(operands)):
            text = f"{name}[{self._index(node, operands, True)}] {sign} {self._text(value)}"
        else:
            text = self.dialect.add_at(name, self._index(node, operands, False), self._text(value))
        self.lines.append(Line(text, node, node))
        self.terms[node.index] = Term(name)

    def _settle(self, name: str) -> None:
        """Before a variable changes, write down what is still to be read from it."""
        for index in sorted(self.pending):
            if re.search(rf"\b{name}\b", self.terms[index].text):
                self._name(self.graph.nodes[index])

    def _scattered(self, node: Node) -> None:
        value, *operands = node.inputs
        name = self.names[node.index]
        self._consume(node)
        source = node.of.parents[0] if node.of is not None and node.of.parents else None
        if source is not None and not is_identifier(self.terms[source.index].text):
            source = None
        self._new_array(node, np.zeros(node.params["shape"], dtype_of(node.value)), source)
        if names_each_once(list(operands)):
            text = f"{name}[{self._index(node, operands, True)}] += {self._text(value)}"
        else:
            text = self.dialect.add_at(name, self._index(node, operands, False), self._text(value))
        self.lines.append(Line(text, node, node))
        self.terms[node.index] = Term(name)

    def _new_array(self, node: Node, contents: np.ndarray, like: Node | None = None) -> None:
        """A new array, made after the likeness of a value so that it can be traced again."""
        name = self.names[node.index]
        shape, dtype = contents.shape, contents.dtype
        kind = (shape, dtype, _layout(contents) or "C")
        if like is None or type(like.value) is not np.ndarray or _kind(like.value) != kind:
            like = self.likes.get(kind)
        uniform = contents.size > 0 and bool(np.all(contents == contents.flat[0]))
        first = literal(contents.flat[0].item() if uniform else 0)
        if like is not None:
            text = self.dialect.new(self.terms[like.index].text, first, None)
        else:
            anything = self.terms[self.graph.inputs[0].index].text
            text = self.dialect.new(anything, first, kind)
        self.lines.append(Line(f"{name} = {text}", node, None))
        if contents.size and not uniform:
            self.lines.append(Line(f"{name}[...] = {self._text(contents)}", node, None))

    def _index(self, node: Node, operands: Sequence[Any], subscripted: bool) -> str:
        """The index between brackets, or as an argument of a function."""
        index = node.params["index"]
        text = index_text(index, tuple([self._text(x) for x in operands]))
        if subscripted:
            return text
        parts = index if type(index) is tuple else (index,)
        if any(isinstance(part, slice) or part is Ellipsis for part in parts):
            return f"np.s_[{text}]"
        return f"({text})" if type(index) is tuple else text

    # --- guards -----------------------------------------------------------------------------------

    def _guard(self, guard: Guard) -> None:
        where = guard.where
        place = "a branch" if where is None else f"line {where.line}"
        if not self.assertions:
            if (where, guard.outcome) == self.last_guard:
                return
            self.last_guard = (where, guard.outcome)
            quoted = f": {where.text}" if where is not None and where.text else ""
            verb = "was" if guard.kind == "bool" else "gave"
            text = f"# {place} {verb} {guard.outcome}{quoted}"
            self.lines.append(Line(text, guard.node, None))
            return
        found = self.terms[guard.node.index]
        outcome = literal(guard.outcome)
        text = {
            "bool": found.text if guard.outcome else f"not {found.within(COMPARISON)}",
            "int": f"int({found.text}) == {outcome}",
            "float": f"float({found.text}) == {outcome}",
            "value": f"{found.within(ATOM)}.tolist() == {outcome}",
            "count": f"{self.dialect.counted}({found.text}) == {outcome}",
        }[guard.kind]
        message = f', "{place} was traced with another outcome"'
        text = f"assert {text}"
        text += message if INDENT + len(text) + len(message) <= WIDTH else ""
        self.lines.append(Line(text, guard.node, None))

    def statement(self, node: Node) -> Statement | None:
        """The user's statement that a node comes from."""
        return self.statements.of(node)


def _kind(array: np.ndarray) -> tuple[Any, ...]:
    return (array.shape, array.dtype, _layout(array))


def _layout(array: np.ndarray) -> str:
    """How an array lies in memory: like C's, like Fortran's, or neither."""
    return "C" if array.flags.c_contiguous else "F" if array.flags.f_contiguous else ""
