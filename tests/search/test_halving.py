"""Successive halving: who goes on, with which budget, also after an interruption."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.search import objectives

from chainrule.search import Execution, Halving, Objective, Search, Space, TrialStore, plan_search

SPACE = Space.of(x=(0.0, 1.0))


def make(path: Path, function: object = objectives.with_budget, goal: str = "minimise") -> Search:
    return Search(
        Objective("callable", function, names=("x",)),
        SPACE,
        plan_search(SPACE, "grid", points=10),
        path / "t.sqlite",
        metric="loss" if function is objectives.with_budget else None,
        goal=goal,
        halving=Halving(1, 9, 3),
    )


@pytest.mark.parametrize(
    ("halving", "budgets", "sizes"),
    [
        (Halving(1, 30, 3), [1, 3, 9, 27], [20, 6, 2, 1]),
        (Halving(1, 1), [1], [20]),
        (Halving(0.5, 2, 2), [0.5, 1.0, 2.0], [20, 10, 5]),
        (Halving(0.1, 2.7, 3), pytest.approx([0.1, 0.3, 0.9, 2.7]), [20, 6, 2, 1]),
    ],
)
def test_budgets_and_sizes(halving: Halving, budgets: list[float], sizes: list[int]) -> None:
    assert halving.budgets == budgets
    assert halving.sizes(20) == sizes


@pytest.mark.parametrize("executor", ["inline", "processes"])
def test_the_best_third_goes_on(tmp_path: Path, executor: str) -> None:
    outcome = make(tmp_path).run(Execution(executor, workers=2))
    rungs = [[t.configuration for t in outcome.trials if t.rung == rung] for rung in range(3)]
    assert rungs == [list(range(10)), [0, 1, 2], [0]]
    assert [t.metrics["budget"] for t in outcome.trials if t.configuration == 0] == [1, 3, 9]
    assert outcome.best is not None
    assert (outcome.best.rung, outcome.best.value) == (2, pytest.approx(1 / 9))
    assert make(tmp_path).run(Execution(executor)).computed == 0


def test_larger_is_better_where_the_goal_says_so(tmp_path: Path) -> None:
    outcome = make(tmp_path, goal="maximise").run(Execution("inline"))
    assert [t.configuration for t in outcome.trials if t.rung == 1] == [9, 8, 7]


def test_failures_do_not_go_on(tmp_path: Path) -> None:
    def fails_below(x: float, budget: int) -> float:
        if x < 0.85:
            raise ValueError
        return x

    outcome = make(tmp_path, fails_below).run(Execution("inline"))
    assert [t.configuration for t in outcome.trials if t.rung == 1] == [8, 9]
    assert [t.configuration for t in outcome.trials if t.rung == 2] == [8]


def test_a_finished_rung_is_promoted_once(tmp_path: Path) -> None:
    """The process that finished the rung died before it promoted it."""
    search = make(tmp_path)
    search.run(Execution("inline"))
    with TrialStore(search.store) as store:
        store._connection.execute("DELETE FROM trials WHERE rung > 0")
        assert search.halving is not None
        assert search.halving.promote(store, maximise=False) == 3
        assert search.halving.promote(store, maximise=False) == 0
    assert search.run(Execution("inline")).computed == 4
