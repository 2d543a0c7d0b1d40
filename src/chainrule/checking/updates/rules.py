"""The update rules of optimizers, with the choices in which rules, conventions and mistakes differ.

w are the parameters, g the gradient, η the learning rate of the step, t = 1, 2, … its number.
Squares, roots and quotients are elementwise. `chainrule.optim` is the fast and checked form; here
one rule after another is got wrong on purpose, to find out which one a program got wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class UpdateRule:
    """A method with its constants and conventions; what stands below them are mistakes.

    Attributes
    ----------
    method : str
        One of `METHODS`.
    rho, beta1, beta2, decay, epsilon, initial, weight_decay : float
        ρ of momentum, β₁ and β₂ of Adam, α of RMSProp, ε, the first value of an accumulator, λ.
    rate_in_velocity : bool
        v ← ρ v - η g, w ← w + v instead of v ← ρ v + g, w ← w - η v.
    framework : bool
        Nesterov with the gradient at the iterates themselves, as PyTorch and Keras have it.
    epsilon_place : {"outside", "inside", "hat"}
        √s + ε, √(s + ε), or Adam's ε added to √s before its correction.
    decoupled : bool
        Weight decay beside the step instead of within the gradient.
    ascends, dampened, old_square, correction_kept, gradients_kept, one_array : bool
        + for −; the gradient times 1 − ρ; the accumulator used before it is updated; a correction
        by 1 − βᵗ stored in the mean; gradients that are never set to zero; iterates that are all
        the same array.
    rates : {"once", "never", "twice"}
    first_rate_only : bool
    fixed_rate : float or None
        How often a step counts its learning rate; whether it is always the first; another one.
    still : (int, int or None), optional
        Coordinates, from and to, that are not updated.
    velocity_kept, square_kept, squared, rooted, mean_corrected, square_corrected : bool
        What is left out if False: the memory of v or s, the square, the root, a correction.
    rho_sign, decay_sign : float
    velocity_used : {"new", "old", "old first"}
        "old first" takes the gradient after the step.
    look : {"ahead", "here", "whole", "behind"}
        Where Nesterov takes the gradient.
    mean_weights, square_weights : {"right", "swapped", "new whole"}
    scope : {"coordinate", "sum", "mean"}
        Whether s is of each coordinate or of a whole parameter.
    first_count : int
    counted : {"step", "never", "parameter"}
        Where t begins and when it is counted.
    decay_rated : bool
        Whether decoupled weight decay is times the learning rate.
    """

    method: str
    rho: float = 0.9
    beta1: float = 0.9
    beta2: float = 0.999
    decay: float = 0.99
    epsilon: float = 1e-8
    initial: float = 0.0
    weight_decay: float = 0.0
    rate_in_velocity: bool = False
    framework: bool = False
    epsilon_place: str = "outside"
    decoupled: bool = False

    ascends: bool = False
    rates: str = "once"
    first_rate_only: bool = False
    fixed_rate: float | None = None
    still: tuple[int, int | None] | None = None
    velocity_kept: bool = True
    dampened: bool = False
    rho_sign: float = 1.0
    velocity_used: str = "new"
    look: str = "ahead"
    mean_weights: str = "right"
    square_weights: str = "right"
    old_square: bool = False
    square_kept: bool = True
    squared: bool = True
    rooted: bool = True
    scope: str = "coordinate"
    mean_corrected: bool = True
    square_corrected: bool = True
    first_count: int = 1
    counted: str = "step"
    correction_kept: bool = False
    decay_rated: bool = True
    decay_sign: float = 1.0
    gradients_kept: bool = False
    one_array: bool = False


@dataclass(frozen=True)
class Walk:
    """What an optimizer is given, and the rule that it is to follow.

    Attributes
    ----------
    rule : UpdateRule
    gradient : callable
        ``gradient(w, t)`` at w in step t = 1, 2, …; of the shape of w.
    start : array of shape (d,)
        Parameters before the first step, one after the other.
    rates : sequence of float
        Learning rate of each step.
    groups : mapping of str to int
        Sizes of the parameters in ``start`` by name; one parameter by default.
    with_start : bool
        Whether the path begins with ``start``.
    defaults : mapping of str to float
        Constants that hold where the caller names none, by the rule's names; "learning_rate" too.
    """

    rule: UpdateRule
    gradient: Callable[[Array, int], Array]
    start: Array
    rates: Sequence[float]
    groups: Mapping[str, int] = field(default_factory=dict)
    with_start: bool = True
    defaults: Mapping[str, float] = field(default_factory=dict)

    def path(self, **changes: Any) -> Array:
        """The iterates under the rule, or under the rule with something changed.

        Parameters
        ----------
        **changes
            Fields of the rule.

        Returns
        -------
        array of shape (steps + 1, d), or (steps, d) without the start
        """
        with np.errstate(all="ignore"):
            return _path(self, replace(self.rule, **changes) if changes else self.rule)


@dataclass
class _State:
    """What a method keeps from step to step."""

    velocity: Any = 0.0
    mean: Any = 0.0
    square: Any = 0.0
    total: Any = 0.0


def _path(walk: Walk, rule: UpdateRule) -> Array:
    w = np.asarray(walk.start, dtype=float).ravel()
    sizes = list(walk.groups.values()) or [w.size]
    parameter = np.repeat(np.arange(len(sizes)), sizes)
    state = _State(square=np.full(w.shape, float(rule.initial)))
    rows = [w]
    for t, rate in enumerate(walk.rates, 1):
        if rule.fixed_rate is not None:
            rate = rule.fixed_rate
        elif rule.first_rate_only:
            rate = walk.rates[0]
        g = np.asarray(walk.gradient(_point(rule, state, w, rate), t), dtype=float).ravel()
        if rule.gradients_kept:
            g = state.total = state.total + g
        shrunk = rule.decay_sign * rule.weight_decay * w
        if not rule.decoupled:
            g = g + shrunk
        step = METHODS[rule.method](rule, state, g, rate, _count(rule, t, parameter), parameter)
        if rule.decoupled:
            step = step + (rate if rule.decay_rated else 1.0) * shrunk
        w = w + step if rule.ascends else w - step
        if rule.still is not None:
            w[slice(*rule.still)] = rows[0][slice(*rule.still)]
        rows.append(w)
    found = np.array(rows if walk.with_start else rows[1:])
    return np.broadcast_to(w, found.shape) if rule.one_array else found


def _count(rule: UpdateRule, t: int, parameter: Array) -> Array | int:
    """What a program takes for t."""
    if rule.counted == "never":
        return rule.first_count
    if rule.counted == "parameter":
        return (t - 1) * (int(parameter[-1]) + 1) + parameter + 1
    return t - 1 + rule.first_count


def _point(rule: UpdateRule, state: _State, w: Array, rate: float) -> Array:
    """Where the gradient is taken."""
    if rule.velocity_used == "old first":
        return np.asarray(w - _factors(rule, rate)[1] * state.velocity)
    if rule.method != "nesterov" or rule.framework:
        return w
    factor = {"ahead": rule.rho, "here": 0.0, "whole": 1.0, "behind": -rule.rho}[rule.look]
    return np.asarray(w - factor * _factors(rule, rate)[1] * state.velocity)


def _factors(rule: UpdateRule, rate: float) -> tuple[float, float]:
    """The learning rate within the velocity, and outside of it."""
    if rule.rates != "once":
        both = rate if rule.rates == "twice" else 1.0
        return both, both
    return (rate, 1.0) if rule.rate_in_velocity else (1.0, rate)


def _rate(rule: UpdateRule, rate: float) -> float:
    return {"once": rate, "never": 1.0, "twice": rate * rate}[rule.rates]


def _descent(rule: UpdateRule, _: _State, g: Array, rate: float, *__: Any) -> Any:
    return _rate(rule, rate) * g


def _momentum(rule: UpdateRule, state: _State, g: Array, rate: float, *_: Any) -> Any:
    inner, outer = _factors(rule, rate)
    old = state.velocity
    entering = (1 - rule.rho if rule.dampened else 1.0) * inner * g
    new = rule.rho_sign * rule.rho * old + entering
    state.velocity = new if rule.velocity_kept else 0.0
    if rule.framework:
        return outer * (entering + rule.rho * new)
    return outer * (new if rule.velocity_used == "new" else old)


def _adagrad(
    rule: UpdateRule, state: _State, g: Array, rate: float, _: Any, parameter: Array
) -> Any:
    old, squares = state.square, _squares(rule, g, parameter)
    new = state.square = old + squares if rule.square_kept else squares
    return _rate(rule, rate) * g / _divisor(rule, old if rule.old_square else new)


def _rmsprop(
    rule: UpdateRule, state: _State, g: Array, rate: float, _: Any, parameter: Array
) -> Any:
    old = state.square if rule.square_kept else 0.0 * g
    new = _average(rule.square_weights, rule.decay, old, _squares(rule, g, parameter))
    state.square = new
    return _rate(rule, rate) * g / _divisor(rule, old if rule.old_square else new)


def _adam(rule: UpdateRule, state: _State, g: Array, rate: float, t: Any, parameter: Array) -> Any:
    old = state.square
    m = _average(rule.mean_weights, rule.beta1, state.mean, g)
    s = _average(rule.square_weights, rule.beta2, old, _squares(rule, g, parameter))
    state.mean = m if rule.velocity_kept else 0.0 * g
    state.square = s if rule.square_kept else 0.0 * g
    s = old if rule.old_square else s
    corrections = 1 - rule.beta1 ** np.asarray(t), 1 - rule.beta2 ** np.asarray(t)
    m = m / corrections[0] if rule.mean_corrected else m
    s = s / corrections[1] if rule.square_corrected else s
    if rule.correction_kept:
        state.mean, state.square = m, s
    hat = np.sqrt(corrections[1]) if rule.square_corrected else 1.0
    return _rate(rule, rate) * m / _divisor(rule, s, hat)


def _average(weights: str, beta: float, old: Any, new: Array) -> Any:
    """β old + (1 - β) new, or what is made of it."""
    if weights == "swapped":
        return (1 - beta) * old + beta * new
    return beta * old + (new if weights == "new whole" else (1 - beta) * new)


def _squares(rule: UpdateRule, g: Array, parameter: Array) -> Any:
    squares = g * g if rule.squared else g
    if rule.scope == "coordinate":
        return squares
    over = np.sum if rule.scope == "sum" else np.mean
    return np.array([over(squares[parameter == each]) for each in parameter])


def _divisor(rule: UpdateRule, s: Any, hat: Any = 1.0) -> Any:
    if not rule.rooted:
        return s + rule.epsilon
    if rule.epsilon_place == "inside":
        return np.sqrt(s + rule.epsilon)
    return np.sqrt(s) + rule.epsilon / (hat if rule.epsilon_place == "hat" else 1.0)


#: ``method(rule, state, g, rate, t, parameter) -> what is subtracted from w``.
METHODS: dict[str, Callable[..., Any]] = {
    "gradient descent": _descent,
    "momentum": _momentum,
    "nesterov": _momentum,
    "adagrad": _adagrad,
    "rmsprop": _rmsprop,
    "adam": _adam,
}


def formula(rule: UpdateRule) -> str:
    """The rule as it stands in a textbook.

    >>> formula(UpdateRule("momentum", rate_in_velocity=True))
    'v ← ρ v - η g, w ← w + v'
    """
    root = {
        "outside": "(√{} + ε)", "inside": "√({} + ε)", "hat": "(√{} + ε / √(1 - β₂ᵗ))",
    }[rule.epsilon_place]  # fmt: skip
    inside = rule.rate_in_velocity
    velocity = "v ← ρ v - η g" if inside else "v ← ρ v + g"
    steps = {
        "gradient descent": "w ← w - η g",
        "momentum": f"{velocity}, w ← w {'+ v' if inside else '- η v'}",
        "nesterov": f"{velocity}, w ← w {'+ v' if inside else '- η v'}, with g at "
        f"w {'+ ρ v' if inside else '- η ρ v'}",
        "adagrad": f"G ← G + g², w ← w - η g / {root.format('G')}",
        "rmsprop": f"s ← α s + (1 - α) g², w ← w - η g / {root.format('s')}",
        "adam": "m ← β₁ m + (1 - β₁) g, s ← β₂ s + (1 - β₂) g², m̂ = m / (1 - β₁ᵗ), "
        f"ŝ = s / (1 - β₂ᵗ), w ← w - η m̂ / {root.format('ŝ')}",
    }
    said = steps[rule.method]
    if rule.method == "nesterov" and rule.framework:
        said = f"{velocity}, w ← w {'+ ρ v - η g' if inside else '- η (g + ρ v)'}"
    if rule.weight_decay:
        decay = "w ← (1 - η λ) w beside it" if rule.decoupled else "λ w added to g"
        said += f", with {decay}"
    return said
