"""A fault: a step of a gradient, and the true value that repairs the result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.checking.localisation.matching import Match
from chainrule.checking.localisation.quantities import Quantity
from chainrule.checking.localisation.steps import Step
from chainrule.checking.watch import Place


@dataclass(eq=False)
class Fault:
    """A step, and the true value that repairs the result.

    Attributes
    ----------
    step : Step
    quantity : Quantity
    scale : float
    repaired : set of str
    replaced : dict
        The substitution.
    complete : bool
        Everything is right with it.
    called : Quantity
        The quantity under the name that the step's own name asks for.
    time : int
        When the step binds something else than its true value, first.
    """

    step: Step
    quantity: Quantity
    scale: float
    repaired: set[str]
    replaced: dict[Place, Any]
    complete: bool
    called: Quantity
    time: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the value that was put there."""
        return np.shape(self.replaced[self.step.places[0]])

    @property
    def only_scaled(self) -> bool:
        """Whether the step is right but for a factor."""
        return self.own is not None

    @property
    def lacks(self) -> float | None:
        """The factor that the step lacks, if one is all it lacks."""
        return None if self.own is None else self.scale / self.own.scale

    @property
    def is_left_for_later(self) -> bool:
        """Whether all that the step lacks is a positive factor."""
        return self.own is not None and self.own.scale > 0

    @property
    def own(self) -> Match | None:
        """The step's value as a multiple of what it should be."""
        standing = self.step.standing
        if standing is not None and standing.exact and standing.quantity.kind == "cotangent":
            return standing if standing.quantity is self.quantity else None
        return next((m for m in self.step.matches if m.quantity is self.quantity), None)
