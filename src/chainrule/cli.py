"""The command line: it parses, calls and prints; what it calls is imported when it is called."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chainrule.commands.check import check
from chainrule.commands.classify import classify
from chainrule.commands.doctor import doctor
from chainrule.commands.explain import explain
from chainrule.commands.flow import flow
from chainrule.commands.grade import grade
from chainrule.commands.graph import graph
from chainrule.commands.output import AsJson, Interrupted, print_json
from chainrule.commands.package import package
from chainrule.commands.search import search
from chainrule.commands.selftest import selftest
from chainrule.commands.source import source
from chainrule.commands.start import start
from chainrule.commands.style import style
from chainrule.engine.wording import counted

if TYPE_CHECKING:
    from chainrule.experiments.experiment import Experiment
    from chainrule.reporting.index import RunSummary

OK, FAILED, WRONG, INTERRUPTED = 0, 1, 2, 130
RUNS = Path("runs")
#: Commands that go on where an earlier call was ended, with its steps, trials, epochs or bytes.
RESUMED = ("run", "search", "classify", "data")

app = typer.Typer(
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

DataDirectory = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", help="Folder of real data files; else CHAINRULE_DATA, else the user's cache."
    ),
]


def _experiment_names(incomplete: str) -> list[str]:
    """Return what the shell can complete an experiment's name to."""
    from chainrule.experiments import registry

    return [name for name in registry.names() if name.startswith(incomplete)]


def _one_of(*words: str) -> Callable[[str], list[str]]:
    """Return what completes one of a few words."""

    def complete(incomplete: str) -> list[str]:
        return [word for word in words if word.startswith(incomplete)]

    return complete


class UsageError(Exception):
    """A command line that cannot be meant; the message says what to type instead."""


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


@app.command("list")
def list_experiments(as_json: AsJson = False) -> None:
    """List the experiments.

    \b
    chainrule list
    chainrule list --json
    """
    from chainrule.experiments import registry

    experiments = [registry.get(name) for name in registry.names()]
    if as_json:
        fields = ("name", "title", "document", "question", "needs")
        print_json(
            [{field: getattr(experiment, field) for field in fields} for experiment in experiments]
        )
        return
    from chainrule.reporting.console import print_table

    print_table(
        ["experiment", "source", "shows", "needs"],
        [
            [each.name, f"{each.document} {each.question}", each.title, ", ".join(each.needs)]
            for each in experiments
        ],
        fixed=2,
    )


@app.command()
def run(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(help="The experiment.", autocompletion=_experiment_names)
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Run every experiment.")] = False,
    preset: Annotated[
        str, typer.Option(help="quick or full.", autocompletion=_one_of("quick", "full"))
    ] = "quick",
    data: Annotated[
        str,
        typer.Option(
            help="embedded (offline) or real.", autocompletion=_one_of("embedded", "real")
        ),
    ] = "embedded",
    data_directory: DataDirectory = None,
    seed: Annotated[int, typer.Option(help="Seed of every random number.")] = 0,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Run directory; with --all, the folder of run directories."
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A parameter; lists with commas."),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start over in the folder.")] = False,
    as_json: AsJson = False,
) -> int:
    """Run an experiment, or continue one that was interrupted.

    Results go to runs/EXPERIMENT-PRESET-DATA, or to --output. The same command continues an
    unfinished run, and shows a finished one without computing it again.

    \b
    chainrule run digits-3-vs-9
    chainrule run digits-3-vs-9 --data real --preset full
    chainrule run digits-3-vs-9 --set widths=4,8 --output runs/narrow
    chainrule run --all
    """
    from chainrule.experiments import registry
    from chainrule.experiments.helpers import help_out, is_helper
    from chainrule.reporting.terminal import Terminal

    if is_helper():
        help_out(name)
        return OK
    # No window may open, whatever display there is.
    os.environ.setdefault("MPLBACKEND", "Agg")
    terminal = Terminal()
    if every is (name is not None):
        raise UsageError(
            "Name one experiment, or give --all for every one. `chainrule list` shows them."
        )
    if data_directory is not None and data != "real":
        terminal.note("The data are embedded; --data-dir is used only with --data real.")
    options: dict[str, Any] = {
        "preset": preset,
        "data": data,
        "data_directory": data_directory,
        "seed": seed,
        "fresh": fresh,
        "terminal": terminal,
    }
    if name is not None:
        experiment = registry.get(name)
        values = _settings(experiment, settings or [])
        return _run_one(experiment, output, as_json, {**options, "settings": values})
    if settings:
        raise UsageError("--set belongs to one experiment; name it instead of --all.")
    return _run_all(output or RUNS, as_json, context.obj["debug"], options)


