"""Rules of NumPy's smooth elementwise functions.

Derivatives follow Abramowitz & Stegun and the policy for singular points in docs/policy.md; where
the textbook formula loses digits or divides zero by zero the rule uses an equivalent that does not.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from chainrule.engine.primitive import ZERO, binary, call, primitive, refuse, unary
from chainrule.engine.rules.arguments import numbers_only
from chainrule.engine.tracing import Traced, record

# --- arithmetic -----------------------------------------------------------------------------------

binary(np.add, lambda g, y, a, b: g, lambda g, y, a, b: g, infix="+")
binary(np.subtract, lambda g, y, a, b: g, lambda g, y, a, b: -g, infix="-")
binary(np.multiply, lambda g, y, a, b: g * b, lambda g, y, a, b: g * a, infix="*")
binary(
    np.divide, lambda g, y, a, b: g / b, lambda g, y, a, b: -g * y / b,
    infix="/", domain=(0.5, 2.0), latex=r"\frac{{{0}}}{{{1}}}",
)  # fmt: skip
unary(np.negative, lambda g, y, x: -g, text="-{0}", source="-{0}")
unary(np.positive, lambda g, y, x: g, text="{0}", source="+{0}")
unary(np.square, lambda g, y, x: g * (2 * x), text="{0}²", latex="{0}^2")
unary(np.reciprocal, lambda g, y, x: -g * (y * y), domain=(0.5, 2.0), latex=r"\frac{{1}}{{{0}}}")
unary(np.conjugate, lambda g, y, x: g, text="{0}")


def quotient(a: Any, b: Any) -> Any:
    """``a / b``, but 0 wherever ``a`` is 0.

    It is what a rule with a pole needs: no cotangent, no contribution, and no warning either.
    Unlike a condition on ``b`` it stays exact when it is differentiated with respect to ``a``.
    """
    if isinstance(a, Traced) or isinstance(b, Traced):
        return record(QUOTIENT, (a, b))
    return a / np.where(a == 0, 1, b)


QUOTIENT = binary(
    quotient,
    lambda g, y, a, b: quotient(g, b),
    lambda g, y, a, b: -quotient(quotient(g * a, b), b),
    functions=(),
    domain=(0.5, 2.0),
    text="{0} / {1}",
    latex=r"\frac{{{0}}}{{{1}}}",
    source="{0} / np.where({0} == 0, 1, {1})",
)

# --- powers and roots -----------------------------------------------------------------------------


def _power_base(g: Any, y: Any, a: Any, b: Any) -> Any:
    if type(b) is int or type(b) is float:
        if b == 0:
            return 0.0
        if b >= 1:
            return g * (b * a ** (b - 1))
        return quotient(g * b, a ** (1 - b))
    return quotient(g * (b * a ** np.where(b < 1, 0, b - 1)), a ** np.where(b < 1, 1 - b, 0))


def _power_exponent(g: Any, y: Any, a: Any, b: Any) -> Any:
    if type(a) is int or type(a) is float:
        return 0.0 if a == 0 else g * (y * float(np.log(a)))
    return g * (y * np.log(np.where(a == 0, 1, a)))


_POWER_CASES = (
    lambda draw: call(draw(2, 3), draw(3)),
    lambda draw: call(draw(2, 1), draw(1, 3)),
    lambda draw: call(draw(), draw(2)),
    lambda draw: call(draw(3), 0.5),
    lambda draw: call(draw(3), -1.5),
    lambda draw: call(draw(3, low=-2.0), 0),
    lambda draw: call(draw(3, low=-2.0), 1),
    lambda draw: call(draw(3, low=-2.0), 2),
    lambda draw: call(draw(3, low=-2.0), 3.0),
    lambda draw: call(draw(3, low=-2.0, high=-0.5), -1),
    lambda draw: call(draw(3, low=-2.0, high=-0.5), np.array([0, 1, 3])),
    lambda draw: call(2.0, draw(3)),
    lambda draw: call(0, draw(3)),
    lambda draw: call(np.array([0.0, 2.0, 3.0]), draw(3)),
)

binary(
    # np.power of two numbers differs from their ``**`` in the last digit; users write ``**``
    np.power, _power_base, _power_exponent, evaluate=operator.pow, infix="**",
    domain=(0.5, 2.0), latex="{0}^{{{1}}}", cases=_POWER_CASES[:-1],
)  # fmt: skip
binary(
    np.float_power, _power_base, _power_exponent,
    domain=(0.5, 2.0), latex="{0}^{{{1}}}", cases=_POWER_CASES[:-1],
)  # fmt: skip
unary(
    np.sqrt, lambda g, y, x: quotient(g, 2 * y),
    domain=(0.3, 3.0), text="√{0}", latex=r"\sqrt{{{0}}}",
)  # fmt: skip
unary(
    np.cbrt, lambda g, y, x: quotient(g, 3 * (y * y)),
    domain=(0.3, 3.0), text="∛{0}", latex=r"\sqrt[3]{{{0}}}",
)  # fmt: skip


def _hypot_leg(g: Any, y: Any, leg: Any) -> Any:
    return g * (leg / np.where(y == 0, 1, y))


binary(
    np.hypot, lambda g, y, a, b: _hypot_leg(g, y, a), lambda g, y, a, b: _hypot_leg(g, y, b),
    latex=r"\sqrt{{{0}^2 + {1}^2}}",
)  # fmt: skip

# --- exponentials and logarithms ------------------------------------------------------------------

_LN2 = math.log(2.0)
_LN10 = math.log(10.0)

unary(np.exp, lambda g, y, x: g * y, latex=r"e^{{{0}}}")
unary(np.exp2, lambda g, y, x: g * (y * _LN2), latex=r"2^{{{0}}}")
# y + 1 would lose the digits of exp(x) for large negative x
unary(np.expm1, lambda g, y, x: g * np.exp(x), latex=r"e^{{{0}}} - 1", text="exp({0}) - 1")
unary(np.log, lambda g, y, x: g / x, domain=(0.5, 3.0), latex=r"\ln {0}")
unary(np.log2, lambda g, y, x: g / (x * _LN2), domain=(0.5, 3.0), latex=r"\log_2 {0}")
unary(np.log10, lambda g, y, x: g / (x * _LN10), domain=(0.5, 3.0), latex=r"\log_{{10}} {0}")
unary(np.log1p, lambda g, y, x: g / (1 + x), domain=(-0.5, 2.0), latex=r"\ln(1 + {0})")


def _difference(a: Any, b: Any) -> Any:
    """``b - a``; of equal infinities 0, or ∞ if they are -∞ (neither e^a nor e^b has weight)."""
    same = (a == b) & np.isinf(a)
    return np.where(same, np.where(b < 0, np.inf, 0), b) - np.where(same, 0, a)


def _share(a: Any, b: Any) -> Any:
    """e^a / (e^a + e^b), accurate however small it is."""
    return np.exp(-np.logaddexp(0, _difference(a, b)))


def _share2(a: Any, b: Any) -> Any:
    return np.exp2(-np.logaddexp2(0, _difference(a, b)))


binary(
    np.logaddexp, lambda g, y, a, b: g * _share(a, b), lambda g, y, a, b: g * _share(b, a),
    latex=r"\ln(e^{{{0}}} + e^{{{1}}})",
)  # fmt: skip
binary(
    np.logaddexp2, lambda g, y, a, b: g * _share2(a, b), lambda g, y, a, b: g * _share2(b, a),
    latex=r"\log_2(2^{{{0}}} + 2^{{{1}}})",
)  # fmt: skip

# --- trigonometric and hyperbolic functions -------------------------------------------------------

unary(np.sin, lambda g, y, x: g * np.cos(x), latex=r"\sin {0}")
unary(np.cos, lambda g, y, x: g * -np.sin(x), latex=r"\cos {0}")
unary(np.tan, lambda g, y, x: g * (1 + y * y), domain=(-1.2, 1.2), latex=r"\tan {0}")
unary(
    np.arcsin, lambda g, y, x: quotient(g, np.sqrt((1 - x) * (1 + x))),
    domain=(-0.9, 0.9), latex=r"\arcsin {0}",
)  # fmt: skip
unary(
    np.arccos, lambda g, y, x: -quotient(g, np.sqrt((1 - x) * (1 + x))),
    domain=(-0.9, 0.9), latex=r"\arccos {0}",
)  # fmt: skip
unary(np.arctan, lambda g, y, x: g / (1 + x * x), latex=r"\arctan {0}")
unary(np.sinh, lambda g, y, x: g * np.cosh(x), latex=r"\sinh {0}")
unary(np.cosh, lambda g, y, x: g * np.sinh(x), latex=r"\cosh {0}")
unary(np.tanh, lambda g, y, x: g * (1 - y * y), latex=r"\tanh {0}")
unary(np.arcsinh, lambda g, y, x: g / np.hypot(1, x), latex=r"\operatorname{{arsinh}} {0}")
unary(
    np.arccosh, lambda g, y, x: quotient(g, np.sqrt((x - 1) * (x + 1))),
    domain=(1.2, 3.0), latex=r"\operatorname{{arcosh}} {0}",
)  # fmt: skip
unary(
    np.arctanh, lambda g, y, x: quotient(g, (1 - x) * (1 + x)),
    domain=(-0.9, 0.9), latex=r"\operatorname{{artanh}} {0}",
)  # fmt: skip


def _arctan2_leg(g: Any, a: Any, b: Any, leg: Any) -> Any:
    radius = np.hypot(a, b)  # its square would overflow or vanish earlier
    radius = np.where(radius == 0, 1, radius)
    return g * (leg / radius / radius)


binary(
    np.arctan2,
    lambda g, y, a, b: _arctan2_leg(g, a, b, b),
    lambda g, y, a, b: -_arctan2_leg(g, a, b, a),
    latex=r"\operatorname{{atan2}}({0}, {1})",
)

_DEGREE = math.pi / 180.0

unary(np.deg2rad, lambda g, y, x: g * _DEGREE)
unary(np.radians, lambda g, y, x: g * _DEGREE)
unary(np.rad2deg, lambda g, y, x: g / _DEGREE)
unary(np.degrees, lambda g, y, x: g / _DEGREE)


@primitive(
    np.unwrap,
    rules=(lambda g, y, p, **params: g,),
    cases=(
        lambda draw: call(draw(6, low=-3.0, high=3.0) * 3),
        lambda draw: call(draw(3, 4) * 3, axis=0),
        lambda draw: call(draw(5) * 3, discont=4.0, axis=-1, period=5.0),
    ),
)
def unwrap(
    p: Any, discont: Any = None, axis: int = -1, *, period: float = 2.0 * math.pi
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (p,), {**numbers_only("unwrap", discont=discont, period=period), "axis": axis}


# --- sinc and the Bessel function of NumPy --------------------------------------------------------


def _sinc_slope(x: Any) -> Any:
    """The derivative of sin(πx)/(πx); its power series near 0, where the closed form cancels."""
    t = math.pi * x
    near = np.abs(t) < 0.5
    square = np.where(near, t, 0) ** 2
    series: Any = 0.0
    for k in range(7, 0, -1):  # Σ (-1)^k 2k t^(2k-1) / (2k+1)!
        series = series * square + (-1) ** k * 2 * k / math.factorial(2 * k + 1)
    safe = np.where(near, 1, x)
    closed = (np.cos(math.pi * safe) - np.sinc(safe)) / safe
    return np.where(near, series * (math.pi * t), closed)


unary(
    np.sinc, lambda g, y, x: g * _sinc_slope(x),
    cases=(
        lambda draw: call(draw(2, 3)),
        lambda draw: call(draw(3, low=-0.1, high=0.1)),
        lambda draw: call(draw()),
    ),
)  # fmt: skip

_COSINES = np.cos(math.pi * (np.arange(64) + 0.5) / 128)


def _i0_slope(x: Any) -> Any:
    """I_1(x) = (2/π) ∫ sinh(x cos θ) cos θ dθ over (0, π/2) (Abramowitz & Stegun 9.6.19).

    The midpoint rule of a periodic function converges geometrically: 64 points give double
    precision up to |x| = 700, where I_0 overflows.
    """
    powers = np.reshape(x, (*np.shape(x), 1)) * _COSINES
    return np.mean(np.sinh(powers) * _COSINES, axis=-1)


unary(np.i0, lambda g, y, x: g * _i0_slope(x), latex="I_0({0})")

# --- the representation of floating-point numbers -------------------------------------------------


@primitive(
    np.ldexp,
    rules=(lambda g, y, x, n: np.ldexp(g, n), ZERO),
    cases=(
        lambda draw: call(draw(3), np.array([-1, 0, 2])),
        lambda draw: call(draw(), 3),
    ),
    latex=r"{0} \cdot 2^{{{1}}}",
)
def ldexp(x1: Any, x2: Any, /) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (x1, x2), {}


@primitive(
    np.modf,
    rules=(lambda g, y, x: g[0],),
    outputs=2,
    cases=(lambda draw: call(draw(2, 3)), lambda draw: call(draw())),
)
def modf(x: Any, /) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (x,), {}


unary(np.spacing, ZERO)
binary(np.nextafter, lambda g, y, a, b: g, ZERO)
refuse(
    np.frexp,
    cure="take the exponent e of chainrule.stop_gradient(x), which is piecewise constant, and "
    "np.ldexp(x, -e)",
)
