"""Files as people keep them: beside their data, in packages, as notebooks, with much output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from chainrule.checking.worked_examples import EDITS
from chainrule.cli import main

SOURCE, RIGHT, WRONG = EDITS["G201"]


def checked(path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """`chainrule check` in a process of its own, whose streams are real ones."""
    return subprocess.run(
        [sys.executable, "-m", "chainrule", "check", str(path), *options],
        capture_output=True, text=True, timeout=100, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip


# --- what a file does to the process -------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "import os\nos.system('echo a program')",
        "import os\nos.write(1, b'bytes\\n')",
        "import sys\nsys.__stdout__.write('the first stream\\n')",
    ],
)
def test_what_passes_print_by_stays_out_of_json(tmp_path: Path, text: str) -> None:
    path = tmp_path / "hw.py"
    path.write_text(f"{text}\n{SOURCE}")
    found = checked(path, "--json")
    assert found.returncode == 0
    assert json.loads(found.stdout)["verdict"] == "ok"
    assert found.stderr


def test_a_loop_that_nothing_ends_still_prints_json(tmp_path: Path) -> None:
    endless = "while True:\n        try:\n            while True: pass\n        except: pass\n    "
    path = tmp_path / "hw.py"
    path.write_text(SOURCE.replace(RIGHT, endless + RIGHT))
    found = checked(path, "--json", "--time-limit", "1")
    assert found.returncode == 2
    assert "was still running after 1 s" in json.loads(found.stdout)["message"]


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("import os; os._exit(0)", 2, "gradient ended the program with exit(0)"),
        ("raise KeyboardInterrupt", 130, "was interrupted"),
        ("raise BaseException('mine')", 2, "gradient raised BaseException: mine at line"),
        ("raise GeneratorExit", 2, "gradient raised GeneratorExit at line"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", 130, "was interrupted"),
    ],
)
def test_a_process_that_the_file_ends_says_so(
    tmp_path: Path, line: str, status: int, said: str
) -> None:
    path = tmp_path / "hw.py"
    path.write_text(SOURCE.replace(RIGHT, line))
    found = checked(path)
    assert found.returncode == status
    assert said in " ".join(found.stdout.split())
    assert "Traceback" not in found.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are split off on Unix alone")
def test_a_process_that_the_file_splits_off_ends_as_it_would(tmp_path: Path) -> None:
    path = tmp_path / "hw.py"
    split = "import os\nchild = os.fork()\nif child == 0:\n    os._exit(7)\n"
    told = "assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7\n"
    path.write_text(split + told + SOURCE)
    assert checked(path).returncode == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are split off on Unix alone")
def test_helpers_that_are_ended_by_a_signal_say_nothing(tmp_path: Path) -> None:
    path = tmp_path / "hw.py"
    pool = "import multiprocessing\nwith multiprocessing.get_context('fork').Pool(2) as pool:\n"
    path.write_text(f"{pool}    assert pool.map(abs, [-1, 2]) == [1, 2]\n{SOURCE}")
    found = checked(path)
    assert found.returncode == 0
    assert found.stderr == ""


_SPLITTING = """
import os, signal
from signal import SIGTERM

def blocked():
    return SIGTERM in signal.pthread_sigmask(signal.SIG_BLOCK, [])

during = []
os.register_at_fork(before=lambda: during.append(blocked()))  # after that of the command

from chainrule.commands.ending import end_as_on_interrupt

