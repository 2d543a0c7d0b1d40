"""The command `chainrule explain`, as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chainrule.cli import main

HOMEWORK = """
import numpy as np

print("this belongs on standard error")

def loss(W, b, x, y):
    h = np.tanh(W @ x + b)
    return np.mean((h - y) ** 2)

def several(x):
    y = np.exp(x)
    return {"whole": np.sum(y), "first": y[0], "best": np.argmax(y)}

def broken(x):
    return undefined(x)

def example():
    return {"W": np.ones((2, 2)), "b": np.zeros(2), "x": np.array([0.3, 0.4]), "y": np.ones(2)}
"""
GRAPH = """
outputs = ["y", "z"]
nodes = [
  { name = "x", value = 2 }, { name = "w" },
  { name = "y", operation = "*", operands = ["x", "w"] },
  { name = "z", operation = "square", operands = ["x"] },
]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "hw.py").write_text(HOMEWORK, encoding="utf-8")
    (tmp_path / "net.toml").write_text(GRAPH, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(["explain", *words])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_a_function_with_the_arguments_of_its_example(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = run(capsys, "hw.py::loss")
    assert status == 0
    assert out.startswith("loss(W, b, x, y): loss = ")
    assert "outer(dloss/dh_product, x)" in out
    assert "belongs" in err
    assert "belongs" not in out


def test_arguments_by_hand(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "hw.py::several", "--arg", "x=[0.0, 1.0]", "--of", "first")
    assert status == 0
    assert "first = 1" in out
    assert "dfirst/dx = dfirst/dy * y = [1, 0]" in out
    assert run(capsys, "hw.py::several", "--shape", "x=3", "--of", "1")[1].count("dfirst/dx") == 1


def test_a_graph_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "--graph", "net.toml", "--arg", "w=3", "--of", "y")
    assert status == 0
    assert "dy/dw = dy/dy · ∂y/∂w = 1 · 2 = 2" in out
    numbered = run(capsys, "--graph", "net.toml", "--arg", "w=3", "--of", "0")[1]
    assert numbered == out
    both = run(capsys, "--graph", "net.toml", "--arg", "w=3")[1]
    assert "S = y + z" in both


@pytest.mark.parametrize(
    ("format", "beginning"),
    [
        ("text", "net(x, w): y = 6, z = 4"),
        ("markdown", "**`net(x, w)"),
        ("latex", "% needs \\usepackage{amsmath}"),
        ("html", "<!DOCTYPE html>"),
        ("json", '{\n  "function": "net"'),
    ],
)
def test_formats(
    folder: Path, capsys: pytest.CaptureFixture[str], format: str, beginning: str
) -> None:
    words = ["--graph", "net.toml", "--arg", "w=3"]
    status, out, _ = run(capsys, *words, "--format", format)
    assert status == 0
    assert out.startswith(beginning)
    endings = {"text": "txt", "markdown": "md", "latex": "tex", "html": "html", "json": "json"}
    path = folder / f"out.{endings[format]}"
    status, printed, _ = run(capsys, *words, "-o", str(path))
    assert printed == f"{path}\n"
    assert path.read_text(encoding="utf-8").strip() == out.strip()


def test_json_is_the_whole_explanation(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = json.loads(run(capsys, "hw.py::loss", "--json")[1])
    assert data["of"] == "hw.py::loss"
    assert data["results"] == ["loss"]
    assert [value["name"] for value in data["values"]][:4] == ["W", "b", "x", "y"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "Name a function as FILE::FUNCTION"),
        (["hw.py::loss", "--graph", "net.toml"], "one of the two"),
        (["hw.py::lost"], "hw.py has no function 'lost'; did you mean loss"),
        (["none.py::loss"], "none.py does not exist"),
        (["hw.py::broken", "--shape", "x=2"], "line 15 raised NameError"),
        (["hw.py::several", "--shape", "x=2", "--of", "best"], "its results are whole, first"),
        (["hw.py::several", "--shape", "x=2", "--of", "7"], "has no result '7'"),
        (["--graph", "none.json"], "none.json: there is no such file"),
        (["--graph", "net.toml"], "input 'w' has no value"),
        (["--graph", "net.toml", "--arg", "v=1"], "there is no input 'v'; the inputs are x, w"),
        (["--graph", "net.toml", "--arg", "w=1", "--of", "q"], "no output 'q'"),
        (["--graph", "net.toml", "--arg", "w=1", "--of", "9"], "no output '9'"),
        (["--graph", "net.toml", "--arg", "w"], "--arg w gives no number"),
        (["--graph", "net.toml", "--arg", "w=two"], "--arg w=two gives no number"),
        (["--graph", "net.toml", "--arg", "w='2'"], "'2' is not a number"),
        (["--graph", "net.toml", "--shape", "w=2"], "--shape belongs to a function"),
        (["hw.py::loss", "-o", "no/where.md"], "cannot be written: No such file"),
        (["hw.py::loss", "--format", "pdf"], "--help"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    status, out, err = run(capsys, *words)
    assert status == 2
    assert out == ""
    sentence = err.replace("this belongs on standard error\n", "")
    assert message in sentence
    assert sentence.startswith("chainrule: ")
    assert sentence.count("\n") == 1
