"""Rules of functions that join, repeat, pad and split arrays."""

from __future__ import annotations

import itertools
import operator
from typing import Any

import numpy as np

from chainrule.engine.errors import UnsupportedArgument
from chainrule.engine.graph import shape_of
from chainrule.engine.location import here
from chainrule.engine.primitive import call, composite, primitive
from chainrule.engine.rules.arguments import Bound
from chainrule.engine.rules.indexing import SCATTER
from chainrule.engine.rules.own import along, positive_axis, static_axis
from chainrule.engine.tracing import Slot, Traced, record

# --- joining --------------------------------------------------------------------------------------


def _concatenate_rules(position: int, g: Any, y: Any, *arrays: Any, axis: int | None) -> Any:
    shape = shape_of(arrays[position])
    if axis is None:
        start = sum(np.size(x) for x in arrays[:position])
        return np.reshape(g[start : start + np.size(arrays[position])], shape)
    axis = axis % len(shape)
    start = sum(shape_of(x)[axis] for x in arrays[:position])
    return g[along(axis, slice(start, start + shape[axis]))]


@primitive(
    np.concatenate,
    rules=_concatenate_rules,
    evaluate=lambda *arrays, axis: np.concatenate(arrays, axis=axis),
    cases=(
        lambda draw: call((draw(2, 3), draw(1, 3))),
        lambda draw: call([draw(2, 3), draw(2, 1), np.ones((2, 2))], axis=-1),
        lambda draw: call((draw(2, 3), draw(2)), axis=None),
        lambda draw: call((draw(0, 3), draw(1, 3))),
        lambda draw: call((draw(3),)),
    ),
)
def concatenate(arrays: Any, /, axis: Any = 0) -> Bound:
    return tuple(arrays), {"axis": static_axis(axis)}


def _stack_rules(position: int, g: Any, y: Any, *arrays: Any, axis: int) -> Any:
    return g[along(axis % np.ndim(g), position)]


@primitive(
    np.stack,
    rules=_stack_rules,
    evaluate=lambda *arrays, axis: np.stack(arrays, axis=axis),
    cases=(
        lambda draw: call((draw(), draw())),
        lambda draw: call([draw(3), draw(3)], axis=1),
        lambda draw: call((draw(2, 3), draw(2, 3)), axis=-2),
        lambda draw: call(draw(2, 3)),
    ),
)
def stack(arrays: Any, axis: Any = 0) -> Bound:
    return tuple(arrays), {"axis": static_axis(axis)}


@composite(np.hstack)
def hstack(tup: Any) -> Any:
    arrays = [np.atleast_1d(x) for x in tup]
    return np.concatenate(arrays, axis=0 if arrays and np.ndim(arrays[0]) == 1 else 1)


@composite(np.vstack)
def vstack(tup: Any) -> Any:
    return np.concatenate([np.atleast_2d(x) for x in tup], axis=0)


@composite(np.dstack)
def dstack(tup: Any) -> Any:
    return np.concatenate([np.atleast_3d(x) for x in tup], axis=2)


@composite(np.column_stack)
def column_stack(tup: Any) -> Any:
    columns = [x if np.ndim(x) >= 2 else np.reshape(x, (np.size(x), 1)) for x in tup]
    return np.concatenate(columns, axis=1)


@composite(np.append)
def append(arr: Any, values: Any, axis: Any = None) -> Any:
    if axis is None:
        return np.concatenate((np.ravel(arr), np.ravel(values)))
    return np.concatenate((arr, values), axis=axis)


@composite(np.block)
def block(arrays: Any) -> Any:
    depth = _depth(arrays)
    ndim = max(depth, _most_axes(arrays))
    return _join_blocks(arrays, -depth, ndim) if depth else np.copy(arrays)


def _depth(arrays: Any) -> int:
    if isinstance(arrays, tuple):
        raise TypeError(f"np.block takes nested lists, got a tuple at {here()}.")
    if not isinstance(arrays, list):
        return 0
    depths = {_depth(part) for part in arrays}
    if len(depths) != 1:
        raise ValueError(
            f"np.block: the lists must be nested equally deep and not empty at {here()}."
        )
    return 1 + depths.pop()


def _most_axes(arrays: Any) -> int:
    return max(map(_most_axes, arrays)) if isinstance(arrays, list) else np.ndim(arrays)


def _join_blocks(arrays: Any, axis: int, ndim: int) -> Any:
    if isinstance(arrays, list):
        return np.concatenate([_join_blocks(part, axis + 1, ndim) for part in arrays], axis=axis)
    return np.reshape(arrays, (1,) * (ndim - np.ndim(arrays)) + np.shape(arrays))


# --- repeating ------------------------------------------------------------------------------------


def _tile_rule(g: Any, y: Any, x: Any, *, reps: tuple[int, ...]) -> Any:
    shape = shape_of(x)
    extra = len(reps) - len(shape)
    sizes, counts = (1,) * extra + shape, (1,) * -extra + reps
    pairs = [n for pair in zip(counts, sizes, strict=True) for n in pair]
    total = np.sum(np.reshape(g, pairs), axis=tuple(range(0, len(pairs), 2)))
    return np.reshape(total, shape)


