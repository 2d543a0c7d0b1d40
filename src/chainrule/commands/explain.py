"""``chainrule explain``: what a function or a graph file computes, and how it is differentiated."""

from __future__ import annotations

import ast
import enum
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chainrule.commands.output import (
    Arguments,
    AsJson,
    OutputFile,
    Seconds,
    Shapes,
    form_of,
    print_json,
    write_text,
)

if TYPE_CHECKING:
    from chainrule.programs.explanation import Explanation


_CODE = re.compile(r"[GgUu]\d{3}")


class Format(enum.StrEnum):
    """How an explanation is written."""

    text = "text"
    markdown = "markdown"
    latex = "latex"
    html = "html"
    json = "json"


#: What the ending of an output file says about its format.
_ENDINGS = {
    ".md": Format.markdown,
    ".tex": Format.latex,
    ".html": Format.html,
    ".json": Format.json,
}


def explain(
    where: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE::FUNCTION", help="Such as hw.py::loss, or a code, G201, U401."
        ),
    ] = None,
    graph: Annotated[
        Path | None, typer.Option("--graph", metavar="FILE", help="A graph file, .json or .toml.")
    ] = None,
    format: Annotated[
        Format | None,
        typer.Option(help="By default what the ending of --output says, else text."),
    ] = None,
    of: Annotated[
        str | None,
        typer.Option(
            "--of", metavar="RESULT", help="Differentiate this result: its name, or number from 0."
        ),
    ] = None,
    shape: Shapes = None,
    arg: Arguments = None,
    output: OutputFile = None,
    time_limit: Seconds = None,
    as_json: AsJson = False,
) -> None:
    """Explain every value and derivative of a function or a graph.

    For every value: its expression in its operands, its number, its local derivatives and the
    chain-rule sum that makes its derivative. Example arguments come from example() in the same
    file, a dict by parameter name, or from --shape and --arg; those of a graph from its file or
    from --arg.

    The code of a mistake, such as G201, is explained with an example.

    \b
    chainrule explain hw.py::loss
    chainrule explain G201
    chainrule explain hw.py::loss --shape W=3,4 --shape x=4 -o loss.html
    chainrule explain --graph network.toml --arg x1=2 --format latex
    """
    from chainrule.commands.time_limit import limited
    from chainrule.commands.users_code import UserFileError

    if where is not None and _CODE.fullmatch(where):
        _explain_mistake(where, format, output, as_json)
        return
    if format is None:
        format = form_of(output, _ENDINGS, Format.text)
    if (where is None) == (graph is None):
        raise UserFileError(
            "Name a function as FILE::FUNCTION, such as hw.py::loss, or give a graph with "
            "--graph FILE; one of the two."
        )
    if graph is not None:
        if shape:
            raise UserFileError(
                "--shape belongs to a function; give the values of a graph's inputs with --arg."
            )
        found = _of_graph(graph, of, arg or ())
    else:
        with limited(Path(str(where).partition("::")[0]), time_limit):
            found = _of_function(str(where), of, shape or (), arg or ())
    data = {"of": where or str(graph), **found.to_dict()} if as_json else None
    if output is not None:
        write_text(output, _written(found, format).rstrip("\n") + "\n")
    if as_json:
        print_json(data)
    elif output is None:
        print(_written(found, format).rstrip("\n"))
    else:
        print(output)


def _explain_mistake(code: str, format: Format | None, output: Path | None, as_json: bool) -> None:
    """The page of a mistake: what it is, how it is recognised and mended, and an example."""
    from chainrule.checking.mistake_page import mistake_page
    from chainrule.commands.users_code import UserFileError

    page = mistake_page(code)
    if format is None:
        format = form_of(output, _ENDINGS, Format.text)
    if format is Format.latex:
        raise UserFileError("the page of a mistake has no LaTeX form; give --format markdown.")
    written = {
        Format.text: page.text, Format.markdown: page.markdown, Format.html: page.html,
        Format.json: lambda: json.dumps(page.to_dict(), indent=2),
    }  # fmt: skip
    if output is not None:
        write_text(output, written[format]().rstrip("\n") + "\n")
    if as_json:
        print_json(page.to_dict())
    elif output is None:
        print(written[format]().rstrip("\n"))
    else:
        print(output)


def _of_graph(path: Path, of: str | None, values: Sequence[str]) -> Explanation:
    """The explanation of a graph file."""
    from chainrule.programs.graph_files import load_graph

    graph = load_graph(path)
    if of is not None and of.isdecimal() and of not in graph.outputs:
        number = int(of)
        of = graph.outputs[number] if number < len(graph.outputs) else of
    return graph.explain(dict(map(_value, values)), of)


def _value(text: str) -> tuple[str, Any]:
    """The value that ``x=2`` or ``x=[1, 2]`` gives an input."""
    from chainrule.commands.users_code import UserFileError

    name, sign, value = text.partition("=")
    try:
        if not sign or not name.strip():
            raise ValueError
        return name.strip(), ast.literal_eval(value.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        raise UserFileError(
            f"--arg {text} gives no number or list of numbers; write it as in --arg x=2."
        ) from None


def _of_function(
    where: str, of: str | None, shapes: Sequence[str], values: Sequence[str]
) -> Explanation:
    """The explanation of a function in a user's file."""
    from chainrule.commands.user_file import arguments, bind, load_function
    from chainrule.commands.users_code import users_code
    from chainrule.programs.explain import explain as explain_function

    user = load_function(where)
    args, kwargs = bind(user, arguments(user, shapes, values))
    with users_code(user.path, f"ran {user.name}()"):
        found = explain_function(user.function, *args, **kwargs)
        if of is None:
            return found
        return explain_function(user.function, *args, of=_number(found, of), **kwargs)


def _number(explanation: Explanation, of: str) -> int:
    """Which result a name or a number means, counted among all results."""
    from chainrule.commands.users_code import UserFileError
    from chainrule.engine.graph import Node

    graph = explanation.graph
    outputs = graph.outputs[: graph.structure.count]
    names = [explanation.names[x.index] if isinstance(x, Node) else "" for x in outputs]
    if of in explanation.results:
        return names.index(of)
    if of.isdecimal() and int(of) < len(names):
        return int(of)
    known = ", ".join(explanation.results)
    raise UserFileError(f"{explanation.function} has no result {of!r}; its results are {known}.")


def _written(explanation: Explanation, format: Format) -> str:
    """An explanation in one of its forms."""
    if format is Format.json:
        return json.dumps(explanation.to_dict(), indent=2, allow_nan=False)
    if format is Format.html:
        from chainrule.programs.standalone import standalone_page

        return standalone_page(f"{explanation.function}, explained", explanation.html())
    forms = {
        Format.text: explanation.text,
        Format.markdown: explanation.markdown,
        Format.latex: explanation.latex,
    }
    return forms[format]()
