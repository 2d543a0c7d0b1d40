"""A check's report as HTML that survives an untrusted notebook: tables, no scripts, no styles."""

from __future__ import annotations

import re
from html import escape
from typing import Any

import numpy as np

from chainrule.checking.findings import findings
from chainrule.checking.report import Report
from chainrule.checking.report_text import HEADLINES, said_of_line

#: What a sentence puts between backticks.
_QUOTED = re.compile(r"`([^`]*)`")
_SIDE = 4
_MARKS = {"ok": "✓", "wrong": "✗", "inconclusive": "?", "error": "!"}
_RED = "light-dark(#b3261e, #f4a199)"
_TINTS = {
    "ok": "light-dark(#23703a, #86d3aa)", "wrong": _RED,
    "inconclusive": "light-dark(#755c00, #e2c67e)", "error": _RED,
}  # fmt: skip
_CELL = 'style="text-align:left;padding:2px 10px"'


def report_html(report: Report) -> str:
    """The report as an HTML fragment."""
    verdict, _, sentence = HEADLINES[report.verdict].partition(":")
    subject = f"{escape(report.subject)}: " if report.subject else ""
    parts = [
        f'<div><p>{subject}<b style="color:{_TINTS[report.verdict]}">{_MARKS[report.verdict]} '
        f"{verdict}</b>:{sentence}</p>"
    ]
    if report.message:
        parts.append(f"<p>{escape(report.message)}</p>")
    if report.gradients:
        rows = "".join(
            f"<tr><td {_CELL}><code>{escape(each.name)}</code></td>"
            f'<td {_CELL}><span style="color:{_TINTS[each.verdict]}">{_MARKS[each.verdict]} '
            f"{each.verdict}{' (inherited)' if each.inherited else ''}</span></td>"
            f"<td {_CELL}>{each.relative_error:.1e}</td>"
            f"<td {_CELL}>{' '.join(dict.fromkeys(cause.code for cause in each.causes))}</td></tr>"
            f"{_note(each.note)}"
            for each in report.gradients.values()
        )
        titles = "".join(
            f"<th {_CELL}>{title}</th>"
            for title in ("gradient", "verdict", "relative error", "causes")
        )
        parts.append(f"<table><thead><tr>{titles}</tr></thead><tbody>{rows}</tbody></table>")
    for finding in findings(report):
        shown = ", ".join(f"<code>{escape(name)}</code>" for name in finding.names)
        parts.append(f"<p><b>{escape(finding.title)}</b> ({shown}): {escape(finding.evidence)}</p>")
    parts += _first_wrong(report)
    parts += _side_by_side(report)
    parts += _picture(report)
    for title, items in (
        ("notes", report.notes),
        ("what this check could not have seen", report.blind_spots),
        ("right, though it looks different", report.shortcuts),
    ):
        if items:
            listed = "".join(f"<li>{escape(item)}</li>" for item in items)
            parts.append(f"<details><summary>{title}</summary><ul>{listed}</ul></details>")
    if report.trusted:
        parts.append(f"<p>true gradient: {escape(report.trusted)}</p>")
    if report.codes:
        command = f"chainrule explain {report.codes[0]}"
        parts.append(f"<p>more about a code: <code>{command}</code></p>")
    return "".join(parts) + "</div>"


def _note(note: str) -> str:
    """What is said of one gradient, as a row below its own."""
    return f"<tr><td></td><td colspan=3 {_CELL}>{escape(note)}</td></tr>" if note else ""


def _first_wrong(report: Report) -> list[str]:
    """The line where it begins, what it should be, and which lines only inherit it."""
    where = report.first_wrong
    if where is None:
        return []
    said = [f"<b>first wrong line</b> {where.line}: <code>{escape(where.text.strip())}</code>"]
    said += [_QUOTED.sub(r"<code>\1</code>", escape(each)) for each in said_of_line(report)]
    return [f"<p>{'<br>'.join(said)}</p>"]


def _side_by_side(report: Report) -> list[str]:
    """The claimed and the true numbers of every wrong gradient."""
    parts = []
    for name, each in report.gradients.items():
        if each.verdict == "ok" or name not in report.claimed:
            continue
        claimed, true = report.claimed[name], report.true[name]
        cells = "".join(
            f'<td style="text-align:left;vertical-align:top;padding:2px 16px 2px 0">{title}'
            f"<pre>{escape(_shown(values))}</pre></td>"
            for title, values in (("claimed", claimed), ("true", true))
        )
        parts.append(
            f"<details><summary>{escape(name)}, claimed and true</summary>"
            f"<table><tr>{cells}</tr></table></details>"
        )
    return parts


def _shown(values: Any) -> str:
    """A small array in full, of a large one the first entries."""
    array = np.asarray(values, dtype=float)
    corner = array[tuple(slice(_SIDE) for _ in range(array.ndim))] if array.ndim else array
    text = np.array2string(corner, precision=4, suppress_small=False, max_line_width=70)
    return text if corner.shape == array.shape else f"{text}\nfirst entries of {array.shape}"


def _picture(report: Report) -> list[str]:
    """The loss as a graph, claimed gradients beside the true ones."""
    drawn = report.picture() if report.verdict != "ok" else None
    if drawn is None:
        return []
    return [f"<p>{drawn._repr_html_()}</p>"]
