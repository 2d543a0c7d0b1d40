"""Rules of products of vectors that keep every pair: outer, Kronecker and cross products."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.engine.backward import unbroadcast
from chainrule.engine.errors import InvalidInput
from chainrule.engine.location import here
from chainrule.engine.primitive import call, composite, primitive
from chainrule.engine.rules.arguments import Bound


@primitive(
    np.outer,
    rules=(
        lambda g, y, a, b: np.reshape(g @ np.ravel(b), np.shape(a)),
        lambda g, y, a, b: np.reshape(np.ravel(a) @ g, np.shape(b)),
    ),
    latex=r"{0} \otimes {1}",
    cases=(
        lambda draw: call(draw(3), draw(2)),
        lambda draw: call(draw(2, 2), draw(3, 1)),
        lambda draw: call(draw(), draw(3)),
    ),
)
def outer(a: Any, b: Any) -> Bound:
    return (a, b), {}


@composite(np.linalg.outer)
def _linalg_outer(x1: Any, x2: Any, /) -> Any:
    if np.ndim(x1) != 1 or np.ndim(x2) != 1:
        raise InvalidInput(
            f"np.linalg.outer needs two vectors, got shapes {np.shape(x1)} and {np.shape(x2)} at "
            f"{here()}; use np.outer to flatten them."
        )
    return np.outer(x1, x2)


def _kron_parts(a: Any, b: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    shape_a, shape_b = np.shape(a), np.shape(b)
    ndim = max(len(shape_a), len(shape_b))
    return (1,) * (ndim - len(shape_a)) + shape_a, (1,) * (ndim - len(shape_b)) + shape_b


def _kron_rule(g: Any, a: Any, b: Any, position: int) -> Any:
    shape_a, shape_b = _kron_parts(a, b)
    ndim = len(shape_a)
    blocks = np.reshape(g, [n for pair in zip(shape_a, shape_b, strict=True) for n in pair])
    summed = tuple(range(1 - position, 2 * ndim, 2))
    other = np.reshape((b, a)[position], (shape_b, shape_a)[position])
    return np.reshape(
        np.tensordot(blocks, other, axes=(summed, tuple(range(ndim)))), np.shape((a, b)[position])
    )


@primitive(
    np.kron,
    rules=(
        lambda g, y, a, b: _kron_rule(g, a, b, 0),
        lambda g, y, a, b: _kron_rule(g, a, b, 1),
    ),
    latex=r"{0} \otimes {1}",
    cases=(
        lambda draw: call(draw(2), draw(3)),
        lambda draw: call(draw(2, 3), draw(3, 2)),
        lambda draw: call(draw(3), draw(2, 3)),
        lambda draw: call(draw(2, 1, 3), draw(2, 2)),
        lambda draw: call(draw(), draw(2, 2)),
    ),
)
def kron(a: Any, b: Any) -> Bound:
    return (a, b), {}


def _cross_rule(g: Any, a: Any, b: Any, axes: tuple[int, int, int], position: int) -> Any:
    axisa, axisb, axisc = axes
    first = np.moveaxis(a, axisa, -1)
    second = np.moveaxis(b, axisb, -1)
    g = np.moveaxis(g, axisc, -1)
    found = np.cross(g, first) if position else np.cross(second, g)
    wanted = np.shape((first, second)[position])
    if np.shape(found) != wanted:
        found = unbroadcast(found, np.shape(found), wanted)
    return np.moveaxis(found, -1, axes[position])


@primitive(
    np.cross,
    rules=(
        lambda g, y, a, b, *, axisa, axisb, axisc: _cross_rule(g, a, b, (axisa, axisb, axisc), 0),
        lambda g, y, a, b, *, axisa, axisb, axisc: _cross_rule(g, a, b, (axisa, axisb, axisc), 1),
    ),
    latex=r"{0} \times {1}",
    cases=(
        lambda draw: call(draw(3), draw(3)),
        lambda draw: call(draw(4, 3), draw(3)),
        lambda draw: call(draw(2, 1, 3), draw(4, 3)),
        lambda draw: call(draw(3, 4), draw(3, 4), axis=0),
        lambda draw: call(draw(3, 4), draw(2, 4, 3), axisa=0, axisc=1),
        lambda draw: call(draw(3, 1), draw(3, 4), axisa=0, axisb=0),
    ),
)
def cross(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Bound:
    if axis is not None:
        axisa = axisb = axisc = axis
    for x, along in ((a, axisa), (b, axisb)):
        if np.shape(x)[along] != 3:
            raise TypeError(
                f"vectors must have length 3, got shape {np.shape(x)} along axis {along}; for "
                f"plane vectors write a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]"
            )
    return (a, b), {"axisa": axisa, "axisb": axisb, "axisc": axisc}


@composite(np.linalg.cross)
def _linalg_cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    return np.cross(x1, x2, axis=axis)
