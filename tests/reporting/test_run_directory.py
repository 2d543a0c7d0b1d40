"""A run directory refuses what is not its own, and survives a full disk and a damaged file."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.experiments.tiny import SVG, TINY

from chainrule.experiments.experiment import ExperimentError
from chainrule.experiments.run import Run
from chainrule.experiments.runner import run_experiment
from chainrule.programs.whole_files import replacing
from chainrule.reporting import files
from chainrule.reporting.files import RunDirectoryError
from chainrule.reporting.index import read_run
from chainrule.reporting.lock import FolderLock
from chainrule.reporting.run_directory import RunDirectory, Step


def test_a_folder_of_other_things_is_refused_untouched(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    for fresh in (False, True):
        with pytest.raises(RunDirectoryError, match=r"holds other files, such as thesis\.tex"):
            run_experiment(TINY, output=tmp_path, fresh=fresh)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_fresh_removes_only_what_a_run_writes(tmp_path: Path) -> None:
    run_experiment(TINY, output=tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    run_experiment(TINY, output=tmp_path, seed=1, fresh=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"


#: What a run writes or removes: files, the folder of the steps, the lock.
LINKED = [
    ".lock", "config.json", "result.json", "page.json", "claims.json", "metrics.csv",
    "report.html", "disc.svg", "weights.safetensors", "net.checkpoint", "steps",
    "steps/part-0-6ac1a4e7b4.json",
]  # fmt: skip


@pytest.mark.parametrize("name", LINKED)
@pytest.mark.parametrize("there", [True, False], ids=["whole", "dangling"])
@pytest.mark.parametrize("fresh", [False, True], ids=["", "fresh"])
def test_a_link_among_the_files_of_a_run_is_refused_and_nothing_outside_is_touched(
    tmp_path: Path, name: str, there: bool, fresh: bool
) -> None:
    folder, outside = tmp_path / "run", tmp_path / "outside"
    run_experiment(TINY, output=folder)
    outside.mkdir()
    link, target = folder / name, outside / "kept"
    if link.is_dir():
        link.rename(target)
    elif link.exists():
        os.replace(link, target)
    else:
        target.write_text("mine")
    if not there:
        target = outside / "absent"
    link.symlink_to(target)
    before = {path: path.is_file() and path.read_bytes() for path in outside.rglob("*")}
    with pytest.raises(RunDirectoryError) as caught:
        run_experiment(TINY, output=folder, fresh=fresh)
    assert str(caught.value) == (
        f"{link} is a link, which leads out of the folder. Remove the link, or choose another "
        "folder with --output."
    )
    with pytest.raises(RunDirectoryError, match="is a link"):
        read_run(folder)
    assert before == {path: path.is_file() and path.read_bytes() for path in outside.rglob("*")}


def test_a_link_to_a_run_directory_is_the_users_own_choice(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "disk")
    run_experiment(TINY, output=tmp_path / "run")
    assert RunDirectory(tmp_path / "disk").result() is not None


def test_a_link_where_a_file_is_being_written_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    with replacing(tmp_path / "a") as temporary:
        temporary.touch()
    temporary.symlink_to(tmp_path / "mine")
    files.write_bytes(tmp_path / "a", b"new")
    assert (tmp_path / "mine").read_text() == "mine"
    assert (tmp_path / "a").read_bytes() == b"new"


def test_a_lock_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / ".lock").symlink_to(tmp_path / "outside")
    with pytest.raises(RunDirectoryError, match="Cannot write"), FolderLock(tmp_path):
        pass
    assert not (tmp_path / "outside").exists()


def test_a_file_in_the_way_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(RunDirectoryError, match="Choose a folder you can write to"):
            run_experiment(TINY, output=path)


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENOSPC])
@pytest.mark.parametrize("call", ["mkdir", "open"])
def test_an_unwritable_output_folder_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, call: str
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(RunDirectoryError, match=r"Cannot write .*\. (Choose|Free)"):
        run_experiment(TINY, output=tmp_path / "run")


@pytest.mark.parametrize("full_at", ["part-2", "disc.svg", "weights", "metrics", "result.json"])
def test_a_disk_that_fills_up_keeps_the_finished_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full_at: str
) -> None:
    replace = os.replace

    def full(source: Any, target: Any) -> None:
        if full_at in str(target):
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(RunDirectoryError, match="the disk is full"):
        run_experiment(TINY, output=tmp_path)
    monkeypatch.undo()
    directory = RunDirectory(tmp_path)
    assert directory.result() is None
    assert directory.finished_steps() == (2 if full_at == "part-2" else 3)
    resumed = run_experiment(TINY, output=tmp_path)
    assert not resumed.reused
    assert len(resumed.result["values"]["draws"]) == 3


@pytest.mark.parametrize("text", ["", "{", "[]", '{"seed": 1}'])
def test_a_damaged_configuration_is_one_sentence_and_fresh_cures_it(
    tmp_path: Path, text: str
) -> None:
    run_experiment(TINY, output=tmp_path)
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(RunDirectoryError, match=r"config\.json is damaged .*--fresh"):
        run_experiment(TINY, output=tmp_path)
    assert not run_experiment(TINY, output=tmp_path, fresh=True).reused


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"figures": []}', '"x"'])
def test_a_damaged_result_is_not_read_as_whole(tmp_path: Path, text: str) -> None:
    first = run_experiment(TINY, output=tmp_path)
    (tmp_path / "result.json").write_text(text)
    assert RunDirectory(tmp_path).result() is None
    again = run_experiment(TINY, output=tmp_path)
    assert not again.reused
    assert again.result["values"] == first.result["values"]


def test_a_moved_run_knows_where_its_files_are(tmp_path: Path) -> None:
    run_experiment(TINY, output=tmp_path / "here")
    (tmp_path / "here").rename(tmp_path / "there")
    result = run_experiment(TINY, output=tmp_path / "there").result
    assert result["report"] == str(tmp_path / "there" / "report.html")
    assert result["figures"] == [str(tmp_path / "there" / "disc.svg")]


def test_what_a_killed_process_was_writing_is_removed(tmp_path: Path) -> None:
    run_experiment(TINY, output=tmp_path)
    leftovers = [tmp_path / ".result.json.12.partial", tmp_path / "steps" / ".x.json.12.partial"]
    for path in leftovers:
        path.write_text("{")
    (tmp_path / "result.json").unlink()
    run_experiment(TINY, output=tmp_path)
    assert not any(path.exists() for path in leftovers)


def test_steps_with_alike_or_odd_keys_have_files_of_their_own(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    directory.make()
    directory.prepare({"experiment": "x"})
    keys = ["a", "A", "a b", "a/b", "a-b", "../a", "", "ŷ", "x" * 300, "x" * 301, ".a", "a.json"]
    for index, key in enumerate(keys):
        directory.store_step(key, Step(index, [{"k": key}], 0.5))
    assert directory.finished_steps() == len(keys)
    for index, key in enumerate(keys):
        assert directory.step(key) == Step(index, [{"k": key}], 0.5)
    assert directory.step("absent") is None
    names = [path.name.lower() for path in (tmp_path / "steps").iterdir()]
    assert len(set(names)) == len(keys)


def test_a_folder_is_locked_once_and_free_afterwards(tmp_path: Path) -> None:
    with (
        FolderLock(tmp_path),
        pytest.raises(RunDirectoryError, match="Another process is running"),
        FolderLock(tmp_path),
    ):
        pass
    with FolderLock(tmp_path):
        pass


def test_a_lock_that_is_removed_while_one_waits_for_it_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chainrule.reporting import lock

    right, removals = lock._lock, iter([True, False, False])

    def removed(handle: int) -> None:
        right(handle)
        if next(removals):
            (tmp_path / ".lock").unlink()

    monkeypatch.setattr(lock, "_lock", removed)
    with (
        FolderLock(tmp_path),
        pytest.raises(RunDirectoryError, match="Another process is running"),
        FolderLock(tmp_path),
    ):
        pass


def test_a_lock_that_the_file_system_refuses_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chainrule.reporting import lock

    def refuse(_: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(lock, "_lock", refuse)
    with pytest.raises(RunDirectoryError, match=r"no locks available\. Choose a folder"):
        run_experiment(TINY, output=tmp_path)


def failing(run: Run, *, before: int, after: int) -> None:
    """Keep some steps, draw and write something, and fail."""
    for number in range(before):
        run.step(f"part {number}", lambda: 1)
    run.figure("disc", "A disc", SVG, alternative="A disc")
    if after:
        run.checkpoint("net").write_text("half of it")
    raise ExperimentError("No.")


@pytest.mark.parametrize(
    ("before", "after", "there", "file", "left"),
    [
        (0, 0, False, False, None),
        (1, 0, False, False, ["steps"]),
        (0, 1, False, False, ["net.checkpoint", "steps"]),
        (0, 0, True, False, ["steps"]),
        (0, 0, False, True, ["mine", "disc.svg"]),
    ],
    ids=["nothing", "step", "checkpoint", "folder was there", "file of the user's"],
)
def test_a_run_that_fails_before_it_keeps_anything_leaves_nothing(
    tmp_path: Path, before: int, after: int, there: bool, file: bool, left: list[str] | None
) -> None:
    folder = tmp_path / "run"
    if there:
        folder.mkdir()

    def run(run: Run) -> None:
        if file:
            (folder / "mine").touch()
        failing(run, before=before, after=after)

    with pytest.raises(ExperimentError, match=r"No\."):
        run_experiment(replace(TINY, run=run), output=folder)
    if left is None:
        assert not folder.exists()
    else:
        assert {*left, "config.json"} <= {path.name for path in folder.iterdir()}


def test_the_configuration_of_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match=r"is not a run directory: it has no config\.json"):
        RunDirectory(tmp_path).config()


def test_written_json_is_strict(tmp_path: Path) -> None:
    run_experiment(TINY, output=tmp_path)

    def refuse(name: str) -> None:
        raise AssertionError(name)

    for path in tmp_path.rglob("*.json"):
        json.loads(path.read_text(), parse_constant=refuse)
