"""One training step after another, on parameters and gradients that are each one flat array."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.engine.errors import GuardMiss, InvalidInput
from chainrule.engine.gradient import value_and_grad
from chainrule.engine.trees import flatten
from chainrule.optim.optimizer import Optimizer
from chainrule.programs.compiled import Compiled
from chainrule.training.layout import Layout
from chainrule.training.objective import Objective
from chainrule.training.one_pass import Update

# An update of very long arrays goes piece by piece, so that what it computes on the way stays in
# cache; shorter pieces than this lose more in calls.
_PIECE = 1 << 18


class NotFinite(ArithmeticError):
    """A loss or a gradient that is not finite; nothing was updated."""


class Trainer:
    """The state of a training, and its step.

    Parameters
    ----------
    objective : Objective
    params : tree of arrays
        Copied; of one floating-point dtype.
    optimizer : Optimizer
    compile : bool
        Whether to run a compiled program; if the loss cannot be compiled, it is run as written.

    Attributes
    ----------
    flat, params : array, tree of views into it
        The parameters.
    stored, function
        The parameters as they lie in ``flat``, and the loss of them.
    gradient, gradients : likewise
        The gradient of the latest step.
    optimizer_state : named tuple
        Its slots are flat arrays, or trees if gradients go through transforms.
    state : tree or None
        Running statistics.
    steps : int
    why_not_compiled : str
        Empty if the loss runs compiled.
    """

    def __init__(
        self, objective: Objective, params: Any, optimizer: Optimizer, compile: bool = True
    ) -> None:
        self.objective, self.optimizer = objective, optimizer
        layout = self._layout = Layout(params, objective.model)
        self.flat, self.stored, self.params = layout.flat()
        self.gradient, destination, self.gradients = layout.flat()
        self.state = objective.state
        self._has_state = self.state is not None
        # A transform may treat parameters one by one, so it is given them as a tree.
        self._whole = not optimizer.transforms
        self.optimizer_state = optimizer.init(self.flat if self._whole else self.params)
        self._at_flat, self._at_stored, self._at = self.flat, self.stored, self.params
        if optimizer.lookahead is not None:
            self._at_flat, self._at_stored, self._at = layout.flat()
        #: Takes the place of the optimizer's rule on the flat arrays.
        self.update_at_once: Update | None = None
        self.why_not_compiled = "" if compile else "compile=False"
        self._tried = False
        self._eager = value_and_grad(objective.loss, 0, None, self._has_state)
        options = (0, None, self._has_state)
        # a user's function goes in itself: what it reads is found, and messages name it
        self.function = self._loss_of_stored if layout.turns else objective.loss
        self._compiled = Compiled(self.function, options, destination)

    @property
    def steps(self) -> int:
        """Steps done."""
        done: int = self.optimizer_state.steps
        return done

    @property
    def rate(self) -> float:
        """Learning rate of the next step."""
        return self.optimizer.rate_after(self.steps)

    def step(self, batch: tuple[np.ndarray, ...], rng: np.random.Generator | None) -> float:
        """Take one step; the loss of the batch before it.

        Raises
        ------
        NotFinite
            The loss or its gradient is not finite; nothing has changed then.
        """
        if self.optimizer.lookahead is not None:
            self._look_ahead()
        arguments = self.arguments(batch, rng)
        value = self._evaluate(arguments)
        renewed = self.state
        if self._has_state:
            value, renewed = value
        value = float(value)
        gradient = self.gradient
        # a dot product is the cheapest test; where it merely overflows, look again
        if not math.isfinite(value + float(np.dot(gradient, gradient))) and not (
            math.isfinite(value) and np.isfinite(gradient).all()
        ):
            raise NotFinite(self._describe(value))
        if self._whole:
            self._update()
        else:
            self.optimizer_state = self.optimizer.update_(
                self.gradients, self.optimizer_state, self.params
            )
        self.state = renewed
        return value

    def arguments(self, batch: tuple[Any, ...], rng: np.random.Generator | None) -> tuple[Any, ...]:
        """What the loss is called with."""
        drawn = () if rng is None else self.objective.draw(rng, batch)
        state = (self.state,) if self._has_state else ()
        return (self._at, *state, *drawn, *batch)

    def copy(self) -> tuple[np.ndarray, Any]:
        """The parameters in a flat array of their own, and as a tree of views into it."""
        flat, _, tree = self._layout.flat()
        flat[...] = self.flat
        return flat, tree

    def _loss_of_stored(self, stored: Any, *rest: Any) -> Any:
        return self.objective.loss(self._layout.natural(stored), *rest)

    def _look_ahead(self) -> None:
        """Set the point at which the gradient is taken."""
        optimizer, whole = self.optimizer, self._whole
        start, end = (self.flat, self._at_flat) if whole else (self.params, self._at)
        point = optimizer.gradient_point(self.optimizer_state, start)
        for own, new in zip(flatten(end)[0], flatten(point)[0], strict=True):
            own[...] = new

    def _evaluate(self, arguments: tuple[Any, ...]) -> Any:
        if self.why_not_compiled:
            return self._evaluate_eagerly(arguments)
        try:
            value = self._compiled(self._at_stored, *arguments[1:])
        except (InvalidInput, GuardMiss) as error:
            if self._tried:
                raise
            # An error of the user's own comes again, now without a compiled program around it.
            value = self._evaluate_eagerly(arguments)
            self.why_not_compiled = str(error)
        self._tried = True
        return value

    def _evaluate_eagerly(self, arguments: tuple[Any, ...]) -> Any:
        value, gradients = self._eager(*arguments)
        for own, new in zip(flatten(self.gradients)[0], flatten(gradients)[0], strict=True):
            own[...] = new
        return value

    def _update(self) -> None:
        """`Optimizer.update_`, on pieces of the flat arrays: every method acts on each number."""
        optimizer, state = self.optimizer, self.optimizer_state
        rate = optimizer.rate_after(state.steps)
        slots = [getattr(state, name) for name in optimizer.slots]
        arrays = (self.flat, self.gradient, *slots)
        if self.update_at_once is not None:
            self.update_at_once(rate, state.steps + 1, *arrays)
        elif self.flat.size <= 2 * _PIECE:
            optimizer.apply_rule(rate, state.steps + 1, *arrays)
        else:
            for start in range(0, self.flat.size, _PIECE):
                pieces = [array[start : start + _PIECE] for array in arrays]
                optimizer.apply_rule(rate, state.steps + 1, *pieces)
        self.optimizer_state = type(state)(state.steps + 1, *state[1:])

    def _describe(self, value: float) -> str:
        if not math.isfinite(value):
            return f"the loss is {value}"
        wrong = self.gradient.size - np.count_nonzero(np.isfinite(self.gradient))
        return f"{wrong} of {self.gradient.size} numbers of the gradient are not finite"
