"""Rules of linear algebra: inverses, determinants, linear systems, powers and chains of matrices.

Matrices are the last two axes; leading axes are batches. Formulas: Giles, "Collected matrix
derivative results for forward and reverse mode algorithmic differentiation" (2008), §2.2.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from chainrule.engine.errors import InvalidInput, NotDifferentiable
from chainrule.engine.location import here
from chainrule.engine.primitive import ZERO, call, composite, primitive
from chainrule.engine.rules.arguments import Bound
from chainrule.engine.rules.own import concrete, own
from chainrule.engine.tracing import Traced, apply


def is_plainly_zero(cotangent: Any) -> bool:
    """Whether a cotangent is a constant zero: one that may vary is none, whatever its value."""
    return not isinstance(cotangent, Traced) and not np.any(cotangent)


# --- inverse and linear systems -------------------------------------------------------------------


@primitive(
    np.linalg.inv,
    name="linalg.inv",
    # Giles §2.2.3: Ā = -C^T C̄ C^T
    rules=(lambda g, y, a: -(y.mT @ g @ y.mT),),
    latex="{0}^{{-1}}",
    cases=(
        lambda draw: call(draw.invertible(3)),
        lambda draw: call(draw.invertible(2, 3)),
        lambda draw: call(draw.invertible(1)),
    ),
)
def inv(a: Any) -> Bound:
    return (a,), {}


def _solve_first(g: Any, y: Any, a: Any, b: Any) -> Any:
    if b.ndim == 1:
        return -(_solve_second(g, y, a, b)[..., None] * y[..., None, :])
    return -(np.linalg.solve(a.mT, g) @ y.mT)


def _solve_second(g: Any, y: Any, a: Any, b: Any) -> Any:
    if b.ndim == 1 and g.ndim > 1:  # a stack of vectors would be taken for a matrix
        return np.linalg.solve(a.mT, g[..., None])[..., 0]
    return np.linalg.solve(a.mT, g)


@primitive(
    np.linalg.solve,
    name="linalg.solve",
    # Giles §2.2.3 for C = A⁻¹B: B̄ = A^-T C̄ and Ā = -B̄ C^T
    rules=(_solve_first, _solve_second),
    latex="{0}^{{-1}} {1}",
    cases=(
        lambda draw: call(draw.invertible(3), draw(3)),
        lambda draw: call(draw.invertible(3), draw(3, 2)),
        lambda draw: call(draw.invertible(2, 3), draw(3)),
        lambda draw: call(draw.invertible(2, 3), draw(2, 3, 4)),
        lambda draw: call(draw.invertible(2, 3), draw(3, 1)),
        lambda draw: call(draw.invertible(3), draw(2, 3, 1)),
        lambda draw: call(draw.invertible(2, 1, 3), draw(4, 3, 2)),
    ),
)
def solve(a: Any, b: Any) -> Bound:
    return (a, b), {}


@composite(np.linalg.tensorinv)
def tensorinv(a: Any, ind: int = 2) -> Any:
    shape = np.shape(a)
    columns = int(np.prod(shape[ind:], dtype=int))
    return np.reshape(np.linalg.inv(np.reshape(a, (columns, -1))), shape[ind:] + shape[:ind])


@composite(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    if axes is not None:
        a = np.moveaxis(a, axes, tuple(range(-len(axes), 0)))
    wanted = np.shape(a)[np.ndim(b) :]
    matrix = np.reshape(a, (np.size(b), -1))
    return np.reshape(np.linalg.solve(matrix, np.ravel(b)), wanted)


def _lstsq_rule(g: Any, y: Any, a: Any, b: Any, rcond: float, position: int) -> Any:
    g_x, g_residuals, g_s = g
    x, residuals, s = y
    shape = np.shape(b)
    if not (is_plainly_zero(g_x) and is_plainly_zero(g_residuals)):
        values = concrete(s)
        if values[-1] <= rcond * values[0]:
            raise NotDifferentiable(
                "np.linalg.lstsq has no derivative where singular values are cut off; its solution "
                "jumps there. Add a ridge: np.linalg.solve(A.T @ A + c * np.eye(n), A.T @ b)."
            )
    inverse = np.linalg.pinv(a)
    if len(shape) == 1:
        x, b, g_x = x[:, None], b[:, None], g_x[:, None]
    rest = b - a @ x
    pulled = inverse.T @ g_x
    if residuals.size:
        slope = 2 * (g_residuals * rest)
    if position == 1:
        return np.reshape(pulled + slope if residuals.size else pulled, shape)
    result = rest @ (inverse @ pulled).T - pulled @ x.T
    if residuals.size:
        result = result - slope @ x.T
    if a.shape[0] < a.shape[1]:
        result = result + (inverse.T @ x) @ (g_x - a.T @ pulled).T
    if not is_plainly_zero(g_s):
        u, _, vh = np.linalg.svd(a, full_matrices=False)
        result = result + (u * g_s) @ vh
    return result


def least_squares(a: Any, b: Any, rcond: float) -> Any:
    """The floating-point results of `numpy.linalg.lstsq`: solution, residuals, singular values."""
    found = np.linalg.lstsq(a, b, rcond)
    return found[0], found[1], found[3]


_LSTSQ = primitive(
    name="linalg.lstsq",
    evaluate=least_squares,
    # Golub & Pereyra (1973), eq. (4.12), applied to x = A⁺b, for matrices of full rank
    rules=(
        lambda g, y, a, b, *, rcond: _lstsq_rule(g, y, a, b, rcond, 0),
        lambda g, y, a, b, *, rcond: _lstsq_rule(g, y, a, b, rcond, 1),
    ),
    outputs=3,
    source="chainrule.engine.rules.linalg.least_squares({0}, {1}, rcond={rcond})",
    cases=(
        lambda draw: call(_tall(draw), draw(4), rcond=1e-12),
        lambda draw: call(_tall(draw), draw(4, 3), rcond=1e-12),
        lambda draw: call(_tall(draw).T, draw(2, 3), rcond=1e-12),
        lambda draw: call(_tall(draw).T, draw(2), rcond=1e-12),
        lambda draw: call(draw.invertible(3), draw(3), rcond=1e-12),
    ),
)(lambda a, b, *, rcond: ((a, b), {"rcond": rcond}))


def _tall(draw: Any) -> Any:
    """A 4 x 2 matrix with singular values away from zero and from each other."""
    return np.eye(4, 2) * [3.0, 1.5] + 0.2 * draw(4, 2)


@composite(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: float | None = None) -> Any:
    if rcond is None:
        rcond = max(np.shape(a)) * float(np.finfo(np.result_type(a, b, 0.0)).eps)
    x, residuals, s = apply(_LSTSQ, a, b, rcond=rcond)
    return x, residuals, np.sum(s > rcond * s[0]), s


# --- determinants ---------------------------------------------------------------------------------


def _det_rule(g: Any, y: Any, a: Any) -> Any:
    if not _is_well_conditioned(concrete(a)):
        return g[..., None, None] * cofactor(a)
    if a.ndim == 2:
        return g * y * np.linalg.inv(a).T
    return (g * y)[..., None, None] * np.linalg.inv(a).mT


def _is_well_conditioned(a: Any) -> bool:
    """Whether a determinant times an inverse keeps half of the digits."""
    try:
        inverse = np.linalg.inv(a)
    except np.linalg.LinAlgError:
        return False
    condition = np.linalg.norm(a, axis=(-2, -1)) * np.linalg.norm(inverse, axis=(-2, -1))
    return bool(np.all(condition < np.finfo(inverse.dtype).eps ** -0.5))


@primitive(
    np.linalg.det,
    name="linalg.det",
    # Giles §2.2.4: Ā = C̄ C A^-T; at singular matrices its limit, the cofactor matrix
    rules=(_det_rule,),
    latex=r"\det {0}",
    cases=(
        lambda draw: call(draw.invertible(3)),
        lambda draw: call(draw.invertible(2, 3)),
        lambda draw: call(draw.invertible(1)),
        lambda draw: call(np.outer(draw(3), draw(3)) + np.outer(draw(3), draw(3))),
        lambda draw: call(np.zeros((2, 2, 2))),
    ),
)
def det(a: Any) -> Bound:
    return (a,), {}


def _slogdet_rule(g: Any, y: Any, a: Any) -> Any:
    inverse = _inverse_or_refuse(a, "np.linalg.slogdet has no derivative at a singular matrix")
    return g[1][..., None, None] * inverse.mT


def _inverse_or_refuse(a: Any, refusal: str) -> Any:
    try:
        return np.linalg.inv(a)
    except np.linalg.LinAlgError:
        raise NotDifferentiable(f"{refusal}.") from None


@primitive(
    np.linalg.slogdet,
    name="linalg.slogdet",
    rules=(_slogdet_rule,),
    outputs=2,
    cases=(
        lambda draw: call(draw.invertible(3)),
        lambda draw: call(-draw.invertible(2, 3)),
    ),
)
def slogdet(a: Any) -> Bound:
    return (a,), {}


@own("cofactor")
def cofactor(a: Any) -> Any:
    """The cofactor matrix, which is the gradient of the determinant, also of singular matrices.

    With A = U S Vᵀ it is det(U) det(V) U cof(S) Vᵀ.
    """
    u, s, vh, sign = _oriented_svd(a)
    return sign * ((u * _products_without(s)[0][..., None, :]) @ vh)


@own("cofactor_derivative")
def cofactor_derivative(a: Any, h: Any) -> Any:
    """The derivative of the cofactor matrix in the direction ``h``: det's Hessian times ``h``."""
    u, s, vh, sign = _oriented_svd(a)
    pairs = _products_without(s)[1]
    turned = u.mT @ h @ vh.mT
    diagonal = np.linalg.diagonal(turned)[..., None, :] @ pairs
    change = np.eye(s.shape[-1], dtype=s.dtype) * diagonal - pairs * turned.mT
    return sign * (u @ change @ vh)


