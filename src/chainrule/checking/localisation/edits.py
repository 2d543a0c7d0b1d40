"""Small changes of a statement's text: what a person may have written instead of what is right.

Replacements come first (an operator, a sign, a name, a number, an axis, a function for its
sister, two results for each other, what should not be there taken away), then what may be missing
(a sign, a factor, a term).
"""

from __future__ import annotations

import ast
import contextlib
import copy
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from chainrule.checking.confusions import COMPARISONS, REDUCTIONS, SCALINGS, sisters
from chainrule.checking.localisation.names import (
    agreement,
    atoms,
    counts,
    filled,
    is_atom,
    is_dict_call,
    is_size,
    likeness,
    line_of,
    near_numbers,
)

REPLACED, INSERTED = 1, 2
_MOST_ATOMS = 24
_MOST_SWAPPED = 8
_OTHER: dict[type, tuple[type, ...]] = {
    ast.Add: (ast.Sub,), ast.Sub: (ast.Add,), **SCALINGS, **COMPARISONS,
}  # fmt: skip
_SISTERS = (
    *REDUCTIONS,
    ("dot", "multiply"), ("std", "var"), ("zeros_like", "ones_like"), ("zeros", "ones"),
    ("sin", "cos"), ("sqrt", "square"), ("exp", "log"), ("tile", "repeat"),
)  # fmt: skip
_SIMPLE = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Return, ast.Expr)


@dataclass(frozen=True)
class Edit:
    """One change, to be made and unmade in the tree.

    Attributes
    ----------
    line : int
        Of the statement, or of the element of a display that spans several lines.
    cost : int
        `REPLACED` or `INSERTED`.
    holder, attribute, index
        Where in the tree.
    old, new : node or list of node
    agreement : int
        How many more results it gives to keys of their own name.
    """

    line: int
    cost: int
    holder: Any
    attribute: str
    index: int | None
    old: Any
    new: Any
    agreement: int = 0

    @property
    def before(self) -> str:
        """What stands there."""
        return _text(self.old)

    @property
    def after(self) -> str:
        """What stands there with the change."""
        return _text(self.new)

    @contextlib.contextmanager
    def made(self) -> Iterator[None]:
        """The tree with the change in it."""
        _put(self.holder, self.attribute, self.index, self.new)
        try:
            yield
        finally:
            _put(self.holder, self.attribute, self.index, self.old)


def _child(holder: Any, attribute: str, index: int | None) -> Any:
    child = getattr(holder, attribute)
    return child if index is None else child[index]


def _put(holder: Any, attribute: str, index: int | None, new: Any) -> None:
    if index is None:
        setattr(holder, attribute, new)
    else:
        getattr(holder, attribute)[index] = new