@primitive(
    np.tile,
    rules=(_tile_rule,),
    cases=(
        lambda draw: call(draw(3), 2),
        lambda draw: call(draw(2, 3), (2, 1)),
        lambda draw: call(draw(3), (2, 2)),
        lambda draw: call(draw(2, 3), 2),
        lambda draw: call(draw(), (2, 3)),
        lambda draw: call(draw(3), 0),
    ),
)
def tile(A: Any, reps: Any) -> Bound:
    reps = static_axis(reps)
    return (A,), {"reps": reps if isinstance(reps, tuple) else (reps,)}


def _repeat_rule(g: Any, y: Any, x: Any, *, repeats: Any, axis: int | None) -> Any:
    shape = shape_of(x)
    flat = (int(np.size(x)),) if axis is None else shape
    where = 0 if axis is None else positive_axis(axis, len(shape))
    if isinstance(repeats, int):
        split = (*flat[: where + 1], repeats, *flat[where + 1 :])
        total = np.sum(np.reshape(g, split), axis=where + 1)
    else:
        origins = np.repeat(np.arange(flat[where]), repeats)
        params = {"shape": flat, "index": along(where, Slot(0))}
        total = record(SCATTER, (g, origins), params)
    return np.reshape(total, shape)


@primitive(
    np.repeat,
    rules=(_repeat_rule,),
    cases=(
        lambda draw: call(draw(3), 2),
        lambda draw: call(draw(3), [1, 2, 3]),
        lambda draw: call(draw(2, 3), 2, axis=0),
        lambda draw: call(draw(2, 3), np.array([2, 0, 1]), axis=-1),
        lambda draw: call(draw(2, 3), 2),
        lambda draw: call(draw(), 3),
    ),
)
def repeat(a: Any, repeats: Any, axis: Any = None) -> Bound:
    repeats = static_axis(repeats)
    if isinstance(repeats, tuple) and len(repeats) == 1:
        repeats = repeats[0]
    return (a,), {"repeats": repeats, "axis": static_axis(axis)}


@composite(np.resize)
def resize(a: Any, new_shape: Any) -> Any:
    shape = static_axis(new_shape)
    shape = shape if isinstance(shape, tuple) else (shape,)
    if min(shape, default=0) < 0:
        raise ValueError(f"np.resize: the new shape {shape} has a negative size at {here()}.")
    size = int(np.prod(shape))
    if np.size(a) == 0:
        return np.zeros_like(a, shape=shape)
    return np.reshape(np.take(np.ravel(a), np.arange(size) % np.size(a)), shape)


# --- padding --------------------------------------------------------------------------------------

_PAD_MODES = ("constant", "edge", "reflect", "symmetric", "wrap")


def _pad(x: Any, *, pad_width: Any, mode: str, constant_values: Any) -> Any:
    if mode == "constant":
        return np.pad(x, pad_width, constant_values=constant_values)
    return np.pad(x, pad_width, mode)  # type: ignore[call-overload]


def _pad_rule(g: Any, y: Any, x: Any, *, pad_width: Any, mode: str, constant_values: Any) -> Any:
    shape = shape_of(x)
    if mode == "constant":
        starts = [before for before, _ in pad_width]
        return g[tuple([slice(a, a + n) for a, n in zip(starts, shape, strict=True)])]
    for axis, (width, n) in enumerate(zip(pad_width, shape, strict=True)):
        if width != (0, 0):
            origins = np.pad(np.arange(n), width, mode)  # type: ignore[call-overload]
            into = (*shape_of(g)[:axis], n, *shape_of(g)[axis + 1 :])
            params = {"shape": into, "index": along(axis, Slot(0))}
            g = record(SCATTER, (g, origins), params)
    return g


@primitive(
    np.pad,
    rules=(_pad_rule,),
    evaluate=_pad,
    cases=(
        lambda draw: call(draw(3), 1),
        lambda draw: call(draw(2, 3), ((1, 0), (0, 2)), constant_values=1.5),
        lambda draw: call(draw(2, 3), (1, 2), "constant", constant_values=((1, 2), (3, 4))),
        lambda draw: call(draw(2, 3), {1: (1, 2)}),
        lambda draw: call(draw(2, 3), ((1, 2), (0, 3)), mode="edge"),
        lambda draw: call(draw(3, 4), ((1, 2), (5, 3)), mode="reflect"),
        lambda draw: call(draw(2, 3), ((3, 2), (1, 7)), mode="symmetric"),
        lambda draw: call(draw(2, 3), ((3, 2), (1, 7)), mode="wrap"),
        lambda draw: call(draw(2, 3), 0, mode="wrap"),
    ),
)
def pad(
    array: Any, pad_width: Any, mode: Any = "constant", *, constant_values: Any = 0,
    reflect_type: str = "even",
) -> Bound:  # fmt: skip
    if mode not in _PAD_MODES or reflect_type != "even":
        raise UnsupportedArgument(
            f"np.pad with mode={mode!r}, reflect_type={reflect_type!r} has no differentiation rule "
            f"at {here()}; use {', '.join(_PAD_MODES)}, or np.concatenate."
        )
    if _is_traced(constant_values):
        raise UnsupportedArgument(
            f"np.pad with traced constant_values has no differentiation rule at {here()}; use "
            f"np.concatenate."
        )
    return (array,), {
        "pad_width": _pad_pairs(pad_width, np.ndim(array)),
        "mode": mode,
        "constant_values": constant_values,
    }


