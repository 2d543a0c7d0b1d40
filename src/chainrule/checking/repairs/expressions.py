"""What may have been meant by an expression: operators, numbers, calls and indices."""

from __future__ import annotations

import ast
import copy
import functools
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.checking.confusions import COMPARISONS, REDUCTIONS, SCALINGS, sisters
from chainrule.checking.repairs.atoms import is_atom, is_size
from chainrule.checking.repairs.exchange import placed
from chainrule.checking.repairs.names import parsed
from chainrule.checking.repairs.positions import is_argument, is_sum
from chainrule.checking.repairs.sites import Place

_REDUCING = frozenset({"sum", "mean", "max", "min", "prod", "var", "std", "argmax", "argmin"})
#: Sums along one axis that keep it.
_RUNNING = frozenset({"cumsum", "cumprod"})
#: Functions that people take for one another, of which a mistake has no name.
_SISTERS = (
    ("dot", "multiply"), ("std", "var"), ("zeros_like", "ones_like"), ("zeros", "ones"),
    ("sin", "cos"), ("sqrt", "square"), ("exp", "log"), ("tile", "repeat"),
)  # fmt: skip
_TO_INTEGERS = frozenset({
    "int", "round", "math.floor", "math.trunc", "np.floor", "np.trunc", "np.rint", "np.round",
    "np.around", "np.fix", "np.int64", "np.int32", "np.int_",
})  # fmt: skip
_WITH_A_NAME = ("order", "ddof", "mode", "dtype")


def _none(_: ast.expr) -> Iterable[tuple[str, str]]:
    return ()


@dataclass(frozen=True)
class Around:
    """What is known where a statement stands.

    Attributes
    ----------
    seen : mapping of str to array
        What expressions are worth there, by their text; empty where nothing was looked at.
    integers : sequence of str
        Names of whole numbers.
    functions : sequence of str
        Names of the user's functions.
    several : callable
        For a value that a statement binds: what it reads more than once, with others for it.
    """

    seen: Mapping[str, Any] = field(default_factory=dict)
    integers: Sequence[str] = ()
    functions: Sequence[str] = ()
    several: Callable[[ast.expr], Iterable[tuple[str, str]]] = _none


_Found = Iterator[tuple[str, Any, str]]


def instead(place: Place, around: Around) -> _Found:
    """Kind, expression and what else there is to say of what may have been meant at a place."""
    old, seen, integers = place.expression, around.seen, around.integers
    if isinstance(old, ast.BinOp):
        yield from _of_operation(place, old, seen)
        yield from _of_crossing(old, seen)
    elif isinstance(old, ast.UnaryOp):
        sign = isinstance(old.op, ast.USub)
        kind = "sign" if sign else "negation"
        yield "number sign" if isinstance(old.operand, ast.Constant) else kind, old.operand, ""
    elif isinstance(old, ast.Compare) and len(old.ops) == 1:
        for operator in COMPARISONS.get(type(old.ops[0]), ()):
            yield "comparison", ast.Compare(old.left, [operator()], old.comparators), ""
    elif isinstance(old, ast.IfExp):
        yield "branch", old.body, ""
        yield "branch", old.orelse, ""
    elif isinstance(old, ast.Call):
        yield from _of_call(old, around)
    elif isinstance(old, ast.Subscript):
        yield from _of_subscript(old, seen, integers)
        if is_size(old):
            yield "size", ast.Attribute(old.value.value, "size", ast.Load()), ""  # type: ignore[attr-defined]
    elif isinstance(old, ast.Attribute) and old.attr == "T":
        yield "transposed", old.value, ""
    if isinstance(place.parent, ast.Return) and _is_of_one_value(old):
        for new in _formulas(ast.unparse(old)):  # f(z) is returned, and f'(z) is due
            yield "formula", new, ""
    elif isinstance(old, ast.Constant):
        yield from _of_number(place, old, integers)
    text = ast.unparse(old)
    value = seen.get(text)
    whole = value is not None and not value.ndim and value.dtype.kind in "iu"
    if len(place.above) == 1 and (whole or (not seen and isinstance(old, ast.Name))):
        for name in integers:
            yield "number", ast.BinOp(old, ast.Mult(), parsed(name)), name
            if name != text:
                yield "index", parsed(name), name
    if place.in_index and isinstance(old, ast.Name) and (value is None or value.ndim == 0):
        yield "index", ast.BinOp(old, ast.Add(), ast.Constant(1)), ""
        yield "index", ast.BinOp(old, ast.Sub(), ast.Constant(1)), ""
        for name in integers:
            yield "number", ast.BinOp(old, ast.Mult(), parsed(name)), name
            if name != text:
                yield "index", parsed(name), name
    if isinstance(place.parent, ast.Compare) and is_atom(old):
        yield "zero", ast.Constant(0), ""
    if place.in_index:
        return
    yield from _of_array(place, value)
    yield from _of_order(old, value, seen)
    if _may_be_turned(place, value, around):
        yield "transposed", ast.Attribute(copy.deepcopy(old), "T", ast.Load()), ""
    if value is not None and value.ndim == 2 and 1 in value.shape and isinstance(old, ast.Name):
        flat = ast.Attribute(copy.deepcopy(old), "ravel", ast.Load())
        yield "flattened", ast.Call(flat, [], []), ""


