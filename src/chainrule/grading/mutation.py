"""Mistakes put into a right solution, one at a time: in signs, factors, axes, layers."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

_SUMS = {"sum": "mean", "mean": "sum"}
#: Functions that keep the numbers: a value of another kind is accepted with a note.
_CONVERSIONS = ("array", "asarray", "list", "tuple", "float", "Fraction", "copy")
_ORDER: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Lt: ast.LtE, ast.LtE: ast.Lt,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """A solution with one mistake.

    Attributes
    ----------
    text : str
        The program.
    function : str
        Where the mistake is, dotted inside a class.
    line : int
        Of the solution.
    kind : str
        The mistake in words.
    code : str
        Of `chainrule.checking.mistakes`, where the kind has one; else empty.
    before, after : str
        The statement.
    """

    text: str
    function: str
    line: int
    kind: str
    code: str
    before: str
    after: str


@dataclass(frozen=True)
class _Change:
    kind: str
    code: str
    node: ast.AST


def mutants(text: str) -> Iterator[Mutant]:
    """Every mistake that the dictionary of changes can put into a solution.

    Parameters
    ----------
    text : str
        A right solution. Where it marks ``# BEGIN SOLUTION`` … ``# END SOLUTION``, only what stands
        between them is changed, else the bodies of all functions.
    """
    tree = ast.parse(text)
    inside = _solution_lines(text)
    functions = dict(_functions(tree))
    seen = {ast.unparse(tree)}
    for number, (node, parents) in enumerate(_walk(tree)):
        function = next((functions[p] for p in reversed(parents) if p in functions), None)
        line = getattr(node, "lineno", None)
        if function is None or line is None or (inside and line not in inside):
            continue
        if isinstance(node, ast.FunctionDef) or _in_docstring_or_signature(node, parents):
            continue
        statement = next(p for p in (node, *reversed(parents)) if isinstance(p, ast.stmt))
        for change in _changes(node, parents):
            changed = copy.deepcopy(tree)
            target, above = next(pair for i, pair in enumerate(_walk(changed)) if i == number)
            _replace(above[-1], target, copy.deepcopy(change.node))
            ast.fix_missing_locations(changed)
            result = ast.unparse(changed)
            if result in seen:
                continue
            seen.add(result)
            after = (
                next(p for p in (*reversed(above),) if isinstance(p, ast.stmt))
                if not isinstance(target, ast.stmt)
                else change.node
            )
            yield Mutant(
                result, function, line, change.kind, change.code,
                _first_line(statement), _first_line(after),
            )  # fmt: skip


def _solution_lines(text: str) -> set[int]:
    found: set[int] = set()
    inside = False
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip() == "# BEGIN SOLUTION":
            inside = True
        elif line.strip() == "# END SOLUTION":
            inside = False
        elif inside:
            found.add(number)
    return found


def _functions(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node, node.name
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef):
                    yield inner, f"{node.name}.{inner.name}"


def _walk(
    node: ast.AST, parents: tuple[ast.AST, ...] = ()
) -> Iterator[tuple[ast.AST, tuple[ast.AST, ...]]]:
    """Every node with those above it, in the order of the text."""
    yield node, parents
    for child in ast.iter_child_nodes(node):
        yield from _walk(child, (*parents, node))


def _in_docstring_or_signature(node: ast.AST, parents: tuple[ast.AST, ...]) -> bool:
    return any(isinstance(p, ast.arguments | ast.JoinedStr | ast.Raise) for p in (node, *parents))


def _first_line(node: ast.AST) -> str:
    return ast.unparse(node).split("\n")[0]


def _replace(parent: ast.AST, old: ast.AST, new: ast.AST) -> None:
    for name, value in ast.iter_fields(parent):
        if value is old:
            setattr(parent, name, new)
            return
        if isinstance(value, list) and any(each is old for each in value):
            setattr(parent, name, [new if each is old else each for each in value])
            return


def _changes(node: ast.AST, parents: tuple[ast.AST, ...]) -> Iterator[_Change]:
    if isinstance(node, ast.BinOp):
        yield from _of_operation(node, parents)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield _Change("sign", "G205", node.operand)
    elif isinstance(node, ast.Attribute) and node.attr == "T":
        yield _Change("not transposed", "G702", node.value)
    elif isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _ORDER:
        other = ast.Compare(node.left, [_ORDER[type(node.ops[0])]()], node.comparators)
        yield _Change("the boundary counts differently", "G404", other)
    elif isinstance(node, ast.Call):
        yield from _of_call(node)
    elif isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add):
        yield _Change("overwritten instead of accumulated", "G801", ast.Assign(
            [node.target], node.value, lineno=node.lineno))  # fmt: skip
    elif isinstance(node, ast.Subscript) and _is_reversal(node.slice):
        yield _Change("not reversed", "G704", node.value)
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield from _of_number(node, parents)
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        yield from _of_name(node, parents)


def _of_operation(node: ast.BinOp, parents: tuple[ast.AST, ...]) -> Iterator[_Change]:
    left, right, op = node.left, node.right, node.op
    if isinstance(op, ast.Mult):
        for kept, lost in ((right, left), (left, right)):
            number = isinstance(lost, ast.Constant)
            yield _Change("a factor is missing", "G204" if number else "", kept)
    elif isinstance(op, ast.Div):
        yield _Change("not divided", "G201", left)
    elif isinstance(op, ast.Sub):
        if not _forgets_the_sign(parents[-1]):
            swapped = ast.BinOp(right, ast.Sub(), left)
            yield _Change("taken the wrong way round", "G205", swapped)
        yield _Change("a plus for a minus", "", ast.BinOp(left, ast.Add(), right))
    elif isinstance(op, ast.Add):
        yield _Change("a minus for a plus", "", ast.BinOp(left, ast.Sub(), right))
        yield _Change("a term is missing", "", left)
        yield _Change("a term is missing", "", right)
    elif isinstance(op, ast.Pow):
        yield _Change("not raised to a power", "", left)
    elif isinstance(op, ast.MatMult):
        swapped = ast.BinOp(right, ast.MatMult(), left)
        yield _Change("the product in another order", "G701", swapped)


def _forgets_the_sign(outside: ast.AST) -> bool:
    """Whether a square or an absolute value is taken of it: a difference has no wrong way round."""
    if isinstance(outside, ast.Call):
        function = outside.func
        return getattr(function, "attr", getattr(function, "id", "")) in ("abs", "square")
    if not isinstance(outside, ast.BinOp) or not isinstance(outside.op, ast.Pow):
        return False
    return isinstance(outside.right, ast.Constant) and outside.right.value == 2


def _of_call(node: ast.Call) -> Iterator[_Change]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    if name in _SUMS and isinstance(node.func, ast.Attribute):
        func = ast.Attribute(node.func.value, _SUMS[name], ast.Load())
        kind = "a mean for a sum" if name == "sum" else "a sum for a mean"
        yield _Change(kind, "G601", ast.Call(func, node.args, node.keywords))
    for keyword in node.keywords:
        others = [each for each in node.keywords if each is not keyword]
        if keyword.arg == "keepdims":
            yield _Change("an axis is lost", "G101", ast.Call(node.func, node.args, others))
        elif keyword.arg == "axis" and isinstance(keyword.value, ast.Constant):
            for axis in {0, 1} - {keyword.value.value}:
                moved = ast.keyword("axis", ast.Constant(axis))
                changed = ast.Call(node.func, node.args, [moved, *others])
                yield _Change("over another axis", "G603", changed)
            yield _Change("over all axes", "G603", ast.Call(node.func, node.args, others))
    called = name or (node.func.id if isinstance(node.func, ast.Name) else "")
    single = len(node.args) == 1 and not node.keywords and called not in _CONVERSIONS
    if single and not isinstance(node.args[0], ast.GeneratorExp | ast.ListComp | ast.Starred):
        yield _Change("a function is not applied", "", node.args[0])


def _is_reversal(node: ast.expr) -> bool:
    return isinstance(node, ast.Slice) and ast.unparse(node) == "::-1"


def _of_number(node: ast.Constant, parents: tuple[ast.AST, ...]) -> Iterator[_Change]:
    if _any_length(node, parents):
        return
    # Axes have changes of their own.
    if any(isinstance(p, ast.keyword) and p.arg in ("axis", "keepdims") for p in parents):
        return
    assert isinstance(node.value, int | float)
    yield _Change("another number", "", ast.Constant(node.value + 1))


def _any_length(node: ast.Constant, parents: tuple[ast.AST, ...]) -> bool:
    """Whether it is the 1 of ``reshape(-1, …)``, which takes any negative number."""
    minus, call = parents[-1], parents[-2]
    return (
        node.value == 1
        and isinstance(minus, ast.UnaryOp)
        and isinstance(call, ast.Call)
        and getattr(call.func, "attr", "") == "reshape"
    )


def _of_name(node: ast.Name, parents: tuple[ast.AST, ...]) -> Iterator[_Change]:
    """A value of the neighbouring layer, or an activation for a pre-activation."""
    function = next(p for p in parents if isinstance(p, ast.FunctionDef))
    known = {each.arg for each in function.args.args}
    known |= {
        each.id
        for each in ast.walk(function)
        if isinstance(each, ast.Name)
        and isinstance(each.ctx, ast.Store)
        and each.lineno < node.lineno
    }
    stem, digits = node.id.rstrip("0123456789"), node.id[len(node.id.rstrip("0123456789")) :]
    pairs = {"z": "a", "a": "z", "q": "h", "h": "q"}
    if stem in pairs and pairs[stem] + digits in known:
        other = pairs[stem] + digits
        yield _Change(f"{other} for {node.id}", "G703", ast.Name(other, ast.Load()))
    if digits:
        for other in (f"{stem}{int(digits) + 1}", f"{stem}{int(digits) - 1}"):
            if other in known:
                yield _Change(f"{other} for {node.id}", "G703", ast.Name(other, ast.Load()))
