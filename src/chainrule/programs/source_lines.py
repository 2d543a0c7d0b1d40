"""The statements of a program in order, with the user's own lines quoted above them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.engine.graph import Node
from chainrule.programs.source_body import INDENT, Body, Line
from chainrule.programs.source_wrapping import WIDTH, wrapped
from chainrule.programs.statements import Statement

MARGIN = " " * INDENT


class Alias(NamedTuple):
    """A derivative that is another value: ``b_bar = h_bar``."""

    name: str
    output: Any  # the node or constant that it is
    argument: Node
    remark: bool = False  # nothing reads it by this name: a comment says so


class Lines:
    """Puts statements and comments together.

    Parameters
    ----------
    body : Body
    aliases : sequence of Alias
    comments, shapes : bool
        Quote the user's statements; put shapes behind the program's.
    write : callable
        Gives the source of a constant.
    zeros_like : str
        The function that makes the gradient of an argument without influence.
    """

    def __init__(
        self,
        body: Body,
        aliases: Sequence[Alias],
        comments: bool,
        shapes: bool,
        write: Callable[[Any], str],
        zeros_like: str,
    ) -> None:
        self.body = body
        self.aliases = aliases
        self.comments = comments
        self.shapes = shapes
        self.write = write
        self.zeros_like = zeros_like
        self.homes = _homes(body)

    def _placed(self) -> list[_Placed]:
        """The statements in order, each with where it comes from; aliases where they belong."""
        lines = [_Placed(x, x.node, x.node is not None and x.node.of is not None)
                 for x in self.body.lines]  # fmt: skip
        start = next((i for i, x in enumerate(lines) if x.backward), len(lines))
        bound = {x.line.value.index: i for i, x in enumerate(lines) if x.line.value is not None}
        users = self.body.graph.users()
        waiting: dict[int, list[_Placed]] = {}
        for name, output, argument, remark in self.aliases:
            readers = [u for u in users[argument.index] if u.of is None]
            place = readers[0] if readers else argument
            after = start
            if type(output) is Node:
                after = max(start, bound.get(output.index, -1) + 1)
            while after < len(lines) and _belongs_to(lines[after].line) >= place.index:
                after += 1
            sign = "# " if remark else ""
            alias = Line(f"{sign}{name} = {self._alias(output, argument)}", argument, argument)
            waiting.setdefault(after, []).append(_Placed(alias, place, True, remark))
        found: list[_Placed] = []
        for i in range(len(lines) + 1):
            found += waiting.get(i, [])
            found += lines[i : i + 1]
        return found

    def _alias(self, output: Any, argument: Node) -> str:
        if type(output) is Node:
            return self.body.names[output.index]
        if type(output) is np.ndarray and output.ndim and not output.any():
            return f"{self.zeros_like}({self.body.names[argument.index]})"
        return self.write(output)

    def text(self) -> list[str]:
        """The statements as text, with the comments above and behind them."""
        placed = self._placed()
        statements = [self._statement(x) for x in placed]
        found: list[str] = []
        previous: Any = None
        backward = False
        for i, (item, statement) in enumerate(zip(placed, statements, strict=True)):
            if item.backward and not backward:
                found.append("")
                backward, previous = True, None
            key = statement[:3] if statement is not None else self._quoted(item)
            said = item.line.text.startswith("#") and not item.remark
            if self.comments and key != previous and not said:
                if item.backward:
                    found += self._comment("backward of ", statement, self._quoted(item))
                elif statement is not None and _same_group(statements, placed, i) > 1:
                    found += self._comment("", statement, "")
            if not said:
                previous = key
            found += self._finished(item.line)
        return found

    def _statement(self, item: _Placed) -> Statement | None:
        return None if item.place is None else self.body.statement(item.place)

    def _quoted(self, item: _Placed) -> str:
        """What the program itself says of the forward value, where the user's source is unknown."""
        place = item.place
        while place is not None and place.of is not None:
            place = place.of
        return "" if place is None else self.homes.get(place.index, "")

    def _comment(self, what: str, statement: Statement | None, quoted: str) -> list[str]:
        if statement is None:
            text = f"# {what}{quoted}" if quoted else ""
        else:
            text = f"# {what}line {statement.line}: {statement.text}"
        return [_shortened(text)] if text else []

    def _finished(self, line: Line) -> list[str]:
        """One statement, wrapped, with the shape of its value behind it."""
        if line.text.startswith("#"):
            return [_shortened(line.text)]
        shown = self.shapes and line.value is not None
        comment = shape_comment(line.value) if shown and line.value is not None else ""
        lines = wrapped(line.text, INDENT)
        if comment and len(lines) == 1 and len(lines[0]) + len(comment) <= WIDTH:
            lines[0] += comment
        return lines


def shape_comment(node: Node) -> str:
    """What stands behind a statement about its value."""
    if isinstance(node.value, tuple):
        return ""
    kind = "" if node.dtype == np.dtype(float) else f" {node.dtype.name}"
    return f"  # {node.shape}{kind}"


def _homes(body: Body) -> dict[int, str]:
    """The statement in which each forward value appears, by the value's index."""
    homes = {x.value.index: x.text for x in body.lines if x.value is not None}
    for node in reversed(body.graph.nodes):
        if node.index in homes:
            for operand in node.parents:
                homes.setdefault(operand.index, homes[node.index])
    return homes


def _shortened(text: str) -> str:
    """A comment that fits its line."""
    room = WIDTH - INDENT
    return MARGIN + (text if len(text) <= room else text[: room - 1].rstrip() + "…")


class _Placed(NamedTuple):
    """A statement, the node whose line it is grouped under, the pass, whether it is a remark."""

    line: Line
    place: Node | None
    backward: bool
    remark: bool = False


def _belongs_to(line: Line) -> int:
    """The forward node whose rule made a statement, by index; late for forward statements."""
    node = line.node
    while node is not None and node.of is not None and node.of.of is not None:
        node = node.of
    return node.of.index if node is not None and node.of is not None else -1


def _same_group(statements: list[Any], placed: list[_Placed], start: int) -> int:
    """How many forward statements in a row come from one statement of the user's."""
    count = 0
    for at in range(start, len(placed)):
        statement = statements[at]
        if placed[at].backward or statement is None or statement[:3] != statements[start][:3]:
            break
        count += not placed[at].line.text.startswith("#")
    return count
