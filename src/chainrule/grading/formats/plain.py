"""A grade for the terminal, and as JSON."""

from __future__ import annotations

import json
import textwrap

from chainrule.grading.result import Grade, printable, shown

WIDTH = 96


def text(grade: Grade) -> str:
    """The grade as text: a line for each part, what is wrong under it, the sum."""
    lines = [f"{grade.title}: {printable(grade.file)}"]
    if grade.message:
        lines += ["", *textwrap.wrap(printable(grade.message), WIDTH)]
    else:
        width = max((len(part.title) for part in grade.parts), default=0)
        name_width = max((len(part.name) for part in grade.parts), default=0)
        for part in grade.parts:
            points = f"{shown(part.score):>5} / {shown(part.points):<4}"
            lines += [
                "",
                f"{part.name:<{name_width}}  {part.title:<{width}} {points} {part.status}",
            ]
            lines += _said(part.sentences())
            if part.output and part.status != "right":
                lines += _said(["It printed:", *part.output.strip("\n").split("\n")[-5:]], "    | ")
    for note in grade.notes:
        lines += ["", *textwrap.wrap(f"Note: {printable(note)}", WIDTH, subsequent_indent="  ")]
    return "\n".join([*lines, "", f"{shown(grade.score)} of {shown(grade.points)} points"]) + "\n"


def _said(sentences: list[str], indent: str = "    ") -> list[str]:
    return [
        line
        for sentence in sentences
        for line in textwrap.wrap(
            printable(sentence), WIDTH, initial_indent=indent, subsequent_indent=indent + "  "
        )
    ]


def as_json(grade: Grade) -> str:
    """The grade as JSON."""
    return json.dumps(grade.to_json(), indent=2, allow_nan=False, ensure_ascii=False) + "\n"