end_as_on_interrupt()
child = os.fork()
if child == 0:
    os._exit(7 if signal.getsignal(SIGTERM) is signal.SIG_DFL and not blocked() else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
assert during == [True]
assert not blocked()
assert signal.getsignal(SIGTERM) is signal.default_int_handler
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are split off on Unix alone")
def test_no_helper_misses_the_signal_that_ends_it_while_it_begins() -> None:
    subprocess.run([sys.executable, "-c", _SPLITTING], check=True, timeout=60)


@pytest.mark.parametrize(
    ("limit", "gradient", "status", "said"),
    [
        (10**9, "return gradient(X, Y, W1, b1, W2, b2, lam)", 2, "gradient raised RecursionError"),
        (60, RIGHT, 0, "ok: every gradient agrees"),
    ],
)
def test_recursion_ends_whatever_limit_the_file_sets(
    tmp_path: Path, limit: int, gradient: str, status: int, said: str
) -> None:
    path = tmp_path / "hw.py"
    path.write_text(
        f"import sys\nsys.setrecursionlimit({limit})\n{SOURCE.replace(RIGHT, gradient)}"
    )
    found = checked(path, "--time-limit", "20")
    assert said in " ".join(found.stdout.split())
    assert found.returncode == status


def test_a_crash_in_c_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "hw.py"
    path.write_text(SOURCE.replace(RIGHT, "import ctypes; ctypes.string_at(0)"))
    found = checked(path)
    assert found.returncode not in (0, 1)
    line = SOURCE[: SOURCE.index(RIGHT)].count("\n") + 1
    assert f'hw.py", line {line} in gradient' in found.stderr


# --- files that cannot be run --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"raise BaseException('mine')", "line 1 raised BaseException: mine, when it was run"),
        (SOURCE.encode("utf-16"), "is no UTF-8 text; save it as UTF-8 text."),
        (b"import numpy as np\nx = np.load('x.npy')\n", "line 2 found no file 'x.npy'; its path"),
        (b"import numpy as np\nx = np.load('there.npy')\n", "it lies beside hw.py: run chainrule"),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_one_sentence_on_standard_error_and_in_json(
    tmp_path: Path,
    content: bytes,
    said: str,
    as_json: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "hw.py"
    path.write_bytes(content)
    (tmp_path / "there.npy").write_bytes(b"numbers")
    assert main(["check", str(path), *(["--json"] if as_json else [])]) == 2
    shown = capsys.readouterr()
    assert said in shown.err
    if as_json:
        found = json.loads(shown.out)
        assert found["verdict"] == "error"
        assert said in found["message"]
    else:
        assert shown.out == ""


def test_a_seed_below_zero_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "hw.py"
    path.write_text(SOURCE)
    assert main(["check", str(path), "--seed", "-1"]) == 2
    assert "'--seed'" in capsys.readouterr().err


# --- neighbours ----------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [None, "from .helper import rows\n"])
@pytest.mark.parametrize("folder", ["homework", "numpy"])
def test_relative_imports_find_what_stands_beside(
    tmp_path: Path, first: str | None, folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / folder
    (home / "inner").mkdir(parents=True)
    (home / "helper.py").write_text("def rows(X):\n    return len(X)\n")
    (home / "inner" / "near.py").write_text("from ..helper import rows\n")
    if first is not None:
        (home / "__init__.py").write_text(first)
    source = SOURCE.replace("len(X)", "rows(X)")
    for path, line in (
        (home / "hw.py", "from .helper import rows"),
        (home / "inner" / "hw.py", "from .near import rows\nfrom ..helper import rows"),
    ):
        path.write_text(f"{line}\n{source}")
        assert main(["check", str(path)]) == 0, capsys.readouterr().err


# --- notebooks -----------------------------------------------------------------------------------


def notebook(path: Path, *cells: str) -> Path:
    code = [{"cell_type": "code", "source": cell.splitlines(keepends=True)} for cell in cells]
    path.write_text(json.dumps({"cells": [{"cell_type": "markdown", "source": []}, *code]}))
    return path


def test_a_comment_that_asks_leaves_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = SOURCE.replace(RIGHT, f"{WRONG}\n    dz2 = dz2 / len(X)  # is this right?")
    path = notebook(tmp_path / "hw.ipynb", "np.dot?\nfiles = !ls\n", f"{asked}\n")
    assert main(["check", str(path)]) == 0, capsys.readouterr().out


def test_a_line_of_a_notebook_is_told_by_its_cell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head, gap, gradient = SOURCE.replace(RIGHT, WRONG).partition("def gradient")
    path = notebook(tmp_path / "hw.ipynb", "%matplotlib inline\n", "def (:\n", head, gap + gradient)
    assert main(["check", str(path), "--json"]) == 1
    shown = capsys.readouterr()
    line = (gap + gradient)[: (gap + gradient).index(WRONG)].count("\n") + 1
    found = json.loads(shown.out)
    assert f"is line {line} of code cell 4." in found["notes"][0]
    assert "Cell 2 does not parse" in shown.err
