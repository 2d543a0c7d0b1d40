"""Sequential networks: names, parameters, state and masks passed in, and the errors."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.engine.errors import InvalidInput
from chainrule.engine.trees import flatten

RNG = np.random.default_rng(0)
X, IMAGES = RNG.normal(size=(6, 3)), RNG.normal(size=(4, 2, 8, 8))


def mlp():
    return nn.Sequential(nn.Linear(3, 5), nn.relu, nn.Linear(5, 2))


def regularised():
    return nn.Sequential(
        nn.Linear(3, 5), nn.BatchNorm(5), nn.elu, nn.Dropout(0.4), nn.Linear(5, 4),
        nn.LayerNorm(4), nn.tanh, nn.Dropout(0.2), nn.Linear(4, 2),
    )  # fmt: skip


def convolutional():
    return nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1, bias=False), nn.BatchNorm(3), nn.relu, nn.MaxPool2d(2),
        nn.Conv2d(3, 4, (3, 2), stride=1), nn.gelu_tanh, nn.AvgPool2d((1, 3)), nn.Dropout(0.5),
        nn.Flatten(), nn.Linear(8, 3),
    )  # fmt: skip


def test_layers_are_named_by_kind_and_number():
    assert list(regularised().layers) == [
        "linear1", "batch_norm1", "elu1", "dropout1", "linear2", "layer_norm1", "tanh1", "dropout2",
        "linear3",
    ]  # fmt: skip
    params = regularised().init(0)
    assert list(params) == ["linear1", "batch_norm1", "linear2", "layer_norm1", "linear3"]
    assert {k: v.shape for k, v in params["linear2"].items()} == {"W": (4, 5), "b": (4,)}


def test_apply_is_the_composition():
    model, params = mlp(), mlp().init(1)
    hidden = np.maximum(X @ params["linear1"]["W"].T + params["linear1"]["b"], 0)
    expected = hidden @ params["linear2"]["W"].T + params["linear2"]["b"]
    np.testing.assert_allclose(model.apply(params, X), expected, rtol=1e-14)
    np.testing.assert_array_equal(model.apply_training(params, X)[0], model.apply(params, X))
    assert model.init_state() is None
    assert model.draw_masks(0, X.shape) is None
    assert model.apply_training(params, X)[1] is None


def test_one_seed_is_one_network_and_draws_no_other_randomness():
    first, second = mlp().init(3), mlp().init(np.random.default_rng(3))
    cr.tree_map(np.testing.assert_array_equal, first, second)
    single = mlp().init(3, np.float32)
    cr.tree_map(lambda a, b: np.testing.assert_array_equal(a.astype(np.float32), b), first, single)


@pytest.mark.parametrize(
    ("model", "count"),
    [
        (nn.Sequential(nn.Linear(784, 16), nn.relu, nn.Linear(16, 1)), 12577),
        (nn.Sequential(nn.Linear(784, 4), nn.relu, nn.Linear(4, 1)), 3145),
        (
            nn.Sequential(
                nn.Linear(784, 256), nn.relu, nn.Linear(256, 128), nn.relu, nn.Linear(128, 64),
                nn.relu, nn.Linear(64, 10),
            ),
            242762,
        ),
        (convolutional(), 54 + 6 + 76 + 27),
    ],
)  # fmt: skip
def test_parameter_counts(model, count):
    assert nn.parameter_count(model.init(0, np.float32)) == count


@pytest.mark.parametrize(
    ("model", "x"), [(mlp(), X), (regularised(), X), (convolutional(), IMAGES)]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_float32_stays_float32_in_values_states_and_gradients(model, x, dtype):
    params, state = model.init(0, dtype), model.init_state(dtype)
    x = x.astype(dtype)
    masks = model.draw_masks(1, x.shape)

    def f(params):
        y, new = model.apply_training(params, x, state, masks)
        return np.mean(y**2), new

    (value, new), gradient = cr.value_and_grad(f, has_aux=True)(params)
    assert model.apply(params, x, state).dtype == dtype
    assert {leaf.dtype for leaf in flatten((value, new, gradient))[0]} == {np.dtype(dtype)}
    assert model.output_shape(x.shape) == model.apply(params, x, state).shape


@pytest.mark.parametrize(("model", "x"), [(regularised(), X), (convolutional(), IMAGES)])
def test_derivatives_of_whole_networks(model, x):
    params, state, masks = model.init(2), model.init_state(), model.draw_masks(3, x.shape)
    cr.check_grads(
        lambda params, x: np.sum(model.apply_training(params, x, state, masks)[0] ** 2),
        (params, x), order=1, step=1e-5, rtol=1e-5,
    )  # fmt: skip


@pytest.mark.parametrize(("model", "x"), [(regularised(), X), (convolutional(), IMAGES)])
def test_compiled_training_step_with_state_and_masks_is_eager(model, x):
    def f(params, x, state, masks):
        y, state = model.apply_training(params, x, state, masks)
        return np.mean(y**2), state

    eager = cr.value_and_grad(f, has_aux=True)
    compiled = cr.value_and_grad(f, has_aux=True, compile=True)
    params, state = model.init(4), model.init_state()
    rng = np.random.default_rng(5)
    for _ in range(3):
        masks = model.draw_masks(rng, x.shape)
        expected = eager(params, x, state, masks)
        found = compiled(params, x, state, masks)
        cr.tree_map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12), found, expected
        )
        (_, state), gradient = found
        params = cr.tree_map(lambda w, g: w - 0.1 * g, params, gradient)
    assert compiled.retraces == 1


def test_a_generator_draws_the_masks_that_draw_masks_draws():
    model, params, state = regularised(), regularised().init(0), regularised().init_state()
    drawn = model.draw_masks(6, X.shape)
    assert {name: mask.shape for name, mask in drawn.items()} == {
        "dropout1": (6, 5), "dropout2": (6, 4),
    }  # fmt: skip
    expected = model.apply_training(params, X, state, drawn)[0]
    found = model.apply_training(params, X, state, np.random.default_rng(6))[0]
    np.testing.assert_array_equal(found, expected)


def test_evaluation_drops_nothing_and_uses_running_statistics():
    model = nn.Sequential(nn.BatchNorm(3), nn.Dropout(0.9))
    state = {"batch_norm1": nn.RunningStatistics(np.full(3, 2.0), np.full(3, 4.0 - 1e-5))}
    np.testing.assert_allclose(model.apply(model.init(0), X, state), (X - 2) / 2, rtol=1e-13)


def test_networks_nest():
    block = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm(3), nn.Dropout(0.5))
    model = nn.Sequential(block, nn.relu, block, nn.Sequential(nn.relu), nn.Linear(3, 1))
    params, state, masks = model.init(0), model.init_state(), model.draw_masks(1, X.shape)
    assert list(params) == ["sequential1", "sequential2", "sequential3", "linear1"]
    assert list(state) == list(masks) == ["sequential1", "sequential2"]
    y, renewed = model.apply_training(params, X, state, masks)
    assert y.shape == model.output_shape(X.shape) == (6, 1)
    assert not np.array_equal(renewed["sequential2"]["batch_norm1"].mean, np.zeros(3))


def test_embedding_network():
    model = nn.Sequential(nn.Embedding(7, 3), nn.Flatten(), nn.Linear(6, 2))
    params = model.init(0)
    words = np.array([[0, 6], [2, 2]])
    expected = nn.linear(params["embedding1"]["table"][words].reshape(2, 6), **params["linear1"])
    np.testing.assert_array_equal(model.apply(params, words), expected)
    assert model.output_shape((2, 2)) == (2, 2)


def test_initialisers_are_chosen_per_layer():
    model = nn.Sequential(nn.Linear(2, 2, weights=nn.constant(3.0), biases=nn.constant(1.0)))
    np.testing.assert_array_equal(model.apply(model.init(0), np.ones((1, 2))), [[7.0, 7.0]])
    assert list(nn.Linear(2, 2, bias=False).init(0)) == ["W"]
    assert nn.Conv2d(4, 6, (3, 2), groups=2).init(0)["W"].shape == (6, 2, 3, 2)
    assert nn.LayerNorm((2, 3)).init(0)["gamma"].shape == (2, 3)


def test_repr_shows_every_layer():
    text = repr(mlp())
    assert text.splitlines()[0] == "Sequential("
    assert "linear1: Linear(inputs=3, outputs=5" in text
    assert "    relu1: relu," in text


def test_a_layer_of_ones_own():
    class Scale(nn.Layer):
        kind = "scale"

        def init(self, rng, dtype=np.float64):
            return {"factor": np.full((), 2.0, dtype)}

        def apply(self, params, x, state=None):
            return params["factor"] * x

    model = nn.Sequential(Scale(), lambda x: x + 1)
    assert list(model.layers) == ["scale1", "lambda1"]
    np.testing.assert_array_equal(model.apply(model.init(0), np.ones(2)), [3.0, 3.0])
    with pytest.raises(NotImplementedError, match="Layer does not define apply"):
        nn.Layer().apply({}, X)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.Sequential(), "at least one layer"),
        (lambda: nn.Sequential(nn.Flatten), r"called first, as in Flatten\(\)"),
        (lambda: nn.Sequential(3), "got 3"),
        (lambda: nn.Linear(0, 2), "inputs of Linear must be a positive whole number, got 0"),
        (lambda: nn.Linear(2, 2.5), "outputs of Linear must be a positive whole number, got 2.5"),
        (lambda: nn.BatchNorm(-1), "features of BatchNorm"),
        (lambda: nn.Embedding(3, None), "features of Embedding"),
        (lambda: nn.Conv2d(3, 4, 3, groups=2), "groups must divide 3 channels"),
        (lambda: nn.Dropout(1.0), "below 1, got 1.0"),
        (lambda: mlp().init(None), "init needs rng"),
        (lambda: mlp().apply({}, X), r"'linear1', 'linear2'\] as from init, got \[\]"),
        (lambda: mlp().apply(None, X), "got NoneType"),
        (lambda: mlp().apply(regularised().init(0), X), "got .*'batch_norm1'"),
        (lambda: mlp().apply(mlp().init(0), X[:, :2]), r"x \(6, 2\) and W \(5, 3\)"),
        (lambda: regularised().apply(regularised().init(0), X), "running statistics: pass state"),
        (
            lambda: nn.Sequential(nn.Dropout(0.5)).apply_training({}, X),
            r"needs masks for an input of shape \(6, 3\)",
        ),
        (lambda: regularised().draw_masks(None, X.shape), "draw_masks needs rng"),
    ],
)
def test_refused(call, message):
    with pytest.raises(InvalidInput, match=message):
        call()
