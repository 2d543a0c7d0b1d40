"""Whatever is handed in costs its own part and is said in a sentence; nothing of it reaches us."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from chainrule.grading import Exercise, Grade, Limits, Submission, grade, load
from chainrule.grading.exercise import Inputs

LIMITS = Limits(seconds=2.0, import_seconds=0.7)


def vectors(rng: np.random.Generator) -> list[Inputs]:
    return [{"x": rng.normal(size=n), "A": rng.normal(size=(n, 2))} for n in (3, 5)]


@pytest.fixture
def exercise(tmp_path: Path) -> Exercise:
    """Two parts: `twice(x, A)` gives 2 x, `both(x, A)` a dict of the sum of x and of A's rows."""
    folder = tmp_path / "of_our_own"
    folder.mkdir()
    (folder / "reference.py").write_text(
        "import numpy as np\n"
        "def twice(x, A):\n"
        "    # BEGIN SOLUTION\n"
        "    return 2 * x\n"
        "    # END SOLUTION\n"
        "def both(x, A):\n"
        "    # BEGIN SOLUTION\n"
        "    return {'x': np.sum(x), 'A': A.sum(axis=0)}\n"
        "    # END SOLUTION\n",
        encoding="utf-8",
    )
    (folder / "exercise.py").write_text(
        "from chainrule.grading.exercise import Exercise, Part\n"
        "def cases(rng):\n"
        "    return [{'x': rng.normal(size=n), 'A': rng.normal(size=(n, 2))} for n in (3, 5)]\n"
        "EXERCISE = Exercise('own', 'Our own', '-', '-', '', (\n"
        "    Part('1', 'twice', 2, ('twice',), cases), Part('2', 'both', 4, ('both',), cases)))\n",
        encoding="utf-8",
    )
    return load(folder)


RIGHT = "\ndef both(x, A):\n    return {'x': x.sum(), 'A': A.sum(axis=0)}\n"


def graded(exercise: Exercise, text: str, *parts: str) -> Grade:
    submission = Submission("hw.py", "import numpy as np\n" + text)
    return grade(exercise, submission, parts or None, limits=LIMITS)


BAD_FUNCTIONS = [
    ("while True: pass", "too slow", "does a loop never end"),
    ("try:\n            while True: pass\n        except: return twice(x, A)", "", "time was over"),
    ("import sys; sys.exit(0)", "error", "called exit()"),
    ("import os; os._exit(0)", "stopped", "ended itself with status 0"),
    ("return input('x? ')", "error", "asked for input"),
    ("return x / None", "error", "TypeError"),
    ("return np.zeros((40000, 40000, 2)) + 1", "error", "more memory"),
    ("return [2 * x, x.tolist(), np.ones]", "wrong", "no array of numbers"),
    ("return None", "wrong", "is a return missing?"),
    ("return np.array([2 * x, None], dtype=object)", "wrong", "an array of object"),
    ("return (2 * x)[:, None]", "partly right", "has shape (3, 1); (3,) is right"),
    ("return (2 * x)[:, None] * np.ones(len(x))", "", "(n,) met (n, 1)"),
    ("return (2 * x).astype(int)", "", "its decimals were cut off"),
    ("return np.zeros(len(x), int)", "wrong", "G000"),
    ("return np.zeros((len(x), 1))", "wrong", "has shape (3, 1)"),
    ("return np.zeros((len(x), len(x)))", "wrong", "has shape (3, 3)"),
    ("return 2 * x / 0 * 0", "", "NaN"),
    ("x *= 2; return x.copy()", "partly right", "changed its input x"),
    ("return 2 * x + np.random.normal(size=x.shape)", "wrong", "it is random"),
    ("return 6 * x / len(x)", "", "G000"),
    ("return 2 * x * len(x)", "partly right", "G201"),
    ("return -2 * x", "partly right", "minus the right one"),
    ("import torch; return x", "error", "torch may not be imported"),
    ("from chainrule import grad; return x", "error", "write the derivatives in NumPy"),
    ("import socket; socket.create_connection(('127.0.0.1', 9))", "error", "no network"),
    ("import subprocess; subprocess.run(['true'])", "error", "may not start"),
    ("import os; os.kill(os.getppid(), 9)", "error", "may not start or stop processes"),
    ("return open(__import__('os').path.join(FOLDER, 'reference.py')).read()", "error",
     "may not be read"),
    ("raise NotImplementedError", "not written", "Not written yet"),
    ("return twic(x)", "error", "NameError"),
    ("return twice(x, A)", "error", "RecursionError"),
    ("class Odd: __class__ = property(lambda s: 1 / 0)\n        return Odd()", "", ""),
    ("return 'a' * 10**8", "stopped", "cannot be read"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "status", "sentence"), BAD_FUNCTIONS)
