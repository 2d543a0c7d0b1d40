"""Every block of the README and of the pages in docs/ runs, and prints what it says.

The blocks of a page run in order, in an empty folder; those of Python in one namespace. A ``text``
fence right after a block holds what the block prints. A block with a title is a file of that name.
In a ``console`` fence each line after ``$`` is typed, and what stands below it, also in a ``text``
fence of its own, is what a terminal shows. A line ``…`` stands for any lines, and a command with
nothing below it may print anything but an error. A page that needs an extra which is not installed
is left out from there on. Where something cannot run, ``<!-- not run: reason -->`` stands before
the fence.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import linecache
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image, ImageDraw

from chainrule.cli import main

ROOT = Path(__file__).parents[1]
FENCE = re.compile(
    r"(?P<comment><!-- not run: [^\n]+ -->\n+)?"
    r"^```(?P<kind>\w+)(?P<rest>[^\n]*)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
#: What a block that needs an extra is known by, and the module of the extra.
EXTRAS = {
    "torch": r"^\s*(import|from) torch\b|vision\.|backend=\"torch\"|chainrule (style|classify)",
    "numba": r"\bfast=True",
    "distributed": r"^\s*(import|from) distributed\b",
}


class Block(NamedTuple):
    line: int
    kind: str
    code: str
    title: str = ""
    output: str | None = None


def agree(shown: str, printed: str) -> bool:
    """Whether what a page shows is what was printed."""
    pattern = re.escape("\n" + comparable(shown) + "\n")
    pattern = pattern.replace("\\\n…\\\n", "\n(?:.*\n)*?")
    return re.fullmatch(pattern, "\n" + comparable(printed) + "\n") is not None


def comparable(text: str) -> str:
    """The text without what differs: times, rounding errors, and spaces beside them or at ends."""
    text = re.sub(r" *\b\d+(?:\.\d+)?( us| ms| s|s)\b", r" …\1", text)
    text = re.sub(r"\b\d(\.\d+)?e-(09|1\d)\b|\b0\.0e\+00\b", "…", text)
    return "\n".join(line.rstrip() for line in text.splitlines()).strip()


def blocks(page: Path) -> list[Block]:
    """The blocks of a page that run, each with the output that the page shows for it."""
    text = page.read_text(encoding="utf-8")
    found: list[Block] = []
    end = -1
    for fence in FENCE.finditer(text):
        title = re.search(r'title="([^"]+)"', fence["rest"])
        if fence["kind"] == "text" and found and not text[end : fence.start()].strip():
            last = found[-1]
            found[-1] = (
                last._replace(code=last.code + fence["code"])
                if last.kind == "console"
                else last._replace(output=fence["code"])
            )
        elif not fence["comment"] and (title or fence["kind"] in ("python", "console")):
            line = text.count("\n", 0, fence.start("code")) + 1
            found.append(Block(line, fence["kind"], fence["code"], title[1] if title else ""))
        end = fence.end()
    return found


def commands(block: Block) -> Iterator[tuple[str, str]]:
    """Each command of a console, and what is shown below it."""
    for part in re.split(r"^\$ ", block.code, flags=re.MULTILINE)[1:]:
        command, _, shown = part.replace("\\\n", "").partition("\n")
        yield re.sub(r"\s+# .*", "", command), shown


def typed(command: str) -> tuple[str, int]:
    """What a terminal shows for a command, and its exit status."""
    words = shlex.split(command)
    if words[0] == "chainrule":
        printed = io.StringIO()
        linecache.checkcache()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            status = main(words[1:])
        return printed.getvalue(), status
    ran = subprocess.run(
        [sys.executable if words[0] == "python" else words[0], *words[1:]],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", timeout=100,
        check=False, env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    return ran.stdout, ran.returncode


def draw_pictures() -> None:
    """What a reader of the page for everyone has: circles for cats, squares for dogs."""
    rng = np.random.default_rng(0)
    names = [f"photos/{kind}/{k}.png" for kind in ("cats", "dogs") for k in range(12)]
    for name in [*names, "house.jpg", "painting.jpg", "new.jpg"]:
        picture = Image.fromarray(rng.integers(0, 80, (60, 80, 3), dtype=np.uint8))
        draw = ImageDraw.Draw(picture)
        shape = draw.ellipse if "cats" in name else draw.rectangle
        shape((10, 10, 50, 50), fill=tuple(int(v) for v in rng.integers(120, 255, 3)))
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        picture.save(name)
    Path("photos/cats/notes.jpg").write_text("no picture")


#: Pages whose readers bring files of their own.
BROUGHT = {"for-everyone.md": draw_pictures}

PAGES = [
    page
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    if re.search("^```(python|console)", page.read_text(encoding="utf-8"), re.MULTILINE)
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_blocks_of_a_page_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    BROUGHT.get(page.name, lambda: None)()
    namespace: dict[str, Any] = {"__name__": "__main__"}
    missing = [module for module in EXTRAS if importlib.util.find_spec(module) is None]
    for number, block in enumerate(blocks(page), 1):
        if any(re.search(EXTRAS[module], block.code, re.MULTILINE) for module in missing):
            return
        if block.title:
            Path(block.title).parent.mkdir(exist_ok=True)
            Path(block.title).write_text(block.code, encoding="utf-8")
            sys.modules.pop(Path(block.title).stem, None)  # that of another page
        elif block.kind == "console":
            for command, shown in commands(block):
                printed, status = typed(command)
                where = f"{page}:{block.line}: $ {command} prints\n{printed}"
                assert agree(shown, printed) if shown.strip() else status in (0, 1), where
        else:
            name = f"<block {number}>"
            linecache.cache[name] = (len(block.code), None, block.code.splitlines(True), name)
            said = io.StringIO()
            with contextlib.redirect_stdout(said):
                exec(compile(block.code, name, "exec"), namespace)
            where = f"{page}:{block.line} prints\n{said.getvalue()}"
            assert block.output is None or agree(block.output, said.getvalue()), where
