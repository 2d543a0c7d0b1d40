"""The zip for Gradescope: the exercise, the core of chainrule, and two scripts that start it."""

from __future__ import annotations

import io
import json
import secrets
import zipfile
from collections.abc import Iterator
from pathlib import Path

from chainrule.grading.errors import GradingError
from chainrule.grading.exercise import EXERCISES, Exercise
from chainrule.grading.runner import Limits
from chainrule.grading.validation import check_reference
from chainrule.programs.whole_files import write_named

#: What grading imports; nothing of it needs more than NumPy.
ROOMS = ("engine", "programs", "checking", "grading")
#: Gradescope's smallest container has 768 MB for the grader and the submission together.
MEMORY = 448

_SETUP = """#!/usr/bin/env bash
# Gradescope runs this once, when the image is built. NumPy is all that the grader needs.
set -euo pipefail
root="${AUTOGRADER_ROOT:-/autograder}"
python=""
for each in python3.14 python3.13 python3.12 python3.11 python3; do
  if command -v "$each" > /dev/null &&
    "$each" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then python="$each"; break; fi
done
if [ -z "$python" ]; then
  apt-get update
  apt-get install -y python3.11 python3.11-venv
  python=python3.11
fi
"$python" -m venv "$root/venv" || {
  apt-get update && apt-get install -y "${python##*/}-venv" && "$python" -m venv "$root/venv"
}
"$root/venv/bin/python" -m pip install --quiet "numpy>=2.0"
"""

_RUN = """#!/usr/bin/env bash
# Gradescope runs this for every submission.
root="${AUTOGRADER_ROOT:-/autograder}"
python="$root/venv/bin/python"
[ -x "$python" ] || python="${PYTHON:-python3}"
PYTHONPATH="$root/source/library" exec "$python" -P -m chainrule.grading.autograder
"""


def package(
    exercise: Exercise,
    output: Path,
    *,
    seed: int | None = None,
    limits: Limits | None = None,
) -> Path:
    """Write the zip that is uploaded to Gradescope as an autograder.

    Parameters
    ----------
    exercise : Exercise
    output : Path
        The zip; one that is there is replaced, or stays as it was where this fails.
    seed : int, optional
        Of the inputs that are tried. By default one that nobody knows, kept in the zip: every
        submission meets the same inputs, and no student can make them.
    limits : Limits, optional
        Time for each part, and memory.

    Returns
    -------
    Path
        The zip.

    Raises
    ------
    GradingError
        It cannot be written, or is an exercise of your own whose solution has not full marks.
    """
    seconds = (limits or Limits()).seconds
    memory = MEMORY if limits is None else limits.memory // 2**20
    if not exercise.is_supplied:
        check_reference(exercise, Limits(seconds=seconds, memory=memory * 2**20))
    settings = {
        "exercise": exercise.name,
        "seed": secrets.randbelow(2**32) if seed is None else seed,
        "seconds": seconds,
        "memory": memory,
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, "setup.sh", _SETUP, executable=True)
        _add(archive, "run_autograder", _RUN, executable=True)
        _add(archive, "settings.json", json.dumps(settings, indent=2) + "\n")
        for name, path in _library(exercise):
            _add(archive, f"library/chainrule/{name}", path.read_text(encoding="utf-8"))
        if not exercise.is_supplied:
            for path in sorted(exercise.folder.glob("*.py")):
                _add(archive, f"exercise/{path.name}", path.read_text(encoding="utf-8"))
    try:
        write_named(output, buffer.getvalue())
    except OSError as error:
        raise GradingError(f"{output} cannot be written: {error.strerror or error}.") from None
    return output


def _library(exercise: Exercise) -> Iterator[tuple[str, Path]]:
    """The files of the core; of the exercises only the one that is graded."""
    root = Path(__file__).resolve().parent.parent
    yield "__init__.py", root / "__init__.py"
    for room in ROOMS:
        for path in sorted((root / room).rglob("*.py")):
            name = path.relative_to(root)
            others = EXERCISES.relative_to(root)
            inside = name.is_relative_to(others) and name.parent != others
            if inside and name.parent.name != exercise.folder.name:
                continue
            yield name.as_posix(), path


def _add(archive: zipfile.ZipFile, name: str, text: str, executable: bool = False) -> None:
    # A fixed date, so that the same exercise and seed give the same zip.
    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    entry.external_attr = (0o755 if executable else 0o644) << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, text)
