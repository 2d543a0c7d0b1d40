"""Small changes of one expression: each the undoing of a slip of the pen that people make."""

from __future__ import annotations

import ast
import copy
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chainrule.checking.confusions import COMPARISONS, REDUCTIONS, SCALINGS, sisters
from chainrule.checking.repairs.exchange import placed
from chainrule.checking.repairs.sites import Place, Site
from chainrule.checking.watch_syntax import loaded

_REDUCING = frozenset({"sum", "mean", "max", "min", "prod", "var", "std", "argmax", "argmin"})
#: NumPy under whatever name the user's file has it; people read ``np``.
NUMPY = "__import__('numpy')"


@dataclass(frozen=True)
class Change:
    """An expression of a statement, or the statement, replaced.

    Attributes
    ----------
    kind : str
    place : Place or None
        None where the whole statement is exchanged.
    new : ast.AST
    old : ast.AST
    about : str
        What else names the change, such as the text of a factor that is left out.
    """

    kind: str
    place: Place | None
    new: Any
    old: Any
    about: str = ""

    def make(self, site: Site) -> None:
        """Put the new expression into the tree."""
        if self.place is None:
            site.body[site.position] = self.new
        else:
            self.place.put(self.new)

    def undo(self, site: Site) -> None:
        """Put the old one back."""
        if self.place is None:
            site.body[site.position] = self.old
        else:
            self.place.put(self.old)


def slips(site: Site, seen: Mapping[str, Any], integers: Sequence[str]) -> Iterator[Change]:
    """Changes of the text of a statement that need nothing but what stands there.

    Parameters
    ----------
    site : Site
    seen : mapping of str to array
        What expressions are worth there, by their text.
    integers : sequence of str
        Names of whole numbers.
    """
    node = site.statement
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        target = node.targets[0]
        if isinstance(target, (ast.Name, ast.Subscript, ast.Attribute)) and not isinstance(
            node.value, (ast.Dict, ast.List, ast.Tuple)
        ):
            new = ast.AugAssign(target, ast.Add(), node.value)
            yield Change("accumulate", None, placed(new, node), node)
            if isinstance(target, ast.Subscript):
                new = ast.AugAssign(target, ast.Mult(), node.value)
                yield Change("multiply", None, placed(new, node), node)
                added = _added_at(ast.AugAssign(target, ast.Add(), node.value))
                if _may_repeat(target.slice, seen):
                    yield Change("every index", None, placed(added, node), node)
    if (
        isinstance(node, ast.AugAssign)
        and isinstance(node.op, ast.Add)
        and isinstance(node.target, ast.Subscript)
        and _may_repeat(node.target.slice, seen)
    ):
        yield Change("every index", None, placed(_added_at(node), node), node)
    if isinstance(node, ast.AugAssign):
        for operator in SCALINGS.get(type(node.op), ()):
            new = ast.AugAssign(node.target, operator(), node.value)
            yield Change("divide", None, placed(new, node), node, ast.unparse(node.value))
    for place in site.places():
        old = place.expression
        for kind, new, about in _instead(place, old, seen, integers):
            yield Change(kind, place, placed(new, old), old, about)


def _may_repeat(index: ast.expr, seen: Mapping[str, Any]) -> bool:
    """Whether an index may name an entry twice: slices and single numbers do not."""
    for entry in index.elts if isinstance(index, ast.Tuple) else [index]:
        value = seen.get(ast.unparse(entry))
        single = isinstance(entry, (ast.Slice, ast.Constant)) or (
            value is not None and value.ndim == 0
        )
        if not single:
            return True
    return False


def _added_at(node: ast.AugAssign) -> ast.stmt:
    """``np.add.at(array, index, value)`` for ``array[index] += value``."""
    target: Any = loaded(node.target)
    imported = ast.parse(NUMPY, mode="eval").body
    add = ast.Attribute(ast.Attribute(imported, "add", ast.Load()), "at", ast.Load())
    index = target.slice
    if isinstance(index, ast.Tuple):
        elements = [_as_slice(x) for x in index.elts]
        index = ast.Tuple(elements, ast.Load())
    return ast.Expr(ast.Call(add, [target.value, index, node.value], []))


