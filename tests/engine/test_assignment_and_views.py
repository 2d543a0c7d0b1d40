"""Views of traced arrays: what an assignment to another array has changed cannot be used.

NumPy would give the assigned values; a traced view would give the old ones, so it raises.
"""

import numpy as np
import pytest
from tests.engine.agreement import assert_agrees

import chainrule as cr
from chainrule.engine.primitive import COMPOSITES, PRIMITIVES, Draw

RNG = np.random.default_rng(5)
V4 = RNG.normal(size=4)
A23 = RNG.normal(size=(2, 3))


def buffer_of(x):
    """A fresh array with the numbers of ``x``, to be assigned to."""
    return x * 1.0


# --- views ----------------------------------------------------------------------------------------


def _base_after_view(x):
    b = buffer_of(x)
    view = b[1:3]
    view[0] = 9.0
    return b


def _view_after_base(x):
    b = buffer_of(x)
    view = b[1:3]
    b[1] = 9.0
    return view


def _siblings_of_a_dead_base(x):
    b = buffer_of(x)
    first, second = b[:3], b[1:]
    del b
    first[1] = 9.0
    return second


def _view_kept_beside_a_copy(x):
    b = buffer_of(x)
    view, copied = b[:2], b[[0, 1]]
    copied += 1.0
    b[0] = 9.0
    return view


def _second_view_after_a_write_back(x):
    b = buffer_of(x)
    first, second = b[:2], b[2:]
    first += 1.0
    b[:2] = first
    b[2] = 9.0
    return second


def _view_after_its_write_back(x):
    b = buffer_of(x)
    view = b[:2]
    view += 1.0
    b[:2] = view
    b[0] = 9.0
    return view


def _two_views_changed_and_one_written_back(x):
    b = buffer_of(x)
    first, second = b[:2], b[2:]
    first += 1.0
    second += 1.0
    b[:2] = first
    return b


def _written_back_elsewhere(x):
    b = buffer_of(x)
    view = b[:2]
    view += 1.0
    b[2:] = view
    return b


def _written_back_under_another_traced_index(x):
    b = np.reshape(buffer_of(x), (2, 2))
    i, j = np.argmax(b[:, 0]), np.argmin(b[:, 0])
    row = b[i]
    row += 1.0
    b[j] = row
    return b


def _written_back_under_true(x):
    b = np.reshape(buffer_of(x), (2, 2))
    row = b[1]
    row += 1.0
    b[True] = row
    return b


def _chained(x):
    b = np.reshape(buffer_of(x), (2, 2))
    b[0][1] = 9.0
    return b


def _rows_of_a_loop(x):
    b = np.reshape(buffer_of(x), (2, 2))
    for row in b:
        row *= 2.0
    return b


def _transposed(x):
    b = np.reshape(buffer_of(x), (2, 2))
    b.T[0] = 9.0
    return b


def _ravelled(x):
    b = np.reshape(buffer_of(x), (2, 2))
    b.ravel()[1] = 9.0
    return b


def _reshaped_in_fortran_order(x):
    b = np.reshape(buffer_of(x), (2, 2)).T + 0.0
    b += np.ones((2, 2))
    np.ravel(b, "F")[1] = 9.0
    return b


def _zero_dimensional(x):
    b = buffer_of(x)
    view = b[0, ...]
    b[0] = 9.0
    return view


def _flat_of_before(x):
    b = np.reshape(buffer_of(x), (2, 2)).T
    elements = b.flat
    b[0, 1] = 9.0
    return elements[:]


def _converted_without_copy(x):
    b = buffer_of(x)
    view = b[:].astype(float, copy=False)
    view[0] = 9.0
    return b


def _sorted_in_place(x):
    b = buffer_of(x)
    view = b[:2]
    b.sort()
    return view


def _at(x):
    b = buffer_of(x)
    view = b[:2]
    np.add.at(b, [0], 1.0)
    return view


def _copied_to(x):
    b = buffer_of(x)
    view = b[:2]
    np.copyto(b, 1.0)
    return view


