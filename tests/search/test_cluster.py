"""A dask cluster on loopback: real scheduler, two worker processes, one of them killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.experiments.tiny import ENVIRONMENT, ROOT
from tests.search.driver import lines, logged_search

from chainrule.search import Execution, Objective, Search, SearchError, Space, cluster, plan_search

needs_dask = pytest.mark.skipif(
    find_spec("distributed") is None,
    reason="dask.distributed is not installed: pip install 'chainrule[cluster]'",
)


@pytest.fixture
def dask(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """Address of a scheduler, and two worker processes of one thread each, without nannies."""
    file = tmp_path / "scheduler.json"
    environment = {
        **ENVIRONMENT,
        "LOGGED_SECONDS": "0.03",
        "DASK_DISTRIBUTED__ADMIN__LOG_LENGTH": "0",
    }
    with contextlib.ExitStack() as stack:

        def start(*words: object) -> subprocess.Popen[bytes]:
            process = subprocess.Popen(
                [sys.executable, "-m", "distributed.cli." + str(words[0]), *map(str, words[1:])],
                cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip
            stack.callback(_end, process)
            return process

        start("dask_scheduler", "--host", "127.0.0.1", "--port", 0, "--no-dashboard", "--no-show",
              "--scheduler-file", file)  # fmt: skip
        until = time.monotonic() + 60
        while not file.exists() or not file.read_text().rstrip().endswith("}"):  # half written
            assert time.monotonic() < until
            time.sleep(0.05)
        workers = [
            start("dask_worker", "--scheduler-file", file, "--nthreads", 1, "--no-nanny",
                  "--no-dashboard", "--host", "127.0.0.1", "--local-directory", tmp_path / name)
            for name in ("one", "two")
        ]  # fmt: skip
        yield json.loads(file.read_text())["address"], workers


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@needs_dask
@pytest.mark.filterwarnings("ignore")
def test_nothing_is_lost_when_a_worker_is_killed(
    tmp_path: Path, dask: tuple[str, list[subprocess.Popen[bytes]]]
) -> None:
    address, workers = dask
    search = logged_search(tmp_path / "t.sqlite", tmp_path / "log", 60)
    code = (
        "import sys; from pathlib import Path; from chainrule.search import Execution;"
        "from tests.search.driver import logged_search;"
        "s = logged_search(Path(sys.argv[1]), Path(sys.argv[2]), 60);"
        "print(s.run(Execution(scheduler=sys.argv[3])).computed)"
    )
    driver = subprocess.Popen(
        [sys.executable, "-c", code, search.store, tmp_path / "log", address],
        cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    until = time.monotonic() + 90
    pids: set[str] = set()
    while len(pids) < 2 or len(lines(tmp_path / "log", "end")) < 8:
        assert time.monotonic() < until
        assert driver.poll() is None
        pids = {pid for _, pid in lines(tmp_path / "log", "start")}
        time.sleep(0.02)
    workers[0].kill()
    workers[0].wait()
    finished_then = len(lines(tmp_path / "log", "end"))
    assert finished_then < 55
    out, _ = driver.communicate(timeout=120)
    assert out == "60\n"
    outcome = search.read()
    assert outcome.count("done") == 60
    assert {trial.attempts for trial in outcome.trials} == {1}
    ends = Counter(x for x, _ in lines(tmp_path / "log", "end"))
    assert len(ends) == 60
    # Only what the killed worker had, done but not yet reported or still under way, ran again.
    assert sum(ends.values()) <= 60 + 4


@needs_dask
@pytest.mark.filterwarnings("ignore")
def test_a_time_limit_on_the_cluster(
    tmp_path: Path, dask: tuple[str, list[subprocess.Popen[bytes]]]
) -> None:
    space = Space.of(x=(0.0, 1.0))
    objective = Objective("function", "tests.search.objectives:hangs_above_half", (), str(ROOT),
                          names=("x",))  # fmt: skip
    search = Search(objective, space, plan_search(space, "grid", points=4), tmp_path / "t.sqlite")
    outcome = search.run(Execution(scheduler=dask[0], time_limit=0.3))
    assert [trial.value for trial in outcome.trials[:2]] == pytest.approx([0.0, 1 / 3])
    assert {trial.error for trial in outcome.trials[2:]} == {
        "It took longer than the time limit of 0.3 s."
    }


@needs_dask
@pytest.mark.filterwarnings("ignore")
def test_a_scheduler_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "PATIENCE", 0.5)
    search = logged_search(tmp_path / "t.sqlite", tmp_path / "log", 3)
    for address in ("tcp://127.0.0.1:9", "nonsense://x"):
        with pytest.raises(
            SearchError, match=r"does not answer .* Start one with `dask scheduler`"
        ):
            search.run(Execution(scheduler=address))
    assert search.read().count("waiting") == 3


def test_without_dask_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    search = logged_search(tmp_path / "t.sqlite", tmp_path / "log", 3)
    with pytest.raises(SearchError, match=r"pip install 'chainrule\[cluster\]'"):
        search.run(Execution(scheduler="tcp://127.0.0.1:8786"))
