"""In which precision and memory layout to compute: measured at the start, not assumed.

Whether 16-bit convolutions are faster depends on the processor and the library's version, and so
does whether fewer multiplications are; each candidate evaluates the loss of a small picture, and it
must agree with float32 to be chosen.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from chainrule.vision.errors import VisionError
from chainrule.vision.style import winograd
from chainrule.vision.style.encoder import Encoder
from chainrule.vision.style.objective import Losses, Objective, Weights

#: Side of the picture that candidates are timed on.
SIDE = 256
#: A candidate is timed this often, or until this many seconds are spent; its fastest turn counts.
MOST_TURNS, ENOUGH = 3, 1.0
#: A candidate must be this much faster than what was chosen so far.
MARGIN = 0.93
#: Largest relative difference of the loss, and smallest cosine of the gradients, to float32.
LOSS_DIFFERENCE, COSINE = 0.01, 0.98
NAMES = ("auto", "float32", "bfloat16", "float64")


@dataclass(frozen=True)
class Candidate:
    """A precision and layout, its time for one evaluation, and how far it is from float32.

    Attributes
    ----------
    name : str
        Such as "bfloat16, channels last".
    seconds, loss_difference, cosine : float
    """

    name: str
    seconds: float
    loss_difference: float
    cosine: float

    @property
    def agrees(self) -> bool:
        """Whether it may be used."""
        return self.loss_difference <= LOSS_DIFFERENCE and self.cosine >= COSINE


def chosen_encoder(
    encoder: Encoder, weights: Weights, image: Tensor, style: Tensor, precision: str = "auto"
) -> tuple[Encoder, list[Candidate]]:
    """The encoder in the fastest precision that agrees with float32.

    Parameters
    ----------
    encoder : Encoder
        In float32.
    weights : Weights
    image, style : tensor, shape (1, 3, height, width)
        The content and style pictures; a part of `image` is evaluated against the rest of it.
    precision : {"auto", "float32", "bfloat16", "float64"}
        Without a probe unless "auto".

    Returns
    -------
    encoder : Encoder
    candidates : list of Candidate
        What was measured, the chosen one first; empty without a probe.

    Raises
    ------
    VisionError
        Unknown precision.
    """
    device = image.device
    if precision not in NAMES:
        raise VisionError(f"The precision is {precision!r}; choose {', '.join(NAMES)}.")
    if precision != "auto":
        dtype: torch.dtype = getattr(torch, precision)
        return encoder.to(dtype, precision != "float64", device), []
    weights = replace(weights, variation=0.0)
    part = image[:, :, :SIDE, :SIDE].contiguous()
    target = style[:, :, :SIDE, :SIDE].contiguous()
    start = torch.flip(part, [2, 3])  # a picture that is not its own target
    probe = _Probe(weights, part, target, start)
    for layout in (False, True):
        probe.try_out(encoder.to(torch.float32, layout, device))
    if _has_bfloat16(device):
        # The more exact one first: of few channels, a first block in float32 is about as fast.
        for blocks in (1, 0):
            probe.try_out(encoder.to(torch.bfloat16, True, device, exact_blocks=blocks))
        if not any(candidate.agrees for candidate in probe.measured[-2:]):
            probe.try_out(encoder.to(torch.bfloat16, True, device, exact_blocks=2))
    chosen = probe.chosen
    if device.type == "cpu" and _has_many_channels(chosen):
        probe.try_out(replace(chosen, winograd=True))
    best = probe.best
    return probe.chosen, [best, *(each for each in probe.measured if each is not best)]


class _Probe:
    """Candidates tried one after the other; of those not chosen only the figures are kept, for
    each has weights of its own.

    Parameters
    ----------
    weights : Weights
    content, style, start : tensor, shape (1, 3, height, width)
        The loss of `start` is evaluated.
    """

    chosen: Encoder
    best: Candidate

    def __init__(self, weights: Weights, content: Tensor, style: Tensor, start: Tensor) -> None:
        self.weights = weights
        self.content, self.style, self.start = content, style, start
        self.measured: list[Candidate] = []
        self._reference: tuple[float, Tensor] | None = None

    def try_out(self, encoder: Encoder) -> None:
        """Measure a candidate; choose it if it is the first, or agrees with it and is faster."""
        objective = Objective(encoder, self.weights, self.content, [(self.style, 1.0)])
        seconds, losses, gradient = _timed(objective, self.start)
        if self._reference is None:
            self._reference = losses.total, gradient
        total, right = self._reference
        candidate = Candidate(
            encoder.precision,
            seconds,
            abs(losses.total - total) / max(abs(total), 1e-30),
            float(torch.nn.functional.cosine_similarity(gradient.flatten(), right.flatten(), 0)),
        )
        self.measured.append(candidate)
        first = len(self.measured) == 1
        if first or (candidate.agrees and seconds < MARGIN * self.best.seconds):
            self.best, self.chosen = candidate, encoder


def _timed(objective: Objective, image: Tensor) -> tuple[float, Losses, Tensor]:
    """The time of the fastest of a few evaluations, and its result."""
    losses, gradient = objective(image)  # the first call of a shape prepares it
    seconds, spent = math.inf, 0.0
    for _ in range(MOST_TURNS):
        _synchronise(image.device)
        begin = time.perf_counter()
        losses, gradient = objective(image)
        _synchronise(image.device)
        turn = time.perf_counter() - begin
        seconds, spent = min(seconds, turn), spent + turn
        if spent > ENOUGH:
            break
    return seconds, losses, gradient


def _has_many_channels(encoder: Encoder) -> bool:
    """Whether the fast algorithm has convolutions to take over."""
    return not encoder.reflect and any(
        step.weight is not None and winograd.suits(step.weight, SIDE, SIDE)
        for step in encoder.steps
    )


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return device.type == "cpu"


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
