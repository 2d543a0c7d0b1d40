"""Judge a network on images: loss, accuracy and the probability of each class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from chainrule.vision.errors import VisionError
from chainrule.vision.pipeline import ImageSet
from chainrule.vision.precision import Precision


@dataclass(frozen=True)
class Evaluation:
    """Loss, accuracy and class probabilities, shape (n, classes), of a set."""

    loss: float
    accuracy: float
    probabilities: np.ndarray[Any, Any]


def evaluate(
    model: nn.Module,
    images: ImageSet,
    precision: Precision | None = None,
    device: torch.device | None = None,
    batch_size: int = 500,
) -> Evaluation:
    """Judge a network in evaluation mode, without gradients; its mode is the same afterwards.

    Parameters
    ----------
    model : Module
    images : ImageSet
        Taken as they are, without crops or flips.
    precision : Precision, optional
        float32 if not given.
    device : torch.device, optional
        Where the model is; the CPU if not given.
    batch_size : int
    """
    precision, device = precision or Precision("float32"), device or torch.device("cpu")
    training = model.training
    model.eval()
    losses, probabilities = [], []
    try:
        with torch.inference_mode(), precision.autocast(device):
            for start in range(0, len(images), batch_size):
                chosen = np.arange(start, min(start + batch_size, len(images)))
                pixels, labels = images.batch(chosen, None, device)
                logits = model(pixels.contiguous(memory_format=precision.memory_format)).float()
                losses.append(nn.functional.cross_entropy(logits, labels, reduction="none").cpu())
                probabilities.append(logits.softmax(1).cpu())
    finally:
        model.train(training)
    if not losses:
        raise VisionError("There are no images to judge the network on.")
    found = torch.cat(probabilities).numpy()
    return Evaluation(
        float(torch.cat(losses).double().mean()),
        float(np.mean(found.argmax(1) == images.labels)),
        found,
    )