def test_a_bad_function_costs_its_part_and_is_said(
    exercise: Exercise, body: str, status: str, sentence: str
) -> None:
    text = f"FOLDER = {str(exercise.folder)!r}\ndef twice(x, A):\n    if True:\n        {body}\n"
    found = graded(exercise, text, "1")
    (part,) = found.parts
    assert part.score < part.points
    assert not status or part.status == status, part
    assert sentence in " ".join(part.sentences())


def test_other_parts_keep_their_points(exercise: Exercise) -> None:
    found = graded(exercise, "def twice(x, A):\n    while True: pass\n" + RIGHT)
    assert [part.score for part in found.parts] == [0, 4]


BAD_FILES = [
    ("x = input('your name? ')", "asked for input"),
    ("while True:\n    pass", "was left out; put training under"),
    ("raise SystemExit", "called exit()"),
    ("1 / 0", "ZeroDivisionError"),
    ("import torch", "torch may not be imported"),
    ("import jax.numpy as jnp", "jax may not be imported"),
    ("print(missing)", "NameError"),
    ("open('/nonexistent/data.csv')", "FileNotFoundError"),
    ("import urllib.request as u\nu.urlopen('http://127.0.0.1:9')", "no network"),
]


@pytest.mark.parametrize(("top", "note"), BAD_FILES)
def test_what_fails_at_the_top_of_a_file_is_noted_and_the_rest_counts(
    exercise: Exercise, top: str, note: str
) -> None:
    found = graded(exercise, f"{top}\ndef twice(x, A):\n    return 2 * x\n", "1")
    assert found.score == 2
    assert len(found.notes) == 1
    assert note in found.notes[0]
    assert "line 2" in found.notes[0] or "line 3" in found.notes[0]


@pytest.mark.parametrize(
    "top",
    [
        "import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\nax.plot([1])\nplt.show()",
        "from tqdm import tqdm\nfor i in tqdm(range(3)): pass\nassert i == 2",
        "import pandas as pd\nprint(pd.DataFrame({'a': [1]}))",
        "import mnist\nmnist.train_images()[0]",
        "print('x' * 10**7)\nimport sys; sys.stderr.write('y' * 10**7)",
        "import os\nfor _ in range(100): os.write(1, b'z' * 10**6)",
        "import warnings; warnings.warn('odd')",
        "open('notes.txt', 'w').write('scratch')",
    ],
)
def test_prints_and_plots_do_no_harm(exercise: Exercise, top: str) -> None:
    found = graded(exercise, f"{top}\ndef twice(x, A):\n    return 2 * x\n", "1")
    assert found.score == 2
    assert found.notes == ()
    assert len(found.parts[0].output) < 5000


#: What a file may do with pandas, which stands in for itself where it is not installed.
PANDAS = [
    "table = pd.DataFrame({'a': [1]}, columns=['a']); print(table.round(2).to_string())",
    "assert not isinstance(np.ones(3), pd.DataFrame | pd.Series)",
    "class Table(pd.DataFrame): pass\nTable(index=[1]).plot(x='a')",
    "pd.DataFrame.from_dict({}, orient='index').to_csv('x.csv')",
    # As scikit-learn asks in fit().
    "import sys\nassert not isinstance(np.ones(3), sys.modules['pandas'].DataFrame)",
]


@pytest.mark.parametrize("top", PANDAS)
def test_pandas_for_tables_does_no_harm_also_to_other_libraries(
    exercise: Exercise, top: str
) -> None:
    found = graded(exercise, f"import pandas as pd\n{top}\ndef twice(x, A): return 2 * x\n", "1")
    assert found.score == 2
    assert found.notes == ()


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("import nothing_of_that_name.inside; return x",
         "It imports nothing_of_that_name at line 3 (`import nothing_of_that_name.inside"),
        ("return float(pd.read_csv('data.csv')) * x", "compute in NumPy"),
        ("return pd.read_csv('data.csv') * 2.0", "a StandIn is what stands for a library"),
        ("return pd.DataFrame(x)", "is a DataFrame, not what is asked for"),
    ],
)  # fmt: skip
def test_what_is_not_installed_is_said(exercise: Exercise, body: str, sentence: str) -> None:
    found = graded(exercise, f"def twice(x, A):\n    {body}\nimport pandas as pd\n", "1")
    assert sentence in " ".join(found.parts[0].sentences())