STALE = [
    _base_after_view, _view_after_base, _siblings_of_a_dead_base, _view_kept_beside_a_copy,
    _second_view_after_a_write_back, _view_after_its_write_back,
    _two_views_changed_and_one_written_back, _written_back_elsewhere,
    _written_back_under_another_traced_index, _written_back_under_true, _chained, _rows_of_a_loop,
    _transposed, _ravelled, _reshaped_in_fortran_order, _zero_dimensional, _flat_of_before,
    _converted_without_copy, _sorted_in_place, _at, _copied_to,
]  # fmt: skip


@pytest.mark.parametrize("f", STALE, ids=lambda f: f.__name__)
@pytest.mark.parametrize("order", [1, 2])
def test_use_of_an_array_that_an_assignment_to_another_has_changed_is_refused(f, order):
    """In NumPy these give the assigned values; here they would give the old ones."""

    def total(x):
        return np.sum(f(x) * 1.0)

    derivative = cr.grad(total) if order == 1 else cr.hessian(total)
    with pytest.raises(cr.StaleView, match=r"shares its memory was assigned to \(line \d+"):
        derivative(np.array([1.0, 2.0, 3.0, 0.5]))


@pytest.mark.parametrize(
    "transform",
    [
        lambda f, x: cr.grad(f)(x),
        lambda f, x: cr.vjp(f, x),
        lambda f, x: cr.trace(f, x),
        lambda f, x: cr.grad(lambda x: (np.sum(x), f(x)), has_aux=True)(x),
        lambda f, x: f(cr.tensor(x)) + 1.0,
    ],
    ids=["grad", "vjp", "trace", "aux", "tensor"],
)
def test_a_stale_array_cannot_be_returned(transform):
    with pytest.raises(cr.StaleView):
        transform(_zero_dimensional, V4)


def test_nothing_can_be_done_with_a_stale_array_but_ask_for_its_shape():
    def f(x):
        b = buffer_of(x)
        view = b[1:]
        mask = view > 0
        b[...] = 0.0
        assert view.shape == (3,)
        assert np.zeros_like(view).shape == (3,)
        np.testing.assert_array_equal(mask.shape, (3,))
        for use in (
            lambda: view + 1.0, lambda: view * np.arange(3), lambda: np.sum(view), lambda: view[0],
            lambda: view == 1.0, lambda: np.stack([view, view]), lambda: np.shares_memory(view, b),
            lambda: view.copy(), lambda: bool(view[:1]), lambda: np.array_str(view),
        ):  # fmt: skip
            with pytest.raises(cr.StaleView):
                use()
        with pytest.raises(cr.StaleView):
            view[0] = 1.0
        with pytest.raises(cr.StaleView):
            view += 1.0
        return np.sum(x)

    cr.grad(f)(V4)


def _previous_row(x):
    h = np.reshape(buffer_of(x), (2, 2))
    previous = h[0]
    h[1] = previous * 3.0
    return previous * h[1]


def _views_of_even_and_odd(x):
    b = buffer_of(x)
    even, odd = b[::2], b[1::2]
    even *= odd
    return even + odd


def _written_back(x):
    b = buffer_of(x)
    view = b[:2]
    view += 1.0
    view *= 2.0
    b[:2] = view
    return b * np.sum(view)


def _written_back_and_read_through_another_view(x):
    b = buffer_of(x)
    view, rest = b[:2], b[2:]
    view *= view
    b[:2] = view
    return b[:2] * rest * view


def _rows_by_index(x):
    b = np.reshape(buffer_of(x), (2, 2))
    for i in range(2):
        b[i] += b[1 - i] * 2.0
    return b


def _copies(x):
    b = buffer_of(x)
    copies = b[:2].copy(), b[[0, 1]], b[b > -9.0][:2], np.reshape(b, (2, 2)).T.ravel()[:2]
    b[...] = 0.0
    return sum(copies) + b[:2]


def _numbers(x):
    s = x[0]
    t = s
    s += 1.0
    s *= x[1]
    return s * t


def _same_object(x):
    b = buffer_of(x)
    c = b
    c += 1.0
    d = np.atleast_1d(b)
    d[0] = x[1] ** 2
    return b * c + d


