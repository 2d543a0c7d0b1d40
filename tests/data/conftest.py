"""A data room of its own for each test: tiny data sets, a loopback server, no cache of the user."""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.loopback import served

from chainrule.data import storage
from chainrule.data.registry import DataSet, Form, RemoteFile

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


@pytest.fixture(scope="session")
def idx_bytes() -> Callable[[np.ndarray], bytes]:
    """Writer of the IDX format."""

    def write(array: np.ndarray) -> bytes:
        header = bytes([0, 0, CODES[array.dtype.str[1:]], array.ndim])
        sizes = np.array(array.shape, ">u4").tobytes()
        return header + sizes + array.astype(array.dtype.newbyteorder(">")).tobytes()

    return write


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache directory, which does not exist yet; no CHAINRULE_DATA."""
    directory = tmp_path / "cache"
    monkeypatch.setattr(storage, "_cache_directory", lambda: directory)
    monkeypatch.delenv("CHAINRULE_DATA", raising=False)
    return directory


class Server:
    """Serves `content` under /BEHAVIOUR/NAME and notes what was asked for."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}
        self.requests: list[tuple[str, str | None]] = []
        self.released = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                _, behaviour, name = self.path.split("/")
                asked = self.headers.get("Range")
                server.requests.append((behaviour, asked))
                getattr(server, behaviour)(self, server.content.get(name, b""), asked)

            def log_message(self, *args: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.root = f"http://127.0.0.1:{self.http.server_port}"

    def good(self, handler: Any, data: bytes, asked: str | None, most: int | None = None) -> None:
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        handler.send_response(206 if asked else 200)
        if asked:
            handler.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        handler.send_header("Content-Length", str(len(data) - start))
        handler.end_headers()
        handler.wfile.write(data[start:] if most is None else data[start : start + most])

    def cuts(self, handler: Any, data: bytes, asked: str | None) -> None:
        self.good(handler, data, asked, most=len(data) // 3 + 1)

    def ignores_range(self, handler: Any, data: bytes, asked: str | None) -> None:
        self.good(handler, data, None)

    def cuts_and_ignores_range(self, handler: Any, data: bytes, asked: str | None) -> None:
        self.good(handler, data, None, most=len(data) // 2)

    def other_range(self, handler: Any, data: bytes, asked: str | None) -> None:
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes 0-{len(data) - 1}/{len(data)}")
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    def wrong(self, handler: Any, data: bytes, asked: str | None) -> None:
        self.good(handler, data[:-1] + bytes([data[-1] ^ 1]), asked)

    def endless(self, handler: Any, data: bytes, asked: str | None) -> None:
        self.good(handler, data + b"more", asked)

    def missing(self, handler: Any, data: bytes, asked: str | None) -> None:
        handler.send_error(404)

    def not_http(self, handler: Any, data: bytes, asked: str | None) -> None:
        handler.wfile.write(b"220 hello\r\n")

    def stalls(self, handler: Any, data: bytes, asked: str | None) -> None:
        self.released.wait(60)

    def asked(self) -> list[str]:
        """Behaviours in the order in which they were asked for."""
        return [behaviour for behaviour, _ in self.requests]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A loopback server of mirrors with every fault a mirror can have."""
    monkeypatch.setenv("no_proxy", "*")
    server = Server()
    with served(server.http):
        yield server
        server.released.set()


class Tiny:
    """A data set of 6 + 4 images of 2 × 3 pixels, its arrays and the bytes of its files."""

    def __init__(self, write: Callable[[np.ndarray], bytes], addresses: list[str]) -> None:
        generator = np.random.default_rng(5)
        self.arrays: dict[str, np.ndarray] = {}
        self.served: dict[str, bytes] = {}
        self.unpacked: dict[str, bytes] = {}
        files = []
        for split, count in (("train", 6), ("test", 4)):
            for kind, shape in (("images", (count, 2, 3)), ("labels", (count,))):
                array = generator.integers(0, 256, shape).astype(np.uint8)
                name = f"{split}-{kind}"
                plain = write(array)
                packed = gzip.compress(plain, mtime=0)
                self.arrays[name] = array
                self.served[name + ".gz"] = packed
                self.unpacked[name] = plain
                files.append(
                    RemoteFile(
                        split,  # type: ignore[arg-type]
                        Form(name + ".gz", len(packed), hashlib.sha256(packed).hexdigest()),
                        Form(name, len(plain), hashlib.sha256(plain).hexdigest()),
                        shape,
                        tuple(f"{address}/{name}.gz" for address in addresses),
                    )
                )
        self.set = DataSet("mnist", "Tiny", tuple(files))

    def put(self, directory: Path, contents: dict[str, bytes]) -> Path:
        """Write files into a data directory."""
        folder = directory / self.set.name
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            (folder / name).write_bytes(content)
        return directory


@pytest.fixture
def tiny(
    idx_bytes: Callable[[np.ndarray], bytes], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Tiny]:
    """Maker of a tiny data set that stands for MNIST, served at the given addresses."""

    def make(*addresses: str) -> Tiny:
        tiny = Tiny(idx_bytes, list(addresses))
        monkeypatch.setattr(storage, "DATA_SETS", {"mnist": tiny.set})
        monkeypatch.setattr("chainrule.data.sets.MNIST", tiny.set)
        return tiny

    return make
