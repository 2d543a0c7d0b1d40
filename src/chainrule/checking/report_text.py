"""A check's report as text for a terminal and as Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from chainrule.checking.findings import findings
from chainrule.checking.report import GradientVerdict, Report

_WIDTH = 96
_COLORS = {"ok": "32", "wrong": "31;1", "inconclusive": "33", "error": "31;1"}
HEADLINES = {
    "ok": "ok: every gradient agrees with the derivative of the loss",
    "wrong": "wrong: a gradient differs from the derivative of the loss",
    "inconclusive": "inconclusive: nothing can be said for certain",
    "error": "error: the check could not be made",
}


def report_text(report: Report, color: bool = False, why: bool = False) -> str:
    """The report as plain text, coloured if asked; ``why`` adds the recognised shortcuts."""
    subject = f"{report.subject}: " if report.subject else ""
    lines = [subject + _painted(HEADLINES[report.verdict], report.verdict, color)]
    if report.message:
        lines += _wrapped(report.message)
    if report.gradients:
        lines += ["", *_rows(report.gradients.values(), color)]
    for finding in findings(report):
        lines += ["", f"{finding.title} ({', '.join(finding.names)})"]
        lines += _wrapped(finding.evidence)
    if report.first_wrong is not None:
        where = report.first_wrong
        lines += ["", f"first wrong line: {where.line}: {where.text.strip()}"]
        for each in said_of_line(report):
            lines += _wrapped(each)
    lines += _section("notes", report.notes)
    lines += _section("what this check could not have seen", report.blind_spots)
    if why:
        lines += _section("right, though it looks different", report.shortcuts)
    if report.trusted:
        lines += ["", f"true gradient: {report.trusted}"]
    if report.codes:
        lines += [f"more about a code: chainrule explain {report.codes[0]}"]
    return "\n".join(lines)


def report_markdown(report: Report) -> str:
    """The report as Markdown."""
    subject = f"{report.subject}: " if report.subject else ""
    lines = [f"**{subject}{HEADLINES[report.verdict]}**", ""]
    if report.message:
        lines += [report.message, ""]
    if report.gradients:
        lines += ["| gradient | verdict | relative error | causes |", "|---|---|---|---|"]
        for each in report.gradients.values():
            codes = _codes(each)
            lines.append(f"| `{each.name}` | {_verdict(each)} | {_error(each)} | {codes} |")
        lines.append("")
    for finding in findings(report):
        shown = ", ".join(f"`{name}`" for name in finding.names)
        lines += [f"- **{finding.title}** ({shown}): {finding.evidence}"]
    if report.first_wrong is not None:
        where = report.first_wrong
        lines += ["", f"First wrong line, {where.line}: `{where.text.strip()}`"]
        lines += ["", *(f"- {each}" for each in said_of_line(report))]
    for title, items in (
        ("Notes", report.notes),
        ("What this check could not have seen", report.blind_spots),
        ("Right, though it looks different", report.shortcuts),
    ):
        if items:
            lines += ["", f"{title}:", "", *(f"- {item}" for item in items)]
    if report.trusted:
        lines += ["", f"True gradient: {report.trusted}."]
    return "\n".join(lines).rstrip() + "\n"


def said_of_line(report: Report) -> list[str]:
    """Of the first wrong line: what it should equal, how it reads right, and who inherits it."""
    where = report.first_wrong
    if where is None:
        return []
    said = []
    if where.should_be:
        said.append(f"it should equal {where.should_be}")
    if where.change and not any(where.change in cause.evidence for cause in report.causes):
        said.append(f"it is right with {where.change}")  # unless a cause has said so
    if where.inherits:
        said.append(f"later lines only inherit it: {', '.join(map(str, where.inherits))}")
    return said


def _rows(gradients: Iterable[GradientVerdict], color: bool) -> list[str]:
    gradients = list(gradients)
    width = max(len(each.name) for each in gradients)
    rows = []
    for each in gradients:
        codes = _codes(each)
        verdict = _painted(f"{_verdict(each):<20}", each.verdict, color)
        row = f"  {each.name:<{width}}  {verdict}  relative error {_error(each)}  {codes}"
        rows.append(row.rstrip())
        if each.note:
            rows += _wrapped(each.note, "      ")
    return rows


def _verdict(gradient: GradientVerdict) -> str:
    return f"{gradient.verdict} (inherited)" if gradient.inherited else gradient.verdict


def _codes(gradient: GradientVerdict) -> str:
    return " ".join(dict.fromkeys(cause.code for cause in gradient.causes))


def _error(gradient: GradientVerdict) -> str:
    return f"{gradient.relative_error:.1e}"


def _painted(text: str, verdict: str, color: bool) -> str:
    return f"\x1b[{_COLORS[verdict]}m{text}\x1b[0m" if color else text


def _wrapped(text: str, indent: str = "    ") -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=indent, subsequent_indent=indent)


def _section(title: str, items: Iterable[str]) -> list[str]:
    items = list(items)
    if not items:
        return []
    lines = ["", f"{title}:"]
    for item in items:
        lines += textwrap.wrap(item, _WIDTH, initial_indent="  - ", subsequent_indent="    ")
    return lines
