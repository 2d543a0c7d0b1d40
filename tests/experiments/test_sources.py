"""Every experiment says what it was asked and what it found, tied to claims that it makes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import chainrule.experiments
from chainrule.experiments import registry, sources
from chainrule.experiments.sources import DOCUMENTS, QUESTIONS, Finding, Question
from chainrule.reporting.claims import Claim

ROOT = Path(__file__).parents[2]
#: The text of the experiments, in which a claim's name stands.
CODE = "\n".join(
    path.read_text(encoding="utf-8")
    for path in Path(chainrule.experiments.__file__).parent.glob("*.py")
    if path.name != "sources.py"
)


def test_every_experiment_has_a_question_and_nothing_else_has() -> None:
    assert list(QUESTIONS) == list(registry.MODULES)


def test_every_document_has_a_notebook() -> None:
    for document in DOCUMENTS.values():
        assert (ROOT / document.notebook).is_file()
    assert {registry.get(name).document for name in QUESTIONS} == set(DOCUMENTS)


@pytest.mark.parametrize("name", QUESTIONS)
def test_what_was_found_names_claims_that_are_made(name: str) -> None:
    assert QUESTIONS[name].asks[-1] in ".?"
    for finding in QUESTIONS[name].found:
        assert finding.text[-1] == "."
        assert set(re.findall(r"\{(.*?)\}", finding.text)) <= set(finding.claims)
        for id in finding.claims:
            assert re.search(rf'"{re.escape(id)}"|f"{re.escape(id.rpartition("-")[0])}-\{{', CODE)
    assert any("**Notice" in finding.text for finding in QUESTIONS[name].found)


def claim(id: str, holds: bool | None, measured: str | float = 1.0) -> Claim:
    return Claim(id, f"It is {id}.", measured, "1", holds)


@pytest.mark.parametrize(
    ("outcomes", "holds"),
    [
        ([True, True], True),
        ([True, None], None),
        ([None, False], False),
        ([True, False], False),
        ([], None),
    ],
)
def test_what_was_found_holds_if_all_of_its_claims_do(
    monkeypatch: pytest.MonkeyPatch, outcomes: list[bool | None], holds: bool | None
) -> None:
    ids = tuple(f"c{i}" for i in range(len(outcomes)))
    monkeypatch.setitem(QUESTIONS, "some", Question("?", (Finding("So it is.", ids),)))
    made = [claim(id, outcome) for id, outcome in zip(ids, outcomes, strict=True)]
    assert [each["holds"] for each in sources.found("some", made)] == [holds]


def test_a_measured_figure_is_a_figure_and_no_markdown(monkeypatch: pytest.MonkeyPatch) -> None:
    question = Question("?", (Finding("There are {c}.", ("c",)),))
    monkeypatch.setitem(QUESTIONS, "some", question)
    (found,) = sources.found("some", [claim("c", True, "-1e-09 *or* [2]")])
    assert found["markdown"] == r"There are −10⁻⁹ \*or\* \[2\]."


def test_an_experiment_of_ones_own_asks_nothing() -> None:
    assert sources.asked("mine") == sources.about("mine", "001", "§1") == ""
    assert sources.found("mine", [claim("c", True)]) == []
