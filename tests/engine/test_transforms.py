"""Transforms: what they return, for every way of naming arguments, and what they refuse."""

import math
import warnings
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest

import chainrule as cr


def loss(params, x, y):
    hidden = np.tanh(x @ params["W1"] + params["b1"])
    error = hidden @ params["W2"] + params["b2"] - y
    return np.mean(error**2)


@pytest.fixture
def network():
    rng = np.random.default_rng(0)
    params = {
        "W1": rng.normal(size=(3, 4)),
        "b1": rng.normal(size=4),
        "W2": rng.normal(size=(4, 2)),
        "b2": rng.normal(size=2),
    }
    return params, rng.normal(size=(5, 3)), rng.normal(size=(5, 2))


def by_hand(params, x, y):
    hidden = np.tanh(x @ params["W1"] + params["b1"])
    error = hidden @ params["W2"] + params["b2"] - y
    e_bar = 2 * error / error.size
    z_bar = (e_bar @ params["W2"].T) * (1 - hidden**2)
    return np.mean(error**2), {
        "W1": x.T @ z_bar,
        "b1": z_bar.sum(0),
        "W2": hidden.T @ e_bar,
        "b2": e_bar.sum(0),
    }


def test_a_network_s_gradient_equals_the_hand_written_one(network):
    value, gradient = cr.value_and_grad(loss)(*network)
    expected_value, expected = by_hand(*network)
    assert value == expected_value
    assert list(gradient) == list(expected)
    for name, array in expected.items():
        np.testing.assert_allclose(gradient[name], array, rtol=1e-13, atol=1e-15)


def test_the_gradient_of_a_number_is_a_number():
    gradient = cr.grad(lambda x: np.where(x > 0, x, 0.0))(0.5)
    assert type(gradient) is np.float64
    assert gradient == 1.0


def test_float32_parameters_get_float32_gradients(network):
    params, x, y = network
    params = cr.tree_map(lambda a: a.astype(np.float32), params)
    gradient = cr.grad(loss)(params, x.astype(np.float32), y.astype(np.float32))
    assert {a.dtype for a in gradient.values()} == {np.dtype(np.float32)}


def f(a, b, c=3.0):
    return a**2 * b + c * b


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, 12.0),
        ({"argnums": 1}, 7.0),
        ({"argnums": -1}, 7.0),
        ({"argnums": (0, 1)}, (12.0, 7.0)),
        ({"argnums": (1, 0)}, (7.0, 12.0)),
        ({"argnums": (1,)}, (7.0,)),
        ({"argnums": None}, {"a": 12.0, "b": 7.0}),
        ({"argnames": "b"}, 7.0),
        ({"argnames": ("a", "b")}, {"a": 12.0, "b": 7.0}),
    ],
)
def test_arguments_are_chosen_by_number_and_by_name(options, expected):
    assert cr.grad(f, **options)(2.0, 3.0) == expected
    value, gradient = cr.value_and_grad(f, **options)(2.0, 3.0)
    assert value == 21.0
    assert gradient == expected


def test_keyword_arguments_are_differentiated_by_name():
    assert cr.grad(f, argnames="c")(2.0, 3.0, c=4.0) == 3.0
    assert cr.grad(f, argnums=None)(2.0, b=3.0, c=4.0) == {"a": 12.0, "b": 8.0, "c": 3.0}


def test_none_leaves_out_arguments_without_a_derivative():
    def power(x, n, name):
        return x**n

    assert cr.grad(power, argnums=None)(3.0, 2, "square") == {"x": 6.0}


class Layer(NamedTuple):
    W: np.ndarray
    b: float


@dataclass
class Model:
    layers: list[Layer]
    scale: float


