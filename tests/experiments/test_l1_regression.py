"""The experiment l1-regression: its claims hold, and fail when the functions are wrong."""

from __future__ import annotations

import numpy as np
import pytest
from tests.experiments.pages import claims_of, not_held

from chainrule.experiments import l1_regression as experiment
from chainrule.theory.robust_regression import L1Fit

SMALL = {"fits": 10, "steps": 100}


def least_squares_instead(X, y):
    w, dual = np.linalg.lstsq(X, y, rcond=None)[0], np.zeros(len(y))
    loss = float(np.sum(np.abs(X @ w - y)))
    return L1Fit(w, loss, dual, 0.0, loss)


def test_every_claim_of_the_quick_preset_holds(tmp_path):
    claims = claims_of(experiment.EXPERIMENT, tmp_path / "run")
    assert not_held(claims) == []
    assert set(claims) == {
        "a-loss", "b-reference", "b-vertices", "b-gap", "b-dual", "b-least-squares",
        "b-not-unique", "b-median", "b-robust", "c-recipe",
    }  # fmt: skip
    assert claims["b-reference"]["measured"] == "(1, 2), 91, 91; (−17.2, 20.2)"
    assert {path.stem for path in (tmp_path / "run").glob("*.svg")} == {"outlier", "kinks"}


@pytest.mark.parametrize(
    ("name", "replacement", "failing"),
    [
        (
            "l1_regression",
            least_squares_instead,
            {"b-reference", "b-vertices", "b-gap", "b-least-squares", "b-median", "b-robust"},
        ),
        ("l1_subgradient", lambda w, X, y: X.T @ (X @ w - y), {"a-loss"}),
        (
            "weighted_median",
            lambda values, weights=None: (float(np.mean(values)),) * 2,
            {"b-not-unique", "b-median"},
        ),
        ("descent", lambda objective, start, steps: start, {"c-recipe"}),
    ],
)
def test_a_wrong_function_fails_the_claims_about_it(
    tmp_path, monkeypatch, name, replacement, failing
):
    monkeypatch.setattr(experiment, name, replacement)
    claims = claims_of(experiment.EXPERIMENT, tmp_path / "run", settings=SMALL)
    assert failing <= set(not_held(claims)) <= failing | {"c-recipe"}
