"""``chainrule grade``: what is right in a submission, what is not and why, and the points."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from chainrule.commands.output import ExerciseName, Interrupted

OK, MISTAKES, WRONG = 0, 1, 2


class Format(enum.StrEnum):
    """How the grade is written."""

    text = "text"
    json = "json"
    markdown = "markdown"
    html = "html"
    gradescope = "gradescope"
    junit = "junit"


def grade(
    name: ExerciseName,
    file: Annotated[Path, typer.Argument(help="The submission, .py or .ipynb.")],
    part: Annotated[
        list[str] | None, typer.Option("--part", metavar="PART", help="Only this; repeatable.")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="How it is written.")] = Format.text,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file, as parts finish.")
    ] = None,
    seconds: Annotated[float, typer.Option(help="Time for each part.", min=0.1)] = 10.0,
    memory: Annotated[int, typer.Option(help="Memory for each part, in MB.", min=64)] = 1024,
    seed: Annotated[int, typer.Option(help="Of the inputs that are tried.", min=0)] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> int:
    """Grade a submission; each part runs in a process of its own.

    Exit status: 0 every part is right, 1 something is wrong, 2 the file cannot be graded.

    \b
    chainrule grade digits-3-vs-9 digits_3_vs_9.py
    chainrule grade digits-3-vs-9 hw6.ipynb --part d
    chainrule grade momentum hw.py --format gradescope -o results.json
    """
    from chainrule import grading
    from chainrule.grading.formats import FORMATS
    from chainrule.programs.whole_files import write_named

    written = FORMATS["json" if as_json else form.value]
    last: list[grading.Grade] = []

    def save(current: grading.Grade) -> None:
        last[:] = [current]
        # A pipe takes one result, not one after each part.
        if output is not None and (output.is_file() or not output.exists()):
            write(output, current)

    def write(output: Path, current: grading.Grade) -> None:
        try:
            output.parent.mkdir(parents=True, exist_ok=True)
            write_named(output, written(current))
        except OSError as error:
            raise grading.GradingError(
                f"{output} cannot be written: {error.strerror or error}."
            ) from None

    limits = grading.Limits(seconds=seconds, memory=memory * 2**20)
    try:
        found = grading.grade(name, file, part, seed=seed, limits=limits, on_part=save)
    except KeyboardInterrupt:
        if not last:
            raise Interrupted("no part was graded yet") from None
        if output is None:
            print(written(last[0]), end="", flush=True)
        else:
            write(output, last[0])
        raise Interrupted("the parts that were graded are kept") from None
    if output is None:
        print(written(found), end="")
    else:
        write(output, found)
        if output.is_file():
            print(output)
    if found.message:
        return WRONG
    return OK if found.full else MISTAKES