class Edits:
    """The edits of the statements of one function.

    Parameters
    ----------
    function : FunctionDef or Lambda
    callables : iterable of str
        Names of the functions of the file.
    attributes : iterable of str
        What the methods of its class keep, such as ``self.x``.
    """

    def __init__(
        self, function: Any, callables: Iterable[str] = (), attributes: Iterable[str] = ()
    ) -> None:
        self.function = function
        self.atoms = atoms(function)
        if any(text.startswith("self.") for text in self.atoms):
            self.atoms += [text for text in attributes if text not in self.atoms]
        self.counts = counts(function)
        self.callables = [*callables]
        self._parsed: dict[str, ast.expr] = {}
        self._at_hand = self.atoms  # those of the same statement first

    def __iter__(self) -> Iterator[Edit]:
        if isinstance(self.function, ast.Lambda):
            line = self.function.body.lineno
            yield from self._of_value(self.function, "body", None, line)
        else:
            yield from self._body(self.function, False)

    def _body(self, holder: Any, repeated: bool) -> Iterator[Edit]:
        for attribute in ("body", "orelse", "finalbody"):
            statements = getattr(holder, attribute, ())
            for index, statement in enumerate(statements):
                if isinstance(statement, _SIMPLE):
                    containers = filled(statement)
                    for edit in self._statement(statement, holder, attribute, index, repeated):
                        if not containers or edit.after not in containers:
                            yield edit
                elif isinstance(statement, ast.If):
                    yield from self._within(statement, "test", None, statement.lineno)
                    yield from self._body(statement, repeated)
                elif isinstance(statement, ast.For):
                    yield from self._header(statement)
                    yield from self._body(statement, True)
                elif isinstance(statement, ast.While):
                    yield from self._body(statement, True)
                elif isinstance(statement, (ast.With, ast.Try)):
                    yield from self._body(statement, repeated)

    def _header(self, loop: ast.For) -> Iterator[Edit]:
        """Other bounds of a loop; what it runs over stays, or it might never end."""
        called = loop.iter
        if isinstance(called, (ast.Tuple, ast.List)):
            yield from self._within(loop, "iter", None, loop.lineno)
        while isinstance(called, ast.Call) and isinstance(called.func, ast.Name):
            if called.func.id == "range":
                for number, bound in enumerate(called.args):
                    yield from self._within(called, "args", number, loop.lineno)
                    for text in self.counts:
                        new = self._expression(text)
                        yield self._edit(loop.lineno, REPLACED, called, "args", number, new, bound)
            called = called.args[0] if called.args else called.func

    def _statement(
        self, statement: Any, holder: Any, attribute: str, index: int, repeated: bool
    ) -> Iterator[Edit]:
        line = statement.lineno
        own = {ast.unparse(node) for node in ast.walk(statement) if is_atom(node)}
        self._at_hand = sorted(self.atoms, key=lambda text: text not in own)
        if isinstance(statement, ast.AugAssign):
            for kind in _OTHER.get(type(statement.op), ()):
                new: Any = ast.AugAssign(statement.target, kind(), statement.value)
                yield self._edit(line, REPLACED, holder, attribute, index, new, statement)
            if isinstance(statement.op, (ast.Add, ast.Sub)):
                new = ast.Assign([statement.target], statement.value)
                yield self._edit(line, REPLACED, holder, attribute, index, new, statement)
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target = statement.targets[0]
            if isinstance(target, (ast.Subscript, ast.Attribute)) or (
                repeated and isinstance(target, ast.Name)
            ):
                for operator, cost in ((ast.Add(), REPLACED), (ast.Sub(), INSERTED)):
                    new = ast.AugAssign(target, operator, statement.value)
                    yield self._edit(line, cost, holder, attribute, index, new, statement)
            if isinstance(target, (ast.Tuple, ast.List)):
                yield from self._swapped(statement.targets[0], "elts", line)
        if getattr(statement, "value", None) is not None:
            yield from self._everywhere(statement, line)
            yield from self._of_value(statement, "value", None, line)
        targets = getattr(statement, "targets", None) or [getattr(statement, "target", None)]
        for target in targets:
            if isinstance(target, ast.Subscript):
                yield from self._within(target, "slice", None, line)

    def _of_value(
        self, holder: Any, attribute: str, index: int | None, line: int
    ) -> Iterator[Edit]:
        yield from self._within(holder, attribute, index, line)
        yield from self._inserted(holder, attribute, index, line)

    # --- replacements ----------------------------------------------------------------------------

    def _everywhere(self, statement: Any, line: int) -> Iterator[Edit]:
        """Another value for one that a statement reads more than once."""
        read = [ast.unparse(node) for node in ast.walk(statement.value) if is_atom(node)]
        for own in dict.fromkeys(text for text in read if read.count(text) > 1):
            for text in self._near(own):
                new = _Exchange(own, self._expression(text)).visit(copy.deepcopy(statement.value))
                yield self._edit(line, REPLACED, statement, "value", None, new, statement.value)

    def _within(self, holder: Any, attribute: str, index: int | None, line: int) -> Iterator[Edit]:
        """Replacements of an expression and of all its parts."""
        node = _child(holder, attribute, index)
        for new in self._instead(node, holder):
            cost = INSERTED if _is_factor(node, holder, new) else REPLACED
            yield self._edit(line, cost, holder, attribute, index, new, node)
        if isinstance(node, ast.Dict):
            yield from self._swapped(node, "values", line)
        elif isinstance(node, (ast.Tuple, ast.List)):
            yield from self._swapped(node, "elts", line)
        elif isinstance(node, ast.Call) and len(node.keywords) > 1:
            yield from self._swapped_keywords(node, line)
        if isinstance(node, ast.Attribute) and node.attr in ("shape", "size"):
            return  # other arrays have the same sizes by chance
        for name, value in ast.iter_fields(node):
            if isinstance(value, ast.expr):
                if name == "func" and isinstance(node, ast.Call):
                    if isinstance(value, ast.Attribute):  # what a method is called on
                        yield from self._within(value, "value", None, line)
                    continue
                yield from self._within(node, name, None, line)
            elif isinstance(value, list):
                for number, each in enumerate(value):
                    if isinstance(each, ast.expr):
                        yield from self._within(node, name, number, line_of(node, each, line))
                    elif isinstance(each, ast.keyword):
                        yield from self._within(each, "value", None, line_of(node, each, line))
                    elif isinstance(each, ast.comprehension):
                        for nth in range(len(each.ifs)):
                            yield from self._within(each, "ifs", nth, line)
                        if isinstance(each.iter, (ast.Tuple, ast.List)):
                            yield from self._within(each, "iter", None, line)

    def _instead(self, node: Any, holder: Any) -> Iterator[ast.expr]:
        if isinstance(node, ast.BinOp):
            yield from _of_operator(node)
        elif isinstance(node, ast.UnaryOp):
            yield node.operand
        elif isinstance(node, ast.Compare) and len(node.ops) == 1:
            for kind in _OTHER.get(type(node.ops[0]), ()):
                yield ast.Compare(node.left, [kind()], node.comparators)
        elif isinstance(node, ast.Constant):
            for value in near_numbers(node.value):
                yield ast.Constant(value)
        elif isinstance(node, ast.Call):
            yield from self._of_call(node)
        elif isinstance(node, ast.Attribute) and node.attr == "T":
            yield node.value
        elif is_size(node) and isinstance(node, ast.Subscript):
            yield ast.Attribute(node.value.value, "size", ast.Load())  # type: ignore[attr-defined]
        if is_atom(node) and not (isinstance(holder, ast.Attribute) and is_atom(holder)):
            yield from self._others(node)
            if isinstance(holder, ast.Compare):
                yield ast.Constant(0)
            if isinstance(holder, (ast.BinOp, ast.Call)):
                yield ast.Attribute(node, "T", ast.Load())

    def _others(self, node: ast.expr) -> Iterator[ast.expr]:
        for text in self._near(ast.unparse(node)):
            yield self._expression(text)

    def _near(self, own: str) -> list[str]:
        """Other names, attributes and elements, those that look alike first."""
        near = sorted(self.atoms, key=lambda text: -likeness(text, own))
        return [x for x in near[:_MOST_ATOMS] if x != own and not x.startswith(f"{own}[")]

    def _expression(self, text: str) -> ast.expr:
        if text not in self._parsed:
            self._parsed[text] = ast.parse(text, mode="eval").body
        return self._parsed[text]

    def _of_call(self, node: ast.Call) -> Iterator[ast.expr]:
        function = node.func
        if isinstance(function, ast.Attribute):
            for other in sisters(function.attr, _SISTERS):
                new = ast.Attribute(function.value, other, ast.Load())
                yield ast.Call(new, node.args, node.keywords)
            if not node.args:
                yield function.value
            if function.attr == "maximum" and len(node.args) == 2:
                for argument in node.args:
                    yield ast.Compare(argument, [ast.Gt()], [ast.Constant(0)])
        elif isinstance(function, ast.Name):
            for name in self.callables:
                if name != function.id:
                    yield ast.Call(ast.Name(name, ast.Load()), node.args, node.keywords)
        if node.args and not isinstance(node.args[0], ast.Starred):
            yield node.args[0]
        if len(node.args) == 2:
            yield ast.Call(function, node.args[::-1], node.keywords)
        for number in range(len(node.keywords)):
            rest = [word for k, word in enumerate(node.keywords) if k != number]
            yield ast.Call(function, node.args, rest)
        summing = isinstance(function, ast.Attribute) and function.attr in ("sum", "mean")
        if summing and all(word.arg != "keepdims" for word in node.keywords):
            kept = ast.keyword("keepdims", ast.Constant(True))
            yield ast.Call(function, node.args, [*node.keywords, kept])

    def _swapped(self, display: Any, attribute: str, line: int) -> Iterator[Edit]:
        """Two elements of a display in each other's place."""
        elements = getattr(display, attribute)
        if len(elements) > _MOST_SWAPPED:
            return
        for i, j in itertools.combinations(range(len(elements)), 2):
            new = [*elements]
            new[i], new[j] = elements[j], elements[i]
            at = line_of(display, elements[i], line)
            keys = [ast.unparse(key) if key else "" for key in getattr(display, "keys", ())]
            gain = agreement(keys, new) - agreement(keys, elements)
            yield Edit(at, REPLACED, display, attribute, None, elements, new, gain)

    def _swapped_keywords(self, call: ast.Call, line: int) -> Iterator[Edit]:
        if len(call.keywords) > _MOST_SWAPPED:
            return
        for i, j in itertools.combinations(range(len(call.keywords)), 2):
            first, second = call.keywords[i], call.keywords[j]
            new = [*call.keywords]
            new[i] = ast.copy_location(ast.keyword(first.arg, second.value), first)
            new[j] = ast.copy_location(ast.keyword(second.arg, first.value), second)
            at = line_of(call, first, line)
            keys = [word.arg or "" for word in call.keywords]
            gain = agreement(keys, [word.value for word in new]) - agreement(
                keys, [word.value for word in call.keywords]
            )
            yield Edit(at, REPLACED, call, "keywords", None, call.keywords, new, gain)

    # --- insertions ------------------------------------------------------------------------------

    def _inserted(
        self, holder: Any, attribute: str, index: int | None, line: int
    ) -> Iterator[Edit]:
        value = _child(holder, attribute, index)
        if isinstance(value, (ast.Tuple, ast.List)):
            for number, each in enumerate(value.elts):
                yield from self._inserted(value, "elts", number, line_of(value, each, line))
        elif isinstance(value, ast.Dict):
            for number, each in enumerate(value.values):
                yield from self._inserted(value, "values", number, line_of(value, each, line))
        elif isinstance(value, (ast.ListComp, ast.GeneratorExp)):
            yield from self._inserted(value, "elt", None, line)
        elif isinstance(value, ast.Call) and is_dict_call(value):
            for word in value.keywords:
                yield from self._inserted(word, "value", None, line_of(value, word, line))
        else:
            for new in self._completed(value):
                yield self._edit(line, INSERTED, holder, attribute, index, new, value)

    def _completed(self, value: ast.expr) -> Iterator[ast.expr]:
        yield ast.UnaryOp(ast.USub(), value)
        positive = ast.Compare(value, [ast.Gt()], [ast.Constant(0)])
        yield ast.BinOp(positive, ast.Mult(), ast.Constant(1.0))
        for number in (2.0, 0.5):
            yield ast.BinOp(value, ast.Mult(), ast.Constant(number))
        for text in self.counts:
            yield ast.BinOp(value, ast.Div(), self._expression(text))
            yield ast.BinOp(value, ast.Mult(), self._expression(text))
        for text in self._at_hand[:_MOST_ATOMS]:
            yield ast.BinOp(value, ast.Mult(), self._expression(text))
            yield ast.BinOp(value, ast.Add(), self._expression(text))

    def _edit(
        self,
        line: int,
        cost: int,
        holder: Any,
        attribute: str,
        index: int | None,
        new: Any,
        old: Any,
    ) -> Edit:
        ast.copy_location(new, old)
        for node in ast.walk(new):
            if isinstance(node, (ast.expr, ast.keyword)) and not hasattr(node, "lineno"):
                ast.copy_location(node, old)
        return Edit(line, cost, holder, attribute, index, old, new)


