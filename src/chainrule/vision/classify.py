"""Classifiers of any classes of pictures: small networks, and residual ones with a new head."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from chainrule.programs.whole_files import replacing
from chainrule.vision.errors import VisionError
from chainrule.vision.evaluation import Evaluation, evaluate
from chainrule.vision.folders import read_square
from chainrule.vision.models import linear_head, resnet18, resnet34, small_cnn
from chainrule.vision.pipeline import Draws, ImageSet
from chainrule.vision.precision import Precision, choose_precision
from chainrule.vision.sealing import SEAL, check_seal, seal
from chainrule.vision.training import Epoch, Settings, train
from chainrule.vision.weights import apply_weights, pretrained
from chainrule.vision.weights_registry import MEAN, STANDARD_DEVIATION

Array = np.ndarray[Any, Any]

NETWORKS = ("cnn", "cnn-bn-dropout", "resnet18", "resnet34")
TUNING = ("none", "frozen", "fine-tune")
FEATURE_BATCH, PROBE_IMAGES = 128, 8
#: Of a model that is read: pixels of a side, channels of the first convolution.
LARGEST_SIZE, LARGEST_WIDTH = 4096, 1024
#: What begins each exported model's description.
FORMAT = "chainrule classifier 1"


@dataclass(frozen=True)
class Plan:
    """What to train.

    Attributes
    ----------
    network : {"cnn", "cnn-bn-dropout", "resnet18", "resnet34"}
        Four convolutions and two dense layers; the same with batch normalisation after each
        convolution and dropout on the first dense layer; residual networks of ImageNet's form.
    tuning : {"none", "frozen", "fine-tune"}
        From scratch; with ImageNet's weights, of which only a linear head is trained; or head
        first, then all layers, the pretrained ones at a tenth of the head's rate.
    head : {"replace", "append"}
        "Add a linear layer to the output", in the usual reading a new last layer on the 512
        features, in the literal one a further layer on the 1000 outputs.
    epochs : int
        Of the whole network.
    head_epochs : int
        Of the linear head alone, on cached features.
    batch_size : int
    rate : float
        Of Adam, at the top of one cycle.
    seed : int
    width : int
        Channels of the small networks' first convolution.
    precision : str
    """

    network: str = "cnn"
    tuning: str = "none"
    head: str = "replace"
    epochs: int = 10
    head_epochs: int = 30
    batch_size: int = 32
    rate: float = 1e-3
    seed: int = 0
    width: int = 16
    precision: str = "float32 channels-last"

    def __post_init__(self) -> None:
        if self.network not in NETWORKS:
            known = ", ".join(NETWORKS)
            raise VisionError(f"The network is {self.network!r}; expected one of {known}.")
        if self.tuning not in TUNING:
            known = ", ".join(TUNING)
            raise VisionError(f"The tuning is {self.tuning!r}; expected one of {known}.")
        if self.tuning != "none" and not self.network.startswith("resnet"):
            raise VisionError(f"There are no pretrained weights of {self.network!r}; use a resnet.")


@dataclass(frozen=True)
class Trained:
    """A trained network.

    Attributes
    ----------
    model : torch.nn.Module
    history : list of Epoch
    validation : Evaluation
        How it judges the validation pictures.
    """

    model: nn.Module
    history: list[Epoch]
    validation: Evaluation


class StillStatistics(nn.Module):
    """A network whose batch normalisation keeps its statistics, also in training mode.

    Fine-tuning on few pictures would replace what millions of them gave. Calling ``train()`` on
    the network itself would start them moving again.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def train(self, mode: bool = True) -> StillStatistics:
        """As `Module.train`, with batch normalisation left in evaluation mode."""
        super().train(mode)
        for module in self.network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self

    def forward(self, images: Tensor) -> Tensor:
        """Logits."""
        return self.network(images)


class FeatureSet(ImageSet):
    """Features of pictures and of their mirror images, computed once: batches for a head."""

    def __init__(self, plain: Tensor, mirrored: Tensor, labels: Array) -> None:
        self.features = torch.stack([plain, mirrored])
        self.labels = labels.astype(np.int64)
        self.padding = 0

    def batch(
        self, chosen: Array, draws: Draws | None = None, device: torch.device | str = "cpu"
    ) -> tuple[Tensor, Tensor]:
        """Features, shape (k, d), and labels, shape (k,)."""
        flips = np.zeros(len(chosen), int) if draws is None else draws.flips[chosen]
        labels = torch.from_numpy(self.labels[chosen])
        return self.features[flips, chosen].to(device), labels.to(device)


