"""Convolution of images, and what it shares with pooling: windows, padding, checks of arguments.

Images are arrays of shape (batch, channels, height, width). A convolution is bilinear, so the rules
of its three primitives are each other and derivatives of any order are again these three products.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from chainrule.engine.errors import InvalidInput
from chainrule.engine.graph import dtype_of, shape_of
from chainrule.engine.location import here
from chainrule.engine.primitive import call, primitive
from chainrule.engine.rules.arguments import Bound
from chainrule.engine.rules.own import own
from chainrule.engine.tracing import Traced, record

Size = int | tuple[int, int]  # of height and width, one number where they are equal

_COLUMN_BYTES = 2**23  # unfolded at a time: bounds the memory, and stays in the cache
_SMALL_IMAGE = 64  # pixels, below which one product over the batch beats one product per image
_ROWS = 16  # of a product of matrices, below which several offsets of the kernel share one


def checked_size(value: Any, name: str, least: int) -> Size:
    """A size argument, or an error that names it."""
    try:
        pair = [operator.index(k) for k in ((value, value) if np.ndim(value) == 0 else value)]
    except TypeError:
        pair = []
    if len(pair) != 2 or min(pair) < least:
        raise InvalidInput(
            f"{name} must be one or two integers >= {least}, got {value!r} at {here()}."
        )
    return pair[0] if pair[0] == pair[1] else (pair[0], pair[1])


def both(size: Size) -> tuple[int, int]:
    """A size as height and width."""
    return (size, size) if isinstance(size, int) else size


def checked_images(x: Any, function: str) -> Any:
    """An array of images, or an error that says what was given instead."""
    x = x if isinstance(x, (np.ndarray, Traced)) else np.asarray(x)
    if len(x.shape) != 4 or dtype_of(x).kind != "f":
        raise InvalidInput(
            f"{function} needs floating-point images of shape (batch, channels, height, width), "
            f"got {dtype_of(x)}{list(x.shape)} at {here()}."
        )
    return x


def count_windows(
    shape: tuple[int, ...], window: Size, stride: Size, padding: Size, dilation: Size = 1
) -> tuple[int, int]:
    """How many windows fit below each other and side by side."""
    rows, columns = (
        (size + 2 * p - d * (k - 1) - 1) // s + 1
        for size, k, s, p, d in zip(
            shape[2:], both(window), both(stride), both(padding), both(dilation), strict=True
        )
    )
    return rows, columns


def window_offsets(
    window: Size, stride: Size, counts: Any, dilation: Size = 1
) -> Iterator[tuple[Any, ...]]:
    """For every offset in the window, the index of the pixels that stand there, one per window."""
    (height, width), (sy, sx), (dy, dx) = both(window), both(stride), both(dilation)
    for top in range(0, height * dy, dy):
        for left in range(0, width * dx, dx):
            rows = slice(top, top + sy * (counts[0] - 1) + 1, sy)
            yield ..., rows, slice(left, left + sx * (counts[1] - 1) + 1, sx)


def padded(x: Any, padding: Size, value: float = 0.0) -> Any:
    """Images with rows and columns of ``value`` around them."""
    above, left = both(padding)
    if above == left == 0:
        return x
    n, c, height, width = x.shape
    result = np.full((n, c, height + 2 * above, width + 2 * left), value, x.dtype)
    result[:, :, above : above + height, left : left + width] = x
    return result


def cropped(x: Any, padding: Size) -> Any:
    """Images without the rows and columns around them."""
    above, left = both(padding)
    return x[:, :, above : x.shape[2] - above, left : x.shape[3] - left]


def source_of(function: str) -> Any:
    """Source notation of a function that is not NumPy's, without the defaults."""

    def source(*operands: str, **params: Any) -> str:
        given = [f"{name}={value!r}" for name, value in params.items()]
        return f"{function}({', '.join([*operands, *given])})"

    return source


# --- convolution ----------------------------------------------------------------------------------


