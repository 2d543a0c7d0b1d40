"""A headless Chromium for pictures and pages: no profile, no network."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> str:
    """Where it is; the test is skipped without one."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not found:
        pytest.skip("no Chromium found; install Debian's chromium or set CHROMIUM")
    return found


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A browser window with an empty profile that cannot leave the computer."""
    executable = chromium()
    playwright = (
        pytest.importorskip(
            "playwright.sync_api",
            reason="pages are tried out with Playwright, which is not installed",
        )
        .sync_playwright()
        .start()
    )
    context = playwright.chromium.launch_persistent_context(
        tmp_path_factory.mktemp("profile"), executable_path=executable, headless=True, args=FLAGS
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
