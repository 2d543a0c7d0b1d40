"""Elementwise functions as machine-code kernels compute them, one number at a time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

#: How a primitive is written for single numbers ``{0}``, ``{1}``, ….
EXPRESSIONS: dict[str, str] = {
    "add": "{0} + {1}",
    "subtract": "{0} - {1}",
    "multiply": "{0} * {1}",
    "divide": "{0} / {1}",
    "negative": "-{0}",
    "positive": "{0}",
    "stop_gradient": "{0}",
    "conjugate": "{0}",
    "copy": "{0}",
    "astype": "{0}",
    "square": "{0} * {0}",
    "reciprocal": "one / {0}",
    "absolute": "abs({0})",
    "fabs": "abs({0})",
    "greater": "{0} > {1}",
    "greater_equal": "{0} >= {1}",
    "less": "{0} < {1}",
    "less_equal": "{0} <= {1}",
    "equal": "{0} == {1}",
    "not_equal": "{0} != {1}",
    "logical_and": "{0} != 0 and {1} != 0",
    "logical_or": "{0} != 0 or {1} != 0",
    "logical_not": "{0} == 0",
    "bitwise_and": "{0} and {1}",
    "bitwise_or": "{0} or {1}",
    "bitwise_xor": "{0} != {1}",
    "invert": "not {0}",
    "isnan": "{0} != {0}",
    "isfinite": "math.isfinite({0})",
    "isinf": "math.isinf({0})",
    "where": "{1} if {0} else {2}",
    "maximum": "larger({0}, {1})",
    "minimum": "smaller({0}, {1})",
    "clip": "smaller(larger({0}, {1}), {2})",
    "sign": "sign({0})",
    "quotient": "quotient({0}, {1})",
    "logaddexp": "log_of_sum({0}, {1})",
    "arctan2": "math.atan2({0}, {1})",
    "hypot": "math.hypot({0}, {1})",
    "copysign": "math.copysign({0}, {1})",
    "power": "{0} ** {1}",
    "float_power": "{0} ** {1}",
    "arcsin": "math.asin({0})",
    "arccos": "math.acos({0})",
    "arctan": "math.atan({0})",
    "arcsinh": "math.asinh({0})",
    "arccosh": "math.acosh({0})",
    "arctanh": "math.atanh({0})",
    "floor": "np.floor({0})",
    "ceil": "np.ceil({0})",
    **{
        name: f"math.{name}({{0}})"
        for name in ("sqrt", "log", "log1p", "log2", "log10", "sin", "cos", "tan", "sinh", "cosh")
    },
    "exp": "exponential({0})",
    "expm1": "exponential_less_one({0})",
    "tanh": "hyperbolic_tangent({0})",
}  # fmt: skip

#: Of these only the forms for truth values are written.
LOGICAL = ("bitwise_and", "bitwise_or", "bitwise_xor", "invert")
#: Powers up to here are written as products.
LARGEST_PRODUCT = 8

# exp(x) = 2^n exp(r) with |r| <= ln(2)/2 (Cody & Waite, Software Manual for the Elementary
# Functions, 1980, chapter 6) and the power series of exp(r) - 1, without branches, so that
# compilers vectorize it. Adding 1.5 * 2^52 rounds to the whole number n, left in the last bits.
_REDUCED = """\
    y = 709.79 if x > 709.79 else x * 1.0
    y = -708.0 if y < -708.0 else y
    t = y * 1.4426950408889634 + 6755399441055744.0
    n = t - 6755399441055744.0
    r = (y - n * 6.93145751953125e-1) - n * 1.42860682030941723212e-6
    p = 1.0 / 6227020800.0
    p = p * r + 1.0 / 479001600.0
    p = p * r + 1.0 / 39916800.0
    p = p * r + 1.0 / 3628800.0
    p = p * r + 1.0 / 362880.0
    p = p * r + 1.0 / 40320.0
    p = p * r + 1.0 / 5040.0
    p = p * r + 1.0 / 720.0
    p = p * r + 1.0 / 120.0
    p = p * r + 1.0 / 24.0
    p = p * r + 1.0 / 6.0
    p = p * r + 0.5
    p = p * r * r + r
    half = np.int64((np.float64(t).view(np.int64) << 52) + 4602678819172646912).view(np.float64)