def _of_array(place: Place, value: Any) -> _Found:
    """What may have been meant by a value that is no whole number."""
    if value is None or value.dtype.kind != "f":
        return
    old, parent = place.expression, place.parent
    if isinstance(parent, ast.BinOp) and isinstance(parent.op, (ast.Add, ast.Sub)):
        beside = parent.right if place.field == "left" else parent.left
        if isinstance(beside, ast.Constant):
            yield "power", ast.BinOp(old, ast.Pow(), ast.Constant(2)), ""
    if isinstance(old, (ast.Name, ast.Attribute)) and 0 < value.ndim <= 4 and max(value.shape) > 1:
        turned = ast.Slice(None, None, ast.UnaryOp(ast.USub(), ast.Constant(1)))
        kept = [ast.Constant(...)] * (value.ndim > 2)
        index = ast.Tuple([*kept, *[turned] * min(value.ndim, 2)], ast.Load())
        whole = old.value if isinstance(old, ast.Attribute) and old.attr == "T" else old
        yield "flipped", ast.Subscript(copy.deepcopy(whole), index, ast.Load()), ""


def _of_order(old: ast.expr, value: Any, seen: Mapping[str, Any]) -> _Found:
    """An array in the order of another, in its own, or back in its own."""
    if value is None or not value.ndim or len(value) < 2:
        return
    orders = [
        text for text, each in seen.items() if text.isidentifier() and _is_order(each, len(value))
    ]
    if isinstance(old, (ast.Name, ast.Attribute)):
        for text in orders:
            if text != ast.unparse(old):
                yield "reordered", ast.Subscript(copy.deepcopy(old), parsed(text), ast.Load()), text
    elif isinstance(old, ast.Subscript) and (text := ast.unparse(old.slice)) in orders:
        yield "reordered", old.value, text
        back = ast.Attribute(parsed(text), "argsort", ast.Load())
        yield "reordered", ast.Subscript(old.value, ast.Call(back, [], []), ast.Load()), text


def _is_order(value: Any, length: int) -> bool:
    """Whether an array of indices takes each entry once, in another order than they stand."""
    if value.dtype.kind not in "iu" or value.shape != (length,):
        return False
    return bool(np.any(np.diff(value) < 0) and np.all(np.sort(value) == np.arange(length)))


def _may_be_turned(place: Place, value: Any, around: Around) -> bool:
    """Whether an expression may be a matrix that is not transposed yet."""
    old = place.expression
    if isinstance(old, ast.Attribute) and old.attr == "T":
        return False
    if value is not None:
        return bool(value.ndim == 2 and min(value.shape) > 1)
    if around.seen:
        return False
    product = isinstance(old, ast.BinOp) and isinstance(old.op, ast.MatMult)
    return product or (is_atom(old) and isinstance(place.parent, (ast.BinOp, ast.Call)))


# --- operators -----------------------------------------------------------------------------------


def _of_operation(place: Place, old: ast.BinOp, seen: Mapping[str, Any]) -> _Found:
    left, right, operator = old.left, old.right, type(old.op)
    if operator in (ast.Mult, ast.Div):
        if operator is ast.Div:
            plain = isinstance(right, ast.Constant)
            yield "number left out" if plain else "factor left out", left, ast.unparse(right)
            if not isinstance(left, ast.Constant):
                one = ast.BinOp(ast.Constant(1.0), old.op, right)
                yield "factor left out", one, ast.unparse(left)
            yield "sides", ast.BinOp(right, old.op, left), ""
        if operator is ast.Mult and not _is(place.parent, ast.Mult):
            yield from _of_product(old)
            yield from _of_formula(old, seen)
        for kind in SCALINGS[operator]:
            yield "divide", ast.BinOp(left, kind(), right), ast.unparse(right)
    elif operator is ast.MatMult:
        yield "order", ast.BinOp(right, old.op, left), ""
    elif operator in (ast.Add, ast.Sub):
        index = place.in_index
        yield "index" if index else "term left out", left, ast.unparse(right)
        if not isinstance(right, ast.Constant) or index:
            yield "index" if index else "term left out", right, ast.unparse(left)
        if operator is ast.Sub:
            yield "sides", ast.BinOp(right, old.op, left), ""
        turned = ast.Add() if operator is ast.Sub else ast.Sub()
        yield "term sign", ast.BinOp(left, turned, right), ""
        while _is(left, operator):
            left = left.left  # type: ignore[attr-defined]
            yield "terms left out", left, ""
    elif operator is ast.Pow:
        yield "power", left, ""
        for number in (2, 3, -1, -2, 0.5, -0.5):
            yield "power", ast.BinOp(left, old.op, ast.Constant(number)), ""