def test_trees_of_every_container_keep_their_structure():
    model = Model([Layer(np.array([1.0, 2.0]), 0.5), Layer(np.array([3.0]), -1.0)], 2.0)

    def size(m):
        return m.scale * sum(np.sum(layer.W**2) + layer.b for layer in m.layers)

    gradient = cr.grad(size)(model)
    assert isinstance(gradient, Model)
    assert isinstance(gradient.layers[0], Layer)
    np.testing.assert_array_equal(gradient.layers[0].W, [4.0, 8.0])
    assert gradient.layers[1].b == 2.0
    assert gradient.scale == 1 + 4 + 0.5 + 9 - 1


def test_has_aux_returns_plain_extra_results():
    def with_extra(x):
        y = np.sin(x)
        return np.sum(y), {"y": y, "name": "sine", "n": 2}

    x = np.array([0.0, 1.0])
    gradient, extra = cr.grad(with_extra, has_aux=True)(x)
    np.testing.assert_array_equal(gradient, np.cos(x))
    assert type(extra["y"]) is np.ndarray
    assert extra["name"] == "sine"
    (value, extra), gradient = cr.value_and_grad(with_extra, has_aux=True)(x)
    assert value == np.sum(np.sin(x))
    np.testing.assert_array_equal(extra["y"], np.sin(x))


def test_third_derivatives():
    assert cr.grad(cr.grad(cr.grad(lambda x: x**4)))(2.0) == 48.0
    third = cr.grad(cr.grad(cr.grad(np.tanh)))(0.3)
    t = math.tanh(0.3)
    assert third == pytest.approx(-2 * (1 - t**2) * (1 - 3 * t**2), rel=1e-12)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: x * cr.grad(lambda y: x + y)(1.0), 1.0),
        (lambda x: x * cr.grad(lambda y: x * y)(2.0), 4.0),
        (lambda x: x * cr.grad(lambda y: y * cr.grad(lambda z: x * y * z)(1.0))(1.0), 8.0),
    ],
)
def test_nested_derivatives_are_not_confused(function, expected):
    assert cr.grad(function)(2.0) == expected


def test_an_inner_derivative_that_ignores_its_argument_is_zero():
    with pytest.warns(cr.UnusedInputWarning, match=r"y does not influence the result"):
        assert cr.grad(lambda x: x * cr.grad(lambda y: x)(0.0))(0.0) == 0.0


def test_vjp_and_jvp_are_transposes():
    rng = np.random.default_rng(1)
    x, v, u = rng.normal(size=3), rng.normal(size=3), rng.normal(size=(2, 3))
    a = rng.normal(size=(2, 3))

    def g(x):
        return np.sin(a * x) * np.sum(x)

    value, pullback = cr.vjp(g, x)
    np.testing.assert_array_equal(value, g(x))
    other, tangent = cr.jvp(g, (x,), (v,))
    np.testing.assert_array_equal(other, value)
    assert np.sum(u * tangent) == pytest.approx(np.sum(pullback(u)[0] * v), rel=1e-13)
    np.testing.assert_allclose(pullback(2 * u)[0], 2 * pullback(u)[0], rtol=1e-14)


def test_vjp_is_safe_from_later_changes_to_its_arguments_and_constants():
    x, c = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    _, pullback = cr.vjp(lambda x: x * x * c, x)
    before = pullback(np.ones(2))[0]
    x[:] = 100.0
    c[:] = 100.0
    np.testing.assert_array_equal(pullback(np.ones(2))[0], before)


def test_jacobian_and_hessian_shapes_and_values():
    a = np.arange(6.0).reshape(2, 3)
    x = np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(cr.jacobian(lambda x: a @ x)(x), a)
    jacobian = cr.jacobian(lambda x: np.stack([x, x**2]))(x)
    assert jacobian.shape == (2, 3, 3)
    np.testing.assert_array_equal(jacobian[1], np.diag(2 * x))
    np.testing.assert_allclose(cr.hessian(lambda x: np.sum(x**3))(x), np.diag(6 * x), rtol=1e-14)
    assert cr.jacobian(lambda x: x**2)(3.0) == 6.0


