"""A run's checkpoint: what of a trainer is kept, and put back bit for bit."""

from __future__ import annotations

import os
import zlib
from typing import Any

import numpy as np

from chainrule.engine.trees import flatten
from chainrule.training.batches import Batches
from chainrule.training.checkpoints import (
    Checkpoint,
    architecture_of,
    check_fits,
    load_checkpoint,
    save_checkpoint,
)
from chainrule.training.history import History
from chainrule.training.stopping import Watch
from chainrule.training.trainer import Trainer


class Keeper:
    """Writes and reads the checkpoint of one run.

    Parameters
    ----------
    directory : path
    trainer : Trainer
    batches : Batches
    watch : Watch or None
        Early stopping.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        trainer: Trainer,
        batches: Batches,
        watch: Watch | None,
    ) -> None:
        self.directory = directory
        self.trainer, self.batches, self.watch = trainer, batches, watch
        leaves, structure = flatten(trainer.params)
        self.architecture = architecture_of(structure.paths("params"), leaves)
        self.settings = {
            "batch size": batches.batch_size,
            "seed": batches.seed,
            "shuffle": batches.shuffle,
            "data": [f"{x.dtype}{list(x.shape)} {_sample(x):08x}" for x in batches.data],
            "optimizer state": type(trainer.optimizer_state).__name__,
            "early stopping": None if watch is None else watch.rule.column,
        }

    def save(self, epoch: int, history: History, stopped: str) -> None:
        """Write everything after an epoch."""
        trainer, watch = self.trainer, self.watch
        arrays = dict(_named("params", trainer.params))
        for name in trainer.optimizer.slots:
            arrays.update(_named(f"optimizer.{name}", getattr(trainer.optimizer_state, name)))
        arrays.update(_named("state", trainer.state))
        progress: dict[str, Any] = {
            "epoch": epoch, "steps": trainer.steps, "stopped": stopped, "history": history.rows(),
        }  # fmt: skip
        if watch is not None and watch.flat is not None:
            arrays["best.params"] = watch.flat
            arrays.update(_named("best.state", watch.state))
            progress["best"] = [watch.best, watch.best_epoch, watch.waited]
        save_checkpoint(
            self.directory, Checkpoint(arrays, self.architecture, self.settings, progress)
        )

    def resume(self) -> tuple[int, History, str]:
        """Put back what is there: epochs done, history, and why the run stopped.

        Raises
        ------
        CheckpointError
            It is damaged or belongs to another run.
        """
        held = load_checkpoint(self.directory)
        if held is None:
            return 0, History(), ""
        check_fits(held, self.architecture, self.settings, self.directory)
        trainer, watch, progress = self.trainer, self.watch, held.progress
        for own, new in _pairs("params", trainer.params, held.arrays):
            own[...] = new
        for name in trainer.optimizer.slots:
            slot = getattr(trainer.optimizer_state, name)
            for own, new in _pairs(f"optimizer.{name}", slot, held.arrays):
                own[...] = new
        trainer.optimizer_state = trainer.optimizer_state._replace(steps=progress["steps"])
        trainer.state = _rebuilt("state", trainer.state, held.arrays)
        if watch is not None and "best" in progress:
            watch.best, watch.best_epoch, watch.waited = progress["best"]
            watch.flat = held.arrays["best.params"].copy()
            watch.state = _rebuilt("best.state", trainer.state, held.arrays)
        return progress["epoch"], History(progress["history"]), progress["stopped"]


def _named(name: str, tree: Any) -> list[tuple[str, np.ndarray]]:
    leaves, structure = flatten(tree)
    return list(zip(structure.paths(name), leaves, strict=True))


def _pairs(name: str, tree: Any, arrays: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(own, arrays[path]) for path, own in _named(name, tree)]


def _rebuilt(name: str, tree: Any, arrays: Any) -> Any:
    structure = flatten(tree)[1]
    return structure.unflatten([arrays[path].copy() for path, _ in _named(name, tree)])


def _sample(array: np.ndarray) -> int:
    """A checksum of some examples, to notice other data of the same shape."""
    chosen = np.linspace(0, len(array) - 1, min(len(array), 64)).astype(int)
    return zlib.crc32(np.ascontiguousarray(array[chosen]).tobytes())
