"""A returned value against the right one: what it is, whether it agrees, and what relates them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from chainrule.grading.child.wire import Opaque

#: Agreement asked of a value that was computed in single precision.
FLOAT32 = 1e-4
#: A value that is wrong, where nothing relates it to the right one.
UNKNOWN = "G000"
#: A relation is named only if it holds to this.
EXACT = 1e-9
_CONSTANTS: dict[float, tuple[str, str]] = {
    2.0: ("G204", "twice"),
    0.5: ("G204", "half of"),
    -1.0: ("G205", "minus"),
    -2.0: ("G204", "minus twice"),
    -0.5: ("G204", "minus half of"),
}


@dataclass(frozen=True)
class Difference:
    """How a value is wrong: a mistake code, and the evidence as a sentence about "it"."""

    code: str
    evidence: str


@dataclass(frozen=True)
class Compared:
    """One value in one case.

    Attributes
    ----------
    right : bool
    error : float
        Largest difference, relative to the largest entry of the right value; inf where they
        cannot be compared.
    difference : Difference or None
        Set where the kind or the shape is wrong, or where it is not finite.
    note : str
        What is to be said although it costs nothing.
    claimed : ndarray or None
        The value as numbers.
    """

    right: bool
    error: float
    difference: Difference | None = None
    note: str = ""
    claimed: np.ndarray[Any, Any] | None = None


def compare(name: str, value: Any, true: Any, rtol: float) -> Compared:
    """Compare one value with the right one.

    Parameters
    ----------
    name : str
        What the value is called, for the sentences.
    value, true : object
        A number, text, array, list or exact number.
    rtol : float
        Relative to the largest entry of ``true``.
    """
    if isinstance(true, str | bool | type(None)):
        right = type(value) is type(true) and value == true
        if isinstance(true, bool) and isinstance(value, np.bool_):
            right = bool(value) == true
        wrong = _not(name, value)
        if true is True and not right and isinstance(value, bool | np.bool_):
            # The calls of an exercise state what should hold.
            wrong = Difference(UNKNOWN, f"{name}: this does not hold.")
        return Compared(right, 0.0 if right else math.inf, None if right else wrong)
    if isinstance(true, int | Fraction) and isinstance(value, int | Fraction):
        # Exact numbers may be far beyond the range of floats.
        right = not isinstance(value, bool) and value == true
        return Compared(right, 0.0 if right else math.inf)
    if isinstance(true, int | Fraction):
        try:
            true = float(true)
        except OverflowError:
            return Compared(False, math.inf)
    wanted = np.asarray(true)
    given, difference, note = _array(name, value)
    if isinstance(true, list | tuple):
        note = ""
    if given is None:
        return Compared(False, math.inf, difference)
    if given.shape != wanted.shape:
        return Compared(False, math.inf, _shape(name, given, wanted), note, given)
    if not np.all(np.isfinite(given)) and np.all(np.isfinite(wanted)):
        bad = "NaN" if np.any(np.isnan(given)) else "infinite values"
        found = Difference("G103", f"{name} holds {bad} where the right value is finite.")
        return Compared(False, math.inf, found, note, given)
    single = given.dtype.kind == "f" and given.dtype.itemsize < 8 and wanted.dtype.itemsize == 8
    if single:
        kind = str(given.dtype)
        note = note or f"{name} was computed in {kind}; it was compared to {FLOAT32:g} only."
        rtol = max(rtol, FLOAT32)
    error = relative_error(given, wanted)
    if error > rtol and given.dtype.kind in "iu" and wanted.dtype.kind == "f":
        cut = any(np.array_equal(given, f(wanted)) for f in (np.trunc, np.floor, np.rint))
        if cut and np.any(given):
            found = Difference(
                "G102", f"{name} is an array of {given.dtype}: its decimals were cut off."
            )
            return Compared(False, error, found, note, given)
    return Compared(error <= rtol, error, None, note, given)


def relative_error(given: np.ndarray[Any, Any], wanted: np.ndarray[Any, Any]) -> float:
    """Largest difference over the largest entry of what is right; 0 for empty arrays."""
    if not wanted.size:
        return 0.0
    a, b = given.astype(float), wanted.astype(float)
    scale = float(np.max(np.abs(b))) or 1.0
    error = float(np.max(np.abs(a - b)))
    return error / scale if math.isfinite(error) else (0.0 if np.array_equal(a, b) else math.inf)


def relation(
    name: str,
    pairs: Sequence[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]],
    inputs: Sequence[Mapping[str, Any]],
    alone: bool = True,
) -> Difference | None:
    """What relates wrong values to the right ones, if one thing does in every case.

    Parameters
    ----------
    name : str
    pairs : sequence of (claimed, true)
        By case, of equal shapes.
    inputs : sequence of mapping
        By case; a factor may be one of their sizes or numbers.
    alone : bool
        Whether these values must show it by themselves; else another value has shown it, and one
        number is enough.

    Returns
    -------
    Difference or None
        None where nothing relates them: a guess is no finding.
    """
    # Where both are zero any factor fits: such a case tells nothing.
    telling = [k for k, (claimed, true) in enumerate(pairs) if claimed.any() or true.any()]
    pairs, inputs = [pairs[k] for k in telling], [inputs[k] for k in telling]
    # One number is a multiple of any other: several cases must agree on the factor.
    same = len({true.tobytes() for _, true in pairs}) == 1
    if not pairs or (alone and same and pairs[0][0].size < 2):
        return None
    factors = [_factor(claimed, true) for claimed, true in pairs]
    if all(factor is not None for factor in factors):
        return _scale(name, [float(f) for f in factors if f is not None], inputs)
    if all(_transposed(claimed, true) for claimed, true in pairs):
        return Difference("G701", f"{name} is the transpose of the right one.")
    return None


def _scale(
    name: str, factors: list[float], inputs: Sequence[Mapping[str, Any]]
) -> Difference | None:
    first = factors[0]
    constant = all(abs(f - first) <= EXACT * abs(first) for f in factors)
    if constant:
        for factor, (code, words) in _CONSTANTS.items():
            if abs(first - factor) <= EXACT * abs(factor):
                return Difference(code, f"{name} is exactly {words} the right one.")
    for label, sizes, is_size in _sizes(inputs):
        # What does not change from case to case tells nothing about a factor.
        if len(set(sizes)) == 1 and len(sizes) > 1:
            continue
        size = f"{sizes[0]:g}"
        if _follows(factors, sizes):
            if is_size:
                return Difference(
                    "G201", f"{name} is exactly {size} × the right one; {size} is {label}."
                )
            return Difference("G206", f"{name} is exactly {label} × the right one.")
        if _follows(factors, [1 / each for each in sizes]):
            if is_size:
                return Difference(
                    "G202", f"{name} is exactly 1/{size} of the right one; {size} is {label}."
                )
            return Difference("G206", f"{name} is exactly the right one / {label}.")
    if constant and first != 0:
        return Difference("G206", f"{name} is exactly {first:.6g} × the right one.")
    return None


def _follows(factors: list[float], sizes: list[float]) -> bool:
    return all(abs(f - s) <= EXACT * abs(s) for f, s in zip(factors, sizes, strict=True))


def _sizes(inputs: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, list[float], bool]]:
    """Sizes of the inputs, and numbers among them, by case; and whether it is a size."""
    flat = [dict(_arrays(each)) for each in inputs]
    for name, value in flat[0].items():
        values = [each[name] for each in flat if name in each]
        if len(values) < len(flat):
            continue
        if isinstance(value, np.ndarray) and all(v.ndim == value.ndim for v in values):
            for axis in range(value.ndim):
                sizes = [float(v.shape[axis]) for v in values]
                label = f"the length of {name}" if value.ndim == 1 else f"{name}.shape[{axis}]"
                if min(sizes) > 1:
                    yield label, sizes, True
            if value.ndim > 2:
                yield (
                    " · ".join(f"{name}.shape[{axis}]" for axis in range(value.ndim - 1)),
                    [float(np.prod(v.shape[:-1])) for v in values],
                    True,
                )
            if value.ndim > 1:
                yield f"the number of entries of {name}", [float(v.size) for v in values], True
        elif isinstance(value, int | float) and not isinstance(value, bool):
            sizes = [float(v) for v in values]
            if all(size > 0 and size != 1 for size in sizes):
                yield name, sizes, False


def _arrays(tree: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of the inputs, by names such as ``g[0]``."""
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from _arrays(value, f"{name}[{key!r}]" if name else str(key))
    elif isinstance(tree, list | tuple):
        for i, value in enumerate(tree):
            yield from _arrays(value, f"{name}[{i}]")
    else:
        yield name, tree


