"""The store: claims are exclusive, results are taken once, dead processes lose their trials."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chainrule.search import SearchError, TrialStore, store
from chainrule.search import process_identity as identities
from chainrule.search.process_identity import ProcessIdentity, this_process
from chainrule.search.trial import Result

DESCRIPTION = {"objective": "f", "seed": 0}
GOOD = Result(0.5, {"loss": 0.5, "accuracy": 0.75}, None, 0.1)
BAD = Result(None, {}, "ValueError: no", 0.2)


def rows(count: int, shapes: int = 1) -> list[dict[str, Any]]:
    return [
        {"configuration": i, "rung": 0, "budget": None, "parameters": {"x": i / 4, "c": "a"},
         "seed": i + 7, "shape": str(i % shapes) if shapes > 1 else ""}
        for i in range(count)
    ]  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "trials.sqlite"


def joined(where: TrialStore) -> ProcessIdentity:
    owner = this_process()
    where.join(owner)
    return owner


def test_a_trial_from_waiting_to_done(path: Path) -> None:
    with TrialStore.create(path, DESCRIPTION, rows(3)) as trials:
        owner = joined(trials)
        assert trials.counts() == {"waiting": 3, "running": 0, "done": 0, "failed": 0}
        (first,) = trials.claim(owner)
        assert (first.configuration, first.parameters, first.seed) == (0, {"x": 0.0, "c": "a"}, 7)
        assert (first.state, first.attempts) == ("running", 1)
        (second,) = trials.claim(owner)
        assert trials.record(owner, {first.id: GOOD, second.id: BAD}) == 2
    with TrialStore(path) as trials:
        done, failed, waiting = trials.trials()
        assert (done.state, done.value, done.metrics) == ("done", 0.5, GOOD.metrics)
        assert (failed.state, failed.value, failed.error) == ("failed", None, "ValueError: no")
        assert (waiting.state, waiting.attempts, waiting.started) == ("waiting", 0, None)
        assert [trial.id for trial in trials.trials(state="failed")] == [failed.id]
        assert trials.description() == DESCRIPTION


def test_created_again_it_keeps_everything(path: Path) -> None:
    with TrialStore.create(path, DESCRIPTION, rows(3)) as trials:
        owner = joined(trials)
        trials.record(owner, {trials.claim(owner)[0].id: GOOD})
    with TrialStore.create(path, DESCRIPTION, rows(3)) as trials:
        assert trials.counts()["done"] == 1
        assert len(trials.trials()) == 3


def test_a_batch_has_one_shape(path: Path) -> None:
    with TrialStore.create(path, DESCRIPTION, rows(10, shapes=3)) as trials:
        owner = joined(trials)
        batches = []
        while batch := trials.claim(owner, 3):
            batches.append([trial.configuration for trial in batch])
        assert batches == [[0, 3, 6], [9], [1, 4, 7], [2, 5, 8]]


def test_a_result_is_taken_from_its_owner_only(path: Path) -> None:
    with TrialStore.create(path, DESCRIPTION, rows(1)) as trials:
        slow, quick = joined(trials), joined(trials)
        (trial,) = trials.claim(slow)
        trials.leave(slow)
        assert trials.claim(quick)[0].attempts == 2
        assert trials.record(slow, {trial.id: GOOD}) == 0
        assert trials.record(quick, {trial.id: BAD}) == 1
        assert trials.record(quick, {trial.id: GOOD}) == 0
        assert trials.counts()["failed"] == 1


def test_given_back_trials_wait_and_failed_ones_can_be_retried(path: Path) -> None:
    with TrialStore.create(path, DESCRIPTION, rows(3)) as trials:
        owner = joined(trials)
        first, second, third = trials.claim(owner, 3)
        trials.give_back(owner, [first.id])
        trials.record(owner, {second.id: BAD, third.id: GOOD})
        assert trials.retry_failed() == 1
        assert trials.counts() == {"waiting": 2, "running": 0, "done": 1, "failed": 0}
        assert trials.trials()[1].error == "ValueError: no"
        assert [trial.error for trial in trials.claim(owner, 3)] == [None, None]


def test_trials_of_a_dead_process_wait_again_and_of_a_living_one_do_not(path: Path) -> None:
    """A child claims and is killed; another child claims and lives."""
    claim = (
        "import sys, time; from pathlib import Path; from chainrule.search import TrialStore;"
        "from chainrule.search.process_identity import this_process\n"
        "store = TrialStore(Path(sys.argv[1])); me = this_process(); store.join(me);"
        "print(store.claim(me)[0].id, flush=True); time.sleep(600)"
    )
    with TrialStore.create(path, DESCRIPTION, rows(3)) as trials:
        children = [
            subprocess.Popen([sys.executable, "-c", claim, path], stdout=subprocess.PIPE)
            for _ in range(2)
        ]
        try:
            taken = [int(child.stdout.readline()) for child in children if child.stdout]
            assert trials.reclaim() == 0
            children[0].kill()
            children[0].wait()
            assert trials.reclaim() == 1
            assert trials.reclaim() == 0
            states = {trial.id: trial.state for trial in trials.trials()}
            assert (states[taken[0]], states[taken[1]]) == ("waiting", "running")
        finally:
            for child in children:
                child.kill()
                child.wait()
                if child.stdout:
                    child.stdout.close()


def test_a_number_given_out_again_is_another_process() -> None:
    me = this_process()
    assert me.known_dead() is False
    assert ProcessIdentity.read(me.written()) == me
    if me.started:
        assert replace(me, started="1").known_dead() is True
    assert replace(me, place="another host").known_dead() is None


def test_a_process_of_another_user_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(pid: int, signal: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refused)
    assert this_process().known_dead() is False


def test_where_the_system_tells_nothing_numbers_alone_decide(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(identities, "_text", lambda path: "")
    monkeypatch.setattr(os, "readlink", _refuse)
    identities._place.cache_clear()
    try:
        me = this_process()
        assert me.started == ""
        assert me.known_dead() is False
    finally:
        identities._place.cache_clear()


def _refuse(path: str) -> str:
    raise OSError


def test_an_unseen_process_is_dead_after_silence_by_this_clock(path: Path) -> None:
    now = 1000.0
    with TrialStore.create(path, DESCRIPTION, rows(1)) as trials:
        far = replace(this_process(), place="another namespace")
        trials.join(far)
        trials.claim(far)
        assert trials.reclaim(lambda: now) == 0
        now += store.SILENCE - 1
        assert trials.reclaim(lambda: now) == 0
        trials.beat(far)
        now += 2
        assert trials.reclaim(lambda: now) == 0
        now += store.SILENCE + 1
        assert trials.reclaim(lambda: now) == 1


def test_concurrent_claims_never_share_a_trial(path: Path) -> None:
    """Eight connections at once; the same over processes is in test_resume.py."""
    TrialStore.create(path, DESCRIPTION, rows(400)).close()
    taken: list[list[int]] = [[] for _ in range(8)]

    def work(mine: list[int]) -> None:
        with TrialStore(path) as trials:
            owner = joined(trials)
            while batch := trials.claim(owner, 3):
                mine += [trial.id for trial in batch]
                trials.record(owner, {trial.id: GOOD for trial in batch})

    threads = [threading.Thread(target=work, args=(mine,)) for mine in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(id_ for mine in taken for id_ in mine) == list(range(1, 401))


def test_added_trials_are_added_once(path: Path) -> None:
    with TrialStore.create(path, DESCRIPTION, rows(2)) as trials:
        promoted = [{**rows(1)[0], "rung": 1, "budget": 3}]
        assert (trials.add(promoted), trials.add(promoted)) == (1, 0)
        assert [trial.budget for trial in trials.trials(rung=1)] == [3]


# Files that are refused, and left as they are ---------------------------------------------------


def test_a_store_of_another_search(path: Path) -> None:
    TrialStore.create(path, DESCRIPTION, rows(2)).close()
    with pytest.raises(SearchError, match="holds another search: it differs in seed, metric"):
        TrialStore.create(path, {"objective": "f", "seed": 1, "metric": "m"}, rows(2))
    with TrialStore(path) as trials:
        assert trials.counts()["waiting"] == 2


def test_a_store_of_another_version(path: Path) -> None:
    TrialStore.create(path, DESCRIPTION, rows(2)).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    for opening in (lambda: TrialStore(path), lambda: TrialStore.create(path, DESCRIPTION, [])):
        with pytest.raises(SearchError, match="is a store of version 99, and this chainrule reads"):
            opening()


@pytest.mark.parametrize("content", [b"", b"not a database, " * 100])
def test_a_file_that_is_no_store(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "trials.sqlite"
    path.write_bytes(content)
    with pytest.raises(SearchError, match="is not a store of trials"):
        TrialStore(path)
    if content:
        with pytest.raises(SearchError, match="is not a store of trials or is damaged"):
            TrialStore.create(path, DESCRIPTION, rows(1))
    assert path.read_bytes() == content


def test_a_database_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE animals (name TEXT)")
    connection.close()
    before = path.read_bytes()
    for opening in (lambda: TrialStore(path), lambda: TrialStore.create(path, DESCRIPTION, [])):
        with pytest.raises(SearchError, match=r"is not a store of trials. Give another file"):
            opening()
    assert path.read_bytes() == before


def test_no_store_and_no_place_for_one(tmp_path: Path) -> None:
    with pytest.raises(SearchError, match="There is no store"):
        TrialStore(tmp_path / "none.sqlite")
    (tmp_path / "file").write_text("")
    with pytest.raises(SearchError, match=r"Cannot write .* Choose another folder"):
        TrialStore.create(tmp_path / "file" / "trials.sqlite", DESCRIPTION, rows(1))


def test_a_locked_store_says_so_and_survives(path: Path) -> None:
    TrialStore.create(path, DESCRIPTION, rows(2)).close()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        with TrialStore(path, patience=0.05) as trials:
            with pytest.raises(
                SearchError, match=r"is locked by another process. Wait until it is"
            ):
                trials.claim(this_process())
            assert trials.counts()["waiting"] == 2
    finally:
        holder.execute("ROLLBACK")
        holder.close()
    with TrialStore(path) as trials:
        assert len(trials.claim(joined(trials), 5)) == 2


@pytest.mark.parametrize(
    ("message", "sentence"),
    [("database or disk is full", "the disk is full. Free some space"),
     ("attempt to write a readonly database", "Choose another output folder")],
)  # fmt: skip
def test_other_refusals_of_sqlite(path: Path, message: str, sentence: str) -> None:
    with (
        TrialStore.create(path, DESCRIPTION, rows(1)) as trials,
        pytest.raises(SearchError, match=sentence),
        trials._errors(),
    ):
        raise sqlite3.OperationalError(message)


@pytest.mark.parametrize("end", ["", "-wal", "-shm", "-journal"])
@pytest.mark.parametrize("there", [True, False], ids=["whole", "dangling"])
def test_a_link_among_the_files_of_a_store_is_refused_and_not_followed(
    path: Path, tmp_path: Path, end: str, there: bool
) -> None:
    TrialStore.create(path, DESCRIPTION, rows(2)).close()
    link, target = Path(f"{path}{end}"), tmp_path / "outside"
    if there and link.exists():
        link.rename(target)
    elif there:
        target.write_bytes(b"mine")
    link.unlink(missing_ok=True)
    link.symlink_to(target)
    before = target.read_bytes() if there else None
    with pytest.raises(SearchError, match=f"{re.escape(link.name)} is a link, which leads out"):
        TrialStore.create(path, DESCRIPTION, rows(2))
    with pytest.raises(SearchError, match=r"is a link|There is no store"):
        TrialStore(path)
    assert (target.read_bytes() if target.exists() else None) == before
