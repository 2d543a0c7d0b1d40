"""Image sets: batches, linear views, training steps of ResNet-18, frozen features.

The opponents are what a user would write: PIL transforms in a DataLoader, scikit-learn, a plain
float32 training step, a loop that runs the frozen network in every epoch. With CHAINRULE_DATA the
images are CIFAR-10's and the photographs; without, drawn ones.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps

from benchmarks.harness import Goal, compare, ratio_goal
from chainrule.data import DataError, load_cifar10
from chainrule.data.faces import synthetic_faces
from chainrule.data.shapes import synthetic_shapes
from chainrule.vision.classify import Plan, train_classifier
from chainrule.vision.embeddings import cca, linear_classifier, moments, pca, subspace_angle
from chainrule.vision.models import MODELS, linear_head, resnet18
from chainrule.vision.pipeline import CIFAR10_DEVIATION, CIFAR10_MEAN, ImageSet
from chainrule.vision.precision import Precision, choose_precision, step_seconds

BATCH = 128


def run() -> list[Goal]:
    """All measurements of this file."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    return [*batches(), *linear_views(), *training_step(), *frozen_features()]


def cifar10(count: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Training images and labels, real where they are present."""
    try:
        found = load_cifar10("train", download=False, partial=True)
    except DataError:
        return synthetic_shapes(count or 20_000)
    return found.images[: count or None], found.labels[: count or None]


class PilImages(torch.utils.data.Dataset):
    """Crop, flip, tensor and normalisation of one image at a time, as in the usual tutorial."""

    def __init__(self, images: np.ndarray, labels: np.ndarray) -> None:
        self.images = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
        self.labels = labels
        self.mean = torch.tensor(CIFAR10_MEAN)[:, None, None]
        self.deviation = torch.tensor(CIFAR10_DEVIATION)[:, None, None]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, number: int) -> tuple[torch.Tensor, int]:
        picture = ImageOps.expand(Image.fromarray(self.images[number]), 4)
        top, left, flip = torch.randint(9, (3,)).tolist()
        picture = picture.crop((left, top, left + 32, top + 32))
        if flip % 2:
            picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        tensor = torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous()
        return (tensor.float().div(255) - self.mean) / self.deviation, int(self.labels[number])


def batches() -> list[Goal]:
    """One pass over 2,560 images in batches of 128."""
    images, labels = cifar10(2560)
    ours, theirs = ImageSet(images, labels), PilImages(images, labels)
    draws = ours.draws(0, 0)
    order = np.random.default_rng(0).permutation(len(ours))

    def from_memory() -> None:
        for start in range(0, len(order), BATCH):
            ours.batch(order[start : start + BATCH], draws)

    def loader(workers: int) -> Callable[[], None]:
        made = torch.utils.data.DataLoader(
            theirs, BATCH, shuffle=True, num_workers=workers, persistent_workers=workers > 0
        )

        def one_pass() -> None:
            for _ in made:
                pass

        return one_pass

    contestants = {"memory": from_memory, "loader": loader(0), "two workers": loader(2)}
    found = compare(contestants, rounds=7, seconds_per_turn=0.2)
    return [
        ratio_goal(found, f"crop, flip, normalise: DataLoader with PIL{what} / from memory",
                   name, "memory", at_least=10)
        for name, what in (("loader", ""), ("two workers", ", two workers"))
    ]  # fmt: skip


_LINEAR = """
import time
from benchmarks.harness import peak_megabytes
from benchmarks.images import cifar10
from chainrule.vision.embeddings import cca, linear_classifier, moments, pca
images, labels = cifar10()
start = time.perf_counter()
found = moments(images, labels)
pca(found).transform(images), cca(found, 2, 1e-9).transform(images)
linear_classifier(found).accuracy(images, labels)
seconds = time.perf_counter() - start
print(seconds, peak_megabytes() / 1024)
"""


def linear_views() -> list[Goal]:
    """PCA, CCA and the linear classifier of the 20,000 images, and equality to scikit-learn."""
    done = subprocess.run(
        [sys.executable, "-c", _LINEAR], capture_output=True, text=True, check=True
    )
    seconds, memory = map(float, done.stdout.split())
    images, labels = cifar10()
    small = images.reshape(-1, 3, 16, 2, 16, 2).mean((3, 5)).astype(np.uint8)
    angles, ours, theirs = _against_scikit_learn(small, labels)
    count = f"{len(images):,} images"
    return [
        _single(f"PCA, CCA, linear classifier of {count}, seconds", seconds, "<= 15", 15),
        _single("the same, peak memory of its process with the images, GB", memory, "<= 2", 2),
        _single("largest subspace angle to scikit-learn (16 × 16), radians", max(angles),
                "<= 0.0001", 1e-4),
        _single("difference in accuracy to scikit-learn (16 × 16)", abs(ours - theirs), "<= 0", 0),
    ]  # fmt: skip


def _against_scikit_learn(
    images: np.ndarray, labels: np.ndarray
) -> tuple[list[float], float, float]:
    from sklearn.cross_decomposition import CCA
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LinearRegression

    x, y = images.reshape(len(images), -1).astype(np.float64), np.eye(10)[labels]
    found = moments(images, labels)
    components = PCA(2, svd_solver="covariance_eigh").fit(x).components_.T
    rotations = CCA(2, scale=False, max_iter=5000, tol=1e-14).fit(x, y).x_rotations_
    regression = LinearRegression().fit(x, y)
    accuracy = float(np.mean(regression.predict(x).argmax(1) == labels))
    angles = [
        subspace_angle(pca(found).axes, components), subspace_angle(cca(found).axes, rotations)
    ]  # fmt: skip
    return angles, linear_classifier(found).accuracy(images, labels), accuracy


def training_step() -> list[Goal]:
    """Forward and backward pass of ResNet-18: what the probe chooses against plain float32."""
    goals = []
    for width, batch, rounds in ((64, int(os.environ.get("BENCH_BATCH", "128")), 3), (16, 128, 5)):
        make: Any = MODELS["cifar-resnet18"]
        model, images = make(width=width), torch.randn(batch, 3, 32, 32)
        labels = torch.randint(0, 10, (batch,))
        chosen = choose_precision("probe", model, images[:64], labels[:64])
        ratios, rates = [], []
        for _ in range(rounds):
            plain = step_seconds(Precision("float32"), model, images, labels, 1)
            seconds = step_seconds(chosen, model, images, labels, 1)
            ratios.append(plain / seconds)
            rates.append(batch / seconds)
        bound = 2 if width == 64 else None
        goals += [
            _spread(f"ResNet-18 width {width}: float32 step / {chosen.name}", ratios, bound),
            _spread(f"ResNet-18 width {width}: images per second", rates),
        ]
    return goals


def frozen_features() -> list[Goal]:
    """Ten epochs of a linear head on a frozen ResNet-18, in seconds of the processor."""
    images, labels = synthetic_faces(640, size=64)
    parts = (images[:512], labels[:512]), (images[512:], labels[512:])
    import tempfile
    from pathlib import Path

    from safetensors.torch import save_file

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.safetensors"
        save_file(resnet18().state_dict(), path)
        plan = Plan("resnet18", "frozen", head_epochs=10, precision="probe")
        start = time.process_time()
        train_classifier(plan, *parts, 2, weights=path)
        cached = time.process_time() - start
    start = time.process_time()
    _every_epoch(parts)
    every = time.process_time() - start
    statement = "frozen ResNet-18, 10 epochs: backbone every epoch / cached"
    return [_spread(statement, [every / cached], 5)]


def _every_epoch(parts: Any) -> None:
    """The tutorial's loop: the frozen network runs on every batch of every epoch."""
    model: Any = linear_head(resnet18(), 2)
    model.requires_grad_(False)
    model.fc.requires_grad_(True)
    model.eval()
    optimizer = torch.optim.Adam(model.fc.parameters(), 3e-3)
    training, held = (ImageSet(*part, padding=4) for part in parts)
    for epoch in range(10):
        draws = training.draws(0, epoch)
        for start in range(0, len(training), 32):
            x, y = training.batch(np.arange(start, start + 32), draws)
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(x.contiguous()), y).backward()
            optimizer.step()
        with torch.inference_mode():
            model(held.batch(np.arange(len(held)))[0].contiguous())


def _single(statement: str, value: float, bound: str, limit: float) -> Goal:
    return Goal(statement, value, value, value, bound, value <= limit)


def _spread(statement: str, values: list[float], at_least: float | None = None) -> Goal:
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75]).tolist()
    if at_least is None:
        return Goal(statement, middle, low, high)
    return Goal(statement, middle, low, high, f">= {at_least:g}", middle >= at_least)
