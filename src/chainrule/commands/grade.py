"""``chainrule grade``: what is right in a submission or in a folder of them, and what is not."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from chainrule.commands.output import ExerciseName, Interrupted, form_of

OK, MISTAKES, WRONG = 0, 1, 2


class Format(enum.StrEnum):
    """How the grade is written."""

    text = "text"
    json = "json"
    markdown = "markdown"
    html = "html"
    gradescope = "gradescope"
    junit = "junit"


_ENDINGS = {
    ".md": Format.markdown, ".html": Format.html, ".json": Format.json, ".xml": Format.junit,
}  # fmt: skip


def grade(
    name: ExerciseName,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="The submission, .py or .ipynb, or a folder of submissions."
        ),
    ],
    part: Annotated[
        list[str] | None, typer.Option("--part", metavar="PART", help="Only this; repeatable.")
    ] = None,
    form: Annotated[
        Format | None,
        typer.Option(
            "--format", help="How it is written; by default what the ending of --output says."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Write to this file, as parts finish; of a folder, to this one (FOLDER-graded).",
        ),
    ] = None,
    seconds: Annotated[float, typer.Option(help="Time for each part.", min=0.1)] = 10.0,
    memory: Annotated[int, typer.Option(help="Memory for each part, in MB.", min=64)] = 1024,
    seed: Annotated[int, typer.Option(help="Of the inputs that are tried.", min=0)] = 0,
    jobs: Annotated[
        int, typer.Option("--jobs", "-j", help="Submissions of a folder at the same time.", min=1)
    ] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> int:
    """Grade a submission or a folder of them, part by part.

    Each part runs in a process of its own. Of a folder every .py and .ipynb is graded, and every
    folder with one in it. Each result is kept as soon as it is there: the same command goes on
    where it was interrupted, and grades again what has changed. Tables of points and of causes are
    printed and written beside the results.

    Exit status: 0 every part is right, 1 something is wrong, 2 the file cannot be graded.

    \b
    chainrule grade digits-3-vs-9 digits_3_vs_9.py
    chainrule grade digits-3-vs-9 hw6.ipynb --part d
    chainrule grade momentum hw.py --format gradescope -o results.json
    chainrule grade momentum submissions/ --jobs 4 --format html
    """
    if file.is_dir():
        limited = (seconds, memory)
        chosen = "json" if as_json else (form or Format.text).value
        return _folder(name, file, part, chosen, output, limited, seed, jobs)
    from chainrule import grading
    from chainrule.grading.formats import FORMATS
    from chainrule.programs.whole_files import write_named

    chosen = form_of(output, _ENDINGS, Format.text) if form is None else form
    written = FORMATS["json" if as_json else chosen.value]
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


def _folder(
    name: str,
    folder: Path,
    parts: list[str] | None,
    form: str,
    output: Path | None,
    limits: tuple[float, int],
    seed: int,
    jobs: int,
) -> int:
    """Grade a folder of submissions, with a line of progress on a terminal."""
    import sys

    from chainrule import grading
    from chainrule.grading.folder import Interruption, grade_folder, write_tables
    from chainrule.grading.formats.course import course_json, course_text

    named = folder if folder.name not in ("", "..") else folder.resolve()
    output = output or named.with_name(f"{named.name}-graded")
    shows = sys.stderr.isatty()

    def progress(done: int, every: int) -> None:
        if shows:
            end = "\n" if done == every else ""
            print(f"\r{done} of {every} submissions", end=end, file=sys.stderr, flush=True)

    interrupted = False
    try:
        found = grade_folder(
            grading.load(name), folder, output, parts, seed=seed, jobs=jobs, feedback=form,
            limits=grading.Limits(seconds=limits[0], memory=limits[1] * 2**20),
            on_submission=progress,
        )  # fmt: skip
    except Interruption as interruption:
        found, interrupted = interruption.course, True
    write_tables(found, output, form)
    print((course_json if form == "json" else course_text)(found), end="", flush=True)
    if interrupted:
        raise Interrupted(
            f"what was graded is kept in {output}, and the same command goes on from there"
        )
    if form != "json":
        print(f"\n{output / 'grades.html'}")
    if all(each.message for each in found.grades.values()):
        return WRONG
    return OK if found.full else MISTAKES
