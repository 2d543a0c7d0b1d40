"""The Gradescope zip, unpacked and run where nothing is installed but NumPy."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from chainrule.grading import GradingError, load, package
from chainrule.grading.autograder import find_submission

#: Refuses every distribution that is not NumPy or part of Python, as an empty container would.
BLOCKER = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        root = name.partition(".")[0]
        if root in ("scipy", "sklearn", "matplotlib", "typer", "rich", "jinja2", "torch",
                    "numba", "pooch", "PIL", "safetensors", "threadpoolctl", "markdown_it"):
            raise ModuleNotFoundError(f"No module named {root!r}", name=root)
sys.meta_path.insert(0, Blocker())
"""


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Gradescope's folder with the package of `momentum`."""
    return unpacked("momentum", tmp_path_factory.mktemp("autograder"))


def unpacked(name: str, root: Path) -> Path:
    """The package of an exercise, and NumPy beside it."""
    zip_file = package(load(name), root / "autograder.zip", seed=7)
    with zipfile.ZipFile(zip_file) as archive:
        archive.extractall(root / "source")
    (root / "submission").mkdir()
    site = root / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(BLOCKER, encoding="utf-8")
    for name in ("numpy", "numpy.libs"):
        source = Path(np.__file__).parent.parent / name
        if source.is_dir():
            (site / name).symlink_to(source)
    return root


def run(container: Path) -> dict[str, object]:
    """Run the autograder as its script does, with NumPy alone; what it wrote."""
    library = container / "source" / "library"
    results = container / "results" / "results.json"
    results.unlink(missing_ok=True)
    finished = subprocess.run(
        [sys.executable, "-S", "-P", "-m", "chainrule.grading.autograder"],
        env={
            "PATH": os.environ["PATH"],
            "AUTOGRADER_ROOT": str(container),
            "PYTHONPATH": os.pathsep.join([str(library), str(container / "site")]),
            "OPENBLAS_NUM_THREADS": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ""
    found: dict[str, object] = json.loads(results.read_text(encoding="utf-8"))
    return found


def hand_in(container: Path, text: str, name: str = "hw.py") -> None:
    shutil.rmtree(container / "submission")
    (container / "submission").mkdir()
    (container / "submission" / name).write_text(text, encoding="utf-8")


def test_a_right_submission_is_graded_with_numpy_alone(container: Path) -> None:
    hand_in(container, load("momentum").reference_path.read_text(encoding="utf-8"))
    found = run(container)
    assert found["score"] == 9
    assert [test["status"] for test in found["tests"]] == ["passed"] * 4  # type: ignore[attr-defined]


def test_a_wrong_submission_is_told_why(container: Path) -> None:
    text = load("momentum").reference_path.read_text(encoding="utf-8")
    hand_in(container, text.replace("gradient(w + rho * v)", "gradient(w)"))
    found = run(container)
    assert found["score"] == 7.8
    third = found["tests"][2]  # type: ignore[index]
    assert third["status"] == "failed"
    assert "w + ρ v" in third["output"]


def test_a_gradient_is_searched_for_its_cause_with_numpy_alone(tmp_path: Path) -> None:
    container = unpacked("two-layer-gradients", tmp_path)
    text = load("two-layer-gradients").reference_path.read_text(encoding="utf-8")
    hand_in(container, text.replace("dq = (q > 0) * (W2.T @ dp)", "dq = W2.T @ dp"))
    found = run(container)
    assert found["score"] == pytest.approx(14.4)
    assert "G401: activation derivative missing" in found["tests"][3]["output"]  # type: ignore[index]
    with zipfile.ZipFile(container / "autograder.zip") as archive:
        names = archive.namelist()
    assert "library/chainrule/grading/exercises/two_layer_gradients/reference.py" in names
    assert not any("momentum" in name for name in names)
    assert not any("/nn/" in name or "cli.py" in name for name in names)


def test_a_submission_cannot_read_the_seed(container: Path) -> None:
    settings = container / "source" / "settings.json"
    text = load("momentum").reference_path.read_text(encoding="utf-8")
    hand_in(container, text + f"\nopen({str(settings)!r}).read()\n")
    found = run(container)
    assert found["score"] == 9
    assert "may not be read" in str(found["output"])


def test_nothing_handed_in_is_a_result_too(container: Path) -> None:
    shutil.rmtree(container / "submission")
    (container / "submission").mkdir()
    found = run(container)
    assert found["score"] == 0
    assert "hand in momentum.py or momentum.ipynb" in str(found["output"])


def test_the_scripts_are_executable_and_parse(container: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(container / "autograder.zip") as archive:
        modes = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}
    for name in ("setup.sh", "run_autograder"):
        assert modes[name] & 0o111
        checked = subprocess.run(["bash", "-n", str(container / "source" / name)], check=False)
        assert checked.returncode == 0


def test_the_seed_is_secret_unless_it_is_given(tmp_path: Path) -> None:
    exercise = load("schedules")

    def seed(path: Path) -> int:
        with zipfile.ZipFile(path) as archive:
            return int(json.loads(archive.read("settings.json"))["seed"])

    first, second = (seed(package(exercise, tmp_path / name)) for name in ("a.zip", "b.zip"))
    assert first != second
    given = [package(exercise, tmp_path / name, seed=5).read_bytes() for name in ("c.zip", "d.zip")]
    assert given[0] == given[1]


@pytest.mark.parametrize(
    ("files", "chosen"),
    [
        (["hw.py"], "hw.py"),
        (["week/hw.ipynb"], "week/hw.ipynb"),
        (["momentum.py", "helpers.py"], "momentum.py"),
        (["Momentum.ipynb", "x.py", "__MACOSX/._Momentum.ipynb"], "Momentum.ipynb"),
        (["deep-elu.py", ".ipynb_checkpoints/deep-elu.ipynb"], "deep-elu.py"),
    ],
)
def test_the_file_to_grade_is_found(tmp_path: Path, files: list[str], chosen: str) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert find_submission(tmp_path, "momentum") == tmp_path / chosen


def test_several_files_without_the_name_are_refused(tmp_path: Path) -> None:
    for name in ("a.py", "b.py"):
        (tmp_path / name).touch()
    with pytest.raises(GradingError, match=r"not clear which file to grade \(a.py, b.py\)"):
        find_submission(tmp_path, "momentum")


def test_a_zip_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(GradingError, match="cannot be written"):
        package(load("schedules"), tmp_path / "missing" / "a.zip")
