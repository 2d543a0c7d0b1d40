"""A disk that fills up while a file arrives: one sentence, and the download goes on later."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from chainrule.data import DataError
from chainrule.data.download import download
from chainrule.data.registry import Form, RemoteFile


def test_a_full_disk_ends_the_download_in_a_sentence_and_it_goes_on_later(
    tmp_path: Path, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = os.urandom(1000)
    server.content["file"] = content
    form = Form("file", len(content), hashlib.sha256(content).hexdigest())
    addresses = (f"{server.root}/good/file", f"{server.root}/good/file")
    file = RemoteFile("train", form, form, (), addresses)
    real = Path.open

    def full(self: Path, *args: Any, **options: Any) -> Any:
        stream = real(self, *args, **options)
        if self.name.endswith(".part"):
            stream = Full(stream)
        return stream

    class Full:
        def __init__(self, stream: Any) -> None:
            self.stream = stream

        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_: object) -> None:
            self.stream.close()

        def write(self, chunk: bytes) -> None:
            self.stream.write(chunk[:400])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    destination = tmp_path / "file"
    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", full)
        with pytest.raises(DataError, match=r"file\.part: no space left on device\. Free some"):
            download(file, destination, lambda held: None)
    assert len(server.requests) == 1  # another address would not help
    assert not destination.exists()
    download(file, destination, lambda held: None)
    assert destination.read_bytes() == content
    assert server.requests[-1][1] == "bytes=400-"
