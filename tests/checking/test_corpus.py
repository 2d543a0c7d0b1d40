"""A sample of the corpus: single mistakes get their code, right gradients are never called wrong.

The whole corpus runs in ``python -m benchmarks checking``.
"""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from tests.checking.corpus.blind import blind
from tests.checking.corpus.case import Case
from tests.checking.corpus.courses import courses
from tests.checking.corpus.fresh import fresh
from tests.checking.corpus.generated import generated
from tests.checking.corpus.handed_in import handed_in, handed_in_kept
from tests.checking.corpus.networks import networks
from tests.checking.corpus.specials import specials
from tests.checking.corpus.students import students
from tests.checking.corpus.unseen import seen_since

import chainrule as cr

CORPUS = [*networks(), *specials(), *students()]
RIGHT = [case for case in CORPUS if not case.code]
WRONG = [case for case in CORPUS if case.code]


def sample(cases: list[Case], count: int) -> list[Case]:
    chosen = np.random.default_rng(0).permutation(len(cases))[:count]
    return [cases[i] for i in sorted(chosen)]


def one_of_each_code() -> list[Case]:
    by_code = itertools.groupby(sorted(WRONG, key=lambda c: c.code), key=lambda c: c.code)
    return [sample(list(cases), 1)[0] for _, cases in by_code]


def test_the_corpus_is_as_large_as_it_is_said_to_be() -> None:
    assert len(WRONG) >= 300
    assert len(RIGHT) >= 60


@pytest.mark.parametrize("case", sample(RIGHT, 20), ids=lambda case: case.name)
def test_right_gradients_are_ok(case: Case) -> None:
    functions = case.functions()
    report = cr.check(functions["loss"], functions["gradient"], functions["example"])
    assert report.verdict == "ok", f"{report}\n{case.source}"


@pytest.mark.parametrize("case", one_of_each_code(), ids=lambda case: case.name)
def test_single_mistakes_get_their_code(case: Case) -> None:
    functions = case.functions()
    report = cr.check(functions["loss"], functions["gradient"], functions["example"])
    assert report.verdict == "wrong"
    assert case.code in report.codes, f"{report}\n{case.source}"


# Written and drawn without sight of the checker: every twelfth file of courses, eighth of blind.
BLIND = [*list(courses())[::12], *list(blind())[::8], *generated(40)]
# The same, written later.
FRESH = list(fresh())[::10]
# The last ones, and the checker has learnt little from them yet.
LAST = list(seen_since())[::10]
# What students hand in; of the other half nobody has read a file.
HANDED_IN = list(handed_in())[::14]
KEPT = list(handed_in_kept())[::14]


@pytest.mark.parametrize(
    ("files", "named", "lines", "misnamed"),
    [
        (BLIND, 0.92, 0.75, 0.05),
        (FRESH, 0.95, 0.9, 0.03),
        (LAST, 0.75, 0.75, 0.15),
        (HANDED_IN, 0.9, 0.75, 0.05),
        (KEPT, 0.8, 0.75, 0.1),
    ],
    ids=["blind", "fresh", "last", "handed in", "kept"],
)
def test_mistakes_are_named_in_files_that_the_checker_was_not_written_for(
    files: list[Case], named: float, lines: float, misnamed: float
) -> None:
    found: Counter[str] = Counter()
    for case in files:
        functions = case.functions()
        report = cr.check(functions["loss"], functions["gradient"], functions["example"])
        if not case.code:
            assert report.verdict == "ok", f"{case.name}: {report}"
            continue
        assert report.verdict == "wrong", f"{case.name}: {report}"
        names, codes = set(case.code.split("|")), set(report.codes)
        found["mistakes"] += 1
        found["named"] += bool(names & codes)
        found["misnamed"] += not names & codes and bool(codes - {"G000"})
        found["line"] += report.first_wrong_line == case.line
    assert found["named"] >= named * found["mistakes"]
    assert found["line"] >= lines * found["mistakes"]
    assert found["misnamed"] <= misnamed * found["mistakes"]


@pytest.mark.parametrize("number", [0, 2, 5])
def test_random_wrong_gradients_are_not_named(number: int) -> None:
    case = sample([case for case in RIGHT if "layers" in case.name], 6)[number]
    functions = case.functions()

    def disturbed(**arrays: object) -> dict[str, np.ndarray]:
        rng = np.random.default_rng(np.shape(arrays["X"]))
        right = functions["gradient"](**arrays)
        return {name: g * rng.uniform(0.5, 1.5, np.shape(g)) for name, g in right.items()}

    report = cr.check(functions["loss"], disturbed, functions["example"])
    assert report.codes == ("G000",), str(report)
