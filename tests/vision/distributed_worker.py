"""What each of several processes does in the tests of distributed training."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from chainrule.data.shapes import synthetic_shapes
from chainrule.vision.distributed import join, leave
from chainrule.vision.models import small_cnn
from chainrule.vision.pipeline import ImageSet
from chainrule.vision.training import Settings, train


def network(normalise: bool) -> torch.nn.Module:
    torch.manual_seed(0)
    return small_cnn(10, 4, normalise=normalise)


def sets() -> tuple[ImageSet, ImageSet]:
    images, labels = synthetic_shapes(93, seed=1, size=16)
    return ImageSet(images, labels, padding=2), ImageSet(images[:20], labels[:20])


def settings(**changes: Any) -> Settings:
    base: dict[str, Any] = {"epochs": 2, "batch_size": 16, "rate": 0.02, "scheme": "constant"}
    return Settings(**(base | {"precision": "float32"} | changes))


def main() -> None:
    """Arguments: folder, and a JSON of "normalise", "settings", "die_at" ([epoch, position])."""
    folder, options = Path(sys.argv[1]), json.loads(sys.argv[2])
    torch.set_num_threads(1)
    world = join()
    model = network(options.get("normalise", False))

    def on_step(epoch: int, position: int, loss: float) -> None:
        if [epoch, position] == options.get("die_at") and world.rank == 1:
            os._exit(9)  # as when the machine is switched off

    history = train(
        model, *sets(), settings(**options.get("settings", {})),
        checkpoint=folder / "checkpoint", world=world, on_step=on_step,
    )  # fmt: skip
    found = {name: value.numpy() for name, value in model.state_dict().items()}
    gradients = {f"gradient {n}": p.grad.numpy() for n, p in model.named_parameters()}  # type: ignore[union-attr]
    accuracy = np.array([row.train_accuracy for row in history])
    np.savez(folder / f"rank{world.rank}.npz", accuracy=accuracy, **found, **gradients)
    leave()


if __name__ == "__main__":
    main()
