"""Rules of SciPy's special functions, loaded when one of its ufuncs is first met.

Derivatives are those of the NIST Digital Library of Mathematical Functions (dlmf.nist.gov; chapter
and equation in the section headings). Orders and shape parameters have no elementary derivative:
asking for one is an error, never zero.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.special as sc

from chainrule.engine.primitive import UFUNCS, ZERO, Primitive, call, primitive
from chainrule.engine.rules.arguments import Bound
from chainrule.engine.rules.elementwise import quotient

_SQRT_PI = math.sqrt(math.pi)
_ROOT_2_PI = math.sqrt(2.0 * math.pi)


def _bind_one(x: Any, /) -> Bound:
    return (x,), {}


def _bind_two(x1: Any, x2: Any, /) -> Bound:
    return (x1, x2), {}


def _bind_three(x1: Any, x2: Any, x3: Any, /) -> Bound:
    return (x1, x2, x3), {}


_BINDS: dict[int, Any] = {1: _bind_one, 2: _bind_two, 3: _bind_three}


def _special(function: str, *rules: Any, **declaration: Any) -> Primitive:
    """Declare ``scipy.special.<function>`` with one rule per operand."""
    operands = ", ".join(f"{{{k}}}" for k in range(len(rules)))
    declaration.setdefault("name", function)
    declaration.setdefault("source", f"scipy.special.{function}({operands})")
    if not declaration.get("outputs"):
        declaration.setdefault("writes_out", True)
    return primitive(getattr(sc, function), rules=rules, **declaration)(_BINDS[len(rules)])


def _orders(*orders: float) -> tuple[Any, ...]:
    """Test calls of a function of an order and an argument."""
    return (
        *[lambda draw, n=n: call(n, draw(2, 3)) for n in orders],
        lambda draw: call(np.array([1, 2, 3]), draw(2, 1)),
        lambda draw: call(1, draw()),
    )


# --- functions that NumPy has too -----------------------------------------------------------------

for _name in ("exp2", "expm1", "log1p", "cbrt"):
    UFUNCS[getattr(sc, _name)] = UFUNCS[getattr(np, _name)]

# --- sigmoid and its relatives --------------------------------------------------------------------

# 1 - y loses its digits where the sigmoid saturates; its mirror image keeps them
_special("expit", lambda g, y, x: g * (y * sc.expit(-x)), text="σ({0})", latex=r"\sigma({0})")
_special("logit", lambda g, y, x: quotient(g, x * (1 - x)), domain=(0.1, 0.9))
_special("log_expit", lambda g, y, x: g * sc.expit(-x), latex=r"\ln \sigma({0})")
_special("exp10", lambda g, y, x: g * (y * math.log(10.0)), latex=r"10^{{{0}}}")
_special("cosm1", lambda g, y, x: g * -np.sin(x))

# --- error functions and the normal distribution (DLMF 7.2, 7.10) ---------------------------------

_special("erf", lambda g, y, x: g * (np.exp(-x * x) * (2 / _SQRT_PI)))
_special("erfc", lambda g, y, x: g * (np.exp(-x * x) * (-2 / _SQRT_PI)))
_special("erfcx", lambda g, y, x: g * (2 * x * y - 2 / _SQRT_PI))
_special("erfi", lambda g, y, x: g * (np.exp(x * x) * (2 / _SQRT_PI)))
_special("dawsn", lambda g, y, x: g * (1 - 2 * x * y))
_special("erfinv", lambda g, y, x: g * (np.exp(y * y) * (_SQRT_PI / 2)), domain=(-0.9, 0.9))
_special("erfcinv", lambda g, y, x: g * (np.exp(y * y) * (-_SQRT_PI / 2)), domain=(0.1, 1.9))
_special("ndtr", lambda g, y, x: g * (np.exp(-0.5 * x * x) / _ROOT_2_PI), latex=r"\Phi({0})")
_special(  # density over distribution, both tiny for negative x, without their quotient
    "log_ndtr",
    lambda g, y, x: g * (math.sqrt(2 / math.pi) / sc.erfcx(x * -math.sqrt(0.5))),
    latex=r"\ln \Phi({0})",
)
_special("ndtri", lambda g, y, x: g * (np.exp(0.5 * y * y) * _ROOT_2_PI), domain=(0.1, 0.9))

# --- gamma and beta functions (DLMF 5.2, 5.12, 5.15, 8.8, 8.17) -----------------------------------

_zeta = sc._ufuncs._zeta
primitive(
    _zeta,
    name="zeta",
    rules=(None, lambda g, y, s, q: g * (-s * sc.zeta(s + 1, q))),
    source="scipy.special.zeta({0}, {1})",
    domain=(0.5, 3.0),
    cases=(lambda draw: call(2.0, draw(3)), lambda draw: call(3, draw())),
)(_bind_two)


def _trigamma(x: Any) -> Any:
    """ψ'(x): Hurwitz's ζ(2, x), and its reflection for x < 1/2 (DLMF 5.15.1, 5.15.6)."""
    left = x < 0.5
    right_value = sc.zeta(2, np.where(left, 1 - x, x))
    reflected = (math.pi / np.sin(math.pi * np.where(left, x, 0.5))) ** 2 - right_value
    return np.where(left, reflected, right_value)


_POSITIVE: dict[str, Any] = {"domain": (0.5, 3.0)}
_LEFT = (
    lambda draw: call(draw(2, 3)),
    lambda draw: call(draw()),
    lambda draw: call(np.array([-2.6, -1.4, -0.3, 0.2])),
)

_special("psi", lambda g, y, x: g * _trigamma(x), cases=_LEFT, latex=r"\psi({0})", **_POSITIVE)
for _name in ("gammaln", "loggamma"):
    _special(
        _name,
        lambda g, y, x: g * sc.psi(x),
        cases=_LEFT if _name == "gammaln" else _LEFT[:2],
        latex=r"\ln \Gamma({0})",
        **_POSITIVE,
    )
_special(
    "gamma", lambda g, y, x: g * (y * sc.psi(x)), cases=_LEFT, latex=r"\Gamma({0})", **_POSITIVE
)
_special("rgamma", lambda g, y, x: g * _rgamma_slope(y, x), cases=_LEFT, **_POSITIVE)
_special("gammasgn", ZERO, cases=_LEFT)


def _rgamma_slope(y: Any, x: Any) -> Any:
    """(1/Γ)' = -ψ/Γ, whose poles cancel at 0, -1, -2, … to (-1)^n n!."""
    pole = (x <= 0) & (x == np.floor(x))
    n = np.where(pole, -x, 0)
    at_pole = np.cos(math.pi * n) * sc.gamma(n + 1)
    return np.where(pole, at_pole, -y * sc.psi(np.where(pole, 1, x)))


