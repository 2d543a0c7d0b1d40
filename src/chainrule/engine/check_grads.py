"""A check of derivatives against numbers and against each other, to any order.

Random projections make one comparison stand for the whole Jacobian: for random v and u,
<u, J v> from differences, from the JVP and from the VJP must be one number.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.engine.errors import UnusedInputWarning
from chainrule.engine.graph import dtype_of, shape_of
from chainrule.engine.transforms import jvp, vjp
from chainrule.engine.trees import flatten, tree_map


def check_grads(
    f: Callable[..., Any],
    args: Sequence[Any],
    order: int = 2,
    rtol: float = 1e-6,
    atol: float = 1e-7,
    step: float = 1e-3,
    seed: int = 0,
) -> None:
    """Check the value, VJP and JVP of a function, and those of its VJP, up to an order.

    Parameters
    ----------
    f : callable
        Smooth within ``step`` of ``args``.
    args : sequence
        Float64 arrays or trees of them.
    order : int
        1 checks first derivatives, 2 also derivatives of the derivative, and so on.
    rtol, atol : float
        Tolerances of the comparisons, relative to the scale of the numbers compared.
    step : float
        Largest change of any element in the differences (fourth-order central formula).
    seed : int
        Of the random directions and cotangents.

    Raises
    ------
    AssertionError
        Saying which comparison failed, at which order, with both numbers.
    """
    rng = np.random.default_rng(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnusedInputWarning)
        _check(f, tuple(args), order, 1, rtol, atol, step, rng, _name(f))


def _check(
    f: Callable[..., Any],
    args: tuple[Any, ...],
    order: int,
    depth: int,
    rtol: float,
    atol: float,
    step: float,
    rng: np.random.Generator,
    name: str,
) -> None:
    where = f"{name}, order {depth}"
    plain = f(*args)
    value, pullback = vjp(f, *args)
    _same_numbers(plain, value, 1e-12, f"{where}: the traced value differs from the plain one")

    u = tree_map(lambda leaf: _direction(rng, leaf), value)
    v = tree_map(lambda leaf: _direction(rng, leaf), args)
    cotangents = pullback(u)
    tree_map(lambda a, c: _same_kind(a, c, where), args, cotangents)

    _, tangent = jvp(f, args, v)
    from_jvp = _inner(u, tangent)
    from_vjp = _inner(cotangents, v)
    scale = max(1.0, abs(from_jvp), abs(from_vjp))
    assert abs(from_jvp - from_vjp) <= (1e-9 + rtol) * scale, (
        f"{where}: <u, Jv> = {from_jvp:.12g} from the JVP and {from_vjp:.12g} from the VJP"
    )

    numerical = _inner(u, _difference(f, args, v, step))
    scale = max(1.0, abs(numerical), abs(from_vjp))
    assert abs(numerical - from_vjp) <= rtol * scale + atol, (
        f"{where}: <u, Jv> = {numerical:.12g} from differences and {from_vjp:.12g} from the VJP "
        f"(relative error {abs(numerical - from_vjp) / scale:.2e})"
    )

    zero = pullback(tree_map(lambda leaf: np.zeros_like(leaf)[()], u))
    for leaf in flatten(zero)[0]:
        assert np.all(leaf == 0), f"{where}: a zero cotangent gave a nonzero result"

    if order > depth:

        def derivative(arguments: Any, cotangent: Any) -> Any:
            return vjp(f, *arguments)[1](cotangent)

        _check(derivative, (args, u), order, depth + 1, rtol, atol, step, rng, name)


def _difference(f: Callable[..., Any], args: Any, v: Any, step: float) -> Any:
    """Fourth-order central difference along v (Abramowitz & Stegun 25.3.24)."""

    def at(t: float) -> Any:
        return f(*tree_map(lambda a, d: a + t * d, args, v))

    return tree_map(
        lambda a, b, c, d: (a - 8.0 * b + 8.0 * c - d) / (12.0 * step),
        at(-2 * step),
        at(-step),
        at(step),
        at(2 * step),
    )


def _direction(rng: np.random.Generator, leaf: Any) -> Any:
    return np.asarray(rng.uniform(-1.0, 1.0, shape_of(leaf)), dtype_of(leaf))[()]


def _inner(a: Any, b: Any) -> float:
    pairs = zip(flatten(a)[0], flatten(b)[0], strict=True)
    return float(sum(np.sum(np.multiply(x, y, dtype=float)) for x, y in pairs))


def _same_numbers(expected: Any, found: Any, tolerance: float, message: str) -> None:
    for a, b in zip(flatten(expected)[0], flatten(found)[0], strict=True):
        assert shape_of(a) == shape_of(b), f"{message}: shape {shape_of(b)} for {shape_of(a)}"
        assert np.allclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True), message


def _same_kind(argument: Any, cotangent: Any, where: str) -> None:
    assert shape_of(cotangent) == shape_of(argument), (
        f"{where}: cotangent of shape {shape_of(cotangent)} for an argument of shape "
        f"{shape_of(argument)}"
    )
    expected = dtype_of(argument)
    assert dtype_of(cotangent) == expected, (
        f"{where}: cotangent of dtype {dtype_of(cotangent)} for an argument of dtype {expected}"
    )
    assert np.all(np.isfinite(cotangent)), f"{where}: a cotangent is not finite"


def _name(f: Callable[..., Any]) -> str:
    return getattr(f, "__name__", type(f).__name__)
