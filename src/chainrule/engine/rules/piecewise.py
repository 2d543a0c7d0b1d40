"""Rules of NumPy's piecewise functions: kinks, steps, selections, comparisons.

The policy, with the reason for every line, is docs/policy.md: on a kink the flat side wins, equal
arguments share, and between its jumps a step function has derivative zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.engine.errors import UnsupportedArgument
from chainrule.engine.graph import dtype_of, shape_of
from chainrule.engine.location import here
from chainrule.engine.primitive import ZERO, binary, call, composite, primitive, unary
from chainrule.engine.rules.arguments import Bound, no_out, not_covered, numbers_only, pick

_function: Any
_sign: Any

# --- kinks ----------------------------------------------------------------------------------------

unary(np.absolute, lambda g, y, x: g * np.sign(x), text="|{0}|", latex=r"\left|{0}\right|")
unary(np.fabs, lambda g, y, x: g * np.sign(x), text="|{0}|", latex=r"\left|{0}\right|")
unary(np.sign, ZERO)
binary(np.copysign, lambda g, y, a, b: g * (np.sign(a) * np.copysign(1, b)), ZERO)
binary(np.heaviside, ZERO, lambda g, y, a, b: np.where(a == 0, g, 0))


def _larger(a: Any, b: Any) -> Any:
    return a > b


def _smaller(a: Any, b: Any) -> Any:
    return a < b


def _number_larger(a: Any, b: Any) -> Any:
    return (a > b) | np.isnan(b)


def _number_smaller(a: Any, b: Any) -> Any:
    return (a < b) | np.isnan(b)


def _choice(wins: Any) -> Any:
    """Rules of a maximum or minimum of two: ``wins(mine, other)`` tells whose value it is.

    Equal arguments share the cotangent, except that a number written in the program
    (``np.maximum(x, 0)``) is the flat side of a kink and leaves nothing to ``x``.
    """

    def rules(
        position: int, g: Any, y: Any, a: Any, b: Any, literals: tuple[bool, ...] = (False, False)
    ) -> Any:
        mine, other = (b, a) if position else (a, b)
        chosen = np.where(wins(mine, other), g, 0)
        return chosen if literals[1 - position] else np.where(mine == other, g * 0.5, chosen)

    return rules


def _bind_two(x1: Any, x2: Any, /) -> Bound:
    return (x1, x2), {}


_CHOICE_CASES = (
    lambda draw: call(draw(), draw()),
    lambda draw: call(draw(2, 3), draw(2, 3)),
    lambda draw: call(draw(2, 3), draw(3)),
    lambda draw: call(draw(2, 1), draw(1, 3)),
    lambda draw: call(draw(2, 3), 0.0),
    lambda draw: call(0, draw(4)),
    lambda draw: call(draw(4), np.zeros(4)),
)

for _function, _wins in (
    (np.maximum, _larger),
    (np.minimum, _smaller),
    (np.fmax, _number_larger),
    (np.fmin, _number_smaller),
):
    primitive(
        _function,
        name=_function.__name__,
        rules=_choice(_wins),
        literals=True,
        writes_out=True,
        cases=_CHOICE_CASES,
    )(_bind_two)


# what the method of an ordinary array calls when a bound is traced
_CLIP_UFUNC: Any = np._core.umath.clip  # type: ignore[attr-defined]


@primitive(
    np.clip,
    _CLIP_UFUNC,
    rules=(
        lambda g, y, x, low, high: np.where((x > low) & (x < high), g, 0),
        lambda g, y, x, low, high: np.where((x <= low) & (low < high), g, 0),
        lambda g, y, x, low, high: np.where((x >= high) | (low >= high), g, 0),
    ),
    writes_out=True,
    cases=(
        lambda draw: call(draw(2, 3), -0.5, 0.5),
        lambda draw: call(draw(), -0.5, 0.5),
        lambda draw: call(draw(2, 3), draw(3, low=-1.0, high=0.0), draw(2, 1, low=0.1, high=1.0)),
        lambda draw: call(draw(4), None, 0.3),
        lambda draw: call(draw(4), a_min=draw(), a_max=None),
        lambda draw: call(draw(4), min=0.1),
        lambda draw: call(draw(4), min=0.2, max=draw()),
        lambda draw: call(draw(4), 0.5, -0.5),
        lambda draw: call(draw(4)),
        lambda draw: call(np.arange(4), None, 2),
    ),
)
def clip(
    a: Any,
    a_min: Any = None,
    a_max: Any = None,
    out: Any = None,
    *,
    min: Any = None,
    max: Any = None,
) -> Bound:
    no_out("clip", out)
    low = min if a_min is None else a_min
    high = max if a_max is None else a_max
    if low is None or high is None:
        dtype = dtype_of(a)
        floating = dtype.kind == "f"
        if low is None:
            low = -np.inf if floating else np.iinfo(dtype).min
        if high is None:
            high = np.inf if floating else np.iinfo(dtype).max
    return (a, low, high), {}


@primitive(
    np.nan_to_num,
    rules=(lambda g, y, x, **params: np.where(np.isfinite(x), g, 0),),
    cases=(
        lambda draw: call(draw(2, 3)),
        lambda draw: call(draw(), nan=1.0),
        lambda draw: call(draw(3), posinf=5.0, neginf=-5.0),
    ),
)
def nan_to_num(
    x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Bound:
    if not copy:
        raise not_covered("nan_to_num", "copy=False", "assign the result instead")
    return (x,), numbers_only("nan_to_num", nan=nan, posinf=posinf, neginf=neginf)


# --- steps: piecewise constant functions ----------------------------------------------------------

for _function in (np.floor, np.ceil, np.trunc, np.rint):
    unary(_function, ZERO)
unary(np.fix, ZERO)


@primitive(
    np.round,
    np.around,
    rules=(ZERO,),
    cases=(
        lambda draw: call(draw(2, 3)),
        lambda draw: call(draw(3), 1),
        lambda draw: call(draw() * 100, decimals=-1),
    ),
)
def round_(a: Any, decimals: int = 0, out: Any = None) -> Bound:
    no_out("round", out)
    return (a,), numbers_only("round", decimals=decimals)


@primitive(
    np.angle,
    rules=(ZERO,),
    cases=(lambda draw: call(draw(3)), lambda draw: call(draw(2), deg=True)),
)
def angle(z: Any, deg: bool = False) -> Bound:
    return (z,), {"deg": deg}


def _quotient_floor(g: Any, y: Any, a: Any, b: Any) -> Any:
    return -g * np.floor_divide(a, b)


binary(np.floor_divide, ZERO, ZERO, infix="//", domain=(0.5, 2.0))
binary(np.remainder, lambda g, y, a, b: g, _quotient_floor, infix="%", domain=(0.5, 2.0))
binary(np.fmod, lambda g, y, a, b: g, lambda g, y, a, b: -g * np.trunc(a / b), domain=(0.5, 2.0))


@primitive(
    np.divmod,
    rules=(lambda g, y, a, b: g[1], lambda g, y, a, b: -g[1] * y[0]),
    outputs=2,
    domain=(0.5, 2.0),
    cases=(lambda draw: call(draw(2, 3), draw(3)), lambda draw: call(draw(), 0.3)),
)
def divmod_(x1: Any, x2: Any, /) -> Bound:
    return (x1, x2), {}


# --- comparisons, logic and bits ------------------------------------------------------------------

for _function, _sign in (
    (np.less, "<"), (np.less_equal, "<="), (np.greater, ">"), (np.greater_equal, ">="),
    (np.equal, "=="), (np.not_equal, "!="),
):  # fmt: skip
    binary(_function, ZERO, ZERO, infix=_sign)
for _function in (np.logical_and, np.logical_or, np.logical_xor):
    binary(_function, ZERO, ZERO)
for _function in (np.logical_not, np.isnan, np.isfinite, np.isinf, np.signbit):
    unary(_function, ZERO)
for _function in (np.isposinf, np.isneginf, np.isreal, np.iscomplex):
    unary(_function, ZERO)

_INTEGER_CASES = (
    lambda draw: call(draw.integers(9, 2, 3), draw.integers(4, 3)),
    lambda draw: call(draw.integers(9, 3), 2),
)
for _function, _sign in (
    (np.bitwise_and, "&"), (np.bitwise_or, "|"), (np.bitwise_xor, "^"),
    (np.left_shift, "<<"), (np.right_shift, ">>"), (np.gcd, None), (np.lcm, None),
):  # fmt: skip
    binary(_function, ZERO, ZERO, infix=_sign, cases=_INTEGER_CASES)
unary(
    np.invert, ZERO, text="~{0}", source="~{0}",
    cases=(lambda draw: call(draw.integers(9, 3)), lambda draw: call(draw(3) > 0)),
)  # fmt: skip
unary(np.bitwise_count, ZERO, cases=(lambda draw: call(draw.integers(9, 3)),))


@primitive(
    np.isclose,
    rules=(ZERO, ZERO, ZERO, ZERO),
    cases=(
        lambda draw: call(draw(2, 3), draw(3)),
        lambda draw: call(draw(3), 0.5, rtol=0.1, atol=1.0),
        lambda draw: call(np.array([np.nan, 1.0]), np.array([np.nan, 2.0]), equal_nan=True),
    ),
)
def isclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False) -> Bound:
    return (a, b, rtol, atol), {"equal_nan": equal_nan}


@composite(np.allclose)
def _allclose(
    a: Any, b: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Any:
    return np.all(np.isclose(a, b, rtol=rtol, atol=atol, equal_nan=equal_nan))


@composite(np.array_equal)
def _array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> Any:
    if np.shape(a1) != np.shape(a2):
        return False
    same = np.equal(a1, a2)
    return np.all(same | (np.isnan(a1) & np.isnan(a2)) if equal_nan else same)


@composite(np.array_equiv)
def _array_equiv(a1: Any, a2: Any) -> Any:
    try:
        np.broadcast_shapes(np.shape(a1), np.shape(a2))
    except ValueError:
        return False
    return np.all(np.equal(a1, a2))


# --- selections -----------------------------------------------------------------------------------


@primitive(
    np.where,
    rules=(
        ZERO,
        lambda g, y, condition, a, b: np.where(condition, g, 0),
        lambda g, y, condition, a, b: np.where(condition, 0, g),
    ),
    cases=(
        lambda draw: call(draw(2, 3) > 0, draw(2, 3), draw(2, 3)),
        lambda draw: call(draw(2, 1) > 0, draw(3), draw()),
        lambda draw: call(draw(3) > 0, 2.0, draw(3)),
        lambda draw: call(draw(3), draw(3), 1),
        lambda draw: call(True, draw(), draw(2)),
        lambda draw: call([True, False], draw(2), [1.0, 2.0]),
    ),
)
def where(condition: Any, x: Any = None, y: Any = None, /) -> Bound:
    if x is None or y is None:
        raise UnsupportedArgument(
            f"np.where needs a condition and both alternatives at {here()}; use np.nonzero for "
            f"the positions where a condition holds."
        )
    return (condition, x, y), {}


@composite(np.select)
def _select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    if len(condlist) != len(choicelist) or not condlist:
        raise ValueError(
            f"np.select needs as many conditions as choices, at least one, got {len(condlist)} and "
            f"{len(choicelist)} at {here()}."
        )
    chosen = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        chosen = np.where(condition, choice, chosen)
    return chosen


@composite(np.piecewise)
def _piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    conditions = list(condlist) if np.ndim(condlist[0]) or np.ndim(x) == 0 else [condlist]
    if len(funclist) == len(conditions) + 1:
        taken = conditions[0]
        for condition in conditions[1:]:
            taken = np.logical_or(taken, condition)
        conditions.append(np.logical_not(taken))
    elif len(funclist) != len(conditions):
        raise ValueError(
            f"np.piecewise needs one function per condition and at most one more, got "
            f"{len(funclist)} for {len(conditions)} at {here()}."
        )
    y = np.zeros_like(x)
    for condition, function in zip(conditions, funclist, strict=True):
        if not callable(function):
            y[condition] = function
        elif np.any(condition):
            y[condition] = function(x[condition], *args, **kw)
    return y


@composite(np.interp)
def _interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Any:
    if period is not None:
        raise not_covered("interp", "period=", "extend xp and fp by one period on both sides")
    x, xp, fp = (_as_double(value) for value in (x, xp, fp))
    last = shape_of(xp)[0] - 1
    below = fp[0] if left is None else left
    above = fp[-1] if right is None else right
    if last == 0:
        return np.where(x < xp[0], below, np.where(x > xp[0], above, fp[0]))
    start = np.clip(np.searchsorted(xp, x, side="right") - 1, 0, last - 1)
    x0, x1, f0, f1 = (pick(table, k) for table in (xp, fp) for k in (start, start + 1))
    inside = (f1 - f0) / (x1 - x0) * (x - x0) + f0
    return np.where(x < xp[0], below, np.where(x > xp[-1], above, inside))


def _as_double(value: Any) -> Any:
    return np.astype(value, float) if hasattr(value, "dtype") else np.array(value, float)
