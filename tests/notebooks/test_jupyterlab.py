"""JupyterLab shows the stored outputs of a notebook that nobody has trusted."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from tests.chromium import FLAGS, chromium

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"

#: What each HTML output holds on the page: its words, and its elements by kind.
SHOWN = """() => [...document.querySelectorAll('.jp-Notebook .jp-RenderedHTML')].map(shown => [
    shown.textContent.replace(/\\s+/g, ''),
    Object.fromEntries(['img', 'details', 'table', 'tr', 'code'].map(
        kind => [kind, shown.querySelectorAll(kind).length])),
])"""
WITHOUT_SIZE = """() => [...document.querySelectorAll('.jp-Notebook .jp-OutputArea-output img')]
    .filter(image => !image.complete || !image.naturalWidth).length"""


class Contents(HTMLParser):
    """The words and elements of HTML as `SHOWN` counts them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words = ""
        self.elements = dict.fromkeys(("img", "details", "table", "tr", "code"), 0)
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag in self.elements:
            self.elements[tag] += 1

    def handle_data(self, data: str) -> None:
        self.words += "".join(data.split())


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of a JupyterLab that knows no configuration and has trusted nothing."""
    if importlib.util.find_spec("jupyterlab") is None:
        pytest.skip("notebooks are shown with the extra notebook, which is not installed")
    settings = tmp_path / "settings" / "@jupyterlab"
    for plugin, values in {
        "notebook-extension/tracker": {"windowingMode": "none"},
        "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    }.items():
        path = settings / f"{plugin}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(values), encoding="utf-8")
    names = ("CONFIG", "DATA", "RUNTIME")
    environment = {
        **os.environ,
        **{f"JUPYTER_{name}_DIR": str(tmp_path / name.lower()) for name in names},
        "JUPYTERLAB_SETTINGS_DIR": str(tmp_path / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(tmp_path / "workspaces"),
        "IPYTHONDIR": str(tmp_path / "ipython"),
    }
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root",
        "--IdentityProvider.token=", "--ServerApp.ip=127.0.0.1", "--ServerApp.port=0",
        f"--ServerApp.root_dir={NOTEBOOKS}",
    ]  # fmt: skip
    log = tmp_path / "log"
    with log.open("w") as file:
        process = subprocess.Popen(command, env=environment, stdout=file, stderr=file)
        try:
            yield _address(process, tmp_path / "runtime", log)
        finally:
            process.terminate()
            process.wait(30)


def _address(process: subprocess.Popen[bytes], runtime: Path, log: Path) -> str:
    for _ in range(600):
        for path in runtime.glob("jpserver-*.json"):
            if text := path.read_text(encoding="utf-8"):
                return str(json.loads(text)["url"])
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise AssertionError(f"JupyterLab did not start:\n{log.read_text(encoding='utf-8')}")


def test_nothing_is_stripped_from_a_notebook_that_is_not_trusted(server: str) -> None:
    executable = chromium()
    playwright = pytest.importorskip(
        "playwright.sync_api",
        reason="pages are tried out with Playwright, which is not installed",
    )
    stored = [
        Contents("".join(output["data"]["text/html"]))
        for cell in json.loads((NOTEBOOKS / "003.ipynb").read_text(encoding="utf-8"))["cells"]
        for output in cell.get("outputs", [])
        if "text/html" in output.get("data", {})
    ]
    elsewhere: list[str] = []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=executable, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 20_000})
        page.set_default_timeout(120_000)
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith((server, "data:", "blob:", server.replace("http", "ws")))
                else elsewhere.append(request.url)
            ),
        )
        page.goto(f"{server}lab/tree/003.ipynb", wait_until="domcontentloaded")
        page.wait_for_selector(".jp-Notebook .jp-OutputArea-output img")
        page.wait_for_function(f"() => ({SHOWN})().length === {len(stored)}")
        page.wait_for_function(f"() => ({WITHOUT_SIZE})() === 0")
        shown = page.evaluate(SHOWN)
        text = page.inner_text("body")
        trust = page.locator("[title*='not trusted']").count()
        browser.close()
    assert trust, "the notebook was trusted, so that nothing was tested"
    assert shown == [[each.words, each.elements] for each in stored]
    assert sum(elements["img"] for _, elements in shown) >= 2
    assert "untrusted" not in text.lower()
    assert not elsewhere
