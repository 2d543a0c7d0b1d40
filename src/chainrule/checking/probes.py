"""Probes: arguments like the example's with other numbers, and sizes that are all different.

A factor of the batch size can be told from a constant only where the batch size changes, and a
transposed matrix only where it is not symmetric; so every size, scalar and array is drawn anew.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.checking.argument_names import sounds_like_penalty
from chainrule.checking.sizes import Sizes

# No two sizes of a probe are equal, and no symbol has the same size on two probes.
_BATCH = (5, 7, 6)
_WIDTHS = (
    (3, 4, 5, 6, 8, 9, 10, 13, 12, 14, 15, 16, 17, 18, 19, 20),
    (4, 5, 3, 8, 6, 10, 9, 12, 13, 15, 14, 17, 16, 19, 18, 21),
    (6, 3, 4, 9, 8, 7, 12, 10, 14, 13, 16, 15, 18, 17, 20, 19),
)
_ENOUGH = 20_000
_DRAWN = (0.37, 0.83, 0.59)
_FACTORS = (0.71, 0.43, 0.57)


@dataclass(frozen=True)
class Probe:
    """Arguments to try a gradient on.

    Attributes
    ----------
    point : dict of str to object
    sizes : dict of str to int
        The size of every symbol.
    """

    point: dict[str, Any]
    sizes: Mapping[str, int]


def sizes_of(sizes: Sizes, number: int, fixed: Sequence[str] = (), skip: int = 0) -> dict[str, int]:
    """The sizes of a probe: all different, and different from those of other probes.

    Parameters
    ----------
    sizes : Sizes
    number : int
        Which of the probes.
    fixed : sequence of str
        Symbols that keep the example's size.
    skip : int
        How many of the sizes that come first are left out.
    """
    before = [sizes_of(sizes, earlier, fixed) for earlier in range(number)]
    chosen = {symbol: sizes.symbols[symbol] for symbol in fixed}
    taken = {*chosen.values(), _BATCH[number]}
    for symbol in sizes.symbols:
        if symbol in chosen:
            continue
        if symbol == sizes.batch and _BATCH[number] not in chosen.values():
            chosen[symbol] = _BATCH[number]
        else:
            used = taken | {each[symbol] for each in before}
            every = itertools.chain(_WIDTHS[number], itertools.count(22))
            widths = itertools.islice(every, skip, None)
            chosen[symbol] = next(size for size in widths if size not in used)
            taken.add(chosen[symbol])
    return chosen


def draw_probe(
    example: Mapping[str, Any],
    sizes: Sizes,
    chosen: Mapping[str, int],
    number: int,
    seed: int = 0,
) -> Probe:
    """Draw one probe.

    Parameters
    ----------
    example : mapping of str to object
    sizes : Sizes
    chosen : mapping of str to int
        The sizes to use.
    number : int
        Which of the probes; scalars differ between them.
    seed : int
    """
    rng = np.random.default_rng([seed, number, 20])
    point: dict[str, Any] = {}
    for name, value in example.items():
        if isinstance(value, np.ndarray):
            shape = sizes.shape(name, value, chosen)
            bounds = [chosen[symbol] for symbol in sizes.ranges.get(name, ()) if symbol in chosen]
            high = min(bounds) if bounds else None
            if sizes.batch in own_axes(sizes, name) and _are_equal_labels(value):
                point[name] = np.asarray(_both(rng, shape, *_LABELS[float(value.flat[0])]), float)
            else:
                drawn = _array_like(value, shape, high, rng)
                point[name] = _mirrored(value, drawn) if name in sizes.symmetric else drawn
        elif name in sizes.integers:
            point[name] = chosen[sizes.integers[name]]
        elif isinstance(value, float):
            point[name] = _scalar_like(name, value, number)
        else:
            point[name] = value
    return Probe(point, dict(chosen))


_LABELS = {0.0: (0.0, 1.0), 1.0: (0.0, 1.0), -1.0: (-1.0, 1.0)}


def own_axes(sizes: Sizes, name: str) -> list[str]:
    """The symbols of an array's axes."""
    return [symbol for (owner, _), symbol in sizes.axes.items() if owner == name]


def _are_equal_labels(value: np.ndarray[Any, Any]) -> bool:
    """Whether an array of one entry per sample holds one label, such as 1, throughout."""
    same = value.size > 0 and value.dtype.kind == "f" and value.ndim <= 2
    return bool(same and np.all(value == value.flat[0]) and float(value.flat[0]) in _LABELS)


def _scalar_like(name: str, value: float, number: int) -> float:
    """A penalty's weight becomes large enough to be seen; other scalars keep their kind."""
    if not np.isfinite(value):
        return value
    if value == 0.0 or (sounds_like_penalty(name) and 0 < value < 10):
        return _DRAWN[number]
    if 1e-3 <= abs(value) < 1:
        return float(np.sign(value)) * abs(value) ** (0.5 + _FACTORS[number])  # still below 1
    if abs(value) < 1e-3:
        return value * (1 + _FACTORS[number])
    if value == round(value) or abs(value) > 10:
        return value  # such as an exponent
    return float(np.sign(value)) * (1 + (abs(value) - 1) * (0.5 + _FACTORS[number]))


