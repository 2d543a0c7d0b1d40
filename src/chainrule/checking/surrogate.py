"""A stand-in for a loss that cannot be traced: the linear function with the same gradient.

It has no steps of its own, so that only mistakes in what is returned can be named: factors, signs,
transposes, exchanged and permuted results, penalties.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.checking.trial import Trial
from chainrule.engine.graph import Graph
from chainrule.engine.transforms import trace


def linear_graph(gradients: Mapping[str, np.ndarray[Any, Any]], point: Mapping[str, Any]) -> Graph:
    """The graph of Σ ⟨t, p⟩ over the parameters, whose gradient is t at every point."""

    def linear(**arrays: Any) -> Any:
        total = 0.0
        for name, gradient in gradients.items():
            total = total + np.sum(arrays[name] * gradient)
        return total

    arguments = {name: np.asarray(point[name], dtype=float) for name in gradients}
    return trace(linear, **arguments)


def loosened(trial: Trial, noise: float) -> Trial:
    """A trial without steps of its own that allows for the noise of a numerical reference."""
    trial.exact = max(trial.exact, noise)
    trial.has_steps = False
    return trial