def _is_traced(values: Any) -> bool:
    if isinstance(values, (list, tuple)):
        return any(map(_is_traced, values))
    return isinstance(values, Traced)


def _pad_pairs(pad_width: Any, ndim: int) -> tuple[tuple[int, int], ...]:
    if isinstance(pad_width, dict):
        pairs = [(0, 0)] * ndim
        for axis, width in pad_width.items():
            pairs[axis] = (width, width) if np.ndim(width) == 0 else tuple(width)
        return tuple(pairs)
    full = np.broadcast_to(pad_width, (ndim, 2)).tolist()
    return tuple([(operator.index(before), operator.index(after)) for before, after in full])


# --- splitting ------------------------------------------------------------------------------------


@composite(np.array_split)
def array_split(ary: Any, indices_or_sections: Any, axis: Any = 0) -> list[Any]:
    axis = positive_axis(static_axis(axis), np.ndim(ary))
    points = static_axis(indices_or_sections)
    size = np.shape(ary)[axis]
    if isinstance(points, int):
        if points <= 0:
            raise ValueError(f"the number of sections must be positive, got {points} at {here()}.")
        each, extra = divmod(size, points)
        points = [i * each + min(i, extra) for i in range(1, points)]
    bounds = [0, *points, size]
    return [ary[along(axis, slice(start, stop))] for start, stop in itertools.pairwise(bounds)]


@composite(np.split)
def split(ary: Any, indices_or_sections: Any, axis: Any = 0) -> list[Any]:
    points = static_axis(indices_or_sections)
    size = np.shape(ary)[axis]
    if isinstance(points, int) and size % points:
        raise ValueError(f"{size} elements cannot be split into {points} equal parts at {here()}.")
    return np.array_split(ary, indices_or_sections, axis)


@composite(np.hsplit)
def hsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    if np.ndim(ary) == 0:
        raise ValueError(f"np.hsplit needs an array of at least one axis at {here()}.")
    return np.split(ary, indices_or_sections, axis=1 if np.ndim(ary) > 1 else 0)


@composite(np.vsplit)
def vsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    if np.ndim(ary) < 2:
        raise ValueError(f"np.vsplit needs an array of at least two axes at {here()}.")
    return np.split(ary, indices_or_sections, axis=0)


@composite(np.dsplit)
def dsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    if np.ndim(ary) < 3:
        raise ValueError(f"np.dsplit needs an array of at least three axes at {here()}.")
    return np.split(ary, indices_or_sections, axis=2)


@composite(np.unstack)
def unstack(x: Any, /, *, axis: Any = 0) -> tuple[Any, ...]:
    if np.ndim(x) == 0:
        raise ValueError(f"np.unstack needs an array of at least one axis at {here()}.")
    return tuple(np.moveaxis(x, static_axis(axis), 0))


# --- inserting and deleting -----------------------------------------------------------------------


@composite(np.delete)
def delete(arr: Any, obj: Any, axis: Any = None) -> Any:
    if axis is None:
        arr, axis = np.ravel(arr), 0
    axis = positive_axis(static_axis(axis), np.ndim(arr))
    return np.take(arr, np.delete(np.arange(np.shape(arr)[axis]), obj), axis=axis)


@composite(np.insert)
def insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    if axis is None:
        arr, axis = np.ravel(arr), 0
    shape = np.shape(arr)
    axis = positive_axis(static_axis(axis), len(shape))
    size = shape[axis]
    if not isinstance(obj, slice):
        obj = np.asarray(obj)
        obj = np.flatnonzero(obj) if obj.dtype == bool else obj
    if isinstance(obj, np.ndarray) and obj.size == 1:
        # one place takes a whole stack of values
        values = np.reshape(values, (1,) * (len(shape) - np.ndim(values)) + np.shape(values))
        values = np.moveaxis(values, 0, axis) if obj.ndim == 0 else values
        count = np.shape(values)[axis]
    else:
        count = len(np.insert(np.zeros(size), obj, 0.0)) - size
    order = np.insert(np.arange(size), obj, np.arange(size, size + count))
    inserted: Any = np.broadcast_to(values, (*shape[:axis], count, *shape[axis + 1 :]))
    dtype = np.result_type(arr)
    if isinstance(inserted, Traced) and dtype.kind != "f":
        raise UnsupportedArgument(
            f"np.insert of traced values into an array of dtype {dtype} would lose their "
            f"gradient at {here()}; convert the array with .astype(float)."
        )
    joined = np.concatenate((arr, inserted.astype(dtype)), axis=axis)
    return np.take(joined, order, axis=axis)
