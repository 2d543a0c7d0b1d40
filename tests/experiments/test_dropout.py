"""The experiment dropout: its claims hold, and fail when the functions are wrong."""

from __future__ import annotations

import numpy as np
import pytest
from tests.experiments.pages import claims_of, not_held

from chainrule.experiments import dropout as experiment

SMALL = {"draws": 10_000, "cases": 3}


def test_every_claim_of_the_quick_preset_holds(tmp_path):
    claims = claims_of(experiment.EXPERIMENT, tmp_path / "run")
    assert not_held(claims) == []
    assert set(claims) == {
        "i-noise", "i-inverted", "ii-small-q", "ii-limit", "ii-scale", "ii-half", "ii-worked",
        "ii-drawn", "iii-exact", "iii-second-order", "iii-units", "iii-ridge",
    }  # fmt: skip
    assert claims["ii-small-q"]["measured"] == "0.60876; 0.6088177"
    assert {path.stem for path in (tmp_path / "run").glob("*.svg")} == {"ratios", "path"}


@pytest.mark.parametrize(
    ("name", "replacement", "failing"),
    [
        (
            "apply_dropout",
            lambda h, q, rng: h * (rng.random(np.shape(h)) >= q),
            {"i-noise", "i-inverted", "ii-drawn"},
        ),
        (
            "dropout_linear_penalty",
            lambda W, X, q: q * np.sum(W**2),
            {"iii-exact", "iii-second-order", "iii-units"},
        ),
        ("dropout_linear_regression", lambda X, Y, q: np.ones((Y.shape[1], X.shape[1])),
         {"iii-ridge"}),
        ("dropout_ratio_limit", lambda loss, h: 1.0, {"ii-small-q", "ii-limit"}),
    ],
)  # fmt: skip
def test_a_wrong_function_fails_the_claims_about_it(
    tmp_path, monkeypatch, name, replacement, failing
):
    monkeypatch.setattr(experiment, name, replacement)
    claims = claims_of(experiment.EXPERIMENT, tmp_path / "run", settings=SMALL)
    assert set(not_held(claims)) == failing
