"""Minimising a loss over a picture whose values stay in [0, 1]: L-BFGS and Adam, both guarded.

A loss that is not finite never becomes the current picture: the step is taken back and made
smaller. Both are generators that yield after every evaluation, so that the caller shows progress,
stops, and counts cost in the same unit.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from chainrule.vision.errors import VisionError
from chainrule.vision.style.objective import Losses

Function = Callable[[Tensor], tuple[Losses, Tensor]]

#: Pairs of differences that L-BFGS remembers.
MEMORY = 10
#: A step must not be worse than the worst of this many last losses, less the expected descent.
PATIENCE = 5
SUFFICIENT = 1e-4
MOST_HALVINGS = 8
#: Largest change of a pixel in a first step, while the curvature is unknown.
FIRST_CHANGE = 0.05


@dataclass
class State:
    """Where a minimisation stands.

    Attributes
    ----------
    image : tensor, shape (1, 3, height, width)
        The current picture, in [0, 1].
    losses : Losses
        Of the current picture.
    note : str
        Says that a step was taken back or that no descent is possible any more; else empty.
    finished : bool
        Whether the minimiser gave up.
    """

    image: Tensor
    losses: Losses
    note: str = ""
    finished: bool = False


def lbfgs(function: Function, image: Tensor) -> Iterator[State]:
    """Limited-memory BFGS with projection onto [0, 1] and a line search.

    J. Nocedal, "Updating quasi-Newton matrices with limited storage", Math. Comp. 35 (1980), with
    the non-monotone rule of L. Grippo, F. Lampariello, S. Lucidi, SIAM J. Numer. Anal. 23 (1986):
    ReLUs, maxima and 16-bit arithmetic make the loss too rough for strict descent. Pixels at a
    bound that the gradient pushes outwards are held. When no step along the direction descends,
    the memory is dropped; when the gradient's own direction does not, the search ends.

    Parameters
    ----------
    function : callable
        Losses and gradient of a picture.
    image : tensor, shape (1, 3, height, width)
        Start, in [0, 1].

    Yields
    ------
    State
        After every evaluation.

    Raises
    ------
    VisionError
        The loss of the start is not finite.
    """
    x = image.clone()
    losses, g = function(x)
    _require_finite(losses)
    state = State(x, losses)
    yield state
    pairs: deque[tuple[Tensor, Tensor, float]] = deque(maxlen=MEMORY)
    recent: deque[float] = deque([losses.total], maxlen=PATIENCE)
    while True:
        free = ~(((x <= 0) & (g > 0)) | ((x >= 1) & (g < 0)))
        direction = _direction(g * free, pairs).mul_(free)
        if not pairs or float((direction * g).sum()) >= 0:
            pairs.clear()
            direction = -g * free
        largest = float(direction.abs().max())
        if largest == 0 or not math.isfinite(largest):
            state.note, state.finished = "the gradient is zero", True
            yield state
            return
        length = 1.0 if pairs else FIRST_CHANGE / largest
        for _ in range(MOST_HALVINGS):
            there = (x + length * direction).clamp_(0, 1)
            found, slope = function(there)
            step = there - x
            bound = max(recent) + SUFFICIENT * float((g * step).sum())
            if math.isfinite(found.total) and found.total <= bound:
                break
            state.note = "" if math.isfinite(found.total) else "a step that was not finite"
            yield state
            length /= 2
        else:
            if pairs:
                pairs.clear()
                continue
            state.note, state.finished = "no step descends any more", True
            yield state
            return
        change = slope - g
        curvature = float((step * change).sum())
        if curvature > 1e-10 * float(step.norm() * change.norm()):
            pairs.append((step, change, curvature))
        x, g = there, slope
        recent.append(found.total)
        state = State(x, found)
        yield state


def _direction(g: Tensor, pairs: deque[tuple[Tensor, Tensor, float]]) -> Tensor:
    """−H g by the two loops over the remembered pairs (Nocedal 1980)."""
    q = g.clone()
    factors = []
    for step, change, curvature in reversed(pairs):
        factor = float((step * q).sum()) / curvature
        q.sub_(change, alpha=factor)
        factors.append(factor)
    if pairs:
        _, change, curvature = pairs[-1]
        q.mul_(curvature / float((change * change).sum()))
    for (step, change, curvature), factor in zip(pairs, reversed(factors), strict=True):
        q.add_(step, alpha=factor - float((change * q).sum()) / curvature)
    return q.neg_()


def adam(
    function: Function,
    image: Tensor,
    rate: float = 5 / 255,
    betas: tuple[float, float] = (0.9, 0.99),
) -> Iterator[State]:
    """Adam (D. Kingma, J. Ba, ICLR 2015, algorithm 1), the picture clipped to [0, 1] each step.

    Parameters
    ----------
    function, image
        As of `lbfgs`.
    rate : float
        Learning rate: about the change of a pixel in a step.
    betas : (float, float)

    Yields
    ------
    State
        After every evaluation. After a loss that is not finite the moments start anew from the
        last good picture with half the rate.

    Raises
    ------
    VisionError
        The loss of the start is not finite.
    """
    x = image.clone()
    losses, g = function(x)
    _require_finite(losses)
    state = State(x, losses)
    yield state
    first, second = torch.zeros_like(x), torch.zeros_like(x)
    count = 0
    while True:
        count += 1
        first.lerp_(g, 1 - betas[0])
        second.mul_(betas[1]).addcmul_(g, g, value=1 - betas[1])
        scale = math.sqrt(1 - betas[1] ** count) / (1 - betas[0] ** count)
        # A gradient of float32 may be tiny: epsilon only keeps 0 / 0 from being NaN.
        there = (x - rate * scale * first / (second.sqrt() + 1e-30)).clamp_(0, 1)
        found, slope = function(there)
        if math.isfinite(found.total) and bool(torch.isfinite(slope).all()):
            x, g = there, slope
            state = State(x, found)
        else:
            rate /= 2
            count = 0
            first.zero_()
            second.zero_()
            state.note = "a step that was not finite"
            if rate < 1e-6:
                state.finished = True
        yield state
        if state.finished:
            return


def _require_finite(losses: Losses) -> None:
    if not math.isfinite(losses.total):
        raise VisionError(
            "The loss of the first picture is not finite: smaller weights, or other encoder "
            "weights, are needed."
        )
