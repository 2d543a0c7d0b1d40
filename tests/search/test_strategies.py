"""Strategies: counts told beforehand, covers that cover, and settings that are refused."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from chainrule.search import (
    SearchError,
    Space,
    cover_size,
    coverable_radius,
    covering_radius,
    plan_search,
)

FOUR = Space.of(a=(0.0, 1.0), b=(0.0, 1.0), c=(0.0, 1.0), d=(0.0, 1.0))
MIXED = Space.of(rate=(1e-4, 1e-1, "log"), width=(2, 9), deep=(1, 50, "log"), act=["tanh", "relu"])


def test_cover_sizes_of_the_source_document() -> None:
    """000 §1.2: [0,1] × [0,2], with ε in the axes' own units."""
    space = Space.of(x=(0.0, 1.0), y=(0.0, 2.0))
    sizes = {"0.05": 200, "0.1": 50, "0.15": 28, "0.25": 8, "0.3": 8, "1/3": 6, "0.5": 2, "0.7": 2,
             "1": 1, "2": 1}  # fmt: skip
    for eps, size in sizes.items():
        assert cover_size(space, {"x": eps, "y": eps}) == size


def test_cover_of_1250_trials() -> None:
    space = Space((*FOUR.axes, *Space.of(act=["tanh", "relu"]).axes))
    plan = plan_search(space, "cover", epsilon=0.1)
    assert plan.sentence == "A 0.1-cover of these 5 axes needs 1,250 trials."
    assert len(plan.configurations) == 1250 == cover_size(space, 0.1)
    found = covering_radius(space, plan.configurations)
    assert found.exact
    assert found.upper == pytest.approx(0.1)


def test_a_random_budget_leaves_a_larger_hole_than_a_cover() -> None:
    random = covering_radius(FOUR, plan_search(FOUR, "random", budget=60).configurations)
    cover = covering_radius(FOUR, plan_search(FOUR, "cover", budget=60).configurations)
    assert (random.exact, cover.exact) == (True, True)
    assert cover.upper == pytest.approx(0.25)
    assert random.lower > 0.5


@pytest.mark.parametrize("budget", [2, 7, 16, 60, 100, 333])
@pytest.mark.parametrize("space", [FOUR, MIXED], ids=["four", "mixed"])
def test_no_smaller_radius_fits_a_budget(space: Space, budget: int) -> None:
    found = coverable_radius(space, budget)
    assert found is not None
    radius, counts = found
    assert math.prod(counts) <= budget
    assert cover_size(space, radius + Fraction(1, 10**9)) <= budget
    # Even a radius a thousandth smaller takes more trials.
    assert cover_size(space, radius * Fraction(999, 1000)) > budget


@pytest.mark.parametrize("epsilon", [0.3, 0.17, {"rate": 0.4, "width": 1, "deep": 0.2}])
def test_covers_cover(epsilon: Any) -> None:
    plan = plan_search(MIXED, "cover", epsilon=epsilon)
    found = covering_radius(MIXED, plan.configurations, plan.epsilon)
    assert found.exact
    assert found.upper <= (1 if isinstance(epsilon, dict) else epsilon) + 1e-9
    assert found.unit == ("epsilons" if isinstance(epsilon, dict) else "shares")


@pytest.mark.parametrize("strategy", ["cover", "grid", "random", "sobol", "latin-hypercube"])
def test_plans_keep_the_budget_and_the_space_and_repeat_nothing(strategy: str) -> None:
    for budget in (2, 3, 50):
        plan = plan_search(MIXED, strategy, budget=budget, seed=4)
        assert 0 < len(plan.configurations) <= budget
        assert len({json.dumps(each) for each in plan.configurations}) == len(plan.configurations)
        for configuration in plan.configurations:
            MIXED.check(configuration)
            assert json.loads(json.dumps(configuration)) == configuration
        again = plan_search(MIXED, strategy, budget=budget, seed=4)
        assert again.configurations == plan.configurations


@pytest.mark.parametrize("strategy", ["random", "sobol", "latin-hypercube"])
def test_another_seed_gives_other_trials(strategy: str) -> None:
    first, second = (plan_search(FOUR, strategy, budget=8, seed=seed) for seed in (0, 1))
    assert first.configurations != second.configurations
    assert len(first.configurations) == 8


