"""Indexing of every NumPy kind, take and its relatives, sorting and positions."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tests.engine.agreement import assert_agrees

import chainrule as cr
from chainrule.engine.primitive import PRIMITIVES
from chainrule.engine.rules.indexing import index_text
from chainrule.engine.tracing import bind_index

RNG = np.random.default_rng(4)
V6 = RNG.normal(size=6)
A34 = RNG.permutation(12).reshape(3, 4) * 0.5 - 2.8
A234 = RNG.normal(size=(2, 3, 4))
MASK = np.array([True, False, True])
MASK2 = RNG.random((3, 4)) > 0.5

INDICES = [
    ("integer", V6, 2),
    ("negative integer", V6, -2),
    ("NumPy integer", V6, np.int32(3)),
    ("row", A34, 1),
    ("negative step", V6, slice(None, None, -2)),
    ("slice of NumPy integers", V6, slice(np.int64(1), np.int64(4))),
    ("empty slice", V6, slice(4, 2)),
    ("Ellipsis", A34, Ellipsis),
    ("Ellipsis and integer", A234, (..., 1)),
    ("newaxis", A34, (None, slice(1), None, 2)),
    ("nothing", A34, ()),
    ("True", V6, True),
    ("False", V6, False),
    ("list", V6, [0, 3, 3]),
    ("empty list", V6, []),
    ("nested list", V6, [[0, 1], [1, 5]]),
    ("list of booleans", A34, [True, False, True]),
    ("tuple inside", A34, ((0, 0), (1, 1))),
    ("range inside", A34, (range(3), 2)),
    ("0-d array", V6, np.array(2)),
    ("array with repeats", V6, np.array([1, 1, 1, -5])),
    ("empty array", V6, np.array([], int)),
    ("rows with repeats", A34, np.array([0, 2, 2])),
    ("rows, two-dimensional index", A34, np.array([[0, 2], [2, 2]])),
    ("pairs with repeats", A34, (np.array([0, 2, 2]), np.array([1, 3, 3]))),
    ("broadcast pairs", A34, (np.array([[0], [2]]), np.array([1, 1]))),
    ("array and integer", A34, (np.array([0, 2, 2]), 1)),
    ("array, slice, array", A234, (np.array([1, 1]), slice(1, 3), np.array([0, 0]))),
    ("slice, array, array", A234, (slice(None), np.array([1, 1]), np.array([2, 2]))),
    ("array and newaxis", A34, (np.array([0, 0]), None, slice(2))),
    ("mask", A34, MASK),
    ("mask of everything", A34, MASK2),
    ("mask of nothing", A34, np.zeros((3, 4), bool)),
    ("0-d mask", V6, np.array(True)),
    ("mask and integer", A34, (MASK, 2)),
    ("mask and slice", A234, (slice(None), MASK, slice(None, None, 2))),
    ("mask and array", A34, (MASK, np.array([3, 3]))),
    ("mask of one and array with repeats", A34, (np.array([0, 1, 0]) > 0, np.array([3, 3]))),
    ("mask, newaxis", A34, (None, MASK)),
    ("unsigned", V6, np.array([1, 1], np.uint8)),
]


@pytest.mark.parametrize(("x", "index"), [pytest.param(x, i, id=n) for n, x, i in INDICES])
def test_every_kind_of_index(x, index):
    assert_agrees(lambda x: x[index] ** 2, x)


@pytest.mark.parametrize(("x", "index"), [pytest.param(x, i, id=n) for n, x, i in INDICES])
def test_gradient_counts_how_often_an_element_is_read(x, index):
    expected = np.zeros(x.shape)
    np.add.at(expected, index if not isinstance(index, list) or index else np.array([], int), 1.0)
    if isinstance(index, bool):
        expected = np.full(x.shape, float(index))
    gradient = cr.grad(lambda x: np.sum(x[index]))(x)
    np.testing.assert_array_equal(gradient, expected)


@pytest.mark.parametrize(("x", "index"), [pytest.param(x, i, id=n) for n, x, i in INDICES])
def test_printed_index_is_that_index(x, index):
    operands, params = bind_index(index)
    names = tuple(f"operand{i}" for i in range(len(operands)))
    text = f"x[{index_text(params['index'], names)}]"
    again = eval(text, {"x": x, **dict(zip(names, operands, strict=True))})
    np.testing.assert_array_equal(again, x[index])


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_random_basic_indices(data):
    shape = data.draw(hnp.array_shapes(max_dims=3, max_side=4))
    index = data.draw(hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True))
    check_index(shape, index)


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_random_integer_indices(data):
    shape = data.draw(hnp.array_shapes(max_dims=3, max_side=4))
    result = hnp.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=3)
    index = data.draw(hnp.integer_array_indices(shape, result_shape=result))
    check_index(shape, index)


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_random_masks(data):
    shape = data.draw(hnp.array_shapes(max_dims=3, max_side=4))
    covered = data.draw(st.integers(1, len(shape)))
    mask = data.draw(hnp.arrays(bool, shape[:covered]))
    check_index(shape, mask)


def check_index(shape, index):
    x = np.random.default_rng(0).normal(size=shape)
    weights = np.random.default_rng(1).normal(size=np.shape(x[index]))
    expected = np.zeros(shape)
    np.add.at(expected, index, weights)
    value, gradient = cr.value_and_grad(lambda x: np.sum(x[index] * weights))(x)
    assert value == np.sum(x[index] * weights)
    np.testing.assert_allclose(gradient, expected, rtol=1e-14, atol=1e-14)
    hessian = cr.hessian(lambda x: np.sum(x[index] ** 2 * weights))(x)
    diagonal = np.zeros(x.size)
    np.add.at(diagonal, np.arange(x.size).reshape(shape)[index], 2 * weights)
    np.testing.assert_allclose(hessian.reshape(x.size, x.size), np.diag(diagonal), atol=1e-14)


# --- traced indices -------------------------------------------------------------------------------


def test_traced_integer_indices_stay_in_the_graph():
    def f(x):
        return x[np.argmax(x)] * x[np.argsort(x)[:2]]

    graph = cr.trace(f, V6)
    assert not graph.guards
    other = -V6
    np.testing.assert_array_equal(graph.evaluate(other), f(other))
    assert_agrees(f, V6)


def test_traced_list_and_tuple_of_indices():
    def f(x):
        i, j = np.argmax(x), np.argmin(x)
        return x[[i, j, 0]] ** 2 + x[(i,)]

    assert_agrees(f, V6)


def test_traced_slice_bounds_are_guarded():
    graph = cr.trace(lambda x: x[: np.argmax(x)] * 2.0, np.array([1.0, 2.0, 5.0, 3.0]))
    np.testing.assert_array_equal(graph.evaluate(np.array([7.0, 8.0, 9.0, 0.0])), [14.0, 16.0])
    with pytest.raises(cr.GuardMiss):
        graph.evaluate(np.array([9.0, 8.0, 7.0, 0.0]))


COUNTED = [
    ("mask", lambda x: x[x > 0]),
    ("mask of rows", lambda x: np.stack([x, 2 * x], 1)[x > 0]),
    ("compress", lambda x: np.compress(x > 0, x)),
    ("compress of a constant", lambda x: np.compress(x > 0, np.arange(4.0)) * x[:2]),
    ("compress method", lambda x: (x * 2).compress(x > 0)),
    ("extract", lambda x: np.extract(x > 0, x)),
    ("nonzero", lambda x: x[np.nonzero(np.maximum(x, 0.0))]),
    ("nonzero method", lambda x: x[np.maximum(x, 0.0).nonzero()[0]]),
    ("flatnonzero", lambda x: x[np.flatnonzero(x > 0)]),
    ("argwhere", lambda x: x[np.argwhere(x > 0)[:, 0]]),
    ("ix_", lambda x: np.stack([x, 2 * x], 1)[np.ix_(x > 0, [0, 1])]),
]


@pytest.mark.parametrize("f", [pytest.param(f, id=n) for n, f in COUNTED])
def test_shapes_that_depend_on_values_are_guarded_by_their_count(f):
    x = np.array([1.0, -2.0, 3.0, -4.0])
    assert_agrees(f, x)
    graph = cr.trace(f, x)
    same_count = np.array([-1.0, 2.0, -3.0, 4.0])
    np.testing.assert_array_equal(graph.evaluate(same_count), f(same_count))
    with pytest.raises(cr.GuardMiss, match="count"):
        graph.evaluate(np.array([1.0, 2.0, 3.0, -4.0]))


def test_guards_survive_in_nested_traces():
    def f(x):
        return np.sum(cr.grad(lambda y: np.sum(y[y > 0] ** 3))(x))

    graph = cr.trace(f, np.array([1.0, -2.0, 3.0]))
    assert graph.evaluate(np.array([-1.0, 2.0, 3.0])) == f(np.array([-1.0, 2.0, 3.0]))
    with pytest.raises(cr.GuardMiss):
        graph.evaluate(np.array([1.0, 2.0, 3.0]))


# --- cost -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(50,), (50, 3)])
def test_a_recurrence_adds_into_one_buffer(shape, monkeypatch):
    buffers = []
    getitem, scatter = PRIMITIVES["getitem"], PRIMITIVES["scatter"]
    accumulate = getitem.accumulate

    def counted(buffer, *args, **params):
        buffers.append(buffer)
        accumulate(buffer, *args, **params)

    monkeypatch.setattr(getitem, "accumulate", counted)
    monkeypatch.setattr(scatter, "evaluate", None)  # would make a whole array for each step

    def f(x):
        h = x[0]
        for t in range(1, len(x)):
            h = np.tanh(h * 0.5 + x[t])
        return np.sum(h)

    gradient = cr.grad(f)(np.linspace(0.0, 1.0, int(np.prod(shape))).reshape(shape))
    assert len(buffers) == 50
    assert all(buffer is buffers[0] for buffer in buffers)
    assert np.all(gradient != 0)


def test_accumulation_keeps_what_arrived_before_and_adds_what_comes_later():
    def f(x):
        late = np.sum(x[1:3])
        return np.sum(x**2) + x[0] * 3.0 + late + np.sum(x * 2.0)

    np.testing.assert_allclose(cr.grad(f)(V6), 2 * V6 + 2.0 + [3.0, 1.0, 1.0, 0, 0, 0])
    np.testing.assert_allclose(cr.hessian(f)(V6), 2 * np.eye(6), atol=1e-15)


# --- take and its relatives -----------------------------------------------------------------------

CALLS = [
    ("take method", lambda x: x.take([0, 0, 2]) ** 2, V6),
    ("take rows", lambda x: np.take(x, np.array([[0, 2], [2, 2]]), axis=0) ** 2, A34),
    ("take_along_axis by argsort", lambda x: np.take_along_axis(x, np.argsort(x, 0), 0) ** 2, A34),
    ("take_along_axis, flat", lambda x: np.take_along_axis(x, np.array([0, 0]), None) ** 2, A34),
    ("compress of columns", lambda x: np.compress([True, False, True], x, axis=1) ** 2, A34),
    ("extract by mask", lambda x: np.extract(MASK2, x) ** 2, A34),
    ("choose", lambda x: np.choose([0, 1, 1, 0], x[:2]) ** 2, A34),
    ("choose method", lambda x: np.argsort(x[:4]).choose([x[:4], x[1:5], 2.0, x[2]]) ** 2, V6),
    ("sliding windows", lambda x: np.lib.stride_tricks.sliding_window_view(x, 3) ** 2, V6),
    ("embedding", lambda x: x[np.array([[0, 1], [1, 1]])] ** 2, A34),
    ("unravel_index", lambda x: x[np.unravel_index(np.argmax(x), x.shape)] ** 2, A34),
    ("ravel_multi_index", lambda x: np.ravel(x)[flat_position(np.argmax(x, 0), 1)], A34),
    ("ix_ of positions", lambda x: x[np.ix_(np.argsort(x[:, 0]), [0, 3])] ** 2, A34),
    ("sort", lambda x: np.sort(x) ** 2, A34),
    ("sort in place", lambda x: sorted_in_place(x, 0) ** 2, A34),
    ("sort of everything", lambda x: np.sort(x, axis=None) ** 2, A34),
    ("partition", lambda x: np.partition(x, 2)[2] ** 2, V6),
    ("argpartition", lambda x: x[x.argpartition(2)[2]] ** 2, V6),
    ("bincount", lambda w: np.bincount([0, 3, 3, 1, 0, 0], weights=w**2, minlength=6), V6),
    ("bincount of traced numbers", lambda w: np.bincount(np.argsort(w), weights=w**2), V6),
    ("searchsorted", lambda x: x[np.searchsorted(np.sort(x), 0.0)] ** 2, V6),
    ("digitize", lambda x: x * np.digitize(x, [-1.0, 0.0, 1.0]), V6),
    ("lexsort", lambda x: x[np.lexsort((x, x > 0))] ** 2, V6),
    ("isin", lambda x: x * np.isin(np.argsort(x), [0, 1]), V6),
]  # fmt: skip


def flat_position(row, column):
    return np.ravel_multi_index((row, column), (3, 4))


def sorted_in_place(x, axis):
    x = x.copy()
    x.sort(axis)
    return x


@pytest.mark.parametrize(("f", "x"), [pytest.param(f, x, id=n) for n, f, x in CALLS])
def test_agrees_with_numpy(f, x):
    assert_agrees(f, x)


GRADIENTS = [
    ("take", lambda x: np.take(x, [0, 0, 2]), [1, 2, 4], [3, 0, 4]),
    ("take, wrap", lambda x: np.take(x, [-1, 4], mode="wrap"), [1, 2], [0, 2, 1]),
    ("take, clip", lambda x: np.take(x, [-1, 4], mode="clip"), [1, 2], [1, 0, 2]),
    ("take_along_axis", lambda x: np.take_along_axis(x, np.array([2, 2]), 0), [1, 2], [0, 0, 3]),
    ("sort", np.sort, [1, 2, 4], [1, 4, 2]),
    ("sort 2-D", lambda x: np.sort(np.stack([x, -x]))[1], [1, 2, 4], [-4, -1, -2]),
    (
        "sort with ties",
        lambda x: np.sort(x * 0.0, kind="stable") + np.sort(x),
        [1, 2, 4],
        [1, 4, 2],
    ),
    ("repeated rows", lambda x: x[np.array([1, 1, 1])], 1.0, [0, 3, 0]),
]


@pytest.mark.parametrize(
    ("f", "weights", "expected"), [pytest.param(*row, id=n) for n, *row in GRADIENTS]
)
def test_gradient_by_hand(f, weights, expected):
    x = np.array([1.0, 3.0, 2.0])
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(f(x) * weights))(x), expected)


@given(hnp.arrays(float, hnp.array_shapes(max_dims=2, max_side=8), elements=st.integers(0, 3)))
@settings(deadline=None, max_examples=60)
def test_partition_moves_cotangents_to_elements_of_the_same_value(x):
    """Whatever the arrangement of the unsorted parts, a value gets its own cotangent."""
    kth = x.shape[-1] // 2
    y, pullback = cr.vjp(lambda x: np.partition(x, kth), x)
    np.testing.assert_array_equal(y, np.partition(x, kth))
    gradient = pullback(y + 1.0)[0]
    np.testing.assert_array_equal(gradient, x + 1.0)


REFUSED = [
    ("take with out", lambda x: np.take(x, 0, out=np.zeros(())), cr.UnsupportedArgument, "out"),
    ("sort by fields", lambda x: np.sort(x, order="a"), cr.UnsupportedArgument, "order"),
    ("searchsorted with sorter", lambda x: np.searchsorted(x, 0.0, sorter=[0]),
     cr.UnsupportedArgument, "sorter"),
    ("unique", np.unique, cr.UnsupportedFunction, "np.sort"),
    ("union1d", lambda x: np.union1d(x, x), cr.UnsupportedFunction, "stop_gradient"),
    ("float index", lambda x: x[x[0]], IndexError, "integers"),
    ("float as slice", lambda x: x[: x[0]], cr.TracingError, "int"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("f", "error", "message"), [pytest.param(*row, id=n) for n, *row in REFUSED]
)
def test_refused(f, error, message):
    with pytest.raises(error, match=message):
        cr.grad(lambda x: np.sum(f(x)))(V6)


WRONG = [
    ("beyond the end", lambda x: x[6], IndexError),
    ("too many axes", lambda x: x[0, 0], IndexError),
    ("array beyond the end", lambda x: x[np.array([0, 6])], IndexError),
    ("mask of another length", lambda x: x[np.array([True, False])], IndexError),
    ("take beyond the end", lambda x: np.take(x, 6), IndexError),
    ("take_along_axis", lambda x: np.take_along_axis(x, np.array([7]), 0), IndexError),
    ("nonzero of a number", lambda x: np.nonzero(np.sum(x)), ValueError),
    ("bincount of negative numbers", lambda x: np.bincount([-1] * 6, weights=x), ValueError),
    ("bincount of another length", lambda x: np.bincount([1], weights=x), ValueError),
    ("unravel_index beyond", lambda x: np.unravel_index(np.argmax(x) + 9, (2, 3))[0], ValueError),
    ("choose", lambda x: np.choose([0, 2, 0, 0, 0, 0], (x, x)), ValueError),
    ("sliding window", lambda x: np.lib.stride_tricks.sliding_window_view(x, 7), ValueError),
]


@pytest.mark.parametrize(("f", "error"), [pytest.param(*row, id=n) for n, *row in WRONG])
def test_wrong_calls_raise_as_in_numpy(f, error):
    with pytest.raises(error):
        f(V6)
    with pytest.raises(error):
        cr.grad(lambda x: np.sum(f(x)))(V6)


def test_a_gradient_that_reads_no_row_still_refuses_one_that_is_not_there():
    """Compiled, the gradient of a sum of rows is their positions alone."""
    gradient = cr.compile(cr.grad(lambda table, rows: np.sum(table[rows])))
    np.testing.assert_array_equal(gradient(A34, np.array([0, 1, 1]))[:, 0], [1, 2, 0])
    np.testing.assert_array_equal(gradient(A34, np.array([-1, 2, -3]))[:, 0], [1, 0, 2])
    for rows, index in (([0, 3, 1], 3), ([0, -4, 1], -4)):
        with pytest.raises(IndexError, match=f"index {index} is out of bounds"):
            gradient(A34, np.array(rows))


def test_positions_have_zero_derivative_and_a_note():
    with pytest.warns(cr.UnusedInputWarning, match="argsort"):
        gradient = cr.grad(lambda x: np.sum(np.argsort(x) * 1.0))(V6)
    np.testing.assert_array_equal(gradient, np.zeros(6))


def test_the_note_names_what_stops_the_gradient_rather_than_what_reads_positions():
    with pytest.warns(cr.UnusedInputWarning, match="piecewise constant sign"):
        cr.grad(lambda x: np.sum(np.sign(np.take(x, [0, 1]))))(V6)


def test_bincount_is_guarded_by_the_largest_number():
    def f(w):
        return np.bincount(np.searchsorted([0.0, 1.0, 2.0], w), weights=w)

    graph = cr.trace(f, np.array([0.5, 1.5]))
    np.testing.assert_array_equal(graph.evaluate(np.array([1.2, 0.7])), f(np.array([1.2, 0.7])))
    with pytest.raises(cr.GuardMiss):
        graph.evaluate(np.array([0.5, 2.5]))


def test_loops_over_rows_and_unpacking():
    def f(x):
        first, *others = x
        return sum((np.sum(row * first) for row in others), 0.0)

    assert_agrees(f, A34)


def test_arrays_in_trees_are_indexed_separately():
    @dataclasses.dataclass
    class Parameters:
        W: np.ndarray
        b: np.ndarray

    gradient = cr.grad(lambda p: np.sum(p.W[1] * p.b[::2]))(
        Parameters(np.arange(4.0).reshape(2, 2), np.arange(4.0))
    )
    np.testing.assert_array_equal(gradient.W, [[0.0, 0.0], [0.0, 2.0]])
    np.testing.assert_array_equal(gradient.b, [2.0, 0.0, 3.0, 0.0])