def _of_product(old: ast.BinOp) -> _Found:
    """One factor less, or two that stand side by side, or all but the first or last."""
    factors = list(_factors(old))
    for count in (1, 2):
        for first in range(len(factors) - count + 1):
            rest = factors[:first] + factors[first + count :]
            gone = factors[first : first + count]
            if not rest:
                continue
            number = all(isinstance(x, ast.Constant) for x in gone)
            about = ast.unparse(functools.reduce(_times, gone))
            kind = "number left out" if number else "factor left out"
            yield kind, functools.reduce(_times, rest), about
    if len(factors) > 3:
        yield "factors left out", factors[0], ""
        yield "factors left out", factors[-1], ""


def _of_formula(old: ast.BinOp, seen: Mapping[str, Any]) -> _Found:
    """The derivative as a function of a value in the place of the factors made of it alone."""
    factors = list(_factors(old))
    read = [{ast.unparse(x) for x in _outermost_atoms(factor)} for factor in factors]
    for text in dict.fromkeys(text for texts in read if len(texts) == 1 for text in texts):
        own = [number for number, texts in enumerate(read) if texts == {text}]
        if len(own) == len(factors):
            continue  # a function of it alone, such as a term of a larger formula
        value = seen.get(text)
        masks = value is None or len({*np.ravel(np.asarray(value) > 0)}) > 1
        for new in _formulas(text)[: None if masks else 2]:
            rest: list[ast.expr] = [x for number, x in enumerate(factors) if number not in own]
            rest.insert(own[0], new)
            yield "formula", functools.reduce(_times, rest), text


def _factors(product: ast.expr) -> Iterator[ast.expr]:
    """The factors of a product, in order."""
    if _is(product, ast.Mult):
        yield from _factors(product.left)  # type: ignore[attr-defined]
        yield from _factors(product.right)  # type: ignore[attr-defined]
    else:
        yield product


def _outermost_atoms(node: ast.AST) -> Iterator[ast.expr]:
    """The names, attributes and elements that an expression reads; what is called is none."""
    if is_atom(node):
        yield node  # type: ignore[misc]
        return
    for child in ast.iter_child_nodes(node):
        if not (isinstance(node, ast.Call) and child is node.func):
            yield from _outermost_atoms(child)


def _is_of_one_value(node: ast.expr) -> bool:
    """Whether it is a value, or a function of one."""
    return is_atom(node) or (
        isinstance(node, ast.Call) and len(node.args) == 1 and is_atom(node.args[0])
    )


def _formulas(text: str) -> list[ast.expr]:
    """Derivatives as functions of a value: of the activation that it is, or the mask z > 0, which
    of a positive number is no factor at all.
    """
    formulas = ("{0} * (1 - {0})", "(1 - {0} ** 2)", "({0} > 0)")
    return [parsed(formula.format(text)) for formula in formulas]


def _of_crossing(old: ast.BinOp, seen: Mapping[str, Any]) -> _Found:
    """(n,) and (n, 1) that grow to (n, n), given one shape."""
    sides = [old.left, old.right]
    values = [seen.get(ast.unparse(side)) for side in sides]
    shapes: list[tuple[int, ...]] = [() if x is None else x.shape for x in values]
    if sorted(map(len, shapes)) != [1, 2] or isinstance(old.op, ast.MatMult):
        return
    flat, column = (0, 1) if len(shapes[0]) == 1 else (1, 0)
    n = shapes[flat][0]
    if n < 2 or shapes[column] != (n, 1):
        return
    for side, shape in ((flat, "-1, 1"), (column, "-1"), (column, "1, -1")):
        reshape = ast.Attribute(copy.deepcopy(sides[side]), "reshape", ast.Load())
        call = ast.Call(reshape, list(map(parsed, shape.split(", "))), [])
        both = [call if side == k else copy.deepcopy(sides[k]) for k in (0, 1)]
        yield "crossed", ast.BinOp(both[0], old.op, both[1]), ""


