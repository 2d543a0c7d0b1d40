"""Changes of one statement's text: each the undoing of a slip of the pen that people make.

Two searches try them: for the mistake that a change undoes (`chainrule.checking.repairs.search`),
and for the line on which one stands (`chainrule.checking.localisation.edited`).
"""

from __future__ import annotations

import ast
import contextlib
import copy
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chainrule.checking.confusions import SCALINGS
from chainrule.checking.repairs.atoms import draws
from chainrule.checking.repairs.exchange import placed
from chainrule.checking.repairs.expressions import Around, instead
from chainrule.checking.repairs.names import another, exchanged_texts, swapped
from chainrule.checking.repairs.sites import Place, Site
from chainrule.checking.watch_syntax import loaded

#: NumPy under whatever name the user's file has it; people read ``np``.
NUMPY = "__import__('numpy')"
#: Expressions that pick which entries are written to.
_MASKS = (ast.UnaryOp, ast.Compare)
_LONGEST = 72  # characters of an expression in a sentence
#: What has no name of its own: it shows a line, and says nothing of the mistake on it.
UNNAMED = frozenset({
    "assign", "subtract", "term sign", "sides", "number left out", "factors left out",
    "terms left out", "number sign", "near number", "argument", "arguments turned",
    "method left out", "keyword left out", "axes kept", "kink", "other function",
    "sister", "size", "zero", "everywhere", "swapped",
})  # fmt: skip


@dataclass(frozen=True)
class Change:
    """An expression of a statement, or the statement, replaced.

    Attributes
    ----------
    kind : str
    place : Place or None
        None where the whole statement is exchanged.
    new : ast.AST, or list of them
    old : ast.AST, or list of them
    about : str
        What else names the change, such as the text of a factor that is left out.
    agreement : int
        How many more values it gives to keys of their own name.
    """

    kind: str
    place: Place | None
    new: Any
    old: Any
    about: str = ""
    agreement: int = 0

    @property
    def before(self) -> str:
        """What stands there."""
        return _text(self.old)

    @property
    def after(self) -> str:
        """What stands there with the change."""
        return _text(self.new)

    @property
    def moved(self) -> ast.stmt | None:
        """The statement that stands elsewhere with the change, where that is all there is to it."""
        return self.new.orelse[0] if self.kind == "return in a loop" else None

    def said(self, site: Site) -> str:
        """The change in words: the statement as it should be, or what takes whose place in it."""
        if self.moved is not None:
            return f"{quoted(self.moved)} after the loop"
        if isinstance(self.new, ast.Pass):
            return f"{quoted(self.old)} left out"
        with self.made(site):
            whole = ast.unparse(site.statement).splitlines()[0].replace(NUMPY, "np")
        if site.body and len(whole) <= _LONGEST and whole != _first_line(site):
            return f"`{whole}`"
        return f"{quoted(self.new)} in the place of {quoted(self.old)}"

    def make(self, site: Site) -> None:
        """Put the new expression into the tree."""
        self._put(site, self.new)

    def undo(self, site: Site) -> None:
        """Put the old one back."""
        self._put(site, self.old)

    def _put(self, site: Site, node: Any) -> None:
        if self.place is None:
            site.body[site.position] = node
        else:
            self.place.put(node)

    @contextlib.contextmanager
    def made(self, site: Site) -> Iterator[None]:
        """The tree with the change in it."""
        self.make(site)
        try:
            yield
        finally:
            self.undo(site)


def _first_line(site: Site) -> str:
    return ast.unparse(site.statement).splitlines()[0]


def quoted(nodes: Any) -> str:
    """Expressions or statements as a sentence names them."""
    text = _text(nodes).replace("\n", " ").replace(NUMPY, "np")
    return f"`{text if len(text) <= _LONGEST else text[: _LONGEST - 1] + '…'}`"


def _text(nodes: Any) -> str:
    return ", ".join(map(ast.unparse, nodes)) if isinstance(nodes, list) else ast.unparse(nodes)


