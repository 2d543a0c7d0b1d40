"""Pooling of images and embedding lookup: functions of networks that pick and move numbers.

Images are arrays of shape (batch, channels, height, width). Every rule is another primitive of this
file, so that derivatives of any order are again these few.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.engine.errors import InvalidInput
from chainrule.engine.graph import dtype_of, shape_of
from chainrule.engine.location import here
from chainrule.engine.primitive import ZERO, call, primitive
from chainrule.engine.rules.arguments import Bound
from chainrule.engine.rules.network import (
    Size,
    both,
    checked_images,
    checked_size,
    count_windows,
    cropped,
    padded,
    source_of,
    window_offsets,
)
from chainrule.engine.rules.own import own
from chainrule.engine.tracing import Traced, record

_HERE = "chainrule.engine.rules.pooling."


def _bind_pooling(function: str, x: Any, size: Any, stride: Any, padding: Any) -> Bound:
    x = checked_images(x, function)
    size = checked_size(size, "size", 1)
    params = {
        "size": size,
        "stride": size if stride is None else checked_size(stride, "stride", 1),
        "padding": checked_size(padding, "padding", 0),
    }
    if any(2 * p > k for p, k in zip(both(params["padding"]), both(size), strict=True)):
        raise InvalidInput(
            f"padding must be at most half of size={size}, so that every window holds a pixel; got "
            f"{padding} at {here()}."
        )
    if min(count_windows(x.shape, *params.values())) < 1:
        raise InvalidInput(
            f"windows of size={size} do not fit into x {x.shape} with padding={padding} at "
            f"{here()}."
        )
    return (x,), params


# --- maximum --------------------------------------------------------------------------------------


def max_pool2d(x: Any, size: Any, stride: Any = None, padding: Any = 0) -> Any:
    """The largest pixel of every window.

    Parameters
    ----------
    x : array, shape (batch, channels, height, width)
    size : int or pair of int
        Height and width of the windows.
    stride : int or pair of int, optional
        Step between windows; ``size`` by default. Windows that do not fit are left out.
    padding : int or pair of int
        Rows and columns of -inf added on each side, at most half of ``size``.

    Returns
    -------
    array, shape (batch, channels, output height, output width)
        With output height (height + 2 padding - size) // stride + 1.

    Raises
    ------
    InvalidInput
        ``x`` has no four axes, or no window fits.

    Notes
    -----
    Of equal largest pixels the first of the window, row by row, takes the whole cotangent, as in
    other network libraries (`numpy.max` shares it equally).
    """
    operands, params = _bind_max_pool2d(x, size, stride, padding)
    return record(MAX_POOL2D, operands, params)


def _bind_max_pool2d(x: Any, size: Any, stride: Any = None, padding: Any = 0) -> Bound:
    return _bind_pooling("max_pool2d", x, size, stride, padding)


@own("max_pool2d")
def _max_pool2d(x: Any, *, size: Size, stride: Size, padding: Size) -> Any:
    counts = count_windows(x.shape, size, stride, padding)
    x = padded(x, padding, -np.inf)
    result: Any = None
    for index in window_offsets(size, stride, counts):
        result = x[index].copy() if result is None else np.maximum(result, x[index], out=result)
    return result


@own("max_pool2d_positions")
def max_pool2d_positions(x: Any, *, size: Size, stride: Size, padding: Size) -> Any:
    """The number of the first largest pixel within each window; a NaN counts as largest."""
    largest = _max_pool2d(x, size=size, stride=stride, padding=padding)
    x = padded(x, padding, -np.inf)
    some_nan = bool(np.any(np.isnan(largest)))
    found = np.zeros(largest.shape, bool)
    result = np.zeros(largest.shape, np.min_scalar_type(math.prod(both(size))))
    for index in window_offsets(size, stride, largest.shape[2:]):
        found |= x[index] == largest
        if some_nan:
            found |= np.isnan(x[index])
        result += ~found
    return result


def _masked(values: Any, mask: Any, all_finite: bool) -> Any:
    # a product is several times as fast as np.where, but infinity times zero is NaN
    return values * mask if all_finite else np.where(mask, values, 0)


@own("scatter_windows")
def scatter_windows(
    g: Any, positions: Any, *, shape: tuple[int, ...], size: Size, stride: Size, padding: Size
) -> Any:
    """Add one number per window to the pixel at the recorded position."""
    all_finite = bool(np.all(np.isfinite(g)))
    result = padded(np.zeros(shape, g.dtype), padding)
    for number, index in enumerate(window_offsets(size, stride, g.shape[2:])):
        result[index] += _masked(g, positions == number, all_finite)
    return cropped(result, padding)


@own("gather_windows")
def gather_windows(x: Any, positions: Any, *, size: Size, stride: Size, padding: Size) -> Any:
    """The pixel at the recorded position of every window."""
    x = padded(x, padding)
    all_finite = bool(np.all(np.isfinite(x)))
    result = np.zeros(positions.shape, x.dtype)
    for number, index in enumerate(window_offsets(size, stride, positions.shape[2:])):
        result += _masked(x[index], positions == number, all_finite)
    return result


_POOLINGS = (
    lambda draw: call(draw.distinct(2, 3, 4, 6), 2),
    lambda draw: call(draw.distinct(2, 1, 5, 7), (2, 3), stride=(1, 2)),
    lambda draw: call(draw.distinct(1, 2, 5, 5), 3, stride=2, padding=1),
    lambda draw: call(draw.distinct(1, 2, 5, 5), 2, stride=3),
    lambda draw: call(draw.distinct(1, 1, 2, 3), (2, 3)),
)

MAX_POOL2D = primitive(
    name="max_pool2d",
    evaluate=_max_pool2d,
    rules=(
        lambda g, y, x, **params: scatter_windows(
            g, max_pool2d_positions(x, **params), shape=x.shape, **params
        ),
    ),
    source=source_of("chainrule.max_pool2d"),
    cases=_POOLINGS,
)(_bind_max_pool2d)

primitive(
    name="max_pool2d_positions",
    evaluate=max_pool2d_positions,
    rules=(ZERO,),
    source=source_of(_HERE + "max_pool2d_positions"),
    cases=_POOLINGS,
)(_bind_max_pool2d)

_WINDOWS = {"size": (3, 2), "stride": (2, 1), "padding": (1, 0)}

primitive(
    name="scatter_windows",
    evaluate=scatter_windows,
    rules=(
        lambda g, y, u, positions, *, shape, **params: gather_windows(g, positions, **params),
        ZERO,
    ),
    source=source_of(_HERE + "scatter_windows"),
    cases=(
        lambda draw: call(
            draw(2, 1, 3, 3), draw.integers(6, 2, 1, 3, 3), shape=(2, 1, 5, 4), **_WINDOWS
        ),
    ),
)(lambda g, positions, **params: ((g, positions), params))

primitive(
    name="gather_windows",
    evaluate=gather_windows,
    rules=(
        lambda g, y, x, positions, **params: scatter_windows(g, positions, shape=x.shape, **params),
        ZERO,
    ),
    source=source_of(_HERE + "gather_windows"),
    cases=(lambda draw: call(draw(2, 1, 5, 4), draw.integers(6, 2, 1, 3, 3), **_WINDOWS),),
)(lambda x, positions, **params: ((x, positions), params))

# --- mean -----------------------------------------------------------------------------------------


def avg_pool2d(x: Any, size: Any, stride: Any = None, padding: Any = 0) -> Any:
    """The mean of every window, in which the pixels of the padding count as zeros.

    Parameters
    ----------
    x : array, shape (batch, channels, height, width)
    size : int or pair of int
        Height and width of the windows.
    stride : int or pair of int, optional
        Step between windows; ``size`` by default. Windows that do not fit are left out.
    padding : int or pair of int
        Rows and columns of zeros added on each side, at most half of ``size``.

    Returns
    -------
    array, shape (batch, channels, output height, output width)
        With output height (height + 2 padding - size) // stride + 1.

    Raises
    ------
    InvalidInput
        ``x`` has no four axes, or no window fits.
    """
    operands, params = _bind_avg_pool2d(x, size, stride, padding)
    return record(AVG_POOL2D, operands, params)


def _bind_avg_pool2d(x: Any, size: Any, stride: Any = None, padding: Any = 0) -> Bound:
    return _bind_pooling("avg_pool2d", x, size, stride, padding)


@own("avg_pool2d")
def _avg_pool2d(x: Any, *, size: Size, stride: Size, padding: Size) -> Any:
    counts = count_windows(x.shape, size, stride, padding)
    x = padded(x, padding)
    result = np.zeros((*x.shape[:2], *counts), x.dtype)
    for index in window_offsets(size, stride, counts):
        result += x[index]
    return result / math.prod(both(size))


@own("spread_windows")
def spread_windows(
    g: Any, *, shape: tuple[int, ...], size: Size, stride: Size, padding: Size
) -> Any:
    """Add an equal share of one number per window to each of the window's pixels."""
    result = padded(np.zeros(shape, g.dtype), padding)
    share = g / math.prod(both(size))
    for index in window_offsets(size, stride, g.shape[2:]):
        result[index] += share
    return cropped(result, padding)


