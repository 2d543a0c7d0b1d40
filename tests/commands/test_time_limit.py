"""A check of a file that does not end: the line is named, what was found is kept, Ctrl-C works."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from chainrule.checking.worked_examples import EDITS
from chainrule.cli import main

SOURCE, RIGHT, WRONG = EDITS["G201"]
LINE = SOURCE[: SOURCE.index(RIGHT)].count("\n") + 1
END = len(SOURCE.splitlines()) + 1

# what the file does, the line that is named, another part of the sentence
ENDLESS = [
    (SOURCE + "while True: pass\n", END, "put what only a script does under"),
    (SOURCE + "import time\ntime.sleep(600)\n", END + 1, "`time.sleep(600)`"),
    (SOURCE + "def train():\n    while True: pass\ntrain()\n", END + 2, "in train)"),
    (SOURCE.replace(RIGHT, "while True: pass"), LINE, "gradient() in"),
    (SOURCE.replace("def example():", "def example():\n    while 1: pass"), None, "example() in"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line", "said"), ENDLESS, ids=["top", "sleep", "call", "gradient", "example"]
)
def test_the_line_that_does_not_end_is_named(
    tmp_path: Path, text: str, line: int | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "hw.py"
    path.write_text(text)
    assert main(["check", str(path), "--time-limit", "0.4", "--json"]) == 2
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "error"
    assert "was still running after 0.4 s" in found["message"]
    assert "--time-limit 4" in found["message"]
    assert said in found["message"]
    assert line is None or f"at line {line}" in found["message"]


def test_what_was_found_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "hw.py"
    endless_on_probes = f"{WRONG}\n    while len(X) != len(example()['X']): pass"
    path.write_text(SOURCE.replace(RIGHT, endless_on_probes))
    assert main(["check", str(path), "--time-limit", "4", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "wrong"
    assert "was still running after 4 s" in found["message"]
    assert "found until then" in found["message"]
    assert found["first_wrong_line"] == LINE
    assert {each["verdict"] for each in found["gradients"].values()} == {"wrong"}
    assert found["gradients"]["W1"]["causes"][0]["code"] == "G000"
    assert "stopped before a cause was found" in found["gradients"]["W1"]["causes"][0]["evidence"]


def test_a_check_leaves_ctrl_c_as_it_was(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    path = tmp_path / "hw.py"
    path.write_text(SOURCE)
    assert main(["check", str(path)]) == 0
    assert signal.getsignal(signal.SIGINT) is before


SWALLOWS = """
import os, signal
while True:
    try:
        os.kill(os.getpid(), signal.SIGINT) if INTERRUPT else None
        while True:
            pass
    except BaseException:
        pass
"""


@pytest.mark.skipif(sys.platform == "win32", reason="os.kill ends a process there")
@pytest.mark.parametrize("interrupt", [False, True], ids=["limit", "ctrl-c"])
def test_code_that_catches_everything_is_left_behind(tmp_path: Path, interrupt: bool) -> None:
    path = tmp_path / "hw.py"
    path.write_text(SWALLOWS.replace("INTERRUPT", str(interrupt)))
    start = (
        "import sys, chainrule.commands.time_limit as limit; limit._GRACE = 0.4; "
        "from chainrule.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    limit = "60" if interrupt else "0.4"
    ended = subprocess.run(
        [sys.executable, "-c", start, "check", str(path), "--time-limit", limit, "--json"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 2
    message = json.loads(ended.stdout)["message"]
    assert ("was interrupted" if interrupt else "was still running after 0.4 s") in message


@pytest.mark.skipif(sys.platform == "win32", reason="os.kill ends a process there")
def test_ctrl_c_ends_the_check_with_the_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "hw.py"
    interrupted = f"{RIGHT}\n    import os; os.kill(os.getpid(), 2)"
    path.write_text(SOURCE.replace(RIGHT, interrupted))
    assert main(["check", str(path)]) == 130
    shown = capsys.readouterr()
    assert f"gradient() in {path} was interrupted at line {LINE + 1}" in " ".join(
        shown.out.split()
    ).replace("/ ", "/")
    assert "resume" not in shown.err


OTHERS = ["source {}::loss", "graph {}::loss", "explain {}::loss", "flow {}"]


@pytest.mark.parametrize("command", OTHERS, ids=lambda text: text.split()[0])
@pytest.mark.parametrize(
    ("text", "line"),
    [
        (SOURCE + "while True: pass\n", END),
        (SOURCE.replace("def example():", "def example():\n    while 1: pass"), None),
    ],
    ids=["file", "example"],
)
def test_other_commands_on_a_file_end_in_time(
    tmp_path: Path, command: str, text: str, line: int | None, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "hw.py"
    path.write_text(text)
    assert main([*command.format(path).split(), "--time-limit", "0.4"]) == 2
    said = capsys.readouterr().err
    assert "was still running after 0.4 s" in said
    assert line is None or f"at line {line}" in said


THREAD = (
    SOURCE + "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\n"
)


@pytest.mark.parametrize("command", ["check {}", "source {}::loss"])
def test_a_thread_of_the_file_does_not_keep_the_command(tmp_path: Path, command: str) -> None:
    path = tmp_path / "hw.py"
    path.write_text(THREAD)
    words = [sys.executable, "-m", "chainrule", *command.format(path).split()]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0
    assert done.stdout.endswith("\n")
