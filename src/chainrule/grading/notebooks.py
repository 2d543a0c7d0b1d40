"""Grading inside notebooks: a number for nbgrader, an assertion for otter and unittest."""

from __future__ import annotations

import os
from pathlib import Path

from chainrule.grading.exercise import Exercise
from chainrule.grading.formats.plain import text
from chainrule.grading.grading import grade
from chainrule.grading.result import PartResult, shown


def nbgrader_points(
    exercise: Exercise | str | Path,
    part: str,
    submission: str | os.PathLike[str],
    points: float | None = None,
    *,
    seed: int = 0,
) -> float:
    """Points for one part, as the last line of an nbgrader test cell.

    nbgrader reads partial credit from a plain number as the cell's result, and gives nothing where
    anything stands on stderr: so this returns a float, prints what is wrong, and never raises
    because of the submission.

    Parameters
    ----------
    exercise : Exercise, str or Path
    part : str
        Name of the part.
    submission : str or path
        The student's ``.ipynb`` or ``.py``; in nbgrader the notebook's own file.
    points : float, optional
        What the cell is worth, if not what the part is.
    seed : int
        Of the inputs.

    Returns
    -------
    float
        Between 0 and ``points``.
    """
    found = grade(exercise, Path(submission), [part], seed=seed)
    print(text(found), end="")
    worth = found.points if points is None else points
    share = found.parts[0].score / found.points if found.points else 0.0
    return float(min(worth, round(worth * share, 4)))


def assert_part(
    exercise: Exercise | str | Path,
    part: str,
    submission: str | os.PathLike[str],
    *,
    seed: int = 0,
) -> None:
    """Raise an AssertionError whose text is the diagnosis unless the part has full marks.

    For otter's test cases, unittest and pytest.

    Parameters
    ----------
    exercise : Exercise, str or Path
    part : str
    submission : str or path
        The student's ``.ipynb`` or ``.py``.
    seed : int
        Of the inputs.
    """
    found = grade(exercise, Path(submission), [part], seed=seed)
    (result,) = found.parts
    if result.status != "right":
        raise AssertionError(_diagnosis(result))


def _diagnosis(result: PartResult) -> str:
    head = f"{result.name} {result.title}: {shown(result.score)} of {shown(result.points)} points"
    return "\n".join([head, *result.sentences()])