def _oriented_svd(a: Any) -> tuple[Any, Any, Any, Any]:
    u, s, vh = np.linalg.svd(a)
    return u, s, vh, (np.linalg.det(u) * np.linalg.det(vh))[..., None, None]


def _products_without(s: Any) -> tuple[Any, Any]:
    """Products of the last axis without entry i, and without entries i and j (0 for i = j).

    Built from running products, since dividing the full product by zero would fail.
    """
    n = s.shape[-1]
    ones = np.ones((*s.shape[:-1], 1), s.dtype)
    before = np.cumprod(np.concatenate([ones, s[..., :-1]], -1), -1)
    after = np.cumprod(np.concatenate([ones, s[..., :0:-1]], -1), -1)[..., ::-1]
    later = np.triu(np.ones((n, n), bool), 1)
    between = np.cumprod(np.where(later, s[..., None, :], 1), -1)
    between = np.concatenate([np.ones_like(between[..., :1]), between[..., :-1]], -1)
    pairs = np.where(later, before[..., :, None] * between * after[..., None, :], 0)
    return before * after, pairs + pairs.mT


def _cofactor_derivative_first(g: Any, y: Any, a: Any, h: Any) -> Any:
    """The third derivative of det applied to ``g`` and ``h``: that of det A · A^-T, twice."""
    inverse = _inverse_or_refuse(a, "np.linalg.det has no third derivative at a singular matrix")
    first, second = inverse @ g, inverse @ h
    trace_first, trace_second, trace_both = (
        np.linalg.trace(x)[..., None, None] for x in (first, second, first @ second)
    )
    change = (
        (trace_first * trace_second - trace_both) * inverse
        - trace_first * (second @ inverse)
        - trace_second * (first @ inverse)
        + first @ second @ inverse
        + second @ first @ inverse
    )
    return np.linalg.det(a)[..., None, None] * change.mT


