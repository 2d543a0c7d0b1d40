"""CIFAR-10: archive and batch files, what is missing and damaged, and pickles that mean harm."""

from __future__ import annotations

import hashlib
import io
import pickle
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.data import DataError, cifar, fetch, load_cifar10, status, storage
from chainrule.data.cifar_pickle import read_batch
from chainrule.data.registry import DataSet, Form, RemoteFile


def text(content: bytes) -> bytes:
    """A Python 2 string as its pickle protocol 2 writes it."""
    return b"T" + struct.pack("<I", len(content)) + content


def batch(
    images: np.ndarray,
    labels: list[int],
    module: bytes = b"numpy.core.multiarray",
    element: bytes = b"u1",
) -> bytes:
    """A batch file as the authors' Python 2 wrote it."""
    rows, width = images.reshape(len(images), -1).shape
    array = b"c" + module + b"\n_reconstruct\ncnumpy\nndarray\n(K\x00tU\x01b\x87R"
    kind = b"cnumpy\ndtype\n" + text(element) + b"K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xff"
    kind += b"J\xff\xff\xff\xffK\x00tb"
    state = b"(K\x01(M" + struct.pack("<H", rows) + b"M" + struct.pack("<H", width) + b"t"
    state += kind + b"\x89" + text(images.tobytes()) + b"tb"
    listed = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    return b"\x80\x02}(" + text(b"labels") + listed + text(b"data") + array + state + b"u."


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, bytes]]:
    """Maker of a CIFAR-10 of two images a batch; returns its files and stands for the real one."""

    def make(*addresses: str) -> dict[str, bytes]:
        generator = np.random.default_rng(3)
        files = {}
        for number, name in enumerate([*cifar.TRAIN, *cifar.TEST]):
            images = generator.integers(0, 256, (2, 3, 32, 32)).astype(np.uint8)
            files[name] = batch(images, [number, 9 - number])
        files["batches.meta"] = b"names"
        for table in ("TRAIN", "TEST", "META"):
            names = getattr(cifar, table)
            md5 = {name: hashlib.md5(files[name]).hexdigest() for name in names}
            monkeypatch.setattr(cifar, table, md5)
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w:gz") as archive:
            for name, content in files.items():
                member = tarfile.TarInfo(f"{cifar.FOLDER}/{name}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        packed = stream.getvalue()
        form = Form("cifar-10-python.tar.gz", len(packed), hashlib.sha256(packed).hexdigest())
        remote = RemoteFile(
            "train", form, form, (), tuple(f"{address}/archive" for address in addresses)
        )
        data_set = DataSet("cifar10", "CIFAR-10", (remote,))
        monkeypatch.setattr(cifar, "CIFAR10", data_set)
        monkeypatch.setattr(storage, "DATA_SETS", {"cifar10": data_set})
        return files | {"archive": packed}

    return make


def put(directory: Path, files: dict[str, bytes], *names: str) -> Path:
    folder = directory / "cifar10" / cifar.FOLDER
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_bytes(files[name])
    return folder


def test_a_batch_of_the_authors_is_read() -> None:
    images = np.arange(3 * 3072).astype(np.uint8).reshape(3, 3, 32, 32)
    for module in (b"numpy.core.multiarray", b"numpy._core.multiarray"):
        found, labels = read_batch(batch(images, [7, 0, 9], module), "x")
        np.testing.assert_array_equal(found, images)
        np.testing.assert_array_equal(labels, [7, 0, 9])
        assert found.dtype == labels.dtype == np.uint8


class Calls:
    def __reduce__(self) -> Any:
        return print, ("executed",)


PIXELS = np.zeros((1, 3072), np.uint8)
HOSTILE = {
    "a call": (pickle.dumps({"labels": [], "data": Calls()}, 2), "asks for __builtin__.print"),
    "os.system": (b"cos\nsystem\n(U\x04exittR.", "asks for os.system"),
    "another name of numpy": (b"cnumpy\nload\n(U\x01xtR.", "asks for numpy.load"),
    "no pickle": (b"GIF89a", "is not a CIFAR-10 batch"),
    "empty": (b"", "Ran out of input"),
    "truncated": (batch(PIXELS, [1])[:-40], "is not a CIFAR-10 batch"),
    "no dictionary": (pickle.dumps([1], 2), "it holds a list"),
    "no labels": (pickle.dumps({}, 2), "labels are not a list"),
    "label 10": (batch(PIXELS, [10]), "labels are not a list of whole numbers from 0 to 9"),
    "two labels, one row": (batch(PIXELS, [1, 2]), "not 2 rows of 3072 bytes"),
    "narrow rows": (batch(PIXELS[:, :-1], [1]), "not 1 rows of 3072 bytes"),
    "objects": (batch(PIXELS, [1], element=b"O8"), "not 1 rows of 3072 bytes"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_and_damaged_pickles_are_refused_and_run_nothing(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    content, reason = HOSTILE[name]
    with pytest.raises(DataError, match=reason):
        read_batch(content, "data_batch_1")
    assert capsys.readouterr().out == ""


@settings(max_examples=40)
@given(st.integers(0, 3300), st.integers(0, 255))
def test_a_changed_byte_changes_pixels_or_is_refused(position: int, value: int) -> None:
    content = bytearray(batch(PIXELS, [1]))
    content[min(position, len(content) - 1)] = value
    try:
        images, labels = read_batch(bytes(content), "x")
    except DataError:
        return
    assert images.shape == (len(labels), 3, 32, 32)
    assert images.dtype == labels.dtype == np.uint8


def test_batches_are_joined_in_their_order(cache: Path, tmp_path: Path, tiny: Any) -> None:
    files = tiny()
    put(tmp_path / "own", files, *cifar.TRAIN, *cifar.TEST, *cifar.META)
    train = load_cifar10("train", tmp_path / "own")
    assert train.images.shape == (10, 3, 32, 32)
    np.testing.assert_array_equal(train.labels, [0, 9, 1, 8, 2, 7, 3, 6, 4, 5])
    assert train.missing == ()
    assert load_cifar10("test", tmp_path / "own").labels.tolist() == [5, 4]
    assert {state.state for state in status(tmp_path / "own")} == {"present"}
    assert len(fetch("cifar10", tmp_path / "own")) == 7


def test_a_partial_set_is_said_and_used_only_when_asked(
    cache: Path, tmp_path: Path, tiny: Any
) -> None:
    folder = put(tmp_path, tiny(), "data_batch_2", "data_batch_4")
    reason = "data_batch_1, data_batch_3, data_batch_5 missing in .* works with data_batch_2, data"
    with pytest.raises(DataError, match=reason):
        load_cifar10("train", tmp_path, download=False)
    with pytest.raises(DataError, match=reason):  # no mirror: the same sentence comes first
        load_cifar10("train", tmp_path)
    part = load_cifar10("train", tmp_path, partial=True)
    assert part.labels.tolist() == [1, 8, 3, 6]
    assert part.batches == ("data_batch_2", "data_batch_4")
    assert part.missing == ("data_batch_1", "data_batch_3", "data_batch_5")
    with pytest.raises(DataError, match="test_batch missing"):
        load_cifar10("test", tmp_path, download=False, partial=True)
    states = {state.name: state.state for state in status(tmp_path)}
    assert states["data_batch_2"] == "present"
    assert states["batches.meta"] == "missing"
    (folder / "data_batch_2").write_bytes(b"x")
    with pytest.raises(DataError, match="data_batch_2 is not the CIFAR-10 file: its MD5 is"):
        load_cifar10("train", tmp_path, partial=True)
    assert {state.name: state.state for state in status(tmp_path)}["data_batch_2"] == "damaged"


def test_an_oversized_file_is_not_read(
    cache: Path, tmp_path: Path, tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, tiny(), *cifar.TEST)
    monkeypatch.setattr(cifar, "LARGEST", 100)
    with pytest.raises(DataError, match="bytes, more than any official batch"):
        load_cifar10("test", tmp_path)


def test_the_archive_is_downloaded_from_a_mirror_that_has_it(
    cache: Path, tmp_path: Path, tiny: Any, server: Any
) -> None:
    files = tiny(f"{server.root}/wrong", f"{server.root}/missing", f"{server.root}/cuts")
    server.content["archive"] = files["archive"]
    assert [state.state for state in status()] == ["missing"]
    assert load_cifar10("test").labels.tolist() == [5, 4]
    assert server.asked()[:2] == ["wrong", "missing"]
    assert set(server.asked()[2:]) == {"cuts"}
    assert [state.state for state in status()] == ["present"]
    assert load_cifar10("train", download=False).labels[1] == 9
    assert [path.name for path in fetch("cifar10")] == ["cifar-10-python.tar.gz"]


def test_an_archive_without_a_batch_is_refused(
    cache: Path, tmp_path: Path, tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = tiny()
    folder = tmp_path / "cifar10"
    folder.mkdir()
    (folder / "cifar-10-python.tar.gz").write_bytes(files["archive"])
    monkeypatch.setattr(cifar, "TEST", {"test_batch": "0" * 32})
    with pytest.raises(DataError, match="lacks the official test_batch"):
        load_cifar10("test", tmp_path)


def test_unknown_splits_are_refused() -> None:
    with pytest.raises(DataError, match="split is 'valid'; expected 'train' or 'test'"):
        load_cifar10("valid")


def test_real_batches(real_data: Path) -> None:
    test = load_cifar10("test", real_data, download=False)
    assert np.bincount(test.labels).tolist() == [1000] * 10
    means = test.images.mean((0, 2, 3)) / 255
    np.testing.assert_allclose(means, [0.494, 0.485, 0.450], atol=1e-3)
    train = load_cifar10("train", real_data, download=False, partial=True)
    assert len(train.images) == 10_000 * len(train.batches)
