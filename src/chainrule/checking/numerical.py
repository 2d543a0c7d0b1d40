"""Numerical derivatives in float64: central differences with their noise, and kinks.

Steps and tolerances: the rule h = ε^(1/3)·max(1, |x|) balances truncation and rounding (Nocedal &
Wright, Numerical Optimization, 2006, §8.1); the second step 2h tells how far to trust the first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

STEP = 1e-5
#: Where the loss is computed in single precision, whatever it is given: ε^(1/3) of that is 5e-3.
STEP_SINGLE = 1e-2
#: A difference counts only above this share of the gradient's scale, …
TOLERANCE = 1e-6
#: … and above this many times the estimated noise of the differences.
NOISE_FACTOR = 20.0
#: Of the largest gradient: what rounding leaves of one that cancels, as that of a bias before a
#: batch norm does.
CANCELLED = 1e-12


def same_but_for_rounding(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> bool:
    """Whether two arrays are the same but for the order in which they were summed."""
    if a.shape != b.shape:
        return False
    if np.array_equal(a, b, equal_nan=a.dtype.kind == b.dtype.kind == "f"):
        return True
    if a.dtype.kind != "f" or not np.all(np.isfinite(a)):
        return False
    rounding = CANCELLED * float(np.max(np.abs(a), initial=0.0))
    return bool(np.all(np.abs(b - a) <= rounding))


@dataclass(frozen=True)
class Slope:
    """A directional derivative by central differences.

    Attributes
    ----------
    value : float
    noise : float
        How far the value may be off: what the step 2h gives differently, and rounding.
    forward, backward : float
        The one-sided slopes.
    kink : bool
        The one-sided slopes disagree, and do not approach each other with a smaller step.
    """

    value: float
    noise: float
    forward: float
    backward: float
    kink: bool

    def agrees(self, slope: float, scale: float) -> bool:
        """Whether a claimed slope agrees; at a kink any value between the one-sided slopes does.

        Parameters
        ----------
        slope : float
            The claimed directional derivative.
        scale : float
            The size of the gradient along the direction, which sets what counts as small.
        """
        allowed = max(TOLERANCE * scale, NOISE_FACTOR * self.noise)
        if self.kink:
            low, high = sorted((self.forward, self.backward))
            return low - allowed <= slope <= high + allowed
        return abs(slope - self.value) <= allowed


def slope_along(
    function: Callable[[Mapping[str, Any]], float],
    point: Mapping[str, Any],
    name: str,
    direction: np.ndarray[Any, Any],
    step: float = STEP,
    epsilon: float = float(np.finfo(float).eps),
) -> Slope:
    """The derivative of a scalar function along a direction in one of its arguments.

    Parameters
    ----------
    function : callable
        ``function(arguments) -> float``.
    point : mapping of str to array
    name : str
        The argument that moves.
    direction : array
        Of the argument's shape.
    step : float
        How far the largest entry of the direction moves, relative to ``max(1, |x|)``.
    epsilon : float
        The relative rounding of the function's values.

    Returns
    -------
    Slope
    """
    base = np.asarray(point[name], dtype=float)
    largest = float(np.max(np.abs(direction), initial=0.0)) or 1.0
    h = step * max(1.0, float(np.max(np.abs(base), initial=0.0))) / largest

    def value(distance: float) -> float:
        moved = distance * direction
        moved += base
        return float(function({**point, name: moved if base.shape else moved[()]}))

    here = value(0.0)
    up, down, up2, down2 = value(h), value(-h), value(2 * h), value(-2 * h)
    central = (up - down) / (2 * h)
    wide = (up2 - down2) / (4 * h)
    rounding = 4 * epsilon * max(abs(up), abs(down), abs(here), 1e-300) / h
    forward, backward = (up - here) / h, (here - down) / h
    gap = abs(forward - backward)
    kink = False
    if gap > 1e3 * rounding and gap > 1e-3 * max(abs(forward), abs(backward)):
        near_up, near_down = value(h / 8), value(-h / 8)
        near = abs((near_up - here) - (here - near_down)) / (h / 8)
        kink = near > 0.5 * gap  # a smooth bend would have shrunk to an eighth
    return Slope(central, abs(central - wide) + rounding, forward, backward, kink)


def differences(
    function: Callable[[Mapping[str, Any]], float],
    point: Mapping[str, Any],
    name: str,
    step: float = STEP,
    epsilon: float = float(np.finfo(float).eps),
) -> tuple[np.ndarray[Any, Any], float]:
    """The whole gradient with respect to one argument by central differences, and its noise.

    Costs four evaluations per entry.
    """
    base = np.asarray(point[name], dtype=float)
    gradient = np.zeros(base.shape)
    noise = 0.0
    for index in np.ndindex(base.shape):
        direction = np.zeros(base.shape)
        direction[index] = 1.0
        slope = slope_along(function, point, name, direction, step, epsilon)
        gradient[index] = slope.value
        noise = max(noise, slope.noise)
    return gradient, noise


def complex_step(
    function: Callable[[Mapping[str, Any]], Any], point: Mapping[str, Any], name: str
) -> np.ndarray[Any, Any] | None:
    """The gradient by the complex step, exact to rounding; None where the function is not analytic.

    Im f(x + ih)/h with h = 1e-30 has no cancellation (Squire & Trapp, SIAM Review 40, 1998).
    It silently fails for ``abs``, ``max`` and casts, so its result must be compared with
    differences before it is trusted.
    """
    base = np.asarray(point[name], dtype=float)
    gradient = np.zeros(base.shape)
    h = 1e-30
    for index in np.ndindex(base.shape):
        moved = base.astype(complex)
        moved[index] += 1j * h
        try:
            with np.errstate(all="ignore"):
                value = function({**point, name: moved if base.shape else moved[()]})
        except Exception:  # whatever the user's function cannot do with complex numbers
            return None
        gradient[index] = np.imag(value) / h
    return gradient if np.all(np.isfinite(gradient)) else None
