"""``chainrule package``: the zip that Gradescope takes as an autograder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chainrule.commands.output import AsJson, ExerciseName, print_json


def package(
    name: ExerciseName,
    output: Annotated[Path, typer.Option("--output", "-o", help="The zip.")] = Path(
        "autograder.zip"
    ),
    seconds: Annotated[float, typer.Option(help="Time for each part.", min=0.1)] = 10.0,
    memory: Annotated[int, typer.Option(help="Memory for each part, in MB.", min=64)] = 448,
    seed: Annotated[
        int | None, typer.Option(help="Of the inputs that are tried; a secret one by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Build the zip of an exercise that Gradescope takes.

    It needs NumPy alone, and the smallest container will do.

    \b
    chainrule package digits-3-vs-9 -o autograder.zip
    """
    from chainrule import grading
    from chainrule.grading.packaging import package as write

    exercise = grading.load(name)
    limits = grading.Limits(seconds=seconds, memory=memory * 2**20)
    path = write(exercise, output, seed=seed, limits=limits)
    if as_json:
        size = path.stat().st_size
        print_json({"exercise": exercise.name, "file": str(path), "bytes": size})
    else:
        print(path)
