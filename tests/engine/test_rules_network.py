"""Convolution, pooling and embedding against plain loops, their derivatives, and their errors."""

import itertools

import numpy as np
import pytest

import chainrule as cr
from chainrule.engine.errors import InvalidInput
from chainrule.engine.rules import network
from chainrule.engine.rules.network import conv1d, conv2d
from chainrule.engine.rules.pooling import avg_pool2d, embedding, max_pool2d

RNG = np.random.default_rng(7)


def pairs(value):
    return value if isinstance(value, tuple) else (value, value)


def padded(x, padding, value=0.0):
    (above, left) = pairs(padding)
    return np.pad(x, ((0, 0), (0, 0), (above, above), (left, left)), constant_values=value)


def conv2d_by_loops(x, w, stride=1, padding=0, dilation=1, groups=1):
    """The definition: one sum per image, filter and position."""
    (sy, sx), (dy, dx) = pairs(stride), pairs(dilation)
    x = padded(x, padding)
    n, _, height, width = x.shape
    filters, per_group, kernel_height, kernel_width = w.shape
    rows = (height - dy * (kernel_height - 1) - 1) // sy + 1
    columns = (width - dx * (kernel_width - 1) - 1) // sx + 1
    y = np.zeros((n, filters, rows, columns))
    for image, f, i, j in np.ndindex(y.shape):
        first = f // (filters // groups) * per_group
        for c, k, m in np.ndindex(w.shape[1:]):
            y[image, f, i, j] += (
                x[image, first + c, i * sy + k * dy, j * sx + m * dx] * w[f, c, k, m]
            )
    return y


