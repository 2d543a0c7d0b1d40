"""The grades of a course as tables: for the terminal, as Markdown, HTML, CSV and JSON."""

from __future__ import annotations

import csv
import html as escape
import io
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from chainrule.grading.comparison import UNKNOWN
from chainrule.grading.formats.pages import escaped
from chainrule.grading.result import Grade, PartResult, printable, shown
from chainrule.programs.standalone import standalone_page

if TYPE_CHECKING:
    from chainrule.grading.course import Course, Frequency

_STYLE = """
td, th { padding: .2rem .7rem; border-bottom: 1px solid var(--rule); text-align: left; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
td.all { color: #2a7d4f; } td.some { color: #a2640f; } td.none { color: #b3403a; }
@media (prefers-color-scheme: dark) {
  td.all { color: #86d3aa; } td.some { color: #e2c67e; } td.none { color: #f4a199; } }
tr.mean td { border-top: 2px solid var(--rule); font-weight: 600; }
.quiet { color: var(--quiet); }
"""
_NAME = 40
#: A spreadsheet takes what begins with these for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def course_text(course: Course) -> str:
    """Both tables for a terminal."""
    head = ["", *(part.name for part in course.parts), "points"]
    most = ["of", *(shown(part.points) for part in course.parts), shown(course.points)]
    rows = [[_short(name), *_points(found)] for name, found in course.grades.items()]
    mean = ["mean", *map(shown, course.means), shown(course.mean)]
    lines = [f"{course.title}: {_count(course)}", ""]
    lines += _aligned([head, most, *rows, *([mean] if rows else [])], rule_after=1)
    lines += _problems(course)
    causes = course.frequencies()
    if causes:
        table = [["", "what went wrong", "in", "parts", "points lost"]]
        table += [
            [row.code, row.name, str(row.students), _where(row), shown(row.points)]
            for row in causes
        ]
        lines += ["", *_aligned(table, rule_after=0, left=(0, 1, 3))]
        known = next((row.code for row in causes if row.code not in ("", UNKNOWN)), "")
        lines += ["", f"more about a code: chainrule explain {known}"] if known else []
    if course.left_out:
        lines += ["", f"Left out, no .py or .ipynb file: {_names(course.left_out)}."]
    return "\n".join(lines) + "\n"


def course_json(course: Course) -> str:
    """Everything as JSON."""
    return json.dumps(course.to_json(), indent=2, allow_nan=False) + "\n"


def course_csv(course: Course) -> str:
    """A row for each submission: its name, points by part, their sum, what prevented grading."""
    rows: list[list[object]] = [
        ["submission", *(part.name for part in course.parts), "points", "message"]
    ]
    rows += [
        [name, *(part.score for part in found.parts), found.score, found.message]
        for name, found in course.grades.items()
    ]
    return _csv(rows)


def causes_csv(course: Course) -> str:
    """A row for each cause, the most frequent first."""
    rows: list[list[object]] = [["code", "name", "submissions", "points lost", "parts"]]
    rows += [
        [row.code, row.name, row.students, row.points, _where(row)] for row in course.frequencies()
    ]
    return _csv(rows)


def course_markdown(course: Course) -> str:
    """Both tables as Markdown."""
    head = ["submission", *(escaped(part.name) for part in course.parts), "points"]
    most = ["*of*", *(shown(part.points) for part in course.parts), shown(course.points)]
    rows = [[escaped(printable(name)), *_points(found)] for name, found in course.grades.items()]
    mean = ["*mean*", *map(shown, course.means), shown(course.mean)]
    lines = [f"# {escaped(course.title)}", "", f"{_count(course)}.", ""]
    lines += _piped([head, most, *rows, mean])
    lines += [escaped(line) for line in _problems(course)]
    lines += ["", "## What went wrong", ""]
    lines += _piped(
        [["code", "what", "submissions", "parts", "points lost"]]
        + [
            [row.code, escaped(row.name), str(row.students), escaped(_where(row)),
             shown(row.points)]
            for row in course.frequencies()
        ]
    )  # fmt: skip
    return "\n".join(lines) + "\n"