def _beta_slope(g: Any, y: Any, a: Any, b: Any) -> Any:
    return g * (y * (sc.psi(a) - sc.psi(a + b)))


def _betaln_slope(g: Any, y: Any, a: Any, b: Any) -> Any:
    return g * (sc.psi(a) - sc.psi(a + b))


_special("beta", _beta_slope, lambda g, y, a, b: _beta_slope(g, y, b, a), **_POSITIVE)
_special("betaln", _betaln_slope, lambda g, y, a, b: _betaln_slope(g, y, b, a), **_POSITIVE)
_special(
    "binom",
    lambda g, y, n, k: g * (y * (sc.psi(n + 1) - sc.psi(n - k + 1))),
    lambda g, y, n, k: g * (y * (sc.psi(n - k + 1) - sc.psi(k + 1))),
    cases=(lambda draw: call(draw(2, 3) + 3.1, draw(3)), lambda draw: call(6.5, draw())),
    latex=r"\binom{{{0}}}{{{1}}}",
    **_POSITIVE,
)
_special(
    "poch",
    lambda g, y, a, n: g * (y * (sc.psi(a + n) - sc.psi(a))),
    lambda g, y, a, n: g * (y * sc.psi(a + n)),
    latex=r"({0})_{{{1}}}",
    **_POSITIVE,
)


def _gamma_density(a: Any, x: Any) -> Any:
    return np.exp(sc.xlogy(a - 1, x) - x - sc.gammaln(a))


def _beta_density(a: Any, b: Any, x: Any) -> Any:
    return np.exp(sc.xlogy(a - 1, x) + sc.xlog1py(b - 1, -x) - sc.betaln(a, b))


