"""``chainrule search``: run the search that a TOML file describes, and say what it found."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from chainrule.commands.output import AsJson, print_json, write_text

OK, NOTHING_FOUND = 0, 1


def search(
    specification: Annotated[Path, typer.Argument(metavar="SPEC.toml", help="The search.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder of the search; runs/search-SPEC if not given."),
    ] = None,
    executor: Annotated[
        str | None, typer.Option(help="processes, threads or inline; the file's if not given.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="How many; one for each core.")] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="tcp://HOST:PORT", help="Run on a dask cluster.")
    ] = None,
    time_limit: Annotated[float | None, typer.Option(help="Seconds for each trial.")] = None,
    retry: Annotated[bool, typer.Option("--retry", help="Run failed trials again.")] = False,
    plan_only: Annotated[bool, typer.Option("--plan", help="Only say what would be run.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Throw finished trials away.")] = False,
    export: Annotated[Path | None, typer.Option(help="Also write all trials as CSV.")] = None,
    as_json: AsJson = False,
) -> int:
    """Search for the best settings, and certify what was covered.

    The same command continues an interrupted search, joins one that is running, and shows a
    finished one without running anything. Exit status 1: no trial has a value.

    \b
    chainrule search tune.toml
    chainrule search tune.toml --plan
    chainrule search tune.toml --retry --time-limit 60
    chainrule search tune.toml --scheduler tcp://127.0.0.1:8786
    chainrule search tune.toml --export trials.csv --json

    \b
    [objective]
    function = "train.py:loss"     # called with one value for each axis; returns a number
    [space]
    learning_rate = { low = 1e-4, high = 1e-1, scale = "log" }
    width = { low = 4, high = 64 }
    activation = ["tanh", "relu"]
    [search]
    strategy = "cover"             # grid, random, sobol, latin-hypercube
    epsilon = 0.1                  # or budget = 60
    """
    from chainrule.reporting.terminal import Terminal
    from chainrule.search.coverage import covering_radius
    from chainrule.search.report import csv_text, summary, write_report
    from chainrule.search.specification import read_specification
    from chainrule.search.statements import plan_statements

    os.environ.setdefault("MPLBACKEND", "Agg")
    folder = output or Path("runs") / f"search-{specification.stem}"
    wanted = read_specification(
        specification, folder, executor=executor, workers=workers, scheduler=scheduler,
        time_limit=time_limit,
    )  # fmt: skip
    made, terminal = wanted.search, Terminal()
    planned = covering_radius(made.space, made.plan.configurations, made.plan.epsilon)
    sentences = plan_statements(made.space, made.plan, planned)
    if plan_only:
        if as_json:
            print_json({"trials": len(made.plan.configurations), "statements": sentences})
        else:
            print("\n".join(sentences))
        return OK
    for sentence in sentences:
        terminal.note(sentence)
    if fresh:
        made.remove()
    with _one_sentence_of_errors(folder):
        outcome = made.run(wanted.execution, retry=retry, terminal=terminal)
        if not outcome.computed:
            terminal.note(f"{folder} holds this search, finished; nothing was run.")
        coverage = outcome.coverage()
        command = ["chainrule", "search", str(specification)]
        command += ["--output", str(output)] if output else []
        report = write_report(outcome, coverage, planned, folder, command)
        if export is not None:
            write_text(export, csv_text(outcome))
    found = {**summary(outcome, coverage), "report": str(report)}
    if as_json:
        print_json(found)
    else:
        _print(found)
    return OK if found["best"] else NOTHING_FOUND


def _print(found: dict[str, Any]) -> None:
    """Print the best trial, what failed, what is covered, and where the page is."""
    best, trials = found["best"], found["trials"]
    if best is not None:
        print(f"best {found['metric']} {best['value']:.6g}")
        for name, value in best["parameters"].items():
            print(f"  {name} = {value:.6g}" if isinstance(value, float) else f"  {name} = {value}")
    print(f"{trials['done']} done, {trials['failed']} failed")
    print(found["coverage"]["statement"])
    print(found["report"])


@contextlib.contextmanager
def _one_sentence_of_errors(folder: Path) -> Iterator[None]:
    """Name the folder where the disk refuses something that is not the store."""
    from chainrule.search.errors import SearchError

    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SearchError(f"Cannot write in {folder}: {reason}.") from error
