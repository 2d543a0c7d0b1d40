"""The experiment deep-elu: its claims hold, and fail when a pass or the theory is wrong."""

from __future__ import annotations

import numpy as np
import pytest
from tests.experiments.pages import claims_of, not_held

from chainrule.experiments import deep_elu as experiment
from chainrule.experiments import deep_elu_network as network

SMALL = {"seeds": 10, "widths": (10,)}


def test_every_claim_holds(tmp_path):
    claims = claims_of(experiment.EXPERIMENT, tmp_path / "run")
    assert not_held(claims) == []
    assert set(claims) == {
        "i-weights", "i-output", "i-readings", "ii-by-hand", "ii-rank-one", "ii-delta",
        "ii-no-vanishing", "ii-classes", "ii-reading", "ii-moments", "ii-gain", "ii-mean-field",
        "ii-sigmoid",
    }  # fmt: skip
    assert claims["ii-no-vanishing"]["measured"] == "22.0, 21, 0.164"
    assert {path.stem for path in (tmp_path / "run").glob("*.svg")} == {"norms", "seeds"}


def without_derivative(z):
    return np.ones_like(z)


def derivative_of_the_activation(z):
    return np.exp(np.minimum(network.nn.elu(z), 0))


@pytest.mark.parametrize("derivative", [without_derivative, derivative_of_the_activation])
def test_a_wrong_backward_pass_fails_the_claims_about_it(tmp_path, monkeypatch, derivative):
    wrong = {**network.ACTIVATIONS, "ELU": (network.nn.elu, derivative)}
    monkeypatch.setattr(network, "ACTIVATIONS", wrong)
    claims = claims_of(experiment.EXPERIMENT, tmp_path / "run", settings=SMALL)
    assert {"ii-by-hand", "ii-delta", "ii-moments"} <= set(not_held(claims))
    assert claims["i-output"]["holds"]


def test_glorot_instead_of_he_fails_the_output(tmp_path, monkeypatch):
    def glorot(dimensions, seeds=None):
        return [W / np.sqrt(2) for W in network.initialize_weights(dimensions, seeds)]

    monkeypatch.setattr(experiment, "initialize_weights", glorot)
    claims = claims_of(experiment.EXPERIMENT, tmp_path / "run", settings=SMALL)
    assert {"i-weights", "i-output", "i-readings", "ii-delta"} <= set(not_held(claims))


def test_weights_are_those_of_the_global_generator_which_is_left_alone():
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    drawn = network.initialize_weights((3, 4, 2), (42,))
    assert np.array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    expected = np.random.RandomState(42).randn(12).reshape(4, 3) * np.sqrt(2 / 3)
    assert np.array_equal(drawn[0][0], expected)


@pytest.mark.parametrize("activation", ["ELU", "sigmoid"])
def test_many_networks_at_once_are_the_same_as_one_by_one(activation):
    x, y = np.array([[1.0], [-2.0]]), np.array([[0.0], [1.0]])
    together = network.initialize_weights((2, 3, 3, 2), range(4))
    norms = network.gradient_norms(together, x, y, activation)
    for seed in range(4):
        alone = [W[seed] for W in together]
        np.testing.assert_allclose(
            norms[:, seed], network.gradient_norms(alone, x, y, activation), rtol=1e-13
        )


@pytest.mark.parametrize("q", [1e-3, 1.0, 22.0, 900.0])
def test_closed_moments_of_elu_agree_with_quadrature_and_do_not_overflow(q):
    np.testing.assert_allclose(
        network.elu_moments(q), network.moments(q, "ELU"), rtol=1e-6, atol=1e-9
    )
