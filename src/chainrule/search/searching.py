"""A whole search: its plan, running what is left of it, what came out, how much is covered."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chainrule.experiments.pools import InlineExecutor, ProcessPool, usable_cores
from chainrule.reporting.terminal import Terminal
from chainrule.search.coverage import Coverage, covering_radius
from chainrule.search.errors import SearchError
from chainrule.search.execution import run_trials
from chainrule.search.halving import Halving, ranked
from chainrule.search.objective import Loaded, Objective
from chainrule.search.space import Space
from chainrule.search.sqlite_file import files_of
from chainrule.search.store import TrialStore
from chainrule.search.strategies import Plan
from chainrule.search.trial import Result, Trial

__all__ = ["EXECUTORS", "GOALS", "Execution", "Outcome", "Search"]

EXECUTORS = ("processes", "threads", "inline")
GOALS = ("minimise", "maximise")


@dataclass(frozen=True)
class Execution:
    """How trials are run; it may change from one start of a search to the next.

    Attributes
    ----------
    executor : {"processes", "threads", "inline"} or Executor
    workers : int, optional
        The cores that may be used, if not given.
    scheduler : str, optional
        Address of a dask scheduler, used instead of an executor.
    time_limit : float, optional
        Seconds for each trial; not with threads, which cannot be ended.
    """

    executor: Any = "processes"
    workers: int | None = None
    scheduler: str | None = None
    time_limit: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.executor, Executor) and self.executor not in EXECUTORS:
            raise SearchError(
                f"Unknown executor {self.executor!r}; choose {', '.join(EXECUTORS)}, or give a "
                "scheduler."
            )
        workers, limit = self.workers, self.time_limit
        if workers is not None and (type(workers) is not int or workers < 1):
            raise SearchError(f"workers is {workers!r}; expected a whole number of at least 1.")
        if limit is not None and (type(limit) not in (int, float) or not 0 < limit < 1e9):
            raise SearchError(f"The time limit is {limit!r}; expected seconds above 0.")
        if limit is not None and self.scheduler is None and self.executor == "threads":
            raise SearchError(
                "A time limit cannot be kept with threads, which cannot be ended; use processes."
            )

    @contextlib.contextmanager
    def open(self, objective: Objective) -> Iterator[tuple[Executor, Callable[[], int]]]:
        """Give the executor and how many calls it can run now, and end it afterwards.

        Parameters
        ----------
        objective : Objective

        Yields
        ------
        executor : concurrent.futures.Executor
        count : callable
            Returns how many calls can run now.
        """
        workers = self.workers or usable_cores()
        if self.scheduler is not None:
            from chainrule.search.cluster import connected

            with connected(self.scheduler) as (cluster, slots):
                yield cluster, slots
            return
        if isinstance(self.executor, Executor):
            # Whoever made it ends it.
            yield self.executor, lambda: workers
            return
        executor: Executor
        if self.executor == "inline":
            executor, workers = InlineExecutor(), 1
        elif self.executor == "threads":
            executor = ThreadPoolExecutor(workers)
        else:
            executor = ProcessPool(workers, objective.load)
        try:
            yield executor, lambda: workers
        except BaseException:
            executor.shutdown(wait=True, cancel_futures=True)
            raise
        executor.shutdown()


@dataclass(frozen=True)
class Outcome:
    """What a search has found so far.

    Attributes
    ----------
    search : Search
    trials : list of Trial
    computed : int
        Trials that this start of the search ran.
    """

    search: Search
    trials: list[Trial]
    computed: int

    @property
    def best(self) -> Trial | None:
        """The best trial, under successive halving of those with the largest budget."""
        done = [trial for trial in self.trials if trial.state == "done"]
        if not done:
            return None
        last = max(trial.rung for trial in done)
        top = [trial for trial in done if trial.rung == last]
        return ranked(top, self.search.maximise)[0]

    def count(self, state: str) -> int:
        """Return how many trials are in a state."""
        return sum(trial.state == state for trial in self.trials)

    def coverage(self) -> Coverage:
        """Return the certified covering radius of the configurations that have a value."""
        done = {trial.configuration: trial.parameters for trial in self.trials
                if trial.state == "done"}  # fmt: skip
        return covering_radius(self.search.space, list(done.values()), self.search.plan.epsilon)


@dataclass(frozen=True)
class Search:
    """A search: its objective, space and plan, and the store of its trials.

    Attributes
    ----------
    objective : Objective
    space : Space
    plan : Plan
    store : Path
        The file of the trials; its folder is made.
    metric : str, optional
        Which of the numbers that the objective returns is the value.
    goal : {"minimise", "maximise"}
    seed : int
        The trials' seeds follow from it.
    halving : Halving, optional
    """

    objective: Objective
    space: Space
    plan: Plan
    store: Path
    metric: str | None = None
    goal: str = "minimise"
    seed: int = 0
    halving: Halving | None = None

    def __post_init__(self) -> None:
        if self.goal not in GOALS:
            raise SearchError(f"The goal is {self.goal!r}; choose {' or '.join(GOALS)}.")

    @property
    def maximise(self) -> bool:
        """Whether larger values are better."""
        return self.goal == "maximise"

    @property
    def description(self) -> dict[str, Any]:
        """What makes this search this one and no other."""
        plan = json.dumps(self.plan.configurations)
        return {
            "objective": [self.objective.kind, self.objective.title,
                          [list(each) for each in self.objective.settings if each[0] != "output"]],
            "metric": self.metric,
            "goal": self.goal,
            "space": self.space.describe(),
            "strategy": self.plan.strategy,
            "trials": hashlib.sha256(plan.encode()).hexdigest(),
            "seed": self.seed,
            "halving": None if self.halving is None else self.halving.budgets,
        }  # fmt: skip

    def run(
        self,
        execution: Execution | None = None,
        *,
        retry: bool = False,
        terminal: Terminal | None = None,
    ) -> Outcome:
        """Run what is left of the search.

        Parameters
        ----------
        execution : Execution, optional
            How; in processes, one for each core, if not given.
        retry : bool
            Run failed trials again.
        terminal : Terminal, optional
            Where progress is shown; nowhere if not given.

        Returns
        -------
        Outcome

        Raises
        ------
        SearchError
            If the objective, store, executor or scheduler cannot be used. Finished trials are kept.
        """
        execution = execution or Execution()
        loaded = self.objective.load()
        computed = 0
        with TrialStore.create(self.store, self.description, self._rows(loaded)) as store:
            if retry:
                store.retry_failed()
            before = store.counts()
            advance = self._advance(store)
            if before["waiting"] or before["running"] or (advance is not None and advance()):
                computed = self._run(store, execution, advance, terminal or Terminal(quiet=True))
            return Outcome(self, store.trials(), computed)

    def remove(self) -> None:
        """Throw the store away, unless a living process runs its trials.

        Raises
        ------
        SearchError
            If one does, or the file is not a store.
        """
        if not self.store.exists():
            return
        with TrialStore(self.store) as store:
            store.reclaim()
            if store.counts()["running"]:
                raise SearchError(
                    f"Another process runs trials of {self.store}; end it before you start over."
                )
        for path in files_of(self.store):
            path.unlink(missing_ok=True)

    def read(self) -> Outcome:
        """Return what the store holds, without running anything."""
        with TrialStore(self.store) as store:
            return Outcome(self, store.trials(), 0)

    def _run(
        self,
        store: TrialStore,
        execution: Execution,
        advance: Callable[[], int] | None,
        terminal: Terminal,
    ) -> int:
        """Run what waits, and return how many trials this process ran."""
        computed = 0
        total = len(self.plan.configurations)
        if self.halving is not None:
            total = sum(self.halving.sizes(total))
        counts = store.counts()
        best = ranked(store.trials(state="done"), self.maximise)[:1]
        values = [trial.value for trial in best if trial.value is not None]
        shown = values[0] if values else None
        failed = counts["failed"]
        with terminal.progress(self.objective.title, total) as bar:

            def progress(trials: Sequence[Trial], results: Mapping[int, Result]) -> None:
                nonlocal shown, failed, computed
                computed += len(trials)
                found = [result.value for result in results.values() if result.value is not None]
                failed += len(results) - len(found)
                choose = max if self.maximise else min
                shown = choose([*found, *([] if shown is None else [shown])], default=None)
                notes: dict[str, Any] = {} if shown is None else {"best": shown}
                bar.advance(len(trials), **notes, **({"failed": failed} if failed else {}))

            bar.advance(counts["done"] + counts["failed"])
            with (
                execution.open(self.objective) as (executor, slots),
                # What an objective prints is not the result of the command.
                contextlib.redirect_stdout(sys.stderr),
            ):
                run_trials(
                    store, self.objective, executor, slots=slots, metric=self.metric,
                    time_limit=execution.time_limit, advance=advance, progress=progress,
                )  # fmt: skip
        return computed

    def _advance(self, store: TrialStore) -> Callable[[], int] | None:
        halving = self.halving
        return None if halving is None else lambda: halving.promote(store, self.maximise)

    def _rows(self, loaded: Loaded) -> Iterator[dict[str, Any]]:
        """Give the first trial of every configuration."""
        import numpy as np

        count = len(self.plan.configurations)
        seeds = np.random.SeedSequence(self.seed).generate_state(count).tolist()
        for number, configuration in enumerate(self.plan.configurations):
            yield {
                "configuration": number,
                "rung": 0,
                "budget": None if self.halving is None else self.halving.budgets[0],
                "parameters": configuration,
                "seed": seeds[number],
                "shape": _shape(configuration, loaded),
            }


def _shape(configuration: Mapping[str, Any], loaded: Loaded) -> str:
    """Return what trials of one batch have in common."""
    values = [configuration[name] for name in loaded.same if name in configuration]
    return json.dumps(values) if values else ""
