"""Which mistake a change undoes, from what was changed and what the values are."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.checking.factors import Factor
from chainrule.checking.repairs.changes import Change
from chainrule.checking.repairs.context import Context
from chainrule.checking.repairs.meanings import is_mask, is_share
from chainrule.checking.repairs.names import parsed
from chainrule.checking.repairs.positions import (
    calls_an_activation,
    in_formula,
    in_logarithm_or_root,
    in_matrix_product,
    in_slice,
    is_added_to_a_number,
    is_argument,
    is_divisor,
    is_reduced,
    is_sum,
    picks_a_winner,
)
from chainrule.checking.repairs.sites import Place, Site
from chainrule.checking.watch_syntax import loaded

Codes = tuple[str, ...]
#: tanh' by its text: inside of a sum, such as of two activations, it is no derivative of a step.
_TANH = re.compile(r"\(?1(\.0)? - (\w+) ?(\*\* ?2|\* ?\2)\)?$")
_SIGMOID = re.compile(r"^\(?(.+?)\)? \* \(1(?:\.0?)? - \1\)$")


def codes_of(change: Change, site: Site, at: Context) -> Codes:
    """The mistakes that a change of the text undoes; empty if it has no name."""
    kind, place = change.kind, change.place
    old = ast.unparse(change.old)
    if kind == "accumulate":
        return _of_accumulation(site, at)
    if kind in _PLAIN:
        return _PLAIN[kind]
    if place is not None and picks_a_winner(place):
        return ("G907",)
    if kind == "power":
        base = change.new.left if isinstance(change.new, ast.BinOp) else change.new
        values = {"activation", "argument"} & at.words(ast.unparse(base))
        return ("G403",) if values or (place is not None and is_added_to_a_number(place)) else ()
    if kind == "sign":
        if place is not None and place.in_test:
            return ("G404",)
        return ("G403",) if place is not None and is_argument(place) else ("G205",)
    if kind == "negation":
        return ("G902",) if "data" in at.words(ast.unparse(change.new)) else ("G404",)
    if kind == "comparison":
        return ("G907",) if re.search(r"\.(max|min)\(|max\(|min\(", old) else ("G404",)
    if kind == "branch":
        both = {ast.unparse(change.old.body), ast.unparse(change.old.orelse)}
        return ("G702",) if any(f"{x}.T" in both for x in both) else ()
    if kind == "multiply":
        return ("G405",)
    if kind == "formula":
        value = at.value(change.about) if change.about else None
        return () if value is not None and value.ndim and is_mask(value) else ("G403",)
    if kind == "every index":
        return ("G803",)
    if kind == "transposed":
        if is_reduced(place):
            return ("G603",)
        if _is_kernel(at.value(old), at):
            return ("G906",)
        words = at.words(ast.unparse(change.new)) | at.words(old)
        return ("G701",) if "gradient" in words else ("G702",)
    if kind == "function":
        return _of_function(change, at)
    if kind == "reversed":
        return ("G906",) if _is_kernel(at.value(ast.unparse(change.old.value)), at) else ("G705",)
    if kind == "one row":
        return _of_one_row(change, at)
    if kind == "flipped":
        return ("G906",) if _is_kernel(at.value(old), at) else ()
    if kind == "index":
        if in_slice(place):
            return _of_geometry(site, at)
        above = reversed(place.above) if place is not None else ()
        entry = next((x for x in above if isinstance(x, ast.Subscript)), None)
        kernel = entry is not None and _is_kernel(at.value(ast.unparse(entry.value)), at)
        return ("G906",) if kernel else ("G703",)
    if kind == "number":
        around = place.above[1] if place and len(place.above) > 1 else change.old
        whole = at.value(ast.unparse(around))
        whole_number = whole is not None and whole.dtype.kind in "iu"
        return _of_geometry(site, at) if place and (place.in_index or whole_number) else ()
    if kind == "number of a formula":
        return ("G403",) if place is not None and _in_formula_of_values(place, at) else ()
    if kind == "exchanged":
        first, _, second = change.about.partition(" ")
        if any(text in old for text in (f"{first} - {second}", f"{second} - {first}")):
            return ("G205",)
        if _in_display(change.old, first, second):
            return ("G705", "G704")
        factors = {"forward", "parameter", "data"}
        results = not any(at.words(text) & factors for text in (first, second))
        return ("G704",) if results else ("G703",)
    if kind == "divide":
        value = at.value(change.about)
        return ("G403",) if value is not None and value.ndim else ()
    if kind == "factor left out":
        codes = of_extra_factor(change, at, site.statement)
        factor = at.value(change.about)
        other = (
            factor is not None
            and factor.size > 1
            and "forward" in at.words(ast.unparse(change.new))
            and "data" not in at.words(change.about)
        )
        return codes or (("G703",) if other and in_matrix_product(place) else ())
    if kind == "function left out":
        value = at.value(old)
        if value is not None and value.size == 1 and place is not None and is_divisor(place):
            return ()  # another power of a norm, or of a count
        return _of_extra_function(change, site, at)
    if kind == "term left out":
        return _of_extra_term(change, at)
    if kind == "other":
        return _of_other(change, at)
    return ()


_PLAIN: dict[str, Codes] = {
    "axis": ("G603",),
    "index added": ("G603",),
    "order": ("G705",),
    "reordered": ("G705",),
    "product": ("G702",),
    "ddof": ("G905",),
    "mode": ("G906",),
    "flattened": ("G604",),
    "crossed": ("G604",),
    "turned index": ("G604",),
    "kept axis": ("G604",),
    "dtype": ("G102",),
    "return in a loop": ("G802",),
    "drawn again": ("G902",),
}


def _in_display(statement: ast.AST, first: str, second: str) -> bool:
    """Whether two values stand in entries of their own of one list or array."""
    for node in ast.walk(statement):
        if isinstance(node, (ast.List, ast.Tuple)):
            held = [
                {text for text in (first, second) if text in _texts(entry)} for entry in node.elts
            ]
            if {first} in held and {second} in held:
                return True
    return False


def _texts(node: ast.AST) -> set[str]:
    return {ast.unparse(x) for x in ast.walk(node) if isinstance(x, ast.expr)}


def _in_formula_of_values(place: Place, at: Context) -> bool:
    """Whether a number is part of a function of values: ``np.exp(2 * z)``, ``1 - a``."""
    if is_argument(place):
        return True
    parent = place.parent
    if not is_sum(parent):
        return False
    beside = parent.right if place.field == "left" else parent.left
    base = beside.left if isinstance(beside, ast.BinOp) else beside
    words = at.words(ast.unparse(beside)) | at.words(ast.unparse(base))
    return bool({"activation", "argument"} & words)


def _is_kernel(value: Any, at: Context) -> bool:
    """Whether an array has the shape of a kernel, or of one of a stack of kernels."""
    roles = at.meanings.roles
    return value is not None and any(
        value.shape in (node.shape, node.shape[1:]) and (len(node.shape) >= 3 or roles.slides(name))
        for name, node in roles.replay.parameters.items()
    )


def _of_accumulation(site: Site, at: Context) -> Codes:
    target = site.statement.targets[0]
    if isinstance(target, ast.Subscript):
        counted = {
            name.id
            for loop in site.loops
            if isinstance(loop.iter, ast.Call) and ast.unparse(loop.iter.func) == "range"
            for name in ast.walk(loop.target)
            if isinstance(name, ast.Name)
        } | {
            loop.target.elts[0].id
            for loop in site.loops
            if isinstance(loop.iter, ast.Call)
            and ast.unparse(loop.iter.func) == "enumerate"
            and isinstance(loop.target, ast.Tuple)
            and isinstance(loop.target.elts[0], ast.Name)
        }
        index = target.slice
        entries = index.elts if isinstance(index, ast.Tuple) else [index]
        own = {x.id for x in entries if isinstance(x, ast.Name)}
        if site.loops and len(own & counted) >= len(site.loops):
            return ("G801",)  # every pass has an entry of its own
        names = {x.id for x in ast.walk(target.slice) if isinstance(x, ast.Name)}
        if site.loops and (
            names - counted or any(isinstance(x, ast.Subscript) for x in ast.walk(target.slice))
        ):
            return ("G803", "G801")
    if site.loops and at.per_sample:
        return ("G602", "G802", "G801") if at.only_biases else ("G802", "G801")
    if site.loops and isinstance(target, ast.Name):
        return ("G801", "G802")  # of a loop over steps or groups: one pass of it counts
    return ("G801",)


def _of_geometry(site: Site, at: Context) -> Codes:
    """A wrong place in an image: of a pooling where a function takes maxima, of a convolution."""
    if not _pools(site):
        return ("G906",)
    roles = at.meanings.roles
    kernels = {x for x, p in roles.replay.parameters.items() if len(p.shape) > 2 or roles.slides(x)}
    return ("G906", "G907") if kernels & set(at.gained) else ("G907",)


def _pools(site: Site) -> bool:
    """Whether a function picks winners of windows; the largest logit of a softmax is none."""
    return bool(re.search(r"argmax|pool|best|win", ast.unparse(site.function)))


def _of_function(change: Change, at: Context) -> Codes:
    names = set(change.about.split())
    if names == {"sum", "mean"}:
        undivided = change.about.startswith("sum")
        return ("G601", "G201" if undivided else "G202") if at.only_biases else ("G203",)
    if names & {"argmax", "argmin"}:
        return ("G907",)
    return ("G404",) if names & {"maximum", "minimum"} else ("G907",)


def of_extra_factor(change: Change, at: Context, statement: Any = None) -> Codes:
    """A factor that is not due."""
    words, kept = at.words(change.about), at.words(ast.unparse(change.new))
    if isinstance(statement, ast.AugAssign) and isinstance(statement.op, ast.Mult):
        kept |= at.words(ast.unparse(loaded(statement.target)))
    twice = _SIGMOID.match(change.about)
    value = at.value(change.about)
    if "output derivative" in words:
        return ("G501",)
    if value is not None and value.size == 1 and _completes_sigmoid(change):
        return ("G501",) if at.meanings.is_last(value) else ("G403",)
    if "logits" in kept and not twice:
        known = words & {"derivative", "activation", "softmax", "logits"} or value is None
        return ("G501",) if known or at.meanings.is_of_output(value) else ()
    if twice and "logits" in kept:
        return ("G501",)
    if twice:
        p = at.value(twice.group(1))
        last = p is not None and (is_share(p) or at.meanings.is_last(p))
        return ("G501",) if last or not kept & {"cotangent"} else ("G403",)
    if "derivative" in words or _TANH.match(change.about):
        return ("G403",)
    if value is not None and value.size > 1 and is_mask(value):
        return ("G902",) if "data" in words else ("G404",)
    rest = at.value(ast.unparse(change.new))
    due = rest is not None and rest.size > 1 and "gradient" not in kept and _multiples(rest, at)
    if value is not None and value.ndim and due:
        return ("G302",)
    return ()


def _completes_sigmoid(change: Change) -> bool:
    """Whether p, or 1 - p, is left out of p(1 - p)."""
    gone = parsed(change.about)
    return any(
        _is_complement(kept, gone) or _is_complement(gone, kept) for kept in _factors(change.new)
    )


def _factors(node: ast.expr) -> Iterator[ast.expr]:
    """The factors of a product, without their signs."""
    while isinstance(node, ast.UnaryOp):
        node = node.operand
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        yield from _factors(node.left)
        yield from _factors(node.right)
    else:
        yield node


def _is_complement(node: ast.expr, value: ast.expr) -> bool:
    """Whether an expression is one less a value."""
    return (
        isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Sub)
        and ast.unparse(node.left) in ("1", "1.0")
        and ast.unparse(node.right) == ast.unparse(value)
    )


def _of_one_row(change: Change, at: Context) -> Codes:
    """One row where the sum of all is due: of the samples, or of what a value is used for."""
    rows = at.value(ast.unparse(change.old.value))
    axis, n = change.new.args[0].value, at.batches[0]
    if rows is not None and n is not None and np.shape(rows)[axis] != n:
        return ("G801", "G802")
    return ("G602",) if at.only_biases else ("G802",)


def _is_begun(site: Site) -> bool:
    """Whether a statement makes an array that others add to."""
    if not isinstance(site.statement, ast.Assign):
        return False
    made = {ast.unparse(target) for target in site.statement.targets}
    return any(
        isinstance(node, ast.AugAssign)
        and ast.unparse(
            node.target.value if isinstance(node.target, ast.Subscript) else node.target
        )
        in made
        for node in ast.walk(site.function)
    )


def _of_extra_function(change: Change, site: Site, at: Context) -> Codes:
    name = change.about.rpartition(".")[2]
    words = at.words(ast.unparse(change.new))
    if name == "zeros_like" and _is_begun(site):
        return ("G801",)
    if name in ("ones_like", "zeros_like"):
        if "cotangent" in words:
            return ("G405",)
        return ("G401",) if "derivative" in words else ()
    if name in ("sum", "mean", "max", "min"):
        return ()
    if calls_an_activation(name):
        return ("G403",) if "argument" in words and "activation" not in words else ("G402",)
    return ("G403",) if name in ("sign", "abs", "sqrt", "square", "log", "fabs") else ()


def _of_extra_term(change: Change, at: Context) -> Codes:
    kept, left_out = ast.unparse(change.new), change.about
    words = at.words(kept)
    if isinstance(change.new, ast.Constant):
        return ()  # a factor of its own
    if isinstance(change.old, ast.BinOp) and isinstance(change.old.left, ast.Constant):
        value = at.value(kept)
        mask = value is not None and value.size > 1 and is_mask(value)
        return (("G902",) if "data" in words else ("G404",)) if mask else ("G403",)
    value = at.value(left_out)
    if value is not None and "parameter" in _multiples(value, at):
        return ("G304",)
    return ("G804",) if "parameter" in words else ()


def is_permuted(value: Any, true: Any) -> bool:
    """Whether arrays hold the same numbers in another order."""
    a, b = (np.sort(np.ravel(x)) for x in (value, true))
    return bool(np.max(np.abs(a - b)) <= 1e-7 * float(np.max(np.abs(b)))) and not np.allclose(
        value, true
    )


def of_order(site: Site) -> Codes:
    """The right numbers in another order: in a pooling they reach the wrong entries."""
    return ("G907",) if _pools(site) else ("G705",)


def of_turned(value: Any, due: Any, place: Place, site: Site, at: Context) -> Codes:
    """A value where a function of it is due; of a mask, that is its complement; of the argument of
    an activation, the layer's output.
    """
    if value.size > 1 and is_mask(value):
        return ("G907",) if _pools(site) else ("G404",)
    if in_matrix_product(place) and "activation" in at.meanings.of(due):
        return ("G703",)
    return ("G403",)


def _multiples(value: Any, at: Context) -> set[str]:
    """Whether an array is a number times a parameter; any single number is that of any other."""
    flat = np.asarray(value, dtype=float)
    if flat.size < 2:
        return set()
    for node in at.meanings.roles.replay.parameters.values():
        if _is_in_proportion(flat, np.asarray(node.value, dtype=float)):
            return {"parameter"}
    return set()


def _is_in_proportion(value: Any, other: Any) -> bool:
    if value.shape != other.shape or not np.any(other):
        return False
    weight = float(np.sum(value * other) / np.sum(other * other))
    return bool(weight) and np.allclose(weight * other, value, rtol=1e-9, atol=1e-14)


def _is_of_a_parameter(node: ast.expr, at: Context) -> bool:
    """Whether an expression is a number times a parameter, or times the same part of one."""
    value = at.value(ast.unparse(node))
    if value is None or value.size < 2 or value.dtype.kind != "f":
        return False
    if _multiples(value, at):
        return True
    return any(
        isinstance(x, ast.Subscript)
        and (part := at.value(ast.unparse(x))) is not None
        and (whole := at.value(ast.unparse(x.value))) is not None
        and "parameter" in at.meanings.of(whole)
        and _is_in_proportion(value, np.asarray(part, dtype=float))
        for x in ast.walk(node)
    )


def _of_other(change: Change, at: Context) -> Codes:
    """One value in the place of another."""
    place = change.place
    old_text = ast.unparse(change.old)
    old, new = at.words(old_text), at.words(change.about)
    value, other = at.value(old_text), at.value(change.about)
    if place is not None and place.in_test:
        mask = "data" in new and "forward" not in new and other is not None and other.ndim
        return ("G902",) if mask else ("G404",)
    if isinstance(change.old, ast.BinOp) and change.about in (
        ast.unparse(change.old.left), ast.unparse(change.old.right)
    ):  # fmt: skip
        return ()  # a factor or term left out, named as such or not at all
    if isinstance(change.old, ast.Constant):
        return of_missing_factor(at.value(change.about), old_text, "{}", None, at, change.about)
    if other is not None and is_mask(other):
        return ("G902",) if "data" in new else ("G404",)
    if "cotangent" in new and "cotangent" not in old:
        # x > 0 for x: the derivative of a square has no x, or that of max(x, 0) nothing beside it
        turned = isinstance(change.old, ast.Compare) and change.about in _texts(change.old)
        return ("G405", "G403") if turned else ("G405",)
    if value is not None and value.size > 1 and not np.ptp(np.asarray(value, dtype=float)):
        return ()  # a factor that is missing, and may be any
    if "cotangent" in new and value is not None and other is not None:
        with np.errstate(all="ignore"):
            ratio = np.asarray(other, dtype=float) / np.asarray(value, dtype=float)
        finite = np.where(np.isfinite(ratio), ratio, 0.0)
        return ("G401",) if "derivative" in at.meanings.of(finite) else ("G703",)
    if "parameter" in new and place is not None and _is_penalty(place, at):
        return ("G304",)
    if in_matrix_product(place):
        return ("G703",)
    if place is not None and len(at.gained) == 1 and "activation" in new and _is_handed(place, at):
        return ("G703",)  # a layer's input: in a derivative it would spoil what comes before too
    formula = place is not None and in_formula(place)
    if ("activation" in old and "argument" in new) or (
        formula and at.meanings.follows(value, other)
    ):
        return ("G402",)
    if ("argument" in old and "activation" in new) or (
        formula and at.meanings.follows(other, value)
    ):
        return ("G403",)
    return ("G703",) if old & {"forward", "parameter", "data"} else ()


def _is_handed(place: Place, at: Context) -> bool:
    """Whether a function of the user's is given an expression and a cotangent."""
    call = place.parent
    if not isinstance(call, ast.Call) or calls_an_activation(ast.unparse(call.func)):
        return False
    given = [x for x in call.args if x is not place.expression]
    return place.field == "args" and any("cotangent" in at.words(ast.unparse(x)) for x in given)