def _array_like(
    value: np.ndarray[Any, Any], shape: tuple[int, ...], high: int | None, rng: Any
) -> np.ndarray[Any, Any]:
    """An array of the kind that the example shows: labels, one-hot rows, masks, probabilities, …"""
    rows = _one_hot_rows(value, shape, rng)
    if rows is not None:
        return rows
    if value.dtype.kind == "b":
        return np.asarray(_both(rng, shape, False, True), dtype=bool)
    if value.dtype.kind in "iu":
        return _integers_like(value, shape, high, rng)
    if value.dtype.kind != "f":
        return value.copy()
    value = _part_of(value)
    found = np.unique(value[np.isfinite(value)])
    if value.size > 3 and len(found) == 2:  # a mask, or labels such as -1 and 1
        return np.asarray(_both(rng, shape, found[0], found[1]), dtype=float)
    if _is_distribution(value):
        drawn = rng.uniform(0.2, 1.0, shape)
        return np.asarray(drawn / drawn.sum(axis=-1, keepdims=True))
    if value.size > 1 and found.size and found[0] > 0:
        high_end = 0.95 if found[-1] < 1 else max(1.0, min(float(found[-1]), 3.0)) * 1.1
        return np.asarray(rng.uniform(0.15 * high_end, high_end, shape))
    if value.ndim == 1 and value.size > 3 and np.all(np.diff(value) > 0):
        return np.sort(rng.uniform(found[0], found[-1], shape))  # such as points in time
    spread = 1.0 / np.sqrt(max(shape[0], 1)) if len(shape) >= 2 else 0.5
    if value.size > 8 and 0.6 < float(np.std(value)) < 2.0:
        spread = float(np.std(value)) if len(shape) < 2 else max(spread, 0.6)
    return np.asarray(spread * (1.3 * rng.normal(size=shape) + 0.05))


def _mirrored(value: np.ndarray[Any, Any], drawn: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A symmetric matrix like the example's: its diagonal zero, or the whole positive definite."""
    lower = np.tril(drawn, -1)
    found = lower + lower.T + np.diag(np.diag(drawn))
    if not np.any(np.diag(value)):
        np.fill_diagonal(found, 0)
    elif value.dtype.kind == "f" and np.linalg.eigvalsh(value)[0] > 0:
        found = found @ found.T + 0.1 * np.eye(len(found))
    return np.asarray(found, dtype=value.dtype)


def _one_hot_rows(value: np.ndarray[Any, Any], shape: tuple[int, ...], rng: Any) -> Any:
    """One-hot rows or columns, of any dtype, where the example has such; None where not."""
    for axis in (value.ndim - 1, 0):
        if value.ndim >= 2 and shape[axis] > 1 and _one_hot(value, axis):
            winners = rng.integers(0, shape[axis], shape[:axis] + shape[axis + 1 :])
            return np.moveaxis(np.eye(shape[axis], dtype=value.dtype)[winners], -1, axis)
    return None


def _one_hot(value: np.ndarray[Any, Any], axis: int) -> bool:
    if value.dtype.kind not in "fiub":
        return False
    value = _part_of(value) if axis else value
    return bool(np.all((value == 0) | (value == 1)) and np.all(value.sum(axis=axis) == 1))


def _part_of(value: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The first rows of a large array, enough to see of what kind it is."""
    if value.size <= _ENOUGH or value.ndim == 0:
        return value
    rows = max(2, _ENOUGH * value.shape[0] // value.size)
    return value[:rows]


def _is_distribution(value: np.ndarray[Any, Any]) -> bool:
    if value.ndim < 2 or value.shape[-1] < 2 or not value.size or value.min() < 0:
        return False
    return bool(np.allclose(value.sum(axis=-1), 1))


def _both(rng: Any, shape: tuple[int, ...], low: Any, high: Any) -> Any:
    """Two values in a random order, each at least once where there is room.

    How often each comes follows the size, so that counts differ where sizes do, from those too.
    """
    drawn = np.zeros(shape, dtype=bool)
    count = round((0.4 if drawn.size < 7 else 0.7) * drawn.size)
    if drawn.size == 1:
        count = int(rng.random() < 0.6)
    drawn.flat[rng.permutation(drawn.size)[:count]] = True
    return np.where(drawn, high, low)


def _integers_like(
    value: np.ndarray[Any, Any], shape: tuple[int, ...], high: int | None, rng: Any
) -> np.ndarray[Any, Any]:
    low = int(value.min(initial=0))
    if high is None:
        found = np.unique(value)
        if len(found) <= 2 and value.size > 1:
            return np.asarray(_both(rng, shape, found[0], found[-1]), dtype=value.dtype)
        return np.asarray(rng.integers(low, int(value.max(initial=0)) + 1, shape), value.dtype)
    if value.ndim == 1 and 1 < shape[0] <= high and np.all(np.diff(value) > 0):
        return np.sort(rng.permutation(high)[: shape[0]]).astype(value.dtype)  # a selection
    drawn = rng.integers(0, high, shape)
    if drawn.size > 2:
        drawn.flat[1] = drawn.flat[-1]  # a repeated index shows whether gradients accumulate
    return np.asarray(drawn, dtype=value.dtype)


def size_plans(
    sizes: Sequence[Sizes], rows: Sequence[Sizes] = ()
) -> Iterator[tuple[Sizes, tuple[str, ...]]]:
    """Ways to draw sizes, the most telling first: all new, then with some as in the example.

    Those that know the batch size come first: it is asked for most often. Where nothing else can
    differ, the rows of the data may.
    """
    for group in (
        [found for found in sizes if found.batch is not None],
        [found for found in sizes if found.batch is None],
    ):
        for found in group:
            yield found, ()
        for found in group:  # a number of layers or steps may be written into the functions
            for symbol in found.symbols:
                if len(found.symbols) > 1:
                    yield found, (symbol,)
        for found in group:
            symbols = list(found.symbols)
            others = tuple(s for s in symbols if s not in (found.batch, found.classes))
            if others and found.classes is not None:
                yield found, others
            if found.batch is not None:
                yield found, tuple(symbol for symbol in symbols if symbol != found.batch)
    for found in rows:
        yield found, tuple(symbol for symbol in found.symbols if symbol != found.batch)
    yield sizes[-1], tuple(sizes[-1].symbols)
