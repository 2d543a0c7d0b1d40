"""Activations: exact values and derivatives, extremes, kinks, dtypes, agreement with PyTorch.

Reference values were computed with 40 digits.
"""

import warnings

import numpy as np
import pytest
from tests.engine.agreement import assert_agrees

import chainrule as cr
from chainrule import nn

AT = np.array([-40.0, -20.0, -1.5, 0.0, 0.25, 20.0, 40.0])
E40, E20 = 4.248354255291589e-18, 2.061153622438558e-09  # e^-40, e^-20

REFERENCE = {
    nn.identity: (AT, np.ones(7)),
    nn.relu: ([0, 0, 0, 0, 0.25, 20, 40], [0, 0, 0, 0, 1, 1, 1]),
    nn.leaky_relu: ([-0.4, -0.2, -0.015, 0, 0.25, 20, 40], [0.01, 0.01, 0.01, 0.01, 1, 1, 1]),
    nn.elu: (
        [-1, -0.9999999979388464, -0.7768698398515702, 0, 0.25, 20, 40],
        [E40, E20, 0.22313016014842982, 1, 1, 1, 1],
    ),
    nn.sigmoid: (
        [E40, 2.0611536181902037e-09, 0.18242552380635635, 0.5, 0.5621765008857981,
         0.9999999979388464, 1],
        [E40, 2.061153613941849e-09, 0.14914645207033286, 0.25, 0.24613408273759835,
         2.061153613941849e-09, E40],
    ),
    nn.softplus: (
        [E40, 2.061153620314381e-09, 0.2014132779827524, 0.6931471805599453, 0.8259394198788436,
         20.000000002061153, 40],
        [E40, 2.0611536181902037e-09, 0.18242552380635635, 0.5, 0.5621765008857981,
         0.9999999979388464, 1],
    ),
    nn.gelu: (
        [0, -5.507248237212468e-88, -0.1002108019032871, 0, 0.14967658142073093, 20, 40],
        [0, -1.1014360483133464e-86, -0.12746919222997952, 0.5, 0.695373354883636, 1, 1],
    ),
    nn.gelu_tanh: (
        [0, 0, -0.10042842301976708, 0, 0.149675350701685, 20, 40],
        [0, 0, -0.12771079315143308, 0.5, 0.6953540951510604, 1, 1],
    ),
}  # fmt: skip
ELEMENTWISE = [*REFERENCE, nn.tanh]
SMOOTH = [nn.sigmoid, nn.softplus, nn.gelu, nn.gelu_tanh, nn.tanh, nn.softmax, nn.identity]


def name_of(value):
    return getattr(value, "__name__", None)


@pytest.mark.parametrize("activation", REFERENCE, ids=name_of)
def test_value_and_derivative_have_full_relative_accuracy(activation):
    value, derivative = REFERENCE[activation]
    np.testing.assert_allclose(activation(AT), value, rtol=5e-14, atol=0)
    found = cr.elementwise_grad(activation)(AT)
    np.testing.assert_allclose(found, derivative, rtol=5e-14, atol=0)


@pytest.mark.parametrize("activation", [*ELEMENTWISE, nn.softmax], ids=name_of)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extremes_are_finite_without_warnings(activation, dtype):
    x = np.array([-800.0, -89.0, -1e-30, 0.0, 1e-30, 89.0, 800.0], dtype)
    with warnings.catch_warnings(), np.errstate(all="warn", under="ignore"):
        warnings.simplefilter("error")
        value, pullback = cr.vjp(activation, x)
        (slope,) = pullback(np.ones_like(x))
    assert value.dtype == slope.dtype == dtype
    assert np.all(np.isfinite(value))
    assert np.all(np.isfinite(slope))


@pytest.mark.parametrize(
    ("activation", "limits"),
    [
        (nn.sigmoid, (0.0, 1.0)),
        (nn.tanh, (-1.0, 1.0)),
        (nn.softplus, (0.0, 800.0)),
        (nn.elu, (-1.0, 800.0)),
        (nn.gelu, (0.0, 800.0)),
        (nn.gelu_tanh, (0.0, 800.0)),
        (nn.relu, (0.0, 800.0)),
        (nn.leaky_relu, (-8.0, 800.0)),
        (nn.softmax, (0.0, 1.0)),
    ],
    ids=name_of,
)
def test_limits_are_exact(activation, limits):
    np.testing.assert_array_equal(activation(np.array([-800.0, 800.0])), limits)


