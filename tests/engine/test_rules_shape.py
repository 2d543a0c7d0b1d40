"""Functions that rearrange, join, repeat, pad, split and create arrays."""

import numpy as np
import pytest
from tests.engine.agreement import assert_agrees

import chainrule as cr
from chainrule.engine.tracing import Traced

RNG = np.random.default_rng(3)
A23 = RNG.normal(size=(2, 3))
B23 = RNG.normal(size=(2, 3))
A34 = RNG.normal(size=(3, 4))
A222 = RNG.normal(size=(2, 2, 2))
V3 = RNG.normal(size=3)
V5 = RNG.normal(size=5)
S = np.float64(0.7)

# name, function, arguments; the value must be NumPy's, the derivatives agree to second order
CALLS = [
    ("reshape method, sizes", lambda x: x.reshape(3, 2) ** 2, A23),
    ("reshape method, tuple", lambda x: x.reshape((3, -1), order="F") ** 2, A23),
    ("reshape by shape=", lambda x: np.reshape(x, shape=(6,)) ** 2, A23),
    ("ravel method", lambda x: x.ravel("F") ** 2, A23),
    ("flatten", lambda x: x.flatten() ** 2, A23),
    ("flatten in Fortran order", lambda x: x.flatten("F") ** 2, A23),
    ("T, mT", lambda x: x.T @ x @ x.mT, A23),
    ("transpose method, numbers", lambda x: x.transpose(2, 0, 1) ** 2, A222),
    ("permute_dims", lambda x: np.permute_dims(x, (1, 2, 0)) ** 2, A222),
    ("matrix_transpose", lambda x: np.matrix_transpose(x) ** 2, A222),
    ("linalg.matrix_transpose", lambda x: np.linalg.matrix_transpose(x) ** 2, A23),
    ("swapaxes method", lambda x: x.swapaxes(0, 2) ** 2, A222),
    ("rollaxis", lambda x: np.rollaxis(x, 2) ** 2, A222),
    ("rollaxis to the end", lambda x: np.rollaxis(x, 0, 3) ** 2, A222),
    ("rollaxis in place", lambda x: np.rollaxis(x, 1, 1) ** 2, A222),
    ("rollaxis, negative", lambda x: np.rollaxis(x, -1, -2) ** 2, A222),
    ("squeeze method", lambda x: x[None, :, None].squeeze() ** 2, V3),
    ("atleast_1d", lambda x: np.atleast_1d(x) ** 2, S),
    ("atleast_2d of several", lambda x, y: np.atleast_2d(x * 2, y * 2), V3, A23),
    ("atleast_3d", lambda x, y, z: np.atleast_3d(x * 2, y * 2, z * 2), S, V3, A23),
    ("broadcast_arrays", lambda x, y: np.broadcast_arrays(x * 2, y * 2), V3, A23),
    ("meshgrid", lambda x, y: np.meshgrid(x * x, y * y), V3, V5),
    ("meshgrid, ij", lambda x, y: np.meshgrid(x * x, y * y, indexing="ij"), V3, V5),
    ("meshgrid, sparse", lambda x, y: np.meshgrid(x * x, y * y, sparse=True), V3, V5),
    ("meshgrid of three", lambda x, y, z: np.meshgrid(x * x, y * y, z, copy=False), V3, V5, S),
    ("fliplr", lambda x: np.fliplr(x) ** 2, A23),
    ("flipud", lambda x: np.flipud(x) ** 2, A23),
    ("diagflat", lambda x: np.diagflat(x, 1) ** 2, A23),
    ("diagonal method", lambda x: x.diagonal(1) ** 2, A34),
    ("hstack", lambda x, y: np.hstack([x * x, y, x]), A23, B23),
    ("hstack of vectors and numbers", lambda x, y: np.hstack((x * x, y * 2, [1.0, 2.0])), V3, S),
    ("vstack", lambda x, y: np.vstack([x * x, y, [1.0, 2.0, 3.0]]), A23, V3),
    ("dstack", lambda x, y: np.dstack((x * x, y)), A23, B23),
    ("column_stack", lambda x, y: np.column_stack((x * x, y, x[:, :1])), A23, RNG.normal(size=2)),
    ("concat", lambda x, y: np.concat((x * x, y), axis=1), A23, B23),
    ("concatenate rows of a matrix", lambda x: np.concatenate(x * x), A23),
    ("append", lambda x, y: np.append(x * x, y), A23, V3),
    ("append along an axis", lambda x: np.append(x * x, [[1.0], [2.0]], axis=1), A23),
    ("block", lambda x, y: np.block([[x * x, y], [np.ones((1, 6))]]), A23, B23),
    ("block of numbers", lambda x, y: np.block([x * x, y * y]), V3, S),
    ("block of one array", lambda x: np.block(x * x), A23),
    ("stack inside stack", lambda x: np.stack([np.stack([x[0], x[1]]), x[:2] * x[2]]), V3),
    ("array_split", lambda x: np.array_split(x * x, 3), V5),
    ("split at positions", lambda x: np.split(x * x, [1, 4, 9]), V5),
    ("split with axis", lambda x: np.split(x * x, 2, axis=1), A34),
    ("hsplit", lambda x: np.hsplit(x * x, 2), A34),
    ("hsplit of a vector", lambda x: np.hsplit(x * x, [2]), V5),
    ("vsplit", lambda x: np.vsplit(x * x, 3), A34),
    ("dsplit", lambda x: np.dsplit(x * x, 2), A222),
    ("unstack", lambda x: np.unstack(x * x, axis=1), A23),
    ("resize", lambda x: np.resize(x * x, (2, 5)), V3),
    ("resize to less", lambda x: np.resize(x * x, 4), A23),
    ("resize of nothing", lambda x: np.resize(x[:0], 2) + x[:2], V3),
    ("delete", lambda x: np.delete(x * x, [0, -1]), V5),
    ("delete a slice of columns", lambda x: np.delete(x * x, slice(0, 3, 2), axis=1), A34),
    ("delete by mask", lambda x: np.delete(x * x, np.array([True, False, True]), axis=0), A34),
    ("insert", lambda x: np.insert(x * x, 1, 5.0), V3),
    ("insert several in one place", lambda x, y: np.insert(x * x, 1, y), V5, V3),
    ("insert in several places", lambda x, y: np.insert(x * x, [3, 0, 3], y), V5, V3),
    ("insert a row", lambda x, y: np.insert(x * x, 1, y, axis=0), A23, V3),
    ("insert a column", lambda x, y: np.insert(x * x, 1, y, axis=1), A23, RNG.normal(size=2)),
    ("insert a stack of columns", lambda x, y: np.insert(x * x, [1], y, axis=1), A23, B23),
    ("insert columns", lambda x, y: np.insert(x, [0, 2], y * y, axis=1), A23, np.ones((2, 1))),
    ("insert at a slice", lambda x: np.insert(x * x, slice(0, 2), -1.0), V5),
    ("trim_zeros", lambda x: np.trim_zeros(x * [0.0, 1.0, 2.0, 3.0, 0.0]), V5),
    ("trim_zeros in front", lambda x: np.trim_zeros(x * [0.0, 0.0, 2.0, 3.0, 0.0], "f"), V5),
    ("linspace", lambda x, y: np.linspace(x, y, 7) ** 2, S, np.float64(2.0)),
    ("linspace without its end", lambda x: np.linspace(0, x, 4, endpoint=False) ** 2, S),
    ("linspace of one", lambda x: np.linspace(x, 3.0, 1) ** 2, S),
    ("linspace between vectors", lambda x: np.linspace(x, 1.0, 3, axis=1) ** 2, V3),
    ("linspace with its step", lambda x: np.linspace(x, x * x, 5, retstep=True), S),
    ("logspace", lambda x: np.logspace(x, 1.0, 4), S),
    ("logspace with another base", lambda x: np.logspace(x, 1.0, 4, base=2.0, axis=-1), V3),
    ("geomspace", lambda x, y: np.geomspace(x, y, 5), S, np.float64(4.0)),
    ("geomspace below zero", lambda x: np.geomspace(-x, -3.0, 4, endpoint=False), S),
    ("full_like", lambda x: np.full_like(x, 2.0) * x, V3),
    ("full_like with a traced value", lambda x, y: np.full_like(x, y) * x, V3, S),
    ("full_like of another shape", lambda x, y: np.full_like(x, y, shape=(2, 3)) ** 2, V3, V3),
    ("zeros_like, ones_like", lambda x: np.zeros_like(x) + np.ones_like(x) * x * x, V3),
    ("array with like", lambda x: np.array([x[0], 2.0, x[1] ** 2], like=x), V3),
    ("copy", lambda x: (x.copy() * np.copy(x)).copy("F"), A23),
    ("item", lambda x: x.item(1) * x.item(4) * x.item(0, 2) * x.item((1, 1)), A23),
    ("flat", lambda x: np.sum(x.flat[1:3]) * x.flat[-1], A23),
    ("iteration over flat", lambda x: np.stack([v * v for v in x.T.flat]), A23),
    ("unpacking", lambda x: [a * b for a, b in zip(*x, strict=True)], A23),
]


