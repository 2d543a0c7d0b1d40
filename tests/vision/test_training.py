"""Training: learns, repeats, resumes bit for bit; evaluation leaves the network as it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.data.shapes import synthetic_shapes
from chainrule.vision.errors import VisionError, WeightsError

pytest.importorskip("torch", reason="the vision extra is not installed")
import torch

from chainrule.vision import training
from chainrule.vision.checkpoints import load_checkpoint, save_checkpoint
from chainrule.vision.evaluation import evaluate
from chainrule.vision.models import cifar_resnet18, small_cnn
from chainrule.vision.pipeline import ImageSet, order
from chainrule.vision.precision import PRECISIONS, choose_precision
from chainrule.vision.training import Settings, train

IMAGES, LABELS = synthetic_shapes(192, seed=1, size=16)
TRAIN, VALIDATION = ImageSet(IMAGES, LABELS, padding=2), ImageSet(IMAGES[:60], LABELS[:60])
SETTINGS = Settings(epochs=2, batch_size=50, rate=0.05, seed=3)


def network(seed: int = 0, dropout: float = 0.3) -> torch.nn.Module:
    torch.manual_seed(seed)
    return small_cnn(10, 4, normalise=True, dropout=dropout)


def values(model: torch.nn.Module) -> dict[str, np.ndarray]:
    return {name: value.numpy().copy() for name, value in model.state_dict().items()}


def assert_equal(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> None:
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        # theory.md, S2-4e: .01 · .99³⁹¹ after an epoch of 391 batches; the special scheme with
        # epochs = 4 at progress 0, .5, 1, 2, 3, 4, 5, 9, 10.
        ("annealed", {0: 0.0099, 390: 1.965e-4}),
        ("constant", {0: 0.01, 1000: 0.01}),
    ],
)
def test_schemes_have_the_values_of_the_assignment(scheme: str, expected: dict[int, float]) -> None:
    schedule = Settings(scheme=scheme, rate=0.01).schedule(391)
    for step, rate in expected.items():
        assert schedule(step) == pytest.approx(rate, rel=1e-3)


def test_the_special_scheme_is_a_triangle_and_a_tail() -> None:
    schedule = Settings(scheme="special", rate=0.1, special_epochs=4).schedule(10)
    rates = [schedule(int(10 * p)) for p in (0, 0.5, 1, 2, 3, 4, 5, 9, 10)]
    np.testing.assert_allclose(
        rates, [0, 0.025, 0.05, 0.1, 0.0525, 0.005, 0.004, 0, 0.0005], atol=1e-12
    )


def test_a_network_learns_shapes() -> None:
    images, labels = synthetic_shapes(600, seed=1, size=16)
    data = ImageSet(images, labels, padding=2)
    seen: list[Any] = []
    torch.manual_seed(0)
    model = small_cnn(10, 8, normalise=True)
    settings = Settings(epochs=8, batch_size=50, rate=5e-3, optimizer="adam", augment=False)
    history = train(model, data, VALIDATION, settings, on_epoch=seen.append)
    assert [row.epoch for row in history] == list(range(1, 9))
    assert seen == history
    assert history[-1].validation_accuracy > 0.3
    assert history[-1].train_accuracy > 0.8 > 0.4 > history[0].train_accuracy


class Stop(Exception):
    pass


def test_a_stopped_run_resumes_bit_for_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped within an epoch, and between two; order, crops, dropout, momentum, statistics."""
    whole = network()
    expected = train(whole, TRAIN, VALIDATION, SETTINGS)
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    path = tmp_path / "checkpoint"

    def stop_at(epoch: int, position: int) -> Any:
        def on_step(*now: Any) -> None:
            if now[:2] >= (epoch, position):
                raise Stop

        return on_step

    for epoch, position in ((0, 96), (1, 1), (1, 144)):
        model = network(9 if path.exists() else 0)
        with pytest.raises(Stop):
            train(model, TRAIN, VALIDATION, SETTINGS, checkpoint=path,
                  on_step=stop_at(epoch, position))  # fmt: skip
    resumed = network(9)
    found = train(resumed, TRAIN, VALIDATION, SETTINGS, checkpoint=path)
    assert_equal(values(resumed), values(whole))
    assert [replace(row, seconds=0) for row in found] == [
        replace(row, seconds=0) for row in expected
    ]
    finished = train(network(9), TRAIN, VALIDATION, SETTINGS, checkpoint=path)
    assert finished == found


def test_the_same_seed_gives_the_same_numbers_and_another_one_others() -> None:
    models = [network() for _ in range(3)]
    for model, seed in zip(models, (1, 1, 2), strict=True):
        train(model, TRAIN, VALIDATION, replace(SETTINGS, epochs=1, seed=seed))
    assert_equal(values(models[0]), values(models[1]))
    assert np.any(values(models[0])["0.weight"] != values(models[2])["0.weight"])


def test_one_step_is_that_of_pytorch() -> None:
    model, other = network(dropout=0), network(dropout=0)
    settings = replace(
        SETTINGS, epochs=1, batch_size=192, augment=False, scheme="constant", precision="float32"
    )
    train(model, TRAIN, VALIDATION, settings)
    optimizer = torch.optim.SGD(other.parameters(), 0.05, momentum=0.9, weight_decay=5e-4)
    images, labels = TRAIN.batch(order(192, SETTINGS.seed, 0))
    images = images.contiguous()  # the same sums in the same order
    torch.nn.functional.cross_entropy(other.train()(images), labels).backward()
    optimizer.step()
    for name, value in values(other).items():
        np.testing.assert_allclose(values(model)[name], value, atol=2e-6, err_msg=name)