def _factor(claimed: np.ndarray[Any, Any], true: np.ndarray[Any, Any]) -> float | None:
    c, t = claimed.astype(float).ravel(), true.astype(float).ravel()
    square = float(t @ t)
    if square == 0 or not np.all(np.isfinite(c)):
        return None
    factor = float(c @ t) / square
    fits = np.max(np.abs(c - factor * t)) <= EXACT * max(float(np.max(np.abs(c))), 1e-300)
    return factor if fits and factor != 0 else None


def _transposed(claimed: np.ndarray[Any, Any], true: np.ndarray[Any, Any]) -> bool:
    if claimed.ndim != 2 or claimed.shape[0] != claimed.shape[1]:
        return False
    scale = float(np.max(np.abs(true))) or 1.0
    return bool(np.max(np.abs(claimed.T - true)) <= EXACT * scale)


def _array(name: str, value: Any) -> tuple[np.ndarray[Any, Any] | None, Difference | None, str]:
    """The value as an array of numbers; else how it is none; and a note."""
    if value is None:
        return None, Difference("G107", f"{name} is None; is a return missing?"), ""
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        if array.dtype.kind not in "fiub":
            return None, Difference(UNKNOWN, f"{name} is an array of {array.dtype}."), ""
        return array, None, ""
    if isinstance(value, bool | int | float | Fraction):
        try:
            return np.asarray(float(value)), None, ""
        except OverflowError:
            return None, Difference(UNKNOWN, f"{name} is a number beyond the range of floats."), ""
    if isinstance(value, list | tuple):
        kind = type(value).__name__
        if _holds_none(value):
            return None, Difference("G107", f"{name} holds None; is a return missing?"), ""
        try:
            array = np.array(value, dtype=float)
        except (ValueError, TypeError, OverflowError):
            return None, Difference(UNKNOWN, f"{name} is a {kind} that is no array of numbers."), ""
        return array, None, f"{name} is a {kind}; np.array({name}) makes it an array."
    return None, _not(name, value), ""