def conv2d(
    x: Any, w: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Convolution of images with filters (cross-correlation, as in all network libraries).

    Parameters
    ----------
    x : array, shape (batch, channels, height, width)
    w : array, shape (filters, channels / groups, kernel height, kernel width)
    stride, padding, dilation : int or pair of int
        Step between windows, rows and columns of zeros added on each side, and spacing of the
        kernel's pixels, for height and width.
    groups : int
        Channels and filters are split into so many groups, each convolved on its own.

    Returns
    -------
    array, shape (batch, filters, output height, output width)
        With output height (height + 2 padding - dilation (kernel height - 1) - 1) // stride + 1.

    Raises
    ------
    InvalidInput
        Shapes that do not fit each other, or a kernel larger than the padded image.

    Notes
    -----
    Dumoulin & Visin, "A guide to convolution arithmetic for deep learning" (2016), relationship 15.
    """
    operands, params = _bind_conv2d(x, w, stride, padding, dilation, groups)
    return record(CONV2D, operands, params)


def _bind_conv2d(
    x: Any, w: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Bound:
    x = checked_images(x, "conv2d")
    w = w if isinstance(w, (np.ndarray, Traced)) else np.asarray(w)
    params: dict[str, Any] = {
        "stride": checked_size(stride, "stride", 1),
        "padding": checked_size(padding, "padding", 0),
        "dilation": checked_size(dilation, "dilation", 1),
    }
    if len(w.shape) != 4 or min(w.shape) == 0:
        raise InvalidInput(
            f"conv2d needs w of shape (filters, channels / groups, kernel height, kernel width), "
            f"got {w.shape} at {here()}."
        )
    if type(groups) is not int or groups < 1 or w.shape[0] % groups:
        raise InvalidInput(
            f"groups must divide the {w.shape[0]} filters of w, got {groups!r} at {here()}."
        )
    if x.shape[1] != w.shape[1] * groups:
        raise InvalidInput(
            f"x of shape {x.shape} has {x.shape[1]} channels, but w of shape {w.shape} with "
            f"groups={groups} takes {w.shape[1] * groups} at {here()}."
        )
    if min(count_windows(x.shape, w.shape[2:], **params)) < 1:
        raise InvalidInput(
            f"the kernel of w {w.shape} does not fit into x {x.shape} with padding={padding} and "
            f"dilation={dilation} at {here()}."
        )
    return (x, w), {**params, "groups": groups}


def _windows(x: Any, kernel: Size, stride: Size, padding: Size, dilation: Size) -> Any:
    """A view of shape (batch, channels, *kernel, output height, output width)."""
    counts = count_windows(x.shape, kernel, stride, padding, dilation)
    (sy, sx), (dy, dx) = both(stride), both(dilation)
    x = padded(x, padding)
    n, c, row, column = x.strides
    shape = (*x.shape[:2], *both(kernel), *counts)
    strides = (n, c, row * dy, column * dx, row * sy, column * sx)
    return as_strided(x, shape, strides, writeable=False)


def _columns_by_image(windows: Any, groups: int) -> Iterator[tuple[slice, Any]]:
    """Windows as columns, (images, groups, window size, windows), for a few images at a time."""
    n, *rest = windows.shape
    step = max(1, _COLUMN_BYTES // (math.prod(rest) * windows.itemsize))
    for start in range(0, n, step):
        part = windows[start : start + step]
        yield slice(start, start + step), part.reshape(len(part), groups, -1, rest[-2] * rest[-1])


def _columns_of_batch(windows: Any, groups: int) -> Any:
    """Windows of all images as columns, (groups, window size, images x windows)."""
    n, *_, rows, columns = windows.shape
    return windows.transpose(1, 2, 3, 0, 4, 5).reshape(groups, -1, n * rows * columns)


@own("conv2d")
def _conv2d(
    x: Any, w: Any, stride: Size = 1, padding: Size = 0, dilation: Size = 1, groups: int = 1
) -> Any:
    windows = _windows(x, w.shape[2:], stride, padding, dilation)
    n, *_, rows, columns = windows.shape
    filters = w.shape[0]
    matrix = w.reshape(groups, filters // groups, -1)
    if rows * columns <= _SMALL_IMAGE // 4:
        product = matrix @ _columns_of_batch(windows, groups)
        return np.ascontiguousarray(product.reshape(filters, n, rows, columns).swapaxes(0, 1))
    result = np.empty((n, groups, filters // groups, rows * columns), np.result_type(x, w))
    for images, unfolded in _columns_by_image(windows, groups):
        np.matmul(matrix, unfolded, out=result[images])
    return result.reshape(n, filters, rows, columns)


@own("conv2d_input_gradient")
def conv2d_input_gradient(
    g: Any,
    w: Any,
    size: Size,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Any:
    """The cotangent of images of a ``size`` from that of their convolution with ``w``."""
    n, filters, *counts = g.shape
    per_group, kernel = w.shape[1], w.shape[2:]
    rows = w.reshape(groups, filters // groups, per_group, *kernel).transpose(0, 3, 4, 2, 1)
    rows = np.ascontiguousarray(rows).reshape(groups, -1, filters // groups)
    pixels = g.reshape(n, groups, filters // groups, counts[0] * counts[1])
    height, width = (k + 2 * p for k, p in zip(both(size), both(padding), strict=True))
    result = np.zeros((n, groups, per_group, height, width), np.result_type(g, w))
    offsets = list(window_offsets(kernel, stride, counts, dilation))
    step = max(1, _ROWS // per_group)
    for start in range(0, len(offsets), step):
        some = offsets[start : start + step]
        product = rows[:, start * per_group : (start + len(some)) * per_group] @ pixels
        parts = product.reshape(n, groups, len(some), per_group, *counts)
        for k, index in enumerate(some):
            result[index] += parts[:, :, k]
    return cropped(result.reshape(n, groups * per_group, height, width), padding)


@own("conv2d_weight_gradient")
def conv2d_weight_gradient(
    g: Any,
    x: Any,
    kernel: Size,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Any:
    """The cotangent of filters with a ``kernel`` size from that of their convolution with ``x``."""
    n, filters, rows, columns = g.shape
    windows = _windows(x, kernel, stride, padding, dilation)
    per_group = x.shape[1] // groups
    shape = (filters, per_group, *both(kernel))
    if rows * columns <= _SMALL_IMAGE:
        pixels = g.swapaxes(0, 1).reshape(groups, filters // groups, -1)
        return (pixels @ _columns_of_batch(windows, groups).mT).reshape(shape)
    pixels = g.reshape(n, groups, filters // groups, rows * columns)
    result = np.zeros((groups, filters // groups, math.prod(shape[1:])), np.result_type(g, x))
    for images, unfolded in _columns_by_image(windows, groups):
        result += np.sum(pixels[images] @ unfolded.mT, axis=0)
    return result.reshape(shape)


def _size_of(x: Any) -> Size:
    height, width = x.shape[2:]
    return height if height == width else (height, width)


CONV2D = primitive(
    name="conv2d",
    evaluate=_conv2d,
    rules=(
        lambda g, y, x, w, **params: conv2d_input_gradient(g, w, size=_size_of(x), **params),
        lambda g, y, x, w, **params: conv2d_weight_gradient(g, x, kernel=_size_of(w), **params),
    ),
    latex="{0} * {1}",
    source=source_of("chainrule.conv2d"),
    cases=(
        lambda draw: call(draw(2, 3, 5, 6), draw(4, 3, 3, 2)),
        lambda draw: call(draw(2, 2, 7, 6), draw(4, 2, 3, 3), stride=2, padding=1),
        lambda draw: call(draw(1, 2, 8, 7), draw(3, 2, 2, 3), stride=(1, 2), dilation=(3, 2)),
        lambda draw: call(draw(2, 4, 5, 5), draw(6, 2, 3, 3), padding=(2, 0), groups=2),
        lambda draw: call(draw(2, 3, 4, 4), draw(3, 1, 2, 2), groups=3),
        lambda draw: call(draw(3, 2, 3, 3), draw(2, 2, 3, 3)),
        lambda draw: call(draw(1, 1, 10, 9), draw(2, 1, 1, 1)),
        lambda draw: call(draw(2, 1, 10, 12), draw(2, 1, 3, 3), padding=1),
    ),
)(_bind_conv2d)

_OPTIONS: dict[str, Any] = {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 2), "groups": 2}


@primitive(
    evaluate=conv2d_input_gradient,
    rules=(
        lambda g, y, u, w, *, size, **params: _conv2d(g, w, **params),
        lambda g, y, u, w, *, size, **params: conv2d_weight_gradient(
            u, g, kernel=_size_of(w), **params
        ),
    ),
    name="conv2d_input_gradient",
    source=source_of("chainrule.engine.rules.network.conv2d_input_gradient"),
    cases=(
        lambda draw: call(draw(2, 4, 3, 2), draw(4, 1, 3, 2), size=(5, 4), **_OPTIONS),
        lambda draw: call(draw(2, 3, 4, 4), draw(3, 2, 2, 2), size=5),
    ),
)
def _bind_input_gradient(
    g: Any,
    w: Any,
    size: Size,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Bound:
    return (g, w), {
        "size": size, "stride": stride, "padding": padding, "dilation": dilation, "groups": groups,
    }  # fmt: skip


@primitive(
    evaluate=conv2d_weight_gradient,
    rules=(
        lambda g, y, u, x, *, kernel, **params: _conv2d(x, g, **params),
        lambda g, y, u, x, *, kernel, **params: conv2d_input_gradient(
            u, g, size=_size_of(x), **params
        ),
    ),
    name="conv2d_weight_gradient",
    source=source_of("chainrule.engine.rules.network.conv2d_weight_gradient"),
    cases=(
        lambda draw: call(draw(2, 4, 3, 2), draw(2, 2, 5, 4), kernel=(3, 2), **_OPTIONS),
        lambda draw: call(draw(2, 3, 9, 9), draw(2, 2, 10, 10), kernel=2),
    ),
)
def _bind_weight_gradient(
    g: Any,
    x: Any,
    kernel: Size,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Bound:
    return (g, x), {
        "kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation,
        "groups": groups,
    }  # fmt: skip


def conv1d(
    x: Any, w: Any, stride: int = 1, padding: int = 0, dilation: int = 1, groups: int = 1
) -> Any:
    """Convolution of sequences with filters, as `conv2d` of images of height one.

    Parameters
    ----------
    x : array, shape (batch, channels, length)
    w : array, shape (filters, channels / groups, kernel length)
    stride, padding, dilation, groups : int
        As for `conv2d`.

    Returns
    -------
    array, shape (batch, filters, output length)

    Raises
    ------
    InvalidInput
        Shapes that do not fit each other, or a kernel longer than the padded sequence.
    """
    for name, array in (("x", x), ("w", w)):
        if len(shape_of(array)) != 3:
            raise InvalidInput(
                f"conv1d needs {name} with three axes, got shape {shape_of(array)} at {here()}."
            )
    (n, channels, length), (filters, per_group, size) = shape_of(x), shape_of(w)
    image = np.reshape(x, (n, channels, 1, length))
    kernel = np.reshape(w, (filters, per_group, 1, size))
    found = conv2d(image, kernel, (1, stride), (0, padding), (1, dilation), groups)
    return np.reshape(found, (n, filters, found.shape[-1]))
