"""Whole epochs of stochastic gradient descent, with all parameters in one flat array.

The loss is traced once; an epoch gathers each batch into a reused buffer, computes gradients
straight into a flat array, and takes the step as two operations on it.
"""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.engine.errors import InvalidInput
from chainrule.engine.gradient import value_and_grad
from chainrule.engine.selection import function_name
from chainrule.engine.trees import flatten
from chainrule.programs import kernel_module
from chainrule.programs.capture import Capture, agree, with_gradients
from chainrule.programs.environment import Place
from chainrule.programs.flat import flat_tree, flat_zeros
from chainrule.programs.kernel_step import KernelStep
from chainrule.programs.simplify import simplify
from chainrule.programs.step import PlanStep, Step


class SgdProgram:
    """Stochastic gradient descent on a loss, compiled.

    Parameters
    ----------
    loss : callable
        ``loss(params, *batch) -> scalar``: the mean over the examples of the batch, each of whose
        arrays has the examples along its first axis. It must not draw random numbers.
    params : tree of arrays
        Initial parameters, of one floating-point dtype; copied.
    fast : bool
        Run as machine code made by numba, a whole epoch without returning to Python. Needs the
        extra ``fast``. Results then agree with the ordinary ones to rounding, not to the last bit.

    Attributes
    ----------
    flat : array, shape (number of parameters,)
        The parameters. Assign to its elements to set them.
    params : tree of arrays
        Views into ``flat``, of the structure of the parameters.
    gradient, gradients : array, tree of arrays
        Where steps compute the gradient, likewise; of no meaning between epochs.

    Raises
    ------
    InvalidInput
        Parameters are not floating-point arrays of one dtype; on calling, the loss draws random
        numbers or does not return a number.
    MissingExtra, UnsupportedKernel
        With ``fast=True``: numba is not installed; the loss uses a function without a kernel
        (on calling).

    Notes
    -----
    Arrays and numbers that the loss closes over are read at the beginning of every epoch.

    Examples
    --------
    >>> import numpy as np
    >>> def loss(params, x, y):
    ...     return np.mean((x @ params["w"] - y) ** 2) / 2
    >>> x = np.eye(2)
    >>> program = SgdProgram(loss, {"w": np.zeros(2)})
    >>> program.epoch((x, np.array([1.0, 2.0])), np.array([0, 1]), batch_size=1, rate=1.0)
    1.25
    >>> program.params["w"]
    array([1., 2.])
    """

    def __init__(self, loss: Callable[..., Any], params: Any, fast: bool = False) -> None:
        self.flat, self.params = flat_tree(params)
        self.gradient, self.gradients = flat_zeros(params)
        self.loss = loss
        self._name = function_name(loss)
        self._eager = value_and_grad(loss)
        self._kind: Callable[..., Step] = PlanStep
        self._steps: dict[Any, Step] = {}
        self._changing: set[Place] = set()
        self._lock = threading.Lock()
        if fast:
            kernel_module.require_numba()
            self._kind = KernelStep

    def epoch(
        self, data: tuple[np.ndarray, ...], order: np.ndarray, batch_size: int, rate: float
    ) -> float:
        """Take one step of gradient descent per batch, over examples in the order given.

        Parameters
        ----------
        data : tuple of arrays
            What the loss takes after the parameters, for all examples, along the first axis.
        order : array of int
            Numbers of examples, batch after batch; the last batch may be smaller.
        batch_size : int
        rate : float
            Learning rate.

        Returns
        -------
        float
            The mean loss over the examples, each at the parameters before its batch's step.

        Raises
        ------
        InvalidInput
            Arrays that do not fit each other or ``order``.
        """
        data = _checked_data(data)
        order = _checked_order(order, len(data[0]))
        batch_size, rate = _checked_size(batch_size), _checked_rate(rate)
        if not self._lock.acquire(blocking=False):
            raise RuntimeError(
                f"the program of {self._name} is running already; make one for each thread."
            )
        try:
            full = len(order) - len(order) % batch_size
            total = 0.0
            for part, size in ((order[:full], batch_size), (order[full:], len(order) - full)):
                if len(part):
                    total += self._step(data, part, size).run(data, part, rate)
            return total / len(order)
        finally:
            self._lock.release()

    def _step(self, data: tuple[np.ndarray, ...], order: np.ndarray, size: int) -> Step:
        """The program for batches of one size, as long as it holds for what the loss reads."""
        key = (size, tuple([(array.dtype, array.shape[1:]) for array in data]))
        step = self._steps.get(key)
        if step is None or not step.refresh():
            batch = [np.take(array, order[:size], axis=0) for array in data]
            step = self._steps[key] = self._make(batch, step)
        return step

    def _make(self, batch: list[np.ndarray], outdated: Step | None) -> Step:
        args = (self.params, *batch)
        call = Capture(self.loss, args, {}, self._changing)
        if outdated is not None:
            self._changing |= call.environment.changed_numbers(outdated.environment)
            call = Capture(self.loss, args, {}, self._changing)
        graph, expected = call.record(lambda: self._eager(*args))
        if graph is None:
            raise InvalidInput(
                f"{self._name} reads a value of a trace that is going on; train outside of it."
            )
        count = len(flatten(self.params)[0])
        graph = simplify(with_gradients(graph, [call.input_of(i) for i in range(count)]))
        step = self._kind(graph, call.environment, batch, self)
        if not agree(expected, (step.evaluate(), self.gradients)):
            raise InvalidInput(
                f"two evaluations of {self._name} with the same arguments differ, so it cannot be "
                f"compiled: pass everything that changes from call to call as data."
            )
        return step

    def explain(self) -> str:
        """What runs, for each size of batches."""
        lines = [f"{self._name}: {self.flat.size:,} parameters, {self.flat.dtype}"]
        for (size, _), step in self._steps.items():
            lines += [f"batches of {size}", *step.explain()]
        return "\n".join(lines)


