"""Parts (a) and (b) of the experiment curve-fitting: claims hold, and fail when fits are wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.experiments.pages import claims_of, not_held

from chainrule.experiments import curve_fitting as experiment
from chainrule.experiments import curve_fitting_data as fitting

SMALL = {"curves": 3, "data_sets": 20}


def test_the_claims_on_fits_and_loss_hold(tmp_path):
    claims = claims_of(experiment.EXPERIMENT, tmp_path / "run")
    assert not_held(claims) == []
    assert {"a-fits", "a-random", "a-representable", "a-zigzag", "b-reference", "b-engine"} <= set(
        claims
    )
    assert claims["a-fits"]["measured"] == "18 of 18; 1, 3; 1, 2, 3; 1, 7/2, 5"
    assert {path.stem for path in (tmp_path / "run").glob("*.svg")} == {"fits", "curve"}


def lifted(*args, **kwargs):
    network = fitting.original_fit(*args, **kwargs)
    return replace(network, b_O=network.b_O + 1)


def halved(*args):
    found = fitting.original_gradient(*args)
    return replace(found, W_H=found.W_H / 2)


@pytest.mark.parametrize(
    ("name", "kept", "replacement", "failing"),
    [
        ("fit_piecewise_linear", "original_fit", lifted, {"a-fits", "a-random", "a-zigzag"}),
        (
            "squared_loss_gradient",
            "original_gradient",
            halved,
            {"b-reference", "b-engine"},
        ),
    ],
)
def test_a_wrong_function_fails_the_claims_about_it(
    tmp_path, monkeypatch, name, kept, replacement, failing
):
    monkeypatch.setattr(fitting, kept, getattr(fitting, name), raising=False)
    monkeypatch.setattr(fitting, name, replacement)
    claims = claims_of(experiment.EXPERIMENT, tmp_path / "run", settings=SMALL)
    assert set(not_held(claims)) == failing
