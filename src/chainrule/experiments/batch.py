"""Every experiment in one folder, whatever happens to one of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from chainrule.experiments import registry
from chainrule.experiments.experiment import Experiment
from chainrule.experiments.runner import Outcome, default_directory, run_experiment
from chainrule.reporting.files import FullDiskError
from chainrule.reporting.terminal import Terminal


@dataclass(frozen=True)
class Attempt:
    """What became of one experiment: an outcome, an error, or extras that are not installed."""

    name: str
    outcome: Outcome | None = None
    error: Exception | None = None
    missing: tuple[str, ...] = ()


def run_every_experiment(
    folder: Path,
    *,
    preset: str,
    data: str,
    data_directory: Path | None,
    seed: int,
    fresh: bool,
    terminal: Terminal,
) -> Iterator[Attempt]:
    """Run all registered experiments, each in its own run directory in `folder`.

    An experiment without real data runs on its embedded data; one whose extras are not installed
    is not run. A full disk ends the batch. The arguments are those of `run_experiment`.

    Yields
    ------
    Attempt
        One per experiment, as each ends.
    """
    names = registry.names()
    with terminal.overview("experiments", len(names)) as overview:
        for name in names:
            overview.advance(0, now=name)
            try:
                experiment = registry.get(name)
                missing = registry.missing_extras(experiment)
                if missing:
                    yield Attempt(name, missing=tuple(missing))
                    continue
                kind = _available(experiment, data, terminal)
                if not terminal.live:
                    terminal.note(f"{name}: {preset} preset, {kind} data")
                outcome = run_experiment(
                    experiment,
                    preset=preset,
                    data=kind,
                    data_directory=data_directory,
                    seed=seed,
                    output=folder / default_directory(experiment, preset, kind).name,
                    fresh=fresh,
                    terminal=terminal,
                )
            except Exception as error:
                yield Attempt(name, error=error)
                if isinstance(error, FullDiskError):
                    return
            else:
                yield Attempt(name, outcome)
            finally:
                overview.advance()


def _available(experiment: Experiment, data: str, terminal: Terminal) -> str:
    """Return the kind of data to use, with a note where it is not the one asked for."""
    if data != "real" or "real" in experiment.data:
        return data
    terminal.note(f"{experiment.name}: it has no real data; its embedded data are used.")
    return "embedded"