def _many_assignments_with_a_view_held(x):
    b = np.zeros_like(x)
    last = b[-1:]
    for i in range(3):
        b[i] = x[i] * (b[i - 1] if i else 1.0)
    return b * last + x


def _view_of_an_array_that_has_moved(x):
    b = buffer_of(x)
    held = b[3:]
    b[0] = 9.0
    again = b[1:3]
    b[3] = x[0]
    return again * x[:2] * len(held)


def _flat_gives_copies(x):
    b = np.reshape(buffer_of(x), (2, 2)).T
    part = b.flat[1:3]
    b[...] = 9.0
    part *= 2.0
    return part * b[0]


def _reshape_of_a_part_is_a_copy(x):
    b = np.reshape(np.concatenate((x, x * 2.0)), (2, 4))[:, :3]
    b[0] = 9.0
    copied = b.reshape(-1)
    b[...] = 0.0
    return copied[2:] * x


VALID = [
    _previous_row, _views_of_even_and_odd, _written_back,
    _written_back_and_read_through_another_view, _rows_by_index, _copies, _numbers, _same_object,
    _many_assignments_with_a_view_held, _view_of_an_array_that_has_moved, _flat_gives_copies,
    _reshape_of_a_part_is_a_copy,
]  # fmt: skip


@pytest.mark.parametrize("f", VALID, ids=lambda f: f.__name__)
def test_programs_that_use_no_changed_array_work(f):
    assert_agrees(f, np.array([0.7, 1.3, -0.4, 2.0]))


# --- nested derivatives ---------------------------------------------------------------------------


def test_an_array_of_the_outer_function_captured_before_it_is_assigned_to():
    def outer(x):
        w = x * 2.0

        def inner(y):
            z = np.sum(y * w)
            w[...] = 0.0
            return z

        return np.sum(cr.grad(inner)(x))

    np.testing.assert_array_equal(cr.grad(outer)(V4), np.full(4, 2.0))


def test_an_argument_assigned_to_before_its_pullback_is_used():
    def outer(x):
        y = x * 1.0
        _, pullback = cr.vjp(lambda z: z**2, y)
        y[...] = 0.0
        return np.sum(pullback(np.ones(4))[0])

    np.testing.assert_array_equal(cr.grad(outer)(V4), np.full(4, 2.0))


def test_accumulating_into_an_outer_array_belongs_to_the_inner_derivative():
    def outer(x):
        def inner(y):
            total = x * 0.0
            kept = total
            total += y * x
            kept[0] = y[1] ** 2
            return np.sum(kept * kept)

        return np.sum(cr.grad(inner)(x))

    def inner_by_hand(x):  # d/dy of y1^4 + sum_{i>0} (x_i y_i)^2 at y = x, summed
        return 4 * x[1] ** 3 + np.sum(2 * x[1:] ** 3)

    np.testing.assert_allclose(cr.grad(outer)(V4), cr.grad(inner_by_hand)(V4))


def test_views_of_an_outer_array_are_stale_after_an_inner_value_is_assigned():
    def outer(x):
        b = x * 1.0
        view = b[:2]

        def inner(y):
            b[0] = y[0]
            return np.sum(view) + np.sum(b)

        return np.sum(cr.grad(inner)(x))

    with pytest.raises(cr.StaleView):
        cr.grad(outer)(V4)


def test_views_of_other_parts_are_stale_too_since_the_inner_derivative_cannot_follow_them():
    def outer(x):
        b = x * 1.0
        view = b[2:]

        def inner(y):
            b[0] = y[0]
            b[2] = 9.0
            return np.sum(view) * y[0]

        return np.sum(cr.grad(inner)(x))

    with pytest.raises(cr.StaleView):
        cr.grad(outer)(V4)


def test_an_outer_array_holding_inner_values_cannot_outlive_them():
    def outer(x):
        b = x * 1.0

        def inner(y):
            b[0] = y[0] * 2.0
            return np.sum(b)

        return np.sum(cr.grad(inner)(x)) + np.sum(b)

    with pytest.raises(cr.LeakedTrace):
        cr.grad(outer)(V4)


