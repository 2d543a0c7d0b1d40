"""All exercises: references get full marks, starters none, and notebooks are the same exercise."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from chainrule.grading import Exercise, grade, load, names, read_submission, starter
from chainrule.grading.starter import starter_notebook

NAMES = names()


def test_every_programming_question_of_the_documents_has_an_exercise() -> None:
    assert NAMES == [
        "computational-graph", "covering-numbers", "curve-fitting", "deep-elu", "digits-3-vs-9",
        "l1-regression", "manual-backprop", "momentum", "optimizers", "parity", "schedules",
        "style-losses", "two-layer-gradients",
    ]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_the_reference_has_full_marks_and_nothing_to_complain_about(name: str) -> None:
    exercise = load(name)
    found = grade(exercise, exercise.reference_path)
    assert found.score == found.points == exercise.points
    assert found.full
    assert [part.sentences() for part in found.parts] == [[] for _ in found.parts]
    assert found.notes == ()


@pytest.mark.parametrize("name", NAMES)
def test_the_starter_as_handed_out_has_no_points(name: str, tmp_path: Path) -> None:
    exercise = load(name)
    path = tmp_path / "starter.ipynb"
    path.write_text(starter_notebook(exercise), encoding="utf-8")
    found = grade(exercise, path)
    assert found.score == 0
    assert {part.status for part in found.parts} == {"not written"}
    assert found.notes == ()


@pytest.mark.parametrize("name", NAMES)
def test_a_starter_keeps_names_and_signatures_and_gives_no_solution_away(name: str) -> None:
    exercise = load(name)
    text = starter(exercise)
    assert "SOLUTION" not in text
    assert signatures(text) == signatures(exercise.reference_path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", NAMES)
def test_the_notebook_holds_the_program(name: str, tmp_path: Path) -> None:
    exercise = load(name)
    path = tmp_path / "starter.ipynb"
    path.write_text(starter_notebook(exercise), encoding="utf-8")
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert notebook["nbformat"] == 4
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    assert notebook["cells"][0]["cell_type"] == "markdown"
    assert signatures(read_submission(path).text) == signatures(starter(exercise))


def signatures(text: str) -> list[str]:
    """Names and parameters of what is defined outside of functions."""
    found = []
    for node in ast.parse(text).body:
        for each in [node, *(node.body if isinstance(node, ast.ClassDef) else [])]:
            if isinstance(each, ast.FunctionDef):
                found.append(f"{each.name}({ast.unparse(each.args)})")
            elif isinstance(each, ast.ClassDef):
                found.append(each.name)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_every_part_says_what_it_hands_in_and_has_cases_of_several_sizes(name: str) -> None:
    import numpy as np

    exercise: Exercise = load(name)
    text = exercise.reference_path.read_text(encoding="utf-8")
    assert len({part.name for part in exercise.parts}) == len(exercise.parts)
    for part in exercise.parts:
        assert part.points > 0
        assert len(part.cases(np.random.default_rng(0))) > 1
        first, second = (repr(part.cases(np.random.default_rng(5))) for _ in range(2))
        assert first == second
        for function in (*part.hands_in, *part.builds_on):
            assert f" {function.split('.')[-1]}(" in text or f"class {function}" in text, function