def _as_slice(entry: ast.expr) -> ast.expr:
    """``slice(a, b, c)`` for ``a:b:c``."""
    if not isinstance(entry, ast.Slice):
        return entry
    parts = [x or ast.Constant(None) for x in (entry.lower, entry.upper, entry.step)]
    return ast.Call(ast.Name("slice", ast.Load()), parts, [])


def mistaken_names(site: Site, seen: Mapping[str, Any], atoms: Sequence[str]) -> Iterator[Change]:
    """Other values in the place of one, and two values exchanged.

    Parameters
    ----------
    site : Site
    seen : mapping of str to array
    atoms : sequence of str
        Expressions that stand for a value in the same function: names, entries of containers.
    """
    for place in site.places():
        old = place.expression
        for kind, new, about in _others(place, old, seen, atoms):
            yield Change(kind, place, placed(new, old), old, about)
    yield from _exchanges(site, seen, atoms)


_Found = Iterator[tuple[str, Any, str]]


def _instead(
    place: Place, old: ast.expr, seen: Mapping[str, Any], integers: Sequence[str]
) -> _Found:
    if isinstance(old, ast.BinOp):
        yield from _of_operation(place, old)
    elif isinstance(old, ast.UnaryOp):
        if not isinstance(old.operand, ast.Constant):
            kind = "sign" if isinstance(old.op, ast.USub) else "negation"
            yield kind, old.operand, ""
    elif isinstance(old, ast.Compare) and len(old.ops) == 1:
        for operator in COMPARISONS.get(type(old.ops[0]), ()):
            yield "comparison", ast.Compare(old.left, [operator()], old.comparators), ""
    elif isinstance(old, ast.IfExp):
        yield "branch", old.body, ""
        yield "branch", old.orelse, ""
    elif isinstance(old, ast.Call):
        yield from _of_call(old, seen)
    elif isinstance(old, ast.Subscript):
        yield from _of_subscript(old, seen, integers)
    elif isinstance(old, ast.Attribute) and old.attr == "T":
        yield "transposed", old.value, ""
    elif isinstance(old, ast.Constant) and type(old.value) in (int, float):
        yield from _of_number(place, old, integers)
    text = ast.unparse(old)
    value = seen.get(text)
    if value is not None and len(place.above) == 1 and not value.ndim and value.dtype.kind in "iu":
        for name in integers:
            yield "number", ast.BinOp(old, ast.Mult(), _parsed(name)), name
            if name != text:
                yield "index", _parsed(name), name
    if place.in_index and isinstance(old, ast.Name) and (value is None or value.ndim == 0):
        yield "index", ast.BinOp(old, ast.Add(), ast.Constant(1)), ""
        yield "index", ast.BinOp(old, ast.Sub(), ast.Constant(1)), ""
        for name in integers:
            yield "number", ast.BinOp(old, ast.Mult(), _parsed(name)), name
            if name != text:
                yield "index", _parsed(name), name
    if value is None or place.in_index:
        return
    if (
        value.ndim == 2
        and min(value.shape) > 1
        and not (isinstance(old, ast.Attribute) and old.attr == "T")
    ):
        yield "transposed", ast.Attribute(copy.deepcopy(old), "T", ast.Load()), ""
    if value.ndim == 2 and 1 in value.shape and isinstance(old, ast.Name):
        flat = ast.Attribute(copy.deepcopy(old), "ravel", ast.Load())
        yield "flattened", ast.Call(flat, [], []), ""


def _others(place: Place, old: ast.expr, seen: Mapping[str, Any], atoms: Sequence[str]) -> _Found:
    if place.in_index:
        return
    text = ast.unparse(old)
    value = seen.get(text)
    if isinstance(old, ast.Constant):
        if old.value in (1, 1.0):
            for atom in atoms:
                if atom in seen and seen[atom].dtype.kind == "f":
                    yield "other", _parsed(atom), atom
    elif value is not None and (value.size > 1 or value.dtype.kind == "f"):
        for atom in atoms:
            other = seen.get(atom)
            alike = other is not None and other.shape == value.shape
            if alike and atom != text and (value.ndim or seen[atom].dtype.kind == "f"):
                yield "other", _parsed(atom), atom


