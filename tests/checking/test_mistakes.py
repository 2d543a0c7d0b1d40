"""Every code has a page whose worked example the check recognises."""

from __future__ import annotations

import json
import re

import pytest

from chainrule.checking.mistake_page import mistake_page
from chainrule.checking.mistakes import MISTAKES, mistake
from chainrule.checking.worked_examples import EDITS, worked_example
from chainrule.engine.errors import InvalidInput

# The table of codes, which never changes what they mean.
CODES = """G000 G101 G102 G103 G104 G105 G106 G107 G201 G202 G203 G204 G205 G206 G301 G302 G303 G304
G401 G402 G403 G404 G405 G501 G502 G503 G601 G602 G603 G604 G701 G702 G703 G704 G705 G801 G802 G803
G804 G901 G902 G903 G904 G905 G906 G907 G908 U101 U102 U103 U104 U105 U201 U202 U203 U204 U205 U206
U207 U301 U302 U303 U304 U305 U306 U307 U401 U402 U403 U404 U501 U502 U503 U601 U602"""


def test_every_code_is_there() -> None:
    assert list(MISTAKES) == CODES.split()
    assert set(EDITS) == set(MISTAKES)


@pytest.mark.parametrize("code", list(MISTAKES))
def test_the_worked_example_is_recognised(code: str) -> None:
    example = worked_example(code)
    assert example.report.verdict == "wrong"
    assert example.report.codes[0] == code, str(example.report)
    assert example.right != example.wrong


def test_a_page_is_complete_in_every_form() -> None:
    page = mistake_page("g201")
    for text in (page.text(), page.markdown(), page.html()):
        assert "missing 1/n" in text
        assert "dz2 = p - Y" in text
    assert not re.search("<script|<link|@import|url\\(", page.html())
    assert json.loads(json.dumps(page.to_dict()))["code"] == "G201"


def test_an_unknown_code_is_refused_with_the_nearest() -> None:
    with pytest.raises(InvalidInput, match="did you mean G20"):
        mistake("G210")


def test_a_code_that_is_none_is_told_where_they_run() -> None:
    with pytest.raises(InvalidInput, match=r"codes run from G000 to G908 and from U101 to U602"):
        mistake("X")
