"""The experiment covering-numbers: its claims hold, and fail when the functions are wrong."""

from __future__ import annotations

import pytest
from tests.experiments.pages import claims_of, not_held

from chainrule.experiments import covering_numbers as experiment


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    directory = tmp_path_factory.mktemp("covering") / "run"
    return claims_of(experiment.EXPERIMENT, directory), directory


def test_every_claim_of_the_quick_preset_holds(quick):
    claims, _ = quick
    assert not_held(claims) == []
    assert set(claims) == {
        "example", "example-needed", "a-formula", "b-certified", "b-one-fewer", "b-student",
        "b-point", "b-float", "b-exact", "c-dimension", "c-limit", "c-bounds",
    }  # fmt: skip
    assert claims["b-float"]["measured"] == "wrong for 209"
    assert claims["b-point"]["measured"] == "21; the student's formula gives 0"


def test_the_page_shows_the_covers_and_cites_its_source(quick):
    _, directory = quick
    names = {path.name for path in directory.glob("*.svg")}
    assert names == {"covers.svg", "dimension.svg", "ratio.svg"}
    page = (directory / "report.html").read_text()
    assert "Document 000, §1.2" in page
    assert '<span class="from">(a)</span>' in page
    assert "describes no set" in page


@pytest.mark.parametrize(
    ("name", "replacement", "failing"),
    [
        ("covering_number", experiment.students_number, {"b-point"}),
        ("is_epsilon_cover", lambda *_: True, {"b-one-fewer"}),
        ("uncovered_point", lambda *_: None, {"example-needed"}),
        ("is_epsilon_packing", lambda *_: False, {"a-formula"}),
    ],
)
def test_a_wrong_function_fails_the_claims_about_it(
    tmp_path, monkeypatch, name, replacement, failing
):
    monkeypatch.setattr(experiment, name, replacement)
    claims = claims_of(experiment.EXPERIMENT, tmp_path / "run", settings={"boxes": 20})
    assert failing <= set(not_held(claims))