def test_evaluation_neither_learns_nor_draws() -> None:
    model = network().train()
    before = values(model)
    first, second = evaluate(model, VALIDATION), evaluate(model, VALIDATION, batch_size=7)
    assert_equal(before, values(model))
    assert model.training
    assert first.accuracy == second.accuracy
    assert first.loss == pytest.approx(second.loss, rel=1e-6)
    np.testing.assert_allclose(first.probabilities.sum(1), 1, atol=1e-6)
    chance = first.probabilities[np.arange(60), VALIDATION.labels]
    assert first.loss == pytest.approx(-np.log(chance).mean(), rel=1e-5)


def test_frozen_parameters_and_shares_of_the_rate() -> None:
    model = network(dropout=0)
    model[0].requires_grad_(False)
    model[4].rate_share = 0.0  # type: ignore[assignment]
    before = values(model)
    train(model, TRAIN, VALIDATION, replace(SETTINGS, epochs=1))
    after = values(model)
    np.testing.assert_array_equal(before["0.weight"], after["0.weight"])
    np.testing.assert_array_equal(before["4.weight"], after["4.weight"])
    assert np.any(before["8.weight"] != after["8.weight"])


@pytest.mark.parametrize("precision", [p.name for p in PRECISIONS] + ["probe"])
def test_every_precision_trains(precision: str) -> None:
    model = network(dropout=0)
    row = train(model, TRAIN, VALIDATION, replace(SETTINGS, epochs=1, precision=precision))[0]
    assert row.train_loss == pytest.approx(2.5, abs=0.5)
    assert {value.dtype for value in model.parameters()} == {torch.float32}


def test_the_probe_leaves_the_network_as_it_is() -> None:
    model = network().train()
    before = values(model)
    found = choose_precision("probe", model, *TRAIN.batch(np.arange(8)))
    assert found in PRECISIONS
    assert_equal(before, values(model))
    with pytest.raises(VisionError, match="precision is 'half'; expected 'probe', 'float32'"):
        choose_precision("half", model, *TRAIN.batch(np.arange(8)))


def test_adam_resumes_with_its_moments(tmp_path: Path) -> None:
    settings = replace(SETTINGS, optimizer="adam", rate=1e-3)
    whole, part = network(), network()
    train(whole, TRAIN, VALIDATION, settings)
    path = tmp_path / "checkpoint"

    def stop(row: Any) -> None:
        raise Stop

    with pytest.raises(Stop):
        train(part, TRAIN, VALIDATION, settings, checkpoint=path, on_epoch=stop)
    resumed = network(5)
    train(resumed, TRAIN, VALIDATION, settings, checkpoint=path)
    assert_equal(values(resumed), values(whole))


def test_checkpoints_of_other_settings_or_networks_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    train(network(), TRAIN, VALIDATION, replace(SETTINGS, epochs=1), checkpoint=path)
    with pytest.raises(VisionError, match=r"made with rate = 0\.05 and this run has 0\.5"):
        train(network(), TRAIN, VALIDATION, replace(SETTINGS, epochs=1, rate=0.5), checkpoint=path)
    with pytest.raises(WeightsError, match=r"another architecture .* it has no conv1\.weight"):
        load_checkpoint(path, cifar_resnet18(width=4))
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(VisionError, match=r"not a whole checkpoint .* Delete it to begin anew"):
        load_checkpoint(path, network())
    with pytest.raises(VisionError, match="cannot be written"):
        save_checkpoint(tmp_path / "none" / "checkpoint", network(), None, {})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"scheme": "cosine"}, "scheme is 'cosine'; expected constant, annealed"),
        ({"optimizer": "lion"}, "optimizer is 'lion'; expected 'sgd' or 'adam'"),
        ({"epochs": 0}, "0 epochs of batches of 50 cannot be trained"),
        ({"batch_size": 0}, "batches of 0 cannot be trained"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(VisionError, match=reason):
        replace(SETTINGS, **change)


class Hungry(torch.nn.Module):
    """Runs out of memory with more images than `most`."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most, self.network = most, network()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if self.training and len(images) > self.most:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate")
        return self.network(images)


@pytest.mark.parametrize(
    ("most", "reason"),
    [
        (20, "batch of 48 images does not fit into memory; 12 fit. Set the batch size to 12"),
        (0, "batch of 48 images does not fit into memory, nor does a single one. Choose smaller"),
    ],
)
def test_a_batch_that_does_not_fit_names_the_size_that_does(most: int, reason: str) -> None:
    with pytest.raises(VisionError, match=reason):
        train(Hungry(most), TRAIN, VALIDATION, SETTINGS)


def test_other_errors_are_not_taken_for_memory() -> None:
    with pytest.raises(RuntimeError, match="expected input"):
        train(torch.nn.Conv2d(5, 5, 1), TRAIN, VALIDATION, SETTINGS)


def test_a_loss_that_is_not_finite_stops_the_run() -> None:
    settings = replace(SETTINGS, rate=1e12, scheme="constant", epochs=3)
    with pytest.raises(VisionError, match=r"not finite in epoch .* smaller rate than 1e\+12"):
        train(network(dropout=0), TRAIN, VALIDATION, settings)
    with pytest.raises(VisionError, match="no images to judge"):
        evaluate(network(), ImageSet(IMAGES[:0], LABELS[:0]))
