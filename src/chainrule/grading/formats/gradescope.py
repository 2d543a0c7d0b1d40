"""A grade as Gradescope's ``results.json``, as its autograder specifications describe it."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from chainrule.grading.result import Grade


def gradescope(grade: Grade) -> str:
    """The grade as ``results.json``: one visible test for each part, its text as Markdown."""
    # A score of 0 has no meaning to a test with 0 points, so the sum is always given.
    found: dict[str, Any] = {
        "score": grade.score,
        "output": _plain(grade.message or "\n\n".join(grade.notes)),
        "output_format": "text",
        "stdout_visibility": "hidden",
        "execution_time": round(sum(part.seconds for part in grade.parts)),
        "tests": [
            {
                "name": part.title,
                "number": part.name,
                "score": round(part.score, 2),
                "max_score": part.points,
                "status": "passed" if part.status == "right" else "failed",
                "output": _plain("\n\n".join(part.sentences()) or "Right."),
                "output_format": "text",
                "visibility": "visible",
                "tags": sorted({finding.code for finding in part.findings}),
            }
            for part in grade.parts
        ],
    }
    return json.dumps(found, indent=2, allow_nan=False) + "\n"


def _plain(text: str) -> str:
    """Text without what a terminal or a page would obey."""
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that whoever reads it sees it whole, old or new.

    A device or a pipe is written to, never replaced; a link stays one.
    """
    if path.exists() and not path.is_file():
        path.write_text(text, encoding="utf-8")
        return
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
