"""The changes of a function's text that may show a line: those that undo a slip, then what may be
missing on it (a sign, a factor, a term).

What a line binds is not known here: other names are tried by how much they look alike.
"""

from __future__ import annotations

import ast
import contextlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from chainrule.checking.argument_names import number_of, sounds_like_data
from chainrule.checking.repairs.atoms import atoms, counts, is_atom
from chainrule.checking.repairs.changes import NUMPY, Change, changes_of
from chainrule.checking.repairs.exchange import placed
from chainrule.checking.repairs.expressions import Around
from chainrule.checking.repairs.names import exchanged_texts, parsed
from chainrule.checking.repairs.sites import Place, Site
from chainrule.checking.watch_syntax import STORING, loaded

REPLACED, INSERTED = 1, 2
_MOST_ATOMS = 24
_MOST_SLOPES = 6
_MOST_NAMES = 6  # of one index
_MOST_LENGTHS = 4  # a text without any count lacks that of its samples
_SIMPLE = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Return, ast.Expr)
#: What goes or comes with them may be missing anywhere: a number in a product.
_NUMBERS = frozenset({
    "near number", "number of a formula", "number left out", "number sign", "number",
})  # fmt: skip


@dataclass(frozen=True)
class Edit:
    """One change of a statement, to be made and unmade in the tree.

    Attributes
    ----------
    site : Site
    change : Change
    line : int
        Of the statement, or of the element of a display that spans several lines.
    cost : int
        `REPLACED` or `INSERTED`.
    """

    site: Site
    change: Change
    line: int
    cost: int

    @property
    def said(self) -> str:
        """The change in words."""
        return self.change.said(self.site)

    @property
    def adds(self) -> bool:
        """Whether it adds a term to what is there."""
        new = self.change.new
        return self.change.kind == "missing" and isinstance(getattr(new, "op", None), ast.Add)

    @property
    def stores(self) -> bool:
        """Whether it keeps a value that is right, and that nothing has been done with."""
        return self.change.kind == "thrown away"

    @property
    def is_new_number(self) -> bool:
        """Whether it multiplies with a number that stands nowhere."""
        return self.change.kind == "missing" and isinstance(
            getattr(self.change.new, "right", None), ast.Constant
        )

    @property
    def scales(self) -> bool:
        """Whether it changes a number that stands there, or multiplies with one."""
        factor = getattr(self.change.new, "right", None)
        return self.change.kind in _NUMBERS or (
            self.change.kind == "missing"
            and (isinstance(factor, ast.Constant) or isinstance(self.change.new, ast.UnaryOp))
        )

    def made(self) -> contextlib.AbstractContextManager[None]:
        """The tree with the change in it."""
        return self.change.made(self.site)


