"""``chainrule selftest``: which mistakes a rubric would miss."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from chainrule.commands.output import AsJson, ExerciseName


def selftest(
    name: ExerciseName,
    solution: Annotated[
        Path | None, typer.Argument(help="A right solution; the exercise's own if not given.")
    ] = None,
    most: Annotated[int, typer.Option(help="Mistakes to try.", min=1)] = 200,
    every: Annotated[bool, typer.Option("--all", help="Show those that are caught, too.")] = False,
    as_json: AsJson = False,
) -> int:
    """Show which mistakes the rubric of an exercise would miss.

    Mistakes are put into a right solution one at a time; those that cost no points are listed.

    Exit status: 0 every mistake is caught, 1 some are missed, 2 the solution is not right itself.

    \b
    chainrule selftest digits-3-vs-9
    chainrule selftest digits-3-vs-9 solution.ipynb --most 40
    """
    import sys

    from chainrule import grading
    from chainrule.grading.selftest import selftest as test

    exercise = grading.load(name)
    shows = sys.stderr.isatty()

    def progress(done: int, total: int) -> None:
        if shows:
            print(f"\r{done} of {total} mistakes", end="", file=sys.stderr)

    found = test(exercise, solution or exercise.reference_path, most=most, on_step=progress)
    if shows:
        print(file=sys.stderr)
    print(json.dumps(found.to_json(), indent=2) if as_json else found.text(every), end="")
    return 1 if found.missed else 0
