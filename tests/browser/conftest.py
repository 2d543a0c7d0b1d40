"""Pyodide where it is there, and what the page's worker answers in it and in this Python."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tools import browser_page

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
SCRIPT = ROOT / "docs" / "browser.js"


@pytest.fixture(scope="session")
def runtime() -> Path:
    """The folder of Pyodide and NumPy's build for it."""
    folder = Path(os.environ.get("CHAINRULE_PYODIDE") or browser_page.RUNTIME)
    if not list(folder.glob("numpy-*wasm32.whl")):
        pytest.skip(
            "Pyodide with NumPy is not there; `make pyodide` brings it, or CHAINRULE_PYODIDE names "
            "the folder of a full Pyodide"
        )
    return folder


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    pytest.importorskip("hatchling", reason="the wheel is built with hatchling, as `make` does")
    return browser_page.build_wheel(tmp_path_factory.mktemp("wheel"))


def in_pyodide(runtime: Path, wheel: Path, blocks: list[str]) -> list[dict[str, Any]]:
    """What the page's worker answers to blocks of code, in Node."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("Pyodide is tried out in Node.js, which is not installed")
    ran = subprocess.run(
        [node, HERE / "pyodide_worker.mjs", SCRIPT, f"{runtime}{os.sep}", wheel],
        input=json.dumps(blocks), capture_output=True, encoding="utf-8", timeout=200, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-3000:]
    started, *answers = json.loads(ran.stdout)
    assert started == {"ready": True}, started
    return answers


def in_this_python(blocks: list[str]) -> list[dict[str, Any]]:
    """What the same code of the worker answers here, in the current folder."""
    found = re.search(r"const RUNNER = `(.*?)`;", SCRIPT.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    space: dict[str, Any] = {}
    exec(found[1], space)
    return [json.loads(space["run"](code, number)) for number, code in enumerate(blocks, 1)]


def blurred(text: str) -> list[str]:
    """Lines, without what differs from run to run: times, rounding errors, a block's number."""
    text = re.sub(r"\d\.\d+e-1\d", "tiny", text)
    text = re.sub(r" *\b\d+(\.\d+)? (us|ms|s)\b", r" … \2", text)
    text = re.sub(r"<block \d+>", "<block>", text)
    return [line.rstrip() for line in text.strip().splitlines()]
