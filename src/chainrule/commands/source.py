"""``chainrule source``: a function of a file and its gradient, as a program to read and keep."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chainrule.commands.output import (
    Arguments,
    AsJson,
    OutputFile,
    Seconds,
    Shapes,
    print_json,
    write_text,
)

if TYPE_CHECKING:
    from chainrule.programs.source import Source


class Cotangents(enum.StrEnum):
    """How derivatives are named."""

    bar = "bar"
    d = "d"
    grad = "grad"


def source(
    where: Annotated[str, typer.Argument(metavar="FILE::FUNCTION", help="Such as hw.py::loss.")],
    cotangents: Annotated[
        Cotangents, typer.Option(help="Name derivatives h_bar, dh or grad_h.")
    ] = Cotangents.bar,
    wrt: Annotated[
        list[str] | None,
        typer.Option("--wrt", metavar="NAME", help="Differentiate by this parameter; repeatable."),
    ] = None,
    shapes: Annotated[bool, typer.Option("--shapes", help="Shapes behind every line.")] = False,
    no_comments: Annotated[
        bool, typer.Option("--no-comments", help="Leave out the lines of the original.")
    ] = False,
    assertions: Annotated[
        bool, typer.Option("--assertions", help="Check that branches are taken as they were.")
    ] = False,
    torch: Annotated[
        bool, typer.Option("--torch", help="Write PyTorch tensors instead of NumPy.")
    ] = False,
    shape: Shapes = None,
    arg: Arguments = None,
    output: OutputFile = None,
    time_limit: Seconds = None,
    as_json: AsJson = False,
) -> None:
    """Print a function and its gradient as one NumPy program.

    Example arguments come from example() in the same file, a dict by parameter name, or from
    --shape and --arg. A function that returns arrays becomes the backward pass of a layer, which
    takes their cotangents as one more argument.

    \b
    chainrule source hw.py::loss
    chainrule source hw.py::loss --cotangents d --shapes -o gradient.py
    chainrule source hw.py::loss --shape W=3,4 --shape x=4 --arg n=2
    """
    from chainrule.commands.time_limit import limited
    from chainrule.commands.user_file import arguments, bind, load_function
    from chainrule.commands.users_code import users_code
    from chainrule.programs.source import source as write_source

    with limited(Path(where.partition("::")[0]), time_limit):
        user = load_function(where)
        args, kwargs = bind(user, arguments(user, shape or (), arg or ()))
        with users_code(user.path, f"ran {user.name}()"):
            program = write_source(
                user.function, *args, argnames=wrt or None, cotangents=cotangents.value,
                shapes=shapes, comments=not no_comments, assertions=assertions,
                backend="torch" if torch else "numpy", **kwargs,
            )  # fmt: skip
    if output is not None:
        _write(program, output)
    if as_json:
        print_json(_described(program, where, output))
    elif output is None:
        print(program, end="")
    else:
        print(output)


def _described(program: Source, where: str, output: Path | None) -> dict[str, Any]:
    return {
        "of": where,
        "function": program.function.__name__,
        "source": str(program),
        "constants": sorted(program.constants),
        "file": None if output is None else str(output),
    }


def _write(program: Source, output: Path) -> None:
    """Write a program; large constants go into an .npz file beside it, which it reads."""
    import numpy as np

    from chainrule.commands.users_code import UserFileError
    from chainrule.programs.whole_files import replacing

    text = str(program)
    arrays = {k: v for k, v in program.constants.items() if isinstance(v, np.ndarray)}
    if arrays:
        try:
            with (
                replacing(output.with_suffix(".npz").resolve()) as temporary,
                temporary.open("wb") as file,
            ):
                np.savez(file, **arrays)  # type: ignore[arg-type]
        except OSError as error:
            raise UserFileError(f"{output} cannot be written: {error.strerror or error}.") from None
        text = _reading(text, list(arrays), output.with_suffix(".npz").name)
    write_text(output, text)


def _reading(text: str, names: list[str], file: str) -> str:
    """The program with its large constants read from a file beside it."""
    lines = text.split("\n")
    start = next(i for i, line in enumerate(lines) if line.startswith("# These are bound"))
    end = start
    while lines[end].startswith("#"):
        end += 1
    loads = [f'{name} = np.load(Path(__file__).with_name("{file}"))["{name}"]' for name in names]
    imports = ["from pathlib import Path", ""]
    return "\n".join([*imports, *lines[:start], *loads, *lines[end:]])
