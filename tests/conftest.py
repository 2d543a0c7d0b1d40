"""What every test shares: no network, repeatable Hypothesis, real data, a headless Chromium."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

os.environ.setdefault("MPLBACKEND", "Agg")

settings.register_profile("repeatable", deadline=None, derandomize=True, database=None)
settings.load_profile("repeatable")

LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_connect = socket.socket.connect
_getaddrinfo = socket.getaddrinfo


class NetworkUse(BaseException):
    """A test reached for the network; no handler of OSError may swallow this."""


def _loopback_only_connect(self: socket.socket, address: Any) -> None:
    if self.family != getattr(socket, "AF_UNIX", None) and address[0] not in LOOPBACK:
        raise NetworkUse(f"a test tried to connect to {address}")
    _connect(self, address)


def _loopback_only_getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
    if host not in LOOPBACK:
        raise NetworkUse(f"a test tried to look up {host!r}")
    return _getaddrinfo(host, *args, **kwargs)


socket.socket.connect = _loopback_only_connect  # type: ignore[method-assign, assignment]
socket.getaddrinfo = _loopback_only_getaddrinfo


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Directory of real data named by CHAINRULE_DATA."""
    directory = os.environ.get("CHAINRULE_DATA")
    if not directory:
        pytest.skip("set CHAINRULE_DATA to a data directory to run the tests on real data")
    return Path(directory)


#: A Chromium for pictures and pages: no profile, no network.
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def _chromium() -> str:
    found = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not found:
        pytest.skip("no Chromium found; install Debian's chromium or set CHROMIUM")
    return found


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A browser window with an empty profile that cannot leave the computer."""
    executable = _chromium()
    playwright = (
        pytest.importorskip(
            "playwright.sync_api",
            reason="pages are tried out with Playwright, which is not installed",
        )
        .sync_playwright()
        .start()
    )
    context = playwright.chromium.launch_persistent_context(
        tmp_path_factory.mktemp("profile"), executable_path=executable, headless=True, args=_FLAGS
    )
    context.set_offline(True)
    yield context
    context.close()
    playwright.stop()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """An empty page; errors of its scripts and requests to a network fail the test."""
    found = browser.new_page()
    trouble: list[str] = []
    found.on("pageerror", lambda error: trouble.append(f"script error: {error}"))
    found.on(
        "request",
        lambda request: (
            trouble.append(f"request: {request.url}")
            if not request.url.startswith(("file:", "data:", "about:"))
            else None
        ),
    )
    yield found
    found.close()
    assert not trouble


@pytest.fixture
def opened(page: Any, tmp_path: Path) -> Any:
    """Open a document in the page: ``opened(text, suffix, **emulated media)``."""

    def open_(text: str, suffix: str = ".html", width: int = 1280, **media: Any) -> Any:
        path = tmp_path / f"document{suffix}"
        path.write_text(text, encoding="utf-8")
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(**media)
        page.goto(path.as_uri())
        return page

    return open_
