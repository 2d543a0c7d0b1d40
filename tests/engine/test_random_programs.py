"""Random programs of views, assignments and in-place operations, run by NumPy and traced.

Every value must be NumPy's, and the gradient that of differences, unless the program is refused.
"""

import warnings

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule.engine.tracing import Traced

SLOTS = 3  # arrays that a program holds by name
VECTOR_INDICES = st.one_of(
    st.integers(-3, 3),
    st.builds(
        slice, st.sampled_from([None, 0, 1, 2, -2]), st.sampled_from([None, 2, 3, -1]),
        st.sampled_from([None, 1, 2, -1]),
    ),
    st.just(Ellipsis),
    st.lists(st.integers(-2, 1), min_size=1, max_size=3),
    st.sampled_from([(0, Ellipsis), (Ellipsis, 0), (None, Ellipsis)]),
    st.tuples(
        st.one_of(st.integers(-2, 1), st.slices(3)), st.one_of(st.integers(-2, 1), st.slices(3))
    ),
)  # fmt: skip
SHAPINGS = [
    lambda a: a.T, lambda a: a.reshape(-1), np.ravel, lambda a: a.ravel("F"), np.flip,
    lambda a: np.swapaxes(a, 0, -1), np.squeeze, lambda a: np.expand_dims(a, 0), np.copy,
    lambda a: a.reshape(a.shape[::-1]), np.atleast_1d, lambda a: a[...], lambda a: a * 1.0,
    lambda a: a.reshape(-1, order="F"), lambda a: np.copy(a, "F"), lambda a: a.real,
    lambda a: np.diagonal(a).copy(), lambda a: np.array_split(a, 2)[1],
    lambda a: np.broadcast_to(a, (2, *a.shape))[1], lambda a: np.sort(a), lambda a: a.copy(),
]  # fmt: skip

slots = st.integers(0, SLOTS - 1)
STATEMENTS = st.one_of(
    st.tuples(st.just("view"), slots, slots, VECTOR_INDICES),
    st.tuples(st.just("shape"), slots, slots, st.integers(0, len(SHAPINGS) - 1)),
    st.tuples(st.just("name"), slots, slots),
    st.tuples(st.just("set"), slots, VECTOR_INDICES, slots),
    st.tuples(st.just("set number"), slots, VECTOR_INDICES),
    st.tuples(st.just("set element"), slots, VECTOR_INDICES, slots),
    st.tuples(st.just("add"), slots, slots),
    st.tuples(st.just("multiply"), slots),
    st.tuples(st.just("add part"), slots, VECTOR_INDICES, slots),
    st.tuples(st.just("multiply part"), slots, VECTOR_INDICES),
    st.tuples(st.just("add at"), slots, VECTOR_INDICES),
    st.tuples(st.just("flat"), slots, st.integers(-2, 2)),
    st.tuples(st.just("sort"), slots),
    st.tuples(st.just("new"), slots, slots, slots),
)


def run(program, x):
    """Run the statements; each array that is asked for in the end is a part of the result."""
    named = [x * 1.0, x.T * 2.0, x + 1.0]
    for number, (statement, target, *rest) in enumerate(program):
        constant = 0.25 + 0.5 * number
        if statement == "view":
            named[target] = named[rest[0]][rest[1]]
        elif statement == "shape":
            named[target] = SHAPINGS[rest[1]](named[rest[0]])
        elif statement == "name":
            named[target] = named[rest[0]]
        elif statement == "set":
            named[target][rest[0]] = named[rest[1]]
        elif statement == "set number":
            named[target][rest[0]] = constant
        elif statement == "set element":
            named[target][rest[0]] = np.sum(named[rest[1]])
        elif statement == "add":
            named[target] += named[rest[0]]
        elif statement == "multiply":
            named[target] *= constant
        elif statement == "add part":
            named[target][rest[0]] += named[rest[1]]
        elif statement == "multiply part":
            named[target][rest[0]] *= constant
        elif statement == "add at":
            np.add.at(named[target], rest[0], constant)
        elif statement == "flat":
            named[target].flat[rest[0]] = constant
        elif statement == "sort":
            named[target].sort()
        else:
            named[target] = named[rest[0]] * 0.5 + named[rest[1]]
    return named


REFUSALS = (cr.StaleView, cr.TracingError, cr.InvalidInput)
NUMPY_ERRORS = (ValueError, IndexError, TypeError, AttributeError)


@settings(deadline=None, max_examples=400)
@given(st.lists(STATEMENTS, min_size=2, max_size=9), st.sampled_from([(4,), (2, 3)]), st.booleans())
@example([("view", 1, 0, slice(0, 3)), ("view", 2, 0, slice(1, None)), ("new", 0, 1, 1),
          ("set number", 1, 1)], (4,), False)  # fmt: skip
def test_random_programs_equal_numpy_or_are_refused(program, shape, fortran):
    numbers = np.linspace(-1.0, 1.0, int(np.prod(shape))) ** 3 + 0.3
    x = np.array(numbers.reshape(shape), order="F" if fortran else "C")
    try:
        expected = run(program, x.copy("K"))
    except NUMPY_ERRORS:
        expected = None
    check_program(program, x, expected, nested=False)
    check_program(program, x, expected, nested=True)


def check_program(program, x, expected, nested):
    weights = np.cos(np.arange(1.0, 40.0))

    def total(values):
        parts = [np.sum(np.reshape(v, -1) * weights[: np.size(v)]) for v in values]
        return parts[0] + 2.0 * parts[1] + 3.0 * parts[2]

    def f(x):
        named = run(program, x)
        seen.append([concrete_or_stale(v) for v in named])
        return total(named)

    seen = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", cr.UnusedInputWarning)
            inner = (lambda x: cr.value_and_grad(f)(x)[0]) if nested else f
            gradient = cr.grad(inner)(x)
    except (*REFUSALS, *NUMPY_ERRORS):
        gradient = None
    if expected is None:
        return
    for found in seen:
        for a, b in zip(expected, found, strict=True):
            assert b is None or same(a, b), f"NumPy gives {a}, the traced program {b}"
    if gradient is not None:
        assert seen
        numerical = differences(lambda x: total(run(program, x)), x)
        if numerical is not None:
            np.testing.assert_allclose(gradient, numerical, rtol=1e-5, atol=1e-6)


def same(a, b):
    return np.shape(a) == np.shape(b) and np.allclose(a, b, rtol=1e-12, atol=1e-12)


def concrete_or_stale(v):
    while isinstance(v, Traced):
        try:
            v.recorder.nodes  # noqa: B018
        except cr.StaleView:
            return None
        v = v.node.value
    return np.array(v)


def differences(f, x, step=1e-4):
    """Central differences, None at a kink (sorting may exchange elements)."""
    gradient = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        values = []
        for t in (-2, -1, 1, 2):
            moved = x.copy("K")
            moved[i] += t * step
            values.append(f(moved))
        wide, narrow = (values[3] - values[0]) / (4 * step), (values[2] - values[1]) / (2 * step)
        if abs(wide - narrow) > 1e-4 * (1 + abs(narrow)):
            return None
        gradient[i] = (4 * narrow - wide) / 3
    return gradient
