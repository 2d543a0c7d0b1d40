"""An optimizer as pure functions: ``init(params)`` and ``update(grads, state, params)``.

Every method here acts on each number by itself, so it is one *rule* on arrays, in which it reads as
in its paper. A rule changes the parameters and slots that it is given, and returns them; this file
gives it copies, or the arrays themselves for an update in place.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.engine.errors import InvalidInput
from chainrule.engine.graph import dtype_of, shape_of
from chainrule.engine.tracing import Traced
from chainrule.engine.trees import flatten

Schedule = Callable[[int], float]  # number of steps done -> learning rate of the next one
Transform = Callable[[Any, Any], Any]  # gradients, parameters -> gradients
Rule = Callable[..., tuple[Any, ...]]  # learning rate, t, w, g, *slots -> w, *slots


@dataclass(frozen=True)
class Optimizer:
    """A method for reducing a function from its gradients.

    Make one with `gradient_descent`, `sgd`, `momentum`, `nesterov`, `adagrad`, `rmsprop`, `adam` or
    `adamw`, and combine it with `chain` and `decoupled_weight_decay`.

    Attributes
    ----------
    schedule : callable
        Learning rate as a function of the number of steps done.
    rule : callable
        ``rule(learning_rate, t, w, g, *slots) -> (w, *slots)`` with t = 1, 2, …; it may write into
        w and the slots, but not into g.
    state_type : type
        Named tuple of ``steps`` and of one tree of arrays for each slot.
    slots : dict
        First value of each slot in use, by its name in ``state_type``; the others stay None.
    lookahead : callable, optional
        ``lookahead(learning_rate, w, *slots)``, where the gradient is to be taken.
    transforms : tuple of callable
        Applied to the gradients first, in this order.
    decay : float
        Decoupled weight decay.
    method, settings : str, dict
        What the rule is and its constants, where a loop over single numbers is known for it.
    """

    schedule: Schedule
    rule: Rule
    state_type: type
    slots: dict[str, float] = dataclasses.field(default_factory=dict)
    lookahead: Callable[..., Any] | None = None
    transforms: tuple[Transform, ...] = ()
    decay: float = 0.0
    method: str = ""
    settings: dict[str, float] = dataclasses.field(default_factory=dict)

    def init(self, params: Any) -> Any:
        """The state before the first step.

        Parameters
        ----------
        params : tree of floating-point arrays

        Returns
        -------
        named tuple
            ``steps``, the number of steps done, and the slots, in the tree and dtypes of
            ``params``.

        Raises
        ------
        InvalidInput
            A parameter is not floating point.
        """
        leaves, structure = flatten(params)
        for path, w in zip(structure.paths("params"), leaves, strict=True):
            if dtype_of(w).kind != "f":
                raise InvalidInput(f"{path} must be floating point, got {dtype_of(w)}.")
        made = {
            name: structure.unflatten([np.full(shape_of(w), first, dtype_of(w)) for w in leaves])
            for name, first in self.slots.items()
        }
        return self.state_type(steps=0, **made)

    def update(self, grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        """One step.

        Parameters
        ----------
        grads, params : trees of arrays of the same structure and shapes
        state
            As from ``init`` or the step before.

        Returns
        -------
        params, state
            New ones; the arguments are untouched.

        Raises
        ------
        InvalidInput
            The trees do not fit, a gradient is NaN or infinite, or the schedule gives a learning
            rate that is negative or not finite.
        """
        rate, t, weights, gradients, slots, structure = self._prepare(grads, state, params)
        rows = [
            self.apply_rule(rate, t, *_writable(w, g, *own))
            for w, g, *own in zip(weights, gradients, *slots, strict=True)
        ]
        columns = list(zip(*rows, strict=True)) or [()] * (1 + len(slots))
        new, *renewed = (structure.unflatten(column) for column in columns)
        return new, state._replace(steps=t, **dict(zip(self.slots, renewed, strict=True)))

    def update_(self, grads: Any, state: Any, params: Any) -> Any:
        """One step that writes into the arrays of ``params`` and ``state``.

        Faster than ``update`` for many parameters, and fastest for one flat array.

        Parameters
        ----------
        grads, state, params
            As for ``update``; arrays of ``params`` and ``state`` must be writable, and must not
            share memory with ``grads``.

        Returns
        -------
        state
            With the arrays of the given one and one step more; go on with this one.

        Raises
        ------
        InvalidInput
            As ``update``, before anything is written.
        """
        rate, t, weights, gradients, slots, structure = self._prepare(grads, state, params)
        for name, leaves in zip(("params", *self.slots), (weights, *slots), strict=True):
            for i, leaf in enumerate(leaves):
                if type(leaf) is not np.ndarray or not leaf.flags.writeable:
                    raise InvalidInput(
                        f"{structure.paths(name)[i]} must be a writable NumPy array for update_, "
                        f"got {type(leaf).__name__}; use update, which returns new ones."
                    )
        for w, g, *own in zip(weights, gradients, *slots, strict=True):
            self.apply_rule(rate, t, w, g, *own)
        return self.state_type(t, *state[1:])

    def gradient_point(self, state: Any, params: Any) -> Any:
        """Where the gradient of the next step is to be taken.

        Parameters
        ----------
        state, params
            As for ``update``.

        Returns
        -------
        tree
            ``params`` themselves for every method except Nesterov's with ``iterate="lookahead"``.
        """
        if self.lookahead is None:
            return params
        rate = self.rate_after(state.steps)
        weights, structure = flatten(params)
        slots = [flatten(getattr(state, name))[0] for name in self.slots]
        return structure.unflatten(
            [self.lookahead(rate, w, *own) for w, *own in zip(weights, *slots, strict=True)]
        )

    def apply_rule(self, rate: float, t: int, w: Any, g: Any, *slots: Any) -> tuple[Any, ...]:
        """Step t = 1, 2, … on arrays, or on any part of them, which it may write into.

        Without checks and without transforms: what a loop over arrays that it knows calls.

        Parameters
        ----------
        rate : float
            Learning rate.
        t : int
            Number of the step, from 1.
        w, g, *slots : arrays of one shape
            Parameters, gradients and what the state holds of them.

        Returns
        -------
        tuple of array
            The new w and slots.
        """
        if self.decay:
            w *= 1.0 - rate * self.decay
        return self.rule(rate, t, w, g, *slots)

    def rate_after(self, steps: int) -> float:
        """Learning rate of the step after so many.

        Parameters
        ----------
        steps : int
            Steps done.

        Returns
        -------
        float

        Raises
        ------
        InvalidInput
            The schedule gives a rate that is negative or not finite.
        """
        rate = self.schedule(steps)
        if not 0 <= rate < math.inf:
            raise InvalidInput(
                f"the schedule gives the learning rate {rate!r} after {steps} steps; it must be at "
                f"least 0 and finite."
            )
        return float(rate)

    def _prepare(self, grads: Any, state: Any, params: Any) -> tuple[Any, ...]:
        """Everything checked and taken apart, with the gradients transformed."""
        if not isinstance(state, self.state_type):
            raise InvalidInput(
                f"state must be a {self.state_type.__name__} as from init, got "
                f"{type(state).__name__}."
            )
        rate, t = self.rate_after(state.steps), state.steps + 1  # type: ignore[attr-defined]
        weights, structure = flatten(params)
        gradients = self._checked(grads, structure, weights, t)
        if self.transforms:
            grads = structure.unflatten(gradients)
            for transform in self.transforms:
                grads = transform(grads, params)
            gradients = flatten(grads)[0]
        slots = []
        for name in self.slots:
            leaves, found = flatten(getattr(state, name))
            if found != structure or any(
                shape_of(a) != shape_of(w) for a, w in zip(leaves, weights, strict=True)
            ):
                raise InvalidInput(
                    f"state.{name} has another structure or other shapes than params, so the state "
                    f"belongs to other parameters; make one with init(params)."
                )
            slots.append(leaves)
        return rate, t, weights, gradients, slots, structure

    @staticmethod
    def _checked(grads: Any, structure: Any, weights: list[Any], t: int) -> list[Any]:
        """Leaves of the gradients, which fit the parameters and are finite."""
        gradients, found = flatten(grads)
        if found != structure:
            raise InvalidInput(f"grads have the structure {found}, but params {structure}.")
        for i, (g, w) in enumerate(zip(gradients, weights, strict=True)):
            if shape_of(g) != shape_of(w):
                raise InvalidInput(
                    f"the gradient of {structure.paths('params')[i]} has shape {shape_of(g)}, but "
                    f"the parameter {shape_of(w)}."
                )
            if isinstance(g, Traced):
                continue
            g = gradients[i] = np.asarray(g, dtype_of(w))
            # a dot product is the cheapest test; where it merely overflows, look again
            if not math.isfinite(np.vdot(g, g)) and not np.all(np.isfinite(g)):
                count = g.size - np.count_nonzero(np.isfinite(g))
                raise InvalidInput(
                    f"the gradient of {structure.paths('params')[i]} has {count} NaN or infinite "
                    f"values of {g.size} at step {t}, so nothing was updated; lower the learning "
                    f"rate or look for the operation that overflows."
                )
        return gradients


def _writable(w: Any, g: Any, *slots: Any) -> list[Any]:
    """What a rule may write into: copies, all of them traced if one is, and the gradient."""
    for leaf in (w, g, *slots):
        if isinstance(leaf, Traced):
            nothing: Any = np.zeros_like(leaf)
            return [nothing + w, g, *(nothing + slot for slot in slots)]
    w = w if type(w) is float else w.copy()
    return [w, g, *(slot.copy() for slot in slots)]


def chain(*parts: Any) -> Optimizer:
    """Gradient transforms followed by an optimizer, as one optimizer.

    Parameters
    ----------
    *parts : callable, and last an Optimizer
        ``transform(grads, params) -> grads``, such as `clip_by_norm` gives, applied in this order
        before the optimizer, which is the last argument.

    Returns
    -------
    Optimizer
        With the state of the last argument.

    Raises
    ------
    InvalidInput
        The last argument is no optimizer, or another is.

    Examples
    --------
    >>> import numpy as np
    >>> from chainrule import optim
    >>> optimizer = optim.chain(optim.clip_by_norm(1.0), optim.sgd(0.5))
    >>> w = np.array([3.0, 4.0])
    >>> optimizer.update(w, optimizer.init(w), w)[0]
    array([2.7, 3.6])
    """
    *transforms, optimizer = parts or (None,)
    if not isinstance(optimizer, Optimizer):
        raise InvalidInput(f"chain ends with an optimizer, got {optimizer!r} last.")
    for transform in transforms:
        if isinstance(transform, Optimizer) or not callable(transform):
            raise InvalidInput(
                f"chain takes gradient transforms before its optimizer, got {transform!r}."
            )
    return dataclasses.replace(optimizer, transforms=(*transforms, *optimizer.transforms))


def decoupled_weight_decay(coefficient: float, optimizer: Optimizer) -> Optimizer:
    """Weight decay beside the gradient step instead of within the gradient.

    w ← (1 - η_t λ) w, then the step of ``optimizer`` with the gradient at the old w.

    Parameters
    ----------
    coefficient : float
        λ >= 0, per unit of learning rate.
    optimizer : Optimizer

    Returns
    -------
    Optimizer

    Raises
    ------
    InvalidInput
        A negative coefficient.

    Notes
    -----
    Loshchilov & Hutter, "Decoupled weight decay regularization", ICLR 2019. As in PyTorch, optax
    and Keras the learning rate multiplies λ; in the paper (algorithm 2) only the schedule's
    multiplier does, so that its λ is η₀ times this one.
    """
    if not 0 <= coefficient < math.inf:
        raise InvalidInput(f"weight decay must be at least 0 and finite, got {coefficient!r}.")
    return dataclasses.replace(optimizer, decay=float(coefficient))


def as_schedule(learning_rate: float | Schedule) -> Schedule:
    """A schedule as it is, or a constant one."""
    if callable(learning_rate):
        return learning_rate
    if not 0 <= learning_rate < math.inf:
        raise InvalidInput(
            f"the learning rate must be at least 0 and finite, got {learning_rate!r}."
        )
    return lambda steps: learning_rate


def checked_decay_rate(value: float, name: str) -> None:
    """Refuse a rate of a moving average outside [0, 1)."""
    if not 0 <= value < 1:
        raise InvalidInput(f"{name} must be at least 0 and below 1, got {value!r}.")


def checked_nonnegative(value: float, name: str) -> None:
    """Refuse a negative or infinite number."""
    if not 0 <= value < math.inf:
        raise InvalidInput(f"{name} must be at least 0 and finite, got {value!r}.")
