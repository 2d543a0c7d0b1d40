"""Cost, error rate and activations: reference values, extremes, and refusals."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.experiments.handwritten_functions import (
    LinearActivation,
    QuadraticCost,
    ReLUActivation,
    SigmoidActivation,
    TanhActivation,
    misclassification_error,
    real_array,
)

ACTIVATIONS = [LinearActivation, ReLUActivation, TanhActivation, SigmoidActivation]
Y = np.array([1.0, -1.0, 1.0, -1.0])
YP = np.array([0.5, 0.25, 0.0, -2.0])


def test_cost_is_element_wise_unless_a_mean_is_asked_for():
    np.testing.assert_array_equal(QuadraticCost.fx(Y, YP), [0.125, 0.78125, 0.5, 0.5])
    np.testing.assert_array_equal(QuadraticCost.dx(Y, YP), [-0.5, 1.25, -1.0, -1.0])
    assert QuadraticCost.fx(Y, YP, reduction="mean") == 0.4765625
    np.testing.assert_array_equal(
        QuadraticCost.dx(Y, YP, reduction="mean"), [-0.125, 0.3125, -0.25, -0.25]
    )


@pytest.mark.parametrize("shape", [(4,), (4, 1), (1, 4)])
def test_mean_divides_by_the_number_of_samples_whatever_their_axis(shape):
    y, yp = Y.reshape(shape), YP.reshape(shape)
    assert QuadraticCost.fx(y, yp, "mean") == 0.4765625
    assert QuadraticCost.dx(y, yp, "mean").shape == shape


@given(st.lists(st.tuples(st.floats(-100, 100), st.floats(-100, 100)), min_size=1, max_size=20))
def test_mean_derivative_is_the_derivative_of_the_mean_cost(pairs):
    y, yp = np.array(pairs).T
    step = 1e-4
    numerical = [
        (
            QuadraticCost.fx(y, yp + step * unit, "mean")
            - QuadraticCost.fx(y, yp - step * unit, "mean")
        )
        / (2 * step)
        for unit in np.eye(len(y))
    ]
    np.testing.assert_allclose(QuadraticCost.dx(y, yp, "mean"), numerical, atol=1e-6)


@pytest.mark.parametrize(
    ("zero_is", "expected"), [("error", 0.5), ("positive", 0.25), ("negative", 0.5)]
)
def test_misclassification_error_says_what_a_prediction_of_zero_is(zero_is, expected):
    assert misclassification_error(Y, YP, zero_is=zero_is) == expected


def test_misclassification_error_takes_integer_labels_and_columns():
    assert misclassification_error([[1], [-1]], [[0.1], [0.1]]) == 0.5


EXTREMES = {
    # z: relu, relu', tanh, tanh', sigmoid, sigmoid'
    -800.0: (0.0, 0.0, -1.0, 0.0, 0.0, 0.0),
    -20.0: (0.0, 0.0, -1.0, 1.6993417021166355e-17, 2.0611536181902037e-9, 2.061153613941849e-9),
    -1.0: (
        0.0,
        0.0,
        -0.7615941559557649,
        0.4199743416140261,
        0.2689414213699951,
        0.19661193324148185,
    ),
    0.0: (0.0, 0.0, 0.0, 1.0, 0.5, 0.25),
    1.0: (
        1.0,
        1.0,
        0.7615941559557649,
        0.4199743416140261,
        0.7310585786300049,
        0.19661193324148185,
    ),
    20.0: (20.0, 1.0, 1.0, 1.6993417021166355e-17, 0.9999999979388463, 2.061153613941849e-9),
    800.0: (800.0, 1.0, 1.0, 0.0, 1.0, 0.0),
}


@pytest.mark.parametrize("z", EXTREMES)
def test_activations_and_derivatives_are_exact_at_the_extremes_and_silent(z):
    with warnings.catch_warnings(), np.errstate(over="raise", invalid="raise", divide="raise"):
        warnings.simplefilter("error")
        found = [
            f(z)
            for activation in (ReLUActivation, TanhActivation, SigmoidActivation)
            for f in (activation.fx, activation.dx)
        ]
    np.testing.assert_allclose(found, EXTREMES[z], rtol=1e-14, atol=0)
    assert LinearActivation.fx(z) == z
    assert LinearActivation.dx(z) == 1.0


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_activations_keep_shape_and_precision(activation, dtype):
    z = np.linspace(-2, 2, 6, dtype=dtype).reshape(2, 3)
    before = z.copy()
    for f in (activation.fx, activation.dx):
        assert f(z).shape == (2, 3)
        assert f(z).dtype == dtype
    np.testing.assert_array_equal(z, before)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_take_integers_as_real_numbers(activation):
    np.testing.assert_array_equal(activation.fx([1, -2]), activation.fx([1.0, -2.0]))
    np.testing.assert_array_equal(activation.dx([1, -2]), activation.dx([1.0, -2.0]))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@given(z=st.floats(-30, 30).filter(lambda z: abs(z) > 1e-4))
def test_derivative_is_the_slope_of_the_activation(activation, z):
    step = 1e-6
    slope = (activation.fx(z + step) - activation.fx(z - step)) / (2 * step)
    assert abs(float(slope) - float(activation.dx(z))) < 1e-8


@pytest.mark.parametrize("activation", [ReLUActivation, TanhActivation, SigmoidActivation])
def test_nan_stays_visible(activation):
    assert np.isnan(activation.fx(np.nan))
    assert np.isnan(activation.dx(np.nan))


REFUSED = [
    (QuadraticCost.fx, (np.ones(3), np.ones((3, 1))), ValueError, r"\(3,\).*\(3, 1\).*broadcast"),
    (QuadraticCost.dx, (np.ones((3, 1)), np.ones((1, 3))), ValueError, r"reshape\(yp.shape\)"),
    (QuadraticCost.fx, (np.ones(2), [1.0, np.nan]), ValueError, r"yp holds NaN.*index \(1,\)"),
    (QuadraticCost.dx, ([np.inf, 1.0], np.ones(2)), ValueError, r"y holds NaN or infinity"),
    (QuadraticCost.fx, ([], []), ValueError, "empty"),
    (QuadraticCost.fx, (["a"], [1.0]), TypeError, "y has dtype"),
    (QuadraticCost.dx, ([1.0], [1j]), TypeError, "yp has dtype complex128"),
    (QuadraticCost.fx, ([1.0], [1.0], "sum"), ValueError, "'none' or 'mean'"),
    (QuadraticCost.fx, (np.ones((2, 3)), np.ones((2, 3)), "mean"), ValueError, "one output"),
    (QuadraticCost.dx, (np.ones((2, 3)), np.ones((2, 3)), "mean"), ValueError, "one output"),
    (misclassification_error, ([0, 1], [1.0, 1.0]), ValueError, "label 0.*np.where"),
    (misclassification_error, ([3, 9], [1.0, 1.0]), ValueError, "label 3"),
    (misclassification_error, (np.ones(3), np.ones((3, 1))), ValueError, "broadcast"),
    (misclassification_error, ([1.0], [np.nan]), ValueError, "diverged"),
    (misclassification_error, ([1.0], [1.0], "both"), ValueError, "zero_is is 'both'"),
    (TanhActivation.fx, ([[1.0], [1.0, 2.0]],), TypeError, "rectangular"),
    (ReLUActivation.dx, (["z"],), TypeError, "z has dtype"),
]


@pytest.mark.parametrize(("function", "arguments", "error", "message"), REFUSED)
def test_refusals_name_the_argument_and_the_cure(function, arguments, error, message):
    with pytest.raises(error, match=message):
        function(*arguments)


def test_large_finite_differences_are_not_taken_for_infinite():
    assert QuadraticCost.dx([1e200], [-1e200])[0] == -2e200


@pytest.mark.parametrize(
    ("given_dtype", "dtype"),
    [(np.float64, np.float64), (np.float32, np.float32), (np.float16, np.float32),
     (np.int8, np.float64), (np.bool_, np.float64)],
)  # fmt: skip
def test_real_array_keeps_floats_and_converts_the_rest(given_dtype, dtype):
    assert real_array(np.ones(2, given_dtype), "x").dtype == dtype
