"""The page of measurements: runs add up, what is missed is said, and no computer is named."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from benchmarks import page
from benchmarks.__main__ import main
from benchmarks.harness import Goal

MET = Goal("eager / hand-written", 2.5, 2.25, 2.75, "<= 3", True)
MISSED = Goal("our a|b / theirs", np.float64(0.5), 0.4, 0.6, ">= 1", np.bool(False))  # type: ignore[arg-type]
PLAIN = Goal("trials in one store", 1234567.0, 1234567.0, 1234567.0)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run measurements of given figures: ``run(search=[...])`` returns the page afterwards."""
    monkeypatch.setattr(page, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr(page, "PAGE", tmp_path / "performance.md")
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(variable, "1")

    def run_(*options: str, **figures: list[Goal]) -> str:
        for name, goals in figures.items():
            module = ModuleType(f"benchmarks.{name}", f"What {name} measures.")
            module.run = lambda goals=goals: goals  # type: ignore[attr-defined]
            monkeypatch.setitem(sys.modules, module.__name__, module)
        assert main([*figures, *(options or ["--page"])]) == 0
        return page.PAGE.read_text(encoding="utf-8") if page.PAGE.exists() else ""

    return run_


def test_a_partial_run_replaces_its_own_section_only(run: Any) -> None:
    run(search=[PLAIN], engine=[MISSED])
    text = run(engine=[MET])
    assert text.index("## Engine") < text.index("## Search"), "the order is not that of the runs"
    assert "What search measures." in text
    assert "| eager / hand-written | 2.5 | 2.25 … 2.75 | ≤ 3 | met |" in text
    assert "| trials in one store | 1234567 |  |  |  |" in text
    assert "theirs" not in text


def test_what_is_not_met_stands_at_the_top(run: Any) -> None:
    text = run(engine=[MET, MISSED], search=[PLAIN])
    assert "3 figures, 2 of them with a bound that was set before: 1 met, 1 not met:" in text
    assert "- not met: our a\\|b / theirs: 0.5, ≥ 1" in text.split("## ")[0]
    assert "| our a\\|b / theirs | 0.5 | 0.4 … 0.6 | ≥ 1 | **not met** |" in text


def test_the_page_says_how_it_was_measured_and_names_no_computer(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (0.1, 0.1, 0.1))
    text = run(engine=[MET])
    assert f"{os.cpu_count()} cores, 1 thread of linear algebra, Python 3." in text
    assert f"numpy {np.__version__}" in text
    assert "python -m benchmarks engine --page" in text
    assert "busy" not in text
    assert socket.gethostname() not in text
    assert str(Path.home()) not in text
    monkeypatch.setattr(os, "getloadavg", lambda: (1.75, 0.1, 0.1))
    assert "busy with other work when the run began (load 1.75)" in run(engine=[MET])


def test_without_the_option_nothing_is_written(run: Any) -> None:
    assert run("--threads", "1", engine=[MET]) == ""


def test_a_missing_library_is_said_before_anything_is_measured(
    run: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(name: str) -> ModuleType:
        raise ModuleNotFoundError("No module named 'rival'", name="rival")

    monkeypatch.setattr("benchmarks.__main__.importlib.import_module", missing)
    with pytest.raises(SystemExit) as stopped:
        main(["engine", "--page"])
    assert stopped.value.code == 2
    assert "the measurement engine needs rival, which is not installed" in capsys.readouterr().err
    assert not page.PAGE.exists()
