"""The generated pages of the documentation: complete, shown as written, fetched from nowhere."""

from __future__ import annotations

import html
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

import chainrule
from chainrule.checking.mistake_page import escaped, mistake_page
from chainrule.checking.mistakes import MISTAKES

TOOLS = Path(__file__).parents[1] / "tools"
DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The two modules that build the site."""
    monkeypatch.syspath_prepend(TOOLS)
    import build_docs
    import generated_pages

    yield build_docs, generated_pages
    for module in (build_docs, generated_pages):
        del sys.modules[module.__name__]


def test_markdown_shows_the_sentences_on_mistakes_as_they_are() -> None:
    for mistake in MISTAKES.values():
        for said in (mistake.name, mistake.what, mistake.recognised, mistake.mend):
            shown = html.unescape(re.sub("</?p>", "", MarkdownIt().render(escaped(said))))
            assert shown.strip() == said


def test_a_mistakes_page_holds_file_and_report_as_code() -> None:
    page = mistake_page("G104")
    fences = [each.content for each in MarkdownIt().parse(page.markdown()) if each.type == "fence"]
    right, wrong, report, file = (each.strip() for each in fences)
    assert (right, wrong) == (page.example.right, page.example.wrong)
    assert report == page.example.report.text().strip()
    assert file == page.example.source.strip()


def test_every_mistake_has_a_page_at_its_code(tools: Any, tmp_path: Path) -> None:
    entries = list(tools[1].mistake_pages(tmp_path))
    assert entries == ["mistakes/index.md", *(f"mistakes/{code}.md" for code in MISTAKES)]
    index = (tmp_path / "mistakes" / "index.md").read_text(encoding="utf-8")
    for code, mistake in MISTAKES.items():
        row = rf"| [{code}]({code}.md) | {escaped(mistake.name)} | {escaped(mistake.what)} |"
        assert row in index.splitlines()
        assert f"# {code} " in (tmp_path / "mistakes" / f"{code}.md").read_text(encoding="utf-8")
    assert set(tools[1].FAMILIES) == {code[:2] for code in MISTAKES}


def test_an_experiments_page_says_what_it_finds_where_no_figure_is_needed(tools: Any) -> None:
    from chainrule.experiments import registry
    from chainrule.experiments.sources import QUESTIONS

    for name, question in QUESTIONS.items():
        page = tools[1].experiment_page(registry.get(name))
        _, found, rest = page.partition("## What it finds\n\n")
        assert found, f"the page of {name} has no findings"
        listed = rest.partition("\n\nEvery run measures")[0].splitlines()
        with_figures = [each for each in question.found if "{" in each.text]
        assert len(listed) == len(question.found) - len(with_figures)
        assert all(line.startswith("- ") and "{" not in line for line in listed)


def test_everything_that_is_exported_is_in_the_reference_once(tools: Any) -> None:
    rooms = tools[1].ROOMS
    shown = [
        name
        for room in rooms.values()
        if room.module == "chainrule"
        for name in room.names.split()
        if "." not in name
    ]
    assert sorted(shown) == sorted(chainrule.__all__)
    for room in rooms.values():
        assert len(tools[1].public_names(room)) > 4, f"{room.title} shows next to nothing"


def test_every_page_of_docs_has_a_place_in_the_menu(tools: Any) -> None:
    named = {name for names in tools[0].MENU.values() for name in names}
    assert {page.name for page in DOCS.glob("*.md")} <= named


@pytest.mark.parametrize(
    ("text", "fetched"),
    [
        ('<script src="https://cdn.example/x.js"></script>', "https://cdn.example/x.js"),
        ("<script src=//cdn.example/x.js></script>", "//cdn.example/x.js"),
        ('<link href="https://f.example/a.css" rel="stylesheet">', "https://f.example/a.css"),
        ('<link rel="preconnect" href="https://f.example">', "https://f.example"),
        ('<img alt="a" src="http://i.example/a.png">', "http://i.example/a.png"),
        ("<style>@import 'https://f.example/b.css'</style>", "https://f.example/b.css"),
        ("<p style='background:url(https://i.example/b.png)'>", "https://i.example/b.png"),
        ('<a href="https://example.org/">a link is followed by a reader only</a>', None),
        ('<link rel="canonical" href="https://example.org/">', None),
        ('<script src="assets/x.js"></script><img src="data:image/png;base64,AA">', None),
    ],
)
def test_what_a_browser_would_fetch_is_found(
    tools: Any, tmp_path: Path, text: str, fetched: str | None
) -> None:
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    found = list(tools[0].fetched_from_elsewhere(tmp_path))
    assert [line.split(" fetches ")[1].split(";")[0] for line in found] == [fetched] * bool(fetched)