_SHAPED = (
    lambda draw: call(1.7, draw(2, 3)),
    lambda draw: call([0.6, 2.0, 5.0], draw(2, 1)),
    lambda draw: call(3, draw()),
)
_special("gammainc", None, lambda g, y, a, x: g * _gamma_density(a, x), cases=_SHAPED, **_POSITIVE)
_special(
    "gammaincc", None, lambda g, y, a, x: -g * _gamma_density(a, x), cases=_SHAPED, **_POSITIVE
)
_special(
    "gammaincinv", None, lambda g, y, a, p: g / _gamma_density(a, y),
    cases=_SHAPED, domain=(0.2, 0.8),
)  # fmt: skip
_special(
    "gammainccinv", None, lambda g, y, a, p: -g / _gamma_density(a, y),
    cases=_SHAPED, domain=(0.2, 0.8),
)  # fmt: skip
_TWICE_SHAPED = (
    lambda draw: call(1.7, 2.5, draw(2, 3)),
    lambda draw: call([0.6, 2.0, 5.0], 2, draw(2, 1)),
    lambda draw: call(3, 0.5, draw()),
)
for _name, _sign in (("betainc", 1), ("betaincc", -1)):
    _special(
        _name, None, None,
        lambda g, y, a, b, x, sign=_sign: g * (sign * _beta_density(a, b, x)),
        cases=_TWICE_SHAPED, domain=(0.2, 0.8),
    )  # fmt: skip
for _name, _sign in (("betaincinv", 1), ("betainccinv", -1)):
    _special(
        _name, None, None,
        lambda g, y, a, b, p, sign=_sign: g * (sign / _beta_density(a, b, y)),
        cases=_TWICE_SHAPED, domain=(0.2, 0.8),
    )  # fmt: skip

# --- entropies and losses -------------------------------------------------------------------------

_special(
    "xlogy", lambda g, y, a, b: sc.xlogy(g, b), lambda g, y, a, b: quotient(g * a, b),
    latex=r"{0} \ln {1}", **_POSITIVE,
)  # fmt: skip
_special(
    "xlog1py", lambda g, y, a, b: sc.xlog1py(g, b), lambda g, y, a, b: quotient(g * a, 1 + b),
    latex=r"{0} \ln(1 + {1})", **_POSITIVE,
)  # fmt: skip
_special("entr", lambda g, y, x: -sc.xlogy(g, x) - g, latex=r"-{0} \ln {0}", **_POSITIVE)
_special(
    "rel_entr",
    lambda g, y, a, b: sc.xlogy(g, a) - sc.xlogy(g, b) + g,
    lambda g, y, a, b: -quotient(g * a, b),
    latex=r"{0} \ln({0}/{1})",
    **_POSITIVE,
)
_special(
    "kl_div",
    lambda g, y, a, b: sc.xlogy(g, a) - sc.xlogy(g, b),
    lambda g, y, a, b: g - quotient(g * a, b),
    latex=r"{0} \ln({0}/{1}) - {0} + {1}",
    **_POSITIVE,
)
_special(
    "huber",
    lambda g, y, delta, r: g * np.where(np.abs(r) <= delta, 0, np.abs(r) - delta),
    lambda g, y, delta, r: g * np.clip(r, -delta, delta),
    cases=(
        lambda draw: call(1.0, draw(2, 3, low=-2.0, high=2.0)),
        lambda draw: call(draw(3), draw(2, 3, low=-2.0, high=2.0)),
        lambda draw: call(draw(), draw()),
    ),
    **_POSITIVE,
)


def _pseudo_huber_delta(g: Any, y: Any, delta: Any, r: Any) -> Any:
    root = np.hypot(1, r / delta)
    return g * (delta * ((root - 1) * (root - 1)) / root)


_special(
    "pseudo_huber",
    _pseudo_huber_delta,
    lambda g, y, delta, r: g * (r / np.hypot(1, r / delta)),
    cases=(
        lambda draw: call(1.0, draw(2, 3, low=-2.0, high=2.0)),
        lambda draw: call(draw(3), draw(2, 3, low=-2.0, high=2.0)),
        lambda draw: call(draw(), draw()),
    ),
    **_POSITIVE,
)


@primitive(
    sc.boxcox,
    rules=(lambda g, y, x, lam: g * x ** (lam - 1), None),
    source="scipy.special.boxcox({0}, {1})",
    cases=(lambda draw: call(draw(3), 0.7), lambda draw: call(draw(3), [0.0, 1.0, 2.0])),
    **_POSITIVE,
)
def boxcox(x: Any, lmbda: Any, /) -> Bound:
    return (x, lmbda), {}


# --- Bessel functions (DLMF 10.6, 10.29) ----------------------------------------------------------

_ARGUMENT: dict[str, Any] = {"domain": (0.5, 3.0)}

