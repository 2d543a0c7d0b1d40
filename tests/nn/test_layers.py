"""Layers as functions: values, derivatives, float32, PyTorch, and what they refuse."""

import numpy as np
import pytest
from tests.engine.agreement import assert_agrees

import chainrule as cr
from chainrule import nn
from chainrule.engine.errors import InvalidInput

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.normal(size=shape)


FRESH = nn.RunningStatistics(np.zeros(3), np.ones(3))
USED = nn.RunningStatistics(normal(3), RNG.uniform(0.5, 2, size=3))
MASK = RNG.random((5, 3)) > 0.4

FUNCTIONS = {
    "linear": (nn.linear, (normal(5, 3), normal(4, 3), normal(4))),
    "linear without bias": (nn.linear, (normal(5, 3), normal(4, 3))),
    "linear over sequences": (nn.linear, (normal(2, 5, 3), normal(4, 3), normal(4))),
    "linear of a vector": (nn.linear, (normal(3), normal(4, 3), normal(4))),
    "linear, two networks": (nn.linear, (normal(5, 3), normal(2, 4, 3), normal(2, 4))),
    "linear, two networks and inputs": (nn.linear, (normal(2, 5, 3), normal(2, 4, 3))),
    "convolution": (nn.conv2d, (normal(2, 3, 5, 4), normal(2, 3, 3, 2), normal(2))),
    "convolution without bias": (
        lambda x, W: nn.conv2d(x, W, stride=2, padding=1, groups=2),
        (normal(2, 4, 5, 5), normal(2, 2, 3, 3)),
    ),
    "flatten": (nn.flatten, (normal(2, 3, 4),)),
    "max pooling": (lambda x: nn.max_pool2d(x, 2), (normal(2, 1, 4, 6),)),
    "average pooling": (lambda x: nn.avg_pool2d(x, 2), (normal(2, 1, 4, 6),)),
    "batch norm, training": (
        lambda x, gamma, beta: nn.batch_norm(x, gamma, beta, FRESH, True)[0],
        (normal(5, 3), normal(3), normal(3)),
    ),
    "batch norm of images, training": (
        lambda x, gamma, beta: nn.batch_norm(x, gamma, beta, FRESH, True)[0],
        (normal(2, 3, 2, 4), normal(3), normal(3)),
    ),
    "batch norm, evaluation": (
        lambda x, gamma, beta: nn.batch_norm(x, gamma, beta, USED, False)[0],
        (normal(5, 3), normal(3), normal(3)),
    ),
    "layer norm": (nn.layer_norm, (normal(5, 3), normal(3), normal(3))),
    "layer norm over two axes": (nn.layer_norm, (normal(2, 3, 4), normal(3, 4), normal(3, 4))),
    "dropout": (lambda x: nn.dropout(x, 0.4, MASK), (normal(5, 3),)),
    "embedding": (lambda table: nn.embedding(table, np.array([[1, 0], [3, 1]])), (normal(4, 3),)),
}


@pytest.mark.parametrize("case", FUNCTIONS)
def test_derivatives_to_second_order_and_float32(case):
    function, arrays = FUNCTIONS[case]
    if case.startswith("batch norm"):
        # the statistics are float64 constants here; float32 has a test of its own
        cr.check_grads(function, arrays)
    else:
        assert_agrees(function, *arrays)


@pytest.mark.parametrize("case", FUNCTIONS)
def test_compiled_is_eager(case):
    function, arrays = FUNCTIONS[case]

    def f(*arrays):
        return np.sum(function(*arrays) ** 2)

    compiled = cr.value_and_grad(f, argnums=None, compile=True)
    compiled(*arrays)
    moved = [0.5 * a for a in arrays]
    value, gradients = compiled(*moved)
    expected, expected_gradients = cr.value_and_grad(f, argnums=None)(*moved)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    cr.tree_map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11),
        gradients, expected_gradients,
    )  # fmt: skip


def test_linear_is_its_definition():
    x, W, b = normal(5, 3), normal(4, 3), normal(4)
    np.testing.assert_allclose(nn.linear(x, W, b), np.einsum("ni,oi->no", x, W) + b, rtol=1e-13)


def test_linear_of_several_networks_is_each_of_them():
    x, W, b = normal(5, 3), normal(2, 4, 3), normal(2, 4)
    expected = [nn.linear(x, W[k], b[k]) for k in range(2)]
    np.testing.assert_allclose(nn.linear(x, W, b), expected, rtol=1e-13)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float64])
def test_the_dtype_is_that_of_the_parameters(dtype):
    x = RNG.integers(0, 9, size=(2, 3)).astype(dtype)
    assert nn.linear(x, normal(4, 3).astype(np.float32)).dtype == np.float32
    image = RNG.integers(0, 9, size=(1, 1, 3, 3)).astype(dtype)
    assert nn.conv2d(image, normal(2, 1, 2, 2).astype(np.float32)).dtype == np.float32


