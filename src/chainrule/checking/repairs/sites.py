"""The statements of the user's functions, and the expressions in them, as places for a change."""

from __future__ import annotations
import __future__

import ast
import contextlib
import functools
import itertools
import linecache
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import CodeType, FunctionType
from typing import Any

from chainrule.checking.watch_functions import users_functions
from chainrule.checking.watch_syntax import may_be_endless

_FUTURE = functools.reduce(
    operator.or_, (getattr(__future__, x).compiler_flag for x in __future__.all_feature_names)
)
#: The name under which changed code finds the clock.
TICK = "__chainrule_tick__"
#: Keywords whose values are settings, no steps of a calculation.
_SETTINGS = frozenset({"axis", "keepdims", "order", "dtype", "ddof"})


@dataclass
class Unit:
    """A statement at the top of a file, with the functions that were made from it.

    Attributes
    ----------
    statement : ast.stmt
    filename : str
    flags : int
        The ``__future__`` features that were on.
    functions : list of (int, function)
        Each with the number of its code among the nested ones.
    """

    statement: ast.stmt
    filename: str
    flags: int
    functions: list[tuple[int, FunctionType]] = field(default_factory=list)

    @functools.cached_property
    def may_hang(self) -> bool:
        """Whether it holds a loop that ends by a condition: no change makes another one."""
        return any(self._loops.values())

    @functools.cached_property
    def _loops(self) -> dict[ast.AST, bool]:
        """Whether a change may make one of its loops endless, by loop."""
        loops = (x for x in ast.walk(self.statement) if isinstance(x, (ast.For, ast.While)))
        return {loop: may_be_endless(loop) for loop in loops}

    def codes(self, statement: ast.stmt | None = None) -> list[CodeType]:
        """The nested code objects of the statement as it is now, or of another in its place."""
        statement = statement or self.statement
        with self._ticking(statement):
            module = ast.Module([statement], [])
            code = compile(module, self.filename, "exec", self.flags, dont_inherit=True)
        return list(_nested(code))

    @contextlib.contextmanager
    def _ticking(self, statement: ast.stmt) -> Iterator[None]:
        """A call of the clock stands in each loop that ends by a condition."""
        bodies: list[list[ast.stmt]] = []
        for node in ast.walk(statement) if self.may_hang else ():
            if not isinstance(node, (ast.For, ast.While)):
                continue
            known = self._loops.get(node)
            if may_be_endless(node) if known is None else known:
                bodies.append(node.body)
        for body in bodies:
            tick = ast.Expr(ast.Call(ast.Name(TICK, ast.Load()), [], []))
            body.insert(0, ast.fix_missing_locations(ast.copy_location(tick, body[0])))
        try:
            yield
        finally:
            for body in bodies:
                del body[0]


def _nested(code: CodeType) -> Iterator[CodeType]:
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield each
            yield from _nested(each)


@dataclass(frozen=True)
class Place:
    """An expression: where it hangs in the tree, and what stands above it.

    Attributes
    ----------
    parent : ast.AST
    field : str
    number : int or None
        Its number, where the field is a list.
    above : tuple of ast.AST
        From the statement down to the parent.
    in_index, in_test, in_bound : bool
        It is part of an index; of a comparison or of a condition; of the bounds of a loop.
    """

    parent: ast.AST
    field: str
    number: int | None
    above: tuple[ast.AST, ...]
    in_index: bool = False
    in_test: bool = False
    in_bound: bool = False

    @property
    def expression(self) -> ast.expr:
        """What stands there now."""
        value = getattr(self.parent, self.field)
        found: ast.expr = value if self.number is None else value[self.number]
        return found

    def put(self, expression: ast.expr) -> None:
        """Exchange what stands there."""
        if self.number is None:
            setattr(self.parent, self.field, expression)
        else:
            getattr(self.parent, self.field)[self.number] = expression


@dataclass(eq=False)
class Site:
    """A statement of a function, or the body of a lambda.

    Attributes
    ----------
    unit : Unit
    function : ast.FunctionDef or ast.Lambda
    body : list of ast.stmt
        Where it stands; empty for a lambda.
    position : int
    loops : tuple of ast.For
        The loops around it, the outermost first.
    """

    unit: Unit
    function: Any
    body: list[ast.stmt]
    position: int
    loops: tuple[ast.For, ...] = ()

    @property
    def statement(self) -> Any:
        """The statement, or the lambda."""
        return self.body[self.position] if self.body else self.function

    @property
    def lines(self) -> range:
        """The lines it stands on, without those of the statements in it."""
        node = self.statement
        last = node.test if isinstance(node, ast.If) else node
        return range(node.lineno, (last.end_lineno or last.lineno) + 1)

    def places(self) -> Iterator[Place]:
        """Every expression of the statement, the whole before its parts."""
        node = self.statement
        if isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Return, ast.Expr)):
            if node.value is not None:
                yield from _within(Place(node, "value", None, (node,)))
        elif isinstance(node, ast.If):
            yield from _within(Place(node, "test", None, (node,), in_test=True))
        elif isinstance(node, ast.Lambda):
            yield from _within(Place(node, "body", None, (node,)))

    def settings(self) -> Iterator[Place]:
        """Every expression of it that says where and how often, and is no step of a calculation:
        axes and other settings, indices that are written to, bounds of loops, conditions.
        """
        node = self.statement
        for place in self.places():
            yield from _settings_in(place)
        for target in [*getattr(node, "targets", ()), getattr(node, "target", None)]:
            if isinstance(target, ast.Subscript):
                yield from _within(Place(target, "slice", None, (node, target), in_index=True))
        if isinstance(node, ast.For):
            yield from _within_display(Place(node, "iter", None, (node,)))
            for call in _calls_of(node.iter, "range"):
                for number in range(len(call.args)):
                    yield from _within(Place(call, "args", number, (node, call), in_bound=True))

    def line_of(self, place: Place | None) -> int:
        """The line of an expression: elements of displays over several lines have their own."""
        line = int((self.statement if self.body else self.statement.body).lineno)
        if place is None:
            return line
        chain = [*place.above, place.expression]
        for parent, child in itertools.pairwise(chain):
            call = isinstance(parent, ast.Call) and ast.unparse(parent.func) == "dict"
            if call or isinstance(parent, (ast.Dict, ast.Tuple, ast.List)):
                line = int(getattr(child, "lineno", line))
        return line


