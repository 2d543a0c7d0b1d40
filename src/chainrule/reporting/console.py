"""Tables on a terminal: in colour there, plain in a pipe or where NO_COLOR is set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chainrule.reporting.claims import verdict
from chainrule.reporting.numbers import shown

_STYLES = {"held": "green", "not held": "bold red", "not decided": "yellow"}
WIDTH_IN_A_PIPE = 120


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    fixed: int = 1,
    outcome: bool = True,
) -> None:
    """Print a table of texts to standard output.

    Parameters
    ----------
    columns : sequence of str
    rows : iterable of sequences of str
        An outcome of a claim as the last cell is coloured.
    fixed : int
        How many columns, from the left, are never wrapped.
    outcome : bool
        The last column holds one word and is never wrapped; otherwise it takes the room left.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDTH_IN_A_PIPE
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for index, column in enumerate(columns):
        table.add_column(
            column,
            no_wrap=index < fixed or (outcome and index == len(columns) - 1),
            # Sentences stand in the first column that wraps; the figures leave them the room.
            max_width=console.width // 5 if outcome and index > fixed else None,
        )
    for row in rows:
        table.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    console.print(table)


def claim_rows(name: str, result: Mapping[str, Any]) -> list[list[str]]:
    """Return the table rows of a result's claims: experiment, claim, measured, expected, held."""
    return [
        [
            name,
            claim["statement"],
            shown(claim["measured"], powers=False),
            shown(claim["expected"], powers=False),
            verdict(claim["holds"]),
        ]
        for claim in result["claims"]
    ]
