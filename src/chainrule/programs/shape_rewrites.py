"""Rewrites of products of matrices and of functions that move, reshape and sum elements."""

from __future__ import annotations

import numpy as np

from chainrule.engine.graph import Node, shape_of
from chainrule.engine.primitive import PRIMITIVES
from chainrule.programs.rewrites import (
    ARITHMETIC,
    Candidate,
    Made,
    Rule,
    Same,
    made_by,
    scalar,
    shape_at,
)

# --- products of matrices -------------------------------------------------------------------------


def _vector_times_matrix(c: Candidate) -> Made | None:
    """Backward passes are written with columns, ``A.T @ g`` instead of ``g @ A``.

    NumPy makes the same call of BLAS for both.
    """
    v, matrix = c.inputs
    if not c.backward or len(shape_at(v)) != 1 or len(shape_at(matrix)) != 2:
        return None
    turned = made_by(matrix, "transpose")
    if turned is not None:
        return Made(c.primitive, [turned.inputs[0], v], {})
    value = matrix.value if type(matrix) is Node else matrix
    flipped = c.make(PRIMITIVES["transpose"], [matrix], {"axes": None}, np.transpose(value))
    return Made(c.primitive, [flipped, v], {})


def _part_of_uniform(c: Candidate) -> Same | None:
    """A part, or another shape, of a number that was stretched."""
    stretched = made_by(c.inputs[0], "broadcast_to")
    if stretched is None or len(c.inputs) > 1 or c.readers == "any":
        return None
    number = scalar(stretched.inputs[0])
    if number is None or not isinstance(c.value, np.ndarray):
        return None
    return Same(np.broadcast_to(c.value.dtype.type(number), c.value.shape))


def _first(*rules: Rule) -> Rule:
    """The rules one after the other, until one has something to say."""

    def rule(c: Candidate) -> Same | Made | None:
        for each in rules:
            found = each(c)
            if found is not None:
                return found
        return None

    return rule


# --- axes and shapes ------------------------------------------------------------------------------


def _transposed(c: Candidate) -> Same | Made | None:
    x = c.inputs[0]
    ndim = len(shape_at(x))
    if type(x) is not Node:
        return None
    if ndim < 2:
        return Same(x)
    axes = _permutation(c.params["axes"], ndim)
    inner = made_by(x, "transpose")
    if inner is not None and type(inner.inputs[0]) is Node:
        below = _permutation(inner.params["axes"], ndim)
        axes = tuple(below[axis] for axis in axes)
        x = inner.inputs[0]
    if axes == tuple(range(ndim)):
        return Same(x)
    plain = None if axes == tuple(range(ndim))[::-1] else axes
    if x is c.inputs[0] and plain == c.params["axes"]:
        return None
    return Made(c.primitive, [x], {"axes": plain})


def _permutation(axes: tuple[int, ...] | None, ndim: int) -> tuple[int, ...]:
    return tuple(range(ndim))[::-1] if axes is None else tuple(axis % ndim for axis in axes)


def _swapped(c: Candidate) -> Made | None:
    x = c.inputs[0]
    ndim = len(shape_at(x))
    first, second = c.params["axis1"] % ndim, c.params["axis2"] % ndim
    if ndim != 2 and made_by(x, "transpose") is None and made_by(x, "swapaxes") is None:
        return None
    axes = list(range(ndim))
    axes[first], axes[second] = second, first
    inner = made_by(x, "swapaxes")
    if inner is not None and ndim != 2:
        below = [inner.params["axis1"] % ndim, inner.params["axis2"] % ndim]
        if sorted(below) != sorted((first, second)) or type(inner.inputs[0]) is not Node:
            return None
        return Made(PRIMITIVES["transpose"], [inner.inputs[0]], {"axes": tuple(range(ndim))})
    return Made(PRIMITIVES["transpose"], [x], {"axes": tuple(axes)})


_RESHAPES = ("reshape", "ravel", "expand_dims", "squeeze")


def _reshaped(c: Candidate) -> Same | Made | None:
    x = c.inputs[0]
    if type(x) is not Node or c.params.get("order", "C") != "C":
        return None
    if shape_at(x) == shape_of(c.value):  # np.ravel copies a strided vector, np.reshape does not
        return Same(x) if c.primitive.name != "ravel" or c.keeps_layout(x.value) else None
    unkept = _without_kept_axes(c, x)
    if unkept is not None:
        return unkept
    if x.primitive.name not in _RESHAPES or x.params.get("order", "C") != "C":
        return None
    below = x.inputs[0]
    if type(below) is not Node or type(below.value) is not np.ndarray:
        return None
    if not below.value.flags.c_contiguous:  # the first reshape copies, one reshape may not
        return None
    if shape_at(below) == shape_of(c.value):
        return Same(below)
    return Made(PRIMITIVES["reshape"], [below], {"shape": shape_of(c.value), "order": "C"})


def _without_kept_axes(c: Candidate, x: Node) -> Made | None:
    """A sum that keeps its axes and loses them afterwards."""
    if x.primitive.name != "sum" or not x.params.get("keepdims") or len(x.inputs) != 1:
        return None
    if type(x.value) is np.ndarray and not x.value.flags.c_contiguous:
        return None
    ndim = len(shape_at(x))
    axis = x.params["axis"]
    gone = range(ndim) if axis is None else [axis] if isinstance(axis, int) else axis
    left = set(range(ndim)) - {k % ndim for k in gone}
    if shape_of(c.value) != tuple(shape_at(x)[k] for k in sorted(left)):
        return None
    return Made(x.primitive, list(x.inputs), {**x.params, "keepdims": False})


def _summed(c: Candidate) -> Same | Made | None:
    axis = c.params.get("axis")
    if axis == () and len(c.inputs) == 1 and c.params.get("initial") is None:
        return Same(c.inputs[0]) if c.keeps(c.inputs[0]) else None
    return _one_axis(c)


def _one_axis(c: Candidate) -> Made | None:
    axis = c.params.get("axis")
    if type(axis) is tuple and len(axis) == 1:
        return Made(c.primitive, c.inputs, {**c.params, "axis": axis[0]})
    return None


def _broadcast(c: Candidate) -> Same | Made | None:
    x = c.inputs[0]
    if type(x) is Node and shape_at(x) == shape_of(c.value) and c.keeps(x):
        return Same(x)
    inner = made_by(x, "broadcast_to")
    return None if inner is None else Made(c.primitive, [inner.inputs[0]], c.params)


SHAPE_RULES: dict[str, Rule] = {
    **ARITHMETIC,
    "matmul": _vector_times_matrix,
    "transpose": _first(_part_of_uniform, _transposed),
    "swapaxes": _first(_part_of_uniform, _swapped),
    "moveaxis": _part_of_uniform,
    "broadcast_to": _broadcast,
    "getitem": _part_of_uniform,
    "sum": _summed,
    **dict.fromkeys(("mean", "var", "std", "max", "min", "prod"), _one_axis),
    **dict.fromkeys(_RESHAPES, _first(_part_of_uniform, _reshaped)),
}