class Edits:
    """The edits of the statements of one function.

    Parameters
    ----------
    function : FunctionDef or Lambda
    functions : sequence of str
        Names of the functions of the file.
    attributes : sequence of str
        What the methods of its class keep, such as ``self.x``.
    numbers : sequence of str
        Names of the whole numbers of the file.
    around : iterable of str
        What a closure may read of the functions around it.
    """

    def __init__(
        self,
        function: Any,
        functions: Sequence[str] = (),
        attributes: Sequence[str] = (),
        numbers: Sequence[str] = (),
        around: Iterable[str] = (),
    ) -> None:
        self.atoms = atoms(function)
        if any(text.startswith("self.") for text in self.atoms):
            self.atoms += [text for text in attributes if text not in self.atoms]
        self.closed_over = [text for text in around if text not in self.atoms]
        self.atoms += self.closed_over
        self.attributes = attributes
        self.unread = _unread(function)
        self.counts = counts(function)
        names = sorted(
            (each.arg for each in function.args.args if each.arg != "self"),
            key=lambda name: not sounds_like_data(name),
        )
        self.lengths = [f"len({name})" for name in names[:_MOST_LENGTHS]]
        self.around = Around({}, [*self.counts, *numbers], functions, self._several)

    def of(self, site: Site) -> Iterator[Edit]:
        """The edits of one statement of the function."""
        containers = _filled(site.statement)
        for change in changes_of(site, self.around, self._others):
            moved = change.moved
            line = site.line_of(change.place) if moved is None else moved.lineno
            edit = Edit(site, change, line, INSERTED if _is_missing(change) else REPLACED)
            if not containers or change.after not in containers:
                yield edit
        for turned in _turned_indices(site.statement):
            change = Change("swapped", None, placed(turned, site.statement), site.statement)
            yield Edit(site, change, site.line_of(None), REPLACED)
        yield from self.kept(site)
        yield from self.unread_terms(site)
        for place in _whole_values(site):
            for new in self._completed(site, place.expression):
                change = Change("missing", place, placed(new, place.expression), place.expression)
                yield Edit(site, change, site.line_of(place), INSERTED)

    # --- other names -----------------------------------------------------------------------------

    def _others(self, place: Place) -> Iterator[str]:
        """Other names, attributes and elements; other counts for the bounds of a loop."""
        if place.in_bound and isinstance(place.parent, ast.Call):
            yield from self.counts
        old, parent = place.expression, place.parent
        if not is_atom(old) or (isinstance(parent, ast.Attribute) and is_atom(parent)):
            return
        if not any(isinstance(x, ast.Attribute) and x.attr in _SIZES for x in place.above):
            yield from self._near(ast.unparse(old))  # other arrays have the same sizes by chance

    def _several(self, value: ast.expr) -> Iterator[tuple[str, str]]:
        """What an expression reads more than once, with what may have been meant."""
        read = [ast.unparse(node) for node in ast.walk(value) if is_atom(node)]
        for own in dict.fromkeys(text for text in read if read.count(text) > 1):
            for text in self._near(own):
                yield own, text

    def _near(self, own: str) -> list[str]:
        """Other names, attributes and elements, those that look alike first."""
        near = sorted(self.atoms, key=lambda text: -_likeness(text, own))
        return [x for x in near[:_MOST_ATOMS] if x != own and not x.startswith(f"{own}[")]

    # --- what is thrown away ---------------------------------------------------------------------

    def kept(self, site: Site) -> Iterator[Edit]:
        """The edits that keep a value with which the statement does nothing."""
        for new in self._kept(site.statement):
            change = Change("thrown away", None, placed(new, site.statement), site.statement)
            yield Edit(site, change, site.line_of(None), REPLACED)

    def _kept(self, statement: Any) -> Iterator[ast.stmt]:
        """``a += b`` for ``a + b``; ``self.a = b`` for ``a = b``, where an object keeps an a."""
        value = getattr(statement, "value", None)
        left = value.left if isinstance(value, ast.BinOp) else None
        if isinstance(statement, ast.Expr) and isinstance(left, _TARGETS):
            yield ast.AugAssign(_stored(left), value.op, value.right)  # type: ignore[union-attr]
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            kept = f"self.{statement.targets[0].id}"
            if kept in self.attributes and any(x.startswith("self.") for x in self.atoms):
                yield ast.Assign([_stored(parsed(kept))], statement.value)

    # --- what is missing -------------------------------------------------------------------------

    def unread_terms(self, site: Site) -> Iterator[Edit]:
        """The edits that add what the function binds and never reads to a sum, or take it away."""
        for place in site.places() if self.unread else ():
            old = place.expression
            sums = isinstance(old, ast.BinOp) and isinstance(old.op, (ast.Add, ast.Sub))
            copied = len(place.above) == 1 and isinstance(old, ast.Name)
            if place.in_index or not (sums or copied):
                continue
            for name, operator in itertools.product(self.unread, (ast.Sub(), ast.Add())):
                new = ast.BinOp(old, operator, parsed(name))
                change = Change("missing", place, placed(new, old), old)
                yield Edit(site, change, site.line_of(place), INSERTED)

    def _completed(self, site: Site, value: ast.expr) -> Iterator[ast.expr]:
        yield ast.UnaryOp(ast.USub(), value)
        positive = ast.Compare(value, [ast.Gt()], [ast.Constant(0)])
        yield ast.BinOp(positive, ast.Mult(), ast.Constant(1.0))
        for number in (2.0, 0.5):
            yield ast.BinOp(value, ast.Mult(), ast.Constant(number))
        for axis in (0, 1):
            yield parsed(f"{NUMPY}.sum({ast.unparse(value)}, axis={axis})")
            yield parsed(f"{NUMPY}.sum({ast.unparse(value)}, axis={axis}, keepdims=True)")
        for text in self.counts or self.lengths:
            yield ast.BinOp(value, ast.Div(), parsed(text))
            yield ast.BinOp(value, ast.Mult(), parsed(text))
        own = {ast.unparse(node) for node in ast.walk(site.statement) if is_atom(node)}
        at_hand = sorted(self.atoms, key=lambda text: text not in own)
        for text in at_hand[:_MOST_ATOMS]:
            yield ast.BinOp(value, ast.Mult(), parsed(text))
            yield ast.BinOp(value, ast.Add(), parsed(text))
            if text not in self.counts:
                yield ast.BinOp(value, ast.Div(), parsed(text))
        for text in self.closed_over[:_MOST_SLOPES]:  # an activation, or its argument
            for slope in (f"1 - {text} ** 2", f"{text} * (1 - {text})", f"{text} > 0"):
                yield ast.BinOp(value, ast.Mult(), parsed(slope))


