"""User code at the edges: containers, repeated calls, odd dtypes, what is left in memory."""

import collections
import dataclasses
import gc
import typing

import numpy as np
import pytest

import chainrule as cr

X = np.array([1.0, 2.0, 3.0])


def square(x):
    return np.sum(x**2)


# --- checkpoint and custom_vjp --------------------------------------------------------------------


def power_or_not(x, *, power, flag=False):
    return x**power if flag else x


@pytest.mark.parametrize(
    ("f", "args", "kwargs", "expected"),
    [
        (lambda x, n: x**n, (3,), {}, 3 * X**2),
        (power_or_not, (), {"power": 2, "flag": True}, 2 * X),
        (lambda x, name: getattr(np, name)(x), ("sin",), {}, np.cos(X)),
        (lambda x, mask: x * mask, (np.array([True, False, True]),), {}, [1, 0, 1]),
        (lambda x, settings: x * settings["scale"], ({"scale": 2.0, "kind": "a"},), {}, [2, 2, 2]),
    ],
)
def test_checkpoint_takes_arguments_that_have_no_gradient(f, args, kwargs, expected):
    def loss(x):
        return np.sum(cr.checkpoint(f)(x, *args, **kwargs))

    np.testing.assert_allclose(cr.grad(loss)(X), expected, rtol=1e-15)
    cr.check_grads(loss, [X])


def test_checkpoint_of_a_traced_keyword_argument():
    f = cr.checkpoint(lambda x, *, y: x * y)
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(f(x, y=x)))(X), 2 * X)


def test_checkpoint_refuses_a_function_that_changes_between_calls():
    """Drawing other random numbers in the backward pass would give a wrong gradient."""
    rng = np.random.default_rng(0)
    dropout = cr.checkpoint(lambda x: x * rng.random(3))
    with pytest.raises(cr.InvalidInput, match=r"gave another value.*random numbers.*arguments"):
        cr.grad(lambda x: np.sum(dropout(x)))(X)
    nothing = cr.checkpoint(lambda x: x + np.nan)  # not a number twice is the same twice
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(nothing(x)))(X), np.ones(3))


def test_custom_vjp_puts_keyword_arguments_in_their_places():
    @cr.custom_vjp
    def scaled(x, factor=2.0):
        return x * factor

    scaled.defvjp(lambda x, c: (x * c, (x, c)), lambda r, g: (g * r[1], np.sum(g * r[0])))
    assert cr.grad(lambda c: np.sum(scaled(X, factor=c)))(3.0) == 6.0
    assert cr.grad(lambda x: np.sum(scaled(factor=3.0, x=x)))(X).tolist() == [3, 3, 3]
    only = cr.custom_vjp(lambda x, *, k: x * k)
    only.defvjp(lambda x, k: (x * k, k), lambda k, g: (g * k, None))
    with pytest.raises(cr.InvalidInput, match="takes k by keyword only"):
        cr.grad(lambda x: np.sum(only(x, k=2.0)))(X)


# --- what is left in memory -----------------------------------------------------------------------


def fails(f):
    with pytest.raises((KeyError, cr.ChainruleError)):
        cr.grad(f)(X)


def assigns(x):
    before = x[:2].sum()
    x[0] = 1.0
    return before + x.sum()


@cr.custom_vjp
def identity(x):
    return x


identity.defvjp(lambda x: (x, x), lambda r, g: (g,))


@pytest.mark.parametrize(
    "call",
    [
        lambda: cr.grad(square)(X),
        lambda: cr.grad(assigns)(X),
        lambda: cr.hessian(square)(X),
        lambda: cr.jvp(np.sin, (X,), (X,)),
        lambda: cr.vjp(square, X),
        lambda: cr.trace(square, X).backward(),
        lambda: square(cr.tensor(X, "x")).backward(),
        lambda: cr.grad(lambda x: np.sum(cr.checkpoint(np.sin)(x)))(X),
        lambda: cr.grad(lambda x: np.sum(identity(x)))(X),
        lambda: cr.grad(lambda x: np.sum(np.linalg.svd(np.outer(x, x) + np.diag(x))[1]))(X),
    ],
)
def test_nothing_is_left_for_the_garbage_collector(call):
    for _ in range(2):
        call()
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            call()
        assert gc.collect() < 20
    finally:
        gc.enable()