def _calls_of(node: ast.expr, name: str) -> Iterator[ast.Call]:
    """The calls of a function of this name, through functions around them: reversed(range(n))."""
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        if node.func.id == name:
            yield node
        if not node.args:
            return
        node = node.args[0]


def _settings_in(place: Place) -> Iterator[Place]:
    """The settings of a call, and what a comprehension runs over and under which conditions."""
    node = place.expression
    above = (*place.above, node)
    if isinstance(node, ast.Call):
        for word in node.keywords:
            if word.arg in _SETTINGS:
                yield from _within(Place(word, "value", None, above))
    for each in getattr(node, "generators", ()):
        for number in range(len(each.ifs)):
            yield from _within(Place(each, "ifs", number, above, in_test=True))
        yield from _within_display(Place(each, "iter", None, above))


def _within_display(place: Place) -> Iterator[Place]:
    if isinstance(place.expression, (ast.Tuple, ast.List)):
        yield from _within(place)


def _within(place: Place) -> Iterator[Place]:
    node = place.expression
    if isinstance(node, (ast.Lambda, ast.JoinedStr, ast.Starred)):
        return
    if not isinstance(node, ast.Slice):
        yield place
    above = (*place.above, node)

    def below(
        field: str, number: int | None = None, parent: ast.AST = node, index: bool = False
    ) -> Iterator[Place]:
        test = place.in_test or isinstance(node, ast.Compare)
        return _within(
            Place(parent, field, number, above, place.in_index or index, test, place.in_bound)
        )

    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and not _is_library(node.func.value):
            yield from below("value", parent=node.func)
        for number in range(len(node.args)):
            yield from below("args", number)
        for word in node.keywords:
            if word.arg not in _SETTINGS:
                yield from below("value", parent=word)
    elif isinstance(node, ast.Subscript):
        yield from below("value")
        yield from below("slice", index=True)
    elif isinstance(node, (ast.ListComp, ast.GeneratorExp)):
        yield from below("elt")
    elif isinstance(node, ast.DictComp):
        yield from below("value")
    else:
        for name, value in ast.iter_fields(node):
            if isinstance(value, ast.expr):
                yield from below(name)
            elif isinstance(value, list):
                for number, each in enumerate(value):
                    if isinstance(each, ast.expr):
                        yield from below(name, number)


def _is_library(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("np", "numpy", "math", "scipy", "torch")


def units_of(function: Callable[..., Any]) -> list[Unit]:
    """The top-level statements that the user's functions around a function come from."""
    found: list[Unit] = []
    by_file: dict[str, list[FunctionType]] = {}
    for each in users_functions(function):
        by_file.setdefault(each.__code__.co_filename, []).append(each)
    for filename, functions in by_file.items():
        linecache.checkcache(filename)
        source = "".join(linecache.getlines(filename, functions[0].__globals__))
        flags = functions[0].__code__.co_flags & _FUTURE
        try:
            whole = compile(source, filename, "exec", flags, dont_inherit=True)
            units = [Unit(x, filename, flags) for x in ast.parse(source, filename).body]
        except (SyntaxError, ValueError):
            continue
        places = iter(_nested(whole))  # a tree makes other tables of lines than its text
        for unit in units:
            codes = list(itertools.islice(places, len(unit.codes())))
            unit.functions += [
                (codes.index(each.__code__), each) for each in functions if each.__code__ in codes
            ]
            if unit.functions:
                found.append(unit)
    return found


def sites_of(unit: Unit) -> Iterator[Site]:
    """The statements of the functions of a unit, in the order of the text."""
    yield from _sites(unit, [unit.statement], None, ())


def _sites(
    unit: Unit, body: list[Any], function: Any, loops: tuple[ast.For, ...]
) -> Iterator[Site]:
    for position, node in enumerate(body):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from _sites(unit, node.body, node, ())
            continue
        if isinstance(node, ast.ClassDef):
            yield from _sites(unit, node.body, None, ())
            continue
        if function is not None:
            yield Site(unit, function, body, position, loops)
        for each in _own_lambdas(node):
            yield Site(unit, each, [], 0, loops)
        inner = (*loops, node) if isinstance(node, ast.For) else loops
        for name in ("body", "orelse", "finalbody"):
            yield from _sites(unit, getattr(node, name, []), function, inner)


def _own_lambdas(node: ast.AST) -> Iterator[ast.Lambda]:
    """The lambdas in a statement, but not those in the statements in it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            continue
        if isinstance(child, ast.Lambda):
            yield child
        yield from _own_lambdas(child)
