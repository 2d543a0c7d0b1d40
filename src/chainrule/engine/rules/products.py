"""Rules of products: matrix and tensor products, and traces.

With y = A B the cotangents are Ā = ȳ Bᵀ and B̄ = Aᵀ ȳ (Giles, "Collected matrix derivative results
for forward and reverse mode algorithmic differentiation", 2008, §2.2.2); every rule below is that
one with the axes named.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.engine.primitive import call, composite, primitive
from chainrule.engine.rules.arguments import Bound

# --- matmul ---------------------------------------------------------------------------------------


def _all_but(axis: int, ndim: int) -> tuple[int, ...]:
    return tuple(i for i in range(ndim) if i != axis % ndim)


def _matmul_first(g: Any, y: Any, a: Any, b: Any) -> Any:
    if b.ndim == 2:
        return g @ b.T if a.ndim > 1 else b @ g
    if b.ndim == 1:
        return g[..., None] * b if a.ndim > 1 else g * b
    if a.ndim == 1:
        return (b @ g[..., None])[..., 0]
    if a.ndim == 2:  # one product over the whole batch instead of a batch of products and a sum
        axes = _all_but(-2, b.ndim)
        return np.tensordot(g, b, axes=(axes, axes))
    return g @ b.mT


def _matmul_second(g: Any, y: Any, a: Any, b: Any) -> Any:
    if a.ndim == 2:
        return a.T @ g if b.ndim > 1 else g @ a
    if a.ndim == 1:
        return a[:, None] * g[..., None, :] if b.ndim > 1 else g * a
    if b.ndim <= 2:
        rows = math.prod(a.shape[:-1])
        flat = np.reshape(a, (rows, a.shape[-1]))
        if b.ndim == 1:
            return np.reshape(g, (rows,)) @ flat
        return flat.T @ np.reshape(g, (rows, b.shape[-1]))
    return a.mT @ g


@primitive(
    np.matmul,
    rules=(_matmul_first, _matmul_second),
    infix="@",
    writes_out=True,
    latex="{0} {1}",
    cases=(
        lambda draw: call(draw(3, 4), draw(4, 2)),
        lambda draw: call(draw(4), draw(4)),
        lambda draw: call(draw(3, 4), draw(4)),
        lambda draw: call(draw(4), draw(4, 2)),
        lambda draw: call(draw(2, 3, 4), draw(2, 4, 2)),
        lambda draw: call(draw(2, 3, 4), draw(4, 2)),
        lambda draw: call(draw(2, 3, 4), draw(4)),
        lambda draw: call(draw(3, 4), draw(5, 4, 2)),
        lambda draw: call(draw(4), draw(5, 4, 2)),
        lambda draw: call(draw(2, 1, 3, 4), draw(5, 4, 2)),
        lambda draw: call(draw(1, 1), draw(1, 3)),
        lambda draw: call(draw(2, 3, 0), draw(0, 4)),
    ),
)
def matmul(x1: Any, x2: Any, /) -> Bound:
    return (x1, x2), {}


@composite(np.linalg.matmul)
def _linalg_matmul(x1: Any, x2: Any, /) -> Any:
    return np.matmul(x1, x2)


if hasattr(np, "matvec"):  # NumPy >= 2.2

    @primitive(
        np.matvec,
        rules=(
            lambda g, y, a, x: g[..., None] * x[..., None, :],
            lambda g, y, a, x: np.vecmat(g, a),
        ),
        writes_out=True,
        latex="{0} {1}",
        cases=(
            lambda draw: call(draw(3, 4), draw(4)),
            lambda draw: call(draw(2, 3, 4), draw(4)),
            lambda draw: call(draw(3, 4), draw(5, 4)),
            lambda draw: call(draw(2, 1, 3, 4), draw(5, 4)),
        ),
    )
    def matvec(x1: Any, x2: Any, /) -> Bound:
        return (x1, x2), {}

    @primitive(
        np.vecmat,
        rules=(
            lambda g, y, x, a: np.matvec(a, g),
            lambda g, y, x, a: x[..., :, None] * g[..., None, :],
        ),
        writes_out=True,
        latex=r"{0}^\top {1}",
        cases=(
            lambda draw: call(draw(3), draw(3, 4)),
            lambda draw: call(draw(3), draw(2, 3, 4)),
            lambda draw: call(draw(5, 3), draw(3, 4)),
            lambda draw: call(draw(5, 3), draw(2, 1, 3, 4)),
        ),
    )
    def vecmat(x1: Any, x2: Any, /) -> Bound:
        return (x1, x2), {}


@primitive(
    np.vecdot,
    rules=(lambda g, y, a, b: g[..., None] * b, lambda g, y, a, b: g[..., None] * a),
    writes_out=True,
    latex=r"{0} \cdot {1}",
    cases=(
        lambda draw: call(draw(3), draw(3)),
        lambda draw: call(draw(2, 3), draw(3)),
        lambda draw: call(draw(4, 1, 3), draw(2, 3)),
    ),
)
def vecdot(x1: Any, x2: Any, /) -> Bound:
    return (x1, x2), {}


@composite(np.linalg.vecdot)
def _linalg_vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    if axis != -1:
        x1, x2 = np.moveaxis(x1, axis, -1), np.moveaxis(x2, axis, -1)
    return np.vecdot(x1, x2)


# --- tensordot, dot, inner, vdot ------------------------------------------------------------------


def _contract_first(g: Any, a: Any, b: Any, of_a: Sequence[int], of_b: Sequence[int]) -> Any:
    """The cotangent of ``a`` where axes ``of_a`` were summed against axes ``of_b`` of ``b``."""
    if not g.shape:
        return g * np.transpose(b, _inverse([of_a[of_b.index(axis)] for axis in range(b.ndim)]))
    free_a = [axis for axis in range(a.ndim) if axis not in of_a]
    free_b = [axis for axis in range(b.ndim) if axis not in of_b]
    mixed = np.tensordot(g, b, axes=(tuple(range(len(free_a), g.ndim)), tuple(free_b)))
    order = _inverse(free_a + [of_a[of_b.index(axis)] for axis in sorted(of_b)])
    return mixed if order == sorted(order) else np.transpose(mixed, order)


def _contract_second(g: Any, a: Any, b: Any, of_a: Sequence[int], of_b: Sequence[int]) -> Any:
    """The cotangent of ``b`` where axes ``of_a`` of ``a`` were summed against axes ``of_b``."""
    if not g.shape:
        return g * np.transpose(a, _inverse([of_b[of_a.index(axis)] for axis in range(a.ndim)]))
    free_a = [axis for axis in range(a.ndim) if axis not in of_a]
    free_b = [axis for axis in range(b.ndim) if axis not in of_b]
    mixed = np.tensordot(a, g, axes=(tuple(free_a), tuple(range(len(free_a)))))
    order = _inverse([of_b[of_a.index(axis)] for axis in sorted(of_a)] + free_b)
    return mixed if order == sorted(order) else np.transpose(mixed, order)


def _inverse(permutation: Sequence[int]) -> list[int]:
    return sorted(range(len(permutation)), key=permutation.__getitem__)


@primitive(
    np.tensordot,
    rules=(
        lambda g, y, a, b, *, axes: _contract_first(g, a, b, *axes),
        lambda g, y, a, b, *, axes: _contract_second(g, a, b, *axes),
    ),
    cases=(
        lambda draw: call(draw(2, 3, 4), draw(3, 4, 5)),
        lambda draw: call(draw(2, 3), draw(3, 4), axes=1),
        lambda draw: call(draw(2, 3), draw(4), axes=0),
        lambda draw: call(draw(3, 4), draw(3, 4)),
        lambda draw: call(draw(2, 3, 4), draw(4, 5, 2), axes=((0, 2), (2, 0))),
        lambda draw: call(draw(2, 3, 4), draw(4, 3, 2), axes=((-1, 0, 1), (0, -1, 1))),
        lambda draw: call(draw(2, 3, 4), draw(5, 3), axes=(1, -1)),
        lambda draw: call(a=draw(3), b=draw(3), axes=1),
        lambda draw: call(draw(1, 3), draw(3, 1), axes=1),
    ),
)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Bound:
    ndim_a, ndim_b = np.ndim(a), np.ndim(b)
    if isinstance(axes, (int, np.integer)):
        return (a, b), {"axes": (tuple(range(ndim_a - axes, ndim_a)), tuple(range(axes)))}
    of_a, of_b = axes
    return (a, b), {"axes": (_axes_tuple(of_a, ndim_a), _axes_tuple(of_b, ndim_b))}


def _axes_tuple(axes: Any, ndim: int) -> tuple[int, ...]:
    chosen = (axes,) if isinstance(axes, (int, np.integer)) else axes
    return tuple([operator.index(axis) % ndim for axis in chosen])


@composite(np.linalg.tensordot)
def _linalg_tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Any:
    return np.tensordot(x1, x2, axes=axes)


def _dot_first(g: Any, y: Any, a: Any, b: Any) -> Any:
    ndim_a, ndim_b = np.ndim(a), np.ndim(b)
    if ndim_a == 0 or ndim_b == 0 or (ndim_a == 1 and ndim_b == 1):
        return g * b
    if ndim_b <= 2:
        return g @ b.T if ndim_b == 2 else g[..., None] * b
    return _contract_first(g, a, b, (ndim_a - 1,), (ndim_b - 2,))


def _dot_second(g: Any, y: Any, a: Any, b: Any) -> Any:
    ndim_a, ndim_b = np.ndim(a), np.ndim(b)
    if ndim_a == 0 or ndim_b == 0 or (ndim_a == 1 and ndim_b == 1):
        return g * a
    if ndim_a == 2 and ndim_b <= 2:
        return a.T @ g
    return _contract_second(g, a, b, (ndim_a - 1,), (max(ndim_b - 2, 0),))


@primitive(
    np.dot,
    rules=(_dot_first, _dot_second),
    latex=r"{0} \cdot {1}",
    cases=(
        lambda draw: call(draw(), draw(3)),
        lambda draw: call(draw(2, 3), draw()),
        lambda draw: call(draw(), draw()),
        lambda draw: call(draw(3), draw(3)),
        lambda draw: call(draw(2, 3), draw(3)),
        lambda draw: call(draw(3), draw(3, 2)),
        lambda draw: call(draw(2, 3), draw(3, 4)),
        lambda draw: call(draw(2, 4, 3), draw(3)),
        lambda draw: call(draw(2, 4, 3), draw(3, 2)),
        lambda draw: call(draw(3), draw(2, 3, 4)),
        lambda draw: call(draw(2, 3), draw(4, 3, 2)),
        lambda draw: call(draw(2, 1, 3), draw(4, 3, 2)),
    ),
)
def dot(a: Any, b: Any) -> Bound:
    return (a, b), {}


def _inner_first(g: Any, y: Any, a: Any, b: Any) -> Any:
    ndim_a, ndim_b = np.ndim(a), np.ndim(b)
    if ndim_a == 0 or ndim_b == 0 or (ndim_a == 1 and ndim_b == 1):
        return g * b
    return _contract_first(g, a, b, (ndim_a - 1,), (ndim_b - 1,))


def _inner_second(g: Any, y: Any, a: Any, b: Any) -> Any:
    ndim_a, ndim_b = np.ndim(a), np.ndim(b)
    if ndim_a == 0 or ndim_b == 0 or (ndim_a == 1 and ndim_b == 1):
        return g * a
    return _contract_second(g, a, b, (ndim_a - 1,), (ndim_b - 1,))


@primitive(
    np.inner,
    rules=(_inner_first, _inner_second),
    latex=r"\langle {0}, {1} \rangle",
    cases=(
        lambda draw: call(draw(3), draw(3)),
        lambda draw: call(draw(), draw(2, 3)),
        lambda draw: call(draw(2, 3), draw()),
        lambda draw: call(draw(2, 3), draw(3)),
        lambda draw: call(draw(3), draw(2, 3)),
        lambda draw: call(draw(2, 3), draw(4, 5, 3)),
    ),
)
def inner(a: Any, b: Any, /) -> Bound:
    return (a, b), {}


@primitive(
    np.vdot,
    rules=(
        lambda g, y, a, b: g * np.reshape(b, np.shape(a)),
        lambda g, y, a, b: g * np.reshape(a, np.shape(b)),
    ),
    latex=r"\langle {0}, {1} \rangle",
    cases=(
        lambda draw: call(draw(3), draw(3)),
        lambda draw: call(draw(2, 3), draw(3, 2)),
        lambda draw: call(draw(2, 3), draw(6)),
        lambda draw: call(draw(), draw(1)),
    ),
)
def vdot(a: Any, b: Any, /) -> Bound:
    return (a, b), {}


# --- traces and diagonals -------------------------------------------------------------------------


def _trace_rule(g: Any, y: Any, a: Any, *, offset: int, axis1: int, axis2: int) -> Any:
    shape = a.shape
    mask = np.eye(shape[axis1], shape[axis2], k=offset, dtype=bool)
    return np.moveaxis(g[..., None, None] * mask, (-2, -1), (axis1, axis2))


@primitive(
    np.trace,
    rules=(_trace_rule,),
    latex=r"\operatorname{{tr}} {0}",
    cases=(
        lambda draw: call(draw(3, 3)),
        lambda draw: call(draw(2, 4), offset=1),
        lambda draw: call(draw(4, 2), offset=-1),
        lambda draw: call(draw(3, 3), offset=5),
        lambda draw: call(draw(2, 3, 4)),
        lambda draw: call(draw(2, 3, 4), axis1=-1, axis2=0),
        lambda draw: call(draw(2, 3, 4, 3), offset=1, axis1=1, axis2=3),
    ),
)
def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Bound:
    return (a,), {"offset": offset, "axis1": axis1, "axis2": axis2}


@composite(np.linalg.trace)
def _linalg_trace(x: Any, /, *, offset: int = 0) -> Any:
    return np.trace(x, offset, -2, -1)


@composite(np.linalg.diagonal)
def _linalg_diagonal(x: Any, /, *, offset: int = 0) -> Any:
    return np.diagonal(x, offset, -2, -1)


@composite(np.linalg.matrix_transpose)
def _linalg_matrix_transpose(x: Any, /) -> Any:
    return np.swapaxes(x, -1, -2)
