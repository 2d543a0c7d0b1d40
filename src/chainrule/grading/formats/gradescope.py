"""A grade as Gradescope's ``results.json``, as its autograder specifications describe it."""

from __future__ import annotations

import json
from typing import Any

from chainrule.grading.result import Grade, printable


def gradescope(grade: Grade) -> str:
    """The grade as ``results.json``: one visible test for each part, its text as Markdown."""
    # A score of 0 has no meaning to a test with 0 points, so the sum is always given.
    found: dict[str, Any] = {
        "score": grade.score,
        "output": printable(grade.message or "\n\n".join(grade.notes)),
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
                "output": printable("\n\n".join(part.sentences()) or "Right."),
                "output_format": "text",
                "visibility": "visible",
                "tags": sorted({finding.code for finding in part.findings}),
            }
            for part in grade.parts
        ],
    }
    return json.dumps(found, indent=2, allow_nan=False) + "\n"
