"""Training for `cifar10`: the images, and one training as data, done by one process or several."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.data.cifar import CLASSES, load_cifar10
from chainrule.data.shapes import SHAPES, synthetic_shapes

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Images:
    """Images for training, validation (apart from both others) and testing.

    Attributes
    ----------
    train, validation, test : tuple of uint8 array, shape (n, 3, 32, 32), and labels, shape (n,)
    classes : tuple of str
    note : str
        What the images are and what is missing of them.
    """

    train: tuple[Array, Array]
    validation: tuple[Array, Array]
    test: tuple[Array, Array]
    classes: tuple[str, ...]
    note: str


@lru_cache(maxsize=1)
def load_images(
    data: str, directory: str | None, seed: int, train: int, validation: int, test: int
) -> Images:
    """The images of a run; the numbers are how many of each are taken, 0 for all there are.

    The validation images are split from the training images by the seed. `train` subsets the
    training images and `test` the test images: neither touches the other.
    """
    if data == "real":
        whole, judged = (
            load_cifar10(split, directory, partial=split == "train") for split in ("train", "test")
        )
        images, labels, classes = whole.images, whole.labels, CLASSES
        tested, test_labels = judged.images, judged.labels
        note = f"CIFAR-10, {len(images):,} training images from {', '.join(whole.batches)}."
        if whole.missing:
            note += (
                f" **{', '.join(whole.missing)} are missing:** figures are of the part that is "
                "present; `chainrule data cifar10` gets the whole."
            )
    else:
        classes = SHAPES
        images, labels = synthetic_shapes((train or 4000) + validation, seed)
        tested, test_labels = synthetic_shapes(test or 1000, seed + 1)
        note = "**Synthetic** coloured shapes in ten classes, drawn by a seeded generator."
    mixed = np.random.default_rng([seed, 7]).permutation(len(images))
    held, rest = mixed[:validation], mixed[validation:]
    rest = rest[: train or None]
    count = test or None
    return Images(
        (images[rest], labels[rest]),
        (images[held], labels[held]),
        (tested[:count], test_labels[:count]),
        classes,
        note,
    )


def train_network(
    job: dict[str, Any],
    world: Any,
    checkpoint: Path | None = None,
    advance: Callable[[], None] | None = None,
) -> dict[str, Any]:
    """Train one network as `job` says and judge it on the test images.

    Parameters
    ----------
    job : dict
        "images" (arguments of `load_images`), "model", "width", "seed", "settings".
    world : World
        The processes that train it together.
    checkpoint : Path, optional
    advance : callable, optional
        Called after each epoch.

    Returns
    -------
    dict
        "history" (rows), "losses" (one per step in this process), "test_loss", "test_accuracy",
        "confusion" (rows true, columns predicted).
    """
    import torch

    from chainrule.vision.evaluation import evaluate
    from chainrule.vision.models import MODELS
    from chainrule.vision.pipeline import ImageSet
    from chainrule.vision.training import Settings, train

    images = load_images(*job["images"])
    torch.manual_seed(job["seed"])
    make: Any = MODELS[job["model"]]
    model = make(len(images.classes), job["width"])
    losses: list[float] = []
    history = train(
        model,
        ImageSet(*images.train),
        ImageSet(*images.validation, padding=0),
        Settings(**job["settings"]),
        checkpoint=checkpoint,
        world=world,
        on_step=lambda epoch, position, loss: losses.append(loss),
        on_epoch=lambda row: advance() if advance else None,
    )
    test = ImageSet(*images.test, padding=0)
    found = evaluate(model, test, device=world.device)
    classes = len(images.classes)
    cells = test.labels * classes + found.probabilities.argmax(1)
    return {
        "history": [asdict(row) for row in history],
        "losses": losses,
        "test_loss": found.loss,
        "test_accuracy": found.accuracy,
        "confusion": np.bincount(cells, minlength=classes**2).reshape(classes, classes),
    }
