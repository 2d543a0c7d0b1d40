"""Rules of rearranging elements: reshape, transpose, broadcast, flip, roll, diagonals."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.engine.errors import UnsupportedArgument
from chainrule.engine.graph import shape_of
from chainrule.engine.location import here
from chainrule.engine.primitive import call, composite, primitive
from chainrule.engine.rules.arguments import Bound
from chainrule.engine.rules.assignment import ASSIGN
from chainrule.engine.rules.own import positive_axis, static_axis
from chainrule.engine.tracing import Slot, record

ndarray = np.ndarray

# --- reshape, ravel, copy -------------------------------------------------------------------------


def _index_order(x: Any, order: str, name: str) -> str:
    """The order "C" or "F"; "A" and "K" ask for the memory layout, which a graph does not keep."""
    if order in ("C", "F"):
        return order
    if np.ndim(x) < 2:
        return "C"
    raise UnsupportedArgument(
        f"np.{name} with order={order!r} depends on the memory layout and has no differentiation "
        f"rule at {here()}; use order='C' or order='F'."
    )


def _reshape(x: Any, *, shape: Any, order: str) -> Any:
    if type(x) is ndarray:
        if order == "C":
            return x.reshape(shape)
        return x.reshape(shape, order=order)  # type: ignore[call-overload]
    return np.reshape(x, shape, order=order)  # type: ignore[call-overload]


def _reshape_back(g: Any, y: Any, x: Any, *, order: str, shape: Any = None) -> Any:
    if order == "C" and type(g) is ndarray:
        return g.reshape(shape_of(x))
    return np.reshape(g, shape_of(x), order=order)  # type: ignore[call-overload]


@primitive(
    np.reshape,
    rules=(_reshape_back,),
    evaluate=_reshape,
    view=True,
    cases=(
        lambda draw: call(draw(2, 3), (3, 2)),
        lambda draw: call(draw(2, 3), -1),
        lambda draw: call(draw(2, 3), shape=(-1, 2), order="F"),
        lambda draw: call(draw(6), (2, 3), order="A"),
        lambda draw: call(draw(), (1, 1)),
        lambda draw: call(draw(1, 1), ()),
        lambda draw: call(draw(0, 3), (3, 0)),
    ),
)
def reshape(a: Any, /, shape: Any, order: str = "C") -> Bound:
    return (a,), {"shape": static_axis(shape), "order": _index_order(a, order, "reshape")}


@primitive(
    np.ravel,
    rules=(_reshape_back,),
    view=True,
    cases=(
        lambda draw: call(draw(2, 3)),
        lambda draw: call(draw(2, 3), order="F"),
        lambda draw: call(draw(3), "K"),
        lambda draw: call(draw()),
    ),
)
def ravel(a: Any, order: str = "C") -> Bound:
    return (a,), {"order": _index_order(a, order, "ravel")}


@primitive(
    np.copy,
    rules=(lambda g, y, x, *, order: g,),
    text="{0}",
    latex="{0}",
    cases=(lambda draw: call(draw(2, 3)), lambda draw: call(draw(2, 3), "F")),
)
def copy(a: Any, order: str = "K", subok: bool = False) -> Bound:
    return (a,), {"order": order}


# --- axes -----------------------------------------------------------------------------------------


def _transpose_rule(g: Any, y: Any, x: Any, *, axes: Any) -> Any:
    if axes is None:
        return g.T
    return np.transpose(g, np.argsort([axis % len(axes) for axis in axes]))


@primitive(
    np.transpose,
    rules=(_transpose_rule,),
    evaluate=lambda x, *, axes: x.transpose(axes) if type(x) is ndarray else np.transpose(x, axes),
    view=True,
    text=lambda x, *, axes: f"{x}ᵀ" if axes is None else f"transpose({x}, {axes})",
    latex=lambda x, *, axes: f"{{{x}}}^" + ("\\top" if axes is None else f"{{\\top {axes}}}"),
    cases=(
        lambda draw: call(draw(2, 3)),
        lambda draw: call(draw(2, 3, 4), (1, 2, 0)),
        lambda draw: call(draw(2, 3, 4), axes=(-1, 0, -2)),
        lambda draw: call(draw(3), 0),
        lambda draw: call(draw()),
    ),
)
def transpose(a: Any, axes: Any = None) -> Bound:
    axes = static_axis(axes)
    return (a,), {"axes": (axes,) if type(axes) is int else axes}


@primitive(
    np.swapaxes,
    rules=(lambda g, y, x, *, axis1, axis2: np.swapaxes(g, axis1, axis2),),
    view=True,
    cases=(
        lambda draw: call(draw(2, 3, 4), 0, -1),
        lambda draw: call(draw(2, 3), 1, 1),
    ),
)
def swapaxes(a: Any, axis1: Any, axis2: Any) -> Bound:
    return (a,), {"axis1": static_axis(axis1), "axis2": static_axis(axis2)}


@composite(np.matrix_transpose, np.linalg.matrix_transpose)
def matrix_transpose(x: Any, /) -> Any:
    if np.ndim(x) < 2:
        raise ValueError(f"np.matrix_transpose needs an array of at least two axes at {here()}.")
    return np.swapaxes(x, -1, -2)


@primitive(
    np.moveaxis,
    rules=(lambda g, y, x, *, source, destination: np.moveaxis(g, destination, source),),
    view=True,
    cases=(
        lambda draw: call(draw(2, 3, 4), 0, -1),
        lambda draw: call(draw(2, 3, 4), (0, 1), (-1, 0)),
    ),
)
def moveaxis(a: Any, source: Any, destination: Any) -> Bound:
    return (a,), {"source": static_axis(source), "destination": static_axis(destination)}


@composite(np.rollaxis)
def rollaxis(a: Any, axis: Any, start: Any = 0) -> Any:
    ndim = np.ndim(a)
    axis = positive_axis(static_axis(axis), ndim)
    start = static_axis(start)
    if not -ndim <= start <= ndim:
        raise np.exceptions.AxisError(start, ndim + 1)
    start = start + ndim if start < 0 else start
    order = [i for i in range(ndim) if i != axis]
    order.insert(start - 1 if axis < start else start, axis)
    return np.transpose(a, order)


def _restore_shape(g: Any, y: Any, x: Any, **params: Any) -> Any:
    return np.reshape(g, shape_of(x))


@primitive(
    np.expand_dims,
    rules=(_restore_shape,),
    view=True,
    cases=(
        lambda draw: call(draw(2, 3), 1),
        lambda draw: call(draw(3), axis=(0, -1)),
        lambda draw: call(draw(), 0),
    ),
)
def expand_dims(a: Any, axis: Any) -> Bound:
    return (a,), {"axis": static_axis(axis)}


@primitive(
    np.squeeze,
    rules=(_restore_shape,),
    view=True,
    cases=(
        lambda draw: call(draw(1, 3, 1)),
        lambda draw: call(draw(1, 3, 1), axis=-1),
        lambda draw: call(draw(1, 3, 1), axis=(0, 2)),
        lambda draw: call(draw(1, 1)),
    ),
)
def squeeze(a: Any, axis: Any = None) -> Bound:
    return (a,), {"axis": static_axis(axis)}


@composite(np.atleast_1d)
def atleast_1d(*arys: Any) -> Any:
    return _each(lambda x: np.reshape(x, 1) if np.ndim(x) == 0 else x, arys)


@composite(np.atleast_2d)
def atleast_2d(*arys: Any) -> Any:
    return _each(_two_axes, arys)


def _two_axes(x: Any) -> Any:
    return np.reshape(x, (1, np.size(x))) if np.ndim(x) < 2 else x


@composite(np.atleast_3d)
def atleast_3d(*arys: Any) -> Any:
    return _each(_three_axes, arys)


def _three_axes(x: Any) -> Any:
    shape = np.shape(x)
    full = {0: (1, 1, 1), 1: (1, *shape, 1), 2: (*shape, 1)}.get(len(shape))
    return x if full is None else np.reshape(x, full)


def _each(function: Any, arrays: tuple[Any, ...]) -> Any:
    found = tuple([function(array) for array in arrays])
    return found[0] if len(found) == 1 else found


# --- broadcasting ---------------------------------------------------------------------------------


@primitive(
    np.broadcast_to,
    rules=(lambda g, y, x, *, shape: g,),
    view=True,
    cases=(
        lambda draw: call(draw(3), (2, 3)),
        lambda draw: call(draw(2, 1), (3, 2, 4)),
        lambda draw: call(draw(), 4),
        lambda draw: call(draw(3), (3,)),
        lambda draw: call(draw(1), (0,)),
    ),
)
def broadcast_to(array: Any, shape: Any) -> Bound:
    shape = static_axis(shape)
    return (array,), {"shape": shape if isinstance(shape, tuple) else (shape,)}


@composite(np.broadcast_arrays)
def broadcast_arrays(*args: Any) -> tuple[Any, ...]:
    shape = np.broadcast_shapes(*[np.shape(x) for x in args])
    return tuple([x if np.shape(x) == shape else np.broadcast_to(x, shape) for x in args])


@composite(np.meshgrid)
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    if indexing not in ("xy", "ij"):
        raise ValueError(f"np.meshgrid: indexing must be 'xy' or 'ij', got {indexing!r}.")
    count = len(xi)
    axes = list(range(count))
    if indexing == "xy" and count > 1:
        axes[:2] = [1, 0]
    grids = [
        np.reshape(x, [-1 if axis == i else 1 for i in range(count)])
        for x, axis in zip(xi, axes, strict=True)
    ]
    if not sparse:
        grids = list(np.broadcast_arrays(*grids))
    return tuple([np.copy(grid) for grid in grids] if copy else grids)


# --- order along axes -----------------------------------------------------------------------------


@primitive(
    np.flip,
    rules=(lambda g, y, x, *, axis: np.flip(g, axis),),
    view=True,
    cases=(
        lambda draw: call(draw(2, 3)),
        lambda draw: call(draw(2, 3), axis=-1),
        lambda draw: call(draw(2, 3, 2), axis=(0, 2)),
        lambda draw: call(draw(2, 3), axis=()),
    ),
)
def flip(m: Any, axis: Any = None) -> Bound:
    return (m,), {"axis": static_axis(axis)}


@composite(np.fliplr)
def fliplr(m: Any) -> Any:
    return np.flip(m, 1)


@composite(np.flipud)
def flipud(m: Any) -> Any:
    return np.flip(m, 0)


@primitive(
    np.rot90,
    rules=(lambda g, y, x, *, k, axes: np.rot90(g, -k, axes),),
    view=True,
    cases=(
        lambda draw: call(draw(2, 3)),
        lambda draw: call(draw(2, 3), 2),
        lambda draw: call(draw(2, 3, 2), k=-1, axes=(1, 2)),
        lambda draw: call(draw(2, 3), 4),
    ),
)
def rot90(m: Any, k: Any = 1, axes: Any = (0, 1)) -> Bound:
    return (m,), {"k": static_axis(k), "axes": static_axis(axes)}


def _roll_rule(g: Any, y: Any, x: Any, *, shift: Any, axis: Any) -> Any:
    back = tuple([-n for n in shift]) if isinstance(shift, tuple) else -shift
    return np.roll(g, back, axis)


@primitive(
    np.roll,
    rules=(_roll_rule,),
    cases=(
        lambda draw: call(draw(5), 2),
        lambda draw: call(draw(2, 3), -1),
        lambda draw: call(draw(2, 3), 4, axis=1),
        lambda draw: call(draw(3, 4), (1, -2), axis=(0, 1)),
        lambda draw: call(draw(3, 4), (1, 1), axis=(0, 0)),
        lambda draw: call(draw(3, 4), 1, axis=(0, 1)),
    ),
)
def roll(a: Any, shift: Any, axis: Any = None) -> Bound:
    return (a,), {"shift": static_axis(shift), "axis": static_axis(axis)}


# --- diagonals and triangles ----------------------------------------------------------------------


def _diagonal_rule(g: Any, y: Any, x: Any, *, offset: int, axis1: int, axis2: int) -> Any:
    shape = shape_of(x)
    rows, columns = positive_axis(axis1, len(shape)), positive_axis(axis2, len(shape))
    others = [n for axis, n in enumerate(shape) if axis not in (rows, columns)]
    zeros = np.zeros((*others, shape[rows], shape[columns]), g.dtype)
    i = np.arange(shape_of(g)[-1])
    operands = (zeros, g, i + max(-offset, 0), i + max(offset, 0))
    placed = record(ASSIGN, operands, {"index": (Ellipsis, Slot(0), Slot(1))})
    return np.moveaxis(placed, (-2, -1), (rows, columns))


@primitive(
    np.diagonal,
    rules=(_diagonal_rule,),
    view=True,
    cases=(
        lambda draw: call(draw(3, 4)),
        lambda draw: call(draw(3, 4), 1),
        lambda draw: call(draw(3, 4), offset=-2),
        lambda draw: call(draw(2, 3, 4), 0, 2, 0),
        lambda draw: call(draw(2, 3, 3), axis1=-2, axis2=-1),
        lambda draw: call(draw(3, 4), 4),
    ),
)
def diagonal(a: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1) -> Bound:
    return (a,), {
        "offset": static_axis(offset), "axis1": static_axis(axis1), "axis2": static_axis(axis2),
    }  # fmt: skip


def _diag_rule(g: Any, y: Any, x: Any, *, k: int) -> Any:
    if len(shape_of(x)) == 1:
        return np.diagonal(g, k)
    return _diagonal_rule(g, y, x, offset=k, axis1=0, axis2=1)


@primitive(
    np.diag,
    rules=(_diag_rule,),
    view=True,
    cases=(
        lambda draw: call(draw(3)),
        lambda draw: call(draw(3), k=-1),
        lambda draw: call(draw(3, 4), 1),
        lambda draw: call(draw(3, 4), -2),
    ),
)
def diag(v: Any, k: Any = 0) -> Bound:
    return (v,), {"k": static_axis(k)}


@composite(np.diagflat)
def diagflat(v: Any, k: Any = 0) -> Any:
    return np.diag(np.ravel(v), k)


for _triangle in (np.tril, np.triu):
    primitive(
        _triangle,
        name=_triangle.__name__,
        rules=(lambda g, y, x, *, k, part=_triangle: part(g, k),),
        cases=(
            lambda draw: call(draw(3, 4)),
            lambda draw: call(draw(3, 4), -1),
            lambda draw: call(draw(2, 3, 3), k=1),
            lambda draw: call(draw(3)),
        ),
    )(lambda m, k=0: ((m,), {"k": static_axis(k)}))
