"""The report page of a search, one file that holds everything, and its trials as CSV."""

from __future__ import annotations

import csv
import io
import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chainrule.engine.wording import counted
from chainrule.reporting.figures import house_style, to_svg
from chainrule.reporting.files import finite, write_text
from chainrule.reporting.page import environment, picture
from chainrule.search import figures
from chainrule.search.coverage import Coverage
from chainrule.search.halving import ranked
from chainrule.search.searching import Outcome
from chainrule.search.statements import coverage_statement, plan_statements
from chainrule.search.store import STATES

__all__ = ["REPORT", "csv_text", "summary", "write_report"]

REPORT = "report.html"
#: The page lists the best trials; all are in the store and in the CSV.
BEST = 20


def summary(outcome: Outcome, coverage: Coverage) -> dict[str, Any]:
    """Return what a search has found, as plain values for JSON.

    Parameters
    ----------
    outcome : Outcome
    coverage : Coverage
        Of the finished trials.
    """
    search, best = outcome.search, outcome.best
    return finite(
        {
            "objective": search.objective.title,
            "metric": _label(outcome),
            "goal": search.goal,
            "strategy": search.plan.strategy,
            "epsilon": search.plan.epsilon,
            "trials": {state: outcome.count(state) for state in STATES},
            "computed": outcome.computed,
            "best": best and {
                "value": best.value, "parameters": best.parameters, "metrics": dict(best.metrics),
                "configuration": best.configuration, "seed": best.seed, "budget": best.budget,
            },
            "coverage": {
                "radius": coverage.upper if coverage.exact else None,
                "lower": coverage.lower, "upper": coverage.upper, "exact": coverage.exact,
                "unit": coverage.unit, "hole": coverage.hole, "missing": coverage.missing,
                "statement": coverage_statement(search.space, coverage),
            },
            "store": str(search.store),
        }
    )  # fmt: skip


def csv_text(outcome: Outcome) -> str:
    """Return all trials as CSV, one row each, failed ones with their error."""
    names = outcome.search.space.names
    metrics = sorted({name for trial in outcome.trials for name in trial.metrics})
    columns = ["configuration", "rung", "budget", *names, "seed", "state", "value",
               *(f"metric_{name}" for name in metrics), "seconds", "attempts", "error"]  # fmt: skip
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for trial in outcome.trials:
        values = [trial.parameters[name] for name in names]
        row = [trial.configuration, trial.rung, trial.budget, *map(_cell, values), trial.seed,
               trial.state, trial.value, *(trial.metrics.get(name) for name in metrics),
               trial.seconds, trial.attempts, trial.error]  # fmt: skip
        writer.writerow(["" if each is None else each for each in row])
    return text.getvalue()


def write_report(
    outcome: Outcome, coverage: Coverage, planned: Coverage, folder: Path, command: list[str]
) -> Path:
    """Write the report page with its figures, and return its path.

    Parameters
    ----------
    outcome : Outcome
    coverage, planned : Coverage
        Of the finished trials, and of the whole plan.
    folder : Path
    command : list of str
        The words that continue or repeat the search.

    Raises
    ------
    RunDirectoryError
        If the folder cannot be written.
    """
    template = environment().from_string(
        (Path(__file__).parent / "report.html").read_text(encoding="utf-8")
    )
    search = outcome.search
    page = template.render(
        title=f"Search of {search.objective.title}",
        summary=summary(outcome, coverage),
        plan=plan_statements(search.space, search.plan, planned),
        statement=coverage_statement(search.space, coverage),
        sections=_numbered(_sections(outcome, coverage, folder)),
        command=shlex.join(command),
        seed=search.seed,
    )
    write_text(folder / REPORT, page)
    return folder / REPORT


