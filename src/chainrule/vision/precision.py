"""Number format and memory order for training, chosen by a short probe on this machine.

bfloat16 is twice as fast on some processors and many times slower on others for some shapes
(https://github.com/pytorch/pytorch/issues/183815), so it is measured and never assumed.
"""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from chainrule.vision.errors import VisionError


@dataclass(frozen=True)
class Precision:
    """How a network computes.

    Attributes
    ----------
    name : {"float32", "float32 channels-last", "bfloat16"}
        The last is also channels-last; parameters and their updates stay float32.
    """

    name: str

    @property
    def memory_format(self) -> torch.memory_format:
        """Memory order of images and of the parameters of convolutions."""
        return torch.contiguous_format if self.name == "float32" else torch.channels_last

    def autocast(self, device: torch.device) -> torch.autocast:
        """Context in which the network and its loss are computed."""
        return torch.autocast(device.type, torch.bfloat16, enabled=self.name == "bfloat16")


PRECISIONS = tuple(map(Precision, ("float32", "float32 channels-last", "bfloat16")))


def choose_precision(
    wanted: str, model: nn.Module, images: Tensor, labels: Tensor | None = None, rounds: int = 2
) -> Precision:
    """The precision called `wanted`, or for "probe" the fastest one here.

    Parameters
    ----------
    wanted : str
        "probe" or a name of `PRECISIONS`.
    model : Module
        Is copied; on the device of the images.
    images, labels : tensors
        A small batch of the kind to come. With labels training steps are timed, without only
        forward passes in evaluation mode.
    rounds : int
        Steps timed of each; the shortest counts.

    Raises
    ------
    VisionError
        An unknown name.
    """
    for precision in PRECISIONS:
        if precision.name == wanted:
            return precision
    if wanted != "probe":
        known = ", ".join(repr(precision.name) for precision in PRECISIONS)
        raise VisionError(f"The precision is {wanted!r}; expected 'probe', {known}.")
    seconds = {p: step_seconds(p, model, images, labels, rounds) for p in PRECISIONS}
    return min(seconds, key=lambda precision: seconds[precision])


def step_seconds(
    precision: Precision,
    model: nn.Module,
    images: Tensor,
    labels: Tensor | None = None,
    rounds: int = 2,
) -> float:
    """Seconds of one forward (and backward) pass, the shortest of some, after one to warm up."""
    trial = copy.deepcopy(model).to(memory_format=precision.memory_format)
    trial.train(labels is not None)
    images = images.contiguous(memory_format=precision.memory_format)
    shortest = float("inf")
    for number in range(rounds + 1):
        trial.zero_grad()
        start = time.perf_counter()
        with torch.set_grad_enabled(labels is not None), precision.autocast(images.device):
            output = trial(images)
            if labels is not None:
                nn.functional.cross_entropy(output, labels).backward()
        if images.device.type == "cuda":
            torch.cuda.synchronize(images.device)
        if number:
            shortest = min(shortest, time.perf_counter() - start)
    return shortest
