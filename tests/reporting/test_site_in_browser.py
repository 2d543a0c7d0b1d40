"""The report site and the commands' reports in a browser: colours, widths, keyboard, paper.

`page_audit.js` and `browser_page.py` say what is asked of a page; here it is asked of a site made
of small runs, and of what every command writes, with names that try to be scripts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.experiments.tiny import TINY, crash
from tests.reporting.browser_page import problems

from chainrule.cli import main
from chainrule.experiments import registry
from chainrule.experiments.experiment import Run
from chainrule.reporting.page import environment

EVIL = "<script>alert(1)</script>"
FILE = f"""
import numpy as np
def loss(W, x):
    z = W @ x  # {EVIL}
    return np.sum(np.tanh(z) ** 2)
def gradient(W, x):
    return {{"W": np.outer(2 * np.tanh(W @ x), x)}}
def example():
    r = np.random.default_rng(0)
    return {{"W": r.normal(size=(3, 4)), "x": r.normal(size=4)}}
"""
NAMED = f'''
import numpy as np
EVIL = "{EVIL}"
def loss(**arrays):
    return sum(np.sum(each ** 2) for each in arrays.values())
def gradient(**arrays):
    return {{name: each for name, each in arrays.items()}}
def example():
    return {{EVIL: np.ones(2)}}
'''
SEARCH = f"""
[objective]
function = "objective.py:loss"
[space]
rate = {{ low = 0.1, high = 1.0 }}
kind = ["{EVIL}", "relu"]
[search]
strategy = "random"
budget = 4
[execution]
executor = "inline"
"""


def write(run: Run) -> None:
    """A page with every kind of content, and with long words."""
    run.section(f"A section {EVIL}")
    run.text(
        f"Text {EVIL}, a formula ∂L/∂W<sub>1</sub>, {'word' * 60}.\n\n```\n{'code ' * 40}\n```"
    )
    run.table("wide", f"Wide {EVIL}", [f"column {i}" for i in range(20)], [[1.5e-9] * 20])
    run.claim("failed", "It is so", measured=1e-3, expected="below 1e-12", holds=False)
    run.claim("open", "It may be so", measured=EVIL, expected="true", holds=None)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index over real experiments, one with every outcome, and one unfinished."""
    folder = tmp_path_factory.mktemp("site")
    for name in ("computational-graph", "vector-calculus", "curve-fitting"):
        assert main(["run", name, "--output", str(folder / name)]) == 0
    tiny = replace(TINY, name="tiny", title=f"Tiny {EVIL}")
    for name, run in (("tiny", TINY.run), ("words", write), ("crashing", crash)):
        registry.register(replace(tiny, name=name, run=run))
        words = ["--set", f"label={EVIL}", "--output", str(folder / name)]
        assert main(["run", name, *words]) in (0, 1, 2)
        registry.unregister(name)
    assert main(["report", str(folder)]) == 0
    return folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with a user's files."""
    monkeypatch.chdir(tmp_path)
    Path("hw<b>.py").write_text(FILE, encoding="utf-8")
    Path("named.py").write_text(NAMED, encoding="utf-8")
    Path("search.toml").write_text(SEARCH, encoding="utf-8")
    Path("objective.py").write_text("def loss(rate, kind):\n    return rate\n", encoding="utf-8")
    return tmp_path


SITE = [
    "index.html", "computational-graph/report.html", "computational-graph/graph.steps.html",
    "vector-calculus/report.html", "curve-fitting/report.html", "tiny/report.html",
    "words/report.html",
]  # fmt: skip


@pytest.mark.parametrize("name", SITE)
def test_a_page_of_the_site(page: Any, site: Path, name: str) -> None:
    assert problems(page, site / name) == []


def _graded(folder: Path) -> list[str]:
    main(["start", "curve-fitting"])
    text = (folder / "curve_fitting.py").read_text(encoding="utf-8")
    (folder / "hw<b>2.py").write_text(f"{text}\nprint({EVIL!r})\n", encoding="utf-8")
    return ["grade", "curve-fitting", "hw<b>2.py", "--format", "html", "-o", "page.html"]


def _stylised(folder: Path) -> list[str]:
    pytest.importorskip("torch", reason="style transfer needs the extra vision")
    from PIL import Image

    for name in ("cat<b>.png", "wave.png"):
        Image.linear_gradient("L").convert("RGB").resize((64, 48)).save(folder / name)
    words = ["style", "cat<b>.png", "wave.png", "-o", "out.png", "--report", "page.html"]
    return [*words, "--encoder", "random", "--size", "64", "--steps", "2", "--precision", "float32"]


