"""``chainrule graph``: the graph of a function of a file, as a picture, a page or data."""

from __future__ import annotations

import enum
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chainrule.commands.output import Arguments, AsJson, Seconds, Shapes, print_json, write_text

if TYPE_CHECKING:
    from chainrule.engine.graph import Graph


class Backward(enum.StrEnum):
    """How the backward pass is shown."""

    values = "values"
    graph = "graph"
    none = "none"


class Direction(enum.StrEnum):
    """Where edges point."""

    right = "right"
    down = "down"


_FORMS = (".svg", ".html", ".dot", ".mmd", ".json", ".md", ".txt")


def graph(
    where: Annotated[str, typer.Argument(metavar="FILE::FUNCTION", help="Such as hw.py::loss.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="A file: .svg, .html (steps), .dot, .mmd, .json, .md or .txt."
        ),
    ] = None,
    backward: Annotated[
        Backward, typer.Option(help="Derivatives as values on the cards, as a graph, or not.")
    ] = Backward.values,
    collapse: Annotated[
        bool, typer.Option("--collapse", help="Draw repeated parts, such as layers, once.")
    ] = False,
    constants: Annotated[
        bool, typer.Option("--constants", help="Draw constants as cards of their own.")
    ] = False,
    direction: Annotated[Direction, typer.Option(help="Where edges point.")] = Direction.right,
    steps: Annotated[
        Path | None,
        typer.Option("--steps", metavar="PAGE", help="Write a page to step through as well."),
    ] = None,
    shape: Shapes = None,
    arg: Arguments = None,
    time_limit: Seconds = None,
    as_json: AsJson = False,
) -> None:
    """Show the graph of a function: as a table, drawn, or in steps.

    Example arguments come from example() in the same file, a dict by parameter name, or from
    --shape and --arg. Without --output and --steps the steps are printed as a table.

    \b
    chainrule graph hw.py::loss
    chainrule graph hw.py::loss -o loss.svg --backward graph --collapse
    chainrule graph hw.py::loss -o loss.dot --steps loss.html
    """
    from chainrule.commands.time_limit import limited
    from chainrule.commands.user_file import arguments, bind, load_function
    from chainrule.commands.users_code import UserFileError, users_code
    from chainrule.programs.names import trace_named

    if output is not None and output.suffix.lower() not in _FORMS:
        raise UserFileError(
            f"{output.name} has no ending that says what to write; end it in {', '.join(_FORMS)}."
        )
    with limited(Path(where.partition("::")[0]), time_limit):
        user = load_function(where)
        args, kwargs = bind(user, arguments(user, shape or (), arg or ()))
        with users_code(user.path, f"ran {user.name}()"):
            found = trace_named(user.function, *args, **kwargs)
    options = {
        "backward": None if backward is Backward.none else backward.value,
        "collapse": collapse,
        "constants": constants,
        "direction": direction.value,
    }
    written = []
    if output is not None:
        write_text(output, _text(found, output.suffix.lower(), options))
        written.append(output)
    if steps is not None:
        write_text(steps, found.step_page())
        written.append(steps)
    if as_json:
        description = json.loads(_shown(found, backward).to_json())
        print_json({**description, "of": where, "files": list(map(str, written))})
    elif written:
        print("\n".join(map(str, written)))
    else:
        print(_shown(found, backward).table())


def _shown(found: Graph, backward: Backward) -> Graph:
    """The graph, with its backward pass if that is to be shown as nodes."""
    return found.backward() if backward is Backward.graph else found


def _text(found: Graph, form: str, options: dict[str, Any]) -> str:
    """What is written into a file of this ending."""
    if form == ".svg":
        drawn = found.svg(**options)
        if drawn.note:
            print(f"Drawn without derivatives: {drawn.note}", file=sys.stderr)
        return drawn.svg
    if form == ".html":
        return found.step_page()
    shown = _shown(found, Backward(options["backward"] or "none"))
    if form == ".dot":
        return shown.to_dot()
    if form == ".mmd":
        return shown.to_mermaid()
    if form == ".json":
        return shown.to_json()
    table = shown.table()
    return (table.markdown if form == ".md" else table.text) + "\n"