def image_set(images: Array, labels: Array, padding: int = 0) -> ImageSet:
    """Pictures normalised as ImageNet's."""
    return ImageSet(images, labels, MEAN, STANDARD_DEVIATION, padding)


def train_classifier(
    plan: Plan,
    training: tuple[Array, Array],
    validation: tuple[Array, Array],
    classes: int,
    *,
    weights: str | os.PathLike[str] | None = None,
    data_dir: str | os.PathLike[str] | None = None,
    download: bool = True,
    checkpoint: Path | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> Trained:
    """Train a network on pictures.

    Parameters
    ----------
    plan : Plan
    training, validation : tuple of uint8 array, shape (n, 3, size, size), and labels, shape (n,)
    classes : int
    weights, data_dir, download
        Where pretrained weights come from; see `chainrule.vision.weights.pretrained`.
    checkpoint : Path, optional
        From which training of the whole network continues.
    on_epoch : callable, optional

    Returns
    -------
    Trained

    Raises
    ------
    VisionError
        Weights cannot be had; pictures too small; the loss is not finite.
    """
    torch.manual_seed(plan.seed)
    size = training[0].shape[2]
    if size < 16:
        raise VisionError(f"The pictures have {size} pixels a side; at least 16 are needed.")
    data = image_set(*training, padding=max(2, size // 16))
    held = image_set(*validation)
    settings = Settings(
        epochs=plan.epochs, batch_size=plan.batch_size, rate=plan.rate, optimizer="adam",
        weight_decay=0.0, precision=plan.precision, seed=plan.seed,
    )  # fmt: skip
    if plan.tuning == "none":
        model = _network(plan, classes)
        history = train(model, data, held, settings, checkpoint=checkpoint, on_epoch=on_epoch)
        return Trained(model, history, evaluate(model, held))
    backbone: Any = pretrained(plan.network, weights, data_dir, download)
    linear_head(backbone, classes, plan.head)  # type: ignore[arg-type]
    history = _train_head(backbone, plan, training, validation, on_epoch)
    if plan.tuning == "fine-tune":
        for name, part in backbone.named_children():
            part.requires_grad_(True)
            part.rate_share = 1.0 if name == "fc" else 0.1
        still = StillStatistics(backbone)
        rows = train(still, data, held, settings, checkpoint=checkpoint, on_epoch=on_epoch)
        history = history + [
            Epoch(**asdict(row) | {"epoch": history[-1].epoch + row.epoch}) for row in rows
        ]
        still.eval()
    backbone.eval()
    return Trained(backbone, history, evaluate(backbone, held))


def features(
    backbone: Any,
    images: Array,
    plan: Plan,
    mirrored: bool = True,
    precision: Precision | None = None,
) -> tuple[Tensor, Tensor]:
    """Features of pictures and of their mirror images, each shape (n, d), in evaluation mode.

    d is 512, or 1000 for the head that is appended. The network is left as it is. Without
    `mirrored` the second are the first. `precision` is the plan's if not given.
    """
    literal = plan.head == "append"
    backbone.eval()
    data = image_set(images, np.zeros(len(images), int))
    precision = precision or _fastest(backbone, images, plan)
    backbone.to(memory_format=precision.memory_format)
    results: list[list[Tensor]] = [[], []]
    zeros = np.zeros(len(images), int)
    with torch.inference_mode():
        for start in range(0, len(images), FEATURE_BATCH):
            chosen = np.arange(start, min(start + FEATURE_BATCH, len(images)))
            for flip in (0, 1) if mirrored else (0,):
                pixels, _ = data.batch(chosen, Draws(zeros, zeros, zeros + flip))
                with precision.autocast(pixels.device):
                    found = backbone.features(
                        pixels.contiguous(memory_format=precision.memory_format)
                    )
                    found = backbone.fc[0](found) if literal else found
                results[flip].append(found.float())
    # Cloned outside of inference mode, as the head's gradient needs ordinary tensors.
    found = [torch.cat(each).clone() for each in results if each]
    return found[0], found[-1]


def _fastest(backbone: Any, images: Array, plan: Plan) -> Precision:
    """The plan's precision; for a probe that of the fastest forward pass on a few pictures."""
    few = images[:PROBE_IMAGES]
    pixels, _ = image_set(few, np.zeros(len(few), int)).batch(np.arange(len(few)))
    return choose_precision(plan.precision, backbone, pixels, rounds=1)


def _train_head(
    backbone: Any,
    plan: Plan,
    training: tuple[Array, Array],
    validation: tuple[Array, Array],
    on_epoch: Callable[[Epoch], None] | None,
) -> list[Epoch]:
    """Train the new layer on features computed once; nothing else in the network changes."""
    backbone.requires_grad_(False)
    head = backbone.fc if plan.head == "replace" else backbone.fc[1]
    head.requires_grad_(True)
    precision = _fastest(backbone, training[0], plan)
    sets = [
        FeatureSet(*features(backbone, images, plan, mirrored, precision), labels)
        for (images, labels), mirrored in ((training, True), (validation, False))
    ]
    settings = Settings(
        epochs=plan.head_epochs, batch_size=plan.batch_size, rate=3 * plan.rate,
        optimizer="adam", weight_decay=1e-4, precision="float32", seed=plan.seed,
    )  # fmt: skip
    return train(head, sets[0], sets[1], settings, on_epoch=on_epoch)


def _network(plan: Plan, classes: int) -> nn.Module:
    if plan.network == "cnn":
        return small_cnn(classes, plan.width)
    if plan.network == "cnn-bn-dropout":
        return small_cnn(classes, plan.width, normalise=True, dropout=0.5)
    make = resnet18 if plan.network == "resnet18" else resnet34
    if plan.tuning != "none":
        model = make()
        return linear_head(model, classes, plan.head)  # type: ignore[arg-type]
    return make(classes)


def save_classifier(
    path: Path, model: nn.Module, plan: Plan, classes: Sequence[str], size: int, accuracy: float
) -> None:
    """Write a trained network with all that `load_classifier` needs, whole or not at all."""
    from safetensors.torch import save_file

    description = {
        "format": FORMAT, "plan": asdict(plan), "classes": list(classes), "size": size,
        "validation_accuracy": accuracy,
    }  # fmt: skip
    tensors = {name: value.contiguous() for name, value in model.state_dict().items()}
    try:
        with replacing(path) as temporary:
            text = json.dumps(description)
            save_file(tensors, temporary, metadata={"description": text, SEAL: seal(tensors, text)})
    except Exception as error:
        raise VisionError(f"The model {path} cannot be written: {error}.") from error


@dataclass(frozen=True)
class Classifier:
    """A trained network with its classes.

    Attributes
    ----------
    model : Module
        In evaluation mode.
    classes : tuple of str
    size : int
        Pixels of each side of the pictures it takes.
    """

    model: nn.Module
    classes: tuple[str, ...]
    size: int

    def probabilities(self, images: Array) -> Array:
        """Probability of each class.

        Parameters
        ----------
        images : uint8 array, shape (n, 3, size, size)

        Returns
        -------
        float array, shape (n, classes)
        """
        data = image_set(images, np.zeros(len(images), int))
        return evaluate(self.model, data).probabilities

    def predict(self, path: str | os.PathLike[str]) -> dict[str, float]:
        """Probability of each class for a picture file.

        Parameters
        ----------
        path : path

        Returns
        -------
        dict of str to float

        Raises
        ------
        PictureError
            The file is not a picture that can be read.
        """
        found = self.probabilities(read_square(path, self.size)[None])[0]
        return {name: float(p) for name, p in zip(self.classes, found, strict=True)}


def load_classifier(path: str | os.PathLike[str]) -> Classifier:
    """A network that `save_classifier` wrote.

    Parameters
    ----------
    path : path
        A .safetensors file.

    Returns
    -------
    Classifier

    Raises
    ------
    VisionError
        The file is absent, damaged, or no classifier of this program.
    """
    from safetensors import SafetensorError, safe_open

    try:
        if not Path(path).is_file():  # a pipe would be waited for
            raise ValueError("there is no such file")
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        description = json.loads(metadata["description"])
        check_seal(metadata, tensors, metadata["description"])
        if description["format"] != FORMAT:
            raise VisionError(f"{path} has the format {description['format']!r}, not {FORMAT!r}.")
        plan, classes = Plan(**description["plan"]), tuple(description["classes"])
        size = int(description["size"])
        # A file that names huge sizes must not cost the memory.
        if not (16 <= size <= LARGEST_SIZE and 1 <= plan.width <= LARGEST_WIDTH and classes):
            raise ValueError(f"{size} pixels, {plan.width} channels, {len(classes)} classes")
    except (
        SafetensorError, OSError, KeyError, TypeError, ValueError, OverflowError, RecursionError,
    ) as error:  # fmt: skip
        raise VisionError(
            f"{path} is not a classifier ({error}). `chainrule classify train DIR` makes one."
        ) from error
    model = _network(plan, len(classes))
    apply_weights(model, tensors, path)
    return Classifier(model.eval(), classes, size)
