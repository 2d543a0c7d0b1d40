"""Classifiers: what is frozen stays frozen, both heads, exports that predict the same."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from chainrule.cli import main
from chainrule.data.faces import FACES, synthetic_faces
from chainrule.reporting.lock import FolderLock
from chainrule.vision.errors import PictureError, VisionError, WeightsError

pytest.importorskip("torch", reason="the vision extra is not installed")

import torch
from safetensors.torch import save_file

from chainrule.vision.classify import (
    FeatureSet,
    Plan,
    StillStatistics,
    features,
    image_set,
    load_classifier,
    save_classifier,
    train_classifier,
)
from chainrule.vision.models import linear_head, resnet18
from chainrule.vision.pipeline import Draws

IMAGES, LABELS = synthetic_faces(60, seed=1, size=32)
TRAIN, HELD = (IMAGES[:44], LABELS[:44]), (IMAGES[44:], LABELS[44:])
FROZEN = Plan("resnet18", "frozen", head_epochs=8, epochs=1, batch_size=11, precision="float32")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of a ResNet-18 with statistics that are not those of a fresh one."""
    torch.manual_seed(5)
    model = resnet18()
    for name, value in model.state_dict().items():
        if "running" in name:
            value += 0.1 * torch.rand_like(value)
    path = tmp_path_factory.mktemp("weights") / "resnet18.safetensors"
    save_file(model.state_dict(), path)
    return path


def fit(plan: Plan, **options: Any) -> Any:
    return train_classifier(plan, TRAIN, HELD, 2, **options)


@pytest.mark.parametrize("head", ["replace", "append"])
def test_a_frozen_backbone_does_not_move_and_its_features_are_cached(
    weights: Path, head: str
) -> None:
    plan = replace(FROZEN, head=head)
    trained = fit(plan, weights=weights)
    before = resnet18()
    from chainrule.vision.weights import apply_weights, read_weights

    apply_weights(before, read_weights(weights), weights)
    after = trained.model.state_dict()
    for name, value in before.state_dict().items():
        if head == "append":
            name_after = name.replace("fc.", "fc.0.")
        elif name.startswith("fc."):
            continue
        else:
            name_after = name
        np.testing.assert_array_equal(after[name_after], value, err_msg=name)
    assert len(trained.history) == 8
    assert trained.history[-1].train_loss < trained.history[0].train_loss
    new = trained.model.fc if head == "replace" else trained.model.fc[1]
    assert sum(p.numel() for p in new.parameters()) == {"replace": 1026, "append": 2002}[head]
    # The head on cached features is the whole network on the pictures.
    with torch.inference_mode():
        pixels, _ = image_set(*HELD).batch(np.arange(16))
        logits = trained.model(pixels).softmax(1)
    np.testing.assert_allclose(trained.validation.probabilities, logits, atol=1e-5)
    assert trained.history[-1].validation_accuracy == trained.validation.accuracy


def test_features_of_mirrored_pictures_are_those_of_mirrored_pictures(weights: Path) -> None:
    model = linear_head(resnet18().eval(), 2)
    plain, mirrored = features(model, IMAGES[:6], FROZEN)
    again, _ = features(model, IMAGES[:6][:, :, :, ::-1].copy(), FROZEN)
    np.testing.assert_allclose(mirrored, again, atol=1e-5)
    data = FeatureSet(plain, mirrored, LABELS[:6])
    zeros = np.zeros(6, int)
    found, labels = data.batch(np.array([4, 1]), Draws(zeros, zeros, np.array([0, 1, 0, 0, 0, 0])))
    np.testing.assert_array_equal(found, torch.stack([plain[4], mirrored[1]]))
    np.testing.assert_array_equal(labels, LABELS[[4, 1]])