# --- functions of the user's own ------------------------------------------------------------------


def _doubles_in_place(x):
    x *= 2.0
    return np.sum(x)


def _assigns(x):
    x[0] = 1.0
    return np.sum(x)


@pytest.mark.parametrize("function", [_doubles_in_place, _assigns])
@pytest.mark.parametrize("transform", [cr.grad, cr.hessian])
def test_a_checkpointed_function_must_not_change_its_argument(function, transform):
    x = V4.copy()
    with pytest.raises(cr.InvalidInput, match="changed one of its arguments in place at line"):
        transform(lambda x: np.sum(x * x) + cr.checkpoint(function)(x))(x)
    np.testing.assert_array_equal(x, V4)


def test_a_custom_backward_must_not_change_its_cotangent():
    doubled = cr.custom_vjp(lambda x: 2.0 * x)

    def backward(_, g):
        g *= 2.0
        return (g,)

    doubled.defvjp(lambda x: (2.0 * x, None), backward)
    with pytest.raises(cr.InvalidInput, match="the backward function of <lambda> changed"):
        cr.grad(lambda x: np.sum((x + doubled(x)) * x))(V4)


def test_other_errors_of_a_checkpointed_function_pass_through():
    with pytest.raises(ValueError, match="broadcast"):
        cr.grad(lambda x: np.sum(cr.checkpoint(lambda x: x + np.ones(3))(x)))(V4)


# --- every view is declared -----------------------------------------------------------------------


def view_cases():
    for name, primitive in sorted(PRIMITIVES.items()):
        for number, case in enumerate(primitive.cases):
            yield pytest.param(primitive, case, id=f"{name}-{number}")


@pytest.mark.parametrize(("primitive", "case"), list(view_cases()))
def test_a_primitive_whose_value_shares_memory_with_an_operand_says_so(primitive, case):
    drawn = case(Draw(np.random.default_rng(0), *primitive.domain))
    operands, params = primitive.bind(*drawn.args, **drawn.kwargs)
    with np.errstate(all="ignore"):
        value = primitive.evaluate(*operands, **params)
    for part in value if isinstance(value, tuple) else (value,):
        if isinstance(part, np.ndarray):
            shared = [np.may_share_memory(part, x) for x in operands if isinstance(x, np.ndarray)]
            assert not any(shared) or (primitive.view and not any(shared[1:])), primitive.name


COMPOSITE_VIEWS = [
    (np.atleast_1d, (V4,)), (np.atleast_2d, (V4,)), (np.atleast_3d, (V4,)),
    (np.matrix_transpose, (A23,)), (np.rollaxis, (A23, 1)), (np.fliplr, (A23,)),
    (np.flipud, (A23,)), (np.broadcast_arrays, (A23, V4[:3])), (np.split, (V4, 2)),
    (np.array_split, (V4, 3)), (np.hsplit, (V4, 2)), (np.vsplit, (A23, 2)), (np.unstack, (A23,)),
    (np.trim_zeros, (V4,)), (np.real, (V4,)), (np.meshgrid, (V4, V4)), (np.hstack, ((V4,),)),
    (np.vstack, ((A23,),)), (np.append, (V4, [])), (np.resize, (V4, 4)), (np.diagflat, (V4,)),
    (np.delete, (V4, [])), (np.insert, (V4, 0, 1.0)), (np.block, (V4,)),
    (np.full_like, (V4, 1.0)), (np.diff, (A23, 0)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("function", "args"), COMPOSITE_VIEWS, ids=lambda x: getattr(x, "__name__", "")
)
def test_composites_share_memory_where_numpy_does(function, args):
    assert function in COMPOSITES

    def sharing(*args):
        found = function(*args)
        parts = found if isinstance(found, (tuple, list)) else [found]
        first = next(a for a in args if hasattr(a, "shape")) if len(args) > 0 else None
        return [np.shares_memory(part, first) for part in parts]

    if isinstance(args[0], tuple):
        return
    expected = sharing(*args)
    seen = []
    cr.vjp(lambda x: seen.extend(sharing(*[x if a is args[0] else a for a in args])) or x, args[0])
    assert seen == expected