def _text(nodes: Any) -> str:
    return ", ".join(map(ast.unparse, nodes)) if isinstance(nodes, list) else ast.unparse(nodes)


def _is_factor(node: Any, holder: Any, new: Any) -> bool:
    """Whether a number in a product changes or goes: a factor may be missing anywhere."""
    if isinstance(node, ast.Constant):
        return isinstance(holder, (ast.BinOp, ast.UnaryOp))
    if not (isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mult, ast.Div))):
        return False
    gone = node.right if new is node.left else node.left if new is node.right else None
    return isinstance(gone, ast.Constant)


class _Exchange(ast.NodeTransformer):
    """Puts another expression wherever one is read."""

    def __init__(self, own: str, other: ast.expr) -> None:
        self.own = own
        self.other = other

    def generic_visit(self, node: ast.AST) -> ast.AST:
        if is_atom(node) and ast.unparse(node) == self.own:
            return self.other
        return super().generic_visit(node)


def _of_operator(node: ast.BinOp) -> Iterator[ast.expr]:
    for kind in _OTHER.get(type(node.op), ()):
        yield ast.BinOp(node.left, kind(), node.right)
    if isinstance(node.op, (ast.Sub, ast.Div, ast.MatMult)):
        yield ast.BinOp(node.right, node.op, node.left)
    if isinstance(node.op, ast.MatMult):
        yield ast.Attribute(node, "T", ast.Load())
    if isinstance(node.op, (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow)):
        left = node.left
        yield left
        while isinstance(left, ast.BinOp) and isinstance(left.op, type(node.op)):
            left = left.left
            yield left
    if isinstance(node.op, (ast.Add, ast.Sub, ast.Mult)):
        yield node.right