@pytest.mark.parametrize("activation", SMOOTH, ids=name_of)
def test_smooth_derivatives_to_second_order(activation):
    assert_agrees(activation, np.random.default_rng(0).normal(size=(3, 4)))
    assert_agrees(activation, np.array([0.0, -3.0, 3.0]))


@pytest.mark.parametrize("activation", [nn.relu, nn.leaky_relu, nn.elu], ids=name_of)
def test_derivatives_to_second_order_away_from_the_kink(activation):
    assert_agrees(activation, np.array([[-2.0, -0.3, 0.2], [1.5, -1.0, 3.0]]))


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        (nn.relu, 0.0),
        (nn.leaky_relu, 0.01),
        (lambda x: nn.leaky_relu(x, 0.3), 0.3),
        (nn.elu, 1.0),
        (lambda x: nn.elu(x, 2.0), 2.0),
    ],
)
def test_derivative_at_the_kink_is_the_documented_one(activation, expected):
    assert cr.grad(activation)(0.0) == expected


def test_parameters_of_leaky_relu_and_elu():
    np.testing.assert_allclose(nn.leaky_relu(np.array([-2.0, 3.0]), 0.25), [-0.5, 3.0], rtol=1e-15)
    np.testing.assert_allclose(
        nn.elu(np.array([-1.0, 3.0]), 2.0), [2 * np.expm1(-1), 3.0], rtol=1e-15
    )


def test_second_derivative_of_sigmoid_at_0_is_0_although_it_is_written_with_minimum():
    second = cr.grad(cr.grad(nn.sigmoid))
    assert second(0.0) == 0.0
    # σ'' = σ' (1 - 2σ)
    x = 1.3
    s = nn.sigmoid(x)
    np.testing.assert_allclose(second(x), s * (1 - s) * (1 - 2 * s), rtol=1e-13)


def test_softmax_of_the_reference_logits():
    expected = [0.09003057317038046, 0.24472847105479764, 0.6652409557748218]
    np.testing.assert_allclose(nn.softmax(np.array([1.0, 2.0, 3.0])), expected, rtol=1e-15)


@pytest.mark.parametrize("activation", ELEMENTWISE, ids=name_of)
def test_compiled_is_eager(activation):
    def f(x):
        return np.sum(activation(x) ** 2)

    x = np.random.default_rng(1).normal(size=(5, 3)) * 4
    compiled = cr.value_and_grad(f, compile=True)
    compiled(x)  # traces; the second call runs the plan
    value, slope = compiled(-x)
    expected, expected_slope = cr.value_and_grad(f)(-x)
    np.testing.assert_allclose(value, expected, rtol=1e-13)
    np.testing.assert_allclose(slope, expected_slope, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("activation", [*ELEMENTWISE, nn.softmax], ids=name_of)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_agrees_with_pytorch(activation, dtype):
    torch = pytest.importorskip("torch", reason="compares with PyTorch where it is installed")
    F = torch.nn.functional
    theirs = {
        nn.identity: lambda x: x,
        nn.gelu_tanh: lambda x: F.gelu(x, approximate="tanh"),
        nn.tanh: torch.tanh,
        nn.sigmoid: torch.sigmoid,
        nn.softmax: lambda x: F.softmax(x, dim=-1),
    }.get(activation) or getattr(F, activation.__name__)
    x = (np.random.default_rng(2).normal(size=(4, 6)) * 3).astype(dtype)
    x[0, 0] = 0.0
    g = np.random.default_rng(3).normal(size=(4, 6)).astype(dtype)
    value, pullback = cr.vjp(activation, x)
    tensor = torch.tensor(x, requires_grad=True)
    expected = theirs(tensor)
    expected.backward(torch.tensor(g))
    tolerance = 1e-12 if dtype == "float64" else 2e-6
    np.testing.assert_allclose(value, expected.detach().numpy(), rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(pullback(g)[0], tensor.grad.numpy(), rtol=tolerance, atol=tolerance)
