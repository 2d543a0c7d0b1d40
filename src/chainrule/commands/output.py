"""What every command prints and writes in the same way, and the options that many of them share."""

from __future__ import annotations

import enum
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer


def exercise_names(incomplete: str) -> list[str]:
    """Return what the shell can complete an exercise's name to."""
    from chainrule import grading

    return [name for name in grading.names() if name.startswith(incomplete)]


def one_of(*words: str) -> Callable[[str], list[str]]:
    """Return what completes one of a few words."""

    def complete(incomplete: str) -> list[str]:
        return [word for word in words if word.startswith(incomplete)]

    return complete


DataDirectory = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", help="Folder of real data files; else CHAINRULE_DATA, else the user's cache."
    ),
]
ExerciseName = Annotated[
    str,
    typer.Argument(
        metavar="EXERCISE",
        help="The exercise, or a folder with one of your own.",
        autocompletion=exercise_names,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, to stdout.")]
OutputFile = Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file.")]
Shapes = Annotated[
    list[str] | None,
    typer.Option("--shape", metavar="NAME=SIZES", help="A random array, x=64,784."),
]
Seconds = Annotated[
    float | None,
    typer.Option(
        "--time-limit", metavar="SECONDS", min=0, help="For running FILE; 60, 0 for no limit."
    ),
]
Arguments = Annotated[
    list[str] | None,
    typer.Option("--arg", metavar="NAME=VALUE", help="An argument, n=3 or y=[0, 1]."),
]


class Interrupted(Exception):
    """Ctrl-C in a command that does not resume; the message says what it kept."""


def print_json(value: Any) -> None:
    """Print strict JSON that any stdout can hold; NaN and infinities as texts."""
    from chainrule.reporting.files import finite

    unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    print(json.dumps(finite(value), indent=2, ensure_ascii=not unicode, allow_nan=False))


Form = TypeVar("Form", bound=enum.Enum)
_TEXTS = ("", ".txt", ".log")


def form_of(output: Path | None, endings: Mapping[str, Form], text: Form) -> Form:
    """Return the form that the ending of --output asks for; text without a file or an ending.

    Raises
    ------
    UserFileError
        If no form has this ending.
    """
    from chainrule.commands.users_code import UserFileError

    ending = output.suffix.lower() if output is not None else ""
    if output is None or ending in _TEXTS:
        return text
    if ending not in endings:
        known = ", ".join([*endings, ".txt"])
        raise UserFileError(
            f"{output.name} has no ending that says what to write; end it in {known}, or give "
            "--format."
        )
    return endings[ending]


def write_text(path: Path, text: str) -> None:
    """Write what the user named, as `write_named` does: ``-o /dev/stdout`` works.

    Raises
    ------
    UserFileError
        If the system refuses.
    """
    from chainrule.commands.users_code import UserFileError
    from chainrule.programs.whole_files import write_named

    try:
        write_named(path, text)
    except OSError as error:
        raise UserFileError(f"{path} cannot be written: {error.strerror or error}.") from None