"""

#: Functions that expressions call; those a kernel needs are put at its head, in this order.
HELPERS: dict[str, str] = {
    "exponential": f'''
@njit(error_model="numpy", fastmath={{"contract"}})
def exponential(x):
    """exp(x) to one unit in the last place; 0 where it is below the normal numbers."""
{_REDUCED}\
    found = (p + 1.0) * half * 2.0
    return 0.0 if x < -708.0 else (np.inf if x > 709.782712893384 else found)
''',
    "exponential_less_one": f'''
@njit(error_model="numpy", fastmath={{"contract"}})
def exponential_less_one(x):
    """exp(x) - 1, accurate near 0 as well."""
{_REDUCED}\
    found = (p * half + (half - 0.5)) * 2.0
    return np.inf if x > 709.782712893384 else found
''',
    "hyperbolic_tangent": '''
@njit(error_model="numpy", fastmath={"contract"})
def hyperbolic_tangent(x):
    """tanh(x) from exp(2x) - 1."""
    y = 20.0 if x > 20.0 else (-20.0 if x < -20.0 else x * 1.0)
    e = exponential_less_one(2.0 * y)
    return e / (e + 2.0)
''',
    "larger": '''
@njit(error_model="numpy", fastmath={"contract"})
def larger(a, b):
    """The larger of two numbers; not a number if either is none."""
    return a if a >= b or a != a else b
''',
    "smaller": '''
@njit(error_model="numpy", fastmath={"contract"})
def smaller(a, b):
    """The smaller of two numbers; not a number if either is none."""
    return a if a <= b or a != a else b
''',
    "sign": '''
@njit(error_model="numpy", fastmath={"contract"})
def sign(a):
    """1, 0 or -1; not a number if the number is none."""
    return 1.0 if a > 0 else (-1.0 if a < 0 else a * 1.0)
''',
    "quotient": '''
@njit(error_model="numpy", fastmath={"contract"})
def quotient(a, b):
    """a / b, but 0 wherever a is 0."""
    return a * 0 if a == 0 else a / b
''',
    "log_of_sum": '''
@njit(error_model="numpy", fastmath={"contract"})
def log_of_sum(a, b):
    """log(exp(a) + exp(b)) without overflow."""
    if a == b:
        return a + math.log(2.0)
    if a > b:
        return a + math.log1p(exponential(b - a))
    return b + math.log1p(exponential(a - b)) if b > a else a + b
''',
}


def expression(name: str, operands: Sequence[str], numbers: Sequence[Any]) -> str | None:
    """One number of the result from numbers of the operands; None without such a form.

    Parameters
    ----------
    name : str
        Of the primitive.
    operands : sequence of str
        Names of variables or constants.
    numbers : sequence
        For each operand the number that it is, if it is written in the program, else None.
    """
    if name == "power" and numbers[1] is not None:
        exponent = float(numbers[1])
        if exponent == 0.5:
            return f"math.sqrt({operands[0]})"
        if exponent.is_integer() and 1 <= exponent <= LARGEST_PRODUCT:
            return " * ".join([operands[0]] * int(exponent))
    if name in ("maximum", "minimum"):
        sign = "<" if name == "maximum" else ">"
        for bound, number, other in zip(operands, numbers, operands[::-1], strict=True):
            if number is not None and number == number:  # one comparison, which vectorizes
                return f"{bound} if {other} {sign} {bound} else {other}"
    template = EXPRESSIONS.get(name)
    return None if template is None else template.format(*operands)


def helpers_of(text: str) -> list[str]:
    """Names of the helpers that some statements call, and of those that these call."""
    needed: list[str] = []
    for name in reversed(HELPERS):
        if re.search(rf"\b{name}\(", "\n".join([text, *(HELPERS[other] for other in needed)])):
            needed.append(name)
    return needed[::-1]
