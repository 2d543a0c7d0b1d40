"""An exercise as data: its parts, what each hands in, on which inputs, and what mistakes cost."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from chainrule.checking.updates.rules import Walk
from chainrule.grading.errors import GradingError

Inputs = dict[str, Any]
Values = dict[str, Any]
Rule = Callable[[Inputs, Values], Values]

#: Share of a part's points that a mistake costs, by its code or its family; the rest costs all of
#: what it makes wrong. Scales and signs are slips of the pen, a step left out is a step not shown.
DEDUCTIONS: Mapping[str, float] = {
    "G101": 0.3, "G102": 0.3, "G104": 0.2, "G106": 0.3,
    "G2": 0.25,
    "G3": 0.3,
    "G4": 0.4, "G402": 0.3,
    "G5": 0.3,
    "G6": 0.3,
    "G7": 0.3, "G702": 0.4,
    "G8": 0.4,
    "G9": 0.4,
    # Update rules: conventions first.
    "U201": 0.2, "U207": 0.2, "U403": 0.2,
    "U1": 0.25, "U105": 0.4,
    "U2": 0.3, "U202": 0.4, "U206": 0.4,
    "U3": 0.3, "U304": 0.4,
    "U4": 0.3, "U401": 0.4,
    "U5": 0.3,
    "U6": 0.3,
}  # fmt: skip


class Slip(NamedTuple):
    """One way to make a mistake: what it gives, and what that is, in words."""

    rule: Rule
    words: str


@dataclass(frozen=True)
class Part:
    """One thing to hand in, with the points it gives.

    Attributes
    ----------
    name : str
        Its letter or number, such as ``"b"``.
    title : str
        What it asks for, in a few words.
    points : float
    hands_in : tuple of str
        The functions and classes that the submission must define for it, dotted where inside.
    cases : callable
        ``cases(rng)`` gives a list of inputs by name; their sizes should differ, so that no scale
        can be mistaken for another. The submission gets copies of them.
    call : str
        The function of the exercise's ``calls.py`` that uses the submission,
        ``call(work, **inputs) -> {name: value}``; if empty, each function of ``hands_in`` is
        called with the inputs in their order.
    measure : callable or None
        ``measure(inputs, values) -> values`` turns what was returned into what is compared, where
        several answers are right; it runs in the grader, and a ValueError of it is shown.
    loss : callable or None
        ``loss(**inputs)`` in NumPy, if the values are its gradients by input name: wrong ones are
        then searched for their cause.
    builds_on : tuple of str
        Functions of earlier parts. A part that fails is tried again with the right ones in their
        place, so that one mistake costs points once.
    parameters : tuple of str
        Inputs by which ``loss`` is differentiated; all values are then gradients by these names.
    follow : callable or None
        ``follow(inputs, values) -> values``: what is right for a value given the submission's own
        values before it. One that agrees is only inherited, and costs nothing.
    earlier : tuple of str
        Functions of earlier parts, or of ``calls.py``, whose own values for the same inputs
        ``follow`` is given too, those in a dict by its keys.
    slips : mapping of str to callable, or to tuple of Slip
        By mistake code, what ``follow`` would give with that mistake in it. A value that agrees is
        told which mistake it holds.
    updates : mapping of str to callable
        For values that are the path of an optimizer: ``walk(inputs)`` gives the rule that it is to
        follow. A wrong path is searched for the rule that was got wrong.
    may_change : tuple of str
        Inputs that the submission may change.
    rtol : float
        Relative tolerance, by the largest entry of the right value.
    weights : mapping of str to float
        Share of a value in the part's points, relative to 1.
    deductions : mapping of str to float
        Overrides `DEDUCTIONS`.
    hint : str
        Shown when the part is wrong and no cause was found.
    """

    name: str
    title: str
    points: float
    hands_in: tuple[str, ...]
    cases: Callable[[np.random.Generator], list[Inputs]]
    call: str = ""
    measure: Callable[[Inputs, Values], Values] | None = None
    loss: Callable[..., Any] | None = None
    parameters: tuple[str, ...] = ()
    builds_on: tuple[str, ...] = ()
    follow: Callable[[Inputs, Values], Values] | None = None
    earlier: tuple[str, ...] = ()
    slips: Mapping[str, Rule | tuple[Slip, ...]] = field(default_factory=dict)
    updates: Mapping[str, Callable[[Inputs], Walk]] = field(default_factory=dict)
    may_change: tuple[str, ...] = ()
    rtol: float = 1e-6
    weights: Mapping[str, float] = field(default_factory=dict)
    deductions: Mapping[str, float] = field(default_factory=dict)
    hint: str = ""

    def deduction(self, code: str) -> float:
        """Share of the points that a mistake costs at most; 1 where the rubric does not name it.

        Parameters
        ----------
        code : str
            Of the mistake, such as "G201".

        Returns
        -------
        float
            Between 0 and 1.
        """
        rubric = {**DEDUCTIONS, **self.deductions}
        return rubric.get(code, rubric.get(code[:2], 1.0))


@dataclass(frozen=True)
class Exercise:
    """A programming question, to hand out and to grade.

    Attributes
    ----------
    name, title : str
    document, question : str
        Where it comes from.
    summary : str
        What is to be done, in two or three sentences.
    parts : tuple of Part
    folder : Path
        Holds ``exercise.py``, ``reference.py`` and, if the parts need it, ``calls.py``.
    """

    name: str
    title: str
    document: str
    question: str
    summary: str
    parts: tuple[Part, ...]
    folder: Path = Path()

    @property
    def points(self) -> float:
        """Points of all parts."""
        return sum(part.points for part in self.parts)

    @property
    def named(self) -> str:
        """What stands for it on the command line: its name, or the folder of one of your own."""
        return self.name if self.is_supplied else str(self.folder)

    @property
    def is_supplied(self) -> bool:
        """Whether it comes with chainrule, and is none of a teacher's own."""
        return self.folder.parent == EXERCISES.resolve()

    @property
    def reference_path(self) -> Path:
        """The file with the right answers, from which the starter is made."""
        return self.folder / "reference.py"

    def driver(self) -> str:
        """The text of ``calls.py``; empty if there is none."""
        path = self.folder / "calls.py"
        return path.read_text(encoding="utf-8") if path.is_file() else ""

    def chosen(self, names: Iterable[str] | None) -> tuple[Part, ...]:
        """Some of the parts, by name; all of them if none are named.

        Parameters
        ----------
        names : iterable of str or None
            Such as a student asks for.

        Returns
        -------
        tuple of Part

        Raises
        ------
        GradingError
            There is no part of a name.
        """
        if not names:
            return self.parts
        by_name = {part.name: part for part in self.parts}
        for name in names:
            if name not in by_name:
                raise GradingError(
                    f"{self.name} has no part {name!r}; its parts are {', '.join(by_name)}."
                )
        return tuple(by_name[name] for name in names)


