"""What looks at the pictures: a chain of convolutions, ReLUs and poolings as data.

Three encoders: ``vgg19`` (Gatys et al. 2016), ``vgg19-16x`` (the same layers imitated with a
quarter of the channels: H. Wang et al., "Collaborative distillation for ultra-resolution universal
style transfer", CVPR 2020) and ``random`` (untrained: K. He, Y. Wang, J. Hopcroft, "A powerful
generative model using random weights for the deep image representation", NIPS 2016).
"""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from chainrule.vision.errors import VisionError, WeightsError
from chainrule.vision.models.vgg import BLOCKS, layer_names
from chainrule.vision.style import winograd
from chainrule.vision.weights import read_weights
from chainrule.vision.weights_registry import MEAN, STANDARD_DEVIATION
from chainrule.vision.weights_store import find_part, find_weights

ENCODERS = ("vgg19", "vgg19-16x", "random")
#: Channels of the untrained encoder's blocks: the distilled one's, so that it is as cheap.
RANDOM_WIDTHS = (32, 32, 64, 128, 128)


@dataclass(frozen=True)
class Step:
    """One operation: a 3 × 3 convolution with its weights, a ReLU, or a 2 × 2 pooling."""

    name: str
    kind: Literal["convolution", "relu", "pool"]
    weight: Tensor | None = None
    bias: Tensor | None = None

    @cached_property
    def turned(self) -> Tensor:
        """The weights that a gradient is convolved with on its way back, shape (in, out, 3, 3)."""
        assert self.weight is not None
        last = self.weight.is_contiguous(memory_format=torch.channels_last)
        layout = torch.channels_last if last else torch.contiguous_format
        return self.weight.flip(2, 3).transpose(0, 1).contiguous(memory_format=layout)

    @cached_property
    def transformed(self) -> Tensor:
        """The weights as the fast algorithm takes them, shape (16, in, out)."""
        assert self.weight is not None
        return winograd.transformed(self.weight)


