"""`chainrule start`, `grade`, `package` and `selftest` as a person runs them."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

import pytest

from chainrule.cli import main
from chainrule.grading import (
    GradingError,
    Part,
    PartResult,
    assert_part,
    grade,
    load,
    names,
    nbgrader_points,
)


@pytest.fixture
def solution(tmp_path: Path) -> Path:
    path = tmp_path / "hw.py"
    path.write_text(load("schedules").reference_path.read_text(encoding="utf-8"), encoding="utf-8")
    return path


@pytest.fixture
def mistaken(solution: Path) -> Path:
    text = solution.read_text(encoding="utf-8")
    solution.write_text(text.replace("curr_lr * factor", "factor"), encoding="utf-8")
    return solution


def test_start_lists_the_exercises(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["start"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in names())
    assert main(["start", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in found] == names()


def test_start_writes_a_file_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "week 3"
    assert main(["start", "schedules", "-o", str(folder)]) == 0
    path = folder / "schedules.py"
    assert str(path) in capsys.readouterr().out
    path.write_text("mine", encoding="utf-8")
    assert main(["start", "schedules", "-o", str(folder)]) == 2
    assert "stays as it is; give another folder with -o" in capsys.readouterr().err
    assert path.read_text(encoding="utf-8") == "mine"
    assert main(["start", "schedules", "--notebook", "--json", "-o", str(folder)]) == 0
    assert json.loads(capsys.readouterr().out)["file"] == str(folder / "schedules.ipynb")


def test_an_unknown_exercise_is_met_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["start", "digits-3-vs-8"]) == 2
    assert "Did you mean digits-3-vs-9?" in capsys.readouterr().err


def test_grade_says_what_is_wrong_and_exits_1(
    mistaken: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["grade", "schedules", str(mistaken)]) == 1
    text = capsys.readouterr().out
    assert "4.5 of 6 points" in text
    assert "Each rate is the one before times the factor" in text


def test_grade_exits_0_where_all_is_right_and_2_where_nothing_can_be_graded(
    solution: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["grade", "schedules", str(solution), "--part", "e-1"]) == 0
    assert main(["grade", "schedules", str(solution) + "x"]) == 2
    assert "does not exist" in " ".join(capsys.readouterr().out.split())
    assert main(["grade", "schedules", str(solution), "--part", "e-9"]) == 2
    assert "its parts are e-1, e-2, e-3" in capsys.readouterr().err


def test_results_are_written_as_parts_finish(solution: Path) -> None:
    seen = []
    path = solution.parent / "results.json"
    grade("schedules", solution, on_part=lambda current: seen.append(current))
    assert [each.score for each in seen] == [1, 3, 6]
    assert seen[0].parts[1].message == "Not graded yet."
    assert main(["grade", "schedules", str(solution), "--format", "gradescope",
                 "-o", str(path)]) == 0  # fmt: skip
    assert json.loads(path.read_text(encoding="utf-8"))["score"] == 6


def test_a_file_in_the_place_of_the_folder_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["start", "schedules", "-o", str(tmp_path / "mine.py")]) == 2
    said = capsys.readouterr().err
    assert "--output names the folder" in said
    assert "will be called schedules.py" in said
    assert not list(tmp_path.iterdir())


def test_the_ending_of_the_output_says_the_form(
    solution: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for ending, begins in ((".html", "<!DOCTYPE"), (".json", "{"), (".xml", "<?xml"), ("", "Lea")):
        output = solution.parent / f"grade{ending}"
        assert main(["grade", "schedules", str(solution), "--part", "e-1", "-o", str(output)]) == 0
        assert output.read_text(encoding="utf-8").startswith(begins)
    assert main(["grade", "schedules", str(solution), "-o", "grade.pdf"]) == 2
    assert "grade.pdf has no ending that says what to write" in capsys.readouterr().err


def test_the_same_submission_has_the_same_grade(mistaken: Path) -> None:
    first, second = (grade("schedules", mistaken).to_json() for _ in range(2))
    for each in (*first["parts"], *second["parts"]):
        del each["seconds"]
    assert first == second


def test_package_and_selftest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "autograder.zip"
    assert main(["package", "schedules", "-o", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["bytes"] == path.stat().st_size
    assert main(["selftest", "schedules", "--most", "6", "--json"]) in (0, 1)
    found = json.loads(capsys.readouterr().out)
    assert found["tried"] == 6
    assert found["possible"] > 30


def test_nbgrader_gets_a_plain_number_and_nothing_on_stderr(
    mistaken: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    points = nbgrader_points("schedules", "e-1", mistaken, points=5)
    assert type(points) is float
    assert points == 5.0
    assert nbgrader_points("schedules", "e-2", mistaken, points=4) == 1.0
    assert nbgrader_points("schedules", "e-2", mistaken.parent / "missing.py") == 0.0
    captured = capfd.readouterr()
    assert captured.err == ""
    assert "does not exist" in " ".join(captured.out.split())


def test_an_assertion_is_the_diagnosis(mistaken: Path) -> None:
    assert_part("schedules", "e-1", mistaken)
    with pytest.raises(AssertionError, match=r"e-2 annealed: 0.5 of 2 points\nG206: the rate"):
        assert_part("schedules", "e-2", mistaken)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "There is no exercise"),
        ({"exercise.py": "EXERCISE = 1"}, "has no reference.py"),
        ({"exercise.py": "EXERCISE = 1", "reference.py": ""}, "defines no EXERCISE"),
        ({"exercise.py": "1 / 0", "reference.py": ""}, "fails: ZeroDivisionError"),
    ],
)
def test_an_exercise_of_ones_own_that_is_not_whole(
    tmp_path: Path, files: dict[str, str], message: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(GradingError, match=message):
        load(tmp_path)


@pytest.mark.parametrize("where", ["stdout", "file"])
def test_an_interrupt_keeps_the_parts_that_were_graded(
    solution: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    from chainrule.grading.grading import _Grader

    whole = _Grader.part

    def interrupted(self: _Grader, part: Part) -> PartResult:
        if part.name == "e-3":
            raise KeyboardInterrupt
        return whole(self, part)

    monkeypatch.setattr(_Grader, "part", interrupted)
    results = tmp_path / "r.json"
    option = ["-o", str(results)] if where == "file" else []
    assert main(["grade", "schedules", str(solution), "--json", *option]) == 130
    said = capsys.readouterr()
    assert said.err == "Interrupted; the parts that were graded are kept.\n"
    found = json.loads(results.read_text(encoding="utf-8") if option else said.out)
    assert [part["score"] for part in found["parts"]] == [1, 2, 0]
    assert found["parts"][2]["message"] == "Not graded yet."


@pytest.mark.skipif(os.name == "nt", reason="named pipes and links are those of Unix")
def test_a_pipe_gets_one_result_and_stays_a_pipe(solution: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    received: list[str] = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_text(encoding="utf-8")))
    reader.start()
    assert main(["grade", "schedules", str(solution), "--json", "-o", str(pipe)]) == 0
    reader.join(timeout=30)
    assert json.loads(received[0])["score"] == 6
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.skipif(os.name == "nt", reason="named pipes and links are those of Unix")
def test_a_link_to_the_results_stays_a_link(solution: Path, tmp_path: Path) -> None:
    results, link = tmp_path / "r.json", tmp_path / "link.json"
    results.write_text("old", encoding="utf-8")
    link.symlink_to(results)
    assert main(["grade", "schedules", str(solution), "--json", "-o", str(link)]) == 0
    assert link.is_symlink()
    assert json.loads(results.read_text(encoding="utf-8"))["score"] == 6