def changes_of(
    site: Site, around: Around, others: Callable[[Place], Iterable[str]]
) -> Iterator[Change]:
    """Every change of a statement, those without a name as well.

    Parameters
    ----------
    site : Site
    around : Around
    others : callable
        What may have been meant in the place of a value, as text.
    """
    yield from _of_statement(site, around)
    for place in itertools.chain(site.places(), site.settings()):
        old = place.expression
        for kind, new, about in instead(place, around):
            yield Change(kind, place, placed(new, old), old, about)
        for text in others(place):
            kind, new, about = another(text)
            yield Change(kind, place, placed(new, old), old, about)
        yield from _swapped(place)
    for target in getattr(site.statement, "targets", ()):
        if isinstance(target, (ast.Tuple, ast.List)):
            above = (site.statement,)
            yield from _swapped(Place(site.statement, "targets", 0, above))


def slips(site: Site, seen: Mapping[str, Any], integers: Sequence[str]) -> Iterator[Change]:
    """Changes with a name that need nothing but what stands there.

    Parameters
    ----------
    site : Site
    seen : mapping of str to array
        What expressions are worth there, by their text.
    integers : sequence of str
        Names of whole numbers.
    """
    around = Around(seen, integers)
    for change in _of_statement(site, around):
        if change.kind not in UNNAMED:
            yield change
    written_to = (x for x in site.settings() if isinstance(x.expression, _MASKS) or x.in_index)
    for place in itertools.chain(site.places(), written_to):
        old = place.expression
        for kind, new, about in instead(place, around):
            if kind not in UNNAMED:
                yield Change(kind, place, placed(new, old), old, about)


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
        for text in _alike(place, seen, atoms):
            kind, new, about = another(text)
            yield Change(kind, place, placed(new, old), old, about)
    node = site.statement
    if not site.body or isinstance(node, (ast.If, ast.For, ast.While)):
        return
    texts: dict[str, tuple[int, ...]] = {}
    for place in site.places():
        text = ast.unparse(place.expression)
        if text in atoms and text in seen and seen[text].size > 1 and not place.in_index:
            texts[text] = seen[text].shape
    for first, second in itertools.combinations(texts, 2):
        if texts[first] == texts[second]:
            new = exchanged_texts(node, {first: second, second: first})
            yield Change("exchanged", None, placed(new, node), node, f"{first} {second}")


def _alike(place: Place, seen: Mapping[str, Any], atoms: Sequence[str]) -> Iterator[str]:
    """The atoms whose values could stand in the place of an expression's."""
    if place.in_index:
        return
    old = place.expression
    text = ast.unparse(old)
    value = seen.get(text)
    if isinstance(old, ast.Constant):
        reals = [atom for atom in atoms if atom in seen and seen[atom].dtype.kind == "f"]
        if old.value in (1, 1.0):
            yield from reals
        elif old.value == 0 and place.in_test:  # another threshold
            for atom in reals:
                if not seen[atom].ndim:
                    yield from (atom, f"-{atom}")
    elif value is not None and (value.size > 1 or value.dtype.kind == "f"):
        for atom in atoms:
            other = seen.get(atom)
            alike = other is not None and (
                other.shape == value.shape or _is_row_of(value.shape, other.shape)
            )
            if alike and atom != text and (value.ndim or seen[atom].dtype.kind == "f"):
                yield atom


def _is_row_of(shape: tuple[int, ...], whole: tuple[int, ...]) -> bool:
    """Whether an array is repeated along axes of length 1 where it meets the other."""
    return (
        1 in shape
        and len(shape) == len(whole)
        and all(a in (1, b) for a, b in zip(shape, whole, strict=True))
    )


def _swapped(place: Place) -> Iterator[Change]:
    """Two values of a display, or of the keywords of a call, in each other's place."""
    node = place.expression
    for attribute, number, new, gain in swapped(node):
        old = getattr(node, attribute)
        below = Place(node, attribute, None, (*place.above, node, old[number]))
        yield Change("swapped", below, new, old, agreement=gain)


