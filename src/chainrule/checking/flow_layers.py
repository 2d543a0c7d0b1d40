"""What one layer's gradient, weights and units do over some batches, and the verdict on it.

Thresholds and where they are from:

* The relative gradient ‖∂L/∂W‖ / ‖W‖ of a layer is compared with that of the last layer. In a
  network that is homogeneous in its weights, such as one of ReLUs without biases, ⟨W, ∂L/∂W⟩ is
  the same for every layer (Euler's theorem), so healthy networks stay near 1. Below 1/1000 the
  layer's gradient has *vanished*, above 1000 it *explodes*; so it does if it is more than 1000
  times as large as the weights, which a learning rate of 0.001 would change by their own size
  (Hochreiter, "Untersuchungen zu dynamischen neuronalen Netzen", 1991; Glorot & Bengio,
  "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010,
  figures 7 and 8).
* A unit is *dead* if the derivative of its activation is exactly 0 on every sample; a layer, if
  40 % of its units are (Karpathy, CS231n, "Neural networks part 1": as much as 40 % can be dead
  when the learning rate is too high).
* A value is *saturated* if the derivative is below 5 % of what it is at 0, for tanh beyond ±0.975;
  a layer, if more than half of its values are (Glorot & Bengio, §3).
* One step should change weights by about 1/1000 of their size (Karpathy, CS231n, "Neural networks
  part 3"); a change above 1/10 is said to be large, below 1/100,000 small.
* Units are judged on 64 samples and 2 batches or more: a unit that is active on one sample in ten
  is silent on 64 with probability 0.9⁶⁴ = 0.1 %.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from chainrule.engine.wording import counted

FlowVerdict = Literal["exploding", "vanishing", "dead", "saturated", "not enough data", "healthy"]

VANISHED, EXPLODED = 1e-3, 1e3
DEAD_UNITS, SATURATED_VALUES = 0.4, 0.5
SATURATED_BELOW = 0.05
LARGE_UPDATE, SMALL_UPDATE = 0.1, 1e-5
SAMPLES, BATCHES = 64, 2

ORDER: tuple[FlowVerdict, ...] = (
    "exploding", "dead", "vanishing", "saturated", "not enough data", "healthy",
)  # fmt: skip


@dataclass
class UnitCounts:
    """What the units of one activation did, summed over batches.

    Attributes
    ----------
    alive : ndarray of bool, shape (units,)
        Whether the derivative was ever different from 0.
    values, saturated : int
        How many values there were, and how many with hardly any derivative.
    samples : int
    """

    alive: np.ndarray
    values: int = 0
    saturated: int = 0
    samples: int = 0

    def add(self, derivative: np.ndarray, at_zero: float) -> None:
        """Count one batch.

        Parameters
        ----------
        derivative : ndarray, shape (samples, units, ...)
            Of the activation, at every value.
        at_zero : float
            The derivative at 0. If it is not 0, as for tanh, a derivative that has become 0 by
            rounding is saturation; if it is, as for ReLU, units can be dead.
        """
        slopes = np.abs(derivative.reshape(len(derivative), derivative.shape[1], -1))
        self.values += slopes.size
        if at_zero:
            largest = max(float(slopes.max(initial=0.0)), abs(at_zero))
            self.alive[:] = True
            self.saturated += int(np.sum(slopes < SATURATED_BELOW * largest))
        else:
            self.alive |= np.any(slopes > 0, axis=(0, 2))
        self.samples += len(derivative)


@dataclass
class Layer:
    """Parameters that are used together, and the activation behind them, over some batches.

    Attributes
    ----------
    name : str
    parameters : tuple of str
    gradient_norms, weight_norms, update_norms : list of float
        One for each batch; ``update_norms`` is empty without a learning rate.
    units : UnitCounts or None
        None if no activation follows.
    """

    name: str
    parameters: tuple[str, ...]
    gradient_norms: list[float] = field(default_factory=list)
    weight_norms: list[float] = field(default_factory=list)
    update_norms: list[float] = field(default_factory=list)
    units: UnitCounts | None = None


@dataclass(frozen=True)
class LayerFlow:
    """What was measured of one layer, and the verdict.

    Attributes
    ----------
    name : str
    parameters : tuple of str
    gradient_norm, weight_norm : float
        Root mean square over the batches.
    relative_gradient : float or None
        Their ratio; None for weights of norm 0.
    to_last : float or None
        The relative gradient as a multiple of the last layer's.
    update_ratio : float or None
        ‖update‖ / ‖weights‖ of one step.
    dead_units : float or None
        Share of units that are dead; None without an activation.
    saturated_values : float or None
        Share of values that are saturated.
    units : int
    verdict : str
        "vanishing", "exploding", "dead", "saturated", "not enough data" or "healthy".
    reason : str
        The numbers behind it.
    """

    name: str
    parameters: tuple[str, ...]
    gradient_norm: float
    weight_norm: float
    relative_gradient: float | None
    to_last: float | None
    update_ratio: float | None
    dead_units: float | None
    saturated_values: float | None
    units: int
    verdict: FlowVerdict
    reason: str


def judge(layers: Sequence[Layer], batches: int, samples: int) -> list[LayerFlow]:
    """The verdict on every layer, from input to output.

    Parameters
    ----------
    layers : sequence of Layer
    batches, samples : int
        How many there were.
    """
    ratios = [_ratio(_mean(x.gradient_norms), _mean(x.weight_norms)) for x in layers]
    last = next((r for r in reversed(ratios) if r), None)
    return [
        _judged(layer, ratio, last, batches, samples)
        for layer, ratio in zip(layers, ratios, strict=True)
    ]


def _judged(
    layer: Layer, ratio: float | None, last: float | None, batches: int, samples: int
) -> LayerFlow:
    gradient, weight = _mean(layer.gradient_norms), _mean(layer.weight_norms)
    to_last = ratio / last if ratio is not None and last else None
    update = _ratio(_mean(layer.update_norms), weight) if layer.update_norms else None
    units = layer.units
    dead = None if units is None else float(np.mean(~units.alive))
    saturated = None if units is None or not units.values else units.saturated / units.values
    enough = batches >= BATCHES and samples >= SAMPLES
    verdict: FlowVerdict
    if not math.isfinite(gradient):
        verdict, reason = "exploding", "its gradient is not finite"
    elif to_last is not None and to_last > EXPLODED:
        verdict, reason = "exploding", f"its relative gradient is {to_last:.2g} × the last layer's"
    elif ratio is not None and ratio > EXPLODED:
        verdict = "exploding"
        reason = f"its gradient is {ratio:.2g} × as large as its weights"
    elif enough and dead is not None and dead >= DEAD_UNITS:
        verdict, reason = "dead", f"{dead:.0%} of its units have no derivative on any sample"
    elif gradient == 0 and weight:
        verdict, reason = "vanishing", "its gradient is exactly 0"
    elif to_last is not None and to_last < VANISHED:
        verdict, reason = "vanishing", f"its relative gradient is {to_last:.2g} × the last layer's"
    elif enough and saturated is not None and saturated > SATURATED_VALUES:
        verdict, reason = "saturated", f"{saturated:.0%} of its values are saturated"
    elif not enough:
        verdict = "not enough data"
        reason = (
            f"{counted(samples, 'sample')} in {counted(batches, 'batch', 'batches')}; units are "
            f"judged on {SAMPLES} in {BATCHES} or more"
        )
    else:
        verdict, reason = "healthy", ""
    return LayerFlow(
        layer.name, layer.parameters, gradient, weight, ratio, to_last, update, dead, saturated,
        0 if units is None else len(units.alive), verdict, reason,
    )  # fmt: skip


def _mean(norms: Sequence[float]) -> float:
    """Root mean square."""
    with np.errstate(all="ignore"):
        return float(np.sqrt(np.mean(np.square(norms)))) if norms else 0.0


def _ratio(a: float, b: float) -> float | None:
    return a / b if b > 0 and math.isfinite(a) and math.isfinite(b) else None
