"""A folder of submissions: graded once, kept as they finish, and shown safely by any name."""

from __future__ import annotations

import csv
import json
import os
import re
import threading
from pathlib import Path
from typing import Any

import pytest

from chainrule.cli import main
from chainrule.grading import Grade, GradingError, Limits, grade, load
from chainrule.grading import folder as grading_folder
from chainrule.grading.course import Course
from chainrule.grading.folder import Interruption, grade_folder, handed_in, write_tables
from chainrule.grading.formats import FORMATS
from chainrule.grading.formats.course import (
    TABLES,
    causes_csv,
    course_csv,
    course_html,
    course_markdown,
    course_text,
)

RIGHT = """
def const_lr_maker(const=0.001):
    return lambda *_: const
def anneal_lr_maker(factor=0.99):
    return lambda rate, *_: rate * factor
"""
HALF = RIGHT.replace("*_: const", "*_: const / 2")
PARTS = ("e-1", "e-2")
LIMITS = Limits(seconds=5.0, import_seconds=2.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three students: all right, twice the same mistake, and a file that does not parse."""
    found = tmp_path / "week 3"
    found.mkdir()
    for name, text in {"anna": RIGHT, "ben": HALF, "cleo": HALF, "dora": "def f(:"}.items():
        (found / f"{name}.py").write_text(text, encoding="utf-8")
    return found


def graded(folder: Path, output: Path | None = None, **options: Any) -> Course:
    output = output or folder.parent / "out"
    options = {"parts": PARTS, "limits": LIMITS, **options}
    return grade_folder(load("schedules"), folder, output, **options)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of what is graded, not read again."""
    seen: list[str] = []

    def counting(exercise: Any, path: Path, *rest: Any, **options: Any) -> Grade:
        seen.append(path.name)
        return grade(exercise, path, *rest, **options)

    monkeypatch.setattr(grading_folder, "grade", counting)
    return seen


def test_tables_hold_points_by_part_and_causes_by_frequency(folder: Path) -> None:
    found = graded(folder)
    scores = {name: [part.score for part in g.parts] for name, g in found.grades.items()}
    assert scores == {
        "anna.py": [1, 2], "ben.py": [0.75, 2], "cleo.py": [0.75, 2], "dora.py": [0, 0],
    }  # fmt: skip
    assert found.mean == pytest.approx((3 + 2.75 + 2.75) / 4)
    causes = [(c.code, c.name, c.students, c.parts, c.points) for c in found.frequencies()]
    assert causes == [
        ("G204", "factor 2", 2, {"e-1": 2}, 0.5),
        ("", "cannot be graded", 1, {"e-1": 1, "e-2": 1}, 3.0),
    ]
    text = course_text(found)
    assert "4 submissions" in text
    assert "dora.py: " in text
    assert "does not parse (invalid syntax) at line 1" in text
    assert re.search(r"G204 +factor 2 +2 +e-1 +0.5", text)
    assert text.endswith("more about a code: chainrule explain G204\n")
    rows = list(csv.reader(course_csv(found).splitlines()))
    assert rows[0] == ["submission", "e-1", "e-2", "points", "message"]
    assert rows[2][:4] == ["ben.py", "0.75", "2.0", "2.75"]
    assert list(csv.reader(causes_csv(found).splitlines()))[1][:4] == [
        "G204", "factor 2", "2", "0.5",
    ]  # fmt: skip
    assert "| ben.py | 0.75 | 2 | 2.75 |" in course_markdown(found)
    assert '<td class="number some" title="partly right">0.75</td>' in course_html(found)


def test_what_was_graded_is_read_again_unless_something_changed(
    folder: Path, counted: list[str]
) -> None:
    first = graded(folder)
    assert counted == ["anna.py", "ben.py", "cleo.py", "dora.py"]
    counted.clear()
    assert graded(folder).to_json() == first.to_json()
    assert counted == []
    (folder / "ben.py").write_text(RIGHT, encoding="utf-8")
    assert graded(folder).grades["ben.py"].full
    assert counted == ["ben.py"]
    counted.clear()
    results = folder.parent / "out" / "results"
    (results / "anna.py.json").write_text('{"key": "', encoding="utf-8")
    found = json.loads((results / "cleo.py.json").read_text(encoding="utf-8"))
    del found["grade"]["parts"]
    (results / "cleo.py.json").write_text(json.dumps(found), encoding="utf-8")
    graded(folder)
    assert counted == ["anna.py", "cleo.py"]
    counted.clear()
    for name in ("ben", "cleo", "dora"):
        (folder / f"{name}.py").unlink()
    for options in ({"seed": 1}, {"parts": ["e-1"]}, {"limits": Limits(seconds=6)}):
        graded(folder, **options)
        assert counted == ["anna.py"], options
        counted.clear()


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interruption_keeps_what_is_there_and_the_next_run_goes_on(
    folder: Path, counted: list[str], jobs: int
) -> None:
    def stop(done: int, every: int) -> None:
        assert every == 4
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(Interruption) as caught:
        graded(folder, jobs=jobs, on_submission=stop)
    assert len(caught.value.course.grades) == 2
    assert "2 of 4 submissions" in course_text(caught.value.course)
    kept = len(list((folder.parent / "out" / "results").iterdir()))
    assert 2 <= kept <= 2 + jobs - (jobs == 1)
    counted.clear()
    assert len(graded(folder, jobs=jobs).grades) == 4
    assert len(counted) == 4 - kept


def test_several_at_once_give_the_same(folder: Path) -> None:
    one, two = (graded(folder, folder.parent / f"out-{jobs}", jobs=jobs) for jobs in (1, 3))
    for found in (one, two):
        write_tables(found, folder.parent / f"out-{1 if found is one else 3}")
    for name in (*TABLES, "grades.html"):
        texts = {(folder.parent / f"out-{jobs}" / name).read_text("utf-8") for jobs in (1, 3)}
        assert len(texts) == 1, name


def test_a_grade_survives_its_record(folder: Path) -> None:
    found = grade("schedules", folder / "ben.py", PARTS, limits=LIMITS)
    read = Grade.from_json(json.loads(json.dumps(found.to_json())))
    assert FORMATS["text"](read) == FORMATS["text"](found)
    assert read.to_json() == found.to_json()


NAMES = [
    "<img src=x onerror=alert(1)>.py", "=cmd|' -C calc'!A0.py", "@SUM(1).py", "+1.py", "-1.py",
    "esc\x1b[2J.py", "new\nline.py", "| `a` *b*.py", "[x](javascript:alert(1)).py",
    "\u202egnp.py", "'quote\".py", "&amp;.py", "x" * 240 + ".py", "\udcff.py", "Ünï.py",
]  # fmt: skip


@pytest.mark.skipif(os.name == "nt", reason="Windows has no files of such names")
def test_any_name_is_shown_and_never_obeyed(tmp_path: Path) -> None:
    folder, output = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for name in NAMES:
        # Nothing runs: only the names count here.
        (folder / name).write_text("def f(:", encoding="utf-8")
    found = graded(folder, output, feedback="html")
    assert len(found.grades) == len(NAMES)
    write_tables(found, output, "html")
    assert len(list((output / "results").iterdir())) == len(NAMES)
    pages = [output / "grades.html", *(output / "feedback").iterdir()]
    assert len(pages) == len(NAMES) + 1
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert "<img" not in text
        assert "<script" not in text
        assert 'href="javascript' not in text
    links = re.findall(r'href="([^"]+)"', pages[0].read_text(encoding="utf-8"))
    assert len(links) == len(NAMES)
    assert all(link.startswith("feedback/") for link in links)
    for row in csv.reader((output / "grades.csv").read_text(encoding="utf-8").splitlines()):
        assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row), row
    text = course_text(found)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert all(line.count("  ") > 1 for line in text.split("\n")[5 : 5 + len(NAMES)])
    assert max(map(len, text.split("\n")[5 : 5 + len(NAMES)])) < 70
    markdown = (output / "grades.md").read_text(encoding="utf-8")
    rows = [line for line in markdown.split("\n") if line.startswith("| ")]
    assert sum(row.replace("\\|", "").count("|") == 5 for row in rows) == len(NAMES) + 3
    json.loads((output / "grades.json").read_text(encoding="utf-8"))


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_links_that_lead_out_of_the_folder_are_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "eve").mkdir(parents=True)
    secret = tmp_path / "secret.py"
    secret.write_text("password = 'rosebud' = 1", encoding="utf-8")
    (folder / "a.py").symlink_to(secret)
    (folder / "eve" / "hw.py").symlink_to(secret)
    (folder / "loop.py").symlink_to("loop.py")
    (folder / "other").symlink_to(tmp_path)
    (folder / "anna.py").write_text(RIGHT, encoding="utf-8")
    (folder / "same.py").symlink_to("anna.py")
    found = graded(folder)
    messages = {name: g.message for name, g in found.grades.items()}
    assert [name for name, message in messages.items() if not message] == ["anna.py", "same.py"]
    assert all("link to a place outside" in m for m in messages.values() if m)
    out = folder.parent / "out"
    assert not any("rosebud" in p.read_text("utf-8") for p in out.rglob("*") if p.is_file())