@pytest.mark.parametrize(("f", "arrays"), [pytest.param(f, a, id=n) for n, f, *a in CALLS])
def test_agrees_with_numpy(f, arrays):
    assert_agrees(f, *arrays)


X = np.array([1.0, 2.0, 3.0])

# gradients of sum(f(x) * weights) at X, worked out by hand; the study's trap list is among them
GRADIENTS = [
    ("broadcast_to", lambda x: np.broadcast_to(x, (2, 3)), 1.0, [2, 2, 2]),
    ("roll by a tuple", lambda x: np.roll(x, (1, 1), axis=(0, 0)), [1, 2, 4], [4, 1, 2]),
    ("repeat with counts", lambda x: np.repeat(x, [1, 2, 3]), 1.0, [1, 2, 3]),
    ("flip", np.flip, [1, 2, 4], [4, 2, 1]),
    ("meshgrid", lambda x: np.meshgrid(x, [0.0, 1.0])[0], 1.0, [2, 2, 2]),
    ("delete", lambda x: np.delete(x, 1), [1, 2], [1, 0, 2]),
    ("tile", lambda x: np.tile(x, (2, 2)), 1.0, [4, 4, 4]),
    ("pad, reflect", lambda x: np.pad(x, 2, mode="reflect"), 1.0, [2, 3, 2]),
    ("pad, symmetric", lambda x: np.pad(x, 2, mode="symmetric"), 1.0, [2, 3, 2]),
    ("pad, edge", lambda x: np.pad(x, (2, 1), mode="edge"), 1.0, [3, 1, 2]),
    ("pad, wrap", lambda x: np.pad(x, (1, 2), mode="wrap"), 1.0, [2, 2, 2]),
    ("pad, constant", lambda x: np.pad(x, 1, constant_values=9.0), 1.0, [1, 1, 1]),
    ("diag of a vector", np.diag, 1.0, [1, 1, 1]),
    ("tril", lambda x: np.tril(np.broadcast_to(x, (3, 3))), 1.0, [3, 2, 1]),
    ("linspace end", lambda x: np.linspace(x[0], x[1], 3), [1, 2, 4], [2, 5, 0]),
    ("copy", lambda x: x.copy(), [1, 2, 4], [1, 2, 4]),
    ("flat", lambda x: x.flat[::2], [1, 2], [1, 0, 2]),
    ("item", lambda x: x.item(1), 1.0, [0, 1, 0]),
]


