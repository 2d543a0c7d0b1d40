"""The experiment linear-networks: its claims hold, and fail when the formulas are wrong."""

from __future__ import annotations

import numpy as np
import pytest
from tests.experiments.pages import claims_of, not_held

from chainrule.experiments import linear_networks as experiment
from chainrule.experiments import linear_networks_landscape as landscape
from chainrule.theory.linear_networks import GlobalMinimum

SMALL = {"networks": 50, "hessians": 5, "steps": 1000}


def test_every_claim_of_the_quick_preset_holds(tmp_path):
    claims = claims_of(experiment.EXPERIMENT, tmp_path / "run")
    assert not_held(claims) == []
    assert set(claims) == {
        "a-if", "a-only-if", "a-distance", "b-equal", "b-hessian", "b-midpoints", "b-not-convex",
        "c-engine", "d-no-bottleneck", "d-bottleneck", "d-not-necessary", "d-singular",
        "e-gradient", "e-hessian", "e-not-global", "e-zero", "e-degenerate", "f-bound", "f-descent",
        "f-two-singular",
    }  # fmt: skip
    assert {path.stem for path in (tmp_path / "run").glob("*.svg")} == {
        "chord", "ways-down", "saddles",
    }  # fmt: skip


def with_wrong_scale(function):
    return lambda *args: [2 * each for each in function(*args)]


@pytest.mark.parametrize(
    ("module", "name", "replacement", "failing"),
    [
        (
            experiment,
            "product_gradient",
            lambda W, X, Y: W @ X.T @ X,
            {"c-engine", "d-no-bottleneck", "d-not-necessary", "d-singular"},
        ),
        (
            landscape,
            "linear_network_hessian",
            lambda weights, X, Y: np.eye(sum(W.size for W in weights)),
            {"e-hessian"},
        ),
        (
            experiment,
            "linear_network_global_minimum",
            lambda X, Y, dims: GlobalMinimum(0.0, np.zeros((np.shape(Y)[1], np.shape(X)[1]))),
            {"d-no-bottleneck", "d-bottleneck", "d-not-necessary", "d-singular"},
        ),
        (
            landscape,
            "linear_network_gradients",
            with_wrong_scale(landscape.linear_network_gradients),
            {"e-gradient"},
        ),
    ],
)
def test_a_wrong_formula_fails_the_claims_about_it(
    tmp_path, monkeypatch, module, name, replacement, failing
):
    monkeypatch.setattr(module, name, replacement)
    claims = claims_of(experiment.EXPERIMENT, tmp_path / "run", settings=SMALL)
    assert set(not_held(claims)) - {"f-descent"} == failing
