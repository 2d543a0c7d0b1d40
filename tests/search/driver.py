"""A script: one process of a search, with the arguments STORE LOG TRIALS EXECUTOR."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.search import objectives

from chainrule.search import Execution, Objective, Search, Space, plan_search

SPACE = Space.of(x=(0.0, 1.0))


def logged_search(store: Path, log: Path, count: int) -> Search:
    """Return a search whose objective leaves a line at the start and the end of each call."""
    objective = Objective("callable", objectives.logged, (("log", str(log)),), names=("x",))
    return Search(objective, SPACE, plan_search(SPACE, "random", budget=count), store)


def lines(log: Path, word: str) -> list[list[str]]:
    """Return x and process number of all lines that begin with a word."""
    text = log.read_text() if log.exists() else ""
    return [line.split()[1:] for line in text.splitlines() if line.startswith(word)]


if __name__ == "__main__":
    store, log, count, executor = sys.argv[1:]
    print(logged_search(Path(store), Path(log), int(count)).run(Execution(executor, 2)).computed)
