"""The tour's page in a browser: with a stand-in for Pyodide, and with Pyodide itself."""

from __future__ import annotations

import functools
import http.server
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.browser.conftest import ROOT, blurred
from tools import browser_page

CELLS = browser_page.cells((ROOT / "docs" / "tour.md").read_text(encoding="utf-8"))

#: Answers what it was asked: blocks that fail, and blocks that never end, by what they hold.
STAND_IN = """
let calls = 0;
const run = (code, number) => {
  calls += 1;
  while (code.includes("for ever")) ;
  const printed = `call ${calls}: block ${number}: ${code.split("\\n")[0]}`;
  const error = code.includes("raise") ? "Traceback\\n  somewhere\\nValueError: asked for" : null;
  return JSON.stringify({ printed, error, seconds: 0.05, pictures: [] });
};
export const loadPyodide = async () => ({
  loadPackage: async () => {}, unpackArchive() {}, runPython() {}, globals: { get: () => run },
});
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of the tour and its page alone, with the stand-in."""
    for module, what in (("mkdocs", "page"), ("hatchling", "wheel")):
        pytest.importorskip(module, reason=f"the {what} is built with {module}; `make docs` has it")
    work = tmp_path_factory.mktemp("site")
    pages, runtime = work / "docs", work / "stand-in"
    pages.mkdir()
    runtime.mkdir()
    (runtime / "pyodide.mjs").write_text(STAND_IN, encoding="utf-8")
    for name in ("tour.md", "browser.md", "browser.js"):
        shutil.copy(ROOT / "docs" / name, pages)
    browser_page.write_page(pages, runtime)
    settings = {
        "INHERIT": str(ROOT / "mkdocs.yml"), "docs_dir": str(pages), "site_dir": str(work / "site"),
        "plugins": [], "nav": ["browser.md", "tour.md"],
    }  # fmt: skip
    (work / "mkdocs.yml").write_text(json.dumps(settings), encoding="utf-8")
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "-q", "build", "-f", work / "mkdocs.yml"], check=True,
        capture_output=True,
    )  # fmt: skip
    return work / "site"


def test_a_site_without_pyodide_names_pyodides_own_address(tmp_path: Path) -> None:
    pytest.importorskip("hatchling", reason="the wheel is built with hatchling, as `make` does")
    for name in ("tour.md", "browser.md"):
        shutil.copy(ROOT / "docs" / name, tmp_path)
    browser_page.write_page(tmp_path, tmp_path / "nothing")
    text = (tmp_path / "browser.md").read_text(encoding="utf-8")
    version = browser_page.VERSION
    assert f'data-pyodide="https://cdn.jsdelivr.net/pyodide/v{version}/full/"' in text
    (wheel,) = (tmp_path / "wheel").iterdir()
    assert f'data-wheel="wheel/{wheel.name}"' in text
    assert text.count("```{.python .cell}") == len(CELLS)
    assert "```python\n" not in text


def test_what_does_not_run_in_a_browser_is_no_block_of_the_page() -> None:
    text = """
```python
print(1)
```

```text
1
```

```python title="file.py"
saved = True
```

<!-- not run: it needs a camera -->

```python
photograph()
```

```python
import torch
```

```text
alone
```

```python
print(2)
```
"""
    assert browser_page.cells(text) == [("print(1)\n", "1\n"), ("print(2)\n", None)]
    assert browser_page.marked(text).replace("{.text .expected}", "text").replace(
        "{.python .cell}", "python"
    ) == text  # fmt: skip
    assert browser_page.marked(text).count("{.") == 3


class Server(http.server.ThreadingHTTPServer):
    """Serves a site on this computer, and keeps what was asked for."""

    def __init__(self, site: Path) -> None:
        self.asked: list[str] = []
        self.runtime: Path | None = None
        super().__init__(("127.0.0.1", 0), functools.partial(_Handler, directory=str(site)))

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/browser.html"


class _Handler(http.server.SimpleHTTPRequestHandler):
    extensions_map = {  # noqa: RUF012
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        ".mjs": "text/javascript", ".wasm": "application/wasm",
    }  # fmt: skip
    server: Server

    def translate_path(self, path: str) -> str:
        self.server.asked.append(path)
        if self.server.runtime is not None and path.startswith("/pyodide/"):
            return str(self.server.runtime / path.removeprefix("/pyodide/"))
        return super().translate_path(path)

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@pytest.fixture
def server(site: Path) -> Iterator[Server]:
    with Server(site) as found:
        thread = threading.Thread(target=found.serve_forever, daemon=True)
        thread.start()
        yield found
        found.shutdown()
        thread.join()


@pytest.fixture
def reader(browser: Any, server: Server) -> Iterator[Any]:
    """The page as a reader finds it; scripts that fail and requests to elsewhere fail the test."""
    browser.set_offline(False)
    found = browser.new_page()
    trouble: list[str] = []
    found.on("pageerror", lambda error: trouble.append(f"script error: {error}"))
    home = server.address.removesuffix("browser.html")
    found.on(
        "request",
        lambda request: (
            None if request.url.startswith((home, "data:")) else trouble.append(request.url)
        ),
    )
    found.set_default_timeout(60_000)
    found.goto(server.address)
    yield found
    found.close()
    browser.set_offline(True)
    assert not trouble