def _unread(function: Any) -> list[str]:
    """The names that a function binds one by one, and never reads."""
    names = [node for node in ast.walk(function) if isinstance(node, ast.Name)]
    read = {node.id for node in names if isinstance(node.ctx, ast.Load)}
    bound = [
        node.targets[0].id
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    ]
    return [name for name in dict.fromkeys(bound) if name not in read]


_TARGETS = (ast.Name, ast.Attribute, ast.Subscript)


def _stored(expression: ast.expr) -> Any:
    """An expression as what a value is put into."""
    target = loaded(expression)
    target.ctx = ast.Store()  # type: ignore[attr-defined]
    return target


_SIZES = ("shape", "size")


def _is_missing(change: Change) -> bool:
    """Whether a change adds something, or one of the numbers that may be missing anywhere."""
    if change.kind == "subtract":
        return True
    product = change.place is not None and isinstance(change.place.parent, (ast.BinOp, ast.UnaryOp))
    if change.kind == "number left out":
        return True
    return change.kind in _NUMBERS and product


def _whole_values(site: Site) -> Iterator[Place]:
    """The values that a statement binds: of a display, its elements."""
    node = site.statement
    if isinstance(node, ast.Lambda):
        yield from _elements(Place(node, "body", None, (node,)))
    elif isinstance(node, _SIMPLE) and node.value is not None:
        yield from _elements(Place(node, "value", None, (node,)))


def _elements(place: Place) -> Iterator[Place]:
    value = place.expression
    above = (*place.above, value)
    if isinstance(value, (ast.Tuple, ast.List)):
        for number in range(len(value.elts)):
            yield from _elements(Place(value, "elts", number, above))
    elif isinstance(value, ast.Dict):
        for number in range(len(value.values)):
            yield from _elements(Place(value, "values", number, above))
    elif isinstance(value, (ast.ListComp, ast.GeneratorExp)):
        yield from _elements(Place(value, "elt", None, above))
    elif isinstance(value, ast.Call) and ast.unparse(value.func) == "dict":
        for word in value.keywords:
            yield from _elements(Place(word, "value", None, above))
    else:
        yield place


def _turned_indices(statement: Any) -> Iterator[ast.stmt]:
    """``a[i + c, j + r] = x`` for ``a[i + r, j + c] = x``: two names of an index exchanged."""
    if isinstance(statement, ast.Assign):
        target = statement.targets[0]
    elif isinstance(statement, ast.AugAssign):
        target = statement.target
    else:
        return
    if not isinstance(target, ast.Subscript) or not isinstance(target.slice, ast.Tuple):
        return
    if all(isinstance(x, (ast.Name, ast.Constant)) for x in target.slice.elts):
        return  # whole entries are exchanged with those of any display
    names = [x.id for x in ast.walk(target.slice) if isinstance(x, ast.Name)]
    for first, second in itertools.combinations(dict.fromkeys(names[:_MOST_NAMES]), 2):
        index = exchanged_texts(target.slice, {first: second, second: first})
        turned = ast.Subscript(target.value, index, ast.Store())
        if isinstance(statement, ast.Assign):
            yield ast.Assign([turned], statement.value)
        else:
            yield ast.AugAssign(turned, statement.op, statement.value)


def _filled(statement: Any) -> set[str]:
    """Containers that a statement puts something into; NumPy never ends on one within itself."""
    found: set[str] = set()
    if not isinstance(statement, _SIMPLE):
        return found
    for node in ast.walk(statement):
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            found.add(ast.unparse(node.value))
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in STORING
        ):
            found.add(ast.unparse(node.func.value))
    return found


def _likeness(a: str, b: str) -> float:
    """How much two names are alike: they begin alike, or belong to one series, or to one layer."""
    pairs = zip(a, b, strict=False)
    common = len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)))
    series = a.rstrip("0123456789") == b.rstrip("0123456789")
    layer = number_of(a) == number_of(b) != ""
    return common + 5 * series + 3 * layer + 2 * (("[" in a) == ("[" in b))