EXERCISES = Path(__file__).with_name("exercises")


def names() -> list[str]:
    """Names of the exercises that come with chainrule.

    Returns
    -------
    list of str
    """
    return sorted(path.parent.name.replace("_", "-") for path in EXERCISES.glob("*/exercise.py"))


def load(name: str | Path) -> Exercise:
    """An exercise by name, or one of your own by the path of its folder.

    Parameters
    ----------
    name : str or Path
        Such as ``"digits-3-vs-9"``, or a folder with ``exercise.py`` and ``reference.py``.

    Returns
    -------
    Exercise

    Raises
    ------
    GradingError
        There is no such exercise, or its folder lacks something.
    """
    folder = EXERCISES / str(name).replace("-", "_")
    if not (folder / "exercise.py").is_file():
        folder = Path(name)
    if not (folder / "exercise.py").is_file():
        import difflib

        close = difflib.get_close_matches(str(name), names(), 1)
        meant = f" Did you mean {close[0]}?" if close else f" There are {', '.join(names())}."
        raise GradingError(f"There is no exercise {str(name)!r}.{meant}")
    if not (folder / "reference.py").is_file():
        raise GradingError(f"{folder} has no reference.py; write the right answers there.")
    module = _module(folder / "exercise.py")
    found = getattr(module, "EXERCISE", None)
    if not isinstance(found, Exercise):
        raise GradingError(f"{folder / 'exercise.py'} defines no EXERCISE; write one there.")
    object.__setattr__(found, "folder", folder.resolve())
    from chainrule.grading.validation import check_form

    check_form(found)
    return found


def _module(path: Path) -> ModuleType:
    """A file as a module, under a name of its own."""
    name = f"chainrule_exercise_{path.parent.name}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise GradingError(f"{path} fails: {type(error).__name__}: {error}") from error
    return module


def reference_module(exercise: Exercise) -> ModuleType:
    """The right answers, run in this process."""
    return _module(exercise.reference_path)