def test_jacobian_of_trees():
    def g(p):
        return {"sum": p["a"] + p["b"], "scaled": p["a"] * 2.0}

    found = cr.jacobian(g)({"a": np.array([1.0, 2.0]), "b": 3.0})
    np.testing.assert_array_equal(found["sum"]["a"], np.eye(2))
    np.testing.assert_array_equal(found["sum"]["b"], np.ones(2))
    np.testing.assert_array_equal(found["scaled"]["b"], np.zeros(2))


def test_hessian_vector_product_equals_hessian_times_vector():
    rng = np.random.default_rng(2)
    x, v = rng.normal(size=4), rng.normal(size=4)

    def g(x):
        return np.sum(np.exp(x) * np.sum(x**2))

    np.testing.assert_allclose(cr.hvp(g, x, v), cr.hessian(g)(x) @ v, rtol=1e-12)
    (first, second) = cr.hvp(lambda a, b: a * b**2, (2.0, 3.0), (1.0, 0.0))
    assert (first, second) == (0.0, 6.0)


def test_elementwise_grad():
    x = np.linspace(-2, 2, 5)
    np.testing.assert_allclose(cr.elementwise_grad(np.tanh)(x), 1 - np.tanh(x) ** 2, rtol=1e-14)
    second = cr.elementwise_grad(cr.elementwise_grad(np.sin))
    np.testing.assert_allclose(second(x), -np.sin(x), rtol=1e-14)


def test_gradients_are_arrays_of_the_caller_s_own():
    """Changing one gradient in place changes neither the other nor the arguments."""
    a, b = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    ga, gb = cr.grad(lambda a, b: np.sum(a + b), argnums=(0, 1))(a, b)
    ga += 1.0
    np.testing.assert_array_equal(gb, [1.0, 1.0])
    (g,) = cr.vjp(lambda a: a, a)[1](b)
    g += 1.0
    np.testing.assert_array_equal(b, [3.0, 4.0])


def test_arguments_are_never_changed(network):
    before = cr.tree_map(np.copy, network)
    cr.value_and_grad(loss)(*network)
    cr.tree_map(np.testing.assert_array_equal, before, network)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cr.grad(lambda x: x)(np.ones(3)), r"array of shape \(3,\); grad needs a scalar"),
        (lambda: cr.grad(lambda x: (x, x))(1.0), "returned tuple; grad needs one real number"),
        (lambda: cr.grad(lambda x: None)(1.0), "returned NoneType"),
        (lambda: cr.grad(lambda x: x > 0)(1.0), "grad needs a floating-point number"),
        (lambda: cr.grad(lambda x: x * 2)(3), "x is the integer 3.*pass 3.0"),
        (lambda: cr.grad(lambda x: np.sum(x))(np.arange(3)), r"x has dtype int64.*astype\(float\)"),
        (lambda: cr.grad(lambda x: np.sum(x))(np.ones(2) * 1j), "x is complex"),
        (lambda: cr.grad(lambda x: x)("a"), "x is of type str, which cannot be differentiated"),
        (lambda: cr.grad(lambda x: x)(np.array(["a"])), "x has dtype <U1"),
        (
            lambda: cr.grad(lambda x: x)(np.ma.array([1.0])),
            "MaskedArray; convert it with np.asarray",
        ),
        (lambda: cr.grad(lambda p: p["a"])({"a": 1.0, "n": 3}), r"p\['n'\] is the integer 3"),
        (lambda: cr.grad(f, argnums=5)(1.0, 2.0), "argument 5, but f was called with 2"),
        (lambda: cr.grad(lambda x, *rest: x, argnums=2)(1.0, 2.0, 3), r"rest\[1\] is the integer"),
        (lambda: cr.grad(lambda x: x, argnums=1)(1.0, 2), "argument 1 is the integer 2"),
        (lambda: cr.trace(lambda x: x > 0, 1.0).backward(), "no floating-point output that dep"),
        (lambda: cr.grad(f, argnums=(0, 0))(1.0, 2.0), "names an argument twice"),
        (lambda: cr.grad(f, argnames="q")(1.0, 2.0), "without an argument 'q'.*given: a, b"),
        (lambda: cr.grad(f, argnums=1, argnames="a"), "argnums or argnames, not both"),
        (lambda: cr.grad(f, argnums=None)(1, 2), "without a floating-point argument"),
        (lambda: cr.grad(3.0), "must be callable, got float"),
        (lambda: cr.grad(lambda x: x, has_aux=True)(1.0), "needs a function that returns a pair"),
        (lambda: cr.vjp(np.sin, 1.0)[1](np.ones(2)), r"cotangent of sin has shape \(2,\)"),
        (lambda: cr.vjp(lambda x: (x, x), 1.0)[1](1.0), "must have the structure of the result"),
        (lambda: cr.vjp(lambda x: "a", 1.0), "returned a str"),
        (lambda: cr.jvp(np.sin, (1.0,), (np.ones(2),)), r"tangent has shape \(2,\)"),
        (lambda: cr.jvp(np.sin, (1.0,), (1.0, 2.0)), "trees differ in structure"),
        (lambda: cr.hvp(np.sin, 1.0, np.ones(2)), r"tangent has shape \(2,\)"),
        (
            lambda: cr.elementwise_grad(np.sum)(np.ones(3)),
            "not elementwise; use chainrule.jacobian",
        ),
        (
            lambda: cr.jacobian(np.sin, argnums=2)(1.0),
            "argnums=2 must be the number of one of the 1",
        ),
    ],
)
def test_wrong_use_is_refused_in_one_sentence(make, message):
    with pytest.raises(cr.InvalidInput, match=message):
        make()


