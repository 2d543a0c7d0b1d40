"""The experiment fashion-mnist: its claims hold, and fail when what they are about is wrong."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import load_file
from tests.experiments.pages import claims_of, not_held

from chainrule.experiments import fashion_mnist as experiment
from chainrule.experiments.experiment import ExperimentError

SMALL = {"epochs": 3, "hidden": (16,)}


def test_every_claim_of_the_quick_preset_holds(tmp_path):
    claims = claims_of(experiment.EXPERIMENT, tmp_path / "run")
    assert not_held(claims) == []
    assert set(claims) == {
        "parameters", "accuracy", "falls", "sums", "per-sample", "confusion",
    }  # fmt: skip
    names = {path.stem for path in (tmp_path / "run").glob("*.svg")}
    assert names == {"curves", "probabilities", "confusion"}
    arrays = load_file(tmp_path / "run" / "network.safetensors")
    assert arrays["linear1.W"].shape == (256, 64)
    page = (tmp_path / "run" / "report.html").read_text()
    assert "1437 training and 360 test images" in page


def test_on_a_few_clothes(tmp_path, real_data):
    claims = claims_of(
        experiment.EXPERIMENT,
        tmp_path / "run",
        data="real",
        data_directory=real_data,
        settings={"images": 3000, "epochs": 3, "batch_size": 64},
    )
    assert not_held(claims) == ["accuracy"]
    assert claims["accuracy"]["holds"] is None  # not decided: the network saw a twentieth
    assert claims["parameters"]["measured"] == 242_762


@pytest.mark.parametrize(
    ("change", "failing"),
    [
        (lambda found: {**found, "parameters": found["parameters"] + 1}, {"parameters"}),
        (
            lambda found: {
                **found, "log_probabilities": np.array(found["log_probabilities"]) + 0.01
            },
            {"sums", "per-sample"},
        ),
        (
            lambda found: {
                **found, "log_probabilities": np.array(found["log_probabilities"])[:, ::-1]
            },
            {"per-sample", "confusion"},
        ),
    ],
)  # fmt: skip
def test_a_wrong_figure_fails_the_claims_about_it(tmp_path, monkeypatch, change, failing):
    train = experiment.train
    monkeypatch.setattr(experiment, "train", lambda run, images: change(train(run, images)))
    claims = claims_of(experiment.EXPERIMENT, tmp_path / "run", settings=SMALL)
    assert set(not_held(claims)) - {"accuracy"} == failing


def test_a_network_that_does_not_learn_fails(tmp_path):
    settings = {**SMALL, "learning_rate": 1e-9}
    claims = claims_of(experiment.EXPERIMENT, tmp_path / "run", settings=settings)
    assert "accuracy" in not_held(claims)


def test_the_images_shown_are_a_random_one_the_least_certain_and_the_surest_mistake():
    p = np.array([[0.9, 0.1], [0.55, 0.45], [0.2, 0.8], [0.99, 0.01], [0.4, 0.6]])
    labels = np.array([0, 0, 0, 0, 0])
    chosen = experiment.choose(np.log(p), labels, np.random.default_rng(0))
    assert chosen[1:] == [1, 2]
    assert chosen[0] in {0, 3, 4}
    chosen = experiment.choose(np.log(p), p.argmax(axis=1), np.random.default_rng(0))
    assert chosen[1] == 1
    assert len(set(chosen)) == 3


def test_too_few_images_are_refused(tmp_path):
    with pytest.raises(ExperimentError, match="first 5 images do not show all 10 classes"):
        claims_of(experiment.EXPERIMENT, tmp_path / "run", settings={"images": 5})
