"""The index page over several runs, and what it says about each of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

from chainrule.reporting.files import RunDirectoryError, write_text
from chainrule.reporting.page import claims_summary, environment, picture, render_page
from chainrule.reporting.run_directory import CONFIG, FORMAT, REPORT, RunDirectory

INDEX = "index.html"
LARGEST_THUMBNAIL = 500_000


@dataclass(frozen=True)
class RunSummary:
    """One run as the index shows it.

    Attributes
    ----------
    path : Path
        The run directory.
    config : dict
        Its configuration.
    result, page : dict or None
        Its result and page content; None while the run is unfinished.
    steps : int
        How many steps are stored.
    """

    path: Path
    config: dict[str, Any]
    result: dict[str, Any] | None
    page: dict[str, Any] | None
    steps: int

    @property
    def outcomes(self) -> list[bool | None]:
        """Whether each claim held; empty while the run is unfinished."""
        return [claim["holds"] for claim in self.result["claims"]] if self.result else []


def find_runs(folder: Path) -> list[Path]:
    """Return the run directories in `folder`, or `folder` itself if it is one."""
    if (folder / CONFIG).exists():
        return [folder]
    return sorted(path.parent for path in folder.glob(f"*/{CONFIG}"))


def read_run(path: Path) -> RunSummary:
    """Return what a run directory holds.

    Raises
    ------
    RunDirectoryError
        If it is not a run directory, of another format version, or damaged.
    """
    directory = RunDirectory(path)
    config = directory.config()
    if config["format"] != FORMAT:
        raise RunDirectoryError(
            f"{path} was written in format version {config['format']}, and this version of "
            f"chainrule reads version {FORMAT}. Run it again with --fresh."
        )
    result, page = directory.result(), directory.page()
    if result is not None and page is not None and not _can_be_listed(page):
        raise RunDirectoryError(
            f"{path} is damaged: its page cannot be built (page.json names no title). Run it again "
            "with --fresh."
        )
    if result is not None and page is None:
        raise RunDirectoryError(
            f"{path} is damaged: its page.json cannot be read. Run it again with --fresh."
        )
    return RunSummary(path, config, result, page, directory.finished_steps())


def rebuild_page(run: RunSummary) -> Path:
    """Write the report page of a finished run again, from what its directory holds."""
    assert run.result is not None
    assert run.page is not None
    path = run.path / REPORT
    write_text(path, render_page(run.path, run.config, run.page, run.result))
    return path


def write_index(runs: Iterable[RunSummary], path: Path) -> None:
    """Write the index page over `runs` to `path`, linking to their pages.

    Raises
    ------
    RunDirectoryError
        If it cannot be written.
    """
    ordered = sorted(runs, key=_order)
    entries = [_entry(run, path.parent) for run in ordered]
    outcomes = [holds for run in ordered for holds in run.outcomes]
    groups = [
        {"title": title, "about": about, "entries": list(members)}
        for (title, about), members in groupby(entries, key=_group)
    ]
    template = environment().get_template("index.html")
    html = template.render(entries=entries, groups=groups, summary=claims_summary(outcomes))
    write_text(path, html)


def _can_be_listed(page: dict[str, Any]) -> bool:
    """Whether a page's content says what the index shows of it."""
    return all(isinstance(page.get(name), str) for name in ("title", "document", "question"))


def _order(run: RunSummary) -> tuple[Any, ...]:
    """Return the place of a run: by document and question, unfinished runs last."""
    page = run.page or {}
    return (
        run.result is None,
        page.get("document", ""),
        page.get("question", ""),
        run.config["experiment"],
        str(run.path),
    )


def _group(entry: Mapping[str, Any]) -> tuple[str, str]:
    """Return the heading that an entry stands under, and what is said below it."""
    run: RunSummary = entry["run"]
    if run.result is None or run.page is None:
        return "Unfinished", ""
    if not run.page["document"]:
        return "Other runs", ""
    return f"Document {run.page['document']}", str(run.page.get("document_title", ""))


def _entry(run: RunSummary, folder: Path) -> dict[str, Any]:
    """Return what the template shows of a run."""
    return {
        "run": run,
        "name": run.path.name,
        "link": quote(Path(os.path.relpath(run.path / REPORT, folder)).as_posix()),
        "summary": claims_summary(run.outcomes),
        "thumbnail": _thumbnail(run),
    }


def _thumbnail(run: RunSummary) -> dict[str, Any] | None:
    """Return the run's first figure, if there is one of reasonable size."""
    figures: Sequence[str] = run.result["figures"] if run.result else ()
    for name in figures:
        path = Path(name)
        if path.exists() and path.stat().st_size <= LARGEST_THUMBNAIL:
            return picture(path)
    return None
