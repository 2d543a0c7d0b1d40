"""Which units gradient flow counts: those behind a layer, by its activation, and no others."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr

RNG = np.random.default_rng(0)
DATA = [{"X": RNG.normal(size=(60, 4)), "y": RNG.normal(size=(60, 1))} for _ in range(2)]


def start():
    rng = np.random.default_rng(1)
    return {
        "W1": rng.normal(size=(4, 6)), "W2": rng.normal(size=(6, 6)), "W3": rng.normal(size=(6, 1)),
    }  # fmt: skip


def measured(hidden, params=None, data=DATA, **options):
    """Flow of a network with one hidden function of the first layer's pre-activations."""

    def loss(params, X, y):
        h = np.tanh(hidden(X @ params["W1"]) @ params["W2"])
        return np.mean((h @ params["W3"] - y) ** 2)

    return cr.flow(loss, start() if params is None else params, data, **options)


def test_a_list_of_parameters_gives_one_layer_each():
    def loss(params, X, y):
        return np.mean((np.tanh(X @ params[0]) @ params[1] - y) ** 2)

    found = cr.flow(loss, [np.ones((4, 3)), np.ones((3, 1))], DATA)
    assert [layer.name for layer in found.layers] == ["params[0]", "params[1]"]
    assert [layer.units for layer in found.layers] == [3, 0]


def test_a_function_of_the_data_alone_is_no_activation_of_a_layer():
    def loss(params, X, y):
        h = np.tanh(X * 50) * params["g1"]
        return np.mean((h @ params["W2"] - y) ** 2)

    found = cr.flow(loss, {"g1": np.ones(4), "W2": np.ones((4, 1))}, DATA)
    assert [layer.name for layer in found.layers] == ["layer 1", "layer 2"]
    assert [layer.units for layer in found.layers] == [0, 0]
    assert [layer.saturated_values for layer in found.layers] == [None, None]


def test_a_step_function_lets_nothing_through():
    found = measured(np.sign)
    assert found.layers[0].units == 0
    assert found.layers[0].verdict == "vanishing"
    assert "layer 1: vanishing, its gradient is exactly 0." in str(found)


def test_an_activation_of_centred_values_has_no_point_at_zero():
    def centred(z):
        return np.maximum(z - z.mean(axis=0), 0)

    found = measured(centred)
    assert found.layers[0].units == 6
    assert found.layers[0].dead_units == 0.0
    assert found.layers[0].saturated_values == 0.0


def test_activations_of_another_width_do_not_mix_with_those_of_their_layer():
    def both(z):
        narrow = np.tanh(z[:, :2])
        return np.maximum(z, 0) + narrow.sum(axis=1, keepdims=True)

    found = measured(both)
    assert found.layers[0].units == 2  # the first that was seen
    assert found.layers[0].verdict == "healthy"


def test_too_little_data_is_said_once_for_all_layers():
    found = measured(np.tanh, data=[{name: each[:2] for name, each in DATA[0].items()}])
    assert found.verdict == "not enough data"
    assert str(found).count("not enough data: 2 samples in 1 batch; units are judged on") == 1


def test_weights_of_zero_have_no_relative_gradient():
    params = {**start(), "W1": np.zeros((4, 6))}
    row = measured(np.tanh, params).rows[0]
    assert row[2:5] == ("0", "-", "-")


# --- PyTorch -------------------------------------------------------------------------------------


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="PyTorch modules need PyTorch")


def flow_of(torch, *layers, tensors=False):
    torch.manual_seed(0)
    batches = [(each["X"], each["y"]) for each in DATA]
    if tensors:
        batches = [tuple(torch.tensor(x, dtype=torch.float32) for x in each) for each in batches]
    loss = torch.nn.MSELoss()
    return cr.flow(torch.nn.Sequential(*layers), batches=batches, loss=loss)


def test_activations_before_the_first_and_behind_the_last_layer_are_not_counted(torch):
    n = torch.nn
    found = flow_of(torch, n.Tanh(), n.Linear(4, 6), n.ReLU(), n.Linear(6, 1), n.Sigmoid())
    assert [layer.units for layer in found.layers] == [6, 0]


def test_an_activation_of_another_width_is_left_out(torch):
    n = torch.nn
    pooled = (n.Linear(4, 6), n.Tanh(), n.Unflatten(1, (2, 3)), n.ReLU(), n.Flatten())
    found = flow_of(torch, *pooled, n.Linear(6, 1))
    assert found.layers[0].units == 6


@pytest.mark.parametrize("inplace", [True, False])
def test_activations_in_place_are_seen_too(torch, inplace):
    n = torch.nn
    found = flow_of(torch, n.Linear(4, 6), n.ELU(inplace=inplace), n.Linear(6, 1))
    assert found.layers[0].units == 6
    assert found.layers[0].dead_units == 0.0


def test_batches_of_tensors_give_the_same_as_batches_of_arrays(torch):
    def both(tensors):
        n = torch.nn
        return flow_of(torch, n.Linear(4, 6), n.Tanh(), n.Linear(6, 1), tensors=tensors)

    assert str(both(True)) == str(both(False))
