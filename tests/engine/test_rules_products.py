"""Products, einsum, convolution of sequences and polynomials: values, derivatives, refusals."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.engine.errors import InvalidInput, UnsupportedArgument
from chainrule.engine.symbolic import backward_graph

RNG = np.random.default_rng(3)
A = RNG.normal(size=(3, 4))
B = RNG.normal(size=(4, 2))
C = RNG.normal(size=(2, 5))
CUBE = RNG.normal(size=(2, 3, 4))
LINE = RNG.normal(size=4)
VECTORS = RNG.normal(size=(4, 3))
POINTS = np.array([-1.0, -0.3, 0.4, 1.1, 1.9])
HEIGHTS = RNG.normal(size=5)

COMPOSITES = {
    "linalg.matmul": (np.linalg.matmul, [A, B]),
    "linalg.vecdot": (np.linalg.vecdot, [CUBE, LINE]),
    "linalg.vecdot axis": (lambda a, b: np.linalg.vecdot(a, b, axis=1), [CUBE, CUBE + 1]),
    "linalg.tensordot": (lambda a, b: np.linalg.tensordot(a, b, axes=((1,), (2,))), [A, CUBE]),
    "linalg.outer": (np.linalg.outer, [LINE, HEIGHTS]),
    "linalg.cross": (np.linalg.cross, [VECTORS, VECTORS[0]]),
    "linalg.cross axis": (lambda a, b: np.linalg.cross(a, b, axis=0), [VECTORS.T, 2 - VECTORS.T]),
    "linalg.trace": (lambda a: np.linalg.trace(a, offset=1), [CUBE]),
    "linalg.diagonal": (lambda a: np.linalg.diagonal(a, offset=-1), [CUBE]),
    "linalg.matrix_transpose": (np.linalg.matrix_transpose, [CUBE]),
    "multi_dot of two": (lambda a, b: np.linalg.multi_dot([a, b]), [A, B]),
    "multi_dot of three": (lambda a, b, c: np.linalg.multi_dot([a, b, c]), [A, B, C]),
    "multi_dot of four": (lambda *m: np.linalg.multi_dot(m), [A, B, C, RNG.normal(size=(5, 3))]),
    "multi_dot of vectors": (lambda *m: np.linalg.multi_dot(m), [LINE, B, C, HEIGHTS]),
    "multi_dot of row": (lambda *m: np.linalg.multi_dot(m), [LINE, B, C]),
    "polyval": (np.polyval, [LINE, A]),
    "polyval scalar": (np.polyval, [LINE, np.float64(0.7)]),
    "polyval points": (lambda x: np.polyval([1.0, -2.0, 3.0], x), [A]),
    "polyval coefficients": (lambda p: np.polyval(p, 2.0), [LINE]),
    "vander": (np.vander, [LINE]),
    "vander wide": (lambda x: np.vander(x, 6, increasing=True), [LINE]),
    "vander one column": (lambda x: np.vander(x, 2), [LINE]),
    "polyfit": (lambda x, y: np.polyfit(x, y, 2), [POINTS, HEIGHTS]),
    "polyfit weights": (lambda x, y, w: np.polyfit(x, y, 1, w=w), [POINTS, HEIGHTS, POINTS + 2]),
    "polyfit columns": (lambda x, y: np.polyfit(x, y, 2), [POINTS, RNG.normal(size=(5, 2))]),
    "polyfit exact": (lambda y: np.polyfit(POINTS, y, 4, rcond=1e-12), [HEIGHTS]),
    "operator and list": (lambda x: [[1.0, 2.0, 0.5, -1.0]] @ x @ [1.0, 2.0], [B]),
    "method": (lambda a, b: a.dot(b), [A, B]),
    "einsum of constants": (lambda x: np.einsum("ij,jk,k->i", A, x, C[:, 0]), [B]),
    "einsum path": (
        lambda a, x: np.einsum("ii,ij->j", a, x, optimize=["einsum_path", (0, 1)]),
        [B @ B.T, B],
    ),
    "einsum repeated operand": (lambda x: np.einsum("ij,kj->ik", x, x), [A]),
}  # fmt: skip


@pytest.mark.parametrize(("function", "arguments"), COMPOSITES.values(), ids=COMPOSITES.keys())
def test_compositions_have_numpys_values_and_right_derivatives(function, arguments):
    expected = function(*arguments)
    traced = cr.trace(function, *arguments).value
    assert np.shape(traced) == np.shape(expected)
    assert np.result_type(traced) == np.result_type(expected)
    np.testing.assert_allclose(traced, expected, rtol=1e-11, atol=1e-12)
    cr.check_grads(function, arguments)


def test_vander_without_columns():
    assert cr.trace(lambda x: np.vander(x, 0), LINE).value.shape == (4, 0)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda x: np.tensordot(a=x, b=LINE, axes=1), LINE),
        (lambda x: np.tensordot(b=x, a=LINE, axes=([0], [0])), LINE),
        (lambda x: np.dot(a=x, b=LINE), LINE),
        (lambda x: np.convolve(v=x, a=LINE, mode="valid")[0], LINE[::-1]),
    ],
)
def test_arrays_passed_by_keyword_are_differentiated(call, expected):
    np.testing.assert_allclose(cr.grad(call)(np.ones(4)), expected, rtol=1e-15)


def test_einsum_diagonals():
    """Repeated indices within one operand: the cotangent goes to the diagonal alone."""
    x = np.arange(9.0).reshape(3, 3)
    weights = np.array([1.0, 10.0, 100.0])
    np.testing.assert_array_equal(
        cr.grad(lambda a: np.einsum("ii->i", a) @ weights)(x), np.diag(weights)
    )
    np.testing.assert_array_equal(cr.grad(lambda a: np.einsum("ii", a))(x), np.eye(3))


def test_quadratic_form_has_the_textbook_hessian():
    matrix = RNG.normal(size=(4, 4))
    found = cr.hessian(lambda x: x @ matrix @ x)(LINE)
    np.testing.assert_allclose(found, matrix + matrix.T, rtol=1e-14)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((3, 4), (4, 2), ["transpose", "matmul", "transpose", "matmul"]),
        ((5, 3, 4), (4, 2), ["transpose", "matmul", "reshape", "transpose", "reshape", "matmul"]),
    ],
)
def test_matrix_products_are_differentiated_by_matrix_products(first, second, expected):
    """The common ranks take no detour: g Bᵀ and Aᵀ g, one product each."""
    graph = cr.trace(lambda a, b: a @ b, np.ones(first), np.ones(second))
    backward = backward_graph(graph)
    names = [n.primitive.name for n in backward.nodes[len(graph.nodes) :] if n.inputs]
    assert names == expected


def test_integer_and_float32_operands():
    table = np.arange(12).reshape(3, 4)
    x = np.ones(4, np.float32)
    value, gradient = cr.value_and_grad(lambda v: np.sum(table.astype(np.int8) @ v))(x)
    assert gradient.dtype == np.float32
    assert value.dtype == np.float32
    np.testing.assert_array_equal(gradient, table.sum(0))


def test_empty_products():
    for shape, other in (
        ((0, 3), (3, 2)),
        ((3, 0), (0, 2)),
        ((2, 0, 3), (3, 2)),
        ((2, 3, 0), (0, 4)),
    ):
        found = cr.grad(lambda a, b: np.sum(a @ b), (0, 1))(np.ones(shape), np.ones(other))
        assert [g.shape for g in found] == [shape, other]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: np.einsum("ij->j", x, out=np.zeros(4)), "np.einsum .*out"),
        (lambda x: np.einsum("ij->j", x, dtype=float), "np.einsum .*dtype"),
        (lambda x: np.trace(x, dtype=np.float32), "np.trace .*dtype"),
        (lambda x: np.dot(x, B, out=np.zeros((3, 2))), "np.dot .*out"),
        (lambda x: np.vecdot(x, A, axis=0), "np.vecdot with axis"),
        (lambda x: np.cross(x[:, :2], A[:, :2]), "length 3, got shape .3, 2. .*a.*0.* b.*1"),
        (lambda x: np.polyfit(POINTS[:4], x[0], 1, cov=True), "np.polyfit with full or cov"),
    ],
)  # fmt: skip
def test_arguments_without_a_rule_are_refused(call, message):
    with pytest.raises(
        UnsupportedArgument, match=rf"(?s){message}.*line \d+ of test_rules_products"
    ):
        cr.grad(lambda x: np.sum(call(x)))(A)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: np.linalg.outer(x, x), r"two vectors, got shapes \(3, 4\) .*use np.outer"),
        (lambda x: np.linalg.multi_dot([x]), "at least two arrays, got 1"),
        (lambda x: np.vander(x), r"needs a vector, got shape \(3, 4\)"),
    ],
)
def test_wrong_shapes_are_named(call, message):
    with pytest.raises(InvalidInput, match=message):
        cr.grad(lambda x: np.sum(call(x)))(A)


def test_numpys_own_shape_errors_pass_through():
    with pytest.raises(ValueError, match="mismatch"):
        cr.grad(lambda x: np.sum(x @ A))(A)
