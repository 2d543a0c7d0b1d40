"""A script: kill a search before and after each access to its store, resume it, print what came."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.search.driver import lines, logged_search

from chainrule.search import Execution, SearchError, TrialStore

KILLED = 9


def run_and_die(folder: Path, at: int, after: bool) -> bool:
    """Run in a child process that is gone at its access number `at`; return whether it was."""
    child = os.fork()
    if child == 0:
        errors, accesses = TrialStore._errors, iter(range(10_000))

        @contextmanager
        def deadly(self: TrialStore) -> Iterator[None]:
            now = next(accesses) == at
            if now and not after:
                os._exit(KILLED)
            with errors(self):
                yield
            if now:
                os._exit(KILLED)

        TrialStore._errors = deadly  # type: ignore[method-assign, assignment]
        logged_search(folder / "t.sqlite", folder / "log", 3).run(Execution("inline"))
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == KILLED


def recorded(store: Path) -> int:
    """Return how many trials a store holds as done; none while it is not whole."""
    try:
        with TrialStore(store) as trials:
            return trials.counts()["done"]
    except SearchError:
        return 0


def main(parent: Path) -> None:
    """Print for each way to die what was started and recorded then, and what came in the end."""
    deaths = []
    for after in (False, True):
        for at in range(10_000):
            folder = parent / f"{after}-{at}"
            folder.mkdir()
            if not run_and_die(folder, at, after):
                break
            search = logged_search(folder / "t.sqlite", folder / "log", 3)
            started = len(lines(folder / "log", "start"))
            kept = recorded(search.store)
            done = search.run(Execution("inline")).count("done")
            calls = len(lines(folder / "log", "start"))
            deaths.append({"started": started, "recorded": kept, "done": done, "calls": calls})
    print(json.dumps(deaths))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