def _is_penalty(place: Place, at: Context) -> bool:
    """Whether an expression is multiplied by numbers only: the share of a penalty."""
    for node in reversed(place.above):
        if isinstance(node, (ast.Subscript, ast.Attribute)):
            continue
        if not isinstance(node, ast.BinOp):
            return isinstance(node, (ast.AugAssign, ast.Assign)) or node is place.parent
        if isinstance(node.op, (ast.Add, ast.Sub)):
            return True
        both = [at.value(ast.unparse(x)) for x in (node.left, node.right)]
        numbers = [
            x is not None and x.ndim == 0 and not _is_computed(side, at)
            for x, side in zip(both, (node.left, node.right), strict=True)
        ]
        if not any(numbers) or not isinstance(node.op, (ast.Mult, ast.Div)):
            return False
    return False


def _is_computed(node: ast.AST, at: Context) -> bool:
    """Whether something that the loss computes enters an expression, which is no weight then."""
    computed = {"forward", "cotangent"}
    return any(
        bool(computed & at.words(ast.unparse(x))) for x in ast.walk(node) if isinstance(x, ast.expr)
    )


def of_missing_factor(
    value: Any, beside: str, form: str, place: Place | None, at: Context, atom: str = ""
) -> Codes:
    """A factor that is due and missing beside a value: a function of an atom, in loops of an entry
    of an array.
    """
    if value is None:
        return ()
    if form == "1 / {}" and _is_count(value):
        return ("G203",)
    if place is not None and (is_divisor(place) or in_logarithm_or_root(place)):
        return ()  # a power of a norm, a width: no derivative of a step
    if place is not None and is_added_to_a_number(place):
        return ("G403",)
    words, own = at.meanings.of(value), at.words(beside)
    if form == "{}":
        words |= at.words(atom)
    made = at.value(beside)
    if made is not None and made.size > 1 and not np.ptp(np.asarray(made, dtype=float)):
        return ("G405",) if "cotangent" in words else ()  # what stands for nothing else
    if made is not None:
        with np.errstate(all="ignore"):
            product = at.meanings.of(made * value)
        if "derivative" in product and not {"cotangent", "data"} & (product | words):
            return ("G403",)
    if "cotangent" in words and "cotangent" not in own:
        both = "forward" in words and "forward" not in own
        return ("G401", "G405") if both else ("G405",)
    if "softmax" in words:
        return ("G503",)
    if "scale" in words or (form == "1 / {}" and "output derivative" in words):
        return ()  # such as that of a logarithm of the loss, which is no activation
    if place is not None and _is_term_of_a_formula(place, at):
        return ("G403",)
    entry = ast.unparse(parsed(atom).value) if atom.endswith("]") else atom  # type: ignore[attr-defined]
    source = at.value(entry) if atom and form == "{}" else None
    if not at.meanings.reaches(at.gained, value if source is None else source):
        return ()  # a factor that does not depend on what the gradient is of
    if at.meanings.multiplies(value if source is None else source, made):
        return ()
    if "output derivative" in words:
        return ("G502",)
    if "derivative" in words:
        return ("G401",)
    if "cotangent" in words:
        return ("G405",)
    array = np.asarray(value)
    if array.size > 1 and is_mask(array):
        return ("G901",) if "data" in words else ("G401",)
    if words & {"forward", "activation"}:
        spread = made is not None and array.shape != made.shape
        return () if spread else ("G401",)  # such as a norm: no derivative of an activation
    return _FORMS.get(form, ()) if array.size == 1 else ()


