"""The file that is handed out: the reference without its solutions, as a program or a notebook."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

from chainrule.grading.errors import GradingError
from chainrule.grading.exercise import Exercise

_BEGIN, _END = "# BEGIN SOLUTION", "# END SOLUTION"
_PART = re.compile(r"^# Part (\S+?)\.")


def starter(exercise: Exercise) -> str:
    """The starter as a Python program.

    What stands in ``reference.py`` between ``# BEGIN SOLUTION`` and ``# END SOLUTION`` becomes
    ``raise NotImplementedError``; everything else is handed out as it is.

    Parameters
    ----------
    exercise : Exercise

    Returns
    -------
    str

    Raises
    ------
    GradingError
        A solution is not closed, or there is none.
    """
    path = exercise.reference_path
    kept: list[str] = []
    opened = 0
    part = ""
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        marker = line.strip()
        named = _PART.match(marker)
        part = named[1] if named else part
        if marker == _BEGIN:
            if opened:
                raise GradingError(
                    f"{path} opens a solution at line {opened} and again at {number}."
                )
            opened = number
            what = f'"part {part}"' if part else ""
            kept.append(
                f"{line[: len(line) - len(line.lstrip())]}raise NotImplementedError({what})"
            )
        elif marker == _END:
            if not opened:
                raise GradingError(f"{path} closes a solution at line {number} that is not open.")
            opened = 0
        elif not opened:
            kept.append(line)
    if opened:
        raise GradingError(f"{path} opens a solution at line {opened} and does not close it.")
    if not any("raise NotImplementedError" in line for line in kept):
        raise GradingError(f"{path} marks no solution; write {_BEGIN} and {_END} around them.")
    return "\n".join(kept)


def starter_notebook(exercise: Exercise) -> str:
    """The starter as a notebook: the head as text, then a cell for each class and function.

    Parameters
    ----------
    exercise : Exercise

    Returns
    -------
    str
        JSON, to be written to a file .ipynb.

    Raises
    ------
    GradingError
        As `starter`.
    """
    text = starter(exercise)
    lines = text.split("\n")
    cells: list[dict[str, Any]] = []
    body = ast.parse(text).body
    start = 0
    imports: list[str] = []
    for node in body:
        end = node.end_lineno or node.lineno
        block = "\n".join(lines[start:end]).strip("\n")
        start = end
        head = ast.get_docstring(ast.Module([node], [])) if not cells else None
        if head is not None:
            cells.append(_cell("markdown", f"# {exercise.title}\n\n{head}"))
        elif isinstance(node, ast.Import | ast.ImportFrom) and len(cells) <= 1:
            imports.append(block)
        else:
            if imports:
                cells.append(_cell("code", "\n".join(imports)))
                imports = []
            if _is_script(node):
                # A notebook is not imported, so the guard is only noise there.
                block = "\n".join(line.removeprefix("    ") for line in lines[node.lineno : end])
            elif block.startswith("# Part "):
                heading, _, block = block.partition("\n")
                cells.append(_cell("markdown", "## " + heading.removeprefix("# ")))
            cells.append(_cell("code", block))
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    notebook = {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def _is_script(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "__main__" in ast.unparse(node.test)


def _cell(kind: str, source: str) -> dict[str, Any]:
    cell: dict[str, Any] = {
        "cell_type": kind, "metadata": {}, "source": source.splitlines(keepends=True),
    }  # fmt: skip
    return {**cell, "execution_count": None, "outputs": []} if kind == "code" else cell


def hand_out(exercise: Exercise, folder: Path, notebook: bool = False) -> Path:
    """Write the starter into a folder, and never over anything.

    Parameters
    ----------
    exercise : Exercise
    folder : Path
        Made if it is not there.
    notebook : bool
        Whether a notebook is written, and not a program.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    GradingError
        The file is already there, or the folder cannot be written.
    """
    name = exercise.name.replace("-", "_") + (".ipynb" if notebook else ".py")
    path = folder / name
    text = starter_notebook(exercise) if notebook else starter(exercise)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            try:
                file.write(text)
                file.flush()
            except OSError:
                path.unlink()  # a part of it would be in the way of the next try
                raise
    except FileExistsError:
        raise GradingError(
            f"{path} is already there and stays as it is; give another folder with -o."
        ) from None
    except OSError as error:
        raise GradingError(f"{path} cannot be written: {error.strerror or error}.") from None
    return path
