"""Rules of matrix decompositions: Cholesky, eigenvalues, singular values, QR, pseudoinverse.

NumPy reads one triangle of a symmetric matrix, so the gradient of `eigh`, `eigvalsh` and `cholesky`
is zero in the other, and an off-diagonal entry carries the share of both positions. Eigenvectors of
equal eigenvalues and singular vectors of equal singular values have no derivative: asking for it
raises, and gives NaN where a graph is evaluated again on such a matrix.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.engine.errors import NotDifferentiable, UnsupportedArgument
from chainrule.engine.graph import shape_of
from chainrule.engine.location import here
from chainrule.engine.primitive import call, composite, primitive, refuse
from chainrule.engine.rules.arguments import Bound, not_covered
from chainrule.engine.rules.linalg import is_plainly_zero
from chainrule.engine.rules.own import concrete
from chainrule.engine.tracing import Traced, apply

# --- Cholesky -------------------------------------------------------------------------------------


def _in_triangle(gradient: Any, triangle: str) -> Any:
    """The gradient by the entries that NumPy reads, given one that treats all as independent."""
    if triangle in ("L", "l"):
        return np.tril(gradient) + np.tril(gradient.mT, -1)
    return np.triu(gradient) + np.triu(gradient.mT, 1)


def _cholesky_rule(g: Any, y: Any, a: Any, *, upper: bool) -> Any:
    lower, g = (y.mT, g.mT) if upper else (y, g)
    product = lower.mT @ g
    half = (np.tril(product) + np.tril(product, -1)) / 2
    left = np.linalg.solve(lower.mT, half)
    return _in_triangle(np.linalg.solve(lower.mT, left.mT).mT, "U" if upper else "L")


@primitive(
    np.linalg.cholesky,
    name="linalg.cholesky",
    # Murray, "Differentiation of the Cholesky decomposition" (2016), eq. (10): L^-T Φ(Lᵀ L̄) L⁻¹
    rules=(_cholesky_rule,),
    cases=(
        lambda draw: call(draw.positive_definite(3)),
        lambda draw: call(draw.positive_definite(2, 3)),
        lambda draw: call(draw.positive_definite(3), upper=True),
        lambda draw: call(draw.positive_definite(1)),
    ),
)
def cholesky(a: Any, /, *, upper: bool = False) -> Bound:
    return (a,), {"upper": bool(upper)}


# --- eigenvalues ----------------------------------------------------------------------------------


def _columns_asked_for(*cotangents: Any) -> Any:
    """Which vectors, the columns, have a cotangent; all where it may vary."""
    asked: Any = False
    for cotangent in cotangents:
        asked = asked | (True if isinstance(cotangent, Traced) else np.any(cotangent != 0, axis=-2))
    return np.asarray(asked)


def _reciprocal_gaps(values: Any, asked: Any, what: str) -> Any:
    """The matrix 1/(vⱼ - vᵢ); 0 for equal values whose vectors are not asked for."""
    gaps = values[..., None, :] - values[..., :, None]
    size = np.sum(np.abs(values), axis=-1, keepdims=True)[..., None]
    equal = np.abs(gaps) <= (4 * np.finfo(values.dtype).eps) * size
    pairs = np.atleast_1d(asked)[..., None, :] | np.atleast_1d(asked)[..., :, None]
    undefined = equal & (pairs & ~np.eye(values.shape[-1], dtype=bool))
    if np.any(concrete(undefined)):
        raise NotDifferentiable(
            f"{what} have no derivative; write the function in the values alone, or perturb the "
            f"matrix."
        )
    reciprocal = np.where(equal, 0, 1 / np.where(equal, 1, gaps))
    return np.where(undefined, np.nan, reciprocal)


def _eigh_rule(g: Any, y: Any, a: Any, *, UPLO: str) -> Any:
    g_values, g_vectors = g
    w, v = y
    if is_plainly_zero(g_vectors):
        return _in_triangle((v * g_values[..., None, :]) @ v.mT, UPLO)
    what = "eigenvectors of equal eigenvalues (np.linalg.eigh)"
    gaps = _reciprocal_gaps(w, _columns_asked_for(g_vectors), what)
    identity = np.eye(a.shape[-1], dtype=bool)
    inner = gaps * (v.mT @ g_vectors) + identity * g_values[..., None, :]
    return _in_triangle(v @ inner @ v.mT, UPLO)


def _symmetric(draw: Any, *shape: int) -> Any:
    """Symmetric matrices with well separated eigenvalues of both signs."""
    n = shape[-1]
    vectors = np.linalg.qr(draw(*shape, n))[0]
    values = np.linspace(-2.0, 3.0, n) + draw(*shape, low=-0.3, high=0.3)
    return (vectors * values[..., None, :]) @ vectors.mT


@primitive(
    np.linalg.eigh,
    name="linalg.eigh",
    # Giles §3.1: Ā = V (diag(w̄) + F ∘ (Vᵀ V̄)) Vᵀ with F_ij = 1/(w_j - w_i)
    rules=(_eigh_rule,),
    outputs=2,
    cases=(
        lambda draw: call(_symmetric(draw, 3)),
        lambda draw: call(_symmetric(draw, 2, 3)),
        lambda draw: call(_symmetric(draw, 3), UPLO="U"),
        lambda draw: call(_symmetric(draw, 1)),
    ),
)
def eigh(a: Any, UPLO: str = "L") -> Bound:
    return (a,), {"UPLO": UPLO}


@composite(np.linalg.eigvalsh)
def eigvalsh(a: Any, UPLO: Any = "L") -> Any:
    return np.linalg.eigh(a, UPLO)[0]


def _eig(a: Any) -> Any:
    found = np.linalg.eig(a)
    if found[0].dtype.kind == "c":
        raise UnsupportedArgument(
            f"the matrix has complex eigenvalues, which are not supported, at {here()}; use "
            f"np.linalg.eigh for a symmetric matrix."
        )
    return found


def _eig_rule(g: Any, y: Any, a: Any) -> Any:
    g_values, g_vectors = g
    w, v = y
    inverse = np.linalg.inv(v)
    size = np.linalg.norm(concrete(v), axis=(-2, -1))
    condition = size * np.linalg.norm(concrete(inverse), axis=(-2, -1))
    if not np.all(condition < np.finfo(a.dtype).eps ** -0.5):
        raise NotDifferentiable(
            "the eigenvalues of a defective matrix have no derivative (np.linalg.eig); perturb it."
        )
    if is_plainly_zero(g_vectors):
        return inverse.mT @ (g_values[..., :, None] * v.mT)
    what = "eigenvectors of equal eigenvalues (np.linalg.eig)"
    gaps = _reciprocal_gaps(w, _columns_asked_for(g_vectors), what)
    turned = v.mT @ g_vectors
    lengths = np.sum(v * g_vectors, axis=-2, keepdims=True)
    identity = np.eye(a.shape[-1], dtype=bool)
    inner = gaps * (turned - (v.mT @ v) * lengths) + identity * g_values[..., None, :]
    return inverse.mT @ inner @ v.mT


def _real_spectrum(draw: Any, *shape: int) -> Any:
    """Matrices that are not symmetric and have well separated real eigenvalues."""
    n = shape[-1]
    basis = draw.invertible(*shape)
    return basis @ (np.linspace(-2.0, 3.0, n)[:, None] * np.linalg.inv(basis))


@primitive(
    np.linalg.eig,
    name="linalg.eig",
    evaluate=_eig,
    # Giles §3.1, for eigenvectors of length one: the part of V̄ along each vector drops out
    rules=(_eig_rule,),
    outputs=2,
    source="np.linalg.eig({0})",
    cases=(
        lambda draw: call(_real_spectrum(draw, 3)),
        lambda draw: call(_real_spectrum(draw, 2, 3)),
    ),
)
def eig(a: Any) -> Bound:
    return (a,), {}


@composite(np.linalg.eigvals)
def eigvals(a: Any) -> Any:
    return np.linalg.eig(a)[0]


refuse(
    *(getattr(np.fft, name) for name in np.fft.__all__ if not name.endswith(("shift", "freq"))),
    cure="complex numbers are not supported; use np.convolve, or products with matrices of cosines "
    "and sines",
)

# --- singular values ------------------------------------------------------------------------------


def _svd_rule(g: Any, y: Any, a: Any) -> Any:
    g_u, g_values, g_vh = g
    u, s, vh = y
    if is_plainly_zero(g_u) and is_plainly_zero(g_vh):
        return (u * g_values[..., None, :]) @ vh
    asked = _columns_asked_for(g_u, g_vh.mT)
    gaps = _reciprocal_gaps(s, asked, "singular vectors of equal singular values (np.linalg.svd)")
    sums = s[..., None, :] + s[..., :, None]
    factors = gaps / np.where(sums == 0, 1, sums)
    left, right = u.mT @ g_u, g_vh @ vh.mT
    inner = (factors * (left - left.mT)) * s[..., None, :]
    inner = inner + s[..., :, None] * (factors * (right.mT - right))
    inner = inner + np.eye(s.shape[-1], dtype=bool) * g_values[..., None, :]
    result = u @ inner @ vh
    rows, columns = a.shape[-2:]
    if rows != columns:
        scaled = u * _reciprocal_values(s, asked)[..., None, :]
        if rows > columns:
            outside = g_u - u @ left
            result = result + (outside * _reciprocal_values(s, asked)[..., None, :]) @ vh
        else:
            result = result + scaled @ (g_vh - right @ vh)
    return result


def _reciprocal_values(s: Any, asked: Any) -> Any:
    """1/s, and 0 where it is zero and its vectors are not asked for."""
    tiny = s <= 4 * np.finfo(s.dtype).eps * np.sum(s, axis=-1, keepdims=True)
    undefined = tiny & asked
    if np.any(concrete(undefined)):
        raise NotDifferentiable(
            "singular vectors of a zero singular value have no derivative (np.linalg.svd); write "
            "the function in the singular values alone, or perturb the matrix."
        )
    return np.where(undefined, np.nan, np.where(tiny, 0, 1 / np.where(tiny, 1, s)))


def _rectangular(draw: Any, rows: int, columns: int, *batch: int) -> Any:
    """Matrices with well separated singular values, none near zero."""
    rank = min(rows, columns)
    left = np.linalg.qr(draw(*batch, rows, rank))[0]
    right = np.linalg.qr(draw(*batch, columns, rank))[0]
    values = np.linspace(3.0, 1.0, rank) + draw(*batch, rank, low=-0.2, high=0.2)
    return (left * values[..., None, :]) @ right.mT


_SVD = primitive(
    name="linalg.svd",
    evaluate=lambda a: np.linalg.svd(a, full_matrices=False),
    # Townsend, "Differentiating the singular value decomposition" (2016), eq. (33)
    rules=(_svd_rule,),
    outputs=3,
    source="np.linalg.svd({0}, full_matrices=False)",
    cases=(
        lambda draw: call(_rectangular(draw, 3, 3)),
        lambda draw: call(_rectangular(draw, 4, 2)),
        lambda draw: call(_rectangular(draw, 2, 4)),
        lambda draw: call(_rectangular(draw, 3, 2, 2)),
    ),
)(lambda a: ((a,), {}))


def _matrix_shape(a: Any) -> tuple[int, int]:
    shape = shape_of(a)
    if len(shape) < 2:
        raise np.linalg.LinAlgError(f"a matrix is needed, got an array of shape {shape}.")
    return shape[-2], shape[-1]


@composite(np.linalg.svd)
def svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    if hermitian:
        raise not_covered("linalg.svd", "hermitian=True", "use np.linalg.eigh")
    rows, columns = _matrix_shape(a)
    if compute_uv and full_matrices and rows != columns:
        what = f"full_matrices=True for a {rows} x {columns} matrix"
        raise not_covered("linalg.svd", what, "pass full_matrices=False")
    found = apply(_SVD, a)
    return found if compute_uv else found[1]


@composite(np.linalg.svdvals)
def svdvals(x: Any, /) -> Any:
    return apply(_SVD, x)[1]


# --- QR -------------------------------------------------------------------------------------------


def _qr_rule(g: Any, y: Any, a: Any) -> Any:
    g_q, g_r = g
    q, r = y
    rows, columns = a.shape[-2:]
    diagonal = np.abs(np.linalg.diagonal(concrete(r)))
    limit = 4 * np.finfo(diagonal.dtype).eps * np.sum(diagonal, axis=-1, keepdims=True)
    if np.any(diagonal <= limit):
        raise NotDifferentiable(
            "np.linalg.qr has no derivative at a matrix whose columns are linearly dependent; "
            "perturb it."
        )
    if rows >= columns:
        return _tall_qr(g_q, g_r, q, r)
    # A = [X Y] with X = Q U and V = Qᵀ Y
    g_v = g_r[..., rows:]
    first = _tall_qr(g_q + a[..., rows:] @ g_v.mT, g_r[..., :rows], q, r[..., :rows])
    return np.concatenate([first, q @ g_v], axis=-1)


def _tall_qr(g_q: Any, g_r: Any, q: Any, r: Any) -> Any:
    m = r @ g_r.mT - g_q.mT @ q
    symmetric = np.tril(m) + np.tril(m, -1).mT
    return np.linalg.solve(r, (g_q + q @ symmetric).mT).mT


_QR = primitive(
    name="linalg.qr",
    evaluate=np.linalg.qr,
    # Walter & Lehmann, "Algorithmic differentiation of linear algebra functions with application in
    # optimum experimental design" (2010), QR: Ā = (Q̄ + Q copyltu(R R̄ᵀ - Q̄ᵀ Q)) R^-T
    rules=(_qr_rule,),
    outputs=2,
    source="np.linalg.qr({0})",
    cases=(
        lambda draw: call(_rectangular(draw, 3, 3)),
        lambda draw: call(_rectangular(draw, 4, 2)),
        lambda draw: call(_rectangular(draw, 2, 4)),
        lambda draw: call(_rectangular(draw, 4, 3, 2)),
    ),
)(lambda a: ((a,), {}))


@composite(np.linalg.qr)
def qr(a: Any, mode: str = "reduced") -> Any:
    rows, columns = _matrix_shape(a)
    if mode not in ("reduced", "r") and not (mode == "complete" and rows <= columns):
        what = f"mode={mode!r} for a {rows} x {columns} matrix"
        raise not_covered("linalg.qr", what, "use mode='reduced'")
    found = apply(_QR, a)
    return found[1] if mode == "r" else found


# --- pseudoinverse and least squares --------------------------------------------------------------


def _pinv_rule(g: Any, y: Any, a: Any, *, rcond: Any) -> Any:
    product = concrete(y) @ concrete(a)
    if np.any(np.linalg.trace(product) < min(a.shape[-2:]) - 0.5):
        raise NotDifferentiable(
            "np.linalg.pinv has no derivative where singular values are cut off; it jumps there. "
            "Add a ridge: np.linalg.solve(A.T @ A + c * np.eye(n), A.T)."
        )
    result = -(y.mT @ g @ y.mT)
    if a.shape[-2] > a.shape[-1]:
        result = result + (g.mT - a @ (y @ g.mT)) @ (y @ y.mT)
    elif a.shape[-2] < a.shape[-1]:
        result = result + (y.mT @ y) @ (g.mT - (g.mT @ y) @ a)
    return result


@primitive(
    np.linalg.pinv,
    name="linalg.pinv",
    # Golub & Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems
    # whose variables separate" (1973), eq. (4.12), for matrices of full rank
    rules=(_pinv_rule,),
    latex="{0}^{{+}}",
    cases=(
        lambda draw: call(_rectangular(draw, 3, 3)),
        lambda draw: call(_rectangular(draw, 4, 2)),
        lambda draw: call(_rectangular(draw, 2, 4)),
        lambda draw: call(_rectangular(draw, 4, 2, 3), rcond=1e-6),
        lambda draw: call(_rectangular(draw, 3, 2), rtol=None),
    ),
)
def pinv(a: Any, rcond: Any = None, *, rtol: Any = "default") -> Bound:
    if rtol is None:
        rcond = max(np.shape(a)[-2:]) * np.finfo(a.dtype).eps
    elif not isinstance(rtol, str):
        rcond = rtol
    return (a,), {"rcond": rcond}
