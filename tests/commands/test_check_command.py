"""chainrule check: exit status, JSON, formats, other names, classes, notebooks, wrong files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chainrule.checking.worked_examples import EDITS
from chainrule.cli import main

SOURCE, RIGHT, WRONG = EDITS["G201"]

MODEL = """
import numpy as np

class Net:
    def __init__(self):
        rng = np.random.default_rng(0)
        self.W1, self.W2 = rng.normal(size=(4, 5)), rng.normal(size=(5, 2))

    def loss(self, X, Y):
        self.X, self.Y = X, Y
        self.h = np.tanh(X @ self.W1)
        self.p = self.h @ self.W2
        return 0.5 * np.mean(np.sum((self.p - Y) ** 2, axis=1))

    def backward(self):
        d = (self.p - self.Y) / len(self.X)
        self.dW2 = self.h.T @ d
        self.dW1 = self.X.T @ (d @ self.W2.T)

    def compute_grad(self, X, Y):
        self.loss(X, Y)
        d = (self.p - Y) / len(X)
        return {"W1": X.T @ (d @ self.W2.T * (1 - self.h ** 2)), "W2": self.h.T @ d}

def example():
    rng = np.random.default_rng(1)
    return {"X": rng.normal(size=(6, 4)), "Y": rng.normal(size=(6, 2))}
