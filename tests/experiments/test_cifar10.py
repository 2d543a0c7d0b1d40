"""The experiment cifar10, small: its claims, its resumed trainings, its data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.cli import main
from chainrule.experiments.cifar10_training import load_images
from chainrule.experiments.torchrun_helpers import help_out, is_helper

SMALL = {
    "width": 2, "images": 120, "validation": 20, "test": 60, "epochs": 1, "long_epochs": 1,
    "batch_size": 40,
}  # fmt: skip


def test_a_small_run_makes_its_claims_and_figures(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="the vision extra is not installed")
    from chainrule.experiments import registry
    from chainrule.experiments.runner import run_experiment
    from chainrule.reporting.terminal import Terminal

    outcome = run_experiment(
        registry.get("cifar10"), output=tmp_path / "run", settings=SMALL, preset="quick",
        data="embedded", data_directory=None, seed=0, fresh=False, terminal=Terminal(),
    )  # fmt: skip
    claims = {claim["id"]: claim for claim in outcome.result["claims"]}
    for exact in ("c-parameters", "d-views", "e-special", "e-annealed"):
        assert claims[exact]["holds"], claims[exact]
    assert {"a-cca-separates", "b-linear", "e-learns", "f-accuracy"} < claims.keys()
    names = {Path(path).stem for path in outcome.result["figures"]}
    assert {"embeddings", "network", "views", "rates", "scheme-curves", "confusion"} <= names
    page = (tmp_path / "run" / "report.html").read_text()
    assert "<strong>Synthetic</strong>" in page
    assert (tmp_path / "run" / "longer.checkpoint").exists()


def test_subsets_are_of_what_they_say_and_apart() -> None:
    whole = load_images("embedded", None, 3, 100, 30, 50)
    assert [len(part[0]) for part in (whole.train, whole.validation, whole.test)] == [100, 30, 50]
    fewer = load_images("embedded", None, 3, 100, 30, 20)
    np.testing.assert_array_equal(fewer.train[0], whole.train[0])
    assert len(fewer.test[0]) == 20
    seen = {image.tobytes() for image in whole.train[0]}
    assert not seen & {image.tobytes() for image in (*whole.validation[0], *whole.test[0])}


def test_real_images_say_what_is_missing(real_data: Path) -> None:
    images = load_images("real", str(real_data), 0, 0, 1000, 0)
    assert (len(images.train[0]) + 1000) % 10_000 == 0
    assert len(images.test[0]) == 10_000
    if "missing" in images.note:
        assert "`chainrule data cifar10` gets the whole" in images.note


def test_other_processes_of_torchrun_only_help(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path
) -> None:
    assert not is_helper()
    monkeypatch.setenv("RANK", "1")
    assert not is_helper()
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "x")
    assert is_helper()
    monkeypatch.chdir(tmp_path)
    assert main(["run", "vector-calculus"]) == 0
    assert capsys.readouterr().out == ""
    assert list(tmp_path.iterdir()) == []
    help_out("parity")
