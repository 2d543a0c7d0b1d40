"""``chainrule check``: whether a hand-written gradient is right, and which mistake it holds."""

from __future__ import annotations

import enum
import json
import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from chainrule.commands.output import AsJson, OutputFile, form_of, print_json, write_text

if TYPE_CHECKING:
    from chainrule.checking.report import Report


class Format(enum.StrEnum):
    """How a report is written."""

    text = "text"
    json = "json"
    markdown = "markdown"
    html = "html"


_INTERRUPTED = 130
_ENDINGS = {".md": Format.markdown, ".html": Format.html, ".json": Format.json}


def check(
    file: Annotated[
        str,
        typer.Argument(metavar="FILE", help="hw.py, hw.ipynb, or hw.py::Network for a class."),
    ],
    loss: Annotated[str, typer.Option(help="The name of the loss in FILE.")] = "",
    gradient: Annotated[str, typer.Option(help="The name of the gradient in FILE.")] = "",
    example: Annotated[str, typer.Option(help="The name of the example in FILE.")] = "",
    parameter: Annotated[
        list[str] | None,
        typer.Option("--parameter", metavar="NAME", help="Must have a gradient; repeatable."),
    ] = None,
    why: Annotated[
        bool, typer.Option("--why", help="Say why shortcuts that look different are right.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the probes.")] = 0,
    time_limit: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS", min=0, help="For running FILE and checking; 60, 0 for no limit."
        ),
    ] = None,
    format: Annotated[
        Format | None,
        typer.Option(help="By default what the ending of --output says, else text."),
    ] = None,
    output: OutputFile = None,
    as_json: AsJson = False,
) -> int:
    """Check a hand-written gradient: which mistake, on which line.

    FILE has loss(**arrays) -> float, gradient(**arrays) -> {name: array} and
    example() -> {name: array}.

    Exit status: 0 ok, 1 wrong, 2 the check could not be made, 3 inconclusive, 130 interrupted.
    A check that is stopped, by the time limit or by Ctrl-C, reports what it found until then.

    \b
    chainrule check hw.py
    chainrule check hw.py --loss cost --gradient backprop --why
    chainrule check hw.py::TwoLayerNet --json
    """
    from chainrule.checking.report import Report
    from chainrule.commands.checked_file import FileCheck
    from chainrule.engine.errors import ChainruleError

    if format is None:
        format = form_of(output, _ENDINGS, Format.text)

    def show(report: Report) -> int:
        if output is not None:
            write_text(output, _written(report, format, False, why).rstrip("\n") + "\n")
        if as_json:
            print_json(report.to_json())
        elif output is None:
            color = sys.stdout.isatty() and "NO_COLOR" not in os.environ
            print(_written(report, format, color, why).rstrip("\n"))
        else:
            print(output)
        return report.exit_status

    checking = FileCheck(file, loss, gradient, example, tuple(parameter or ()), seed)
    try:
        found = checking.run(time_limit, show)
    except ChainruleError as error:  # whoever reads JSON finds the sentence there, too
        if as_json:
            print_json(Report("error", message=str(error)).to_json())
        raise
    status = show(found)
    return _INTERRUPTED if checking.interrupted else status


def _written(report: Report, format: Format, color: bool, why: bool) -> str:
    """A report in one of its forms."""
    if format is Format.json:
        return json.dumps(report.to_json(), indent=2, allow_nan=False)
    if format is Format.markdown:
        return report.markdown()
    if format is Format.html:
        from chainrule.programs.standalone import standalone_page

        return standalone_page(f"Gradient check of {report.subject}", report.html())
    return report.text(color, why)
