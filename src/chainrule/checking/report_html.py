"""A check's report as HTML that survives an untrusted notebook: tables, no scripts, no styles."""

from __future__ import annotations

from html import escape

from chainrule.checking.report import Report
from chainrule.checking.report_text import findings

_MARKS = {"ok": "✓", "wrong": "✗", "inconclusive": "?", "error": "!"}
_TINTS = {"ok": "#2a7f3f", "wrong": "#b3261e", "inconclusive": "#8a6d00", "error": "#b3261e"}
_CELL = 'style="text-align:left;padding:2px 10px"'


def report_html(report: Report) -> str:
    """The report as an HTML fragment."""
    tint = _TINTS[report.verdict]
    head = f'<p><b style="color:{tint}">{_MARKS[report.verdict]} {report.verdict}</b>'
    parts = [f"<div>{head} {escape(report.subject)}</p>"]
    if report.message:
        parts.append(f"<p>{escape(report.message)}</p>")
    if report.gradients:
        rows = "".join(
            f"<tr><td {_CELL}><code>{escape(each.name)}</code></td>"
            f'<td {_CELL}><span style="color:{_TINTS[each.verdict]}">{_MARKS[each.verdict]} '
            f"{each.verdict}{' (inherited)' if each.inherited else ''}</span></td>"
            f"<td {_CELL}>{each.relative_error:.1e}</td>"
            f"<td {_CELL}>{' '.join(cause.code for cause in each.causes)}</td></tr>"
            for each in report.gradients.values()
        )
        titles = "".join(
            f"<th {_CELL}>{title}</th>"
            for title in ("gradient", "verdict", "relative error", "causes")
        )
        parts.append(f"<table><thead><tr>{titles}</tr></thead><tbody>{rows}</tbody></table>")
    for cause, names in findings(report):
        shown = ", ".join(f"<code>{escape(name)}</code>" for name in names)
        confirmed = " With this undone, your example passes." if cause.repair_confirmed else ""
        parts.append(
            f"<p><b>{cause.code} {escape(cause.name)}</b> ({shown}): "
            f"{escape(cause.evidence)}{confirmed}</p>"
        )
    if report.first_wrong is not None:
        where = report.first_wrong
        should = f"<br>it should equal <code>{escape(where.should_be)}</code>"
        parts.append(
            f"<p>first wrong line {where.line}: <code>{escape(where.text.strip())}</code>"
            f"{should if where.should_be else ''}</p>"
        )
    picture = report.picture()
    if picture is not None:
        parts.append(f"<p>{picture._repr_html_()}</p>")
    for title, items in (
        ("notes", report.notes),
        ("what this check could not have seen", report.blind_spots),
        ("right, though it looks different", report.shortcuts),
    ):
        if items:
            listed = "".join(f"<li>{escape(item)}</li>" for item in items)
            parts.append(f"<details><summary>{title}</summary><ul>{listed}</ul></details>")
    return "".join(parts) + "</div>"
