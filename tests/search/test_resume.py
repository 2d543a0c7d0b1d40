"""Killed at any moment: no trial lost, none run again that was done, none run by two."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from tests.experiments.tiny import ENVIRONMENT, ROOT
from tests.search.driver import lines

from chainrule.search import TrialStore


def start(path: Path, count: int, executor: str, **settings: object) -> subprocess.Popen[str]:
    environment = {f"LOGGED_{name}": str(value) for name, value in settings.items()}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.search.driver", path / "t.sqlite", path / "log", str(count),
         executor],
        cwd=ROOT, env={**ENVIRONMENT, **environment}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def wait_for(path: Path, word: str, count: int) -> None:
    until = time.monotonic() + 60
    while len(lines(path / "log", word)) < count:
        assert time.monotonic() < until
        time.sleep(0.01)


def end(process: subprocess.Popen[str]) -> str:
    out, error = process.communicate(timeout=100)
    assert process.returncode == 0, error
    return out


@pytest.mark.parametrize("executor", ["inline", "processes"])
def test_killed_again_and_again(tmp_path: Path, executor: str) -> None:
    count, kills = 60, 3
    done: set[int] = set()
    for round_ in range(1, kills + 1):
        process = start(tmp_path, count, executor, SECONDS=0.02)
        wait_for(tmp_path, "end", 12 * round_)
        process.kill()
        process.communicate()
        with TrialStore(tmp_path / "t.sqlite") as store:
            now = {trial.id for trial in store.trials(state="done")}
        assert done < now
        done = now
    out = end(start(tmp_path, count, executor))
    assert int(out) == count - len(done)
    with TrialStore(tmp_path / "t.sqlite") as store:
        trials = store.trials()
    assert {trial.state for trial in trials} == {"done"}
    # Each was started as often as it was claimed; what was done was never claimed again.
    starts = Counter(float(x) for x, _ in lines(tmp_path / "log", "start"))
    assert sum(trial.attempts for trial in trials) <= count + 2 * kills
    for trial in trials:
        assert 1 <= starts[trial.parameters["x"]] <= trial.attempts
        if trial.id in done:
            assert trial.attempts <= kills


def test_workers_end_with_the_process_that_made_them(tmp_path: Path) -> None:
    process = start(tmp_path, 4, "processes", SECONDS=600)
    wait_for(tmp_path, "start", 2)
    workers = [int(line.split()[2]) for line in (tmp_path / "log").read_text().splitlines()]
    process.kill()
    process.communicate()
    until = time.monotonic() + 20
    while any(_alive(worker) for worker in workers):
        assert time.monotonic() < until
        time.sleep(0.02)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")


def test_an_interrupt_ends_the_workers_and_gives_the_trials_back(tmp_path: Path) -> None:
    process = start(tmp_path, 4, "processes", SECONDS=600)
    wait_for(tmp_path, "start", 2)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in error
    with TrialStore(tmp_path / "t.sqlite") as store:
        assert store.counts()["waiting"] == 4


def test_killed_at_every_write(tmp_path: Path) -> None:
    """Just before each access to the store, and just after it; then resumed."""
    command = [sys.executable, "-m", "tests.search.killed_at_every_write", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    deaths = json.loads(done.stdout)
    assert len(deaths) >= 2 * 16
    # Some before there is a store, some between a result and its record, some at the very end.
    assert {death["started"] for death in deaths} == {0, 1, 2, 3}
    for death in deaths:
        assert death["done"] == 3
        # Only a trial whose result was not committed is run again.
        assert death["started"] - death["recorded"] in (0, 1)
        assert death["calls"] == 3 + death["started"] - death["recorded"]


def test_eight_processes_never_share_a_trial(tmp_path: Path) -> None:
    """2000 trials, as promised; each leaves its line in the log exactly once."""
    processes = [start(tmp_path, 2000, "inline", GO=tmp_path / "go") for _ in range(8)]
    # All have a trial before any may go on.
    wait_for(tmp_path, "start", 8)
    (tmp_path / "go").touch()
    assert sum(int(end(process)) for process in processes) == 2000
    starts = Counter(x for x, _ in lines(tmp_path / "log", "start"))
    assert len(starts) == 2000
    assert set(starts.values()) == {1}
    assert len({pid for _, pid in lines(tmp_path / "log", "start")}) == 8
    with TrialStore(tmp_path / "t.sqlite") as store:
        assert store.counts() == {"waiting": 0, "running": 0, "done": 2000, "failed": 0}
        assert {trial.attempts for trial in store.trials()} == {1}


def test_one_that_joined_takes_over_from_one_that_dies(tmp_path: Path) -> None:
    slow = start(tmp_path, 5, "inline", SECONDS=600)
    wait_for(tmp_path, "start", 1)
    second = start(tmp_path, 5, "inline")
    try:
        wait_for(tmp_path, "end", 4)
        assert second.poll() is None
    finally:
        slow.kill()
        slow.communicate()
    assert end(second) == "5\n"
    with TrialStore(tmp_path / "t.sqlite") as store:
        assert [trial.attempts for trial in store.trials()] == [2, 1, 1, 1, 1]
