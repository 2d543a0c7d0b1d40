"""One file from faulty mirrors: resumed, checked, refused; never left wrong under its name."""

from __future__ import annotations

import hashlib
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.data import download as download_module
from chainrule.data.download import download
from chainrule.data.errors import Unavailable
from chainrule.data.registry import Form, RemoteFile

CONTENT = np.random.default_rng(1).bytes(700_001)
NAME = "images.gz"


def remote(server: Any, *behaviours: str) -> RemoteFile:
    server.content[NAME] = CONTENT
    form = Form(NAME, len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    addresses = tuple(f"{server.root}/{behaviour}/{NAME}" for behaviour in behaviours)
    return RemoteFile("train", form, form, (1,), addresses)


def fetched(file: RemoteFile, folder: Path) -> list[int]:
    """Download into a folder that ends with the file alone; the numbers reported."""
    reported: list[int] = []
    download(file, folder / NAME, reported.append)
    assert (folder / NAME).read_bytes() == CONTENT
    assert [path.name for path in folder.iterdir()] == [NAME]
    return reported


def test_a_good_mirror_serves_in_one_request(server: Any, tmp_path: Path) -> None:
    reported = fetched(remote(server, "good", "missing"), tmp_path)
    assert server.requests == [("good", None)]
    assert reported == sorted(reported)
    assert reported[-1] == len(CONTENT)


def test_a_connection_cut_midway_is_resumed(server: Any, tmp_path: Path) -> None:
    fetched(remote(server, "cuts"), tmp_path)
    third = len(CONTENT) // 3 + 1
    assert server.requests == [
        ("cuts", None),
        ("cuts", f"bytes={third}-"),
        ("cuts", f"bytes={2 * third}-"),
    ]


def test_a_download_that_was_killed_is_resumed(server: Any, tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(CONTENT[:1000])
    fetched(remote(server, "good"), tmp_path)
    assert server.requests == [("good", "bytes=1000-")]


def test_a_download_that_was_killed_before_its_last_step_asks_for_nothing(
    server: Any, tmp_path: Path
) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(CONTENT)
    fetched(remote(server, "missing"), tmp_path)
    assert server.requests == []


def test_a_server_that_ignores_ranges_sends_all_again(server: Any, tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(CONTENT[:1000])
    fetched(remote(server, "ignores_range"), tmp_path)
    assert server.requests == [("ignores_range", "bytes=1000-")]


def test_the_next_mirror_goes_on_where_the_first_gave_up(server: Any, tmp_path: Path) -> None:
    fetched(remote(server, "cuts_and_ignores_range", "good"), tmp_path)
    half = f"bytes={len(CONTENT) // 2}-"
    assert server.requests == [
        ("cuts_and_ignores_range", None),
        ("cuts_and_ignores_range", half),
        ("good", half),
    ]


@pytest.mark.parametrize("leftover", [b"stale" * 100, CONTENT + b"longer"])
def test_a_stale_beginning_is_dropped(leftover: bytes, server: Any, tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(leftover)
    fetched(remote(server, "good"), tmp_path)
    assert server.requests[-1] == ("good", None)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("missing", "HTTP status 404"),
        ("wrong", "its SHA-256 is .*, the official file's is "),
        ("endless", "sends more than the official 700001 bytes"),
        ("cuts_and_ignores_range", "the connection ended too early"),
        ("not_http", "220 hello"),
        ("stalls", "timed out"),
    ],
)
def test_a_faulty_mirror_is_passed_over_and_named_when_it_is_the_last(
    fault: str, reason: str, server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download_module, "TIMEOUT_SECONDS", 0.3 if fault == "stalls" else 30.0)
    with pytest.raises(Unavailable, match=f"{server.root}/{fault}/{NAME}: .*{reason}"):
        download(remote(server, fault), tmp_path / NAME, lambda held: None)
    assert not (tmp_path / NAME).exists()
    fetched(remote(server, fault, "good"), tmp_path)


def test_a_mirror_that_sends_another_range_is_passed_over(server: Any, tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(CONTENT[:1000])
    with pytest.raises(Unavailable, match="another range than asked for"):
        download(remote(server, "other_range"), tmp_path / NAME, lambda held: None)
    fetched(remote(server, "other_range", "good"), tmp_path)


def test_every_mirror_is_named_with_its_reason(server: Any, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = f"http://127.0.0.1:{listener.getsockname()[1]}/{NAME}"
    file = remote(server, "missing", "wrong")
    file = RemoteFile(file.split, file.served, file.unpacked, (1,), (*file.addresses, closed))
    with pytest.raises(Unavailable) as caught:
        download(file, tmp_path / NAME, lambda held: None)
    reasons = str(caught.value).split("; ")
    assert [reason.split(": ")[0] for reason in reasons] == list(file.addresses)
    assert "refused" in reasons[2]