def _is(node: ast.AST, operator: type) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, operator)


def _times(first: ast.expr, second: ast.expr) -> ast.expr:
    return placed(ast.BinOp(first, ast.Mult(), second), first)


# --- calls ---------------------------------------------------------------------------------------


def _of_call(old: ast.Call, around: Around) -> _Found:
    method = isinstance(old.func, ast.Attribute) and not _is_numpy(old.func)
    name = old.func.attr if isinstance(old.func, ast.Attribute) else ""
    if len(old.args) == 1 and not method:
        if ast.unparse(old.func) in _TO_INTEGERS:
            yield "dtype", old.args[0], ""
        yield "function left out", old.args[0], ast.unparse(old.func)
    elif old.args and not isinstance(old.args[0], ast.Starred):
        yield "argument", old.args[0], ""
    for kind, pairs in (("function", REDUCTIONS), ("sister", _SISTERS)):
        for twin in sisters(name, pairs):
            func = ast.Attribute(old.func.value, twin, ast.Load())  # type: ignore[attr-defined]
            yield kind, ast.Call(func, old.args, old.keywords), f"{name} {twin}"
    if isinstance(old.func, ast.Attribute) and not old.args:
        yield "method left out", old.func.value, ""
    if name == "astype" and method:
        yield "dtype", old.func.value, ""  # type: ignore[attr-defined]
    if name == "maximum" and len(old.args) == 2:
        for argument in old.args:
            yield "kink", ast.Compare(argument, [ast.Gt()], [ast.Constant(0)]), ""
    if isinstance(old.func, ast.Name):
        for other in around.functions:
            if other != old.func.id:
                called = ast.Call(ast.Name(other, ast.Load()), old.args, old.keywords)
                yield "other function", called, other
    if name == "einsum":
        yield from _of_einsum(old)
    if len(old.args) == 2:
        yield "arguments turned", ast.Call(old.func, old.args[::-1], old.keywords), ""
    for word in old.keywords:
        rest = [x for x in old.keywords if x is not word]
        kind = word.arg if word.arg in _WITH_A_NAME else "keyword left out"
        yield kind, ast.Call(old.func, old.args, rest), ""
    words = [word.arg for word in old.keywords]
    if name == "reshape" and "order" not in words:
        ordered = [*old.keywords, ast.keyword("order", ast.Constant("F"))]
        yield "order", ast.Call(old.func, old.args, ordered), ""
    if name in ("sum", "mean") and "keepdims" not in words:
        kept = [*old.keywords, ast.keyword("keepdims", ast.Constant(True))]
        reduced, axis = _reduced(old, method, around.seen)
        row = reduced is not None and reduced.ndim == 2 and axis != "None"
        yield "kept axis" if row else "axes kept", ast.Call(old.func, old.args, kept), ""
    if name in _REDUCING | _RUNNING:
        yield from _of_reduction(old, method, around, name in _RUNNING)


def _of_reduction(old: ast.Call, method: bool, around: Around, running: bool) -> _Found:
    """The same sum over other axes, or along another."""
    value, text = _reduced(old, method, around.seen)
    words = {word.arg: word.value for word in old.keywords}
    now = words.get("axis")
    if value is not None:
        dimensions = value.ndim
    elif around.seen:
        return
    elif not isinstance(now, ast.Tuple):
        yield from _of_matrix(old, method, words)
        return
    else:
        dimensions = max([1, *(x.value for x in now.elts if _is_axis(x))]) + 1  # type: ignore[attr-defined]
    if not 1 <= dimensions <= 4:
        return
    axes: list[Any] = [None, *range(dimensions)]
    if running:
        axes = axes[1:]
    elif dimensions > 2:
        axes += itertools.combinations(range(dimensions), 2)
    before = list(itertools.takewhile(lambda word: word.arg != "axis", old.keywords))
    after = [word for word in old.keywords[len(before) :] if word.arg != "axis"]
    first = [] if method else old.args[:1]
    for axis in axes:
        if repr(axis) == text or (isinstance(axis, int) and str(axis - dimensions) == text):
            continue
        found = [*before, ast.keyword("axis", ast.parse(repr(axis), mode="eval").body), *after]
        yield "axis", ast.Call(old.func, first, found), ""
        if "keepdims" not in words and not running:
            kept = [*found, ast.keyword("keepdims", ast.Constant(True))]
            yield "axis", ast.Call(old.func, first, kept), ""


