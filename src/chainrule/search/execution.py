"""Run what waits in a store of trials on an executor, until nothing is left to run."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any

from chainrule.search.errors import SearchError
from chainrule.search.evaluation import evaluate, time_limit_error
from chainrule.search.objective import Call, Objective
from chainrule.search.process_identity import ProcessIdentity, this_process
from chainrule.search.store import TrialStore
from chainrule.search.trial import Result, Trial

__all__ = ["run_trials"]

#: Seconds beyond the time limit that a worker has to end a trial itself before it is ended.
GRACE = 2.0
#: Seconds between looks at other processes' trials, and between signs of life.
LOOK, BEAT = 2.0, 5.0

Progress = Callable[[Sequence[Trial], Mapping[int, Result]], None]


@dataclass
class _Flight:
    """Trials that a worker has."""

    trials: list[Trial]
    deadline: float


def run_trials(
    store: TrialStore,
    objective: Objective,
    executor: Executor,
    *,
    slots: Callable[[], int],
    metric: str | None = None,
    time_limit: float | None = None,
    advance: Callable[[], int] | None = None,
    progress: Progress | None = None,
) -> None:
    """Claim trials, have them run, and record what came of them, until all are done or failed.

    Several processes may do this with one store. Each waits for trials that another one runs, and
    takes over those of one that died.

    Parameters
    ----------
    store : TrialStore
    objective : Objective
    executor : concurrent.futures.Executor
        If it has a method `end(future)`, that is used to end a call that takes too long.
    slots : callable
        How many calls the executor can run now.
    metric : str, optional
        Which returned number is the value.
    time_limit : float, optional
        Seconds for each trial.
    advance : callable, optional
        Adds trials to the store when none waits, and returns how many (successive halving).
    progress : callable, optional
        Called with trials and their results by id.

    Raises
    ------
    SearchError
        If the objective cannot be loaded, the executor fails, or the store cannot be used; trials
        that were not finished wait again.
    """
    size = objective.load().size
    owner = this_process()
    store.join(owner)
    flights: dict[Future[list[Result]], _Flight] = {}
    looked = time.monotonic()
    try:
        with _signs_of_life(store, owner):
            store.reclaim()
            while True:
                while len(flights) < max(slots(), 1):
                    trials = store.claim(owner, size)
                    if not trials:
                        break
                    _launch(executor, flights, objective, trials, metric, time_limit)
                if not flights:
                    if (advance is not None and advance()) or store.reclaim():
                        continue
                    counts = store.counts()
                    if not counts["waiting"] and not counts["running"]:
                        return
                    if not counts["waiting"]:
                        time.sleep(0.1)
                    continue
                results = _collect(executor, flights, time_limit)
                if results:
                    taken = {trial.id: result for trial, result in results}
                    store.record(owner, taken)
                    if progress is not None:
                        progress([trial for trial, _ in results], taken)
                if time.monotonic() - looked > LOOK:
                    store.reclaim()
                    looked = time.monotonic()
    except BaseException:
        # First the calls end, then others may have their trials.
        for future in flights:
            _end(executor, future)
        raise
    finally:
        with contextlib.suppress(SearchError):
            store.leave(owner)


def _launch(
    executor: Executor,
    flights: dict[Future[list[Result]], _Flight],
    objective: Objective,
    trials: list[Trial],
    metric: str | None,
    time_limit: float | None,
) -> None:
    calls = [
        Call(
            trial.parameters,
            trial.seed,
            _whole(trial.budget),
            f"{trial.configuration}-{trial.rung}",
        )
        for trial in trials
    ]
    try:
        future = executor.submit(evaluate, objective, calls, metric, time_limit)
    except SearchError:
        raise
    except Exception as error:
        raise _broken(error) from error
    limit = float("inf") if time_limit is None else time_limit * len(trials) + GRACE
    flights[future] = _Flight(trials, time.monotonic() + limit)


def _collect(
    executor: Executor, flights: dict[Future[list[Result]], _Flight], time_limit: float | None
) -> list[tuple[Trial, Result]]:
    """Return the results of calls that are over, at the latest after a second."""
    now = time.monotonic()
    nearest = min(flight.deadline for flight in flights.values())
    wait(flights, min(max(nearest - now, 0.0), 1.0), FIRST_COMPLETED)
    now = time.monotonic()
    found: list[tuple[Trial, Result]] = []
    for future, flight in list(flights.items()):
        if not future.done():
            if now < flight.deadline:
                continue
            assert time_limit is not None
            _end(executor, future)
            error = time_limit_error(time_limit)
            results = [Result(None, {}, error, time_limit)] * len(flight.trials)
        else:
            results = _results(future, flight)
        del flights[future]
        found += zip(flight.trials, results, strict=True)
    return found


def _results(future: Future[list[Result]], flight: _Flight) -> list[Result]:
    try:
        return future.result()
    except SearchError:
        raise
    except BrokenProcessPool:
        error = "The process that ran it died: it ended itself, crashed, or was killed."
    except BaseException as problem:
        # Dask gives a task up when several workers in a row died while they ran it.
        if type(problem).__name__ != "KilledWorker":
            raise _broken(problem) from problem
        error = "Several workers died while they ran it."
    return [Result(None, {}, error, 0.0)] * len(flight.trials)


def _end(executor: Executor, future: Future[Any]) -> None:
    end = getattr(executor, "end", None)
    if end is not None:
        end(future)
    else:
        future.cancel()


def _broken(error: BaseException) -> SearchError:
    reason = str(error).rstrip(".")
    return SearchError(
        f"Trials cannot be run: {type(error).__name__}: {reason}. Unfinished ones wait again; run "
        "the same command when the workers can be reached."
    )


def _whole(budget: float | None) -> float | None:
    """Return a whole budget as an int, for those who count epochs with it."""
    return int(budget) if budget is not None and budget == int(budget) else budget


@contextlib.contextmanager
def _signs_of_life(store: TrialStore, owner: ProcessIdentity) -> Iterator[None]:
    """Show other processes, for as long as the context is open, that this one lives."""
    over = threading.Event()

    def beat() -> None:
        with TrialStore(store.path) as own:
            while not over.wait(BEAT):
                # A store that is locked now is tried again; the trials' own writes report it.
                with contextlib.suppress(SearchError):
                    own.beat(owner)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
