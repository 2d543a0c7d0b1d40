"""Learning-rate schedules: functions from the number of steps done to the rate of the next one.

Steps count from 0. One step is one update, so a schedule in epochs takes steps per epoch.
"""

from __future__ import annotations

import math
import operator

from chainrule.engine.errors import InvalidInput
from chainrule.optim.optimizer import Schedule, as_schedule, checked_nonnegative


def constant(rate: float) -> Schedule:
    """The same rate at every step.

    Parameters
    ----------
    rate : float
        At least 0.

    Returns
    -------
    callable
    """
    checked_nonnegative(rate, "rate")
    return as_schedule(float(rate))


def exponential(initial: float, factor: float, every: int = 1) -> Schedule:
    """Exponential annealing, initial · factor^(step / every).

    Parameters
    ----------
    initial : float
        Rate of step 0.
    factor : float
        In (0, 1] to anneal; above 1 the rate grows, as for a range test.
    every : int
        Steps over which the rate changes by one factor.

    Returns
    -------
    callable

    Notes
    -----
    A scheme that multiplies the rate by ``factor`` before every step, also before the first, is
    ``exponential(initial * factor, factor)``.
    """
    checked_nonnegative(initial, "initial")
    _positive(factor, "factor")
    _count(every, "every")
    return lambda step: initial * factor ** (step / every)


def step_decay(initial: float, factor: float, every: int) -> Schedule:
    """A staircase, initial · factor^⌊step / every⌋.

    Parameters
    ----------
    initial : float
        Rate of the first ``every`` steps.
    factor : float
        Positive.
    every : int
        Steps of one stair.

    Returns
    -------
    callable
    """
    checked_nonnegative(initial, "initial")
    _positive(factor, "factor")
    _count(every, "every")
    return lambda step: initial * factor ** (step // every)


def cosine(initial: float, steps: int, final: float = 0.0) -> Schedule:
    """Half a cosine from ``initial`` to ``final``, which is kept after ``steps``.

    final + ½ (initial - final) (1 + cos(π step / steps))

    Parameters
    ----------
    initial, final : float
        Rates of step 0 and from step ``steps`` on.
    steps : int

    Returns
    -------
    callable

    Notes
    -----
    Loshchilov & Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017,
    equation 5 without restarts.
    """
    checked_nonnegative(initial, "initial")
    checked_nonnegative(final, "final")
    _count(steps, "steps")
    return lambda step: _cosine_between(initial, final, min(step / steps, 1.0))


def one_cycle(
    maximum: float,
    steps: int,
    *,
    rise: float = 0.3,
    initial_divisor: float = 25.0,
    final_divisor: float = 1e4,
    anneal: str = "cosine",
) -> Schedule:
    """Up from maximum / initial_divisor, and down to a rate ``final_divisor`` times smaller.

    Parameters
    ----------
    maximum : float
        Rate at the top, in step rise · steps - 1.
    steps : int
        Length of the cycle; the last rate is kept afterwards.
    rise : float
        Share of the steps before the top, in (0, 1).
    initial_divisor, final_divisor : float
        The first rate is maximum / initial_divisor, the last that / final_divisor.
    anneal : {"cosine", "linear"}
        Shape of both halves.

    Returns
    -------
    callable

    Raises
    ------
    InvalidInput
        An argument out of range, or fewer steps than the rise needs.

    Notes
    -----
    Smith & Topin, "Super-convergence", arXiv:1708.07120. Numbers and defaults are those of
    PyTorch's OneCycleLR with two phases.
    """
    checked_nonnegative(maximum, "maximum")
    _count(steps, "steps")
    _positive(initial_divisor, "initial_divisor")
    _positive(final_divisor, "final_divisor")
    if not 0 < rise < 1:
        raise InvalidInput(f"rise must be between 0 and 1, got {rise!r}.")
    if anneal not in ("cosine", "linear"):
        raise InvalidInput(f"anneal must be 'cosine' or 'linear', got {anneal!r}.")
    top, last = rise * steps - 1, steps - 1
    if top <= 0:
        raise InvalidInput(
            f"a cycle of {steps} steps has no room for a rise of {rise:g} of them; take more than "
            f"{math.floor(1 / rise)} steps."
        )
    first, final = maximum / initial_divisor, maximum / initial_divisor / final_divisor
    between = _cosine_between if anneal == "cosine" else _line_between

    def schedule(step: int) -> float:
        if step <= top:
            return between(first, maximum, step / top)
        return between(maximum, final, min((step - top) / (last - top), 1.0))

    return schedule


def special(
    steps_per_epoch: int,
    *,
    maximum: float = 0.1,
    epochs: float = 3,
    final: float = 0.005,
    extra: float = 5,
) -> Schedule:
    """The special scheme of the CS189 CIFAR-10 assignment: a triangle, then a tail.

    With p = step / steps_per_epoch: up from 0 to ``maximum`` at p = epochs / 2, down to ``final``
    at p = epochs, on down to 0 at p = epochs + extra, then final / 10.

    Parameters
    ----------
    steps_per_epoch : int
    maximum : float
        Rate at the top.
    epochs : float
        Length of the triangle.
    final : float
        Rate at its end.
    extra : float
        Length of the tail, in epochs.

    Returns
    -------
    callable

    Notes
    -----
    Berkeley CS189, Fall 2018, homework 7, ``special_lr_maker``. Its ``hp_init`` has no effect.
    """
    _count(steps_per_epoch, "steps_per_epoch")
    checked_nonnegative(maximum, "maximum")
    checked_nonnegative(final, "final")
    _positive(epochs, "epochs")
    _positive(extra, "extra")

    def schedule(step: int) -> float:
        p = step / steps_per_epoch
        if p < epochs / 2:
            return 2 * maximum * p / epochs
        if p <= epochs:
            return final + 2 * (maximum - final) * (epochs - p) / epochs
        if p <= epochs + extra:
            return final * (extra - (p - epochs)) / extra
        return final / 10

    return schedule


def power(initial: float, exponent: float) -> Schedule:
    """A power law, initial / (step + 1)^exponent.

    Parameters
    ----------
    initial : float
        Rate of step 0.
    exponent : float
        At least 0. The rates sum to infinity, so that any minimiser can be reached, for exponents
        up to 1; their squares have a finite sum above 1/2.

    Returns
    -------
    callable

    Notes
    -----
    Robbins & Monro, 1951, conditions 6 and 27.
    """
    checked_nonnegative(initial, "initial")
    checked_nonnegative(exponent, "exponent")
    return lambda step: initial / (step + 1) ** exponent


def _cosine_between(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def _line_between(start: float, end: float, share: float) -> float:
    return start + (end - start) * share


def _positive(value: float, name: str) -> None:
    if not 0 < value < math.inf:
        raise InvalidInput(f"{name} must be positive and finite, got {value!r}.")


def _count(value: int, name: str) -> None:
    try:
        if operator.index(value) > 0:
            return
    except TypeError:
        pass
    raise InvalidInput(f"{name} must be a positive whole number of steps, got {value!r}.")