# --- containers -----------------------------------------------------------------------------------


def test_dicts_with_the_same_keys_are_the_same_tree_in_any_order():
    def f(p):
        return p["a"] ** 2 * p["b"]

    here, there = {"a": X, "b": 2.0}, {"b": 1.0, "a": X * 10}
    _, tangent = cr.jvp(f, (here,), (there,))
    np.testing.assert_allclose(tangent, 2 * X * 2 * 10 * X + X**2, rtol=1e-15)
    product = cr.hvp(lambda p: np.sum(f(p)), here, there)
    np.testing.assert_allclose(product["a"], 2 * 2 * 10 * X + 2 * X, rtol=1e-15)
    np.testing.assert_allclose(product["b"], np.sum(2 * X * 10 * X), rtol=1e-15)
    assert list(cr.tree_map(lambda a, b: b, [here], [there])[0]) == ["a", "b"]
    graph = cr.trace(lambda *, a, b: a * b, a=X, b=2.0)
    np.testing.assert_array_equal(graph.evaluate(b=3.0, a=X), 3 * X)
    _, pullback = cr.vjp(lambda x: {"s": np.sum(x), "p": np.prod(x)}, X)
    np.testing.assert_array_equal(pullback({"p": 0.0, "s": 1.0})[0], np.ones(3))


def test_dicts_of_other_classes_keep_what_they_are():
    tree = collections.defaultdict(list, a=X, b=2.0)
    gradient = cr.grad(lambda p: np.sum(p["a"] * p["b"]))(tree)
    assert gradient["a"].tolist() == [2, 2, 2]
    assert gradient["b"] == 6.0
    assert gradient.default_factory is list
    counted = cr.grad(lambda p: p["a"] * p["b"])(collections.Counter(a=2.0, b=3.0))
    assert counted == collections.Counter(a=3.0, b=2.0)


@dataclasses.dataclass
class Normalised:
    w: np.ndarray

    def __post_init__(self):
        self.w = self.w / np.linalg.norm(self.w)


@dataclasses.dataclass
class Hidden:
    w: np.ndarray
    scale: float = dataclasses.field(init=False, default=2.0)


class Layer(typing.NamedTuple):
    w: np.ndarray
    b: float


@dataclasses.dataclass(frozen=True)
class Model:
    first: Layer
    rest: list

    def __post_init__(self):
        assert self.first.w.ndim == 1


def test_a_dataclass_that_cannot_be_rebuilt_is_refused():
    with pytest.raises(cr.InvalidInput, match="__post_init__ of the dataclass Normalised changes"):
        cr.grad(lambda p: square(p.w))(Normalised(X))
    with pytest.raises(cr.InvalidInput, match=r"Hidden has fields .*\(scale\).*register_container"):
        cr.grad(lambda p: square(p.w) * p.scale)(Hidden(X))


def test_structures_are_written_as_a_person_would():
    model = Model(Layer(X, 1.0), [2.0, {"k": None}])
    gradient = cr.grad(lambda m: square(m.first.w) * m.rest[0] + m.first.b)(model)
    assert type(gradient) is Model
    assert gradient.rest == [14.0, {"k": None}]
    shown = r"Model\(first=Layer\(w=\*, b=\*\), rest=\[\*, {'k': None}\]\) against \(\*,\)"
    with pytest.raises(cr.InvalidInput, match=shown):
        cr.tree_map(lambda a, b: a, model, (1.0,))


