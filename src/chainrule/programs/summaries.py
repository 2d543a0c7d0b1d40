"""Values in few words: numbers, small arrays in full, larger ones by least, mean and largest."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from chainrule.engine.wording import counted

FULL = 3  # an array of up to FULL × FULL is shown in full


class Summary(NamedTuple):
    """What is shown of a value.

    Attributes
    ----------
    shape : tuple of int
    dtype : str
    grid : list of list of str
        The numbers of a small array, row by row; empty for a larger one.
    low, mean, high : str
        Least, mean and largest of the finite numbers of a larger array; else empty.
    note : str
        What the numbers do not tell: "2 of 12 are nan".
    finite : bool
        Whether every number is.
    """

    shape: tuple[int, ...]
    dtype: str
    grid: list[list[str]]
    low: str
    mean: str
    high: str
    note: str
    finite: bool

    @property
    def text(self) -> str:
        """One line, e.g. ``0.42``, ``[1, 2, 3]`` or ``-1.2 … 0.3 … 4``."""
        if self.grid:
            if not self.shape:
                return self.grid[0][0]
            rows = ["[" + ", ".join(row) + "]" for row in self.grid]
            flat = rows[0] if len(self.shape) == 1 else "[" + ", ".join(rows) + "]"
            return "[" * max(len(self.shape) - 2, 0) + flat + "]" * max(len(self.shape) - 2, 0)
        numbers = f"{self.low} … {self.mean} … {self.high}" if self.low else ""
        return "; ".join(part for part in (numbers, self.note) if part)


def summarise(value: Any, digits: int = 4, full: int = FULL) -> Summary:
    """Describe a value.

    Parameters
    ----------
    value : array, number, or tuple of arrays
    digits : int
        Significant digits.
    full : int
        Arrays of up to ``full`` × ``full`` are shown in full.

    Examples
    --------
    >>> summarise(np.array([1.0, 2.5])).text
    '[1, 2.5]'
    >>> summarise(np.arange(12.0)).text
    '0 … 5.5 … 11'
    """
    if isinstance(value, tuple):
        return Summary((), "", [], "", "", "", counted(len(value), "result"), True)
    array = np.asarray(value)
    shape, dtype = array.shape, array.dtype.name
    if array.dtype.kind not in "fiub":
        return Summary(shape, dtype, [], "", "", "", dtype, True)
    if not array.size:
        return Summary(shape, dtype, [], "", "", "", "empty", True)
    good = np.isfinite(array) if array.dtype.kind == "f" else np.ones(shape, bool)
    finite = bool(good.all())
    outer = shape[:-2]
    if math.prod(outer) == 1 and all(size <= full for size in shape[-2:]):
        rows = array.reshape(-1, shape[-1]) if array.ndim else array.reshape(1, 1)
        grid = [[number_text(x, digits) for x in row] for row in rows.tolist()]
        return Summary(shape, dtype, grid, "", "", "", "", finite)
    if array.dtype.kind == "b":
        note = f"{int(array.sum())} of {array.size} true"
        return Summary(shape, dtype, [], "", "", "", note, True)
    note = "" if finite else _strange(array)
    chosen = array[good]
    if not chosen.size:
        return Summary(shape, dtype, [], "", "", "", note, False)
    with np.errstate(over="ignore"):
        mean = float(chosen.mean(dtype=np.float64))
    low, high = number_text(chosen.min().item(), digits), number_text(chosen.max().item(), digits)
    return Summary(shape, dtype, [], low, number_text(mean, digits), high, note, finite)


def _strange(array: np.ndarray) -> str:
    counts = {"nan": int(np.isnan(array).sum()), "infinite": int(np.isinf(array).sum())}
    return ", ".join(f"{count} of {array.size} {kind}" for kind, count in counts.items() if count)


def number_text(x: float | int | bool, digits: int = 4) -> str:
    """A number with so many significant digits and nothing superfluous.

    Examples
    --------
    >>> number_text(0.25), number_text(1 / 3), number_text(1e-7), number_text(-0.0)
    ('0.25', '0.3333', '1e-7', '0')
    """
    if isinstance(x, (bool, int)):
        return str(x)
    if x == 0:
        return "0"
    text = f"{x:.{digits}g}"
    if abs(x) < 1e-3 and len(text) > digits + 4:
        text = f"{x:.{digits - 1}e}"
    if "e" in text:
        mantissa, exponent = text.split("e")
        if "." in mantissa:
            mantissa = mantissa.rstrip("0").rstrip(".")
        return f"{mantissa}e{int(exponent)}"
    return text


def shape_text(shape: tuple[int, ...]) -> str:
    """A shape as it is written in mathematics, ``3 × 4``; empty for a number."""
    return " × ".join(map(str, shape))
