"""The experiment manual-backprop: gradients by hand, and claims that fail when one is wrong."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.experiments.pages import claims_of, not_held

import chainrule as cr
from chainrule.experiments import manual_backprop as experiment
from chainrule.experiments import manual_backprop_network as network
from chainrule.experiments import manual_backprop_scalar as scalar
from chainrule.experiments.experiment import ExperimentError

SMALL = {"images": 200, "epochs": 1, "mistake_steps": 20, "hidden": (6, 5)}


def test_every_claim_of_the_quick_preset_holds(tmp_path):
    claims = claims_of(experiment.EXPERIMENT, tmp_path / "run")
    assert not_held(claims) == []
    assert set(claims) == {
        "softmax", "jacobian", "underflow", "derivatives", "every-step", "accuracy", "mistakes",
        "scalar",
    }  # fmt: skip
    assert {path.stem for path in (tmp_path / "run").glob("*.svg")} == {"training", "images"}
    assert (tmp_path / "run" / "network.safetensors").exists()


def test_on_mnist_with_a_few_images(tmp_path, real_data):
    claims = claims_of(
        experiment.EXPERIMENT,
        tmp_path / "run",
        data="real",
        data_directory=real_data,
        settings={"images": 300, "mistake_steps": 100},
    )
    assert not_held(claims) == ["accuracy"]
    assert claims["accuracy"]["holds"] is None


@pytest.mark.parametrize(
    "mistake", [network.derivative_of_the_activation, network.update_before_propagation]
)
def test_each_mistake_fails_the_claims_about_gradients(tmp_path, monkeypatch, mistake):
    right = network.backward

    def wrong(params, values, y):
        monkeypatch.setattr(network, "backward", right)
        try:
            return mistake(params, values, y)
        finally:
            monkeypatch.setattr(network, "backward", wrong)

    monkeypatch.setattr(network, "backward", wrong)
    claims = claims_of(experiment.EXPERIMENT, tmp_path / "run", settings=SMALL)
    assert "derivatives" in not_held(claims)


def test_the_check_of_each_step_sees_a_mistake_and_a_nan():
    rng = np.random.default_rng(0)
    X, labels = rng.normal(size=(5, 4)), np.array([0, 1, 2, 1, 0])
    gradient = cr.grad(network.loss_as_written, argnums=tuple(range(6)))

    def undefined(params, values, y):
        return {name: g * np.nan for name, g in network.backward(params, values, y).items()}

    def error(by_hand):
        params = network.initialize((4, 3, 3, 3), np.random.default_rng(1))
        return network.step_by_step(params, X, labels, range(5), 0.1, by_hand, gradient)

    assert error(network.backward) < 1e-14
    assert error(network.derivative_of_the_activation) > 1e-3
    assert np.isnan(error(undefined))


def test_another_number_of_layers_is_refused(tmp_path):
    with pytest.raises(ExperimentError, match="'hidden' has 3 widths; the network has two"):
        claims_of(experiment.EXPERIMENT, tmp_path / "run", settings={"hidden": (8, 8, 8)})


# --- the differentiator of numbers ----------------------------------------------------------------

NUMBERS = st.floats(-3, 3).map(lambda x: round(x, 3) + 0.0005)


@given(a=NUMBERS, b=NUMBERS, c=NUMBERS)
def test_numbers_have_the_engines_gradient(a, b, c):
    def f(a, b, c):
        shared = a * b + c
        kept = shared.relu() if isinstance(shared, scalar.Value) else np.maximum(shared, 0)
        return (kept**2 - shared * a) / (b**2 + 1) + 3 * kept + 2

    mine = scalar.gradient(f, a, b, c)
    np.testing.assert_allclose(mine, cr.grad(f, argnums=(0, 1, 2))(a, b, c), rtol=1e-12, atol=1e-12)


def test_a_number_used_in_two_paths_is_passed_on_once_complete():
    x = scalar.Value(3.0)
    square = x * x
    (square * square + square).backward()
    assert x.grad == 4 * 27 + 6


def test_a_long_chain_needs_no_recursion():
    x = scalar.Value(1.0)
    y = x
    for _ in range(20_000):
        y = y + 0.5
    y.backward()
    assert x.grad == 1.0


def test_a_variable_exponent_is_refused():
    with pytest.raises(TypeError, match="exponent must be a number, got Value"):
        scalar.Value(2.0) ** scalar.Value(2.0)