@app.command()
def report(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(help="Run directories, or folders of them; runs/ if not given."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The index page; index.html beside the runs."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Build the pages of past runs again, and an index page over them.

    \b
    chainrule report
    chainrule report runs/digits-3-vs-9-quick-embedded runs/narrow -o digits.html
    """
    from chainrule.reporting.index import INDEX, find_runs, rebuild_page, write_index

    paths = [path for folder in runs or [RUNS] for path in find_runs(folder)]
    paths = list(dict.fromkeys(paths))
    if not paths:
        folders = ", ".join(str(folder) for folder in runs or [RUNS])
        raise UsageError(f"There are no runs in {folders}. `chainrule run --all` makes some.")
    summaries, damaged = _read_runs(paths, rebuild_page)
    if output is None:
        output = Path(os.path.commonpath([path.absolute().parent for path in paths])) / INDEX
        output = Path(os.path.relpath(output))
    write_index(summaries, output)
    states = [_state(summary) for summary in summaries]
    states += [{"path": str(path), "state": "damaged"} for path in damaged]
    if as_json:
        print_json({"index": str(output), "runs": states})
    else:
        for state in states:
            print(f"{state['path']}: {state['state']}")
        print(output)
    return WRONG if damaged else OK


@app.command("data")
def data_sets(
    name: Annotated[
        str | None,
        typer.Argument(
            help="mnist, fashion-mnist, cifar10 or all; the state if not given.",
            autocompletion=_one_of("mnist", "fashion-mnist", "cifar10", "all"),
        ),
    ] = None,
    data_directory: DataDirectory = None,
    as_json: AsJson = False,
) -> int:
    """Show what real data there is, or download and verify it.

    \b
    chainrule data                        what is there
    chainrule data mnist                  download and verify
    chainrule data all --data-dir ./data
    """
    from chainrule.data import DATA_SETS, fetch, status

    wanted = list(DATA_SETS) if name in (None, "all") else [str(name)]
    if name is not None:
        for each in wanted:
            fetch(each, data_directory)
    states = [state for state in status(data_directory) if state.data_set in wanted]
    if as_json:
        print_json(
            [
                {
                    "data_set": state.data_set,
                    "file": state.name,
                    "state": state.state,
                    "path": str(state.path),
                    "size": state.size,
                    "problem": state.problem,
                }
                for state in states
            ]
        )
    else:
        from chainrule.reporting.console import print_table
        from chainrule.reporting.numbers import shown

        print_table(
            ["data set", "file", "bytes", "path", "state"],
            [
                [
                    state.data_set,
                    state.name,
                    "" if state.size is None else shown(state.size),
                    str(state.path),
                    state.problem or state.state,
                ]
                for state in states
            ],
            fixed=3,
        )
    return FAILED if any(state.state == "damaged" for state in states) else OK


for _command in (check, explain, source, graph, flow, start, grade, package, selftest, style):
    app.command()(_command)
app.add_typer(classify, name="classify")
app.command()(search)
app.command()(doctor)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after the command's name, those of the process if not given.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    # Wherever it stands, so that it can be added at the end of a command that went wrong.
    debug = "--debug" in words
    command = next((word for word in words if not word.startswith("-")), "")
    without = " without --fresh" if "--fresh" in words else ""
    advice = f"; what is finished is kept, run the same command{without} to resume"
    advice = advice if command in RESUMED else ""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    # Asked to end, it ends as on Ctrl-C: helpers stop, temporary files go, what is done stays.
    with contextlib.suppress(ValueError):  # only the main thread may ask for signals
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, signal.default_int_handler)
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
        print(f"chainrule: {_sentence(error)}", file=sys.stderr)
        return WRONG
    if status == INTERRUPTED and command != "check":  # which says itself where it was
        print(f"Interrupted{advice}.", file=sys.stderr)
    return status or OK


def _run_one(
    experiment: Experiment, output: Path | None, as_json: bool, options: dict[str, Any]
) -> int:
    """Run one experiment and print its result."""
    from chainrule.experiments.runner import run_experiment
    from chainrule.reporting.claims import exit_status
    from chainrule.reporting.console import claim_rows, print_table

    result = run_experiment(experiment, output=output, **options).result
    if as_json:
        print_json(result)
    elif result["claims"]:
        print_table(
            ["claim", "measured", "expected", "outcome"],
            [row[1:] for row in claim_rows(experiment.name, result)],
            fixed=0,
        )
    if not as_json:
        print(result["report"])
    return exit_status(claim["holds"] for claim in result["claims"])


def _run_all(folder: Path, as_json: bool, debug: bool, options: dict[str, Any]) -> int:
    """Run every experiment, print the table of claims, and last the path of the index page."""
    from chainrule.experiments.batch import run_every_experiment
    from chainrule.reporting.claims import exit_status
    from chainrule.reporting.console import claim_rows, print_table
    from chainrule.reporting.files import RunDirectoryError
    from chainrule.reporting.index import INDEX, find_runs, write_index

    results: list[dict[str, Any]] = []
    rows: list[list[str]] = []
    broken = False
    for attempt in run_every_experiment(folder, **options):
        if attempt.outcome is not None:
            results.append(attempt.outcome.result)
            options["terminal"].note(f"{attempt.name}: {_in_short(attempt.outcome.result)}")
            rows += claim_rows(attempt.name, attempt.outcome.result)
        elif attempt.error is not None:
            if debug:
                raise attempt.error
            options["terminal"].note(f"{attempt.name}: {_sentence(attempt.error)}")
            rows.append([attempt.name, _sentence(attempt.error), "", "", "error"])
            broken = True
        else:
            cure = f"needs pip install 'chainrule[{','.join(attempt.missing)}]'"
            rows.append([attempt.name, cure, "", "", "not run"])
    index: Path | None = folder / INDEX
    try:
        if folder.is_dir():
            write_index(_read_runs(find_runs(folder))[0], folder / INDEX)
    except RunDirectoryError as error:  # after which the results are all the more worth showing
        options["terminal"].note(f"chainrule: {error}")
        index, broken = None, True
    if as_json:
        print_json(results)
    else:
        print_table(["experiment", "claim", "measured", "expected", "outcome"], rows)
        claims = sum(len(result["claims"]) for result in results)
        held = sum(claim["holds"] is True for result in results for claim in result["claims"])
        of = counted(len(results), "experiment")
        over = "; the page over them:" if index else "."
        options["terminal"].note(f"{held} of {claims} claims of {of} held{over}")
        if index:
            print(index)
    outcomes = [claim["holds"] for result in results for claim in result["claims"]]
    return WRONG if broken else exit_status(outcomes)


def _in_short(result: dict[str, Any]) -> str:
    """Return what came of an experiment in a few words."""
    from chainrule.reporting.page import claims_summary

    summary = claims_summary([claim["holds"] for claim in result["claims"]])
    return f"{summary['sentence'].lower()}, {result['seconds']:.1f} s"


def _settings(experiment: Experiment, texts: Sequence[str]) -> dict[str, Any]:
    """Return the values that --set gives, by the types of the experiment's parameters."""
    values: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(
                f"--set takes NAME=VALUE and got {text!r}. `chainrule run {experiment.name} "
                "--set NAME=VALUE` sets one parameter; repeat it for more."
            )
        values[name.strip()] = experiment.parameter(name.strip()).parse(value)
    return values


def _read_runs(
    paths: Sequence[Path], visit: Callable[[RunSummary], Any] | None = None
) -> tuple[list[RunSummary], list[Path]]:
    """Return what run directories hold, visited, and those that are damaged, each with a note."""
    from chainrule.reporting.files import RunDirectoryError
    from chainrule.reporting.index import read_run

    summaries, damaged = [], []
    for path in paths:
        try:
            summary = read_run(path)
            if visit is not None and summary.result is not None:
                visit(summary)
        except RunDirectoryError as error:
            print(f"chainrule: {error}", file=sys.stderr)
            damaged.append(path)
        else:
            summaries.append(summary)
    return summaries, damaged


def _state(run: RunSummary) -> dict[str, Any]:
    """Return a run of the index as JSON."""
    return {
        "path": str(run.path),
        "state": "unfinished" if run.result is None else "finished",
        "experiment": run.config["experiment"],
        "preset": run.config["preset"],
        "data": run.config["data"],
        "report": run.result["report"] if run.result else None,
    }


def _sentence(error: Exception) -> str:
    """Return an error as the user reads it: its own sentence, or that it was not foreseen."""
    from chainrule.data import DataError
    from chainrule.engine.errors import ChainruleError
    from chainrule.experiments.experiment import ExperimentError
    from chainrule.reporting.files import RunDirectoryError

    own = (UsageError, ExperimentError, RunDirectoryError, DataError, ChainruleError)
    if isinstance(error, own):
        return str(error)
    if hasattr(error, "format_message"):
        message = error.format_message()
        if not message.endswith((".", "?", "!")):
            message += "."
        return f"{message} `--help` after the command shows its options."
    message = str(error).rstrip(".")
    return (
        f"Internal error: {type(error).__name__}: {message}. The same command with --debug shows "
        "where."
    )


if __name__ == "__main__":
    sys.exit(main())