def test_an_unused_argument_has_a_zero_gradient_and_a_note():
    with pytest.warns(cr.UnusedInputWarning, match=r"p\['b'\] does not influence the result"):
        gradient = cr.grad(lambda p: p["a"] ** 2)({"a": 3.0, "b": np.ones(2)})
    np.testing.assert_array_equal(gradient["b"], np.zeros(2))


@pytest.mark.parametrize("before", [lambda x: x, lambda x: np.stack([x, x])])
def test_an_argument_that_only_passes_a_step_is_named_as_such(before):
    with pytest.warns(cr.UnusedInputWarning, match=r"only through the piecewise constant floor"):
        assert cr.grad(lambda x: np.sum(np.floor(before(x))) * 2.0)(1.5) == 0.0


def test_the_note_points_at_the_caller():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cr.grad(lambda x: 1.0)(2.0)
    assert caught[0].filename == __file__


def test_stop_gradient_keeps_the_value():
    assert cr.grad(lambda x: x * cr.stop_gradient(x))(3.0) == 3.0
    tree = cr.stop_gradient({"a": 1.0})
    assert tree == {"a": 1.0}
    assert cr.grad(lambda x: x * float(cr.stop_gradient(x)))(3.0) == 3.0


def test_checkpoint_recomputes_and_agrees():
    calls = []

    def block(x, w):
        calls.append(1)
        return np.tanh(x @ w)

    x, w = np.ones((2, 3)), np.full((3, 3), 0.1)
    plain = cr.grad(lambda w: np.sum(block(block(x, w), w)))(w)
    calls.clear()
    saved = cr.grad(lambda w: np.sum(cr.checkpoint(block)(cr.checkpoint(block)(x, w), w)))(w)
    assert len(calls) == 4  # twice forward, twice again in the backward pass
    np.testing.assert_allclose(saved, plain, rtol=1e-14)
    second = cr.hessian(lambda x: np.sum(cr.checkpoint(np.tanh)(x)))(np.array([0.3]))
    t = np.tanh(0.3)
    np.testing.assert_allclose(second, [[-2 * t * (1 - t * t)]], rtol=1e-12)


