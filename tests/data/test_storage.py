"""Where files are looked for, what damaged and missing ones say, and what is downloaded where."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.data import DATA_SETS, DataError, fetch, load_mnist, status
from chainrule.data.storage import directories

Tiny = Any
MakeTiny = Callable[..., Tiny]


def assert_train(tiny: Tiny, data_dir: Path | None = None, download: bool = False) -> None:
    images, labels = load_mnist("train", data_dir, download)
    np.testing.assert_array_equal(images, tiny.arrays["train-images"])
    np.testing.assert_array_equal(labels, tiny.arrays["train-labels"])


def test_given_directory_then_variable_then_cache(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert directories() == [cache]
    monkeypatch.setenv("CHAINRULE_DATA", str(tmp_path / "shared"))
    assert directories() == [tmp_path / "shared", cache]
    assert directories(tmp_path / "own") == [tmp_path / "own", tmp_path / "shared", cache]
    monkeypatch.setenv("CHAINRULE_DATA", "")
    assert directories() == [cache]


def test_the_cache_is_the_users_own() -> None:
    assert "chainrule" in directories()[-1].parts
    assert directories()[-1].is_absolute()


@pytest.mark.parametrize("place", ["given", "variable", "cache"])
@pytest.mark.parametrize("form", ["served", "unpacked"])
def test_files_are_read_from_each_place_in_both_forms(
    place: str,
    form: str,
    cache: Path,
    tmp_path: Path,
    tiny: MakeTiny,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = tiny()
    shared = tmp_path / "shared"
    monkeypatch.setenv("CHAINRULE_DATA", str(shared))
    directory = {"given": tmp_path / "own", "variable": shared, "cache": cache}[place]
    data.put(directory, getattr(data, form))
    assert_train(data, tmp_path / "own")
    states = status(tmp_path / "own")
    assert [state.state for state in states] == ["present"] * 4
    assert [state.path.parent for state in states] == [directory / "mnist"] * 4
    contents = getattr(data, form)
    assert [(state.name, state.size) for state in states] == [
        (name, len(content)) for name, content in contents.items()
    ]
    if place != "given":
        assert fetch("mnist") == [state.path for state in states]


DAMAGE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "truncated": (lambda content: content[:-5], r"bytes, the official file has \d+ \(truncated\)"),
    "empty": (lambda content: b"", r"it has 0 bytes, the official .*truncated"),
    "too long": (lambda content: content + b"x", "too long"),
    "corrupted": (lambda content: content[:-1] + b"\x77", "its SHA-256 is [0-9a-f]{64}, the offi"),
}


@pytest.mark.parametrize(("damage", "reason"), DAMAGE.values(), ids=DAMAGE.keys())
@pytest.mark.parametrize("form", ["served", "unpacked"])
def test_a_damaged_file_is_named_and_refused_with_the_cure(
    damage: Callable[[bytes], bytes],
    reason: str,
    form: str,
    cache: Path,
    server: Any,
    tiny: MakeTiny,
) -> None:
    data = tiny(f"{server.root}/good")
    server.content = data.served
    contents = dict(getattr(data, form))
    damaged = next(name for name in contents if name.startswith("train-labels"))
    contents[damaged] = damage(contents[damaged])
    data.put(cache, contents)
    for attempt in (lambda: load_mnist("train"), lambda: fetch("mnist")):
        with pytest.raises(DataError, match=reason) as caught:
            attempt()
        message = str(caught.value)
        assert message.startswith(str(cache / "mnist" / damaged))
        assert "Delete it and run `chainrule data mnist`, or put the official file" in message
    assert server.requests == []
    assert (cache / "mnist" / damaged).read_bytes() == contents[damaged]
    by_name = {state.name: state for state in status()}
    assert by_name[damaged].state == "damaged"
    assert by_name[damaged].size == len(contents[damaged])
    (cache / "mnist" / damaged).unlink()
    assert_train(data, download=True)


def test_another_file_under_the_right_name_is_refused(cache: Path, tiny: MakeTiny) -> None:
    data = tiny()
    contents = dict(data.unpacked)
    contents["train-images"] = contents["train-images"][:-1] + b"\0"
    data.put(cache, contents)
    with pytest.raises(DataError, match="train-images is not the Tiny file: its SHA-256 is"):
        load_mnist()


def test_a_folder_in_the_place_of_a_file_is_refused(cache: Path, tiny: MakeTiny) -> None:
    tiny()
    (cache / "mnist" / "train-images.gz").mkdir(parents=True)
    with pytest.raises(DataError, match=r"train-images\.gz is not .*: it is not a file\. Delete"):
        load_mnist()


def test_missing_files_are_listed_with_place_size_checksum_and_addresses(
    cache: Path, tmp_path: Path, tiny: MakeTiny
) -> None:
    data = tiny("https://one.example/mnist", "https://two.example/mnist")
    data.put(cache, {"train-labels.gz": data.served["train-labels.gz"]})
    with pytest.raises(DataError) as caught:
        load_mnist("train", tmp_path / "own", download=False)
    served = data.set.files[0].served
    assert str(caught.value) == (
        f"Tiny is not whole in {tmp_path / 'own' / 'mnist'} or {cache / 'mnist'}: run `chainrule "
        f"data mnist`, or put there train-images.gz ({served.size} bytes, SHA-256 {served.sha256}, "
        "from https://one.example/mnist/train-images.gz or "
        "https://two.example/mnist/train-images.gz)."
    )
    states = status(tmp_path / "own")
    assert [state.state for state in states] == ["missing", "present", "missing", "missing"]
    assert states[0].path == tmp_path / "own" / "mnist" / "train-images.gz"
    assert states[0].size is None


def test_an_unreachable_source_says_which_files_to_put_where(
    cache: Path, server: Any, tiny: MakeTiny
) -> None:
    data = tiny(f"{server.root}/missing", f"{server.root}/wrong")
    server.content = data.served
    with pytest.raises(DataError) as caught:
        fetch("mnist")
    message = str(caught.value)
    assert f"{server.root}/missing/train-images.gz: HTTP status 404" in message
    assert f"Put into {cache / 'mnist'}: " in message
    for file in data.set.files:
        assert f"{file.served.name} ({file.served.size} bytes, SHA-256 {file.served.sha256}" in (
            message
        )
    assert server.asked() == ["missing", "wrong"]


def test_only_what_is_missing_is_downloaded(cache: Path, server: Any, tiny: MakeTiny) -> None:
    data = tiny(f"{server.root}/good")
    server.content = data.served
    data.put(cache, {"train-images": data.unpacked["train-images"]})
    assert_train(data, download=True)
    assert len(server.requests) == 1
    paths = fetch("mnist")
    assert [path.name for path in paths] == [
        "train-images",
        "train-labels.gz",
        "test-images.gz",
        "test-labels.gz",
    ]
    assert len(server.requests) == 3
    images, labels = load_mnist("test", download=False)
    np.testing.assert_array_equal(images, data.arrays["test-images"])
    np.testing.assert_array_equal(labels, data.arrays["test-labels"])


def test_downloads_go_to_the_given_directory(
    cache: Path, tmp_path: Path, server: Any, tiny: MakeTiny
) -> None:
    data = tiny(f"{server.root}/good")
    server.content = data.served
    own = tmp_path / "new" / "own"
    assert {path.parent for path in fetch("mnist", own)} == {own / "mnist"}
    assert not cache.exists()
    fetch("mnist", tmp_path / "second")
    assert len(server.requests) == 8


def test_a_directory_that_cannot_be_written_is_still_read_and_the_cache_takes_the_rest(
    cache: Path, tmp_path: Path, server: Any, tiny: MakeTiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tiny(f"{server.root}/good")
    server.content = data.served
    shared = data.put(tmp_path / "shared", {"train-images.gz": data.served["train-images.gz"]})
    (shared / "mnist" / ".lock").mkdir()
    monkeypatch.setenv("CHAINRULE_DATA", str(shared))
    assert_train(data, download=True)
    assert (cache / "mnist" / "train-labels.gz").is_file()
    assert not (shared / "mnist" / "train-labels.gz").exists()
    assert len(server.requests) == 1
    with pytest.raises(DataError, match=r"no folder is writable: .*shared.mnist \(.*--data-dir"):
        fetch("mnist", shared)


def test_a_data_directory_that_is_a_file_is_refused(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(DataError, match=r"data_dir is .*file, which is not a directory"):
        load_mnist(data_dir=file)
    monkeypatch.setenv("CHAINRULE_DATA", str(file))
    with pytest.raises(DataError, match=r"CHAINRULE_DATA is .*file, which is not a directory"):
        status()


def test_two_runs_at_once_download_once(cache: Path, server: Any, tiny: MakeTiny) -> None:
    pytest.importorskip("fcntl", reason="files are locked only where the system has fcntl")
    data = tiny(f"{server.root}/good")
    server.content = data.served
    results: list[list[Path]] = []
    threads = [threading.Thread(target=lambda: results.append(fetch("mnist"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert len(server.requests) == 4


def test_progress_is_shown_on_a_terminal_and_not_in_a_pipe(
    cache: Path,
    tmp_path: Path,
    server: Any,
    tiny: MakeTiny,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = tiny(f"{server.root}/good")
    server.content = data.served
    for variable in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(variable, raising=False)
    fetch("mnist", tmp_path / "piped")
    assert capsys.readouterr() == ("", "")
    monkeypatch.setenv("FORCE_COLOR", "1")
    fetch("mnist", tmp_path / "shown")
    out, err = capsys.readouterr()
    assert out == ""
    assert "Tiny test-labels.gz" in err


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    with pytest.raises(DataError, match="no data set 'minst'; known are mnist, fashion-mnist"):
        fetch("minst")


def test_the_pinned_files_are_whole_rows() -> None:
    for data_set in (DATA_SETS["mnist"], DATA_SETS["fashion-mnist"]):
        assert [file.split for file in data_set.files] == ["train", "train", "test", "test"]
        for file in data_set.files:
            assert len(file.addresses) == 2
            assert all(address.endswith("/" + file.served.name) for address in file.addresses)
            assert len(file.served.sha256) == len(file.unpacked.sha256) == 64
            assert file.unpacked.size == 4 + 4 * len(file.shape) + np.prod(file.shape)
