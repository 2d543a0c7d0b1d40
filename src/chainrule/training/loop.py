"""The training loop: epochs of batches, measured, checkpointed and stopped."""

from __future__ import annotations

import dataclasses
import operator
import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.engine.errors import InvalidInput
from chainrule.engine.trees import flatten, tree_map
from chainrule.engine.wording import counted
from chainrule.nn.layers import Layer
from chainrule.optim.optimizer import Optimizer, Schedule, Transform, as_schedule
from chainrule.training.batches import DRAWS, Batches, checked_data, checked_seed, generator
from chainrule.training.descent import Descent
from chainrule.training.errors import NonFiniteLoss
from chainrule.training.given import (
    check_alike,
    check_options,
    converted,
    dtype_of_params,
    first_examples,
)
from chainrule.training.history import History, norms
from chainrule.training.nonfinite import explanation
from chainrule.training.objective import Objective, objective
from chainrule.training.resume import Keeper
from chainrule.training.stopping import EarlyStopping, Watch
from chainrule.training.trainer import NotFinite, Trainer

Callback = Callable[["Progress"], Any]


@dataclass(frozen=True)
class Progress:
    """What a callback is given after every epoch.

    Attributes
    ----------
    epoch : int
        From 1.
    row : dict
        The epoch's measurements.
    params, state
        As they are now; they change with the next step, so copy what is to be kept.
    history : History
    """

    epoch: int
    row: dict[str, float]
    params: Any
    state: Any
    history: History


@dataclass(frozen=True)
class Result:
    """What a training gave.

    Attributes
    ----------
    params : tree of arrays
        After the last epoch, or the best one if early stopping restores it.
    state : tree or None
        Running statistics that belong to them.
    optimizer_state : named tuple
        After the last step.
    history : History
    epochs, steps : int
        Done in all, including those before a resume.
    seconds : float
        Of this call.
    stopped : str
        Why before the last epoch; empty if not.
    compiled : bool
        Whether the loss ran as a compiled program.
    notes : tuple of str
        What the caller should know, such as why it was not compiled.
    """

    params: Any
    state: Any
    optimizer_state: Any
    history: History
    epochs: int
    steps: int
    seconds: float
    stopped: str
    compiled: bool
    notes: tuple[str, ...]