NOTES = [
    ("return (2 * x).tolist()", "np.array(twice) makes it an array"),
    ("return tuple(2 * x)", "is a tuple"),
    ("return (2 * x).astype(np.float32)", "compared to 0.0001 only"),
]


@pytest.mark.parametrize(("body", "note"), NOTES)
def test_what_is_right_in_an_unusual_form_has_its_points_and_a_note(
    exercise: Exercise, body: str, note: str
) -> None:
    found = graded(exercise, f"def twice(x, A):\n    {body}\n", "1")
    assert found.score == 2
    assert note in " ".join(found.parts[0].notes)


def test_a_view_of_an_input_is_noted(exercise: Exercise) -> None:
    text = "def both(x, A):\n    y = A[:]\n    y.sort(axis=0)\n    return {'x': x.sum(), 'A': y[0]}"
    (part,) = graded(exercise, text, "2").parts
    assert "changed its input A" in " ".join(part.sentences())
    assert "both shares its memory with the input A" in " ".join(part.notes)


def test_wrong_keys_are_named_and_the_others_count(exercise: Exercise) -> None:
    text = "def both(x, A):\n    return {'x': x.sum(), 'rows': A.sum(axis=0)}"
    (part,) = graded(exercise, text, "2").parts
    assert part.score == 2
    assert part.findings[0].evidence == (
        "A is missing from what was returned. There is rows, which is not asked for."
    )


def test_a_key_with_a_prefix_is_taken_for_it_and_noted(exercise: Exercise) -> None:
    text = "def both(x, A):\n    return {'dx': x.sum(), 'A_grad': A.sum(axis=0)}"
    (part,) = graded(exercise, text, "2").parts
    assert part.score == 4
    assert part.notes == (
        "dx was taken for x; use the name that is asked for.",
        "A_grad was taken for A; use the name that is asked for.",
    )


@pytest.mark.parametrize(
    ("value", "kind"), [("x", "an array"), ("x, A", "a tuple"), ("len", "a builtin")]
)
def test_something_else_where_a_dict_is_due(exercise: Exercise, value: str, kind: str) -> None:
    (part,) = graded(exercise, f"def both(x, A):\n    return {value}", "2").parts
    assert part.score == 0
    (finding,) = part.findings
    assert f"both returned {kind}" in finding.evidence
    assert "what is asked for is x, A, by name" in finding.evidence


def test_a_missing_function_is_named(exercise: Exercise) -> None:
    found = graded(exercise, "1 / 0\ndef twice(x, A): return 2 * x")
    assert [part.status for part in found.parts] == ["right", "missing"]
    assert "both is not defined" in found.parts[1].message
    assert "line 2 failed" in found.parts[1].message


def test_the_verdict_cannot_be_written_by_the_submission(exercise: Exercise) -> None:
    forged = (
        "import os, sys, json, struct\n"
        "for fd in range(3, 20):\n"
        "    for data in (b'{\"score\": 2}', struct.pack('>QQ', 2, 0) + b'{}'):\n"
        "        try: os.write(fd, data)\n"
        "        except OSError: pass\n"
        "def twice(x, A): return x\n"
    )
    (part,) = graded(exercise, forged, "1").parts
    assert part.score == 0
    assert part.status == "stopped"


def test_two_gradings_do_not_see_each_other(exercise: Exercise) -> None:
    text = (
        "import os\nassert os.listdir('.') == []\nopen('here', 'w').close()\n"
        "def twice(x, A): return 2 * x\n" + RIGHT
    )
    assert graded(exercise, text).notes == ()


def test_time_is_limited_for_all_calls_together(exercise: Exercise) -> None:
    started = time.monotonic()
    text = "import time\ndef twice(x, A):\n    time.sleep(1.2)\n    return 2 * x\n"
    (part,) = graded(exercise, text, "1").parts
    assert part.status == "too slow"
    assert "line 4" in part.message
    assert time.monotonic() - started < 30


def test_training_at_the_top_of_a_file_is_waited_for_once(exercise: Exercise) -> None:
    training = "print('epoch 1') or [0 for _ in iter(int, 1)]\n"
    found = graded(exercise, "def twice(x, A): return 2 * x\n" + training + RIGHT)
    assert found.score == 6
    assert [part.output for part in found.parts] == ["epoch 1\n", ""]
    assert len(found.notes) == 1
    assert "line 3" in found.notes[0]


def test_the_seed_changes_the_inputs_and_not_the_grade_of_what_is_right(
    exercise: Exercise, changed: Callable[..., Path]
) -> None:
    path = changed("momentum")
    for seed in (1, 2**32 - 1):
        assert grade("momentum", path, ["iii-2"], seed=seed).full
