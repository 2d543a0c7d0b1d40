"""Numbers as people read them, on a page and on a terminal."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
#: Strict JSON has no such numbers; they are stored as these strings.
_WITHOUT_JSON = {"nan": "nan", "inf": "∞", "-inf": "−∞"}
#: Outside of this range of magnitudes, a float is written with a power of ten.
_PLAIN = (1e-3, 1e5)
_DIGITS = 4
#: A number in E notation that is not a part of a longer word.
_POWER = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)[eE]([+-]?\d+)(?![\w]|\.\d)")


def shown(value: Any, *, powers: bool = True) -> str:
    """Return a value in few characters, a float to four significant digits.

    Parameters
    ----------
    value : number, str, bool, None, or a list of these
    powers : bool
        Write 1.2 × 10⁻⁹ rather than 1.2e-09.

    Examples
    --------
    >>> shown(0.983437), shown(1601.2), shown(1.23e-9, powers=False), shown(True)
    ('0.9834', '1601', '1.23e-09', 'yes')
    """
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(shown(item, powers=powers) for item in value)
    if isinstance(value, int):
        # A thin no-break space groups digits in every language.
        return _minus(f"{value:,}".replace(",", "\u202f") if abs(value) >= 10_000 else str(value))
    if not isinstance(value, float) or not math.isfinite(value):
        return _WITHOUT_JSON.get(str(value), str(value))
    if value == 0 or _PLAIN[0] <= abs(value) < _PLAIN[1]:
        return _minus(_without_zeros(f"{value:.{_decimals(value, _DIGITS)}f}"))
    mantissa, exponent = f"{value:.2e}".split("e")
    if not powers:
        return f"{_without_zeros(mantissa)}e{exponent}"
    return _minus(f"{_without_zeros(mantissa)} × 10{str(int(exponent)).translate(_SUPERSCRIPTS)}")


def shown_figures(value: Any) -> str:
    """Return `shown`, powers of ten that stand in a text written as such.

    Examples
    --------
    >>> shown_figures("at most 1e-12"), shown_figures("2.5e+03 and 1e5x")
    ('at most 10⁻¹²', '2.5 × 10³ and 1e5x')
    """
    return _POWER.sub(_power, shown(value))


def _power(found: re.Match[str]) -> str:
    """Return a number in E notation as a product with a power of ten."""
    mantissa, exponent = found.groups()
    power = f"10{str(int(exponent)).translate(_SUPERSCRIPTS)}"
    return power if float(mantissa) == 1.0 else f"{mantissa} × {power}"


def shown_column(values: Sequence[Any]) -> list[str]:
    """Return the cells of a table's column, numbers with equally many decimals where that fits.

    Four significant digits of the largest and three of the smallest number are kept; where that
    takes more than five decimals, each number is written by itself.

    Examples
    --------
    >>> shown_column([0.155, 0.16872, 12.0])
    ['0.155', '0.169', '12.000']
    """
    numbers = [value for value in values if _is_finite(value)]
    sizes = [abs(value) for value in numbers if value != 0]
    if not sizes or all(isinstance(value, int) for value in numbers):
        return [shown(value) for value in values]
    decimals = max(_decimals(max(sizes), _DIGITS), _decimals(min(sizes), 3))
    if decimals > 5 or max(sizes) >= _PLAIN[1]:
        return [shown(value) for value in values]
    # Whole and short numbers need no zeros that nobody measured.
    decimals = min(decimals, max(_decimals_needed(value, decimals) for value in numbers))
    return [
        _minus(f"{value:.{decimals}f}") if _is_finite(value) else shown(value) for value in values
    ]


def _is_finite(value: Any) -> bool:
    """Return whether a cell is a finite number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _decimals(value: float, digits: int) -> int:
    """Return how many decimals show `digits` significant digits of `value`."""
    return max(digits - 1 - math.floor(math.log10(abs(value) or 1.0)), 0)


def _decimals_needed(value: float, most: int) -> int:
    """Return how many of `most` decimals of `value` are not trailing zeros."""
    return len(_without_zeros(f"{value:.{most}f}").partition(".")[2])


def _without_zeros(text: str) -> str:
    """Return a decimal number without trailing zeros after the point."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def _minus(text: str) -> str:
    """Return the text with a minus sign in place of a leading hyphen."""
    return text.replace("-", "−", 1) if text.startswith("-") else text