AVG_POOL2D = primitive(
    name="avg_pool2d",
    evaluate=_avg_pool2d,
    rules=(lambda g, y, x, **params: spread_windows(g, shape=x.shape, **params),),
    source=source_of("chainrule.avg_pool2d"),
    cases=_POOLINGS,
)(_bind_avg_pool2d)

primitive(
    name="spread_windows",
    evaluate=spread_windows,
    rules=(lambda g, y, u, *, shape, **params: _avg_pool2d(g, **params),),
    source=source_of(_HERE + "spread_windows"),
    cases=(lambda draw: call(draw(2, 1, 3, 3), shape=(2, 1, 5, 4), **_WINDOWS),),
)(lambda g, **params: ((g,), params))

# --- embedding lookup -----------------------------------------------------------------------------


def embedding(table: Any, indices: Any) -> Any:
    """Rows of a table, such as the vectors of words.

    Parameters
    ----------
    table : array, shape (rows, features)
    indices : integer array of any shape
        Numbers of rows, from 0 to rows - 1.

    Returns
    -------
    array, shape (*indices.shape, features)

    Raises
    ------
    InvalidInput
        A table that is no matrix, indices that are not integers, or a row that does not exist.
    """
    operands, params = _bind_embedding(table, indices)
    return record(EMBEDDING, operands, params)