def test_checkpoint_refuses_traced_values_from_outside():
    def outer(w):
        return cr.checkpoint(lambda x: x * w)(2.0 * w)

    with pytest.raises(cr.InvalidInput, match=r"not among its arguments.*pass it as an argument"):
        cr.grad(outer)(3.0)


def test_custom_vjp_replaces_the_derivative():
    @cr.custom_vjp
    def reversed_gradient(x, scale):
        return x * 1.0

    with pytest.raises(cr.NotDifferentiable, match=r"no derivative yet"):
        reversed_gradient(1.0, 2.0)
    reversed_gradient.defvjp(lambda x, s: (x * 1.0, s), lambda s, g: (-s * g, None))
    assert reversed_gradient(3.0, 2.0) == 3.0
    gradients = cr.grad(lambda x, s: 5.0 * reversed_gradient(x, s), argnums=(0, 1))(1.0, 2.0)
    assert gradients == (-10.0, 0.0)


def test_custom_vjp_of_trees_and_second_order():
    @cr.custom_vjp
    def cube(p):
        return {"y": p["x"] ** 3}

    cube.defvjp(lambda p: ({"y": p["x"] ** 3}, p), lambda p, g: ({"x": 3 * p["x"] ** 2 * g["y"]},))
    assert cr.grad(lambda p: cube(p)["y"])({"x": 2.0}) == {"x": 12.0}
    assert cr.grad(cr.grad(lambda x: cube({"x": x})["y"]))(2.0) == pytest.approx(12.0)


@pytest.mark.parametrize(
    ("forward", "backward", "message"),
    [
        (lambda x: x, lambda r, g: (g,), "must return .value, residuals."),
        (lambda x: (x * 1.0, None), lambda r, g: g, "must return a tuple of 1 cotangent"),
        (lambda x: (x * 1.0, None), lambda r, g: (g, g), "tuple of 1 cotangent, got 2"),
        (lambda x: (x * 1.0, None), lambda r, g: ({"a": g},), "whose structure is"),
        (lambda x: (x * 1.0, None), lambda r, g: (g * 1j,), "a cotangent became complex"),
        (lambda x: (x * 1.0, None), lambda r, g: (np.ones(7),), r"cotangent of shape \(7,\)"),
    ],
)
def test_custom_vjp_checks_what_the_user_returns(forward, backward, message):
    made = cr.custom_vjp(lambda x: x)
    made.defvjp(forward, backward)
    with pytest.raises(cr.InvalidInput, match=message):
        cr.grad(lambda x: np.sum(made(x)))(np.ones(3))


@pytest.mark.parametrize("x", [1.0, np.float32(1.0), np.ones(3)])
def test_custom_vjp_may_return_a_plain_number(x):
    twice = cr.custom_vjp(lambda x: 2 * x)
    twice.defvjp(lambda x: (2 * x, None), lambda r, g: (2.0,))
    gradient = cr.grad(lambda x: np.sum(twice(x)))(x)
    np.testing.assert_array_equal(gradient, 2 * np.ones_like(x), strict=True)


def test_check_grads_finds_a_wrong_rule():
    wrong = cr.custom_vjp(lambda x: x**2)
    wrong.defvjp(lambda x: (x**2, x), lambda x, g: (x * g,))
    wrong.__name__ = "wrong"
    with pytest.raises(AssertionError, match=r"order 1: <u, Jv> = .* from differences"):
        cr.check_grads(wrong, [np.array([1.0, 2.0])])


def test_check_grads_finds_a_rule_wrong_at_second_order():
    """The rule's value is right but it hides its dependence on x from the second derivative."""
    hidden = cr.custom_vjp(lambda x: x**2)
    hidden.defvjp(lambda x: (x**2, x), lambda x, g: (2 * cr.stop_gradient(x) * g,))
    cr.check_grads(hidden, [np.array([1.0, 2.0])], order=1)
    with pytest.raises(AssertionError, match=r"order 2"):
        cr.check_grads(hidden, [np.array([1.0, 2.0])], order=2)