@dataclass(frozen=True)
class Encoder:
    """A chain of steps, each named, whose results are the features of a picture.

    Attributes
    ----------
    name : str
    steps : tuple of Step
    colour : tensor, shape (3, 3)
    offset : tensor, shape (3,)
        The input of the first step is colour @ rgb + offset, for RGB in [0, 1].
    reflect : bool
        Whether convolutions see the picture mirrored at its border, rather than zeros.
    sides : mapping of layer to (weight, bias)
        1 × 1 convolutions with ReLU that turn a layer's result into the features of that name.
    pooling : {"max", "average"}
    dtype : torch.dtype
    channels_last : bool
    exact_blocks : int
        First blocks that are in float32 whatever `dtype` is: where a smooth picture's neighbours
        round to one number, a maximum's gradient goes to the wrong one.
    winograd : bool
        Whether convolutions of many channels, where no border is mirrored, are done with fewer
        multiplications: the module `winograd`.
    """

    name: str
    steps: tuple[Step, ...]
    colour: Tensor
    offset: Tensor
    reflect: bool
    sides: Mapping[str, tuple[Tensor, Tensor]]
    pooling: str = "max"
    dtype: torch.dtype = torch.float32
    channels_last: bool = False
    exact_blocks: int = 0
    winograd: bool = False

    @property
    def layers(self) -> list[str]:
        """Names of the steps, in order."""
        return [step.name for step in self.steps]

    @property
    def precision(self) -> str:
        """Such as "bfloat16 after block 1, channels last, Winograd"."""
        kind = str(self.dtype).removeprefix("torch.")
        after = f" after block {self.exact_blocks}" if self.exact_blocks else ""
        layout = ", channels last" if self.channels_last else ""
        return f"{kind}{after}{layout}{', Winograd' if self.winograd else ''}"

    @property
    def memory_format(self) -> torch.memory_format:
        """How images and features lie in memory."""
        return torch.channels_last if self.channels_last else torch.contiguous_format

    def upto(self, layers: Iterable[str]) -> Encoder:
        """The encoder without what comes after the last of the given layers.

        Raises
        ------
        VisionError
            A layer is unknown, with the nearest name.
        """
        names = self.layers
        last = 0
        for layer in layers:
            if layer not in names:
                raise self._unknown(layer)
            last = max(last, names.index(layer))
        sides = {name: side for name, side in self.sides.items() if name in names[: last + 1]}
        return replace(self, steps=self.steps[: last + 1], sides=sides)

    def _unknown(self, layer: str) -> VisionError:
        if layer in layer_names():
            return VisionError(
                f"The weights of {self.name} here end with {self.layers[-1]}, and {layer} comes "
                "after it: name earlier layers, or whole weights with --weights."
            )
        close = difflib.get_close_matches(layer, self.layers, n=1, cutoff=0.4)
        hint = f" Did you mean {close[0]}?" if close else ""
        return VisionError(
            f"{self.name} has no layer {layer!r}.{hint} Its layers are convB_N, reluB_N and poolB, "
            f"from {self.layers[0]} to {self.layers[-1]}."
        )

    def to(
        self,
        dtype: torch.dtype,
        channels_last: bool = False,
        device: torch.device | str | None = None,
        exact_blocks: int = 0,
    ) -> Encoder:
        """The encoder with its weights in another precision, memory format or place.

        Parameters
        ----------
        dtype : torch.dtype
        channels_last : bool
        device : device, optional
        exact_blocks : int
            First blocks that stay in float32 if `dtype` is a shorter one.
        """
        layout = torch.channels_last if channels_last else torch.contiguous_format

        def moved(value: Tensor, exact: bool = False) -> Tensor:
            value = value.to(device=device, dtype=torch.float32 if exact else dtype)
            return value.contiguous(memory_format=layout) if value.ndim == 4 else value

        steps = []
        for step in self.steps:
            if step.weight is not None and step.bias is not None:
                exact = dtype.itemsize < 4 and int(step.name[4]) <= exact_blocks
                step = replace(step, weight=moved(step.weight, exact), bias=moved(step.bias, exact))
            steps.append(step)
        # Side layers feed no pooling, so that they need not be exact.
        sides = {name: (moved(w), moved(b)) for name, (w, b) in self.sides.items()}
        colours = torch.float64 if dtype == torch.float64 else torch.float32
        return replace(
            self,
            steps=tuple(steps),
            sides=sides,
            colour=self.colour.to(device=device, dtype=colours),
            offset=self.offset.to(device=device, dtype=colours),
            dtype=dtype,
            channels_last=channels_last,
            exact_blocks=exact_blocks if dtype.itemsize < 4 else 0,
        )

    def stride(self, layer: str) -> int:
        """Pixels of the picture between two positions of a layer."""
        names = self.layers[: self.layers.index(layer) + 1]
        return int(2 ** sum(name.startswith("pool") for name in names))

    def reach(self) -> int:
        """Pixels to each side that the last layer's features depend on, at most."""
        reach, stride = 0, 1
        for step in self.steps:
            if step.kind == "convolution":
                reach += stride
            elif step.kind == "pool":
                reach += stride
                stride *= 2
        return reach

    def channels(self, layer: str) -> int:
        """Channels of a layer's features."""
        if layer in self.sides:
            return int(self.sides[layer][0].shape[0])
        found = 3
        for step in self.steps[: self.layers.index(layer) + 1]:
            if step.weight is not None:
                found = int(step.weight.shape[0])
        return found


