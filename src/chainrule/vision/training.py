"""Train an image classifier: schedules, mixed precision, checkpoints, one process or several."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from chainrule.optim.optimizer import Schedule
from chainrule.optim.schedules import constant, exponential, one_cycle, special
from chainrule.vision.checkpoints import load_checkpoint, read_state, save_checkpoint
from chainrule.vision.distributed import ALONE, World
from chainrule.vision.errors import VisionError
from chainrule.vision.evaluation import evaluate
from chainrule.vision.memory import is_out_of_memory, too_large
from chainrule.vision.pipeline import ImageSet, next_batch, order
from chainrule.vision.precision import Precision, choose_precision

SCHEMES = ("constant", "annealed", "special", "one-cycle")
PROBE_IMAGES = 64
CHECKPOINT_SECONDS = 60.0


@dataclass(frozen=True)
class Settings:
    """How to train.

    Attributes
    ----------
    epochs : int
    batch_size : int
        Images per step and process.
    scheme : {"constant", "annealed", "special", "one-cycle"}
        The learning rate: always `rate`; the previous rate times `factor` in every step, from
        `rate` on; the triangle and tail of document 001 §4 (e) with `rate` at the top and
        `special_epochs` as its length; or one cycle that rises to `rate` and falls to nearly 0.
    rate, factor, special_epochs : float
    momentum, weight_decay, label_smoothing : float
        Of stochastic gradient descent (PyTorch's SGD) and of the cross-entropy.
    nesterov, augment : bool
    optimizer : {"sgd", "adam"}
    precision : str
        See `chainrule.vision.precision.choose_precision`. What a probe chooses depends on the
        machine, and so do the last digits of the results; any other choice repeats exactly.
    seed : int
        Of the order, the augmentation and dropout. Initial parameters come with the model.
    """

    epochs: int = 1
    batch_size: int = 128
    scheme: str = "one-cycle"
    rate: float = 0.1
    factor: float = 0.99
    special_epochs: float = 4.0
    momentum: float = 0.9
    weight_decay: float = 5e-4
    label_smoothing: float = 0.0
    nesterov: bool = False
    augment: bool = True
    optimizer: str = "sgd"
    precision: str = "float32 channels-last"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.scheme not in SCHEMES:
            raise VisionError(f"The scheme is {self.scheme!r}; expected {', '.join(SCHEMES)}.")
        if self.optimizer not in ("sgd", "adam"):
            raise VisionError(f"The optimizer is {self.optimizer!r}; expected 'sgd' or 'adam'.")
        if self.epochs < 1 or self.batch_size < 1:
            raise VisionError(
                f"{self.epochs} epochs of batches of {self.batch_size} cannot be trained; both "
                "are at least 1."
            )

    def schedule(self, steps_per_epoch: int) -> Schedule:
        """Learning rate of each step, counted from 0 over all epochs.

        Parameters
        ----------
        steps_per_epoch : int

        Returns
        -------
        Schedule
        """
        if self.scheme == "constant":
            return constant(self.rate)
        if self.scheme == "annealed":
            return exponential(self.rate * self.factor, self.factor)
        if self.scheme == "special":
            return special(steps_per_epoch, maximum=self.rate, epochs=self.special_epochs)
        steps = max(steps_per_epoch * self.epochs, 5)
        return one_cycle(self.rate, steps, rise=0.25, anneal="linear")


@dataclass(frozen=True)
class Epoch:
    """One row of the history: after so many epochs.

    Attributes
    ----------
    epoch : int
    train_loss, train_accuracy : float
        Means over the epoch's batches as they were trained on, augmented, in training mode.
    validation_loss, validation_accuracy : float
        In evaluation mode, of the parameters at the end of the epoch.
    rate : float
        Of the last step.
    seconds : float
        Of training, without the validation.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    rate: float
    seconds: float


def train(
    model: nn.Module,
    training: ImageSet,
    validation: ImageSet,
    settings: Settings,
    *,
    checkpoint: Path | None = None,
    world: World = ALONE,
    on_step: Callable[[int, int, float], None] | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> list[Epoch]:
    """Train `model` in place, from `checkpoint` on if that file exists.

    Parameters
    ----------
    model : Module
    training, validation : ImageSet
        Only the first is augmented, and only if the settings say so.
    settings : Settings
    checkpoint : Path, optional
        Written about every minute and after each epoch. A run that resumes from it, with the same
        number of processes on a CPU, gives the same parameters bit for bit.
    world : World, optional
        The processes that train together; the rate grows with their number, linearly, after a
        warm-up over the first epoch (P. Goyal et al., "Accurate, large minibatch SGD",
        arXiv:1706.02677).
    on_step : callable, optional
        Called with epoch, position in it (images done) and the loss of this process's share.
    on_epoch : callable, optional
        Called with each new row of the history.

    Returns
    -------
    list of Epoch

    Raises
    ------
    VisionError
        The checkpoint is of other settings; the loss is not finite.
    """
    device = world.device
    model.to(device)
    state: dict[str, Any] = {"epoch": 0, "position": 0, "sums": [0.0, 0.0, 0.0], "history": []}
    known = checkpoint is not None and checkpoint.exists()
    if checkpoint is not None and known:
        state = read_state(checkpoint)
        _same(settings, state["settings"], checkpoint)
        settings = replace(settings, precision=state["precision"])
    probe = training.batch(np.arange(min(PROBE_IMAGES, len(training))), None, device)
    wanted = settings.precision
    precision = Precision(world.agree(lambda: choose_precision(wanted, model, *probe).name))
    model.to(memory_format=precision.memory_format)
    optimizer = _optimizer(model, settings)
    if checkpoint is not None and known:
        load_checkpoint(checkpoint, model, optimizer)
    wrapped = world.wrap(model)
    history = [Epoch(**row) for row in state["history"]]
    loop = _Loop(wrapped, training, settings, precision, world, optimizer)

    def save(epoch: int, position: int, sums: list[float]) -> None:
        if checkpoint is None or world.rank != 0:
            return
        rows = [asdict(row) for row in history]
        kept = {"epoch": epoch, "position": position, "sums": sums, "history": rows}
        kept |= {"settings": asdict(settings), "precision": precision.name}
        save_checkpoint(checkpoint, model, optimizer, kept)

    position, sums = state["position"], list(state["sums"])
    for epoch in range(state["epoch"], settings.epochs):
        sums = loop.epoch(epoch, position, sums, save, on_step)
        total = world.total(sums)
        validated = evaluate(model, validation, precision, device)
        row = Epoch(
            epoch + 1,
            total[0] / len(training),
            total[1] / len(training),
            validated.loss,
            validated.accuracy,
            loop.rate,
            total[2] / world.size,
        )
        history.append(row)
        position, sums = 0, [0.0, 0.0, 0.0]
        save(epoch + 1, 0, sums)
        if on_epoch is not None:
            on_epoch(row)
    return history


class _Loop:
    """The steps of an epoch, of this process's share of every batch."""

    def __init__(
        self,
        model: nn.Module,
        training: ImageSet,
        settings: Settings,
        precision: Precision,
        world: World,
        optimizer: torch.optim.Optimizer,
    ) -> None:
        self.model, self.training, self.settings = model, training, settings
        self.precision, self.world, self.optimizer = precision, world, optimizer
        self.batch_size = settings.batch_size * world.size
        self.steps = -(-len(training) // self.batch_size)
        self.schedule = settings.schedule(self.steps)
        self.rate = 0.0
        if len(training) < world.size:
            raise VisionError(f"{len(training)} images cannot be shared by {world.size} processes.")

    def epoch(
        self,
        epoch: int,
        position: int,
        sums: list[float],
        save: Callable[[int, int, list[float]], None],
        on_step: Callable[[int, int, float], None] | None,
    ) -> list[float]:
        """Train from `position` to the end; sums of the loss, of right answers, and seconds."""
        count, settings, device = len(self.training), self.settings, self.world.device
        chosen = order(count, settings.seed, epoch)
        draws = self.training.draws(settings.seed, epoch) if settings.augment else None
        self.model.train()
        found = torch.zeros(2, dtype=torch.float64, device=device)
        start = saved = time.perf_counter()
        while position < count:
            end = next_batch(position, count, self.batch_size)
            self.rate = self._set_rate(epoch, position)
            first, last = self.world.share(position, end)
            images, labels = self.training.batch(chosen[first:last], draws, device)
            images = images.contiguous(memory_format=self.precision.memory_format)
            # Dropout depends on where the run stands only, so that a resumed run draws the same.
            torch.manual_seed(_mixed(settings.seed, epoch, position, self.world.rank))
            # Processes average their gradients; shares of unequal size weigh accordingly.
            share = self.world.size * (last - first) / (end - position)
            logits, loss = self._fitting_gradients(images, labels, share)
            self.optimizer.step()
            with torch.no_grad():
                right = (logits.argmax(1) == labels).sum()
                found += torch.stack([loss.detach().double() * (last - first), right.double()])
            position = end
            if on_step is not None:
                on_step(epoch, position, float(loss.detach()))
            now = time.perf_counter()
            if now - saved > CHECKPOINT_SECONDS and position < count and self.world.size == 1:
                save(epoch, position, self._sums(found, sums, now - start))
                saved = now
        total = self._sums(found, sums, time.perf_counter() - start)
        if not np.isfinite(total[0]):
            raise VisionError(
                f"The loss is not finite in epoch {epoch + 1}; take a smaller rate than "
                f"{settings.rate:g}."
            )
        return total

    def _fitting_gradients(
        self, images: Tensor, labels: Tensor, share: float
    ) -> tuple[Tensor, Tensor]:
        """As `_gradients`; where memory does not suffice, the error says what size fits."""
        try:
            return self._gradients(images, labels, share)
        except (RuntimeError, MemoryError) as error:
            if self.world.size > 1 or not is_out_of_memory(error):
                raise
            raise too_large(
                len(images), lambda count: self._gradients(images[:count], labels[:count], share)
            ) from error

    def _gradients(self, images: Tensor, labels: Tensor, share: float) -> tuple[Tensor, Tensor]:
        """Logits and loss of a batch; the gradients, times `share`, lie in the parameters."""
        with self.precision.autocast(self.world.device):
            logits = self.model(images)
            loss = nn.functional.cross_entropy(
                logits.float(), labels, label_smoothing=self.settings.label_smoothing
            )
        self.optimizer.zero_grad(set_to_none=True)
        (loss if share == 1 else loss * share).backward()
        return logits, loss

    def _set_rate(self, epoch: int, position: int) -> float:
        progress = epoch + position / len(self.training)
        step = epoch * self.steps + round(position / len(self.training) * self.steps)
        rate = self.schedule(step) * (1 + (self.world.size - 1) * min(1.0, progress))
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group.get("share", 1.0)
        return rate

    @staticmethod
    def _sums(found: Tensor, before: list[float], seconds: float) -> list[float]:
        loss, right = found.tolist()
        return [before[0] + loss, before[1] + right, before[2] + seconds]


def _optimizer(model: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """Groups of parameters may carry their share of the rate: module attribute `rate_share`."""
    groups: dict[float, list[nn.Parameter]] = {}
    shares = {
        id(parameter): float(getattr(module, "rate_share"))  # noqa: B009
        for module in model.modules()
        if hasattr(module, "rate_share")
        for parameter in module.parameters()
    }
    for parameter in model.parameters():
        if parameter.requires_grad:
            groups.setdefault(shares.get(id(parameter), 1.0), []).append(parameter)
    listed = [{"params": each, "share": share} for share, each in groups.items()]
    if settings.optimizer == "adam":
        return torch.optim.Adam(
            listed, settings.rate, weight_decay=settings.weight_decay, fused=True
        )
    return torch.optim.SGD(
        listed,
        settings.rate,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
        nesterov=settings.nesterov,
        fused=True,
    )


def _same(settings: Settings, stored: dict[str, Any], path: Path) -> None:
    """Refuse a checkpoint of other settings; what was chosen by the probe stays chosen."""
    for name, value in asdict(settings).items():
        if name != "precision" and stored.get(name) != value:
            raise VisionError(
                f"The checkpoint {path} was made with {name} = {stored.get(name)!r} and this run "
                f"has {value!r}. Use the same settings, or another file."
            )


def _mixed(*parts: int) -> int:
    """One seed out of several numbers."""
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> np.uint64(1))
