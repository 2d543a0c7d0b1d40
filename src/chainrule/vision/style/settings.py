"""What style transfer can be told, checked before any work begins."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from chainrule.vision.errors import VisionError

#: Gatys et al. 2016, section 3: style at the beginning of each block, content in the fourth.
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
#: The hand-out's weight of each style layer (document 000 §2.6).
LAYER_WEIGHTS = (1.0, 2.0, 3.0, 4.0, 5.0)
CONTENT_LAYER = "relu4_2"
#: The untrained encoder keeps what a picture shows in its first blocks only.
UNTRAINED_CONTENT_LAYER = "relu2_2"
STARTS = ("content", "noise", "style")
OPTIMIZERS = ("lbfgs", "adam")

Tiling = int | Literal["auto"] | None


def _style_layers() -> dict[str, float]:
    return dict(zip(STYLE_LAYERS, LAYER_WEIGHTS, strict=True))


@dataclass(frozen=True)
class Settings:
    """Settings of style transfer.

    Attributes
    ----------
    encoder : {"auto", "vgg19", "vgg19-16x", "random"}
        "auto" is vgg19; where its weights cannot be had vgg19-16x if its weights are there, else
        random, with a note.
    weights : path, optional
        Weights of the encoder, instead of the published ones.
    size : int
        Pixels of the longer side of the result.
    style_scale : float
        Size of the style pictures, relative to the result's.
    steps : int
        Evaluations of loss and gradient, over all scales.
    scales : int
        The picture is made at size / 2^(scales − 1), …, size / 2, size, each beginning with the
        last one's result: large forms come from small pictures, which are cheap.
    optimizer : {"lbfgs", "adam"}
    rate : float
        Learning rate of Adam, in grey levels of 0 … 255.
    start : {"content", "noise", "style"} or path
        The first picture.
    style_layers : mapping of layer to weight
    content_layers : mapping of layer to weight, optional
        relu4_2 if not given, and relu2_2 of the random encoder.
    style_weight, content_weight, variation_weight : float
        Of the three parts of the loss.
    relative : bool
        See `chainrule.vision.style.objective.Weights`.
    pooling : {"max", "average"}
    original_colours : bool
        Keep the content picture's colours: only the luminance is stylised (L. Gatys et al.,
        "Preserving color in neural artistic style transfer", 2016).
    precision : {"auto", "float32", "bfloat16", "float64"}
    tile : int, "auto" or None
        Side of the tiles in which a larger picture is computed, with the same result; "auto" makes
        them when the memory would not hold the picture at once.
    device : str
        "auto", "cpu", "cuda", …
    seed : int
        Of the noise, and of the random encoder.
    """

    encoder: str = "auto"
    weights: str | os.PathLike[str] | None = None
    size: int = 512
    style_scale: float = 1.0
    steps: int = 200
    scales: int = 2
    optimizer: str = "lbfgs"
    rate: float = 5.0
    start: str | os.PathLike[str] = "content"
    style_layers: Mapping[str, float] = field(default_factory=_style_layers)
    content_layers: Mapping[str, float] | None = None
    style_weight: float = 50.0
    content_weight: float = 1.0
    variation_weight: float = 30.0
    relative: bool = True
    pooling: str = "max"
    original_colours: bool = False
    precision: str = "auto"
    tile: Tiling = "auto"
    device: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("size", 32), ("steps", 1), ("scales", 1)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise VisionError(f"{name} is {value!r}; expected a whole number from {least} on.")
        for name in ("style_weight", "content_weight", "variation_weight"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise VisionError(f"{name} is {value!r}; expected a number from 0 on.")
        for name in ("style_scale", "rate"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise VisionError(f"{name} is {value!r}; expected a positive number.")
        if self.optimizer not in OPTIMIZERS:
            raise VisionError(
                f"The optimizer is {self.optimizer!r}; choose {' or '.join(OPTIMIZERS)}."
            )
        if self.pooling not in ("max", "average"):
            raise VisionError(f"The pooling is {self.pooling!r}; choose max or average.")
        if isinstance(self.tile, int) and self.tile < 64:
            raise VisionError(f"Tiles of {self.tile} pixels are too small; choose 64 or more.")
        if not (self.style_weight and any(self.style_layers.values())) and not (
            self.content_weight and any(self._content_layers("").values())
        ):
            raise VisionError("Every weight is zero; give a style or a content weight.")
        for name, weight in (*self.style_layers.items(), *self._content_layers("").items()):
            if not (math.isfinite(weight) and weight >= 0):
                raise VisionError(f"The weight of layer {name} is {weight!r}; expected 0 or more.")

    def _content_layers(self, encoder: str) -> Mapping[str, float]:
        if self.content_layers is not None:
            return self.content_layers
        return {UNTRAINED_CONTENT_LAYER if encoder == "random" else CONTENT_LAYER: 1.0}

    def losses(self, encoder: str) -> tuple[dict[str, float], dict[str, float]]:
        """Weight of each style layer and of each content layer in the whole loss.

        The layers' weights are divided by their sum, so that `style_weight` means the same for
        any choice of layers.

        Parameters
        ----------
        encoder : str
            Its name.
        """
        parts = []
        for layers, weight in (
            (self.style_layers, self.style_weight),
            (self._content_layers(encoder), self.content_weight),
        ):
            total = sum(layers.values())
            parts.append({name: weight * w / total for name, w in layers.items() if w and weight})
        return parts[0], parts[1]


def parse_layers(text: str) -> dict[str, float]:
    """Layers and weights out of ``relu1_1=1,relu2_1=0.5``; a weight that is not given is 1.

    Raises
    ------
    VisionError
        A weight is not a number, a layer is named twice, or nothing is named.
    """
    layers: dict[str, float] = {}
    for part in text.split(","):
        name, sign, weight = (word.strip() for word in part.partition("="))
        try:
            value = float(weight) if sign else 1.0
        except ValueError:
            raise VisionError(
                f"{part.strip()!r} gives no number as weight; write layers as in "
                "relu1_1=1,relu2_1=0.5."
            ) from None
        if not name or name in layers:
            what = f"{name} is named twice" if name else "a layer has no name"
            raise VisionError(f"In {text!r} {what}; write layers as in relu1_1=1,relu2_1=0.5.")
        layers[name] = value
    return layers