def load_encoder(
    name: str = "vgg19",
    weights: str | os.PathLike[str] | None = None,
    layers: Sequence[str] | None = None,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    download: bool = True,
    seed: int = 0,
    pooling: str = "max",
) -> Encoder:
    """An encoder with its weights, in float32.

    Parameters
    ----------
    name : {"vgg19", "vgg19-16x", "random"}
    weights : path, optional
        A file instead of the published one; of vgg19 it may hold the first layers only.
    layers : sequence of str, optional
        The layers needed; of the published vgg19 only the file's part up to the last of them is
        fetched, where the server allows it.
    data_dir : path, optional
        Searched first, see `chainrule.vision.weights.pretrained`.
    download : bool
    seed : int
        Of the random encoder.
    pooling : {"max", "average"}

    Raises
    ------
    VisionError
        Unknown encoder, pooling or layer.
    WeightsError
        Weights missing, damaged, or of another architecture.
    """
    if pooling not in ("max", "average"):
        raise VisionError(f"The pooling is {pooling!r}; choose max or average.")
    if name == "random":
        if weights is not None:
            raise VisionError("The random encoder takes no weights; choose vgg19 or vgg19-16x.")
        encoder = random_encoder(seed)
    elif name == "vgg19":
        path = Path(weights) if weights is not None else _vgg19_file(layers, data_dir, download)
        encoder = _vgg19(read_weights(path), path)
    elif name == "vgg19-16x":
        path = Path(weights) if weights else find_weights(name, data_dir, download)
        encoder = _distilled(read_weights(path), path)
    else:
        raise VisionError(f"There is no encoder {name!r}; choose {', '.join(ENCODERS)}.")
    encoder = replace(encoder, pooling=pooling)
    return encoder if layers is None else encoder.upto(layers)


def _vgg19_file(
    layers: Sequence[str] | None, data_dir: str | os.PathLike[str] | None, download: bool
) -> Path:
    """The published file, or the part of it up to the last layer needed."""
    names = layer_names()
    for layer in layers or ():
        if layer not in names:
            raise _blank("vgg19", names)._unknown(layer)
    last = max(names.index(layer) for layer in layers) if layers else len(names) - 1
    indices = [i for i in range(last + 1) if names[i].startswith("conv")]
    wanted = [f"features.{i}.{kind}" for i in indices for kind in ("weight", "bias")]
    return find_part("vgg19", wanted, f"features-to-{indices[-1]}", data_dir, download)


def _blank(name: str, names: Sequence[str]) -> Encoder:
    """An encoder of names only, for messages."""
    steps = tuple(Step(layer, "relu") for layer in names)
    return Encoder(name, steps, torch.eye(3), torch.zeros(3), False, {})


def _chain(
    name: str, convolutions: Mapping[str, tuple[Tensor, Tensor]], source: object
) -> tuple[Step, ...]:
    """Steps of VGG19 as far as there are convolutions for them."""
    steps: list[Step] = []
    for layer in layer_names():
        kind = "convolution" if layer[:4] == "conv" else "relu" if layer[:4] == "relu" else "pool"
        if kind != "convolution":
            steps.append(Step(layer, kind))  # type: ignore[arg-type]
        elif layer in convolutions:
            steps.append(Step(layer, "convolution", *convolutions[layer]))
        else:
            break
    if not any(step.kind == "convolution" for step in steps):
        raise WeightsError(f"{source} holds no weights of {name}: conv1_1 is not in it.")
    # A pooling at the end has no convolution that uses it.
    while steps[-1].kind == "pool" and steps[-1].name != "pool5":
        steps.pop()
    return tuple(steps)


