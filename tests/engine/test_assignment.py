"""Assignment to traced arrays: the result of NumPy and the right gradient, or a refusal."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tests.engine.agreement import assert_agrees

import chainrule as cr
from chainrule.engine.primitive import PRIMITIVES
from chainrule.engine.tracing import Slot, Traced, apply

RNG = np.random.default_rng(5)
V4 = RNG.normal(size=4)
A23 = RNG.normal(size=(2, 3))
B23 = RNG.normal(size=(2, 3))


def buffer_of(x):
    """A fresh array with the numbers of ``x``, to be assigned to."""
    return x * 1.0


# --- single statements ----------------------------------------------------------------------------


def assigned(index, value):
    def f(x, y):
        b = buffer_of(x)
        b[index] = value(y)
        return b * b + x

    return f


ASSIGNMENTS = [
    ("element", A23, V4, (1, 2), lambda y: y[0] ** 2),
    ("element by a constant", A23, V4, (1, 2), lambda y: 3.0),
    ("row", A23, V4, 1, lambda y: y[:3] ** 2),
    ("row, broadcast", A23, V4, 1, lambda y: y[0]),
    ("all rows from one", A23, V4, Ellipsis, lambda y: y[:3] ** 2),
    ("all, by a slice", A23, V4, slice(None), lambda y: y[0] * y[1]),
    ("column", A23, V4, (slice(None), -1), lambda y: y[:2]),
    ("negative step", V4, V4, slice(None, None, -2), lambda y: y[:2] ** 2),
    ("leading axes of size one", A23, V4, slice(0, 1), lambda y: y[None, None, :3]),
    ("nothing", V4, V4, slice(2, 2), lambda y: y[:0]),
    ("list of positions", V4, V4, [2, 0], lambda y: y[:2]),
    ("repeated positions, the last wins", V4, V4, [1, 3, 1], lambda y: y[:3] ** 2),
    ("repeated rows, the last wins", A23, A23, np.array([1, 1]), lambda y: y**2),
    ("repeated positions, one value", V4, V4, [1, 3, 1], lambda y: y[0] ** 2),
    ("repeated positions, broadcast", A23, V4, np.array([0, 0]), lambda y: y[:3]),
    ("pairs", A23, V4, ([0, 1, 0], [2, 2, 2]), lambda y: y[:3]),
    ("mask", A23, V4, A23 > 0, lambda y: y[0] * 2),
    ("mask of rows", A23, V4, np.array([True, False]), lambda y: y[:3]),
    ("mask of nothing", A23, V4, np.zeros((2, 3), bool), lambda y: y[0]),
    ("NumPy constants", A23, V4, slice(0, 1), lambda y: np.arange(3.0)),
    ("integers", A23, V4, 1, lambda y: np.arange(3)),
    ("a list with traced numbers", V4, V4, slice(0, 2), lambda y: [y[0], 2.0]),
]


@pytest.mark.parametrize(
    ("x", "y", "index", "value"), [pytest.param(*row, id=n) for n, *row in ASSIGNMENTS]
)
def test_assignment_agrees_with_numpy(x, y, index, value):
    assert_agrees(assigned(index, value), x, y)


@given(
    st.integers(1, 4),
    hnp.arrays(
        np.int64, st.tuples(st.integers(0, 3), st.integers(1, 3)), elements=st.integers(0, 3)
    ),
    st.sampled_from("CF"),
    st.sampled_from("CF"),
)
@example(2, np.array([[0, 1], [1, 0]]), "F", "F")
@settings(deadline=None, max_examples=80)
def test_of_repeated_positions_the_one_that_numpy_keeps_gets_the_gradient(n, index, ours, theirs):
    index = np.array(index % n, order=ours)
    value = np.array(np.arange(1.0, 1.0 + index.size).reshape(index.shape), order=theirs)

    def f(v):
        b = np.zeros(n, like=v) if isinstance(v, Traced) else np.zeros(n)
        b[index] = v
        return b

    expected = f(value)
    found, pullback = cr.vjp(f, value)
    np.testing.assert_array_equal(found, expected)
    gradient = pullback(np.ones(n))[0]
    np.testing.assert_array_equal(gradient, np.isin(value, expected))


def in_place(statement, x=A23, y=B23):
    def f(x, y):
        b = buffer_of(x)
        b = statement(b, y)
        return b * b

    return f, x, y


def _iadd(b, y):
    b += y
    return b


def _isub_row(b, y):
    b -= y[0]
    return b


def _imul(b, y):
    b *= y
    return b


def _itruediv(b, y):
    b /= y * y + 1.0
    return b


def _ipow(b, y):
    b **= 2
    return b


def _imatmul(b, y):
    b @= y.T @ y
    return b


def _iadd_element(b, y):
    b[0, 1] += y[1, 1]
    return b


def _iadd_row(b, y):
    b[1] *= y[0]
    b[1] += 1.0
    return b


def _iadd_neighbours(b, y):
    b[:, 1:] += b[:, :-1]
    return b


def _iadd_positions(b, y):
    b[[0, 0]] += y[:1]
    return b


def _iadd_mask(b, y):
    b[b > 0] *= y[0, 0]
    return b


def _add_at(b, y):
    np.add.at(b, ([0, 0, 1], [2, 2, 0]), y[0])
    return b


def _subtract_at(b, y):
    np.subtract.at(b, 1, y[0])
    return b


def _fill(b, y):
    b.fill(y[0, 0])
    return b


def _sort(b, y):
    b.sort(axis=0)
    return b


def _put(b, y):
    np.put(b, [0, -1, 7], y[0], mode="wrap")
    return b


def _put_clipped(b, y):
    b.put([0, 9], y[0, 0], mode="clip")
    return b


def _put_nothing(b, y):
    np.put(b, [0, 1], [])
    return b


def _putmask(b, y):
    np.putmask(b, b > 0, y)
    return b


def _putmask_repeated(b, y):
    np.putmask(b, [[True, True, False], [True, False, True]], y[0, :2])
    return b


def _place(b, y):
    np.place(b, b > -9.0, y[1, :2])
    return b


def _copyto(b, y):
    np.copyto(b, y[0])
    return b


def _copyto_where(b, y):
    np.copyto(b, y, where=[True, False, True])
    return b


def _put_along_axis(b, y):
    np.put_along_axis(b, np.argmax(b, 1)[:, None], y[:, :1], axis=1)
    return b


def _put_along_axis_flat(b, y):
    np.put_along_axis(b, np.array([0, 4]), y[0, :2], axis=None)
    return b


def _fill_diagonal(b, y):
    np.fill_diagonal(b, y[0])
    return b


def _flat(b, y):
    b.flat[4] = y[0, 0]
    b.flat[1:3] = y[0, 1:]
    return b


def _flat_transposed(b, y):
    t = b.T
    t.flat[1] = y[0, 0]
    t.flat[:2] *= 3.0
    return t


IN_PLACE = [
    _iadd, _isub_row, _imul, _itruediv, _ipow, _iadd_element, _iadd_row, _iadd_neighbours,
    _iadd_positions, _iadd_mask, _add_at, _subtract_at, _fill, _sort, _put, _put_clipped,
    _put_nothing, _putmask, _putmask_repeated, _place, _copyto, _copyto_where, _put_along_axis,
    _put_along_axis_flat, _fill_diagonal, _flat, _flat_transposed,
]  # fmt: skip


@pytest.mark.parametrize("statement", IN_PLACE, ids=lambda s: s.__name__)
def test_in_place_statement_agrees_with_numpy(statement):
    assert_agrees(*in_place(statement))


def test_matmul_in_place():
    assert_agrees(*in_place(_imatmul, A23 @ A23.T, B23[:, :2]))


def test_fill_diagonal_that_wraps():
    def f(x, v):
        b = buffer_of(x)
        np.fill_diagonal(b, v, wrap=True)
        return b**2

    assert_agrees(f, RNG.normal(size=(7, 2)), V4[:2])


@pytest.mark.parametrize("index", [(), Ellipsis, np.array(True), None, np.array(False)])
def test_arrays_without_axes_can_be_assigned_to(index):
    def f(x):
        b = x[0, ...] * 1.0 + np.zeros_like(x[0, ...])
        b = np.reshape(b, (1,))[0, ...]
        kept = b * 2.0
        b[index] = x[1] ** 2
        return b * kept + b

    assert_agrees(f, V4)


def test_copyto_of_numbers_and_buffers_made_in_the_function():
    def f(x):
        b = np.zeros(3, like=x) if isinstance(x, Traced) else np.zeros(3)
        np.copyto(b, 2.0)
        b[1] = x[0] * x[1]
        c = np.empty_like(b)
        c[...] = b * x[:3]
        return c

    assert_agrees(f, V4)


def test_float32_arrays_take_float64_values_as_numpy_does():
    def f(x):
        b = x * np.float32(1.0)
        b[0] = np.float64(1.0) / 3.0
        b[1:] += np.ones(2) / 3.0
        return b

    x = np.ones(3, np.float32)
    expected = f(x)
    value, pullback = cr.vjp(f, x)
    np.testing.assert_array_equal(value, expected)
    assert value.dtype == np.float32
    np.testing.assert_array_equal(pullback(np.ones(3, np.float32))[0], np.float32([0, 1, 1]))


def test_the_callers_array_is_never_written_to():
    x = V4.copy()

    def f(x):
        x[0] = 5.0
        x *= 2.0
        return np.sum(x * x)

    value, gradient = cr.value_and_grad(f)(x)
    np.testing.assert_array_equal(x, V4)
    assert value == f(x.copy())
    np.testing.assert_allclose(gradient, 8 * V4 * [0, 1, 1, 1])


def test_assignment_in_a_replayed_graph_leaves_inputs_alone():
    def f(x):
        x[0] = x[1] * 2.0
        return x

    graph = cr.trace(f, V4)
    other = V4 + 1.0
    kept = other.copy()
    np.testing.assert_array_equal(graph.evaluate(other), [2 * kept[1], *kept[1:]])
    np.testing.assert_array_equal(other, kept)


# --- refusals -------------------------------------------------------------------------------------


def _float_into_integers(x):
    positions = np.argsort(x)
    positions[0] = x[0]
    return positions


def _into_an_ordinary_array(x):
    b = np.zeros(4)
    b[0] = x[0]
    return b


def _iadd_to_an_ordinary_array(x):
    b = np.zeros(4)
    b += x
    return b


def _to_an_ordinary(function):
    def f(x):
        b = np.zeros(4)
        function(b, x)
        return b

    return f


def _another_shape(x):
    b = x[:2] * 1.0
    b += x[:, None] * x[:2]
    return b


def _integers_with_fractions(x):
    b = np.argsort(x)
    b += 0.5
    return b


def _number(x):
    x[0][...] = 1.0
    return x


def test_assignment_to_an_element_of_an_ordinary_array_is_refused_with_the_cure():
    with pytest.raises(cr.TracingError, match=ORDINARY):
        cr.grad(lambda x: np.sum(_into_an_ordinary_array(x)))(V4)
    with pytest.raises(ValueError, match="sequence") as caught:  # NumPy wraps what we raise
        cr.trace(_into_an_ordinary_array, V4)
    assert isinstance(caught.value.__cause__, cr.TracingError)


def _deleted(x):
    del x[0]
    return x


ORDINARY = "np.zeros_like"
REFUSED = [
    ("float into integers", _float_into_integers, cr.InvalidInput, "floating point"),
    ("+= to an ordinary array", _iadd_to_an_ordinary_array, cr.TracingError, "a = a \\+ x"),
    ("copyto", _to_an_ordinary(np.copyto), cr.TracingError, ORDINARY),
    ("put", _to_an_ordinary(lambda b, x: np.put(b, [0], x)), cr.TracingError, ORDINARY),
    ("place", _to_an_ordinary(lambda b, x: np.place(b, b == 0, x)), cr.TracingError, ORDINARY),
    ("putmask", _to_an_ordinary(lambda b, x: np.putmask(b, b == 0, x)), cr.TracingError, ORDINARY),
    ("fill_diagonal", _to_an_ordinary(lambda b, x: np.fill_diagonal(b[:, None], x[0])),
     cr.TracingError, "float"),
    ("put_along_axis", _to_an_ordinary(lambda b, x: np.put_along_axis(b, np.array([0]), x[:1], 0)),
     cr.TracingError, ORDINARY),
    ("add.at", _to_an_ordinary(lambda b, x: np.add.at(b, [0], x[:1])), cr.TracingError, ORDINARY),
    ("in place to another shape", _another_shape, cr.InvalidInput, "x = x \\+ y"),
    ("fractions to integers in place", _integers_with_fractions, cr.InvalidInput, "x = x \\+ y"),
    ("assignment to a number", _number, TypeError, "item assignment"),
    ("deletion", _deleted, TypeError, "np.delete"),
    ("value of another shape", lambda x: assigned([0, 1], lambda y: y)(x, x), ValueError, "shape"),
    ("index beyond the end", lambda x: assigned(9, lambda y: 1.0)(x, x), IndexError, "out of b"),
    ("copyto with narrowing", lambda x: np.copyto(np.argsort(x), x), TypeError, "casting"),
    ("place without values", lambda x: np.place(x, x > -9, []), ValueError, "no values"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("f", "error", "message"), [pytest.param(*row, id=n) for n, *row in REFUSED]
)
def test_refused(f, error, message):
    with pytest.raises(error, match=message):
        cr.grad(lambda x: np.sum(f(x)))(V4)


def test_the_index_of_an_assignment_is_kept_as_data():
    graph = cr.trace(lambda x: assigned(([0, 1], slice(2)), lambda y: 1.0)(x, x), A23)
    node = next(node for node in graph if node.primitive.name == "assign")
    assert node.params == {"index": (Slot(0), slice(2))}
    assert "assign" in repr(node)
    again = apply(PRIMITIVES["assign"], A23, 1.0, np.array([0, 1]), index=(Slot(0), slice(2)))
    np.testing.assert_array_equal(again, [[1, 1, A23[0, 2]], [1, 1, A23[1, 2]]])