def _is_term_of_a_formula(place: Place, at: Context) -> bool:
    """Whether an expression is a term of a sum of forward values that is a factor of a product."""
    above = list(place.above)
    while isinstance(above[-1], ast.BinOp) and isinstance(above[-1].op, ast.Mult):
        above.pop()
    if len(above) < 2 or not is_sum(above[-1]):
        return False
    multiplies = isinstance(above[-2], ast.BinOp) and isinstance(above[-2].op, ast.Mult)
    node = above[-1]
    parts = [x for x in ast.walk(node) if isinstance(x, (ast.Name, ast.Subscript, ast.Attribute))]
    passed = {"cotangent", "gradient"}
    return multiplies and not any(passed & at.words(ast.unparse(x)) for x in parts)


def _is_count(value: Any) -> bool:
    """Whether a factor is one over a whole number."""
    with np.errstate(all="ignore"):
        found = 1 / np.asarray(value, dtype=float)
    return bool(np.all(np.isfinite(found) & (found >= 1)) and np.allclose(found, np.round(found)))


#: What a factor of this form is where single numbers are too few to be recognised.
_FORMS: dict[str, Codes] = {
    "(1 - {0}**2)": ("G401",),
    "{0} * (1 - {0})": ("G401",),
    "({0} > 0)": ("G401",),
    "np.exp({})": ("G401",),
    "np.sign({})": ("G403",),
}


