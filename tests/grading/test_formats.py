"""A grade in every form: valid, complete, and safe with anything a submission prints."""

from __future__ import annotations

import json
import math
from xml.etree import ElementTree

import pytest

from chainrule.grading.formats import FORMATS
from chainrule.grading.result import Finding, Grade, PartResult

ODD = "<script>alert(1)</script> | `code` \x1b[31m \x00 \ud800 *bold* ∂"


@pytest.fixture
def grade() -> Grade:
    right = PartResult("a", "forward", 2.0, 2.0, "right", seconds=0.5)
    found = (Finding("G201", "dW is exactly 11 × the right one.", ("dW",), 0.75),)
    partly = PartResult(
        "b", "backward | all", 3.0, 2.25, "partly right", "", found, ("A note.",), ("sigmoid",),
        ODD, 1.25,
    )  # fmt: skip
    slow = PartResult("c", "training", 1.0, 0.0, "too slow", f"It was still running: {ODD}")
    return Grade("own", "Our own", "hw.py", (right, partly, slow), ("A note on the file.",))


def test_gradescope_has_a_test_for_each_part(grade: Grade) -> None:
    found = json.loads(FORMATS["gradescope"](grade))
    assert found["score"] == 4.25
    assert [(t["score"], t["max_score"], t["status"]) for t in found["tests"]] == [
        (2, 2, "passed"), (2.25, 3, "failed"), (0, 1, "failed"),
    ]  # fmt: skip
    assert found["tests"][1]["tags"] == ["G201"]
    assert "(-0.75)" in found["tests"][1]["output"]
    assert "\x1b" not in found["tests"][2]["output"]
    allowed = {"score", "max_score", "status", "name", "number", "output", "output_format",
               "visibility", "tags"}  # fmt: skip
    assert all(set(test) <= allowed for test in found["tests"])


def test_json_holds_everything_and_only_finite_numbers(grade: Grade) -> None:
    found = json.loads(FORMATS["json"](grade), parse_constant=lambda _: math.nan)
    assert found["score"] == 4.25
    assert found["points"] == 6
    assert found["parts"][1]["findings"] == [
        {
            "code": "G201",
            "evidence": "dW is exactly 11 × the right one.",
            "values": ["dW"],
            "points": 0.75,
        }
    ]
    assert found["parts"][1]["repaired"] == ["sigmoid"]


def test_junit_parses_and_counts(grade: Grade) -> None:
    suite = ElementTree.fromstring(FORMATS["junit"](grade))
    assert suite.get("tests") == "3"
    assert suite.get("failures") == "2"
    cases = suite.findall("testcase")
    assert [len(case.findall("failure")) for case in cases] == [0, 1, 1]
    assert cases[1].find("properties/property[@name='score']").get("value") == "2.25"  # type: ignore[union-attr]
    assert "G201" in str(cases[1].find("failure").text)  # type: ignore[union-attr]


def test_html_escapes_what_was_printed(grade: Grade) -> None:
    page = FORMATS["html"](grade)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "4.25 of 6 points" in page


def test_markdown_keeps_its_table(grade: Grade) -> None:
    lines = FORMATS["markdown"](grade).split("\n")
    rows = [line for line in lines if line.startswith("| ")]
    assert len(rows) == 4
    assert all(row.replace("\\|", "").count("|") == 5 for row in rows)
    assert "\\<script\\>" in "\n".join(lines)


def test_text_shows_scores_mistakes_notes_and_what_was_printed_where_it_failed(
    grade: Grade,
) -> None:
    text = FORMATS["text"](grade)
    assert "4.25 of 6 points" in text
    assert "G201: dW is exactly 11 × the right one. (-0.75)" in text
    assert "Graded with the right sigmoid" in text
    assert "It printed:" in text
    # A terminal would obey it.
    assert "\x1b" not in text
    assert "\x00" not in text


@pytest.mark.parametrize("name", FORMATS)
def test_every_form_survives_a_file_that_could_not_be_graded(name: str) -> None:
    nothing = Grade("own", "Our own", "hw.py", (), (), "hw.py does not parse.")
    assert "does not parse" in FORMATS[name](nothing) or name == "junit"