_special("j0", lambda g, y, x: -g * sc.j1(x))
_special("j1", lambda g, y, x: g * ((sc.j0(x) - sc.jv(2, x)) / 2))
_special("y0", lambda g, y, x: -g * sc.y1(x), **_ARGUMENT)
_special("y1", lambda g, y, x: g * ((sc.y0(x) - sc.yv(2, x)) / 2), **_ARGUMENT)
for _name in ("jv", "yn", "yv"):
    _bessel = getattr(sc, _name)
    _special(
        _name, None,
        lambda g, y, v, x, f=_bessel: g * ((f(v - 1, x) - f(v + 1, x)) / 2),
        cases=_orders(*((0, 1, 2) if _name == "yn" else (0, 1.5))), **_ARGUMENT,
    )  # fmt: skip
_special("i0", lambda g, y, x: g * sc.i1(x), name="special_i0", latex="I_0({0})")
_special("i1", lambda g, y, x: g * ((sc.i0(x) + sc.iv(2, x)) / 2), latex="I_1({0})")
_special("i0e", lambda g, y, x: g * (sc.i1e(x) - np.sign(x) * y))
_special("i1e", lambda g, y, x: g * ((sc.i0e(x) + sc.ive(2, x)) / 2 - np.sign(x) * y))
_special(
    "iv", None, lambda g, y, v, x: g * ((sc.iv(v - 1, x) + sc.iv(v + 1, x)) / 2),
    cases=_orders(0, 1.5), **_ARGUMENT,
)  # fmt: skip
_special(
    "ive", None,
    lambda g, y, v, x: g * ((sc.ive(v - 1, x) + sc.ive(v + 1, x)) / 2 - np.sign(x) * y),
    cases=_orders(0, 1.5), **_ARGUMENT,
)  # fmt: skip
_special("k0", lambda g, y, x: -g * sc.k1(x), **_ARGUMENT)
_special("k1", lambda g, y, x: g * ((sc.k0(x) + sc.kv(2, x)) / -2), **_ARGUMENT)
_special("k0e", lambda g, y, x: g * (y - sc.k1e(x)), **_ARGUMENT)
_special("k1e", lambda g, y, x: g * (y - (sc.k0e(x) + sc.kve(2, x)) / 2), **_ARGUMENT)
_special(
    "kn", None, lambda g, y, n, x: g * ((sc.kn(abs(n - 1), x) + sc.kn(n + 1, x)) / -2),
    cases=_orders(0, 1, 2), **_ARGUMENT,
)  # fmt: skip
_special(
    "kv", None, lambda g, y, v, x: g * ((sc.kv(v - 1, x) + sc.kv(v + 1, x)) / -2),
    cases=_orders(0, 1.5), **_ARGUMENT,
)  # fmt: skip
_special(
    "kve", None, lambda g, y, v, x: g * (y - (sc.kve(v - 1, x) + sc.kve(v + 1, x)) / 2),
    cases=_orders(0, 1.5), **_ARGUMENT,
)  # fmt: skip

# --- integrals (DLMF 6.2, 7.2, 8.19, 9.2) ---------------------------------------------------------

_special("exp1", lambda g, y, x: g * (-np.exp(-x) / x), **_ARGUMENT)
_special("expi", lambda g, y, x: g * (np.exp(x) / x), **_ARGUMENT)
_special(
    "expn", None, lambda g, y, n, x: -g * sc.expn(n - 1, x),
    cases=(lambda draw: call(3, draw(3)), lambda draw: call(np.array([3, 4]), draw(2))),
    **_ARGUMENT,
)  # fmt: skip
_PAIR = (lambda draw: call(draw(2, 3)), lambda draw: call(draw()))
_special(
    "sici",
    lambda g, y, x: g[0] * np.sinc(x / math.pi) + quotient(g[1] * np.cos(x), x),
    outputs=2,
    cases=_PAIR,
    **_ARGUMENT,
)
_special(
    "fresnel",
    lambda g, y, x: g[0] * np.sin(math.pi / 2 * x * x) + g[1] * np.cos(math.pi / 2 * x * x),
    outputs=2,
    cases=_PAIR,
)
_special(
    "airy",
    lambda g, y, x: g[0] * y[1] + g[1] * x * y[0] + g[2] * y[3] + g[3] * x * y[2],
    outputs=4,
    cases=_PAIR,
)

# --- degrees --------------------------------------------------------------------------------------

_DEGREE = math.pi / 180.0

_special("sindg", lambda g, y, x: g * (sc.cosdg(x) * _DEGREE), domain=(-80.0, 80.0))
_special("cosdg", lambda g, y, x: g * (sc.sindg(x) * -_DEGREE), domain=(-80.0, 80.0))
_special("tandg", lambda g, y, x: g * ((1 + y * y) * _DEGREE), domain=(-80.0, 80.0))
