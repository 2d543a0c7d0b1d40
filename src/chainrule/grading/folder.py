"""A folder of submissions: each graded once and kept, with tables beside the results."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path

from chainrule.grading.course import Course
from chainrule.grading.errors import GradingError
from chainrule.grading.exercise import Exercise, Part
from chainrule.grading.formats import ENDINGS, FORMATS
from chainrule.grading.formats.course import TABLES, course_html
from chainrule.grading.grading import grade, ungraded
from chainrule.grading.result import Grade, printable
from chainrule.grading.runner import Limits
from chainrule.grading.submission import ENDINGS as SUBMISSIONS
from chainrule.grading.submission import LARGEST, find_submission
from chainrule.programs.whole_files import replacing

RESULTS, FEEDBACK = "results", "feedback"
#: Most file systems take names of 255 bytes; ours get an ending.
_LONGEST = 200


@dataclass(frozen=True)
class HandedIn:
    """One student's file in a folder of submissions.

    Attributes
    ----------
    name : str
        Of the file or of the student's folder.
    path : Path or None
        What is graded.
    problem : str
        Why there is nothing to grade.
    """

    name: str
    path: Path | None
    problem: str = ""

    @property
    def stem(self) -> str:
        """What the files about it are called; safe on every file system."""
        if len(self.name.encode("utf-8", "surrogateescape")) <= _LONGEST:
            return self.name
        digest = hashlib.sha256(self.name.encode("utf-8", "surrogateescape")).hexdigest()
        return f"{self.name[:40]}-{digest[:12]}"


def handed_in(folder: Path, exercise: str, output: Path) -> tuple[list[HandedIn], list[str]]:
    """The submissions in a folder, and the names of what is none.

    Every ``.py`` and ``.ipynb`` is a submission, and so is every folder with one in it, as learning
    platforms download them. Hidden names are passed over.

    Raises
    ------
    GradingError
        The folder cannot be read, or there is no submission in it.
    """
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise GradingError(f"{folder} cannot be read: {error.strerror or error}.") from None
    found, others = [], []
    for entry in entries:
        if entry.name.startswith((".", "__")) or entry.absolute() == output.absolute():
            continue
        try:
            path = _submission(entry, folder, exercise)
        except (GradingError, OSError) as error:
            found.append(HandedIn(entry.name, None, str(error)))
            continue
        if path is None:
            others.append(entry.name)
        else:
            found.append(HandedIn(entry.name, path))
    if not found:
        raise GradingError(
            f"{folder} holds no .py or .ipynb file and no folder with one; give the folder of the "
            "submissions."
        )
    return found, others


def _submission(entry: Path, folder: Path, exercise: str) -> Path | None:
    """What is graded of an entry of the folder; None if it is no submission.

    Raises
    ------
    GradingError, OSError
        There is nothing to grade, or it leads out of the folder, where other files lie.
    """
    outside = GradingError("It is a link to a place outside the folder; hand in a file.")
    try:
        inside = entry.resolve().is_relative_to(folder.resolve())
    except RuntimeError:  # a link that leads to itself
        inside = False
    if not inside:
        raise outside
    if entry.is_dir():
        path = find_submission(entry, exercise)
        if not path.resolve().is_relative_to(entry.resolve()):
            raise outside
        return path
    return entry if entry.is_file() and entry.suffix.lower() in SUBMISSIONS else None


class Interruption(Exception):
    """The work was broken off; what is graded is kept."""

    def __init__(self, course: Course) -> None:
        super().__init__("interrupted")
        self.course = course


def grade_folder(
    exercise: Exercise,
    folder: Path,
    output: Path,
    parts: Iterable[str] | None = None,
    *,
    seed: int = 0,
    limits: Limits | None = None,
    jobs: int = 1,
    feedback: str = "text",
    on_submission: Callable[[int, int], None] | None = None,
) -> Course:
    """Grade every submission in a folder, and keep each result as soon as it is there.

    What was graded before, with the same exercise, parts, seed and limits, and has not changed, is
    read again from ``output``: a run that was broken off goes on where it was.

    Parameters
    ----------
    exercise : Exercise
    folder : Path
        Of ``.py`` and ``.ipynb`` files, or of one folder for each student.
    output : Path
        Folder for ``results/NAME.json``, ``feedback/NAME.txt`` and the tables.
    parts : iterable of str, optional
        Names of the parts to grade; all of them by default.
    seed : int
        Of the inputs.
    limits : Limits, optional
        Time and memory for each part.
    jobs : int
        Submissions graded at the same time. Their time is wall-clock time: no more than there are
        processors.
    feedback : str
        Form of what each student is given, a name in `chainrule.grading.formats.FORMATS`.
    on_submission : callable, optional
        ``on_submission(done, all)``.

    Returns
    -------
    Course

    Raises
    ------
    GradingError
        There is nothing to grade, there is no such part, a result cannot be written, or a folder
        of the output is a link.
    Interruption
        Ctrl-C; its ``course`` holds what was graded.
    """
    chosen = exercise.chosen(parts)
    limits = limits or Limits()
    handed, others = handed_in(folder, exercise.name, output)
    for name in (RESULTS, FEEDBACK):
        if (output / name).is_symlink():
            raise GradingError(
                f"{output / name} is a link, which leads out of the folder. Remove the link, or "
                "choose another folder with -o."
            )
    grades: dict[str, Grade] = {}
    stop = threading.Event()
    # A submission reads neither those of others nor what they got.
    private = [each.path for each in handed if each.path is not None] + [output]
    key = _key(exercise, chosen, seed, limits)

    def course() -> Course:
        ordered = {each.name: grades[each.name] for each in handed if each.name in grades}
        return Course(exercise.name, exercise.title, chosen, ordered, len(handed), tuple(others))

    def check(_: Grade) -> None:
        if stop.is_set():
            raise _Stop

    def graded(each: HandedIn) -> Grade:
        own = _with_submission(key, each)
        record = output / RESULTS / f"{each.stem}.json"
        found = _kept(record, own)
        if found is None:
            found = _graded(exercise, chosen, each, seed, limits, private, check)
            text = json.dumps({"key": own, "grade": found.to_json()}, indent=1)
            _write(record, text + "\n")
        if feedback != "json":
            _write(output / FEEDBACK / (each.stem + ENDINGS[feedback]), FORMATS[feedback](found))
        return found

    def note(each: HandedIn, found: Grade) -> None:
        grades[each.name] = found
        if on_submission is not None:
            on_submission(len(grades), len(handed))

    try:
        if jobs == 1:
            for each in handed:
                note(each, graded(each))
        else:
            with ThreadPoolExecutor(jobs) as pool:
                waiting = {pool.submit(graded, each): each for each in handed}
                try:
                    for future in as_completed(waiting):
                        note(waiting[future], future.result())
                except BaseException:
                    stop.set()
                    pool.shutdown(wait=True, cancel_futures=True)
                    raise
    except KeyboardInterrupt:
        raise Interruption(course()) from None
    return course()


class _Stop(Exception):
    """Ends the grading of one submission between two parts."""


def _graded(
    exercise: Exercise,
    parts: tuple[Part, ...],
    each: HandedIn,
    seed: int,
    limits: Limits,
    private: list[Path],
    check: Callable[[Grade], None],
) -> Grade:
    """One submission; whatever is wrong with its file is in its grade."""
    if each.path is None:
        message = printable(each.problem)
        nothing = tuple(ungraded(part, "error", message) for part in parts)
        name = printable(each.name)
        return Grade(exercise.name, exercise.title, name, nothing, (), message)
    names = [part.name for part in parts]
    found = grade(
        exercise, each.path, names, seed=seed, limits=limits, private=private, on_part=check
    )
    return replace(found, file=printable(each.name))


def _key(exercise: Exercise, parts: tuple[Part, ...], seed: int, limits: Limits) -> str:
    """What a result depends on besides the submission."""
    from chainrule import __version__

    digest = hashlib.sha256()
    for path in sorted(exercise.folder.glob("*.py")):
        digest.update(path.read_bytes())
    names = [part.name for part in parts]
    digest.update(repr((__version__, exercise.name, names, seed, limits)).encode())
    return digest.hexdigest()


def _with_submission(key: str, each: HandedIn) -> str:
    digest = hashlib.sha256(key.encode())
    digest.update(each.problem.encode("utf-8", "surrogateescape"))
    if each.path is not None:
        digest.update(each.path.name.encode("utf-8", "surrogateescape"))
        try:
            size = each.path.stat().st_size
            digest.update(str(size).encode())
            if size <= LARGEST:  # else it is refused, whatever is in it
                digest.update(each.path.read_bytes())
        except OSError as error:
            digest.update(str(error).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _kept(record: Path, key: str) -> Grade | None:
    """A result of before; None if there is none, it is not whole, or something changed since."""
    try:
        found = json.loads(record.read_text(encoding="utf-8"))
        return Grade.from_json(found["grade"]) if found["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def write_tables(course: Course, output: Path, feedback: str = "text") -> None:
    """Write ``grades.csv``, ``causes.csv``, ``grades.json``, ``grades.md`` and ``grades.html``.

    Raises
    ------
    GradingError
        One cannot be written.
    """
    for name, written in TABLES.items():
        _write(output / name, written(course))

    def link(name: str) -> str:
        stem = HandedIn(name, None).stem
        return f"{RESULTS if feedback == 'json' else FEEDBACK}/{stem}{ENDINGS[feedback]}"

    _write(output / "grades.html", course_html(course, link))


def _write(path: Path, text: str) -> None:
    """Write one of the files of the folder; a link in its place is replaced, not followed."""
    content = text.encode("utf-8")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise GradingError(f"{path} cannot be written: {error.strerror or error}.") from None