def course_html(course: Course, link: Callable[[str], str] | None = None) -> str:
    """Both tables as a page without scripts.

    Parameters
    ----------
    course : Course
    link : callable, optional
        ``link(name)``: where the feedback on a submission lies, relative to the page.
    """
    e = escape.escape

    def name_cell(name: str) -> str:
        said = e(printable(name))
        if link is not None:
            # A name may be no UTF-8.
            said = f'<a href="{e(quote(link(name), errors="surrogateescape"))}">{said}</a>'
        return f"<td>{said}</td>"

    heads = "".join(
        f'<th class="number" title="{e(part.title)}">{e(part.name)}</th>' for part in course.parts
    )
    most = "".join(f'<td class="number">{shown(part.points)}</td>' for part in course.parts)
    rows = "".join(
        f"<tr>{name_cell(name)}{''.join(map(_cell, found.parts))}"
        f'<td class="number">{shown(found.score)}</td></tr>'
        for name, found in course.grades.items()
    )
    means = "".join(f'<td class="number">{shown(mean)}</td>' for mean in course.means)
    causes = "".join(
        f"<tr><td><code>{e(row.code)}</code></td><td>{e(row.name)}</td>"
        f'<td class="number">{row.students}</td><td>{e(_where(row))}</td>'
        f'<td class="number">{shown(row.points)}</td></tr>'
        for row in course.frequencies()
    )
    problems = "".join(f"<p>{e(line)}</p>" for line in _problems(course) if line)
    body = (
        f"<p>{_count(course)}.</p><table><thead><tr><th>submission</th>{heads}"
        f'<th class="number">points</th></tr></thead><tbody><tr class="quiet"><td>of</td>{most}'
        f'<td class="number">{shown(course.points)}</td></tr>{rows}<tr class="mean"><td>mean</td>'
        f'{means}<td class="number">{shown(course.mean)}</td></tr></tbody></table>{problems}'
        "<h2>What went wrong</h2><table><thead><tr><th>code</th><th>what</th>"
        '<th class="number">submissions</th><th>parts</th><th class="number">points lost</th></tr>'
        f"</thead><tbody>{causes}</tbody></table>"
    )
    return standalone_page(course.title, body, _STYLE)


def _cell(part: PartResult) -> str:
    kind = "all" if part.status == "right" else "some" if part.score > 0 else "none"
    title = escape.escape(part.status)
    return f'<td class="number {kind}" title="{title}">{shown(part.score)}</td>'


def _points(found: Grade) -> list[str]:
    return [*(shown(part.score) for part in found.parts), shown(found.score)]


def _count(course: Course) -> str:
    done, every = len(course.grades), course.handed_in
    said = f"{every} submission{'s' * (every != 1)}"
    return said if done == every else f"{done} of {said}"


def _where(row: Frequency) -> str:
    """The parts, with how often where not all of the submissions have it there."""
    return ", ".join(
        name if count == row.students else f"{name} ({count})" for name, count in row.parts.items()
    )


def _problems(course: Course) -> list[str]:
    """What could not be graded at all."""
    lines = [
        f"{_short(name)}: {printable(found.message)}"
        for name, found in course.grades.items()
        if found.message
    ]
    return ["", *lines] if lines else []


def _names(names: Sequence[str]) -> str:
    few = ", ".join(map(_short, names[:6]))
    return few if len(names) <= 6 else f"{few} and {len(names) - 6} more"


def _short(name: str) -> str:
    """A name on one line of the terminal."""
    name = printable(name).replace("\n", "?")
    return name if len(name) <= _NAME else f"{name[: _NAME - 1]}…"


def _aligned(rows: list[list[str]], rule_after: int, left: tuple[int, ...] = (0,)) -> list[str]:
    """Rows as columns; numbers to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    rule = "─" * (sum(widths) + 2 * (len(widths) - 1))
    return [*lines[: rule_after + 1], rule, *lines[rule_after + 1 :]]


def _piped(rows: list[list[str]]) -> list[str]:
    lines = [f"| {' | '.join(cell or ' ' for cell in row)} |" for row in rows]
    return [lines[0], "|" + "---|" * len(rows[0]), *lines[1:]]


def _csv(rows: list[list[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        [_safe(cell) if isinstance(cell, str) else cell for cell in row] for row in rows
    )
    return text.getvalue()


def _safe(cell: str) -> str:
    cell = printable(cell).replace("\n", " ")
    return "'" + cell if cell.startswith(_FORMULA) else cell


#: The files with the tables, by name.
TABLES: dict[str, Callable[[Course], str]] = {
    "grades.json": course_json,
    "grades.csv": course_csv,
    "causes.csv": causes_csv,
    "grades.md": course_markdown,
}
