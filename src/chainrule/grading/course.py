"""The grades of a course: points by student and part, and causes by frequency."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chainrule.checking.mistakes import MISTAKES
from chainrule.grading.exercise import Part
from chainrule.grading.result import Grade, PartResult, printable

#: What there is to say where there was nothing to judge.
_STATUS = {
    "missing": "not defined in the file",
    "error": "raised an error",
    "stopped": "the process broke off",
}


@dataclass(frozen=True)
class Frequency:
    """How often something went wrong in a course.

    Attributes
    ----------
    code : str
        Of `chainrule.checking.mistakes`; empty where there was nothing to judge.
    name : str
        Of the mistake, or the status, such as "too slow".
    students : int
        Submissions that have it.
    parts : dict of str to int
        In how many submissions, by part.
    points : float
        What it costs all of them together.
    """

    code: str
    name: str
    students: int
    parts: dict[str, int]
    points: float


@dataclass(frozen=True)
class Course:
    """The grades of a folder of submissions.

    Attributes
    ----------
    exercise, title : str
    parts : tuple of Part
    grades : dict of str to Grade
        By the name of the file or of the student's folder; what was not reached is not in it.
    handed_in : int
        How many submissions there are.
    left_out : tuple of str
        Names in the folder that are no submissions.
    """

    exercise: str
    title: str
    parts: tuple[Part, ...]
    grades: dict[str, Grade]
    handed_in: int
    left_out: tuple[str, ...] = ()

    @property
    def points(self) -> float:
        """Points there are."""
        return sum(part.points for part in self.parts)

    @property
    def full(self) -> bool:
        """Whether every submission is right in every part."""
        return len(self.grades) == self.handed_in and all(g.full for g in self.grades.values())

    @property
    def means(self) -> list[float]:
        """Mean points of each part over the submissions."""
        count = len(self.grades) or 1
        return [
            sum(grade.parts[i].score for grade in self.grades.values()) / count
            for i in range(len(self.parts))
        ]

    @property
    def mean(self) -> float:
        """Mean points over the submissions."""
        return sum(self.means)

    def frequencies(self) -> list[Frequency]:
        """What went wrong, the most frequent first: what to explain again."""
        where: dict[tuple[str, str], set[tuple[str, str]]] = {}
        points: dict[tuple[str, str], float] = {}
        for name, found in self.grades.items():
            for part in found.parts:
                for key, cost in _costs(found, part):
                    where.setdefault(key, set()).add((name, part.name))
                    points[key] = points.get(key, 0.0) + cost
        rows = []
        for key, places in where.items():
            counts = Counter(part for _, part in places)
            parts = {part.name: counts[part.name] for part in self.parts if part.name in counts}
            students = len({name for name, _ in places})
            rows.append(Frequency(*key, students, parts, round(points[key], 2)))
        return sorted(rows, key=lambda row: (-row.students, -row.points, row.code))

    def to_json(self) -> dict[str, Any]:
        """Everything as JSON."""
        return {
            "exercise": self.exercise,
            "title": self.title,
            "points": self.points,
            "parts": [{"part": p.name, "title": p.title, "points": p.points} for p in self.parts],
            "handed_in": self.handed_in,
            "graded": len(self.grades),
            "mean": round(self.mean, 4),
            "submissions": [
                {
                    "name": printable(name),
                    "score": found.score,
                    "message": found.message,
                    "parts": {part.name: part.score for part in found.parts},
                    "codes": sorted({f.code for part in found.parts for f in part.findings}),
                }
                for name, found in self.grades.items()
            ],
            "causes": [
                {
                    "code": row.code,
                    "name": row.name,
                    "submissions": row.students,
                    "parts": row.parts,
                    "points": row.points,
                }
                for row in self.frequencies()
            ],
            "left_out": [printable(name) for name in self.left_out],
        }


def _costs(found: Grade, part: PartResult) -> Iterator[tuple[tuple[str, str], float]]:
    """What a part lost its points by."""
    if found.message:
        yield ("", "cannot be graded"), part.points
    elif not part.findings and part.status != "right":
        yield ("", _STATUS.get(part.status, part.status)), part.points - part.score
    for finding in part.findings:
        yield (finding.code, MISTAKES[finding.code].name), finding.points
