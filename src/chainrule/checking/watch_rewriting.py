"""The user's source, rewritten so that every value a line binds is reported while it runs.

Each function keeps its meaning, its line numbers and its free variables; only reports are added:
``dz = g * mask`` becomes ``dz = watch.value(7, g * mask)``. A report may hand back another value,
which is how a substitution is tried. Trace functions of debuggers and of coverage tools are not
involved, and single elements of a dict display that spans many lines are told apart.
"""

from __future__ import annotations
import __future__

import ast
import builtins
import copy
import functools
import operator
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType
from typing import Any

import numpy as np

WATCH = "__chainrule_watch__"
_FUTURE = functools.reduce(
    operator.or_, (getattr(__future__, x).compiler_flag for x in __future__.all_feature_names)
)

# Calls whose arguments are no steps of a calculation.
_PLAIN_CALLS = frozenset(dir(builtins))
_LIBRARIES = frozenset({"np", "numpy", "math", "scipy", "sp", "cr", "chainrule", "torch", "plt"})
_STORING = frozenset({"append", "insert", "extend", "update", "setdefault", "appendleft"})
_WRITES_FIRST = frozenset({"at", "copyto", "put", "fill_diagonal", "place", "putmask"})
_WRITES_RECEIVER = frozenset({"fill", "put", "sort", "partition"})
_OTHER_METHODS = frozenset({*dir(np.ndarray), *dir(dict), *dir(str)})


@dataclass
class Site:
    """One place of the source where a value is bound.

    Attributes
    ----------
    index : int
    line, end_line : int
        Of the statement, or of the element of a display that spans several lines.
    kind : str
        ``assign``, ``item``, ``augmented``, ``return``, ``element``, ``argument``, ``in place`` or
        ``loop``.
    target : str or None
        What the value is bound to, as it is written.
    plain : bool
        The right-hand side is one name: the statement computes nothing.
    parameter : bool
        What is returned is an argument of the function, unchanged.
    function : str
    filename : str
    """

    index: int
    line: int
    end_line: int
    kind: str
    target: str | None
    plain: bool
    parameter: bool
    function: str
    filename: str


def rewrite(
    source: str, filename: str, first: int, like: CodeType
) -> tuple[list[Site], dict[CodeType, CodeType]]:
    """The code objects of a source text, each with its watched counterpart.

    Parameters
    ----------
    source : str
    filename : str
    first : int
        Index of its first site.
    like : code
        Compiled from the same text: which ``__future__`` features were on.

    Returns
    -------
    sites : list of Site
    codes : dict of code to code

    Raises
    ------
    SyntaxError, ValueError
        The text is no Python.
    """
    flags = like.co_flags & _FUTURE
    original = compile(source, filename, "exec", flags, dont_inherit=True)
    tree = ast.parse(source, filename)
    rewriter = _Rewriter(filename, first)
    changed = ast.fix_missing_locations(rewriter.visit(tree))
    watched = compile(changed, filename, "exec", flags, dont_inherit=True)
    return rewriter.sites, dict(_pairs(original, watched))


def _pairs(original: CodeType, watched: CodeType) -> Iterator[tuple[CodeType, CodeType]]:
    """Nested code objects, which stand in the same order in both."""
    inner = [x for x in original.co_consts if isinstance(x, CodeType)]
    for old, new in zip(
        inner, [x for x in watched.co_consts if isinstance(x, CodeType)], strict=True
    ):
        yield old, new
        yield from _pairs(old, new)


