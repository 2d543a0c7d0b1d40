"""A script: kill a run before and after each of its writes, resume it, print what came of each."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from tests.experiments.tiny import TINY

from chainrule.experiments.runner import run_experiment
from chainrule.reporting.run_directory import RunDirectory

KILLED = 9


def run_and_die(folder: Path, fresh: bool, at: int, before: bool) -> bool:
    """Run in a child process that is gone at its write number `at`; return whether it was."""
    child = os.fork()
    if child == 0:
        replace, writes = os.replace, iter(range(10_000))

        def deadly(source: Any, target: Any) -> None:
            now = next(writes) == at
            if now and before:
                os._exit(KILLED)
            replace(source, target)
            if now:
                os._exit(KILLED)

        os.replace = deadly
        run_experiment(TINY, output=folder, fresh=fresh)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == KILLED


def comparable(folder: Path, result: dict[str, Any]) -> dict[str, Any]:
    """Return a result and the files beside it, without what differs between any two runs."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    timed = ("config.json", "result.json", "report.html")
    return {
        "result": {name: value for name, value in result.items() if name != "seconds"},
        "names": [str(path.relative_to(folder)) for path in files],
        "contents": [
            path.read_bytes().hex()
            for path in files
            if path.name not in timed and path.parent == folder
        ],
    }


def main(parent: Path) -> None:
    """Print for each way to die whether the run was whole then, and whether it was in the end."""
    folder = parent / "run"
    outcome = run_experiment(TINY, output=folder)
    wanted = comparable(folder, outcome.result)
    report = []
    for fresh in (False, True):
        for before in (True, False):
            at = 0
            while True:
                if not fresh:
                    folder.rename(parent / f"whole-{before}-{at}")
                killed = run_and_die(folder, fresh, at, before)
                if not killed:
                    break
                whole_when_killed = RunDirectory(folder).result() is not None
                result = run_experiment(TINY, output=folder).result
                report.append(
                    {
                        "fresh": fresh,
                        "before": before,
                        "write": at,
                        "whole_when_killed": whole_when_killed,
                        "same": comparable(folder, result) == wanted,
                    }
                )
                at += 1
    print(json.dumps(report))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
