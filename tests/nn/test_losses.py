"""Losses: the reduction, reference values, stability, derivatives, labels that are refused."""

import warnings

import numpy as np
import pytest
from tests.engine.agreement import assert_agrees

import chainrule as cr
from chainrule import nn
from chainrule.engine.errors import InvalidInput

RNG = np.random.default_rng(0)
P, Y = RNG.normal(size=(6, 3)) * 2, RNG.normal(size=(6, 3))
SIGNS = np.where(RNG.normal(size=(6, 3)) > 0, 1.0, -1.0)
CLASSES = np.array([0, 2, 1, 1, 0, 2])
ONE_HOT = np.eye(3)[CLASSES]
SMOOTHED = 0.8 * ONE_HOT + 0.2 / 3
BITS = (SIGNS + 1) / 2

# loss, predictions, targets, the value per element or sample by its definition
DEFINITIONS = {
    "squared error": (nn.squared_error, P, Y, (P - Y) ** 2),
    "absolute error": (nn.absolute_error, P, Y, abs(P - Y)),
    "huber": (
        nn.huber, P, Y, np.where(abs(P - Y) <= 1, (P - Y) ** 2 / 2, abs(P - Y) - 0.5),
    ),
    "hinge": (nn.hinge, P, SIGNS, np.where(P * SIGNS < 1, 1 - P * SIGNS, 0)),
    "binary": (nn.binary_cross_entropy, P, BITS, np.log(1 + np.exp(-SIGNS * P))),
    "classes": (
        nn.cross_entropy, P, CLASSES, -np.log(np.exp(P)[range(6), CLASSES] / np.exp(P).sum(1)),
    ),
    "one-hot": (
        nn.cross_entropy, P, ONE_HOT, -np.log(np.exp(P)[range(6), CLASSES] / np.exp(P).sum(1)),
    ),
    "smoothed": (
        nn.cross_entropy, P, SMOOTHED,
        -(SMOOTHED * np.log(np.exp(P) / np.exp(P).sum(1, keepdims=True))).sum(1),
    ),
}  # fmt: skip
CASES = pytest.mark.parametrize("case", DEFINITIONS)


@CASES
def test_every_reduction_of_the_definition(case):
    loss, predictions, targets, losses = DEFINITIONS[case]
    for reduction, expected in (
        ("none", losses),
        ("sum", np.sum(losses)),
        ("mean", np.mean(losses)),
    ):
        found = loss(predictions, targets, reduction=reduction)
        np.testing.assert_allclose(found, expected, rtol=1e-13)


@CASES
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_derivatives_to_second_order(case, reduction):
    loss, predictions, targets, _ = DEFINITIONS[case]
    assert_agrees(lambda p: loss(p, targets, reduction=reduction), predictions)


@CASES
def test_float32_stays_float32_whatever_the_targets(case):
    loss, predictions, targets, _ = DEFINITIONS[case]
    options = {"reduction": "mean"}
    value, gradient = cr.value_and_grad(loss)(predictions.astype(np.float32), targets, **options)
    assert value.dtype == gradient.dtype == np.float32
    reference = cr.grad(loss)(predictions, targets, **options)
    np.testing.assert_allclose(gradient, reference, rtol=1e-4, atol=1e-6)


@CASES
def test_compiled_is_eager(case):
    loss, predictions, targets, _ = DEFINITIONS[case]

    def f(p, y):
        return loss(p, y, reduction="mean")

    compiled = cr.value_and_grad(f, compile=True)
    compiled(predictions, targets)
    order = np.array([3, 1, 0, 5, 4, 2])
    value, gradient = compiled(predictions * 0.7, targets[order])
    expected, expected_gradient = cr.value_and_grad(f)(predictions * 0.7, targets[order])
    np.testing.assert_allclose(value, expected, rtol=1e-13)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-12, atol=1e-16)
    assert compiled.misses == 0


def test_three_normalisations_of_squared_error():
    y = np.array([1.0, -1.0, 1.0, -1.0])
    predictions = np.array([0.5, 0.25, 0.0, -2.0])
    total = 0.25 + 1.5625 + 1 + 1
    assert nn.squared_error(predictions, y, reduction="sum") == total
    assert nn.squared_error(predictions, y, reduction="mean") == total / 4
    assert nn.squared_error(predictions, y, reduction="half_sample_mean") == 0.4765625
    gradient = cr.grad(nn.squared_error)(predictions, y, reduction="half_sample_mean")
    np.testing.assert_array_equal(gradient, [-0.125, 0.3125, -0.25, -0.25])