def _checked_data(data: Any) -> tuple[np.ndarray, ...]:
    if not isinstance(data, tuple) or not data:
        raise InvalidInput(
            f"data must be a tuple of arrays, one for each argument of the loss after the "
            f"parameters, got {type(data).__name__ if not isinstance(data, tuple) else '()'}."
        )
    for i, array in enumerate(data):
        if not isinstance(array, np.ndarray) or not array.ndim:
            what = f"{array.dtype}[]" if isinstance(array, np.ndarray) else type(array).__name__
            raise InvalidInput(f"data[{i}] must be an array of examples, got {what}.")
        if len(array) != len(data[0]):
            raise InvalidInput(
                f"data[{i}] holds {len(array)} examples, data[0] {len(data[0])}; there must be "
                f"equally many."
            )
    return data


def _checked_order(order: Any, count: int) -> np.ndarray:
    order = np.asarray(order)
    if order.ndim != 1 or order.dtype.kind not in "iu" or not order.size:
        raise InvalidInput(
            f"order must be a vector of numbers of examples, got {order.dtype}{list(order.shape)}."
        )
    if order.min() < 0 or order.max() >= count:
        wrong = order.min() if order.min() < 0 else order.max()
        raise InvalidInput(f"order names example {wrong}, but there are {count}, from 0.")
    return np.ascontiguousarray(order, dtype=np.intp)


def _checked_size(batch_size: Any) -> int:
    if not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
        raise InvalidInput(f"batch_size must be a whole number >= 1, got {batch_size!r}.")
    return operator.index(batch_size)


def _checked_rate(rate: Any) -> float:
    if not isinstance(rate, (int, float, np.integer, np.floating)) or not np.isfinite(rate):
        raise InvalidInput(f"rate must be a finite number, got {rate!r}.")
    return float(rate)
