"""Plain stochastic gradient descent, many steps at a time.

Without momentum, clipping, running statistics or random layers, a step is a gradient and a
subtraction. `chainrule.programs.epochs` takes such steps with less between them than
`chainrule.training.trainer`, or as machine code without Python between them at all.
"""

from __future__ import annotations

import math

import numpy as np

from chainrule.engine.errors import InvalidInput
from chainrule.optim.descent import DescentState
from chainrule.programs.epochs import SgdProgram
from chainrule.training.one_pass import one_pass
from chainrule.training.trainer import Trainer


class Descent:
    """Many steps of a trainer's plain gradient descent.

    Parameters
    ----------
    trainer : Trainer
        Whose parameters and number of steps are moved on.
    fast : bool
        Whether to run as machine code made by numba.

    Raises
    ------
    InvalidInput
        With ``fast``: the steps are neither plain gradient descent nor Adam's.
    MissingExtra
        With ``fast``: numba is not installed.
    """

    def __init__(self, trainer: Trainer, fast: bool = False) -> None:
        self._trainer = trainer
        why = _more_than_descent(trainer)
        if fast and why:
            trainer.update_at_once = one_pass(trainer.optimizer)
            if trainer.update_at_once is None:
                raise InvalidInput(
                    f"fast=True runs plain gradient descent and the updates of Adam, and here "
                    f"{why}; leave it out."
                )
        self._program = None
        if not why and not trainer.why_not_compiled:
            self._program = SgdProgram(trainer.function, trainer.stored, fast)
        self._fast = fast

    def run(self, data: tuple[np.ndarray, ...], order: np.ndarray, batch_size: int) -> float | None:
        """Take the steps of full batches.

        Parameters
        ----------
        data : tuple of arrays
        order : array of int
            Numbers of examples; a multiple of ``batch_size`` of them.
        batch_size : int

        Returns
        -------
        float or None
            The sum of the losses of all examples; None, with nothing changed, if these steps are
            not for this class or end in NaN or infinity.
        """
        program, trainer = self._program, self._trainer
        if program is None or not len(order):
            return None
        rates = [trainer.optimizer.rate_after(trainer.steps + i)
                 for i in range(len(order) // batch_size)]  # fmt: skip
        starts = [i for i in range(len(rates)) if not i or rates[i] != rates[i - 1]]
        if not self._fast and 4 * len(starts) > len(rates) > 4:
            return None
        program.flat[...] = trainer.flat
        total = 0.0
        try:
            for start, end in zip(starts, [*starts[1:], len(rates)], strict=True):
                part = order[start * batch_size : end * batch_size]
                total += program.epoch(data, part, batch_size, rates[start]) * len(part)
        except InvalidInput:
            if self._fast:
                raise
            self._program = None  # the steps one by one say what is wrong, or do without a plan
            return None
        if not math.isfinite(total + float(np.dot(program.flat, program.flat))):
            return None
        trainer.flat[...] = program.flat
        state = trainer.optimizer_state
        trainer.optimizer_state = type(state)(state.steps + len(rates), *state[1:])
        return total


def _more_than_descent(trainer: Trainer) -> str:
    optimizer = trainer.optimizer
    if optimizer.state_type is not DescentState or optimizer.decay or optimizer.lookahead:
        return "the optimizer is another one"
    if optimizer.transforms:
        return "gradients are transformed"
    if trainer.state is not None or trainer.objective.draws:
        return "layers are random or carry statistics"
    return ""