def test_samples_are_rows_and_elements_are_entries():
    ours = {r: nn.squared_error(P, Y, reduction=r) for r in ("sum", "mean", "half_sample_mean")}
    np.testing.assert_allclose(ours["mean"], ours["sum"] / 18, rtol=1e-15)
    np.testing.assert_allclose(ours["half_sample_mean"], ours["sum"] / 12, rtol=1e-15)
    assert nn.squared_error(3.0, 1.0, reduction="half_sample_mean") == 2.0
    with pytest.raises(TypeError, match="reduction"):
        nn.squared_error(P, Y)


EXTREMES = np.array([-800.0, -40.0, 0.0, 40.0, 800.0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("loss", "targets"),
    [
        (nn.squared_error, np.zeros(5)),
        (nn.absolute_error, np.zeros(5)),
        (nn.huber, np.zeros(5)),
        (nn.hinge, np.ones(5)),
        (nn.hinge, -np.ones(5)),
        (nn.binary_cross_entropy, np.ones(5)),
        (nn.binary_cross_entropy, np.zeros(5)),
        (nn.cross_entropy, 0),
        (nn.cross_entropy, 4),
    ],
)
def test_extremes_are_finite_without_warnings(loss, targets, dtype):
    with warnings.catch_warnings(), np.errstate(all="warn", under="ignore"):
        warnings.simplefilter("error")
        value, gradient = cr.value_and_grad(loss)(EXTREMES.astype(dtype), targets, reduction="mean")
    assert np.isfinite(value)
    assert np.all(np.isfinite(gradient))


def test_cross_entropies_at_the_extremes_are_exact():
    small = 4.248354255291589e-18  # log(1 + e^-40)
    ones = nn.binary_cross_entropy(EXTREMES, np.ones(5), reduction="none")
    np.testing.assert_allclose(ones, [800, 40, np.log(2), small, 0], rtol=1e-15)
    zeros = nn.binary_cross_entropy(EXTREMES, np.zeros(5), reduction="none")
    np.testing.assert_allclose(zeros, [0, small, np.log(2), 40, 800], rtol=1e-15)
    assert nn.cross_entropy(np.array([[800.0, -800.0]]), np.array([1])) == 1600.0
    assert nn.cross_entropy(np.array([[800.0, -800.0]]), np.array([0])) == 0.0


def test_gradient_of_cross_entropy_is_softmax_minus_one_hot():
    found = cr.grad(nn.cross_entropy)(P, CLASSES, reduction="sum")
    np.testing.assert_allclose(found, nn.softmax(P) - ONE_HOT, rtol=1e-12, atol=1e-16)
    found = cr.grad(nn.binary_cross_entropy)(P, BITS, reduction="sum")
    np.testing.assert_allclose(found, nn.sigmoid(P) - BITS, rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize(
    ("loss", "at", "target", "expected"),
    [
        (nn.hinge, 1.0, 1.0, 0.0),
        (nn.hinge, -1.0, -1.0, 0.0),
        (nn.hinge, 0.5, 1.0, -1.0),
        (nn.absolute_error, 2.0, 2.0, 0.0),
        (nn.huber, 1.0, 0.0, 1.0),
        (nn.huber, -1.0, 0.0, -1.0),
        (nn.huber, 0.0, 0.0, 0.0),
        (nn.binary_cross_entropy, 0.0, 0.0, 0.5),
    ],
)
def test_derivatives_at_kinks_follow_the_policy(loss, at, target, expected):
    found = cr.grad(loss)(np.array([at]), np.array([target]), reduction="sum")
    np.testing.assert_array_equal(found, [expected])


def test_huber_with_another_width():
    found = nn.huber(np.array([0.5, -4.0]), np.zeros(2), 2.0, reduction="none")
    np.testing.assert_array_equal(found, [0.125, 6.0])


def test_several_networks_at_once():
    logits = RNG.normal(size=(4, 6, 3))
    labels = np.broadcast_to(CLASSES, (4, 6))
    losses = nn.cross_entropy(logits, labels, reduction="none")
    expected = [nn.cross_entropy(own, CLASSES) for own in logits]
    np.testing.assert_allclose(np.mean(losses, axis=-1), expected, rtol=1e-14)


def test_labels_of_any_integer_type_and_plain_lists():
    expected = nn.cross_entropy(P, CLASSES)
    assert nn.cross_entropy(P, CLASSES.astype(np.uint8)) == expected
    assert nn.cross_entropy(P, CLASSES.tolist()) == expected
    assert nn.cross_entropy(P, ONE_HOT.astype(bool)) == expected
    assert nn.hinge(P, SIGNS.astype(np.int8)) == nn.hinge(P, SIGNS)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.cross_entropy(P, np.array([0, 2, 1, 3, 0, 2])), "0 to 2, got 3"),
        (lambda: nn.cross_entropy(P, np.array([0, 2, 1, -1, 0, 2])), "0 to 2, got -1"),
        (lambda: nn.cross_entropy(P, CLASSES * 1.0), "must be integers, got float64"),
        (lambda: nn.cross_entropy(P, CLASSES[:5]), r"shape \(5,\) do not fit .* \(6, 3\)"),
        (lambda: nn.cross_entropy(P, CLASSES[:, None]), r"shape \(6, 1\) do not fit"),
        (lambda: nn.cross_entropy(P[:0], CLASSES[:0]), "at least one sample"),
        (lambda: nn.cross_entropy(P[:, :0], CLASSES), "at least one sample and one class"),
        (lambda: nn.cross_entropy(P, 2 * ONE_HOT), "sum 1"),
        (lambda: nn.cross_entropy(P, 2 * ONE_HOT - 1 / 3), "not negative"),
        (lambda: nn.cross_entropy(P, ONE_HOT * np.nan), "probabilities"),
        (lambda: nn.hinge(P, BITS), "-1 or 1, got 0.0"),
        (lambda: nn.hinge(P, SIGNS * np.nan), "-1 or 1, got nan"),
        (lambda: nn.binary_cross_entropy(P, SIGNS), "from -1.0 to 1.0"),
        (lambda: nn.binary_cross_entropy(P, BITS + np.nan), "within 0 and 1"),
        (lambda: nn.squared_error(P, Y[:, 0], reduction="sum"), "every pair"),
        (lambda: nn.squared_error(P[:, :1], Y[:, 0], reduction="sum"), r"\(6, 1\), got \(6,\)"),
        (lambda: nn.absolute_error(P[:0], Y[:0]), "of no samples is undefined"),
        (lambda: nn.huber(P, Y, 0.0), "must be positive, got 0.0"),
        (lambda: nn.huber(P, Y, float("nan")), "must be positive, got nan"),
        (lambda: nn.squared_error(P, Y, reduction="average"), "'half_sample_mean', got 'average'"),
        (lambda: nn.huber(P, Y, reduction="half_sample_mean"), "'mean', got 'half_sample_mean'"),
    ],
)
def test_refused(call, message):
    with pytest.raises(InvalidInput, match=message):
        call()


