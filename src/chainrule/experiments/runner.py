"""Run an experiment in its directory: start, continue or hand back what is already finished."""

from __future__ import annotations

import contextlib
import shlex
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chainrule.engine.wording import counted
from chainrule.experiments import registry, sources
from chainrule.experiments.experiment import DATA_KINDS, Experiment, ExperimentError, written
from chainrule.experiments.run import Run
from chainrule.reporting.files import finite, plain, sealed, write_json, write_text
from chainrule.reporting.run_directory import CLAIMS, PAGE, REPORT, RESULT, RunDirectory
from chainrule.reporting.terminal import Terminal


@dataclass(frozen=True)
class Outcome:
    """What a run gave.

    Attributes
    ----------
    result : dict
        What the command line prints as JSON.
    directory : Path
    reused : bool
        Whether the run was finished before and nothing was computed.
    """

    result: dict[str, Any]
    directory: Path
    reused: bool


def default_directory(experiment: Experiment, preset: str, data: str) -> Path:
    """Return the folder of a run that is not given one, under the current directory."""
    return Path("runs") / f"{experiment.name}-{preset}-{data}"


def run_experiment(
    experiment: Experiment | str,
    *,
    preset: str = "quick",
    data: str = "embedded",
    data_directory: Path | None = None,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    output: Path | None = None,
    fresh: bool = False,
    terminal: Terminal | None = None,
) -> Outcome:
    """Run an experiment, or what is left of it, and write its directory.

    Parameters
    ----------
    experiment : Experiment or str
        An experiment or a name in the registry.
    preset : {"quick", "full"}
    data : {"embedded", "real"}
    data_directory : Path, optional
        Where real data lies.
    seed : int
        Not negative.
    settings : mapping, optional
        Parameter values that override the preset.
    output : Path, optional
        The run directory, `default_directory` if not given.
    fresh : bool
        Remove what an earlier run left there.
    terminal : Terminal, optional
        Where notes and progress go; nowhere if not given.

    Returns
    -------
    Outcome

    Raises
    ------
    ExperimentError
        If the experiment, a parameter, the data or an extra does not exist.
    RunDirectoryError
        If the folder is in use, holds something else, or cannot be written.
    """
    from chainrule.reporting.index import read_run, rebuild_page

    if isinstance(experiment, str):
        experiment = registry.get(experiment)
    terminal = terminal or Terminal(quiet=True)
    parameters = experiment.resolve(preset, settings or {})
    _check(experiment, data, seed)
    directory = RunDirectory(output or default_directory(experiment, preset, data))
    with directory.held():
        continued = directory.prepare(
            _config(experiment, preset, data, seed, parameters), fresh=fresh
        )
        finished = directory.result()
        if finished is not None:
            created = directory.config().get("created", "earlier")
            terminal.note(
                f"{directory.path} holds this run, finished (started {created}); nothing was "
                "computed. Use --fresh to run it again."
            )
            if not (directory.path / REPORT).exists():
                rebuild_page(read_run(directory.path))
            return Outcome(finished, directory.path, reused=True)
        if continued:
            steps = directory.finished_steps()
            found = f"{counted(steps, 'step')} {'is' if steps == 1 else 'are'} already finished"
            terminal.note(f"Continuing the run in {directory.path}: {found}.")
        run = Run(
            directory,
            parameters=parameters,
            preset=preset,
            data=data,
            data_directory=data_directory,
            seed=seed,
            terminal=terminal,
        )
        start = time.perf_counter()
        with contextlib.redirect_stdout(sys.stderr), _figures_in_house_style():
            experiment.run(run)
        seconds = run.kept_seconds + time.perf_counter() - start
        return Outcome(_finish(experiment, run, directory, seconds), directory.path, reused=False)


def _check(experiment: Experiment, data: str, seed: int) -> None:
    """Raise if the experiment cannot run on this data, with this seed, on this installation."""
    if data not in DATA_KINDS:
        raise ExperimentError(f"Unknown data {data!r}; choose embedded or real.")
    if data not in experiment.data:
        raise ExperimentError(
            f"Experiment {experiment.name!r} has no {data} data. Run it with --data embedded."
        )
    if seed < 0:
        raise ExperimentError(f"The seed cannot be {seed}: it is a whole number of at least 0.")
    missing = registry.missing_extras(experiment)
    if missing:
        raise ExperimentError(
            f"Experiment {experiment.name!r} needs what is not installed. Install it with "
            f"pip install 'chainrule[{','.join(missing)}]'."
        )


def _config(
    experiment: Experiment, preset: str, data: str, seed: int, parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what makes a run this run and no other."""
    import numpy as np

    from chainrule import __version__

    return {
        "package": __version__,
        "experiment": experiment.name,
        "preset": preset,
        "data": data,
        "seed": seed,
        "parameters": plain(parameters, "The configuration"),
        "numpy": np.__version__,
    }


def command(experiment: Experiment, run: Run) -> str:
    """Return the command line that gives this run's numbers again."""
    if experiment.command:
        words = shlex.split(experiment.command)
    else:
        words = ["chainrule", "run", experiment.name, "--preset", run.preset, "--data", run.data]
    words += ["--seed", str(run.seed)]
    preset = experiment.resolve(run.preset, {})
    for name, value in run.parameters.items():
        if value != preset[name]:
            if experiment.command:
                words += [f"--{name.replace('_', '-')}", written(value)]
            else:
                words += ["--set", f"{name}={written(value)}"]
    return shlex.join(words)


def _figures_in_house_style() -> contextlib.AbstractContextManager[Any]:
    """Return the context in which figures are drawn."""
    from chainrule.reporting.figures import house_style

    return house_style()


def _finish(
    experiment: Experiment, run: Run, directory: RunDirectory, seconds: float
) -> dict[str, Any]:
    """Write everything a finished run holds, `result.json` last, and return the result."""
    from chainrule.reporting.page import render_page

    config = directory.config()
    result = {
        "experiment": experiment.name,
        "preset": run.preset,
        "data": run.data,
        "claims": [claim.result() for claim in run.claims],
        "values": run.values,
        "figures": run.figures,
        "report": str(directory.path / REPORT),
        "seconds": round(seconds, 3),
    }
    page = {
        "title": experiment.title,
        "document": experiment.document,
        "document_title": sources.title_of(experiment.name, experiment.document),
        "question": experiment.question,
        "asks": sources.asked(experiment.name),
        "found": sources.found(experiment.name, run.claims),
        "source": sources.about(experiment.name, experiment.document, experiment.question),
        "summary": experiment.summary,
        "data": experiment.data[run.data],
        "command": command(experiment, run),
        "parameters": [
            {
                "name": parameter.name,
                "value": finite(plain(run.parameters[parameter.name], parameter.name)),
                "default": finite(plain(parameter.default, parameter.name)),
                "description": parameter.description,
            }
            for parameter in experiment.parameters
        ],
        "blocks": run.blocks,
    }
    directory.write_metrics(run.metrics)
    write_json(directory.path / CLAIMS, [claim.as_dict() for claim in run.claims])
    write_json(directory.path / PAGE, page)
    write_text(directory.path / REPORT, render_page(directory.path, config, page, result))
    write_json(directory.path / RESULT, sealed(result))
    return result
