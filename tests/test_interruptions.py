"""Signals in the middle of what takes long: what is finished is kept, the same command goes on.

A table of commands times the signals. Each command is ended when it has something to lose: what it
leaves is whole, nothing half stands under a final name, and the next call finishes it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image
from tests.experiments.tiny import ENVIRONMENT, HOLD
from tests.interrupted import CONTENT, NAME
from tests.loopback import served

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has other signals")

RESUME = "Interrupted; what is finished is kept, run the same command to resume."
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGKILL]
#: With PyTorch, which takes long to import, only these; SIGTERM takes the way of SIGINT.
FEW = [signal.SIGINT, signal.SIGKILL]
SECONDS = 120


class Long(NamedTuple):
    """A command that takes long.

    ``words`` follow ``python -m``; the signal is sent when ``there`` matches a file that holds
    something. ``said`` ends what is said after the signal. After it only files that ``left``
    matches may be there besides those of before; the next call ends with ``status`` and says
    ``again``.
    """

    name: str
    words: list[str]
    there: str
    said: str
    left: tuple[str, ...]
    again: str
    status: int = 0
    torch: bool = False


PICTURES = ["--encoder", "random", "--size", "64", "--precision", "float32", "--scales", "1"]
RUN = ("*/.lock", "*/config.json", "*/steps/*.json")
LONG = [
    Long(
        "run --all", ["tests.experiments.tiny", "tiny,offline", "run", "--all"],
        "runs/tiny-*/steps/part-0-*", RESUME, RUN,
        "Continuing the run in runs/tiny-quick-embedded: 1 step is already finished.",
    ),
    Long(
        "data", ["tests.interrupted", "ADDRESS", "data", "mnist", "--data-dir", "data"],
        f"data/mnist/{NAME}.part", RESUME, ("mnist/.lock", "mnist/*.part"), "",
    ),
    Long(
        "weights", ["tests.interrupted", "ADDRESS", "style", "a.png", "a.png", "-o", "o.png",
                    "--encoder", "vgg19", "--data-dir", "data"],
        f"data/weights/{NAME}.part", "Interrupted; nothing was painted yet, what has been "
        "downloaded is kept.", ("weights/.lock", "weights/*.part"),
        # Whole now, and no network: what was served has no tensors.
        f"{NAME} is not a file of weights only", 2, torch=True,
    ),
    Long(
        "style", ["chainrule", "style", "a.png", "b.png", "-o", "out.png", "--preview", "1",
                  *PICTURES],
        "out.png", r"is in out.png.", ("out.png",), "", torch=True,
    ),
    Long(
        "classify", ["chainrule", "classify", "train", "photos", "--methods", "cnn", "--size", "16",
                     "--precision", "float32"],
        "runs/*/cnn.checkpoint", RESUME, (*RUN, "*/cnn.checkpoint", "*/pictures.svg"),
        "Continuing the run in runs/classify-photos", torch=True,
    ),
]  # fmt: skip


class Server:
    """Serves `CONTENT`, half of it and no more until it is released."""

    def __init__(self) -> None:
        self.released, self.requests = threading.Event(), []  # type: ignore[var-annotated]
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = self.headers.get("Range")
                server.requests.append(asked)
                start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
                self.send_response(206 if asked else 200)
                if asked:
                    last = f"{len(CONTENT) - 1}/{len(CONTENT)}"
                    self.send_header("Content-Range", f"bytes {start}-{last}")
                self.send_header("Content-Length", str(len(CONTENT) - start))
                self.end_headers()
                half = len(CONTENT) // 2
                self.wfile.write(CONTENT[start:half])
                self.wfile.flush()
                server.released.wait(SECONDS)
                self.wfile.write(CONTENT[max(start, half) :])

            def log_message(self, *args: Any) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                """The client was ended, as it should be."""

        self.http = Quiet(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.http.server_port}/{NAME}"


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    with served(server.http):
        yield server
        server.released.set()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with pictures."""
    for name in ("a.png", "b.png", *(f"photos/{c}/{k}.png" for c in "xy" for k in range(8))):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        draws = np.random.default_rng(list(name.encode()))
        Image.fromarray(draws.integers(0, 256, (32, 48, 3)).astype(np.uint8)).save(path)
    return tmp_path


def start(long: Long, folder: Path, server: Server, *words: str, hold: str = "") -> Any:
    given = [server.address if word == "ADDRESS" else word for word in long.words]
    home = {"HOME": str(folder), "XDG_CACHE_HOME": str(folder / "cache"), "no_proxy": "*"}
    # Run there, with the package `tests` found here.
    return subprocess.Popen(
        [sys.executable, "-m", *given, *words], cwd=folder, env={**ENVIRONMENT, **home, HOLD: hold},
        text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file() and "cache" not in path.parts}


def wait_for(pattern: str, folder: Path, process: Any) -> None:
    until = time.monotonic() + SECONDS
    while not any(path.stat().st_size for path in folder.glob(pattern)):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until, process.kill()
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("long", "sent"),
    [(long, sent) for long in LONG for sent in (FEW if long.torch else SIGNALS)],
    ids=lambda part: part.name,
)
def test_what_is_ended_keeps_what_is_finished_and_goes_on(
    folder: Path, server: Server, long: Long, sent: signal.Signals
) -> None:
    if long.torch:
        pytest.importorskip("torch", reason="pictures need the extra vision")
    before = files(folder)
    many = {"style": ["--steps", "100000"], "classify": ["--epochs", "15"]}.get(long.name, [])
    process = start(long, folder, server, *many, hold="1")
    wait_for(long.there, folder, process)
    if sent is not signal.SIGINT:
        process.send_signal(sent)
    if sent is not signal.SIGKILL:
        # A terminal sends Ctrl-C to the helpers too, and `timeout` sends to them what it has sent.
        os.killpg(process.pid, sent)
    out, error = process.communicate(timeout=SECONDS)
    assert out == ""
    if sent is signal.SIGKILL:
        assert process.returncode == -sent
    else:
        assert process.returncode == 130
        assert error.endswith(f"{long.said}\n")
        assert "Traceback" not in error
    new = files(folder) - before
    assert new
    odd = [path for path in new if not any(path.match(pattern) for pattern in long.left)]
    if sent is signal.SIGKILL:
        odd = [path for path in odd if path.suffix != ".partial"]
    assert odd == []
    if long.name == "style":
        with Image.open(folder / "out.png") as picture:
            picture.load()
            assert picture.size == (64, 43)
        many = ["--steps", "2"]
    server.released.set()
    process = start(long, folder, server, *many)
    out, error = process.communicate(timeout=SECONDS)
    assert process.returncode == long.status, error
    assert long.again in error
    if server.requests:
        assert server.requests == [None, f"bytes={len(CONTENT) // 2}-"]
        assert [path.read_bytes() for path in folder.glob(f"data/*/{NAME}")] == [CONTENT]
    if long.name != "style":  # whose folder is the user's
        assert not [path for path in files(folder) if path.suffix == ".partial"]
