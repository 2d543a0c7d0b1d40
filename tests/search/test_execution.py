"""Running trials: on every executor, with failures, time limits and dying workers."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.search import objectives

from chainrule.experiments.pools import InlineExecutor, ProcessPool
from chainrule.search import (
    Execution,
    Halving,
    Objective,
    Outcome,
    Search,
    SearchError,
    Space,
    TrialStore,
    plan_search,
)

SPACE = Space.of(x=(0.0, 1.0))


def search(path: Path, function: Callable[..., Any], count: int = 6, **options: Any) -> Search:
    space = options.pop("space", SPACE)
    fixed = tuple(options.pop("fixed", {}).items())
    objective = Objective("callable", function, fixed, names=tuple(space.names))
    return Search(
        objective, space, plan_search(space, "grid", points=count), path / "t.sqlite", **options
    )


def values(outcome: Outcome) -> list[float | None]:
    return [trial.value for trial in outcome.trials]


SIXTHS = pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])


@pytest.mark.parametrize("executor", ["inline", "threads", "processes"])
def test_every_executor_runs_all_trials(tmp_path: Path, executor: str) -> None:
    made = search(tmp_path, objectives.seeded, metric="loss", goal="maximise")
    outcome = made.run(Execution(executor, workers=2))
    assert values(outcome) == SIXTHS
    assert outcome.computed == 6
    assert outcome.best is not None
    assert outcome.best.parameters == {"x": 1.0}
    again = made.run(Execution(executor, workers=2))
    assert (again.computed, values(again)) == (0, values(outcome))
    assert [each.metrics for each in made.read().trials] == [
        each.metrics for each in outcome.trials
    ]


def test_seeds_depend_on_the_search_only(tmp_path: Path) -> None:
    seeds = []
    for name, executor, seed in (("a", "inline", 0), ("b", "threads", 0), ("c", "inline", 1)):
        made = search(tmp_path / name, objectives.seeded, metric="loss", seed=seed)
        outcome = made.run(Execution(executor))
        seeds.append([trial.metrics["seed"] for trial in outcome.trials])
    assert seeds[0] == seeds[1] != seeds[2]
    assert len(set(seeds[0])) == 6


@pytest.mark.parametrize("make", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_any_executor_of_the_library_will_do(tmp_path: Path, make: type[Executor]) -> None:
    options: dict[str, Any] = {}
    if make is ProcessPoolExecutor:
        import multiprocessing

        options["mp_context"] = multiprocessing.get_context("spawn")
    with make(2, **options) as executor:  # type: ignore[call-arg]
        outcome = search(tmp_path, objectives.seeded, metric="loss").run(Execution(executor, 2))
        assert values(outcome) == SIXTHS
        # It is still there for its owner.
        assert executor.submit(abs, -2).result() == 2


@pytest.mark.parametrize("executor", ["inline", "processes"])
def test_failures_are_kept_with_their_error_and_can_be_retried(
    tmp_path: Path, executor: str
) -> None:
    flag = tmp_path / "flag"
    made = search(tmp_path, objectives.fails_until_told, fixed={"flag": str(flag)})
    outcome = made.run(Execution(executor, workers=1))
    assert values(outcome) == pytest.approx([0.0, 0.2, 0.4, None, None, None])
    assert (outcome.count("done"), outcome.count("failed")) == (3, 3)
    assert (outcome.trials[3].error or "").startswith("RuntimeError: not yet")
    flag.touch()
    assert made.run(Execution(executor)).count("failed") == 3
    retried = made.run(Execution(executor, workers=1), retry=True)
    assert (retried.computed, values(retried)) == (3, SIXTHS)
    assert [trial.attempts for trial in retried.trials] == [1, 1, 1, 2, 2, 2]


def test_not_a_number_is_a_failure(tmp_path: Path) -> None:
    outcome = search(tmp_path, objectives.nan_above_half).run(Execution("inline"))
    assert outcome.trials[4].error == "The objective returned value = nan."
    assert outcome.best is not None
    assert outcome.best.value == 0.0


def test_nothing_is_best_where_everything_failed(tmp_path: Path) -> None:
    space = Space.of(x=(0.6, 1.0))
    outcome = search(tmp_path, objectives.nan_above_half, space=space).run(Execution("inline"))
    assert outcome.best is None


def test_a_worker_that_dies_fails_its_trial_alone(tmp_path: Path) -> None:
    outcome = search(tmp_path, objectives.dies_above_half).run(Execution("processes", 2))
    assert values(outcome) == pytest.approx([0.0, 0.2, 0.4, None, None, None])
    assert {trial.error for trial in outcome.trials[3:]} == {
        "The process that ran it died: it ended itself, crashed, or was killed."
    }


@pytest.mark.parametrize(
    ("executor", "function"),
    [
        ("inline", objectives.hangs_above_half),
        ("processes", objectives.hangs_above_half),
        ("processes", objectives.hangs_deaf_above_half),
    ],
)
def test_a_hanging_trial_fails_alone(
    tmp_path: Path, executor: str, function: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chainrule.search.execution.GRACE", 0.3)
    start = time.perf_counter()
    made = search(tmp_path, function, 3)
    outcome = made.run(Execution(executor, workers=2, time_limit=0.3))
    assert values(outcome) == [0.0, 0.5, None]
    assert outcome.trials[2].error == "It took longer than the time limit of 0.3 s."
    assert time.perf_counter() - start < 120


def test_an_executor_that_cannot_end_a_call_goes_on_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chainrule.search.execution.GRACE", 0.2)

    class Deaf(Executor):
        """Never answers for the last trial."""

        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            if args[1][0].parameters["x"] == 1.0:
                return Future()
            return InlineExecutor().submit(fn, *args)

    outcome = search(tmp_path, objectives.seeded, 3, metric="loss").run(
        Execution(Deaf(), 1, time_limit=0.2)
    )
    assert values(outcome) == [0.0, 0.5, None]
    assert outcome.trials[2].error == "It took longer than the time limit of 0.2 s."


def test_batches_of_one_shape(tmp_path: Path) -> None:
    space = Space.of(x=(0.0, 1.0), width=[4, 8])
    made = search(tmp_path, objectives.squares, 11, space=space, metric="loss")
    outcome = made.run(Execution("inline"))
    assert outcome.count("done") == 20
    assert outcome.count("failed") == 2
    sizes = [trial.metrics["batch"] for trial in outcome.trials if trial.state == "done"]
    assert sorted(sizes, reverse=True)[:16] == [8.0] * 16
    assert set(sizes) == {8.0, 3.0}


def test_workers_use_one_thread_of_linear_algebra(tmp_path: Path) -> None:
    outcome = search(tmp_path, objectives.blas_threads, 2).run(Execution("processes", 1))
    assert values(outcome) == [1.0, 1.0]


@pytest.mark.parametrize("executor", ["inline", "processes"])
def test_what_an_objective_prints_is_not_the_result(
    tmp_path: Path, executor: str, capfd: pytest.CaptureFixture[str]
) -> None:
    search(tmp_path, objectives.prints, 2).run(Execution(executor, 1))
    out, error = capfd.readouterr()
    assert (out, error.count("a line of the objective")) == ("", 2)


def test_progress_is_shown_on_a_terminal(tmp_path: Path) -> None:
    from io import StringIO

    from chainrule.reporting.terminal import Terminal

    class Screen(StringIO):
        def isatty(self) -> bool:
            return True

    screen = Screen()
    made = search(tmp_path, objectives.nan_above_half, 30)
    made.run(Execution("inline"), terminal=Terminal(screen))
    assert "best 0" in screen.getvalue()
    assert "failed" in screen.getvalue()


# What stops a search, and leaves the store whole ------------------------------------------------


def test_an_executor_that_breaks_stops_the_search_and_keeps_its_trials(tmp_path: Path) -> None:
    class Broken(Executor):
        def __init__(self, at_submit: bool) -> None:
            self.at_submit = at_submit

        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            if self.at_submit:
                raise OSError("no route.")
            future: Future[Any] = Future()
            future.set_exception(OSError("no route"))
            return future

    made = search(tmp_path, objectives.seeded, metric="loss")
    for at_submit in (True, False):
        with pytest.raises(SearchError, match=r"Trials cannot be run: OSError: no route\. Unf"):
            made.run(Execution(Broken(at_submit), 2))
        with TrialStore(made.store) as store:
            assert store.counts()["waiting"] == 6
    assert made.run(Execution("inline")).computed == 6


def test_an_interrupt_gives_the_trials_back(tmp_path: Path) -> None:
    made = search(tmp_path, objectives.seeded, metric="loss")

    class Interrupted(Executor):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made.run(Execution(Interrupted(), 2))
    with TrialStore(made.store) as store:
        assert store.counts()["waiting"] == 6


def test_an_objective_that_only_this_process_can_load_stops_the_search(tmp_path: Path) -> None:
    (tmp_path / "only_here.py").write_text(
        "import os\nassert os.environ.get('LOADS_HERE') == str(os.getpid()), 'not here'\n"
        "def f(x): return x"
    )
    import os

    objective = Objective("function", "only_here.py:f", folder=str(tmp_path), names=("x",))
    made = Search(objective, SPACE, plan_search(SPACE, "grid", points=4), tmp_path / "t.sqlite")
    os.environ["LOADS_HERE"] = str(os.getpid())
    try:
        with pytest.raises(SearchError, match="cannot be imported: AssertionError: not here"):
            made.run(Execution("processes", 1))
    finally:
        del os.environ["LOADS_HERE"]
    with TrialStore(made.store) as store:
        assert store.counts()["waiting"] == 4


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Execution("cloud"), "Unknown executor 'cloud'; choose processes, threads, inline"),
        (lambda: Execution(workers=0), "workers is 0; expected a whole number of at least 1"),
        (lambda: Execution(time_limit=0), "The time limit is 0; expected seconds above 0"),
        (lambda: Execution(time_limit=float("nan")), "The time limit is nan"),
        (lambda: Execution("threads", time_limit=1), "cannot be kept with threads"),
        (
            lambda: search(Path(), objectives.seeded, goal="win"),
            "The goal is 'win'; choose minimise",
        ),
        (lambda: Halving(0, 4), "The minimum of halving is 0; expected a number above 0"),
        (lambda: Halving(4, 1), "Halving starts at 4 and ends at 1"),
        (lambda: Halving(1, 4, 1), "The factor of halving is 1; expected one above 1"),
        (lambda: Halving(1, float("nan")), "The maximum of halving is nan"),
    ],
)
def test_refusals(make: Any, message: str) -> None:
    with pytest.raises(SearchError, match=message):
        make()


def test_a_full_pool_refuses_more() -> None:
    pool = ProcessPool(1)
    future = pool.submit(time.sleep, 60)
    with pytest.raises(RuntimeError, match="every worker of the pool has a call already"):
        pool.submit(abs, 1)
    pool.end(future)
    assert future.exception(timeout=30) is not None
    assert pool.submit(abs, -3).result() == 3
    pool.shutdown()
