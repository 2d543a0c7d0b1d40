"""Files and notebooks as Python text: magics left out, cells counted, errors with their place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chainrule.grading import GradingError, read_submission
from chainrule.grading.submission import LARGEST


def notebook(path: Path, *cells: str, form: int = 4) -> Path:
    code = [{"cell_type": "code", "source": cell.splitlines(keepends=True)} for cell in cells]
    text = [{"cell_type": "markdown", "source": ["# Homework\n"]}]
    if form == 3:
        old = [{"cell_type": "code", "input": cell} for cell in cells]
        path.write_text(json.dumps({"worksheets": [{"cells": old}]}), encoding="utf-8")
    else:
        path.write_text(json.dumps({"cells": text + code}), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("%matplotlib inline", "pass  # %matplotlib inline"),
        ("    %time f()", None),
        ("!pip install numpy", "pass  # !pip install numpy"),
        ("files = !ls", "files = None"),
        ("np.sum?", "pass  # np.sum?"),
        ("x = a % b", "x = a % b"),
        ("y = '''\n%s\n'''", "y = '''\n%s\n'''"),
        ("z = (a\n    % b)", "z = (a\n    % b)"),
        ("%%time\nx = 1", "pass  # %%time\nx = 1"),
        ("%%bash\nrm -rf x", "# %%bash\n# rm -rf x"),
    ],
)
def test_magics_are_left_out_and_lines_stay_where_they_are(
    tmp_path: Path, line: str, kept: str | None
) -> None:
    cell = f"if True:\n{line}" if kept is None else line
    found = read_submission(notebook(tmp_path / "hw.ipynb", "first = 1", cell))
    wanted = f"if True:\n    pass  # {line.strip()}" if kept is None else kept
    assert found.text == f"first = 1\n\n{wanted}\n"
    assert found.place(3) == "cell 2, line 1"


def test_a_cell_that_does_not_parse_is_left_out_alone(tmp_path: Path) -> None:
    path = notebook(tmp_path / "hw.ipynb", "def f(:\n  pass", "def g(): return 1")
    found = read_submission(path)
    assert "def g" in found.text
    assert len(found.notes) == 1
    assert "Cell 1 does not parse" in found.notes[0]


def test_notebooks_of_version_3_are_read(tmp_path: Path) -> None:
    assert read_submission(notebook(tmp_path / "hw.ipynb", "x = 1", form=3)).text == "x = 1\n"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("hw.py", b"def f(:\n", r"hw.py does not parse \(invalid syntax\) at line 1: def f"),
        ("hw.py", b"x = '\xff'", "no UTF-8 text"),
        ("hw.py", b"x = 1\x00", "cannot be read as Python|does not parse"),
        ("hw.ipynb", b"{", "is no notebook"),
        ("hw.ipynb", b'{"cells": 3}', "is no notebook"),
        ("hw.py", b"(" * 5000, "does not parse|cannot be read"),
        ("hw.py", b"#" * (LARGEST + 1), "at most 20 MB"),
    ],
)
def test_a_file_that_cannot_be_read_is_said(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(GradingError, match=message):
        read_submission(path)


def test_a_folder_and_nothing_are_said(tmp_path: Path) -> None:
    with pytest.raises(GradingError, match="is a folder"):
        read_submission(tmp_path)
    with pytest.raises(GradingError, match="does not exist"):
        read_submission(tmp_path / "missing.py")
