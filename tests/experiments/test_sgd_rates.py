"""The experiment sgd-rates: its claims hold, and fail when the bounds are wrong."""

from __future__ import annotations

import pytest
from tests.experiments.pages import claims_of, not_held

from chainrule.experiments import sgd_rates as experiment
from chainrule.theory import stochastic_gradient

SMALL = {"exact_steps": 6, "steps": 100, "runs": 200}


def test_every_claim_of_the_quick_preset_holds(tmp_path):
    claims = claims_of(experiment.EXPERIMENT, tmp_path / "run")
    assert not_held(claims) == []
    assert set(claims) == {
        "not-equivalent", "i-literal", "i-corrected", "ii-exact", "ii-reference", "iii-bound",
        "iv-closed-forms", "iv-rates", "iv-best",
    }  # fmt: skip
    assert claims["i-literal"]["measured"] == "0.3145, 0.2704, 0.3145"
    assert {path.stem for path in (tmp_path / "run").glob("*.svg")} == {"simulation", "rates"}


@pytest.mark.parametrize(
    ("module", "name", "replacement", "failing"),
    [
        (
            experiment,
            "sgd_bound_schedule",
            lambda kind, t, *rest, **alpha: 1 / t,
            {"iv-closed-forms", "iv-rates", "iv-best"},
        ),
        (
            stochastic_gradient,
            "sgd_bound",
            lambda delta, L, sigma2, alphas: stochastic_gradient.SGDBound(0.01, 0.01),
            {"iii-bound"},
        ),
        (
            experiment,
            "one_step",
            lambda problem, w, alpha: (1.0, 1.0, 1.0),
            {"i-literal", "i-corrected"},
        ),
    ],
)
def test_a_wrong_bound_fails_the_claims_about_it(
    tmp_path, monkeypatch, module, name, replacement, failing
):
    monkeypatch.setattr(module, name, replacement)
    claims = claims_of(experiment.EXPERIMENT, tmp_path / "run", settings=SMALL)
    assert failing == set(not_held(claims)) - {"ii-reference"}