"""


@pytest.fixture
def right(tmp_path: Path) -> Path:
    path = tmp_path / "right.py"
    path.write_text(SOURCE)
    return path


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    path = tmp_path / "wrong.py"
    path.write_text(SOURCE.replace(RIGHT, WRONG))
    return path


def test_exit_status_is_0_for_right_and_1_for_wrong(
    right: Path, wrong: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(right)]) == 0
    assert "ok: every gradient agrees" in capsys.readouterr().out
    assert main(["check", str(wrong)]) == 1
    shown = capsys.readouterr().out
    assert "G201 missing 1/n" in shown
    assert "\x1b" not in shown
    assert f"first wrong line: {_line(SOURCE, RIGHT)}: {WRONG}" in shown


def _line(source: str, text: str) -> int:
    return source[: source.index(text)].count("\n") + 1


def test_json_is_all_of_stdout(wrong: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong.write_text("print('hello')\n" + wrong.read_text())
    assert main(["check", str(wrong), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "wrong"
    assert found["first_wrong_line"] == _line(SOURCE, RIGHT) + 1
    assert found["gradients"]["W1"]["causes"][0]["code"] == "G201"


@pytest.mark.parametrize("ending", ["md", "html", "json", "txt"])
def test_the_ending_of_the_output_says_the_format(
    wrong: Path, tmp_path: Path, ending: str, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / f"report.{ending}"
    assert main(["check", str(wrong), "-o", str(output)]) == 1
    assert "G201" in output.read_text()
    assert capsys.readouterr().out.strip() == str(output)


def test_an_ending_without_a_form_is_refused(
    wrong: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (["check", str(wrong)], ["explain", f"{wrong}::loss"], ["explain", "G201"]):
        output = tmp_path / "report.pdf"
        assert main([*command, "-o", str(output)]) == 2
        assert "report.pdf has no ending that says what to write" in capsys.readouterr().err
        assert not output.exists()
    assert main(["check", str(wrong), "-o", str(output), "--format", "text"]) == 1
    assert "G201" in output.read_text()


def test_other_names_are_options(right: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = right.read_text().replace("def loss", "def my_cost").replace("def gradient", "def slope")
    right.write_text(text)
    assert main(["check", str(right)]) == 2
    assert "name another with --loss" in capsys.readouterr().err
    assert main(["check", str(right), "--loss", "my_cost", "--gradient", "slope"]) == 0


def test_why_explains_shortcuts(right: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(right), "--why"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "is (p - y)/n: the Jacobian of the softmax" in shown
    assert "may be written 1 - a1²" in shown


def test_a_class_is_checked_by_its_methods(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "net.py"
    path.write_text(MODEL)
    assert main(["check", f"{path}::Net", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["gradients"]["W1"]["causes"][0]["code"] == "G401"
    assert found["gradients"]["W2"]["verdict"] == "ok"
    assert found["first_wrong_line"] == _line(MODEL, "self.dW1 =")
    assert main(["check", f"{path}::Net", "--gradient", "compute_grad"]) == 0
    capsys.readouterr()
    assert main(["check", f"{path}::Nett"]) == 2
    assert "it has Net" in capsys.readouterr().err


def test_a_notebook_is_its_code_cells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "hw.ipynb"
    cells = [
        {"cell_type": "markdown", "source": ["text"]},
        {"cell_type": "code", "source": ["%matplotlib inline\n", "!pip list"]},
        {"cell_type": "code", "source": SOURCE.replace(RIGHT, WRONG)},
    ]
    path.write_text(json.dumps({"cells": cells}))
    assert main(["check", str(path), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["gradients"]["W1"]["causes"][0]["code"] == "G201"
    assert found["first_wrong_line"] == _line(SOURCE, RIGHT) + 2
    path.write_text("no notebook")
    assert main(["check", str(path)]) == 2
    assert "hw.ipynb is no notebook" in capsys.readouterr().err


# (the file, a part of the sentence)
UNUSABLE = [
    ("def loss(:\n", "does not parse"),
    ("raise RuntimeError('no')\n", "raised RuntimeError: no"),
    ("input()\n", "asked for input at line 1 when it was run"),
    ("import sys\nn = sys.stdin.readline()\n", "asked for input at line 2"),
    ("import sys; sys.exit(3)\n", "ended with exit(3)"),
    ("exit()\n", "ended with exit() when"),
    ("import not_there\n", "raised ModuleNotFoundError: No module named 'not_there'.\n"),
    ("x = 1\n", "has no loss"),
    (
        MODEL,
        "has no loss, but a class Net with loss(): check it with `chainrule check {path}::Net`.",
    ),
    ("def loss(w): return w\n", "has no gradient"),
    ("def loss(w): return w\ndef gradient(w): return w\n", "has no example"),
    ("def example(seed): pass\ndef loss(): pass\ngradient = loss\n", "needs seed; it must run"),
]


@pytest.mark.parametrize(("text", "said"), UNUSABLE)
def test_a_file_that_cannot_be_checked_says_why(
    tmp_path: Path, text: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "hw.py"
    path.write_text(text)
    assert main(["check", str(path)]) == 2
    shown = capsys.readouterr()
    assert said.replace("{path}", str(path)) in shown.err
    assert shown.out == ""


def test_a_gradient_that_raises_is_an_error_with_its_line(
    right: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    right.write_text(SOURCE.replace(RIGHT, "dz2 = undefined"))
    assert main(["check", str(right)]) == 2
    said = f"name 'undefined' is not defined at line {_line(SOURCE, RIGHT)}: dz2 = undefined."
    assert said in " ".join(capsys.readouterr().out.split())


def test_input_asked_for_by_the_loss_is_an_error_with_its_line(
    right: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = SOURCE.replace(RIGHT, "n = int(input('n?'))")
    right.write_text(text)
    assert main(["check", str(right)]) == 2
    shown = capsys.readouterr()
    assert f"gradient asks for input at line {_line(SOURCE, RIGHT)}, and nobody" in " ".join(
        shown.out.split()
    )
    assert "n?" in shown.err


def test_what_a_file_prints_goes_to_stderr_once_and_shortened(
    right: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = SOURCE.replace(RIGHT, f'print("shape", X.shape)\n    {RIGHT}')
    right.write_text(text + "\nfor i in range(5000):\n    print('epoch', i)\n")
    assert main(["check", str(right), "--json"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["verdict"] == "ok"
    assert shown.err.count("shape") <= 1
    lines = shown.err.splitlines()
    assert lines[:2] == ["epoch 0", "epoch 1"]
    assert len(lines) < 110
    assert "more lines]" in shown.err


def test_what_the_first_call_of_the_gradient_prints_is_shown_and_no_other(
    right: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    right.write_text(SOURCE.replace(RIGHT, f'print("shape", X.shape)\n    {RIGHT}'))
    assert main(["check", str(right)]) == 0
    assert capsys.readouterr().err.count("shape") == 1


def test_breakpoints_are_passed_over(right: Path, capsys: pytest.CaptureFixture[str]) -> None:
    right.write_text(SOURCE.replace(RIGHT, f"breakpoint(); {RIGHT}"))
    assert main(["check", str(right)]) == 0
    assert "ok: every" in capsys.readouterr().out


def test_a_code_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "G201"]) == 0
    assert "missing 1/n" in capsys.readouterr().out
    assert main(["explain", "G201", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "missing 1/n"
    assert main(["explain", "G299"]) == 2
    assert "no mistake 'G299'" in capsys.readouterr().err