def _vgg19(tensors: Mapping[str, Tensor], source: object) -> Encoder:
    """VGG19 from torchvision's parameters, all of them or the first ones."""
    found: dict[str, tuple[Tensor, Tensor]] = {}
    channels = 3
    names = layer_names()
    for block, (count, width) in enumerate(BLOCKS, 1):
        for number in range(1, count + 1):
            layer = f"conv{block}_{number}"
            key = f"features.{names.index(layer)}"
            if f"{key}.weight" not in tensors:
                if layer == "conv1_1":
                    raise WeightsError(
                        f"{source} is of another architecture than vgg19: it has no {key}.weight."
                    )
                break
            _check(tensors, f"{key}.weight", (width, channels, 3, 3), "vgg19", source)
            _check(tensors, f"{key}.bias", (width,), "vgg19", source)
            found[layer] = tensors[f"{key}.weight"], tensors[f"{key}.bias"]
            channels = width
        else:
            continue
        break
    deviation = torch.tensor(STANDARD_DEVIATION)
    return Encoder(
        "vgg19",
        _chain("vgg19", found, source),
        torch.diag(1 / deviation),
        -torch.tensor(MEAN) / deviation,
        False,
        {},
    )


def _distilled(tensors: Mapping[str, Tensor], source: object) -> Encoder:
    """The distilled VGG19, through relu5_1, with the side layers that imitate the whole one."""
    widths = {1: 16, 2: 32, 3: 64, 4: 128, 5: 128}
    found: dict[str, tuple[Tensor, Tensor]] = {}
    sides: dict[str, tuple[Tensor, Tensor]] = {}
    channels = 3
    name = "vgg19-16x"
    _check(tensors, "conv0.weight", (3, 3, 1, 1), name, source)
    for layer in layer_names():
        if layer[:4] != "conv" or layer > "conv5_1":
            continue
        block, number = int(layer[4]), int(layer[6])
        key = f"conv{block}{number}"
        _check(tensors, f"{key}.weight", (widths[block], channels, 3, 3), name, source)
        _check(tensors, f"{key}.bias", (widths[block],), name, source)
        found[layer] = tensors[f"{key}.weight"], tensors[f"{key}.bias"]
        channels = widths[block]
        if number == 1:
            side = (BLOCKS[block - 1][1], channels, 1, 1)
            _check(tensors, f"{key}_aux.weight", side, name, source)
            sides[f"relu{block}_1"] = tensors[f"{key}_aux.weight"], tensors[f"{key}_aux.bias"]
    return Encoder(
        name,
        _chain(name, found, source),
        tensors["conv0.weight"].reshape(3, 3),
        tensors["conv0.bias"],
        True,
        sides,
    )


def _check(
    tensors: Mapping[str, Tensor], key: str, shape: tuple[int, ...], name: str, source: object
) -> None:
    """Raise unless a tensor is there, of its shape, and finite."""
    if key not in tensors:
        raise WeightsError(f"{source} is of another architecture than {name}: it has no {key}.")
    if tuple(tensors[key].shape) != shape:
        raise WeightsError(
            f"{source} is of another architecture than {name}: {key} has shape "
            f"{tuple(tensors[key].shape)} there and {shape} here."
        )
    if not bool(torch.isfinite(tensors[key]).all()):
        raise WeightsError(f"{source} holds NaN or infinity in {key}; fetch the file again.")


def random_encoder(seed: int = 0, widths: Sequence[int] = RANDOM_WIDTHS) -> Encoder:
    """VGG19's layers with fewer channels and He-normal weights, variance 2 / fan-in.

    Parameters
    ----------
    seed : int
    widths : sequence of 5 int
        Channels of each block.
    """
    generator = torch.Generator().manual_seed(seed)
    found: dict[str, tuple[Tensor, Tensor]] = {}
    channels = 3
    for block, (count, _) in enumerate(BLOCKS, 1):
        for number in range(1, count + 1):
            width = widths[block - 1]
            weight = torch.randn(width, channels, 3, 3, generator=generator)
            found[f"conv{block}_{number}"] = (
                weight * math.sqrt(2 / (9 * channels)),
                torch.zeros(width),
            )
            channels = width
    deviation = torch.tensor(STANDARD_DEVIATION)
    return Encoder(
        "random",
        _chain("random", found, "random"),
        torch.diag(1 / deviation),
        -torch.tensor(MEAN) / deviation,
        False,
        {},
    )
