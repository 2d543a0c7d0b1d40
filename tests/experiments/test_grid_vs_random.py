"""The experiment grid-vs-random: its claims hold, and fail when the formulas are wrong."""

from __future__ import annotations

from fractions import Fraction

import pytest
from tests.experiments.pages import claims_of, not_held

from chainrule.experiments import grid_vs_random as experiment
from chainrule.theory.grid_and_random import SearchComparison

SMALL = {"simulations": 1000, "float32_runs": 100, "largest_budget": 20}


def test_every_claim_of_the_quick_preset_holds(tmp_path):
    claims = claims_of(experiment.EXPERIMENT, tmp_path / "run")
    assert not_held(claims) == []
    assert set(claims) == {
        "a-distinct", "b-distinct", "b-student", "b-float32", "c-gap", "c-winner",
        "c-unconditional", "c-coverage",
    }  # fmt: skip
    assert {path.stem for path in (tmp_path / "run").glob("*.svg")} == {
        "projections", "gaps", "coverage",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "replacement", "failing"),
    [
        ("expected_distinct", experiment.students_distinct, {"b-distinct"}),
        ("students_distinct", experiment.expected_distinct, {"b-student"}),
        ("prob_all_distinct", lambda M, q: 0.5, {"b-float32"}),
        ("prob_random_cover", lambda q, eps: Fraction(1, 2), {"c-coverage"}),
        (
            "compare_search",
            lambda B, d: SearchComparison(B, B, Fraction(1, 2), Fraction(1, 3), "random"),
            {"c-gap", "c-winner", "c-unconditional"},
        ),
    ],
)
def test_a_wrong_formula_fails_the_claims_about_it(
    tmp_path, monkeypatch, name, replacement, failing
):
    monkeypatch.setattr(experiment, name, replacement)
    claims = claims_of(experiment.EXPERIMENT, tmp_path / "run", settings=SMALL)
    assert set(not_held(claims)) == failing
