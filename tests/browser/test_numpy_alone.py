"""The core needs NumPy alone: no other package, no process, thread or signal."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def ran(*files: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *files], cwd=folder, capture_output=True, encoding="utf-8", timeout=100,
        check=False,
    )  # fmt: skip


def test_the_core_does_the_same_with_what_a_browser_has(tmp_path: Path) -> None:
    core = HERE / "core.py"
    here = ran(core, folder=tmp_path)
    assert (here.returncode, here.stderr) == (0, "")
    poor = ran(HERE / "limits.py", core, folder=tmp_path)
    assert poor.returncode == 0, poor.stderr
    assert poor.stdout == here.stdout
    assert re.search(r"first wrong line: \d+: z1_bar = a1_bar \* 1", here.stdout)


def test_grading_says_that_it_needs_processes(tmp_path: Path) -> None:
    poor = ran(HERE / "limits.py", HERE / "core.py", folder=tmp_path)
    assert poor.stderr == (
        "grading: Grading runs each submission in a process of its own, and Python in a browser "
        "(Pyodide) has none; grade with an installed Python, or check one gradient here with "
        "cr.check(loss, gradient, example).\n"
    )