def _bind_embedding(table: Any, indices: Any) -> Bound:
    if len(shape_of(table)) != 2:
        raise InvalidInput(
            f"embedding needs a table of shape (rows, features), got {shape_of(table)} at {here()}."
        )
    if not isinstance(indices, (np.ndarray, Traced)):
        indices = np.asarray(indices)
    if dtype_of(indices).kind not in "iu":
        raise InvalidInput(
            f"embedding needs integer indices, got {dtype_of(indices)} at {here()}; convert them "
            f"with .astype(int)."
        )
    return (table, indices), {}


@own("embedding")
def _embedding(table: Any, indices: Any) -> Any:
    rows = table.shape[0]
    if indices.size and not (indices.min() >= 0 and indices.max() < rows):
        wrong = indices[(indices < 0) | (indices >= rows)][0]
        raise InvalidInput(f"index {wrong} is outside of the table of {rows} rows at {here()}.")
    return table[indices]


@own("embedding_gradient")
def embedding_gradient(g: Any, indices: Any, *, rows: int) -> Any:
    result = np.zeros((rows, g.shape[-1]), g.dtype)
    _add_rows(result, g, indices)
    return result


def _add_rows(table: Any, g: Any, indices: Any) -> None:
    """Add rows into a table; equal indices are summed first, which is faster than ``np.add.at``."""
    flat = np.ravel(indices)
    if not flat.size:
        return
    order = np.argsort(flat, kind="stable")
    ordered = flat[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    table[ordered[starts]] += np.add.reduceat(np.reshape(g, (flat.size, -1))[order], starts, axis=0)


EMBEDDING = primitive(
    name="embedding",
    evaluate=_embedding,
    rules=(
        lambda g, y, table, indices: embedding_gradient(g, indices, rows=table.shape[0]),
        ZERO,
    ),
    accumulate=lambda buffer, g, table, indices: _add_rows(buffer, g, indices),
    source=source_of("chainrule.embedding"),
    cases=(
        lambda draw: call(draw(5, 3), draw.integers(5, 4)),
        lambda draw: call(draw(5, 3), draw.integers(5, 2, 7)),
        lambda draw: call(draw(5, 3), np.int64(2)),
        lambda draw: call(draw(5, 3), np.zeros((0, 2), int)),
    ),
)(_bind_embedding)

primitive(
    name="embedding_gradient",
    evaluate=embedding_gradient,
    rules=(lambda g, y, u, indices, *, rows: _embedding(g, indices), ZERO),
    source=source_of(_HERE + "embedding_gradient"),
    cases=(lambda draw: call(draw(2, 4, 3), draw.integers(5, 2, 4), rows=5),),
)(lambda g, indices, **params: ((g, indices), params))
