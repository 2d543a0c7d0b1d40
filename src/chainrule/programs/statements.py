"""The statements of the user's source: what text made a node, and which name it was given.

A graph is traced, never parsed: the source is read only for names and for quotations. Where it
cannot be read (code typed at the prompt, run by ``exec``, changed since), there are simply none.
"""

from __future__ import annotations

import ast
import functools
import linecache
from collections.abc import Iterator
from typing import Any, NamedTuple

from chainrule.engine.graph import Node

Span = tuple[int, int, int, int]  # first line, last line, first column, end column (UTF-8 bytes)


class Statement(NamedTuple):
    """One statement of the user's source.

    Attributes
    ----------
    filename : str
    line, end_line : int
        Lines it stands on, counted from 1.
    text : str
        The statement on one line, without comments; the header of a compound one.
    function : str
        Name of the function around it.
    target : str or None
        The variable it assigns to, if there is one.
    returns : bool
        Whether it hands a value back to the caller.
    """

    filename: str
    line: int
    end_line: int
    text: str
    function: str
    target: str | None
    returns: bool


class Statements:
    """Finds the statements of nodes; reads and parses each file once."""

    def __init__(self) -> None:
        self._files: dict[str, _File | None] = {}
        self._positions: dict[int, list[Any]] = {}
        self._found: dict[tuple[int, int], Statement | None] = {}

    def of(self, node: Node) -> Statement | None:
        """The statement that made a node (for a backward node, its forward node)."""
        if node.code is None:
            return None
        key = (id(node.code), node.instruction)
        if key not in self._found:
            self._found[key] = self._locate(node)
        return self._found[key]

    def assigned_name(self, node: Node) -> str | None:
        """The variable that the user's source binds to exactly this node's expression."""
        if node.code is None:
            return None
        span = self._span(node)
        file = self._file(node.code.co_filename)
        if span is None or file is None:
            return None
        if node.primitive.name == "assign":
            return file.written.get(span)
        several = file.unpacked.get(span)
        if several is not None:
            which = node.params.get("k" if node.primitive.name == "select_output" else "index")
            return several[which] if type(which) is int and which < len(several) else None
        return file.assigned.get(span)

    def returned_name(self, node: Node) -> str | None:
        """The function that returns exactly this node's expression."""
        span = self._span(node)
        file = None if node.code is None else self._file(node.code.co_filename)
        if span is None or file is None or span not in file.returned:
            return None
        function = node.code.co_name  # type: ignore[union-attr]
        return function if function.isidentifier() and not function.startswith("__") else None

    def is_element(self, node: Node) -> bool:
        """Whether the node's expression is assigned to an element, as in ``h[0] = x``."""
        file = None if node.code is None else self._file(node.code.co_filename)
        return file is not None and self._span(node) in file.elements

    def _span(self, node: Node) -> Span | None:
        code = node.code
        if code is None or node.instruction < 0:
            return None
        positions = self._positions.get(id(code))
        if positions is None:
            positions = self._positions[id(code)] = list(code.co_positions())
        number = node.instruction // 2
        if number >= len(positions) or None in positions[number]:
            return None
        found: Span = positions[number]
        return found

    def _file(self, filename: str) -> _File | None:
        if filename not in self._files:
            self._files[filename] = _read(filename)
        return self._files[filename]

    def _locate(self, node: Node) -> Statement | None:
        assert node.code is not None
        filename, function = node.code.co_filename, node.code.co_name
        file = self._file(filename)
        span = self._span(node)
        if file is None or span is None:
            return None
        if function == "<lambda>":
            inside = [x for x in file.lambdas if _contains(x, span)]
            if inside:
                chosen = max(inside, key=lambda x: (x.lineno, x.col_offset))
                text = file.text(chosen.body)
                line, end = chosen.body.lineno, chosen.body.end_lineno or chosen.body.lineno
                return Statement(filename, line, end, text, function, None, True)
        around = [x for x in file.by_line.get(span[0], ()) if _contains(x, span)]
        if not around:
            return None
        # the statement that starts last is the innermost one
        statement = max(around, key=lambda x: (x.lineno, x.col_offset))
        return Statement(
            filename, statement.lineno, statement.end_lineno or statement.lineno,
            file.text(statement), function, _target(statement),
            isinstance(statement, ast.Return),
        )  # fmt: skip