@pytest.mark.parametrize(
    ("f", "weights", "expected"), [pytest.param(*row, id=n) for n, *row in GRADIENTS]
)
def test_gradient_by_hand(f, weights, expected):
    gradient = cr.grad(lambda x: np.sum(f(x) * weights))(X)
    np.testing.assert_array_equal(gradient, expected)
    assert gradient.dtype == np.float64


def test_metadata_of_traced_arrays_is_plain():
    def f(x):
        facts = [
            np.shape(x), np.ndim(x), np.size(x), np.size(x, 0), len(x), x.size, x.nbytes,
            np.result_type(x, np.float32), np.common_type(x), np.can_cast(x, "f4", "same_kind"),
            np.iscomplexobj(x), np.isrealobj(x), np.may_share_memory(x, x.T), x.itemsize,
            np.shares_memory(x, x.copy()), np.shares_memory(x[0], x[1]),
            repr(np.diag_indices_from(x[:, :2])), repr(np.tril_indices_from(x)),
            repr(np.triu_indices_from(x, k=1)),
            np.array_repr(x), np.array_str(x), np.array2string(x, precision=3),
        ]  # fmt: skip
        assert not any(isinstance(fact, Traced) for fact in facts)
        f.facts = facts
        return np.sum(x)

    f(A23.copy())
    expected = f.facts
    cr.grad(f)(A23)
    assert f.facts == expected
    cr.hessian(f)(A23)
    assert f.facts == expected