@pytest.mark.parametrize(
    ("loss", "good", "bad", "message"),
    [
        (nn.cross_entropy, CLASSES, np.full(6, -1), "got -1"),
        (nn.hinge, SIGNS, BITS, "got 0.0"),
        (nn.binary_cross_entropy, BITS, SIGNS, "from -1.0"),
    ],
)
def test_bad_labels_are_refused_by_a_program_compiled_for_good_ones(loss, good, bad, message):
    compiled = cr.value_and_grad(loss, compile=True)
    compiled(P, good)
    compiled(P, good)
    with pytest.raises(InvalidInput, match=message):
        compiled(P, bad)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@CASES
def test_agrees_with_pytorch(case, dtype):
    torch = pytest.importorskip("torch", reason="compares with PyTorch where it is installed")
    F = torch.nn.functional
    theirs = {
        "squared error": F.mse_loss,
        "absolute error": F.l1_loss,
        "huber": F.huber_loss,
        "hinge": lambda p, y, reduction: getattr(torch.relu(1 - p * y), reduction)(),
        "binary": F.binary_cross_entropy_with_logits,
    }.get(case, F.cross_entropy)
    loss, predictions, targets, _ = DEFINITIONS[case]
    predictions = predictions.astype(dtype)
    tensor = torch.tensor(predictions, requires_grad=True)
    labels = torch.tensor(targets if targets.dtype.kind == "i" else targets.astype(dtype))
    tolerance = 1e-12 if dtype == "float64" else 2e-6
    for reduction in ("mean", "sum"):
        tensor.grad = None
        expected = theirs(tensor, labels, reduction=reduction)
        expected.backward()
        value, gradient = cr.value_and_grad(loss)(predictions, targets, reduction=reduction)
        np.testing.assert_allclose(value, expected.item(), rtol=tolerance)
        np.testing.assert_allclose(gradient, tensor.grad.numpy(), rtol=tolerance, atol=tolerance)
