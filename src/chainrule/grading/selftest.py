"""A rubric put to the test: mistakes are put into the teacher's own solution, and graded."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chainrule.grading.errors import GradingError
from chainrule.grading.exercise import Exercise, Part
from chainrule.grading.grading import grade
from chainrule.grading.mutation import Mutant, mutants
from chainrule.grading.result import shown
from chainrule.grading.runner import Limits
from chainrule.grading.submission import Submission, read_submission
from chainrule.grading.validation import check_reference


@dataclass(frozen=True)
class Tried:
    """One mistake, graded.

    Attributes
    ----------
    mutant : Mutant
    part : str
        The part that it belongs to.
    score, points : float
    found : tuple of str
        Codes of the findings, or the status where there was nothing to judge.
    """

    mutant: Mutant
    part: str
    score: float
    points: float
    found: tuple[str, ...]

    @property
    def missed(self) -> bool:
        """Whether the solution with the mistake still has full marks."""
        return self.score >= self.points


@dataclass(frozen=True)
class SelfTest:
    """What a rubric catches.

    Attributes
    ----------
    exercise : str
    tried : tuple of Tried
    possible : int
        Mistakes that could have been tried.
    """

    exercise: str
    tried: tuple[Tried, ...]
    possible: int

    @property
    def missed(self) -> tuple[Tried, ...]:
        """Mistakes that cost nothing."""
        return tuple(each for each in self.tried if each.missed)

    @property
    def share(self) -> float:
        """Share of the mistakes that cost points, 0 to 1."""
        return 1 - len(self.missed) / len(self.tried) if self.tried else 1.0

    def to_json(self) -> dict[str, Any]:
        """Everything as JSON."""
        return {
            "exercise": self.exercise,
            "tried": len(self.tried),
            "possible": self.possible,
            "caught": len(self.tried) - len(self.missed),
            "share": round(self.share, 4),
            "mistakes": [
                {
                    "part": each.part,
                    "function": each.mutant.function,
                    "line": each.mutant.line,
                    "mistake": each.mutant.kind,
                    "code": each.mutant.code,
                    "before": each.mutant.before,
                    "after": each.mutant.after,
                    "score": each.score,
                    "points": each.points,
                    "found": list(each.found),
                    "missed": each.missed,
                }
                for each in self.tried
            ],
        }

    def text(self, every: bool = False) -> str:
        """The mistakes that cost nothing, or all of them, and the share that is caught."""
        lines = []
        for each in self.tried if every else self.missed:
            mutant = each.mutant
            verdict = "missed" if each.missed else f"caught ({', '.join(each.found)})"
            lines += [
                f"part {each.part}, line {mutant.line}: {mutant.kind}"
                f"{f' ({mutant.code})' if mutant.code else ''}: {verdict}, "
                f"{shown(each.score)} of {shown(each.points)} points",
                f"    - {mutant.before}",
                f"    + {mutant.after}",
            ]
        if self.missed:
            lines += [
                "",
                "A mistake that is missed either changes nothing, or the cases of its part do not "
                "show it: add one that does.",
            ]
        caught = len(self.tried) - len(self.missed)
        of = f" (of {self.possible} that can be made)" if self.possible > len(self.tried) else ""
        lines.append(
            f"{self.exercise}: {caught} of {len(self.tried)} mistakes caught{of}, {self.share:.0%}"
        )
        return "\n".join(lines) + "\n"


def selftest(
    exercise: Exercise,
    solution: Path,
    *,
    most: int = 200,
    limits: Limits | None = None,
    on_step: Callable[[int, int], None] | None = None,
) -> SelfTest:
    """Put mistakes into a right solution, and see which of them cost points.

    Parameters
    ----------
    exercise : Exercise
    solution : Path
        A solution with full marks, ``.py`` or ``.ipynb``.
    most : int
        Mistakes to try; spread evenly over those that can be made.
    limits : Limits, optional
        Time and memory of each part.
    on_step : callable, optional
        ``on_step(done, all)``, for a progress bar.

    Returns
    -------
    SelfTest

    Raises
    ------
    GradingError
        The solution cannot be read, or has not full marks itself; or that of an exercise of your
        own is no gradient of the loss that it names.
    """
    limits = limits or Limits(seconds=5.0, import_seconds=2.0)
    right = read_submission(solution)
    before = grade(exercise, right, limits=limits)
    if not before.full:
        wrong = ", ".join(part.name for part in before.parts if part.status != "right")
        raise GradingError(
            f"{solution} itself has {shown(before.score)} of {shown(before.points)} points (parts "
            f"{wrong}); a self-test starts from a right solution. "
            f"See `chainrule grade {exercise.named} {solution}`."
        )
    if not exercise.is_supplied:
        check_reference(exercise, limits)
    made = [(mutant, part) for mutant in mutants(right.text)
            for part in _parts_of(exercise, mutant.function)]  # fmt: skip
    step = max(1.0, len(made) / most)
    chosen = [made[int(i * step)] for i in range(min(most, len(made)))]
    done = 0

    def tried(pair: tuple[Mutant, Part]) -> Tried:
        mutant, part = pair
        changed = Submission(right.name, mutant.text)
        (result,) = grade(exercise, changed, [part.name], limits=limits).parts
        codes = tuple(finding.code for finding in result.findings)
        return Tried(mutant, part.name, result.score, part.points, codes or (result.status,))

    results: list[Tried] = []
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for result in pool.map(tried, chosen):
            results.append(result)
            done += 1
            if on_step is not None:
                on_step(done, len(chosen))
    return SelfTest(exercise.name, tuple(results), len(made))


def _parts_of(exercise: Exercise, function: str) -> Iterable[Part]:
    """The part that asks for a function; where two do, both."""
    owner = function.split(".")[0]
    exact = [part for part in exercise.parts if function in part.hands_in]
    return exact or [part for part in exercise.parts if owner in part.hands_in]