def test_python_numbers_promote_weakly_in_result_type():
    seen = []
    cr.grad(lambda x: seen.append(np.result_type(x, np.float32)) or x * 2)(1.0)
    cr.grad(lambda x: seen.append(np.result_type(x, np.float32)) or x * 2)(np.float64(1.0))
    assert seen == [np.float32, np.float64]


REFUSED = [
    ("reshape by memory layout", lambda x: np.reshape(x, 6, order="A"), "order='C' or order='F'"),
    ("ravel by memory layout", lambda x: x.ravel("K"), "order='C' or order='F'"),
    ("reshape with copy", lambda x: np.reshape(x, 6, copy=True), "copy"),
    ("pad with means", lambda x: np.pad(x, 1, mode="mean"), "mode='mean'.*np.concatenate"),
    ("pad with odd reflection", lambda x: np.pad(x, 1, "reflect", reflect_type="odd"), "odd"),
    ("pad with a traced value", lambda x: np.pad(x, 1, constant_values=x[0, 0]), "np.concatenate"),
    ("concatenate with dtype", lambda x: np.concatenate((x, x), dtype=np.float32), "dtype"),
    ("stack with out", lambda x: np.stack((x, x), out=np.zeros((2, 2, 3))), "out"),
    ("linspace of integers", lambda x: np.linspace(x[0, 0], 3.0, dtype=int), "leave dtype out"),
    ("logspace with bases", lambda x: np.logspace(x, 1.0, base=[2.0, 3.0, 4.0]), "np.linspace"),
    ("trim_zeros of a matrix", np.trim_zeros, "use slices"),
    ("insert into integers", lambda x: np.insert(np.arange(3), 0, x[0]), "astype"),
    ("array with like and ndmin", lambda x: np.array(x, ndmin=3, like=x), "ndmin"),
]


@pytest.mark.parametrize(("f", "message"), [pytest.param(*row, id=n) for n, *row in REFUSED])
def test_refused_with_line_and_cure(f, message):
    with pytest.raises(cr.UnsupportedArgument, match=f"(?s)(?=.*test_rules_shape.py).*{message}"):
        cr.grad(lambda x: np.sum(f(x)))(A23)


@pytest.mark.parametrize(
    ("f", "cure"),
    [
        (lambda x: np.ascontiguousarray(x), "leave it out"),
        (lambda x: np.asfortranarray(x), r"np.copy\(x"),
        (lambda x: np.require(x, requirements="C"), "leave it out"),
        (lambda x: np.full(3, x[0, 0]), r"value \* np.ones\(shape\)"),
        (lambda x: np.r_[x[0], 1.0], "np.concatenate"),
    ],
    ids=["ascontiguousarray", "asfortranarray", "require", "full", "r_"],
)
def test_functions_that_numpy_does_not_hand_over_are_refused_with_the_cure(f, cure):
    with pytest.raises(cr.TracingError, match=f"line .*{cure}"):
        cr.grad(lambda x: np.sum(f(x)))(A23)


