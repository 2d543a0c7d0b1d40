"""``chainrule run``: one experiment or all of them, and what their claims came to."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chainrule.commands.outcome import OK, WRONG, UsageError, sentence
from chainrule.commands.output import AsJson, DataDirectory, one_of, print_json
from chainrule.commands.report import RUNS, read_runs
from chainrule.engine.wording import counted

if TYPE_CHECKING:
    from chainrule.experiments.experiment import Experiment


def experiment_names(incomplete: str) -> list[str]:
    """Return what the shell can complete an experiment's name to."""
    from chainrule.experiments import registry

    return [name for name in registry.names() if name.startswith(incomplete)]


def run(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(help="The experiment.", autocompletion=experiment_names)
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Run every experiment.")] = False,
    preset: Annotated[
        str, typer.Option(help="quick or full.", autocompletion=one_of("quick", "full"))
    ] = "quick",
    data: Annotated[
        str,
        typer.Option(help="embedded (offline) or real.", autocompletion=one_of("embedded", "real")),
    ] = "embedded",
    data_directory: DataDirectory = None,
    seed: Annotated[int, typer.Option(help="Seed of every random number.")] = 0,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Run directory; with --all, the folder of run directories."
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A parameter; lists with commas."),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start over in the folder.")] = False,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs", "-j", help="How many at a time, with --all; one for each core.", min=1
        ),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Run an experiment, or continue one that was interrupted.

    Results go to runs/EXPERIMENT-PRESET-DATA, or to --output. The same command continues an
    unfinished run, and shows a finished one without computing it again.

    \b
    chainrule run digits-3-vs-9
    chainrule run digits-3-vs-9 --data real --preset full
    chainrule run digits-3-vs-9 --set widths=4,8 --output runs/narrow
    chainrule run --all
    """
    from chainrule.experiments import registry
    from chainrule.experiments.torchrun_helpers import help_out, is_helper
    from chainrule.reporting.terminal import Terminal

    if is_helper():
        help_out(name)
        return OK
    # No window may open, whatever display there is.
    os.environ.setdefault("MPLBACKEND", "Agg")
    terminal = Terminal()
    if every is (name is not None):
        raise UsageError(
            "Name one experiment, or give --all for every one. `chainrule list` shows them."
        )
    if data_directory is not None and data != "real":
        terminal.note("The data are embedded; --data-dir is used only with --data real.")
    options: dict[str, Any] = {
        "preset": preset,
        "data": data,
        "data_directory": data_directory,
        "seed": seed,
        "fresh": fresh,
        "terminal": terminal,
    }
    if name is not None:
        if jobs is not None:
            raise UsageError("--jobs says how many experiments run at a time with --all.")
        experiment = registry.get(name)
        values = _settings(experiment, settings or [])
        return _run_one(experiment, output, as_json, {**options, "settings": values})
    if settings:
        raise UsageError("--set belongs to one experiment; name it instead of --all.")
    return _run_all(output or RUNS, as_json, context.obj["debug"], jobs, options)


def _run_one(
    experiment: Experiment, output: Path | None, as_json: bool, options: dict[str, Any]
) -> int:
    """Run one experiment and print its result."""
    from chainrule.experiments.runner import run_experiment
    from chainrule.reporting.claims import exit_status
    from chainrule.reporting.console import claim_rows, print_table

    result = run_experiment(experiment, output=output, **options).result
    if as_json:
        print_json(result)
    elif result["claims"]:
        print_table(
            ["claim", "measured", "expected", "outcome"],
            [row[1:] for row in claim_rows(experiment.name, result)],
            fixed=0,
        )
    if not as_json:
        print(result["report"])
    return exit_status(claim["holds"] for claim in result["claims"])


def _run_all(
    folder: Path, as_json: bool, debug: bool, jobs: int | None, options: dict[str, Any]
) -> int:
    """Run every experiment, print the table of claims, and last the path of the index page."""
    from chainrule.experiments import registry
    from chainrule.experiments.batch import run_every_experiment
    from chainrule.experiments.pools import usable_cores
    from chainrule.reporting.claims import exit_status
    from chainrule.reporting.console import claim_rows, print_table
    from chainrule.reporting.files import RunDirectoryError
    from chainrule.reporting.index import INDEX, find_runs, write_index

    # Where an error is to be shown with its traceback, it is met here.
    jobs = jobs or (1 if debug else usable_cores())
    attempts = {}
    for attempt in run_every_experiment(folder, jobs=jobs, **options):
        attempts[attempt.name] = attempt
        if attempt.outcome is not None:
            options["terminal"].note(f"{attempt.name}: {_in_short(attempt.outcome.result)}")
        elif attempt.error is not None:
            if debug:
                raise attempt.error
            options["terminal"].note(f"{attempt.name}: {sentence(attempt.error)}")
    results: list[dict[str, Any]] = []
    rows: list[list[str]] = []
    broken = False
    for name in (name for name in registry.names() if name in attempts):
        attempt = attempts[name]
        if attempt.outcome is not None:
            results.append(attempt.outcome.result)
            rows += claim_rows(name, attempt.outcome.result)
        elif attempt.error is not None:
            rows.append([name, sentence(attempt.error), "", "", "error"])
            broken = True
        else:
            cure = f"needs pip install 'chainrule[{','.join(attempt.missing)}]'"
            rows.append([name, cure, "", "", "not run"])
    index: Path | None = folder / INDEX
    try:
        if folder.is_dir():
            write_index(read_runs(find_runs(folder))[0], folder / INDEX)
    except RunDirectoryError as error:  # after which the results are all the more worth showing
        options["terminal"].note(f"chainrule: {error}")
        index, broken = None, True
    if as_json:
        print_json(results)
    else:
        print_table(["experiment", "claim", "measured", "expected", "outcome"], rows)
        # Once more below a table that is longer than a screen.
        for name, claim, measured, expected, outcome in rows:
            if outcome not in ("held", "not run"):
                figures = f" (measured {measured}, expected {expected})" if measured else ""
                options["terminal"].note(f"{outcome}: {name}: {claim}{figures}")
        claims = sum(len(result["claims"]) for result in results)
        held = sum(claim["holds"] is True for result in results for claim in result["claims"])
        of = counted(len(results), "experiment")
        over = "; the page over them:" if index else "."
        options["terminal"].note(f"{held} of {claims} claims of {of} held{over}")
        if index:
            print(index)
    outcomes = [claim["holds"] for result in results for claim in result["claims"]]
    return WRONG if broken else exit_status(outcomes)


def _in_short(result: dict[str, Any]) -> str:
    """Return what came of an experiment in a few words."""
    from chainrule.reporting.page import claims_summary

    summary = claims_summary([claim["holds"] for claim in result["claims"]])
    return f"{summary['sentence'].lower()}, {result['seconds']:.1f} s"


def _settings(experiment: Experiment, texts: Sequence[str]) -> dict[str, Any]:
    """Return the values that --set gives, by the types of the experiment's parameters."""
    values: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(
                f"--set takes NAME=VALUE and got {text!r}. `chainrule run {experiment.name} "
                "--set NAME=VALUE` sets one parameter; repeat it for more."
            )
        values[name.strip()] = experiment.parameter(name.strip()).parse(value)
    return values
