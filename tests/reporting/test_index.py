"""The index page links every run, finished or not, and repeats their claims."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest
from tests.experiments.tiny import CRASHING, TINY
from tests.reporting.html_page import Page, check_page

from chainrule.experiments.runner import run_experiment
from chainrule.reporting.files import RunDirectoryError
from chainrule.reporting.index import find_runs, read_run, write_index


def index_of(folder: Path, output: Path) -> Page:
    write_index([read_run(path) for path in find_runs(folder)], output)
    page = Page(output.read_text(encoding="utf-8"))
    check_page(page)
    return page


def test_the_index_shows_finished_and_unfinished_runs(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    run_experiment(TINY, output=runs / "run #1 of 100%")
    run_experiment(TINY, output=runs / "b", settings={"outcome": "failed"})
    with pytest.raises(ZeroDivisionError):
        run_experiment(CRASHING, output=runs / "c")
    page = index_of(runs, tmp_path / "pages.html")
    text = page.text()
    assert "1 of 2 claims did not hold." in text
    assert "crashing … unfinished 1 step stored; the same command continues it" in text
    assert [each.text for each in page.all("h2")] == ["Document 001", "Unfinished", "All claims"]
    assert [each.text for each in page.all("h3")] == [
        "A tiny experiment", "A tiny experiment", "crashing",
    ]  # fmt: skip
    links = {each.attributes["href"].partition("#")[0] for each in page.all("a")} - {""}
    assert {unquote(link) for link in links} == {
        "runs/run #1 of 100%/report.html", "runs/b/report.html",
    }  # fmt: skip
    for link in links:
        assert (tmp_path / unquote(link)).exists()
    rows = [" ".join(each.text.split()) for each in page.all("tr")]
    assert sum("The mean is below one" in row for row in rows) == 2
    assert sum(row.endswith("✕ not held") for row in rows) == 1


def test_runs_stand_under_their_documents(tmp_path: Path) -> None:
    for name, document in (("c", ""), ("b", "004"), ("a", "000"), ("d", "000")):
        run_experiment(replace(TINY, document=document), output=tmp_path / name)
        path = tmp_path / name / "page.json"
        page = json.loads(path.read_text(encoding="utf-8"))
        page["document_title"] = f"what {document} is" if document else ""
        path.write_text(json.dumps(page), encoding="utf-8")
    page = index_of(tmp_path, tmp_path / "index.html")
    text = " ".join(page.text().split())
    words = ("Other runs", "Document 000 What 000 is", "Document 004 What 004 is", "All claims")
    assert [text.count(each) for each in words] == [1, 1, 1, 1]
    assert sorted(words[:3], key=text.index) == list(words[:3])


def test_names_from_elsewhere_are_escaped(tmp_path: Path) -> None:
    title = "<script>alert(1)</script>"
    run_experiment(replace(TINY, title=title), output=tmp_path / "<b>&")
    page = index_of(tmp_path, tmp_path / "index.html")
    assert page.all("h3")[0].text == title
    assert "<b>&" in page.text()


def test_an_empty_index_says_how_to_fill_it(tmp_path: Path) -> None:
    page = index_of(tmp_path, tmp_path / "index.html")
    assert "There are no runs here yet. chainrule run --all makes some." in page.text()


def test_a_large_or_missing_figure_is_no_thumbnail(tmp_path: Path) -> None:
    run_experiment(TINY, output=tmp_path / "a")
    assert len(index_of(tmp_path, tmp_path / "index.html").all("img")) == 1
    (tmp_path / "a" / "disc.svg").write_text("<svg>" + " " * 500_000)
    assert not index_of(tmp_path, tmp_path / "index.html").all("img")
    (tmp_path / "a" / "disc.svg").unlink()
    assert not index_of(tmp_path, tmp_path / "index.html").all("img")


def test_runs_are_found_in_a_folder_or_are_it(tmp_path: Path) -> None:
    run_experiment(TINY, output=tmp_path / "a")
    (tmp_path / "b").mkdir()
    assert find_runs(tmp_path) == [tmp_path / "a"]
    assert find_runs(tmp_path / "a") == [tmp_path / "a"]
    assert find_runs(tmp_path / "missing") == []


def test_a_run_of_another_format_or_a_damaged_one_is_refused(tmp_path: Path) -> None:
    run_experiment(TINY, output=tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "format": 2}))
    with pytest.raises(RunDirectoryError, match="format version 2, and this version of chainrule"):
        read_run(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "page.json").write_text("{")
    with pytest.raises(RunDirectoryError, match=r"page\.json cannot be read"):
        read_run(tmp_path)
