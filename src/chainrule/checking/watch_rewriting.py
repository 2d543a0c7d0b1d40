"""The user's source, rewritten so that every value a line binds is reported while it runs.

Each function keeps its meaning, its line numbers and its free variables; only reports are added:
``dz = g * mask`` becomes ``dz = watch.value(7, g * mask)``. A report may hand back another value,
which is how a substitution is tried. Trace functions of debuggers and of coverage tools are not
involved, and single elements of a dict display that spans many lines are told apart.
"""

from __future__ import annotations
import __future__

import ast
import functools
import operator
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType
from typing import Any

from chainrule.checking.watch_syntax import (
    as_index,
    assigned,
    is_pure,
    is_report,
    loaded,
    parameters,
    report,
    takes_steps,
    text,
    written_by,
)

_FUTURE = functools.reduce(
    operator.or_, (getattr(__future__, x).compiler_flag for x in __future__.all_feature_names)
)


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
    original = compiled(source, filename, like)
    sites, watched = rewritten(ast.parse(source, filename), filename, first, like)
    return sites, dict(pairs(original, watched))


def rewritten(
    tree: ast.Module, filename: str, first: int, like: CodeType
) -> tuple[list[Site], CodeType]:
    """A module that reports what it binds, compiled; the tree is used up."""
    rewriter = _Rewriter(filename, first)
    changed = ast.fix_missing_locations(rewriter.visit(tree))
    return rewriter.sites, compiled(changed, filename, like)


def compiled(source: str | ast.Module, filename: str, like: CodeType) -> CodeType:
    """A module, with the ``__future__`` features that another code was compiled with."""
    flags = like.co_flags & _FUTURE
    code: CodeType = compile(source, filename, "exec", flags, dont_inherit=True)
    return code


def pairs(original: CodeType, watched: CodeType) -> Iterator[tuple[CodeType, CodeType]]:
    """Nested code objects, which stand in the same order in both."""
    inner = [x for x in original.co_consts if isinstance(x, CodeType)]
    for old, new in zip(
        inner, [x for x in watched.co_consts if isinstance(x, CodeType)], strict=True
    ):
        yield old, new
        yield from pairs(old, new)


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
        self.functions.append((node.name, parameters(node.args) - assigned(node.body)))
        node.body = self._block(node.body)
        self.functions.pop()
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        self.functions.append(("<lambda>", parameters(node.args)))
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
        if not self.functions:  # a table of lambdas, perhaps
            self.generic_visit(node)
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
        if not self.functions:
            self.generic_visit(node)
        elif node.value is not None:
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
                report("augmented", site, ast.Name(target.id, ast.Load())),
            )
        elif isinstance(target, ast.Attribute) and is_pure(target.value):
            name = ast.Constant(target.attr)
            after = ast.Expr(report("attribute", site, loaded(target.value), name))
        elif isinstance(target, ast.Subscript) and is_pure(target):
            key = loaded(target.slice)
            after = ast.Expr(report("item", site, loaded(target.value), as_index(key)))
        elif isinstance(target, ast.Subscript) and is_pure(target.value):
            after = ast.Expr(report("container", site, loaded(target.value)))
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
        written = written_by(node.value)
        node.value = self.visit(node.value)
        return [node, *(self._container(base, node) for base in written)]

    def visit_For(self, node: ast.For) -> Any:
        if not self.functions:
            return node
        node.iter = self.visit(node.iter)
        site = ast.Constant(self._site("loop", ast.unparse(node.target), node, None))
        start = ast.Expr(report("loop", site, loaded(node.target)))
        node.body = [ast.copy_location(start, node), *self._block(node.body)]
        node.orelse = self._block(node.orelse)
        end = ast.Expr(report("end", ast.Constant(site.value)))
        return [node, ast.copy_location(end, node)]

    def visit_While(self, node: ast.While) -> ast.AST:
        self.generic_visit(node)
        if self.functions:  # it may not end on a value that was put in its place
            node.body.insert(0, ast.copy_location(ast.Expr(report("tick")), node.body[0]))
        return node

    # --- expressions -----------------------------------------------------------------------------

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if not self.functions or not takes_steps(node.func):
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
                    node.values[number] = self._wrap(value, "element", text(key), value, key)
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
        if key is not None and not isinstance(key, ast.Constant) and is_pure(key):
            arguments.append(as_index(loaded(key)))
        return ast.copy_location(report("value", *arguments), value)

    def _step(self, value: ast.expr, target: str | None, at: ast.AST) -> ast.expr:
        """An argument that is computed in the call."""
        if isinstance(value, (ast.BinOp, ast.UnaryOp, ast.Compare)) or (
            isinstance(value, ast.Call) and not is_report(value)
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
            if isinstance(target, ast.Subscript) and is_pure(target.value)
        ]

    def _container(self, base: ast.expr, at: ast.stmt) -> ast.stmt:
        site = ast.Constant(self._site("in place", ast.unparse(base), at, None))
        return ast.copy_location(ast.Expr(report("container", site, loaded(base))), at)
