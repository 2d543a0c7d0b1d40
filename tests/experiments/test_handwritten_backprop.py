"""The hand-written network: gradients against paper, differences and engine; training; refusals."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.experiments.digits_3_vs_9_derivatives import (
    build,
    deviation,
    engine_gradients,
    handwritten_gradients,
    random_problem,
    reference_problem,
)
from chainrule.experiments.handwritten_backprop import GDOptimizer, Model, parameter_gradients
from chainrule.experiments.handwritten_functions import (
    LinearActivation,
    QuadraticCost,
    ReLUActivation,
    TanhActivation,
)
from chainrule.experiments.handwritten_layer import DenseLayer


def parameters(model):
    return {
        f"{name}_{i}": getattr(layer, name).copy()
        for i, layer in enumerate(model.layers)
        for name in ("W", "b")
    }


def numerical_gradients(model, x, y):
    return {
        f"{name}_{i}": value
        for i, pair in enumerate(model.numerical_parameter_gradients(x, y))
        for name, value in zip(("W", "b"), pair, strict=True)
    }


def small_problem(samples=7, seed=0):
    rng = np.random.default_rng(seed)
    model = build(3, [(4, "tanh"), (2, "linear")], rng)
    return model, rng.normal(size=(samples, 3)), rng.normal(size=(samples, 2))


# Layers ---------------------------------------------------------------------------------------


def test_layer_draws_the_distribution_of_the_hand_out():
    layer = DenseLayer(200, ReLUActivation)
    layer.initialize(300, scale=2.0, rng=0)
    deviation_expected = 2.0 * np.sqrt(6 / 500)
    assert layer.W.shape == (200, 300)
    assert layer.b.shape == (200, 1)
    # 60 000 normal numbers: the sample deviation has a standard error of 0.29 %.
    assert abs(layer.W.std() / deviation_expected - 1) < 0.012
    assert abs(layer.W).max() > 3.5 * deviation_expected  # normal, not uniform
    assert layer.b.min() < -0.9
    assert layer.b.max() > 0.9
    assert np.all(np.abs(layer.b) <= 1)


def test_layer_computes_z_and_a_and_adds_updates():
    layer = DenseLayer(2, ReLUActivation)
    layer.initialize(2, rng=0)
    layer.W, layer.b = np.array([[1.0, -1.0], [2.0, 0.0]]), np.array([[0.0], [-1.0]])
    z = layer.z(np.array([[1.0, 2.0, -1.0], [0.0, 1.0, 1.0]]))
    np.testing.assert_array_equal(z, [[1, 1, -2], [1, 3, -3]])
    np.testing.assert_array_equal(layer.a(z), [[1, 1, 0], [1, 3, 0]])
    np.testing.assert_array_equal(layer.dx(z), [[1, 1, 0], [1, 1, 0]])
    layer.updateWeights(np.full((2, 2), 0.5))
    layer.updateBias(np.full((2, 1), -1.0))
    np.testing.assert_array_equal(layer.W, [[1.5, -0.5], [2.5, 0.5]])
    np.testing.assert_array_equal(layer.b, [[-1], [-2]])
    assert layer.getNumNodes() == 2


# Gradients ------------------------------------------------------------------------------------


def test_worked_example_to_the_last_digit():
    model, x, y, expected = reference_problem()
    yp, a, z = model.evaluate(x)
    np.testing.assert_array_equal(z[0], [[1, 1, -2], [1, 3, -3]])
    np.testing.assert_array_equal(yp, [[-0.5, -4.5, 0.5]])
    np.testing.assert_array_equal(a[0], x.T)
    assert len(a) == 2
    assert abs(model.mean_cost(x, y) - 2.4583333333333335) < 1e-15
    assert deviation(handwritten_gradients(model, x, y), expected) < 1e-12
    assert (
        deviation(numerical_gradients(model, x, y), {k: expected[k] for k in parameters(model)})
        < 1e-8
    )


def test_hundred_random_networks_agree_with_central_differences():
    rng = np.random.default_rng(1)
    worst_parameter = worst_z = 0.0
    for _ in range(100):
        model, x, y = random_problem(rng)
        before = parameters(model)
        numerical = numerical_gradients(model, x, y)
        worst_parameter = max(
            worst_parameter, deviation(handwritten_gradients(model, x, y), numerical)
        )
        grad, _ = model.compute_grad(x, y)
        for found, expected in zip(grad, model.numerical_grad(x, y), strict=True):
            worst_z = max(worst_z, deviation({"z": found}, {"z": expected}))
        assert deviation(parameters(model), before) == 0  # the check leaves the model as it was
    assert worst_parameter < 1e-6
    assert worst_z < 1e-6


def test_hundred_random_networks_agree_with_the_engine_to_1e_12():
    rng = np.random.default_rng(2)
    worst = 0.0
    for _ in range(100):
        model, x, y = random_problem(rng)
        worst = max(
            worst,
            deviation(handwritten_gradients(model, x, y), engine_gradients(model, x, y)),
        )
    assert worst < 1e-12


def tanh_taken_at_the_activation(z):
    return 1 - np.tanh(np.tanh(z)) ** 2


def relu_of_the_wrong_side(z):
    return (z < 0).astype(float)


MISTAKES = {
    "missing 1/n": lambda g, n: {k: v * n for k, v in g.items()},
    "1/n twice": lambda g, n: {k: v / n for k, v in g.items()},
    "factor 2": lambda g, n: {k: 2 * v for k, v in g.items()},
    "sign": lambda g, n: {k: -v for k, v in g.items()},
    "bias averaged twice": lambda g, n: {k: v / n if k[0] == "b" else v for k, v in g.items()},
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_wrong_constants_are_caught_by_the_worked_example(mistake):
    model, x, y, expected = reference_problem()
    wrong = MISTAKES[mistake](handwritten_gradients(model, x, y), len(x))
    assert deviation(wrong, expected) > 0.1


@pytest.mark.parametrize(
    ("activation", "derivative"),
    [
        ("tanh", tanh_taken_at_the_activation),
        ("relu", relu_of_the_wrong_side),
        ("sigmoid", lambda z: 1 / (1 + np.exp(-z))),
        ("tanh", np.ones_like),
    ],
)
def test_wrong_activation_derivatives_are_caught_by_differences(activation, derivative):
    model = build(3, [(4, activation), (2, "linear")], np.random.default_rng(0))
    right = model.layers[0].activation
    model.layers[0].activation = type("Wrong", (), {"fx": right.fx, "dx": staticmethod(derivative)})
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    found = handwritten_gradients(model, x, y)
    numerical = numerical_gradients(model, x, y)
    assert deviation(found, {k: v for k, v in numerical.items() if k.endswith("_1")}) < 1e-6
    assert deviation(found, {k: v for k, v in numerical.items() if k.endswith("_0")}) > 1e-2


def test_every_gradient_is_taken_before_any_parameter_moves():
    model, x, y, expected = reference_problem()
    before = parameters(model)
    g, a = model.compute_grad(x, y)
    GDOptimizer(0.5).update(model.layers, g, a)
    stepped = {name: before[name] - 0.5 * expected[name] for name in before}
    assert deviation(parameters(model), stepped) < 1e-12


# Training -------------------------------------------------------------------------------------


def test_an_epoch_with_one_batch_is_one_gradient_step():
    model, x, y = small_problem()
    steps = {
        name: value - 0.1 * handwritten_gradients(model, x, y)[name]
        for name, value in parameters(model).items()
    }
    model.trainBatch(x, y, batchSize=len(x), numEpochs=1, optimizer=GDOptimizer(0.1), rng=0)
    assert deviation(parameters(model), steps) < 1e-14


def test_the_last_batch_is_divided_by_its_own_size():
    model, x, y = small_problem(samples=7)
    twin, _, _ = small_problem(samples=7)
    order = np.random.default_rng(5).permutation(7)
    for batch in (order[:3], order[3:6], order[6:]):
        gradients = engine_gradients(twin, x[batch], y[batch])
        for i, layer in enumerate(twin.layers):
            layer.updateWeights(-0.1 * gradients[f"W_{i}"])
            layer.updateBias(-0.1 * gradients[f"b_{i}"])
    model.trainBatch(x, y, 3, 1, GDOptimizer(0.1), rng=np.random.default_rng(5))
    assert deviation(parameters(model), parameters(twin)) < 1e-12


class Recorder(GDOptimizer):
    """Remembers the first feature of the samples of every batch, and does not move."""

    def __init__(self):
        super().__init__(1.0)
        self.batches = []

    def update(self, layers, g, a):
        self.batches.append(a[0][0].tolist())


@pytest.mark.parametrize(
    ("samples", "batch", "counts"),
    [(7, 3, [3, 3, 1]), (7, 7, [7]), (6, 2, [2, 2, 2]), (3, 1, [1, 1, 1])],
)
def test_every_epoch_sees_each_sample_once_in_a_new_order(samples, batch, counts):
    model, _, y = small_problem(samples)
    x = np.zeros((samples, 3))
    x[:, 0] = np.arange(samples)
    recorder = Recorder()
    history = model.trainBatch(x, y, batch, 20, recorder, rng=3)
    assert len(history) == 20
    epochs = [
        recorder.batches[i : i + len(counts)] for i in range(0, 20 * len(counts), len(counts))
    ]
    orders = set()
    for epoch in epochs:
        assert [len(b) for b in epoch] == counts
        flat = tuple(value for b in epoch for value in b)
        assert sorted(flat) == list(range(samples))
        orders.add(flat)
    assert len(orders) > 3


def test_same_seed_same_numbers_and_history_is_the_cost_after_each_epoch():
    runs = []
    for _ in range(2):
        model, x, y = small_problem()
        history = model.trainBatch(x, y, 2, 3, GDOptimizer(0.05), rng=11)
        runs.append((history, parameters(model)))
        assert history[-1] == model.mean_cost(x, y)
    assert runs[0][0] == runs[1][0]
    assert deviation(runs[0][1], runs[1][1]) == 0


def test_full_batch_training_lowers_the_cost_every_epoch():
    model, x, y = small_problem(samples=20)
    first = model.mean_cost(x, y)
    history = model.train(x, y, 50, GDOptimizer(0.05))
    assert len(history) == 50
    assert np.all(np.diff([first, *history]) < 0)


def test_training_leaves_the_data_alone():
    model, x, y = small_problem()
    before = x.copy(), y.copy()
    model.trainBatch(x, y, 2, 2, GDOptimizer(0.1), rng=0)
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(y, before[1])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_model_keeps_its_precision(dtype):
    model = build(3, [(4, "tanh"), (1, "sigmoid")], np.random.default_rng(0), dtype)
    x, y = np.ones((5, 3)), np.ones((5, 1))
    model.trainBatch(x, y, 2, 1, GDOptimizer(0.1), rng=0)
    grad, a = model.compute_grad(x, y)
    arrays = [*grad, *a, *parameters(model).values(), model.predict(x)]
    assert {str(array.dtype) for array in arrays} == {dtype}


def test_single_precision_gradients_are_those_of_double_precision():
    single = build(5, [(4, "tanh"), (1, "linear")], np.random.default_rng(0), "float32")
    double = build(5, [(4, "tanh"), (1, "linear")], np.random.default_rng(0))
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(9, 5)), rng.normal(size=(9, 1))
    assert (
        deviation(handwritten_gradients(single, x, y), handwritten_gradients(double, x, y)) < 1e-5
    )


def test_initialize_can_keep_the_parameters():
    model, x, _ = small_problem()
    before = parameters(model)
    model.initialize(QuadraticCost, initializeLayers=False)
    assert deviation(parameters(model), before) == 0
    assert model.getLayerSize(-1) == 3
    assert model.getLayerSize(0) == 4
    assert model.predict(x).shape == (7, 2)


def test_parameter_gradients_divide_by_the_samples_once():
    g, a = [np.array([[1.0, 2.0]])], [np.array([[3.0, 4.0], [5.0, 6.0], [7.0, 8.0]])]
    ((dW, db),) = parameter_gradients(g, a)
    np.testing.assert_array_equal(dW, [[5.5, 8.5, 11.5]])
    np.testing.assert_array_equal(db, [[1.5]])


# Refusals -------------------------------------------------------------------------------------

X, Y = np.ones((5, 3)), np.ones((5, 2))
NAN = np.where(np.arange(15).reshape(5, 3) == 7, np.nan, 1.0)
STEP = GDOptimizer(0.1)

REFUSED_DATA = [
    ((X[:, :2], Y), ValueError, r"x has shape \(5, 2\); expected \(n, 3\)"),
    ((X[0], Y), ValueError, r"x has shape \(3,\)"),
    ((X[:0], Y[:0]), ValueError, "at least one"),
    ((X, Y[:, :1]), ValueError, r"y has shape \(5, 1\); expected \(n, 2\)"),
    ((X, Y[:3]), ValueError, "x has 5 rows and y has 3"),
    ((NAN, Y), ValueError, "x holds nan at row 2, column 1"),
    ((X, np.full((5, 2), np.inf)), ValueError, "y holds inf at row 0, column 0"),
    ((X.astype(complex), Y), TypeError, "x has dtype complex128"),
    ((X.astype(str), Y), TypeError, "x has dtype <U"),
    (([[1, 2, 3], [1, 2]], Y), TypeError, "x is not a rectangular array"),
]


@pytest.mark.parametrize(("data", "error", "message"), REFUSED_DATA)
@pytest.mark.parametrize(
    "call",
    [
        lambda m, x, y: m.compute_grad(x, y),
        lambda m, x, y: m.mean_cost(x, y),
        lambda m, x, y: m.train(x, y, 1, STEP),
        lambda m, x, y: m.trainBatch(x, y, 1, 1, STEP),
        lambda m, x, y: m.numerical_grad(x, y),
        lambda m, x, y: m.numerical_parameter_gradients(x, y),
    ],
)
def test_wrong_data_is_refused_by_every_method(call, data, error, message):
    model, _, _ = small_problem()
    before = parameters(model)
    with pytest.raises(error, match=message):
        call(model, *data)
    assert deviation(parameters(model), before) == 0


def test_a_vector_of_targets_is_refused_with_the_cure():
    model = build(3, [(1, "linear")], np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"y has shape \(5,\).*y.reshape\(-1, 1\)"):
        model.compute_grad(X, np.ones(5))


@pytest.mark.parametrize(
    ("batch", "epochs", "message"),
    [
        (0, 1, "batchSize is 0; expected a whole number of at least 1"),
        (6, 1, "batchSize is 6, but there are only 5 samples"),
        (2.0, 1, "batchSize is 2.0"),
        (True, 1, "batchSize is True"),
        (1, 0, "numEpochs is 0"),
        (1, -1, "numEpochs is -1"),
    ],
)
def test_wrong_batch_sizes_and_epochs_are_refused(batch, epochs, message):
    model, _, _ = small_problem()
    with pytest.raises(ValueError, match=message):
        model.trainBatch(X, Y, batch, epochs, STEP)


def test_full_batch_training_refuses_no_epochs():
    model, _, _ = small_problem()
    with pytest.raises(ValueError, match="numEpochs is 0"):
        model.train(X, Y, 0, STEP)


def test_a_diverging_training_is_named_without_warnings():
    model, x, y = small_problem()
    for layer in model.layers:
        layer.activation = LinearActivation
    with pytest.raises(ValueError, match="diverged: lower the learning rate"):
        model.trainBatch(x, y, 2, 500, GDOptimizer(50.0), rng=0)


def unready():
    model = Model(3)
    model.addLayer(DenseLayer(2, TanhActivation))
    return model


def ready_layer():
    layer = DenseLayer(2, TanhActivation)
    layer.initialize(3, rng=0)
    return layer


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Model(0), ValueError, "inputSize is 0"),
        (lambda: Model(3, "int32"), TypeError, "dtype is int32; expected float32 or float64"),
        (lambda: Model(3).predict(X), ValueError, "no layers"),
        (lambda: unready().predict(X), RuntimeError, "call initialize"),
        (lambda: DenseLayer(1.5, TanhActivation), ValueError, "numNodes is 1.5"),
        (lambda: DenseLayer(2, np.tanh), TypeError, r"expected a class with fx\(z\) and dx\(z\)"),
        (lambda: DenseLayer(2, TanhActivation).initialize(0), ValueError, "fanIn is 0"),
        (lambda: ready_layer().z(np.ones((2, 5))), ValueError, r"a has shape \(2, 5\)"),
        (lambda: ready_layer().z(np.ones(3)), ValueError, r"expected \(3, n\)"),
        (lambda: ready_layer().updateWeights(np.ones((3, 2))), ValueError, "shape of W"),
        (lambda: ready_layer().updateBias(np.ones(2)), ValueError, "keepdims=True"),
        (lambda: GDOptimizer(0.0), ValueError, "eta is 0.0; expected a positive"),
        (lambda: GDOptimizer(float("nan")), ValueError, "eta is nan"),
        (lambda: STEP.update([ready_layer()], [], []), ValueError, "1 layers, 0 gradients"),
    ],
)
def test_wrong_arguments_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