def windows(x, size, stride, padding, value):
    (height, width), (sy, sx) = pairs(size), pairs(stride or size)
    x = padded(x, padding, value)
    for i in range((x.shape[2] - height) // sy + 1):
        for j in range((x.shape[3] - width) // sx + 1):
            yield i, j, x[:, :, i * sy : i * sy + height, j * sx : j * sx + width]


CONVOLUTIONS = [
    ((2, 3, 5, 6), (4, 3, 3, 2), {}),
    ((2, 3, 10, 11), (4, 3, 3, 3), {"padding": 1}),
    ((1, 2, 9, 9), (2, 2, 3, 3), {"stride": 2, "padding": (1, 0)}),
    ((2, 2, 12, 11), (3, 2, 2, 3), {"stride": (1, 2), "dilation": (3, 2)}),
    ((2, 4, 11, 11), (6, 2, 3, 3), {"groups": 2, "padding": 2}),
    ((2, 3, 9, 9), (3, 1, 3, 3), {"groups": 3}),
    ((3, 2, 3, 3), (5, 2, 3, 3), {}),
    ((2, 3, 10, 10), (4, 3, 1, 1), {"stride": 3}),
    ((2, 1, 3, 4), (1, 1, 3, 3), {"padding": 2, "dilation": 2, "stride": 2}),
]


@pytest.mark.parametrize(("images", "filters", "options"), CONVOLUTIONS)
def test_convolution_is_its_definition(images, filters, options):
    x, w = RNG.normal(size=images), RNG.normal(size=filters)
    found = conv2d(x, w, **options)
    np.testing.assert_allclose(found, conv2d_by_loops(x, w, **options), rtol=1e-12, atol=1e-13)
    g = RNG.normal(size=found.shape)
    x_bar, w_bar = cr.vjp(lambda x, w: conv2d(x, w, **options), x, w)[1](g)
    # the convolution is bilinear: both cotangents pair with their operand to <g, y>
    total = np.sum(g * found)
    np.testing.assert_allclose([np.sum(x_bar * x), np.sum(w_bar * w)], total, rtol=1e-11)


@pytest.mark.parametrize(("images", "filters", "options"), CONVOLUTIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_convolution_agrees_with_pytorch(images, filters, options, dtype):
    torch = pytest.importorskip("torch", reason="compares with PyTorch where it is installed")
    x, w = RNG.normal(size=images).astype(dtype), RNG.normal(size=filters).astype(dtype)
    value, pullback = cr.vjp(lambda x, w: conv2d(x, w, **options), x, w)
    g = RNG.normal(size=value.shape).astype(dtype)
    tx, tw = torch.tensor(x, requires_grad=True), torch.tensor(w, requires_grad=True)
    y = torch.nn.functional.conv2d(tx, tw, **options)
    y.backward(torch.tensor(g))
    tolerance = 1e-12 if dtype is np.float64 else 2e-5
    for found, expected in zip((value, *pullback(g)), (y.detach(), tx.grad, tw.grad), strict=True):
        assert found.dtype == dtype
        np.testing.assert_allclose(found, expected.numpy(), rtol=tolerance, atol=tolerance)


def test_convolution_of_many_images_in_parts(monkeypatch):
    """The unfolded images are bounded in memory; the parts give the same numbers."""
    x, w = RNG.normal(size=(7, 2, 12, 12)), RNG.normal(size=(3, 2, 3, 3))
    value, pullback = cr.vjp(conv2d, x, w)
    g = RNG.normal(size=value.shape)
    whole = (value, *pullback(g))
    monkeypatch.setattr(network, "_COLUMN_BYTES", 40_000)
    parts = (conv2d(x, w), *cr.vjp(conv2d, x, w)[1](g))
    for a, b in zip(parts, whole, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


def test_an_empty_batch():
    value, pullback = cr.vjp(conv2d, np.zeros((0, 2, 20, 20)), np.ones((3, 2, 3, 3)))
    assert value.shape == (0, 3, 18, 18)
    x_bar, w_bar = pullback(value)
    assert x_bar.shape == (0, 2, 20, 20)
    np.testing.assert_array_equal(w_bar, np.zeros((3, 2, 3, 3)))


def test_convolution_of_sequences():
    x, w = RNG.normal(size=(2, 3, 9)), RNG.normal(size=(4, 3, 3))
    y = conv1d(x, w)
    for image, f in np.ndindex(2, 4):
        expected = sum(np.correlate(x[image, c], w[f, c]) for c in range(3))
        np.testing.assert_allclose(y[image, f], expected, rtol=1e-12)
    strided = conv1d(x, w, stride=2, padding=1, dilation=2)
    np.testing.assert_allclose(
        strided,
        conv2d(x[:, :, None], w[:, :, None], (1, 2), (0, 1), (1, 2))[:, :, 0],
        rtol=1e-15,
    )
    cr.check_grads(lambda x, w: conv1d(x, w, stride=2, padding=1), (x, w))


POOLINGS = [
    ((2, 3, 4, 6), 2, None, 0),
    ((2, 1, 5, 7), (2, 3), (1, 2), 0),
    ((1, 2, 5, 5), 3, 2, 1),
    ((1, 2, 7, 5), 2, 3, (1, 0)),
]


@pytest.mark.parametrize(("shape", "size", "stride", "padding"), POOLINGS)
def test_pooling_is_its_definition(shape, size, stride, padding):
    x = RNG.normal(size=shape)
    largest = max_pool2d(x, size, stride, padding)
    mean = avg_pool2d(x, size, stride, padding)
    for i, j, part in windows(x, size, stride, padding, -np.inf):
        np.testing.assert_array_equal(largest[:, :, i, j], part.max((2, 3)))
    for i, j, part in windows(x, size, stride, padding, 0.0):
        np.testing.assert_allclose(mean[:, :, i, j], part.mean((2, 3)), rtol=1e-13, atol=1e-15)
    assert (i + 1, j + 1) == largest.shape[2:] == mean.shape[2:]


@pytest.mark.parametrize(("shape", "size", "stride", "padding"), POOLINGS)
def test_pooling_agrees_with_pytorch(shape, size, stride, padding):
    torch = pytest.importorskip("torch", reason="compares with PyTorch where it is installed")
    x = RNG.integers(0, 3, shape).astype(float)  # full of ties
    for ours, theirs in (
        (max_pool2d, torch.nn.functional.max_pool2d),
        (avg_pool2d, torch.nn.functional.avg_pool2d),
    ):
        value, pullback = cr.vjp(lambda x, f=ours: f(x, size, stride, padding), x)
        g = RNG.normal(size=value.shape)
        tx = torch.tensor(x, requires_grad=True)
        y = theirs(tx, size, stride, padding)
        y.backward(torch.tensor(g))
        np.testing.assert_allclose(value, y.detach().numpy(), rtol=1e-13)
        np.testing.assert_allclose(pullback(g)[0], tx.grad.numpy(), rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        ([[1.0, 3.0], [3.0, 2.0]], [[0, 1], [0, 0]]),
        ([[0.0, 0.0], [0.0, 0.0]], [[1, 0], [0, 0]]),
        ([[1.0, np.nan], [np.inf, np.nan]], [[0, 1], [0, 0]]),
        ([[-np.inf, -np.inf], [-np.inf, -np.inf]], [[1, 0], [0, 0]]),
    ],
)
def test_the_first_largest_pixel_takes_the_cotangent(pixels, expected):
    found = cr.vjp(lambda x: max_pool2d(x, 2), np.array([[pixels]]))[1](np.ones((1, 1, 1, 1)))[0]
    np.testing.assert_array_equal(found[0, 0], expected)


def test_an_infinite_cotangent_stays_in_its_place():
    g = np.array([np.inf, 1.0]).reshape(1, 1, 1, 2)
    x = np.arange(4.0).reshape(1, 1, 1, 4)
    found = cr.vjp(lambda x: max_pool2d(x, (1, 2)), x)[1](g)[0]
    np.testing.assert_array_equal(found[0, 0, 0], [0, np.inf, 0, 1])


def test_pixels_outside_every_window_have_gradient_zero():
    x = RNG.normal(size=(1, 1, 5, 5))
    for pool in (max_pool2d, avg_pool2d):
        gradient = cr.grad(lambda x, f=pool: np.sum(f(x, 2)))(x)
        assert np.all(gradient[..., 4] == 0)
        assert np.all(gradient[..., 4, :] == 0)
        np.testing.assert_allclose(np.sum(gradient), 4, rtol=1e-15)


def test_a_small_network_to_second_order():
    """Convolution, nonlinearity, pooling and a dense layer together, every parameter at once."""
    rng = np.random.default_rng(5)  # own draws: no two pooled pixels may be nearly equal
    x = rng.normal(size=(2, 1, 6, 6))

    def loss(parameters, x):
        hidden = max_pool2d(np.tanh(conv2d(x, parameters["w"], padding=1)), 2)
        pooled = avg_pool2d(conv2d(hidden, parameters["v"], stride=2), 1)
        return np.sum((np.reshape(pooled, (2, -1)) @ parameters["u"]) ** 2)

    parameters = {
        "w": rng.normal(size=(3, 1, 3, 3)),
        "v": rng.normal(size=(2, 3, 2, 2)),
        "u": rng.normal(size=(2, 3)),
    }
    cr.check_grads(loss, (parameters, x))
    graph = cr.trace(loss, parameters, x)
    assert [n.primitive.name for n in graph if n.primitive.name.endswith("2d")] == [
        "conv2d", "max_pool2d", "conv2d", "avg_pool2d",
    ]  # fmt: skip


def test_embedding_adds_up_repeated_rows():
    table = RNG.normal(size=(6, 3))
    indices = RNG.integers(0, 5, (4, 7))
    value, pullback = cr.vjp(lambda t: embedding(t, indices), table)
    np.testing.assert_array_equal(value, table[indices])
    g = RNG.normal(size=value.shape)
    expected = np.zeros_like(table)
    np.add.at(expected, indices, g)
    np.testing.assert_allclose(pullback(g)[0], expected, rtol=1e-13, atol=1e-14)
    assert np.all(pullback(g)[0][5] == 0)


def test_several_lookups_add_into_one_gradient():
    table = RNG.normal(size=(6, 3))

    def f(t):
        return np.sum(embedding(t, [1, 1, 2]) ** 2) + 3 * np.sum(embedding(t, 4)) + np.sum(t)

    expected = np.ones_like(table)
    expected[1] += 4 * table[1]
    expected[2] += 2 * table[2]
    expected[4] += 3
    np.testing.assert_allclose(cr.grad(f)(table), expected, rtol=1e-14)


X = np.zeros((2, 3, 8, 8))
W = np.zeros((4, 3, 3, 3))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: conv2d(X[0], W), r"images of shape \(batch, .*got float64\[3, 8, 8\]"),
        (lambda: conv2d(X.astype(int), W), r"floating-point images .*int64\[2, 3, 8, 8\]"),
        (lambda: conv2d(X, W[0]), r"w of shape \(filters, .*got \(3, 3, 3\)"),
        (lambda: conv2d(X, W[:0]), r"got \(0, 3, 3, 3\)"),
        (lambda: conv2d(X, W[:, :2]), r"has 3 channels, but w of shape \(4, 2, 3, 3\)"),
        (lambda: conv2d(X, W, groups=3), "groups must divide the 4 filters of w, got 3"),
        (lambda: conv2d(X, W, groups=2), "groups=2 takes 6"),
        (lambda: conv2d(X, W, groups=0), "got 0"),
        (lambda: conv2d(X, W, stride=0), "stride must be one or two integers >= 1, got 0"),
        (lambda: conv2d(X, W, stride=1.5), "stride .*got 1.5"),
        (lambda: conv2d(X, W, padding=-1), "padding must be one or two integers >= 0, got -1"),
        (lambda: conv2d(X, W, padding="same"), "padding .*got 'same'"),
        (lambda: conv2d(X, W, dilation=(1, 2, 3)), "dilation"),
        (lambda: conv2d(X, W, dilation=4), r"kernel of w \(4, 3, 3, 3\) does not fit into x"),
        (lambda: conv1d(X, W[0]), r"conv1d needs x with three axes, got shape \(2, 3, 8, 8\)"),
        (lambda: max_pool2d(X[0], 2), "max_pool2d needs floating-point images"),
        (lambda: max_pool2d(X, 2, padding=2), "padding must be at most half of size=2.*got 2"),
        (lambda: max_pool2d(X, 9), r"size=9 do not fit into x \(2, 3, 8, 8\)"),
        (lambda: avg_pool2d(X, 0), "size must be one or two integers >= 1, got 0"),
        (lambda: avg_pool2d(X, 2, stride=-1), "stride"),
        (lambda: embedding(X, [0]), r"table of shape \(rows, features\), got \(2, 3, 8, 8\)"),
        (lambda: embedding(W[0, 0], [0.5]), "integer indices, got float64 .*astype"),
        (lambda: embedding(W[0, 0], [0, 3]), "index 3 is outside of the table of 3 rows"),
        (lambda: embedding(W[0, 0], [-1]), "index -1 is outside of the table of 3 rows"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(InvalidInput, match=message) as caught:
        call()
    assert "of test_rules_network.py" in str(caught.value)


def test_options_combine():
    """Every combination of stride, padding and dilation against the definition."""
    x, w = RNG.normal(size=(1, 2, 7, 6)), RNG.normal(size=(2, 1, 2, 3))
    for stride, padding, dilation, groups in itertools.product((1, 2), (0, 1), (1, 2), (2,)):
        options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        np.testing.assert_allclose(
            conv2d(x, w, **options), conv2d_by_loops(x, w, **options), atol=1e-13
        )
        cr.check_grads(lambda x, w, o=options: conv2d(x, w, **o), (x, w), order=1)
