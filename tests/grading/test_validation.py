"""A slip in a teacher's own exercise is told to the teacher, before a submission pays for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from chainrule.cli import main
from chainrule.grading import GradingError, Limits, grade, load
from chainrule.grading.packaging import package
from chainrule.grading.selftest import selftest
from chainrule.grading.validation import check_reference

REFERENCE = '''"""Least squares."""
import numpy as np


def loss(w, X, y):
    # BEGIN SOLUTION
    return np.mean((X @ w - y) ** 2)
    # END SOLUTION


def gradient(w, X, y):
    # BEGIN SOLUTION
    return {"w": 2 / len(y) * X.T @ (X @ w - y)}
    # END SOLUTION
'''
EXERCISE = """import numpy as np
from chainrule.grading import Exercise, Part


def cases(rng):
    return [
        {"w": rng.normal(size=d), "X": rng.normal(size=(n, d)), "y": rng.normal(size=n)}
        for n, d in ((7, 3), (11, 4))
    ]


def loss(w, X, y):
    return np.mean((X @ w - y) ** 2)


EXERCISE = Exercise(
    name="least-squares", title="Least squares", document="our course", question="sheet 3",
    summary="Write it.",
    parts=(
        Part("1", "the loss", 1, ("loss",), cases),
        Part("2", "its gradient", 3, ("gradient",), cases, loss=loss, parameters=("w",)),
    ),
)
"""
LIMITS = Limits(seconds=3.0, import_seconds=1.0)


def written(folder: Path, exercise: str = EXERCISE, reference: str = REFERENCE) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "exercise.py").write_text(exercise, encoding="utf-8")
    (folder / "reference.py").write_text(reference, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('"least-squares"', '"../evil"', r"the name '\.\./evil' becomes the name of a file"),
        ('Part("2"', 'Part("1"', "two parts are called '1'"),
        ('"its gradient", 3', '"its gradient", -3', "part 2: it is worth -3 points"),
        ('"its gradient", 3', '"its gradient", float("nan")', "part 2: it is worth nan points"),
        ('("gradient",)', '("gradient")', r"hands in 'gradient'; .* such as \('gradient',\)"),
        ('("gradient",)', "()", r"hands in \(\); give a tuple of names, such as \('loss',\)"),
        ("cases, loss=loss", "3, loss=loss", "part 2: its cases are no function"),
        ("cases, loss=loss", "cases, call='none', loss=loss", "calls.py has no function 'none'"),
        ("loss=loss, ", "", "names parameters and no loss"),
        ('parameters=("w",)', 'deductions={"G201": 5}', "G201 costs 5 of its points"),
        ('parameters=("w",)', 'deductions={"X201": 0.5}', "there is no mistake 'X201'"),
        ("    parts=(\n", "    parts=(),\n)\nOTHER = dict(\n    parts=(\n", "it has no parts"),
    ],
)
def test_an_exercise_that_cannot_be_meant_is_not_loaded(
    tmp_path: Path, before: str, after: str, said: str
) -> None:
    assert EXERCISE.count(before) == 1
    folder = written(tmp_path / "own", EXERCISE.replace(before, after))
    with pytest.raises(GradingError, match=rf"own/exercise\.py: .*{said}"):
        load(folder)


def test_a_reference_that_does_not_parse_is_not_handed_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = written(tmp_path / "own", reference=REFERENCE + "def f(:\n")
    assert main(["start", str(folder), "-o", str(tmp_path)]) == 2
    assert "reference.py does not parse (invalid syntax) at line 15: def f(:" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("    return 1 / 0", "fail: ZeroDivisionError: division by zero"),
        ("    return None", "give nothing; return a list of inputs by name"),
        ("    return []", "give nothing; return a list of inputs by name"),
        ("    return [1, 2]", r"give \[1, 2\]; return a list of inputs by name"),
    ],
)
def test_cases_that_fail_are_no_internal_error(tmp_path: Path, body: str, said: str) -> None:
    folder = written(
        tmp_path / "own", EXERCISE.replace("    return [\n", f"{body}\n    return [\n")
    )
    with pytest.raises(GradingError, match=rf"the cases of part 1 in own/exercise\.py {said}"):
        grade(load(folder), folder / "reference.py", limits=LIMITS)


@pytest.mark.parametrize(
    ("exercise", "reference", "said"),
    [
        (("", ""), ("", ""), ""),
        (
            ('("gradient",)', '("gradientt",)'),
            ("", ""),
            "own/reference.py itself has 0 of 3 points for part 2: gradientt is not defined",
        ),
        (
            ("", ""),
            ("2 / len", "3 / len"),
            "part 2 of own: the gradient of reference.py is not that of loss= in exercise.py. G206",
        ),
        (
            ('parameters=("w",)', 'parameters=("v",)'),
            ("", ""),
            "is not that of loss= in exercise.py. the example has no 'v'",
        ),
    ],
)
def test_a_solution_that_is_wrong_itself_is_neither_packed_nor_trusted(
    tmp_path: Path, exercise: tuple[str, str], reference: tuple[str, str], said: str
) -> None:
    folder = written(tmp_path / "own", EXERCISE.replace(*exercise), REFERENCE.replace(*reference))
    own = load(folder)
    if not said:
        check_reference(own, LIMITS)
        assert package(own, tmp_path / "a.zip", limits=LIMITS).is_file()
        return
    with pytest.raises(GradingError) as caught:
        package(own, tmp_path / "a.zip", limits=LIMITS)
    assert said in str(caught.value)
    assert not (tmp_path / "a.zip").exists()
    with pytest.raises(GradingError):
        selftest(own, folder / "reference.py", most=1, limits=LIMITS)


def test_the_command_that_is_advised_can_be_typed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = written(tmp_path / "own")
    wrong = tmp_path / "hw.py"
    wrong.write_text(REFERENCE.replace("2 / len", "3 / len"), encoding="utf-8")
    assert main(["selftest", str(folder), str(wrong)]) == 2
    words = capsys.readouterr().err.rpartition("`chainrule ")[2].partition("`")[0].split()
    assert main(words) == 1
    assert "G206" in capsys.readouterr().out
