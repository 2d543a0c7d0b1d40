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
#: A hyphen that is the sign of a number, not a dash between two, nor a part of a name.
_SIGN = re.compile(r"(?<![\w.)\]-])-(?=\.?\d)")
#: A number written with decimals, and nothing else.
_DECIMAL = re.compile(r"[-−]?\d+\.(\d+)")
#: Commas that group the digits of a whole number.
_GROUPS = re.compile(r"(?<![\w.,])\d{1,3}(?:,\d{3})+(?!\w|,\d)")


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
        return _minus(_grouped(value))
    if not isinstance(value, float) or not math.isfinite(value):
        return _WITHOUT_JSON.get(str(value), str(value))
    if value == 0 or _PLAIN[0] <= abs(value) < _PLAIN[1]:
        text = f"{value:.{_decimals(value, _DIGITS)}f}"
        return _minus(_without_zeros(text) if "." in text else _grouped(int(text)))
    mantissa, exponent = f"{value:.2e}".split("e")
    mantissa = _without_zeros(mantissa)
    if not powers:
        return f"{mantissa}e{exponent}"
    return _minus(_with_power(mantissa, exponent))


def shown_figures(value: Any) -> str:
    """Return `shown`, and the numbers that stand in a text written as those beside it.

    Powers of ten as such, minus signs, and digits grouped.

    Examples
    --------
    >>> shown_figures("at most 1e-12"), shown_figures("1e3 and 1e5x")
    ('at most 10⁻¹²', '10³ and 1e5x')
    >>> shown_figures("(-1, 3) and 0.0e+00 of 784-256-10")
    '(−1, 3) and 0 of 784-256-10'
    """
    text = _POWER.sub(lambda found: _with_power(*found.groups()), shown(value))
    return grouped_figures(_SIGN.sub("−", text))


def shown_beside(measured: Any, expected: Any) -> str:
    """Return `shown_figures` of what was measured, with the decimals of a number it is to equal.

    Examples
    --------
    >>> shown_beside(0.0336050137566582, "0.033605013757"), shown_beside(0.98, "at most 1")
    ('0.033605013757', '0.98')
    """
    decimal = _DECIMAL.fullmatch(expected) if isinstance(expected, str) else None
    if isinstance(measured, float) and math.isfinite(measured) and decimal:
        return _minus(f"{measured:.{len(decimal[1])}f}")
    return shown_figures(measured)


def grouped_figures(text: str) -> str:
    """Return a text whose whole numbers are grouped as those of tables are.

    Examples
    --------
    >>> grouped_figures("1,437 of 60,000 images, [1,2] and 3,4567").replace("\u202f", "_")
    '1437 of 60_000 images, [1,2] and 3,4567'
    """
    return _GROUPS.sub(lambda found: _grouped(int(found.group().replace(",", ""))), text)


def _with_power(mantissa: str, exponent: str) -> str:
    """Return a number in E notation as a product with a power of ten."""
    power, size = f"10{str(int(exponent)).translate(_SUPERSCRIPTS)}", float(mantissa)
    if size == 0.0:
        return "0"
    if abs(size) == 1.0:
        return power if size > 0 else f"-{power}"
    return f"{mantissa}\u00a0×\u00a0{power}"


def _grouped(number: int) -> str:
    """Return a number with thin no-break spaces, which group digits in every language."""
    return f"{number:,}".replace(",", "\u202f") if abs(number) >= 10_000 else str(number)


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