def _of_operation(place: Place, old: ast.BinOp) -> _Found:
    left, right, operator = old.left, old.right, type(old.op)
    if operator in (ast.Mult, ast.Div):
        if operator is ast.Div and not isinstance(right, ast.Constant):
            yield "factor left out", left, ast.unparse(right)
        if operator is ast.Mult and not _is_product(place.parent):
            yield from _of_product(old)
        for kind in SCALINGS[operator]:
            yield "divide", ast.BinOp(left, kind(), right), ast.unparse(right)
    elif operator is ast.MatMult:
        yield "order", ast.BinOp(right, old.op, left), ""
    elif operator in (ast.Add, ast.Sub):
        index = place.in_index
        yield "index" if index else "term left out", left, ast.unparse(right)
        if not isinstance(right, ast.Constant) or index:
            yield "index" if index else "term left out", right, ast.unparse(left)
    elif operator is ast.Pow:
        yield "power", left, ""
        for number in (2, 3, -1, -2, 0.5, -0.5):
            yield "power", ast.BinOp(left, old.op, ast.Constant(number)), ""


def _of_product(old: ast.BinOp) -> _Found:
    """One factor less, or two that stand side by side."""
    factors: list[ast.expr] = []
    node: ast.expr = old
    while _is_product(node):
        factors.insert(0, node.right)  # type: ignore[attr-defined]
        node = node.left  # type: ignore[attr-defined]
    factors.insert(0, node)
    for count in (1, 2):
        for first in range(len(factors) - count + 1):
            rest = factors[:first] + factors[first + count :]
            gone = factors[first : first + count]
            if not rest or all(isinstance(x, ast.Constant) for x in gone):
                continue
            about = ast.unparse(functools.reduce(_times, gone))
            yield "factor left out", functools.reduce(_times, rest), about


def _is_product(node: ast.AST) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult)


def _times(first: ast.expr, second: ast.expr) -> ast.expr:
    return placed(ast.BinOp(first, ast.Mult(), second), first)


def _of_call(old: ast.Call, seen: Mapping[str, Any]) -> _Found:
    method = isinstance(old.func, ast.Attribute) and not _is_numpy(old.func)
    name = old.func.attr if isinstance(old.func, ast.Attribute) else ""
    if len(old.args) == 1 and not method:
        yield "function left out", old.args[0], ast.unparse(old.func)
    for twin in sisters(name, REDUCTIONS):
        func = ast.Attribute(old.func.value, twin, ast.Load())  # type: ignore[attr-defined]
        yield "function", ast.Call(func, old.args, old.keywords), f"{name} {twin}"
    for word in old.keywords:
        if word.arg in ("order", "ddof", "mode"):
            rest = [x for x in old.keywords if x is not word]
            yield word.arg, ast.Call(old.func, old.args, rest), ""
    if name == "reshape" and not any(word.arg == "order" for word in old.keywords):
        words = [*old.keywords, ast.keyword("order", ast.Constant("F"))]
        yield "order", ast.Call(old.func, old.args, words), ""
    if name in _REDUCING:
        yield from _of_reduction(old, method, seen)