def _holds_none(value: Any) -> bool:
    """Whether a list has None somewhere, which NumPy would read as NaN."""
    return value is None or (isinstance(value, list | tuple) and any(map(_holds_none, value)))


def _not(name: str, value: Any) -> Difference:
    try:
        what = value.what if isinstance(value, Opaque) else f"{value!r:.60}"
    except ValueError:  # Python writes no whole number of more than some thousand digits
        what = "a number of very many digits"
    return Difference(UNKNOWN, f"{name} is {what}, not what is asked for.")


def _shape(name: str, given: np.ndarray[Any, Any], wanted: np.ndarray[Any, Any]) -> Difference:
    """A wrong shape is a slip only if the right numbers are in it."""
    said = f"{name} has shape {given.shape}; {wanted.shape} is right"
    if given.size == wanted.size:
        if given.ndim == 2 and given.T.shape == wanted.shape and _agree(given.T, wanted):
            return Difference("G101", f"{said}, and its transpose agrees.")
        if _agree(given.reshape(wanted.shape), wanted):
            return Difference("G101", f"{said}, and the numbers agree.")
    column = wanted.ndim == 1 or (wanted.ndim == 2 and 1 in wanted.shape)
    became = column and given.shape == (wanted.size, wanted.size)
    if became and _agree(np.diagonal(given), wanted.ravel()):
        return Difference("G604", f"{said}: (n,) met (n, 1) and became (n, n).")
    return Difference(UNKNOWN, f"{said}.")


def _agree(given: np.ndarray[Any, Any], wanted: np.ndarray[Any, Any]) -> bool:
    return bool(wanted.size) and relative_error(given, wanted) < FLOAT32
