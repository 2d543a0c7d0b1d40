"""What a check found, as data: verdicts, causes with their evidence, and the first wrong line."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from chainrule.engine.graph import Graph
    from chainrule.programs.picture import Picture

Verdict = Literal["ok", "wrong", "inconclusive", "error"]

#: The exit status of `chainrule check`, by verdict.
EXIT_STATUS: dict[str, int] = {"ok": 0, "wrong": 1, "error": 2, "inconclusive": 3}


@dataclass(frozen=True)
class Cause:
    """One mistake that explains a gradient.

    Attributes
    ----------
    code : str
        Its code in `chainrule.checking.mistakes`, such as ``"G201"``.
    name : str
        Its short name.
    evidence : str
        What was observed, with numbers.
    repair_confirmed : bool or None
        Whether the gradient passes on the user's own example once the mistake is undone;
        None where undoing means nothing (a wrong shape, a missing gradient).
    """

    code: str
    name: str
    evidence: str
    repair_confirmed: bool | None = None


@dataclass(frozen=True)
class GradientVerdict:
    """The verdict on the gradient of one parameter.

    Attributes
    ----------
    name : str
        The parameter.
    verdict : {"ok", "wrong", "inconclusive"}
    relative_error : float
        ``‖claimed - true‖ / max(‖claimed‖, ‖true‖)``; 1 where they cannot be compared.
    inherited : bool
        The gradient is wrong only because a cotangent that it is made from is: its own step is
        right, or nothing speaks against it.
    causes : tuple of Cause
        Every mistake that explains it; several if several explain it equally well or if several
        independent ones are needed together.
    note : str
        What else is to be said, such as "vacuous".
    """

    name: str
    verdict: Verdict
    relative_error: float
    inherited: bool = False
    causes: tuple[Cause, ...] = ()
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The verdict as JSON."""
        error = self.relative_error
        return {
            "verdict": self.verdict,
            "relative_error": float(error) if math.isfinite(error) else 1.0,
            "inherited": self.inherited,
            "causes": [
                {"code": cause.code, "name": cause.name, "evidence": cause.evidence}
                for cause in self.causes
            ],
        }


