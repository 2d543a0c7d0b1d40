"""Style transfer from pictures to a picture: scales, optimisation, history and frames."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from chainrule.vision.errors import VisionError, WeightsError
from chainrule.vision.images import resize
from chainrule.vision.style.colours import with_colours_of
from chainrule.vision.style.encoder import Encoder, load_encoder
from chainrule.vision.style.memory import (
    free_bytes,
    freed_memory_kept,
    size_that_fits,
    tile_that_fits,
)
from chainrule.vision.style.objective import Losses, Objective, Weights
from chainrule.vision.style.optimizers import State, adam, lbfgs
from chainrule.vision.style.pictures import (
    LEAST_SIDE,
    Array,
    Picture,
    Pictures,
    prepare,
    small_copy,
    to_array,
    to_tensor,
)
from chainrule.vision.style.precision import Candidate, chosen_encoder
from chainrule.vision.style.settings import Settings

#: How many more evaluations a coarser scale gets, each of which costs a quarter.
COARSER = 1.5
#: What PyTorch says when memory is exhausted.
EXHAUSTED = ("not enough memory", "out of memory", "can't allocate memory", "bad_alloc")
#: Pictures of a filmstrip.
FRAMES = 6
#: What a person should know of the random encoder, chosen or standing in.
UNTRAINED = "expect textures and colours, less of the forms."


@dataclass(frozen=True)
class Moment:
    """One evaluation: its number from 0, its scale, the current losses, seconds since the start."""

    step: int
    steps: int
    scale: int
    size: tuple[int, int]
    losses: Losses
    seconds: float
    note: str
    image: Callable[[], Array]


@dataclass
class Stylised:
    """The result.

    Attributes
    ----------
    image : float32 array, shape (height, width, 3)
        RGB in [0, 1].
    history : list of (step, scale, Losses, seconds)
        Of the current picture after each evaluation.
    frames : list of (step, array)
        The picture on the way, for a filmstrip.
    encoder : str
    precision : str
        What was computed in.
    candidates : list of Candidate
        What the probe measured, empty without one.
    notes : list of str
        What a person should know, such as that the encoder is an untrained one.
    """

    image: Array
    history: list[tuple[int, int, Losses, float]] = field(default_factory=list)
    frames: list[tuple[int, Array]] = field(default_factory=list)
    encoder: str = ""
    precision: str = ""
    candidates: list[Candidate] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def losses(self) -> Losses:
        """Of the result."""
        return self.history[-1][2]


def stylize(
    content: Picture,
    styles: Sequence[tuple[Picture, float]] | Picture,
    settings: Settings | None = None,
    on_step: Callable[[Moment], None] | None = None,
    *,
    encoder: Encoder | None = None,
    data_dir: str | os.PathLike[str] | None = None,
    download: bool = True,
) -> Stylised:
    """Give a picture the style of others.

    Parameters
    ----------
    content : path, or float array of shape (height, width, 3), RGB in [0, 1]
    styles : picture, or sequence of (picture, weight)
    settings : Settings, optional
    on_step : callable, optional
        Called after every evaluation; an exception it raises ends the work.
    encoder : Encoder, optional
        Instead of the one that the settings name.
    data_dir, download
        Where weights are, see `chainrule.vision.weights.pretrained`.

    Returns
    -------
    Stylised

    Raises
    ------
    PictureError
        A picture cannot be read.
    WeightsError
        Weights are missing, damaged, or of another architecture.
    VisionError
        Settings that do not fit each other, or too little memory.

    Notes
    -----
    L. Gatys, A. Ecker, M. Bethge, "Image style transfer using convolutional neural networks",
    CVPR 2016; the loss is in `chainrule.vision.style.objective`.
    """
    settings = settings or Settings()
    pictures = prepare(content, styles, settings)
    notes: list[str] = []
    if encoder is None:
        encoder = _encoder(settings, data_dir, download, notes)
    weights = _weights(settings, encoder.name)
    encoder = encoder.upto(weights.layers)
    work = _Work(pictures, settings, weights, encoder, notes, on_step)
    return work.run()


def _weights(settings: Settings, encoder: str) -> Weights:
    """Weights of the loss with an encoder of that name."""
    style, content = settings.losses(encoder)
    return Weights(style, content, settings.variation_weight, settings.relative)


def _encoder(
    settings: Settings, data_dir: str | os.PathLike[str] | None, download: bool, notes: list[str]
) -> Encoder:
    """The encoder that the settings name, or what stands in for it."""

    def load(name: str, fetch: bool) -> Encoder:
        return load_encoder(
            name, settings.weights, _weights(settings, name).layers, data_dir=data_dir,
            download=fetch, seed=settings.seed, pooling=settings.pooling,
        )  # fmt: skip

    if settings.encoder != "auto" or settings.weights is not None:
        if settings.encoder == "random":
            notes.append(f"The encoder is an untrained one of random weights: {UNTRAINED}")
        return load("vgg19" if settings.encoder == "auto" else settings.encoder, download)
    try:
        return load("vgg19", download)
    except WeightsError as error:
        reason = str(error)
    try:
        encoder = load("vgg19-16x", False)
        notes.append(f"The distilled encoder vgg19-16x stands in for vgg19. {reason}")
    except WeightsError:
        encoder = load("random", False)
        notes.append(
            f"An untrained encoder of random weights stands in for vgg19: {UNTRAINED} {reason}"
        )
    return encoder


@dataclass
class _Work:
    """One run of `stylize`."""

    pictures: Pictures
    settings: Settings
    weights: Weights
    encoder: Encoder
    notes: list[str]
    on_step: Callable[[Moment], None] | None

    def run(self) -> Stylised:
        """All scales."""
        settings, pictures = self.settings, self.pictures
        device = _device(settings.device)
        sizes = self._sizes()
        last = sizes[-1]
        self._require_sides(sizes[0])
        content = to_tensor(pictures.content, device)
        with _memory_errors(self.encoder, *last, device):
            encoder, candidates = chosen_encoder(
                self.encoder,
                self.weights,
                content,
                to_tensor(pictures.styles[0][0], device),
                settings.precision,
            )
        result = Stylised(
            pictures.content,
            encoder=encoder.name,
            precision=encoder.precision,
            candidates=candidates,
            notes=self.notes,
        )
        image = self._start(sizes[0])
        begin = time.perf_counter()
        done = 0
        for scale, size in enumerate(sizes):
            share = _shares(settings.steps, len(sizes))[scale]
            with _memory_errors(encoder, *size, device), freed_memory_kept():
                objective = self._objective(encoder, size, last, device)
                image = resize(image, *size)
                states = self._minimiser(objective, to_tensor(image, device))
                for state in islice(states, share):
                    self._note(result, state, scale, size, done, begin)
                    done += 1
                image = to_array(state.image)
            if state.finished:
                self.notes.append(f"Scale {scale + 1} ended early: {state.note}.")
        result.image = self._coloured(image)
        result.frames.append((done, small_copy(result.image)))
        return result

    def _sizes(self) -> list[tuple[int, int]]:
        """Height and width of every scale, from coarse to fine."""
        height, width = self.pictures.content.shape[:2]
        found = [(height, width)]
        while len(found) < min(self.settings.scales, self.settings.steps):
            height, width = height // 2, width // 2
            if min(height, width) < LEAST_SIDE:
                break
            found.append((height, width))
        return found[::-1]

    def _require_sides(self, coarsest: tuple[int, int]) -> None:
        """Raise if a picture is too narrow for the last layer."""
        stride = max(self.encoder.stride(layer) for layer in self.weights.layers)
        least = stride * (2 if self.encoder.reflect else 1)
        height, width = coarsest
        if min(height, width) < least:
            raise VisionError(
                f"The content picture would be {height} × {width} pixels, and layer "
                f"{self.encoder.layers[-1]} needs {least} on each side: crop it, choose a larger "
                "size, or earlier layers."
            )
        for style, _ in self.pictures.styles:
            factor = height / self.pictures.content.shape[0]
            side = round(min(style.shape[:2]) * factor)
            if side < least:
                raise VisionError(
                    f"A style picture would be only {side} pixels on one side, and layer "
                    f"{self.encoder.layers[-1]} needs {least}: crop it, or choose a larger size."
                )

    def _start(self, size: tuple[int, int]) -> Array:
        """The first picture, of the coarsest scale."""
        pictures = self.pictures
        if pictures.start is not None:
            return resize(pictures.start, *size)
        if self.settings.start == "noise":
            generator = np.random.default_rng(self.settings.seed)
            noise = generator.normal(0.5, 0.1, (*size, 3)).astype(np.float32)
            return np.clip(noise, 0, 1)
        if self.settings.start == "style":
            return resize(pictures.styles[0][0], *size)
        return resize(pictures.content, *size)

    def _objective(
        self, encoder: Encoder, size: tuple[int, int], last: tuple[int, int], device: torch.device
    ) -> Objective:
        """The loss of one scale, its targets computed."""
        factor = size[0] / last[0]
        styles = []
        for style, weight in self.pictures.styles:
            height, width = (max(1, round(side * factor)) for side in style.shape[:2])
            styles.append((to_tensor(resize(style, height, width), device), weight))
        content = to_tensor(resize(self.pictures.content, *size), device)
        tile = self.settings.tile
        if tile == "auto":
            tile = tile_that_fits(encoder, *size, free_bytes(device))
            if tile is not None:
                self.notes.append(
                    f"{size[0]} × {size[1]} pixels do not fit into memory at once; they are "
                    f"computed in tiles of {tile}, with the same result."
                )
        return Objective(encoder, self.weights, content, styles, tile)

    def _minimiser(self, objective: Objective, image: Tensor) -> Iterator[State]:
        if self.settings.optimizer == "adam":
            return adam(objective, image, self.settings.rate / 255)
        return lbfgs(objective, image)

    def _note(
        self, result: Stylised, state: State, scale: int, size: tuple[int, int], step: int,
        begin: float,
    ) -> None:  # fmt: skip
        """Record one evaluation and tell the caller."""
        seconds = time.perf_counter() - begin
        result.history.append((step, scale, state.losses, seconds))
        steps = self.settings.steps
        if step * (FRAMES - 1) // steps > (step - 1) * (FRAMES - 1) // steps:
            result.frames.append((step, small_copy(self._coloured(to_array(state.image)))))
        if self.on_step is not None:

            def current() -> Array:
                return self._coloured(to_array(state.image))

            self.on_step(
                Moment(step, steps, scale, size, state.losses, seconds, state.note, current)
            )

    def _coloured(self, image: Array) -> Array:
        if not self.settings.original_colours:
            return image
        return with_colours_of(image, resize(self.pictures.coloured, *image.shape[:2]))


def _shares(steps: int, scales: int) -> list[int]:
    """Evaluations of each scale, from coarse to fine: half as many again for the coarser one."""
    weights = [COARSER**level for level in reversed(range(scales))]
    free = steps - scales  # each has one
    ends = [i + 1 + round(free * sum(weights[: i + 1]) / sum(weights)) for i in range(scales)]
    return [end - start for start, end in zip([0, *ends], ends, strict=False)]


@contextmanager
def _memory_errors(
    encoder: Encoder, height: int, width: int, device: torch.device
) -> Iterator[None]:
    """Turn running out of memory into a sentence with the size that fits."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        text = str(error).lower()
        if not isinstance(error, MemoryError) and not any(words in text for words in EXHAUSTED):
            raise
        free = free_bytes(device)
        hint = ""
        if free is not None:
            hint = f" --size {size_that_fits(encoder, height, width, free)} fits at once;"
        raise VisionError(
            f"The memory does not hold {height} × {width} pixels.{hint} smaller tiles, such as "
            "--tile 256, take less."
        ) from error


def _device(name: str) -> torch.device:
    """The device of that name.

    Raises
    ------
    VisionError
        There is none.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise VisionError(f"There is no device {name!r} here; choose cpu or auto.") from error
    return device