COMMANDS: dict[str, Callable[[Path], list[str]]] = {
    "check": lambda _: ["check", "hw<b>.py", "-o", "page.html"],
    "check names": lambda _: ["check", "named.py", "-o", "page.html"],
    "explain": lambda _: ["explain", "hw<b>.py::loss", "-o", "page.html"],
    "explain a code": lambda _: ["explain", "G201", "-o", "page.html"],
    "graph": lambda _: ["graph", "hw<b>.py::loss", "-o", "page.html"],
    "flow": lambda _: ["flow", "hw<b>.py", "-o", "page.svg"],
    "grade": _graded,
    "search": lambda _: ["search", "search.toml", "-o", "."],
    "style": _stylised,
}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_report_of_a_command(page: Any, folder: Path, command: str) -> None:
    words = COMMANDS[command](folder)
    assert main(words) in (0, 1, 3)
    [written] = [each for each in ("page.html", "report.html", "page.svg") if Path(each).exists()]
    if written.endswith(".svg"):
        page.goto((folder / written).as_uri())
        assert "<script>" not in (folder / written).read_text(encoding="utf-8")
    else:
        assert problems(page, folder / written) == []


#: A page that is right, and what each change must bring to light.
RIGHT = """{% extends "base.html" %}{% block title %}Right{% endblock %}{% block body %}
<nav aria-label="Contents"><a href="#main">Down</a></nav>
<main id="main"><h1>Right</h1><h2>Part</h2><p>Words.</p>
<figure><img alt="a dot" width="60" src="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'
 width='60' height='60'/%3E"></figure></main>{% endblock %}"""
BROKEN = {
    "no language": ('lang="en"', ""),
    "2 first headings": ("<h2>", "<h1>x</h1><h2>"),
    "heading out of order": ("<h2>Part</h2>", "<h3>Part</h3>"),
    "main landmarks": ("<main", "<section"),
    "no alternative text": ('alt="a dot"', ""),
    "leads nowhere": ('<p>Words', '<a href="#nowhere">x</a><p>Words'),
    "a link to gone.html": ("<p>Words", '<a href="gone.html">x</a><p>Words'),
    "without a name": ("<p>Words", "<button></button><p>Words"),
    "px too wide": ("<p>Words", '<div style="width:700px">x</div><p>Words'),
    "scrolls, but not by keyboard": (
        "<p>Words", '<div style="overflow:auto"><div style="width:3000px">x</div></div><p>Words',
    ),
    "light: contrast": ("<p>Words", '<p style="color:#9a9a9a">Words'),
    "dark: contrast": ("<p>Words", '<p style="color:#333">Words'),
    "in a drawing: <text> pale": (
        "<p>Words", '<svg><title>d</title><text y="9" fill="#ccc">pale</text></svg><p>Words',
    ),
    "in a drawing: <text> faint": (
        "<p>Words", '<svg><title>d</title><text y="9" opacity=".3">faint</text></svg><p>Words',
    ),
    "focus does not show": ("<p>Words", '<a href="#main" style="outline:none">x</a><p>Words'),
    "Tab does not reach": ("<p>Words", '<button onfocus="this.blur()">x</button><p>Words'),
    "used twice": ("<p>Words", '<p id="main">Words'),
    "console:": ("<p>Words", "<script>alert(1)</script><p>Words"),
    "not printed": ("<figure>", '<figure style="zoom:.1">'),
    "printed: ": ("nav, .skip { display: none; }", ""),
}  # fmt: skip


@pytest.fixture(scope="module")
def right() -> str:
    return environment().from_string(RIGHT).render()


@pytest.mark.parametrize("sentence", BROKEN)
def test_every_check_finds_what_it_is_for(
    page: Any, tmp_path: Path, right: str, sentence: str
) -> None:
    old, new = BROKEN[sentence]
    assert old in right
    path = tmp_path / "page.html"
    text = right.replace(old, new)
    if "onfocus" in new:
        text = text.replace("default-src 'none'", "script-src 'unsafe-inline'")
    path.write_text(text, encoding="utf-8")
    found = problems(page, path)
    assert any(sentence in each for each in found), found


def test_the_page_that_is_broken_there_is_right(page: Any, tmp_path: Path, right: str) -> None:
    path = tmp_path / "page.html"
    path.write_text(right, encoding="utf-8")
    assert problems(page, path) == []