def _of_matrix(old: ast.Call, method: bool, words: Mapping[str | None, ast.expr]) -> _Found:
    """A sum over an axis of what may be a matrix; the axis may stay as one of length 1.

    Other numbers for the axis alone are among those for any number.
    """
    now = words.get("axis")
    if len(old.args) != (not method) or "keepdims" in words:
        return
    if now is None:
        axes = [0, 1]
    elif isinstance(now, ast.Constant) and now.value in (0, 1):
        axes = [axis for axis in (0, 1) if axis != now.value]
    else:
        return
    rest = [word for word in old.keywords if word.arg != "axis"]
    for axis in axes:
        found = [*rest, ast.keyword("axis", ast.Constant(axis))]
        if now is None:
            yield "axis", ast.Call(old.func, old.args, found), ""
        kept = [*found, ast.keyword("keepdims", ast.Constant(True))]
        yield "axis", ast.Call(old.func, old.args, kept), ""


def _of_einsum(old: ast.Call) -> _Found:
    """Two letters of an operand, or of the result, in each other's place."""
    first = old.args[0] if old.args else None
    if not isinstance(first, ast.Constant) or not isinstance(first.value, str):
        return
    for term in re.finditer(r"[A-Za-z]{2,4}", first.value):
        for i, j in itertools.combinations(range(*term.span()), 2):
            letters = list(first.value)
            letters[i], letters[j] = letters[j], letters[i]
            turned = [ast.Constant("".join(letters)), *old.args[1:]]
            yield "transposed", ast.Call(old.func, turned, old.keywords), ""


def _reduced(old: ast.Call, method: bool, seen: Mapping[str, Any]) -> tuple[Any, str]:
    """What a reduction runs over, if that is known, and the text of its axis."""
    reduced = old.func.value if method else (old.args[0] if old.args else None)  # type: ignore[attr-defined]
    value = seen.get(ast.unparse(reduced)) if reduced is not None else None
    given = old.args if method else old.args[1:]
    words = {word.arg: word.value for word in old.keywords}
    now = given[0] if given else words.get("axis")
    return value, ast.unparse(now) if now is not None else "None"


def _is_axis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int


def _is_numpy(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id in ("np", "numpy", "math")


# --- indices and numbers -------------------------------------------------------------------------


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
    if len(entries) == 2 and value.ndim == 1 and _is_new_axis(entries):
        turned = ast.Tuple([copy.deepcopy(x) for x in entries[::-1]], ast.Load())
        yield "turned index", ast.Subscript(old.value, turned, old.ctx), ""
    for position, entry in enumerate(entries):
        if isinstance(entry, (ast.Constant, ast.UnaryOp)) and _is_whole(entry):
            rest = [ast.Slice() if x is entry else x for x in entries]
            whole = ast.Subscript(old.value, ast.Tuple(rest, ast.Load()), old.ctx)
            sums = ast.Attribute(whole if len(entries) > 1 else old.value, "sum", ast.Load())
            yield "one row", ast.Call(sums, [ast.Constant(position)], []), ""
    if len(entries) < value.ndim:
        for name in integers:
            longer = ast.Tuple([*entries, parsed(name)], ast.Load())
            yield "index added", ast.Subscript(old.value, longer, old.ctx), name


def _is_new_axis(entries: Sequence[ast.expr]) -> bool:
    """Whether an index of two makes a row or a column: ``[:, None]``."""
    whole = [isinstance(x, ast.Slice) and not (x.lower or x.upper or x.step) for x in entries]
    return sum(whole) == 1 and ast.unparse(entries[whole.index(False)]) in ("None", "np.newaxis")


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
    near = list(_near(number))
    if place.in_index and type(number) is int:
        beside = (number + 1, number - 1)[: 2 if number > 0 else 1]
        near = [x for x in near if x not in beside]
        yield from (("index", ast.Constant(x), "") for x in beside)
    formula = not place.in_index and (is_argument(place) or is_sum(place.parent))
    kind = "number of a formula" if formula else "near number"
    yield from ((kind, ast.Constant(x), "") for x in near)
    if type(number) is int:
        for name in integers:
            yield "number", parsed(name), name


def _near(value: Any) -> Iterable[Any]:
    """The numbers that may have been meant by one."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        twice = (2 * value, value // 2) if value % 2 == 0 else (2 * value,)
        found: tuple[Any, ...] = (1 - value, value + 1, value - 1, -value, 2, 0, *twice)
    elif isinstance(value, float):
        found = (2 * value, value / 2, -value, 1 - value, 1.0)
    else:
        return []
    return [x for x in dict.fromkeys(found) if x != value]