# --- results belong to the caller -----------------------------------------------------------------


def test_what_a_graph_hands_out_may_be_changed():
    graph = cr.trace(lambda x: (x * 2.0, np.ones(3)), X)
    for results in (graph.value, graph.evaluate(X)):
        for result in results:
            result[:] = 9.0
    for results in (graph.value, graph.evaluate(X)):
        np.testing.assert_array_equal(results[0], 2 * X)
        np.testing.assert_array_equal(results[1], np.ones(3))


# --- arguments that cannot be right ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cr.jvp(square, X, X), r"primals as a tuple.*got ndarray; write \(x,\)"),
        (lambda: cr.jvp(square, (X,), X), "tangents as a tuple"),
        (lambda: cr.jvp(np.argmax, (X,), (X,)), "argmax returned dtype int64; jvp needs"),
        (lambda: cr.vjp(np.sin, X)[1](X + 1j), "cotangent of sin has dtype complex128"),
        (lambda: cr.vjp(np.sin, X)[1]([1.0, 1.0]), r"got \[\*, \*\], \* standing for an array"),
        (lambda: cr.grad(square, 1.0)(X), r"argnums=1.0 asks for argument 1.0"),
        (lambda: cr.grad(square)(1j), "x is complex"),
        (lambda: cr.grad(np.argmax)(X), "number of dtype int64"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(cr.InvalidInput, match=message):
        call()


# --- rules ----------------------------------------------------------------------------------------


def test_positions_of_put_count_from_the_end():
    x = np.arange(6.0).reshape(2, 3)

    def put(x):
        np.put(x, [0, -1], [7.0, x[0, 1]])
        np.put_along_axis(x, np.array([-2]), 8.0, None)
        return x

    np.testing.assert_array_equal(cr.vjp(put, x)[0], put(x.copy()))
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(put(x)))(x), [[0, 2, 1], [1, 0, 0]])
    with pytest.raises(ValueError, match="out of bounds"):
        cr.vjp(lambda x: np.put(x, [-7], 1.0), x)


@pytest.mark.parametrize("f", [np.sort, lambda x, axis: np.partition(x, (1, 2), axis=axis)])
def test_second_derivatives_through_a_flat_sort(f):
    x = np.array([[3.0, 1.0], [2.0, 5.0]])

    def loss(x, power):
        return np.sum(f(x, axis=None)[1:3] ** power)

    curvature = 6 * x * np.array([[1, 0], [1, 0]])
    np.testing.assert_allclose(cr.hvp(lambda x: loss(x, 3), x, x), curvature * x, rtol=1e-14)
    np.testing.assert_array_equal(cr.hvp(lambda x: loss(x, 1), x, x), np.zeros((2, 2)))


def test_float16_counts_beyond_its_range():
    x = np.ones(70_000, np.float16)
    everything = np.ones(70_000, bool)
    for f in (np.mean, np.max, lambda x: np.mean(x, where=everything)):
        gradient = cr.grad(f)(x)
        assert gradient.dtype == np.float16
        assert np.all(gradient == np.float16(1 / 70_000))


@pytest.mark.parametrize("coefficients", [[1.0, 2.0], [1, 2], np.ones(2, np.float32), np.ones(2)])
def test_polynomials_have_the_dtype_that_numpy_gives_them(coefficients):
    x = np.array([1, 2, 3], np.float32)
    for f in (lambda x: np.polyval(coefficients, x), np.vander):
        value = cr.vjp(f, x)[0]
        assert value.dtype == f(x).dtype
        np.testing.assert_array_equal(value, f(x))


@pytest.mark.parametrize("f", [np.linalg.qr, np.linalg.svd])
def test_decompositions_ask_for_a_matrix(f):
    with pytest.raises(np.linalg.LinAlgError, match=r"matrix is needed, got .* shape \(3,\)"):
        cr.grad(lambda x: np.sum(f(x)[0]))(X)
