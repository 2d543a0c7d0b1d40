"""``chainrule report``: the pages of past runs, and an index over them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chainrule.commands.outcome import OK, WRONG, UsageError
from chainrule.commands.output import AsJson, print_json

if TYPE_CHECKING:
    from chainrule.reporting.index import RunSummary

#: Where runs go, and are looked for, unless another folder is named.
RUNS = Path("runs")


def report(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(help="Run directories, or folders of them; runs/ if not given."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The index page; index.html beside the runs."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Build the pages of past runs again, and an index page over them.

    \b
    chainrule report
    chainrule report runs/digits-3-vs-9-quick-embedded runs/narrow -o digits.html
    """
    from chainrule.reporting.index import INDEX, find_runs, rebuild_page, write_index

    paths = [path for folder in runs or [RUNS] for path in find_runs(folder)]
    paths = list(dict.fromkeys(paths))
    if not paths:
        folders = ", ".join(str(folder) for folder in runs or [RUNS])
        raise UsageError(f"There are no runs in {folders}. `chainrule run --all` makes some.")
    summaries, damaged = read_runs(paths, rebuild_page)
    if output is None:
        output = Path(os.path.commonpath([path.absolute().parent for path in paths])) / INDEX
        output = Path(os.path.relpath(output))
    write_index(summaries, output)
    states = [_state(summary) for summary in summaries]
    states += [{"path": str(path), "state": "damaged"} for path in damaged]
    if as_json:
        print_json({"index": str(output), "runs": states})
    else:
        for state in states:
            print(f"{state['path']}: {state['state']}")
        print(output)
    return WRONG if damaged else OK


def read_runs(
    paths: Sequence[Path], visit: Callable[[RunSummary], Any] | None = None
) -> tuple[list[RunSummary], list[Path]]:
    """Return what run directories hold, visited, and those that are damaged, each with a note."""
    from chainrule.reporting.files import RunDirectoryError
    from chainrule.reporting.index import read_run

    summaries, damaged = [], []
    for path in paths:
        try:
            summary = read_run(path)
            if visit is not None and summary.result is not None:
                visit(summary)
        except RunDirectoryError as error:
            print(f"chainrule: {error}", file=sys.stderr)
            damaged.append(path)
        else:
            summaries.append(summary)
    return summaries, damaged


def _state(run: RunSummary) -> dict[str, Any]:
    """Return a run of the index as JSON."""
    return {
        "path": str(run.path),
        "state": "unfinished" if run.result is None else "finished",
        "experiment": run.config["experiment"],
        "preset": run.config["preset"],
        "data": run.config["data"],
        "report": run.result["report"] if run.result else None,
    }
