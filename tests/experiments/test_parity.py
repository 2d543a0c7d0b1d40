"""The experiment parity: its claims hold, and fail when networks or gradients are wrong."""

from __future__ import annotations

import numpy as np
import pytest
from tests.experiments.pages import claims_of, not_held

from chainrule.experiments import parity as experiment
from chainrule.experiments import parity_information as information
from chainrule.theory.parity import ParityNetwork, parity_network

SMALL = {
    "dimension": 4, "gradient_dimension": 4, "draws": 3, "iterations": 20, "deep_iterations": 20,
    "dimensions": (3, 4), "ones": (1, 2), "sparse_ones": (1,),
}  # fmt: skip
#: What so few iterations cannot decide.
TRAINED = {"b-learned", "b-chance", "b-ones", "d-training"}


def test_every_claim_of_the_quick_preset_holds(tmp_path):
    claims = claims_of(experiment.EXPERIMENT, tmp_path / "run")
    assert not_held(claims) == []
    assert set(claims) == {
        "a-printed", "a-corrected", "a-truncated", "a-minimal", "a-signed", "c-engine",
        "c-decomposition", "c-mean", "c-indicator", "c-identity", "c-bound", "c-decay",
        "c-reference", "b-learned", "b-chance", "b-ones", "d-vanishing", "d-bound", "d-training",
    }  # fmt: skip
    assert {path.stem for path in (tmp_path / "run").glob("*.svg")} == {
        "networks", "spread", "learning", "ones", "ratios", "deep",
    }  # fmt: skip


def shifted(v, construction="tent", k=None):
    network = parity_network(v, construction, k)
    return ParityNetwork(network.W, network.b, network.alpha, network.beta + 0.5)


@pytest.mark.parametrize(
    ("module", "name", "replacement", "failing"),
    [
        (experiment, "parity_network", shifted, {"a-corrected", "a-minimal"}),
        (
            experiment,
            "printed_parity_network",
            lambda v, k, used=0: parity_network(v, k=k),
            {"a-printed", "a-truncated"},
        ),
        (
            information,
            "parity_risk_gradient",
            lambda network, v: np.zeros(network.W.size + 2 * len(network.b) + 1),
            {"c-engine", "c-decomposition", "c-mean"},
        ),
    ],
)
def test_a_wrong_function_fails_the_claims_about_it(
    tmp_path, monkeypatch, module, name, replacement, failing
):
    monkeypatch.setattr(module, name, replacement)
    claims = claims_of(experiment.EXPERIMENT, tmp_path / "run", settings=SMALL)
    assert failing <= set(not_held(claims)) <= failing | {"c-decay"} | TRAINED