def of_missing_term(
    value: Any, weights: Sequence[float], factor: Factor | None, at: Context
) -> Codes:
    """An addend that is due and missing."""
    words = at.meanings.of(value)
    if "parameter" in words:
        return ("G301",) if factor is not None else ()
    if "data" in words and not words & {"cotangent", "gradient"}:
        return ()  # no share of a path: part of a formula
    plain = all(abs(abs(weight) - 1) < 1e-6 for weight in weights)
    return ("G801",) if plain or factor is not None else ()


def of_factor(
    values: Sequence[float],
    factor: Factor | None,
    written: ast.expr,
    place: Place | None,
    batches: Sequence[int | None],
    at: Context,
) -> Codes:
    """A factor on an expression that is written at a place, fitted on every probe."""
    if place is not None and (is_added_to_a_number(place) or is_argument(place)):
        return ("G403",)
    whole = place is None or len(place.above) == 1 or not isinstance(place.parent, ast.BinOp)
    if place is not None and factor is not None and _is_added_penalty(written, place, at):
        return ("G303",) if factor.codes == ("G205",) else ("G302",)
    if factor is None:
        if not whole or any(abs(v - values[0]) > 1e-9 for v in values):
            return ()
        for code, power in (("G201", 1), ("G202", -1)):
            if all(n and abs(v - n**power) < 1e-9 for v, n in zip(values, batches, strict=True)):
                return (code, "G206")
        return ("G206", "G203")
    if "G206" in factor.codes and not whole and factor.follows != "root":
        return ()  # a term of a sum, not the gradient
    summed = factor.of_sum or factor.follows in ("sum", "part")
    if factor.codes == ("G204",) and not whole and 2.0 in _scalars(at):
        return ()  # in a formula it may as well be that argument
    of_batch = factor.codes in (("G201",), ("G202",))
    if at.only_biases and (summed or of_batch):
        return ("G601", *factor.codes) if of_batch else ("G601",)
    return factor.codes


