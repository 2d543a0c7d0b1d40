"""``chainrule data``: what real data there is, and its download."""

from __future__ import annotations

from typing import Annotated

import typer

from chainrule.commands.outcome import FAILED, OK
from chainrule.commands.output import AsJson, DataDirectory, one_of, print_json


def data_sets(
    name: Annotated[
        str | None,
        typer.Argument(
            help="mnist, fashion-mnist, cifar10 or all; the state if not given.",
            autocompletion=one_of("mnist", "fashion-mnist", "cifar10", "all"),
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