# --- whole statements ----------------------------------------------------------------------------


def _of_statement(site: Site, around: Around) -> Iterator[Change]:
    node = site.statement
    for kind, new, about in _statements(site, around.seen):
        yield Change(kind, None, placed(new, node), node, about)
    value = getattr(node, "value", None)
    if isinstance(node, ast.stmt) and value is not None:
        whole = Place(node, "value", None, (node,))
        for own, other in around.several(value):
            new = exchanged_texts(value, {own: other})
            yield Change("everywhere", whole, placed(new, value), value, other)


def _statements(site: Site, seen: Mapping[str, Any]) -> Iterator[tuple[str, Any, str]]:
    node = site.statement
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and draws(node.value):
        yield "drawn again", ast.Pass(), ""
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        target = node.targets[0]
        if isinstance(target, (ast.Name, ast.Subscript, ast.Attribute)) and not isinstance(
            node.value, (ast.Dict, ast.List, ast.ListComp, ast.Tuple)
        ):  # a loop may go through a list that it would lengthen then
            yield "accumulate", ast.AugAssign(target, ast.Add(), node.value), ""
            if isinstance(target, ast.Subscript):
                yield "multiply", ast.AugAssign(target, ast.Mult(), node.value), ""
                if _may_repeat(target.slice, seen):
                    yield "every index", _added_at(_augmented(target, node.value)), ""
            if not isinstance(target, ast.Name) or site.loops:
                yield "subtract", ast.AugAssign(target, ast.Sub(), node.value), ""
    if isinstance(node, ast.For) and not site.loops:
        after = _returning_after(node)
        if after is not None:
            yield "return in a loop", after, ""
    if not isinstance(node, ast.AugAssign):
        return
    if (
        isinstance(node.op, (ast.Add, ast.Sub))
        and isinstance(node.target, ast.Subscript)
        and _may_repeat(node.target.slice, seen)
    ):
        yield "every index", _added_at(node), ""
    for operator in SCALINGS.get(type(node.op), ()):
        new = ast.AugAssign(node.target, operator(), node.value)
        yield "divide", new, ast.unparse(node.value)
    if isinstance(node.op, (ast.Add, ast.Sub)):
        turned = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
        yield "term sign", ast.AugAssign(node.target, turned, node.value), ""
        yield "assign", ast.Assign([node.target], node.value), ""


def _returning_after(loop: ast.For) -> ast.For | None:
    """A loop without the return at the end of its body, which comes after it instead."""
    if loop.orelse:
        return None
    after = copy.deepcopy(loop)
    inner = after
    while isinstance(inner.body[-1], ast.For) and not inner.body[-1].orelse:
        inner = inner.body[-1]
    if len(inner.body) < 2 or not isinstance(inner.body[-1], ast.Return):
        return None
    after.orelse = [inner.body.pop()]
    return after


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


def _augmented(target: ast.Subscript, value: ast.expr) -> ast.AugAssign:
    """``a[i] += x`` for ``a[i] = x`` and for ``a[i] = a[i] + x``, and the same with a minus."""
    own = isinstance(value, ast.BinOp) and ast.unparse(value.left) == ast.unparse(target)
    if own and isinstance(value.op, (ast.Add, ast.Sub)):  # type: ignore[attr-defined]
        return ast.AugAssign(target, value.op, value.right)  # type: ignore[attr-defined]
    return ast.AugAssign(target, ast.Add(), value)


def _added_at(node: ast.AugAssign) -> ast.stmt:
    """``np.add.at(array, index, value)`` for ``array[index] += value``; of ``-=``, ``subtract``."""
    target: Any = loaded(node.target)
    imported = ast.parse(NUMPY, mode="eval").body
    name = "add" if isinstance(node.op, ast.Add) else "subtract"
    add = ast.Attribute(ast.Attribute(imported, name, ast.Load()), "at", ast.Load())
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