def test_a_gigantic_file_is_refused_unread(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (folder / "anna.py").open("wb") as file:
        file.truncate(40 * 2**30)

    def never(path: Path) -> bytes:
        raise AssertionError(f"{path} was read")

    monkeypatch.setattr(Path, "read_bytes", never)
    handed, _ = handed_in(folder, "schedules", folder / "out")
    assert len(grading_folder._with_submission("key", handed[0])) == 64
    monkeypatch.undo()
    for name in ("ben", "cleo", "dora"):
        (folder / f"{name}.py").unlink()
    assert "at most 20 MB are graded" in graded(folder).grades["anna.py"].message


def test_a_submission_reads_neither_others_nor_what_they_got(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Also where the folders are named from here.
    monkeypatch.chdir(folder.parent)
    graded(folder)
    spy = (
        "for path in (PATHS):\n"
        "    try: print(open(path).read())\n"
        "    except OSError as error: print(error)\n"
    )
    paths = [str(folder / "anna.py"), str(folder.parent / "out" / "results" / "anna.py.json"),
             str(folder.parent / "out" / "grades.json")]  # fmt: skip
    (folder / "eve.py").write_text(spy.replace("PATHS", repr(paths)) + RIGHT, encoding="utf-8")
    found = graded(Path(folder.name), Path("out"))
    output = found.grades["eve.py"].parts[0].output
    assert output == "the grader's own files may not be read\n" * 3
    assert found.grades["eve.py"].full


def test_files_and_folders_are_submissions_and_the_rest_is_left_out(tmp_path: Path) -> None:
    for name in ("b.ipynb", "a.PY", "notes.txt", ".hidden.py", "__MACOSX/a.py", "c_123/hw.py",
                 "d/one.py", "d/two.py", "e/empty.txt", "a.zip", "out/results/a.py.json",
                 "f/schedules.py", "f/helper.py"):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found, others = handed_in(tmp_path, "schedules", tmp_path / "out")
    paths = {each.name: each.path and str(each.path.relative_to(tmp_path)) for each in found}
    assert paths == {
        "a.PY": "a.PY", "b.ipynb": "b.ipynb", "c_123": "c_123/hw.py", "d": None, "e": None,
        "f": "f/schedules.py",
    }  # fmt: skip
    assert "not clear which file" in next(each.problem for each in found if each.name == "d")
    assert others == ["a.zip", "notes.txt"]


def test_nothing_to_grade_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.zip").touch()
    with pytest.raises(GradingError, match=r"holds no .py or .ipynb file"):
        graded(tmp_path)
    with pytest.raises(GradingError, match="has no part 'z'"):
        graded(tmp_path, parts=["z"])


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_links_among_the_results_are_not_written_through(folder: Path) -> None:
    out, mine = folder.parent / "out", folder.parent / "mine"
    (out / "results").mkdir(parents=True)
    mine.write_text("mine", encoding="utf-8")
    (out / "results" / "anna.py.json").symlink_to(mine)
    (out / "grades.csv").symlink_to(mine)
    write_tables(graded(folder), out)
    assert mine.read_text(encoding="utf-8") == "mine"
    assert json.loads((out / "results" / "anna.py.json").read_text(encoding="utf-8"))["key"]
    for name in ("results", "feedback"):
        other = folder.parent / name
        other.mkdir()
        (folder.parent / f"{name} out").mkdir()
        (folder.parent / f"{name} out" / name).symlink_to(other)
        with pytest.raises(GradingError, match=f"{name} is a link, which leads out of the folder"):
            graded(folder, folder.parent / f"{name} out")
        assert not list(other.iterdir())


def test_a_result_that_cannot_be_written_ends_it(folder: Path) -> None:
    (folder.parent / "out").write_text("a file", encoding="utf-8")
    with pytest.raises(GradingError, match="cannot be written"):
        graded(folder, jobs=2)
    assert threading.active_count() < 10


def test_the_command_prints_tables_and_writes_them(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["grade", "schedules", str(folder), "--part", "e-1"]
    assert main([*command, "--format", "markdown"]) == 1
    said = capsys.readouterr().out
    assert "what went wrong" in said
    out = folder.parent / "week 3-graded"
    assert said.endswith(f"{out / 'grades.html'}\n")
    assert {path.name for path in out.iterdir()} == {
        "results", "feedback", "grades.html", "grades.md", "grades.csv", "grades.json",
        "causes.csv",
    }  # fmt: skip
    assert "G204" in (out / "feedback" / "ben.py.md").read_text(encoding="utf-8")
    assert 'href="feedback/ben.py.md"' in (out / "grades.html").read_text(encoding="utf-8")
    assert main([*command, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["graded"] == 4
    for name in ("ben", "cleo", "dora"):
        (folder / f"{name}.py").unlink()
    assert main([*command, "-o", str(out)]) == 0
    (folder / "anna.py").write_text("def f(:", encoding="utf-8")
    assert main(command) == 2
    (folder / "anna.py").unlink()
    assert main(command) == 2
    assert "holds no .py or .ipynb file" in capsys.readouterr().err


def test_ctrl_c_says_that_the_same_command_goes_on(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def counting(exercise: Any, path: Path, *rest: Any, **options: Any) -> Grade:
        if path.name == "cleo.py":
            raise KeyboardInterrupt
        return grade(exercise, path, *rest, **options)

    monkeypatch.setattr(grading_folder, "grade", counting)
    assert main(["grade", "schedules", str(folder), "--part", "e-1"]) == 130
    said = capsys.readouterr()
    assert "2 of 4 submissions" in said.out
    assert "is kept in" in said.err
    assert "the same command goes on from there" in said.err
    table = json.loads((folder.parent / "week 3-graded" / "grades.json").read_text("utf-8"))
    assert table["graded"] == 2
