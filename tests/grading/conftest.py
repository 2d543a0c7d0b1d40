"""Submissions for the tests: references with a line changed, and small files of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from chainrule.grading import Limits, load

#: A loaded machine starts a process slowly, but the submissions here take no time.
QUICK = Limits(seconds=3.0, import_seconds=1.0)


@pytest.fixture
def changed(tmp_path: Path) -> Callable[..., Path]:
    """``changed(exercise, (old, new), ...)``: the reference with text replaced, as a file."""

    def write(exercise: str, *replacements: tuple[str, str]) -> Path:
        text = load(exercise).reference_path.read_text(encoding="utf-8")
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "submission.py"
        path.write_text(text, encoding="utf-8")
        return path

    return write