def test_full_like_of_integers_refuses_a_traced_value():
    with pytest.raises(cr.InvalidInput, match="pass dtype=float"):
        cr.grad(lambda x: np.sum(np.full_like(np.argsort(x), x[0])))(X)


# wrong in NumPy, and wrong here: the same kind of error, before anything is computed from it
WRONG = [
    ("reshape", lambda x: np.reshape(x, (4, 2)), ValueError),
    ("transpose", lambda x: np.transpose(x, (0, 0)), ValueError),
    ("matrix_transpose of a vector", lambda x: np.matrix_transpose(x[0]), ValueError),
    ("rollaxis", lambda x: np.rollaxis(x, 5), np.exceptions.AxisError),
    ("rollaxis start", lambda x: np.rollaxis(x, 0, 5), np.exceptions.AxisError),
    ("squeeze", lambda x: np.squeeze(x, 0), ValueError),
    ("broadcast_to", lambda x: np.broadcast_to(x, (3, 2)), ValueError),
    ("broadcast_arrays", lambda x: np.broadcast_arrays(x, x[:, :2]), ValueError),
    ("meshgrid", lambda x: np.meshgrid(x[0], indexing="yx"), ValueError),
    ("fliplr of a vector", lambda x: np.fliplr(x[0]), ValueError),
    ("concatenate", lambda x: np.concatenate((x, x[:, :2])), ValueError),
    ("stack", lambda x: np.stack((x, x[0])), ValueError),
    ("split", lambda x: np.split(x, 2, axis=1), ValueError),
    ("array_split", lambda x: np.array_split(x, 0), ValueError),
    ("hsplit of a number", lambda x: np.hsplit(np.sum(x), 1), ValueError),
    ("vsplit of a vector", lambda x: np.vsplit(x[0], 1), ValueError),
    ("dsplit of a matrix", lambda x: np.dsplit(x, 1), ValueError),
    ("unstack of a number", lambda x: np.unstack(np.sum(x)), ValueError),
    ("block, uneven", lambda x: np.block([[x], x]), ValueError),
    ("block, empty", lambda x: np.block([[], x]), ValueError),
    ("block, tuple", lambda x: np.block([(x, x)]), TypeError),
    ("resize", lambda x: np.resize(x, -2), ValueError),
    ("delete", lambda x: np.delete(x, 5, axis=0), IndexError),
    ("insert", lambda x: np.insert(x, 9, 1.0, axis=0), IndexError),
    ("linspace", lambda x: np.linspace(x, 1.0, -1), ValueError),
    ("geomspace", lambda x: np.geomspace(x - 1.0, 9.0), ValueError),
]


@pytest.mark.parametrize(("f", "error"), [pytest.param(*row, id=n) for n, *row in WRONG])
def test_wrong_calls_raise_as_in_numpy(f, error):
    with pytest.raises(error):
        f(np.arange(1.0, 7.0).reshape(2, 3))
    with pytest.raises(error):
        cr.grad(lambda x: np.sum(f(x)))(np.arange(1.0, 7.0).reshape(2, 3))


def test_trimming_is_guarded():
    graph = cr.trace(lambda x: np.trim_zeros(x) * 2.0, np.array([0.0, 1.0, 2.0]))
    np.testing.assert_array_equal(graph.evaluate(np.array([0.0, 3.0, 4.0])), [6.0, 8.0])
    with pytest.raises(cr.GuardMiss):
        graph.evaluate(np.array([1.0, 3.0, 4.0]))
    graph = cr.trace(lambda x: np.trim_zeros(x) * 2.0, np.zeros(3))
    with pytest.raises(cr.GuardMiss):
        graph.evaluate(np.ones(3))


def test_shapes_from_traced_integers_are_guarded():
    def f(x, n):
        return np.reshape(x, (n, -1))[0]

    graph = cr.trace(f, np.arange(6.0), np.int64(2))
    np.testing.assert_array_equal(graph.evaluate(np.ones(6), np.int64(2)), [1, 1, 1])
    with pytest.raises(cr.GuardMiss):
        graph.evaluate(np.ones(6), np.int64(3))
