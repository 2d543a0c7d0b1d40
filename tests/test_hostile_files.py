"""Whatever a file holds, a command that reads it ends in an answer or in a sentence.

Every file that a command reads back is cut short, overwritten in places, spliced and replaced, and
the command run on it: no internal error, no traceback, and nothing written outside its folder.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from chainrule.cli import main

DAMAGES = 24

SPECIFICATION = """
[objective]
function = "objective.py:loss"
[space]
rate = { low = 0.001, high = 1.0, scale = "log" }
width = { low = 1, high = 4 }
[search]
strategy = "random"
budget = 6
[execution]
executor = "inline"
"""

GRAPH = {
    "nodes": [
        {"name": "x", "value": 2.0},
        {"name": "w", "value": [1.0, 3.0]},
        {"name": "p", "operation": "*", "operands": ["x", "w"]},
        {"name": "f", "operation": "sum", "operands": ["p"]},
    ],
    "outputs": ["f"],
}


class Reader(NamedTuple):
    """A command, what makes the files it reads, and which of them are damaged."""

    make: Callable[[Path], None]
    words: Sequence[str]
    damaged: str


def make_search(folder: Path) -> None:
    (folder / "objective.py").write_text("def loss(rate, width):\n    return rate * width\n")
    (folder / "tune.toml").write_text(SPECIFICATION)


def make_store(folder: Path) -> None:
    make_search(folder)
    assert main(["search", "tune.toml", "--output", "found"]) == 0


def make_run(folder: Path) -> None:
    assert main(["run", "vector-calculus", "--output", "one"]) == 0


def make_graph(folder: Path) -> None:
    (folder / "graph.json").write_text(json.dumps(GRAPH))


def make_file(folder: Path) -> None:
    (folder / "hw.py").write_text(
        "import numpy as np\n\ndef loss(w, x):\n    return np.sum(np.tanh(x @ w))\n\n"
        "def example():\n    return {'w': np.ones(3), 'x': np.ones((2, 3))}\n"
    )


READERS = {
    "search specification": Reader(make_search, ["search", "tune.toml", "--plan"], "tune.toml"),
    "search resumed": Reader(
        make_store, ["search", "tune.toml", "--output", "found"], "found/trials.sqlite"
    ),
    "run shown again": Reader(make_run, ["run", "vector-calculus", "--output", "one"], "one/*"),
    "report": Reader(make_run, ["report", "one", "-o", "index.html"], "one/*.json"),
    "graph": Reader(make_graph, ["explain", "--graph", "graph.json"], "graph.json"),
    "source": Reader(make_file, ["source", "hw.py::loss"], "hw.py"),
}


def damage(content: bytes, draw: random.Random) -> bytes:
    """Return the content cut, overwritten, spliced, emptied or replaced."""
    size = len(content)
    start, end = sorted(draw.choices(range(size + 1), k=2))
    match draw.randrange(6):
        case 0:
            return content[:start]
        case 1:
            return content[:start] + draw.randbytes(min(8, size - start)) + content[start + 8 :]
        case 2:
            return content[:start] + content[end:]
        case 3:
            return content[:start] + content[start : start + 200] * 2 + content[start + 200 :]
        case 4:
            return draw.choice([b"", b"\0" * 64, b"null", b"[]", b"{}", b"\xff\xfe", b"[" * 5000])
        case _:
            bits = bytearray(content)
            for _ in range(3):
                if size:
                    bits[draw.randrange(size)] ^= 1 << draw.randrange(8)
            return bytes(bits)


@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_gives_an_answer_or_a_sentence(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    reader = READERS[name]
    whole, folder = tmp_path / "whole", tmp_path / "outside" / "folder"
    whole.mkdir()
    monkeypatch.chdir(whole)
    reader.make(whole)
    assert main([*reader.words]) == 0
    outcomes = set()
    for attempt in range(DAMAGES):
        draw = random.Random(f"{name} {attempt}")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(whole, folder)
        monkeypatch.chdir(folder)
        target = draw.choice(sorted(each for each in folder.glob(reader.damaged) if each.is_file()))
        target.write_bytes(damage(target.read_bytes(), draw))
        capsys.readouterr()
        status = main([*reader.words])
        captured = capsys.readouterr()
        about = f"{target.name}, damage {attempt}: status {status}\n{captured.err}"
        assert status in (0, 1, 2, 3), about
        assert "Internal error" not in captured.err, about
        assert "Traceback" not in captured.err, about
        assert status == 0 or captured.err.strip() or captured.out.strip(), about
        assert [each.name for each in (tmp_path / "outside").iterdir()] == ["folder"], about
        outcomes.add(status)
    # The damage is felt: a reader that notices nothing would end every time in the same way.
    assert outcomes - {0}, outcomes
