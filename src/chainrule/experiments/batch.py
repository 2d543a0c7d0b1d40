"""Every experiment in one folder, one after another or several at a time."""

from __future__ import annotations

import io
import pickle
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chainrule.experiments import registry
from chainrule.experiments.experiment import Experiment, ExperimentError
from chainrule.experiments.pools import InlineExecutor, ProcessPool
from chainrule.experiments.runner import Outcome, default_directory, run_experiment
from chainrule.reporting.files import FullDiskError, RunDirectoryError
from chainrule.reporting.run_directory import RunDirectory
from chainrule.reporting.terminal import Terminal


@dataclass(frozen=True)
class Attempt:
    """What became of one experiment: an outcome, an error, or extras that are not installed.

    `notes` are what a process without a terminal had to say on the way.
    """

    name: str
    outcome: Outcome | None = None
    error: Exception | None = None
    missing: tuple[str, ...] = ()
    notes: str = ""


def run_every_experiment(
    folder: Path,
    *,
    preset: str,
    data: str,
    data_directory: Path | None,
    seed: int,
    fresh: bool,
    terminal: Terminal,
    jobs: int = 1,
) -> Iterator[Attempt]:
    """Run all registered experiments, each in its own run directory in `folder`.

    An experiment without real data runs on its embedded data; one whose extras are not installed
    is not run. A full disk ends the batch. The other arguments are those of `run_experiment`.

    Parameters
    ----------
    jobs : int
        How many at a time, each in a process of its own with one thread; one alone runs here,
        with bars of its own.

    Yields
    ------
    Attempt
        One per experiment, as each ends.
    """
    names = registry.names()
    given: dict[str, Any] = {
        "folder": folder, "preset": preset, "data": data, "data_directory": data_directory,
        "seed": seed, "fresh": fresh, "announced": not terminal.live,
    }  # fmt: skip

    waiting, running = deque(names), dict[Future[Attempt], str]()
    try:
        with (
            _executor(min(jobs, len(names))) as executor,
            terminal.overview("experiments", len(names)) as overview,
        ):
            shown = terminal if isinstance(executor, InlineExecutor) else None
            while waiting or running:
                while waiting and len(running) < jobs:
                    name = waiting.popleft()
                    overview.advance(0, now=", ".join([*running.values(), name]))
                    known = registry.known_to_all(name)
                    running[executor.submit(_attempt, name, known, shown, **given)] = name
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    attempt = _result(future, running.pop(future))
                    overview.advance(now=", ".join(running.values()))
                    for note in attempt.notes.splitlines():
                        terminal.note(note)
                    yield attempt
                    if isinstance(attempt.error, FullDiskError):
                        return
    finally:
        _remove_partial_files(folder, running.values())


def _remove_partial_files(folder: Path, names: Iterable[str]) -> None:
    """Remove what experiments were writing whose processes were ended."""
    for name in names:
        for path in folder.glob(f"{name}-*/"):
            directory = RunDirectory(path)
            # Another process may run there.
            with suppress(RunDirectoryError), directory.held():
                directory.remove_partial_files()


@contextmanager
def _executor(jobs: int) -> Iterator[Executor]:
    """Give what runs so many at a time; what still runs when this ends is ended too."""
    if jobs <= 1:
        yield InlineExecutor()
        return
    pool = ProcessPool(jobs)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _attempt(
    name: str,
    experiment: Experiment | str,
    terminal: Terminal | None,
    *,
    folder: Path,
    data: str,
    preset: str,
    announced: bool,
    **options: Any,
) -> Attempt:
    """Run one experiment and say what became of it; without a terminal, notes are kept."""
    notes = io.StringIO()
    shown = terminal or Terminal(notes)
    try:
        if isinstance(experiment, str):
            experiment = registry.get(experiment)
        missing = registry.missing_extras(experiment)
        if missing:
            return Attempt(name, missing=tuple(missing))
        kind = _available(experiment, data, shown)
        if announced:
            shown.note(f"{name}: {preset} preset, {kind} data")
        output = folder / default_directory(experiment, preset, kind).name
        outcome = run_experiment(
            experiment, preset=preset, data=kind, output=output, terminal=shown, **options
        )
    except Exception as error:
        kept = error if terminal else _portable(error)
        return Attempt(name, error=kept, notes=notes.getvalue())
    return Attempt(name, outcome, notes=notes.getvalue())


def _available(experiment: Experiment, data: str, terminal: Terminal) -> str:
    """Return the kind of data to use, with a note where it is not the one asked for."""
    if data != "real" or "real" in experiment.data:
        return data
    terminal.note(f"{experiment.name}: it has no real data; its embedded data are used.")
    return "embedded"


def _result(future: Future[Attempt], name: str) -> Attempt:
    """Return what became of an experiment, also where its process died."""
    try:
        return future.result()
    except BrokenExecutor:
        return Attempt(
            name,
            error=ExperimentError(
                "The process that ran it died: it crashed, or was killed. What it had finished is "
                "kept; run the same command to resume."
            ),
        )


def _portable(error: Exception) -> Exception:
    """Return an error as another process can read it."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
