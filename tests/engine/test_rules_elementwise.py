"""Elementwise and piecewise functions: reference values, kinks, poles, dtypes, refusals."""

import math
import warnings

import numpy as np
import pytest

import chainrule as cr
from chainrule.engine.errors import (
    InvalidInput,
    NotDifferentiable,
    UnsupportedArgument,
    UnsupportedFunction,
    UnusedInputWarning,
)
from chainrule.engine.primitive import PRIMITIVES, UFUNCS
from chainrule.engine.rules.elementwise import quotient

X = np.array([[0.3, -1.2, 2.5], [1.7, 0.6, -0.4]])


def slope(function, x):
    """The derivative of every element, with every warning an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return cr.elementwise_grad(function)(x)


@pytest.mark.parametrize(
    ("function", "points", "expected"),
    [
        (lambda x: x**2, [-3.0, 0.0, 2.0], [-6.0, 0.0, 4.0]),
        (lambda x: x**3, [-3.0, 0.0, 2.0], [27.0, 0.0, 12.0]),
        (lambda x: x**2.0, [-3.0, 0.0], [-6.0, 0.0]),
        (lambda x: x**1, [-3.0, 0.0], [1.0, 1.0]),
        (lambda x: x**0, [-3.0, 0.0], [0.0, 0.0]),
        (lambda x: x**-1, [-2.0, 4.0], [-0.25, -0.0625]),
        (lambda x: x**-2, [-2.0, 1.0], [0.25, -2.0]),
        (lambda x: x**0.5, [4.0, 0.25], [0.25, 1.0]),
        (lambda x: x**1.5, [4.0, 0.0], [3.0, 0.0]),
        (lambda x: x ** np.array([2, 3]), [-3.0, -1.0], [-6.0, 3.0]),
        (lambda x: x ** np.array([0.0, 1.0, 2.0]), [0.0, 0.0, 0.0], [0.0, 1.0, 0.0]),
        (lambda x: x ** np.float64(2), [-3.0], [-6.0]),
        (lambda x: np.power(x, 3), [-2.0], [12.0]),
        (lambda x: np.float_power(x, 3), [-2.0], [12.0]),
        (lambda x: 0.0**x, [2.0, 0.0], [0.0, 0.0]),
        (lambda x: np.array([0.0, 0.0]) ** x, [2.0, 0.0], [0.0, 0.0]),
        (lambda x: 2.0**x, [3.0], [8 * math.log(2)]),
        (lambda x: np.abs(x), [-2.0, 0.0, 3.0], [-1.0, 0.0, 1.0]),
        (lambda x: np.maximum(x, 0), [-1.0, 0.0, 1.0], [0.0, 0.0, 1.0]),
        (lambda x: np.maximum(0.0, x), [-1.0, 0.0, 1.0], [0.0, 0.0, 1.0]),
        (lambda x: np.minimum(x, np.float64(1)), [0.0, 1.0, 2.0], [1.0, 0.0, 0.0]),
        (lambda x: np.maximum(x, x), [2.0], [1.0]),
        (lambda x: np.maximum(x, 2.0 * x), [0.0, 1.0, -1.0], [1.5, 2.0, 1.0]),
        (lambda x: np.maximum(x, np.zeros(1)), [0.0], [0.5]),
        (lambda x: np.maximum(x, 0.0) + np.maximum(-x, 0.0), [0.0], [0.0]),
        (lambda x: np.fmax(x, np.nan), [2.0], [1.0]),
        (lambda x: np.fmin(np.nan, x), [2.0], [1.0]),
        (lambda x: np.fmax(x, 0.0), [-1.0, 0.0, 1.0], [0.0, 0.0, 1.0]),
        (lambda x: np.clip(x, -1, 1), [-2.0, -1.0, 0.0, 1.0, 2.0], [0.0, 0.0, 1.0, 0.0, 0.0]),
        (lambda x: np.clip(x, None, 1), [0.0, 1.0, 2.0], [1.0, 0.0, 0.0]),
        (lambda x: np.clip(x, 0, None), [-1.0, 0.0, 1.0], [0.0, 0.0, 1.0]),
        (lambda x: np.clip(x, 2.0, 1.0), [0.0, 1.5, 3.0], [0.0, 0.0, 0.0]),
        (lambda x: x.clip(0, 1), [-1.0, 0.5], [0.0, 1.0]),
        (lambda x: x.clip(min=0), [-1.0, 0.5], [0.0, 1.0]),
        (lambda x: np.array([0.5, -0.5]).clip(0, x), [0.2, 0.3], [1.0, 0.0]),
        (lambda x: np.array([0.5, -0.5]).clip(x), [0.0, 0.0], [0.0, 1.0]),
        (lambda x: np.sqrt(x), [4.0, 0.25], [0.25, 1.0]),
        (lambda x: np.where(x > 0, np.sqrt(x), x), [0.0, 4.0], [1.0, 0.25]),
        (lambda x: np.where(x > 0, np.cbrt(x), x), [0.0, 8.0], [1.0, 1 / 12]),
        (lambda x: np.where(x > 0, x**0.5, x), [0.0, 4.0], [1.0, 0.25]),
        (lambda x: np.where(x < 1, np.arcsin(x), x), [0.0, 1.0], [1.0, 1.0]),
        (lambda x: np.where(x < 1, np.arctanh(x / 2), x), [0.0, 1.0], [0.5, 1.0]),
        (lambda x: np.hypot(x, 0.0), [0.0, -3.0], [0.0, -1.0]),
        (lambda x: np.arctan2(x, 0.0 * x), [0.0], [0.0]),
        (lambda x: np.arctan2(x, 1e-200), [0.0], [1e200]),
        (lambda x: np.sinc(x), [0.0, 1.0, 0.5], [0.0, -1.0, -4 / math.pi]),
        (lambda x: np.i0(x), [0.0, 1.0, -1.0], [0.0, 0.565159103992485, -0.565159103992485]),
        (lambda x: np.logaddexp(x, -np.inf), [-np.inf, 0.0, np.inf], [0.0, 1.0, 1.0]),
        (lambda x: np.logaddexp(x, np.inf), [-np.inf, 0.0, np.inf], [0.0, 0.0, 0.5]),
        (lambda x: np.logaddexp(x, 0.0), [-800.0, 0.0, 800.0], [0.0, 0.5, 1.0]),
        (lambda x: np.logaddexp2(x, 1.0), [1.0], [0.5]),
        (lambda x: np.logaddexp(x, 0.0), [-100.0], [math.exp(-100.0)]),
        (lambda x: np.expm1(x), [-50.0], [math.exp(-50.0)]),
        (lambda x: np.copysign(x, -2.0), [3.0, -3.0, 0.0], [-1.0, 1.0, 0.0]),
        (lambda x: np.copysign(x, x), [3.0, -3.0], [1.0, 1.0]),
        (lambda x: np.heaviside(np.array([-1.0, 0.0, 1.0]), x), [5.0, 5.0, 5.0], [0.0, 1.0, 0.0]),
        (lambda x: x % 2.0, [5.5, -0.5], [1.0, 1.0]),
        (lambda x: 5.0 % x, [2.2, -2.2], [-2.0, 3.0]),
        (lambda x: np.fmod(-5.0, x), [2.2], [2.0]),
        (lambda x: np.divmod(5.0, x)[1], [2.2], [-2.0]),
        (lambda x: divmod(x, 2.0)[1], [5.5], [1.0]),
        (lambda x: np.modf(x)[0], [1.5, -1.5], [1.0, 1.0]),
        (lambda x: np.ldexp(x, 3), [1.5], [8.0]),
        (lambda x: np.nan_to_num(x, nan=7.0), [np.nan, np.inf, 1.0], [0.0, 0.0, 1.0]),
        (lambda x: x + x // 1, [1.5], [1.0]),
        (lambda x: x * np.sign(x) + np.floor(x) + np.round(x, 1), [-1.5], [-1.0]),
        (lambda x: x + np.nextafter(x, 9.0) + np.spacing(x), [1.5], [2.0]),
        (lambda x: np.where(x > 1, 2.0 * x, x), [0.0, 1.0, 2.0], [1.0, 1.0, 2.0]),
        (lambda x: np.real(x) + np.imag(x) + np.conj(x) + x.real, [1.5], [3.0]),
        (lambda x: np.real_if_close(x) * 2, [1.5], [2.0]),
        (lambda x: np.unwrap(x), [0.0, 6.0, 12.0], [1.0, 1.0, 1.0]),
        (lambda x: np.deg2rad(x) + np.radians(x), [30.0], [math.pi / 90]),
        (lambda x: np.rad2deg(x) + np.degrees(x), [0.3], [360 / math.pi]),
        (lambda x: +x - -x, [2.0], [2.0]),
        (lambda x: np.select([x < 0, x < 1], [-x, x**2], 5.0), [-1.0, 0.5, 3.0], [-1.0, 1.0, 0.0]),
        (
            lambda x: np.piecewise(x, [x < 0, x > 1], [lambda v: -v, lambda v: v**2, 7.0]),
            [-1.0, 0.5, 3.0], [-1.0, 0.0, 6.0],
        ),
        (
            lambda x: np.piecewise(x, [x < 0, x >= 0], [0.0, lambda v, k: np.sqrt(v) * k], 3.0),
            [-1.0, 4.0], [0.0, 0.75],
        ),
        (lambda x: np.piecewise(x, x > 0, [lambda v: 2 * v, 1.0]), [-1.0, 4.0], [0.0, 2.0]),
        (lambda x: np.interp(x, [0.0, 1.0, 3.0], [0.0, 2.0, 0.0]), [-1.0, 0.5, 1.0], [0, 2, -1]),
    ],
)  # fmt: skip
def test_derivatives_at_points(function, points, expected):
    np.testing.assert_allclose(slope(function, np.array(points)), expected, rtol=2e-15, atol=0)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: np.where(np.maximum(x[0], x[1]) > 0, np.maximum(x[0], x[1]), 0.0), [0.5, 0.5]),
        (lambda x: np.minimum(x[0], x[1]), [0.5, 0.5]),
        (lambda x: np.clip(x[0], x[1], 9.0), [0.0, 1.0]),
        (lambda x: np.clip(x[0], -9.0, x[1]), [0.0, 1.0]),
        (lambda x: np.logaddexp(x[0], x[1]), [0.5, 0.5]),
        (lambda x: x[0] ** x[1], [1.0, 0.0]),
        (lambda x: np.arctan2(x[0], x[1]), [0.5, -0.5]),
        (lambda x: np.hypot(x[0], x[1]), [math.sqrt(0.5), math.sqrt(0.5)]),
        (lambda x: np.remainder(x[0] * 2.5, x[1]), [2.5, -2.0]),
        (lambda x: np.copysign(x[0], x[1]), [1.0, 0.0]),
    ],
)
def test_two_equal_arguments(function, expected):
    np.testing.assert_allclose(cr.grad(function)(np.array([1.0, 1.0])), expected, rtol=1e-15)


def test_a_python_number_is_differentiated_like_an_array():
    assert cr.grad(lambda x: np.maximum(0.0, x))(0.0) == 0.0
    assert cr.grad(lambda x: np.maximum(x, 0.0))(0.0) == 0.0
    assert cr.grad(lambda x: np.maximum(x, x))(0.0) == 1.0
    assert cr.grad(lambda x, y: np.maximum(x, y), (0, 1))(2.0, 2.0) == (0.5, 0.5)
    assert cr.grad(lambda x: x**3)(-2.0) == 12.0


@pytest.mark.parametrize(
    ("function", "point", "expected"),
    [
        (np.sqrt, 0.0, np.inf),
        (np.cbrt, 0.0, np.inf),
        (lambda x: x**0.5, 0.0, np.inf),
        (np.arcsin, 1.0, np.inf),
        (np.arccos, 1.0, -np.inf),
        (np.arccosh, 1.0, np.inf),
    ],
)
def test_the_true_pole_is_infinite_and_warns(function, point, expected):
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        assert cr.grad(function)(point) == expected


def test_a_pole_without_cotangent_is_zero_and_a_jvp_sees_the_pole():
    _, pullback = cr.vjp(np.sqrt, np.array([0.0, 4.0]))
    np.testing.assert_array_equal(pullback(np.array([0.0, 1.0]))[0], [0.0, 0.25])
    _, tangent = cr.jvp(np.sqrt, (np.array([4.0, 9.0]),), (np.array([1.0, 0.0]),))
    np.testing.assert_array_equal(tangent, [0.25, 0.0])
    with np.errstate(divide="ignore"):
        assert cr.jvp(np.sqrt, (0.0,), (1.0,))[1] == np.inf


def test_quotient_is_division_where_the_numerator_is_not_zero():
    a, b = np.array([0.0, 1.0, -3.0]), np.array([0.0, 4.0, 2.0])
    np.testing.assert_array_equal(quotient(a, b), [0.0, 0.25, -1.5])
    np.testing.assert_array_equal(cr.elementwise_grad(quotient)(a, b + (b == 0)), [1.0, 0.25, 0.5])


@pytest.mark.parametrize(
    ("function", "point", "order", "expected"),
    [
        (np.sinc, 0.0, 2, -(math.pi**2) / 3),
        (np.sinc, 0.0, 3, 0.0),
        (np.sinc, 0.0, 4, math.pi**4 / 5),
        (np.sinc, 1.0, 2, 2.0),
        (np.i0, 0.0, 2, 0.5),
        (lambda x: x**3, 0.0, 2, 0.0),
        (lambda x: x**3, 0.0, 3, 6.0),
        (lambda x: x**2, 0.0, 2, 2.0),
        (lambda x: x**-1, 2.0, 2, 0.25),
        (lambda x: np.logaddexp(x, 0.0), 0.0, 2, 0.25),
        (lambda x: np.logaddexp(x, -np.inf), 0.0, 2, 0.0),
        (np.tanh, 0.0, 3, -2.0),
        (np.abs, 1.0, 2, 0.0),
        (lambda x: x * np.abs(x), 0.0, 2, 0.0),
        (lambda x: np.maximum(x, 0.0) ** 2, 1.0, 2, 2.0),
        (lambda x: np.hypot(x, 0.0) ** 2, 0.0, 2, 0.0),
        (lambda x: x**x, 1.0, 2, 2.0),
        (lambda x: 2.0**x, 0.0, 2, math.log(2) ** 2),
    ],
)
def test_higher_derivatives(function, point, order, expected):
    derivative = function
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnusedInputWarning)
        for _ in range(order):
            derivative = cr.grad(derivative)
        assert derivative(point) == pytest.approx(expected, rel=1e-12, abs=1e-14)


def test_the_derivative_of_i0_is_i1_over_its_whole_range():
    from scipy import special

    x = np.concatenate((np.linspace(-30.0, 30.0, 41), [1e-8, 200.0, 650.0]))
    np.testing.assert_allclose(slope(np.i0, x), special.i1(x), rtol=3e-14, atol=1e-15)


def test_the_derivative_of_sinc_is_smooth_across_its_series():
    x = np.linspace(0.15, 0.17, 201)  # the series ends at 0.5/π = 0.159
    exact = (math.pi * x * np.cos(math.pi * x) - np.sin(math.pi * x)) / (math.pi * x**2)
    np.testing.assert_allclose(slope(np.sinc, x), exact, rtol=1e-13)


SMOOTH = [
    (lambda x: np.select([x < 0, x < 1], [np.sin(x), x**3], np.exp(x)), X),
    (lambda x: np.piecewise(x, [x < 0, x > 1], [np.sin, np.exp, lambda v: v**3]), X),
    (lambda x: np.where(x > 0, x**2, np.sin(x)), X),
    (lambda x: np.stack(np.modf(x)), X),
    (lambda x: np.stack(np.divmod(x, 0.7)), X),
    (lambda x: np.add.outer(x[0], x[1] ** 2), X),
    (lambda x: np.astype(x, np.float64) * 2.0, X),
]


@pytest.mark.parametrize(("function", "x"), SMOOTH)
def test_composites_value_dtype_and_derivatives(function, x):
    graph = cr.trace(function, x)
    np.testing.assert_allclose(graph.value, function(x), rtol=1e-15)
    assert graph.value.dtype == function(x).dtype
    narrow = x.astype(np.float32)
    assert cr.trace(function, narrow).value.dtype == function(narrow).dtype
    cr.check_grads(function, (x,), order=2)


def test_select_and_where_do_not_pass_on_what_is_not_chosen():
    x = np.array([-1.0, 4.0])
    with np.errstate(invalid="ignore"):
        found = cr.elementwise_grad(lambda x: np.select([x > 0], [np.sqrt(np.abs(x))], 2.0))(x)
    np.testing.assert_array_equal(found, [0.0, 0.25])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_gradients_keep_the_dtype(dtype):
    x = np.array([0.5, 1.5], dtype)

    def function(x):
        y = np.maximum(x, 0) ** 2 + np.clip(x, 0, 1) + np.where(x > 1, x, 0.0) + x**0.5 + np.log2(x)
        return np.sum(y * 2 + np.mean(x) + np.std(x) + np.sinc(x) + np.hypot(x, 1) + np.abs(x))

    value, gradient = cr.value_and_grad(function)(x)
    assert value.dtype == dtype
    assert gradient.dtype == dtype


def test_astype_between_floating_types_and_to_integers():
    gradient = cr.grad(lambda x: np.sum(x.astype(np.float32) ** 2))(np.array([1.5, 2.0]))
    np.testing.assert_array_equal(gradient, [3.0, 4.0])
    assert gradient.dtype == np.float64
    with pytest.warns(UnusedInputWarning):
        assert cr.grad(lambda x: np.sum(x.astype(int) * 2.0))(np.array([1.5]))[0] == 0.0
    _, pullback = cr.vjp(lambda x: x.astype(int), np.array([1.5]))
    np.testing.assert_array_equal(pullback(np.array([1]))[0], [0.0])


def test_steps_and_comparisons_have_the_values_of_numpy_and_no_gradient():
    for function in (
        np.sign, np.floor, np.ceil, np.trunc, np.rint, np.round, np.isfinite, np.signbit,
        np.logical_not, np.isposinf, np.isneginf, np.isreal, np.iscomplex, np.angle, np.spacing,
        lambda x: np.isclose(x, 0.3), lambda x: x // 0.5, lambda x: (x > 0) & (x < 1) | ~(x == 2),
        lambda x: (x > 0) ^ (x >= 1), lambda x: np.array([np.allclose(np.ones(2), 1.0)]) & (x != 0),
        lambda x: (x > 0).astype(int) << 2 >> 1, lambda x: np.gcd((x > 0).astype(int) * 6, 4),
    ):  # fmt: skip
        graph = cr.trace(function, X)
        np.testing.assert_array_equal(graph.value, function(X))
        assert graph.value.dtype == function(X).dtype
        with pytest.warns(UnusedInputWarning):
            gradient = cr.grad(lambda x, f=function: np.sum(f(x) * 1.5))(X)
        np.testing.assert_array_equal(gradient, np.zeros((2, 3)))


def test_whole_array_comparisons():
    for function, expected in (
        (lambda x: np.allclose(x, X), True),
        (lambda x: np.allclose(x, X + 1, atol=np.max(x)), True),
        (lambda x: np.array_equal(x, X), True),
        (lambda x: np.array_equal(x, X[0]), False),
        (lambda x: np.array_equal(x, np.where(X > 0, X, np.nan), equal_nan=True), False),
        (lambda x: np.array_equiv(x, X), True),
        (lambda x: np.array_equiv(x, np.ones(4)), False),
    ):
        assert bool(cr.trace(function, X).value) is expected


def test_every_real_ufunc_of_numpy_has_a_rule_or_a_refusal():
    ufuncs = {getattr(np, name) for name in dir(np) if isinstance(getattr(np, name), np.ufunc)}
    without = {ufunc.__name__ for ufunc in ufuncs if ufunc not in UFUNCS}
    assert without == {"frexp", "isnat"}


def test_operators_record_the_primitives_they_name():
    from chainrule.engine import operators

    names = [name for _, name in operators._OPERATORS.values()]
    names += [name for _, name in (*operators._UNARY.values(), *operators._COMPARISONS.values())]
    assert {*names, "power", "positive"} <= set(PRIMITIVES)


@pytest.mark.parametrize(
    ("function", "kind", "message"),
    [
        (lambda x: np.where(x > 0), UnsupportedArgument, "np.nonzero"),
        (lambda x: np.clip(x, 0, 1, out=np.zeros((2, 3))), UnsupportedArgument, "assign"),
        (lambda x: np.round(x, 1, np.zeros((2, 3))), UnsupportedArgument, "assign"),
        (lambda x: np.nan_to_num(x, copy=False), UnsupportedArgument, "assign"),
        (lambda x: np.nan_to_num(x, nan=x[0, 0]), UnsupportedArgument, "a traced nan="),
        (lambda x: np.unwrap(x, period=x[0, 0]), UnsupportedArgument, "a traced period="),
        (lambda x: x.astype(complex), UnsupportedArgument, "real numbers"),
        (lambda x: np.add(x, 1.0, where=x > 0), UnsupportedArgument, "np.where"),
        (lambda x: np.frexp(x), UnsupportedFunction, "ldexp"),
        (lambda x: np.multiply.reduceat(x, [0, 1]), UnsupportedFunction, "np.sum"),
        (lambda x: np.select([x > 0], [x, x]), ValueError, "as many conditions"),
        (lambda x: np.piecewise(x, [x > 0], [0.0, 1.0, 2.0]), ValueError, "one function per"),
        (lambda x: x + 1j, InvalidInput, "complex"),
    ],
)
def test_refusals_name_the_line_and_the_cure(function, kind, message):
    with pytest.raises(kind, match=message) as caught:
        cr.trace(function, X)
    assert "line " in str(caught.value)


def test_no_derivative_towards_a_shape_parameter_is_an_error():
    from scipy import special

    with pytest.raises(NotDifferentiable, match=r"gammainc.*operand 1.*stop_gradient"):
        cr.grad(lambda a: special.gammainc(a, 2.0))(1.5)
