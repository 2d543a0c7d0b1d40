"""Files are whole or absent, whatever the file system does, and errors say what to do."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.reporting.files import RunDirectoryError, finite, plain, write_bytes, write_json


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"ŷ": 1})
    write_json(path, {"ŷ": 2})
    assert path.read_text(encoding="utf-8") == '{\n  "ŷ": 2\n}\n'
    assert [each.name for each in tmp_path.iterdir()] == ["a.json"]


def test_others_may_read_what_is_written(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a", b"")
    (tmp_path / "b").touch()
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in "ab"]
    assert modes[0] == modes[1]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full. Free some space and run the same command"),
        (errno.EACCES, "permission denied. Choose a folder you can write to with --output."),
        (errno.EROFS, "read-only file system. Choose a folder you can write to with --output."),
    ],
)
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_refusing_file_system_leaves_the_old_file_and_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, words: str
) -> None:
    path = tmp_path / "a"
    write_bytes(path, b"old")

    def refuse(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(RunDirectoryError) as caught:
        write_bytes(path, b"new")
    monkeypatch.undo()
    assert str(caught.value).startswith(f"Cannot write {path}: ")
    assert words in str(caught.value)
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["a"]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match="no such file or directory"):
        write_bytes(tmp_path / "missing" / "a", b"")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(False), False),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        ((1, (2, "x")), [1, [2, "x"]]),
        ({"a": np.arange(2)}, {"a": [0, 1]}),
        (None, None),
    ],
)
def test_plain_values_are_what_json_reads_back(value: Any, expected: Any) -> None:
    result = plain(value, "it")
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize("value", [{1, 2}, 1j, b"x", np.array([1j]), Path("x"), {1: 2}])
def test_what_json_cannot_hold_is_refused_by_name(value: Any) -> None:
    with pytest.raises(TypeError, match="The thing"):
        plain(value, "The thing")


def test_finite_writes_as_words_what_strict_json_cannot_hold() -> None:
    value = {"a": [float("nan"), float("-inf"), 1.0], "b": "nan"}
    assert finite(value) == {"a": ["nan", "-inf", 1.0], "b": "nan"}
