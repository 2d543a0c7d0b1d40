"""Linear algebra: compositions, singular and degenerate matrices, triangles, norms at kinks."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.engine.errors import (
    NotDifferentiable,
    UnsupportedArgument,
    UnsupportedFunction,
    UnusedInputWarning,
)
from chainrule.engine.symbolic import backward_graph

RNG = np.random.default_rng(5)
A = RNG.normal(size=(3, 3)) + 2 * np.eye(3)
BATCH = RNG.normal(size=(2, 3, 3)) + 2 * np.eye(3)
TALL = RNG.normal(size=(4, 2))
WIDE = RNG.normal(size=(2, 4))
SYMMETRIC = A + A.T
POSITIVE = A @ A.T
ROTATION = np.linalg.qr(RNG.normal(size=(3, 3)))[0]
REPEATED = ROTATION @ np.diag([2.0, 2.0, 5.0]) @ ROTATION.T
REPEATED = (REPEATED + REPEATED.T) / 2
VECTOR = np.array([3.0, -4.0, 12.0])

COMPOSITES = {
    "eigvalsh": (np.linalg.eigvalsh, [SYMMETRIC]),
    "eigvalsh upper": (lambda a: np.linalg.eigvalsh(a, "U"), [A]),
    "eigh by name": (lambda a: np.linalg.eigh(a, UPLO="U").eigenvalues, [A]),
    "svd values": (lambda a: np.linalg.svd(a, compute_uv=False), [TALL]),
    "svd square": (lambda a: np.linalg.svd(a).U, [A]),
    "svd thin": (lambda a: np.linalg.svd(a, full_matrices=False), [WIDE]),
    "svdvals": (np.linalg.svdvals, [BATCH]),
    "qr": (np.linalg.qr, [TALL]),
    "qr r": (lambda a: np.linalg.qr(a, mode="r"), [WIDE]),
    "qr complete": (lambda a: np.linalg.qr(a, "complete"), [WIDE]),
    "eigvals": (lambda a: np.sort(np.linalg.eigvals(a)), [POSITIVE + 0.1 * A]),
    "pinv hermitian default": (lambda a: np.linalg.pinv(a, rtol=1e-10), [TALL]),
    "lstsq": (lambda a, b: np.linalg.lstsq(a, b)[0], [TALL, RNG.normal(size=4)]),
    "lstsq all": (lambda a, b: np.linalg.lstsq(a, b)[:2], [TALL, RNG.normal(size=(4, 2))]),
    "lstsq values": (lambda a, b: np.linalg.lstsq(a, b)[3], [TALL, RNG.normal(size=4)]),
    "lstsq wide": (lambda a, b: np.linalg.lstsq(a, b, rcond=1e-9)[0], [WIDE, RNG.normal(size=2)]),
    "matrix_power 0": (lambda a: np.linalg.matrix_power(a, 0) + a, [A]),
    "matrix_power 1": (lambda a: 2 * np.linalg.matrix_power(a, 1), [A]),
    "matrix_power 3": (lambda a: np.linalg.matrix_power(a, 3), [BATCH]),
    "matrix_power 6": (lambda a: np.linalg.matrix_power(a, 6), [A / 3]),
    "matrix_power -2": (lambda a: np.linalg.matrix_power(a, -2), [A]),
    "tensorinv": (np.linalg.tensorinv, [RNG.normal(size=(2, 3, 6)) + np.eye(6).reshape(2, 3, 6)]),
    "tensorinv 1": (lambda a: np.linalg.tensorinv(a, ind=1), [np.eye(6).reshape(6, 2, 3) * 2]),
    "tensorsolve": (np.linalg.tensorsolve, [RNG.normal(size=(2, 3, 6)), RNG.normal(size=(2, 3))]),
    "tensorsolve axes": (
        lambda a, b: np.linalg.tensorsolve(a, b, axes=(1,)),
        [RNG.normal(size=(2, 6, 3)), RNG.normal(size=(2, 3))],
    ),
    "vector_norm": (np.linalg.vector_norm, [TALL]),
    "vector_norm keepdims": (lambda x: np.linalg.vector_norm(x, keepdims=True, ord=3), [BATCH]),
    "vector_norm axis": (lambda x: np.linalg.vector_norm(x, axis=1), [BATCH]),
    "vector_norm axes": (lambda x: np.linalg.vector_norm(x, axis=(-1, 0), ord=1), [BATCH]),
    "vector_norm axes kept": (
        lambda x: np.linalg.vector_norm(x, axis=(2, 0), ord=np.inf, keepdims=True),
        [BATCH],
    ),
    "matrix_norm": (np.linalg.matrix_norm, [BATCH]),
    "matrix_norm nuclear": (lambda x: np.linalg.matrix_norm(x, ord="nuc", keepdims=True), [BATCH]),
    "cond": (np.linalg.cond, [BATCH]),
    "cond -2": (lambda x: np.linalg.cond(x, -2), [TALL]),
    "cond fro": (lambda x: np.linalg.cond(x, "fro"), [A]),
    "cond 1": (lambda x: np.linalg.cond(x, 1), [BATCH]),
}


@pytest.mark.parametrize(("function", "arguments"), COMPOSITES.values(), ids=COMPOSITES.keys())
def test_compositions_have_numpys_values_and_right_derivatives(function, arguments):
    def parts(value):
        return list(value) if isinstance(value, tuple) else [value]

    for expected, traced in zip(
        parts(function(*arguments)), parts(cr.trace(function, *arguments).value), strict=True
    ):
        assert np.shape(traced) == np.shape(expected)
        assert np.result_type(traced) == np.result_type(expected)
        np.testing.assert_allclose(traced, expected, rtol=1e-9, atol=1e-11)
    cr.check_grads(function, arguments)


def test_lstsq_reports_the_rank():
    rank = cr.trace(lambda a: np.linalg.lstsq(a, np.ones(4))[2], TALL).value
    assert rank == 2


def test_named_results_are_kept():
    result = cr.trace(lambda a: np.linalg.slogdet(a).logabsdet, A).value
    np.testing.assert_allclose(result, np.log(abs(np.linalg.det(A))), rtol=1e-14)


# --- determinants ---------------------------------------------------------------------------------


def minors(a):
    """Cofactors from the definition: signed determinants with a row and a column left out."""
    n = len(a)
    return np.array(
        [
            [(-1) ** (i + j) * np.linalg.det(np.delete(np.delete(a, i, 0), j, 1)) for j in range(n)]
            for i in range(n)
        ]
    )


@pytest.mark.parametrize(
    "matrix",
    [
        np.array([[1.0, 2.0], [2.0, 4.0]]),
        np.array([[0.1, 0.2], [0.3, 0.6]]),
        np.zeros((2, 2)),
        np.zeros((3, 3)),
        np.ones((3, 3)),
        np.diag([1.0, 2.0, 0.0, 3.0]),
        np.outer(VECTOR, [0.3, 0.7, -1.1]) + np.outer([1.0, 0.2, 0.5], VECTOR),
        np.array([[0.0]]),
        A,
        A * 1e-40,
    ],
)
def test_gradient_of_the_determinant_is_the_cofactor_matrix(matrix):
    """Also of singular matrices, to full precision; so is its Hessian, which is a polynomial."""
    scale = max(np.max(np.abs(matrix)), 1e-300)
    expected = minors(matrix)
    found = cr.grad(np.linalg.det)(matrix)
    bound = 1e-13 * scale ** (len(matrix) - 1)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=bound)
    direction = RNG.normal(size=matrix.shape)
    second = cr.hvp(np.linalg.det, matrix, direction)
    h = scale
    steps = (-2, -1, 1, 2)  # exact for cofactors, which are cubic at most
    curve = [minors(matrix + k * h * direction) for k in steps]
    exact = (curve[0] - 8 * curve[1] + 8 * curve[2] - curve[3]) / (12 * h)
    np.testing.assert_allclose(second, exact, rtol=1e-10, atol=1e-10 * np.max(np.abs(exact)))


def test_gradient_of_log_determinant():
    np.testing.assert_allclose(
        cr.grad(lambda a: np.linalg.slogdet(a)[1])(A), np.linalg.inv(A).T, rtol=1e-13
    )
    with pytest.raises(NotDifferentiable, match="slogdet has no derivative at a singular matrix"):
        cr.grad(lambda a: np.linalg.slogdet(a)[1])(np.ones((2, 2)))


# --- symmetric matrices ---------------------------------------------------------------------------


def in_triangle(symmetric, triangle):
    strict = np.tril(np.ones_like(symmetric), -1)
    strict = strict if triangle == "L" else strict.T
    return symmetric * (2 * strict + np.eye(len(symmetric)))


@pytest.mark.parametrize("triangle", ["L", "U"])
def test_only_the_triangle_that_numpy_reads_has_a_gradient(triangle):
    """Σw² is ‖A‖², whose gradient 2A is gathered in one triangle."""
    found = cr.grad(lambda a: np.sum(np.linalg.eigvalsh(a, triangle) ** 2))(SYMMETRIC)
    np.testing.assert_allclose(found, in_triangle(2 * SYMMETRIC, triangle), atol=1e-12)
    found = cr.grad(
        lambda a: 2 * np.sum(np.log(np.diag(np.linalg.cholesky(a, upper=triangle == "U"))))
    )(POSITIVE)
    expected = in_triangle(np.linalg.inv(POSITIVE), triangle)
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_a_symmetrised_matrix_has_the_textbook_gradient():
    """With A = (B + Bᵀ)/2 both triangles get their share: the gradient of Σw² is 2A."""

    def f(b):
        return np.sum(np.linalg.eigvalsh((b + b.T) / 2) ** 2)

    np.testing.assert_allclose(cr.grad(f)(SYMMETRIC), 2 * SYMMETRIC, atol=1e-12)


@pytest.mark.parametrize("matrix", [REPEATED, np.eye(3), np.zeros((3, 3)), np.diag([1.0, 1, 4])])
def test_functions_of_repeated_eigenvalues_have_their_gradient(matrix):
    found = cr.grad(lambda a: np.sum(np.linalg.eigh(a)[0] ** 3))(matrix)
    np.testing.assert_allclose(found, in_triangle(3 * matrix @ matrix, "L"), atol=1e-12)


@pytest.mark.parametrize("matrix", [REPEATED, np.eye(3), np.zeros((3, 3))])
def test_eigenvectors_of_equal_eigenvalues_are_refused(matrix):
    def smooth_but_through_the_vectors(a):
        w, v = np.linalg.eigh(a)
        return np.sum((v * np.exp(w)) @ v.T * A)

    with pytest.raises(
        NotDifferentiable, match=r"equal eigenvalues .*perturb .*line \d+ of test_rules"
    ):
        cr.grad(smooth_but_through_the_vectors)(matrix)
    with pytest.raises(NotDifferentiable, match="eigenvectors of equal eigenvalues"):
        cr.jvp(lambda a: np.linalg.eigh(a)[1], (matrix,), (A,))


def test_other_eigenvectors_of_such_a_matrix_are_not():
    """The eigenvector of the single eigenvalue 5: its projection is a smooth function of A."""

    def f(b):
        v = np.linalg.eigh((b + b.T) / 2)[1][:, 2]
        return v @ A @ v

    v = ROTATION[:, 2]
    symmetric = (A + A.T) / 2
    # dv = (5 - 2)⁻¹ (I - vvᵀ) dA v, as both other eigenvalues are 2
    slope = np.outer((np.eye(3) - np.outer(v, v)) @ symmetric @ v, v) * 2 / 3
    np.testing.assert_allclose(cr.grad(f)(REPEATED), (slope + slope.T) / 2, atol=1e-12)


def test_a_graph_evaluated_again_at_equal_eigenvalues_gives_nan():
    """The check is not part of the graph; the undefined number is."""
    graph = cr.trace(lambda a: np.sum(np.linalg.eigh(a)[1] * A), SYMMETRIC)
    gradient = backward_graph(graph).evaluate(np.eye(3))[1]["a"]
    assert np.all(np.isnan(np.diag(gradient, -1)))


def test_nonsymmetric_eigenvalues():
    matrix = np.array([[2.0, 1.0], [0.0, 3.0]])
    np.testing.assert_allclose(
        cr.grad(lambda a: np.linalg.eigvals(a)[0])(matrix), [[1.0, 0.0], [-1.0, 0.0]], atol=1e-14
    )
    with pytest.raises(UnsupportedArgument, match=r"complex eigenvalues.*line \d+ of .*eigh"):
        cr.grad(lambda a: np.sum(np.linalg.eigvals(a)))(np.array([[0.0, 1.0], [-1.0, 0.0]]))
    with pytest.raises(NotDifferentiable, match="defective"):
        cr.grad(lambda a: np.sum(np.linalg.eigvals(a)))(np.array([[1.0, 1.0], [0.0, 1.0]]))
    with pytest.raises(NotDifferentiable, match=r"eigenvectors of equal eigenvalues .*eig"):
        cr.grad(lambda a: np.sum(np.linalg.eig(a)[1]))(np.eye(2))


# --- singular values, QR, pseudoinverse -----------------------------------------------------------


def test_singular_values_at_ties_and_zero():
    np.testing.assert_allclose(
        cr.grad(lambda a: np.sum(np.linalg.svdvals(a) ** 2))(np.eye(3)), 2 * np.eye(3), atol=1e-14
    )
    rank_one = np.outer(VECTOR, [1.0, 2.0])
    np.testing.assert_allclose(
        cr.grad(lambda a: np.sum(np.linalg.svdvals(a) ** 2))(rank_one), 2 * rank_one, atol=1e-13
    )


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.eye(3), "singular vectors of equal singular values"),
        (np.outer(VECTOR, [1.0, 2.0]), "singular vectors of a zero singular value"),
        (np.outer([1.0, 2.0], VECTOR), "singular vectors of a zero singular value"),
    ],
)
def test_singular_vectors_that_have_no_derivative_are_refused(matrix, message):
    def f(a):
        u, _, vh = np.linalg.svd(a, full_matrices=False)
        return np.sum(u) + np.sum(vh)

    with pytest.raises(NotDifferentiable, match=message):
        cr.grad(f)(matrix)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda a: np.linalg.svd(a)[1], "full_matrices=True for a 4 x 2 matrix .*False"),
        (lambda a: np.linalg.svd(a, hermitian=True)[1], "hermitian=True .*eigh"),
        (lambda a: np.linalg.qr(a, "complete")[1], "mode='complete' for a 4 x 2 matrix .*reduced"),
        (lambda a: np.linalg.qr(a, "raw")[1], "mode='raw'"),
        (lambda a: np.linalg.pinv(a, hermitian=True), "hermitian"),
        (lambda a: np.linalg.norm(a[0], ord=0), "ord=0 .*count_nonzero"),
    ],
)
def test_arguments_without_a_rule_are_refused(call, message):
    with pytest.raises(UnsupportedArgument, match=message) as caught:
        cr.grad(lambda a: np.sum(call(a)))(TALL)
    assert "of test_rules_linalg.py" in str(caught.value)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda a: np.linalg.qr(a)[1], "np.linalg.qr has no derivative .*dependent"),
        (np.linalg.pinv, "np.linalg.pinv has no derivative .*ridge"),
        (lambda a: np.linalg.lstsq(a, np.ones(4))[0], "np.linalg.lstsq has no derivative .*ridge"),
        (lambda a: np.linalg.pinv(a, rcond=0.9), "np.linalg.pinv has no derivative"),
    ],
)
def test_matrices_of_deficient_rank_are_refused(function, message):
    deficient = np.outer([1.0, 2.0, 3.0, 4.0], [1.0, 1.0]) + (1e-17 * TALL)
    with pytest.raises(NotDifferentiable, match=message):
        cr.grad(lambda a: np.sum(function(a)))(deficient)


def test_singular_values_of_lstsq_do_not_need_full_rank():
    deficient = np.outer([1.0, 2.0, 3.0, 4.0], [1.0, 1.0])
    found = cr.grad(lambda a: np.sum(np.linalg.lstsq(a, np.ones(4))[3] ** 2))(deficient)
    np.testing.assert_allclose(found, 2 * deficient, atol=1e-13)


def test_rank_is_piecewise_constant():
    with pytest.warns(UnusedInputWarning, match="piecewise constant"):
        gradient = cr.grad(lambda a: 2.0 * np.linalg.matrix_rank(a))(A)
    np.testing.assert_array_equal(gradient, np.zeros((3, 3)))


def test_fourier_transforms_are_refused_with_the_cure():
    with pytest.raises(
        UnsupportedFunction, match=r"rfft .*line \d+ of .*complex numbers .*np.convolve"
    ):
        cr.grad(lambda x: np.sum(np.abs(np.fft.rfft(x))))(VECTOR)


# --- norms ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [None, 1, 2, 3, 1.5, 0.5, np.inf, -np.inf])
def test_every_norm_has_gradient_zero_at_the_zero_vector(order):
    with np.errstate(all="raise"):
        np.testing.assert_array_equal(
            cr.grad(lambda x: np.linalg.norm(x, order))(np.zeros(3)), np.zeros(3)
        )


@pytest.mark.parametrize("order", [None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
def test_every_norm_has_gradient_zero_at_the_zero_matrix(order):
    with np.errstate(all="raise"):
        np.testing.assert_array_equal(
            cr.grad(lambda x: np.linalg.norm(x, order))(np.zeros((2, 3))), np.zeros((2, 3))
        )


def test_rows_that_are_zero_do_not_disturb_the_others():
    x = np.array([[3.0, 4.0], [0.0, 0.0]])
    for axis, expected in ((1, [[0.6, 0.8], [0, 0]]), (0, [[1, 1], [0, 0]])):
        found = cr.grad(lambda a, k=axis: np.sum(np.linalg.norm(a, axis=k)))(x)
        np.testing.assert_allclose(found, expected, rtol=1e-15)
    assert np.all(np.isfinite(cr.hessian(lambda a: np.sum(np.linalg.norm(a, axis=1)))(x)))


@pytest.mark.parametrize(
    ("order", "x", "expected"),
    [
        (None, [3.0, -4.0], [0.6, -0.8]),
        (np.inf, [2.0, -2.0, 1.0], [0.5, -0.5, 0.0]),
        (-np.inf, [2.0, -1.0, 1.0], [0.0, -0.5, 0.5]),
        (1, [2.0, 0.0, -1.0], [1.0, 0.0, -1.0]),
        (3, [0.0, 2.0], [0.0, 1.0]),
        (0.5, [0.0, 4.0], [0.0, 1.0]),
        (1, [[1.0, 2.0], [-3.0, 0.0]], [[1.0, 0.0], [-1.0, 0.0]]),
        (1, [[1.0, 2.0], [-3.0, 2.0]], [[0.5, 0.5], [-0.5, 0.5]]),
        (2, [[2.0, 0.0], [0.0, 2.0]], [[0.5, 0.0], [0.0, 0.5]]),
        ("nuc", [[2.0, 0.0], [0.0, 0.0]], [[1.0, 0.0], [0.0, 0.0]]),
        (-2, [[2.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]),
    ],
)
def test_norms_at_kinks_and_ties(order, x, expected):
    found = cr.grad(lambda a: np.linalg.norm(a, order))(np.array(x))
    np.testing.assert_allclose(found, expected, atol=1e-15)
