"""Rules of vector and matrix norms.

A norm has a kink at zero; there the derivative is 0. Ties of the largest or smallest entry, row
sum, column sum or singular value share equally.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.engine.primitive import call, composite, primitive
from chainrule.engine.rules.arguments import Bound, kept, numbers_only
from chainrule.engine.rules.own import static_axis


def _norm_rule(g: Any, y: Any, x: Any, *, ord: Any, axis: Any, keepdims: bool) -> Any:
    if axis is None and ord is not None and np.ndim(x) == 2:
        axis = (0, 1)
    if ord is None or ord in ("fro", "f") or (ord == 2 and not _of_matrix(axis)):
        if issubclass(type(y), np.floating) and y != 0:
            return x * (g / y)
        return _euclidean(kept(g, x.shape, axis, keepdims), kept(y, x.shape, axis, keepdims), x)
    g = kept(g, x.shape, axis, keepdims)
    y = kept(y, x.shape, axis, keepdims)
    if _of_matrix(axis):
        return _matrix_rule(g, y, x, ord, axis)
    along = tuple(range(x.ndim)) if axis is None else axis
    if ord == 1:
        return g * np.sign(x)
    if abs(ord) == np.inf:
        return g * _shared(np.abs(x) == y, along) * np.sign(x)
    inside = (x == 0) | (y == 0)
    ratio = np.abs(np.where(inside, 1, x)) / np.where(y == 0, 1, y)
    return g * np.where(inside, 0, np.sign(x) * ratio ** (ord - 1))


def _of_matrix(axis: Any) -> bool:
    return type(axis) is tuple and len(axis) == 2


def _euclidean(g: Any, y: Any, x: Any) -> Any:
    """x/|x|, and 0 at 0."""
    at_zero = y == 0
    return x * np.where(at_zero, 0, g / np.where(at_zero, 1, y))


def _shared(attained: Any, axis: Any) -> Any:
    """Equal shares for the entries that attain an extremum."""
    return attained / np.sum(attained, axis=axis, keepdims=True)


def _matrix_rule(g: Any, y: Any, x: Any, ord: Any, axis: tuple[int, int]) -> Any:
    rows, columns = axis
    if ord in (1, -1, np.inf, -np.inf):
        summed, compared = (rows, columns) if abs(ord) == 1 else (columns, rows)
        sums = np.sum(np.abs(x), axis=summed, keepdims=True)
        # compared with its own extremum: y may have been summed in another order
        extremum = np.max if ord > 0 else np.min
        attained = sums == extremum(sums, axis=compared, keepdims=True)
        return g * _shared(attained, compared) * np.sign(x)
    last = (x.ndim - 2, x.ndim - 1)
    matrices = x if axis == last else np.moveaxis(x, axis, last)
    u, s, vh = np.linalg.svd(matrices, full_matrices=False)
    positive = s > 4 * np.finfo(s.dtype).eps * np.sum(s, axis=-1, keepdims=True)
    if ord == "nuc":
        weights = positive
    else:
        extremum = np.max if ord > 0 else np.min
        weights = _shared(s == extremum(s, axis=-1, keepdims=True), -1) * positive
    direction = (u * weights.astype(x.dtype)[..., None, :]) @ vh
    return g * (direction if axis == last else np.moveaxis(direction, last, axis))


_SUBSCRIPTS = {
    None: "", "fro": "_F", "f": "_F", "nuc": "_*", np.inf: r"_\infty", -np.inf: r"_{-\infty}",
}  # fmt: skip


@primitive(
    np.linalg.norm,
    name="linalg.norm",
    rules=(_norm_rule,),
    latex=lambda x, ord=None, **_: rf"\left\| {x} \right\|{_SUBSCRIPTS.get(ord, f'_{{{ord}}}')}",
    cases=(
        lambda draw: call(draw(4)),
        lambda draw: call(draw(3, 4)),
        lambda draw: call(draw(2, 3, 2), keepdims=True),
        lambda draw: call(draw(3, 4), axis=0),
        lambda draw: call(draw(3, 4), axis=-1, keepdims=True),
        lambda draw: call(draw(3, 4), ord="fro"),
        lambda draw: call(draw(2, 3, 4), axis=(2, 0)),
        lambda draw: call(draw(2, 3, 4), axis=(-1, 0), keepdims=True),
        lambda draw: call(draw.distinct(4), ord=2),
        lambda draw: call(draw.distinct(4), ord=1),
        lambda draw: call(draw.distinct(3, 4), ord=1, axis=1),
        lambda draw: call(draw.distinct(3, 4), ord=np.inf, axis=1),
        lambda draw: call(draw.distinct(5), ord=-np.inf),
        lambda draw: call(draw(4, low=0.5, high=2.0), ord=3),
        lambda draw: call(-draw(3, 4, low=0.5, high=2.0), ord=1.5, axis=0),
        lambda draw: call(draw(3, 4, low=0.5, high=2.0), ord=-2, axis=0, keepdims=True),
        lambda draw: call(draw.distinct(3, 4), ord=1),
        lambda draw: call(draw.distinct(3, 4), ord=-1),
        lambda draw: call(draw.distinct(3, 4), ord=np.inf),
        lambda draw: call(draw.distinct(2, 3, 4), ord=-np.inf, axis=(2, 1)),
        lambda draw: call(draw.distinct(2, 3, 4), ord=np.inf, axis=(0, 2), keepdims=True),
        lambda draw: call(draw(3, 4), ord=2),
        lambda draw: call(draw(4, 3), ord=-2),
        lambda draw: call(draw(3, 3), ord="nuc"),
        lambda draw: call(draw(3, 2, 4), ord="nuc", axis=(2, 0), keepdims=True),
    ),
)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Bound:
    setting = numbers_only("linalg.norm", ord=ord)
    if ord is not None and not isinstance(ord, str) and ord == 0:
        raise TypeError("ord=0 counts nonzero entries; use np.count_nonzero")
    return (x,), {**setting, "axis": static_axis(axis), "keepdims": bool(keepdims)}


@composite(np.linalg.vector_norm)
def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    shape = np.shape(x)
    if axis is None:
        flat = np.linalg.norm(np.ravel(x), ord, 0)
        return np.reshape(flat, (1,) * len(shape)) if keepdims else flat
    if not isinstance(axis, tuple):
        return np.linalg.norm(x, ord, axis, keepdims)
    axes = np.lib.array_utils.normalize_axis_tuple(axis, len(shape))
    rest = [k for k in range(len(shape)) if k not in axes]
    flat = np.reshape(np.transpose(x, (*axes, *rest)), (-1, *[shape[k] for k in rest]))
    found = np.linalg.norm(flat, ord, 0)
    if not keepdims:
        return found
    return np.reshape(found, [1 if k in axes else n for k, n in enumerate(shape)])


@composite(np.linalg.matrix_norm)
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    return np.linalg.norm(x, ord, (-2, -1), keepdims)


@composite(np.linalg.cond)
def cond(x: Any, p: Any = None) -> Any:
    if p is None or p in (2, -2):
        s = np.linalg.svdvals(x)
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    inverse = np.linalg.inv(x)
    return np.linalg.norm(x, p, (-2, -1)) * np.linalg.norm(inverse, p, (-2, -1))
