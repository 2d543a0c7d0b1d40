"""`chainrule source FILE::FUNCTION`: output, exit status, errors in one sentence."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.cli import main
from chainrule.commands.user_file import arguments, bind, load_function
from chainrule.commands.users_code import UserFileError

HOMEWORK = '''\
"""Homework 5."""
import numpy as np

print("training ...")
CENTRES = np.linspace(-3.0, 3.0, 120).reshape(30, 4)


def example():
    print("drawing an example")
    return {"W": np.ones(4), "n": 2, "unrelated": "other functions have examples too"}


def loss(W, n):
    p = CENTRES @ W
    for _ in range(n):
        p = np.tanh(p)
    return np.mean(p)


def branching(x):
    return np.sum(x) if x[0] > 0 else -np.sum(x)


def broken(W):
    return W @ np.ones(7)


def vector(W):
    return W * 2


def starred(W, *, scale=2.0, **more):
    return np.sum(W) * scale


class Model:
    def __init__(self):
        self.b = 2.0

    def loss(self, W):
        return np.sum(W * W) * self.b


model = Model()
number = 3
'''


@pytest.fixture
def homework(tmp_path: Path) -> Path:
    path = tmp_path / "hw.py"
    path.write_text(HOMEWORK, encoding="utf-8")
    return path


def _run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(["source", *words])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_prints_a_program_and_nothing_else(
    homework: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = _run(capsys, f"{homework}::loss")
    assert status == 0
    assert out.startswith("import numpy as np\n")
    assert "def loss_and_gradient(W, n):" in out
    assert "    assert n == 2\n" in out
    assert "# backward of line 16: p = np.tanh(p)" in out
    assert err == "training ...\ndrawing an example\n"


@pytest.mark.parametrize(
    ("words", "found", "missing"),
    [
        (["--cotangents", "d"], "dW = CENTRES.T @ dp1", "W_bar"),
        (["--cotangents", "grad"], "grad_W = ", "W_bar"),
        (["--shapes"], "p1 = CENTRES @ W  # (30,)", "# ()\n    # b"),
        (["--no-comments"], "W_bar", "line 16"),
        (["--torch"], "torch.tanh(p1)", "import numpy"),
        (["--arg", "n=1"], "assert n == 1", "p3"),
        (["--shape", "W=4"], "W (4,)", "W (3,)"),
        (["--wrt", "W"], '{"W": W_bar}', "n_bar"),
    ],
)
def test_options(
    words: list[str],
    found: str,
    missing: str,
    homework: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if "--torch" in words:
        pytest.importorskip("torch", reason="code for PyTorch is tried out on PyTorch")
    status, out, _ = _run(capsys, f"{homework}::loss", *words)
    assert status == 0
    assert found in out
    assert missing not in out


def test_assertions_and_methods(homework: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--shape", "x=3", "--assertions"]
    _, out, _ = _run(capsys, f"{homework}::branching", *words)
    assert "assert x[0] > 0" in out
    _, out, _ = _run(capsys, f"{homework}::model.loss")
    assert "    value = np.sum(W * W) * 2.0\n" in out


def test_a_function_that_returns_an_array(
    homework: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = _run(capsys, f"{homework}::vector")
    assert status == 0
    assert "def vector_and_gradient(W, value_bar):" in out


def test_json(homework: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = _run(capsys, f"{homework}::loss", "--json")
    assert status == 0
    found = json.loads(out)
    assert found["function"] == "loss_and_gradient"
    assert found["constants"] == ["CENTRES"]
    assert found["of"] == f"{homework}::loss"
    assert found["source"].endswith('return value, {"W": W_bar}\n')


def test_written_file_runs_by_itself(homework: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = homework.parent / "gradient.py"
    status, out, _ = _run(capsys, f"{homework}::loss", "-o", str(output))
    assert (status, out) == (0, f"{output}\n")
    call = "gradient.loss_and_gradient(np.ones(4), 2)[1]['W'].tolist()"
    script = f"import numpy as np, gradient; print({call})"
    ran = subprocess.run(
        [sys.executable, "-c", script],
        cwd=output.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    user = load_function(f"{homework}::loss")
    wanted = cr.grad(user.function)(np.ones(4), 2)
    np.testing.assert_allclose(json.loads(ran.stdout), wanted, rtol=1e-14)


@pytest.mark.parametrize(
    ("where", "words", "sentence"),
    [
        ("hw.py", [], "Name a file and a function in it, as {hw}::example or ::loss or ::branch"),
        ("::loss", [], "in it, as FILE::FUNCTION, such as hw.py::loss."),
        ("syntax.py", [], "Name a file and a function in it, as syntax.py::FUNCTION, such as"),
        ("no.py::loss", [], "no.py does not exist; give the path of a Python file."),
        ("folder::loss", [], "folder is a folder; give the path of a Python file."),
        ("hw.py::los", [], "has no function 'los'; did you mean loss."),
        ("hw.py::qqq", [], "has no function 'qqq'; it has example, loss, branching"),
        ("hw.py::model.qqq", [], "has no function 'model.qqq'"),
        ("hw.py::number", [], "number in {hw} is a int, not a function."),
        ("empty.py::f", [], "has no function 'f'; it has no functions at all."),
        ("syntax.py::f", [], "does not parse (invalid syntax) at line 2: def f(:."),
        ("null.py::f", [], "cannot be read as Python"),
        ("raising.py::f", [], "line 2 raised ZeroDivisionError: division by zero, when it was run"),
        ("exiting.py::f", [], "ended with exit(3) when it was run"),
        ("asking.py::f", [], "asked for input at line 1 when it was run"),
        ("bare.py::f", [], "has no example() that gives arguments for f(x, y)"),
        ("listing.py::f", [], "example() in {listing} returned a list; it must return a dict"),
        ("failing.py::f", [], "line 2 raised KeyError: 'x', when it ran example()"),
        ("hw.py::branching", [], "gives no x for branching; add \"x\" to its dict"),
        ("hw.py::broken", [], "line 25 raised ValueError: matmul"),
        ("hw.py::loss", ["--shape", "V=3"], "loss has no parameter 'V'; its parameters are W, n."),
        ("hw.py::loss", ["--shape", "W"], "'W' names no parameter; write it as in --shape x="),
        ("hw.py::loss", ["--shape", "W=a"], "--shape W=a gives no shape"),
        ("hw.py::loss", ["--shape", "W=-1"], "--shape W=-1 gives no shape"),
        ("hw.py::loss", ["--arg", "n=x"], "--arg n=x gives no Python number, string or list"),
        ("hw.py::loss", ["--arg", "n=[[1], [2, 3]]"], "gives rows of different lengths"),
        ("hw.py::loss", ["--wrt", "n"], "n has type int; only floating-point arguments"),
        ("hw.py::loss", ["--wrt", "z"], "without an argument 'z'"),
        ("hw.py::loss", ["-o", "no/such/folder.py"], "cannot be written: No such file"),
        ("hw.py::loss", ["--cotangents", "hat"], "'hat' is not one of 'bar', 'd', 'grad'"),
    ],
)  # fmt: skip
def test_wrong_input_is_one_sentence(
    where: str,
    words: list[str],
    sentence: str,
    homework: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = homework.parent
    monkeypatch.chdir(folder)
    (folder / "folder").mkdir()
    files = {
        "empty": "", "syntax": "import numpy\ndef f(:\n", "null": "x = 1\0",
        "raising": "x = 0\n1 / x\n", "exiting": "raise SystemExit(3)\n", "asking": "input()\n",
        "bare": "def f(x, y): return x * y\n",
        "listing": "def example(): return [1]\ndef f(x): return x\n",
        "failing": "def example():\n    return {}['x']\ndef f(x): return x\n",
    }  # fmt: skip
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    status, out, err = _run(capsys, where, *words)
    wanted = sentence.format(hw="hw.py", listing="listing.py")
    assert status == 2
    assert out == ""
    message = err.splitlines()[-1]
    assert message.startswith("chainrule: ")
    assert wanted in message
    assert "Traceback" not in err


def test_debug_shows_where(homework: Path) -> None:
    with pytest.raises(UserFileError) as caught:
        main(["source", f"{homework}::broken", "--debug"])
    assert isinstance(caught.value.__cause__, ValueError)


# --- arguments ------------------------------------------------------------------------------------


def test_arguments_come_from_the_example_and_by_hand(homework: Path) -> None:
    user = load_function(f"{homework}::loss")
    found = arguments(user, shapes=["W=2,3"], values=["n=[0, 1]"])
    assert found["W"].shape == (2, 3)
    assert found["n"].dtype == int
    again = arguments(user, shapes=["W=2,3"])
    np.testing.assert_array_equal(again["W"], found["W"])
    assert arguments(user)["n"] == 2
    assert "unrelated" not in arguments(user)


def test_arguments_in_the_functions_order(homework: Path) -> None:
    user = load_function(f"{homework}::starred")
    found = arguments(user, values=["scale=3.0", "extra=1"])
    args, kwargs = bind(user, found)
    assert len(args) == 1
    assert kwargs["scale"] == 3.0
    assert kwargs["extra"] == 1


@pytest.mark.parametrize(
    ("text", "value"),
    [("n=3", 3), ("n=2.5", 2.5), ("n='a'", "a"), ("n=None", None), ("n=True", True)],
)
def test_literals(text: str, value: Any, homework: Path) -> None:
    assert arguments(load_function(f"{homework}::loss"), values=[text])["n"] == value


def test_what_stands_beside_the_file_can_be_imported(tmp_path: Path) -> None:
    (tmp_path / "chainrule_helper_layers.py").write_text("SCALE = 2.0\n")
    (tmp_path / "using.py").write_text(
        "import numpy as np\nfrom chainrule_helper_layers import SCALE\n"
        "def f(x):\n    return np.sum(x) * SCALE\n"
    )
    assert load_function(f"{tmp_path / 'using.py'}::f").function(np.ones(2)) == 4.0


def test_one_number_by_an_empty_shape(homework: Path) -> None:
    found = arguments(load_function(f"{homework}::loss"), shapes=["W="])
    assert np.shape(found["W"]) == ()
