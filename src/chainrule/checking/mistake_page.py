"""The page of a mistake's code: what it is, how to mend it, and a worked example."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from html import escape
from typing import Any

from chainrule.checking.mistakes import Mistake, mistake
from chainrule.checking.worked_examples import WorkedExample, worked_example
from chainrule.programs.standalone import standalone_page

_WIDTH = 92


@dataclass(frozen=True)
class MistakePage:
    """What is said about one mistake, in several forms."""

    mistake: Mistake
    example: WorkedExample

    def _parts(self) -> list[tuple[str, str]]:
        found = self.mistake
        return [
            ("What it is", found.what),
            ("How it is recognised", found.recognised),
            ("Why it goes unnoticed", found.unnoticed),
            ("How to mend it", found.mend),
        ]

    def text(self) -> str:
        """For a terminal."""
        lines = [f"{self.mistake.code}  {self.mistake.name}"]
        for title, said in self._parts():
            lines += ["", title]
            lines += textwrap.wrap(said, _WIDTH, initial_indent="  ", subsequent_indent="  ")
        lines += [
            "", "Example",
            f"  line {self.example.line}, right:  {self.example.right}",
            f"  line {self.example.line}, wrong:  {self.example.wrong}",
            "", f"  What {self.example.said_by} says:",
        ]  # fmt: skip
        return "\n".join([*lines, textwrap.indent(self.example.report.text(), "    ")])

    def markdown(self) -> str:
        """As Markdown."""
        code, example = self.mistake.code, self.example
        lines = [f"# {code} {escaped(self.mistake.name)}"]
        for title, said in self._parts():
            lines += ["", f"**{title}.** {escaped(said)}"]
        lines += [
            "", "## Example", "", f"Right, in line {example.line} of the file below:",
            "", *_fenced("python", example.right),
            "", "Wrong:", "", *_fenced("python", example.wrong),
            "", f"## What `{example.said_by}` says",
            "", *_fenced("text", example.report.text()),
            "", "## The whole file", "", *_fenced("python", example.source),
        ]  # fmt: skip
        return "\n".join(lines) + "\n"

    def html(self) -> str:
        """As an HTML page."""
        parts = [
            *(f"<h2>{escape(t)}</h2><p>{escape(said)}</p>" for t, said in self._parts()),
            "<h2>Example</h2>",
            f"<p>right:</p><pre>{escape(self.example.right)}</pre>",
            f"<p>wrong, line {self.example.line}:</p><pre>{escape(self.example.wrong)}</pre>",
            self.example.report.html(),
            "<details><summary>the whole file</summary>",
            f"<pre>{escape(self.example.source)}</pre></details>",
        ]
        return standalone_page(f"{self.mistake.code} {self.mistake.name}", "".join(parts))

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        found = self.mistake
        return {
            "code": found.code,
            "name": found.name,
            "what": found.what,
            "recognised": found.recognised,
            "unnoticed": found.unnoticed,
            "mend": found.mend,
            "example": {
                "source": self.example.source,
                "line": self.example.line,
                "right": self.example.right,
                "wrong": self.example.wrong,
                "report": self.example.report.to_json(),
            },
        }


def escaped(text: str) -> str:
    """A sentence that Markdown shows as it is."""
    return re.sub(r"([\\`*_{}\[\]<>#|])", r"\\\1", text)


def _fenced(language: str, code: str) -> list[str]:
    return [f"```{language}", *code.rstrip().splitlines(), "```"]


def mistake_page(code: str) -> MistakePage:
    """The page of a mistake.

    Raises
    ------
    InvalidInput
        There is no such code.
    """
    found = mistake(code)
    return MistakePage(found, worked_example(found.code))