@dataclass(frozen=True)
class WrongLine:
    """The first line of the user's gradient whose value is wrong.

    Attributes
    ----------
    line : int
    text : str
        The line as it is written.
    should_be : str
        What the value should equal, in the user's own names.
    inherits : tuple of int
        Later lines that are wrong only because this one is.
    truncates : bool
        It makes an array of integers where fractions are due.
    repairs : tuple of str
        The gradients that are right with the right value there.
    change : str
        The change of its text that is seen to mend it: the line as it should read, or what takes
        whose place in it, in backticks.
    shown : bool
        Some change of its text is seen to mend the gradients.
    true_lines : tuple of int
        Lines on which nothing is bound but true values, up to factors that are left for later.
    """

    line: int
    text: str
    should_be: str = ""
    inherits: tuple[int, ...] = ()
    truncates: bool = False
    repairs: tuple[str, ...] = ()
    change: str = ""
    shown: bool = False
    true_lines: tuple[int, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The line as JSON."""
        return {
            "line": self.line,
            "text": self.text,
            "should_be": self.should_be,
            "change": self.change,
            "inherits": list(self.inherits),
        }


@dataclass(frozen=True)
class Report:
    """What a check of a hand-written gradient found.

    Attributes
    ----------
    verdict : {"ok", "wrong", "inconclusive", "error"}
    gradients : dict of str to GradientVerdict
        By parameter, in the order of the example.
    first_wrong : WrongLine or None
        The line on which the gradient first goes wrong; None if nothing is, or it is not known.
    message : str
        For the verdict "error": what prevented the check, and the cure.
    notes : tuple of str
        Observations that change no verdict.
    blind_spots : tuple of str
        Mistakes that this check could not have seen, and why.
    shortcuts : tuple of str
        Steps of the gradient that look different from the chain rule and are right, with the
        reason.
    trusted : str
        What the true gradient was taken from, and what vouches for it.
    subject : str
        The name of what was checked.
    graph : Graph or None
        The loss with its backward pass, for the picture; None if it is large or not traced.
    claimed, true : dict of str to array
        The claimed and the true gradients at the example, by parameter; none of large networks.
    """

    verdict: Verdict
    gradients: Mapping[str, GradientVerdict] = field(default_factory=dict)
    first_wrong: WrongLine | None = None
    message: str = ""
    notes: tuple[str, ...] = ()
    blind_spots: tuple[str, ...] = ()
    shortcuts: tuple[str, ...] = ()
    trusted: str = ""
    subject: str = ""
    graph: Graph | None = field(default=None, repr=False, compare=False)
    claimed: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    true: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def ok(self) -> bool:
        """Whether every gradient was found right."""
        return self.verdict == "ok"

    @property
    def first_wrong_line(self) -> int | None:
        """The number of the first wrong line; None if there is none or it is not known."""
        return self.first_wrong.line if self.first_wrong is not None else None

    @property
    def causes(self) -> tuple[Cause, ...]:
        """The distinct mistakes, in the order in which they are reported."""
        found: dict[tuple[str, str], Cause] = {}
        for gradient in self.gradients.values():
            for cause in gradient.causes:
                found.setdefault((cause.code, cause.evidence), cause)
        return tuple(found.values())

    @property
    def codes(self) -> tuple[str, ...]:
        """The distinct codes of the mistakes."""
        return tuple(dict.fromkeys(cause.code for cause in self.causes))

    @property
    def exit_status(self) -> int:
        """What ``chainrule check`` exits with: 0 ok, 1 wrong, 2 error, 3 inconclusive."""
        return EXIT_STATUS[self.verdict]

    def to_json(self) -> dict[str, Any]:
        """The report as JSON: verdict, first wrong line, and a verdict per gradient.

        ``first_wrong`` says more about the line, in the words of the report; ``message``,
        ``notes``, ``blind_spots`` and ``shortcuts`` stand beside them. Numbers are finite: a
        relative error that does not exist is written 1.
        """
        return {
            "verdict": self.verdict,
            "first_wrong_line": self.first_wrong_line,
            "first_wrong": None if self.first_wrong is None else self.first_wrong.to_dict(),
            "gradients": {name: each.to_dict() for name, each in self.gradients.items()},
            "message": self.message,
            "notes": list(self.notes),
            "blind_spots": list(self.blind_spots),
            "shortcuts": list(self.shortcuts),
        }

    def text(self, color: bool = False, why: bool = False) -> str:
        """The report for a terminal.

        Parameters
        ----------
        color : bool
            Whether escape sequences for colours are written.
        why : bool
            Whether recognised shortcuts are explained.

        Returns
        -------
        str
        """
        from chainrule.checking.report_text import report_text

        return report_text(self, color, why)

    def markdown(self) -> str:
        """The report as Markdown."""
        from chainrule.checking.report_text import report_markdown

        return report_markdown(self)

    def html(self) -> str:
        """The report as an HTML fragment without scripts and style sheets."""
        from chainrule.checking.report_html import report_html

        return report_html(self)

    def picture(self) -> Picture | None:
        """The graph of the loss with the true and the claimed gradients side by side.

        None where the loss could not be traced, or is too large to be looked at.
        """
        from chainrule.checking.report_picture import claimed_picture

        return claimed_picture(self.graph, self.claimed, self.gradients, self.verdict)

    def __str__(self) -> str:
        return self.text(why=True)

    def __repr__(self) -> str:
        return self.text(why=True)

    def _repr_html_(self) -> str:
        return self.html()

    def _repr_markdown_(self) -> str:
        return self.markdown()


def overall(verdicts: Sequence[str]) -> Verdict:
    """The verdict on a whole gradient: wrong if a part is, else inconclusive if a part is."""
    if "wrong" in verdicts:
        return "wrong"
    return "inconclusive" if "inconclusive" in verdicts or not verdicts else "ok"