def test_flatten_keeps_the_batch_even_when_it_is_empty():
    assert nn.flatten(np.zeros((0, 3, 4))).shape == (0, 12)
    assert nn.flatten(np.zeros(4)).shape == (4, 1)


# --- normalisation --------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(6, 3), (4, 3, 2, 5)])
def test_batch_norm_in_training(shape):
    x = 3 + 2 * normal(*shape)
    y, running = nn.batch_norm(x, np.ones(3), np.zeros(3), USED, True, momentum=0.25)
    axes = (0, *range(2, len(shape)))
    np.testing.assert_allclose(np.mean(y, axis=axes), 0, atol=1e-14)
    variance = np.var(x, axis=axes)
    np.testing.assert_allclose(np.var(y, axis=axes), variance / (variance + 1e-5), rtol=1e-12)
    np.testing.assert_allclose(
        running.mean, 0.75 * USED.mean + 0.25 * np.mean(x, axis=axes), rtol=1e-13
    )
    unbiased = np.var(x, axis=axes, ddof=1)
    np.testing.assert_allclose(running.variance, 0.75 * USED.variance + 0.25 * unbiased, rtol=1e-13)


def test_batch_norm_in_evaluation_uses_the_running_statistics_and_keeps_them():
    x, gamma, beta = normal(1, 3), normal(3), normal(3)
    y, running = nn.batch_norm(x, gamma, beta, USED, False)
    expected = gamma * (x - USED.mean) / np.sqrt(USED.variance + 1e-5) + beta
    np.testing.assert_allclose(y, expected, rtol=1e-13)
    assert running is USED


def test_batch_norm_backward_is_the_closed_form():
    x, g = normal(7, 3), normal(7, 3)
    (found,) = cr.vjp(lambda x: nn.batch_norm(x, np.ones(3), np.zeros(3), FRESH, True)[0], x)[1](g)
    deviation = np.sqrt(np.var(x, axis=0) + 1e-5)
    xhat = (x - np.mean(x, axis=0)) / deviation
    expected = (g - np.mean(g, axis=0) - xhat * np.mean(g * xhat, axis=0)) / deviation
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-14)


def test_running_statistics_carry_no_gradient():
    def f(x):
        _, running = nn.batch_norm(x, np.ones(3), np.zeros(3), FRESH, True)
        return np.sum(x) + np.sum(running.mean) + np.sum(running.variance)

    np.testing.assert_array_equal(cr.grad(f)(normal(4, 3)), np.ones((4, 3)))


def test_batch_norm_in_float32():
    single = nn.RunningStatistics(np.zeros(3, np.float32), np.ones(3, np.float32))
    ones = np.ones(3, np.float32)
    for training in (True, False):
        x = normal(4, 3).astype(np.float32)
        y, running = nn.batch_norm(x, ones, ones, single, training)
        assert y.dtype == running.mean.dtype == running.variance.dtype == np.float32


@pytest.mark.parametrize("value", [0.0, 800.0])
def test_normalisation_of_constant_features_is_finite(value):
    x = np.full((4, 3), value)
    f = lambda x: np.sum(nn.batch_norm(x, np.ones(3), np.zeros(3), FRESH, True)[0] ** 2)  # noqa: E731
    assert cr.value_and_grad(f)(x)[0] == 0
    np.testing.assert_array_equal(cr.grad(f)(x), np.zeros((4, 3)))
    np.testing.assert_array_equal(nn.layer_norm(x, np.ones(3), np.ones(3)), np.ones((4, 3)))


def test_layer_norm_is_its_definition():
    x, gamma, beta = normal(2, 5, 3), normal(5, 3), normal(5, 3)
    mean = x.mean(axis=(1, 2), keepdims=True)
    variance = x.var(axis=(1, 2), keepdims=True)
    expected = gamma * (x - mean) / np.sqrt(variance + 0.1) + beta
    np.testing.assert_allclose(nn.layer_norm(x, gamma, beta, 0.1), expected, rtol=1e-12)


# --- dropout --------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.75])
def test_dropout_keeps_the_mean_and_has_the_stated_variance(rate):
    noise = nn.dropout(np.ones((400, 500)), rate, np.random.default_rng(1)) - 1
    assert set(np.unique(noise)) <= {-1.0, 1 / (1 - rate) - 1}
    variance = rate / (1 - rate)
    assert abs(np.mean(noise)) <= 4 * np.sqrt(variance / noise.size)
    np.testing.assert_allclose(np.mean(noise**2), variance, rtol=0.02)


def test_dropout_by_generator_is_dropout_by_its_mask():
    x = normal(5, 3).astype(np.float32)
    mask = nn.dropout_mask(7, (5, 3), 0.5)
    found = nn.dropout(x, 0.5, np.random.default_rng(7))
    np.testing.assert_array_equal(found, nn.dropout(x, 0.5, mask))
    np.testing.assert_array_equal(found, np.where(mask, 2 * x, 0))
    assert found.dtype == np.float32