def test_fine_tuning_moves_everything_but_the_statistics(weights: Path) -> None:
    frozen, tuned = fit(FROZEN, weights=weights), fit(replace(FROZEN, tuning="fine-tune"),
                                                      weights=weights)  # fmt: skip
    before, after = frozen.model.state_dict(), tuned.model.state_dict()
    for name, value in before.items():
        same = bool((after[name] == value).all())
        assert same == ("running" in name or "tracked" in name), name
    assert [row.epoch for row in tuned.history] == list(range(1, 10))
    apart = [float((after[f"{part}.weight"] - before[f"{part}.weight"]).abs().max())
             for part in ("conv1", "fc")]  # fmt: skip
    assert apart[0] < 0.3 * apart[1]


def test_still_statistics_survive_training_mode() -> None:
    network = resnet18(2)
    still = StillStatistics(network).train()
    assert network.training
    assert not network.bn1.training
    before = network.bn1.running_mean.clone()
    still(torch.randn(4, 3, 32, 32))
    np.testing.assert_array_equal(network.bn1.running_mean, before)


@pytest.mark.parametrize("network", ["cnn", "cnn-bn-dropout", "resnet18"])
def test_an_exported_network_predicts_as_the_trained_one(network: str, tmp_path: Path) -> None:
    plan = Plan(network, epochs=1, width=4, batch_size=22, precision="float32")
    trained = fit(plan)
    path = tmp_path / "model.safetensors"
    save_classifier(path, trained.model, plan, FACES, 32, trained.validation.accuracy)
    loaded = load_classifier(path)
    assert (loaded.classes, loaded.size) == (FACES, 32)
    found = loaded.probabilities(HELD[0])
    np.testing.assert_allclose(found, trained.validation.probabilities, atol=1e-6)
    Image.fromarray(HELD[0][3].transpose(1, 2, 0)).save(tmp_path / "face.png")
    answer = loaded.predict(tmp_path / "face.png")
    np.testing.assert_allclose(list(answer.values()), found[3], atol=1e-6)
    assert list(answer) == list(FACES)
    (tmp_path / "none.png").write_text("x")
    with pytest.raises(PictureError, match="not a picture"):
        loaded.predict(tmp_path / "none.png")


