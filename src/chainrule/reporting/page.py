"""The report page of a run: one file that holds its text, tables, figures and claims."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.reporting.claims import verdict
from chainrule.reporting.files import RunDirectoryError
from chainrule.reporting.numbers import shown, shown_beside, shown_column, shown_figures

if TYPE_CHECKING:
    from jinja2 import Environment

#: The least share of its own width at which a figure's lettering can still be read.
SMALLEST_SCALE = 0.52


def render_page(
    directory: Path, config: Mapping[str, Any], page: Mapping[str, Any], result: Mapping[str, Any]
) -> str:
    """Return the report page of a finished run as HTML.

    Parameters
    ----------
    directory : Path
        The run directory; figures are read from it.
    config, page, result : mapping
        The contents of `config.json`, `page.json` and `result.json`.

    Raises
    ------
    RunDirectoryError
        If a figure is missing or the content is not that of a page.
    """
    from jinja2 import UndefinedError

    try:
        return (
            environment()
            .get_template("page.html")
            .render(
                page=page,
                config=config,
                result=result,
                sections=_sections(directory, page["blocks"]),
                claims=[block for block in page["blocks"] if block["kind"] == "claim"],
                summary=claims_summary([claim["holds"] for claim in result["claims"]]),
            )
        )
    except (LookupError, TypeError, ValueError, AttributeError, UndefinedError) as error:
        raise RunDirectoryError(
            f"{directory} is damaged: its page cannot be built ({error!r}). Run it again with "
            "--fresh."
        ) from error


def claims_summary(outcomes: Sequence[bool | None]) -> dict[str, Any]:
    """Return the counts of claims by outcome, a sentence, and an outcome for all of them."""
    held, failed = outcomes.count(True), outcomes.count(False)
    undecided, total = outcomes.count(None), len(outcomes)
    noun = "claim" if total == 1 else "claims"
    if total == 0:
        sentence, overall = "No claims", None
    elif held == total:
        sentence, overall = (f"All {total} claims held" if total > 1 else "The claim held"), True
    elif failed:
        sentence, overall = f"{failed} of {total} {noun} did not hold", False
    else:
        sentence, overall = f"{undecided} of {total} {noun} not decided", None
    return {
        "held": held, "failed": failed, "undecided": undecided, "total": total,
        "sentence": sentence, "holds": overall,
    }  # fmt: skip


@cache
def environment() -> Environment:
    """Return the template environment; everything in it is escaped unless marked otherwise."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    from chainrule.reporting.markdown import to_html

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["markdown"] = lambda text: Markup(to_html(text))
    environment.filters["shown"] = shown
    environment.filters["figures"] = shown_figures
    environment.filters["beside"] = shown_beside
    environment.filters["place"] = place
    environment.filters["moment"] = moment
    environment.filters["duration"] = duration
    environment.filters["verdict"] = verdict
    environment.filters["columns"] = columns
    return environment


def columns(table: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the columns of a table: title, cells as text, and whether they are all numbers."""
    listed = []
    for index, title in enumerate(table["columns"]):
        cells = [row[index] for row in table["rows"]]
        numeric = any(_is_number(cell) for cell in cells) and all(
            _is_number(cell) or cell is None for cell in cells
        )
        listed.append({"title": title, "cells": shown_column(cells), "numeric": numeric})
    return listed


def place(claim: Mapping[str, Any], page: Mapping[str, Any] | None) -> str:
    """Return where a claim comes from, as far as the page does not say it for all of its claims.

    Examples
    --------
    >>> page = {"document": "001", "question": "§1"}
    >>> place({"source": "001 §1 (e)"}, page), place({"source": "001 §1"}, page)
    ('(e)', '')
    """
    source: str = claim.get("source") or ""
    if page is None:
        return source
    document = f"{page.get('document', '')} "
    rest = source.removeprefix(f"{document}{page.get('question', '')}")
    # "§1 (e)" is a part of "§1"; "§1.2" is not.
    return rest.strip() if rest[:1] in ("", " ") else source.removeprefix(document)


def duration(seconds: Any) -> str:
    """Return how long something took, to a tenth of a second or three digits."""
    return f"{shown(round(seconds, 1) if seconds < 1000 else round(seconds))} s"


def moment(iso: str) -> str:
    """Return a time in UTC, as `config.json` stores it, for a person."""
    return f"{iso[:16].replace('T', ' ')} UTC"


def picture(path: Path) -> dict[str, Any]:
    """Return an SVG file as the address of a picture, and what a page must know to show it.

    That is its width and smallest legible width in pixels, and whether it has colours of its own
    for dark pages.

    Raises
    ------
    RunDirectoryError
        If the file cannot be read.
    """
    try:
        svg = path.read_bytes()
    except OSError:
        raise RunDirectoryError(
            f"The figure {path} is missing. Run the experiment again with --fresh."
        ) from None
    # As a picture, unlike inline, SVG cannot run scripts or load anything.
    address = "data:image/svg+xml;base64," + base64.b64encode(svg).decode("ascii")
    text = svg.decode("utf-8", errors="replace")
    width = _natural_width(text)
    return {
        "address": address,
        "width": round(width),
        "least": round(SMALLEST_SCALE * width),
        "themed": "prefers-color-scheme" in text,
    }


def _sections(directory: Path, blocks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the blocks grouped by section, figures and tables numbered."""
    sections: list[dict[str, Any]] = [{"title": None, "anchor": "", "blocks": []}]
    numbers = {"figure": 0, "table": 0}
    for block in blocks:
        kind = block["kind"]
        if kind == "section":
            anchor = f"section-{len(sections)}"
            sections.append({"title": block["title"], "anchor": anchor, "blocks": []})
            continue
        block = dict(block)
        if kind in numbers:
            numbers[kind] += 1
            block["number"] = numbers[kind]
        if kind == "figure":
            block["picture"] = picture(directory / Path(block["file"]).name)
        sections[-1]["blocks"].append(block)
    return [section for section in sections if section["title"] or section["blocks"]]


def _is_number(cell: Any) -> bool:
    """Return whether a cell is a number, also one that JSON writes as a string."""
    if isinstance(cell, str):
        return cell in ("nan", "inf", "-inf")
    return isinstance(cell, (int, float)) and not isinstance(cell, bool)


def _natural_width(svg: str) -> float:
    """Return the width an SVG asks for, in CSS pixels."""
    tag = re.search(r"<svg\b[^>]*>", svg)
    text = tag.group(0) if tag else ""
    width = re.search(r"(?<![\w-])width\s*=\s*[\"']([\d.]+)(px|pt|in|cm|mm)?[\"']", text)
    if width:
        pixels = {"pt": 96 / 72, "in": 96.0, "cm": 96 / 2.54, "mm": 96 / 25.4}
        return float(width.group(1)) * pixels.get(width.group(2), 1.0)
    box = re.search(r"viewBox\s*=\s*[\"'][\d.\s-]*?([\d.]+)\s+[\d.]+[\"']", text)
    return float(box.group(1)) if box else 640.0