# --- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.linear(normal(5, 2), normal(4, 3)), r"got x \(5, 2\) and W \(4, 3\)"),
        (lambda: nn.linear(1.0, normal(4, 3)), r"got x \(\)"),
        (lambda: nn.linear(normal(5, 3), normal(3)), r"W \(3,\)"),
        (lambda: nn.linear(normal(5, 3), normal(4, 3), normal(4, 1)), r"shape \(4,\) for W"),
        (lambda: nn.conv2d(normal(1, 1, 3, 3), normal(2, 1, 2, 2), normal(1)), r"b must have"),
        (lambda: nn.conv2d(normal(1, 2, 3, 3), normal(2, 1, 2, 2)), "channels"),
        (lambda: nn.flatten(1.0), "got a number"),
        (lambda: nn.embedding(normal(4, 3), np.array([4])), "index 4 is outside"),
        (lambda: nn.batch_norm(normal(5, 2), np.ones(3), np.ones(3), FRESH, True), r"\(5, 2\)"),
        (lambda: nn.batch_norm(normal(3), np.ones(3), np.ones(3), FRESH, True), r"got \(3,\)"),
        (lambda: nn.batch_norm(normal(1, 3), np.ones(3), np.ones(3), FRESH, True), "larger batch"),
        (lambda: nn.layer_norm(normal(5, 2), np.ones(3), np.ones(3)), r"got x \(5, 2\)"),
        (lambda: nn.layer_norm(normal(5, 3), np.ones(3), np.ones(2)), r"beta \(2,\)"),
        (lambda: nn.dropout(normal(5, 3), 1.0, MASK), "below 1, got 1.0"),
        (lambda: nn.dropout(normal(5, 3), -0.1, MASK), "at least 0 and below 1, got -0.1"),
        (lambda: nn.dropout(normal(5, 2), 0.5, MASK), r"got bool\[5, 3\]"),
        (lambda: nn.dropout(normal(5, 3), 0.5, MASK * 1.0), r"got float64"),
        (lambda: nn.dropout_mask(None, (5, 3), 0.5), "dropout needs rng"),
        (lambda: nn.dropout_mask(0, (5, 3), float("nan")), "got nan"),
    ],
)
def test_refused(call, message):
    with pytest.raises(InvalidInput, match=message):
        call()


# --- PyTorch --------------------------------------------------------------------------------------


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(6, 3), (4, 3, 2, 5)])
def test_batch_norm_agrees_with_pytorch(shape, training):
    torch = pytest.importorskip("torch", reason="compares with PyTorch where it is installed")
    x, g, gamma, beta = normal(*shape), normal(*shape), normal(3), normal(3)
    mean, variance = torch.tensor(USED.mean), torch.tensor(USED.variance)
    theirs = [torch.tensor(a, requires_grad=True) for a in (x, gamma, beta)]
    expected = torch.nn.functional.batch_norm(
        theirs[0], mean, variance, theirs[1], theirs[2], training, 0.1, 1e-5
    )
    expected.backward(torch.tensor(g))
    y, pullback = cr.vjp(lambda *a: nn.batch_norm(*a, USED, training)[0], x, gamma, beta)
    np.testing.assert_allclose(y, expected.detach().numpy(), rtol=1e-11, atol=1e-13)
    for found, tensor in zip(pullback(g), theirs, strict=True):
        np.testing.assert_allclose(found, tensor.grad.numpy(), rtol=1e-10, atol=1e-12)
    running = nn.batch_norm(x, gamma, beta, USED, training)[1]
    np.testing.assert_allclose(running.mean, mean.numpy(), rtol=1e-12)
    np.testing.assert_allclose(running.variance, variance.numpy(), rtol=1e-12)


@pytest.mark.parametrize(
    "case", ["linear", "convolution", "layer norm", "layer norm over two axes"]
)
def test_layers_agree_with_pytorch(case):
    torch = pytest.importorskip("torch", reason="compares with PyTorch where it is installed")
    F = torch.nn.functional
    theirs = {"linear": F.linear, "convolution": F.conv2d}.get(
        case, lambda x, gamma, beta: F.layer_norm(x, gamma.shape, gamma, beta)
    )
    function, arrays = FUNCTIONS[case]
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    expected = theirs(*tensors)
    g = normal(*expected.shape)
    expected.backward(torch.tensor(g))
    y, pullback = cr.vjp(function, *arrays)
    np.testing.assert_allclose(y, expected.detach().numpy(), rtol=1e-11, atol=1e-13)
    for found, tensor in zip(pullback(g), tensors, strict=True):
        np.testing.assert_allclose(found, tensor.grad.numpy(), rtol=1e-10, atol=1e-12)