def test_plans_and_files_that_cannot_be_used(tmp_path: Path, weights: Path) -> None:
    with pytest.raises(VisionError, match="network is 'vgg'; expected one of cnn"):
        Plan("vgg")
    with pytest.raises(VisionError, match="tuning is 'half'; expected one of none, frozen"):
        Plan("resnet18", "half")
    with pytest.raises(VisionError, match="no pretrained weights of 'cnn'; use a resnet"):
        Plan("cnn", "frozen")
    with pytest.raises(VisionError, match="have 8 pixels a side; at least 16"):
        train_classifier(Plan(), (IMAGES[:, :, :8, :8], LABELS), HELD, 2)
    with pytest.raises(WeightsError, match=r"another architecture .* layer1.2.conv1.weight"):
        fit(replace(FROZEN, network="resnet34"), weights=weights)
    for name, content in {"none": None, "text": b"x", "weights": weights.read_bytes()}.items():
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(VisionError, match=r"is not a classifier .* `chainrule classify train"):
            load_classifier(path)
    with pytest.raises(VisionError, match="cannot be written"):
        save_classifier(tmp_path / "no" / "model", resnet18(), Plan(), FACES, 32, 0.5)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("chainrule.vision.folders._user_cache", lambda: tmp_path / "cache")
    monkeypatch.chdir(tmp_path)
    for number, (image, label) in enumerate(zip(IMAGES, LABELS, strict=True)):
        path = tmp_path / "photos" / FACES[label] / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.transpose(1, 2, 0)).save(path)
    (tmp_path / "photos" / FACES[0] / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    return tmp_path / "photos"


def test_the_command_trains_exports_and_predicts(
    folder: Path, capsys: pytest.CaptureFixture[str], weights: Path
) -> None:
    words = ["classify", "train", "photos", "--size", "32", "--epochs", "1", "--head-epochs", "2",
             "--precision", "float32", "--methods", "cnn,resnet18-frozen",
             "--weights", str(weights), "--offline"]  # fmt: skip
    assert main(words) == 0
    captured = capsys.readouterr()
    assert "skipped with_mask/broken.jpg" in captured.err
    assert "1 file was skipped." in captured.err
    run = Path("runs") / "classify-photos"
    page = (run / "report.html").read_text()
    assert "with_mask/broken.jpg" in page
    assert "chainrule classify train photos --seed 0" in page
    number = len(json.loads((run / "result.json").read_text())["values"]["accuracy"])
    assert f"chosen as the best of {number} by these very pictures" in page
    assert re.search(
        r"Right for \d+ of \d+ pictures</strong> that took no part in the training", page
    )
    assert "preset</li>" not in page
    assert "Embedded" not in page
    assert {path.stem for path in run.glob("*.svg")} >= {"pictures", "curves", "confusion"}
    assert main([*words, "--json"]) == 0  # finished: shown again, nothing trained
    result = json.loads(capsys.readouterr().out)
    assert result["accuracy"].keys() == {"cnn", "resnet18-frozen"}
    assert result["skipped"][0][0] == "with_mask/broken.jpg"
    model = str(run / "cnn.safetensors")
    picture = str(next((folder / FACES[1]).glob("*.png")))
    assert main(["classify", "predict", model, picture, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)[0]
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    broken = str(folder / FACES[0] / "broken.jpg")
    assert main(["classify", "predict", model, broken, picture]) == 1
    captured = capsys.readouterr()
    assert "broken.jpg" in captured.err
    assert picture in captured.out.replace("\n", "") or "png" in captured.out


def test_missing_weights_are_said_before_anything_is_trained(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    for name in ("CHAINRULE_DATA", "TORCH_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "nothing"))
    monkeypatch.setattr("chainrule.data.storage._cache_directory", lambda: tmp_path / "cache")
    words = ["classify", "train", "photos", "--offline", "--methods", "cnn,resnet18-frozen"]
    assert main(words) == 2
    assert "The weights of resnet18 are not there. Put resnet18-" in capsys.readouterr().err
    # What is trained without --weights could not be continued with it.
    assert not (Path("runs") / "classify-photos").exists()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["train", "nowhere"], "There is no folder nowhere"),
        (["train", "photos", "--methods", "vgg"], "'methods' cannot be 'vgg'"),
        (["train", "photos", "--size", "4"], "'size' cannot be 4"),
        (["train", "photos", "--precision", "half"], "precision is 'half'"),
        (["predict", "nothing", "x.png"], "nothing is not a classifier"),
    ],
)
def test_a_mistake_is_one_line(
    words: list[str], reason: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if "--methods" not in words:
        words = [*words, *(["--methods", "cnn"] if words[0] == "train" else [])]
    assert main(["classify", *words]) == 2
    error = capsys.readouterr().err.strip()
    assert reason in error
    assert "Traceback" not in error
    assert not (Path("runs") / "classify-photos").exists()


def test_a_second_training_in_the_same_folder_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Path("runs") / "classify-photos"
    run.mkdir(parents=True)
    with FolderLock(run):
        assert main(["classify", "train", "photos", "--methods", "cnn", "--size", "32"]) == 2
    assert capsys.readouterr().err == (
        f"chainrule: Another process is running in {run}. Wait for it to finish, or choose another "
        "folder with --output.\n"
    )
    assert [path.name for path in run.iterdir()] == [".lock"]


@pytest.mark.parametrize("damage", ["one class", "empty class", "one picture", "none readable"])
def test_a_refused_training_leaves_no_folder_behind(
    damage: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = sorted((folder / FACES[1]).iterdir())
    for path in files[damage == "one picture" :]:
        path.write_bytes(b"") if damage == "none readable" else path.unlink()
    if damage == "one class":
        (folder / FACES[1]).rmdir()
    words = ["classify", "train", "photos", "--methods", "cnn", "--size", "32", "--epochs", "1"]
    assert main(words) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1, error
    assert "Internal error" not in error
    assert not (Path("runs") / "classify-photos").exists()