def _is_added_penalty(written: ast.expr, place: Place, at: Context) -> bool:
    """Whether an expression that is added to something is a number times a parameter."""
    node = place.parent
    added = isinstance(node, (ast.BinOp, ast.AugAssign)) and isinstance(node.op, (ast.Add, ast.Sub))
    return added and _is_of_a_parameter(written, at)


def _scalars(at: Context) -> set[float]:
    """The scalar arguments, and one over each."""
    found = at.meanings.roles.trial.scalars.values()
    return {abs(x) for x in found} | {1 / abs(x) for x in found if x}


def of_wrong_derivative(value: Any, true: Any, output: bool, at: Context) -> Codes:
    """Something else where f'(z) is due."""
    array = np.asarray(value, dtype=float)
    weight = float(np.sum(array * true)) / max(float(np.sum(true * true)), 1e-300)
    if weight and np.allclose(weight * true, array, rtol=1e-9):
        return ()  # a factor, and no other derivative
    if not array.size or np.ptp(array) == 0:
        return ("G502",) if output else ("G401",)
    two = len(np.unique(np.round(true, 12))) <= 2
    if two and len(np.unique(np.round(array, 12))) <= 2:
        same = set(np.unique(np.round(array, 9))) == set(np.unique(np.round(true, 9)))
        return ("G404",) if same else ("G403",)
    for activation, _ in at.meanings.derivatives:
        roles = at.meanings.roles
        a = np.asarray(roles.values[activation.a], dtype=float)
        if a.shape != array.shape:
            continue
        moved = roles.local_derivative(activation.z, activation.a, activation.inside, a)
        if moved is not None and np.allclose(moved, array, rtol=1e-9, atol=1e-12):
            return ("G402",)
    return ("G403",)
