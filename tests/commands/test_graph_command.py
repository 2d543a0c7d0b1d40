"""The command `chainrule graph`, as it is typed."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from chainrule.cli import main
from chainrule.programs.exports import GraphDescription

HOMEWORK = """
import numpy as np

print("this belongs on standard error")

def loss(W, b, x, y):
    h = np.tanh(W @ x + b)
    return np.mean((h - y) ** 2)

def deep(x):
    for _ in range(6):
        x = np.tanh(x) * 0.5
    return np.sum(x)

def mask(x):
    return x > 0

def lonely(q):
    return q * q

def example():
    return {"W": np.ones((2, 2)), "b": np.zeros(2), "x": np.array([0.3, 0.4]), "y": np.ones(2)}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "hw.py").write_text(HOMEWORK, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(["graph", *words])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_without_a_file_the_steps_are_a_table(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = run(capsys, "hw.py::loss")
    assert status == 0
    assert out.startswith("loss: 10 steps\n")
    assert "tanh(" in out
    assert "W_bar" not in out
    assert "this belongs on standard error" in err
    status, out, _ = run(capsys, "hw.py::loss", "--backward", "graph")
    assert "W_bar" in out


@pytest.mark.parametrize(
    ("ending", "start"),
    [
        ("svg", "<svg "),
        ("html", "<!doctype html>"),
        ("dot", 'digraph "loss" {'),
        ("mmd", "flowchart LR"),
        ("json", '{\n  "schema": "chainrule.graph"'),
        ("md", "|  | name |"),
        ("txt", "loss: 10 steps"),
    ],
)
def test_the_ending_says_what_is_written(
    folder: Path, capsys: pytest.CaptureFixture[str], ending: str, start: str
) -> None:
    status, out, _ = run(capsys, "hw.py::loss", "-o", f"graph.{ending}")
    assert (status, out) == (0, f"graph.{ending}\n")
    assert (folder / f"graph.{ending}").read_text(encoding="utf-8").startswith(start)


def test_options_reach_the_picture(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "hw.py::deep", "--shape", "x=3", "-o", "a.svg", "--collapse")
    run(capsys, "hw.py::deep", "--shape", "x=3", "-o", "b.svg", "--backward", "graph")
    run(capsys, "hw.py::deep", "--shape", "x=3", "-o", "c.svg", "--constants", "--backward", "none")
    run(capsys, "hw.py::deep", "--shape", "x=3", "-o", "d.svg", "--direction", "down")
    collapsed, backward, constants, down = (
        (folder / f"{name}.svg").read_text(encoding="utf-8") for name in "abcd"
    )
    assert "× 6" in collapsed
    assert ">x_bar<" in backward
    assert 'class="cg-card cg-constant"' in constants
    assert ">grad<" not in constants
    sides = [ElementTree.fromstring(text).attrib for text in (collapsed, down)]
    assert int(sides[1]["height"]) > int(sides[1]["width"])
    assert int(sides[0]["height"]) < int(sides[0]["width"])


def test_a_page_of_steps_beside_the_picture(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = run(capsys, "hw.py::loss", "-o", "loss.svg", "--steps", "loss.html")
    assert (status, out.split()) == (0, ["loss.svg", "loss.html"])
    assert "Backward through" in (folder / "loss.html").read_text(encoding="utf-8")


def test_json_is_alone_on_standard_output(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "hw.py::loss", "--json", "-o", "loss.json")
    found = json.loads(out)
    assert status == 0
    assert (found["of"], found["files"]) == ("hw.py::loss", ["loss.json"])
    text = (folder / "loss.json").read_text(encoding="utf-8")
    assert [node["name"] for node in found["nodes"]] == [
        node.name for node in GraphDescription.from_json(text).nodes
    ]


def test_a_picture_without_derivatives_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, err = run(capsys, "hw.py::mask", "--shape", "x=3", "-o", "mask.svg")
    assert status == 0
    assert "Drawn without derivatives: mask has no floating-point output" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["hw.py::loss", "-o", "loss.png"], "loss.png has no ending that says what to write"),
        (["hw.py::loss", "-o", "nowhere/loss.svg"], "nowhere/loss.svg cannot be written"),
        (["hw.py::lost"], "hw.py has no function 'lost'; did you mean loss"),
        (["other.py::loss"], "other.py does not exist"),
        (["hw.py::lonely"], "gives no q for lonely"),
        (["hw.py::mask", "--shape", "x=3", "-o", "mask.html"], "no floating-point output"),
    ],
)
def test_mistakes_are_one_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    status, out, err = run(capsys, *words)
    lines = [line for line in err.splitlines() if line != "this belongs on standard error"]
    assert (status, out) == (2, "")
    assert len(lines) == 1
    assert message in lines[0]