def fit(
    model: Any,
    params: Any,
    data: Any,
    *,
    optimizer: Optimizer,
    epochs: int,
    batch_size: int,
    loss: Callable[..., Any] | None = None,
    accuracy: Callable[..., Any] | None = None,
    validation: Any = None,
    seed: int = 0,
    shuffle: bool = True,
    schedule: float | Schedule | None = None,
    clip: Transform | None = None,
    draw: Callable[..., Any] | None = None,
    state: Any = None,
    norms: bool = True,
    evaluate_train: bool | int = False,
    callbacks: Sequence[Callback] = (),
    early_stopping: EarlyStopping | int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int = 1,
    tensorboard: str | os.PathLike[str] | None = None,
    progress: bool = False,
    on_nonfinite: str = "raise",
    compile: bool = True,
    fast: bool = False,
) -> Result:
    """Minimise a loss over a data set by steps on batches.

    Parameters
    ----------
    model : chainrule.nn.Layer or callable
        A network, usually a `chainrule.nn.Sequential`; or a loss function
        ``model(params, *batch) -> scalar``, the mean over the examples of the batch.
    params : tree of arrays, or None
        Where to begin, of one floating-point dtype; copied. None takes ``model.init(seed)``.
    data : array or tuple of arrays
        With the examples along the first axis; for a network (inputs, targets), of which
        floating-point inputs are converted to the dtype of the parameters.
    optimizer : Optimizer
        Of `chainrule.optim`.
    epochs : int
        Passes over the data, in all: a resumed run counts those done before.
    batch_size : int
        The last batch of an epoch is divided by its own size. Larger than the set, every batch is
        the whole set, and ``notes`` of the result say so.
    loss : callable
        For a network: ``loss(predictions, targets) -> scalar``, a mean over examples.
    accuracy : callable, optional
        ``accuracy(predictions, targets)``, or for a loss function ``accuracy(params, *batch)``: a
        fraction. The cross-entropies and hinge of `chainrule.nn` bring their own.
    validation : like ``data``, optional
        Evaluated after every epoch.
    seed : int
        Of the order of examples and of dropout.
    shuffle : bool
        Whether every epoch has another order.
    schedule : float or callable, optional
        Learning rate in place of the optimizer's, by the number of steps done.
    clip : callable, optional
        A gradient transform such as ``optim.clip_by_norm(1.0)``.
    draw : callable, optional
        For a loss function that needs randomness: ``draw(rng, *batch)`` gives what it takes after
        the batch, a value or a tuple of values, drawn anew for every step.
    state : tree, optional
        Running statistics to go on with, as in the result of an earlier call.
    norms : bool
        Whether to measure norms of weights and gradients, at the last step of every epoch.
    evaluate_train : bool or int
        Whether to evaluate the training set too after every epoch, or how many examples of it, the
        first ones: ``evaluated_train_loss`` and ``train_accuracy``.
    callbacks : sequence of callable
        Called with a `Progress` after every epoch; one that returns True stops the training.
    early_stopping : EarlyStopping or int, optional
        A number is the patience.
    checkpoint : path, optional
        Directory of a checkpoint. If it holds one, the training continues from there and ends with
        the same bits as if it had never stopped; otherwise one is written.
    checkpoint_every : int
        In epochs.
    tensorboard : path, optional
        Directory of event files.
    progress : bool
        Show a bar on a terminal.
    on_nonfinite : {"raise", "stop"}
        What to do when the loss or its gradient is NaN or infinite.
    compile : bool
        Whether to run a compiled program; a loss that cannot be compiled is run as written.
    fast : bool
        Run plain gradient descent as machine code made by numba, which the extra ``fast`` installs;
        numbers then agree with the ordinary ones to rounding. The updates of Adam and AdamW are
        one loop then, with the same bits.

    Returns
    -------
    Result

    Raises
    ------
    InvalidInput
        An argument does not fit, labels are outside of the classes, arrays are empty, unequal or
        not finite; ``fast`` with neither plain gradient descent nor Adam.
    MissingExtra, UnsupportedKernel
        ``fast`` without numba, or for a loss with a function that has no kernel.
    NonFiniteLoss
        With the first operation and source line that gave NaN or infinity.
    CheckpointError
        A checkpoint is damaged or belongs to another run.

    Examples
    --------
    >>> import numpy as np
    >>> from chainrule import nn, optim, training
    >>> x = np.random.default_rng(0).standard_normal((200, 2))
    >>> labels = (x[:, 0] > x[:, 1]).astype(int)
    >>> model = nn.Sequential(nn.Linear(2, 8), nn.tanh, nn.Linear(8, 2))
    >>> result = training.fit(
    ...     model, None, (x, labels), loss=nn.cross_entropy, optimizer=optim.adam(0.03),
    ...     epochs=20, batch_size=20, evaluate_train=True,
    ... )
    >>> bool(result.history["train_accuracy"][-1] > 0.97)
    True
    """
    began = time.perf_counter()
    check_options(optimizer, epochs, evaluate_train, checkpoint_every, on_nonfinite)
    seed = checked_seed(seed)
    if params is None:
        if not isinstance(model, Layer):
            raise InvalidInput("params is None, which only a network can make; give the first.")
        params = model.init(seed)
    if schedule is not None:
        optimizer = dataclasses.replace(optimizer, schedule=as_schedule(schedule))
    if clip is not None:
        optimizer = dataclasses.replace(optimizer, transforms=(*optimizer.transforms, clip))
    dtype = dtype_of_params(params)
    batches = Batches(converted(checked_data(data), model, dtype), batch_size, seed, shuffle)
    sought = objective(model, params, batches.data, loss, accuracy, draw, state, dtype)
    held_out = None
    if validation is not None:
        held_out = converted(checked_data(validation, "validation"), model, dtype)
        check_alike(batches.data, held_out)
    watch = None
    if early_stopping is not None:
        whole = isinstance(early_stopping, (int, np.integer))
        rule = EarlyStopping(early_stopping) if whole else early_stopping  # type: ignore[arg-type]
        watch = Watch(rule)  # type: ignore[arg-type]
    run = _Run(Trainer(sought, params, optimizer, compile), batches, held_out, watch, fast)
    run.norms, run.evaluate_train, run.callbacks = norms, evaluate_train, tuple(callbacks)
    run.stop_at_nonfinite = on_nonfinite == "stop"
    if operator.index(batch_size) > batches.count:
        run.notes.append(
            f"batch_size {batch_size} is larger than the set of {batches.count}, so every batch "
            f"was the whole set."
        )
    keeper = None if checkpoint is None else Keeper(checkpoint, run.trainer, batches, watch)
    if keeper is not None:
        run.epoch, run.history, run.stopped = keeper.resume()
    with ExitStack() as stack:
        sinks: list[Callable[[dict[str, float]], None]] = []
        if tensorboard is not None:
            from chainrule.training.tensorboard import EventWriter

            writer = stack.enter_context(EventWriter(tensorboard))
            sinks.append(lambda row: writer.scalars(int(row["step"]), row))
        if progress:
            from chainrule.training.bar import epochs_bar

            sinks.append(stack.enter_context(epochs_bar(epochs, run.epoch)))
        while run.epoch < epochs and not run.stopped:
            row = run.one_epoch()
            if row is not None:
                for sink in sinks:
                    sink(row)
            due = run.epoch % checkpoint_every == 0 or run.epoch == epochs or run.stopped
            if keeper is not None and due and row is not None:
                keeper.save(run.epoch, run.history, run.stopped)
    return run.result(began)


