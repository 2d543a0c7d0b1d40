"""Grading: each part of a submission in a process of its own, the verdict formed here."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.grading.child.calls import Work, perform
from chainrule.grading.errors import GradingError
from chainrule.grading.exercise import Exercise, Inputs, Part, Values, load, reference_module
from chainrule.grading.judging import Answer, Judgement, judge
from chainrule.grading.result import Grade, PartResult, Status, printable
from chainrule.grading.runner import Limits, Session, Stopped
from chainrule.grading.sentences import not_judged, notes_on_file, raised, said
from chainrule.grading.submission import Submission, read_submission


def grade(
    exercise: Exercise | str | Path,
    submission: Submission | str | Path,
    parts: Iterable[str] | None = None,
    *,
    seed: int = 0,
    limits: Limits | None = None,
    on_part: Callable[[Grade], None] | None = None,
    private: Iterable[Path] = (),
) -> Grade:
    """Grade what a student handed in.

    Parameters
    ----------
    exercise : Exercise, str or Path
        An exercise, its name or its folder.
    submission : Submission, str or Path
        A ``.py`` or ``.ipynb`` file.
    parts : iterable of str, optional
        Names of the parts to grade; all of them by default.
    seed : int
        Of the inputs; the submission never sees it. The same seed gives the same grade.
    limits : Limits, optional
        Time and memory for each part.
    on_part : callable, optional
        Called with what is known after each part; the parts still to come stand in it as not
        graded, with no points.
    private : iterable of Path
        Folders that the submission may not read, besides those of the exercises.

    Returns
    -------
    Grade
        A file that cannot be read has a ``message`` and no points; no part of it raises.

    Raises
    ------
    GradingError
        There is no such exercise or part.
    """
    found = exercise if isinstance(exercise, Exercise) else load(exercise)
    chosen = found.chosen(parts)
    if not isinstance(submission, Submission):
        path = Path(submission)
        try:
            submission = read_submission(path)
        except GradingError as error:
            message = printable(str(error))
            nothing = tuple(ungraded(part, "error", message) for part in chosen)
            grade = Grade(found.name, found.title, printable(path.name), nothing, (), message)
            if on_part is not None:
                on_part(grade)
            return grade
    if any(part.loss is not None for part in chosen):
        # Before any of a submission runs: what is loaded cannot be changed under our hands.
        import chainrule.checking.check  # noqa: F401
    grader = _Grader(found, submission, seed, limits or Limits(), (found.folder, *private))
    results: list[PartResult] = []
    current = grader.summary(results, chosen)
    for part in chosen:
        results.append(grader.part(part))
        current = grader.summary(results, chosen)
        if on_part is not None:
            on_part(current)
    return current


def ungraded(part: Part, status: Status, message: str) -> PartResult:
    """A part without points, and why."""
    return PartResult(part.name, part.title, part.points, 0.0, status, message)


def cases_of(exercise: Exercise, part: Part, rng: np.random.Generator) -> list[Inputs]:
    """The inputs on which a part is tried.

    Parameters
    ----------
    exercise : Exercise
    part : Part
    rng : Generator

    Returns
    -------
    list of dict
        One at least.

    Raises
    ------
    GradingError
        The exercise's own function fails, or gives something else.
    """
    where = f"the cases of part {part.name} in {exercise.folder.name}/exercise.py"
    try:
        cases = part.cases(rng)
    except Exception as error:
        raise GradingError(f"{where} fail: {type(error).__name__}: {error}.") from error
    rightly = isinstance(cases, list | tuple) and all(isinstance(each, dict) for each in cases)
    if not rightly or not cases:
        found = "nothing" if cases is None or (rightly and not cases) else f"{cases!r:.60}"
        raise GradingError(f"{where} give {found}; return a list of inputs by name, one at least.")
    return list(cases)


class _Grader:
    """One submission to one exercise."""

    def __init__(
        self,
        exercise: Exercise,
        submission: Submission,
        seed: int,
        limits: Limits,
        private: tuple[Path, ...],
    ) -> None:
        self.private = private
        self.exercise, self.submission = exercise, submission
        self.seed, self.limits = seed, limits
        self.driver: dict[str, Any] = {"__name__": "calls"}
        exec(compile(exercise.driver(), "calls.py", "exec"), self.driver)
        self.reference = Work(reference_module(exercise))
        self.wrong: set[str] = set()
        self.known: set[str] = set()
        # Statements that train for hours are waited for once, not for every part.
        self.slow: dict[int, None] = {}
        self.notes: dict[str, None] = dict.fromkeys(submission.notes)

    def summary(self, results: list[PartResult], chosen: tuple[Part, ...]) -> Grade:
        """What is known so far."""
        later = [ungraded(p, "error", "Not graded yet.") for p in chosen[len(results) :]]
        return Grade(
            self.exercise.name, self.exercise.title, printable(self.submission.name),
            (*results, *later), tuple(self.notes),
        )  # fmt: skip

    def part(self, part: Part) -> PartResult:
        """Grade one part; again with right functions of earlier parts if theirs were wrong."""
        result = self._attempt(part, ())
        given = tuple(n for n in part.builds_on if n in self.wrong or n not in self.known)
        if given and result.score < part.points:
            again = self._attempt(part, given)
            if again.score > result.score:
                result = again
        self.known.update(part.hands_in)
        if result.status != "right":
            # Where each function is judged by its own value, only the wrong ones.
            named = {value for finding in result.findings for value in finding.values}
            self.wrong.update(named & set(part.hands_in) or part.hands_in)
        return result

    def _attempt(self, part: Part, given: tuple[str, ...]) -> PartResult:
        started = time.monotonic()
        session = Session(
            self.submission.text, self.exercise.driver(), self.limits, given, self._right,
            self.private, tuple(self.slow),
        )  # fmt: skip
        judgement, status, message = None, None, ""
        try:
            with session:
                self.notes.update(dict.fromkeys(notes_on_file(session, self.submission)))
                self.slow.update(
                    (note["statement"], None)
                    for note in session.notes
                    if note.get("type") == "TimeoutError"
                )
                outcome = self._answers(part, session)
                if isinstance(outcome, Judgement):
                    judgement = outcome
                else:
                    status, message = outcome
        except Stopped as stop:
            status, message = said(stop, self.limits)
        seconds = time.monotonic() - started
        score = 0.0
        if judgement is not None:
            score = round(part.points * judgement.share, 4)
            status = "right" if judgement.share > 1 - 1e-9 else "partly right"
            status = status if score > 0 else "wrong"
        assert status is not None
        return PartResult(
            part.name, part.title, part.points, score, status, message,
            judgement.findings if judgement else (), judgement.notes if judgement else (),
            given if judgement else (), session.output, seconds,
        )  # fmt: skip

    def _answers(self, part: Part, session: Session) -> Judgement | tuple[Status, str]:
        """The verdict, or why there is nothing to judge."""
        number = self.exercise.parts.index(part)
        cases = cases_of(self.exercise, part, np.random.default_rng([self.seed, number]))
        answers: list[Answer] = []
        expected: list[Values] = []
        shared: set[str] = set()
        for seed, inputs in enumerate(cases):
            reply = session.call(part.call, part.hands_in, inputs, seed)
            stopped = not_judged(reply, part, session, self.submission, self.limits)
            if stopped is not None:
                return stopped
            answers.append(self._answer(inputs, reply))
            true = self._expected(part, inputs, seed)
            expected.append(true.values)
            shared.update(true.shared)
        # Another seed, so that a submission that draws numbers shows it.
        reply = session.call(part.call, part.hands_in, cases[0], len(cases))
        stopped = not_judged(reply, part, session, self.submission, self.limits)
        if stopped is not None:
            return stopped

        def gradient(**arrays: Any) -> Any:
            found = session.call(part.call, part.hands_in, arrays)
            if "error" in found or found["errors"]:
                raise ValueError("the submission fails on a probe")
            return found["values"]

        again = self._answer(cases[0], reply)
        if part.earlier:
            answers = [
                replace(answer, earlier=self._earlier(part, session, answer.inputs, seed))
                for seed, answer in enumerate(answers)
            ]
        # A warning about a submission's numbers is none about ours, and nbgrader would take what
        # is written to stderr for a failure.
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return judge(part, answers, again, expected, gradient, frozenset(shared))

    def _answer(self, inputs: Inputs, reply: Mapping[str, Any]) -> Answer:
        errors = {name: raised(error, self.submission) for name, error in reply["errors"].items()}
        values = dict(reply["values"])
        return Answer(inputs, values, errors, tuple(reply["changed"]), tuple(reply["shared"]))

    def _earlier(self, part: Part, session: Session, inputs: Inputs, seed: int) -> Values:
        """The submission's own values of earlier parts; one that fails costs nothing here."""
        found: Values = {}
        for name in part.earlier:
            try:
                reply = session.call(name if name in self.driver else "", (name,), inputs, seed)
            except Stopped:
                break
            for key, value in reply.get("values", {}).items():
                found.update(value if isinstance(value, dict) else {key: value})
        return found

    def _expected(self, part: Part, inputs: Inputs, seed: int) -> Answer:
        job = {"call": part.call, "names": part.hands_in, "inputs": inputs, "seed": seed}
        reply = perform(self.driver, self.reference, job)
        if reply["errors"]:
            name, error = next(iter(reply["errors"].items()))
            raise GradingError(
                f"reference.py of {self.exercise.name} fails in {name}: {error['type']}: "
                f"{error['message']}."
            )
        return self._answer(inputs, reply)

    def _right(self, name: str, arguments: list[Any]) -> Any:
        return self.reference[name](*arguments)
