"""Pages about programs are executable: each block of Python prints what stands below it."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import linecache
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str) -> list[tuple[str, str]]:
    """The fenced blocks of a page: language and text."""
    return BLOCK.findall((DOCS / page).read_text(encoding="utf-8"))


def printed(text: str, name: str, space: dict[str, object]) -> str:
    """What a block prints; its lines can be found by `inspect`, as those of a file."""
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(compile(text, name, "exec"), space)
    return output.getvalue()


def without_times(text: str) -> str:
    """Microseconds differ from run to run; so do the spaces around the blocks."""
    return re.sub(r" *\d+\.\d+ us", " … us", text).strip()


@pytest.mark.parametrize("page", ["source.md", "compile.md", "explain.md", "pictures.md"])
def test_a_page_shows_what_its_code_prints(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path))
    space: dict[str, object] = {"__name__": "page"}
    numba = importlib.util.find_spec("numba") is not None
    output, shown = "", 0
    for number, (language, text) in enumerate(blocks(page)):
        if language == "python" and (numba or "fast=True" not in text):
            output += printed(text, f"<{page} {number}>", space)
        elif language == "text" and output:
            assert without_times(output) == without_times(text)
            output, shown = "", shown + 1
    assert shown or page == "pictures.md"
