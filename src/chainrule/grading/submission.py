"""A submission's file as Python text: a program, or the code cells of a notebook without magics."""

from __future__ import annotations

import ast
import json
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chainrule.grading.errors import GradingError

LARGEST = 20 * 2**20
#: What a submission's name ends with.
ENDINGS = (".py", ".ipynb")
_MAGIC = re.compile(r"^(\s*)(?:%{1,2}|!|\?)\S*")
_HELP = re.compile(r"^\s*[\w.]+\?{1,2}\s*$")
_ASSIGNED_MAGIC = re.compile(r"^(\s*)([\w, ]+?)\s*=\s*[%!].*$")
#: Cell magics whose cell is still Python.
_TIMING = ("%%time", "%%timeit", "%%capture", "%%prun")


@dataclass(frozen=True)
class Submission:
    """What was handed in.

    Attributes
    ----------
    name : str
        The file's name.
    text : str
        Python that parses.
    cells : tuple of int
        First line in ``text`` of each notebook cell; empty for a program.
    notes : tuple of str
        What was left out of it.
    """

    name: str
    text: str
    cells: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()

    def place(self, line: int | None) -> str:
        """A line as the student knows it: ``line 12`` or ``cell 3, line 4``."""
        if line is None:
            return "an unknown line"
        if not self.cells:
            return f"line {line}"
        cell = sum(1 for start in self.cells if start <= line)
        return f"cell {cell}, line {line - self.cells[cell - 1] + 1}" if cell else f"line {line}"

    def line(self, number: int | None) -> str:
        """The text of a line.

        Parameters
        ----------
        number : int or None
            From 1.

        Returns
        -------
        str
            Empty where there is no such line.
        """
        lines = self.text.split("\n")
        known = number is not None and 1 <= number <= len(lines)
        return lines[(number or 0) - 1].strip() if known else ""


def read_submission(path: Path) -> Submission:
    """Read what was handed in.

    Parameters
    ----------
    path : Path
        A file .py or .ipynb.

    Returns
    -------
    Submission

    Raises
    ------
    GradingError
        The file is missing, no text, no notebook, too large, or does not parse; the message names
        the line.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise GradingError(f"{path} {what}; give the path of a .py or .ipynb file.")
    if path.stat().st_size > LARGEST:
        raise GradingError(
            f"{path} has {path.stat().st_size // 2**20} MB; at most {LARGEST // 2**20} MB are "
            "graded. Clear the outputs of the notebook."
        )
    if path.suffix.lower() == ".ipynb":
        return _notebook(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise GradingError(f"{path} is no UTF-8 text; save it as a Python file.") from None
    except OSError as error:
        raise GradingError(f"{path} cannot be read: {error.strerror or error}.") from None
    _parse(path, text, Submission(path.name, text))
    return Submission(path.name, text)


def _parse(path: Path, text: str, known: Submission) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except SyntaxError as error:
        quoted = f": {error.text.strip()}" if error.text else ""
        raise GradingError(
            f"{path} does not parse ({error.msg}) at {known.place(error.lineno)}{quoted}."
        ) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise GradingError(f"{path} cannot be read as Python: {error}.") from None


def _notebook(path: Path) -> Submission:
    cells, notes = code_cells(path)
    lines: list[str] = []
    starts: list[int] = []
    for cell in cells:
        starts.append(len(lines) + 1)
        lines += [*cell, ""]
    text = "\n".join(lines)
    submission = Submission(path.name, text, tuple(starts), notes)
    _parse(path, text, submission)
    return submission


def code_cells(path: Path) -> tuple[list[list[str]], tuple[str, ...]]:
    """The lines of a notebook's code cells, and what was left out of them.

    Parameters
    ----------
    path : Path

    Returns
    -------
    cells : list of list of str
        As many lines as in the notebook; magics and cells that do not parse are comments.
    notes : tuple of str

    Raises
    ------
    GradingError
        It is no notebook.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
        # Version 3 kept cells in worksheets and code in `input`.
        sheets = found.get("worksheets", [found])
        cells = [cell for sheet in sheets for cell in sheet["cells"]]
        sources = [
            cell.get("source", cell.get("input", ""))
            for cell in cells
            if cell["cell_type"] == "code"
        ]
        sources = [each if isinstance(each, str) else "".join(each) for each in sources]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise GradingError(
            f"{path} is no notebook; download it again as .ipynb, or hand in a .py file."
        ) from None
    kept_cells: list[list[str]] = []
    notes: list[str] = []
    for number, source in enumerate(sources, 1):
        kept = _without_magics(source)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ast.parse("\n".join(kept))
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            line = getattr(error, "lineno", None) or 1
            reason = getattr(error, "msg", error)
            notes.append(f"Cell {number} does not parse ({reason}) at its line {line}; left out.")
            kept = [f"# {each}" for each in kept]
        kept_cells.append(kept)
    return kept_cells, tuple(notes)


def _without_magics(source: str) -> list[str]:
    """A cell's lines as Python; as many as there were."""
    lines = source.split("\n")
    first = next((line.strip() for line in lines if line.strip()), "")
    if first.startswith("%%") and not first.startswith(_TIMING):
        return [f"# {line}" for line in lines]
    inside = _inside_strings(lines)
    return [line if n in inside else _plain(line) for n, line in enumerate(lines, 1)]


def _plain(line: str) -> str:
    assigned = _ASSIGNED_MAGIC.match(line)
    if assigned:
        return f"{assigned[1]}{assigned[2]} = None"
    magic = _MAGIC.match(line)
    if magic or _HELP.match(line):
        indent = magic[1] if magic else ""
        return f"{indent}pass  # {line.strip()}"
    return line


def _inside_strings(lines: list[str]) -> set[int]:
    """Lines that continue a string or an expression: a % there is no magic."""
    try:
        tree = ast.parse("\n".join(lines))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    inside: set[int] = set()
    for node in ast.walk(tree):
        found: Any = node
        if isinstance(node, ast.expr) and (found.end_lineno or 0) > found.lineno:
            inside.update(range(found.lineno + 1, found.end_lineno + 1))
    return inside


def find_submission(folder: Path, name: str) -> Path:
    """The file to grade: the one named for the exercise, else the only ``.py`` or ``.ipynb``.

    Raises
    ------
    GradingError
        There is none, or several and none has the exercise's name.
    """
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in ENDINGS
        and path.is_file()
        and not any(part.startswith((".", "__")) for part in path.relative_to(folder).parts)
    )
    stem = name.replace("-", "_")
    named = [path for path in found if path.stem.lower().replace("-", "_") == stem]
    if len(named) == 1:
        return named[0]
    if len(found) == 1:
        return found[0]
    if not found:
        raise GradingError(f"There is no .py or .ipynb file; hand in {stem}.py or {stem}.ipynb.")
    given = ", ".join(str(path.relative_to(folder)) for path in found[:6])
    raise GradingError(
        f"It is not clear which file to grade ({given}); name one of them {stem}{found[0].suffix}."
    )
