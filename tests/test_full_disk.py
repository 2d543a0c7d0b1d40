"""A disk that is full: each command says so in one sentence, and keeps the file that was there.

Whatever a command writes, and however it writes it, the system refuses the first byte.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.full_disk import full_disk
from tests.test_every_command import user  # noqa: F401  (a fixture that is used by every test)

from chainrule.cli import main

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="limits of resources are POSIX's")

STYLE = ["style", "a.png", "b.png", "-o", "c.png", "--encoder", "random", "--size", "64",
         "--steps", "2", "--precision", "float32"]  # fmt: skip
CONSTANT = "\nTABLE = np.arange(5000.0)\ndef far(x):\n    return np.sum(x * TABLE)\n"


class Writing(NamedTuple):
    """A command, and the files that it writes in place of older ones."""

    words: list[str]
    files: list[str]


WRITING = [
    Writing(["check", "hw.py", "--format", "html", "-o", "out.html"], ["out.html"]),
    Writing(["explain", "hw.py::loss", "--format", "html", "-o", "out.html"], ["out.html"]),
    Writing(["source", "hw.py::loss", "-o", "out.py"], ["out.py"]),
    Writing(["source", "hw.py::far", "--shape", "x=5000", "-o", "far.py"], ["far.py", "far.npz"]),
    Writing(["graph", "hw.py::loss", "-o", "out.svg"], ["out.svg"]),
    Writing(["flow", "hw.py", "-o", "out.svg"], ["out.svg"]),
    Writing(["grade", "curve-fitting", "curve_fitting.py", "-o", "results.json"], ["results.json"]),
    Writing(["grade", "curve-fitting", "handed-in"], ["handed-in-graded/grades.csv"]),
    Writing(["package", "curve-fitting", "-o", "auto.zip"], ["auto.zip"]),
    Writing(["report", "runs", "-o", "index.html"], ["index.html"]),
    Writing(["search", "search.toml", "--export", "trials.csv"], ["trials.csv"]),
    Writing([*STYLE], ["c.png"]),
    Writing([*STYLE, "--report", "c.html"], ["c.html"]),
    Writing(["run", "tiny"], []),
    Writing(["run", "--all"], ["runs/index.html"]),
    Writing(["start", "momentum"], []),
    Writing(["start", "momentum", "--notebook"], []),
]


def held() -> dict[str, bytes]:
    """What the files of the user's folder hold, of the stores and locks only that they are."""
    return {
        str(path): path.read_bytes() if path.suffix != ".sqlite" else b""
        for path in Path().rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.parametrize("writing", WRITING, ids=lambda writing: " ".join(writing.words[:3]))
def test_a_full_disk_is_one_sentence_and_what_was_there_stays(
    capsys: pytest.CaptureFixture[str], writing: Writing
) -> None:
    if writing.words[0] == "style":
        pytest.importorskip("torch", reason="pictures need the extra vision")
    Path("hw.py").write_text(Path("hw.py").read_text() + CONSTANT)
    assert main(["start", "curve-fitting"]) == 0
    assert main(["start", "curve-fitting", "--output", "handed-in"]) == 0
    if writing.words[0] == "report":
        assert main(["run", "tiny"]) == 0
    for name in writing.files:
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(b"earlier")
    before = held()
    capsys.readouterr()
    with full_disk():
        status = main(writing.words)
    captured = capsys.readouterr()
    assert status == 2
    sentences = [line for line in captured.err.splitlines() if "annot " in line]
    assert sentences, captured.err
    assert "Internal error" not in captured.err
    assert "Traceback" not in captured.err
    after = held()
    new = {name for name in after if name not in before and not name.endswith(".lock")}
    assert {name: after.get(name) for name in before} == before
    assert not {name for name in new if not name.endswith((".sqlite", ".sqlite-wal"))}
    assert main(writing.words) in (0, 1, 3), capsys.readouterr().err
    for name in writing.files:
        assert Path(name).read_bytes() != b"earlier"
