"""The code of a notebook as one Python text, cell after cell, without magics."""

from __future__ import annotations

import sys
from pathlib import Path

from chainrule.commands.users_code import UserFileError
from chainrule.grading.errors import GradingError
from chainrule.grading.submission import code_cells

_cells: dict[Path, list[int]] = {}


def notebook_code(path: Path) -> str:
    """The code cells of a notebook as one text.

    Lines that only a notebook understands (``%matplotlib inline``, ``!pip``) become comments, as do
    cells that do not parse, so that line numbers count through the code cells.

    Raises
    ------
    UserFileError
        The file is no notebook.
    """
    try:
        cells, notes = code_cells(path)
    except GradingError as error:
        raise UserFileError(str(error)) from None
    for note in notes:
        print(f"chainrule: {path}: {note}", file=sys.stderr)
    cells = [_stripped(cell) for cell in cells]
    _cells[path] = [len(cell) for cell in cells]
    return "\n".join("\n".join(cell) for cell in cells) + "\n"


def place_in_notebook(path: Path, line: int) -> str:
    """A line of that text as its reader knows it: ``line 4 of code cell 3``; or nothing."""
    for number, length in enumerate(_cells.get(path, ()), 1):
        if line <= length:
            return f"line {line} of code cell {number}"
        line -= length
    return ""


def _stripped(cell: list[str]) -> list[str]:
    """A cell without the line that its last newline would begin."""
    return cell[:-1] if len(cell) > 1 and not cell[-1] else cell
