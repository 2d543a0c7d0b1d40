"""What Gradescope runs: grade the submission in its folder, and write ``results.json`` as it goes.

Started by the package's ``run_autograder``; NumPy is all that it needs.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from chainrule.grading.errors import GradingError
from chainrule.grading.exercise import load
from chainrule.grading.formats.gradescope import gradescope
from chainrule.grading.grading import grade
from chainrule.grading.result import Grade
from chainrule.grading.runner import Limits
from chainrule.grading.submission import find_submission
from chainrule.programs.whole_files import write_named


def main(root: Path | None = None) -> int:
    """Grade what lies in ``submission/`` and write ``results/results.json``.

    Parameters
    ----------
    root : Path, optional
        Gradescope's folder, ``/autograder`` or what the variable AUTOGRADER_ROOT names.
    """
    root = root or Path(os.environ.get("AUTOGRADER_ROOT", "/autograder"))
    results = root / "results" / "results.json"
    settings = json.loads((root / "source" / "settings.json").read_text(encoding="utf-8"))
    name = settings["exercise"]
    folder = root / "source" / "exercise"
    exercise = load(folder if folder.is_dir() else name)
    limits = Limits(seconds=settings["seconds"], memory=settings["memory"] * 2**20)
    results.parent.mkdir(parents=True, exist_ok=True)
    try:
        path = find_submission(root / "submission", name)
    except GradingError as error:
        nothing = Grade(name, exercise.title, "", (), (), str(error))
        write_named(results, gradescope(nothing))
        return 0
    grade(
        exercise,
        path,
        seed=settings["seed"],
        limits=limits,
        # The seed lies there.
        private=[root / "source"],
        on_part=lambda current: write_named(results, gradescope(current)),
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
