"""Local rewrites of one node: what can be left out or written shorter with the same bits.

Each rule looks at a node (`Candidate`) whose inputs are simplified already. It returns `Same` (the
node is one of its inputs), `Made` (another primitive computes it) or None. Where NumPy's memory
layout could change the order of a later summation, a rule holds back (`Candidate.keeps_layout`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from chainrule.engine.graph import Node, dtype_of, shape_of
from chainrule.engine.primitive import PRIMITIVES, Primitive
from chainrule.engine.tracing import Traced


class Same(NamedTuple):
    """The node equals this node or constant."""

    operand: Any


class Made(NamedTuple):
    """The node is computed by this primitive instead."""

    primitive: Primitive
    inputs: list[Any]
    params: dict[str, Any]


class Candidate:
    """A node under simplification."""

    __slots__ = ("backward", "held", "inputs", "make", "params", "primitive", "readers", "value")

    def __init__(
        self,
        primitive: Primitive,
        inputs: list[Any],
        params: dict[str, Any],
        value: Any,
        backward: bool,
        readers: str,
        make: Callable[[Primitive, list[Any], dict[str, Any], Any], Node],
    ) -> None:
        self.primitive = primitive
        self.inputs = inputs
        self.params = params
        self.value = value
        self.backward = backward
        self.readers = readers  # "none", "elementwise" or "any"
        self.make = make  # adds a further node before this one
        self.held = False  # whether a rule held back because of the readers

    def keeps(self, operand: Any) -> bool:
        """Whether an operand has the shape and dtype of the result, and a harmless layout."""
        return (
            type(operand) is Node
            and shape_of(operand.value) == shape_of(self.value)
            and dtype_of(operand.value) == dtype_of(self.value)
            and self.keeps_layout(operand.value)
        )

    def keeps_layout(self, value: Any) -> bool:
        """Whether a fresh array in place of ``value`` would be laid out alike for all readers."""
        if type(value) is not np.ndarray or self.readers == "none":
            return True
        if value.flags.c_contiguous or value.flags.f_contiguous:
            return True
        self.held = self.readers == "any"
        return self.readers == "elementwise" and 0 not in value.strides


Rule = Callable[[Candidate], Same | Made | None]


def is_elementwise(primitive: Primitive) -> bool:
    """Whether the result at each place depends on the operands at that place alone."""
    return primitive.name in ("where", "quotient") or any(
        isinstance(f, np.ufunc) and f.signature is None for f in primitive.functions
    )


def scalar(operand: Any) -> Any:
    """The number that a constant operand is, or None."""
    if type(operand) is Node:
        return None
    if isinstance(operand, (int, float, np.generic)):
        return operand
    if type(operand) is np.ndarray and operand.ndim == 0:
        return operand[()]
    return None


def _is(operand: Any, number: float) -> bool:
    found = scalar(operand)
    return found is not None and bool(found == number)


def made_by(operand: Any, name: str) -> Node | None:
    """The operand, if it is a node of this primitive."""
    return operand if type(operand) is Node and operand.primitive.name == name else None


_LONGEST_PRODUCT = 4  # factors that are looked through for a minus sign

# --- arithmetic -----------------------------------------------------------------------------------


def _times(c: Candidate) -> Same | Made | None:
    a, b = c.inputs
    for one, other in ((a, b), (b, a)):
        if _is(one, 1) and c.keeps(other):
            return Same(other)
    if not c.backward:
        return None
    folded = _one_factor(c)
    if folded is not None:
        return folded
    first, second = made_by(a, "negative"), made_by(b, "negative")
    if first is not None and second is not None:
        return Made(c.primitive, [first.inputs[0], second.inputs[0]], {})
    for minus, other in ((a, b), (b, a)):
        if _is(minus, -1) and _same_spec(c, other):
            return Made(PRIMITIVES["negative"], [other], {})
    minus = first if first is not None else second
    number = scalar(b if minus is a else a)
    if minus is not None and number is not None and type(minus.inputs[0]) is Node:
        operands = [minus.inputs[0] if x is minus else x for x in (a, b)]
        product = c.make(c.primitive, operands, {}, np.negative(c.value))
        return Made(PRIMITIVES["negative"], [product], {})
    return _outer(c)


def _one_factor(c: Candidate) -> Same | Made | None:
    """``2 * (0.1 * x)`` as ``0.2 * x``: to scale by a power of two commutes with rounding."""
    if dtype_of(c.value) not in (np.float32, np.float64):  # half precision underflows too easily
        return None
    for outer, operand in (c.inputs, c.inputs[::-1]):
        product = made_by(operand, "multiply")
        if product is None or _number(outer) is None or not _same_spec(c, product):
            continue
        for inner, rest in (product.inputs, product.inputs[::-1]):
            if _same_spec(c, rest) and (factor := _product(c, outer, inner)) is not None:
                return Same(rest) if factor == 1 and c.keeps(rest) else _scaled(c, factor, rest)
    return None


def _scaled(c: Candidate, factor: Any, operand: Any) -> Made:
    return Made(c.primitive, [factor, operand], {})


def _product(c: Candidate, outer: Any, inner: Any) -> Any:
    """Two factors as one, a fraction as a fraction; None unless it scales to the same bits."""
    numbers = [_number(outer), _number(inner)]
    if None in numbers:
        return None
    # the shortest decimal that rounds to a number is read alike among operands of its dtype
    first, second = [
        float(str(x)) if dtype_of(x) == dtype_of(c.value) else float(x) for x in numbers
    ]
    exact = _is_power_of_two(first) or _is_power_of_two(second)
    if not exact or not all(map(_is_ordinary, (first, second, first * second))):
        return None
    computed = [x for x in (outer, inner) if type(x) is Node]
    if not computed:
        return _plainly(first * second)
    fraction = made_by(computed[0], "divide")
    scale = second if fraction is outer else first
    if fraction is None or len(computed) > 1 or not _is_power_of_two(scale):
        return None
    above, below = map(scalar, fraction.inputs)
    if type(below) not in (int, float) or not isinstance(above, (int, float, np.floating)):
        return None
    plain = type(above) in (int, float)
    above = _plainly(scale * float(above)) if plain else type(above)(scale * above)
    value = fraction.value * scale
    return c.make(fraction.primitive, [above, below], {}, type(fraction.value)(value))


def _plainly(number: float) -> int | float:
    return int(number) if number.is_integer() and abs(number) < 1000 else number


def _is_power_of_two(number: float) -> bool:
    return abs(math.frexp(number)[0]) == 0.5


def _is_ordinary(number: float) -> bool:
    """Whether a factor lies far within the range of single precision."""
    return 1e-30 < abs(number) < 1e30


def _same_spec(c: Candidate, operand: Any) -> bool:
    return (
        type(operand) is Node
        and shape_of(operand.value) == shape_of(c.value)
        and dtype_of(operand.value) == dtype_of(c.value)
    )


def _outer(c: Candidate) -> Made | None:
    """A column times a row, as the matrix product's rule writes it."""
    if len(shape_of(c.value)) != 2:
        return None
    column, row = _vector(c.inputs[0], _COLUMNS), _vector(c.inputs[1], _ROWS)
    if column is None or row is None:
        column, row = _vector(c.inputs[1], _COLUMNS), _vector(c.inputs[0], _ROWS)
        if column is None or row is None:
            return None
    return Made(PRIMITIVES["outer"], [column, row], {})