primitive(
    name="cofactor",
    evaluate=cofactor,
    rules=(lambda g, y, a: cofactor_derivative(a, g),),
    source="chainrule.engine.rules.linalg.cofactor({0})",
    latex=r"\operatorname{{cof}} {0}",
    cases=(
        lambda draw: call(draw.invertible(3)),
        lambda draw: call(draw.invertible(2, 2)),
        lambda draw: call(draw.invertible(1)),
    ),
)(lambda a: ((a,), {}))

primitive(
    name="cofactor_derivative",
    evaluate=cofactor_derivative,
    rules=(_cofactor_derivative_first, lambda g, y, a, h: cofactor_derivative(a, g)),
    source="chainrule.engine.rules.linalg.cofactor_derivative({0}, {1})",
    cases=(
        lambda draw: call(draw.invertible(3), draw(3, 3)),
        lambda draw: call(draw.invertible(2, 2), draw(2, 2, 2)),
    ),
)(lambda a, h: ((a, h), {}))


# --- powers, chains, rank -------------------------------------------------------------------------


@composite(np.linalg.matrix_power)
def matrix_power(a: Any, n: int) -> Any:
    n = operator.index(n)
    if n == 0:
        return np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape)
    square = np.linalg.inv(a) if n < 0 else a
    n = abs(n)
    result = None
    while True:
        n, odd = divmod(n, 2)
        if odd:
            result = square if result is None else result @ square
        if not n:
            return result
        square = square @ square


@composite(np.linalg.multi_dot)
def multi_dot(arrays: Any) -> Any:
    chain = list(arrays)
    if len(chain) < 2:
        raise InvalidInput(
            f"np.linalg.multi_dot needs at least two arrays, got {len(chain)} at {here()}."
        )
    sizes = [1 if np.ndim(chain[0]) == 1 else np.shape(chain[0])[0]]
    sizes += [np.shape(x)[0] for x in chain[1:]]
    sizes.append(1 if np.ndim(chain[-1]) == 1 else np.shape(chain[-1])[-1])
    split = _cheapest_splits(sizes)

    def product(first: int, last: int) -> Any:
        if first == last:
            return chain[first]
        at = split[first, last]
        return np.dot(product(first, at), product(at + 1, last))

    return product(0, len(chain) - 1)


def _cheapest_splits(sizes: list[int]) -> dict[tuple[int, int], int]:
    """Where to split each subchain (Cormen et al., Introduction to Algorithms, 3rd ed., §15.2)."""
    count = len(sizes) - 1
    cost = {(i, i): 0 for i in range(count)}
    split = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            found = {
                k: cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1]
                for k in range(i, j)
            }
            split[i, j] = min(found, key=found.__getitem__)
            cost[i, j] = found[split[i, j]]
    return split


@primitive(
    np.linalg.matrix_rank,
    name="linalg.matrix_rank",
    rules=(ZERO,),
    latex=r"\operatorname{{rank}} {0}",
    cases=(
        lambda draw: call(draw(3, 4)),
        lambda draw: call(draw(2, 3, 3), rtol=1e-3),
        lambda draw: call(draw.positive_definite(3), hermitian=True),
        lambda draw: call(draw(3)),
    ),
)
def matrix_rank(A: Any, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Bound:
    return (A,), {"tol": tol, "hermitian": hermitian, "rtol": rtol}
