"""Images in memory as bytes; batches cropped, flipped and normalised, each image in its own way.

No loader processes and no per-image Python: one gather per batch from a padded copy and its mirror
image, in the channels-last order that convolutions prefer. All random draws of an epoch follow
from (seed, epoch) alone, so that a resumed run, or one on several machines, sees the same images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from chainrule.vision.errors import VisionError

Array = np.ndarray[Any, Any]

#: Of the 50,000 training images, RGB in [0, 1]. The standard deviation (0.2023, 0.1994, 0.2010)
#: in wide use is the mean over images of each image's own (kuangliu/pytorch-cifar, issue 16).
CIFAR10_MEAN, CIFAR10_DEVIATION = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)


@dataclass(frozen=True)
class Draws:
    """Where each image of a set is cropped and whether it is flipped, in one epoch.

    Attributes
    ----------
    rows, columns : int array, shape (n,)
        Offset of the crop in the padded image, 0 to 2 · padding.
    flips : int array, shape (n,)
        1 for images that are flipped from left to right.
    """

    rows: Array
    columns: Array
    flips: Array


class ImageSet:
    """Images and labels in memory, and their batches.

    Parameters
    ----------
    images : uint8 array, shape (n, 3, height, width)
    labels : integer array, shape (n,)
    mean, deviation : sequence of 3 float
        Of each channel, for values in [0, 1]; batches are (x / 255 − mean) / deviation.
    padding : int
        Black pixels added on each side before a random crop of the original size: padding 4 on
        32 × 32 gives 81 crops × 2 flips = 162 views. With 0 the only crop is the image itself.

    Raises
    ------
    VisionError
        Images that are not bytes in RGB, or labels that do not go with them.
    """

    def __init__(
        self,
        images: Array,
        labels: Array,
        mean: Sequence[float] = CIFAR10_MEAN,
        deviation: Sequence[float] = CIFAR10_DEVIATION,
        padding: int = 4,
    ) -> None:
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1] != 3:
            raise VisionError(
                f"The images have type {images.dtype} and shape {images.shape}; expected uint8, "
                "shape (n, 3, height, width)."
            )
        if labels.shape != (len(images),) or not np.issubdtype(labels.dtype, np.integer):
            raise VisionError(
                f"There are {len(images)} images and labels of shape {labels.shape} and type "
                f"{labels.dtype}; expected one whole number per image."
            )
        if padding < 0:
            raise VisionError(f"The padding is {padding}; expected 0 or more.")
        n, _, height, width = images.shape
        self.labels = labels.astype(np.int64)
        self.padding = padding
        self.shape = (height, width)
        border = ((0, 0), (padding, padding), (padding, padding), (0, 0))
        plain = np.pad(images.transpose(0, 2, 3, 1), border)
        # A flip while gathering would copy three bytes at a time; from a mirror it is free.
        self._padded = np.stack([plain, plain[:, :, ::-1]])
        mirror, image, row, pixel, channel = self._padded.strides
        offsets = 2 * padding + 1
        self._windows = np.lib.stride_tricks.as_strided(
            self._padded,
            (2, n, offsets, offsets, height, 3 * width),
            (mirror, image, row, pixel, row, channel),
            writeable=False,
        )
        scale = 1 / (255 * np.asarray(deviation))
        shift = -np.asarray(mean) / np.asarray(deviation)
        self._scale = torch.tensor(np.tile(scale, height * width), dtype=torch.float32)
        self._shift = torch.tensor(np.tile(shift, height * width), dtype=torch.float32)

    def __len__(self) -> int:
        return len(self.labels)

    def draws(self, seed: int, epoch: int) -> Draws:
        """Crops and flips of every image in one epoch.

        Parameters
        ----------
        seed, epoch : int
            The same draws for the same two.

        Returns
        -------
        Draws
        """
        generator = np.random.default_rng([seed, epoch, 2])
        rows, columns = generator.integers(0, 2 * self.padding + 1, (2, len(self)))
        return Draws(rows, columns, generator.integers(0, 2, len(self)))

    def batch(
        self, chosen: Array, draws: Draws | None = None, device: torch.device | str = "cpu"
    ) -> tuple[Tensor, Tensor]:
        """Normalised images and labels.

        Parameters
        ----------
        chosen : int array, shape (k,)
            Which images.
        draws : Draws, optional
            Their crops and flips; as they are if not given.
        device : torch.device or str

        Returns
        -------
        images : float32 tensor, shape (k, 3, height, width), channels last in memory
        labels : int64 tensor, shape (k,)
        """
        if draws is None:
            pixels = self._windows[0, chosen, self.padding, self.padding]
        else:
            pixels = self._windows[
                draws.flips[chosen], chosen, draws.rows[chosen], draws.columns[chosen]
            ]
        flat = torch.from_numpy(pixels.reshape(len(chosen), -1)).to(device, non_blocking=True)
        # In two passes over a batch that lies in the cache, with contiguous operands.
        scaled = flat.float().mul_(self._scale.to(device)).add_(self._shift.to(device))
        images = scaled.view(len(chosen), *self.shape, 3).permute(0, 3, 1, 2)
        return images, torch.from_numpy(self.labels[chosen]).to(device, non_blocking=True)


def order(count: int, seed: int, epoch: int) -> Array:
    """The permutation of one epoch, the same on every machine."""
    return np.random.default_rng([seed, epoch, 1]).permutation(count)


def next_batch(position: int, count: int, batch_size: int) -> int:
    """End of the batch that begins at `position` of an epoch.

    What is left is cut into as few batches as `batch_size` allows, of sizes that differ by at most
    one: there is no short last batch, whose statistics would be poor, and where a run stopped says
    how it goes on, also with another batch size.
    """
    left = count - position
    batches = -(-left // batch_size)
    return position + -(-left // batches)