_ALL = slice(None)
_COLUMNS = ((Ellipsis, None), (_ALL, None))
_ROWS = ((Ellipsis, None, _ALL), (None, _ALL), (None, Ellipsis), (None,))


def _vector(operand: Any, indices: tuple[Any, ...]) -> Any:
    """The vector that an operand is, up to an axis of length one put there by an index."""
    if indices is _ROWS and len(shape_at(operand)) == 1:
        return operand
    if type(operand) is np.ndarray and operand.ndim == 2 and operand.shape[1] == 1:
        return operand[:, 0].copy() if indices is _COLUMNS else None
    node = made_by(operand, "getitem")
    if node is None or len(node.inputs) != 1 or len(shape_at(node.inputs[0])) != 1:
        return None
    return node.inputs[0] if node.params["index"] in indices else None


def shape_at(operand: Any) -> tuple[int, ...]:
    """The shape of a node or constant."""
    return shape_of(operand.value if type(operand) is Node else operand)


def _over(c: Candidate) -> Same | None:
    a, b = c.inputs
    return Same(a) if _is(b, 1) and c.keeps(a) else None


def _to_the_power(c: Candidate) -> Same | None:
    a, b = c.inputs
    return Same(a) if _is(b, 1) and c.keeps(a) else None


def _plus(c: Candidate) -> Same | Made | None:
    a, b = c.inputs
    for zero, other in ((a, b), (b, a)):
        if _is(zero, 0) and c.keeps(other):
            return Same(other)
    if a is b and type(a) is Node and dtype_of(c.value).kind == "f":
        return Made(PRIMITIVES["multiply"], [2, a], {})
    if not c.backward:  # a user who writes a sum reads a sum
        return None
    flipped = _without_minus(c, b)
    if flipped is not None:
        return Made(PRIMITIVES["subtract"], [a, flipped], {})
    minus = made_by(a, "negative")
    if minus is not None:
        return Made(PRIMITIVES["subtract"], [b, minus.inputs[0]], {})
    return None