def _of_reduction(old: ast.Call, method: bool, seen: Mapping[str, Any]) -> _Found:
    """The same sum over other axes."""
    reduced = old.func.value if method else (old.args[0] if old.args else None)  # type: ignore[attr-defined]
    value = seen.get(ast.unparse(reduced)) if reduced is not None else None
    if value is None or not 1 <= value.ndim <= 4:
        return
    given = old.args if method else old.args[1:]
    words = {word.arg: word.value for word in old.keywords}
    now = given[0] if given else words.get("axis")
    text = ast.unparse(now) if now is not None else "None"
    axes: list[Any] = [None, *range(value.ndim)]
    if value.ndim > 2:
        axes += [(i, j) for i in range(value.ndim) for j in range(i + 1, value.ndim)]
    rest = [word for word in old.keywords if word.arg != "axis"]
    first = [] if method else old.args[:1]
    for axis in axes:
        if repr(axis) == text or (isinstance(axis, int) and str(axis - value.ndim) == text):
            continue
        found = [*rest, ast.keyword("axis", ast.parse(repr(axis), mode="eval").body)]
        yield "axis", ast.Call(old.func, first, found), ""
        if "keepdims" not in words:
            kept = [*found, ast.keyword("keepdims", ast.Constant(True))]
            yield "axis", ast.Call(old.func, first, kept), ""


def _of_subscript(old: ast.Subscript, seen: Mapping[str, Any], integers: Sequence[str]) -> _Found:
    index = old.slice
    entries = index.elts if isinstance(index, ast.Tuple) else [index]
    if any(_reverses(x) for x in entries):
        kept = [ast.Slice() if _reverses(x) else x for x in entries]
        new = ast.Tuple(kept, ast.Load()) if isinstance(index, ast.Tuple) else kept[0]
        yield "reversed", ast.Subscript(old.value, new, old.ctx), ""
        return
    value = seen.get(ast.unparse(old.value))
    if value is None:
        return
    for position, entry in enumerate(entries):
        if isinstance(entry, (ast.Constant, ast.UnaryOp)) and _is_whole(entry):
            rest = [ast.Slice() if x is entry else x for x in entries]
            whole = ast.Subscript(old.value, ast.Tuple(rest, ast.Load()), old.ctx)
            sums = ast.Attribute(whole if len(entries) > 1 else old.value, "sum", ast.Load())
            yield "one row", ast.Call(sums, [ast.Constant(position)], []), ""
    if len(entries) < value.ndim:
        for name in integers:
            longer = ast.Tuple([*entries, _parsed(name)], ast.Load())
            yield "index added", ast.Subscript(old.value, longer, old.ctx), name


def _reverses(entry: ast.expr) -> bool:
    return (
        isinstance(entry, ast.Slice)
        and isinstance(entry.step, ast.UnaryOp)
        and ast.unparse(entry.step) == "-1"
    )


def _is_whole(entry: ast.expr) -> bool:
    try:
        return type(ast.literal_eval(entry)) is int
    except ValueError:
        return False


def _of_number(place: Place, old: ast.Constant, integers: Sequence[str]) -> _Found:
    number: Any = old.value
    if place.in_index and type(number) is int:
        yield "index", ast.Constant(number + 1), ""
        if number > 0:
            yield "index", ast.Constant(number - 1), ""
    if type(number) is int:
        for name in integers:
            yield "number", _parsed(name), name


def _exchanges(site: Site, seen: Mapping[str, Any], atoms: Sequence[str]) -> Iterator[Change]:
    """Two values of one shape, each in the place of the other."""
    known = set(atoms)
    texts: dict[str, tuple[int, ...]] = {}
    for place in site.places():
        text = ast.unparse(place.expression)
        if text in known and text in seen and seen[text].size > 1 and not place.in_index:
            texts[text] = seen[text].shape
    names = list(texts)
    node = site.statement
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            if texts[first] == texts[second] and site.body:
                new = _Exchanging(first, second).visit(copy.deepcopy(node))
                if not isinstance(node, (ast.If, ast.For, ast.While)):
                    about = f"{first} {second}"
                    yield Change("exchanged", None, ast.fix_missing_locations(new), node, about)


class _Exchanging(ast.NodeTransformer):
    def __init__(self, first: str, second: str) -> None:
        self.other: dict[str, Callable[[], ast.expr]] = {
            first: lambda: _parsed(second),
            second: lambda: _parsed(first),
        }

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, ast.expr) and isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
            made = self.other.get(ast.unparse(node))
            if made is not None:
                return placed(made(), node)
        return self.generic_visit(node)


def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _is_numpy(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id in ("np", "numpy", "math")
