"""The experiment face-masks, small."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the vision extra is not installed")

from chainrule.experiments import registry
from chainrule.experiments.experiment import ExperimentError
from chainrule.experiments.picture_classes import TITLES, plan_of
from chainrule.experiments.runner import run_experiment
from chainrule.reporting.terminal import Terminal
from chainrule.vision.errors import WeightsError


def run(output: Path, data: str, directory: Path | None, **settings: object) -> dict:
    return run_experiment(
        registry.get("face-masks"), output=output, settings=settings, preset="quick", data=data,
        data_directory=directory, seed=0, fresh=False, terminal=Terminal(),
    ).result  # fmt: skip


def test_a_small_run_compares_networks(tmp_path: Path) -> None:
    methods = ("cnn", "cnn-bn-dropout")
    result = run(tmp_path / "run", "embedded", None, pictures=60, epochs=1, width=4,
                 methods=methods)  # fmt: skip
    claims = {claim["id"]: claim for claim in result["claims"]}
    assert claims["counts"]["holds"]
    assert result["values"]["accuracy"].keys() == set(methods)
    page = (tmp_path / "run" / "report.html").read_text()
    assert "<strong>Synthetic</strong> faces" in page
    assert (tmp_path / "run" / "cnn.safetensors").exists()


def test_photographs_that_are_not_there_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CHAINRULE_DATA", raising=False)
    monkeypatch.setattr("chainrule.data.storage._cache_directory", lambda: tmp_path / "cache")
    with pytest.raises(ExperimentError, match=r"There is no folder .*face-masks\. Put photographs"):
        run(tmp_path / "run", "real", tmp_path / "data", methods=("cnn",))


@pytest.mark.parametrize("method", TITLES)
def test_every_method_has_a_plan(method: str) -> None:
    plan = plan_of(method, epochs=3)
    assert plan.epochs == 3
    assert (plan.head == "append") == method.endswith("-append")
    assert (plan.tuning == "none") == ("-f" not in method)


def test_without_weights_the_others_are_trained_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: str, *_: object) -> Path:
        raise WeightsError(f"The weights of {name} are not here.")

    monkeypatch.setattr("chainrule.vision.weights.find_weights", refuse)
    options: dict = {"pictures": 60, "epochs": 1, "width": 4}
    run(tmp_path / "run", "embedded", None, methods=("cnn", "resnet18-frozen"), **options)
    page = (tmp_path / "run" / "report.html").read_text()
    assert "was left out: its weights are not on this computer, and an embedded run" in page
    assert str(Path.home()) not in page
    with pytest.raises(ExperimentError, match="None of the methods could be trained; add cnn"):
        run(tmp_path / "none", "embedded", None, methods=("resnet18-frozen",), **options)