def press(reader: Any, name: str) -> None:
    reader.get_by_role("button", name=name, exact=True).click()


def start(reader: Any) -> None:
    press(reader, "Start Python")
    reader.get_by_text("Python is ready").wait_for()


def block(reader: Any, number: int) -> Any:
    return reader.get_by_role("textbox", name=f"Python, block {number}", exact=True)


def output(reader: Any, number: int) -> Any:
    return reader.get_by_role("region", name=f"Output of block {number}", exact=True)


def test_the_page_is_the_tour_and_fetches_nothing_before_it_is_asked(
    reader: Any, server: Server
) -> None:
    shown = reader.locator(".cell code").all_text_contents()
    assert [text.strip() for text in shown] == [cell.code.strip() for cell in CELLS]
    assert not [path for path in server.asked if path.startswith(("/pyodide/", "/wheel/"))]
    assert "Nothing has been fetched yet" in reader.get_by_role("status").inner_text()
    start(reader)
    assert "/pyodide/pyodide.mjs" in server.asked
    assert any(path.startswith("/wheel/chainrule-") for path in server.asked)


def test_blocks_run_in_order_and_again_only_when_they_were_changed(reader: Any) -> None:
    start(reader)
    press(reader, "Run block 3")
    assert output(reader, 3).inner_text().startswith("call 3: block 3: ")
    assert output(reader, 1).inner_text() == "call 1: block 1: import numpy as np"
    press(reader, "Run block 3")
    reader.get_by_text("call 4: block 3: ").wait_for()
    block(reader, 2).fill("changed = 1")
    press(reader, "Run block 3")
    reader.get_by_text("call 6: block 3: ").wait_for()
    assert output(reader, 2).inner_text() == "call 5: block 2: changed = 1"
    press(reader, "Run all")
    reader.get_by_text(f"call {6 + len(CELLS)}: block {len(CELLS)}: ").wait_for()
    assert output(reader, 1).inner_text().startswith("call 7:")


def test_the_keyboard_runs_blocks_and_indents(reader: Any) -> None:
    start(reader)
    block(reader, 1).press("Control+Enter")
    output(reader, 1).wait_for()
    assert block(reader, 1).evaluate("element => element === document.activeElement")
    block(reader, 1).press("Shift+Enter")
    reader.get_by_text("call 2: block 1: ").wait_for()
    assert block(reader, 2).evaluate("element => element === document.activeElement")
    block(reader, 2).fill("")
    reader.keyboard.type("def f(x):\nreturn x\n")
    assert block(reader, 2).input_value() == "def f(x):\n    return x\n    "


def test_a_block_that_fails_is_told_and_those_below_wait(reader: Any) -> None:
    start(reader)
    block(reader, 2).fill("raise ValueError")
    press(reader, "Run all")
    reader.get_by_role("status").get_by_text("ValueError: asked for").wait_for()
    assert "Traceback" in output(reader, 2).inner_text()
    assert not output(reader, 3).is_visible()


def test_a_loop_without_end_is_stopped_and_python_starts_again(reader: Any) -> None:
    start(reader)
    block(reader, 1).fill("for ever")
    press(reader, "Run block 1")
    reader.get_by_text("running …").wait_for()
    press(reader, "Stop Python")
    reader.get_by_text("Python has stopped").wait_for()
    assert not reader.get_by_role("button", name="Run all").is_visible()
    block(reader, 1).fill("ended = 1")
    start(reader)
    press(reader, "Run block 1")
    reader.get_by_text("call 1: block 1: ended = 1").wait_for()


def test_what_cannot_be_fetched_is_named(reader: Any, server: Server, tmp_path: Path) -> None:
    server.runtime = tmp_path
    press(reader, "Start Python")
    reader.get_by_text("Python did not start: ").wait_for()
    assert "pyodide.mjs" in reader.get_by_role("status").first.inner_text()
    assert reader.get_by_role("button", name="Start Python").is_visible()


def test_the_tour_runs_in_the_browser_and_prints_what_it_says(
    reader: Any, server: Server, runtime: Path
) -> None:
    server.runtime = runtime
    start(reader)
    press(reader, "Run all")
    output(reader, len(CELLS)).wait_for()
    for number, cell in enumerate(CELLS, 1):
        if cell.output is not None:
            shown = output(reader, number).inner_text()
            assert blurred(shown) == blurred(cell.output)
    picture = reader.get_by_role("img", name="loss.svg")
    assert picture.evaluate("image => image.complete && image.naturalWidth") > 100
    block(reader, 1).fill("1 / 0")
    press(reader, "Run block 1")
    reader.get_by_role("status").get_by_text("ZeroDivisionError: division by zero").wait_for()
