"""What an exercise of a teacher's own must be, so that no submission pays for a slip in it."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule.grading.child.calls import Work, perform
from chainrule.grading.errors import GradingError
from chainrule.grading.exercise import Exercise, Inputs, Part, reference_module
from chainrule.grading.grading import cases_of, grade
from chainrule.grading.result import shown
from chainrule.grading.runner import Limits
from chainrule.grading.submission import read_submission


def check_form(exercise: Exercise) -> None:
    """Refuse an exercise that cannot be meant, without running anything of it.

    Parameters
    ----------
    exercise : Exercise

    Raises
    ------
    GradingError
        The first thing that is wrong, with the part and the cure.
    """
    read_submission(exercise.reference_path)  # which says where it does not parse
    for sentence in _slips_of_form(exercise):
        raise GradingError(f"{exercise.folder.name}/exercise.py: {sentence}")


def _slips_of_form(exercise: Exercise) -> Iterator[str]:
    if not re.fullmatch(r"\w[\w -]*", exercise.name):
        yield (
            f"the name {exercise.name!r} becomes the name of a file; use letters, digits, - and _."
        )
    if not exercise.parts:
        yield 'it has no parts; give one, such as parts=(Part("1", "the loss", …),).'
    seen: set[str] = set()
    functions = _functions_of(exercise)
    for part in exercise.parts:
        if part.name in seen:
            yield f"two parts are called {part.name!r}; points and seeds go by the name."
        seen.add(part.name)
        for sentence in _slips_of_part(part, functions):
            yield f"part {part.name}: {sentence}"


def _slips_of_part(part: Part, functions: set[str]) -> Iterator[str]:
    if not (isinstance(part.points, int | float) and 0 < part.points < math.inf):
        yield f"it is worth {part.points} points; give a number above 0."
    if isinstance(part.hands_in, str) or not part.hands_in:
        yield (
            f"it hands in {part.hands_in!r}; give a tuple of names, such as "
            f"({(part.hands_in or 'loss')!r},)."
        )
    if not callable(part.cases):
        yield "its cases are no function; write cases(rng) that returns a list of inputs by name."
    if part.call and part.call not in functions:
        yield f"calls.py has no function {part.call!r}; write it there, or leave call out."
    if part.parameters and part.loss is None:
        yield "it names parameters and no loss to differentiate by them; give loss=."
    for code, share in part.deductions.items():
        if not 0 <= share <= 1:
            yield f"{code} costs {share} of its points; a deduction is a share between 0 and 1."
        if not _is_code(code):
            yield f"there is no mistake {code!r} to deduct for; `chainrule explain G201` shows one."


def _is_code(code: str) -> bool:
    """Whether it is a mistake, or the beginning of some."""
    from chainrule.checking.mistakes import MISTAKES

    return len(code) > 1 and any(known.startswith(code) for known in MISTAKES)


def _functions_of(exercise: Exercise) -> set[str]:
    """The names that ``calls.py`` gives at its top."""
    if not exercise.driver():
        return set()
    names: set[str] = set()
    text = read_submission(exercise.folder / "calls.py").text
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
    return names


def check_reference(exercise: Exercise, limits: Limits | None = None, seed: int = 0) -> None:
    """Refuse an exercise whose own solution has not full marks, or is no gradient of its loss.

    Parameters
    ----------
    exercise : Exercise
    limits : Limits, optional
        Of each part.
    seed : int
        Of the inputs.

    Raises
    ------
    GradingError
        What the solution gets wrong, by part.
    """
    path = exercise.reference_path
    found = grade(exercise, read_submission(path), limits=limits, seed=seed)
    for result in found.parts:
        if result.status != "right":
            why = " ".join(result.sentences()) or result.status
            raise GradingError(
                f"{path.parent.name}/{path.name} itself has {shown(result.score)} of "
                f"{shown(result.points)} points for part {result.name}: {why}"
            )
    for number, part in enumerate(exercise.parts):
        if part.loss is not None:
            inputs = cases_of(exercise, part, np.random.default_rng([seed, number]))[0]
            _check_gradient(exercise, part, inputs)


def _check_gradient(exercise: Exercise, part: Part, inputs: Inputs) -> None:
    """Compare the solution of a part with the derivative of the loss that it names."""
    from chainrule.checking.check import check

    driver: dict[str, Any] = {"__name__": "calls"}
    exec(compile(exercise.driver(), "calls.py", "exec"), driver)
    work = Work(reference_module(exercise))

    def gradient(**arrays: Any) -> Any:
        job = {"call": part.call, "names": part.hands_in, "inputs": arrays, "seed": 0}
        return perform(driver, work, job)["values"]

    assert part.loss is not None
    report = check(part.loss, gradient, inputs, parameters=part.parameters)
    if report.verdict in ("wrong", "error"):
        causes = [f"{cause.code} {cause.name}: {cause.evidence}" for cause in report.causes]
        why = " ".join([report.message, *causes[:1]]).strip()
        raise GradingError(
            f"part {part.name} of {exercise.folder.name}: the gradient of reference.py is not that "
            f"of loss= in exercise.py. {why}"
        )
