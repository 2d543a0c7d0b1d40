"""The command line: its commands put together, and how a call of one ends."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Annotated

import typer

from chainrule.commands.check import check
from chainrule.commands.classify import classify
from chainrule.commands.data_sets import data_sets
from chainrule.commands.doctor import doctor
from chainrule.commands.ending import end_as_on_interrupt
from chainrule.commands.explain import explain
from chainrule.commands.flow import flow
from chainrule.commands.grade import grade
from chainrule.commands.graph import graph
from chainrule.commands.list_experiments import list_experiments
from chainrule.commands.outcome import INTERRUPTED, OK, WRONG, sentence
from chainrule.commands.output import Interrupted
from chainrule.commands.package import package
from chainrule.commands.report import report
from chainrule.commands.run import run
from chainrule.commands.search import search
from chainrule.commands.selftest import selftest
from chainrule.commands.source import source
from chainrule.commands.start import start
from chainrule.commands.style import style

#: Commands that go on where an earlier call was ended, with its steps, trials, epochs or bytes.
RESUMED = ("run", "search", "classify", "data")

app = typer.Typer(
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def chainrule(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Backpropagation you can read, check and run.

    \b
    chainrule check hw.py                 is this gradient right, and if not, why
    chainrule explain hw.py::loss         every value and derivative
    chainrule list                        the experiments
    chainrule run digits-3-vs-9           run one of them
    chainrule run --all                   run them all
    chainrule start                       the exercises
    chainrule doctor                      what is installed, what is missing

    `chainrule COMMAND --help` has more of each.

    Exit status: 0 ok, 1 mistakes found or a claim failed, 2 wrong usage or internal error,
    3 inconclusive.
    """
    if version:
        from chainrule import __version__

        print(f"chainrule {__version__}")
    elif context.invoked_subcommand is None:
        print(context.get_help())


for _command in (check, explain, source, graph, flow, start, grade, package, selftest):
    app.command()(_command)
app.command("list")(list_experiments)
app.command()(run)
app.command()(report)
app.command()(search)
app.command("data")(data_sets)
app.command()(style)
app.add_typer(classify, name="classify")
app.command()(doctor)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    The command of the shell ends then, whatever threads a user's file has left running.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after the command's name, those of the process if not given.
    """
    whole = arguments is None
    status = _main(list(sys.argv[1:] if arguments is None else arguments), whole)
    left = [each for each in threading.enumerate() if not each.daemon]
    if whole and left != [threading.main_thread()]:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(status)
    return status


def _main(words: list[str], whole: bool) -> int:
    """Run a command; it is the whole process, or called by a program that goes on."""
    # Wherever it stands, so that it can be added at the end of a command that went wrong.
    debug = "--debug" in words
    command = next((word for word in words if not word.startswith("-")), "")
    without = " without --fresh" if "--fresh" in words else ""
    advice = f"; what is finished is kept, run the same command{without} to resume"
    advice = advice if command in RESUMED else ""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    end_as_on_interrupt()
    try:
        status = app(
            [word for word in words if word != "--debug"],
            prog_name="chainrule",
            obj={"debug": debug},
            standalone_mode=False,
        )
        sys.stdout.flush()
    except (KeyboardInterrupt, typer.Abort):
        status = INTERRUPTED
    except Interrupted as stop:
        status, advice = INTERRUPTED, f"; {stop}"
    except (BrokenPipeError, SystemExit) as error:
        if not isinstance(error.__context__ or error, BrokenPipeError):
            raise
        # The reader has what it wanted; nothing is left for the interpreter to flush at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except Exception as error:
        if debug:
            raise
        print(f"chainrule: {sentence(error)}", file=sys.stderr)
        return WRONG
    if status == INTERRUPTED and whole:
        # Asked twice, the process ends as it does already.
        for sent in (signal.SIGINT, signal.SIGTERM):
            signal.signal(sent, signal.SIG_IGN)
    if status == INTERRUPTED and command != "check":  # which says itself where it was
        print(f"Interrupted{advice}.", file=sys.stderr)
    return status or OK


if __name__ == "__main__":
    sys.exit(main())