class _File:
    """What one source file says: its statements by line, and the names of its expressions."""

    def __init__(self, lines: list[str], tree: ast.Module) -> None:
        self.lines = lines
        self.assigned: dict[Span, str] = {}
        self.written: dict[Span, str] = {}
        self.unpacked: dict[Span, list[str | None]] = {}
        self.elements: set[Span | None] = set()
        self.returned: set[Span] = set()
        self.lambdas: list[ast.Lambda] = []
        self.by_line: dict[int, list[ast.stmt]] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.stmt):
                self._enter(node)
            elif isinstance(node, ast.Lambda):
                self.lambdas.append(node)
            elif isinstance(node, ast.NamedExpr):
                self._bind(node.target, node.value)

    def _enter(self, statement: ast.stmt) -> None:
        last = statement.end_lineno or statement.lineno
        body = getattr(statement, "body", None)
        if body:  # of a compound statement only the header makes values
            last = max(statement.lineno, body[0].lineno - 1)
        for line in range(statement.lineno, last + 1):
            self.by_line.setdefault(line, []).append(statement)
        if isinstance(statement, ast.Assign):
            for target in reversed(statement.targets):  # in a = b = value the first one names
                self._bind(target, statement.value)
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            self._bind(statement.target, statement.value)
        elif isinstance(statement, ast.Return) and statement.value is not None:
            self.returned.add(_span_of(statement.value))
        elif isinstance(statement, ast.AugAssign):
            name = _name(statement.target)
            if name is not None and not isinstance(statement.target, ast.Subscript):
                self.assigned[_span_of(statement)] = name
            elif name is not None:
                self.written[_span_of(statement.target)] = name

    def _bind(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, (ast.Tuple, ast.List)):
            if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts):
                for part, element in zip(target.elts, value.elts, strict=True):
                    self._bind(part, element)
            else:
                names = [_name(part) for part in target.elts]
                self.unpacked[_span_of(value)] = self.unpacked[_span_of(target)] = names
            return
        name = _name(target)
        if name is None:
            return
        if isinstance(value, ast.Dict):
            for key, element in zip(value.keys, value.values, strict=True):
                if isinstance(key, ast.Constant) and str(key.value).isidentifier():
                    self.assigned[_span_of(element)] = str(key.value)
        for expression in _values(value):
            self.assigned[_span_of(expression)] = name
            if isinstance(target, ast.Subscript):
                self.elements.add(_span_of(expression))
        if isinstance(target, ast.Subscript):
            self.written[_span_of(target)] = name

    def text(self, node: ast.stmt | ast.expr) -> str:
        """Source text of a statement on one line; only the header of a compound one."""
        body = getattr(node, "body", None)
        if isinstance(node, ast.stmt) and body:
            last = max(node.lineno, body[0].lineno - 1)
            header = " ".join(line.strip() for line in self.lines[node.lineno - 1 : last])
            return header.split("#")[0].strip() if '"' not in header else header
        if node.lineno == node.end_lineno:
            line = self.lines[node.lineno - 1].encode()
            return line[node.col_offset : node.end_col_offset].decode(errors="replace")
        return ast.unparse(node)


def _read(filename: str) -> _File | None:
    lines = linecache.getlines(filename)
    return _parsed(tuple(lines)) if lines else None


@functools.lru_cache(maxsize=8)  # parsing takes far longer than anything else here
def _parsed(lines: tuple[str, ...]) -> _File | None:
    try:
        return _File(list(lines), ast.parse("".join(lines)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _values(value: ast.expr) -> Iterator[ast.expr]:
    """The expressions that make the value: alternatives of a conditional, elements of a list."""
    if isinstance(value, ast.IfExp):
        yield from _values(value.body)
        yield from _values(value.orelse)
    elif isinstance(value, (ast.List, ast.Tuple)):
        for element in value.elts:
            yield from _values(element)
    elif isinstance(value, (ast.ListComp, ast.GeneratorExp)):
        yield from _values(value.elt)
    else:
        yield value


def _name(target: ast.expr) -> str | None:
    """The word a person would use for an assignment target."""
    if isinstance(target, ast.Name):
        return target.id
    if isinstance(target, ast.Attribute):
        return target.attr
    if isinstance(target, ast.Subscript):
        key = target.slice
        if (
            isinstance(key, ast.Constant)
            and isinstance(key.value, str)
            and key.value.isidentifier()
        ):
            return key.value
        return _name(target.value)
    return None


def _target(statement: ast.stmt) -> str | None:
    if isinstance(statement, ast.Assign):
        return _name(statement.targets[0])
    if isinstance(statement, (ast.AnnAssign, ast.AugAssign)):
        return _name(statement.target)
    return None


def _span_of(node: Any) -> Span:
    return (node.lineno, node.end_lineno, node.col_offset, node.end_col_offset)


def _contains(node: Any, span: Span) -> bool:
    first, last, column, end_column = span
    return (node.lineno, node.col_offset) <= (first, column) and (last, end_column) <= (
        node.end_lineno, node.end_col_offset,
    )  # fmt: skip