class _Run:
    """A training under way."""

    def __init__(
        self,
        trainer: Trainer,
        batches: Batches,
        validation: tuple[np.ndarray, ...] | None,
        watch: Watch | None,
        fast: bool = False,
    ) -> None:
        self.trainer, self.batches = trainer, batches
        self._descent = Descent(trainer, fast)
        self.validation, self.watch = validation, watch
        self.history = History()
        self.epoch = 0
        self.stopped = ""
        self.notes: list[str] = []
        self.callbacks: tuple[Callback, ...] = ()
        self.norms = True
        self.evaluate_train: bool | int = False
        self.stop_at_nonfinite = False
        self._paths = flatten(trainer.params)[1].paths("")

    def one_epoch(self) -> dict[str, float] | None:
        """Take the steps of an epoch and measure; None if they could not be finished."""
        trainer, batches = self.trainer, self.batches
        rng = None
        if trainer.objective.draws:
            rng = generator(batches.seed, DRAWS, self.epoch)
        order = batches.order(self.epoch)
        size, last = batches.batch_size, (len(batches) - 1) * batches.batch_size
        before, rate, total = None, 0.0, 0.0
        gather, step = batches.gather, trainer.step
        # The last step is always taken by itself: its gradient is measured.
        done = self._descent.run(batches.data, order[:last], size)
        if done is not None:
            total = done
        for start in range(0 if done is None else last, batches.count, size):
            chosen = order[start : start + size]
            batch = gather(chosen)
            if start == last:
                rate = trainer.rate
                before = trainer.copy()[1] if self.norms else None
            try:
                total += step(batch, rng) * len(chosen)
            except NotFinite as problem:
                self._not_finite(problem, batch, start)
                return None
        self.epoch += 1
        row = {
            "epoch": self.epoch, "step": trainer.steps, "learning_rate": rate,
            "train_loss": total / batches.count,
        }  # fmt: skip
        self._measure(row, before)
        self.history.append(row)
        self._consider(row)
        return row

    def _measure(self, row: dict[str, float], before: Any) -> None:
        trainer = self.trainer
        sought: Objective = trainer.objective
        if self.evaluate_train:
            chosen = first_examples(self.batches.data, self.evaluate_train)
            value, right = sought.evaluate(trainer.params, trainer.state, chosen)
            row["evaluated_train_loss"] = value
            if right is not None:
                row["train_accuracy"] = right
        if self.validation is not None:
            value, right = sought.evaluate(trainer.params, trainer.state, self.validation)
            row["validation_loss"] = value
            if right is not None:
                row["validation_accuracy"] = right
        if before is not None:
            weights = flatten(trainer.params)[0]
            gradients, olds = flatten(trainer.gradients)[0], flatten(before)[0]
            row.update(norms(self._paths, weights, gradients, olds))

    def _consider(self, row: dict[str, float]) -> None:
        """Callbacks and early stopping."""
        trainer = self.trainer
        seen = Progress(self.epoch, dict(row), trainer.params, trainer.state, self.history)
        for callback in self.callbacks:  # all of them, whichever asks to stop
            if callback(seen) is True:
                self.stopped = f"a callback stopped it after epoch {self.epoch}"
        watch = self.watch
        if watch is not None and watch.see(row, trainer.flat, trainer.state):
            self.stopped = (
                f"{watch.rule.column} did not improve for {counted(watch.waited, 'epoch')} after "
                f"epoch {watch.best_epoch}"
            )

    def _not_finite(self, problem: NotFinite, batch: tuple[np.ndarray, ...], start: int) -> None:
        trainer = self.trainer
        step = trainer.steps + 1
        rng = None
        if trainer.objective.draws:  # the same draws again, up to this batch
            rng = generator(self.batches.seed, DRAWS, self.epoch)
            order, size = self.batches.order(self.epoch), self.batches.batch_size
            for earlier in range(0, start, size):
                chosen = order[earlier : earlier + size]
                trainer.objective.draw(rng, tuple(x[chosen] for x in self.batches.data))
        arguments = trainer.arguments(batch, rng)
        cause = explanation(trainer.objective.loss, arguments, trainer.state is not None)
        message = f"{problem} at step {step} (epoch {self.epoch + 1}): {cause}"
        if not self.stop_at_nonfinite:
            raise NonFiniteLoss(message, self.history, step)
        self.stopped = message

    def result(self, began: float) -> Result:
        """What was reached."""
        trainer, watch = self.trainer, self.watch
        if watch is not None and watch.rule.restore and watch.flat is not None:
            trainer.flat[...] = watch.flat
            trainer.state = watch.state
        if trainer.why_not_compiled not in ("", "compile=False"):
            self.notes.append(f"not compiled: {trainer.why_not_compiled}")
        return Result(
            tree_map(_in_rows, trainer.params), trainer.state, trainer.optimizer_state,
            self.history, self.epoch, trainer.steps, time.perf_counter() - began, self.stopped,
            not trainer.why_not_compiled, tuple(self.notes),
        )  # fmt: skip


def _in_rows(leaf: np.ndarray) -> np.ndarray:
    return np.array(leaf, order="C")
