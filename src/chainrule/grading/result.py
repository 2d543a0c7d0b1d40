"""What grading found, as data: points by part, mistakes with their evidence, and notes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Status = Literal[
    "right", "partly right", "wrong", "not written", "missing", "too slow", "stopped", "error"
]


@dataclass(frozen=True)
class Finding:
    """One mistake in a part.

    Attributes
    ----------
    code : str
        Of `chainrule.checking.mistakes`, such as ``"G201"``; ``"G000"`` if the cause is not known.
    evidence : str
        What was observed; it gives away neither the inputs nor the right values.
    values : tuple of str
        Names of the values that it makes wrong.
    points : float
        What it costs.
    """

    code: str
    evidence: str
    values: tuple[str, ...]
    points: float


@dataclass(frozen=True)
class PartResult:
    """The verdict on one part.

    Attributes
    ----------
    name, title : str
    points : float
        The most it gives.
    score : float
    status : str
    message : str
        Why there is nothing to judge, for the statuses from "not written" on.
    findings : tuple of Finding
    notes : tuple of str
        What costs nothing.
    repaired : tuple of str
        Functions of earlier parts that were replaced by right ones, so that their mistakes cost
        points once.
    output : str
        What the submission printed, cut off.
    seconds : float
    """

    name: str
    title: str
    points: float
    score: float
    status: Status
    message: str = ""
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    repaired: tuple[str, ...] = ()
    output: str = ""
    seconds: float = 0.0

    def sentences(self) -> list[str]:
        """Everything there is to say to the student."""
        said = [self.message] if self.message else []
        for finding in self.findings:
            cost = f" (-{shown(finding.points)})" if finding.points else ""
            said.append(f"{finding.code}: {finding.evidence}{cost}")
        if self.repaired:
            names = ", ".join(self.repaired)
            said.append(f"Graded with the right {names}: a mistake costs points once.")
        return [*said, *self.notes]

    def to_json(self) -> dict[str, Any]:
        """The verdict as JSON."""
        return {
            "part": self.name,
            "title": self.title,
            "score": self.score,
            "points": self.points,
            "status": self.status,
            "message": self.message,
            "findings": [
                {
                    "code": each.code,
                    "evidence": each.evidence,
                    "values": list(each.values),
                    "points": each.points,
                }
                for each in self.findings
            ],
            "notes": list(self.notes),
            "repaired": list(self.repaired),
            "output": self.output,
            "seconds": round(self.seconds, 3),
        }

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> PartResult:
        """The verdict that `to_json` wrote as `found`."""
        findings = tuple(
            Finding(each["code"], each["evidence"], tuple(each["values"]), float(each["points"]))
            for each in found["findings"]
        )
        return cls(
            found["part"], found["title"], float(found["points"]), float(found["score"]),
            found["status"], found["message"], findings, tuple(found["notes"]),
            tuple(found["repaired"]), found["output"], float(found["seconds"]),
        )  # fmt: skip


@dataclass(frozen=True)
class Grade:
    """The verdict on a submission.

    Attributes
    ----------
    exercise, title : str
    file : str
        Name of the submission.
    parts : tuple of PartResult
    notes : tuple of str
        On the file as a whole.
    message : str
        Why nothing could be graded; empty otherwise.
    """

    exercise: str
    title: str
    file: str
    parts: tuple[PartResult, ...]
    notes: tuple[str, ...] = ()
    message: str = ""

    @property
    def score(self) -> float:
        """Points reached, to the hundredth."""
        return round(sum(part.score for part in self.parts), 2)

    @property
    def points(self) -> float:
        """Points there are."""
        return sum(part.points for part in self.parts)

    @property
    def full(self) -> bool:
        """Whether every part is right."""
        return not self.message and all(part.status == "right" for part in self.parts)

    def to_json(self) -> dict[str, Any]:
        """The verdict as JSON; every number in it is finite."""
        return {
            "exercise": self.exercise,
            "title": self.title,
            "file": self.file,
            "score": self.score,
            "points": self.points,
            "message": self.message,
            "notes": list(self.notes),
            "parts": [part.to_json() for part in self.parts],
        }

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Grade:
        """The verdict that `to_json` wrote as `found`.

        Raises
        ------
        KeyError, TypeError, ValueError
            It did not.
        """
        parts = tuple(PartResult.from_json(each) for each in found["parts"])
        return cls(
            found["exercise"], found["title"], found["file"], parts, tuple(found["notes"]),
            found["message"],
        )  # fmt: skip


def shown(points: float) -> str:
    """Points as a person writes them: 2, 0.5, 1.33."""
    return f"{points:.2f}".rstrip("0").rstrip(".")


def printable(text: str) -> str:
    """Text without what a terminal or a page would obey, and that every file can hold."""
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text.expandtabs(4))
