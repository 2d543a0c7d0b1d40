"""The drawn corpus: the same at each call, every family of mistakes, marked where it says."""

from __future__ import annotations

from collections import Counter

import pytest
from tests.checking.corpus.case import Case
from tests.checking.corpus.generated import WRITERS, generated
from tests.checking.corpus.sheet import OMITTED, Sheet, confirmed, truth


@pytest.fixture(scope="module")
def files() -> list[Case]:
    return list(generated(120))


def test_the_same_files_come_at_each_call(files: list[Case]) -> None:
    assert list(generated(12)) == files[:12]
    assert next(generated(1, seed=1)).source != files[0].source


def test_a_quarter_is_right_and_no_text_comes_twice(files: list[Case]) -> None:
    assert sum(not case.code for case in files) == len(files) // 4
    assert len({case.source for case in files}) == len(files)


def test_every_family_of_mistakes_is_there_and_none_prevails(files: list[Case]) -> None:
    codes = Counter(code for case in files if case.code for code in case.code.split("|"))
    assert {code[:2] for code in codes} == {f"G{family}" for family in range(1, 10)}
    assert len(codes) >= 40
    assert max(codes.values()) <= len(files) // 15


def test_a_mistake_stands_on_a_line_of_its_gradient(files: list[Case]) -> None:
    for case in files:
        if case.code:
            line = case.source.splitlines()[case.line - 1]
            assert line.strip(), case.name
            assert not line.startswith("def "), case.name


@pytest.mark.parametrize("kind", WRITERS)
def test_every_writer_offers_right_files_and_mistakes_with_effect(kind: str) -> None:
    sheet = Sheet(5)
    WRITERS[kind](sheet)
    true = truth(sheet.right(kind))
    assert true is not None
    assert sum(confirmed(mutant, true) is not None for mutant in sheet.mutants(kind)) >= 4


def written(gradient: str, *wrong: tuple[str, str | None]) -> Sheet:
    sheet = Sheet(0)
    with sheet.block("def loss(x):"):
        sheet("return float((x**2).sum())")
    with sheet.block("def gradient(x):"):
        sheet("dx = x")
        sheet("y = 1")
        sheet(gradient, *wrong)
        sheet('return {"x": dx}')
    sheet("def example():\n    import numpy as np\n    return {'x': np.array([1.0, 2.0, 4.0])}")
    return sheet


def test_a_wrong_file_does_not_pass_for_a_right_one() -> None:
    with pytest.raises(AssertionError, match="x is off by"):
        truth(written("dx = 3 * dx").right("three"))


def test_an_omitted_statement_counts_where_its_name_was_written_before() -> None:
    sheet = written("dx = 2 * dx", ("G204", OMITTED), ("G205", "dx = -2 * dx"))
    omitted, negative = sheet.mutants("two")
    assert (omitted.line, negative.line) == (4, 6)
    assert omitted.name.endswith("G204-omitted")


def test_a_mistake_without_effect_is_no_mutant() -> None:
    sheet = written("dx = 2 * dx", ("G204", "dx = dx + x"), ("G204", "dx = dx + 2 * x"))
    true = truth(sheet.right("two"))
    assert true is not None
    same, other = (confirmed(mutant, true) for mutant in sheet.mutants("two"))
    assert same is None
    assert other is not None
