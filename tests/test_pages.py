"""Every Python block of the README and of the pages in docs/ runs, and prints what it says.

The blocks of a page run in order in one namespace, in an empty folder; a ``text`` fence right after
a block holds what the block prints (a line ``…`` stands for any lines). A block with a title is a
file of that name; one that needs an extra which is not installed is left out. Where something
cannot run, ``<!-- not run: reason -->`` stands before the fence.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import linecache
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
FENCE = re.compile(
    r"(?P<comment><!-- not run: [^\n]+ -->\n+)?"
    r"^```(?P<kind>\w+)(?P<rest>[^\n]*)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
#: What a block that needs an extra is known by, and the module of the extra.
EXTRAS = {
    "torch": r"^\s*(import|from) torch\b|vision\.|backend=\"torch\"",
    "numba": r"\bfast=True",
    "distributed": r"^\s*(import|from) distributed\b",
}


class Block(NamedTuple):
    line: int
    code: str
    title: str = ""
    output: str | None = None

    def agrees(self, printed: str) -> bool:
        """Whether the page shows what was printed."""
        if self.output is None:
            return True
        shown = re.escape("\n" + without_times(self.output) + "\n")
        shown = shown.replace("\\\n…\\\n", "\n(?:.*\n)*?")
        return re.fullmatch(shown, "\n" + without_times(printed) + "\n") is not None


def without_times(text: str) -> str:
    """Microseconds differ from run to run, and so do the spaces before them."""
    return re.sub(r" *\d+\.\d+ us", " … us", text).strip()


def blocks(page: Path) -> list[Block]:
    """The blocks of a page that run, each with the output that the page shows for it."""
    text = page.read_text(encoding="utf-8")
    found: list[Block] = []
    end = -1
    for fence in FENCE.finditer(text):
        if fence["kind"] == "text" and found and not text[end : fence.start()].strip():
            found[-1] = found[-1]._replace(output=fence["code"])
        elif fence["kind"] == "python" and not fence["comment"]:
            line = text.count("\n", 0, fence.start("code")) + 1
            title = re.search(r'title="([^"]+)"', fence["rest"])
            found.append(Block(line, fence["code"], title[1] if title else ""))
        end = fence.end()
    return found


PAGES = [
    page
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    if "```python" in page.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_blocks_of_a_page_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path / "cache"))
    namespace: dict[str, Any] = {"__name__": "__main__"}
    missing = [module for module in EXTRAS if importlib.util.find_spec(module) is None]
    for number, block in enumerate(blocks(page), 1):
        if any(re.search(EXTRAS[module], block.code, re.MULTILINE) for module in missing):
            continue
        if block.title:
            Path(block.title).write_text(block.code, encoding="utf-8")
            continue
        name = f"<block {number}>"
        linecache.cache[name] = (len(block.code), None, block.code.splitlines(True), name)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block.code, name, "exec"), namespace)
        assert block.agrees(printed.getvalue()), f"{page}:{block.line} prints\n{printed.getvalue()}"
