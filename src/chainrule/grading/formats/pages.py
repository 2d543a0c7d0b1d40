"""A grade as Markdown, and as a page of HTML that stands alone."""

from __future__ import annotations

import html as escape
import re

from chainrule.grading.result import Grade, PartResult, shown
from chainrule.programs.standalone import standalone_page

_SIGNS = {"right": "✓", "partly right": "◐"}
_STYLE = """
.sum { font-size: 1.2rem; margin: .3rem 0 1.5rem; }
section { border: 1px solid var(--rule); border-left-width: 6px; border-radius: 4px;
  padding: .6rem 1rem; margin: .8rem 0; background: var(--card); }
section.right { border-left-color: #2a7d4f; }
section.part { border-left-color: #b7791f; }
section.wrong { border-left-color: #b3403a; }
section h2 { font-size: 1.05rem; margin: 0; display: flex; gap: .6rem; }
h2 .points { margin-left: auto; white-space: nowrap; font-variant-numeric: tabular-nums; }
code { background: var(--wash); padding: 0 .2em; border-radius: 3px; }
.note { color: var(--quiet); }
"""


def markdown(grade: Grade) -> str:
    """The grade as Markdown: a table of the parts, then what is wrong."""
    lines = [f"# {escaped(grade.title)}", ""]
    lines += [f"{escaped(grade.file)}: **{shown(grade.score)} of {shown(grade.points)} points**"]
    if grade.message:
        lines += ["", escaped(grade.message)]
    lines += ["", "| part | | points | |", "|---|---|---|---|"]
    lines += [
        f"| {part.name} | {escaped(part.title)} | {shown(part.score)} / {shown(part.points)} "
        f"| {_sign(part)} {part.status} |"
        for part in grade.parts
    ]
    for part in grade.parts:
        sentences = part.sentences()
        if sentences and not grade.message:
            lines += ["", f"## {part.name} {escaped(part.title)}", ""]
            lines += [f"- {escaped(sentence)}" for sentence in sentences]
    lines += ["", *(f"*{escaped(note)}*" for note in grade.notes)] if grade.notes else []
    return "\n".join(lines) + "\n"


def html(grade: Grade) -> str:
    """The grade as a page without scripts."""
    e = escape.escape
    message = f"<p>{e(grade.message)}</p>" if grade.message else ""
    notes = "".join(f'<p class="note">{_inline(note)}</p>' for note in grade.notes)
    body = (
        f'<p class="sum">{e(grade.file)}: <strong>{shown(grade.score)} of {shown(grade.points)} '
        f"points</strong></p>{message}{''.join(map(_section, grade.parts))}{notes}"
    )
    return standalone_page(grade.title, body, _STYLE)


def _section(part: PartResult) -> str:
    e = escape.escape
    kind = {"right": "right", "partly right": "part"}.get(part.status, "wrong")
    said = "".join(f"<p>{_inline(sentence)}</p>" for sentence in part.sentences())
    output = (
        f"<details><summary>What it printed</summary><pre>{e(part.output)}</pre></details>"
        if part.output
        else ""
    )
    status = f'<p class="note">{e(part.status)}</p>' if part.status != "right" else ""
    return (
        f'<section class="{kind}"><h2><span>{_sign(part)}</span>'
        f'<span class="note">{e(part.name)}</span><span>{e(part.title)}</span>'
        f'<span class="points">{shown(part.score)} / {shown(part.points)}'
        f"</span></h2>{status}{said}{output}</section>"
    )


def _sign(part: PartResult) -> str:
    return _SIGNS.get(part.status, "✗")


def _inline(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape.escape(text))


def escaped(text: str) -> str:
    """Text that Markdown shows as it is; code between backticks stays code."""
    parts = text.replace("|", "\\|").replace("\n", " ").split("`")
    if len(parts) % 2 == 0:
        parts = ["'".join(parts)]
    return "`".join(
        each if i % 2 else re.sub(r"([\\*_<>\[\]#])(?!\|)", r"\\\1", each)
        for i, each in enumerate(parts)
    )
