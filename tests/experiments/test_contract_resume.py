"""A run killed at any moment resumes to the same result; a folder has one owner at a time."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.experiments.tiny import ENVIRONMENT, HOLD, ROOT

needs_posix = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has neither fork nor SIGKILL"
)


def start(folder: Path, *words: str, hold: int | None = None) -> subprocess.Popen[str]:
    """Start a run that waits to be killed in its part number `hold`."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.experiments.tiny", "tiny", "run", "tiny", "--json",
         "--output", str(folder), *words],
        cwd=ROOT, env={**ENVIRONMENT, HOLD: str(hold)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, error = process.communicate(timeout=60)
    return process.returncode, out, error


def succeed(process: subprocess.Popen[str]) -> tuple[str, str]:
    code, out, error = finish(process)
    assert code == 0, error
    return out, error


def wait_for_steps(folder: Path, process: subprocess.Popen[str], count: int = 1) -> None:
    until = time.monotonic() + 60
    while len(list((folder / "steps").glob("*.json"))) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.01)


def comparable(text: str) -> dict[str, Any]:
    result = json.loads(text)
    return {name: result[name] for name in ("claims", "values", "preset", "data")}


@needs_posix
def test_killed_before_or_after_any_write_a_run_resumes_to_identical_files(tmp_path: Path) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "tests.experiments.killed_at_every_write", str(tmp_path)],
        cwd=ROOT, env=ENVIRONMENT, text=True, capture_output=True, timeout=120, check=True,
    )  # fmt: skip
    report = json.loads(process.stdout)
    # config, three steps, a figure, arrays, metrics, claims, page content, page, result.
    writes = 11
    assert len(report) == 4 * writes
    assert all(death["same"] for death in report)
    for death in report:
        last_write_done = death["write"] == writes - 1 and not death["before"]
        assert death["whole_when_killed"] is last_write_done, death


@needs_posix
def test_killed_again_and_again_a_run_still_ends_the_same(tmp_path: Path) -> None:
    whole, _ = succeed(start(tmp_path / "whole"))
    moments = random.Random(0)
    for _ in range(4):
        process = start(tmp_path / "run", hold=2)
        time.sleep(moments.uniform(0, 0.8))
        process.kill()
        assert finish(process)[0] == -signal.SIGKILL
        assert not (tmp_path / "run" / "result.json").exists()
    process = start(tmp_path / "run", hold=2)
    wait_for_steps(tmp_path / "run", process, 2)
    process.kill()
    finish(process)
    resumed, error = succeed(start(tmp_path / "run"))
    assert f"Continuing the run in {tmp_path / 'run'}: 2 steps are already finished." in error
    assert comparable(resumed) == comparable(whole)
    assert not list((tmp_path / "run").rglob("*.partial"))


@needs_posix
@pytest.mark.parametrize("words", [(), ("--fresh",), ("--seed", "1")])
def test_a_second_process_is_refused_until_the_first_is_killed(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    first = start(tmp_path, hold=1)
    wait_for_steps(tmp_path, first)
    code, out, error = finish(start(tmp_path, *words))
    assert code == 2
    assert out == ""
    assert error == (
        f"chainrule: Another process is running in {tmp_path}. Wait for it to finish, or choose "
        "another folder with --output.\n"
    )
    first.kill()
    finish(first)
    succeed(start(tmp_path))


@needs_posix
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_says_how_to_resume(tmp_path: Path, sent: signal.Signals) -> None:
    process = start(tmp_path, hold=1)
    wait_for_steps(tmp_path, process)
    process.send_signal(sent)
    code, out, error = finish(process)
    assert code == 130
    assert out == ""
    assert error.splitlines()[-1] == (
        "Interrupted; what is finished is kept, run the same command to resume."
    )
    assert "Traceback" not in error
    succeed(start(tmp_path))
