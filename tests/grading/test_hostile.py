"""A submission that means harm: it changes and reads nothing of ours, and its lies end its part."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule.grading
from chainrule.cli import main
from chainrule.grading import Limits, Submission, grade, load, names
from chainrule.grading.child.calls import Work, perform
from chainrule.grading.child.wire import Opaque
from chainrule.grading.exercise import reference_module
from chainrule.grading.formats import FORMATS
from chainrule.grading.judging import Answer, judge

LIMITS = Limits(seconds=2.0, import_seconds=1.0)
RIGHT = """
import numpy as np
def sgd(gradient, w0, learning_rates):
    ws = [w0.copy()]
    for eta in learning_rates:
        ws.append(ws[-1] - eta * gradient(ws[-1]))
    return np.array(ws)
"""
LIBRARY = str(Path(chainrule.grading.__file__).parent.parent)
REFERENCE = f"{LIBRARY}/grading/exercises/momentum/reference.py"
WRITE, READ, LOOK, CALL = (
    "may only write in its own folder", "the grader's own files may not be read",
    "may not look at other processes", "may not call functions of C libraries",
)  # fmt: skip

TEMPTATIONS = [
    ("import os; os.remove(VICTIM)", WRITE),
    ("open(VICTIM, 'w')", WRITE),
    ("open(VICTIM, 'a')", WRITE),
    ("import os; open('x', 'w').close(); os.replace('x', VICTIM)", WRITE),
    ("import os; os.rename(VICTIM, 'mine')", WRITE),
    ("import os; os.truncate(VICTIM, 0)", WRITE),
    ("import os; os.chmod(VICTIM, 0)", WRITE),
    ("import os; os.mkdir(VICTIM + '-folder')", WRITE),
    ("import os; os.symlink('/', VICTIM + '-link')", WRITE),
    ("import os; os.symlink(VICTIM, 'way'); open('way', 'w')", WRITE),
    ("import shutil, os; shutil.rmtree(os.path.dirname(VICTIM))", WRITE),
    ("import sqlite3; sqlite3.connect(VICTIM)", WRITE),
    (f"open({LIBRARY!r} + '/checking/check.py', 'a')", READ),
    (f"open({REFERENCE!r})", READ),
    (f"import os; os.link({REFERENCE!r}, 'mine')", WRITE),
    (f"import os; os.symlink({REFERENCE!r}, 'way'); open('way')", READ),
    (f"import os; os.chdir(os.path.dirname({REFERENCE!r})); open('reference.py')", READ),
    ("import os; os.open(os.path.dirname(VICTIM), os.O_RDONLY)", WRITE),
    ("import os; os.open('/', os.O_RDONLY)", WRITE),
    (f"import sys, os; sys.meta_path.pop(0); sys.path.insert(0, os.path.dirname({LIBRARY!r}))\n"
     "import chainrule", READ),
    ("import os; open(f'/proc/{os.getppid()}/environ', 'rb')", LOOK),
    ("import os; os.listdir(f'/proc/{os.getppid()}/fd')", LOOK),
    ("import ctypes; ctypes.CDLL(None).fork()", CALL),
    ("import _posixsubprocess as p; p.fork_exec([b'true'])", "may not start"),
]  # fmt: skip


@pytest.mark.skipif(os.name == "nt", reason="the paths are those of Unix")
@pytest.mark.parametrize(("statement", "sentence"), TEMPTATIONS)
def test_what_concerns_others_is_refused_and_said(
    tmp_path: Path, statement: str, sentence: str
) -> None:
    victim = tmp_path / "victim.txt"
    victim.write_text("ours", encoding="utf-8")
    text = f"VICTIM = {str(victim)!r}\n{statement}\n{RIGHT}"
    found = grade("momentum", Submission("hw.py", text), ["iii-1"], limits=LIMITS)
    assert found.parts[0].score == 2
    assert sentence in " ".join(found.notes)
    assert victim.read_text(encoding="utf-8") == "ours"
    assert victim.stat().st_mode & 0o600
    assert os.listdir(tmp_path) == ["victim.txt"]


@pytest.mark.parametrize(
    "statement",
    [
        "open('notes.txt', 'w').write('mine')",
        "import os, shutil; os.makedirs('a/b'); os.rename('a', 'c'); shutil.rmtree('c')",
        "import tempfile; tempfile.TemporaryFile().write(b'x'); tempfile.TemporaryDirectory()",
        "open('/dev/null', 'w').write('x')",
        "np.save('w.npy', np.ones(3)); np.load('w.npy'); np.ones(3).ctypes.data",
        "import scipy.optimize; scipy.optimize.minimize(lambda x: x @ x, np.ones(2))",
        "import platform, uuid; platform.platform(); uuid.uuid4()",
    ],
)
def test_what_a_student_does_in_good_faith_is_allowed(statement: str) -> None:
    text = f"import numpy as np\n{statement}\n{RIGHT}"
    # Libraries load slowly where others work.
    patient = Limits(seconds=30.0, import_seconds=30.0)
    found = grade("momentum", Submission("hw.py", text), ["iii-1"], limits=patient)
    assert found.notes == ()
    assert found.parts[0].score == 2


#: What a submission writes into the grader's own pipe.
FORGED = [
    "{'ready': True}",
    "{'ready': True, 'notes': 3, 'unlimited': []}",
    "{'ready': True, 'notes': [1], 'unlimited': []}",
    "{'ready': True, 'notes': [{'statement': [1], 'type': 'x', 'message': '', 'line': 1}], "
    "'unlimited': []}",
    "{'ready': True, 'notes': [], 'unlimited': 5}",
    "READY, {'values': {}}",
    "READY, {'values': {}, 'errors': 5, 'changed': [], 'shared': []}",
    "READY, {'values': {}, 'errors': {'x': 1}, 'changed': [], 'shared': []}",
    "READY, {'values': {}, 'errors': {}, 'changed': [1], 'shared': []}",
    "READY, {'values': {}, 'errors': {}, 'changed': [], 'shared': ['one']}",
    "READY, {'values': 'right', 'errors': {}, 'changed': [], 'shared': []}",
    "READY, {'error': 5}",
    "READY, {'error': {'type': 5, 'message': [1], 'line': 'x'}}",
    "READY, {'ask': 'sgd', 'arguments': 5}",
    "READY, [1]",
    "{'fatal': [1, 2]}",
    "{'score': 2, 'status': 'right'}",
]


@pytest.mark.parametrize("messages", FORGED)
def test_a_forged_message_ends_its_part_and_never_the_grader(messages: str) -> None:
    forge = (
        "import sys\n"
        "wire = sys.modules['grading_child.wire']\n"
        "pipe = sys.modules['grading_child.main']._forget_the_grader.__dict__['pipes'][1]\n"
        "READY = {'ready': True, 'notes': [], 'unlimited': []}\n"
        f"for message in ({messages},):\n"
        "    pipe.write(wire.encode(message)); pipe.flush()\n"
    )
    (part,) = grade("momentum", Submission("hw.py", forge + RIGHT), ["iii-1"], limits=LIMITS).parts
    assert part.status == "stopped", part
    assert part.score == 0


ODD: list[Any] = [
    None, True, 10**5000, -(10**400), Fraction(10**400, 3), float("nan"), float("inf"), "", "x",
    [], (), {}, [[]], [None], [10**400], {"a": 1}, {"W1": None}, Opaque("a set"), np.zeros(0),
    np.zeros((0, 3)), np.array(1.0), np.float32(2), np.array([1j]), np.full(3, np.nan),
    np.full((2, 2), 1e308), np.array([True]), [[1, 2], [3]], [[1.0, float("nan")]], [("a",)],
    (1, 2, 3, 4), (None,) * 4, ([1],) * 4, [[Fraction(1)]] * 3, [[1e400]], np.uint8(200),
    np.full(3, 10**18),
]  # fmt: skip


@pytest.mark.parametrize("name", names())
@pytest.mark.filterwarnings("ignore")
def test_no_value_breaks_the_verdict(name: str) -> None:
    exercise = load(name)
    driver: dict[str, Any] = {"__name__": "calls"}
    exec(compile(exercise.driver(), "calls.py", "exec"), driver)
    work = Work(reference_module(exercise))

    def gradient(**_: Any) -> Any:
        raise ValueError

    for number, part in enumerate(exercise.parts):
        cases = part.cases(np.random.default_rng([0, number]))
        true = [
            perform(
                driver, work, {"call": part.call, "names": part.hands_in, "inputs": c, "seed": 0}
            )
            for c in cases
        ]
        right = [each["values"] for each in true]
        for odd in ODD:
            for some in (slice(None), slice(1)):
                given = [{**v, **dict.fromkeys(list(v)[some], odd)} for v in right]
                answers = [Answer(c, v, {}) for c, v in zip(cases, given, strict=True)]
                found = judge(part, answers, answers[0], right, gradient)
                assert 0 <= found.share <= 1
                assert found.share < 1 or odd is True, (part.name, odd)


def test_numbers_beyond_all_bounds_write_nothing_to_stderr(
    capfd: pytest.CaptureFixture[str],
) -> None:
    text = "import numpy as np\ndef sgd(g, w0, r): return np.full((len(r) + 1, len(w0)), 1e308)"
    (part,) = grade("momentum", Submission("hw.py", text), ["iii-1"], limits=LIMITS).parts
    assert part.status == "wrong"
    assert capfd.readouterr().err == ""


#: What no file can hold, or a terminal would obey.
ODD_TEXT = r"\ud800 \x1b[2J \u202e \x00 \x9b31m"
OBEYED = set("\x1b\u202e\x00\x9b")


def test_what_a_submission_says_can_be_written_and_is_not_obeyed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, results = tmp_path / "hw.py", tmp_path / "results"
    path.write_text(
        f"TEXT = '{ODD_TEXT}'\nprint(TEXT)\ndef sgd(g, w0, r):\n"
        "    raise type(TEXT.replace(chr(0), ''), (Exception,), {})(TEXT)\n"
        "def weight_norm(p): return {TEXT: [TEXT]}\n",
        encoding="utf-8",
    )
    found = grade("momentum", path, ["iii-1", "iii-4"], limits=LIMITS)
    for name, form in FORMATS.items():
        shown = form(found).encode("utf-8").decode("utf-8")
        assert len(shown) > 50
        if name in ("text", "gradescope"):
            assert not set(shown) & OBEYED, name
    assert main(["grade", "momentum", str(path), "--part", "iii-1", "-o", str(results)]) == 1
    assert main(["grade", "momentum", str(path), "--part", "iii-1"]) == 1
    assert not set(capsys.readouterr().out) & OBEYED
