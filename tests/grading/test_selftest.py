"""The self-test of a rubric: what it changes, and that it finds the holes of a weak one."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from chainrule.grading import GradingError, load
from chainrule.grading.mutation import mutants
from chainrule.grading.selftest import selftest

SOLUTION = """
def gradient(w, X, y):
    n = len(y)
    r = X @ w - y
    return 2 / n * X.T @ r
"""


def changes(text: str) -> set[tuple[str, str]]:
    return {(mutant.code, mutant.after) for mutant in mutants(text)}


@pytest.mark.parametrize(
    ("code", "after"),
    [
        ("G205", "r = y - X @ w"),
        ("G201", "return 2 * X.T @ r"),
        ("G702", "return 2 / n * X @ r"),
        ("G701", "r = w @ X - y"),
        ("", "r = X @ w + y"),
        ("", "return 3 / n * X.T @ r"),
    ],
)
def test_typical_mistakes_are_made(code: str, after: str) -> None:
    assert (code, after) in changes(SOLUTION)


@pytest.mark.parametrize(
    ("line", "kind", "made"),
    [
        ("return np.sum((X @ w - y) ** 2)", "taken the wrong way round", False),
        ("return np.sum((X @ w - y) ** 3)", "taken the wrong way round", True),
        ("return np.abs(X @ w - y)", "taken the wrong way round", False),
        ("return np.square(X @ w - y)", "taken the wrong way round", False),
        ("return np.exp(X @ w - y)", "taken the wrong way round", True),
        ("return np.array(r)", "a function is not applied", False),
        ("return float(r)", "a function is not applied", False),
        ("return [list(each) for each in r]", "a function is not applied", False),
        ("return np.exp(r)", "a function is not applied", True),
        ("return r.reshape(-1, n)", "another number", False),
        ("return r[-1]", "another number", True),
    ],
)
def test_what_changes_nothing_is_no_mistake(line: str, kind: str, made: bool) -> None:
    kinds = {mutant.kind for mutant in mutants(f"def loss(w, X, y, r):\n    {line}\n")}
    assert (kind in kinds) == made, kinds


@pytest.mark.parametrize("name", ["curve-fitting", "momentum", "parity", "style-losses"])
def test_mutants_parse_differ_and_leave_signatures_alone(name: str) -> None:
    text = load(name).reference_path.read_text(encoding="utf-8")
    found = list(mutants(text))
    assert len(found) > 5
    assert len({mutant.text for mutant in found}) == len(found)
    marked = [i for i, line in enumerate(text.split("\n"), 1) if "SOLUTION" in line]
    for mutant in found:
        ast.parse(mutant.text)
        assert mutant.before != mutant.after
        assert any(a < mutant.line < b for a, b in zip(marked[::2], marked[1::2], strict=True))


@pytest.fixture
def weak(tmp_path: Path) -> Path:
    """An exercise whose only case has one example, so that a missing 1/n does not show."""
    (tmp_path / "reference.py").write_text(SOLUTION, encoding="utf-8")
    (tmp_path / "exercise.py").write_text(
        "import numpy as np\n"
        "from chainrule.grading import Exercise, Part\n"
        "def cases(rng):\n"
        "    return [{'w': rng.normal(size=3), 'X': rng.normal(size=(1, 3)), 'y': np.zeros(1)}]\n"
        "EXERCISE = Exercise('weak', 'Weak', '-', '-', '',\n"
        "    (Part('1', 'gradient', 4, ('gradient',), cases),))\n",
        encoding="utf-8",
    )
    return tmp_path


def test_the_holes_of_a_rubric_are_listed(weak: Path) -> None:
    exercise = load(weak)
    found = selftest(exercise, exercise.reference_path)
    missed = {each.mutant.after for each in found.missed}
    assert "return 2 * X.T @ r" in missed
    assert "r = y - X @ w" not in missed
    assert 0.3 < found.share < 1
    assert found.to_json()["caught"] == len(found.tried) - len(found.missed)
    assert "line 5: not divided (G201): missed, 4 of 4 points" in found.text()


def test_a_solution_that_is_not_right_itself_is_refused(weak: Path, tmp_path: Path) -> None:
    path = tmp_path / "solution.py"
    path.write_text(SOLUTION.replace("2 / n", "1 / n"), encoding="utf-8")
    with pytest.raises(GradingError, match=r"itself has 3 of 4 points \(parts 1\)"):
        selftest(load(weak), path)