def test_latin_hypercube_and_sobol_fill_every_stratum() -> None:
    for strategy in ("latin-hypercube", "sobol"):
        plan = plan_search(FOUR, strategy, budget=16)
        for axis in FOUR.names:
            strata = sorted(math.floor(16 * each[axis]) for each in plan.configurations)
            assert strata == list(range(16))


def test_random_shares_are_uniform() -> None:
    plan = plan_search(FOUR, "random", budget=4000)
    values = np.array([list(each.values()) for each in plan.configurations])
    assert np.abs(values.mean(axis=0) - 0.5).max() < 4 / math.sqrt(12 * 4000)


def test_grid_has_both_ends() -> None:
    plan = plan_search(MIXED, "grid", points={"rate": 4, "width": 3, "deep": 2})
    assert len(plan.configurations) == 4 * 3 * 2 * 2
    assert sorted({each["rate"] for each in plan.configurations}) == pytest.approx(
        [1e-4, 1e-3, 1e-2, 1e-1]
    )
    assert {each["width"] for each in plan.configurations} == {2, 6, 9}
    assert {each["deep"] for each in plan.configurations} == {1, 50}
    assert plan.sentence == "A grid of 4 × 3 × 2 × 2 values has 48 trials."


def test_a_finite_space_runs_out() -> None:
    space = Space.of(n=(1, 3), act=["tanh", "relu"])
    for strategy in ("random", "sobol", "latin-hypercube"):
        plan = plan_search(space, strategy, budget=200)
        assert len(plan.configurations) == 6
        assert "194 trials would repeat another" in plan.sentence
    assert coverable_radius(space, 100) == (0, (3, 2))
    assert len(plan_search(space, "grid", budget=100).configurations) == 6


def test_a_budget_below_the_choices_covers_nothing() -> None:
    assert coverable_radius(MIXED, 1) is None


FIFTY = Space.of(**{f"x{i}": (0.0, 1.0) for i in range(50)})


@pytest.mark.parametrize(
    ("space", "settings", "message"),
    [
        (FOUR, {"strategy": "clever"}, "Unknown strategy 'clever'; choose cover, grid"),
        (FOUR, {"strategy": "random"}, "random needs a budget, such as budget = 60"),
        (FOUR, {"strategy": "random", "budget": 0}, "The budget is 0 trials; expected at least 1"),
        (FOUR, {"strategy": "random", "budget": 2.5}, "The budget is 2.5; expected a whole number"),
        (FOUR, {"strategy": "random", "budget": 200_000}, "200,000 trials, more than the limit"),
        (FOUR, {"strategy": "random", "budget": 9, "seed": -1}, "The seed is -1"),
        (FOUR, {"strategy": "random", "budget": 9, "epsilon": 1}, "epsilon belongs to .* cover"),
        (FOUR, {"strategy": "cover", "budget": 9, "points": 1}, "points belongs to .* grid"),
        (FOUR, {"strategy": "cover"}, "cover needs either epsilon or a budget, and not both"),
        (FOUR, {"strategy": "cover", "budget": 9, "epsilon": 0.1}, "and not both"),
        (FOUR, {"strategy": "cover", "epsilon": 0}, "epsilon is 0; expected a positive number"),
        (FOUR, {"strategy": "cover", "epsilon": 0.01}, r"needs 6,250,000 trials, more than"),
        (FIFTY, {"strategy": "cover", "epsilon": 0.05}, r"about 1.00e\+50 trials, more than the"),
        (FIFTY, {"strategy": "cover", "epsilon": 1e-9}, r"about \S+ trials, more than the limit"),
        (MIXED, {"strategy": "cover", "budget": 1}, "does not reach the 2 combinations of choices"),
        (MIXED, {"strategy": "grid", "budget": 1}, "too small for one value of each choice"),
        (FOUR, {"strategy": "grid"}, "grid needs either points or a budget, and not both"),
        (
            FOUR,
            {"strategy": "grid", "points": 0},
            "points of a is 0; expected a number of at least",
        ),
        (
            FOUR,
            {"strategy": "grid", "points": {"a": 2}},
            "given for a; give it for each of a, b, c",
        ),
        (FOUR, {"strategy": "grid", "points": 100}, "has 100,000,000 trials, more than the limit"),
        (FOUR, {"strategy": "grid", "points": 10**9}, "Axis a alone with 1,000,000,000 trials"),
    ],
)
def test_refusals(space: Space, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SearchError, match=message):
        plan_search(space, **settings)
