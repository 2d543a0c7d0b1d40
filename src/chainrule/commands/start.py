"""``chainrule start``: hand out an exercise."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chainrule.commands.output import AsJson, exercise_names, print_json


def start(
    name: Annotated[
        str | None,
        typer.Argument(
            help="The exercise; a list of them if not given.", autocompletion=exercise_names
        ),
    ] = None,
    notebook: Annotated[
        bool, typer.Option("--notebook", help="A notebook instead of a Python file.")
    ] = False,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where the file goes.")
    ] = Path(),
    as_json: AsJson = False,
) -> None:
    """Hand out an exercise, or list the exercises.

    A file that is there already is never replaced.

    \b
    chainrule start                               the exercises
    chainrule start digits-3-vs-9                 ./digits_3_vs_9.py
    chainrule start momentum --notebook -o week3
    """
    from chainrule import grading

    if name is None:
        exercises = [grading.load(each) for each in grading.names()]
        if as_json:
            keys = ("name", "title", "document", "question", "points")
            print_json([{key: getattr(e, key) for key in keys} for e in exercises])
            return
        from chainrule.reporting.console import print_table

        print_table(
            ["exercise", "source", "asks for", "points"],
            [[e.name, f"{e.document} {e.question}", e.title, f"{e.points:g}"] for e in exercises],
            fixed=2,
        )
        return
    exercise = grading.load(name)
    if output.suffix in (".py", ".ipynb") and not output.is_dir():
        raise grading.GradingError(
            f"--output names the folder, {output} looks like a file; the file in it will be called "
            f"{exercise.name.replace('-', '_')}{output.suffix}."
        )
    path = grading.hand_out(exercise, output, notebook)
    if as_json:
        parts = [{"part": p.name, "title": p.title, "points": p.points} for p in exercise.parts]
        print_json({"exercise": exercise.name, "file": str(path), "parts": parts})
        return
    print(path)
    for part in exercise.parts:
        print(f"  {part.name:<3} {part.title} ({part.points:g} point{'s' * (part.points != 1)})")
    print(f"Then: chainrule grade {name} {path}")
