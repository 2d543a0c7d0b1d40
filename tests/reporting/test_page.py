"""A report page is one file that loads nothing, escapes everything, and shows all of the run."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.experiments.tiny import SVG, TINY
from tests.reporting.html_page import Page, check_page

from chainrule.experiments.experiment import Experiment, Parameter, Run
from chainrule.experiments.runner import run_experiment
from chainrule.experiments.sources import QUESTIONS, Finding, Question
from chainrule.reporting import page as page_module
from chainrule.reporting.files import RunDirectoryError
from chainrule.reporting.index import read_run, rebuild_page
from chainrule.reporting.numbers import shown
from chainrule.reporting.page import claims_summary, place

HOSTILE = '<script>alert("x")</script><img src=http://a.b/c.png onerror=x>&amp;'


def page_of(folder: Path, function: Callable[[Run], None] = TINY.run, **options: Any) -> Page:
    run_experiment(replace(TINY, run=function), output=folder, **options)
    page = Page((folder / "report.html").read_text(encoding="utf-8"))
    check_page(page)
    return page


@pytest.mark.parametrize(
    ("source", "shown_as"),
    [
        ("001 §1", ""), ("001 §1 (e)", "(e)"), ("001 §1.2", "§1.2"), ("001 §12 (a)", "§12 (a)"),
        ("Gal 2016", "Gal 2016"), ("", ""),
    ],
)  # fmt: skip
def test_a_claim_says_where_it_comes_from_as_far_as_the_page_does_not(
    source: str, shown_as: str
) -> None:
    assert place({"source": source}, {"document": "001", "question": "§1"}) == shown_as
    assert place({"source": source}, None) == source
    assert place({}, {}) == ""


def test_what_was_measured_has_the_decimals_of_what_was_expected(tmp_path: Path) -> None:
    def function(run: Run) -> None:
        run.claim("a", "one", measured=0.033605013756658, expected="0.033605013757", holds=True)
        run.claim("b", "two", measured=0.476562512, expected="at most 0.5", holds=True)

    text = page_of(tmp_path, function).text()
    assert text.count("0.033605013757") == 4
    assert "0.4766" in text


def test_the_page_shows_the_run(tmp_path: Path) -> None:
    page = page_of(tmp_path, seed=7, settings={"label": "words"})
    text = page.text()
    for words in [
        "A tiny experiment",
        "Document 001, §9",
        "quick preset",
        "embedded data",
        "Embedded data: Seeded draws.",
        "The claim held.",
        "One draw for each part of words.",
        "Figure 1. A disc",
        "Table 1. Every draw",
        "Uniform.",
        "how many draws",
        "chainrule run tiny --preset quick --data embedded --seed 7 --set label=words",
    ]:
        assert words in text
    assert [each.text for each in page.all("h2")] == ["Claims", "Draws", "Settings", "This run"]
    picture = page.all("img")[0].attributes
    assert picture["alt"] == "A black disc"
    assert base64.b64decode(picture["src"].partition(",")[2]).decode() == SVG
    assert "1.5" in page.all("details")[0].text


def test_a_question_and_what_was_found_stand_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = (
        Finding("The mean is {mean}, *below* one.", ("mean",)),
        Finding("This run has no such claim.", ("mean", "other")),
        Finding("Nothing measures this."),
    )
    monkeypatch.setitem(QUESTIONS, "tiny", Question("How large is a {draw}?", found))
    page = page_of(tmp_path / "held")
    heads = [each.text for each in page.all("h2")]
    assert heads == [
        "The question", "What was found", "How",
        "Claims", "Draws", "Where it comes from", "Settings", "This run",
    ]  # fmt: skip
    text = " ".join(page.text().split())
    mean = shown(json.loads((tmp_path / "held" / "claims.json").read_text())[0]["measured"])
    assert f"How large is a {{draw}}? What was found The mean is {mean}, below one. ✓ held" in text
    assert "no such claim" not in text
    assert "Nothing measures this. How Draws numbers." in text
    assert "this is its §9" in text
    failed = page_of(tmp_path / "failed", settings={"outcome": "failed"})
    assert f"The mean is {mean}, below one. ✕ not held" in " ".join(failed.text().split())


def test_a_page_of_an_earlier_version_is_still_made(tmp_path: Path) -> None:
    page_of(tmp_path)
    path = tmp_path / "page.json"
    stored = json.loads(path.read_text(encoding="utf-8"))
    for name in ("asks", "found", "source"):
        del stored[name]
    path.write_text(json.dumps(stored), encoding="utf-8")
    rebuild_page(read_run(tmp_path))
    assert "Draws numbers." in Page((tmp_path / "report.html").read_text(encoding="utf-8")).text()


def test_the_order_of_the_calls_is_the_order_of_the_page(tmp_path: Path) -> None:
    def function(run: Run) -> None:
        run.text("zero")
        run.section("First")
        run.text("one")
        run.claim("c", "two", measured=1, expected=1, holds=True)
        run.section("Second")
        run.figure("f", "three", SVG, alternative="a")
        run.table("t", "four", ["a"], [[1]])
        run.text("five")

    page = page_of(tmp_path, function)
    sections = "".join(each.text for each in page.all("section"))
    places = [
        sections.rindex(word)
        for word in ("zero", "First", "one", "two", "Second", "three", "four", "five")
    ]
    assert places == sorted(places)


def test_outcomes_are_words_and_not_only_colours(tmp_path: Path) -> None:
    def function(run: Run) -> None:
        for name, holds in (("a", True), ("b", False), ("c", None)):
            run.claim(name, f"claim {name}", measured=1e-9, expected="0", holds=holds)

    page = page_of(tmp_path, function)
    rows = [each.text for each in page.all("tr") if "claim " in each.text]
    assert [" ".join(row.split()) for row in rows] == [
        "claim a 10⁻⁹ 0 ✓ held",
        "claim b 10⁻⁹ 0 ✕ not held",
        "claim c 10⁻⁹ 0 – not decided",
    ]
    assert "1 of 3 claims did not hold." in page.text()


def hostile(run: Run) -> None:
    run.section(HOSTILE)
    run.text(HOSTILE)
    run.claim("c", HOSTILE, measured=HOSTILE, expected=HOSTILE, holds=True, source=HOSTILE)
    run.table("t", HOSTILE, [HOSTILE], [[HOSTILE]], note=HOSTILE)
    run.figure("f", HOSTILE, SVG, alternative=HOSTILE, table=([HOSTILE], [[HOSTILE]]), note=HOSTILE)


def test_text_from_an_experiment_or_a_user_is_escaped_everywhere(tmp_path: Path) -> None:
    experiment = Experiment(
        name="hostile",
        title=HOSTILE,
        document=HOSTILE,
        question=HOSTILE,
        summary=HOSTILE,
        parameters=(Parameter("word", "x", HOSTILE),),
        presets={"quick": {}, "full": {}},
        data={"embedded": HOSTILE},
        run=hostile,
    )
    run_experiment(experiment, settings={"word": HOSTILE}, output=tmp_path)
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    check_page(page)
    assert len(page.all("img")) == 1
    # Title, head, places in the text, tables and cells: all of them shown as they were written.
    assert page.text().count('<script>alert("x")</script>') >= 18
    assert page.all("title")[0].text.startswith(HOSTILE)
    assert page.all("img")[0].attributes["alt"] == HOSTILE


def test_the_page_is_rebuilt_the_same_from_the_directory_alone(tmp_path: Path) -> None:
    page_of(tmp_path)
    before = (tmp_path / "report.html").read_text()
    (tmp_path / "report.html").write_text("lost")
    assert rebuild_page(read_run(tmp_path)) == tmp_path / "report.html"
    assert (tmp_path / "report.html").read_text() == before


def test_a_missing_figure_is_one_sentence(tmp_path: Path) -> None:
    page_of(tmp_path)
    (tmp_path / "disc.svg").unlink()
    with pytest.raises(RunDirectoryError, match=r"disc\.svg is missing\. Run .* with --fresh"):
        rebuild_page(read_run(tmp_path))


@pytest.mark.parametrize(
    "content",
    [{}, {"blocks": []}, {"blocks": [{}]}, {"blocks": [3]}, {"blocks": [{"kind": "figure"}]}],
)
def test_a_damaged_page_content_is_one_sentence(tmp_path: Path, content: Any) -> None:
    page_of(tmp_path)
    (tmp_path / "page.json").write_text(json.dumps(content))
    with pytest.raises(RunDirectoryError, match=r"its page cannot be built .* --fresh"):
        rebuild_page(read_run(tmp_path))


@pytest.mark.parametrize(
    ("svg", "width"),
    [
        ('<svg width="72pt" height="1pt" viewBox="0 0 9 9">', 96),
        ("<svg height='1' width='300'>", 300),
        ('<svg width="100%" viewBox="0 0 420 100">', 420),
        ('<svg stroke-width="3" viewBox="-5 -5 421.0 100">', 421),
        ('<svg width="2in">', 192),
        ("<svg>", 640),
    ],
)
def test_a_picture_is_as_wide_as_it_asks_to_be(tmp_path: Path, svg: str, width: int) -> None:
    path = tmp_path / "a.svg"
    path.write_text(svg)
    picture = page_module.picture(path)
    assert picture["width"] == width
    assert picture["least"] == round(page_module.SMALLEST_SCALE * width)


@pytest.mark.parametrize(
    ("outcomes", "sentence", "holds"),
    [
        ([], "No claims", None),
        ([True], "The claim held", True),
        ([True, True], "All 2 claims held", True),
        ([False], "1 of 1 claim did not hold", False),
        ([True, False, None], "1 of 3 claims did not hold", False),
        ([True, None], "1 of 2 claims not decided", None),
    ],
)
def test_claims_are_counted(outcomes: list[bool | None], sentence: str, holds: bool | None) -> None:
    summary = claims_summary(outcomes)
    assert summary["sentence"] == sentence
    assert summary["holds"] is holds


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize(
    ("text", "background"),
    [
        *(
            (text, back)
            for text in ("ink", "quiet", "accent")
            for back in ("paper", "card", "wash")
        ),
        *((text, f"{text}-wash") for text in ("held", "failed", "open")),
        *((text, "paper") for text in ("held", "failed", "open")),
    ],
)
def test_text_can_be_read_on_its_background(mode: str, text: str, background: str) -> None:
    """WCAG 2.2, 1.4.3: a contrast of at least 4.5."""
    style = (Path(page_module.__file__).parent / "templates" / "style.css").read_text()
    blocks = re.findall(r":root \{(.*?)\}", style, re.S)
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[0 if mode == "light" else 1]))
    bright, dim = sorted((luminance(colours[text]), luminance(colours[background])), reverse=True)
    assert (bright + 0.05) / (dim + 0.05) >= 4.5