def _sections(outcome: Outcome, coverage: Coverage, folder: Path) -> list[dict[str, Any]]:
    search, label = outcome.search, _label(outcome)
    best = outcome.best
    last = [trial for trial in outcome.trials if best is not None and trial.rung == best.rung]
    done = ranked(last, search.maximise)
    sections: list[dict[str, Any]] = []
    if done:
        names = search.space.names
        rows = [[trial.value, *(_cell(trial.parameters[name]) for name in names), trial.seconds]
                for trial in done[:BEST]]  # fmt: skip
        sections.append({"title": "Best trials", "anchor": "best", "blocks": [
            _table("best", f"The best {len(rows)} of {counted(len(done), 'finished trial')}"
                   + (f" with a budget of {best.budget:g}" if best and best.budget else ""),
                   [label, *names, "seconds"], rows)]})  # fmt: skip
        drawn = [
            ("parallel", "Parallel coordinates: the best trial is the thick line, the best "
             "tenth is in colour", "One line for each trial through its values on all axes.",
             lambda: figures.parallel_coordinates(search.space, done, search.maximise, label)),
            ("slices", f"{label} against each axis; the star is the best trial",
             "Scatter plots of the value against every axis by itself.",
             lambda: figures.slices(search.space, done, label)),
            ("progress", "Values in the order in which the trials were started",
             "The value of each trial and the best one until then.",
             lambda: figures.progress_figure(done, search.maximise, label)),
        ]  # fmt: skip
        blocks = [_drawn(folder, *each) for each in drawn]
        sections.append({"title": "Values", "anchor": "values", "blocks": blocks})
        finished = [trial for trial in outcome.trials if trial.state == "done"]
        with house_style():
            map_ = figures.holes(search.space, finished, coverage)
        if map_ is not None:
            title = "The trials on the first two axes, and the place farthest from all of them"
            block = _drawn(folder, "holes", title, "Scatter plot of the trials.", lambda: map_)
            sections.append({"title": "Coverage", "anchor": "holes", "blocks": [block]})
    failed = [trial for trial in outcome.trials if trial.state == "failed"]
    if failed:
        rows = [
            [trial.configuration, json.dumps(trial.parameters), trial.error] for trial in failed
        ]
        sections.append({"title": "Failed trials", "anchor": "failed", "blocks": [
            _table("failed", f"{counted(len(failed), 'trial')} failed; --retry runs them again",
                   ["trial", "values", "error"], rows[:BEST])]})  # fmt: skip
    axes = [[axis["name"], axis["type"], *_ends(axis)] for axis in search.space.describe()]
    block = _table("space", "The axes", ["axis", "type", "from", "to", "scale"], axes)
    sections.append({"title": "Space", "anchor": "space", "blocks": [block]})
    return sections


def _drawn(folder: Path, name: str, title: str, alternative: str, draw: Any) -> dict[str, Any]:
    """Draw a figure to a file beside the page, and return its block."""
    with house_style():
        svg = to_svg(draw(), name)
    path = folder / f"{name}.svg"
    write_text(path, svg)
    return {"kind": "figure", "id": name, "title": title, "alternative": alternative, "note": "",
            "table": None, "picture": picture(path)}  # fmt: skip


def _table(name: str, title: str, columns: list[str], rows: list[list[Any]]) -> dict[str, Any]:
    return {"kind": "table", "id": name, "title": title, "note": "", "columns": columns,
            "rows": rows}  # fmt: skip


def _numbered(sections: list[dict[str, Any]]) -> list[dict[str, Any]]:
    counts = {"figure": 0, "table": 0}
    for section in sections:
        for block in section["blocks"]:
            counts[block["kind"]] += 1
            block["number"] = counts[block["kind"]]
    return sections


def _label(outcome: Outcome) -> str:
    """Return the name of the value."""
    best = outcome.best
    if outcome.search.metric is not None:
        return outcome.search.metric
    return next(iter(best.metrics), "value") if best is not None else "value"


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, (list, tuple)) else value


def _ends(axis: Mapping[str, Any]) -> list[Any]:
    if axis["type"] == "categorical":
        return [", ".join(str(choice) for choice in axis["choices"]), None, None]
    return [axis["low"], axis["high"], axis["scale"]]