def _without_minus(c: Candidate, operand: Any) -> Any:
    """The negative of an operand that begins with a minus sign: of ``-x`` or ``-0.5 * x / y``."""
    above: list[Node] = []
    at = operand
    while len(above) < _LONGEST_PRODUCT and type(at) is Node:
        if at.primitive.name not in ("multiply", "divide"):
            break
        above.append(at)
        at = at.inputs[0]
    minus = made_by(at, "negative")
    number = scalar(at)
    if minus is not None:
        at = minus.inputs[0]
    elif above and number is not None and number < 0:
        at = -number
    else:
        return None
    for node in reversed(above):
        at = c.make(node.primitive, [at, node.inputs[1]], node.params, np.negative(node.value))
    return at


def _minus(c: Candidate) -> Same | Made | None:
    a, b = c.inputs
    if _is(b, 0) and not np.signbit(scalar(b)) and c.keeps(a):
        return Same(a)
    flipped = _without_minus(c, b) if c.backward else None
    return None if flipped is None else Made(PRIMITIVES["add"], [a, flipped], {})


def _negated(c: Candidate) -> Same | None:
    inner = made_by(c.inputs[0], "negative")
    if inner is not None:
        return Same(inner.inputs[0]) if c.keeps(inner.inputs[0]) else None
    flipped = _without_minus(c, c.inputs[0]) if c.backward else None
    return None if flipped is None else Same(flipped)


def _unchanged(c: Candidate) -> Same | None:
    return Same(c.inputs[0]) if c.keeps(c.inputs[0]) else None


def _quotient(c: Candidate) -> Made | None:
    """An ordinary division, where the dividend is never 0 or the divisor a positive number."""
    a, b = map(_number, c.inputs)
    dividend = a is not None and a != 0 and shape_of(c.value) == shape_at(c.inputs[1])
    if dividend or (b is not None and b > 0):
        return Made(PRIMITIVES["divide"], c.inputs, {})
    return None


def _number(operand: Any) -> Any:
    """The number that a constant, or a computation with constants only, is."""
    if type(operand) is Node and shape_of(operand.value) == () and operand.inputs:
        computed = operand.primitive.functions and not operand.parents
        return operand.value if computed else None
    return scalar(operand)


def _chosen(c: Candidate) -> Same | None:
    """A choice between a number and the same number."""
    _, a, b = map(scalar, c.inputs)
    same = a is not None and b is not None and repr(a) == repr(b)
    if not same or c.readers == "any" or isinstance(c.value, Traced) or not np.size(c.value):
        return None
    number = dtype_of(c.value).type(a)
    return Same(np.broadcast_to(number, shape_of(c.value)) if shape_of(c.value) else number)


# --- broadcasts -----------------------------------------------------------------------------------


def without_broadcasts(c: Candidate) -> Made | None:
    """Elementwise functions broadcast by themselves."""
    spread = [_before_broadcast(x) for x in c.inputs]
    if all(x is None for x in spread) or isinstance(c.value, tuple) or c.primitive.literals:
        return None
    inputs = list(c.inputs)
    for i, operand in enumerate(spread):
        if operand is None:
            continue
        trial = [*inputs[:i], operand, *inputs[i + 1 :]]
        shapes = [shape_at(x) for x in trial]
        if np.broadcast_shapes(*shapes) == shape_of(c.value) and _promotes_alike(c, inputs, trial):
            inputs = trial
    changed = any(old is not new for old, new in zip(c.inputs, inputs, strict=True))
    return Made(c.primitive, inputs, c.params) if changed else None


def _before_broadcast(operand: Any) -> Any:
    """What an operand was before it was stretched; None if it was not."""
    node = made_by(operand, "broadcast_to")
    if node is not None:
        return node.inputs[0]
    return operand.flat[0] if is_uniform(operand) else None


def is_uniform(operand: Any) -> bool:
    """Whether a constant is one number stretched to a shape."""
    if type(operand) is not np.ndarray or not operand.size:
        return False
    return not any(operand.strides)


def _promotes_alike(c: Candidate, before: list[Any], after: list[Any]) -> bool:
    start = 1 if c.primitive.name == "where" else 0
    return _promoted(before[start:]) == _promoted(after[start:])


def _promoted(operands: list[Any]) -> np.dtype[Any]:
    values = [x.value if type(x) is Node else x for x in operands]
    kinds = [v if isinstance(v, (bool, int, float)) and not isinstance(v, np.generic)
             else dtype_of(v) for v in values]  # fmt: skip
    return np.result_type(*kinds)


ARITHMETIC: dict[str, Rule] = {
    "multiply": _times,
    "divide": _over,
    "power": _to_the_power,
    "add": _plus,
    "subtract": _minus,
    "negative": _negated,
    "positive": _unchanged,
    "conjugate": _unchanged,
    "astype": _unchanged,
    "where": _chosen,
    "quotient": _quotient,
}