class _Rewriter(ast.NodeTransformer):
    """Adds reports inside functions; leaves everything else as it is."""

    def __init__(self, filename: str, first: int) -> None:
        self.filename = filename
        self.first = first
        self.sites: list[Site] = []
        self.functions: list[tuple[str, set[str]]] = []  # name, parameters never assigned to

    # --- scopes ----------------------------------------------------------------------------------

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._function(node)

    def _function(self, node: Any) -> ast.AST:
        self.functions.append((node.name, _parameters(node.args) - _assigned(node.body)))
        node.body = self._block(node.body)
        self.functions.pop()
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        self.functions.append(("<lambda>", _parameters(node.args)))
        node.body = self._wrap(self.visit(node.body), "return", None, node.body)
        self.functions.pop()
        return node

    def _block(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        found: list[ast.stmt] = []
        for statement in statements:
            result = self.visit(statement)
            found.extend(result if isinstance(result, list) else [result])
        return found

    # --- statements ------------------------------------------------------------------------------

    def visit_Assign(self, node: ast.Assign) -> Any:
        if not self.functions:
            return node
        node.value = self.visit(node.value)
        target = node.targets[0]
        both = (ast.Tuple, ast.List)
        if (
            isinstance(target, both)
            and isinstance(node.value, both)
            and len(target.elts) == len(node.value.elts)
            and not any(isinstance(x, ast.Starred) for x in [*target.elts, *node.value.elts])
        ):
            node.value.elts = [
                self._wrap(value, "assign", ast.unparse(name), node)
                for name, value in zip(target.elts, node.value.elts, strict=True)
            ]
            return node
        kind = "item" if isinstance(target, ast.Subscript) else "assign"
        key = target.slice if isinstance(target, ast.Subscript) else None
        node.value = self._value(node.value, kind, ast.unparse(target), node, key)
        return [node, *self._containers(node.targets, node)]

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        if self.functions and node.value is not None:
            node.value = self._value(
                self.visit(node.value), "assign", ast.unparse(node.target), node
            )
        return node

    def visit_NamedExpr(self, node: ast.NamedExpr) -> ast.AST:
        node.value = self.visit(node.value)
        if self.functions:
            node.value = self._wrap(node.value, "assign", node.target.id, node)
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        if not self.functions:
            return node
        node.value = self.visit(node.value)
        written = ast.unparse(node.target)
        if not isinstance(node.value, (ast.Name, ast.Constant)):
            node.value = self._wrap(node.value, "argument", None, node)
        site = ast.Constant(self._site("augmented", written, node, None))
        target = node.target
        after: ast.stmt
        if isinstance(target, ast.Name):
            after = ast.Assign(
                [ast.Name(target.id, ast.Store())],
                _report("augmented", site, ast.Name(target.id, ast.Load())),
            )
        elif isinstance(target, ast.Attribute) and _is_pure(target.value):
            name = ast.Constant(target.attr)
            after = ast.Expr(_report("attribute", site, _loaded(target.value), name))
        elif isinstance(target, ast.Subscript) and _is_pure(target):
            key = _loaded(target.slice)
            after = ast.Expr(_report("item", site, _loaded(target.value), _as_index(key)))
        elif isinstance(target, ast.Subscript) and _is_pure(target.value):
            after = ast.Expr(_report("container", site, _loaded(target.value)))
        else:
            return node
        return [node, ast.copy_location(after, node)]

    def visit_Return(self, node: ast.Return) -> ast.AST:
        if node.value is not None and self.functions:
            node.value = self._value(self.visit(node.value), "return", None, node)
        return node

    def visit_Expr(self, node: ast.Expr) -> Any:
        if not self.functions or not isinstance(node.value, ast.Call):
            self.generic_visit(node)
            return node
        written = _written_by(node.value)
        node.value = self.visit(node.value)
        return [node, *(self._container(base, node) for base in written)]

    def visit_For(self, node: ast.For) -> Any:
        if not self.functions:
            return node
        node.iter = self.visit(node.iter)
        site = ast.Constant(self._site("loop", ast.unparse(node.target), node, None))
        start = ast.Expr(_report("loop", site, _loaded(node.target)))
        node.body = [ast.copy_location(start, node), *self._block(node.body)]
        node.orelse = self._block(node.orelse)
        end = ast.Expr(_report("end", ast.Constant(site.value)))
        return [node, ast.copy_location(end, node)]

    # --- expressions -----------------------------------------------------------------------------

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if not self.functions or not _takes_steps(node.func):
            return node
        node.args = [self._step(x, None, node) for x in node.args]
        for word in node.keywords:
            if word.arg is not None:
                word.value = self._step(word.value, word.arg, node)
        return node

    def visit_Dict(self, node: ast.Dict) -> ast.AST:
        self.generic_visit(node)
        if self.functions:
            for number, (key, value) in enumerate(zip(node.keys, node.values, strict=True)):
                if key is not None and not isinstance(value, ast.Constant):
                    node.values[number] = self._wrap(value, "element", _text(key), value, key)
        return node

    def _comprehension(self, node: Any) -> Any:
        self.generic_visit(node)
        if self.functions:
            node.elt = self._wrap(node.elt, "element", None, node.elt)
        return node

    def visit_ListComp(self, node: ast.ListComp) -> ast.AST:
        return self._comprehension(node)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.AST:
        return self._comprehension(node)

    def visit_DictComp(self, node: ast.DictComp) -> ast.AST:
        self.generic_visit(node)
        if self.functions:
            node.value = self._wrap(node.value, "element", None, node.value, node.key)
        return node

    # --- reports ---------------------------------------------------------------------------------

    def _value(
        self,
        value: ast.expr,
        kind: str,
        target: str | None,
        at: ast.AST,
        key: ast.expr | None = None,
    ) -> ast.expr:
        """A bound value; the elements of a display one by one, a dict's have been seen already."""
        if isinstance(value, ast.Dict) and value.keys:
            return value
        if isinstance(value, (ast.Tuple, ast.List)) and value.elts:
            value.elts = [
                x if isinstance(x, ast.Starred) else self._wrap(x, "element", None, x)
                for x in value.elts
            ]
            return value
        called = value.func if isinstance(value, ast.Call) else None
        if isinstance(called, ast.Name) and called.id == "dict" and value.keywords:  # type: ignore[attr-defined]
            for word in value.keywords:  # type: ignore[attr-defined]
                if word.arg is not None:
                    word.value = self._wrap(word.value, "element", word.arg, word.value)
            return value
        return self._wrap(value, kind, target, at, key)

    def _wrap(
        self,
        value: ast.expr,
        kind: str,
        target: str | None,
        at: ast.AST,
        key: ast.expr | None = None,
    ) -> ast.expr:
        site = ast.Constant(self._site(kind, target, at, value))
        arguments: list[ast.expr] = [site, value]
        if key is not None and not isinstance(key, ast.Constant) and _is_pure(key):
            arguments.append(_as_index(_loaded(key)))
        method = "returned" if kind == "return" else "value"
        return ast.copy_location(_report(method, *arguments), value)

    def _step(self, value: ast.expr, target: str | None, at: ast.AST) -> ast.expr:
        """An argument that is computed in the call."""
        if isinstance(value, (ast.BinOp, ast.UnaryOp, ast.Compare)) or (
            isinstance(value, ast.Call) and not _is_report(value)
        ):
            return self._wrap(value, "argument", target, value)
        return value

    def _site(self, kind: str, target: str | None, at: Any, value: ast.expr | None) -> int:
        index = self.first + len(self.sites)
        function, unchanged = self.functions[-1]
        plain = isinstance(value, ast.Name)
        self.sites.append(
            Site(
                index,
                at.lineno,
                at.end_lineno or at.lineno,
                kind,
                target,
                plain,
                plain and value.id in unchanged,  # type: ignore[union-attr]
                function,
                self.filename,
            )
        )
        return index

    def _containers(self, targets: list[ast.expr], at: ast.stmt) -> list[ast.stmt]:
        """Reports of arrays that an assignment writes into."""
        return [
            self._container(target.value, at)
            for target in targets
            if isinstance(target, ast.Subscript) and _is_pure(target.value)
        ]

    def _container(self, base: ast.expr, at: ast.stmt) -> ast.stmt:
        site = ast.Constant(self._site("in place", ast.unparse(base), at, None))
        return ast.copy_location(ast.Expr(_report("container", site, _loaded(base))), at)


def _report(method: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(
        ast.Attribute(ast.Name(WATCH, ast.Load()), method, ast.Load()), list(arguments), []
    )


def _is_report(call: ast.Call) -> bool:
    function = call.func
    return (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
        and function.value.id == WATCH
    )


def _loaded(expression: ast.expr) -> ast.expr:
    """A copy of an expression that reads what the expression stands for."""
    found = copy.deepcopy(expression)
    for node in ast.walk(found):
        if hasattr(node, "ctx"):
            node.ctx = ast.Load()
    return found


def _as_index(key: ast.expr) -> ast.expr:
    """An index as an expression: slices stand only inside brackets."""
    if any(isinstance(x, ast.Slice) for x in ast.walk(key)):
        return ast.Constant(None)
    return key


def _is_pure(expression: ast.expr) -> bool:
    """Whether reading an expression once more does nothing."""
    for node in ast.walk(expression):
        if isinstance(node, ast.Call):
            if not (isinstance(node.func, ast.Name) and node.func.id in ("str", "int", "len")):
                return False
        elif isinstance(
            node,
            (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr, ast.Lambda, ast.comprehension),
        ):
            return False
    return True


def _text(key: ast.expr) -> str | None:
    return key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else None


def _root(expression: ast.expr) -> str | None:
    while isinstance(expression, (ast.Attribute, ast.Subscript, ast.Call)):
        expression = expression.func if isinstance(expression, ast.Call) else expression.value
    return expression.id if isinstance(expression, ast.Name) else None


def _takes_steps(function: ast.expr) -> bool:
    """Whether the arguments of a call are steps: it stores them, or is a function of the user's."""
    if isinstance(function, ast.Name):
        return function.id not in _PLAIN_CALLS
    if not isinstance(function, ast.Attribute):
        return True
    if function.attr in _STORING:
        return True
    return function.attr not in _OTHER_METHODS and _root(function) not in _LIBRARIES


def _written_by(call: ast.Call) -> list[ast.expr]:
    """The arrays that a call made for its effect writes into."""
    found = [word.value for word in call.keywords if word.arg == "out"]
    if isinstance(call.func, ast.Attribute):
        if call.func.attr in _WRITES_FIRST and _root(call.func) in _LIBRARIES and call.args:
            found.append(call.args[0])
        elif call.func.attr in _WRITES_RECEIVER:
            found.append(call.func.value)
    return [copy.deepcopy(x) for x in found if _is_pure(x)]


def _parameters(arguments: ast.arguments) -> set[str]:
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return {x.arg for x in named}


def _assigned(body: list[ast.stmt]) -> set[str]:
    """Names that a function assigns to, or writes into."""
    found = set()
    for statement in body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
            elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
                found.add(_root(node) or "")
    return found
